#!/usr/bin/env bash
# Runs a proof in its short form without one of its guards: it must finish, and report what the guard prevents.
# Usage: tools/negative_control.sh race lock
set -euo pipefail
proof=$1 guard=$2
echo "Negative control: make $proof without its guard \"$guard\" must fail ..."
if result=$(make "$proof" SHORT=1 WITHOUT="$guard" 2>/dev/null | tail -1) || [[ $result != "$proof":* ]]; then
    echo "make $proof WITHOUT=$guard must finish and fail, but reported: $result"
    exit 1
fi
echo "$result"
