"""Losses of a policy on sampled responses: PPO's clipped surrogate and its relatives, and losses of a value function.

One sympy expression each, of one token; what is aggregated how over ragged masks is a documented convention
(`alignprops.losses.policy.aggregation`).
"""

from alignprops.losses.policy.policy_loss import PolicyLoss
from alignprops.losses.policy.table import POLICY_LOSSES, policy_loss

__all__ = ["POLICY_LOSSES", "PolicyLoss", "policy_loss"]
