/* SPDX-License-Identifier: MIT */
/* The DHCP client and the stack beside each other on an Ethernet: the address granted is probed for
 * with the stack's ARP, and declined where somebody has it (RFC 2131 §4.4.1, RFC 5227 §2.1). */
#include "estab/dhcp.h"
#include "segment.h"

#include "wire/dhcp.h"

static const uint8_t server_mac[6] = { 2, 0, 0, 0, 0, 0x66 };

/* As an owner of both would: frames with DHCP messages go by the stack. */
struct joined {
    struct segment g;
    struct estab_dhcp dhcp;
    uint8_t mac[6];
    struct estab_dhcp_packet sent;
    struct dhcp_message said;
};

static void
join(struct joined *j, bool others)
{
    struct estab_dhcp_config cfg = { .hardware_type = 1, .hardware_len = 6, .probe = true };
    struct estab_addr taken = addr_of("192.0.2.50");

    seg_init(&j->g);
    seg_host(&j->g, NULL);
    seg_host(&j->g, NULL);
    if (others)
        assert_int_equal(estab_stack_add_address(j->g.host[1], 1, &taken, 24), 0);
    seg_run(&j->g, ESTAB_SEC(5));
    memset(cfg.secret, 5, sizeof(cfg.secret));
    seg_mac(j->mac, 0);
    memcpy(cfg.hardware, j->mac, 6);
    assert_int_equal(estab_dhcp_init(&j->dhcp, &cfg), 0);
    estab_dhcp_start(&j->dhcp, j->g.now);
}

static void
expect_sent(struct joined *j, unsigned type)
{
    assert_true(estab_dhcp_next_packet(&j->dhcp, &j->sent, j->g.now));
    assert_int_equal(estab_dhcp_parse(&j->said, j->sent.octets, j->sent.len),
                     ESTAB_DHCP_VERDICT_COUNT);
    assert_int_equal(j->said.type, type);
    assert_false(j->said.broadcast); /* we take frames by our hardware address */
}

/* The server's answer, through a frame. */
static void
answers(struct joined *j, uint8_t type, uint8_t last_octet)
{
    struct estab_dhcp_packet p = { .src = estab_addr_v4(192, 0, 2, 1),
                                   .dst = estab_addr_v4(255, 255, 255, 255) };
    const uint8_t options[] = { 53, 1, type, 54, 4, 192, 0,   2,   1,   51, 4,
                                0,  0, 2,    0,  1, 4,   255, 255, 255, 0,  255 };
    uint8_t frame[ESTAB_DHCP_FRAME], from[6];
    const uint8_t *message;
    size_t len;

    p.octets[0] = 2;
    p.octets[1] = 1;
    p.octets[2] = 6;
    put_be32(p.octets + 4, j->said.xid);
    memcpy(p.octets + 16, (uint8_t[]){ 192, 0, 2, last_octet }, 4);
    memcpy(p.octets + 28, j->mac, 6);
    put_be32(p.octets + 236, 0x63825363);
    memcpy(p.octets + DHCP_FIXED, options, sizeof(options));
    p.len = DHCP_LEAST;
    len = estab_dhcp_write_frame(&p, server_mac, NULL, 0, frame);
    frame[35] = 67; /* the ports of a reply: the sum stays right */
    frame[37] = 68;
    message = estab_dhcp_read_frame(frame, len, j->mac, 0, false, from, &len);
    assert_non_null(message);
    assert_memory_equal(from, server_mac, 6);
    (void)estab_dhcp_arrives(&j->dhcp, message, len, j->g.now);
}

/* The news PROBE, up to what the link says. */
static void
is_probed(struct joined *j)
{
    struct estab_address_info a;
    uint64_t cursor = 0;

    assert_int_equal(estab_dhcp_take_events(&j->dhcp), ESTAB_DHCP_PROBE);
    assert_int_equal(estab_stack_assign_address(j->g.host[0], 1, &j->dhcp.lease.addr,
                                                j->dhcp.lease.prefix_len, j->g.now),
                     0);
    do {
        seg_run(&j->g, ESTAB_MS(10));
        cursor = 0;
        assert_true(estab_stack_next_address(j->g.host[0], &cursor, &a));
    } while (a.state == ESTAB_ADDRESS_TENTATIVE);
    if (a.state == ESTAB_ADDRESS_DUPLICATE)
        assert_int_equal(estab_stack_remove_address(j->g.host[0], 1, &a.addr, j->g.now), 0);
    estab_dhcp_probed(&j->dhcp, a.state == ESTAB_ADDRESS_DUPLICATE, j->g.now);
}

TEST(an_address_that_nobody_has_is_ours_after_the_probes)
{
    struct joined j;
    estab_time before;

    join(&j, false);
    expect_sent(&j, DHCP_DISCOVER);
    answers(&j, DHCP_OFFER, 50);
    expect_sent(&j, DHCP_REQUEST);
    answers(&j, DHCP_ACK, 50);
    before = j.g.now;
    is_probed(&j);
    assert_true(j.g.now - before >= ESTAB_SEC(4) && j.g.now - before <= ESTAB_SEC(7));
    assert_int_equal(estab_dhcp_take_events(&j.dhcp), ESTAB_DHCP_LEASED);
    assert_true(estab_stack_is_local(j.g.host[0], &j.dhcp.lease.addr));
    /* the lease has run while the link was asked */
    assert_true(j.dhcp.lease.ends_at == before + ESTAB_SEC(512));
    seg_end(&j.g);
}

TEST(an_address_that_somebody_has_is_declined_and_another_asked_for_after_ten_seconds)
{
    struct joined j;
    struct estab_addr fifty = addr_of("192.0.2.50"), other = addr_of("192.0.2.51");

    join(&j, true);
    expect_sent(&j, DHCP_DISCOVER);
    answers(&j, DHCP_OFFER, 50);
    expect_sent(&j, DHCP_REQUEST);
    answers(&j, DHCP_ACK, 50);
    is_probed(&j);
    assert_int_equal(estab_dhcp_take_events(&j.dhcp), 0);
    expect_sent(&j, DHCP_DECLINE);
    assert_true(estab_addr_equal(&j.said.requested, &fifty));
    assert_false(estab_stack_is_local(j.g.host[0], &fifty));
    assert_true(estab_stack_is_local(j.g.host[1], &fifty));
    assert_true(estab_dhcp_deadline(&j.dhcp) - j.g.now >= ESTAB_SEC(10));
    seg_run(&j.g, estab_dhcp_deadline(&j.dhcp) - j.g.now);
    estab_dhcp_timeouts(&j.dhcp, j.g.now);
    expect_sent(&j, DHCP_DISCOVER);
    answers(&j, DHCP_OFFER, 51);
    expect_sent(&j, DHCP_REQUEST);
    answers(&j, DHCP_ACK, 51);
    is_probed(&j);
    assert_int_equal(estab_dhcp_take_events(&j.dhcp), ESTAB_DHCP_LEASED);
    assert_true(estab_stack_is_local(j.g.host[0], &other));
    seg_end(&j.g);
}
