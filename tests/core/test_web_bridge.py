"""What reaches the WSGI application through a real web server, and that no client keeps it from the others."""

import contextlib
import http.client
import json
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.web_bridge import SMALL_BODY_BYTES
from tests.core import echo
from tests.services import free_port, wait_for


@dataclass(frozen=True)
class Server:
    port: int
    process: psutil.Process

    def memory(self) -> int:
        """Resident bytes of its worker."""
        [worker] = self.process.children()
        return int(worker.memory_info().rss)


@contextlib.contextmanager
def served(log: Path) -> Iterator[Server]:
    """A web server of its own, whose last words are in ``log`` at the end."""
    port = free_port()
    command = [sys.executable, "-m", "granian", "--interface", "rsgi", "--http", "1", "--no-ws", "--loop", "uvloop",
               "--port", str(port), "tests.core.echo:application"]  # fmt: skip
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output)

    def is_up() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(is_up, what="the web server")
        yield Server(port, psutil.Process(server.pid))
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with served(tmp_path_factory.mktemp("granian") / "log") as server:
        yield server.port


class Client(socket.socket):
    """Sends raw lines, so that a request can be wrong; ``body`` follows as it is."""

    def __init__(self, port: int, first: str, *headers: str, body: str = "") -> None:
        super().__init__()
        self.settimeout(10)
        self.connect(("127.0.0.1", port))
        self.sendall("\r\n".join([f"{first} HTTP/1.1", "Host: here", *headers, "", body]).encode())

    def answer(self) -> http.client.HTTPResponse:
        response = http.client.HTTPResponse(self)
        response.begin()
        return response

    def told(self) -> dict[str, Any]:
        response = self.answer()
        assert response.status == 200
        return dict(json.loads(response.read()))


def ask(port: int, first: str, *headers: str, body: str = "") -> dict[str, Any]:
    with Client(port, first, *headers, body=body) as client:
        return client.told()


def half_a_request(port: int) -> Client:
    return Client(port, "POST /", "Content-Length: 50", body='{"begun')


def test_the_environment_is_that_of_pep_3333(port: int) -> None:
    told = ask(port, "GET /caf%C3%A9//x;y?q=%20", "X-Twice: 1", "X-Twice: 2", "Cookie: a=1", "Cookie: b=2")

    expected = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/café//x;y".encode().decode("latin-1"),
        "QUERY_STRING": "q=%20", "HTTP_HOST": "here", "HTTP_X_TWICE": "1,2", "HTTP_COOKIE": "a=1; b=2",
        "REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1", "wsgi.url_scheme": "http", "body": "", "fault": "",
    }  # fmt: skip
    assert {key: told.get(key) for key in expected} == expected


def test_a_header_with_an_underscore_passes_for_no_other(port: int) -> None:
    assert "HTTP_X_FORWARDED_PROTO" not in ask(port, "GET /", "X_Forwarded_Proto: https")


def test_headers_of_the_answer_are_all_sent(port: int) -> None:
    with Client(port, "GET /") as client:
        response = client.answer()
        assert response.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
        assert response.headers["Content-Type"] == "application/json"


def test_head_has_no_body_and_the_connection_goes_on(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("HEAD", "/")
    assert connection.getresponse().read() == b""
    connection.request("GET", "/")
    assert json.loads(connection.getresponse().read())["REQUEST_METHOD"] == "GET"
    connection.close()


class TestBody:
    def test_of_a_stated_length(self, port: int) -> None:
        told = ask(port, "POST /", "Content-Type: text/plain", "Content-Length: 5", body="hello")

        assert (told["body"], told["CONTENT_LENGTH"], told["CONTENT_TYPE"]) == ("hello", "5", "text/plain")

    def test_in_chunks_has_a_length_at_last(self, port: int) -> None:
        told = ask(port, "POST /", "Transfer-Encoding: chunked", body="3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")

        assert (told["body"], told["CONTENT_LENGTH"]) == ("hello", "5")

    def test_in_chunks_over_the_limit(self, port: int) -> None:
        size = echo.BODY_LIMIT + 1
        told = ask(port, "POST /", "Transfer-Encoding: chunked", body=f"{size:x}\r\n{'x' * size}\r\n0\r\n\r\n")

        assert told["fault"] == "payload_too_large"

    def test_of_a_stated_length_over_the_limit_is_not_waited_for(self, port: int) -> None:
        told = ask(port, "POST /", f"Content-Length: {echo.BODY_LIMIT + 1}")

        assert (told["body"], told["fault"]) == ("", "")
        assert int(told["CONTENT_LENGTH"]) > echo.BODY_LIMIT

    def test_that_ends_too_soon(self, port: int) -> None:
        with half_a_request(port) as client:
            client.shutdown(socket.SHUT_WR)
            assert client.told()["fault"] == "incomplete_request"

    @pytest.mark.parametrize("ending", ["", "ZZZ\r\n", "5\r\nhel"])
    def test_in_chunks_that_breaks_off(self, port: int, ending: str) -> None:
        with Client(port, "POST /", "Transfer-Encoding: chunked", body=f"5\r\nhello\r\n{ending}") as client:
            client.shutdown(socket.SHUT_WR)
            assert client.told()["fault"] == "incomplete_request"

    def test_small_ones_are_taken_while_large_ones_fill_the_room(self, port: int) -> None:
        size = SMALL_BODY_BYTES + 2  # whose last byte never comes: without it, it is one too long for a small one
        with contextlib.ExitStack() as opened:
            large = [
                opened.enter_context(Client(port, "POST /", f"Content-Length: {size}", body="x" * (size - 1)))
                for _ in range(2 * echo.BODIES // size)
            ]
            [refused, *_], _, _ = select.select(large, [], [], 10)

            assert refused.told()["fault"] == "unavailable"
            small = "x" * (SMALL_BODY_BYTES // 2)
            assert ask(port, "POST /", f"Content-Length: {len(small)}", body=small)["body"] == small

    def test_that_never_comes_is_given_up_and_its_connection_closed(self, port: int) -> None:
        with half_a_request(port) as client:
            assert client.told()["fault"] == "request_timed_out"
            assert client.recv(1) == b""

    def test_many_that_never_come_hold_up_nobody(self, port: int) -> None:
        with contextlib.ExitStack() as opened:
            waiting = [opened.enter_context(half_a_request(port)) for _ in range(20 * echo.THREADS)]

            assert ask(port, "GET /")["fault"] == ""

            assert {client.told()["fault"] for client in waiting} == {"request_timed_out"}


class TestStream:
    def test_arrives_whole_and_is_closed(self, port: int) -> None:
        before = ask(port, "GET /")["closed"]
        with Client(port, "GET /stream") as client:
            assert len(client.answer().read()) == echo.STREAM_BYTES
        assert ask(port, "GET /")["closed"] == before + 1

    def test_that_is_short_arrives_as_well(self, port: int) -> None:
        with Client(port, "GET /short-stream") as client:
            assert len(client.answer().read()) == echo.STREAM_BYTES // 100

    def test_that_its_client_leaves_is_closed_without_a_complaint(self, tmp_path: Path) -> None:
        with served(tmp_path / "log") as server:
            with Client(server.port, "GET /stream") as client:
                client.recv(1)
            wait_for(lambda: ask(server.port, "GET /")["closed"] == 1, what="its end")

        assert "answer_failed" not in (tmp_path / "log").read_text()

    def test_that_nobody_reads_holds_up_nobody_and_fills_no_memory(self, tmp_path: Path) -> None:
        with served(tmp_path / "log") as server, contextlib.ExitStack() as opened:
            ask(server.port, "GET /")
            before = server.memory()
            clients = [Client(server.port, "GET /stream") for _ in range(4 * echo.THREADS)]
            for client in clients:
                opened.enter_context(client)

            wait_for(lambda: ask(server.port, "GET /")["closed"] == len(clients), what="the end of all streams")

            assert server.memory() - before < 2 * echo.STREAM_BYTES


def test_an_exception_of_the_application_is_a_500_and_costs_no_thread(port: int) -> None:
    for _ in range(2 * echo.THREADS):
        with Client(port, "GET /broken") as client:
            assert client.answer().status == 500
    assert ask(port, "GET /")["fault"] == ""
