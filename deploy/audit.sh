#!/bin/sh
# Known vulnerabilities of a lock file fail; a service that cannot be reached does not, and is said.
report=$(mktemp)
trap 'rm -f "$report"' EXIT
timeout 120 "$1" -r "$2" --require-hashes --disable-pip --progress-spinner off --timeout 10 >"$report" 2>&1
code=$?
unknown=$(grep -c 'could not be audited' "$report")
if grep -q 'Found [0-9]* known vulnerabilit' "$report"; then
    cat "$report"
    exit 1
elif [ "$code" -ne 0 ]; then
    echo "Known vulnerabilities were not looked up: the service cannot be reached."
elif [ "$unknown" -gt 0 ]; then
    echo "Known vulnerabilities: none found; of $unknown packages the service reachable here knows nothing."
else
    echo "Known vulnerabilities: none found."
fi
