"""Production trajectories: every form, backend and precision is the reference run."""

import numpy as np
import pytest
import torch

from alignprops._errors import InputError
from alignprops.dynamics.batches import independent, reshuffled
from alignprops.dynamics.last_layer import train
from alignprops.dynamics.problem import HeadProblem
from alignprops.dynamics.trajectories import trajectory

ROUNDING = {"float64": 1e-13, "float32": 2e-5}


def data(n, d, seed=0):
    """Gaussian features with an offset, random signs."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(n, d)) + 0.5, generator.choice(np.array([-1, 1]), n)


@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
@pytest.mark.parametrize("form", ["direct", "gram", "auto"])
@pytest.mark.parametrize("device", [None, "cpu"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_form_is_the_reference_run(shape, form, device, dtype):
    """Direct and Gram form, numpy and torch, float64 and float32 agree with `train` to their rounding."""
    features, signs = data(*shape)
    reference = train(HeadProblem.of(features, signs, eta=0.1, beta=0.5, steps=30))
    run = trajectory(features, signs, eta=0.1, beta=0.5, steps=30, form=form, device=device, dtype=dtype)
    assert isinstance(run.updates, torch.Tensor if device else np.ndarray)
    assert str(run.updates.dtype).endswith(dtype)
    pairs = [
        (run.updates, reference.updates),
        (run.margins, reference.raw_margins),
        (run.head_change[1:], reference.head_change.value),
        (run.along_shift[1:], reference.along_shift.value),
        (run.loss_drop[1:], reference.loss_drop.value),
        (run.accuracy[1:], reference.accuracy.value),
    ]
    for actual, expected in pairs:
        assert np.abs(np.asarray(actual) - expected).max() <= ROUNDING[dtype] * (1 + np.abs(expected).max())


@pytest.mark.parametrize("form", ["direct", "gram"])
@pytest.mark.parametrize("batched", [False, True])
def test_many_runs_at_once_are_each_run_alone(form, batched):
    """Runs with their own data, η and β, full batch or mini-batch, equal the runs one by one."""
    features = np.stack([data(6, 4, seed)[0] for seed in range(3)])
    signs = np.stack([data(6, 4, seed)[1] for seed in range(3)])
    eta, beta = np.array([0.1, 0.5, 1.0]), np.array([1.0, 0.5, 0.1])
    batches = independent(6, size=4, steps=12, seed=0) if batched else None
    together = trajectory(features, signs, eta=eta, beta=beta, steps=12, form=form, batches=batches)
    for i in range(3):
        alone = trajectory(features[i], signs[i], eta=eta[i], beta=beta[i], steps=12, form="direct", batches=batches)
        assert together.updates[i] == pytest.approx(alone.updates, abs=1e-13)
        assert together.margins[i] == pytest.approx(alone.margins, abs=1e-13)


def test_batches_of_everything_are_the_full_batch():
    """A reshuffled batch of all samples steps as the full batch does."""
    features, signs = data(6, 4)
    batches = reshuffled(6, size=6, steps=5, seed=1)
    full = trajectory(features, signs, eta=0.3, beta=0.5, steps=5)
    for form in ("direct", "gram"):
        run = trajectory(features, signs, eta=0.3, beta=0.5, steps=5, batches=batches, form=form)
        assert run.updates == pytest.approx(full.updates, abs=1e-14)


def test_weights_are_multiplicities():
    """Weighted samples run as repeated samples do."""
    features, signs = data(4, 6)
    counts = np.array([3, 1, 2, 2])
    weighted = trajectory(features, signs, eta=0.3, beta=0.5, steps=5, weights=counts / 8)
    repeated = trajectory(np.repeat(features, counts, axis=0), np.repeat(signs, counts), eta=0.3, beta=0.5, steps=5)
    assert weighted.updates == pytest.approx(repeated.updates, abs=1e-14)


def test_auto_takes_the_gram_form_where_it_pays():
    """Gram for few samples in many dimensions over enough steps, direct otherwise."""
    wide, signs = data(4, 9)
    assert trajectory(wide, signs, eta=0.1, beta=1.0, steps=5).coefficients is not None
    assert trajectory(wide.T[:, :4], data(9, 4)[1], eta=0.1, beta=1.0, steps=5).coefficients is None
    many, many_signs = data(100, 120)
    assert trajectory(many, many_signs, eta=0.1, beta=1.0, steps=1).coefficients is None


def test_epochs_see_every_sample_once():
    """Batches without replacement cover the samples once an epoch; independent ones stay in range."""
    batches = reshuffled(12, size=4, steps=6, seed=0)
    assert sorted(batches[:3].ravel().tolist()) == list(range(12))
    assert sorted(batches[3:].ravel().tolist()) == list(range(12))
    drawn = independent(3, size=3, steps=50, seed=0)
    assert set(drawn.ravel().tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is 0"),
        ({"form": "dual"}, "form is 'dual'"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
        ({"batches": [[0, 9]]}, "expected 0 … 4"),
        ({"batches": [0, 1]}, "batches have shape"),
    ],
)
def test_bad_options_are_refused(options, message):
    """Each bad option is told with what was given."""
    features, signs = data(5, 3)
    with pytest.raises(InputError, match=message):
        trajectory(features, signs, **{"eta": 0.1, "beta": 1.0, "steps": 1, **options})


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_cuda_without_cuda_is_refused():
    """Asking for CUDA where there is none is told plainly."""
    features, signs = data(5, 3)
    with pytest.raises(InputError, match="sees no CUDA device"):
        trajectory(features, signs, eta=0.1, beta=1.0, steps=1, device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_is_the_reference_run():
    """Both forms on CUDA agree with the reference to rounding."""
    features, signs = data(5, 9)
    expected = trajectory(features, signs, eta=0.1, beta=0.5, steps=30).updates
    for form in ("direct", "gram"):
        run = trajectory(features, signs, eta=0.1, beta=0.5, steps=30, form=form, device="cuda")
        assert run.updates.cpu().numpy() == pytest.approx(expected, abs=1e-13)
