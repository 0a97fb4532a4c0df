"""The memory-lean log-probabilities equal the plain ones, in value and gradient.

Notation: x_t the input of the output embedding at position t, l = c·W x_{t−1} + b the logits that predict the token
y_t, p = softmax(l), S the scored positions of a sequence (its response), g its upstream derivative. Both the lean
computation and the plain one are measured against the formulas, evaluated in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Eq, Rational, Symbol, diff, exp, log

from alignprops import Ref, Rounding, bounded, theorem
from alignprops.quantity import positive, real
from alignprops.strategies.sequences import sequence_problems
from alignprops.training.sequence_problem import EPS, SequenceProblem
from property_suites.log_probabilities.specimens import two_conversations

Values = Mapping[Symbol, Any]

SOURCE = Ref("rafailov2023direct", where="Eq. 7")
ROUNDING = Rounding(
    64, "the sums of the formulas have at most 64 terms in float64; what is measured brings bounds of its own dtype"
)
#: One of each dtype, with all that can go wrong in it.
EXAMPLES = {f"two conversations in {dtype}": two_conversations(dtype) for dtype in EPS}

log_probability = real("log_probability", r"\log\pi(y\mid x)")
target_logits = real("target_logits", r"\sum_{t\in S} l_{t,y_t}")
normalisers = real("normalisers", r"\sum_{t\in S} \log\sum_v e^{l_{t,v}}")
scored_tokens = positive("scored_tokens", r"|S|")
upstream = real("upstream", "g")
scale = real("scale", "c")
states_gradient = real("states_gradient", r"\partial/\partial x_t")
target_row = real("target_row", r"W_{y_{t+1}}")
mean_row = real("mean_row", r"\mathbb{E}_{v\sim p}W_v")
weight_gradient = real("weight_gradient", r"\partial/\partial W_v")
counted_states = real("counted_states", r"\sum_t g\,1\{y_t = v\}\,x_{t-1}")
expected_states = real("expected_states", r"\sum_t g\,p_{t,v}\,x_{t-1}")
bias_gradient = real("bias_gradient", r"\partial/\partial b_v")
counted = real("counted", r"\sum_t g\,1\{y_t = v\}")
expected = real("expected", r"\sum_t g\,p_{t,v}")


def _not_of_tensors(subject: Any) -> str | None:
    from alignprops.subjects.sequence_scores import not_of_tensors

    return not_of_tensors(subject)


@theorem(
    "log-probabilities.lean.value",
    states=Eq(log_probability, target_logits - normalisers),
    kind="sequence-logprob",
    codes=("REF",),
    about=_not_of_tensors,
    source=SOURCE,
    on=sequence_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples=EXAMPLES,
    mutants={
        "mean instead of sum": Eq(log_probability, (target_logits - normalisers) / scored_tokens),
        "not normalised": Eq(log_probability, target_logits),
        "log of the mean": Eq(log_probability, target_logits - normalisers + log(scored_tokens)),
        "5 % off": Eq(log_probability, Rational(19, 20) * (target_logits - normalisers)),
    },
)
def value(subject: Any, problem: SequenceProblem) -> Values:
    """The lean log-probability of a response is the sum of its tokens' log-softmax, whatever the chunks and the dtype.

    float64, float32, bfloat16 and float16 inputs, with and without bias and scale, padded and with prompts; the
    tolerance bounds the rounding of a computation that accumulates in float32 (float64 for float64).
    """
    from alignprops.subjects.sequence_scores import score_of
    from alignprops.training.sequence_tensors import score as measured

    sums = problem.sums
    return {
        log_probability: bounded(measured(score_of(subject), problem).logps, sums.logp_error),
        target_logits: sums.target_logits,
        normalisers: sums.normalisers,
        scored_tokens: problem.lengths,
    }


@value.proof("the log of a softmax", domain="one token, a vocabulary of 3", lemma=True)
def _() -> Any:
    logits = [real(f"l_{i}", f"l_{i}") for i in range(3)]
    total = sum(exp(logit) for logit in logits)
    return Eq(exp(logits[0]) / total, exp(logits[0] - log(total)), evaluate=False)


@theorem(
    "log-probabilities.lean.gradient",
    states={
        "states": Eq(states_gradient, upstream * scale * (target_row - mean_row)),
        "weight": Eq(weight_gradient, scale * (counted_states - expected_states)),
        "bias": Eq(bias_gradient, counted - expected),
    },
    kind="sequence-logprob",
    codes=("REF",),
    about=_not_of_tensors,
    source=SOURCE,
    on=sequence_problems(),
    rounding=ROUNDING,
    exact=False,
    effort=0.5,
    examples=EXAMPLES,
    mutants={
        "states: without the softmax": {"states": Eq(states_gradient, upstream * scale * target_row)},
        "states: not scaled": {"states": Eq(states_gradient, upstream * (target_row - mean_row))},
        "states: one upstream for all": {"states": Eq(states_gradient, scale * (target_row - mean_row))},
        "states: 5 % off": {
            "states": Eq(states_gradient, Rational(19, 20) * upstream * scale * (target_row - mean_row))
        },
        "weight: without the softmax": {"weight": Eq(weight_gradient, scale * counted_states)},
        "weight: downhill": {"weight": Eq(weight_gradient, scale * (expected_states - counted_states))},
        "bias: scaled": {"bias": Eq(bias_gradient, scale * (counted - expected))},
    },
)
def gradient(subject: Any, problem: SequenceProblem) -> Values:
    """The gradient of the lean log-probabilities is the plain one, also for an upstream that differs between sequences.

    At states that predict nothing scored, padding included, it is exactly 0. The bias's is measured where there is one.
    """
    from alignprops.subjects.sequence_scores import score_of
    from alignprops.training.sequence_tensors import score as measured

    sums, found = problem.sums, measured(score_of(subject), problem)
    has_bias = float(problem.bias.any())
    return {
        upstream: problem.upstream[:, None, None],
        scale: problem.scale,
        states_gradient: bounded(found.for_states, sums.states_error),
        target_row: sums.target_rows,
        mean_row: sums.mean_rows,
        weight_gradient: bounded(found.for_weight, sums.weight_error),
        counted_states: sums.counted_states,
        expected_states: sums.expected_states,
        bias_gradient: bounded(found.for_bias, has_bias * sums.bias_error),
        counted: has_bias * sums.counted,
        expected: has_bias * sums.expected,
    }


@gradient.proof("the gradient of a log-softmax", domain="one token, a vocabulary of 3, one dimension", lemma=True)
def _() -> Any:
    x, c, first = real("x", "x"), real("c", "c"), real("w_0", "w_0")
    rows = [first, real("w_1", "w_1"), real("w_2", "w_2")]
    raised = [exp(c * row * x) for row in rows]
    total = sum(raised)
    mean = sum(row * part / total for row, part in zip(rows, raised, strict=True))
    slope = diff(c * first * x - log(total), x)
    return Eq(slope, c * (first - mean), evaluate=False)
