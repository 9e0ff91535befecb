#!/usr/bin/env bash
# Fuzzes each target of the project for a while: every parser of hostile input has one.
#
#   scripts/fuzz.sh [TIME] [PATTERN]     20s and every target, unless said otherwise
#
# A failing input is written under testdata/fuzz of its package: commit it with the repair, it becomes a test.
set -euo pipefail
cd "$(dirname "$0")/.."

time=${1:-20s}
pattern=${2:-.}
go=${GO:-go}
failed=()

while IFS=: read -r package target; do
	[[ $target =~ $pattern ]] || continue
	echo "== $package $target ($time)"
	"$go" test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 10x || failed+=("$package $target")
done < <(
	# The names are read from the sources: listing them by building every test takes minutes on a small machine.
	git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed -E 's#^(.*)/[^/]+:func (Fuzz.*)$#./\1:\2#' | sort -u
)

if [ "${#failed[@]}" -gt 0 ]; then
	printf 'fuzz: failed: %s\n' "${failed[@]}" >&2
	exit 1
fi
