/* SPDX-License-Identifier: MIT */
/*
 * connect(2) and shutdown(2): the socket's own three phases over the states of its connection, as
 * Linux keeps them. connect() tells the outcome of an attempt at the call after it.
 */
#include "sock/internal.h"

#include <string.h>

/* Back to a socket that could be connected again; what bind(2) gave stays. */
static void
disconnect(struct estab_sock *s, bool reset, estab_time now)
{
    estab_sock_drop_conn(s, reset, now);
    estab_sock_unlisten(s, now);
    s->phase = UNCONNECTED;
    s->rcv_shut = s->snd_shut = false;
    memset(&s->remote, 0, sizeof(s->remote));
    if (!s->bound_by_user)
        s->bound = false;
    if (!s->addr_by_user && s->bound)
        s->local.addr =
            (struct estab_addr){ .family = s->ipv6 ? (s->v6only ? ESTAB_INET6 : ESTAB_UNSPEC)
                                                   : ESTAB_INET };
    if (!s->bound)
        memset(&s->local, 0, sizeof(s->local));
    estab_sock_note_change(s);
}

/* connect(2) with AF_UNSPEC dissolves the association. */
static int
dissolve(struct estab_sock *s, estab_time now)
{
    enum linux_state state = estab_sock_state(s);
    bool error = state != LINUX_CLOSE && state != LINUX_LISTEN;

    disconnect(s, true, now);
    s->error = error ? ECONNRESET : 0;
    return 0;
}

static int
begin(struct estab_sock *s, const struct sockaddr *addr, socklen_t len, estab_time now)
{
    struct estab_sock_host *host = s->host;
    struct estab_endpoint to, from = s->local;
    bool bound = s->bound;
    int err;

    err = estab_sock_from_sockaddr(s, addr, len, &to);
    if (err < 0)
        return s->ipv6 && s->v6only && err == -EINVAL && len >= 24 ? -ENETUNREACH : err;
    if (to.addr.family == ESTAB_INET && s->ipv6 && s->v6only)
        return -ENETUNREACH;
    /* Linux: to any address is to ourselves */
    if (estab_addr_is_any(&to.addr)) {
        if (to.addr.family == ESTAB_INET6)
            to.addr.bytes[15] = 1;
        else
            to.addr = estab_addr_v4(127, 0, 0, 1);
    }
    if (estab_addr_is_multicast(&to.addr))
        return -ENETUNREACH;
    if (bound && from.addr.family != ESTAB_UNSPEC && from.addr.family != to.addr.family)
        return s->ipv6 && to.addr.family == ESTAB_INET ? -ENETUNREACH : -EINVAL;
    estab_sock_drop_conn(s, false, now); /* of an attempt that has failed */
    err = estab_connect(host->stack, bound ? &from : NULL, &to, &s->opt, &s->conn, now);
    if (err == -ESTAB_EADDRINUSE)
        return -EADDRNOTAVAIL; /* the pair of names is in use */
    if (err == -ESTAB_EINVAL)
        return to.port == 0 ? -ECONNREFUSED : -ENETUNREACH;
    if (err < 0)
        return -estab_errno(err);
    no_matter(estab_set_cookie(host->stack, s->conn, s));
    s->phase = CONNECTING;
    s->over = s->fin_seen = false;
    s->rcv_shut = s->snd_shut = false;
    s->error = 0;
    estab_sock_look(s, now);
    s->bound = true;
    s->local = s->status.local;
    s->remote = to;
    return 0;
}

int
estab_sock_connect(struct estab_sock *s, const struct sockaddr *addr, socklen_t len,
                   struct estab_sock_call *call, estab_time now)
{
    int err, result = -EALREADY;
    enum linux_state state;

    if (addr == NULL)
        return -EFAULT;
    if (len < sizeof(addr->sa_family))
        return -EINVAL;
    estab_sock_look(s, now);
    if (addr->sa_family == AF_UNSPEC)
        return dissolve(s, now);
    switch ((enum phase)s->phase) {
    case CONNECTED:
        return -EISCONN;
    case UNCONNECTED:
        if (estab_sock_state(s) != LINUX_CLOSE)
            return -EISCONN;
        err = begin(s, addr, len, now);
        if (err < 0)
            return err;
        result = -EINPROGRESS;
        break;
    case CONNECTING:
        /* an attempt of this very call goes on */
        if (call->started)
            result = -EINPROGRESS;
        break;
    }
    state = estab_sock_state(s);
    if (estab_sock_is_opening(s))
        return estab_sock_must_wait(s, call, POLLOUT | POLLHUP | POLLERR, false, s->sndtimeo, now)
                   ? ESTAB_SOCK_BLOCKED
                   : result;
    if (state == LINUX_CLOSE) {
        err = estab_sock_take_error(s);
        disconnect(s, false, now);
        return err != 0 ? err : -ECONNABORTED;
    }
    s->phase = CONNECTED;
    return 0;
}

int
estab_sock_shutdown(struct estab_sock *s, int how, estab_time now)
{
    bool rcv = how == SHUT_RD || how == SHUT_RDWR;
    bool snd = how == SHUT_WR || how == SHUT_RDWR;

    if (!rcv && !snd)
        return -EINVAL;
    estab_sock_look(s, now);
    switch (estab_sock_state(s)) {
    case LINUX_CLOSE:
        s->rcv_shut |= rcv && s->conn != 0;
        s->snd_shut |= snd && s->conn != 0;
        return -ENOTCONN;
    case LINUX_LISTEN:
        /* Linux: no more connections; who waits in accept(2) is woken */
        if (rcv)
            disconnect(s, false, now);
        return 0;
    case LINUX_SYN_SENT:
        disconnect(s, true, now);
        s->error = ECONNRESET;
        return 0;
    default:
        break;
    }
    if (s->phase == CONNECTING)
        s->phase = CONNECTED;
    if (rcv)
        s->rcv_shut = true;
    if (snd && !s->snd_shut) {
        s->snd_shut = true;
        no_matter(estab_shutdown(s->host->stack, s->conn, now));
    }
    estab_sock_note_change(s);
    estab_epoll_wake(s, ESTAB_READABLE | ESTAB_WRITABLE);
    return 0;
}
