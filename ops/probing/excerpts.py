"""What is kept of an answer or of a message: its beginning, safe to store and to show."""

from core.redaction import redact_text

EXCERPT_BYTES = 2_000
MESSAGE_LENGTH = 500


def make_excerpt(data: bytes | str, *, limit: int = EXCERPT_BYTES) -> str:
    """The first ``limit`` bytes as text, without control characters but line breaks, without what looks secret."""
    head = data[:limit] if isinstance(data, bytes) else data[:limit].encode(errors="replace")
    text = head[:limit].decode(errors="replace")
    if not text.isprintable():
        text = "".join(
            character if character.isprintable() or character in "\n\t" else " "
            for character in text.replace("\r\n", "\n")
        )
    return redact_text(text).strip().encode()[:limit].decode(errors="ignore")


def clean_text(text: str) -> str:
    """One line that every store takes: no control characters, no half characters, of bounded length."""
    short = text[: MESSAGE_LENGTH + 1]
    if not short.isprintable():
        printable = "".join(character if character.isprintable() else " " for character in short)
        short = " ".join(printable.encode(errors="replace").decode().split())
    return short if len(short) <= MESSAGE_LENGTH else short[: MESSAGE_LENGTH - 3] + "..."
