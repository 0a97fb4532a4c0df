"""Log-probabilities of responses: what training rests on, whatever the loss.

A response's log-probability is the sum over its tokens of the log-softmax of the logits that predict them
(Rafailov et al. 2023, "Direct Preference Optimization: Your Language Model is Secretly a Reward Model", Eq. 7).
`lean` says that a computation which never holds the logits of all positions gives the same values and gradients.
"""

#: The kinds of subject that its theorems are about.
KINDS = ("sequence-logprob",)
