#!/usr/bin/env bash
# Install the programs of make peers that are missing. The tests start them with a configuration of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive
PACKAGES=(
    libgnutls-dane0 # the libraries of Exim, which follows below
    libidn12
    libnsl2
    opendkim
    openssl
    postfix
    postgrey
    runit
    s6
    sasl2-bin
    supervisor
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

# Debian installs one mail server only, so Exim is unpacked beside Postfix. It does not start without its user.
exim_folder=.data/peers/exim
if [[ ! -x $exim_folder/usr/sbin/exim4 ]]; then
    mkdir -p $exim_folder
    fetch() { (cd $exim_folder && apt-get download -q -o APT::Sandbox::User=root exim4-daemon-light); }
    fetch || { apt-get update -q && fetch; }
    dpkg-deb --extract $exim_folder/exim4-daemon-light_*.deb $exim_folder
    chmod u-s $exim_folder/usr/sbin/exim4
fi
id Debian-exim &> /dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin --user-group Debian-exim

# Wapiti has many dependencies of its own.
wapiti_folder=.data/peers/wapiti
if ! cmp -s tests/peers/wapiti.txt $wapiti_folder/installed.txt; then
    python3 -m venv --clear $wapiti_folder
    $wapiti_folder/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r tests/peers/wapiti.txt
    cp tests/peers/wapiti.txt $wapiti_folder/installed.txt
fi

# The packages of npm, outside the source tree. Without their scripts: one of them reports every installation.
npm_folder=.data/peers/npm
if ! cmp -s tests/peers/package-lock.json $npm_folder/installed-lock.json; then
    mkdir -p $npm_folder
    cp tests/peers/package{,-lock}.json $npm_folder
    npm ci --prefix $npm_folder --ignore-scripts --no-audit --no-fund --loglevel=error
    cp tests/peers/package-lock.json $npm_folder/installed-lock.json
fi
