"""Tokenised preference data: what a collator must hand to a loss."""
