/* SPDX-License-Identifier: MIT */
/* Blind segments in synchronized states: RFC 5961, RFC 9293 §3.5.2, §3.5.3, §3.10.7.4. */
#include "harness/peer.h"

/* RFC5961-3.2-EXACT, SHLD-2: at RCV.NXT it resets, with or without text. */
TEST(reset_at_rcv_nxt_resets)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_RST, .seq = 101);
    expect_nothing_sent(p);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_status(p).error, -ESTAB_ECONNRESET);
    peer_done(p);

    p = peer_in_established();
    peer_sends(p, .ctl = CTL_RST, .seq = 101, .len = 50);
    expect_nothing_sent(p);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_ECONNRESET);
    peer_done(p);
}

/* RFC5961-3.2-CHALLENGE: inside the window but not exact: a challenge, and nothing else. */
TEST(reset_in_window_is_challenged)
{
    struct peer *p = peer_in_established();

    peer_sends (p, .ctl = CTL_RST, .seq = 102);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101,
                .reason = ESTAB_WHY_CHALLENGE_ACK);
    expect_verdict(p, DROP_RST_CHALLENGED);
    expect_state(p, TCPS(ESTABLISHED));
    /* the true peer answers the challenge with an exact one (RFC5961-9-MISMATCH) */
    peer_sends(p, .ctl = CTL_RST, .seq = 101);
    expect_event(p, ESTAB_FAILED);
    peer_done(p);
}

/* RFC5961-3.2-OUT: outside: dropped without a word. */
TEST(reset_outside_the_window_is_dropped)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_RST, .seq = 100);
    peer_sends(p, .ctl = CTL_RST, .seq = 101 + 70000);
    expect_nothing_sent(p);
    expect_verdict(p, DROP_RST_OUT_OF_WINDOW);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done(p);
}

/* RFC5961-4.2-SYN, RFC9293-3.5.1-HALFOPEN: a SYN, wherever it stands, draws a challenge: a peer
 * that has restarted answers it with a RST, and then we know. */
TEST(syn_in_established_is_challenged)
{
    struct peer *p = peer_in_established();

    peer_sends (p, .ctl = CTL_SYN, .seq = 101);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    time_passes(p, SEC(1));
    peer_sends (p, .ctl = CTL_SYN, .seq = 77777);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_verdict(p, DROP_SYN_CHALLENGED);
    expect_state(p, TCPS(ESTABLISHED));
    peer_sends(p, .ctl = CTL_RST, .seq = 101);
    expect_event(p, ESTAB_FAILED);
    peer_done(p);
}

/* RFC5961-3.2-OUT: it is SEG.SEQ that counts: a RST that begins left of the window is dropped in
 * silence, whatever it carries into it. */
TEST(a_reset_is_judged_by_where_it_begins)
{
    struct peer *p = peer_in_established();
    struct estab_status before = user_status(p);

    peer_sends(p, .ctl = CTL_RST, .seq = 100, .len = 5);
    expect_verdict(p, DROP_RST_OUT_OF_WINDOW);
    peer_sends(p, .ctl = CTL_RST | CTL_SYN, .seq = 100, .len = 1);
    expect_verdict(p, DROP_RST_OUT_OF_WINDOW);
    peer_sends(p, .ctl = CTL_RST | CTL_FIN, .seq = 101 - 1, .len = 1);
    expect_verdict(p, DROP_RST_OUT_OF_WINDOW);
    expect_nothing_sent(p);
    expect_unchanged(p, &before);
    peer_done(p);
}

/* RFC5961-3.2-EXACT: at RCV.NXT it resets, also while our window is closed, whatever it carries. */
TEST(a_reset_is_heard_while_the_window_is_closed)
{
    static const struct {
        uint8_t ctl;
        uint32_t len;
    } cases[] = { { 0, 0 }, { CTL_ACK, 0 }, { CTL_FIN, 0 }, { CTL_SYN, 0 }, { 0, 1 }, { CTL_ACK | CTL_FIN, 10 } };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p;

        cfg.tcp.receive_buffer_max = 2048;
        p = peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1024);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 1024, .ack = ISS + 1, .len = 1024);
        time_passes(p, MS(100));
        peer_forgets(p);
        assert_int_equal(user_status(p).tcb.rcv_wnd, 0);
        peer_sends(p, .ctl = CTL_RST | cases[i].ctl, .seq = 101 + 2048, .ack = ISS + 1, .len = cases[i].len);
        expect_verdict(p, ACCEPTED_RST);
        expect_nothing_sent(p);
        expect_event(p, ESTAB_FAILED | ESTAB_READABLE);
        peer_done_quietly(p);
    }
}

/* RFC5961-7-THROTTLE, CVE-2016-5696: one challenge in half a second on one connection, and what
 * happens on one cannot be counted on another. */
TEST(challenges_are_limited_per_connection)
{
    struct peer *p = peer_in_established();
    struct step other = { .ctl = CTL_SYN, .seq = 100 };

    for (int i = 0; i < 200; i++)
        peer_sends(p, .ctl = CTL_RST, .seq = 150);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_nothing_sent(p);

    /* a second connection still has its own */
    p->them.port = 40001;
    p->iss_known = false;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    (void)other;
    peer_sends (p, .ctl = CTL_RST, .seq = 150);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);

    time_passes(p, MS(500));
    peer_sends (p, .ctl = CTL_RST, .seq = 150);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_done(p);
}

/* RFC9293-3.10.7.4-NOACK: no ACK bit, no effect. */
TEST(segment_without_ack_is_dropped)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = 0, .seq = 101, .len = 10);
    expect_nothing_sent(p);
    expect_verdict(p, DROP_NO_ACK);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_done(p);
}

/* RFC9293-3.10.7.4-ACKFUT: an ACK of what we have not sent draws an ACK and is dropped, text and
 * all. */
TEST(ack_of_unsent_text_is_answered_and_dropped)
{
    struct peer *p = peer_in_established();

    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 100, .len = 10);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_verdict(p, DROP_ACK_UNSENT);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_done(p);
}

/* MAY-12, RFC5961-5.2-ACK: blind data injection: an ACK older than MAX.SND.WND allows. */
TEST(text_with_a_too_old_ack_is_not_taken)
{
    struct peer *p = peer_in_established();

    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 - 65536, .len = 10);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_verdict(p, DROP_ACK_OLD);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    /* at the edge of what it allows it is */
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 - 65535, .len = 10);
    user_receives(p, 10);
    peer_done_quietly(p);
}

/* RFC9293-3.5.2-SYNC: in every synchronized state an unacceptable segment draws one empty ACK with
 * SND.NXT and RCV.NXT, and changes nothing. */
TEST(unacceptable_segment_draws_an_ack_in_every_state)
{
    struct {
        struct peer *(*in)(void);
        uint8_t state;
        uint32_t seq, ack;
    } c[] = {
        { peer_in_established, TCPS(ESTABLISHED), ISS + 1, 101 },
        { peer_in_fin_wait_1, TCPS(FIN_WAIT_1), ISS + 2, 101 },
        { peer_in_fin_wait_2, TCPS(FIN_WAIT_2), ISS + 2, 101 },
        { peer_in_close_wait, TCPS(CLOSE_WAIT), ISS + 1, 102 },
        { peer_in_closing, TCPS(CLOSING), ISS + 2, 102 },
        { peer_in_last_ack, TCPS(LAST_ACK), ISS + 2, 102 },
        { peer_in_time_wait, TCPS(TIME_WAIT), ISS + 2, 102 },
    };

    for (size_t i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        struct peer *p = c[i].in();

        peer_sends (p, .ctl = CTL_ACK, .seq = 101 + 200000, .ack = ISS + 1, .len = 5);
        expect_sent(p, .ctl = CTL_ACK, .seq = c[i].seq, .ack = c[i].ack);
        expect_nothing_sent(p);
        expect_state(p, c[i].state);
        peer_done(p);
    }
}

/* CVE-2005-1184: an out-of-window bare ACK is answered once, so that two desynchronised ends do
 * not answer each other for ever. */
TEST(bare_acks_do_not_start_a_storm)
{
    struct peer *p = peer_in_established();

    for (int i = 0; i < 100; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 200000, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_nothing_sent(p);
    peer_done(p);
}

/* vuln: LAND attack: CVE-1999-0016; a segment from ourselves cannot come from a wire; MUST-63. */
TEST(own_source_address_from_the_wire_is_dropped)
{
    struct peer *p = peer_of_listener();

    p->them.addr = p->us.addr;
    peer_sends_from(p, 80, (struct step){ .ctl = CTL_SYN, .seq = 100 });
    expect_nothing_sent(p);
    expect_verdict(p, DROP_IP_SOURCE);
    peer_done(p);
}

/* MUST-3: a bad checksum leaves no trace but a counter.
 * vuln: Checksum computed beyond packet (uIP, FreeRTOS) */
TEST(bad_checksum_is_dropped_without_effect)
{
    struct peer *p = peer_in_established();
    uint8_t packet[2048];
    uint32_t len = peer_writes(p, p->them.port,
                               (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 64 },
                               packet);
    struct estab_status before = user_status(p);

    for (uint32_t at = peer_family == 4 ? 20 : 40; at < len; at++) {
        struct estab_stack_status st, st2;

        if (at == (peer_family == 4 ? 20u : 40u) + 12)
            continue; /* the data offset: dropped as a bad header before */
        estab_stack_status(p->stack, &st);
        packet[at] ^= 0x10;
        peer_sends_raw(p, packet, len);
        packet[at] ^= 0x10;
        expect_nothing_sent(p);
        expect_verdict(p, DROP_CHECKSUM);
        estab_stack_status(p->stack, &st2);
        assert_int_equal(st2.verdicts[ESTAB_SEG_DROP_CHECKSUM],
                         st.verdicts[ESTAB_SEG_DROP_CHECKSUM] + 1);
    }
    expect_unchanged(p, &before);
    /* the pseudo-header counts too: the same segment from another address */
    packet[peer_family == 4 ? 15 : 23] ^= 1;
    if (peer_family == 4) {
        packet[10] = packet[11] = 0; /* IPv4's own checksum would be the first to object */
        peer_sends_raw(p, packet, len);
        expect_verdict(p, DROP_IP_CHECKSUM);
    } else {
        peer_sends_raw(p, packet, len);
        expect_verdict(p, DROP_CHECKSUM);
    }
    expect_nothing_sent(p);
    peer_done(p);
}

/* RFC9293-3.1-DOFF: data offset below 5 or beyond the segment.
 * vuln: Data offset unvalidated; Port confusion / short TCP header access */
TEST(bad_data_offset_is_dropped)
{
    struct peer *p = peer_in_established();
    uint8_t packet[2048];
    uint32_t ip = peer_family == 4 ? 20 : 40;
    uint32_t len = peer_writes(p, p->them.port,
                               (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 4 },
                               packet);

    for (unsigned doff = 0; doff < 16; doff++) {
        if (doff == 5 || doff == 6)
            continue;
        packet[ip + 12] = (uint8_t)(doff << 4);
        peer_fixes_checksum(packet, len);
        peer_sends_raw(p, packet, len);
        expect_verdict(p, DROP_HEADER);
    }
    expect_nothing_sent(p);
    peer_done(p);
}

/* RFC9293-3.1-RSRVD: reserved bits change nothing, and we never set them. */
TEST(reserved_bits_are_ignored)
{
    struct peer *p = peer_in_established();
    uint8_t packet[2048];
    uint32_t ip = peer_family == 4 ? 20 : 40;
    uint32_t len = peer_writes(p, p->them.port,
                               (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 9 },
                               packet);

    packet[ip + 12] |= 0x0f;
    peer_fixes_checksum(packet, len);
    peer_sends_raw(p, packet, len);
    expect_verdict(p, ACCEPTED);
    user_receives(p, 9);
    time_passes(p, MS(40));
    assert_int_equal(peer_takes(p)->packet[ip + 12] & 0x0f, 0);
    peer_done(p);
}
