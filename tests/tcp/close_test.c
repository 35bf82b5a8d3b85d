/* SPDX-License-Identifier: MIT */
/* Closing: RFC 9293 §3.6, Figures 12 and 13, and every way through the states after ESTABLISHED. */
#include "harness/peer.h"

/* RFC 9293 §3.6, Figure 12, seen from TCP Peer A. N9, N10, N11, RFC9293-3.10.7.4-FW1. */
TEST(active_close_takes_four_segments)
{
    struct peer *p = peer_in_established();

    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_state(p, TCPS(FIN_WAIT_1));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_state(p, TCPS(FIN_WAIT_2));
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_state(p, TCPS(TIME_WAIT));
    expect_event(p, ESTAB_PEER_CLOSED | ESTAB_CLOSED);
    assert_int_equal(user_tries_to_receive(p), 0);
    assert_int_equal(user_leaves(p), 0);
    time_passes(p, SEC(60));
    expect_gone(p);
    peer_done(p);
}

/* RFC 9293 §3.6, Figure 12, seen from TCP Peer B. N16, RFC9293-3.10.7.4-LASTACK. */
TEST(passive_close_ends_with_the_last_ack)
{
    struct peer *p = peer_in_established();
    struct estab_stack_status st;

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 102);
    expect_state(p, TCPS(CLOSE_WAIT));
    expect_event(p, ESTAB_PEER_CLOSED | ESTAB_READABLE);
    assert_int_equal(user_tries_to_receive(p), 0);

    assert_int_equal(user_leaves(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 102);
    expect_state(p, TCPS(LAST_ACK));
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, 1); /* N16 */
    peer_sends(p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 2);
    expect_nothing_sent(p);
    expect_gone(p);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, 0);
    peer_done(p);
}

/* N12, RFC9293-3.6-CLOSE: the passive side may keep sending after the first FIN. */
TEST(half_close_lets_the_other_side_go_on)
{
    struct peer *p = peer_in_close_wait();

    assert_int_equal(user_sends(p, 1000), 1000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 102, .len = 1000);
    peer_sends(p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 1001);
    assert_int_equal(user_sends(p, 500), 500);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1001, .ack = 102, .len = 500);
    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1501, .ack = 102);
    peer_sends(p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 1502);
    expect_gone(p);
    peer_done(p);
}

/* ... and the active side may receive in FIN-WAIT-1 and FIN-WAIT-2. */
TEST(text_is_received_after_our_fin)
{
    struct peer *p = peer_in_fin_wait_2();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2, .len = 700);
    user_receives(p, 700);
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 801, .ack = ISS + 2, .len = 5);
    user_receives(p, 5);
    assert_int_equal(user_tries_to_receive(p), 0);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done_quietly(p);
}

/* N12: nothing left: ACK and FIN share a segment, and the close takes three. */
TEST(ack_and_fin_merge_when_nothing_is_left)
{
    struct peer *p = peer_in_established();
    struct step fin = { .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 1 };
    static uint8_t packet[2048];
    struct estab_frame f = { .data = packet };

    /* the user closes before the host is asked for output */
    f.len = peer_writes(p, p->them.port, fin, packet);
    estab_stack_input(p->stack, p->ifindex, &f, 1, p->now);
    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 102);
    expect_nothing_sent(p);
    expect_state(p, TCPS(LAST_ACK));
    peer_sends(p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 2);
    expect_gone(p);
    peer_done(p);
}

/* ... and seen from the active side: FIN-WAIT-1 to TIME-WAIT in one step. */
TEST(fin_with_the_ack_of_ours_goes_to_time_wait)
{
    struct peer *p = peer_in_fin_wait_1();

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* RFC9293-3.6-SIMCLOSE, Figure 13. */
TEST(simultaneous_close)
{
    struct peer *p = peer_in_fin_wait_1();

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_state(p, TCPS(CLOSING));
    peer_sends(p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 2);
    expect_nothing_sent(p);
    expect_state(p, TCPS(TIME_WAIT));
    peer_done(p);
}

/* The FIN rides on the last text; RFC9293-3.10.7.4-FIN. */
TEST(fin_rides_on_text)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 30);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 132);
    expect_state(p, TCPS(CLOSE_WAIT));
    user_receives(p, 30);
    assert_int_equal(user_tries_to_receive(p), 0);
    peer_done(p);
}

TEST(our_fin_rides_on_our_text)
{
    struct peer *p = peer_in_established();
    struct estab_tcp_options opt = user_options(p);
    static const uint8_t text[3] = { 2, 7, 12 };

    (void)opt;
    assert_int_equal(estab_send(p->stack, p->conn, text, 3, p->now), 3);
    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK | CTL_PSH, .seq = ISS + 1, .ack = 101, .len = 3);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 5);
    expect_state(p, TCPS(FIN_WAIT_2));
    peer_done(p);
}

/* RFC9293-3.10.7.4-FIN: a FIN that comes early waits for what is missing. */
TEST(fin_out_of_order_counts_when_the_hole_is_filled)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 201, .ack = ISS + 1, .len = 50);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_state(p, TCPS(ESTABLISHED));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 252);
    expect_state(p, TCPS(CLOSE_WAIT));
    user_receives(p, 150);
    assert_int_equal(user_tries_to_receive(p), 0);
    peer_done(p);
}

/* RFC 2018 §4: a block is of sequence numbers, and a FIN has one: who sent it need not send it again.
 * Without text that ends at it there is no block. */
TEST(a_fin_out_of_order_is_part_of_its_block)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = 1460, .sackok = true });

    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 201, .ack = ISS + 1, .len = 50);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .sack = { { 201, 252 } });
    peer_sends (p, .ctl = CTL_ACK, .seq = 121, .ack = ISS + 1, .len = 20);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .sack = { { 121, 141 }, { 201, 252 } });
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 252);
    user_receives(p, 150);
    peer_done_quietly(p);
}

/* A repeated FIN is acknowledged again in CLOSE-WAIT, CLOSING and LAST-ACK. */
TEST(repeated_fin_is_acknowledged_again)
{
    struct peer *p = peer_in_close_wait();

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 102);
    expect_state(p, TCPS(CLOSE_WAIT));
    peer_done(p);

    p = peer_in_closing();
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_state(p, TCPS(CLOSING));
    peer_done(p);

    p = peer_in_last_ack();
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_state(p, TCPS(LAST_ACK));
    peer_done(p);
}

/* RFC9293-3.10.7.4-LASTACK: the FIN is repeated until it is acknowledged. */
TEST(fin_is_retransmitted)
{
    struct peer *p = peer_in_last_ack();

    time_passes(p, MS(200) - 1); /* the handshake took no time: the least RTO */
    expect_nothing_sent(p);
    time_passes(p, 1);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 102);
    time_passes(p, MS(400));
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 102);
    peer_sends(p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 2);
    expect_gone(p);
    peer_done(p);
}

/* limit: orphan_timeout: no longer than that without progress, in FIN-WAIT-1, CLOSING and LAST-ACK
 * (CVE-2015-5358; vuln: LAST-ACK resource exhaustion). With the handle held it is the user timeout. */
TEST(an_orphan_without_progress_is_given_up)
{
    struct peer *p = peer_in_close_wait();

    assert_int_equal(user_leaves(p), 0);
    time_passes(p, SEC(100) - 1);
    expect_state(p, TCPS(LAST_ACK));
    time_passes(p, 1);
    expect_gone(p);
    peer_forgets(p);
    time_passes(p, SEC(1000));
    expect_nothing_sent(p);
    peer_done(p);

    p = peer_in_closing();
    assert_int_equal(user_leaves(p), 0);
    peer_forgets(p);
    time_passes(p, SEC(100));
    expect_gone(p);
    peer_done_quietly(p);

    p = peer_in_established();
    assert_int_equal(user_leaves(p), 0);
    time_passes(p, SEC(100) - 1);
    expect_state(p, TCPS(FIN_WAIT_1));
    peer_forgets(p);
    time_passes(p, 1);
    expect_gone(p);
    /* there the peer is told */
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 2, .ack = 101, .reason = ESTAB_WHY_RST_LIMIT);
    peer_done(p);

    p = peer_in_last_ack();
    time_passes(p, SEC(15 * 60) - 1);
    expect_state(p, TCPS(LAST_ACK));
    time_passes(p, 1);
    expect_event(p, ESTAB_FAILED);
    peer_done_quietly(p);
}

/* vuln: Orphaned connection in FIN-WAIT with zero window
 * A peer that answers every probe with a closed window keeps an orphan no longer than that; one that
 * takes an octet now and then keeps it as long as it goes on. */
TEST(an_orphan_before_a_closed_window_is_given_up)
{
    struct peer *p = peer_in_established();
    estab_time begun;

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
    user_sends(p, 100);
    assert_int_equal(user_leaves(p), 0);
    begun = p->now;
    while (p->now - begun < SEC(90)) {
        (void)time_until_sent(p, SEC(60));
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
    }
    time_passes(p, SEC(100) - (p->now - begun));
    expect_gone(p);
    peer_done_quietly(p);

    p = peer_in_established();
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 1);
    user_sends(p, 6);
    assert_int_equal(user_leaves(p), 0);
    for (uint32_t n = 1; n <= 6; n++) {
        time_passes(p, SEC(80));
        peer_forgets(p);
        expect_state(p, TCPS(FIN_WAIT_1));
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + n, .wnd = 1);
    }
    peer_done_quietly(p);
}

/* vuln: FIN-WAIT-2 leak
 * Thousands of peers that acknowledge our FIN and never send theirs leave nothing behind. */
TEST(silent_peers_leave_no_fin_wait_2)
{
    struct peer *p = peer_of_listener();
    struct estab_stack_status st;

    for (uint32_t i = 0; i < 3000; i++) {
        p->them.port = (uint16_t)(1024 + i);
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        assert_int_equal(user_leaves(p), 0);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2);
        peer_forgets(p);
    }
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, 3000);
    time_passes(p, SEC(61));
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, 0);
    assert_int_equal(st.orphans, 0);
    peer_done(p);
}

/* vuln: CLOSE-WAIT accumulation
 * A connection whose user does not close costs its record and no buffer, and lives. */
TEST(close_wait_costs_a_record)
{
    struct peer *p = peer_of_listener();
    struct estab_stack_status st;
    estab_conn conns[200];

    for (uint32_t i = 0; i < 200; i++) {
        p->them.port = (uint16_t)(1024 + i);
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        conns[i] = p->conn;
        peer_sends(p, .ctl = CTL_ACK | CTL_FIN, .seq = 101, .ack = ISS + 1);
        peer_forgets(p);
    }
    time_passes(p, SEC(86400));
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, 200);
    assert_int_equal(st.ring_bytes, 0);
    assert_int_equal(st.timers, 0);
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(estab_abort(p->stack, conns[i], p->now), 0);
    p->conn = 0;
    peer_done_quietly(p);
}

/* A half-closed connection lives as long as the user wants: text goes on for days in the other
 * direction. */
TEST(a_half_closed_connection_lives)
{
    struct peer *p = peer_in_fin_wait_2();
    uint32_t seq = 101;

    for (unsigned day = 0; day < 30; day++) {
        time_passes(p, SEC(86400));
        peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 2, .len = 1000);
        seq += 1000;
        time_passes(p, MS(40));
        peer_forgets(p);
        user_receives(p, 1000);
    }
    expect_state(p, TCPS(FIN_WAIT_2));
    peer_done_quietly(p);
}

/* limit: fin_wait_2: an orphan waits 60 s for the peer's FIN; a user that still holds the handle
 * may wait for ever. */
TEST(orphan_leaves_fin_wait_2)
{
    struct peer *p = peer_in_established();

    assert_int_equal(user_leaves(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_state(p, TCPS(FIN_WAIT_2));
    time_passes(p, SEC(60) - 1);
    expect_state(p, TCPS(FIN_WAIT_2));
    time_passes(p, 1);
    expect_gone(p);
    peer_done(p);

    p = peer_in_fin_wait_2();
    time_passes(p, SEC(86400));
    expect_state(p, TCPS(FIN_WAIT_2));
    expect_nothing_sent(p);
    peer_done(p);
}

/* SHLD-3, RFC2525-2.17: closed with text unread: a RST, for the peer must know. */
TEST(close_with_unread_text_resets)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100);
    assert_int_equal(user_leaves(p), 0);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 201);
    expect_gone(p);
    peer_done(p);
}

/* SHLD-3, MAY-1, RFC2525-2.16: text after the user has gone: a RST. */
TEST(text_after_close_resets)
{
    struct peer *p = peer_in_established();

    assert_int_equal(user_leaves(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2, .len = 10);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 2, .ack = 101);
    expect_verdict(p, DROP_AFTER_CLOSE);
    expect_gone(p);
    peer_done(p);
}

/* RFC9293-3.10.5-ABORT: a RST in the states that have a peer to tell, at SND.NXT. */
TEST(abort_resets)
{
    struct peer *p = peer_in_established();

    assert_int_equal(user_aborts(p), 0);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_gone(p);
    assert_int_equal(user_sends(p, 1), -ESTAB_EBADF);
    peer_done(p);

    p = peer_in_fin_wait_2();
    assert_int_equal(user_aborts(p), 0);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 2, .ack = 101);
    peer_done(p);

    p = peer_in_closing();
    assert_int_equal(user_aborts(p), 0);
    expect_nothing_sent(p);
    expect_gone(p);
    peer_done(p);
}

/* RFC9293-3.10.2-SEND, RFC9293-3.10.4-CLOSE: after CLOSE no more SEND, and no second FIN. */
TEST(send_and_close_after_close_are_refused)
{
    struct peer *p = peer_in_fin_wait_1();

    assert_int_equal(user_sends(p, 1), -ESTAB_EPIPE);
    assert_int_equal(user_closes(p), -ESTAB_EPIPE);
    expect_nothing_sent(p);
    peer_done(p);
}

/* MUST-12: the two ends of a stream are told apart. */
TEST(reset_and_fin_are_told_apart)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 5);
    peer_sends(p, .ctl = CTL_RST, .seq = 106);
    expect_event(p, ESTAB_FAILED);
    /* what had arrived is not lost */
    {
        uint8_t buf[8];

        assert_int_equal(estab_receive(p->stack, p->conn, buf, 8, p->now), 5);
        assert_int_equal(estab_receive(p->stack, p->conn, buf, 8, p->now), -ESTAB_ECONNRESET);
    }
    assert_int_equal(user_sends(p, 1), -ESTAB_ECONNRESET);
    assert_int_equal(user_leaves(p), 0);
    peer_done_quietly(p);
}

/* A handle given back is refused for good, also when its record has been used again. */
TEST(stale_handles_are_refused)
{
    struct peer *p = peer_in_established();
    estab_conn old = p->conn;

    assert_int_equal(user_aborts(p), 0);
    peer_forgets(p);
    p->iss_known = false;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    assert_true(p->conn != old);
    assert_int_equal(estab_close(p->stack, old, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_shutdown(p->stack, old, p->now), -ESTAB_EBADF);
    peer_done_quietly(p);
}
