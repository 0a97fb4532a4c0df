"""A host's tokenisation function, collator or pairing behind the interface of the kind `preference-data`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from alignprops._errors import InputError, UnknownNameError
from alignprops.conformance.call import Call
from alignprops.conformance.conformer import Conformer
from alignprops.conformance.preference_data import (
    COLLATE,
    DATA_FORMATS,
    MISMATCH,
    REFUSED,
    TOKENISE,
    Pair,
    PreferenceDataProblem,
)
from alignprops.conformance.preference_data_case import (
    EXAMPLE_FORMS,
    TEXT,
    TEXT_FORMS,
    DataConformer,
    PreferenceDataCase,
)
from alignprops.conformance.specification import Specification
from alignprops.conformance.stub_tokenizer import EOS
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.binding import Binding, Role, bind, options_of
from alignprops.subjects.adapters.forms import FORMS
from alignprops.subjects.adapters.preference_layouts import pair_in, pairs_in

_SHARED = (
    Role("tokenizer", ("processing_class", "tok", "processor"), told="a small tokenizer of our own"),
    Role("max_length", ("max_len", "max_seq_length", "max_seq_len"), told="the longest row in tokens"),
    Role("pad_token_id", ("pad_id", "padding_value", "pad_value"), told="the id of padding"),
    Role("eos_token_id", ("eos_id",), told="the id of the end token"),
)
_ROLES = {
    TOKENISE: (
        Role("prompt", told="the prompt's text"),
        Role("chosen", told="the chosen answer's text"),
        Role("rejected", told="the rejected answer's text"),
        Role("example", ("features", "row", "sample", "feature"), told="a mapping of prompt, chosen and rejected"),
        *_SHARED,
    ),
    COLLATE: (Role("examples", ("features", "batch", "instances", "samples"), told="a list of examples"), *_SHARED),
    MISMATCH: (
        Role("prompts", ("prompt",), told="the prompts in order"),
        Role("completions", ("completion", "answers", "responses"), told="their answers"),
        Role("batch", ("examples", "features"), told="a mapping of prompt and completion to lists"),
        Role("batch_size", ("total_batch_size", "per_device_batch_size"), told="rows in a step"),
    ),
}


def roles(name: str) -> list[Role]:
    """What code of this format may be called with."""
    options = DATA_FORMATS[name].options
    return [*_ROLES[name], *(Role(option.name, option.aliases, told=option.told) for option in options)]


def adapt_preference_data(code: Any, adaptation: Adaptation) -> Conformer:
    """The code as a conformer.

    Raises:
        InputError: something must be said and is not, contradicts the code, or the code fails on a small input.
    """
    if adaptation.loss is None:
        raise InputError(f"what does it do? Say so with --loss, one of: {', '.join(DATA_FORMATS)}")
    if adaptation.loss not in DATA_FORMATS:
        raise UnknownNameError("format of preference data", adaptation.loss, DATA_FORMATS)
    specification = DATA_FORMATS[adaptation.loss]
    how = bind(code, roles(specification.name), adaptation)
    _require_inputs(specification, how)
    taken, constants = options_of(specification, how, adaptation)
    forms = {TOKENISE: TEXT_FORMS, COLLATE: EXAMPLE_FORMS, MISMATCH: {"": ""}}[specification.name]
    if adaptation.form is not None and adaptation.form not in forms:
        known = ", ".join(f"{name!r} ({told})" for name, told in forms.items())
        raise InputError(f"form is {adaptation.form!r}; expected {known}")
    conformer = DataConformer(
        lambda call: {},
        specification,
        variant=specification.variant(adaptation.variant),
        form=adaptation.form or (TEXT if specification.name == TOKENISE else ""),
        options=taken,
        constants=constants,
        extras=how.extras,
        binding=None if specification.name == TOKENISE or how.takes("tokenizer") else how,
        assumptions=(f"judged as {specification.name}: {specification.title}", *how.told),
        takes=frozenset(how.roles),
        how=how,
    )
    return _settled(with_code(conformer, code), adaptation)


def _require_inputs(specification: Specification, how: Binding) -> None:
    wanted = {
        TOKENISE: (("prompt", "chosen", "rejected"), ("example",)),
        COLLATE: (("examples",),),
        MISMATCH: (("prompts", "completions"), ("batch",)),
    }[specification.name]
    if not any(all(how.takes(name) for name in names) for names in wanted):
        told = " or ".join(", ".join(names) for names in wanted)
        raise InputError(f"it needs arguments for {told}; say which they are with --map {wanted[0][0]}=ARGUMENT")


def with_code(conformer: DataConformer, code: Callable[..., Any]) -> DataConformer:
    """The same conformer with other code in its place, called the same way."""
    how = replace(conformer.how, code=code)
    makers = {TOKENISE: _tokenising, COLLATE: _collating, MISMATCH: _pairing}
    return replace(conformer, how=how, function=makers[conformer.task](how))


# --- calls ------------------------------------------------------------------------------------------------------


def _given(call: Call, how: Binding) -> tuple[dict[str, Any], dict[str, Any]]:
    """Copies of what the code is given, and its extras."""
    values = {name: value for name, value in call.options.items() if how.takes(name)}
    return copy.deepcopy(values), {name: call.options[name] for name in how.extras if name in call.options}


def _tokenising(how: Binding) -> Callable[[Call], Mapping[str, Any]]:
    def called(call: Call) -> Mapping[str, Any]:
        pairs: list[Pair] = []
        modified = 0
        for example in call.options["examples"]:
            values, extras = _given(call, how)
            values |= dict(example) | {"example": dict(example)}
            try:
                result = how(values, extras)
                pairs.append(REFUSED if result is None else pair_in(result))
            except InputError:
                raise
            except ValueError:
                pairs.append(REFUSED)
            modified += int(how.takes("example") and values["example"] != example and result is not values["example"])
        return {"pairs": pairs, "modified": modified}

    return called


def _collating(how: Binding) -> Callable[[Call], Mapping[str, Any]]:
    def called(call: Call) -> Mapping[str, Any]:
        values, extras = _given(call, how)
        count = len(call.options["examples"])
        try:
            pairs = pairs_in(how(values, extras), count)
        except InputError:
            raise
        except ValueError:
            pairs = [REFUSED] * count
        return {"pairs": pairs, "modified": int(values["examples"] != call.options["examples"])}

    return called


def _pairing(how: Binding) -> Callable[[Call], Mapping[str, Any]]:
    def called(call: Call) -> Mapping[str, Any]:
        values, extras = _given(call, how)
        result = how(values, extras)
        prompts, answers = _paired(result, call)
        return {
            "prompt_rows": _rows_of(prompts, call.options["prompts"]),
            "sources": _rows_of(answers, call.options["completions"]),
            "modified": int(any(values[name] != call.options[name] for name in values)),
        }

    return called


def _paired(result: Any, call: Call) -> tuple[Any, Any]:
    if isinstance(result, Mapping):
        prompts = result.get("prompt", result.get("prompts", call.options["prompts"]))
        answers = next((result[name] for name in ("completion", "completions", "answers") if name in result), None)
        if answers is None:
            raise InputError(f"a mapping of {', '.join(result)} came back; expected one with completion")
        return prompts, answers
    if isinstance(result, tuple) and len(result) == 2:
        return result
    if isinstance(result, list):
        return call.options["prompts"], result
    raise InputError(f"a {type(result).__name__} came back; expected prompts and completions, or completions alone")


def _rows_of(found: Any, given: list[list[int]]) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Which of the given lists each found one is; −1 if none."""
    lists = [list(one) for one in given]
    rows = []
    for at, one in enumerate(found):
        same = [row for row, other in enumerate(lists) if other == list(one)]
        # Lists that are alike cannot be told apart: its own place is the charitable reading.
        row = at if at in same else next(iter(same), -1)
        rows.append(row)
    return np.array(rows, dtype=np.int64)


# --- what a probe settles ---------------------------------------------------------------------------------------


def _settled(conformer: DataConformer, adaptation: Adaptation) -> Conformer:
    if conformer.task != COLLATE:
        outcome = _probed(conformer)
        ends = conformer.task != TOKENISE or EOS in outcome["pairs"][0].chosen.labelled
        told = [f"its inputs are {TEXT_FORMS[TEXT]}"] if conformer.form == TEXT and adaptation.form is None else []
        told += [] if ends else ["it puts no end token behind an answer that has none"]
        return replace(conformer, ends=ends, assumptions=(*conformer.assumptions, *told))
    return _settled_collator(conformer, adaptation)


def _settled_collator(conformer: DataConformer, adaptation: Adaptation) -> Conformer:
    failures: list[str] = []
    for form in [adaptation.form] if adaptation.form else EXAMPLE_FORMS:
        candidate = replace(conformer, form=form)
        try:
            outcome = _probed(candidate)
        except InputError as error:
            failures.append(f"{form} ({FORMS['preference-data'][form]}): {error}")
            continue
        side = adaptation.variant or _side(outcome["pairs"])
        first = outcome["pairs"][0]
        together = first.chosen.ids.size == first.rejected.ids.size
        told = (*candidate.assumptions, *_told(form, side, adaptation))
        return replace(candidate, variant=side, together=together, assumptions=told)
    raise InputError("it runs on no form of examples (--form): " + "; ".join(failures))


def _told(form: str, side: str, adaptation: Adaptation) -> Iterator[str]:
    if adaptation.form is None:
        yield f"its inputs are {EXAMPLE_FORMS[form]}: it runs on them"
    if adaptation.variant is None:
        yield f"it pads on the {side}, as on a small probe"


def _side(pairs: list[Pair]) -> str:
    short = pairs[1].chosen
    return "left" if short.mask.size and short.mask[0] == 0 and short.mask[-1] != 0 else "right"


def _probed(conformer: DataConformer) -> dict[str, Any]:
    try:
        outcome = PreferenceDataCase(conformer, _PROBE).outcome
    except InputError:
        raise
    except Exception as error:  # whatever somebody's code raises: without it nothing can be checked
        raise InputError(f"it raised on a small input: {type(error).__name__}: {error}") from error
    if "pairs" in outcome and any(pair.reported for pair in outcome["pairs"]):
        raise InputError("it refused a small input of two ordinary examples with a ValueError")
    return outcome


#: Two examples, the second shorter, without a limit.
_PROBE = PreferenceDataProblem(
    prompts=np.array([[2, 4, 0], [5, 0, 0]]),
    prompt_lengths=np.array([3, 1]),
    chosen=np.array([[4, 5, 2], [3, 0, 0]]),
    chosen_lengths=np.array([3, 1]),
    rejected=np.array([[5, 0, 0], [4, 2, 0]]),
    rejected_lengths=np.array([1, 2]),
    templated=np.array([0, 0]),
    history=np.array([0, 0]),
    adds_bos=1,
    pad_is_eos=0,
    max_length=0,
    block=2,
    choices=np.zeros(8, dtype=np.int64),
)
