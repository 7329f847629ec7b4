#!/bin/sh
# Looks for known vulnerabilities in what Relais calls, tests included.
#
#   vuln.sh [DATABASE]   a folder or a .tgz of the Go vulnerability database;
#                        without it, govulncheck asks the public one
#
# Exit code 3: a vulnerable function is reached.
set -eu

version=v1.1.4
db="${1:-}"

if [ -z "$db" ]; then
	exec go run "golang.org/x/vuln/cmd/govulncheck@$version" -test ./...
fi
[ -e "$db" ] || { echo "relais: no vulnerability database at $db" >&2; exit 1; }
if [ -f "$db" ]; then
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	tar -xzf "$db" -C "$work"
	db=$work
fi
[ -e "$db/index/db.json" ] || [ -e "$db/index/db.json.gz" ] || { echo "relais: $db is no vulnerability database" >&2; exit 1; }
go run "golang.org/x/vuln/cmd/govulncheck@$version" -db "file://$(cd "$db" && pwd)" -test ./...
