"""Which groups make their entity degraded: judged where events are digested, and as time passes.

The answer is kept with the group, so that whoever asks how entities fare reads an index, and so that pages hear of a
change although it came with the clock alone.
"""

from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Sum

from core.clock import now_ms
from core.revision import take_revision
from ops.errors import domain
from ops.errors.domain import HOUR_MS, PAST_HOURS, GroupState, Trouble, trouble_of
from ops.errors.models import ErrorCount, ErrorGroup
from ops.errors.selectors.signals import activity_of
from ops.errors.selectors.totals import trends_of
from ops.journal.services import NewEntry, record_entries


def judge_groups() -> int:
    """Returns how many groups turned into a trouble, out of it, or into another one."""
    now = now_ms()
    found = _find_trouble(now)
    held = dict(ErrorGroup.objects.filter(trouble__gt="").values_list("pk", "trouble"))
    changed = [pk for pk in found.keys() | held.keys() if found.get(pk, "") != held.get(pk, "")]
    return _keep(changed, found, now) if changed else 0


def _find_trouble(now: int) -> dict[int, Trouble]:
    """Of every open group that may be one; nearly all are none already by what the database counts."""
    seen = ErrorGroup.objects.filter(state=GroupState.OPEN, level__in=domain.TROUBLING_LEVELS)
    seen = seen.filter(last_seen_ms__gt=now - domain.REGRESSION_COUNTS_MS)
    is_new = Q(first_seen_ms__gt=now - domain.NEW_COUNTS_MS, events__gte=domain.NEW_EVENTS)
    groups = list(seen.filter(is_new | Q(regressed_at_ms__isnull=False) | Q(pk__in=_maybe_surging(seen, now))))
    hours = trends_of([group.pk for group in groups], hours=PAST_HOURS + 2) if groups else {}
    judged = ((group.pk, trouble_of(activity_of(group, hours[group.pk]), now)) for group in groups)
    return {pk: trouble for pk, trouble in judged if trouble is not None}


def _maybe_surging(groups: QuerySet[ErrorGroup], now: int) -> QuerySet[Any, Any]:
    """All that surge and few others: two clock hours hold the last hour, and what is before them is spread widest."""
    hour_before = now - now % HOUR_MS - HOUR_MS
    lately = groups.filter(last_seen_ms__gte=hour_before, events__gte=domain.SURGE_EVENTS)
    return (
        ErrorCount.objects.filter(group_id__in=lately.order_by().values("id"))
        .filter(hour_ms__gte=hour_before - PAST_HOURS * HOUR_MS)
        .values("group_id")
        .annotate(
            recent=Sum("events", filter=Q(hour_ms__gte=hour_before), default=0),
            older=Sum("events", filter=Q(hour_ms__lt=hour_before), default=0),
        )
        .filter(recent__gte=domain.SURGE_EVENTS)
        .filter(recent__gte=F("older") * domain.SURGE_TIMES / (PAST_HOURS + 1))
        .values("group_id")
    )


@transaction.atomic
def _keep(changed: list[int], found: dict[int, Trouble], now: int) -> int:
    rows = ErrorGroup.objects.filter(pk__in=changed).order_by("id")
    if connection.vendor == "postgresql":  # in the order in which digesting locks them
        rows = rows.select_for_update()
    groups = [group for group in rows if group.trouble != found.get(group.pk, "")]
    if not groups:
        return 0
    revision = take_revision()
    for group in groups:
        trouble = found.get(group.pk)
        ErrorGroup.objects.filter(pk=group.pk).update(
            trouble=trouble or "", trouble_since_ms=_since(group, trouble, now), revision=revision
        )
    record_entries(
        [
            NewEntry(
                entity_id=group.entity_id, at_ms=now, kind="error.group", subject=group.title[:100],
                before="", after="surged", message="",
            )
            for group in groups
            if found.get(group.pk) is Trouble.SURGE
        ]
    )  # fmt: skip
    return len(groups)


def _since(group: ErrorGroup, trouble: Trouble | None, now: int) -> int:
    known = {Trouble.REGRESSION: group.regressed_at_ms, Trouble.NEW: group.first_seen_ms, Trouble.SURGE: now}
    return (known[trouble] or now) if trouble else 0
