/* SPDX-License-Identifier: MIT */
/* Addresses and routes of a host: RFC 1122 §3.2.1.3, §3.3.1, RFC 6724 §5. */
#include "harness/test.h"

#include "ip/route.h"

#include <string.h>

static struct estab_addr
addr(const char *text)
{
    struct estab_addr a;

    assert_int_equal(estab_addr_parse(&a, text), 0);
    return a;
}

static int
route(const struct ip_routes *t, const char *to)
{
    struct estab_addr a = addr(to);

    return estab_ip_route(t, a.bytes, a.family == ESTAB_INET ? 4 : 16);
}

static void
add_addr(struct ip_routes *t, const char *text, unsigned len, unsigned ifindex)
{
    struct estab_addr a = addr(text);

    assert_int_equal(estab_ip_add_address(t, &a, len, ifindex), 0);
}

static void
add_route(struct ip_routes *t, const char *text, unsigned len, unsigned ifindex)
{
    struct estab_addr a = addr(text);

    assert_int_equal(estab_ip_add_route(t, &a, len, ifindex), 0);
}

TEST(the_longest_prefix_wins)
{
    struct ip_routes t = { 0 };

    add_route(&t, "0.0.0.0", 0, 1);
    add_route(&t, "10.1.0.0", 16, 2);
    add_route(&t, "10.0.0.0", 8, 3);
    add_route(&t, "10.1.2.128", 25, 4);
    add_route(&t, "10.1.2.3", 32, 5);
    add_route(&t, "2001:db8::", 33, 6);
    assert_int_equal(route(&t, "192.0.2.1"), 1);
    assert_int_equal(route(&t, "10.9.9.9"), 3);
    assert_int_equal(route(&t, "10.1.9.9"), 2);
    assert_int_equal(route(&t, "10.1.2.127"), 2);
    assert_int_equal(route(&t, "10.1.2.200"), 4);
    assert_int_equal(route(&t, "10.1.2.3"), 5);
    assert_int_equal(route(&t, "2001:db8:7fff::1"), 6);
    assert_int_equal(route(&t, "2001:db8:8000::1"), -ESTAB_ENETUNREACH);
}

TEST(own_addresses_go_to_the_loopback)
{
    struct ip_routes t = { 0 };

    add_addr(&t, "192.0.2.1", 24, 1);
    add_addr(&t, "2001:db8::1", 64, 1);
    assert_int_equal(route(&t, "192.0.2.1"), 0);
    assert_int_equal(route(&t, "192.0.2.2"), 1);
    assert_int_equal(route(&t, "127.9.9.9"), 0);
    assert_int_equal(route(&t, "::1"), 0);
    assert_int_equal(route(&t, "2001:db8::1"), 0);
    assert_int_equal(route(&t, "2001:db8::2"), 1);
}

TEST(broadcast_addresses)
{
    struct ip_routes t = { 0 };
    struct estab_addr a;

    add_addr(&t, "192.0.2.1", 26, 1);
    add_addr(&t, "198.51.100.0", 31, 1); /* RFC 3021: no broadcast in a /31 */
    a = addr("192.0.2.63");
    assert_true(estab_ip_is_broadcast(&t, a.bytes, 4));
    a = addr("192.0.2.0");
    assert_true(estab_ip_is_broadcast(&t, a.bytes, 4));
    a = addr("192.0.2.64");
    assert_false(estab_ip_is_broadcast(&t, a.bytes, 4));
    a = addr("198.51.100.1");
    assert_false(estab_ip_is_broadcast(&t, a.bytes, 4));
    a = addr("255.255.255.255");
    assert_true(estab_ip_is_broadcast(&t, a.bytes, 4));
    a = addr("ff02::1");
    assert_true(estab_ip_is_broadcast(&t, a.bytes, 16));
}

/* RFC 6724 §5: same scope before the longest prefix. */
TEST(source_address)
{
    struct ip_routes t = { 0 };
    struct estab_addr to;
    const uint8_t *from;

    add_addr(&t, "2001:db8::1", 64, 1);
    add_addr(&t, "fe80::1", 64, 1);
    add_addr(&t, "2001:db8:1::1", 64, 1);
    add_addr(&t, "192.0.2.1", 24, 2);
    to = addr("2001:db8:1::99");
    from = estab_ip_source(&t, to.bytes, 16, 1);
    assert_non_null(from);
    assert_int_equal(from[5], 1);
    to = addr("fe80::99");
    from = estab_ip_source(&t, to.bytes, 16, 1);
    assert_non_null(from);
    assert_int_equal(from[0], 0xfe);
    to = addr("192.0.2.9");
    assert_null(estab_ip_source(&t, to.bytes, 4, 1));
    assert_non_null(estab_ip_source(&t, to.bytes, 4, 2));
}

/* limit: the tables are bounded, and say so. */
TEST(tables_are_bounded)
{
    struct ip_routes t = { 0 };
    struct estab_addr a = addr("10.0.0.1");
    int err = 0;

    for (unsigned i = 0; i < 300 && err == 0; i++) {
        a.bytes[2] = (uint8_t)(i >> 8);
        a.bytes[3] = (uint8_t)(i + 1);
        err = estab_ip_add_address(&t, &a, 32, 1);
    }
    assert_int_equal(err, -ESTAB_ENOBUFS);
    assert_int_equal(t.addresses, ADDRESSES_MAX);
    a = addr("224.0.0.1");
    assert_int_equal(estab_ip_add_address(&t, &a, 32, 1), -ESTAB_EINVAL);
}

static const uint8_t *
source(struct ip_routes *t, const char *to)
{
    struct estab_addr a = addr(to);

    return estab_ip_source(t, a.bytes, a.family == ESTAB_INET ? 4 : 16, 1);
}

static void
expect_source(struct ip_routes *t, const char *to, const char *from)
{
    struct estab_addr want = addr(from);
    const uint8_t *got = source(t, to);

    assert_non_null(got);
    assert_memory_equal(got, want.bytes, want.family == ESTAB_INET ? 4 : 16);
}

/* RFC 1122 §3.3.1.2; RFC 4861 §5.2 */
TEST(a_gateway_is_the_next_hop_of_what_is_not_on_the_link)
{
    struct ip_routes t = { 0 };
    struct ip_prefix r = { .addr_len = 4,
                           .ifindex = 1,
                           .has_gateway = true,
                           .gateway = { 10, 0, 0, 254 },
                           .until = ESTAB_NEVER };
    struct estab_addr far = addr("192.0.2.1"), near = addr("10.0.0.9");
    struct ip_prefix *found;

    add_addr(&t, "10.0.0.1", 24, 1);
    assert_null(estab_ip_next_hop(&t, far.bytes, 4, 1));
    assert_int_equal(estab_ip_put_route(&t, &r), 0);
    assert_memory_equal(estab_ip_next_hop(&t, far.bytes, 4, 1), r.gateway, 4);
    assert_ptr_equal(estab_ip_next_hop(&t, near.bytes, 4, 1), near.bytes);
    assert_null(estab_ip_next_hop(&t, near.bytes, 4, 2)); /* not by that interface */
    assert_int_equal(estab_ip_put_route(&t, &r), 0);      /* the same again is one route */
    assert_int_equal(t.routes, 2);
    found = estab_ip_find_route(&t, r.octets, 4, 0, 1, r.gateway);
    assert_non_null(found);
    estab_ip_remove_route(&t, found);
    assert_null(estab_ip_next_hop(&t, far.bytes, 4, 1));
}

/* RFC 4861 §6.3.6: a router that does not answer is the second choice. */
TEST(a_silent_gateway_is_the_second_choice_until_it_answers)
{
    struct ip_routes t = { 0 };
    struct ip_prefix r = { .addr_len = 4, .ifindex = 1, .has_gateway = true, .until = ESTAB_NEVER };
    struct estab_addr far = addr("192.0.2.1");

    for (uint8_t i = 1; i <= 2; i++) {
        memcpy(r.gateway, (uint8_t[4]){ 10, 0, 0, i }, 4);
        assert_int_equal(estab_ip_put_route(&t, &r), 0);
    }
    assert_int_equal(estab_ip_next_hop(&t, far.bytes, 4, 1)[3], 1);
    estab_ip_doubt_gateway(&t, (const uint8_t[4]){ 10, 0, 0, 1 }, 4, 1, true);
    assert_int_equal(estab_ip_next_hop(&t, far.bytes, 4, 1)[3], 2);
    estab_ip_doubt_gateway(&t, (const uint8_t[4]){ 10, 0, 0, 1 }, 4, 1, false);
    assert_int_equal(estab_ip_next_hop(&t, far.bytes, 4, 1)[3], 1);
}

/* RFC 4191 §3.1 */
TEST(a_router_that_is_preferred_comes_first)
{
    struct ip_routes t = { 0 };
    struct ip_prefix r = {
        .addr_len = 16, .ifindex = 1, .has_gateway = true, .until = ESTAB_NEVER
    };
    struct estab_addr far = addr("2001:db8::1");

    for (int8_t p = -1; p <= 1; p++) {
        r.preference = p;
        r.gateway[15] = (uint8_t)(p + 2);
        assert_int_equal(estab_ip_put_route(&t, &r), 0);
    }
    assert_int_equal(estab_ip_next_hop(&t, far.bytes, 16, 1)[15], 3);
}

/* RFC6724-SRC: rules 1 to 8 */
TEST(a_source_is_chosen_by_the_first_rule_that_tells_two_apart)
{
    struct ip_routes t = { 0 };
    struct ip_address *a;

    add_addr(&t, "fe80::1", 64, 1);
    add_addr(&t, "fd00::1", 64, 1);
    add_addr(&t, "2001:db8:1::1", 64, 1);
    add_addr(&t, "2001:db8:2::1", 64, 1);
    add_addr(&t, "2001:db8:3::1", 64, 2);
    expect_source(&t, "fe80::9", "fe80::1"); /* 2: scope */
    expect_source(&t, "ff02::1", "fe80::1");
    expect_source(&t, "2001:db8:2::9", "2001:db8:2::1"); /* 8: prefix */
    expect_source(&t, "2001:db8:3::9", "2001:db8:2::1"); /* 5: not that of the other interface */
    expect_source(&t, "fd77::9", "fd00::1");             /* 6: label */
    expect_source(&t, "2606::1", "2001:db8:1::1");
    a = &t.address[2];
    a->state = ADDR_DEPRECATED;
    expect_source(&t, "2001:db8:1::9", "2001:db8:2::1"); /* 3 before 8 */
    expect_source(&t, "2001:db8:1::1", "2001:db8:1::1"); /* 1 before 3 */
    t.address[3].state = ADDR_TENTATIVE;
    expect_source(&t, "2001:db8:1::9", "fd00::1"); /* one not ours yet is none; 3 before 6 */
    a->state = ADDR_PREFERRED;
    t.address[3].state = ADDR_PREFERRED;
    t.address[3].temporary = true;
    expect_source(&t, "2001:db8:1::9", "2001:db8:2::1"); /* 7 before 8 */
}

/* RFC6724-SRC: rule 5.5: of two prefixes the one of the router that is the next hop, before label, privacy and the
 * longest match; it stands behind scope and deprecation; limit: 32, the one heard longest ago is forgotten. */
TEST(a_source_is_of_the_router_that_leads_there)
{
    struct ip_routes t = { 0 };
    static const struct {
        const char *prefix, *router, *ours;
    } two[2] = { { "2001:db8:1::", "fe80::1", "2001:db8:1::5" },
                 { "2001:db8:2::", "fe80::2", "2001:db8:2::5" } };
    struct ip_prefix r = {
        .addr_len = 16, .ifindex = 1, .has_gateway = true, .until = ESTAB_NEVER
    };
    struct estab_addr a[2], router[2], to = { .family = ESTAB_INET6 };
    unsigned i;

    for (i = 0; i < 2; i++) {
        assert_int_equal(estab_addr_parse(&a[i], two[i].ours), 0);
        assert_int_equal(estab_addr_parse(&router[i], two[i].router), 0);
        assert_int_equal(estab_ip_add_address(&t, &a[i], 64, 1), 0);
    }
    assert_int_equal(estab_addr_parse(&to, "2001:db8:2:9::1"), 0); /* near the second */
    memcpy(r.gateway, router[0].bytes, 16);
    assert_int_equal(estab_ip_put_route(&t, &r), 0);
    assert_memory_equal(estab_ip_source(&t, to.bytes, 16, 1), a[1].bytes, 16);
    for (i = 0; i < 2; i++)
        estab_ip_advert(&t, router[i].bytes, a[i].bytes, 1, true);
    assert_memory_equal(estab_ip_source(&t, to.bytes, 16, 1), a[0].bytes, 16);
    /* on another link, and towards what is on the link, it says nothing */
    estab_ip_advert(&t, router[0].bytes, a[0].bytes, 1, false);
    estab_ip_advert(&t, router[0].bytes, a[0].bytes, 2, true);
    assert_memory_equal(estab_ip_source(&t, to.bytes, 16, 1), a[1].bytes, 16);
    estab_ip_advert(&t, router[0].bytes, a[0].bytes, 1, true);
    assert_memory_equal(estab_ip_source(&t, a[1].bytes, 16, 1), a[1].bytes, 16);
    /* deprecated comes before */
    assert_memory_equal(estab_ip_source(&t, to.bytes, 16, 1), a[0].bytes, 16);
    t.address[0].state = ADDR_DEPRECATED;
    assert_memory_equal(estab_ip_source(&t, to.bytes, 16, 1), a[1].bytes, 16);
    t.address[0].state = ADDR_PREFERRED;
    /* both routers give both */
    estab_ip_advert(&t, router[0].bytes, a[1].bytes, 1, true);
    assert_memory_equal(estab_ip_source(&t, to.bytes, 16, 1), a[1].bytes, 16);
    estab_ip_advert(&t, router[0].bytes, a[1].bytes, 1, false);
    estab_ip_advert(&t, router[0].bytes, a[1].bytes, 1, false);
    assert_int_equal(t.adverts, 3);
    /* a flood of prefixes is bounded, and forgets */
    for (i = 0; i < 1000; i++) {
        uint8_t other[8] = { 0x20, 1, 0xd, 0xb8, 0xff, 0xff, (uint8_t)(i >> 8), (uint8_t)i };

        estab_ip_advert(&t, router[1].bytes, other, 1, true);
        assert_in_range(t.adverts, 1, ADVERTS_MAX);
    }
    assert_memory_equal(estab_ip_source(&t, to.bytes, 16, 1), a[1].bytes, 16);
}

TEST(a_tentative_address_is_not_ours)
{
    struct ip_routes t = { 0 };
    struct estab_addr a = addr("192.0.2.1");

    add_addr(&t, "192.0.2.1", 24, 1);
    t.address[0].state = ADDR_TENTATIVE;
    assert_false(estab_ip_is_ours(&t, a.bytes, 4));
    t.address[0].state = ADDR_DEPRECATED;
    assert_true(estab_ip_is_ours(&t, a.bytes, 4));
    estab_ip_remove_address(&t, &t.address[0]);
    assert_false(estab_ip_is_ours(&t, a.bytes, 4));
    assert_int_equal(t.routes, 0);
}
