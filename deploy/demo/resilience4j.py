"""Circuit breakers that follow a mood, and the page on which Resilience4j exports them. No I/O, no clock."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from deploy.demo.trouble import Mood

CALLS_PER_SECOND = 8.0
WINDOW = 100
STATES = ("closed", "open", "half_open", "forced_open", "disabled", "metrics_only")
_PREFIX = "resilience4j_circuitbreaker_"


@dataclass(slots=True)
class Breaker:
    """One instance's breaker; ``retries`` is whether it tries again while its mood is slow, else it has recovered."""

    name: str
    retries: bool = True
    state: str = "closed"
    counts: dict[str, float] = field(default_factory=lambda: {"successful": 0.0, "failed": 0.0})
    not_permitted: float = 0.0

    def follow(self, mood: Mood, seconds: float) -> None:
        """What ``seconds`` in this mood do to it."""
        calls = CALLS_PER_SECOND * seconds
        if mood is Mood.FAILING:
            if self.state != "open":
                self.counts["failed"] += WINDOW / 2
            self.state = "open"
            self.not_permitted += calls
        elif mood is Mood.SLOW and self.retries:
            self.state = "half_open"
            self.counts["successful"] += calls / 10
            self.not_permitted += calls * 9 / 10
        else:
            self.state = "closed"
            self.counts["successful"] += calls

    @property
    def failed_in_window(self) -> int:
        return {"open": WINDOW // 2, "half_open": 0}.get(self.state, 1)

    @property
    def buffered(self) -> int:
        return 10 if self.state == "half_open" else WINDOW


def render_page(breakers: Iterable[Breaker]) -> str:
    """As Micrometer writes it for Prometheus."""
    lines: dict[str, list[str]] = {}
    for breaker in breakers:
        name, failed = f'name="{breaker.name}"', breaker.failed_in_window
        for state in STATES:
            _add(lines, "state", f'{name},state="{state}"', float(state == breaker.state))
        _add(lines, "failure_rate", name, 100.0 * failed / breaker.buffered)
        _add(lines, "slow_call_rate", name, 0.0)
        for kind, count in (("failed", failed), ("successful", breaker.buffered - failed)):
            _add(lines, "buffered_calls", f'kind="{kind}",{name}', count)
        for kind, total in breaker.counts.items():
            _add(lines, "calls_seconds_count", f'kind="{kind}",{name}', int(total))
        _add(lines, "not_permitted_calls_total", f'kind="not_permitted",{name}', int(breaker.not_permitted))
    page = []
    for metric, series in lines.items():
        kind = "counter" if metric.endswith(("_total", "_count")) else "gauge"
        page += [f"# TYPE {_PREFIX}{metric} {kind}", *series]
    return "\n".join(page) + "\n"


def _add(lines: dict[str, list[str]], metric: str, labels: str, value: float) -> None:
    lines.setdefault(metric, []).append(f"{_PREFIX}{metric}{{{labels},}} {float(value)}")
