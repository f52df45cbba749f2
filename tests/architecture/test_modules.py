"""The shape of the code that import-linter cannot see."""

import tomllib
from pathlib import Path

import core

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "deploy", "entities", "ops", "tests")
LINES_MAX = 400
NAMELESS = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "base", "misc"}


def modules() -> list[Path]:
    return [path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts]


def test_no_module_is_over_400_lines() -> None:
    long = {str(path): count for path in modules() if (count := len(path.read_text().splitlines())) > LINES_MAX}
    assert long == {}


def test_every_module_names_its_subject() -> None:
    assert [str(path) for path in modules() if path.stem in NAMELESS] == []


def test_the_version_is_one() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert core.__version__ == project["version"]


def test_locks_name_no_registry() -> None:
    for lock in ("requirements.txt", "requirements-dev.txt"):
        text = (ROOT / lock).read_text()
        assert "http://" not in text
        assert "https://" not in text
        assert "--index" not in text
