/* SPDX-License-Identifier: MIT */
/*
 * Any call on any socket in any order, on two hosts and a wire that fails at times: every result is
 * a count, a known errno or "blocked", readiness keeps its word, and in the end nothing is left.
 */
#include "pair.h"

#include <sys/epoll.h>

enum { SOCKS = 24, STEPS = 4000, SEEDS = 40 };

static uint32_t
next(uint32_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 17;
    *x ^= *x << 5;
    return *x;
}

struct game {
    struct pair *p;
    struct estab_sock *s[SOCKS];
    bool there[SOCKS];
    struct estab_epoll *ep[2];
    uint32_t rnd;
};

static bool
is_known(ptrdiff_t r)
{
    static const int known[] = { EAGAIN,       EINVAL,       EADDRINUSE, EADDRNOTAVAIL, EISCONN,
                                 EINPROGRESS,  EALREADY,     ENOTCONN,   EPIPE,         ECONNRESET,
                                 ECONNREFUSED, ETIMEDOUT,    ENFILE,     ECONNABORTED,  EEXIST,
                                 ENOENT,       EHOSTUNREACH, ENETUNREACH };

    if (r >= 0 || r == ESTAB_SOCK_BLOCKED)
        return true;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (r == -known[i])
            return true;
    return false;
}

static void
put(struct game *g, struct estab_sock *s, bool there)
{
    for (unsigned i = 0; i < SOCKS; i++)
        if (g->s[i] == NULL) {
            g->s[i] = s;
            g->there[i] = there;
            return;
        }
    assert_int_equal(estab_sock_close(s, &(struct estab_sock_call){ .started = true }, g->p->now),
                     0);
}

static void
new_socket(struct game *g)
{
    bool there = next(&g->rnd) & 1;
    struct estab_sock *s;
    int flags = next(&g->rnd) % 4 == 0 ? 0 : SOCK_NONBLOCK;

    if (estab_sock_open((there ? &g->p->there : &g->p->here)->host,
                        next(&g->rnd) % 3 == 0 ? AF_INET6 : AF_INET, SOCK_STREAM | flags, 0,
                        &s) == 0)
        put(g, s, there);
}

/* A receive after POLLIN, or a send after POLLOUT, does not block. */
static void
keeps_its_word(struct game *g, struct estab_sock *s)
{
    struct estab_sock_call call = { 0 };
    uint32_t mask = estab_sock_poll(s, g->p->now);
    char buf[64];

    if (mask & POLLIN && estab_sock_getsockopt(s, SOL_SOCKET, SO_ACCEPTCONN, &(int){ 0 },
                                               &(socklen_t){ 4 }, g->p->now) == 0)
        assert_int_not_equal(estab_sock_recv(s, buf, sizeof(buf), MSG_DONTWAIT, &call, g->p->now),
                             -EAGAIN);
    mask = estab_sock_poll(s, g->p->now);
    memset(&call, 0, sizeof(call));
    if (mask & POLLOUT)
        assert_int_not_equal(
            estab_sock_send(s, "word", 4, MSG_DONTWAIT | MSG_NOSIGNAL, &call, g->p->now), -EAGAIN);
}

static void
step(struct game *g)
{
    static char buf[30000];
    static const char *const addresses[] = { "192.0.2.1",   "192.0.2.2", "127.0.0.1",
                                             "0.0.0.0",     "::",        "2001:db8::1",
                                             "2001:db8::2", "::1",       "::ffff:192.0.2.2" };
    unsigned i = next(&g->rnd) % SOCKS;
    struct estab_sock *s = g->s[i], *got;
    struct estab_sock_call call = { .started = true }; /* whose time is over: it does not wait */
    const char *text = addresses[next(&g->rnd) % 9];
    uint16_t port = (uint16_t)(80 + next(&g->rnd) % 5 / 4);
    struct estab_epoll_event ev[4];
    struct linger linger = { .l_onoff = next(&g->rnd) & 1, .l_linger = next(&g->rnd) & 1 };
    static const int flags[] = { 0,         MSG_PEEK, MSG_OOB,     MSG_WAITALL,
                                 MSG_TRUNC, MSG_MORE, MSG_DONTWAIT };
    int flag = flags[next(&g->rnd) % 7];
    estab_time now = g->p->now;
    unsigned what;

    if (s == NULL) {
        new_socket(g);
        return;
    }
    /* what ends things is rare, or little would ever happen */
    what = next(&g->rnd) % 20;
    if ((what == 7 || what == 15 || what == 14) && next(&g->rnd) % 8 != 0)
        what = 8;
    if (next(&g->rnd) % 8 == 0 && estab_sock_poll(s, now) & POLLHUP)
        what = 15; /* over, or never begun: make room */
    if (i < 2 && what != 2 && what != 3)
        what = 2; /* the two that always listen */
    switch (what) {
    case 0:
        assert_true(is_known(binds(s, text, port)) || strchr(text, ':') != NULL);
        break;
    case 1:
        assert_true(is_known(estab_sock_listen(s, (int)(next(&g->rnd) % 4), now)));
        break;
    case 2:
    case 3:
        if (estab_sock_accept(s, NULL, NULL, SOCK_NONBLOCK, &got, &call, now) == 0)
            put(g, got, g->there[i]);
        break;
    case 4:
    case 5:
    case 6:
        (void)connects(g->p, s, text, port); /* EAFNOSUPPORT and EINVAL too, by family */
        break;
    case 7:
        assert_true(is_known(estab_sock_shutdown(s, (int)(next(&g->rnd) % 3), now)));
        break;
    case 8:
    case 9:
    case 10:
        assert_true(
            is_known(estab_sock_send(s, buf, next(&g->rnd) % sizeof(buf), flag, &call, now)));
        break;
    case 11:
    case 12:
    case 13:
        assert_true(
            is_known(estab_sock_recv(s, buf, next(&g->rnd) % sizeof(buf), flag, &call, now)));
        break;
    case 14:
        estab_sock_setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger), now);
        sets(g->p, s, SOL_SOCKET, next(&g->rnd) & 1 ? SO_REUSEADDR : SO_REUSEPORT, 1);
        break;
    case 15:
        assert_int_equal(estab_sock_close(s, &call, now), 0);
        g->s[i] = NULL;
        break;
    case 16:
        (void)estab_epoll_add(g->ep[g->there[i]], s, (int)(next(&g->rnd) % 2),
                              EPOLLIN | EPOLLOUT | (next(&g->rnd) & 1 ? (uint32_t)EPOLLET : 0), i,
                              now);
        break;
    case 17:
        (void)estab_epoll_take(g->ep[0], ev, 4, now);
        (void)estab_epoll_take(g->ep[1], ev, 4, now);
        (void)estab_epoll_del(g->ep[g->there[i]], s, 0);
        break;
    case 18:
        keeps_its_word(g, s);
        break;
    default:
        g->p->cut = next(&g->rnd) % 8 == 0;
        pass(g->p, ESTAB_MS((estab_time)(next(&g->rnd) % 2000)));
        break;
    }
    if (next(&g->rnd) % 3 == 0)
        settle(g->p);
}

TEST(any_call_in_any_order)
{
    unsigned packets = 0;

    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        struct game g = { .p = pair_new(), .rnd = seed * 2654435761u };
        struct estab_stack_status st;

        g.ep[0] = estab_epoll_new(g.p->here.host);
        g.ep[1] = estab_epoll_new(g.p->there.host);
        for (unsigned i = 0; i < 2; i++) {
            put(&g, opens(i == 0 ? &g.p->here : &g.p->there, AF_INET6), i == 1);
            assert_int_equal(binds(g.s[i], "::", 80), 0);
            assert_int_equal(estab_sock_listen(g.s[i], 3, g.p->now), 0);
        }
        for (unsigned i = 0; i < STEPS; i++)
            step(&g);
        packets += g.p->here.packets + g.p->there.packets;
        for (unsigned i = 0; i < SOCKS; i++)
            if (g.s[i] != NULL)
                assert_int_equal(estab_sock_close(g.s[i],
                                                  &(struct estab_sock_call){ .started = true },
                                                  g.p->now),
                                 0);
        g.p->cut = false;
        pass(g.p, ESTAB_SEC(2000));
        for (unsigned k = 0; k < 2; k++) {
            estab_stack_status((k == 0 ? &g.p->here : &g.p->there)->stack, &st);
            assert_int_equal(st.listeners, 0);
            assert_int_equal(st.connections, 0);
            assert_int_equal(st.orphans, 0);
            assert_int_equal(st.ring_bytes, 0);
        }
        estab_epoll_free(g.ep[0]);
        estab_epoll_free(g.ep[1]);
        pair_free(g.p);
    }
    assert_true(packets > SEEDS * STEPS / 10); /* it was no dull game */
}
