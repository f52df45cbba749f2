"""The effective status of a queue as SQL, so that lists filter, sort and count by what they show."""

from django.db.models import BigIntegerField, Case, F, IntegerField, Q, When
from django.db.models.functions import Coalesce

from entities.filters import is_watched
from ops.signals.domain import PAUSED_SEVERITY, WORDS, Status

SEVERITIES = {word: severity for severity, word in WORDS.items()}
SINCE_NEVER_MS = 0


def is_paused() -> Q:
    return Q(paused=True) | ~is_watched()


def is_not_fresh(now_ms: int) -> Q:
    return Q(state__fresh_until_ms__isnull=True) | Q(state__fresh_until_ms__lt=now_ms)


def severity(now_ms: int) -> Case:
    """Of a query on ``Queue``: a key of ``WORDS``, unknown once looks stopped coming."""
    return Case(
        When(is_paused(), then=PAUSED_SEVERITY),
        When(is_not_fresh(now_ms), then=Status.UNKNOWN.value),
        default=F("state__status"),
        output_field=IntegerField(),
    )


def since_ms(now_ms: int) -> Case:
    """Since when the effective status holds; 0 is never. What was known went stale when its freshness ended."""
    went_stale = ~is_paused() & Q(state__fresh_until_ms__lt=now_ms) & ~Q(state__status=Status.UNKNOWN)
    return Case(
        When(went_stale, then=F("state__fresh_until_ms")),
        default=Coalesce(F("state__since_ms"), SINCE_NEVER_MS, output_field=BigIntegerField()),
        output_field=BigIntegerField(),
    )


def reason(severity: int, *, fresh_until_ms: int | None, now_ms: int, message: str) -> str:
    """Why a queue has the status it has, in words."""
    if severity == PAUSED_SEVERITY:
        return "paused"
    if fresh_until_ms is None:
        return "not looked at yet"
    return "looks stopped coming" if fresh_until_ms < now_ms else message
