"""A comparison of two models as an assertion, for pytest or any other test runner.

from evalh.testing import assert_not_worse

def test_the_new_model_is_no_worse():
    assert_not_worse("results/main", "results/candidate", models="tuned")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evalh.api import Run
    from evalh.reports.comparison import Compared


def assert_not_worse(
    run_a: Run | str | Path,
    run_b: Run | str | Path | None = None,
    *,
    models: str | Sequence[str] = (),
    judge: str | None = None,
    figure: str | None = None,
    fail_under: float | None = None,
    margin: float | None = None,
    alpha: float = 0.05,
    accept_judge_change: bool = False,
) -> Compared:
    """Fail where a new model is worse than an old one; everything is what `evalh compare` says of the two.

    Args:
        run_a: the run of the old model: read already, its folder, or its name under `results/`.
        run_b: the run of the new model; None where both are in one run.
        models: the old model and the new one, or one name for both; may be left out where it is clear.
        judge: whose judgments; may be left out where there is one judge or one jury.
        figure: "win_rate", "against" or "mean_score" instead of the most direct figure there is.
        fail_under: fail also where the difference is below this, in the figure's unit (-0.05: five points of win rate).
        margin: fail also unless a loss of more than this is ruled out: the difference's 95 % interval has to begin above
            -margin. Stricter than the others: too few questions do not pass.
        alpha: the new model is worse where p is below this and the difference negative.
        accept_judge_change: compare although the two runs' judges are not the same.

    Returns:
        The comparison, for a closer look.

    Raises:
        AssertionError: the sentence of `evalh compare`, and why that is not good enough.
        EvalhError: the two cannot be compared.
        ValueError: alpha is no probability, or margin is negative.
    """
    __tracebackhide__ = True  # pytest then shows the line that asserts
    from evalh.api import Run, load
    from evalh.comparing import compared
    from evalh.reports import comparison
    from evalh.reports.numbers import share

    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, not {alpha}")
    if margin is not None and margin < 0:
        raise ValueError(f"margin is the loss that can be borne, so it cannot be negative; it is {margin}")
    opened = [run if isinstance(run, Run) else load(run) for run in (run_a, run_b) if run is not None]
    names = (models,) if isinstance(models, str) else tuple(models)
    found = compared(opened, names, judge, figure, accept_judge_change)
    reasons = list(comparison.gate(found, True, fail_under, alpha).reasons)
    low = found.main.value.low
    if margin is not None and (low is None or low <= -margin):
        end = (
            "has no lower end"
            if low is None
            else f"begins at {share(low) if found.main.figure != 'mean_score' else f'{low:.3g}'}"
        )
        reasons.append(f"a loss of more than the margin, {margin:g}, is not ruled out: the difference's interval {end}")
    if reasons:
        raise AssertionError("\n".join([comparison.sentence(found), *reasons, *(f"note: {note}" for note in found.notes)]))
    return found
