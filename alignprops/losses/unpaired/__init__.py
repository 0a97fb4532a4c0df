"""Losses of single answers that are desirable or not: one sympy expression for each of the two cases."""

from alignprops.losses.unpaired.table import UNPAIRED_LOSSES, unpaired_loss
from alignprops.losses.unpaired.unpaired_loss import UnpairedLoss

__all__ = ["UNPAIRED_LOSSES", "UnpairedLoss", "unpaired_loss"]
