/* SPDX-License-Identifier: MIT */
/* Windows: RFC 9293 §3.8.6, §3.7.4, RFC 7323 §2. */
#include "harness/peer.h"

#define MSS 1000

static struct peer *
established(int32_t wnd)
{
    struct estab_config cfg = peer_config(NULL);

    return peer_in_established_with(&cfg, (struct step){ .mss = MSS, .wnd = wnd });
}

/* MUST-1, REC-1: a window of 40000 is not negative, and is filled once cwnd allows. */
TEST(windows_above_32767_are_positive)
{
    struct peer *p = established(40000);
    uint32_t acked = 0;

    assert_int_equal(user_sends(p, 200 * MSS), 200 * MSS);
    for (int i = 0; i < 40; i++) {
        struct estab_status st = user_status(p);

        uint32_t all = st.tcb.snd_nxt - st.tcb.iss;

        peer_forgets(p);
        if (st.tcb.cwnd > 45000)
            break;
        for (; acked < all; acked += MSS)
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + acked, .wnd = 40000);
    }
    assert_int_equal(user_status(p).tcb.flight, 40000);
    peer_done_quietly(p);
}

/* RFC7323-2.3-SHIFT, RFC7323-2.2-UNSCALED, RFC7323-2.3-REPLY: SYNs unscaled, all else shifted. */
TEST(window_scale)
{
    struct peer *p = peer_of_listener();

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, .ws = 8, .wnd = 50000);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .ws = 4);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 500);
    user_accepts(p);
    assert_int_equal(user_status(p).tcb.snd_wnd, 500 << 7);
    assert_int_equal(user_status(p).rcv_wind_shift, 3);
    /* ours: after text, the field times 8 is what is there */
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 600, .wnd = 500);
    peer_sends(p, .ctl = CTL_ACK, .seq = 701, .ack = ISS + 1, .len = 600, .wnd = 500);
    user_receives(p, 1200);
    assert_in_range(peer_takes(p)->seg.wnd, 250000 >> 3, 262144 >> 3);
    peer_done_quietly(p);
}

/* A buffer of any size up to 1 GiB, from the start or grown into, offers a window: most of what it may
 * hold now, whatever the unit of its scale is, and never more than that. */
TEST(every_buffer_size_offers_a_window)
{
    static const uint32_t starts[] = { 0, 1024, 65536, 256 * 1024 };

    for (unsigned log2 = 10; log2 <= 30; log2++)
        for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
            struct estab_config cfg = peer_config(NULL);
            struct peer *p;
            uint32_t syn, wnd, limit;

            cfg.memory_budget = (size_t)3 << 30;
            cfg.tcp.receive_buffer = starts[i];
            cfg.tcp.receive_buffer_max = 1u << log2;
            p = peer_of_listener_with(&cfg);
            peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, .ws = 1);
            syn = peer_takes(p)->seg.wnd;
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
            user_accepts(p);
            limit = user_status(p).receive_limit;
            assert_true(limit <= 1u << log2);
            assert_true(syn > 0 && syn <= limit);
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 200);
            peer_sends(p, .ctl = CTL_ACK, .seq = 301, .ack = ISS + 1, .len = 200);
            user_receives(p, 400);
            peer_forgets(p);
            peer_sends(p, .ctl = CTL_ACK, .seq = 501, .ack = ISS + 1, .len = 100);
            time_passes(p, SEC(1));
            wnd = (uint32_t)peer_takes(p)->seg.wnd << user_status(p).rcv_wind_shift;
            limit = user_status(p).receive_limit; /* it may have grown */
            assert_in_range(wnd, limit / 2, limit);
            peer_done_quietly(p);
        }
}

/* RFC7323-2.3-MAX14: more than 14 means 14.
 * vuln: Window scale out of range */
TEST(window_scale_is_at_most_14)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, .ws = 16);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 10);
    user_accepts(p);
    assert_int_equal(user_status(p).snd_wind_shift, 14);
    assert_int_equal(user_status(p).tcb.snd_wnd, 10u << 14);
    peer_done(p);
}

/* RFC7323-2.2-SYNONLY, RFC7323-2.3-REPLY: not offered, not used; in a segment without SYN it means
 * nothing. */
TEST(no_window_scale_without_the_peers)
{
    struct peer *p = peer_in_syn_received();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 1000, .ws = 8);
    user_accepts(p);
    assert_int_equal(user_status(p).tcb.snd_wnd, 1000);
    assert_false(user_status(p).window_scaling);
    peer_done(p);
}

/* RFC6429-2, RFC1122-4.2.2.17, MUST-36, MUST-35, SHLD-29, SHLD-30, MUST-37: a closed window is probed with one octet after an
 * RTO, then after twice as long, for as long as the peer answers. */
TEST(zero_window_is_probed)
{
    struct peer *p = established(-1);
    estab_time gap = MS(200);

    assert_int_equal(user_sends(p, 5000), 5000);
    expect_nothing_sent(p);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(time_until_sent(p, SEC(200)), gap);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 1,
                    .reason = ESTAB_WHY_ZERO_WINDOW_PROBE);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
        gap = gap * 2 < SEC(120) ? gap * 2 : SEC(120);
    }
    for (int i = 0; i < 48 * 30; i++) { /* 48 hours */
        time_until_sent(p, SEC(200));
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
    }
    expect_state(p, TCPS(ESTABLISHED));
    /* it opens: everything goes, beginning with the octet that probed */
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 10000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1001, .ack = 101, .len = MSS);
    peer_done_quietly(p);
}

/* MUST-36, RFC2525-2.12: the reopening update was lost; the probe's octet is taken and the transfer goes on. */
TEST(probe_that_is_taken_reopens_the_window)
{
    struct peer *p = established(-1);

    user_sends(p, 3000);
    time_until_sent(p, SEC(1));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 1);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2, .wnd = 5000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 101, .len = MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1002, .ack = 101, .len = MSS);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2002, .wnd = 5000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2002, .ack = 101, .len = 999);
    peer_done(p);
}

/* CVE-2008-4609, CVE-2009-1926: a peer that stops answering the probes is given up at R2, also
 * when the user has left. */
TEST(unanswered_probes_end_at_the_user_timeout)
{
    struct peer *p = established(-1);

    user_sends(p, 100);
    assert_int_equal(user_leaves(p), 0);
    expect_state(p, TCPS(FIN_WAIT_1));
    time_passes(p, SEC(901));
    expect_gone(p);
    peer_done_quietly(p);
}

/* RFC9293-A.2-SEQVAL: with a probe out beyond the closed window an ACK of ours still stands where
 * the peer can accept it; so the answer to its keepalive is heard. */
TEST(ack_beside_a_probe_is_acceptable)
{
    struct peer *p = established(-1);

    user_sends(p, 100);
    time_until_sent(p, SEC(1));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 1);
    peer_sends (p, .ctl = CTL_ACK, .seq = 100, .ack = ISS + 1, .wnd = -1); /* its keepalive */
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_done(p);
}

/* MUST-34, SHLD-15: the window shrinks below what is out: no new data, no harm. SHLD-16, MAY-7.
 * vuln: Window-shrink abuse */
TEST(shrunk_window_is_survived)
{
    struct peer *p = established(20000);

    user_sends(p, 30000);
    assert_int_equal(p->n, 10);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 5000);
    expect_nothing_sent(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 3001, .wnd = 2000);
    expect_nothing_sent(p);
    time_until_sent(p, SEC(2));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 3001, .ack = 101, .len = MSS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 10001, .wnd = 20000);
    assert_true(p->n > 0);
    peer_done_quietly(p);
}

/* MUST-35: shrunk to zero with text out: probed, one octet at SND.UNA; SHLD-17. */
TEST(window_shrunk_to_zero_is_probed)
{
    struct peer *p = established(20000);

    user_sends(p, 5000);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
    time_until_sent(p, SEC(2));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 1);
    for (int i = 0; i < 60; i++) {
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
        time_passes(p, SEC(60));
        peer_forgets(p);
    }
    expect_state(p, TCPS(ESTABLISHED));
    peer_done_quietly(p);
}

/* RFC9293-3.10.7.4-WNDUPD: an older segment cannot bring back a window since changed. */
TEST(old_segments_do_not_change_the_window)
{
    struct peer *p = established(10000);

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100, .wnd = 3000);
    assert_int_equal(user_status(p).tcb.snd_wnd, 3000);
    peer_sends(p, .ctl = CTL_ACK, .seq = 151, .ack = ISS + 1, .len = 60, .wnd = 4000);
    assert_int_equal(user_status(p).tcb.snd_wnd, 4000); /* WL1 < SEQ */
    peer_sends(p, .ctl = CTL_ACK, .seq = 141, .ack = ISS + 1, .len = 100, .wnd = 9000);
    assert_int_equal(user_status(p).tcb.snd_wnd, 4000); /* WL1 > SEQ */
    peer_done_quietly(p);
}

/* A hole-filler with a new ACK stands left of what came before it, and its window counts all the
 * same: it is the newest. */
TEST(window_of_a_hole_filler_counts)
{
    struct peer *p = established(4000);

    user_sends(p, 20000);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1, .len = 100, .wnd = 4000);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 4001, .len = 100, .wnd = 400);
    assert_int_equal(user_status(p).tcb.snd_wnd, 400);
    assert_int_equal(user_status(p).tcb.flight, 0);
    peer_done_quietly(p);
}

/* MUST-38: a window opened in small steps draws no small segments: half the largest window, a
 * full segment, or the override timer. */
TEST(sender_avoids_silly_windows)
{
    struct peer *p = established(4000);

    user_sends(p, 20000);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 4001, .wnd = 100);
    expect_nothing_sent(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 4001, .wnd = 200);
    expect_nothing_sent(p);
    /* the override timer sends what fits */
    assert_int_equal(time_until_sent(p, SEC(2)), MS(200));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 4001, .ack = 101, .len = 200);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 4201, .wnd = 1000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 4201, .ack = 101, .len = 1000);
    peer_done(p);
}

/* MUST-39: the receiver keeps the right edge until it can move by min(RCV.BUFF/2, MSS). MAY-8. */
TEST(receiver_avoids_silly_windows)
{
    struct estab_config cfg = peer_config(NULL);
    uint32_t at = 101;
    struct peer *p;

    cfg.tcp.receive_buffer_max = 4096;
    p = peer_in_established_with(&cfg, (struct step){ .mss = MSS });
    while (at < 101 + 4096) {
        uint32_t n = 101 + 4096 - at < 1000 ? 101 + 4096 - at : 1000;

        peer_sends(p, .ctl = CTL_ACK, .seq = at, .ack = ISS + 1, .len = n);
        at += n;
    }
    time_passes(p, MS(40));
    peer_forgets(p);
    assert_int_equal(user_status(p).tcb.rcv_wnd, 0);
    for (int i = 0; i < 999; i++)
        user_receives(p, 1);
    expect_nothing_sent(p);
    user_receives(p, 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101 + 4096, .wnd = 1000,
                .reason = ESTAB_WHY_WINDOW_UPDATE);
    peer_done(p);
}

/* RFC9293-3.4-ZWACK, MUST-66: into our closed window: no text is taken, ACK, RST and URG are. */
TEST(closed_window_still_hears_acks_and_resets)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.receive_buffer_max = 1024;
    p = peer_in_established_with(&cfg, (struct step){ .mss = MSS });
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1024);
    time_passes(p, MS(40));
    peer_forgets(p);
    assert_int_equal(user_status(p).tcb.rcv_wnd, 0);
    user_sends(p, 10);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 1125, .ack = ISS + 11, .len = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 11, .ack = 1125, .wnd = -1);
    assert_int_equal(user_status(p).tcb.flight, 0);
    assert_int_equal(user_status(p).tcb.receive_queued, 1024);
    peer_sends(p, .ctl = CTL_RST, .seq = 1125);
    expect_event(p, ESTAB_FAILED);
    peer_done(p);
}

/* MUST-66, RFC9293-3.4-ZWACK: the same beside a FIN, which a closed window does not take: a peer that has nothing
 * else to send may say nothing more than that. */
TEST(closed_window_hears_the_ack_beside_a_fin)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.receive_buffer_max = 1024;
    p = peer_in_established_with(&cfg, (struct step){ .mss = MSS });
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1024);
    time_passes(p, MS(40));
    user_sends(p, 10);
    peer_forgets(p);
    assert_int_equal(user_status(p).tcb.rcv_wnd, 0);
    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 1125, .ack = ISS + 11);
    expect_verdict(p, ACCEPTED_PROBE);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 11, .ack = 1125, .wnd = -1);
    assert_int_equal(user_status(p).tcb.flight, 0);
    expect_state(p, TCPS(ESTABLISHED));
    user_receives(p, 1024);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 1125, .ack = ISS + 11);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 11, .ack = 1126);
    expect_state(p, TCPS(CLOSE_WAIT));
    peer_done(p);
}

/* SHLD-14: the right edge never moves left, whatever the user does. */
TEST(right_edge_never_moves_left)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    uint32_t at = 101, edge = 0;

    cfg.tcp.receive_buffer_max = 128 * 1024;
    p = peer_in_established_with(&cfg, (struct step){ .mss = 1460, .ws = 1 });
    for (int i = 0; i < 400; i++) {
        uint32_t n = 37 + (uint32_t)(i * 131) % 900;
        uint32_t wnd = user_status(p).tcb.rcv_wnd;

        if (n > wnd)
            n = wnd;
        if (n > 0)
            peer_sends(p, .ctl = CTL_ACK, .seq = at, .ack = ISS + 1, .len = n);
        at += n;
        if (i % 7 == 3 && user_status(p).tcb.receive_queued >= 100)
            user_receives(p, 100);
        while (p->n > 0) {
            struct captured *c = peer_takes(p);
            uint32_t e = c->seg.ack + ((uint32_t)c->seg.wnd << user_status(p).rcv_wind_shift);

            assert_true(edge == 0 || (int32_t)(e - edge) >= 0);
            edge = e;
        }
    }
    peer_done_quietly(p);
}

/* SHLD-7, MUST-17: Nagle: one small segment out, the rest waits for its ACK; no-delay: it does
 * not. MAY-16, SHLD-27. */
TEST(nagle)
{
    struct peer *p = established(0);
    struct estab_tcp_options opt;

    user_sends(p, 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 1);
    user_sends(p, 1);
    user_sends(p, 1);
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK | CTL_PSH, .seq = ISS + 2, .ack = 101, .len = 2);
    /* a full segment need not wait */
    user_sends(p, MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 4, .ack = 101, .len = MSS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 4 + MSS);

    opt = user_options(p);
    opt.nodelay = true;
    user_sets(p, &opt);
    for (uint32_t i = 0; i < 3; i++) {
        user_sends(p, 1);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 4 + MSS + i, .ack = 101, .len = 1);
    }
    peer_done(p);
}

/* Corked: full-sized segments leave, the rest waits for the user, for the override time, or for
 * CLOSE. */
TEST(cork_holds_a_partial_segment_back)
{
    struct peer *p = established(0);
    struct estab_tcp_options opt = user_options(p);

    opt.cork = true;
    opt.nodelay = true; /* the cork is stronger */
    user_sets(p, &opt);
    user_sends(p, MSS + 5);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = MSS);
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + MSS);
    expect_nothing_sent(p); /* an ACK does not let it go, as it would with Nagle */
    time_passes(p, MS(199));
    expect_nothing_sent(p);
    time_passes(p, MS(1));
    expect_sent(p, .ctl = CTL_ACK | CTL_PSH, .seq = ISS + 1 + MSS, .ack = 101, .len = 5);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 6 + MSS);

    user_sends(p, 7);
    expect_nothing_sent(p);
    opt.cork = false;
    user_sets(p, &opt);
    expect_sent(p, .ctl = CTL_ACK | CTL_PSH, .seq = ISS + 6 + MSS, .ack = 101, .len = 7);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 13 + MSS);

    opt.cork = true;
    user_sets(p, &opt);
    user_sends(p, 3);
    expect_nothing_sent(p);
    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_ACK | CTL_PSH | CTL_FIN, .seq = ISS + 13 + MSS, .ack = 101, .len = 3);
    peer_done(p);
}

/* MUST-61, MUST-60, SHLD-28: full segments, PSH on the last, and nothing is held back. */
TEST(large_writes_leave_in_full_segments)
{
    struct peer *p = established(0);

    user_sends(p, 3500);
    for (uint32_t i = 0; i < 3; i++) {
        struct captured *c = peer_takes(p);

        assert_int_equal(c->seg.len, MSS);
        assert_false(c->seg.ctl & CTL_PSH);
    }
    expect_nothing_sent(p); /* Nagle: the last 500 wait for an ACK ... */
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 2000);
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 3000);
    expect_sent(p, .ctl = CTL_ACK | CTL_PSH, .seq = ISS + 1 + 3000, .ack = 101, .len = 500);
    peer_done(p);
}

/* RFC5681-2-CWND: never beyond min(cwnd, rwnd). */
TEST(small_window_limits_what_is_sent)
{
    struct peer *p = established(2500);

    user_sends(p, 10000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1001, .ack = 101, .len = MSS);
    expect_nothing_sent(p);
    peer_done(p);
}

/* A FIN needs room in the window too: with none it waits and probes. */
TEST(fin_waits_for_the_window)
{
    struct peer *p = established(-1);

    assert_int_equal(user_closes(p), 0);
    expect_nothing_sent(p);
    time_until_sent(p, SEC(1));
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_state(p, TCPS(FIN_WAIT_2));
    peer_done(p);
}

/* MUST-36, MUST-37: a FIN that a closed window has not taken is probed with again and again, for as
 * long as the peer answers: neither is it forgotten, nor the connection given up. */
TEST(fin_is_probed_with_until_the_window_takes_it)
{
    struct peer *p = established(-1);
    estab_time gap = MS(200);

    assert_int_equal(user_closes(p), 0);
    for (int i = 0; i < 40; i++) { /* more than an hour: beyond R2 */
        assert_int_equal(time_until_sent(p, SEC(200)), gap);
        expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 101,
                    .reason = ESTAB_WHY_ZERO_WINDOW_PROBE);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
        gap = gap * 2 < SEC(120) ? gap * 2 : SEC(120);
    }
    expect_state(p, TCPS(FIN_WAIT_1));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2, .wnd = -1);
    expect_state(p, TCPS(FIN_WAIT_2));
    peer_done(p);
}

/* MUST-36: the same when the window closes while the FIN is out. */
TEST(window_that_closes_before_the_fin_is_probed)
{
    struct peer *p = established(5000);

    user_sends(p, MSS);
    assert_int_equal(user_closes(p), 0);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + MSS, .wnd = -1);
    for (int i = 0; i < 20; i++) {
        time_until_sent(p, SEC(200));
        expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1 + MSS, .ack = 101,
                    .reason = ESTAB_WHY_ZERO_WINDOW_PROBE);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + MSS, .wnd = -1);
    }
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 2 + MSS, .wnd = -1);
    expect_state(p, TCPS(FIN_WAIT_2));
    peer_done(p);
}

/* MUST-35: a window that closes with text out turns the retransmission timer into the probe's: no
 * timeout, and cwnd stays. */
TEST(closed_window_is_no_timeout)
{
    struct peer *p = established(4000);

    user_sends(p, 4000);
    peer_forgets(p);
    time_passes(p, MS(150));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(200));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 1,
                .reason = ESTAB_WHY_ZERO_WINDOW_PROBE);
    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    peer_done(p);
}

/* MUST-35: nor does it become one when the peer acknowledges a part while it stays closed. */
TEST(acks_into_a_closed_window_are_no_timeout)
{
    struct peer *p = established(4000);

    user_sends(p, 4000);
    peer_forgets(p);
    time_passes(p, MS(100));
    for (uint32_t n = 0; n < 3; n++) {
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + n * MSS, .wnd = -1);
        time_passes(p, MS(50));
    }
    (void)time_until_sent(p, SEC(5));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1 + 2 * MSS, .ack = 101, .len = 1,
                .reason = ESTAB_WHY_ZERO_WINDOW_PROBE);
    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    peer_done(p);
}

/* A window that closes and opens between two probes is no reason to send anything again: a peer cannot
 * draw a segment with each pair of ACKs, whatever cwnd says. What is lost is found as ever. */
TEST(a_window_that_flaps_draws_nothing)
{
    struct peer *p = established(4000);

    user_sends(p, 4000);
    peer_forgets(p);
    for (unsigned i = 0; i < 100; i++) {
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = i % 2 ? 1 : 4000);
    }
    expect_nothing_sent(p);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(200));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = MSS,
                .reason = ESTAB_WHY_RETRANSMIT_RTO);
    peer_done(p);
}

/* RFC7323-2.4-RETRACT, RFC7323-2.4-SENDER: the edge that was offered holds, though later ACKs with
 * a rounded window would tell a little less. */
TEST(offered_window_is_honoured_to_its_edge)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    uint32_t wnd, at = 101;

    cfg.tcp.receive_buffer_max = 128 * 1024;
    p = peer_in_established_with(&cfg, (struct step){ .mss = 1460, .ws = 1 });
    wnd = user_status(p).tcb.rcv_wnd;
    for (; wnd > 2000; at += 1001, wnd -= 1001) {
        peer_sends(p, .ctl = CTL_ACK, .seq = at, .ack = ISS + 1, .len = 1001);
        peer_forgets(p);
    }
    wnd = user_status(p).tcb.rcv_wnd;
    while (wnd > 0) {
        uint32_t n = wnd < 1400 ? wnd : 1400;

        peer_sends(p, .ctl = CTL_ACK, .seq = at, .ack = ISS + 1, .len = n);
        expect_verdict(p, ACCEPTED);
        at += n;
        wnd -= n;
    }
    peer_done_quietly(p);
}
