"""What the web server loads."""

import os
import subprocess
import sys

_PROGRAM = """
import threading
import core.wsgi
from celery import current_app
from django.conf import settings

def tell() -> None:
    assert current_app.main == "quarterdeck", current_app.main
    assert current_app.conf.broker_url.rpartition("://")[2] == settings.REDIS_URL.rpartition("://")[2]

for run in (tell, tell):
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
tell()
print("told")
"""


def test_what_a_request_sends_goes_to_the_broker_of_the_platform_from_every_thread() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "core.settings"}

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=False
    )

    assert "AssertionError" not in done.stderr
    assert done.stdout.endswith("told\n")
