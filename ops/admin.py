"""Where Django looks for the admin of the application; each slice has its own."""

from ops.health import admin as health_admin

__all__ = ["health_admin"]
