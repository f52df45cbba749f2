"""The web server: ``python -m core.web_server`` serves ``core.rsgi`` on the configured address until SIGTERM.

WSGI on a fixed set of threads: the database bounds how much can run at once, and a request that waits for a thread
costs less than one that waits for a connection. The event loop before them takes bodies (``core.web_bridge``).
"""

import os
import signal
import sys

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LOGGING_CONFIG

from core.config import get_config
from core.config_errors import ConfigurationError
from core.telemetry.logging import json_formatter
from core.web_address import listen_address

WORKERS_KILL_SECONDS = 2
BACKPRESSURE_CONNECTIONS = 512
"""Connections, idle ones included, that a worker holds before it stops accepting more."""


def main() -> None:
    try:
        config = get_config()
    except ConfigurationError as error:
        sys.exit(str(error))
    formatters = {"generic": {"()": json_formatter}, "access": {"()": json_formatter}}
    server = Granian(
        "core.rsgi:application",
        address=listen_address(config.http_host),
        port=config.http_port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        loop=Loops.uvloop,
        workers=config.web_workers,
        backpressure=BACKPRESSURE_CONNECTIONS,
        workers_kill_timeout=WORKERS_KILL_SECONDS,
        respawn_failed_workers=True,
        process_name="quarterdeck web",
        log_dictconfig={**LOGGING_CONFIG, "formatters": formatters},
    )
    # A terminal that closes must not make the server reload; the supervisor says when to end.
    server.on_startup(lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    server.serve()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    main()
