"""One step on the layer below the head: the identities of LD-13 and LD-14 in balls, error bounds in floats."""

from flint import ctx
from hypothesis import HealthCheck, given, settings
from measured_in_balls import PRECISION, distances

from alignprops.dynamics.two_layer import TwoLayerProblem
from alignprops.evidence.exact import to_balls
from alignprops.strategies.two_layers import two_layer_problems


def measured_of(problem):
    """Everything that the problem measures, before and after the step."""
    return {
        "difference": problem.input_distinguishability,
        "head": problem.head_norm,
        "shift along difference": problem.shift_along_difference,
        "projection before": problem.projection(problem.layer),
        "projection after": problem.projection(problem.stepped),
        "rise": problem.projection_rise(problem.stepped),
        "before": problem.distinguishability(problem.layer),
        "after": problem.distinguishability(problem.stepped),
        "squared rise": problem.squared_distinguishability_rise(problem.stepped),
        "rate before": problem.initial_rate(problem.layer),
        "rate after, flipped": problem.initial_rate(problem.stepped, flipped=True),
    }


@settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(two_layer_problems())
def test_error_bounds_hold_and_the_balanced_identities_too(problem):
    """Floats are within their bounds; the exact values satisfy LD-13 and LD-14."""
    with ctx.workprec(PRECISION):
        floats, exact_problem = measured_of(problem), to_balls(problem)
        exact = measured_of(exact_problem)
        for name, value in floats.items():
            gaps, errors = distances(value, exact[name])
            assert (gaps <= errors).all(), name
        rate = exact_problem.eta * exact_problem.beta / 4
        lift = rate * exact["head"] ** 2 * exact["difference"] ** 2
        assert (exact["rise"] - lift).contains(0)
        squared = (
            2 * rate * exact["difference"] ** 2 * exact["projection before"]
            + (rate * exact["head"] * exact["difference"] ** 2) ** 2
        )
        assert (exact["squared rise"] - squared).contains(0)
        ratio = exact["rate after, flipped"] * exact["before"] - exact["rate before"] * exact["after"]
        assert ratio.contains(0)


def test_without_balance_the_projection_can_fall():
    """μ_+ = (1, −4), μ_- = (0, −5), p_+ = 0.8: ⟨z̄, Δ⟩ < 0, and the signed projection falls by LD-13's formula."""
    problem = TwoLayerProblem.of(
        [[1.0, -4.0], [0.0, -5.0]], [1, -1], counts=[4, 1], layer=[[1.0, 0.0]], head=[2.0], eta=0.5, beta=0.25
    )
    along = 0.8 * (1 - 4) - 0.2 * (0 - 5)  # ⟨z̄, Δ⟩ with Δ = (1, 1)
    assert along < 0
    assert abs(problem.projection_rise(problem.stepped).value - 0.5 * 0.25 / 2 * 4 * along) < 1e-14
