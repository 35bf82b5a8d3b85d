/* SPDX-License-Identifier: MIT */
/* The header of a device that leaves checksums to us (drivers/vnet.h): what it says, and its lies. */
#include "drivers/vnet.h"
#include "harness/test.h"

#include <string.h>

static void
header_of(uint8_t header[VNET_HEADER], uint8_t flags, uint8_t gso, uint16_t start, uint16_t offset)
{
    memset(header, 0, VNET_HEADER);
    header[0] = flags;
    header[1] = gso;
    memcpy(header + 6, &start, 2);
    memcpy(header + 8, &offset, 2);
}

TEST(what_is_written_is_what_is_read)
{
    uint8_t header[VNET_HEADER], data[100] = { 0 };
    struct estab_frame f = { .data = data,
                             .len = 100,
                             .flags = ESTAB_FRAME_CSUM_PARTIAL,
                             .csum_start = 34,
                             .csum_offset = 16 };
    struct estab_frame g = { .data = data, .len = 100, .segment = 7 };

    estab_vnet_write(header, &f);
    assert_true(estab_vnet_read(&g, header));
    assert_int_equal(g.flags, ESTAB_FRAME_CSUM_PARTIAL);
    assert_int_equal(g.csum_start, 34);
    assert_int_equal(g.csum_offset, 16);
    assert_int_equal(g.segment, 0);
    f.flags = 0;
    estab_vnet_write(header, &f);
    for (unsigned i = 0; i < VNET_HEADER; i++)
        assert_int_equal(header[i], 0);
    assert_true(estab_vnet_read(&g, header));
    assert_int_equal(g.flags, 0);
}

TEST(what_the_kernel_has_verified_is_verified)
{
    uint8_t header[VNET_HEADER], data[100] = { 0 };
    struct estab_frame f = { .data = data, .len = 100 };

    header_of(header, 2, 0, 0, 0);
    assert_true(estab_vnet_read(&f, header));
    assert_int_equal(f.flags, ESTAB_FRAME_CSUM_VERIFIED);
}

/* vuln: Checksum offload trust */
TEST(a_header_that_points_outside_or_asks_for_segments_is_refused)
{
    uint8_t header[VNET_HEADER], data[100] = { 0 };
    struct estab_frame f = { .data = data, .len = 100 };

    header_of(header, 1, 0, 82, 16);
    assert_true(estab_vnet_read(&f, header));
    header_of(header, 1, 0, 83, 16);
    assert_false(estab_vnet_read(&f, header));
    header_of(header, 1, 0, 0xffff, 0xffff);
    assert_false(estab_vnet_read(&f, header));
    header_of(header, 1, 0, 100, 0);
    assert_false(estab_vnet_read(&f, header));
    assert_int_equal(f.flags, 0);
    header_of(header, 1, 1, 34, 16); /* TCPv4 to be cut */
    assert_false(estab_vnet_read(&f, header));
}
