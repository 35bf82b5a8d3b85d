#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
`estab wan` between the kernel's hosts of two network namespaces, for real. The namespaces vanish
with this program. Needs Linux, unshare(1), ip(8) and root (or user namespaces and an open
/dev/net/tun).

    tests/wan/live.py build/estab [WORD]...     every check, or those whose name contains a word

One line per check; exit status 0, 1 when one failed, 77 when nothing could be tried. Time is judged
only where it cannot be shorter than the path allows; upper bounds are wide.
"""
import ctypes
import hashlib
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
from live_checks import ESTAB, check, expect  # noqa: E402

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)
LEFT, RIGHT = "10.8.0.1", "10.8.0.2"
FAR = None  # the process that holds the other namespace


def far(function):
    """Calls it in the other namespace: a socket stays where it was made."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/proc/{FAR.pid}/ns/net", os.O_RDONLY)
    try:
        expect(LIBC.setns(there, CLONE_NEWNET) == 0, "setns")
        return function()
    finally:
        LIBC.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(there)


class Wan:
    """The emulator, from the left end here to the right end over there."""

    def __init__(self, *args):
        self.process = subprocess.Popen(
            [ESTAB, "wan", "--json", *args, "wan0", f"{FAR.pid}:wan0"], stderr=subprocess.PIPE)
        self.first = self.process.stderr.readline().decode()
        expect(" <-> " in self.first, self.first)

    def counts(self):
        self.process.send_signal(signal.SIGUSR1)
        return json.loads(self.process.stderr.readline())

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out = self.process.communicate(timeout=20)[1].decode()
        expect(self.process.returncode == 0 and out.count("\n") == 1, self.process.returncode, out)
        c = json.loads(out)
        for way in (c["up"], c["down"]):
            expect(way["packets"] + way["duplicated"] == way["delivered"] + way["lost"] +
                   way["queue_full"] + way["no_memory"] + way["on_the_way"], way)
        return c

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def udp_pair(family=socket.AF_INET, address=RIGHT):
    """A socket here that is connected to one over there."""
    there = far(lambda: socket.socket(family, socket.SOCK_DGRAM))
    there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    there.bind((address, 0))
    there.settimeout(20)
    here = socket.socket(family, socket.SOCK_DGRAM)
    here.connect((address, there.getsockname()[1]))
    here.settimeout(20)
    return here, there


def round_trips(n, *pair):
    """Seconds that each of n echoes took."""
    here, there = udp_pair(*pair)
    times = []

    def echo():
        for _ in range(n):
            data, peer = there.recvfrom(100)
            there.sendto(data, peer)

    thread = threading.Thread(target=echo)
    thread.start()
    for i in range(n):
        start = time.monotonic()
        here.send(b"%d" % i)
        expect(here.recv(100) == b"%d" % i)
        times.append(time.monotonic() - start)
    thread.join()
    here.close()
    there.close()
    return times


def numbers_that_arrive(wan, n, size=100):
    """Sends the numbers 0 .. n - 1 in datagrams of `size` octets: those that came, as they came."""
    here, there = udp_pair()
    got = []

    def receive():
        while True:
            number = struct.unpack("I", there.recv(2000)[:4])[0]
            if number == 0xFFFFFFFF:
                return
            got.append(number)

    thread = threading.Thread(target=receive)
    thread.start()
    for i in range(n):
        here.send(struct.pack("I", i) + bytes(size - 32))
        if i % 20 == 0:
            time.sleep(0.002)
    until = time.monotonic() + 20
    while wan.counts()["up"]["on_the_way"] > 0 and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.1)
    there.sendto(struct.pack("I", 0xFFFFFFFF), there.getsockname())
    thread.join()
    here.close()
    there.close()
    return got


def transfer(data):
    """Sends it here, over TCP; the digest of what arrives there, and the seconds until it had."""
    listener = far(lambda: socket.socket(socket.AF_INET))
    listener.bind((RIGHT, 0))
    listener.listen(1)
    digest, end = hashlib.sha256(), []

    def receive():
        c, _ = listener.accept()
        while True:
            part = c.recv(1 << 20)
            if not part:
                break
            digest.update(part)
        end.append(time.monotonic())
        c.close()

    thread = threading.Thread(target=receive)
    thread.start()
    c = socket.create_connection(listener.getsockname(), timeout=60)
    start = time.monotonic()
    c.sendall(data)
    c.close()
    thread.join()
    listener.close()
    return digest.hexdigest(), end[0] - start


# --- the path ---


@check
def a_round_trip_takes_the_delay_of_both_ways():
    with Wan("--up", "--delay", "30", "--down", "--delay", "10") as wan:
        times = round_trips(20)
        expect(min(times) >= 0.040, min(times))
        expect(min(times) < 0.050, min(times))
        c = wan.end()
        expect(c["up"]["delivered"] == c["down"]["delivered"] == 20, c)


@check
def both_families_pass():
    with Wan("--rtt", "10"):
        times = round_trips(5, socket.AF_INET6, "fd00:8::2")
        expect(0.010 <= min(times) < 0.020, times)


@check
def jitter_stays_within_its_bounds():
    with Wan("--delay", "5", "--jitter", "20"):
        times = round_trips(20)
        expect(min(times) >= 0.010 and max(times) - min(times) > 0.005, times)


@check
def packets_are_lost_as_often_as_set_and_the_same_ones_with_the_same_seed():
    got = []
    for seed in ("5", "5", "6"):
        with Wan("--loss", "5", "--rtt", "2", "--seed", seed) as wan:
            got.append(numbers_that_arrive(wan, 4000))
            c = wan.end()
            expect(c["up"]["lost"] == 4000 - len(got[-1]), c["up"], len(got[-1]))
    expect(130 <= 4000 - len(got[0]) <= 270, len(got[0]))
    expect(got[0] == got[1] and got[0] != got[2])


@check
def packets_are_reordered_and_duplicated():
    with Wan("--reorder", "10", "--reorder-by", "20", "--duplicate", "5") as wan:
        got = numbers_that_arrive(wan, 2000)
        c = wan.end()["up"]
    overtaken = sum(a > b for a, b in zip(got, got[1:]))
    expect(set(got) == set(range(2000)) and len(got) == 2000 + c["duplicated"], len(got), c)
    expect(50 <= c["duplicated"] <= 150 and 140 <= c["reordered"] <= 280 and overtaken > 50, c)


@check
def what_is_corrupt_is_delivered_and_dropped_by_the_kernel():
    with Wan("--corrupt", "20") as wan:
        got = numbers_that_arrive(wan, 1000)
        c = wan.end()["up"]
    expect(c["delivered"] == 1000 and got == sorted(set(got)), c)
    expect(len(got) == 1000 - c["corrupted"] and 140 <= c["corrupted"] <= 260, len(got), c)


@check
def the_rate_is_kept_and_the_queue_drops_what_does_not_fit():
    with Wan("--up", "--rate", "8", "--queue", "50") as wan:
        here, there = udp_pair()
        start, n = time.monotonic(), 0
        for _ in range(200):
            here.send(bytes(1000 - 28))
        while n < 50:
            there.recv(2000)
            n += 1
        took = time.monotonic() - start
        here.close()
        there.close()
        c = wan.end()["up"]
    expect(c["packets"] == 200 and c["queue_full"] == 200 - c["delivered"] - c["on_the_way"], c)
    expect(50 <= c["delivered"] + c["on_the_way"] < 200, c)
    expect(0.050 <= took < 0.5, took)  # a millisecond each


@check
def tcp_arrives_byte_for_byte_at_the_rate():
    data = os.urandom(3_000_000)
    with Wan("--rtt", "20", "--rate", "20", "--queue", "2bdp") as wan:
        digest, took = transfer(data)
        c = wan.end()["up"]
    expect(digest == hashlib.sha256(data).hexdigest())
    expect(took >= len(data) * 8 / 20e6, took)
    expect(c["delivered_bytes"] > len(data) and c["lost"] == 0, c)


@check
def tcp_arrives_byte_for_byte_through_every_fault():
    data = os.urandom(1_000_000)
    with Wan("--rtt", "10", "--rate", "50", "--loss", "1", "--reorder", "2", "--reorder-by", "5",
             "--duplicate", "2", "--corrupt", "1") as wan:
        expect(transfer(data)[0] == hashlib.sha256(data).hexdigest())
        c = wan.end()["up"]
    expect(all(c[word] > 0 for word in ("lost", "reordered", "duplicated", "corrupted")), c)


# --- the command ---


@check
def it_ends_on_every_signal_and_leaves_nothing():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with Wan("--delay", "1") as wan:
            names = far(lambda: [name for _, name in socket.if_nameindex()])
            expect("wan0" in names, names)
            wan.end(number)
        expect("wan0" not in far(lambda: [name for _, name in socket.if_nameindex()]))


@check
def it_ends_after_its_duration():
    start = time.monotonic()
    with Wan("--duration", "0.3") as wan:
        wan.process.wait(20)
        expect(time.monotonic() - start >= 0.3 and wan.process.returncode == 0)


@check
def counts_are_lines_of_text_or_json():
    with Wan("--delay", "1") as wan:
        round_trips(3)
        c = wan.counts()
        expect(c["up"]["packets"] == c["down"]["packets"] == 3 and c["seed"] == 1, c)
        expect(c["up"]["bytes"] == 3 * 29, c)
    p = subprocess.run([ESTAB, "wan", "-q", "--duration", "0.1", "wan0", f"{FAR.pid}:wan0"],
                       capture_output=True)
    lines = p.stderr.decode().splitlines()
    expect(p.returncode == 0 and [line.split()[0] for line in lines] == ["up", "down"], lines)


@check
def its_first_line_says_what_the_path_is():
    with Wan("--rtt", "100", "--rate", "10", "--queue", "1bdp") as wan:
        expect(wan.first == f"estab wan: wan0 (10.8.0.1, fd00:8::1) <-> {FAR.pid}:wan0 (10.8.0.2, "
               "fd00:8::2): each way 50 ms, 10 Mbit/s, queue 125000 octets (100 ms)\n", wan.first)


def refused(line, *args):
    p = subprocess.run([ESTAB, "wan", *args], capture_output=True, timeout=20)
    expect(p.returncode == 1 and p.stderr.decode() == line + "\n", p.returncode, p.stderr)


@check
def what_cannot_be_is_told_in_a_line():
    refused("estab wan: there is no network namespace nowhere (/run/netns/nowhere)",
            "wan0", "nowhere:wan0")
    with Wan():
        refused("estab wan: the device wan0 is in use by another process", "wan0",
                f"{FAR.pid}:wan1")
    refused("estab wan: lo exists and is not a TUN device with one queue".replace(
        ": lo", ": the device lo"), "lo", f"{FAR.pid}:wan0")
    with Wan() as wan:
        subprocess.run(["ip", "link", "del", "wan0"], check=True)
        out = wan.process.communicate(timeout=20)[1].decode()
        expect(wan.process.returncode == 1 and
               out.endswith("estab wan: the device wan0 has gone\n"), out)


@check
def a_device_that_was_there_keeps_what_it_has():
    def ip(*args):
        subprocess.run(["ip", *args], check=True)

    ip("tuntap", "add", "dev", "pre0", "mode", "tun")
    try:
        refused("estab wan: the device pre0 is down", "pre0", f"{FAR.pid}:wan0")
        ip("addr", "add", "192.0.2.1/24", "dev", "pre0")
        ip("link", "set", "pre0", "up", "mtu", "1400")
        p = subprocess.run([ESTAB, "wan", "-q", "--duration", "0.1", "pre0", f"{FAR.pid}:wan0"],
                           capture_output=True)
        expect(p.returncode == 0, p.stderr)
        have = subprocess.run(["ip", "addr", "show", "pre0"], capture_output=True).stdout
        expect(b"192.0.2.1/24" in have and b"mtu 1400" in have and b"10.8.0" not in have, have)
    finally:
        ip("link", "del", "pre0")


class Far:
    """The other namespace, where an estab can have a device at all."""

    def __enter__(self):
        global FAR
        FAR = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up; echo; exec sleep 1000"],
            stdout=subprocess.PIPE, preexec_fn=lambda: LIBC.prctl(1, signal.SIGKILL))
        FAR.stdout.readline()
        probe = subprocess.run([ESTAB, "wan", "--duration", "0.01", "wan0", f"{FAR.pid}:wan0"],
                               capture_output=True).stderr
        if b"no right" in probe or b"there is no" in probe:
            self.__exit__()
            live_checks.skip_unless(False, probe.decode().strip())

    def __exit__(self, *_):
        FAR.kill()
        FAR.wait()


def nothing_is_left():
    names = [n for _, n in socket.if_nameindex() + far(socket.if_nameindex)]
    expect(names == ["lo", "lo"], "left behind:", names)


if __name__ == "__main__":
    live_checks.main(__doc__, Far(), nothing_is_left, users=True, mount=False)
