/* SPDX-License-Identifier: MIT */
/* The demultiplexing table against a plain array: insertion, removal, growth step by step. */
#include "harness/test.h"

#include "stack/demux.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS 50000u

static struct names known[RECORDS + 1];
static bool present[RECORDS + 1];

static void *
get(void *ctx, size_t size, size_t align)
{
    *(size_t *)ctx += size;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
put(void *ctx, void *p, size_t size)
{
    *(size_t *)ctx -= size;
    free(p);
}

static const uint8_t *
names_of(const void *ctx, uint32_t ref, unsigned addr_len)
{
    (void)ctx;
    /* odd references are IPv4, even ones IPv6 */
    if ((ref & 1) != (addr_len == 4))
        return NULL;
    return (const uint8_t *)&known[ref];
}

static unsigned
len_of(uint32_t ref)
{
    return ref & 1 ? 4 : 16;
}

static uint32_t
hash_of(const struct demux *d, uint32_t ref)
{
    return estab_demux_hash(d, &known[ref], len_of(ref));
}

static void
check(const struct demux *d, uint32_t ref)
{
    assert_int_equal(estab_demux_find(d, &known[ref], len_of(ref), hash_of(d, ref)),
                     present[ref] ? ref : 0);
}

TEST(table_agrees_with_an_array_while_it_grows_and_shrinks)
{
    size_t heap = 0;
    struct estab_alloc alloc = { get, put, &heap };
    struct arena arena;
    struct demux d;
    uint64_t rnd = 42;

    estab_arena_init(&arena, &alloc, (size_t)64 << 20);
    assert_true(estab_demux_init(&d, &arena, (struct siphash_key){ 1, 2 }, names_of, NULL));
    for (uint32_t i = 1; i <= RECORDS; i++) {
        memset(&known[i], 0, sizeof(known[i]));
        memcpy(known[i].addr, &i, 4);
        present[i] = false;
    }
    for (int i = 0; i < 400000; i++) {
        uint32_t ref, other;

        rnd = rnd * 6364136223846793005u + 1442695040888963407u;
        ref = (uint32_t)(rnd >> 33) % RECORDS + 1;
        other = (uint32_t)(rnd >> 13) % RECORDS + 1;
        /* first it fills, later it empties */
        if (!present[ref] && (i < 250000 || (rnd >> 7 & 3) == 0)) {
            assert_true(estab_demux_insert(&d, hash_of(&d, ref), ref));
            present[ref] = true;
        } else if (present[ref] && (i >= 250000 || (rnd >> 7 & 3) == 0)) {
            estab_demux_remove(&d, hash_of(&d, ref), ref);
            present[ref] = false;
        }
        check(&d, ref);
        check(&d, other);
    }
    for (uint32_t i = 1; i <= RECORDS; i++)
        check(&d, i);
    estab_demux_fini(&d);
    assert_int_equal(heap, 0);
}

TEST(the_same_names_can_mean_another_record)
{
    size_t heap = 0;
    struct estab_alloc alloc = { get, put, &heap };
    struct arena arena;
    struct demux d;

    estab_arena_init(&arena, &alloc, (size_t)1 << 20);
    assert_true(estab_demux_init(&d, &arena, (struct siphash_key){ 1, 2 }, names_of, NULL));
    memset(known, 0, sizeof(known));
    known[3].addr[0] = known[5].addr[0] = 7;
    assert_true(estab_demux_insert(&d, hash_of(&d, 3), 3));
    estab_demux_replace(&d, hash_of(&d, 3), 3, 5);
    assert_int_equal(estab_demux_find(&d, &known[3], 4, hash_of(&d, 3)), 5);
    estab_demux_remove(&d, hash_of(&d, 3), 5);
    assert_int_equal(estab_demux_find(&d, &known[3], 4, hash_of(&d, 3)), 0);
    estab_demux_fini(&d);
    assert_int_equal(heap, 0);
}

/* Without memory to grow the table goes on to 15/16 and then refuses; what is in it stays found. */
TEST(table_refuses_when_memory_is_spent)
{
    size_t heap = 0;
    struct estab_alloc alloc = { get, put, &heap };
    struct arena arena;
    struct demux d;
    uint32_t n = 0;

    estab_arena_init(&arena, &alloc, 4096);
    assert_true(estab_demux_init(&d, &arena, (struct siphash_key){ 1, 2 }, names_of, NULL));
    for (uint32_t i = 1; i <= 400; i++) {
        memset(&known[i], 0, sizeof(known[i]));
        memcpy(known[i].addr, &i, 4);
        present[i] = estab_demux_insert(&d, hash_of(&d, i), i);
        n += present[i];
    }
    assert_int_equal(n, 240);
    for (uint32_t i = 1; i <= 400; i++)
        check(&d, i);
    estab_demux_fini(&d);
}
