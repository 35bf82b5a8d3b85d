/* SPDX-License-Identifier: MIT */
/* Redirects of IPv4: RFC 792, RFC 1122 §3.2.2.2, §3.3.1.2. Those of IPv6: nd_test.c. */
#include "segment.h"

#include "wire/udp.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };

static void
led(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->accept_redirects = true;
}

static uint64_t
verdicts(struct segment *g, enum estab_verdict v)
{
    return seg_status(g, 0).verdicts[v];
}

/* The stranger is at that address, whatever the host asks. */
static void
is_at(struct segment *g, const char *addr)
{
    struct arp_packet a = { .op = ARP_REPLY };
    uint8_t mac[6];

    seg_mac(mac, 0);
    memcpy(a.sha, stranger, 6);
    a.sha[5] = addr_of(addr).bytes[3];
    memcpy(a.spa, addr_of(addr).bytes, 4);
    memcpy(a.tha, mac, 6);
    memcpy(a.tpa, addr_of("10.0.0.1").bytes, 4);
    seg_say_arp(g, a.sha, mac, &a);
    seg_settle(g);
}

/* A datagram to that address; the last octet of the station to which its frame went, 0: none left. */
static uint8_t
hop_to(struct segment *g, estab_udp u, const char *addr, uint8_t *packet)
{
    struct estab_udp_message to = { .remote = { .addr = addr_of(addr), .port = 53 } };
    const struct heard *f;
    struct arp_packet a;
    uint8_t hop = 0;

    seg_forget(g);
    assert_int_equal(estab_udp_send(g->host[0], u, &to, "text", 4, g->now), 4);
    seg_settle(g);
    while ((f = seg_next(g, 0)) != NULL) {
        if (as_arp(f, &a) != NULL) {
            char text[20];

            if (a.tpa[3] == 252)
                return 0; /* nobody is there */
            snprintf(text, sizeof(text), "10.0.0.%u", a.tpa[3]);
            is_at(g, text);
            continue;
        }
        hop = f->octets[5];
        memcpy(packet, f->octets + 14, 32);
    }
    return hop;
}

static void
says(struct segment *g, const char *from, const char *gateway, uint8_t code, const uint8_t *quote)
{
    struct estab_addr src = addr_of(from), us = addr_of("10.0.0.1");
    uint8_t packet[100], mac[6];
    uint32_t len = estab_icmp_write(packet + 20, 4, 5, code, get_be32(addr_of(gateway).bytes),
                                    quote, 28, src.bytes, us.bytes);

    (void)estab_ip_write(packet, 4, IP_PROTO_ICMP, 64, 0, src.bytes, us.bytes, 0, len);
    seg_mac(mac, 0);
    seg_say_ip(g, stranger, mac, packet, 20 + len);
    seg_settle(g);
}

static estab_udp
world(struct segment *g, void (*change)(struct estab_config *, struct estab_link *))
{
    struct estab_addr a = addr_of("10.0.0.1"), any = { .family = ESTAB_INET },
                      gateway = addr_of("10.0.0.254");
    struct estab_endpoint at = { .addr = any, .port = 1000 };
    estab_udp u;

    seg_init(g);
    seg_host(g, change);
    assert_int_equal(estab_stack_add_address(g->host[0], 1, &a, 24), 0);
    assert_int_equal(estab_stack_add_gateway(g->host[0], 1, &any, 0, &gateway), 0);
    seg_run(g, ESTAB_SEC(5));
    assert_int_equal(estab_udp_open(g->host[0], &at, NULL, &u, g->now), 0);
    return u;
}

/* RFC1122-3.3.1.2: from the router in use, to a host of this network, about what was sent: that destination alone
 * goes another way, for ten minutes; a redirect for a network is one for the host.
 * vuln: ICMP redirect hijack */
TEST(a_redirect_leads_one_destination_another_way)
{
    for (uint8_t code = 0; code < 4; code++) {
        struct segment g;
        estab_udp u = world(&g, led);
        uint8_t quote[32];

        assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 254);
        says(&g, "10.0.0.254", "10.0.0.253", code, quote);
        assert_int_equal(verdicts(&g, ESTAB_SEG_ACCEPTED_REDIRECT), 1);
        assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 253);
        assert_int_equal(hop_to(&g, u, "192.0.2.2", quote), 254);
        seg_run(&g, ESTAB_SEC(600));
        assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 254);
        seg_end(&g);
    }
}

/* RFC1122-3.3.1.2: from another than the router in use; to what is not on the link, to us, to nobody, to the router
 * itself; about what was not sent; where the user does not want it: nothing changes.
 * vuln: ICMP redirect hijack */
TEST(a_redirect_that_cannot_be_right_changes_nothing)
{
    static const struct {
        const char *from, *gateway;
    } wrong[] = {
        { "10.0.0.77", "10.0.0.253" },  { "192.0.2.1", "10.0.0.253" },
        { "10.0.0.254", "10.0.1.253" }, { "10.0.0.254", "192.0.2.9" },
        { "10.0.0.254", "10.0.0.1" },   { "10.0.0.254", "10.0.0.255" },
        { "10.0.0.254", "127.0.0.1" },  { "10.0.0.254", "0.0.0.0" },
        { "10.0.0.254", "224.0.0.1" },  { "10.0.0.254", "255.255.255.255" },
        { "10.0.0.254", "10.0.0.254" }, { "10.0.0.254", "10.0.0.0" },
    };
    struct segment g;
    estab_udp u = world(&g, led);
    uint8_t quote[32], other[32];

    assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 254);
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        says(&g, wrong[i].from, wrong[i].gateway, 1, quote);
        assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ICMP_UNRELATED), i + 1);
    }
    memcpy(other, quote, 32);
    other[19] = 9; /* another destination */
    says(&g, "10.0.0.254", "10.0.0.253", 1, other);
    memcpy(other, quote, 32);
    other[23] ^= 1; /* another port */
    says(&g, "10.0.0.254", "10.0.0.253", 1, other);
    memcpy(other, quote, 32);
    other[15] = 9; /* not from us */
    says(&g, "10.0.0.254", "10.0.0.253", 1, other);
    memcpy(other, quote, 32);
    other[9] = IP_PROTO_TCP; /* there is no such connection */
    says(&g, "10.0.0.254", "10.0.0.253", 1, other);
    assert_int_equal(verdicts(&g, ESTAB_SEG_ACCEPTED_REDIRECT), 0);
    assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 254);
    seg_end(&g);
    u = world(&g, NULL);
    assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 254);
    says(&g, "10.0.0.254", "10.0.0.253", 1, quote);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ICMP_UNKNOWN), 1);
    assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 254);
    seg_end(&g);
}

/* A connection follows as well, about its segments in flight; and RFC 1122 §3.3.1.4: when nobody answers at the new
 * hop, the old one is used again. */
TEST(a_new_hop_that_is_dead_is_left_again)
{
    struct segment g;
    struct estab_endpoint to = { .addr = addr_of("192.0.2.7"), .port = 80 };
    estab_udp u = world(&g, led);
    uint8_t quote[32], syn[40];
    const struct heard *f;
    estab_conn c;

    assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 254);
    says(&g, "10.0.0.254", "10.0.0.252", 1, quote);
    assert_int_equal(verdicts(&g, ESTAB_SEG_ACCEPTED_REDIRECT), 1);
    assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 0);
    seg_run(&g, ESTAB_SEC(5));
    assert_int_equal(hop_to(&g, u, "192.0.2.1", quote), 254);
    seg_forget(&g);
    assert_int_equal(estab_connect(g.host[0], NULL, &to, NULL, &c, g.now), 0);
    seg_settle(&g);
    f = seg_next(&g, 0);
    assert_non_null(f);
    memcpy(syn, f->octets + 14, 40);
    syn[27] ^= 1; /* a sequence number that is not in flight */
    says(&g, "10.0.0.254", "10.0.0.253", 1, syn);
    assert_int_equal(verdicts(&g, ESTAB_SEG_ACCEPTED_REDIRECT), 1);
    syn[27] ^= 1;
    says(&g, "10.0.0.254", "10.0.0.253", 1, syn);
    assert_int_equal(verdicts(&g, ESTAB_SEG_ACCEPTED_REDIRECT), 2);
    is_at(&g, "10.0.0.253");
    seg_forget(&g);
    seg_run(&g, ESTAB_MS(1100)); /* the SYN again */
    for (f = seg_next(&g, 0); f != NULL && f->octets[13] == 6; f = seg_next(&g, 0)) {
        struct arp_packet a;

        if (as_arp(f, &a) != NULL && a.tpa[3] == 253)
            is_at(&g, "10.0.0.253");
    }
    assert_non_null(f);
    assert_int_equal(f->octets[5], 253);
    seg_end(&g);
}

/* limit: redirects of a host: 16, the oldest goes. */
TEST(redirects_of_ipv4_stay_within_their_limit)
{
    struct segment g;
    estab_udp u = world(&g, led);
    uint8_t quote[32];

    for (unsigned i = 1; i <= 200; i++) {
        char dst[20];

        snprintf(dst, sizeof(dst), "192.0.2.%u", i);
        assert_int_equal(hop_to(&g, u, dst, quote), 254);
        says(&g, "10.0.0.254", "10.0.0.253", 1, quote);
        assert_int_equal(verdicts(&g, ESTAB_SEG_ACCEPTED_REDIRECT), i);
        seg_run(&g, ESTAB_MS(1));
    }
    assert_int_equal(hop_to(&g, u, "192.0.2.200", quote), 253);
    assert_int_equal(hop_to(&g, u, "192.0.2.185", quote), 253);
    assert_int_equal(hop_to(&g, u, "192.0.2.184", quote), 254);
    seg_end(&g);
}
