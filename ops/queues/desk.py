"""Where people add, edit, try and delete queues."""

from typing import Any

from ops.definitions.desk import Desk, FormSection
from ops.queues.definition import CommonFields
from ops.queues.models import Queue
from ops.queues.queue_form import LIMITS, QUEUES
from ops.queues.services import QUEUE_WRITER
from ops.queues.sources.source import QueueSource
from ops.queues.trial_display import TrialCard, show_trial
from ops.queues.trials import try_queue


def _attempt(**form: Any) -> TrialCard:
    return show_trial(try_queue(**form))


QUEUE_DESK: Desk[CommonFields, QueueSource, Queue] = Desk(
    QUEUES,
    QUEUE_WRITER,
    attempt=_attempt,
    slug="queue",
    section="queues",
    list_route="queue-list",
    page_route="queue-detail",
    title="queue",
    target="Where it is",
    sections=(
        FormSection(LIMITS, "What counts as trouble", "Without any limit it is healthy whenever it can be read."),
    ),
    promise="it is looked at within seconds",
    loss="Quarterdeck forgets the queue and its history; the queue itself and its messages stay.",
    trial_template="ops/queues/trial.html",
)
