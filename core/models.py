"""Tables of the kernel: audit, tokens for programs, the revision that pages poll, and signs of life."""

from django.db import models

from core.ids import new_token_uid
from core.permissions import Role


class AuditEntry(models.Model):
    """One committed operator action. Rows cannot be changed or deleted: database triggers refuse it."""

    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=32)
    target_uid = models.CharField(max_length=64)
    target_name = models.CharField(max_length=200)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["target_type", "target_uid", "-id"], name="audit_target"),
            models.Index(fields=["actor", "-id"], name="audit_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target_name}"


class ApiToken(models.Model):
    """A bearer token of a program. Only the SHA-256 of the secret is stored."""

    uid = models.CharField(max_length=40, unique=True, default=new_token_uid, editable=False)
    name = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name


class IdempotentAnswer(models.Model):
    """The answer to a POST that carried an ``Idempotency-Key``; kept for a day."""

    principal = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField(default=b"")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.key} of {self.principal}"


class Revision(models.Model):
    """One row: the number that rises with every change that a page shows."""

    value = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="revision_is_one_row")]

    def __str__(self) -> str:
        return str(self.value)


class Pulse(models.Model):
    """The last sign of life of one role of the platform on one host: ``scheduler``, ``worker``."""

    role = models.CharField(max_length=16)
    instance = models.CharField(max_length=100)
    seen_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["role", "instance"], name="pulse_once_per_instance")]

    def __str__(self) -> str:
        return f"{self.role} on {self.instance}"
