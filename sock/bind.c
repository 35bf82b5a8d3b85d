/* SPDX-License-Identifier: MIT */
/*
 * Names of sockets: bind(2) with its conflicts (socket(7): SO_REUSEADDR, SO_REUSEPORT), listen(2),
 * accept(2), getsockname(2), getpeername(2), and the end of a socket. The bound names live here:
 * the stack knows listeners and connections only.
 */
#include "sock/internal.h"

#include <stdlib.h>
#include <string.h>

#define SOMAXCONN_OF_LINUX 4096

/* ---- conflicts ---- */

/* Could one SYN reach both addresses? Family 0 stands for any address of both families. */
static bool
addresses_meet(const struct estab_addr *a, const struct estab_addr *b)
{
    if (a->family == ESTAB_UNSPEC || b->family == ESTAB_UNSPEC)
        return true;
    if (a->family != b->family)
        return false;
    return estab_addr_is_any(a) || estab_addr_is_any(b) ||
           memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* socket(7): two sockets share a name when both have SO_REUSEPORT, or when both have SO_REUSEADDR
 * and the other does not listen. */
static bool
may_share(const struct estab_sock *s, const struct estab_sock *other)
{
    if (s->reuse_port && other->reuse_port)
        return true;
    return s->reuse_addr && other->reuse_addr && other->listener == NULL;
}

/* Connections that no socket has any more: closing by themselves, or in TIME-WAIT. SO_REUSEADDR
 * is for these. */
static bool
is_left_over(const struct estab_sock_host *host, const struct estab_endpoint *name)
{
    struct estab_status st;
    uint64_t cursor = 0;

    while (estab_stack_next(host->stack, &cursor, &st)) {
        if (st.state == ESTAB_TCPS_LISTEN || st.state == ESTAB_TCPS_CLOSED)
            continue;
        if (st.local.port == name->port && addresses_meet(&st.local.addr, &name->addr))
            return true;
    }
    return false;
}

static bool
conflicts(const struct estab_sock *s, const struct estab_endpoint *name)
{
    const struct estab_sock *other;

    for (other = s->host->all; other != NULL; other = other->next) {
        if (other == s || !other->bound || other->local.port != name->port)
            continue;
        if (addresses_meet(&other->local.addr, &name->addr) && !may_share(s, other))
            return true;
    }
    return false;
}

/* ---- bind ---- */

/* A port of the ephemeral range that nobody uses at this address: in an order that outsiders
 * cannot guess (RFC 6056 §3.3). */
static int
choose_port(struct estab_sock *s, struct estab_endpoint *name)
{
    struct estab_sock_host *host = s->host;
    uint32_t range = host->port_max - host->port_min + 1, tries;
    uint32_t offset =
        (uint32_t)estab_siphash24(&host->key_port, name->addr.bytes, sizeof(name->addr.bytes));

    for (tries = 0; tries < range; tries++) {
        name->port = (uint16_t)(host->port_min + (offset + host->port_perturb++) % range);
        if (!conflicts(s, name) && !is_left_over(host, name))
            return 0;
    }
    return -EADDRINUSE;
}

static int
take_name(struct estab_sock *s, const struct estab_endpoint *want)
{
    struct estab_endpoint name = *want;

    if (name.port == 0) {
        int err = choose_port(s, &name);

        if (err < 0)
            return err;
    } else if (conflicts(s, &name) || (!s->reuse_addr && is_left_over(s->host, &name))) {
        return -EADDRINUSE;
    }
    s->local = name;
    s->bound = true;
    return 0;
}

int
estab_sock_bind(struct estab_sock *s, const struct sockaddr *addr, socklen_t len)
{
    struct estab_endpoint name;
    int err;

    err = estab_sock_from_sockaddr(s, addr, len, &name);
    if (err < 0)
        return err;
    if (estab_addr_is_multicast(&name.addr))
        return s->ipv6 ? -EINVAL : -EADDRNOTAVAIL;
    if (!estab_addr_is_any(&name.addr) && !estab_stack_is_local(s->host->stack, &name.addr))
        return -EADDRNOTAVAIL;
    estab_sock_look(s, s->host->now);
    if (s->bound || estab_sock_state(s) != LINUX_CLOSE)
        return -EINVAL;
    s->addr_by_user = !estab_addr_is_any(&name.addr);
    /* :: of a socket that is not IPV6_V6ONLY takes IPv4 too. */
    if (s->ipv6 && name.addr.family == ESTAB_INET6 && estab_addr_is_any(&name.addr) && !s->v6only)
        name.addr = (struct estab_addr){ 0 };
    s->bound_by_user = name.port != 0;
    return take_name(s, &name);
}

int
estab_sock_autobind(struct estab_sock *s)
{
    struct estab_endpoint any = { 0 };

    if (s->bound)
        return 0;
    any.addr.family = s->ipv6 ? (s->v6only ? ESTAB_INET6 : ESTAB_UNSPEC) : ESTAB_INET;
    return take_name(s, &any);
}

/* ---- listen ---- */

static struct shared_listener *
find_group(const struct estab_sock *s)
{
    const struct estab_sock *other;

    for (other = s->host->all; other != NULL; other = other->next)
        if (other != s && other->listener != NULL && other->reuse_port &&
            other->local.port == s->local.port &&
            other->local.addr.family == s->local.addr.family &&
            memcmp(other->local.addr.bytes, s->local.addr.bytes, 16) == 0)
            return other->listener;
    return NULL;
}

static int
open_listener(struct estab_sock *s, estab_time now)
{
    struct estab_sock_host *host = s->host;
    struct shared_listener *l = s->reuse_port ? find_group(s) : NULL;
    int err;

    if (l != NULL) {
        l->users++;
        s->listener = l;
        return 0;
    }
    l = calloc(1, sizeof(*l));
    if (l == NULL)
        return -ENOMEM;
    l->target.kind = TARGET_LISTENER;
    l->users = 1;
    err = estab_listen(host->stack, &s->local, s->backlog, &s->opt, &l->conn, now);
    if (err == 0)
        err = estab_set_cookie(host->stack, l->conn, l);
    if (err < 0) {
        free(l);
        return -estab_errno(err);
    }
    l->next = host->listeners;
    if (l->next != NULL)
        l->next->prev = l;
    host->listeners = l;
    s->listener = l;
    return 0;
}

int
estab_sock_listen(struct estab_sock *s, int backlog, estab_time now)
{
    int err;

    estab_sock_look(s, now);
    if (s->phase != UNCONNECTED)
        return -EINVAL;
    if (estab_sock_state(s) != LINUX_CLOSE && s->listener == NULL)
        return -EINVAL;
    /* Linux takes it for unsigned: a negative one is as large as can be */
    s->backlog =
        backlog < 0 || backlog > SOMAXCONN_OF_LINUX ? SOMAXCONN_OF_LINUX : (uint32_t)backlog;
    if (s->listener != NULL)
        return -estab_errno(estab_set_backlog(s->host->stack, s->listener->conn, s->backlog));
    estab_sock_drop_conn(s, false, now);
    if (s->bound) {
        /* two that share a name by SO_REUSEADDR cannot both listen */
        if (conflicts(s, &s->local))
            return -EADDRINUSE;
    } else {
        err = estab_sock_autobind(s);
        if (err < 0)
            return err;
    }
    err = open_listener(s, now);
    if (err == 0) {
        s->rcv_shut = s->snd_shut = false;
        estab_sock_note_change(s);
    }
    return err;
}

void
estab_sock_unlisten(struct estab_sock *s, estab_time now)
{
    struct shared_listener *l = s->listener;

    s->listener = NULL;
    if (l == NULL || --l->users > 0)
        return;
    no_matter(estab_close(s->host->stack, l->conn, now));
    if (l->prev != NULL)
        l->prev->next = l->next;
    else
        s->host->listeners = l->next;
    if (l->next != NULL)
        l->next->prev = l->prev;
    free(l);
}

/* ---- accept ---- */

/* What a connection inherits from its listener: everything but O_NONBLOCK and what is pending. */
static void
inherit(struct estab_sock *child, const struct estab_sock *s)
{
    child->opt = s->opt;
    child->reuse_addr = s->reuse_addr;
    child->reuse_port = s->reuse_port;
    child->v6only = s->v6only;
    child->oob_inline = s->oob_inline;
    child->corked = s->corked;
    child->linger = s->linger;
    child->linger_seconds = s->linger_seconds;
    child->rcvbuf = s->rcvbuf;
    child->sndbuf = s->sndbuf;
    child->rcvlowat = s->rcvlowat;
    child->rcvtimeo = s->rcvtimeo;
    child->sndtimeo = s->sndtimeo;
    child->priority = s->priority;
    child->user_timeout_ms = s->user_timeout_ms;
    child->fast_open_queue = s->fast_open_queue;
    child->tos = s->tos;
}

int
estab_sock_accept(struct estab_sock *s, struct sockaddr *addr, socklen_t *len, int flags,
                  struct estab_sock **out, struct estab_sock_call *call, estab_time now)
{
    struct estab_sock_host *host = s->host;
    struct estab_sock *child;
    struct estab_status st;
    estab_conn conn;
    int err;

    *out = NULL;
    if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return -EINVAL;
    estab_sock_look(s, now);
    if (s->listener == NULL)
        return -EINVAL;
    if (addr != NULL && len != NULL && (int)*len < 0)
        return -EINVAL;
    err = estab_status(host->stack, s->listener->conn, &st);
    if (err < 0)
        return -estab_errno(err);
    if (st.waiting == 0)
        return estab_sock_must_wait(s, call, POLLIN, false, s->rcvtimeo, now) ? ESTAB_SOCK_BLOCKED
                                                                              : -EAGAIN;
    if (host->socks >= host->max_socks)
        return -ENFILE;
    child = estab_sock_new(host, s->ipv6);
    if (child == NULL)
        return -ENOMEM;
    err = estab_accept(host->stack, s->listener->conn, &conn, now);
    if (err < 0) {
        estab_sock_free(child);
        return -estab_errno(err);
    }
    inherit(child, s);
    child->nonblock = (flags & SOCK_NONBLOCK) != 0;
    child->conn = conn;
    child->phase = CONNECTED;
    child->bound = true;
    no_matter(estab_set_cookie(host->stack, conn, child));
    estab_sock_look(child, now);
    child->local = child->status.local;
    child->remote = child->status.remote;
    if (addr != NULL && len != NULL)
        estab_sock_to_sockaddr(child, &child->remote, addr, len);
    *out = child;
    return 0;
}

/* ---- names ---- */

int
estab_sock_name(struct estab_sock *s, struct sockaddr *addr, socklen_t *len)
{
    if ((int)*len < 0)
        return -EINVAL;
    estab_sock_to_sockaddr(s, &s->local, addr, len);
    return 0;
}

int
estab_sock_peer(struct estab_sock *s, struct sockaddr *addr, socklen_t *len)
{
    enum linux_state state;

    if ((int)*len < 0)
        return -EINVAL;
    estab_sock_look(s, s->host->now);
    state = estab_sock_state(s);
    if (s->remote.port == 0 || state == LINUX_CLOSE || state == LINUX_SYN_SENT)
        return -ENOTCONN;
    estab_sock_to_sockaddr(s, &s->remote, addr, len);
    return 0;
}

/* ---- the end ---- */

void
estab_sock_drop_conn(struct estab_sock *s, bool reset, estab_time now)
{
    if (s->conn == 0)
        return;
    if (reset)
        no_matter(estab_abort(s->host->stack, s->conn, now));
    else
        no_matter(estab_close(s->host->stack, s->conn, now));
    s->conn = 0;
    s->status = (struct estab_status){ 0 };
    s->over = false;
    s->fin_seen = false;
    s->oob = OOB_NONE;
    s->consumed = 0;
    s->oob_end = 0;
}

/* close(2) with SO_LINGER and a time: until our FIN is acknowledged, or the time is over. */
static bool
lingers(struct estab_sock *s, struct estab_sock_call *call, estab_time now)
{
    enum linux_state state;

    if (s->conn == 0 || !s->linger || s->linger_seconds == 0)
        return false;
    if (!call->started) {
        call->started = true;
        call->until = now + ESTAB_SEC((estab_time)s->linger_seconds);
        if (s->status.tcb.receive_queued > 0)
            return false; /* unread: a RST, and nothing to wait for */
        no_matter(estab_shutdown(s->host->stack, s->conn, now));
        s->rcv_shut = s->snd_shut = true;
        estab_sock_look(s, now);
    }
    state = estab_sock_state(s);
    call->wake = POLLHUP | POLLIN;
    return (state == LINUX_FIN_WAIT1 || state == LINUX_CLOSING || state == LINUX_LAST_ACK) &&
           s->status.tcb.receive_queued == 0 && now < call->until;
}

int
estab_sock_close(struct estab_sock *s, struct estab_sock_call *call, estab_time now)
{
    bool reset;

    if (!s->dead && --s->refs > 0)
        return 0;
    s->dead = true;
    estab_epoll_forget(s);
    estab_sock_look(s, now);
    if (lingers(s, call, now))
        return ESTAB_SOCK_BLOCKED;
    /* socket(7): linger with a time of 0 is a RST */
    reset = s->linger && s->linger_seconds == 0;
    estab_sock_drop_conn(s, reset, now);
    estab_sock_unlisten(s, now);
    estab_sock_free(s);
    return 0;
}
