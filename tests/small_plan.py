"""A plan of the experiments that takes seconds."""

from alignprops.experiments.plan import Plan

SMALL = Plan(
    methods=("head", "full"),
    behaviours=("loves-the-sea", "plans-ahead"),
    max_statements=24,
    max_pairs=12,
    max_duos=1,
    steps=2,
    head_steps=12,
    batch_size=8,
    response_batch_size=4,
    first_step_pairs=4,
)
