/* SPDX-License-Identifier: MIT */
/* connect(2): in progress, done, refused, again; to oneself; blocking with a time limit. */
#include "pair.h"

TEST(connect_tells_how_far_it_has_come)
{
    struct pair *p = pair_new();
    struct estab_sock *l = opens(&p->there, AF_INET), *a = opens(&p->here, AF_INET);

    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    p->cut = true;
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EALREADY);
    assert_int_equal(polls(p, a), 0);
    assert_int_equal(sends(p, a, "x", 1, 0), -EAGAIN);
    assert_int_equal(receives(p, a, (char[1]){ 0 }, 1, 0), -EAGAIN);
    p->cut = false;
    pass(p, ESTAB_SEC(2)); /* the SYN again */
    assert_int_equal(polls(p, a), POLLOUT | POLLWRNORM);
    assert_int_equal(gets_(p, a, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), 0); /* once, as Linux */
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EISCONN);
    pair_free(p);
}

TEST(refusal_is_told_once)
{
    struct pair *p = pair_new();
    struct estab_sock *a = opens(&p->here, AF_INET);

    assert_int_equal(connects(p, a, "192.0.2.2", 81), -EINPROGRESS);
    assert_int_equal(polls(p, a),
                     POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLERR | POLLHUP);
    assert_int_equal(gets_(p, a, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(gets_(p, a, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(sends(p, a, "x", 1, MSG_NOSIGNAL), -EPIPE);
    assert_int_equal(receives(p, a, (char[1]){ 0 }, 1, 0), 0);
    pair_free(p);
}

/* The second connect() takes the error, and leaves a socket that can be connected. */
TEST(connect_again_after_a_refusal)
{
    struct pair *p = pair_new();
    struct estab_sock *a = opens(&p->here, AF_INET), *l = opens(&p->there, AF_INET);

    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -ECONNREFUSED);
    assert_int_equal(polls(p, a), POLLOUT | POLLWRNORM | POLLHUP); /* as a new one */
    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), 0);
    closes(p, a);

    /* when SO_ERROR has taken the error: ECONNABORTED */
    a = opens(&p->here, AF_INET);
    connects(p, a, "192.0.2.2", 81);
    assert_int_equal(gets_(p, a, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -ECONNABORTED);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EINPROGRESS);
    pair_free(p);
}

TEST(connect_times_out)
{
    struct pair *p = pair_new();
    struct estab_sock *a = opens(&p->here, AF_INET);

    p->cut = true;
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EINPROGRESS);
    pass(p, ESTAB_SEC(400));
    assert_int_equal(gets_(p, a, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
    pair_free(p);
}

TEST(bad_addresses)
{
    struct pair *p = pair_new();
    struct estab_sock *a = opens(&p->here, AF_INET);
    struct sockaddr_in to = in4("192.0.2.2", 80);
    struct sockaddr_in6 to6 = in6("2001:db8::2", 80);
    struct estab_sock_call call = { 0 };

    assert_int_equal(estab_sock_connect(a, (struct sockaddr *)&to, 1, &call, p->now), -EINVAL);
    assert_int_equal(estab_sock_connect(a, (struct sockaddr *)&to, 8, &call, p->now), -EINVAL);
    assert_int_equal(estab_sock_connect(a, ADDR(to6), &call, p->now), -EAFNOSUPPORT);
    assert_int_equal(connects(p, a, "198.51.100.1", 80), -ENETUNREACH);
    assert_int_equal(connects(p, a, "224.0.0.1", 80), -ENETUNREACH);
    assert_int_equal(connects(p, a, "192.0.2.2", 81), -EINPROGRESS);
    pair_free(p);
}

/* Two names, one connection: the second one of the same pair is refused. */
TEST(same_pair_of_names_twice)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_sock *s = opens(&p->here, AF_INET);
    struct sockaddr_in a;
    socklen_t len = sizeof(a);

    assert_int_equal(estab_sock_name(j.a, (struct sockaddr *)&a, &len), 0);
    sets(p, j.a, SOL_SOCKET, SO_REUSEADDR, 1);
    sets(p, s, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(binds(s, "192.0.2.1", ntohs(a.sin_port)), 0);
    assert_int_equal(connects(p, s, "192.0.2.2", 80), -EADDRNOTAVAIL);
    pair_free(p);
}

/* A socket bound to the port it connects to: the SYN crosses itself (RFC 9293 §3.5). */
TEST(self_connect)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET);

    assert_int_equal(binds(s, "127.0.0.1", 4000), 0);
    assert_int_equal(connects(p, s, "127.0.0.1", 4000), -EINPROGRESS);
    assert_int_equal(connects(p, s, "127.0.0.1", 4000), 0);
    assert_int_equal(sends(p, s, "echo", 4, 0), 4);
    expect_text(p, s, "echo");
    assert_int_equal(connections(&p->here), 1);
    pair_free(p);
}

/* Linux: to 0.0.0.0 is to this host. */
TEST(any_address_means_this_host)
{
    struct pair *p = pair_new();
    struct estab_sock *l = opens(&p->here, AF_INET), *s = opens(&p->here, AF_INET), *got;

    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    assert_int_equal(connects(p, s, "0.0.0.0", 80), -EINPROGRESS);
    assert_int_equal(accepts(p, l, &got), 0);
    pair_free(p);
}

/* connect(2): AF_UNSPEC dissolves; the peer is reset. */
TEST(af_unspec_dissolves)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    struct estab_sock_call call = { 0 };
    struct sockaddr_in a;
    socklen_t len = sizeof(a);

    assert_int_equal(estab_sock_connect(j.a, ADDR(none), &call, p->now), 0);
    settle(p);
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), -ECONNRESET);
    assert_int_equal(estab_sock_peer(j.a, (struct sockaddr *)&a, &len), -ENOTCONN);
    assert_int_equal(gets_(p, j.a, SOL_SOCKET, SO_ERROR), ECONNRESET);
    assert_int_equal(connects(p, j.a, "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(connects(p, j.a, "192.0.2.2", 80), 0);
    pair_free(p);
}

/* A blocking connect(): waits, goes on with the same call, and gives up after SO_SNDTIMEO. */
TEST(blocking_connect)
{
    struct pair *p = pair_new();
    struct estab_sock *a = opens(&p->here, AF_INET), *l = opens(&p->there, AF_INET);
    struct sockaddr_in to = in4("192.0.2.2", 80);
    struct timeval tv = { .tv_sec = 3, .tv_usec = 500000 };
    struct estab_sock_call call = { 0 };

    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    assert_int_equal(estab_sock_ioctl(a, 0x5421 /* FIONBIO */, &(int){ 0 }, p->now), 0);
    assert_int_equal(estab_sock_connect(a, ADDR(to), &call, p->now), ESTAB_SOCK_BLOCKED);
    assert_true(call.until == ESTAB_NEVER);
    assert_true(call.wake & POLLOUT);
    settle(p);
    assert_int_equal(estab_sock_connect(a, ADDR(to), &call, p->now), 0);
    closes(p, a);

    assert_int_equal(estab_sock_open(p->here.host, AF_INET, SOCK_STREAM, 0, &a), 0);
    assert_int_equal(estab_sock_setsockopt(a, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv), p->now), 0);
    p->cut = true;
    memset(&call, 0, sizeof(call));
    assert_int_equal(estab_sock_connect(a, ADDR(to), &call, p->now), ESTAB_SOCK_BLOCKED);
    assert_true(call.until == p->now + ESTAB_MS(3500));
    pass(p, ESTAB_MS(3500));
    assert_int_equal(estab_sock_connect(a, ADDR(to), &call, p->now), -EINPROGRESS);
    pair_free(p);
}
