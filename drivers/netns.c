/* SPDX-License-Identifier: MIT */
/* A network namespace of one's own; see netns.h. */
#include "drivers/netns.h"
#include "drivers/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int
write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -1;
    n = write(fd, text, strlen(text));
    close(fd);
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* user_namespaces(7): who we are outside becomes root inside; groups must be given up first. */
static int
map_to_root(uid_t uid, gid_t gid)
{
    char map[64];

    if (write_file("/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
        return -1;
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)uid);
    if (write_file("/proc/self/uid_map", map) < 0)
        return -1;
    snprintf(map, sizeof map, "0 %u 1\n", (unsigned)gid);
    return write_file("/proc/self/gid_map", map);
}

int
estab_netns_enter(struct failure *why)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int error;

    if (unshare(CLONE_NEWNET) < 0) {
        if (errno != EPERM)
            return estab_fail(why, "cannot make a network namespace: %s", strerror(errno));
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
            return estab_fail(why,
                              "no right to make a network namespace: run as root, or on a "
                              "kernel that allows user namespaces (%s)",
                              strerror(errno));
        if (map_to_root(uid, gid) < 0)
            return estab_fail(why, "cannot become root of the user namespace: %s", strerror(errno));
    }
    error = estab_netlink_set_up(if_nametoindex("lo"));
    if (error < 0)
        return estab_fail(why, "cannot bring up lo in the new namespace: %s", strerror(-error));
    return 0;
}

int
estab_netns_open(const char *name, struct failure *why)
{
    char path[300];
    size_t len = strlen(name);
    int fd;

    if (len > 255)
        return estab_fail(why, "a namespace has a name of at most 255 characters");
    if (len == 0)
        snprintf(path, sizeof path, "/proc/self/ns/net");
    else if (strspn(name, "0123456789") == len)
        snprintf(path, sizeof path, "/proc/%s/ns/net", name);
    else
        snprintf(path, sizeof path, "%s%s", strchr(name, '/') != NULL ? "" : "/run/netns/", name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return estab_fail(why, "there is no network namespace %s (%s)", name, path);
    if (fd < 0)
        return estab_fail(why, "cannot open the network namespace %s: %s", path, strerror(errno));
    return fd;
}

int
estab_netns_switch(int fd, struct failure *why)
{
    if (setns(fd, CLONE_NEWNET) == 0)
        return 0;
    if (errno == EPERM)
        return estab_fail(why,
                          "no right to enter a network namespace: run as root (CAP_SYS_ADMIN)");
    if (errno == EINVAL)
        return estab_fail(why, "that is not a network namespace");
    return estab_fail(why, "cannot enter a network namespace: %s", strerror(errno));
}

static void
redirect(int from, int to)
{
    if (from == to)
        fcntl(to, F_SETFD, 0);
    else if (from >= 0)
        dup2(from, to);
}

static _Noreturn void
become(const char *const argv[], const struct child_streams *streams, pid_t parent, int report)
{
    sigset_t none;
    int error;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (streams != NULL) {
        redirect(streams->in, STDIN_FILENO);
        redirect(streams->out, STDOUT_FILENO);
        redirect(streams->err, STDERR_FILENO);
    }
    execvp(argv[0], (char *const *)argv);
    error = errno;
    if (write(report, &error, sizeof error) < 0)
        _exit(126);
    _exit(127);
}

pid_t
estab_netns_spawn(const char *const argv[], const struct child_streams *streams,
                  struct failure *why)
{
    pid_t parent = getpid(), child;
    int report[2], error = 0;
    ssize_t n;

    /* The write end closes on exec: end of file means that the program runs. */
    if (pipe2(report, O_CLOEXEC) < 0)
        return estab_fail(why, "cannot make a pipe: %s", strerror(errno));
    child = fork();
    if (child < 0) {
        close(report[0]);
        close(report[1]);
        return estab_fail(why, "cannot start %s: %s", argv[0], strerror(errno));
    }
    if (child == 0)
        become(argv, streams, parent, report[1]);
    close(report[1]);
    do
        n = read(report[0], &error, sizeof error);
    while (n < 0 && errno == EINTR);
    close(report[0]);
    if (n == (ssize_t)sizeof error) {
        waitpid(child, NULL, 0);
        return estab_fail(why, "cannot start %s: %s", argv[0], strerror(error));
    }
    return child;
}

int
estab_netns_end(pid_t child, unsigned grace_ms)
{
    const struct timespec nap = { .tv_nsec = 5000000 };
    int status = 0;

    kill(child, SIGTERM);
    for (unsigned waited = 0; waited < grace_ms; waited += 5) {
        if (waitpid(child, &status, WNOHANG) != 0)
            return status;
        nanosleep(&nap, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return status;
}
