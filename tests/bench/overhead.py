"""What metrics, log line and ids add to a request: the same application with and without its outermost middleware."""

from collections.abc import Iterator

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

from core.wsgi import application
from tests.bench.figures import Contender, Figure, compare
from tests.bench.setting import Setting
from tests.bench.web import Browser

REQUESTS = 500
OURS = "core.middleware.RequestMiddleware"


def measure_overhead(setting: Setting) -> Iterator[Figure]:
    if not setting.is_first:
        return
    with override_settings(MIDDLEWARE=[name for name in settings.MIDDLEWARE if name != OURS]):
        bare = Browser(WSGIHandler())
    whole = Browser(application)

    def asking(browser: Browser) -> Contender:
        def run() -> int:
            for _ in range(REQUESTS):
                browser.bare_get("/healthz")
            return REQUESTS

        return Contender("whole" if browser is whole else "bare", run)

    cost = compare([asking(whole), asking(bare)], rounds=3 * setting.rounds)
    yield Figure("Metrics, log line and ids of a request", "us", (cost["whole"] - cost["bare"]) * 1e6, budget=20)
    yield Figure("Shortest request, everything included", "us", cost["whole"] * 1e6)
