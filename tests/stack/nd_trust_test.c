/* SPDX-License-Identifier: MIT */
/* IPv6 on Ethernet: what is not believed, who is not answered, and what a router can make of a host. */
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

/* RFC6980-NDFRAG: also where the one fragment is the whole message, which needs no putting together, and behind other
 * headers; any other message in one is taken (RFC 6946). */
TEST(neighbours_are_not_discovered_in_an_atomic_fragment)
{
    static const uint8_t fragment[8] = { IP_PROTO_ICMPV6, [7] = 7 },
                         both[16] = { 60, [7] = 7, [8] = IP_PROTO_ICMPV6, 0, 1, 4 };
    struct estab_addr t = addr_of("2001:db8::9"), us = addr_of("2001:db8::1");
    struct estab_endpoint to = { .addr = t, .port = 80 };
    struct nd_message says = { .type = ND_NEIGHBOUR_ADVERT, .target = t.bytes },
                      asks = { .type = ND_NEIGHBOUR_SOLICIT, .target = us.bytes };
    struct segment g;
    estab_conn c;

    says.link = asks.link = stranger;
    says.solicited = true;
    seg_init(&g);
    given(&g, seg_host(&g, NULL), "2001:db8::1");
    seg_run(&g, ESTAB_SEC(5));
    assert_int_equal(estab_connect(g.host[0], NULL, &to, NULL, &c, g.now), 0);
    seg_settle(&g);
    seg_forget(&g);
    for (unsigned i = 0; i < 5; i++) {
        const uint8_t *ext = i % 2 == 0 ? fragment : both;
        uint8_t message[ND_MESSAGE_MAX] = { 0 }, packet[200], mac[6];
        uint32_t head = i % 2 == 0 ? 8 : 16, len;

        if (i < 4)
            len = estab_nd_write(message, i < 2 ? &says : &asks, t.bytes, us.bytes);
        else
            len = estab_icmp_write(message, 6, 128, 0, 1, message, 8, t.bytes, us.bytes);
        (void)estab_ip_write(packet, 6, 44, 255, 0, t.bytes, us.bytes, 0, head + len);
        memcpy(packet + 40, ext, head);
        memcpy(packet + 40 + head, message, len);
        seg_mac(mac, 0);
        seg_say_ip(&g, stranger, mac, packet, 40 + head + len);
        assert_int_equal(seg_status(&g, 0).verdicts[ESTAB_SEG_DROP_ND_MALFORMED],
                         i < 4 ? i + 1 : 4);
    }
    assert_int_equal(seg_status(&g, 0).verdicts[ESTAB_SEG_ACCEPTED_ECHO], 1);
    assert_int_equal(seg_neighbour_state(&g, 0, "2001:db8::9"), ESTAB_NEIGHBOUR_INCOMPLETE);
    seg_settle(&g);
    assert_null(seg_next(&g, 0)); /* no answer before it is known who he is */
    seg_end(&g);
}

/* The router advertises a prefix: its first octets, what stands behind them, its length, flags, lifetimes. */
static void
says_prefix(struct segment *g, uint8_t tail, uint8_t len, uint8_t flags, uint32_t valid,
            uint32_t preferred)
{
    static const uint8_t router[16] = { 0xfe, 0x80, [15] = 0x66 },
                         all_nodes[16] = { 0xff, 2, [15] = 1 };
    uint8_t m[16 + 32] = { 134 };

    put_be16(m + 6, 1800);
    m[16] = 3, m[17] = 4, m[18] = len, m[19] = flags;
    put_be32(m + 20, valid);
    put_be32(m + 24, preferred);
    put_be32(m + 32, 0x20010db8);
    m[37] = 0x10 | (tail >> 4); /* 2001:db8:1?::/44 */
    m[47] = tail;
    seg_say_icmp6(g, stranger, router, all_nodes, m, sizeof(m), 255);
    seg_settle(g);
}

static void
autoconf(struct estab_config *cfg, struct estab_link *link)
{
    (void)cfg;
    link->autoconf = true;
}

static unsigned
count_on_link(const struct segment *g)
{
    struct estab_route_info r;
    uint64_t cursor = 0;
    unsigned n = 0;

    while (estab_stack_next_route(g->host[0], &cursor, &r))
        n += r.prefix.family == ESTAB_INET6 && r.prefix.bytes[0] == 0x20 && r.prefix_len == 44;
    return n;
}

/* RFC 4861 §4.6.2: what stands behind the prefix is nothing. Else each advertisement of one would make another
 * route, until there is room for no more, and the end of its lifetime would end none of them. */
TEST(bits_behind_a_prefix_mean_nothing)
{
    struct segment g;

    seg_init(&g);
    (void)seg_host(&g, autoconf);
    seg_run(&g, ESTAB_SEC(3));
    for (unsigned tail = 0; tail < 40; tail++) {
        says_prefix(&g, (uint8_t)tail, 44, 0x80, 3600, 3600);
        assert_int_equal(count_on_link(&g), 1);
    }
    says_prefix(&g, 99, 44, 0x80, 0, 0);
    assert_int_equal(count_on_link(&g), 0);
    seg_end(&g);
}

static void
temporary(struct estab_config *cfg, struct estab_link *link)
{
    (void)cfg;
    link->autoconf = link->temporary = true;
}

/* The newest address of that kind in 2001:db8::/32; how many there are. */
static unsigned
find_addresses(const struct segment *g, bool temporary_ones, struct estab_address_info *out)
{
    struct estab_address_info a;
    uint64_t cursor = 0;
    unsigned n = 0;

    while (estab_stack_next_address(g->host[0], &cursor, &a))
        if (a.addr.bytes[0] == 0x20 && a.temporary == temporary_ones) {
            *out = a;
            n++;
        }
    return n;
}

/* RFC 8981 §3.4 (1), (2): what a router advertises again and again with short lifetimes keeps its temporary
 * address, and who talks from it, but for no longer than two days, and preferred for no longer than one. */
TEST(a_temporary_address_lives_as_long_as_its_prefix_is_advertised)
{
    struct estab_address_info first, is, public;
    estab_time began, preferred = 0, valid = 0;
    struct segment g;

    seg_init(&g);
    (void)seg_host(&g, temporary);
    seg_run(&g, ESTAB_SEC(3));
    began = g.now;
    says_prefix(&g, 0, 64, 0x40, 10800, 1800);
    seg_run(&g, ESTAB_SEC(3));
    assert_int_equal(find_addresses(&g, true, &first), 1);
    for (unsigned i = 0; i < 4 * 24 * 3; i++) {
        seg_run(&g, ESTAB_SEC(900));
        seg_forget(&g);
        says_prefix(&g, 0, 64, 0x40, 10800, 1800);
        assert_int_equal(find_addresses(&g, false, &public), 1);
        assert_true(find_addresses(&g, true, &is) <= 4);
        for (uint64_t cursor = 0; estab_stack_next_address(g.host[0], &cursor, &is);)
            if (estab_addr_equal(&is.addr, &first.addr)) {
                valid = g.now - began;
                if (is.state == ESTAB_ADDRESS_PREFERRED)
                    preferred = g.now - began;
            }
    }
    assert_in_range(preferred, ESTAB_SEC(86400 / 10 * 6 - 1800), ESTAB_SEC(86400));
    assert_in_range(valid, ESTAB_SEC(2 * 86400 - 1800), ESTAB_SEC(2 * 86400));
    seg_end(&g);
}

/* RFC 8981 §3.5: an address that a router says is preferred no more has no successor then; when he says the
 * opposite it is used again. */
TEST(a_temporary_address_is_preferred_again_when_its_prefix_is)
{
    struct estab_address_info a;
    struct segment g;

    seg_init(&g);
    (void)seg_host(&g, temporary);
    seg_run(&g, ESTAB_SEC(3));
    says_prefix(&g, 0, 64, 0x40, 86400, 3600);
    seg_run(&g, ESTAB_SEC(3));
    for (unsigned i = 0; i < 3; i++) {
        says_prefix(&g, 0, 64, 0x40, 86400, 0);
        seg_run(&g, ESTAB_SEC(60));
        assert_int_equal(find_addresses(&g, true, &a), 1);
        assert_int_equal(a.state, ESTAB_ADDRESS_DEPRECATED);
        says_prefix(&g, 0, 64, 0x40, 86400, 3600);
        seg_run(&g, ESTAB_SEC(60));
        assert_int_equal(find_addresses(&g, true, &a), 1);
        assert_int_equal(a.state, ESTAB_ADDRESS_PREFERRED);
    }
    /* silent for long: it could be preferred no more, but has a successor when the router speaks again */
    says_prefix(&g, 0, 64, 0x40, UINT32_MAX, 3600);
    seg_run(&g, ESTAB_SEC(86400 + 3600));
    assert_int_equal(find_addresses(&g, true, &a), 1);
    assert_int_equal(a.state, ESTAB_ADDRESS_DEPRECATED);
    says_prefix(&g, 0, 64, 0x40, UINT32_MAX, 3600);
    seg_run(&g, ESTAB_SEC(60));
    assert_int_equal(find_addresses(&g, true, &a), 2);
    assert_int_equal(a.state, ESTAB_ADDRESS_PREFERRED);
    /* and another one when both have ended */
    seg_run(&g, ESTAB_SEC(4 * 86400));
    assert_int_equal(find_addresses(&g, true, &a), 0);
    says_prefix(&g, 0, 64, 0x40, UINT32_MAX, 3600);
    seg_run(&g, ESTAB_SEC(60));
    assert_int_equal(find_addresses(&g, true, &a), 1);
    assert_int_equal(a.state, ESTAB_ADDRESS_PREFERRED);
    seg_end(&g);
}

/* Whoever speaks as a router, with lifetimes of seconds, makes no more addresses than an interface may have of
 * what is advertised: there is room for those of the user. */
TEST(short_lifetimes_do_not_fill_the_table_of_addresses)
{
    struct estab_addr ours = addr_of("2001:db8:9::1");
    struct estab_address_info a;
    struct segment g;

    seg_init(&g);
    (void)seg_host(&g, temporary);
    seg_run(&g, ESTAB_SEC(3));
    for (unsigned i = 0; i < 300; i++) {
        says_prefix(&g, 0, 64, 0x40, UINT32_MAX, 7);
        seg_run(&g, ESTAB_SEC(1));
        seg_forget(&g);
        assert_true(find_addresses(&g, true, &a) < 16);
    }
    assert_int_equal(estab_stack_add_address(g.host[0], 1, &ours, 64), 0);
    seg_end(&g);
}

/* RFC 4861 §6.3.4, §7.2.5: who advertises as a router is one, also where he does not name his hardware address, and a
 * gateway no more when he says that he is a router no longer. */
TEST(a_router_without_a_hardware_address_in_its_advertisements_can_retire)
{
    static const uint8_t router[16] = { 0xfe, 0x80, [15] = 0x66 };
    struct estab_addr far = addr_of("2001:db8:77::1"), us;
    struct estab_endpoint to = { .addr = far, .port = 80 };
    struct nd_message m = { .type = ND_NEIGHBOUR_ADVERT, .target = router, .link = stranger };
    struct estab_address_info a;
    struct segment g;
    uint64_t cursor = 0;
    estab_conn c;

    seg_init(&g);
    (void)seg_host(&g, autoconf);
    seg_run(&g, ESTAB_SEC(3));
    assert_true(estab_stack_next_address(g.host[0], &cursor, &a));
    us = a.addr; /* link-local */
    /* known as a neighbour before he is heard as a router */
    {
        struct nd_message asks = { .type = ND_NEIGHBOUR_SOLICIT, .target = us.bytes };

        asks.link = stranger;
        seg_say_nd(&g, stranger, router, us.bytes, &asks);
    }
    says_prefix(&g, 0, 64, 0x40, 86400, 86400);
    seg_run(&g, ESTAB_SEC(3));
    assert_int_equal(estab_connect(g.host[0], NULL, &to, NULL, &c, g.now), 0);
    m.override = true;
    seg_say_nd(&g, stranger, router, us.bytes, &m);
    assert_int_equal(estab_connect(g.host[0], NULL, &to, NULL, &c, g.now), -ESTAB_ENETUNREACH);
    seg_end(&g);
}
