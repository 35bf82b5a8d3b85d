/* SPDX-License-Identifier: MIT */
/* What the RFCs say of the interface to the user, where it is not said elsewhere. */
#include "harness/peer.h"

/* RFC9293-3.9.1.1-UTO: text that is never acknowledged ends the connection after the user timeout of
 * this connection; 15 minutes unless it is set. */
TEST(the_user_timeout_is_of_one_connection)
{
    static const estab_time timeouts[] = { 0, SEC(300), SEC(100) };

    for (unsigned i = 0; i < 3; i++) {
        struct peer *p = peer_in_established();
        struct estab_tcp_options opt = user_options(p);
        estab_time begun = p->now, want = timeouts[i] != 0 ? timeouts[i] : SEC(15 * 60);

        if (timeouts[i] != 0)
            opt.user_timeout = timeouts[i];
        user_sets(p, &opt);
        user_sends(p, 10);
        time_passes(p, want - MS(1));
        expect_state(p, TCPS(ESTABLISHED));
        time_passes(p, MS(2));
        expect_event(p, ESTAB_FAILED);
        assert_int_equal(user_tries_to_receive(p), -ESTAB_ETIMEDOUT);
        assert_true(p->now - begun >= want);
        peer_done_quietly(p);
    }
}

/* RFC6093-5: urgent text stands in the stream at its place. */
TEST(urgent_text_is_delivered_in_line)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_ACK | CTL_URG, .seq = 101, .ack = ISS + 1, .len = 10, .up = 5);
    expect_event(p, ESTAB_URGENT | ESTAB_READABLE);
    user_receives(p, 10);
    peer_done_quietly(p);
}

/* RFC2525-2.15: the end of the stream is told with the FIN, not later. */
TEST(the_end_is_told_at_once)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_ACK | CTL_FIN, .seq = 101, .ack = ISS + 1, .len = 3);
    expect_event(p, ESTAB_PEER_CLOSED | ESTAB_READABLE);
    user_receives(p, 3);
    assert_int_equal(user_tries_to_receive(p), 0);
    peer_done_quietly(p);
}

/* RFC9293-3.10.7.3-RSTSEQ: in SYN-SENT RCV.NXT is not known, so the number of a RST is not looked at;
 * its ACK is. */
TEST(in_syn_sent_the_number_of_a_rst_says_nothing)
{
    static const uint32_t seqs[] = { 0, 1, 0x7fffffff, 0xffffffff };

    for (unsigned i = 0; i < 4; i++) {
        struct peer *p = peer_in_syn_sent();

        peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = seqs[i], .ack = ISS + 1);
        expect_event(p, ESTAB_FAILED);
        assert_int_equal(user_tries_to_receive(p), -ESTAB_ECONNREFUSED);
        peer_done(p);
    }
}

/* RFC5681-3.2-DUPLIM (vuln: Duplicate-ACK spoofing): forged duplicate ACKs blow cwnd up by no more
 * than what was out. */
TEST(duplicate_acks_inflate_no_further_than_the_flight)
{
    struct peer *p = peer_in_established();
    struct estab_status st;

    user_sends(p, 100000);
    for (unsigned i = 0; i < 10000; i++) {
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        peer_forgets(p);
    }
    st = user_status(p);
    assert_true(st.tcb.cwnd <= st.tcb.ssthresh + 13u * 1460 + 3u * 1460);
    peer_done_quietly(p);
}

/* ... however much that was. */
TEST(duplicate_acks_inflate_no_further_than_a_large_flight)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    struct estab_status st;

    cfg.initial_window = 400;
    p = peer_in_established_with(&cfg, (struct step){ .mss = 1000, .ws = 8 });
    user_sends(p, 400000); /* the buffer takes 262 segments */
    for (unsigned i = 0; i < 2000; i++) {
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    }
    st = user_status(p);
    assert_in_range(st.tcb.cwnd, st.tcb.ssthresh + 250u * 1000, st.tcb.ssthresh + 266u * 1000);
    peer_done_quietly(p);
}

/* RFC5961-ERRATUM4772: the limit of challenge ACKs does not hold up the ACKs of text. */
TEST(a_flood_of_resets_does_not_hold_up_the_stream)
{
    struct peer *p = peer_in_established();

    for (uint32_t i = 0; i < 100; i++) {
        for (unsigned flood = 0; flood < 10; flood++)
            peer_sends(p, .ctl = CTL_RST, .seq = 101 + i * 100 + 200);
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101 + i * 100, .ack = ISS + 1, .len = 100);
        time_passes(p, MS(40));
        assert_int_equal(peer_takes(p)->seg.ack, 101 + (i + 1) * 100);
        peer_forgets(p);
        user_receives(p, 100);
    }
    expect_state(p, TCPS(ESTABLISHED));
    peer_done_quietly(p);
}

/* RFC6056-3.2-AVOID: a port somebody listens on is not chosen; the last free one is found, and then
 * it is said that there is none. */
TEST(the_last_free_port_is_found)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_endpoint at = { .port = 50010 };
    struct estab_status st;
    estab_conn c, l;
    struct peer *p;

    cfg.port_min = 50000;
    cfg.port_max = 50031;
    p = peer_host_with(&cfg);
    assert_int_equal(estab_listen(p->stack, &at, 5, NULL, &l, p->now), 0);
    for (unsigned i = 0; i < 31; i++) {
        assert_int_equal(estab_connect(p->stack, NULL, &p->them, NULL, &c, p->now), 0);
        assert_int_equal(estab_status(p->stack, c, &st), 0);
        assert_int_not_equal(st.local.port, 50010);
    }
    assert_int_equal(estab_connect(p->stack, NULL, &p->them, NULL, &c, p->now), -ESTAB_EADDRNOTAVAIL);
    /* another remote port is another connection: the local ports serve again */
    p->them.port++;
    assert_int_equal(estab_connect(p->stack, NULL, &p->them, NULL, &c, p->now), 0);
    peer_done_quietly(p);
}
