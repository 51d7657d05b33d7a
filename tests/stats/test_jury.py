"""Several voices made into one: what each rule says on small tables worked out by hand, and what no rule may depend on."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.errors import StatsError
from evalh.reports.leaderboard import build
from evalh.stats.frame import Factor, Results, join
from evalh.stats.jury import Rulings, repeated, repeats, rulings
from stats.frames import NAN, comparison, results, review, score

MEMBERS = ("p", "q", "r")


def said(values: Iterable[float | None], **more: Any) -> list[dict[str, Any]]:
    """One comparison of a and b by each of p, q, r …; None could not be read."""
    return [comparison("1", "a", "b", value, judge=judge, **more) for judge, value in zip("pqrstu", values, strict=False)]


def ruled(rows: list[dict[str, Any]], rule: str = "majority", quorum: int = 2, members: Iterable[str] = MEMBERS) -> Rulings:
    """The rulings of a jury over some rows."""
    return rulings(results(rows), "jury", tuple(members), rule, quorum)


def told(made: Results) -> list[tuple[Any, ...]]:
    """Rows as comparable tuples, in an order that depends on their content alone; NaN as None."""
    names = ("question_id", "turn", "mode", "aspect", "sample", "model_a", "model_b", "swapped", "status")
    columns = [getattr(made, n).values() if hasattr(getattr(made, n), "values") else getattr(made, n) for n in names]
    numbers = [[None if math.isnan(x) else round(x, 9) for x in getattr(made, n)] for n in ("outcome", "score_a", "score_b")]
    return sorted(zip(*columns, *numbers, strict=True), key=repr)


@pytest.mark.parametrize(
    ("votes", "outcome", "split"),
    [
        ((1, 1, 0), 1.0, False),
        ((0, 1, 0), 0.0, False),
        ((0.5, 0.5, 1), 0.5, False),
        ((1, 0.5, 0), 0.5, True),  # one for each side and a tie: nobody has more than half
        ((1, 0, None), 0.5, True),
        ((1, 1, None), 1.0, False),
        ((1, 0.5, None), 0.5, True),
        ((0.9, 0.6, 0.1), 1.0, False),  # preferences count for the side they lean to
        ((0.5 + 1e-12, 0.5, 0.0), 0.5, False),  # and one that is a half up to rounding for neither
    ],
)
def test_a_majority_is_more_than_half_of_those_heard(votes: tuple[float | None, ...], outcome: float, split: bool) -> None:
    """Three outcomes stand to choose; where none has more than half the case is a tie, and marked as one without majority."""
    made = ruled(said(votes))
    assert made.results.outcome.tolist() == [outcome]
    assert made.split.tolist() == [split]
    assert (made.asked.tolist(), made.heard.tolist()) == ([3], [sum(v is not None for v in votes)])
    assert made.results.status.values().tolist() == ["scored"]


def test_a_plurality_of_four_is_no_majority() -> None:
    """Two of four are half, not more."""
    assert ruled(said((1, 1, 0, 0.5)), members="pqrs").split.tolist() == [True]
    assert ruled(said((1, 1, 1, 0)), members="pqrs").results.outcome.tolist() == [1.0]


def test_the_mean_keeps_how_many_said_so() -> None:
    """Two voices of three are worth two thirds, and a preference its value."""
    assert ruled(said((1, 1, 0)), "mean").results.outcome.tolist() == [pytest.approx(2 / 3)]
    assert ruled(said((0.9, 0.6, None)), "mean").results.outcome.tolist() == [pytest.approx(0.75)]
    assert not ruled(said((1, 0, 0.5)), "mean").split.any()


@pytest.mark.parametrize(
    ("points", "median", "mean"), [((7, 9, 2), 7, 6), ((7, 9, None), 8, 8), ((4, 4, 4), 4, 4), ((7.5, 8, 1), 7.5, 5.5)]
)
def test_scores_have_a_median_or_a_mean(points: tuple[float | None, ...], median: float, mean: float) -> None:
    """A majority of numbers is their median, half-way between two of them."""
    rows = [score("1", "a", x, judge=j) for j, x in zip(MEMBERS, points, strict=True)]
    assert ruled(rows).results.score_a.tolist() == [median]
    assert ruled(rows, "mean").results.score_a.tolist() == [mean]
    assert ruled(rows).unanimous.tolist() == [len(set(points)) == 1]
    assert math.isnan(ruled(rows).results.outcome[0])


def test_of_two_scores_each_is_combined_and_the_outcome_follows() -> None:
    """As in a single reply, the outcome is that of the two numbers, whatever the rule."""
    rows = [review("1", "a", "b", x, y, judge=j) for j, x, y in zip(MEMBERS, (8, 6, 3), (7, 5, 9), strict=True)]
    middle, mean = ruled(rows).results, ruled(rows, "mean").results
    assert (middle.score_a.tolist(), middle.score_b.tolist(), middle.outcome.tolist()) == ([6], [7], [0.0])
    assert (mean.score_a[0], mean.score_b[0], mean.outcome[0]) == (pytest.approx(17 / 3), 7, 0.0)
    level = [review("1", "a", "b", 0.1, 0.2, judge="p"), review("1", "a", "b", 0.2, 0.1, judge="q")]
    assert ruled(level, "mean").results.outcome.tolist() == [0.5], "means that are equal but for rounding are equal"


@pytest.mark.parametrize(
    ("statuses", "quorum", "status"),
    [
        (("scored", "scored", "empty"), 2, "scored"),
        (("scored", "empty", "empty"), 2, "no_quorum"),
        (("scored", "empty", "empty"), 1, "scored"),
        (("scored", "scored", "empty"), 3, "no_quorum"),
        (("empty", "refused", "failed"), 2, "no_quorum"),
        (("failed", "failed", "failed"), 2, "failed"),
    ],
)
def test_too_few_voices_make_no_ruling(statuses: tuple[str, ...], quorum: int, status: str) -> None:
    """Below its quorum a jury is unscored: neither tie nor zero; a reason that all share stays the reason."""
    rows = said([1 if s == "scored" else None for s in statuses])
    made = ruled([r | {"status": s} for r, s in zip(rows, statuses, strict=True)], quorum=quorum)
    assert made.results.status.values().tolist() == [status]
    assert np.isfinite(made.results.outcome).tolist() == [status == "scored"]
    board = build(made.results)["jury"]
    (pair,) = board.overall.pairs
    assert (pair.scored, pair.unscored) == ((1, 0) if status == "scored" else (0, 1))
    assert board.unscored_by_status == ({} if status == "scored" else {status: 1})


def test_what_too_few_were_asked_about_is_passed_over() -> None:
    """A case that only one of three was asked about is none of the jury's; it is counted, and no unscored row is made of it."""
    rows = [*said((1, 1, 0)), comparison("2", "a", "b", 1.0, judge="p")]
    made = ruled(rows)
    assert (len(made.results), made.passed_over) == (1, 1)
    assert ruled(rows, quorum=1).results.question_id.values().tolist() == ["1", "2"]
    assert ruled([]).results.outcome.tolist() == []


def test_only_the_modes_it_speaks_in_are_looked_at() -> None:
    """Scores on scales that cannot be compared are not combined where the caller names the modes."""
    rows = [*said((1, 1, 0)), *(score("1", "a", 5, judge=j) for j in MEMBERS)]
    made = rulings(results(rows), "jury", MEMBERS, "majority", 2, ("pairwise",))
    assert made.results.mode.values().tolist() == ["pairwise"]


def test_the_two_orders_and_the_repeats_stay_apart() -> None:
    """A case is one order and one repeat; the both-orders rule comes after the jury."""
    rows = [*said((1, 1, 0)), *said((0, 0, 1), swapped=True), *said((0, 0, 1), sample=1)]
    assert sorted(ruled(rows).results.outcome.tolist()) == [0.0, 0.0, 1.0]
    (pair,) = build(ruled(rows[:6]).results)["jury"].overall.pairs
    assert (pair.wins_a, pair.ties, pair.wins_b) == (0, 1, 0)


def test_aspects_are_cases_of_their_own_and_an_unread_reply_is_missing_from_all() -> None:
    """A reply that could not be read names no aspect; it counts as asked in each that the others scored."""
    rows = [
        score("1", "a", points, judge=judge, aspect=aspect, group_id=f"{judge}1")
        for judge, given in (("p", (3, 5)), ("q", (4, 4)))
        for aspect, points in zip(("depth", "style"), given, strict=True)
    ]
    rows.append(score("1", "a", None, judge="r", group_id="r1"))
    made = ruled(rows, "mean")
    assert dict(zip(made.results.aspect.values(), made.results.score_a, strict=True)) == {"depth": 3.5, "style": 4.5}
    assert made.asked.tolist() == [3, 3]
    (row,) = build(made.results)["jury"].overall.models
    assert (row.scored, row.unscored) == (1, 0), "one ruling of two aspects"
    silent = ruled(rows, "mean", quorum=3).results
    assert silent.status.values().tolist() == ["no_quorum", "no_quorum"]


def test_an_unread_repeat_counts_once_in_every_aspect() -> None:
    """Whether it names the aspects or not, a repeat that could not be read is one of three asked."""
    given = [("depth", 3), ("style", 5), ("overall", 4)]
    rows = [score("1", "a", x, aspect=aspect, sample=i, group_id=str(i)) for i in (0, 1) for aspect, x in given]
    silent = {"sample": 2, "group_id": "2"}
    for unread in (("overall",), ("depth", "style", "overall")):
        made = repeated(results([*rows, *(score("1", "a", None, aspect=aspect, **silent) for aspect in unread)]))
        assert sorted(made.results.aspect.values()) == ["depth", "overall", "style"]
        assert (made.asked.tolist(), made.heard.tolist()) == ([3, 3, 3], [2, 2, 2])


def test_a_member_has_one_voice_whatever_it_says() -> None:
    """Two rows of one member about one case are its mean, not two votes."""
    rows = [*said((1, 0, 0)), comparison("1", "a", "b", 1.0, judge="p"), comparison("1", "a", "b", 1.0, judge="p")]
    assert ruled(rows).results.outcome.tolist() == [0.0]
    assert ruled(rows).heard.tolist() == [3]


def test_lengths_and_weights_are_carried() -> None:
    """The rows of a jury can be used wherever those of a judge can."""
    made = ruled([r | {"weight": 2.0} for r in said((1, 1, 0))]).results
    assert (made.weight.tolist(), made.judge.values().tolist()) == ([2.0], ["jury"])
    assert made.protocol.values().tolist() == ["jury/majority"]


@pytest.mark.parametrize(
    ("members", "rule", "quorum"),
    [(("p", "q"), "plurality", 1), (("p", "p"), "mean", 1), (("p", "q"), "mean", 3), (("p", "q"), "mean", 0)],
)
def test_a_jury_that_cannot_be_is_refused(members: tuple[str, ...], rule: str, quorum: int) -> None:
    """Another rule, a member twice, or a quorum that cannot be met."""
    with pytest.raises(StatsError):
        rulings(results(said((1, 1, 0))), "jury", members, rule, quorum)
    with pytest.raises(StatsError):
        repeats(results([]), "plurality")


VALUES = st.sampled_from([0.0, 0.5, 1.0, 0.3, None])
POINTS = st.sampled_from([1.0, 4.5, 7.0, 10.0, None])
CASES = st.lists(st.tuples(st.sampled_from(["1", "2"]), st.booleans(), st.integers(0, 1)), unique=True, min_size=1, max_size=5)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows of three members: comparisons, two scores and single scores, some of them missing."""
    rows = []
    for question, swapped, sample in draw(CASES):
        for judge in draw(st.lists(st.sampled_from(MEMBERS), unique=True, min_size=1)):
            more: dict[str, Any] = {"judge": judge, "sample": sample}
            rows.append(comparison(question, "a", "b", draw(VALUES), swapped=swapped, **more))
            rows.append(score(question, "b" if swapped else "a", draw(POINTS), **more))
            points = draw(POINTS), draw(POINTS)
            if None not in points:
                rows.append(review(question, "a", "b", *points, swapped=swapped, **more))  # type: ignore[arg-type]
    return rows


@settings(max_examples=60, deadline=None)
@given(tables(), st.permutations(MEMBERS), st.sampled_from(["majority", "mean"]), st.integers(1, 3), st.randoms())
def test_neither_members_nor_rows_have_an_order(rows: Any, members: Any, rule: str, quorum: int, random: Any) -> None:
    """Permuting members, or shuffling rows, changes nothing."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert told(ruled(rows, rule, quorum).results) == told(ruled(shuffled, rule, quorum, members).results)


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(["majority", "mean"]), st.integers(1, 3))
def test_seen_from_the_other_model_a_ruling_is_mirrored(rows: Any, rule: str, quorum: int) -> None:
    """Exchanging a and b in every row turns every outcome round; naming a row's models the other way round changes nothing."""
    names = {"a": "b", "b": "a", "": ""}
    swapped = [r | {"model_a": names[r["model_a"]], "model_b": names[r["model_b"]]} for r in rows]
    one, other = ruled(rows, rule, quorum).results, ruled(swapped, rule, quorum).results
    compared = ~one.model_b.where("")
    assert sorted(one.outcome[compared].tolist(), key=repr) == pytest.approx(
        sorted((1 - other.outcome[~other.model_b.where("")]).tolist(), key=repr), nan_ok=True
    )
    turned = [_turned(r) for r in rows]
    assert told(ruled(turned, rule, quorum).results) == told(one)


def _turned(row: dict[str, Any]) -> dict[str, Any]:
    """The same comparison written from its other model."""
    if not row["model_b"]:
        return row
    scores = {"score_a": row.get("score_b", NAN), "score_b": row.get("score_a", NAN)}
    flipped = {"outcome": 1 - row["outcome"], "swapped": not row.get("swapped", False)}
    return row | {"model_a": row["model_b"], "model_b": row["model_a"]} | scores | flipped


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(["majority", "mean"]))
def test_a_jury_of_one_says_what_its_member_says(rows: Any, rule: str) -> None:
    """Scores, statuses and verdicts are the member's; under the majority rule a preference becomes the side it leans to."""
    own = [r for r in rows if r["judge"] == "p"]
    if rule == "majority":
        own = [r | ({"outcome": 0.0} if r["outcome"] == 0.3 else {}) if r["model_b"] else r for r in own]
    assert told(ruled(rows, rule, 1, ("p",)).results) == told(results(own))


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from(["majority", "mean"]))
def test_unanimous_members_make_a_unanimous_jury(rows: Any, rule: str) -> None:
    """Three judges that say the same are worth one, not three: the jury's figures are each member's."""
    own = [r | {"judge": "p"} for r in rows if r["judge"] == "p" and r.get("outcome") != 0.3]
    copies = [r | {"judge": judge} for judge in MEMBERS for r in own]
    made = ruled(copies, rule, 3)
    assert told(made.results) == told(results(own))
    assert made.unanimous[made.heard > 0].all()
    assert not made.split.any()


def test_repeats_become_one_row_for_each_judge() -> None:
    """Two of three repeats decide; a case of which half or more could not be read is unscored."""
    rows = [comparison("1", "a", "b", x, judge="p", sample=i) for i, x in enumerate((1, 1, 0))]
    rows += [comparison("1", "a", "b", x, judge="q", sample=i) for i, x in enumerate((1, None, None))]
    rows += [score("1", "a", x, judge="p", sample=i) for i, x in enumerate((4, 9, 5))]
    made = repeats(results(rows), "majority")
    by_judge = {(j, m): i for i, (j, m) in enumerate(zip(made.judge.values(), made.mode.values(), strict=True))}
    assert made.outcome[by_judge["p", "pairwise"]] == 1.0
    assert made.score_a[by_judge["p", "absolute"]] == 5.0
    assert made.status.values()[by_judge["q", "pairwise"]] == "no_quorum"
    assert made.sample.tolist() == [0, 0, 0]
    assert repeats(results(rows[:3]), "mean").outcome.tolist() == [pytest.approx(2 / 3)]


@settings(max_examples=40, deadline=None)
@given(tables(), st.sampled_from(["majority", "mean"]))
def test_what_was_asked_once_is_left_as_it_is(rows: Any, rule: str) -> None:
    """Without repeats, combining them changes nothing but what a majority makes of a preference."""
    once = [r for r in rows if r["sample"] == 0 and r["outcome" if r["model_b"] else "score_a"] != 0.3]
    assert told(repeats(results(once), rule)) == told(results(once))


def test_how_often_a_judge_contradicts_itself() -> None:
    """Cases with two scored repeats or more count; of those, the ones in which not all say the same."""
    rows = [comparison("1", "a", "b", x, sample=i) for i, x in enumerate((1, 0.9, 1))]  # one side throughout
    rows += [comparison("2", "a", "b", x, sample=i) for i, x in enumerate((1, 0.5, None))]
    rows += [comparison("3", "a", "b", x, sample=i) for i, x in enumerate((1, None, None))]  # heard once
    rows += [score("1", "a", x, sample=i) for i, x in enumerate((7, 7))]
    made = repeated(results(rows))
    assert sorted(zip(made.results.question_id.values(), made.results.mode.values(), made.unanimous.tolist(), strict=True)) == [
        ("1", "absolute", True),
        ("1", "pairwise", True),
        ("2", "pairwise", False),
    ]


def test_a_jury_and_its_members_stand_in_one_frame() -> None:
    """Joined frames give each judge the leaderboard that it has alone, in their order."""
    rows = results(said((1, 1, 0)))
    made = ruled(said((1, 1, 0))).results
    boards = build(join([made, rows]))
    assert list(boards) == ["jury", "p", "q", "r"]
    assert boards["jury"] == build(made)["jury"]
    assert {name: boards[name] for name in MEMBERS} == build(rows)


def test_many_cases_are_ruled_upon_as_one_would_count() -> None:
    """A hundred thousand rows at once give what counting votes case by case gives."""
    n = 99_999
    outcome = np.random.default_rng(1).choice([0.0, 0.5, 1.0], n)
    case = np.arange(n) // 3
    made = replace(
        results([comparison("1", "a", "b", 1.0)]).take(np.zeros(n, dtype=np.int64)),
        question_id=Factor((case // 2).astype(np.int32), tuple(str(i) for i in range(n // 6 + 1))),
        judge=Factor((np.arange(n) % 3).astype(np.int32), MEMBERS),
        swapped=case % 2 == 1,
        outcome=outcome,
    )
    ruling = rulings(made, "jury", MEMBERS, "majority", 2).results
    votes = outcome.reshape(-1, 3)
    for value in (0.0, 1.0):
        assert (ruling.outcome == value).sum() == ((votes == value).sum(axis=1) >= 2).sum()
