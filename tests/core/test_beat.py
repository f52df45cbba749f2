"""The scheduler: what it says of itself, and a clock that is set."""

import datetime as dt

import pytest
import time_machine
from celery import Celery

from core.beat import PulsingScheduler
from core.models import Pulse
from tests.services import wait_for

pytestmark = pytest.mark.django_db


class Sent(PulsingScheduler):
    """Counts what it would send."""

    count = 0

    def apply_entry(self, entry: object, producer: object = None) -> None:
        self.count += 1


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Sent:
    monkeypatch.setattr("core.beat.close_old_connections", lambda: None)  # the test's own
    app = Celery(broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {"tick": {"task": "health.tick", "schedule": 0.2}}
    scheduler = Sent(app, max_interval=1)
    wait_for(lambda: scheduler.tick() is not None and scheduler.count, what="the first tick")
    return scheduler


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_set_does_not_stop_the_ticks(scheduler: Sent, hours: int) -> None:
    before = scheduler.count
    with time_machine.travel(dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours), tick=True):
        wait_for(lambda: scheduler.tick() is not None and scheduler.count >= before + 3, seconds=20, what="more ticks")


def test_it_vouches_for_itself_always_and_for_the_broker_when_that_took_a_message(scheduler: Sent) -> None:
    scheduler._pulsed_at = float("-inf")
    scheduler._pulse()
    assert set(Pulse.objects.values_list("role", flat=True)) == {"scheduler"}

    scheduler.apply_async(next(iter(scheduler.schedule.values())))
    scheduler._pulsed_at = float("-inf")
    scheduler._pulse()

    assert set(Pulse.objects.values_list("role", flat=True)) == {"scheduler", "broker"}
