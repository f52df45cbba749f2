"""Text with the words that were looked for marked in it. Everything given is escaped."""

import re
from collections.abc import Sequence
from html import escape

from django.utils.safestring import SafeString, mark_safe

FAR = 40
"""A first match further in than this would be cut off at the end of a line: the text then begins shortly before it."""
LEAD = 16
SHOWN_MAX = 300


def mark_words(text: str, words: Sequence[str]) -> SafeString:
    """``text`` with every word of ``words`` in ``<mark>``, in whatever case; of a long text the part around them."""
    pattern = re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))), re.IGNORECASE)
    first = pattern.search(text) if words else None
    if first is not None and first.start() > FAR:
        text = f"…{text[first.start() - LEAD :].lstrip()}"
    text = text[:SHOWN_MAX]
    pieces, end = [], 0
    for match in pattern.finditer(text) if words else ():
        pieces.append(f"{escape(text[end : match.start()])}<mark>{escape(match[0])}</mark>")
        end = match.end()
    return mark_safe("".join(pieces) + escape(text[end:]))  # noqa: S308 - every piece is escaped
