"""Estimators of the KL divergence from sampled tokens, and divergences of whole distributions.

`estimator` says what they are, `tokens` has k1 to k4 and their relatives, one sympy expression of the log-ratio each,
`divergences` the full KL and the generalised Jensen–Shannon divergence, one expression a vocabulary entry.
"""
