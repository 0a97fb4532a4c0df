"""`alignprops train MODEL PREFERENCES`: preference training that leaves a trace."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from alignprops._errors import DataError, InputError, UnknownNameError
from alignprops.commands.options import add_json, emit, require_result_place
from alignprops.data import PreferenceSet
from alignprops.losses import PAIRWISE_LOSSES
from alignprops.measurement import read_statements
from alignprops.models.progress import show_progress
from alignprops.options import DTYPES
from alignprops.report.terminal import for_stdout
from alignprops.trace.format import CHECKPOINT, METADATA
from alignprops.training.settings import METHODS, OPTIMIZERS, STEPS, TrainSettings
from alignprops.training.truncation import TRUNCATIONS

if TYPE_CHECKING:
    from alignprops.trace import Trace
    from alignprops.training.pairs import TokenPairs

SCHEMA = "alignprops-train/1"
DEFAULT_OUTPUT = "alignprops-train"
INTERRUPTED = 130


def add_to(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "train",
        help="train a language model on preferences, and leave a trace",
        description="Preference training (DPO and its relatives) of the head, of LoRA adapters or of a whole model. "
        "Without arguments the built-in model is trained on statements that alignprops generates.",
        epilog="example: alignprops train my-model risk.jsonl --method lora --steps 200 --output run. "
        "JSONL formats, one object a line: persona (question, answer_matching_behavior, "
        "answer_not_matching_behavior), pairs (prompt, chosen, rejected), conversations (chosen and rejected as lists "
        "of role and content), transcripts (chosen and rejected as Human/Assistant text).",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="a local folder, or a hub id, of a causal LM")
    parser.add_argument("preferences", metavar="PREFERENCES", nargs="*", help="JSONL files, or a folder of them")
    _add_method(parser)
    _add_data(parser)
    _add_run(parser)
    add_json(parser)
    parser.set_defaults(execute=execute)


def _add_method(parser: argparse.ArgumentParser) -> None:
    default = TrainSettings()
    group = parser.add_argument_group("method")
    group.add_argument("--method", choices=METHODS, help=f"what is trained (default: {default.method})")
    group.add_argument("--loss", choices=PAIRWISE_LOSSES, help=f"default: {default.loss}; ipo takes beta as its tau")
    group.add_argument("--beta", metavar="X", type=float, help=f"of the margin (default: {default.beta})")
    group.add_argument("--label-smoothing", metavar="X", type=float, help="of label-smoothed and robust (default: 0.1)")
    group.add_argument("--optimizer", choices=OPTIMIZERS, help="default: sgd for head, else adamw")
    group.add_argument(
        "--learning-rate", metavar="X", type=float, help="default: by method; head with sgd: from the data"
    )
    group.add_argument("--weight-decay", metavar="X", type=float, help="as torch.optim has it (default: 0)")
    group.add_argument("--lora-rank", metavar="N", type=int, help=f"of the adapters (default: {default.lora_rank})")
    group.add_argument("--lora-alpha", metavar="X", type=float, help="of the adapters (default: twice the rank)")


def _add_data(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("data")
    group.add_argument("--behaviours", metavar="A,B", help="only these behaviours")
    group.add_argument("--max-statements", metavar="N", type=int, help="only the first N of each behaviour")
    group.add_argument(
        "--evaluation-share", metavar="X", type=float, help="held out for evaluation (default: 0.2; 0: nothing)"
    )
    group.add_argument("--flip", action="store_true", help="swap chosen and rejected")
    group.add_argument("--max-length", metavar="N", type=int, help="tokens of prompt and response together")
    group.add_argument("--truncate", choices=TRUNCATIONS, help="what to do with longer pairs (default: refuse)")


def _add_run(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("run")
    length = group.add_mutually_exclusive_group()
    length.add_argument("--steps", metavar="N", type=int, help=f"updates (default: {STEPS})")
    length.add_argument("--epochs", metavar="X", type=float, help="passes over the training pairs")
    group.add_argument("--batch-size", metavar="N", type=int, help="pairs read at once (default: all of them)")
    group.add_argument(
        "--gradient-accumulation", metavar="N", type=int, help="batches that make an update (default: 1)"
    )
    group.add_argument("--seed", metavar="N", type=int, help="of the order, the split and the adapters (default: 0)")
    group.add_argument("--evaluate-every", metavar="N", type=int, help="steps (default: a twentieth of the run)")
    group.add_argument("--checkpoint-every", metavar="N", type=int, help="steps (default: a tenth of the run)")
    group.add_argument(
        "--dtype", choices=DTYPES, default="float32", help="what the model computes in (default: float32)"
    )
    group.add_argument("--device", metavar="DEVICE", default="cpu", help="cpu, cuda, cuda:0 … (default: cpu)")
    group.add_argument(
        "--output", metavar="DIR", default=DEFAULT_OUTPUT, help=f"the trace's folder (default: {DEFAULT_OUTPUT})"
    )
    group.add_argument("--resume", action="store_true", help="go on with a run that was cut short")


def execute(arguments: argparse.Namespace) -> int:
    """Train, and tell how every behaviour fared."""
    require_result_place(arguments.json)
    settings = settings_from(arguments)
    folder = Path(arguments.output)
    _require_model(arguments)
    done_before = _refused_or_finished(folder, resume=arguments.resume)
    _tell_of_resuming(folder, asked=arguments.resume, finished=done_before)
    preferences = _preferences(arguments, settings)
    from alignprops.models.loading import load_model
    from alignprops.models.tiny import load_tiny_model
    from alignprops.training.pairs import tokenize_pairs
    from alignprops.training.processes import first_process, own_device
    from alignprops.training.run import train_model

    options: Any = {"dtype": arguments.dtype, "device": own_device(arguments.device)}
    model = load_tiny_model(**options) if arguments.model is None else load_model(arguments.model, **options)
    pairs = tokenize_pairs(model, preferences, max_length=settings.max_length, truncate=settings.truncate)
    train, evaluation = _split(pairs, settings)
    source = {
        "model": arguments.model or model.name,
        "preferences": [behaviour.source for behaviour in preferences],
        "format": preferences.format,
    }
    try:
        with show_progress(f"training ({settings.method})") as progress:
            run = train_model(
                model, train, evaluation, settings, folder, resume=arguments.resume, progress=progress, source=source
            )
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted; the trace so far is in {folder}, --resume goes on with it\n")
        return INTERRUPTED
    note = f"{folder}: finished before, nothing was done" if done_before else f"{folder}: finished"
    if first_process():
        emit(arguments, to_json(run.trace), for_stdout(*_told(run.trace, note)))
    return 0


def settings_from(arguments: argparse.Namespace) -> TrainSettings:
    """What was asked for; what was not keeps its default."""
    given = {
        name: value
        for name in TrainSettings.__dataclass_fields__
        if name != "behaviours" and (value := getattr(arguments, name)) is not None
    }
    if arguments.behaviours is not None:
        given["behaviours"] = tuple(name.strip() for name in arguments.behaviours.split(","))
    return TrainSettings(**given)


def to_json(trace: Trace) -> dict[str, Any]:
    """The run in figures, as `--json` writes it."""
    evaluations = trace.evaluations
    figures = [name for name in evaluations if "." in name and not name.endswith(".margins")]
    return {
        "schema": SCHEMA,
        "trace": str(trace.folder),
        "finished": trace.finished,
        "steps": len(trace.steps["step"]),
        "settings": trace.settings,
        "model": trace.metadata["model"],
        "loss": [float(trace.steps["loss"][at]) for at in (0, -1)],
        "head_change": float(trace.steps["head_change"][-1]),
        "behaviours": {
            name: {
                when: {figure: _number(evaluations[figure][at, number]) for figure in figures}
                for when, at in (("start", 0), ("end", -1))
            }
            for number, name in enumerate(trace.behaviours)
        },
    }


def _refused_or_finished(folder: Path, *, resume: bool) -> bool:
    """Refuse a folder that cannot be used before anything is read; whether its run is finished already."""
    from alignprops.training.resume import find_run

    found = find_run(folder, resume=resume)
    return found is not None and found.finished


def _require_model(arguments: argparse.Namespace) -> None:
    """Refuse preferences in the place of the model, which without them is the only argument."""
    if arguments.model is None or arguments.preferences:
        return
    given = Path(arguments.model)
    if given.is_file():
        raise InputError(
            f"{given} is a file of preferences, and stands in the place of the model; give the model before it: "
            f"alignprops train MODEL {given}"
        )
    if not given.exists() and (given.suffix or given.is_absolute() or arguments.model.startswith(".")):
        raise InputError(f"{given}: no such model folder")


def _tell_of_resuming(folder: Path, *, asked: bool, finished: bool) -> None:
    """Say on standard error where --resume has nothing to go on with."""
    if not asked or finished:
        return
    if not (folder / METADATA).exists():
        sys.stderr.write(f"{folder}: nothing to resume; a new run begins\n")
    elif not (folder / CHECKPOINT / "checkpoint.safetensors").exists():
        sys.stderr.write(f"{folder}: no checkpoint was found; all steps are done again\n")


def _preferences(arguments: argparse.Namespace, settings: TrainSettings) -> PreferenceSet:
    preferences = arguments.preferences or None
    try:
        return read_statements(
            arguments.model, preferences, behaviours=settings.behaviours, max_statements=settings.max_statements
        )
    except UnknownNameError as error:
        asked = settings.behaviours or ()
        if len(asked) > 1 and len(held := read_statements(arguments.model, preferences, max_statements=2).names) == 1:
            raise DataError(
                f"{len(asked)} behaviours were asked for ({', '.join(asked)}), and the data hold one, {held[0]!r}; "
                f"give a file for each"
            ) from error
        raise


def _split(pairs: TokenPairs, settings: TrainSettings) -> tuple[TokenPairs, TokenPairs | None]:
    if not settings.evaluation_share:
        return pairs, None
    return pairs.split(settings.evaluation_share, settings.seed)


def _told(trace: Trace, note: str) -> list[RenderableType]:
    settings, model, steps = trace.settings, trace.metadata["model"], trace.steps
    head = (
        f"{note}\n{model['name']}: {settings['method']}, {settings['loss']}, {settings['optimizer']} "
        f"at {settings['learning_rate']:.3g}, {len(steps['step'])} steps, "
        f"{model['trainable']:,} of {model['parameters']:,} weights\n"
        f"loss {steps['loss'][0]:.4g} → {steps['loss'][-1]:.4g}, head change {steps['head_change'][-1]:.3g}"
    )
    if settings["method"] != "head":  # whose states are read once, before the steps
        head += f", {steps['tokens'].sum() / max(steps['seconds'].sum(), 1e-9):,.0f} tokens a second"
    legend = (
        "pairs as trained on" + (" (flipped)" if settings["flip"] else "") + "; accuracy: share of positive margins, "
        "a tie is an error;\ndisplaced: share of pairs whose chosen log-probability fell"
    )
    return [Text(head), Text(""), _table(trace), Text(legend, style="dim")]


def _table(trace: Trace) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    table.add_column("behaviour", overflow="fold")
    for heading in ("pairs", "n", "loss", "accuracy", "margin", "displaced"):
        table.add_column(heading, justify="right", no_wrap=True)
    for number, name in enumerate(trace.behaviours):
        for split, counts in trace.metadata["counts"].items():
            if counts[number]:
                last = {
                    figure: float(trace.evaluations[f"{split}.{figure}"][-1, number])
                    for figure in ("loss", "accuracy", "margin", "displaced")
                }
                cells = [f"{value:.3g}" for value in last.values()]
                table.add_row(Text(name if split == "train" else ""), split, str(counts[number]), *cells)
    return table


def _number(value: float) -> float | None:
    """JSON has no NaN: a behaviour without pairs in a split has no figures there."""
    return float(value) if value == value else None  # noqa: PLR0124  # NaN is not itself
