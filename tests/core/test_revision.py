"""When a change takes its number."""

import pytest
from django.db import transaction

from core.revision import changing, current_revision, mark_changed

pytestmark = pytest.mark.django_db


def test_nested_writes_take_one_number_at_the_end_of_the_outermost() -> None:
    before = current_revision()
    with changing():
        for _ in range(2):
            with changing():
                mark_changed()
        assert current_revision() == before

    assert current_revision() == before + 1


def test_what_changes_nothing_takes_none() -> None:
    before = current_revision()
    with changing():
        pass

    assert current_revision() == before


@changing()
def _fail() -> None:
    mark_changed()
    raise ZeroDivisionError


def test_a_change_that_fails_takes_none_and_leaves_nothing_to_the_next_one() -> None:
    before = current_revision()
    with pytest.raises(ZeroDivisionError):
        _fail()
    with changing():
        pass

    assert current_revision() == before


def test_a_mark_belongs_inside_a_change() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        mark_changed()
