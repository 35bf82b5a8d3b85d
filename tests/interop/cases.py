# SPDX-License-Identifier: MIT
"""The cases of tests/interop/run: estab with the kernel's TCP as its peer.

  cases.py list                          name, limit in seconds and phase of each case
  cases.py data DIRECTORY                makes the data that the cases send
  cases.py run NAME ESTAB DIRECTORY      runs one, in the namespaces that `run` made

The name of a case is its claim. Long waits come first, so that the others fill them.
"""

import errno
import fnmatch
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import http_cases
import lossy
from harness import (
    MB, DATA_SIZE, PORT, Failed, Skipped, Task, check, expect_same, make_data, receive_all,
    receive_exactly, reset, run_case, sha,
)

PIPE = subprocess.PIPE
registry = {}


def case(limit=30, families=(4, 6), phase=1):
    def add(function):
        for family in families:
            name = "%s_ipv%d" % (function.__name__, family)
            registry[name] = (function, family, limit, phase)
        return function

    return add


# --- silence: what only time tells ---


def lost_peer(c, lose):
    """The peer answers, then vanishes; keepalive 2,1,3 gives up 5 s after its last segment."""
    e = c.estab("nc", "--keepalive", "2,1,3", "-l", PORT, stdin=PIPE, stdout=PIPE).ready()
    s = c.connect(PORT)
    s.sendall(b"still here\n")
    check(e.stdout.read(11) == b"still here\n", "text did not arrive")
    c.rest(3)
    check(e.process.poll() is None, "it gave up a peer that answers")
    lose(e)
    gone = time.monotonic()
    e.ends(1, "stopped answering")
    seconds = time.monotonic() - gone
    check(2 < seconds < 9, "noticed after %.1f s, expected about 5" % seconds)


@case()
def keepalive_notices_a_device_that_went_down(c):
    lost_peer(c, lambda e: c.command("ip", "link", "set", e.device(), "down"))


@case()
def keepalive_notices_a_peer_behind_a_black_hole(c):
    own = c.own + ("/128" if c.is6 else "/32")
    lost_peer(c, lambda e: c.command("ip", "route", "add", "blackhole", own))


@case()
def keepalive_keeps_an_idle_peer(c):
    listener = c.listen(PORT)
    e = c.estab("nc", "--keepalive", "500ms,500ms,2", c.kernel, PORT, stdin=PIPE, stdout=PIPE)
    s = c.accept(listener)
    c.rest(4)
    check(e.process.poll() is None, "it gave up an idle peer")
    e.stdin.write(b"ping")
    e.stdin.close()
    check(receive_exactly(s, 4) == b"ping", "text did not arrive after the pause")
    s.sendall(b"pong")
    s.close()
    check(e.stdout.read() == b"pong", "text did not come back after the pause")
    e.ends(0)


@case()
def a_silent_address_times_out(c):
    e = c.estab("nc", "-w", 2, c.silent, PORT)
    seconds = e.ends(1, "not connected in time")
    check(1.9 < seconds < 60, "ended after %.1f s, expected 2" % seconds)
    e = c.estab("get", "-w", 2, c.url("", c.silent))
    seconds = e.ends(1)
    check(1.9 < seconds < 60, "get ended after %.1f s, expected 2" % seconds)


@case()
def a_wait_for_a_silent_address_can_be_interrupted(c):
    e = c.estab("nc", c.silent, PORT)
    c.rest(4)
    check(e.process.poll() is None, "it did not wait: %s" % e.last_words())
    e.process.terminate()
    asked = time.monotonic()
    e.ends(1)
    check(time.monotonic() - asked < 2, "it did not end at once")


# --- much data ---


def estab_sends(c, size, *options, pcap=False, stdin_is_file=True):
    """estab nc to a kernel server, which answers with the digest."""
    digest = sha(c.data(size))
    listener = c.listen(PORT)

    def serve():
        s = c.accept(listener)
        got = receive_all(s)
        s.sendall(got[1].encode())
        s.close()
        return got

    server = Task(c, serve)
    if size == DATA_SIZE:
        path = c.data_path
    else:
        path = c.write_file("sent", c.data(size))
    with open(path, "rb") as f:
        e = c.estab("nc", *options, c.kernel, PORT, stdin=f, stdout=PIPE, pcap=pcap)
    expect_same(server.result("the server"), size, digest, "estab sent")
    check(e.stdout.read().decode() == digest, "the answer did not arrive whole")
    e.ends(0)
    return e


def estab_receives(c, size, *options, pcap=False):
    """A kernel client to estab nc -l."""
    digest = sha(c.data(size))
    out = c.path("received")
    with open(out, "wb") as f:
        e = c.estab("nc", *options, "-l", PORT, stdout=f, pcap=pcap).ready()
    s = c.connect(PORT)
    with open(c.data_path, "rb") as f:
        s.sendfile(f, 0, size)
    s.shutdown(socket.SHUT_WR)
    check(receive_all(s)[0] == 0, "text came back from nowhere")
    s.close()
    e.ends(0)
    with open(out, "rb") as f:
        got = f.read()
    os.unlink(out)
    expect_same((len(got), sha(got)), size, digest, "estab received")
    return e


@case(limit=60)
def estab_sends_64_MB(c):
    estab_sends(c, DATA_SIZE)


@case(limit=60)
def estab_receives_64_MB(c):
    estab_receives(c, DATA_SIZE)


@case(limit=60)
def sixteen_MB_each_way_at_once(c):
    up, down = c.data(16 * MB), c.data(16 * MB, 7 * MB)
    listener = c.listen(PORT)
    path = c.write_file("up", up)
    with open(path, "rb") as f:
        e = c.estab("nc", c.kernel, PORT, stdin=f, stdout=PIPE, pcap=False)
    s = c.accept(listener)

    def send():
        s.sendall(down)
        s.shutdown(socket.SHUT_WR)

    sender = Task(c, send)
    reader = Task(c, e.stdout.read)
    expect_same(receive_all(s), len(up), sha(up), "estab sent")
    sender.result("the sender")
    got = reader.result("standard output")
    expect_same((len(got), sha(got)), len(down), sha(down), "estab received")
    e.ends(0)


# --- half close ---


@case()
def estab_closes_its_side_and_the_kernel_goes_on(c):
    up, down = c.data(300000), c.data(4 * MB, 5000)
    listener = c.listen(PORT)
    with open(c.write_file("up", up), "rb") as f:
        e = c.estab("nc", c.kernel, PORT, stdin=f, stdout=PIPE)
    s = c.accept(listener)
    expect_same(receive_all(s), len(up), sha(up), "estab sent")
    c.rest(0.5)
    reader = Task(c, e.stdout.read)
    s.sendall(down)
    s.shutdown(socket.SHUT_WR)
    got = reader.result("standard output")
    expect_same((len(got), sha(got)), len(down), sha(down), "estab received")
    e.ends(0)


@case()
def the_kernel_closes_its_side_and_estab_goes_on(c):
    up, down = c.data(300000), c.data(4 * MB, 5000)
    e = c.estab("nc", "-l", PORT, stdin=PIPE, stdout=PIPE).ready()
    s = c.connect(PORT)
    s.sendall(up)
    s.shutdown(socket.SHUT_WR)
    got = Task(c, e.stdout.read).result("standard output")  # up to its end, while input is open
    expect_same((len(got), sha(got)), len(up), sha(up), "estab received")
    c.rest(0.5)
    check(e.process.poll() is None, "it ended with its own side open: %s" % e.last_words())

    def feed():
        e.stdin.write(down)
        e.stdin.close()

    feeder = Task(c, feed)
    expect_same(receive_all(s), len(down), sha(down), "estab sent")
    feeder.result("standard input")
    e.ends(0)


@case()
def both_sides_close_at_once(c):
    """Repeated, so that FINs also cross."""
    for i in range(10):
        listener = c.listen(PORT + i)
        e = c.estab("nc", "-p", 5000 + i, c.kernel, PORT + i, stdin=PIPE, stdout=PIPE, pcap=i == 0)
        s = c.accept(listener)
        closing = Task(c, e.stdin.close)
        s.shutdown(socket.SHUT_WR)
        check(receive_all(s)[0] == 0, "text from nowhere")
        closing.result("closing standard input")
        e.ends(0)
        e.stdin = None


# --- resets and refusals ---


@case()
def a_reset_while_estab_sends_is_reported(c):
    listener = c.listen(PORT)
    with open(c.write_file("up", c.data(8 * MB)), "rb") as f:
        e = c.estab("nc", c.kernel, PORT, stdin=f, stdout=PIPE)
    s = c.accept(listener)
    receive_exactly(s, MB)
    reset(s)
    e.ends(1, "connection reset by peer")


@case()
def a_reset_while_estab_receives_is_reported(c):
    with open(c.path("received"), "wb") as f:
        e = c.estab("nc", "-l", PORT, stdin=PIPE, stdout=f).ready()
    s = c.connect(PORT)
    s.sendall(c.data(MB))
    reset(s)
    e.ends(1, "connection reset by peer")
    with open(c.path("received"), "rb") as f:
        got = f.read()
    check(got == c.data(len(got)), "what came before the reset is not what was sent")


@case()
def a_reset_when_idle_is_reported(c):
    listener = c.listen(PORT)
    e = c.estab("nc", c.kernel, PORT, stdin=PIPE, stdout=PIPE)
    s = c.accept(listener)
    c.rest(0.3)
    reset(s)
    e.ends(1, "connection reset by peer")


@case()
def a_closed_port_of_the_kernel_refuses_at_once(c):
    e = c.estab("nc", c.kernel, PORT + 1)
    seconds = e.ends(1, "connection refused")
    check(seconds < 1.5, "refused only after %.1f s" % seconds)
    e = c.estab("get", c.url("", c.kernel))
    seconds = e.ends(1, "connection refused")
    check(seconds < 1.5, "get: refused only after %.1f s" % seconds)


@case()
def each_start_is_refused_soon(c):
    """Also right after the device was made. A first SYN may come before the kernel has finished its
    addresses, and costs the 1 s of a repetition; never more, and not often."""
    seconds = [c.estab("nc", c.kernel, PORT, pcap=False).ends(1, "connection refused")
               for _ in range(12)]
    check(sorted(seconds)[6] < 5, "starts took %s" % ["%.1f s" % t for t in seconds])


@case()
def a_closed_port_of_estab_refuses_at_once(c):
    e = c.estab("nc", "-l", PORT).ready()
    for port in (PORT + 1, 1, 65535):
        started = time.monotonic()
        try:
            c.connect(port)
            raise Failed("port %d took a connection" % port)
        except OSError as error:
            check(error.errno == errno.ECONNREFUSED, "port %d: %s" % (port, error))
        check(time.monotonic() - started < 5, "port %d: refused only after 5 s" % port)
    s = c.connect(PORT)
    # It listened for one connection and has that one.
    c.rest(0.1)
    try:
        c.connect(PORT)
        raise Failed("a second connection was taken without -k")
    except OSError as error:
        check(error.errno == errno.ECONNREFUSED, "second connection: %s" % error)
    s.close()
    e.ends(0)


@case()
def the_kernel_sees_a_reset_when_estab_is_interrupted(c):
    e = c.estab("nc", "-l", PORT, stdin=PIPE, stdout=PIPE).ready()
    s = c.connect(PORT)
    s.sendall(b"hello")
    check(e.stdout.read(5) == b"hello", "text did not arrive")
    e.process.send_signal(signal.SIGINT)
    e.ends(1)
    try:
        s.recv(1)
        raise Failed("the kernel saw an orderly end")
    except ConnectionResetError:
        pass


@case()
def every_signal_leaves_nothing_behind(c):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
        for words in (["nc", "-l", PORT], ["http", c.directory]):
            e = c.estab(*words, pcap=False).ready()
            name = e.device()
            check(name in [n for _, n in socket.if_nameindex()], "no device %s" % name)
            e.process.send_signal(number)
            e.wait()
            c.rest(0.1)
            check(not c.leftovers(), "%s after %s left %s" % (
                words[0], number.name, ", ".join(c.leftovers())))


# --- sizes ---


def mtu_case(mtu, families=(4, 6)):
    def both_ways(c):
        """2 MB each way, and no packet is larger than the MTU, but for none being much smaller."""
        options = ["--mtu", mtu] + ([] if c.is6 else ["-4"])
        for e in (estab_sends(c, 2 * MB, *options, pcap=True),
                  estab_receives(c, 2 * MB, *options, pcap=True)):
            if shutil.which("tshark"):
                out = c.command("tshark", "-r", e.pcap, "-T", "fields", "-e", "frame.len")
                largest = max(map(int, out.split()))
                check(mtu - max(100, mtu // 100) < largest <= mtu, "largest packet %d, MTU %d" % (largest, mtu))

    both_ways.__name__ = "two_MB_each_way_with_mtu_%d" % mtu
    case(families=families)(both_ways)


mtu_case(576, families=(4,))
mtu_case(1280)
mtu_case(1500)
mtu_case(9000)
mtu_case(65535)


@case()
def a_device_that_was_there_is_used_and_stays(c):
    """Its MTU is 1500; estab is told 1280 and announces the MSS of that."""
    mine, theirs = ("fd01::1/64", "fd01::2/64") if c.is6 else ("10.8.0.1/24", "10.8.0.2/24")
    c.command("ip", "tuntap", "add", "dev", "tun7", "mode", "tun")
    c.command("ip", "addr", "add", mine, "dev", "tun7", *(["nodad"] if c.is6 else []))
    c.command("ip", "link", "set", "tun7", "up")
    e = c.estab("nc", "--tun", "tun7", "--mtu", 1280, "--addr", theirs, "-l", PORT, stdout=PIPE)
    deadline = time.monotonic() + 5
    while True:  # with --addr nothing says when it is there
        s = c.socket()
        try:
            s.settimeout(0.5)
            s.connect((theirs.split("/")[0], PORT))
            break
        except OSError as error:
            check(time.monotonic() < deadline, "no connection: %s" % error)
            c.rest(0.1)
    s.settimeout(c.left())
    mss = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)
    expected = 1280 - (60 if c.is6 else 40)
    check(expected - 12 <= mss <= expected, "the kernel's MSS is %d, expected %d" % (mss, expected))
    data = c.data(MB)
    reader = Task(c, e.stdout.read)
    s.sendall(data)
    s.close()
    check(reader.result("standard output") == data, "not what was sent")
    e.ends(0)
    check("tun7" in [n for _, n in socket.if_nameindex()], "the user's device was removed")
    c.command("ip", "link", "del", "tun7")


# --- flow control ---


@case()
def a_slow_kernel_reader_closes_the_window_and_loses_nothing(c):
    data = c.data(2 * MB)
    listener = c.listen(PORT, receive_buffer=16384)
    with open(c.write_file("up", data), "rb") as f:
        e = c.estab("nc", c.kernel, PORT, stdin=f)
    s = c.accept(listener)
    c.rest(3)  # closed long enough to be probed
    parts, n = [], 0
    while True:
        part = s.recv(32768)
        if not part:
            break
        parts.append(part)
        n += 1
        if n % 8 == 0:
            c.rest(0.02)
    got = b"".join(parts)
    expect_same((len(got), sha(got)), len(data), sha(data), "estab sent")
    s.close()
    e.ends(0)
    zero_windows(c, e, c.kernel)


@case()
def a_slow_estab_reader_closes_the_window_and_loses_nothing(c):
    data = c.data(12 * MB)
    e = c.estab("nc", "-l", PORT, stdout=PIPE).ready()
    s = c.connect(PORT)
    sent = [0]

    def send():
        while sent[0] < len(data):
            sent[0] += s.send(data[sent[0] : sent[0] + 65536])
        s.shutdown(socket.SHUT_WR)

    sender = Task(c, send)
    c.rest(1.5)
    before = sent[0]
    c.rest(1.5)
    check(sent[0] == before, "the sender went on though nobody read")
    check(before < len(data), "12 MB fitted: the window was never closed")
    parts = []
    while True:
        part = os.read(e.stdout.fileno(), 65536)
        if not part:
            break
        parts.append(part)
        if len(parts) % 16 == 0:
            c.rest(0.01)
    got = b"".join(parts)
    expect_same((len(got), sha(got)), len(data), sha(data), "estab received")
    sender.result("the sender")
    s.close()
    e.ends(0)
    zero_windows(c, e, c.own)


def zero_windows(c, e, source):
    """That the window was closed, as the capture shows."""
    if not shutil.which("tshark"):
        return
    flt = "%s.src == %s && tcp.window_size == 0 && tcp.flags.reset == 0" % (
        "ipv6" if c.is6 else "ip", source)
    out = c.command("tshark", "-r", e.pcap, "-Y", flt, "-T", "fields", "-e", "frame.number")
    check(out.strip(), "no zero window in the capture")


# --- more than one ---


@case()
def two_estab_hosts_talk_through_the_kernel(c):
    """The kernel only forwards; both hosts chose their own subnet."""
    with open("/proc/sys/net/ipv4/ip_forward", "w") as f:
        f.write("1")
    with open("/proc/sys/net/ipv6/conf/all/forwarding", "w") as f:
        f.write("1")
    data = c.data(4 * MB)
    a = c.estab("nc", "-l", PORT, stdout=PIPE).ready()
    with open(c.write_file("up", data), "rb") as f:
        b = c.estab("nc", c.own, PORT, stdin=f)
    got = Task(c, a.stdout.read).result("standard output")
    expect_same((len(got), sha(got)), len(data), sha(data), "estab sent and received")
    a.ends(0)
    b.ends(0)


@case()
def keep_listening_serves_one_after_the_other(c):
    e = c.estab("nc", "-l", "-k", PORT, stdin=subprocess.DEVNULL, stdout=PIPE).ready()
    expected = b""
    for i in range(20):
        part = c.data(20000, 20000 * i)
        s = c.connect(PORT)
        s.sendall(part)
        s.shutdown(socket.SHUT_WR)
        check(receive_all(s)[0] == 0, "text from nowhere")
        s.close()
        expected += part
        got = e.stdout.read(len(part))
        check(got == part, "connection %d: not what was sent" % i)
    time.sleep(0.5)  # a signal in the midst of the last close would be a failure
    e.process.terminate()
    e.ends(0)


# --- a link that loses, doubles and reorders ---


@case(limit=60)
def a_bad_link_loses_nothing_that_estab_sends(c):
    lossy.peer_behind_a_bad_link(c)
    data = c.data(3 * MB)
    server = lossy.Peer(c, "server")
    with open(c.write_file("up", data), "rb") as f:
        e = c.estab("nc", server.address, PORT, stdin=f, stdout=PIPE)
    got = server.finish()
    expect_same(got, len(data), sha(data), "estab sent")
    e.ends(0)


@case(limit=60)
def a_bad_link_loses_nothing_that_estab_receives(c):
    lossy.peer_behind_a_bad_link(c)
    data = c.data(3 * MB)
    e = c.estab("nc", "-l", PORT, stdout=PIPE).ready()
    reader = Task(c, e.stdout.read)
    client = lossy.Peer(c, "client", c.write_file("down", data))
    got = reader.result("standard output")
    expect_same((len(got), sha(got)), len(data), sha(data), "estab received")
    client.finish()
    e.ends(0)


# --- what was captured above ---


@case(limit=90, phase=2)
def captures_are_well_formed(c):
    """tshark finds no malformed packet and no wrong checksum; frames say what the stack thought."""
    if not shutil.which("tshark"):
        raise Skipped("no tshark")
    paths = [p for p in sorted(os.listdir(os.path.join(c.directory, "captures")))
             if fnmatch.fnmatch(p, "*_ipv%d-*.pcapng" % (6 if c.is6 else 4))]
    if not paths:
        raise Skipped("no case of this run wrote a capture")
    fields = ["frame.number", "tcp.checksum.status", "ip.checksum.status", "icmp.checksum.status",
              "icmpv6.checksum.status", "tcp.checksum", "tcp.checksum_calculated", "_ws.malformed",
              "frame.comment"]
    packets = comments = verified = 0
    for name in paths:
        path = os.path.join(c.directory, "captures", name)
        check(os.path.getsize(path) > 0, "%s is empty" % name)
        # What TCP carries is not looked into: random octets are no protocol.
        out = c.command("tshark", "-r", path, "-o", "tcp.check_checksum:TRUE",
                        "-o", "ip.check_checksum:TRUE", "-d", "tcp.port==%d,data" % PORT,
                        "-d", "tcp.port==8080,data", "-T", "fields",
                        *[w for f in fields for w in ("-e", f)])
        for line in out.decode(errors="replace").splitlines():
            values = dict(zip(fields, line.split("\t")))
            where = "%s, frame %s: " % (name, values["frame.number"])
            check(not values["_ws.malformed"], where + "malformed")
            comment = values.get("frame.comment", "")
            # The kernel writes a sum of zero as its other form, ones (as UDP must); tshark calls
            # that bad, a receiver that adds it up does not (RFC 1071 §1). Ours must be zero.
            other_zero = comment.startswith("received:") and (
                values["tcp.checksum"], values["tcp.checksum_calculated"]) == ("0xffff", "0x0000")
            for field in fields[1:5]:
                # 0: bad, 1: good; a quoted header has one too, cut short and so not verified.
                bad = "0" in values.get(field, "").split(",")
                check(not bad or (field == fields[1] and other_zero), where + field + " is bad")
            packets += 1
            comments += bool(comment)
            verified += values["tcp.checksum.status"] == "1"
    check(packets > 0, "no packet in %d captures" % len(paths))
    check(verified * 10 > packets * 9, "%d of %d checksums verified" % (verified, packets))
    check(comments * 10 > packets * 9, "only %d of %d packets have a comment" % (comments, packets))
    print("%d captures, %d packets, %d comments" % (len(paths), packets, comments), file=sys.stderr)


http_cases.register(case)


def main():
    if sys.argv[1] == "list":
        for name, (_, _, limit, phase) in sorted(registry.items(), key=lambda i: i[1][3]):
            print("%s\t%d\t%d" % (name, limit, phase))
    elif sys.argv[1] == "data":
        make_data(sys.argv[2])
    elif sys.argv[1] == "run":
        name, program, directory = sys.argv[2:5]
        function, family, limit, _ = registry[name]
        run_case(name, function, family, limit, program, directory)


if __name__ == "__main__":
    main()
