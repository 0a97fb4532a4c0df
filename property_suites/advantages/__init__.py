"""Advantages and returns."""
