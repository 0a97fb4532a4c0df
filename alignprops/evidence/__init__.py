"""The three ways of checking a theorem, and what each of them leaves behind."""
