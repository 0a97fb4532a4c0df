"""The kinds of subjects: what a measure may call, the honest references, and the counterfeits."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alignprops._errors import InputError, UnknownNameError
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.conformance import Conformance
from alignprops.subjects.subject import Subject
from alignprops.theorems import Theorem


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of subject.

    Attributes:
        name: as theorems and the command line spell it.
        protocol: in one sentence, what the object is called with and what it returns.
        references: the honest subjects, on which every theorem of the kind is attacked.
        counterfeits: subjects made wrong on purpose, by name; some theorem must refute each.
        adapt: turns a user's object into what the measures take.
        adapt_with: the same with what the user says of it, for the kinds of host code (then `adapt` is not asked).
        conformance: for the kinds of host code, how a refutation is explained.
    """

    name: str
    protocol: str
    references: tuple[Subject, ...]
    counterfeits: Mapping[str, Subject] = field(default_factory=dict)
    adapt: Callable[[Any], Any] = lambda thing: thing
    adapt_with: Callable[[Any, Adaptation], Any] | None = None
    conformance: Conformance | None = None

    def adapted(self, thing: Any, adaptation: Adaptation) -> Any:
        """A user's object as the measures take it.

        Raises:
            InputError: it cannot be put behind the interface of the kind.
        """
        if self.adapt_with is not None:
            return self.adapt_with(thing, adaptation)
        if adaptation != Adaptation():
            raise InputError(f"a {self.name!r} subject has one form; it takes no --loss, --map or other parameters")
        return self.adapt(thing)


#: Kinds that a real model is observed as: its unembedding, trained.
OBSERVED_KINDS = ("last-layer", "convex-head", "mini-batch", "gradient-flow", "adamw", "weight-decay")
#: Kinds that it is observed as beside, in the model tier: before its first step, and its head on whole responses.
TUNED_KINDS = ("policy", "token-head")

_KINDS: dict[str, Kind] = {}
#: Modules that register the built-in kinds, imported when a kind is first asked for.
_BUILT_IN = {
    "last-layer": "alignprops.subjects.last_layer",
    "convex-head": "alignprops.subjects.convex_head",
    "token-head": "alignprops.subjects.token_head",
    "mini-batch": "alignprops.subjects.minibatch",
    "gradient-flow": "alignprops.subjects.flow",
    "adamw": "alignprops.subjects.adamw",
    "weight-decay": "alignprops.subjects.weight_decay",
    "two-layer": "alignprops.subjects.two_layer",
    "policy": "alignprops.subjects.policy",
    "classifier": "alignprops.subjects.classifier",
    "sequence-logprob": "alignprops.subjects.sequence_logprob",
    "pairwise-loss": "alignprops.subjects.pairwise_loss",
    "unpaired-loss": "alignprops.subjects.unpaired_loss",
    "aggregation": "alignprops.subjects.aggregation",
    "kl-estimator": "alignprops.subjects.kl_estimator",
    "policy-loss": "alignprops.subjects.policy_loss",
    "advantages": "alignprops.subjects.advantages",
    "preference-data": "alignprops.subjects.preference_data",
}


#: The kinds of host code, which `alignprops check` recognises by the arguments that it takes.
HOST_KINDS = (
    "pairwise-loss",
    "unpaired-loss",
    "sequence-logprob",
    "aggregation",
    "kl-estimator",
    "policy-loss",
    "advantages",
    "preference-data",
)


def register_kind(kind: Kind) -> Kind:
    """Make a kind known by its name; a second one of that name is refused (the same, registered anew, is not)."""
    known = _KINDS.get(kind.name)
    if known is not None and known.protocol != kind.protocol:
        raise InputError(f"the kind {kind.name!r} is registered already; choose another name")
    _KINDS[kind.name] = kind
    return kind


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises:
        UnknownNameError: there is none.
    """
    if name not in _KINDS and name in _BUILT_IN:
        importlib.import_module(_BUILT_IN[name])
    if name not in _KINDS:
        raise UnknownNameError("subject kind", name, {*_KINDS, *_BUILT_IN})
    return _KINDS[name]


def parse_subject(
    spec: str | Any, kind: str, *, subject_id: str | None = None, adaptation: Adaptation | None = None
) -> Subject:
    """A user's object as a subject: the object itself, or `package.module:attribute`.

    Raises:
        InputError: the spec does not lead to an object, or the object does not fit the kind.
    """
    thing = resolve(spec) if isinstance(spec, str) else spec
    name = spec if isinstance(spec, str) else _name_of(thing)
    try:
        made = kind_named(kind).adapted(thing, adaptation or Adaptation())
    except UnknownNameError:
        raise
    except InputError as error:
        raise InputError(f"subject {name!r}: {error}") from error
    recipe = adaptation.recipe if adaptation is not None else {}
    return Subject(subject_id or name, kind, lambda: made, recipe=recipe)


def _name_of(thing: Any) -> str:
    name = f"{getattr(thing, '__module__', 'host')}:{getattr(thing, '__qualname__', type(thing).__name__)}"
    return name.replace("<", "").replace(">", "")


def resolve(spec: str) -> Any:
    """The object that `package.module:attribute` leads to.

    Raises:
        InputError: the spec has another form, or the module cannot be imported.
        UnknownNameError: the module has no such attribute.
    """
    module_name, colon, attribute = spec.partition(":")
    if not colon or not module_name or not attribute:
        raise InputError(f"subject {spec!r}: expected package.module:attribute")
    try:
        thing: Any = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module raises while it is imported
        told = f"{type(error).__name__}: {error}"
        raise InputError(f"subject {spec!r}: the module {module_name} cannot be imported: {told}") from error
    for part in attribute.split("."):
        if not hasattr(thing, part):
            raise UnknownNameError(
                f"attribute of {module_name}", part, [n for n in dir(thing) if not n.startswith("_")]
            )
        thing = getattr(thing, part)
    return thing


def references_for(theorem: Theorem) -> tuple[Subject, ...]:
    """The honest subjects that a theorem is attacked on."""
    return tuple(subject for subject in kind_named(theorem.kind).references if subject.silence(theorem) is None)
