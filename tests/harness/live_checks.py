# SPDX-License-Identifier: MIT
"""
What the scripts of live checks (tests/*/live.py) have in common: they run a real estab among real
hosts in namespaces of their own, one line per check. A script imports this, defines functions under
@check, and ends in main(__doc__).

    tests/NAME/live.py build/estab [WORD]...    every check, or those whose name has a word

Exit status 0, 1 when a check failed, 77 when nothing could be tried.
"""
import contextlib
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

ESTAB = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
CHECKS = []


class Failed(Exception):
    """Something is not as it should be."""


class Skipped(Exception):
    """Something that is needed is not there."""


def check(function):
    CHECKS.append((function.__name__, function))
    return function


def called(what):
    """The same, for a check with a line in the table at the end."""
    def add(function):
        CHECKS.append((what, function))
        return function
    return add


def expect(condition, *details):
    if not condition:
        raise Failed(" ".join(repr(d)[:700] for d in details))


def wait_for(what, question, limit=20):
    """Asks until it is true, and returns what was true. The limit only ends a check that has failed."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        got = question()
        if got:
            return got
        time.sleep(0.02)
    raise Failed("never: " + what)


def sh(*args, status=0, limit=60, **more):
    """Runs somebody else's tool to its end: what it printed."""
    if shutil.which(args[0]) is None:
        raise Skipped("there is no " + args[0])
    try:
        p = subprocess.run(args, capture_output=True, text=True, timeout=limit, **more)
    except subprocess.TimeoutExpired as late:
        raise Failed("does not end", args, late.stdout)
    expect(status is None or p.returncode == status, args, p.returncode, p.stdout, p.stderr)
    return p.stdout


def ip(*args):
    return sh("ip", *args)


def read_all(c):
    """What comes from a socket until its end."""
    parts = []
    while True:
        data = c.recv(1 << 16)
        if not data:
            return b"".join(parts)
        parts.append(data)


def end(process):
    """Asks it to end, and waits."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Running:
    """A process until the end of the block; its output in files, its input `data`, or a pipe."""

    def __init__(self, *args, data=b""):
        self.args = args
        self.out, self.err, self.input = (tempfile.TemporaryFile() for _ in range(3))
        self.input.write(data or b"")
        self.input.seek(0)
        self.process = subprocess.Popen(args, stdout=self.out, stderr=self.err,
                                        stdin=subprocess.PIPE if data is None else self.input)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        if self.process.stdin:
            self.process.stdin.close()

    def printed(self):
        self.out.seek(0)
        return self.out.read()

    def told(self):
        self.err.seek(0)
        return self.err.read()

    def ends(self, status=0, limit=60):
        """What it has printed, and told on standard error, when it has ended as it must."""
        try:
            got = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failed("does not end", self.told())
        expect(got == status, "exit status", got, self.told())
        return self.printed(), self.told()


class Veth:
    """va is the kernel's, with 10.7.0.1, fd07::1 and fe80::1; vb is where estab is a station."""

    def __enter__(self):
        ip("link", "add", "va", "type", "veth", "peer", "name", "vb")
        for device in "va", "vb":
            ip("link", "set", device, "up")
        ip("addr", "add", "10.7.0.1/24", "dev", "va")
        for address in "fd07::1/64", "fe80::1/64":
            ip("-6", "addr", "add", address, "dev", "va", "nodad")
        return self

    def __exit__(self, *_):
        ip("link", "del", "va")


MAC = "02:00:00:00:00:42"
PACKET = ("--packet", "vb", "--mac", MAC, "--addr", "10.7.0.2/24", "--addr", "fd07::2/64")


class Network:
    """A network namespace of another host, held by a process. Hosts there are made with `run`."""

    def __enter__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
        self.pid = str(self.process.pid)
        wait_for("a network of its own", lambda: os.readlink(f"/proc/{self.pid}/ns/net") !=
                 os.readlink("/proc/self/ns/net"))
        self.run("ip", "link", "set", "lo", "up")
        return self

    def run(self, *args, **more):
        return sh("nsenter", "-t", self.pid, "-n", *args, **more)

    def joined_by(self, near, far, mtu=1500):
        """A link from here to there, with the addresses .1 here and .2 there of 10.8.0 and fd08::, over
        which this kernel forwards."""
        ip("link", "add", near, "mtu", str(mtu), "type", "veth", "peer", "name", far, "mtu", str(mtu),
           "netns", self.pid)
        ip("link", "set", near, "up")
        self.run("ip", "link", "set", far, "up")
        ip("addr", "add", "10.8.0.1/24", "dev", near)
        ip("-6", "addr", "add", "fd08::1/64", "dev", near, "nodad")
        self.run("ip", "addr", "add", "10.8.0.2/24", "dev", far)
        self.run("ip", "-6", "addr", "add", "fd08::2/64", "dev", far, "nodad")
        self.run("ip", "route", "add", "default", "via", "10.8.0.1")
        self.run("ip", "-6", "route", "add", "default", "via", "fd08::1")
        for name, value in (("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"),
                            ("ipv4/icmp_ratelimit", "0"), ("ipv6/icmp/ratelimit", "0")):
            with open("/proc/sys/net/" + name, "w", encoding="ascii") as f:
                f.write(value)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def internet_checksum(data):
    if len(data) % 2:
        data += b"\0"
    s = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


# --- the whole ---


def nothing_is_left():
    links = ip("-br", "link")
    expect(links.count("\n") == 1, "left behind:", links)


def enter_namespaces(users=False, mount=True):
    """Starts the script again in them; ends it with 77 where that may not be. `users`: a user
    namespace will do."""
    if os.environ.get("ESTAB_LIVE") == "1":
        return
    flags = ["--net"] + ["--mount"] * mount
    if os.geteuid() != 0:
        flags += ["--map-root-user"]
    if (os.geteuid() != 0 and not users) or shutil.which("unshare") is None or subprocess.run(
            ["unshare", *flags, "true"]).returncode:
        print("skip: no right to a network namespace")
        sys.exit(77)
    os.environ["ESTAB_LIVE"] = "1"
    os.environ.pop("XDG_RUNTIME_DIR", None)  # what else runs here is no concern of ours
    os.execvp("unshare", ["unshare", *flags, sys.executable, "-B", *sys.argv])


def skip_unless(condition, why):
    if not condition:
        print("skip:", why)
        sys.exit(77)


def main(doc, around=contextlib.nullcontext(), after=nothing_is_left, users=False, mount=True,
         table=None):
    """Runs the checks in an empty directory, in namespaces of their own, within the block `around`;
    `after` each one looks at what it has left behind; `table`: the heading of one at the end."""
    if not ESTAB:
        sys.exit(doc)
    enter_namespaces(users, mount)
    words, rows, failures = sys.argv[2:], [], 0
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    skip_unless(os.path.exists("/dev/net/tun"), "there is no /dev/net/tun")
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        with around:
            for what, function in CHECKS:
                name, start = function.__name__, time.monotonic()
                if words and not any(word in name for word in words):
                    continue
                try:
                    function()
                    after()
                    line, result = "ok   " + name, "yes"
                except Skipped as why:
                    line, result = f"skip {name}: {why}", f"skipped: {why}"
                except Exception as problem:  # whatever it is: the other checks go on
                    failures += 1
                    line = f"FAIL {name}: {problem!s}" if isinstance(problem, Failed) else \
                        f"FAIL {name}: {problem!r}"
                    result = "NO"
                seconds = time.monotonic() - start
                rows.append((what, result, seconds))
                print(f"{line} ({seconds:.1f} s)", flush=True)
        os.chdir("/")
    if table:
        print("\n" + table)
        for what, result, seconds in rows:
            print(f"  {what:<{max(len(r[0]) for r in rows)}}  {result:<4} {seconds:5.1f} s")
    sys.stdout.flush()
    os._exit(1 if failures else 0)  # threads of a failed check may still wait
