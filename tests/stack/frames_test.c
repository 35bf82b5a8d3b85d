/* SPDX-License-Identifier: MIT */
/* Frames cut off and altered at every octet: what was said wrongly changes nothing and costs little. */
#include "segment.h"

#include "wire/groups.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };
static const uint8_t them4[4] = { 10, 0, 0, 2 }, us4[4] = { 10, 0, 0, 1 };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

struct sample {
    uint8_t octets[256];
    uint32_t len;
};

static void
autoconf(struct estab_config *cfg, struct estab_link *link)
{
    cfg->accept_redirects = true;
    cfg->arp_per_second = cfg->icmp_per_second = 1000000;
    link->autoconf = true;
}

static void
one_host(struct segment *g)
{
    struct estab_addr a4 = addr_of("10.0.0.1"), a6 = addr_of("2001:db8::1");

    seg_init(g);
    seg_host(g, autoconf);
    assert_int_equal(estab_stack_add_address(g->host[0], 1, &a4, 24), 0);
    assert_int_equal(estab_stack_add_address(g->host[0], 1, &a6, 64), 0);
    seg_run(g, ESTAB_SEC(20));
    seg_forget(g);
}

static uint32_t
head(struct sample *s, const uint8_t *dst6, uint16_t type)
{
    uint8_t mac[6];

    seg_mac(mac, 0);
    if (dst6 != NULL && dst6[0] == 0xff)
        estab_ether_group(mac, dst6, 16);
    return estab_ether_write(s->octets, mac, stranger, 0, type);
}

static void
icmp6(struct sample *s, const uint8_t *src, const uint8_t *dst, uint8_t hops, uint8_t type,
      uint32_t rest, const uint8_t *body, uint32_t len)
{
    uint32_t at = head(s, dst, ETHER_IPV6);

    len = estab_icmp_write(s->octets + at + 40, 6, type, 0, rest, body, len, src, dst);
    (void)estab_ip_write(s->octets + at, 6, IP_PROTO_ICMPV6, hops, 0, src, dst, 0, len);
    s->len = at + 40 + len;
}

/* One good frame of each kind that this floor reads. */
static unsigned
make_samples(struct sample s[10])
{
    struct estab_addr us = addr_of("2001:db8::1"), them = addr_of("2001:db8::2"),
                      router = addr_of("fe80::66"), link = addr_of("fe80::77");
    struct arp_packet a = { .op = ARP_REQUEST };
    uint8_t body[96] = { 0 };
    uint32_t at;
    unsigned n = 0;

    memset(s, 0, 10 * sizeof(*s));
    memcpy(a.sha, stranger, 6);
    memcpy(a.spa, them4, 4);
    memcpy(a.tpa, us4, 4);
    at = head(&s[n], NULL, ETHER_ARP);
    estab_arp_write(s[n].octets + at, &a);
    s[n++].len = at + ARP_LEN;
    at = head(&s[n], NULL, ETHER_IPV4);
    (void)estab_icmp_write(s[n].octets + at + 20, 4, 8, 0, 7, body, 20, them4, us4);
    (void)estab_ip_write(s[n].octets + at, 4, IP_PROTO_ICMP, 64, 0, them4, us4, 0, 28);
    s[n++].len = at + 48;

    icmp6(&s[n++], them.bytes, us.bytes, 64, 128, 7, body, 20); /* echo */
    memcpy(body, us.bytes, 16);
    memcpy(body + 16, (uint8_t[8]){ 1, 1, 2, 0, 0, 0, 0, 0x66 }, 8);
    icmp6(&s[n++], them.bytes, us.bytes, 255, ND_NEIGHBOUR_SOLICIT, 0, body, 24);
    memcpy(body, them.bytes, 16);
    body[16] = 2;
    icmp6(&s[n++], them.bytes, us.bytes, 255, ND_NEIGHBOUR_ADVERT, 0x60000000, body, 24);
    memset(body, 0, 16);
    memcpy(body + 8, (uint8_t[8]){ 1, 1, 2, 0, 0, 0, 0, 0x66 }, 8);
    memcpy(body + 16,
           (uint8_t[20]){ 3, 4, 64, 0xc0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0x20, 1, 9, 9 }, 20);
    memset(body + 36, 0, 12);
    icmp6(&s[n++], router.bytes, all_nodes, 255, ND_ROUTER_ADVERT, 0x40000708, body, 48);
    memcpy(body, link.bytes, 16);
    memcpy(body + 16, addr_of("2001:db8:ffff::9").bytes, 16);
    icmp6(&s[n++], router.bytes, us.bytes, 255, ND_REDIRECT, 0, body, 32);
    memset(body, 0, 20);
    at = head(&s[n], all_nodes, ETHER_IPV6);
    (void)estab_icmp_write(s[n].octets + at + 48, 6, MLD_QUERY, 0, 1000 << 16, body, 20,
                           router.bytes, all_nodes);
    (void)estab_ip_write(s[n].octets + at, 6, 0, 1, 0, router.bytes, all_nodes, 0, 36);
    memcpy(s[n].octets + at + 40, (uint8_t[8]){ IP_PROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0 }, 8);
    s[n++].len = at + 76;
    return n;
}

/* What is heard by a host; what it says is well made. */
static void
say(struct segment *g, const uint8_t *frame, uint32_t len)
{
    struct ether_frame e;
    struct arp_packet a;
    struct ip_header ip;

    seg_forget(g);
    seg_deliver(g, HOSTS, frame, len);
    seg_settle(g);
    assert_true(g->n_heard <= 40); /* 4 KiB of answers that waited for one neighbour */
    for (const struct heard *f; (f = seg_next(g, 0)) != NULL;) {
        assert_true(estab_ether_parse(&e, f->octets, f->len));
        if (e.type == ETHER_ARP)
            assert_true(estab_arp_parse(&a, e.payload, e.payload_len));
        else
            assert_int_equal(estab_ip_parse(&ip, e.payload, e.payload_len, false), ESTAB_SEG_NONE);
    }
}

static uint64_t
accepted(const struct segment *g)
{
    struct estab_stack_status st = seg_status(g, 0);

    return st.verdicts[ESTAB_SEG_ACCEPTED_ARP] + st.verdicts[ESTAB_SEG_ACCEPTED_ND] +
           st.verdicts[ESTAB_SEG_ACCEPTED_ECHO] + st.verdicts[ESTAB_SEG_ACCEPTED_GROUP_QUERY];
}

TEST(the_samples_are_good_as_they_are)
{
    struct sample s[10];
    unsigned n = make_samples(s);

    for (unsigned i = 0; i < n; i++) {
        struct segment g;
        uint64_t before;

        one_host(&g);
        before = accepted(&g);
        /* an advertisement and a redirect need a question and a router before them */
        if (s[i].octets[54] == ND_NEIGHBOUR_ADVERT)
            say(&g, s[i - 1].octets, s[i - 1].len);
        if (s[i].octets[54] == ND_REDIRECT)
            say(&g, s[i - 1].octets, s[i - 1].len);
        before = accepted(&g);
        say(&g, s[i].octets, s[i].len);
        if (accepted(&g) != before + 1)
            fail_msg("sample %u", i);
        seg_end(&g);
    }
}

/* vuln: Treck IPv6/ARP/Ethernet OOB group (Ripple20) */
TEST(a_frame_cut_off_anywhere_is_dropped_and_changes_nothing)
{
    struct sample s[10];
    unsigned n = make_samples(s);
    struct segment g;
    uint64_t before, cursor = 0;
    struct estab_address_info a;
    unsigned addresses = 0;

    one_host(&g);
    before = accepted(&g);
    for (unsigned i = 0; i < n; i++)
        for (uint32_t len = 0; len < s[i].len; len++)
            say(&g, s[i].octets, len);
    assert_int_equal(accepted(&g), before);
    assert_int_equal(seg_status(&g, 0).neighbours, 0);
    while (estab_stack_next_address(g.host[0], &cursor, &a))
        addresses++;
    assert_int_equal(addresses, 3);
    seg_end(&g);
}

/* With any octet altered, and the checksum of ICMPv6 made right again so that it goes deep.
 * vuln: IPv6 neighbour/option parsing loops in tiny stacks */
TEST(a_frame_altered_anywhere_breaks_nothing)
{
    struct sample s[10];
    unsigned n = make_samples(s);

    for (unsigned i = 0; i < n; i++) {
        struct segment g;

        one_host(&g);
        for (uint32_t at = 0; at < s[i].len; at++)
            for (unsigned v = 0; v < 256; v += v < 8 || v > 246 ? 1 : 17) {
                struct sample x = s[i];

                x.octets[at] = (uint8_t)v;
                if (at > 54 && x.octets[12] == 0x86 && (at < 56 || at > 57)) {
                    uint8_t message[200];
                    uint32_t len = x.len - 54;

                    memcpy(message, x.octets + 54, len);
                    (void)estab_icmp_write(x.octets + 54, 6, message[0], message[1],
                                           get_be32(message + 4), message + 8, len - 8,
                                           x.octets + 22, x.octets + 38);
                }
                say(&g, x.octets, x.len);
            }
        assert_true(seg_status(&g, 0).neighbours < 1024 + 64);
        seg_end(&g);
    }
}

/* An echo of each length: the answer is as long, in fragments beyond what fits, and no frame is more
 * than the link takes.
 * vuln: lwIP ICMPv6 and link buffer overflow */
TEST(answers_are_as_long_as_what_they_answer_and_fit_the_link)
{
    struct segment g;
    struct estab_addr us = addr_of("2001:db8::1"), them = addr_of("2001:db8::2");

    one_host(&g);
    assert_int_equal(estab_stack_set_neighbour(g.host[0], 1, &them, stranger, g.now), 0);
    for (uint32_t len = 0; len <= 1520; len++) {
        static uint8_t body[1600], packet[1700];
        uint8_t mac[6];
        const struct heard *f;
        uint32_t icmp =
            estab_icmp_write(packet + 40, 6, 128, 0, 1, body, len, them.bytes, us.bytes);

        (void)estab_ip_write(packet, 6, IP_PROTO_ICMPV6, 64, 0, them.bytes, us.bytes, 0, icmp);
        seg_mac(mac, 0);
        seg_forget(&g);
        g.now += ESTAB_MS(10);
        seg_say_ip(&g, stranger, mac, packet, 40 + icmp);
        seg_settle(&g);
        f = seg_next(&g, 0);
        assert_non_null(f);
        if (40 + icmp <= 1500)
            assert_int_equal(f->len, 54 + icmp < 60 ? 60 : 54 + icmp);
        else /* in fragments */
            assert_in_range(f->len, 1400, 14 + 1500);
    }
    seg_end(&g);
}
