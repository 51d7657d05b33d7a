"""Bootstrap rounds of ratings: drawn as they should be, and fitted to the maximum."""

from __future__ import annotations

import numpy as np
import pytest

from evalh.stats.battles import rate
from evalh.stats.bradley_terry import ELO_SCALE, maximum
from evalh.stats.folding import Battles, fold
from evalh.stats.rounds import clustered, refits, reweighted
from evalh.stats.ties import fit, win_matrices


def battles(size: int, count: int, seed: int, clusters: int = 0, spread: float = 0.7) -> Battles:
    """Battles of random pairs, a fifth of them tied."""
    rng = np.random.default_rng(seed)
    strength = rng.normal(0, spread, size)
    a = rng.integers(0, size, count)
    b = (a + rng.integers(1, size, count)) % size
    won = rng.random(count) < 1 / (1 + np.exp(strength[b] - strength[a]))
    outcome = np.where(rng.random(count) < 0.2, 1, np.where(won, 0, 2))
    return fold([f"m{i:03d}" for i in range(size)], a, b, outcome, rng.integers(0, clusters, count) if clusters else None)


@pytest.mark.parametrize("count", [300, 20_000])
def test_reweighting_draws_what_was_there(count: int) -> None:
    """Counts of cells are multinomial for few battles, whose number stays, Poisson for many."""
    folded = battles(4, count, 1)
    drawn = reweighted(folded.counts, np.random.default_rng(2))(4000)
    share = folded.counts / count
    assert drawn.shape == (*folded.counts.shape, 4000)
    assert drawn.mean(axis=2) == pytest.approx(folded.counts, rel=0.05)
    totals = drawn.sum(axis=(0, 1))
    if count < 2_000:
        assert drawn.var(axis=2) == pytest.approx(count * share * (1 - share), rel=0.12)
        assert (totals == count).all()
    else:
        assert drawn.var(axis=2) == pytest.approx(folded.counts, rel=0.12)
        assert totals.std() == pytest.approx(np.sqrt(count), rel=0.05)


def test_clusters_are_drawn_as_a_whole() -> None:
    """Every round holds whole clusters: with a different number of battles in each, only sums of these come up."""
    weights = [1, 2, 4, 8]
    cluster = np.repeat(np.arange(4), weights)
    folded = fold("ab", np.zeros(15, dtype=int), np.ones(15, dtype=int), np.zeros(15, dtype=int), cluster)
    assert folded.cluster is not None
    assert folded.cell is not None
    assert folded.weight is not None
    drawn = clustered(1, folded.cluster, folded.cell, folded.weight, 4, np.random.default_rng(0))(500)
    possible = {a + b + c + d for a in weights for b in weights for c in weights for d in weights}
    assert set(drawn.sum(axis=(0, 1)).tolist()) <= possible
    assert drawn.sum(axis=(0, 1)).mean() == pytest.approx(15, rel=0.06)


@pytest.mark.parametrize(("size", "count"), [(3, 60), (12, 400), (40, 4_000), (40, 100_000)])
def test_every_round_is_at_its_maximum(size: int, count: int) -> None:
    """Rounds that share a Hessian end where each one's own maximum is, to a thousandth of an Elo point."""
    folded = battles(size, count, 3)
    strength, parameter = fit(folded.pairs, folded.counts, size, "half")
    kept = []
    draw = reweighted(folded.counts, np.random.default_rng(4))

    def keep(rounds: int) -> np.ndarray:
        kept.append(draw(rounds))
        return kept[-1]

    made = refits(folded.pairs, folded.counts, keep, 60, "half", strength, parameter)
    drawn = np.concatenate(kept, axis=2).transpose(2, 0, 1)
    assert np.isfinite(made.strength[made.finite]).all()
    assert np.isnan(made.strength[~made.finite]).all()
    for found, counts in zip(made.strength[made.finite][:20], drawn[made.finite][:20], strict=True):
        exact = maximum(win_matrices(folded.pairs, counts[None], size)[0])
        assert found == pytest.approx(exact, abs=1e-3 / ELO_SCALE)


def test_rounds_do_not_depend_on_the_size_of_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is worked on at a time is a matter of memory alone: ratings of clusters stay as exact."""
    folded = battles(5, 500, 5, clusters=50)
    whole = rate(folded, "half", 200, np.random.default_rng(1))
    monkeypatch.setattr("evalh.stats.rounds._ELEMENTS", 1)
    pieces = rate(folded, "half", 200, np.random.default_rng(1))
    for one, other in zip(whole, pieces, strict=True):
        assert one.standard_error == pytest.approx(other.standard_error, rel=0.05)


def test_a_hessian_that_does_not_fit_is_not_used() -> None:
    """Rounds far from the estimate, where a shared Hessian would run away, are solved with their own."""
    folded = battles(6, 30, 12, spread=2.0)
    strength, parameter = np.zeros(6), float("nan")
    made = refits(
        folded.pairs, folded.counts, reweighted(folded.counts, np.random.default_rng(0)), 300, "half", strength, parameter
    )
    assert made.finite.any()
    assert np.isfinite(made.strength[made.finite]).all()
    assert np.abs(made.strength[made.finite].mean(axis=1)).max() < 1e-9
