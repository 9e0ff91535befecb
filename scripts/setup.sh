#!/bin/sh
# Installs the system packages that the project needs, only those that are missing, and only where that is possible
# without a question (root or passwordless sudo, on Debian or Ubuntu). Elsewhere it says in one line what is missing.
#
#   scripts/setup.sh run     what "make run" needs: the PostgreSQL server programs
#   scripts/setup.sh test    what "make test" needs: PostgreSQL, PDF tools, OpenSSL, a browser, fonts, a software HSM
#   scripts/setup.sh slow    what "make slow" needs: the same, Node.js with npm, Python 3 with venv, Java and Maven
#   scripts/setup.sh conformance    what "make conformance" needs: PDF tools, OpenSSL, Java 17 with Maven, Python 3 with venv
#
# It starts no database and touches no existing cluster. Running it again does nothing, quickly.
set -eu

minimum=15 # the oldest PostgreSQL that the product supports

usage() {
	echo "usage: scripts/setup.sh run|test|slow|conformance" >&2
	exit 2
}

# has_any NAME... : one of the programs is on the PATH.
has_any() {
	for name; do
		if command -v "$name" >/dev/null 2>&1; then return 0; fi
	done
	return 1
}

# exists_any PATH... : one of the files exists; patterns that match nothing stay as they are and do not.
exists_any() {
	for path; do
		if [ -e "$path" ]; then return 0; fi
	done
	return 1
}

# recent_postgres DIR... : one of the folders holds a server that is recent enough.
recent_postgres() {
	for dir; do
		if [ ! -x "$dir/postgres" ] || [ ! -x "$dir/initdb" ]; then continue; fi
		version=$("$dir/postgres" --version 2>/dev/null) || continue
		version=${version#*"(PostgreSQL) "}
		version=${version%%[!0-9]*}
		if [ "${version:-0}" -ge "$minimum" ]; then return 0; fi
	done
	return 1
}

# The same places as package internal/pgdev looks at.
has_postgres() {
	initdb=$(command -v initdb 2>/dev/null) || initdb=/nonexistent/initdb
	recent_postgres "${initdb%/initdb}" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/libexec/postgresql* \
		/usr/local/pgsql/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
		/Applications/Postgres.app/Contents/Versions/*/bin
}

# missing PURPOSE : the Debian names of the missing packages, one a line.
missing() {
	if [ "$1" = conformance ]; then
		has_any javac || echo default-jdk-headless
		has_any mvn || echo maven
		has_any mutool || echo mupdf-tools
		has_any pdfsig || echo poppler-utils
		has_any qpdf || echo qpdf
		has_any openssl || echo openssl
		python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
		return 0
	fi
	has_postgres || echo postgresql
	[ "$1" != run ] || return 0
	if [ "$1" = slow ]; then
		has_any node || echo nodejs
		has_any npx || echo npm
		has_any java || echo default-jre-headless
		has_any mvn || echo maven
		python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
	fi
	has_any pdfsig && has_any pdftoppm && has_any pdftocairo || echo poppler-utils
	has_any qpdf || echo qpdf
	has_any openssl || echo openssl
	has_any xmlsec1 || echo xmlsec1
	has_any chromium chromium-browser google-chrome google-chrome-stable || echo chromium
	exists_any /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf /usr/share/fonts/*/DejaVuSans.ttf \
		/usr/share/fonts/*/*/DejaVuSans.ttf "${HOME:-/nonexistent}"/.fonts/DejaVuSans.ttf \
		/Library/Fonts/DejaVuSans.ttf "${HOME:-/nonexistent}"/Library/Fonts/DejaVuSans.ttf || echo fonts-dejavu-core
	has_any softhsm2-util || echo softhsm2
	has_any curl || echo curl
	# A client of the SOAP connector, asked for only where it can be installed: its test skips without it.
	if can_install && ! php -r 'exit(class_exists("SoapClient") ? 0 : 1);' 2>/dev/null; then
		echo php-cli
		echo php-soap
	fi
}

# as_root COMMAND... : runs it with the rights that installing needs.
as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_install() {
	has_any apt-get || return 1
	[ "$(id -u)" = 0 ] || { has_any sudo && sudo -n true 2>/dev/null; }
}

# apt COMMAND... : quiet unless it fails.
apt() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold \
		-o DPkg::Lock::Timeout=120 "$@" </dev/null >"$log" 2>&1
}

# install PACKAGE... : package lists are fetched when there are none, and again when they turn out to be too old.
install() {
	exists_any /var/lib/apt/lists/*_Packages* || apt update || return 1
	apt install -y --no-install-recommends "$@" && return 0
	apt update && apt install -y --no-install-recommends "$@"
}

# Debian's package would start a database of its own, on the usual port. Where nobody has set PostgreSQL up yet, that is
# switched off before the server arrives; where somebody has, the choice is theirs and stays.
install_postgres() {
	conf=/etc/postgresql-common/createcluster.conf
	if [ ! -e "$conf" ]; then
		install postgresql-common || return 1
		printf '%s\n' '# Written by scripts/setup.sh of Parapheur: programs only, no default cluster.' \
			'create_main_cluster = false' | as_root tee -a "$conf" >/dev/null
	fi
	install postgresql
}

give_up() {
	echo "setup: missing: $1. $2" >&2
	exit 1
}

[ $# -eq 1 ] || usage
case $1 in
run | test | slow | conformance) purpose=$1 ;;
*) usage ;;
esac

packages=$(missing "$purpose")
[ -n "$packages" ] || exit 0
line=$(echo "$packages" | tr '\n' ' ')
line=${line% }

can_install || give_up "$line" "As an administrator on Debian or Ubuntu: apt-get install $line; on macOS: brew install postgresql@17 poppler qpdf openssl softhsm mupdf-tools maven and a Chrome browser; or set PARAPHEUR_DATABASE_URL to a PostgreSQL $minimum or newer."

echo "setup: installing $line" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT INT TERM
for package in $packages; do
	case $package in
	postgresql) install_postgres ;;
	*) install "$package" ;;
	esac || {
		tail -n 5 "$log" >&2
		give_up "$package" "apt-get could not install it (see above)."
	}
done

left=$(missing "$purpose" | tr '\n' ' ')
[ -z "$left" ] || give_up "${left% }" "The packages of this system are too old or incomplete: PostgreSQL $minimum or newer is needed (Debian 12, Ubuntu 24.04 or newer have it)."
