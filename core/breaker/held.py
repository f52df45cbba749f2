"""What operators were last seen to hold open: it goes on holding while the shared store is lost."""

from collections.abc import Callable
from dataclasses import replace

from core.breaker.machine import BreakerState
from core.breaker.storage import Standing


class HeldOpen:
    """The standings of one process, each until its end by ``monotonic``, in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._held: dict[str, tuple[Standing, float]] = {}

    def learn(self, standing: Standing) -> None:
        """What the shared store says of a breaker now."""
        if standing.state is not BreakerState.FORCED_OPEN:
            self._held.pop(standing.name, None)
            return
        left_ms = standing.until_ms - standing.at_ms if standing.until_ms else float("inf")
        self._held[standing.name] = standing, self._monotonic() + left_ms / 1_000

    def __contains__(self, name: str) -> bool:
        """Whether it was seen to be held, be it over or not."""
        return name in self._held

    def standing_of(self, name: str) -> Standing | None:
        """The refusal of a breaker that is held open still, as of now."""
        standing, ends_at = self._held.get(name, (None, 0.0))
        if standing is None:
            return None
        left = ends_at - self._monotonic()
        if left <= 0:
            return None
        at_ms = standing.until_ms - round(left * 1_000) if standing.until_ms else standing.at_ms
        return replace(standing, admitted=False, retry_at_ms=standing.until_ms, at_ms=at_ms)
