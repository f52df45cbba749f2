"""Messages as they may be shown: everything in them is hostile."""

import json

import pytest

from ops.queues.payloads import BODY_BYTES, shown_body, shown_headers


def test_secrets_go_by_the_names_of_fields() -> None:
    body = json.dumps({"args": [{"password": "hush", "to": "ada"}], "url": "amqp://me:hush@host/"})

    shown = shown_body(body)

    assert "hush" not in shown
    assert '"to":"ada"' in shown


@pytest.mark.parametrize(
    "body", ["token=hush", "Authorization: Bearer hushhush", "{'api_key': 'hush', 'a': 1", "\x00\x1b"]
)
def test_what_is_no_json_is_cleaned_as_text(body: str) -> None:
    shown = shown_body(body)

    assert "hush" not in shown
    assert shown.isprintable()


def test_nothing_is_too_deep_or_too_long() -> None:
    assert len(shown_body("[" * 100_000 + "]" * 100_000)) <= BODY_BYTES
    assert len(shown_body("[" * 900 + "]" * 900)) <= BODY_BYTES
    assert len(shown_body(json.dumps(["x" * 100] * 10_000))) <= BODY_BYTES
    assert shown_body('"\\ud800"') != ""


def test_headers_are_cut_and_cleaned() -> None:
    shown = shown_headers({"Authorization": "hush", "x": "y" * 9_000, **{str(number): "" for number in range(100)}})

    assert len(shown) == 50
    assert "hush" not in str(shown)
    assert len(shown["x"]) == 500
