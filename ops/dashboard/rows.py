"""Rows of long lists as HTML. A template needs ten times as long for each, and pages have hundreds.

Whatever people wrote is escaped here; the rest is numbers and words of our own.
"""

import datetime as dt
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from django.utils.safestring import SafeString, mark_safe

from core.templatetags.display import ago, latency, period, since, status
from entities.status import EntityStatus
from ops.health.selectors import CheckRow
from ops.signals.domain import Signal


class Row(NamedTuple):
    """An entity in a list."""

    id: int
    uid: str
    name: str
    team: str | None
    kind: str
    tier: int
    standing: EntityStatus

    @property
    def status(self) -> str:
        return self.standing.status

    @property
    def since(self) -> dt.datetime | None:
        return self.standing.since


def failing_check(status: EntityStatus) -> str:
    """The check that gives the first of the reasons that are checks; empty without one."""
    return next((reason.name for reason in status.reasons if reason.signal == Signal.HEALTH), "")


def explain(status: EntityStatus) -> str:
    """Why an entity is not healthy, on one line."""
    if status.status == "impacted":
        return f"needs {', '.join(status.caused_by)}"
    if status.reasons:
        first = status.reasons[0]
        more = f" (and {len(status.reasons) - 1} more)" if len(status.reasons) > 1 else ""
        return f"{first.name}: {first.message or first.status}{more}"
    return "no check yet" if status.status == "unknown" else ""


def entity_row(row: Row, url: str) -> str:
    return (
        f'<tr id="e-{row.uid}" data-row><td>{status(row.status)}</td>'
        f'<th scope="row" class="cell-name clip"><a href="{url}">{escape(row.name)}</a></th>'
        f'<td class="cell-reason clip wide">{escape(explain(row.standing))}</td>'
        f'<td class="num muted">{since(row.since)}</td><td class="wide muted">{escape(row.team or "")}</td>'
        f'<td class="wide muted">{escape(row.kind)}</td><td class="num wide muted">{row.tier}</td></tr>'
    )


def check_row(check: CheckRow, url: str) -> str:
    return (
        f'<tr id="k-{check.uid}" data-row><td>{status(check.status)}</td>'
        f'<th scope="row" class="cell-name clip"><a class="cell-pair" href="{url}"><span class="cell-owner">'
        f'{escape(check.entity_name)}</span><span class="cell-slash"> / </span><span>{escape(check.name)}</span></a>'
        "</th>"
        f'<td class="cell-reason clip wide">{escape(check.message)}</td><td class="num muted">{since(check.since)}</td>'
        f'<td class="num wide">{latency(check.duration_ms)}</td>'
        f'<td class="num wide muted">{period(check.interval_ms)}</td><td class="wide muted">{escape(check.kind)}</td>'
        f'<td class="num wide muted">{ago(check.last_at)}</td></tr>'
    )


def matrix_cell(row: Row, url: str, *, named: bool) -> str:
    word = row.status
    name = f'<span class="clip">{escape(row.name)}<span class="vh">: {word}</span></span>' if named else ""
    return (
        f'<li><a class="cell{" cell-named" if named else ""}" data-status="{word}" href="{url}" '
        f'title="{escape(row.name)}: {word}"><svg class="glyph"><use href="#g-{word}"></use></svg>{name}</a></li>'
    )


def join_rows(rows: Iterable[str]) -> SafeString:
    return mark_safe("\n".join(rows))  # noqa: S308 - made by the functions above
