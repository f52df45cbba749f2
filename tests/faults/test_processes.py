"""The processes of a real instance, killed and frozen. Each test quotes the promise that it holds."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.core.instances import CODE
from tests.faults.watched import Watched, watched
from tests.services import wait_for

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One that every test of this module hurts; it heals."""
    with watched(tmp_path_factory.mktemp("watched")) as instance:
        yield instance


@pytest.fixture(autouse=True)
def _healed(one: Watched) -> None:
    wait_for(lambda: one.get("/readyz")[0] == 200, seconds=60, what="the instance to be well")
    one.wait_for_results(seconds=30)


@pytest.mark.parametrize("role", ["worker", "scheduler", "web"])
def test_a_killed_process_is_made_up_for(one: Watched, role: str) -> None:
    """Execution: "at least once within lease + 10 s of a crash"; scheduling: "one result at most per (check, slot); a
    missed slot is counted, never silently skipped; no drift"."""
    one.family(role)[0].kill()

    one.wait_for_results(seconds=40)
    wait_for(lambda: one.get("/")[0] == 200, seconds=20, what="a page")
    one.assert_every_slot_has_one_result_or_is_counted()


@pytest.mark.parametrize("role", ["worker", "scheduler"])
def test_a_frozen_process_is_told(one: Watched, role: str) -> None:
    """A dead scheduler or worker: "shown within 3 intervals: checks turn `unknown`, the banner says why, `/readyz`
    fails"."""
    roles = ("worker",) if role == "worker" else ("scheduler",)
    with one.frozen(*roles):
        one.assert_blind(f"the {role} has been silent", seconds=25)
        if role == "worker":
            one.assert_unknown(seconds=10)

    one.wait_for_results(seconds=40)
    wait_for(lambda: b"Quarterdeck is blind" not in one.get("/")[1], seconds=20, what="the end of the banner")
    one.assert_every_slot_has_one_result_or_is_counted()


def test_a_frozen_web_server_holds_up_no_check(one: Watched) -> None:
    """Scheduling: "a missed slot is counted, never silently skipped"; a page is no part of it."""
    with one.frozen("web"):
        one.wait_for_results(seconds=15)
        one.wait_for_results(seconds=15)

    wait_for(lambda: one.get("/")[0] == 200, seconds=40, what="a page")
    one.assert_every_slot_has_one_result_or_is_counted()


def test_a_second_scheduler_does_no_harm(one: Watched) -> None:
    """ "Beat may run twice without harm": one result at most per (check, slot)."""
    command = [sys.executable, "-m", "celery", "--quiet", "--app", "core.celery:app", "beat", "--pidfile="]
    environment = {**one.environment, "PYTHONPATH": str(CODE), "DJANGO_SETTINGS_MODULE": "core.settings"}
    second = subprocess.Popen(
        command, env=environment, cwd=one.instance.data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 8
        while time.monotonic() < until:
            one.wait_for_results(seconds=15)
            assert second.poll() is None
    finally:
        second.kill()
        second.wait(10)

    one.assert_every_slot_has_one_result_or_is_counted()
