"""Counters survive the processes that counted."""

import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from core.telemetry.multiprocess import DIRECTORY_VARIABLE, fold_dead_processes, render_app_series, wipe_role

COUNT = """
from prometheus_client import Counter, Gauge, Histogram
Counter("seen_total", "Seen.", ["what"]).labels("a").inc(2)
Histogram("took_seconds", "Took.", buckets=(1, 5)).observe(3)
Gauge("busy", "Busy.", multiprocess_mode="livesum").set(1)
"""


def count_in_a_process(root: Path, role: str) -> None:
    subprocess.run([sys.executable, "-c", COUNT], env={DIRECTORY_VARIABLE: str(root / role)}, check=True)


def read(root: Path) -> dict[str, float]:
    families = text_string_to_metric_families(render_app_series(root).decode())
    return {
        sample.name + sample.labels.get("le", ""): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith(("seen", "took", "busy"))
    }


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for role in ("web", "worker"):
        wipe_role(tmp_path, role)
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / "web"))
    return tmp_path


def test_the_roles_are_summed(root: Path) -> None:
    count_in_a_process(root, "web")
    count_in_a_process(root, "worker")

    values = read(root)
    assert (values["seen_total"], values["took_seconds_sum"], values["took_seconds_bucket5.0"]) == (4, 6, 2)


def test_folding_keeps_every_sum_and_drops_the_files_and_live_gauges(root: Path) -> None:
    for _ in range(3):
        count_in_a_process(root, "worker")
    before = read(root)
    assert before["busy"] == 3

    fold_dead_processes(root)
    fold_dead_processes(root)

    after = read(root)
    assert "busy" not in after
    assert after == {name: value for name, value in before.items() if name != "busy"}
    assert sorted(file.name for file in (root / "worker").iterdir()) == ["counter_0.db", "histogram_0.db"]


def test_a_new_start_of_a_role_counts_from_zero(root: Path) -> None:
    count_in_a_process(root, "worker")

    wipe_role(root, "worker")

    assert read(root) == {}
