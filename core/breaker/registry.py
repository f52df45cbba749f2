"""Our own breakers by name. The part before the first colon is the family, and the policy is that of the family."""

from functools import cache

from django.conf import settings

from core.breaker.guard import Breaker
from core.breaker.machine import Policy
from core.breaker.redis_storage import RedisStorage, shared_storage
from core.registry import Registry

FAMILIES = Registry[Policy]("the family of breakers")


def family_of(name: str) -> str:
    return name.partition(":")[0]


def policy_of(name: str) -> Policy:
    """That of its family; the common one for a family that this process does not know."""
    return FAMILIES.get(family_of(name)) or Policy()


def own_storage() -> RedisStorage:
    """The shared records, on the broker."""
    return shared_storage(settings.REDIS_URL)


@cache
def breaker_of(name: str, *failures: type[BaseException]) -> Breaker:
    """The one of this process. ``failures`` are the exceptions that speak of what is called, by default all."""
    return Breaker(name, policy_of(name), own_storage(), failures=failures or (Exception,))
