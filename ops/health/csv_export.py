"""Results as CSV, line by line. What a monitored system wrote must not become a formula in somebody's spreadsheet."""

import csv
from collections.abc import Iterable, Iterator

from ops.health.selectors import ResultRow

COLUMNS = ("slot", "started_at", "outcome", "duration_ms", "phase", "message", "trace_id")
LINES_PER_CHUNK = 500

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")  # noqa: RUF001


class _Line:
    """What ``csv.writer`` writes to: it keeps the last line."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)


def render_csv(rows: Iterable[ResultRow]) -> Iterator[str]:
    """Chunks of lines, the names of the columns first. Times are ISO 8601 in UTC."""
    line = _Line()
    writer = csv.writer(line)
    writer.writerow(COLUMNS)
    chunk = [line.text]
    for row in rows:
        writer.writerow(_cells(row))
        chunk.append(line.text)
        if len(chunk) >= LINES_PER_CHUNK:
            yield "".join(chunk)
            chunk.clear()
    yield "".join(chunk)


def defuse(text: str) -> str:
    """The text with an apostrophe before it when a spreadsheet would compute it (OWASP, "CSV injection")."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _cells(row: ResultRow) -> tuple[str, ...]:
    detail = row.detail
    texts = ("", "", "") if detail is None else (detail.phase, detail.message, detail.trace_id)
    return (
        row.slot.isoformat(timespec="milliseconds"),
        row.started_at.isoformat(timespec="milliseconds"),
        row.outcome,
        f"{row.duration_ms:.3f}",
        *map(defuse, texts),
    )
