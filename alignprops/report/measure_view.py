"""`alignprops-measure/1`: the table of behaviours, who takes priority, and the accuracy certified before training."""

from __future__ import annotations

import numpy as np

from alignprops.report.experiment import PlainTable
from alignprops.report.fields import Fields, number
from alignprops.report.figures.specs import Curves, Figure, Line, Matrix, Panel, Series

COLUMNS = {
    "n": "n",
    "distinguishability": "δ",
    "concentration": "concentration",
    "trace": "trace",
    "mean_shift": "‖z̄‖",
    "curvature": "λ",
    "curvature_along_shift": "ρ",
    "common_offset_share": "offset",
    "initial_update_rate": "initial rate",
    "first_step_accuracy": "acc₁",
    "first_step_accuracy_bound": "acc₁ ≥",
}


def measure_tables(fields: Fields) -> tuple[PlainTable, ...]:
    """One row a behaviour, the most distinguishable first."""
    behaviours = fields.required("behaviours")
    rows = []
    for name in _ranked(fields):
        figures = behaviours.required(name)
        cells = [figures.number_or_none(column) for column in COLUMNS]
        rows.append((name, None if cells[0] is None else int(cells[0]), *cells[1:]))
    title = (
        "Behaviours. δ: distinguishability ‖μ₊ − μ₋‖; ‖z̄‖: mean shift; λ, ρ: curvature, the largest and along the "
        "mean shift; offset: share of the common offset; acc₁: accuracy after one step, and its bound."
    )
    return (PlainTable(title, ("behaviour", *COLUMNS.values()), tuple(rows)),)


def measure_figures(fields: Fields) -> tuple[Figure, ...]:
    """The priority matrix if there are several behaviours, and the certificates."""
    names = _ranked(fields)
    return (*_priorities(fields, names), *_certificates(fields, names))


def _ranked(fields: Fields) -> list[str]:
    behaviours = fields.required("behaviours")
    sizes = {
        name: behaviours.required(name).number_or_none("distinguishability") or 0.0
        for name in fields.pairs("behaviours")
    }
    return sorted(sizes, key=lambda name: -sizes[name])


def _priorities(fields: Fields, names: list[str]) -> list[Figure]:
    gaps = fields.pairs("priorities")
    if len(names) < 2 or not gaps:
        return []
    found = [[number(gaps.get(f"{row}|{column}")) for column in names] for row in names]
    return [
        Figure(
            id="priorities",
            title="Priority matrix",
            content=Matrix(
                rows=tuple(names),
                columns=tuple(names),
                values=np.array([[np.nan if gap is None else gap for gap in row] for row in found]),
                value_label="normalised priority gap of the row over the column",
            ),
            caption="Which of two trained together is learned first: positive (blue) where the row leads (LD-10).",
        )
    ]


def _certificates(fields: Fields, names: list[str]) -> list[Figure]:
    behaviours = fields.required("behaviours")
    series = []
    for name in names:
        certificate = behaviours.required(name).item("accuracy_certificate")
        if certificate is not None:
            steps = certificate.numbers("steps")
            series.append(Series(name, steps, certificate.numbers("accuracy", len(steps))))
    if not series:
        return []
    panel = Panel("", "accuracy, at least", tuple(series), (Line("y", 1.0, "all pairs"),))
    return [
        Figure(
            id="certificates",
            title="Accuracy certified before training",
            content=Curves((panel,), x_scale="log"),
            caption="The training accuracy that LD-8 guarantees after so many steps, computed from the data alone.",
        )
    ]
