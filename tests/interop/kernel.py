#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
estab against the kernel's TCP over a TUN device, in a network namespace of its own: large
transfers by digest, both families, packet sizes from 576 to 9000, many connections at once,
resets, silence, keepalive, and captures read by tshark and by estab trace. Uses the helpers of tests/cli/live.py.

    tests/interop/kernel.py build/estab [WORD]...

One line per case; exit status 0, 1 when one failed, 77 when nothing could be tried.
"""
import hashlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cli"))
import live  # noqa: E402
from live import HERE, HERE6, THERE, connect, estab, exchange, expect, read_all, reset, run, serve

live.CHECKS.clear()
check = live.check
THERE6 = "fd00:9::2"
LARGE = os.urandom(1 << 20) * 64  # 64 MB
MEDIUM = LARGE[: 2 << 20]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def want(got, sent):
    expect(digest(got) == digest(sent), "digest of", len(got), "octets, not of", len(sent))


def up_and_down(host, here):
    """64 MB from estab, then 64 MB to it, over one connection with a half close between."""

    def talk(c):
        c.sendall(digest(read_all(c)).encode())
        c.sendall(LARGE)

    out, _ = run("nc", host, serve(talk, here), data=LARGE)
    expect(out[:64].decode() == digest(LARGE), "the kernel got something else")
    want(out[64:], LARGE)


@check
def sixty_four_megabytes_each_way_ipv4():
    up_and_down(HERE, "0.0.0.0")


@check
def sixty_four_megabytes_each_way_ipv6():
    up_and_down(HERE6, "::")


def listening(host):
    p = estab("nc", "-l", "7000")
    got = []
    peer = threading.Thread(target=lambda: got.append(exchange(7000, LARGE, host)))
    peer.start()
    out, err = p.communicate(LARGE, timeout=120)
    peer.join()
    expect(p.returncode == 0, err)
    want(out, LARGE)
    want(got[0], LARGE)


@check
def kernel_connects_sixty_four_megabytes_each_way_ipv4():
    listening(THERE)


@check
def kernel_connects_sixty_four_megabytes_each_way_ipv6():
    listening(THERE6)


@check
def half_close_by_the_kernel():
    """The kernel's FIN comes first; estab goes on sending."""
    p = estab("nc", "-l", "7000", stdin=subprocess.PIPE)
    c = connect(7000)
    c.shutdown(socket.SHUT_WR)
    time.sleep(0.3)
    writer = threading.Thread(target=lambda: (p.stdin.write(MEDIUM), p.stdin.close()))
    writer.start()
    want(read_all(c), MEDIUM)
    writer.join()
    expect(p.wait(20) == 0, p.returncode)
    c.close()


@check
def half_close_by_estab():
    """estab's FIN comes first; the kernel goes on sending."""

    def talk(c):
        read_all(c)
        time.sleep(0.3)
        c.sendall(MEDIUM)

    out, _ = run("nc", HERE, serve(talk), data=b"done")
    want(out, MEDIUM)


@check
def packet_sizes_from_576_to_9000():
    for mtu in (576, 1280, 1500, 9000):
        out, _ = run("nc", "--mtu", str(mtu), HERE, serve(live.echo), data=MEDIUM)
        want(out, MEDIUM)
        if mtu >= 1280:
            out, _ = run("nc", "--mtu", str(mtu), HERE6, serve(live.echo, "::"), data=MEDIUM)
            want(out, MEDIUM)


@check
def two_hundred_connections_at_once():
    os.makedirs("many", exist_ok=True)
    with open("many/file", "wb") as f:
        f.write(MEDIUM[:50000])
    p = estab("http", "-q", "-p", "7001", "many")
    got = []
    try:
        connect(7001).close()

        def fetch():
            c = connect(7001)
            c.sendall(b"GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            got.append(read_all(c).split(b"\r\n\r\n", 1)[1] == MEDIUM[:50000])
            c.close()

        threads = [threading.Thread(target=fetch) for _ in range(200)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        expect(got.count(True) == 200, got.count(True), "of 200")
    finally:
        p.terminate()
        p.wait(20)


@check
def reset_by_the_kernel_is_told():
    def talk(c):
        c.recv(1000)
        reset(c)

    _, err = run("nc", HERE, serve(talk), data=LARGE, status=1)
    expect(b"reset" in err, err)


@check
def closed_port_of_the_kernel_refuses():
    start = time.monotonic()
    _, err = run("nc", HERE, "9", status=1)
    expect(b"refused" in err and time.monotonic() - start < 5, err)


@check
def closed_port_of_estab_refuses():
    p = estab("nc", "-l", "7000")
    try:
        time.sleep(0.5)
        for host in (THERE, THERE6):
            try:
                socket.create_connection((host, 7009), timeout=5)
                expect(False, "connected")
            except ConnectionRefusedError:
                pass
    finally:
        p.terminate()
        p.wait(20)


@check
def silent_address_times_out():
    start = time.monotonic()
    _, err = run("nc", "-w", "2", "--addr", "10.9.0.2/24", "--gateway", "10.9.0.1", "10.9.0.77",
                 "80", status=1)
    took = time.monotonic() - start
    expect(1.5 < took < 60 and err.count(b"\n") == 1, took, err)


@check
def keepalive_notices_a_vanished_peer():
    """The link goes down under an idle connection: idle 1 s, then 3 probes 1 s apart."""
    idle = threading.Event()
    port = serve(lambda c: idle.wait(30))
    subprocess.run(["ip", "tuntap", "add", "dev", "gone0", "mode", "tun"], check=True)
    subprocess.run(["ip", "addr", "add", "10.30.0.1/24", "dev", "gone0"], check=True)
    subprocess.run(["ip", "link", "set", "gone0", "up"], check=True)
    p = estab("nc", "--tun", "gone0", "--addr", "10.30.0.2/24", "--gateway", "10.30.0.1",
              "--keepalive", "1,1,3", "10.30.0.1", port, stdin=subprocess.PIPE)
    try:
        time.sleep(1.5)
        expect(p.poll() is None, "ended early")
        # the kernel forgets the address: its packets find no way back
        subprocess.run(["ip", "addr", "del", "10.30.0.1/24", "dev", "gone0"], check=True)
        start = time.monotonic()
        status = p.wait(20)
        took = time.monotonic() - start
        err = p.stderr.read()
        expect(status == 1 and 1 < took < 12, status, took, err)
    finally:
        idle.set()
        if p.poll() is None:
            p.kill()
        p.wait()
        subprocess.run(["ip", "link", "del", "gone0"], check=False)


@check
def curl_fetches_from_estab():
    if shutil.which("curl") is None:
        raise live.Failed("curl is missing: tools/setup test")
    os.makedirs("curl", exist_ok=True)
    with open("curl/large", "wb") as f:
        f.write(LARGE)
    p = estab("http", "-q", "-p", "7002", "curl")
    try:
        connect(7002).close()
        for host in (THERE, f"[{THERE6}]"):
            got = subprocess.run(["curl", "-sS", "--max-time", "60", f"http://{host}:7002/large",
                                  f"http://{host}:7002/large"], capture_output=True)
            expect(got.returncode == 0, got.stderr)
            want(got.stdout, LARGE + LARGE)
        code = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                               f"http://{THERE}:7002/none"], capture_output=True).stdout
        expect(code == b"404", code)
        part = subprocess.run(["curl", "-s", "-r", "100-199", f"http://{THERE}:7002/large"],
                              capture_output=True).stdout
        expect(part == LARGE[100:200], len(part))
    finally:
        p.terminate()
        p.wait(20)


@check
def estab_fetches_from_python():
    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    os.makedirs("served", exist_ok=True)
    with open("served/large", "wb") as f:
        f.write(LARGE)
    server = Server(("0.0.0.0", 0), lambda *a: Handler(*a, directory="served"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    run("get", "-o", "fetched", f"http://{HERE}:{server.server_port}/large")
    with open("fetched", "rb") as f:
        want(f.read(), LARGE)
    server.shutdown()


@check
def tshark_reads_our_captures():
    if shutil.which("tshark") is None:
        raise live.Failed("tshark is missing: tools/setup test")
    for host, here in ((HERE, "0.0.0.0"), (HERE6, "::")):
        run("nc", "--pcap", "c.pcapng", host, serve(live.echo, here), data=MEDIUM)
        bad = subprocess.run(
            ["tshark", "-r", "c.pcapng", "-o", "tcp.check_checksum:TRUE", "-o",
             "ip.check_checksum:TRUE", "-Y",
             "_ws.malformed || tcp.checksum.status == 0 || ip.checksum.status == 0"],
            capture_output=True)
        # what the kernel sends over a TUN device it may leave to a card to sum
        lines = [l for l in bad.stdout.splitlines() if b"estab" in l]
        expect(bad.returncode == 0 and not lines, bad.stdout[:500])
        comments = subprocess.run(["tshark", "-r", "c.pcapng", "-T", "fields", "-e",
                                   "frame.comment"], capture_output=True).stdout.splitlines()
        expect(len(comments) > 100 and all(comments), len(comments))
        expect(any(b"RFC 9293" in c for c in comments), comments[:3])


def traced(capture):
    """The connections of a capture as `estab trace` tells of them, by the server's port."""
    out, _ = run("trace", "--json", capture)
    return {int(c["server"].rsplit(":", 1)[1]): c for c in map(json.loads, out.splitlines())}


def verdicts(connection):
    return {v["id"] for v in connection["verdicts"]}


@check
def trace_infers_of_the_kernel_what_our_stack_tells():
    if shutil.which("tshark") is None:
        raise live.Failed("tshark is missing: tools/setup test")
    for host, here in ((HERE, "0.0.0.0"), (HERE6, "::")):
        port = serve(live.echo, here)
        run("nc", "--pcap", "c.pcapng", host, port, data=MEDIUM)
        subprocess.run(["tshark", "-r", "c.pcapng", "-F", "pcap", "-w", "plain.pcap"], check=True,
                       capture_output=True)  # no comments any more
        told, thought = traced("c.pcapng")[int(port)], traced("plain.pcap")[int(port)]
        expect(told["told"] > 100 and thought["told"] == 0, told["told"], thought["told"])
        for key in ("began", "ended", "client", "server", "segments"):
            expect(told[key] == thought[key], key, told[key], thought[key])
        expect("handshake" in thought["began"] and "closed" in thought["ended"], thought["ended"])
        for end in thought["ends"]:
            expect(end["text"] == len(MEDIUM), end["text"])
        walked = []
        for capture in ("c.pcapng", "plain.pcap"):
            out, _ = run("trace", "--records", "1", capture)
            walked.append([(r["host"], r["after"]) for r in map(json.loads, out.splitlines())
                           if r["kind"] == "state"])
        for side in (0, 1):  # each end by itself: who is told of first is another matter
            expect([x for x in walked[0] if x[0] == side] == [x for x in walked[1] if x[0] == side], walked)


@check
def trace_reads_the_kernel_talking_to_itself():
    tracer = estab("trace", "--json", "-i", "lo", "-f", "tcp", stdin=subprocess.DEVNULL)
    time.sleep(0.3)
    if tracer.poll() is not None:
        err = tracer.stderr.read()
        expect(b"libpcap" in err, err)
        return  # this estab cannot capture
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def meet():
        c = socket.create_connection(("127.0.0.1", port), timeout=10)
        return c, listener.accept()[0]

    ports = {}  # of the client: what must be said of it
    c, s = meet()  # a question, an answer, the client closes first
    ports["orderly"] = c.getsockname()[1]
    c.sendall(b"question")
    expect(s.recv(100) == b"question")
    s.sendall(b"answer")
    expect(c.recv(100) == b"answer")
    c.close()
    expect(s.recv(100) == b"")
    time.sleep(0.1)
    s.close()
    c, s = meet()  # refused by the program
    ports["reset"] = c.getsockname()[1]
    c.sendall(b"question")
    expect(s.recv(100) == b"question")
    reset(s)
    c.close()
    c, s = meet()  # the server reads no more
    ports["full"] = c.getsockname()[1]
    c.setblocking(False)
    deadline = time.monotonic() + 10
    full_since = None
    while time.monotonic() < deadline and (full_since is None or time.monotonic() < full_since + 0.5):
        try:
            c.send(bytes(65536))
            full_since = None
        except BlockingIOError:
            full_since = full_since or time.monotonic()
            time.sleep(0.02)
    reset(c)
    s.close()
    listener.close()
    with socket.socket() as c:  # nobody listens
        c.bind(("127.0.0.1", 0))
        ports["refused"] = c.getsockname()[1]
        expect(c.connect_ex(("127.0.0.1", port)) != 0)
    time.sleep(0.5)
    tracer.send_signal(signal.SIGINT)
    out, err = tracer.communicate(timeout=10)
    expect(tracer.returncode == 0, err)
    seen = {int(c["client"].rsplit(":", 1)[1]): c for c in map(json.loads, out.splitlines())}
    seen = {what: seen.get(p) for what, p in ports.items()}
    expect(all(seen.values()), seen)
    expect(seen["orderly"]["ended"] == "closed in 4 segments", seen["orderly"])
    expect(not {v["id"] for v in seen["orderly"]["verdicts"] if v["weight"] > 1}, seen["orderly"]["verdicts"])
    expect("reset-after-request" in verdicts(seen["reset"]), seen["reset"])
    expect("zero-window" in verdicts(seen["full"]), seen["full"])
    expect("refused" in verdicts(seen["refused"]), seen["refused"])
    # what the kernel sends to itself it does not sum
    expect(not any("damaged" in verdicts(c) for c in seen.values()), seen)


if __name__ == "__main__":
    live.main(__doc__)
