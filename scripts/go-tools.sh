#!/usr/bin/env bash
# Builds the tools that check deploy/ from their Go modules and prints the folder that has them.
# usage: scripts/go-tools.sh [--folder]    --folder: only say where they would be; nothing is built twice
set -euo pipefail
helm=v4.3.1              # helm.sh/helm/v4
operator_verify=v0.44.0  # github.com/operator-framework/api, the rules of OLM's bundles
buildkit=v0.34.1         # github.com/moby/buildkit, docker build's own lint
here=$(cd "$(dirname "$0")" && pwd)
lint=$(sha256sum "$here/go-tools/dockerfile-lint.go" | cut -c1-8)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/nsmkit/tools-helm-$helm-operator-verify-$operator_verify-buildkit-$buildkit-$lint
if [ "${1:-}" = --folder ]; then echo "$folder"; exit; fi

go=$(command -v go || echo /usr/local/go/bin/go)

# build NAME MODULE@VERSION PACKAGE: "." is the Go file of that name beside this script
build() {
  [ ! -x "$folder/$1" ] || return 0
  [ -x "$go" ] || { echo "$1 is built with Go, which is not here; install Go 1.26" >&2; return 1; }
  local work
  work=$(mktemp -d)
  (
    cd "$work"
    "$go" mod init build
    if [ "$3" = . ]; then cp "$here/go-tools/$1.go" main.go; fi
    "$go" mod edit -require "$2"
    if [ "$3" = . ]; then "$go" mod tidy; else "$go" get "$3@${2#*@}"; fi
    mkdir -p "$folder"
    "$go" build -trimpath -ldflags "-s -w" -o "$folder/$1.new" "$3"
    mv "$folder/$1.new" "$folder/$1"
  ) >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; rm -rf "$work"; return 1; }
  rm -rf "$work"
}
# One that cannot be built keeps nobody from the others.
status=0
build helm "helm.sh/helm/v4@$helm" helm.sh/helm/v4/cmd/helm || status=1
build operator-verify "github.com/operator-framework/api@$operator_verify" github.com/operator-framework/api/cmd/operator-verify || status=1
build dockerfile-lint "github.com/moby/buildkit@$buildkit" . || status=1
# The definition of bundles' main document, for a real API server to hold it against.
crd=operators.coreos.com_clusterserviceversions.yaml
if [ -x "$go" ] && [ ! -e "$folder/$crd" ]; then
  module=$(cd / && "$go" mod download -json "github.com/operator-framework/api@$operator_verify" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
  cp "$module/crds/$crd" "$folder/$crd" && chmod u+w "$folder/$crd" || status=1
fi
echo "$folder"
exit $status
