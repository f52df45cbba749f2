"""What a page of Resilience4j costs: claimed, fetched, read, and each of its breakers stored."""

from collections.abc import Iterator

from core.egress import current_policy
from ops.breakers.models import BreakerInstance, BreakerSourceState
from ops.breakers.sampling import BreakerSampling
from ops.sampling.sampler import Sampler
from tests.bench.figures import Contender, Figure, compare
from tests.bench.fleet import add_scraped_pages, clear_fleet, make_due
from tests.bench.setting import Setting
from tests.bench.target import BREAKERS

PAGES = 20
BUDGET_MS = 40.0
"""Two such pages each second are then 8 % of a core."""


def measure_scraping(setting: Setting) -> Iterator[Figure]:
    clear_fleet()
    ids = add_scraped_pages(setting.target.metrics_url, count=PAGES)
    sampler = Sampler(BreakerSampling(), current_policy())

    def run() -> int:
        assert sampler.run_due() == PAGES
        assert BreakerInstance.objects.count() == PAGES * BREAKERS
        return PAGES

    try:
        contender = Contender("own", run, prepare=lambda: make_due(ids, BreakerSourceState))
        cost = compare([contender], rounds=setting.rounds)["own"] * 1_000
    finally:
        sampler.close()
    name = f"Page of {BREAKERS} breakers of Resilience4j, read and stored, {setting.where}"
    yield Figure(name, "ms", cost, budget=BUDGET_MS)
    clear_fleet()
