/* SPDX-License-Identifier: MIT */
/* The control socket; see control.h. */
#include "cli/control.h"
#include "cli/host.h"
#include "cli/knobs.h"
#include "cli/running.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void
hang_up(struct control_client *c)
{
    struct loop *loop = c->control->host->loop;

    if (c->fd < 0)
        return;
    estab_loop_unwatch(loop, &c->watch);
    estab_loop_set_alarm(loop, &c->patience, ESTAB_NEVER, NULL, NULL);
    close(c->fd);
    c->fd = -1;
    free(c->answer);
    c->answer = NULL;
}

/* --- the answer --- */

/* Adds to the answer; beyond its limit nothing more, and it says so at its end. */
void
estab_control_say(struct control_client *c, const char *format, ...)
{
    char line[1024];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (n < 0 || c->cut)
        return;
    if ((size_t)n >= sizeof line)
        n = sizeof line - 1;
    if (c->len + (size_t)n > c->cap) {
        size_t cap = c->cap == 0 ? 16384 : 2 * c->cap;
        char *moved = cap <= CONTROL_ANSWER ? realloc(c->answer, cap) : NULL;

        if (moved == NULL) {
            c->cut = true;
            return;
        }
        c->answer = moved;
        c->cap = cap;
    }
    memcpy(c->answer + c->len, line, (size_t)n);
    c->len += (size_t)n;
}

static void
say_endpoint(struct control_client *c, const char *name, const struct estab_endpoint *e)
{
    char text[ESTAB_ADDR_TEXT];

    estab_control_say(c, "\t%s=%s\t%s-port=%u", name,
                      e->addr.family == ESTAB_UNSPEC ? "*" : estab_addr_format(&e->addr, text),
                      name, e->port);
}

static void
say_connection(struct control_client *c, const struct estab_status *st, estab_time now)
{
    const struct estab_trace_tcb *t = &st->tcb;
    bool listens = st->state == ESTAB_TCPS_LISTEN;
    struct estab_tcp_options opt;

    estab_control_say(c, "netid=tcp\tstate=%s", estab_state_name(st->state));
    say_endpoint(c, "local", &st->local);
    say_endpoint(c, "remote", &st->remote);
    estab_control_say(c, "\trecv-q=%" PRIu32 "\tsend-q=%" PRIu32,
                      listens ? st->waiting : t->receive_queued,
                      listens ? st->backlog : t->send_queued);
    if (t->timer_at != ESTAB_NEVER)
        estab_control_say(
            c, "\ttimer=%s\ttimer-ms=%" PRId64 "\tretransmissions=%u", estab_timer_text(t->timer),
            t->timer_at > now ? (t->timer_at - now) / 1000000 : 0, t->retransmissions);
    if (listens || st->state == ESTAB_TCPS_TIME_WAIT) {
        estab_control_say(c, "\n");
        return;
    }
    estab_control_say(c,
                      "\tsk=%" PRIx64 "\tsnd-ring=%" PRIu32 "\tsnd-buf=%" PRIu32
                      "\trcv-ring=%" PRIu32 "\trcv-buf=%" PRIu32,
                      (uint64_t)st->conn, t->send_ring, st->send_limit, t->receive_ring,
                      st->receive_limit);
    if (st->error != 0)
        estab_control_say(c, "\terror=%s", estab_err_text(st->error));
    if (st->soft_error != 0)
        estab_control_say(c, "\tsoft-error=%s", estab_err_text(st->soft_error));
    estab_control_say(c,
                      "\torphan=%d\tmss=%" PRIu32 "\tcwnd=%" PRIu32 "\tssthresh=%" PRIu32
                      "\tflight=%" PRIu32 "\tsacked=%" PRIu32 "\tlost=%" PRIu32 "\tsnd-wnd=%" PRIu32
                      "\trcv-wnd=%" PRIu32,
                      st->orphan, st->mss, t->cwnd, t->ssthresh, t->flight, st->sacked, st->lost,
                      t->snd_wnd, t->rcv_wnd);
    estab_control_say(c,
                      "\tsrtt-us=%" PRIu32 "\trttvar-us=%" PRIu32 "\trto-us=%" PRIu32
                      "\tsent=%" PRIu64 "\treceived=%" PRIu64
                      "\ttimestamps=%d\tsack=%d\twscale=%d\tsnd-shift=%u\trcv-shift=%u"
                      "\tecn=%d\tfast-open=%d",
                      t->srtt_us, t->rttvar_us, t->rto_us, st->bytes_sent, st->bytes_received,
                      st->timestamps, st->sack, st->window_scaling, st->snd_wind_shift,
                      st->rcv_wind_shift, st->ecn, st->fast_open);
    if (st->conn != 0 && estab_get_options(c->control->host->stack, st->conn, &opt) == 0)
        estab_control_say(c, "\tcc=%s", estab_cc_name(opt.cc));
    estab_control_say(c, "\n");
}

static void
say_sockets(struct control_client *c, estab_time now)
{
    const struct estab_stack *stack = c->control->host->stack;
    struct estab_status st, more;
    struct estab_udp_status udp;
    struct estab_echo_status echo;
    uint64_t cursor = 0;

    while (!c->cut && estab_stack_next(stack, &cursor, &st)) {
        if (st.state == ESTAB_TCPS_LISTEN && estab_status(stack, st.conn, &more) == 0)
            st = more;
        say_connection(c, &st, now);
    }
    cursor = 0;
    while (!c->cut && estab_udp_next(stack, &cursor, &udp)) {
        estab_control_say(c, "netid=udp\tstate=%s",
                          udp.remote.addr.family != 0 ? "ESTABLISHED" : "UNCONNECTED");
        say_endpoint(c, "local", &udp.local);
        say_endpoint(c, "remote", &udp.remote);
        estab_control_say(c,
                          "\trecv-q=%" PRIu32 "\tsend-q=0\tsent=%" PRIu64 "\treceived=%" PRIu64
                          "\tdropped=%" PRIu64 "\n",
                          udp.waiting_bytes, udp.sent, udp.received, udp.dropped);
    }
    cursor = 0;
    while (!c->cut && estab_echo_next(stack, &cursor, &echo))
        estab_control_say(c,
                          "netid=%s\tstate=UNCONNECTED\tlocal=*\tlocal-port=%u\tremote=*"
                          "\tremote-port=0\trecv-q=%" PRIu32 "\tsend-q=0\tsent=%" PRIu64
                          "\treceived=%" PRIu64 "\tdropped=%" PRIu64 "\n",
                          echo.family == ESTAB_INET ? "icmp" : "icmp6", echo.id, echo.waiting,
                          echo.sent, echo.replies + echo.errors, echo.dropped);
}

static void
say_knobs(struct control_client *c)
{
    struct estab_config cfg;
    char text[KNOB_TEXT];

    estab_stack_get_config(c->control->host->stack, &cfg);
    for (size_t i = 0; estab_knob_name(i) != NULL; i++)
        estab_control_say(c, "knob=%s\tvalue=%s\thelp=%s\n", estab_knob_name(i),
                          estab_knob_format(i, &cfg, text), estab_knob_help(i));
}

static int
set_knob(struct control_client *c, char *rest, estab_time now, struct failure *why)
{
    struct host *host = c->control->host;
    struct estab_config cfg;
    char *name = strsep(&rest, " "), *value = strsep(&rest, " ");

    if (value == NULL || rest != NULL)
        return estab_fail(why, "give a name and a value");
    if (estab_knob_is_fixed(name))
        return estab_fail(why, "%.40s: stays as it is: a host is made with it (--set)", name);
    estab_stack_get_config(host->stack, &cfg);
    if (estab_knob_set(&cfg, name, value, why) < 0)
        return -1;
    if (estab_stack_set_config(host->stack, &cfg, now) < 0)
        return estab_fail(why, "a value that cannot be");
    return 0;
}

static void
answer(struct control_client *c, char *request, estab_time now)
{
    struct failure why;
    bool good = true;

    if (strcmp(request, "sockets") == 0)
        say_sockets(c, now);
    else if (strcmp(request, "links") == 0)
        estab_control_say_links(c, now);
    else if (strcmp(request, "routes") == 0)
        estab_control_say_routes(c, now);
    else if (strcmp(request, "neighbours") == 0)
        estab_control_say_neighbours(c, now);
    else if (strcmp(request, "counters") == 0)
        estab_control_say_counters(c);
    else if (strcmp(request, "knobs") == 0)
        say_knobs(c);
    else if (strncmp(request, "set ", 4) == 0)
        good = set_knob(c, request + 4, now, &why) == 0;
    else
        good = estab_fail(&why, "no such request") == 0;
    if (c->cut) { /* whole lines only */
        while (c->len > 0 && c->answer[c->len - 1] != '\n')
            c->len--;
        /* There is room: less than a line was cut off, and the end is shorter than that. */
        c->len -= c->len > 64 ? 64 : c->len;
        while (c->len > 0 && c->answer[c->len - 1] != '\n')
            c->len--;
        c->cut = false;
        good = estab_fail(&why, "there is more than an answer can hold") == 0;
    }
    if (good)
        estab_control_say(c, ".\n");
    else
        estab_control_say(c, "!%s\n", why.text);
}

/* --- descriptors --- */

static void
client_ready(void *ctx, uint32_t ready, estab_time now)
{
    struct control_client *c = ctx;
    struct loop *loop = c->control->host->loop;
    char *end;
    ssize_t n;

    (void)ready;
    if (c->answer == NULL) {
        n = recv(c->fd, c->request + c->asked, sizeof c->request - c->asked, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            hang_up(c);
            return;
        }
        c->asked += (size_t)n;
        end = memchr(c->request, '\n', c->asked);
        if (end == NULL) {
            if (c->asked == sizeof c->request)
                hang_up(c);
            return;
        }
        /* A zero within would only end the line earlier. */
        *end = '\0';
        answer(c, c->request, now);
        if (c->answer == NULL) { /* no memory for a single line */
            hang_up(c);
            return;
        }
    }
    n = send(c->fd, c->answer + c->sent, c->len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        hang_up(c);
        return;
    }
    if (n > 0)
        c->sent += (size_t)n;
    if (c->sent == c->len)
        hang_up(c);
    else
        estab_loop_want(loop, &c->watch, EPOLLOUT);
}

static void
patience_over(void *ctx, estab_time now)
{
    (void)now;
    hang_up(ctx);
}

/* The mode of the socket keeps others out; this also holds where a system does not look at it. */
static bool
is_allowed(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void
client_arrives(void *ctx, uint32_t ready, estab_time now)
{
    struct control *control = ctx;
    struct control_client *c = NULL;
    struct failure why;
    int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)ready;
    if (fd < 0)
        return;
    for (unsigned i = 0; i < CONTROL_CLIENTS && c == NULL; i++)
        if (control->clients[i].fd < 0)
            c = &control->clients[i];
    if (c == NULL || !is_allowed(fd)) {
        close(fd);
        return;
    }
    c->fd = fd;
    c->asked = c->len = c->cap = c->sent = 0;
    c->cut = false;
    if (estab_loop_watch(control->host->loop, &c->watch, fd, EPOLLIN, client_ready, c, &why) < 0) {
        hang_up(c);
        return;
    }
    estab_loop_set_alarm(control->host->loop, &c->patience, now + ESTAB_SEC(CONTROL_PATIENCE_S),
                         patience_over, c);
}

/* --- open and close --- */

/* A socket on which nobody answers was left behind by a process that was killed. */
static void
remove_abandoned(const struct sockaddr_un *at)
{
    struct stat st;
    int fd;

    if (lstat(at->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
        return;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)at, sizeof *at) < 0 && errno == ECONNREFUSED)
        unlink(at->sun_path);
    close(fd);
}

/* What has a place of its own is found by `estab ss` all the same. */
static void
link_to(struct control *control)
{
    char *whole = realpath(control->path, NULL);

    if (whole == NULL || strlen(whole) >= sizeof control->path ||
        !estab_running_path(control->link) || (unlink(control->link) < 0 && errno != ENOENT) ||
        symlink(whole, control->link) < 0)
        control->link[0] = '\0';
    free(whole);
}

int
estab_control_open(struct control *control, struct host *host, const char *path,
                   struct failure *why)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char own[RUNNING_PATH];
    const bool is_named = path != NULL;
    mode_t mask;
    int bound;

    if (!is_named && !estab_running_path(own))
        return 0;
    if (!is_named)
        path = own;
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        control->clients[i] = (struct control_client){ .control = control, .fd = -1 };
    if (strlen(path) >= sizeof at.sun_path)
        return estab_fail(why, "--control %.200s: longer than a socket's name can be", path);
    strcpy(at.sun_path, path);
    remove_abandoned(&at);
    control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (control->fd < 0)
        return estab_fail(why, "cannot make a socket: %s", strerror(errno));
    mask = umask(0177); /* 0600 from the first moment on */
    bound = bind(control->fd, (struct sockaddr *)&at, sizeof at);
    umask(mask);
    if (bound < 0 || listen(control->fd, CONTROL_CLIENTS) < 0) {
        estab_fail(why, "cannot make the control socket %.200s: %s", path, strerror(errno));
        close(control->fd);
        return is_named ? -1 : 0; /* nobody has asked for it */
    }
    control->host = host;
    strcpy(control->path, path);
    if (is_named)
        link_to(control);
    return estab_loop_watch(host->loop, &control->watch, control->fd, EPOLLIN, client_arrives,
                            control, why);
}

void
estab_control_close(struct control *control)
{
    if (control->host == NULL)
        return;
    for (unsigned i = 0; i < CONTROL_CLIENTS; i++)
        hang_up(&control->clients[i]);
    estab_loop_unwatch(control->host->loop, &control->watch);
    close(control->fd);
    unlink(control->path);
    if (control->link[0] != '\0')
        unlink(control->link);
    control->host = NULL;
}
