#!/usr/bin/env bash
# Two movers, measured: over loopback beside a local archive of the same tree in the same run; over
# two network namespaces on a link of 100 Mbit/s; and one large file that is killed ten times.
#
#   tests/bench/network.sh WORK TREE [RUNS] [GIB]
#
# WORK is a folder with room for three copies of TREE and twice GIB (8 by default); RUNS is 3.
# Needs mover (in $MOVER, or target/release/mover), rsync, GNU time; root, ip and tc for the link.
set -euo pipefail

work=${1:?usage: network.sh WORK TREE [RUNS] [GIB]}
tree=${2:?usage: network.sh WORK TREE [RUNS] [GIB]}
runs=${3:-3}
gib=${4:-8}
mover=${MOVER:-$(cd "$(dirname "$0")/../.." && pwd)/target/release/mover}
mkdir -p "$work"
work=$(cd "$work" && pwd)
tree=$(cd "$tree" && pwd)
export XDG_CACHE_HOME=$work/cache

server() { env XDG_STATE_HOME="$work/server" "$mover" "$@"; }
client() { env XDG_STATE_HOME="$work/client" "$mover" "$@"; }
size() { du -s --apparent-size -B1 "$1" | cut -f1; }

policy() { # ADDRESS
    cat >"$work/mover.toml" <<EOF
version = 1
[serve]
listen = ["$1"]
[stores.main]
path = "$work/store"
[[stores.main.allow]]
peer = "$(client identity)"
rights = ["write", "read", "delete", "keys"]
EOF
}

serve() { # PREFIX...: starts a server in the background
    XDG_STATE_HOME=$work/server "$@" "$mover" serve --policy "$work/mover.toml" >"$work/serve.log" 2>&1 &
    server_pid=$!
    for _ in $(seq 100); do
        grep -q listening "$work/serve.log" && return
        sleep 0.1
    done
    cat "$work/serve.log" >&2
    exit 1
}

unserve() {
    kill "$server_pid"
    wait "$server_pid" || true
}

port=7391
url=mover://127.0.0.1:$port/main
policy 127.0.0.1:$port
client trust add 127.0.0.1:$port "$(server identity)" >/dev/null

echo "== loopback beside local: $(size "$tree") bytes, encrypted for a recipient, all defaults"
age-keygen -o "$work/identity" 2>/dev/null || true
recipient=$(grep -o 'age1.*' "$work/identity" | head -1)
: >"$work/ratios"
for run in $(seq "$runs"); do
    declare -A took=()
    order=(local network)
    if [ $((run % 2)) = 0 ]; then order=(network local); fi
    for how in "${order[@]}"; do
        rm -rf "$work/store" "$work/client/mover/stores"
        client --identity "$work/identity" init "$work/store" --recipient "$recipient" >/dev/null
        to=$work/store
        if [ "$how" = network ]; then to=$url; serve; fi
        sync
        /usr/bin/time -f '%e %M' -o "$work/time" env XDG_STATE_HOME="$work/client" "$mover" \
            --identity "$work/identity" archive "$tree" --to "$to" --name tree >"$work/log" 2>&1
        read -r seconds kib <"$work/time"
        peak=
        if [ "$how" = network ]; then
            peak=", server's peak $(awk '/VmHWM/ {print $2}' "/proc/$server_pid/status") KiB"
            rm -rf "$work/out"
            client --identity "$work/identity" restore "$url" tree --into "$work/out" >>"$work/log"
            rsync -aHAXn --checksum --delete --itemize-changes "$tree/" "$work/out/" >"$work/differences"
            test ! -s "$work/differences" || { head "$work/differences"; exit 1; }
            unserve
        fi
        took[$how]=$seconds
        echo "run $run, $how: $seconds s, peak $kib KiB$peak"
    done
    ratio=$(awk "BEGIN { printf \"%.3f\", ${took[local]} / ${took[network]} }")
    echo "run $run: network at $ratio of local"
    echo "$ratio" >>"$work/ratios"
done
echo "median: $(sort -n "$work/ratios" | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }')"
rm -rf "$work/out" "$work/store"

echo "== $gib GiB in one file, source and destination killed ten times in turn"
mkdir -p "$work/large"
test -f "$work/large/file" || head -c "${gib}G" /dev/urandom >"$work/large/file"
client init "$work/store" --no-encryption >/dev/null
python3 - "$mover" "$work" "$port" "$gib" <<'EOF'
import json, os, random, socket, subprocess, sys, threading, time
mover, work, port, gib = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
total = gib << 30
sent = 0
lock = threading.Lock()
def pass_on(a, b, up):
    global sent
    try:
        while True:
            data = a.recv(1 << 16)
            if not data: break
            if up:
                with lock: sent += len(data)
            b.sendall(data)
    except OSError: pass
    for s in (a, b):
        try: s.shutdown(socket.SHUT_RDWR)
        except OSError: pass
listener = socket.create_server(('127.0.0.1', 0))
def accept():
    while True:
        a, _ = listener.accept()
        try: b = socket.create_connection(('127.0.0.1', port))
        except OSError:
            a.close(); continue
        for s in (a, b): s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pair in ((a, b, True), (b, a, False)): threading.Thread(target=pass_on, args=pair, daemon=True).start()
threading.Thread(target=accept, daemon=True).start()
address = '127.0.0.1:%d' % listener.getsockname()[1]
env = lambda who: dict(os.environ, XDG_STATE_HOME=work + '/' + who)
fingerprint = subprocess.check_output([mover, 'identity'], env=env('server'), text=True).strip()
subprocess.check_call([mover, 'trust', 'add', address, fingerprint], env=env('client'), stdout=subprocess.DEVNULL)
def serve():
    for _ in range(100):
        child = subprocess.Popen([mover, 'serve', '--policy', work + '/mover.toml'], env=env('server'), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if 'listening' in child.stdout.readline(): return child
        child.wait(); time.sleep(0.1)
def archive():
    return subprocess.Popen([mover, '--json', 'archive', work + '/large', '--to', 'mover://%s/main' % address, '--name', 'large'], env=env('client'), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
random.seed(1)
server, client, own = serve(), archive(), 0
marks = sorted(random.uniform(0.03, 0.97) for _ in range(10))
for number, mark in enumerate(marks):
    while sent < mark * total: time.sleep(0.01)
    if number % 2:
        server.kill(); server.wait(); server = serve()
    else:
        client.kill(); client.wait(); client = archive()
report = json.loads(client.communicate()[0].strip().split('\n')[-1])
print('killed 10 times: %d bytes sent for a file of %d: %+d, %.3f %%; mover says %d of its last process were sent again' % (sent, total, sent - total, 100 * (sent - total) / total, report['bytes_sent_again']))
subprocess.check_call([mover, 'restore', 'mover://%s/main' % address, 'large', 'file', '--stdout'], env=env('client'), stdout=subprocess.Popen(['cmp', '-', work + '/large/file'], stdin=subprocess.PIPE).stdin)
print('and it is the same')
server.terminate()
EOF
rm -rf "$work/store" "$work/large"

if [ "$(id -u)" != 0 ] || ! command -v tc >/dev/null; then
    echo "== no root or no tc: the link is not measured"
    exit 0
fi
echo "== two network namespaces, a link of 100 Mbit/s, 1 GiB of noise"
a=mover-bench-a b=mover-bench-b
cleanup() { ip netns del $a 2>/dev/null || true; ip netns del $b 2>/dev/null || true; }
trap cleanup EXIT
cleanup
ip netns add $a
ip netns add $b
ip link add veth-a netns $a type veth peer name veth-b netns $b
ip -n $a addr add 10.77.0.1/24 dev veth-a
ip -n $b addr add 10.77.0.2/24 dev veth-b
for end in "$a veth-a" "$b veth-b"; do
    set -- $end
    ip -n "$1" link set "$2" up
    ip -n "$1" link set lo up
done
mkdir -p "$work/noise"
head -c 1G /dev/urandom >"$work/noise/file"
policy 10.77.0.2:$port
client trust add 10.77.0.2:$port "$(server identity)" >/dev/null
rm -rf "$work/store" "$work/client/mover/stores" "$work/out"
client init "$work/store" --no-encryption >/dev/null
serve ip netns exec $b
XDG_STATE_HOME=$work/client ip netns exec $a "$mover" archive "$tree" --to mover://10.77.0.2:$port/main --name tree | head -1
XDG_STATE_HOME=$work/client ip netns exec $a "$mover" restore mover://10.77.0.2:$port/main tree --into "$work/out"
rsync -aHAXn --checksum --delete --itemize-changes "$tree/" "$work/out/" >"$work/differences"
test ! -s "$work/differences" || { head "$work/differences"; exit 1; }
echo "between two namespaces the tree went there and came back the same"
unserve

# What plain TCP moves over the same link: the yardstick for the rest.
plain_tcp() {
    ip netns exec $b python3 -c '
import socket
listener = socket.create_server(("10.77.0.2", 7000))
socket_, _ = listener.accept()
while socket_.recv(1 << 20): pass
socket_.send(b"x")' &
    sleep 0.5
    ip netns exec $a python3 -c '
import socket, time
s = socket.create_connection(("10.77.0.2", 7000))
begin, block = time.time(), bytes(1 << 20)
for _ in range(256): s.sendall(block)
s.shutdown(socket.SHUT_WR)
s.recv(1)
print("%.4f" % ((256 << 20) * 8 / (time.time() - begin) / 1e6))'
    wait $!
}
link() { # NAME
    local name=$1 plain seconds
    plain=$(plain_tcp)
    rm -rf "$work/store" "$work/client/mover/stores" "$work/out"
    client init "$work/store" --no-encryption >/dev/null
    serve ip netns exec $b
    seconds=$(XDG_STATE_HOME=$work/client ip netns exec $a "$mover" --json archive "$work/noise" \
        --to mover://10.77.0.2:$port/main --name noise | tail -1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["seconds"])')
    XDG_STATE_HOME=$work/client ip netns exec $a "$mover" restore mover://10.77.0.2:$port/main noise --into "$work/out" >/dev/null
    cmp "$work/noise/file" "$work/out/file"
    unserve
    awk "BEGIN { rate = 1073741824 * 8 / $seconds / 1e6; printf \"$name: %.1f s, %.2f Mbit/s of content: %.3f of 100 Mbit/s, %.3f of plain TCP ($plain)\\n\", $seconds, rate, rate / 100, rate / $plain }"
}
ip netns exec $a tc qdisc replace dev veth-a root tbf rate 100mbit burst 256kb latency 50ms
link "100 Mbit/s"
if command -v nft >/dev/null && ip netns exec $b nft -f - <<'EOF'
table inet loss {
    chain in {
        type filter hook input priority 0;
        numgen random mod 200 < 1 drop
    }
}
EOF
then
    link "100 Mbit/s, one packet of 200 lost"
else
    echo "packet loss is not measured: no nftables here"
fi
