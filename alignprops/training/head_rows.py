"""Head-only training on one-token answers: the rows of the answer tokens are all that a gradient moves (LD-1).

The hidden states are read once and do not change. The normaliser of the softmax cancels in the log-ratio, so that a
step costs O(nd) instead of O(nVd); log-probabilities themselves, asked for by an evaluation, need the normaliser, whose
part from all other rows is added up once. Weight decay shrinks every row: the others by one known factor a step.
Everything is float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import Tensor

from alignprops.models.loading import LanguageModel
from alignprops.models.reading import read_states
from alignprops.trace.format import Split
from alignprops.training.output_head import output_head
from alignprops.training.pairs import TokenPairs
from alignprops.training.policy import Pairs, norm
from alignprops.training.settings import TrainSettings, usual_learning_rate

#: Rows of the unembedding that are widened to float64 at one time.
_ROWS_AT_ONCE = 4096


class HeadRows:
    """The rows W_R of the answer tokens; x (n, d) of every pair, the constant c of the head folded in."""

    def __init__(self, model: LanguageModel, pairs: Pairs, settings: TrainSettings) -> None:
        head = output_head(model.network)
        self._weight = head.weight.detach()  # (V, d), never written to
        self._bias = None if head.bias is None else head.bias_scale * head.bias.detach().double()  # (V,)
        answers = {split: _answers(part) for split, part in pairs.items()}
        self.tokens = np.unique(np.concatenate([tokens.ravel() for tokens in answers.values()]))  # R
        self._states = {split: head.scale * _prompt_states(model, part) for split, part in pairs.items()}
        self._places = {
            split: torch.from_numpy(np.searchsorted(self.tokens, tokens)).to(model.device)
            for split, tokens in answers.items()
        }
        moved = torch.from_numpy(self.tokens).to(model.device)
        self._initial = self._weight[moved].double()  # (|R|, d)
        self._row_bias = None if self._bias is None else self._bias[moved]
        self._rows = self._initial.clone().requires_grad_()
        self._others_norm = float(np.sqrt(max(norm([self._weight]) ** 2 - norm([self._initial]) ** 2, 0.0)))
        rate = settings.learning_rate or self.default_learning_rate(settings)
        self._kept = 1.0 - rate * settings.weight_decay
        self.others_scale = 1.0
        self._others: dict[Split, tuple[float, Tensor]] = {}

    @property
    def weights(self) -> Mapping[str, Tensor]:
        return {"head.rows": self._rows}

    def default_learning_rate(self, settings: TrainSettings) -> float:
        """Of gradient descent: half the largest step of premise (S), 1/(2c₂β²λ) in LD-23."""
        if settings.optimizer != "sgd":
            return usual_learning_rate(settings)
        loss, scale = settings.loss_and_scale()
        smoothness = loss.number(loss.smoothness)
        states = self._states["train"]
        narrow = states if states.shape[0] > states.shape[1] else states.T
        curvature = float(torch.linalg.eigvalsh(narrow.T @ narrow / len(states))[-1])
        limit = 1 / (2 * (smoothness if np.isfinite(smoothness) else 1 / 4) * scale**2 * curvature)
        return limit / 2 if np.isfinite(limit) else usual_learning_rate(settings)

    def log_ratios(self, split: Split, rows: Sequence[int]) -> Tensor:
        picked = torch.as_tensor(rows, device=self._rows.device)
        whole = len(picked) == len(self._states[split]) and bool((picked[1:] > picked[:-1]).all())
        states, places = self._states[split], self._places[split]
        if not whole:
            states, places = states[picked], places[picked]
        logits = self._logits(states).gather(1, places)
        return logits[:, 0] - logits[:, 1]  # the normaliser cancels: LD-1

    def collect_gradients(self) -> None:
        """They are where they belong."""

    def after_update(self, step: int) -> None:
        self.others_scale = self._kept**step

    @torch.no_grad()
    def all_logps(self, split: Split) -> NDArray[np.float64]:
        logits = self._logits(self._states[split])  # (n, |R|)
        total = torch.logaddexp(self._log_sum_of_others(split), logits.logsumexp(dim=1))
        logps: NDArray[np.float64] = (logits.gather(1, self._places[split]) - total[:, None]).cpu().numpy()
        return logps

    def states(self, rows: Sequence[int]) -> NDArray[np.float32]:
        picked = self._states["train"][torch.as_tensor(rows, device=self._rows.device)]
        states: NDArray[np.float32] = picked.float().cpu().numpy()
        return states

    def head_change(self) -> float:
        moved = norm([self._rows.detach() - self._initial])
        return float(np.hypot(moved, (1 - self.others_scale) * self._others_norm)) if self.others_scale != 1 else moved

    def parameter_change(self) -> float:
        return self.head_change()

    def save(self, folder: Path) -> None:
        """`head.safetensors`: `rows` (|R|,) of the unembedding, their new values `weight`, and the others' factor."""
        tensors = {
            "rows": self.tokens,
            "weight": np.ascontiguousarray(self._rows.detach().cpu().numpy()),
            "others_scale": np.array([self.others_scale]),
        }
        save_file(tensors, folder / "head.safetensors", {"format": "pt"})

    def _logits(self, states: Tensor) -> Tensor:
        logits = states @ self._rows.T  # (n, |R|)
        return logits if self._row_bias is None else logits + self._row_bias

    def _log_sum_of_others(self, split: Split) -> Tensor:
        """log Σ_{v ∉ R} exp(logit_v), (n,); kept for as long as the other rows stay."""
        scale, total = self._others.get(split, (None, None))
        if total is None or scale != self.others_scale:
            total = self._summed_others(self._states[split])
            self._others[split] = (self.others_scale, total)
        return total

    def _summed_others(self, states: Tensor) -> Tensor:
        total = torch.full((len(states),), -torch.inf, dtype=torch.float64, device=states.device)
        moved = torch.zeros(len(self._weight), dtype=torch.bool, device=states.device)
        moved[torch.from_numpy(self.tokens).to(states.device)] = True
        for start in range(0, len(self._weight), _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            logits = self.others_scale * (states @ self._weight[part].double().T)
            if self._bias is not None:
                logits += self._bias[part]
            logits[:, moved[part]] = -torch.inf
            total = torch.logaddexp(total, logits.logsumexp(dim=1))
        return total


def _answers(pairs: TokenPairs) -> NDArray[np.int64]:
    """(n, 2): the chosen and the rejected token of every pair."""
    return np.array([[a[-1], b[-1]] for a, b in zip(pairs.chosen, pairs.rejected, strict=True)], dtype=np.int64)


def _prompt_states(model: LanguageModel, pairs: TokenPairs) -> Tensor:
    """(n, d) float64: x at the last position of every prompt."""
    prompts = [ids[:length].tolist() for ids, length in zip(pairs.chosen, pairs.prompt_lengths, strict=True)]
    reading = read_states(model, prompts, where=lambda i: pairs.where[i])
    return torch.tensor(reading.states, dtype=torch.float64, device=model.device)
