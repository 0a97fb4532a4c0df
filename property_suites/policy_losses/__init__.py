"""Losses of a policy on sampled responses: what PPO and its relatives must compute, in value, gradient and metrics.

Notation: ρ is the ratio of the policy to the one that sampled, of a token or of a response; A the advantage; w the
weight that a token has in the aggregate over ragged masks, which is a documented convention.
"""

#: The kinds of subject that its theorems are about.
KINDS = ("policy-loss",)
