/* SPDX-License-Identifier: MIT */
/* The neighbour cache by itself: the states of RFC 4861 §7.3 and the limits of RFC 6583. */
#include "ip/neighbour.h"

#include "base/bytes.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t mac1[6] = { 2, 0, 0, 0, 0, 1 }, mac2[6] = { 2, 0, 0, 0, 0, 2 };

struct cache {
    struct arena arena;
    struct chunks chunks;
    struct neighbours t;
    estab_time now;
};

static void *
get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
put(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

static void
init(struct cache *c, uint32_t resolved, uint32_t unresolved)
{
    struct estab_alloc alloc = { get, put, NULL };

    c->now = ESTAB_SEC(1);
    estab_arena_init(&c->arena, &alloc, 1 << 20);
    estab_chunks_init(&c->chunks, &c->arena);
    assert_true(estab_neigh_init(&c->t, &c->arena, &c->chunks,
                                 (struct neigh_limits){ resolved, unresolved, 65536 },
                                 (struct siphash_key){ 1, 2 }));
}

static void
fini(struct cache *c)
{
    estab_neigh_fini(&c->t);
    estab_chunks_fini(&c->chunks);
    assert_int_equal(c->arena.taken, 0);
}

/* The n-th address. */
static const uint8_t *
at(uint32_t n)
{
    static uint8_t a[4][16];
    static unsigned turn;
    uint8_t *p = a[turn++ % 4];

    memset(p, 0, 16);
    p[0] = 0x20;
    put_be32(p + 12, n);
    return p;
}

static enum neigh_answer
use(struct cache *c, uint32_t n)
{
    struct neighbour *found;

    return estab_neigh_use(&c->t, 1, at(n), 16, c->now, &found);
}

static struct neighbour *
find(struct cache *c, uint32_t n)
{
    return estab_neigh_find(&c->t, 1, at(n), 16);
}

/* What is due up to then, as letters: A ask all, O ask one, G gave up, L lost. */
static const char *
pass(struct cache *c, estab_time how_long)
{
    static char said[64];
    static const char letter[] = "AOGL";
    estab_time end = c->now + how_long;
    unsigned n = 0;

    for (;;) {
        struct neighbour *who;
        enum neigh_due due;

        while ((who = estab_neigh_expire(&c->t, c->now, &due)) != NULL) {
            assert_true(n < sizeof(said) - 1);
            said[n++] = letter[due];
            if (due == NEIGH_LOST)
                estab_neigh_forget(&c->t, who);
        }
        if (estab_wheel_deadline(&c->t.wheel) > end)
            break;
        if (estab_wheel_deadline(&c->t.wheel) > c->now)
            c->now = estab_wheel_deadline(&c->t.wheel);
    }
    c->now = end;
    said[n] = '\0';
    return said;
}

static bool
answer(struct cache *c, uint32_t n, const uint8_t *mac, bool solicited)
{
    bool taken;

    return estab_neigh_advert(&c->t, find(c, n), mac, solicited, true, false, c->now, &taken);
}

/* RFC4861-7.2.2: RFC 4861 §7.2.2, and the second of silence that RFC 1122 §2.3.2.1 asks for. */
TEST(three_questions_then_silence_then_it_may_be_asked_again)
{
    struct cache c;

    init(&c, 8, 8);
    assert_int_equal(use(&c, 1), NEIGH_WAIT);
    assert_string_equal(pass(&c, ESTAB_MS(2999)), "AAA");
    assert_int_equal(use(&c, 1), NEIGH_WAIT);
    assert_string_equal(pass(&c, ESTAB_MS(1)), "G");
    assert_int_equal(use(&c, 1), NEIGH_NOBODY);
    assert_string_equal(pass(&c, ESTAB_MS(999)), "");
    assert_int_equal(use(&c, 1), NEIGH_NOBODY);
    assert_string_equal(pass(&c, ESTAB_MS(1)), "");
    assert_null(find(&c, 1));
    assert_int_equal(use(&c, 1), NEIGH_WAIT);
    fini(&c);
}

/* RFC4861-7.3: RFC 4861 §7.3.3: REACHABLE, STALE, DELAY, PROBE, and gone. */
TEST(an_entry_grows_old_and_is_asked_alone_only_when_it_is_used)
{
    struct cache c;

    init(&c, 8, 8);
    (void)use(&c, 1);
    (void)pass(&c, 0);
    assert_true(answer(&c, 1, mac1, true));
    assert_int_equal(find(&c, 1)->state, NEIGH_REACHABLE);
    assert_string_equal(pass(&c, ESTAB_SEC(14)), ""); /* 0.5 to 1.5 of 30 s */
    assert_int_equal(find(&c, 1)->state, NEIGH_REACHABLE);
    assert_string_equal(pass(&c, ESTAB_SEC(32)), "");
    assert_int_equal(find(&c, 1)->state, NEIGH_STALE);
    assert_string_equal(pass(&c, ESTAB_SEC(86400)), "");
    assert_int_equal(use(&c, 1), NEIGH_SEND);
    assert_int_equal(find(&c, 1)->state, NEIGH_DELAY);
    assert_string_equal(pass(&c, ESTAB_MS(4999)), "");
    assert_string_equal(pass(&c, ESTAB_MS(1)), "O");
    assert_int_equal(find(&c, 1)->state, NEIGH_PROBE);
    assert_int_equal(use(&c, 1), NEIGH_SEND); /* meanwhile packets go on */
    assert_string_equal(pass(&c, ESTAB_SEC(3)), "OOL");
    assert_null(find(&c, 1));
    fini(&c);
}

TEST(an_answer_in_probe_or_progress_above_makes_it_reachable)
{
    for (unsigned how = 0; how < 2; how++) {
        struct cache c;

        init(&c, 8, 8);
        (void)use(&c, 1);
        (void)pass(&c, 0);
        (void)answer(&c, 1, mac1, true);
        (void)pass(&c, ESTAB_SEC(60));
        (void)use(&c, 1);
        if (how == 0) {
            assert_string_equal(pass(&c, ESTAB_SEC(5)), "O");
            assert_false(answer(&c, 1, mac1, true)); /* nothing waited */
        } else {
            estab_neigh_confirm(&c.t, find(&c, 1), c.now);
        }
        assert_int_equal(find(&c, 1)->state, NEIGH_REACHABLE);
        assert_string_equal(pass(&c, ESTAB_SEC(10)), "");
        fini(&c);
    }
}

/* RFC 4861 §6.3.2: the time differs from entry to entry and from proof to proof. */
TEST(reachable_times_lie_between_half_and_one_and_a_half_of_the_base)
{
    struct cache c;
    estab_time least = ESTAB_NEVER, most = 0;

    init(&c, 256, 256);
    for (uint32_t i = 0; i < 200; i++) {
        estab_time lasts;

        (void)use(&c, i);
        (void)pass(&c, 0);
        (void)answer(&c, i, mac1, true);
        lasts = find(&c, i)->timer.at - c.now;
        assert_true(lasts >= ESTAB_SEC(15) && lasts <= ESTAB_SEC(45));
        least = lasts < least ? lasts : least;
        most = lasts > most ? lasts : most;
    }
    assert_true(least < ESTAB_SEC(18) && most > ESTAB_SEC(42));
    fini(&c);
}

/* RFC6583-NDCACHE: RFC 6583 §6: a scan of the prefix costs the limit of the unresolved and not one known neighbour.
 * vuln: ND cache exhaustion */
TEST(a_scan_fills_only_the_places_of_the_unresolved)
{
    struct cache c;

    init(&c, 16, 8);
    for (uint32_t i = 0; i < 16; i++) {
        (void)use(&c, i);
        (void)pass(&c, 0);
        assert_true(answer(&c, i, mac1, true));
    }
    for (uint32_t i = 1000; i < 200000; i++) {
        assert_int_equal(use(&c, i), NEIGH_WAIT);
        assert_true(c.t.unresolved_n <= 8 && c.t.pool.lent <= 24);
    }
    /* the oldest have made room for the newest */
    assert_null(find(&c, 1000));
    assert_non_null(find(&c, 199999));
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(use(&c, i), NEIGH_SEND);
    fini(&c);
}

TEST(an_entry_for_which_a_connection_waits_makes_no_room)
{
    struct cache c;
    struct link conn[4];

    init(&c, 4, 4);
    for (uint32_t i = 0; i < 4; i++) {
        (void)use(&c, i);
        list_append(&find(&c, i)->parked, &conn[i]);
    }
    assert_int_equal(use(&c, 99), NEIGH_NOBODY);
    assert_int_equal(c.t.refused, 1);
    list_remove(&conn[2]);
    assert_int_equal(use(&c, 99), NEIGH_WAIT);
    assert_null(find(&c, 2));
    for (uint32_t i = 0; i < 4; i++)
        if (i != 2)
            list_remove(&conn[i]);
    fini(&c);
}

/* Who only speaks takes no place from who is used. */
TEST(what_is_only_heard_goes_first_and_pushes_out_nobody)
{
    struct cache c;
    struct neighbour *n;

    init(&c, 4, 4);
    for (uint32_t i = 0; i < 3; i++) {
        (void)use(&c, i);
        (void)pass(&c, 0);
        (void)answer(&c, i, mac1, true);
        (void)use(&c, i);
    }
    for (uint32_t i = 100; i < 1000; i++)
        assert_false(estab_neigh_learn(&c.t, 1, at(i), mac2, c.now, &n));
    for (uint32_t i = 0; i < 3; i++)
        assert_non_null(find(&c, i));
    assert_int_equal(c.t.resolved_n, 4);
    (void)use(&c, 999);
    (void)estab_neigh_learn(&c.t, 1, at(2000), mac2, c.now, &n);
    assert_null(n);
    fini(&c);
}

TEST(the_one_used_longest_ago_makes_room_and_a_fixed_one_never)
{
    struct cache c;

    init(&c, 3, 3);
    assert_non_null(estab_neigh_set(&c.t, 1, at(0), 16, mac2, c.now));
    for (uint32_t i = 1; i < 3; i++) {
        (void)use(&c, i);
        (void)pass(&c, 0);
        (void)answer(&c, i, mac1, true);
        (void)use(&c, i);
    }
    (void)use(&c, 1); /* so 2 is the oldest */
    (void)use(&c, 7);
    (void)pass(&c, 0);
    assert_true(answer(&c, 7, mac1, true));
    assert_null(find(&c, 2));
    assert_non_null(find(&c, 0));
    assert_non_null(find(&c, 1));
    fini(&c);
}

/* ARP: an answer is believed to a question; a claim only makes us ask. RFC 826. */
TEST(arp_takes_answers_and_only_doubts_on_claims)
{
    struct cache c;
    bool taken;

    init(&c, 4, 4);
    (void)use(&c, 1);
    (void)pass(&c, 0);
    assert_false(estab_neigh_arp(&c.t, find(&c, 1), mac1, false, c.now, &taken));
    assert_false(taken);
    assert_true(estab_neigh_arp(&c.t, find(&c, 1), mac1, true, c.now, &taken));
    assert_false(estab_neigh_arp(&c.t, find(&c, 1), mac2, true, c.now, &taken));
    assert_false(taken);
    assert_memory_equal(find(&c, 1)->mac, mac1, 6);
    assert_int_equal(find(&c, 1)->state, NEIGH_PROBE);
    assert_string_equal(pass(&c, 0), "O");
    /* the liar answers the question that was for the owner: still nothing */
    assert_false(estab_neigh_arp(&c.t, find(&c, 1), mac2, true, c.now, &taken));
    assert_memory_equal(find(&c, 1)->mac, mac1, 6);
    assert_false(estab_neigh_arp(&c.t, find(&c, 1), mac1, true, c.now, &taken));
    assert_int_equal(find(&c, 1)->state, NEIGH_REACHABLE);
    fini(&c);
}
