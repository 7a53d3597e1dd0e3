#!/usr/bin/env bash
# Builds the Dockerfile with buildah, without a daemon and without a registry of images: the bases are stand-ins, made of
# Debian's packages and of this machine's npm and Node. For tests; releases are built by docker build with the real bases.
# usage: scripts/image.sh FOLDER TARGET    needs root, buildah and debootstrap; prints where the image's files are
#        scripts/image.sh FOLDER inspect TARGET    prints its configuration
#        scripts/image.sh FOLDER remove             takes everything in FOLDER away
set -euo pipefail
folder=$1 target=$2
cd "$(dirname "$0")/.."
store() { buildah --root "$folder/store" --runroot "$folder/run" "$@"; }
export BUILDAH_ISOLATION=chroot
case $target in
  inspect) exec buildah --root "$folder/store" --runroot "$folder/run" inspect --type image "localhost/$3" ;;
  remove)
    store rm --all >/dev/null || true
    store rmi --all --force >/dev/null || true
    rm -rf "$folder"
    exit
    ;;
esac
debian=$(sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile)
node=$(sed -n 's/^ARG NODE_IMAGE=//p' Dockerfile)
{
  # Debian is fetched once and kept outside the repository.
  tree=${XDG_CACHE_HOME:-$HOME/.cache}/nsmkit/debian-trixie.tar
  if [ ! -e "$tree" ]; then
    work=$(mktemp -d)
    debootstrap --variant=minbase trixie "$work" http://deb.debian.org/debian
    mkdir -p "$(dirname "$tree")"
    tar -C "$work" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -cf "$tree.new" .
    mv "$tree.new" "$tree"
    rm -rf "$work"
  fi
  mkdir -p "$folder"
  if ! store inspect --type image "$node" >/dev/null 2>&1; then
    base=$(store from scratch)
    store add "$base" "$tree" /
    store commit "$base" "$debian"
    with=$(store from "$debian")
    store copy "$with" "$(node -p process.execPath)" /usr/local/bin/node
    store copy "$with" "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" /usr/local/lib/node_modules/npm
    store run "$with" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
    for library in libatomic.so.1 libstdc++.so.6; do
      file=$(ldconfig -p | sed -n "s,.*$library .*=> ,,p" | head -1)
      store copy "$with" "$(readlink -f "$file")" "/usr/lib/$library"
    done
    # This machine's way to the registry of packages.
    certificates=/etc/ssl/certs/ca-certificates.crt
    if [ -e $certificates ]; then
      store copy "$with" $certificates $certificates
      store run "$with" -- npm config --global set cafile $certificates
    fi
    store run "$with" -- npm config --global set omit-lockfile-registry-resolved=true "registry=$(npm config get registry)"
    store commit "$with" "$node"
  fi
  store bud --pull-never --layers --format docker --target "$target" --volume "$(npm config get cache):/root/.npm" \
    --tag "localhost/$target" .
} >&2
store mount "$(store from "localhost/$target")"
