#!/usr/bin/env bash
# Runs the Bruno collection of docs/integration/bruno against a demonstration town of its own, started for the time of
# the run on a free port of this machine and thrown away. It fails with the first request that does not answer as told.
#
#   scripts/bruno.sh                  builds, starts, runs
#   URL=… CLE=pk_… scripts/bruno.sh   runs against a parapheur that is there already; with BAC=… HOTE_BAC=…
#                                     CLE_BAC=pk_… too, against its sandbox, of that address and name
set -euo pipefail
cd "$(dirname "$0")/.."

bruno=@usebruno/cli@4.1.0
work=$(mktemp -d)
town=

# end stops the town, if this script started one.
end() {
	code=$?
	if [ -n "$town" ]; then
		kill "$town" 2>/dev/null || true
		wait "$town" 2>/dev/null || true
	fi
	rm -rf "$work"
	exit "$code"
}
trap end EXIT

command -v npx >/dev/null || { echo "bruno: npx (Node.js) is missing" >&2; exit 1; }

if [ -z "${URL:-}" ]; then
	[ -n "${PARAPHEUR_DATABASE_URL:-}" ] || scripts/setup.sh run
	CGO_ENABLED=0 go build -trimpath -o "$work/parapheur" ./cmd/parapheur
	: >"$work/log" # read before the program has said anything
	"$work/parapheur" demo --listen 127.0.0.1:0 --data "$work/data" >"$work/log" 2>&1 &
	town=$!
	for _ in $(seq 120); do
		URL=$(sed -n 's/.*(démonstration) : \(http[^ ]*\).*/\1/p' "$work/log")
		[ -z "$URL" ] || ! grep -q 'Ctrl+C' "$work/log" || break
		kill -0 "$town" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
		sleep 0.5
	done
	[ -n "$URL" ] || { cat "$work/log" >&2; exit 1; }
	BAC=$URL
	HOTE_BAC=$(sed -n 's/.*(spécimens sans valeur) : http:..\([^ ]*\).*/\1/p' "$work/log")
	CLE=$(cat "$work/data/demo-cle-api.txt")
	CLE_BAC=$(cat "$work/data/demo-cle-bac-a-sable.txt")
fi

# Kept out of the tree, with whatever the runner leaves beside it.
cp -R docs/integration/bruno "$work/collection"
cd "$work/collection"
npx -y "$bruno" run . --env demonstration --env-var "url=$URL" --env-var "cle=$CLE" --bail
[ -z "${BAC:-}" ] || npx -y "$bruno" run bac-a-sable --env demonstration --env-var "bac=$BAC" --env-var "hote_bac=$HOTE_BAC" --env-var "cle_bac=$CLE_BAC" --bail
