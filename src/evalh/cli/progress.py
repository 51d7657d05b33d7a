"""What is happening, while it happens, on standard error: a live display on a terminal, plain or JSON lines elsewhere."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from evalh.pipeline.book import Book
    from evalh.pipeline.engine import Engine
    from evalh.pipeline.estimate import Line

EVERY: Final = 10.0  # seconds between two plain lines
ASK_ABOVE: Final = 1.0  # dollars that a run could cost before a person at a terminal is asked


class Progress:
    """Watches a run.

    Args:
        quiet: show nothing but what must be said.
        verbose: show every retry and its reason.
        form: "text" or "json" lines.
        live: a display that is redrawn; by default where standard error is a terminal.
        ask: ask a person at a terminal before a run that could cost more than ASK_ABOVE dollars.
        next_up: modules that what comes after the run needs: imported while the last replies are awaited.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        verbose: int = 0,
        form: str = "text",
        live: bool | None = None,
        ask: bool = False,
        next_up: Sequence[str] = (),
    ) -> None:
        self.quiet = quiet
        self.verbose = verbose
        self.form = form
        self.ask = ask
        self.next_up = next_up
        self.live = (sys.stderr.isatty() and form == "text" and not quiet) if live is None else live
        self._engine: Engine | None = None
        self._book: Book | None = None
        self._totals = (0, 0)
        self._began = 0.0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._display: Any = None

    def plan(self, lines: list[Line]) -> None:
        """What is still to be sent."""
        from evalh.cli.plan import total

        if not any(line.to_send for line in lines):
            return
        self.say(total(lines))
        could_cost = sum(line.usd[2] for line in lines if line.usd)
        if could_cost > ASK_ABOVE and self.ask and sys.stdin.isatty() and sys.stderr.isatty():
            import click

            click.confirm("Go on?", default=True, abort=True, err=True)

    def last(self) -> None:
        """Only the last replies are awaited: this process has nothing else to do."""
        threading.Thread(target=lambda: [import_module(name) for name in self.next_up], daemon=True).start()

    def start(self, engine: Engine, book: Book, answers: int, judgments: int) -> None:
        """The run begins."""
        self._engine, self._book, self._totals = engine, book, (answers, judgments)
        self._began = time.monotonic()
        if self.quiet:
            return
        if self.live:
            from rich.console import Console
            from rich.live import Live
            from rich.text import Text

            self._display = Live(
                get_renderable=lambda: Text(self._line()),  # a name may look like markup
                console=Console(stderr=True),
                refresh_per_second=4,
                transient=True,
            )
            self._display.start()
        else:
            self._thread = threading.Thread(target=self._lines, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """The run has ended; says the final figures."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._say("progress", self._line())
        if self._display is not None:
            self._display.stop()
            self._display = None

    def log(self, text: str) -> None:
        """One line worth knowing; retries only with -v."""
        if self.verbose or "; try " not in text:
            self._say("note", text)

    def say(self, text: str) -> None:
        """One line that is shown unless --quiet."""
        if not self.quiet:
            self._say("note", text)

    def must_say(self, text: str) -> None:
        """Why the run did not end well: said even with --quiet."""
        if self.form == "json":
            self._say("error", text)
        else:
            from evalh.reports.text import visible

            print(f"evalh: {visible(text)}", file=sys.stderr, flush=True)

    def _lines(self) -> None:
        while not self._stop.wait(EVERY):
            self._say("progress", self._line())

    def _say(self, kind: str, text: str) -> None:
        if self.form == "json":
            print(
                json.dumps({"event": kind, "text": text, **(self._figures() if kind == "progress" else {})}),
                file=sys.stderr,
                flush=True,
            )
        elif self._display is not None:
            self._display.console.print(text, highlight=False, markup=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def _figures(self) -> dict[str, Any]:
        assert self._engine is not None
        assert self._book is not None
        t, c = self._engine.tally, dict(self._book.counts)
        answers = len(self._book.answers)
        judged = c.get("judgments", 0) + c.get("judgments kept", 0)
        seconds = max(1e-9, time.monotonic() - self._began)
        done = t.sent - t.retries - t.in_flight
        left = (self._totals[0] - answers) + (self._totals[1] - judged)
        rate = (c.get("answers", 0) + c.get("answers failed", 0) + c.get("judgments", 0)) / seconds
        return {
            "answers": answers,
            "answers_total": self._totals[0],
            "judgments": judged,
            "judgments_total": self._totals[1],
            "failed": c.get("answers failed", 0),
            "unscored": c.get("unscored", 0),
            "asked_again": c.get("asked again", 0),
            "sent": t.sent,
            "received": max(0, done),
            "cached": t.cached,
            "in_flight": t.in_flight,
            "batches": list(t.batches.values()),
            "retries": t.retries,
            "input_tokens": t.input_tokens,
            "output_tokens": t.output_tokens,
            "usd": round(t.usd, 6),
            "unpriced": sorted(t.unpriced),
            "per_second": round(rate, 2),
            "seconds_left": round(left / rate) if rate > 0 and left > 0 else None,
        }

    def _line(self) -> str:
        f = self._figures()
        parts = [
            f"answers {f['answers']}/{f['answers_total']}",
            f"judgments {f['judgments']}/{f['judgments_total']}",
            f"{f['per_second']:g}/s",
            f"in flight {f['in_flight']}",
        ]
        parts += f["batches"]
        parts += [f"{f[key]} {words}" for key, words in _OPTIONAL if f[key]]
        if f["input_tokens"] or f["output_tokens"]:
            money = " + ".join(
                [f"${f['usd']:.4f}"] * bool(f["usd"]) + [f"no price for {', '.join(f['unpriced'])}"] * bool(f["unpriced"])
            )
            parts.append(f"{f['input_tokens'] + f['output_tokens']:,} tokens, {money}")
        if f["seconds_left"] is not None:
            parts.append(f"about {f['seconds_left'] // 60}:{f['seconds_left'] % 60:02d} left")
        return " · ".join(parts)


_OPTIONAL: Final = (
    ("cached", "from the ledger"),
    ("retries", "retries"),
    ("failed", "answers failed"),
    ("unscored", "unscored"),
    ("asked_again", "verdicts asked again"),
)
