/* SPDX-License-Identifier: MIT */
/* Loss recovery with SACK by number (RFC 6675), where the configuration says no to RACK. The round
 * trip is 100 ms, a segment 1,000 octets; T(n) is the first octet of the n-th. */
#include "harness/segments.h"

#define SACK ESTAB_WHY_RETRANSMIT_SACK
#define RESCUE ESTAB_WHY_RETRANSMIT_RESCUE

/* Established after a handshake of one RTT; cwnd is ten segments. */
static struct peer *
established(void)
{
    struct estab_config cfg = peer_config(NULL);

    cfg.tcp.cc = ESTAB_CC_RENO; /* halves the window: round numbers */
    cfg.rack = false;
    return peer_after_one_rtt(&cfg, (struct step){ .mss = MSS, .sackok = true });
}

/* RFC6675-4-ISLOST: exactly 2 * SMSS octets SACKed above are no proof; one octet more is. */
TEST(one_octet_more_than_two_segments_is_proof)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(3) });
    expect_nothing_sent(p);
    peer_sacks(p, 0, { T(1), T(3) + 1 });
    expect_text(p, 0, SACK);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);
}

/* RFC6675-4-ISLOST: three ranges with holes between them are proof, however small; two are not. */
TEST(three_discontiguous_ranges_are_proof)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(2), T(2) + 10 }, { T(4), T(4) + 10 });
    expect_nothing_sent(p);
    peer_sacks(p, 0, { T(6), T(6) + 10 }, { T(4), T(4) + 10 }, { T(2), T(2) + 10 });
    expect_text(p, 0, SACK);
    peer_done_quietly(p);
}

/* RFC6675-2-DUP, RFC 6675 §5 (1): three ACKs with something new in their blocks are proof for the
 * first segment; the same block again is nothing new. */
TEST(three_acks_with_news_are_proof_for_the_first)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(5), T(5) + 10 });
    peer_sacks(p, 0, { T(5), T(5) + 20 });
    for (int i = 0; i < 5; i++)
        peer_sacks(p, 0, { T(5), T(5) + 20 });
    expect_nothing_sent(p);
    peer_sacks(p, 0, { T(5), T(5) + 30 });
    expect_text(p, 0, SACK); /* and none of the four behind it */
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC6675-4-NEXTSEG: first what is lost, from the left; then what is new; RFC6675-5-SEND: as long as
 * cwnd has room. */
TEST(what_is_lost_goes_before_what_is_new)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    /* 0, 1 and 4 are missing: the third hole has only two segments above it when recovery begins */
    peer_sacks(p, 0, { T(2), T(4) });
    user_sends(p, 10 * MSS);
    expect_texts(p, 10, 12); /* limited transmit */
    peer_sacks(p, 0, { T(5), T(7) }, { T(2), T(4) });
    expect_text(p, 0, SACK);
    for (unsigned n = 8; n <= 12; n++) /* one leaves for two that arrive: PRR */
        peer_sacks(p, 0, { T(5), T(n) }, { T(2), T(4) });
    expect_text(p, 1, SACK);
    expect_text(p, 4, SACK);
    expect_text(p, 12, ESTAB_WHY_DATA);
    peer_done_quietly(p);
}

/* RFC6675-4-NEXTSEG (3): when nothing is known to be lost and nothing is new, what was sent once and
 * stands below something SACKed goes again, though it may only be late; what is not SACKed last of
 * all goes once in a recovery (4), and not before the first retransmission has arrived. */
TEST(a_last_resort_keeps_the_acks_coming)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    /* 0 is lost; 7 stands below two segments; 9 below nothing */
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, SACK);
    peer_sacks(p, 0, { T(1), T(5) });
    peer_sacks(p, 0, { T(1), T(6) });
    peer_sacks(p, 0, { T(1), T(7) });
    expect_nothing_sent(p);
    peer_sacks(p, 0, { T(8), T(9) }, { T(1), T(7) });
    expect_text(p, 7, RESCUE);
    expect_nothing_sent(p); /* not 9: what was sent first has not arrived */
    time_passes(p, RTT);
    peer_sacks(p, 7, { T(8), T(9) });
    expect_sent(p, .ctl = CTL_ACK | CTL_PSH, .seq = T(9), .ack = 101, .len = MSS, .reason = RESCUE);
    peer_acks(p, 9);
    expect_nothing_sent(p); /* once */
    peer_acks(p, 10);
    peer_done(p);
}

/* RFC8985-9.2: a lost retransmission waits for the timeout, no probe is sent and no reordering timer
 * runs: RACK-TLP has no part in this. */
TEST(a_lost_retransmission_waits_for_the_timeout)
{
    struct peer *p = established();

    user_sends(p, 20 * MSS);
    expect_texts(p, 0, 10);
    assert_int_equal(user_status(p).tcb.timer, ESTAB_TIMER_RETRANSMIT);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, SACK); /* lost again */
    for (unsigned n = 5; n <= 10; n++)
        peer_sacks(p, 0, { T(1), T(n) });
    peer_forgets(p);
    time_passes(p, RTT);
    for (unsigned n = 11; n <= 13; n++)
        peer_sacks(p, 0, { T(1), T(n) });
    for (; p->n > 0; (void)peer_takes(p))
        assert_int_equal(p->out[p->first].reason, ESTAB_WHY_DATA);
    assert_int_equal(user_status(p).tcb.timer, ESTAB_TIMER_RETRANSMIT);
    (void)time_until_sent(p, SEC(5));
    expect_text(p, 0, ESTAB_WHY_RETRANSMIT_RTO);
    peer_done_quietly(p);
}

/* RFC6675-5-ONCE: one reduction for all that is lost of one window; recovery ends with the ACK of
 * what was out when it began (RFC6675-5-ENTRY). */
TEST(one_window_is_reduced_once)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    time_passes(p, RTT);
    peer_sacks(p, 0, { T(1), T(4) });
    expect_text(p, 0, SACK);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_sacks(p, 0, { T(1), T(4) }, { T(5), T(8) });
    expect_text(p, 4, SACK);
    peer_sacks(p, 4, { T(5), T(8) });
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_forgets(p);
    peer_acks(p, 10);
    assert_int_equal(user_status(p).tcb.cwnd, 5 * MSS);
    peer_done_quietly(p);
}
