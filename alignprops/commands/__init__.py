"""The verbs of the command line, one a file: `add_to` declares it, `execute` does it and returns the exit code."""
