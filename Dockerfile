# syntax=docker/dockerfile:1

# The builder runs on its own platform and compiles for the image's, which Go does by itself: no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
WORKDIR /src

# The modules are a layer of their own, which stays as long as go.mod and go.sum do.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    go mod download

# All that the image will hold is put together below /image: the binary, the certificates of public authorities for
# TLS to brokers and SMSCs, and a /tmp that any user may write to, for the state when STATE_DIR is not set.
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -tags grpcnotrace -trimpath -buildvcs=false \
      -ldflags "-s -w -X main.releaseVersion=$VERSION" -o /image/smpp-connector ./connector \
 && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt \
 && install -d -m 1777 /image/tmp

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="smpp-connector" \
      org.opencontainers.image.description="Sends Kafka records as SMS over SMPP, and brings results, receipts and replies back as records" \
      org.opencontainers.image.source="https://github.com/smpp-connector/smpp-connector" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /image/ /

# A number, so that Kubernetes can see that it is not root (runAsNonRoot); any other number works as well.
USER 65532:65532

# HTTP_ADDRESS: /health, /ready, /metrics, /ui. Probes belong to whoever runs the container, so there is no HEALTHCHECK.
EXPOSE 8083
ENTRYPOINT ["/smpp-connector"]
