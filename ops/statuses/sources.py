"""The slices that have something to say of entities."""

from collections.abc import Sequence

from ops.breakers.selectors.signals import BreakerSignals
from ops.errors.selectors.signals import ErrorSignals
from ops.health.selectors.signals import HealthSignals
from ops.queues.selectors.signals import QueueSignals
from ops.signals.port import SignalSource

SOURCES: Sequence[SignalSource] = (HealthSignals(), QueueSignals(), BreakerSignals(), ErrorSignals())
