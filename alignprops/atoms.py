"""Stable special functions of the field, as sympy atoms.

Each atom has a definition (`rewrite`), a derivative, a LaTeX form, and one numeric form that serves floats,
float64 arrays, torch tensors and python-flint balls alike (`softplus.numeric(x)`).
sympy never expands an atom by itself, so a statement written with it is evaluated as it is written.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import sympy as sp

from alignprops.measured import is_exact

#: A Python float, so that float32 arrays stay float32.
LOG_2 = math.log(2)


def is_tensor(x: Any) -> bool:
    """Whether `x` is a torch tensor; torch is not imported to tell."""
    return type(x).__module__.partition(".")[0] == "torch"


def _each(ball_form: Callable[[Any], Any], x: Any) -> Any:
    """Apply a function of one ball to a ball, or to every element of an object array."""
    if not isinstance(x, np.ndarray):
        return ball_form(x)
    out = np.empty(x.shape, dtype=object)
    for index, ball in np.ndenumerate(x):
        out[index] = ball_form(ball)
    return out


class Atom(sp.Function):  # type: ignore[misc]  # sympy ships no types
    """A function of one real argument with a numerically stable form in every number world."""

    nargs = 1
    #: LaTeX, with %s for the argument.
    notation: ClassVar[str]
    #: |f'| is nowhere larger, on the whole real line.
    lipschitz: ClassVar[float] = math.inf

    @staticmethod
    def definition(x: sp.Expr) -> sp.Expr:
        """The function in elementary terms, valid where they are defined."""
        raise NotImplementedError

    @staticmethod
    def _floats(x: Any) -> Any:
        raise NotImplementedError

    @staticmethod
    def _ball(x: Any) -> Any:
        raise NotImplementedError

    @staticmethod
    def _tensor(x: Any) -> Any:
        raise NotImplementedError

    @classmethod
    def steepest(cls, x: Any, error: Any) -> Any:  # noqa: ARG003  # for those whose slope has no bound everywhere
        """A bound on |f'| within `error` of the float `x`."""
        return cls.lipschitz

    @classmethod
    def numeric(cls, x: Any) -> Any:
        """The value at a float, a float array, a torch tensor, an `arb`, or an object array of them."""
        if is_exact(x):
            return _each(cls._ball, x)
        if is_tensor(x):
            return cls._tensor(x)
        return cls._floats(np.asarray(x))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        written = self.notation % printer._print(self.args[0])
        return rf"\left({written}\right)^{{{exp}}}" if exp else written

    def _eval_rewrite(self, rule: Any, args: Any, **hints: Any) -> sp.Expr:
        return self.definition(*args)

    def _eval_evalf(self, prec: int) -> sp.Expr:
        return self.definition(self.args[0])._eval_evalf(prec)

    def _eval_is_real(self) -> bool | None:
        return True if self.args[0].is_extended_real else None


class softplus(Atom):
    """log(1 + exp(x)), without overflow."""

    notation = r"\operatorname{softplus}\left(%s\right)"
    lipschitz = 1.0

    @staticmethod
    def definition(x: sp.Expr) -> sp.Expr:
        return sp.log(1 + sp.exp(x))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0])

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    @staticmethod
    def _floats(x: Any) -> Any:
        return np.logaddexp(0, x)

    @staticmethod
    def _ball(x: Any) -> Any:
        return x + (-x).exp().log1p() if x > 0 else x.exp().log1p()

    @staticmethod
    def _tensor(x: Any) -> Any:
        # F.softplus is linear beyond 20, which spoils its gradient by 2e-9; logsigmoid is exact.
        from torch.nn.functional import logsigmoid

        return -logsigmoid(-x)


class log_sigmoid(Atom):
    """log σ(x) = −softplus(−x): the log-probability that a Bernoulli with logit x is 1."""

    notation = r"\log\sigma\left(%s\right)"
    lipschitz = 1.0

    @staticmethod
    def definition(x: sp.Expr) -> sp.Expr:
        return -sp.log(1 + sp.exp(-x))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(-self.args[0])

    def _eval_is_negative(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    @staticmethod
    def _floats(x: Any) -> Any:
        return -np.logaddexp(0, -x)

    @staticmethod
    def _ball(x: Any) -> Any:
        return -softplus._ball(-x)

    @staticmethod
    def _tensor(x: Any) -> Any:
        return -softplus._tensor(-x)


class sigmoid(Atom):
    """σ(x) = 1/(1 + exp(−x)), accurate in both tails."""

    notation = r"\sigma\left(%s\right)"
    lipschitz = 0.25

    @staticmethod
    def definition(x: sp.Expr) -> sp.Expr:
        return 1 / (1 + sp.exp(-x))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sigmoid(self.args[0]) * sigmoid(-self.args[0])

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    @staticmethod
    def _floats(x: Any) -> Any:
        decay = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, decay) / (1 + decay)

    @staticmethod
    def _ball(x: Any) -> Any:
        return 1 / (1 + (-x).exp()) if x > 0 else x.exp() / (1 + x.exp())

    @staticmethod
    def _tensor(x: Any) -> Any:
        return x.sigmoid()


class log1mexp(Atom):
    """log(1 − exp(−x)) for x > 0: the log-probability of the complement of an event of log-probability −x."""

    notation = r"\log\left(1 - e^{-\left(%s\right)}\right)"

    @staticmethod
    def definition(x: sp.Expr) -> sp.Expr:
        return sp.log(1 - sp.exp(-x))

    @classmethod
    def steepest(cls, x: Any, error: Any) -> Any:
        """1/(exp(x) − 1) at the left end, where it is steepest; unbounded there if that is not positive."""
        left = np.asarray(x - error)
        return np.where(left > 0, 1 / np.expm1(np.where(left > 0, left, 1)), np.inf)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return 1 / (sp.exp(self.args[0]) - 1)

    def _eval_is_negative(self) -> bool | None:
        return True if self.args[0].is_positive else None

    def _eval_is_real(self) -> bool | None:
        return True if self.args[0].is_positive else None

    @staticmethod
    def _floats(x: Any) -> Any:
        # Mächler 2012, "Accurately computing log(1 − exp(−|a|))": switch at log 2.
        near = np.minimum(x, LOG_2)
        far = np.maximum(x, LOG_2)
        return np.where(x <= LOG_2, np.log(-np.expm1(-near)), np.log1p(-np.exp(-far)))

    @staticmethod
    def _ball(x: Any) -> Any:
        return (-((-x).exp())).log1p() if x > 1 else (-((-x).expm1())).log()

    @staticmethod
    def _tensor(x: Any) -> Any:
        import torch

        near = x.clamp(max=LOG_2)
        far = x.clamp(min=LOG_2)
        return torch.where(x <= LOG_2, (-torch.expm1(-near)).log(), torch.log1p(-(-far).exp()))


class tanhc(Atom):
    """tanh(x)/x, continued by 1 at 0."""

    notation = r"\operatorname{tanhc}\left(%s\right)"
    lipschitz = 0.5
    #: Below it the series 1 − x²/3 + 2x⁴/15 is exact to float64 rounding.
    _small = 1e-3

    @staticmethod
    def definition(x: sp.Expr) -> sp.Expr:
        return sp.tanh(x) / x

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        x = self.args[0]
        return (1 - sp.tanh(x) ** 2 - tanhc(x)) / x

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    @staticmethod
    def _series(x: Any) -> Any:
        return 1 - x * x / 3 + 2 * x**4 / 15 - 17 * x**6 / 315

    @classmethod
    def _floats(cls, x: Any) -> Any:
        small = np.abs(x) < cls._small
        safe = np.where(small, 1, x)
        return np.where(small, cls._series(np.where(small, x, 0)), np.tanh(safe) / safe)

    @staticmethod
    def _ball(x: Any) -> Any:
        from flint import arb

        if not x.contains(0):
            return x.tanh() / x
        # 1 − x²/3 ≤ tanh(x)/x ≤ 1: an enclosure that shrinks with the square of the radius.
        half = x.abs_upper() ** 2 / 6
        return 1 - half + arb(0, half.upper())

    @classmethod
    def _tensor(cls, x: Any) -> Any:
        import torch

        small = x.abs() < cls._small
        safe = torch.where(small, torch.ones_like(x), x)
        return torch.where(small, cls._series(x), safe.tanh() / safe)


class log_cosh(Atom):
    """log cosh(x), without overflow and without cancellation near 0."""

    notation = r"\log\cosh\left(%s\right)"
    lipschitz = 1.0

    @staticmethod
    def definition(x: sp.Expr) -> sp.Expr:
        return sp.log(sp.cosh(x))

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.tanh(self.args[0])

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    @staticmethod
    def _floats(x: Any) -> Any:
        size = np.abs(x)
        near = np.log1p(2 * np.sinh(np.minimum(size, 1) / 2) ** 2)
        return np.where(size <= 1, near, size + np.log1p(np.exp(-2 * size)) - LOG_2)

    @staticmethod
    def _ball(x: Any) -> Any:
        half = (x / 2).sinh()
        return (2 * half * half).log1p()

    @staticmethod
    def _tensor(x: Any) -> Any:
        import torch

        size = x.abs()
        near = torch.log1p(2 * torch.sinh(size.clamp(max=1) / 2) ** 2)
        return torch.where(size <= 1, near, size + torch.log1p((-2 * size).exp()) - LOG_2)


class limited_exp(Atom):
    """exp(x) up to x = 64, and its tangent beyond: huge values stay finite and ordered in single precision.

    A logistic loss of differences of such values is the same for exp itself, to the last bit, wherever that is finite
    and below 1e18: beyond 64 the sign of a difference decides.
    """

    notation = r"\exp_{\leq 64}\left(%s\right)"
    LIMIT: ClassVar[int] = 64

    @classmethod
    def definition(cls, x: sp.Expr) -> sp.Expr:
        beyond = sp.exp(cls.LIMIT) * (1 + x - cls.LIMIT)
        return sp.Piecewise((sp.exp(x), x <= cls.LIMIT), (beyond, True))

    @classmethod
    def steepest(cls, x: Any, error: Any) -> Any:
        """exp at the right end, rounded up where it underflows."""
        return np.maximum(np.exp(np.minimum(np.asarray(x) + error, cls.LIMIT)), np.finfo(float).tiny)

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.exp(sp.Min(self.args[0], self.LIMIT))

    def _eval_is_positive(self) -> bool | None:
        return True if self.args[0].is_extended_real else None

    @classmethod
    def _floats(cls, x: Any) -> Any:
        below = np.minimum(x, cls.LIMIT)
        return np.exp(below) * (1 + (x - below))

    @classmethod
    def _ball(cls, x: Any) -> Any:
        below = x.min(type(x)(cls.LIMIT))
        return below.exp() * (1 + (x - below))

    @classmethod
    def _tensor(cls, x: Any) -> Any:
        below = x.clamp(max=cls.LIMIT)
        return below.exp() * (1 + (x - below))


def expand_atoms(expr: sp.Basic) -> sp.Basic:
    """Replace every atom by its definition in elementary functions."""
    return expr.replace(lambda e: isinstance(e, Atom), lambda e: e.definition(*e.args))
