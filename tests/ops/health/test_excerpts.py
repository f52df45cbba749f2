"""What a failed result keeps of the answer is short, clean and without secrets."""

import time

import pytest

from ops.probing.excerpts import EXCERPT_BYTES, make_excerpt


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (b'{"status": "DOWN"}', '{"status": "DOWN"}'),
        (b'{"password": "hunter2", "db": "x"}', '{"password": [redacted], "db": "x"}'),
        (b"api_key=abc123&user=me", "api_key=[redacted]&user=me"),
        (b"Authorization: Bearer abcdef123456\nHost: x", "Authorization: [redacted]\nHost: x"),
        (b"sent Bearer abcdef123456 on", "sent Bearer [redacted] on"),
        (b"postgresql://joe:pw@db/x refused", "postgresql://[redacted]@db/x refused"),
        (b"a\x00b\x1b[31mc\r\nd", "a b [31mc\nd"),
        (b"\xff\xfe half", "\ufffd\ufffd half"),
    ],
)
def test_it_is_clean(answer: bytes, kept: str) -> None:
    assert make_excerpt(answer) == kept


def test_it_is_short_whatever_came() -> None:
    for answer in (b"x" * 1_000_000, b"\xff" * 10_000, "\u4e2d" * 5_000):
        assert 0 < len(make_excerpt(answer).encode()) <= EXCERPT_BYTES


@pytest.mark.parametrize("answer", [b"password" * 300, b"token=" * 400, b"a." * 2000, b"Bearer " * 400])
def test_no_answer_makes_it_slow(answer: bytes) -> None:
    started = time.process_time()
    make_excerpt(answer)
    assert time.process_time() - started < 0.1
