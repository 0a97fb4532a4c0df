"""Models of random weights in many architectures, with a tokenizer of a few words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

from alignprops.data import Behaviour, PreferenceSet, Statement
from alignprops.models.silence import silence

WORDS = ["I", " would", " rather", " not", " swim", " read", " sleep", " today", " tomorrow", " Yes", " No"]
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>"]
VOCABULARY = 96


def build_tokenizer(*, words: list[str] = WORDS, bos: bool = False, eos: bool = False) -> Any:
    """A tokenizer of whole words, newline and colon."""
    tokens = [*SPECIAL, "\n", ":", *words]
    tokenizer = Tokenizer(models.WordLevel({t: i for i, t in enumerate(tokens)}, unk_token="<unk>"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r" ?\w+|[^\w]"), "isolated")
    if bos or eos:
        single = ("<s> " if bos else "") + "$A" + (" </s>" if eos else "")
        tokenizer.post_processor = processors.TemplateProcessing(
            single=single, special_tokens=[("<s>", 1), ("</s>", 2)]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        **dict(zip(("pad_token", "bos_token", "eos_token", "unk_token"), SPECIAL, strict=True)),
    )


SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GROUPED = {**SMALL, "num_key_value_heads": 1, "head_dim": 8}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "llama": {**GROUPED, "tie_word_embeddings": False},
    "qwen2": {**GROUPED, "tie_word_embeddings": True},
    "qwen3": GROUPED,
    "mistral": {**GROUPED, "sliding_window": None},
    "gemma": GROUPED,
    "gemma2": GROUPED,
    "phi": SMALL,
    "cohere": {**GROUPED, "logit_scale": 0.25},
    "gpt2": {
        **{k: SMALL[k] for k in ("vocab_size", "pad_token_id", "bos_token_id", "eos_token_id")},
        "n_embd": 16,
        "n_layer": 2,
        "n_head": 2,
        "n_positions": 32,
    },
    "gpt_neox": SMALL,
    "opt": {**SMALL, "ffn_dim": 24, "word_embed_proj_dim": 16},
    "falcon": SMALL,
    "bloom": SMALL,
    "mamba": {"vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 4},
}


def save_model_in(
    parent: Path, architecture: str = "llama", *, tokenizer: Any = None, spread: float = 8.0, **changes: Any
) -> Path:
    """Save a model of random weights and a tokenizer, and return the folder."""
    config = AutoConfig.for_model(architecture, **{**ARCHITECTURES[architecture], **changes})
    with silence(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AutoModelForCausalLM.from_config(config)
        with torch.no_grad():  # spread the weights, so that a wrong position or mask shows
            for weight in network.parameters():
                if weight.ndim == 2:
                    weight.mul_(spread)
        folder = parent / f"tiny-{architecture}"
        network.save_pretrained(folder)
        (tokenizer or build_tokenizer()).save_pretrained(folder)
    return folder


def preference_set(count: int = 14) -> PreferenceSet:
    """Statements of many lengths that begin alike, for two behaviours."""
    middles = [" swim", " read", " sleep", " not swim", " not read today", " swim tomorrow", " rather sleep"]
    tails = ["", " today", " today rather tomorrow", " not today"]
    prompts = [f"I would rather not:{a}{b}\n" for b in tails for a in middles]
    behaviours = []
    for name, start in (("first", 0), ("second", count)):
        statements = [
            Statement(prompts[(start + i) % len(prompts)], *((" Yes", " No") if i % 3 else (" No", " Yes")), i + 1)
            for i in range(count)
        ]
        behaviours.append(Behaviour(name, tuple(statements), f"{name}.jsonl"))
    return PreferenceSet(tuple(behaviours), "persona")
