/* SPDX-License-Identifier: MIT */
/* Congestion window validation, RFC 7661: what becomes of a window that is not used. */
#include "harness/segments.h"

struct flow {
    struct peer *p;
    uint32_t una; /* segments acknowledged, all that were sent */
};

static struct flow
flow_with(uint8_t cc, bool on, struct step syn)
{
    struct estab_config cfg = peer_config(NULL);

    cfg.cwnd_validation = on;
    cfg.tcp.cc = cc;
    cfg.tcp.send_buffer_max = 1 << 22;
    cfg.memory_budget = 1 << 24;
    syn.mss = MSS;
    syn.ws = 8;
    return (struct flow){ .p = peer_after_one_rtt(&cfg, syn) };
}

/* The user gives `n` segments, a round trip later all that have left are acknowledged one by one, and
 * so on until none is left. */
static void
burst(struct flow *f, uint32_t n)
{
    assert_int_equal(user_sends(f->p, n * MSS), n * MSS);
    for (unsigned rounds = 0; user_status(f->p).tcb.flight > 0 && rounds < 100; rounds++) {
        uint32_t out;

        time_passes(f->p, RTT);
        for (out = user_status(f->p).tcb.flight / MSS; out > 0; out--)
            peer_acks(f->p, ++f->una);
        peer_forgets(f->p);
    }
    assert_int_equal(user_status(f->p).tcb.flight, 0);
}

/* A window of `n` segments and some more, used up. */
static struct flow
flow_grown_to(uint32_t n, uint8_t cc, bool on, struct step syn)
{
    struct flow f = flow_with(cc, on, syn);

    while (cwnd(f.p) < n * MSS)
        burst(&f, cwnd(f.p) / MSS);
    return f;
}

static struct flow
grown(void)
{
    return flow_grown_to(80, ESTAB_CC_RENO, true, (struct step){ 0 });
}

static struct flow
grown_with_sack(void)
{
    return flow_grown_to(80, ESTAB_CC_RENO, true, (struct step){ .sackok = true });
}

/* RFC7661-4: a window that was used is still there after an idle time, where the restart window of
 * RFC 5681 §4.1 would have taken it. */
TEST(an_idle_time_takes_nothing)
{
    for (unsigned on = 0; on <= 1; on++) {
        struct flow f = flow_grown_to(80, ESTAB_CC_RENO, on, (struct step){ 0 });
        uint32_t before = cwnd(f.p);

        time_passes(f.p, SEC(299));
        user_sends(f.p, MSS);
        assert_int_equal(cwnd(f.p), on ? before : 10 * MSS);
        peer_done_quietly(f.p);
    }
}

/* RFC 7661 §4.4.2: what may leave then leaves over a round trip, and not at once; without an idle
 * time it does, for then the window is validated. */
TEST(after_an_idle_time_text_is_paced)
{
    struct flow f = grown();
    uint32_t n = cwnd(f.p) / MSS;

    user_sends(f.p, n * MSS);
    assert_int_equal(f.p->n, n);
    time_passes(f.p, RTT);
    peer_acks(f.p, f.una += n);
    peer_forgets(f.p);

    time_passes(f.p, SEC(5));
    n = cwnd(f.p) / MSS;
    user_sends(f.p, n * MSS);
    assert_in_range(f.p->n, 2, 4);
    time_passes(f.p, MS(50));
    assert_in_range(f.p->n, n / 3, n * 3 / 4);
    time_passes(f.p, MS(50));
    assert_int_equal(f.p->n, n);
    peer_done_quietly(f.p);
}

/* RFC7661-4: not used up, it does not grow; neither by a burst of more than half of it, until that is
 * acknowledged and has validated it. */
TEST(a_window_that_is_not_validated_does_not_grow)
{
    struct flow f = grown();
    uint32_t before = cwnd(f.p);

    time_passes(f.p, SEC(2));
    for (unsigned i = 0; i < 100; i++) {
        burst(&f, 10);
        time_passes(f.p, MS(100));
    }
    assert_int_equal(cwnd(f.p), before);
    user_sends(f.p, before / 8 * 5);
    time_passes(f.p, RTT);
    while (user_status(f.p).tcb.flight > 2 * MSS) {
        peer_acks(f.p, ++f.una);
        assert_int_equal(cwnd(f.p), before);
    }
    peer_sends(f.p, .ctl = CTL_ACK, .seq = 101, .ack = T(f.una) + user_status(f.p).tcb.flight);
    peer_forgets(f.p);
    before = cwnd(f.p);
    user_sends(f.p, before / 8 * 5 / MSS * MSS);
    time_passes(f.p, RTT);
    peer_sends(f.p, .ctl = CTL_ACK, .seq = 101,
               .ack = ISS + 1 + (user_status(f.p).tcb.snd_nxt - user_status(f.p).tcb.iss - 1));
    assert_true(cwnd(f.p) > before);
    peer_done_quietly(f.p);
}

/* RFC 7661 §4.4, §4.5.3: who uses up a window that is not validated may have more. */
TEST(a_window_that_is_used_up_grows)
{
    struct flow f = grown();
    uint32_t before = cwnd(f.p);

    time_passes(f.p, SEC(10));
    user_sends(f.p, 2 * before);
    time_passes(f.p, RTT);
    assert_int_equal(user_status(f.p).tcb.flight / MSS, before / MSS);
    peer_acks(f.p, f.una + 2);
    assert_int_equal(cwnd(f.p), before + 2 * MSS);
    peer_done_quietly(f.p);
}

/* RFC7661-4, §4.4.3: five minutes without a use of half of it halve it, and ssthresh remembers three
 * quarters; never below the initial window. */
TEST(five_minutes_without_use_halve_it)
{
    struct flow f = grown();
    uint32_t before;

    /* a ssthresh that has a value: a loss, and back */
    user_sends(f.p, cwnd(f.p));
    for (unsigned i = 0; i < 3; i++)
        peer_acks(f.p, f.una);
    time_passes(f.p, RTT);
    f.una += user_status(f.p).tcb.flight / MSS;
    peer_acks(f.p, f.una);
    peer_forgets(f.p);
    while (cwnd(f.p) < 80 * MSS)
        burst(&f, cwnd(f.p) / MSS);
    before = cwnd(f.p);
    assert_true(ssthresh(f.p) < 3 * before / 4);

    for (unsigned s = 0; s < 302; s += 2) {
        assert_int_equal(cwnd(f.p), before);
        burst(&f, 4);
        time_passes(f.p, MS(1900));
    }
    burst(&f, 4);
    assert_int_equal(cwnd(f.p), before / 2);
    assert_int_equal(ssthresh(f.p), 3 * (uint64_t)before / 4);
    assert_int_equal(recoveries(f.p, ESTAB_RECOVERY_UNUSED), 1);

    /* and idle: one for each period, down to the initial window */
    time_passes(f.p, SEC(298));
    burst(&f, 1);
    assert_int_equal(cwnd(f.p), before / 4);
    time_passes(f.p, SEC(3000));
    burst(&f, 1);
    assert_int_equal(cwnd(f.p), 10 * MSS);
    assert_int_equal(recoveries(f.p, ESTAB_RECOVERY_UNUSED), 3);
    peer_done_quietly(f.p);
}

/* The user sends `n` segments of which the first `lost` do not arrive. */
static void
loses(struct flow *f, uint32_t n, uint32_t lost)
{
    user_sends(f->p, n * MSS);
    time_passes(f->p, RTT);
    peer_forgets(f->p);
    for (uint32_t i = lost + 1; i <= n; i++)
        peer_sacks(f->p, f->una, { T(f->una + lost), T(f->una + i) });
}

/* What was lost arrives as it is sent again, but for the last. */
static void
repairs(struct flow *f, uint32_t lost)
{
    uint32_t again = 0;

    for (;;) {
        again += f->p->n;
        peer_forgets(f->p);
        time_passes(f->p, RTT);
        if (again == lost)
            return;
        peer_acks(f->p, f->una + again);
        assert_true(f->p->n > 0);
    }
}

/* RFC 7661 §4.4.1: a loss while the window is not validated: half of what was used, in the sampling
 * period or by what is out, and after the repair less by what had to be sent again. */
TEST(a_loss_counts_from_what_was_used)
{
    for (unsigned lost = 1; lost <= 7; lost += 6) {
        struct flow f = grown_with_sack();

        time_passes(f.p, SEC(2));
        burst(&f, 20); /* pipeACK */
        loses(&f, 12, lost);
        assert_int_equal(ssthresh(f.p), 20 * MSS / 2);
        repairs(&f, lost);
        peer_acks(f.p, f.una + 12);
        assert_int_equal(cwnd(f.p), (20 - lost) * MSS / 2);
        assert_int_equal(ssthresh(f.p), (20 - lost) * MSS / 2);
        peer_done_quietly(f.p);
    }
}

/* The same: beyond the sampling period of a second pipeACK is forgotten, and LossFlightSize counts;
 * it counts too where it is the larger. */
TEST(samples_are_forgotten_after_the_sampling_period)
{
    for (unsigned i = 0; i <= 1; i++) {
        struct flow f = grown_with_sack();

        time_passes(f.p, SEC(2));
        burst(&f, 30);
        time_passes(f.p, i == 0 ? MS(400) : SEC(2));
        loses(&f, 16, 1);
        assert_int_equal(ssthresh(f.p), i == 0 ? 15 * MSS : 8 * MSS);
        peer_done_quietly(f.p);
    }
}

/* RFC 7661 §4.3: validated, a loss is a loss as ever: half the flight, nothing off for R; and so it is
 * after a recovery, for pipeACK is undefined then. */
TEST(a_validated_window_is_halved_as_ever)
{
    struct flow f = grown_with_sack();
    uint32_t n = cwnd(f.p) / MSS;

    loses(&f, n, 10);
    assert_int_equal(ssthresh(f.p), n * MSS / 2);
    repairs(&f, 10);
    peer_acks(f.p, f.una += n);
    assert_int_equal(cwnd(f.p), ssthresh(f.p));
    peer_forgets(f.p);
    loses(&f, 16, 4); /* no sample yet: not a sixteenth of it, and yet validated */
    assert_int_equal(ssthresh(f.p), 8 * MSS);
    time_passes(f.p, RTT);
    peer_acks(f.p, f.una + 16);
    assert_int_equal(cwnd(f.p), 8 * MSS);
    peer_done_quietly(f.p);
}

/* RFC 7661 §4.4: a timeout is answered in the standard way, and ends the phase. */
TEST(a_timeout_is_answered_as_ever)
{
    struct flow f = grown();

    time_passes(f.p, SEC(2));
    burst(&f, 30);
    user_sends(f.p, 8 * MSS);
    while (cwnd(f.p) > MSS)
        time_passes(f.p, MS(100));
    assert_int_equal(ssthresh(f.p), 4 * MSS);
    peer_done_quietly(f.p);
}

/* The same without SACK: NewReno's recovery ends at (pipeACK - R) / 2. */
TEST(new_reno_counts_what_it_sends_again)
{
    struct flow f = grown();

    time_passes(f.p, SEC(2));
    burst(&f, 20);
    user_sends(f.p, 12 * MSS);
    time_passes(f.p, RTT);
    for (unsigned i = 0; i < 9; i++)
        peer_acks(f.p, f.una);
    assert_int_equal(ssthresh(f.p), 10 * MSS);
    peer_acks(f.p, f.una + 3); /* a partial ACK: another hole */
    user_sends(f.p, 20 * MSS);
    time_passes(f.p, RTT);
    peer_acks(f.p, f.una + 12);
    assert_int_equal(ssthresh(f.p), (20 - 2) * MSS / 2);
    assert_true(cwnd(f.p) <= (20 - 2) * MSS / 2);
    peer_done_quietly(f.p);
}

/* RFC 7661 §4.4.1: a mark is congestion too. */
TEST(a_mark_counts_from_what_was_used)
{
    struct flow f =
        flow_grown_to(80, ESTAB_CC_RENO, true, (struct step){ .ctl = CTL_ECE | CTL_CWR });

    time_passes(f.p, SEC(2));
    burst(&f, 20);
    user_sends(f.p, 12 * MSS);
    time_passes(f.p, RTT);
    peer_sends(f.p, .ctl = CTL_ACK | CTL_ECE, .seq = 101, .ack = T(f.una + 12));
    assert_int_equal(cwnd(f.p), 10 * MSS);
    assert_int_equal(ssthresh(f.p), 10 * MSS);
    peer_done_quietly(f.p);
}

/* CUBIC does not go back to a window that nobody used: W_max is what was used. */
TEST(cubic_aims_at_what_was_used)
{
    struct flow f = flow_grown_to(80, ESTAB_CC_CUBIC, true, (struct step){ .sackok = true });

    time_passes(f.p, SEC(2));
    burst(&f, 20);
    loses(&f, 12, 1);
    assert_int_equal(ssthresh(f.p), 20 * MSS / 2);
    time_passes(f.p, RTT);
    peer_acks(f.p, f.una += 12);
    for (unsigned i = 0; i < 20; i++)
        burst(&f, cwnd(f.p) / MSS);
    assert_in_range(cwnd(f.p), 15 * MSS, 40 * MSS);
    peer_done_quietly(f.p);
}

/* A reduction that was wrong is undone, and then nothing is known of the use: validated. */
TEST(an_undone_reduction_gives_the_window_back)
{
    struct flow f = grown_with_sack();

    time_passes(f.p, SEC(2));
    burst(&f, 20);
    loses(&f, 20, 1);
    assert_int_equal(ssthresh(f.p), 10 * MSS);
    peer_sends(f.p, .ctl = CTL_ACK, .seq = 101, .ack = T(f.una + 20),
               .sack = { { T(f.una), T(f.una + 1) } });
    assert_int_equal(recoveries(f.p, ESTAB_RECOVERY_UNDONE_DSACK), 1);
    assert_true(ssthresh(f.p) > 80 * MSS);
    peer_done_quietly(f.p);
}

/* Without memory for its record RFC 5681 §4.1 is what holds. */
TEST(without_memory_the_restart_window_holds)
{
    struct flow f = flow_with(ESTAB_CC_RENO, true, (struct step){ 0 });

    burst(&f, 1); /* memory for the buffer stays with the host */
    f.p->fail_at = f.p->gets + 1;
    burst(&f, 10);
    while (cwnd(f.p) < 16 * MSS)
        burst(&f, cwnd(f.p) / MSS);
    time_passes(f.p, SEC(10));
    user_sends(f.p, MSS);
    assert_int_equal(cwnd(f.p), 10 * MSS);
    peer_done_quietly(f.p);
}
