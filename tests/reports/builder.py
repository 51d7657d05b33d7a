"""Reports made up for tests: any number of models, hostile texts, missing figures. The same arguments give the same report."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

from evalh.core.records import Answer, Failure, Judgment, Question, Usage
from evalh.reports.document import Agreement, Cost, Report, RunFacts, Sheet
from evalh.reports.judge_card import JudgeCard, Known, cards
from evalh.reports.leaderboard import Leaderboard, ModelRow, PairRow, Table
from evalh.stats.estimate import Estimate
from evalh.stats.frame import as_results

NAMES = (
    "vicuna-13b",
    "alpaca-13b",
    "koala-13b",
    "llama-13b",
    "gpt-3.5-turbo",
    "lmsys/vicuna-13b-v1.5-16k-instruct-2024A",  # 40 characters
    "meta-llama/Llama-2-70b-chat-hf-rev000001",
)
CATEGORIES = ("writing", "roleplay", "knowledge", "common-sense", "fermi", "counterfactual", "coding", "math")
FLOOR = "A floor for LLM judges, not a judge of quality: it computes its scores from the texts alone."
HOSTILE = (
    "<script>window.hacked = 1</script>",
    '</pre></details></body><h1 onmouseover="hacked()">',
    "<img src=x onerror='window.hacked=2'>",
    "\x1b[31mred\x1b[0m \x00 \x07 \u202etxt.exe\u2066 \u200b \ud83d \U000e0041",
    "{{ 7 * 7 }} {% raw %} ${8*8} $x^2$ \\frac",
    "' onfocus='hacked()' autofocus='",
    "]]> <!-- --> <![CDATA[ &lt;b&gt; &#x202e; &amp;",
    "![i](http://evil.example/x.png) [l](javascript:alert(1)) http://evil.example/ | a | b |\n# h",
    "a" * 1_000_000,
)


def names(count: int) -> list[str]:
    """Model names, some of them 40 characters long."""
    return [NAMES[i] if i < len(NAMES) else f"{NAMES[i % len(NAMES)][:36]}-{i:03d}" for i in range(count)]


def estimate(value: float, spread: float, n: int) -> Estimate:
    """A figure with a slightly skewed interval."""
    return Estimate(value, value - 1.1 * spread, value + 0.9 * spread, n, spread / 1.96)


def table(rng: random.Random, models: list[str], n: int, shift: float, two_score: bool = False) -> Table:
    """A table with every figure; the models get worse in the order of their names' list."""
    spread, count, rows = 4.0 / n**0.5, len(models), []
    for i, model in enumerate(models):
        s = max(1.5, 8.6 - 5.5 * i / max(count, 4) + shift + rng.uniform(-0.3, 0.3))
        best = i == 0
        relative = Estimate(1.0, None, None, n, None) if best else estimate(s / (8.9 + shift), spread / 9, n)
        wins, losses = (count - i) * n // 3, (i + 1) * n // 3
        row = ModelRow(
            model,
            (max(1, i), min(count, i + 2)),
            None if two_score else estimate(s, spread * 0.6, n),
            relative,
            estimate(min(0.95, max(0.05, 0.75 - 0.5 * i / count)), spread / 10, n),
            estimate(1150 - 300 * i / count, spread * 90, n),
            {},
            wins,
            n // 4,
            losses,
            n * 2,
            i % 3,
        )
        rows.append(row)
    return Table(tuple(rows), tuple(pair(rng, a, b, n, two_score) for a, b in combinations(sorted(models), 2)))


def pair(rng: random.Random, a: str, b: str, n: int, two_score: bool) -> PairRow:
    """One comparison of two models."""
    wins_a = rng.randint(0, n)
    ties = rng.randint(0, (n - wins_a))
    rate = (wins_a + ties / 2) / n
    p = rng.random() ** 3
    sums = (rng.randint(2 * n, 18 * n) / 2, rng.randint(2 * n, 18 * n) / 2) if two_score else (None, None)
    half = 0.6 / n**0.5
    e = Estimate(rate, max(0.0, rate - half), min(1.0, rate + half), n, half / 2)
    return PairRow(a, b, wins_a, ties, n - wins_a - ties, *sums, e, p, min(1.0, 4 * p), n * 2, 1)


def board(judge: str, models: list[str], categories: int = 8, per_category: int = 10, two_score: bool = False) -> Leaderboard:
    """A leaderboard over all categories."""
    rng = random.Random(ascii(judge) + str(len(models)))
    shown = [CATEGORIES[i] if i < 8 else f"category-{i}" for i in range(categories)]
    return Leaderboard(
        judge,
        table(rng, models, categories * per_category, 0.0, two_score),
        {name: table(rng, models, per_category, rng.uniform(-1.5, 0.8), two_score) for name in shown},
        models[0],
        {"no_verdict": 5, "truncated": 2, "failed": 1},
        ("Models that share a range of ranks cannot be told apart on these questions.",),
    )


def sheets(models: list[str], judges: list[str], categories: int = 8, per_category: int = 10) -> tuple[Sheet, ...]:
    """Questions with an answer of every model, absolute judgments of each and comparisons of neighbours in both orders."""
    out = []
    for c in range(categories):
        category = CATEGORIES[c] if c < 8 else f"category-{c}"
        for q in range(per_category):
            qid = f"{category}-{q + 1:02d}"
            text = f"How many piano tuners work in a city of {q + 1} million people?\nShow each step of your estimate."
            question = Question(qid, category, (text,), ("About 100 per million.",) if c % 2 else ())
            answers = tuple(answer(qid, m) for m in models)
            out.append(Sheet(question, answers, tuple(_judgments(question, answers, judges))))
    return tuple(out)


def answer(qid: str, model: str, text: str = "") -> Answer:
    """One answer of a few hundred characters."""
    steps = "\n\n1. People per household.\n2. Pianos per household.\n"
    words = text or f"{model} estimates for {qid}:{steps}" + "So it goes. " * 30
    return Answer(f"{qid}/{model}", qid, model, {"temperature": 0.7}, 0, (words,), "stop", Usage(40, 120))


def _judgments(question: Question, answers: tuple[Answer, ...], judges: list[str]) -> list[Judgment]:
    out = []
    for judge in judges:
        for i, a in enumerate(answers):
            words = "The answer is clear and its steps can be checked. " * 6 + f"Rating: [[{9 - i % 8}]]"
            out.append(judgment(question, judge, (a,), "absolute", scores={"overall": (9.0 - i % 8,)}, explanation=words))
        for a, b in combinations(answers, 2):
            for shown, verdict in (((a, b), "A"), ((b, a), "B")):
                words = "Both answers estimate in steps, but one states its assumptions. " * 5 + f"[[{verdict}]]"
                out.append(judgment(question, judge, shown, "pairwise", verdict=verdict, explanation=words))
    return out


def judgment(question: Question, judge: str, answers: tuple[Answer, ...], mode: str, **changed: object) -> Judgment:
    """One judgment, scored unless told otherwise."""
    shown = tuple(a.answer_id for a in answers)
    name = f"{judge}/{mode}/" + "+".join(shown)
    base = Judgment(name, name, question.question_id, 1, judge, "hash", f"{judge}/{mode}", mode, shown, "scored")  # type: ignore[arg-type]
    return replace(base, **changed)  # type: ignore[arg-type]


def report(
    models: int = 5,
    judges: tuple[str, ...] = ("gpt-4",),
    categories: int = 8,
    per_category: int = 10,
    answers: bool = True,
    two_score: bool = False,
) -> Report:
    """A complete and friendly report."""
    labels = names(models)
    facts = RunFacts(
        "core-80-gpt-4",
        judges,
        tuple(labels),
        "core-80",
        categories * per_category,
        "2024-03-05T09:12:31+00:00",
        "2024-03-05T09:58:02+00:00",
        {"evalh": "0.1.0", "python": "3.11.9", "numpy": "2.4.6"},
        {"questions.jsonl": "9f" * 32, "judge gpt-4/pairwise": "0a" * 32},
    )
    return Report(
        facts,
        {judge: board(judge, labels, categories, per_category, two_score) for judge in judges},
        Cost(3.4172, 1280, 64, 1_254_300, 322_018, ("koala-13b",)),
        sheets=sheets(labels, list(judges), categories, per_category) if answers else (),
    )


def judge_cards(judges: tuple[str, ...], models: tuple[str, ...], family: str = "llama") -> dict[str, JudgeCard]:
    """Cards of judges that compare the first two models in both orders and score them; the last of a score is missing."""
    rows = [
        {"mode": mode, "question_id": f"q{q}", "judge": judge, "model_a": models[0], "model_b": other, "swapped": bool(order)}
        | {"outcome": outcome, "score_a": score, "length_a": 100.0 + 10 * q, "length_b": 150.0, "status": status}
        for judge in judges
        for q in range(24)
        for mode, other, order, outcome, score, status in (
            ("pairwise", models[1], 0, 1.0, float("nan"), "scored"),
            ("pairwise", models[1], 1, float(q % 3 > 0), float("nan"), "scored"),
            ("absolute", "", 0, float("nan"), 9.0 if q % 2 else float("nan"), "scored" if q % 2 else "no_verdict"),
        )
    ]
    heard = as_results({name: [row[name] for row in rows] for name in rows[0]})
    known = Known(
        judges=dict.fromkeys(judges, family),
        models={models[0]: family, models[1]: "other", **dict.fromkeys(models[2:])},
        strengths={judges[0]: {1: 3, 2: 4}},
        served={judges[0]: ((family, "1"), (family, models[0]))},
    )
    return cards(heard, heard, known)


def baseline(models: int = 2) -> Report:
    """A report as the demo makes it: the baseline judge, a note on it, and its agreement with recorded defects."""
    made = report(models, ("baseline",))
    return replace(
        made,
        cost=Cost(0.0, 0, 0, None, None, ()),
        judge_notes={"baseline": FLOOR},
        agreement=Agreement(estimate(0.764, 0.09, 80), "the judge prefers the answer without a recorded defect"),
        judge_card=judge_cards(("baseline",), tuple(names(models))[:2]),
    )


def missing() -> Report:
    """A report in which whatever can be missing is."""
    made = report(5, per_category=2)
    full = made.leaderboards["gpt-4"]
    rows = list(full.overall.models)
    rows[1] = ModelRow("alpaca-13b", unscored=80)
    rows[2] = replace(rows[2], mean_score=Estimate(None, n=0), relative_score=Estimate(0.8, None, 0.9, 40), rating=None)
    rows[3] = replace(rows[3], relative_score=Estimate(float("nan"), n=0), win_rate=None, rank=None)
    pairs = (PairRow("alpaca-13b", "koala-13b", unscored=80), *full.overall.pairs[1:])
    categories = dict(full.categories)
    categories["math"] = Table((rows[0], ModelRow("alpaca-13b"), *rows[3:]), ())
    categories["coding"] = Table()
    broken = replace(full, overall=Table(tuple(rows), pairs), categories=categories, reference=None, notes=("Not rated.",))
    facts = replace(made.run, started_at=None, finished_at="yesterday", versions={}, inputs={})
    failed = replace(answer("q", "alpaca-13b"), turns=(), failure=Failure("server_fault", "502 Bad Gateway"))
    sheet = replace(made.sheets[0], answers=(failed,))
    return replace(
        made,
        run=facts,
        leaderboards={"gpt-4": broken},
        cost=Cost(),
        partial="stopped by the budget of $1.00 after 40 of 80 questions.",
        sheets=(sheet, Sheet(Question("empty", "math", ("?",)))),
    )


def hostile() -> Report:
    """A report in which every text that a model, a judge or a file may supply is an attack."""
    labels = [*HOSTILE[:8], "plain"]
    judge = HOSTILE[0] + HOSTILE[3]
    made_board = board(judge, labels)
    categories = dict.fromkeys(HOSTILE[:8], made_board.overall)
    attacked = replace(made_board, categories=categories, notes=HOSTILE[:8], unscored_by_status={HOSTILE[0]: 3, HOSTILE[2]: 1})
    pages = []
    for i, text in enumerate(HOSTILE):
        question = Question(text[:300], text[:300], (text, text), (text,), metadata={"x": text})
        answers = tuple(answer(text[:300], label, text) for label in labels)
        broken = replace(answers[0], failure=Failure(text[:100], text), flags=(text[:100],), finish_reason=text[:100])
        said = [judgment(question, judge, (a,), "absolute", explanation=text, flags=(text[:100],)) for a in answers[:2]]
        said.append(judgment(question, judge, answers[:2], "pairwise", status="failed", failure=Failure("x", text)))
        said.append(replace(said[-1], protocol=text[:100], answers=(text[:100],), status="scored", verdict="B"))
        said.append(replace(said[0], scores={text[:100]: (1.0, None)}, status="no_verdict", attempt=i))
        pages.append(Sheet(question, (broken, *answers[1:]), tuple(said)))
    facts = RunFacts(
        HOSTILE[1],
        (judge,),
        tuple(labels),
        HOSTILE[2],
        9,
        HOSTILE[0],
        HOSTILE[5],
        {HOSTILE[0]: HOSTILE[1]},
        {HOSTILE[2]: HOSTILE[4]},
    )
    return Report(
        facts,
        {judge: attacked},
        Cost(1.0, 2, 3, 4, 5, HOSTILE[:8]),
        partial=HOSTILE[0] + HOSTILE[3],
        judge_notes={judge: HOSTILE[2]},
        sheets=tuple(pages),
        judge_card=judge_cards((judge,), tuple(HOSTILE[:3]), HOSTILE[4]),
        agreement=Agreement(Estimate(0.5, 0.4, 0.6, 10), HOSTILE[0]),
    )
