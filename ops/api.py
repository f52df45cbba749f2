"""The operations part of the REST API."""

from ninja import Router

from ops.health.api import router as health_router
from ops.journal.api import router as journal_router

router = Router()
router.add_router("", health_router)
router.add_router("", journal_router)
