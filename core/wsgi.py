"""WSGI entry point of the web server."""

import multiprocessing
import os

from django.core.wsgi import get_wsgi_application

from core.celery import app as celery_app
from core.config import get_config
from core.lifeline import die_with_parent
from core.telemetry.error_reports import start_error_reports
from core.telemetry.tracing import start_tracing

__all__ = ["application", "celery_app"]  # what a request sends goes to the broker of that

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

if (server := multiprocessing.parent_process()) is not None and server.pid is not None:
    die_with_parent(server.pid)

start_tracing()
start_error_reports(get_config(), role="web")
application = get_wsgi_application()
