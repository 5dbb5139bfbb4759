#!/usr/bin/env bash
# redis-cli and redis-benchmark against a running server: their exit codes and what they print.
# Usage: tools.sh PORT. Prints one line per check and `N passed, M failed`; exit code 1 on any failure.
set -uo pipefail

port=$1
passed=0
failed=0
cli() { timeout 60 redis-cli -p "$port" "$@"; }

# check NAME PATTERN COMMAND…: the command ends well and prints the pattern.
check() {
    local name=$1 pattern=$2 output code
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

cli FLUSHALL >/dev/null
check "redis-cli --pipe" 'errors: 0, replies: 10000' piped
check "redis-cli DBSIZE" '^10000$' cli DBSIZE
check "redis-cli --scan" '^p1234$' cli --scan --pattern 'p12*'
check "redis-cli --bigkeys" '10000 strings with 10000 bytes' cli --bigkeys
check "redis-cli --memkeys" 'Biggest string' cli --memkeys
check "redis-cli reads lines" '^"?b c"?$' by_lines
check "redis-cli -3" '^proto 3$' cli -3 HELLO 3
check "redis-cli -r" '^PONG$' cli -r 3 PING
check "redis-cli -x" '^OK$' bash -c "printf 'from stdin' | redis-cli -p $port -x SET k"
check "redis-cli --raw" '^from stdin$' cli --raw GET k
check "redis-cli --no-raw" '^"from stdin"$' cli --no-raw GET k
check "redis-cli --json" '^\{"maxmemory":"0"\}$' cli --json CONFIG GET maxmemory
check "redis-cli help from COMMAND DOCS" 'GETRANGE|getrange' cli COMMAND DOCS getrange
check "redis-cli -e" 'syntax error' bash -c "! redis-cli -p $port -e SET k v FOO"
check "redis-cli --stat" 'keys +mem +clients' bounded redis-cli -p "$port" --stat -i 1
check "redis-cli --latency-history" '.' bounded redis-cli -p "$port" --latency-history -i 1
check "redis-cli --intrinsic commands: LOLWUT" 'Redis ver' cli LOLWUT
for test in ping_inline ping_mbulk set get incr mset; do
    check "redis-benchmark $test" 'requests per second' \
        timeout 120 redis-benchmark -p "$port" -q -n 20000 -c 20 -t "$test"
done
check "redis-benchmark -P 16" 'requests per second' \
    timeout 120 redis-benchmark -p "$port" -q -n 50000 -c 20 -P 16 -t set,get,incr -r 1000 -d 100
check "redis-benchmark --threads" 'requests per second' \
    timeout 120 redis-benchmark -p "$port" -q -n 20000 -c 20 --threads 2 -t set
check "redis-benchmark -3" 'requests per second' timeout 120 redis-benchmark -p "$port" -q -n 5000 -3 -t get
echo "tools: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
