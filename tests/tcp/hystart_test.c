/* SPDX-License-Identifier: MIT */
/* HyStart++, RFC 9406: rounds of the initial slow start with RTTs that the test gives. T(n) is the
 * first octet of the n-th segment. */
#include "harness/peer.h"

#define MSS 1000u
#define T(n) (ISS + 1 + (n) * MSS)

enum how { BY_SACK, BY_TIMESTAMPS, BLIND };

struct flow {
    struct peer *p;
    uint32_t una;  /* segments acknowledged */
    uint32_t echo; /* the TSval of what is acknowledged in this round */
};

/* Passive, after a handshake of `rtt`; a window of the peer that is never in the way. */
static struct flow
established_with(enum how how, uint8_t cc, estab_time rtt)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.cc = cc;
    cfg.tcp.send_buffer_max = 1 << 24;
    p = peer_of_listener_with(&cfg);
    p->timestamps = how == BY_TIMESTAMPS;
    if (how == BY_TIMESTAMPS)
        peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS + 12, .ws = 11, .ts_val = p->ts_clock);
    else
        peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, .ws = 11, .sackok = how == BY_SACK);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, rtt);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    return (struct flow){ .p = p };
}

static struct flow
established(void)
{
    return established_with(BY_SACK, ESTAB_CC_CUBIC, MS(100));
}

static uint32_t
cwnd(const struct flow *f)
{
    return user_status(f->p).tcb.cwnd;
}

static uint32_t
ssthresh(const struct flow *f)
{
    return user_status(f->p).tcb.ssthresh;
}

static bool
is_over(const struct flow *f)
{
    return ssthresh(f) < 1u << 30;
}

static void
fill(struct flow *f)
{
    while (user_status(f->p).tcb.send_queued < 8000 * MSS)
        assert_int_equal(user_sends(f->p, 500 * MSS), 500 * MSS);
    peer_forgets(f->p);
}

static void
ack(struct flow *f, uint32_t segments)
{
    f->una += segments;
    f->p->our_ts = f->echo;
    peer_sends(f->p, .ctl = CTL_ACK, .seq = 101, .ack = T(f->una));
    peer_forgets(f->p);
}

/* A round trip of `rtt`: all that is out is acknowledged, `step` segments at a time. The factor by
 * which cwnd grew, in percent. */
static uint32_t
round_of(struct flow *f, estab_time rtt, uint32_t step)
{
    uint32_t out, before = cwnd(f);

    fill(f);
    f->echo = f->p->our_ts;
    time_passes(f->p, rtt);
    out = user_status(f->p).tcb.flight / MSS;
    for (; out > 0; out -= out < step ? out : step)
        ack(f, out < step ? out : step);
    return (uint32_t)((uint64_t)cwnd(f) * 100 / before);
}

static void
done(struct flow *f)
{
    peer_done_quietly(f->p);
}

/* A round trip of 100 ms, the ACKs of its segments `gap` apart. The factor by which cwnd grew. */
static uint32_t
train_of(struct flow *f, estab_time gap)
{
    uint32_t out, before = cwnd(f);

    fill(f);
    f->echo = f->p->our_ts;
    time_passes(f->p, MS(100));
    for (out = user_status(f->p).tcb.flight / MSS; out > 0; out--) {
        ack(f, 1);
        time_passes(f->p, gap);
    }
    return (uint32_t)((uint64_t)cwnd(f) * 100 / before);
}

/* ACKs that follow each other for more than half of the shortest RTT say that the path is full: cwnd
 * grows an eighth a round, and after five rounds congestion avoidance begins. */
TEST(a_long_train_of_acks_ends_doubling)
{
    struct flow f = established();
    uint32_t grown;

    assert_in_range(round_of(&f, MS(100), 1), 199, 201);
    grown = train_of(&f, MS(3)); /* 20 of them: 57 ms; the last three find the path full */
    assert_in_range(grown, 185, 190);
    for (unsigned i = 0; i < 4; i++) {
        assert_false(is_over(&f));
        assert_in_range(round_of(&f, MS(100), 1), 112, 113);
    }
    (void)round_of(&f, MS(100), 1);
    assert_true(is_over(&f));
    done(&f);
}

/* ... and a shorter RTT is no sign that it was a mistake: a train is not of the RTT. */
TEST(a_shorter_rtt_does_not_bring_doubling_back_after_a_train)
{
    struct flow f = established();

    (void)round_of(&f, MS(100), 1);
    (void)train_of(&f, MS(3));
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(round_of(&f, MS(90), 1), 112, 113);
    done(&f);
}

/* A train of less than half of the shortest RTT, and ACKs with more than an eighth of it between
 * them, end nothing. */
TEST(short_trains_and_gaps_end_nothing)
{
    struct flow f = established();

    (void)round_of(&f, MS(100), 1);
    assert_in_range(train_of(&f, MS(2)), 199, 201);
    done(&f);

    f = established();
    (void)round_of(&f, MS(100), 1);
    assert_in_range(train_of(&f, MS(13)), 199, 201);
    done(&f);
}

/* RFC9438-4.10, RFC5681-3.1-SSTHRESH0: while the RTT stays, cwnd doubles round by round, and nothing
 * ends that but the peer's window. */
TEST(a_steady_rtt_ends_nothing)
{
    struct flow f = established();

    for (unsigned i = 0; i < 8; i++)
        assert_in_range(round_of(&f, MS(100), 1), 199, 201);
    assert_false(is_over(&f));
    assert_int_equal(cwnd(&f), 2560 * MSS);
    done(&f);
}

/* RFC9406-4.2-THRESH: an eighth of the last round's RTT, between 4 ms and 16 ms: below it nothing
 * happens, at it growth is a quarter (RFC9406-4.2-CSS, RFC9406-4.3-DIV: nobody can set less). */
TEST(the_threshold_is_an_eighth_within_bounds)
{
    static const struct {
        unsigned rtt, thresh; /* ms */
    } cases[] = { { 10, 4 }, { 20, 4 }, { 64, 8 }, { 100, 13 }, { 120, 15 }, { 400, 16 } };

    for (unsigned i = 0; i < 6; i++) {
        estab_time rtt = MS(cases[i].rtt), thresh = MS(cases[i].thresh);
        struct flow f = established_with(BY_SACK, ESTAB_CC_CUBIC, rtt);

        round_of(&f, rtt, 1);
        round_of(&f, rtt, 1);
        /* a millisecond less than it takes, then from there exactly as much */
        assert_in_range(round_of(&f, rtt + thresh - MS(1), 1), 199, 201);
        assert_in_range(round_of(&f, rtt + thresh - MS(1), 1), 199, 201);
        assert_false(is_over(&f));
        done(&f);

        f = established_with(BY_SACK, ESTAB_CC_CUBIC, rtt);
        round_of(&f, rtt, 1);
        round_of(&f, rtt, 1);
        /* the eighth sample of the round makes it known */
        assert_in_range(round_of(&f, rtt + thresh, 1), 124, 150);
        assert_in_range(round_of(&f, rtt + thresh, 1), 124, 126);
        assert_false(is_over(&f));
        done(&f);
    }
}

/* RFC9406-4.2-CSS: five rounds of it, and congestion avoidance begins with ssthresh = cwnd, without a
 * loss; RFC9438-4.10: from where it stands, with K = 0. */
TEST(five_slow_rounds_end_in_congestion_avoidance)
{
    struct flow f = established();
    unsigned rounds = 0;
    uint32_t at_end;

    for (unsigned i = 0; i < 3; i++)
        round_of(&f, MS(100), 1);
    round_of(&f, MS(130), 1);
    /* the round in which it began counts */
    while (!is_over(&f)) {
        assert_true(rounds < 6);
        round_of(&f, MS(130), 1);
        rounds++;
    }
    assert_int_equal(rounds, 5); /* known with the first ACK of the round after the fifth */
    at_end = ssthresh(&f);
    assert_true(cwnd(&f) >= at_end && cwnd(&f) <= at_end + 2 * MSS);
    for (unsigned i = 0; i < 10; i++)
        round_of(&f, MS(130), 1);
    /* t = 1.4 s: 0.4 * 1.4^3 = 1.1 segments by the function, or a segment each round by Reno's */
    assert_in_range(cwnd(&f), at_end + 8 * MSS, at_end + 14 * MSS);
    done(&f);
}

/* RFC9406-4.2-CSS: when the RTT falls below what it was at the beginning of CSS, that was jitter:
 * cwnd doubles again, and CSS may begin again. */
TEST(jitter_does_not_end_slow_start)
{
    struct flow f = established();

    for (unsigned i = 0; i < 3; i++)
        round_of(&f, MS(100), 1);
    round_of(&f, MS(140), 1);
    assert_in_range(round_of(&f, MS(140), 1), 124, 126);
    round_of(&f, MS(100), 1);
    assert_in_range(round_of(&f, MS(100), 1), 199, 201);
    assert_in_range(round_of(&f, MS(100), 1), 199, 201);
    assert_false(is_over(&f));
    round_of(&f, MS(140), 1);
    assert_in_range(round_of(&f, MS(140), 1), 124, 126);
    done(&f);
}

/* RFC9406-4.2-ROUND: a round with fewer than eight samples decides nothing, however long it took. */
TEST(seven_samples_decide_nothing)
{
    struct flow f = established();

    round_of(&f, MS(100), 1); /* 10 samples */
    assert_in_range(round_of(&f, MS(150), 3), 199, 201); /* 20 segments, 7 ACKs */
    done(&f);

    f = established();
    round_of(&f, MS(100), 1);
    assert_in_range(round_of(&f, MS(150), 2), 124, 190); /* 10 ACKs */
    done(&f);
}

/* RFC9406-4.2-L: an ACK of 32 segments adds eight; in CSS two. */
TEST(one_ack_adds_at_most_eight_segments)
{
    struct flow f = established();
    uint32_t before;

    for (unsigned i = 0; i < 3; i++)
        round_of(&f, MS(100), 1);
    fill(&f);
    time_passes(f.p, MS(100));
    before = cwnd(&f);
    ack(&f, 32);
    assert_int_equal(cwnd(&f), before + 8 * MSS);
    ack(&f, 5);
    assert_int_equal(cwnd(&f), before + 13 * MSS);
    done(&f);

    f = established();
    for (unsigned i = 0; i < 3; i++)
        round_of(&f, MS(100), 1);
    round_of(&f, MS(140), 1);
    fill(&f);
    time_passes(f.p, MS(140));
    before = cwnd(&f);
    ack(&f, 32);
    assert_int_equal(cwnd(&f), before + 2 * MSS);
    ack(&f, 4);
    assert_int_equal(cwnd(&f), before + 3 * MSS);
    done(&f);
}

/* RFC9406-4.2-LOSS, RFC9438-4.6: a loss ends slow start and CSS alike, with ssthresh by beta. */
TEST(a_loss_ends_it)
{
    for (unsigned css = 0; css < 2; css++) {
        struct flow f = established();
        uint32_t flight;

        for (unsigned i = 0; i < 3; i++)
            round_of(&f, MS(100), 1);
        if (css)
            round_of(&f, MS(140), 1);
        fill(&f);
        time_passes(f.p, MS(100));
        flight = user_status(f.p).tcb.flight;
        for (unsigned i = 2; i <= 4; i++)
            peer_sends(f.p, .ctl = CTL_ACK, .seq = 101, .ack = T(f.una),
                       .sack = { { T(f.una + 1), T(f.una + i) } });
        peer_forgets(f.p);
        assert_int_equal(ssthresh(&f), flight / 10 * 7);
        done(&f);
    }
}

/* RFC9406-4.3-ONCE: slow start after a timeout is plain: no delay ends it below ssthresh, and an ACK
 * adds one segment at most (RFC3465-2.2). */
TEST(slow_start_after_a_timeout_is_plain)
{
    struct flow f = established();
    uint32_t goal, before;

    for (unsigned i = 0; i < 4; i++)
        round_of(&f, MS(100), 1);
    fill(&f);
    while (cwnd(&f) > MSS)
        time_passes(f.p, MS(100));
    peer_forgets(f.p);
    goal = ssthresh(&f);
    assert_true(goal > 100 * MSS);
    before = cwnd(&f);
    ack(&f, 4);
    assert_int_equal(cwnd(&f), before + MSS);
    ack(&f, user_status(f.p).tcb.flight / MSS);
    for (estab_time rtt = MS(100); cwnd(&f) < goal; rtt += MS(40)) {
        before = cwnd(&f);
        round_of(&f, rtt, 1);
        assert_true(cwnd(&f) >= 2 * before - MSS || cwnd(&f) >= goal);
        assert_int_equal(ssthresh(&f), goal);
    }
    done(&f);
}

/* Without SACK timestamps give the RTT of each ACK; without either there are too few samples, and
 * slow start is as it always was. */
TEST(where_the_samples_come_from)
{
    struct flow f = established_with(BY_TIMESTAMPS, ESTAB_CC_CUBIC, MS(100));

    assert_int_equal(user_status(f.p).mss, MSS);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(round_of(&f, MS(100), 1), 199, 201);
    round_of(&f, MS(140), 1);
    assert_in_range(round_of(&f, MS(140), 1), 124, 126);
    done(&f);

    f = established_with(BLIND, ESTAB_CC_CUBIC, MS(100));
    for (unsigned i = 0; i < 3; i++)
        round_of(&f, MS(100), 1);
    assert_in_range(round_of(&f, MS(150), 1), 199, 201);
    assert_in_range(round_of(&f, MS(180), 1), 199, 201);
    done(&f);
}

/* Reno's slow start does not listen to delay. */
TEST(reno_has_no_hystart)
{
    struct flow f = established_with(BY_SACK, ESTAB_CC_RENO, MS(100));

    for (unsigned i = 0; i < 6; i++)
        assert_in_range(round_of(&f, MS(100 + 40 * i), 1), 199, 201);
    done(&f);
}
