#!/usr/bin/env bash
# Lets the connector run for an hour between Apache Kafka 4.3.0 and an SMSC while something breaks every few seconds: processes are
# killed, the broker too, connections are cut, the SMSC refuses, stalls and forgets to answer. All of it is audited as it goes, and what a
# replica holds must be flat at the end. internal/e2e/soak_linux_test.go says what and how.
#
#   soak.sh [DURATION [FLAG...]]      an hour by default; such as: soak.sh 10m -soak.rate 1000 -soak.seed 7
#
# SOAK_LOGS=DIR keeps the logs of the replicas and of the broker. Needs Linux, Go, Java 17 or later, Maven for the first time, two cores, 3 GB of memory and
# 2 GB of disk. The last lines are the verdict and the figures minute by minute.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

duration=${1:-1h}
shift || true
SMPP_TEST_REQUIRE=apache exec go test ./internal/e2e -count=1 -run '^TestFaultSoak$' -timeout 26h -v -soak "$duration" "$@"
