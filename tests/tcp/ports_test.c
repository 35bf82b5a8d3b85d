/* SPDX-License-Identifier: MIT */
/* Endpoints that are shared, and endpoints that are used again. */
#include "harness/peer.h"

static struct estab_tcp_options
sharing(struct peer *p, bool yes)
{
    struct estab_tcp_options opt = p->cfg.tcp;

    opt.reuse_port = yes;
    return opt;
}

static unsigned
waiting_at(struct peer *p, estab_conn listener)
{
    unsigned n = 0;
    estab_conn c;

    while (estab_accept(p->stack, listener, &c, p->now) == 0)
        n++;
    return n;
}

static void
hundred_peers_connect(struct peer *p, uint16_t from)
{
    for (uint16_t i = 0; i < 100; i++) {
        p->them.port = (uint16_t)(from + i);
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        peer_forgets(p);
    }
}

/* Listeners that all say so share an endpoint; connections are spread, each handshake stays with one
 * of them; when one leaves, also the first, the others go on. */
TEST(listeners_that_say_so_share_an_endpoint)
{
    struct peer *p = peer_host(NULL);
    struct estab_tcp_options opt = sharing(p, true);
    struct estab_endpoint at = { .port = 80 };
    unsigned got[4], sum = 0;
    estab_conn l[4];

    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(estab_listen(p->stack, &at, 200, &opt, &l[i], p->now), 0);
    hundred_peers_connect(p, 20000);
    for (unsigned i = 0; i < 4; i++) {
        got[i] = waiting_at(p, l[i]);
        sum += got[i];
        assert_in_range(got[i], 8, 50);
    }
    assert_int_equal(sum, 100);

    assert_int_equal(estab_close(p->stack, l[0], p->now), 0); /* the one in the table */
    assert_int_equal(estab_close(p->stack, l[2], p->now), 0); /* one of the others */
    peer_forgets(p);
    hundred_peers_connect(p, 21000);
    sum = waiting_at(p, l[1]);
    assert_in_range(sum, 20, 80);
    assert_int_equal(sum + waiting_at(p, l[3]), 100);
    assert_int_equal(estab_close(p->stack, l[1], p->now), 0);
    assert_int_equal(estab_close(p->stack, l[3], p->now), 0);
    peer_forgets(p);
    peer_sends_from(p, 30000, (struct step){ .ctl = CTL_SYN, .seq = 100 });
    expect_verdict(p, DROP_NO_CONNECTION);
    peer_done_quietly(p);
}

/* One that does not say so shares with nobody, whoever came first; another address or port is
 * another endpoint. */
TEST(an_endpoint_is_shared_by_all_or_none)
{
    struct peer *p = peer_host(NULL);
    struct estab_tcp_options yes = sharing(p, true), no = sharing(p, false);
    struct estab_endpoint any = { .port = 80 }, ours = { .addr = p->us.addr, .port = 80 };
    struct estab_endpoint other = { .port = 81 };
    estab_conn a, b, c;

    assert_int_equal(estab_listen(p->stack, &any, 5, &no, &a, p->now), 0);
    assert_int_equal(estab_listen(p->stack, &any, 5, &yes, &b, p->now), -ESTAB_EADDRINUSE);
    assert_int_equal(estab_close(p->stack, a, p->now), 0);
    assert_int_equal(estab_listen(p->stack, &any, 5, &yes, &a, p->now), 0);
    assert_int_equal(estab_listen(p->stack, &any, 5, &no, &b, p->now), -ESTAB_EADDRINUSE);
    assert_int_equal(estab_listen(p->stack, &ours, 5, &no, &b, p->now), 0);
    assert_int_equal(estab_listen(p->stack, &other, 5, &yes, &c, p->now), 0);
    /* the more special endpoint gets it */
    peer_sends (p, .ctl = CTL_SYN, .seq = 100);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    assert_int_equal(waiting_at(p, a), 0);
    assert_int_equal(waiting_at(p, b), 1);
    peer_done_quietly(p);
}

/* limit: 64 on one endpoint */
TEST(sixty_four_share_and_no_more)
{
    struct peer *p = peer_host(NULL);
    struct estab_tcp_options opt = sharing(p, true);
    struct estab_endpoint at = { .port = 80 };
    estab_conn l;

    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(estab_listen(p->stack, &at, 5, &opt, &l, p->now), 0);
    assert_int_equal(estab_listen(p->stack, &at, 5, &opt, &l, p->now), -ESTAB_ENOBUFS);
    peer_done(p);
}

/* An active OPEN from the ends of a connection in TIME-WAIT: refused, unless the setting allows it
 * and timestamps tell the two lives apart; then its ISN is beyond the old numbers. */
TEST(an_active_open_may_end_time_wait)
{
    for (unsigned which = 0; which < 4; which++) {
        struct estab_config cfg = peer_config(NULL);
        bool allowed = which != 0, stamped = which != 1, later = which != 2;
        struct estab_endpoint from, to;
        struct peer *p;
        uint32_t old;
        int err;

        cfg.time_wait_reuse = allowed;
        p = peer_host_with(&cfg);
        to = p->them;
        user_opens(p);
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460,
                   .ts_val = stamped ? 1000 : 0, .ts_ecr = stamped ? p->our_ts : 0);
        from = user_status(p).local;
        to = user_status(p).remote;
        old = p->iss;
        assert_int_equal(user_leaves(p), 0);
        peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2, .ts_val = stamped ? 1001 : 0, .ts_ecr = p->our_ts);
        peer_forgets(p);
        expect_state(p, TCPS(TIME_WAIT));
        time_passes(p, later ? SEC(2) : MS(500));
        err = estab_connect(p->stack, &from, &to, NULL, &p->conn, p->now);
        if (which < 3) {
            assert_int_equal(err, -ESTAB_EADDRINUSE);
            p->conn = 0;
            peer_done_quietly(p);
            continue;
        }
        assert_int_equal(err, 0);
        p->iss_known = false;
        time_passes(p, 0);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
        assert_true((int32_t)(p->iss - (old + 2)) > 0);
        expect_state(p, TCPS(SYN_SENT));
        peer_done_quietly(p);
    }
}

/* The ports run out: one that waits and may be used again is taken, and only then is it refused. */
TEST(the_last_port_may_be_one_that_waits)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    estab_conn c;

    cfg.time_wait_reuse = true;
    cfg.port_min = cfg.port_max = 50000;
    p = peer_host_with(&cfg);
    p->us.port = 50000;
    p->them.port = 80;
    assert_int_equal(estab_connect(p->stack, NULL, &p->them, NULL, &p->conn, p->now), 0);
    time_passes(p, 0);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460, .ts_val = 1000, .ts_ecr = p->our_ts);
    assert_int_equal(user_leaves(p), 0);
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2, .ts_val = 1001, .ts_ecr = p->our_ts);
    peer_forgets(p);
    {
        struct estab_endpoint to = { .addr = p->them.addr, .port = 80 };

        assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), -ESTAB_EADDRNOTAVAIL);
        time_passes(p, SEC(2));
        assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), 0);
        assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), -ESTAB_EADDRNOTAVAIL);
    }
    peer_done_quietly(p);
}
