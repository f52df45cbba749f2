"""What an error event costs that a program sends: read, grouped, stored."""

import itertools
import uuid
from collections.abc import Iterator

import orjson

from core.clock import from_ms, now_ms
from entities.models import Entity
from ops.errors.digest import BATCH, digest_spool
from ops.errors.domain import group_event
from ops.errors.envelope import parse_envelope, parse_payload
from ops.errors.events import read_event
from ops.errors.ingest import Sender, take_envelope
from ops.errors.models import ErrorGroup
from tests.bench.figures import Contender, Figure, compare
from tests.bench.fleet import clear_fleet
from tests.bench.setting import Setting

BATCHES = 5
GROUPS = 20
SIZE = 20_000
BUDGET_MS = 1.2
ENTITY = "error-bench"


def measure_errors(setting: Setting) -> Iterator[Figure]:
    clear_fleet()
    entity, _ = Entity.objects.get_or_create(name=ENTITY, defaults={"kind": "service"})
    sender = Sender(key_id=1, entity_id=entity.pk, per_minute=10**9)
    numbers = itertools.count()
    waiting: list[bytes] = []

    def prepare() -> None:
        waiting[:] = [_envelope(next(numbers)) for _ in range(BATCH * BATCHES)]

    def stored() -> int:
        """As it goes in the platform: each envelope counted, parsed and spooled by itself, then digested in batches."""
        for body in waiting:
            take_envelope(sender, body)
        assert digest_spool() == len(waiting)
        return len(waiting)

    cost = compare([Contender("own", stored, prepare=prepare)], rounds=setting.rounds)
    kilobytes = len(_envelope(0)) / 1_000
    name = f"Error event of {kilobytes:.0f} kB parsed, grouped and stored, {setting.where}"
    yield Figure(name, "ms", cost["own"] * 1_000, budget=BUDGET_MS)
    if setting.is_first:
        reading = compare([Contender("own", lambda: _read(waiting), prepare=prepare)], rounds=setting.rounds)
        yield Figure("Of it parsed and grouped", "ms", reading["own"] * 1_000)
    ErrorGroup.objects.all().delete()
    entity.delete()


def _read(bodies: list[bytes]) -> int:
    received = from_ms(now_ms())
    for body in bodies:
        (item,) = parse_envelope(body).items
        group_event(read_event(parse_payload(item.payload), received_at=received, event_id="0" * 32))
    return len(bodies)


def _envelope(number: int) -> bytes:
    payload = orjson.dumps(_event(number))
    return b'{}\n{"type":"event","length":%d}\n%s\n' % (len(payload), payload)


def _event(number: int) -> dict[str, object]:
    """As the SDK for Python sends one of a web application: about 40 frames with source and variables."""
    frames: list[dict[str, object]] = []
    event: dict[str, object] = {
        "event_id": uuid.UUID(int=number + 1).hex, "level": "error", "platform": "python", "release": "shop@1.4.2",
        "environment": "production", "server_name": "web-3", "transaction": "/orders/{id}",
        "exception": {"values": [{"type": "LookupError", "value": f"no order {number}", "module": "shop.errors",
                                  "stacktrace": {"frames": frames}}]},
        "tags": {"tenant": "blue", "browser": "Firefox"}, "user": {"id": number % 50},
        "request": {"url": "https://shop.example/orders/7", "method": "GET", "headers": {"Accept": "*/*"}},
        "breadcrumbs": {"values": [{"category": "query", "message": f"SELECT {n}"} for n in range(20)]},
        "contexts": {"trace": {"trace_id": uuid.UUID(int=number).hex}},
        "sdk": {"name": "sentry.python", "version": "2"},
    }  # fmt: skip
    while len(orjson.dumps(event)) < SIZE:
        depth = len(frames)
        module = f"shop.orders_{number % GROUPS}" if depth % 3 == 0 else "django.core.handlers"
        frames.append(
            {
                "function": f"call_{depth}", "module": module, "filename": f"{module.replace('.', '/')}.py",
                "abs_path": f"/srv/app/{module.replace('.', '/')}.py", "lineno": 10 + depth, "in_app": depth % 3 == 0,
                "pre_context": [f"    step_{n} = prepare(request)" for n in range(5)],
                "context_line": "    return self.handle(request, **arguments)",
                "post_context": [f"    finish_{n}(request)" for n in range(5)],
                "vars": {"request": "<WSGIRequest: GET '/orders/7'>", "self": "<Handler>", "arguments": {"id": "'7'"}},
            }
        )  # fmt: skip
    return event
