"""Whether they are down or we are blind, and why."""

import pytest

from core.clock import now_ms
from core.models import Pulse
from core.pulse import record_pulse, record_trouble
from ops.dashboard.blindness import find_blindness
from tests.fleet import show_signs_of_life
from tests.ops.health.factories import make_check

pytestmark = pytest.mark.django_db

MINUTE_MS = 60_000


def silence(*roles: str) -> None:
    Pulse.objects.filter(role__in=roles).update(seen_ms=now_ms() - MINUTE_MS)


def code() -> str | None:
    blind = find_blindness()
    return blind.code if blind else None


@pytest.fixture(autouse=True)
def _all_is_well() -> None:
    show_signs_of_life()
    record_pulse("broker")


def test_with_signs_of_life_and_nothing_overdue_it_sees() -> None:
    make_check(due_in_ms=-5_000)

    assert find_blindness() is None


@pytest.mark.parametrize(
    ("silent", "expected", "cause"),
    [
        (["scheduler"], "scheduler", "the scheduler has been silent"),
        (["worker"], "worker", "the worker has been silent"),
        (["scheduler", "worker"], "scheduler-worker", "the scheduler and the worker have been silent"),
        (["worker", "broker"], "broker", "the broker has been gone"),
        (["broker"], None, None),
    ],
)
def test_the_silent_part_is_named(silent: list[str], expected: str | None, cause: str | None) -> None:
    silence(*silent)

    blind = find_blindness()

    assert (blind and blind.code, blind and blind.cause) == (expected, cause)
    assert blind is None or blind.since is not None


def test_a_part_that_never_ran_is_named() -> None:
    Pulse.objects.filter(role="worker").delete()

    assert code() == "never-worker"


def test_a_sign_of_life_from_before_the_clock_was_set_back_is_none() -> None:
    Pulse.objects.filter(role="worker").update(seen_ms=now_ms() + 60 * MINUTE_MS)

    assert code() == "worker"


def test_a_database_that_takes_no_results_is_named() -> None:
    record_trouble("database")
    assert code() is None

    silence("worker")

    assert code() == "database"


def test_checks_that_nobody_runs_are_told_although_everybody_is_alive() -> None:
    make_check(due_in_ms=-2 * MINUTE_MS)
    assert code() == "overdue"

    record_trouble("database")

    assert code() == "database"


def test_a_network_that_is_gone_comes_first_and_has_a_beginning() -> None:
    record_trouble("network")
    Pulse.objects.filter(role="no-network-from").update(seen_ms=now_ms() - 3 * MINUTE_MS)
    record_trouble("network")

    blind = find_blindness()

    assert blind is not None
    assert blind.cause == "our own network has been gone"
    assert blind.since is not None
    assert now_ms() - blind.since.timestamp() * 1_000 >= 3 * MINUTE_MS


def test_trouble_that_is_not_seen_any_more_is_over() -> None:
    record_trouble("network")
    silence("no-network")

    assert code() is None
