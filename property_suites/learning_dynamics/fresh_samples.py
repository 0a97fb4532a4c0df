"""Accuracy on samples that training has not seen, for features with α-subexponential tails (LD-9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Ge, Gt, Rational, Symbol, exp

from alignprops import Outcomes, Rounding, Under, theorem
from alignprops.dynamics.clouds import Cloud
from alignprops.quantity import Quantity, nonnegative, positive, real
from alignprops.strategies.clouds import clouds
from property_suites.learning_dynamics.premises import im_li
from property_suites.learning_dynamics.specimens import along_the_direction

Classify = Any
Values = Mapping[Symbol, Any]

margin = real("margin", "m_s")
scale = positive("scale", "K")
alpha = positive("alpha", r"\alpha")
symmetric = Quantity("symmetric", r"[\xi \sim -\xi]", integer=True)
probability = nonnegative("probability", r"P(\mathrm{correct}\mid s)")


@theorem(
    "learning-dynamics.accuracy.fresh-sample",
    states={
        "any noise": Ge(probability, 1 - 2 * exp(-((margin / scale) ** alpha))),
        "symmetric noise": Under(
            {"the noise is symmetric": Eq(symmetric, 1)}, Ge(probability, 1 - exp(-((margin / scale) ** alpha)))
        ),
    },
    given={"the class mean is on its side": Gt(margin, 0)},
    kind="classifier",
    source=im_li("Section 4"),
    on=clouds(),
    rounding=Rounding(64, "the margin is a dot product of at most 6 terms over a norm, at the size of the mean"),
    exact=False,
    mutants={
        "a quarter of the errors": {"symmetric noise": Ge(probability, 1 - exp(-((margin / scale) ** alpha)) / 4)},
        "twice the margin": {"symmetric noise": Ge(probability, 1 - exp(-((2 * margin / scale) ** alpha)))},
        "no noise": {"any noise": Ge(probability, 1 - exp(-((margin / scale) ** alpha)) / 100)},
        "the exponent doubled": {"symmetric noise": Ge(probability, 1 - exp(-((margin / scale) ** (2 * alpha))))},
        "the factor 2 dropped for any noise": {"any noise": Ge(probability, 1 - exp(-((margin / scale) ** alpha)))},
        "5 % off": {"any noise": Ge(probability, 1 - Rational(19, 20) * 2 * exp(-((margin / scale) ** alpha)))},
        "5 % off, symmetric": {
            "symmetric noise": Ge(probability, 1 - Rational(19, 20) * exp(-((margin / scale) ** alpha)))
        },
    },
    examples={
        "all noise on the wrong side": along_the_direction("one-sided"),
        "noise to both sides": along_the_direction("two-sided"),
    },
    no_proof="an error is a tail event of the noise, whose probability is what the noise is assumed to have",
)
def fresh_sample(classify: Classify, cloud: Cloud) -> Values:
    """A fresh sample is classified correctly with probability at least 1 − 2exp(−(m_s/K)^α).

    For symmetric noise the factor 2 drops to 1; both are attained. x|s = μ_s + ξ, P(|⟨v,ξ⟩| ≥ r) ≤ 2exp(−(r/K)^α) for
    unit v; m_s is the normalised margin of the class mean under a direction u independent of the sample (LD-9). The
    frequency is judged by a sequential test.
    """
    return {
        margin: cloud.margin,
        scale: cloud.scale,
        alpha: cloud.alpha,
        symmetric: cloud.symmetric,
        probability: Outcomes(classify(cloud)),
    }
