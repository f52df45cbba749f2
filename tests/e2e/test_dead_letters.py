"""Dead letters of a real stream in a real browser: found by a text, put back, discarded."""

from pathlib import Path

import pytest
import redis

from core.permissions import Role
from ops.queues.models import Queue
from tests.browser import SignIn
from tests.fleet import add_fleet, add_queues
from tests.services import free_port, run_valkey


@pytest.mark.parametrize("width", [1440, 390])
def test_dead_letters_are_retried_and_discarded_by_a_text(sign_in: SignIn, tmp_path: Path, width: int) -> None:
    add_fleet()
    add_queues()
    with run_valkey(tmp_path, port=free_port()) as url, redis.Redis.from_url(url) as server:
        stream = {"url": url, "key": "jobs", "structure": "stream", "group": "mailers"}
        Queue.objects.filter(name="emails").update(config=stream)
        ids = [server.xadd("jobs", {"to": to}) for to in ("ada", "bob", "eve")]
        server.xgroup_create("jobs", "mailers", id="0")
        server.xreadgroup("mailers", "one", {"jobs": ">"})
        server.xclaim("jobs", "mailers", "one", 0, ids, retrycount=9)
        visitor = sign_in(Role.OPERATOR, width=width)
        page = visitor.open(f"/queues/{Queue.objects.get(name='emails').uid}")
        page.get_by_role("button", name="Dead letters").click()
        page.get_by_text("By text").click()
        page.get_by_label("All whose body contains").fill("bob")
        assert visitor.accessibility_violations() == []
        assert visitor.scroll_width() <= width

        page.get_by_role("button", name="Retry all with this text").click()
        page.get_by_text("Put 1 message back").wait_for()
        page.locator(".message-list li").nth(2).wait_for(state="detached")
        assert [fields[b"to"] for _id, fields in server.xrange("jobs")] == [b"ada", b"eve", b"bob"]

        if not page.get_by_label("All whose body contains").is_visible():
            page.get_by_text("By text").click()
        page.get_by_label("All whose body contains").fill("ada")
        page.get_by_role("button", name="Discard all with this text").click()
        page.get_by_text("Discarded 1 message").wait_for()
        assert [fields[b"to"] for _id, fields in server.xrange("jobs")] == [b"eve", b"bob"]
        assert visitor.complaints == []
