# SPDX-License-Identifier: MIT
"""HTTP between estab and programs on the kernel's TCP: curl, python3 and servers of our own."""

import os
import random
import shutil
import socket
import sys
import threading

from harness import MB, Task, Skipped, check, receive_all, receive_exactly, reset, sha

SMALL = b"a small file\n"


def make_root(c, big):
    """A directory to serve; returns it."""
    root = c.path("root")
    c.write_file("root/small.txt", SMALL)
    c.write_file("root/empty", b"")
    c.write_file("root/sub/index.html", b"<p>index</p>\n")
    c.write_file("root/big", c.data(big))
    return root


def stop_server(e):
    e.process.terminate()
    seconds = e.process.wait(10)
    check(e.process.returncode == 0, "estab http: %s" % e.last_words())
    return seconds


# --- estab http ---


def curl_gets_what_estab_http_serves(c):
    if not shutil.which("curl"):
        raise Skipped("no curl")
    e = c.estab("http", make_root(c, 20 * MB)).ready()

    def curl(*words):
        return c.command("curl", "-sS", "-g", "--noproxy", "*", "-m", 20, *words)

    def status(*words):
        return curl("-o", "/dev/null", "-w", "%{http_code}", *words).decode()

    small, big = c.url("small.txt"), c.url("big")
    data = c.data(20 * MB)
    check(curl(small) == SMALL, "GET of a small file")
    check(curl("-0", small) == SMALL, "GET with HTTP/1.0")
    check(curl(c.url("empty")) == b"", "GET of an empty file")
    check(curl(c.url("sub/")) == b"<p>index</p>\n", "GET of an index")
    check(b"small.txt" in curl(c.url("")), "a directory's list")
    head = curl("-I", big).decode().lower()
    check("200" in head.splitlines()[0], "HEAD: " + head.splitlines()[0])
    check("content-length: %d" % len(data) in head, "HEAD has no right Content-Length")
    check(status("-I", c.url("no-such-file")) == "404", "HEAD of nothing is not 404")
    check(curl("-r", "1000-70000", big) == data[1000:70001], "a range")
    check(curl("-r", "-500", big) == data[-500:], "a range from the end")
    check(curl("-r", "%d-" % (len(data) - 10), big) == data[-10:], "a range to the end")
    check(status("-r", "5-9", big) == "206", "a range is not 206")
    check(status("-r", "99999999-", big) == "416", "a range beyond the end is not 416")
    check(status(c.url("no-such-file")) == "404", "a missing file is not 404")
    check(status("--path-as-is", c.url("../data")) in ("400", "403", "404"), "a path out of the root")
    check(status("-d", "x=1", small) == "405", "POST is not 405")
    times = curl("-w", "%{num_connects},", "-o", "/dev/null", small, "-o", "/dev/null",
                 c.url("empty"), "-o", "/dev/null", c.url("no-such-file"), "-o", "/dev/null", small)
    check(times == b"1,0,0,0,", "connections made for four requests: %s" % times.decode())
    got = curl(big)
    check(len(got) == len(data), "20 MB: %d octets" % len(got))
    check(sha(got) == sha(data), "20 MB: SHA-256 differs")
    stop_server(e)


def two_hundred_connections_at_once_to_estab_http(c):
    """All are open before the first asks; each gets 100 kB, twice on its connection."""
    n, size = 200, 100000
    e = c.estab("http", "-q", make_root(c, size), pcap=False)
    deadline = c.left() - 15
    while "estab0" not in [name for _, name in socket.if_nameindex()] and c.left() > deadline:
        c.rest(0.05)
    c.rest(0.3)  # -q says nothing when it is there
    digest = sha(c.data(size))
    barrier = threading.Barrier(n)
    results = [None] * n

    def client(i):
        s = c.connect(8080)
        s.settimeout(c.left())
        barrier.wait(c.left())
        for _ in range(2):
            s.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            head = b""
            while b"\r\n\r\n" not in head:
                part = s.recv(65536)
                check(part, "the connection ended in the head")
                head += part
            head, body = head.split(b"\r\n\r\n", 1)
            check(head.startswith(b"HTTP/1.1 200"), head[:40].decode())
            body += receive_exactly(s, size - len(body))
            check(sha(body) == digest, "SHA-256 differs")
        results[i] = True

    tasks = [Task(c, client, i) for i in range(n)]
    for i, t in enumerate(tasks):
        t.result("client %d" % i)
    check(all(results), "not every client got its file")
    for s in c.sockets:
        s.close()
    stop_server(e)


def a_client_that_resets_does_not_disturb_estab_http(c):
    e = c.estab("http", make_root(c, 8 * MB)).ready()
    for i in range(20):
        s = c.connect(8080)
        s.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        receive_exactly(s, 100000 * (i % 4))
        reset(s)
    s = c.connect(8080)
    s.sendall(b"GET /small.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    n, _ = receive_all(s)
    check(n > len(SMALL), "no answer after 20 resets")
    s.close()
    stop_server(e)


# --- estab get ---


def fetch(c, url, *options):
    """estab get into a file; returns the process, ended, and the file's path."""
    out = c.path("fetched")
    if os.path.exists(out):
        os.unlink(out)
    e = c.estab("get", *options, "-o", out, url)
    e.wait()
    return e, out


def expect_fetched(c, url, data, what):
    e, out = fetch(c, url)
    check(e.process.returncode == 0, "%s: %s" % (what, e.last_words()))
    with open(out, "rb") as f:
        got = f.read()
    check(len(got) == len(data) and sha(got) == sha(data),
          "%s: %d octets of %d, or others" % (what, len(got), len(data)))


def expect_nothing(c, url, words, what):
    e, out = fetch(c, url)
    check(e.process.returncode == 1, "%s: %s" % (what, e.last_words()))
    check(words in e.errors(), "%s: %s" % (what, e.last_words()))
    check(not os.path.exists(out), "%s: a file was left" % what)


def estab_get_fetches_from_python_http_server(c):
    root = make_root(c, 20 * MB)
    c.process(sys.executable, "-m", "http.server", "--bind", "::" if c.is6 else "0.0.0.0",
              "--directory", root, "8080")
    while True:
        try:
            c.connect(8080, "::1" if c.is6 else "127.0.0.1").close()
            break
        except ConnectionRefusedError:
            c.rest(0.1)
    expect_fetched(c, c.url("big", c.kernel), c.data(20 * MB), "20 MB")
    expect_fetched(c, c.url("empty", c.kernel), b"", "an empty file")
    expect_nothing(c, c.url("no-such-file", c.kernel), "HTTP 404", "a missing file")
    out = c.estab("get", c.url("small.txt", c.kernel), stdout=-1)
    check(out.stdout.read() == SMALL, "to standard output")
    out.ends(0)


def serve_once(c, listener, answer):
    """Reads a request and calls answer(socket)."""

    def serve():
        s = c.accept(listener)
        request = b""
        while b"\r\n\r\n" not in request:
            part = s.recv(65536)
            if not part:
                return
            request += part
        try:
            answer(s)
        except (BrokenPipeError, ConnectionResetError):
            pass
        s.close()

    return Task(c, serve)


def estab_get_reads_every_framing(c):
    """Chunks of odd sizes with extensions and trailers; and up to the close of the connection."""
    listener = c.listen(8080)
    data = c.data(3 * MB)
    rng = random.Random(1)

    def chunked(s):
        out = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"]
        at = 0
        while at < len(data):
            n = min(rng.choice((1, 7, 100, 1448, 5000, 65536)), len(data) - at)
            extension = b";a=b" if rng.random() < 0.2 else b""
            out.append(b"%x%s\r\n" % (n, extension) + data[at : at + n] + b"\r\n")
            at += n
        out.append(b"0\r\nX-Trailer: yes\r\n\r\n")
        whole = b"".join(out)
        at = 0
        while at < len(whole):  # cut anywhere
            n = rng.randrange(1, 40000)
            s.sendall(whole[at : at + n])
            at += n

    def to_the_end(s):
        s.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + data)

    def to_the_end_1_0(s):
        s.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + data)

    def after_interim(s):
        s.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    url = c.url("x", c.kernel)
    for answer, expected in ((chunked, data), (to_the_end, data), (to_the_end_1_0, data),
                             (after_interim, b"hello")):
        server = serve_once(c, listener, answer)
        expect_fetched(c, url, expected, answer.__name__)
        server.result("the server")


def estab_get_keeps_nothing_that_is_not_whole(c):
    listener = c.listen(8080)
    data = c.data(MB)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * MB)

    def too_short(s):
        s.sendall(head + data)

    def reset_inside(s):
        s.sendall(head + data)
        reset(s)

    def chunk_cut(s):
        s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000\r\n" + data[:1000])

    def no_answer(s):
        pass

    url = c.url("x", c.kernel)
    for answer, words in ((too_short, "incomplete"), (reset_inside, "reset by peer"),
                          (chunk_cut, "incomplete"), (no_answer, "no response")):
        server = serve_once(c, listener, answer)
        expect_nothing(c, url, words, answer.__name__)
        server.result("the server")


def register(case):
    case(limit=60)(curl_gets_what_estab_http_serves)
    case(limit=60)(two_hundred_connections_at_once_to_estab_http)
    case()(a_client_that_resets_does_not_disturb_estab_http)
    case()(estab_get_fetches_from_python_http_server)
    case()(estab_get_reads_every_framing)
    case()(estab_get_keeps_nothing_that_is_not_whole)
