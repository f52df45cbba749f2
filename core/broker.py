"""The connection of Celery's processes to the broker, made to come back soon.

Kombu waits up to 30 s between two tries: fine for a web of queues, too long for a schedule of seconds that must go on
when the broker does. It looks whether it is to end only once a second, and before each try: no pause is longer.
"""

from typing import Any

from celery.app.amqp import AMQP
from kombu.connection import Connection

RETRY = {"interval_start": 1.0, "interval_step": 0.0, "interval_max": 1.0}


class SteadyConnection(Connection):
    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        return super().ensure_connection(*args, **{**RETRY, **kwargs})  # type: ignore[no-untyped-call]


class SteadyAMQP(AMQP):  # type: ignore[misc]
    Connection = SteadyConnection
