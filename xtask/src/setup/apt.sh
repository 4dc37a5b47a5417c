# Installs Debian packages as root without starting any of their servers.
# Usage: sh apt.sh PACKAGE...
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
tries=3

if [ -e "$policy" ]; then
    denied=0
    "$policy" capa7 start >/dev/null 2>&1 || denied=$?
    if [ "$denied" -ne 101 ]; then
        echo "error: $policy lets packages start servers; move it away and run this again" >&2
        exit 1
    fi
else
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

# attempt COMMAND...: up to $tries times, with a growing pause.
attempt() {
    try=1
    until "$@"; do
        [ "$try" -lt "$tries" ] || return 1
        sleep $((try * 5))
        try=$((try + 1))
    done
}

install() {
    apt-get install --yes --no-install-recommends "$@"
}

attempt apt-get update || echo "warning: the package lists may be old" >&2
# One package that this system does not have must not keep the others away.
if ! attempt install "$@"; then
    for package in "$@"; do
        install "$package" || echo "warning: $package is not installed" >&2
    done
fi
