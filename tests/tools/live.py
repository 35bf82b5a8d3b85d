#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
What the tools show of a running host, and what they do to others, for real: over TUN devices and
veth pairs in network and mount namespaces of their own, which vanish with this program. Needs Linux,
unshare(1), ip(8) and root.

    tests/tools/live.py build/estab [WORD]...    every check, or those whose name has a word

One line per check; exit status 0, 1 when one failed, 77 when nothing could be tried.
"""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

ESTAB = ""
HERE, THERE = "10.9.0.1", "10.9.0.2"  # the kernel, estab
HERE6, THERE6 = "fd00:9::1", "fd00:9::2"
CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Failed(Exception):
    pass


def expect(condition, *details):
    if not condition:
        raise Failed(" ".join(repr(d)[:600] for d in details))


def sh(*args):
    p = subprocess.run(args, capture_output=True, text=True)
    expect(p.returncode == 0, args, p.stderr)
    return p.stdout


def run(*args, data=b"", status=0):
    """Runs to the end: what came on stdout and stderr."""
    p = subprocess.Popen([ESTAB, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    try:
        out, err = p.communicate(data, timeout=60)
    except subprocess.TimeoutExpired:
        p.kill()
        raise Failed("does not end", args, p.communicate())
    expect(p.returncode == status, args, p.returncode, out[-500:], err)
    return out.decode(), err.decode()


def wait_for(what, question, limit=15):
    """Asks until it is true. The limit only ends a test that has failed."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        got = question()
        if got:
            return got
        time.sleep(0.02)
    raise Failed("never: " + what)


class Running:
    """An estab that runs until the end of the block; with --control c it has answered there."""

    def __init__(self, *args, **streams):
        streams.setdefault("stdin", subprocess.PIPE)
        self.args = args
        self.err = tempfile.TemporaryFile()
        self.process = subprocess.Popen([ESTAB, *args], stdout=subprocess.PIPE, stderr=self.err,
                                        **streams)

    def __enter__(self):
        if "--control" in self.args:
            wait_for("the control socket", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            self.err.seek(0)
            raise Failed("has ended", self.args, self.err.read())
        return subprocess.run([ESTAB, "ss", "--control", "c"], capture_output=True).returncode == 0

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def ss(*args):
    return run("ss", "--control", "c", *args)[0]


def rows(*args):
    return json.loads(ss("--json", *args))


class Veth:
    """va is the kernel's, with 10.7.0.1, fd07::1 and fe80::1; vb is where estab is a station."""

    def __enter__(self):
        sh("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
        for device in "va", "vb":
            sh("ip", "link", "set", device, "up")
        sh("ip", "addr", "add", "10.7.0.1/24", "dev", "va")
        for address in "fd07::1/64", "fe80::1/64":
            sh("ip", "-6", "addr", "add", address, "dev", "va", "nodad")
        return self

    def __exit__(self, *_):
        sh("ip", "link", "del", "va")


US = "02:00:00:00:00:42"
PACKET = ("--packet", "vb", "--mac", US, "--addr", "10.7.0.2/24", "--addr", "fd07::2/64")


def advertise(device, prefix, lifetime=1800, valid=86400, preferred=14400):
    """What radvd would say, once."""
    message = (struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, lifetime, 0, 0) +
               struct.pack("!BBBBIII", 3, 4, 64, 0xC0, valid, preferred, 0) +
               socket.inet_pton(socket.AF_INET6, prefix))
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex(device))
        s.bind(("fe80::1", 0, 0, socket.if_nametoindex(device)))
        s.sendto(message, ("ff02::1", 0))


# --- ss ---


@check
def ss_shows_the_interface_its_addresses_and_what_went_over_it():
    with Running("nc", "-lk", "7000", "--control", "c"):
        text = ss("--links")
        expect("0: lo: loopback" in text and "1: estab0: ip mtu 1500" in text, text)
        expect("    inet 10.9.0.2/24 preferred\n" in text, text)
        expect("    inet6 fd00:9::2/64 preferred\n" in text, text)
        (before,) = [r for r in rows("--links") if r.get("link") == 1 and "mtu" in r]
        with socket.create_connection((THERE, 7000), timeout=10) as c:
            c.sendall(b"x" * 10000)
            wait_for("10000 octets counted", lambda: [
                r for r in rows("--links")
                if r.get("link") == 1 and r.get("octets-in", 0) > before["octets-in"] + 10000
                and r["packets-out"] > before["packets-out"]])


@check
def ss_shows_routes():
    with Running("nc", "-lk", "7000", "--control", "c"):
        text = ss("--routes")
        expect("10.9.0.0/24 dev estab0 origin address\n" in text, text)
        expect("fd00:9::/64 dev estab0 origin address\n" in text, text)
        expect("default IPv4 dev estab0 origin user\n" in text, text)
    with Veth(), Running("nc", *PACKET, "--gateway", "10.7.0.1", "-lk", "7000", "--control", "c"):
        text = ss("--routes")
        expect("default via 10.7.0.1 dev vb origin user\n" in text, text)


@check
def ss_shows_what_a_router_has_advertised():
    with Veth(), Running("nc", *PACKET, "-lk", "7000", "--control", "c"):
        def preferred(prefix):
            return [r for r in rows("--links")
                    if r.get("address", "").startswith(prefix) and r["state"] == "preferred"]

        (link_local,) = wait_for("a link-local address", lambda: preferred("fe80:"))
        expect(link_local["autoconf"] == 1 and "valid-s" not in link_local, link_local)
        advertise("va", "2001:db8:7::")
        tentative = [r for r in rows("--links")
                     if r.get("address", "").startswith("2001:db8:7:")]
        (made,) = wait_for("an address of the prefix", lambda: preferred("2001:db8:7:"))
        expect(made["address"] == (tentative or [made])[0]["address"], made, tentative)
        expect(86300 < made["valid-s"] <= 86400 and 14300 < made["preferred-s"] <= 14400, made)
        routes = rows("--routes")
        (default,) = [r for r in routes if r["route"] == "default"]
        expect(default["via"] == "fe80::1" and default["origin"] == "router", default)
        expect(1700 < default["valid-s"] <= 1800 and default["preference"] == "medium", default)
        expect([r for r in routes if r["route"] == "2001:db8:7::/64" and r["origin"] == "router"])
        text = ss("--links", "--routes")
        expect(f"ethernet mtu 1500 mac {US}" in text, text)
        expect("default via fe80::1 dev vb origin router expires 1" in text, text)
        advertise("va", "2001:db8:7::", lifetime=0)
        wait_for("no default router", lambda: not [
            r for r in rows("--routes") if r["route"] == "default"])


@check
def ss_shows_neighbours():
    with Veth(), Running("nc", *PACKET, "-lk", "7000", "--control", "c"):
        mac = json.loads(sh("ip", "-j", "link", "show", "va"))[0]["address"]
        for host in "10.7.0.2", "fd07::2":
            wait_for("a connection", lambda: connect(host, 7000))
        got = {r["neighbour"]: r for r in rows("--neighbours")}
        for host in "10.7.0.1", "fd07::1":
            expect(got[host]["mac"] == mac and got[host]["device"] == "vb", got)
            expect(got[host]["state"] in ("REACHABLE", "DELAY", "STALE"), got)
        text = ss("--neighbors")
        expect(f"10.7.0.1 dev vb lladdr {mac} REACHABLE age 0s" in text, text)


def connect(host, port):
    try:
        socket.create_connection((host, port), timeout=5).close()
        return True
    except OSError:
        return False


@check
def ss_selects_as_its_namesake():
    with Running("nc", "-lk", "7000", "--control", "c"):
        c = socket.create_connection((THERE, 7000), timeout=10)
        c6 = socket.create_connection((THERE6, 7000), timeout=10)

        def shown(*args):
            return [line.split()[:1] + line.split()[3:] for line in ss("-tH", *args).splitlines()]

        mine = "%s:%d" % c.getsockname()
        # The second waits for its turn to be accepted; it is connected all the same.
        wait_for("both connections", lambda: len(shown()) == 2)
        expect(["ESTAB", THERE + ":7000", mine] in [s[:3] for s in shown()], shown())
        expect([s[:3] for s in shown("-4")] == [["ESTAB", THERE + ":7000", mine]], shown("-4"))
        expect(len(shown("-6")) == 1 and shown("-6")[0][1] == f"[{THERE6}]:7000", shown("-6"))
        expect(shown("-l") == [["LISTEN", "*:7000", "*:*"]], shown("-l"))
        expect(len(shown("-a")) == 3, shown("-a"))
        expect(len(shown("dport", "=", ":%d" % c.getsockname()[1])) == 1)
        expect(len(shown("dport", "!=", ":%d" % c.getsockname()[1])) == 1)
        expect(len(shown("src", THERE + "/24", "and", "dst", HERE)) == 1)
        expect(shown("state", "listening") == [["LISTEN", "*:7000", "*:*"]])
        expect(shown("state", "established", "dst", "10.8.0.0/16") == [])
        head = ss("-t").splitlines()[0].split()
        expect(head[0] == "State" and ss().splitlines()[0].split()[0] == "Netid", head)
        # What we close first waits here, and only those who ask see it.
        c.shutdown(socket.SHUT_WR)
        c6.close()
        expect("listening 1" in ss("-s") and ss("-s").startswith("Total: "), ss("-s"))
        _, err = run("ss", "--control", "c", "state", "big-time", status=2)
        expect(err == "estab ss: big-time: no such state\n", err)
        _, err = run("ss", "--control", "c", "sport", "80", status=2)
        expect(err.count("\n") == 1, err)
        c.close()


def main():
    global ESTAB
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if os.environ.get("ESTAB_LIVE_TOOLS") != "1":
        if os.geteuid() != 0 or shutil.which("unshare") is None or subprocess.run(
                ["unshare", "--net", "--mount", "true"]).returncode:
            print("skip: no right to a network namespace")
            sys.exit(77)
        os.environ["ESTAB_LIVE_TOOLS"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", sys.executable, *sys.argv])
    ESTAB = os.path.abspath(sys.argv[1])
    words = sys.argv[2:]
    sh("ip", "link", "set", "lo", "up")
    if not os.path.exists("/dev/net/tun"):
        print("skip: there is no /dev/net/tun")
        sys.exit(77)
    failures = 0
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        for function in CHECKS:
            name = function.__name__
            if words and not any(word in name for word in words):
                continue
            start = time.monotonic()
            try:
                function()
                links = sh("ip", "-br", "link")
                expect(links.count("\n") == 1, "left behind:", links)
                print(f"ok   {name} ({time.monotonic() - start:.1f} s)", flush=True)
            except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
                failures += 1
                print(f"FAIL {name}: {problem!r}", flush=True)
        os.chdir("/")
    sys.exit(failures > 0)


main()
