/* SPDX-License-Identifier: MIT */
/* Packets of no connection that wait for the hardware address of their next hop: whole, however large, and
 * bounded. RFC 1122 §2.3.2.2, RFC 4861 §7.2.2. */
#include "segment.h"

#include "wire/checksum.h"
#include "wire/udp.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };
static const uint8_t us4[4] = { 10, 0, 0, 1 }, them4[4] = { 10, 0, 0, 9 };

static void
roomy(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->udp.receive_bytes_max = 1u << 20;
    cfg->icmp_per_second = 1000000;
}

static void
given(struct segment *g, unsigned h, const char *v4, const char *v6)
{
    struct estab_addr a4 = addr_of(v4), a6 = addr_of(v6);

    assert_int_equal(estab_stack_add_address(g->host[h], 1, &a4, 24), 0);
    assert_int_equal(estab_stack_add_address(g->host[h], 1, &a6, 64), 0);
}

static void
one_host(struct segment *g, void (*change)(struct estab_config *, struct estab_link *))
{
    seg_init(g);
    given(g, seg_host(g, change), "10.0.0.1", "2001:db8::1");
    seg_run(g, ESTAB_SEC(5));
    seg_forget(g);
}

static estab_udp
bound(struct segment *g, unsigned h, const char *any)
{
    struct estab_endpoint at = { .addr = addr_of(any), .port = 53 };
    estab_udp u;

    assert_int_equal(estab_udp_open(g->host[h], &at, NULL, &u, g->now), 0);
    return u;
}

static ptrdiff_t
send_to(struct segment *g, estab_udp u, const char *addr, const void *data, size_t len)
{
    struct estab_udp_message to = { .remote = { .addr = addr_of(addr), .port = 53 } };
    ptrdiff_t n = estab_udp_send(g->host[0], u, &to, data, len, g->now);

    seg_settle(g);
    return n;
}

/* Octets behind the IP headers of all that the host has sent in UDP or ICMP since the last look. */
static uint32_t
octets_sent(struct segment *g)
{
    const struct heard *f;
    uint32_t n = 0;

    while ((f = seg_next(g, 0)) != NULL) {
        struct ether_frame e;
        struct ip_header ip;

        assert_true(estab_ether_parse(&e, f->octets, f->len));
        if (e.type != ETHER_IPV4)
            continue;
        (void)estab_ip_parse(&ip, e.payload, e.payload_len, false);
        n += ip.payload_len;
    }
    return n;
}

static void
stranger_is(struct segment *g, const uint8_t addr[4])
{
    struct arp_packet a = { .op = ARP_REPLY };
    uint8_t mac[6];

    seg_mac(mac, 0);
    memcpy(a.sha, stranger, 6);
    memcpy(a.spa, addr, 4);
    memcpy(a.tha, mac, 6);
    memcpy(a.tpa, us4, 4);
    seg_say_arp(g, stranger, mac, &a);
    seg_settle(g);
}

/* The largest datagram that there is, and the first one that goes there. */
TEST(the_largest_datagram_survives_the_question_for_its_next_hop)
{
    static uint8_t text[65527], buf[65527];
    static const char *const anys[] = { "0.0.0.0", "::" };
    static const char *const addrs[] = { "10.0.0.2", "2001:db8::2" };

    sim_stream_fill(1, 0, text, sizeof(text));
    for (unsigned f = 0; f < 2; f++) {
        struct segment g;
        size_t len = f == 0 ? 65507 : 65527;
        estab_udp from, to;

        one_host(&g, roomy);
        given(&g, seg_host(&g, roomy), "10.0.0.2", "2001:db8::2");
        seg_run(&g, ESTAB_SEC(5));
        from = bound(&g, 0, anys[f]);
        to = bound(&g, 1, anys[f]);
        assert_int_equal(seg_neighbour_state(&g, 0, addrs[f]), 0);
        assert_int_equal(send_to(&g, from, addrs[f], text, len), len);
        assert_int_equal(estab_udp_receive(g.host[1], to, NULL, buf, sizeof(buf), g.now), len);
        assert_memory_equal(buf, text, len);
        assert_int_equal(seg_status(&g, 0).unreachable_drops, 0);
        assert_int_equal(seg_status(&g, 0).ring_bytes, 0);
        seg_end(&g);
    }
}

/* RFC 1122 §3.2.2.6: the answer to the largest echo as well, to who was never asked for before. */
TEST(the_answer_to_the_largest_echo_survives_too)
{
    static uint8_t echo[65515];
    struct segment g;
    uint8_t packet[FRAME], us[6];
    uint32_t at, n;

    one_host(&g, roomy);
    seg_mac(us, 0);
    (void)estab_icmp_write(echo, 4, 8, 0, 1, echo + 8, 65507, them4, us4);
    for (at = 0; at < sizeof(echo); at += n) {
        uint16_t sum;

        n = sizeof(echo) - at < 1480 ? (uint32_t)sizeof(echo) - at : 1480;
        (void)estab_ip_write(packet, 4, IP_PROTO_ICMP, 64, 0, them4, us4, 7, n);
        put_be16(packet + 6, (at + n < sizeof(echo) ? 0x2000u : 0) | at / 8);
        put_be16(packet + 10, 0);
        sum = (uint16_t)~csum_fold(estab_csum_add(packet, 20, 0));
        memcpy(packet + 10, &sum, 2);
        memcpy(packet + 20, echo + at, n);
        seg_say_ip(&g, stranger, us, packet, 20 + n);
    }
    seg_settle(&g);
    assert_int_equal(octets_sent(&g), 0);
    stranger_is(&g, them4);
    assert_int_equal(octets_sent(&g), 65515);
    assert_int_equal(seg_status(&g, 0).ring_bytes, 0);
    seg_end(&g);
}

/* While the queue of the interface is as good as full with another's, what waited goes on waiting, and goes then. */
TEST(what_waited_goes_when_there_is_room)
{
    static const uint8_t text[65507];
    struct estab_udp_message to = { .remote = { .port = 53 } };
    struct segment g;
    estab_udp u;

    one_host(&g, NULL);
    u = bound(&g, 0, "0.0.0.0");
    assert_int_equal(send_to(&g, u, "10.0.0.9", text, sizeof(text)), sizeof(text));
    assert_int_equal(send_to(&g, u, "10.0.0.8", text, 1), 1);
    stranger_is(&g, (const uint8_t[4]){ 10, 0, 0, 8 });
    seg_forget(&g);
    to.remote.addr = addr_of("10.0.0.8");
    assert_int_equal(estab_udp_send(g.host[0], u, &to, text, sizeof(text), g.now), sizeof(text));
    stranger_is(&g, them4);
    assert_int_equal(octets_sent(&g), 2 * 65515);
    assert_int_equal(seg_status(&g, 0).replies_dropped, 0);
    assert_int_equal(seg_status(&g, 0).unreachable_drops, 0);
    assert_int_equal(seg_status(&g, 0).ring_bytes, 0);
    /* a host may end while something waits */
    assert_int_equal(send_to(&g, u, "10.0.0.7", text, sizeof(text)), sizeof(text));
    assert_int_equal(estab_udp_send(g.host[0], u, &to, text, sizeof(text), g.now), sizeof(text));
    seg_end(&g);
}

/* limit: of one neighbour the largest packet, or several that are no more: the oldest go. */
TEST(of_one_neighbour_the_newest_stay)
{
    static const uint8_t text[40000];
    struct segment g;
    estab_udp u;

    one_host(&g, NULL);
    u = bound(&g, 0, "0.0.0.0");
    for (unsigned i = 1; i <= 9; i++)
        assert_int_equal(send_to(&g, u, "10.0.0.9", text, i), i);
    assert_int_equal(send_to(&g, u, "10.0.0.9", text, 40000), 40000);
    assert_int_equal(seg_status(&g, 0).unreachable_drops, 0);
    assert_int_equal(send_to(&g, u, "10.0.0.9", text, 30000), 30000);
    assert_int_equal(seg_status(&g, 0).unreachable_drops, 10);
    assert_int_equal(send_to(&g, u, "10.0.0.9", text, 100), 100);
    stranger_is(&g, them4);
    assert_int_equal(octets_sent(&g), 30008 + 108);
    assert_int_equal(seg_status(&g, 0).unreachable_drops, 10);
    seg_end(&g);
}

static void
little(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->neighbour_queue_bytes = 128 * 1024;
}

/* limit: neighbour_queue_bytes, of all together, in a flood of datagrams to those who do not exist: the oldest make
 * room, whoever is there gets the newest, and every octet comes back.
 * vuln: ARP cache exhaustion and poisoning */
TEST(of_all_neighbours_no_more_waits_than_the_limit)
{
    static const uint8_t text[65507];
    struct segment g;
    struct sim_prng dice;
    estab_udp u;
    uint64_t before;

    one_host(&g, little);
    sim_prng_seed(&dice, 5);
    u = bound(&g, 0, "0.0.0.0");
    for (unsigned i = 0; i < 2000; i++) {
        char to[20];

        seg_forget(&g);
        snprintf(to, sizeof(to), "10.0.0.%u", 20 + (unsigned)sim_prng_below(&dice, 200));
        (void)send_to(&g, u, to, text, (size_t)sim_prng_below(&dice, sizeof(text)));
        assert_in_range(seg_status(&g, 0).ring_bytes, 0, 128 * 1024);
    }
    seg_forget(&g);
    /* one alone may have it all */
    assert_int_equal(send_to(&g, u, "10.0.0.9", text, sizeof(text)), sizeof(text));
    assert_int_equal(seg_status(&g, 0).ring_bytes, 128 * 1024);
    stranger_is(&g, them4);
    assert_int_equal(octets_sent(&g), sizeof(text) + UDP_HEADER);
    /* each packet that waits in vain is counted */
    seg_run(&g, ESTAB_SEC(10));
    before = seg_status(&g, 0).unreachable_drops;
    for (unsigned i = 0; i < 3; i++)
        (void)send_to(&g, u, "10.0.0.10", text, 1000);
    seg_run(&g, ESTAB_SEC(5));
    assert_int_equal(seg_status(&g, 0).unreachable_drops, before + 3);
    assert_int_equal(seg_status(&g, 0).ring_bytes, 0);
    seg_end(&g);
}

static void
nothing(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->neighbour_queue_bytes = 2048;
}

/* What is larger than the limit is lost at once; what fits waits. */
TEST(what_is_larger_than_the_limit_is_lost)
{
    static const uint8_t text[3000];
    struct segment g;
    estab_udp u;

    one_host(&g, nothing);
    u = bound(&g, 0, "0.0.0.0");
    assert_int_equal(send_to(&g, u, "10.0.0.10", text, 500), 500);
    assert_int_equal(send_to(&g, u, "10.0.0.9", text, 3000), 3000);
    assert_int_equal(seg_status(&g, 0).unreachable_drops, 1);
    assert_int_equal(send_to(&g, u, "10.0.0.9", text, 600), 600);
    assert_int_equal(seg_status(&g, 0).unreachable_drops, 1);
    stranger_is(&g, them4);
    assert_int_equal(octets_sent(&g), 608);
    seg_end(&g);
}
