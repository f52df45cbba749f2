"""A limit on wrong passwords, wherever one is asked for, so that they cannot be guessed in bulk.

Tries are counted in Redis before the password is looked at, so that many at the same time are not more than the
limit. A Redis that does not answer costs the limit, never the sign-in.
"""

import hashlib
import ipaddress
import unicodedata
from functools import cache
from typing import Any

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.errors import RateLimited

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 300
FAILURES_PER_ACCOUNT = 10
"""Of one account from one address in the window: nobody else's mistakes lock an account."""
FAILURES_PER_ADDRESS = 50
"""Of all accounts from one address, behind which there may be an office."""

_TIMEOUT_SECONDS = 0.5
_KEY = "quarterdeck:sign-in"

_COUNT = """
local wait = 0
for place, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[place + 1]) then
    wait = math.max(wait, redis.call('TTL', key), 1)
  end
end
if wait == 0 then
  for _, key in ipairs(KEYS) do
    redis.call('SET', key, 0, 'EX', ARGV[1], 'NX')
    redis.call('INCR', key)
  end
end
return wait
"""
"""On the server, so that many tries at the same time are one after the other."""

type Limits = dict[str, int]
"""Key of each counter, the account's and the address's, to its limit."""


def limits_of(account: str, address: str) -> Limits:
    """The account is hashed: what people type there may be their password."""
    name = unicodedata.normalize("NFKC", account).casefold()
    network = _network_of(address)
    digest = hashlib.sha256(f"{network} {name}".encode()).hexdigest()
    return {f"{_KEY}:account:{digest}": FAILURES_PER_ACCOUNT, f"{_KEY}:address:{network}": FAILURES_PER_ADDRESS}


def _network_of(address: str) -> str:
    """One customer's IPv6 network has more addresses than anybody can count."""
    if not address:
        return ""
    parsed = ipaddress.ip_address(address)
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def count_try(limits: Limits) -> None:
    """Raises ``RateLimited``. The window begins with the first failure and ends by itself.

    A try that is refused counts nowhere: who goes on with a locked account locks out nobody else at that address.
    """
    try:
        wait = _count(_client(settings.REDIS_URL), limits)
    except redis.RedisError as error:
        log.warning("sign_in.not_counted", error=str(error))
        return
    if wait:
        log.warning("sign_in.refused", retry_after_seconds=wait)
        minutes = -(-wait // 60)
        raise RateLimited(
            f"Too many wrong passwords. Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
            retry_after_seconds=wait,
        )


def _count(client: redis.Redis, limits: Limits) -> int:
    """Seconds to wait, or 0 and the try is counted."""
    wait: Any = client.eval(_COUNT, len(limits), *limits, WINDOW_SECONDS, *limits.values())
    return int(wait)


def forget_try(limits: Limits) -> None:
    """After a success: the account starts anew, and the try was none of the address's failures."""
    account, address = limits
    try:
        with _client(settings.REDIS_URL).pipeline(transaction=True) as commands:
            commands.delete(account)
            commands.decr(address)
            commands.expire(address, WINDOW_SECONDS, nx=True)
            commands.execute()
    except redis.RedisError as error:
        log.warning("sign_in.not_counted", error=str(error))
