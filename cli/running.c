/* SPDX-License-Identifier: MIT */
/* Which hosts are running; see running.h. */
#include "cli/running.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* False: it is not there, or others can write into it. */
static bool
directory(char path[RUNNING_PATH], bool make)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    struct stat st;
    int n;

    if (base == NULL || base[0] != '/') /* the specification wants it absolute */
        return false;
    n = snprintf(path, RUNNING_PATH, "%s/estab", base);
    if (n < 0 || n > 90)
        return false;
    if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
        return false;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & 077) == 0;
}

bool
estab_running_path(char path[RUNNING_PATH])
{
    size_t len;

    if (!directory(path, true))
        return false;
    len = strlen(path);
    return snprintf(path + len, RUNNING_PATH - len, "/%ld", (long)getpid()) > 0;
}

/* "estab nc": the program and its first word. */
static void
name_command(struct running_host *host)
{
    char path[64], text[256];
    const char *base, *word;
    ssize_t n;
    int fd;

    strcpy(host->command, "estab");
    snprintf(path, sizeof path, "/proc/%ld/cmdline", host->pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    n = read(fd, text, sizeof text - 2);
    close(fd);
    if (n <= 0)
        return;
    text[n] = text[n + 1] = '\0';
    base = strrchr(text, '/');
    base = base != NULL ? base + 1 : text;
    word = text + strlen(text) + 1;
    snprintf(host->command, sizeof host->command, "%.24s%s%.24s", base,
             word < text + n && *word != '\0' ? " " : "", word < text + n ? word : "");
    for (char *c = host->command; *c != '\0'; c++)
        if (*c < ' ' || *c > '~' || *c == '"')
            *c = '?';
}

/* Connects and looks who is there: 1; 0: nobody any more; -1: it cannot be known. */
static int
look(struct running_host *host)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct ucred peer;
    socklen_t len = sizeof peer;
    int fd, result = 1;

    if (strlen(host->path) >= sizeof at.sun_path)
        return -1;
    strcpy(at.sun_path, host->path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (const struct sockaddr *)&at, sizeof at) < 0)
        result = errno == ECONNREFUSED || errno == ENOENT ? 0 : -1;
    else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
        host->pid = (long)peer.pid;
    close(fd);
    return result;
}

void
estab_running_at(struct running_host *host, const char *path)
{
    *host = (struct running_host){ .command = "estab" };
    snprintf(host->path, sizeof host->path, "%s", path);
    if (strlen(path) < sizeof host->path && look(host) > 0 && host->pid > 0)
        name_command(host);
}

static int
by_number(const void *a, const void *b)
{
    const struct running_host *x = a, *y = b;

    return (x->pid > y->pid) - (x->pid < y->pid);
}

int
estab_running_list(struct running_host *hosts, struct failure *why)
{
    char where[RUNNING_PATH];
    struct dirent *entry;
    int n = 0;
    DIR *d;

    if (getenv("XDG_RUNTIME_DIR") == NULL)
        return estab_fail(why, "give --control PATH, as the host was started with: without "
                               "XDG_RUNTIME_DIR in the environment hosts are not found");
    if (!directory(where, false))
        return 0;
    d = opendir(where);
    if (d == NULL) /* it has just gone */
        return 0;
    while (n < RUNNING_MAX && (entry = readdir(d)) != NULL) {
        struct running_host *host = &hosts[n];
        size_t len = strlen(entry->d_name);

        if (len > 10 || entry->d_name[0] == '0' || strspn(entry->d_name, "0123456789") != len)
            continue;
        *host = (struct running_host){ .pid = strtol(entry->d_name, NULL, 10) };
        /* There is room: `directory` has looked. */
        if (snprintf(host->path, sizeof host->path, "%.90s/%ld", where, host->pid) < 0)
            continue;
        switch (look(host)) {
        case 1:
            name_command(host);
            n++;
            break;
        case 0:
            unlink(host->path);
            break;
        default:
            break;
        }
    }
    closedir(d);
    qsort(hosts, (size_t)n, sizeof *hosts, by_number);
    return n;
}
