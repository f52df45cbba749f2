"""Who is asking: the peer, or whom a trusted proxy has seen."""

import pytest
from django.conf import settings
from django.test import RequestFactory

from core.client_address import client_address


def seen(address: str, forwarded: str = "") -> str:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=address, headers=headers))


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECURE_PROXY_SSL_HEADER", ("HTTP_X_FORWARDED_PROTO", "https"))


@pytest.mark.parametrize(
    ("peer", "address"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8::1", "2001:db8::1"), ("::ffff:192.0.2.7", "192.0.2.7"), ("", "")],
)
def test_without_a_trusted_proxy_it_is_the_peer_whatever_it_says(peer: str, address: str) -> None:
    assert seen(peer, "198.51.100.1") == address


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("10.9.9.9, 198.51.100.1", "198.51.100.1"),
        ("", "192.0.2.7"),
        ("198.51.100.1, <script>", ""),
        ("10.9.9.9, 198.51.100.1:4711", "198.51.100.1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("[::1", ""),
    ],
)
def test_behind_a_trusted_proxy_it_is_the_last_that_the_proxy_names(proxy: None, forwarded: str, address: str) -> None:
    assert seen("192.0.2.7", forwarded) == address
