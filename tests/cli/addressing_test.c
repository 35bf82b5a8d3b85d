/* SPDX-License-Identifier: MIT */
/* Who has which address on the link to the kernel (cli/addressing.h). */
#include "cli/addressing.h"
#include "harness/test.h"

#include <string.h>

/* The sources are of the command, not of a library. */

static struct failure why;
static struct addressing plan;

static struct prefix
prefix(const char *text)
{
    struct prefix p;

    assert_int_equal(estab_addr_parse_prefix(&p.addr, &p.len, text), 0);
    return p;
}

static struct estab_addr
addr(const char *text)
{
    struct estab_addr a;

    assert_int_equal(estab_addr_parse(&a, text), 0);
    return a;
}

static int
make_plan(const char *const addrs[], const char *gateway)
{
    struct options o = { 0 };

    for (size_t i = 0; addrs[i] != NULL; i++)
        o.addrs[o.n_addrs++] = prefix(addrs[i]);
    if (gateway != NULL && strchr(gateway, ':') != NULL)
        o.gateway6 = addr(gateway);
    else if (gateway != NULL)
        o.gateway4 = addr(gateway);
    return estab_addressing_plan(&plan, &o, 3, &why);
}
#define PLAN(gateway, ...) make_plan((const char *const[]){ __VA_ARGS__, NULL }, gateway)

static void
expect(size_t i, const char *own, const char *kernel)
{
    char text[ESTAB_ADDR_TEXT];

    assert_true(i < plan.n);
    estab_addr_format(&plan.at[i].own.addr, text);
    assert_string_equal(text, own);
    estab_addr_format(&plan.at[i].kernel, text);
    assert_string_equal(text, kernel);
}

TEST(without_addresses_a_free_pair_of_each_family_is_chosen)
{
    assert_int_equal(PLAN(NULL, NULL), 0);
    assert_int_equal(plan.n, 2);
    expect(0, "10.9.3.2", "10.9.3.1");
    expect(1, "fd00:9:0:3::2", "fd00:9:0:3::1");
    assert_true(plan.chosen_here);
}

TEST(the_kernel_gets_the_neighbour_or_the_gateway)
{
    assert_int_equal(PLAN(NULL, "10.1.2.3/24", "fd00:1::5/64"), 0);
    expect(0, "10.1.2.3", "10.1.2.1");
    expect(1, "fd00:1::5", "fd00:1::1");
    assert_int_equal(PLAN(NULL, "10.1.2.1/24"), 0);
    expect(0, "10.1.2.1", "10.1.2.2");
    assert_int_equal(PLAN("10.1.2.254", "10.1.2.3/24"), 0);
    expect(0, "10.1.2.3", "10.1.2.254");
    assert_false(plan.at[0].outside);
    assert_int_equal(PLAN(NULL, "10.1.2.6/31"), 0);
    expect(0, "10.1.2.6", "10.1.2.7");
    assert_int_equal(PLAN(NULL, "10.1.2.7/31"), 0);
    expect(0, "10.1.2.7", "10.1.2.6");
}

TEST(a_lone_address_needs_a_gateway)
{
    assert_int_equal(PLAN(NULL, "10.1.2.3/32"), -1);
    assert_non_null(strstr(why.text, "--gateway"));
    assert_int_equal(PLAN("192.0.2.1", "10.1.2.3/32"), 0);
    expect(0, "10.1.2.3", "192.0.2.1");
    assert_true(plan.at[0].outside);
    assert_int_equal(PLAN("10.1.2.3", "10.1.2.3/24"), -1);
}

TEST(only_a_gateway_gives_its_neighbour)
{
    assert_int_equal(PLAN("192.0.2.1", NULL), 0);
    expect(0, "192.0.2.2", "192.0.2.1");
    assert_int_equal(PLAN("192.0.2.77", NULL), 0);
    expect(0, "192.0.2.1", "192.0.2.77");
}

TEST(a_family_can_be_left_out)
{
    struct options o = { .only_ipv6 = true };

    assert_int_equal(estab_addressing_plan(&plan, &o, 0, &why), 0);
    assert_int_equal(plan.n, 1);
    expect(0, "fd00:9::2", "fd00:9::1");
    o.addrs[o.n_addrs++] = prefix("10.0.0.1/8");
    assert_int_equal(estab_addressing_plan(&plan, &o, 0, &why), -1);
    assert_string_equal(why.text, "-6 leaves no --addr");
    o = (struct options){ .mtu = 576 };
    assert_int_equal(estab_addressing_plan(&plan, &o, 0, &why), 0);
    assert_int_equal(plan.n, 1);
}

TEST(contradictions_are_found_before_there_is_a_device)
{
    struct options o = { .n_addrs = 1, .addrs = { prefix("fd00::2/64") }, .mtu = 600 };

    assert_int_equal(estab_addressing_check(&o, &why), -1);
    assert_string_equal(why.text,
                        "--mtu 600: IPv6 needs 1280 or more, and there is --addr fd00::2");
    o.mtu = 1280;
    assert_int_equal(estab_addressing_check(&o, &why), 0);
    o.gateway6 = addr("fd00::2");
    assert_int_equal(estab_addressing_check(&o, &why), -1);
    assert_string_equal(why.text, "--gateway fd00::2: that is this host's own address");
    o.only_ipv4 = true;
    assert_int_equal(estab_addressing_check(&o, &why), -1);
    assert_string_equal(why.text, "-4 leaves no --addr");
    o = (struct options){ .only_ipv6 = true, .mtu = 600 };
    assert_int_equal(estab_addressing_check(&o, &why), -1);
}

/* DHCP over raw IP too; routers only where there are frames. */
TEST(addresses_of_the_link_need_a_link_that_can_give_them)
{
    struct options o = { .addr_auto = true };

    assert_int_equal(estab_addressing_check(&o, &why), -1);
    assert_string_equal(why.text,
                        "--addr auto needs --packet, --tap or --tun, a device with a DHCP "
                        "server or a router behind it");
    o.tun = "tun0";
    assert_int_equal(estab_addressing_check(&o, &why), 0);
    o.only_ipv6 = true;
    assert_int_equal(estab_addressing_check(&o, &why), -1);
    assert_string_equal(why.text,
                        "--addr auto: DHCP gives no IPv6 address; routers do on Ethernet, "
                        "--packet or --tap");
    o.tap = true;
    assert_int_equal(estab_addressing_check(&o, &why), 0);
    o.mtu = 600;
    assert_int_equal(estab_addressing_check(&o, &why), -1);
}

TEST(prefixes_contain_their_addresses)
{
    struct prefix p = prefix("10.9.0.0/23");
    struct estab_addr in = addr("10.9.1.255"), out = addr("10.9.2.0"), other = addr("::");

    assert_true(estab_prefix_contains(&p, &in));
    assert_false(estab_prefix_contains(&p, &out));
    assert_false(estab_prefix_contains(&p, &other));
    p.len = 0;
    assert_true(estab_prefix_contains(&p, &out));
}
