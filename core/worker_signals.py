"""What Celery's processes set up beside their work: logs, traces, error reports, and not outliving their parent."""

import os
from typing import Any

from celery import signals

from core.config import get_config
from core.leaving import leave_when_told, leave_with, prepare_to_leave
from core.lifeline import die_with_parent
from core.telemetry.error_reports import report_error, start_error_reports
from core.telemetry.tracing import start_tracing


def _keep_logging(**_kwargs: Any) -> None:
    """A receiver of this signal stops Celery from replacing the handlers of ``core.telemetry.logging``."""


def _set_up_main_process(**_kwargs: Any) -> None:
    """It tells of tasks whose process was lost or took too long."""
    start_error_reports(get_config(), role="worker")


def _leave_main_process(sender: Any, **_kwargs: Any) -> None:
    leave_with(sender.exitcode or 0)


def _set_up_pool_process(**_kwargs: Any) -> None:
    die_with_parent(os.getppid())
    start_tracing()
    start_error_reports(get_config(), role="worker")


def _set_up_scheduler(**_kwargs: Any) -> None:
    leave_when_told()
    start_tracing()
    start_error_reports(get_config(), role="scheduler")


def _report_failed_task(
    sender: Any = None, task_id: str = "", exception: BaseException | None = None, **_kwargs: Any
) -> None:
    if exception is not None:
        report_error(exception, transaction=getattr(sender, "name", ""), tags={"task_id": task_id})


def connect_worker_signals() -> None:
    prepare_to_leave()
    signals.setup_logging.connect(_keep_logging, weak=False)
    signals.worker_init.connect(_set_up_main_process, weak=False)
    signals.worker_shutdown.connect(_leave_main_process, weak=False)
    signals.worker_process_init.connect(_set_up_pool_process, weak=False)
    signals.beat_init.connect(_set_up_scheduler, weak=False)
    signals.task_failure.connect(_report_failed_task, weak=False)
