"""Which consumers were paused from here: they alone are told to go on."""

from collections.abc import Sequence

from django.db import transaction

from ops.queues.models import PausedConsumer, Queue
from ops.queues.sources.source import Consumer


def remember_paused(queue: Queue, consumers: Sequence[Consumer]) -> None:
    rows = [PausedConsumer(queue=queue, place=place, name=name) for place, name in consumers]
    PausedConsumer.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def paused_consumers(queue: Queue) -> list[Consumer]:
    rows = PausedConsumer.objects.filter(queue=queue).order_by("place", "name")
    return [Consumer(place, name) for place, name in rows.values_list("place", "name")]


@transaction.atomic
def forget_paused(queue: Queue, consumers: Sequence[Consumer]) -> None:
    for place, name in consumers:
        PausedConsumer.objects.filter(queue=queue, place=place, name=name).delete()
