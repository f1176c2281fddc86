#!/usr/bin/env bash
# Checks the alert rules, their tests, the runbook's sections and every query of the Grafana dashboard with promtool.
#
#   check.sh [METRICS_URL]
#
# METRICS_URL, such as http://127.0.0.1:8083/metrics, has that page's names checked as well (promtool check metrics).
# promtool is taken from the PATH, else from Debian's package prometheus, unpacked into the cache and not installed: no server starts.
# Exit 0: all is well, or what was left out is said; 1: something is wrong.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$here/../..
dashboard=$root/deploy/grafana/dashboard.json
cache=${XDG_CACHE_HOME:-$HOME/.cache}/smpp-connector/promtool
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

download() {
	local pause
	for pause in 5 20 0; do
		(cd "$scratch" && { [[ $(id -u) != 0 ]] || apt-get update -qq; } && apt-get download -qq prometheus) >"$scratch/apt.log" 2>&1 && return
		sleep "$pause"
	done
	return 1
}

promtool=$(command -v promtool || true)
if [[ -z $promtool && -x $cache/promtool ]]; then promtool=$cache/promtool; fi
if [[ -z $promtool ]] && command -v apt-get >/dev/null && download; then
	dpkg-deb -x "$scratch"/prometheus_*.deb "$scratch/unpacked"
	mkdir -p "$cache"
	mv "$scratch/unpacked/usr/bin/promtool" "$cache/promtool"
	promtool=$cache/promtool
fi
if [[ -z $promtool ]]; then
	printf 'LEFT OUT: alert rules and dashboard unchecked, since there is no promtool, nor Debian to fetch it from (package prometheus)\n'
	[[ ! -s $scratch/apt.log ]] || tail -n 3 "$scratch/apt.log"
	exit 0
fi

cd "$here"
"$promtool" check rules alerts.yaml
"$promtool" test rules alerts_test.yaml

# Every alert has its section and its test, and names it in its runbook annotation.
bad=0
complain() {
	printf '%s\n' "$*" >&2
	bad=1
}
while read -r alert; do
	grep -qx "## $alert" RUNBOOK.md || complain "RUNBOOK.md: no section $alert"
	grep -q "RUNBOOK.md#${alert,,}\$" alerts.yaml || complain "alerts.yaml: $alert names no section of its own"
	grep -qx "  - name: $alert" alerts_test.yaml || complain "alerts_test.yaml: no test of $alert"
done < <(sed -n 's/^ *- alert: //p' alerts.yaml)
while read -r section; do
	grep -q "alert: $section\$" alerts.yaml || complain "RUNBOOK.md: section $section is of no alert"
done < <(sed -n 's/^## //p' RUNBOOK.md)

# Every query of the dashboard parses: each becomes a recording rule, with Grafana's variables filled in.
if command -v jq >/dev/null; then
	jq '{groups: [{name: "dashboard", rules: [[.. | objects | .expr? // empty | strings] | to_entries[] | {
		record: "dashboard:query_\(.key)",
		expr: (.value | gsub("\\$__rate_interval|\\$__interval|\\$__range"; "5m") | gsub("\\$(\\{[a-z]+\\}|[a-z]+)"; ".*"))}]}]}' \
		"$dashboard" >"$scratch/dashboard.json"
	[[ $(jq '.groups[0].rules | length' "$scratch/dashboard.json") -gt 0 ]] || complain "$dashboard: no queries"
	"$promtool" check rules "$scratch/dashboard.json"
else
	printf 'LEFT OUT: the queries of the dashboard, since there is no jq\n'
fi

# Every metric that is named here is one that the code makes, except Kafka's, whose names are the client library's.
while read -r name; do
	name=${name%_bucket} name=${name%_sum} name=${name%_count}
	rest=${name#smpp_connector_}
	case $rest in
	kafka_*) continue ;;
	source_*) grep -q "\"$name\"" "$root"/internal/source/*.go ;;
	sink_smsc_avoided | sink_lag_records) grep -q "\"$name\"" "$root/internal/sink/metrics.go" ;;
	sink_*) grep -q "\"${rest#sink_}\"" "$root/internal/sink/metrics.go" ;;
	smpp_*) grep -q "\"${rest#smpp_}\"" "$root/internal/smpp/metrics.go" ;;
	trace_*) grep -q "\"$name\"" "$root"/internal/trace/*.go ;;
	resolver_*) grep -q "\"${rest#resolver_}\"" "$root/internal/resolve/metrics.go" ;;
	*) false ;;
	esac || complain "no such metric: $name"
done < <(grep -oh 'smpp_connector_[a-z_]*[a-z]' alerts.yaml alerts_test.yaml RUNBOOK.md "$dashboard" | sort -u)
[[ $bad == 0 ]] || exit 1

if (($#)); then
	# kprom, the Kafka client's, names two gauges _total. They are not ours to rename.
	curl -fsS "$1" >"$scratch/metrics"
	found=$("$promtool" check metrics <"$scratch/metrics" 2>&1 | grep -v '^smpp_connector_kafka_buffered_[a-z]*_records_total non-counter metrics' || true)
	[[ -z $found ]] || {
		printf '%s: promtool finds fault with these:\n%s\n' "$1" "$found" >&2
		exit 1
	}
fi
