"""What SDKs send, and what is refused of it: at once, with a reason, and never with a server's error."""

import gzip
import json
import time
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.permissions import Principal
from entities.models import Entity
from ops.errors import ingest
from ops.errors.digest import digest_spool
from ops.errors.events import read_event
from ops.errors.ingest import ITEM_HANDLERS, SPOOL_ROWS_MAX
from ops.errors.models import ErrorGroup, ErrorKey, SpooledEvent, StoredEvent
from ops.errors.services import create_key, revoke_key
from tests.ops.errors.conftest import Event, envelope, event

type Send = Callable[..., Any]
pytestmark = pytest.mark.django_db


def test_an_event_is_answered_with_its_id_and_spooled(send: Send) -> None:
    response = send(b'{"event_id": "9ec79c33ec9942ab8353589fcb2e04dc"}\n' + envelope(event())[3:])
    assert (response.status_code, response.json()) == (200, {"id": "9ec79c33ec9942ab8353589fcb2e04dc"})
    assert SpooledEvent.objects.count() == 1


@pytest.mark.parametrize(
    "pack", [gzip.compress, zlib.compress, brotli.compress, lambda body: zlib.compress(body)[2:-4]]
)
def test_every_content_encoding_is_undone(send: Send, client: Client, key: ErrorKey, pack: Any) -> None:
    encoding = {gzip.compress: "gzip", brotli.compress: "br"}.get(pack, "deflate")
    response = client.post(
        f"/api/{key.pk}/envelope/?sentry_key={key.public_key}", pack(envelope(event())),
        content_type="application/octet-stream", headers={"Content-Encoding": encoding},
    )  # fmt: skip
    assert response.status_code == 200, response.content
    assert SpooledEvent.objects.count() == 1


def test_the_key_may_stand_in_the_envelope(client: Client, key: ErrorKey) -> None:
    body = json.dumps({"dsn": f"http://{key.public_key}@127.0.0.1/{key.pk}"}).encode() + envelope(event())[2:]
    assert client.post(f"/api/{key.pk}/envelope/", body, content_type="text/plain").status_code == 200


def test_the_legacy_address_takes_one_event(send: Send, key: ErrorKey) -> None:
    assert send(json.dumps(event()).encode(), path=f"/api/{key.pk}/store/").status_code == 200
    assert SpooledEvent.objects.count() == 1


def test_items_of_other_kinds_are_dropped(send: Send) -> None:
    assert send(envelope({"spans": []}, kind="transaction")).status_code == 200
    assert not SpooledEvent.objects.exists()


def test_a_check_in_goes_to_whoever_registered_for_it(
    send: Send, key: ErrorKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, Event]] = []
    handlers = {"check_in": lambda entity_id, payload: seen.append((entity_id, payload))}
    monkeypatch.setattr(ITEM_HANDLERS, "_items", handlers)
    assert send(envelope({"monitor_slug": "nightly", "status": "ok"}, kind="check_in")).status_code == 200
    assert seen == [(key.entity_id, {"monitor_slug": "nightly", "status": "ok"})]


def _bomb(pack: Callable[[bytes], bytes]) -> bytes:
    return pack(b"\0" * 50_000_000)


def _nested(depth: int) -> Event:
    value: Any = "bottom"
    for _ in range(depth):
        value = {"inner": [value]}
    return {"inner": value}


def _header(length: str) -> bytes:
    return b'{}\n{"type": "event", "length": ' + length.encode() + b"}\n{}"


DEEP = b"[" * 100_000
TAGS = json.dumps({"tags": {str(n): "x" for n in range(100_000)}}).encode()


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"", "", 422), (b"not json\n", "", 422), (b"[]\n", "", 422), (DEEP, "", 422),
        (b'{}\n{"type": "event", "length": 99}\n{}', "", 422), (b'{}\n{"length": 2}\n{}', "", 422),
        (b'{}\n{"type": "event"}\n{"a": NaN}', "", 422), (b'{}\n{"type": "event"}\n' + DEEP, "", 422),
        (b'{}\n{"type": "event"}\n[]', "", 422), (b'{}\n{"type": "event"}\n' + TAGS, "", 413),
        (b"{}\n" + b'{"type": "event", "length": 2}\n{}\n' * 101, "", 413),
        (b'{}\n{"type": "event"}\n{"a": Infinity}', "", 422), (b'{}\n{"type": "event"}\n{"a": -Infinity}', "", 422),
        (b'{}\n{"type": "event"}\n{"a": "\\ud800"}', "", 422),
        (b'{}\n{"type": "event"}\n{"a": "\xed\xa0\x80"}', "", 422),
        (b'{}\n{"type": "event"}\n' + b'{"a":' * 100_000, "", 422), (b"{" + b'"a":{' * 100_000, "", 422),
        (_header("-1"), "", 422), (_header("1e3"), "", 422), (_header("true"), "", 422), (_header('"2"'), "", 422),
        (_header("9" * 400), "", 422), (_header("1"), "", 422),
        (b"{}\n" + b"\n" * 1_000_000, "", 422), (b"{}\n" * 300_000, "", 422),
        (gzip.compress(b"{}\n" * 1_300_000), "gzip", 422), (gzip.compress(b"\n" * 4_000_000), "gzip", 422),
        (gzip.compress(b'{"a": 1}\n' * 1_200_000), "gzip", 413), (b'{"a": 1}\n' * 1_200_000, "", 413),
        (gzip.compress(b'{"type": "x"}\n\n' * 200_000), "gzip", 413),
        (gzip.compress(b'{}\n{"type": "event"}\n{"a": "' + b"," * 2_000_000 + b'"}'), "gzip", 413),
        (_bomb(gzip.compress), "gzip", 413), (_bomb(zlib.compress), "deflate", 413),
        (_bomb(brotli.compress), "br", 413),
        (zlib.compress(b"{}" * 1_000)[:12], "deflate", 422),
        (b"", "gzip", 422), (b"", "deflate", 422), (b"", "br", 422),
        (gzip.compress(b"{}" * 1_000)[:20], "gzip", 422), (brotli.compress(b"{}" * 1_000)[:8], "br", 422),
        (b"\xff\xfe", "gzip", 422), (b"{}", "zstd", 422),
    ],
    # Of packed bytes the name would hold the time at which they were packed.
    ids=lambda value: "body" if isinstance(value, bytes) else str(value) or "plain",
)  # fmt: skip
def test_what_is_no_envelope_is_refused_soon_and_leaves_nothing(
    client: Client, key: ErrorKey, body: bytes, encoding: str, status: int
) -> None:
    began = time.perf_counter()
    response = client.post(
        f"/api/{key.pk}/envelope/?sentry_key={key.public_key}", body, content_type="application/octet-stream",
        headers={"Content-Encoding": encoding},
    )  # fmt: skip
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert time.perf_counter() - began < 30  # under a second on a machine of its own
    assert not SpooledEvent.objects.exists()


@pytest.mark.parametrize("name", ["", "%00", "%FF", "x" * 33, "a%0Ab", "%C3%A4"])
def test_what_is_no_key_is_refused(client: Client, key: ErrorKey, name: str) -> None:
    for where in (f"?sentry_key={name}", f"?sentry_key={name}&sentry_key={name}"):
        response = client.post(f"/api/{key.pk}/envelope/{where}", b"{}\n", content_type="text/plain")
        assert response.status_code == 401


STRANGE = {
    "nested": event(extra=_nested(400), tags={"deep": _nested(400)}),
    "nested variables": {"exception": {"values": [{"stacktrace": {"frames": [{"vars": _nested(400)}]}}]}},
    "nested crumbs": event(breadcrumbs=[{"data": _nested(400)}], request={"headers": _nested(400), "url": "http://a"}),
    "no text": {"message": "\0" * 100, "release": "\0", "tags": {"\0": "\0"}, "user": {"id": "\0"}},
    "numbers": {
        "timestamp": 1e300,
        "exception": [{"stacktrace": {"frames": [{"lineno": 2**64, "vars": {"n": 2**63}}]}}],
    },
    "wrong types": {
        "exception": 7,
        "tags": [[1, 2], ["a"], "b"],
        "user": [],
        "breadcrumbs": {"values": {}},
        "level": {},
    },
    "long": {"message": "'" * 500_000, "transaction": "9" * 200_000},
}


@pytest.mark.parametrize("name", STRANGE)
def test_an_event_that_is_strange_is_kept_all_the_same(send: Send, name: str) -> None:
    assert send(envelope(STRANGE[name])).status_code == 200
    assert digest_spool() == 1
    assert StoredEvent.objects.count() == 1


def test_an_event_that_cannot_be_read_does_not_stop_the_others(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(data: Any, **more: Any) -> Any:
        if data["message"] == "poison":
            raise RecursionError
        return read_event(data, **more)

    monkeypatch.setattr("ops.errors.digest.read_event", read)
    for message in ("poison", "fine"):
        send(envelope({"message": message}))
    assert digest_spool() == 2
    assert ErrorGroup.objects.get().title == "fine"


def test_of_keys_that_come_twice_the_last_counts(send: Send) -> None:
    assert send(b'{}\n{"type": "event", "type": "event"}\n{"message": "a", "message": "b"}').status_code == 200
    digest_spool()
    assert ErrorGroup.objects.get().title == "b"


def test_an_unknown_revoked_or_foreign_key_is_refused(
    send: Send, client: Client, key: ErrorKey, entity: Entity, staff: Principal
) -> None:
    other = create_key(principal=staff, entity_ref=entity.name)
    assert send(envelope(event()), path=f"/api/{other.pk}/envelope/").status_code == 401
    assert client.post(f"/api/{key.pk}/envelope/", envelope(event()), content_type="text/plain").status_code == 401
    revoke_key(principal=staff, entity_ref=entity.name, number=key.pk)
    assert send(envelope(event())).status_code == 401


def test_over_its_quota_a_key_is_told_when_to_come_again(send: Send, key: ErrorKey) -> None:
    ErrorKey.objects.filter(pk=key.pk).update(per_minute=2)
    statuses = [send(envelope(event())).status_code for _ in range(2)]
    refused = send(envelope(event()))
    assert statuses == [200, 200]
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused["X-Sentry-Rate-Limits"].endswith(":error:key")


def test_each_dsn_has_a_quota_of_its_own(send: Send, key: ErrorKey, entity: Entity, staff: Principal) -> None:
    ErrorKey.objects.filter(pk=key.pk).update(per_minute=1)
    other = create_key(principal=staff, entity_ref=entity.name)
    assert [send(envelope(event())).status_code for _ in range(3)] == [200, 429, 429]
    path, auth = f"/api/{other.pk}/envelope/", {"X-Sentry-Auth": f"Sentry sentry_key={other.public_key}"}
    assert [send(envelope(event()), path=path, **auth).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("legacy", [False, True])
def test_every_event_of_an_envelope_counts_and_the_legacy_address_too(send: Send, key: ErrorKey, legacy: bool) -> None:
    ErrorKey.objects.filter(pk=key.pk).update(per_minute=3)
    assert send(envelope(event(), event(), event())).status_code == 200
    body, path = (json.dumps(event()).encode(), f"/api/{key.pk}/store/") if legacy else (envelope(event()), None)
    refused = send(body, path=path)
    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert "Retry-After" in refused["Access-Control-Expose-Headers"]
    assert SpooledEvent.objects.count() == 3


def test_what_is_dropped_anyway_uses_nothing_of_the_quota(send: Send, key: ErrorKey) -> None:
    ErrorKey.objects.filter(pk=key.pk).update(per_minute=1)
    for _ in range(5):
        assert send(envelope({"spans": []}, kind="transaction")).status_code == 200
    assert send(envelope(event())).status_code == 200


def test_the_next_minute_is_a_new_quota(send: Send, key: ErrorKey) -> None:
    ErrorKey.objects.filter(pk=key.pk).update(per_minute=1)
    with time_machine.travel(1_800_000_000, tick=False):
        assert [send(envelope(event())).status_code for _ in range(2)] == [200, 429]
    with time_machine.travel(1_800_000_060, tick=False):
        assert send(envelope(event())).status_code == 200


def test_a_key_that_another_process_revoked_is_refused_within_ten_seconds(
    send: Send, key: ErrorKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(envelope(event())).status_code == 200
    ErrorKey.objects.filter(pk=key.pk).update(revoked_at=timezone.now())
    assert send(envelope(event())).status_code == 200  # believed as long as this
    assert ingest.KEY_KEPT_SECONDS <= 10
    late = time.monotonic() + ingest.KEY_KEPT_SECONDS
    monkeypatch.setattr("time.monotonic", lambda: late)
    assert send(envelope(event())).status_code == 401
    assert ErrorKey.objects.get().revoked_at is not None


def test_of_an_entity_that_is_inactive_nothing_is_taken(send: Send, entity: Entity) -> None:
    Entity.objects.filter(pk=entity.pk).update(lifecycle="inactive")
    assert send(envelope(event())).status_code == 401


def test_a_full_spool_sends_sdks_away(send: Send, entity: Entity) -> None:
    row = {"entity_id": entity.pk, "received_ms": 0, "payload": b"{}"}
    SpooledEvent.objects.bulk_create([SpooledEvent(id=1, **row), SpooledEvent(id=SPOOL_ROWS_MAX + 2, **row)])
    assert send(envelope(event())).status_code == 503


def test_an_event_sent_twice_counts_once(send: Send) -> None:
    twice = event()
    for _ in range(2):
        send(envelope(twice))
        digest_spool()
    assert ErrorGroup.objects.get().events == 1
    assert StoredEvent.objects.count() == 1


def test_a_repeat_is_looked_for_by_an_index(send: Send) -> None:
    send(envelope(event()))
    with CaptureQueriesContext(connection) as asked:
        digest_spool()
    (looked,) = [
        query["sql"]
        for query in asked
        if query["sql"].startswith("SELECT") and '"ops_storedevent"."event_id" IN' in query["sql"]
    ]
    assert '"ops_storedevent"."entity_id" IN' in looked


def test_an_event_that_cannot_be_digested_does_not_stop_the_others(send: Send, entity: Entity) -> None:
    SpooledEvent.objects.create(entity_id=entity.pk, received_ms=0, payload=b"not json")
    SpooledEvent.objects.create(entity_id=10**9, received_ms=0, payload=b"{}")  # of an entity that is gone
    send(envelope(event()))
    assert digest_spool() == 3
    assert ErrorGroup.objects.count() == 1
    assert not SpooledEvent.objects.exists()
