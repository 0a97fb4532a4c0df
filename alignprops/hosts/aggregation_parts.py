"""Subjects of the kind `aggregation`, and the assumption that several hosts share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from alignprops.hosts.making import Host, wrapper

if TYPE_CHECKING:
    from alignprops.subjects import Subject

SMALL = "it adds 1e-8 to counts, which is less than single precision shows: judged by the bounds of float32"
#: The convention of whitening that comes from trl's first PPO, with what is computed outside the mask left there.
WHITENING = "unbiased, eps on the variance, computed outside"


def aggregate(
    host: Host,
    name: str,
    code: Callable[..., Any],
    loss: str,
    *,
    variant: str | None = None,
    options: Sequence[str] = (),
    small: bool = False,
    told: Sequence[str] = (),
    mask_dtype: str = "bool",
    precision: str | None = None,
) -> Subject:
    """A function of (values, mask) and its options by keyword; `small`: it adds 1e-8 to counts."""

    def called(**given: Any) -> Any:
        return code(given["values"], given["mask"], **{option: given[option] for option in options})

    return host.subject(
        name,
        "aggregation",
        wrapper(called, ("values", "mask"), options),
        *([SMALL] if small else []),
        *told,
        loss=loss,
        variant=variant,
        precision="float32" if small else precision,
        mask_dtype=mask_dtype,
    )
