#!/bin/sh
# Print a Python that is new enough, or say in one line what is missing.
for candidate in "${PYTHON:-}" python3.13 python3.14 python3.12 python3 python; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
        command -v "$candidate"
        exit 0
    fi
done
echo "Quarterdeck needs Python 3.12 or newer (3.13 is best); none was found on PATH. Set PYTHON=/path/to/python3.13." >&2
exit 1
