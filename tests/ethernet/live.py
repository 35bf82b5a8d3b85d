#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
estab as a station on Ethernet beside the Linux kernel: on a TAP device, on a veth pair through
AF_PACKET, through a bridge. Everything is made in network and mount namespaces of its own, which
vanish with this program. Needs Linux, unshare(1), ip(8) and root.

    tests/ethernet/live.py build/estab [WORD]...    every check, or those whose name has a word

One line per check; exit status 0, 1 when one failed, 77 when nothing could be tried.
"""
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import live_checks  # noqa: E402
from live_checks import (ESTAB, MAC, PACKET, Network, Running, Veth, check, expect, internet_checksum,  # noqa: E402
                         ip, read_all, wait_for)

DATA = os.urandom(1 << 20) * 3 + b"end"
US = bytes.fromhex(MAC.replace(":", ""))  # estab's hardware address where a check gives one


def estab(*args, **more):
    return Running(ESTAB, *args, **more)


def connect(host, port, limit=15):
    def once():
        try:
            return socket.create_connection((host, port), timeout=20)
        except OSError:
            return None

    return wait_for("connection to %s" % host, once, limit)


def echo_both_ways(host, *options):
    """The kernel sends to estab and reads what estab sends, at once."""
    with estab("nc", *options, "-l", "5000", data=DATA) as e:
        c = connect(host, 5000)
        c.settimeout(30)
        c.sendall(DATA)
        c.shutdown(socket.SHUT_WR)
        expect(read_all(c) == DATA, "what estab sent has changed on its way")
        c.close()
        out, _ = e.ends()
        expect(out == DATA, "what the kernel sent has changed on its way")


def ping(host, size=56):
    """True when an echo of the kernel's comes back whole."""
    six = ":" in host
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW,
                      socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    s.settimeout(3)
    body = os.urandom(size)
    header = struct.pack("!BBHHH", 128 if six else 8, 0, 0, 0x4242, 1)
    if not six:
        header = header[:2] + struct.pack("!H", internet_checksum(header + body)) + header[4:]
    with s:
        try:
            s.sendto(header + body, (host, 0))
            end = time.monotonic() + 1
            while time.monotonic() < end:
                data = s.recv(65536)
                data = data if six else data[20:]
                if data[0] == (129 if six else 0) and data[8:] == body:
                    return True
        except OSError:
            pass
    return False


def neighbour(address, device):
    return ip("neigh", "show", address, "dev", device)


# --- AF_PACKET on a veth pair ---


@check
def packet_streams_both_ways_over_ipv4():
    with Veth():
        echo_both_ways("10.7.0.2", *PACKET)
        expect("REACHABLE" in neighbour("10.7.0.2", "va") or
               "DELAY" in neighbour("10.7.0.2", "va"), neighbour("10.7.0.2", "va"))


@check
def packet_streams_both_ways_over_ipv6():
    with Veth():
        echo_both_ways("fd07::2", *PACKET)


@check
def what_nobody_speaks_stays_in_the_kernel_and_frames_are_captured():
    with Veth(), tempfile.TemporaryDirectory() as d, \
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        lines, capture = d + "/lines", d + "/capture"
        raw.bind(("va", 0))
        with estab("nc", *PACKET, "--json", lines, "--pcap", capture, "-l", "5000") as e:
            wait_for("the first frame", lambda: os.path.exists(lines) and os.path.getsize(lines))
            here = bytes.fromhex("02000000aaaa")
            for to in b"\xff" * 6, bytes.fromhex("0180c200000e"), US:
                for kind in "88cc", "9000", "0026":  # LLDP, loopback, a length (spanning tree)
                    raw.send(to + here + bytes.fromhex(kind) + bytes(60))
            raw.send(bytes.fromhex("02000000bbbb") + here + bytes.fromhex("0800") + bytes(60))
            c = connect("10.7.0.2", 5000)
            c.sendall(b"hello")
            c.close()
            out, _ = e.ends()
            expect(out == b"hello", out)
        records = [json.loads(line) for line in open(lines, "rb")]
        came = [r for r in records if r["kind"] == "packet_in"]
        types = {r["frame"]["type"] for r in came}
        expect(types <= {0x0800, 0x0806, 0x86DD}, "types that nobody speaks", types)
        expect(all(r["frame"]["src"] != US.hex(":") for r in came), "our own frames came back")
        expect(all(r["frame"]["dst"] != "02:00:00:00:bb:bb" for r in came), "others' frames")
        who = [r["arp"] for r in came if "arp" in r]
        expect(any(a["op"] == "request" and a["target"] == "10.7.0.2" for a in who), who)
        octets = open(capture, "rb").read()
        links, frames, at = set(), 0, 0
        while at < len(octets):
            block, length = struct.unpack_from("<II", octets, at)
            if block == 1:
                links.add(struct.unpack_from("<H", octets, at + 8)[0])
            frames += block == 6
            at += length
        expect(links == {1}, "link types", links)
        expect(frames == sum(r["kind"] in ("packet_in", "packet_out") for r in records),
               "frames in the capture", frames)


@check
def packet_connects_to_the_kernel_which_then_sees_us_reachable():
    with Veth():
        for family, address, target in ((socket.AF_INET, "10.7.0.1", "10.7.0.2"),
                                        (socket.AF_INET6, "fd07::1", "fd07::2")):
            s = socket.socket(family)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((address, 0))
            s.listen()
            s.settimeout(20)
            with estab("nc", *PACKET, address, str(s.getsockname()[1]), data=DATA) as e:
                c, _ = s.accept()
                expect(read_all(c) == DATA, "what estab sent has changed on its way")
                c.sendall(DATA)
                wait_for("REACHABLE", lambda: "REACHABLE" in neighbour(target, "va"))
                expect("02:00:00:00:00:42" in neighbour(target, "va"), neighbour(target, "va"))
                c.close()
                out, _ = e.ends()
                expect(out == DATA)
            s.close()


@check
def the_kernel_pings_us_in_both_families():
    with Veth(), estab("nc", *PACKET, "-k", "-l", "5000"):
        for host in "10.7.0.2", "fd07::2":
            wait_for("an echo from " + host, lambda: ping(host))
            expect(ping(host, 1), host, "one octet")
            expect(ping(host, 1400), host, "1400 octets")


@check
def the_first_ping_may_be_the_largest():
    """Nobody has asked for us before: the answer waits for our hardware address, whole."""
    with Veth():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        s.bind(("va", 0x0806))
        s.settimeout(10)
        with estab("nc", *PACKET, "-k", "-l", "5000"):
            # Probes come first, with no address of the sender's; what is announced may be asked for.
            while s.recv(100)[28:32] != socket.inet_aton("10.7.0.2"):
                pass
            expect(ping("10.7.0.2", 65507), "65507 octets over IPv4")
            expect(ping("fd07::2", 65487), "65487 octets over IPv6")
        s.close()


class Far(Network):
    """Another host behind the kernel, which forwards, over a path of 1,400 octets."""

    def __enter__(self):
        super().__enter__()
        self.joined_by("vc", "vd", 1400)
        return self

    def __exit__(self, *_):
        ip("link", "del", "vc")
        super().__exit__()

    def pings(self, host, size):
        code = "import sys; sys.path.insert(0, %r); import live; sys.exit(not live.ping(%r, %d))"
        here = os.path.dirname(os.path.abspath(__file__))
        p = subprocess.run(["nsenter", "-t", self.pid, "-n", sys.executable, "-B", "-c",
                            code % (here, host, size)])
        return p.returncode == 0


@check
def a_large_echo_is_answered_over_a_narrow_path():
    """RFC 8201: the first answer of IPv6 may be lost, and brings the path's MTU; IPv4 is cut."""
    with Veth(), Far() as far, estab("nc", *PACKET, "--gateway", "10.7.0.1", "--gateway", "fd07::1",
                                     "-k", "-l", "5000"):
        for host in "10.7.0.2", "fd07::2":
            wait_for("an echo from " + host, lambda: far.pings(host, 56))
        expect(far.pings("10.7.0.2", 1460), "1460 octets over IPv4")
        wait_for("1430 octets over IPv6", lambda: far.pings("fd07::2", 1430), 10)
        expect(far.pings("fd07::2", 1430), "and again, at once")


@check
def without_large_segments_and_with_a_small_mtu_it_is_the_same():
    with Veth():
        ip("link", "set", "va", "mtu", "1280")
        ip("link", "set", "vb", "mtu", "1280")
        echo_both_ways("fd07::2", *PACKET)


@check
def a_request_from_a_raw_socket_is_answered_as_arping_sees_it():
    with Veth():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        s.bind(("va", 0x0806))
        s.settimeout(10)
        mine = s.getsockname()[4]
        ask = (b"\xff" * 6 + mine + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + mine +
               socket.inet_aton("10.7.0.1") + bytes(6) + socket.inet_aton("10.7.0.2"))
        with estab("nc", *PACKET, "-k", "-l", "5000"):
            while True:  # probes first, RFC 5227 §2.1.1
                announced = s.recv(100)
                expect(announced[:6] == b"\xff" * 6 and announced[6:12] == US, announced)
                if announced[28:32] != bytes(4):
                    break
            expect(announced[28:32] == announced[38:42] == socket.inet_aton("10.7.0.2"), announced)
            s.send(ask)
            while True:
                answer = s.recv(100)
                if answer[20:22] == b"\0\2":
                    break
            expect(answer[:6] == mine and answer[6:12] == answer[22:28] == US, answer)
            expect(answer[28:32] == socket.inet_aton("10.7.0.2"), answer)
            expect(answer[42:60] == bytes(len(answer[42:60])), "padding", answer)
        s.close()


@check
def what_the_kernel_forgets_it_finds_again_in_the_middle_of_a_stream():
    with Veth(), estab("nc", *PACKET, "-l", "5000", data=b"x") as e:
        c = connect("10.7.0.2", 5000)
        for i in range(20):
            c.sendall(DATA[:100000])
            ip("neigh", "flush", "dev", "va")
        c.shutdown(socket.SHUT_WR)
        expect(read_all(c) == b"x")
        out, _ = e.ends()
        expect(out == DATA[:100000] * 20)


@check
def a_router_advertisement_gives_us_an_address_that_answers():
    """The part of radvd: one message, from the kernel's link-local address."""
    with Veth():
        listen = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86DD))
        listen.bind(("va", 0x86DD))
        listen.settimeout(15)
        ip("-6", "addr", "add", "2001:db8:7::1/64", "dev", "va", "nodad")
        prefix = socket.inet_pton(socket.AF_INET6, "2001:db8:7::")
        message = (struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) +
                   struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 86400, 14400, 0) + prefix)
        raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("va"))
        raw.bind(("fe80::1", 0, 0, socket.if_nametoindex("va")))
        with estab("nc", *PACKET, "-k", "-l", "5000"):
            asked, ours = False, None
            while ours is None:
                f = listen.recv(2000)
                if f[6:12] != US or f[20] != 58:
                    continue
                if f[54] == 133 and not asked:  # router solicitation
                    asked = True
                    raw.sendto(message, ("ff02::1", 0))
                if f[54] == 135 and f[62:70] == prefix[:8]:  # is anybody there with our address?
                    ours = socket.inet_ntop(socket.AF_INET6, f[62:78])
            expect(asked)
            expect(f[22:38] == bytes(16), "a probe has no source", f)
            wait_for("an echo from " + ours, lambda: ping(ours))
        raw.close()
        listen.close()


# --- TAP devices and a bridge ---


@check
def tap_made_here_streams_both_ways_in_both_families():
    for host in "10.9.0.2", "fd00:9::2":
        echo_both_ways(host, "--tap", "tap0")


@check
def two_hosts_meet_through_a_bridge_of_the_kernel():
    ip("link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
    ip("tuntap", "add", "dev", "tap1", "mode", "tap")
    ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
    try:
        for device in "va", "tap1":
            ip("link", "set", device, "master", "br0")
        for device in "br0", "tap1", "va", "vb":
            ip("link", "set", device, "up")
        for a, b, plus in (("10.7.0.2/24", "10.7.0.3/24", "10.7.0.2"),
                           ("fd07::2/64", "fd07::3/64", "fd07::2")):
            with estab("nc", "--tap", "tap1", "--addr", a, "-l", "5000", data=DATA) as server:
                with estab("nc", "--packet", "vb", "--addr", b, plus, "5000", data=DATA) as client:
                    expect(client.ends()[0] == DATA)
                    expect(server.ends()[0] == DATA)
    finally:
        ip("link", "del", "va")
        ip("link", "del", "tap1")
        ip("link", "del", "br0")


@check
def http_is_served_on_ethernet():
    with Veth(), estab("http", *PACKET, "--port", "80", "www"):
        c = connect("10.7.0.2", 80)
        c.sendall(b"GET /file HTTP/1.0\r\n\r\n")
        expect(read_all(c).endswith(DATA))
        c.close()


# --- what is said when it cannot be ---


@check
def what_cannot_be_is_said_in_one_line():
    for arguments, words in (
        (("--packet", "nosuch", "--addr", "10.7.0.2/24"), b"there is no device nosuch"),
        (("--packet", "lo", "--addr", "10.7.0.2/24"), b"no Ethernet"),
        (("--packet", "lo"), b"--addr"),
        (("--tap", "lo"), b"lo"),
    ):
        _, err = estab("nc", *arguments, "10.7.0.1", "1").ends(1)
        expect(words in err and err.count(b"\n") == 1, arguments, err)
    for wrong in "01:00:00:00:00:01", "0:0:0:0:0:0", "x", "02:00:00:00:00:01:02":
        estab("nc", "--mac", wrong, "10.7.0.1", "1").ends(2)


class Www:
    """What the checks serve."""

    def __enter__(self):
        os.mkdir("www")
        with open("www/file", "wb") as f:
            f.write(DATA)

    def __exit__(self, *_):
        pass


if __name__ == "__main__":
    live_checks.main(__doc__, Www())
