"""Retries: bounded, and seen."""

import pytest
import stamina
from prometheus_client import REGISTRY

from core.retry import ATTEMPTS, retry


@pytest.fixture(autouse=True)
def _no_waiting():  # type: ignore[no-untyped-def]
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


def test_a_call_that_recovers_returns_its_value_and_is_counted() -> None:
    calls: list[int] = []

    @retry(on=ConnectionError)
    def flaky() -> str:
        calls.append(1)
        if len(calls) < ATTEMPTS:
            raise ConnectionError
        return "done"

    assert flaky() == "done"
    name = f"{__name__}.test_a_call_that_recovers_returns_its_value_and_is_counted.<locals>.flaky"
    assert REGISTRY.get_sample_value("quarterdeck_retries_total", {"call": name}) == ATTEMPTS - 1


def test_the_last_error_comes_through() -> None:
    @retry(on=ConnectionError)
    def broken() -> None:
        raise ConnectionError("still down")

    with pytest.raises(ConnectionError, match="still down"):
        broken()


def test_any_other_error_is_not_tried_again() -> None:
    calls: list[int] = []

    @retry(on=ConnectionError)
    def wrong() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):
        wrong()
    assert calls == [1]
