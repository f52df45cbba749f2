"""Traces: off by default, and from every process that works when an endpoint is named."""

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.util.http import parse_excluded_urls

from core.telemetry.tracing import ENDPOINT_VARIABLE, UNTRACED_URLS, start_tracing
from tests.core.instances import running
from tests.services import wait_for


class Collector:
    """Takes spans by OTLP over HTTP and remembers their service and name."""

    def __init__(self) -> None:
        spans = self.spans = set[tuple[str, str]]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = ExportTraceServiceRequest()
                request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
                for resource in request.resource_spans:
                    attributes = {item.key: item.value.string_value for item in resource.resource.attributes}
                    spans.update(
                        (attributes["service.name"], span.name)
                        for scope in resource.scope_spans
                        for span in scope.spans
                    )
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.server.shutdown()


def test_nothing_is_traced_without_an_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENDPOINT_VARIABLE, raising=False)

    assert start_tracing() is None


def test_web_scheduler_and_worker_send_spans(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDPOINT_VARIABLE, collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    with running(tmp_path / "data") as instance:
        instance.get("/login")
        instance.get("/healthz")

        wait_for(lambda: ("quarterdeck-web", "GET login") in collector.spans, what="a span of a request")
        wait_for(lambda: ("quarterdeck-worker", "run/health.tick") in collector.spans, seconds=30, what="a task's span")
        wait_for(
            lambda: ("quarterdeck-scheduler", "apply_async/health.tick") in collector.spans, what="a publish's span"
        )

    assert not [name for _, name in collector.spans if "healthz" in name]
    scheduler = {name for service, name in collector.spans if service == "quarterdeck-scheduler"}
    assert not scheduler & {"LPUSH", "SADD", "SMEMBERS", "PIPELINE", "MULTI"}  # one span a publish, not one a command


def test_the_address_of_a_ping_gets_into_no_span() -> None:
    untraced = parse_excluded_urls(UNTRACED_URLS)

    assert untraced.url_disabled("https://deck.example/ping/8f6c-secret/fail")
    assert not untraced.url_disabled("https://deck.example/entities/shipping")
