"""``python -m deploy.demo.worker NAME FOLDER BROKER_URL DSN``: a Celery app, who sends its tasks and who works on them.

Tasks come at an even pace. In a slow mood the worker does fewer than come, and they pile up; every eighth fails, and
Sentry's SDK reports it. It ends with the process that started it.
"""

import contextlib
import itertools
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import sentry_sdk
from celery import Celery
from celery.signals import worker_ready
from kombu.exceptions import OperationalError

from deploy.demo.trouble import FLEET, Member, Mood, current_mood

QUEUE = "fulfilment"
SEND_SECONDS = 0.5
TASK_SECONDS = {Mood.FINE: 0.02, Mood.SLOW: 2.0}
FAILS_EVERY = 8
MESSAGES_MAX = 500
"""Nothing more is sent while so many wait."""


class AddressUnknown(Exception):
    pass


def make_app(member: Member, folder: Path, broker_url: str) -> Celery:
    app = Celery("orders", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_send_task_events=True,
        task_send_sent_event=True,
        broker_connection_retry_on_startup=True,
    )
    started = time.monotonic()

    @app.task(name="orders.ship")  # type: ignore[untyped-decorator]
    def ship(number: int) -> None:
        mood = current_mood(member, time.monotonic() - started, folder)
        time.sleep(TASK_SECONDS.get(mood, TASK_SECONDS[Mood.FINE]))
        if number % FAILS_EVERY == 0:
            raise AddressUnknown(f"order {number} has no address to be shipped to")

    return app


@worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
def end_at_once(**_: Any) -> None:
    """When it is told to: what it has in hand is lost with the broker of the demo anyway."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def send_for_ever(app: Celery) -> None:
    ship = app.tasks["orders.ship"]
    for number in itertools.count(1):
        with contextlib.suppress(OperationalError):  # the broker may be starting
            if _waiting(app) < MESSAGES_MAX:
                ship.apply_async((number,), retry=False)
        time.sleep(SEND_SECONDS)


def _waiting(app: Celery) -> int:
    with app.connection_for_write() as connection:
        channel: Any = connection.default_channel
        return int(channel.client.llen(QUEUE))


def main(name: str, folder: str, broker_url: str, dsn: str) -> None:
    member = next(member for member in FLEET if member.name == name)
    sentry_sdk.init(dsn=dsn, release=f"{name}@1.9.0", environment="production", shutdown_timeout=0)
    app = make_app(member, Path(folder), broker_url)
    threading.Thread(target=send_for_ever, args=(app,), daemon=True).start()
    app.worker_main(
        ["worker", "--pool", "threads", "--concurrency", "1", "--without-gossip", "--without-mingle",
         "--loglevel", "WARNING", "--queues", QUEUE]
    )  # fmt: skip


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(*sys.argv[1:])
