"""The features of a preference set: x at the position whose logits predict the answer."""

from __future__ import annotations

import time

import numpy as np

from alignprops.data.preferences import PreferenceSet
from alignprops.models.answers import resolve_answers
from alignprops.models.feature_file import BehaviourFeatures, PreferenceFeatures
from alignprops.models.head import read_head
from alignprops.models.loading import LanguageModel
from alignprops.models.progress import Progress, no_progress
from alignprops.models.reading import Batching, read_states


def extract_features(
    model: LanguageModel,
    preferences: PreferenceSet,
    *,
    batch_size: int = 32,
    batching: Batching = "shared-prefix",
    progress: Progress = no_progress,
) -> PreferenceFeatures:
    """Run a model over a preference set.

    The model computes in its own dtype; what is taken from it is widened exactly.
    `seconds` and `tokens` of the result cover tokenisation and reading.

    Raises:
        ModelError: the head is not linear, the tokenizer does not fit, a state is not finite.
        DataError: a prompt is too long, or the responses do not give one pair of first tokens.
    """
    head = read_head(model)
    start = time.perf_counter()
    answers = resolve_answers(model, preferences)
    statements = [(behaviour, statement) for behaviour in preferences for statement in behaviour.statements]

    def where(position: int) -> str:
        behaviour, statement = statements[position]
        return f"{behaviour.name!r} ({behaviour.where(statement)})"

    reading = read_states(
        model,
        [ids for prompts in answers.prompts for ids in prompts],
        batch_size=batch_size,
        batching=batching,
        progress=progress,
        where=where,
    )
    seconds = time.perf_counter() - start
    ends = np.cumsum([len(behaviour) for behaviour in preferences])[:-1]
    behaviours = tuple(
        BehaviourFeatures(
            name=behaviour.name,
            features=np.ascontiguousarray(head.scale * states),
            signs=signs,
            rows=np.array([statement.line for statement in behaviour.statements], dtype=np.int64),
            source=behaviour.source,
            contradictory=behaviour.contradictory,
        )
        for behaviour, states, signs in zip(preferences, np.split(reading.states, ends), answers.signs, strict=True)
    )
    return PreferenceFeatures(
        model=model.name,
        behaviours=behaviours,
        unembedding=head.weight,
        positive=answers.positive,
        negative=answers.negative,
        positive_text=answers.positive_text,
        negative_text=answers.negative_text,
        head_scale=head.scale,
        head_bias=head.has_bias,
        tied=head.tied,
        dtype=model.dtype,
        policy=answers.policy,
        batching=f"{reading.batching} ({reading.note})" if reading.note else reading.batching,
        tokens=reading.tokens,
        seconds=seconds,
    )
