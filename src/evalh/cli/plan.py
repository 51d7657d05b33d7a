"""`evalh plan`: what a run would take; sends nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from evalh.cli import options

if TYPE_CHECKING:
    from evalh.pipeline.estimate import Line
    from evalh.pipeline.setup import Prepared
    from evalh.reports.detection import Detection


@click.command("plan")
@options.apply(
    options.MODELS,
    options.JUDGE,
    options.JUDGE_MODEL,
    options.QUESTIONS,
    options.WHICH,
    options.HOW,
    options.SEPARATED,
    options.SAMPLES,
    options.OUT,
    click.option(
        "--detect",
        type=click.FloatRange(min=0, min_open=True),
        metavar="GAP",
        help="Also say how many questions, orders and repeats find this gap: between win rates (0.05: 52.5 % against 47.5 %), "
        "or between mean scores in points.",
    ),
    click.option("--from-run", metavar="RUN", help="For --detect: take the variances of this run instead of assumed ones."),
    options.FORMAT,
    options.RUNNING,
)
def command(**flags: Any) -> None:
    """Say what a run would take; sends nothing.

    Requests, tokens, dollars and time, by stage and model, with what is done already and what the ledger
    holds. Takes the options of `run`. No key is needed.

    \b
    Examples:
      evalh plan --models vicuna,alpaca --judge gpt-4
      evalh plan --models vicuna,alpaca --judge gpt-4 --detect 0.05 --from-run results/earlier
    """
    from evalh import api
    from evalh.core import config as configs
    from evalh.core import models as catalogue
    from evalh.core.ledger import Ledger
    from evalh.core.store import RunFolder
    from evalh.pipeline.book import Book
    from evalh.pipeline.estimate import Estimate
    from evalh.pipeline.setup import prepare
    from evalh.reports.detection import as_object, as_text

    if flags["from_run"] and flags["detect"] is None:
        raise click.UsageError("--from-run belongs to --detect")
    user = configs.load(flags["config_file"])
    models, judges = flags["models"] or api.DEFAULT_MODELS, flags["judges"] or api.DEFAULT_JUDGES
    config, user = api.configure(models, judges, user, flags["judge_model"], **options.settings(**flags))
    prepared = prepare(config, user, access=False)
    found, origin = _detect(prepared, flags["detect"], flags["from_run"]) if flags["detect"] is not None else ([], None)
    folder = api.open_run(config)
    ledger = Ledger(flags["ledger"])
    try:
        # A fresh run begins with nothing: neither what is on disk nor what the ledger holds serves it.
        there = RunFolder(folder.path / "fresh") if config.fresh else folder
        token = "to come" if config.fresh else folder.manifest()["fresh"] if folder.exists() else None
        lines = Estimate(prepared, Book(prepared.plan, there), ledger, fresh=token).lines()
    finally:
        ledger.close()
    wanted = [("model", m) for m in config.models] + [("judge model", j.spec) for j in prepared.judges if j.spec]
    lacking = catalogue.missing(wanted, os.environ)
    if flags["shape"] == "json":
        shown = _object(lines, config.name, lacking)
        shown["detect"] = None if flags["detect"] is None else as_object(found, origin)
        click.echo(options.as_json(shown))
        return
    asked = f"{', '.join(prepared.plan.models)}; judged by {', '.join(j.name for j in prepared.plan.judges)}"
    click.echo(f"{folder.path}: {len(prepared.plan.questions)} questions; {asked}")
    for text in describe(lines):
        click.echo(text)
    if flags["until_separated"]:
        click.echo("--until-separated asks comparisons alone, and stops early: judgments are the most it can come to")
    for text in lacking:
        click.echo(f"missing: {text}")
    for text in as_text(found, origin):
        click.echo(text)


def _detect(prepared: Prepared, gap: float, earlier: str | None) -> tuple[list[Detection], str | None]:
    """What the plan can find, for every judge's comparisons and scores; and the run that the variances come from."""
    from evalh.errors import BadConfig, StatsError, UnknownName
    from evalh.reports.detection import detection
    from evalh.stats import power

    plan = prepared.plan
    run = None
    if earlier is not None:
        from evalh import api

        run = api.load(options.run_folder(earlier))
        known = run.results.judge.labels
        for judge in plan.judges:
            if judge.name not in known:
                raise UnknownName(f"judge in {earlier} (its variances are asked for)", judge.name, known)
    found = []
    for judge in plan.judges:
        for share, modes in ((True, ("pairwise", "two-score")), (False, ("absolute",))):
            served = [
                (len(q.turns), judge.orders(v))
                for q in plan.questions
                for m in modes
                if m in plan.modes and m in judge.modes
                for t in range(1, len(q.turns) + 1)
                for v in judge.variants(q, m, t)
            ]
            pairs = len(plan.pairs) if share else len(plan.models) * (len(plan.models) - 1) // 2
            if not served or not pairs or (share and gap > 1):
                continue
            if run is None:
                spread = power.ASSUMED_COMPARISONS if share else power.ASSUMED_SCORES
            else:
                rows = run.results.take(run.results.judge.where(judge.name))
                try:
                    spread = power.spread_of_comparisons(rows) if share else power.spread_of_scores(rows)
                except StatsError as error:
                    raise BadConfig(f"--from-run {earlier}, judge {judge.name}: {error}") from None
            most = max(orders for _, orders in served) if share else 1
            found.append(
                detection(
                    judge.name,
                    spread,
                    gap,
                    questions=len(plan.questions),
                    turns=len(served) / len(plan.questions),
                    models=len(plan.models),
                    pairs=pairs,
                    orders=most if plan.swap else 1,
                    most_orders=most,
                    repeats=plan.samples,
                )
            )
    if not found:
        raise BadConfig(
            f"--detect {gap:g}: the plan has no comparison or score of single answers to find it with; a gap between win rates"
            " is at most 1, and it takes two models"
        )
    return found, None if run is None else run.manifest["name"]


def describe(lines: list[Line]) -> list[str]:
    """The lines of a plan as a table, with a total and what they rest on."""
    from evalh.reports.numbers import dollars, tokens

    if not lines:
        return ["nothing is asked of any model: no request, no cost"]
    head = ("stage", "model", "requests", "done", "in ledger", "to send", "tokens in", "tokens out", "dollars (range)", "time")
    rows: list[tuple[str, ...]] = [head]
    for x in lines:
        money = f"{dollars(x.usd[1])} ({dollars(x.usd[0])}–{dollars(x.usd[2])})" if x.usd else "no price"
        time = _duration(x.seconds[1]) if x.seconds else "unknown"
        middle = (tokens(round(x.input_tokens[1])), tokens(round(x.output_tokens[1])))
        counts = (x.requests, x.done, x.cached, x.to_send)
        rows.append(
            (x.stage, x.model, *(f"{n:,}" for n in counts), *middle, money if x.to_send else "–", time if x.to_send else "–")
        )
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    table = [
        "  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths, strict=True))) for r in rows
    ]
    return [*table, total(lines), "Requests are counted; tokens are estimated from the texts, dollars from the tokens."]


def total(lines: list[Line]) -> str:
    """One line: requests to send, tokens and dollars with their range, and what has no price."""
    from evalh.reports.numbers import dollars, tokens

    priced = [x.usd for x in lines if x.usd and x.to_send]
    unpriced = sorted({x.model for x in lines if not x.usd and x.to_send})
    low, middle, high = (sum(u[k] for u in priced) for k in range(3))
    size = sum(x.input_tokens[1] + x.output_tokens[1] for x in lines)
    parts = [f"to send: {sum(x.to_send for x in lines):,} requests, about {tokens(round(size))} tokens"]
    parts += [f"{dollars(middle)} ({dollars(low)}–{dollars(high)})"] if priced else []
    parts += [f"no price known for {', '.join(unpriced)}"] if unpriced else []
    return ", ".join(parts)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"


def _object(lines: list[Line], name: str, lacking: list[str]) -> dict[str, Any]:
    def span(three: tuple[float, float, float] | None) -> dict[str, float] | None:
        return None if three is None else dict(zip(("low", "value", "high"), three, strict=True))

    return {
        "schema": 1,
        "run": name,
        "stages": [
            {
                "stage": x.stage,
                "model": x.model,
                "requests": x.requests,
                "done": x.done,
                "cached": x.cached,
                "to_send": x.to_send,
                "input_tokens": span(x.input_tokens),
                "output_tokens": span(x.output_tokens),
                "usd": span(x.usd),
                "seconds": span(x.seconds),
            }
            for x in lines
        ],
        "missing": lacking,
    }
