/* SPDX-License-Identifier: MIT */
/* Record pools: names that never repeat, a budget that holds, and memory that comes back. */
#include "base/pool.h"

#include "harness/test.h"
#include "sim/alloc.h"
#include "sim/heap.h"
#include "sim/prng.h"

#include <stdlib.h>
#include <string.h>

struct room {
    struct sim_alloc alloc;
    struct arena arena;
};

static void
open_room(struct room *r, size_t budget)
{
    struct estab_alloc alloc;

    sim_alloc_init(&r->alloc, &heap);
    alloc = sim_alloc_interface(&r->alloc);
    estab_arena_init(&r->arena, &alloc, budget);
}

/* What was taken came back, all of it, and as it was taken. */
static void
close_room(struct room *r)
{
    assert_int_equal(r->arena.taken, 0);
    assert_int_equal(r->alloc.bytes, 0);
    assert_int_equal(r->alloc.n_blocks, 0);
    assert_false(r->alloc.broken);
    sim_alloc_fini(&r->alloc);
}

TEST(an_arena_keeps_to_its_budget)
{
    struct room r;
    void *a, *b;

    open_room(&r, 3000);
    a = estab_arena_get(&r.arena, 1000);
    b = estab_arena_get(&r.arena, 2000);
    assert_true(a != NULL && b != NULL);
    assert_int_equal((uintptr_t)a % 64, 0);
    assert_null(estab_arena_get(&r.arena, 1));
    assert_null(estab_arena_get(&r.arena, SIZE_MAX));
    estab_arena_put(&r.arena, a, 1000);
    assert_int_equal(r.arena.taken, 2000);
    assert_int_equal(r.arena.peak, 3000);
    assert_null(estab_arena_get_slab(&r.arena));
    estab_arena_put(&r.arena, b, 2000);
    close_room(&r);
}

TEST(slabs_are_aligned_to_their_size)
{
    struct room r;
    void *slab[8];

    open_room(&r, 8 * SLAB_BYTES);
    for (unsigned i = 0; i < 8; i++) {
        slab[i] = estab_arena_get_slab(&r.arena);
        assert_int_equal((uintptr_t)slab[i] % SLAB_BYTES, 0);
    }
    for (unsigned i = 0; i < 8; i++)
        estab_arena_put(&r.arena, slab[i], SLAB_BYTES);
    close_room(&r);
}

TEST(a_pool_never_used_takes_nothing)
{
    struct room r;
    struct pool p;

    open_room(&r, SIZE_MAX);
    estab_pool_init(&p, &r.arena, 100, 10);
    assert_null(estab_pool_at(&p, 0));
    assert_null(estab_pool_at(&p, 1));
    assert_null(estab_pool_at(&p, UINT32_MAX));
    assert_int_equal(estab_pool_next(&p, 0), 0);
    estab_pool_fini(&p);
    assert_int_equal(r.alloc.calls, 0);
    close_room(&r);
}

TEST(records_are_zeroed_apart_and_in_their_place)
{
    static const uint32_t sizes[] = { 1, 8, 56, 64, 100, 120, 248, 4096, 40000, 65528 };
    struct room r;

    for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        uint32_t index[100];
        uint8_t *record[100];
        struct pool p;

        open_room(&r, SIZE_MAX);
        estab_pool_init(&p, &r.arena, sizes[s], 100);
        for (unsigned i = 0; i < 100; i++) {
            record[i] = estab_pool_get(&p, &index[i]);
            assert_non_null(record[i]);
            assert_true(index[i] > 0 && index[i] < 1u << POOL_INDEX_BITS);
            assert_int_equal((uintptr_t)record[i] % 8, 0);
            if ((p.record_size + 8) % 64 == 0) /* a slot of whole cache lines begins one */
                assert_int_equal((uintptr_t)record[i] % 64, 8);
            for (uint32_t k = 0; k < sizes[s]; k++)
                assert_int_equal(record[i][k], 0);
            memset(record[i], (int)i + 1, sizes[s]);
        }
        assert_null(estab_pool_get(&p, &index[0])); /* the limit */
        for (unsigned i = 0; i < 100; i++) {
            assert_ptr_equal(estab_pool_at(&p, index[i]), record[i]);
            assert_int_equal(record[i][0], i + 1);
            assert_int_equal(record[i][sizes[s] - 1], i + 1);
        }
        estab_pool_fini(&p);
        close_room(&r);
    }
}

/* A stale handle must not find a stranger (estab_conn in tcp.h). */
TEST(index_and_generation_never_name_two_records)
{
    enum { GETS = 30000, LIVE = 700 };
    uint64_t *seen = calloc(GETS, sizeof(*seen));
    uint32_t live[LIVE], n = 0, gets = 0;
    struct sim_prng dice;
    struct room r;
    struct pool p;

    sim_prng_seed(&dice, 7);
    open_room(&r, SIZE_MAX);
    estab_pool_init(&p, &r.arena, 500, LIVE);
    while (gets < GETS) {
        /* waves, so that slabs come and go */
        bool rising = gets / 1000 % 2 == 0;

        if (n < LIVE && (n == 0 || sim_prng_chance(&dice, rising ? 800000 : 300000))) {
            assert_non_null(estab_pool_get(&p, &live[n]));
            seen[gets++] = (uint64_t)live[n] << 32 | estab_pool_generation(&p, live[n]);
            n++;
        } else if (n > 0) {
            uint32_t k = (uint32_t)sim_prng_below(&dice, n);

            estab_pool_put(&p, live[k]);
            assert_null(estab_pool_at(&p, live[k]));
            live[k] = live[--n];
        }
        assert_int_equal(p.lent, n);
    }
    /* one hash table of what was seen; a second sight of any is the fault */
    {
        uint64_t *table = calloc(65536, sizeof(*table));

        for (unsigned i = 0; i < GETS; i++) {
            uint32_t at = (uint32_t)sim_mix(seen[i], 0) & 65535;

            while (table[at] != 0) {
                assert_true(table[at] != seen[i]);
                at = (at + 1) & 65535;
            }
            table[at] = seen[i];
        }
        free(table);
    }
    estab_pool_fini(&p);
    close_room(&r);
    free(seen);
}

TEST(the_generation_goes_round_from_its_largest_to_1)
{
    struct room r;
    struct pool p;
    uint32_t index;

    open_room(&r, SIZE_MAX);
    estab_pool_init(&p, &r.arena, 100, 10);
    p.generation = INT32_MAX - 1;
    assert_non_null(estab_pool_get(&p, &index));
    assert_int_equal(estab_pool_generation(&p, index), INT32_MAX);
    assert_non_null(estab_pool_get(&p, &index));
    assert_int_equal(estab_pool_generation(&p, index), 1);
    estab_pool_fini(&p);
    close_room(&r);
}

TEST(walking_finds_every_record_once_in_ascending_order)
{
    struct sim_prng dice;
    struct room r;
    struct pool p;
    static uint32_t index[3000];
    static bool lent[1u << 16];
    uint32_t n = 0, at, found = 0;

    sim_prng_seed(&dice, 3);
    open_room(&r, SIZE_MAX);
    estab_pool_init(&p, &r.arena, 300, 3000);
    memset(lent, 0, sizeof(lent));
    for (; n < 3000; n++) {
        assert_non_null(estab_pool_get(&p, &index[n]));
        assert_true(index[n] < 1u << 16);
        lent[index[n]] = true;
    }
    for (uint32_t i = 0; i < 2500; i++) {
        uint32_t k = (uint32_t)sim_prng_below(&dice, n);

        estab_pool_put(&p, index[k]);
        lent[index[k]] = false;
        index[k] = index[--n];
    }
    for (at = estab_pool_next(&p, 0); at != 0; at = estab_pool_next(&p, at)) {
        assert_true(lent[at]);
        lent[at] = false;
        found++;
    }
    assert_int_equal(found, 500);
    while (n > 0)
        estab_pool_put(&p, index[--n]);
    assert_int_equal(estab_pool_next(&p, 0), 0); /* the spare slab has nothing to show */
    estab_pool_fini(&p);
    close_room(&r);
}

TEST(empty_slabs_go_back_but_for_one)
{
    struct room r;
    struct pool p;
    uint32_t index[1000];
    size_t directory;
    uint64_t calls;

    open_room(&r, SIZE_MAX);
    estab_pool_init(&p, &r.arena, 1000, 1000);
    for (unsigned i = 0; i < 1000; i++)
        assert_non_null(estab_pool_get(&p, &index[i]));
    directory = r.arena.taken % SLAB_BYTES;
    assert_int_equal(r.arena.taken - directory, (1000 / p.per_slab + 1) * SLAB_BYTES);
    for (unsigned i = 0; i < 1000; i++)
        estab_pool_put(&p, index[i]);
    assert_int_equal(r.arena.taken, SLAB_BYTES + directory);

    /* the spare one serves a single record that comes and goes */
    calls = r.alloc.calls;
    for (unsigned i = 0; i < 1000; i++) {
        assert_non_null(estab_pool_get(&p, &index[0]));
        estab_pool_put(&p, index[0]);
    }
    assert_int_equal(r.alloc.calls, calls);
    estab_pool_fini(&p);
    close_room(&r);
}

TEST(gets_and_puts_at_the_edge_of_a_slab_do_not_ask_the_allocator)
{
    struct room r;
    struct pool p;
    uint32_t index, last;
    uint64_t calls;

    open_room(&r, SIZE_MAX);
    estab_pool_init(&p, &r.arena, 1000, 1000);
    do
        assert_non_null(estab_pool_get(&p, &last));
    while (p.lent <= p.per_slab);
    calls = r.alloc.calls;
    for (unsigned i = 0; i < 100; i++) {
        estab_pool_put(&p, last);
        assert_non_null(estab_pool_get(&p, &last));
        assert_non_null(estab_pool_get(&p, &index));
        estab_pool_put(&p, index);
    }
    assert_int_equal(r.alloc.calls, calls);
    estab_pool_fini(&p);
    close_room(&r);
}

/* Every call of the allocator fails once, and from some point on all: what was lent stays. */
TEST(a_failing_allocator_is_survived_at_every_call)
{
    for (int after = 0; after < 2; after++)
        for (uint64_t fail_at = 0; fail_at < 45; fail_at++) {
            static uint32_t index[2000];
            struct sim_prng dice;
            struct room r;
            struct pool p;
            uint32_t n = 0;

            sim_prng_seed(&dice, fail_at);
            open_room(&r, SIZE_MAX);
            r.alloc.fail_at = fail_at;
            r.alloc.fail_after = after != 0;
            estab_pool_init(&p, &r.arena, 4000, 2000);
            for (unsigned step = 0; step < 3000; step++) {
                uint32_t *record, at;

                if (sim_prng_chance(&dice, 700000)) {
                    record = estab_pool_get(&p, &at);
                    if (record == NULL)
                        continue;
                    index[n] = at;
                    *record = at;
                    n++;
                } else if (n > 0) {
                    uint32_t k = (uint32_t)sim_prng_below(&dice, n);

                    estab_pool_put(&p, index[k]);
                    index[k] = index[--n];
                }
            }
            assert_int_equal(p.lent, n);
            for (uint32_t i = 0; i < n; i++)
                assert_int_equal(*(uint32_t *)estab_pool_at(&p, index[i]), index[i]);
            assert_true(r.alloc.failed > 0);
            estab_pool_fini(&p);
            close_room(&r);
        }
}

/* A reference has 29 bits for the index: beyond them there is no memory, whatever the limit. */
TEST(indices_end_where_a_reference_does)
{
    struct room r;
    struct pool p;
    uint32_t index;

    open_room(&r, SIZE_MAX);
    estab_pool_init(&p, &r.arena, 8, UINT32_MAX);
    p.slabs = (1u << POOL_INDEX_BITS >> p.shift) - 1;
    assert_null(estab_pool_get(&p, &index));
    p.slabs = 0;
    assert_non_null(estab_pool_get(&p, &index));
    estab_pool_fini(&p);
    close_room(&r);
}

TEST(the_budget_is_the_limit_of_all_pools_together)
{
    struct room r;
    struct pool a, b;
    uint32_t index, got = 0;

    open_room(&r, 10 * SLAB_BYTES);
    estab_pool_init(&a, &r.arena, 1016, UINT32_MAX);
    estab_pool_init(&b, &r.arena, 1016, UINT32_MAX);
    while (estab_pool_get(got % 2 == 0 ? &a : &b, &index) != NULL)
        got++;
    assert_true(r.arena.taken <= 10 * SLAB_BYTES);
    assert_int_equal(r.arena.peak, r.arena.taken);
    assert_in_range(got, 8 * 64, 9 * 64 + 1); /* the directories want a little of the tenth */
    estab_pool_fini(&a);
    estab_pool_fini(&b);
    close_room(&r);
}
