"""The filters that live in the address and stay while moving between pages: which entities a page is about."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from django.http import QueryDict

from entities.filters import EntityFilter
from ops.dashboard.lists import Choice, choose, plain
from ops.dashboard.misread import find_misread, is_label
from ops.dashboard.standing import read_fleet

KEPT_FILTERS = ("team", "environment", "label")


def read_kept(query: QueryDict, *, is_void: bool = False) -> EntityFilter:
    """Void when one of them cannot be understood, or when the caller found that of another."""
    label = query.get("label", "")
    key, _, value = label.partition(":")
    return EntityFilter(
        team=plain(query, "team") or None,
        environment=plain(query, "environment") or None,
        labels={key: value} if is_label(label) else {},
        is_void=is_void or bool(find_misread(query, "")),
    )


def kept_address(path: str, query: QueryDict, **more: str) -> str:
    """``path`` with the kept filters of the address, and with ``more``."""
    kept = {name: query[name] for name in KEPT_FILTERS if query.get(name)}
    return f"{path}?{urlencode({**more, **kept})}" if more or kept else path


def kept_scope(query: QueryDict) -> str:
    """What ``read_kept`` reads in words, such as ``team payments, label region:eu``; empty for everything."""
    owner = read_kept(query)
    if owner.is_void:
        return "a filter that is not understood"
    labels = [f"label {key}:{value}" for key, value in owner.labels.items()]
    parts = (owner.team and f"team {owner.team}", owner.environment and f"environment {owner.environment}", *labels)
    return ", ".join(filter(None, parts))


def kept_choices(
    owner: EntityFilter, options: Mapping[str, Sequence[str]] | None = None
) -> tuple[Choice | None, Choice | None, Choice | None]:
    """Team, environment and label for the filter bar; ``options`` says what there is, unless that is the catalogue."""
    found = {**read_fleet().options, **(options or {})}
    label = next((f"{key}:{value}" for key, value in owner.labels.items()), "")
    return (
        choose("team", "Team", owner.team or "", found["team"]),
        choose("environment", "Environment", owner.environment or "", found["environment"]),
        choose("label", "Label", label, found["label"]),
    )
