"""JSON schemas of what evalh writes for scripts: the report, and the output of every command with `--format json`.

Keys may be added to these objects from one evalh to the next, none may go or change its kind under one schema number, so that
every key known here is required and others are let through. Figures that do not apply are null.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from evalh.core import ledger_rows
from evalh.core.records import STATUSES
from evalh.core.schemas import (
    BOOLEAN,
    NUMBER,
    OBJECT,
    TEXT,
    TEXTS,
    WHOLE,
    Schema,
    either,
    maybe,
    numbered,
    of_files,
    rows,
    table,
    thing,
    titled,
)
from evalh.errors import UnknownName

OUTPUT: Final = 1
"""The schema number of what is printed; that of records is `core.upgrades.SCHEMA`."""
NULL: Final[Schema] = {"type": "null"}
N: Final[Schema] = thing(value=maybe(NUMBER), low=maybe(NUMBER), high=maybe(NUMBER), n=WHOLE, standard_error=maybe(NUMBER))
"""A figure: its value, its 95 % interval, and the number of questions it rests on."""
FIGURE: Final[Schema] = either(N, NULL)
COST: Final[Schema] = thing(
    usd=maybe(NUMBER),
    requests=WHOLE,
    cached=WHOLE,
    input_tokens=maybe(WHOLE),
    output_tokens=maybe(WHOLE),
    unpriced=TEXTS,
)
MODEL: Final[Schema] = thing(
    model=TEXT,
    rank=maybe(rows(WHOLE)),
    mean_score=FIGURE,
    relative_score=FIGURE,
    win_rate=FIGURE,
    length_controlled_win_rate=FIGURE,
    rating=FIGURE,
    turns=table(N),
    wins=maybe(WHOLE),
    ties=maybe(WHOLE),
    losses=maybe(WHOLE),
    scored=WHOLE,
    unscored=WHOLE,
    groups=maybe(TEXT),
)
PAIR: Final[Schema] = thing(
    model_a=TEXT,
    model_b=TEXT,
    wins_a=WHOLE,
    ties=WHOLE,
    wins_b=WHOLE,
    total_a=maybe(NUMBER),
    total_b=maybe(NUMBER),
    win_rate_a=FIGURE,
    p_value=maybe(NUMBER),
    p_adjusted=maybe(NUMBER),
    scored=WHOLE,
    unscored=WHOLE,
    p_bh=maybe(NUMBER),
)
ASPECTS: Final[Schema] = table(table(FIGURE))


def _report() -> Schema:
    board = {"models": rows(MODEL), "pairs": rows(PAIR), "aspects": ASPECTS}
    categories = table(thing(**board))
    by_judge = thing(
        **board,
        categories=categories,
        stopping=maybe(OBJECT),
        unscored_by_status=table(WHOLE),
        notes=TEXTS,
        length_controlled_against=maybe(TEXT),
        jury=maybe(OBJECT),
        repeats=maybe(OBJECT),
    )
    run = thing(
        name=TEXT,
        judges=TEXTS,
        models=TEXTS,
        questions=maybe(TEXT),
        question_count=WHOLE,
        started_at=maybe(TEXT),
        finished_at=maybe(TEXT),
        versions=table(TEXT),
        partial=maybe(TEXT),
        juries=OBJECT,
    )
    return numbered(
        thing(
            run=run,
            **{name: maybe(schema) for name, schema in {**board, "categories": categories}.items()},
            stopping=maybe(OBJECT),
            by_judge=table(by_judge),
            agreement=maybe(thing(**{"agreement": N, "with": TEXT})),
            judge_card=maybe(OBJECT),
            answers=OBJECT,
            served=rows(OBJECT),
            changed=table(TEXTS),
            cost=COST,
            reference=maybe(TEXT),
        ),
        OUTPUT,
    )


def _compare() -> Schema:
    difference = thing(
        figure=TEXT,
        difference=N,
        first=either(NUMBER, N, NULL),
        second=either(NUMBER, N, NULL),
        p_value=maybe(NUMBER),
        p_adjusted=maybe(NUMBER),
        tests=thing(sign_flip=NUMBER, wilcoxon=NUMBER, mcnemar=maybe(NUMBER), mcnemar_mid_p=maybe(NUMBER)),
        opponents=TEXTS,
    )
    return numbered(
        thing(
            first=TEXT,
            second=TEXT,
            runs=TEXTS,
            judge=TEXT,
            figures=rows(difference),
            categories=table(difference),
            sentence=TEXT,
            notes=TEXTS,
            gate=thing(asked=BOOLEAN, passed=BOOLEAN, reasons=TEXTS),
        ),
        OUTPUT,
    )


def _corrected() -> Schema:
    three = {"judge": FIGURE, "people": FIGURE, "corrected": FIGURE}
    model = thing(
        model=TEXT,
        **three,
        tuning=maybe(NUMBER),
        correlation=maybe(NUMBER),
        note=maybe(TEXT),
        rogan_gladen=FIGURE,
        rogan_gladen_note=maybe(TEXT),
        rating=thing(**three),
    )
    sample = thing(p_values=table(NUMBER), differs=TEXTS)
    return thing(
        judged=WHOLE,
        voted=WHOLE,
        random_sample=sample,
        refused=maybe(TEXT),
        models=rows(model),
        rating_tuning=maybe(NUMBER),
        rating_note=maybe(TEXT),
    )


def _agree() -> Schema:
    entry = thing(
        turn=maybe(WHOLE),
        ties={"enum": ["kept", "dropped"]},
        value=maybe(NUMBER),
        low=maybe(NUMBER),
        high=maybe(NUMBER),
        standard_error=maybe(NUMBER),
        agree=WHOLE,
        n=WHOLE,
        questions=WHOLE,
        expected=maybe(NUMBER),
        kappa=FIGURE,
    )
    alpha = thing(nominal=FIGURE, ordinal=FIGURE)
    told = thing(pairs=WHOLE, judge=WHOLE, votes=WHOLE, both=WHOLE, agree=WHOLE, agreement_with_confidence=NUMBER)
    return numbered(
        thing(
            run=TEXT,
            judge=TEXT,
            **{"with": thing(name=TEXT, judge=maybe(TEXT), raters=TEXTS, votes=WHOLE, comparisons=WHOLE)},
            agreement=rows(entry),
            overall=rows(entry),
            kappa=FIGURE,
            raters=either(thing(agreement=rows(entry), overall=rows(entry), alpha=alpha), NULL),
            alpha=alpha,
            brier=thing(score=N, base=NUMBER),
            leaderboards=thing(
                models=TEXTS, spearman=FIGURE, kendall=FIGURE, separability=either(told, NULL), note=maybe(TEXT)
            ),
            corrected=either(_corrected(), NULL),
            left_out=thing(
                comparisons_without_vote=WHOLE,
                votes_without_judgment=WHOLE,
                unknown_models=table(WHOLE),
                unknown_questions=table(WHOLE),
                rows=table(WHOLE),
            ),
            notes=TEXTS,
        ),
        OUTPUT,
    )


def _rate() -> Schema:
    model = thing(model=TEXT, rank=maybe(rows(WHOLE)), rating=N, wins=WHOLE, ties=WHOLE, losses=WHOLE)
    shape = thing(method=TEXT, models=rows(model), control=maybe(table(N)), battles=WHOLE, left_out=table(WHOLE))
    return numbered(shape, OUTPUT)


def _plan() -> Schema:
    span = either(thing(low=NUMBER, value=NUMBER, high=NUMBER), NULL)
    stage = thing(
        stage=TEXT,
        model=TEXT,
        requests=WHOLE,
        done=WHOLE,
        cached=WHOLE,
        to_send=WHOLE,
        input_tokens=span,
        output_tokens=span,
        usd=span,
        seconds=span,
    )
    return numbered(thing(run=TEXT, stages=rows(stage), missing=TEXTS, detect=maybe(OBJECT)), OUTPUT)


def _runs() -> Schema:
    run = thing(
        name=TEXT,
        models=TEXTS,
        judges=TEXTS,
        questions=maybe(TEXT),
        answers=WHOLE,
        judgments=WHOLE,
        unscored=WHOLE,
        usd=maybe(NUMBER),
        started_at=maybe(TEXT),
        finished_at=maybe(TEXT),
        partial=maybe(TEXT),
    )
    return numbered(thing(runs=rows(run)), OUTPUT)


def _replay() -> Schema:
    figure = thing(figure=TEXT, model=TEXT, value=NUMBER, replayed=FIGURE, difference=maybe(NUMBER), same=BOOLEAN)
    return numbered(thing(name=TEXT, run=TEXT, figures=rows(figure)), OUTPUT)


def _sets() -> Schema:
    entry = thing(
        name=TEXT,
        title=TEXT,
        licence=TEXT,
        home=TEXT,
        bytes=WHOLE,
        files=WHOLE,
        questions=BOOLEAN,
        replay=BOOLEAN,
        here=BOOLEAN,
    )
    return numbered(thing(sets=rows(entry)), OUTPUT)


def _models() -> Schema:
    price = either(thing(input=NUMBER, output=NUMBER), NULL)
    model = thing(name=TEXT, provider=TEXT, model=TEXT, base_url=maybe(TEXT), origin=TEXT, price=price, missing=TEXTS)
    return numbered(thing(models=rows(model)), OUTPUT)


def _questions() -> Schema:
    return numbered(
        thing(questions=rows(thing(name=TEXT, questions=WHOLE, categories=TEXTS, origin=TEXT, sha256=TEXT))), OUTPUT
    )


def _judges() -> Schema:
    judge = thing(
        name=TEXT, title=TEXT, model=maybe(TEXT), modes=TEXTS, scales=TEXTS, origin=TEXT, hides=TEXTS, fault=maybe(TEXT)
    )
    jury = thing(name=TEXT, judges=TEXTS, rule=TEXT, quorum=WHOLE, note=TEXT)
    return numbered(thing(judges=rows(judge), juries=rows(jury)), OUTPUT)


def _judge() -> Schema:
    return numbered(thing(name=TEXT, model=maybe(TEXT), note=TEXT, variants=rows(OBJECT)), OUTPUT)


def _check() -> Schema:
    card = table(either(N, table(FIGURE), NULL))
    return numbered(
        thing(
            judge=TEXT,
            model=maybe(TEXT),
            run=TEXT,
            cases=WHOLE,
            samples=WHOLE,
            modes=table(card),
            statuses=table(WHOLE),
            cost=COST,
            partial=maybe(TEXT),
            note=TEXT,
        ),
        OUTPUT,
    )


def _replies() -> Schema:
    return rows(
        thing(
            status={"enum": list(STATUSES)},
            verdict={"enum": ["A", "B", "tie", None]},
            strength=maybe(WHOLE),
            preference=maybe(NUMBER),
            scores=table(rows(maybe(NUMBER))),
            ranking=rows(WHOLE),
            flags=TEXTS,
        )
    )


def _ledger() -> Schema:
    return numbered(thing(path=TEXT, responses=WHOLE, failures=WHOLE, usd=maybe(NUMBER), bytes=WHOLE), ledger_rows.SCHEMA)


def _paid() -> Schema:
    """Either the body's text, or its bytes in base 64."""
    cost = thing(
        run=TEXT,
        stage=TEXT,
        label=TEXT,
        input_tokens=maybe(WHOLE),
        output_tokens=maybe(WHOLE),
        usd=maybe(NUMBER),
        served_model=maybe(TEXT),
        fingerprint=maybe(TEXT),
    )
    line = thing(
        key={**TEXT, "pattern": "^[0-9a-f]{40}$"},
        at=NUMBER,
        label=TEXT,
        endpoint=TEXT,
        model=TEXT,
        stage=TEXT,
        run=TEXT,
        latency=maybe(NUMBER),
        tries=maybe(WHOLE),
        request_id=maybe(TEXT),
        adapted=TEXTS,
        cost=either(cost, NULL),
    )
    line["properties"] |= {"body": TEXT, "body_base64": TEXT}
    return numbered({**line, "oneOf": [{"required": ["body"]}, {"required": ["body_base64"]}]}, ledger_rows.SCHEMA)


def _preference() -> Schema:
    share = {**NUMBER, "minimum": 0, "maximum": 1}
    return thing(
        prompt=TEXT,
        chosen=TEXT,
        rejected=TEXT,
        margin={**NUMBER, "exclusiveMinimum": 0},
        confidence=share,
        agreement=share,
        judgments=WHOLE,
        question_id=TEXT,
        chosen_model=TEXT,
        rejected_model=TEXT,
    )


OUTPUTS: Final[Mapping[str, tuple[str, Callable[[], Schema]]]] = {
    "report": ("report/report.json, and what `evalh report --format json` prints", _report),
    "compare": ("What `evalh compare --format json` prints", _compare),
    "agree": ("What `evalh agree --format json` prints", _agree),
    "rate": ("What `evalh rate --format json` prints", _rate),
    "plan": ("What `evalh plan --format json` prints", _plan),
    "runs": ("What `evalh runs --format json` prints", _runs),
    "replay": ("What `evalh replay --format json` prints", _replay),
    "fetch-list": ("What `evalh fetch --list --format json` prints", _sets),
    "models-list": ("What `evalh models list --format json` prints", _models),
    "questions-list": ("What `evalh questions list --format json` prints", _questions),
    "judges-list": ("What `evalh judges list --format json` prints", _judges),
    "judges-show": ("What `evalh judges show --format json` prints", _judge),
    "judges-check": ("What `evalh judges check --format json` prints", _check),
    "judges-parse": ("What `evalh judges parse` prints: one item for each reply", _replies),
    "preference": ("A line of what `evalh export dpo` writes", _preference),
    "paid": ("A line of what `evalh ledger export` writes", _paid),
    "ledger-info": ("What `evalh ledger info --format json` prints", _ledger),
}
NAMES: Final = (*of_files(), *OUTPUTS)


def schema(name: str) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of something that evalh writes.

    Args:
        name: a record (`question`, `answer`, `judgment`, `vote`), `run` for run.json, or an output such as `report`.

    Raises:
        UnknownName: there is no schema of that name.
    """
    files = of_files()
    if name in files:
        return files[name]()
    if name not in OUTPUTS:
        raise UnknownName("schema", name, NAMES)
    title, made = OUTPUTS[name]
    return titled(name, title, made(), OUTPUT)
