/* SPDX-License-Identifier: MIT */
/*
 * The host of sockets: their list, the stack's events, and what a socket learns from them. A
 * socket's view of its connection is brought up to date at the start of every call by
 * estab_sock_look(), so that no state is kept twice.
 */
#include "sock/internal.h"

#include <stdlib.h>
#include <string.h>

#define EVENTS 32

struct estab_sock_host *
estab_sock_host_new(struct estab_stack *stack, const struct estab_config *cfg, uint32_t max_socks)
{
    struct estab_sock_host *host = calloc(1, sizeof(*host));

    if (host == NULL)
        return NULL;
    host->stack = stack;
    host->defaults = cfg->tcp;
    host->key_port = estab_siphash_derive(cfg->secret, "bind");
    host->port_min = cfg->port_min;
    host->port_max = cfg->port_max;
    host->max_socks = max_socks;
    return host;
}

void
estab_sock_host_free(struct estab_sock_host *host)
{
    if (host == NULL)
        return;
    while (host->all != NULL)
        estab_sock_free(host->all);
    while (host->listeners != NULL) {
        struct shared_listener *next = host->listeners->next;

        free(host->listeners);
        host->listeners = next;
    }
    free(host);
}

void
estab_sock_host_defaults(struct estab_sock_host *host, const struct estab_tcp_options *opt)
{
    host->defaults = *opt;
}

struct estab_sock *
estab_sock_new(struct estab_sock_host *host, bool ipv6)
{
    struct estab_sock *s;

    if (host->socks >= host->max_socks)
        return NULL;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->target.kind = TARGET_SOCK;
    s->host = host;
    s->refs = 1;
    s->ipv6 = ipv6;
    s->opt = host->defaults;
    /* Linux counts its own overhead in these sizes and tells twice what was asked for. */
    s->rcvbuf =
        2 * (s->opt.receive_buffer != 0 ? s->opt.receive_buffer : s->opt.receive_buffer_max);
    s->sndbuf = s->opt.send_buffer != 0 ? s->opt.send_buffer : s->opt.send_buffer_max;
    s->rcvlowat = 1;
    s->rcvtimeo = s->sndtimeo = ESTAB_NEVER;
    s->next = host->all;
    if (host->all != NULL)
        host->all->prev = s;
    host->all = s;
    host->socks++;
    return s;
}

static void
unlink_changed(struct estab_sock *s)
{
    struct estab_sock_host *host = s->host;
    struct estab_sock *before = NULL, *i;

    if (!s->changed)
        return;
    for (i = host->first_changed; i != s; i = i->next_changed)
        before = i;
    if (before != NULL)
        before->next_changed = s->next_changed;
    else
        host->first_changed = s->next_changed;
    if (host->last_changed == s)
        host->last_changed = before;
    s->changed = false;
}

void
estab_sock_free(struct estab_sock *s)
{
    estab_epoll_forget(s);
    unlink_changed(s);
    if (s->watches_room)
        s->host->watching--;
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        s->host->all = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    s->host->socks--;
    free(s);
}

int
estab_sock_open(struct estab_sock_host *host, int domain, int type, int protocol,
                struct estab_sock **out)
{
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);

    *out = NULL;
    if (kind < 0 || kind > 15)
        return -EINVAL;
    if (domain != AF_INET && domain != AF_INET6)
        return -EAFNOSUPPORT;
    if (kind != SOCK_STREAM)
        return -ESOCKTNOSUPPORT;
    if (protocol != 0 && protocol != IPPROTO_TCP)
        return -EPROTONOSUPPORT;
    if (host->socks >= host->max_socks)
        return -ENFILE;
    *out = estab_sock_new(host, domain == AF_INET6);
    if (*out == NULL)
        return -ENOMEM;
    (*out)->nonblock = (type & SOCK_NONBLOCK) != 0;
    return 0;
}

void
estab_sock_ref(struct estab_sock *s)
{
    s->refs++;
}

void
estab_sock_set_user(struct estab_sock *s, void *user)
{
    s->user = user;
}

void *
estab_sock_user(const struct estab_sock *s)
{
    return s->user;
}

/* ---- events ---- */

void
estab_sock_note_change(struct estab_sock *s)
{
    struct estab_sock_host *host = s->host;

    if (s->changed)
        return;
    s->changed = true;
    s->next_changed = NULL;
    if (host->last_changed != NULL)
        host->last_changed->next_changed = s;
    else
        host->first_changed = s;
    host->last_changed = s;
}

struct estab_sock *
estab_sock_host_changed(struct estab_sock_host *host)
{
    struct estab_sock *s = host->first_changed;

    if (s == NULL)
        return NULL;
    host->first_changed = s->next_changed;
    if (host->first_changed == NULL)
        host->last_changed = NULL;
    s->changed = false;
    return s;
}

static void
sock_event(struct estab_sock *s, uint32_t bits)
{
    if (bits & ESTAB_PEER_CLOSED)
        s->fin_seen = true;
    estab_sock_note_change(s);
    estab_epoll_wake(s, bits);
}

static void
listener_event(struct estab_sock_host *host, const struct shared_listener *l, uint32_t bits)
{
    struct estab_sock *s;

    for (s = host->all; s != NULL; s = s->next)
        if (s->listener == l)
            sock_event(s, bits);
}

static void
take_events(struct estab_sock_host *host)
{
    struct estab_event events[EVENTS];
    size_t n, i;

    do {
        n = estab_stack_events(host->stack, events, EVENTS);
        for (i = 0; i < n; i++) {
            struct target *t = events[i].cookie;

            if (t == NULL)
                continue;
            if (t->kind == TARGET_LISTENER)
                listener_event(host, (struct shared_listener *)(void *)t, events[i].bits);
            else
                sock_event((struct estab_sock *)(void *)t, events[i].bits);
        }
    } while (n == EVENTS);
}

void
estab_sock_host_run(struct estab_sock_host *host, estab_time now)
{
    struct estab_sock *s;

    host->now = now;
    take_events(host);
    /* The stack tells of room after a refusal only; poll(2) asks for a third of the buffer. */
    for (s = host->all; s != NULL && host->watching > 0; s = s->next) {
        if (!s->watches_room || !(estab_sock_poll(s, now) & POLLOUT))
            continue;
        s->watches_room = false;
        host->watching--;
        estab_sock_note_change(s);
        estab_epoll_wake(s, ESTAB_WRITABLE);
    }
}

/* ---- the connection as the socket sees it ---- */

enum linux_state
estab_sock_state(const struct estab_sock *s)
{
    if (s->listener != NULL)
        return LINUX_LISTEN;
    if (s->conn == 0)
        return LINUX_CLOSE;
    switch (s->status.state) {
    case ESTAB_TCPS_SYN_SENT:
        return LINUX_SYN_SENT;
    case ESTAB_TCPS_SYN_RECEIVED:
        return LINUX_SYN_RECV;
    case ESTAB_TCPS_ESTABLISHED:
        return LINUX_ESTABLISHED;
    case ESTAB_TCPS_FIN_WAIT_1:
        return LINUX_FIN_WAIT1;
    case ESTAB_TCPS_FIN_WAIT_2:
        return LINUX_FIN_WAIT2;
    case ESTAB_TCPS_CLOSE_WAIT:
        return LINUX_CLOSE_WAIT;
    case ESTAB_TCPS_CLOSING:
        return LINUX_CLOSING;
    case ESTAB_TCPS_LAST_ACK:
        return LINUX_LAST_ACK;
    default: /* TIME-WAIT goes on in a record that the socket does not see, as in Linux */
        return LINUX_CLOSE;
    }
}

bool
estab_sock_is_opening(const struct estab_sock *s)
{
    enum linux_state state = estab_sock_state(s);

    return state == LINUX_SYN_SENT || (state == LINUX_SYN_RECV && s->phase == CONNECTING);
}

/* The connection has ended: the error that the next call will tell, once. */
static void
note_end(struct estab_sock *s)
{
    s->over = true;
    if (s->status.error != 0) {
        s->error = estab_errno(s->status.error);
        /* Linux: a RST to one who has seen the peer's FIN and has not closed himself */
        if (s->error == ECONNRESET && s->fin_seen && !s->snd_shut)
            s->error = EPIPE;
    }
    s->rcv_shut = s->snd_shut = true;
}

void
estab_sock_look(struct estab_sock *s, estab_time now)
{
    s->host->now = now;
    take_events(s->host);
    if (s->conn == 0)
        return;
    if (estab_status(s->host->stack, s->conn, &s->status) < 0) {
        s->status = (struct estab_status){ .state = ESTAB_TCPS_CLOSED };
        s->conn = 0;
    }
    switch (s->status.state) {
    case ESTAB_TCPS_CLOSED:
    case ESTAB_TCPS_TIME_WAIT:
        if (!s->over)
            note_end(s);
        break;
    case ESTAB_TCPS_CLOSE_WAIT:
    case ESTAB_TCPS_CLOSING:
    case ESTAB_TCPS_LAST_ACK:
        s->fin_seen = true;
        break;
    default:
        break;
    }
    if (s->fin_seen)
        s->rcv_shut = true;
    estab_sock_look_for_urgent(s);
}

int
estab_sock_take_error(struct estab_sock *s)
{
    int err = s->error;

    s->error = 0;
    return -err;
}

bool
estab_sock_must_wait(const struct estab_sock *s, struct estab_sock_call *call, uint32_t wake,
                     bool dont_wait, estab_time timeout, estab_time now)
{
    if (s->nonblock || dont_wait)
        return false;
    if (!call->started) {
        call->started = true;
        call->until = timeout == ESTAB_NEVER ? ESTAB_NEVER : now + timeout;
    }
    call->wake = wake;
    return now < call->until;
}

int
estab_sock_apply_options(struct estab_sock *s, estab_time now)
{
    int err = 0;

    if (s->listener != NULL)
        err = estab_set_options(s->host->stack, s->listener->conn, &s->opt, now);
    else if (s->conn != 0 && !s->over)
        err = estab_set_options(s->host->stack, s->conn, &s->opt, now);
    return -estab_errno(err);
}
