"""How Quarterdeck starts, lives and ends, with real processes."""

import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.core.instances import CODE, Instance, create_database, instance_environment, run_serve, running
from tests.services import free_port, run_valkey, wait_for


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One that several tests look at or hurt; it heals."""
    with running(tmp_path_factory.mktemp("shared") / "data") as shared:
        yield shared


def all_gone(processes: list[psutil.Process]) -> bool:
    return all(is_gone(process) for process in processes)


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return True


def test_a_first_start_serves_and_tells_the_password_once(tmp_path: Path) -> None:
    with running(tmp_path / "data") as instance:
        match = re.search(r"Sign in  admin / (\S+)", instance.console())
        assert match is not None
        kept = instance.data / "admin_password"
        assert kept.read_text().strip() == match[1]
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert instance.get("/healthz")[0] == 200
        assert '{"' not in instance.console()

        code, seconds = instance.stop()
        assert (code, seconds < 10) == (0, True)
        instance.start()
        assert match[1] not in instance.console()


@pytest.mark.parametrize("role", ["worker", "web", "scheduler", "broker"])
def test_a_killed_child_comes_back_and_the_console_says_so(instance: Instance, role: str) -> None:
    leader = wait_for(lambda: instance.leader(role), what=f"the {role}")
    family = [leader, *leader.children(recursive=True)]
    line = rf"{role} ended after \d+ s \(killed by SIGKILL\); it starts again in 1 s. Its log: .*{role}.log"

    leader.kill()

    wait_for(lambda: all_gone(family), what="the end of its whole family")
    wait_for(lambda: re.search(line, instance.console()), what="the line on the console")
    wait_for(lambda: instance.leader(role), what="its successor")
    wait_for(lambda: instance.get("/healthz")[0] == 200, what="the web server")


def test_a_killed_web_worker_is_replaced_by_the_web_server(instance: Instance) -> None:
    leader = wait_for(lambda: instance.leader("web"), what="the web server")
    [worker] = wait_for(leader.children, what="its worker")

    worker.kill()

    wait_for(lambda: [one for one in leader.children() if one.pid != worker.pid], what="its successor")
    wait_for(lambda: instance.get("/healthz")[0] == 200, what="the web server")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_signal_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "data") as instance:
        # broker, web and its worker, Celery and its two, scheduler
        wait_for(lambda: len(instance.processes()) >= 7, what="all processes")
        processes = instance.processes()

        code, seconds = instance.stop(number)

        assert code == 0
        assert seconds < 10
        assert all_gone(processes)
        assert instance.console().rstrip().endswith("Stopped.")
        assert "is killed." not in instance.console()


def test_nobody_is_killed_who_waits_for_a_broker_that_is_away(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, REDIS_URL=f"redis://127.0.0.1:{free_port()}/0") as instance:
        logs = data / "logs"
        wait_for((logs / "worker.log").exists, seconds=60, what="the worker")
        wait_for(lambda: "Trying again in" in (logs / "worker.log").read_text(), seconds=60, what="its next try")

        code, seconds = instance.stop()

        assert (code, seconds < 10) == (0, True)
        assert "is killed." not in instance.console()


def test_killing_the_supervisor_leaves_no_process(tmp_path: Path) -> None:
    with running(tmp_path / "data") as instance:
        processes = instance.processes()

        instance.stop(signal.SIGKILL)

        wait_for(lambda: all_gone(processes), seconds=20, what="the end of all children")


def test_two_instances_run_side_by_side_and_share_nothing(tmp_path: Path, instance: Instance) -> None:
    port = free_port()
    long_path = tmp_path / ("long-" * 25) / "second"  # no unix socket fits in there
    long_path.parent.mkdir()
    with (
        run_valkey(tmp_path, port=port) as url,
        running(long_path) as second,
        running(tmp_path / "x", REDIS_URL=url) as third,
    ):
        assert [one.get("/healthz")[0] for one in (instance, second, third)] == [200, 200, 200]
        assert "embedded Valkey" in second.console()
        assert "external broker" in third.console()
        assert third.leader("broker") is None

        second.stop()
        assert instance.get("/healthz")[0] == 200


def test_a_taken_port_is_refused(tmp_path: Path, instance: Instance) -> None:
    result = run_serve(tmp_path / "other", instance.port)

    assert result.returncode == 2
    assert re.fullmatch(rf"QUARTERDECK_HTTP_PORT: 127.0.0.1:{instance.port} cannot be used: .*\n", result.stderr)


def test_a_data_folder_in_use_is_refused(instance: Instance) -> None:
    result = run_serve(instance.data, free_port())

    assert result.returncode == 2
    assert re.fullmatch(
        r"QUARTERDECK_DATA_DIR: .* is in use by the Quarterdeck with process id \d+; .*\n", result.stderr
    )


class TestRefusals:
    """What makes a start impossible is one line and exit code 2."""

    def test_a_data_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")

        result = run_serve(tmp_path / "file" / "data", free_port())

        assert result.returncode == 2
        assert result.stderr == f"QUARTERDECK_DATA_DIR: cannot write {tmp_path}/file/data: Not a directory\n"

    def test_a_data_folder_with_static_files_of_somebody_else(self, tmp_path: Path) -> None:
        mine = tmp_path / "data" / "static" / "mine.css"
        mine.parent.mkdir(parents=True)
        mine.write_text("mine")

        result = run_serve(tmp_path / "data", free_port())

        assert result.returncode == 2
        assert re.fullmatch(r"QUARTERDECK_DATA_DIR: .* holds files of somebody else; .*\n", result.stderr)
        assert mine.read_text() == "mine"

    def test_a_wrong_setting(self, tmp_path: Path) -> None:
        result = run_serve(tmp_path / "data", 70_000)

        assert result.returncode == 2
        assert (
            result.stderr == "QUARTERDECK_HTTP_PORT: '70000' is not allowed; expected a whole number from 1 to 65535\n"
        )

    def test_a_database_that_does_not_answer(self, tmp_path: Path) -> None:
        url = f"postgresql://user:hidden@127.0.0.1:{free_port()}/name"

        result = run_serve(tmp_path / "data", free_port(), DATABASE_URL=url)

        assert result.returncode == 2
        assert re.fullmatch(r"QUARTERDECK_DATABASE_URL: cannot use the database name: .*\n", result.stderr)
        assert "hidden" not in result.stderr

    def test_a_database_of_a_newer_version(self, tmp_path: Path) -> None:
        settings = create_database()
        environment = instance_environment(tmp_path / "data", 1, **settings)
        newer = (
            "import django; django.setup(); from django.core.management import call_command as c; c('migrate');"
            "from django.db.migrations.recorder import MigrationRecorder as R; from django.db import connection;"
            "R(connection).record_applied('core', '0099_from_the_future')"
        )
        environment |= {"DJANGO_SETTINGS_MODULE": "core.settings", "PYTHONPATH": str(CODE)}
        subprocess.run([sys.executable, "-c", newer], env=environment, check=True, stdout=subprocess.DEVNULL)

        result = run_serve(tmp_path / "data", free_port(), **settings)

        assert result.returncode == 2
        assert result.stderr.startswith("The database is newer than this Quarterdeck, which does not know core.0099_")
        assert result.stderr.count("\n") == 1
