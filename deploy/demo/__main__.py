"""``python -m deploy.demo``: Quarterdeck and the fleet, in a data folder and on ports of their own.

What the reader has configured for a Quarterdeck of his own is not looked at: a demo must not touch its data.
"""

import argparse
import contextlib
import os
import socket
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import django

CODE = Path(__file__).resolve().parents[2]
FIRST_PORT, LAST_PORT = 8100, 8199


def main() -> None:
    options = _parse(sys.argv[1:])
    data: Path = options.data.absolute()
    _isolate(data, options.port or _free_port(range(FIRST_PORT, LAST_PORT + 1)))
    django.setup()
    _serve()


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.demo", description=__doc__)
    parser.add_argument("--data", type=Path, default=CODE / "var" / "demo", help="folder for all that it keeps")
    parser.add_argument("--port", type=int, help=f"of the dashboard; else a free one from {FIRST_PORT} on")
    return parser.parse_args(arguments)


def _isolate(data: Path, port: int) -> None:
    for name in [name for name in os.environ if name.startswith("QUARTERDECK_")]:
        del os.environ[name]
    secrets = data / "secrets"
    secrets.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = data / "demo.toml"
    settings.write_text(f'data_dir = "{data}"\nhttp_port = {port}\nprobe_allow_cidrs = ["127.0.0.0/8", "::1/128"]\n')
    os.environ |= {
        "QUARTERDECK_CONFIG": str(settings),
        "QUARTERDECK_SECRETS_DIR": str(secrets),
        "DJANGO_SETTINGS_MODULE": "core.settings",
    }


def _free_port(ports: Iterable[int]) -> int:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    sys.exit(f"All ports from {FIRST_PORT} to {LAST_PORT} are taken; name one with --port")


def _serve() -> None:
    from django.conf import settings

    from core.config import get_config
    from core.supervisor.refusal import StartRefused
    from core.supervisor.start import serve
    from deploy.demo.fleet import prepare_fleet

    config, data, code = get_config(), settings.DATA_DIR, settings.BASE_DIR
    try:
        serve(config, data, code=code, say=_say, companions=partial(prepare_fleet, config, data, code=code, say=_say))
    except StartRefused as refusal:
        sys.stderr.write(f"{refusal}\n")
        sys.exit(2)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
