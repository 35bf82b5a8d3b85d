/* SPDX-License-Identifier: MIT */
/* Happy eyeballs on virtual time: whom to connect to, and when (estab/eyeballs.h). */
#include "estab/eyeballs.h"
#include "harness/test.h"

#include <string.h>

static struct estab_eyeballs e;
static estab_time now;
static unsigned attempt; /* the last one */

static struct estab_addr
addr(const char *text)
{
    struct estab_addr a;

    if (estab_addr_parse(&a, text) < 0)
        fail_msg("%s: not an address", text);
    return a;
}

static void
start(void)
{
    now = ESTAB_SEC(100);
    estab_eyeballs_init(&e, NULL);
}

/* With a source of the same kind. */
static void
add(const char *text)
{
    struct estab_addr a = addr(text);
    struct estab_addr source = addr(a.family == ESTAB_INET ? "192.0.2.1" : "2001:db8:1::1");

    estab_eyeballs_add(&e, &a, &source, now);
}

static void
expect_attempt(const char *text)
{
    struct estab_addr got, want = addr(text);
    char buf[ESTAB_ADDR_TEXT];

    if (!estab_eyeballs_next(&e, &got, &attempt, now))
        fail_msg("nobody was tried, but it should be %s", text);
    if (!estab_addr_equal(&got, &want))
        fail_msg("%s was tried, but it should be %s", estab_addr_format(&got, buf), text);
}

static void
expect_no_attempt(void)
{
    struct estab_addr got;

    assert_false(estab_eyeballs_next(&e, &got, &attempt, now));
}

/* Nothing happens before the deadline, which is in `by`. */
static void
deadline_comes(estab_time by)
{
    assert_int_equal(estab_eyeballs_deadline(&e) - now, by);
    now += by - 1;
    expect_no_attempt();
    now += 1;
}

static void
expect_better(const char *a, const char *source_a, const char *b, const char *source_b)
{
    struct estab_addr addr_a = addr(a), addr_b = addr(b), from_a, from_b;

    if (source_a != NULL)
        from_a = addr(source_a);
    if (source_b != NULL)
        from_b = addr(source_b);
    if (!estab_addr_is_better(&addr_a, source_a ? &from_a : NULL, &addr_b,
                              source_b ? &from_b : NULL))
        fail_msg("%s should be better than %s", a, b);
    assert_false(estab_addr_is_better(&addr_b, source_b ? &from_b : NULL, &addr_a,
                                      source_a ? &from_a : NULL));
}

/* --- when it begins --- */

/* RFC 8305 §3. */
TEST(an_address_of_ipv6_is_tried_at_once)
{
    start();
    assert_int_equal(estab_eyeballs_deadline(&e), ESTAB_NEVER);
    expect_no_attempt();
    add("2001:db8::1");
    expect_attempt("2001:db8::1");
    expect_no_attempt();
}

/* RFC 8305 §3: the resolution delay of 50 ms. */
TEST(ipv4_gives_ipv6_fifty_milliseconds)
{
    start();
    add("198.51.100.1");
    estab_eyeballs_resolved(&e, ESTAB_INET, now);
    deadline_comes(ESTAB_MS(50));
    expect_attempt("198.51.100.1");
}

TEST(ipv6_that_comes_in_time_is_first)
{
    start();
    add("198.51.100.1");
    now += ESTAB_MS(49);
    expect_no_attempt();
    add("2001:db8::1");
    expect_attempt("2001:db8::1");
    deadline_comes(ESTAB_MS(250));
    expect_attempt("198.51.100.1");
}

TEST(ipv4_does_not_wait_when_there_is_no_ipv6)
{
    start();
    add("198.51.100.1");
    now += ESTAB_MS(10);
    estab_eyeballs_resolved(&e, ESTAB_INET6, now);
    expect_attempt("198.51.100.1");
    start();
    estab_eyeballs_resolved(&e, ESTAB_INET6, now);
    add("198.51.100.1");
    expect_attempt("198.51.100.1");
}

/* --- how it goes on --- */

/* RFC 8305 §4, §5: 250 ms apart, the families taking turns. */
TEST(attempts_are_staggered_and_interleaved)
{
    struct estab_eyeballs_config cfg;

    estab_eyeballs_config_init(&cfg);
    cfg.attempts_max = 9;
    now = 0;
    estab_eyeballs_init(&e, &cfg);
    add("2001:db8::1");
    add("2001:db8::2");
    add("2001:db8::3");
    add("198.51.100.1");
    add("198.51.100.2");
    expect_attempt("2001:db8::1");
    deadline_comes(ESTAB_MS(250));
    expect_attempt("198.51.100.1");
    deadline_comes(ESTAB_MS(250));
    expect_attempt("2001:db8::2");
    deadline_comes(ESTAB_MS(250));
    expect_attempt("198.51.100.2");
    deadline_comes(ESTAB_MS(250));
    expect_attempt("2001:db8::3");
    assert_int_equal(estab_eyeballs_deadline(&e), ESTAB_NEVER);
}

TEST(a_failure_brings_the_next_at_once)
{
    start();
    add("2001:db8::1");
    add("198.51.100.1");
    expect_attempt("2001:db8::1");
    now += ESTAB_MS(3);
    estab_eyeballs_failed(&e, attempt, now);
    expect_attempt("198.51.100.1");
}

/* RFC 8305 §3: IPv6 that is resolved late joins those that are left. */
TEST(addresses_that_come_late_are_tried_next)
{
    start();
    add("198.51.100.1");
    add("198.51.100.2");
    now += ESTAB_MS(50);
    expect_attempt("198.51.100.1");
    now += ESTAB_MS(100);
    add("2001:db8::1");
    expect_no_attempt();
    deadline_comes(ESTAB_MS(150));
    expect_attempt("2001:db8::1");
    deadline_comes(ESTAB_MS(250));
    expect_attempt("198.51.100.2");
}

TEST(nobody_is_tried_after_one_has_won)
{
    start();
    add("2001:db8::1");
    add("198.51.100.1");
    expect_attempt("2001:db8::1");
    estab_eyeballs_won(&e, attempt);
    now += ESTAB_SEC(10);
    expect_no_attempt();
    assert_int_equal(estab_eyeballs_deadline(&e), ESTAB_NEVER);
    assert_false(estab_eyeballs_is_hopeless(&e));
}

TEST(it_is_hopeless_when_all_are_known_and_have_failed)
{
    start();
    add("2001:db8::1");
    expect_attempt("2001:db8::1");
    estab_eyeballs_failed(&e, attempt, now);
    estab_eyeballs_failed(&e, attempt, now); /* counts once */
    estab_eyeballs_resolved(&e, ESTAB_INET6, now);
    assert_false(estab_eyeballs_is_hopeless(&e)); /* IPv4 may still come */
    add("198.51.100.1");
    estab_eyeballs_resolved(&e, ESTAB_INET, now);
    assert_false(estab_eyeballs_is_hopeless(&e));
    expect_attempt("198.51.100.1");
    estab_eyeballs_failed(&e, attempt, now);
    assert_true(estab_eyeballs_is_hopeless(&e));
}

TEST(no_address_at_all_is_hopeless)
{
    start();
    estab_eyeballs_resolved(&e, ESTAB_INET, now);
    assert_false(estab_eyeballs_is_hopeless(&e));
    estab_eyeballs_resolved(&e, ESTAB_INET6, now);
    assert_true(estab_eyeballs_is_hopeless(&e));
}

/* --- limits --- */

TEST(at_most_four_attempts_run_at_once)
{
    char text[32];

    start();
    for (unsigned i = 1; i <= 6; i++) {
        snprintf(text, sizeof text, "2001:db8::%u", i);
        add(text);
    }
    expect_attempt("2001:db8::1");
    for (unsigned i = 2; i <= 4; i++) {
        snprintf(text, sizeof text, "2001:db8::%u", i);
        now += ESTAB_MS(250);
        expect_attempt(text);
    }
    now += ESTAB_SEC(10);
    expect_no_attempt();
    estab_eyeballs_failed(&e, 0, now);
    expect_attempt("2001:db8::5");
}

/* RFC 8305 §5: not within 10 ms of each other. */
TEST(the_delay_has_a_lower_bound)
{
    struct estab_eyeballs_config cfg = { .attempts_max = 4 };

    now = 0;
    estab_eyeballs_init(&e, &cfg);
    add("2001:db8::1");
    add("2001:db8::2");
    expect_attempt("2001:db8::1");
    deadline_comes(ESTAB_MS(10));
    expect_attempt("2001:db8::2");
}

TEST(further_and_equal_addresses_are_left_out)
{
    char text[32];

    start();
    for (unsigned i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "198.51.100.%u", i + 1);
        add(text);
        add("198.51.100.1");
    }
    assert_int_equal(e.n, ESTAB_EYEBALLS_ADDRS);
}

/* --- RFC 6724 §6, rule by rule --- */

TEST(rule_1_a_destination_without_a_way_is_last)
{
    expect_better("198.51.100.1", "192.0.2.1", "2001:db8::1", NULL);
    expect_better("2001:db8::1", "2001:db8::2", "198.51.100.1", NULL);
}

TEST(rule_2_the_scopes_of_both_ends_match)
{
    expect_better("198.51.100.1", "192.0.2.1", "2001:db8::1", "fe80::1");
    expect_better("2001:db8::1", "2001:db8::2", "198.51.100.1", "169.254.1.1");
}

TEST(rule_5_the_labels_of_both_ends_match)
{
    /* Native IPv4 before IPv6 from an address that only 6to4 gave. */
    expect_better("198.51.100.1", "192.0.2.1", "2001:db8::1", "2002:c633:6401::2");
    /* IPv4 before global IPv6 from a ULA. */
    expect_better("198.51.100.1", "192.0.2.1", "2001:db8::1", "fd00::2");
}

TEST(rule_6_the_table_prefers_ipv6)
{
    expect_better("2001:db8::1", "2001:db8::2", "198.51.100.1", "192.0.2.1");
    expect_better("198.51.100.1", "192.0.2.1", "fd00::1", "fd00::2");
    expect_better("2001:db8::1", "2001:db8::2", "2002:c633:6401::1", "2002:c633:6401::2");
    expect_better("198.51.100.1", "192.0.2.1", "2001::1", "2001::2");
}

TEST(rule_8_the_smaller_scope_is_nearer)
{
    expect_better("fe80::1", "fe80::2", "2001:db8::1", "2001:db8::2");
}

TEST(rule_9_the_longer_common_prefix_is_nearer)
{
    expect_better("2001:db8:1::1", "2001:db8:1::2", "2001:db8:3ffe::1", "2001:db8:1::2");
}

/* Rule 9 is not for IPv4 here, nor for the half of an address that names a host; rule 10. */
TEST(rule_10_else_they_stay_in_their_order)
{
    struct estab_addr a = addr("192.0.2.7"), b = addr("10.0.0.1"), s = addr("10.0.0.2");

    assert_false(estab_addr_is_better(&a, &s, &b, &s));
    assert_false(estab_addr_is_better(&b, &s, &a, &s));
    a = addr("2001:db8::1:0");
    b = addr("2001:db8::2:0");
    s = addr("2001:db8::1:1");
    assert_false(estab_addr_is_better(&a, &s, &b, &s));
    assert_false(estab_addr_is_better(&b, &s, &a, &s));
}
