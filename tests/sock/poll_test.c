/* SPDX-License-Identifier: MIT */
/* Readiness: poll(2), and epoll(7) by level, edge and once. */
#include "pair.h"

#include <sys/epoll.h>

TEST(poll_of_new_and_listening_sockets)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET), *l = opens(&p->there, AF_INET), *got;

    assert_int_equal(polls(p, s), POLLOUT | POLLWRNORM | POLLHUP); /* as Linux has it */
    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    assert_int_equal(polls(p, l), 0);
    connects(p, s, "192.0.2.2", 80);
    assert_int_equal(polls(p, s), POLLOUT | POLLWRNORM);
    assert_int_equal(polls(p, l), POLLIN | POLLRDNORM);
    assert_int_equal(accepts(p, l, &got), 0);
    assert_int_equal(polls(p, l), 0);
    assert_int_equal(polls(p, got), POLLOUT | POLLWRNORM);
    pair_free(p);
}

/* Each socket with news is told once until there is more. */
TEST(changed_sockets_are_told)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    while (estab_sock_host_changed(p->there.host) != NULL)
        ;
    assert_null(estab_sock_host_changed(p->there.host));
    estab_sock_set_user(j.b, p);
    sends(p, j.a, "x", 1, 0);
    assert_ptr_equal(estab_sock_host_changed(p->there.host), j.b);
    assert_ptr_equal(estab_sock_user(j.b), p);
    assert_null(estab_sock_host_changed(p->there.host));
    pair_free(p);
}

/* A third of the buffer must be free: then who was told "not writable" hears of it. */
TEST(writable_again)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    static char big[1 << 20];
    ptrdiff_t n;

    while (sends(p, j.a, big, sizeof(big), 0) > 0)
        pass(p, ESTAB_MS(100));
    assert_false(polls(p, j.a) & POLLOUT);
    while (estab_sock_host_changed(p->here.host) != NULL)
        ;
    do {
        n = receives(p, j.b, big, 10000, 0);
        pass(p, ESTAB_SEC(1));
    } while (n > 0 && !(polls(p, j.a) & POLLOUT));
    assert_true(polls(p, j.a) & POLLOUT);
    assert_ptr_equal(estab_sock_host_changed(p->here.host), j.a);
    pair_free(p);
}

static int
takes(struct pair *p, struct estab_epoll *ep, uint32_t *events)
{
    struct estab_epoll_event ev[4] = { 0 };
    int n = estab_epoll_take(ep, ev, 4, p->now);

    *events = n > 0 ? ev[0].events : 0;
    return n;
}

TEST(epoll_by_level)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_epoll *ep = estab_epoll_new(p->there.host);
    uint32_t ev;

    assert_int_equal(estab_epoll_add(ep, j.b, 5, EPOLLIN, 1, p->now), 0);
    assert_int_equal(estab_epoll_add(ep, j.b, 5, EPOLLIN, 1, p->now), -EEXIST);
    assert_int_equal(takes(p, ep, &ev), 0);
    assert_false(estab_epoll_ready(ep, p->now));
    sends(p, j.a, "ab", 2, 0);
    assert_true(estab_epoll_ready(ep, p->now));
    assert_int_equal(takes(p, ep, &ev), 1);
    assert_int_equal(ev, EPOLLIN);
    assert_int_equal(takes(p, ep, &ev), 1); /* it is still there */
    expect_text(p, j.b, "ab");
    assert_int_equal(takes(p, ep, &ev), 0);
    assert_int_equal(estab_epoll_mod(ep, j.b, 5, EPOLLOUT, 1, p->now), 0);
    assert_int_equal(takes(p, ep, &ev), 1);
    assert_int_equal(ev, EPOLLOUT);
    assert_int_equal(estab_epoll_mod(ep, j.b, 6, EPOLLOUT, 1, p->now), -ENOENT);
    assert_int_equal(estab_epoll_del(ep, j.b, 5), 0);
    assert_int_equal(estab_epoll_del(ep, j.b, 5), -ENOENT);
    assert_int_equal(takes(p, ep, &ev), 0);
    estab_epoll_free(ep);
    pair_free(p);
}

TEST(epoll_by_edge)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_epoll *ep = estab_epoll_new(p->there.host);
    uint32_t ev;

    assert_int_equal(estab_epoll_add(ep, j.b, 5, EPOLLIN | EPOLLOUT | EPOLLET, 1, p->now), 0);
    assert_int_equal(takes(p, ep, &ev), 1); /* what holds when it is added is an edge */
    assert_int_equal(ev, EPOLLOUT);
    assert_int_equal(takes(p, ep, &ev), 0);
    sends(p, j.a, "a", 1, 0);
    assert_int_equal(takes(p, ep, &ev), 1);
    assert_int_equal(ev, EPOLLIN | EPOLLOUT);
    assert_int_equal(takes(p, ep, &ev), 0); /* unread, but told */
    sends(p, j.a, "b", 1, 0);
    pass(p, ESTAB_SEC(1));                  /* Nagle */
    assert_int_equal(takes(p, ep, &ev), 1); /* more has come */
    expect_text(p, j.b, "ab");
    estab_sock_shutdown(j.a, SHUT_WR, p->now);
    settle(p);
    assert_int_equal(estab_epoll_mod(ep, j.b, 5, EPOLLIN | EPOLLRDHUP | EPOLLET, 1, p->now), 0);
    assert_int_equal(takes(p, ep, &ev), 1);
    assert_int_equal(ev, EPOLLIN | EPOLLRDHUP);
    estab_epoll_free(ep);
    pair_free(p);
}

TEST(epoll_once)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_epoll *ep = estab_epoll_new(p->there.host);
    uint32_t ev;

    assert_int_equal(estab_epoll_add(ep, j.b, 5, EPOLLIN | EPOLLONESHOT, 1, p->now), 0);
    sends(p, j.a, "a", 1, 0);
    assert_int_equal(takes(p, ep, &ev), 1);
    sends(p, j.a, "b", 1, 0);
    assert_int_equal(takes(p, ep, &ev), 0);
    assert_int_equal(estab_epoll_mod(ep, j.b, 5, EPOLLIN | EPOLLONESHOT, 1, p->now), 0);
    assert_int_equal(takes(p, ep, &ev), 1);
    assert_int_equal(takes(p, ep, &ev), 0);
    estab_epoll_free(ep);
    pair_free(p);
}

/* Errors and hangups are told without being asked for; a closed socket leaves the list. */
TEST(epoll_and_the_end)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_epoll *ep = estab_epoll_new(p->there.host);
    struct linger l = { .l_onoff = 1 };
    uint32_t ev;

    assert_int_equal(estab_epoll_add(ep, j.b, 5, 0, 1, p->now), 0);
    assert_int_equal(takes(p, ep, &ev), 0);
    estab_sock_setsockopt(j.a, SOL_SOCKET, SO_LINGER, &l, sizeof(l), p->now);
    closes(p, j.a);
    assert_int_equal(takes(p, ep, &ev), 1);
    assert_int_equal(ev, EPOLLERR | EPOLLHUP);
    closes(p, j.b);
    assert_int_equal(takes(p, ep, &ev), 0);
    estab_epoll_free(ep);
    pair_free(p);
}

/* Two descriptors of one socket are two items; of many that are ready each gets its turn. */
TEST(epoll_takes_turns)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_epoll *ep = estab_epoll_new(p->there.host);
    struct estab_epoll_event ev;

    assert_int_equal(estab_epoll_add(ep, j.b, 5, EPOLLOUT, 5, p->now), 0);
    assert_int_equal(estab_epoll_add(ep, j.b, 6, EPOLLOUT, 6, p->now), 0);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(estab_epoll_take(ep, &ev, 1, p->now), 1);
        assert_int_equal(ev.data, 5 + i % 2);
    }
    estab_epoll_free(ep);
    pair_free(p);
}
