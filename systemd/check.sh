#!/usr/bin/env bash
# Verifies the unit as installed: `check.sh BUILD_DIRECTORY`. The unit names programs by absolute paths, so it is
# checked with those replaced by the build's own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=$(cd "$1" && pwd)
maximum=20 # tenths of the exposure score

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed "s|^ExecStart=[^ ]*|ExecStart=$build/daemon/server/modeld|" "$build/systemd/modeld.service" |
  grep -v '^Documentation=man:' >"$work/modeld.service"

output=$(systemd-analyze verify "$work/modeld.service" 2>&1) || { echo "$output"; exit 1; }
if grep -q 'modeld.service' <<<"$output"; then
  echo "$output"
  exit 1
fi
systemd-analyze security --offline=true --threshold="$maximum" "$work/modeld.service" >"$work/security" || {
  cat "$work/security"
  exit 1
}
grep 'Overall exposure' "$work/security"

# Users, groups and directories are made in a root of their own. Giving them away needs root.
if [ "$(id -u)" -eq 0 ]; then
  mkdir -p "$work/root/etc"
  systemd-sysusers --root="$work/root" "$PWD/systemd/modeld.sysusers.conf"
  systemd-tmpfiles --create --root="$work/root" "$PWD/systemd/modeld.tmpfiles.conf"
  [ "$(stat -c %a "$work/root/srv/modeld/models")" = 2775 ]
  grep -q '^modeld-deploy:' "$work/root/etc/group"
fi
