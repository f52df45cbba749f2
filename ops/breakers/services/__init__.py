"""Writes of breakers: reports of programs, sources, and what operators do to breakers."""

from ops.breakers.services.reporting import take_reports

__all__ = ["take_reports"]
