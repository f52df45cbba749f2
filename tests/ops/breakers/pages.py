"""Pages and documents as Resilience4j writes them, and a server that shows one."""

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

STATES = ("closed", "open", "half_open", "forced_open", "disabled", "metrics_only")


def resilience4j(**breakers: str) -> str:
    """A page on which each named breaker is in its state, with 40 calls of which 10 failed."""
    lines = ["# HELP resilience4j_circuitbreaker_state The states of the circuit breaker"]
    lines.append("# TYPE resilience4j_circuitbreaker_state gauge")
    for name, current in breakers.items():
        for state in STATES:
            value = float(state == current)
            lines += [f'resilience4j_circuitbreaker_state{{name="{name}",state="{state}",}} {value}']
        for kind, calls in (("successful", 30.0), ("failed", 10.0), ("ignored", 0.0)):
            lines.append(f'resilience4j_circuitbreaker_calls_seconds_count{{kind="{kind}",name="{name}",}} {calls}')
        for kind, calls in (("successful", 15.0), ("failed", 5.0)):
            lines.append(f'resilience4j_circuitbreaker_buffered_calls{{kind="{kind}",name="{name}",}} {calls}')
        not_permitted = (
            f'resilience4j_circuitbreaker_not_permitted_calls_total{{kind="not_permitted",name="{name}",}} 7.0'
        )
        lines.append(not_permitted)
        lines.append(f'resilience4j_circuitbreaker_failure_rate{{name="{name}",}} 25.0')
        lines.append(f'resilience4j_circuitbreaker_slow_call_rate{{name="{name}",}} -1.0')
    return "\n".join(lines) + "\n"


def actuator(**states: str) -> dict[str, Any]:
    details = {
        "failureRate": "25.0%",
        "slowCallRate": "-1.0%",
        "bufferedCalls": 20,
        "failedCalls": 5,
        "slowCalls": 1,
        "notPermittedCalls": 7,
    }
    return {"circuitBreakers": {name: {**details, "state": state} for name, state in states.items()}}


@dataclass
class Program:
    """What a server answers; ``posted`` are the paths and bodies that it was sent."""

    port: int = 0
    status: int = 200
    page: bytes = b""
    posted: list[tuple[str, Any]] = field(default_factory=list)
    post_status: int = 200
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/actuator/circuitbreakers"

    def show(self, page: str | dict[str, Any]) -> None:
        self.page = (page if isinstance(page, str) else json.dumps(page)).encode()


@contextlib.contextmanager
def run_program(page: str | dict[str, Any] = "") -> Iterator[Program]:
    program = Program()
    program.show(page)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            program.headers.append(dict(self.headers))
            self._answer(program.status, program.page)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            program.posted.append((self.path, json.loads(body)))
            self._answer(program.post_status, b"{}")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: Any) -> None:
            """Tests have nothing to say on stderr."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        program.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield program
        finally:
            server.shutdown()
            thread.join(10)
