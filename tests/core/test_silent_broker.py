"""What is said at the start about an external broker."""

import pytest

from core.config import Config
from core.supervisor import preflight
from core.supervisor.preflight import find_silent_broker


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "BROKER_WAITS_SECONDS", (0.0, 0.0))


def test_one_that_does_not_answer_is_told_in_one_line_without_its_password() -> None:
    line = find_silent_broker(Config(redis_url="redis://:s3cret@127.0.0.1:1/0"))

    assert "QUARTERDECK_REDIS_URL: 127.0.0.1:1 does not answer" in line
    assert "s3cret" not in line
    assert "\n" not in line


def test_the_embedded_one_is_started_here_and_not_asked() -> None:
    assert find_silent_broker(Config()) == ""
