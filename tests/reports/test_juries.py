"""What a report says of juries and repeats: figures from rows, and sentences from figures."""

from __future__ import annotations

from typing import Any

import pytest

from evalh.reports.juries import JuryPart, RepeatsPart, hear, lines, repeats_part
from evalh.reports.leaderboard import build
from evalh.stats.estimate import Estimate
from stats.frames import comparison, results, score

JUDGES = {"p": {}, "q": {"repeats": "each"}, "r": {"repeats": "each"}}
PANEL = {"members": ["p", "q", "r"], "rule": "majority", "quorum": 2, "modes": ["pairwise"]}


def votes(question: str, *outcomes: float | None, **more: Any) -> list[dict[str, Any]]:
    """What p, q and r say about one comparison."""
    return [comparison(question, "a", "b", x, judge=j, **more) for j, x in zip("pqr", outcomes, strict=True)]


def test_a_run_without_juries_and_repeats_is_left_as_it_is() -> None:
    """The very frame that was collected is what leaderboards are built from."""
    rows = results(votes("1", 1, 1, 0))
    heard = hear(rows, JUDGES, {})
    assert heard.results is rows
    assert heard.juries == {}
    assert hear(results([]), JUDGES, {}).results.outcome.tolist() == []


def test_a_jury_is_described_by_what_it_did() -> None:
    """Rulings, unanimity, splits, quorum, and what its members judge that it does not."""
    rows = [*votes("1", 1, 1, 0), *votes("2", 0, 0, 0), *votes("3", 1, 0.5, 0), *votes("4", 1, None, None)]
    rows += [comparison("5", "a", "b", 1.0, judge="p"), score("1", "a", 5, judge="p")]
    part = hear(results(rows), JUDGES, {"panel": PANEL}).juries["panel"]
    assert (part.rulings, part.together, part.unanimous, part.split, part.no_quorum) == (3, 3, 1, 1, 1)
    assert (part.voices, part.unheard, part.passed_over, part.silent) == (12, 2, 1, ("absolute",))
    shares = {(p.first, p.second): (p.estimate and p.estimate.value, p.count) for p in part.pairings}
    assert shares == {("p", "q"): (pytest.approx(2 / 3), 3), ("p", "r"): (pytest.approx(1 / 3), 3), ("q", "r"): (1 / 3, 3)}
    assert [p.estimate and p.estimate.value for p in part.with_jury] == [pytest.approx(2 / 3), 1.0, pytest.approx(1 / 3)]
    # 9 verdicts: 3 wins, 1 tie, 5 losses; within the comparisons 2, 0 and 3 of 3 pairs differ
    assert part.alpha is not None
    assert part.alpha.value == pytest.approx(1 - (2 + 0 + 3) / ((81 - 35) / 8))


def test_a_jury_without_judgments_has_no_leaderboard() -> None:
    """What it is can be told; figures there are none."""
    heard = hear(results(votes("1", 1, 1, 0)[:1]), JUDGES, {"panel": PANEL})
    assert list(build(heard.results)) == ["p"]
    part = heard.juries["panel"]
    assert (part.rulings, part.passed_over, part.alpha) == (0, 1, None)
    assert not any("same outcome" in text for text in lines("panel", part, None))


def test_repeats_are_combined_where_the_judge_says_so() -> None:
    """Judges whose repeats count each keep their rows beside those whose repeats are made into one."""
    rows = [r for i, x in enumerate((1, 1, 0)) for r in votes("1", x, x, x, sample=i)]
    judges = {**JUDGES, "q": {"repeats": "majority"}, "r": {"repeats": "mean"}}
    heard = hear(results(rows), judges, {})
    found = {
        j: sorted(o for o, k in zip(heard.results.outcome, heard.results.judge.values(), strict=True) if k == j) for j in "pqr"
    }
    assert found == {"p": [0, 1, 1], "q": [1], "r": [pytest.approx(2 / 3)]}
    scored = {name: board.overall.models[0].scored for name, board in build(heard.results).items()}
    assert scored == {"p": 3, "q": 1, "r": 1}


def test_a_member_that_speaks_once_makes_all_speak_once() -> None:
    """With one member's repeats combined the jury has one ruling, in which the others' repeats are their mean."""
    rows = [
        comparison("1", "a", "b", x, judge=j, sample=i)
        for j, given in (("p", (1, 1, 0)), ("q", (1, 1, 0)), ("r", (0, 0, 0)))
        for i, x in enumerate(given)
    ]
    mean = {**PANEL, "rule": "mean"}
    each = hear(results(rows), JUDGES, {"panel": mean}).results
    assert sorted(each.outcome[each.judge.where("panel")]) == [0, pytest.approx(2 / 3), pytest.approx(2 / 3)]
    mixed = hear(results(rows), {**JUDGES, "q": {"repeats": "majority"}}, {"panel": mean}).results
    assert mixed.outcome[mixed.judge.where("panel")].tolist() == [pytest.approx((2 / 3 + 1 + 0) / 3)]


def test_how_often_repeats_differ() -> None:
    """Cases with two scored repeats, verdicts and scores apart; None where nothing was asked twice."""
    rows = [comparison("1", "a", "b", x, sample=i) for i, x in enumerate((1, 0))]
    rows += [comparison("2", "a", "b", 1, sample=i) for i in (0, 1)]
    rows += [score("1", "a", x, sample=i) for i, x in enumerate((7, 7))]
    part = repeats_part(results(rows), "judge", "each", False)
    assert part is not None
    assert (part.cases, part.verdicts and part.verdicts.value, part.scores and part.scores.value) == ((2, 1), 0.5, 0.0)
    assert part.verdicts is not None
    assert part.verdicts.n == 2
    assert repeats_part(results(rows[:1]), "judge", "each", False) is None
    silent = repeats_part(results([score("1", "a", None, sample=i) for i in (0, 1)]), "judge", "mean", False)
    assert silent is not None
    assert list(lines("judge", None, silent)) == ["Repeats are made into one by their mean. No case has two scored repeats."]


def test_the_sentences() -> None:
    """Everything that was left out is said, nothing that did not happen, and hostile names stay text."""
    part = JuryPart(("p\x1b[31m", "q", "r"), "mean", 2, ("pairwise",), "", 5, 4, 3, 0, 2, 12, 3, 1, ("absolute",))
    assert list(lines("panel", part, None)) == [
        "A jury of 3 (p⟨U+001B⟩[31m, q, r), by the mean of their outcomes and scores; a case counts where at least 2 of them"
        " are scored.",
        "5 rulings: 3 of 4 were unanimous; beside them 2 cases stayed without a ruling.",
        "3 of the 12 judgments that it rests on are unscored and were not heard.",
        "Passed over, because fewer than 2 members were asked: 1 case.",
        "The jury is silent in mode absolute: too few members judge in it, or their scores are on different scales.",
    ]
    repeats = RepeatsPart("majority", Estimate(0.25, 0.1, 0.5, 8), None, (16, 0), True)
    assert list(lines("p", None, repeats)) == [
        "Repeats are made into one by majority (scores: the median). Between repeats, which look at different answers, verdicts"
        " differ in 25.0% (10.0–50.0) of 16 cases, 8 questions."
    ]
