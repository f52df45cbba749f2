"""Celery's processes end within the time that the supervisor gives them."""

import os
import subprocess
import sys
import textwrap
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from core.broker import SteadyConnection
from tests.core.instances import CODE
from tests.services import free_port

WORK = """
    import atexit, os, signal
    from core import leaving

    class Held:
        def __del__(self):
            os.write(1, b"taken apart ")

    def end(_number, _frame):
        raise SystemExit

    held = Held()
    held.itself = held
    leaving.prepare_to_leave()
    atexit.register(print, "others are done ", end="")
    signal.signal(signal.SIGTERM, end)
"""


def run(end: str) -> subprocess.CompletedProcess[str]:
    program = textwrap.dedent(WORK) + "\n" + textwrap.dedent(end)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "core.settings"}
    return subprocess.run(
        [sys.executable, "-c", program], cwd=CODE, env=environment, capture_output=True, text=True, check=False
    )


def test_who_is_told_to_end_does_what_others_registered_and_collects_nothing() -> None:
    done = run("leaving.leave_when_told(); os.kill(os.getpid(), signal.SIGTERM)")

    assert (done.returncode, done.stdout) == (0, "others are done ")


def test_who_was_not_told_ends_as_any_program() -> None:
    done = run("leaving.leave_when_told(); raise ValueError")

    assert (done.returncode, done.stdout) == (1, "others are done taken apart ")


def test_the_worker_leaves_with_its_own_exit_code() -> None:
    done = run("""
        import core.celery
        from celery import signals
        class Worker:
            exitcode = 70
        signals.worker_shutdown.send(sender=Worker())
    """)

    assert done.returncode == 70
    assert "taken apart" not in done.stdout


def test_who_waits_for_the_broker_looks_every_second_whether_it_is_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", seen.append)
    connection = SteadyConnection(f"redis://127.0.0.1:{free_port()}/0")  # type: ignore[no-untyped-call]

    with pytest.raises(OperationalError):
        connection.ensure_connection(lambda _error, _interval: None, 6, callback=lambda: seen.append("asked"))

    unasked = "".join("." if item == "asked" else "x" * round(item * 10) for item in seen).split(".")
    assert max(len(tenths) for tenths in unasked) <= 10
