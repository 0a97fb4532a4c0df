"""Losses of a policy on sampled responses: PPO, GRPO and their relatives."""
