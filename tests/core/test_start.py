"""What a start looks at and makes before it starts anything."""

import os
import runpy
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from core.config import Config
from core.data_dir import DataDir
from core.supervisor.preflight import find_open_folder, keep_private, reserve_port
from core.supervisor.preparation import PASSWORD_LENGTH, _generate_password, keep_secret_key
from core.supervisor.refusal import StartRefused
from tests.core.instances import CODE
from tests.services import free_port

EMBEDDED = Config.model_construct(database_url=None, secret_key=None)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_embedded_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    journal = data.sqlite.with_name("quarterdeck.sqlite3-wal")
    journal.touch(mode=0o644)

    keep_private(EMBEDDED, data)
    assert (mode(data.sqlite), mode(journal)) == (0o600, 0o600)

    data.sqlite.chmod(0o644)  # as a former version left it
    keep_private(EMBEDDED, data)
    assert mode(data.sqlite) == 0o600


def test_a_folder_that_everybody_can_look_into_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert find_open_folder(DataDir(tmp_path)).endswith(f"can look into it; chmod 700 {tmp_path}")

    tmp_path.chmod(0o700)
    assert find_open_folder(DataDir(tmp_path)) == ""


def test_a_secret_key_is_made_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SECRET_KEY", settings.SECRET_KEY)
    data = DataDir(tmp_path)

    keep_secret_key(EMBEDDED, data)
    key = settings.SECRET_KEY
    keep_secret_key(EMBEDDED, data)

    assert settings.SECRET_KEY == key == data.secret_key.read_text()
    assert len(key) >= 48
    assert mode(data.secret_key) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_generated_password_is_typed_without_quoting() -> None:
    passwords = {_generate_password() for _ in range(200)}

    assert len(passwords) == 200
    assert all(password.isalnum() and len(password) == PASSWORD_LENGTH for password in passwords)


def test_an_address_of_another_machine_is_told_by_its_own_setting() -> None:
    with pytest.raises(StartRefused, match=r"^QUARTERDECK_HTTP_HOST: '192.0.2.1' is no address of this machine$"):
        reserve_port("192.0.2.1", free_port())


def test_an_interrupt_while_it_loads_ends_it_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("core.command_line.run_command", interrupt)
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(CODE / "manage.py"), run_name="__main__")

    assert ended.value.code == 130


@pytest.mark.parametrize("gone", [True, False])
def test_a_virtual_environment_whose_python_is_gone_is_made_anew(tmp_path: Path, gone: bool) -> None:
    for name in ("Makefile", "requirements.txt", "deploy/find-python.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(CODE / name, tmp_path / name)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to("/nowhere/python" if gone else shutil.which("sh") or "/bin/sh")
    for stamp in (".created", ".runtime"):
        (tmp_path / ".venv" / stamp).touch()

    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", "run"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )

    assert ("The Python of .venv is gone; making it anew ..." in done.stdout) is gone
    assert ("-m venv --clear" in done.stdout) is gone
    assert ("pip" in done.stdout) is gone
