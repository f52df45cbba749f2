"""Conditional requests (RFC 9110, section 13): an entity tag out, ``If-Match`` and ``If-None-Match`` in.

A tag is ``"<version>-<digest>"``: the version that edits count, and a digest of whatever else the answer shows,
such as a status that changes by itself. ``If-Match`` compares the version alone, so a flip of the status between
reading and writing does not refuse an edit; the bare version ``"3"`` is understood as well.
"""

import hashlib
import re
from typing import Annotated

from django.utils.http import parse_etags
from ninja import Header

from core.errors import FieldError, StaleVersion, ValidationFailed

IfMatch = Annotated[
    str | None,
    Header(
        None,
        alias="If-Match",
        description="The ETag of the version that was read; another one stored meanwhile answers 412.",
    ),
]
IfNoneMatch = Annotated[
    str | None,
    Header(None, alias="If-None-Match", description="The ETag of the answer at hand; unchanged answers 304."),
]

_TAG = re.compile(r'"(\d{1,9})(-[0-9a-f]{1,64})?"')


def entity_tag(version: int, shown: object = None) -> str:
    """A strong tag; ``shown`` is anything whose ``repr`` changes when the answer does."""
    if shown is None:
        return f'"{version}"'
    return f'"{version}-{hashlib.sha256(repr(shown).encode()).hexdigest()[:16]}"'


def expected_version(if_match: str | None) -> int | None:
    """The version that the client edits; None when any will do.

    Raises ``ValidationFailed`` for a header that holds no single tag, ``StaleVersion`` for a tag that never was ours.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tags = parse_etags(if_match)
    if len(tags) != 1 or tags[0] != if_match.strip():
        raise ValidationFailed(
            "If-Match is not valid", errors=(FieldError("If-Match", 'expected one tag such as "3", or *'),)
        )
    if (match := _TAG.fullmatch(tags[0])) is None:
        raise StaleVersion("If-Match names a version that is not stored here")
    return int(match[1])


def is_not_modified(if_none_match: str | None, tag: str) -> bool:
    if if_none_match is None:
        return False
    tags = parse_etags(if_none_match)
    return tags == ["*"] or tag in {given.removeprefix("W/") for given in tags}
