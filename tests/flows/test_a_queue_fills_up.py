"""The story of a queue: a list fills over its limit, the operator looks into it, purges it, and all is well again."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.db import connection
from playwright.sync_api import expect

from core.clock import database_now_ms
from core.egress import current_policy
from core.models import AuditEntry
from core.permissions import Role, system_principal
from ops.queues.definition import parse_queue
from ops.queues.engine.sampling import SampledQueues
from ops.queues.models import QueueState
from ops.queues.services import create_queue
from ops.sampling.sampler import Sampler
from tests.browser import SignIn
from tests.entities.catalogue import add_entity
from tests.fleet import show_signs_of_life
from tests.services import free_port, run_valkey

SEEN_MS = 20_000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[redis.Redis]:
    with run_valkey(tmp_path, port=free_port()) as url, redis.Redis.from_url(url) as client:
        yield client


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """What the worker does, in a thread: every queue is looked at again and again."""
    stop = threading.Event()

    def work() -> None:
        sampler = Sampler(SampledQueues(), current_policy())
        try:
            while not stop.wait(0.3):
                show_signs_of_life()
                running = QueueState.objects.exclude(next_due_ms=None)
                running.update(next_due_ms=database_now_ms(), lease_until_ms=0)
                sampler.run_due()
        finally:
            sampler.close()
            connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(30)


def test_a_queue_fills_over_its_limit_is_purged_and_is_healthy_again(
    sign_in: SignIn, broker: redis.Redis, worker: None
) -> None:
    add_entity("shop")
    port = broker.get_connection_kwargs()["port"]
    fields = {"name": "jobs", "kind": "redis", "url": f"redis://127.0.0.1:{port}/0", "key": "jobs", "max_size": 3}
    create_queue(principal=system_principal("tester"), entity_ref="shop", definition=parse_queue(fields))
    visitor = sign_in(Role.OPERATOR)
    page = visitor.open("/queues")
    row = page.locator("tr[data-row]")
    expect(row).to_contain_text("Healthy", timeout=SEEN_MS)

    broker.rpush("jobs", *(f'{{"order": {number}, "password": "hunter2"}}' for number in range(5)))
    expect(row).to_contain_text("Unhealthy", timeout=SEEN_MS)
    expect(row).to_contain_text("5 waiting, limit 3")
    page.get_by_role("link", name="shop / jobs").click()
    page.wait_for_url("**/queues/que_*")
    expect(page.locator(".standing-word")).to_have_text("Unhealthy")
    expect(page.locator(".chart canvas").first).to_be_visible()

    page.get_by_role("button", name="Peek").click()
    expect(page.locator(".message-list > li")).to_have_count(5)
    expect(page.locator(".message-list")).to_contain_text('"order":4')
    assert "hunter2" not in page.content()

    page.get_by_role("button", name="Purge…").click()
    dialog = page.get_by_role("dialog", name="Purge jobs")
    confirm = dialog.get_by_label("Type jobs to confirm")
    expect(confirm).to_be_focused()
    confirm.fill("job")
    confirm.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("Type the name of the queue, jobs")
    assert broker.llen("jobs") == 5
    confirm.fill("jobs")
    dialog.get_by_role("button", name="Purge jobs").click()
    expect(dialog).to_be_hidden()
    expect(page.locator("#toasts")).to_contain_text("Purged 5 messages")
    assert broker.llen("jobs") == 0
    expect(page.locator(".standing-word")).to_have_text("Healthy", timeout=SEEN_MS)
    expect(page.locator(".figure").first).to_have_text("0")

    actions = AuditEntry.objects.filter(actor="user:operator").order_by("id").values_list("action", flat=True)
    assert list(actions) == ["queue.peek", "queue.purge"]
    assert [line for line in visitor.complaints if "422" not in line] == []
