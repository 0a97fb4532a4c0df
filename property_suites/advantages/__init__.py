"""Advantages and returns: GAE and discounted returns over time, RLOO, GRPO and relatives in groups of responses."""
