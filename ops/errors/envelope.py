"""Sentry's wire format: an envelope is a line of JSON, then for each item a line of JSON and a payload.

Source: develop.sentry.dev/sdk/data-model/envelopes. Everything in it comes from anybody who knows a DSN: sizes are
bounded before and after decompression, and what is no envelope is refused with one sentence.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import brotli
import orjson

from core.errors import PayloadTooLarge, ValidationFailed

MAX_DECOMPRESSED_BYTES = 4 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
MAX_ITEMS = 100
MAX_NODES = 50_000
"""Values in one payload, nested ones included; an event of a real program has a few thousand."""
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """``payload`` is as it was sent; ``kind`` is Sentry's item type, such as ``event`` or ``check_in``."""

    kind: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """``headers`` of the whole envelope: ``event_id``, ``dsn`` and ``sent_at`` where the SDK says them."""

    headers: Mapping[str, Any]
    items: tuple[Item, ...]


def decompress(body: bytes, encoding: str) -> bytes:
    """Undo ``Content-Encoding``: gzip, deflate, br or none.

    Raises ``ValidationFailed`` for another encoding and for data that is damaged or cut off, ``PayloadTooLarge`` for
    data that unpacks to more than ``MAX_DECOMPRESSED_BYTES``.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name in {"gzip", "x-gzip"}:
        return _inflate(body, 16 + zlib.MAX_WBITS)
    if name == "deflate":
        # Named for zlib's format (RFC 9110); some programs send the bare one.
        is_zlib = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
        return _inflate(body, zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
    if name == "br":
        return _unbrotli(body)
    raise ValidationFailed("Content-Encoding is none of gzip, deflate, br")


def parse_envelope(body: bytes) -> Envelope:
    """Raises ``ValidationFailed`` with what is wrong where, ``PayloadTooLarge`` for too many items."""
    first, position = _line(body, 0)
    headers = _object(first, "the envelope's header")
    return Envelope(headers, tuple(_items(body, position)))


def parse_payload(payload: bytes) -> dict[str, Any]:
    """An item's payload as JSON. Raises ``ValidationFailed``, ``PayloadTooLarge``."""
    if len(payload) > MAX_EVENT_BYTES:
        raise PayloadTooLarge(f"An event may have at most {MAX_EVENT_BYTES // 1024} KiB")
    if payload.count(b",") + payload.count(b":") > 2 * MAX_NODES:  # before an object is made of each
        raise PayloadTooLarge(f"An event may have at most {MAX_NODES} values")
    return _object(payload, "the payload of an item")


def _items(body: bytes, position: int) -> Iterator[Item]:
    count, blank = 0, 0
    while position < len(body):
        line, position = _line(body, position)
        if not line.strip():
            blank += 1
            if blank > MAX_ITEMS:
                raise ValidationFailed("The envelope consists of empty lines")
            continue
        count += 1
        if count > MAX_ITEMS:
            raise PayloadTooLarge(f"An envelope may have at most {MAX_ITEMS} items")
        header = _object(line, f"the header of item {count}")
        length = header.get("length")
        if length is None:
            payload, position = _line(body, position)
        elif isinstance(length, int) and not isinstance(length, bool) and 0 <= length <= len(body) - position:
            payload = body[position : position + length]
            position += length
            if body[position : position + 1] == b"\n":
                position += 1
        else:
            raise ValidationFailed(f"The envelope ends within item {count}, or its length is no number")
        kind = header.get("type")
        if not isinstance(kind, str):
            raise ValidationFailed(f"The header of item {count} has no type")
        yield Item(kind, payload)


def _line(body: bytes, position: int) -> tuple[bytes, int]:
    end = body.find(b"\n", position)
    return (body[position:], len(body)) if end < 0 else (body[position:end], end + 1)


def _object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)  # bounded in depth by itself, and strict about NaN
    except orjson.JSONDecodeError as error:
        raise ValidationFailed(f"{what[0].upper()}{what[1:]} is not JSON: {error.msg}") from None
    if not isinstance(value, dict):
        raise ValidationFailed(f"{what[0].upper()}{what[1:]} is not a JSON object")
    return value


def _inflate(body: bytes, window_bits: int) -> bytes:
    stream = zlib.decompressobj(window_bits)
    try:
        unpacked = stream.decompress(body, MAX_DECOMPRESSED_BYTES + 1)
    except zlib.error:
        raise ValidationFailed("The body is not what its Content-Encoding says") from None
    if len(unpacked) > MAX_DECOMPRESSED_BYTES:
        raise _too_large()
    if not stream.eof:
        raise ValidationFailed("The compressed body is cut off")
    return unpacked


def _unbrotli(body: bytes) -> bytes:
    stream, parts, size = brotli.Decompressor(), [], 0
    feed: Callable[..., bytes] = stream.process
    try:
        part = feed(body, output_buffer_limit=_CHUNK)
        while part or not stream.can_accept_more_data():
            parts.append(part)
            size += len(part)
            if size > MAX_DECOMPRESSED_BYTES:
                raise _too_large()
            part = feed(b"", output_buffer_limit=_CHUNK)
    except brotli.error:
        raise ValidationFailed("The body is not what its Content-Encoding says") from None
    if not stream.is_finished():
        raise ValidationFailed("The compressed body is cut off")
    return b"".join(parts)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(f"The body may have at most {MAX_DECOMPRESSED_BYTES // 1024} KiB when unpacked")
