"""Log-probabilities of sequences: the formula as code is asked for it, with its conventions and options."""

from alignprops.losses.logprobs.formula import LOGPROB, SHIFTED, SHIFTING

__all__ = ["LOGPROB", "SHIFTED", "SHIFTING"]
