"""The theorems: a folder a family, a file a topic."""
