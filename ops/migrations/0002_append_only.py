from django.db import migrations

from core.triggers import append_only


class Migration(migrations.Migration):
    dependencies = [("ops", "0001_initial")]

    operations = [append_only("ops_journalentry")]
