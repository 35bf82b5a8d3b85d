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
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import live_checks  # noqa: E402
from live_checks import ESTAB, MAC, PACKET, Failed, Network, Veth, check, expect, sh, wait_for  # noqa: E402

HERE, THERE = "10.9.0.1", "10.9.0.2"  # the kernel, estab
HERE6, THERE6 = "fd00:9::1", "fd00:9::2"


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


class Running(live_checks.Running):
    """An estab that runs until the end of the block; with --control c it has answered there."""

    def __init__(self, *args):
        super().__init__(ESTAB, *args, data=None)

    def __enter__(self):
        if "--control" in self.args:
            wait_for("the control socket", self.answers)
        return self

    def answers(self):
        if self.process.poll() is not None:
            raise Failed("has ended", self.args, self.told())
        return subprocess.run([ESTAB, "ss", "--control", "c"], capture_output=True).returncode == 0

    def has_printed(self, octets):
        wait_for(repr(octets), lambda: self.printed() == octets)


def ss(*args):
    return run("ss", "--control", "c", *args)[0]


def rows(*args):
    return json.loads(ss("--json", *args))


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
        expect(f"ethernet mtu 1500 mac {MAC}" in text, text)
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


# --- set, and what a host is made of ---


@check
def set_changes_what_can_be_changed():
    with Running("nc", "-lk", "7000", "--control", "c"):
        def knobs():
            return dict(line.split()[:2] for line in run("set", "--control", "c")[0].splitlines())

        before = knobs()
        for name, value in (("strong-host", "off"), ("accept-redirects", "on"), ("dad-transmits", "3"),
                            ("arp-per-second", "7"), ("icmp-per-destination", "3"),
                            ("reassembly-bytes", "65536"), ("udp-receive-bytes", "4096"),
                            ("syn-cookies", "always"), ("port-min", "2000"), ("rto-slack", "0")):
            expect(before[name] != value, name, before[name])
            run("set", "--control", "c", name, value)
            expect(knobs()[name].rstrip("s") == value.rstrip("s"), name, knobs()[name])
        expect(run("set", "--control", "c", "dad-transmits")[0].split()[:2] == ["dad-transmits", "3"])
        (row,) = json.loads(run("set", "--control", "c", "--json", "dad-transmits")[0])
        expect(row["knob"] == "dad-transmits" and row["value"] == 3, row)
        expect(len(json.loads(run("set", "--control", "c", "--json")[0])) == len(before))
        _, err = run("set", "--control", "c", "frob", status=1)
        expect(err == "estab set: frob: there is no such knob (estab set lists them)\n", err)
        for name, value in ("dad-transmits", "11"), ("port-min", "0"), ("udp-receive-bytes", "1"):
            _, err = run("set", "--control", "c", name, value, status=1)
            expect(err == "estab set: a value that cannot be\n", err)


@check
def a_host_is_made_with_settings_of_which_some_stay():
    with Running("nc", "-lk", "7000", "--control", "c", "--set", "reassembly-time-4=2", "--set",
                 "rst-per-second=0", "--set", "max-fragments=3"):
        def value(knob):
            return run("set", "--control", "c", knob)[0].split()[1]

        expect((value("reassembly-time-4"), value("rst-per-second"), value("max-fragments")) ==
               ("2s", "0", "3"))
        _, err = run("set", "--control", "c", "reassembly-time-4", "3", status=1)
        expect(err == "estab set: reassembly-time-4: stays as it is: a host is made with it (--set)\n", err)
        expect(value("reassembly-time-4") == "2s")

        def counters():
            return {r["counter"]: r["count"] for r in rows("--counters")}

        def answered(size):
            return subprocess.run(["ping", "-n", "-c1", "-W1", "-s", str(size), THERE],
                                  stdout=subprocess.DEVNULL).returncode == 0

        # three fragments are a datagram, four are too many
        expect(answered(4000) and not answered(5000), counters())
        expect(counters()["DROP_FRAGMENT_LIMIT"] >= 1 and counters()["ACCEPTED_ECHO"] >= 1, counters())
        # nobody is told that a port is closed while the limit is 0, and then everybody
        s = socket.socket()
        s.settimeout(1.5)
        try:
            s.connect((THERE, 7001))
            raise Failed("connected to a closed port")
        except TimeoutError:
            pass
        s.close()
        expect(counters()["DROP_RATE_LIMIT"] >= 1 and "RST_NO_CONNECTION" not in counters(), counters())
        run("set", "--control", "c", "rst-per-second", "10")
        wait_for("refusal", lambda: socket.socket().connect_ex((THERE, 7001)) == 111)
        text = ss("--counters")
        expect("RST_NO_CONNECTION" in text and "no such connection\n" in text, text)
    _, err = run("nc", "-l", "7000", "--set", "max-fragments=5000", status=1)
    expect(err == "estab nc: cannot make the stack: out of memory or a setting out of range\n", err)


@check
def two_hosts_meet_in_a_vlan():
    with Veth():
        there = ("--packet", "va", "--addr", "10.77.0.1/24", "--addr", "fd77::1/64")
        here = ("--packet", "vb", "--addr", "10.77.0.2/24", "--addr", "fd77::2/64")
        with Running("nc", *there, "--vlan", "7", "-lk", "7000", "--control", "c"):
            expect(" vlan 7\n" in ss("--links"), ss("--links"))
            for to in "10.77.0.1", "fd77::1":
                out, _ = run("ping", *here, "--vlan", "7", "-c", "1", "-s", "5000", "-W", "5", to)
                expect("5008 bytes from" in out, out)
            run("ping", *here, "--vlan", "8", "-c", "1", "-W", "0.5", "10.77.0.1", status=1)
            run("ping", *here, "-c", "1", "-W", "0.5", "10.77.0.1", status=1)
    _, err = run("ping", "--tap", "tap0", "--vlan", "7", "10.9.0.1", status=2)
    expect(err == "estab ping: --vlan 7: there is no device tap0 that carries it\n", err)


def identity(*args):
    """The hardware address and the addresses that the host has given itself."""
    with Running("nc", "--packet", "vb", "--addr", "10.7.0.2/24", *args, "-lk", "7000", "--control",
                 "c"):
        wait_for("a link-local address", lambda: [
            r for r in rows("--links") if r.get("autoconf") == 1 and r["state"] == "preferred"])
        advertise("va", "2001:db8:7::")
        wait_for("an address of the prefix", lambda: [
            r for r in rows("--links") if r.get("address", "").startswith("2001:db8:7:")])
        got = rows("--links")
    (mac,) = [r["mac"] for r in got if "mac" in r]
    return mac, sorted((r["address"], r["temporary"]) for r in got if r.get("autoconf") == 1)


@check
def a_host_with_a_secret_is_the_same_again():
    with Veth():
        mac, addresses = identity("--secret", "secret")
        expect(os.stat("secret").st_mode & 0o777 == 0o600)
        expect(len(addresses) == 2 and not any(t for _, t in addresses), addresses)
        expect(identity("--secret", "secret") == (mac, addresses))
        other = identity()
        expect(other[0] != mac and other[1] != addresses, other)
        # temporary ones are new each time, the others stay
        seen = set()
        for _ in range(2):
            again = identity("--secret", "secret", "--temporary")
            expect(again[0] == mac, again)
            expect([a for a in again[1] if not a[1]] == addresses, again)
            (temporary,) = [a for a, t in again[1] if t]
            seen.add(temporary)
        expect(len(seen) == 2, seen)
    os.chmod("secret", 0o644)
    _, err = run("ping", "--secret", "secret", HERE, status=2)
    expect(err == "estab ping: --secret secret: others may look into it: chmod 600\n", err)


# --- ping ---


class Router(Network):
    """The kernel forwards from estab's device to a third host with 10.8.0.2 and fd08::2."""

    def __enter__(self):
        super().__enter__()
        self.joined_by("ra", "rb")
        return self

    def __exit__(self, *_):
        super().__exit__()
        wait_for("the end of the third host", lambda: " ra" not in sh("ip", "link"))


def answers(out):
    return [line for line in out.splitlines() if " bytes from " in line]


@check
def ping_is_answered_in_both_families():
    for host, ttl in (HERE, 64), (HERE6, 64):
        out, err = run("ping", "-c", "3", "-i", "0.05", host)
        lines = out.splitlines()
        headers = 48 if ":" in host else 28
        expect(lines[0] == f"PING {host} ({host}) 56({56 + headers}) bytes of data.", lines)
        for i in range(3):
            expect(lines[i + 1].startswith(f"64 bytes from {host}: icmp_seq={i + 1} ttl={ttl} time="),
                   lines)
        expect(lines[5] == f"--- {host} ping statistics ---", lines)
        expect(lines[6].startswith("3 packets transmitted, 3 received, 0% packet loss, time 1"), lines)
        expect(lines[7].startswith("rtt min/avg/max/mdev = 0."), lines)
        expect(err == "", err)
    out, _ = run("ping", "-qc1", HERE)
    expect(answers(out) == [] and "1 received" in out, out)


@check
def ping_takes_every_size():
    for host, most in (HERE, 65507), (HERE6, 65527):
        for size in 0, 1, 1472, 1473, 9000, most:
            out, _ = run("ping", "-c", "1", "-s", str(size), "-W", "5", host)
            expect(f"\n{size + 8} bytes from {host}: icmp_seq=1" in out and "(" not in answers(out)[0],
                   out)
    _, err = run("ping", "-c", "1", "-s", "65508", HERE, status=2)
    expect("65507" in err, err)


@check
def ping_of_nobody_fails():
    start = time.monotonic()
    out, _ = run("ping", "--tap", "tap0", "-c", "2", "-i", "0.1", "-W", "0.5", "10.9.0.77", status=1)
    expect("2 packets transmitted, 0 received, 100% packet loss" in out and "rtt" not in out, out)
    expect(time.monotonic() - start < 5)
    out, _ = run("ping", "--tap", "tap0", "-w", "0.7", "-i", "0.2", "10.9.0.77", status=1)
    expect("4 packets transmitted" in out, out)
    _, err = run("ping", "--hosts", "/dev/null", "--dns", HERE, "-c", "1", "no.such.test", status=2)
    expect(err.startswith("estab ping: no.such.test: ") and err.count("\n") == 1, err)


@check
def ping_tells_who_says_no():
    with Router():
        for host, router, words in (
                ("10.8.0.2", HERE, "Time to live exceeded"),
                ("fd08::2", HERE6, "Time exceeded: Hop limit")):
            out, _ = run("ping", "-t", "1", "-c", "1", "-W", "5", host, status=1)
            expect(f"\nFrom {router} icmp_seq=1 {words}\n" in out, out)
            expect("1 packets transmitted, 0 received, +1 errors, 100% packet loss" in out, out)
            out, _ = run("ping", "-t", "2", "-c", "1", host)
            expect(" ttl=63 " in out, out)
        out, _ = run("ping", "-c", "1", "-W", "10", "10.8.0.77", status=1)
        expect(f"From {HERE} icmp_seq=1 Destination Host Unreachable" in out, out)
        # The kernel counts these, whatever its sysctls say.
        out, _ = run("ping", "-c", "3", "-i", "1.1", "10.66.0.1", "-W", "1", status=1)
        expect(f"From {HERE} icmp_seq=" in out and "Destination Net Unreachable" in out, out)


@check
def ping_finds_where_the_path_is_narrow():
    with Router() as r:
        sh("ip", "link", "set", "ra", "mtu", "1300")
        r.run("ip", "link", "set", "rb", "mtu", "1300")
        out, _ = run("ping", "-M", "do", "-s", "1400", "-c", "2", "-i", "0.1", "-W", "3", "10.8.0.2",
                     status=1)
        expect(f"From {HERE} icmp_seq=1 Frag needed and DF set (mtu = 1300)\n" in out, out)
        expect("not sent: icmp_seq=2 message too long\n" in out, out)
        run("ping", "--df", "-s", "1272", "-c", "1", "10.8.0.2")
        run("ping", "-s", "1400", "-c", "1", "10.8.0.2")
        out, _ = run("ping", "-s", "1400", "-c", "2", "-i", "0.1", "-W", "3", "fd08::2")
        expect(f"From {HERE6} icmp_seq=1 Packet too big: mtu=1300\n" in out, out)
        expect(f"1408 bytes from fd08::2: icmp_seq=2 " in out, out)


@check
def ping_traces_the_way():
    with Router():
        for host, router in ("10.8.0.2", HERE), ("fd08::2", HERE6):
            out, _ = run("ping", "--trace", host)
            lines = out.splitlines()
            expect(lines[0].startswith(f"trace to {host} ({host}), at most 30 hops, "), out)
            expect(lines[1].startswith(f" 1  {router}  ") and lines[1].count(" ms") == 3, out)
            expect(lines[2].startswith(f" 2  {host}  ") and lines[2].count(" ms") == 3, out)
            expect(len(lines) == 3, out)
        hop = json.loads(run("ping", "--trace", "-j", HERE)[0].splitlines()[0])
        expect(hop["hop"] == 1 and len(hop["answers"]) == 3 and hop["answers"][0]["last"], hop)


@check
def ping_takes_names():
    with open("names", "w", encoding="ascii") as f:
        f.write(f"{HERE} four.test both.test\n{HERE6} six.test both.test\n")
    for args, address in ((("four.test",), HERE), (("six.test",), HERE6),
                          (("-4", "both.test"), HERE), (("-6", "both.test"), HERE6)):
        out, _ = run("ping", "--hosts", "names", "-c", "1", *args)
        expect(out.startswith(f"PING {args[-1]} ({address}) "), out)
        expect(f" bytes from {address}: " in out, out)
    _, err = run("ping", "-6", HERE, status=2)
    expect("not an IPv6 address" in err, err)


@check
def ping_speaks_json():
    out, _ = run("ping", "-j", "-c", "2", "-i", "0.05", HERE)
    reply, _, summary = [json.loads(line) for line in out.splitlines()]
    expect(reply["event"] == "reply" and reply["seq"] == 1 and reply["from"] == HERE, reply)
    expect(reply["bytes"] == 64 and reply["ttl"] == 64 and 0 < reply["ms"] < 100, reply)
    expect(not reply["duplicate"] and not reply["altered"], reply)
    expect(summary["transmitted"] == 2 and summary["received"] == 2, summary)
    expect(summary["min_ms"] <= summary["avg_ms"] <= summary["max_ms"], summary)


@check
def ping_says_what_there_is_when_interrupted():
    p = subprocess.Popen([ESTAB, "ping", "-i", "0.05", "--control", "c", HERE],
                         stdout=subprocess.PIPE)
    try:
        expect(p.stdout.readline().startswith(b"PING "))
        expect(b"icmp_seq=1 " in p.stdout.readline())
        (row,) = [r for r in rows("-a") if r["netid"].startswith("icmp")]
        expect(row["state"] == "UNCONNECTED" and row["sent"] >= 1, row)
        p.send_signal(signal.SIGINT)
        out, _ = p.communicate(timeout=10)
        expect(p.returncode == 0 and b"packets transmitted" in out and b"rtt min" in out, out)
    finally:
        p.kill()
        p.wait()


@check
def ping_works_on_ethernet():
    with Veth():
        for host in "10.7.0.1", "fd07::1", "fe80::1":
            out, _ = run("ping", *PACKET, "-c", "2", "-i", "0.05", "-W", "5", host)
            expect(len(answers(out)) == 2, out)
        out, _ = run("ping", *PACKET, "-c", "1", "-W", "5", "-s", "65507", "10.7.0.1")
        expect("65515 bytes from" in out, out)


def why_sent(file):
    """The reasons of all packets out, in order, as far as the file is written."""
    if not os.path.exists(file):
        return []
    with open(file, "rb") as f:
        lines = [json.loads(line) for line in f.read().splitlines(True) if line.endswith(b"\n")]
    return [r["why"]["name"] for r in lines if r["kind"] == "packet_out"]


@check
def ping_waits_for_what_a_router_says():
    with Veth():
        sh("ip", "-6", "addr", "add", "2001:db8:7::1/64", "dev", "va", "nodad")
        p = subprocess.Popen([ESTAB, "ping", "--packet", "vb", "--addr", "10.7.0.2/24", "-c", "1", "-W",
                              "5", "--json", "waits", "2001:db8:7::1"], stdout=subprocess.PIPE)
        try:
            wait_for("a question for routers", lambda: "ND_ROUTER_SOLICIT" in why_sent("waits"))
            expect(p.poll() is None)
            advertise("va", "2001:db8:7::")
            out, _ = p.communicate(timeout=20)
            expect(p.returncode == 0 and b"64 bytes from 2001:db8:7::1: " in out, out)
            expect("ECHO_REQUEST" not in why_sent("waits")[:why_sent("waits").index("ND_ROUTER_SOLICIT")])
        finally:
            p.kill()
            p.wait()
        # An address that was given does not wait for those that are not: they would be despaired of
        # only after the third question (RFC 4861 §6.3.7).
        run("ping", *PACKET, "-c", "1", "--json", "given", "fd07::1")
        sent = why_sent("given")
        expect(sent[:sent.index("ECHO_REQUEST")].count("ND_ROUTER_SOLICIT") < 3, sent)
        out, _ = run("ping", *PACKET, "-c", "1", "-W", "5", "ff02::1")
        expect("64 bytes from fe80::1" in out, out)


@check
def ping_refuses_what_cannot_be():
    for args in ((), ("a", "b"), ("-c", "0", HERE), ("-i", "0", HERE), ("-i", "1ms", HERE),
                 ("-s", "65508", HERE), ("-t", "0", HERE), ("-t", "256", HERE), ("-M", "x", HERE),
                 ("0.0.0.0",), ("--trace", "-c", "1", HERE), ("-4", HERE6), ("no_name!",)):
        out, err = run("ping", *args, status=2)
        expect(out == "" and err.startswith("estab ping: ") and err.count("\n") == 1, args, err)
    out, _ = run("ping", "-c", "1", "10.9.0.255", status=1)
    expect("not sent: icmp_seq=1 an argument is outside" in out, out)


# --- nc over UDP ---


def udp_socket(host=HERE):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", 0))
    s.settimeout(10)
    return s


def when_up(port, host=THERE):
    """Waits until an estab answers on its device."""
    wait_for("the device", lambda: "estab0" in sh("ip", "link"))
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(10)
    s.connect((host, port))
    return s


@check
def nc_calls_over_udp():
    big = os.urandom(60000)
    for host in HERE, HERE6:
        for data in b"hello\n", big:
            with udp_socket(host) as s:
                got = []

                def echo():
                    try:
                        while sum(map(len, got)) < len(data):
                            text, peer = s.recvfrom(65536)
                            got.append(text)
                            s.sendto(text, peer)
                    except OSError:
                        pass

                t = threading.Thread(target=echo)
                t.start()
                p = subprocess.Popen([ESTAB, "nc", "-u", "-w", "1", host, str(s.getsockname()[1])],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                out, _ = p.communicate(data, timeout=30)
                t.join()
                expect(p.returncode == 0 and out == data, host, len(out), len(data), p.returncode)
                expect(len(got) == (1 if len(data) < 100 else 4), [len(g) for g in got])


@check
def nc_hears_that_nobody_listens_on_udp():
    with udp_socket() as s:
        port = s.getsockname()[1]
    _, err = run("nc", "-u", "-w", "5", HERE, str(port), data=b"x", status=1)
    expect(err == f"estab nc: {HERE}:{port}: connection refused\n", err)


@check
def nc_listens_over_udp():
    for host in THERE, THERE6:
        with Running("nc", "-u", "-l", "7000", "--control", "c") as p:
            one, two = when_up(7000, host), when_up(7000, host)
            one.send(b"first")
            p.has_printed(b"first")
            p.process.stdin.write(b"answer")
            p.process.stdin.flush()
            expect(one.recv(100) == b"answer")
            two.send(b"not for you")
            one.send(b"second")
            p.has_printed(b"firstsecond")
            expect("ESTAB" in ss("-u"), ss("-u"))
            one.close()
            two.close()
    _, err = run("nc", "-u", "-l", "7000", "-w", "0.3", status=1)
    expect(err.endswith("estab nc: nobody: nothing came in time (-w)\n"), err)


@check
def nc_listens_on_over_udp():
    with Running("nc", "-u", "-k", "-l", "7000", "--control", "c") as p:
        for text, all_of_it in (b"one", b"one"), (b"two", b"onetwo"):
            with when_up(7000) as s:
                s.send(text)
                p.has_printed(all_of_it)
                p.process.stdin.write(b"answer to " + text)
                p.process.stdin.flush()
                expect(s.recv(100) == b"answer to " + text)


live_checks.main(__doc__)
