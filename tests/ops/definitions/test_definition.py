"""What the definitions of every slice have in common."""

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from core.egress import TargetRefused
from core.errors import ValidationFailed
from core.secrets import MASK
from ops.breakers.definition import DEFINITIONS as SOURCES
from ops.breakers.models import BreakerSource
from ops.definitions.definition import Definitions
from ops.definitions.models import Defined
from ops.health.definition import DEFINITIONS as CHECKS
from ops.health.models import Check
from ops.queues.definition import DEFINITIONS as QUEUES
from ops.queues.models import Queue

REFUSED = "http://169.254.169.254/"
SECRET = "Bearer 5d41402abc4b"
TLS_RISING = [{"tls": False}, {"tls": True, "verify_tls": False}, {"tls": True}]

type Room = tuple[Definitions[Any, Any, Any], Callable[..., Defined], dict[str, Any]]


@pytest.fixture(params=["check", "queue", "source"])
def room(request: pytest.FixtureRequest) -> Room:
    """The definitions of a slice, its table, and a definition that holds a secret."""
    common = {"name": "it", "url": "http://10.1.2.3/", "headers": {"Authorization": SECRET}}
    rooms: dict[str, Room] = {
        "check": (CHECKS, Check, {**common, "kind": "http"}),
        "queue": (QUEUES, Queue, {**common, "kind": "prometheus", "size_metric": "up"}),
        "source": (SOURCES, BreakerSource, {**common, "kind": "scrape"}),
    }
    return rooms[request.param]


def stored(room: Room) -> Defined:
    definitions, table, data = room
    return table(name="it", kind=data["kind"], config=definitions.parse(data).stored_config)


def wrong_fields(definitions: Definitions[Any, Any, Any], data: dict[str, Any]) -> list[str]:
    with pytest.raises(ValidationFailed) as caught:
        definitions.parse(data)
    return [error.field for error in caught.value.errors]


def test_every_wrong_field_is_told_at_once(room: Room) -> None:
    definitions, _, data = room

    assert set(wrong_fields(definitions, {**data, "name": "", "bogus": 1})) == {"name", "bogus"}
    assert wrong_fields(definitions, {**data, "kind": "bogus"}) == ["kind"]


def test_a_refused_target_is_told_alone_or_among_other_errors(room: Room) -> None:
    definitions, _, data = room

    with pytest.raises(TargetRefused):
        definitions.parse({**data, "url": REFUSED})
    assert wrong_fields(definitions, {**data, "url": REFUSED, "interval": "0s"}) == ["interval", "target"]


def test_what_is_stored_reads_as_it_was_written_and_holds_no_secret_in_clear(room: Room) -> None:
    definitions, _, data = room
    row = stored(room)

    assert SECRET not in str(row.config)
    assert definitions.of(row) == definitions.parse(data)
    assert definitions.brief_document_of(row) == {**data, "headers": {"Authorization": MASK}}


def test_the_mask_keeps_a_secret_unless_it_would_go_elsewhere(room: Room) -> None:
    definitions, _, data = room
    row, masked = stored(room), {**data, "headers": {"Authorization": MASK}}

    kept = definitions.keep_secrets(definitions.parse(masked), row)

    assert kept == definitions.parse(data)
    assert definitions.changed_fields(row, kept) == {}
    for url, stands_for in (("http://10.1.2.4/", row), (data["url"], None)):
        with pytest.raises(ValidationFailed):
            definitions.keep_secrets(definitions.parse({**masked, "url": url}), stands_for)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"headers": {"X-Other": MASK}}, "headers.X-Other"),
        ({"headers": {"Authorization": MASK, "X-Other": f" {MASK}"}}, "headers.X-Other"),
        ({"url": f"http://10.1.2.3/?page={MASK}"}, "url.page"),
    ],
)
def test_the_mask_of_what_is_no_secret_is_refused(room: Room, change: dict[str, Any], field: str) -> None:
    definitions, _, data = room
    wanted = definitions.parse({**data, **change})

    for row in (stored(room), None):
        with pytest.raises(ValidationFailed) as refused:
            definitions.keep_secrets(wanted, row)
        assert [(error.field, error.message.partition(",")[0]) for error in refused.value.errors] == [
            (field, f"{MASK} keeps a stored secret")
        ]


def test_the_mask_is_refused_in_lists_and_in_common_fields() -> None:
    dns = {"name": "it", "kind": "dns", "query": "a.example", "answers": [MASK]}
    source = {"name": "it", "kind": "scrape", "url": "http://10.1.2.3/", "instance": MASK}
    wrong: list[tuple[Definitions[Any, Any, Any], dict[str, Any], str]] = [
        (CHECKS, dns, "answers.0"),
        (SOURCES, source, "instance"),
    ]
    for definitions, data, field in wrong:
        with pytest.raises(ValidationFailed) as refused:
            definitions.keep_secrets(definitions.parse(data), None)
        assert [error.field for error in refused.value.errors] == [field]


@pytest.mark.parametrize(
    ("before", "after", "keeps"),
    [
        ({"url": "https://10.1.2.3/a"}, {"url": "https://10.1.2.3/b"}, True),
        ({"url": "https://10.1.2.3:80/"}, {"url": "http://10.1.2.3/"}, False),
        ({"url": "http://10.1.2.3:443/"}, {"url": "https://10.1.2.3/"}, True),
        ({"url": "http://10.1.2.3:443/"}, {"url": "https://10.1.2.3/", "verify_tls": False}, True),
        ({"url": "https://10.1.2.3/"}, {"url": "https://10.1.2.3/", "verify_tls": False}, False),
        ({"url": "https://10.1.2.3/", "verify_tls": False}, {"url": "https://10.1.2.3/"}, True),
        ({"url": "https://10.1.2.3/", "verify_tls": False}, {"url": "http://10.1.2.3:443/"}, False),
    ],
)
def test_the_mask_keeps_a_secret_unless_its_way_would_be_less_protected(
    room: Room, before: dict[str, Any], after: dict[str, Any], *, keeps: bool
) -> None:
    definitions, table, data = room
    row = stored((definitions, table, {**data, **before}))
    wanted = definitions.parse({**data, **after, "headers": {"Authorization": MASK}})

    if keeps:
        assert definitions.keep_secrets(wanted, row) == definitions.parse({**data, **after})
    else:
        with pytest.raises(ValidationFailed) as caught:
            definitions.keep_secrets(wanted, row)
        assert [error.field for error in caught.value.errors] == ["headers.Authorization"]


@pytest.mark.parametrize(
    ("definitions", "table", "fields", "rising"),
    [
        (CHECKS, Check, {"kind": "postgres", "host": "10.1.2.3"},
         [{"tls": mode} for mode in ("disable", "prefer", "require", "verify-full")]),
        (CHECKS, Check, {"kind": "redis", "host": "10.1.2.3"}, TLS_RISING),
        (CHECKS, Check, {"kind": "celery", "host": "10.1.2.3"}, TLS_RISING),
        (QUEUES, Queue, {"kind": "sql", "engine": "postgresql", "host": "10.1.2.3", "query": "SELECT 1"},
         [{"tls": mode} for mode in ("disable", "prefer", "require", "verify-full")]),
        (QUEUES, Queue, {"kind": "redis", "key": "k"},
         [{"url": "redis://10.1.2.3"}, {"url": "rediss://10.1.2.3", "verify_tls": False}, {"url": "rediss://10.1.2.3"}]),
    ],
)  # fmt: skip
def test_what_protects_a_password_may_rise_but_not_fall(
    definitions: Definitions[Any, Any, Any], table: Any, fields: dict[str, Any], rising: list[dict[str, Any]]
) -> None:
    for weaker, safer in itertools.pairwise({"name": "it", **fields, **ways} for ways in rising):
        for before, after, keeps in ((weaker, safer, True), (safer, weaker, False)):
            row = stored((definitions, table, {**before, "password": "hush hush"}))
            wanted = definitions.parse({**after, "password": MASK})
            with nullcontext() if keeps else pytest.raises(ValidationFailed):
                definitions.keep_secrets(wanted, row)


def test_another_secret_is_a_change_that_shows_neither(room: Room) -> None:
    definitions, _, data = room
    hidden = {"Authorization": MASK}

    other = definitions.parse({**data, "headers": {"Authorization": "Bearer 0cc175b9"}})

    assert definitions.changed_fields(stored(room), other) == {"headers": (hidden, hidden)}


def test_of_a_kind_that_is_not_installed_everything_is_masked(room: Room) -> None:
    definitions, table, _ = room
    row = table(name="it", kind="gone", config={"url": "http://10.1.2.3/"})

    assert definitions.find(row) is None
    masked = definitions.mask_document(definitions.document_of(row), kind="gone")
    assert masked["name"] == "it"
    assert "10.1.2.3" not in str(masked)
