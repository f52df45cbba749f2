"""Errors of every kind, thrown and reported through Sentry's SDK as a program would: releases, environments, users."""

import itertools
import json
import time
from collections.abc import Callable

import sentry_sdk
from sentry_sdk.types import Event, Hint

THROW_SECONDS = 2.0
USERS = 40
OLD_RELEASE = "2.3.1"


class PaymentDeclined(Exception):
    pass


def take_discount(order: dict[str, int]) -> float:
    return order["total"] / order["items"]


def price_order(number: int) -> float:
    order = {"number": number, "total": 4_900, "items": 0}
    return take_discount(order)


def convert_currency(number: int) -> float:
    rates = {"EUR": 1.0, "USD": 1.08}
    return number * rates["GBP"]


def charge_card(number: int) -> None:
    card_number, password = "4111 1111 1111 1111", "correct-horse"  # noqa: F841 - locals that must be redacted
    try:
        raise ConnectionResetError("the payment provider closed the connection")
    except ConnectionResetError as error:
        raise PaymentDeclined(f"order {number} was not paid") from error


def read_answer(number: int) -> None:
    json.loads(f'{{"order": {number}, "state": ')


def reserve_stock(number: int) -> None:
    raise RuntimeError(f"no stock is left for order {number}")


def warn_of_stock(number: int) -> None:
    sentry_sdk.capture_message(f"stock of article {number % 7} is below its minimum", level="warning")


THROWN: tuple[tuple[Callable[[int], object], str, str], ...] = (
    (price_order, "new", "production"),
    (charge_card, "old", "production"),
    (price_order, "new", "staging"),
    (convert_currency, "new", "production"),
    (charge_card, "new", "production"),
    (read_answer, "new", "staging"),
    (warn_of_stock, "old", "production"),
    (reserve_stock, "new", "production"),
)
"""What is thrown one after the other, by which release, and where."""


def throw_for_ever(service: str, dsn: str) -> None:
    """The new release is of this start, and so is a part of its errors: what a deployment broke, each time anew."""
    releases = {"old": f"{service}@{OLD_RELEASE}", "new": f"{service}@{time.strftime('%Y.%m.%d.%H%M', time.gmtime())}"}
    sentry_sdk.init(dsn=dsn, server_name=f"{service}-1", auto_session_tracking=False, shutdown_timeout=0)
    for number in itertools.count():
        call, release, environment = THROWN[number % len(THROWN)]
        _throw(call, number, releases[release], environment)
        time.sleep(THROW_SECONDS)


def _throw(call: Callable[[int], object], number: int, release: str, environment: str) -> None:
    def place(event: Event, _hint: Hint) -> Event:
        event["release"], event["environment"] = release, environment
        return event

    with sentry_sdk.new_scope() as scope:
        scope.add_event_processor(place)
        scope.set_user({"id": str(number % USERS)})
        scope.set_tag("region", "eu" if number % 3 else "us")
        scope.set_transaction_name(f"POST /orders/{call.__name__}")
        sentry_sdk.add_breadcrumb(category="query", message=f"order {number} was read")
        if call is price_order:
            scope.fingerprint = ["{{ default }}", release]
        try:
            call(number)
        except Exception:  # noqa: BLE001 - whatever it is
            sentry_sdk.capture_exception()
