"""How the built-in model is made: a small Llama and its tokenizer, trained from nothing on generated text.

Like the models of the field it knows the language of the statements and has no opinion: every statement is
followed by a random answer. What differs between its behaviours comes from their words alone.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

from alignprops.data.generated import generate_preferences
from alignprops.data.preferences import NEGATIVE_ANSWER, POSITIVE_ANSWER
from alignprops.models.progress import Progress, no_progress
from alignprops.models.silence import silence

PAD, BOS, EOS = "<pad>", "<s>", "</s>"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that the built-in model depends on, with its text."""

    version: int = 1
    seed: int = 0
    statements: int = 600
    vocabulary: int = 704
    width: int = 48
    layers: int = 2
    heads: int = 4
    inner: int = 96
    context: int = 256
    steps: int = 250
    batch: int = 16
    learning_rate: float = 3e-3

    def corpus(self) -> list[str]:
        """The training text: statements that are answered at random."""
        rng = random.Random(self.seed)  # noqa: S311 - not a secret
        preferences = generate_preferences(statements=self.statements, seed=self.seed)
        prompts = [statement.prompt for behaviour in preferences for statement in behaviour.statements]
        return [prompt + rng.choice((POSITIVE_ANSWER, NEGATIVE_ANSWER)) for prompt in prompts]

    def key(self) -> str:
        """A name for what comes out: it changes with every number above and every word of the text."""
        described = json.dumps([asdict(self), self.corpus()])
        return hashlib.sha256(described.encode()).hexdigest()[:16]


def make_tiny_model(recipe: Recipe, folder: Path, *, progress: Progress = no_progress) -> None:
    """Train the model and its tokenizer and save both in `folder`, as safetensors.

    One thread and own generators: the weights depend on the recipe and the libraries, not on the caller,
    whose random state and thread count are left as they were.
    """
    corpus = recipe.corpus()
    tokenizer = _train_tokenizer(corpus, recipe)
    with silence(), _undisturbed(recipe.seed):
        auto: Any = AutoModelForCausalLM  # its constructor is not annotated
        network = auto.from_config(_config(recipe, len(tokenizer)), dtype=torch.float32)
        ids = tokenizer(corpus, padding=True, return_tensors="pt")["input_ids"]
        _train(network, ids, recipe, progress)
        network.save_pretrained(folder)
        tokenizer.save_pretrained(folder)


def _train_tokenizer(corpus: list[str], recipe: Recipe) -> Any:
    """Byte-level BPE: whole words for our own text, and any other text without an unknown token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=recipe.vocabulary,
        special_tokens=[PAD, BOS, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    fast: Any = PreTrainedTokenizerFast  # its constructor is not annotated
    return fast(
        tokenizer_object=tokenizer, pad_token=PAD, bos_token=BOS, eos_token=EOS, model_max_length=recipe.context
    )


def _config(recipe: Recipe, vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=recipe.width,
        intermediate_size=recipe.inner,
        num_hidden_layers=recipe.layers,
        num_attention_heads=recipe.heads,
        max_position_embeddings=recipe.context,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        tie_word_embeddings=False,
    )


def _train(network: Any, ids: Tensor, recipe: Recipe, progress: Progress) -> None:
    """Next-token prediction with AdamW and a linearly falling rate."""
    generator = torch.Generator().manual_seed(recipe.seed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.learning_rate)
    network.train()
    for step in range(recipe.steps):
        rows = ids[torch.randint(len(ids), (recipe.batch,), generator=generator)]  # (batch, T)
        rows = rows[:, : int((rows != 0).sum(dim=1).max())]
        logits = network(input_ids=rows, use_cache=False).logits[:, :-1]
        loss: Any = functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), ignore_index=0)
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (1 - step / recipe.steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        progress(step + 1, recipe.steps)
    network.eval()


@contextmanager
def _undisturbed(seed: int) -> Iterator[None]:
    """Seeded, on one thread, with gradients; everything as before afterwards."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
