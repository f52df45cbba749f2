"""How long what was seen is believed. Pure."""


def fresh_until(*, next_due_ms: int, interval_ms: int, timeout_ms: int) -> int:
    """When a status stops being believed: three intervals after its slot, at most a minute after the next one is due.

    One with a timeout near its interval gets the time to use it.
    """
    return next_due_ms + max(min(2 * interval_ms, 60_000), timeout_ms + 5_000)
