from django.db import migrations

from core.triggers import append_only

ROLES = ("viewer", "operator", "editor", "admin")


def create_roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [append_only("core_auditentry"), migrations.RunPython(create_roles, migrations.RunPython.noop)]
