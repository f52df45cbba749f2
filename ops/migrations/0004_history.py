from django.db import migrations, models

import ops.health.domain
from core.clock import database_now_ms
from core.triggers import append_only
from ops.health.partitions import partition_tables

_STATUSES = [(status.value, status.word) for status in ops.health.domain.Status]
_KEY = {"blank": True, "editable": False, "primary_key": True, "serialize": False}
_ROLLUP = [
    ("pk", models.CompositePrimaryKey("check_id", "start_ms", **_KEY)),
    ("check_id", models.BigIntegerField()),
    ("start_ms", models.BigIntegerField()),
    ("healthy", models.IntegerField()),
    ("unknown", models.IntegerField()),
    ("degraded", models.IntegerField()),
    ("unhealthy", models.IntegerField()),
    ("known_ms", models.IntegerField()),
    ("degraded_ms", models.IntegerField()),
    ("down_ms", models.IntegerField()),
    ("latency", models.BinaryField()),
]
_PARTITIONED = {
    # Wide columns first: nothing is lost between them, and rows are 8 bytes smaller.
    "ops_checkresult": (
        "check_id bigint NOT NULL, slot_ms bigint NOT NULL, duration_us bigint NOT NULL, late_ms integer NOT NULL, "
        "outcome smallint NOT NULL CONSTRAINT ops_checkresult_outcome_check CHECK (outcome >= 0)"
    ),
    "ops_resultdetail": "LIKE ops_resultdetail_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS",
    "ops_finerollup": "LIKE ops_finerollup_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS",
}


def partition(_apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        partition_tables(schema_editor, _PARTITIONED, now_ms=database_now_ms())


def begin_status_changes(_apps, schema_editor):
    """The status that each check has now is all that is known of it."""
    schema_editor.execute(
        "INSERT INTO ops_statuschange (check_id, at_ms, status) SELECT check_id, since_ms, status FROM ops_checkstate "
        "WHERE since_ms IS NOT NULL AND status <> 1"  # unknown
    )


class Migration(migrations.Migration):
    dependencies = [("ops", "0003_check_options")]

    operations = [
        migrations.CreateModel(name="FineRollup", fields=_ROLLUP),
        migrations.CreateModel(name="HourlyRollup", fields=_ROLLUP),
        migrations.CreateModel(
            name="DailyRollup",
            fields=[
                *_ROLLUP,
                ("known_total_ms", models.BigIntegerField()),
                ("down_total_ms", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="RollupProgress",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("done_until_ms", models.BigIntegerField()),
                ("ran_at_ms", models.BigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="StatusChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("check_id", models.BigIntegerField()),
                ("at_ms", models.BigIntegerField()),
                ("status", models.PositiveSmallIntegerField(choices=_STATUSES)),
            ],
        ),
        migrations.AddIndex(
            model_name="statuschange", index=models.Index(fields=["check_id", "at_ms"], name="change_of_check")
        ),
        migrations.RunPython(begin_status_changes, migrations.RunPython.noop),
        append_only("ops_statuschange"),
        migrations.AddField(
            model_name="resultdetail",
            name="excerpt",
            field=models.CharField(blank=True, db_default="", max_length=2000),
        ),
        migrations.RunPython(partition, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="checkresult",
            index=models.Index(fields=["slot_ms"], condition=models.Q(late_ms__gt=600_000), name="result_late"),
        ),
    ]
