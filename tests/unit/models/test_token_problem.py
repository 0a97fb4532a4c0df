"""Whole responses as a problem of the head alone: the model's own log-ratios, the tokens that differ, the step size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import save_model_in

from alignprops import Verdict, evaluate, find_theorems
from alignprops.dynamics.remainder import Remainder, step_size
from alignprops.models.loading import LanguageModel, load_model
from alignprops.subjects import observed_responses
from alignprops.subjects.observed_responses import REMAINDER, ResponseHead
from alignprops.subjects.token_head import COUNTERFEITS
from alignprops.training.logps import response_logps
from alignprops.training.pairs import TokenPairs
from alignprops.training.token_problem import SHARE, shared_positions, token_head_problem, where_they_differ


def token_pairs(prompts: Sequence[Any], chosen: Sequence[Any], rejected: Sequence[Any]) -> TokenPairs:
    """Ragged pairs of one behaviour."""
    n = len(prompts)
    sides = [tuple(np.array([*p, *r]) for p, r in zip(prompts, side, strict=True)) for side in (chosen, rejected)]
    zeros, none = np.zeros(n, np.int64), ("",) * n
    return TokenPairs(*sides, np.array([len(p) for p in prompts]), zeros, ("b",), zeros, none, none)


PAIRS = token_pairs([[1, 5], [1, 6, 7], [1, 7]], [[8, 9, 2], [10, 11], [12]], [[8, 10, 11, 2], [12, 11], [12, 2]])


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """Random weights; nobody changes them."""
    return load_model(save_model_in(tmp_path_factory.mktemp("models"), "llama", spread=3.0), dtype="float64")


def test_it_has_the_models_own_log_ratios(llama: LanguageModel) -> None:
    """And those of the model with another head; a common beginning cancels."""
    problem = token_head_problem(llama, PAIRS, beta=0.5, steps=2)

    def ratios() -> Any:
        with torch.no_grad():
            chosen, rejected = response_logps(llama.network, PAIRS, range(3))
        return (chosen - rejected).numpy()

    assert problem.log_ratios(problem.head) == pytest.approx(ratios(), rel=1e-10)
    weight, moved = llama.network.get_output_embeddings().weight, problem.head + 100 * problem.probe
    kept = weight.detach().clone()
    try:
        weight.data.copy_(torch.as_tensor(moved))
        assert problem.log_ratios(moved) == pytest.approx(ratios(), rel=1e-10)
    finally:
        weight.data.copy_(kept)
    assert np.abs(problem.differences(moved)).min() > 1e-3


@pytest.mark.parametrize("architecture", ["cohere", "gpt2"])
def test_other_heads_are_scaled_as_they_are(save_model: Callable[..., Path], architecture: str) -> None:
    """A logit scale is part of the states; a tied head is as good."""
    model = load_model(save_model(architecture), dtype="float64")
    problem = token_head_problem(model, PAIRS, beta=0.5, steps=1)

    with torch.no_grad():
        chosen, rejected = response_logps(model.network, PAIRS, range(3))

    assert problem.log_ratios(problem.head) == pytest.approx((chosen - rejected).numpy(), rel=1e-9, abs=1e-12)


def test_one_token_answers_are_a_special_case(llama: LanguageModel) -> None:
    """One position serves both; nothing bends (LD-20d with no position of its own)."""
    pairs = token_pairs([[1, 5], [1, 6, 7]], [[8], [9]], [[9], [8]])

    problem = token_head_problem(llama, pairs, beta=0.5, steps=2)

    assert problem.states.shape == (2, 2, 1, 16)
    assert np.array_equal(problem.states[:, 0], problem.states[:, 1])
    assert problem.tokens.tolist() == [[[8], [9]], [[9], [8]]]
    assert problem.smoothness.tolist() == [0, 0]


def test_positions_with_the_same_context_are_counted() -> None:
    """The common beginning and the first token that differs; to the end of a response that the other continues."""
    assert shared_positions(PAIRS).tolist() == [2, 1, 1]
    longer = token_pairs([[1]] * 2, [[5, 6, 7], [5, 6]], [[5, 6, 8], [5, 6, 7]])
    assert shared_positions(longer).tolist() == [3, 2]


def test_states_of_the_same_context_are_equal(llama: LanguageModel) -> None:
    """Although they are read in batches of different shapes."""
    problem = token_head_problem(llama, PAIRS, beta=0.5, steps=1)
    for pair, shared in enumerate(problem.shared):
        assert np.array_equal(problem.states[pair, 0, :shared], problem.states[pair, 1, :shared])
    assert not np.array_equal(problem.states[0, 0, 2], problem.states[0, 1, 2])


def test_the_tokens_that_differ_are_kept(llama: LanguageModel) -> None:
    """With one token before them; the log-ratio of the kept part does not change with what cancels."""
    pairs = token_pairs([[1], [1, 5]], [[5, 6, 7, 8, 9, 2], [6, 7]], [[5, 6, 7, 10, 11, 12], [6, 7, 8, 9, 10]])

    cut = where_they_differ(pairs, 3)

    assert [ids.tolist() for ids in cut.chosen] == [[1, 5, 6, 7, 8, 9], [1, 5, 6, 7]]
    assert [ids.tolist() for ids in cut.rejected] == [[1, 5, 6, 7, 10, 11], [1, 5, 6, 7, 8, 9]]
    assert cut.prompt_lengths.tolist() == [3, 3]
    whole = where_they_differ(pairs, 10)
    ratios = [token_head_problem(llama, part, beta=0.5, steps=1) for part in (pairs, whole)]
    assert ratios[0].log_ratios(ratios[0].head) == pytest.approx(ratios[1].log_ratios(ratios[1].head), rel=1e-10)


def test_the_step_size_is_half_of_what_is_allowed(llama: LanguageModel) -> None:
    """x = ηT(a + cR) with the model's own constants, by hand."""
    problem = token_head_problem(llama, PAIRS, beta=0.5, steps=3)

    remainder = Remainder(problem, problem.head[None])
    curvature, size = float(remainder.curvature.value), float(remainder.mean_feature_size.value)
    smoothness = problem.smoothness
    reach = problem.eta * 0.5 * 3 * size
    a = 0.25 * curvature / 4 + 0.5 * smoothness.mean()
    c = 0.25 * np.sqrt(curvature) * np.sqrt((smoothness**2).mean()) / 8
    assert problem.eta * 3 * (a + c * reach) == pytest.approx(SHARE, rel=1e-12)
    assert step_size(problem, SHARE) == pytest.approx((problem.eta, reach), rel=1e-12)
    assert np.linalg.norm(problem.probe) == pytest.approx(reach, rel=1e-12)


def test_nothing_that_moves_has_any_step_size(llama: LanguageModel) -> None:
    """States of 0 have no gradient."""
    problem = token_head_problem(llama, PAIRS, beta=0.5, steps=2)

    assert step_size(replace(problem, states=0 * problem.states), SHARE) == (1.0, 0.0)


# --- the subjects -----------------------------------------------------------------------------------------------------


def subject(model: LanguageModel, reads: list[int] | None = None) -> Any:
    """The head of a model on the pairs."""

    def load() -> tuple[LanguageModel, TokenPairs]:
        if reads is not None:
            reads.append(1)
        return model, PAIRS

    (made,) = ResponseHead("m", ("b",), load).subjects()
    return made


def test_the_theorems_hold_and_the_model_is_read_once(llama: LanguageModel) -> None:
    """Their premises are met."""
    reads: list[int] = []
    made = subject(llama, reads)
    assert (made.id, made.kind, reads) == ("m/head/b", "token-head", [])

    results = [evaluate(theorem, made) for theorem in find_theorems((REMAINDER,))]

    assert [(result.verdict, result.reason) for result in results] == [(Verdict.HELD, "held on the observed run")] * 3
    assert reads == [1]


@pytest.mark.parametrize("name", COUNTERFEITS)
def test_a_wrong_engine_is_refuted(llama: LanguageModel, name: str) -> None:
    """On the model's own states and tokens."""
    wrong = replace(subject(llama), get=lambda: COUNTERFEITS[name])

    verdicts = {evaluate(theorem, wrong).verdict for theorem in find_theorems((REMAINDER,))}

    assert Verdict.REFUTED in verdicts


def test_a_head_too_large_to_be_compared_is_told(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its size and the limit."""
    assert observed_responses.MOST_WEIGHTS * 2 * observed_responses.HEADS <= observed_responses.MOST_NUMBERS
    monkeypatch.setattr(observed_responses, "MOST_WEIGHTS", 96 * 16 - 1)

    result = evaluate(find_theorems((REMAINDER,))[0], subject(llama))

    assert (result.verdict, result.reason) == (
        Verdict.NOT_APPLICABLE,
        (
            "a head of 96 × 16 has 1,536 weights; on whole responses, where every row moves, heads are compared as a "
            "whole, and that up to 1,535 weights"
        ),
    )


def test_a_bias_is_told(save_model: Callable[..., Path]) -> None:
    """The theorem is about W x."""
    model = load_model(save_model("phi"))
    with torch.no_grad():
        model.network.get_output_embeddings().bias.fill_(0.5)

    result = evaluate(find_theorems((REMAINDER,))[0], subject(model))

    assert (result.verdict, result.reason) == (
        Verdict.NOT_APPLICABLE,
        "the head has a bias, of which it does not speak",
    )
