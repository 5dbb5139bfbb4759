#!/usr/bin/env bash
# redis-cli and redis-benchmark against a running server: their exit codes and what they print.
# Usage: tools.sh PORT [CERTIFICATES]. With a folder of certificates the port is one of TLS. Prints one line per check and
# `N passed, M failed`; exit code 1 on any failure.
set -uo pipefail

port=$1
certificates=${2:-}
passed=0
failed=0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

server=(-p "$port")
transport=
if [ -n "$certificates" ]; then
    server+=(--tls --cacert "$certificates/ca.crt" --cert "$certificates/client.crt" --key "$certificates/client.key")
    transport="TLS "
fi
cli() { timeout 60 redis-cli "${server[@]}" "$@"; }
benchmark() { timeout 120 redis-benchmark "${server[@]}" -q "$@"; }

# check NAME PATTERN COMMAND…: the command ends well and prints the pattern.
check() {
    local name=$transport$1 pattern=$2 output code
    shift 2
    output=$("$@" 2>&1)
    code=$?
    if [ "$code" -eq 0 ] && grep -qE -- "$pattern" <<<"$output"; then
        passed=$((passed + 1))
        echo "$name ... ok"
    else
        failed=$((failed + 1))
        printf '%s ... FAILED (exit code %s)\n%s\n' "$name" "$code" "$output"
    fi
}

# Some modes of redis-cli run until they are stopped: they are, after a while, and must have printed by then.
bounded() {
    timeout --signal=INT 3 stdbuf -oL "$@"
    local code=$?
    [ "$code" -eq 124 ] || [ "$code" -eq 130 ] || [ "$code" -eq 0 ]
}
piped() { for n in {1..10000}; do printf '*3\r\n$3\r\nSET\r\n$%d\r\np%s\r\n$1\r\nv\r\n' $((${#n} + 1)) "$n"; done | cli --pipe; }
by_lines() { printf 'SET a "b c"\nGET a\nHELLO 3\nGET nothing\n' | cli; }
from_stdin() { printf 'from stdin' | cli -x SET k; }
refused() { ! cli -e SET k v FOO; }
# A whole snapshot by way of replication, which redis-check-rdb reads to its end.
rdb() { cli --rdb "$folder/snapshot.rdb" && redis-check-rdb "$folder/snapshot.rdb"; }
# Whom the server's authority does not vouch for, or who shows nothing, is told nothing.
turned_away() { ! timeout 60 redis-cli -p "$port" --tls --cacert "$certificates/ca.crt" "$@" PING; }

cli FLUSHALL >/dev/null
check "redis-cli --pipe" 'errors: 0, replies: 10000' piped
check "redis-cli DBSIZE" '^10000$' cli DBSIZE
check "redis-cli --scan" '^p1234$' cli --scan --pattern 'p12*'
check "redis-cli --rdb" 'RDB looks OK' rdb
check "redis-cli --bigkeys" '10000 strings with 10000 bytes' cli --bigkeys
check "redis-cli --memkeys" 'Biggest string' cli --memkeys
check "redis-cli reads lines" '^"?b c"?$' by_lines
check "redis-cli -3" '^proto 3$' cli -3 HELLO 3
check "redis-cli -r" '^PONG$' cli -r 3 PING
check "redis-cli -x" '^OK$' from_stdin
check "redis-cli --raw" '^from stdin$' cli --raw GET k
check "redis-cli --no-raw" '^"from stdin"$' cli --no-raw GET k
check "redis-cli --json" '^\{"maxmemory":"0"\}$' cli --json CONFIG GET maxmemory
check "redis-cli help from COMMAND DOCS" 'GETRANGE|getrange' cli COMMAND DOCS getrange
check "redis-cli -e" 'syntax error' refused
check "redis-cli --stat" 'keys +mem +clients' bounded redis-cli "${server[@]}" --stat -i 1
check "redis-cli --latency-history" '.' bounded redis-cli "${server[@]}" --latency-history -i 1
check "redis-cli --intrinsic commands: LOLWUT" 'Redis ver' cli LOLWUT
if [ -n "$certificates" ]; then
    check "redis-cli without a certificate" 'closed the connection|reset by peer|Broken pipe|alert' turned_away
    check "redis-cli with a stranger's certificate" 'closed the connection|reset by peer|Broken pipe|alert' \
        turned_away --cert "$certificates/stranger.crt" --key "$certificates/stranger.key"
fi
for test in ping_inline ping_mbulk set get incr mset; do
    check "redis-benchmark $test" 'requests per second' benchmark -n 20000 -c 20 -t "$test"
done
check "redis-benchmark -P 16" 'requests per second' benchmark -n 50000 -c 20 -P 16 -t set,get,incr -r 1000 -d 100
check "redis-benchmark --threads" 'requests per second' benchmark -n 20000 -c 20 --threads 2 -t set
check "redis-benchmark -3" 'requests per second' benchmark -n 5000 -3 -t get
echo "${transport}tools: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
