"""A judge's leaderboard, corrected by votes on some of its comparisons: win rates and ratings as people would give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalh.errors import StatsError, TooFewData
from evalh.stats.estimate import Estimate
from evalh.stats.ppi import Items, Powered, powered_mean
from evalh.stats.ppi_ratings import PoweredRatings, powered_ratings
from evalh.stats.rogan_gladen import corrected_win_rate
from evalh.stats.sampling import Sampled, sampled
from evalh.stats.voting import Decision, Place, Vote


@dataclass(frozen=True, slots=True)
class Corrected:
    """One model.

    Attributes:
        model: its name.
        win_rate: by the judge, by the votes, and by both (None where nobody voted on the model).
        rogan_gladen: the judge's win rate turned back through its mistakes; None for the reason in `rogan_gladen_note`.
    """

    model: str
    win_rate: Powered | None
    rogan_gladen: Estimate | None
    rogan_gladen_note: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """All models of a judge's comparisons.

    Attributes:
        models: by name.
        ratings: entries in the order of `models`; None where nothing can be rated.
        sampled: whether the comparisons voted on look like a random sample.
        refused: why no claim is made from votes and judge together; nothing where one is.
        judged, voted: comparisons.
    """

    models: tuple[Corrected, ...]
    ratings: PoweredRatings | None
    sampled: Sampled
    refused: str
    judged: int
    voted: int


@dataclass(frozen=True, slots=True)
class _Comparisons:
    """I judged comparisons in columns; `shares` (I, 3) are those of win, tie and loss among the votes, seen from the first."""

    names: tuple[str, ...]
    cluster: np.ndarray
    pairs: np.ndarray
    turn: np.ndarray
    verdict: np.ndarray
    preference: np.ndarray
    shares: np.ndarray
    probability: np.ndarray

    @property
    def voted(self) -> np.ndarray:
        mask: np.ndarray = ~np.isnan(self.shares[:, 0])
        return mask


def correct(said: Mapping[Place, Decision], votes: Sequence[Vote], categories: Mapping[str, str] | None = None) -> Correction:
    """Correct a judge's win rates and ratings by votes.

    A comparison that several people voted on counts once, with the mean of its votes. A model's win rate counts each of its
    opponents equally, as on a leaderboard. Where the comparisons that were voted on are no random sample, as far as can be
    told, nothing is claimed from votes and judge together.

    Args:
        said: the judge's decisions (`evalh.stats.voting.decisions`).
        votes: those on other comparisons do not count. Where votes carry inclusion probabilities, all must.
        categories: question -> category.

    Raises:
        TooFewData: no vote is about a comparison that was judged.
        StatsError: some votes carry an inclusion probability and others do not, or two of one comparison differ in it.
    """
    c = _columns(said, votes)
    if not c.voted.any():
        raise TooFewData("no vote is about a comparison that was judged")
    drawn = np.where(c.voted, 1.0 / c.probability, 0.0)
    found = sampled(c.cluster, drawn, _features(c, said, categories or {}))
    refused = ""
    if not found.random:
        refused = (
            f"what was voted on is not a random sample of what was judged: it differs in {', '.join(found.differs)} "
            f"(p {min(found.p_values.values()):.1g}). Draw comparisons at random, or store how likely each was drawn"
        )
    models = tuple(_model(c, drawn, m, refused) for m in range(len(c.names)))
    outcome = c.shares @ np.array([1.0, 0.5, 0.0])
    items = Items.of(c.cluster, c.preference, outcome, None, c.probability)
    ratings = powered_ratings(items, c.pairs, c.names) if len(c.names) > 1 else None
    if ratings is not None and refused:
        ratings = replace(ratings, estimates=None, tuning=0.0, note=refused)
    return Correction(models, ratings, found, refused, len(said), int(c.voted.sum()))


def _model(c: _Comparisons, drawn: np.ndarray, m: int, refused: str) -> Corrected:
    """One model's win rate; outcomes are turned to its side."""
    mine = (c.pairs == m).any(axis=1)
    first = c.pairs[mine, 0] == m
    opponent = np.where(first, c.pairs[mine, 1], c.pairs[mine, 0])
    weight = 1.0 / np.bincount(opponent, minlength=len(c.names))[opponent]
    shares = np.where(first[:, None], c.shares[mine], c.shares[mine][:, ::-1])
    preference = np.where(first, c.preference[mine], 1.0 - c.preference[mine])
    verdict = np.where(first, c.verdict[mine], -c.verdict[mine])
    label = shares @ np.array([1.0, 0.5, 0.0])
    cluster = np.unique(c.cluster[mine], return_inverse=True)[1].reshape(-1)
    if not c.voted[mine].any():
        return Corrected(c.names[m], None, None, "nobody voted on it")
    powered = powered_mean(Items.of(cluster, preference, label, weight, c.probability[mine]), share=True)
    if refused:
        powered = replace(powered, estimate=Estimate(None, n=powered.people.n), tuning=0.0, note=refused)
    try:
        turned = corrected_win_rate(cluster, verdict, shares, weight, drawn[mine] * weight)
    except StatsError as error:
        return Corrected(c.names[m], powered, None, str(error))
    note = "" if turned.low is not None else "all votes for one of the outcomes are on a single question, so it has no interval"
    return Corrected(c.names[m], powered, turned, note)


def _columns(said: Mapping[Place, Decision], votes: Sequence[Vote]) -> _Comparisons:
    given: dict[Place, list[Vote]] = {}
    for vote in votes:
        if vote.place in said:
            given.setdefault(vote.place, []).append(vote)
    probability = _probabilities(given)
    names = sorted({name for _, a, b, _ in said for name in (a, b)})
    index, questions = {name: i for i, name in enumerate(names)}, {q: i for i, q in enumerate(sorted({p[0] for p in said}))}
    shares = np.full((len(said), 3), np.nan)
    places = sorted(said)
    for i, place in enumerate(places):
        if place in given:
            outcomes = [vote.facing for vote in given[place]]
            shares[i] = [outcomes.count(k) / len(outcomes) for k in (1, 0, -1)]
    return _Comparisons(
        tuple(names),
        np.array([questions[p[0]] for p in places], dtype=np.int64),
        np.array([(index[p[1]], index[p[2]]) for p in places], dtype=np.int64).reshape(-1, 2),
        np.array([p[3] for p in places], dtype=np.int64),
        np.array([said[p].verdict for p in places], dtype=np.int64),
        np.array([said[p].preference for p in places], dtype=np.float64),
        shares,
        np.array([probability.get(p, 1.0) for p in places], dtype=np.float64),
    )


def _probabilities(given: Mapping[Place, Sequence[Vote]]) -> dict[Place, float]:
    """How likely each comparison was drawn, where that is stored; nothing where it is not."""
    stored = {place: {vote.probability for vote in votes} for place, votes in given.items()}
    if all(found == {None} for found in stored.values()):
        return {}
    if any(None in found for found in stored.values()):
        raise StatsError("some votes carry an inclusion_probability and others do not: give it for all of them, or for none")
    odd = next((place for place, found in stored.items() if len(found) > 1), None)
    if odd is not None:
        raise StatsError(
            f"votes on one comparison differ in their inclusion_probability: question {odd[0]}, {odd[1]}, {odd[2]}"
        )
    return {place: float(next(iter(found)) or 1.0) for place, found in stored.items()}


def _features(c: _Comparisons, said: Mapping[Place, Decision], categories: Mapping[str, str]) -> dict[str, np.ndarray]:
    """What is known of every comparison, voted on or not."""
    kinds = [categories.get(place[0], "") for place in sorted(said)]
    models = np.zeros((len(said), len(c.names)))
    for side in (0, 1):
        models[np.arange(len(said)), c.pairs[:, side]] = 1.0
    return {
        "the judge's verdicts": np.stack([c.preference, np.abs(c.preference - 0.5)], axis=1),
        "categories": _columns_of(kinds),
        "models": models,
        "turns": _columns_of(c.turn.tolist()),
    }


def _columns_of(values: Sequence[object]) -> np.ndarray:
    """One column of 0 and 1 for each value there is."""
    index = {value: i for i, value in enumerate(dict.fromkeys(values))}
    table: np.ndarray = np.eye(len(index))[[index[value] for value in values]]
    return table
