/* SPDX-License-Identifier: MIT */
/* The dice of the simulator: their numbers are pinned, so that a seed means the same everywhere. */
#include "harness/test.h"
#include "sim/prng.h"
#include "sim/record.h"

#include <string.h>

TEST(seed_zero_gives_the_published_splitmix_state)
{
    struct sim_prng r;

    sim_prng_seed(&r, 0);
    assert_true(r.s[0] == 0xe220a8397b1dcdafU);
    assert_true(r.s[1] == 0x6e789e6aa1b965f4U);
    assert_true(r.s[2] == 0x06c45d188009454fU);
    assert_true(r.s[3] == 0xf88bb8a8724c81ecU);
}

TEST(numbers_of_a_seed_never_change)
{
    struct sim_prng r;

    sim_prng_seed(&r, 0);
    assert_true(sim_prng_next(&r) == 0x99ec5f36cb75f2b4U);
    assert_true(sim_prng_next(&r) == 0xbf6e1f784956452aU);
}

TEST(between_reaches_both_ends_and_nothing_else)
{
    struct sim_prng r;
    unsigned seen = 0;

    sim_prng_seed(&r, 1);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t n = sim_prng_between(&r, 3, 7);

        assert_in_range(n, 3, 7);
        seen |= 1u << n;
    }
    assert_int_equal(seen, 0xf8);
}

TEST(chance_is_about_as_often_as_asked)
{
    struct sim_prng r;
    unsigned hits = 0;

    sim_prng_seed(&r, 2);
    for (unsigned i = 0; i < 100000; i++)
        hits += sim_prng_chance(&r, 100000);
    assert_in_range(hits, 9500, 10500);
    assert_false(sim_prng_chance(&r, 0));
    assert_true(sim_prng_chance(&r, SIM_PPM));
}

TEST(log_gives_small_and_large_numbers)
{
    struct sim_prng r;
    unsigned small = 0, large = 0;

    sim_prng_seed(&r, 3);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t n = sim_prng_log(&r, 20);

        assert_in_range(n, 1, 1u << 20);
        small += n <= 16;
        large += n > 65536;
    }
    assert_true(small > 100 && large > 100);
}

TEST(stream_is_a_function_of_its_offset)
{
    uint8_t whole[64], part[64];

    sim_stream_fill(9, 100, whole, sizeof whole);
    for (size_t at = 0; at < 20; at++) {
        sim_stream_fill(9, 100 + at, part, 40);
        assert_memory_equal(part, whole + at, 40);
        memset(part, 0xa5, sizeof part);
        sim_stream_fill(9, 100 + at, part, at);
        assert_memory_equal(part, whole + at, at);
        assert_int_equal(part[at], 0xa5);
    }
    assert_int_equal(sim_stream_match(9, 100, whole, sizeof whole), sizeof whole);
    for (size_t at = 0; at < sizeof whole; at++) {
        whole[at] ^= 1;
        assert_int_equal(sim_stream_match(9, 100, whole, sizeof whole), at);
        assert_int_equal(sim_stream_match(9, 100, whole, at), at);
        whole[at] ^= 1;
    }
    whole[0] ^= 1;
    assert_true(sim_stream_match(10, 100, whole, sizeof whole) < 8);
}

TEST(hash_sees_every_octet_and_the_length)
{
    uint8_t octets[20] = { 0 };
    uint64_t before = sim_hash(0, octets, sizeof octets);

    assert_true(before != sim_hash(0, octets, sizeof octets - 1));
    for (size_t i = 0; i < sizeof octets; i++) {
        octets[i] = 1;
        assert_true(before != sim_hash(0, octets, sizeof octets));
        octets[i] = 0;
    }
    assert_true(before == sim_hash(0, octets, sizeof octets));
}

TEST(encoded_record_has_no_padding_and_leaves_out_what_depends_on_the_machine)
{
    struct estab_trace a, b;
    uint8_t x[SIM_RECORD_MAX], y[SIM_RECORD_MAX];
    size_t n;

    memset(&a, 0x11, sizeof a);
    memset(&b, 0x22, sizeof b);
    a.seg = (struct estab_trace_segment){ .sack_blocks = 4 };
    b.seg = a.seg;
    a.memory = b.memory = ESTAB_MEM_CONNECTION;
    a.bytes = 200;
    b.bytes = 232;
    a.at = b.at = -5;
    a.host = b.host = 1;
    a.kind = b.kind = ESTAB_TRACE_MEMORY;
    a.proto = b.proto = a.state_before = b.state_before = a.state_after = b.state_after = 0;
    a.verdict = b.verdict = a.reason = b.reason = a.cause = b.cause = 0;
    a.timer = b.timer = a.call = b.call = a.ifindex = b.ifindex = 0;
    a.recovery = b.recovery = 0;
    a.result = b.result = 0;
    a.conn = b.conn = 7;
    memset(&a.local, 0, sizeof a.local);
    memset(&b.local, 0, sizeof b.local);
    memset(&a.remote, 0, sizeof a.remote);
    memset(&b.remote, 0, sizeof b.remote);
    memset(&a.tcb, 0, sizeof a.tcb);
    memset(&b.tcb, 0, sizeof b.tcb);
    a.packet_len = b.packet_len = 0;
    a.packet = b.packet = NULL;
    a.frame = b.frame = NULL;
    a.frame_len = b.frame_len = 0;
    n = sim_record_encode(x, &a);
    assert_true(n <= SIM_RECORD_MAX);
    assert_int_equal(n, sim_record_encode(y, &b));
    assert_memory_equal(x, y, n);
    assert_true(sim_record_hash(0, &a) == sim_record_hash(0, &b));
    b.conn = 8;
    assert_true(sim_record_hash(0, &a) != sim_record_hash(0, &b));
}
