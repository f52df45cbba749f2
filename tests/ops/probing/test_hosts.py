"""What is taken as a host."""

import pytest
from pydantic import ValidationError

from core.text import STORED
from ops.health.checks.http import HttpConfig
from ops.health.checks.tcp import TcpConfig
from ops.probing.config import KindConfig
from ops.queues.sources.redis_server import RedisServerConfig

NAMES = ["h", "a-b.example", "_dmarc.my_host.example", "xn--bcher-kva.example", "10.0.0.1", "::1", "fe80::1", "a" * 63]
NAMES += ["1.example", "a.1b", "0x7f.example"]


def host_of(text: str, **context: bool) -> str:
    return TcpConfig.model_validate({"host": text, "port": 1}, context=context).host


@pytest.mark.parametrize("text", [*NAMES, ".".join(["a" * 61] * 4)])
def test_a_name_or_an_address_is_taken_as_it_is(text: str) -> None:
    assert host_of(text) == text


def test_brackets_and_the_dot_of_the_root_are_left_out() -> None:
    assert (host_of("[::1]"), host_of("h.example.")) == ("::1", "h.example")


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "..", "x..y", ".x", "a" * 64, ".".join(["a" * 62] * 4) + ".abc", "-x", "x-", "a b", "a/b", "u@h",
        "host=x", "127.0.0.1'", "127.0.0.1,1.2.3.4", "*", "$(id)", "[::1", "::1]", "[1.2.3.4]", "[h]", "[]",
        "fe80::1%eth0", "1::2::3", "h\n", "h%00",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        host_of(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("payments.example.com:443", "the port has a field of its own"),
        ("[::1]:443", "the port has a field of its own"),
        ("https://payments.example.com/", "without a scheme and a path"),
        ("ü.example", "in its xn-- form"),
        ("256.1.1.1", "not an IPv4 address"),
        ("1.2.3.4.5", "not an IPv4 address"),
        ("010.0.0.1", "not an IPv4 address"),
        ("127.1", "not an IPv4 address"),
        ("2130706433", "not an IPv4 address"),
        ("foo.123", "ends in a number as no name does"),
        ("foo.123.", "ends in a number as no name does"),
        ("x..y", "63 at most between two dots"),
    ],
)
def test_the_error_says_what_to_do(text: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        host_of(text)


@pytest.mark.parametrize("config", [HttpConfig, RedisServerConfig])
@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("x:/", "write a port behind the colon"),
        ("x:", "write a port behind the colon"),
        ("x:0/", "the port must be 1 to 65535"),
        ("x:123456/", "the port must be 1 to 65535"),
        ("x:https/", "the port must be 1 to 65535"),
        ("[::1]:٣/", "the port must be 1 to 65535"),
        ("foo.123/", "ends in a number"),
    ],
)
def test_so_does_that_of_an_address(config: type[KindConfig], rest: str, words: str) -> None:
    scheme = "http" if config is HttpConfig else "redis"
    with pytest.raises(ValidationError, match=words):
        config.model_validate({"url": f"{scheme}://{rest}"})
    config.model_validate({"url": f"{scheme}://x:65535/"})


@pytest.mark.parametrize("text", ["payments.example.com:443", "x..y", "host=x", "foo.123"])
def test_what_is_stored_is_read_as_it_is(text: str) -> None:
    assert host_of(text, **{STORED: True}) == text
