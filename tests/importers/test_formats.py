"""What each format's rows become: failures, repeats, spellings and key sets, on small files of our own."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

import evalh as library
from support.inside import evalh


def put(name: str, rows: Iterable[Mapping[str, Any]], *, array: bool = False) -> Path:
    """Write rows as JSON lines, or as one array."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = list(rows)
    path.write_text(json.dumps(listed) if array else "".join(json.dumps(r) + "\n" for r in listed), "utf-8")
    return path


def imported(*arguments: str | Path) -> library.Run:
    """Import into results/x and read the run."""
    done = evalh("import", *arguments, "--out", "results/x")
    assert done.code == 0, done.err
    return library.load("results/x")


def single(**change: Any) -> dict[str, Any]:
    """A row of FastChat's single judgments."""
    row = {"question_id": 81, "model": "m", "judge": ["gpt-4", "single-v1"], "user_prompt": "", "judgment": "So. [[7]]"}
    return row | {"score": 7, "turn": 1, "tstamp": 1.5} | change


def pair(**change: Any) -> dict[str, Any]:
    """A row of FastChat's pairwise judgments."""
    row: dict[str, Any] = {"question_id": 81, "model_1": "m", "model_2": "n", "g1_winner": "model_1", "g2_winner": "model_1"}
    row |= {"judge": ["gpt-4", "pair-v2"], "g1_judgment": "[[A]]", "g2_judgment": "[[B]]", "turn": 1, "tstamp": 1.5}
    return row | change


def answer(question: int, model: str, *turns: str) -> dict[str, Any]:
    """A row of FastChat's answers."""
    return {
        "question_id": question,
        "answer_id": f"{model}{question}",
        "model_id": model,
        "choices": [{"index": 0, "turns": list(turns)}],
        "tstamp": 1.5,
    }


def fastchat_folder() -> Path:
    """Two questions, two models, a reference, and judgments of every kind."""
    put("f/question.jsonl", [
        {"question_id": 81, "category": "writing", "turns": ["Write.", "Again."]},
        {"question_id": 101, "category": "math", "turns": ["1+1?", "2+2?"], "reference": ["2", "4"],
         "required_temperature": 0.0},
    ])  # fmt: skip
    put("f/reference_answer/gpt-4.jsonl", [answer(101, "gpt-4", "It is 2.", "It is 4.")])
    put("f/model_answer/m.jsonl", [answer(81, "m", "One.", "Two."), answer(101, "m", "", "$ERROR$")])
    put("f/model_answer/n.jsonl", [answer(81, "n", "Uno.", "Due."), answer(101, "n", "$ERROR$", "$ERROR$")])
    put("f/model_judgment/gpt-4_single.jsonl", [
        single(),
        single(score=6.5),
        single(question_id=101, judge=["gpt-4", "single-math-v1"], score=-1, judgment="No rating."),
        single(question_id=101, turn=2, score=-1, judgment="$ERROR$"),
        single(question_id=101, model="n", score=-1, judgment=""),
        single(question_id=101, model="n", turn=2, score=None, judgment="Nothing."),
        single(model="n", score=0, judgment="[[0]]"),
    ])  # fmt: skip
    put("f/model_judgment/gpt-4_pair.jsonl", [
        pair(),
        pair(g2_winner="model_2"),
        pair(turn=2, judge=["gpt-4", "pair-v2-multi-turn"], g1_winner="error", g1_judgment="$ERROR$"),
        pair(question_id=101, g1_winner="tie", g2_winner="error", g2_judgment="Hm."),
    ])  # fmt: skip
    return Path("f")


def test_fastchat_failed_rows_are_never_scores() -> None:
    """-1, null, an empty reply and `$ERROR$` arrive unscored with their kind; 0 and 6.5 are scores, as they are there."""
    run = imported(fastchat_folder())
    told = [(j.status, j.scores.get("overall"), j.sample, j.protocol) for j in run.judgments if j.mode == "absolute"]
    assert told == [
        ("scored", (7,), 0, "fastchat/single-v1"),
        ("scored", (6.5,), 1, "fastchat/single-v1"),
        ("no_verdict", None, 0, "fastchat/single-math-v1"),
        ("failed", None, 0, "fastchat/single-v1"),
        ("empty", None, 0, "fastchat/single-v1"),
        ("no_verdict", None, 0, "fastchat/single-v1"),
        ("scored", (0,), 0, "fastchat/single-v1"),
    ]
    failed = [j for j in run.judgments if j.status == "failed"]
    assert {j.failure.kind for j in failed if j.failure} == {"transient"}
    assert {j.explanation for j in failed} == {""}
    assert all("reading:published" in j.flags for j in run.judgments)
    assert len({j.judgment_id for j in run.judgments}) == len(run.judgments)


def test_fastchat_games_are_turned_to_the_order_shown() -> None:
    """The first game shows model_1 first, the second model_2; the stored winner becomes the position that the judge named."""
    run = imported(fastchat_folder())
    name = {a.answer_id: a.model for a in run.answers}
    games = [j for j in run.judgments if j.mode == "pairwise"]
    assert [tuple(name[a] for a in j.answers) for j in games] == [("m", "n"), ("n", "m")] * 4
    assert [j.verdict for j in games] == ["A", "B", "A", "A", None, "B", "tie", None]
    assert [j.status for j in games if j.verdict is None] == ["failed", "no_verdict"]
    assert [j.sample for j in games] == [0, 0, 1, 1, 0, 0, 0, 0]
    assert [games[i].group_id == games[i + 1].group_id for i in range(7)] == [True, False] * 3 + [True]


def test_fastchat_answers_and_references() -> None:
    """An empty answer is an answer; `$ERROR$` a failure from that turn on; a reference file goes before a question's own."""
    run = imported(fastchat_folder())
    told = {(a.model, a.question_id): (a.turns, a.failure.kind if a.failure else None) for a in run.answers}
    assert told["m", "101"] == (("",), "transient")
    assert told["n", "101"] == ((), "transient")
    assert told["m", "81"] == (("One.", "Two."), None)
    math = next(q for q in run.questions if q.question_id == "101")
    assert math.reference == ("It is 2.", "It is 4.")
    assert math.metadata == {"required_temperature": 0.0}
    assert run.manifest["judges"]["gpt-4"]["variants"].keys() == {
        "single-v1", "single-math-v1", "pair-v2", "pair-v2-multi-turn",
    }  # fmt: skip
    assert run.manifest["counts"]["answers_failed"] == 2


def test_of_several_choices_the_first_is_judged() -> None:
    """Choices of one row are repeats, the first is judged; of several rows the last is, as FastChat reads them."""
    rows = [answer(81, "m", "Old."), answer(81, "m", "One.")]
    rows[1]["choices"].append({"index": 1, "turns": ["Other."]})
    put("f/model_answer/m.jsonl", rows)
    put("f/gpt-4_single.jsonl", [single()])
    run = imported(Path("f"))
    assert [(a.sample, a.turns) for a in run.answers] == [(0, ("Old.",)), (1, ("One.",)), (2, ("Other.",))]
    assert run.judgments[0].answers == (run.answers[1].answer_id,)


def test_verdicts_without_answers_say_so() -> None:
    """Labels alone become judgments of answers, and questions, that are flagged as not given."""
    done = evalh("import", put("gpt-4_single.jsonl", [single(), single(turn=2)]), "--out", "results/x")
    assert "1 answers of which no text is given" in done.err
    run = library.load("results/x")
    (given,) = run.answers
    assert (given.turns, given.flags, given.failure.kind) == ((), ("not_given",), "not_given")  # type: ignore[union-attr]
    assert (run.questions[0].turns, run.questions[0].tags) == ((), ("not_given",))
    assert run.leaderboard().loc["m", "mean_score"] == 7
    refused = evalh("judge", "results/x", "--judge", "gpt-4", "--judge-model", "scripted:judge")
    assert refused.code == 2


def test_another_judge_over_answers_without_text_says_no_answer() -> None:
    """What was imported stays, and what has no text is never shown to a judge as if it were empty."""
    put("f/question.jsonl", [{"question_id": 81, "category": "c", "turns": ["Why?"]}])
    put("f/gpt-4_single.jsonl", [single(), single(model="n", score=3)])
    put("f/model_answer/n.jsonl", [answer(81, "n", "Because.")])
    imported(Path("f"))
    judge = ("--judge", "mine=gpt-4", "--judge-model", "scripted:judge", "--mode", "absolute")
    evalh("judge", "results/x", *judge, "--quiet", "--no-report")
    told = {(j.judge, a.model): j.status for r in [library.load("results/x")] for j in r.judgments for a in r.answers
            if a.answer_id in j.answers}  # fmt: skip
    assert told == {
        ("gpt-4", "m"): "scored", ("gpt-4", "n"): "scored", ("mine", "m"): "no_answer", ("mine", "n"): "scored",
    }  # fmt: skip


def test_a_winner_that_is_none_is_refused() -> None:
    """An unknown winner is not taken for a tie."""
    done = evalh("import", put("gpt-4_pair.jsonl", [pair(g2_winner="model_3")]), "--out", "results/x")
    assert done.code == 2
    assert "gpt-4_pair.jsonl:1: winner is 'model_3'" in done.err


CORE = {
    "instruction": "Why?", "output_1": "Base.", "generator_1": "base", "output_2": "", "generator_2": "mine",
    "dataset": "koala", "annotator": "weighted", "preference": 1.75,
}  # fmt: skip
COST = {"price_per_example": 0.01, "time_per_example": 0.4}
CALL = {"concise_explanation": "m", "ordered_models": [{"model": "m", "rank": 1}, {"model": "M", "rank": 2}]}
SETS: list[dict[str, Any]] = [  # the eight that are published, then what newer versions write
    {},
    COST,
    {**COST, "raw_completion": {"text": "m", "finish_reason": "stop", "index": 0, "logprobs": None, "total_tokens": 9}},
    {**COST, "raw_completion": CALL, "referenced_models": {"m": "output_1", "M": "output_2"}},
    {**COST, "raw_completion": {"message": {"content": "m"}, "logprobs": {"content": []}}, "glm_preference": 0.7},
    {**COST, "raw_completion": "m", "datasplit": "eval"},
    {**COST, "raw_completion": "m", "id": 7},
    {**COST, "raw_completion": "m", "metadata": "x"},
    {"preference_price_per_example": 0.01, "preference_time_per_example": 0.4,
     "preference_raw_completion": {"message": {"content": "m"}}},
    {"preference_version": "0.6", "preference_date": "2024-01-01", "preference_raw_completion": [{"text": "m"}],
     "glm_preference": None},
]  # fmt: skip


@pytest.mark.parametrize("more", SETS, ids=[str(i) for i in range(1, 11)])
def test_alpaca_eval_takes_every_key_set(more: dict[str, Any]) -> None:
    """All eight sets of keys give the same record; the raw completion, where there is one, is the judge's text."""
    run = imported(put("annotations.json", [CORE | more], array=True))
    (j,) = run.judgments
    assert (j.preference, j.status, j.judge, j.protocol) == (0.25, "scored", "weighted", "alpaca-eval/published")
    assert j.flags == ("reading:published", "order:unknown")
    told = json.dumps(CALL) if "referenced_models" in more else "m"
    assert j.explanation == (told if any("raw_completion" in k for k in more) else "")
    assert {a.model: a.turns for a in run.answers} == {"base": ("Base.",), "mine": ("",)}
    assert run.questions[0].category == "koala"


@pytest.mark.parametrize(
    ("given", "status", "preference"),
    [(1, "scored", 1.0), (2, "scored", 0.0), (1.5, "scored", 0.5), (0, "scored", 0.5), (None, "no_verdict", None),
     (-1, "no_verdict", None), (float("nan"), "no_verdict", None), (2.5, "out_of_range", None)],
)  # fmt: skip
def test_alpaca_eval_preferences(given: float | None, status: str, preference: float | None) -> None:
    """1 and 2 are the outputs, 1.5 and the old 0 ties; null, -1 and NaN are no verdict, and nothing else is a score."""
    run = imported(put("annotations.json", [CORE | {"preference": given}], array=True))
    assert (run.judgments[0].status, run.judgments[0].preference) == (status, preference)


def test_alpaca_eval_outputs_beside_annotations() -> None:
    """An output in both files is one answer; another text of the same model is a repeat; a repeated row stays."""
    outputs = [{"instruction": "Why?", "output": "Base.", "generator": "base", "dataset": "koala"}]
    put("f/model_outputs.json", outputs, array=True)
    put("f/annotations.json", [CORE, CORE, CORE | {"output_2": "Other."}], array=True)
    run = imported(Path("f"))
    assert [(a.model, a.sample, a.turns) for a in run.answers] == [
        ("base", 0, ("Base.",)), ("mine", 0, ("",)), ("mine", 1, ("Other.",)),
    ]  # fmt: skip
    assert [j.sample for j in run.judgments] == [0, 1, 2]
    assert len({j.judgment_id for j in run.judgments}) == 3


def game(score: Any, words: Any = "Hm.") -> dict[str, Any]:
    """A game of Arena-Hard."""
    return {"score": score, "judgment": {"answer": words}, "prompt": []}


def arena_hard_folder(*games: Any) -> Path:
    """One question, two models, one judgment row."""
    put("a/question.jsonl", [{"uid": "q1", "category": "hard_prompt", "subcategory": "coding", "prompt": "Code."}])
    for model in ("base", "mine"):
        messages = [{"role": "user", "content": "Code."}, {"role": "assistant", "content": {"answer": f"By {model}."}}]
        row = {"uid": "q1", "ans_id": model, "model": model, "messages": messages, "tstamp": 1.0}
        put(f"a/model_answer/{model}.jsonl", [row | {"metadata": {"token_len": 2, "bold_count": {"**": 0}}}])
    row = {
        "uid": "q1",
        "category": "hard_prompt",
        "judge": "gpt-4.1",
        "model": "mine",
        "baseline": "base",
        "games": list(games),
    }
    put("a/model_judgment/gpt-4.1/mine.jsonl", [row])
    return Path("a")


SPELLINGS = {
    "A>>B": ("A", 2), "A>B": ("A", 1), "A=B": ("tie", None), "B>A": ("B", 1), "B>>A": ("B", 2), "A<B": ("B", 1),
    "A<<B": ("B", 2), "B=A": ("tie", None), "B<A": ("A", 1), "B<<A": ("A", 2),
}  # fmt: skip


@pytest.mark.parametrize("score", SPELLINGS)
def test_arena_hard_spellings(score: str) -> None:
    """The five verdicts and their reversed spellings."""
    first, second = imported(arena_hard_folder(game(score), game(score))).judgments
    assert (first.verdict, first.strength) == (second.verdict, second.strength) == SPELLINGS[score]
    assert first.answers == second.answers[::-1]
    assert first.group_id == second.group_id


@pytest.mark.parametrize(
    ("given", "status"),
    [(None, "failed"), (game(None), "no_verdict"), (game(None, ""), "empty"), (game("A>A"), "no_verdict"),
     (game("the judge's words"), "no_verdict"), (game(None, "$ERROR$"), "failed")],
)  # fmt: skip
def test_arena_hard_games_that_say_nothing(given: Any, status: str) -> None:
    """A null game, a null score and a score that is none arrive unscored."""
    first, second = imported(arena_hard_folder(given, game("A=B"))).judgments
    assert (first.status, first.verdict, second.status) == (status, None, "scored")


def test_arena_hard_records() -> None:
    """The baseline is shown first in the first game; style counts stay with the answer, subcategories with the question."""
    run = imported(arena_hard_folder(game("A>B"), game("A>B")))
    name = {a.answer_id: a.model for a in run.answers}
    assert [tuple(name[a] for a in j.answers) for j in run.judgments] == [("base", "mine"), ("mine", "base")]
    assert run.answers[0].params == {"style": {"token_len": 2, "bold_count": {"**": 0}}}
    assert run.questions[0].metadata == {"subcategory": "coding"}
    assert run.manifest["config"]["imported"] == "arena-hard"


def test_old_arena_hard_files_are_read() -> None:
    """Version 0.1: question_id, turns of {content}, choices, judgments as text."""
    put("a/question.jsonl", [{"question_id": "q", "category": "v0.1", "cluster": "c", "turns": [{"content": "Do."}]}])
    choices = [{"index": 0, "turns": [{"content": "Done.", "token_len": 1}]}]
    put("a/model_answer/m.jsonl", [{"question_id": "q", "answer_id": "x", "model_id": "m", "choices": choices}])
    games = [{"user_prompt": "", "judgment": "[[A>B]]", "score": "A>B"}] * 2
    put("a/model_judgment/j/m.jsonl", [{"question_id": "q", "model": "m", "judge": "j", "baseline": "b", "games": games}])
    run = imported(Path("a"))
    assert (run.questions[0].turns, run.answers[0].turns) == (("Do.",), ("Done.",))
    assert [j.explanation for j in run.judgments] == ["[[A>B]]"] * 2


def test_battles_winners() -> None:
    """Both kinds of tie are ties and keep their spelling; what is no winner is unscored, never a tie."""
    winners = ["model_a", "model_b", "tie", "tie (bothbad)", "error", "", None, "invalid"]
    run = imported(put("b.jsonl", [{"model_a": "x", "model_b": "y", "winner": w} for w in winners]))
    assert [(j.verdict, j.status) for j in run.judgments] == [
        ("A", "scored"), ("B", "scored"), ("tie", "scored"), ("tie", "scored"),
        (None, "failed"), (None, "no_verdict"), (None, "no_verdict"), (None, "no_verdict"),
    ]  # fmt: skip
    assert run.judgments[3].flags == ("reading:published", "winner:tie (bothbad)")


def test_battles_in_columns_of_ones() -> None:
    """winner_model_a, winner_model_b and winner_tie stand for the winner; texts in the rows become answers."""
    Path("b.csv").write_text(
        "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
        '1,x,y,Why?,"So, so.",,0,1,0\n2,x,y,How?,a,b,0,0,1\n3,x,y,How?,a,b,0,0,0\n'
    )
    run = imported(Path("b.csv"))
    assert [j.verdict for j in run.judgments] == ["B", "tie", None]
    assert [(q.question_id, q.turns) for q in run.questions] == [("1", ("Why?",)), ("2", ("How?",)), ("3", ("How?",))]
    assert [a.turns for a in run.answers][:2] == [("So, so.",), ("",)]


def test_battles_as_conversations() -> None:
    """Conversations of several turns become questions and answers of several turns."""
    talk = [
        {"role": r, "content": c} for r, c in (("user", "1?"), ("assistant", "One."), ("user", "2?"), ("assistant", "Two."))
    ]
    other = [m | {"content": m["content"].upper()} if m["role"] == "assistant" else m for m in talk]
    row = {"question_id": "q", "model_a": "x", "model_b": "y", "winner": "tie", "conversation_a": talk, "conversation_b": other}
    run = imported(put("b.jsonl", [row]))
    assert run.questions[0].turns == ("1?", "2?")
    assert [a.turns for a in run.answers] == [("One.", "Two."), ("ONE.", "TWO.")]


def test_a_single_answer_file_is_a_run_to_be_judged() -> None:
    """Questions and answers without a judgment can be judged at once."""
    put("f/question.jsonl", [{"question_id": 1, "category": "generic", "turns": ["Why?"]}])
    for model in ("m", "n"):
        put(f"f/model_answer/{model}.jsonl", [answer(1, model, f"Because {model} says so.")])
    assert len(imported(Path("f")).answers) == 2
    done = evalh("judge", "results/x", "--judge", "gpt-4", "--judge-model", "scripted:judge", "--quiet", "--no-report")
    assert done.code == 0, done.err
    assert library.load("results/x").judgments


def test_importing_twice_gives_the_same_bytes() -> None:
    """Records depend on the files alone, packed or not."""
    folder = fastchat_folder()
    for out in ("results/a", "results/b"):
        assert evalh("import", folder, "--out", out).code == 0
    for name in ("questions.jsonl", "answers.jsonl", "judgments.jsonl"):
        assert Path("results/a", name).read_bytes() == Path("results/b", name).read_bytes()


def test_a_folder_that_holds_something_is_left_alone() -> None:
    """Neither a run nor anything else is written over."""
    folder = fastchat_folder()
    Path("results/x").mkdir(parents=True)
    Path("results/x/note.txt").write_text("mine")
    done = evalh("import", folder, "--out", "results/x")
    assert (done.code, "is not an empty folder" in done.err) == (2, True)
    assert [p.name for p in Path("results").rglob("*")] == ["x", "note.txt"]
