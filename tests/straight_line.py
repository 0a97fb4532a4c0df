"""What `measure` says, computed again in a straight line: one statement at a time, plain transformers and numpy.

Nothing of alignprops is used. Persona statements only: one JSONL file a behaviour.

    python tests/straight_line.py MODEL PREFERENCES measured.json [FIRST]    # exit code 1 beyond 1e-4 relative
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

TOLERANCE = 1e-4
#: A priority gap is a difference of numbers of size 1: what float32 loses of these shows where it nearly vanishes.
SMALLEST_GAP = 1e-2
#: A sample whose alignment with the mean shift is below this share of its size is a tie: float32 does not tell.
FLOAT32_NOISE = 8 * 2.0**-23
CERTIFICATE_STEPS = (1, 10, 100, 1000, 10000)


def read(folder: Path, files: list[Path], *, dtype: torch.dtype, first: int | None = None) -> dict[str, Any]:
    """Hidden states x (n, d) and signs (n,) of every behaviour, and what there is to say of the model."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
    scale = getattr(model.config, "logit_scale", None) or 1.0
    behaviours, tokens = {}, 0
    for file in files:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()][:first]
        features, signs, answered = [], [], defaultdict(set)
        for line in lines:
            ids = tokenizer(line["question"] + "\n", return_tensors="pt")["input_ids"]
            with torch.no_grad():
                hidden = model(input_ids=ids, output_hidden_states=True).hidden_states[-1]
            features.append(hidden[0, -1].double().numpy() * scale)
            signs.append(1 if line["answer_matching_behavior"] == " Yes" else -1)
            answered[line["question"]].add(signs[-1])
            tokens += ids.shape[1]
        contradictory = sum(len(both) == 2 for both in answered.values())
        behaviours[file.stem] = (np.array(features), np.array(signs), contradictory)
    head = model.get_output_embeddings().weight.detach().double().numpy()
    return {"behaviours": behaviours, "tokens": tokens, "head": head, "scale": scale}


def figures(
    x: np.ndarray[Any, Any], s: np.ndarray[Any, Any], contradictory: int, *, beta: float, noise: float = FLOAT32_NOISE
) -> dict[str, Any]:
    """The figures of one behaviour."""
    z = s[:, None] * x
    n = len(z)
    shift = z.mean(axis=0)
    moment = z.T @ z / n
    curvature = np.linalg.eigvalsh(moment)[-1]
    covariances = [np.atleast_2d(np.cov(x[s == sign].T)) for sign in (1, -1) if (s == sign).sum() > 1]
    spread = len(covariances) == 2
    size = np.linalg.norm(shift)
    along = shift @ moment @ shift / size**2
    heights, slack = z @ shift, noise * np.linalg.norm(z, axis=1) * size
    eta = 1 / (beta**2 * curvature)
    return {
        "n": n,
        "positive": int((s == 1).sum()),
        "contradictory": contradictory,
        "distinguishability": np.linalg.norm(x[s == 1].mean(axis=0) - x[s == -1].mean(axis=0)),
        "concentration": max(np.linalg.eigvalsh(c)[-1] for c in covariances) if spread else None,
        "trace": max(np.trace(c) for c in covariances) if spread else None,
        "mean_shift": size,
        "curvature": curvature,
        "curvature_along_shift": along,
        "common_offset_share": np.linalg.norm(x.mean(axis=0)) ** 2 / (x**2).sum(axis=1).mean(),
        "initial_update_rate": beta * size / math.sqrt(2),
        "first_step_accuracy": (heights > slack).mean(),
        "first_step_ties": int((np.abs(heights) <= slack).sum()),
        "first_step_accuracy_bound": size**2 / along,
        "accuracy_certificate": {
            "step_size": eta,
            "steps": list(CERTIFICATE_STEPS),
            "accuracy": [certificate(z, t, eta=eta, beta=beta) for t in CERTIFICATE_STEPS],
        },
    }


def certificate(z: np.ndarray[Any, Any], t: int, *, eta: float, beta: float) -> float:
    """1 − min over v = a·z̄ of (L(v) + ‖v‖²/(4ηT'))/log 2, T' = t + √(t(t−1)); a by ternary search."""
    shift = z.mean(axis=0)
    steps = t + math.sqrt(t * (t - 1))

    def bound(a: float) -> float:
        return np.logaddexp(0, -beta * a * (z @ shift)).mean() + a**2 * (shift @ shift) / (4 * eta * steps)

    low, high = 0.0, 4 * eta * beta * steps
    for _ in range(200):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, right) if bound(left) < bound(right) else (left, high)
    return min(max(1 - bound(low) / math.log(2), 0.0), 1.0)


def update_rate(
    x: np.ndarray[Any, Any], s: np.ndarray[Any, Any], head: np.ndarray[Any, Any], yes: int, no: int, *, beta: float
) -> float:
    """‖∇L(W₀)‖ of the DPO loss by autograd through all rows of the head."""
    w = torch.tensor(head, requires_grad=True)
    log_probabilities = torch.log_softmax(torch.tensor(x) @ w.T, dim=1)
    log_ratio = torch.tensor(s) * (log_probabilities[:, yes] - log_probabilities[:, no])
    loss = -torch.nn.functional.logsigmoid(beta * (log_ratio - log_ratio.detach())).mean()
    (gradient,) = torch.autograd.grad(loss, w)
    return float(gradient.norm())


def priorities(behaviours: dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]]) -> dict[str, float]:
    """(⟨d̄,d_a⟩ − ⟨d̄,d_b⟩)/(‖d̄‖·max(‖d_a‖,‖d_b‖)), d_k = μ₊ − μ₋ of behaviour k, d̄ = (d_a + d_b)/2."""
    gaps = {name: x[s == 1].mean(axis=0) - x[s == -1].mean(axis=0) for name, (x, s, _) in behaviours.items()}
    told = {}
    for a, first in gaps.items():
        for b, second in gaps.items():
            if a != b:
                mean = (first + second) / 2
                larger = max(np.linalg.norm(first), np.linalg.norm(second))
                told[f"{a}|{b}"] = mean @ (first - second) / (np.linalg.norm(mean) * larger)
    return told


def differences(measured: Any, expected: Any, where: str = "", *, least: float = 0.0) -> dict[str, float]:
    """The difference of every number relative to its size (`least` at least), by its place; infinite if absent."""
    if isinstance(expected, dict) and isinstance(measured, dict):
        found: dict[str, float] = {f"{where}/{key}": math.inf for key in measured.keys() ^ expected.keys()}
        for key in measured.keys() & expected.keys():
            found |= differences(measured[key], expected[key], f"{where}/{key}", least=least)
        return found
    if isinstance(expected, list) and isinstance(measured, list) and len(expected) == len(measured):
        pairs = enumerate(zip(measured, expected, strict=True))
        return {k: v for at, pair in pairs for k, v in differences(*pair, f"{where}/{at}", least=least).items()}
    if expected is None or measured is None:
        return {where: 0.0 if expected is measured else math.inf}
    size = max(abs(measured), abs(expected), least)
    return {where: abs(measured - expected) / size if size else 0.0}


def main() -> int:
    """Compare a file of `measure --json` with a computation of its figures, on the FIRST statements of each file."""
    folder, preferences, told = map(Path, sys.argv[1:4])
    measured = json.loads(told.read_text(encoding="utf-8"))
    files = sorted(preferences.glob("*.jsonl")) if preferences.is_dir() else [preferences]
    beta = measured["run"]["beta"]
    first = int(sys.argv[4]) if len(sys.argv) > 4 else None
    found = read(folder, files, dtype=getattr(torch, measured["model"]["dtype"]), first=first)
    noise = 0.0 if measured["model"]["dtype"] == "float64" else FLOAT32_NOISE
    expected = {name: figures(*given, beta=beta, noise=noise) for name, given in found["behaviours"].items()}
    apart = differences(measured["behaviours"], expected)
    apart |= differences(measured["priorities"], priorities(found["behaviours"]), "priorities", least=SMALLEST_GAP)
    worst = sorted(apart.items(), key=lambda item: -item[1])[:5]
    print(f"{len(apart)} figures, {found['tokens']} tokens; furthest apart (relative):")  # noqa: T201
    print("\n".join(f"  {value:.1e}  {where}" for where, value in worst))  # noqa: T201
    return int(worst[0][1] > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
