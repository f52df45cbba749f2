"""Our own breakers in the hands of operators: commands, what is shown, what is told."""

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.db import connection
from django.test import Client
from prometheus_client import REGISTRY

from core.breaker import registry
from core.breaker.guard import CircuitOpen
from core.breaker.machine import BreakerState
from core.breaker.redis_storage import RedisStorage
from core.breaker.storage import Operation, Standing, StorageLost
from core.clock import now_ms, to_ms
from core.errors import NotFound, PermissionDenied, Unavailable, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal, Role
from core.revision import current_revision
from ops.breakers import own_selectors, own_services
from ops.breakers.own_exposition import forget_rendered
from ops.breakers.own_tasks import tell_own_transitions
from ops.probing.guarding import POLICY
from tests.services import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage() -> RedisStorage:
    """Without what other tests left in it."""
    forget_rendered()
    own = registry.own_storage()
    own._client.flushdb()
    return own


@pytest.fixture
def name() -> str:
    return f"target:db-{uuid.uuid4().hex}.example:5432"


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker's address is one where nobody listens."""
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")


def standing(name: str) -> Standing:
    return own_selectors.read_standing(name)


def fail(name: str, calls: int = 24) -> None:
    registry.own_storage().run([Operation(name, POLICY, "observe", calls="f" * calls)])


def test_a_breaker_that_opened_is_shown_with_its_reason(viewer: Principal, name: str) -> None:
    fail(name)
    fail("target:quiet.example:80", calls=3)
    worst, other = own_selectors.own_breakers(principal=viewer).rows
    assert (worst.name, worst.family, worst.state) == (name, "target", BreakerState.OPEN)
    assert worst.target == name.removeprefix("target:")
    assert worst.reason == "24 of 24 calls failed"
    assert worst.until is not None
    assert worst.since is not None
    assert to_ms(worst.until) - to_ms(worst.since) == POLICY.open_ms
    assert (other.state, other.calls, other.failed, other.failure_share) == (BreakerState.CLOSED, 3, 3, 1.0)


def test_what_is_read_is_bounded(viewer: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_selectors, "ROWS_MAX", 2)
    for number in range(3):
        fail(f"target:10.0.0.{number}:80")
    found = own_selectors.own_breakers(principal=viewer)
    assert (len(found.rows), found.is_cut, found.is_lost) == (2, True, False)


@pytest.mark.usefixtures("lost")
def test_without_the_store_it_is_said(client_of: Any, operator: Principal, viewer: Principal, name: str) -> None:
    found = own_selectors.own_breakers(principal=viewer)
    assert (list(found.rows), found.is_lost) == ([], True)
    assert api(client_of(Role.VIEWER), "/breakers/own").json() == {"items": [], "is_cut": False, "is_lost": True}
    with pytest.raises(Unavailable):
        own_services.force_open(principal=operator, name=name, reason="maintenance")
    assert not AuditEntry.objects.filter(action__startswith="breaker.").exists()
    assert api(client_of(Role.OPERATOR), f"/breakers/own/{name}/close", "post").status_code == 503
    tell_own_transitions()  # does not raise
    assert "quarterdeck_own_breaker_store_up 0\n" in Client().get("/metrics").content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_command_whose_answer_is_late_stays_in_the_audit(
    operator: Principal, name: str, storage: RedisStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, in_transaction = storage.run, []

    def run_late(operations: Sequence[Operation]) -> list[Standing]:
        done = run(operations)
        if operations[0].does == "command":
            in_transaction.append(connection.in_atomic_block)
            raise StorageLost("timed out")
        return done

    monkeypatch.setattr(storage, "run", run_late)
    with pytest.raises(Unavailable, match="may hold"):
        own_services.force_open(principal=operator, name=name, reason="moving house")
    assert in_transaction == [False]
    assert standing(name).state is BreakerState.FORCED_OPEN
    entries = AuditEntry.objects.filter(target_name=name).order_by("id")
    assert [entry.action for entry in entries] == ["breaker.force_open", "breaker.force_open.unconfirmed"]


@pytest.mark.parametrize(
    ("command", "state"),
    [(own_services.force_open, BreakerState.FORCED_OPEN), (own_services.disable, BreakerState.DISABLED)],
)
def test_an_operators_word_holds_for_its_time_and_is_audited(
    operator: Principal, name: str, command: Any, state: BreakerState
) -> None:
    before = current_revision()
    command(principal=operator, name=name, reason="moving house", expires_in_ms=60_000)

    told = standing(name)
    assert (told.state, told.reason) == (state, "moving house (user:operator)")
    assert told.until_ms - told.since_ms == pytest.approx(60_000, abs=1_000)
    entry = AuditEntry.objects.latest("id")
    assert (entry.actor, entry.target_type, entry.target_name) == ("user:operator", "breaker", name)
    assert entry.action in {"breaker.force_open", "breaker.disable"}
    assert entry.after == {"state": state, "until_ms": told.until_ms, "reason": "moving house"}
    assert current_revision() > before


def test_a_command_reaches_the_calls_of_this_process(operator: Principal) -> None:
    breaker = registry.breaker_of(f"target:{uuid.uuid4().hex}:1")
    own_services.force_open(principal=operator, name=breaker.name, reason="stop")
    with pytest.raises(CircuitOpen, match="stop"):
        breaker.call(print)
    own_services.close(principal=operator, name=breaker.name)
    assert breaker.call(len, "four") == 4


def test_close_ends_what_holds_and_reset_forgets_what_was_seen(operator: Principal, name: str) -> None:
    fail(name)
    own_services.close(principal=operator, name=name, reason="it is back")
    assert standing(name).state is BreakerState.CLOSED
    registry.own_storage().run([Operation(name, POLICY, "observe", generation=standing(name).generation, calls="fff")])
    own_services.close(principal=operator, name=name)
    assert standing(name).window.failed == 3
    own_services.reset(principal=operator, name=name)
    assert standing(name).window.calls == 0
    actions = AuditEntry.objects.filter(target_uid__startswith="target:").order_by("id")
    assert [entry.action for entry in actions] == ["breaker.close", "breaker.reset"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "nobody:10.0.0.1:80"}, "name"), ({"name": "target:"}, "name"), ({"name": "target:a b"}, "name"),
        ({"name": "target:" + "a" * 300}, "name"), ({"reason": " "}, "reason"), ({"reason": "a\nb"}, "reason"),
        ({"reason": "a" * 201}, "reason"), ({"expires_in_ms": 0}, "expires_in"),
        ({"expires_in_ms": 8 * 86_400_000}, "expires_in"),
    ],
)  # fmt: skip
def test_a_command_that_makes_no_sense_is_refused(
    operator: Principal, name: str, fields: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        own_services.force_open(**{"principal": operator, "name": name, "reason": "why", **fields})
    assert [error.field for error in refused.value.errors] == [field]


def test_nobody_closes_what_is_not_there_and_viewers_command_nothing(
    operator: Principal, viewer: Principal, name: str
) -> None:
    with pytest.raises(NotFound):
        own_services.close(principal=operator, name=name)
    for command in (own_services.close, own_services.reset, own_services.force_open, own_services.disable):
        with pytest.raises(PermissionDenied):
            command(principal=viewer, name=name, reason="why")


def test_the_command_goes_over_rest(client_of: Any, name: str) -> None:
    client = client_of(Role.OPERATOR)
    made = api(client, f"/breakers/own/{name}/force-open", "post", reason="moving", expires_in="10m")
    assert made.status_code == 200, made.content
    assert made.json()["state"] == "forced_open"
    assert api(client, f"/breakers/own/{name}/disable", "post", reason="trust it").json()["state"] == "disabled"
    assert api(client, f"/breakers/own/{name}/close", "post").json()["state"] == "closed"
    assert api(client, f"/breakers/own/{name}/reset", "post", reason="again").json()["calls"] == 0
    assert [item["name"] for item in api(client, "/breakers/own").json()["items"]] == [name]
    assert api(client, f"/breakers/own/{name}/force-open", "post").status_code == 422
    assert api(client, "/breakers/own/target:gone.example:1/close", "post").status_code == 404
    assert api(client_of(Role.VIEWER), f"/breakers/own/{name}/close", "post").status_code == 403
    assert api(client_of(Role.VIEWER), "/breakers/own").status_code == 200


def api(client: Client, path: str, method: str = "get", **body: Any) -> Any:
    call = getattr(client, method)
    return call(f"/api/v1{path}", **({"data": body, "content_type": "application/json"} if method != "get" else {}))


@pytest.fixture
def events() -> Iterator[list[Any]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


def transitions_to(state: str) -> float:
    labels = {"family": "target", "state": state}
    return REGISTRY.get_sample_value("quarterdeck_breaker_transitions_total", labels) or 0.0


def test_each_transition_is_told_once(events: list[Any], name: str) -> None:
    before, revision = transitions_to("open"), current_revision()
    fail(name)
    tell_own_transitions()
    tell_own_transitions()
    assert transitions_to("open") == before + 1
    assert current_revision() == revision + 1
    (event,) = [event for event in events if event["event"] == "breakers.own_turned"]
    assert (event["breaker"], event["after"], event["log_level"]) == (name, "open", "warning")
    assert event["at_ms"] <= now_ms() + 60_000


def test_a_scrape_tells_the_state_of_each(client: Client) -> None:
    fail('target:ho"st:80')
    text = client.get("/metrics").content.decode()
    assert "quarterdeck_own_breaker_store_up 1\n" in text
    assert 'quarterdeck_own_breaker_state{breaker="target:ho\\"st:80",state="open"} 1\n' in text
    assert 'quarterdeck_own_breaker_state{breaker="target:ho\\"st:80",state="closed"} 0\n' in text


def test_the_latest_transitions_are_listed(client_of: Any, name: str) -> None:
    fail(name)
    api(client_of(Role.OPERATOR), f"/breakers/own/{name}/close", "post", reason="it is back")
    newest, oldest = api(client_of(Role.VIEWER), "/breakers/own/transitions").json()["items"]
    assert (oldest["before"], oldest["after"], oldest["reason"]) == ("closed", "open", "24 of 24 calls failed")
    assert (newest["before"], newest["after"]) == ("open", "closed")
    assert newest["reason"] == "it is back (user:operator)"


def test_a_command_ends_in_time_when_nobody_asks_for_its_target(storage: RedisStorage, name: str) -> None:
    force = Operation(name, POLICY, "command", state=BreakerState.FORCED_OPEN, until_ms=now_ms() - 60_000)
    storage.run([force])
    assert storage.forced_open() == {name}
    tell_own_transitions()
    assert storage.forced_open() == frozenset()
