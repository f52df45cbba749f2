"""Taking reports of programs."""

from pydantic import ValidationError

from core.clock import database_now_ms
from core.errors import FieldError, ValidationFailed
from core.permissions import Permission, Principal
from core.validation import field_errors
from entities.domain import is_entity_uid
from entities.models import Entity
from ops.breakers.domain import Sighting
from ops.breakers.reports import AHEAD_MS_MAX, BATCH_MAX, RawReports, Report, ReportError, ReportOutcome
from ops.breakers.store import News, take_news

KIND = "report"


def take_reports(*, principal: Principal, reports: RawReports) -> ReportOutcome:
    """Take a batch as far as its items are right; each wrong one has its own error.

    An item that is not newer than what is known of its instance changes nothing, so a batch may be sent again.
    Raises ``ValidationFailed`` for a batch over ``BATCH_MAX``.
    """
    principal.require(Permission.BREAKERS_REPORT)
    items = list(reports)
    if len(items) > BATCH_MAX:
        raise ValidationFailed("Too many reports", errors=(FieldError("reports", f"at most {BATCH_MAX} in a batch"),))
    now = database_now_ms()
    errors: list[ReportError] = []
    parsed: dict[int, Report] = {}
    for index, item in enumerate(items):
        try:
            parsed[index] = Report.model_validate(item)
        except ValidationError as error:
            first = field_errors(error)[0]
            errors.append(ReportError(index, "invalid", first.field, first.message))
    entities = _find_entities({report.entity for report in parsed.values()})
    news: dict[int, News] = {}
    for index, report in parsed.items():
        entity_id, sighting = entities.get(report.entity), report.sighting(now, place=index)
        if entity_id is None:
            errors.append(ReportError(index, "unknown_entity", "entity", f"there is no entity {report.entity!r}"))
        elif refused := _refuse_future(index, sighting, now):
            errors.append(refused)
        else:
            news[index] = News(entity_id, KIND, sighting)
    taken = take_news(list(news.values()), now_ms=now)
    indexes = list(news)
    full = "the entity has as many breakers or instances as are kept"
    errors += [ReportError(indexes[place], "over_limit", "breaker", full) for place in taken.over_limit]
    left = len(news) - len(taken.repeated) - len(taken.older) - len(taken.over_limit)
    return ReportOutcome(left, len(taken.repeated), len(taken.older), tuple(sorted(errors)))


def _find_entities(refs: set[str]) -> dict[str, int]:
    uids = {ref for ref in refs if is_entity_uid(ref)}
    found = dict(Entity.objects.filter(uid__in=uids).values_list("uid", "id"))
    return found | dict(Entity.objects.filter(name__in=refs - uids).values_list("name", "id"))


def _refuse_future(index: int, sighting: Sighting, now_ms: int) -> ReportError | None:
    if sighting.at_ms <= now_ms + AHEAD_MS_MAX:
        return None
    return ReportError(index, "future", "at", f"is {(sighting.at_ms - now_ms) // 1_000} s ahead of our clock")
