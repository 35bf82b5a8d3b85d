/* SPDX-License-Identifier: MIT */
/* The DHCP client between a link and the loop (cli/lease.h). */
#include "cli/lease.h"
#include "estab/estab.h"
#include "harness/test.h"
#include "wire/udp.h"

#include <string.h>

/* A link on which there is always a datagram for a DHCP client, as a flood of them is. */
struct flood {
    unsigned asked, others; /* so many times; after how many there is something else as well */
};

static const uint8_t server[4] = { 192, 0, 2, 1 }, everybody[4] = { 255, 255, 255, 255 };

static uint32_t
write_datagram(uint8_t *out, uint16_t to_port)
{
    static const uint8_t data[8];
    uint32_t at = estab_ip_write(out, 4, IP_PROTO_UDP, 64, 0, server, everybody, 0, UDP_HEADER + 8);

    estab_udp_write(out + at, 67, to_port, server, everybody, 4, data, 8);
    memcpy(out + at + UDP_HEADER, data, 8);
    return at + UDP_HEADER + 8;
}

static ptrdiff_t
receive(void *ctx, struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct flood *f = ctx;

    (void)now;
    (void)why;
    if (f->asked == 100000)
        return 0; /* or a loop that does not end would not */
    f->asked++;
    for (size_t i = 0; i < n; i++)
        frames[i].len = write_datagram(frames[i].data, f->asked > f->others && i == 1 ? 9 : 68);
    return (ptrdiff_t)n;
}

static ptrdiff_t
transmit(void *ctx, const struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    (void)ctx;
    (void)frames;
    (void)now;
    (void)why;
    return (ptrdiff_t)n;
}

static void
no_news(void *ctx, unsigned events, estab_time now)
{
    (void)ctx;
    (void)events;
    (void)now;
}

/* Whoever sends nothing but datagrams to port 68 does not keep the loop from everything else: what the link has goes
 * on in the next turn. */
TEST(a_flood_of_dhcp_messages_does_not_hold_up_the_loop)
{
    struct flood flood = { .others = UINT32_MAX };
    struct packet_link link = { .ctx = &flood, .receive = receive, .transmit = transmit, .fd = -1 };
    struct estab_frame frames[4];
    uint8_t memory[4][100];
    struct lease lease = { 0 };
    struct failure why;
    struct loop *loop = estab_loop_new(&why);
    struct lease_config cfg = { .loop = loop, .device = "test0", .news = no_news };

    assert_non_null(loop);
    for (unsigned i = 0; i < 4; i++)
        frames[i] = (struct estab_frame){ .data = memory[i], .cap = 100 };
    assert_int_equal(estab_lease_begin(&lease, &cfg, &link, &why), 0);
    assert_int_equal(link.receive(link.ctx, frames, 4, ESTAB_SEC(1), &why), 0);
    assert_in_range(flood.asked, 1, 64);
    /* what is for others passes, with every buffer in its place */
    flood.others = flood.asked + 2;
    assert_int_equal(link.receive(link.ctx, frames, 4, ESTAB_SEC(1), &why), 1);
    assert_int_equal(flood.asked, flood.others + 1);
    assert_int_equal(frames[0].data[23], 9);
    for (unsigned i = 0; i < 4; i++) {
        unsigned found = 0;

        for (unsigned k = 0; k < 4; k++)
            found += frames[k].data == memory[i];
        assert_int_equal(found, 1);
    }
    estab_lease_end(&lease);
    estab_loop_free(loop);
}
