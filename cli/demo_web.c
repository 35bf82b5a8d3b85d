/* SPDX-License-Identifier: MIT */
/* The document of the demo and its two servers; see demo_web.h. The client is in demo_client.c. */
#include "cli/demo_web.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- the document ---- */

uint32_t
estab_demo_crc(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;

    crc = ~crc;
    while (len-- > 0) {
        crc ^= *p++;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xedb88320u : crc >> 1;
    }
    return ~crc;
}

int
estab_demo_document_make(struct demo_document *doc, size_t size, struct failure *why)
{
    char line[64];

    *doc = (struct demo_document){ .fd = memfd_create("estab-demo", MFD_CLOEXEC), .size = size };
    if (doc->fd < 0)
        return estab_fail(why, "cannot make the demo's document: %s", strerror(errno));
    for (size_t at = 0, number = 1; at < size; number++) {
        int n = snprintf(line, sizeof line, "line %zu of a file that comes over estab\n", number);
        size_t part = (size_t)n < size - at ? (size_t)n : size - at;

        if (write(doc->fd, line, part) != (ssize_t)part) {
            estab_demo_document_close(doc);
            return estab_fail(why, "cannot write the demo's document");
        }
        doc->crc = estab_demo_crc(doc->crc, line, part);
        at += part;
    }
    return 0;
}

void
estab_demo_document_close(struct demo_document *doc)
{
    if (doc->fd >= 0)
        close(doc->fd);
    doc->fd = -1;
}

static size_t
response_head(char *out, size_t room, const struct demo_document *doc)
{
    return (size_t)snprintf(out, room,
                            "HTTP/1.1 200 OK\r\n"
                            "Content-Type: text/plain\r\n"
                            "Content-Length: %zu\r\n"
                            "X-CRC-32: %08x\r\n\r\n",
                            doc->size, (unsigned)doc->crc);
}

/* ---- on the kernel's sockets ---- */

static bool
read_request(int fd)
{
    char request[2048];
    size_t len = 0;

    while (len < sizeof request - 1) {
        ssize_t n = read(fd, request + len, sizeof request - 1 - len);

        if (n <= 0)
            return false;
        len += (size_t)n;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL)
            return true;
    }
    return false;
}

static bool
write_all(int fd, const char *p, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, p, len);

        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

/* One connection, from accept(2) to the client's FIN and, after a moment, our own. */
static int
serve_one(int listener, const struct demo_document *doc)
{
    const struct timespec think = { .tv_nsec = DEMO_THINK_MS * 1000000L };
    char head[512], rest[256];
    off_t at = 0;
    int fd = accept(listener, NULL, NULL);

    if (fd < 0 || !read_request(fd))
        return 1;
    if (!write_all(fd, head, response_head(head, sizeof head, doc)))
        return 1;
    while ((size_t)at < doc->size)
        if (sendfile(fd, doc->fd, &at, doc->size - (size_t)at) <= 0)
            return 1;
    while (read(fd, rest, sizeof rest) > 0)
        ;
    nanosleep(&think, NULL);
    return close(fd) < 0;
}

static int
listen_on(const struct estab_endpoint *at, struct failure *why)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(at->port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    memcpy(&addr.sin_addr, at->addr.bytes, 4);
    if (fd < 0)
        return estab_fail(why, "cannot make a socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&addr, sizeof addr) < 0 || listen(fd, 1) < 0) {
        close(fd);
        return estab_fail(why, "the kernel cannot listen on port %u: %s", at->port,
                          strerror(errno));
    }
    return fd;
}

pid_t
estab_demo_kernel_server(const struct demo_document *doc, const struct estab_endpoint *at,
                         struct failure *why)
{
    int listener = listen_on(at, why);
    pid_t parent = getpid(), child;
    sigset_t none;

    if (listener < 0)
        return -1;
    child = fork();
    if (child == 0) {
        /* Ctrl-C reaches the whole group: the parent tells us when to go. */
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (getppid() != parent)
            _exit(1);
        _exit(serve_one(listener, doc));
    }
    close(listener);
    if (child < 0)
        return estab_fail(why, "cannot start the server's process: %s", strerror(errno));
    return child;
}

/* ---- on an estab host ---- */

static void
finish_thinking(void *ctx, estab_time now)
{
    struct demo_server *s = ctx;

    if (s->conn != 0)
        (void)!estab_close(s->stack, s->conn, now);
    s->conn = 0;
}

static void
send_more(struct demo_server *s, estab_time now)
{
    char part[16 * 1024];
    ptrdiff_t n;

    while (s->head_sent < s->head_len) {
        n = estab_send(s->stack, s->conn, s->head + s->head_sent, s->head_len - s->head_sent, now);
        if (n <= 0)
            return;
        s->head_sent += (size_t)n;
    }
    while (s->sent < s->doc->size) {
        ssize_t got = pread(s->doc->fd, part, sizeof part, (off_t)s->sent);

        if (got <= 0)
            return;
        n = estab_send(s->stack, s->conn, part, (size_t)got, now);
        if (n <= 0)
            return;
        s->sent += (size_t)n;
    }
}

static void
receive_request(struct demo_server *s, estab_time now)
{
    char rest[256];
    ptrdiff_t n;

    while (!s->has_request) {
        n = estab_receive(s->stack, s->conn, s->head + s->head_len,
                          sizeof s->head - 1 - s->head_len, now);
        if (n <= 0)
            return;
        s->head_len += (size_t)n;
        s->head[s->head_len] = '\0';
        if (strstr(s->head, "\r\n\r\n") != NULL || s->head_len == sizeof s->head - 1) {
            s->has_request = true;
            s->head_len = response_head(s->head, sizeof s->head, s->doc);
        }
    }
    do
        n = estab_receive(s->stack, s->conn, rest, sizeof rest, now);
    while (n > 0);
    if (n == 0)
        estab_loop_set_alarm(s->loop, &s->think, now + ESTAB_MS(DEMO_THINK_MS), finish_thinking, s);
}

int
estab_demo_server_start(struct demo_server *s, const struct estab_endpoint *at, estab_time now,
                        struct failure *why)
{
    int error = estab_listen(s->stack, at, 1, NULL, &s->listener, now);

    return error < 0 ? estab_fail(why, "cannot listen: %s", estab_err_text(error)) : 0;
}

void
estab_demo_server_events(void *ctx, const struct estab_event *event, estab_time now)
{
    struct demo_server *s = ctx;

    if (event->conn == s->listener && event->bits & ESTAB_ACCEPTABLE) {
        if (estab_accept(s->stack, s->listener, &s->conn, now) < 0)
            return;
        /* One connection is all there will be. */
        (void)!estab_close(s->stack, s->listener, now);
        s->listener = 0;
    } else if (event->conn != s->conn || s->conn == 0) {
        return;
    }
    if (event->bits & ESTAB_FAILED) {
        finish_thinking(s, now);
        return;
    }
    receive_request(s, now);
    if (s->has_request)
        send_more(s, now);
}
