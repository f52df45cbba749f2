"""How many entities have which status: what a verdict says, of the whole fleet or of a part of it."""

from collections.abc import Mapping
from dataclasses import dataclass

TROUBLE = ("unhealthy", "degraded")
_LOUD = (*TROUBLE, "impacted", "unknown")


@dataclass(frozen=True, slots=True)
class Part:
    word: str
    count: int


@dataclass(frozen=True, slots=True)
class Tally:
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def is_all_well(self) -> bool:
        return not any(self.counts.get(word) for word in _LOUD)

    @property
    def parts(self) -> list[Part]:
        return [Part(word, self.counts[word]) for word in (*_LOUD, "healthy") if self.counts.get(word)]

    @property
    def asides(self) -> str:
        return ", ".join(f"{self.counts[word]:,} {word}" for word in ("maintenance", "paused") if self.counts.get(word))
