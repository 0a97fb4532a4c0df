"""Hypothesis strategies for the field's nouns: dyadic grids, instances constructed and never filtered."""
