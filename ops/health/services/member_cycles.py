"""A check that judges by others may not, over these, judge by itself: that would hold its last status for good."""

from collections.abc import Iterable

from core.errors import FieldError, ValidationFailed
from ops.health.selectors.members import find_member_cycle


def refuse_member_cycle(names: Iterable[str], *, field: str = "members") -> None:
    """Of the checks ``entity/check``, called when they are written; ``field`` is what people wrote.

    Raises ``ValidationFailed`` with the way.
    """
    if cycle := find_member_cycle(names):
        circle = FieldError(field, f"would go in a circle: {' > '.join(cycle)}")
        raise ValidationFailed("A check cannot judge by itself", errors=(circle,))
