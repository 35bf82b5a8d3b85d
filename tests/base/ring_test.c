/* SPDX-License-Identifier: MIT */
/* The ring against an array of the octets that it should hold. */
#include "base/ring.h"

#include "harness/test.h"
#include "sim/prng.h"

#include <string.h>

#define MAX 1024u

TEST(a_ring_without_memory_holds_nothing)
{
    struct ring r = { 0 };
    struct ring_span s[2];

    assert_int_equal(ring_free(&r), 0);
    estab_ring_spans(&r, 0, 0, s);
    assert_int_equal(s[0].len + s[1].len, 0);
    estab_ring_consume(&r, 0);
    estab_ring_publish(&r, 0);
}

TEST(spans_are_one_piece_or_two_that_meet_at_the_end)
{
    uint8_t memory[16];
    struct ring_span s[2];

    for (uint32_t head = 0; head < 16; head++)
        for (uint32_t offset = 0; offset <= 16; offset++)
            for (uint32_t len = 0; offset + len <= 16; len++) {
                struct ring r = { .data = memory, .size = 16, .head = head };

                estab_ring_spans(&r, offset, len, s);
                assert_int_equal(s[0].len + s[1].len, len);
                if (len > 0)
                    assert_ptr_equal(s[0].data, memory + (head + offset) % 16);
                if (s[1].len > 0) {
                    assert_ptr_equal(s[0].data + s[0].len, memory + 16);
                    assert_ptr_equal(s[1].data, memory);
                }
            }
}

/* Text is written ahead of what is published, out of order, and stays where it is. */
TEST(octets_written_ahead_are_there_when_they_are_published)
{
    uint8_t memory[16], out[8];
    struct ring r = { .data = memory, .size = 16, .head = 12 };

    estab_ring_write_at(&r, 4, "5678", 4);
    assert_int_equal(r.used, 0);
    estab_ring_write_at(&r, 0, "1234", 4);
    estab_ring_publish(&r, 8);
    estab_ring_read_at(&r, 0, out, 8);
    assert_memory_equal(out, "12345678", 8);
    assert_int_equal(ring_free(&r), 8);
}

TEST(any_sequence_of_calls_agrees_with_an_array)
{
    static uint8_t memory[2][MAX], model[MAX], buf[MAX];
    struct sim_prng dice;

    for (uint64_t seed = 0; seed < 300; seed++) {
        struct ring r = { .data = memory[0], .size = 64 };
        uint32_t ahead = 0; /* written behind the published octets */
        unsigned which = 0;

        sim_prng_seed(&dice, seed);
        for (unsigned step = 0; step < 400; step++) {
            uint32_t n;

            switch (sim_prng_below(&dice, 5)) {
            case 0: /* write */
                n = (uint32_t)sim_prng_below(&dice, ring_free(&r) + 1);
                sim_stream_fill(seed, step * 5000, buf, n);
                estab_ring_write_at(&r, r.used, buf, n);
                memcpy(model + r.used, buf, n);
                ahead = n > ahead ? n : ahead;
                break;
            case 1: /* publish */
                n = (uint32_t)sim_prng_below(&dice, ahead + 1);
                estab_ring_publish(&r, n);
                ahead -= n;
                break;
            case 2: /* consume */
                n = (uint32_t)sim_prng_below(&dice, r.used + 1);
                estab_ring_consume(&r, n);
                memmove(model, model + n, MAX - n);
                break;
            case 3: /* move to other memory, greater or smaller */
                n = 64u << sim_prng_below(&dice, 5);
                if (n < r.used + ahead)
                    break;
                which ^= 1;
                memset(memory[which], 0xee, MAX);
                estab_ring_move(&r, memory[which], n, r.used + ahead);
                assert_int_equal(r.head, 0);
                break;
            default: /* read anywhere */
                n = (uint32_t)sim_prng_below(&dice, r.used + ahead + 1);
                estab_ring_read_at(&r, n, buf, r.used + ahead - n);
                assert_memory_equal(buf, model + n, r.used + ahead - n);
            }
            assert_true(r.used <= r.size && r.head < r.size);
            estab_ring_read_at(&r, 0, buf, r.used + ahead);
            assert_memory_equal(buf, model, r.used + ahead);
        }
    }
}
