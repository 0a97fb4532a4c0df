"""Masked means, variances, whitening, and how losses of tokens are put together."""
