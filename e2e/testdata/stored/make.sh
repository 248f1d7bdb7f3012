#!/usr/bin/env bash
# Makes the stored data of this folder anew: what the program of commit 5c0f326 leaves behind when it is killed in the middle of
# everything, on SQLite and on PostgreSQL. What it has to hold stands in e2e/storedmake_test.go, what must become of it in
# e2e/stored_test.go. Needs git, Go and PostgreSQL's programs. Random choices are seeded; ids and times are those of the run.
set -euo pipefail
cd "$(dirname "$0")/../../.."
tree=$(mktemp -d)
trap 'git worktree remove --force "$tree/source"; rm -rf "$tree"' EXIT
git worktree add --detach "$tree/source" 5c0f326
(cd "$tree/source" && go build -o "$tree/lockstep" ./cmd/lockstep)
go test ./e2e -count=1 -timeout 5m -run '^TestMakeStored$' -v -stored-with "$tree/lockstep"
