"""The losses of preference pairs are the papers': against straight code, in floats and in balls, and by proof."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp
import torch
from flint import arb, ctx

from alignprops._errors import InputError, UnknownNameError
from alignprops.atoms import expand_atoms, limited_exp, log_sigmoid, sigmoid, softplus
from alignprops.conformance.call import make_call, run
from alignprops.conformance.pair_torch import TorchPairLoss
from alignprops.conformance.pairwise import POLICY_LOGPS, PairwiseReference
from alignprops.conformance.pairwise_case import PairwiseCase
from alignprops.conformance.precision import exactly
from alignprops.losses.pairs import PAIR_LOSSES, PairLoss, pair_loss
from alignprops.losses.pairs.pair_loss import LD_ALPHA
from alignprops.losses.pairs.reference_free import log_odds
from alignprops.losses.pairs.sorting import Sorting
from alignprops.losses.pairs.symbols import LENGTHS, POLICY, REFERENCE, policy_chosen, policy_rejected
from alignprops.losses.pairs.table import ALIASES
from alignprops.subjects.adapters.adaptation import Adaptation
from alignprops.subjects.adapters.pairwise import adapt_pairwise
from alignprops.subjects.pairwise_loss import _references
from property_suites.preference_losses.specimens import RAGGED
from tests.unit.losses.straight_pairs import STRAIGHT, Pairs

CASES = [(loss, variant) for loss in PAIR_LOSSES.values() for variant in loss.variants]
NAMES = [symbol.name for symbol in (*POLICY, *REFERENCE, *LENGTHS)]
#: Those in which a value, e.g. exp(−log-ratio), outgrows any float where log-ratios are of hundreds.
STEEP = ("exponential", "f-dpo-forward-kl", "f-dpo-alpha")
each_case = pytest.mark.parametrize(("loss", "variant"), CASES, ids=[f"{loss.name}-{v}" for loss, v in CASES])


def numbers(seed: int, scale: float = 1.0) -> dict[str, Any]:
    """Six pairs, generic, asymmetric and without ties: log-probabilities and lengths."""
    rng = np.random.default_rng(seed)
    logps = -scale * rng.choice(np.arange(1, 2**13), size=(4, 6), replace=False) / 2**10
    lengths = rng.integers(1, 9, size=(2, 6)).astype(float)
    return dict(zip(NAMES, [*logps, *lengths], strict=True))


def option_values(loss: PairLoss) -> Iterator[dict[str, float]]:
    """Every value of every option, at least once, in turns."""
    for k in range(max(len(option.values) for option in loss.options)):
        yield {option.name: option.values[(k * (1 + i)) % len(option.values)] for i, option in enumerate(loss.options)}


def expected(loss: PairLoss, variant: str, given: dict[str, Any], options: dict[str, float]) -> Any:
    """What the theorems compare with."""
    inputs = {name: exactly(value) for name, value in given.items()}
    return PairwiseReference(loss, variant, inputs, options, "float64").expected


def straight(loss: PairLoss, variant: str, given: dict[str, Any], options: dict[str, Any], fixed: Any = None) -> Any:
    """The paper's formula."""
    pairs = Pairs(*(given[name] for name in NAMES))
    return STRAIGHT[loss.name, variant](pairs, pairs if fixed is None else fixed, options)


def test_each_loss_has_straight_code_beside_it() -> None:
    """None is compared with itself only."""
    assert {(loss.name, variant) for loss, variant in CASES} == set(STRAIGHT)


@each_case
def test_values_are_those_of_straight_code(loss: PairLoss, variant: str) -> None:
    """On generic pairs, at every value of the options."""
    for seed, options in enumerate(option_values(loss)):
        given = numbers(seed, 1 / 4 if loss.name in STEEP else 1.0)
        np.testing.assert_allclose(
            expected(loss, variant, given, options).losses.value,
            straight(loss, variant, given, options),
            rtol=1e-9,
            atol=1e-12,
        )


@each_case
def test_gradients_are_those_of_straight_code(loss: PairLoss, variant: str) -> None:
    """By central differences of the straight code, with what is stopped held fixed and an upstream for each pair."""
    upstream = np.array([1.0, -0.5, 2.0, 0.25, 3.0, 1.5])
    options = list(option_values(loss))[1]
    given = numbers(7)
    call = make_call(given, options, dtype="float64", differentiable=POLICY_LOGPS)
    found = run(TorchPairLoss(loss, variant), call, main="loss", upstream=upstream)
    fixed = Pairs(*(given[name] for name in NAMES))
    step = 2.0**-17
    for name in POLICY_LOGPS:
        for row in range(6):
            ahead, behind = given[name].copy(), given[name].copy()
            ahead[row] += step
            behind[row] -= step
            both = [straight(loss, variant, {**given, name: moved}, options, fixed) for moved in (ahead, behind)]
            slope = (upstream * (both[0] - both[1])).sum() / (2 * step)
            assert found.gradients[name][row] == pytest.approx(slope, rel=1e-6, abs=1e-8), (name, row)


@each_case
def test_far_out_values_are_the_truth(loss: PairLoss, variant: str) -> None:
    """Where straight code in floats would over- or underflow, within the bound that theorems allow; and in torch."""
    scale = 4.0 if loss.name in STEEP else 64.0
    for seed, options in enumerate(list(option_values(loss))[1:3]):
        given = numbers(seed, scale)
        made = expected(loss, variant, given, options).losses
        with ctx.workprec(2**13):
            balls = {name: np.array([arb(x) for x in value], dtype=object) for name, value in given.items()}
            truth = straight(loss, variant, balls, {name: arb(value) for name, value in options.items()})
            errors = np.array([float(abs(arb(x) - true).upper()) for x, true in zip(made.value, truth, strict=True)])
            sizes = np.array([float(arb(true).mid()) for true in truth])
        defined = np.abs(sizes) < 1e18
        assert defined.any()
        assert (errors <= made.error + 1e-300)[defined].all()
        found = run(TorchPairLoss(loss, variant), make_call(given, options, dtype="float64", differentiable=()))
        np.testing.assert_allclose(found.outputs["loss"][defined], sizes[defined], rtol=1e-11, atol=1e-11)


# --- stable forms are the papers' forms --------------------------------------------------------------------------

_x = sp.Symbol("x", real=True)
_t = sp.Symbol("t", positive=True)


def _plain_sigma(x: sp.Expr) -> sp.Expr:
    return 1 / (1 + sp.exp(-x))


@pytest.mark.parametrize(
    ("stable", "paper", "symbol", "at"),
    [
        (-softplus(-_x), sp.log(_plain_sigma(_x)), _x, 0),
        (sigmoid(-_x), 1 - _plain_sigma(_x), _x, 0),
        (log_sigmoid(_x), sp.log(2 * sp.exp(_x) / (1 + sp.exp(_x))) - sp.log(2), _x, 0),
        (sp.exp(log_sigmoid(_x / 3) - _x), sp.exp(-_x) * _plain_sigma(_x / 3), _x, 0),
        (log_odds(-_t), sp.log(sp.exp(-_t) / (1 - sp.exp(-_t))), _t, sp.log(2)),
    ],
    ids=["log σ", "1 − σ", "slope of JS", "DiscoPOP", "log odds"],
)
def test_stable_forms_equal_the_papers_forms(stable: sp.Expr, paper: sp.Expr, symbol: sp.Symbol, at: Any) -> None:
    """By proof: equal at a point, and of equal slope everywhere."""
    apart = expand_atoms(stable) - paper

    assert sp.simplify(apart.subs(symbol, at)) == 0
    assert sp.simplify(sp.diff(apart, symbol).rewrite(sp.exp)) == 0
    assert sp.simplify(sp.diff(expand_atoms(stable) - paper / 2, symbol).rewrite(sp.exp)) != 0


def test_limiting_the_exponential_changes_no_loss_that_is_finite() -> None:
    """exp itself below 64; beyond, the larger of two stays larger, by so much that σ of the difference is 0 or 1."""
    points = np.array([-700.0, -1.0, 0.0, 63.875, 64.0])
    np.testing.assert_allclose(limited_exp.numeric(points), np.exp(points), rtol=1e-15)
    beyond = limited_exp.numeric(64 + np.arange(100_000) / 2.0**10)
    assert (np.diff(beyond) > 1e24).all()
    single = limited_exp.numeric(torch.tensor([1e4, 1e5], dtype=torch.float32))
    assert torch.isfinite(single).all()


@pytest.mark.parametrize(("variant", "order"), [("paper", 1 / 1024), ("complement", 1 - 1 / 1024)])
def test_alpha_divergences_begin_at_dpo(variant: str, order: float) -> None:
    """The reverse KL is the limit, from the side that each convention says, and the forward KL the other end."""
    given, options = numbers(3, 1 / 8), {"beta": 0.5, "label_smoothing": 0.0}
    at_start = expected(PAIR_LOSSES["f-dpo-alpha"], variant, given, {**options, "alpha": order}).losses.value
    np.testing.assert_allclose(at_start, expected(PAIR_LOSSES["dpo"], "", given, options).losses.value, rtol=2e-3)
    at_end = expected(PAIR_LOSSES["f-dpo-alpha"], variant, given, {**options, "alpha": 1 - order}).losses.value
    forward = expected(PAIR_LOSSES["f-dpo-forward-kl"], "", given, options).losses.value
    np.testing.assert_allclose(at_end, forward, rtol=2e-3)


# --- what is said of the losses ----------------------------------------------------------------------------------


@each_case
def test_traits_are_true(loss: PairLoss, variant: str) -> None:
    """Signs of the gradient, invariance and dependence on the reference are those that the traits promise."""
    lists: dict[str, list[bool]] = {"monotone": [], "difference": []}
    for seed, options in enumerate(option_values(loss)):
        given = numbers(seed)
        made = expected(loss, variant, given, options)
        chosen, rejected = (made.slopes[name].value for name in POLICY_LOGPS)
        lists["monotone"].append(bool((chosen <= 0).all() and (rejected >= 0).all()))
        shifted = {name: value + 3.0 * name.startswith("reference") for name, value in given.items()}
        moved = {name: value + 3.0 * name.startswith("policy") for name, value in given.items()}
        others = [expected(loss, variant, other, options).losses.value for other in (shifted, moved)]
        same = all(np.allclose(other, made.losses.value, rtol=1e-9, atol=1e-12) for other in others)
        lists["difference"].append(same and loss.uses_reference)
        if "monotone-unless-smoothed" in loss.traits and options["label_smoothing"] == 0:
            assert lists["monotone"][-1]
    assert "monotone" not in loss.traits or all(lists["monotone"])
    if "couples-batch" not in loss.traits and loss.tokens(variant) != "shared":  # of the tokens it is none
        assert all(lists["difference"]) == ("difference" in loss.traits)
    assert ("reference-free" in loss.traits) == (not loss.uses_reference)
    assert ("couples-batch" in loss.traits) == (loss.arrangement is not None)


@each_case
def test_options_are_those_of_the_expression(loss: PairLoss, variant: str) -> None:
    """Every symbol is an input or an option; what a convention does not look at is none of its options."""
    parts = [loss.expression(variant), *loss.stopped.values(), *loss.rewards]
    names = {symbol.name for part in parts for symbol in part.free_symbols} - {part.name for part in loss.stopped}
    assert names - set(NAMES) == loss.live_options(variant) - {LD_ALPHA}  # which weighs tokens before
    assert all(float(value).as_integer_ratio()[1] <= 1024 for option in loss.options for value in option.values)


def test_other_names_in_use_are_understood() -> None:
    """The spellings of libraries' `loss_type`; what is unknown is refused with the nearest name."""
    spelled = {
        "sigmoid": "dpo",
        "cDPO": "dpo",
        "sigmoid_norm": "dpo-norm",
        "exo_pair": "exo-pair",
        "nca_pair": "nca-pair",
        "bco_pair": "bco-pair",
        "sppo_hard": "sppo-hard",
        "apo_zero": "apo-zero",
        "apo_down": "apo-down",
        "aot_pair": "aot-unpaired",
        "aot_unpaired": "aot-unpaired",
        "discopop": "discopop",
    }
    assert {name: pair_loss(name).name for name in spelled} == spelled
    assert set(ALIASES.values()) <= set(PAIR_LOSSES)
    assert not set(ALIASES) & set(PAIR_LOSSES)
    with pytest.raises(UnknownNameError, match="simpo"):
        pair_loss("simpoo")


def test_length_desensitised_dpo_is_dpo_of_weighted_tokens() -> None:
    """Token by token: weight 1 up to the shorter response's length and α beyond, for policy and reference alike."""
    problem = RAGGED["ragged pairs in float64"]
    case = PairwiseCase(_references()["ld-dpo"], problem)
    alpha, b = case.options[LD_ALPHA], case.options["beta"]
    assert 0 < alpha < 1
    for row in range(3):
        lengths = problem.chosen_mask[row].sum(), problem.rejected_mask[row].sum()
        sums = []
        for name in NAMES[:4]:
            length = lengths[0 if "chosen" in name else 1]
            tokens = getattr(problem, name)[row][:length]
            sums.append(tokens[: min(lengths)].sum() + alpha * tokens[min(lengths) :].sum())
        margin = b * ((sums[0] - sums[2]) - (sums[1] - sums[3]))
        assert case.found.outputs["loss"][row] == pytest.approx(np.log1p(np.exp(-margin)))
    assert PairwiseCase(_references()["dpo"], problem).found.outputs["loss"][0] != case.found.outputs["loss"][0]


def test_length_desensitised_dpo_of_sequences_is_refused() -> None:
    """One number a response does not tell its tokens apart."""

    def code(
        policy_chosen_logps: Any,
        policy_rejected_logps: Any,
        reference_chosen_logps: Any,
        reference_rejected_logps: Any,
        beta: float,
    ) -> Any:
        chosen, rejected = (
            policy_chosen_logps - reference_chosen_logps,
            policy_rejected_logps - reference_rejected_logps,
        )
        return beta * (chosen - rejected)

    with pytest.raises(InputError, match="ld-dpo weighs tokens"):
        adapt_pairwise(code, Adaptation.of({"loss": "ld-dpo"}))


def test_sorting_tells_rows_and_ties() -> None:
    """Rows ascend by the key; places whose keys honest code may round to one number are tied."""
    sorting = Sorting({(policy_chosen.name, policy_rejected.name): policy_chosen - policy_rejected})
    values = {policy_chosen.name: np.array([3.0, 1.0, 2.0, 1.0]), policy_rejected.name: np.array([0.0, 0.0, 1.0, 0.5])}

    assert sorting(values)[policy_rejected.name].tolist() == [3, 1, 2, 0]
    assert sorting.ties(lambda _: (np.array([3.0, 1.0, 1.0, 0.5]), 0.0))[policy_chosen.name].tolist() == [0, 1, 1, 2]
    assert sorting.ties(lambda _: (np.array([3.0, 1.0, 1.0, 0.5]), 0.3))[policy_chosen.name].tolist() == [0, 0, 0, 1]
