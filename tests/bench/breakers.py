"""What a closed circuit breaker adds to a call; its record is on the broker, as in the platform."""

from collections.abc import Callable, Iterator

from django.conf import settings

from core.breaker.guard import Breaker
from core.breaker.machine import Policy
from core.breaker.redis_storage import RedisStorage
from tests.bench.figures import Contender, Figure, compare
from tests.bench.setting import Setting

CALLS = 500_000
"""Over a second's worth, so that the record is read and told in between."""


def measure_breakers(setting: Setting) -> Iterator[Figure]:
    if not setting.is_first:
        return
    breaker = Breaker("bench", Policy(), RedisStorage(settings.REDIS_URL))
    guarded = breaker(_work)

    def with_statement() -> int:
        for _ in range(CALLS):
            with breaker.guard():
                _work()
        return CALLS

    contenders = [
        Contender("bare", _calling(_work)),
        Contender("decorated", _calling(guarded)),
        Contender("context", with_statement),
    ]
    cost = {name: seconds * 1e6 for name, seconds in compare(contenders, rounds=setting.rounds).items()}
    yield Figure("Closed breaker, per call", "us", cost["decorated"] - cost["bare"], budget=0.3)
    yield Figure("Closed breaker as a context manager, per call", "us", cost["context"] - cost["bare"])


def _work() -> None:
    pass


def _calling(function: Callable[[], None]) -> Callable[[], int]:
    def run() -> int:
        for _ in range(CALLS):
            function()
        return CALLS

    return run
