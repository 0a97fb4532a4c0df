"""Runs of adapters and whole models: against straight-line code; what may be resumed; what is told when it fails."""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_models import preference_set

from alignprops import InputError, Trace
from alignprops.models.loading import LanguageModel, load_model
from alignprops.models.silence import silence
from alignprops.training import TrainSettings, loop, train_model
from alignprops.training.batches import step_rows
from alignprops.training.final import trained_network
from alignprops.training.loop import DivergedError
from alignprops.training.network_policy import NetworkPolicy, full_policy
from alignprops.training.output_head import output_head
from alignprops.training.pairs import TokenPairs, tokenize_pairs

Split = tuple[TokenPairs, TokenPairs]


def plain_full(model: LanguageModel, pairs: TokenPairs, settings: TrainSettings) -> tuple[Any, list[float]]:
    """Every weight, by the logits of all positions and `torch.optim`."""
    network = copy.deepcopy(model.network).requires_grad_(True)
    assert settings.learning_rate is not None
    kind: Any = torch.optim.SGD if settings.optimizer == "sgd" else torch.optim.AdamW
    optimizer = kind(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)

    def ratio(row: int) -> torch.Tensor:
        prompt = torch.from_numpy(pairs.chosen[row][:-1].copy())[None]
        logps = network(input_ids=prompt).logits[0, -1].log_softmax(-1)
        return logps[pairs.chosen[row][-1]] - logps[pairs.rejected[row][-1]]

    with torch.no_grad():
        reference = [ratio(row) for row in range(len(pairs))]
    losses = []
    for step in range(1, (settings.steps or 0) + 1):
        optimizer.zero_grad()
        margins = [settings.beta * (ratio(row) - reference[row]) for row in step_rows(settings, len(pairs), step)]
        loss: Any = -torch.nn.functional.logsigmoid(torch.stack(margins)).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return network, losses


@pytest.mark.parametrize(("optimizer", "rate", "decay"), [("sgd", 0.05, 0.1), ("adamw", 1e-3, 0.1)])
def test_full_training_is_dpo_as_it_is_written(
    model: LanguageModel, split: Split, tmp_path: Path, optimizer: Any, rate: float, decay: float
) -> None:
    """Losses and final weights of straight-line code."""
    settings = TrainSettings(
        method="full", optimizer=optimizer, learning_rate=rate, weight_decay=decay, steps=4, batch_size=5
    )
    network, losses = plain_full(model, split[0], settings)

    run = train_model(model, *split, settings, tmp_path / "run")

    np.testing.assert_allclose(run.trace.steps["loss"], losses, rtol=0, atol=2e-6)
    trained, moved = run.network.state_dict(), 0.0
    for name, weight in network.state_dict().items():
        # Adam's first steps are signs of gradients: where these are rounding, so is the step.
        assert float((trained[name] - weight).abs().median()) < 1e-6
        moved += float((weight - model.network.state_dict()[name]).square().sum())
    assert run.trace.steps["parameter_change"][-1] == pytest.approx(moved**0.5, rel=1e-3)
    change = output_head(run.network).weight - output_head(model.network).weight
    assert run.trace.steps["head_change"][-1] == pytest.approx(float(change.detach().norm()), rel=1e-4)


@pytest.mark.parametrize("method", ["head", "lora", "full"])
def test_accumulated_batches_are_one_big_batch(model: LanguageModel, split: Split, tmp_path: Path, method: Any) -> None:
    """The same pairs, the same loss and gradient, to rounding; batches of unequal sizes, 6, 5 and 5, too."""
    shared = TrainSettings(method=method, optimizer="sgd", learning_rate=0.02, steps=3)
    big = train_model(model, *split, replace(shared, batch_size=6), tmp_path / "big").trace
    small = train_model(model, *split, replace(shared, batch_size=2, gradient_accumulation=3), tmp_path / "small").trace
    whole = train_model(model, *split, shared, tmp_path / "whole").trace
    parts = train_model(model, *split, replace(shared, gradient_accumulation=3), tmp_path / "parts").trace

    assert len(split[0]) % 3
    for one, other in ((big, small), (whole, parts)):
        for column in ("loss", "gradient_norm", "parameter_change"):
            np.testing.assert_allclose(other.steps[column], one.steps[column], rtol=2e-5, err_msg=column)
    assert abs(big.steps["gradient_norm"] - whole.steps["gradient_norm"]).max() > 1e-4


def test_flipped_training_swaps_every_label(model: LanguageModel, split: Split, tmp_path: Path) -> None:
    """Margins of flipped full-batch head training are those of plain training; its own labels are the others."""
    plain = train_model(model, *split, TrainSettings(steps=5), tmp_path / "plain").trace
    flipped = train_model(model, *split, TrainSettings(steps=5, flip=True), tmp_path / "flipped").trace

    np.testing.assert_allclose(
        flipped.evaluations["train.margins"], plain.evaluations["train.margins"], rtol=0, atol=1e-12
    )
    for side, other in (("chosen", "rejected"), ("rejected", "chosen")):
        np.testing.assert_array_equal(flipped.reference[f"train.{side}"], plain.reference[f"train.{other}"])  # type: ignore[index]


def test_a_reference_can_be_given(model: LanguageModel, split: Split, tmp_path: Path) -> None:
    """Of the pairs as given, also where they are flipped: training an aligned model away from its old reference."""
    aligned_run = train_model(model, *split, TrainSettings(method="lora", learning_rate=5e-3, steps=10), tmp_path / "a")
    aligned = replace(model, network=aligned_run.network)
    kept = aligned_run.trace.reference
    assert kept is not None
    old = np.concatenate(
        [np.stack([kept[f"{part}.chosen"], kept[f"{part}.rejected"]], 1) for part in ("train", "evaluation")]
    )

    settings = TrainSettings(method="full", optimizer="sgd", learning_rate=0.01, steps=1, flip=True)
    away = train_model(aligned, *split, settings, tmp_path / "b", reference=old).trace

    won = aligned_run.trace.evaluations["train.margins"][-1]
    np.testing.assert_allclose(away.evaluations["train.margins"][0], -won, atol=1e-5)
    assert abs(won).max() > 1e-2
    with pytest.raises(
        InputError, match=r"the reference is of shape \(3, 2\); expected \(24, 2\), a row for each pair"
    ):
        train_model(model, *split, settings, tmp_path / "c", reference=old[:3])


def test_half_precision_keeps_masters(model: LanguageModel, split: Split, tmp_path: Path) -> None:
    """Updates far below bfloat16's rounding add up; what is saved is bfloat16 again."""
    from alignprops.models.tiny import load_tiny_model

    half = load_tiny_model(dtype="bfloat16")
    settings = TrainSettings(method="full", optimizer="sgd", learning_rate=1e-3, steps=4, batch_size=6)

    trace = train_model(half, *split, settings, tmp_path / "run").trace

    assert trace.evaluations["train.accuracy"][0].tolist() == [0, 0]
    policy = full_policy(half, {"train": split[0]})
    assert isinstance(policy, NetworkPolicy)
    assert {weight.dtype for weight in policy.weights.values()} == {torch.float32}
    rate, norms = 1e-3, trace.steps["gradient_norm"]
    assert trace.steps["parameter_change"][0] == pytest.approx(rate * norms[0], rel=1e-3)
    faster = train_model(half, *split, replace(settings, learning_rate=0.05), tmp_path / "faster")
    assert abs(faster.trace.evaluations["train.margins"][-1]).max() > 1e-3
    assert {weight.dtype for weight in faster.network.parameters()} == {torch.bfloat16}


def test_adapters_are_read_as_safetensors_or_not_at_all(
    save_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No pickle, no look at the hub, no configuration of the folder's own; the random numbers stay where they are."""
    import peft

    model = load_model(save_model("llama"))
    settings = TrainSettings(method="lora", lora_rank=3, lora_alpha=5, learning_rate=0.05, steps=3)
    run = train_model(model, tokenize_pairs(model, preference_set()), None, settings, tmp_path / "run")
    final = tmp_path / "run" / "final"
    with silence():
        theirs: Any = peft.PeftModel.from_pretrained(copy.deepcopy(model.network), final).merge_and_unload()
    (final / "adapter_config.json").write_text("{}")
    torch.manual_seed(1)
    drawn = torch.rand(3)
    torch.manual_seed(1)

    ours = run.network

    assert torch.equal(torch.rand(3), drawn)
    assert all(torch.equal(weight, theirs.state_dict()[name]) for name, weight in ours.state_dict().items())
    assert not any(torch.equal(*pair) for pair in zip(*map(projections, (ours, model.network)), strict=True))
    narrow = load_model(save_model("llama", hidden_size=8))
    with pytest.raises(InputError, match=r"final: adapters of another model: base_model\.\S+ has the shape \(16, 3\)"):
        trained_network(narrow, tmp_path / "run")
    monkeypatch.setattr(peft.PeftModel, "from_pretrained", None)
    torch.save({}, final / "adapter_model.bin")
    (final / "adapter_model.safetensors").unlink()
    with pytest.raises(
        InputError, match=r"adapter_model\.safetensors: missing or damaged .*; train again into another"
    ):
        trained_network(model, tmp_path / "run")
    shutil.rmtree(final)
    with pytest.raises(InputError, match=r"final: missing; the run is not finished, go on with it by --resume"):
        trained_network(model, tmp_path / "run")


def projections(network: Any) -> list[torch.Tensor]:
    """What adapters stand on."""
    return [weight for name, weight in network.named_parameters() if "proj" in name]


@pytest.mark.parametrize("method", ["head", "lora", "full"])
def test_runs_of_a_random_llama(save_model: Any, tmp_path: Path, method: Any) -> None:
    """Any model, in float64; the model that training began with is left alone."""
    model = load_model(save_model("llama"), dtype="float64")
    pairs = tokenize_pairs(model, preference_set())
    before = {name: weight.clone() for name, weight in model.network.state_dict().items()}

    run = train_model(model, pairs, None, TrainSettings(method=method, optimizer="sgd", steps=3), tmp_path / "run")

    assert run.trace.finished
    assert set(before) == set(model.network.state_dict())
    assert all(torch.equal(before[name], weight) for name, weight in model.network.state_dict().items())
    assert not any(weight.requires_grad for weight in model.network.parameters())
    assert run.trace.evaluations["train.accuracy"][0].tolist() == [0, 0]
    assert run.trace.steps["loss"][0] == pytest.approx(np.log(2), abs=1e-12)


# --- going on -------------------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(model: LanguageModel, split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A head run that was interrupted at its eighth step of twelve; checkpoints every five."""
    step_as_it_is = loop.train_step

    def train_step(job: Any, step: int) -> None:
        if step == 8:
            raise KeyboardInterrupt
        step_as_it_is(job, step)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train_step", train_step)
        with pytest.raises(KeyboardInterrupt):
            train_model(model, *split, STOPPED, tmp_path / "run")
    return tmp_path / "run"


STOPPED = TrainSettings(steps=12, batch_size=4, learning_rate=0.5, checkpoint_every=5, evaluate_every=2)


def test_an_interruption_leaves_a_usable_trace(stopped: Path) -> None:
    """All steps that were done, and the evaluations."""
    trace = Trace.open(stopped)

    assert trace.steps["step"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert trace.evaluations["step"].tolist() == [0, 2, 4, 6]
    assert not trace.finished


def test_going_on_ends_like_an_undisturbed_run(
    model: LanguageModel, split: Split, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with another number of threads before; the reference is not computed again."""
    from killed_runs import require_equal

    whole = train_model(model, *split, STOPPED, tmp_path / "whole").folder
    threads = torch.get_num_threads()
    monkeypatch.setattr("alignprops.training.head_rows.HeadRows.all_logps", _counted(calls := []))
    torch.set_num_threads(threads + 1)
    try:
        run = train_model(model, *split, STOPPED, stopped, resume=True)
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)

    require_equal(whole, run.folder)
    assert len(calls) == 8  # of two splits at steps 6, 8, 10 and 12


def _counted(calls: list[str]) -> Any:
    from alignprops.training.head_rows import HeadRows

    as_it_is = HeadRows.all_logps

    def all_logps(self: HeadRows, split: Any) -> Any:
        calls.append(split)
        return as_it_is(self, split)

    return all_logps


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"learning_rate": 0.25}, "learning_rate was 0.5 and is 0.25"),
        ({"seed": 1, "beta": 0.2}, "beta was 0.1 and is 0.2; seed was 0 and is 1"),
        ({"method": "full", "optimizer": "sgd"}, "method was 'head' and is 'full'"),
    ],
)
def test_other_settings_are_refused(
    model: LanguageModel, split: Split, stopped: Path, change: dict[str, Any], told: str
) -> None:
    """And named."""
    with pytest.raises(InputError, match=f"--resume goes on with the settings that a run began with; {told}; give"):
        train_model(model, *split, replace(STOPPED, **change), stopped, resume=True)


def test_other_pairs_and_models_are_refused(model: LanguageModel, split: Split, stopped: Path, save_model: Any) -> None:
    """By their contents, not by their names."""
    fewer = split[0].select(range(len(split[0]) - 1))
    with pytest.raises(InputError, match=r"preferences fingerprint was '\w{12}…' and is"):
        train_model(model, fewer, split[1], STOPPED, stopped, resume=True)
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        next(network.parameters())[0, 0] += 1
    with pytest.raises(InputError, match=r"model fingerprint was '\w{12}…' and is"):
        train_model(replace(model, network=network), *split, STOPPED, stopped, resume=True)


def test_a_folder_is_not_overwritten(model: LanguageModel, split: Split, stopped: Path, tmp_path: Path) -> None:
    """Neither a run that was cut short nor a finished one; a finished one is left as it is by resume."""
    with pytest.raises(InputError, match=r"holds a run that was cut short, which --resume continues; nothing is over"):
        train_model(model, *split, STOPPED, stopped)
    train_model(model, *split, STOPPED, stopped, resume=True)
    with pytest.raises(InputError, match=r"holds a finished run; nothing is overwritten, choose another folder"):
        train_model(model, *split, STOPPED, stopped)
    times = {path: path.stat().st_mtime_ns for path in stopped.rglob("*")}
    assert train_model(model, *split, STOPPED, stopped, resume=True).trace.finished
    assert times == {path: path.stat().st_mtime_ns for path in stopped.rglob("*")}
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"not empty; choose a new folder for the trace"):
        train_model(model, *split, STOPPED, tmp_path / "other", resume=True)


def test_a_damaged_checkpoint_is_told(model: LanguageModel, split: Split, stopped: Path) -> None:
    """Half a file, and one of another run."""
    path = stopped / "checkpoint" / "checkpoint.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"checkpoint.safetensors: not a readable checkpoint"):
        train_model(model, *split, STOPPED, stopped, resume=True)
    run = Trace.open(stopped).metadata["run"].encode()
    path.write_bytes(whole.replace(run, bytes(reversed(run))))
    with pytest.raises(InputError, match=r"checkpoint.safetensors: of another run than the metadata.json beside it"):
        train_model(model, *split, STOPPED, stopped, resume=True)


def test_remains_of_a_killed_process_are_removed(model: LanguageModel, split: Split, stopped: Path) -> None:
    """Temporary files and a half-made final folder."""
    (stopped / ".steps-00000009.safetensors.x1").write_bytes(b"half")
    (stopped / ".final-x").mkdir()
    (stopped / "checkpoint" / ".checkpoint.safetensors.x").write_bytes(b"half")

    train_model(model, *split, STOPPED, stopped, resume=True)

    assert not [path for path in stopped.rglob("*") if path.name.startswith(".")]
    assert not (stopped / "checkpoint").exists()


# --- what fails -----------------------------------------------------------------------------------------------------


def test_a_loss_that_is_not_finite_stops_the_run(model: LanguageModel, split: Split, tmp_path: Path) -> None:
    """It is told with step and rows; what was recorded stays, and the run cannot be gone on with."""
    settings = TrainSettings(loss="exponential", learning_rate=1e8, steps=9, batch_size=3, evaluate_every=9)
    told = (
        r"the loss of step 2 is not finite, from generated/[a-z-]+:\d+.*; lower the learning rate \(the trace is kept\)"
    )

    with pytest.raises(DivergedError, match=told):
        train_model(model, *split, settings, tmp_path / "run")

    trace = Trace.open(tmp_path / "run")
    assert trace.steps["step"].tolist() == [1]
    assert not trace.finished
    assert trace.end is not None
    assert trace.end["status"] == "diverged"
    with pytest.raises(
        InputError, match=r"the run diverged: .* of step 2 .* begin another with other settings"
    ) as found:
        train_model(model, *split, settings, tmp_path / "run", resume=True)
    assert str(found.value).count("learning rate") == 1


@pytest.mark.parametrize("rate", [1e300, 1e308])
def test_weights_that_overflow_stop_the_run(model: LanguageModel, split: Split, tmp_path: Path, rate: float) -> None:
    """Also where the loss is finite still: what is recorded of a step is."""
    settings = TrainSettings(learning_rate=rate, steps=3, evaluate_every=1)

    with pytest.raises(
        DivergedError, match=r"^the change of the weights of step 1 is not finite, from .*; lower the le"
    ):
        train_model(model, *split, settings, tmp_path / "run")

    trace = Trace.open(tmp_path / "run")
    assert (trace.finished, trace.steps["step"].tolist()) == (False, [])


def test_an_evaluation_that_overflows_stops_the_run(model: LanguageModel, split: Split, tmp_path: Path) -> None:
    """Figures are refused though every log-probability is finite: the exponential loss of a large negative margin."""
    settings = TrainSettings(loss="exponential", learning_rate=1e8, steps=9, evaluate_every=1)

    with pytest.raises(DivergedError, match=r"^the loss of [a-z-]+ after step 1 is inf; lower the learning rate"):
        train_model(model, *split, settings, tmp_path / "run")

    assert Trace.open(tmp_path / "run").evaluations["step"].tolist() == [0]


def test_an_evaluation_that_is_not_finite_stops_the_run(model: LanguageModel, split: Split, tmp_path: Path) -> None:
    """In a network, too: with the step and a row."""
    settings = TrainSettings(method="full", optimizer="sgd", learning_rate=1e30, steps=5, evaluate_every=1)

    told = (
        r"^the policy's log-probabilities after step 1 are \S+ \(chosen\) and \S+ \(rejected\), of .*; lower the lear"
    )
    with pytest.raises(DivergedError, match=told) as found:
        train_model(model, *split, settings, tmp_path / "run")
    assert "float32" not in str(found.value)
    assert "reference" not in str(found.value)

    assert Trace.open(tmp_path / "run").evaluations["step"].tolist() == [0]


def test_missing_peft_is_told(
    model: LanguageModel, split: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that installs it, and no folder is left."""
    monkeypatch.setitem(__import__("sys").modules, "peft", None)

    with pytest.raises(InputError, match=r'method lora needs peft; install it with: pip install "alignprops\[train\]"'):
        train_model(model, *split, TrainSettings(method="lora"), tmp_path / "run")

    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"method": "heads"}, "unknown method 'heads'; did you mean 'head'"),
        ({"optimizer": "adam"}, "unknown optimizer 'adam'; did you mean 'adamw'"),
        ({"loss": "sigmoidal"}, "unknown loss 'sigmoidal'; did you mean 'sigmoid'"),
        ({"beta": 0.0}, "beta is 0.0; expected a positive number"),
        ({"learning_rate": float("nan")}, "--learning-rate is nan; expected a positive number"),
        ({"weight_decay": -1.0}, "--weight-decay is -1.0; expected a number that is not negative"),
        ({"steps": 5, "epochs": 1.0}, "steps and epochs were both given; give one of the two"),
        ({"steps": 0}, "--steps is 0; expected at least 1"),
        ({"evaluation_share": 1.0}, "--evaluation-share is 1.0; expected at least 0 and below 1"),
        ({"method": "lora", "lora_rank": 0}, "--lora-rank is 0; expected at least 1"),
        ({"max_length": 1}, "--max-length is 1; expected at least 2"),
        (
            {"lora_rank": 4},
            "--lora-rank and --lora-alpha are of the adapters, and method head has none; leave them out",
        ),
        ({"behaviours": ("risk", "risk")}, "--behaviours names 'risk' twice; give each once"),
        ({"label_smoothing": 0.1}, "the loss 'sigmoid' has no hyper-parameter 'label_smoothing'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], told: str) -> None:
    """Each with what was given and what was expected."""
    with pytest.raises(InputError, match=told):
        TrainSettings(**settings)


def test_a_step_takes_no_more_pairs_than_there_are() -> None:
    """The message has the numbers."""
    with pytest.raises(
        InputError, match=r"a step takes 12 pairs \(batch size 6 × gradient accumulation 2\), and there"
    ):
        TrainSettings(batch_size=6, gradient_accumulation=2).resolved(11)
    assert TrainSettings(epochs=2.0, batch_size=4).resolved(10).steps == 5


def test_the_order_is_a_function_of_seed_and_step() -> None:
    """Every epoch takes every pair once, over the ends of steps; seeds and epochs differ."""
    settings = TrainSettings(batch_size=4, seed=3)
    dealt = np.concatenate([step_rows(settings, 10, step) for step in range(1, 6)])  # two epochs

    assert sorted(dealt[:10].tolist()) == sorted(dealt[10:].tolist()) == list(range(10))
    assert dealt[:10].tolist() != dealt[10:].tolist()
    np.testing.assert_array_equal(step_rows(settings, 10, 3), dealt[8:12])
    assert step_rows(replace(settings, seed=4), 10, 1).tolist() != dealt[:4].tolist()
    assert step_rows(TrainSettings(), 5, 7).tolist() == [0, 1, 2, 3, 4]


def test_what_follows_from_a_changed_setting_is_not_named(model: LanguageModel, split: Split, stopped: Path) -> None:
    """Another seed is told; the fingerprint of the pairs that it splits otherwise is not."""
    with pytest.raises(InputError, match=r"seed was 0 and is 1; give the same"):
        train_model(model, split[1], split[0], replace(STOPPED, seed=1), stopped, resume=True)
    with pytest.raises(InputError, match=r"preferences fingerprint was"):
        train_model(model, split[1], split[0], STOPPED, stopped, resume=True)
