"""The search: what is found by name in all slices, in what order, and how page and API show it."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from core.breaker.registry import own_storage
from core.breaker.storage import StorageLost
from core.clock import now_ms
from core.errors import PermissionDenied
from core.permissions import ANONYMOUS, Principal, Role
from entities.models import Entity
from ops.dashboard.highlight import mark_words
from ops.dashboard.search import KINDS, Found, search
from ops.errors.models import ErrorGroup
from ops.signals.domain import Status
from tests.breakers import OWN_CLOSED, OWN_OPEN, add_breakers
from tests.fleet import HOSTILE, add_check, add_fleet, add_queues

PANEL = {"HTTP_HX_REQUEST": "true"}


def add_error(title: str, *, state: str = "open", entity: str = "mailer", culprit: str = "mails.send") -> None:
    number = ErrorGroup.objects.count()
    ErrorGroup.objects.create(
        entity=Entity.objects.get(name=entity), digest=f"{number:032}", digest_version=1, title=title, culprit=culprit,
        level="error", state=state, first_seen_ms=now_ms(), last_seen_ms=now_ms() + number,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def fleet(db: None) -> None:
    own_storage()._client.flushdb()
    add_fleet()
    add_queues()
    add_breakers()
    add_error("MailerError: no route to the relay")


@pytest.fixture
def find(viewer: Principal) -> Callable[..., dict[str, Found]]:
    def run(text: str, limit: int = 5) -> dict[str, Found]:
        return {found.kind: found for found in search(principal=viewer, text=text, limit=limit)}

    return run


type Find = Callable[..., dict[str, Found]]


def names(found: Found) -> list[str]:
    return [f"{hit.entity_name}/{hit.name}" for hit in found.hits]


def test_one_text_finds_every_kind_with_its_status_and_entity(find: Find) -> None:
    found = find("MAILER")

    shown = {kind: [(hit.entity_name, hit.name, hit.status) for hit in found[kind].hits] for kind in KINDS}
    assert shown == {
        "entity": [("mailer", "mailer", "degraded")],
        "check": [("mailer", "http", "healthy")],
        "queue": [("mailer", "newsletters", "degraded"), ("mailer", "welcome", "healthy")],
        "breaker": [("mailer", "mail", "metrics_only")],
        "own_breaker": [],
        "error": [("mailer", "MailerError: no route to the relay", "open")],
    }


def test_statuses_are_those_that_may_be_shown(find: Find) -> None:
    assert [hit.status for hit in find("backup http")["check"].hits] == ["unknown"]  # its results stopped coming
    assert [hit.status for hit in find("reporting http")["check"].hits] == ["paused"]
    assert [hit.status for hit in find("warehouse")["breaker"].hits] == ["unknown"]
    assert [hit.status for hit in find("payments-db")["entity"].hits] == ["unhealthy"]


def test_own_breakers_are_found_by_what_they_guard(client_of: Any, find: Find) -> None:
    found = find("INTERNAL search 443")["own_breaker"]
    assert [(hit.name, hit.status, hit.entity_name) for hit in found.hits] == [(OWN_OPEN, "open", "")]

    client = client_of(Role.VIEWER)
    assert client.get(found.page_url(found.hits[0])).status_code == 200
    assert list(lines(client.get("/search?q=10.0.4.12", **PANEL).content.decode())) == [
        "Closed target: 10.0.4.12 :5432"
    ]
    assert [hit.name for hit in find("target")["own_breaker"].hits] == [OWN_OPEN, OWN_CLOSED]


def test_while_the_store_of_own_breakers_is_lost_the_rest_is_found(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_args: object) -> list[str]:
        raise StorageLost("gone")

    monkeypatch.setattr(own_storage(), "names", lose)

    assert find("search")["own_breaker"].total == 0
    assert find("search")["entity"].total == 1


def test_every_word_must_be_in_the_name_or_in_that_of_the_entity(find: Find) -> None:
    assert names(find("http payments")["check"]) == ["payments-api/http"]
    assert names(find("api  emails ")["queue"]) == ["payments-api/emails"]
    assert names(find("relay mailer send")["error"]) == ["mailer/MailerError: no route to the relay"]
    assert find("http nothing-so")["check"].total == 0


def test_the_nearest_name_comes_first_and_of_equals_the_worst(find: Find) -> None:
    add_check("mailer", "db-http", Status.UNHEALTHY)
    add_check("mailer", "https", Status.HEALTHY)
    add_check("mailer", "HTTP", Status.UNHEALTHY)

    assert names(find("http", limit=20)["check"]) == [
        "mailer/HTTP", "search/http", "backup/http", "mailer/http", "payments-api/http", "reporting/http",
        "mailer/https", "mailer/db-http",
    ]  # fmt: skip


def test_open_errors_come_before_those_that_are_done_with(find: Find) -> None:
    add_error("relay", state="resolved")
    add_error("the relay is slow")

    assert [hit.status for hit in find("relay")["error"].hits] == ["open", "open", "resolved"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_that_a_kind_leads_to_has_all_that_was_counted(kind: str, client_of: Any, find: Find) -> None:
    add_error("payments are late", state="resolved")
    text = "e" if kind == "own_breaker" else "pay"
    found = find(text, limit=1)[kind]
    assert found.total > 0

    response = client_of(Role.VIEWER).get(found.list_url(text))

    assert response.content.decode().count(" data-row") == found.total


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "own_breaker"])
def test_what_was_found_is_where_its_address_says(kind: str, client_of: Any, find: Find) -> None:
    found = find("mailer")[kind]

    assert client_of(Role.VIEWER).get(found.page_url(found.hits[0])).status_code == 200


def test_a_search_reads_a_handful_and_asks_once_for_each_kind(
    find: Find, django_assert_max_num_queries: Callable[[int], AbstractContextManager[Any]]
) -> None:
    for number in range(40):
        add_check("mailer", f"probe-{number:02}", Status.HEALTHY)
    find("probe")  # the fleet's statuses are kept from here on

    with django_assert_max_num_queries(8):  # one for each kind, and the database's clock on PostgreSQL
        found = find("probe")["check"]

    assert (len(found.hits), found.total) == (5, 40)


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%_", "'", '"', "a" * 300, "a " * 200, "İ", "[", "(?i)"])
def test_no_text_is_a_pattern_or_breaks_anything(text: str, client_of: Any, find: Find) -> None:
    words = text.strip().split(maxsplit=5)
    fields = [f"{entity.name}\n{entity.title}\n{entity.description}".lower() for entity in Entity.objects.all()]

    assert find(text)["entity"].total == sum(all(word.lower() in field for word in words) for field in fields)
    assert client_of(Role.VIEWER).get("/search", {"q": text}).status_code == 200


@pytest.mark.parametrize("text", ["", "   ", "\0", "a\0b"])
def test_without_a_word_nothing_is_looked_for(text: str, client_of: Any) -> None:
    page = client_of(Role.VIEWER).get("/search", {"q": text}).content.decode()

    assert "Find it by its name" in page
    assert 'class="search-line"' not in page


def test_only_who_may_see_the_catalogue_finds_anything(client: Client) -> None:
    with pytest.raises(PermissionDenied):
        search(principal=ANONYMOUS, text="mailer", limit=5)
    assert client.get("/search?q=mailer").status_code == 302


def lines(html: str) -> Iterator[str]:
    """The text of each link that was found."""
    for link in re.findall(r'<a class="search-line".*?</a>', html, re.DOTALL):
        yield " ".join(unescape(re.sub(r"<[^>]+>", " ", link)).split())


def test_the_page_shows_more_of_each_kind_than_the_panel(client_of: Any) -> None:
    for number in range(40):
        add_check("mailer", f"probe-{number:02}", Status.HEALTHY)
    client = client_of(Role.VIEWER)

    page, panel = (client.get("/search?q=probe", **headers) for headers in ({}, PANEL))

    assert (len(list(lines(page.content.decode()))), len(list(lines(panel.content.decode())))) == (20, 5)
    for response in (page, panel):
        assert "HX-Request" in response["Vary"]
        assert 'href="/checks?q=probe">All 40 checks</a>' in response.content.decode()
    assert "<html" in page.content.decode()
    assert "<html" not in panel.content.decode()
    assert 'data-said="Found 40 checks"' in panel.content.decode()


def test_a_line_says_status_entity_and_name_with_the_match_marked(client_of: Any) -> None:
    html = client_of(Role.VIEWER).get("/search?q=newsl", **PANEL).content.decode()

    assert list(lines(html)) == ["Degraded mailer / newsl etters"]
    assert "<mark>newsl</mark>etters" in html


class Elements(HTMLParser):
    """``hostile`` are the elements that only an attack can have made."""

    def __init__(self) -> None:
        super().__init__()
        self.hostile: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" or any(name.startswith("on") for name, _ in attrs):
            self.hostile.append(tag)


def test_hostile_names_and_texts_are_text(client_of: Any) -> None:
    add_error(f"{HOSTILE} failed", culprit=HOSTILE)
    client = client_of(Role.VIEWER)

    for headers in ({}, PANEL):
        for text in ("img", HOSTILE, "</mark>", "&lt;", "lt", '"onerror='):
            html = client.get("/search", {"q": text}, **headers).content.decode()
            found = Elements()
            found.feed(html)
            assert found.hostile == []
    assert "nothing is named so" in client.get("/search", {"q": "<script>"}, **PANEL).content.decode().lower()


@pytest.mark.parametrize(
    ("text", "words", "html"),
    [
        ("payments-api", ["PAY", "api"], "<mark>pay</mark>ments-<mark>api</mark>"),
        ("a&b", ["amp"], "a&amp;b"),
        ("<b>", ["<"], "<mark>&lt;</mark>b&gt;"),
        ("abc", ["a", "ab"], "<mark>ab</mark>c"),
        ("a.c abc", ["a.c"], "<mark>a.c</mark> abc"),
        ("payments", [], "payments"),
        ("x" * 60 + " needle", ["needle"], "…" + "x" * 15 + " <mark>needle</mark>"),
    ],
)
def test_words_are_marked_and_everything_is_escaped(text: str, words: list[str], html: str) -> None:
    assert mark_words(text, words) == html


def test_programs_find_the_same(client_of: Any) -> None:
    response = client_of(Role.VIEWER).get("/api/v1/search?q=mailer&limit=1")

    assert response.status_code == 200
    body = response.json()
    assert body["totals"] == {"entity": 1, "check": 1, "queue": 2, "breaker": 1, "own_breaker": 0, "error": 1}
    assert [item["kind"] for item in body["items"]] == [kind for kind in KINDS if kind != "own_breaker"]
    assert body["items"][2] | {"id": ""} == {
        "kind": "queue", "id": "", "name": "newsletters", "entity": "mailer", "status": "degraded",
        "page": f"/queues/{body['items'][2]['id']}",
    }  # fmt: skip


@pytest.mark.parametrize("query", ["", "q=", "q=a%00b", "q=a&limit=0", "q=a&limit=51", "q=a&kinds=check"])
def test_a_request_that_makes_no_sense_is_refused(query: str, client_of: Any) -> None:
    assert client_of(Role.VIEWER).get(f"/api/v1/search?{query}").status_code == 422
