"""Conditions in Gatus's syntax: ``[STATUS] == 200``, ``[BODY].user.name == pat(j*)``, ``[RESPONSE_TIME] < 300ms``.

A text is parsed once into a small tree; evaluating it never raises, and all conditions of one answer end within an
``Effort``: what is not judged by then fails.

Operands: a placeholder, of ``[BODY]`` also with a path (``[BODY].items[0].name``, ``[BODY][0].id``,
``[BODY]["a.key"]``, ``[BODY].items[*].ok`` for every element); ``len(...)`` and ``has(...)`` of a placeholder;
``pat(...)`` (see ``pattern``); ``any(a, b)``; or a literal, in quotes where blanks at its ends matter. Durations are
milliseconds.

Other than Gatus: ``<`` and its like compare fractions exactly, and fail for what is no number instead of taking it for
0; ``len`` of an object counts its keys; a text ``007`` is not the number 7; blanks around the sign may be left out.
"""

from ops.health.conditions.effort import Effort
from ops.health.conditions.parser import MAX_LENGTH, ConditionSyntaxError, parse_condition
from ops.health.conditions.tree import Condition, Verdict

__all__ = ["MAX_LENGTH", "Condition", "ConditionSyntaxError", "Effort", "Verdict", "parse_condition"]
