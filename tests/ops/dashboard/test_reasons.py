"""The reasons of a status, as pages tell them."""

from entities.status import StatusReason
from ops.dashboard.reasons import Reason, fold_reasons


def reason(signal: str, name: str, message: str) -> StatusReason:
    return StatusReason(signal, name, "degraded", message, None)


def test_errors_are_one_line_and_hide_no_other_signal() -> None:
    errors = [reason("errors", "errors", f"KeyError {n}") for n in range(5)]

    folded = fold_reasons([*errors, reason("queue", "fulfilment", "40 waiting")])

    assert folded == (Reason("errors", "KeyError 0", more=4), Reason("fulfilment", "40 waiting", more=0))


def test_a_check_and_a_queue_of_one_name_are_told_apart_and_each_says_something() -> None:
    folded = fold_reasons([reason("health", "orders", ""), reason("queue", "orders", "40 waiting")])

    assert [each.message for each in folded] == ["degraded", "40 waiting"]
