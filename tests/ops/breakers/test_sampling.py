"""Sources over REST, in the catalogue and in sampling; what operators do; metrics; what is kept."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from core.clock import now_ms
from core.errors import Conflict, Unavailable, ValidationFailed
from core.models import AuditEntry
from core.permissions import Principal, Role
from core.revision import current_revision
from core.secrets import MASK
from entities.domain import Lifecycle
from entities.models import Entity
from entities.services import update_entity
from ops.breakers import exposition, selectors, services, store
from ops.breakers.definition import parse_source, running_config
from ops.breakers.domain import Action
from ops.breakers.models import (
    BreakerInstance,
    BreakerSource,
    BreakerSourceState,
    FleetBreaker,
)
from ops.breakers.own_services import close, force_open
from ops.breakers.sampling import BreakerSampling
from ops.breakers.tasks import sample
from ops.definitions.catalog import DefinitionsSection
from ops.definitions.writing import Version
from ops.journal.models import JournalEntry
from ops.sampling.sampler import Sampler
from tests.ops.breakers.conftest import item, the_breaker
from tests.ops.breakers.pages import Program, actuator, resilience4j, run_program
from tests.ops.breakers.test_sources import LOOPBACK

type Look = Callable[[], int]


@pytest.fixture
def program() -> Iterator[Program]:
    with run_program(resilience4j(cards="open", mails="closed")) as running:
        yield running


@pytest.fixture
def look() -> Iterator[Look]:
    """Look at every source now, whatever its rhythm."""
    sampler = Sampler(BreakerSampling(), LOOPBACK.policy)

    def run() -> int:
        BreakerSourceState.objects.filter(next_due_ms__isnull=False).update(next_due_ms=now_ms() - 1)
        return sampler.run_due()

    yield run
    sampler.close()


@pytest.fixture
def add(entity: Entity, staff: Principal) -> Callable[..., Version]:
    def create(url: str, *, name: str = "fleet", kind: str = "scrape", **fields: Any) -> Version:
        definition = parse_source({"name": name, "kind": kind, "url": url, "interval": "10s", **fields})
        return services.create_source(principal=staff, entity_ref=entity.name, definition=definition)

    return create


type Add = Callable[..., Version]


@pytest.mark.django_db(transaction=True)
def test_a_page_shows_as_breakers_of_the_fleet(program: Program, add: Add, look: Look, staff: Principal) -> None:
    with run_program(resilience4j(cards="closed")) as other:
        add(program.url, instance="a")
        add(other.url, name="other", instance="b")
        assert look() == 2
        cards, mails = selectors.breaker_rows(principal=staff).items
        assert (cards.name, cards.state, cards.kind, cards.status) == ("cards", "open", "scrape", "degraded")
        assert cards.summary.startswith("open on 1 of 2 instances")
        assert [(row.instance, row.source, row.state) for row in cards.instances] == [
            ("a", "fleet", "open"), ("b", "other", "closed"),
        ]  # fmt: skip
        assert (mails.name, mails.state, mails.failure_share) == ("mails", "closed", 0.25)
        program.show(resilience4j(cards="half_open", mails="closed").replace(" 30.0", " 90.0"))
        assert look() == 2
    row = selectors.breaker_row(principal=staff, uid=cards.uid)
    assert row.state == "half_open"
    assert row.instances[0].calls == 100
    assert (row.calls_per_minute or 0) > 0
    (step, *_) = selectors.transitions(principal=staff, uid=cards.uid).items
    assert (step.instance, step.before, step.after) == ("a", "open", "half_open")


@pytest.mark.django_db(transaction=True)
def test_a_source_that_fails_leaves_its_breakers_to_silence(program: Program, add: Add, look: Look) -> None:
    add(program.url)
    look()
    program.status = 500
    look()
    state = BreakerSourceState.objects.get()
    assert (state.failure, state.slot_ms) == ("answered 500 instead of the metrics", None)
    fresh_until = FleetBreaker.objects.get(name="cards").fresh_until_ms
    assert store.silence_stale(now_ms=fresh_until + 1) >= 1
    assert FleetBreaker.objects.get(name="cards").state == "unknown"
    program.status = 200
    look()
    assert FleetBreaker.objects.get(name="cards").state == "open"
    assert BreakerSourceState.objects.get().failure == ""


@pytest.mark.django_db(transaction=True)
def test_what_left_the_page_is_forgotten_and_comes_back(program: Program, add: Add, look: Look) -> None:
    with run_program(resilience4j(mails="open")) as other:
        add(program.url, instance="a")
        add(other.url, name="other", instance="b")
        look()
        before = current_revision()
        program.show(resilience4j(news="closed"))  # it started again
        look()
        assert set(BreakerInstance.objects.values_list("breaker__name", "instance")) == {("mails", "b"), ("news", "a")}
        mails = FleetBreaker.objects.get(name="mails")
        assert (mails.state, mails.instance_count, mails.silent) == ("open", 1, 0)
        assert not FleetBreaker.objects.filter(name="cards").exists()
        assert current_revision() > before
        program.show("")
        before = current_revision()
        look()
        assert set(FleetBreaker.objects.values_list("name", flat=True)) == {"mails"}
        assert current_revision() > before
        program.show(resilience4j(cards="open"))
        look()
        assert FleetBreaker.objects.get(name="cards").state == "open"
        program.status = 500
        look()
        assert FleetBreaker.objects.filter(name="cards").exists()


@pytest.mark.django_db(transaction=True)
def test_a_look_that_left_something_out_forgets_nothing(program: Program, add: Add, look: Look) -> None:
    add(program.url)
    look()
    program.show(resilience4j(**{"a" * 201: "closed"}))
    look()
    assert BreakerSourceState.objects.get().left_out == 1
    assert set(FleetBreaker.objects.values_list("name", flat=True)) == {"cards", "mails"}


@pytest.mark.django_db(transaction=True)
def test_sources_are_noted_in_one_statement_before_the_number_is_taken(program: Program, add: Add, look: Look) -> None:
    for name in ("x", "y", "z"):
        add(program.url, name=name, instance=name)
    with CaptureQueriesContext(connection) as captured:
        assert look() == 3
    statements = [query["sql"] for query in captured]
    (number,) = (index for index, sql in enumerate(statements) if "core_revision" in sql)
    (note,) = (index for index, sql in enumerate(statements) if "breakersourcestate" in sql and '"left_out" = ' in sql)
    assert note < number


@pytest.mark.django_db(transaction=True)
def test_what_is_over_the_limits_is_counted(
    program: Program, add: Add, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "BREAKERS_PER_ENTITY_MAX", 3)
    program.show(resilience4j(**{f"b{number}": "closed" for number in range(8)}))
    add(program.url)
    look()
    assert FleetBreaker.objects.count() == 3
    state = BreakerSourceState.objects.get()
    assert (state.breakers, state.left_out) == (8, 5)


@pytest.mark.django_db(transaction=True)
def test_a_look_at_a_source_that_was_edited_meanwhile_is_discarded(
    program: Program, add: Add, staff: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = add(program.url, instance="old")
    sampling = BreakerSampling()
    commit = sampling.commit

    def edit_first(samples: Any) -> None:
        services.update_source(principal=staff, uid=saved.uid, changes={"instance": "new"})
        commit(samples)

    monkeypatch.setattr(sampling, "commit", edit_first)
    sampler = Sampler(sampling, LOOPBACK.policy)
    sampler.run_due(turn_seconds=0.01)
    sampler.close()
    assert not BreakerInstance.objects.filter(instance="old").exists()


@pytest.mark.django_db(transaction=True)
def test_the_task_looks_at_what_is_due(program: Program, add: Add) -> None:
    add(program.url)
    sample()
    assert set(FleetBreaker.objects.values_list("name", "state")) == {("cards", "open"), ("mails", "closed")}


@pytest.mark.django_db(transaction=True)
def test_an_actuator_is_controlled_with_a_reason(
    program: Program, add: Add, look: Look, operator: Principal, client_of: Callable[[Role], Client]
) -> None:
    program.show(actuator(cards="CLOSED"))
    add(program.url, kind="actuator", instance="a", control=True)
    look()
    breaker = the_breaker()
    row = selectors.breaker_row(principal=operator, uid=breaker.uid)
    assert row.can == {"force_open", "close", "disable"}
    path = f"/api/v1/breakers/{breaker.uid}/force-open"
    client = client_of(Role.OPERATOR)
    answer = client.post(path, {"reason": "gateway is down"}, content_type="application/json")
    assert (answer.status_code, answer.json()) == (200, {"done": ["a"], "failed": {}})
    assert program.posted == [("/actuator/circuitbreakers/cards", {"updateState": "FORCE_OPEN"})]
    entry = AuditEntry.objects.get(action="breaker.force_open")
    assert (entry.target_uid, entry.after) == (breaker.uid, {"reason": "gateway is down", "instances": ["a"]})
    assert "gateway is down" in JournalEntry.objects.get(kind="breaker.control").message
    assert client.post(path, {}, content_type="application/json").status_code == 422
    viewer = client_of(Role.VIEWER)
    assert viewer.post(path, {"reason": "x"}, content_type="application/json").status_code == 403
    with pytest.raises(Conflict):
        services.control_breaker(principal=operator, uid=breaker.uid, action=Action.RESET, reason="x")
    with pytest.raises(Conflict):
        services.control_breaker(
            principal=operator, uid=breaker.uid, action=Action.CLOSE, reason="x", instance="nobody"
        )
    program.post_status = 500
    with pytest.raises(Unavailable, match="answered 500"):
        services.control_breaker(principal=operator, uid=breaker.uid, action=Action.CLOSE, reason="x")


@pytest.mark.django_db(transaction=True)
def test_a_target_that_operators_stopped_is_not_controlled(
    program: Program, add: Add, look: Look, operator: Principal
) -> None:
    program.show(actuator(cards="CLOSED"))
    add(program.url, kind="actuator", control=True)
    look()
    force_open(principal=operator, name=f"target:127.0.0.1:{program.port}", reason="moving")
    with pytest.raises(Unavailable, match="an operator has stopped calls"):
        services.control_breaker(principal=operator, uid=the_breaker().uid, action=Action.CLOSE, reason="x")
    assert program.posted == []
    close(principal=operator, name=f"target:127.0.0.1:{program.port}")
    services.control_breaker(principal=operator, uid=the_breaker().uid, action=Action.CLOSE, reason="x")
    assert len(program.posted) == 1


@pytest.mark.django_db
def test_a_reported_breaker_cannot_be_controlled(report: Callable[..., Any], operator: Principal) -> None:
    report(item("open"))
    with pytest.raises(Conflict, match="no instance of it takes close"):
        services.control_breaker(principal=operator, uid=the_breaker().uid, action=Action.CLOSE, reason="x")


@pytest.mark.django_db
def test_sources_over_rest(entity: Entity, client_of: Callable[[Role], Client]) -> None:
    editor, viewer = client_of(Role.EDITOR), client_of(Role.VIEWER)
    body = {"entity": entity.name, "name": "fleet", "kind": "scrape", "url": "http://127.0.0.1:9102/metrics?key=s3cret"}
    body |= {"instance": "a", "interval": "10s", "bearer_token": "s3cret"}
    path = "/api/v1/breaker-sources"
    assert viewer.post(path, body, content_type="application/json").status_code == 403
    made = editor.post(path, body, content_type="application/json")
    assert made.status_code == 201, made.content
    source = made.json()
    assert (source["interval"], source["bearer_token"], source["instance"]) == ("10s", MASK, "a")
    assert editor.post(path, body, content_type="application/json").status_code == 409
    where = f"{path}/{source['id']}"
    assert made["Location"] == where
    assert "s3cret" not in viewer.get(where).content.decode()
    assert "s3cret" not in str(BreakerSource.objects.get().config.get("bearer_token"))
    tag = editor.get(where)["ETag"]
    changed = editor.patch(where, {"interval": "1m"}, content_type="application/json", headers={"If-Match": tag})
    assert (changed.status_code, changed.json()["interval"], changed.json()["bearer_token"]) == (200, "1m", MASK)
    stale = editor.patch(where, {"interval": "2m"}, content_type="application/json", headers={"If-Match": tag})
    assert stale.status_code == 412
    moved = editor.patch(where, {"url": "http://127.0.0.2/x"}, content_type="application/json")
    assert moved.status_code == 422
    assert editor.put(where, {"name": "fleet"}, content_type="application/json").status_code == 422
    assert [found["id"] for found in viewer.get(path, {"entity": entity.name}).json()["items"]] == [source["id"]]
    assert editor.delete(where).status_code == 204
    assert editor.get(where).status_code == 404
    assert list(AuditEntry.objects.filter(target_type="breaker_source").values_list("action", flat=True)[::-1]) == [
        "breaker_source.create", "breaker_source.update", "breaker_source.delete",
    ]  # fmt: skip
    assert "s3cret" not in str(list(AuditEntry.objects.values("before", "after")))


@pytest.mark.django_db(transaction=True)
def test_deleting_or_pausing_a_source_forgets_what_it_told(
    program: Program, add: Add, look: Look, staff: Principal
) -> None:
    first, second = add(program.url, instance="a"), add(program.url, name="other", instance="b")
    look()
    services.delete_source(principal=staff, uid=first.uid)
    assert set(BreakerInstance.objects.values_list("instance", flat=True)) == {"b"}
    assert FleetBreaker.objects.get(name="cards").instance_count == 1
    services.update_source(principal=staff, uid=second.uid, changes={"paused": True})
    assert not FleetBreaker.objects.exists()
    assert BreakerSourceState.objects.get().next_due_ms is None


@pytest.mark.django_db
def test_the_command_seals_the_secrets_of_sources_anew(add: Add, settings: Any) -> None:
    add("http://127.0.0.1:9102/metrics", bearer_token="s3cret")
    former = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "n" * 40, [former]
    call_command("encrypt_secrets", stdout=io.StringIO())
    settings.SECRET_KEY_FALLBACKS = []
    _kind, config = running_config(BreakerSource.objects.get())
    assert config.bearer_token.get_secret_value() == "s3cret"  # type: ignore[attr-defined]
    settings.SECRET_KEY = "m" * 40
    with pytest.raises(CommandError, match="payments-api/fleet"):
        call_command("encrypt_secrets", stdout=io.StringIO())


@pytest.mark.django_db
def test_a_source_stands_still_while_its_entity_is_inactive(add: Add, entity: Entity, staff: Principal) -> None:
    add("http://127.0.0.1:9102/metrics")
    for lifecycle, runs in ((Lifecycle.INACTIVE, False), (Lifecycle.ACTIVE, True)):
        update_entity(principal=staff, ref=entity.name, changes={"lifecycle": lifecycle.value})
        assert (BreakerSourceState.objects.get().next_due_ms is not None) is runs


@pytest.mark.django_db
def test_the_section_of_the_catalogue(entity: Entity, staff: Principal) -> None:
    section = DefinitionsSection(services.SOURCE_WRITER)
    wanted = [
        {"name": "fleet", "kind": "scrape", "url": "http://127.0.0.1:9102/metrics", "instance": "a", "interval": "10s"},
        {"name": "spring", "kind": "actuator", "url": "http://127.0.0.1:9103/actuator/circuitbreakers"},
    ]
    plan = section.plan(entity_name=entity.name, entity_id=entity.pk, wanted=wanted)
    assert [(change.action, change.what) for change in plan] == [
        ("create", "breaker source payments-api/fleet"), ("create", "breaker source payments-api/spring"),
    ]  # fmt: skip
    assert len(section.apply(principal=staff, entity_id=entity.pk, wanted=wanted)) == 2
    assert section.export([entity.pk]) == {entity.pk: wanted}
    assert section.plan(entity_name=entity.name, entity_id=entity.pk, wanted=wanted) == []
    changed = [{**wanted[0], "interval": "20s"}]
    plan = section.plan(entity_name=entity.name, entity_id=entity.pk, wanted=changed)
    assert [(change.action, dict(change.fields)) for change in plan] == [
        ("delete", {}), ("update", {"interval": ("10s", "20s")}),
    ]  # fmt: skip
    section.apply(principal=staff, entity_id=entity.pk, wanted=changed)
    assert BreakerSource.objects.get().interval_ms == 20_000
    with pytest.raises(ValidationFailed) as caught:
        section.plan(entity_name="x", entity_id=None, wanted=[wanted[0], {**wanted[0], "url": 1}, wanted[0]])
    assert {error.field for error in caught.value.errors} == {"1.url", "2.name"}


@pytest.mark.django_db
def test_metrics_tell_every_state(report: Callable[..., Any]) -> None:
    exposition.forget_rendered()
    assert exposition.render_breaker_series() == b""
    hostile = 'a"} 1\\'
    report(item("open", breaker=hostile, failure_rate=50, not_permitted=3))
    exposition.forget_rendered()
    page = exposition.render_breaker_series().decode()
    assert r'quarterdeck_breaker_state{entity="payments-api",breaker="a\"} 1\\",state="open"} 1' in page
    assert page.count("quarterdeck_breaker_state{") == 7
    assert r'quarterdeck_breaker_failure_ratio{entity="payments-api",breaker="a\"} 1\\"} 0.5' in page
    assert r'quarterdeck_breaker_not_permitted_calls_total{entity="payments-api",breaker="a\"} 1\\"} 3' in page
    exposition.forget_rendered()


@pytest.mark.django_db
def test_deleting_an_entity_takes_its_breakers_along(report: Callable[..., Any], add: Add, entity: Entity) -> None:
    add("http://127.0.0.1:9102/metrics")
    report(item("open"))
    entity.delete()
    assert not FleetBreaker.objects.exists()
    assert not BreakerSource.objects.exists()
