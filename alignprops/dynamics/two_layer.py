"""A layer below the head: h = Bx with a frozen head, and one DPO step on B.

Setting of the misalignment experiment (Im & Li 2024, Section 5): the head difference w = w_{y+} − w_{y−} stays, B_0 is
the reference, and one step of gradient descent on B moves it by the loss's own gradient. `distinguishability` is
that of the features h; `flipped_rate` is the initial head-gradient norm of a model with the labels flipped.
Quantities are measured: floats as `Bounded`, balls as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from alignprops._errors import InputError
from alignprops.atoms import sigmoid
from alignprops.dynamics.last_layer import gradient
from alignprops.dynamics.linear_algebra import norm, square_root
from alignprops.dynamics.problem import HeadProblem
from alignprops.measured import EPS, bounded


@dataclass(frozen=True, eq=False)
class TwoLayerProblem:
    """Features (n, D), signs (n,), multiplicities (n,), the layer B_0 (k, D), the head difference w (k,), η and β."""

    features: NDArray[Any]
    signs: NDArray[np.int64]
    counts: NDArray[np.int64]
    layer: NDArray[Any]
    head: NDArray[Any]
    eta: Any
    beta: Any

    @classmethod
    def of(
        cls,
        features: ArrayLike,
        signs: ArrayLike,
        *,
        layer: ArrayLike,
        head: ArrayLike,
        eta: float,
        beta: float,
        counts: ArrayLike | None = None,
    ) -> TwoLayerProblem:
        """Build a problem from user input. Raises InputError where it makes no sense."""
        inputs = HeadProblem.of(features, signs, eta=eta, beta=beta, counts=counts)
        b, w = np.asarray(layer, dtype=np.float64), np.asarray(head, dtype=np.float64)
        if w.ndim != 1 or b.shape != (*w.shape, inputs.d):
            raise InputError(f"layer has shape {b.shape}, head {w.shape}; expected (k, {inputs.d}) and (k,)")
        return cls(inputs.features, inputs.signs, inputs.counts, b, w, inputs.eta, inputs.beta)

    @cached_property
    def inputs(self) -> HeadProblem:
        """The inputs x_i of the layer as a last-layer problem: their z̄, Δ, class means."""
        labels = np.zeros(len(self.signs), np.int64)
        return HeadProblem(self.features, self.signs, self.counts, labels, self.eta, self.beta, 1)

    def hidden(self, layer: NDArray[Any], *, flipped: bool = False) -> HeadProblem:
        """The features h_i = B x_i as a last-layer problem, the labels flipped if asked for."""
        signs = -self.signs if flipped else self.signs
        labels = np.zeros(len(self.signs), np.int64)
        return HeadProblem(self.features @ layer.T, signs, self.counts, labels, self.eta, self.beta, 1)

    # --- the step ---------------------------------------------------------------------------------------------------

    def layer_gradient(self, layer: NDArray[Any]) -> NDArray[Any]:
        """∇_B L at B, raw, (k, D): −β mean σ(−m_i) s_i w ⊗ x_i with m_i = β s_i⟨w, (B − B_0)x_i⟩."""
        z = self.inputs.z
        margins = self.beta * ((z @ (layer - self.layer).T) @ self.head)  # (n,)
        pull = self.inputs.weights * sigmoid.numeric(-margins)
        return np.einsum("i,k,ij->kj", pull, -self.beta * self.head, z)  # type: ignore[no-any-return]

    @cached_property
    def stepped(self) -> NDArray[Any]:
        """B_1 = B_0 − η∇_B L(B_0), raw, (k, D)."""
        return self.layer - self.eta * self.layer_gradient(self.layer)  # type: ignore[no-any-return]

    # --- measured -----------------------------------------------------------------------------------------------------

    @cached_property
    def difference(self) -> NDArray[Any]:
        """Δ = μ_+ − μ_- of the inputs, raw, (D,); both classes must occur."""
        return self.inputs.class_mean(1) - self.inputs.class_mean(-1)  # type: ignore[no-any-return]

    @cached_property
    def input_distinguishability(self) -> Any:
        """‖Δ‖."""
        return self.inputs.distinguishability

    @cached_property
    def head_norm(self) -> Any:
        """‖w‖."""
        size = norm(self.head)
        return bounded(size, len(self.head) * EPS * np.abs(size)) if not self._exact else size

    @cached_property
    def shift_along_difference(self) -> Any:
        """⟨z̄, Δ⟩."""
        value = self.inputs.shift @ self.difference
        if self._exact:
            return value
        sizes = float(norm(self.inputs.shift)), float(norm(self.difference))
        slips = self.inputs.shift_rounding, self._difference_rounding
        return bounded(
            value, sizes[0] * slips[1] + sizes[1] * slips[0] + (self.inputs.d + 2) * EPS * sizes[0] * sizes[1]
        )

    def projection(self, layer: NDArray[Any]) -> Any:
        """⟨w, BΔ⟩, signed: on which side of the frozen head the classes differ, and by how much."""
        value = self.head @ (layer @ self.difference)
        if self._exact:
            return value
        return bounded(value, float(norm(self.head)) * self._hidden_rounding(layer))

    def projection_rise(self, stepped: NDArray[Any]) -> Any:
        """⟨w, B_1Δ⟩ − ⟨w, B_0Δ⟩ for a layer B_1 after the step."""
        return self._rise(self.projection, stepped)

    def distinguishability(self, layer: NDArray[Any]) -> Any:
        """‖BΔ‖: the distinguishability of the features h = Bx."""
        size = norm(layer @ self.difference)
        return size if self._exact else bounded(size, self._hidden_rounding(layer) + len(self.head) * EPS * size)

    def squared_distinguishability_rise(self, stepped: NDArray[Any]) -> Any:
        """‖B_1Δ‖² − ‖B_0Δ‖² for a layer B_1 after the step."""
        return self._rise(self._squared_distinguishability, stepped)

    def _squared_distinguishability(self, layer: NDArray[Any]) -> Any:
        size = self.distinguishability(layer)
        if self._exact:
            hidden = layer @ self.difference
            return (hidden * hidden).sum()
        return bounded(size.value**2, size.error * (2 * size.value + size.error) + 2 * EPS * size.value**2)

    def initial_rate(self, layer: NDArray[Any], *, flipped: bool = False) -> Any:
        """‖∇_W L‖_F = √2‖g(0)‖ of a head trained on h = Bx, with this model as its reference."""  # LD-1
        hidden = self.hidden(layer, flipped=flipped)
        start = hidden.z[0] * 0
        size = norm(gradient(start, hidden.z, hidden.weights, beta=self.beta))
        if self._exact:
            return square_root(self.beta * 0 + 2) * size
        # g(0) = (β/2) mean z: h rounds D + 2 times at ‖B‖‖x_i‖, the mean n + 12 times; a step's layer carries its own.
        scale = float(self.inputs.weights @ self.inputs.row_norms) * self._size(layer)
        roundings = self.inputs.n + self.inputs.d + len(self.head) + 16
        error = float(self.beta) * (
            roundings * EPS * scale + self._layer_rounding(layer) * float(self.inputs.row_norms.max())
        )
        return bounded(np.sqrt(2) * size, np.sqrt(2) * error)

    # --- rounding -----------------------------------------------------------------------------------------------------

    @property
    def _exact(self) -> bool:
        return self.inputs.exact

    @cached_property
    def _difference_rounding(self) -> float:
        slips = self.inputs.class_mean_rounding(1) + self.inputs.class_mean_rounding(-1)
        return slips + EPS * float(norm(self.difference))

    def _size(self, layer: NDArray[Any]) -> float:
        return float(np.linalg.norm(layer))

    def _layer_rounding(self, layer: NDArray[Any]) -> float:
        """Bound on ‖computed B − B‖_F: 0 for B_0, which is given; the rounding of one step for B_1."""
        if layer is self.layer:
            return 0.0
        moved = float(self.eta * self.beta * norm(self.head) * (self.inputs.weights @ self.inputs.row_norms))
        return (self.inputs.n + 16) * EPS * moved + EPS * self._size(layer)

    def _hidden_rounding(self, layer: NDArray[Any]) -> float:
        """Bound on the error of BΔ: of B, of Δ, and of D + k + 4 roundings."""
        size, span = self._size(layer), float(norm(self.difference))
        rounding = (self.inputs.d + len(self.head) + 4) * EPS * size * span
        return rounding + self._layer_rounding(layer) * span + size * self._difference_rounding

    def _rise(self, quantity: Any, stepped: NDArray[Any]) -> Any:
        after, before = quantity(stepped), quantity(self.layer)
        if self._exact:
            return after - before
        sizes = EPS * (np.abs(after.value) + np.abs(before.value))
        return bounded(after.value - before.value, after.error + before.error + sizes)
