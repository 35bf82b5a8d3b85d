/* SPDX-License-Identifier: MIT */
/* What a host shows of its interfaces, routes and neighbours is what it has (estab/stack.h). */
#include "segment.h"

static const uint8_t stranger[6] = { 2, 0, 0, 0, 0, 0x66 };
static const uint8_t router[16] = { 0xfe, 0x80, [15] = 0x66 };
static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

static void
tagged(struct estab_config *cfg, struct estab_link *link)
{
    (void)cfg;
    link->vlan = 7;
    link->mtu = 1400;
}

static void
configures_itself(struct estab_config *cfg, struct estab_link *link)
{
    cfg->accept_redirects = true;
    link->autoconf = true;
}

/* The n-th route; false: there are not so many. */
static bool
route(const struct segment *g, unsigned n, struct estab_route_info *out)
{
    uint64_t cursor = 0;

    while (estab_stack_next_route(g->host[0], &cursor, out))
        if (n-- == 0)
            return true;
    return false;
}

static bool
route_to(const struct segment *g, const char *prefix, unsigned len, struct estab_route_info *out)
{
    struct estab_addr want = addr_of(prefix);
    uint64_t cursor = 0;

    while (estab_stack_next_route(g->host[0], &cursor, out))
        if (out->prefix_len == len && estab_addr_equal(&out->prefix, &want))
            return true;
    return false;
}

static struct estab_link_info
link_at(const struct segment *g, unsigned host, unsigned ifindex)
{
    struct estab_link_info l;
    uint64_t cursor = 0;

    do
        assert_true(estab_stack_next_link(g->host[host], &cursor, &l));
    while (l.ifindex != ifindex);
    return l;
}

TEST(every_interface_is_told_with_the_loopback_first)
{
    struct segment g;
    struct estab_link_info l;
    uint64_t cursor = 0;
    uint8_t mac[6];

    seg_init(&g);
    seg_host(&g, tagged);
    assert_int_equal(estab_stack_add_interface(g.host[0], &(struct estab_link){ .mtu = 9000 }), 2);
    assert_true(estab_stack_next_link(g.host[0], &cursor, &l));
    assert_int_equal(l.ifindex, 0);
    assert_int_equal(l.link.kind, ESTAB_LINK_IP);
    assert_true(estab_stack_next_link(g.host[0], &cursor, &l));
    seg_mac(mac, 0);
    assert_int_equal(l.ifindex, 1);
    assert_int_equal(l.link.kind, ESTAB_LINK_ETHERNET);
    assert_int_equal(l.link.vlan, 7);
    assert_int_equal(l.link.mtu, 1400);
    assert_int_equal(l.mtu6, 1400);
    assert_memory_equal(l.link.mac, mac, 6);
    assert_true(estab_stack_next_link(g.host[0], &cursor, &l));
    assert_int_equal(l.ifindex, 2);
    assert_int_equal(l.link.mtu, 9000);
    assert_false(estab_stack_next_link(g.host[0], &cursor, &l));
    seg_end(&g);
}

/* Each frame is counted once, with all its octets, where it came or went. */
TEST(what_went_over_an_interface_is_counted)
{
    struct segment g;
    struct estab_addr a = addr_of("10.0.0.1"), b = addr_of("10.0.0.2");
    struct estab_endpoint at = { .addr = { .family = ESTAB_INET }, .port = 9 };
    struct estab_udp_message to = { .remote = { b, 9 } };
    struct estab_link_info one, two;
    uint64_t in = 0, out = 0, frames_in = 0, frames_out = 0;
    estab_udp u;

    seg_init(&g);
    seg_host(&g, NULL);
    seg_host(&g, NULL);
    assert_int_equal(estab_stack_add_address(g.host[0], 1, &a, 24), 0);
    assert_int_equal(estab_stack_add_address(g.host[1], 1, &b, 24), 0);
    seg_run(&g, ESTAB_SEC(5));
    assert_int_equal(estab_udp_open(g.host[0], &at, NULL, &u, g.now), 0);
    assert_int_equal(estab_udp_send(g.host[0], u, &to, "text", 4, g.now), 4);
    assert_true(link_at(&g, 0, 1).queued > 4);
    seg_settle(&g);
    for (size_t i = 0; i < g.n_heard; i++) {
        *(g.heard[i].from == 0 ? &out : &in) += g.heard[i].len;
        *(g.heard[i].from == 0 ? &frames_out : &frames_in) += 1;
    }
    one = link_at(&g, 0, 1);
    two = link_at(&g, 1, 1);
    assert_true(frames_in >= 2 && frames_out >= 3);
    assert_int_equal(one.packets_in, frames_in);
    assert_int_equal(one.packets_out, frames_out);
    assert_int_equal(one.octets_in, in);
    assert_int_equal(one.octets_out, out);
    assert_int_equal(one.queued, 0);
    assert_int_equal(two.octets_in, out);
    assert_int_equal(two.octets_out, in);
    assert_int_equal(link_at(&g, 0, 0).packets_in, 0);
    seg_end(&g);
}

/* A packet to ourselves is seen leaving and arriving on the loopback. */
TEST(the_loopback_counts_as_any_other)
{
    struct segment g;
    struct estab_endpoint at = { addr_of("127.0.0.1"), 9 };
    struct estab_udp_message to = { .remote = at };
    estab_udp u;

    seg_init(&g);
    seg_host(&g, NULL);
    assert_int_equal(estab_udp_open(g.host[0], &at, NULL, &u, g.now), 0);
    assert_int_equal(estab_udp_send(g.host[0], u, &to, "text", 4, g.now), 4);
    seg_settle(&g);
    assert_int_equal(link_at(&g, 0, 0).packets_in, 1);
    assert_int_equal(link_at(&g, 0, 0).packets_out, 1);
    assert_int_equal(link_at(&g, 0, 0).octets_in, 32);
    assert_int_equal(link_at(&g, 0, 0).octets_out, 32);
    assert_int_equal(link_at(&g, 0, 1).packets_in, 0);
    seg_end(&g);
}

/* The longest prefix first; an address's network, without the octets behind its length; the user's
 * ways, with and without a gateway. */
TEST(routes_are_told_in_the_order_in_which_they_are_tried)
{
    struct segment g;
    struct estab_route_info r;
    struct estab_addr a = addr_of("10.1.2.3"), any = { .family = ESTAB_INET },
                      net = addr_of("172.16.0.0"), gateway = addr_of("10.1.2.1");

    seg_init(&g);
    seg_host(&g, NULL);
    assert_int_equal(estab_stack_add_gateway(g.host[0], 1, &any, 0, &gateway), 0);
    assert_int_equal(estab_stack_add_address(g.host[0], 1, &a, 21), 0);
    assert_int_equal(estab_stack_add_route(g.host[0], 1, &net, 12), 0);
    assert_true(route(&g, 0, &r));
    assert_int_equal(r.prefix_len, 21);
    assert_int_equal(r.origin, ESTAB_ROUTE_ADDRESS);
    assert_int_equal(get_be32(r.prefix.bytes), 0x0a010000);
    assert_int_equal(r.gateway.family, ESTAB_UNSPEC);
    assert_int_equal(r.until, ESTAB_NEVER);
    assert_true(route(&g, 1, &r));
    assert_int_equal(r.prefix_len, 12);
    assert_int_equal(r.origin, ESTAB_ROUTE_USER);
    assert_true(route(&g, 2, &r));
    assert_int_equal(r.prefix_len, 0);
    assert_int_equal(r.prefix.family, ESTAB_INET);
    assert_true(estab_addr_equal(&r.gateway, &gateway));
    assert_false(route(&g, 3, &r));
    /* and they go as they came */
    assert_int_equal(estab_stack_remove_address(g.host[0], 1, &a, g.now), 0);
    assert_int_equal(estab_stack_remove_route(g.host[0], 1, &any, 0, &gateway), 0);
    assert_true(route(&g, 0, &r));
    assert_int_equal(r.prefix_len, 12);
    assert_false(route(&g, 1, &r));
    seg_end(&g);
}

/* What a router has advertised is told with how long it is good for, and is gone then. */
TEST(routes_of_routers_are_told_with_their_lifetime)
{
    struct segment g;
    struct estab_route_info r;
    struct estab_neighbour_info n;
    struct estab_addr net = addr_of("2001:db8:5::");
    uint8_t ra[16 + 8 + 8 + 32] = { ND_ROUTER_ADVERT };

    ra[5] = 1 << 3; /* preference: high */
    put_be16(ra + 6, 30);
    ra[16] = 1, ra[17] = 1; /* source link-layer address */
    memcpy(ra + 18, stranger, 6);
    ra[24] = 5, ra[25] = 1; /* MTU */
    put_be32(ra + 28, 1280);
    ra[32] = 3, ra[33] = 4; /* a prefix, on-link */
    ra[34] = 64, ra[35] = 0x80;
    put_be32(ra + 36, 60);
    put_be32(ra + 40, 60);
    memcpy(ra + 48, net.bytes, 16);
    seg_init(&g);
    seg_host(&g, configures_itself);
    seg_run(&g, ESTAB_SEC(5));
    assert_true(route_to(&g, "fe80::", 64, &r));
    assert_int_equal(r.origin, ESTAB_ROUTE_ADDRESS);
    assert_false(route_to(&g, "::", 0, &r));
    seg_say_icmp6(&g, stranger, router, all_nodes, ra, sizeof(ra), 255);
    seg_settle(&g);
    assert_true(route_to(&g, "::", 0, &r));
    assert_int_equal(r.origin, ESTAB_ROUTE_ROUTER);
    assert_int_equal(r.preference, 1);
    assert_memory_equal(r.gateway.bytes, router, 16);
    assert_int_equal(r.until, g.now + ESTAB_SEC(30));
    assert_true(route_to(&g, "2001:db8:5::", 64, &r));
    assert_int_equal(r.origin, ESTAB_ROUTE_ROUTER);
    assert_int_equal(r.gateway.family, ESTAB_UNSPEC);
    assert_int_equal(r.until, g.now + ESTAB_SEC(60));
    assert_int_equal(link_at(&g, 0, 1).mtu6, 1280);
    assert_int_equal(link_at(&g, 0, 1).link.mtu, 1500);
    /* the router has named its hardware address, which nobody has confirmed */
    assert_true(seg_neighbour(&g, 0, "fe80::66", &n));
    assert_true(n.router);
    assert_int_equal(n.confirmed_at, ESTAB_NEVER);
    seg_run(&g, ESTAB_SEC(31));
    assert_false(route_to(&g, "::", 0, &r));
    assert_true(route_to(&g, "2001:db8:5::", 64, &r));
    seg_run(&g, ESTAB_SEC(30));
    assert_false(route_to(&g, "2001:db8:5::", 64, &r));
    seg_end(&g);
}

/* A neighbour that has answered is told with the instant of its answer. */
TEST(a_neighbour_is_told_with_when_it_was_last_there)
{
    struct segment g;
    struct estab_addr a = addr_of("10.0.0.1"), b = addr_of("10.0.0.2"), c = addr_of("10.0.0.3");
    struct estab_endpoint at = { .addr = { .family = ESTAB_INET }, .port = 9 };
    struct estab_udp_message to = { .remote = { b, 9 } };
    struct estab_neighbour_info n;
    estab_time answered;
    estab_udp u;

    seg_init(&g);
    seg_host(&g, NULL);
    seg_host(&g, NULL);
    assert_int_equal(estab_stack_add_address(g.host[0], 1, &a, 24), 0);
    assert_int_equal(estab_stack_add_address(g.host[1], 1, &b, 24), 0);
    seg_run(&g, ESTAB_SEC(5));
    assert_int_equal(estab_udp_open(g.host[0], &at, NULL, &u, g.now), 0);
    assert_int_equal(estab_udp_send(g.host[0], u, &to, "text", 4, g.now), 4);
    to.remote.addr = c; /* nobody */
    assert_int_equal(estab_udp_send(g.host[0], u, &to, "text", 4, g.now), 4);
    seg_settle(&g);
    answered = g.now;
    seg_run(&g, ESTAB_SEC(2));
    assert_true(seg_neighbour(&g, 0, "10.0.0.2", &n));
    assert_int_equal(n.state, ESTAB_NEIGHBOUR_REACHABLE);
    assert_int_equal(n.confirmed_at, answered);
    assert_true(seg_neighbour(&g, 0, "10.0.0.3", &n));
    assert_int_equal(n.state, ESTAB_NEIGHBOUR_INCOMPLETE);
    assert_int_equal(n.confirmed_at, ESTAB_NEVER);
    seg_end(&g);
}
