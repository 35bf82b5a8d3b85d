/* SPDX-License-Identifier: MIT */
/* Reno, RFC 5681, and what every algorithm begins with: initial and restart windows (RFC 6928,
 * RFC 3390), byte counting (RFC 3465). T(n) is the first octet of the n-th segment. */
#include "harness/peer.h"
#include "tcp/cc.h"

#define MSS 1000u
#define T(n) (ISS + 1 + (n) * MSS)

static uint32_t
cwnd(struct peer *p)
{
    return user_status(p).tcb.cwnd;
}

static uint32_t
ssthresh(struct peer *p)
{
    return user_status(p).tcb.ssthresh;
}

static void
fill(struct peer *p)
{
    while (user_status(p).tcb.send_queued < 1000 * MSS)
        assert_int_equal(user_sends(p, 100 * MSS), 100 * MSS);
    peer_forgets(p);
}

static void
peer_acks(struct peer *p, uint32_t n)
{
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(n));
    peer_forgets(p);
}

/* RFC 5681 in floating point, the most that each event allows. */
struct model {
    double cwnd, ssthresh;
};

static void
model_acked(struct model *m, double acked)
{
    if (m->cwnd < m->ssthresh)
        m->cwnd += acked < MSS ? acked : MSS;
    else
        m->cwnd += (double)MSS * acked / m->cwnd;
}

static void
model_loss(struct model *m, double flight, double window)
{
    m->ssthresh = flight / 2 > 2 * MSS ? flight / 2 : 2 * MSS;
    m->cwnd = window > 0 ? window : m->ssthresh;
}

/* RFC5681-3-AGGR: over a hundred round trips with losses and timeouts cwnd is never more than a
 * segment above what slow start, congestion avoidance and fast recovery allow. */
TEST(reno_is_no_more_aggressive_than_its_model)
{
    struct peer *p = peer_with_cc(ESTAB_CC_RENO);
    struct model m = { .cwnd = cwnd(p), .ssthresh = 1e9 };
    uint32_t una = 0, grown = 0;

    for (unsigned i = 1; i <= 120; i++) {
        uint32_t out, flight, before = cwnd(p);

        fill(p);
        time_passes(p, MS(100));
        flight = user_status(p).tcb.flight;
        out = flight / MSS;
        if (i == 6 || i == 40 || i == 42) {
            for (unsigned d = 0; d < 3; d++)
                peer_acks(p, una);
            model_loss(&m, flight, 0);
            assert_true(ssthresh(p) <= m.ssthresh);
            assert_true(cwnd(p) <= m.cwnd + 3 * MSS);
            una += user_status(p).tcb.flight / MSS;
            peer_acks(p, una);
        } else if (i == 80) {
            while (cwnd(p) > MSS)
                time_passes(p, MS(50));
            model_loss(&m, flight, MSS);
            assert_true(ssthresh(p) <= m.ssthresh);
            una += out;
            peer_acks(p, una);
            model_acked(&m, MSS);
        } else {
            for (; out > 0; out--) {
                peer_acks(p, ++una);
                model_acked(&m, MSS);
                if (cwnd(p) > m.cwnd + MSS)
                    fail_msg("round %u: cwnd is %u, the model allows %.0f", i, cwnd(p), m.cwnd);
            }
        }
        grown += cwnd(p) > before;
    }
    assert_true(grown > 50);
    peer_done_quietly(p);
}

/* RFC5681-3.1-SSTHRESH0: without a loss slow start goes on as far as the peer's window; the first
 * loss sets ssthresh. */
TEST(ssthresh_is_high_until_something_is_lost)
{
    for (uint8_t cc = ESTAB_CC_RENO; cc <= ESTAB_CC_CUBIC; cc++) {
        struct peer *p = peer_with_cc(cc);
        uint32_t una = 0, before;

        assert_true(ssthresh(p) >= 1u << 30);
        while (cwnd(p) < 600 * MSS) {
            uint32_t out;

            fill(p);
            time_passes(p, MS(100));
            out = user_status(p).tcb.flight / MSS;
            for (; out > 0; out--)
                peer_acks(p, ++una);
        }
        assert_true(ssthresh(p) >= 1u << 30);
        before = cwnd(p);
        for (unsigned d = 0; d < 3; d++)
            peer_acks(p, una);
        assert_true(ssthresh(p) <= before / 10 * (cc == ESTAB_CC_RENO ? 5 : 7));
        peer_done_quietly(p);
    }
}

/* RFC6928-2-IW, RFC5681-3.1-IW: ten segments within 14,600 octets, or two large ones. With
 * initial_window 3 it is no more than RFC 5681 allows: 2, 3 or 4 segments by size. */
TEST(the_initial_window_by_segment_size)
{
    static const struct {
        uint16_t smss;
        uint32_t ten, most;
    } cases[] = { { 536, 5360, 4 }, { 1095, 10950, 4 },  { 1096, 10960, 3 },  { 1460, 14600, 3 },
                  { 2190, 14600, 3 }, { 2191, 14600, 2 }, { 8960, 17920, 2 }, { 65495, 130990, 2 } };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct estab_config cfg = peer_config(NULL);
        struct tcp_env env = { .cfg = &cfg };
        struct tcb tcb = { .smss = cases[i].smss };

        assert_int_equal(estab_cc_initial_window(&tcb, &env), cases[i].ten);
        cfg.initial_window = 3;
        assert_true(estab_cc_initial_window(&tcb, &env) <= cases[i].most * cases[i].smss);
        assert_true(estab_cc_initial_window(&tcb, &env) >= 2u * cases[i].smss);
    }
}

/* RFC5681-3.1-SYNLOSS as RFC 6928 revises it (RFC6928-2-SYNLOSS): one SYN,ACK lost may have been
 * chance, and the window stays; two are congestion: one segment. */
TEST(a_syn_lost_twice_leaves_one_segment)
{
    for (unsigned lost = 0; lost <= 3; lost++) {
        struct peer *p = peer_in_syn_sent();

        for (unsigned i = 0; i < lost; i++) {
            (void)time_until_sent(p, SEC(10));
            peer_forgets(p);
        }
        peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = IRS, .ack = ISS + 1, .mss = MSS);
        peer_forgets(p);
        assert_int_equal(cwnd(p), lost <= 1 ? 10 * MSS : MSS);
        user_sends(p, 20 * MSS);
        assert_int_equal(p->n, lost <= 1 ? 10 : 1);
        peer_done_quietly(p);
    }
}

/* RFC6928-2-RW, RFC5681-4.1-RESTART: the restart window is min(IW, cwnd): an idle time gives nothing
 * that was not there, and takes nothing away that the initial window would give. */
TEST(the_restart_window_is_no_larger_than_cwnd)
{
    for (uint8_t cc = ESTAB_CC_RENO; cc <= ESTAB_CC_CUBIC; cc++) {
        struct peer *p = peer_with_cc(cc);
        uint32_t before;

        user_sends(p, 10 * MSS);
        peer_forgets(p);
        for (unsigned d = 0; d < 3; d++)
            peer_acks(p, 0);
        peer_acks(p, 10);
        before = cwnd(p);
        assert_true(before < 10 * MSS);
        time_passes(p, SEC(30));
        user_sends(p, 40 * MSS);
        assert_int_equal(p->n, before / MSS);
        assert_int_equal(cwnd(p), before);
        peer_done_quietly(p);
    }
}

/* Ten segments of which the first is lost or not, one by one acknowledged; then the window is grown
 * far beyond any restart window, and idle. What leaves then. */
static uint32_t
restarts_with(uint8_t cc, bool lost, bool marked_late)
{
    struct peer *p;
    uint32_t una = 0, n;

    peer_cwnd_validation = false;
    p = peer_with_cc(cc);
    peer_cwnd_validation = true;
    user_sends(p, 10 * MSS);
    peer_forgets(p);
    time_passes(p, MS(100));
    if (marked_late) {
        peer_acks(p, una = 10);
        fill(p);
    }
    for (unsigned d = 0; d < 3 && lost; d++)
        peer_acks(p, una);
    do {
        uint32_t out = user_status(p).tcb.flight / MSS;

        time_passes(p, MS(100));
        for (; out > 0; out--)
            peer_acks(p, ++una);
        if (cwnd(p) < 40 * MSS)
            fill(p);
    } while (user_status(p).tcb.send_queued > 0);
    assert_true(cwnd(p) > 20 * MSS);
    time_passes(p, SEC(30));
    user_sends(p, 40 * MSS);
    n = p->n;
    peer_done_quietly(p);
    return n;
}

/* RFC6928-2-RWFALL: when something of the initial window was lost, the restart window is that of
 * RFC 3390: four segments of 1,000 octets; not for a loss after it. */
TEST(a_loss_in_the_initial_window_makes_the_restart_window_small)
{
    for (uint8_t cc = ESTAB_CC_RENO; cc <= ESTAB_CC_CUBIC; cc++) {
        assert_int_equal(restarts_with(cc, false, false), 10);
        assert_int_equal(restarts_with(cc, true, false), 4);
        assert_int_equal(restarts_with(cc, true, true), 10);
    }
}

/* RFC6928-2-RWFALL: by segment size; and a restart window is judged as the initial one. */
TEST(the_small_restart_window_by_segment_size)
{
    static const uint32_t cases[][2] = { { 536, 2144 },   { 1095, 4380 }, { 1460, 4380 },
                                         { 2190, 4380 },  { 2191, 4382 }, { 8960, 17920 } };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct estab_config cfg = peer_config(NULL);
        struct tcp_env env = { .cfg = &cfg };
        struct tcb tcb = { .smss = (uint16_t)cases[i][0], .snd_una = 50, .snd_nxt = 50 };

        cc_first_window(&tcb);
        tcb.snd_nxt += 4096;
        estab_cc_lost(&tcb, &env);
        assert_int_equal(estab_cc_restart_window(&tcb, &env), estab_cc_initial_window(&tcb, &env));
        tcb.snd_nxt++; /* "more than 4 KB" */
        estab_cc_lost(&tcb, &env);
        assert_int_equal(estab_cc_restart_window(&tcb, &env), cases[i][1]);
    }
}

/* RFC3465-2.2: an ACK of eight segments adds two in slow start, and one in slow start after a
 * timeout. */
TEST(a_stretch_ack_adds_two_segments)
{
    struct peer *p = peer_with_cc(ESTAB_CC_RENO);

    user_sends(p, 30 * MSS);
    peer_acks(p, 8);
    assert_int_equal(cwnd(p), 12 * MSS);
    while (cwnd(p) > MSS)
        time_passes(p, MS(100));
    peer_forgets(p);
    peer_acks(p, 10);
    assert_int_equal(cwnd(p), 2 * MSS);
    peer_done_quietly(p);
}

/* RFC5681-3.1-PMTU: smaller segments after "packet too big" are no more of them than before. */
TEST(a_smaller_path_mtu_scales_cwnd)
{
    struct peer *p = peer_in_established();
    uint32_t full = user_status(p).mss, before = cwnd(p), now;

    user_sends(p, 20 * full);
    peer_forgets(p);
    peer_sends_icmp(p, peer_family == 4 ? 3 : 2, peer_family == 4 ? 4 : 0, 1280, ISS + 1);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    now = user_status(p).mss;
    assert_true(now < full);
    assert_int_equal(cwnd(p) / now, before / full);
    assert_in_range(cwnd(p), before / full * now, before);
    peer_done_quietly(p);
}
