"""The ``http`` kind against real servers on loopback, good and bad."""

import asyncio
import contextlib
import gzip
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop

from core import __version__
from core.egress import AddressPolicy
from ops.health.checks.http import HttpConfig, HttpKind
from ops.probing import http_transfer
from ops.probing.probe import Observation, ProbeContext, ProbeFailed
from tests.ops.health.targets import Behaviour, Target, answer, certificate, hang, run_target, tls_with

LOOPBACK = AddressPolicy(allow=(ipaddress.ip_network("127.0.0.0/8"),))
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def probe(url: str, *, timeout: float = 5, policy: AddressPolicy = LOOPBACK, **fields: object) -> Observation:
    config = HttpConfig.model_validate({"url": url, **fields})
    return uvloop.run(HttpKind().probe(config, ProbeContext(timeout, policy, TRACEPARENT)))


def failure(url: str, **options: object) -> ProbeFailed:
    with pytest.raises(ProbeFailed) as caught:
        probe(url, **options)  # type: ignore[arg-type]
    return caught.value


@pytest.fixture
def target() -> Iterator[Target]:
    with run_target(answer(body=b'{"status": "ok"}')) as running:
        yield running


def test_sees_status_body_address_and_the_time_of_each_phase(target: Target) -> None:
    seen = probe(target.url)

    assert seen.values["STATUS"] == 200
    assert seen.values["BODY"].json == {"status": "ok"}
    assert (seen.values["IP"], seen.values["CONNECTED"]) == ("127.0.0.1", True)
    assert "CERTIFICATE_EXPIRATION" not in seen.values
    assert set(seen.phases) == {"resolve", "connect", "tls", "processing", "transfer"}
    assert 0 < sum(seen.phases.values()) <= seen.duration_us / 1e6 + 0.001


def test_sends_what_the_check_says_and_tells_who_asks(target: Target) -> None:
    probe(target.url, method="POST", body="héllo", headers={"X-Key": "k", "X-Empty": "", "Host": "api.example"})

    head, _, body = target.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST / HTTP/1.1"
    assert body == "héllo".encode()
    assert {"X-Key: k", "Host: api.example", f"traceparent: {TRACEPARENT}", "Accept-Encoding: identity"} <= set(lines)
    assert f"User-Agent: Quarterdeck/{__version__}" in lines
    assert "X-Empty:" in lines


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_speaks_every_method(target: Target, method: str) -> None:
    assert probe(target.url, method=method).values["STATUS"] == 200
    assert target.requests[0].startswith(method.encode() + b" / ")


def test_one_check_leaves_nothing_behind_for_the_next(target: Target) -> None:
    async def one_after_the_other() -> None:
        for config in (
            HttpConfig(url=target.url, method="POST", body="secret", headers={"X-Key": "k"}),
            HttpConfig(url=target.url),
        ):
            await HttpKind().probe(config, ProbeContext(5, LOOPBACK))

    uvloop.run(one_after_the_other())

    assert target.requests[1].startswith(b"GET / ")
    assert b"X-Key" not in target.requests[1]
    assert b"secret" not in target.requests[1]


def test_every_probe_opens_a_connection_of_its_own(target: Target) -> None:
    target.behave = lambda connection, _request: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    probe(target.url)
    probe(target.url)

    assert len(target.requests) == 2


def test_a_compressed_body_is_read(target: Target) -> None:
    target.behave = answer("200 OK", gzip.compress(b"all good"), "Content-Encoding: gzip")

    assert probe(target.url).values["BODY"].text == "all good"


class TestFailures:
    def test_nobody_listens(self) -> None:
        with socket.socket() as unheard:
            unheard.bind(("127.0.0.1", 0))
            failed = failure(f"http://127.0.0.1:{unheard.getsockname()[1]}/")

        assert (failed.phase, failed.message) == ("connect", "connection refused")

    def test_a_name_that_does_not_exist(self) -> None:
        failed = failure("http://nowhere.invalid/")

        assert (failed.phase, failed.message) == ("dns", "nowhere.invalid does not resolve")

    def test_a_server_that_hangs(self, target: Target) -> None:
        target.behave = hang(target)
        failed = failure(target.url, timeout=0.3)

        assert (failed.phase, failed.message) == ("timeout", "timed out after 300 ms while waiting for the answer")
        assert 250_000 < failed.duration_us < 10_000_000

    def test_a_server_that_drips(self, target: Target) -> None:
        def drip(connection: socket.socket, _request: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not target.released.wait(0.02):
                connection.sendall(b"x")

        target.behave = drip
        started = time.monotonic()
        failed = failure(target.url, timeout=0.4)

        assert failed.message == "timed out after 400 ms while receiving the answer"
        assert time.monotonic() - started < 20

    @pytest.mark.parametrize(
        ("behave", "message"),
        [
            (lambda *_: None, "connection closed without an answer"),
            (
                lambda connection, _request: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"),
                "connection closed in the middle of the answer",
            ),
            (lambda connection, _request: connection.sendall(b"SSH-2.0-OpenSSH_9\r\n"), "the answer is not HTTP"),
            (answer("200 OK", b"not gzip", "Content-Encoding: gzip"), "the body is not compressed as it says"),
        ],
    )
    def test_a_server_that_talks_nonsense(self, target: Target, behave: Behaviour, message: str) -> None:
        target.behave = behave

        assert failure(target.url).message == message

    def test_a_server_that_floods(self, target: Target) -> None:
        def flood(connection: socket.socket, _request: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while not target.released.is_set():
                connection.sendall(b"x" * 65_536)

        target.behave = flood
        failed = failure(target.url)

        assert (failed.phase, failed.message) == ("receive", "the body is over 1024 KiB")

    def test_a_small_bomb_that_unpacks_to_a_large_body(self, target: Target) -> None:
        target.behave = answer("200 OK", gzip.compress(b"\0" * 50_000_000), "Content-Encoding: gzip")

        assert failure(target.url).message == "the body is over 1024 KiB"

    @pytest.mark.parametrize("line", [b"X-Flood: " + b"x" * 1_000 + b"\r\n", b"X: y\r\n"], ids=["long", "many"])
    def test_headers_without_end(self, target: Target, line: bytes) -> None:
        def flood(connection: socket.socket, _request: bytes) -> None:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not target.released.is_set():
                connection.sendall(line * 100)

        target.behave = flood

        assert failure(target.url).message == "the headers are over the limit"

    def test_an_address_that_is_refused_is_never_dialled(self, target: Target) -> None:
        failed = failure(target.url, policy=AddressPolicy())

        assert failed.phase == "refused"
        assert "QUARTERDECK_PROBE_ALLOW_CIDRS" in failed.message
        assert target.requests == []

    def test_a_name_is_judged_by_the_address_it_resolves_to(self, target: Target) -> None:
        failed = failure(f"http://localhost:{target.port}/", policy=AddressPolicy())

        assert failed.phase == "refused"
        assert target.requests == []

    def test_the_proxy_of_the_environment_is_not_asked(self, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1/")

        assert probe(target.url).values["STATUS"] == 200

    def test_a_probe_that_is_given_up_lets_go_of_its_connection(self, target: Target) -> None:
        target.behave = hang(target)

        async def give_up() -> None:
            task = asyncio.ensure_future(HttpKind().probe(HttpConfig(url=target.url), ProbeContext(30, LOOPBACK)))
            while not target.requests:  # noqa: ASYNC110 - the server is a thread
                await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            target.behave = answer()
            seen = await HttpKind().probe(HttpConfig(url=target.url), ProbeContext(5, LOOPBACK))
            assert seen.values["STATUS"] == 200

        uvloop.run(give_up())


class TestRedirects:
    def redirect(self, location: str, status: str = "302 Found") -> Behaviour:
        return answer(status, b"", f"Location: {location}")

    def test_are_answers_unless_they_are_to_be_followed(self, target: Target) -> None:
        target.behave = self.redirect("/elsewhere")

        assert probe(target.url).values["STATUS"] == 302
        assert len(target.requests) == 1

    def test_are_followed_on_demand_and_timed_together(self, target: Target) -> None:
        target.behave = lambda connection, request: (
            answer(body=b"there") if request.startswith(b"GET /there ") else self.redirect("/there")
        )(connection, request)

        seen = probe(target.url, follow_redirects=True, headers={"Authorization": "secret"})

        assert seen.values["BODY"].text == "there"
        assert b"Authorization: secret" in target.requests[1]

    def test_end_after_three(self, target: Target) -> None:
        target.behave = self.redirect("/again")

        assert failure(target.url, follow_redirects=True).message == "more than 3 redirects"
        assert len(target.requests) == 4

    def test_share_one_deadline(self, target: Target) -> None:
        def slow_redirect(connection: socket.socket, request: bytes) -> None:
            target.released.wait(0.25)
            self.redirect("/again")(connection, request)

        target.behave = slow_redirect
        failed = failure(target.url, timeout=0.6, follow_redirects=True)

        assert failed.phase == "timeout"
        assert failed.duration_us < 20_000_000

    @pytest.mark.parametrize(
        ("location", "message"),
        [
            ("http://169.254.169.254/latest/meta-data", "redirect refused: 169.254.169.254 is a link-local"),
            ("http://[::ffff:a9fe:a9fe]/", "redirect refused: ::ffff:169.254.169.254 is"),
            ("http://metadata.google.internal/", "redirect refused: metadata.google.internal"),
            ("file:///etc/passwd", "redirect to something else than a web address"),
            ("gopher://127.0.0.1/", "redirect to something else than a web address"),
        ],
    )
    def test_to_where_checks_must_not_go_are_refused(self, target: Target, location: str, message: str) -> None:
        target.behave = self.redirect(location)
        failed = failure(target.url, follow_redirects=True)

        assert failed.phase == "refused"
        assert failed.message.startswith(message)

    def test_take_no_credentials_to_another_host(self, target: Target) -> None:
        with run_target(answer()) as other:
            target.behave = self.redirect(other.url)
            secrets = {"Authorization": "a", "Cookie": "b", "X-Api-Key": "c"}
            probe(target.url, follow_redirects=True, headers=secrets)

        assert b"Authorization: a" in target.requests[0]
        for name in (b"Authorization", b"Cookie", b"X-Api-Key"):
            assert name not in other.requests[0]

    def test_take_no_body_to_another_host(self, target: Target) -> None:
        with run_target(answer()) as other:
            target.behave = self.redirect(other.url, "307 Temporary Redirect")
            failed = failure(target.url, follow_redirects=True, method="POST", body="secret")

        assert failed.message == "redirect would send the body to another host"
        assert other.requests == []

    def test_turn_a_post_into_a_get_unless_they_say_otherwise(self, target: Target) -> None:
        for status, method in (("303 See Other", b"GET"), ("308 Permanent Redirect", b"POST")):
            target.requests.clear()
            target.behave = lambda connection, request, status=status: (  # type: ignore[misc]
                answer() if b" /there " in request else self.redirect("/there", status)
            )(connection, request)
            probe(target.url, follow_redirects=True, method="POST", body="x")

            assert target.requests[1].startswith(method + b" /there ")


class TestTls:
    @pytest.fixture
    def serve(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Target]]:
        """Serve with a certificate that the probe trusts (unless told otherwise)."""
        import contextlib

        with contextlib.ExitStack() as stack:

            def start(name: str, *, trusted: bool = True) -> Target:
                if trusted:
                    monkeypatch.setattr(http_transfer, "_CA_FILE", str(certificate(name)))
                return stack.enter_context(run_target(answer(), tls=tls_with(name)))

            yield start

    def test_tells_how_long_the_certificate_lasts(self, serve: Callable[..., Target]) -> None:
        seen = probe(serve("valid").url)

        years = seen.values["CERTIFICATE_EXPIRATION"] / 86_400_000 / 365.25
        assert 50 < years < 100
        assert seen.phases["tls"] > 0

    def test_an_expired_certificate_fails_with_its_date(self, serve: Callable[..., Target]) -> None:
        failed = failure(serve("expired").url)

        assert (failed.phase, failed.message) == ("tls", "certificate expired on 2025-01-02")

    def test_the_look_at_an_expired_certificate_takes_no_more_than_the_time_that_is_left(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(http_transfer, "_CA_FILE", str(certificate("expired")))
        released = threading.Event()

        def serve(listener: socket.socket) -> None:
            """A slow handshake, then none at all."""
            first, _address = listener.accept()
            released.wait(2)
            with contextlib.suppress(OSError), tls_with("expired").wrap_socket(first, server_side=True):
                pass
            with listener.accept()[0]:
                released.wait(10)

        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = threading.Thread(target=serve, args=(listener,), daemon=True)
            server.start()
            started = time.monotonic()
            failed = failure(f"https://127.0.0.1:{listener.getsockname()[1]}/", timeout=3)
            took = time.monotonic() - started
            released.set()

        assert failed.phase == "tls"
        assert 2.9 < took < 4.9

    def test_a_certificate_nobody_vouches_for(self, serve: Callable[..., Target]) -> None:
        failed = failure(serve("valid", trusted=False).url)

        assert (failed.phase, failed.message) == ("tls", "certificate is self-signed")

    def test_a_certificate_of_another_host(self, serve: Callable[..., Target]) -> None:
        assert failure(serve("elsewhere").url).message == "certificate is not for 127.0.0.1"

    def test_verification_can_be_switched_off(self, serve: Callable[..., Target]) -> None:
        assert probe(serve("expired", trusted=False).url, verify_tls=False).values["STATUS"] == 200

    def test_a_server_that_speaks_no_tls(self) -> None:
        with run_target(answer()) as plain:
            failed = failure(f"https://127.0.0.1:{plain.port}/", timeout=1)

        assert failed.phase in {"tls", "timeout"}
        assert "TLS handshake" in failed.message
