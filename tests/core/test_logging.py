"""Log lines: one JSON object each, whatever hostile values they carry, and no secrets."""

import json
import logging
from collections.abc import Callable

import pytest
import structlog

from core.redaction import REDACTED, redact
from core.telemetry.logging import json_formatter


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """The lines that the formatter makes of what was logged."""
    caplog.set_level(logging.INFO)
    return lambda: [json_formatter().format(record) for record in caplog.records]


@pytest.mark.parametrize("hostile", ["a\nb", "a\r\n{}", "\x1b[31mred\x1b[0m", '"},{"event":"forged', "\u2028", "\x00"])
def test_a_hostile_value_stays_one_line_without_control_characters(
    written: Callable[[], list[str]], hostile: str
) -> None:
    structlog.get_logger("test").info("test.event", value=hostile)

    [line] = written()
    assert json.loads(line)["value"] == hostile
    assert line.isprintable()
    assert line.isascii()


def test_secrets_are_redacted_to_any_depth(written: Callable[[], list[str]]) -> None:
    structlog.get_logger("test").info(
        "test.event",
        password="p4ss",
        headers={"Authorization": "Bearer p4ss", "Accept": "*/*"},
        items=[{"api_key": "p4ss"}],
    )

    [line] = written()
    assert "p4ss" not in line
    assert json.loads(line)["headers"] == {"Authorization": REDACTED, "Accept": "*/*"}


@pytest.mark.parametrize(
    "text",
    ["postgresql://user:p4ss@host/db", "cannot reach redis://:p4ss@host:6379/0 now", "https://p4ss@sentry.example/1"],
)
def test_credentials_inside_a_url_are_redacted(text: str) -> None:
    assert "p4ss" not in redact(text)


def test_an_exception_carries_its_traceback_in_the_same_line(written: Callable[[], list[str]]) -> None:
    try:
        raise ValueError("broken: postgresql://user:p4ss@host/db")
    except ValueError:
        structlog.get_logger("test").exception("test.failed")

    [line] = written()
    assert "ValueError: broken" in json.loads(line)["exception"]
    assert "p4ss" not in line


def test_lines_of_other_libraries_have_the_same_form(written: Callable[[], list[str]]) -> None:
    logging.getLogger("celery.worker").warning("lost %s", "redis://:p4ss@host")

    [line] = written()
    assert json.loads(line) | {"time": ""} == {
        "event": f"lost redis://{REDACTED}@host", "level": "warning", "logger": "celery.worker", "time": "",
    }  # fmt: skip
