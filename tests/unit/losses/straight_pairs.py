"""The losses of preference pairs a second time, written straight from the papers, without any care for rounding.

They take floats or balls (object arrays of `arb`), one pair a row: with balls of many digits they are the truth where
floats would over- or underflow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Pairs(NamedTuple):
    """(B,) each: log-probabilities under policy and reference of chosen (w) and rejected (l), and lengths."""

    w: Any
    l: Any  # as the papers call it
    rw: Any
    rl: Any
    nw: Any
    nl: Any


#: (pairs, the same held fixed in differentiation, options) -> (B,)
Straight = Callable[[Pairs, Pairs, Any], Any]


def sigma(x: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))


def log_sigma(x: Any) -> Any:
    """Its logarithm."""
    return np.log(sigma(x))


def h(p: Pairs) -> Any:
    """The log-ratio difference."""
    return np.log(np.exp(p.w) / np.exp(p.rw)) - np.log(np.exp(p.l) / np.exp(p.rl))


def logistic(m: Any, eps: Any = 0) -> Any:
    """The logistic loss of labels flipped with probability ε."""
    return -(1 - eps) * log_sigma(m) - eps * log_sigma(-m) if eps else -log_sigma(m)


def _robust(p: Pairs, _: Pairs, o: Any) -> Any:
    e, m = o["label_smoothing"], o["beta"] * h(p)
    return ((1 - e) * logistic(m) - e * logistic(-m)) / (1 - 2 * e)


def _odds_ratio(p: Pairs, o: Any) -> Any:
    chosen, rejected = np.exp(p.w) / (1 - np.exp(p.w)), np.exp(p.l) / (1 - np.exp(p.l))
    return o["beta"] * logistic(np.log(chosen / rejected))


def _cpo(p: Pairs, o: Any) -> Any:
    return logistic(o["beta"] * np.log(np.exp(p.w) / np.exp(p.l)), o["label_smoothing"])


def _reward(policy: Any, reference: Any, o: Any) -> Any:
    return o["beta"] * (policy - reference)


def _rewards(p: Pairs, o: Any) -> tuple[Any, Any]:
    return _reward(p.w, p.rw, o), _reward(p.l, p.rl, o)


def _nca(p: Pairs, _: Pairs, o: Any) -> Any:
    w, l = _rewards(p, o)
    return -log_sigma(w) - (log_sigma(-w) + log_sigma(-l)) / 2


def _bco(p: Pairs, _: Pairs, o: Any) -> Any:
    w, l = _rewards(p, o)
    return -log_sigma(w - o["delta"]) - log_sigma(-(l - o["delta"]))


def _apo_zero(p: Pairs, o: Any) -> Any:
    w, l = _rewards(p, o)
    return -sigma(w) + sigma(l)


def _apo_down(p: Pairs, o: Any) -> Any:
    w, l = _rewards(p, o)
    return sigma(w) - sigma(w - l)


def _exo(p: Pairs, _: Pairs, o: Any) -> Any:
    w, l, e = *_rewards(p, o), o["label_smoothing"]
    q = np.exp(w) / (np.exp(w) + np.exp(l)), np.exp(l) / (np.exp(w) + np.exp(l))
    return q[0] * np.log(q[0] / (1 - e)) + q[1] * np.log(q[1] / e)


def _discopop(p: Pairs, _: Pairs, o: Any) -> Any:
    m = o["beta"] * h(p)
    share = sigma(m / o["tau"])
    return (1 - share) * logistic(m) + share * np.exp(-m)


def _dpop(p: Pairs, _: Pairs, o: Any) -> Any:
    penalty = np.maximum(0, p.rw - p.w)
    return logistic(o["beta"] * (h(p) - o["dpop_lambda"] * penalty))


def _r_dpo(p: Pairs, _: Pairs, o: Any) -> Any:
    return logistic(o["beta"] * h(p) + (o["alpha"] * p.nw - o["alpha"] * p.nl))


def _wpo(p: Pairs, fixed: Pairs, o: Any) -> Any:
    weight = np.exp(fixed.w / fixed.nw) * np.exp(fixed.l / fixed.nl)
    return weight * logistic(o["beta"] * h(p))


def _f_dpo(slope: Callable[[Any, Any], Any]) -> Straight:
    def straight(p: Pairs, _: Pairs, o: Any) -> Any:
        z = np.exp(p.w - p.rw), np.exp(p.l - p.rl)
        return logistic(o["beta"] * (slope(z[0], o) - slope(z[1], o)), o["label_smoothing"])

    return straight


def _aot(p: Pairs, _: Pairs, o: Any) -> Any:
    return logistic(o["beta"] * (np.sort(p.w - p.l) - np.sort(p.rw - p.rl)), o["label_smoothing"])


def _aot_unpaired(p: Pairs, _: Pairs, o: Any) -> Any:
    return logistic(o["beta"] * (np.sort(p.w - p.rw) - np.sort(p.l - p.rl)), o["label_smoothing"])


def _dpo(p: Pairs, _: Pairs, o: Any) -> Any:
    return logistic(o["beta"] * h(p), o["label_smoothing"])


def _ipo(p: Pairs, _: Pairs, o: Any) -> Any:
    return (h(p) - 1 / (2 * o["beta"])) ** 2


#: By name of the loss and convention.
STRAIGHT: dict[tuple[str, str], Straight] = {
    ("dpo", ""): _dpo,
    ("dpo-norm", ""): _dpo,
    ("ipo", "sum"): _ipo,
    ("ipo", "mean"): _ipo,
    ("hinge", ""): lambda p, _, o: np.maximum(0, 1 - o["beta"] * h(p)),
    ("squared-hinge", ""): lambda p, _, o: np.maximum(0, 1 - o["beta"] * h(p)) ** 2,
    ("exponential", ""): lambda p, _, o: np.exp(-o["beta"] * h(p)),
    ("robust", ""): _robust,
    ("simpo", "absolute"): lambda p, _, o: logistic(
        o["beta"] * p.w - o["beta"] * p.l - o["gamma"], o["label_smoothing"]
    ),
    ("simpo", "ratio"): lambda p, _, o: logistic(o["beta"] * (p.w - p.l - o["gamma"]), o["label_smoothing"]),
    ("orpo", "with-nll"): lambda p, _, o: -p.w + _odds_ratio(p, o),
    ("orpo", "odds-ratio"): lambda p, _, o: _odds_ratio(p, o),
    ("cpo", "nll-mean"): lambda p, _, o: _cpo(p, o) + o["cpo_alpha"] * (-p.w / p.nw),
    ("cpo", "nll-sum"): lambda p, _, o: _cpo(p, o) + o["cpo_alpha"] * (-p.w),
    ("cpo", "preference"): lambda p, _, o: _cpo(p, o),
    ("sppo-hard", ""): lambda p, _, o: (p.w - p.rw - 1 / o["beta"] / 2) ** 2 + (p.l - p.rl + 1 / o["beta"] / 2) ** 2,
    ("nca-pair", ""): _nca,
    ("bco-pair", ""): _bco,
    ("apo-zero", "paper"): lambda p, _, o: _apo_zero(p, o),
    ("apo-zero", "shifted"): lambda p, _, o: 1 + _apo_zero(p, o),
    ("apo-down", "paper"): lambda p, _, o: _apo_down(p, o),
    ("apo-down", "shifted"): lambda p, _, o: 1 + _apo_down(p, o),
    ("exo-pair", ""): _exo,
    ("discopop", ""): _discopop,
    ("dpop", ""): _dpop,
    ("rpo", "nll-mean"): lambda p, f, o: _dpo(p, f, o) - o["rpo_alpha"] * p.w / p.nw,
    ("rpo", "nll-sum"): lambda p, f, o: _dpo(p, f, o) - o["rpo_alpha"] * p.w,
    ("r-dpo", ""): _r_dpo,
    ("ld-dpo", ""): lambda p, _, o: logistic(o["beta"] * h(p)),  # of log-probabilities that weigh tokens already
    ("wpo", ""): _wpo,
    ("f-dpo-forward-kl", ""): _f_dpo(lambda z, _: -1 / z),
    ("f-dpo-js", ""): _f_dpo(lambda z, _: np.log(2 * z / (1 + z))),
    ("f-dpo-alpha", "paper"): _f_dpo(lambda z, o: (1 - z ** (-o["alpha"])) / o["alpha"]),
    ("f-dpo-alpha", "complement"): _f_dpo(lambda z, o: (z ** (o["alpha"] - 1) - 1) / (o["alpha"] - 1)),
    ("aot", ""): _aot,
    ("aot-unpaired", ""): _aot_unpaired,
}
