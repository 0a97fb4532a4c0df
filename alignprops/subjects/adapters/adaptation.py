"""What a user says of a function, class or method, so that it can be called as its kind is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from alignprops._errors import InputError, UnknownNameError


@dataclass(frozen=True)
class Adaptation:
    """The explicit parameters of an adapter; None: to be inferred, and told, or refused.

    Attributes:
        loss: the formula that the code claims to compute (`--loss`).
        variant: which of its documented conventions the code follows (`--convention`).
        form: how the code wants its inputs, by the names of the kind ("sequence" or "tokens" …) (`--form`).
        reduction: "none", "mean" or "sum" (`--reduction`).
        returns: the names of what the code returns, in order (`--returns loss,chosen_rewards,…`); `_` is not looked at.
        map: name of the kind -> name of the code's argument (`--map beta=kl_coef`), `self.attribute` for a method whose
            stand-in `self` must have it, `init.argument` for a class.
        fixed: argument of the code -> a value that it always has (`--set loss_type=sigmoid`).
        assume: option of the formula -> the value that it has in code which does not take it (`--assume beta=0.1`).
        precision: the dtype that the code computes in if that is coarser than its inputs' (`--precision float32`).
        normalised_in: the dtype of its log-softmax, for a host's wrapper that hands over log-probabilities of tokens as
            hidden states (`alignprops.conformance.normalised`).
        sign: −1 if the code returns the negative of what the kind means, e.g. an objective to be maximised (`--sign`).
        mask_dtype: what masks are given as: "bool", "int64" or "float32" (`--mask-dtype`).
    """

    loss: str | None = None
    variant: str | None = None
    form: str | None = None
    reduction: str | None = None
    returns: tuple[str, ...] | None = None
    map: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    assume: Mapping[str, Any] = field(default_factory=dict)
    precision: str | None = None
    normalised_in: str | None = None
    sign: int = 1
    mask_dtype: str = "bool"

    @property
    def recipe(self) -> dict[str, Any]:
        """What is not as by default, as plain data for a stored witness; constants that are none are left out."""
        given = {part.name: getattr(self, part.name) for part in fields(self)}
        plain = {name: value for name, value in given.items() if value != getattr(Adaptation(), name)}
        return {name: _plain(value) for name, value in plain.items()}

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Adaptation:
        """From keyword arguments.

        Raises:
            UnknownNameError: there is no such parameter.
            InputError: one has a value that it cannot have.
        """
        known = [part.name for part in fields(cls)]
        for name in parameters:
            if name not in known:
                raise UnknownNameError("parameter of an adapter", name, known)
        returns = parameters.get("returns")
        made = cls(**{**parameters, **({} if returns is None else {"returns": _names(returns)})})
        _require("reduction", made.reduction, (None, "none", "mean", "sum"))
        _require("precision", made.precision, (None, "float32", "bfloat16"))
        _require("normalised_in", made.normalised_in, (None, "float32", "float64"))
        _require("sign", made.sign, (1, -1))
        _require("mask_dtype", made.mask_dtype, ("bool", "int64", "float32"))
        return made


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: part for name, part in value.items() if isinstance(part, str | int | float | bool | None)}
    return list(value) if isinstance(value, tuple) else value


def _names(returns: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return tuple(name.strip() for name in returns.split(",")) if isinstance(returns, str) else tuple(returns)


def _require(name: str, value: Any, allowed: tuple[Any, ...]) -> None:
    if value not in allowed:
        told = ", ".join(repr(choice) for choice in allowed if choice is not None)
        raise InputError(f"{name} is {value!r}; expected one of {told}")
