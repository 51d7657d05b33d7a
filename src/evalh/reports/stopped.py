"""How far the comparisons of a judge went in a run with --until-separated."""

from __future__ import annotations

from dataclasses import dataclass

from evalh.stats.stopping import STATUSES, Standing


@dataclass(frozen=True, slots=True)
class Stopping:
    """How far a judge's comparisons went.

    Attributes:
        models: those that were compared, by name; `order` the same from the best down.
        questions: of each pair; `indifference` and `level` the rules.
        pairs: every pair's standing; indices into `models`.
    """

    models: tuple[str, ...]
    order: tuple[str, ...]
    questions: int
    indifference: float
    level: float
    pairs: tuple[Standing, ...]

    @property
    def asked(self) -> int:
        """Comparisons asked: questions over all pairs."""
        return sum(p.asked for p in self.pairs)

    @property
    def possible(self) -> int:
        """Comparisons of the whole design."""
        return self.questions * len(self.pairs)

    @property
    def neighbours(self) -> dict[str, int]:
        """Status -> how many pairs of neighbours have it."""
        found = [p.status for p in self.pairs if p.neighbours]
        return {status: found.count(status) for status in STATUSES}

    @property
    def ended(self) -> bool:
        """Whether no two neighbours are open."""
        return not self.neighbours["open"]

    @property
    def adaptive(self) -> bool:
        """Whether anything was left unasked; where nothing was, the figures are those of any run."""
        return self.asked < self.possible
