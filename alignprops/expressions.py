"""Values of sympy expressions, in floats with a running error bound or in exact balls.

One tree walk serves both. `rounded` follows the rounding errors through the expression (a running error
analysis: every node yields a value and a bound on how far it may be from the true one), so that the tolerance
of a check is derived and not chosen. `exact` computes with python-flint balls, constants included:
1/3, √2 and log 2 never pass through a float.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from math import ceil, isfinite
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from sympy.core.relational import Relational

from alignprops._errors import TheoremError
from alignprops.atoms import Atom, is_tensor
from alignprops.measured import EPS, Bounded, is_exact

#: The error of a function in units of its last place: numpy promises less than 4, and an atom is made of up to four.
FUNCTION_ULPS = 16
#: Covers what underflow takes from an operation and from the products in its error bound.
SMALLEST = 4 * 5e-324
#: Integers below this are floats.
EXACT_INTEGERS = 2**53


class Rounded(NamedTuple):
    """A float64 value and an absolute bound on its error (broadcast against each other)."""

    value: Any
    error: Any


#: (value, error) -> the steepest slope of a function within `error` of `value`
Steepest = Callable[[Any, Any], Any]


#: The floats of some precision, and the same where some error has no bound.
Worlds = tuple[Any, Any]


# --- the two worlds ---------------------------------------------------------------------------------------------


class _Floats:
    """Running error analysis (Higham 2002, section 3.3): values in float64, errors of operations in `eps`."""

    eps = EPS
    smallest = SMALLEST

    @classmethod
    def constant(cls, expr: sp.Expr) -> Rounded:
        value = float(expr.evalf(25))
        exact = expr.is_Rational and isfinite(value) and Fraction(value) == Fraction(int(expr.p), int(expr.q))
        return Rounded(value, 0.0 if exact else cls.eps * abs(value) + cls.smallest)

    @classmethod
    def add(cls, terms: list[Rounded]) -> Rounded:
        value = sum(term.value for term in terms)
        size = sum(np.abs(term.value) for term in terms)
        return Rounded(value, sum(term.error for term in terms) + (len(terms) - 1) * cls.eps * size)

    @classmethod
    def multiply(cls, a: Rounded, b: Rounded) -> Rounded:
        value = a.value * b.value
        error = np.abs(a.value) * b.error + np.abs(b.value) * a.error + a.error * b.error
        return Rounded(value, error + cls.eps * np.abs(value) + cls.smallest)

    @classmethod
    def reciprocal(cls, a: Rounded) -> Rounded:
        value = 1 / a.value
        room = np.abs(a.value) - a.error
        # Divided one by one: the product of two small numbers would underflow.
        error = np.where(room > 0, a.error / np.where(room > 0, room, 1) * np.abs(value), np.inf)
        return Rounded(value, error + cls.eps * np.abs(value) + cls.smallest)

    @classmethod
    def root(cls, a: Rounded) -> Rounded:
        """√a; what rounding may have pushed below 0 counts as 0."""
        value = np.sqrt(np.where((a.value < 0) & (a.value >= -a.error), 0, a.value))
        # |√x − √y| = |x − y|/(√x + √y), and at most √|x − y|; the first is 0/0 where nothing is wrong at 0.
        error = np.fmin(a.error / (value + np.sqrt(np.maximum(a.value - a.error, 0))), np.sqrt(a.error))
        return Rounded(value, error + cls.eps * value)

    @classmethod
    def power(cls, a: Rounded, b: Rounded) -> Rounded:
        """a**b for a > 0, as exp(b log a)."""
        return cls.exponential(cls.multiply(b, cls.logarithm(a)))

    @classmethod
    def exponential(cls, a: Rounded) -> Rounded:
        value = np.exp(a.value)
        return Rounded(
            value, (value + cls.smallest) * np.expm1(a.error) + FUNCTION_ULPS * cls.eps * value + cls.smallest
        )

    @classmethod
    def logarithm(cls, a: Rounded) -> Rounded:
        value = np.log(a.value)
        share = a.error / np.abs(a.value)
        error = np.where(share < 0.5, -np.log1p(-np.minimum(share, 0.5)), np.inf)
        return Rounded(value, error + FUNCTION_ULPS * cls.eps * np.abs(value))

    @classmethod
    def smooth(cls, function: Callable[[Any], Any], steepest: Steepest, a: Rounded) -> Rounded:
        value = function(a.value)
        error = _bounded_product(steepest(a.value, a.error), a.error)
        return Rounded(value, error + FUNCTION_ULPS * cls.eps * np.abs(value) + cls.smallest)

    @classmethod
    def step(cls, a: Rounded) -> Rounded:
        """Heaviside's function, ½ at 0."""
        return Rounded((1 + np.sign(a.value)) / 2, np.where(np.abs(a.value) > a.error, 0.0, 1.0))

    @classmethod
    def largest(cls, terms: list[Rounded]) -> Rounded:
        value = reduce(np.maximum, [term.value for term in terms])
        return Rounded(value, reduce(np.maximum, [term.error for term in terms]))


def _bounded_product(size: Any, error: Any) -> Any:
    """|size| · error, where 0 · ∞ is 0: a bound for a product with a number that is finite, if unknown."""
    return np.where((size == 0) | (error == 0), 0, np.abs(size) * error)


class _UnboundedFloats(_Floats):
    """The same where some error has no bound, which costs more: 0 times what has none is 0."""

    @classmethod
    def multiply(cls, a: Rounded, b: Rounded) -> Rounded:
        value = a.value * b.value
        error = _bounded_product(a.value, b.error) + _bounded_product(b.value, a.error)
        error = error + _bounded_product(a.error, b.error)
        return Rounded(value, error + cls.eps * np.abs(value) + cls.smallest)


class _Balls:
    """python-flint balls at the current working precision; object arrays, element by element."""

    @staticmethod
    def constant(expr: sp.Expr) -> Any:
        from flint import arb

        if expr.is_Integer:
            return arb(int(expr))
        if expr.is_Rational:
            return arb(int(expr.p)) / int(expr.q)
        if expr is sp.pi:
            return arb.pi()
        if expr is sp.E:
            return arb.const_e()
        raise TheoremError(f"the constant {expr} has no exact form; write it with integers, fractions, pi or E")

    @staticmethod
    def add(terms: list[Any]) -> Any:
        return reduce(lambda a, b: a + b, terms)

    @staticmethod
    def multiply(a: Any, b: Any) -> Any:
        return a * b

    @staticmethod
    def reciprocal(a: Any) -> Any:
        return 1 / a

    @staticmethod
    def root(a: Any) -> Any:
        return _each(lambda ball: ball.nonnegative_part().sqrt() if ball.contains(0) else ball.sqrt(), a)

    @staticmethod
    def power(a: Any, b: Any) -> Any:
        return np.exp(b * np.log(a))

    @staticmethod
    def exponential(a: Any) -> Any:
        return np.exp(a)

    @staticmethod
    def logarithm(a: Any) -> Any:
        return np.log(a)

    @staticmethod
    def smooth(function: Callable[[Any], Any], _steepest: Steepest, a: Any) -> Any:
        return function(a)

    @staticmethod
    def step(a: Any) -> Any:
        return _each(lambda ball: (1 + ball.sgn()) / 2, a)

    @staticmethod
    def largest(terms: list[Any]) -> Any:
        return reduce(np.frompyfunc(lambda a, b: a.max(b), 2, 1), terms)


def _each(function: Callable[[Any], Any], x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return function(x)
    out = np.empty(x.shape, dtype=object)
    for index, ball in np.ndenumerate(x):
        out[index] = function(ball)
    return out


# --- the walk ---------------------------------------------------------------------------------------------------

Evaluator = Callable[[Mapping[sp.Symbol, Any]], Any]


def _at_most_1(_value: Any, _error: Any) -> float:
    return 1.0


def _at_most_cosh(value: Any, error: Any) -> Any:
    return np.cosh(np.abs(value) + error)


#: Functions of one argument beside the atoms, with their steepest slope.
_SMOOTH: dict[type, tuple[Callable[[Any], Any], Steepest]] = {
    sp.tanh: (np.tanh, _at_most_1),
    sp.sin: (np.sin, _at_most_1),
    sp.cos: (np.cos, _at_most_1),
    sp.Abs: (np.abs, _at_most_1),
    sp.cosh: (np.cosh, _at_most_cosh),
    sp.sinh: (np.sinh, _at_most_cosh),
}


def _walk(expr: sp.Expr, world: Any) -> Evaluator:
    """Compile `expr` to a function of the symbols' values in `world`."""
    if expr.is_Symbol:
        return lambda values: values[expr]
    if expr.is_Rational or expr is sp.pi or expr is sp.E:
        return _constant(world.constant, expr, world)
    if isinstance(expr, sp.Min):
        return _walk(-sp.Max(*[-argument for argument in expr.args]), world)
    children = [_walk(argument, world) for argument in expr.args]
    is_power = expr.is_Pow or isinstance(expr, sp.exp)
    compiled = _power(expr, children, world) if is_power else _operation(expr, children, world)
    return compiled if expr.free_symbols else _constant(lambda _: compiled({}), expr, world)


def _operation(expr: sp.Expr, children: list[Evaluator], world: Any) -> Evaluator:
    if expr.is_Add:
        return lambda values: world.add([child(values) for child in children])
    if expr.is_Mul:
        return lambda values: reduce(world.multiply, [child(values) for child in children])
    if isinstance(expr, sp.Max):
        return lambda values: world.largest([child(values) for child in children])
    if isinstance(expr, sp.Heaviside):
        return lambda values: world.step(children[0](values))
    if isinstance(expr, sp.log):
        return lambda values: world.logarithm(children[0](values))
    function, steepest = _smooth_function(expr)
    return lambda values: world.smooth(function, steepest, children[0](values))


def _constant(made: Callable[[sp.Expr], Any], expr: sp.Expr, world: Any) -> Evaluator:
    if world is _Balls:
        return lambda values: made(expr)  # a ball is as precise as the precision at which it is made
    fixed = made(expr)
    return lambda values: fixed


def _power(expr: sp.Expr, children: list[Evaluator], world: Any) -> Evaluator:
    if isinstance(expr, sp.exp):
        return lambda values: world.exponential(children[0](values))
    base, (_, exponent) = children[0], expr.args
    if exponent.is_Integer:
        return lambda values: _integer_power(base(values), int(exponent), world)
    if exponent.is_Rational and exponent.q == 2:
        return lambda values: _integer_power(world.root(base(values)), int(exponent.p), world)
    if expr.base is sp.E:
        return lambda values: world.exponential(children[1](values))
    return lambda values: world.power(base(values), children[1](values))


def _integer_power(a: Any, exponent: int, world: Any) -> Any:
    if exponent < 0:
        return world.reciprocal(_integer_power(a, -exponent, world))
    return reduce(world.multiply, [a] * exponent)


def _smooth_function(expr: sp.Expr) -> tuple[Callable[[Any], Any], Steepest]:
    if isinstance(expr, Atom):
        return type(expr).numeric, type(expr).steepest
    if type(expr) in _SMOOTH:
        return _SMOOTH[type(expr)]
    raise TheoremError(
        f"{expr.func.__name__} has no numeric form here; write the statement with +, ·, powers, exp, log, tanh, cosh, "
        "Abs, Max, Min or the functions of alignprops.atoms"
    )


@lru_cache(maxsize=4096)
def _compiled(expr: sp.Expr, world: type) -> Evaluator:
    with np.errstate(all="ignore"):  # a constant may be nonsense as well
        return _walk(expr, world)


def in_world(expr: sp.Expr, world: type) -> Evaluator:
    """`expr` as a function of its symbols' values, in a world of the caller's own (its class serves as the key)."""
    return _compiled(expr, world)


@lru_cache(maxsize=4096)
def symbols_of(expr: sp.Basic) -> frozenset[sp.Symbol]:
    """The symbols of an expression or a relation; sympy collects them anew each time it is asked."""
    return frozenset(expr.free_symbols)


def is_strict(relation: Relational) -> bool:
    """Whether equal sides break the relation."""
    return isinstance(relation, sp.StrictLessThan | sp.StrictGreaterThan)


def require_numeric_form(expr: sp.Expr) -> None:
    """Refuse what has no value in floats and balls alike.

    Raises:
        TheoremError: the expression has a function or a constant (a Float among them) without a numeric form.
    """
    _compiled(expr, _Floats)
    _compiled(expr, _Balls)


# --- what a statement's values look like ------------------------------------------------------------------------


def as_rounded(value: Any, operations: float) -> Rounded:
    """A measured number with its error: its own bound if it has one, else eps × operations × |value|.

    Integers and truth values are exact; tensors widen exactly to float64.
    """
    if isinstance(value, Bounded):
        return Rounded(value.value[()], value.error[()])  # a number where there are no axes: faster to reckon with
    if is_tensor(value):
        value = value.detach().cpu().double().numpy() if value.is_floating_point() else value.cpu().numpy()
    array = np.asarray(value)
    floats = array.astype(np.float64)[()]
    size = np.abs(floats)
    if array.dtype.kind in "iub":
        return Rounded(floats, np.where(size >= EXACT_INTEGERS, EPS * size, 0.0)[()])
    return Rounded(floats, EPS * operations * size + SMALLEST * ceil(operations))


def as_balls(value: Any, name: str) -> Any:
    """A measured quantity in the world of balls; integers are exact, floats have no place there."""
    from flint import arb

    if is_exact(value):
        return value
    array = np.asarray(value)
    if array.dtype == bool or np.issubdtype(array.dtype, np.integer):
        return _each(arb, np.vectorize(int, otypes=[object])(array)) if array.ndim else arb(int(array))
    raise TheoremError(
        f"under exact re-measurement the measure gave {name} as {array.dtype}; "
        "compute it from the instance without float constants, or declare the theorem exact=False"
    )


def rounded(expr: sp.Expr, values: Mapping[sp.Symbol, Rounded]) -> Rounded:
    """The float64 value of `expr` and a bound on its rounding error; what is not finite is for the caller to judge."""
    with np.errstate(all="ignore"):
        return follow(expr, values)


def follow(expr: sp.Expr, values: Mapping[sp.Symbol, Rounded]) -> Rounded:
    """As `rounded`, for a caller that has switched numpy's warnings off already."""
    return follow_in(expr, values, (_Floats, _UnboundedFloats))


def follow_in(expr: sp.Expr, values: Mapping[sp.Symbol, Rounded], worlds: Worlds) -> Rounded:
    """As `follow`, in the worlds of another precision (`worlds_of`)."""
    bounded, unbounded = worlds
    found: Rounded = _compiled(expr, bounded)(values)
    if np.isnan(found.error).any():
        found = _compiled(expr, unbounded)(values)
    return found


@lru_cache(maxsize=64)
def worlds_of(eps: float, smallest: float) -> Worlds:
    """The worlds of a computation whose every operation is off by a share of `eps`, or by `smallest` if it underflows.

    Values are float64; the error says how far such a computation may be from the true value.
    """
    precision = {"eps": max(eps, EPS), "smallest": max(smallest, SMALLEST)}
    return type("_Coarse", (_Floats,), precision), type("_UnboundedCoarse", (_UnboundedFloats,), precision)


def exact(expr: sp.Expr, values: Mapping[sp.Symbol, Any]) -> Any:
    """The value of `expr` as balls, at the working precision of `flint.ctx`."""
    return _compiled(expr, _Balls)(values)
