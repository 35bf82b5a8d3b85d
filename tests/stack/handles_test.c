/* SPDX-License-Identifier: MIT */
/* Handles that name nothing: each call says so, and nothing else happens. */
#include "harness/peer.h"

#include "estab/echo.h"
#include "estab/udp.h"

/* What each call says of a handle that names no connection (and no listener). */
static void
expect_no_connection(struct peer *p, estab_conn c)
{
    struct estab_tcp_options o = user_options(p);
    struct estab_span spans[2];
    struct estab_status st;
    estab_conn out;
    char octet = 'x';

    assert_int_equal(estab_send(p->stack, c, &octet, 1, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_send_urgent(p->stack, c, &octet, 1, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_receive(p->stack, c, &octet, 1, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_peek(p->stack, c, spans), -ESTAB_EBADF);
    assert_int_equal(estab_consume(p->stack, c, 1, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_reserve(p->stack, c, 1, spans), -ESTAB_EBADF);
    assert_int_equal(estab_commit(p->stack, c, 1, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_shutdown(p->stack, c, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_close(p->stack, c, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_abort(p->stack, c, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_status(p->stack, c, &st), -ESTAB_EBADF);
    assert_int_equal(estab_get_options(p->stack, c, &o), -ESTAB_EBADF);
    assert_int_equal(estab_set_options(p->stack, c, &o, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_accept(p->stack, c, &out, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_set_backlog(p->stack, c, 1), -ESTAB_EBADF);
}

static void
expect_no_udp(struct peer *p, estab_udp u)
{
    struct estab_udp_message m = { .remote = p->them };
    struct estab_addr group = estab_addr_v4(224, 0, 0, 200);
    struct estab_udp_options o = { 0 };
    struct estab_udp_status st;
    struct estab_udp_error error;
    char octet = 'x';

    assert_int_equal(estab_udp_send(p->stack, u, &m, &octet, 1, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_udp_receive(p->stack, u, &m, &octet, 1, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_udp_connect(p->stack, u, &p->them, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_udp_error(p->stack, u, &error), -ESTAB_EBADF);
    assert_int_equal(estab_udp_join(p->stack, u, 1, &group, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_udp_leave(p->stack, u, 1, &group, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_udp_status(p->stack, u, &st), -ESTAB_EBADF);
    assert_int_equal(estab_udp_get_options(p->stack, u, &o), -ESTAB_EBADF);
    assert_int_equal(estab_udp_set_options(p->stack, u, &o, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_udp_close(p->stack, u, p->now), -ESTAB_EBADF);
}

static void
expect_no_echo(struct peer *p, estab_echo e)
{
    struct estab_echo_options o;
    struct estab_echo_message m;
    struct estab_echo_status st;
    char octet = 'x';

    estab_echo_options_init(&o);
    assert_int_equal(estab_echo_send(p->stack, e, &p->them.addr, 1, &octet, 1, p->now),
                     -ESTAB_EBADF);
    assert_int_equal(estab_echo_receive(p->stack, e, &m, &octet, 1, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_echo_set_options(p->stack, e, &o, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_echo_status(p->stack, e, &st), -ESTAB_EBADF);
    assert_int_equal(estab_echo_close(p->stack, e, p->now), -ESTAB_EBADF);
}

TEST(a_handle_that_names_nothing_is_refused_by_every_call)
{
    struct peer *p = peer_in_established();

    for (unsigned i = 0; i < 3; i++) {
        static const estab_conn wrong[3] = { 0, 12345, UINT64_MAX };
        struct estab_status before = user_status(p);

        expect_no_connection(p, wrong[i]);
        expect_no_udp(p, wrong[i]);
        expect_no_echo(p, wrong[i]);
        assert_int_equal(estab_set_cookie(p->stack, wrong[i], p), -ESTAB_EBADF); /* of any kind */
        expect_unchanged(p, &before);
    }
    peer_done(p);
}

/* A handle of one kind is none of another, and one that was given back is never anybody else's. */
TEST(a_handle_of_another_kind_or_given_back_is_refused_by_every_call)
{
    struct peer *p = peer_in_established();
    struct estab_endpoint at = { p->us.addr, 4000 };
    struct estab_status before;
    estab_udp udp, udp_again;
    estab_echo echo, echo_again;

    assert_int_equal(estab_udp_open(p->stack, &at, NULL, &udp, p->now), 0);
    assert_int_equal(
        estab_echo_open(p->stack, peer_family == 4 ? ESTAB_INET : ESTAB_INET6, NULL, &echo, p->now),
        0);
    before = user_status(p);
    expect_no_connection(p, udp);
    expect_no_connection(p, echo);
    expect_no_udp(p, p->conn);
    expect_no_udp(p, p->listener);
    expect_no_udp(p, echo);
    expect_no_echo(p, p->conn);
    expect_no_echo(p, udp);
    expect_unchanged(p, &before);

    assert_int_equal(estab_udp_close(p->stack, udp, p->now), 0);
    assert_int_equal(estab_echo_close(p->stack, echo, p->now), 0);
    assert_int_equal(estab_udp_open(p->stack, &at, NULL, &udp_again, p->now), 0);
    assert_int_equal(estab_echo_open(p->stack, peer_family == 4 ? ESTAB_INET : ESTAB_INET6, NULL,
                                     &echo_again, p->now),
                     0);
    assert_true(udp != udp_again && echo != echo_again);
    expect_no_udp(p, udp);
    expect_no_echo(p, echo);
    assert_int_equal(estab_set_cookie(p->stack, udp, p), -ESTAB_EBADF);
    assert_int_equal(estab_set_cookie(p->stack, echo, p), -ESTAB_EBADF);
    assert_int_equal(estab_set_cookie(p->stack, udp_again, p), 0);
    assert_int_equal(estab_udp_close(p->stack, udp_again, p->now), 0);
    assert_int_equal(estab_echo_close(p->stack, echo_again, p->now), 0);
    peer_done(p);
}

/* The walks show each endpoint once. */
TEST(the_walks_show_every_endpoint)
{
    struct peer *p = peer_in_established();
    estab_udp udp[5];
    uint64_t cursor = 0;
    struct estab_udp_status st;
    struct estab_udp_options o;
    unsigned n = 0, seen = 0;

    for (unsigned i = 0; i < 5; i++) {
        struct estab_endpoint at = { p->us.addr, (uint16_t)(4000 + i) };

        assert_int_equal(estab_udp_open(p->stack, &at, NULL, &udp[i], p->now), 0);
    }
    assert_int_equal(estab_udp_close(p->stack, udp[2], p->now), 0);
    while (estab_udp_next(p->stack, &cursor, &st)) {
        assert_in_range(st.local.port, 4000, 4004);
        seen |= 1u << (st.local.port - 4000);
        n++;
    }
    assert_int_equal(n, 4);
    assert_int_equal(seen, 0x1b);
    assert_int_equal(estab_udp_get_options(p->stack, udp[0], &o), 0);
    o.ttl = 9;
    assert_int_equal(estab_udp_set_options(p->stack, udp[0], &o, p->now), 0);
    assert_int_equal(estab_udp_get_options(p->stack, udp[0], &o), 0);
    assert_int_equal(o.ttl, 9);
    for (unsigned i = 0; i < 5; i++)
        if (i != 2)
            assert_int_equal(estab_udp_close(p->stack, udp[i], p->now), 0);
    peer_done(p);
}

/* A listener without a port gets one of its own that is free. */
TEST(a_listener_may_leave_the_port_to_the_host)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint at = { p->us.addr, 0 };
    estab_conn listener[8];
    struct estab_status st;
    uint16_t port[8];

    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(estab_listen(p->stack, &at, 1, NULL, &listener[i], p->now), 0);
        assert_int_equal(estab_status(p->stack, listener[i], &st), 0);
        port[i] = st.local.port;
        assert_in_range(port[i], p->cfg.port_min, p->cfg.port_max);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(port[k], port[i]);
    }
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(estab_close(p->stack, listener[i], p->now), 0);
    peer_done(p);
}

/* RFC7323-5.3-R1: PAWS guards the half-open record as well: what is older than its SYN is answered, and
 * opens nothing. */
TEST(an_old_timestamp_does_not_open_a_connection)
{
    struct peer *p = peer_of_listener();

    p->timestamps = true;
    p->ts_clock = 5000;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .ts_val = 5000);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 4999, .ts_ecr = p->our_ts);
    expect_verdict(p, DROP_PAWS);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 5001, .ts_ecr = p->our_ts);
    expect_state(p, TCPS(ESTABLISHED));
    user_accepts(p);
    peer_done(p);
}
