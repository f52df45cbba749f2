"""Where people add, edit, try and delete sources of breakers."""

from ops.breakers.definition import CommonFields
from ops.breakers.models import BreakerSource
from ops.breakers.services import SOURCE_WRITER
from ops.breakers.source_form import SOURCES_OF_BREAKERS
from ops.breakers.sources.source import BreakerSourceKind
from ops.breakers.trials import try_source
from ops.definitions.desk import Desk

SOURCE_DESK: Desk[CommonFields, BreakerSourceKind, BreakerSource] = Desk(
    SOURCES_OF_BREAKERS,
    SOURCE_WRITER,
    attempt=try_source,
    slug="breaker-source",
    section="breakers",
    list_route="breaker-list",
    title="source of breakers",
    target="Where to read",
    promise="it is looked at within seconds",
    loss="Quarterdeck forgets the instances that it told of; the breakers themselves stay.",
    trial_template="ops/breakers/trial.html",
)
