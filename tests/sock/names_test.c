/* SPDX-License-Identifier: MIT */
/* socket(2), bind(2), listen(2) and the names of sockets; SO_REUSEADDR and SO_REUSEPORT. */
#include "pair.h"

static int
opens_with(struct pair *p, int domain, int type, int protocol)
{
    struct estab_sock *s = NULL;
    int err = estab_sock_open(p->here.host, domain, type, protocol, &s);

    assert_true((err == 0) == (s != NULL));
    if (s != NULL)
        closes(p, s);
    return err;
}

TEST(socket_refuses_what_it_is_not)
{
    struct pair *p = pair_new();

    assert_int_equal(opens_with(p, AF_INET, SOCK_STREAM, 0), 0);
    assert_int_equal(
        opens_with(p, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP), 0);
    assert_int_equal(opens_with(p, AF_UNIX, SOCK_STREAM, 0), -EAFNOSUPPORT);
    assert_int_equal(opens_with(p, AF_INET, SOCK_DGRAM, 0), -ESOCKTNOSUPPORT);
    assert_int_equal(opens_with(p, AF_INET, SOCK_STREAM, IPPROTO_UDP), -EPROTONOSUPPORT);
    assert_int_equal(opens_with(p, AF_INET, 77, 0), -EINVAL);
    pair_free(p);
}

TEST(number_of_sockets_is_bounded)
{
    struct pair *p = pair_new();
    struct estab_sock *s[64], *more;

    for (unsigned i = 0; i < 64; i++)
        s[i] = opens(&p->here, AF_INET);
    assert_int_equal(estab_sock_open(p->here.host, AF_INET, SOCK_STREAM, 0, &more), -ENFILE);
    closes(p, s[5]);
    assert_int_equal(estab_sock_open(p->here.host, AF_INET, SOCK_STREAM, 0, &more), 0);
    pair_free(p);
}

TEST(bind_refuses_bad_and_foreign_addresses)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET), *s6 = opens(&p->here, AF_INET6);
    struct sockaddr_in a = in4("192.0.2.1", 80);
    struct sockaddr_in6 a6 = in6("2001:db8::1", 80);

    assert_int_equal(estab_sock_bind(s, (struct sockaddr *)&a, sizeof(a) - 1), -EINVAL);
    assert_int_equal(estab_sock_bind(s6, (struct sockaddr *)&a6, 23), -EINVAL);
    assert_int_equal(estab_sock_bind(s6, ADDR(a)), -EINVAL); /* too short for IPv6 */
    assert_int_equal(estab_sock_bind(s, ADDR(a6)), -EAFNOSUPPORT);
    assert_int_equal(binds(s, "192.0.2.77", 80), -EADDRNOTAVAIL);
    assert_int_equal(binds(s6, "2001:db8::77", 80), -EADDRNOTAVAIL);
    assert_int_equal(binds(s, "192.0.2.1", 80), 0);
    assert_int_equal(binds(s, "192.0.2.1", 81), -EINVAL); /* it has a name */
    assert_int_equal(binds(s6, "2001:db8::1", 80), 0);
    pair_free(p);
}

/* Wildcard and specific address, both families, dual stack and IPV6_V6ONLY. */
TEST(names_conflict_where_one_syn_could_reach_both)
{
    static const struct {
        const char *first, *second;
        bool v6only;
        int result;
    } cases[] = {
        { "0.0.0.0", "0.0.0.0", false, -EADDRINUSE },
        { "0.0.0.0", "192.0.2.1", false, -EADDRINUSE },
        { "192.0.2.1", "0.0.0.0", false, -EADDRINUSE },
        { "192.0.2.1", "192.0.2.1", false, -EADDRINUSE },
        { "192.0.2.1", "127.0.0.1", false, 0 },
        { "::", "0.0.0.0", false, -EADDRINUSE },
        { "::", "0.0.0.0", true, 0 },
        { "0.0.0.0", "::", false, -EADDRINUSE },
        { "0.0.0.0", "::", true, 0 },
        { "::", "2001:db8::1", true, -EADDRINUSE },
        { "2001:db8::1", "192.0.2.1", false, 0 },
        { "::ffff:192.0.2.1", "192.0.2.1", false, -EADDRINUSE },
        { "::ffff:192.0.2.1", "127.0.0.1", false, 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pair *p = pair_new();
        bool six[2] = { strchr(cases[i].first, ':') != NULL, strchr(cases[i].second, ':') != NULL };
        struct estab_sock *a = opens(&p->here, six[0] ? AF_INET6 : AF_INET);
        struct estab_sock *b = opens(&p->here, six[1] ? AF_INET6 : AF_INET);

        if (six[0] && cases[i].v6only)
            assert_int_equal(sets(p, a, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
        if (six[1] && cases[i].v6only)
            assert_int_equal(sets(p, b, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
        assert_int_equal(binds(a, cases[i].first, 80), 0);
        assert_int_equal(binds(b, cases[i].second, 80), cases[i].result);
        assert_int_equal(binds(b, cases[i].second, 81), cases[i].result == 0 ? -EINVAL : 0);
        pair_free(p);
    }
}

/* socket(7): SO_REUSEADDR lets names be shared, but not with one that listens. */
TEST(reuseaddr_shares_a_name_until_one_listens)
{
    struct pair *p = pair_new();
    struct estab_sock *a = opens(&p->here, AF_INET), *b = opens(&p->here, AF_INET);
    struct estab_sock *c = opens(&p->here, AF_INET);

    sets(p, a, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(binds(a, "0.0.0.0", 80), 0);
    assert_int_equal(binds(b, "0.0.0.0", 80), -EADDRINUSE); /* both must ask for it */
    sets(p, b, SOL_SOCKET, SO_REUSEADDR, 1);
    sets(p, c, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(binds(b, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(a, 1, p->now), 0);
    assert_int_equal(estab_sock_listen(b, 1, p->now), -EADDRINUSE);
    assert_int_equal(binds(c, "192.0.2.1", 80), -EADDRINUSE);
    pair_free(p);
}

/* A server can come back while connections of its port are in TIME-WAIT: SO_REUSEADDR is for that. */
TEST(reuseaddr_and_time_wait)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_sock *s = opens(&p->there, AF_INET);

    closes(p, j.b); /* first: TIME-WAIT is there */
    closes(p, j.a);
    closes(p, j.listener);
    assert_int_equal(connections(&p->there), 0);
    assert_int_equal(binds(s, "0.0.0.0", 80), -EADDRINUSE);
    sets(p, s, SOL_SOCKET, SO_REUSEADDR, 1);
    assert_int_equal(binds(s, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(s, 1, p->now), 0);
    closes(p, s);
    s = opens(&p->there, AF_INET);
    pass(p, ESTAB_SEC(61)); /* 2 MSL */
    assert_int_equal(binds(s, "0.0.0.0", 80), 0);
    pair_free(p);
}

TEST(reuseport_sockets_share_the_connections)
{
    struct pair *p = pair_new();
    struct estab_sock *a = opens(&p->there, AF_INET), *b = opens(&p->there, AF_INET);
    struct estab_sock *other = opens(&p->there, AF_INET), *got;

    sets(p, a, SOL_SOCKET, SO_REUSEPORT, 1);
    sets(p, b, SOL_SOCKET, SO_REUSEPORT, 1);
    assert_int_equal(binds(a, "0.0.0.0", 80), 0);
    assert_int_equal(binds(b, "0.0.0.0", 80), 0);
    assert_int_equal(binds(other, "0.0.0.0", 80), -EADDRINUSE);
    assert_int_equal(estab_sock_listen(a, 5, p->now), 0);
    assert_int_equal(estab_sock_listen(b, 5, p->now), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(connects(p, opens(&p->here, AF_INET), "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(accepts(p, a, &got), 0);
    assert_int_equal(accepts(p, b, &got), 0);
    assert_int_equal(accepts(p, a, &got), -EAGAIN);
    closes(p, a); /* the other still listens */
    assert_int_equal(connects(p, opens(&p->here, AF_INET), "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(accepts(p, b, &got), 0);
    closes(p, b);
    assert_int_equal(connects(p, opens(&p->here, AF_INET), "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(connections(&p->there), 3);
    pair_free(p);
}

TEST(getsockname_and_getpeername)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET);
    struct sockaddr_in a;
    socklen_t len = sizeof(a);
    struct joined j;

    assert_int_equal(estab_sock_name(s, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(a.sin_family, AF_INET);
    assert_int_equal(a.sin_port, 0);
    assert_int_equal(estab_sock_peer(s, (struct sockaddr *)&a, &len), -ENOTCONN);
    assert_int_equal(binds(s, "192.0.2.1", 0), 0); /* a port is chosen at once */
    assert_int_equal(estab_sock_name(s, (struct sockaddr *)&a, &len), 0);
    assert_true(ntohs(a.sin_port) >= 1024);
    assert_int_equal(a.sin_addr.s_addr, in4("192.0.2.1", 0).sin_addr.s_addr);
    len = 3; /* no more than fits, and how long it would be */
    memset(&a, 0xee, sizeof(a));
    assert_int_equal(estab_sock_name(s, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(len, sizeof(a));
    assert_int_equal(((uint8_t *)&a)[3], 0xee);

    j = join(p);
    len = sizeof(a);
    assert_int_equal(estab_sock_peer(j.a, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(ntohs(a.sin_port), 80);
    assert_int_equal(estab_sock_name(j.b, (struct sockaddr *)&a, &len), 0);
    assert_int_equal(ntohs(a.sin_port), 80);
    assert_int_equal(a.sin_addr.s_addr, in4("192.0.2.2", 0).sin_addr.s_addr);
    pair_free(p);
}

/* An AF_INET6 socket at :: takes both; IPv4 peers look v4-mapped. */
TEST(dual_stack_listener)
{
    struct pair *p = pair_new();
    struct estab_sock *l = opens(&p->there, AF_INET6), *a = opens(&p->here, AF_INET), *b;
    struct estab_sock *a6 = opens(&p->here, AF_INET6), *mapped = opens(&p->here, AF_INET6);
    struct sockaddr_in6 peer, want = in6("::ffff:192.0.2.1", 0);
    struct estab_sock_call call = { 0 };
    socklen_t len = sizeof(peer);

    assert_int_equal(binds(l, "::", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(estab_sock_accept(l, (struct sockaddr *)&peer, &len, 0, &b, &call, p->now), 0);
    assert_int_equal(peer.sin6_family, AF_INET6);
    assert_memory_equal(&peer.sin6_addr, &want.sin6_addr, 16);
    assert_int_equal(connects(p, a6, "2001:db8::2", 80), -EINPROGRESS);
    assert_int_equal(accepts(p, l, &b), 0);
    assert_int_equal(connects(p, mapped, "::ffff:192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(accepts(p, l, &b), 0);
    a6 = opens(&p->here, AF_INET6);
    sets(p, a6, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    assert_int_equal(connects(p, a6, "::ffff:192.0.2.2", 80), -ENETUNREACH);
    pair_free(p);
}

TEST(listen_by_state)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->there, AF_INET), *got;
    struct sockaddr_in a;
    socklen_t len = sizeof(a);
    struct joined j = join(p);

    assert_int_equal(accepts(p, s, &got), -EINVAL);       /* it does not listen */
    assert_int_equal(estab_sock_listen(s, 1, p->now), 0); /* without bind: a port is chosen */
    assert_int_equal(estab_sock_name(s, (struct sockaddr *)&a, &len), 0);
    assert_true(a.sin_port != 0);
    assert_int_equal(estab_sock_listen(s, 7, p->now), 0); /* again: another backlog */
    assert_int_equal(connects(p, s, "192.0.2.1", 9), -EISCONN);
    assert_int_equal(estab_sock_listen(j.a, 1, p->now), -EINVAL);
    assert_int_equal(estab_sock_listen(j.b, 1, p->now), -EINVAL);
    assert_int_equal(receives(p, s, &a, 1, 0), -ENOTCONN);
    assert_int_equal(sends(p, s, "x", 1, MSG_NOSIGNAL), -EPIPE);
    pair_free(p);
}

/* listen(2): a backlog of n lets n + 1 wait, as Linux does. */
TEST(backlog_is_the_stacks)
{
    struct pair *p = pair_new();
    struct estab_sock *l = opens(&p->there, AF_INET), *got;

    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 1, p->now), 0);
    for (unsigned i = 0; i < 3; i++)
        connects(p, opens(&p->here, AF_INET), "192.0.2.2", 80);
    assert_int_equal(connections(&p->there), 2);
    assert_int_equal(accepts(p, l, &got), 0);
    assert_int_equal(accepts(p, l, &got), 0);
    assert_int_equal(accepts(p, l, &got), -EAGAIN);
    pair_free(p);
}
