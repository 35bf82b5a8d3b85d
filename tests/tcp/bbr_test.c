/* SPDX-License-Identifier: MIT */
/* BBR and pacing, segment by segment: when each leaves. What BBR makes of a path is in
 * tests/sim/congestion_test.c. A segment is 1,000 octets, the round trip 100 ms; T(n) is the first
 * octet of the n-th. */
#include "harness/peer.h"
#include "stack/internal.h"
#include "tcp/bbr.h"
#include "tcp/pacing.h"

#include <string.h>

#define MSS 1000u
#define T(n) (ISS + 1 + (n) * MSS)
#define RTT MS(100)

static struct peer *
established(uint8_t cc, bool pacing, bool sack)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.cc = cc;
    cfg.tcp.pacing = pacing;
    p = peer_of_listener_with(&cfg);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, .sackok = sack);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .sackok = sack);
    time_passes(p, RTT);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    return p;
}

static const struct tcb *
tcb_of(const struct peer *p)
{
    return &estab_conn_from_handle(p->stack, p->conn)->tcb;
}

/* SND.NXT, as the ladder counts. */
static tcp_seq
end_of_sent(const struct peer *p)
{
    return ISS + (tcb_of(p)->snd_nxt - tcb_of(p)->iss);
}

/* A path of 200 kB/s and 100 ms for `lasts`: a segment arrives each 5 ms, if it was sent 100 ms ago; for
 * each the user gives another. `at[n]` is when segment n left. */
struct path {
    unsigned sent, acked;
    estab_time at[4000], acked_at;
};

static void
runs_for(struct peer *p, struct path *path, estab_time lasts)
{
    estab_time until = p->now + lasts;

    while (p->now < until) {
        if (user_status(p).tcb.send_queued < 100 * MSS)
            user_sends(p, 4 * MSS);
        peer_forgets(p);
        while (path->sent * MSS <
               user_status(p).tcb.snd_nxt - user_status(p).tcb.iss - 1)
            path->at[path->sent++] = p->now;
        if (path->acked < path->sent && p->now - path->acked_at >= MS(5) &&
            p->now - path->at[path->acked] >= RTT) {
            path->acked_at = p->now;
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(++path->acked));
        }
        time_passes(p, MS(1));
    }
    peer_forgets(p);
}

static void
expect_texts(struct peer *p, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to; n++)
        expect_sent(p, .ctl = CTL_ACK, .seq = T(n), .ack = 101, .len = MSS);
}

#define peer_acks(p, n) peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(n))

/* RFC6928-12-PACE: The initial window is spread at 2.77 times its size a round trip: two segments each 7.22 ms. */
TEST(bbr_paces_from_the_first_segment_on)
{
    struct peer *p = established(ESTAB_CC_BBR, false, true);

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 2);
    for (unsigned n = 2; n < 10; n += 2) {
        expect_nothing_sent(p);
        assert_int_equal(user_status(p).tcb.timer, ESTAB_TIMER_PACING);
        assert_in_range(time_until_sent(p, SEC(1)), US(7150), US(7300));
        expect_texts(p, n, n + 2);
    }
    time_passes(p, RTT);
    peer_acks(p, 10);
    peer_done_quietly(p);
}

/* Each ACK in startup lets cwnd grow by what it acknowledges, and the rate follows the delivery. */
TEST(bbr_starts_up_by_doubling)
{
    struct peer *p = established(ESTAB_CC_BBR, false, true);
    unsigned acked = 0;

    user_sends(p, 60 * MSS);
    for (unsigned round = 0; round < 2; round++) {
        time_passes(p, RTT); /* all that cwnd allows has left */
        assert_int_equal(user_status(p).tcb.flight, (10u << round) * MSS);
        peer_forgets(p);
        while (acked < (10u << (round + 1)) - 10) {
            peer_acks(p, ++acked);
            time_passes(p, MS(1));
        }
    }
    assert_in_range(user_status(p).tcb.cwnd, 30 * MSS, 40 * MSS);
    peer_done_quietly(p);
}

/* A loss does not halve what BBR has measured: cwnd is back as soon as all is repaired. */
TEST(bbr_comes_back_from_a_loss)
{
    struct peer *p = established(ESTAB_CC_BBR, false, true);

    user_sends(p, 10 * MSS);
    time_passes(p, RTT);
    expect_texts(p, 0, 10);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(0), .sack = { { T(1), T(10) } });
    (void)time_until_sent(p, SEC(1));
    expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101, .len = MSS,
                .reason = ESTAB_WHY_RETRANSMIT_RACK);
    time_passes(p, RTT);
    peer_acks(p, 10);
    assert_true(user_status(p).tcb.cwnd >= 10 * MSS);
    peer_done_quietly(p);
}

/* The model needs SACK: without it the connection goes on with CUBIC, unpaced. */
TEST(without_sack_bbr_gives_way_to_cubic)
{
    struct peer *p = established(ESTAB_CC_BBR, false, false);

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10);
    peer_done_quietly(p);
}

/* Another algorithm takes over in the middle; the model's memory goes back. */
TEST(bbr_can_be_left_and_entered_on_the_way)
{
    struct peer *p = established(ESTAB_CC_BBR, false, true);
    struct estab_tcp_options o = user_options(p);
    struct estab_stack_status st;
    uint64_t held;

    user_sends(p, 30 * MSS);
    time_passes(p, RTT);
    peer_forgets(p);
    estab_stack_status(p->stack, &st);
    held = st.ring_bytes;
    o.cc = ESTAB_CC_RENO;
    assert_int_equal(estab_set_options(p->stack, p->conn, &o, p->now), 0);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.ring_bytes, held - 2048);
    peer_acks(p, 10);
    assert_true(p->n >= 10); /* at once */
    peer_forgets(p);
    o.cc = ESTAB_CC_BBR;
    assert_int_equal(estab_set_options(p->stack, p->conn, &o, p->now), 0);
    peer_acks(p, 20);
    time_passes(p, RTT);
    peer_done_quietly(p);
}

/* opt->pacing spreads what the other algorithms send, once the round trip is known. */
TEST(pacing_is_an_option_of_all)
{
    for (uint8_t cc = ESTAB_CC_RENO; cc <= ESTAB_CC_CUBIC; cc++) {
        struct peer *p = established(cc, true, true);

        user_sends(p, 30 * MSS);
        expect_texts(p, 0, 2); /* twice cwnd per round trip: two each 10 ms */
        assert_int_equal(time_until_sent(p, SEC(1)), MS(10));
        expect_texts(p, 2, 4);
        time_passes(p, RTT);
        expect_texts(p, 4, 10);
        peer_acks(p, 2);
        assert_in_range(p->n, 2, 3);
        peer_done_quietly(p);
        p = established(cc, false, true);
        user_sends(p, 30 * MSS);
        expect_texts(p, 0, 10);
        peer_done_quietly(p);
    }
}

/* What a rule sends at once does not wait for its turn: the front at a timeout, a probe, a FIN. */
TEST(a_timeout_is_not_paced)
{
    struct peer *p = established(ESTAB_CC_RENO, true, false);

    user_sends(p, 2 * MSS);
    expect_texts(p, 0, 2);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(300));
    expect_texts(p, 0, 1);
    peer_done_quietly(p);
}

/* A user who gives two segments each round trip does not tell how fast the path is: Startup goes on for
 * as long as it takes, the samples are marked, and the rate that they show is no less for them. */
TEST(a_user_with_little_to_say_does_not_end_startup)
{
    struct peer *p = established(ESTAB_CC_BBR, false, true);
    const struct bbr *b = NULL;
    unsigned acked = 0;

    for (unsigned round = 0; round < 20; round++) {
        user_sends(p, 2 * MSS);
        time_passes(p, RTT);
        peer_forgets(p);
        acked += 2;
        peer_acks(p, acked);
        b = tcb_of(p)->ca.bbr;
        assert_true(b->rate.app_limited);
        assert_int_equal(b->phase, BBR_STARTUP);
        assert_false(b->full_bw_reached);
    }
    assert_int_equal(bbr_max_bw(b), 20000); /* two segments in 100 ms */
    user_sends(p, MSS);
    time_passes(p, RTT);
    peer_forgets(p);
    peer_acks(p, acked + 1);
    assert_int_equal(bbr_max_bw(b), 20000); /* one: that says nothing */
    assert_true(b->round_count >= 20);
    peer_done_quietly(p);
}

/* After a rest what was learnt of the path still holds: text leaves at the rate it had, not faster; and
 * no ProbeRTT, for nothing could be in a queue. */
TEST(after_a_rest_bbr_goes_on_at_its_rate)
{
    static struct path path;
    struct peer *p = established(ESTAB_CC_BBR, false, true);
    const struct bbr *b;
    unsigned rounds = 100;

    memset(&path, 0, sizeof path);
    runs_for(p, &path, SEC(3));
    b = tcb_of(p)->ca.bbr;
    assert_true(b->full_bw_reached && bbr_is_in_probe_bw(b));
    assert_in_range(bbr_max_bw(b), 190000, 215000);
    assert_in_range(b->min_rtt, 97000, 101000);
    /* the rest of what was given leaves and is acknowledged */
    do {
        time_passes(p, RTT);
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = end_of_sent(p));
    } while (user_status(p).tcb.flight > 0 && --rounds > 0);
    assert_int_equal(user_status(p).tcb.flight, 0);
    assert_true(bbr_is_in_probe_bw(b));
    time_passes(p, SEC(8));
    user_sends(p, 20 * MSS);
    assert_true(b->idle_restart);
    assert_int_equal(tcb_of(p)->pacing_rate, b->bw * 99 / 100);
    assert_in_range(p->n, 2, 3); /* what a burst holds, and the rest in time */
    assert_in_range(time_until_sent(p, SEC(1)), MS(4), MS(16));
    time_passes(p, RTT);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = end_of_sent(p));
    assert_true(b->phase != BBR_PROBE_RTT);
    assert_false(b->idle_restart);
    assert_in_range(bbr_max_bw(b), 190000, 215000);
    peer_done_quietly(p);
}

/* A timeout leaves cwnd at one segment more than what is in flight, and what was before comes back when
 * all is repaired. */
TEST(after_a_timeout_cwnd_comes_back)
{
    struct peer *p = established(ESTAB_CC_BBR, false, true);

    user_sends(p, 10 * MSS);
    time_passes(p, RTT);
    expect_texts(p, 0, 10);
    while (tcb_of(p)->retransmissions == 0)
        time_passes(p, MS(10));
    assert_true(tcb_of(p)->ca.bbr->in_recovery);
    assert_in_range(user_status(p).tcb.cwnd, MSS, 10 * MSS);
    assert_int_equal(tcb_of(p)->ca.bbr->prior_cwnd, 10 * MSS);
    peer_forgets(p);
    time_passes(p, RTT);
    peer_acks(p, 10);
    assert_false(tcb_of(p)->ca.bbr->in_recovery);
    assert_true(user_status(p).tcb.cwnd >= 10 * MSS);
    peer_done_quietly(p);
}

/* BBRHandleSpuriousLossDetection(): a timeout that was for nothing, as the echo on the ACK says, is
 * taken back: the state is Startup as before, and no bound is left. */
TEST(a_spurious_timeout_is_taken_back)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    const struct bbr *b;
    uint32_t first;

    cfg.tcp.cc = ESTAB_CC_BBR;
    p = peer_of_listener_with(&cfg);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS + 12, .sackok = true, .ts_val = 1000);
    peer_forgets(p);
    time_passes(p, RTT);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 1100, .ts_ecr = p->our_ts);
    user_accepts(p);
    user_sends(p, 10 * MSS);
    first = p->our_ts;
    time_passes(p, RTT / 2);
    while (tcb_of(p)->retransmissions == 0)
        time_passes(p, MS(10));
    b = tcb_of(p)->ca.bbr;
    assert_true(b->in_recovery && b->loss_in_round);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(2), .ts_val = 2000, .ts_ecr = first);
    assert_false(b->in_recovery);
    assert_false(b->loss_in_round);
    assert_int_equal(b->phase, BBR_STARTUP);
    assert_false(b->full_bw_reached);
    assert_true(b->bw_shortterm == UINT64_MAX && b->inflight_longterm == BBR_INFINITE);
    assert_true(user_status(p).tcb.cwnd >= 10 * MSS);
    peer_done_quietly(p);
}

/* A closed window makes a rate of a few octets a second: what was sent at it is no debt of minutes, neither
 * at that rate nor when it has risen. */
TEST(a_rate_of_almost_nothing_leaves_no_debt)
{
    const struct tcp_env env = { .now = SEC(10) };
    struct tcb tcb = { .smss = MSS, .pacing_rate = 3 };

    for (unsigned n = 0; estab_pace_allows(&tcb, &env); n++) {
        assert_true(n < 4); /* a burst, not whatever cwnd allows */
        estab_pace_spend(&tcb, &env, MSS);
    }
    assert_true(tcb.paced);
    assert_in_range(tcb.pace_at - env.now, MS(500), SEC(2));
    tcb.pacing_rate = 1000000;
    assert_false(estab_pace_allows(&tcb, &env));
    assert_in_range(tcb.pace_at - env.now, MS(1), SEC(2));
}
