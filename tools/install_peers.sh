#!/usr/bin/env bash
# Install the programs of make peers that are missing. The tests start them with a configuration of their own.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
command -v /usr/sbin/postfix > /dev/null && exit
install() { apt-get install -y -q --no-install-recommends postfix; }
install || { apt-get update -q && install; }
