/* SPDX-License-Identifier: MIT */
/* Ring memory: chunks do not overlap, slabs are shared and given back. */
#include "base/pool.h"

#include "harness/test.h"
#include "sim/alloc.h"
#include "sim/heap.h"
#include "sim/prng.h"

#include <string.h>

struct room {
    struct sim_alloc alloc;
    struct arena arena;
    struct chunks chunks;
};

static void
open_room(struct room *r, size_t budget)
{
    struct estab_alloc alloc;

    sim_alloc_init(&r->alloc, &heap);
    alloc = sim_alloc_interface(&r->alloc);
    estab_arena_init(&r->arena, &alloc, budget);
    estab_chunks_init(&r->chunks, &r->arena);
}

static void
close_room(struct room *r)
{
    assert_int_equal(r->chunks.lent, 0);
    estab_chunks_fini(&r->chunks);
    assert_int_equal(r->arena.taken, 0);
    assert_int_equal(r->alloc.n_blocks, 0);
    assert_false(r->alloc.broken);
    sim_alloc_fini(&r->alloc);
}

struct chunk {
    uint8_t *data;
    uint32_t size;
};

/* The number of the chunk in its first and last octets and in the middle. */
static void
mark(const struct chunk *c, uint32_t k)
{
    memcpy(c->data, &k, 4);
    memcpy(c->data + c->size / 2, &k, 4);
    memcpy(c->data + c->size - 4, &k, 4);
}

static void
check_mark(const struct chunk *c, uint32_t k)
{
    assert_memory_equal(c->data, &k, 4);
    assert_memory_equal(c->data + c->size / 2, &k, 4);
    assert_memory_equal(c->data + c->size - 4, &k, 4);
}

TEST(chunks_of_all_sizes_never_overlap)
{
    enum { MAX = 200 };

    for (uint64_t seed = 0; seed < 20; seed++) {
        struct chunk c[MAX];
        uint32_t mark_of[MAX], marks = 0, n = 0;
        size_t lent = 0;
        struct sim_prng dice;
        struct room r;

        sim_prng_seed(&dice, seed);
        open_room(&r, SIZE_MAX);
        for (unsigned step = 0; step < 1500; step++) {
            if (n < MAX && sim_prng_chance(&dice, step < 1000 ? 550000 : 200000)) {
                c[n].size = 1024u << sim_prng_below(&dice, seed % 2 == 0 ? 6 : 9);
                c[n].data = estab_chunks_get(&r.chunks, c[n].size);
                assert_non_null(c[n].data);
                assert_int_equal((uintptr_t)c[n].data % 64, 0);
                lent += c[n].size;
                mark_of[n] = ++marks;
                mark(&c[n], marks);
                n++;
            } else if (n > 0) {
                uint32_t k = (uint32_t)sim_prng_below(&dice, n);

                check_mark(&c[k], mark_of[k]);
                lent -= c[k].size;
                estab_chunks_put(&r.chunks, c[k].data, c[k].size);
                n--;
                c[k] = c[n];
                mark_of[k] = mark_of[n];
            }
            assert_int_equal(r.chunks.lent, lent);
        }
        for (uint32_t k = 0; k < n; k++) {
            check_mark(&c[k], mark_of[k]);
            estab_chunks_put(&r.chunks, c[k].data, c[k].size);
        }
        assert_true(r.arena.taken <= SLAB_BYTES); /* at most the spare one */
        close_room(&r);
    }
}

/* One slab holds one chunk of each size below 64 KiB: only the head's unit is lost. */
TEST(all_sizes_share_one_slab)
{
    struct room r;
    void *p[6];

    open_room(&r, SIZE_MAX);
    for (unsigned k = 0; k < 6; k++)
        p[k] = estab_chunks_get(&r.chunks, 1024u << k);
    assert_int_equal(r.arena.taken, SLAB_BYTES);
    assert_int_equal(r.chunks.lent, SLAB_BYTES - 1024);
    for (unsigned k = 0; k < 6; k++)
        estab_chunks_put(&r.chunks, p[k], 1024u << k);
    close_room(&r);
}

TEST(each_size_fills_a_slab_but_for_what_its_head_takes)
{
    for (unsigned k = 0; k < 6; k++) {
        uint32_t size = 1024u << k, per_slab = SLAB_BYTES / size - 1;
        struct room r;
        void *p[64];

        open_room(&r, SIZE_MAX);
        for (uint32_t i = 0; i <= per_slab; i++) {
            p[i] = estab_chunks_get(&r.chunks, size);
            assert_int_equal(r.arena.taken, i < per_slab ? SLAB_BYTES : 2 * SLAB_BYTES);
        }
        for (uint32_t i = 0; i <= per_slab; i++)
            estab_chunks_put(&r.chunks, p[i], size);
        assert_int_equal(r.arena.taken, SLAB_BYTES);
        close_room(&r);
    }
}

TEST(large_chunks_come_from_the_allocator_and_go_back_at_once)
{
    struct room r;
    void *a, *b;

    open_room(&r, 1u << 20);
    a = estab_chunks_get(&r.chunks, 65536);
    b = estab_chunks_get(&r.chunks, 1u << 19);
    assert_int_equal(r.arena.taken, 65536 + (1u << 19));
    assert_null(estab_chunks_get(&r.chunks, 1u << 19)); /* the budget */
    estab_chunks_put(&r.chunks, a, 65536);
    estab_chunks_put(&r.chunks, b, 1u << 19);
    assert_int_equal(r.arena.taken, 0);
    close_room(&r);
}

TEST(one_chunk_that_comes_and_goes_does_not_ask_the_allocator)
{
    struct room r;
    uint64_t calls;
    void *p;

    open_room(&r, SIZE_MAX);
    p = estab_chunks_get(&r.chunks, 4096);
    estab_chunks_put(&r.chunks, p, 4096);
    calls = r.alloc.calls;
    for (unsigned i = 0; i < 100; i++) {
        p = estab_chunks_get(&r.chunks, 1024u << i % 6);
        estab_chunks_put(&r.chunks, p, 1024u << i % 6);
    }
    assert_int_equal(r.alloc.calls, calls);
    close_room(&r);
}

TEST(slabs_go_back_at_the_end_even_if_chunks_are_lent)
{
    struct room r;

    open_room(&r, SIZE_MAX);
    for (unsigned i = 0; i < 100; i++)
        assert_non_null(estab_chunks_get(&r.chunks, 1024u << i % 6));
    estab_chunks_fini(&r.chunks);
    close_room(&r);
}

TEST(a_failing_allocator_is_survived)
{
    for (uint64_t fail_at = 0; fail_at < 20; fail_at++) {
        struct chunk c[100];
        struct sim_prng dice;
        struct room r;
        uint32_t n = 0;

        sim_prng_seed(&dice, fail_at);
        open_room(&r, SIZE_MAX);
        r.alloc.fail_at = fail_at;
        for (unsigned i = 0; i < 100; i++) {
            c[n].size = 1024u << sim_prng_below(&dice, 8);
            c[n].data = estab_chunks_get(&r.chunks, c[n].size);
            if (c[n].data != NULL)
                mark(&c[n], n), n++;
        }
        assert_int_equal(r.alloc.failed, 1);
        assert_int_equal(n, 99);
        while (n-- > 0) {
            check_mark(&c[n], n);
            estab_chunks_put(&r.chunks, c[n].data, c[n].size);
        }
        close_room(&r);
    }
}
