"""Estimators of the KL divergence from samples, and divergences of whole distributions: as values, and as losses.

k1, k2 and k3 estimate the same number and are three different losses; the theorems know which is which.
"""

#: The kinds of subject that its theorems are about.
KINDS = ("kl-estimator",)
