#!/usr/bin/env bash
# Builds the binary for linux/amd64 and linux/arm64 and, with cyclonedx-gomod (a Go module), its SBOM in CycloneDX's JSON.
#
#   build.sh OUT [VERSION]
#   build.sh --check        builds each in two folders of different names, and fails unless their bytes are the same
#
# The commands are those of the Dockerfile: a static binary that holds no path, no time and nothing of the machine. grpcnotrace leaves out a page of
# gRPC's own that nobody can open here, whose templates would keep 7 MB of methods that nobody calls (connector/linked_test.go).
set -euo pipefail

cyclonedx=github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

build() { # folder, architecture, file, version
	(cd "$1" && CGO_ENABLED=0 GOOS=linux GOARCH=$2 go build -tags grpcnotrace -trimpath -buildvcs=false -ldflags "-s -w -X main.releaseVersion=$4" -o "$3" ./connector)
}

if [[ ${1-} == --check ]]; then
	for folder in one another/and/deeper; do
		mkdir -p "$scratch/$folder"
		(cd "$root" && cp -r go.mod go.sum connector internal schemas "$scratch/$folder")
	done
	for arch in amd64 arm64; do
		build "$scratch/one" $arch "$scratch/$arch.one" 0.0.0
		build "$scratch/another/and/deeper" $arch "$scratch/$arch.another" 0.0.0
		cmp "$scratch/$arch.one" "$scratch/$arch.another"
		printf '%s: built twice, %s\n' "$arch" "$(sha256sum <"$scratch/$arch.one" | cut -d' ' -f1)"
	done
	exit 0
fi
out=${1:?usage: build.sh OUT [VERSION]} version=${2:-dev}
mkdir -p "$out"
out=$(cd "$out" && pwd)
for arch in amd64 arm64; do build "$root" $arch "$out/smpp-connector-linux-$arch" "$version"; done
(cd "$scratch" && GOBIN=$scratch/bin go install "$cyclonedx")
(cd "$root" && "$scratch/bin/cyclonedx-gomod" app -json -licenses -packages=false -main connector -output "$out/smpp-connector.cdx.json" .)
(cd "$out" && sha256sum smpp-connector* >SHA256SUMS)
