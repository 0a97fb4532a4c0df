"""A host's masked means, variances, whitenings and aggregation modes behind the interface of the kind `aggregation`."""

from __future__ import annotations

from typing import Any

import numpy as np

from alignprops._errors import InputError
from alignprops.conformance.aggregation import AGGREGATE, AggregationProblem
from alignprops.conformance.aggregation_case import AggregationCase
from alignprops.conformance.conformer import Conformer
from alignprops.losses.aggregation.aggregate import Aggregate
from alignprops.losses.aggregation.table import AGGREGATES, aggregate
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Role, bind, options_of
from alignprops.subjects.adapters.calling import as_normal
from alignprops.subjects.adapters.outputs import Returned
from alignprops.subjects.adapters.probing import Probe, settle

_VALUES = (
    "loss_mat",
    "x",
    "xs",
    "tensor",
    "input",
    "loss",
    "losses",
    "per_token_loss",
    "per_token_losses",
    "token_losses",
    "token_loss",
    "advantages",
)
_MASK = ("loss_mask", "response_mask", "completion_mask", "action_mask", "masks", "eos_mask", "token_mask")
_MODE = ("loss_agg_mode", "agg_mode", "aggregation_mode", "aggregation")
RETURNED = (Returned(AGGREGATE, ("loss", "mean", "sum", "variance", "var", "whitened", "result")),)


def roles(made: Aggregate) -> list[Role]:
    """What code of this aggregate may be called with."""
    return [
        Role("values", _VALUES, required=True, told="the numbers of the tokens"),
        Role("mask", _MASK, required=True, told="1 where a token counts"),
        Role("mode", _MODE, told=f"it is given {made.name!r}, the name of the formula (or say --set ARGUMENT=NAME)"),
        *(Role(option.name, option.aliases, told=option.told) for option in made.options),
    ]


def adapt_aggregation(code: Any, adaptation: Adaptation) -> Conformer:
    """The code as a conformer.

    Raises:
        InputError: something must be said and is not, or contradicts the code.
    """
    if adaptation.loss is None:
        told = "; ".join(f"{name} ({made.title})" for name, made in AGGREGATES.items())
        raise InputError(f"which aggregate does it compute? Say so with --loss, one of: {told}")
    made = aggregate(adaptation.loss)
    binding = bind(code, roles(made), adaptation)
    taken, constants = options_of(made, binding, adaptation)
    told_mode = [] if "mode" not in binding.roles else [f"{binding.roles['mode']} is {made.name!r}, as the formula"]
    conformer = Conformer(
        as_normal(binding, adaptation, RETURNED, constants={"mode": made.name}),
        made,
        variant=made.variant(adaptation.variant),
        options=taken,
        constants=constants,
        extras=binding.extras,
        precision=adaptation.precision,
        binding=binding,
        assumptions=(f"judged as {made.name}: {made.title}", *binding.told, *told_mode),
    )
    return settle(conformer, adaptation, PROBE)


#: Ragged rows, one of nothing; so small that ε under a root is not ε beside it.
_ROWS = AggregationProblem(
    values=np.array([[1.0, -2.0, 0.5, 3.0], [0.25, 1.0, -4.0, 1.5], [2.0, 0.5, 1.0, 1.0], [1.5, 1.0, 0.5, -1.0]])
    * 2.0**-12,
    mask=np.array([[1, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1]]),
    choices=np.zeros(8, dtype=np.int64),
    upstream=np.ones((4, 4)),
    dtype="float64",
)
PROBE = Probe(
    main=AGGREGATE,
    shape=lambda conformer: AggregationCase(conformer, _ROWS).shape,
    call=lambda conformer: AggregationCase(conformer, _ROWS).call(),
    compare=lambda conformer: (
        AggregationCase(conformer, _ROWS).found.outputs[AGGREGATE],
        AggregationCase(conformer, _ROWS).expected,
    ),
    reducible=False,
)
