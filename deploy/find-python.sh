#!/bin/sh
# Print a Python that is new enough and complete, or say in one line what is missing.
seen=""
incomplete=""
for candidate in "${PYTHON:-}" python3.13 python3.14 python3.12 python3 python; do
    [ -n "$candidate" ] && path=$(command -v "$candidate" 2>/dev/null) || continue
    if ! "$path" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
        seen="$seen $path ($("$path" -V 2>&1 | head -n 1))"
    elif ! "$path" -c 'import ensurepip, venv' 2>/dev/null; then
        incomplete="$incomplete $path"
    else
        echo "$path"
        exit 0
    fi
done
if [ -n "$incomplete" ]; then
    echo "Quarterdeck needs Python's venv and ensurepip, which$incomplete lacks (on Debian and Ubuntu: apt install python3-venv)." >&2
else
    echo "Quarterdeck needs Python 3.12 or newer (3.13 is best); found:${seen:- none}. Set PYTHON=/path/to/python3.13." >&2
fi
exit 1
