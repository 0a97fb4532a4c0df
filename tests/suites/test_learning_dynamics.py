"""The suite `learning_dynamics` is complete, and every theorem says where it comes from and why it is true."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import sympy as sp

from alignprops.registry import load_suites
from alignprops.report.statement import describe_in_full, latex
from alignprops.theorems import Theorem, mutant_given, mutant_states

#: The theorems, and the statements of the theory that they encode.
STATEMENTS = {
    "reduction": "LD-1",
    "secant-form": "LD-2",
    "initial-rate": "LD-3",
    "update-rate.upper-bound": "LD-4a",
    "update-rate.paid-by-loss": "LD-4b",
    "update-rate.straight-line": "LD-5a",
    "update-rate.lower-bound": "LD-5b",
    "update-rate.direction": "LD-5c",
    "loss.first-step": "LD-6",
    "loss.any-step": "LD-6",
    "accuracy.second-moment": "LD-7",
    "accuracy.from-loss": "LD-8",
    "accuracy.certificate": "LD-8",
    "accuracy.fresh-sample": "LD-9",
    "priority.first-step": "LD-10",
    "priority.many-behaviours": "LD-10",
    "priority.horizon": "LD-11",
    "symmetry.step-strength": "LD-12a",
    "symmetry.label-flip": "LD-12b",
    "symmetry.rotation": "LD-12c",
    "symmetry.duplication": "LD-12d",
    "symmetry.feature-scale": "LD-12e",
    "distinguishability-rises": "LD-13",
    "misalignment-rate": "LD-14",
    "first-order": "LD-15",
    "first-step": "LD-15",
    "linearised": "LD-15",
    "minibatch.upper-bound": "LD-16a",
    "minibatch.along-the-path": "LD-16b",
    "minibatch.epoch": "LD-16b",
    "minibatch.class-stratified": "LD-16",
    "minibatch.offset-noise": "LD-16",
    "minibatch.expected-drift": "LD-16c",
    "minibatch.noise-growth": "LD-16d",
    "flow.update-rate": "LD-17",
    "flow.straight-line": "LD-17",
    "flow.loss": "LD-17",
    "adamw.first-step": "LD-18a",
    "adamw.step-size": "LD-18a",
    "adamw.margin": "LD-18a",
    "adamw.priority": "LD-18b",
    "adamw.symmetry": "LD-18b",
    "adamw.weight-decay": "LD-18c",
    "policy-accuracy.second-moment": "LD-19a",
    "policy-accuracy.from-loss": "LD-19b",
    "convex-loss.first-step": "LD-23",
    "convex-loss.layer-step": "LD-23",
    "convex-loss.update-rate": "LD-23",
    "convex-loss.direction": "LD-23",
    "convex-loss.loss": "LD-23",
    "convex-loss.accuracy": "LD-23",
    "convex-loss.from-loss": "LD-23",
    "convex-loss.comparator": "LD-23",
    "convex-loss.label-smoothing": "LD-23",
    "convex-loss.quadratic": "LD-23",
    "convex-loss.hinge": "LD-23",
    "convex-loss.hinge-flow": "LD-23",
    "generalisation.mean-shift": "LD-21",
    "generalisation.margin": "LD-21",
    "generalisation.fresh-sample": "LD-21",
    "generalisation.stability": "LD-22",
    "remainder.smoothness": "LD-20a",
    "remainder.first-step": "LD-20b",
    "remainder.run": "LD-20c",
}
THEOREMS = {
    theorem.id.removeprefix("learning-dynamics."): theorem for theorem in load_suites()["learning_dynamics"].theorems
}
every_theorem = pytest.mark.parametrize("theorem", THEOREMS.values(), ids=THEOREMS)


def test_the_suite_has_exactly_these_theorems() -> None:
    """Ids are a contract: reports, expectations and selections are keyed by them."""
    assert sorted(STATEMENTS) == sorted(THEOREMS)
    assert {theorem.id for theorem in THEOREMS.values()} == {f"learning-dynamics.{aspect}" for aspect in STATEMENTS}


@pytest.mark.parametrize("aspect", STATEMENTS)
def test_the_docstring_names_the_statement_of_the_theory(aspect: str) -> None:
    """Beside the title, a whole sentence that states the claim in words."""
    theorem = THEOREMS[aspect]

    assert re.search(rf"\b{STATEMENTS[aspect]}\b", theorem.doc)
    assert len(theorem.title.split()) >= 6


@every_theorem
def test_a_theorem_has_a_source(theorem: Theorem) -> None:
    """The seed paper, at a section of it."""
    assert theorem.source.key == "im2024understanding"
    assert re.fullmatch(r"Section \d", theorem.source.where)


@every_theorem
def test_a_theorem_has_a_proof_or_says_why_not(theorem: Theorem) -> None:
    """One of the two, in one line; a proof tells its domain."""
    assert bool(theorem.proofs) != bool(theorem.no_proof)
    assert all(proof.domain for proof in theorem.proofs)
    assert "\n" not in (theorem.no_proof or "")


@every_theorem
def test_a_theorem_can_be_seen_to_fail(theorem: Theorem) -> None:
    """A bound has two mutants at least; of an identity one will do, or the wrong engines that it refutes."""
    identity = all(isinstance(relation, sp.Eq) for relation in theorem.states.values())

    assert len(theorem.mutants) >= (1 if identity else 2)


@every_theorem
def test_every_relation_has_a_mutant_of_its_own(theorem: Theorem) -> None:
    """A relation that no mutant stands under could be emptied unnoticed."""
    broken = {name for mutant in theorem.mutants.values() for name in mutant_states(theorem, mutant)}

    assert broken == set(theorem.states)


@every_theorem
def test_the_statement_renders(theorem: Theorem) -> None:
    """In LaTeX with balanced brackets and no bare name; with its mutants and premises, as text."""
    relations = dict(theorem.states)
    for name, mutant in theorem.mutants.items():
        relations |= {f"{name} {key}": part for key, part in mutant_states(theorem, mutant).items()}
        relations |= {f"{name} {key}": part for key, part in mutant_given(theorem, mutant).items()}
    rendered = latex({**relations, **theorem.given})

    assert rendered.count("{") == rendered.count("}")
    assert rendered.count(r"\left") == rendered.count(r"\right")
    bare = [
        symbol.name for symbol in theorem.symbols if "_" in symbol.name and symbol.name in rendered.replace(r"\_", "_")
    ]
    assert bare == []
    assert describe_in_full(theorem)["latex"] == latex(theorem.states)


def test_the_suites_import_without_torch() -> None:
    """A subject imports it when it is built; a host that collects theorems does not pay for it."""
    program = (
        "import sys; from alignprops.registry import find_theorems; assert len(find_theorems()) >= 26; "
        "print(*sorted({'torch', 'transformers', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
