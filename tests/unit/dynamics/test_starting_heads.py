"""Runs from a head with an opinion: weight decay against autograd on the whole head, policy accuracy by hand."""

from __future__ import annotations

import numpy as np
import pytest
from flint import ctx
from hypothesis import HealthCheck, given, settings
from measured_in_balls import PRECISION, distances

from alignprops import InputError
from alignprops._errors import TheoremError
from alignprops.dynamics.last_layer import train
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.starting_head import StartingHead
from alignprops.dynamics.weight_decay import DecayProblem
from alignprops.dynamics.weight_decay import train as train_decayed
from alignprops.evidence.exact import to_balls
from alignprops.strategies.optimizers import decay_problems
from alignprops.strategies.starting_heads import starting_heads
from alignprops.subjects import kind_named

quick = settings(
    max_examples=30, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
CLOUD = np.random.default_rng(0).normal(size=(5, 3))
START = np.array([0.5, -1.0, 0.25])


def head(steps: int = 4) -> StartingHead:
    """Five samples, and a head that has an opinion."""
    return StartingHead.of(HeadProblem.of(CLOUD, [1, -1, 1, 1, -1], eta=0.25, beta=1.0, steps=steps), START)


@pytest.mark.parametrize("towards_start", [False, True])
def test_weight_decay_is_torchs_on_the_whole_head(towards_start: bool) -> None:
    """SGD with weight_decay decays towards 0 at rate ηω; towards W_0 it decays the change."""
    import torch
    from torch.nn.functional import logsigmoid

    made = DecayProblem(head(), 0.5, towards_start)
    problem = made.head.problem
    rows = np.array([[0.0, 0.0, 1.0], START + 0.125, np.full(3, 0.125)])
    x = torch.as_tensor(CLOUD)
    signs = torch.as_tensor(problem.signs, dtype=torch.float64)
    change = torch.zeros((3, 3), dtype=torch.float64, requires_grad=True)
    weights = change if towards_start else torch.tensor(rows, requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=problem.eta, weight_decay=0.5)
    moved = [np.zeros(3)]
    for _ in range(problem.steps):
        optimizer.zero_grad()
        now = weights + torch.as_tensor(rows) if towards_start else weights
        logits = (x @ now.T).log_softmax(-1)
        before = (x @ torch.as_tensor(rows).T).log_softmax(-1)
        ratio = (logits[:, 1] - logits[:, 2]) - (before[:, 1] - before[:, 2])
        (-logsigmoid(signs * ratio).mean()).backward()
        optimizer.step()
        full = weights.detach().numpy() + (rows if towards_start else 0)
        moved.append(full[1] - full[2] - START)

    assert np.allclose(train_decayed(made), np.stack(moved), rtol=0, atol=1e-14)


@quick
@given(decay_problems())
def test_measured_errors_of_decayed_runs_cover_those_of_the_floats(made: DecayProblem) -> None:
    """Of the run, the drive and the geometric sum."""
    run = made.run(train_decayed(made))
    with ctx.workprec(PRECISION):
        balls = to_balls(made)
        exact = balls.run(train_decayed(balls))
        for measured, ball in (
            (run.update_norm, exact.update_norm),
            (run.entries, exact.entries),
            (made.drive_norm, balls.drive_norm),
            (made.kept, balls.kept),
        ):
            error, bound = distances(measured, ball)
            assert (error <= bound + 1e-300).all()


@quick
@given(starting_heads(step_size="S", larger=False, max_steps=5))
def test_measured_errors_of_the_policy_cover_those_of_the_floats(made: StartingHead) -> None:
    """Of its moments, and of the two sides of the loss bounds."""
    run = train(made.problem)
    policy, straight = made.policy(run), made.straight_policy()
    with ctx.workprec(PRECISION):
        balls = to_balls(made)
        exact = train(balls.problem)
        of_balls, along = balls.policy(exact), balls.straight_policy()
        pairs = [
            (policy.along_shift, of_balls.along_shift),
            (policy.second_moment, of_balls.second_moment),
            (straight.second_moment, along.second_moment),
            (made.along_shift, balls.along_shift),
        ]
        if float(made.smallest_reference_loss.value) > 1e-100:
            pairs.append((made.relative_loss(run), balls.relative_loss(exact)))
        for measured, ball in pairs:
            error, bound = distances(measured, ball)
            assert (error <= bound + 1e-300).all()


def test_a_policy_that_is_far_on_the_wrong_side_stays_wrong() -> None:
    """u_1 = 1 against w0 = −8: the implicit reward is right, the policy is not."""
    made = StartingHead.of(HeadProblem.of([[1.0]], [1], eta=1.0, beta=1.0), [-8.0])
    run = train(made.problem)

    assert float(run.accuracy.value[0]) == 1
    assert float(made.policy(run).accuracy.value[0]) == 0


def test_wrong_shares_count_ties() -> None:
    """⟨w0, z_i⟩ ≤ −a: of heights 1 and −2 none at a = 4, one at a = 1, both at a = −1 up to what rounding hides."""
    made = StartingHead.of(HeadProblem.of([[1.0], [-2.0]], [1, 1], eta=1.0, beta=1.0), [1.0])

    share = made.wrong_share(np.array([4.0, 1.0, -2.0]))
    tie = made.wrong_share(np.array([-1.0]))

    assert share.value.tolist() == [0, 0.5, 1]
    assert abs(float(tie.value[0]) - 1) <= float(tie.error[0])


@pytest.mark.parametrize("start", [[1.0], [[1.0, 2.0, 3.0]], [1.0, np.nan, 0.0]])
def test_a_head_that_does_not_fit_is_refused(start: object) -> None:
    """In shape, or not finite."""
    with pytest.raises(InputError, match=r"the head difference has shape .*; expected \(3,\) finite numbers"):
        StartingHead.of(head().problem, start)  # type: ignore[arg-type]


def test_a_decay_of_nothing_is_refused() -> None:
    """Gradient descent without decay has theorems of its own."""
    with pytest.raises(InputError, match="decay is 0; expected a positive number"):
        DecayProblem.of(head(), decay=0)


def test_a_foreign_trainer_is_held_to_its_shape() -> None:
    """(steps + 1, d), finite."""
    adapt, made = kind_named("weight-decay").adapt, DecayProblem.of(head(), decay=0.5)

    assert np.array_equal(adapt(train_decayed)(made), train_decayed(made))
    with pytest.raises(TheoremError, match=r"shape \(1, 3\), expected \(steps \+ 1, d\) = \(5, 3\)"):
        adapt(lambda _: np.zeros((1, 3)))(made)
    with pytest.raises(TheoremError, match="NaN or infinity"):
        adapt(lambda _: np.full((5, 3), np.nan))(made)
