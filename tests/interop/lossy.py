# SPDX-License-Identifier: MIT
"""A kernel peer in a namespace of its own, behind a link that loses, doubles and delays packets.

  lossy.py server|client FAMILY FILE      the peer; a process of its own, which holds both devices

estab <-> its TUN device <-> forwarding <-> TUN near | this process | TUN far <-> the kernel's TCP.
The packets' fates come from a seed, so that a failure has a chance to come again.
"""

import ctypes
import fcntl
import os
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

from harness import PORT, Failed, check, receive_all

CLONE_NEWNET = 0x40000000
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001

LOSE, DOUBLE, DELAY, DELAY_SECONDS = 0.01, 0.01, 0.02, 0.004


def addresses(is6):
    return ("fd02::1", "fd02::2") if is6 else ("10.7.0.1", "10.7.0.2")


def peer_behind_a_bad_link(c):
    """Makes this namespace forward."""
    with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
        f.write("1")
    with open("/proc/sys/net/ipv6/conf/all/forwarding", "w") as f:
        f.write("1")


class Peer:
    """The other process, as the case sees it."""

    def __init__(self, c, role, path="-"):
        self.c = c
        self.address = addresses(c.is6)[1]
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.abspath(__file__), role, "6" if c.is6 else "4",
             path, c.own], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        c.others.append(self.process)
        check(self.process.stdout.readline() == b"ready\n", "the peer did not start")

    def finish(self):
        """(octets, digest) that it received; the link stays until the end of the case."""
        line = self.process.stdout.readline().split()
        check(len(line) == 2, "the peer failed")
        return int(line[0]), line[1].decode()


def tun(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN_NO_PI))
    return fd


def configure(name, address, is6, far):
    def ip(*words):
        subprocess.run(["ip"] + list(words), check=True)

    ip("addr", "add", address + ("/64" if is6 else "/24"), "dev", name, *(["nodad"] if is6 else []))
    ip("link", "set", name, "txqueuelen", "1000", "up")
    if far:
        ip(*(["-6"] if is6 else []), "route", "add", "default", "via", far)


def relay(near, far):
    rng = random.Random(9293)
    other = {near: far, far: near}
    waiting = []  # (when, number, where to, packet)
    poll = select.poll()
    poll.register(near, select.POLLIN)
    poll.register(far, select.POLLIN)

    def put(fd, packet):
        try:
            os.write(fd, packet)
        except OSError:
            pass  # down, or full: lost

    while True:
        for fd, _ in poll.poll(2 if waiting else 1000):
            for _ in range(64):
                try:
                    packet = os.read(fd, 65536)
                except BlockingIOError:
                    break
                fate = rng.random()
                if fate < LOSE:
                    continue
                if fate < LOSE + DELAY:
                    waiting.append((time.monotonic() + DELAY_SECONDS, other[fd], packet))
                    continue
                put(other[fd], packet)
                if fate < LOSE + DELAY + DOUBLE:
                    put(other[fd], packet)
        now = time.monotonic()
        while waiting and waiting[0][0] <= now:
            _, fd, packet = waiting.pop(0)
            put(fd, packet)


def main():
    role, family, path, own = sys.argv[1:5]
    is6 = family == "6"
    here, there = addresses(is6)
    near = tun("near")
    configure("near", here, is6, None)
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise Failed("no namespace")
    far = tun("far")
    configure("far", there, is6, here)
    threading.Thread(target=relay, args=(near, far), daemon=True).start()
    s = socket.socket(socket.AF_INET6 if is6 else socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(60)
    if role == "server":
        s.bind((there, PORT))
        s.listen(1)
        print("ready", flush=True)
        s = s.accept()[0]
        s.settimeout(60)
        got = receive_all(s)
    else:
        print("ready", flush=True)
        s.connect((own, PORT))
        with open(path, "rb") as f:
            s.sendfile(f)
        s.shutdown(socket.SHUT_WR)
        got = receive_all(s)
    s.close()
    print(got[0], got[1], flush=True)
    time.sleep(60)  # the link; the case ends us


if __name__ == "__main__":
    main()
