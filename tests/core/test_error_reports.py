"""Reports of errors: what a stranger could use is not in them."""

from core.telemetry.error_reports import _without_secrets


def test_the_address_of_a_ping_and_queries_stay_here() -> None:
    event = {
        "request": {
            "url": "https://deck.example/ping/8f6c-secret/fail?rid=hush", "query_string": "rid=hush", "method": "POST",
        },
        "transaction": "/ping/{uid}",
        "breadcrumbs": {"values": [{"message": "GET /ping/8f6c-secret"}]},
        "extra": {"token": "hush"},
    }  # fmt: skip

    sent = _without_secrets(event)

    assert "hush" not in str(sent)
    assert "8f6c-secret" not in str(sent)
    assert sent["request"]["url"] == "https://deck.example/ping/[redacted]?[redacted]"
    assert sent["request"]["method"] == "POST"
