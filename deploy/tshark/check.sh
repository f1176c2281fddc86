#!/usr/bin/env bash
# Lets tshark's SMPP dissector read a capture and fails on anything it does not like.
#
#   check.sh FILE.pcap PORT
#
# PORT is the SMSC's TCP port. Prints how many PDUs of each command it saw. Exit 0: there were PDUs, and nothing was wrong; 1: a malformed
# PDU, an error or a warning of the dissectors, or no PDU at all; 2: wrong use, or there is no tshark (Debian: apt-get install tshark).
set -euo pipefail

[[ $# == 2 && -r $1 && $2 =~ ^[0-9]+$ ]] || {
	printf 'usage: check.sh FILE.pcap PORT, FILE.pcap readable and PORT a number\n' >&2
	exit 2
}
command -v tshark >/dev/null || {
	printf 'check.sh: tshark is not on the PATH (Debian: apt-get install tshark)\n' >&2
	exit 2
}

# Checksums are checked too: a capture that the stack below would have thrown away proves nothing.
read_capture() {
	tshark -r "$file" -n -d "tcp.port==$port,smpp" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE "$@" 2>"$errors"
}

file=$1 port=$2
errors=$(mktemp)
trap 'rm -f "$errors"' EXIT

# Warnings count as well (PI_WARN is 0x00600000). So does any byte of a stream's data that did not become a PDU.
wrong="_ws.malformed || _ws.short || _ws.expert.severity >= 0x00600000 || (tcp.len > 0 && !smpp && !tcp.reassembled_in)"
found=$(read_capture -Y "$wrong" -V) || {
	cat "$errors" >&2
	exit 1
}
if [[ -n $found ]]; then
	printf 'check.sh: tshark finds fault with these packets of %s:\n%s\n' "$file" "$found" >&2
	exit 1
fi

# One line a packet, of the commands of all PDUs in it.
commands=$(read_capture -Y smpp -T fields -e smpp.command_id -E occurrence=a -E aggregator=' ') || {
	cat "$errors" >&2
	exit 1
}
if [[ -z $commands ]]; then
	printf 'check.sh: %s holds no SMPP PDU on port %s\n' "$file" "$port" >&2
	exit 1
fi
tr ' ' '\n' <<<"$commands" | sort | uniq -c
