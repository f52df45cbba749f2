"""One address serves page, fragment and poll."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from core.clock import now_ms
from core.models import Pulse
from core.permissions import Role
from core.revision import take_revision
from ops.dashboard.views import TREND_SECONDS
from ops.health.models import Check, CheckState
from ops.signals.domain import Status
from tests.fleet import add_fleet

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def viewer_client(client_of: Callable[[Role], Client]) -> Client:
    add_fleet()
    return client_of(Role.VIEWER)


def stamp_of(client: Client, path: str) -> str:
    return str(client.get(path).context["live_url"])


def test_a_reader_gets_the_page_and_htmx_its_live_part(viewer_client: Client) -> None:
    page = viewer_client.get("/")
    fragment = viewer_client.get("/", headers=HTMX)

    assert page.content.lstrip().startswith(b"<!DOCTYPE html>")
    assert fragment.content.lstrip().startswith(b'<div id="live"')
    assert b'id="rail"' in fragment.content
    assert b"<html" not in fragment.content
    assert "HX-Request" in page["Vary"]


def test_the_browsers_history_gets_the_whole_page(viewer_client: Client) -> None:
    response = viewer_client.get("/", headers=HTMX | {"HX-History-Restore-Request": "true"})

    assert response.content.lstrip().startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("path", ["/", "/?team=payments", "/entities", "/checks", "/entities/payments-db"])
def test_a_poll_without_news_is_204_and_tells_the_time(viewer_client: Client, path: str) -> None:
    before = now_ms()
    response = viewer_client.get(stamp_of(viewer_client, path), headers=HTMX)

    assert response.status_code == 204
    assert response.content == b""
    assert before <= int(response["Quarterdeck-Now"]) <= now_ms()
    newest = CheckState.objects.order_by("-last_at_ms").values_list("last_at_ms", flat=True).first()
    assert int(response["Quarterdeck-Last-Result"]) == newest


def test_an_idle_poll_asks_the_database_little(viewer_client: Client, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    url = stamp_of(viewer_client, "/")

    with django_assert_max_num_queries(7):  # session, user, groups, pulses, revision, newest result
        viewer_client.get(url, headers=HTMX)


def test_a_poll_after_a_change_draws_the_live_part(viewer_client: Client) -> None:
    url = stamp_of(viewer_client, "/")
    take_revision()

    assert viewer_client.get(url, headers=HTMX).status_code == 200


def test_a_narrowed_page_is_drawn_with_the_news_of_the_whole_fleet(viewer_client: Client) -> None:
    url = stamp_of(viewer_client, "/?team=payments")
    state = CheckState.objects.filter(definition__entity__name="mailer")
    state.update(status=Status.UNHEALTHY, revision=take_revision())

    fragment = viewer_client.get(url, headers=HTMX).content.decode()

    assert "In team payments" in fragment
    assert re.search(r"Whole fleet</a>.*?2 unhealthy", fragment, re.DOTALL)


def test_a_status_that_went_stale_draws_the_live_part(viewer_client: Client) -> None:
    CheckState.objects.filter(definition__entity__name="mailer").update(fresh_until_ms=now_ms() + 600_000)
    url = stamp_of(viewer_client, "/")
    assert viewer_client.get(url, headers=HTMX).status_code == 204

    CheckState.objects.filter(definition__entity__name="mailer").update(fresh_until_ms=now_ms() - 1)

    assert viewer_client.get(url, headers=HTMX).status_code == 200


def test_a_poll_draws_when_the_platform_turns_blind(viewer_client: Client) -> None:
    url = stamp_of(viewer_client, "/")
    Pulse.objects.update(seen_ms=now_ms() - 60_000)

    response = viewer_client.get(url, headers=HTMX)

    assert response.status_code == 200
    assert b"Quarterdeck is blind" in response.content


def test_a_new_result_draws_what_shows_results_and_nothing_else(viewer_client: Client) -> None:
    check = Check.objects.get(entity__name="mailer")
    detail, entity, checks, entities = (
        stamp_of(viewer_client, path) for path in (f"/checks/{check.uid}", "/entities/mailer", "/checks", "/entities")
    )
    CheckState.objects.filter(pk=check.pk).update(last_at_ms=now_ms())

    assert viewer_client.get(detail, headers=HTMX).status_code == 200
    assert viewer_client.get(entity, headers=HTMX).status_code == 200
    assert viewer_client.get(checks, headers=HTMX).status_code == 200
    assert viewer_client.get(entities, headers=HTMX).status_code == 204


def test_the_overview_draws_its_trends_anew_at_most_every_few_seconds(viewer_client: Client) -> None:
    step = TREND_SECONDS * 1_000
    start = (now_ms() // step + 1) * step
    check = CheckState.objects.filter(definition__entity__name="mailer")
    check.update(last_at_ms=start)
    url = stamp_of(viewer_client, "/")

    check.update(last_at_ms=start + step - 1)
    assert viewer_client.get(url, headers=HTMX).status_code == 204
    check.update(last_at_ms=start + step)
    assert viewer_client.get(url, headers=HTMX).status_code == 200


@pytest.mark.parametrize("stamp", ["", "x", "1.2~~~", "999999999999999999999.1~~", "%00"])
def test_a_stamp_that_means_nothing_draws_the_live_part(viewer_client: Client, stamp: str) -> None:
    assert viewer_client.get(f"/?stamp={stamp}", headers=HTMX).status_code == 200


def test_a_poll_of_a_stranger_leads_to_sign_in(client: Client, db: None) -> None:
    response = client.get("/?stamp=1", headers=HTMX)

    assert response.status_code == 401
    assert response["HX-Redirect"].startswith("/login?next=")
