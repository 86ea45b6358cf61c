#!/bin/sh
# Sees to what pip cannot bring: groups of Debian packages, by apt when root or sudo is there. What cannot be
# installed is named, with what works without it; with --required first, that is an error.
#   engine    translation beyond the phrasebook          browser   tests that open the page
#   python    pip and venv, which Debian ships apart         redis     tests of what several replicas share
set -eu
required=no
if [ "${1:-}" = --required ]; then
    required=yes
    shift
fi

packages() {
    case $1 in
    engine) echo apertium apertium-eng-spa apertium-eng-cat apertium-fr-es apertium-es-pt apertium-spa-ita \
        apertium-spa-cat apertium-fra-cat apertium-por-cat apertium-cat-ita ;;
    browser) echo chromium ;;
    redis) echo redis-server ;;
    python) echo python3-venv python3-pip ;;
    *) echo "unknown group $1" >&2; exit 2 ;;
    esac
}
without() {
    case $1 in
    engine) echo "the emulator's engine translates its phrasebook, and between English and Portuguese" ;;
    browser) echo "tests that open the page are skipped" ;;
    redis) echo "tests of the store that several replicas share are skipped" ;;
    python) echo "no virtual environment can be made" ;;
    esac
}
installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
present() {
    case $1 in
    engine) command -v apertium >/dev/null && [ -e /usr/share/apertium/modes/eng-spa.mode ] ;;
    browser) command -v chromium >/dev/null || command -v chromium-browser >/dev/null ;;
    redis) command -v redis-server >/dev/null ;;
    python) false ;;
    esac
}

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then as_root="sudo -n"; else as_root=no; fi
fi

updated=no
for group in "$@"; do
    missing=
    if command -v dpkg-query >/dev/null; then
        for package in $(packages "$group"); do installed "$package" || missing="$missing $package"; done
    elif ! present "$group"; then
        missing=" $(packages "$group")"
    fi
    [ -n "$missing" ] || continue
    if [ "$as_root" != no ] && command -v apt-get >/dev/null; then
        echo "Installing$missing ..."
        if [ $updated = no ]; then
            DEBIAN_FRONTEND=noninteractive $as_root apt-get update -qq >/dev/null 2>&1 || true
            updated=yes
        fi
        # shellcheck disable=SC2086
        if $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing \
            >/dev/null 2>&1; then
            continue
        fi
    fi
    echo "Missing:$missing. Without it, $(without "$group")." >&2
    [ $required = no ] || exit 1
done
