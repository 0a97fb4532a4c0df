"""Bad input through the command line: exit code 2, one clear line, no traceback, nothing half-written."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import torch
from persona_files import write_persona
from safetensors.torch import load_file, save_file
from small_models import WORDS, build_tokenizer, preference_set, save_model_in
from theorem_files import THEOREMS
from tokenizers import Regex, pre_tokenizers

from alignprops.cli import main

Tensors = dict[str, torch.Tensor]


class Ground:
    """A folder with a good model and good statements; each case spoils one thing, or gives another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.statements = write_persona(folder / "statements", preference_set())

    def model(self, *, tokenizer: Any = None, architecture: str = "llama", **changes: Any) -> Path:
        """Save the model; `changes` go into its configuration file afterwards."""
        saved = save_model_in(self.folder, architecture, tokenizer=tokenizer, spread=0.1)
        if changes:
            config = json.loads((saved / "config.json").read_text())
            (saved / "config.json").write_text(json.dumps(config | changes))
        return saved

    def edited(self, edit: Callable[[Tensors], object]) -> Path:
        """The model with other tensors."""
        saved = self.model()
        tensors = load_file(saved / "model.safetensors")
        edit(tensors)
        save_file(tensors, saved / "model.safetensors", metadata={"format": "pt"})
        return saved

    def measured(self, model: Path | str, *options: str) -> list[str]:
        """`measure` of a model on the good statements."""
        return ["measure", str(model), str(self.statements), *options]

    def on(self, *lines: str | dict[str, str], name: str = "b.jsonl") -> list[str]:
        """`measure` of the good model on these lines."""
        told = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        (self.folder / name).write_text("\n".join(told) + "\n" * bool(told))
        return ["measure", str(self.model()), str(self.folder / name)]


def persona(question: str, answer: str = " Yes", other: str | None = None) -> dict[str, str]:
    """One statement."""
    opposite = {" Yes": " No", " No": " Yes"}
    return {
        "question": question,
        "answer_matching_behavior": answer,
        "answer_not_matching_behavior": opposite[answer] if other is None else other,
    }


def pair(prompt: str, chosen: str, rejected: str) -> dict[str, str]:
    """One preference pair."""
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected}


# --- models -----------------------------------------------------------------------------------------------------


def without_weights(ground: Ground) -> list[str]:
    """As after an interrupted download."""
    folder = ground.model()
    (folder / "model.safetensors").unlink()
    return ground.measured(folder)


def pickled(ground: Ground) -> list[str]:
    """A pickle can run code when it is loaded."""
    folder = ground.model()
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return ground.measured(folder)


def two_tokens(ground: Ground) -> list[str]:
    """A tokenizer that splits " Yes"."""
    words = [*(word for word in WORDS if word != " Yes"), " Ye", "s"]
    tokenizer = build_tokenizer(words=words)
    split = pre_tokenizers.Split(Regex(r" Ye|s(?=$)| ?\w+|[^\w]"), "isolated")
    tokenizer.backend_tokenizer.pre_tokenizer = split
    return ground.measured(ground.model(tokenizer=tokenizer))


def no_answer_tokens(ground: Ground) -> list[str]:
    """A tokenizer that does not know " Yes"."""
    return ground.measured(ground.model(tokenizer=build_tokenizer(words=[w for w in WORDS if w != " Yes"])))


def poisoned(name: str, value: float) -> Callable[[Ground], list[str]]:
    """A tensor that makes every hidden state useless."""
    return lambda ground: ground.measured(ground.edited(lambda tensors: tensors[name].fill_(value)))


def overflowing(ground: Ground) -> list[str]:
    """Half precision ends at 65,504."""
    folder = ground.edited(lambda tensors: tensors["model.norm.weight"].fill_(6e4))
    return ground.measured(folder, "--dtype", "float16")


def drop(*parts: str) -> Callable[[Tensors], object]:
    """Remove the tensors whose names hold a part."""

    def edit(tensors: Tensors) -> None:
        for name in [name for name in tensors if any(part in name for part in parts)]:
            del tensors[name]

    return edit


CASES: dict[str, tuple[Callable[[Ground], list[str]], str]] = {
    # models
    "model path that does not exist": (
        lambda g: g.measured("./no/such/model"),
        "./no/such/model: no such model folder",
    ),
    "owner/name without the prefix": (
        lambda g: g.measured("owner/name"),
        "owner/name: no such model folder; for a repository of the hub write hf:owner/name",
    ),
    "model that is a file": (lambda g: g.measured(g.statements / "first.jsonl"), "a file; expected the folder of"),
    "folder without a configuration": (lambda g: g.measured(g.statements), "no config.json; expected the folder"),
    "folder without weights": (without_weights, "tiny-llama: no weights; expected model.safetensors"),
    "pickled weights only": (pickled, "only pickled weights (pytorch_model.bin), which can run code when loaded;"),
    "unknown architecture": (
        lambda g: g.measured(g.model(model_type="of-tomorrow", architectures=["OfTomorrow"])),
        "tiny-llama: its configuration does not load; ValueError: ",
    ),
    "missing tensors": (
        lambda g: g.measured(g.edited(drop("lm_head", "norm"))),
        "the checkpoint does not fit its configuration: it lacks 6 tensors: lm_head.weight, ",
    ),
    "unexpected tensor": (
        lambda g: g.measured(g.edited(lambda tensors: tensors.update(stranger=torch.ones(2)))),
        "the checkpoint does not fit its configuration: it has unexpected 1 tensor: stranger",
    ),
    "mismatched tensor": (
        lambda g: g.measured(g.edited(lambda tensors: tensors.update({"lm_head.weight": torch.ones(7, 16)}))),
        "the checkpoint does not fit its configuration: it has of another shape 1 tensor: lm_head.weight",
    ),
    "soft-capped head": (
        lambda g: g.measured(g.model(architecture="gemma2")),
        "tiny-gemma2: the logits are not a linear function of the last hidden state",
    ),
    "tokenizer without the answers": (no_answer_tokens, "the tokenizer has no token for the beginning of ' Yes'"),
    "answer of two tokens": (two_tokens, "the answer ' Yes' is 2 tokens (' Ye', 's'), expected one"),
    "hidden states that are NaN": (
        poisoned("model.norm.weight", float("nan")),
        "holds NaN or inf in float32",
    ),
    "hidden states that are infinite": (
        poisoned("model.norm.weight", float("inf")),
        "holds NaN or inf in float32",
    ),
    "unembedding that is NaN": (
        poisoned("lm_head.weight", float("nan")),
        "tiny-llama: the output embedding holds NaN or inf in float32",
    ),
    "dtype that overflows": (overflowing, "holds NaN or inf in float16; try float32"),
    "hidden states that are 0": (
        poisoned("model.norm.weight", 0.0),
        "all features of 'first' are 0; nothing can be learned",
    ),
    "no CUDA": (
        lambda g: g.measured(g.model(), "--device", "cuda"),
        "device 'cuda' was asked for, and this torch has no usable CUDA device; use cpu",
    ),
    "unknown device": (lambda g: g.measured(g.model(), "--device", "tpu"), "'tpu'"),
    "unknown dtype": (lambda g: g.measured(g.model(), "--dtype", "int8"), "invalid choice: 'int8'"),
    # preferences
    "model without preferences": (
        lambda g: ["measure", str(g.model())],
        "a model was given without preferences; give a JSONL file or a folder of them as well",
    ),
    "preferences that do not exist": (
        lambda g: ["measure", str(g.model()), "absent.jsonl"],
        "absent.jsonl: no such file or folder; expected preference statements in JSONL",
    ),
    "folder without statements": (
        lambda g: ["measure", str(g.model()), str(g.folder / "tiny-llama")],
        "tiny-llama: no .jsonl file in this folder; expected one for each behaviour",
    ),
    "empty file": (lambda g: g.on(), "b.jsonl: empty; expected one JSON object a line"),
    "not JSON": (
        lambda g: g.on(persona("Q"), "{not JSON}"),
        "b.jsonl:2: not JSON (Expecting property name enclosed in double quotes); expected one JSON object a line",
    ),
    "not an object": (lambda g: g.on("[1, 2]"), "b.jsonl:1: expected a JSON object, found a list"),
    "missing keys": (
        lambda g: g.on({"question": "Q", "answer_matching_behavior": " Yes"}),
        "b.jsonl:1: missing 'answer_not_matching_behavior'; expected the keys question, ",
    ),
    "unknown keys": (lambda g: g.on({"text": "Q"}), "b.jsonl:1: neither a persona statement (keys question, "),
    "unknown label": (
        lambda g: g.on(persona("Q", other="No")),
        "b.jsonl:1: unknown label 'No' in 'answer_not_matching_behavior'; expected ' Yes' or ' No'",
    ),
    "one class only": (
        lambda g: g.on(persona("Q"), persona("R")),
        "b.jsonl: all 2 statements have one label (' Yes'), both classes are needed",
    ),
    "one class only among the first": (
        lambda g: [*g.on(persona("Q"), persona("R"), persona("S", " No")), "--max-statements", "2"],
        "both classes are needed; raise max statements",
    ),
    "one statement": (
        lambda g: g.on(persona("Q")),
        "b.jsonl:1: the only statement of its behaviour; at least 2 are needed",
    ),
    "identical chosen and rejected": (
        lambda g: g.on(persona("Q", " Yes", " Yes")),
        "b.jsonl:1: 'answer_matching_behavior' and 'answer_not_matching_behavior' are identical (' Yes')",
    ),
    "identical responses": (
        lambda g: g.on(pair("I:", " read", " read")),
        "b.jsonl:1: 'chosen' and 'rejected' are identical (' read'); nothing is preferred",
    ),
    "responses that begin alike": (
        lambda g: g.on(pair("I:", " read", " read today"), pair("I:", " swim", " read")),
        "b.jsonl:1: both responses begin with the token ' read'; the preference must show in the first token",
    ),
    "more than two first tokens": (
        lambda g: g.on(pair("I:", " read", " swim"), pair("I:", " sleep", " read")),
        "b.jsonl:2: the responses begin with ' read' and ' sleep', those before with ",
    ),
    "prompt longer than the context": (
        lambda g: g.on(persona("I"), persona(":" * 40, " No")),
        "b.jsonl:2: the prompt of 'b' has 41 tokens, tiny-llama reads at most 32; shorten or remove it",
    ),
    "two files of one name": (
        lambda g: [*g.on(persona("Q"), persona("R", " No")), str(write_twin(g))],
        "both hold the behaviour 'b'; rename one",
    ),
    "unknown behaviour": (
        lambda g: g.measured(g.model(), "--behaviours", "first,secnd"),
        "unknown behaviour 'secnd'; did you mean 'second'?",
    ),
    "empty name of a behaviour": (
        lambda g: g.measured(g.model(), "--behaviours", ""),
        "unknown behaviour ''; known: first, second",
    ),
    # options
    "beta": (lambda g: g.measured(g.model(), "--beta", "-1"), "beta is -1.0; expected a positive number"),
    "beta that is no number": (lambda g: g.measured(g.model(), "--beta", "low"), "invalid float value: 'low'"),
    "steps": (lambda g: g.measured(g.model(), "--steps", "0"), "steps is 0; expected at least 1"),
    "batch size": (lambda g: g.measured(g.model(), "--batch-size", "0"), "batch size is 0; expected at least 1"),
    "too few statements": (
        lambda g: g.measured(g.model(), "--max-statements", "1"),
        "max statements is 1; a behaviour needs at least 2",
    ),
    "features and a model": (
        lambda g: g.measured(g.model(), "--features", "f.safetensors"),
        "--features stands for a model and its preferences; give one or the other",
    ),
    "features that do not exist": (
        lambda _: ["measure", "--features", "f.safetensors"],
        "f.safetensors: no such features file; write one with --save-features",
    ),
    "features that are none": (
        lambda g: ["measure", "--features", str(g.model() / "model.safetensors")],
        "schema None, this version reads 'alignprops-features/1'; measure again",
    ),
    "result below a file": (
        lambda g: g.measured(g.model(), "--json", "file.txt/told.json"),
        "cannot write file.txt/told.json: file.txt is no folder that can be written; choose another",
    ),
    "result in a folder that does not exist": (
        lambda g: g.measured(g.model(), "--json", "absent/told.json"),
        "cannot write absent/told.json: the folder absent does not exist; create it or choose another",
    ),
    "features below a file": (
        lambda g: g.measured(g.model(), "--save-features", "file.txt/f.safetensors"),
        "cannot write file.txt/f.safetensors: file.txt is no folder",
    ),
    "result that is a folder": (lambda g: g.measured(g.model(), "--json", "results"), "it is a folder; give the name"),
    # the model tier, of `run`
    "report folder below a file": (
        lambda _: ["run", "--report-dir", "file.txt/report"],
        "the report folder ",
    ),
    "unknown theorem": (
        lambda _: ["run", "squares.mean.uper-bound"],
        "unknown theorem or suite 'squares.mean.uper-bound'; did you mean 'squares.mean.upper-bound'",
    ),
    "unknown suite": (lambda _: ["run", "acne"], "unknown theorem or suite 'acne'; did you mean 'acme'"),
    "unknown theorem to show": (lambda _: ["show", "squares"], "unknown theorem 'squares'; did you mean 'squares.mean"),
}


def write_twin(ground: Ground) -> Path:
    """A second file of the same name."""
    (ground.folder / "other").mkdir()
    (ground.folder / "other" / "b.jsonl").write_text(json.dumps(persona("Q")) + "\n")
    return ground.folder / "other" / "b.jsonl"


@pytest.fixture
def ground(tmp_path: Path, acme: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    """The current folder; Acme's suite of one theorem is the only one installed, and there is no CUDA."""

    def only_acme(*, group: str, **chosen: str) -> metadata.EntryPoints:
        points = metadata.entry_points(group=group, **chosen)
        return metadata.EntryPoints(p for p in points if group == "pytest11" or p.name == "acme")

    monkeypatch.setattr("alignprops.installed.entry_points", only_acme)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.txt").write_text("in the way")
    (tmp_path / "results").mkdir()
    return Ground(tmp_path)


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Every file and folder below, with what is in it."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused(ground: Ground, case: str, capfd: pytest.CaptureFixture[str]) -> None:
    """One line that names what was given; the folder is as before."""
    prepare, message = CASES[case]
    arguments = prepare(ground)
    if arguments[0] == "measure":
        arguments[1:1] = ["--json", "results/told.json", "--save-features", "results/f.safetensors"]
    capfd.readouterr()
    before = contents(ground.folder)

    code = main(arguments)

    shown = capfd.readouterr()
    assert (code, shown.out) == (2, ""), shown.err
    assert shown.err.startswith("error: ")
    assert message in shown.err
    assert shown.err.count("\n") == 1
    assert contents(ground.folder) == before


def test_contradictory_labels_are_counted_and_reported(ground: Ground, capfd: pytest.CaptureFixture[str]) -> None:
    """The same statement with both labels is real data."""
    lines = [persona(question, answer) for question in ("I", "I swim", "I:") for answer in (" Yes", " No")]

    assert main([*ground.on(*lines[:5], persona("I sleep", " No")), "--json", "results/told.json"]) == 0

    assert "prompts that are answered both ways, and kept: 2" in capfd.readouterr().out
    told = json.loads((ground.folder / "results" / "told.json").read_text())
    assert (told["behaviours"]["b"]["n"], told["behaviours"]["b"]["contradictory"]) == (6, 2)


# --- theorems ---------------------------------------------------------------------------------------------------

MEASURES = {
    "forgets a symbol": ("return {p: pair.x * pair.y, a: square(pair.x)}", "gave no value for b"),
    "returns another shape": (
        "return {p: np.ones(2), a: np.ones(3), b: 1.0}",
        "the measured shapes do not fit together",
    ),
    "returns no mapping": ("return pair.x", "returned float, expected a mapping of symbols"),
    "raises": ('raise LookupError("no such square")', "LookupError: no such square"),
    "returns NaN": ('return {p: float("nan"), a: 1.0, b: 1.0}', "is not finite where the premises hold"),
}


@pytest.mark.parametrize("case", MEASURES)
def test_a_broken_measure_is_an_error_of_its_claim(
    ground: Ground, acme: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, the verdict in report.json, the reason on the terminal; other theorems are judged."""
    body, reason = MEASURES[case]
    broken = f'''
import numpy as np


@theorem("squares.mean.broken", states=sp.Le(2 * p, a + b), no_proof="it is broken", **COMMON)
def broken(square, pair: Pair):
    """Says nothing."""
    {body}
'''
    (acme / "squares.py").write_text(THEOREMS + broken)

    assert main(["run", "--report-dir", "results/report", "--", "-k", "toy"]) == 1

    report = json.loads((ground.folder / "results" / "report" / "report.json").read_text())
    claims = {claim["id"]: claim for claim in report["claims"]}
    assert claims["squares.mean.broken::toy"]["verdict"] == "error"
    assert reason in claims["squares.mean.broken::toy"]["reason"]
    assert claims["squares.mean.upper-bound::toy"]["verdict"] == "proved"
    shown = capfd.readouterr().out
    assert "error: squares.mean.broken::toy" in shown
    assert reason in shown
    assert "Traceback" not in shown


def test_duplicate_ids_are_refused(ground: Ground, acme: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In two files of a suite, told with both places; in one file too."""
    (acme / "again.py").write_text(THEOREMS)
    before = contents(ground.folder)

    assert main(["run"]) == 2

    shown = capfd.readouterr()
    expected = (
        "two theorems have the id 'squares.mean.upper-bound': in acme_theorems.again and in acme_theorems.squares"
    )
    assert shown.err == f"error: {expected}; rename one\n"
    assert shown.out == ""
    assert contents(ground.folder) == before
