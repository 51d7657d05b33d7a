"""`evalh show RUN`: answers and the judge's words, in the terminal."""

from __future__ import annotations

import click

from evalh.cli import options


@click.command("show")
@options.RUN_ARGUMENT
@click.option("--question", metavar="ID", help="Only this question.")
@click.option("--models", callback=options.listed, multiple=True, metavar="A,B", help="Only these models.")
def command(run: str, question: str | None, models: tuple[str, ...]) -> None:
    """Print answers and the judge's words.

    \b
    Examples:
      evalh show core-80--gpt-4 --question math-03
      evalh show results/reference | less
    """
    from evalh.api import Run
    from evalh.errors import UnknownName
    from evalh.reports.text import visible

    loaded = Run(options.run_folder(run))
    known = [q.question_id for q in loaded.questions]
    if question is not None and question not in known:
        raise UnknownName("question of this run", question, known)
    for name in models:
        if name not in loaded.manifest["models"]:
            raise UnknownName("model of this run", name, tuple(loaded.manifest["models"]))
    owner = {a.answer_id: a.model for a in loaded.answers}
    for q in loaded.questions:
        if question not in (None, q.question_id):
            continue
        _heading(f"{q.question_id} · {q.category}", "=")
        for turn, text in enumerate(q.turns, 1):
            click.echo(visible(text) if len(q.turns) == 1 else f"[turn {turn}] {visible(text)}")
        for a in loaded.answers:
            if a.question_id == q.question_id and (not models or a.model in models):
                _heading(a.model + (f", sample {a.sample}" if a.sample else ""), "-")
                click.echo(
                    "\n\n".join(visible(t) for t in a.turns)
                    if a.failure is None
                    else f"no answer: {visible(a.failure.message)}"
                )
        for j in loaded.judgments:
            shown = [owner.get(x, "?") for x in j.answers]
            if j.question_id == q.question_id and (not models or set(shown) & set(models)):
                _heading(f"{j.judge}, {j.mode}, turn {j.turn}: {' then '.join(shown)}", "-")
                click.echo(f"{_said(j)}\n{visible(j.explanation or (j.failure.message if j.failure else ''))}".rstrip())
        click.echo()


def _heading(text: str, rule: str) -> None:
    from evalh.reports.text import line

    text = line(text)
    click.echo(f"\n{click.style(text, bold=True)}\n{rule * min(78, len(text))}")


def _said(j: object) -> str:
    """A judgment in a few words."""
    from evalh.core.records import Judgment
    from evalh.reports.text import line

    assert isinstance(j, Judgment)
    if j.status != "scored":
        return f"unscored ({j.status})"
    if j.scores:
        return "; ".join(
            f"{line(aspect)}: {', '.join('–' if s is None else f'{s:g}' for s in scores)}"
            for aspect, scores in j.scores.items()
        )
    if j.ranking:
        return f"ranks in the order shown: {', '.join(map(str, j.ranking))}"
    if j.preference is not None:
        return f"preference for the first shown: {j.preference:g}"
    return f"verdict: {j.verdict}"
