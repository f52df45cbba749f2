"""Public identifiers: a prefix that names the type, then a UUID version 7 in hex (RFC 9562, section 5.7)."""

import os
import time


def uuid7_hex() -> str:
    """32 hex digits: 48 bits of Unix milliseconds, then 74 random bits between the version and variant bits."""
    millis = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (millis & 0xFFFF_FFFF_FFFF) << 80 | random
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return f"{value:032x}"


def new_entity_uid() -> str:
    return f"ent_{uuid7_hex()}"


def new_check_uid() -> str:
    return f"chk_{uuid7_hex()}"


def new_token_uid() -> str:
    return f"tok_{uuid7_hex()}"


def new_error_group_uid() -> str:
    return f"err_{uuid7_hex()}"


def new_breaker_uid() -> str:
    return f"brk_{uuid7_hex()}"


def new_breaker_source_uid() -> str:
    return f"bsr_{uuid7_hex()}"


def new_queue_uid() -> str:
    return f"que_{uuid7_hex()}"
