#!/usr/bin/env bash
# Check the OpenAPI schema with the recommended rules of redocly and spectral, which are installed from npm when needed.
set -euo pipefail
cd "$(dirname "$0")/.."
export DEBIAN_FRONTEND=noninteractive REDOCLY_TELEMETRY=off

if ! command -v npm > /dev/null; then
    if ((EUID)) || ! command -v apt-get > /dev/null; then
        echo "The schema linters need Node.js 20 or newer, with npm. Install it, then run make lint again." >&2
        exit 1
    fi
    install() { apt-get install -y -q --no-install-recommends nodejs npm; }
    install || { apt-get update -q && install; }
fi

source_folder=tools/schema_linters folder=.data/schema_linters
if ! cmp -s $source_folder/package-lock.json $folder/installed-lock.json; then
    mkdir -p $folder
    cp $source_folder/package{,-lock}.json $folder
    npm ci --prefix $folder --ignore-scripts --no-audit --no-fund --loglevel=error
    cp $source_folder/package-lock.json $folder/installed-lock.json
fi

DEBUG=1 .venv/bin/python manage.py spectacular --validate --fail-on-warn --file $folder/schema.yaml
$folder/node_modules/.bin/redocly lint --config $source_folder/redocly.yaml --max-problems=1000 $folder/schema.yaml
$folder/node_modules/.bin/spectral lint --fail-severity=hint --ruleset $source_folder/spectral.yaml $folder/schema.yaml
