"""Whatever the judge and the votes are, agreement and correction are stated results or a StatsError, never a warning."""

from __future__ import annotations

import contextlib
import math
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evalh.errors import StatsError
from evalh.stats.correction import correct
from evalh.stats.estimate import Estimate
from evalh.stats.kappa import agreement, brier
from evalh.stats.krippendorff import alpha
from evalh.stats.rank_correlation import board, correlations
from evalh.stats.voting import Decision, Vote, as_frame, between_raters, match, votes_of

PAIRS = st.sampled_from([("a", "b"), ("a", "c"), ("b", "c")])
PLACE = st.tuples(st.sampled_from("12345"), PAIRS, st.integers(1, 2))
OUTCOME = st.sampled_from((-1, 0, 1))
SAID = st.dictionaries(PLACE, OUTCOME, min_size=1, max_size=25)
VOTES = st.lists(st.tuples(PLACE, OUTCOME, st.sampled_from([None, 0.2, 1.0])), min_size=1, max_size=25)


def _finite(value: Any) -> None:
    """Every number in it is finite, and every interval has its value inside and some width."""
    if isinstance(value, Estimate):
        for x in (value.value, value.low, value.high, value.standard_error):
            assert x is None or math.isfinite(x)
        if value.value is not None and value.low is not None and value.high is not None:
            assert value.low - 1e-9 <= value.value <= value.high + 1e-9
            assert value.high > value.low
    elif is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            _finite(getattr(value, f.name))
    elif isinstance(value, tuple | list):
        for item in value:
            _finite(item)
    elif isinstance(value, dict):
        _finite(list(value.values()))
    elif isinstance(value, np.ndarray):
        assert np.isfinite(value).all()
    elif isinstance(value, float):
        assert math.isfinite(value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SAID, VOTES)
def test_any_votes_against_any_judge(said: dict[Any, int], given_votes: list[Any]) -> None:
    """One question, one model, all ties, a model that wins everything, nothing in common, probabilities on some votes only."""
    decided = {(q, *pair, turn): Decision(v, (v + 1) / 2) for (q, pair, turn), v in said.items()}
    votes = [Vote(q, *pair, v, "r", turn, p) for (q, pair, turn), v, p in given_votes]
    matched, left_out = match(decided, votes)
    _finite(left_out)
    units: dict[Any, list[int]] = {}
    for vote in votes:
        units.setdefault(vote.place, []).append(vote.facing)

    def orders() -> object:
        models = sorted({m for p in decided for m in p[1:3]} & {m for v in votes for m in (v.model_a, v.model_b)})
        return correlations(board(as_frame(votes_of(decided, "j")), models), board(as_frame(votes), models))

    for figure in (
        lambda: agreement(matched),
        lambda: agreement(matched, ties="dropped"),
        lambda: agreement(between_raters(votes), symmetric=True),
        lambda: brier(matched),
        lambda: alpha(units, (-1, 0, 1)),
        lambda: alpha(units, (-1, 0, 1), "ordinal"),
        orders,
        lambda: correct(decided, votes),
        lambda: correct(decided, [Vote(v.question_id, v.model_a, v.model_b, v.outcome, v.rater, v.turn) for v in votes]),
    ):
        with contextlib.suppress(StatsError):
            _finite(figure())
