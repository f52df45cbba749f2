"""Deleting a breaker that programs reported: who may, what is left, and what comes back."""

from collections.abc import Callable
from html import escape

import pytest
from django.test import Client

from core.models import AuditEntry
from core.permissions import Role
from core.revision import current_revision
from ops.breakers.models import BreakerInstance, BreakerSource, FleetBreaker
from ops.breakers.retention import prune_breakers
from ops.journal.models import JournalEntry
from tests.breakers import item, report
from tests.entities.catalogue import add_entity
from tests.fleet import HOSTILE

pytestmark = pytest.mark.django_db

type ClientOf = Callable[[Role], Client]


@pytest.fixture
def cards(db: None) -> FleetBreaker:
    add_entity("payments-api")
    report(item("cards", "web-1", "open"), item("cards", "web-2", "closed"), item("mails", "web-1", "closed"))
    return FleetBreaker.objects.get(name="cards")


def read_by_a_source(breaker: FleetBreaker) -> None:
    source = BreakerSource.objects.create(entity=breaker.entity, name="spring", kind="actuator", config={})
    BreakerInstance.objects.filter(breaker=breaker, instance="web-1").update(source=source)


def test_it_goes_with_its_instances_and_the_next_report_brings_it_back(
    client_of: ClientOf, cards: FleetBreaker
) -> None:
    before = current_revision()
    assert client_of(Role.OPERATOR).delete(f"/api/v1/breakers/{cards.uid}").status_code == 204

    assert [breaker.name for breaker in FleetBreaker.objects.all()] == ["mails"]
    assert not BreakerInstance.objects.filter(breaker_id=cards.pk).exists()
    assert current_revision() > before
    entry = AuditEntry.objects.get(action="breaker.delete")
    assert (entry.actor, entry.target_name, entry.before) == (
        "user:operator", "payments-api/cards", {"state": "open", "instances": 2}
    )  # fmt: skip
    assert JournalEntry.objects.get(kind="breaker.delete").subject == "cards"
    assert prune_breakers(now_ms=0) == 2
    report(item("cards", "web-1", "closed"))
    assert FleetBreaker.objects.get(name="cards").uid != cards.uid


def test_one_that_a_source_reads_stays(client_of: ClientOf, cards: FleetBreaker) -> None:
    read_by_a_source(cards)
    client = client_of(Role.ADMIN)

    answer = client.delete(f"/api/v1/breakers/{cards.uid}")

    assert (answer.status_code, "read by spring" in answer.json()["detail"]) == (409, True)
    assert client.post(f"/breakers/{cards.uid}/delete", {"confirm": "cards"}).status_code == 409
    assert "A source reads it" in client.get(f"/breakers/{cards.uid}/delete").content.decode()
    assert f"/breakers/{cards.uid}/delete" not in client.get(f"/breakers/{cards.uid}").content.decode()
    assert FleetBreaker.objects.filter(pk=cards.pk).exists()
    assert not AuditEntry.objects.filter(action="breaker.delete").exists()


def test_the_page_asks_for_the_name(client_of: ClientOf, cards: FleetBreaker) -> None:
    client, path = client_of(Role.OPERATOR), f"/breakers/{cards.uid}/delete"
    assert f'href="{path}"' in client.get(f"/breakers/{cards.uid}").content.decode()
    assert "Type <code>cards</code> to confirm" in client.get(path).content.decode()
    for typed in ("", "card", "mails"):
        assert client.post(path, {"confirm": typed}).status_code == 422
    assert FleetBreaker.objects.filter(pk=cards.pk).exists()

    done = client.post(path, {"confirm": " cards "})

    assert (done.status_code, done["Location"]) == (302, "/entities/payments-api")
    assert not FleetBreaker.objects.filter(pk=cards.pk).exists()
    page = client.get("/entities/payments-api").content.decode()
    assert "Deleted cards" in page
    assert "deleted payments-api/cards" in page or "cards was deleted" in page


def test_who_only_looks_deletes_nothing(client_of: ClientOf, cards: FleetBreaker) -> None:
    client = client_of(Role.VIEWER)
    assert client.delete(f"/api/v1/breakers/{cards.uid}").status_code == 403
    assert client.post(f"/breakers/{cards.uid}/delete", {"confirm": "cards"}).status_code == 403
    assert "/delete" not in client.get(f"/breakers/{cards.uid}").content.decode()
    assert FleetBreaker.objects.filter(pk=cards.pk).exists()


def test_what_is_not_there_cannot_be_deleted(client_of: ClientOf, cards: FleetBreaker) -> None:
    client = client_of(Role.OPERATOR)
    for uid in ("brk_none", "%00"):
        assert client.delete(f"/api/v1/breakers/{uid}").status_code == 404
        assert client.get(f"/breakers/{uid}/delete").status_code == 404


def test_a_hostile_name_stays_text(client_of: ClientOf, cards: FleetBreaker) -> None:
    report(item(HOSTILE, "web-1", "open"))
    uid = FleetBreaker.objects.get(name=HOSTILE).uid
    client = client_of(Role.OPERATOR)
    content = client.get(f"/breakers/{uid}/delete").content.decode()
    assert (HOSTILE in content, escape(HOSTILE) in content) == (False, True)
    assert client.post(f"/breakers/{uid}/delete", {"confirm": HOSTILE}).status_code == 302
