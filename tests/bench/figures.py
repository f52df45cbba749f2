"""What the bench measured: figures, as the file for machines and as the table of the documents."""

import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

MARKS = ("<!-- bench: begin -->", "<!-- bench: end -->")


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. ``peer`` did the same work in the same rounds, ``budget`` is the most that the design allows.

    ``peer_then`` is what the peer cost on the machine that the budget was set on: a slower machine is slower for both.
    """

    name: str
    unit: str
    value: float
    peer_name: str = ""
    peer: float | None = None
    budget: float | None = None
    peer_then: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as much the peer needs."""
        return None if self.peer is None or not self.value else self.peer / self.value

    @property
    def ok(self) -> bool | None:
        """Within the budget, or within the share of the peer that the budget was then."""
        if self.budget is None:
            return None
        return self.value <= self.budget or (self.wanted_ratio is not None and (self.ratio or 0) >= self.wanted_ratio)

    @property
    def wanted_ratio(self) -> float | None:
        return None if self.budget is None or self.peer_then is None else self.peer_then / self.budget

    def as_record(self) -> dict[str, object]:
        return {
            "name": self.name,
            "unit": self.unit,
            "value": _rounded(self.value),
            "peer": _rounded(self.peer),
            "peer_name": self.peer_name,
            "ratio": _rounded(self.ratio),
            "budget": self.budget,
            "peer_then": self.peer_then,
            "ok": self.ok,
        }


_FIELDS = ("name", "unit", "value", "peer_name", "peer", "budget", "peer_then")


def figure_of(record: Mapping[str, object]) -> Figure:
    return Figure(**{name: record[name] for name in _FIELDS})  # type: ignore[arg-type]


def _rounded(value: float | None) -> float | None:
    """Three digits that mean something."""
    return None if value is None else float(f"{value:.3g}")


def process_clock(pid: int) -> float:
    """CPU seconds, user and system, that a process and its threads have used; to the nanosecond, unlike its /proc."""
    return time.clock_gettime(~pid << 3 | 2)  # the kernel's name for that clock: MAKE_PROCESS_CPUCLOCK


@dataclass(frozen=True, slots=True)
class Contender:
    """``run`` does the work once and says how many units that was; ``clock`` tells CPU seconds of whoever works.

    ``prepare`` goes before each run and is not measured.
    """

    name: str
    run: Callable[[], int]
    clock: Callable[[], float] = time.process_time
    prepare: Callable[[], object] = lambda: None


def compare(contenders: Sequence[Contender], *, rounds: int) -> dict[str, float]:
    """CPU seconds a unit of each: the median of rounds in which they take turns, after one round to warm up."""
    samples: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for number in range(rounds + 1):
        for contender in contenders:
            contender.prepare()
            started = contender.clock()
            units = contender.run()
            if number:
                samples[contender.name].append((contender.clock() - started) / units)
    return {name: statistics.median(found) for name, found in samples.items()}


def write_json(file: Path, figures: Sequence[Figure]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps([figure.as_record() for figure in figures], indent=1) + "\n")


def write_table(document: Path, figures: Sequence[Figure]) -> None:
    """Between the marks of the document; the rest of it stays."""
    text = document.read_text()
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    document.write_text(f"{before}{MARKS[0]}\n{render_table(figures)}\n{MARKS[1]}{after}")


def render_table(figures: Sequence[Figure]) -> str:
    lines = ["| Work | Measured | Budget | Peer | Peer needs |", "|---|---|---|---|---|"]
    for figure in figures:
        budget = "-" if figure.budget is None else f"{figure.budget:g}{'' if figure.ok else ' **missed**'}"
        peer = f"{figure.peer_name}, {_rounded(figure.peer):g}" if figure.peer is not None else "-"
        ratio = "-" if figure.ratio is None else f"{figure.ratio:.1f}x"
        if figure.wanted_ratio is not None:
            ratio += f" ({figure.wanted_ratio:.1f}x wanted)"
        lines.append(f"| {figure.name} | {_rounded(figure.value):g} {figure.unit} | {budget} | {peer} | {ratio} |")
    return "\n".join(lines)
