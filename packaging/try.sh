#!/usr/bin/env bash
# Runs a binary under the restrictions of the systemd unit and the container, as far as a shell can set them: every file read-only but
# a state directory, no capability, no new privileges, a user that nobody else is, a /proc that shows its own processes and nothing
# else, umask 077. Starts a controller and a storage service, waits for /readyz, creates a topic, sends SIGHUP, starts both
# once more and stops them with SIGTERM; then the same controller with certificates, which SIGHUP replaces.
#
#   packaging/try.sh target/release/quorate
#
# Ends with 0, or 1 and the first thing that was not as it has to be. Where the kernel makes no namespaces, or a tool is not there, it says so and ends with 0.
set -euo pipefail

readonly FIRST_ID=50000 IDS=10000
readonly TRIES=150 # of 0.2 s

fail() {
  echo "FAILED: $*" >&2
  for log in "${state:-/nonexistent}"/*.log; do
    [ -f "$log" ] && { echo "--- ${log##*/}" >&2; tail -n 20 "$log" >&2; }
  done
  exit 1
}

step() { echo "ok: $*"; }

# Outside: a directory, then namespaces for mounts and processes; without root in a user namespace.
outside() {
  [ $# = 1 ] || { echo "usage: packaging/try.sh BINARY" >&2; exit 2; }
  local binary state user=() no
  binary=$(realpath -e -- "$1") || fail "$1 is not there"
  [ -x "$binary" ] || fail "$binary cannot be run"
  for no in unshare setpriv ip; do
    if ! PATH=$PATH:/usr/sbin:/sbin command -v "$no" >/dev/null; then
      echo "skipped: there is no $no here"
      exit 0
    fi
  done
  [ "$(id -u)" = 0 ] || user=(--user --map-root-user)
  if ! no=$(unshare "${user[@]}" --mount --pid --net --fork --mount-proc true 2>&1); then
    echo "skipped: no namespaces can be made here: $no"
    exit 0
  fi
  state=$(mktemp -d)
  # shellcheck disable=SC2064 # now, not then
  trap "chmod -R u+w -- '$state'; rm -rf -- '$state'" EXIT
  cp -- "$binary" "$state/quorate"
  chmod 755 "$state" "$state/quorate"
  unshare "${user[@]}" --mount --pid --net --fork --mount-proc --kill-child "$0" --inside "$state"
}

# Mounts a /proc without other processes and without the kernel's files, then makes every mount read-only but the state directory.
close_files() {
  mount --make-rprivate /
  mount --bind "$state" "$state"
  if ! mount -t proc -o nosuid,nodev,noexec,hidepid=invisible,subset=pid proc /proc 2>/dev/null; then
    echo "note: /proc stays whole here"
  fi
  local target
  while read -r _ _ _ _ target _; do
    target=$(printf '%b' "$target")
    [ "$target" = "$state" ] || mount -o remount,bind,ro "$target" 2>/dev/null || true
  done </proc/self/mountinfo
  for target in / /tmp /var/tmp /run /dev/shm; do
    if [ -d "$target" ] && touch "$target/quorate-try" 2>/dev/null; then
      rm -f "$target/quorate-try"
      fail "$target can be written: the trial would prove nothing"
    fi
  done
}

# The words before those of the binary, so that it has no right at all. Root becomes a user that nobody is; who came by a user
# namespace has no other one.
without_rights() {
  local who=()
  [ "$uid" = 0 ] || who=(--reuid "$uid" --regid "$uid" --clear-groups)
  bare=(setpriv "${who[@]}" --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all
    env -i PATH=/nonexistent "$state/quorate")
}

started() { # NAME, then arguments; the process is in $pid
  local name=$1
  shift
  (umask 077; exec "${bare[@]}" "$@" </dev/null >>"$state/$name.log" 2>&1) &
  pid=$!
}

# The status of a path of the controller; 000 where nobody answers.
status_of() {
  local line=
  if exec 3<>"/dev/tcp/127.0.0.1/9091"; then
    printf 'GET %s HTTP/1.1\r\nHost: 127.0.0.1:9091\r\nConnection: close\r\n\r\n' "$1" >&3
    read -r -t 5 line <&3 || true
    exec 3>&- 3<&-
  fi 2>/dev/null
  line=${line#* }
  echo "${line%% *}"
}

until_ready() {
  for _ in $(seq "$TRIES"); do
    [ "$(status_of /readyz)" = 200 ] && return 0
    kill -0 "$1" 2>/dev/null || fail "the controller ended before it was ready"
    sleep 0.2
  done
  fail "/readyz did not answer 200 in time"
}

until_listening() {
  for _ in $(seq "$TRIES"); do
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    sleep 0.2
  done
  fail "nobody listens on port $1"
}

# Until a verb ends with 0: what, then the verb.
until_done() {
  local what=$1 said='' code
  shift
  for _ in $(seq "$TRIES"); do
    code=0
    said=$("${bare[@]}" "$@" 2>&1) || code=$?
    case $code in
      0) return 0 ;;
      2) break ;;
    esac
    sleep 0.2
  done
  fail "$what: $said"
}

ended() { # PID NAME: asks it to stop, and waits
  local code=0
  kill -TERM "$1" || fail "the $2 does not run any more"
  wait "$1" || code=$?
  [ "$code" = 0 ] || fail "the $2 ended with $code after SIGTERM"
}

# What the kernel says of a process.
has_no_right() {
  local line
  for line in "CapEff: 0000000000000000" "CapPrm: 0000000000000000" "CapBnd: 0000000000000000" "NoNewPrivs: 1"; do
    tr '\t' ' ' <"/proc/$1/status" | grep -qx "$line" || fail "/proc/$1/status does not say $line"
  done
}

inside() {
  local count
  state=$1
  uid=0
  read -r _ _ count </proc/self/uid_map
  [ "$count" = 1 ] || uid=$((FIRST_ID + RANDOM % IDS))
  # Loopback of an own network: no port is in anybody's way. Without a tool that sets it up, that is a reason to stop.
  PATH=$PATH:/usr/sbin:/sbin ip link set lo up || fail "loopback cannot be set up: ip (iproute2) is needed"
  chown "$uid:$uid" "$state"
  close_files
  without_rights
  cd /
  local controller storage pid code=0

  for round in first second; do
    started controller serve --data-dir "$state/data"
    controller=$pid
    until_ready "$controller"
    has_no_right "$controller"
    started storage storage --id 101 --controllers http://127.0.0.1:9091 --listen 127.0.0.1:9101 --data-dir "$state/storage"
    storage=$pid
    until_listening 9101
    if [ "$round" = first ]; then
      step "the controller is ready, as user $uid without rights"
      until_done "no topic can be created" topics create orders --partitions 3 --replication-factor 1
      step "a topic is created"
    else
      until_done "the topic is gone" topics get orders
      step "started again: the topic is there"
    fi
    kill -HUP "$controller" "$storage"
    sleep 0.5
    kill -0 "$controller" 2>/dev/null || fail "SIGHUP ended the controller"
    kill -0 "$storage" 2>/dev/null || fail "SIGHUP ended the storage service"
    until_ready "$controller"
    ended "$storage" "storage service"
    ended "$controller" controller
  done
  step "SIGHUP ends nobody, SIGTERM both, with 0"

  local open
  open=$(find "$state/data" "$state/storage" -perm /077 ! -type l | head -n 1)
  [ -z "$open" ] || fail "others can read $open"
  step "no file that they made is open to others"

  "${bare[@]}" serve --data-dir "$state/data" --listen 192.0.2.1:9091 2>>"$state/refused.log" || code=$?
  [ "$code" = 2 ] || fail "an address that cannot be used ended with $code, not with 2"
  step "what cannot be used ends with 2"

  with_certificates
}

# Certificates as a credential has them: mode 0400, in a directory that the process only reads.
with_certificates() {
  local kept controller pid code
  kept="$state/certificates"
  (umask 077; "$state/quorate" cert ca --dir "$state/ca" && certificate) >"$state/cert.log" 2>&1 || fail "no certificates can be made"
  started secured serve --data-dir "$state/secured" --tls-dir "$kept"
  controller=$pid
  for _ in $(seq "$TRIES"); do
    code=0
    "${bare[@]}" quorum --server https://127.0.0.1:9091 --ca "$kept/ca.crt" >>"$state/asked.log" 2>&1 || code=$?
    [ "$code" = 3 ] || break
    sleep 0.2
  done
  # 4: it answers, and wants to know who asks.
  [ "$code" = 0 ] || [ "$code" = 4 ] || fail "asked over TLS, it is not reachable or does not answer ($code)"
  certificate >>"$state/cert.log" 2>&1 || fail "no other certificates can be made"
  kill -HUP "$controller"
  for _ in $(seq "$TRIES"); do
    grep -q 'other certificates are in use' "$state/secured.log" && break
    sleep 0.2
  done
  grep -q 'other certificates are in use' "$state/secured.log" || fail "SIGHUP brought no other certificates"
  ended "$controller" "controller with certificates"
  step "over TLS, with other certificates after SIGHUP"
}

# Makes a certificate anew and puts it where the process reads it.
certificate() {
  rm -rf "$state/new"
  "$state/quorate" cert controller --id 1 --host 127.0.0.1 --ca "$state/ca" --dir "$state/new"
  install -d -m 0500 -o "$uid" -g "$uid" "$kept"
  install -m 0400 -o "$uid" -g "$uid" "$state"/new/* "$kept/"
}

case ${1:-} in
  --inside) inside "$2" ;;
  *) outside "$@" ;;
esac
