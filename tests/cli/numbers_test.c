/* SPDX-License-Identifier: MIT */
/* Numbers and durations of the command line (cli/numbers.h). */
#include "cli/numbers.h"
#include "harness/test.h"

/* The sources are of the command, not of a library. */

static estab_time
duration(const char *text)
{
    estab_time t = -1;

    return estab_parse_duration(text, &t) ? t : -1;
}

TEST(a_number_is_digits_within_its_limits)
{
    uint64_t n = 7;

    assert_true(estab_parse_number("68", 68, 100, &n));
    assert_int_equal(n, 68);
    assert_true(estab_parse_number("0100", 68, 100, &n));
    assert_int_equal(n, 100);
    assert_false(estab_parse_number("67", 68, 100, &n));
    assert_false(estab_parse_number("101", 68, 100, &n));
    assert_false(estab_parse_number("", 0, 100, &n));
    assert_false(estab_parse_number("+1", 0, 100, &n));
    assert_false(estab_parse_number("-1", 0, UINT64_MAX, &n));
    assert_false(estab_parse_number(" 1", 0, 100, &n));
    assert_false(estab_parse_number("1 ", 0, 100, &n));
    assert_false(estab_parse_number("0x10", 0, 100, &n));
    assert_int_equal(n, 100);
}

TEST(a_number_does_not_overflow)
{
    uint64_t n;

    assert_true(estab_parse_number("18446744073709551615", 0, UINT64_MAX, &n));
    assert_true(n == UINT64_MAX);
    assert_false(estab_parse_number("18446744073709551616", 0, UINT64_MAX, &n));
    assert_false(estab_parse_number("99999999999999999999999", 0, UINT64_MAX, &n));
    assert_false(estab_parse_number("5", 0, 3, &n));
}

TEST(a_port_is_1_to_65535)
{
    uint16_t port = 0;

    assert_true(estab_parse_port("65535", &port));
    assert_int_equal(port, 65535);
    assert_false(estab_parse_port("0", &port));
    assert_false(estab_parse_port("65536", &port));
    assert_false(estab_parse_port("http", &port));
}

TEST(a_duration_is_seconds_or_says_its_unit)
{
    assert_true(duration("30") == ESTAB_SEC(30));
    assert_true(duration("30s") == ESTAB_SEC(30));
    assert_true(duration("1.5") == ESTAB_MS(1500));
    assert_true(duration("0.000001") == ESTAB_US(1));
    assert_true(duration("200ms") == ESTAB_MS(200));
    assert_true(duration("0.5ms") == ESTAB_US(500));
    assert_true(duration("2m") == ESTAB_SEC(120));
    assert_true(duration("2h") == ESTAB_SEC(7200));
    assert_true(duration("1.5h") == ESTAB_SEC(5400));
}

TEST(a_duration_that_is_none_is_refused)
{
    const char *const bad[] = {
        "",     "0",  "0.0", "-1",  "1.",   ".5",  "1x",         "1 s",       "1,5",        "1e3",
        "1.5.", "ms", "s",   "inf", "nan",  "1ss", "9999999999", "8785h",     "0.00000001", "0x1",
        "1S",   "+1", " 1",  "1 ",  "1sec", "--1", "1d",         "0.0000001",
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (duration(bad[i]) != -1)
            fail_msg("'%s' was taken", bad[i]);
}
