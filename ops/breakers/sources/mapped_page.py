"""Breakers on a page of metrics, found by a mapping from its names and labels. Pure, in time linear in the page."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from ops.breakers.domain import COUNT_MAX, BreakerState, Counters
from ops.breakers.models import INSTANCE_MAX, NAME_MAX
from ops.breakers.sources.source import SEEN_MAX, Seen, Survey
from ops.probing.metrics_page import read_series

type Key = tuple[str, str]
"""The name of a breaker and its instance, as the labels say them."""
type Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PageMapping:
    """Where a page tells what.

    ``state_label`` names the label that holds the state of a one-hot metric; without one its value is the state, and
    ``states`` is keyed by the number as text. A name of a metric that is empty is not read. Calls whose label ``kind``
    is one of ``failed_kinds`` failed.
    """

    metric: str
    name_label: str
    states: Mapping[str, BreakerState]
    state_label: str = ""
    instance_label: str = ""
    calls_metric: str = ""
    not_permitted_metric: str = ""
    buffered_metric: str = ""
    slow_metric: str = ""
    failure_rate_metric: str = ""
    slow_rate_metric: str = ""
    failed_kinds: Collection[str] = ("failed",)


@dataclass(slots=True)
class _Told:
    states: set[BreakerState] = field(default_factory=set)
    strange: str = ""


def read_breakers(page: str, mapping: PageMapping) -> Survey:
    """Every breaker on the page. One whose states contradict each other, or are not in the mapping, is unknown."""
    told, left_out = _read_states(page, mapping)
    counters = _read_counters(page, mapping, told)
    seen = []
    for key, found in told.items():
        is_clear = len(found.states) == 1
        state = next(iter(found.states)) if is_clear else BreakerState.UNKNOWN
        seen.append(Seen(key[0], state, key[1], counters[key], "" if is_clear else _explain(found)))
    return Survey(seen, left_out)


def _read_states(page: str, mapping: PageMapping) -> tuple[dict[Key, _Told], int]:
    told: dict[Key, _Told] = {}
    left_out = set[Key]()
    for labels, value in read_series(page, mapping.metric):
        key = _key_of(labels, mapping)
        if key not in told:
            if len(told) >= SEEN_MAX or not _is_kept(key):
                left_out.add(key)
                continue
            told[key] = _Told()
        _take_state(told[key], labels, value, mapping)
    return told, len(left_out)


def _take_state(told: _Told, labels: Labels, value: float, mapping: PageMapping) -> None:
    if not mapping.state_label:
        word = f"{value:g}"
    elif math.isfinite(value) and value > 0:
        word = labels.get(mapping.state_label, "").lower()
    else:
        return
    state = mapping.states.get(word)
    if state is None:
        told.strange = told.strange or word
    else:
        told.states.add(state)


def _explain(told: _Told) -> str:
    if told.states:
        return f"says that it is {' and '.join(sorted(state.words for state in told.states))}"
    return f"its state {told.strange[:40]!r} is not in the mapping" if told.strange else "does not say its state"


def _key_of(labels: Labels, mapping: PageMapping) -> Key:
    return labels.get(mapping.name_label, ""), labels.get(mapping.instance_label, "") if mapping.instance_label else ""


def _is_kept(key: Key) -> bool:
    name, instance = key
    return 0 < len(name) <= NAME_MAX and len(instance) <= INSTANCE_MAX and (name + instance).isprintable()


def _read_counters(page: str, mapping: PageMapping, keys: Collection[Key]) -> dict[Key, Counters]:
    calls, failures = dict[Key, float](), dict[Key, float]()
    for key, labels, value in _values(page, mapping.calls_metric, mapping, keys):
        calls[key] = calls.get(key, 0) + value
        failed = value if labels.get("kind") in mapping.failed_kinds else 0
        failures[key] = failures.get(key, 0) + failed
    not_permitted = _sums(page, mapping.not_permitted_metric, mapping, keys)
    buffered = _sums(page, mapping.buffered_metric, mapping, keys)
    slow = _sums(page, mapping.slow_metric, mapping, keys)
    failure_rates = _sums(page, mapping.failure_rate_metric, mapping, keys)
    slow_rates = _sums(page, mapping.slow_rate_metric, mapping, keys)
    return {
        key: Counters(
            calls=_count(calls.get(key)),
            failures=_count(failures.get(key)),
            slow=_count(slow.get(key)),
            not_permitted=_count(not_permitted.get(key)),
            buffered=_count(buffered.get(key)),
            failure_share=_share(failure_rates.get(key)),
            slow_share=_share(slow_rates.get(key)),
        )
        for key in keys
    }


def _values(page: str, metric: str, mapping: PageMapping, keys: Collection[Key]) -> Iterator[tuple[Key, Labels, float]]:
    """What is a number and not negative: a rate of -1 says that there were too few calls to tell."""
    if not metric:
        return
    for labels, value in read_series(page, metric):
        key = _key_of(labels, mapping)
        if key in keys and math.isfinite(value) and value >= 0:
            yield key, labels, value


def _sums(page: str, metric: str, mapping: PageMapping, keys: Collection[Key]) -> dict[Key, float]:
    sums: dict[Key, float] = {}
    for key, _labels, value in _values(page, metric, mapping, keys):
        sums[key] = sums.get(key, 0) + value
    return sums


def _count(value: float | None) -> int | None:
    return None if value is None else int(min(value, COUNT_MAX))


def _share(percent: float | None) -> float | None:
    return None if percent is None else min(percent / 100, 1.0)
