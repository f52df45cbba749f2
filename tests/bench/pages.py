"""Pages, polls, scrapes and pings through the real WSGI application."""

import re
from collections.abc import Callable, Iterator
from functools import partial

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from core.wsgi import application
from ops.health.exposition import ProbeSample, publish_samples, render_labels
from ops.health.models import Check
from tests.bench.figures import Contender, Figure, compare
from tests.bench.fleet import add_heartbeat, add_shown_fleet, show_signs_of_life, turn_last_check
from tests.bench.setting import Setting
from tests.bench.web import Browser

FLEETS = (1_000, 10_000)
LABELS_THEN_MS = 313
"""What 40,000 series through ``labels()`` cost where the budget was set."""
FAMILIES = 8
"""Series of one HTTP check."""
_POLL = {"HTTP_HX_REQUEST": "true"}
_LIVE_URL = re.compile(rb'hx-get="([^"]*stamp=[^"]*)"')


def measure_pages(setting: Setting) -> Iterator[Figure]:
    browser = Browser(application)
    for checks in FLEETS:
        add_shown_fleet(checks)
        yield from _measure_views(setting, browser, checks)
    yield from _measure_scrape(setting, browser)
    yield from _measure_ping(setting, browser)


def _measure_views(setting: Setting, browser: Browser, checks: int) -> Iterator[Figure]:
    pages = {"Overview": "/", "Entities": "/entities", "Matrix": "/entities?view=matrix", "Checks": "/checks"}
    sizes = {name: len(browser.get(address)) / 1000 for name, address in pages.items()}
    contenders = [_repeated(name, 5, partial(browser.get, address)) for name, address in pages.items()]
    contenders.append(_repeated("changed", 5, partial(_look_after_change, browser)))
    contenders.append(_idle_poll(browser))
    contenders.append(_repeated("search", 5, partial(browser.get, "/search?q=service-0042", HTTP_HX_REQUEST="true")))
    cost = {name: seconds * 1000 for name, seconds in compare(contenders, rounds=setting.rounds).items()}
    small = checks == FLEETS[0]
    for name in pages:
        title = f"{name} page, {checks:,} checks"
        yield Figure(f"{title}, {setting.where}", "ms", cost[name], budget=30 if small else 100)
        if setting.is_first:
            yield Figure(f"{title}, uncompressed", "kB", sizes[name], budget=200 if small else None)
    yield Figure(
        f"Overview page after a change, {checks:,} checks, {setting.where}", "ms", cost["changed"],
        budget=30 if small else 100,
    )  # fmt: skip
    yield Figure(f"Idle poll of the overview, {checks:,} checks, {setting.where}", "ms", cost["poll"], budget=2)
    yield Figure(f"Search while typing, {checks:,} checks, {setting.where}", "ms", cost["search"], budget=20)


def _look_after_change(browser: Browser) -> None:
    turn_last_check()
    browser.get("/")


def _idle_poll(browser: Browser) -> Contender:
    """Of a page that was opened just now, while scheduler and worker give signs of life."""
    address = ""

    def open_page() -> None:
        nonlocal address
        show_signs_of_life()
        address = _poll_of(browser)

    def run() -> int:
        for _ in range(50):
            browser.get(address, expect=204, **_POLL)
        return 50

    return Contender("poll", run, prepare=open_page)


def _poll_of(browser: Browser) -> str:
    found = _LIVE_URL.search(browser.get("/"))
    assert found is not None
    return found[1].decode().replace("&amp;", "&")


def _repeated(name: str, times: int, call: Callable[[], object]) -> Contender:
    def run() -> int:
        for _ in range(times):
            call()
        return times

    return Contender(name, run)


def _measure_scrape(setting: Setting, browser: Browser) -> Iterator[Figure]:
    """Of the larger fleet, each check with four families. The peer is the same series through ``labels()``."""
    ids = list(Check.objects.values_list("id", "entity__name"))
    phases = {"resolve": 0.000012, "connect": 0.000123, "processing": 0.004567, "transfer": 0.000034}
    for start in range(0, len(ids), 500):
        publish_samples(
            ProbeSample(
                check_id=pk, labels=render_labels(entity=name, check="http", kind="http"), success=True,
                duration_seconds=0.012345, status_code=200, lookup_seconds=0.000012, http_phases=phases,
            )
            for pk, name in ids[start : start + 500]
        )  # fmt: skip
    body = browser.bare_get("/metrics")
    assert body.count(b"\nprobe_success{") == len(ids)
    contenders = [_repeated("own", 3, lambda: browser.bare_get("/metrics"))]
    if setting.is_first:
        registry = CollectorRegistry()
        registry.register(_Labelled(len(ids)))
        contenders.append(_repeated("labels", 1, lambda: generate_latest(registry)))
    cost = {name: seconds * 1000 for name, seconds in compare(contenders, rounds=setting.rounds).items()}
    series = body.count(b"\nprobe_")
    name = f"/metrics with {len(ids):,} checks, {series:,} series, {setting.where}"
    yield Figure(
        name, "ms", cost["own"], "prometheus-client" if "labels" in cost else "", cost.get("labels"), 25, LABELS_THEN_MS
    )


class _Labelled:
    """As many series as the platform's own, through the client library; its gauges would join the platform's files."""

    def __init__(self, checks: int) -> None:
        self._names = [f"service-{number:05}" for number in range(checks)]

    def collect(self) -> Iterator[Metric]:
        for number in range(FAMILIES):
            family = GaugeMetricFamily(f"peer_{number}", "A peer.", labels=["entity", "check", "kind"])
            for name in self._names:
                family.add_metric([name, "http", "http"], 0.012345)
            yield family


def _measure_ping(setting: Setting, browser: Browser) -> Iterator[Figure]:
    address = f"/ping/{add_heartbeat()}"
    contender = _repeated("ping", 100, lambda: browser.bare_get(address))
    cost = compare([contender], rounds=setting.rounds)["ping"] * 1000
    yield Figure(f"Heartbeat ping, {setting.where}", "ms", cost, budget=0.9)
