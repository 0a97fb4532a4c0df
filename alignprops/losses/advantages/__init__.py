"""Advantages and returns: over time (GAE, discounted returns), and in groups of responses to one prompt (RLOO, GRPO).

`table` names them with their conventions and options, `over_time` and `in_groups` have the formulas: exact recursions
and sums, evaluated with the rounding of a dtype.
"""
