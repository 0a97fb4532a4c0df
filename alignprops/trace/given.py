"""What a `TraceRecorder` is given, judged at once: what it cannot record is refused before a step is lost."""

from __future__ import annotations

from typing import Any

from alignprops._errors import InputError


def number(name: str, value: Any) -> float:
    """The number that was given: a Python, numpy or torch number, or a tensor of one element (its graph let go).

    Raises:
        InputError: it is no number.
    """
    if hasattr(value, "detach"):
        value = value.detach()
    try:
        if isinstance(value, str | bytes):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        shape = getattr(value, "shape", None)
        told = f"of shape {tuple(shape)}" if shape is not None else f"a {type(value).__name__} ({_shown(value)})"
        raise InputError(f"{name} is {told}; expected one number") from error


def require_pairs(name: str, value: Any) -> None:
    """Refuse what are no tokenised pairs.

    Raises:
        InputError: with the way to make them.
    """
    from alignprops.training.pairs import TokenPairs

    if value is not None and not isinstance(value, TokenPairs):
        raise InputError(
            f"{name} is a {type(value).__name__}; expected TokenPairs, as "
            f"alignprops.training.pairs.tokenize_pairs(model, preferences) gives them"
        )


def require_network(network: Any) -> None:
    """Refuse what has no parameters to follow.

    Raises:
        InputError: with the way to get one.
    """
    import torch

    if not isinstance(network, torch.nn.Module):
        raise InputError(
            f"begin was given a {type(network).__name__} ({_shown(network)}); expected the network that is trained, a "
            f"torch.nn.Module such as alignprops.models.loading.load_model(folder).network"
        )


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
