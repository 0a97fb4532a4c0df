"""Language models: loading, the unembedding, hidden states, and the tiny built-in model.

Everything here but `feature_file` and `progress` imports torch and transformers, so it is imported on use.
"""
