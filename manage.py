#!/usr/bin/env python
"""Command line of Quarterdeck: Django's commands and the project's own."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    from core.command_line import run_command

    run_command(sys.argv)


if __name__ == "__main__":
    try:  # around the imports as well, which take a second or two
        main()
    except KeyboardInterrupt:
        sys.exit(130)
