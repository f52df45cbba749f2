"""Whether our own network works, asked before a failure is put down to a target.

Off unless ``QUARTERDECK_CONNECTIVITY_TARGET`` names somebody who always answers, such as the gateway. A check counts as
outward when it dials something else than a loopback address; heartbeats and the platform's own parts do not.
"""

import ipaddress
import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NoAnswer
from functools import cache

import structlog

from core.config import get_config
from core.egress import Endpoint
from core.pulse import clear_trouble, is_troubled, record_trouble
from ops.health.engine.commit import Outcome
from ops.health.engine.definitions import PreparedCheck
from ops.health.engine.judging import Judgement
from ops.signals.domain import Status

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0
"""What one look may take: name and connection together."""


class ConnectivityGuard:
    """Dials ``target`` when something failed. A verdict is believed for ``interval_seconds``.

    That the network works is found out afresh for a failure that would change a status: it may have gone since.
    """

    def __init__(self, target: Endpoint, *, interval_seconds: float) -> None:
        self._target = target
        self._name = f"{target.host}:{target.port}"
        self._interval_seconds = interval_seconds
        self._looks = ThreadPoolExecutor(1, thread_name_prefix="connectivity")
        self._pending: Future[bool] | None = None
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self.is_connected = True

    def review(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The outcomes, with unknown for each failure of an outward check while our own network is gone."""
        failed = [outcome for outcome in outcomes if _is_failure(outcome) and is_outward(outcome.check)]
        if not failed:
            return list(outcomes)
        news = any(outcome.before.status is not Status.UNHEALTHY for outcome in failed)
        if self.look(afresh=news):
            return list(outcomes)
        unknown = Judgement(Status.UNKNOWN, f"our own network is gone: {self._name} does not answer", "engine")
        doubtful = {id(outcome) for outcome in failed}
        return [outcome._replace(judgement=unknown) if id(outcome) in doubtful else outcome for outcome in outcomes]

    def look(self, *, afresh: bool = False) -> bool:
        """Whether the target takes a connection, as far as is known; takes ``LOOK_SECONDS`` at most."""
        known = time.monotonic() - self._looked_at < self._interval_seconds
        if known and not (afresh and self.is_connected):
            return self.is_connected
        with self._lock:
            if self._pending is None or self._pending.done():
                self._pending = self._looks.submit(_answers, self._target)
        try:
            answered = self._pending.result(timeout=LOOK_SECONDS)
        except NoAnswer:  # a name that hangs cannot be interrupted, and is not asked for twice
            answered = False
        if answered is not self.is_connected:
            log.warning("health.network_back" if answered else "health.network_gone", target=self._name)
        self.is_connected, self._looked_at = answered, time.monotonic()
        return answered

    def tell(self) -> None:
        """Keep whoever reads informed as long as our own network is gone, whichever process found it out.

        Raises ``DatabaseError``.
        """
        if self.is_connected and not is_troubled("network"):
            return
        if self.look():
            clear_trouble("network")
        else:
            record_trouble("network")


def is_outward(check: PreparedCheck) -> bool:
    """Whether what it saw came over our own network."""
    return not check.defect and any(not _is_loopback(target.host) for target in check.targets)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _is_failure(outcome: Outcome) -> bool:
    return outcome.judgement.outcome is Status.UNHEALTHY


def _answers(target: Endpoint) -> bool:
    try:
        socket.create_connection((target.host, target.port), timeout=LOOK_SECONDS).close()
    except OSError:
        return False
    return True


@cache
def process_guard() -> ConnectivityGuard | None:
    """The one of this process; None when no target is configured."""
    config = get_config()
    if config.connectivity_target is None:
        return None
    host, _, port = config.connectivity_target.rpartition(":")
    return ConnectivityGuard(Endpoint(host.strip("[]"), int(port)), interval_seconds=config.connectivity_interval)
