"""Preference data: what tokenisation, collation and pairing must hand to a loss, as exact statements about integers.

What is counted must be 0: tokens lost or doubled, prompt tokens that are learnt, answers that vanish in truncation. An
example that code refuses with a ValueError, or answers with None, is reported, and nothing more is asked of it.
"""

#: The kinds of subject that its theorems are about.
KINDS = ("preference-data",)
