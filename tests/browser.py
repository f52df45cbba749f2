"""A real Chromium against the live server, with everything that it complains about kept.

The program comes from PATH, else from the distribution as root, else from Playwright; a machine that gives none of
these fails, because a page that no browser drew was not tested.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Response,
    expect,
    sync_playwright,
)
from pytest_django.live_server_helper import LiveServer

from core.permissions import Role

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
NAMES = ("chromium", "chromium-browser", "google-chrome")
PASSWORD = "correct-horse-battery"
WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)  # Playwright's own 5 s are short on a loaded machine


def find_chromium() -> str | None:
    """The path of a Chromium; None when Playwright's own is to be used."""
    if found := next(filter(None, map(shutil.which, NAMES)), None):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False, timeout=120)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False, timeout=300)
        if found := next(filter(None, map(shutil.which, NAMES)), None):
            return found
    installed = subprocess.run(
        [sys.executable, "-m", "playwright", "install", "chromium"], check=False, timeout=300, capture_output=True
    )
    if installed.returncode == 0:
        return None
    pytest.fail(f"There is no Chromium: none of {', '.join(NAMES)} is on PATH, and none could be installed")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    # The sync API keeps an event loop running in this thread: Django would take the tests for asynchronous code, and
    # no other module could run a loop of its own, hence one browser per module.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as started:
        yield started
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=find_chromium(), args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def live_server(_collected_static_files: None) -> Iterator[LiveServer]:
    """The whole stack, static files through WhiteNoise as in production."""
    server = LiveServer("localhost", start=False)
    server.thread.static_handler = lambda application: application  # type: ignore[assignment]
    server.start()
    yield server
    server.stop()


@dataclass
class Visitor:
    """A signed-in reader in one browser context; ``complaints`` is what console, CSP and network objected to."""

    page: Page
    base: str
    complaints: list[str] = field(default_factory=list)
    weight: int = 0

    def open(self, path: str) -> Page:
        """Load a page, its scripts included; ``weight`` is what it took over the line."""
        self.weight = 0
        self.page.goto(f"{self.base}{path}")
        return self.page

    def scroll_width(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def accessibility_violations(self) -> list[str]:
        """What axe finds, as one line a node."""
        self.page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text())
        results: dict[str, Any] = self.page.evaluate(
            "axe.run(document, {resultTypes: ['violations'], runOnly: "
            "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
        )
        return [
            f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
            for violation in results["violations"]
            for node in violation["nodes"]
        ]


type SignIn = Callable[..., Visitor]


@pytest.fixture
def sign_in(chromium: Browser, live_server: LiveServer) -> Iterator[SignIn]:
    """``sign_in(Role.EDITOR, theme="dark", width=390)``: a visitor with a session of that role; None: a stranger."""
    contexts: list[BrowserContext] = []

    def make(role: Role | None = Role.ADMIN, *, theme: str = "light", width: int = 1440) -> Visitor:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 720 else 844},
            color_scheme="dark" if theme == "dark" else "light",
        )
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        visitor = Visitor(page=page, base=live_server.url)
        _listen(visitor)
        if role is not None:
            client = Client()
            client.force_login(add_user(role))
            session = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        return visitor

    yield make
    for context in contexts:
        context.close()


def add_user(role: Role) -> User:
    """A user named as the role, with ``PASSWORD``."""
    user, created = User.objects.get_or_create(username=role.value, defaults={"is_staff": role is Role.ADMIN})
    if created:
        user.set_password(PASSWORD)
        user.save()
        user.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return user


def _listen(visitor: Visitor) -> None:
    def on_console(message: ConsoleMessage) -> None:
        # A Content-Security-Policy violation is reported here as an error.
        if message.type in {"error", "warning"}:
            visitor.complaints.append(f"{message.type}: {message.text}")

    def on_response(response: Response) -> None:
        visitor.weight += int(response.headers.get("content-length", "0"))

    visitor.page.on("console", on_console)
    visitor.page.on("pageerror", lambda error: visitor.complaints.append(f"exception: {error}"))
    visitor.page.on("response", on_response)
