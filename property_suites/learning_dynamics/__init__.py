"""Learning dynamics of preference training, with explicit constants.

Source: Im & Li 2024, "Understanding the Learning Dynamics of Alignment with Human Feedback" (ICML 2024,
arXiv:2403.18742).

The paper claims that the distribution of the preference data sets the rate of the model updates (`update_rate`,
`loss`), that there are guarantees on the training accuracy (`accuracy`, `fresh_samples`), and that optimisation
prioritises behaviours with higher preference distinguishability (`priority`). It shows that an aligned model is more
easily misaligned (`two_layers`). `reduction` is what all of it rests on, `symmetries` follow from it; `any_model` and
`first_step` say what remains true of a model whose features move.
"""

#: The kinds of subject that its theorems are about.
KINDS = (
    "last-layer",
    "adamw",
    "classifier",
    "convex-head",
    "gradient-flow",
    "mini-batch",
    "policy",
    "token-head",
    "two-layer",
    "weight-decay",
)
