/* SPDX-License-Identifier: MIT */
/* Spurious timeouts and retransmissions: found by F-RTO (RFC 5682), by timestamps (RFC 3522) and by
 * D-SACK (RFC 2883), and undone (RFC 4015). The round trip is 100 ms, a segment 1,000 octets; T(n) is
 * the first octet of the n-th. */
#include "harness/segments.h"

#define RTO ESTAB_WHY_RETRANSMIT_RTO

enum { PLAIN = 0, SACK = 1, TS = 2, ECN = 4 };

/* Reno halves the window: round numbers. */
static uint8_t algorithm = ESTAB_CC_RENO;

/* Established after a handshake of one RTT; cwnd is ten segments. */
static struct peer *
established(unsigned with)
{
    struct estab_config cfg = peer_config(NULL);
    struct step syn = { .mss = with & TS ? MSS + 12 : MSS };

    cfg.tcp.cc = algorithm;
    syn.sackok = with & SACK;
    syn.ts_val = with & TS ? 1 : 0;
    syn.ctl |= with & ECN ? CTL_ECE | CTL_CWR : 0;
    return peer_after_one_rtt(&cfg, syn);
}

/* Ten segments leave, nothing comes back, and the first is sent again. */
static struct peer *
timed_out(unsigned with, unsigned queued)
{
    struct peer *p = established(with);

    user_sends(p, queued * MSS);
    expect_texts(p, 0, 10);
    while (recoveries(p, ESTAB_RECOVERY_TIMEOUT) == 0) /* a loss probe may be first */
        (void)time_until_sent(p, SEC(5));
    assert_int_equal(user_status(p).tcb.cwnd, MSS);
    peer_forgets(p);
    return p;
}

/* RFC5682-2-FRTO1: the first ACK advances: two new segments instead of the second; the next ACK
 * advances too: what was sent before the timeout is arriving. RFC5682-3-RESP: cwnd is what is on the
 * way and a little more, ssthresh what was on the way; nothing is sent again. */
TEST(a_delay_spike_is_found_by_two_acks_that_advance)
{
    struct peer *p = timed_out(PLAIN, 20);

    peer_acks(p, 1);
    expect_text(p, 10, ESTAB_WHY_DATA);
    expect_text(p, 11, ESTAB_WHY_DATA);
    expect_nothing_sent(p);
    peer_acks(p, 2);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_FRTO), 1);
    /* ten are out: FlightSize + min(bytes_acked, IW), but no more than before */
    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    assert_int_equal(user_status(p).tcb.ssthresh, 0x7fffffff);
    peer_acks(p, 3);
    expect_text(p, 12, ESTAB_WHY_DATA);
    expect_text(p, 13, ESTAB_WHY_DATA); /* slow start goes on */
    expect_nothing_sent(p);
    for (unsigned n = 4; n <= 10; n++)
        peer_acks(p, n);
    expect_texts(p, 14, 20);
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC5682-2-FRTO2: the second ACK is a duplicate: something is lost; slow start from what is not
 * acknowledged, with no more than three segments. */
TEST(a_duplicate_in_the_second_step_means_a_loss)
{
    struct peer *p = timed_out(PLAIN, 20);

    peer_acks(p, 1);
    expect_texts(p, 10, 12);
    peer_acks(p, 1);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_FRTO), 0);
    assert_in_range(user_status(p).tcb.cwnd, MSS, 3 * MSS);
    expect_text(p, 1, ESTAB_WHY_RETRANSMIT_LOST);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);
}

/* RFC5682-2-FRTO1, step (2a): a duplicate first, all at once, or less than was sent again: no
 * evidence. */
TEST(the_first_ack_may_leave_no_doubt)
{
    struct peer *p = timed_out(PLAIN, 20);

    peer_acks(p, 0);
    peer_acks(p, 1);
    expect_text(p, 1, ESTAB_WHY_RETRANSMIT_LOST);
    expect_text(p, 2, ESTAB_WHY_RETRANSMIT_LOST);
    expect_nothing_sent(p);
    peer_done_quietly(p);

    p = timed_out(PLAIN, 20);
    peer_acks(p, 10);
    peer_acks(p, 11);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_FRTO), 0);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);

    p = timed_out(PLAIN, 20);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(0) + MSS / 2);
    expect_text(p, 1, ESTAB_WHY_RETRANSMIT_LOST);
    peer_done_quietly(p);
}

/* RFC5682-2-FRTO1: without new text there is nothing to ask with: conventional recovery. */
TEST(without_new_text_the_rest_is_sent_again)
{
    struct peer *p = timed_out(PLAIN, 10);

    peer_acks(p, 1);
    expect_text(p, 1, ESTAB_WHY_RETRANSMIT_LOST);
    expect_text(p, 2, ESTAB_WHY_RETRANSMIT_LOST);
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC5682-2-FRTO1: the same segment's second timeout begins again with what was remembered first. */
TEST(after_a_second_timeout_it_is_tried_again)
{
    struct peer *p = timed_out(PLAIN, 20);

    (void)time_until_sent(p, SEC(10));
    expect_text(p, 0, RTO);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_TIMEOUT), 2);
    peer_acks(p, 1);
    expect_texts(p, 10, 12);
    peer_acks(p, 2);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_FRTO), 1);
    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    peer_done_quietly(p);
}

/* RFC 5682 §3.1: with SACK a duplicate ACK that tells of something sent before the timeout is as good
 * as one that advances. */
TEST(with_sack_news_of_what_was_sent_before_is_enough)
{
    struct peer *p = timed_out(SACK, 20);

    peer_acks(p, 1);
    expect_texts(p, 11, 13); /* the tenth was the loss probe */
    expect_nothing_sent(p);
    peer_sacks(p, 1, { T(2), T(3) });
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_FRTO), 1);
    assert_int_equal(user_status(p).tcb.ssthresh, 0x7fffffff);
    peer_done_quietly(p);
}

/* RFC5682-2-FRTO2 with SACK: news of what was sent after the timeout says that the rest is lost. */
TEST(with_sack_news_of_what_was_sent_after_is_not)
{
    struct peer *p = timed_out(SACK, 20);

    peer_acks(p, 1);
    expect_texts(p, 11, 13);
    peer_sacks(p, 1, { T(11), T(12) });
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_FRTO), 0);
    expect_text(p, 1, ESTAB_WHY_RETRANSMIT_LOST);
    assert_int_equal(user_status(p).tcb.ssthresh, 5500); /* half of eleven */
    peer_done_quietly(p);
}

/* RFC 3522 §3.2: the ACK echoes a time before the repetition: one ACK is enough. */
TEST(an_old_echo_tells_at_once)
{
    struct peer *p = established(TS);
    uint32_t sent_at;

    user_sends(p, 20 * MSS);
    sent_at = peer_takes(p)->seg.ts_val;
    expect_texts(p, 1, 10);
    (void)time_until_sent(p, SEC(5));
    expect_text(p, 0, RTO);
    time_passes(p, MS(20));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(1), .ts_val = 2, .ts_ecr = sent_at);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_TIMESTAMP), 1);
    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    expect_text(p, 10, ESTAB_WHY_DATA);
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC 3522 §3.2: the echo of the repetition says that it was needed, and later ones do not count. */
TEST(the_echo_of_the_repetition_tells_nothing)
{
    struct peer *p = established(TS | SACK);
    uint32_t sent_at, again_at;

    user_sends(p, 20 * MSS);
    sent_at = peer_takes(p)->seg.ts_val;
    expect_texts(p, 1, 10);
    time_passes(p, RTT);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(0), .ts_val = 2, .ts_ecr = sent_at,
                .sack = { { T(1), T(4) } });
    again_at = peer_takes(p)->seg.ts_val;
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    time_passes(p, RTT);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(4), .ts_val = 3, .ts_ecr = again_at);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(5), .ts_val = 3, .ts_ecr = sent_at);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_TIMESTAMP), 0);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);
}

/* RFC 3522, RFC 4015: a fast retransmission for a segment that was only late. */
TEST(an_old_echo_undoes_fast_recovery)
{
    struct peer *p = established(TS | SACK);
    uint32_t sent_at;

    user_sends(p, 20 * MSS);
    sent_at = peer_takes(p)->seg.ts_val;
    expect_texts(p, 1, 10);
    time_passes(p, RTT);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(0), .ts_val = 2, .ts_ecr = sent_at,
                .sack = { { T(1), T(4) } });
    expect_text(p, 0, ESTAB_WHY_RETRANSMIT_RACK);
    time_passes(p, MS(20));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(4), .ts_val = 3, .ts_ecr = sent_at);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_TIMESTAMP), 1);
    assert_int_equal(user_status(p).tcb.ssthresh, 0x7fffffff);
    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    peer_done_quietly(p);
}

/* RFC 4015 §3.4: an ACK that tells of congestion undoes nothing. */
TEST(an_echo_of_congestion_undoes_nothing)
{
    struct peer *p = established(TS | ECN);
    uint32_t sent_at;

    user_sends(p, 20 * MSS);
    sent_at = peer_takes(p)->seg.ts_val;
    peer_forgets(p);
    (void)time_until_sent(p, SEC(5));
    peer_forgets(p);
    time_passes(p, MS(20));
    peer_sends (p, .ctl = CTL_ACK | CTL_ECE, .seq = 101, .ack = T(1), .ts_val = 2, .ts_ecr = sent_at);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_TIMESTAMP), 0);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);
}

/* RFC 2883 §5, RFC 3708: what was sent again came twice; the window comes back though recovery is
 * over. Only the peer's word for all of it will do. */
TEST(dsacks_for_all_that_was_sent_again_undo_the_reduction)
{
    for (unsigned told = 1; told <= 2; told++) {
        struct peer *p = established(SACK);

        user_sends(p, 40 * MSS);
        expect_texts(p, 0, 10);
        time_passes(p, RTT);
        peer_sacks(p, 0, { T(2), T(5) });
        expect_text(p, 0, ESTAB_WHY_RETRANSMIT_RACK);
        peer_sacks(p, 0, { T(2), T(7) });
        expect_text(p, 1, ESTAB_WHY_RETRANSMIT_RACK);
        time_passes(p, MS(20));
        peer_acks(p, 10); /* they were late: recovery is over */
        assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
        assert_int_equal(user_status(p).tcb.cwnd, 5 * MSS);
        time_passes(p, MS(80));
        peer_forgets(p);
        peer_sacks(p, 10, { T(0), T(1) });
        assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_DSACK), 0);
        peer_sacks(p, 10, { T(told), T(told + 1) });
        assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_DSACK), told == 1);
        assert_int_equal(user_status(p).tcb.ssthresh, told == 1 ? 0x7fffffff : 5 * MSS);
        assert_int_equal(user_status(p).tcb.cwnd, 5 * MSS); /* slow start brings the rest */
        peer_done_quietly(p);
    }
}

/* RFC 4015 §3.1 (11): the first sample from text that was new then counts like a first one. */
TEST(after_a_spurious_timeout_the_rtt_is_estimated_anew)
{
    struct peer *p = timed_out(PLAIN, 20);

    peer_acks(p, 1);
    expect_texts(p, 10, 12);
    peer_acks(p, 2);
    assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_FRTO), 1);
    peer_acks(p, 3);
    expect_texts(p, 12, 14);
    time_passes(p, MS(250));
    peer_acks(p, 14);
    assert_int_equal(user_status(p).tcb.srtt_us, 250000);
    assert_int_equal(user_status(p).tcb.rttvar_us, 125000);
    peer_done_quietly(p);
}

/* Memory: what was remembered goes back when all is acknowledged, and when the end comes first. */
TEST(what_was_remembered_goes_back)
{
    struct peer *p = timed_out(PLAIN, 10);
    uint64_t held;
    struct estab_stack_status st;

    estab_stack_status(p->stack, &st);
    held = st.record_bytes;
    peer_acks(p, 10);
    estab_stack_status(p->stack, &st);
    assert_true(st.record_bytes < held);
    peer_done_quietly(p);

    p = timed_out(PLAIN, 10);
    peer_sends (p, .ctl = CTL_RST, .seq = 101);
    peer_done_quietly(p);
}

/* RFC9438-4.9: CUBIC, and BBR, get back what a retransmission for nothing has taken. */
TEST(every_algorithm_gets_its_window_back)
{
    for (algorithm = ESTAB_CC_RENO; algorithm <= ESTAB_CC_BBR; algorithm++) {
        struct peer *p = established(TS | SACK);
        uint32_t sent_at;

        user_sends(p, 20 * MSS);
        sent_at = peer_takes(p)->seg.ts_val;
        time_passes(p, RTT);
        peer_forgets(p);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(0), .ts_val = 2, .ts_ecr = sent_at,
                    .sack = { { T(1), T(5) } });
        time_passes(p, MS(20));
        assert_int_equal(recoveries(p, ESTAB_RECOVERY_LOSS), 1);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(5), .ts_val = 3, .ts_ecr = sent_at);
        assert_int_equal(recoveries(p, ESTAB_RECOVERY_UNDONE_TIMESTAMP), 1);
        assert_int_equal(user_status(p).tcb.ssthresh, 0x7fffffff);
        assert_true(user_status(p).tcb.cwnd >= 9 * MSS);
        peer_done_quietly(p);
    }
    algorithm = ESTAB_CC_RENO;
}
