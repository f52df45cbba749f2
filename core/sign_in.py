"""The form by which people sign in, with a limit on tries so that passwords cannot be guessed in bulk.

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
from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpResponse
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.client_address import client_address
from core.errors import RateLimited

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 300
FAILURES_PER_ACCOUNT = 10
"""Of one account from one address in the window: nobody else's mistakes lock an account."""
FAILURES_PER_ADDRESS = 50
"""Of all accounts from one address, behind which there may be an office."""

_TIMEOUT_SECONDS = 0.5
_KEY = "quarterdeck:sign-in"


class SignInForm(AuthenticationForm):
    """``refusal`` is set when there were too many tries; the password was then not looked at."""

    refusal: RateLimited | None = None

    def clean(self) -> dict[str, Any]:
        account, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if account is None or not password or self.request is None:
            return super().clean()
        limits = _limits_of(account, _network_of(client_address(self.request)))
        try:
            _count_try(limits)
        except RateLimited as error:
            self.refusal = error
            raise forms.ValidationError(error.message, code=error.code) from None
        data = super().clean()
        _forget_try(limits)
        return data


class SignInView(LoginView):
    form_class = SignInForm
    template_name = "login.html"

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if isinstance(form, SignInForm) and form.refusal:
            response.status_code = 429
            response["Retry-After"] = str(form.refusal.retry_after_seconds)
        return response


def _network_of(address: str) -> str:
    """One customer's IPv6 network has more addresses than anybody can count."""
    if not address:
        return ""
    parsed = ipaddress.ip_address(address)
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)


def _limits_of(account: str, address: str) -> dict[str, int]:
    """Key of each counter to its limit. The account is hashed: what people type there may be their password."""
    name = unicodedata.normalize("NFKC", account).casefold()
    digest = hashlib.sha256(f"{address} {name}".encode()).hexdigest()
    return {f"{_KEY}:account:{digest}": FAILURES_PER_ACCOUNT, f"{_KEY}:address:{address}": FAILURES_PER_ADDRESS}


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )


def _count_try(limits: dict[str, int]) -> None:
    """Raises ``RateLimited``. The window begins with the first failure and ends by itself."""
    try:
        with _client(settings.REDIS_URL).pipeline(transaction=True) as commands:
            for key in limits:
                commands.set(key, 0, ex=WINDOW_SECONDS, nx=True)
                commands.incr(key)
                commands.ttl(key)
            answers = commands.execute()
    except redis.RedisError as error:
        log.warning("sign_in.not_counted", error=str(error))
        return
    counts, waits = answers[1::3], answers[2::3]
    wait = max(
        (left for count, left, limit in zip(counts, waits, limits.values(), strict=True) if count > limit), default=0
    )
    if wait:
        log.warning("sign_in.refused", retry_after_seconds=wait)
        minutes = -(-wait // 60)
        raise RateLimited(
            f"Too many failed sign-ins. Try again in {minutes} minute{'s' if minutes > 1 else ''}.",
            retry_after_seconds=wait,
        )


def _forget_try(limits: dict[str, int]) -> None:
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
