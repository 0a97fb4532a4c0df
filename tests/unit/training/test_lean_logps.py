"""Log-probabilities in chunks: equal to the plain ones in value and gradient, without the logits of all positions."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from alignprops._errors import InputError
from alignprops.training import lean_logps as module
from alignprops.training.lean_logps import lean_logps


def inputs(
    n: int = 7, vocabulary: int = 11, width: int = 5, *, k: int = 1, dtype: torch.dtype = torch.float64, size: float = 1
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """States, weight, bias and targets, of one seed."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return (size * torch.randn(*shape, generator=generator)).to(dtype).requires_grad_()

    targets = torch.randint(vocabulary, (n, k), generator=generator)
    return drawn(n, width), drawn(vocabulary, width), drawn(vocabulary), targets


def plain(states: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """What everybody writes, from widened inputs."""
    wide = torch.promote_types(states.dtype, torch.float32)
    logits = 0.5 * states.to(wide) @ weight.to(wide).T + 2 * bias.to(wide)
    return torch.log_softmax(logits, dim=1).gather(1, targets)


@pytest.mark.parametrize("chunk", [1, 3, 7, 100, None])
@pytest.mark.parametrize("k", [1, 3])
def test_gradients_are_those_of_finite_differences(chunk: int | None, k: int) -> None:
    """In float64, in states, weight and bias, for one or several targets a position."""
    states, weight, bias, targets = inputs(k=k)

    def function(*leaves: Tensor) -> Tensor:
        return lean_logps(*leaves[:2], targets, scale=0.5, bias=leaves[2], bias_scale=2.0, chunk=chunk)

    assert torch.autograd.gradcheck(function, (states, weight, bias))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("vocabulary", [11, 9000])
def test_values_and_gradients_are_the_plain_ones(
    dtype: torch.dtype, vocabulary: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the rounding of the accumulator, and of the dtype of the gradients; whatever is left unequal between rows."""
    leaves = inputs(n=6, vocabulary=vocabulary, k=2, dtype=dtype)
    targets, upstream = leaves[3], torch.linspace(-2, 3, 12).reshape(6, 2).to(torch.promote_types(dtype, torch.float32))
    monkeypatch.setattr(module, "_WIDENED_ROWS", 4)

    lean = lean_logps(*leaves[:2], targets, scale=0.5, bias=leaves[2], bias_scale=2.0, chunk=4)
    expected = plain(*leaves)
    gradients = torch.autograd.grad(lean, leaves[:3], upstream)
    expected_gradients = torch.autograd.grad(expected, leaves[:3], upstream)
    lean, expected = lean.detach(), expected.detach()

    assert lean.dtype == expected.dtype
    accumulated = 64 * torch.finfo(lean.dtype).eps
    assert float((lean - expected).abs().max()) <= accumulated * float(expected.abs().max())
    for ours, theirs in zip(gradients, expected_gradients, strict=True):
        assert ours.dtype == dtype
        apart = float((ours.double() - theirs.double()).abs().max())
        assert apart <= (accumulated + torch.finfo(dtype).eps) * float(theirs.double().abs().max())


def test_the_matrix_units_of_a_gpu_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of bfloat16 on CUDA, with the product that it asks for computed here: p is rounded to bfloat16."""
    leaves = inputs(n=6, vocabulary=50, dtype=torch.bfloat16)
    products = []

    def product(left: Tensor, right: Tensor) -> Tensor:
        assert left.dtype == right.dtype == torch.bfloat16
        products.append(left.shape)
        return left.float() @ right.float()

    class OnAGpu(module._Head):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.narrow = True

    monkeypatch.setattr(module, "_product", product)
    monkeypatch.setattr(module, "_Head", OnAGpu)

    lean = lean_logps(*leaves[:2], leaves[3], scale=0.5, bias=leaves[2], bias_scale=2.0, chunk=4)
    gradients = torch.autograd.grad(lean.sum(), leaves[:3])
    expected = plain(*leaves)

    assert len(products) == 2 * 2 + 2 * 2  # logits and mean rows; logits again and the outer product, in two chunks
    assert torch.allclose(lean, expected, rtol=1e-5)
    for ours, theirs in zip(gradients, torch.autograd.grad(expected.sum(), leaves[:3]), strict=True):
        assert float((ours - theirs).abs().max()) <= 3 * 2**-7 * float(theirs.abs().max())


def test_chunks_change_rounding_only() -> None:
    """And the same chunk gives the same bits."""
    states, weight, _, targets = inputs(n=40, vocabulary=300, width=16, dtype=torch.float32)
    runs = {chunk: lean_logps(states, weight, targets[:, 0], chunk=chunk) for chunk in (1, 7, 40)}

    assert all(torch.allclose(run, runs[40], rtol=1e-5) for run in runs.values())
    assert torch.equal(runs[7], lean_logps(states, weight, targets[:, 0], chunk=7))


@pytest.mark.parametrize("needed", [(True, False, False), (False, True, False), (False, False, True), (False,) * 3])
def test_only_the_gradients_asked_for(needed: tuple[bool, bool, bool]) -> None:
    """A frozen head gets none; nothing at all is kept where none is wanted."""
    leaves = [leaf.detach().requires_grad_(wanted) for leaf, wanted in zip(inputs()[:3], needed, strict=True)]
    lean = lean_logps(*leaves[:2], inputs()[3], scale=0.5, bias=leaves[2], bias_scale=2.0, chunk=3)

    assert lean.requires_grad == any(needed)
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    if wanted:
        twin = [leaf.detach().requires_grad_() for leaf in leaves]
        expected = torch.autograd.grad(plain(*twin, inputs()[3]).sum(), twin)
        (found,) = torch.autograd.grad(lean.sum(), wanted)
        assert torch.allclose(found, expected[needed.index(True)], rtol=1e-12)


def test_huge_logits_neither_overflow_nor_lose_the_gradient() -> None:
    """±10,000 and more: the certain token has log-probability 0, the others about −10,000."""
    states, weight, _, targets = inputs(dtype=torch.float32, size=100)

    lean = lean_logps(states, weight, targets[:, 0], chunk=2)
    (gradient,) = torch.autograd.grad(lean.sum(), states)
    expected = torch.log_softmax(states.double() @ weight.double().T, dim=1).gather(1, targets)[:, 0]

    lean = lean.detach()
    assert float(lean.min()) < -1e4
    assert torch.allclose(lean.double(), expected, rtol=1e-6, atol=1e-2)
    assert bool(torch.isfinite(gradient).all())


def test_no_position_changes_nothing() -> None:
    """An empty batch has an empty result and zero gradients."""
    _, weight, _, _ = inputs()
    lean = lean_logps(torch.empty(0, 5, dtype=torch.float64), weight, torch.empty(0, dtype=torch.int64))

    assert lean.shape == (0,)
    assert float(torch.autograd.grad(lean.sum(), weight)[0].abs().max()) == 0


def test_autocast_does_not_round_the_logits() -> None:
    """Mixed precision is the model's affair."""
    states, weight, _, targets = inputs(dtype=torch.float32, size=4)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        lean = lean_logps(states, weight, targets[:, 0])

    assert torch.equal(lean, lean_logps(states, weight, targets[:, 0]))


class LargestTensor(TorchDispatchMode):
    """The largest tensor that any operation makes, forward and backward."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for made in result if isinstance(result, tuple | list) else [result]:
            if isinstance(made, Tensor):
                self.numbers = max(self.numbers, made.numel())
        return result


@pytest.fixture
def largest() -> Iterator[LargestTensor]:
    """Watches every operation of a test."""
    gc.collect()
    with LargestTensor() as watch:
        yield watch


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_no_tensor_is_larger_than_a_chunk_of_logits(largest: LargestTensor, dtype: torch.dtype) -> None:
    """Neither forward nor backward: 64 positions of 1000 tokens would be 64,000 numbers, a chunk of 4 has 4000."""
    states, weight, _, targets = inputs(n=64, vocabulary=1000, width=4, dtype=dtype)

    lean_logps(states, weight, targets[:, 0], chunk=4).sum().backward()

    assert largest.numbers == 4000
    plain(states, weight, torch.zeros(1000), targets)
    assert largest.numbers == 64_000, "the watch sees the plain computation"


FITTING = dict(zip(("states", "weight", "bias", "targets"), inputs(), strict=True))
MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"states": torch.zeros(7, 4, dtype=torch.float64)}, r"states of shape \(7, 4\) and a weight of shape \(11, 5\)"),
    ({"states": torch.zeros(2, 7, 5)}, r"states of shape \(2, 7, 5\)"),
    ({"states": torch.zeros(7, 5)}, "states are torch.float32 and the weight torch.float64; expected one"),
    ({"targets": torch.zeros(6, dtype=torch.int64)}, r"targets of shape \(6,\), torch.int64; expected \(7,\)"),
    ({"targets": torch.zeros(7)}, r"targets of shape \(7,\), torch.float32; expected \(7,\) or \(7, k\) int64"),
    ({"targets": torch.full((7,), -100)}, "targets from -100 to -100; expected tokens from 0 to 10"),
    ({"targets": torch.full((7,), 11)}, "targets from 11 to 11; expected tokens from 0 to 10"),
    ({"bias": torch.zeros(5)}, r"a bias of shape \(5,\); expected \(11,\)"),
    ({"chunk": 0}, "the chunk is 0; expected at least 1 position"),
]


@pytest.mark.parametrize(("changes", "message"), MISFITS, ids=[message[:30] for _, message in MISFITS])
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    """Before an index error, or worse a result."""
    given = {**FITTING, **changes}

    with pytest.raises(InputError, match=message):
        lean_logps(given.pop("states"), given.pop("weight"), given.pop("targets"), **given)
