"""Starts the children in order, keeps them running, and ends them in the opposite order."""

import contextlib
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from core.supervisor.child import Child

type Say = Callable[[str], None]

HOUSEKEEPING_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 5.0
"""Checks run even when the web server does not come up."""
KILL_SECONDS = 1.0
"""What a killed process may take to disappear."""


class Supervisor:
    """``children`` are in the order of what needs what; they end in the opposite one.

    ``is_up`` is asked until it says yes, then ``on_up`` runs once; ``housekeeping`` runs now and then.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        say: Say,
        is_up: Callable[[], bool],
        on_up: Callable[[], None],
        housekeeping: Callable[[], None],
    ) -> None:
        self._children = children
        self._say = say
        self._is_up = is_up
        self._on_up = on_up
        self._housekeeping = housekeeping
        self._up = False
        self._stop_requests = 0
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Until SIGTERM, SIGINT or SIGHUP. No child is left when it returns."""
        with self._watch_signals():
            try:
                for child in self._children:
                    if child.spec.first:
                        self._start(child)
                    else:
                        child.restart_at = time.monotonic() + LONGEST_WAIT_SECONDS
                self._supervise()
            finally:
                self._drain()
                self._selector.close()

    def _supervise(self) -> None:
        housekeeping_at = time.monotonic() + HOUSEKEEPING_SECONDS
        while not self._stop_requests:
            self._turn(1.0 if self._up else 0.1)
            now = time.monotonic()
            for child in self._children:
                self._look_after(child, now)
            if not self._up and self._is_up():
                self._up = True
                self._on_up()
                for child in self._children:
                    if not child.spec.first and child.pid is None:
                        child.restart_at = now
            if now >= housekeeping_at:
                housekeeping_at = now + HOUSEKEEPING_SECONDS
                self._housekeeping()

    def _look_after(self, child: Child, now: float) -> None:
        if child.restart_at is not None:
            if now >= child.restart_at:
                self._start(child)
            return
        uptime = child.uptime
        if (code := self._take_exit_code(child)) is not None:
            delay = child.schedule_restart()
            self._say(
                f"{child.spec.name} ended after {uptime:.0f} s ({_describe(code)}); "
                f"it starts again in {delay:g} s. Its log: {child.log.path}"
            )

    def _start(self, child: Child) -> None:
        try:
            child.start()
        except OSError as error:
            delay = child.schedule_restart()
            self._say(f"{child.spec.name} cannot be started: {error.strerror}; next try in {delay:g} s.")
        else:
            assert child.pipe is not None
            self._selector.register(child.pipe, selectors.EVENT_READ, child)

    def _take_exit_code(self, child: Child) -> int | None:
        pipe = child.pipe
        if child.is_running():
            return None
        if pipe is not None:
            self._selector.unregister(pipe)
        return child.take_exit_code()

    def _turn(self, timeout: float) -> None:
        """Wait for output, a signal or the timeout, and write what the children said."""
        for key, _ in self._selector.select(timeout):
            child: Child | None = key.data
            if child is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 4096)
                continue
            child.read_output()
            if child.pipe is None:
                self._selector.unregister(key.fd)

    def _drain(self) -> None:
        asked = self._stop_requests
        for child in reversed(self._children):
            child.restart_at = None
            if not child.is_running():
                self._take_exit_code(child)
                continue
            child.signal(signal.SIGTERM)
            deadline = time.monotonic() + child.spec.drain_seconds
            while child.is_running() and time.monotonic() < deadline and self._stop_requests <= asked:
                self._turn(0.05)
            if child.is_running():
                self._say(f"{child.spec.name} did not end by itself and is killed.")
            child.signal(signal.SIGKILL)
            deadline = time.monotonic() + KILL_SECONDS
            while child.is_running() and time.monotonic() < deadline:
                self._turn(0.02)
            self._take_exit_code(child)
            child.log.close()

    @contextlib.contextmanager
    def _watch_signals(self) -> Iterator[None]:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        self._selector.register(reader, selectors.EVENT_READ, None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # nohup ignores SIGHUP on purpose; a shell ignores SIGINT for whatever it starts in the background.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._request_stop)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            os.close(reader)
            os.close(writer)

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requests += 1


def _describe(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
