"""Append-only tables: database triggers that refuse UPDATE and DELETE, on both engines. Used by migrations."""

from typing import Any

from django.db.migrations import RunPython


def create_statements(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        return [
            """CREATE OR REPLACE FUNCTION quarterdeck_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$""",
            f"""CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION quarterdeck_refuse_change()""",
        ]
    return [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def drop_statements(vendor: str, table: str) -> list[str]:
    if vendor == "postgresql":
        return [f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}"]
    return [f"DROP TRIGGER IF EXISTS {table}_no_{verb}" for verb in ("update", "delete")]


def append_only(table: str) -> RunPython:
    """A migration operation that makes ``table`` append-only."""

    def forward(_apps: Any, schema_editor: Any) -> None:
        for statement in create_statements(schema_editor.connection.vendor, table):
            schema_editor.execute(statement)

    def backward(_apps: Any, schema_editor: Any) -> None:
        for statement in drop_statements(schema_editor.connection.vendor, table):
            schema_editor.execute(statement)

    return RunPython(forward, backward)
