/* SPDX-License-Identifier: MIT */
/* CUBIC, RFC 9438: its function against one computed in floating point, and its windows as ladders
 * on virtual time. T(n) is the first octet of the n-th segment. */
#include "harness/peer.h"
#include "sim/prng.h"
#include "tcp/cc.h"

#include <math.h>

#define MSS 1000u
#define T(n) (ISS + 1 + (n) * MSS)

/* ---- the function ---- */

/* By Newton's way, so that no libm is needed. */
static double
real_cbrt(double x)
{
    double r = x > 1 ? x : 1;

    for (unsigned i = 0; i < 200; i++)
        r -= (r - x / (r * r)) / 3;
    return r;
}

static double
real_k(double w_max, double cwnd, double smss)
{
    return w_max > cwnd ? real_cbrt((w_max - cwnd) / smss / 0.4) : 0;
}

/* Octets; t and k in seconds. */
static double
real_window(double w_max, double k, double t, double smss)
{
    return (0.4 * (t - k) * (t - k) * (t - k)) * smss + w_max;
}

static void
check_window(uint32_t w_max, uint32_t k_ms, uint32_t t_ms, uint32_t smss)
{
    double want = real_window(w_max, k_ms / 1000.0, t_ms / 1000.0, smss);
    double got = estab_cubic_window(w_max, k_ms, t_ms, smss);

    want = want < 0 ? 0 : want > CC_CWND_MAX ? CC_CWND_MAX : want;
    if (fabs(got - want) > 1.0 + want * 1e-9)
        fail_msg("W(w_max %u, K %u ms, t %u ms, smss %u) = %.0f, not %.3f", w_max, k_ms, t_ms, smss,
                 got, want);
}

/* RFC9438-5-C, RFC9438-4.4: by hand, with C = 0.4: W_max = 100 segments and cwnd = 70 give
 * K = cbrt(75) = 4.217 s; W falls back to 70 at t = 0, is 100 at K and 110.5 at K + 2.97 s. */
TEST(the_function_is_flat_around_the_window_of_the_loss)
{
    uint32_t k = estab_cubic_k(100 * MSS, 70 * MSS, MSS);

    assert_int_equal(k, 4217);
    assert_in_range(estab_cubic_window(100 * MSS, k, 0, MSS), 70 * MSS, 70 * MSS + 20);
    assert_int_equal(estab_cubic_window(100 * MSS, k, k, MSS), 100 * MSS);
    assert_int_equal(estab_cubic_window(100 * MSS, k, k - 1000, MSS), 100 * MSS - 400);
    assert_int_equal(estab_cubic_window(100 * MSS, k, k + 1000, MSS), 100 * MSS + 400);
    assert_int_equal(estab_cubic_window(100 * MSS, k, k + 5000, MSS), 150 * MSS);
    assert_int_equal(estab_cubic_k(70 * MSS, 70 * MSS, MSS), 0);
    assert_int_equal(estab_cubic_k(60 * MSS, 70 * MSS, MSS), 0);
}

/* RFC9438-FXP: a million windows up to 2^30 octets and times up to ten hours, against floating
 * point; never more than an octet apart. */
TEST(the_function_agrees_with_floating_point)
{
    struct sim_prng dice;

    if (peer_family == 6)
        return;
    sim_prng_seed(&dice, 9438);
    for (unsigned i = 0; i < 1000000; i++) {
        uint32_t smss = (uint32_t)sim_prng_between(&dice, 36, 65495);
        uint32_t w_max = (uint32_t)sim_prng_log(&dice, 30);
        uint32_t cwnd = (uint32_t)sim_prng_between(&dice, 1, w_max);
        uint32_t k_ms = estab_cubic_k(w_max, cwnd, smss);
        double k = real_k(w_max, cwnd, smss) * 1000;

        assert_true(k_ms <= k + 0.001 && k_ms > k - 1.001);
        check_window(w_max, k_ms, (uint32_t)sim_prng_log(&dice, 25), smss);
        check_window(w_max, k_ms, (uint32_t)sim_prng_between(&dice, 0, 2 * k_ms + 1), smss);
    }
}

/* RFC9438-FXP: at the edges of every argument it neither overflows nor leaves its bounds, and it
 * never falls as time goes on. */
TEST(the_function_has_no_edge_to_fall_from)
{
    static const uint32_t windows[] = { 0, 1, 1000, 1u << 20, (1u << 30) - 1, 1u << 30 };
    static const uint32_t sizes[] = { 1, 36, 1460, 65535 };
    static const uint32_t times[] = { 0,         1,         1000,       3600000,
                                      2097150,   2097151,   2097152,    36000000,
                                      1u << 30u, 1u << 31u, UINT32_MAX };

    for (unsigned w = 0; w < 6; w++)
        for (unsigned s = 0; s < 4; s++)
            for (unsigned k = 0; k < 11; k++) {
                uint32_t last = 0;

                for (unsigned t = 0; t < 11; t++) {
                    uint32_t now = estab_cubic_window(windows[w], times[k], times[t], sizes[s]);

                    assert_true(now <= CC_CWND_MAX);
                    if (times[t] < times[k])
                        assert_true(now <= windows[w]);
                    else
                        assert_true(now >= windows[w]);
                    if (t > 0 && times[t] > times[t - 1])
                        assert_true(now >= last);
                    last = now;
                }
                assert_true(estab_cubic_k(windows[w], 0, sizes[s]) <= 1400000);
            }
}

/* ---- ladders ---- */

/* Passive, no SACK and no timestamps, the round trip 100 ms; a large window of the peer. */
static struct estab_status
status(struct peer *p)
{
    return user_status(p);
}

static uint32_t
cwnd(struct peer *p)
{
    return user_status(p).tcb.cwnd;
}

static void
peer_acks(struct peer *p, uint32_t n)
{
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(n));
}

/* The user always has something to send, in whole segments. */
static void
fill(struct peer *p)
{
    while (status(p).tcb.send_queued < 1000 * MSS)
        assert_int_equal(user_sends(p, 100 * MSS), 100 * MSS);
    peer_forgets(p);
}

/* One round trip with the send buffer full: the peer acknowledges segment by segment all that was
 * out when it began; `*una` counts the segments. */
static void
round_trip(struct peer *p, uint32_t *una)
{
    uint32_t out;

    fill(p);
    time_passes(p, MS(100));
    out = status(p).tcb.flight / MSS;
    for (uint32_t i = 0; i < out; i++) {
        peer_acks(p, ++*una);
        peer_forgets(p);
    }
}

/* The three duplicate ACKs that tell of a loss, and the ACK of everything. */
static void
lose_and_recover(struct peer *p, uint32_t *una)
{
    uint32_t out;

    fill(p);
    for (unsigned i = 0; i < 3; i++) {
        peer_acks(p, *una);
        peer_forgets(p);
    }
    time_passes(p, MS(100));
    out = status(p).tcb.flight / MSS;
    *una += out;
    peer_acks(p, *una);
    peer_forgets(p);
}

/* Slow start back to ssthresh, and not an ACK further. */
static void
climb(struct peer *p, uint32_t *una)
{
    while (cwnd(p) < status(p).tcb.ssthresh) {
        uint32_t out;

        fill(p);
        time_passes(p, MS(100));
        out = status(p).tcb.flight / MSS;
        for (uint32_t i = 0; i < out && cwnd(p) < status(p).tcb.ssthresh; i++) {
            peer_acks(p, ++*una);
            peer_forgets(p);
        }
    }
    assert_int_equal(cwnd(p), status(p).tcb.ssthresh);
}

/* Slow start up to `segments`. */
static struct peer *
grown_to(uint8_t cc, uint32_t segments, uint32_t *una)
{
    struct peer *p = peer_with_cc(cc);

    *una = 0;
    fill(p);
    while (cwnd(p) < segments * MSS) {
        peer_forgets(p);
        if (cwnd(p) < segments * MSS)
            peer_acks(p, ++*una);
    }
    peer_forgets(p);
    assert_int_equal(cwnd(p), segments * MSS);
    return p;
}

/* MAY-18: CUBIC unless told otherwise; by name and by number; no other. */
TEST(cubic_is_the_default_and_algorithms_have_names)
{
    struct peer *p = peer_in_established();
    struct estab_tcp_options o = user_options(p);

    assert_int_equal(o.cc, ESTAB_CC_CUBIC);
    assert_string_equal(estab_cc_name(o.cc), "cubic");
    assert_string_equal(estab_cc_name(ESTAB_CC_RENO), "reno");
    assert_string_equal(estab_cc_name(99), "?");
    assert_int_equal(estab_cc_by_name("cubic"), ESTAB_CC_CUBIC);
    assert_int_equal(estab_cc_by_name("reno"), ESTAB_CC_RENO);
    assert_int_equal(estab_cc_by_name("Cubic"), -ESTAB_EINVAL);
    assert_int_equal(estab_cc_by_name(""), -ESTAB_EINVAL);
    o.cc = 99;
    assert_int_equal(estab_set_options(p->stack, p->conn, &o, p->now), -ESTAB_EINVAL);
    peer_done(p);
}

/* RFC9438-4.6: at once, to 0.7 of what was in flight; RFC9438-4.10: below ssthresh slow start. */
TEST(a_loss_takes_three_tenths)
{
    uint32_t una;
    struct peer *p = grown_to(ESTAB_CC_CUBIC, 100, &una);

    for (unsigned i = 0; i < 3; i++)
        peer_acks(p, una);
    assert_int_equal(status(p).tcb.ssthresh, 70 * MSS);
    assert_int_equal(cwnd(p), 73 * MSS); /* three have left the network */
    peer_done_quietly(p);
}

/* RFC9438-4.6: ssthresh comes from the flight, not from cwnd, and is never below two segments. */
TEST(ssthresh_comes_from_the_flight)
{
    struct peer *p = peer_with_cc(ESTAB_CC_CUBIC);

    user_sends(p, 5 * MSS);
    for (unsigned i = 0; i < 3; i++)
        peer_acks(p, 0);
    assert_int_equal(status(p).tcb.ssthresh, 3500);
    peer_done_quietly(p);

    p = peer_with_cc(ESTAB_CC_CUBIC);
    user_sends(p, MSS);
    for (unsigned i = 0; i < 3; i++)
        peer_acks(p, 0);
    assert_int_equal(status(p).tcb.ssthresh, 2 * MSS);
    peer_done_quietly(p);
}

/* What RFC 9438 says, in floating point, ACK by ACK. */
struct model {
    double cwnd, w_max, k, w_est, cwnd_prior, epoch;
    bool in_epoch;
};

static void
model_acked(struct model *m, double now, double rtt, double acked)
{
    double t, w, target, alpha;

    if (!m->in_epoch) {
        m->in_epoch = true;
        m->epoch = now;
        m->w_est = m->cwnd;
        if (m->w_max < m->cwnd)
            m->w_max = m->cwnd;
        m->k = real_k(m->w_max, m->cwnd, MSS);
    }
    t = now - m->epoch;
    alpha = m->w_est >= m->cwnd_prior ? 1 : 3 * (1 - 0.7) / (1 + 0.7);
    m->w_est += alpha * acked * MSS / m->cwnd;
    if (real_window(m->w_max, m->k, t, MSS) < m->w_est) {
        m->cwnd = m->w_est > m->cwnd ? m->w_est : m->cwnd;
        return;
    }
    w = real_window(m->w_max, m->k, t + rtt, MSS);
    target = w < m->cwnd ? m->cwnd : w > 1.5 * m->cwnd ? 1.5 * m->cwnd : w;
    m->cwnd += (target - m->cwnd) * acked / m->cwnd;
}

/* RFC9438-4.2-TARGET, RFC9438-4.3, RFC9438-4.4: 24,000 ACKs through the Reno-friendly, the
 * concave and the convex region follow the model within a segment; cwnd never falls, and no ACK adds
 * more than half of what it acknowledges. */
TEST(every_ack_follows_the_model)
{
    uint32_t una, acks = 0, before;
    struct peer *p = grown_to(ESTAB_CC_CUBIC, 200, &una);
    bool concave = false, convex = false;
    struct model m = { .cwnd_prior = 0 };

    m.cwnd_prior = m.w_max = cwnd(p);
    lose_and_recover(p, &una);
    climb(p, &una);
    m.cwnd = cwnd(p);
    while (acks < 24000) {
        uint32_t out;

        fill(p);
        time_passes(p, MS(100));
        out = status(p).tcb.flight / MSS;
        for (uint32_t i = 0; i < out; i++, acks++) {
            before = cwnd(p);
            peer_acks(p, ++una);
            peer_forgets(p);
            model_acked(&m, (double)(p->now / MS(1)) / 1000, 0.1, MSS);
            assert_true(cwnd(p) >= before && cwnd(p) <= before + MSS / 2 + 1);
            if (fabs(cwnd(p) - m.cwnd) > MSS)
                fail_msg("after %u ACKs cwnd is %u, not %.0f", acks + 1, cwnd(p), m.cwnd);
        }
        concave |= cwnd(p) < m.w_max && cwnd(p) > m.w_est + MSS;
        convex |= cwnd(p) > m.w_max + 10 * MSS;
    }
    assert_true(concave && convex);
    peer_done_quietly(p);
}

/* RFC9438-4.7: the second loss at a smaller window than the first: W_max = 0.85 * cwnd, so that K is
 * cbrt((0.85 - 0.7) * cwnd / 0.4), and the plateau is reached there and not at the old cwnd. */
TEST(a_second_loss_below_the_first_gives_way)
{
    uint32_t una, first, second, plateau = 0;
    struct peer *p = grown_to(ESTAB_CC_CUBIC, 200, &una);

    first = cwnd(p);
    lose_and_recover(p, &una);
    climb(p, &una);
    round_trip(p, &una);
    second = cwnd(p);
    assert_true(second < first);
    lose_and_recover(p, &una);
    climb(p, &una);
    /* K = cbrt(0.15 * 140 / 0.4) = 3.7 s: stand there and look */
    for (unsigned i = 0; i < 37; i++)
        round_trip(p, &una);
    plateau = cwnd(p);
    assert_in_range(plateau, second / 100 * 83, second / 100 * 87);
    peer_done_quietly(p);
}

/* RFC9438-4.8: after a timeout one segment, ssthresh by beta, and the first congestion avoidance
 * has K = 0 and W_max = cwnd at its beginning: after 4 s cwnd is W_max + 0.4 * 4^3 = 25.6 segments
 * more, where the old W_max would have held it below. */
TEST(after_a_timeout_the_function_begins_at_its_plateau)
{
    uint32_t una, begun, passed = 0;
    struct peer *p = grown_to(ESTAB_CC_CUBIC, 100, &una);
    estab_time wait = time_until_sent(p, SEC(10));

    assert_true(wait > 0);
    assert_int_equal(cwnd(p), MSS);
    assert_int_equal(status(p).tcb.ssthresh, 70 * MSS);
    peer_forgets(p);
    una += 100;
    peer_acks(p, una); /* the rest had arrived */
    peer_forgets(p);
    climb(p, &una);
    begun = cwnd(p);
    assert_int_equal(begun, 70 * MSS);
    for (passed = 0; passed < 40; passed++)
        round_trip(p, &una);
    assert_in_range(cwnd(p), begun + 22 * MSS, begun + 30 * MSS);
    peer_done_quietly(p);
}

/* A minute in which the user had little to say is not part of t: cwnd goes on from
 * where it was, without a jump. */
static void
quiet_minute(bool silent, bool validation)
{
    uint32_t una, before;
    struct peer *p;

    peer_cwnd_validation = validation;
    p = grown_to(ESTAB_CC_CUBIC, 100, &una);
    peer_cwnd_validation = true;

    lose_and_recover(p, &una);
    climb(p, &una);
    for (unsigned i = 0; i < 20; i++)
        round_trip(p, &una);
    /* what is queued drains */
    while (status(p).tcb.send_queued > 0) {
        uint32_t out = status(p).tcb.flight / MSS;

        time_passes(p, MS(100));
        for (uint32_t i = 0; i < out; i++)
            peer_acks(p, ++una);
        peer_forgets(p);
    }
    before = cwnd(p);
    for (unsigned i = 0; i < 620; i++) {
        time_passes(p, MS(90));
        if (!silent) {
            user_sends(p, MSS);
            peer_forgets(p);
        }
        time_passes(p, MS(10));
        if (!silent)
            peer_acks(p, ++una);
        if (i == 20) {
            /* a second after it was used, cwnd may still grow (RFC 7661 §4.3) */
            assert_in_range(cwnd(p), before, before + MSS);
            before = cwnd(p);
        }
    }
    assert_int_equal(cwnd(p), before);
    if (silent && !validation) {
        /* the restart window (RFC 5681 §4.1), and slow start back to ssthresh */
        user_sends(p, MSS);
        assert_int_equal(cwnd(p), 10 * MSS);
        time_passes(p, MS(100));
        peer_acks(p, ++una);
        climb(p, &una);
        before = cwnd(p);
    }
    round_trip(p, &una);
    round_trip(p, &una);
    assert_in_range(cwnd(p), before, before + 6 * MSS);
    peer_done_quietly(p);
}

/* RFC9438-4.2-T: neither with a segment now and then nor in silence. */
TEST(time_without_much_to_send_does_not_count)
{
    for (unsigned validation = 0; validation <= 1; validation++) {
        quiet_minute(false, validation);
        quiet_minute(true, validation);
    }
}

/* RFC9438-4.3: where the window is small and the round trip short, the cubic part would hardly grow:
 * cwnd is W_est, which gains 9/17 of a segment each round trip until it is back at the window before
 * the loss, and a whole one from then on. */
TEST(small_windows_grow_as_reno_would)
{
    uint32_t una, begun, rounds = 0, at_prior;
    struct peer *p = grown_to(ESTAB_CC_CUBIC, 20, &una);

    lose_and_recover(p, &una);
    climb(p, &una);
    begun = cwnd(p);
    assert_int_equal(begun, 14 * MSS);
    for (; cwnd(p) < 17 * MSS; rounds++)
        round_trip(p, &una);
    assert_in_range(rounds, 5, 7); /* 3 / (9/17) = 5.7 */
    while (cwnd(p) < 20 * MSS)
        round_trip(p, &una);
    at_prior = cwnd(p);
    for (unsigned i = 0; i < 5; i++)
        round_trip(p, &una);
    assert_true(cwnd(p) >= at_prior + 4 * MSS);
    peer_done_quietly(p);
}

/* A live connection changes its algorithm; cwnd and ssthresh stay, the next loss is the new one's. */
TEST(the_algorithm_can_be_changed_on_a_live_connection)
{
    uint32_t una;
    struct peer *p = grown_to(ESTAB_CC_CUBIC, 100, &una);
    struct estab_tcp_options o = user_options(p);

    o.cc = ESTAB_CC_RENO;
    user_sets(p, &o);
    assert_int_equal(cwnd(p), 100 * MSS);
    for (unsigned i = 0; i < 3; i++)
        peer_acks(p, una);
    assert_int_equal(status(p).tcb.ssthresh, 50 * MSS);
    o.cc = ESTAB_CC_CUBIC;
    user_sets(p, &o);
    time_passes(p, MS(100));
    una += status(p).tcb.flight / MSS;
    peer_acks(p, una);
    peer_forgets(p);
    for (unsigned i = 0; i < 10; i++)
        round_trip(p, &una);
    for (unsigned i = 0; i < 3; i++)
        peer_acks(p, una);
    assert_true(status(p).tcb.ssthresh > 35 * MSS);
    peer_done_quietly(p);
}
