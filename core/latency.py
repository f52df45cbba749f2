"""Durations as a histogram that merges: from it, percentiles of any window. Pure.

Bucket ``n`` holds durations around ``GROWTH ** n`` microseconds, so that any percentile is off by at most
``RELATIVE_ERROR``, whatever the durations (the scheme of DDSketch, Masson and others, VLDB 2019). From 1 us to a second
are 346 buckets, to a day 630, and only those that hold something are kept: two or three bytes for each.
"""

import math
from collections.abc import Mapping

RELATIVE_ERROR = 0.02
GROWTH = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_BUCKET = 1 / math.log(GROWTH)
_MIDDLE = 2 / (1 + GROWTH)

type Histogram = dict[int, int]
"""How many durations are in each bucket."""


def bucket_of(duration_us: int) -> int:
    return math.ceil(math.log(duration_us) * _PER_BUCKET) if duration_us > 1 else 0


def merge_into(histogram: Histogram, other: Mapping[int, int]) -> None:
    for bucket, count in other.items():
        histogram[bucket] = histogram.get(bucket, 0) + count


def percentiles_us(histogram: Mapping[int, int], *shares: float) -> list[float | None]:
    """For each share, such as 0.95, the duration that this share of all is not above (nearest rank); None if empty.

    ``shares`` rise.
    """
    total = sum(histogram.values())
    if not total:
        return [None for _ in shares]
    found: list[float | None] = []
    buckets, seen, bucket = iter(sorted(histogram.items())), 0, 0
    for share in shares:
        rank = max(1, math.ceil(share * total))
        while seen < rank:
            bucket, count = next(buckets)
            seen += count
        found.append(GROWTH**bucket * _MIDDLE)
    return found


def pack(histogram: Mapping[int, int]) -> bytes:
    """Pairs of numbers of variable length: the distance to the bucket before, and the count."""
    packed = bytearray()
    before = 0
    for bucket, count in sorted(histogram.items()):
        for number in (bucket - before, count):
            while number > 0x7F:
                packed.append(number & 0x7F | 0x80)
                number >>= 7  # noqa: PLW2901 - seven bits at a time
            packed.append(number)
        before = bucket
    return bytes(packed)


def unpack(packed: bytes) -> Histogram:
    histogram: Histogram = {}
    number = shift = bucket = 0
    is_count = False
    for byte in packed:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
            continue
        if is_count:
            histogram[bucket] = number
        else:
            bucket += number
        is_count = not is_count
        number = shift = 0
    return histogram
