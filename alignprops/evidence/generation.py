"""Hypothesis, driven explicitly: every setting is ours, and inputs depend on (seed, name, versions) only."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.strategies import SearchStrategy

from alignprops.theorems import Theorem

#: The versions on which generated inputs may depend.
VERSIONS = tuple(f"{name} {version(name)}" for name in ("alignprops", "hypothesis", "numpy"))


def derived_seed(seed: int, name: str) -> int:
    """A seed for the claim `name`, a function of the user's seed, the name and the versions."""
    text = "\n".join([str(seed), name, *VERSIONS])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def generation_settings(max_examples: int, *, shrink: bool) -> hypothesis.settings:
    """Every Hypothesis setting, explicitly, so that nothing of a host's profile leaks in."""
    phases = (Phase.generate, Phase.shrink) if shrink else (Phase.generate,)
    return hypothesis.settings(
        max_examples=max_examples,
        derandomize=False,
        database=None,
        verbosity=Verbosity.quiet,
        phases=phases,
        stateful_step_count=50,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        deadline=None,
        print_blob=False,
        backend="hypothesis",
    )


def drive(
    on: SearchStrategy[Any],
    example: Callable[[Any], None],
    *,
    name: str,
    seed: int,
    max_examples: int,
    shrink: bool,
) -> None:
    """Run `example` on generated instances; an exception of it is shrunk (if asked) and raised."""

    def run(instance: Any) -> None:
        with seeded_generators(seed):
            example(contiguous(instance))

    test = hypothesis.given(instance=on)(run)
    test = generation_settings(max_examples, shrink=shrink)(test)
    hypothesis.seed(derived_seed(seed, name))(test)()


@contextmanager
def seeded_generators(seed: int) -> Iterator[None]:
    """Seed numpy's and torch's global generators for one example, and restore them.

    torch is touched only if something has imported it. (Hypothesis does the same for `random` and numpy.)
    """
    state = np.random.get_state()  # noqa: NPY002  # the global generator is what foreign code draws from
    torch: Any = sys.modules.get("torch")
    tensor_state = torch.random.get_rng_state() if torch else None
    np.random.seed(seed % 2**32)  # noqa: NPY002
    if torch:
        torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
        if torch:
            torch.random.set_rng_state(tensor_state)


def contiguous(instance: Any) -> Any:
    """The instance with every array C-contiguous, so that a stored witness replays bit for bit."""
    if isinstance(instance, np.ndarray):
        return np.ascontiguousarray(instance) if instance.ndim else instance
    if isinstance(instance, tuple):
        return tuple(contiguous(part) for part in instance)
    if dataclasses.is_dataclass(instance) and not isinstance(instance, type):
        parts = {f.name: contiguous(getattr(instance, f.name)) for f in dataclasses.fields(instance) if f.init}
        return dataclasses.replace(instance, **parts)
    return instance


def explicit_instances(theorem: Theorem) -> dict[str, Any]:
    """The instances that are always tried: the named examples and the tight ones."""
    return {
        **{name: contiguous(instance) for name, instance in theorem.examples.items()},
        **{name: contiguous(tight.instance) for name, tight in theorem.tight.items()},
    }
