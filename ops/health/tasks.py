"""Wake-ups of the engine."""

from celery import shared_task


@shared_task(name="health.tick")  # type: ignore[untyped-decorator]
def tick() -> None:
    """Count what is due and send wake-ups."""
