"""Mistakes of real code, planted in an honest reference: the counterfeits, and what a refutation is compared with.

A mistake makes from an honest conformer a wrong one of the same formula, form and reduction. Planted in the kind's
references it is a counterfeit, which some theorem must refute. Planted in the reference of a refuted subject it is a
suspicion: if both give the same numbers, the refutation names the mistake.
"""

from alignprops.subjects.mistakes.mistake import Mistake

__all__ = ["Mistake"]
