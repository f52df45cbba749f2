"""``rabbitmq``: a queue of a RabbitMQ, by its management API; also that of a Celery app whose broker it is.

The API tells when the next message was published only where the publisher gives it a timestamp; Celery does not. Then
the age follows from what earlier looks saw: the counter of what was published (``arrivals``).
"""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

import orjson
from pydantic import AfterValidator, Field, field_validator

from core.egress import Endpoint
from core.text import Line
from ops.probing.config import KindConfig, Presentation
from ops.probing.http_config import RequestConfig, endpoint_of
from ops.probing.http_fetch import fetch
from ops.probing.http_request import Request
from ops.probing.probe import ProbeContext, ProbeFailed
from ops.queues.sources.answers import BODY_CHARACTERS, HEADER_CHARACTERS, read_time, shown
from ops.queues.sources.arrivals import Arrivals, ArrivalsMemory, first_look, next_look
from ops.queues.sources.source import Message, Reading

COUNT_MAX = 1 << 62
_STOPPED = frozenset({"down", "stopped", "crashed"})
_REFUSALS = {
    401: "the user name or the password is wrong",
    403: "the user may not do this",
    404: "there is no such queue",
}


def _validate_queue(name: str) -> str:
    if name in {".", ".."}:  # the URL would lead elsewhere
        raise ValueError("not a name that the management API can be asked for")
    return name


class RabbitConfig(RequestConfig):
    """``url`` is that of the management plugin, without ``/api``; one signs in with ``basic_user``."""

    presentation: ClassVar[Presentation] = Presentation(
        title="RabbitMQ queue",
        summary="Backlog, consumers and throughput from the management API.",
        glyph="M2.5 13.5v-10h3v4h5v-4h3v10Zm8-3h1",
        suggested={"interval": "30s", "timeout": "5s"},
    )

    vhost: Annotated[Line, Field(min_length=1, max_length=255), AfterValidator(_validate_queue)] = Field(
        "/", title="Virtual host"
    )
    queue: Annotated[Line, Field(min_length=1, max_length=255), AfterValidator(_validate_queue)] = Field(
        title="Queue", examples=["celery"]
    )

    @field_validator("url")
    @classmethod
    def _refuse_a_query(cls, url: str) -> str:
        if "?" in url:
            raise ValueError("expected the address of the management plugin, such as http://broker.internal:15672")
        return url.rstrip("/")

    def ask(self, method: str = "GET", path: str = "", body: bytes | None = None) -> Request:
        """A request about the queue."""
        url = f"{self.url}/api/queues/{quote(self.vhost, safe='')}/{quote(self.queue, safe='')}{path}"
        kind = () if body is None else ("Content-Type: application/json",)
        return replace(self.request, url=url, method=method, body=body, header_lines=(*self.header_lines, *kind))


class RabbitSource:
    name: ClassVar[str] = "rabbitmq"
    Config: ClassVar[type[KindConfig]] = RabbitConfig

    def __init__(self) -> None:
        self._arrivals = ArrivalsMemory()

    def targets(self, config: RabbitConfig) -> list[Endpoint]:
        return [endpoint_of(config.url)]

    async def read(self, config: RabbitConfig, context: ProbeContext) -> Reading:
        queue = await _fetch(config.ask(), context)
        if not isinstance(queue, dict):
            raise ProbeFailed("receive", "the answer is not a queue")
        if queue.get("state") in _STOPPED:
            raise ProbeFailed("receive", f"the queue is {queue['state']}")
        size = _count(queue, "messages_ready")
        if size is None:  # so it is for some seconds with a new queue
            raise ProbeFailed("receive", "the broker does not tell messages_ready")
        statistics = queue.get("message_stats")
        statistics = statistics if isinstance(statistics, dict) else {}
        added, now = _count(statistics, "publish"), time.time()
        gone = [_count(statistics, name) for name in ("ack", "deliver_no_ack", "get_no_ack")]
        told = read_time(queue.get("head_message_timestamp"), now=now) if size else None
        since = self._observe(config, size, added, now) if told is None else told
        return Reading(
            size=size,
            oldest_age_seconds=None if since is None else max(0.0, now - since),
            consumers=_count(queue, "consumers"),
            unacked=_count(queue, "messages_unacknowledged"),
            added=added,
            removed=sum(count or 0 for count in gone) if statistics else None,
        )

    async def peek(self, config: RabbitConfig, context: ProbeContext, *, limit: int) -> Sequence[Message]:
        """The broker hands them out and puts them back: they are marked as redelivered from then on."""
        wish = {"count": limit, "ackmode": "ack_requeue_true", "encoding": "auto", "truncate": BODY_CHARACTERS}
        found = await _fetch(config.ask("POST", "/get", orjson.dumps(wish)), context)
        items = found if isinstance(found, list) else []
        return [_message(str(position), item) for position, item in enumerate(items) if isinstance(item, dict)]

    async def purge(self, config: RabbitConfig, context: ProbeContext) -> int:
        """As many as were ready right before."""
        queue = await _fetch(config.ask(), context)
        await _fetch(config.ask("DELETE", "/contents"), context)
        return (_count(queue, "messages_ready") or 0) if isinstance(queue, dict) else 0

    def _observe(self, config: RabbitConfig, size: int, added: int | None, now: float) -> float | None:
        """By when the oldest message had come, as far as earlier looks tell."""
        if added is None:
            return None
        key = (config.url, config.vhost, config.queue)
        before = self._arrivals.get(key)
        if before is None or added < before.arrived:  # the counter began anew
            self._arrivals.put(key, _first_look(size, added, now))
            return None
        after = next_look(before, size=size, newest=None, pushed=added - before.arrived, at=now)
        self._arrivals.put(key, after)
        return after.waiting_since()


def _first_look(size: int, added: int, now: float) -> Arrivals:
    """With the broker's own numbers of messages."""
    seen = first_look(size, None, at=now)
    return replace(seen, marks=(replace(seen.marks[0], arrived=added),))


async def _fetch(request: Request, context: ProbeContext) -> Any:
    """The parsed answer, None for an empty one. Raises ``ProbeFailed``."""
    seen = await fetch(request, context)
    status, body = seen.values["STATUS"], seen.values["BODY"].data
    if status not in {200, 204}:
        raise ProbeFailed("receive", _REFUSALS.get(status, f"answered {status}"), duration_us=seen.duration_us)
    try:
        return orjson.loads(body) if body else None
    except orjson.JSONDecodeError:
        raise ProbeFailed("receive", "the answer is not JSON", duration_us=seen.duration_us) from None


def _count(values: dict[str, Any], name: str) -> int | None:
    value = values.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX else None


def _message(key: str, item: dict[str, Any]) -> Message:
    now, properties = time.time(), item.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    headers = properties.get("headers")
    pairs = {**(headers if isinstance(headers, dict) else {}), **properties}
    pairs |= {name: item[name] for name in ("exchange", "routing_key", "redelivered") if name in item}
    pairs.pop("headers", None)
    pairs = {name: value for name, value in pairs.items() if value not in (None, "undefined")}
    since = read_time(properties.get("timestamp"), now=now)
    body = item.get("payload")
    return Message(
        key=key,
        body=shown(body if isinstance(body, str) else json.dumps(body)),
        size_bytes=_count(item, "payload_bytes") or 0,
        age_seconds=None if since is None else max(0.0, now - since),
        headers={
            shown(str(name), 100): shown(str(value), HEADER_CHARACTERS) for name, value in list(pairs.items())[:30]
        },
    )
