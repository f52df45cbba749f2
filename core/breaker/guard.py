"""Circuit breakers around calls: a decorator and two context managers, for functions and for coroutines.

    payments = Breaker("payments-api", Policy(), storage)

    @payments
    def charge(...): ...

    async with payments.aguard():
        ...

While it is closed a call costs a look at the clock and a note of how it went; the shared record is read and told at
most a second later, and at once after a failure. ``CircuitOpen`` is raised for a call that must not go out.

When the shared store is lost, each process goes on with a breaker of its own and with at most ``ALONE_CALLS`` calls at
once: nothing is let through unseen, and many processes do not overrun a target that fails. What an operator was last
seen to hold open stays so until its end.
"""

import asyncio
import contextlib
import functools
import inspect
import threading
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

import structlog

from core.breaker.held import HeldOpen
from core.breaker.machine import BreakerState, Call, Policy, letter_of
from core.breaker.storage import MemoryStorage, Operation, Standing, Storage, StorageLost
from core.errors import Unavailable

log = structlog.get_logger(__name__)

TRUSTED_SECONDS = 1.0
"""How long a process goes on with what it last read."""
ALONE_CALLS = 8
STORE_RETRY_SECONDS = 5.0
_NOTES_KEPT = 10_000
_FINE = Call.FINE.value


class CircuitOpen(Unavailable):
    """The call was not made: what it calls failed too often lately, or an operator said so."""

    code = "circuit_open"
    title = "Not called"

    def __init__(self, name: str, *, reason: str, retry_at_ms: int) -> None:
        super().__init__(f"{name} is not called: {reason or 'its circuit is open'}")
        self.name = name
        self.retry_at_ms = retry_at_ms


class _Notes(deque[str]):
    """How calls ended that began in one generation. It is left behind with it, and so are calls that end later."""

    __slots__ = ("generation",)

    def __init__(self, generation: int) -> None:
        super().__init__(maxlen=_NOTES_KEPT)
        self.generation = generation


class _Ticket(NamedTuple):
    started: float
    generation: int
    permit: str
    alone: bool


class Breaker:
    """Thread-safe; one for each name and process. ``failures`` are the exceptions that speak of what is called."""

    def __init__(
        self,
        name: str,
        policy: Policy,
        storage: Storage,
        *,
        failures: tuple[type[BaseException], ...] = (Exception,),
        fallback: Storage | None = None,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name = name
        self.policy = policy
        self._shared = storage
        self._fallback = MemoryStorage() if fallback is None else fallback
        self._failures = failures
        self._monotonic = monotonic
        self._notes = _Notes(0)
        self._held = HeldOpen(monotonic)
        self._trusted_until = float("-inf")
        self._alone_until = float("-inf")
        self._room = threading.BoundedSemaphore(ALONE_CALLS)

    @property
    def is_trusted(self) -> bool:
        """Whether the next call goes out without a question to the store."""
        return self._monotonic() < self._trusted_until

    def call[T](self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Call through the breaker. Raises ``CircuitOpen`` without calling."""
        started = self._monotonic()
        if started >= self._trusted_until:
            return self._call_asking(function, args, kwargs)
        notes = self._notes
        try:
            result = function(*args, **kwargs)
        except self._failures:
            self._note(_Ticket(started, notes.generation, "", alone=False), failed=True)
            raise
        if self.policy.slow_call_ms:
            self._note(_Ticket(started, notes.generation, "", alone=False), failed=False)
        else:
            notes.append(_FINE)
        return result

    def _call_asking[T](self, function: Callable[..., T], args: Any, kwargs: Any) -> T:
        ticket = self.enter()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            self.leave(ticket, error)
            raise
        self.leave(ticket, None)
        return result

    def enter(self) -> _Ticket:
        """Ask for one call; ``leave`` ends it. Raises ``CircuitOpen``."""
        started = self._monotonic()
        if started < self._trusted_until:
            return _Ticket(started, self._notes.generation, "", alone=False)
        permit, alone = uuid.uuid4().hex, False
        try:
            standing = self._ask(self._shared_or_lost(), permit)
        except StorageLost as error:
            self._lose(error)
            standing, alone = self._held.standing_of(self.name) or self._ask(self._fallback, permit), True
        if not standing.admitted:
            raise CircuitOpen(self.name, reason=standing.reason, retry_at_ms=standing.retry_at_ms)
        if alone and not self._room.acquire(blocking=False):
            reason = f"{ALONE_CALLS} calls are out already, and the shared record is out of reach"
            raise CircuitOpen(self.name, reason=reason, retry_at_ms=0)
        held = permit if standing.state is BreakerState.HALF_OPEN else ""
        return _Ticket(self._monotonic(), standing.generation, held, alone)

    def enter_free(self) -> _Notes | None:
        """Where the next call is noted when it goes out without a question, and its speed does not matter."""
        return self._notes if not self.policy.slow_call_ms and self._monotonic() < self._trusted_until else None

    def leave_free(self, notes: _Notes, error: BaseException | None) -> None:
        """``leave`` for a call that ``enter_free`` let out."""
        if error is None:
            notes.append(_FINE)
        elif isinstance(error, self._failures):
            self._note_failure(notes)

    def leave(self, ticket: _Ticket, error: BaseException | None) -> None:
        """``error`` is what the call raised; one that is none of ``failures`` says nothing of what is called,
        and a permit that it held is given out again when its lease ends."""
        if ticket.alone:
            self._room.release()
        failed = isinstance(error, self._failures)
        if error is None or failed:
            self._note(ticket, failed=failed)

    def _note(self, ticket: _Ticket, *, failed: bool) -> None:
        duration_ms = (self._monotonic() - ticket.started) * 1_000
        letter = letter_of(self.policy, failed=failed, duration_ms=duration_ms)
        if ticket.alone:
            self._fallback.run([self._observation(ticket.generation, letter, ticket.permit)])
        elif ticket.permit:
            self._tell([self._observation(ticket.generation, letter, ticket.permit)])
        elif ticket.generation == (notes := self._notes).generation:
            notes.append(letter)
            if failed:
                self._tell([])

    def _note_failure(self, notes: _Notes) -> None:
        notes.append(Call.FAILED)
        self._tell([])

    def _observation(self, generation: int, calls: str, permit: str = "") -> Operation:
        return Operation(self.name, self.policy, "observe", permit=permit, generation=generation, calls=calls)

    def _ask(self, storage: Storage, permit: str) -> Standing:
        """Tell what is noted, and ask for a call, in one step."""
        operations = self._take_notes() if storage is self._shared else []
        standings = storage.run([*operations, Operation(self.name, self.policy, "admit", permit=permit)])
        if storage is self._shared:
            self._learn(standings[-1])
        return standings[-1]

    def _tell(self, operations: list[Operation]) -> None:
        told = [*self._take_notes(), *operations]
        if not told:
            return
        try:
            self._learn(self._shared_or_lost().run(told)[-1])
        except StorageLost as error:
            self._lose(error)

    def _take_notes(self) -> list[Operation]:
        notes, calls = self._notes, []
        with contextlib.suppress(IndexError):
            while True:
                calls.append(notes.popleft())
        return [self._observation(notes.generation, "".join(calls))] if calls else []

    def _learn(self, standing: Standing) -> None:
        if standing.generation != self._notes.generation:
            self._notes = _Notes(standing.generation)
        self._held.learn(standing)
        trusted = standing.state in {BreakerState.CLOSED, BreakerState.DISABLED}
        self._trusted_until = self._monotonic() + TRUSTED_SECONDS if trusted else float("-inf")

    def _shared_or_lost(self) -> Storage:
        if self._monotonic() < self._alone_until:
            raise StorageLost("it did not answer a moment ago")
        return self._shared

    def _lose(self, error: StorageLost) -> None:
        now = self._monotonic()
        if now >= self._alone_until:
            self._alone_until, self._trusted_until = now + STORE_RETRY_SECONDS, float("-inf")
            log.warning("breaker.store_lost", breaker=self.name, error=str(error))

    def guard(self) -> "_Guarded":
        """For ``with``: the body is the call. Raises ``CircuitOpen``."""
        return _Guarded(self)

    @contextlib.asynccontextmanager
    async def aguard(self) -> AsyncIterator[None]:
        """As ``guard``; the loop never waits for the store."""
        ticket = self.enter() if self.is_trusted else await asyncio.to_thread(self.enter)
        try:
            yield
        except BaseException as error:
            await asyncio.to_thread(self.leave, ticket, error)
            raise
        if ticket.permit or ticket.alone:
            await asyncio.to_thread(self.leave, ticket, None)
        else:
            self.leave(ticket, None)

    def __call__[**P, T](self, function: Callable[P, T]) -> Callable[P, T]:
        """Decorate a function or a coroutine function."""
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def guarded_coroutine(*args: P.args, **kwargs: P.kwargs) -> Any:
                async with self.aguard():
                    return await function(*args, **kwargs)

            return guarded_coroutine  # type: ignore[return-value]

        monotonic, judges_speed = self._monotonic, self.policy.slow_call_ms > 0

        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            if judges_speed or monotonic() >= self._trusted_until:
                return self.call(function, *args, **kwargs)
            notes = self._notes
            try:  # as ``call`` does, without the price of passing arguments on twice
                result = function(*args, **kwargs)
            except self._failures:
                self._note_failure(notes)
                raise
            notes.append(_FINE)
            return result

        return guarded


class _Guarded:
    """A class: a generator of ``contextlib`` would cost four times as much."""

    __slots__ = ("_breaker", "_notes", "_ticket")

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._notes: _Notes | None = None
        self._ticket: _Ticket | None = None

    def __enter__(self) -> None:
        self._notes = self._breaker.enter_free()
        if self._notes is None:
            self._ticket = self._breaker.enter()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._notes is not None:
            self._breaker.leave_free(self._notes, error)
        elif self._ticket is not None:
            self._breaker.leave(self._ticket, error)
