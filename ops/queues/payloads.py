"""Messages as they may be shown: cut, without control characters, without what looks secret."""

from collections.abc import Mapping

import orjson

from core.redaction import redact
from ops.probing.excerpts import make_excerpt

BODY_BYTES = 4_000
HEADERS_MAX = 50
_HEADER_BYTES = 500


def shown_body(body: str) -> str:
    """A JSON document by the names of its fields, anything else by what stands before a value."""
    try:
        text = orjson.dumps(redact(orjson.loads(body))).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError, UnicodeEncodeError):
        text = body
    return make_excerpt(text, limit=BODY_BYTES)


def shown_headers(headers: Mapping[str, str]) -> dict[str, str]:
    shown = list(headers.items())[:HEADERS_MAX]
    return {
        make_excerpt(name, limit=100): make_excerpt(str(redact(value, name)), limit=_HEADER_BYTES)
        for name, value in shown
    }
