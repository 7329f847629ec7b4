#!/bin/sh
# Installs what Relais needs on a Debian machine and does not find; says nothing
# and touches nothing when all of it is there.
#
#   install.sh build   a C compiler, for SQLite
#   install.sh test    that, PostgreSQL, Chromium without a window, axe-core,
#                      openssl, python3, and Node.js with openid-client
#
# It never starts or configures a service: the tests start their own PostgreSQL.
set -eu

axe_version=4.14.1
rp_version=5.7.0 # of openid-client: what FranceConnect's hub uses
here=$(cd "$(dirname "$0")" && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/relais-test"

missing=""
need() { missing="$missing $*"; }
have() { command -v "$1" >/dev/null 2>&1; }

die() { echo "relais: $*" >&2; exit 1; }

have go || die "Go 1.26 or newer is needed and not in PATH"

have gcc || need gcc
[ -e /usr/include/stdlib.h ] || need libc6-dev

if [ "${1:-build}" = test ]; then
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || have initdb || need postgresql
	[ -n "${TEST_CHROMIUM:-}" ] || have chromium-headless-shell || have chromium || need chromium-headless-shell
	[ -e "$cache/axe-core-$axe_version/axe.min.js" ] || have npm || need npm
	have node || need nodejs # a relying party that nobody here wrote
	[ -e "$cache/openid-client-$rp_version/package.json" ] || have npm || need npm
	have openssl || need openssl # the tests' time authority
	have python3 || need python3 # the evidence file checked by other code than ours
fi

if [ -n "$missing" ]; then
	line="apt-get update && apt-get install -y --no-install-recommends$missing"
	if [ "$(id -u)" -ne 0 ]; then
		echo "relais: missing packages. Run once:" >&2
		echo "  sudo sh -c '$line'" >&2
		exit 1
	fi
	have apt-get || die "this is not Debian: install the equivalent of$missing"
	echo "relais: installing$missing"
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq -o DPkg::Lock::Timeout=300 update
	# shellcheck disable=SC2086 # the words of $missing are separate packages
	apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing >/dev/null
fi

if [ "${1:-build}" = test ] && [ ! -e "$cache/axe-core-$axe_version/axe.min.js" ]; then
	echo "relais: fetching axe-core $axe_version"
	mkdir -p "$cache"
	work=$(mktemp -d "$cache/axe.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	(cd "$work" && npm pack --silent "axe-core@$axe_version" >/dev/null && tar -xzf axe-core-*.tgz)
	mkdir -p "$cache/axe-core-$axe_version"
	# A rename, so that an interrupted copy is never taken for the file.
	mv "$work/package/axe.min.js" "$cache/axe-core-$axe_version/axe.min.js"
fi

if [ "${1:-build}" = test ] && [ ! -e "$cache/openid-client-$rp_version/package.json" ]; then
	echo "relais: fetching openid-client $rp_version"
	mkdir -p "$cache"
	rp=$(mktemp -d "$cache/rp.XXXXXX")
	trap 'rm -rf "${work:-}" "$rp"' EXIT
	cp "$here/rp/package.json" "$here/rp/package-lock.json" "$rp/"
	(cd "$rp" && npm ci --silent --ignore-scripts --no-audit --no-fund >/dev/null)
	[ -e "$cache/openid-client-$rp_version" ] || mv "$rp" "$cache/openid-client-$rp_version"
fi
