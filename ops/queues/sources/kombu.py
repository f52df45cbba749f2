"""Messages as kombu keeps them in a Redis: where they lie, and what can be read out of one."""

import base64
import binascii
import json
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ops.probing.celery_control import SEPARATOR
from ops.probing.resp import CutText
from ops.queues.sources.answers import HEADER_CHARACTERS, read_iso_time, read_time, shown, size_of
from ops.queues.sources.source import Message

PRIORITY_STEPS = (0, 3, 6, 9)
_STAMPS = ("timestamp", "sent_at", "published_at", "enqueued_at", "sentry-task-enqueued-time")
_SHOWN = ("task", "id", "eta", "expires", "retries", "origin", "root_id", "parent_id", "group")
_DECODER = json.JSONDecoder()


def list_names(queue: str, steps: Sequence[int]) -> dict[int, str]:
    """The lists of a queue by priority, in the order in which workers take from them."""
    return {step: f"{queue}{SEPARATOR}{step}" if step else queue for step in steps}


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is around a task. ``sent_at`` and ``eta`` are seconds since the epoch, None where nothing tells them."""

    key: str = ""
    sent_at: float | None = None
    eta: float | None = None
    headers: dict[str, Any] = field(default_factory=dict)
    body: str = ""

    def waiting_since(self) -> float | None:
        """When it could first be worked on: a task with an ETA waits for that, and only then for a worker."""
        return self.eta if self.eta is not None else self.sent_at


def read_envelope(raw: str | dict[str, Any], *, now: float) -> Envelope:
    """Of a message as it lies in a list, or of one that was parsed; empty for what is none."""
    message = raw if isinstance(raw, dict) else _parse(raw)
    headers, properties = message.get("headers"), message.get("properties")
    headers = headers if isinstance(headers, dict) else {}
    properties = properties if isinstance(properties, dict) else {}
    key = properties.get("delivery_tag") or headers.get("id")
    return Envelope(
        key=key[:200] if isinstance(key, str) else "",
        sent_at=_sent_at(headers, properties, now),
        eta=read_iso_time(headers.get("eta")),
        headers=headers,
        body=_body(message.get("body"), properties.get("body_encoding")),
    )


def read_message(raw: str, *, now: float) -> Message:
    envelope = read_envelope(raw, now=now)
    since = envelope.waiting_since()
    return Message(
        key=shown(envelope.key, 200),
        body=shown(envelope.body or raw),
        size_bytes=size_of(raw),
        age_seconds=None if since is None else max(0.0, now - since),
        headers={
            name: shown(str(value), HEADER_CHARACTERS)
            for name in _SHOWN
            if (value := envelope.headers.get(name)) is not None
        },
    )


def _parse(raw: str) -> dict[str, Any]:
    try:
        if isinstance(raw, CutText):
            return _parse_cut(raw)
        message = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _parse_cut(raw: str) -> dict[str, Any]:
    """kombu writes the body first: what is around it is at the end."""
    found = {}
    for name in ("headers", "properties"):
        position = raw.rfind(f'"{name}": {{')
        if position >= 0:
            found[name] = _DECODER.raw_decode(raw, position + len(name) + 4)[0]
    return found


def _sent_at(headers: dict[str, Any], properties: dict[str, Any], now: float) -> float | None:
    for value in _stamps(headers, properties):
        if (moment := read_time(value, now=now)) is not None:
            return moment
    return None if headers.get("retries") else _time_of_id(headers.get("id"), now)


def _stamps(headers: dict[str, Any], properties: dict[str, Any]) -> Iterator[Any]:
    for place in (headers, headers.get("headers"), headers.get("stamps"), properties):
        if isinstance(place, dict):
            yield from (place[name] for name in _STAMPS if name in place)


def _time_of_id(task_id: Any, now: float) -> float | None:
    """A UUID of version 7 begins with the time; Celery's own are of version 4 and tell nothing."""
    try:
        parsed = uuid.UUID(task_id) if isinstance(task_id, str) else None
    except ValueError:
        return None
    return read_time((parsed.int >> 80) / 1_000, now=now) if parsed is not None and parsed.version == 7 else None


def _body(value: Any, encoding: Any) -> str:
    if not isinstance(value, str):
        return "" if value is None else json.dumps(value)
    if encoding != "base64":
        return value
    try:
        return base64.b64decode(value).decode(errors="replace")
    except (binascii.Error, ValueError):
        return value
