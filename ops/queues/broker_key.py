"""What tells the broker of a ``celery`` queue from others."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_DEFAULT_PORT = 6379


def broker_key(fields: Mapping[str, Any]) -> str:
    """Of the stored fields of a ``celery`` queue; empty when they name no server."""
    try:
        parts = urlsplit(str(fields.get("url", "")))
        host, port = parts.hostname, parts.port or _DEFAULT_PORT
    except ValueError:
        return ""
    if not host:
        return ""
    address = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}/{parts.path.strip('/') or 0}"
    prefix = fields.get("global_keyprefix")
    return f"{address} {prefix}" if prefix else address
