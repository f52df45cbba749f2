"""The parts of the bench that need Django, for one database: ``python -m tests.bench.suite``, started by the bench.

What it finds around it comes as one JSON document on its command line; each figure goes out as one line of JSON.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import django

from tests.bench.blackbox import Blackbox
from tests.bench.figures import Figure
from tests.bench.setting import Setting
from tests.bench.target import Target

PARTS = ("probes", "storage", "pages", "errors", "queues", "scraping", "breakers", "overhead")


def main() -> None:
    given = json.loads(sys.argv[1])
    blackbox = Blackbox(**given["blackbox"]) if given["blackbox"] else None
    setting = Setting(given["vendor"], given["rounds"], Target(**given["target"]), Path(given["trust"]), blackbox)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    # The log goes where a disk cannot disturb; it is written all the same.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2 if not given["loud"] else 1)
    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    for part in given["parts"]:
        for figure in _measure_of(part)(setting):
            out.write(json.dumps(dataclasses.astuple(figure)) + "\n")
    connection.close()


def _measure_of(part: str) -> Callable[[Setting], Iterator[Figure]]:
    """Imported by need: the engine and the pages would be in each other's memory otherwise."""
    match part:
        case "probes":
            from tests.bench.probes import measure_probes as measure
        case "storage":
            from tests.bench.storage import measure_storage as measure
        case "pages":
            from tests.bench.pages import measure_pages as measure
        case "errors":
            from tests.bench.errors import measure_errors as measure
        case "queues":
            from tests.bench.queues import measure_queues as measure
        case "scraping":
            from tests.bench.scraping import measure_scraping as measure
        case "breakers":
            from tests.bench.breakers import measure_breakers as measure
        case _:
            from tests.bench.overhead import measure_overhead as measure
    return measure


if __name__ == "__main__":
    main()
