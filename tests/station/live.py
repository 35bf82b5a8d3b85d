#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
estab as one station among others. On a bridge are the Linux kernel (10.7.0.1, fd07::1), which is also
the router to another network, an estab on AF_PACKET (10.7.0.2, fd07::2) and one on a TAP device
(10.7.0.3, fd07::3); behind the router, over a narrow link, is a kernel of its own (10.8.0.2, fd08::2).

        estab a           estab b
        vb |                | tap1
      ==== va ==== br0 ==== tap1 ====          the kernel: 10.7.0.1, router
                    |
                    rf ---------- fr           the far kernel: 10.8.0.2, MTU 1300

The tools that ask are those that anybody would use: ping, traceroute, tracepath, arping, ndisc6, nmap,
dnsmasq. Everything lives in network and mount namespaces which vanish with this program.

    tests/station/live.py build/estab [WORD]...    every check, or those whose name has a word

One line per check, and in the end a table; exit status 0, 1 when one failed, 77 when nothing could
be tried.
"""
import collections
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from xml.etree import ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
import live_checks  # noqa: E402
from live_checks import ESTAB, Network, Running, Skipped, called, end, expect, sh, wait_for  # noqa: E402

DATA = os.urandom(1 << 19) * 2 + b"end"
LARGEST = os.urandom(65507)
MAC_A, MAC_B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
A = ("--packet", "vb", "--mac", MAC_A, "--addr", "10.7.0.2/24", "--addr", "fd07::2/64",
     "--gateway", "10.7.0.1", "--gateway", "fd07::1")
B = ("--tap", "tap1", "--mac", MAC_B, "--addr", "10.7.0.3/24", "--addr", "fd07::3/64")


def estab(*args, **more):
    return Running(ESTAB, *args, **more)


def is_there(*hosts):
    for host in hosts:
        wait_for("an echo from " + host, lambda: subprocess.run(
            ["ping", "-n", "-c1", "-W1", host], stdout=subprocess.DEVNULL).returncode == 0)


class World(Network):
    """The bridge and what is on it; the network is the far kernel's."""

    def __enter__(self):
        super().__enter__()
        sh("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0", "mcast_snooping", "0")
        sh("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
        sh("ip", "tuntap", "add", "dev", "tap1", "mode", "tap")
        for device in "va", "tap1":
            sh("ip", "link", "set", device, "master", "br0")
        for device in "va", "vb", "tap1", "br0":
            sh("ip", "link", "set", device, "up")
        sh("ip", "addr", "add", "10.7.0.1/24", "dev", "br0")
        sh("ip", "-6", "addr", "add", "fd07::1/64", "dev", "br0", "nodad")
        self.joined_by("rf", "fr", 1300)
        os.mkdir("www")
        with open("www/file", "wb") as f:
            f.write(DATA)
        return self

    def narrow(self, near, far):
        """The link to the far kernel: its MTU at the router, and what really gets through."""
        sh("ip", "link", "set", "rf", "mtu", str(near))
        self.run("ip", "link", "set", "fr", "mtu", str(far))


W = World()
LISTENER = ("nc", "-k", "-l")


# --- echo ---


@called("the kernel's ping, both families, 56 to 65,507 octets")
def ping_from_the_kernel():
    with estab(*LISTENER, *A, "5000"):
        is_there("10.7.0.2", "fd07::2")
        for host in "10.7.0.2", "fd07::2":
            for size in "56", "1472", "65507":
                out = sh("ping", "-n", "-c3", "-i0.2", "-W5", "-s", size, host)
                expect(" 0% packet loss" in out, host, size, out)


@called("estab ping to the kernel, both families, 56 to 65,507 octets")
def ping_to_the_kernel():
    for host in "10.7.0.1", "fd07::1":
        for size in "56", "65507":
            with estab("ping", *A, "-c", "3", "-i", "200ms", "-s", size, host) as p:
                out = p.ends()[0].decode()
                expect("3 received" in out or " 0%" in out, host, size, out)


@called("estab ping to another estab, both families")
def ping_between_two_estabs():
    with estab(*LISTENER, *B, "5000"):
        is_there("10.7.0.3", "fd07::3")
        for host in "10.7.0.3", "fd07::3":
            with estab("ping", *A, "-c", "3", "-i", "200ms", host) as p:
                out = p.ends()[0].decode()
                expect("3 received" in out or " 0%" in out, host, out)


@called("estab ping to nobody: the router's and our own word for it")
def ping_to_nobody():
    with estab("ping", *A, "-c", "1", "-W", "6", "10.8.0.99") as p:
        p.ends(1)
        expect("10.7.0.1" in (p.printed() + p.told()).decode(), p.printed(), p.told())


# --- ways ---


@called("traceroute and tracepath to estab from beyond a router, both families")
def ways_to_estab():
    with estab(*LISTENER, *A, "5000"):
        is_there("10.7.0.2", "fd07::2")
        for family, host, router in (("-4", "10.7.0.2", "10.8.0.1"), ("-6", "fd07::2", "fd08::1")):
            out = W.run("traceroute", family, "-n", "-q1", "-w3", "-m5", host)
            lines = out.strip().splitlines()[1:]
            expect(len(lines) == 2 and router in lines[0] and host in lines[1], out)
            out = W.run("traceroute", family, "-n", "-I", "-q1", "-w3", "-m5", host)
            expect(out.strip().splitlines()[-1].split()[:2] == ["2", host], out)
            out = W.run("tracepath", family, "-n", "-m5", host)
            expect("reached" in out and "pmtu 1300" in out, out)


@called("estab ping --trace over a router, both families")
def ways_from_estab():
    for host, router in (("10.8.0.2", "10.7.0.1"), ("fd08::2", "fd07::1")):
        with estab("ping", *A, "--trace", host) as p:
            out = p.ends()[0].decode()
            expect(router in out and host in out, out)


# --- the path's MTU ---


def serve_there(address):
    """The far kernel as a client of estab http, and what it got."""
    url = "http://%s/file" % ("[%s]" % address if ":" in address else address)
    return W.run("curl", "-s", "-g", "-m", "50", "-o", "got", "-w", "%{size_download} %{time_total}",
                   url)


def got_it(out):
    with open("got", "rb") as f:
        expect(hashlib.sha256(f.read()).digest() == hashlib.sha256(DATA).digest(), "changed", out)


@called("a document over a narrow link: packet too big is heard")
def path_mtu_is_told():
    with estab("http", *A, "--port", "80", "--json", "records", "www"):
        is_there("10.7.0.2", "fd07::2")
        for host in "10.7.0.2", "fd07::2":
            # the far end must not tell by its MSS
            W.run("ip", "route", "change", "default", "via", "10.8.0.1", "advmss", "1460")
            W.run("ip", "-6", "route", "change", "default", "via", "fd08::1", "advmss", "1440")
            got_it(serve_there(host))
    with open("records") as f:
        text = f.read()
    expect("RETRANSMIT_MTU" in text, "nothing was sent again smaller")


@called("a document through a black hole: found without ICMP")
def path_mtu_black_hole():
    W.narrow(1500, 1300)  # what is larger vanishes at the far end of the veth
    try:
        with estab("http", *A, "--port", "80", "www"):
            is_there("10.7.0.2", "fd07::2")
            for host in "10.7.0.2", "fd07::2":
                got_it(serve_there(host))
    finally:
        W.narrow(1300, 1300)


# --- datagrams ---


@called("65,507 octets of UDP in fragments from the kernel, both families")
def large_datagrams_from_the_kernel():
    for host in "10.7.0.2", "fd07::2":
        with estab("nc", *A, "-u", "-l", "7000") as p:
            is_there(host)
            s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
            s.sendto(LARGEST, (host, 7000))
            wait_for("all of it", lambda: len(p.printed()) >= len(LARGEST))
            expect(p.printed() == LARGEST, "changed")
            s.close()


@called("65,507 octets of UDP in fragments to the kernel, both families")
def large_datagrams_to_the_kernel():
    for host in "10.7.0.1", "fd07::1":
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        s.bind((host, 7001))
        s.settimeout(20)
        with estab("nc", *A, "-u", "--size", "65507", "-w", "1", host, "7001", data=LARGEST) as p:
            expect(s.recv(70000) == LARGEST, "changed")
            p.ends()
        s.close()


@called("65,507 octets of UDP from one estab to another")
def large_datagrams_between_two_estabs():
    for host in "10.7.0.3", "fd07::3":
        with estab("nc", *B, "-u", "-l", "7002") as p:
            is_there(host)
            with estab("nc", *A, "-u", "--size", "65507", "-w", "1", host, "7002", data=LARGEST) as q:
                wait_for("all of it", lambda: len(p.printed()) >= len(LARGEST))
                expect(p.printed() == LARGEST, "changed")
                q.ends()


# --- neighbours ---


@called("the kernel's neighbour table has estab REACHABLE, with its address")
def neighbour_table():
    with estab(*LISTENER, *A, "5000"):
        is_there("10.7.0.2", "fd07::2")
        for host in "10.7.0.2", "fd07::2":
            sh("ping", "-n", "-c2", "-i0.2", host)
            entry = wait_for("REACHABLE", lambda: re.search(
                ".*REACHABLE.*", sh("ip", "neigh", "show", host, "dev", "br0")))
            expect(MAC_A in entry.group(0), entry.group(0))


@called("estab's neighbour table has the kernel, in ss")
def estabs_own_table():
    with estab(*LISTENER, *A, "--control", "control", "5000"):
        is_there("10.7.0.2", "fd07::2")
        wait_for("the control socket", lambda: os.path.exists("control"))
        out = sh(ESTAB, "ss", "--control", "control", "--neighbours", "--json")
        expect("10.7.0.1" in out and "fd07::1" in out, out)
        out = sh(ESTAB, "ss", "--control", "control", "--links")
        expect(MAC_A in out and "10.7.0.2" in out and "fd07::2" in out, out)


@called("arping and ndisc6 find estab's hardware address")
def arping_and_ndisc6():
    with estab(*LISTENER, *A, "5000"):
        is_there("10.7.0.2", "fd07::2")
        out = sh("arping", "-c2", "-w5", "-I", "br0", "10.7.0.2")
        expect(MAC_A in out.lower() and "Received 2" in out, out)
        out = sh("ndisc6", "-1", "-q", "fd07::2", "br0")
        expect(MAC_A in out.lower(), out)
        # nobody has this address, and estab does not answer for it
        out = sh("arping", "-c1", "-w2", "-I", "br0", "10.7.0.77", status=1)
        expect("Received 0" in out, out)


# --- addresses and names from a server ---


class Www:
    """One document, whatever is asked for, on the kernel's port 80, both families."""

    def __enter__(self):
        self.listener = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def serve(self):
        while True:
            try:
                c, _ = self.listener.accept()
            except OSError:
                return
            with c:
                c.settimeout(30)
                while b"\r\n\r\n" not in c.recv(4096):
                    pass
                c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
                          % len(DATA) + DATA)

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Dnsmasq:
    def __enter__(self):
        if shutil.which("dnsmasq") is None:
            raise Skipped("there is no dnsmasq")
        sh("ip", "-6", "addr", "replace", "fe80::7/64", "dev", "br0", "nodad")
        self.process = subprocess.Popen(
            ["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--no-hosts",
             "--no-resolv", "--interface=br0", "--bind-interfaces", "--except-interface=lo",
             "--dhcp-range=10.7.0.50,10.7.0.60,10m", "--dhcp-option=option:router,10.7.0.1",
             "--dhcp-option=option:dns-server,10.7.0.1", "--enable-ra", "--dhcp-authoritative",
             "--dhcp-range=fd07::,ra-only,64,10m", "--ra-param=br0,4",
             "--dhcp-leasefile=" + os.path.abspath("leases"), "--pid-file=",
             "--host-record=www.test,10.7.0.1,fd07::1", "--log-dhcp", "--log-facility=-"],
            stdout=subprocess.DEVNULL, stderr=open("dnsmasq.log", "wb"))
        return self

    def __exit__(self, *_):
        end(self.process)


@called("dnsmasq gives an address by DHCP, one by RA, and a name")
def dhcp_dns_and_ra():
    with Dnsmasq(), Www():
        for family in "-4", "-6":
            with estab("get", "--packet", "vb", "--mac", MAC_A, "--addr", "auto", family,
                       "http://www.test/file") as p:
                expect(p.ends()[0] == DATA, "changed", family, p.told())
        with open("dnsmasq.log") as f:
            expect("DHCPACK" in f.read(), "no lease was given")


@called("rdisc6 and ndisc6 see a host that has configured itself")
def ndisc6_of_a_slaac_address():
    with Dnsmasq():
        sh("rdisc6", "-1", "-q", "br0", status=None)
        with estab(*LISTENER, "--packet", "vb", "--mac", MAC_A, "--addr", "auto", "-6", "--control",
                   "control", "5000"):
            def ours():
                if not os.path.exists("control"):
                    return None
                out = subprocess.run([ESTAB, "ss", "--control", "control", "--links"],
                                     capture_output=True, text=True).stdout
                return re.search(r"fd07:[0-9a-f:]+", out)
            address = wait_for("an address", ours).group(0)
            is_there(address)
            out = sh("ndisc6", "-1", "-q", address, "br0")
            expect(MAC_A in out.lower(), out)


# --- a scan ---


def scan(*arguments):
    """What nmap says of 10.7.0.2: how many ports are in which state, and which are open."""
    out = sh("nmap", "-n", "-Pn", "-oX", "-", *arguments, "10.7.0.2", limit=120)
    ports = ElementTree.fromstring(out).find("host/ports")
    states = collections.Counter()
    for extra in ports.findall("extraports"):
        states[extra.get("state")] += int(extra.get("count"))
    opened = []
    for port in ports.findall("port"):
        state = port.find("state").get("state")
        states[state] += 1
        if state == "open":
            opened.append(int(port.get("portid")))
    return dict(states), opened


def counters():
    got = json.loads(sh(ESTAB, "ss", "--control", "control", "--counters", "--json"))
    return collections.Counter({c["counter"]: c["count"] for c in got})


UDP_PORTS = (7, 53, 67, 123, 161, 500, 5353)


def serves():
    """The address answers before the program has begun; afterwards the control socket is there too."""
    wait_for("a connection", lambda: subprocess.run(
        ["curl", "-s", "-o", "/dev/null", "http://10.7.0.2/file"]).returncode == 0)


def serves_still(http):
    expect(http.process.poll() is None, "it has ended", http.told())
    c = socket.create_connection(("10.7.0.2", 80), timeout=20)
    c.sendall(b"GET /file HTTP/1.0\r\n\r\n")
    got = b""
    while True:
        part = c.recv(1 << 16)
        if not part:
            break
        got += part
    c.close()
    expect(got.endswith(DATA), "it serves no more")


@called("nmap -sS -sU -O sees every port as it is, and does no harm")
def nmap():
    """Without limits of answers each closed port says so."""
    with estab("http", *A, "--port", "80", "--control", "control", "--set", "rst-per-second=1000000",
               "--set", "icmp-per-second=1000000", "--set", "icmp-per-destination=1000000",
               "www") as http:
        serves()
        states, opened = scan("-sS", "-O", "-p", "1-1000")
        expect(opened == [80] and states == {"open": 1, "closed": 999}, states, opened)
        states, opened = scan("-sU", "-p", ",".join(map(str, UDP_PORTS)))
        expect(states == {"closed": len(UDP_PORTS)}, states, opened)
        expect(counters()["DROP_RATE_LIMIT"] == 0, counters())
        serves_still(http)


@called("nmap meets the limit of answers: no port is called open that is not")
def nmap_meets_the_limits():
    with estab("http", *A, "--port", "80", "--control", "control", "--set", "rst-per-second=50",
               "www") as http:
        serves()
        before = counters()
        states, opened = scan("-sS", "--max-retries", "3", "--min-rate", "1000", "-p", "1-1000")
        got = counters() - before
        expect(opened == [80] and states["closed"] + states["filtered"] == 999, states, opened)
        # each port is asked once to four times; what is not answered is counted as that, and nothing else is
        asked = got["RST_NO_CONNECTION"] + got["DROP_RATE_LIMIT"]
        expect(states["closed"] <= got["RST_NO_CONNECTION"] and got["DROP_RATE_LIMIT"] > 0 and
               999 <= asked <= 4 * 999, states, got)
        serves_still(http)


def nothing():
    """The world stays from check to check."""


if __name__ == "__main__":
    live_checks.main(__doc__, W, nothing, table="estab among other hosts, Linux " + os.uname().release)
