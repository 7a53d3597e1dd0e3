# The one image of nsmkit: every program under its name in PATH. Which of them runs is the manifest's command.
#   docker build -t ghcr.io/nsmkit/nsmkit:v0.1.0 .
#   docker build -t ghcr.io/nsmkit/nsm-agent-linux:v0.1.0 --target nsm-agent-linux .
# A release pins the bases by digest: --build-arg BASE_IMAGE=docker.io/library/debian:13-slim@sha256:...
ARG NODE_IMAGE=docker.io/library/node:26.10.0-slim
ARG BASE_IMAGE=docker.io/library/debian:13-slim

# Native packages, Node among them, of the machine that the image is for: the versions and hashes of package-lock.json.
FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS native
ARG TARGETARCH
WORKDIR /native
COPY . .
RUN case "$TARGETARCH" in amd64) cpu=x64 ;; *) cpu="$TARGETARCH" ;; esac \
  && npm ci --omit=dev --ignore-scripts --os=linux --cpu="$cpu" --no-audit --no-fund

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS bundle
ARG TARGETARCH
WORKDIR /src
COPY . .
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY --from=native /native/node_modules /native
RUN node_modules/.bin/node scripts/bundle.ts /nsmkit --with-node --modules /native --arch "$TARGETARCH"

FROM ${BASE_IMAGE} AS programs
# For agents and forwarders: rules (iptables), and a look at what was made (ip). Node needs libatomic and libstdc++.
RUN apt-get update \
  && apt-get install -y --no-install-recommends iproute2 iptables libatomic1 libstdc++6 \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log
COPY --from=bundle /nsmkit /nsmkit
ENV PATH=/nsmkit/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
WORKDIR /
ARG VERSION=v0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="nsmkit" \
  org.opencontainers.image.description="Network Service Mesh: operator, mesh programs and CNF agents" \
  org.opencontainers.image.source="https://github.com/nsmkit/nsmkit" \
  org.opencontainers.image.documentation="https://github.com/nsmkit/nsmkit/blob/main/docs/operator/install.md" \
  org.opencontainers.image.vendor="nsmkit" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"

# Takes the place of the image of that name in existing Pods: started without a command, with the capabilities they add.
FROM programs AS nsm-agent-linux
USER 0:0
CMD ["nsm-agent-linux"]

# Managers and forwarders need root, and their manifests ask for it.
FROM programs AS nsmkit
USER 10001:10001
CMD ["nsmctl", "--help"]
