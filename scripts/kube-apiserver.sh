#!/usr/bin/env bash
# Builds kube-apiserver from its Go module into a folder and prints the folder, for KUBEBUILDER_ASSETS.
# usage: scripts/kube-apiserver.sh [FOLDER]    default: ~/.cache/nsmkit/kubebuilder-<version>; nothing is built twice
set -euo pipefail
version=36.3 # of Kubernetes 1.x; its staging modules are numbered 0.x
folder=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/nsmkit/kubebuilder-1.$version}
if [ ! -x "$folder/kube-apiserver" ]; then
  go=$(command -v go || echo /usr/local/go/bin/go)
  [ -x "$go" ] || { echo "kube-apiserver is built with Go, which is not here; install Go 1.26 or set KUBEBUILDER_ASSETS" >&2; exit 1; }
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  "$go" mod init build >/dev/null 2>&1
  "$go" mod edit -require "k8s.io/kubernetes@v1.$version"
  mod=$("$go" mod download -json "k8s.io/kubernetes@v1.$version" | sed -n 's/.*"GoMod": "\(.*\)".*/\1/p')
  # Its own go.mod asks for the staging modules as v0.0.0: a build from outside has to say which.
  sed -n 's,^[[:space:]]*\(k8s\.io/[a-z0-9.-]*\) v0\.0\.0$,\1,p' "$mod" | sort -u | while read -r module; do
    "$go" mod edit -replace "$module=$module@v0.$version"
  done
  printf 'package main\n\nimport _ "k8s.io/kubernetes/cmd/kube-apiserver/app"\n\nfunc main() {}\n' >main.go
  "$go" mod tidy -e >/dev/null 2>&1
  mkdir -p "$folder"
  "$go" build -mod=mod -trimpath -o "$folder/kube-apiserver.new" \
    -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v1.$version -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36" \
    k8s.io/kubernetes/cmd/kube-apiserver
  mv "$folder/kube-apiserver.new" "$folder/kube-apiserver"
fi
if [ ! -e "$folder/etcd" ] && etcd=$(command -v etcd); then ln -s "$etcd" "$folder/etcd"; fi
echo "$folder"
