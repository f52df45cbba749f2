from django.apps import AppConfig


class OpsConfig(AppConfig):
    name = "ops"
    verbose_name = "Operations"

    def ready(self) -> None:
        # Imported here because models may only be loaded once every application is known.
        from core.telemetry.error_reports import keep_errors_in  # noqa: PLC0415
        from entities.catalog.sections import SECTIONS  # noqa: PLC0415
        from entities.lifecycle import register_lifecycle_listener  # noqa: PLC0415
        from entities.status import register_status_source  # noqa: PLC0415
        from ops.breakers.services import SOURCE_WRITER, BreakerLifecycle  # noqa: PLC0415
        from ops.definitions.catalog import DefinitionsSection  # noqa: PLC0415
        from ops.errors.ingest import ITEM_HANDLERS  # noqa: PLC0415
        from ops.errors.own import OWN_ERRORS  # noqa: PLC0415
        from ops.errors.selectors.backlog import spool_backlog  # noqa: PLC0415
        from ops.health.check_ins import take_check_in  # noqa: PLC0415
        from ops.health.services import CHECK_WRITER, CheckLifecycle  # noqa: PLC0415
        from ops.queues.services import QUEUE_WRITER, QueueLifecycle  # noqa: PLC0415
        from ops.sampling.outboxes import OUTBOXES  # noqa: PLC0415
        from ops.statuses.selectors import entity_statuses  # noqa: PLC0415

        register_status_source(entity_statuses)
        register_lifecycle_listener(CheckLifecycle())
        register_lifecycle_listener(QueueLifecycle())
        register_lifecycle_listener(BreakerLifecycle())
        SECTIONS.register("checks", DefinitionsSection(CHECK_WRITER))
        SECTIONS.register("queues", DefinitionsSection(QUEUE_WRITER))
        SECTIONS.register("breakers", DefinitionsSection(SOURCE_WRITER))
        OUTBOXES.register("errors", spool_backlog)
        ITEM_HANDLERS.register("check_in", take_check_in)
        keep_errors_in(OWN_ERRORS.keep)
