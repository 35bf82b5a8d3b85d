/* SPDX-License-Identifier: MIT */
/* Loss recovery with SACK: RACK-TLP (RFC 8985) and PRR (RFC 9937). The round trip is 100 ms, a
 * segment 1,000 octets; T(n) is the first octet of the n-th. */
#include "harness/segments.h"

/* Established after a handshake of one RTT; cwnd is ten segments. */
static struct peer *
established(void)
{
    struct estab_config cfg = peer_config(NULL);

    cfg.tcp.cc = ESTAB_CC_RENO; /* halves the window: round numbers */
    return peer_after_one_rtt(&cfg, (struct step){ .mss = MSS, .sackok = true });
}

#define RACK ESTAB_WHY_RETRANSMIT_RACK

/* RFC8985-6.2-4, RFC8985-6.2-5, RFC6675-2-DUP: with no reordering seen, three segments SACKed are
 * proof that what was sent before them is lost; two are not. */
TEST(three_sacked_segments_say_that_the_one_before_is_lost)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(2) });
    peer_sacks(p, 0, { T(1), T(3) });
    expect_nothing_sent(p);
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, RACK);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);
}

/* RFC8985-6.2-TIMER, RFC8985-8: one SACK and then silence: the loss is declared when the reordering
 * window of min_RTT/4 has passed, without another ACK and long before the RTO. */
TEST(the_reordering_timer_declares_the_loss_by_itself)
{
    struct peer *p = established();

    user_sends(p, 3 * MSS);
    expect_texts(p, 0, 3);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(2), T(3) });
    expect_nothing_sent(p);
    assert_int_equal(user_status(p).tcb.timer, ESTAB_TIMER_REORDER);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(25));
    expect_text(p, 0, RACK); /* the next with the next ACK */
    expect_nothing_sent(p);
    peer_sacks(p, 1, { T(2), T(3) });
    expect_text(p, 1, RACK);
    peer_done(p);
}

/* RFC8985-6.2-3: two segments that change places within min_RTT/4 cause no retransmission, and from
 * then on three SACKed segments alone are no proof. */
TEST(reordered_segments_are_not_sent_again)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(2) });
    time_passes(p, MS(5));
    peer_acks(p, 2);
    expect_nothing_sent(p);
    peer_sacks(p, 2, { T(3), T(6) });
    expect_nothing_sent(p);
    time_passes(p, MS(10));
    peer_acks(p, 6);
    expect_nothing_sent(p);
    time_passes(p, SEC(1));
    peer_done_quietly(p);
}

/* RFC5681-3.1-SS as it differs over a path that reorders: once reordering was seen cwnd grows by what an ACK
 * newly tells of, SACKed or not, two segments an ACK at most, and by no octet twice; before, by what SND.UNA
 * moves over alone. */
TEST(over_a_path_that_reorders_cwnd_grows_by_what_is_delivered)
{
    struct peer *p = established();
    uint32_t before;

    user_sends(p, 60 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    before = cwnd(p);
    peer_sacks(p, 0, { T(1), T(2) });
    assert_int_equal(cwnd(p), before);
    time_passes(p, MS(5));
    peer_acks(p, 2); /* seen */
    before = cwnd(p);
    peer_sacks(p, 2, { T(3), T(4) });
    assert_int_equal(cwnd(p), before + MSS);
    peer_sacks(p, 2, { T(3), T(4) });
    assert_int_equal(cwnd(p), before + MSS); /* no news */
    peer_sacks(p, 2, { T(3), T(7) });
    assert_int_equal(cwnd(p), before + 3 * MSS); /* three arrived, two at most */
    time_passes(p, MS(5));
    peer_acks(p, 7);
    assert_int_equal(cwnd(p), before + 4 * MSS); /* the third of them alone is new */
    peer_acks(p, 8);
    assert_int_equal(cwnd(p), before + 5 * MSS);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_LOSS), 0);
    peer_done_quietly(p);
}

/* RFC8985-6.2-5, RFC8985-9.3: a retransmission that is lost too is found by what was sent after it,
 * without a timeout. */
TEST(a_lost_retransmission_is_found_without_a_timeout)
{
    struct peer *p = established();

    user_sends(p, 20 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, RACK); /* lost again */
    for (unsigned n = 5; n <= 10; n++)
        peer_sacks(p, 0, { T(1), T(n) });
    assert_true(p->n > 0); /* new text, as PRR allows */
    peer_forgets(p);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(11) });
    expect_text(p, 0, RACK);
    peer_done_quietly(p);
}

/* RFC6675-5-ONCE: a second loss of the same window brings no second reduction. */
TEST(one_window_is_reduced_once)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, RACK);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_sacks(p, 0, { T(6), T(9) }, { T(1), T(4) });
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);
}

/* RFC9937-6.1, RFC9937-6.2-PRR, RFC9937-6.2-FR: with ten out and ssthresh five, one segment leaves
 * for every two that arrive, the retransmission counted. */
TEST(one_segment_leaves_for_two_that_arrive)
{
    struct peer *p = established();
    unsigned sent = 0;

    user_sends(p, 30 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, RACK);
    sent = 1;
    for (unsigned n = 5; n <= 10; n++) {
        peer_sacks(p, 0, { T(1), T(n) });
        while (p->n > 0) {
            (void)peer_takes(p);
            sent++;
        }
        assert_in_range(sent, n / 2 - 1, n / 2);
    }
    peer_done_quietly(p);
}

/* RFC9937-6.2-CWND: an ACK that delivers nothing releases nothing. */
TEST(replayed_acks_release_nothing)
{
    struct peer *p = established();

    user_sends(p, 30 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, RACK);
    for (unsigned i = 0; i < 50; i++)
        peer_sacks(p, 0, { T(1), T(4) });
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC9937-6.4, RFC6675-5-ENTRY: recovery ends with the ACK of all that was out when it began, and
 * cwnd is ssthresh. */
TEST(recovery_ends_at_ssthresh)
{
    struct peer *p = established();

    user_sends(p, 11 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(10) });
    expect_text(p, 0, RACK);
    expect_text(p, 10, 0);
    time_passes(p, RTT);
    peer_acks(p, 10);
    assert_int_equal(user_status(p).tcb.cwnd, 5 * MSS);
    peer_done_quietly(p);
}

/* RFC8985-7.2, RFC8985-7.3-WHAT: the last segment of a flight is lost: two round trips after it was
 * sent it is sent again, and not after an RTO. */
TEST(a_lost_tail_is_probed_after_two_round_trips)
{
    struct peer *p = established();

    user_sends(p, 4 * MSS);
    expect_texts(p, 0, 4);
    assert_int_equal(user_status(p).tcb.timer, ESTAB_TIMER_LOSS_PROBE);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(200));
    expect_text(p, 3, ESTAB_WHY_LOSS_PROBE);
    peer_done_quietly(p);
}

/* RFC8985-7.3-WHAT: new text, where the window has room for it, is the better probe. */
TEST(the_probe_is_new_text_if_there_is_some)
{
    struct peer *p = established();

    user_sends(p, 12 * MSS);
    expect_texts(p, 0, 10);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(200));
    expect_text(p, 10, ESTAB_WHY_LOSS_PROBE);
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC8985-7.2: one segment alone may wait for a delayed ACK. */
TEST(a_single_segment_leaves_time_for_a_delayed_ack)
{
    struct peer *p = established();

    user_sends(p, MSS);
    expect_text(p, 0, 0);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(300)); /* not 400: the RTO is sooner */
    peer_done_quietly(p);
}

/* RFC8985-7.3-ONE, RFC8985-7.3-RTO: the probe is lost too: no second one, the RTO follows. */
TEST(after_one_probe_comes_the_timeout)
{
    struct peer *p = established();

    user_sends(p, 4 * MSS);
    expect_texts(p, 0, 4);
    time_passes(p, MS(200));
    expect_text(p, 3, ESTAB_WHY_LOSS_PROBE);
    assert_int_equal(user_status(p).tcb.timer, ESTAB_TIMER_RETRANSMIT);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(300));
    expect_text(p, 0, ESTAB_WHY_RETRANSMIT_RTO);
    peer_done_quietly(p);
}

/* RFC8985-7.4: the probe has repaired the loss, and congestion control hears of it all the same;
 * a D-SACK says that there was none. */
TEST(a_loss_repaired_by_the_probe_is_answered)
{
    for (int lost = 0; lost < 2; lost++) {
        struct peer *p = established();

        user_sends(p, 4 * MSS);
        expect_texts(p, 0, 4);
        time_passes(p, MS(200));
        expect_text(p, 3, ESTAB_WHY_LOSS_PROBE);
        user_sends(p, MSS);
        expect_text(p, 4, 0);
        time_passes(p, RTT);
        if (!lost)
            peer_sacks(p, 4, { T(3), T(4) }); /* RFC 2883: it has come twice */
        peer_acks(p, 5);
        assert_int_equal(user_status(p).tcb.ssthresh < 10 * MSS, lost);
        peer_done_quietly(p);
    }
}

/* RFC8985-6.3: a timeout says that the first segment is lost, not that those are that have left a
 * moment ago. */
TEST(a_timeout_spares_what_has_just_been_sent)
{
    struct peer *p = established();

    user_sends(p, MSS);
    expect_text(p, 0, 0);
    time_passes(p, MS(290));
    user_sends(p, 2 * MSS);
    expect_texts(p, 1, 3);
    while (p->n == 0 || p->out[p->first].reason != ESTAB_WHY_RETRANSMIT_RTO) {
        peer_forgets(p);
        (void)time_until_sent(p, SEC(1));
    }
    expect_text(p, 0, ESTAB_WHY_RETRANSMIT_RTO);
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC2018-5-NODISCARD, RFC2018-8-RENEGE: the peer drops what it had SACKed: after the timeout it is
 * all sent again. (vuln: SACK reneging) */
TEST(a_peer_that_goes_back_on_its_sacks_is_served)
{
    struct peer *p = established();

    user_sends(p, 5 * MSS);
    expect_texts(p, 0, 5);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(5) });
    expect_text(p, 0, RACK);
    assert_int_equal(user_status(p).tcb.send_queued, 5 * MSS);
    time_passes(p, MS(50));
    peer_acks(p, 1); /* and not 5: the rest is gone */
    expect_nothing_sent(p);
    for (unsigned n = 1; n < 5; n++) {
        (void)time_until_sent(p, SEC(30));
        expect_text(p, n, 0);
        peer_forgets(p);
        peer_acks(p, n + 1);
    }
    assert_int_equal(user_status(p).tcb.send_queued, 0);
    peer_done_quietly(p);
}

/* RFC2018-SANITY: blocks that cannot be change nothing. (vuln: Malformed SACK option underflow (Nucleus)) */
TEST(nonsense_blocks_change_nothing)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(20), T(30) }, { T(4), T(2) }, { T(5), T(5) }, { T(5), T(5) + 0x80000000u });
    peer_sacks(p, 0, { T(9), T(11) }, { ISS - 9000000, ISS + 1 });
    expect_nothing_sent(p);
    assert_int_equal(user_status(p).tcb.pipe, 10 * MSS);
    peer_done_quietly(p);
}

/* RFC8985-4.1: without SACK it is NewReno that repairs. */
TEST(without_sack_it_is_newreno)
{
    struct peer *p = peer_of_listener();

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, RTT);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    for (unsigned i = 0; i < 3; i++)
        peer_acks(p, 0);
    expect_text(p, 0, ESTAB_WHY_RETRANSMIT_FAST);
    peer_done_quietly(p);
}

/* RFC6675-4-PIPE: what is SACKed or lost is not in the network. */
TEST(the_pipe_holds_what_is_neither_sacked_nor_lost)
{
    struct peer *p = established();
    unsigned again;

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    assert_int_equal(user_status(p).tcb.pipe, 10 * MSS);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(2) });
    assert_int_equal(user_status(p).tcb.pipe, 9 * MSS);
    peer_sacks(p, 0, { T(5), T(8) }, { T(1), T(2) });
    /* SACKed: 1, 5, 6, 7; lost: 0, 2, 3, 4; on the way: 8, 9, and what was sent again */
    again = p->n;
    assert_in_range(again, 1, 3);
    expect_text(p, 0, RACK);
    assert_int_equal(user_status(p).tcb.pipe, (2 + again) * MSS);
    peer_done_quietly(p);
}

/* vuln: SACK slowness (retransmit queue fragmentation); RACK SACK slowness; SACK Panic (segment count overflow)
 * A peer that SACKs every other octet makes us hold no more than a scoreboard of 32 KiB, and the
 * transfer goes on. */
TEST(a_shower_of_tiny_sacks_costs_a_bounded_scoreboard)
{
    struct peer *p = established();
    size_t heap;

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    heap = p->heap;
    for (uint32_t at = 1; at + 8 < 10 * MSS; at += 8) {
        peer_sacks(p, 0, { T(0) + at + 6, T(0) + at + 7 }, { T(0) + at + 4, T(0) + at + 5 },
                  { T(0) + at + 2, T(0) + at + 3 }, { T(0) + at, T(0) + at + 1 });
        if (p->n > 100)
            peer_forgets(p);
    }
    /* two slabs for its chunk, the old beside the new, and one for what the reduction has taken */
    assert_true(p->heap <= heap + 3 * 64u * 1024);
    peer_forgets(p);
    time_passes(p, SEC(1));
    peer_forgets(p);
    peer_acks(p, 10);
    assert_int_equal(user_status(p).tcb.send_queued, 0);
    user_sends(p, MSS);
    expect_text(p, 10, 0);
    peer_done_quietly(p);
}

/* RFC8985-6.2-1: min_RTT begins with the handshake's round trip. Behind the queue that the first flight
 * has made every segment takes longer, and the answer to a probe, when the queue has drained,
 * would be taken for one to the first copy: the tail would wait for the timeout. */
TEST(the_handshake_counts_for_min_rtt)
{
    struct peer *p = established();

    user_sends(p, 6 * MSS);
    expect_texts(p, 0, 6);
    time_passes(p, RTT + MS(90));
    peer_acks(p, 2);
    (void)time_until_sent(p, SEC(1));
    expect_text(p, 5, ESTAB_WHY_LOSS_PROBE);
    time_passes(p, RTT + RTT / 2);
    peer_sacks(p, 2, { T(5), T(6) });
    expect_text(p, 2, RACK);
    peer_done(p);
}

/* RFC8985-6.2-2: the probe of a lost tail is SACKed beyond the hole, with a TSecr of the segment before
 * the hole (RFC 7323 §4.3): it is no answer to the first copy, and what was lost with it is sent
 * again without a timeout. */
TEST(a_timestamp_from_before_the_hole_tells_of_no_first_copy)
{
    struct peer *p = peer_of_listener();
    uint32_t before;

    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS + 12, .sackok = true, .ts_val = 1000);
    peer_forgets(p);
    time_passes(p, RTT);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 1100, .ts_ecr = p->our_ts);
    user_accepts(p);
    user_sends(p, 6 * MSS);
    expect_texts(p, 0, 6);
    before = p->our_ts;
    time_passes(p, RTT);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(2), .ts_val = 1200, .ts_ecr = before);
    (void)time_until_sent(p, SEC(1));
    expect_text(p, 5, ESTAB_WHY_LOSS_PROBE);
    time_passes(p, RTT);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(2), .sack = { { T(5), T(6) } }, .ts_val = 1500,
               .ts_ecr = before);
    expect_text(p, 2, RACK);
    peer_done_quietly(p);
}

/* RFC8985-6.2-4, RFC2883-5: each round with a D-SACK widens the reordering window by min_RTT/4. */
TEST(dsacks_widen_the_reordering_window)
{
    struct peer *p = established();

    user_sends(p, 2 * MSS);
    expect_texts(p, 0, 2);
    time_passes(p, RTT);
    peer_acks(p, 2);
    user_sends(p, 3 * MSS);
    expect_texts(p, 2, 5);
    time_passes(p, RTT);
    peer_sacks(p, 3, { T(1), T(2) }); /* came twice */
    peer_sacks(p, 3, { T(4), T(5) });
    assert_int_equal(time_until_sent(p, SEC(5)), MS(50));
    expect_text(p, 3, RACK);
    peer_done_quietly(p);
}

/* RFC2883-4: what tells a D-SACK is the acknowledgment beside it: the block of an ACK that others have
 * overtaken lies below SND.UNA by now, and was none. */
TEST(the_sack_of_an_overtaken_ack_is_no_dsack)
{
    struct peer *p = established();

    user_sends(p, 2 * MSS);
    expect_texts(p, 0, 2);
    time_passes(p, RTT);
    peer_acks(p, 2);
    user_sends(p, 3 * MSS);
    expect_texts(p, 2, 5);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(2) }); /* the second segment had come first */
    peer_sacks(p, 3, { T(4), T(5) });
    assert_int_equal(time_until_sent(p, SEC(5)), MS(25));
    expect_text(p, 3, RACK);
    peer_done_quietly(p);
}

/* RFC8985-6.2-1: a flight that is acknowledged whole has told its round trip too: the window of the
 * next is a quarter of the shortest, not of its own. */
TEST(a_flight_acknowledged_whole_counts_for_min_rtt)
{
    struct peer *p = established();

    user_sends(p, MSS);
    expect_texts(p, 0, 1);
    time_passes(p, MS(40));
    peer_acks(p, 1);
    user_sends(p, 3 * MSS);
    expect_texts(p, 1, 4);
    time_passes(p, RTT);
    peer_sacks(p, 1, { T(3), T(4) });
    expect_nothing_sent(p);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(10));
    expect_text(p, 1, RACK);
    peer_done_quietly(p);
}

/* RFC8985-7.4: a D-SACK of something else does not say that the probe was needless. */
TEST(a_dsack_of_something_else_does_not_clear_the_probe)
{
    struct peer *p = established();

    user_sends(p, 4 * MSS);
    expect_texts(p, 0, 4);
    time_passes(p, MS(200));
    expect_text(p, 3, ESTAB_WHY_LOSS_PROBE);
    user_sends(p, MSS);
    expect_text(p, 4, 0);
    time_passes(p, RTT);
    peer_sacks(p, 4, { T(0), T(1) });
    peer_acks(p, 5);
    assert_true(user_status(p).tcb.ssthresh < 10 * MSS);
    peer_done_quietly(p);
}

/* RFC8985-7.2: the ACK of a segment alone may be delayed, also that of a FIN: the probe waits for it. */
TEST(the_probe_of_a_segment_alone_waits_for_a_delayed_ack)
{
    struct peer *p = established();

    user_sends(p, MSS);
    expect_text(p, 0, 0);
    time_passes(p, RTT);
    peer_acks(p, 1);
    user_closes(p);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = T(1), .ack = 101);
    time_passes(p, 2 * RTT + MS(50));
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC8985-9.2: with RACK nothing is inferred from counting: duplicate ACKs that say nothing of what has
 * arrived cause no fast retransmission. */
TEST(duplicate_acks_without_news_are_no_loss)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    for (unsigned n = 0; n < 6; n++)
        peer_acks(p, 0);
    expect_nothing_sent(p);
    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    peer_done_quietly(p);
}

/* RFC6675-5.1-RTO: a timeout ends fast recovery: slow start from one segment; what was SACKed is not sent
 * again, and no other recovery begins before all that was out is acknowledged. */
TEST(a_timeout_in_recovery_starts_over_from_one_segment)
{
    struct peer *p = established();

    user_sends(p, 20 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, RACK);
    peer_forgets(p);
    while (user_status(p).recovery != 2)
        (void)time_until_sent(p, SEC(10));
    assert_int_equal(user_status(p).tcb.cwnd, MSS);
    assert_int_equal(peer_takes(p)->seg.seq - p->iss, T(0) - ISS);
    expect_nothing_sent(p);
    peer_sacks(p, 1, { T(1), T(4) });
    while (p->n > 0) { /* the fourth and on, but not what the peer has */
        uint32_t seq = peer_takes(p)->seg.seq - p->iss + ISS;

        assert_true(seq >= T(4));
    }
    peer_sacks(p, 4, { T(5), T(8) });
    assert_int_equal(user_status(p).recovery, 2);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);
}

/* RFC8985-6.2-2: a segment was sent again, and what has arrived is the first copy: because the answer
 * comes sooner than the shortest round trip, or because its TSecr is of a time before the second.
 * RACK takes no time from it, or all that was sent once and just before would be lost. Where the
 * second copy has been answered it does, and they are. */
TEST(the_answer_to_the_first_copy_tells_no_time_of_the_second)
{
    enum { TOO_SOON, FIRST_ECHOED, SECOND_ECHOED, CASES };

    for (unsigned which = TOO_SOON; which < CASES; which++) {
        struct estab_config cfg = peer_config(NULL);
        uint32_t first, second;
        struct peer *p;

        cfg.tcp.cc = ESTAB_CC_RENO;
        cfg.timestamps = which != TOO_SOON; /* its echo would tell as well */
        p = peer_of_listener_with(&cfg);
        peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS + (cfg.timestamps ? 12 : 0), .sackok = true, .ts_val = 1000);
        peer_forgets(p);
        time_passes(p, RTT);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 1100, .ts_ecr = p->our_ts);
        user_accepts(p);
        user_sends(p, 10 * MSS);
        expect_texts(p, 0, 10);
        first = p->our_ts;
        time_passes(p, RTT);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(0), .sack = { { T(1), T(4) } }, .ts_val = 1200, .ts_ecr = first);
        expect_text(p, 0, RACK);
        second = p->our_ts;
        time_passes(p, which == TOO_SOON ? MS(20) : MS(130));
        expect_nothing_sent(p);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(4), .ts_val = 1400, .ts_ecr = which == SECOND_ECHOED ? second : first);
        if (which == SECOND_ECHOED)
            expect_text(p, 4, RACK);
        else
            assert_int_equal(user_status(p).tcb.pipe, 6 * MSS); /* none of them is lost */
        peer_done_quietly(p);
    }
}

/* RFC9937-6.2-RB: of twenty segments the first fifteen are lost, more than the window is to shrink by:
 * from then on each ACK lets go what it says has arrived, and one segment more only if it moves
 * SND.UNA without news of a loss; and no more than ssthresh is on the way. */
TEST(below_ssthresh_what_arrives_is_replaced_and_a_segment_more_for_progress)
{
    struct peer *p = established();
    unsigned delivered = 0, sent = 0, progress = 0, una = 10;

    user_sends(p, 100 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    for (unsigned n = 1; n <= 10; n++)
        peer_acks(p, n);
    expect_texts(p, 10, 30);
    time_passes(p, RTT);
    peer_sacks(p, 10, { T(25), T(26) });
    peer_sacks(p, 10, { T(25), T(27) });
    expect_texts(p, 30, 32); /* two more, while it is not known that anything is lost (RFC3042-2) */
    for (unsigned n = 28; n <= 32; n++) {
        unsigned now = p->n;

        peer_sacks(p, 10, { T(25), T(n) });
        assert_in_range(p->n - now, 1, 1);
        delivered++;
    }
    assert_int_equal(user_status(p).tcb.ssthresh, 10 * MSS);
    /* what was sent again arrives, in order */
    time_passes(p, RTT);
    while (una < 24) {
        unsigned before = p->n, now;

        assert_true(before > 0);
        (void)peer_takes(p);
        sent++;
        before--;
        una++;
        peer_sacks(p, una, { T(25), T(32) });
        delivered++;
        progress++;
        now = p->n - before;
        assert_in_range(now, 0, 2);
        assert_true(sent + p->n <= delivered + progress);
        assert_true(user_status(p).tcb.pipe <= 10 * MSS);
    }
    /* and the segment more was used: the window has been filled up to ssthresh again */
    assert_int_equal(user_status(p).tcb.pipe, 10 * MSS);
    peer_done_quietly(p);
}
