"""A host's log-probabilities of sequences behind the interface of the kind `sequence-logprob`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from alignprops._errors import InputError, UnknownNameError
from alignprops.atoms import is_tensor
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.logprob import (
    INDEX,
    LABELS,
    LOGITS,
    LOGPS,
    MASK,
    STATES,
    STATES_BIAS,
    Form,
    LogpProblem,
)
from alignprops.conformance.logprob_case import LogpCase
from alignprops.losses.logprobs.formula import LOGPROB, SHIFTED, SHIFTING
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Binding, Role, bind, options_of
from alignprops.subjects.adapters.calling import as_normal
from alignprops.subjects.adapters.outputs import Returned
from alignprops.subjects.adapters.probing import near
from alignprops.subjects.sequence_scores import of_tensors

ROLES = (
    Role("logits", ("policy_logits", "shift_logits", "lm_logits"), told="logits, (B, T, V)"),
    Role(
        "labels",
        ("index", "input_ids", "targets", "target", "target_ids", "tokens", "token_ids", "label_ids", "shift_labels"),
        required=True,
        told="the tokens",
    ),
    Role(
        "mask",
        ("loss_mask", "completion_mask", "response_mask", "attention_mask", "action_mask", "label_mask", "masks"),
        told="1 where a token counts",
    ),
    Role("states", ("hidden_states", "hidden", "last_hidden_state", "_input", "x"), told="inputs of the unembedding"),
    Role(
        "weight",
        ("lm_head_weight", "unembedding", "unembedding_weight", "vocab_weights", "linear_weight", "lin_weight"),
        told="the unembedding, (V, d)",
    ),
    Role("bias", ("lm_head_bias", "linear_bias"), told="of the unembedding, (V,)"),
    *(Role(option.name, option.aliases, told=option.told) for option in LOGPROB.options),
)
RETURNED = (
    Returned(
        LOGPS,
        (
            "logprobs",
            "log_probs",
            "per_token_logps",
            "token_logps",
            "log_probabilities",
            "token_log_probs",
            "all_logps",
        ),
    ),
)


def adapt_logprob(code: Any, adaptation: Adaptation) -> Conformer:
    """The code as a conformer; a function of one argument is called with `SequenceTensors`.

    Raises:
        InputError: something must be said and is not, or contradicts the code.
    """
    if adaptation.loss not in (None, LOGPROB.name):
        raise UnknownNameError("formula of sequence-logprob", adaptation.loss, [LOGPROB.name])
    if _takes_tensors(code, adaptation):
        return _called_with_tensors(code)
    binding = bind(code, ROLES, adaptation)
    taken, constants = options_of(LOGPROB, binding, adaptation)
    asked = Conformer(
        as_normal(binding, adaptation, RETURNED),
        LOGPROB,
        options=taken,
        constants=constants,
        extras=binding.extras,
        precision=adaptation.precision,
        assumptions=(f"judged as {LOGPROB.name}: {LOGPROB.title}", *binding.told),
        binding=binding,
    )
    return _settled(asked, binding, adaptation)


def _takes_tensors(code: Any, adaptation: Adaptation) -> bool:
    """Whether it is a function of one thing that is no input of this kind."""
    if adaptation.map or not callable(code) or inspect.isclass(code):
        return False
    try:
        parameters = inspect.signature(code).parameters.values()
    except (TypeError, ValueError):
        return False
    names = {name for role in ROLES for name in (role.name, *role.aliases)}
    open_ones = [parameter for parameter in parameters if parameter.default is parameter.empty]
    return len(open_ones) == 1 and open_ones[0].kind is not open_ones[0].VAR_KEYWORD and open_ones[0].name not in names


def _called_with_tensors(code: Any) -> Conformer:
    """The code as a function of `SequenceTensors`, on which it is tried: an argument of any name proves nothing.

    Raises:
        InputError: it does not run on them, or returns something else than one number a row.
    """
    how = "its one argument has no name of this kind, so that it is called with SequenceTensors"
    made = of_tensors(code, f"{how}, and runs on them")
    try:
        returned = made.function(LogpCase(made, _SEQUENCES).call())[LOGPS]
    except Exception as error:  # whatever somebody's code raises
        raise InputError(f"{how}, on which it raised {type(error).__name__}: {error}") from error
    rows = (len(_SEQUENCES.tokens),)
    if not is_tensor(returned) or tuple(returned.shape) != rows:
        what = f"shape {tuple(returned.shape)}" if is_tensor(returned) else f"a {type(returned).__name__}"
        raise InputError(f"{how}; {what} came back where one log-probability a row was expected, shape {rows}")
    return made


# --- what is settled by calling it once ---------------------------------------------------------------------------

#: Three ragged sequences on which conventions, forms and reductions differ.
_SEQUENCES = LogpProblem(
    states=np.array(
        [
            [[1.0, -2.0], [0.5, 3.0], [-1.5, 0.75], [2.0, 1.0]],
            [[-1.0, 0.25], [3.0, 2.0], [1.25, -0.5], [0.5, 0.5]],
            [[0.5, 1.0], [-2.0, 1.0], [0.25, -1.5], [1.0, -0.5]],
        ]
    ),
    weight=np.array([[1.0, 0.0], [-0.5, 2.0], [1.5, -1.0], [0.25, 0.75], [-1.0, -0.5]]),
    bias=np.array([0.5, -1.0, 0.0, 2.0, 0.25]),
    tokens=np.array([[0, 1, 2, 3], [3, 0, 4, 2], [4, 3, 1, 0]]),
    mask=np.array([[0, 1, 1, 0], [0, 1, 0, 0], [0, 1, 1, 1]]),
    choices=np.zeros(8, dtype=np.int64),
    upstream=np.ones((3, 4)),
    dtype="float64",
)


def _settled(asked: Conformer, binding: Binding, adaptation: Adaptation) -> Conformer:
    """The conformer with its form, its alignment and its reduction, and how they were found."""
    forms = list(_forms(binding, adaptation))
    variants = [LOGPROB.variant(adaptation.variant)] if adaptation.variant else list(LOGPROB.variants)
    reductions = [adaptation.reduction] if adaptation.reduction else ["sum", "mean", "none"]
    running: list[tuple[Conformer, bool]] = []
    failures: list[str] = []
    for form, variant, reduction in product(forms, variants, reductions):
        candidate = replace(asked, form=form, variant=variant, reduction=reduction)
        fits = _fit(candidate)
        if isinstance(fits, str):
            failures.append(fits)
        else:
            running.append((candidate, fits))
    if not running:
        raise InputError(f"on a small float64 input {failures[0]}; see --form, --reduction and --returns")
    matching = [candidate for candidate, fits in running if fits]
    settled = (matching or [candidate for candidate, _ in running])[0]
    told = _told(settled, matching, running, adaptation)
    return replace(settled, assumptions=(*settled.assumptions, *told))


def _forms(binding: Binding, adaptation: Adaptation) -> Iterator[str]:
    """The forms that the arguments allow, or the one that the user names."""
    has = {name: binding.takes(name) for name in ("logits", "states", "weight", "bias", "mask", "ignore_index")}
    if has["logits"] == has["states"] or has["states"] != has["weight"]:
        raise InputError(
            "its inputs are neither logits nor states with the weight of the unembedding; say which arguments they "
            "are: --map logits=ARGUMENT, or --map states=ARGUMENT and --map weight=ARGUMENT"
        )
    if adaptation.form:
        form = Form.named(adaptation.form)
        if form.fused != has["states"] or (form.targets == MASK) != has["mask"]:
            raise InputError(f"form is {adaptation.form!r}, which does not go with its arguments (see --map)")
        yield adaptation.form
        return
    source = LOGITS if has["logits"] else STATES_BIAS if has["bias"] else STATES
    targets = [MASK] if has["mask"] else [LABELS] if has["ignore_index"] else [LABELS, INDEX]
    yield from (f"{source}/{target}" for target in targets)


def _fit(candidate: Conformer) -> bool | str:
    """Whether its values on the probe are those of the formula; or why it cannot be judged in that form."""
    case = LogpCase(candidate, _SEQUENCES)
    try:
        outputs = candidate.function(case.call())
    except InputError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever somebody's code raises: another form may do
        return f"it raised {type(error).__name__}: {error}"
    shape = tuple(outputs[LOGPS].shape)
    expected = case.expected
    if shape != expected.value.shape:
        return f"it returned shape {shape}; expected (B,) = (3,), (B, T − 1) = (3, 3) or (B, T) = (3, 4)"
    return near(case.values(case.found), expected)


def _told(
    settled: Conformer, matching: list[Conformer], running: list[tuple[Conformer, bool]], adaptation: Adaptation
) -> Iterator[str]:
    form = Form.named(settled.form)
    if adaptation.form is None:
        told = {
            LABELS: "labels with the ignored index (-100 unless an argument says another) where nothing is scored",
            MASK: "the tokens everywhere, and a mask of those that are scored",
            INDEX: "the tokens everywhere, all scored: it takes no mask, and no ignored index either",
        }[form.targets]
        yield f"its form is {settled.form!r}: it is given {told}"
    if adaptation.reduction is None:
        yield f"what it returns is {_REDUCTIONS[settled.reduction]} (its shape and its value on a probe say so)"
    if adaptation.variant is None:
        yield _told_alignment(settled, matching, {candidate.variant for candidate, _ in running})
    if not matching:
        yield "on a small probe its value is not that of the formula, in any form, alignment or reduction"


_REDUCTIONS = {
    "none": "one log-probability a token",
    "sum": "the sum over the scored tokens",
    "mean": "the mean over the scored tokens",
}


def _told_alignment(settled: Conformer, matching: list[Conformer], possible: set[str]) -> str:
    meaning = LOGPROB.variants[settled.variant]
    other = SHIFTED if settled.variant == SHIFTING else SHIFTING
    if len(possible) == 1:
        return f"judged by the alignment {settled.variant!r}, {meaning}: the shape of what it returns says so"
    if len({candidate.variant for candidate in matching}) == 1:
        return (
            f"judged by the alignment {settled.variant!r}, {meaning}: its value on a probe is that of no other; "
            f"if it is meant otherwise, say --convention {other}"
        )
    return f"judged by the usual alignment {settled.variant!r}, {meaning}; say another with --convention {other}"
