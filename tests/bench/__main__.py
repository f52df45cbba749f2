"""``python -m tests.bench``: what the platform costs, beside what others cost in the same run."""

import argparse
import contextlib
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.config import get_config
from tests.bench.blackbox import Blackbox, run_blackbox
from tests.bench.figures import Figure, write_json, write_table
from tests.bench.suite import PARTS
from tests.bench.target import Target, run_target, write_trust
from tests.services import run_postgres, run_valkey

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/performance.md"
VENDORS = ("sqlite", "postgresql")
ALL_PARTS = (*PARTS, "memory")
ROUNDS, QUICK_ROUNDS = 7, 2


def main() -> int:
    arguments = _parse()
    file = get_config().data_dir / "bench.json"
    parts = arguments.only or ALL_PARTS
    started = time.monotonic()
    figures = []
    for figure in _measure(parts, rounds=QUICK_ROUNDS if arguments.quick else ROUNDS, loud=arguments.loud):
        figures.append(figure)
        _say(_line(figure))
    write_json(file, figures)
    if not (arguments.quick or arguments.only):
        write_table(DOCUMENT, figures)
    missed = [figure for figure in figures if figure.ok is False]
    _say(f"{len(figures)} figures in {time.monotonic() - started:.0f} s, {len(missed)} over budget; written to {file}")
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds instead of seven; the documents stay")
    parser.add_argument("--only", action="append", choices=ALL_PARTS, help="this part; may be repeated")
    parser.add_argument("--loud", action="store_true", help="show the logs of what is measured")
    return parser.parse_args()


def _measure(parts: Sequence[str], *, rounds: int, loud: bool) -> Iterator[Figure]:
    inner = [part for part in PARTS if part in parts]
    if inner:
        with contextlib.ExitStack() as stack:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="qd-", dir="/tmp", ignore_cleanup_errors=True))
            )
            redis_url = stack.enter_context(run_valkey(folder))
            target, trust = stack.enter_context(run_target()), write_trust(folder)
            blackbox = stack.enter_context(run_blackbox(folder, trust))
            for vendor in VENDORS:
                environment = _environment(folder / vendor, trust) | {"QUARTERDECK_REDIS_URL": redis_url}
                if vendor == "postgresql":
                    environment["QUARTERDECK_DATABASE_URL"] = stack.enter_context(run_postgres(folder))
                given = _given(vendor, inner, target, trust, blackbox) | {"rounds": rounds, "loud": loud}
                yield from _run_suite(given, environment)
    if "memory" in parts:
        from tests.bench.memory import (
            measure_memory,  # its instances need Django, which the parts above set up themselves
        )

        yield from measure_memory()


def _environment(folder: Path, trust: Path) -> dict[str, str]:
    metrics = folder / "metrics"
    metrics.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "core.settings",
        "QUARTERDECK_DATA_DIR": str(folder),
        "QUARTERDECK_PROBE_ALLOW_CIDRS": "127.0.0.0/8,::1/128",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "SSL_CERT_FILE": str(trust),
    }


def _given(
    vendor: str, parts: Sequence[str], target: Target, trust: Path, blackbox: Blackbox | None
) -> dict[str, object]:
    return {
        "vendor": vendor,
        "parts": parts,
        "target": dataclasses.asdict(target),
        "trust": str(trust),
        "blackbox": dataclasses.asdict(blackbox) if blackbox else None,
    }


def _run_suite(given: dict[str, object], environment: dict[str, str]) -> Iterator[Figure]:
    command = [sys.executable, "-m", "tests.bench.suite", json.dumps(given)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            yield Figure(*json.loads(line))
    if process.returncode:
        raise SystemExit(f"the bench failed on {given['vendor']}; --loud shows why")


def _line(figure: Figure) -> str:
    budget = "" if figure.budget is None else f"  budget {figure.budget:g}{'' if figure.ok else '  MISSED'}"
    peer = f"  {figure.peer_name} {figure.peer:.3g}, {figure.ratio:.1f}x" if figure.peer and figure.ratio else ""
    return f"{figure.name:<58} {figure.value:9.3g} {figure.unit:<5}{budget}{peer}"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
