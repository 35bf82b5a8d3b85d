#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
The commands nc, get and http against the kernel's TCP, for real: over TUN devices, in a network
and mount namespace of their own, which vanish with this program. Needs Linux, unshare(1), ip(8)
and the right to both (root, or user namespaces and an open /dev/net/tun).

    tests/cli/live.py build/estab [WORD]...     every check, or those whose name contains a word

One line per check; exit status 0, 1 when one failed, 77 when nothing could be tried.
"""
import json
import os
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import live_checks  # noqa: E402
from live_checks import CHECKS, ESTAB, Failed, check, expect, read_all  # noqa: E402,F401

HERE = "10.9.0.1"  # the kernel
THERE = "10.9.0.2"  # estab
HERE6 = "fd00:9::1"
BIG = os.urandom(1 << 20) * 32
SOME = BIG[:3000001]


# --- both sides ---


def estab(*args, **streams):
    for name in ("stdin", "stdout", "stderr"):
        streams.setdefault(name, subprocess.PIPE)
    return subprocess.Popen([ESTAB, *args], **streams)


def run(*args, data=b"", status=0):
    """Runs to the end: what came on stdout and stderr."""
    p = estab(*args)
    out, err = p.communicate(data, timeout=60)
    expect(p.returncode == status, args, p.returncode, err)
    return out, err


def reset(c):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()


def serve(talk, host="0.0.0.0"):
    """A server of the kernel's TCP; `talk` gets each connection. Its port."""
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.bind((host, 0))
    s.listen(50)

    def one(c):
        try:
            talk(c)
            c.close()
        except OSError:
            pass

    def accept():
        while True:
            c, _ = s.accept()
            threading.Thread(target=one, args=(c,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return str(s.getsockname()[1])


def connect(port, host=THERE, patience=20):
    """Connects to an estab that may still be starting."""
    end = time.monotonic() + 5
    while True:
        try:
            return socket.create_connection((host, int(port)), timeout=patience)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def exchange(port, data, host=THERE):
    c = connect(port, host)
    sender = threading.Thread(target=lambda: (c.sendall(data), c.shutdown(socket.SHUT_WR)))
    sender.start()
    got = read_all(c)
    sender.join()
    c.close()
    return got


def echo(c):
    while True:
        data = c.recv(1 << 16)
        if not data:
            return
        c.sendall(data)


# --- nc ---


@check
def nc_sends_receives_and_ends_when_both_sides_have():
    out, _ = run("nc", HERE, serve(lambda c: c.sendall(read_all(c))), data=BIG)
    expect(out == BIG, len(out))


@check
def nc_echoes_over_ipv6():
    out, _ = run("nc", HERE6, serve(echo, "::"), data=BIG)
    expect(out == BIG, len(out))


@check
def nc_takes_files_sockets_and_dev_null():
    port = serve(echo)
    with open("in", "wb") as f:
        f.write(SOME)
    with open("in", "rb") as i, open("out", "wb") as o:
        p = estab("nc", HERE, port, stdin=i, stdout=o)
        expect(p.wait(30) == 0, p.stderr.read())
    with open("out", "rb") as o:
        expect(o.read() == SOME)
    ours, its = socket.socketpair()
    p = estab("nc", HERE, port, stdin=its, stdout=its)
    its.close()
    threading.Thread(target=lambda: (ours.sendall(SOME), ours.shutdown(socket.SHUT_WR))).start()
    expect(read_all(ours) == SOME and p.wait(30) == 0)
    p = estab("nc", HERE, port, stdin=subprocess.DEVNULL)
    expect(p.communicate(timeout=30)[0] == b"" and p.returncode == 0)


@check
def nc_survives_both_windows_closed():
    p = estab("nc", HERE, serve(echo))
    threading.Thread(target=lambda: (p.stdin.write(SOME), p.stdin.close()), daemon=True).start()
    time.sleep(1.5)
    out = b""
    while True:
        data = os.read(p.stdout.fileno(), 200000)
        if not data:
            break
        out += data
        time.sleep(0.002)
    expect(out == SOME and p.wait(30) == 0, len(out), p.returncode)


@check
def nc_waits_for_a_slow_peer():
    def slow(c):
        time.sleep(1)
        n = 0
        while True:
            data = c.recv(100000)
            if not data:
                break
            n += len(data)
            time.sleep(0.001)
        c.sendall(b"%d" % n)

    out, _ = run("nc", HERE, serve(slow), data=BIG[:20000000])
    expect(out == b"20000000", out)


@check
def nc_closes_one_side_at_a_time():
    def late(c):
        data = read_all(c)
        time.sleep(0.5)
        c.sendall(b"late" + data)

    out, _ = run("nc", HERE, serve(late), data=b"x")
    expect(out == b"latex", out)
    got = []

    def first(c):
        c.sendall(b"bye")
        c.shutdown(socket.SHUT_WR)
        got.append(read_all(c))

    p = estab("nc", HERE, serve(first))
    expect(p.stdout.read() == b"bye" and p.poll() is None)
    p.stdin.write(b"still")
    p.stdin.close()
    expect(p.wait(10) == 0 and got == [b"still"], got)


@check
def nc_tells_what_went_wrong():
    def resets(c):
        c.sendall(b"data")
        time.sleep(0.2)
        reset(c)

    port = serve(resets)
    p = estab("nc", HERE, port)
    expect(p.stdout.read() == b"data")
    err = p.stderr.read().decode()
    expect(p.wait(10) == 1 and err == f"estab nc: {HERE}:{port}: connection reset by peer\n", err)
    _, err = run("nc", HERE, "1", status=1)
    expect(err == b"estab nc: 10.9.0.1:1: connection refused\n", err)
    start = time.monotonic()
    _, err = run("nc", "-w", "0.3", "10.9.0.99", "1", status=1)
    expect(b"in time" in err and time.monotonic() - start < 2, err)


@check
def nc_does_not_lose_what_cannot_be_written():
    def flood(c):
        while True:
            c.sendall(bytes(65536))

    port = serve(flood)
    p = estab("nc", HERE, port)
    p.stdout.read(1000)
    p.stdout.close()
    expect(p.wait(10) == 1 and b"Broken pipe" in p.stderr.read())
    with open("/dev/full", "wb") as full:
        p = estab("nc", HERE, port, stdout=full)
        expect(p.wait(10) == 1 and b"No space left" in p.stderr.read())


@check
def nc_resets_on_a_signal():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        seen = []

        def hold(c):
            try:
                seen.append(c.recv(10))
                seen.append(c.recv(10))
            except ConnectionResetError:
                seen.append("reset")

        p = estab("nc", HERE, serve(hold))
        p.stdin.write(b"hi")
        p.stdin.flush()
        while not seen:
            time.sleep(0.01)
        p.send_signal(number)
        expect(p.wait(10) == 1)
        time.sleep(0.05)
        expect(seen == [b"hi", "reset"], seen)


@check
def nc_stays_for_time_wait_when_told():
    start = time.monotonic()
    run("nc", "--wait-time-wait", "--msl", "0.4", HERE, serve(echo), data=b"q")
    expect(0.8 <= time.monotonic() - start < 2, time.monotonic() - start)


@check
def nc_listens():
    p = estab("nc", "-l", "7000")
    got = []
    peer = threading.Thread(target=lambda: got.append(exchange(7000, BIG)))
    peer.start()
    out, err = p.communicate(BIG, timeout=60)
    peer.join()
    expect(out == BIG and got == [BIG] and p.returncode == 0, len(out), err)
    p = estab("nc", "-l", "-p", "7000", "--tun", "estabx", "--addr", "10.20.0.9/24")
    peer = threading.Thread(target=lambda: got.append(exchange(7000, SOME, "10.20.0.9")))
    peer.start()
    out, err = p.communicate(b"answer", timeout=60)
    peer.join()
    expect(out == SOME and got[1] == b"answer" and err == b"", len(out), err)


@check
def nc_listens_on():
    p = estab("nc", "-lk", "7000", stdin=subprocess.DEVNULL)
    for i in range(3):
        exchange(7000, b"n%d" % i)
    time.sleep(0.2)
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=10)
    expect(out == b"n0n1n2" and p.returncode == 0, out, err, p.returncode)


# --- names ---


def dns_server(answers, udp=lambda reply: reply):
    """A name server on the kernel's side: answers[name] are addresses, or None for silence. `udp` may change what
    goes out in a datagram. The queries that came, as (name, type, over)."""
    seen = []

    def answer(query, over):
        end, labels = 12, []
        while query[end]:
            labels.append(query[end + 1 : end + 1 + query[end]].decode().lower())
            end += 1 + query[end]
        end += 5
        kind = struct.unpack("!H", query[end - 4 : end - 2])[0]
        name = ".".join(labels)
        seen.append((name, kind, over))
        if name not in answers:
            return query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + query[12:end]
        if answers[name] is None:
            return None
        family = {1: socket.AF_INET, 28: socket.AF_INET6}[kind]
        records = [socket.inet_pton(family, a) for a in answers[name] if (":" in a) == (kind == 28)]
        body = b"".join(struct.pack("!HHHIH", 0xC00C, kind, 1, 60, len(r)) + r for r in records)
        return query[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0) + query[12:end] + body

    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("0.0.0.0", 53))

    over = threading.Event()

    def serve_udp():
        while not over.is_set():
            try:
                query, peer = datagrams.recvfrom(4096)
            except TimeoutError:
                continue
            reply = answer(query, "udp")
            if reply is not None:
                datagrams.sendto(udp(reply), peer)
        datagrams.close()

    streams = socket.socket()
    streams.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    streams.bind(("0.0.0.0", 53))
    streams.listen()

    def serve_tcp():
        while not over.is_set():
            try:
                c, _ = streams.accept()
            except TimeoutError:
                continue
            c.settimeout(5)
            length = struct.unpack("!H", c.recv(2, socket.MSG_WAITALL))[0]
            reply = answer(c.recv(length, socket.MSG_WAITALL), "tcp")
            c.sendall(struct.pack("!H", len(reply)) + reply)
            c.close()
        streams.close()

    threads = [threading.Thread(target=work, daemon=True) for work in (serve_udp, serve_tcp)]
    for s in (datagrams, streams):
        s.settimeout(0.05)
    for t in threads:
        t.start()

    def close():
        over.set()
        for t in threads:
            t.join()

    return seen, close


@check
def names_are_resolved_and_connected_to():
    port = serve(echo, "::")
    seen, close = dns_server({"both.test": [HERE, HERE6], "four.test": [HERE], "dead.test": [HERE6, HERE],
                                "many.test": ["10.9.0.77", HERE]})
    for name in ("both.test", "Four.test", "many.test"):
        out, _ = run("nc", "--dns", HERE, name, port, data=b"hello")
        expect(out == b"hello", name, out)
    expect(("four.test", 1, "udp") in seen and ("four.test", 28, "udp") in seen, seen)
    expect(not [s for s in seen if s[2] == "tcp"], seen)
    # The kernel listens on IPv4 alone: IPv6 is refused, and IPv4 has the connection.
    out, _ = run("nc", "--dns", HERE, "dead.test", serve(echo), data=b"hello")
    expect(out == b"hello", out)
    _, err = run("nc", "--dns", HERE, "nobody.test", port, status=1)
    expect(err.endswith(b"nobody.test:%s: the name does not exist\n" % port.encode()), err)
    _, err = run("nc", "--dns", HERE, "both.test", "1", status=1)
    expect(err.endswith(b"both.test:1: connection refused\n"), err)
    close()


@check
def names_are_asked_for_over_tcp_when_the_answer_is_cut():
    port = serve(echo)
    seen, close = dns_server({"cut.test": [HERE]}, lambda r: r[:2] + bytes([r[2] | 2]) + r[3:6] + bytes(6) + r[12:26])
    out, _ = run("nc", "--dns", HERE, "cut.test", port, data=b"hello")
    expect(out == b"hello" and ("cut.test", 1, "tcp") in seen, seen)
    close()


@check
def names_are_not_believed_from_forgers():
    # The right ID and port, but the letters of the name are not those that were sent.
    port = serve(echo)
    seen, close = dns_server({"forged.test": [HERE]}, lambda r: r[:12] + r[12:].lower().replace(b"forged", b"FORGED"))
    out, _ = run("nc", "-4", "--dns", HERE, "forged.test", port, data=b"hello")
    expect(out == b"hello" and ("forged.test", 1, "tcp") in seen, seen)
    close()


@check
def names_stand_in_the_hosts_file():
    with open("table", "w", encoding="utf-8") as f:
        f.write(f"{HERE} box box.test # the kernel\n")
    out, _ = run("nc", "--hosts", "table", "BOX.test", serve(echo), data=b"hello")
    expect(out == b"hello", out)
    _, err = run("nc", "--hosts", "none", "box", "1", status=1)
    expect(b"cannot read none" in err, err)
    _, err = run("nc", "192.0.2.256", "1", status=2)
    expect(b"neither an address nor a name" in err, err)


@check
def get_takes_a_name():
    def talk(c):
        request = b""
        while b"\r\n\r\n" not in request:
            request += c.recv(4096)
        host = [line for line in request.split(b"\r\n") if line.startswith(b"Host: ")][0]
        c.sendall(OK + b"Content-Length: %d\r\n\r\n" % len(host) + host)

    _, close = dns_server({"www.test": [HERE]})
    port = serve(talk)
    out, _ = run("get", "--dns", HERE, f"http://www.test:{port}/")
    expect(out == b"Host: www.test:%s" % port.encode(), out)
    _, err = run("get", "-w", "0.3", "--dns", "10.9.0.99", "http://www.test/", status=1)
    expect(b"www.test:80: no response: nothing arrived in time" in err, err)
    close()


@check
def an_address_and_names_come_from_dnsmasq():
    if shutil.which("dnsmasq") is None:
        print("skip an_address_and_names_come_from_dnsmasq: no dnsmasq (tools/setup test)", flush=True)
        return

    def ip(*args):
        subprocess.run(["ip", *args], check=True)

    ip("tuntap", "add", "dev", "pre0", "mode", "tun")
    server = None
    try:
        ip("addr", "add", "10.9.7.1/24", "dev", "pre0")
        ip("link", "set", "pre0", "up")
        server = subprocess.Popen(
            ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=",
             "--user=root", "--bind-interfaces", "--interface=pre0", "--except-interface=lo",
             "--address=/www.test/10.9.7.1", "--cname=alias.test,real.test", "--host-record=real.test,10.9.7.1",
             "--dhcp-range=10.9.7.50,10.9.7.60,255.255.255.0,10m", "--dhcp-option=26,1400",
             "--dhcp-leasefile=" + os.path.abspath("leases"), "--log-dhcp"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        port = serve(lambda c: c.sendall(c.getpeername()[0].encode()))
        for name in ("www.test", "alias.test"):
            out, _ = run("nc", "--tun", "pre0", "--addr", "auto", name, port)
            expect(out.startswith(b"10.9.7.") and 50 <= int(out.split(b".")[3]) <= 60, out)
        server.terminate()
        log = server.communicate(timeout=10)[0]
        for word in (b"DHCPDISCOVER", b"DHCPOFFER", b"DHCPREQUEST", b"DHCPACK", b"DHCPRELEASE"):
            expect(word in log, word, log[-300:])
        _, err = run("nc", "--tun", "none0", "--addr", "auto", HERE, port, status=1)
        expect(b"there is no device none0" in err, err)
    finally:
        if server is not None and server.poll() is None:
            server.kill()
        ip("link", "del", "pre0")


# --- the control socket ---


def listening(**streams):
    """An estab nc that listens at 7000 and answers at the control socket `c`."""
    p = estab("nc", "-l", "7000", "--control", "c", **streams)
    for _ in range(500):
        probe = subprocess.run([ESTAB, "ss", "--control", "c"], capture_output=True)
        if probe.returncode == 0:
            return p
        time.sleep(0.01)
    raise Failed("no control socket")


def end(p):
    p.send_signal(signal.SIGTERM)
    p.communicate(timeout=10)
    expect(not os.path.exists("c"))


def raw_control(request):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("c")
        s.settimeout(10)
        try:
            s.sendall(request)
            s.shutdown(socket.SHUT_WR)
            return read_all(s)
        except (BrokenPipeError, ConnectionResetError):
            return b""


@check
def control_shows_sockets_and_sets_knobs():
    p = listening()
    expect(os.stat("c").st_mode & 0o777 == 0o600, oct(os.stat("c").st_mode))
    out, _ = run("ss", "--control", "c", "-ltn")
    expect(b"LISTEN" in out and b"*:7000" in out and out.count(b"\n") == 2, out)
    c = connect(7000)
    out, _ = run("ss", "--control", "c", "-i")
    expect(b"ESTAB" in out and b"10.9.0.2:7000" in out and b"cubic" in out and b"cwnd:" in out, out)
    run("set", "--control", "c", "keepalive-idle", "3s")
    out, _ = run("ss", "--control", "c", "--json")
    (row,) = json.loads(out)
    expect(row["state"] == "ESTABLISHED" and row["local-port"] == 7000, row)
    expect(row["timer"] == "keepalive" and row["timer-ms"] <= 3000, row)
    out, _ = run("set", "--control", "c")
    expect([b"keepalive-idle", b"3s"] in [line.split()[:2] for line in out.splitlines()], out)
    _, err = run("set", "--control", "c", "ttl", "0", status=1)
    expect(err == b"estab set: a value that cannot be\n", err)
    _, err = run("set", "--control", "c", "frob", "1", status=1)
    expect(b"no such knob" in err, err)
    out, _ = run("ss", "--control", "c", "--links", "--routes", "--json")
    expect([r for r in json.loads(out) if r.get("address") == "10.9.0.2"], out)
    c.close()
    end(p)


@check
def control_is_not_harmed_by_who_asks():
    p = listening(stdin=subprocess.DEVNULL)
    big = b"x" * 100000
    for request in (b"", b"\n", b"frob\n", b"set\n", b"set \n", b"set ttl\n", b"set ttl 1 2\n", b"\0\n", big,
                    b"set " + b"a" * 240 + b"\n", b"sockets", b"\xff\n", b"set %n%s 1\n"):
        answer = raw_control(request)
        expect(answer == b"" or answer.startswith(b"!"), request[:20], answer)
    expect(raw_control(b"sockets\nmore\n").endswith(b".\n"))
    # Those who connect and say nothing are hung up on, and keep nobody out for long.
    idle = []
    for _ in range(30):
        s = socket.socket(socket.AF_UNIX)
        s.connect("c")
        idle.append(s)
    for s in idle:
        s.settimeout(10)
        try:
            expect(s.recv(1) == b"")
        except ConnectionResetError:
            pass
        s.close()
    run("ss", "--control", "c", "-a")
    expect(exchange(7000, b"still") == b"" and p.stdout.read() == b"still")
    expect(p.wait(10) == 0 and not os.path.exists("c"))


@check
def control_sockets_of_others_are_left_alone():
    p = listening()
    _, err = run("nc", "-l", "7001", "--control", "c", status=1)
    expect(b"Address already in use" in err, err)
    run("ss", "--control", "c")
    p.kill()
    p.communicate(timeout=10)
    expect(os.path.exists("c"))  # left behind: replaced
    _, err = run("ss", "--control", "c", status=1)
    expect(b"Connection refused" in err, err)
    end(listening())
    with open("c", "w", encoding="utf-8") as f:
        f.write("a file")
    _, err = run("nc", "-l", "7001", "--control", "c", status=1)
    expect(b"Address already in use" in err, err)
    with open("c", encoding="utf-8") as f:
        expect(f.read() == "a file")
    os.unlink("c")


@check
def running_hosts_are_found():
    os.mkdir("run", 0o700)
    os.environ["XDG_RUNTIME_DIR"] = os.path.abspath("run")
    os.environ["XDG_RUNTIME_DIR"] += "/"  # as some set it
    try:
        out, _ = run("ss", "-a")
        expect(out.count(b"\n") == 1, out)  # nobody runs
        first = estab("nc", "-l", "7000")
        second = estab("nc", "-l", "7001", "--addr", "10.9.1.2/24", "--gateway", "10.9.1.1", "--control", "c",
                       stdin=subprocess.DEVNULL)
        own = f"run/estab/{first.pid}"
        for _ in range(500):
            if os.path.exists(own) and os.path.exists(f"run/estab/{second.pid}"):
                break
            time.sleep(0.01)
        expect(stat.S_IMODE(os.stat("run/estab").st_mode) == 0o700)
        expect(stat.S_IMODE(os.stat(own).st_mode) == 0o600)
        out, _ = run("ss", "-ltnp")
        for p, port in ((first, b"7000"), (second, b"7001")):
            line = [x for x in out.splitlines() if b"*:" + port in x]
            expect(len(line) == 1 and b'users:(("estab nc",pid=%d))' % p.pid in line[0], out)
        sockets = json.loads(run("ss", "-a", "--json")[0])
        expect({s["pid"] for s in sockets} == {first.pid, second.pid}, sockets)
        expect(b"listening 2)" in run("ss", "-s")[0])
        expect(b"7001" not in run("ss", "-lH", "--control", own)[0])
        expect(run("ss", "--links")[0].count(b", process ") == 2)
        c = socket.create_connection((THERE, 7000), timeout=10)
        c.sendall(b"0123456789")
        expect(first.stdout.read(10) == b"0123456789")
        out, _ = run("ss", "-tem")
        expect(b" sk:" in out and b"skmem:(r" in out, out)
        sockets = [s for s in json.loads(run("ss", "-t", "--json")[0]) if s["state"] == "ESTABLISHED"]
        expect(len(sockets) == 1 and sockets[0]["received"] == 10 and sockets[0]["rcv-buf"] > 0, sockets)
        out, _ = run("top", "-n", "2", "-d", "0.1")
        expect(out.count(b"2 hosts, 1 connection, 1 listening") == 2 and out.count(b"%d ESTAB" % first.pid) == 2, out)
        watched = estab("ss", "-tH", "--watch=0.1")
        lines = [watched.stdout.readline() for _ in range(4)]
        expect(lines.count(b"\n") == 2 and b"ESTAB" in lines[0] + lines[1], lines)
        watched.terminate()
        watched.communicate(timeout=10)
        run("ss", "--watch=0", status=2)
        run("top", "-d", "never", status=2)
        c.close()
        first.kill()
        first.communicate(timeout=10)
        expect(os.path.exists(own))
        out, _ = run("ss", "-lH")
        expect(b"7000" not in out and b"7001" in out and not os.path.exists(own), out)  # and tidied up
        second.terminate()
        second.communicate(timeout=10)
        expect(os.listdir("run/estab") == [] and not os.path.exists("c"), os.listdir("run/estab"))
        # a directory that others can write into is not ours: nothing is made, nobody is found
        os.chmod("run/estab", 0o777)
        third = estab("nc", "-l", "7000", "--control", "c", stdin=subprocess.DEVNULL)
        for _ in range(500):
            if os.path.exists("c"):
                break
            time.sleep(0.01)
        expect(os.listdir("run/estab") == [] and run("ss", "-lH")[0] == b"")
        third.terminate()
        third.communicate(timeout=10)
    finally:
        del os.environ["XDG_RUNTIME_DIR"]
        shutil.rmtree("run")
    for command in ("ss", "top"):
        _, err = run(command, status=2)
        expect(b"give --control PATH" in err, err)


# --- devices ---


@check
def a_device_in_use_or_gone_is_told():
    p = estab("nc", "-l", "--tun", "estaby", "7000")
    p.stderr.readline()
    _, err = run("nc", "-l", "--tun", "estaby", "7001", status=1)
    expect(err == b"estab nc: the device estaby is in use by another process\n", err)
    subprocess.run(["ip", "link", "del", "estaby"], check=True)
    expect(p.wait(10) == 1 and b"the device estaby has gone" in p.stderr.read())
    _, err = run("nc", "-l", "--tun", "lo", "7001", status=1)
    expect(b"lo exists and is not a TUN device" in err, err)


@check
def a_device_that_was_there_is_left_as_it_is():
    def ip(*args):
        subprocess.run(["ip", *args], check=True)

    ip("tuntap", "add", "dev", "pre0", "mode", "tun")
    try:
        ip("addr", "add", "192.0.2.1", "peer", "192.0.2.77", "dev", "pre0")
        _, err = run("nc", "-l", "--tun", "pre0", "7001", status=1)
        expect(b"pre0 is down" in err, err)
        ip("link", "set", "pre0", "up", "mtu", "1400")
        p = estab("nc", "-l", "--tun", "pre0", "7001")
        got = []
        peer = threading.Thread(target=lambda: got.append(exchange(7001, SOME, "192.0.2.77")))
        peer.start()
        out, _ = p.communicate(b"answer", timeout=30)
        peer.join()
        expect(out == SOME and got == [b"answer"], len(out), got)
        have = subprocess.run(["ip", "addr", "show", "pre0"], capture_output=True).stdout
        expect(b"192.0.2.1 peer 192.0.2.77" in have and b"mtu 1400" in have, have)
    finally:
        ip("link", "del", "pre0")


@check
def a_device_down_for_a_while_costs_only_time():
    p = estab("nc", "-l", "--tun", "estaby", "-4", "7000")
    c = connect(7000)

    def blink():
        time.sleep(0.2)
        subprocess.run("ip link set estaby down; sleep 0.5; ip link set estaby up", shell=True)

    def slow():
        for i in range(0, len(SOME), 50000):
            c.sendall(SOME[i : i + 50000])
            time.sleep(0.01)
        c.shutdown(socket.SHUT_WR)

    for work in (blink, slow):
        threading.Thread(target=work).start()
    out, err = p.communicate(b"", timeout=60)
    expect(out == SOME and p.returncode == 0, len(out), err)


# --- captures ---


@check
def a_capture_that_cannot_be_written_is_a_failure():
    _, err = run("nc", "--pcap", "/dev/full", HERE, serve(echo), data=SOME, status=1)
    expect(err == b"estab nc: cannot write /dev/full: No space left on device\n", err)
    _, err = run("nc", "--json", "none/x", HERE, serve(echo), status=1)
    expect(err == b"estab nc: cannot write none/x: No such file or directory\n", err)


@check
def captures_are_whole():
    out, err = run("nc", "--pcap", "c.pcapng", "--json", "c.json", "--ladder", HERE, serve(echo),
                   data=b"hello")
    expect(out == b"hello" and b"ESTABLISHED" in err, err)
    with open("c.pcapng", "rb") as f:
        expect(f.read(4) == b"\x0a\x0d\x0d\x0a")
    with open("c.json", encoding="utf-8") as f:
        lines = f.readlines()
    expect(len(lines) > 10 and all(line.startswith("{") for line in lines))


# --- get ---

OK = b"HTTP/1.1 200 OK\r\n"


def get(answer, status=0, word=b"", args=()):
    """What `estab get -o f` makes of an answer; b"" and None differ."""

    def talk(c):
        request = b""
        while b"\r\n\r\n" not in request:
            request += c.recv(4096)
        if callable(answer):
            answer(c)
        else:
            c.sendall(answer)

    if os.path.exists("f"):
        os.unlink("f")
    _, err = run("get", "-o", "f", *args, f"http://{HERE}:{serve(talk)}/x", status=status)
    expect(word in err, err)
    expect(status == 0 or err.count(b"\n") == 1, err)
    expect(not [name for name in os.listdir(".") if ".estab-" in name])
    if not os.path.exists("f"):
        return None
    with open("f", "rb") as f:
        return f.read()


@check
def get_understands_every_framing():
    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    expect(get(OK + b"Content-Length: 5\r\n\r\nhello and more") == b"hello")
    expect(get(OK + b"Content-Length: 0\r\n\r\n") == b"")
    expect(get(b"HTTP/1.1 204 x\r\n\r\n") == b"")
    expect(get(OK + b"\r\nhello") == b"hello")
    expect(get(OK + chunked + b"5\r\nhello\r\n0\r\n\r\n") == b"hello")
    expect(get(b"HTTP/1.1 100 x\r\n\r\n" + OK + b"Content-Length: 5\r\n\r\nhello") == b"hello")
    expect(get(OK + b"Content-Length: %d\r\n\r\n" % len(BIG) + BIG) == BIG)

    def bytewise(c):
        for b in OK + chunked + b"5;x\r\nhello\r\n3\r\nabc\r\n0\r\nT: x\r\n\r\n":
            c.sendall(bytes([b]))
            time.sleep(0.001)

    expect(get(bytewise) == b"helloabc")


@check
def get_leaves_nothing_of_an_incomplete_document():
    def resets(c):
        c.sendall(OK + b"\r\nhello")
        time.sleep(0.1)
        reset(c)

    def stalls(c):
        c.sendall(OK + b"Content-Length: 5\r\n\r\nhel")
        time.sleep(5)

    expect(get(OK + b"Content-Length: 50\r\n\r\nhello", 1, b"5 of 50 octets") is None)
    expect(get(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 1, b"after 5") is None)
    expect(get(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 1, b"chunk size") is None)
    expect(get(resets, 1, b"reset by peer") is None)
    expect(get(stalls, 1, b"in time", ("-w", "0.3")) is None)
    expect(get(b"", 1, b"no response") is None)
    expect(get(b"SSH-2.0\r\n\r\n", 1, b"does not speak HTTP") is None)
    expect(get(OK + b"A: b\r\n" * 20000, 1, b"head") is None)
    expect(get(b"HTTP/1.1 404 Not\x1b[31m\r\nContent-Length: 2\r\n\r\nno", 1, b"HTTP 404\n") is None)
    expect(get(b"HTTP/1.1 301 Moved\r\nLocation: /y\r\n\r\n", 1, b"'/y', which is not") is None)


@check
def get_leaves_nothing_on_a_signal_and_keeps_the_old_file():
    def stalls(c):
        c.recv(1000)
        c.sendall(OK + b"Content-Length: 50\r\n\r\nhel")
        time.sleep(5)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        with open("kept", "w", encoding="utf-8") as f:
            f.write("old")
        p = estab("get", "-o", "kept", f"http://{HERE}:{serve(stalls)}/")
        time.sleep(0.4)
        p.send_signal(number)
        p.communicate(timeout=10)
        expect(p.returncode == (-9 if number == signal.SIGKILL else 1), p.returncode)
        expect(not [name for name in os.listdir(".") if ".estab-" in name])
        with open("kept", encoding="utf-8") as f:
            expect(f.read() == "old")


@check
def get_reports_a_full_disk():
    def talk(c):
        c.recv(1000)
        c.sendall(OK + b"Content-Length: 5000000\r\n\r\n" + bytes(5000000))

    os.makedirs("tiny")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", "tiny"], check=True)
    try:
        url = f"http://{HERE}:{serve(talk)}/"
        _, err = run("get", "-o", "tiny/f", url, status=1)
        expect(b"cannot write tiny/f: No space left" in err and os.listdir("tiny") == [], err)
        _, err = run("get", "--pcap", "tiny/c", url, status=1)
        expect(b"cannot write tiny/c: No space left" in err, err)
    finally:
        subprocess.run(["umount", "tiny"], check=True)


@check
def wrong_command_lines_are_one_line_and_2():
    lines = [
        ["get", "https://10.9.0.1/"],
        ["get", "http://192.0.2/"],
        ["get", "http://10.9.0.1:0/"],
        ["get"],
        ["get", "--mtu", "5", "http://10.9.0.1/"],
        ["get", "--frob", "http://10.9.0.1/"],
        ["get", "--gateway", "10.9.0.2", "--addr", "10.9.0.2/24", "http://10.9.0.1/"],
        ["get", "--mtu", "600", "--addr", "fd00::2/64", "http://10.9.0.1/"],
        ["get", "-6", "http://10.9.0.1/"],
        ["nc", "10.9.0.1"],
        ["nc", "10.9.0.1", "0"],
        ["nc", "-k", "10.9.0.1", "1"],
        ["nc", "-l"],
        ["nc", "192.0.2", "1"],
        ["nc", "--addr", "auto", "10.9.0.1", "1"],
        ["nc", "--addr", "auto", "--addr", "10.9.0.2/24", "10.9.0.1", "1"],
        ["ss", "--control", "c", "x"],
        ["ss", "--frob"],
        ["set", "--control", "c", "ttl", "1", "2"],
        ["http"],
        ["http", "-p", "x", "."],
        ["frob"],
        [],
    ]
    for line in lines:
        out, err = run(*line, status=2)
        expect(err.count(b"\n") == 1 and out == b"", line, err)
    _, err = run("http", "/nonexistent", status=1)
    expect(err == b"estab http: /nonexistent: No such file or directory\n", err)


# --- http ---


class Server:
    def __init__(self, *args):
        self.process = estab("http", "www", "-q", *args)
        connect(8080).close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def ask(data, half_close=False):
    c = connect(8080)
    c.sendall(data)
    if half_close:
        c.shutdown(socket.SHUT_WR)
    answer = read_all(c)
    c.close()
    return answer


def line(path, more=""):
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n".encode()


KEEP = b"GET /a.txt HTTP/1.1\r\nHost: x\r\n\r\n"


def status_of(data):
    return int(ask(data).split(b" ")[1])


@check
def http_serves_files_and_nothing_else():
    with Server():
        expect(ask(line("/a.txt")).endswith(b"\r\n\r\nhello\n"))
        expect(ask(line("/")).endswith(b"index\n"))
        expect(ask(line("/link_in")).endswith(b"hello\n"))
        expect(ask(line("/big.bin")).endswith(BIG))
        for path, status in {
            "/none": 404, "/a.txt/": 404, "/sub": 301, "/../etc/passwd": 403, "/%00": 400,
            "/%2e%2e/etc/passwd": 403, "/link_out": 403, "/magic": 403, "/fifo": 403,
            "/" + "a" * 5000: 414, "/" + "a" * 9000: 414,
        }.items():
            expect(status_of(line(path)) == status, path, status)
        expect(b"Location: /sub/\r\n" in ask(line("//sub")))
        page = ask(line("/sub/"))
        expect(b"./a%20%26%20%3Cb%3E" in page and b"a &amp; &lt;b&gt;" in page, page)
        expect(ask(line("/sub/a%20%26%20%3Cb%3E")).endswith(b"\r\n\r\nx\n"))


@check
def http_refuses_what_it_should():
    with Server():
        expect(status_of(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
                         + bytes(2000000)) == 405)
        expect(status_of(b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n") == 501)
        expect(status_of(b"GET / HTTP/1.1\r\n\r\n") == 400)
        expect(status_of(b"\x16\x03\x01\x02\x00\n\r\n") == 400)
        expect(status_of(b"G" * 9000) == 414)
        expect(status_of(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 2000 + b"\r\n") == 431)
        expect(status_of(b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n") == 413)
        expect(status_of(line("/a.txt", "Range: bytes=100-\r\n")) == 416)


@check
def http_pipelines_and_keeps_alive():
    with Server():
        expect(ask(KEEP, half_close=True).endswith(b"hello\n"))
        answer = ask(KEEP * 500 + line("/a.txt"))
        expect(answer.count(b"HTTP/1.1 200") == 501 and answer.count(b"hello\n") == 501)
        some = b"GET /some.bin HTTP/1.1\r\nHost: x\r\n\r\n"
        answer = ask(some.replace(b"GET", b"HEAD") + some * 3 + line("/a.txt"))
        expect(answer.count(SOME) == 3 and answer.endswith(b"hello\n"))
        body = KEEP.replace(b"\r\n\r\n", b"\r\nContent-Length: 1000\r\n\r\n") + b"y" * 1000
        expect(ask(body + line("/a.txt")).count(b"HTTP/1.1 200") == 2)
        expect(ask(b"\r\n" + line("/a.txt")).endswith(b"hello\n"))
        c = connect(8080)
        for b in line("/a.txt"):
            c.sendall(bytes([b]))
            time.sleep(0.0005)
        expect(read_all(c).endswith(b"hello\n"))


@check
def http_serves_ranges():
    with Server():
        answer = ask(line("/a.txt", "Range: bytes=1-2\r\n"))
        expect(b" 206 " in answer and b"Content-Range: bytes 1-2/6\r\n" in answer, answer)
        expect(answer.endswith(b"\r\n\r\nel"), answer)
        date = answer.split(b"Last-Modified: ")[1].split(b"\r\n")[0].decode()
        expect(b" 206 " in ask(line("/a.txt", f"Range: bytes=1-2\r\nIf-Range: {date}\r\n")))
        expect(b" 200 " in ask(line("/a.txt", 'Range: bytes=1-2\r\nIf-Range: "x"\r\n')))


@check
def http_resets_when_a_file_shrinks_under_it():
    with Server():
        with open("www/shrinks", "wb") as f:
            f.write(SOME * 3)
        c = connect(8080)
        c.sendall(line("/shrinks"))
        time.sleep(0.3)
        os.truncate("www/shrinks", 1000)
        try:
            read_all(c)
            raise Failed("the answer ended as if it were whole")
        except ConnectionResetError:
            pass


@check
def http_holds_thousands_of_connections():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    n = min(10000, limit - 200)
    with Server() as server:
        def memory():
            with open(f"/proc/{server.process.pid}/status", encoding="ascii") as f:
                return int(f.read().split("VmRSS:")[1].split()[0])

        before, all_ = memory(), [socket.socket() for _ in range(n)]
        for i, c in enumerate(all_):
            c.setblocking(False)
            c.connect_ex((THERE, 8080))
            if i % 500 == 0:
                time.sleep(0.02)
        for c in all_:
            c.settimeout(20)
            while True:
                try:
                    c.sendall(KEEP)
                    break
                except BlockingIOError:
                    time.sleep(0.01)
        for c in all_:
            expect(c.recv(1000).endswith(b"hello\n"))
        each = (memory() - before) * 1024 // n
        expect(each < 2000, "octets for each connection", each)
        expect(ask(line("/a.txt")).endswith(b"hello\n"))
        for c in all_:
            c.close()


@check
def http_does_not_wait_for_ever():
    with Server():
        silent, slow = connect(8080), connect(8080)
        slow.sendall(b"GET / HT")
        start = time.monotonic()
        expect(b" 408 " in slow.recv(1000))
        expect(silent.recv(1000) == b"")
        expect(9 < time.monotonic() - start < 12, time.monotonic() - start)


@check
def http_finishes_answers_and_ends():
    with Server() as server:
        c, idle = connect(8080), connect(8080)
        c.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20000)
        c.sendall(line("/some.bin"))
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        expect(read_all(c).endswith(SOME))
        expect(idle.recv(10) == b"")
        idle.close()
        c.close()
        expect(server.process.wait(5) == 0)


# --- the whole ---


class Files:
    """What is served, where an estab can have a device at all."""

    def __enter__(self):
        probe = subprocess.run([ESTAB, "nc", "-w", "0.01", HERE, "1"], stdin=subprocess.DEVNULL,
                               capture_output=True).stderr
        live_checks.skip_unless(b"no right" not in probe and b"there is no" not in probe,
                                probe.decode().strip())
        os.makedirs("www/sub")
        for name, data in {
            "a.txt": b"hello\n", "index.html": b"index\n", "sub/a & <b>": b"x\n", "big.bin": BIG,
            "some.bin": SOME,
        }.items():
            with open("www/" + name, "wb") as f:
                f.write(data)
        os.symlink("a.txt", "www/link_in")
        os.symlink("/etc/passwd", "www/link_out")
        os.symlink("/proc/self/environ", "www/magic")
        os.mkfifo("www/fifo")

    def __exit__(self, *_):
        pass


def main(doc=__doc__):
    live_checks.main(doc, Files(), users=True)


if __name__ == "__main__":
    main()
