"""The journal: one append-only timeline per entity. Database triggers refuse updates and deletions."""

from django.db import models


class JournalEntry(models.Model):
    # Entries outlive their entity, hence a key without a constraint.
    entity = models.ForeignKey("entities.Entity", on_delete=models.DO_NOTHING, related_name="+", db_constraint=False)
    at_ms = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    subject = models.CharField(max_length=100)
    before = models.CharField(max_length=32, blank=True)
    after = models.CharField(max_length=32, blank=True)
    message = models.CharField(max_length=500, blank=True)

    class Meta:
        app_label = "ops"
        ordering = ["-id"]
        verbose_name_plural = "journal entries"
        indexes = [models.Index(fields=["entity", "-id"], name="journal_entity")]

    def __str__(self) -> str:
        return f"{self.subject}: {self.before} -> {self.after}"
