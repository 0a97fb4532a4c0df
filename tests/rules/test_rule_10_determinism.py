"""Rule 10: inputs depend on (seed, claim id, versions) only, and nothing global is left changed."""

from __future__ import annotations

import inspect
import json
import os
import random
import subprocess
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
import sympy as sp
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from numpy.typing import NDArray
from specimens import HONEST, HOST, IDENTITY, QUICK, SQUARE, Number, X, declare, numbers, squares
from sympy import Eq, Ge, Le

from alignprops import Settings, Subject, Theorem, Verdict, witness
from alignprops.engine import attack_mutants, evaluate, replay
from alignprops.evidence import generation
from alignprops.evidence.fingerprint import fingerprint
from alignprops.evidence.generation import contiguous, derived_seed, generation_settings

SPECIMENS = Path(__file__).parents[1] / "unit" / "engine"
#: A strategy that draws whatever Hypothesis fancies: constants that it has seen among them.
anything = st.builds(Number, st.integers(-(10**9), 10**9).map(float)) | st.builds(Number, st.floats(-1e6, 1e6))


def recording(seen: list[str], theorem_id: str = "specimen.square.recorded", **fields: Any) -> Theorem:
    """A theorem that keeps the fingerprints of the instances that it is measured on."""

    def recorded(subject: Any, number: Number) -> Any:
        seen.append(fingerprint(number))
        return {X: number.x, SQUARE: subject(number.x)}

    return declare(Eq(SQUARE, X**2), recorded, on=anything, theorem_id=theorem_id, **fields)


def inputs(theorem_id: str = "specimen.square.recorded", subject: Subject = HOST, **settings: Any) -> list[str]:
    """The fingerprints of the inputs of one claim."""
    seen: list[str] = []
    evaluate(recording(seen, theorem_id), subject, Settings(**{"max_examples": 40, **settings}))
    return seen


# --- what inputs depend on --------------------------------------------------------------------------------------


def test_inputs_depend_on_the_seed_and_the_claim() -> None:
    """The same seed and claim give the same inputs; another seed, theorem or subject others."""
    first = inputs()
    other = Subject("other", "specimen", HOST.get)

    assert len(set(first)) > 30
    assert inputs() == first
    assert inputs(seed=1) != first
    assert inputs("specimen.square.renamed") != first
    assert inputs(subject=other) != first


def test_inputs_depend_on_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new Hypothesis generates otherwise in any case: the seed admits it."""
    before = derived_seed(0, "claim")
    monkeypatch.setattr(generation, "VERSIONS", ("hypothesis 99",))

    assert derived_seed(0, "claim") != before
    assert {name.split()[0] for name in witness_versions()} == {"alignprops", "hypothesis", "numpy"}


def witness_versions() -> tuple[str, ...]:
    """The versions that a witness carries."""
    found = evaluate(declare(Le(SQUARE, X), squares), HONEST, QUICK)
    assert found.witness is not None
    return found.witness["simplest"].versions


def test_inputs_do_not_depend_on_the_order_of_claims() -> None:
    """Whatever ran before, refuted or not, the inputs are the same."""
    alone = {name: inputs(name) for name in ("specimen.a.holds", "specimen.b.holds", "specimen.c.holds")}
    evaluate(declare(Le(SQUARE, X), squares), HONEST, QUICK)
    attack_mutants(IDENTITY, QUICK)
    backwards = {name: inputs(name) for name in reversed(alone)}

    assert backwards == alone


def test_inputs_do_not_depend_on_global_generators() -> None:
    """Nor on what a host has drawn."""
    first = inputs()
    random.seed(99)
    np.random.seed(99)  # noqa: NPY002

    assert inputs() == first


def test_inputs_do_not_depend_on_what_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hypothesis draws constants from the source of local modules: from ours it must not."""
    first = inputs()
    (tmp_path / "host_constants.py").write_text("A = 123456\nB = 654321.25\nC = b'abcdefghijklmnop'\n" * 3)
    monkeypatch.syspath_prepend(tmp_path)
    __import__("host_constants")
    monkeypatch.setitem(sys.modules, "one_more", types.ModuleType("one_more"))  # so that a new module is noticed

    assert inputs() == first


def test_a_host_keeps_its_own_constants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is switched off for our inputs is on again for the host's."""
    providers: Any = sys.modules["hypothesis.internal.conjecture.providers"]
    before = (providers._get_local_constants, providers.CONSTANTS_CACHE)
    inputs()
    evaluate(declare(Eq(SQUARE, X**2), squares, on=numbers.map(lambda number: 1 / 0)), HONEST, QUICK)

    assert (providers._get_local_constants, providers.CONSTANTS_CACHE) == before


def test_inputs_do_not_depend_on_a_surrounding_hypothesis_test() -> None:
    """A host may check a claim inside of a test of its own."""
    first = inputs()
    inside: list[list[str]] = []

    @hypothesis.settings(max_examples=3, database=None, suppress_health_check=list(HealthCheck), deadline=None)
    @hypothesis.given(st.integers(0, 3))
    def host_test(_: int) -> None:
        inside.append(inputs())

    host_test()

    assert inside
    assert all(seen == first for seen in inside)


# --- settings ---------------------------------------------------------------------------------------------------


def test_every_hypothesis_setting_is_explicit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not said would be taken from the host's profile, also what a later Hypothesis adds."""
    told: dict[str, Any] = {}
    original = hypothesis.settings

    def spying(*args: Any, **kwargs: Any) -> Any:
        assert not args, "a parent would be inherited from"
        told.update(kwargs)
        return original(**kwargs)

    monkeypatch.setattr(hypothesis, "settings", spying)
    made = generation_settings(7, shrink=True)
    known = set(inspect.signature(original.__init__).parameters) - {"self", "parent"}

    assert set(told) == known
    assert made.database is None
    assert made.deadline is None


HOSTILE = {
    "max_examples": 1,
    "derandomize": True,
    "verbosity": Verbosity.debug,
    "phases": [Phase.explicit],
    "stateful_step_count": 1,
    "report_multiple_bugs": True,
    "suppress_health_check": [],
    "deadline": 1,
    "print_blob": True,
}


def test_settings_are_the_same_under_a_hostile_profile() -> None:
    """Attribute by attribute."""
    usual = {name: getattr(generation_settings(7, shrink=True), name) for name in HOSTILE}
    current = hypothesis.settings.get_current_profile_name()
    hypothesis.settings.register_profile("hostile", **{**HOSTILE, "database": None})
    hypothesis.settings.load_profile("hostile")
    try:
        hostile = {name: getattr(generation_settings(7, shrink=True), name) for name in HOSTILE}
    finally:
        hypothesis.settings.load_profile(current)

    assert hostile == usual


SCRIPT = """
import json, random, sys
{preamble}
import numpy as np, sympy as sp
from hypothesis import strategies as st
from specimens import *
from alignprops import Settings
from alignprops.engine import evaluate

seen = []
def recorded(subject, number):
    seen.append(number.x.hex())
    return {{X: number.x, SQUARE: subject(number.x)}}

anything = st.builds(Number, st.integers(-(10**9), 10**9).map(float)) | st.builds(Number, st.floats(-1e6, 1e6))
held = evaluate(declare(sp.Eq(SQUARE, X**2), recorded, on=anything), HOST, Settings(max_examples=40))
refuted = evaluate(declare(sp.Le(SQUARE, 9), squares, on=numbers), HONEST, Settings(max_examples=40))
print(json.dumps([held.verdict, refuted.verdict, refuted.witness["simplest"].hash, seen]))
"""

HOSTILE_PREAMBLE = """
import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis.database import DirectoryBasedExampleDatabase
hypothesis.settings.register_profile("hostile", max_examples=1, verbosity=Verbosity.normal,
    phases=[Phase.explicit], stateful_step_count=1, report_multiple_bugs=True, suppress_health_check=[], deadline=1,
    print_blob=True, database=DirectoryBasedExampleDatabase("examples"))
hypothesis.settings.load_profile("hostile")
SPOILED = 123456, 98765.25
random.seed(5)
"""


def run_script(folder: Path, preamble: str, **environment: str) -> list[Any]:
    """Run SCRIPT in a process of its own; its last line is JSON."""
    folder.mkdir(exist_ok=True)
    (folder / "script.py").write_text(SCRIPT.format(preamble=preamble), encoding="utf-8")
    path = os.pathsep.join([str(SPECIMENS), *sys.path])
    result = subprocess.run(
        [sys.executable, "-W", "error", "script.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    told: list[Any] = json.loads(result.stdout.splitlines()[-1])
    return told


def test_a_host_profile_does_not_leak_in(tmp_path: Path) -> None:
    """One example, no shrinking, a deadline of a millisecond, a database: none of it is ours; nor is CI's profile."""
    usual = run_script(tmp_path / "usual", "")
    hostile = run_script(tmp_path / "hostile", HOSTILE_PREAMBLE, CI="true", PYTHONHASHSEED="12345")

    assert usual == hostile
    assert usual[0] == "held"
    assert usual[1] == "refuted"
    assert len(usual[3]) >= 40
    assert [path.name for path in (tmp_path / "hostile").iterdir()] == ["script.py"]  # no database, no `.hypothesis`


FILE = """
import json, os
from pathlib import Path
import sympy as sp
from hypothesis import strategies as st
from specimens import *

def recorded(name):
    def gives(subject, number):
        with Path(os.environ["SEEN"], name).open("a") as file:
            file.write(number.x.hex() + "\\n")
        return {X: number.x, SQUARE: subject(number.x)}
    return gives

anything = st.builds(Number, st.integers(-(10**9), 10**9).map(float))
first, second, third = (
    declare(sp.Eq(SQUARE, X**2), recorded(name), on=anything, theorem_id=f"specimen.inputs.{name}", exact=False)
    for name in ("first", "second", "third")
)
for made in (first, second, third):
    object.__setattr__(made, "module", __name__)
"""


@pytest.mark.parametrize(
    "arguments",
    [("-k", "third::toy"), ("-n", "2", "-k", "::toy")],
    ids=["-k", "-n"],
)
def test_inputs_do_not_depend_on_the_selection_or_on_workers(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """A claim sees the same inputs alone, among others and in another process."""
    pytester.makepyfile(test_inputs=FILE)
    pytester.makeconftest(f"import sys; sys.path.insert(0, {str(SPECIMENS)!r})")
    seen = {}
    for run, options in (("all", ("-k", "::toy")), ("some", arguments)):
        folder = pytester.mkdir(run)
        monkeypatch.setenv("SEEN", str(folder))
        # Workers are processes in any case; the others share this one.
        result = pytester.runpytest_inprocess("-q", *options)
        assert result.ret == 0
        seen[run] = {path.name: path.read_text() for path in sorted(folder.iterdir())}

    assert set(seen["all"]) == {"first", "second", "third"}
    assert set(seen["some"]) >= {"third"}
    assert all(seen["all"][name] == text for name, text in seen["some"].items())


# --- global state -----------------------------------------------------------------------------------------------


def states() -> tuple[Any, ...]:
    """The states of the global generators."""
    import torch

    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return random.getstate(), kind, keys.tobytes(), tuple(rest), torch.random.get_rng_state().numpy().tobytes()


def drawing(seen: list[tuple[float, ...]], *, fail: bool = False) -> Theorem:
    """A theorem whose measure draws from every global generator."""
    import torch

    def drawn(subject: Any, number: Number) -> Any:
        seen.append((random.random(), float(np.random.random()), float(torch.rand(()))))  # noqa: NPY002, S311
        if fail:
            raise ValueError("after drawing")
        return squares(subject, number)

    return declare(Eq(SQUARE, X**2), drawn, examples={"named": Number(2.0)})


@pytest.mark.parametrize("run", [evaluate, lambda theorem, subject, settings: attack_mutants(theorem, settings)])
@pytest.mark.parametrize("fail", [False, True])
def test_global_generators_are_seeded_and_restored(run: Callable[..., Any], fail: bool) -> None:
    """A measure finds them in the same state on every instance; a host finds them as it left them."""
    seen: list[tuple[float, ...]] = []
    before = states()
    run(drawing(seen, fail=fail), HONEST, QUICK)

    assert states() == before
    assert len(set(seen)) == 1


def test_generators_of_accelerators_are_seeded_and_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """If something has initialised them, and never otherwise."""
    import torch

    calls: list[Any] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: ["as it was"])
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", calls.append)
    monkeypatch.setattr(torch.cuda, "manual_seed_all", calls.append)
    evaluate(IDENTITY, HOST, Settings(max_examples=3, seed=5))

    assert calls[-1] == ["as it was"]
    assert set(calls[:-1]) == {5}
    assert len(calls) == 4

    calls.clear()
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    evaluate(IDENTITY, HOST, Settings(max_examples=3))
    assert calls == []


def test_a_replay_finds_the_generators_as_the_search_did() -> None:
    """A witness of a measure that draws replays to the same draws; another seed gives others."""
    seen: list[tuple[float, ...]] = []
    theorem = drawing(seen)
    evaluate(theorem, HONEST, QUICK)
    replay(theorem, HONEST, Number(1.0), QUICK)
    assert len(set(seen)) == 1

    replay(theorem, HONEST, Number(1.0), Settings(seed=2**70 + 1))
    assert len(set(seen)) == 2


# --- contiguity and replay --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Matrix:
    """A matrix, and another one inside of a tuple."""

    entries: NDArray[Any]
    others: tuple[NDArray[Any], ...]


def awkward(seed: int) -> Matrix:
    """Fortran-ordered, transposed, strided and broadcast arrays of numbers whose sums round."""
    drawn = np.random.default_rng(seed).normal(size=(7, 5))
    return Matrix(np.asfortranarray(drawn), (drawn.T, drawn[::2, ::-1], np.broadcast_to(drawn[0], (3, 5))))


matrices = st.integers(0, 10**6).map(awkward)


def total(matrix: Matrix) -> float:
    """A sum in the order of the memory, whose last bits depend on that order."""
    parts = (matrix.entries, *matrix.others)
    assert all(part.flags["C_CONTIGUOUS"] for part in parts)
    return float(sum(np.add.reduce(np.ravel(part, order="K")) for part in parts))


def test_a_witness_replays_bit_for_bit(tmp_path: Path) -> None:
    """Also one of Fortran-ordered arrays: they are made C-contiguous before the first evaluation."""
    sums: list[float] = []

    def summing(subject: Any, matrix: Matrix) -> Any:
        sums.append(total(matrix))
        return {X: sums[-1], SQUARE: subject(sums[-1])}

    theorem = declare(
        Ge(X**2, 1 + SQUARE), summing, on=matrices, of=Matrix, mutants={"a": Ge(X, 99), "b": Ge(SQUARE, 99)}
    )
    found = evaluate(theorem, HOST, QUICK)
    assert found.verdict is Verdict.REFUTED
    assert found.witness is not None
    stored = witness.load(found.witness["worst"].save(tmp_path))
    instance = stored.rebuild(Matrix)
    expected = total(found.witness["worst"].instance)
    sums.clear()

    assert replay(theorem, HOST, instance, QUICK).verdict is Verdict.REFUTED
    assert {value.hex() for value in sums} == {expected.hex()}
    assert instance.entries.tobytes() == found.witness["worst"].instance.entries.tobytes()


def test_contiguity_makes_a_difference() -> None:
    """The test above could fail: in Fortran order the same numbers sum to other bits."""
    differing = [seed for seed in range(200) if _sums_differ(awkward(seed))]

    assert len(differing) > 20


def _sums_differ(matrix: Matrix) -> bool:
    fortran = np.add.reduce(np.ravel(matrix.entries, order="K"))
    return bool(fortran != np.add.reduce(np.ravel(np.ascontiguousarray(matrix.entries), order="K")))


def test_what_is_contiguous_is_left_as_it_is() -> None:
    """0-dimensional arrays keep their shape, and instances without arrays their identity."""
    number = Number(1.0)
    scalar = Matrix(np.array(2.0), ())

    assert contiguous(number) is number
    assert contiguous(scalar).entries.shape == ()
    assert sp.S.One == 1
