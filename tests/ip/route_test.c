/* SPDX-License-Identifier: MIT */
/* Addresses and routes of a host: RFC 1122 §3.2.1.3, §3.3.1, RFC 6724 §5. */
#include "harness/test.h"

#include "ip/route.h"

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
