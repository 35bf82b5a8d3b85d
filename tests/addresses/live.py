#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
How a host comes by its addresses on Ethernet: dnsmasq gives leases and advertises prefixes and name
servers on a veth pair or a bridge, others use an address already, or nobody answers. Everything
is made in network and mount namespaces of its own, which vanish with this program. Needs Linux,
unshare(1), ip(8), dnsmasq and root.

    tests/addresses/live.py build/estab [WORD]...    every check, or those whose name has a word

One line per check; exit status 0, 1 when one failed, 77 when nothing could be tried.
"""
import fcntl
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import live_checks  # noqa: E402
from live_checks import ESTAB, MAC, Running, Veth, check, end, expect, ip, wait_for  # noqa: E402

US = bytes.fromhex(MAC.replace(":", ""))
AUTO = ("--packet", "vb", "--addr", "auto")


def estab(*args, **more):
    return Running(ESTAB, *args, **more)


class Dnsmasq:
    """Names, leases of 10.7.0.50-60 and the prefix fd07::/64 on a device, unless `options` say otherwise."""

    V4 = ("--dhcp-range=10.7.0.50,10.7.0.60,255.255.255.0,10m", )
    V6 = ("--enable-ra", "--dhcp-range=fd07::,ra-only", "--dhcp-option=option6:dns-server,[fd07::1]",
          "--dhcp-option=option6:domain-search,lan.test")

    def __init__(self, *options, device="va"):
        self.log = open("dnsmasq.log", "w+b")
        self.leases = os.path.abspath("leases")
        if os.path.exists(self.leases):
            os.unlink(self.leases)
        self.process = subprocess.Popen(
            ["dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=",
             "--user=root", "--bind-interfaces", "--interface=" + device, "--except-interface=lo", "--no-ping",
             "--host-record=www.test,10.7.0.1,fd07::1", "--host-record=four.test,10.7.0.1",
             "--host-record=six.test,fd07::1", "--host-record=www.lan.test,fd07::1", "--log-dhcp",
             "--dhcp-leasefile=" + self.leases, *options], stdout=self.log, stderr=subprocess.STDOUT)

    def text(self):
        with open("dnsmasq.log", "rb") as f:
            return f.read()

    def __enter__(self):
        wait_for("dnsmasq", lambda: b"started" in self.text())
        return self

    def __exit__(self, *_):
        end(self.process)
        self.log.close()


class Server:
    """Says who has connected, and with which MSS."""

    def __enter__(self):
        self.socket = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        while True:
            try:
                c, peer = self.socket.accept()
            except OSError:
                return
            with c:
                c.recv(4096)
                mss = c.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
                body = ("%s %d" % (peer[0].removeprefix("::ffff:"), mss)).encode()
                c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def get(*arguments):
    """Our address as the server sees it, and the MSS."""
    out, _ = estab("get", *arguments).ends()
    address, mss = out.decode().split()
    return address, int(mss)


def is_leased(address):
    return address.startswith("10.7.0.") and 50 <= int(address.split(".")[3]) <= 60


# --- dnsmasq gives everything ---


def names_and_addresses(*options):
    with Dnsmasq(*Dnsmasq.V4, *Dnsmasq.V6) as server, Server():
        expect(is_leased(get(*options, "http://four.test/")[0]))
        expect(get(*options, "http://six.test/")[0].startswith("fd07::"))
        expect(is_leased(get(*options, "-4", "http://www.test/")[0]))
        expect(get(*options, "-6", "http://www.test/")[0].startswith("fd07::"))
        expect(get(*options, "-6", "http://[fd07::1]/")[0].startswith("fd07::"))
        expect(get(*options, "-6", "http://www/")[0].startswith("fd07::"), "no search list")
        log = server.text()
        for word in b"DHCPDISCOVER", b"DHCPOFFER", b"DHCPREQUEST", b"DHCPACK", b"DHCPRELEASE", b"RTR-ADVERT":
            expect(word in log, word, log[-2000:])
        expect(log.count(b"DHCPACK(") == log.count(b"DHCPRELEASE(") == 3, log[-2000:])
        with open(server.leases, encoding="ascii") as f:
            expect("10.7.0." not in f.read(), "what was given back is still leased")


@check
def packet_gets_addresses_and_names_in_both_families():
    with Veth():
        names_and_addresses(*AUTO)


@check
def tap_behind_a_bridge_gets_addresses_and_names_in_both_families():
    ip("tuntap", "add", "dev", "tap1", "mode", "tap")
    ip("link", "add", "va", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
    try:
        ip("link", "set", "tap1", "master", "va", "up")
        ip("link", "set", "va", "up")
        ip("addr", "add", "10.7.0.1/24", "dev", "va")
        ip("-6", "addr", "add", "fd07::1/64", "dev", "va", "nodad")
        ip("-6", "addr", "add", "fe80::1/64", "dev", "va", "nodad")
        names_and_addresses("--tap", "tap1", "--addr", "auto")
    finally:
        ip("link", "del", "va")
        ip("link", "del", "tap1")


class Vlan:
    """A TAP device of the kernel's whose frames are those of one VLAN on va: a switch's access port,
    for kernels that have no VLANs themselves."""

    def __init__(self, number):
        self.tag = struct.pack("!HH", 0x8100, number)
        self.number = number
        self.tap = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.tap, 0x400454CA, struct.pack("16sH22x", b"access", 0x1002))  # IFF_TAP | IFF_NO_PI
        self.trunk = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.trunk.bind(("va", 3))
        self.trunk.setsockopt(263, 8, 1)  # PACKET_AUXDATA: where the kernel puts the tag
        self.trunk.setsockopt(263, 1, struct.pack("iHH8x", socket.if_nametoindex("va"), 1, 0))  # all of it
        self.bell, self.ring = os.pipe()

    def from_trunk(self):
        frame, notes, _, sender = self.trunk.recvmsg(2000, 100)
        if sender[2] == socket.PACKET_OUTGOING:
            return
        for _, _, data in notes:
            status, _, _, _, _, tci, _ = struct.unpack("IIIHHHH", data[:20])
            if status & 0x10 and tci & 0xFFF == self.number:
                os.write(self.tap, frame)

    def carry(self):
        while True:
            ready, _, _ = select.select([self.tap, self.trunk, self.bell], [], [])
            if self.bell in ready:
                return
            if self.trunk in ready:
                self.from_trunk()
            if self.tap in ready:
                frame = os.read(self.tap, 2000)
                self.trunk.send(frame[:12] + self.tag + frame[12:])

    def __enter__(self):
        ip("link", "set", "access", "mtu", "1496", "up")  # the tag needs its room on va
        self.thread = threading.Thread(target=self.carry)
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.write(self.ring, b"x")
        self.thread.join()
        for fd in self.tap, self.bell, self.ring:
            os.close(fd)
        self.trunk.close()


@check
def a_vlan_gives_addresses_and_names_in_both_families():
    """The server is on VLAN 7 alone; a host without a tag, or with another, hears nothing of it."""
    with Veth():
        ip("addr", "flush", "dev", "va")
        with Vlan(7):
            ip("addr", "add", "10.7.0.1/24", "dev", "access")
            for address in "fd07::1/64", "fe80::1/64":
                ip("-6", "addr", "add", address, "dev", "access", "nodad")
            others = (("--mac", "02:00:00:00:00:43"), ("--mac", "02:00:00:00:00:44", "--vlan", "8"))
            with Dnsmasq(*Dnsmasq.V4, *Dnsmasq.V6, device="access") as server, Server(), \
                    estab("get", *AUTO, *others[0], "http://10.7.0.1/") as untagged, \
                    estab("get", *AUTO, *others[1], "http://10.7.0.1/") as another:
                expect(is_leased(get(*AUTO, "--vlan", "7", "--mac", MAC, "http://four.test/")[0]))
                expect(get(*AUTO, "--vlan", "7", "-6", "http://www/")[0].startswith("fd07::"))
                expect(b"DHCPACK(access) " in server.text() and MAC.encode() in server.text(), server.text())
                # These began before, and have nothing: whom they ask does not hear them.
                for e, (_, mac, *_) in zip((untagged, another), others):
                    expect(e.process.poll() != 0 and mac.encode() not in server.text(), e.told(), server.text())


@check
def the_hardware_address_of_the_lease_is_the_one_of_the_frames():
    with Veth(), Dnsmasq(*Dnsmasq.V4) as server, Server():
        address, _ = get(*AUTO, "-4", "--mac", MAC, "http://10.7.0.1/")
        expect(is_leased(address))
        expect(b"DHCPACK(va) " + address.encode() + b" " + MAC.encode() in server.text(), server.text())
        expect(MAC in ip("neigh", "show", address, "dev", "va"))


@check
def the_hardware_address_of_a_secret_gets_its_lease_again():
    with Veth(), Dnsmasq(*Dnsmasq.V4), Server():
        first = get(*AUTO, "-4", "--secret", "identity", "http://four.test/")[0]
        expect(is_leased(first) and get(*AUTO, "-4", "--secret", "identity", "http://four.test/")[0] == first, first)


@check
def routes_and_mtu_of_the_lease_are_used():
    """198.51.100.1 is the kernel's, beyond a gateway that stands outside of our network."""
    with Veth(), Server():
        ip("addr", "add", "198.51.100.1/32", "dev", "lo")
        ip("addr", "add", "192.0.2.9/32", "dev", "lo")
        for option in ("--dhcp-option=3,10.7.0.1", "--dhcp-option=121,198.51.100.0/24,10.7.0.1",
                       "--dhcp-option=121,0.0.0.0/0,192.0.2.9"):
            with Dnsmasq(*Dnsmasq.V4, option, "--dhcp-option=26,1300"):
                address, mss = get(*AUTO, "http://198.51.100.1/")
                expect(is_leased(address))
                expect(mss == 1300 - 40 - 12, "mss", mss)
        ip("addr", "del", "198.51.100.1/32", "dev", "lo")
        ip("addr", "del", "192.0.2.9/32", "dev", "lo")


@check
def a_lease_is_renewed_while_the_program_runs_and_given_back_at_its_end():
    with Veth(), Dnsmasq(*Dnsmasq.V4, "--dhcp-option=option:T1,3", "--dhcp-option=option:T2,60") as server:
        with estab("nc", *AUTO, "-4", "--mac", MAC, "-k", "-l", "5000") as e:
            wait_for("two renewals", lambda: server.text().count(b"DHCPACK(va)") >= 3)
            log = server.text()
            expect(log.count(b"DHCPDISCOVER(") == 1, log)
            expect(b"DHCPRELEASE" not in log, log)
            with open(server.leases, encoding="ascii") as f:
                expect(MAC in f.read())
            e.process.send_signal(signal.SIGTERM)
            e.process.wait(10)
        wait_for("the release", lambda: b"DHCPRELEASE(va)" in server.text())
        wait_for("no lease", lambda: MAC not in open(server.leases, encoding="ascii").read())


# --- one of the two ---


@check
def without_dhcp_a_router_is_enough():
    with Veth(), Dnsmasq(*Dnsmasq.V6), Server():
        start = time.monotonic()
        expect(get(*AUTO, "-6", "http://www.test/")[0].startswith("fd07::"))
        expect(time.monotonic() - start < 6, "waits too long")
        expect(get(*AUTO, "http://www.test/")[0].startswith("fd07::"))


@check
def a_name_server_with_a_link_local_address_is_asked():
    with Veth(), Dnsmasq(*Dnsmasq.V6[:2], "--dhcp-option=option6:dns-server,[fe80::]"), Server():
        expect(get(*AUTO, "-6", "http://six.test/")[0].startswith("fd07::"))


@check
def without_a_router_dhcp_is_enough():
    with Veth(), Dnsmasq(*Dnsmasq.V4), Server():
        start = time.monotonic()
        expect(is_leased(get(*AUTO, "-4", "http://www.test/")[0]))
        expect(time.monotonic() - start < 3, "waits too long")
        expect(is_leased(get(*AUTO, "http://www.test/")[0]))


# --- somebody has the address ---


@check
def an_address_offered_that_another_host_has_is_declined_and_another_taken():
    with Veth(), Server():
        ip("addr", "add", "10.7.0.50/32", "dev", "lo")  # the kernel answers for it on every device
        with Dnsmasq(*Dnsmasq.V4, "--dhcp-host=%s,10.7.0.50" % MAC) as server:
            address, _ = get(*AUTO, "-4", "--mac", MAC, "http://10.7.0.1/")
            expect(is_leased(address) and address != "10.7.0.50", address)
            expect(b"DHCPDECLINE(va) 10.7.0.50" in server.text(), server.text())
        with Dnsmasq("--dhcp-range=10.7.0.50,10.7.0.50,255.255.255.0,10m"):
            _, err = estab("get", *AUTO, "-4", "http://10.7.0.1/").ends(1)
            expect(b"the address that the DHCP server on vb offers, 10.7.0.50, is used by another host" in err and
                   err.count(b"\n") == 1, err)
        with Dnsmasq("--dhcp-range=10.7.0.50,10.7.0.50,255.255.255.0,10m") as server:
            estab("nc", *AUTO, "-4", "--probe", "off", "-w", "2", "10.7.0.1", "1").ends(1)
            expect(b"DHCPACK(va) 10.7.0.50" in server.text() and b"DECLINE" not in server.text(), server.text())
        ip("addr", "del", "10.7.0.50/32", "dev", "lo")


@check
def a_given_address_that_another_host_has_is_not_taken():
    with Veth():
        for address, length in ("10.7.0.1", 24), ("fd07::1", 64):
            with estab("nc", "--packet", "vb", "--addr", "%s/%d" % (address, length), "-l", "5000") as e:
                _, err = e.ends(1)
                expect(err == b"estab nc: the address %s is used by another host on vb\n" % address.encode(), err)


@check
def a_given_address_that_nobody_has_is_announced_after_three_probes():
    with Veth():
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        s.bind(("va", 0x0806))
        s.settimeout(10)
        for how, probes in ("quick", 3), ("off", 0):
            with estab("nc", "--packet", "vb", "--mac", MAC, "--addr", "10.7.0.2/24", "--probe", how, "-l", "5000"):
                seen = []
                while not seen or seen[-1] != socket.inet_aton("10.7.0.2"):
                    f = s.recv(100)
                    if f[6:12] == US and f[38:42] == socket.inet_aton("10.7.0.2"):
                        seen.append(f[28:32])
                expect(seen == [bytes(4)] * probes + [socket.inet_aton("10.7.0.2")], how, seen)
            while True:  # what is left of the first turn
                s.settimeout(0.2)
                try:
                    s.recv(100)
                except TimeoutError:
                    break
            s.settimeout(10)
        s.close()


# --- nobody ---


@check
def where_nobody_answers_it_is_said_in_one_line():
    with Veth():
        start = time.monotonic()
        waits = [(estab("get", *AUTO, *options, "http://10.7.0.1/" if options != ("-6", ) else "http://[fd07::1]/"), words)
                 for options, words in (((), b"no router and no DHCP server answered in 10 s on vb"),
                                        (("-4", ), b"no DHCP server answered in 10 s on vb"),
                                        (("-6", ), b"no router answered in 10 s on vb"))]
        for e, words in waits:
            with e:
                _, err = e.ends(1)
                expect(err == b"estab get: " + words + b"\n", err)
        expect(9 < time.monotonic() - start < 15)


@check
def a_wait_for_an_address_can_be_interrupted():
    with Veth(), estab("get", *AUTO, "http://10.7.0.1/") as e:
        time.sleep(1)
        e.process.send_signal(signal.SIGINT)
        start = time.monotonic()
        _, err = e.ends(1)
        expect(err == b"estab get: interrupted\n", err)
        expect(time.monotonic() - start < 3)


@check
def what_auto_cannot_do_is_said_before_anything_is_tried():
    for arguments, words in (
        (("--addr", "auto"), b"--addr auto needs --packet, --tap or --tun"),
        (("--tun", "nosuch", "--addr", "auto", "-6"), b"DHCP gives no IPv6 address"),
        (("--packet", "vb", "--addr", "auto", "--addr", "10.7.0.2/24"), b"auto"),
        (("--packet", "vb", "--addr", "auto", "--probe", "maybe"), b"not one of off, quick, rfc"),
    ):
        _, err = estab("get", *arguments, "http://www.test/").ends(2)
        expect(words in err and err.count(b"\n") == 1, arguments, err)


if __name__ == "__main__":
    live_checks.skip_unless(shutil.which("dnsmasq"), "no dnsmasq (tools/setup test)")
    live_checks.main(__doc__)
