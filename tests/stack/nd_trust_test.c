/* SPDX-License-Identifier: MIT */
/* IPv6 on Ethernet: what is not believed, and who is not answered. */
#include "segment.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };

static void
given(struct segment *g, unsigned host, const char *addr)
{
    struct estab_addr a = addr_of(addr);

    assert_int_equal(estab_stack_add_address(g->host[host], 1, &a, 64), 0);
}

static void
weak(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->strong_host = false;
}

/* The stranger says that he is `who`, to the first host. */
static void
says_he_is(struct segment *g, const uint8_t *who)
{
    struct estab_addr us = addr_of("2001:db8::1");
    struct nd_message m = {
        .type = ND_NEIGHBOUR_ADVERT, .target = who, .link = stranger, .solicited = true
    };

    seg_say_nd(g, stranger, who, us.bytes, &m);
}

/* RFC 4443 §2.4 (e), RFC 1122 §3.3.4.2, §3.2.1.3 (g): what is wrong with a header is told to who sent it to us, on
 * the interface that has the address and in a frame for us alone; else who is beside a host would learn
 * which addresses it has elsewhere (as CVE-2019-14899 did), and be answered by the loopback. */
TEST(a_problem_is_told_only_where_the_packet_would_have_been_taken)
{
    static const uint8_t all[6] = { 0x33, 0x33, 0, 0, 0, 1 };
    static const struct {
        const char *src, *dst;
        bool to_group, weak, strong; /* told, by that model of a host */
    } table[] = {
        { "2001:db8::9", "2001:db8::1", false, true, true },
        { "2001:db8::9", "2001:db8::1", true, false, false },
        { "2001:db8::9", "2001:db8:2::1", false, true, false }, /* of the other interface */
        { "2001:db8::9", "::1", false, false, false },
        { "::1", "2001:db8::1", false, false, false },
        { "::ffff:10.0.0.9", "2001:db8::1", false, false, false },
        { "2001:db8::9", "2001:db8::77", false, false, false }, /* nobody's */
    };
    /* an option nobody knows, a routing header, a fragment of no multiple of 8 octets */
    static const uint8_t next[3] = { 60, 43, 44 },
                         ext[3][8] = { { 59, 0, 0x9e, 4 }, { 59, 0, 0, 9 }, { 17, 0, 0, 1 } };

    for (unsigned strong = 0; strong < 2; strong++) {
        struct estab_link link = { .mtu = 1500, .kind = ESTAB_LINK_ETHERNET, .mac = { 2, 5 } };
        struct estab_addr other = addr_of("2001:db8:2::1"), any = addr_of("::");
        struct segment g;

        seg_init(&g);
        given(&g, seg_host(&g, strong ? NULL : weak), "2001:db8::1");
        assert_int_equal(estab_stack_add_interface(g.host[0], &link), 2);
        assert_int_equal(estab_stack_add_address(g.host[0], 2, &other, 64), 0);
        assert_int_equal(estab_stack_add_route(g.host[0], 1, &any, 0), 0);
        seg_run(&g, ESTAB_SEC(5));
        for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
            for (unsigned kind = 0; kind < 3; kind++) {
                struct estab_addr src = addr_of(table[i].src), dst = addr_of(table[i].dst);
                uint64_t told = seg_status(&g, 0).reasons[ESTAB_WHY_PARAMETER_PROBLEM];
                uint8_t packet[80] = { 0 }, mac[6];

                (void)estab_ip_write(packet, 6, next[kind], 64, 0, src.bytes, dst.bytes, 0, 20);
                memcpy(packet + 40, ext[kind], 8);
                seg_mac(mac, 0);
                seg_say_ip(&g, stranger, table[i].to_group ? all : mac, packet, 60);
                seg_settle(&g);
                says_he_is(&g, src.bytes);
                seg_run(&g, ESTAB_SEC(2));
                assert_int_equal(seg_status(&g, 0).reasons[ESTAB_WHY_PARAMETER_PROBLEM] - told,
                                 strong ? table[i].strong : table[i].weak);
            }
        seg_end(&g);
    }
}
