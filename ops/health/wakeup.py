"""Wake the engine sooner than its next tick would.

Only a convenience: what is due stands in the database and the scheduler looks every second. So the message is sent
beside the request, by a thread that nobody waits for, and a broker that is down or hangs costs the request nothing.
"""

import threading

import structlog
from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError

log = structlog.get_logger(__name__)

TASK = "health.run_due_checks"
EXPIRES_SECONDS = 5

_sending = threading.Lock()


def wake_engine_on_commit() -> None:
    """To be called by entry points after a service made a check due."""
    transaction.on_commit(_send_beside)


def _send_beside() -> None:
    # One message wakes the engine for everything that is due; more of them would only queue at a broker that hangs.
    if _sending.acquire(blocking=False):
        threading.Thread(target=_send, name="wake-engine", daemon=True).start()


def _send() -> None:
    try:
        current_app.send_task(TASK, expires=EXPIRES_SECONDS, retry=False)
    except (KombuError, OSError) as error:
        log.warning("health.wake_up_failed", error=str(error))
    finally:
        _sending.release()
