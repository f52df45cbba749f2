"""Commands of people at a terminal: audited, and plain about what is missing."""

import getpass
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command, get_commands, load_command_class

from core.models import AuditEntry
from core.prepared_command import PreparedCommand
from core.users import administrators
from tests.core.instances import CODE
from tests.services import free_port

PASSWORD = "engine-1843"


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a person types where a password is asked for, in this order."""
    texts: list[str] = []
    monkeypatch.setattr(getpass, "getpass", lambda _prompt="": texts.pop(0))
    return texts


@pytest.mark.django_db
class TestPasswords:
    def test_a_changed_password_is_audited_without_it(self, typed: list[str]) -> None:
        user = User.objects.create_user("ada", password="lovelace")
        typed += [PASSWORD, "another", "12345678", "12345678", PASSWORD, PASSWORD]

        call_command("changepassword", "ada", stdout=StringIO(), stderr=StringIO())

        user.refresh_from_db()
        assert user.check_password(PASSWORD)
        [entry] = AuditEntry.objects.all()
        assert (entry.actor, entry.action, entry.target_name) == (
            "system:command-line", "user.set_password", "ada",
        )  # fmt: skip
        assert (entry.before, entry.after) == (None, None)

    def test_three_wrong_tries_change_nothing(self, typed: list[str]) -> None:
        User.objects.create_user("ada", password="lovelace")
        typed += ["password"] * 6

        with pytest.raises(CommandError, match="Nothing was changed after 3 tries"):
            call_command("changepassword", "ada", stdout=StringIO(), stderr=StringIO())

        assert not AuditEntry.objects.exists()

    def test_nobody_is_told_in_a_line(self) -> None:
        with pytest.raises(CommandError, match="There is no user 'bob'"):
            call_command("changepassword", "bob")

    def test_a_new_superuser_is_audited_without_the_password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)

        call_command("createsuperuser", interactive=False, username="ada", email="a@example.com", stdout=StringIO())

        assert [user.username for user in administrators()] == ["ada"]
        [entry] = AuditEntry.objects.all()
        assert (entry.actor, entry.action, entry.before) == ("system:command-line", "user.create", None)
        assert entry.after is not None
        assert entry.after["roles"] == ["admin"]
        assert "scrypt" not in str(entry.after)
        assert PASSWORD not in str(entry.after)

    def test_a_superuser_is_made_by_hand(self, typed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        answers: Iterator[str] = iter(["ada", ""])
        monkeypatch.setattr("builtins.input", lambda _prompt="": next(answers))
        typed += [PASSWORD, PASSWORD]

        call_command("createsuperuser", stdin=Terminal(), stdout=StringIO())

        assert User.objects.get(username="ada").check_password(PASSWORD)

    def test_a_superuser_that_cannot_be_made_is_told_in_a_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        User.objects.create_user("ada")
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", " " * 10)

        for username, reason in (
            ("ada", "That username is already taken."),
            ("eve", "This password is only white space."),
            (None, "You must use --username with --noinput."),
        ):
            with pytest.raises(CommandError) as refused:
                call_command("createsuperuser", interactive=False, username=username, email="a@example.com")
            assert (str(refused.value), refused.value.returncode) == (reason, 2)
        with pytest.raises(CommandError, match="This asks at a terminal") as refused:
            call_command("createsuperuser", stdin=StringIO())
        assert refused.value.returncode == 2


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def run_command(*command: str, folder: Path, typed: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("QUARTERDECK_")}
    environment |= {f"QUARTERDECK_{name}": value for name, value in settings.items()}
    return subprocess.run(
        [sys.executable, str(CODE / "manage.py"), *command],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, input=typed,
        start_new_session=True,  # no terminal to ask at
    )  # fmt: skip


@pytest.mark.parametrize("command", ["catalog plan catalogue.yaml", "createsuperuser"])
def test_before_the_first_start_a_command_says_so_and_leaves_nothing(tmp_path: Path, command: str) -> None:
    (tmp_path / "catalogue.yaml").write_text("apiVersion: quarterdeck/v1\n")

    done = run_command(*command.split(), folder=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"CommandError: There is no Quarterdeck in {tmp_path}/var; start Quarterdeck once with `make run`, "
        "or name the folder of one in QUARTERDECK_DATA_DIR\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["catalogue.yaml"]


def test_an_empty_database_is_told_as_well(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text("k" * 48)

    done = run_command("revoke_token", "ci", folder=tmp_path, DATA_DIR=str(tmp_path))
    assert done.stderr.startswith(f"CommandError: There is no database {tmp_path}/quarterdeck.sqlite3; start")
    assert not (tmp_path / "quarterdeck.sqlite3").exists()

    (tmp_path / "quarterdeck.sqlite3").touch()
    done = run_command("revoke_token", "ci", folder=tmp_path, DATA_DIR=str(tmp_path))
    assert done.returncode == 2
    assert "is empty or older than this Quarterdeck; start Quarterdeck once" in done.stderr


@pytest.mark.parametrize("command", ["migrate", "showmigrations", "revoke_token ci"])
def test_a_database_that_does_not_answer_is_one_line(tmp_path: Path, command: str) -> None:
    url = f"postgresql://quarterdeck@127.0.0.1:{free_port()}/fleet"

    done = run_command(*command.split(), folder=tmp_path, DATABASE_URL=url, SECRET_KEY="k" * 48)

    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("CommandError: Cannot use the database fleet: connection failed: ")
    assert line.endswith("Connection refused")


def test_a_database_that_is_none_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "quarterdeck.sqlite3").write_text("no database, but a text of some length\n" * 30)

    for command in ("migrate", "showmigrations"):
        done = run_command(command, folder=tmp_path, DATA_DIR=str(tmp_path))
        assert done.returncode == 2
        assert done.stderr == (
            f"CommandError: Cannot use the database {tmp_path}/quarterdeck.sqlite3: file is not a database\n"
        )

    done = run_command("showmigrations", "--traceback", folder=tmp_path, DATA_DIR=str(tmp_path))
    assert done.stderr.startswith("Traceback")


def test_migrate_makes_a_fresh_data_folder_or_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_command("migrate", folder=tmp_path, DATA_DIR=str(tmp_path / "file" / "data"))
    assert (done.returncode, done.stderr) == (
        2, f"CommandError: Cannot use the folder {tmp_path}/file/data: Not a directory\n",
    )  # fmt: skip

    done = run_command("migrate", folder=tmp_path, DATA_DIR=str(tmp_path / "data"))
    assert (done.returncode, done.stderr) == (0, "")

    done = run_command("createsuperuser", "--noinput", "--username=ada", "--email=a@example.com", folder=tmp_path,
                       DATA_DIR=str(tmp_path / "data"), SECRET_KEY="k" * 48)  # fmt: skip
    assert done.returncode == 0
    done = run_command("changepassword", "ada", folder=tmp_path, typed="x\ny\n",
                       DATA_DIR=str(tmp_path / "data"), SECRET_KEY="k" * 48)  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith("\nCommandError: The input ended before everything was asked\n")


def test_every_command_of_ours_needs_a_start_but_those_that_make_it() -> None:
    ours = {name: app for name, app in get_commands().items() if app in {"core", "entities", "ops"}}
    unprepared = {name for name, app in ours.items() if not isinstance(load_command_class(app, name), PreparedCommand)}

    assert {"changepassword", "createsuperuser", "encrypt_secrets"} <= set(ours)
    assert unprepared == {"migrate", "serve"}
