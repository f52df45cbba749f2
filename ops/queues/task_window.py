"""The last five minutes of tasks, in steps that are forgotten one by one. Pure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from core.latency import percentiles_us
from ops.queues.task_events import Task, Totals, totals_of

STEP_SECONDS = 30.0
STEPS = 10
SHARES = (0.5, 0.95, 0.99)


class Recent(NamedTuple):
    """Percentiles are of ``SHARES``, in microseconds."""

    totals: Totals
    runtime_us: list[float | None]
    wait_us: list[float | None]


@dataclass(slots=True)
class _Step:
    starts_at: float
    totals: dict[Task, Totals] = field(default_factory=dict)


class TaskWindow:
    """Times are of a clock that does not go back."""

    def __init__(self, now: float) -> None:
        self._steps: deque[_Step] = deque([_Step(now)])

    def add(self, heard: Mapping[Task, Totals], *, now: float) -> set[Task]:
        """What was heard since it was asked last; the tasks of steps that are forgotten now."""
        if now - self._steps[-1].starts_at >= STEP_SECONDS:
            self._steps.append(_Step(now))
        step = self._steps[-1]
        for task, totals in heard.items():
            totals_of(step.totals, task).merge(totals)
        forgotten: set[Task] = set()
        while len(self._steps) > 1 and self._steps[0].starts_at <= now - STEP_SECONDS * STEPS:
            forgotten |= self._steps.popleft().totals.keys()
        return forgotten

    def tasks(self) -> set[Task]:
        return {task for step in self._steps for task in step.totals}

    def seconds(self, now: float) -> float:
        """How much of it there was."""
        return now - self._steps[0].starts_at

    def recent(self, task: Task) -> Recent:
        merged = Totals()
        for step in self._steps:
            if (totals := step.totals.get(task)) is not None:
                merged.merge(totals)
        return Recent(merged, percentiles_us(merged.runtime, *SHARES), percentiles_us(merged.wait, *SHARES))
