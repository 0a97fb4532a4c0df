"""Executable theorems about preference-based alignment of language models.

The public names are loaded on first use, so that `import alignprops` costs next to nothing in a host repository.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

#: Public name -> the module that defines it.
_PUBLIC = {
    "AlignpropsError": "alignprops._errors",
    "Bounded": "alignprops.measured",
    "Certificate": "alignprops.evidence.certificate",
    "DataError": "alignprops._errors",
    "InputError": "alignprops._errors",
    "Kind": "alignprops.subjects",
    "Measurement": "alignprops.measurement",
    "ModelError": "alignprops._errors",
    "Mutant": "alignprops.theorems",
    "NotApplicable": "alignprops.subjects",
    "Outcomes": "alignprops.evidence.outcomes",
    "Ref": "alignprops.theorems",
    "Result": "alignprops.results",
    "Rounding": "alignprops.theorems",
    "Settings": "alignprops.settings",
    "Subject": "alignprops.subjects",
    "Theorem": "alignprops.theorems",
    "TheoremError": "alignprops._errors",
    "Tight": "alignprops.theorems",
    "Trace": "alignprops.trace",
    "TraceRecorder": "alignprops.trace.recorder",
    "Under": "alignprops.theorems",
    "UnknownNameError": "alignprops._errors",
    "Verdict": "alignprops.results",
    "bounded": "alignprops.measured",
    "check": "alignprops.claims",
    "Claim": "alignprops.claims",
    "Report": "alignprops.claims",
    "evaluate": "alignprops.engine",
    "find_theorem": "alignprops.registry",
    "find_theorems": "alignprops.registry",
    "measure": "alignprops.measurement",
    "parametrize_claims": "alignprops.claims",
    "register_kind": "alignprops.subjects",
    "theorem": "alignprops.theorems",
}

__all__ = sorted([*_PUBLIC, "__version__"])  # noqa: PLE0605  # a list, computed from the table

if TYPE_CHECKING:
    from alignprops._errors import AlignpropsError as AlignpropsError
    from alignprops._errors import DataError as DataError
    from alignprops._errors import InputError as InputError
    from alignprops._errors import ModelError as ModelError
    from alignprops._errors import TheoremError as TheoremError
    from alignprops._errors import UnknownNameError as UnknownNameError
    from alignprops.claims import Claim as Claim
    from alignprops.claims import Report as Report
    from alignprops.claims import check as check
    from alignprops.claims import parametrize_claims as parametrize_claims
    from alignprops.engine import evaluate as evaluate
    from alignprops.evidence.certificate import Certificate as Certificate
    from alignprops.evidence.outcomes import Outcomes as Outcomes
    from alignprops.measured import Bounded as Bounded
    from alignprops.measured import bounded as bounded
    from alignprops.measurement import Measurement as Measurement
    from alignprops.measurement import measure as measure
    from alignprops.registry import find_theorem as find_theorem
    from alignprops.registry import find_theorems as find_theorems
    from alignprops.results import Result as Result
    from alignprops.results import Verdict as Verdict
    from alignprops.settings import Settings as Settings
    from alignprops.subjects import Kind as Kind
    from alignprops.subjects import NotApplicable as NotApplicable
    from alignprops.subjects import Subject as Subject
    from alignprops.subjects import register_kind as register_kind
    from alignprops.theorems import Mutant as Mutant
    from alignprops.theorems import Ref as Ref
    from alignprops.theorems import Rounding as Rounding
    from alignprops.theorems import Theorem as Theorem
    from alignprops.theorems import Tight as Tight
    from alignprops.theorems import Under as Under
    from alignprops.theorems import theorem as theorem
    from alignprops.trace import Trace as Trace
    from alignprops.trace.recorder import TraceRecorder as TraceRecorder


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'alignprops' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
