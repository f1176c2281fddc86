#!/usr/bin/env bash
# One Apache Kafka node (KRaft, controller and broker in one process) for tests and for trying things out.
# It listens on 127.0.0.1 only, has no replicas and no security, and is not for production.
#
#   kafka.sh fetch                          fetch the jars with Maven into the cache, once for all folders
#   kafka.sh jars                           print the folder that they are in
#   kafka.sh start  --dir DIR --port PORT   format DIR if it is new, start in the background, wait until it serves
#   kafka.sh run    --dir DIR --port PORT   the same in the foreground; this process becomes the JVM
#   kafka.sh stop   --dir DIR               SIGTERM, and wait for the end
#   kafka.sh kill   --dir DIR               SIGKILL: what a crash leaves stays in DIR, and start goes on from it
#   kafka.sh status --dir DIR               running or not, address and features; exit 3 when it is not running
#
# --controller-port PORT   the controller's own port (default: PORT + 1)
# --set KEY=VALUE          a broker property over the ones below; may be repeated
# --listener NAME:PROTOCOL:PORT
#                          one more listener on 127.0.0.1, such as SCRAM:SASL_PLAINTEXT:9094; may be repeated
# KAFKA_HEAP               Java's heap, default -Xmx1g
# KAFKA_JARS               the folder of the jars, default ${XDG_CACHE_HOME:-~/.cache}/smpp-connector/kafka-4.3.0
#
# Nodes with different folders and ports do not know of each other. Needs Java 17 or later; fetch needs Maven.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
jars=${KAFKA_JARS:-${XDG_CACHE_HOME:-$HOME/.cache}/smpp-connector/kafka-4.3.0}
heap=${KAFKA_HEAP:--Xmx1g}
# Any 16 bytes in base64 will do. A fixed id is safe here: a node never meets another one.
cluster_id=c21wcC1jb25uZWN0b3ItMQ
start_limit=${KAFKA_START_LIMIT:-60}
stop_limit=${KAFKA_STOP_LIMIT:-30}

die() {
	printf 'kafka.sh: %s\n' "$*" >&2
	exit 1
}

usage() {
	sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
	exit 2
}

need() {
	command -v "$1" >/dev/null || die "$1 is not on the PATH: $2"
}

# The marker is written last and the folder renamed into place whole, so that a folder with a marker is complete
# even where there is no flock and two fetches race.
fetch() {
	[[ -e $jars/.complete ]] && return
	need mvn "install Maven (Debian: apt-get install maven), or set KAFKA_JARS to a folder with Kafka's jars"
	mkdir -p "$(dirname "$jars")"
	if command -v flock >/dev/null; then
		exec 9>"$jars.lock"
		flock 9
		[[ -e $jars/.complete ]] && {
			exec 9>&-
			return
		}
	fi
	local part=$jars.part.$$
	rm -rf "$part"
	printf 'kafka.sh: fetching Apache Kafka 4.3.0 into %s\n' "$jars" >&2
	# What Central fails to serve now it mostly serves a little later. -U: Maven remembers what it did not find, and would not even ask again.
	local pause
	for pause in 5 20 ''; do
		mvn -B -U -l "$part.log" -f "$here/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
			-DincludeScope=runtime -DoutputDirectory="$part" && break
		if [[ -z $pause ]]; then
			cat "$part.log" >&2
			rm -rf "$part" "$part.log"
			die "Maven could not fetch the jars in three tries; its messages are above"
		fi
		printf 'kafka.sh: Maven could not fetch the jars, tried again in %d s: %s\n' "$pause" "$(grep -m 1 ERROR "$part.log")" >&2
		sleep "$pause"
	done
	rm -f "$part.log"
	touch "$part/.complete"
	rm -rf "$jars"
	mv "$part" "$jars" 2>/dev/null || { [[ -e $jars/.complete ]] && rm -rf "$part"; }
	exec 9>&-
}

# After a crash a node may only register again when the session of its former life has ended, hence the short
# broker.session.timeout.ms; and with nobody to hand leadership to, a controlled shutdown would only wait.
write_properties() {
	local more='' protocols='' name protocol at
	for name in ${listeners[@]+"${listeners[@]}"}; do
		IFS=: read -r name protocol at <<<"$name"
		[[ -n $name && -n $protocol && $at =~ ^[0-9]+$ ]] || die "--listener wants NAME:PROTOCOL:PORT"
		more+=",$name://127.0.0.1:$at" protocols+=",$name:$protocol"
	done
	cat >"$dir/server.properties" <<-EOT
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$controller_port
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port$more
		advertised.listeners=PLAINTEXT://127.0.0.1:$port$more
		listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT$protocols
		controller.listener.names=CONTROLLER
		inter.broker.listener.name=PLAINTEXT
		log.dirs=$dir/data
		auto.create.topics.enable=false
		num.partitions=4
		default.replication.factor=1
		min.insync.replicas=1
		offsets.topic.replication.factor=1
		offsets.topic.num.partitions=4
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		transaction.state.log.num.partitions=4
		share.coordinator.state.topic.replication.factor=1
		share.coordinator.state.topic.min.isr=1
		share.coordinator.state.topic.num.partitions=1
		group.initial.rebalance.delay.ms=0
		group.min.session.timeout.ms=1000
		log.cleaner.dedupe.buffer.size=33554432
		controlled.shutdown.enable=false
		broker.heartbeat.interval.ms=500
		broker.session.timeout.ms=3000
	EOT
	printf '%s\n' ${settings[@]+"${settings[@]}"} >>"$dir/server.properties"
}

java_command() {
	read -ra command <<<"java $heap" # KAFKA_HEAP may hold several options
	mkdir -p "$dir/tmp" # native libraries of a JVM that is killed would stay in the system's /tmp for good
	command+=(-Djava.awt.headless=true "-Djava.io.tmpdir=$dir/tmp"
		-Dlog4j2.configurationFile="$here/log4j2.properties" -cp "$jars/*")
}

# Formatting costs a JVM's start, a second or so, and its outcome is the same for every folder but for a random
# directory id, so the first one is kept beside the jars and copied. A node alone has no other directory to be mixed up with.
format() {
	[[ -e $dir/data/meta.properties ]] && return
	local formatted=$jars/formatted-$cluster_id part
	mkdir -p "$dir/data"
	if [[ ! -e $formatted/meta.properties ]]; then
		"${command[@]}" kafka.tools.StorageTool format --cluster-id "$cluster_id" --config "$dir/server.properties" \
			--feature transaction.version=2 >>"$dir/format.log" 2>&1 || {
			cat "$dir/format.log" >&2
			die "formatting $dir/data failed"
		}
		part=$(mktemp -d "$jars/formatting.XXXXXX" 2>/dev/null) || return 0 # the jars may be another user's
		cp -R "$dir/data/." "$part/"
		mv "$part" "$formatted" 2>/dev/null || rm -rf "$part"
		rm -rf "${formatted:?}/${part##*/}" # mv of a slower twin went inside
		return
	fi
	cp -R "$formatted/." "$dir/data/"
}

prepare() {
	[[ -n $dir && -n $port ]] || usage
	need java "install a Java runtime, 17 or later (Debian: apt-get install default-jre-headless)"
	mkdir -p "$dir"
	dir=$(cd "$dir" && pwd)
	controller_port=${controller_port:-$((port + 1))}
	running >/dev/null && die "a node is already running in $dir"
	fetch
	write_properties
	java_command
	format
}

# Prints the process id of the node of this folder. A process id alone proves nothing, it may have been given anew.
running() {
	local pid args
	pid=$(cat "$dir/kafka.pid" 2>/dev/null) || return 1
	[[ $pid =~ ^[0-9]+$ ]] || return 1
	if [[ -r /proc/$pid/cmdline ]]; then
		args=$(tr '\0' ' ' <"/proc/$pid/cmdline") 2>/dev/null || return 1
	else
		args=$(ps -ww -o args= -p "$pid" 2>/dev/null) || return 1
	fi
	[[ $args == *"kafka.Kafka $dir/server.properties"* ]] || return 1
	printf '%s\n' "$pid"
}

run() {
	prepare
	printf '%s\n' "$$" >"$dir/kafka.pid"
	exec "${command[@]}" kafka.Kafka "$dir/server.properties"
}

start() {
	prepare
	: >"$dir/kafka.log"
	local setsid=()
	command -v setsid >/dev/null && setsid=(setsid)
	${setsid[@]+"${setsid[@]}"} "${command[@]}" kafka.Kafka "$dir/server.properties" </dev/null >>"$dir/kafka.log" 2>&1 &
	local pid=$!
	disown
	printf '%s\n' "$pid" >"$dir/kafka.pid"
	local deadline=$((SECONDS + start_limit))
	until grep -q 'Kafka Server started' "$dir/kafka.log"; do
		if ! kill -0 "$pid" 2>/dev/null; then
			cat "$dir/kafka.log" >&2
			die "the node ended while it started; its log is above"
		fi
		if ((SECONDS >= deadline)); then
			kill -KILL "$pid"
			cat "$dir/kafka.log" >&2
			die "the node did not serve within $start_limit s; its log is above"
		fi
		sleep 0.1
	done
	printf '127.0.0.1:%s\n' "$port"
}

# Sends signal $1 and waits until the process has gone, at most $2 seconds.
end() {
	local pid deadline
	dir=$(cd "$dir" 2>/dev/null && pwd) || return 0
	pid=$(running) || return 0
	kill "-$1" "$pid" 2>/dev/null || return 0
	deadline=$((SECONDS + $2))
	while running >/dev/null; do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

status() {
	local pid address
	dir=$(cd "$dir" 2>/dev/null && pwd) || {
		printf 'not running: there is no such folder\n'
		exit 3
	}
	pid=$(running) || {
		printf 'not running\n'
		exit 3
	}
	address=$(sed -n 's/^advertised.listeners=PLAINTEXT:\/\/\([^,]*\).*/\1/p' "$dir/server.properties")
	printf 'running: process %s, %s\n' "$pid" "$address"
	java_command
	"${command[@]}" org.apache.kafka.tools.FeatureCommand --bootstrap-server "$address" describe
}

subcommand=${1:-}
shift || true
dir='' port='' controller_port='' settings=() listeners=() command=()
while (($#)); do
	(($# >= 2)) || usage
	case $1 in
	--dir) dir=$2 ;;
	--port) port=$2 ;;
	--controller-port) controller_port=$2 ;;
	--set) settings+=("$2") ;;
	--listener) listeners+=("$2") ;;
	*) usage ;;
	esac
	shift 2
done
[[ -z $port || $port =~ ^[0-9]+$ ]] || die "--port $port: a number from 1 to 65535 is needed"
case $subcommand in
fetch) fetch ;;
jars) printf '%s\n' "$jars" ;;
start) start ;;
run) run ;;
stop | kill | status)
	[[ -n $dir ]] || usage
	case $subcommand in
	stop) end TERM "$stop_limit" || die "the node in $dir did not end within $stop_limit s; 'kill' ends it at once" ;;
	kill) end KILL 10 || die "the node in $dir did not end" ;;
	status) status ;;
	esac
	;;
*) usage ;;
esac
