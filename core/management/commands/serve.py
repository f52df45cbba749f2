import contextlib
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from core.config import get_config
from core.supervisor.refusal import StartRefused
from core.supervisor.start import serve


class Command(BaseCommand):
    help = "Start the web server, the worker, the scheduler and the embedded broker, and keep them running."
    requires_system_checks = ()

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            serve(get_config(), settings.DATA_DIR, code=settings.BASE_DIR, say=self._say)
        except StartRefused as refusal:
            self.stderr.write(str(refusal), self.style.NOTICE)
            sys.exit(2)

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # a terminal that went away must not end what runs
            self.stdout.write(line)
            self.stdout.flush()
