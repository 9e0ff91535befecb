#!/usr/bin/env bash
# Looks the modules and the called functions up in the Go vulnerability database.
#
#   exit 0    no known vulnerability is reachable from this code
#   exit 3    at least one is (see the report)
#   exit 75   the database could not be reached: nothing was checked, and nobody may say otherwise
#
# GOVULNDB names another copy of the database (an https or file:// address) where vuln.go.dev cannot be reached.
set -euo pipefail
cd "$(dirname "$0")/.."

read -r -a tool <<<"${GOVULNCHECK:-${GO:-go} tool -modfile=tools/lint/go.mod govulncheck}"
options=()
[ -z "${GOVULNDB:-}" ] || options+=(-db "$GOVULNDB")
log=$(mktemp)
trap 'rm -f "$log"' EXIT

code=0
"${tool[@]}" "${options[@]}" ./... 2>&1 | tee "$log" || code=${PIPESTATUS[0]}
if [ "$code" -ne 0 ] && grep -qE '^govulncheck: (fetching vulnerabilities|creating client)' "$log"; then
	echo >&2
	echo "WARNING: govulncheck could not reach the vulnerability database: vulnerabilities were NOT checked." >&2
	echo "         Run it where vuln.go.dev answers, or point GOVULNDB at a copy." >&2
	exit 75
fi
exit "$code"
