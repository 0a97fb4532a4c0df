"""Losses of preferences: what the code of DPO and its relatives must compute, in value and gradient.

The references are the papers' formulas; the conventions in use for each are named, and a subject follows one.
"""

#: The kinds of subject that its theorems are about.
KINDS = ("pairwise-loss", "unpaired-loss")
