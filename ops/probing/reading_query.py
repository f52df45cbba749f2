"""A query that is to read: what surely is no single SELECT, VALUES, TABLE or WITH is refused before it is stored.

It guards nobody: that nothing is written is up to the database. What cannot be judged without its grammar passes.
"""

import re
from typing import Literal

Engine = Literal["postgresql", "sqlite"]

_READING = frozenset({"select", "values", "table", "with"})
_COMMON = r"--[^\n]*+ | '(?:[^']|'')*+' | \"(?:[^\"]|\"\")*+\""
_NESTED = r"/\*(?:[^*/]|\*(?!/)|/(?!\*)|/\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/)*+\*/"
_NOT_CODE = {
    "postgresql": re.compile(
        rf"(?<!\w)[eE]'(?:[^'\\]|\\.|'')*+' | (?<!\w)\$(?P<tag>\w*+)\$.*?\$(?P=tag)\$ | {_NESTED} | {_COMMON}",
        re.VERBOSE | re.DOTALL,
    ),
    "sqlite": re.compile(rf"`[^`]*+` | \[[^\]]*+\] | /\*.*?\*/ | {_COMMON}", re.VERBOSE | re.DOTALL),
}
_UNFINISHED = re.compile(r"""['"`]|/\*|\$\w*\$""")
_FIRST_WORD = re.compile(r"[\s(]*+(?P<word>[a-z]\w*+)?", re.IGNORECASE)
_SECOND_STATEMENT = re.compile(r";\s*+[^\s;]")
_WRITING_PART = re.compile(
    r"\bas\s*+(?:not\s++)?(?:materialized\s*+)?\(\s*+"
    r"(?:(?P<word>insert|merge)\s+into|(?P<delete>delete)\s+from|(?P<update>update)\s[^(),]*?\sset)\b",
    re.IGNORECASE,
)
_MAIN = re.compile(r"\(\)\s*+(?P<word>select|values|table|insert|update|delete|merge|replace)\b", re.IGNORECASE)


def check_reading_query(query: str, engine: Engine) -> str:
    """The query. Raises ``ValueError`` that says why it can never work."""
    code = _NOT_CODE[engine].sub(_blank, query)
    if _UNFINISHED.search(code):
        return query
    first = _FIRST_WORD.match(code)
    word = (first and first["word"]) or ""
    if word.lower() not in _READING:
        begins = f"begins with {word[:40].upper()}" if word else "begins with none of them"
        raise ValueError(f"must be one SELECT, VALUES, TABLE or WITH, and {begins}")
    if _SECOND_STATEMENT.search(code):
        raise ValueError("must be one statement, and another one follows after a semicolon")
    if word.lower() == "with" and (writes := _find_writing(code)):
        raise ValueError(f"must only read, and holds {writes.upper()}")
    return query


def _blank(found: re.Match[str]) -> str:
    """A name stays a name, a comment is a space."""
    return " " if found[0].startswith(("--", "/*")) else " x "


def _find_writing(code: str) -> str | None:
    """The first word of the part of a WITH that writes."""
    if part := _WRITING_PART.search(code):
        return part["word"] or part["delete"] or part["update"]
    main = _MAIN.search(_outermost(code))
    return main["word"] if main and main["word"].lower() not in _READING else None


def _outermost(code: str) -> str:
    """Without what stands in parentheses."""
    depth, kept = 0, []
    for character in code:
        depth -= character == ")" and depth > 0
        if depth == 0:
            kept.append(character)
        depth += character == "("
    return "".join(kept)
