"""Where Django looks for the admin of the application; each slice has its own."""

from ops.breakers import admin as breakers_admin
from ops.errors import admin as errors_admin
from ops.health import admin as health_admin
from ops.queues import admin as queues_admin

__all__ = ["breakers_admin", "errors_admin", "health_admin", "queues_admin"]
