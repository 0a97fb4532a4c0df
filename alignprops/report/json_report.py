"""report.json, schema `alignprops-report/1`: assembled from results, written atomically.

The JSON schema is `schema.json` beside this file. Readers ignore keys that they do not know.
"""

from __future__ import annotations

import json
import math
import platform
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import Any

from alignprops import atomic
from alignprops._errors import InputError
from alignprops.config import Configuration

SCHEMA = "alignprops-report/1"
FILE_NAME = "report.json"
#: The folder of stored witnesses, beside report.json.
WITNESSES = "witnesses"

#: Whose versions a result may depend on.
PACKAGES = (
    "alignprops",
    "hypothesis",
    "numpy",
    "pytest",
    "python-flint",
    "safetensors",
    "sympy",
    "torch",
    "transformers",
)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of report.json."""
    schema: dict[str, Any] = json.loads(files("alignprops.report").joinpath("schema.json").read_text("utf-8"))
    return schema


def versions() -> dict[str, str | None]:
    """Versions of Python and of `PACKAGES` (None: not installed), without importing them."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def describe_run(configuration: Configuration, started: float, status: str) -> dict[str, Any]:
    """Return the `run` part; `status` is pytest's exit status in words, `started` seconds since the epoch."""
    return {
        "versions": versions(),
        "platform": platform.platform(),
        "device": configuration.device,
        "profile": configuration.profile,
        "seed": configuration.seed,
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "configuration": configuration.to_json(),
        "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="seconds"),
        "seconds": round(time.time() - started, 3),
        "status": status,
    }


def assemble(run: Mapping[str, Any], results: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Assemble the report from results as they come in.

    Args:
        run: the `run` part.
        results: `{"item": "claim" | "mutants" | "proof", "theorem": its description, "result": as the engine gives}`.
    """
    theorems: dict[str, dict[str, Any]] = {}
    claims: dict[str, dict[str, Any]] = {}
    for result in results:
        described, found = result["theorem"], dict(result["result"])
        theorem = theorems.setdefault(
            described["id"], {**described, "proofs": [], "mutants": [], "verdicts": {}, "reasons": {}}
        )
        if result["item"] == "claim":
            claim = {"id": f"{found['theorem']}::{found['subject']}", "evidence": {}, "witness": None, **found}
            claims[claim["id"]] = claim
            continue
        part = {"mutants": "mutants", "proof": "proofs"}[result["item"]]
        theorem[part] = found.get(part, [])
        theorem["verdicts"][part], theorem["reasons"][part] = found["verdict"], found["reason"]
    report = {
        "schema": SCHEMA,
        "run": dict(run),
        "theorems": [theorems[key] for key in sorted(theorems)],
        "claims": [claims[key] for key in sorted(claims)],
    }
    return {**report, "totals": totals(report)}


def totals(report: Mapping[str, Any]) -> dict[str, Any]:
    """Count with denominators: claims by verdict, mutants killed, proofs decided."""
    mutants = [mutant for theorem in report["theorems"] for mutant in theorem["mutants"]]
    proofs = [proof for theorem in report["theorems"] for proof in theorem["proofs"]]
    verdicts = Counter(claim["verdict"] for claim in report["claims"])
    return {
        "theorems": len(report["theorems"]),
        "claims": {"of": len(report["claims"]), **dict(sorted(verdicts.items()))},
        "mutants": {"of": len(mutants), "killed": sum(mutant["killed"] for mutant in mutants)},
        "proofs": {"of": len(proofs), "proved": sum(proof["status"] == "proved" for proof in proofs)},
    }


def require_writable(folder: Path) -> None:
    """Make `folder` and try to write in it, before any work is done.

    Raises:
        InputError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"the report folder {folder} cannot be written: {error.strerror}; choose another") from None


def write(report: Mapping[str, Any], folder: Path) -> Path:
    """Write report.json into `folder`, whole or not at all, and return its path."""
    path = folder / FILE_NAME
    atomic.write_text(path, encoded(report))
    return path


def encoded(value: Any) -> str:
    """`value` as JSON text; what JSON has no numbers for is spelled `"inf"`, `"-inf"`, `"nan"`."""
    return json.dumps(_spelled(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _spelled(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _spelled(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(part) for part in value]
    return value
