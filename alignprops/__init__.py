"""Executable theorems about preference-based alignment of language models."""
