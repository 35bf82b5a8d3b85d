# SPDX-License-Identifier: MIT
"""What the cases are written in: an estab process, the kernel's sockets at the other end, data whose
digest is known, tasks, and limits on every wait.

A case runs in namespaces of its own as their first process (see `run`), with a fresh kernel TCP.
"""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

MB = 1 << 20
DATA_SIZE = 64 * MB
PORT = 20000


class Failed(Exception):
    """The case failed, and why in one line."""


class Skipped(Exception):
    """The case cannot run here, and why in one line."""


def check(condition, why):
    if not condition:
        raise Failed(why)


def sha(data):
    return hashlib.sha256(data).hexdigest()


def make_data(directory):
    """64 MB that no compression, zeroing or shifting leaves alone."""
    block = os.urandom(MB)
    with open(os.path.join(directory, "data"), "wb") as f:
        for i in range(DATA_SIZE // MB):
            f.write(hashlib.sha256(b"%d" % i).digest() + block[i : MB - 32] + block[:i])


class Task(threading.Thread):
    """A function in a thread; result() gives what it returned, or raises what it raised."""

    def __init__(self, case, function, *args):
        super().__init__(daemon=True)
        self.case, self.function, self.args = case, function, args
        self.value = self.error = None
        self.start()

    def run(self):
        try:
            self.value = self.function(*self.args)
        except BaseException as error:
            self.error = error

    def result(self, what="a task"):
        self.join(self.case.left())
        if self.is_alive():
            raise Failed("%s did not end in time" % what)
        if self.error is not None:
            if isinstance(self.error, (Failed, Skipped)):
                raise self.error
            raise Failed("%s: %s: %s" % (what, type(self.error).__name__, self.error))
        return self.value


class Estab:
    """An estab process; its standard error goes to a file."""

    def __init__(self, case, args, stdin, stdout, pcap):
        self.case = case
        n = len(case.estabs)
        self.log = os.path.join(case.directory, "%s-%d.stderr" % (case.name, n))
        self.command = args[0]
        words = [case.program, args[0]]
        self.pcap = None
        if pcap:
            self.pcap = os.path.join(case.directory, "captures", "%s-%d.pcapng" % (case.name, n))
            words += ["--pcap", self.pcap]
        words += [str(a) for a in args[1:]]
        self.started = time.monotonic()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                words, stdin=stdin, stdout=stdout, stderr=log, env=dict(os.environ, LC_ALL="C")
            )
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        case.estabs.append(self)

    def errors(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def ready(self):
        """Waits until it says where it listens; the device is configured then."""
        while True:
            text = self.errors()
            if "listening on" in text or " at http://" in text:
                return self
            if self.process.poll() is not None:
                raise Failed("estab %s ended: %s" % (self.command, self.last_words()))
            self.case.rest(0.02)

    def device(self):
        """The name of the device that it made."""
        return self.errors().split("(device ")[1].split(")")[0]

    def last_words(self):
        lines = self.errors().strip().splitlines()
        return "status %s, '%s'" % (self.process.returncode, lines[-1] if lines else "")

    def wait(self):
        """Waits until it has ended; returns the seconds since it was started."""
        try:
            self.process.wait(self.case.left())
        except subprocess.TimeoutExpired:
            raise Failed("estab %s did not end: '%s'" % (self.command, self.errors().strip()[-200:]))
        return time.monotonic() - self.started

    def ends(self, status, words=None):
        """Waits for the end; checks the exit status and what standard error must say."""
        seconds = self.wait()
        check(self.process.returncode == status, "estab %s: %s, expected status %d"
              % (self.command, self.last_words(), status))
        if words is not None:
            check(words in self.errors(), "estab %s did not say '%s': %s"
                  % (self.command, words, self.last_words()))
        return seconds


class Case:
    def __init__(self, name, family, program, directory, limit):
        self.name, self.program, self.directory = name, program, directory
        self.is6 = family == 6
        self.af = socket.AF_INET6 if self.is6 else socket.AF_INET
        # What estab chooses when it is not told.
        self.own = "fd00:9::2" if self.is6 else "10.9.0.2"
        self.kernel = "fd00:9::1" if self.is6 else "10.9.0.1"
        self.silent = "fd00:9:dead::1" if self.is6 else "10.99.0.1"
        self.data_path = os.path.join(directory, "data")
        self.limit = limit
        self.started = time.monotonic()
        self.estabs, self.sockets, self.others = [], [], []

    # --- time ---

    def left(self):
        left = self.started + self.limit - time.monotonic()
        if left <= 0:
            raise Failed("not done within %d s" % self.limit)
        return left

    def rest(self, seconds):
        self.left()
        time.sleep(seconds)

    # --- data ---

    def data(self, size, offset=0):
        with open(self.data_path, "rb") as f:
            f.seek(offset)
            return f.read(size)

    def path(self, name):
        return os.path.join(self.directory, "%s.%s" % (self.name, name))

    def write_file(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(content)
        return path

    # --- the two ends ---

    def estab(self, *args, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pcap=True):
        return Estab(self, args, stdin, stdout, pcap)

    def command(self, *words):
        """Runs a command that must succeed; returns its output."""
        p = subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=self.left())
        check(p.returncode == 0, "%s: status %d, %s" % (" ".join(map(str, words)), p.returncode,
              p.stderr.decode(errors="replace").strip()[-200:]))
        return p.stdout

    def process(self, *words):
        """Another process, ended at the end of the case."""
        p = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.others.append(p)
        return p

    def socket(self, receive_buffer=None):
        s = socket.socket(self.af, socket.SOCK_STREAM)
        if receive_buffer is not None:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        s.settimeout(self.left())
        self.sockets.append(s)
        return s

    def listen(self, port, receive_buffer=None):
        s = self.socket(receive_buffer)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("::" if self.is6 else "0.0.0.0", port))
        s.listen(64)
        return s

    def accept(self, listener):
        listener.settimeout(self.left())
        s = listener.accept()[0]
        s.settimeout(self.left())
        self.sockets.append(s)
        return s

    def connect(self, port, address=None, receive_buffer=None):
        s = self.socket(receive_buffer)
        s.connect((address or self.own, port))
        return s

    def url(self, path, address=None, port=8080):
        host = address or self.own
        return "http://%s:%d/%s" % ("[%s]" % host if self.is6 else host, port, path)

    # --- the end ---

    def end(self):
        for s in self.sockets:
            s.close()
        for p in self.others:
            p.kill()
            p.wait(5)
        for e in self.estabs:
            for stream in (e.stdin, e.stdout):
                if stream is not None:
                    try:
                        stream.close()
                    except OSError:
                        pass

    def kill(self):
        for e in self.estabs:
            if e.process.poll() is None:
                e.process.kill()
                e.process.wait(5)

    def leftovers(self):
        """What is in these namespaces beside us and the loopback device."""
        left = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % pid) as f:
                    words = f.read().rsplit(")", 1)
                # An orphan that has ended waits for us, the first process, to see it.
                if int(pid) != os.getpid() and words[1].split()[0] != "Z":
                    left.append("process %s" % words[0].replace(" (", " "))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return left + ["device %s" % n for _, n in socket.if_nameindex() if n != "lo"]


def receive_all(s):
    """What arrives until the end: its length and its digest."""
    digest, n = hashlib.sha256(), 0
    while True:
        part = s.recv(MB)
        if not part:
            return n, digest.hexdigest()
        digest.update(part)
        n += len(part)


def receive_exactly(s, n):
    parts = []
    while n > 0:
        part = s.recv(min(n, MB))
        check(part, "the connection ended %d octets early" % n)
        parts.append(part)
        n -= len(part)
    return b"".join(parts)


def reset(s):
    """Closes with a RST."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    s.close()


def expect_same(got, size, digest, what):
    check(got[0] == size, "%s: %d octets of %d" % (what, got[0], size))
    check(got[1] == digest, "%s: SHA-256 differs" % what)


def run_case(name, function, family, limit, program, directory):
    """Runs one case, prints seconds and a line, returns the exit status: 0, 1, or 77 for skipped."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    case = Case(name, family, program, directory, limit)
    # As the first process of the namespace we get only signals that we ask for.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(143))
    status, line = 0, ""
    try:
        function(case)
        running = [e for e in case.estabs if e.process.poll() is None]
        check(not running, "estab %s still runs" % (running[0].command if running else ""))
        case.end()
        until = time.monotonic() + 2
        while case.leftovers() and time.monotonic() < until:
            time.sleep(0.02)
        check(not case.leftovers(), "left behind: " + ", ".join(case.leftovers()))
    except Skipped as e:
        status, line = 77, str(e)
    except Failed as e:
        status, line = 1, str(e)
    except Exception as e:
        status, line = 1, "%s: %s" % (type(e).__name__, e)
        traceback.print_exc()
    if status != 0:
        case.kill()
        case.end()
    print("%.1f %s" % (time.monotonic() - case.started, " ".join(line.split())))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # threads of a failed case do not keep us
