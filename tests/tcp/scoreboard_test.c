/* SPDX-License-Identifier: MIT */
/* The runs of what is on the way, against a map of single octets. */
#include "tcp/scoreboard.h"

#include "harness/test.h"
#include "sim/prng.h"

#include <string.h>

#define SPACE 2048u

/* What the test knows of each octet that was ever sent. */
struct octet {
    uint32_t at;
    bool sent, sacked, lost, again;
};

struct world {
    struct sim_prng prng;
    tcp_seq base; /* of octet 0: near the end of the circle */
    uint32_t una, nxt;
    uint32_t now;
    struct octet map[SPACE];
    struct scoreboard sb[1];
    struct sent_run room[64];
};

static uint32_t
below(struct world *w, uint32_t n)
{
    return (uint32_t)(sim_prng_next(&w->prng) % n);
}

/* The runs cover SND.UNA to SND.NXT without a gap, and their sums are right; with `exact` they also
 * say of each octet what the map says. */
static void
check(const struct world *w, bool exact)
{
    const struct scoreboard *sb = w->sb;
    uint32_t at = w->una, sacked = 0, lost = 0;

    assert_true(sb->n <= sb->max);
    for (uint32_t i = 0; i < sb->n; i++) {
        uint32_t end = sb->run[i].end - w->base;
        uint32_t fate = sb->run[i].fate;

        assert_true(end > at && end <= w->nxt);
        assert_false((fate & RUN_SACKED) && fate != RUN_SACKED);
        sacked += fate & RUN_SACKED ? end - at : 0;
        lost += fate & RUN_LOST ? end - at : 0;
        for (; at < end; at++) {
            const struct octet *o = &w->map[at];

            if (!exact) {
                /* when it is full, only this: nothing is called SACKED that is not, and no time is
                 * too early */
                assert_true(!(fate & RUN_SACKED) || o->sacked);
                assert_true((fate & RUN_SACKED) || o->sacked || (int32_t)(sb->run[i].at - o->at) >= 0);
                continue;
            }
            assert_int_equal(!!(fate & RUN_SACKED), o->sacked);
            assert_int_equal(!!(fate & RUN_LOST), o->lost);
            if (!o->sacked)
                assert_int_equal(sb->run[i].at, o->at);
            if (!o->sacked)
                assert_int_equal(!!(fate & RUN_AGAIN), o->again);
        }
    }
    assert_int_equal(at, w->nxt);
    assert_int_equal(sb->sacked, sacked);
    assert_int_equal(sb->lost, lost);
}

static void
send_new(struct world *w, uint32_t len)
{
    if (w->nxt + len > SPACE)
        return;
    for (uint32_t i = 0; i < len; i++)
        w->map[w->nxt + i] = (struct octet){ .at = w->now, .sent = true };
    w->nxt += len;
    estab_scoreboard_sent(w->sb, w->base + w->una, w->base + w->nxt, w->now, 0);
}

static void
send_again(struct world *w, uint32_t left, uint32_t right)
{
    for (uint32_t i = left; i < right; i++) {
        if (w->map[i].sacked)
            continue;
        w->map[i].at = w->now;
        w->map[i].again = true;
        w->map[i].lost = false;
    }
    estab_scoreboard_sent_again(w->sb, w->base + w->una, w->base + left, w->base + right, w->now);
}

static void
sack(struct world *w, uint32_t left, uint32_t right, bool exact)
{
    struct delivered d = { 0 };
    uint32_t fresh = 0, low = UINT32_MAX;
    bool once = false, again = false, said;

    for (uint32_t i = left; i < right; i++) {
        struct octet *o = &w->map[i];

        if (o->sacked)
            continue;
        fresh++;
        once |= !o->again;
        again |= o->again;
        if (!o->again && low == UINT32_MAX)
            low = i;
        o->sacked = true;
        o->lost = false;
    }
    said = estab_scoreboard_sacked(w->sb, w->base + w->una, w->base + left, w->base + right, &d);
    if (!exact) {
        assert_true(d.octets <= right - left);
        return;
    }
    assert_int_equal(d.octets, fresh);
    assert_int_equal(said, fresh > 0);
    assert_int_equal(d.once, once);
    assert_int_equal(d.again, again);
    if (once)
        assert_true(d.once_lowest_end - w->base > low);
}

static void
ack(struct world *w, uint32_t una, bool exact)
{
    struct delivered d = { 0 };
    uint32_t fresh = 0;

    for (uint32_t i = w->una; i < una; i++)
        fresh += !w->map[i].sacked;
    estab_scoreboard_acked(w->sb, w->base + w->una, w->base + una, &d);
    if (exact)
        assert_int_equal(d.octets, fresh);
    else
        assert_true(d.octets >= fresh && d.octets <= una - w->una);
    w->una = una;
}

static void
lose(struct world *w)
{
    struct scoreboard *sb = w->sb;
    uint32_t i;

    if (sb->n == 0)
        return;
    i = below(w, sb->n);
    if (sb->run[i].fate & (RUN_SACKED | RUN_LOST))
        return;
    for (uint32_t at = run_start(sb, w->base + w->una, i) - w->base; at < sb->run[i].end - w->base; at++)
        w->map[at].lost = true;
    estab_scoreboard_mark_lost(sb, w->base + w->una, i);
}

static void
play(uint64_t seed, uint32_t runs, uint32_t steps, bool exact)
{
    struct world w = { .base = 0xfffffe00, .now = 0xffffff00 };

    sim_prng_seed(&w.prng, seed);
    estab_scoreboard_init(w.sb, w.room, runs);
    for (uint32_t step = 0; step < steps; step++) {
        uint32_t flight = w.nxt - w.una;
        uint32_t left = w.una + (flight > 0 ? below(&w, flight) : 0);
        uint32_t right = left + 1 + (flight > 0 ? below(&w, w.nxt - left) : 0);

        w.now += below(&w, 3);
        switch (below(&w, flight > 0 ? 8 : 1)) {
        case 0:
        case 1:
            send_new(&w, 1 + below(&w, 30));
            break;
        case 2:
        case 3:
            sack(&w, left, right, exact);
            break;
        case 4:
            send_again(&w, left, right);
            break;
        case 5:
        case 6:
            lose(&w);
            break;
        default:
            if (below(&w, 4) == 0)
                ack(&w, left, exact);
            break;
        }
        check(&w, exact);
    }
}

TEST(the_runs_say_of_every_octet_what_a_map_of_octets_says)
{
    /* at most 60 steps, each making at most two runs more than there were: never full */
    for (uint64_t seed = 1; seed <= 3000; seed++)
        play(seed, 64, 30, true);
}

TEST(a_full_board_never_calls_an_octet_sacked_that_is_not)
{
    for (uint64_t seed = 1; seed <= 3000; seed++)
        play(seed, 6, 200, false);
}

TEST(what_is_sent_within_the_grain_shares_a_run)
{
    struct world w = { .base = 5 };
    struct scoreboard *sb = w.sb;

    estab_scoreboard_init(sb, w.room, 64);
    estab_scoreboard_sent(sb, 5, 105, 1000, 10);
    estab_scoreboard_sent(sb, 5, 205, 1010, 10);
    assert_int_equal(sb->n, 1);
    assert_int_equal(sb->run[0].at, 1010);
    estab_scoreboard_sent(sb, 5, 305, 1021, 10);
    assert_int_equal(sb->n, 2);
}

/* RFC8985-4.2: a steady stream, each segment close behind the one before, is no one run: no octet's
 * time is later than it was sent by more than the grain, or RTT samples would tend to nothing. */
TEST(a_steady_stream_keeps_its_times)
{
    struct sent_run room[64];
    struct scoreboard sb;
    uint32_t first = 7;

    estab_scoreboard_init(&sb, room, 64);
    for (uint32_t i = 0; i < 100; i++)
        estab_scoreboard_sent(&sb, 1000, 1000 + (i + 1) * 10, first + i * 1000, 10000);
    assert_in_range(sb.n, 9, 20);
    for (uint32_t i = 0, run = 0; i < 100; i++) {
        if (sb.run[run].end == 1000 + i * 10)
            run++;
        assert_in_range(sb.run[run].at - (first + i * 1000), 0, 10000);
    }
}

/* RFC8985-6.2-5: what is sent again between two new segments stands between their times, so no run
 * holds both: the arrival of the first would prove the copy lost. */
TEST(what_is_sent_again_ends_the_run)
{
    struct world w = { .base = 5 };
    struct scoreboard *sb = w.sb;

    estab_scoreboard_init(sb, w.room, 64);
    estab_scoreboard_sent(sb, 5, 105, 1000, 0);
    estab_scoreboard_sent(sb, 5, 205, 2000, 10);
    estab_scoreboard_sent_again(sb, 5, 5, 105, 2003);
    estab_scoreboard_sent(sb, 5, 305, 2006, 10);
    estab_scoreboard_sent(sb, 5, 405, 2009, 10);
    assert_int_equal(sb->n, 3);
    assert_int_equal(sb->run[0].at, 2003);
    assert_int_equal(sb->run[1].at, 2000);
    assert_int_equal(sb->run[2].at, 2009);
    assert_int_equal(sb->run[2].end, 405);
}

TEST(the_first_lost_run_is_the_lowest)
{
    struct world w = { .base = 0 };
    struct scoreboard *sb = w.sb;
    struct delivered d = { 0 };
    tcp_seq left, right;

    estab_scoreboard_init(sb, w.room, 64);
    estab_scoreboard_sent(sb, 0, 1000, 1, 0);
    assert_false(estab_scoreboard_first_lost(sb, 0, 1000, &left, &right));
    assert_true(estab_scoreboard_sacked(sb, 0, 300, 400, &d));
    assert_true(estab_scoreboard_sacked(sb, 0, 600, 700, &d));
    assert_false(estab_scoreboard_sacked(sb, 0, 600, 700, &d));
    estab_scoreboard_mark_lost(sb, 0, 2); /* 400 to 600 */
    estab_scoreboard_mark_lost(sb, 0, 0);
    assert_true(estab_scoreboard_first_lost(sb, 0, 1000, &left, &right));
    assert_int_equal(left, 0);
    assert_int_equal(right, 600); /* both, with what is SACKed between them */
    assert_true(estab_scoreboard_first_lost(sb, 0, 300, &left, &right));
    assert_int_equal(right, 300);
    assert_true(estab_scoreboard_first_lost(sb, 0, 450, &left, &right));
    assert_int_equal(right, 450);
    estab_scoreboard_sent_again(sb, 0, 0, 300, 9);
    assert_true(estab_scoreboard_first_lost(sb, 0, 1000, &left, &right));
    assert_int_equal(left, 400);
    assert_int_equal(right, 600);
}

/* RFC 2018 §8: the peer may go back on what it has SACKed. */
TEST(forgotten_sacks_leave_nothing_sacked)
{
    struct world w = { .base = 0 };
    struct scoreboard *sb = w.sb;
    struct delivered d = { 0 };

    estab_scoreboard_init(sb, w.room, 64);
    estab_scoreboard_sent(sb, 0, 1000, 1, 0);
    assert_true(estab_scoreboard_sacked(sb, 0, 300, 400, &d));
    assert_int_equal(sb->sacked, 100);
    estab_scoreboard_forget_sacks(sb);
    assert_int_equal(sb->sacked, 0);
    d = (struct delivered){ 0 };
    assert_true(estab_scoreboard_sacked(sb, 0, 300, 400, &d));
    assert_int_equal(d.octets, 100);
}
