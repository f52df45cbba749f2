"""Tables of the catalogue. Written by ``entities.services`` alone."""

from django.db import models

from core.ids import new_entity_uid
from entities.domain import EntityKind, Lifecycle, Strength


class Team(models.Model):
    name = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Entity(models.Model):
    """Something that a team runs or needs."""

    uid = models.CharField(max_length=40, unique=True, default=new_entity_uid, editable=False)
    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16, choices=[(kind.value, kind.value) for kind in EntityKind])
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(max_length=4000, blank=True)
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="entities", null=True, blank=True)
    tier = models.PositiveSmallIntegerField(default=3, help_text="1 (most critical) to 4.")
    environment = models.CharField(max_length=64, default="production")
    labels = models.JSONField(default=dict, blank=True)
    links = models.JSONField(default=dict, blank=True)
    lifecycle = models.CharField(
        max_length=16, choices=[(value.value, value.value) for value in Lifecycle], default=Lifecycle.ACTIVE
    )
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "entities"
        constraints = [models.CheckConstraint(condition=models.Q(tier__range=(1, 4)), name="entity_tier_1_to_4")]

    def __str__(self) -> str:
        return self.name


class Dependency(models.Model):
    entity = models.ForeignKey(Entity, on_delete=models.CASCADE, related_name="dependencies")
    depends_on = models.ForeignKey(Entity, on_delete=models.PROTECT, related_name="dependants")
    strength = models.CharField(
        max_length=8, choices=[(value.value, value.value) for value in Strength], default=Strength.HARD
    )

    class Meta:
        ordering = ["depends_on__name"]
        verbose_name_plural = "dependencies"
        constraints = [
            models.UniqueConstraint(fields=["entity", "depends_on"], name="dependency_once"),
            models.CheckConstraint(condition=~models.Q(entity=models.F("depends_on")), name="dependency_not_on_itself"),
        ]

    def __str__(self) -> str:
        return f"{self.entity} needs {self.depends_on}"
