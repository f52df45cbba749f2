"""The dashboard's form of an entity says what its definition takes."""

import pytest

from entities.domain import is_name
from entities.entity_form import entity_fields


@pytest.mark.django_db
def test_the_hint_of_a_name_tells_every_character_that_it_may_have() -> None:
    hint = next(field.help for field in entity_fields() if field.name == "name")

    for words, name in (
        ("letters", "ab"),
        ("digits", "a1"),
        ("dots", "a.b"),
        ("dashes", "a-b"),
        ("underscores", "a_b"),
    ):
        assert words in hint
        assert is_name(name)
