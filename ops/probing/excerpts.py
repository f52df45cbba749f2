"""What is kept of an answer or of a message: its beginning, safe to store and to show."""

import re

from core.redaction import REDACTED, redact

EXCERPT_BYTES = 2_000
MESSAGE_LENGTH = 500

# Both begin at a word of their own, so that no text makes them slow.
_NAMES = r"passw|pwd|secret|token|api_?key|api-key|authorization|cookie|credential|private_?key|session"
_VALUE = r"""(?:"[^"\n]*"?|'[^'\n]*'?|(?:Bearer |Basic )?[^\s,;&<>}\]]+)"""
_PAIR = re.compile(rf"""(?P<name>(?:{_NAMES})[\w.-]*["']?\s*[:=]\s*){_VALUE}""", re.IGNORECASE)
_BEARER = re.compile(r"\b(?P<scheme>Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)


def make_excerpt(data: bytes | str, *, limit: int = EXCERPT_BYTES) -> str:
    """The first ``limit`` bytes as text, without control characters but line breaks, without what looks secret."""
    head = data[:limit] if isinstance(data, bytes) else data[:limit].encode(errors="replace")
    text = head[:limit].decode(errors="replace")
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() or character in "\n\t" else " "
            for character in text.replace("\r\n", "\n")
        )
    text = _PAIR.sub(rf"\g<name>{REDACTED}", text)
    text = _BEARER.sub(rf"\g<scheme> {REDACTED}", text)
    return str(redact(text)).strip().encode()[:limit].decode(errors="ignore")


def clean_text(text: str) -> str:
    """One line that every store takes: no control characters, no half characters, of bounded length."""
    short = text[: MESSAGE_LENGTH + 1]
    if not short.isprintable():
        printable = "".join(character if character.isprintable() else " " for character in short)
        short = " ".join(printable.encode(errors="replace").decode().split())
    return short if len(short) <= MESSAGE_LENGTH else short[: MESSAGE_LENGTH - 3] + "..."
