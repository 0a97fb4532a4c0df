"""Estimators of the KL divergence from samples: as values, and as losses."""
