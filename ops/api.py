"""The operations part of the REST API."""

from ninja import Router

from ops.breakers.api import router as breakers_router
from ops.breakers.own_api import router as own_breakers_router
from ops.breakers.source_api import router as breaker_sources_router
from ops.dashboard.search_api import router as search_router
from ops.errors.api import router as errors_router
from ops.health.api import router as health_router
from ops.health.history_api import router as history_router
from ops.health.ping_api import router as ping_router
from ops.journal.api import router as journal_router
from ops.queues.api import router as queues_router
from ops.statuses.api import router as statuses_router

router = Router()
router.add_router("", health_router)
router.add_router("", ping_router)
router.add_router("", history_router)
router.add_router("", statuses_router)
router.add_router("", search_router)
router.add_router("", journal_router)
router.add_router("", errors_router)
router.add_router("", own_breakers_router)  # before the other, which takes any name after /breakers
router.add_router("", breakers_router)
router.add_router("", queues_router)
router.add_router("", breaker_sources_router)
