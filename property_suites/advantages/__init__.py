"""Advantages and returns: GAE and discounted returns over time, RLOO, GRPO and relatives in groups of responses."""

#: The kinds of subject that its theorems are about.
KINDS = ("advantages",)
