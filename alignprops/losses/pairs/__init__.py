"""Losses of preference pairs as functions of the pair's log-probabilities: one sympy expression each.

The margin losses of `alignprops.losses.pairwise` are the part of these that only sees β × the log-ratio difference.
"""

from alignprops.losses.pairs.pair_loss import PairLoss
from alignprops.losses.pairs.table import PAIR_LOSSES, pair_loss

__all__ = ["PAIR_LOSSES", "PairLoss", "pair_loss"]
