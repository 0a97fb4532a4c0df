"""A last-layer trajectory whose distance from the exact one is known from elsewhere than rounding.py.

Mini-batch runs, gradient flow, decayed runs and w0 + u_t are vectors in R^d as u_t is: all that `HeadRun` measures
of a trajectory holds for them as well, with their own bound on ‖computed − exact‖.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alignprops.dynamics.rounding import TrajectoryRounding
from alignprops.dynamics.run import HeadRun

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class KnownErrors(TrajectoryRounding):
    """The error analysis of rounding.py with the errors of the trajectory given, (steps+1,)."""

    errors: Floats

    @cached_property
    def updates_error(self) -> Floats:
        """Bound on ‖computed u_t − u_t‖, t = 0 … steps."""
        return self.errors


@dataclass(frozen=True, eq=False)
class KnownRun(HeadRun):
    """A trajectory `updates` (steps+1, d) within `errors` (steps+1,) of the exact one; for balls they are not read."""

    errors: Any

    @cached_property
    def rounding(self) -> TrajectoryRounding | None:
        """The error analysis; None for balls, which carry their radius."""
        if self.problem.exact:
            return None
        return KnownErrors(self.problem, self.updates, self.raw_margins, np.asarray(self.errors, dtype=np.float64))
