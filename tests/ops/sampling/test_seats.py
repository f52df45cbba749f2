"""How the processes of a worker are shared out."""

import pytest

from ops.sampling import seats


@pytest.mark.parametrize(
    ("processes", "for_checks", "crowded"), [(1, 1, True), (2, 1, True), (3, 1, True), (4, 1, False), (8, 5, False)]
)
def test_what_rolls_leaves_a_process_to_everything_else(
    monkeypatch: pytest.MonkeyPatch, *, processes: int, for_checks: int, crowded: bool
) -> None:
    monkeypatch.setattr(seats, "_processes", processes)

    assert (seats.all_but_others(), seats.is_crowded()) == (for_checks, crowded)
    rolling = seats.all_but_others() + 2  # queues and breakers have a seat each
    assert crowded or rolling < processes


def test_a_seat_is_held_once() -> None:
    one = seats.Seats(lambda: 1)

    with one.take() as seated:
        assert seated
