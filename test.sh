#!/usr/bin/env bash
# The test command: `make test` runs it. It installs the servers that tests run against (on Debian, as root or with sudo),
# then checks the form of the code and runs all tests. Elsewhere it names what is missing and fails.
#
#   CI=true      nothing may be skipped: a test that lacks a part fails
#   TESTFLAGS    further flags for go test, for example -run or -race
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '== %s\n' "$*" >&2; }

# have TOOL: on PATH, or where Debian keeps daemons and PostgreSQL's binaries.
have() {
  command -v "$1" >/dev/null || [ -x "/usr/sbin/$1" ] || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null
}

# needed PATTERN: does any test mention it?
needed() { grep -rqE --include='*_test.go' --exclude-dir=node_modules "$1" . ; }

# missing: one line for each missing program: the program, then the Debian package that has it.
missing() {
  have initdb && have createdb || echo "initdb postgresql"
  have pgbouncer || echo "pgbouncer pgbouncer"
  have slapd || echo "slapd slapd"
  have smtpd || echo "smtpd opensmtpd"
  have promtool || echo "promtool prometheus"
  have pebble && have pebble-challtestsrv || echo "pebble pebble"
  if needed 'parts\.Need\(t, "chromium"\)'; then have chromium || echo "chromium chromium"; fi
  have apache2 || echo "apache2 apache2-bin"
  [ -f /usr/lib/apache2/modules/mod_auth_openidc.so ] || echo "mod_auth_openidc libapache2-mod-auth-openidc"
  [ -f /usr/lib/apache2/modules/mod_auth_mellon.so ] || echo "mod_auth_mellon libapache2-mod-auth-mellon"
  have nginx || echo "nginx nginx"
  have caddy || echo "caddy caddy"
  [ -f /usr/share/lemonldap-ng/portal/htdocs/index.psgi ] && have plackup || echo "lemonldap-ng liblemonldap-ng-portal-perl"
  [ -f /usr/share/perl5/String/Random.pm ] || echo "lemonldap-ng libstring-random-perl" # it only recommends what its OpenID Provider cannot do without
  [ -f /usr/share/perl5/IO/String.pm ] || echo "lemonldap-ng libio-string-perl"
  if [ -f e2e/node/package.json ]; then
    have node || echo "node nodejs"
    have npm || echo "npm npm"
  fi
}

# quietly COMMAND…: runs it while packages may not start their daemons, and puts things back as they were.
quietly() (
  policy=/usr/sbin/policy-rc.d saved=
  if $as_root test -e "$policy"; then
    saved=$(mktemp)
    $as_root cp -p "$policy" "$saved"
  fi
  restore() {
    if [ -n "$saved" ]; then $as_root cp -p "$saved" "$policy"; $as_root rm -f "$saved"; else $as_root rm -f "$policy"; fi
  }
  trap restore EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
  $as_root chmod 755 "$policy"
  "$@"
)

install_parts() {
  local lacks packages
  lacks=$(missing)
  [ -n "$lacks" ] || return 0
  packages=$(cut -d' ' -f2 <<<"$lacks" | sort -u | tr '\n' ' ')
  as_root=
  if [ "$(id -u)" != 0 ]; then as_root=sudo; fi
  if ! command -v apt-get >/dev/null || { [ -n "$as_root" ] && ! command -v sudo >/dev/null; }; then
    say "Missing: $(cut -d' ' -f1 <<<"$lacks" | tr '\n' ' ')"
    say "Install them (on Debian as root: apt-get install $packages) and run this again."
    return 1
  fi
  say "Installing $packages(Debian packages; their daemons are kept from starting)"
  quietly $as_root sh -ec 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null' \
    apt $packages
}

install_node_parts() {
  local folder
  for folder in e2e/node e2e/webex e2e/idp e2e/mail; do
    [ -f $folder/package.json ] || continue
    if [ $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]; then continue; fi
    say "Installing the npm packages of $folder (tests only; the program needs no Node)"
    npm ci --prefix $folder --no-audit --no-fund --ignore-scripts --omit=optional --loglevel=error
  done
}

# build_go_parts: programs in Go that are not ours, at their pinned versions (e2e/goparts/go.mod).
build_go_parts() {
  local program=e2e/goparts/bin/oauth2-proxy
  if [ $program -nt e2e/goparts/go.sum ]; then return; fi
  say "Building oauth2-proxy (tests only; minutes, the first time)"
  go build -C e2e/goparts -o bin/oauth2-proxy github.com/oauth2-proxy/oauth2-proxy/v7
  touch $program
}

install_parts
install_node_parts
build_go_parts

say "gofmt"
unformatted=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 gofmt -l)
if [ -n "$unformatted" ]; then
  say "Not formatted: run gofmt -w on"
  printf '%s\n' "$unformatted" >&2
  exit 1
fi

say "go vet"
go vet ./...

say "go test"
# shellcheck disable=SC2086 # TESTFLAGS is a list
go test -count=1 -timeout 20m ${TESTFLAGS:-} ./...
