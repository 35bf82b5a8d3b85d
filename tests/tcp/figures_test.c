/* SPDX-License-Identifier: MIT */
/* RFC 9293 §3.5 and §3.6: the figures, seen from one side each; Figures 6, 7, 12 and 13 also stand in
 * listen_test.c, syn_sent_test.c and close_test.c. */
#include "harness/peer.h"

/* Figure 8, seen from TCP Peer B: recovery from an old duplicate SYN. N8 */
TEST(figure_8_an_old_duplicate_syn_is_reset_by_its_sender)
{
    struct peer *p = peer_of_listener();
    uint32_t first;

    peer_sends (p, .ctl = CTL_SYN, .seq = 90); /* the old one */
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 91);
    expect_state(p, TCPS(SYN_RECEIVED));
    first = p->iss;
    peer_sends (p, .ctl = CTL_RST, .seq = 91);
    expect_state(p, TCPS(LISTEN)); /* nothing is wasted */
    time_passes(p, MS(10));
    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 100); /* the true one */
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    assert_int_not_equal(p->iss, first);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    user_accepts(p);
    peer_done(p);
}

/* Figure 8, seen from TCP Peer A: we have sent a SYN, and an answer to an older one comes. */
TEST(figure_8_the_answer_to_an_old_syn_is_reset)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 300, .ack = ISS - 9);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS - 9);
    expect_state(p, TCPS(SYN_SENT));
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 400, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 401);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done(p);
}

/* Figure 9, seen from TCP Peer B: the peer has crashed and opens again; our challenge makes it find
 * out, and its RST ends the half-open connection. */
TEST(figure_9_half_open_discovery)
{
    struct peer *p = peer_in_established();

    peer_sends (p, .ctl = CTL_SYN, .seq = 400);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_state(p, TCPS(ESTABLISHED));
    peer_sends (p, .ctl = CTL_RST, .seq = 101);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_ECONNRESET);
    assert_int_equal(user_leaves(p), 0);
    /* the port is free for the new connection at once */
    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 400);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 401);
    peer_done(p);
}

/* Figure 9, seen from TCP Peer A: we have just begun, and the peer still has the old connection. */
TEST(figure_9_an_ack_of_another_life_is_reset)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends (p, .ctl = CTL_ACK, .seq = 300, .ack = ISS - 300);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS - 300);
    expect_state(p, TCPS(SYN_SENT));
    (void)time_until_sent(p, SEC(2)); /* and it tries again */
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_done(p);
}

/* Figure 10: the active side sends text, and the other knows nothing of a connection. */
TEST(figure_10_text_for_nobody_is_reset)
{
    struct peer *p = peer_host(NULL);

    peer_sends (p, .ctl = CTL_ACK, .seq = 300, .ack = 100, .len = 10);
    expect_sent(p, .ctl = CTL_RST, .seq = 100);
    peer_done(p);
}

TEST(figure_10_the_reset_ends_the_active_side)
{
    struct peer *p = peer_in_established_active();

    user_sends(p, 10);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 10);
    peer_sends (p, .ctl = CTL_RST, .seq = 101);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_ECONNRESET);
    peer_done(p);
}

/* Figure 11: an old SYN begins a connection between two listeners; the other one's RST ends it, and
 * the listener goes on listening. */
TEST(figure_11_two_passive_sockets_are_not_bound_by_an_old_syn)
{
    struct peer *p = peer_of_listener();

    peer_sends (p, .ctl = CTL_SYN, .seq = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_RST, .seq = 101);
    expect_state(p, TCPS(LISTEN));
    assert_int_equal(p->listener_events, 0);
    peer_done(p);
}

/* Figure 11, seen from the other listener: the SYN,ACK of nothing is reset. */
TEST(figure_11_a_listener_resets_a_syn_ack)
{
    struct peer *p = peer_of_listener();

    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 300, .ack = 101);
    expect_sent(p, .ctl = CTL_RST, .seq = 101);
    expect_state(p, TCPS(LISTEN));
    peer_done(p);
}

/* vuln: Self-connect / simultaneous open to self */
TEST(a_connection_to_oneself_opens_and_closes)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint self = { .addr = p->us.addr, .port = 5000 };
    struct estab_status st;
    char buf[8];

    assert_int_equal(estab_connect(p->stack, &self, &self, NULL, &p->conn, p->now), 0);
    time_passes(p, MS(1));
    assert_int_equal(estab_status(p->stack, p->conn, &st), 0);
    assert_int_equal(st.state, TCPS(ESTABLISHED));
    assert_int_equal(estab_send(p->stack, p->conn, "hello", 5, p->now), 5);
    time_passes(p, MS(1));
    assert_int_equal(estab_receive(p->stack, p->conn, buf, sizeof(buf), p->now), 5);
    assert_memory_equal(buf, "hello", 5);
    assert_int_equal(estab_close(p->stack, p->conn, p->now), 0);
    p->conn = 0;
    time_passes(p, SEC(200));
    expect_nothing_sent(p);
    peer_done(p);
}
