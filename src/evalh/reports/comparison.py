"""A comparison of two models in words, as JSON, as GitHub-flavoured markdown and as JUnit XML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from xml.etree import ElementTree

from evalh.reports import numbers
from evalh.reports.text import md, visible
from evalh.stats.compare import Difference
from evalh.stats.estimate import Estimate

SIGNIFICANT: Final = 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate makes of a comparison; `reasons` are why it is not passed."""

    asked: bool
    reasons: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models, compared: the overall differences, the most direct figure first, and those of each category.

    `categories` maps a name to its difference in the first figure and its p-value adjusted over the categories (Holm).
    """

    first: str
    second: str
    judge: str
    runs: tuple[str, ...]
    overall: Sequence[Difference]
    categories: Mapping[str, tuple[Difference, float | None]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def main(self) -> Difference:
        """What the sentence and the gate are about."""
        return self.overall[0]


TESTED: Final = "p: paired sign-flip test by question; --format json has Wilcoxon's and McNemar's beside it."
TITLES: Final = {"win_rate": "games won", "against": "win rate against the same opponents", "mean_score": "score"}


def gate(compared: Compared, regression: bool, least: float | None, alpha: float = SIGNIFICANT) -> Verdict:
    """Whether a comparison is good enough.

    Args:
        regression: refuse where the second model is significantly worse (p < alpha).
        least: refuse where the difference is below this.
    """
    d = compared.main
    reasons = []
    value = d.value.value or 0.0
    if least is not None and value < least:
        reasons.append(f"the difference, {_signed(d, value)}, is below --fail-under {least:g}")
    if regression and value < 0 and d.p_value < alpha:
        reasons.append(f"{compared.second} is significantly worse than {compared.first} (p {_p(d.p_value)})")
    return Verdict(regression or least is not None, tuple(reasons))


def sentence(compared: Compared) -> str:
    """The whole comparison in one plain sentence."""
    d, a, b = compared.main, compared.first, compared.second
    value = d.value.value or 0.0
    told = d.p_value < SIGNIFICANT
    figures = f"{_shown(d, d.second)} against {_shown(d, d.first)}"
    what = {
        "win_rate": f"of the games between the two it won {figures}, ties as half",
        "against": f"its win rate against {', '.join(d.opponents)} is {figures}",
        "mean_score": f"its mean score is {figures}",
    }[d.figure]
    how = f"{_signed(d, value)}{_span(d)}, p {_p(d.p_value)}, on {numbers.things(d.value.n, 'question')}"
    if told:
        return f"{b} is {'better' if value > 0 else 'worse'} than {a}: {what} ({how})."
    return f"{b} and {a} cannot be told apart: {what.replace('it won', f'{b} won').replace('its ', f'{b}’s ', 1)} ({how})."


def text(compared: Compared, verdict: Verdict) -> str:
    """For a terminal or a log."""
    lines = [sentence(compared), ""]
    rows = [("", "difference", "95% interval", "p", "n")]
    rows += [(TITLES[d.figure], *_cells(d, None)) for d in compared.overall]
    rows += [(f"  {name}", *_cells(d, p)) for name, (d, p) in compared.categories.items()]
    rows = [tuple(visible(cell) for cell in row) for row in rows]  # type: ignore[misc]
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines += [
        "  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    lines += ["", TESTED]
    if compared.categories:
        lines += [f"Categories: {TITLES[compared.main.figure]}; their p-values are adjusted for their number (Holm)."]
    lines += [f"note: {visible(note)}" for note in compared.notes]
    if verdict.asked:
        lines += ["", "gate: passed" if verdict.passed else f"gate: NOT passed: {'; '.join(verdict.reasons)}"]
    return "\n".join(lines)


def markdown(compared: Compared, verdict: Verdict) -> str:
    """For a pull request or a job summary."""
    mark = {True: "✅ ", False: "❌ "}[verdict.passed] if verdict.asked else ""
    lines = [
        f"### {mark}{md(compared.second)} compared with {md(compared.first)}",
        "",
        md(sentence(compared)),
        "",
    ]
    lines += ["| | difference | 95% interval | p | n |", "| --- | ---: | ---: | ---: | ---: |"]
    rows = [(TITLES[d.figure], *_cells(d, None)) for d in compared.overall]
    rows += [(name, *_cells(d, p)) for name, (d, p) in compared.categories.items()]
    lines += [f"| {' | '.join(md(cell) for cell in row)} |" for row in rows]
    lines += [
        "",
        *(f"> {md(note)}" for note in compared.notes),
        *(f"> **{md(why)}**" for why in verdict.reasons),
    ]
    lines.append(md(TESTED))
    lines.append(f"Judge: {md(compared.judge)}. The difference is {md(compared.second)} minus {md(compared.first)}.")
    return "\n".join(lines)


def to_json(compared: Compared, verdict: Verdict) -> dict[str, Any]:
    """One object; figures as `report --format json` has them."""

    def shown(d: Difference, adjusted: float | None = None) -> dict[str, Any]:
        return {
            "figure": d.figure,
            "difference": _estimate(d.value),
            "first": d.first,
            "second": d.second,
            "p_value": d.p_value,
            "p_adjusted": adjusted,
            "tests": asdict(d.tests),
            "opponents": list(d.opponents),
        }

    return {
        "schema": 1,
        "first": compared.first,
        "second": compared.second,
        "runs": list(compared.runs),
        "judge": compared.judge,
        "figures": [shown(d) for d in compared.overall],
        "categories": {name: shown(d, p) for name, (d, p) in compared.categories.items()},
        "sentence": sentence(compared),
        "notes": list(compared.notes),
        "gate": {"asked": verdict.asked, "passed": verdict.passed, "reasons": list(verdict.reasons)},
    }


def junit(compared: Compared, verdict: Verdict) -> str:
    """One test case, failed where the gate is not passed."""
    failed = not verdict.passed
    suite = ElementTree.Element("testsuite", name="evalh compare", tests="1", failures=str(int(failed)), errors="0")
    case = ElementTree.SubElement(
        suite, "testcase", classname="evalh.compare", name=f"{compared.second} against {compared.first}"
    )
    if failed:
        ElementTree.SubElement(case, "failure", message="; ".join(verdict.reasons)).text = sentence(compared)
    ElementTree.SubElement(case, "system-out").text = visible(text(compared, verdict))
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def _estimate(e: Estimate) -> dict[str, Any]:
    return asdict(e)


def _cells(d: Difference, adjusted: float | None) -> tuple[str, str, str, str]:
    """Difference, interval, p and n of one row."""
    p = d.p_value if adjusted is None else adjusted
    end = _ends(d)
    return (
        _signed(d, d.value.value or 0.0),
        numbers.interval(d.value.low, d.value.high, end),
        numbers.p_value(p),
        str(d.value.n),
    )


def _ends(d: Difference) -> numbers.Show:
    return numbers.score if d.figure == "mean_score" else numbers.share


def _span(d: Difference) -> str:
    span = numbers.interval(d.value.low, d.value.high, _ends(d))
    return "" if span == numbers.MISSING else f" ({span})"


def _shown(d: Difference, value: float) -> str:
    return numbers.score(value) if d.figure == "mean_score" else numbers.percent(value)


def _signed(d: Difference, value: float) -> str:
    """A difference with its sign; of shares, in percentage points."""
    shown = numbers.score(value) if d.figure == "mean_score" else f"{numbers.share(value)} points"
    return f"+{shown}" if value > 0 else shown


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {numbers.p_value(p)}"
