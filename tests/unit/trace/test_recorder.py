"""`TraceRecorder`: the same trace from a loop of one's own, and from `transformers.Trainer`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import preference_set
from transformers import Trainer, TrainingArguments

from alignprops import InputError, Trace, TraceRecorder
from alignprops.models.loading import LanguageModel, load_model
from alignprops.training import TrainSettings, train_model
from alignprops.training.logps import response_logps
from alignprops.training.output_head import output_head
from alignprops.training.pairs import TokenPairs, tokenize_pairs


@pytest.fixture
def model(save_model: Any) -> LanguageModel:
    """A random Llama."""
    return load_model(save_model("llama", spread=2.0))


@pytest.fixture
def split(model: LanguageModel) -> tuple[TokenPairs, TokenPairs]:
    """Training and evaluation pairs of two behaviours."""
    return tokenize_pairs(model, preference_set()).split(0.25, seed=0)


def test_a_loop_of_ones_own_leaves_the_trace_that_ours_does(
    model: LanguageModel, split: tuple[TokenPairs, TokenPairs], tmp_path: Path
) -> None:
    """Full-batch DPO by hand, recorded, against `train_model`."""
    train, evaluation = split
    network = copy.deepcopy(model.network).requires_grad_(True)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02)
    recorder = TraceRecorder(tmp_path / "own", train=train, evaluation=evaluation, evaluate_every=2)

    recorder.begin(network, settings={"learning_rate": 0.02})
    rows = range(len(train))
    with torch.no_grad():
        reference = torch.stack(response_logps(network, train, rows))
    for _ in range(5):
        optimizer.zero_grad()
        chosen, rejected = response_logps(network, train, rows)
        margins = 0.1 * ((chosen - reference[0]) - (rejected - reference[1]))
        loss: Any = -torch.nn.functional.logsigmoid(margins).mean()
        loss.backward()
        gradient_norm = float(torch.nn.utils.get_total_norm(p.grad for p in network.parameters()))
        optimizer.step()
        recorder.step(loss=float(loss.detach()), gradient_norm=gradient_norm, learning_rate=0.02)
    recorder.finish()

    settings = TrainSettings(method="full", optimizer="sgd", learning_rate=0.02, steps=5, evaluate_every=2)
    ours, own = train_model(model, *split, settings, tmp_path / "ours").trace, Trace.open(tmp_path / "own")
    assert own.finished
    assert own.settings["loss"] == "sigmoid"
    for name in ("step", "loss", "gradient_norm", "head_change", "parameter_change", "learning_rate"):
        np.testing.assert_allclose(own.steps[name], ours.steps[name], rtol=1e-4, err_msg=name)
    assert set(own.evaluations) == set(ours.evaluations)
    assert own.evaluations["step"].tolist() == [0, 2, 4, 5]
    for name in set(own.evaluations) - {"step"}:
        np.testing.assert_allclose(own.evaluations[name], ours.evaluations[name], atol=1e-5, err_msg=name)
    for when in ("states_start", "states_end"):
        for name, column in getattr(ours, when).items():
            np.testing.assert_allclose(getattr(own, when)[name], column, atol=1e-4, err_msg=name)
    for key in ("behaviours", "counts"):
        assert own.metadata[key] == ours.metadata[key]
    assert own.metadata["model"]["fingerprint"] == ours.metadata["model"]["fingerprint"]
    assert own.metadata["preferences"]["fingerprint"] == ours.metadata["preferences"]["fingerprint"]


class Texts(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Sequences to learn by next-token prediction."""

    def __init__(self, pairs: TokenPairs) -> None:
        self.rows = [torch.from_numpy(ids[:6].copy()) for ids in pairs.chosen]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self.rows[row], "labels": self.rows[row]}


def trained(network: Any, train: TokenPairs, folder: Path, callbacks: list[Any], **options: Any) -> Any:
    """A real trainer, six steps."""
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        max_steps=6,
        per_device_train_batch_size=4,
        learning_rate=0.05,
        optim="sgd",
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        seed=1,
        **{"logging_steps": 1, **options},
    )
    trainer: Any = Trainer(model=network, args=arguments, train_dataset=Texts(train), callbacks=callbacks)
    trainer.train()
    return trainer


def test_a_trainer_is_recorded(
    model: LanguageModel, split: tuple[TokenPairs, TokenPairs], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Loss and gradient norm from its logs, what moved and every behaviour from the model; training stays as it is."""
    train, evaluation = split
    recorded, alone = (copy.deepcopy(model.network).requires_grad_(True) for _ in range(2))
    start = output_head(recorded).weight.detach().clone()
    recorder = TraceRecorder(tmp_path / "trace", train=train, evaluation=evaluation, evaluate_every=4)

    history = trained(recorded, train, tmp_path, [recorder]).state.log_history
    trained(alone, train, tmp_path, [])

    assert all(torch.equal(one, other) for one, other in zip(recorded.parameters(), alone.parameters(), strict=True))
    trace = Trace.open(tmp_path / "trace")
    assert trace.finished
    logged = [entry for entry in history if "grad_norm" in entry]
    assert trace.steps["loss"].tolist() == [entry["loss"] for entry in logged]
    assert trace.steps["gradient_norm"].tolist() == [entry["grad_norm"] for entry in logged]
    np.testing.assert_allclose(trace.steps["learning_rate"], 0.05 * (1 - np.arange(6) / 6), rtol=1e-12)
    change = float((output_head(recorded).weight - start).detach().norm())
    assert trace.steps["head_change"][-1] == pytest.approx(change, rel=1e-6)
    assert (np.diff(trace.steps["parameter_change"]) != 0).all()
    assert trace.evaluations["step"].tolist() == [0, 4, 6]
    rows = range(len(evaluation))
    with torch.no_grad():
        new, old = (torch.stack(response_logps(net, evaluation, rows)) for net in (recorded, model.network))
    margins = 0.1 * ((new - old)[0] - (new - old)[1])
    np.testing.assert_allclose(trace.evaluations["evaluation.margins"][-1], margins, atol=1e-6)
    assert trace.settings["optimizer"] == "sgd"
    assert trace.settings["max_steps"] == 6


def test_what_a_trainer_does_not_tell_is_nan(
    model: LanguageModel, split: tuple[TokenPairs, TokenPairs], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log every third step has the mean of three losses, which is none of theirs; what moved is recorded anyhow."""
    options = {"logging_steps": 3, "logging_first_step": True}
    recorded, alone = (copy.deepcopy(model.network).requires_grad_(True) for _ in range(2))
    every = trained(alone, split[0], tmp_path, []).state.log_history

    trained(recorded, split[0], tmp_path, [TraceRecorder(tmp_path / "trace")], **options)

    trace = Trace.open(tmp_path / "trace")
    assert trace.finished
    norms = [entry["grad_norm"] for entry in every if "grad_norm" in entry]
    nan = float("nan")
    np.testing.assert_array_equal(trace.steps["loss"], [every[0]["loss"], nan, nan, nan, nan, nan])
    np.testing.assert_array_equal(trace.steps["gradient_norm"], [norms[0], nan, norms[2], nan, nan, norms[5]])
    assert (trace.steps["head_change"] > 0).all()
    assert len(trace.evaluations["step"]) == 0


def test_misuse_is_told(model: LanguageModel, split: tuple[TokenPairs, TokenPairs], tmp_path: Path) -> None:
    """Nothing before the beginning; no half of a split; no trainer that goes on."""
    recorder = TraceRecorder(tmp_path / "trace")
    with pytest.raises(InputError, match=r"nothing can be recorded before begin\(network\)"):
        recorder.step(loss=1.0)
    with pytest.raises(InputError, match=r"evaluate every is 0; expected at least 1 step"):
        TraceRecorder(tmp_path / "trace", evaluate_every=0)
    with pytest.raises(InputError, match=r"training and evaluation pairs must be of the same behaviours"):
        TraceRecorder(tmp_path / "trace", evaluation=split[1])

    class State:
        is_world_process_zero = True
        global_step = 3

    with pytest.raises(InputError, match=r"the trainer goes on from step 3, and a trace begins with step 1"):
        recorder.on_train_begin(None, State(), None, model=model.network)
    assert not (tmp_path / "trace").exists()


def test_what_is_no_number_is_refused_at_once(
    model: LanguageModel, split: tuple[TokenPairs, TokenPairs], tmp_path: Path
) -> None:
    """Tensors are numbers, also those with a graph; nothing recorded before is lost."""
    network = copy.deepcopy(model.network).requires_grad_(True)
    recorder = TraceRecorder(tmp_path / "trace")
    recorder.begin(network)
    loss = torch.tensor(0.5, requires_grad=True) * 2

    recorder.step(loss=loss, gradient_norm=np.float32(2.0), learning_rate=torch.tensor([0.1]))  # type: ignore[arg-type]
    for given, told in {
        None: r"loss is a NoneType \(None\); expected one number",
        "0.5": r"loss is a str \('0.5'\); expected one number",
        torch.ones(3): r"loss is of shape \(3,\); expected one number",
    }.items():
        with pytest.raises(InputError, match=told):
            recorder.step(loss=given)  # type: ignore[arg-type]
    recorder.finish()

    steps = Trace.open(tmp_path / "trace").steps
    assert [float(steps[name][0]) for name in ("loss", "gradient_norm")] == [1.0, 2.0]
    assert len(steps["step"]) == 1


def test_what_cannot_be_recorded_is_refused_at_once(model: LanguageModel, tmp_path: Path) -> None:
    """Pairs that are none, a network that is a name, a folder that is taken, steps after the end."""
    told = r"train is a PreferenceSet; expected TokenPairs, as alignprops.training.pairs.tokenize_pairs\("
    with pytest.raises(InputError, match=told):
        TraceRecorder(tmp_path / "trace", train=preference_set())  # type: ignore[arg-type]
    recorder = TraceRecorder(tmp_path / "trace")
    with pytest.raises(InputError, match=r"begin was given a str \('gpt2'\); expected the network that is trained"):
        recorder.begin("gpt2")
    assert not (tmp_path / "trace").exists()
    recorder.begin(model.network)
    with pytest.raises(InputError, match=r"begin was called before"):
        recorder.begin(model.network)
    recorder.finish()
    with pytest.raises(InputError, match=r"the run is finished; nothing can be recorded after finish\(\)"):
        recorder.step(loss=1.0)
    with pytest.raises(InputError, match=r"trace: not empty; choose a new folder for the trace"):
        TraceRecorder(tmp_path / "trace")


@pytest.mark.parametrize("told_loss", [True, False])
def test_a_run_that_diverges_says_so(
    model: LanguageModel, split: tuple[TokenPairs, TokenPairs], tmp_path: Path, told_loss: bool
) -> None:
    """By its loss, or by the log-probabilities that an evaluation finds; the steps are kept."""
    network = copy.deepcopy(model.network).requires_grad_(True)
    recorder = TraceRecorder(tmp_path / "trace", train=split[0], evaluation=split[1], evaluate_every=2)
    recorder.begin(network)
    recorder.step(loss=0.7)
    if told_loss:
        recorder.step(loss=float("nan"))
    else:
        network.model.norm.weight.data.fill_(3e38)  # finite itself
        recorder.step(loss=0.6)
    recorder.step(loss=0.5)
    recorder.finish()

    trace = Trace.open(tmp_path / "trace")
    assert trace.end is not None
    assert trace.end["message"].startswith(
        "the loss of step 2 is nan" if told_loss else "the policy's log-probabilities after step 2 are "
    )
    assert trace.evaluations["step"].tolist() == [0]
    assert repr(trace) == f"Trace({str(tmp_path / 'trace')!r}: diverged, steps: 3, evaluations: 1)"
