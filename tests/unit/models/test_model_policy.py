"""A language model before its first step: against differences, against the small policies, in float64 throughout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from small_models import save_model_in
from torch import Tensor, nn

from alignprops import Verdict, evaluate, find_theorem
from alignprops._errors import ModelError
from alignprops.dynamics.policies import Policy
from alignprops.dynamics.policy_problem import PolicyProblem
from alignprops.models import policy as policy_of_models
from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.policy import NOTHING, ModelPolicy, describe_pairs
from alignprops.models.widened import Widened
from alignprops.subjects import tuned
from alignprops.subjects.subject import NotApplicable
from alignprops.subjects.tuned import TunedModel, first_step_policy, policy_subject, with_first_step
from alignprops.training.logps import response_logps
from alignprops.training.pairs import TokenPairs

PROMPTS = ([1, 5, 6], [1, 7])
CHOSEN = ([8, 9], [10, 11, 2])
REJECTED = ([9], [10, 12, 13, 2])


def token_pairs(prompts: Sequence[Any], chosen: Sequence[Any], rejected: Sequence[Any]) -> TokenPairs:
    """Ragged pairs of one behaviour."""
    n = len(prompts)
    sides = [tuple(np.array([*p, *r]) for p, r in zip(prompts, side, strict=True)) for side in (chosen, rejected)]
    zeros, none = np.zeros(n, np.int64), ("",) * n
    return TokenPairs(*sides, np.array([len(p) for p in prompts]), zeros, ("b",), zeros, none, none)


PAIRS = token_pairs(PROMPTS, CHOSEN, REJECTED)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """Random weights, not large enough to saturate; nobody changes them."""
    return load_model(save_model_in(tmp_path_factory.mktemp("models"), "llama", spread=3.0, num_hidden_layers=1))


@pytest.fixture(scope="module")
def whole(llama: LanguageModel) -> ModelPolicy:
    """All of its weights, on both pairs."""
    return of(llama)


def of(model: LanguageModel, pairs: TokenPairs = PAIRS, *, kind: type[ModelPolicy] = ModelPolicy) -> ModelPolicy:
    """The policy of all weights, its step as small as need be."""
    names = [name for name, _ in model.network.named_parameters()]
    return with_first_step(kind(model.network, pairs, beta=0.5, eta=1.0, trained=names))


def judged(policy: ModelPolicy, theorem: str) -> Any:
    """The verdict of a theorem on it, and why."""
    result = evaluate(find_theorem(f"learning-dynamics.{theorem}"), policy_subject("m/full/b", lambda: policy))
    return result.verdict, result.reason


# --- what it computes -------------------------------------------------------------------------------------------------


def test_log_probabilities_are_those_of_training(llama: LanguageModel) -> None:
    """Of the same network in float64, at every length; the model itself stays as it was."""
    before = {name: weight.clone() for name, weight in llama.network.named_parameters()}
    policy = of(llama)  # a copy of its own

    with torch.no_grad():
        found = [policy.log_probabilities(policy.reference, side) for side in policy._sequences]
    expected = response_logps(llama.network, PAIRS, range(2))

    for mine, theirs in zip(found, expected, strict=True):
        assert mine.dtype == torch.float64
        assert mine.numpy() == pytest.approx(theirs.detach().numpy(), rel=1e-5)
    assert all(torch.equal(weight, before[name]) for name, weight in llama.network.named_parameters())


def test_the_gradient_is_that_of_differences(whole: ModelPolicy) -> None:
    """Central differences of the loss and of each log-ratio, in random directions."""
    policy, generator, h = whole, torch.Generator().manual_seed(0), 1e-4
    for _ in range(3):
        direction = torch.randn(len(policy.reference), generator=generator, dtype=torch.float64)
        direction /= direction.norm()
        ahead, behind = policy.reference + h * direction, policy.reference - h * direction
        with torch.no_grad():
            slope = float(policy.loss(ahead) - policy.loss(behind)) / (2 * h)
        assert slope == pytest.approx(float(policy.gradient @ direction), rel=1e-5, abs=1e-8)
    step = policy.gradient / policy.gradient.norm()
    with torch.no_grad():
        heights = policy.log_ratio_differences(policy.reference + h * step)
        heights = (heights - policy.log_ratio_differences(policy.reference - h * step)) / (2 * h)
    along = policy.ratios_along_gradient.value / float(policy.gradient.norm())
    assert heights.numpy() == pytest.approx(along, rel=1e-4)


class Wrapped(nn.Module):
    """The small transformer of the toy tier, dressed as a model of `transformers`."""

    def __init__(self, toy: Any, vocabulary: int) -> None:
        super().__init__()
        self.toy = toy
        sizes = SimpleNamespace(hidden_size=8, num_hidden_layers=1, vocab_size=vocabulary)
        self.config = SimpleNamespace(get_text_config=lambda: sizes)
        self._weight = SimpleNamespace(weight=torch.zeros(vocabulary, 1))

    def get_output_embeddings(self) -> Any:
        return self._weight

    def set_attn_implementation(self, name: str) -> None:
        assert name == "eager"

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None, *, use_cache: bool) -> Any:
        assert not use_cache
        return SimpleNamespace(logits=self.toy(input_ids))


@pytest.mark.parametrize("kind", ["table", "network", "transformer"])
def test_it_agrees_with_the_small_policies_on_their_networks(kind: Any) -> None:
    """Two implementations, one network: log-ratios, gradient, slopes by forward mode, and the step."""
    parts = {
        "prompts": np.array([[0, 1], [2, 3]]),
        "chosen": np.array([[1, 2], [0, 4]]),
        "rejected": np.array([[3, 2], [1, 1]]),
    }
    problem = PolicyProblem(kind, **parts, vocabulary=5, seed=0, eta=2.0**-6, beta=0.5, steps=1)
    toy = Policy(problem)
    network = Wrapped(toy._module, 5)
    names = [name for name, _ in network.named_parameters()]

    pairs = token_pairs(*parts.values())
    policy = ModelPolicy(network, pairs, beta=0.5, eta=2.0**-6, trained=names)

    assert torch.equal(policy.reference, toy.reference)
    moved = toy.reference + 0.1 * torch.sin(torch.arange(len(toy.reference), dtype=torch.float64))
    with torch.no_grad():
        assert policy.log_ratio_differences(moved).numpy() == pytest.approx(
            toy.log_ratio_differences(moved).numpy(), rel=1e-12
        )
    assert policy.gradient.numpy() == pytest.approx(toy.gradient.numpy(), rel=1e-12, abs=1e-15)
    assert policy.ratio_slopes.value == pytest.approx(toy.ratio_slopes.value, rel=1e-11)
    assert policy.ratios_along_gradient.value == pytest.approx(toy.ratios_along_gradient.value, rel=1e-11)
    assert policy.first_step.margins.value == pytest.approx(toy.first_step.margins.value, rel=1e-11)
    assert policy.first_step.drops.value == pytest.approx(toy.first_step.drops.value, rel=1e-10)


def test_other_pairs_share_the_weights_and_nothing_else(llama: LanguageModel, whole: ModelPolicy) -> None:
    """As if it had been made for them."""
    first = whole
    _ = first.first_order
    others = PAIRS.flipped().select([1])

    moved, fresh = with_first_step(first.with_pairs(others)), of(llama, others)

    assert moved._module is first._module
    assert torch.equal(moved.gradient, fresh.gradient)
    assert moved.problem.eta == fresh.problem.eta
    assert (moved.ratio_slopes.value, moved.roundings) == (fresh.ratio_slopes.value, fresh.roundings)
    assert len(first.first_order[0]) == 2


# --- float64 throughout -----------------------------------------------------------------------------------------------


def test_what_upcasts_to_float32_is_widened() -> None:
    """A norm as most models write it; `narrow` stays false."""
    x = torch.rand(4, dtype=torch.float64)
    mode = Widened()
    with mode:
        wide = [x.to(torch.float32), x.float(), x.to(dtype=torch.float32), torch.softmax(x, -1, dtype=torch.float32)]
    assert [part.dtype for part in wide] == [torch.float64] * 4
    assert torch.equal(wide[0], x)
    assert not mode.narrow


def test_float32_that_appears_nevertheless_is_noticed() -> None:
    """From a default dtype, or from a buffer that was float32 before."""
    mode = Widened()
    with mode:
        torch.ones(2)
    assert mode.narrow


def test_a_llama_is_read_in_float64(whole: ModelPolicy) -> None:
    """Its norm says float32: without widening its rounding shows."""
    assert not whole.narrow
    inputs = torch.tensor([[1, 5, 6, 8]])
    double = whole._module
    with torch.no_grad(), Widened():
        wide = double(input_ids=inputs, use_cache=False).logits
    with torch.no_grad():
        plain = double(input_ids=inputs, use_cache=False).logits
    apart = float((wide - plain).abs().max() / wide.abs().max())
    assert 1e-9 < apart < 1e-5


def test_a_network_that_insists_on_float32_is_noticed() -> None:
    """In the weights' own forward pass."""
    toy = Policy(PolicyProblem("table", *np.zeros((3, 1, 1), np.int64), 5, 0, 1.0, 0.5, 1))

    class Narrow(Wrapped):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            logits = super().forward(*args, **kwargs).logits
            return SimpleNamespace(logits=(logits + torch.zeros(1)).type(torch.FloatTensor).to(torch.float64))

    pairs = token_pairs([[0]], [[1]], [[2]])
    made = [
        ModelPolicy(kind(toy._module, 5), pairs, beta=0.5, eta=1.0, trained=["toy.logits"])
        for kind in (Wrapped, Narrow)
    ]

    assert [policy.narrow for policy in made] == [False, True]


def test_the_first_step_of_a_network_in_float32_is_not_judged(
    llama: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its remainder is smaller than the rounding: any would do."""
    monkeypatch.setattr(policy_of_models, "_computes_in_float32", lambda module, ids: True)
    told = (
        "a part of the network computes in float32 whatever it is given; the first step's remainder would be lost in "
        "rounding"
    )

    for subject in tuned_model(llama).subjects()[2:]:
        result = evaluate(find_theorem("learning-dynamics.first-step"), subject)
        assert (result.verdict, result.reason) == (Verdict.NOT_APPLICABLE, told)
    with pytest.raises(ModelError, match="computes in float32 whatever it is given"):
        first_step_policy(llama, PAIRS, "full", beta=0.5, seed=0)


def test_logits_that_are_too_many_are_told(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any is computed; the other behaviour, whose responses are shorter, is followed."""
    vocabulary = llama.network.get_output_embeddings().weight.shape[0]
    monkeypatch.setattr(tuned, "MOST_LOGITS", 4 * vocabulary)
    short, long = tuned_model(llama).subjects()[2:]
    assert max(len(PAIRS.chosen[0]), len(PAIRS.rejected[0])) == len(PAIRS.rejected[1]) - 1 == 5

    results = [evaluate(find_theorem("learning-dynamics.first-step"), subject) for subject in (short, long)]

    assert results[0].verdict is Verdict.HELD
    assert (results[1].verdict, results[1].reason) == (
        Verdict.NOT_APPLICABLE,
        (
            f"1 pairs of up to 5 tokens have 1 × 5 × {vocabulary} = {5 * vocabulary} logits; the first step is "
            f"followed up to {4 * vocabulary}"
        ),
    )
    with pytest.raises(ModelError, match="2 pairs of up to 5 tokens have 2 × 5 × "):
        first_step_policy(llama, PAIRS, "full", beta=0.5, seed=0)


# --- pairs as arrays --------------------------------------------------------------------------------------------------


def test_prompts_are_padded_left_and_responses_right() -> None:
    """With what is no token, so that a padded place cannot be taken for one."""
    problem = describe_pairs(PAIRS, vocabulary=96, beta=0.5, eta=0.25)

    assert problem.kind == "language-model"
    assert problem.prompts.tolist() == [[1, 5, 6], [NOTHING, 1, 7]]
    assert problem.chosen.tolist() == [[8, 9, NOTHING, NOTHING], [10, 11, 2, NOTHING]]
    assert problem.rejected.tolist() == [[9, NOTHING, NOTHING, NOTHING], [10, 12, 13, 2]]
    assert (problem.eta, problem.beta, problem.steps, NOTHING) == (0.25, 0.5, 1, -1)


# --- the first step ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_theorems_hold(llama: LanguageModel, method: Any) -> None:
    """At the step that was found."""
    pytest.importorskip("peft")
    policy = first_step_policy(llama, PAIRS, method, beta=0.5, seed=0)

    assert judged(policy, "first-order") == (Verdict.HELD, "held on the observed run")
    assert judged(policy, "first-step") == (Verdict.HELD, "held on the observed run")
    assert judged(policy, "linearised") == (Verdict.NOT_APPLICABLE, "it needs the gradients of all pairs at once")


def test_the_step_is_shortened_until_the_premise_holds(whole: ModelPolicy, monkeypatch: pytest.MonkeyPatch) -> None:
    """From one that is much too large; otherwise the theorem does not speak of it."""
    squared = float(whole.gradient @ whole.gradient)
    monkeypatch.setattr(tuned, "FIRST_MARGIN", 4.0)

    shortened = with_first_step(whole)
    first = whole.with_step(4.0 / (2 * squared))

    assert shortened.problem.eta <= first.problem.eta / 2
    step, too_large = shortened.first_step, first.first_step
    assert max(step.margin_wobble, step.drop_wobble) <= 1 / 4 < max(too_large.margin_wobble, too_large.drop_wobble)
    assert judged(shortened, "first-step")[0] is Verdict.HELD
    verdict, reason = judged(first, "first-step")
    assert verdict is Verdict.NOT_APPLICABLE
    assert reason.startswith("premise not met on this run")


def test_two_answers_of_one_token_share_a_forward_pass(llama: LanguageModel) -> None:
    """The log-ratio is the difference of the two log-probabilities, whose normaliser cancels."""
    cut = [
        tuple(ids[: length + 1] for ids, length in zip(side, PAIRS.prompt_lengths, strict=True))
        for side in (PAIRS.chosen, PAIRS.rejected)
    ]
    pairs = replace(PAIRS, chosen=cut[0], rejected=cut[1])
    policy = of(llama, pairs)
    apart = [policy.log_probabilities(policy.reference, side) for side in policy._sequences]

    assert pairs.one_token()
    assert policy._preference(policy.reference).numpy() == pytest.approx((apart[0] - apart[1]).numpy(), abs=1e-10)


class Doubled(ModelPolicy):
    """Takes its gradient for twice what it is."""

    def loss_gradient(self, theta: Tensor) -> Tensor:
        return 2 * super().loss_gradient(theta)


class Climbing(ModelPolicy):
    """Goes the wrong way."""

    def loss_gradient(self, theta: Tensor) -> Tensor:
        return -super().loss_gradient(theta)


class Clipped(ModelPolicy):
    """No entry of its gradient is larger than a quarter of the largest."""

    def loss_gradient(self, theta: Tensor) -> Tensor:
        gradient = super().loss_gradient(theta)
        limit = float(gradient.abs().max()) / 4
        return gradient.clamp(-limit, limit)


@pytest.mark.parametrize("kind", [Doubled, Climbing, Clipped])
def test_a_wrong_gradient_is_refuted(llama: LanguageModel, kind: type[ModelPolicy]) -> None:
    """By both theorems."""
    policy = of(llama, kind=kind)

    verdicts = [judged(policy, name)[0] for name in ("first-order", "first-step")]

    assert verdicts == [Verdict.REFUTED, Verdict.REFUTED]


# --- the subjects of the model tier -----------------------------------------------------------------------------------


def tuned_model(model: LanguageModel, reads: list[int] | None = None) -> TunedModel:
    """Two behaviours of one pair each."""
    pairs = replace(PAIRS, behaviours=np.array([0, 1]), names=("a", "b"))

    def load() -> tuple[LanguageModel, TokenPairs]:
        if reads is not None:
            reads.append(1)
        return model, pairs

    return TunedModel("m", ("a", "b"), load)


def test_subjects_read_the_model_once_and_only_when_asked(llama: LanguageModel) -> None:
    """A collection names them; both theorems look at one and the same policy."""
    reads: list[int] = []
    made = tuned_model(llama, reads)
    subjects = {subject.id: subject for subject in made.subjects()}

    assert list(subjects) == ["m/lora/a", "m/lora/b", "m/full/a", "m/full/b"]
    assert {subject.kind for subject in subjects.values()} == {"policy"}
    unread = evaluate(find_theorem("learning-dynamics.linearised"), subjects["m/full/a"])
    assert (unread.verdict, reads) == (Verdict.NOT_APPLICABLE, [])
    for name in ("first-order", "first-step"):
        assert evaluate(find_theorem(f"learning-dynamics.{name}"), subjects["m/full/b"]).verdict is Verdict.HELD
    assert reads == [1]
    a, b = made.policy("full", 0), made.policy("full", 1)
    assert not isinstance(a, NotApplicable)
    assert not isinstance(b, NotApplicable)
    assert a._module is b._module
    assert a.problem.prompts.tolist() == [[1, 5, 6]]
    assert b.problem.prompts.tolist() == [[1, 7]]
    assert made.policy("full", 1) is b


def test_what_is_kept_is_bounded(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The policies of all behaviours of a large model do not pile up."""
    made = tuned_model(llama)
    first = made.policy("full", 0)
    assert not isinstance(first, NotApplicable)
    monkeypatch.setattr(tuned, "KEPT", len(first.reference))

    made.policy("full", 1)

    assert list(made._kept) == [("full", 1)]


def test_a_network_too_large_for_float64_is_told(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """And let go."""
    monkeypatch.setattr(tuned, "MOST_PARAMETERS", 1000)
    made = tuned_model(llama)
    count = sum(weight.numel() for weight in llama.network.parameters())

    result = evaluate(find_theorem("learning-dynamics.first-order"), made.subjects()[0])

    assert (result.verdict, result.reason) == (
        Verdict.NOT_APPLICABLE,
        f"{count:,} parameters are too many for a copy in float64; the first step is followed up to 1,000",
    )
    assert isinstance(made._loaded[0], NotApplicable)


def test_without_peft_only_adapters_do_not_apply(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setitem(__import__("sys").modules, "peft", None)
    subjects = {subject.id: subject for subject in tuned_model(llama).subjects()}

    lora, full = (
        evaluate(find_theorem("learning-dynamics.first-order"), subjects[name]) for name in ("m/lora/a", "m/full/a")
    )

    assert (lora.verdict, lora.reason) == (
        Verdict.NOT_APPLICABLE,
        'method lora needs peft; install it with: pip install "alignprops[train]"',
    )
    assert full.verdict is Verdict.HELD


def test_a_network_that_forward_mode_cannot_read_is_told(save_model: Callable[..., Path]) -> None:
    """Bloom brings an autograd function of its own."""
    made = tuned_model(load_model(save_model("bloom")))

    result = evaluate(find_theorem("learning-dynamics.first-order"), made.subjects()[2])

    assert result.verdict is Verdict.NOT_APPLICABLE
    assert "a derivative of its own that works in reverse mode only" in result.reason
