"""evalh from Python: run an evaluation, or read one that was run.

Every figure comes from the same functions as the reports; nothing here computes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalh.core import config as configs
from evalh.core import models as catalogue
from evalh.core.config import RunConfig, UserConfig
from evalh.core.ledger import Ledger
from evalh.core.records import Answer, Judgment, Question
from evalh.core.store import RunFolder
from evalh.errors import BadConfig, StoreError, UnknownName
from evalh.pipeline import manifest as manifests
from evalh.pipeline.conduct import Outcome, Watcher, conduct
from evalh.pipeline.juries import choose_judges, unnamed
from evalh.pipeline.setup import Prepared, prepare

if TYPE_CHECKING:
    import pandas as pd

    from evalh.reports.agreement import Agreed
    from evalh.reports.document import Report
    from evalh.stats.frame import Results

DEFAULT_MODELS = ("careful", "hasty")
DEFAULT_JUDGES = ("baseline",)


class Run:
    """A run folder, read.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._folder = RunFolder(self.path)
        self.manifest: dict[str, Any] = manifests.read(self._folder)

    def __repr__(self) -> str:
        models, judges = ", ".join(self.manifest["models"]), ", ".join(self.manifest["judges"])
        return f"<evalh.Run {str(self.path)!r}: {models}; judged by {judges}>"

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """The questions, in order."""
        return tuple(self._folder.read(Question))

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """Every answer, failed ones included."""
        return tuple(self._folder.read(Answer))

    @cached_property
    def judgments(self) -> tuple[Judgment, ...]:
        """Every judgment, unreadable attempts included."""
        return tuple(self._folder.read(Judgment))

    @cached_property
    def results(self) -> Results:
        """The results frame in columns, as statistics take it."""
        from evalh.pipeline.collect import collect

        return collect(self._folder)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The results frame: one row per comparison or score, positions undone; see `evalh.stats.frame.COLUMNS`."""
        return self.results.to_frame()

    def leaderboard(self, judge: str | None = None, category: str | None = None, reference: str | None = None) -> pd.DataFrame:
        """One row per model, best first: every figure with its limits, n and standard error.

        Args:
            judge: whose, or which jury's; may be left out where there is only one jury, or no jury and only one judge.
            category: one category instead of all questions.
            reference: the model that relative scores relate to; by default the best.

        Raises:
            UnknownName: no such judge, category or model.
        """
        import pandas as pd

        from evalh.assemble import leaderboards, table_rows

        boards = leaderboards(self._folder, self.results, self.manifest, reference)
        chiefs = list(self.manifest["juries"]) or list(boards)
        if judge is None and len(chiefs) > 1:
            raise BadConfig(f"this run has several judges ({', '.join(boards)}); say which")
        name = judge if judge is not None else chiefs[0]
        if name not in boards:
            raise UnknownName("judge of this run", name, tuple(boards))
        board = boards[name]
        if category is not None and category not in board.categories:
            raise UnknownName("category of this run", category, tuple(board.categories))
        table = board.overall if category is None else board.categories[category]
        return pd.DataFrame(table_rows(table)).set_index("model")

    def agree(
        self,
        votes: str | Path | None = None,
        judge: str | None = None,
        raters: str | None = None,
        other_judge: str | None = None,
    ) -> Agreed:
        """How far a judge of this run agrees with people, or with another judge; what `evalh agree` prints.

        Args:
            votes: a file of votes, or a run; by default the votes in this run.
            judge: whose judgments; may be left out where there is one judge or one jury.
            raters: a pattern of names: only votes of these.
            other_judge: which judge, where `votes` is a run.

        Raises:
            BadConfig, UnknownName, BadImport, RunMismatch, TooFewData: what is missing or unclear.
        """
        from evalh.agreeing import agreed

        return agreed(self._folder, votes, judge, raters, other_judge)

    def corrected(self, votes: str | Path | None = None, judge: str | None = None, raters: str | None = None) -> pd.DataFrame:
        """The leaderboard as people would have it, from votes on some comparisons and the judge's verdicts on all.

        Args:
            votes, judge, raters: as for `agree`.

        Returns:
            One row per model: win rates by the `judge`, by `people` alone, `corrected` (prediction-powered) and `rogan_gladen`;
            ratings as `rating_judge`, `rating_people`, `rating_corrected`; each with _low, _high, _n and _standard_error;
            `tuning` (0: the judge is not used) and a `note` with the reason. Figures that do not apply are missing.

        Raises:
            BadConfig, UnknownName, BadImport, StatsError: what is missing or unclear.
        """
        import pandas as pd

        from evalh.agreeing import corrected, correction_rows

        rows = correction_rows(corrected(self._folder, votes, judge, raters))
        return pd.DataFrame(rows).set_index("model").sort_values("judge", ascending=False)

    def report(self, reference: str | None = None) -> Report:
        """All that the report files show, as one object."""
        from evalh.assemble import report_of

        return report_of(self._folder, reference)


def load(path: str | Path) -> Run:
    """Read a run folder (`results/x`), or a run of that name under `results/`.

    Raises:
        StoreError: there is no such run.
    """
    given = Path(path)
    if not (given / "run.json").is_file() and (Path("results") / given / "run.json").is_file():
        given = Path("results") / given
    return Run(given)


def configure(
    models: Sequence[str] = (),
    judges: Sequence[str] = (),
    user: UserConfig | None = None,
    judge_model: str | None = None,
    jury: str | None = None,
    **options: Any,
) -> tuple[RunConfig, UserConfig]:
    """Names -> a run config; `jury` is the rule that makes all judges a jury; `options` are fields of `RunConfig`.

    Raises:
        ConfigError: a name that cannot be resolved.
    """
    user = user if user is not None else configs.load()
    chosen, juries = choose_judges(judges, user, judge_model)
    if jury is not None:
        juries = (*juries, unnamed(chosen, jury))
    config = RunConfig(
        models=tuple(catalogue.resolve(m, user, os.environ) for m in models),
        judges=chosen,
        juries=juries,
        limits=user.limits,
        generation=user.generation,
        **options,
    )
    return config, user


def open_run(config: RunConfig) -> RunFolder:
    """The folder that a config writes to."""
    return RunFolder(config.out or Path("results") / config.name)


def carry_out(
    config: RunConfig, user: UserConfig, watcher: Watcher, ledger: Path | None = None, *, asks: bool = True
) -> Outcome:
    """Prepare and conduct a run; what `evalh run`, `answer` and `judge` share.

    Raises:
        ConfigError, StoreError: nothing was sent.
    """
    folder = open_run(config)
    prepared = prepare(config, user, asks=asks) if asks else _over_answers(config, user, folder)
    recorded = prepared.questions.path / "answers"
    opened = Ledger(ledger)
    try:
        outcome = conduct(prepared, folder, opened, watcher, asks=asks)
    finally:
        opened.close()
    embedded = {m.label for m in config.models if m.provider == "file" and _same_file(m.model, recorded / f"{m.label}.jsonl")}
    if asks and set(DEFAULT_MODELS) <= embedded and (recorded / "defects.jsonl").is_file():
        folder.write_votes(_recorded(recorded / "defects.jsonl", {q.question_id for q in folder.read(Question)}))
    return outcome


def _over_answers(config: RunConfig, user: UserConfig, folder: RunFolder) -> Prepared:
    """A judge over the answers of an existing run."""
    manifest = manifests.read(folder)
    names = list(manifest["models"])
    chosen = [m.label for m in config.models] or names
    for name in chosen:
        if name not in names:
            raise UnknownName("model of this run", name, tuple(names))
    specs = tuple(configs.ModelSpec(name, "file", "") for name in names if name in chosen)
    repeats = dict.fromkeys(names, 1)
    for a in folder.read(Answer):
        repeats[a.model] = max(repeats.get(a.model, 1), min(a.sample + 1, config.samples))
    return prepare(
        replace(config, models=specs),
        user,
        asks=False,
        folder_questions=tuple(folder.read(Question)),
        held=tuple(repeats[s.label] for s in specs),
    )


def _same_file(path: str, other: Path) -> bool:
    """Whether a path leads to this very file: the recorded defects are those of these answers, not of others so named."""
    return other.is_file() and Path(path).exists() and Path(path).samefile(other)


def _recorded(path: Path, questions: set[str]) -> list[dict[str, Any]]:
    """The verdicts recorded beside the built-in answers, as votes."""
    import jsonlines

    with jsonlines.open(path) as reader:
        lines = [line for line in reader.iter(type=dict) if line["question_id"] in questions]
    names = {"careful": "model_a", "hasty": "model_b", "tie": "tie"}
    return [
        {
            "question_id": line["question_id"],
            "model_a": "careful",
            "model_b": "hasty",
            "winner": names[line["winner"]],
            "rater": "the recorded defects",
            "turn": 1,
        }
        for line in lines
    ]


class _Quiet:
    """A watcher that shows nothing."""

    def plan(self, lines: Any) -> None:
        """Nothing to show."""

    def start(self, *_: Any) -> None:
        """Nothing to show."""

    def last(self) -> None:
        """Nothing to prepare."""

    def log(self, text: str) -> None:
        """Nothing to show."""

    def stop(self) -> None:
        """Nothing to show."""


def run(
    models: Sequence[str] | str = DEFAULT_MODELS,
    judge: Sequence[str] | str = DEFAULT_JUDGES,
    questions: str = "core-80",
    *,
    out: str | Path | None = None,
    judge_model: str | None = None,
    jury: str | None = None,
    ledger: str | Path | None = None,
    report: bool = True,
    **options: Any,
) -> Run:
    """Ask models, judge their answers, write the report; continues a run that is there already.

    Args:
        models, judge: names or specs, as on the command line; one text or several.
        questions: a question set's name or path.
        out: the run folder; by default `results/<derived name>`.
        judge_model: the model behind the judge, where it is not the judge's own.
        jury: "majority" or "mean": the judges are also made into a jury, called "jury", by this rule. A jury with a name and a
            quorum of its own stands in evalh.toml and is named under `judge`.
        ledger: where paid responses are kept; by default the user's data folder.
        report: whether the report files are written.
        options: further fields of `evalh.core.config.RunConfig` (mode, pairs, swap, samples, categories, limit, concurrency,
            seed, offline, fresh, until_separated, indifference).

    Returns:
        The run, read.

    Raises:
        EvalhError: what went wrong; everything received until then is kept.
    """
    names = [models] if isinstance(models, str) else list(models)
    judges = [judge] if isinstance(judge, str) else list(judge)
    config, user = configure(
        names,
        judges,
        judge_model=judge_model,
        jury=jury,
        questions=questions,
        out=Path(out) if out is not None else None,
        **options,
    )
    outcome = carry_out(config, user, _Quiet(), Path(ledger) if ledger is not None else None)
    if outcome.error is not None:
        raise outcome.error
    if outcome.interrupted:
        raise StoreError(f"{outcome.folder.path}: interrupted; run the same again to continue")
    if report:
        from evalh.assemble import report_of
        from evalh.reports.write import write

        write(report_of(outcome.folder), outcome.folder.path / "report")
    return Run(outcome.folder.path)
