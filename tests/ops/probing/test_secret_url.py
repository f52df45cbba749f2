"""Where the secrets of an address are, and what becomes of the rest of it."""

import pytest

from core.secrets import MASK, join_sealed, mask_sealed, open_sealed
from ops.probing.secret_url import SecretUrl


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("http://a/h?api_key=hush", f"http://a/h?api_key={MASK}"),
        ("http://a/h?page=1&access_token=hush&x=2", f"http://a/h?page=1&access_token={MASK}&x=2"),
        ("http://a/h?x;password=hush;y", f"http://a/h?x;password={MASK};y"),
        ("http://a/h?api%5Fkey=hush", f"http://a/h?api%5Fkey={MASK}"),
        ("http://a/h?token=hush=&token=hush2&token=", f"http://a/h?token={MASK}&token={MASK}&token="),
        ("http://a/token=x", "http://a/token=x"),
        ("http://a/h?page=1", "http://a/h?page=1"),
        ("http://a/h", "http://a/h"),
    ],
)
def test_values_behind_names_of_secrets_are_masked_and_sealed(url: str, masked: str) -> None:
    address = SecretUrl(url)
    stored = address.sealed()

    assert (address, address.masked, repr(address)) == (url, masked, repr(masked))
    assert "hush" not in str(stored)
    assert mask_sealed(stored) == masked
    assert (stored if isinstance(stored, str) else join_sealed(stored, open_sealed)) == url


def test_of_several_of_one_name_each_is_replaced_by_its_own() -> None:
    address = SecretUrl("http://a/?token=a&token=b")

    assert [name for name, _ in address.secrets] == ["token", "token.2"]
    assert address.replaced({"token": "c", "token.2": "d"}) == "http://a/?token=c&token=d"
