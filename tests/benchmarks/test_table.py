"""The benchmark harness at reduced sizes: it measures what it says, and does not believe an odd baseline."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("benchmarks", reason="benchmarks lie in the source tree")

from benchmarks import __main__ as table
from benchmarks import engine, hidden_states, last_layer, lean_logps, plugin, run
from benchmarks.row import Row, as_markdown, as_text


def row(**changes: Any) -> Row:
    """A row that meets its target."""
    return replace(
        Row(
            name="squares",
            what="a square",
            against="a product",
            value=5.0,
            unit="×",
            target=4.0,
            ours=(0.01, 0.02),
            theirs=(0.05,),
            checks="the values agree",
        ),
        **changes,
    )


@pytest.mark.parametrize(
    ("changes", "met", "verdict"),
    [
        ({}, True, "met"),
        ({"value": 3.9}, False, "missed"),
        ({"refused": "it sleeps"}, False, "baseline refused: it sleeps"),
        ({"at_most": True}, False, "missed"),
        ({"at_most": True, "value": 4.0}, True, "met"),
    ],
)
def test_a_row_is_judged(changes: dict[str, Any], met: bool, verdict: str) -> None:
    """On the right side of its target, and only by a baseline that is believed."""
    assert (row(**changes).met, row(**changes).verdict) == (met, verdict)


def test_a_row_is_told_with_its_spread() -> None:
    """As text and as Markdown."""
    told = as_text(row())
    assert told.startswith("squares: 5.00× (target ≥ 4.00×): met\n  a square, against a product\n")
    assert "ours 10–20 ms (of 2); theirs 50–50 ms (of 1)" in told
    assert "| a square | a product | 5.00× | ≥ 4.00× | met |" in as_markdown([row()])
    assert row(unit="ms", value=1234.5, target=0.5, at_most=True).measured == "1,234 ms"


def test_last_layer_compares_the_trajectories() -> None:
    """Both at full and at small vocabulary; the ratio counts all steps."""
    (found,) = last_layer.measure(last_layer.REDUCED)

    assert found.value == pytest.approx(10 * min(found.theirs) / min(found.ours))
    apart = [float(number) for number in re.findall(r"by (\d\.\de-\d+)", found.checks)]
    assert len(apart) == 2
    assert max(apart) < 1e-10


def test_last_layer_refuses_trajectories_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """A baseline that trains something else proves nothing."""
    monkeypatch.setattr(last_layer, "YES", last_layer.NO)

    (found,) = last_layer.measure(last_layer.REDUCED)

    assert found.refused.startswith("the trajectories differ by ")


def test_hidden_states_are_read_alike() -> None:
    """Sorted and with the shared prefix, both against single statements."""
    rows = hidden_states.measure(hidden_states.REDUCED)

    assert [found.name for found in rows] == ["hidden-states.sorted", "hidden-states.shared-prefix"]
    assert all("apart (allowed 1e-05)" in found.checks and "tokens/s" in found.checks for found in rows)
    assert "the shared prefix of 12 tokens once" in rows[1].what
    assert all(not found.refused or "a plain loop" in found.refused for found in rows)


def test_hidden_states_of_a_given_model(tmp_path: Path, save_model: Any) -> None:
    """`--model` and `--preferences`."""
    from persona_files import write_persona
    from small_models import preference_set

    given = {"model": str(save_model("llama")), "preferences": (str(write_persona(tmp_path / "p", preference_set())),)}
    rows = hidden_states.measure(replace(hidden_states.REDUCED, rounds=1, **given))

    assert "hidden states of 28 statements" in rows[0].what


def test_hidden_states_refuse_a_slow_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our reader of single statements must not be slower than what a person writes."""
    monkeypatch.setattr(hidden_states, "SLOWEST_PLAUSIBLE", 0.01)

    rows = hidden_states.measure(replace(hidden_states.REDUCED, rounds=1))

    assert all(re.fullmatch(r"\d\.\d\d × a plain loop", found.refused) for found in rows)


@pytest.mark.parametrize("head", ["frozen", "trained"])
def test_lean_log_probabilities_compute_what_the_plain_ones_do(head: str) -> None:
    """Values and gradients; the work is the same."""
    lean, plain = (lean_logps.work(way, 64, 500, 8, "float32", head) for way in ("lean", "plain"))

    assert lean_logps._disagreement(lean, plain) < 1e-5
    assert (plain["for_weight"] == 1.0) == (head == "frozen")


def test_lean_log_probabilities_are_told_by_memory_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest peaks, the shortest times; a baseline that computes something else is refused."""
    told = {"sum": 1.0, "for_states": 2.0, "for_weight": 3.0}
    runs = {"lean": told | {"bytes": 2**20, "seconds": 2.0}, "plain": told | {"bytes": 2**24, "seconds": 4.0}}
    monkeypatch.setattr(lean_logps, "_run", lambda way, *_: runs[way])

    memory, seconds = lean_logps.measure(lean_logps.REDUCED)[:2]
    runs["plain"] = runs["plain"] | {"sum": 1.1}
    refused = lean_logps.measure(lean_logps.REDUCED)

    assert (memory.value, seconds.value, memory.refused) == (16.0, 0.5, "")
    assert "peak 1 MiB against 16 MiB" in memory.checks
    assert all(row.refused == "the results differ by 9.1e-02" for row in refused)


def test_lean_log_probabilities_run_in_their_own_process() -> None:
    """Which tells its peak."""
    told = lean_logps._run("lean", lean_logps.Size(positions=8, vocabulary=50, width=4), "trained")

    assert told["bytes"] >= 0
    assert told["seconds"] > 0


def test_plugin_runs_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test of the host passes in each run, with the plugin and without."""
    monkeypatch.setattr(plugin, "NOISE_MS", 1e6)

    (found,) = plugin.measure(plugin.REDUCED)

    assert (len(found.ours), len(found.theirs), found.refused) == (2, 2, "")
    assert found.value == pytest.approx(1e3 * (min(found.ours) - min(found.theirs)))


def test_plugin_refuses_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A baseline slower than the run with the plugin is noise, not a gain."""
    told = {"ours": True, "passed": 2, "cpu": 0.20}, {"ours": False, "passed": 2, "cpu": 0.25}
    monkeypatch.setattr(plugin, "_run", lambda _, *without: told[bool(without)])

    (found,) = plugin.measure(plugin.REDUCED)

    assert found.refused == "50.0 ms slower without the plugin; the machine is too busy"


def test_engine_checks_the_same_inputs() -> None:
    """As a bare Hypothesis test."""
    (found,) = engine.measure(engine.REDUCED)

    assert found.refused == ""
    assert 0.5 < found.value < 5


def test_engine_refuses_other_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bare test with fewer examples is another check."""
    original = engine.generation_settings
    monkeypatch.setattr(engine, "generation_settings", lambda n, **options: original(n // 2, **options))

    (found,) = engine.measure(replace(engine.REDUCED, rounds=1))

    assert "examples against other" in found.refused


def test_runs_are_compared_by_their_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rows from the same runs; the workers' row is what is left above their share."""
    seconds = iter([10.0, 7.0, 12.0, 6.5])
    monkeypatch.setattr(run, "_run", lambda *_: (next(seconds), {"a::toy": "held"}))

    alone, workers = run.measure(run.Size())

    assert (alone.value, alone.unit, alone.met) == (10.0, "s", True)
    assert workers.value == pytest.approx(6.5 - 0.55 * 10.0)
    assert workers.ours == (7.0, 6.5)


def test_runs_that_differ_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fast run that checked less is none."""
    told = iter([{"a::toy": "held"}, {}])
    monkeypatch.setattr(run, "_run", lambda *_: (1.0, next(told)))

    assert all(found.refused for found in run.measure(run.Size(rounds=1)))


def test_a_run_is_a_run() -> None:
    """One theorem, for real: the verdicts come from report.json; a failing run is told."""
    seconds, verdicts = run._run(("learning-dynamics.initial-rate",))

    assert seconds > 0
    assert verdicts == {"learning-dynamics.initial-rate::toy": "proved"}
    with pytest.raises(RuntimeError, match=r"exited with 2:\n[\s\S]*unknown theorem or suite 'nothing'"):
        run._run(("nothing",))


def test_the_table_is_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what was asked for; the exit code tells whether all was met."""
    rows = {"engine": [row(name="engine")], "plugin": [row(name="plugin", value=1.0)]}
    fakes = {name: table.Benchmark(lambda size, name=name: rows[name], None, None) for name in rows}
    monkeypatch.setattr(table, "BENCHMARKS", fakes)

    assert table.main(["--only", "engine"]) == 0
    assert "1 of 1 targets met" in capsys.readouterr().out
    assert table.main(["--markdown", str(tmp_path / "table.md")]) == 1
    assert "1 of 2 targets met" in capsys.readouterr().out
    assert (tmp_path / "table.md").read_text().count("\n| a square") == 2
