"""The columns of what people define and the platform goes out to look at."""

from django.db import models


class Defined(models.Model):
    """``config`` holds the fields of the kind, validated by the kind's ``Config``, secrets sealed. ``version`` counts
    the edits. Each says what its ``uid`` begins with.
    """

    uid = models.CharField(max_length=40, unique=True, editable=False)
    entity = models.ForeignKey("entities.Entity", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=64)
    kind = models.CharField(max_length=32)
    config = models.JSONField(default=dict, blank=True)
    paused = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name
