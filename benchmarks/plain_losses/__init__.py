"""Two losses as a user would write them, for a mutation tool to spoil."""
