"""What a part of the bench finds around it."""

from dataclasses import dataclass
from pathlib import Path

from tests.bench.blackbox import Blackbox
from tests.bench.target import Target


@dataclass(frozen=True, slots=True)
class Setting:
    """``vendor`` is the database's; what does not depend on the database is measured on SQLite alone."""

    vendor: str
    rounds: int
    target: Target
    trust: Path
    blackbox: Blackbox | None

    @property
    def where(self) -> str:
        return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[self.vendor]

    @property
    def is_first(self) -> bool:
        return self.vendor == "sqlite"
