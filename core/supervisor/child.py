"""One supervised process: how it starts, what it says, how it ends."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.lifeline import die_with_parent
from core.supervisor.log_files import RotatingFile

STABLE_AFTER_SECONDS = 60.0
FIRST_BACKOFF_SECONDS = 1.0
MAX_BACKOFF_SECONDS = 30.0


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """``drain_seconds`` is the time a child gets between SIGTERM and SIGKILL; ``prepare`` runs before each start.

    One that is not ``first`` starts when the web server answers, so that a person does not wait for it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    drain_seconds: float
    prepare: Callable[[], None] = field(default=_nothing)
    first: bool = True


class Child:
    """A process in a session of its own, so that a terminal's Ctrl-C reaches the supervisor alone.

    Its output comes through a pipe, whose end ``pipe`` the owner watches, into a rotating file.
    """

    def __init__(self, spec: ChildSpec, logs: Path) -> None:
        self.spec = spec
        self.log = RotatingFile(logs / f"{spec.name}.log")
        self.pipe: int | None = None
        self.restart_at: float | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._backoff = FIRST_BACKOFF_SECONDS

    def start(self) -> None:
        """Raises ``OSError`` when the program cannot be executed."""
        self.spec.prepare()
        supervisor = os.getpid()
        self.restart_at = None
        self._started_at = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - the commands are ours
            self.spec.command,
            env=self.spec.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(supervisor),  # noqa: PLW1509 - the supervisor has one thread
        )
        assert self._process.stdout is not None
        self.pipe = self._process.stdout.fileno()
        os.set_blocking(self.pipe, False)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def uptime(self) -> float:
        return time.monotonic() - self._started_at

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def take_exit_code(self) -> int | None:
        """The exit code of a process that just ended, once; None while it runs or when none was started.

        What is left of its session is killed, so that a new start finds its ports and files free.
        """
        if self._process is None or (code := self._process.poll()) is None:
            return None
        self.signal(signal.SIGKILL)
        self.read_output()
        self._close_pipe()
        self._process = None
        return code

    def schedule_restart(self) -> float:
        """Seconds until it is started again: doubled at each failure, small again after a stable minute."""
        if self.uptime >= STABLE_AFTER_SECONDS:
            self._backoff = FIRST_BACKOFF_SECONDS
        delay = self._backoff
        self._backoff = min(self._backoff * 2, MAX_BACKOFF_SECONDS)
        self.restart_at = time.monotonic() + delay
        return delay

    def signal(self, number: signal.Signals) -> None:
        """SIGTERM goes to the process, which ends its own workers; SIGKILL to its whole session."""
        if self._process is None:
            return
        try:
            if number is signal.SIGKILL:
                os.killpg(self._process.pid, number)
            else:
                os.kill(self._process.pid, number)
        except ProcessLookupError:
            pass

    def read_output(self) -> None:
        while self.pipe is not None:
            try:
                chunk = os.read(self.pipe, 65_536)
            except BlockingIOError:
                return
            if not chunk:
                self._close_pipe()
                return
            self.log.write(chunk)

    def _close_pipe(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()
        self.pipe = None
