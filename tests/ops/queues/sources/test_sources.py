"""The registry of queue sources, and what its guard refuses."""

from typing import Any

import pytest
from pydantic import BaseModel

from ops.probing.config import KindConfig
from ops.queues.sources import SOURCES, validate_source
from ops.queues.sources.redis import RedisSource
from ops.queues.sources.source import Pausable, Peekable, Purgeable, QueueSource


def test_the_sources_of_this_release_are_registered_with_what_they_can() -> None:
    abilities: dict[str, Any] = {"peek": Peekable, "purge": Purgeable, "pause": Pausable}
    able = {
        name: {word for word, can in abilities.items() if isinstance(source, can)}
        for name, source in SOURCES.items()
        if not name.startswith("test-")
    }

    assert able == {
        "celery": {"peek", "purge", "pause"}, "redis": {"peek", "purge"}, "rabbitmq": {"peek", "purge"},
        "sql": set(), "prometheus": set(), "outbox": set(),
    }  # fmt: skip


@pytest.mark.parametrize(
    "source", [found for found in SOURCES if not found.name.startswith("test-")], ids=lambda source: str(source.name)
)
def test_every_field_says_what_it_is(source: QueueSource) -> None:
    assert source.Config.presentation.title
    assert [name for name, field in source.Config.model_fields.items() if not field.title] == []


@pytest.mark.parametrize("name", ["celery", "redis"])
def test_a_password_in_a_url_is_never_shown(name: str) -> None:
    source = SOURCES.get(name)
    assert source is not None
    assert "hush" not in str(source.Config.masked({"url": "redis://:hush@h/0", "password": "hush"}))


class _NotAConfig(BaseModel):
    pass


class _TakesACommonField(KindConfig):
    max_age: int = 1


async def _act(*_args: object) -> int:
    return 1


@pytest.mark.parametrize(
    ("attribute", "value", "complaint"),
    [
        ("name", "No Spaces", "a source's name"),
        ("Config", _NotAConfig, "must be a KindConfig"),
        ("Config", _TakesACommonField, "fields of every queue: max_age"),
        ("read", lambda *_: None, "read must be a coroutine"),
        ("peek", lambda *_: None, "peek must be coroutine"),
        ("pause", _act, "Pausable takes consumers, pause, resume"),
    ],
)
def test_a_source_that_cannot_work_is_refused_at_the_door(attribute: str, value: Any, complaint: str) -> None:
    broken = type("Broken", (RedisSource,), {attribute: value})()

    with pytest.raises(ValueError, match=complaint):
        validate_source(broken)
