class StartRefused(Exception):
    """Quarterdeck cannot start here; the message is the one line that says why."""
