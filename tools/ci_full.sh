#!/usr/bin/env bash
# Runs every check and proof in full length, one part after another. A part that passed on this commit is not repeated.
# Usage: tools/ci_full.sh [part ...]; without parts: all of them.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A COMMANDS=(
    [lint]="make lint"
    [test]="make test"
    [machine]="make machine"
    [fuzz]="make fuzz"
    [race]="make race"
    [race-controls]="tools/negative_control.sh race lock && tools/negative_control.sh race constraint &&
        tools/negative_control.sh race reschedule && tools/negative_control.sh race late &&
        tools/negative_control.sh race places"
    [chaos]="make chaos SEED=1 && make chaos SEED=2 && make chaos SEED=3"
    [chaos-controls]="tools/negative_control.sh chaos settle && tools/negative_control.sh chaos order &&
        tools/negative_control.sh chaos quit"
    [peers]="make peers"
    [demo]="make demo ONCE=1"
    [bench]="make bench"
)
ORDER=(lint demo test peers fuzz machine race race-controls chaos chaos-controls bench)

if [[ -n $(git status --porcelain) ]]; then
    echo "There are uncommitted changes. Commit them first: a part passes on a commit."
    exit 1
fi
results=.data/ci-full/$(git rev-parse HEAD)
mkdir -p "$results"
if (($# == 0)); then
    set -- "${ORDER[@]}"
fi
for part in "$@"; do
    if [[ -z ${COMMANDS[$part]:-} ]]; then
        echo "There is no part \"$part\". The parts: ${ORDER[*]}"
        exit 2
    fi
    if [[ -e $results/$part.passed ]]; then
        echo "$part: passed before on this commit"
        continue
    fi
    echo "$part: running; its output is in $results/$part.log"
    SECONDS=0
    if ! bash -c "${COMMANDS[$part]}" >"$results/$part.log" 2>&1; then
        tail -20 "$results/$part.log"
        echo "$part: failed after $SECONDS s"
        exit 1
    fi
    mv "$results/$part.log" "$results/$part.passed"
    echo "$part: passed in $SECONDS s; $(tail -1 "$results/$part.passed")"
done
