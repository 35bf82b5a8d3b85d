/* SPDX-License-Identifier: MIT */
/* The delivery rate of draft-ietf-ccwg-bbr §4.1, by itself: marks, samples, what they refuse. Times are
 * microseconds; a segment is 1,000 octets. */
#include "harness/test.h"
#include "tcp/delivery_rate.h"

#include <string.h>

#define MSS 1000u
#define RTT 100000u

static struct delivery_rate
rate_at(uint32_t now)
{
    struct delivery_rate r;

    memset(&r, 0, sizeof r);
    r.delivered_at = now;
    return r;
}

static struct rate_sample
delivered(struct delivery_rate *r, uint32_t now, uint32_t octets, uint32_t sent_at, uint32_t min_rtt)
{
    struct rate_news news = {
        .now = now, .delivered = octets, .has_at = true, .at = sent_at
    };
    struct rate_sample rs;

    estab_rate_delivered(r, &news, min_rtt, &rs);
    return rs;
}

/* One segment, with `pipe` octets in the network before it. */
static void
sends(struct delivery_rate *r, uint32_t now, uint32_t *pipe)
{
    estab_rate_sent(r, now, *pipe, MSS, 0);
    *pipe += MSS;
}

/* Ten segments at once, answered at once: all of them in a round trip, and no more. */
TEST(a_flight_in_a_round_trip_is_its_rate)
{
    struct delivery_rate r = rate_at(1000);
    struct rate_sample rs;
    uint32_t pipe = 0;

    for (unsigned i = 0; i < 10; i++)
        sends(&r, 1000, &pipe);
    rs = delivered(&r, 1000 + RTT, 10 * MSS, 1000, 0);
    assert_true(rs.valid && !rs.app_limited);
    assert_int_equal(rs.rate, 100000); /* octets per second */
    assert_int_equal(rs.delivered, 10 * MSS);
    assert_int_equal(rs.prior_delivered, 0);
    assert_int_equal(rs.tx_in_flight, 10 * MSS);
}

/* ACKs that were held up on their way and arrive in a clump say less than they seem to: it took as long
 * to send. */
TEST(clumped_acks_are_no_faster_than_the_sending)
{
    struct delivery_rate r = rate_at(0);
    struct rate_sample rs = { 0 };
    uint32_t pipe = 0;

    for (unsigned i = 0; i < 10; i++)
        sends(&r, i * 10000, &pipe); /* 100 kB/s */
    /* the first is answered after a round trip, the others together when the last could be */
    rs = delivered(&r, RTT, MSS, 0, 0);
    assert_int_equal(rs.rate, 10000);
    pipe -= MSS;
    sends(&r, RTT, &pipe);
    rs = delivered(&r, 2 * RTT, 10 * MSS, RTT, 0);
    assert_int_equal(rs.delivered, 10 * MSS);
    assert_int_equal(rs.rate, 100000); /* sent in 100 ms, acknowledged in 100 ms */
}

/* Segments sent slowly and answered fast, by the sending; sent fast and answered slowly, by the ACKs. */
TEST(the_longer_of_the_two_times_counts)
{
    struct delivery_rate r = rate_at(0);
    struct rate_sample rs;
    uint32_t pipe = 0;

    sends(&r, 0, &pipe);
    sends(&r, 0, &pipe);
    (void)delivered(&r, RTT, MSS, 0, 0);
    rs = delivered(&r, 3 * RTT, MSS, 0, 0);
    assert_int_equal(rs.rate, 2 * MSS * 1000000ull / (3 * RTT));
}

/* A time shorter than the shortest round trip: the ACK is not of what it seems to be of. Rounds are
 * counted by it all the same. */
TEST(a_sample_shorter_than_min_rtt_has_no_rate)
{
    struct delivery_rate r = rate_at(0);
    struct rate_sample rs;
    uint32_t pipe = 0;

    sends(&r, 0, &pipe);
    rs = delivered(&r, RTT - 1, MSS, 0, RTT);
    assert_true(rs.valid);
    assert_int_equal(rs.rate, 0);
    pipe = 0;
    sends(&r, RTT, &pipe);
    assert_int_equal(delivered(&r, 2 * RTT, MSS, RTT, RTT).rate, 10000);
}

/* No time has passed at all: nothing is divided by it. */
TEST(no_time_is_no_rate)
{
    struct delivery_rate r = rate_at(5);
    uint32_t pipe = 0;

    sends(&r, 5, &pipe);
    assert_int_equal(delivered(&r, 5, MSS, 5, 0).rate, 0);
}

/* What nothing is known of gives no sample: an ACK of nothing, or of what left before all marks. */
TEST(without_a_mark_there_is_no_sample)
{
    struct delivery_rate r = rate_at(1000);
    struct rate_sample rs;
    uint32_t pipe = 0;

    sends(&r, 1000, &pipe);
    rs = delivered(&r, 1000 + RTT, 0, 1000, 0);
    assert_true(!rs.valid && r.delivered == 0);
    rs = delivered(&r, 1000 + RTT, MSS, 999, 0);
    assert_true(!rs.valid && r.delivered == MSS);
    assert_true(!estab_rate_lost(&r, 999, MSS, &rs) && r.lost == MSS);
}

/* After the user ran dry all that is in the network then, and what follows until it has arrived, is
 * marked; what is sent after that is not. */
TEST(what_leaves_while_the_user_has_nothing_is_marked)
{
    struct delivery_rate r = rate_at(0);
    uint32_t pipe = 0;

    sends(&r, 0, &pipe);
    sends(&r, 10000, &pipe);
    estab_rate_dry(&r, pipe);
    sends(&r, 20000, &pipe);
    assert_false(delivered(&r, RTT, MSS, 0, 0).app_limited); /* left before */
    assert_true(r.app_limited);
    assert_false(delivered(&r, RTT + 10000, MSS, 10000, 0).app_limited);
    assert_true(delivered(&r, RTT + 20000, MSS, 20000, 0).app_limited);
    assert_false(r.app_limited); /* more than was out at that time has arrived */
    pipe = 0;
    sends(&r, RTT + 30000, &pipe);
    assert_false(delivered(&r, 2 * RTT + 30000, MSS, RTT + 30000, 0).app_limited);
}

/* What is sent again counts from its second departure: the time until the first was missed is not the
 * path's. */
TEST(a_retransmission_is_timed_from_its_second_copy)
{
    struct delivery_rate r = rate_at(0);
    struct rate_sample rs;
    uint32_t pipe = 0;

    for (unsigned i = 0; i < 4; i++)
        sends(&r, i * 1000, &pipe);
    (void)delivered(&r, RTT + 1000, 3 * MSS, 3000, 0);
    assert_true(estab_rate_lost(&r, 0, MSS, &rs));
    assert_int_equal(rs.lost, MSS);
    assert_int_equal(rs.tx_in_flight, MSS); /* it was the first to leave */
    pipe = 0;
    sends(&r, 150000, &pipe);
    rs = delivered(&r, 150000 + RTT, MSS, 150000, 0);
    assert_int_equal(rs.rate, 10000);
    assert_int_equal(rs.lost, 0); /* since it left */
}

/* RS.lost is what was lost since the segment left, whoever tells first. */
TEST(losses_are_counted_from_the_departure)
{
    struct delivery_rate r = rate_at(0);
    struct rate_sample rs;
    uint32_t pipe = 0;

    for (unsigned i = 0; i < 10; i++)
        sends(&r, i * 1000, &pipe);
    (void)delivered(&r, RTT, MSS, 0, 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_true(estab_rate_lost(&r, i * 1000, MSS, &rs));
        assert_int_equal(rs.lost, i * MSS);
        assert_int_equal(rs.tx_in_flight, (i + 1) * MSS);
    }
    rs = delivered(&r, RTT + 4000, MSS, 4000, 0);
    assert_int_equal(rs.lost, 3 * MSS);
}

/* The list is bounded. A round trip of any length has its marks: where they do not suffice they become
 * coarser, and what arrives still has a sample, of about the rate there is. */
TEST(a_long_round_trip_makes_marks_coarser)
{
    struct delivery_rate r = rate_at(0);
    uint32_t pipe = 0, sent = 0, heard = 0;

    /* one segment a millisecond, 2 s of round trip */
    for (uint32_t now = 0; now < 10000000; now += 1000) {
        struct rate_sample rs;

        assert_true(r.n <= RATE_MARKS);
        sends(&r, now, &pipe);
        sent++;
        if (now < 2000000)
            continue;
        rs = delivered(&r, now, MSS, now - 2000000, 0);
        pipe -= MSS;
        heard++;
        assert_true(rs.valid);
        if (now > 6000000)
            assert_in_range(rs.rate, 900000, 1100000);
    }
    assert_int_equal(sent, heard + 2000);
}

/* What is lost is noticed a part of a round trip after the next has arrived: its mark is still there. */
TEST(a_loss_still_finds_its_mark)
{
    struct delivery_rate r = rate_at(0);
    struct rate_sample rs;
    uint32_t pipe = 0;

    for (uint32_t now = 0; now < 1000000; now += 1000) {
        estab_rate_sent(&r, now, pipe, MSS, RTT / 32);
        pipe += MSS;
        if (now < RTT)
            continue;
        (void)delivered(&r, now, MSS, now - RTT, RTT);
        pipe -= MSS;
        if (now > 3 * RTT / 2)
            assert_true(estab_rate_lost(&r, now - RTT - RTT / 4, 0, &rs));
    }
}

/* Counters and clocks go round. */
TEST(nothing_changes_where_the_circles_close)
{
    struct delivery_rate r = rate_at(UINT32_MAX - 5000);
    uint32_t pipe = 0, now = UINT32_MAX - 5000;
    struct rate_sample rs;

    r.delivered = UINT32_MAX - 500;
    for (unsigned i = 0; i < 10; i++)
        sends(&r, now + i * 1000, &pipe);
    for (unsigned i = 0; i < 10; i++) {
        rs = delivered(&r, now + RTT + i * 1000, MSS, now + i * 1000, RTT);
        assert_true(rs.valid);
        assert_int_equal(rs.delivered, (i + 1) * MSS);
    }
    assert_int_equal(rs.rate, 10 * MSS * 1000000ull / (RTT + 9000));
}
