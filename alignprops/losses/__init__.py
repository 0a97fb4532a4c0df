"""Losses of preference pairs: one sympy expression each, from which value, slope and constants come."""

from alignprops.losses.pairwise import PairwiseLoss, margin
from alignprops.losses.table import PAIRWISE_LOSSES, pairwise_loss, training_loss

__all__ = ["PAIRWISE_LOSSES", "PairwiseLoss", "margin", "pairwise_loss", "training_loss"]
