"""A leaderboard corrected by votes, and when nothing is claimed."""

from __future__ import annotations

import numpy as np
import pytest

from evalh.errors import StatsError, TooFewData
from evalh.stats.correction import correct
from evalh.stats.sampling import sampled
from evalh.stats.voting import Decision, Place, Vote
from stats.simulated_votes import REGIMES, world

LEAGUE = next(r for r in REGIMES if r.name == "4 models, two votes a question")
NAMES = "abcd"


def _league(seed: int, questions: int = 80) -> tuple[dict[Place, Decision], list[Vote]]:
    """A judge's decisions on everything, and votes on everything."""
    w = world(LEAGUE, np.random.default_rng(seed), questions, 0.4)
    said, votes = {}, []
    for q, (a, b), people, verdict, preference in zip(w.cluster, w.pairs, w.people, w.verdict, w.preference, strict=True):
        place = (f"q{q:03d}", NAMES[a], NAMES[b], 1)
        said[place] = Decision(int(verdict), float(preference))
        votes.append(Vote(place[0], place[1], place[2], int(people), "ann"))
    return said, votes


def _some(votes: list[Vote], many: int, seed: int = 0) -> list[Vote]:
    chosen = np.random.default_rng(seed).permutation(len(votes))[:many]
    return [votes[i] for i in chosen]


def test_votes_drawn_at_random_correct_the_judge() -> None:
    """Every model has a corrected win rate and rating, narrower than the votes' alone on the whole."""
    said, votes = _league(1)
    found = correct(said, _some(votes, 100))
    assert found.sampled.random
    assert (found.judged, found.voted) == (480, 100)
    widths = [
        ((m.win_rate.estimate.high or 9) - (m.win_rate.estimate.low or 0))
        / ((m.win_rate.people.high or 0) - (m.win_rate.people.low or 0))
        for m in found.models
        if m.win_rate is not None
    ]
    assert max(widths) <= 1.0
    assert np.mean(widths) < 0.97
    assert found.ratings is not None
    assert found.ratings.estimates is not None


@pytest.mark.parametrize("picked", ["verdicts", "models", "categories", "turns"])
def test_a_picked_sample_is_refused(picked: str) -> None:
    """Votes on ties only, on one model, in one category, on one turn: no claim, and what it differs in."""
    said, votes = _league(2)
    categories = {place[0]: "even" if int(place[0][1:]) % 2 == 0 else "odd" for place in said}
    if picked == "turns":
        said |= {(q, a, b, 2): d for (q, a, b, _), d in said.items()}
    chosen = {
        "verdicts": [v for v in votes if said[v.place].verdict == 0],
        "models": [v for v in votes if v.model_a == "a"],
        "categories": [v for v in votes if categories[v.question_id] == "odd"],
        "turns": votes,
    }[picked]
    found = correct(said, _some(chosen, 90), categories)
    assert not found.sampled.random
    assert picked in " ".join(found.sampled.differs)
    assert "not a random sample" in found.refused
    for m in found.models:
        assert m.win_rate is None or m.win_rate.estimate.value is None
        assert m.win_rate is None or m.win_rate.people.value is not None
    assert found.ratings is not None
    assert found.ratings.estimates is None


def test_honest_samples_are_seldom_refused() -> None:
    """Of samples that are drawn at random, by comparison or by question, about one in a hundred is refused."""
    refused = {"items": 0, "questions": 0}
    for seed in range(150):
        rng = np.random.default_rng(seed)
        w = world(LEAGUE, rng, 60, 0.4)
        features = {
            "verdicts": np.stack([w.preference, np.abs(w.preference - 0.5)], axis=1),
            "categories": np.eye(6)[w.cluster % 6],
            "models": np.stack([(w.pairs == m).any(axis=1) for m in range(4)], axis=1),
        }
        items = np.zeros(len(w.people))
        items[rng.permutation(len(items))[:60]] = 1.0
        refused["items"] += not sampled(w.cluster, items, features).random
        questions = np.isin(w.cluster, rng.permutation(60)[:12]).astype(float)
        refused["questions"] += not sampled(w.cluster, questions, features).random
    assert max(refused.values()) <= 6


def test_stored_probabilities_are_used() -> None:
    """A sample that favours decided comparisons is refused as it is, and accepted with its probabilities."""
    said, votes = _league(3, 200)
    likely = {v.place: 0.02 if said[v.place].verdict == 0 else 0.2 for v in votes}
    rng = np.random.default_rng(4)
    chosen = [v for v in votes if rng.random() < likely[v.place]]
    assert not correct(said, chosen).sampled.random
    told = [Vote(v.question_id, v.model_a, v.model_b, v.outcome, v.rater, v.turn, likely[v.place]) for v in chosen]
    assert correct(said, told).sampled.random
    with pytest.raises(StatsError, match="for all of them, or for none"):
        correct(said, [*told, *votes[:3]])
    twice = Vote(told[0].question_id, told[0].model_a, told[0].model_b, 0, "bob", 1, 0.5)
    with pytest.raises(StatsError, match="differ in their inclusion_probability"):
        correct(said, [*told, twice])


def test_several_votes_on_one_comparison_count_once() -> None:
    """Three raters who say the same of one comparison weigh no more than one."""
    said, votes = _league(5, 30)
    some = _some(votes, 40)
    thrice = [Vote(v.question_id, v.model_a, v.model_b, v.outcome, r, v.turn) for v in some for r in ("x", "y", "z")]
    for one, three in zip(correct(said, some).models, correct(said, thrice).models, strict=True):
        assert one.win_rate == three.win_rate
        assert one.rogan_gladen == three.rogan_gladen


def test_too_few_votes_are_said() -> None:
    """No vote on anything judged is an error; a model that nobody voted on has no figure, with the reason."""
    said, votes = _league(6, 10)
    with pytest.raises(TooFewData):
        correct(said, [Vote("elsewhere", "a", "b", 1)])
    found = correct(said, [v for v in votes if "d" not in v.place][:6])
    assert found.models[3].win_rate is None
    assert found.models[3].rogan_gladen_note == "nobody voted on it"
