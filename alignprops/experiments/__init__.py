"""The paper's experiments on language models: what is a theorem is checked, what is a tendency is measured."""
