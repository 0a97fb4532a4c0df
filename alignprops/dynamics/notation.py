"""The symbols of the Setting: what theorems about the last layer are stated in.

Source: Im & Li 2024, Section 3 (features, preference distinguishability, the DPO loss). m_i = β⟨u, z_i⟩ is the margin,
u the change of the difference of the two rows of the head, z̄ the mean shift, M the second moment of the features.
"""

from __future__ import annotations

from alignprops.quantity import Quantity, nonnegative, positive, real

#: The learning rate η and DPO's β.
eta = positive("eta", r"\eta")
beta = positive("beta", r"\beta")
#: The step t ≥ 1, and a number of steps T.
t = Quantity("t", "t", integer=True, positive=True)

#: ‖z̄‖, the size of the mean shift.
mean_shift = nonnegative("mean_shift", r"\lVert\bar z\rVert")
#: λ, the largest eigenvalue of M.
curvature = nonnegative("curvature", r"\lambda")
#: ρ = z̄ᵀMz̄/‖z̄‖², the curvature along the mean shift.
curvature_along_shift = nonnegative("curvature_along_shift", r"\rho")
#: The largest curvature along the pulls of the run before step t (premise S_t).
run_curvature = nonnegative("run_curvature", r"\max_{s<t} \lVert g^\circ_s\rVert_M^2/\lVert g^\circ_s\rVert^2")
#: |z̄|_M and |v|_M, lengths in the metric of the second moment.
shift_length = nonnegative("shift_length", r"|\bar z|_M")
probe_length = nonnegative("probe_length", r"|v|_M")

#: ‖W_t − W_0‖_F, ‖W_{t+1} − W_t‖_F, ‖W_t − W_{t−1}‖_F.
head_change = nonnegative("head_change", r"\lVert W_t - W_0\rVert_F")
step_change = nonnegative("step_change", r"\lVert W_{t+1} - W_t\rVert_F")
previous_step_change = nonnegative("previous_step_change", r"\lVert W_t - W_{t-1}\rVert_F")
#: ‖∇_W L(W_0)‖_F.
gradient_norm = nonnegative("gradient_norm", r"\lVert\nabla_W L(W_0)\rVert_F")

#: ⟨u_t, z̄⟩, ⟨u_t, v⟩, ⟨z̄, v⟩; ‖D_t‖ = ‖u_t − ηβtz̄‖; cos∠(u_t, z̄).
along_shift = real("along_shift", r"\langle u_t, \bar z\rangle")
along_probe = real("along_probe", r"\langle u_t, v\rangle")
shift_along_probe = real("shift_along_probe", r"\langle\bar z, v\rangle")
deviation = nonnegative("deviation", r"\lVert u_t - \eta\beta t\bar z\rVert")
cosine = real("cosine", r"\cos\angle(u_t, \bar z)")

#: L(u_t), and log 2 − L(u_t).
loss = nonnegative("loss", r"L(u_t)")
loss_drop = real("loss_drop", r"\log 2 - L(u_t)")
#: acc(u_t), the share of samples with a positive margin (a tie is an error).
accuracy = nonnegative("accuracy", r"\mathrm{acc}(u_t)")
