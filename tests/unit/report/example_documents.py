"""A factory of documents that `alignprops report` renders: small, and of every kind that it knows."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np

NAMES = ["desire-for-power", "agreeableness", "risk-averse"]
STEPS = list(range(6))


def series(name: str = "agreeableness", **changes: Any) -> dict[str, Any]:
    """A falling curve."""
    return {
        "name": name,
        "x": STEPS,
        "y": [0.7 - 0.1 * step for step in STEPS],
        "style": "solid",
        "band": None,
        "spread": None,
        **changes,
    }


def band(**changes: Any) -> dict[str, Any]:
    """What a theorem allows around `series()`."""
    low, high = [0.6 - 0.1 * step for step in STEPS], [0.8 - 0.1 * step for step in STEPS]
    return {"low": low, "high": high, "label": "LD-6", **changes}


def curves(*panels: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A figure of curves; one panel if none are given."""
    usual = panel(series("agreeableness", band=band()), series("risk-averse", style="dashed"))
    return {
        "id": "head-loss",
        "kind": "curves",
        "title": "Loss of head-only runs",
        "caption": "Each behaviour trained alone.",
        "paper": "Figure 2 (a)",
        "x_label": "step",
        "x_scale": "linear",
        "y_scale": "linear",
        "panels": list(panels) or [usual],
        **changes,
    }


def panel(*shown: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A panel with a reference line."""
    lines = [{"axis": "y", "at": 0.693, "label": "log 2"}]
    return {"title": "loss", "y_label": "loss", "series": list(shown), "lines": lines, **changes}


def scatter(**changes: Any) -> dict[str, Any]:
    """Distinguishability against speed."""
    points = [
        {"name": name, "x": 0.5 * at, "y": 0.1 * at, "group": group, "y_interval": [0.1 * at - 0.05, 0.1 * at + 0.05]}
        for at, name in enumerate(NAMES, start=1)
        for group in ("head", "LoRA")
    ]
    return {
        "id": "speed",
        "kind": "scatter",
        "title": "Distinguishability against speed",
        "caption": "One point a behaviour.",
        "paper": "Figure 3",
        "x_label": "δ",
        "y_label": "rate",
        "x_scale": "log",
        "y_scale": "linear",
        "points": points,
        "diagonal": True,
        "note": "Spearman 0.9 [0.7, 1.0]",
        **changes,
    }


def matrix(**changes: Any) -> dict[str, Any]:
    """Priority gaps."""
    values = [[None if i == j else 0.4 * (j - i) for j in range(3)] for i in range(3)]
    return {
        "id": "priority",
        "kind": "matrix",
        "title": "Priority matrix",
        "rows": NAMES,
        "columns": NAMES,
        "values": values,
        "value_label": "normalised priority gap",
        "diverging": True,
        **changes,
    }


def projection(**changes: Any) -> dict[str, Any]:
    """Embeddings before and after."""
    panels = [
        {"title": when, "x": [0.0, scale, 1.0], "y": [0.0, 1.0, -scale], "labels": [1, -1, 1]}
        for when, scale in (("before", 0.5), ("after", 2.0))
    ]
    return {
        "id": "embedding",
        "kind": "projection",
        "panels": panels,
        "x_label": "PC 1",
        "y_label": "PC 2",
        "label_names": {"1": "Yes preferred", "-1": "No preferred"},
        **changes,
    }


def bars(**changes: Any) -> dict[str, Any]:
    """Steps to an accuracy."""
    shown = [
        {"name": name, "value": 10.0 * at, "interval": [9.0 * at, 12.0 * at], "group": group}
        for at, name in enumerate(NAMES, start=1)
        for group in ("base", "aligned")
    ]
    lines = [{"axis": "y", "at": 15, "label": "predicted"}]
    return {"id": "steps", "kind": "bars", "y_label": "steps", "bars": shown, "lines": lines, **changes}


FIGURES = {"curves": curves, "scatter": scatter, "matrix": matrix, "projection": projection, "bars": bars}


def claim(theorem: str = "learning-dynamics.initial-rate", subject: str = "toy", **changes: Any) -> dict[str, Any]:
    """A claim that held."""
    return {
        "id": f"{theorem}::{subject}",
        "theorem": theorem,
        "subject": subject,
        "verdict": "held",
        "reason": "97 effective of 100 examples",
        "evidence": {
            "sampled": {
                "examples": 100,
                "effective": 97,
                "premises": {"step size": {"held": 97, "of": 100}},
                "tightness": 0.998,
                "slack": 12.5,
                "within_rounding": 2,
                "attained": 1,
            },
            "symbolic": {"lemmas": ["one row"], "statement": []},
        },
        "witness": None,
        "seconds": 0.5,
        **changes,
    }


def refuted(**changes: Any) -> dict[str, Any]:
    """A claim with its witnesses."""
    witness = {
        "simplest": {"hash": "0123456789abcdef", "instance": {"eta": 1.0, "features": [[1.0, 0.5]]}, "file": None},
        "worst": {"hash": "fedcba9876543210", "instance": {"eta": 8.0}, "file": None},
    }
    return claim(**{"verdict": "refuted", "reason": "the right side is smaller by 0.3", "witness": witness, **changes})


def theorem(name: str = "learning-dynamics.initial-rate", **changes: Any) -> dict[str, Any]:
    """A theorem of two relations."""
    return {
        "id": name,
        "suite": "learning_dynamics",
        "title": "The first update is set by the mean shift (LD-3).",
        "source": "im2024understanding, Section 4",
        "statement": "the norm: rate = sqrt(2)*beta*shift/2; the loss: 0 <= loss",
        "latex": r"\lVert\nabla_W L\rVert_F = \frac{\sqrt{2} \beta \lVert\bar z\rVert}{2} \\ 0 \leq L(u_t)",
        "proofs": [
            {
                "name": "one row",
                "concludes": "lemma",
                "status": "proved",
                "method": "as written",
                "domain": "one sample",
                "seconds": 0.1,
            }
        ],
        "mutants": [
            {"name": "the √2 lost", "killed": True, "by": "generated, float64", "examples": 1},
            {"name": "too weak", "killed": False, "by": None, "examples": 100},
        ],
        "verdicts": {"mutants": "held", "proofs": "held"},
        "reasons": {"mutants": "1 of 2 killed", "proofs": "one row: proved"},
        **changes,
    }


def experiment(**changes: Any) -> dict[str, Any]:
    """An experiment with every kind of figure."""
    return {
        "schema": "alignprops-experiment/1",
        "name": "learning-speed",
        "title": "Distinguishability and the speed of learning",
        "summary": "Each behaviour is trained alone.",
        "run": {
            "versions": {"python": "3.11", "torch": "2.6"},
            "device": "cpu",
            "dtype": "float32",
            "seed": 0,
            "command": "alignprops reproduce learning-speed",
            "date": "2026-11-23T14:00:00Z",
            "seconds": 12.3,
            "model": "tiny",
            "preferences": "generated",
        },
        "figures": [made() for made in FIGURES.values()],
        "measurements": [
            {
                "id": "learning-speed.rank-correlation.lora",
                "statement": "rank correlation of δ and the rate",
                "value": 0.86,
                "interval": [0.5, 0.98],
                "level": 0.95,
                "method": "bootstrap over behaviours",
                "n": 8,
                "unit": "",
            }
        ],
        "theorems": [theorem(proofs=[], mutants=[])],
        "claims": [claim(subject=f"tiny/{name}") for name in NAMES],
        "tables": [{"id": "t", "title": "Behaviours", "columns": ["behaviour", "δ"], "rows": [["agreeableness", 0.5]]}],
        "traces": [],
        **changes,
    }


def suite(**changes: Any) -> dict[str, Any]:
    """A report.json."""
    return {
        "schema": "alignprops-report/1",
        "run": {
            "versions": {"python": "3.11"},
            "device": "cpu",
            "profile": "dev",
            "seed": 0,
            "command": "alignprops run",
            "configuration": {"max_examples": {"value": 100, "origin": "profile"}},
            "started": "2026-11-23T13:00:00+00:00",
            "seconds": 3.5,
        },
        "theorems": [theorem()],
        "claims": [claim()],
        "totals": {},
        **changes,
    }


def measurement(**changes: Any) -> dict[str, Any]:
    """A measure JSON."""
    figures = {
        "n": 200,
        "distinguishability": 2.0,
        "concentration": 0.2,
        "trace": 0.5,
        "mean_shift": 1.0,
        "curvature": 75.8,
        "curvature_along_shift": 1.1,
        "common_offset_share": 0.98,
        "initial_update_rate": 0.07,
        "first_step_accuracy": 1.0,
        "first_step_accuracy_bound": 0.96,
        "accuracy_certificate": {"step_size": 1.3, "steps": [1, 10, 100], "accuracy": [0.0, 0.1, 0.5]},
    }
    return {
        "schema": "alignprops-measure/1",
        "model": {"name": "tiny", "dtype": "float32", "width": 48, "answers": {"positive": " Yes", "negative": " No"}},
        "run": {"beta": 0.1, "steps": 20, "step_size_share": 0.5},
        "behaviours": dict.fromkeys(NAMES, figures),
        "priorities": {f"{a}|{b}": 0.3 for a in NAMES for b in NAMES if a != b},
        "claims": [claim(subject=f"tiny/{NAMES[0]}")],
        **changes,
    }


def trace(folder: Path, names: list[str] = NAMES, *, finished: bool = True) -> Path:
    """A trace of three steps with evaluations and hidden states."""
    from alignprops.trace import TraceWriter

    kinds = len(names)
    writer = TraceWriter.create(
        folder,
        behaviours=names,
        counts={"train": [4] * kinds},
        settings={"method": "lora", "loss": "sigmoid", "beta": 0.1},
        model={"name": "tiny"},
        preferences={"format": "persona"},
        threads=1,
    )
    rng = np.random.default_rng(0)
    signs, rows = np.tile([1, -1], 2 * kinds), np.arange(4 * kinds)
    for when, scale in (("start", 0.1), ("end", 1.0)):
        features = rng.normal(size=(4 * kinds, 5)) + scale * signs[:, None]
        writer.states(when, features=features, signs=signs, behaviours=np.repeat(np.arange(kinds), 4), rows=rows)
    for step in range(4):
        if step:
            writer.step(
                step, loss=0.7 - 0.1 * step, gradient_norm=0.5, head_change=0.0, parameter_change=0.1 * step,
                learning_rate=0.1, tokens=10, seconds=0.1,
            )  # fmt: skip
        figures = ("loss", "accuracy", "margin", "chosen_change", "rejected_change", "displaced")
        columns = {f"train.{name}": np.full(kinds, 0.25 * step) for name in figures}
        writer.evaluation(step, {**columns, "train.margins": np.zeros(4 * kinds)})
    writer.finish() if finished else writer.flush()
    return folder


def written(folder: Path, document: dict[str, Any], name: str = "document.json") -> Path:
    """`document` as a file."""
    path = folder / name
    path.write_text(json.dumps(document), "utf-8")
    return path


def with_text(document: Any, text: str) -> Any:
    """`document` with `text` added to everything that is free text, the names of behaviours included."""
    if isinstance(document, dict):
        made = {}
        for key, value in document.items():
            kept = isinstance(value, str) and key in KEPT
            made[key if key not in NAMES else f"{key}{text}"] = value if kept else with_text(value, text)
        return made
    if isinstance(document, list):
        return [with_text(item, text) for item in document]
    return f"{document}{text}" if isinstance(document, str) else copy.copy(document)


#: Words of the format, not free text.
KEPT = ("schema", "kind", "verdict", "style", "axis", "x_scale", "y_scale", "status", "hash")
