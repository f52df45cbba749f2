"""What an ``http`` check may say beside its address: who signs in, which body it expects, which version it speaks."""

import base64
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from ops.health.checks.http import HttpConfig
from ops.signals.domain import Status
from tests import http_versions
from tests.ops.health.targets import Target, answer, run_target
from tests.ops.health.test_http_kind import probe
from tests.services import free_port, wait_for


@pytest.fixture
def target() -> Iterator[Target]:
    with run_target(answer(body=b'{"status": "ok"}')) as running:
        yield running


class TestSigningIn:
    def test_as_a_user(self, target: Target) -> None:
        probe(target.url, basic_user="deck", basic_password="hüsh")

        assert b"Authorization: Basic " + base64.b64encode("deck:hüsh".encode()) in target.requests[0]

    def test_by_a_token(self, target: Target) -> None:
        probe(target.url, bearer_token="hush")

        assert b"Authorization: Bearer hush" in target.requests[0]

    @pytest.mark.parametrize(
        "fields",
        [
            {"basic_user": "u"},
            {"basic_password": "p"},
            {"basic_user": "u", "basic_password": "p", "bearer_token": "t"},
            {"bearer_token": "t", "headers": {"authorization": "x"}},
            {"basic_user": "a:b", "basic_password": "p"},
            {"bearer_token": "a\r\nX: y"},
        ],
    )
    def test_in_one_way_alone(self, fields: dict[str, object]) -> None:
        with pytest.raises(ValidationError):
            HttpConfig.model_validate({"url": "http://h", **fields})

    def test_shows_no_secret(self) -> None:
        config = HttpConfig.model_validate({"url": "http://h", "bearer_token": "hush"})

        assert "hush" not in repr(config) + config.model_dump_json() + str(config.model_dump())


class TestTheExpectedBody:
    def test_is_found_anywhere(self, target: Target) -> None:
        assert probe(target.url, expect_body=r'"status":\s*"(ok|fine)"').finding is None

    @pytest.mark.parametrize("size", [100, 100_000])
    def test_that_is_not_there_is_unhealthy(self, target: Target, size: int) -> None:
        target.behave = answer(body=b"x" * size)
        seen = probe(target.url, expect_body="ready|healthy")

        assert seen.finding is not None
        assert (seen.finding.outcome, seen.finding.message) == (
            Status.UNHEALTHY, "the body does not match ready|healthy",
        )  # fmt: skip
        assert seen.values["STATUS"] == 200

    @pytest.mark.parametrize(
        ("expression", "said"),
        [
            ("ok|(fine", "at character"),
            ("abc[z-a]", "at character 5 "),
            (r"(a)\1", "at character"),
            ("(.{50}){15}", "too large"),
            ("((a{100}){100}){100}", "too large|repetition"),
            ("x" * 501, "at most 500"),
        ],
    )
    def test_that_is_wrong_or_too_large_is_refused(self, expression: str, said: str) -> None:
        with pytest.raises(ValidationError, match=said):
            HttpConfig(url="http://h", expect_body=expression)

    def test_that_would_blow_up_elsewhere_takes_linear_time(self, target: Target) -> None:
        target.behave = answer(body=b"a" * 1_000_000)
        started = time.process_time()

        assert probe(target.url, expect_body="(a+)+$|(a|aa)+b").finding is None
        assert time.process_time() - started < 5


@contextlib.contextmanager
def run_http2() -> Iterator[str]:
    """A server that speaks both versions and says which it was asked by."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(Path(http_versions.__file__).parents[1])}
    server = subprocess.Popen([*command, "--no-ws", "tests.http_versions:application"], env=environment)
    try:
        wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, seconds=60, what="the HTTP/2 server")
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(timeout=10)


def test_http_2_is_spoken_on_demand() -> None:
    with run_http2() as url:
        assert probe(url, http2=True).values["BODY"].text == "HTTP/2"
        assert probe(url).values["BODY"].text == "HTTP/1.1"
