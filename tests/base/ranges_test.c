/* SPDX-License-Identifier: MIT */
/* The list of ranges against a map of single octets. */
#include "base/ranges.h"

#include "harness/test.h"
#include "sim/prng.h"

#include <string.h>

#define SPACE 256u
#define RANGES_MAX 32u
#define SIZE (sizeof(struct ranges) + RANGES_MAX * sizeof(struct range))

/* A list of 32, in memory of its own. */
union list {
    struct ranges rs;
    uint8_t memory[SIZE];
};

static struct ranges *
list(union list *l)
{
    memset(l, 0, sizeof(*l));
    estab_ranges_init(&l->rs, SIZE);
    assert_int_equal(l->rs.max, RANGES_MAX);
    return &l->rs;
}

static void
add(struct ranges *rs, uint32_t left, uint32_t right)
{
    assert_true(estab_ranges_can_add(rs, left, right));
    assert_true(estab_ranges_add(rs, left, right));
}

/* Ascending, not empty, and no two of them overlap or touch. */
static void
check_shape(const struct ranges *rs)
{
    uint32_t total = 0;

    assert_true(rs->n <= RANGES_MAX && rs->first + rs->n <= rs->max);
    for (uint32_t i = 0; i < rs->n; i++) {
        struct range r = ranges_at(rs, i);

        assert_true(r.left < r.right);
        if (i > 0)
            assert_true(ranges_at(rs, i - 1).right < r.left);
        total += r.right - r.left;
    }
    assert_int_equal(rs->total, total);
}

static void
check_map(const struct ranges *rs, const bool *map)
{
    uint32_t total = 0, end = 0, i = 0;

    check_shape(rs);
    for (uint32_t at = 0; at < SPACE; at++) {
        while (i < rs->n && ranges_at(rs, i).right <= at)
            i++;
        assert_int_equal(map[at], i < rs->n && ranges_at(rs, i).left <= at);
        total += map[at];
        if (map[at])
            end = at + 1;
    }
    assert_int_equal(rs->total, total);
    assert_int_equal(ranges_end(rs), end);
}

static void
check_overlap(const struct ranges *rs, const bool *map, uint32_t left, uint32_t right)
{
    uint32_t l = left, r, overlap_left = 0, overlap_right = 0;
    bool found = estab_ranges_overlap(rs, left, right, &overlap_left, &overlap_right);

    while (l < right && !map[l])
        l++;
    for (r = l; r < right && map[r]; r++)
        ;
    assert_int_equal(found, l < right);
    if (found) {
        assert_int_equal(overlap_left, l);
        assert_int_equal(overlap_right, r);
    }
}

static void
check_gap(const struct ranges *rs, const bool *map, uint32_t left, uint32_t right)
{
    check_overlap(rs, map, left, right);

    uint32_t l = left, r, gap_left = 0, gap_right = 0;
    bool found = estab_ranges_gap(rs, left, right, &gap_left, &gap_right);

    while (l < right && map[l])
        l++;
    for (r = l; r < right && !map[r]; r++)
        ;
    assert_int_equal(found, l < right);
    if (found) {
        assert_int_equal(gap_left, l);
        assert_int_equal(gap_right, r);
    }
}

TEST(any_sequence_of_adds_and_shifts_agrees_with_a_map)
{
    struct sim_prng dice;

    for (uint64_t seed = 0; seed < 600; seed++) {
        union list l;
        struct ranges *rs = list(&l);
        bool map[SPACE] = { false };

        sim_prng_seed(&dice, seed);
        for (unsigned step = 0; step < 60; step++) {
            uint32_t left = (uint32_t)sim_prng_below(&dice, SPACE);
            uint32_t right = left + (uint32_t)sim_prng_log(&dice, 6), n = left;

            right = right > SPACE ? SPACE : right;
            if (sim_prng_chance(&dice, 900000)) {
                bool can = estab_ranges_can_add(rs, left, right);
                union list before = l;

                assert_int_equal(estab_ranges_add(rs, left, right), can);
                if (can)
                    memset(map + left, true, right - left);
                else
                    assert_memory_equal(&before, &l, sizeof(l));
            } else {
                uint32_t joined = estab_ranges_shift(rs, n), run = 0;

                memmove(map, map + n, SPACE - n);
                memset(map + SPACE - n, false, n);
                while (run < SPACE && map[run])
                    run++;
                assert_int_equal(joined, run);
                memset(map, false, run); /* taken out; the rest has not moved */
            }
            check_map(rs, map);
            left = (uint32_t)sim_prng_below(&dice, SPACE);
            check_gap(rs, map, left, left + (uint32_t)sim_prng_below(&dice, SPACE - left + 1));
        }
    }
}

/* A peer that sends every second octet fills the list, and no more than the list. */
TEST(a_full_list_takes_only_what_merges)
{
    union list l;
    struct ranges *rs = list(&l);
    uint32_t i;

    for (i = 0; i < RANGES_MAX; i++)
        add(rs, 10 * i + 10, 10 * i + 12);
    assert_false(estab_ranges_can_add(rs, 14, 15));
    assert_false(estab_ranges_add(rs, 14, 15));
    assert_false(estab_ranges_add(rs, 10 * i + 10, 10 * i + 11));
    assert_int_equal(rs->n, RANGES_MAX);
    add(rs, 12, 13);     /* touches the first */
    add(rs, 15, 20);     /* touches the second */
    add(rs, 11, 31);     /* joins the first three */
    add(rs, 1000, 1001); /* and now there is room */
    check_shape(rs);
    assert_int_equal(rs->n, RANGES_MAX - 1);
}

TEST(one_add_can_swallow_the_whole_list)
{
    union list l;
    struct ranges *rs = list(&l);

    for (uint32_t i = 0; i < RANGES_MAX; i++)
        add(rs, 10 * i + 10, 10 * i + 12);
    add(rs, 5, 0xfffffff0u);
    assert_int_equal(rs->n, 1);
    assert_int_equal(rs->total, 0xfffffff0u - 5);
}

/* RFC 2018 §4 (RFC2018-4-FIRST, RFC2018-4-RECENT): the range that grew last comes first. */
TEST(the_most_recently_grown_come_first)
{
    union list l;
    struct ranges *rs = list(&l);
    struct range out[RANGES_MAX];

    add(rs, 10, 20);
    add(rs, 50, 60);
    add(rs, 30, 40);
    assert_int_equal(estab_ranges_recent(rs, out, RANGES_MAX), 3);
    assert_int_equal(out[0].left, 30);
    assert_int_equal(out[1].left, 50);
    assert_int_equal(out[2].left, 10);

    add(rs, 20, 21); /* the oldest grows */
    assert_int_equal(estab_ranges_recent(rs, out, 2), 2);
    assert_int_equal(out[0].left, 10);
    assert_int_equal(out[0].right, 21);
    assert_int_equal(out[1].left, 30);
    out[1].left = 77;
    assert_int_equal(estab_ranges_recent(rs, out, 1), 1);
    assert_int_equal(out[0].left, 10);
    assert_int_equal(out[1].left, 77); /* and no more than asked for */
    assert_int_equal(estab_ranges_recent(rs, out, 0), 0);
}

TEST(a_full_list_can_be_shifted_to_its_first_range)
{
    union list l;
    struct ranges *rs = list(&l);

    for (uint32_t i = 0; i < RANGES_MAX; i++)
        add(rs, 10 * i + 10, 10 * i + 12);
    assert_int_equal(estab_ranges_shift(rs, 10), 2);
    assert_int_equal(rs->n, RANGES_MAX - 1);
    assert_int_equal(ranges_at(rs, 0).left, 10);
    assert_int_equal(ranges_at(rs, RANGES_MAX - 2).right, 10 * (RANGES_MAX - 1) + 2);
    check_shape(rs);
}

/* What grew longest ago is not remembered, but told when there is room; a range is told once. */
TEST(when_few_are_remembered_others_fill_the_list)
{
    union list l;
    struct ranges *rs = list(&l);
    struct range out[RANGES_MAX];

    for (uint32_t i = 0; i < 12; i++)
        add(rs, 10 * i + 10, 10 * i + 15);
    assert_int_equal(estab_ranges_recent(rs, out, RANGES_MAX), 12);
    assert_int_equal(out[0].left, 120);
    assert_int_equal(out[7].left, 50);
    assert_int_equal(out[8].left, 10);
    add(rs, 60, 125); /* joins all that are remembered but one */
    assert_int_equal(estab_ranges_recent(rs, out, 4), 4);
    assert_int_equal(out[0].left, 60);
    assert_int_equal(out[0].right, 125);
    assert_int_equal(out[1].left, 50);
    assert_int_equal(out[2].left, 10);
    (void)estab_ranges_shift(rs, 50);
    assert_int_equal(estab_ranges_recent(rs, out, 4), 1);
    assert_int_equal(out[0].left, 10);
}

/* A full list goes on in a longer one. */
TEST(a_copy_has_the_same_ranges_and_more_room)
{
    union list l;
    struct ranges *rs = list(&l);
    union {
        struct ranges rs;
        uint8_t memory[1024];
    } more;
    struct range out[2];

    for (uint32_t i = 0; i < RANGES_MAX; i++)
        add(rs, 10 * i + 10, 10 * i + 12);
    (void)estab_ranges_shift(rs, 15);
    estab_ranges_copy(&more.rs, rs, sizeof(more));
    assert_int_equal(more.rs.n, RANGES_MAX - 1);
    assert_int_equal(ranges_at(&more.rs, 0).left, 5);
    assert_int_equal(more.rs.total, 2 * (RANGES_MAX - 1));
    assert_int_equal(estab_ranges_recent(&more.rs, out, 2), 2);
    assert_int_equal(out[0].left, 10 * RANGES_MAX - 15);
    for (uint32_t i = 0; i < 40; i++)
        assert_true(estab_ranges_add(&more.rs, 1000 + 10 * i, 1001 + 10 * i));
    assert_int_equal(more.rs.n, RANGES_MAX + 39);
}

TEST(a_shift_cuts_off_what_falls_below_zero)
{
    union list l;
    struct ranges *rs = list(&l);

    add(rs, 10, 20);
    add(rs, 30, 40);
    assert_int_equal(estab_ranges_shift(rs, 5), 0);
    assert_int_equal(ranges_at(rs, 0).left, 5);
    assert_int_equal(estab_ranges_shift(rs, 10), 5); /* into the first: its rest is joined */
    assert_int_equal(rs->n, 1);
    assert_int_equal(ranges_at(rs, 0).left, 15);
    assert_int_equal(estab_ranges_shift(rs, 100), 0);
    assert_int_equal(rs->n, 0);
    assert_int_equal(ranges_end(rs), 0);
}
