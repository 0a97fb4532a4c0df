"""What a run found, as JSON and as text."""
