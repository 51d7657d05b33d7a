"""The plan: every unit that was asked for exactly once, in a fixed order, and none built before it is due."""

from __future__ import annotations

import itertools
from itertools import combinations, islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalh.core.records import Mode
from evalh.errors import ConfigError, UnknownName
from evalh.pipeline.plan import MODES, check, pairs_of
from pipeline.made import Idle, plan, question


@settings(deadline=None)
@given(
    questions=st.integers(1, 4),
    models=st.integers(1, 5),
    samples=st.integers(1, 3),
    swap=st.booleans(),
    orders=st.sampled_from([1, 2]),
    turns=st.integers(1, 2),
)
def test_units_are_the_product_of_what_was_asked(
    questions: int, models: int, samples: int, swap: bool, orders: int, turns: int
) -> None:
    """Answers are models x questions x samples; judgments add modes, turns, pairs and orders; each is there once."""
    asked = tuple(question(f"q{i}", turns=turns) for i in range(questions))
    p = plan(
        models=models,
        judges=(Idle(orders=orders),),
        questions=0,
        samples=samples,
        swap=swap,
        answer_samples=(samples,) * models,
    )
    p = type(p)(asked, p.models, p.judges, p.modes, p.pairs, p.swap, p.samples, p.answer_samples)
    answers = [u for m in range(models) for u in p.answer_units(m)]
    judgments = list(p.judgment_units(0))
    shown = models + len(p.pairs) * (2 if swap and orders == 2 else 1)
    assert len(answers) == len(set(answers)) == questions * models * samples
    assert len(judgments) == len(set(judgments)) == questions * turns * shown * samples
    assert p.count() == (len(answers), {"idle": len(judgments)})


@settings(deadline=None)
@given(models=st.integers(2, 5), model=st.integers(0, 4), question=st.integers(0, 1))
def test_the_judgments_of_a_model_are_those_that_show_it(models: int, model: int, question: int) -> None:
    """Asked for one model's judgments, the plan gives those units of the question that show it, in the same order."""
    model %= models
    p = plan(models=models)
    every = [u for u in p.judgment_units(0) if u.question == question and model in u.models]
    assert list(p.judgments_of(0, question, model)) == every


def test_both_orders_stand_beside_each_other() -> None:
    """The second order of a comparison shows the same pair the other way round."""
    units = [u for u in plan(questions=1, models=2).judgment_units(0) if u.mode == "pairwise"]
    assert [(u.models, u.order) for u in units] == [((0, 1), 0), ((1, 0), 1)]


def test_a_fixed_order_is_asked_once() -> None:
    """A protocol with one order is asked in that order only, whatever --no-swap says."""
    p = plan(questions=1, models=2, judges=(Idle(("two-score",), orders=1),), modes=MODES["both"])
    assert [u.models for u in p.judgment_units(0)] == [(0, 1)]


def test_a_ranking_shows_all_models_at_once() -> None:
    """One unit per question with every model in it, two where both ways round are wanted; none where there is one model."""
    once = [u.models for u in plan(4, 5, (Idle(("ranking",), orders=1),), modes=("ranking",)).judgment_units(0)]
    assert [sorted(models) for models in once] == [[0, 1, 2, 3, 4]] * 4
    both = [(u.models, u.order) for u in plan(1, 5, (Idle(("ranking",)),), modes=("ranking",)).judgment_units(0)]
    assert both == [(once[0], 0), (tuple(reversed(once[0])), 1)]
    assert list(plan(1, 1, (Idle(("ranking",)),), modes=("ranking",)).judgment_units(0)) == []


def test_the_orders_of_rankings_are_drawn_by_the_seed() -> None:
    """Each question has an order of its own, the same one every time for a seed, another one for another seed."""
    judge = Idle(("ranking",), orders=1)
    orders = [[u.models for u in plan(6, 5, (judge,), modes=("ranking",), seed=s).judgment_units(0)] for s in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert len(set(orders[0])) > 3


def test_questions_without_a_variant_are_left_out() -> None:
    """A judge that knows one turn judges the first turn only."""
    p = plan(questions=1, models=1, judges=(Idle(turns=(1,)),))
    p = type(p)((question(turns=2),), p.models, p.judges, p.modes, p.pairs, p.swap, p.samples, p.answer_samples)
    assert {u.turn for u in p.judgment_units(0)} == {1}


def test_counting_tells_unlike_questions_apart() -> None:
    """Counting by shape gives what walking gives, for questions that differ in turns, category and reference."""
    shapes = itertools.product(("math", "coding"), (1, 2), ((), ("r",)))
    asked = tuple(question(f"q{i}", c, t, r) for i, (c, t, r) in enumerate(shapes))
    p = plan()
    p = type(p)(asked, p.models, p.judges, p.modes, p.pairs, p.swap, p.samples, p.answer_samples)
    assert p.count()[1] == {"idle": sum(1 for _ in p.judgment_units(0))}


def test_a_large_plan_costs_nothing_until_it_is_walked() -> None:
    """A plan of hundreds of millions of judgments is made, and its first units read, at once."""
    p = plan(questions=1000, models=8, samples=10_000, answer_samples=(10_000,) * 8)
    assert len(list(islice(p.judgment_units(0), 5))) == 5


@pytest.mark.parametrize(("sample", "held", "seen"), [(0, 1, 0), (2, 1, 0), (1, 2, 1), (2, 2, 0)])
def test_a_repeat_looks_at_its_own_answer_where_there_is_one(sample: int, held: int, seen: int) -> None:
    """Repeats of a judgment go with repeats of the answer; a recorded file with one answer serves them all."""
    assert plan(models=1, answer_samples=(held,)).answer_sample(0, sample) == seen


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), min_size=1, max_size=6, unique=True), st.data())
def test_pairs(models: list[str], data: st.DataObject) -> None:
    """ "all" is every pair once; "baseline:X" is X, shown first, against every other."""
    assert pairs_of(models, "all") == tuple(combinations(range(len(models)), 2))
    base = data.draw(st.sampled_from(models))
    found = pairs_of(models, f"baseline:{base}")
    assert [models[a] for a, _ in found] == [base] * (len(models) - 1)
    assert sorted(models[b] for _, b in found) == sorted(m for m in models if m != base)


@pytest.mark.parametrize("rule", ["", "ALL", "baseline", "baseline:", "baseline:nobody", "basline:a"])
def test_an_unknown_rule_is_refused(rule: str) -> None:
    """What is neither "all" nor a model of the run gets the names there are."""
    with pytest.raises(UnknownName):
        pairs_of(("a", "b"), rule)


@pytest.mark.parametrize(
    ("judge", "mode", "models", "said"),
    [
        (Idle(("absolute",)), "pairwise", 2, "judges in mode absolute only"),
        (Idle(("pairwise",)), "both", 1, "compares models, and there is only one (a)"),
        (
            Idle(turns=()),
            "both",
            2,
            "no variant for question q0 (1 turn, category math, without reference, without metadata.checklist",
        ),
    ],
)
def test_a_judge_with_nothing_to_do_is_refused(judge: Idle, mode: str, models: int, said: str) -> None:
    """A plan in which a judge has no unit is refused, with the judge and the reason."""
    modes: tuple[Mode, ...] = MODES[mode]
    with pytest.raises(ConfigError, match="judge idle") as caught:
        check(plan(models=models, judges=(judge,), modes=modes))
    assert said in str(caught.value)


def test_a_judge_of_both_kinds_may_judge_one_model() -> None:
    """With one model a judge that can score as well as compare scores it."""
    check(plan(models=1))
