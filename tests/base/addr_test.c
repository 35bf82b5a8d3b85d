/* SPDX-License-Identifier: MIT */
/* Addresses as text: RFC 4291 §2.2 and RFC 4007 §11 in, RFC 5952 out. */
#include "estab/addr.h"

#include "estab/err.h"
#include "harness/test.h"
#include "sim/prng.h"

#include <string.h>

static void
reads_and_writes(const char *in, const char *out)
{
    struct estab_addr a, again;
    char text[ESTAB_ADDR_TEXT];

    assert_int_equal(estab_addr_parse(&a, in), 0);
    assert_string_equal(estab_addr_format(&a, text), out);
    assert_int_equal(estab_addr_parse(&again, text), 0);
    assert_true(estab_addr_equal(&a, &again));
}

TEST(addresses_are_written_as_rfc_5952_asks)
{
    reads_and_writes("192.0.2.1", "192.0.2.1");
    reads_and_writes("0.0.0.0", "0.0.0.0");
    reads_and_writes("255.255.255.255", "255.255.255.255");
    reads_and_writes("::", "::");
    reads_and_writes("::1", "::1");
    reads_and_writes("1::", "1::");
    /* §4.1: no leading zeros; §4.3: lower case */
    reads_and_writes("2001:0DB8:0000:0000:0000:0000:0000:0001", "2001:db8::1");
    reads_and_writes("2001:DB8::ABCD", "2001:db8::abcd");
    /* §4.2.2: not for one group; §4.2.3: the longest run, the first of equals */
    reads_and_writes("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    reads_and_writes("2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    reads_and_writes("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    reads_and_writes("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    reads_and_writes("0:0:1:0:0:0:0:0", "0:0:1::");
    reads_and_writes("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8");
    reads_and_writes("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::");
    reads_and_writes("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0");
    reads_and_writes("0:1:2:3:4:5:6:0", "0:1:2:3:4:5:6:0");
    /* §5: an IPv4 address within, when it is known to be one */
    reads_and_writes("::ffff:c000:0201", "::ffff:192.0.2.1");
    reads_and_writes("::ffff:192.0.2.1", "::ffff:192.0.2.1");
    reads_and_writes("64:ff9b::192.0.2.33", "64:ff9b::c000:221");
    reads_and_writes("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304");
    reads_and_writes("::1.2.3.4", "::102:304");
    /* RFC 4007 §11 */
    reads_and_writes("fe80::1%3", "fe80::1%3");
    reads_and_writes("fe80::1%4294967295", "fe80::1%4294967295");
    reads_and_writes("fe80::1%0", "fe80::1");
}

TEST(what_is_no_address_is_refused_and_changes_nothing)
{
    static const char *const bad[] = {
        "",
        ".",
        ":",
        ":::",
        "1",
        "1.2.3",
        "1.2.3.",
        "1.2.3.4.",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.04",
        "1..2.3",
        "+1.2.3.4",
        "-1.2.3.4",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.4%1",
        "0x1.2.3.4",
        "1.2.3.99999999999999999999",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8:",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1::2::3",
        "1:::2",
        "12345::",
        "::g",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4::",
        "::256.1.1.1",
        "::01.2.3.4",
        "fe80::1%",
        "fe80::1%x",
        "fe80::1%-1",
        "fe80::1%4294967296",
        "fe80::1%1%1",
        "::1/64",
        "[::1]",
        "::1]",
        "2001:db8",
    };
    struct estab_addr a;

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        memset(&a, 0x55, sizeof(a));
        if (estab_addr_parse(&a, bad[i]) != -ESTAB_EINVAL)
            fail_msg("taken for an address: \"%s\"", bad[i]);
        assert_int_equal(a.bytes[0], 0x55);
        assert_int_equal(a.family, 0x55);
    }
}

TEST(any_address_survives_its_own_text)
{
    struct sim_prng dice;

    sim_prng_seed(&dice, 1);
    for (unsigned n = 0; n < 20000; n++) {
        struct estab_addr a, b;
        char text[ESTAB_ADDR_TEXT];

        memset(&a, 0, sizeof(a));
        a.family = n % 4 == 0 ? ESTAB_INET : ESTAB_INET6;
        for (unsigned i = 0; i < (a.family == ESTAB_INET ? 4u : 16u); i++)
            if (sim_prng_chance(&dice, 400000)) /* many zeros */
                a.bytes[i] = (uint8_t)sim_prng_next(&dice);
        if (a.family == ESTAB_INET6 && n % 8 == 1)
            a.zone = (uint32_t)sim_prng_next(&dice);
        memset(text, 'x', sizeof(text));
        estab_addr_format(&a, text);
        assert_true(memchr(text, 0, sizeof(text)) != NULL);
        assert_int_equal(estab_addr_parse(&b, text), 0);
        assert_true(estab_addr_equal(&a, &b));
    }
}

TEST(any_text_is_read_within_its_end)
{
    static const char letters[] = "0123456789abcdefF:::..%/x";
    struct sim_prng dice;

    sim_prng_seed(&dice, 2);
    for (unsigned n = 0; n < 50000; n++) {
        char text[24], out[ESTAB_ADDR_TEXT];
        unsigned len = (unsigned)sim_prng_below(&dice, sizeof(text)), prefix = 999;
        struct estab_addr a, b;

        for (unsigned i = 0; i < len; i++)
            text[i] = letters[sim_prng_below(&dice, sizeof(letters) - 1)];
        text[len] = '\0';
        if (estab_addr_parse(&a, text) == 0) {
            assert_int_equal(estab_addr_parse(&b, estab_addr_format(&a, out)), 0);
            assert_true(estab_addr_equal(&a, &b));
        }
        if (estab_addr_parse_prefix(&a, &prefix, text) == 0)
            assert_true(prefix <= (a.family == ESTAB_INET ? 32u : 128u));
    }
}

TEST(a_prefix_length_is_checked_against_its_family)
{
    struct estab_addr a;
    unsigned len = 0;

    assert_int_equal(estab_addr_parse_prefix(&a, &len, "192.0.2.1/24"), 0);
    assert_int_equal(len, 24);
    assert_int_equal(a.bytes[3], 1); /* host bits stay */
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "192.0.2.1"), 0);
    assert_int_equal(len, 32);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "::/0"), 0);
    assert_int_equal(len, 0);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "2001:db8::1/128"), 0);
    assert_int_equal(len, 128);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "::1"), 0);
    assert_int_equal(len, 128);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "192.0.2.1/33"), -ESTAB_EINVAL);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "::/129"), -ESTAB_EINVAL);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "::/"), -ESTAB_EINVAL);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "::/1x"), -ESTAB_EINVAL);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "::/01"), -ESTAB_EINVAL);
    assert_int_equal(estab_addr_parse_prefix(&a, &len, "/8"), -ESTAB_EINVAL);
}

TEST(endpoints_and_the_family_less_address_have_a_text)
{
    struct estab_endpoint e = { .addr = estab_addr_v4(192, 0, 2, 1), .port = 65535 };
    char text[ESTAB_ENDPOINT_TEXT];

    assert_string_equal(estab_endpoint_format(&e, text), "192.0.2.1:65535");
    assert_int_equal(estab_addr_parse(&e.addr, "2001:db8::1"), 0);
    assert_string_equal(estab_endpoint_format(&e, text), "[2001:db8::1]:65535");
    assert_int_equal(
        estab_addr_parse(&e.addr, "1111:2222:3333:4444:5555:6666:7777:8888%4294967295"), 0);
    assert_string_equal(estab_endpoint_format(&e, text),
                        "[1111:2222:3333:4444:5555:6666:7777:8888%4294967295]:65535");
    memset(&e, 0, sizeof(e));
    assert_string_equal(estab_endpoint_format(&e, text), "*:0");
}

static struct estab_addr
addr(const char *text)
{
    struct estab_addr a;

    assert_int_equal(estab_addr_parse(&a, text), 0);
    return a;
}

TEST(kinds_of_addresses_are_told_apart)
{
    static const struct {
        const char *text;
        bool any, multicast, loopback;
    } cases[] = {
        { "0.0.0.0", true, false, false },
        { "::", true, false, false },
        { "0.0.0.1", false, false, false },
        { "224.0.0.0", false, true, false },
        { "239.255.255.255", false, true, false },
        { "240.0.0.1", false, false, false },
        { "223.255.255.255", false, false, false },
        { "127.0.0.1", false, false, true },
        { "127.255.255.255", false, false, true },
        { "128.0.0.1", false, false, false },
        { "::1", false, false, true },
        { "::2", false, false, false },
        { "ff02::1", false, true, false },
        { "fe80::1", false, false, false },
        { "7f00::1", false, false, false },
        { "e000::1", false, false, false },
    };
    struct estab_addr none;

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct estab_addr a = addr(cases[i].text);

        assert_int_equal(estab_addr_is_any(&a), cases[i].any);
        assert_int_equal(estab_addr_is_multicast(&a), cases[i].multicast);
        assert_int_equal(estab_addr_is_loopback(&a), cases[i].loopback);
    }
    memset(&none, 0, sizeof(none));
    assert_true(estab_addr_is_any(&none));
    assert_false(estab_addr_is_multicast(&none) || estab_addr_is_loopback(&none));
}

TEST(addresses_are_equal_when_family_zone_and_octets_are)
{
    struct estab_addr a = addr("fe80::1%1"), b = addr("fe80::1%2"), c = addr("fe80::2%1");
    struct estab_addr four = estab_addr_v4(1, 2, 3, 4), six = addr("102:304::");

    assert_true(estab_addr_equal(&a, &a));
    assert_false(estab_addr_equal(&a, &b));
    assert_false(estab_addr_equal(&a, &c));
    assert_memory_equal(four.bytes, six.bytes, 16);
    assert_false(estab_addr_equal(&four, &six));
    b = addr("1.2.3.4");
    assert_true(estab_addr_equal(&four, &b));
}
