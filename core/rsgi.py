"""Entry point of the web server's processes: the WSGI application behind the bridge that takes bodies for it."""

from django.conf import settings

from core.config import get_config
from core.web_bridge import Bridge
from core.wsgi import application as wsgi_application

application = Bridge(wsgi_application, threads=get_config().web_threads, body_limit=settings.BODY_LIMIT_BYTES)
