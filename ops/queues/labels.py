"""Labels of Prometheus lines."""


def render_labels(**pairs: str) -> str:
    """Without the braces. The values may be anything."""
    return ",".join(f'{name}="{_escape(value)}"' for name, value in pairs.items())


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
