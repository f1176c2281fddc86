#!/usr/bin/env bash
# Renders the chart and the Kustomize folders with helm and kustomize, compares them with what testdata/rendered holds (which `go test` reads), and
# lets kubeconform check all manifests, strictly.
#
#   check.sh [--update] [CRD.yaml ...]
#
# --update writes testdata/rendered anew. A CRD.yaml adds a kind that no registry serves: Strimzi's KafkaTopic and KafkaUser
# (043-Crd-kafkatopic.yaml and 044-Crd-kafkauser.yaml of its release), which are left out without.
# The three tools are Go modules, built into the cache once. Exit 0: all is well, or what was left out is said; 1: something is wrong.
set -euo pipefail

helm=helm.sh/helm/v3/cmd/helm@v3.22.0
kustomize=sigs.k8s.io/kustomize/kustomize/v5@v5.8.1
kubeconform=github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
kubernetes=1.34.2 # its API, as the module k8s.io/kubernetes has it
keda=v2.18.0
prometheus_operator=v0.85.0

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here"
update=
if [[ ${1-} == --update ]]; then
	update=yes
	shift
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# fetched tries three times: a registry may be out of breath for a moment.
fetched() {
	local pause
	for pause in 5 20 0; do
		"$@" >"$scratch/fetch.log" 2>&1 && return
		sleep "$pause"
	done
	tail -n 3 "$scratch/fetch.log"
	return 1
}
left_out() {
	printf 'LEFT OUT: %s\n' "$*"
	exit 0
}
bin=${XDG_CACHE_HOME:-$HOME/.cache}/smpp-connector/kubernetes/$(cksum <<<"$helm $kustomize $kubeconform $(go env GOVERSION)" | tr ' ' -)
mkdir -p "$bin"
for tool in "$helm" "$kustomize" "$kubeconform"; do
	name=${tool%@*} name=${name%/v5} name=${name##*/}
	[[ -x $bin/$name ]] || (cd "$scratch" && CGO_ENABLED=0 GOBIN=$bin fetched go install -ldflags '-s -w' "$tool") || left_out "the manifests were not rendered, since $tool cannot be had"
done

render() { "$bin/helm" template "$1" "$2" --namespace messaging --kube-version "$kubernetes" "${@:3}"; }
rendered=$scratch/rendered
mkdir -p "$rendered" "$scratch/application/charts"
for values in least full; do
	"$bin/helm" lint --quiet --strict --kube-version "$kubernetes" chart -f "chart/ci/$values.yaml"
	render sms chart -f "chart/ci/$values.yaml" >"$rendered/chart-$values.yaml"
done
cp -r chart/ci/application/. "$scratch/application"
cp -r chart "$scratch/application/charts/smpp-connector"
render shop "$scratch/application" >"$rendered/chart-sidecar.yaml"
"$bin/kustomize" build kustomize/base >"$rendered/kustomize-base.yaml"
"$bin/kustomize" build kustomize/example >"$rendered/kustomize-sidecar.yaml"

# What the chart must refuse.
refused() { # what it says, then arguments
	local said
	if said=$(render sms chart -f chart/ci/least.yaml "${@:2}" 2>&1); then
		printf 'check.sh: the chart takes %s\n' "${*:2}" >&2
		exit 1
	fi
	grep -q -- "$1" <<<"$said" || {
		printf 'check.sh: of %s the chart does not say "%s" but\n%s\n' "${*:2}" "$1" "$said" >&2
		exit 1
	}
}
refused 'sessions.0: 3 replicas (deployment.replicas) with 2 binds each are 6 sessions, and the account allows 4' \
	--set deployment.replicas=3 --set config.SMSC_0_BINDS=2 --set sessions.0=4
refused 'sessions.0: 3 replicas (keda.maxReplicas) with 2 binds each' --set keda.enabled=true --set config.SMSC_0_BIND=pair --set sessions.0=5
refused 'config.KAFKA_BROKERS is missing' --set config.KAFKA_BROKERS=
refused 'existingSecret, which is not set' --set existingSecret=
refused "replicaCount" --set replicaCount=3
refused "invalid propertyName .SMSC_0_PASSWORD." --set config.SMSC_0_PASSWORD=secret

if [[ $update ]]; then
	cp "$rendered"/*.yaml testdata/rendered/
elif ! diff -ru testdata/rendered "$rendered"; then
	printf 'check.sh: testdata/rendered is not what helm and kustomize make now; check.sh --update writes it anew\n' >&2
	exit 1
fi

dir() { (cd "$scratch" && fetched go mod download "$1" && go mod download -json "$1" | sed -n 's/.*"Dir": "\(.*\)",*/\1/p'); }
api=$(dir "k8s.io/kubernetes@v$kubernetes") || left_out "kubeconform, since k8s.io/kubernetes@v$kubernetes cannot be had: $api"
scaling=$(dir "github.com/kedacore/keda/v2@$keda") || left_out "kubeconform, since KEDA's CRDs cannot be had: $scaling"
monitoring=$(dir "github.com/prometheus-operator/prometheus-operator@$prometheus_operator") || left_out "kubeconform, since the Prometheus operator's CRDs cannot be had: $monitoring"
go run ./schemas "$scratch/schemas" "$api/api/openapi-spec/swagger.json" "$scaling/config/crd/bases/keda.sh_scaledobjects.yaml" \
	"$monitoring/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml" "$@"
skip=()
if [[ ! -e $scratch/schemas/kafkatopic-kafka-v1.json ]]; then
	printf 'LEFT OUT: KafkaTopic and KafkaUser, since no registry serves their CRDs; go test compares them with the connector itself\n'
	skip=(-skip KafkaTopic,KafkaUser)
fi
conform() {
	"$bin/kubeconform" -strict -schema-location "$scratch/schemas/{{.ResourceKind}}{{.KindSuffix}}.json" "$@"
}
conform -summary "${skip[@]}" "$rendered" keda strimzi

# A check that lets everything through would say the same.
sed 's/failureThreshold/failureTreshold/' "$rendered/kustomize-base.yaml" >"$scratch/wrong.yaml"
if conform "$scratch/wrong.yaml" >"$scratch/wrong.log"; then
	printf 'check.sh: kubeconform finds nothing wrong with a field failureTreshold\n' >&2
	exit 1
fi
