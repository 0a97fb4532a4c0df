"""Head-only training: against plain autograd training of every row, and what an evaluation tells of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import preference_set

from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.tiny import tiny_model_folder
from alignprops.training import TrainSettings, head_matrix, train_model
from alignprops.training.logps import response_logps, response_states
from alignprops.training.output_head import output_head
from alignprops.training.pairs import TokenPairs, tokenize_pairs

STEPS = 50


def plain_head(model: LanguageModel, pairs: TokenPairs, settings: TrainSettings) -> tuple[torch.Tensor, list[float]]:
    """The whole head in float64 by autograd and `torch.optim`, and the loss of every step: DPO as it is written."""
    head = output_head(model.network)
    with torch.no_grad():
        x = head.scale * response_states(model.network, pairs, range(len(pairs))).states.double()
    tokens = torch.tensor([[int(a[-1]), int(b[-1])] for a, b in zip(pairs.chosen, pairs.rejected, strict=True)])
    bias = 0.0 if head.bias is None else head.bias.detach().double()
    weight = head.weight.detach().double().clone().requires_grad_()
    assert settings.learning_rate is not None
    kind: Any = torch.optim.SGD if settings.optimizer == "sgd" else torch.optim.AdamW
    optimizer = kind([weight], lr=settings.learning_rate, weight_decay=settings.weight_decay)

    def ratio() -> torch.Tensor:
        logps = (x @ weight.T + bias).log_softmax(-1).gather(1, tokens)  # (n, 2)
        return logps[:, 0] - logps[:, 1]

    reference, losses = ratio().detach(), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = -torch.nn.functional.logsigmoid(settings.beta * (ratio() - reference)).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return weight.detach(), losses


@pytest.mark.parametrize(
    ("optimizer", "rate", "decay"), [("sgd", 1.5, 0.0), ("sgd", 1.5, 0.01), ("adamw", 1e-2, 0.0), ("adamw", 1e-2, 0.1)]
)
def test_rows_agree_with_the_whole_head(
    model: LanguageModel, pairs: TokenPairs, tmp_path: Path, optimizer: Any, rate: float, decay: float
) -> None:
    """Loss of every step and final head, over 50 steps, in float64: to rounding."""
    model = load_model(tiny_model_folder(), dtype="float64")
    settings = TrainSettings(
        optimizer=optimizer, learning_rate=rate, weight_decay=decay, steps=STEPS, evaluate_every=STEPS
    )
    weight, losses = plain_head(model, pairs, settings)

    run = train_model(model, pairs, None, settings, tmp_path / "run")

    start = output_head(model.network).weight.detach().double()
    np.testing.assert_allclose(run.trace.steps["loss"], losses, rtol=0, atol=1e-12)
    assert abs(run.trace.steps["head_change"][-1] / float((weight - start).norm()) - 1) < 1e-9
    trained = output_head(run.network).weight
    assert float((trained - weight).abs().max()) < 1e-9
    assert float((weight - start).abs().max()) > 1e-2


@pytest.mark.parametrize("architecture", ["gemma", "cohere", "phi", "gpt2"])
def test_any_head_that_is_linear(save_model: Any, tmp_path: Path, architecture: str) -> None:
    """Tied, scaled, with a bias: the evaluation agrees with the network that the run gives."""
    model = load_model(save_model(architecture), dtype="float64")
    pairs = tokenize_pairs(model, preference_set())
    before = {name: weight.clone() for name, weight in model.network.state_dict().items()}
    settings = TrainSettings(steps=5, beta=0.5, weight_decay=0.02)

    run = train_model(model, pairs, None, settings, tmp_path / "run")

    rows = range(len(pairs))
    with torch.no_grad():
        old, new = (torch.stack(response_logps(net, pairs, rows)) for net in (model.network, run.network))
    change = (new - old).numpy()  # (2, n)
    np.testing.assert_allclose(run.trace.evaluations["train.margins"][-1], 0.5 * (change[0] - change[1]), atol=1e-9)
    for number in (0, 1):
        own = pairs.behaviours == number
        told = run.trace.evaluations["train.chosen_change"][-1, number]
        assert told == pytest.approx(change[0][own].mean(), abs=1e-9)
    assert all(torch.equal(before[name], weight) for name, weight in model.network.state_dict().items())


def test_losses_of_the_library_train(model: LanguageModel, pairs: TokenPairs, tmp_path: Path) -> None:
    """Each lowers itself; the figures are those of its formula."""
    for loss in ("sigmoid", "ipo", "hinge", "label-smoothed", "robust", "squared-hinge", "exponential"):
        run = train_model(model, pairs, None, TrainSettings(loss=loss, steps=3), tmp_path / loss)
        losses = run.trace.steps["loss"]
        assert losses[2] < losses[0], loss
    at_start = {"sigmoid": np.log(2), "ipo": 25.0, "hinge": 1.0, "squared-hinge": 1.0, "exponential": 1.0}
    for loss, value in at_start.items():
        trace = train_model(model, pairs, None, TrainSettings(loss=loss, steps=3), tmp_path / loss, resume=True).trace
        assert trace.steps["loss"][0] == pytest.approx(value, abs=1e-12)
        assert trace.evaluations["train.loss"][0] == pytest.approx(value, abs=1e-12)


def test_answers_of_several_tokens_train_the_whole_head(
    model: LanguageModel, pairs: TokenPairs, tmp_path: Path
) -> None:
    """On cached states; against plain autograd through the network with everything else frozen."""
    longer = replace(
        pairs,
        chosen=tuple(np.append(ids, [5, 7]) for ids in pairs.chosen),
        rejected=tuple(np.append(ids, [9]) for ids in pairs.rejected),
        signs=0 * pairs.signs,
    )
    settings = TrainSettings(steps=4, learning_rate=0.5, optimizer="sgd")
    run = train_model(model, longer, None, settings, tmp_path / "run")

    import copy

    network = copy.deepcopy(model.network)
    weight = output_head(network).module.weight.requires_grad_()
    losses = []
    with torch.no_grad():
        reference = torch.stack(response_logps(network, longer, range(len(longer))))
    for _ in range(4):
        chosen, rejected = response_logps(network, longer, range(len(longer)))
        loss: Any = -torch.nn.functional.logsigmoid(0.1 * ((chosen - reference[0]) - (rejected - reference[1]))).mean()
        losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, weight)
        weight.data -= 0.5 * gradient
    np.testing.assert_allclose(run.trace.steps["loss"], losses, rtol=0, atol=1e-6)
    assert float((output_head(run.network).weight - weight.detach()).abs().max()) < 1e-6
    assert losses[3] < losses[0] - 1e-3


def test_states_of_whole_responses_wait_in_half_precision_on_the_cpu(
    save_model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, never a second time to put them together; a batch of them is what a fresh reading gives."""
    model = load_model(save_model("llama"), dtype="bfloat16")
    short = tokenize_pairs(model, preference_set())
    chosen = tuple(np.append(ids, [5, 7, 6][: 1 + row % 3]) for row, ids in enumerate(short.chosen))
    pairs = replace(short, chosen=chosen, rejected=tuple(np.append(ids, [9]) for ids in short.rejected))
    monkeypatch.setattr(head_matrix, "_READ_AT_ONCE", 2)
    cat, largest = torch.cat, [0]

    def watched(parts: Any, *args: Any, **options: Any) -> torch.Tensor:
        made = cat(parts, *args, **options)
        largest.append(made.numel())
        return made

    with monkeypatch.context() as watching:
        watching.setattr(torch, "cat", watched)
        policy = head_matrix.HeadMatrix(model, {"train": pairs})

    held = policy._cache["train"]._states
    assert (held.dtype, held.device.type) == (torch.bfloat16, "cpu")
    assert held.untyped_storage().nbytes() == 2 * held.numel()
    assert max(largest) < held.numel()
    rows = [3, 0, 2]
    scored = policy._cache["train"].scored(rows, like=policy.weights["head.weight"])
    with torch.no_grad():
        fresh = response_states(model.network, pairs, rows)
        told = torch.stack(response_logps(model.network, pairs, rows))
        found = policy.log_ratios("train", rows)
    assert scored.states.dtype == torch.float32
    assert scored.targets.tolist() == fresh.targets.tolist()
    np.testing.assert_allclose(scored.states, fresh.states.float(), atol=0.02)
    np.testing.assert_allclose(found, told[0] - told[1], atol=0.05)
    away = policy._cache["train"].scored(rows, like=torch.empty(1, device="meta"))
    assert {tensor.device.type for tensor in (away.states, away.targets, away.slots)} == {"meta"}
