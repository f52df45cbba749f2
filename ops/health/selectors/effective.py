"""The effective status of a check as SQL, so that lists filter, sort and count by what they show."""

from django.db.models import BigIntegerField, Case, F, IntegerField, Q, When
from django.db.models.functions import Coalesce

from entities.filters import is_watched
from ops.health.domain import Severity
from ops.signals.domain import PAUSED_SEVERITY, WORDS, Status

SEVERITIES = {word: severity for severity, word in WORDS.items()}

SINCE_NEVER_MS = 0


def is_paused() -> Q:
    return Q(paused=True) | ~is_watched()


def is_not_fresh(now_ms: int) -> Q:
    return Q(state__fresh_until_ms__isnull=True) | Q(state__fresh_until_ms__lt=now_ms)


def severity(now_ms: int) -> Case:
    """Of a query on ``Check``: a key of ``WORDS``, unknown once results stopped coming."""
    return Case(
        When(is_paused(), then=PAUSED_SEVERITY),
        When(is_not_fresh(now_ms), then=Status.UNKNOWN.value),
        default=F("state__status"),
        output_field=IntegerField(),
    )


def counted_severity(now_ms: int) -> Case:
    """As ``severity``, but what counts for the entity (``domain.counted_status``) of the checks found by ``counts``."""
    return Case(
        When(
            ~is_paused() & ~is_not_fresh(now_ms) & Q(severity_level=Severity.WARNING, state__status=Status.UNHEALTHY),
            then=Status.DEGRADED.value,
        ),
        default=severity(now_ms),
        output_field=IntegerField(),
    )


def counts() -> Q:
    """Checks that have a say in the status of their entity."""
    return ~Q(severity_level=Severity.INFO)


def effective_since_ms(now_ms: int) -> Case:
    """Since when the effective status holds; a stale check is unknown since its result expired, 0 is never."""
    return Case(
        When(~is_paused() & Q(state__fresh_until_ms__lt=now_ms), then=F("state__fresh_until_ms")),
        default=Coalesce(F("state__since_ms"), SINCE_NEVER_MS, output_field=BigIntegerField()),
        output_field=BigIntegerField(),
    )


def reason(*, is_paused: bool, is_stale: bool, fresh_until_ms: int | None, message: str) -> str:
    """Why a check has the status it has, in words."""
    if is_paused:
        return "paused"
    if fresh_until_ms is None:
        return "no result yet"
    return "results stopped coming" if is_stale else message
