/* SPDX-License-Identifier: MIT */
/* IPv6 on Ethernet: neighbour discovery, addresses that configure themselves, groups. */
#include "ip/fragment.h"
#include "segment.h"

#include "wire/groups.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };
static const uint8_t router[16] = { 0xfe, 0x80, [15] = 0x66 };
static const uint8_t nobody[16], all_nodes[16] = { 0xff, 2, [15] = 1 };

static void
given(struct segment *g, unsigned host, const char *addr)
{
    struct estab_addr a = addr_of(addr);

    assert_int_equal(estab_stack_add_address(g->host[host], 1, &a, 64), 0);
}

static void
two_hosts(struct segment *g)
{
    seg_init(g);
    given(g, seg_host(g, NULL), "2001:db8::1");
    given(g, seg_host(g, NULL), "2001:db8::2");
    seg_run(g, ESTAB_SEC(5));
    seg_forget(g);
}

static void
listens(struct segment *g, unsigned host)
{
    struct estab_endpoint at = { .port = 80 };
    estab_conn l;

    assert_int_equal(estab_listen(g->host[host], &at, 16, NULL, &l, g->now), 0);
}

static estab_conn
dial(struct segment *g, unsigned host, const char *addr)
{
    struct estab_endpoint to = { .addr = addr_of(addr), .port = 80 };
    estab_conn c;

    assert_int_equal(estab_connect(g->host[host], NULL, &to, NULL, &c, g->now), 0);
    return c;
}

static uint8_t
state_of(struct segment *g, unsigned host, estab_conn c)
{
    struct estab_status st;

    assert_int_equal(estab_status(g->host[host], c, &st), 0);
    return st.state;
}

static uint64_t
verdicts(struct segment *g, enum estab_verdict v)
{
    return seg_status(g, 0).verdicts[v];
}

static unsigned
count_addresses(const struct segment *g, unsigned host)
{
    struct estab_address_info a;
    uint64_t cursor = 0;
    unsigned n = 0;

    while (estab_stack_next_address(g->host[host], &cursor, &a))
        n++;
    return n;
}

/* The address of ours that begins with these two octets, the n-th. */
static bool
address(const struct segment *g, unsigned host, uint8_t a, uint8_t b, unsigned n,
        struct estab_address_info *out)
{
    uint64_t cursor = 0;

    while (estab_stack_next_address(g->host[host], &cursor, out))
        if (out->addr.bytes[0] == a && out->addr.bytes[1] == b && n-- == 0)
            return true;
    return false;
}

static void
with_identity(struct estab_config *cfg, struct estab_link *link)
{
    memset(cfg->identity, 9, sizeof(cfg->identity));
    link->autoconf = true;
    link->temporary = true;
    seg_mac(link->mac, 0); /* each the same station, as if it came again */
}

static void
says_prefix(struct segment *g)
{
    uint8_t m[16 + 32] = { 134 };

    put_be16(m + 6, 1800);
    m[16] = 3, m[17] = 4, m[18] = 64, m[19] = 0xc0;
    put_be32(m + 20, 3600);
    put_be32(m + 24, 3600);
    put_be32(m + 32, 0x20010db8);
    seg_say_icmp6(g, stranger, router, all_nodes, m, sizeof(m), 255);
    seg_run(g, ESTAB_SEC(5));
}

/* RFC 7217 §5: with an identity that is kept the addresses of a host are the same in its next life, in which its
 * secret is another; RFC 8981 §3.3.2: those that are to change do. */
TEST(a_host_with_an_identity_has_its_addresses_again)
{
    struct estab_address_info was[3], is;

    for (unsigned life = 0; life < 2; life++) {
        struct segment g;

        seg_init(&g);
        g.hosts = life; /* the secret is by this number */
        seg_host(&g, with_identity);
        seg_run(&g, ESTAB_SEC(3));
        says_prefix(&g);
        assert_int_equal(count_addresses(&g, life), 3);
        for (unsigned i = 0; i < 3; i++) {
            uint64_t cursor = i;

            assert_true(estab_stack_next_address(g.host[life], &cursor, &is));
            if (life == 0)
                was[i] = is;
            else
                assert_int_equal(estab_addr_equal(&is.addr, &was[i].addr), !is.temporary);
        }
        seg_end(&g);
    }
}

/* RFC 4861 §7.2.2: to the solicited-node group, with our own address in it. */
TEST(a_connection_solicits_its_neighbour_first)
{
    struct segment g;
    struct ip_header ip;
    struct nd_message m;
    const struct heard *f;
    estab_conn c;

    two_hosts(&g);
    listens(&g, 1);
    c = dial(&g, 0, "2001:db8::2");
    seg_settle(&g);
    f = seg_next_nd(&g, 0, ND_NEIGHBOUR_SOLICIT, &ip, &m);
    assert_ptr_equal(f, &g.heard[0]);
    assert_int_equal(get_be32(f->octets), 0x3333ff00);
    assert_int_equal(m.link[5], 0x10);
    assert_true(as_nd(&g.heard[1], &ip, &m));
    assert_int_equal(m.type, ND_NEIGHBOUR_ADVERT);
    assert_true(m.solicited && m.override && !m.router);
    assert_int_equal(state_of(&g, 0, c), ESTAB_TCPS_ESTABLISHED);
    assert_int_equal(seg_neighbour_state(&g, 0, "2001:db8::2"), ESTAB_NEIGHBOUR_REACHABLE);
    /* RFC 4861 §7.2.3: who was asked has learnt who asks, and TCP's progress has confirmed it */
    assert_int_equal(seg_neighbour_state(&g, 1, "2001:db8::1"), ESTAB_NEIGHBOUR_REACHABLE);
    seg_end(&g);
}

static void
says_advert(struct segment *g, const char *target, const uint8_t *mac, bool solicited,
            bool override)
{
    struct estab_addr t = addr_of(target), us = addr_of("2001:db8::1");
    struct nd_message m = { .type = ND_NEIGHBOUR_ADVERT,
                            .target = t.bytes,
                            .link = mac,
                            .solicited = solicited,
                            .override = override };

    seg_say_nd(g, stranger, t.bytes, us.bytes, &m);
}

/* RFC 4861 §7.2.5, the table of what an advertisement may do. */
TEST(an_advertisement_moves_the_entry_as_its_flags_say)
{
    static const uint8_t other[6] = { 2, 7, 7, 7, 7, 7 };
    static const struct {
        bool solicited, override, same;
        uint8_t state;
        bool takes_mac;
    } cases[] = {
        { true, false, true, ESTAB_NEIGHBOUR_REACHABLE, false },
        { false, false, true, ESTAB_NEIGHBOUR_REACHABLE, false },
        { true, false, false, ESTAB_NEIGHBOUR_STALE, false },
        { false, false, false, ESTAB_NEIGHBOUR_STALE, false },
        { true, true, false, ESTAB_NEIGHBOUR_REACHABLE, true },
        { false, true, false, ESTAB_NEIGHBOUR_STALE, true },
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct segment g;
        struct estab_neighbour_info n;

        two_hosts(&g);
        (void)dial(&g, 0, "2001:db8::9");
        seg_settle(&g);
        says_advert(&g, "2001:db8::9", stranger, true, true);
        assert_int_equal(seg_neighbour_state(&g, 0, "2001:db8::9"), ESTAB_NEIGHBOUR_REACHABLE);
        says_advert(&g, "2001:db8::9", cases[i].same ? stranger : other, cases[i].solicited,
                    cases[i].override);
        assert_true(seg_neighbour(&g, 0, "2001:db8::9", &n));
        assert_int_equal(n.state, cases[i].state);
        assert_memory_equal(n.mac, cases[i].takes_mac ? other : stranger, 6);
        seg_end(&g);
    }
}

TEST(an_advertisement_nobody_asked_for_makes_no_entry)
{
    struct segment g;
    uint64_t before;

    two_hosts(&g);
    before = verdicts(&g, ESTAB_SEG_DROP_ND_UNASKED);
    says_advert(&g, "2001:db8::9", stranger, false, true);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ND_UNASKED), before + 1);
    assert_int_equal(seg_status(&g, 0).neighbours, 0);
    seg_end(&g);
}

/* RFC4861-7.1: RFC 4861 §7.1: one octet wrong, and it is not heard. */
TEST(an_advertisement_from_afar_or_with_a_bad_checksum_is_not_heard)
{
    struct segment g;
    struct estab_addr t = addr_of("2001:db8::9"), us = addr_of("2001:db8::1");
    struct nd_message m = {
        .type = ND_NEIGHBOUR_ADVERT, .target = t.bytes, .link = stranger, .solicited = true
    };
    uint8_t message[ND_MESSAGE_MAX], packet[40 + ND_MESSAGE_MAX], mac[6];
    uint32_t len = estab_nd_write(message, &m, t.bytes, us.bytes);

    two_hosts(&g);
    (void)dial(&g, 0, "2001:db8::9");
    seg_settle(&g);
    seg_say_icmp6(&g, stranger, t.bytes, us.bytes, message, len, 254);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ND_HOP_LIMIT), 1);
    (void)estab_ip_write(packet, 6, IP_PROTO_ICMPV6, 255, 0, t.bytes, us.bytes, 0, len);
    memcpy(packet + 40, message, len);
    packet[60] ^= 1;
    seg_mac(mac, 0);
    seg_say_ip(&g, stranger, mac, packet, 40 + len);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ICMP_MALFORMED), 1);
    assert_int_equal(seg_neighbour_state(&g, 0, "2001:db8::9"), ESTAB_NEIGHBOUR_INCOMPLETE);
    seg_end(&g);
}

static void
few_neighbours(struct estab_config *cfg, struct estab_link *link)
{
    (void)link;
    cfg->max_neighbours = 16;
    cfg->max_unresolved_neighbours = 4;
    cfg->arp_per_second = 1000000;
}

/* Limits of the cache that are raised while it is in use are those of its creation.
 * vuln: ND cache exhaustion */
TEST(limits_of_neighbours_raised_later_are_those_of_creation)
{
    struct segment g;
    struct estab_addr us = addr_of("2001:db8::1");
    struct estab_config cfg;
    struct estab_stack_status st;

    seg_init(&g);
    given(&g, seg_host(&g, few_neighbours), "2001:db8::1");
    seg_run(&g, ESTAB_SEC(5));
    estab_stack_get_config(g.host[0], &cfg);
    cfg.max_neighbours = cfg.max_unresolved_neighbours = 1u << 20;
    assert_int_equal(estab_stack_set_config(g.host[0], &cfg, g.now), 0);
    for (uint32_t i = 0; i < 200; i++) {
        uint8_t src[16] = { 0x20, 1, 0xd, 0xb8, [8] = 1 }, mac[6] = { 2, 4 };
        struct nd_message m = { .type = ND_NEIGHBOUR_SOLICIT, .target = us.bytes, .link = mac };
        uint8_t echo[16] = { 128 };

        put_be32(src + 12, i);
        put_be32(mac + 2, i);
        seg_forget(&g);
        if (i % 2 == 0)
            seg_say_nd(&g, mac, src, us.bytes, &m);
        else /* its answer waits */
            seg_say_icmp6(&g, mac, src, us.bytes, echo, 16, 64);
        seg_settle(&g);
        st = seg_status(&g, 0);
        assert_in_range(st.neighbours, 1, 16 + 4);
    }
    seg_end(&g);
}

/* vuln: ND cache exhaustion */
TEST(solicitations_from_everywhere_leave_the_used_neighbour_and_the_limit_alone)
{
    struct segment g;
    struct estab_addr us = addr_of("2001:db8::1");
    estab_conn c;

    seg_init(&g);
    given(&g, seg_host(&g, few_neighbours), "2001:db8::1");
    given(&g, seg_host(&g, NULL), "2001:db8::2");
    listens(&g, 1);
    seg_run(&g, ESTAB_SEC(5));
    c = dial(&g, 0, "2001:db8::2");
    seg_settle(&g);
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t src[16] = { 0x20, 1, 0xd, 0xb8, [8] = 1 }, mac[6] = { 2, 4 };
        struct nd_message m = { .type = ND_NEIGHBOUR_SOLICIT, .target = us.bytes, .link = mac };

        put_be32(src + 12, i);
        put_be32(mac + 2, i);
        g.n_heard = 0;
        seg_say_nd(&g, mac, src, us.bytes, &m);
        if (i % 32 == 0)
            seg_settle(&g);
    }
    assert_true(seg_status(&g, 0).neighbours <= 20);
    assert_int_equal(seg_neighbour_state(&g, 0, "2001:db8::2"), ESTAB_NEIGHBOUR_REACHABLE);
    assert_int_equal(estab_send(g.host[0], c, "x", 1, g.now), 1);
    seg_run(&g, ESTAB_SEC(1));
    assert_int_equal(state_of(&g, 0, c), ESTAB_TCPS_ESTABLISHED);
    seg_end(&g);
}

/* ---- duplicate address detection, RFC 4862 §5.4 ---- */

TEST(an_assigned_address_is_solicited_for_and_then_ours)
{
    struct segment g;
    struct estab_addr want = addr_of("2001:db8::7");
    struct ip_header ip;
    struct nd_message m;

    seg_init(&g);
    seg_host(&g, NULL);
    assert_int_equal(estab_stack_assign_address(g.host[0], 1, &want, 64, g.now), 0);
    seg_settle(&g);
    assert_false(estab_stack_is_local(g.host[0], &want));
    seg_run(&g, ESTAB_SEC(3));
    assert_true(estab_stack_is_local(g.host[0], &want));
    assert_non_null(seg_next_nd(&g, 0, ND_NEIGHBOUR_SOLICIT, &ip, &m));
    assert_memory_equal(ip.src, nobody, 16);
    assert_null(m.link);
    assert_memory_equal(m.target, want.bytes, 16);
    seg_end(&g);
}

/* RFC4862-5.4: RFC 4862 §5.4.3, §5.4.4. vuln: Duplicate-address denial */
TEST(a_tentative_address_that_another_has_or_wants_is_never_used)
{
    for (unsigned how = 0; how < 2; how++) {
        struct segment g;
        struct estab_addr want = addr_of("2001:db8::7");
        struct nd_message na = { .type = ND_NEIGHBOUR_ADVERT,
                                 .target = want.bytes,
                                 .link = stranger,
                                 .override = true },
                          ns = { .type = ND_NEIGHBOUR_SOLICIT, .target = want.bytes };
        struct estab_address_info info;
        uint64_t cursor = 0;
        uint8_t group[16];

        seg_init(&g);
        seg_host(&g, NULL);
        assert_int_equal(estab_stack_assign_address(g.host[0], 1, &want, 64, g.now), 0);
        seg_settle(&g);
        estab_nd_solicited_node(group, want.bytes);
        if (how == 0)
            seg_say_nd(&g, stranger, want.bytes, all_nodes, &na);
        else
            seg_say_nd(&g, stranger, nobody, group, &ns);
        seg_run(&g, ESTAB_SEC(5));
        assert_false(estab_stack_is_local(g.host[0], &want));
        assert_true(estab_stack_next_address(g.host[0], &cursor, &info));
        assert_int_equal(info.state, ESTAB_ADDRESS_DUPLICATE);
        assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ND_CONFLICT), 1);
        seg_end(&g);
    }
}

/* RFC 4862 §5.4.3: the owner says so, to all. */
TEST(the_owner_of_an_address_answers_who_wants_it)
{
    struct segment g;
    struct estab_addr want = addr_of("2001:db8::2");

    two_hosts(&g);
    assert_int_equal(estab_stack_assign_address(g.host[0], 1, &want, 64, g.now), 0);
    seg_run(&g, ESTAB_SEC(5));
    assert_false(estab_stack_is_local(g.host[0], &want));
    assert_true(estab_stack_is_local(g.host[1], &want));
    seg_end(&g);
}

/* ---- addresses that configure themselves ---- */

static void
autoconf(struct estab_config *cfg, struct estab_link *link)
{
    (void)cfg;
    link->autoconf = true;
}

static void
temporary(struct estab_config *cfg, struct estab_link *link)
{
    (void)cfg;
    link->autoconf = link->temporary = true;
}

struct advert {
    uint16_t lifetime;
    uint32_t mtu, valid, preferred;
    uint16_t prefix; /* 2001:db8:PREFIX::/64 */
    uint8_t hop_limit, flags;
};

static void
says_router_at(struct segment *g, const uint8_t *from, const struct advert *a)
{
    uint8_t m[16 + 8 + 8 + 32] = { ND_ROUTER_ADVERT };

    m[4] = a->hop_limit;
    put_be16(m + 6, a->lifetime);
    m[16] = 1;
    m[17] = 1;
    memcpy(m + 18, stranger, 6);
    m[24] = 5;
    m[25] = 1;
    put_be32(m + 28, a->mtu);
    m[32] = 3;
    m[33] = 4;
    m[34] = 64;
    m[35] = a->flags != 0 ? a->flags : 0xc0;
    put_be32(m + 36, a->valid);
    put_be32(m + 40, a->preferred);
    put_be32(m + 48, 0x20010db8);
    put_be16(m + 52, a->prefix);
    seg_say_icmp6(g, stranger, from, all_nodes, m, sizeof(m), 255);
    seg_settle(g);
}

static void
says_router(struct segment *g, const struct advert *a)
{
    says_router_at(g, router, a);
}

static void
one_autoconf(struct segment *g, void (*change)(struct estab_config *, struct estab_link *))
{
    seg_init(g);
    seg_host(g, change);
    seg_run(g, ESTAB_SEC(3));
}

/* RFC 4862 §5.3, RFC 4861 §6.3.7 */
TEST(an_interface_gives_itself_a_link_local_address_and_asks_for_routers)
{
    struct segment g;
    struct estab_address_info a;
    struct ip_header ip;
    struct nd_message m;
    unsigned asked = 0;
    estab_time last = 0;

    one_autoconf(&g, autoconf);
    assert_true(address(&g, 0, 0xfe, 0x80, 0, &a));
    assert_int_equal(a.state, ESTAB_ADDRESS_PREFERRED);
    seg_run(&g, ESTAB_SEC(60));
    for (const struct heard *f; (f = seg_next_nd(&g, 0, ND_ROUTER_SOLICIT, &ip, &m)) != NULL;
         asked++) {
        assert_true(last == 0 || f->at - last == ESTAB_SEC(4));
        last = f->at;
    }
    assert_int_equal(asked, 3);
    seg_end(&g);
}

TEST(a_router_gives_an_address_a_way_and_an_mtu)
{
    struct segment g;
    struct estab_address_info a;
    struct estab_status st;
    struct ip_header ip;
    struct nd_message m;
    estab_conn c;
    const struct heard *f;

    one_autoconf(&g, autoconf);
    says_router(&g, &(struct advert){ 1800, 1400, 86400, 14400, 1, 64, 0 });
    seg_forget(&g);
    seg_run(&g, ESTAB_SEC(3));
    assert_null(seg_next_nd(&g, 0, ND_ROUTER_SOLICIT, &ip, &m)); /* RFC 4861 §6.3.7: enough */
    assert_true(address(&g, 0, 0x20, 1, 0, &a));
    assert_int_equal(a.state, ESTAB_ADDRESS_PREFERRED);
    c = dial(&g, 0, "2001:db8:ffff::1");
    seg_forget(&g);
    seg_settle(&g);
    f = seg_next(&g, 0);
    assert_non_null(f);
    assert_memory_equal(f->octets, stranger,
                        6); /* the SYN, to the router, whom it has told us of */
    assert_memory_equal(f->octets + 14 + 8, a.addr.bytes, 16);
    assert_int_equal(estab_status(g.host[0], c, &st), 0);
    assert_int_equal(get_be16(f->octets + 14 + 40 + 22), 1400 - 60);
    seg_end(&g);
}

/* RFC6724-SRC: rule 5.5: two providers, each with a router and a prefix: what goes to one's router comes from its
 * prefix, although the other's is nearer to the destination; when that router is gone, from the other's. */
TEST(a_source_is_of_the_router_in_use)
{
    struct segment g;
    struct estab_address_info first, second;
    static const uint8_t other[16] = { 0xfe, 0x80, [15] = 0x67 };
    struct estab_status st;
    estab_conn c;

    one_autoconf(&g, autoconf);
    says_router(&g, &(struct advert){ 1800, 1500, 86400, 14400, 1, 64, 0 });
    says_router_at(&g, other, &(struct advert){ 1800, 1500, 86400, 14400, 2, 64, 0 });
    seg_run(&g, ESTAB_SEC(3));
    assert_true(address(&g, 0, 0x20, 1, 0, &first));
    assert_true(address(&g, 0, 0x20, 1, 1, &second));
    c = dial(&g, 0, "2001:db8:2:9::1");
    assert_int_equal(estab_status(g.host[0], c, &st), 0);
    assert_memory_equal(st.local.addr.bytes, first.addr.bytes, 16);
    says_router(&g, &(struct advert){ 0, 1500, 86400, 14400, 1, 64, 0 });
    c = dial(&g, 0, "2001:db8:1:9::1");
    assert_int_equal(estab_status(g.host[0], c, &st), 0);
    assert_memory_equal(st.local.addr.bytes, second.addr.bytes, 16);
    seg_end(&g);
}

/* RFC 7217 §5: the same again in the same network, another one elsewhere. */
TEST(an_interface_identifier_is_stable_in_a_network_and_tells_nothing_elsewhere)
{
    struct segment g[2];
    struct estab_address_info a[2], b[2], l;

    for (unsigned k = 0; k < 2; k++) {
        one_autoconf(&g[k], autoconf);
        says_router(&g[k], &(struct advert){ 1800, 0, 86400, 14400, 1, 64, 0 });
        says_router(&g[k], &(struct advert){ 1800, 0, 86400, 14400, 2, 64, 0 });
        seg_run(&g[k], ESTAB_SEC(3));
        assert_true(address(&g[k], 0, 0x20, 1, 0, &a[k]));
        assert_true(address(&g[k], 0, 0x20, 1, 1, &b[k]));
        assert_true(address(&g[k], 0, 0xfe, 0x80, 0, &l));
    }
    assert_memory_equal(a[0].addr.bytes, a[1].addr.bytes, 16);
    assert_memory_not_equal(a[0].addr.bytes + 8, b[0].addr.bytes + 8, 8);
    assert_memory_not_equal(a[0].addr.bytes + 8, l.addr.bytes + 8, 8);
    assert_int_not_equal(get_be16(a[0].addr.bytes + 11), 0xfffe); /* not made of the hardware's */
    for (unsigned k = 0; k < 2; k++)
        seg_end(&g[k]);
}

/* RFC 4862 §5.5.4 */
TEST(an_address_is_deprecated_and_then_gone_as_advertised)
{
    struct segment g;
    struct estab_address_info a;
    struct estab_endpoint to = { .addr = addr_of("2001:db8:ffff::1"), .port = 80 };
    estab_conn c;

    one_autoconf(&g, autoconf);
    says_router(&g, &(struct advert){ 100, 0, 100, 50, 1, 64, 0 });
    seg_run(&g, ESTAB_SEC(49));
    assert_true(address(&g, 0, 0x20, 1, 0, &a));
    assert_int_equal(a.state, ESTAB_ADDRESS_PREFERRED);
    seg_run(&g, ESTAB_SEC(2));
    assert_true(address(&g, 0, 0x20, 1, 0, &a));
    assert_int_equal(a.state, ESTAB_ADDRESS_DEPRECATED);
    seg_run(&g, ESTAB_SEC(50));
    assert_false(address(&g, 0, 0x20, 1, 0, &a));
    /* the router's way has ended with it */
    assert_int_equal(estab_connect(g.host[0], NULL, &to, NULL, &c, g.now), -ESTAB_ENETUNREACH);
    seg_end(&g);
}

/* RFC 4862 §5.5.3 (e): nobody takes an address away with one packet. */
TEST(a_forged_advertisement_shortens_no_life_below_two_hours)
{
    struct segment g;
    struct estab_address_info a;

    one_autoconf(&g, autoconf);
    says_router(&g, &(struct advert){ 1800, 0, 86400, 14400, 1, 64, 0 });
    seg_run(&g, ESTAB_SEC(3));
    says_router(&g, &(struct advert){ 1800, 0, 1, 0, 1, 64, 0 });
    assert_true(address(&g, 0, 0x20, 1, 0, &a));
    assert_true(a.valid_until == g.now + ESTAB_SEC(7200));
    says_router(&g, &(struct advert){ 1800, 0, 2, 0, 1, 64, 0 });
    assert_true(address(&g, 0, 0x20, 1, 0, &a));
    assert_true(a.valid_until == g.now + ESTAB_SEC(7200));
    says_router(&g, &(struct advert){ 1800, 0, 9000, 0, 1, 64, 0 });
    assert_true(address(&g, 0, 0x20, 1, 0, &a));
    assert_true(a.valid_until == g.now + ESTAB_SEC(9000));
    seg_end(&g);
}

/* vuln: RA flood and RA parameter poisoning */
TEST(a_flood_of_routers_and_prefixes_stays_within_its_limits)
{
    struct segment g;
    struct ip_header ip;
    struct nd_message m;
    estab_conn c;

    one_autoconf(&g, autoconf);
    for (uint32_t i = 1; i < 20000; i++) {
        g.n_heard = 0;
        says_router(
            &g, &(struct advert){ 1800, i % 1280, 86400, 14400, (uint16_t)i, i & 1 ? 1 : 64, 0 });
        if (i == 1)
            seg_run(&g, ESTAB_SEC(3));
    }
    assert_true(count_addresses(&g, 0) <= 16);
    assert_true(seg_status(&g, 0).neighbours <= 1);
    /* and the first of them is still of use */
    seg_run(&g, ESTAB_SEC(3));
    c = dial(&g, 0, "2001:db8:1::99");
    seg_forget(&g);
    seg_settle(&g);
    assert_non_null(seg_next_nd(&g, 0, ND_NEIGHBOUR_SOLICIT, &ip, &m));
    assert_int_equal(m.target[15], 0x99);
    assert_int_equal(state_of(&g, 0, c), ESTAB_TCPS_SYN_SENT);
    seg_end(&g);
}

TEST(a_router_that_says_hop_limit_1_changes_nothing)
{
    struct segment g;
    const struct heard *f;

    one_autoconf(&g, autoconf);
    says_router(&g, &(struct advert){ 1800, 1000, 86400, 14400, 1, 1, 0 });
    seg_run(&g, ESTAB_SEC(3));
    (void)dial(&g, 0, "2001:db8:ffff::1");
    seg_forget(&g);
    seg_settle(&g);
    f = seg_next(&g, 0);
    assert_non_null(f);
    assert_int_equal(f->octets[14 + 7], 64);
    assert_int_equal(get_be16(f->octets + 14 + 40 + 22), 1500 - 60);
    seg_end(&g);
}

/* RFC 7217 §6: another identifier, at most three times. vuln: Duplicate-address denial */
TEST(who_claims_every_address_we_try_is_given_up_to_after_a_few)
{
    struct segment g;
    struct estab_address_info a;
    struct ip_header ip;
    struct nd_message m;
    unsigned tried = 0;

    seg_init(&g);
    seg_host(&g, autoconf);
    for (unsigned i = 0; i < 400; i++) {
        seg_run(&g, ESTAB_MS(50));
        while (seg_next_nd(&g, 0, ND_NEIGHBOUR_SOLICIT, &ip, &m) != NULL) {
            struct nd_message mine = { .type = ND_NEIGHBOUR_ADVERT,
                                       .link = stranger,
                                       .override = true };
            uint8_t target[16];

            memcpy(target, m.target, 16);
            mine.target = target;
            seg_say_nd(&g, stranger, target, all_nodes, &mine);
            tried++;
        }
    }
    assert_int_equal(tried, 4);
    assert_true(address(&g, 0, 0xfe, 0x80, 0, &a));
    assert_int_equal(a.state, ESTAB_ADDRESS_DUPLICATE);
    seg_end(&g);
}

/* RFC 8981 §3.3, §3.4; RFC 6724 §5 rule 7 */
TEST(a_temporary_address_is_preferred_and_followed_by_another_before_it_ends)
{
    struct segment g;
    struct estab_address_info public, first, second;
    const struct heard *f;

    one_autoconf(&g, temporary);
    says_router(&g, &(struct advert){ 9000, 0, 2592000, 604800, 1, 64, 0 });
    seg_run(&g, ESTAB_SEC(3));
    assert_true(address(&g, 0, 0x20, 1, 0, &public));
    assert_true(address(&g, 0, 0x20, 1, 1, &first));
    assert_true(first.temporary && !public.temporary);
    assert_true(first.valid_until - g.now <= ESTAB_SEC(2 * 86400));
    (void)dial(&g, 0, "2001:db8:1::99");
    seg_forget(&g);
    seg_settle(&g);
    f = seg_next(&g, 0);
    assert_non_null(f); /* a solicitation already speaks from the temporary address */
    assert_memory_equal(f->octets + 14 + 8, first.addr.bytes, 16);
    seg_run(&g, first.preferred_until - g.now + ESTAB_SEC(1));
    assert_true(address(&g, 0, 0x20, 1, 1, &first));
    assert_int_equal(first.state, ESTAB_ADDRESS_DEPRECATED);
    assert_true(address(&g, 0, 0x20, 1, 2, &second));
    assert_int_equal(second.state, ESTAB_ADDRESS_PREFERRED);
    assert_memory_not_equal(second.addr.bytes + 8, first.addr.bytes + 8, 8);
    seg_end(&g);
}

TEST(without_autoconf_a_router_changes_nothing)
{
    struct segment g;
    uint64_t before;

    two_hosts(&g);
    before = verdicts(&g, ESTAB_SEG_DROP_ND_UNASKED);
    says_router(&g, &(struct advert){ 1800, 1400, 86400, 14400, 1, 64, 0 });
    assert_int_equal(count_addresses(&g, 0), 1);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ND_UNASKED), before + 1);
    seg_end(&g);
}

/* ---- redirects, RFC 4861 §8 ---- */

static void
redirects(struct estab_config *cfg, struct estab_link *link)
{
    cfg->accept_redirects = true;
    link->autoconf = true;
}

static void
says_redirect(struct segment *g, const uint8_t *from, const char *dst, const char *target)
{
    uint8_t m[40] = { ND_REDIRECT };
    struct estab_addr d = addr_of(dst), t = addr_of(target);
    struct estab_address_info us;

    assert_true(address(g, 0, 0xfe, 0x80, 0, &us));
    memcpy(m + 8, t.bytes, 16);
    memcpy(m + 24, d.bytes, 16);
    seg_say_icmp6(g, stranger, from, us.addr.bytes, m, 40, 255);
}

/* vuln: ICMP redirect hijack */
TEST(a_redirect_is_believed_only_from_the_router_in_use_and_only_if_wanted)
{
    static const uint8_t other[16] = { 0xfe, 0x80, [15] = 0x67 };

    for (unsigned k = 0; k < 3; k++) { /* unwanted; from another; good */
        struct segment g;
        struct ip_header ip;
        struct nd_message m;

        one_autoconf(&g, k == 0 ? autoconf : redirects);
        says_router(&g, &(struct advert){ 1800, 0, 86400, 14400, 1, 64, 0 });
        seg_run(&g, ESTAB_SEC(3));
        says_redirect(&g, k == 1 ? other : router, "2001:db8:ffff::1", "fe80::77");
        assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ND_UNASKED), k < 2);
        (void)dial(&g, 0, "2001:db8:ffff::1");
        seg_forget(&g);
        seg_settle(&g);
        if (k < 2) {
            assert_memory_equal(seg_next(&g, 0)->octets, stranger, 6);
        } else {
            assert_non_null(seg_next_nd(&g, 0, ND_NEIGHBOUR_SOLICIT, &ip, &m));
            assert_int_equal(m.target[15], 0x77);
        }
        seg_end(&g);
    }
}

TEST(redirects_for_many_destinations_stay_within_their_limit)
{
    struct segment g;

    one_autoconf(&g, redirects);
    says_router(&g, &(struct advert){ 1800, 0, 86400, 14400, 1, 64, 0 });
    seg_run(&g, ESTAB_SEC(3));
    for (unsigned i = 0; i < 1000; i++) {
        char dst[40];

        snprintf(dst, sizeof(dst), "2001:db8:ffff::%x", i + 1);
        says_redirect(&g, router, dst, "fe80::77");
        seg_run(&g, ESTAB_MS(1));
    }
    /* the oldest have made room: the first goes by the router again, the last by the new way */
    (void)dial(&g, 0, "2001:db8:ffff::1");
    seg_forget(&g);
    seg_settle(&g);
    assert_memory_equal(seg_next(&g, 0)->octets, stranger, 6);
    seg_end(&g);
}

/* ---- groups ---- */

/* RFC 3810 §6.1, RFC 4861 §7.2.1: two reports of the group of each address. */
TEST(the_group_of_an_address_is_reported_twice_and_again_when_asked)
{
    struct segment g;
    uint8_t query[28] = { MLD_QUERY, 0, 0, 0, 0x03, 0xe8 };
    unsigned reports = 0;

    seg_init(&g);
    given(&g, seg_host(&g, NULL), "2001:db8::1");
    seg_run(&g, ESTAB_SEC(5));
    for (const struct heard *f; (f = seg_next(&g, 0)) != NULL;)
        if (f->octets[14 + 6] == 0 && f->octets[14 + 48] == MLD_REPORT) {
            reports++;
            assert_int_equal(f->octets[14 + 7], 1);
            assert_int_equal(get_be32(f->octets), 0x33330000);
            assert_int_equal(f->octets[14 + 56], GROUP_TO_EXCLUDE);
        }
    assert_int_equal(reports, 2);
    seg_say_query6(&g, stranger, router, all_nodes, query, sizeof(query), 0);
    assert_int_equal(verdicts(&g, ESTAB_SEG_ACCEPTED_GROUP_QUERY), 1);
    seg_run(&g, ESTAB_SEC(1));
    {
        const struct heard *f = seg_next(&g, 0);

        assert_non_null(f);
        assert_int_equal(f->octets[14 + 56], GROUP_IS_EXCLUDE);
    }
    /* one from beyond the link is not answered */
    seg_say_icmp6(&g, stranger, router, all_nodes, query, sizeof(query), 2);
    seg_run(&g, ESTAB_SEC(2));
    assert_null(seg_next(&g, 0));
    seg_end(&g);
}

TEST(a_group_joined_by_the_user_is_told_to_routers_and_left_again)
{
    struct segment g;
    struct estab_addr group = addr_of("239.1.2.3");
    unsigned joins = 0, leaves = 0;

    seg_init(&g);
    seg_host(&g, NULL);
    assert_int_equal(estab_stack_join_group(g.host[0], 1, &group, g.now), 0);
    assert_int_equal(estab_stack_join_group(g.host[0], 1, &group, g.now), 0);
    seg_run(&g, ESTAB_SEC(3));
    assert_int_equal(estab_stack_leave_group(g.host[0], 1, &group, g.now), 0);
    seg_run(&g, ESTAB_SEC(3));
    assert_int_equal(estab_stack_leave_group(g.host[0], 1, &group, g.now), 0);
    seg_run(&g, ESTAB_SEC(3));
    assert_int_equal(estab_stack_leave_group(g.host[0], 1, &group, g.now), -ESTAB_EINVAL);
    for (const struct heard *f; (f = seg_next(&g, 0)) != NULL;) {
        assert_int_equal(f->octets[14 + 24], IGMP_REPORT);
        joins += f->octets[14 + 32] == GROUP_TO_EXCLUDE;
        leaves += f->octets[14 + 32] == GROUP_TO_INCLUDE;
    }
    assert_int_equal(joins, 2);
    assert_int_equal(leaves, 2);
    seg_end(&g);
}

/* Says an ICMPv6 message in fragments of 56 octets of payload. */
static void
says_in_fragments(struct segment *g, const uint8_t *src, const uint8_t *dst, const uint8_t *message,
                  uint32_t len)
{
    uint8_t header[40], out[200], mac[6];

    (void)estab_ip_write(header, 6, IP_PROTO_ICMPV6, 255, 0, src, dst, 0, len);
    seg_mac(mac, 0);
    for (uint32_t at = 0; at < len;) {
        struct fragment f = estab_ip_fragment(out, header, len, at, 40 + 8 + 56, 7);

        memcpy(out + f.header_len, message + at, f.len);
        seg_say_ip(g, stranger, mac, out, f.header_len + f.len);
        at += f.len;
    }
}

/* RFC6980-NDFRAG: what comes in fragments says nothing of neighbours; an echo is answered as ever. */
TEST(neighbours_are_not_discovered_in_fragments)
{
    struct segment g;
    struct estab_addr t = addr_of("2001:db8::9"), us = addr_of("2001:db8::1");
    struct nd_message m = {
        .type = ND_NEIGHBOUR_ADVERT, .target = t.bytes, .link = stranger, .solicited = true
    };
    uint8_t message[400] = { 0 }, rest[200] = { 0 }, echo[300];
    static const uint8_t body[200] = { 1, 2, 3 };
    uint32_t len = estab_nd_write(message, &m, t.bytes, us.bytes);

    two_hosts(&g);
    (void)dial(&g, 0, "2001:db8::9");
    seg_settle(&g);
    /* longer by an option nobody knows, or there would be nothing to cut */
    memcpy(rest, message + 8, len - 8);
    rest[len - 8] = 253;
    rest[len - 7] = 10;
    len = estab_icmp_write(message, 6, message[0], 0, get_be32(message + 4), rest, len - 8 + 80,
                           t.bytes, us.bytes);
    says_in_fragments(&g, t.bytes, us.bytes, message, len);
    assert_int_equal(verdicts(&g, ESTAB_SEG_DROP_ND_MALFORMED), 1);
    assert_int_equal(seg_neighbour_state(&g, 0, "2001:db8::9"), ESTAB_NEIGHBOUR_INCOMPLETE);
    len = estab_icmp_write(echo, 6, 128, 0, 1, body, sizeof(body), t.bytes, us.bytes);
    says_in_fragments(&g, t.bytes, us.bytes, echo, len);
    assert_int_equal(verdicts(&g, ESTAB_SEG_ACCEPTED_ECHO), 1);
    seg_end(&g);
}
