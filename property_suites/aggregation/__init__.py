"""Masked means, variances, whitening, and how losses of tokens are put together."""

#: The kinds of subject that its theorems are about.
KINDS = ("aggregation",)
