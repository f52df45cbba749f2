"""The fleet of ``make demo``: what each process does when, and the whole of it in a real instance."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.resilience4j import Breaker, render_page
from deploy.demo.trouble import FLEET, Member, Mood, Role, current_mood, mood_file
from ops.breakers.sources.mapped_page import read_breakers
from ops.breakers.sources.scrape import ScrapeConfig
from tests.core.instances import CODE, Instance, seed_static_files
from tests.core.test_supervisor import all_gone
from tests.services import free_port, wait_for


class Demo(Instance):
    """``python -m deploy.demo``; ``order`` sets the mood of one of its processes."""

    def start(self) -> None:
        command = [sys.executable, "-m", "deploy.demo", "--data", str(self.data), "--port", str(self.port)]
        hostile = {
            "QUARTERDECK_DATA_DIR": "/nonexistent",
            "QUARTERDECK_DATABASE_URL": "postgresql://nobody@127.0.0.1/x",
        }
        with self._console.open("wb") as console:
            self._process = subprocess.Popen(
                command, cwd=CODE, env={**os.environ, **hostile}, stdout=console, stderr=console
            )
        wait_for(self._is_up, seconds=90, what="the demo")

    def order(self, name: str, mood: Mood) -> None:
        mood_file(self.data / "fleet", name).write_text(mood)

    def statuses(self) -> dict[str, dict[str, Any]]:
        """By the name of the entity: ``status``, and the ``signals`` that give a reason for it."""
        environment = {**os.environ, "QUARTERDECK_CONFIG": str(self.data / "demo.toml")}
        for name in ("QUARTERDECK_DATA_DIR", "QUARTERDECK_DATABASE_URL", "QUARTERDECK_REDIS_URL"):
            environment.pop(name, None)
        program = (
            "import django, json; django.setup(); from entities.models import Entity; "
            "from ops.statuses.selectors import entity_statuses; "
            "names = dict(Entity.objects.values_list('id', 'name')); "
            "print(json.dumps({names[i]: {'status': s.status, 'signals': sorted({r.signal for r in s.reasons})} "
            "for i, s in entity_statuses(None).items()}))"
        )
        environment |= {"DJANGO_SETTINGS_MODULE": "core.settings", "PYTHONPATH": str(CODE)}
        output = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
        found: dict[str, dict[str, Any]] = json.loads(output.stdout)
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    running = Demo(tmp_path / "demo")
    running.port = free_port()
    try:
        seed_static_files(running.data)
        running.start()
        yield running
    finally:
        running.end()


def test_every_status_shows_soon_and_nothing_is_left_at_the_end(demo: Demo) -> None:
    demo.order("payments-db", Mood.GONE)
    demo.order("recommendations", Mood.FAILING)
    demo.order("search", Mood.SLOW)
    demo.order("orders", Mood.FAILING)
    demo.order("orders-worker", Mood.SLOW)
    expected = {
        "mailer": "healthy", "cache": "healthy", "search": "degraded", "shop": "degraded", "payments-db": "unhealthy",
        "recommendations": "unhealthy", "payments-api": "impacted", "checkout": "impacted", "backup": "healthy",
        "reporting": "paused", "yearly-import": "unknown", "orders": "unhealthy",
    }  # fmt: skip

    def is_as_ordered() -> bool:
        seen = demo.statuses()
        shown = {name: entity["status"] for name, entity in seen.items()}
        return expected.items() <= shown.items() and seen["orders"]["signals"] == ["breaker", "errors", "queue"]

    wait_for(is_as_ordered, seconds=240, what="every status, and the reasons of the orders")
    processes = demo.processes()
    assert len(processes) >= len(FLEET) + 7
    demo.stop(signal.SIGKILL)

    wait_for(lambda: all_gone(processes), seconds=20, what="the end of the fleet")


def test_a_script_repeats_itself() -> None:
    member = Member("api", Role.HTTP, ((Mood.FINE, 10), (Mood.GONE, 5)))

    assert [member.mood_at(second) for second in (0, 9.9, 10, 14.9, 15, 25)] == [
        Mood.FINE, Mood.FINE, Mood.GONE, Mood.GONE, Mood.FINE, Mood.GONE,
    ]  # fmt: skip


def test_an_order_goes_before_the_script(tmp_path: Path) -> None:
    member = Member("api", Role.HTTP)
    assert current_mood(member, 0, tmp_path) is Mood.FINE

    mood_file(tmp_path, "api").write_text("slow\n")
    assert current_mood(member, 0, tmp_path) is Mood.SLOW

    mood_file(tmp_path, "api").write_text("merry")
    assert current_mood(member, 0, tmp_path) is Mood.FINE


def test_within_two_minutes_every_process_shows_every_mood_of_its_script() -> None:
    for member in FLEET:
        seen = {member.mood_at(second) for second in range(120)}
        assert seen == {mood for mood, _ in member.script}


def test_breakers_follow_their_mood_on_a_page_that_is_read_as_one_of_resilience4j() -> None:
    mapping = ScrapeConfig(url="http://127.0.0.1/metrics").mapping
    tries, recovers = Breaker("payments"), Breaker("payments", retries=False)
    seen = []
    for mood in (Mood.FINE, Mood.FAILING, Mood.SLOW, Mood.FINE):
        for breaker in (tries, recovers):
            breaker.follow(mood, 10.0)
        seen.append([read_breakers(render_page([breaker]), mapping).seen[0].state for breaker in (tries, recovers)])

    assert seen == [["closed", "closed"], ["open", "open"], ["half_open", "closed"], ["closed", "closed"]]
    counters = read_breakers(render_page([tries]), mapping).seen[0].counters
    assert (counters.failures, counters.failure_share) == (50, 0.01)
    assert (counters.not_permitted or 0) > 0
