"""How outcomes become a status."""

import pytest

from ops.health.domain import Standing, Thresholds, next_standing, standing_at, standing_reason
from ops.signals.domain import Status

H, U, D, X = Status.HEALTHY, Status.UNKNOWN, Status.DEGRADED, Status.UNHEALTHY


def run(outcomes: list[Status], thresholds: Thresholds) -> list[Status]:
    standing = Standing()
    statuses = []
    for outcome in outcomes:
        standing = next_standing(standing, outcome, thresholds)
        statuses.append(standing.status)
    return statuses


@pytest.mark.parametrize(
    ("failure", "success", "outcomes", "statuses"),
    [
        (1, 1, [H, X, H], [H, X, H]),
        (2, 1, [H, X, H, X, X, H], [H, H, H, H, X, H]),
        (1, 2, [H, X, H, H], [H, X, X, H]),
        (2, 1, [X, X], [U, X]),
        (2, 1, [X, H], [U, H]),
        (1, 1, [D, H, D, X, D], [D, H, D, X, D]),
        (2, 2, [H, D, X, D], [H, H, D, D]),
        (2, 2, [H, X, X, D, D, H, H], [H, H, X, X, D, D, H]),
        (1, 1, [H, U, X, U, X], [H, H, X, X, X]),
    ],
)
def test_thresholds_give_hysteresis(failure: int, success: int, outcomes: list[Status], statuses: list[Status]) -> None:
    assert run(outcomes, Thresholds(failure=failure, success=success)) == statuses


@pytest.mark.parametrize(
    ("outcomes", "message", "reason"),
    [
        ([H], "", ""),
        ([X, X], "refused", "refused"),
        ([X, H], "", "recovering, 1 of 3 good results"),
        ([X, H, H], "", "recovering, 2 of 3 good results"),
        ([X, H, D], "took 2 s", "recovering, 2 of 3 good results: took 2 s"),
        ([D, H], "", "recovering, 1 of 3 good results"),
        ([X, H, X], "refused", "refused"),
        ([X, H, H, H], "", ""),
    ],
)
def test_a_check_that_recovers_says_how_far_it_is(outcomes: list[Status], message: str, reason: str) -> None:
    thresholds, standing = Thresholds(success=3), Standing()
    for outcome in outcomes:
        standing = next_standing(standing, outcome, thresholds)

    assert standing_reason(standing, message, thresholds) == reason


@pytest.mark.parametrize(("fresh_until_ms", "counts"), [(100, True), (99, False), (None, False)])
def test_a_standing_whose_results_stopped_coming_starts_again(fresh_until_ms: int | None, *, counts: bool) -> None:
    stored = Standing(H, fine_run=7, up_run=7)

    assert standing_at(stored, fresh_until_ms=fresh_until_ms, at_ms=100) == (stored if counts else Standing())
