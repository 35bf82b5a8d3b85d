/* SPDX-License-Identifier: MIT */
/* The cache of narrow paths: bounded, forgetful, and never made wider by who says that it is narrow. */
#include "ip/paths.h"

#include "base/bytes.h"
#include "harness/test.h"

#include <stdlib.h>
#include <string.h>

static void *
get(void *ctx, size_t size, size_t align)
{
    if (*(size_t *)ctx + size > 1u << 20)
        return NULL;
    *(size_t *)ctx += size;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
put(void *ctx, void *ptr, size_t size)
{
    *(size_t *)ctx -= size;
    free(ptr);
}

struct world {
    size_t heap;
    struct estab_alloc alloc;
    struct arena arena;
    struct ip_paths paths;
};

static void
world(struct world *w, uint32_t max)
{
    memset(w, 0, sizeof(*w));
    w->alloc = (struct estab_alloc){ .get = get, .put = put, .ctx = &w->heap };
    estab_arena_init(&w->arena, &w->alloc, (size_t)16 << 20);
    estab_paths_init(&w->paths, &w->arena, max, (struct siphash_key){ 1, 2 });
}

static void
world_ends(struct world *w)
{
    estab_paths_fini(&w->paths);
    assert_int_equal(w->heap, 0);
}

static const uint8_t *
to(uint32_t n)
{
    static uint8_t dst[16];

    memset(dst, 0, sizeof(dst));
    dst[0] = 0x20;
    put_be32(dst + 12, n);
    put_be32(dst, n + 0x0b000000);
    return dst;
}

/* RFC8201-5.2, RFC1191-3, RFC5927-7.2-FLOOR: only down, not below the least, forgotten after ten minutes to the
 * nanosecond; until something is narrow there is no table. */
TEST(a_path_becomes_narrower_and_is_forgotten)
{
    for (unsigned n = 4; n <= 16; n += 12) {
        struct world w;
        uint32_t least = n == 4 ? 576 : 1280;
        estab_time until = 0;

        world(&w, 64);
        assert_int_equal(paths_mtu(&w.paths, to(1), n, 0), 0);
        estab_paths_raise(&w.paths, to(1), n, 1400, 1500, 0);
        assert_int_equal(w.heap, 0);
        assert_true(estab_paths_lower(&w.paths, to(1), n, 1400, 10));
        assert_false(estab_paths_lower(&w.paths, to(1), n, 1400, 20));
        assert_false(estab_paths_lower(&w.paths, to(1), n, 9000, 20));
        assert_int_equal(paths_mtu(&w.paths, to(1), n, 20), 1400);
        assert_int_equal(paths_mtu(&w.paths, to(2), n, 20), 0);
        assert_int_equal(paths_mtu(&w.paths, to(1), 20 - n, 20), 0); /* another family */
        assert_true(estab_paths_lower(&w.paths, to(1), n, 68, 30));
        assert_int_equal(estab_paths_find(&w.paths, to(1), n, 30, &until), least);
        assert_int_equal(until, ESTAB_SEC(600) + 30);
        assert_false(estab_paths_lower(&w.paths, to(1), n, 0, 40));
        assert_int_equal(paths_mtu(&w.paths, to(1), n, ESTAB_SEC(600) + 29), least);
        assert_int_equal(w.paths.known, 1);
        assert_int_equal(paths_mtu(&w.paths, to(1), n, ESTAB_SEC(600) + 30), 0);
        assert_int_equal(w.paths.known, 0);
        assert_true(estab_paths_lower(&w.paths, to(1), n, 1400, ESTAB_SEC(601)));
        world_ends(&w);
    }
}

/* What has arrived there makes it wider, for as long as it was to be remembered; as wide as the link, it is no narrow
 * path any more. */
TEST(what_has_arrived_makes_a_path_wider)
{
    struct world w;
    estab_time until = 0;

    world(&w, 8);
    assert_true(estab_paths_lower(&w.paths, to(1), 16, 1300, 0));
    estab_paths_raise(&w.paths, to(1), 16, 1290, 1500, 5);
    assert_int_equal(paths_mtu(&w.paths, to(1), 16, 5), 1300);
    estab_paths_raise(&w.paths, to(1), 16, 1400, 1500, 5);
    assert_int_equal(estab_paths_find(&w.paths, to(1), 16, 5, &until), 1400);
    assert_int_equal(until, ESTAB_SEC(600));
    estab_paths_raise(&w.paths, to(1), 16, 1500, 1500, 5);
    assert_int_equal(paths_mtu(&w.paths, to(1), 16, 5), 0);
    assert_int_equal(w.paths.known, 0);
    world_ends(&w);
}

/* RFC8201-5.2, limit: max_paths, of whatever number: a million destinations take no more, what was said last is
 * known, and what is known is right. */
TEST(a_million_destinations_take_no_more_room)
{
    static const uint32_t sizes[] = { 0, 1, 2, 3, 4, 5, 63, 1024 };

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint32_t max = sizes[i], n, found = 0;
        struct world w;

        world(&w, max);
        for (n = 0; n < 1000000; n++) {
            assert_int_equal(estab_paths_lower(&w.paths, to(n), 4, 600 + n % 800, n), max != 0);
            if (n % 1024 == 0 && max != 0)
                assert_int_equal(paths_mtu(&w.paths, to(n), 4, n), 600 + n % 800);
        }
        assert_in_range(w.paths.known, 0, max);
        for (n = 990000; n < 1000000; n++) {
            uint32_t mtu = paths_mtu(&w.paths, to(n), 4, 1000000);

            if (mtu != 0)
                assert_int_equal(mtu, 600 + n % 800);
            found += mtu != 0;
        }
        assert_in_range(found, max / 2, max);
        assert_in_range(w.heap, 0, (max + 1) * sizeof(struct ip_path));
        world_ends(&w);
    }
}

/* Without memory nothing is known, and that is all. */
TEST(without_memory_no_path_is_known)
{
    struct world w;

    world(&w, 1u << 20);
    assert_false(estab_paths_lower(&w.paths, to(1), 4, 1400, 0));
    assert_int_equal(paths_mtu(&w.paths, to(1), 4, 0), 0);
    world_ends(&w);
}
