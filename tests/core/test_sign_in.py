"""Signing in: passwords cannot be guessed in bulk, and nobody is locked out by others or by a broker."""

import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from core import sign_in_limit
from core.data_dir import DataDir
from core.ids import uuid7_hex
from tests.services import free_port

pytestmark = pytest.mark.django_db

SHIPPED = (sign_in_limit.FAILURES_PER_ACCOUNT, sign_in_limit.FAILURES_PER_ADDRESS, sign_in_limit.WINDOW_SECONDS)

HERE, THERE = "203.0.113.7", "203.0.113.8"


@pytest.fixture(autouse=True)
def _ada(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters outlive a test in Redis; each test has its own."""
    monkeypatch.setattr(sign_in_limit, "_KEY", f"test:{uuid7_hex()}")
    monkeypatch.setattr(sign_in_limit, "FAILURES_PER_ACCOUNT", 3)
    monkeypatch.setattr(sign_in_limit, "FAILURES_PER_ADDRESS", 5)
    monkeypatch.setattr(settings, "PASSWORD_HASHERS", ["django.contrib.auth.hashers.MD5PasswordHasher"])
    User.objects.create_user("ada", password="lovelace")


def attempt(password: str = "wrong", *, username: str = "ada", address: str = HERE, **headers: str) -> HttpResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().post(  # type: ignore[return-value]
        "/login", {"username": username, "password": password}, REMOTE_ADDR=address, headers=named
    )


def test_after_too_many_failures_even_the_right_password_waits() -> None:
    assert [attempt().status_code for _ in range(3)] == [200, 200, 200]

    refused = attempt("lovelace")

    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= sign_in_limit.WINDOW_SECONDS
    assert "Too many wrong passwords. Try again in 5 minutes." in refused.content.decode()
    assert 'value="ada"' in refused.content.decode()
    assert "aria-invalid" not in refused.content.decode()  # neither field is wrong


def test_who_was_signed_out_while_a_page_was_open_is_told() -> None:
    address = Client().get("/checks", headers={"HX-Request": "true"})["HX-Redirect"]

    assert address == "/login?next=%2Fchecks&ended=1"
    assert "You were signed out." in Client().get(address).content.decode()
    assert "You were signed out." not in Client().get("/login?next=/checks").content.decode()


def test_who_is_signed_in_is_told_why_this_page_appears() -> None:
    client = Client()
    client.force_login(User.objects.get(username="ada"))

    page = client.get("/admin/", follow=True).content.decode()

    assert "signed in as <strong>ada</strong>, who may not see that page" in page


def test_nobody_is_locked_out_from_elsewhere() -> None:
    for _ in range(4):
        attempt()

    assert attempt("lovelace", address=THERE).status_code == 302


def test_one_address_cannot_try_many_accounts() -> None:
    assert [attempt(username=f"user{number}").status_code for number in range(6)] == [200] * 5 + [429]


def test_tries_refused_for_their_account_lock_out_nobody_else() -> None:
    refused = [attempt().status_code for _ in range(3 + 6)][3:]

    assert refused == [429] * 6
    assert attempt("lovelace", username="bob").status_code == 200  # wrong, and looked at
    assert [attempt(username=f"user{number}").status_code for number in range(2)] == [200, 429]


def test_tries_refused_for_their_address_lock_no_account() -> None:
    for number in range(5):
        attempt(username=f"user{number}")
    assert [attempt().status_code for _ in range(4)] == [429] * 4

    sign_in_limit._client(settings.REDIS_URL).delete(f"{sign_in_limit._KEY}:address:{HERE}")
    assert attempt("lovelace").status_code == 302


def test_a_success_forgets_the_failures() -> None:
    for _ in range(3):
        attempt()
        attempt()
        assert attempt("lovelace").status_code == 302 or pytest.fail("refused")
        sign_in_limit._client(settings.REDIS_URL).delete(f"{sign_in_limit._KEY}:address:{HERE}")


def test_successes_do_not_count() -> None:
    assert {attempt("lovelace").status_code for _ in range(8)} == {302}


def test_spelling_and_network_make_no_new_account() -> None:
    spellings = ["ada", "ADA", " ada "]
    for number, spelling in enumerate(spellings):
        attempt(username=spelling, address=f"2001:db8::{number}")

    assert attempt(address="2001:db8::99").status_code == 429


def test_a_forwarded_address_is_believed_behind_https_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        attempt(X_Forwarded_For=f"198.51.100.{number}")
    assert attempt().status_code == 429

    monkeypatch.setattr(settings, "SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https"))
    assert attempt("lovelace", X_Forwarded_For=f"{HERE}, {THERE}").status_code == 302


def test_the_admin_has_no_other_door() -> None:
    response = Client().get("/admin/login/?next=/admin/")

    assert (response.status_code, response["Location"]) == (302, "/login?next=/admin/")


def test_a_broker_that_is_down_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    assert attempt("lovelace").status_code == 302


def test_a_broker_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(settings, "REDIS_URL", f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        started = time.monotonic()

        assert attempt("lovelace").status_code == 302
        assert time.monotonic() - started < 15


def test_the_shipped_limits_stop_guessing_and_no_office() -> None:
    assert SHIPPED == (10, 50, 300)


class TestTheHintOfTheFirstStart:
    @pytest.fixture(autouse=True)
    def _kept_password(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(settings, "DATA_DIR", DataDir(tmp_path))
        settings.DATA_DIR.admin_password.write_text("secret")

    def hinted(self) -> bool:
        return "admin_password" in Client().get("/login").content.decode()

    def test_helps_until_somebody_signed_in(self) -> None:
        assert self.hinted()
        assert attempt("lovelace").status_code == 302
        assert not self.hinted()

    def test_tells_of_no_file_that_is_not_there(self) -> None:
        settings.DATA_DIR.admin_password.unlink()
        assert not self.hinted()

    def test_tells_nothing_in_production(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("core.sign_in.get_config", lambda: SimpleNamespace(production=True))
        assert not self.hinted()
