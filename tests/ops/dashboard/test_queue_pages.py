"""The pages of queues: what they show, what they offer to whom, and that whatever a source said is text."""

import re
from collections.abc import Callable, Iterator

import pytest
import redis
from django.test import Client

from core.models import AuditEntry
from core.permissions import Principal, Role
from ops.queues.definition import parse_queue
from ops.queues.models import Queue, QueueState
from ops.queues.services import create_queue, pause_queue
from ops.signals.domain import Status
from tests.entities.catalogue import add_entity
from tests.fleet import HOSTILE, add_queue
from tests.services import free_port, run_valkey

type ClientOf = Callable[[Role], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def emails(db: None) -> Queue:
    add_entity("shop")
    return add_queue("shop", "emails", Status.UNHEALTHY, message="212 waiting, limit 100", sizes=(4, 212))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    with (
        run_valkey(tmp_path_factory.mktemp("queue-pages"), port=free_port()) as url,
        redis.Redis.from_url(url) as client,
    ):
        yield client


@pytest.fixture
def list_queue(emails: Queue, broker: redis.Redis, editor: Principal) -> Iterator[Queue]:
    """A queue on a real list with two messages."""
    broker.rpush("jobs", '{"to": "ada", "password": "hunter2"}', HOSTILE)
    port = broker.get_connection_kwargs()["port"]
    definition = parse_queue({"name": "jobs", "kind": "redis", "url": f"redis://127.0.0.1:{port}/0", "key": "jobs"})
    yield Queue.objects.get(pk=create_queue(principal=editor, entity_ref="shop", definition=definition).id)
    broker.flushall()


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200, path
    return response.content.decode()


def names(html: str) -> list[str]:
    return re.findall(r'</span>([^<]*)</a><span class="queue-reason', html)


def test_queues_are_listed_the_worst_first(client_of: ClientOf, emails: Queue) -> None:
    add_queue("shop", "billing", Status.DEGRADED, message="80 waiting, will breach 100 in 12 min at this rate")
    add_queue("shop", "quiet", Status.HEALTHY, sizes=(0, 900), age_ms=None)
    client = client_of(Role.VIEWER)
    html = page(client, "/queues")
    assert names(html) == ["emails", "billing", "quiet"]
    assert "212 waiting, limit 100" in html
    assert "will breach 100 in 12 min at this rate" in html
    assert '212<span class="muted queue-limit"> of 100</span>' in html
    assert '<td class="num">6 min</td>' in html
    assert '<td class="num wide">48</td><td class="num wide">15</td><td class="num wide">3</td>' in html
    assert '2<span class="vh"> in trouble</span>' in html
    assert names(page(client, "/queues?sort=size")) == ["quiet", "emails", "billing"]
    assert names(page(client, "/queues?sort=name")) == ["billing", "emails", "quiet"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status=unhealthy", 1), ("status=healthy", 0), ("kind=redis", 1), ("kind=celery", 0), ("entity=shop", 1),
        ("entity=gone", 0), ("q=MAIL", 1), ("q=nothing", 0), ("team=nobody", 0), ("environment=production", 1),
        ("sort=nonsense&cursor=nonsense", 1), ("status=nonsense", 0), ("q=%00", 0),
    ],
)  # fmt: skip
def test_filters_stand_in_the_address(client_of: ClientOf, emails: Queue, query: str, found: int) -> None:
    assert len(names(page(client_of(Role.VIEWER), f"/queues?{query}"))) == found


def test_an_empty_list_says_what_to_do(client_of: ClientOf) -> None:
    add_entity("shop")
    assert "catalog apply" in page(client_of(Role.EDITOR), "/queues")
    assert "Ask somebody with the role editor" in page(client_of(Role.VIEWER), "/queues")


def test_a_page_says_why_and_against_what_limit(client_of: ClientOf, emails: Queue) -> None:
    html = page(client_of(Role.VIEWER), f"/queues/{emails.uid}")
    assert '<p class="standing-why wrap">212 waiting, limit 100</p>' in html
    assert "Unhealthy when more than 100 wait or the oldest waits longer than 5 min." in html
    assert re.search(r'data-over>\s*<dt>Waiting</dt>\s*<dd>\s*<span class="figure">212</span>', html)
    assert client_of(Role.VIEWER).get("/queues/que_nothing").status_code == 404


def test_charts_have_the_limits_and_the_gaps(client_of: ClientOf, emails: Queue) -> None:
    client = client_of(Role.VIEWER)
    depth = client.get(f"/queues/{emails.uid}/depth?range=1h").json()
    assert depth["lines"][0]["values"] == [4, 212]
    assert [limit["value"] for limit in depth["limits"]] == [100, 60]
    assert depth["summary"] == "212 waiting at most, unhealthy over 100, degraded over 60"
    age = client.get(f"/queues/{emails.uid}/age?range=1h").json()
    assert age["lines"][0]["values"] == [186, 372]
    Queue.objects.update(interval_ms=5_000)
    assert client.get(f"/queues/{emails.uid}/depth?range=1h").json()["lines"][0]["values"] == [4, None, 212]


def test_whatever_a_source_says_is_text(client_of: ClientOf, list_queue: Queue) -> None:
    QueueState.objects.filter(pk=list_queue.pk).update(message=HOSTILE)
    client = client_of(Role.ADMIN)
    for path in ("/queues", f"/queues/{list_queue.uid}", "/entities/shop"):
        assert "<img src=x" not in page(client, path)
    messages = client.post(f"/queues/{list_queue.uid}/peek").content.decode()
    assert "<img src=x" not in messages
    assert "&lt;img src=x" in messages


def test_peeking_shows_messages_without_secrets_and_is_audited(client_of: ClientOf, list_queue: Queue) -> None:
    messages = client_of(Role.OPERATOR).post(f"/queues/{list_queue.uid}/peek").content.decode()
    assert "ada" in messages
    assert "hunter2" not in messages
    assert AuditEntry.objects.filter(action="queue.peek", target_uid=list_queue.uid).count() == 1


def test_a_purge_needs_the_name(client_of: ClientOf, list_queue: Queue, broker: redis.Redis) -> None:
    client = client_of(Role.OPERATOR)
    refused = client.post(f"/queues/{list_queue.uid}/purge", {"confirm": "job"}, headers={"HX-Request": "true"})
    assert (refused.status_code, refused.content) == (422, b"Type the name of the queue, jobs")
    assert broker.llen("jobs") == 2
    done = client.post(f"/queues/{list_queue.uid}/purge", {"confirm": "jobs"}, headers={"HX-Request": "true"})
    assert done.status_code == 204
    assert "Purged 2 messages" in done["HX-Trigger"]
    assert broker.llen("jobs") == 0


def test_what_a_source_cannot_is_neither_offered_nor_done(client_of: ClientOf, list_queue: Queue) -> None:
    client = client_of(Role.OPERATOR)
    html = page(client, f"/queues/{list_queue.uid}")
    assert f"/queues/{list_queue.uid}/purge" in html
    assert f"/queues/{list_queue.uid}/consumers/pause" not in html
    assert f"/queues/{list_queue.uid}/dead" not in html
    refused = client.post(f"/queues/{list_queue.uid}/consumers/pause", headers={"HX-Request": "true"})
    assert refused.status_code == 409
    assert "A queue of the kind redis does not offer this: pause consumers" in refused.content.decode()


@pytest.mark.parametrize(
    "action", ["peek", "purge", "dead", "dead/retry", "dead/discard", "consumers/pause", "consumers/resume", "pause"]
)
def test_a_viewer_may_look_but_not_act(client_of: ClientOf, emails: Queue, action: str) -> None:
    client = client_of(Role.VIEWER)
    assert f"/queues/{emails.uid}/{action}" not in page(client, f"/queues/{emails.uid}")
    assert client.post(f"/queues/{emails.uid}/{action}").status_code == 403


def test_an_editor_stops_and_starts_watching(client_of: ClientOf, emails: Queue, editor: Principal) -> None:
    client = client_of(Role.EDITOR)
    assert "Stop watching" in page(client, f"/queues/{emails.uid}")
    pause_queue(principal=editor, uid=emails.uid)
    assert "Watch again" in page(client, f"/queues/{emails.uid}")
    client.post(f"/queues/{emails.uid}/resume")
    assert not Queue.objects.get().paused


def test_an_entity_shows_its_queues_when_it_has_some(client_of: ClientOf, emails: Queue) -> None:
    add_entity("other")
    client = client_of(Role.VIEWER)
    html = page(client, "/entities/shop")
    assert 'id="queues-title"' in html
    assert f'href="/queues/{emails.uid}"' in html
    assert 'id="queues-title"' not in page(client, "/entities/other")


def test_a_queue_is_added_changed_and_deleted_by_a_form(client_of: ClientOf, emails: Queue) -> None:
    client = client_of(Role.EDITOR)
    assert 'id="kind-redis"' in page(client, "/new/queue")
    assert 'name="key"' in page(client, "/new/queue?kind=redis&entity=shop")
    typed = {
        "kind": "redis", "entity": "shop", "name": "jobs", "url": "redis://10.0.0.9:6379/0", "key": "jobs",
        "structure": "list", "next_at": "right", "score": "none", "max_deliveries": "5", "max_size": "100",
        "interval": "10s", "timeout": "5s", "breach_within": "15m", "password": "hunter2", "verify_tls": "on",
    }  # fmt: skip
    made = client.post("/new/queue", typed)
    jobs = Queue.objects.get(name="jobs")
    assert (made.status_code, made["Location"]) == (302, f"/queues/{jobs.uid}")
    assert (jobs.max_size, jobs.interval_ms) == (100, 10_000)
    edit = page(client, f"/queues/{jobs.uid}/edit")
    assert "hunter2" not in edit
    stored = re.search(r'name="password"\s+value="([^"]+)"', edit)
    assert stored
    changed = {**typed, "editing": jobs.uid, "version": "1", "max_size": "", "password": stored[1]}
    assert client.post(f"/queues/{jobs.uid}/edit", changed).status_code == 302
    jobs.refresh_from_db()
    assert jobs.max_size is None
    assert "password" in jobs.config
    assert client.post(f"/queues/{jobs.uid}/edit", {**changed, "name": "other"}).status_code == 412
    assert client.post(f"/queues/{jobs.uid}/delete", {"confirm": "job"}).status_code == 422
    assert client.post(f"/queues/{jobs.uid}/delete", {"confirm": "jobs"}).status_code == 302
    assert not Queue.objects.filter(name="jobs").exists()


def test_a_form_says_what_is_wrong_beside_the_field(client_of: ClientOf, emails: Queue) -> None:
    client = client_of(Role.EDITOR)
    typed = {
        "kind": "redis", "entity": "shop", "name": "emails", "url": "redis://169.254.169.254/0", "key": "jobs",
        "max_size": "many", "structure": "list", "next_at": "right", "score": "none", "max_deliveries": "5",
    }  # fmt: skip
    refused = client.post("/new/queue", typed)
    html = refused.content.decode()
    assert refused.status_code == 422
    assert "The entity already has a queue of this name" in html
    assert html.count('aria-invalid="true"') >= 2
    note = client.post("/new/queue/field?field=entity", {**typed, "entity": ""}).content.decode()
    assert "Required" in note
    assert not Queue.objects.filter(config__key="jobs").exists()
    assert client_of(Role.OPERATOR).post("/new/queue", typed).status_code == 403
