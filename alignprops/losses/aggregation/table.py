"""The aggregates by name; every mode is told by its formula in words.

Sources: the modes of Yu et al. 2025, "DAPO", Eq. 8 (token mean), Shao et al. 2024, "DeepSeekMath", Eq. 3 (mean of
sequence means), Liu et al. 2025, "Understanding R1-Zero-Like Training", Eq. 3 (sums over a constant).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import sympy as sp

from alignprops._errors import UnknownNameError
from alignprops.conformance.specification import Option
from alignprops.losses.aggregation.aggregate import (
    Aggregate,
    all_tokens,
    columns,
    count,
    row_tokens,
    rows,
    rows_with_tokens,
)

COUNT = Option(
    "count",
    (16.0, 4.0, 32.0),
    "the number of tokens (or other constant) that the sum is divided by",
    aliases=(
        "num_items_in_batch",
        "num_items",
        "num_tokens",
        "global_num_tokens",
        "batch_num_tokens",
        "total_tokens",
        "normalizer",
    ),
    neutral=False,
)
SHIFT_MEAN = Option("shift_mean", (True, False), "whether the mean is taken away, or kept")
EPSILON = Option("eps", (1e-8, 2.0**-7, 2.0**-4), "what keeps the division finite", aliases=("epsilon",))

_ALL_ROWS = "all rows"
_WITH_TOKENS = "rows with tokens"
_BY_ROWS = {
    _ALL_ROWS: "divided by the number of rows, of which some may be fully masked",
    _WITH_TOKENS: "divided by the number of rows that have a scored token",
}

LINEAR = (
    Aggregate(
        "token-mean",
        "Σ masked / Σ mask, over the batch",
        "Yu et al. 2025, Eq. 8",
        weights={"": 1 / all_tokens},
        of_ones={"": sp.Integer(1)},
        shares={"": "tokens"},
    ),
    Aggregate(
        "masked-sum",
        "Σ masked",
        "Yu et al. 2025, Eq. 8, its numerator",
        weights={"": sp.Integer(1)},
        of_ones={"": all_tokens},
        shares={"": "one"},
    ),
    Aggregate(
        "sum-over-count",
        "Σ masked / a given count, that of the global batch for instance",
        "Yu et al. 2025, Eq. 8; Liu et al. 2025, Eq. 3",
        options=(COUNT,),
        weights={"": 1 / count},
        of_ones={"": all_tokens / count},
        shares={"": "one"},
    ),
    Aggregate(
        "seq-mean-token-sum",
        "the mean over rows of Σ masked",
        "Yu et al. 2025, Section 3.3",
        variants=_BY_ROWS,
        weights={_ALL_ROWS: 1 / rows, _WITH_TOKENS: 1 / rows_with_tokens},
        of_ones={_ALL_ROWS: all_tokens / rows, _WITH_TOKENS: all_tokens / rows_with_tokens},
        shares={_ALL_ROWS: "rows", _WITH_TOKENS: "rows with tokens"},
    ),
    Aggregate(
        "seq-mean-token-mean",
        "the mean over rows of Σ masked / Σ mask",
        "Shao et al. 2024, Eq. 3",
        variants=_BY_ROWS,
        weights={_ALL_ROWS: 1 / (rows * row_tokens), _WITH_TOKENS: 1 / (rows_with_tokens * row_tokens)},
        of_ones={_ALL_ROWS: rows_with_tokens / rows, _WITH_TOKENS: sp.Integer(1)},
        shares={_ALL_ROWS: "rows", _WITH_TOKENS: "rows with tokens"},
    ),
    Aggregate(
        "seq-mean-token-sum-norm",
        "Σ masked / a length that is the same for all rows",
        "Liu et al. 2025, Eq. 3",
        variants={
            "columns": "divided by the width of the batch",
            "rows and columns": "divided by rows times width, all positions",
        },
        weights={"columns": 1 / columns, "rows and columns": 1 / (rows * columns)},
        of_ones={"columns": all_tokens / columns, "rows and columns": all_tokens / (rows * columns)},
        shares={"columns": "one", "rows and columns": "rows"},
    ),
    Aggregate(
        "row-mean",
        "Σ masked / Σ mask, row by row",
        "Shao et al. 2024, Eq. 3, its inner sum",
        shape="row",
        weights={"": 1 / row_tokens},
        of_ones={"": sp.Integer(1)},
    ),
    Aggregate(
        "row-sum",
        "Σ masked, row by row",
        "Rafailov et al. 2023, Eq. 7, over tokens",
        shape="row",
        weights={"": sp.Integer(1)},
        of_ones={"": row_tokens},
    ),
)

_DDOF = {"unbiased": 1, "population": 0}
_WHITENINGS = {
    f"{ddof}, eps on the {floored}, {outside} outside": (ddof, floored, outside)
    for ddof, floored, outside in product(_DDOF, ("variance", "root"), ("computed", "zero"))
}
_TOLD = {
    "unbiased": "variance over N − 1",
    "population": "variance over N",
    "variance": "divided by √(variance + ε)",
    "root": "divided by √variance + ε",
    "computed": "the formula's values also outside the mask",
    "zero": "0 outside the mask",
}

STATISTICS = (
    Aggregate(
        "masked-variance",
        "Σ mask·(x − masked mean)² / (Σ mask − ddof)",
        "Schulman et al. 2017, Section 5, its statistics",
        variants={"unbiased": "over N − 1", "population": "over N"},
        statistic="variance",
        ddof=_DDOF,
    ),
    Aggregate(
        "whiten",
        "x minus the masked mean, divided by the masked standard deviation",
        "Schulman et al. 2017, Section 5, of advantages",
        options=(SHIFT_MEAN, EPSILON),
        variants={name: "; ".join(_TOLD[part] for part in parts) for name, parts in _WHITENINGS.items()},
        shape="token",
        statistic="whitening",
        ddof={name: _DDOF[parts[0]] for name, parts in _WHITENINGS.items()},
        floored={name: parts[1] for name, parts in _WHITENINGS.items()},  # type: ignore[misc]
        outside={name: parts[2] for name, parts in _WHITENINGS.items()},  # type: ignore[misc]
    ),
)

#: Every aggregate, by the name that `--loss` takes.
AGGREGATES: Mapping[str, Aggregate] = {made.name: made for made in (*LINEAR, *STATISTICS)}
#: Other names in use for the same.
ALIASES: Mapping[str, str] = {
    "masked-mean": "token-mean",
    "masked-var": "masked-variance",
    "masked-whiten": "whiten",
    "sum": "masked-sum",
}


def aggregate(name: str) -> Aggregate:
    """The aggregate of that name, or of another name in use for it.

    Raises:
        UnknownNameError: there is none; the message names the nearest.
    """
    plain = name.lower().replace("_", "-")
    known = ALIASES.get(plain, plain)
    if known not in AGGREGATES:
        raise UnknownNameError("aggregate", name, [*AGGREGATES, *ALIASES])
    return AGGREGATES[known]
