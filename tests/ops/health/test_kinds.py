"""The registry of check kinds, and what their fields accept."""

from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, ValidationError

from core.egress import Endpoint
from ops.health.checks import KINDS, validate_kind
from ops.health.checks.http import HttpConfig
from ops.health.checks.tcp import TcpConfig, TcpKind
from ops.probing.config import KindConfig


def test_the_kinds_of_this_release_are_registered() -> None:
    assert set(KINDS.names()) == {
        "actuator", "celery", "composite", "dns", "grpc", "heartbeat", "http", "icmp", "platform", "postgres",
        "prometheus", "redis", "tcp", "tls",
    }  # fmt: skip


class _NotAConfig(BaseModel):
    pass


class _TakesACommonField(KindConfig):
    interval: int = 1


@pytest.mark.parametrize(
    ("attribute", "value", "complaint"),
    [
        ("name", "No Spaces", "a kind's name"),
        ("Config", _NotAConfig, "must be a KindConfig"),
        ("Config", _TakesACommonField, "fields of every check: interval"),
        ("placeholders", frozenset({"status"}), "upper case"),
        ("probe", lambda *_: None, "coroutine"),
        ("default_conditions", ("[NOPE] == 1",), "unknown"),
    ],
)
def test_a_kind_that_cannot_work_is_refused_at_the_door(attribute: str, value: Any, complaint: str) -> None:
    broken = type("Broken", (TcpKind,), {attribute: value})()

    with pytest.raises(ValueError, match=complaint):
        validate_kind(broken)


class TestHttpFields:
    valid: ClassVar[list[str]] = [
        "http://h", "https://h.example:8443/a/b?c=d&e[]=f#fragment", "http://[::1]:80/", "http://127.0.0.1?x",
    ]  # fmt: skip
    invalid: ClassVar[list[str]] = [
        "", "h", "ftp://h/", "file:///etc/passwd", "gopher://h", "http://", "http:///x", "http://u:p@h/", "http://h:0/",
        "http://h:99999/", "http://h /", "http://h/\r\nX: y", "http://1.1.1.1\\@2.2.2.2/", "http://ü.example/",
        "http://h/ü", "http://a,b/", "http://h%00/", "http://x..y/", "http://.x/", f"http://{'a' * 64}.b/",
        "http://-x/", "http://[1.2.3.4]/", "http://[:]/",
    ]  # fmt: skip

    @pytest.mark.parametrize("url", valid)
    def test_takes_plain_web_addresses(self, url: str) -> None:
        assert HttpConfig(url=url).url == url.partition("#")[0]

    @pytest.mark.parametrize("url", invalid)
    def test_refuses_every_other_address(self, url: str) -> None:
        with pytest.raises(ValidationError):
            HttpConfig(url=url)

    @pytest.mark.parametrize("url", ["HTTP://127.0.0.1/A", "hTTps://h.example/A?B=C"])
    def test_a_scheme_is_written_in_any_case(self, url: str) -> None:
        scheme, colon, rest = url.partition(":")

        assert HttpConfig(url=url).url == scheme.lower() + colon + rest

    @pytest.mark.parametrize("host", ["[1.2.3.4]", "[:]"])
    def test_brackets_are_for_addresses_of_version_6(self, host: str) -> None:
        with pytest.raises(ValidationError, match="is not an IPv6 address"):
            HttpConfig(url=f"http://{host}/")

    def test_hides_what_may_be_secret(self) -> None:
        fields = {
            "url": "https://u:p@h/a?token=t&flag&x=", "headers": {"X-Auth": "t"}, "body": "b", "method": "POST",
        }  # fmt: skip

        assert HttpConfig.masked(fields) == {
            "url": "https://[redacted]@h/a?token=[redacted]&[redacted]&x=[redacted]",
            "headers": {"X-Auth": "[redacted]"}, "body": "[redacted]", "method": "POST",
        }  # fmt: skip
        assert HttpConfig.masked({"url": None, "headers": ["t"], "body": 5}) == {
            "url": None, "headers": "[redacted]", "body": "[redacted]",
        }  # fmt: skip

    @pytest.mark.parametrize(
        "headers",
        [{"A B": "x"}, {"": "x"}, {"X": "a\r\nY: b"}, {"Transfer-Encoding": "chunked"}, {"X": "\x00"}, {"X": "\xe9"}],
    )
    def test_refuses_headers_that_would_break_the_request(self, headers: dict[str, str]) -> None:
        with pytest.raises(ValidationError):
            HttpConfig(url="http://h", headers=headers)

    @pytest.mark.parametrize(
        ("url", "endpoint"),
        [("http://h/x", Endpoint("h", 80)), ("https://h", Endpoint("h", 443)), ("http://[::1]:9/", Endpoint("::1", 9))],
    )
    def test_names_whom_it_dials(self, url: str, endpoint: Endpoint) -> None:
        kind = KINDS.get("http")
        assert kind is not None
        assert kind.targets(HttpConfig(url=url)) == [endpoint]


def test_fields_of_another_kind_are_refused() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        TcpConfig.model_validate({"host": "h", "port": 1, "url": "http://h"})
