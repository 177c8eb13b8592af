#!/usr/bin/env bash
# Install the programs of make peers that are missing. The tests start them with a configuration of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
PACKAGES=(
    postfix
)

missing=()
for package in "${PACKAGES[@]}"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null | grep -qx installed || missing+=("$package")
done
command -v npm > /dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    install() { apt-get install -y -q --no-install-recommends "${missing[@]}"; }
    install || { apt-get update -q && install; }
fi

# The packages of npm, outside the source tree. Without their scripts: one of them reports every installation.
npm_folder=.data/peers/npm
if ! cmp -s tests/peers/package-lock.json $npm_folder/installed-lock.json; then
    mkdir -p $npm_folder
    cp tests/peers/package{,-lock}.json $npm_folder
    npm ci --prefix $npm_folder --ignore-scripts --no-audit --no-fund --loglevel=error
    cp tests/peers/package-lock.json $npm_folder/installed-lock.json
fi
