/* SPDX-License-Identifier: MIT */
/* SYN-SENT and simultaneous open: RFC 9293 §3.10.7.3, §3.5. */
#include "harness/peer.h"

/* RFC 9293 §3.5, Figure 6, seen from TCP Peer A. N2, N6, N7. */
TEST(active_open_completes_the_three_way_handshake)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_state(p, TCPS(ESTABLISHED));
    expect_event(p, ESTAB_CONNECTED);
    peer_done(p);
}

/* N6: what the user has queued before goes with the third segment. RFC9293-3.10.2-SEND. */
TEST(third_segment_carries_what_was_queued)
{
    struct peer *p = peer_in_syn_sent();

    assert_int_equal(user_sends(p, 40), 40);
    expect_nothing_sent(p);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK | CTL_PSH, .seq = ISS + 1, .ack = 101, .len = 40);
    expect_nothing_sent(p);
    peer_done(p);
}

/* MUST-14, SHLD-5, MAY-3, MUST-67, MUST-65: the SYN carries MSS = MTU - 40 or 60 whatever other
 * options do; later segments carry none. */
TEST(syn_carries_mss)
{
    struct peer *p = peer_host(NULL);

    p->us.port = 33000;
    p->them.port = 80;
    user_opens(p);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .mss = peer_family == 4 ? 1460 : 1440, .ws = 4,
                .sackok = true);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1000);
    assert_false(peer_takes(p)->seg.has_mss);
    peer_done(p);
}

/* RFC9293-3.10.7.3-SYNSENT, first, and RFC9293-3.5-OLDSYN: an ACK that is not of our SYN is reset,
 * and we go on waiting. */
TEST(syn_sent_resets_a_wrong_ack)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 100);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS + 100);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 100, .ack = ISS - 5);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS - 5);
    expect_state(p, TCPS(SYN_SENT));
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_done(p);
}

/* RFC9293-3.5.3-RSTVAL: in SYN-SENT a RST is believed when it acknowledges our SYN. */
TEST(syn_sent_reset_with_acceptable_ack_refuses_the_connection)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = 0, .ack = ISS + 1);
    expect_nothing_sent(p);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_status(p).error, -ESTAB_ECONNREFUSED);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_ECONNREFUSED);
    assert_int_equal(user_leaves(p), 0);
    expect_gone(p);
    peer_done(p);
}

/* RFC9293-3.10.7.3-SYNSENT, second, RFC9293-3.5.3-RSTVAL: ... and otherwise not: without ACK, or with a
 * wrong one. */
TEST(syn_sent_ignores_other_resets)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_RST, .seq = 0);
    peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = 0, .ack = ISS);
    peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = 0, .ack = ISS + 2);
    expect_nothing_sent(p);
    expect_verdict(p, DROP_RST_UNACCEPTABLE);
    expect_state(p, TCPS(SYN_SENT));
    peer_done(p);
}

/* RFC 9293 §3.10.7.3, fifth: neither SYN nor RST. */
TEST(syn_sent_drops_what_has_no_syn)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_ACK, .seq = 100, .ack = ISS + 1);
    peer_sends(p, .ctl = CTL_FIN, .seq = 100);
    expect_nothing_sent(p);
    expect_verdict(p, DROP_NO_SYN);
    expect_state(p, TCPS(SYN_SENT));
    peer_done(p);
}

/* MUST-10, RFC 9293 §3.5, Figure 7: the SYNs cross. */
TEST(simultaneous_open)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    expect_event(p, ESTAB_CONNECTED);
    expect_nothing_sent(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10);
    user_receives(p, 10);
    peer_done_quietly(p);
}

/* RFC7323-2.2-UNSCALED: the window of the SYN,ACK that completes it is not scaled either. */
TEST(window_of_a_crossing_syn_ack_is_not_scaled)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .ws = 8, .wnd = 8000);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .ws = 8, .wnd = 8000);
    expect_state(p, TCPS(ESTABLISHED));
    assert_int_equal(user_status(p).tcb.snd_wnd, 8000);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 100);
    assert_int_equal(user_status(p).tcb.snd_wnd, 100 << 7);
    peer_done(p);
}

/* MUST-10: the same, completed by a plain ACK. */
TEST(simultaneous_open_completed_by_an_ack)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done(p);
}

/* MUST-11: SYN-RECEIVED of an active OPEN: a RST means refused. */
TEST(reset_after_simultaneous_open_is_connection_refused)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends(p, .ctl = CTL_RST, .seq = 101);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_status(p).error, -ESTAB_ECONNREFUSED);
    peer_done(p);
}

/* MUST-22, MUST-23, RFC6298-2.1, RFC2525-2.7, RFC6298-5.5: the SYN is repeated at 1, 3, 7, 15, 31, 63, 127 s, and the OPEN
 * given up after 3 minutes, not before; SHLD-9: trouble is reported on the way. */
TEST(syn_is_retransmitted_and_given_up_after_three_minutes)
{
    static const unsigned at[] = { 1, 2, 4, 8, 16, 32, 64 };
    struct peer *p = peer_in_syn_sent();

    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
        time_passes(p, SEC(at[i]) - 1);
        expect_nothing_sent(p);
        time_passes(p, 1);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    }
    expect_event(p, ESTAB_SOFT_ERROR);
    time_passes(p, SEC(53) - 1);
    expect_state(p, TCPS(SYN_SENT));
    time_passes(p, 1);
    expect_nothing_sent(p);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_status(p).error, -ESTAB_ETIMEDOUT);
    peer_done(p);
}

/* RFC6298-5.7: a SYN that had to be repeated leaves no sample: data starts with 3 s. */
TEST(rto_is_three_seconds_after_a_repeated_syn)
{
    struct peer *p = peer_in_syn_sent();

    time_passes(p, SEC(1));
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    assert_int_equal(user_sends(p, 10), 10);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 10);
    time_passes(p, SEC(3) - 1);
    expect_nothing_sent(p);
    time_passes(p, 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 10);
    peer_done(p);
}

/* RFC9293-3.10.4-CLOSE: CLOSE in SYN-SENT deletes the TCB, and nothing is sent. */
TEST(close_in_syn_sent_deletes_the_tcb)
{
    struct peer *p = peer_in_syn_sent();

    assert_int_equal(user_leaves(p), 0);
    expect_nothing_sent(p);
    expect_gone(p);
    peer_done(p);
}

/* RFC9293-3.5.2-RSTGEN: nobody is there: with ACK <SEQ=SEG.ACK><CTL=RST>, without it
 * <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>; a RST is never answered. RFC9293-3.5.1-HALFOPEN2. */
TEST(closed_port_resets)
{
    struct peer *p = peer_host(NULL);

    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = 0, .ack = 101);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .len = 10);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = 0, .ack = 111);
    peer_sends(p, .ctl = CTL_FIN, .seq = 100);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = 0, .ack = 101);
    peer_sends(p, .ctl = 0, .seq = 100);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = 0, .ack = 100);
    p->iss = 0;
    peer_sends(p, .ctl = CTL_ACK, .seq = 100, .ack = 900);
    assert_int_equal(peer_takes(p)->seg.seq, real_seq(p, 900));
    peer_sends(p, .ctl = CTL_RST, .seq = 100);
    peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = 100, .ack = 5);
    expect_nothing_sent(p);
    peer_done(p);
}

/* MUST-46: no active OPEN towards what is no host. */
TEST(connect_refuses_addresses_that_are_no_host)
{
    static const char *const bad4[] = { "255.255.255.255", "192.0.2.255", "224.0.0.1", "0.0.0.0" };
    static const char *const bad6[] = { "ff02::1", "::" };
    struct peer *p = peer_host(NULL);
    struct estab_endpoint to = { .port = 80 };
    estab_conn c;
    int n = peer_family == 4 ? 4 : 2;

    for (int i = 0; i < n; i++) {
        assert_int_equal(estab_addr_parse(&to.addr, peer_family == 4 ? bad4[i] : bad6[i]), 0);
        assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), -ESTAB_EINVAL);
        assert_true(c == 0);
    }
    to.addr = p->them.addr;
    to.port = 0;
    assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), -ESTAB_EINVAL);
    expect_nothing_sent(p);
    peer_done(p);
}

/* N2, MUST-8, SHLD-1, MUST-9: the ISN moves with a 4-microsecond clock for one pair of ends, and
 * is unrelated for another pair or another secret. RFC6528-3. */
TEST(isn_is_a_clock_plus_a_secret_function)
{
    struct peer *p = peer_host(NULL);
    uint32_t first, second;

    p->us.port = 33000;
    p->them.port = 80;
    user_opens(p);
    first = peer_takes(p)->seg.seq;
    assert_int_equal(user_aborts(p), 0);
    time_passes(p, MS(400));
    user_opens(p);
    second = peer_takes(p)->seg.seq;
    assert_int_equal(second - first, 100000);
    assert_int_equal(user_aborts(p), 0);

    p->us.port = 33001;
    user_opens(p);
    assert_true(peer_takes(p)->seg.seq - second > 1000000);
    assert_int_equal(user_aborts(p), 0);
    peer_done(p);
}

/* RFC6056-3.1, RFC6056-3.2: ports in the configured range, none twice, not in sequence for
 * different destinations. */
TEST(ephemeral_ports_are_free_and_in_range)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    struct estab_endpoint to;
    estab_conn c;
    bool seen[64] = { false };

    cfg.port_min = 50000;
    cfg.port_max = 50063;
    p = peer_host_with(&cfg);
    to = p->them;
    for (int i = 0; i < 64; i++) {
        uint16_t port;

        assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), 0);
        time_passes(p, 0);
        (void)port;
    }
    assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), -ESTAB_EADDRNOTAVAIL);
    p->conn = 0;
    {
        struct estab_status st;
        uint64_t cursor = 0;

        while (estab_stack_next(p->stack, &cursor, &st)) {
            assert_in_range(st.local.port, 50000, 50063);
            assert_false(seen[st.local.port - 50000]);
            seen[st.local.port - 50000] = true;
        }
    }
    peer_done_quietly(p);
}
