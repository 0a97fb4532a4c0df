"""Hypothesis, driven explicitly: every setting is ours, and inputs depend on (seed, name, versions) only."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import importlib
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from typing import Any

import hypothesis
import hypothesis.errors
import numpy as np
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.strategies import SearchStrategy

from alignprops._errors import TheoremError
from alignprops.theorems import Theorem


class GenerationFailed(TheoremError):
    """The strategy of the instances raised, or the check of one came out differently the second time."""


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
    """Run `example` on generated instances; an exception of it is shrunk (if asked) and raised.

    Where the strategy rejects everything it generates, nothing is run.

    Raises:
        GenerationFailed: the strategy raised, or `example` raised on an instance and then did not.
    """
    last: Exception | None = None  # no more than one: an exception keeps its instance alive

    def run(instance: Any) -> None:
        nonlocal last
        ready = contiguous(instance)
        try:
            example(ready)
        except Exception as error:
            last = error
            raise

    test = hypothesis.given(instance=on)(run)
    test = generation_settings(max_examples, shrink=shrink)(test)
    try:
        with without_local_constants():
            hypothesis.seed(derived_seed(seed, name))(test)()
    except hypothesis.errors.Unsatisfiable:
        pass
    except hypothesis.errors.Flaky as error:
        raise GenerationFailed(
            "one instance came out in two ways: the measure or the subject is not a function of the instance"
        ) from error
    except Exception as error:
        if error is last:
            raise
        raise GenerationFailed(f"the instances cannot be generated: {type(error).__name__}: {error}") from error


@contextmanager
def without_local_constants() -> Iterator[None]:
    """Keep Hypothesis from drawing constants that it reads in the source of the modules that happen to be imported.

    They would make inputs depend on the host's code, on imports and so on the selection of tests; and a cache of them
    would be written to the host's folder. Hypothesis has no setting for it (6.131 and later).
    """
    providers: Any = importlib.import_module("hypothesis.internal.conjecture.providers")
    replaced = {"_get_local_constants": _no_constants, "CONSTANTS_CACHE": _constants_cache()}
    known = {name: getattr(providers, name) for name in replaced if hasattr(providers, name)}
    try:
        for name in known:
            setattr(providers, name, replaced[name])
        yield
    finally:
        for name, original in known.items():
            setattr(providers, name, original)


def _no_constants() -> Any:
    return importlib.import_module("hypothesis.internal.constants_ast").Constants()


@cache
def _constants_cache() -> Any:
    """Which of Hypothesis's own constants a draw permits, apart from the cache that knows the local ones."""
    return importlib.import_module("hypothesis.internal.cache").LRUCache(1024)


def seed_generators(seed: int) -> None:
    """Seed the global generators that foreign code draws from: Python's, numpy's and torch's.

    torch is touched only if something has imported it, CUDA only if something has initialised it.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch: Any = sys.modules.get("torch")
    if torch:
        torch.random.default_generator.manual_seed(seed % 2**63)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(seed % 2**63)


@contextmanager
def restored_generators() -> Iterator[None]:
    """Leave the global generators as they are found, once a claim: to keep numpy's state takes long."""
    plain, state = random.getstate(), np.random.get_state()  # noqa: NPY002
    torch: Any = sys.modules.get("torch")
    cuda = torch is not None and torch.cuda.is_initialized()
    tensor_state = torch.random.get_rng_state() if torch else None
    device_states = torch.cuda.get_rng_state_all() if cuda else None
    try:
        yield
    finally:
        random.setstate(plain)
        np.random.set_state(state)  # noqa: NPY002
        if torch:
            torch.random.set_rng_state(tensor_state)
        if cuda:
            torch.cuda.set_rng_state_all(device_states)


def contiguous(instance: Any) -> Any:
    """The instance with every array C-contiguous, so that a stored witness replays bit for bit."""
    if isinstance(instance, np.ndarray):
        return np.ascontiguousarray(instance) if instance.ndim else instance
    if isinstance(instance, tuple):
        parts = tuple(contiguous(part) for part in instance)
        return instance if all(new is old for new, old in zip(parts, instance, strict=True)) else parts
    if dataclasses.is_dataclass(instance) and not isinstance(instance, type):
        own = {field.name: getattr(instance, field.name) for field in dataclasses.fields(instance) if field.init}
        changed = {name: new for name, old in own.items() if (new := contiguous(old)) is not old}
        return dataclasses.replace(instance, **changed) if changed else instance
    return instance


def explicit_instances(theorem: Theorem) -> dict[str, Any]:
    """The instances that are always tried, the named examples and the tight ones: copies, apart from other claims'."""
    return {
        **{name: contiguous(copy.deepcopy(instance)) for name, instance in theorem.examples.items()},
        **{name: contiguous(copy.deepcopy(tight.instance)) for name, tight in theorem.tight.items()},
    }
