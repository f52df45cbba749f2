"""Reading the catalogue: filters, orders, pages, neighbours."""

from collections.abc import Callable, Collection, Iterator, Mapping

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.errors import NotFound, PermissionDenied, ValidationFailed
from core.permissions import ANONYMOUS, Principal
from entities import status
from entities.filters import EntityFilter, parse_labels
from entities.models import Entity
from entities.selectors import get_entity, list_entities, list_neighbours
from entities.services import update_entity
from entities.status import EntityStatus
from tests.entities.catalogue import TESTER, add_entity

pytestmark = pytest.mark.django_db


@pytest.fixture
def give_statuses() -> Iterator[Callable[[Mapping[str, str]], None]]:
    """Let the entities of these names have these statuses."""

    def give(words: Mapping[str, str]) -> None:
        def source(ids: Collection[int] | None) -> dict[int, EntityStatus]:
            rows = Entity.objects.filter(name__in=words)
            return {row.pk: EntityStatus(status=words[row.name]) for row in rows if ids is None or row.pk in ids}

        status.register_status_source(source)

    before = list(status._sources)
    yield give
    status._sources[:] = before


def names(principal: Principal, sort: str = "name", **narrow: object) -> list[str]:
    page = list_entities(principal=principal, narrow=EntityFilter(**narrow), sort=sort)  # type: ignore[arg-type]
    return [row.name for row in page.items]


def walk(principal: Principal, *, sort: str, limit: int, narrow: EntityFilter | None = None) -> list[str]:
    seen, cursor = [], None
    while True:
        page = list_entities(principal=principal, narrow=narrow, sort=sort, limit=limit, cursor=cursor)
        seen += [row.name for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return seen


def test_an_entity_is_found_by_name_and_by_id(viewer: Principal) -> None:
    saved = add_entity("api")

    assert get_entity(principal=viewer, ref="api") == get_entity(principal=viewer, ref=saved.uid)


@pytest.mark.parametrize("ref", ["", "nope", "ent_" + "0" * 32, "a\0b", "ä", "x" * 500])
def test_what_is_not_there_is_not_found(viewer: Principal, ref: str) -> None:
    with pytest.raises(NotFound):
        get_entity(principal=viewer, ref=ref)


def test_a_stranger_sees_nothing() -> None:
    with pytest.raises(PermissionDenied):
        list_entities(principal=ANONYMOUS)
    with pytest.raises(PermissionDenied):
        get_entity(principal=ANONYMOUS, ref="api")


def test_filters_narrow_and_combine(viewer: Principal) -> None:
    add_entity("api", team="pay", labels={"region": "eu", "app.kubernetes.io/name": "api"}, title="The 100% API")
    add_entity("db", kind="datastore", team="pay", labels={"region": "us"}, environment="staging")
    add_entity("web", description="shop front", lifecycle="inactive", labels={"weird": "o'x"})

    assert names(viewer, kind="datastore") == ["db"]
    assert names(viewer, team="pay") == ["api", "db"]
    assert names(viewer, team="pay", environment="staging") == ["db"]
    assert names(viewer, lifecycle="inactive") == ["web"]
    assert names(viewer, labels={"region": "eu"}) == ["api"]
    assert names(viewer, labels={"region": "eu", "app.kubernetes.io/name": "api"}) == ["api"]
    assert names(viewer, labels={"region": "eu", "weird": "x"}) == []
    assert names(viewer, labels={"weird": "o'x"}) == ["web"]
    assert names(viewer, q="SHOP") == ["web"]
    assert names(viewer, q="100%") == ["api"]
    assert names(viewer, team="nobody") == []


@pytest.mark.parametrize("pair", ["region", "=x", "1=2", "a b=c"])
def test_a_label_filter_is_a_key_and_a_value(pair: str) -> None:
    with pytest.raises(ValidationFailed):
        parse_labels([pair])


def test_orders_break_ties_by_name(viewer: Principal) -> None:
    add_entity("b", tier=1, kind="job")
    add_entity("a", tier=1)
    add_entity("c", tier=4)
    update_entity(principal=TESTER, ref="b", changes={"title": "newer"})

    assert names(viewer, "-name") == ["c", "b", "a"]
    assert names(viewer, "tier") == ["a", "b", "c"]
    assert names(viewer, "-tier") == ["c", "a", "b"]
    assert names(viewer, "kind") == ["b", "a", "c"]
    assert names(viewer, "-updated")[0] == "b"
    with pytest.raises(ValidationFailed):
        names(viewer, "password")


def test_status_filters_and_orders(viewer: Principal, give_statuses: Callable[[Mapping[str, str]], None]) -> None:
    for name in ("a", "b", "c", "d"):
        add_entity(name)
    give_statuses({"b": "unhealthy", "c": "healthy", "d": "unhealthy"})

    assert names(viewer, status="unhealthy") == ["b", "d"]
    assert names(viewer, status="unknown") == ["a"]
    assert names(viewer, "-status") == ["b", "d", "a", "c"]
    assert walk(viewer, sort="-status", limit=1) == ["b", "d", "a", "c"]
    assert walk(viewer, sort="-updated", limit=1, narrow=EntityFilter(status="unhealthy")) == ["d", "b"]


@pytest.mark.parametrize("sort", ["name", "-name", "tier", "-tier", "kind", "updated", "-updated", "status"])
def test_pages_give_every_entity_once(viewer: Principal, sort: str) -> None:
    for number in range(7):
        add_entity(f"e{number}", tier=1 + number % 3)

    walked = walk(viewer, sort=sort, limit=2)

    assert walked == names(viewer, sort)
    assert len(walked) == 7


def test_an_insert_between_pages_shifts_nothing(viewer: Principal) -> None:
    for name in ("b", "d", "f"):
        add_entity(name)
    first = list_entities(principal=viewer, limit=2)
    add_entity("a")
    add_entity("e")

    second = list_entities(principal=viewer, limit=2, cursor=first.next_cursor)

    assert [row.name for row in first.items] == ["b", "d"]
    assert [row.name for row in second.items] == ["e", "f"]
    assert not second.has_more


def test_a_cursor_of_another_order_or_hand_is_refused(viewer: Principal) -> None:
    for name in ("a", "b"):
        add_entity(name)
    cursor = list_entities(principal=viewer, limit=1).next_cursor
    assert cursor

    for bad, sort in (
        (cursor, "tier"),
        (cursor[:-1] + "~", "name"),
        ("x", "name"),
        ("\0", "name"),
        (":" * 2000, "name"),
    ):
        with pytest.raises(ValidationFailed, match="cursor"):
            list_entities(principal=viewer, cursor=bad, sort=sort)
    with pytest.raises(ValidationFailed, match="cursor"):
        list_entities(principal=viewer, cursor=cursor, narrow=EntityFilter(status="unknown"))


def test_a_long_list_costs_as_many_queries_as_a_short_one(viewer: Principal) -> None:
    add_entity("db", team="data")
    add_entity("e0", depends_on=["db"])
    with CaptureQueriesContext(connection) as short:
        list_entities(principal=viewer)
    for number in range(1, 12):
        add_entity(f"e{number}", team=f"t{number}", depends_on=["db"])

    with CaptureQueriesContext(connection) as long:
        page = list_entities(principal=viewer)

    assert len(page.items) == 13
    assert len(long) == len(short)


def test_neighbours_are_what_an_entity_needs_and_what_needs_it(viewer: Principal) -> None:
    add_entity("db")
    add_entity("mail")
    add_entity("api", depends_on=["db", {"name": "mail", "strength": "soft"}])
    add_entity("web", depends_on=["api"])

    _, neighbours = list_neighbours(principal=viewer, ref="api")

    assert [(row.name, row.strength) for row in neighbours.dependencies] == [("db", "hard"), ("mail", "soft")]
    assert [(row.name, row.strength) for row in neighbours.dependants] == [("web", "hard")]
