"""``manage.py catalog plan|apply|export FILE...``: the catalogue as code."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import orjson
from django.core.management.base import CommandParser

from core.errors import QuarterdeckError
from core.permissions import system_principal
from core.prepared_command import PreparedCommand
from entities.catalog.apply import apply_document
from entities.catalog.document import load_document
from entities.catalog.export import export_document
from entities.catalog.planning import plan_changes
from entities.catalog.sections import Change

PRINCIPAL = system_principal("catalog")
_SIGNS = {"create": "+", "update": "~", "delete": "-"}


SHOWN_ERRORS = 50


class Command(PreparedCommand):
    help = "Plan, apply or export the catalogue as YAML. Several files and folders are read as one."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for action, text in (("plan", "print what apply would change"), ("apply", "make the catalogue say this")):
            sub = actions.add_parser(action, help=text)
            sub.add_argument("paths", nargs="+", type=Path, metavar="FILE")
            sub.add_argument("--prune", action="store_true", help="delete the entities that the files leave out")
        sub = actions.add_parser("export", help="write the catalogue; applying the result changes nothing")
        sub.add_argument("paths", nargs="?", type=Path, metavar="FILE", help="without it: standard output")

    def handle(self, *_args: Any, action: str, paths: Any, prune: bool = False, **_options: Any) -> None:
        try:
            if action == "export":
                self._export(paths)
                return
            document = load_document(paths)
            if action == "plan":
                self._print(plan_changes(document, prune=prune).changes, plan=True)
            else:
                self._print(apply_document(principal=PRINCIPAL, document=document, prune=prune), plan=False)
        except QuarterdeckError as error:
            self._fail([str(wrong) for wrong in error.errors] or [error.message])

    def _export(self, path: Path | None) -> None:
        text = export_document(principal=PRINCIPAL)
        if path is None:
            self.stdout.write(text, ending="")
            return
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            self._fail([f"{path}: cannot be written: {error.strerror}"])

    def _fail(self, lines: list[str]) -> NoReturn:
        for line in lines[:SHOWN_ERRORS]:
            self.stderr.write(line)
        if len(lines) > SHOWN_ERRORS:
            self.stderr.write(f"... and {len(lines) - SHOWN_ERRORS} more")
        sys.exit(2)

    def _print(self, changes: Sequence[Change], *, plan: bool) -> None:
        for change in changes:
            for line in describe_change(change):
                self.stdout.write(line)
        if not changes:
            self.stdout.write("Nothing to change." if plan else "Nothing changed.")
            return
        counts = {action: sum(change.action == action for change in changes) for action in _SIGNS}
        words = ("to create", "to change", "to delete") if plan else ("created", "changed", "deleted")
        parts = [f"{count} {word}" for count, word in zip(counts.values(), words, strict=True)]
        self.stdout.write(f"{', '.join(parts)}.")


def describe_change(change: Change) -> list[str]:
    """A head line such as ``~ entity api``, then one indented line a field."""
    lines = [f"{_SIGNS[change.action]} {change.what}"]
    for name, (before, after) in change.fields.items():
        shown = _show(after) if change.action == "create" else f"{_show(before)} -> {_show(after)}"
        lines.append(f"    {name}: {shown}")
    return lines


def _show(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
