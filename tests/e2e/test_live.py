"""What a live page does by itself: it morphs without taking anything from the reader, and says when it is blind."""

from playwright.sync_api import expect

from core.clock import now_ms
from core.models import Pulse
from core.permissions import Role
from core.revision import take_revision
from ops.health.models import Check, CheckState
from ops.signals.domain import Status
from tests.browser import SignIn
from tests.entities.catalogue import add_entity
from tests.fleet import add_check, add_fleet, show_signs_of_life


def turn(entity: str, status: Status, message: str = "") -> None:
    CheckState.objects.filter(definition__entity__name=entity).update(
        status=status, since_ms=now_ms(), last_at_ms=now_ms(), last_message=message, revision=take_revision()
    )


def test_a_status_change_appears_without_taking_focus_text_or_menus(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.OPERATOR).open("/")
    page.locator("summary.icon-button").click()
    page.locator("#filter-q").focus()
    page.keyboard.type("mail")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.evaluate("document.getElementById('p-marker')?.remove(); window.sameDocument = true")

    turn("mailer", Status.UNHEALTHY, "timed out after 5 s")

    expect(page.locator(".verdict-line")).to_contain_text("2 unhealthy")
    expect(page).to_have_title("2 unhealthy · Quarterdeck")
    expect(page.locator("#rail")).to_contain_text("3")
    assert page.evaluate("window.sameDocument")
    assert page.locator("#filter-q").input_value() == "mail"
    assert page.evaluate("document.activeElement.id") == "filter-q"
    assert page.locator("link[rel=icon]").get_attribute("href") == page.locator("link[rel=icon]").get_attribute(
        "data-unhealthy"
    )


def test_filters_stand_in_the_address_and_survive_a_reload(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/entities")

    page.locator("#chip-unhealthy").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("#filter-team").select_option("payments")
    page.wait_for_url("**/entities?status=unhealthy&team=payments")
    page.reload()

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("#filter-team")).to_have_value("payments")
    page.get_by_role("link", name="Checks").first.click()
    page.wait_for_url("**/checks?team=payments")


def test_many_problems_leave_the_rest_of_the_page_in_reach(sign_in: SignIn) -> None:
    add_fleet()
    for number in range(12):
        add_entity(f"job-{number:02}")
        add_check(f"job-{number:02}", "http", Status.UNHEALTHY, message="refused")
    visitor = sign_in(Role.VIEWER)
    page = visitor.open("/")
    expect(page.locator(".problem:visible")).to_have_count(10)
    for _ in range(11):
        page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('tr') !== null")

    page.get_by_text("5 more problems").click()
    expect(page.locator(".problem:visible")).to_have_count(15)
    assert visitor.accessibility_violations() == []
    turn("mailer", Status.UNHEALTHY, "timed out")
    expect(page.locator(".problem:visible")).to_have_count(16)


def test_the_page_says_that_it_is_blind_and_not_that_all_is_down(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/")
    expect(page.locator("#freshness")).to_contain_text("Live")

    Pulse.objects.filter(role="worker").update(seen_ms=now_ms() - 60_000)

    expect(page.locator("#blind")).to_contain_text("Quarterdeck is blind: the worker has been silent")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "stale")

    show_signs_of_life()
    expect(page.locator("#blind")).to_have_count(0)


def test_a_failing_poll_is_told_and_polling_recovers(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/")
    page.route("**/*stamp=*", lambda route: route.fulfill(status=503, body="<p>broken</p>"))

    expect(page.locator("#freshness")).to_contain_text("Not updating")
    expect(page.locator(".verdict-line")).to_contain_text("1 unhealthy")

    page.unroute("**/*stamp=*")
    expect(page.locator("#freshness")).to_contain_text("Live", timeout=30_000)


def test_new_results_appear_on_the_page_of_a_check(sign_in: SignIn) -> None:
    add_fleet()
    check = Check.objects.get(entity__name="mailer")
    page = sign_in(Role.VIEWER).open(f"/checks/{check.uid}")
    expect(page.get_by_text("42 ms").first).to_have_count(0)

    CheckState.objects.filter(pk=check.pk).update(last_at_ms=now_ms(), last_duration_us=42_000)

    expect(page.locator(".facts")).to_contain_text("42 ms")


def test_the_keyboard_reaches_filter_and_rows(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.VIEWER).open("/entities")

    page.keyboard.press("f")
    assert page.evaluate("document.activeElement.id") == "filter-q"
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")

    page.wait_for_url("**/entities/payments-db")


def test_the_tab_key_follows_the_reading_order(sign_in: SignIn) -> None:
    add_fleet()
    page = sign_in(Role.OPERATOR).open("/")
    places = []
    for _ in range(16):
        page.keyboard.press("Tab")
        places.append(
            page.evaluate(
                "(() => { const e = document.activeElement;"
                "return e.closest('.skip, .rail, .top, .problems, .columns')?.className.split(' ')[0] })()"
            )
        )

    assert [place for at, place in enumerate(places) if place != (places[at - 1] if at else None)] == [
        "skip",
        "rail",
        "top",
        "problems",
    ]


def test_the_theme_is_kept_and_applied_before_the_first_paint(sign_in: SignIn) -> None:
    visitor = sign_in(Role.VIEWER)
    page = visitor.open("/")

    page.locator("#theme").click()
    page.locator("#theme").click()
    page.reload(wait_until="commit")

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("#theme")).to_have_attribute("aria-label", "Theme: dark")
    assert visitor.complaints == []


def test_what_a_target_says_is_text_and_never_markup(sign_in: SignIn) -> None:
    add_fleet()
    add_check("mailer", "second", Status.UNHEALTHY, message="<script>alert(1)</script>")
    visitor = sign_in(Role.VIEWER)

    page = visitor.open("/")

    expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    assert visitor.complaints == []
