"""Simulated judges and raters with a known truth, for the coverage of the intervals of agreement.

A question has comparisons of several pairs of models. What sets the two answers apart is shared by all who look at them; each
adds an opinion of its own. The truth is the figure over very many questions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from evalh.stats.kappa import brier_room, kappa, share
from evalh.stats.kappa import room as kappa_room
from evalh.stats.krippendorff import coefficient
from evalh.stats.krippendorff import room as alpha_room
from evalh.stats.resample import Moments, share_limits, skew_limits

QUESTIONS = (10, 16, 30, 80)
EVALUATIONS = 3_000  # per setting
TRUTH_QUESTIONS = 40_000
SEED = 20_240_307  # of the figures in docs/agreement.md; constants were chosen on others
DROPPED = (0.6, 0.9, 1.3, 1.9, 2.8)  # settings without ties: agreement of 58 to 99 %; below, judges differ in ties alone


@dataclass(frozen=True)
class Regime:
    """A way of drawing judges and raters; settings are the spreads of opinion over which coverage is averaged.

    Attributes:
        slots: comparisons per question; `raters` votes on each at the most.
        kept: the chance that a vote was given.
        topic: how far a question's comparisons move together.
        bias: what the judge gives to the answer shown first, in log odds; it is asked in both orders.
        ties: how much one answer has to lead.
        gap: how far the first model is ahead on the whole.
    """

    name: str
    slots: int = 4
    raters: int = 1
    kept: float = 1.0
    topic: float = 0.7
    bias: float = 0.0
    ties: float = 0.5
    gap: float = 0.0
    settings: tuple[float, ...] = (0.2, 0.4, 0.7, 1.1, 1.6)


REGIMES = (
    Regime("one vote each"),
    Regime("several votes each", raters=3, kept=0.6),
    Regime("many ties", ties=1.5),
    Regime("strong position bias", bias=2.0),
    Regime("two turns of one pair", slots=2, topic=1.5),
    Regime("one comparison a question", slots=1),
    Regime("few votes, unbalanced", slots=6, kept=0.3, gap=1.0),
    Regime("one side is better", gap=2.0),
)


def _logistic(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    u = rng.random(shape)
    return np.log(u / (1 - u))


def draw(regime: Regime, rng: np.random.Generator, shape: tuple[int, int], noise: float) -> tuple[np.ndarray, ...]:
    """(judge's verdicts and preferences (E, Q, slots), votes (E, Q, slots, raters), whether given)."""
    r = regime
    lead = r.gap + r.topic * rng.normal(size=(*shape, 1)) + 1.5 * rng.normal(size=(*shape, r.slots))
    own = lead[..., None] + noise * _logistic(rng, (*shape, r.slots, 2)) + r.bias * np.array([1.0, -1.0])
    games = np.where(own > r.ties, 1, np.where(own < -r.ties, -1, 0))
    verdict = np.where(games[..., 0] == games[..., 1], games[..., 0], 0)
    said = lead[..., None] + noise * _logistic(rng, (*shape, r.slots, r.raters))
    votes = np.where(said > r.ties, 1, np.where(said < -r.ties, -1, 0))
    given = rng.random(votes.shape) < r.kept
    given[:, :, 0, 0] |= ~given.any(axis=(2, 3))  # a question without any vote would not be in the evaluation
    return verdict, (games.mean(axis=3) + 1) / 2, votes, given


def tables(verdict: np.ndarray, votes: np.ndarray, given: np.ndarray, *, dropped: bool = False) -> np.ndarray:
    """Confusion tables (E, Q, 9)."""
    pair = (1 - verdict)[..., None] * 3 + (1 - votes)
    kept = given & ((verdict[..., None] != 0) & (votes != 0)) if dropped else given
    return np.stack([((pair == k) & kept).sum(axis=(2, 3)) for k in range(9)], axis=-1).astype(np.float64)


def raters_tables(votes: np.ndarray, given: np.ndarray, verdict: np.ndarray) -> np.ndarray:
    """Coincidences of the judge and all raters (E, Q, 3, 3)."""
    counts = np.stack([((votes == v) & given).sum(axis=3) + (verdict == v) for v in (-1, 0, 1)], axis=-1).astype(np.float64)
    m = counts.sum(axis=-1)
    factor = np.where(m > 1, 1.0 / np.maximum(m - 1, 1.0), 0.0)[..., None, None]
    outer = counts[..., :, None] * counts[..., None, :] - counts[..., :, None] * np.eye(3)
    return (outer * factor).sum(axis=2)


def _moments(sums: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> Moments:
    """The jackknife of E evaluations at once; questions without a pair do not count."""
    there = sums.reshape(*sums.shape[:2], -1).any(axis=2)
    total = sums.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = statistic(total[:, None] - sums)
    n = there.sum(axis=1)
    left = np.where(there, left, 0.0)
    mean = left.sum(axis=1) / n
    shift = np.where(there, (n - 1)[:, None] * (mean[:, None] - left), 0.0)
    return Moments(n, *((shift**power).sum(axis=1) for power in (2, 3, 4)))


def _sums(name: str, regime: Regime, rng: np.random.Generator, shape: tuple[int, int], noise: float) -> np.ndarray:
    verdict, preference, votes, given = draw(regime, rng, shape, noise)
    if name in ("alpha nominal", "alpha ordinal"):
        return raters_tables(votes, given, verdict).reshape(*shape, 9)
    if name == "Brier score":
        wrong = np.where(given, (preference[..., None] - (votes + 1) / 2) ** 2, 0.0).sum(axis=(2, 3))
        return np.stack([wrong, given.sum(axis=(2, 3))], axis=-1).astype(np.float64)
    return tables(verdict, votes, given, dropped=name == "agreement, ties dropped")


def _nominal(s: np.ndarray) -> np.ndarray:
    return coefficient(s.reshape(*s.shape[:-1], 3, 3), "nominal")


def _ordinal(s: np.ndarray) -> np.ndarray:
    return coefficient(s.reshape(*s.shape[:-1], 3, 3), "ordinal")


def _ratio(s: np.ndarray) -> np.ndarray:
    quotient: np.ndarray = s[..., 0] / s[..., 1]
    return quotient


STATISTICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "agreement": share,
    "agreement, ties dropped": share,
    "kappa": kappa,
    "alpha nominal": _nominal,
    "alpha ordinal": _ordinal,
    "Brier score": _ratio,
}


@cache
def truth(name: str, regime: Regime, noise: float) -> float:
    """The figure over very many questions."""
    rng = np.random.default_rng(20_230_609)
    total = sum(_sums(name, regime, rng, (1, TRUTH_QUESTIONS), noise)[0].sum(axis=0) for _ in range(10))
    return float(STATISTICS[name](np.asarray(total)))


def covered(name: str, regime: Regime, questions: int, evaluations: int, seed: int = SEED) -> tuple[float, float, float]:
    """Coverage of the 95 % intervals averaged over the settings, the lowest at a single one, and their mean width.

    An evaluation in which a figure is not defined shows none, and is left out.
    """
    hits, widths = [], []
    statistic = STATISTICS[name]
    for i, noise in enumerate(settings(name, regime)):
        rng = np.random.default_rng([seed, questions, i])
        sums = _sums(name, regime, rng, (evaluations, questions), noise)
        with np.errstate(divide="ignore", invalid="ignore"):
            total = sums.sum(axis=1)
            value = statistic(total)
            moments = _moments(sums, statistic)
            if name == "Brier score":
                low, high = skew_limits(value, moments, brier_room(total[:, 1], moments.n))
                low, high = np.maximum(low, 0.0), np.minimum(high, 1.0)
            elif name.startswith("agreement"):
                low, high = share_limits(value, moments, parts=total.sum(axis=1) / moments.n)
            else:
                room = kappa_room(total, moments.n) if name == "kappa" else None
                if room is None:
                    room = alpha_room(total.reshape(-1, 3, 3), moments.n, "nominal" if "nominal" in name else "ordinal")
                low, high = skew_limits(value, moments, room)
                high = np.minimum(high, 1.0)
        fine = np.isfinite(low) & np.isfinite(high) & np.isfinite(value)
        known = truth(name, regime, noise)
        hits.append(float(np.mean(((low <= known) & (known <= high))[fine])))
        assert (high > low)[fine].all()  # no interval of zero width
        widths.append(float(np.mean((high - low)[fine])))
    return float(np.mean(hits)), float(np.min(hits)), float(np.mean(widths))


def settings(name: str, regime: Regime) -> tuple[float, ...]:
    """The spreads of opinion over which a figure's coverage is averaged."""
    return DROPPED if "dropped" in name else regime.settings


def main() -> None:
    """Print the tables of docs/agreement.md; with names of figures, those alone."""
    for name in sys.argv[1:] or STATISTICS:
        print(f"\n| {name} | " + " | ".join(f"{n} questions" for n in QUESTIONS) + " |")
        print("| --- |" + " ---: |" * len(QUESTIONS))
        for regime in REGIMES:
            found = [covered(name, regime, n, EVALUATIONS) for n in QUESTIONS]
            print(
                f"| {regime.name} | "
                + " | ".join(f"{100 * c:.1f} / {100 * least:.1f} ({w:.3f})" for c, least, w in found)
                + " |",
                flush=True,
            )


if __name__ == "__main__":
    main()
