/* SPDX-License-Identifier: MIT */
/* Knobs: what `estab set` shows it takes, and what it changes is what was named (cli/knobs.h). */
#include "cli/knobs.h"
#include "harness/test.h"

#include <string.h>

static struct estab_config
defaults(void)
{
    struct estab_config cfg;

    memset(&cfg, 0, sizeof cfg);
    estab_config_init(&cfg);
    return cfg;
}

static void
refused(const char *name, const char *value, const char *word)
{
    struct estab_config cfg = defaults(), before = cfg;
    struct failure why = { "" };

    if (estab_knob_set(&cfg, name, value, &why) == 0)
        fail_msg("%s %s: taken", name, value);
    if (strstr(why.text, word) == NULL)
        fail_msg("%s %s: '%s' does not say '%s'", name, value, why.text, word);
    assert_memory_equal(&cfg, &before, sizeof cfg);
}

TEST(every_knob_takes_the_value_it_shows_and_nothing_changes)
{
    for (size_t i = 0; estab_knob_name(i) != NULL; i++) {
        struct estab_config cfg = defaults(), before = cfg;
        struct failure why = { "" };
        char text[KNOB_TEXT];

        estab_knob_format(i, &cfg, text);
        if (estab_knob_set(&cfg, estab_knob_name(i), text, &why) < 0)
            fail_msg("%s: does not take its own %s: %s", estab_knob_name(i), text, why.text);
        assert_memory_equal(&cfg, &before, sizeof cfg);
        assert_true(estab_knob_help(i)[0] != '\0');
    }
}

/* What is shown can be set again, also where it is nothing or for ever. */
TEST(every_knob_takes_back_what_the_profiles_make_of_it)
{
    static const char *const profiles[] = { "rfc", "linux", "bsd", "lan", "tiny" };

    for (size_t p = 0; p < sizeof profiles / sizeof profiles[0]; p++)
        for (size_t i = 0; estab_knob_name(i) != NULL; i++) {
            struct estab_config cfg = defaults();
            struct failure why = { "" };
            char text[KNOB_TEXT];

            assert_int_equal(estab_config_profile(&cfg, profiles[p]), 0);
            cfg.tcp.user_timeout = ESTAB_NEVER;
            estab_knob_format(i, &cfg, text);
            if (estab_knob_set(&cfg, estab_knob_name(i), text, &why) < 0)
                fail_msg("%s %s: %s", estab_knob_name(i), text, why.text);
        }
}

TEST(a_knob_of_each_kind_changes_its_field)
{
    struct estab_config cfg = defaults();
    struct failure why;

    assert_int_equal(estab_knob_set(&cfg, "rto-min", "1.5", &why), 0);
    assert_int_equal(cfg.rto_min, ESTAB_MS(1500));
    assert_int_equal(estab_knob_set(&cfg, "ttl", "255", &why), 0);
    assert_int_equal(cfg.tcp.ttl, 255);
    assert_int_equal(estab_knob_set(&cfg, "send-buffer", "65536", &why), 0);
    assert_int_equal(cfg.tcp.send_buffer_max, 65536);
    assert_int_equal(estab_knob_set(&cfg, "sack", "off", &why), 0);
    assert_false(cfg.sack);
    assert_int_equal(estab_knob_set(&cfg, "cc", "reno", &why), 0);
    assert_int_equal(cfg.tcp.cc, ESTAB_CC_RENO);
    assert_int_equal(estab_knob_set(&cfg, "ecn", "ask", &why), 0);
    assert_int_equal(cfg.ecn, ESTAB_ECN_ASK);
    assert_int_equal(estab_knob_set(&cfg, "syn-cookies", "always", &why), 0);
    assert_int_equal(cfg.syn_cookies, ESTAB_SYN_COOKIES_ALWAYS);
    assert_int_equal(estab_knob_set(&cfg, "port-min", "65535", &why), 0);
    assert_int_equal(cfg.port_min, 65535);
    assert_int_equal(estab_knob_set(&cfg, "reassembly-bytes", "4294967295", &why), 0);
    assert_int_equal(cfg.reassembly_bytes, 4294967295u);
    assert_int_equal(estab_knob_set(&cfg, "rto-slack", "0", &why), 0);
    assert_int_equal(cfg.rto_slack, 0);
    assert_int_equal(estab_knob_set(&cfg, "user-timeout", "never", &why), 0);
    assert_int_equal(cfg.tcp.user_timeout, ESTAB_NEVER);
    assert_int_equal(estab_knob_set(&cfg, "strong-host", "off", &why), 0);
    assert_false(cfg.strong_host);
}

TEST(what_is_no_value_is_refused)
{
    refused("rto-min", "x", "duration");
    refused("rto-min", "0", "duration");
    refused("ttl", "256", "number");
    refused("ttl", "-1", "number");
    refused("send-buffer", "4294967296", "number");
    refused("sack", "yes", "neither");
    refused("cc", "fast", "no such");
    refused("ecn", "", "not one of");
    refused("syn-cookies", "sometimes", "not one of never, when-full, always");
    refused("port-max", "65536", "number");
    refused("rto-min", "never", "duration");
    refused("user-timeout", "0", "duration");
    refused("secret", "1", "no such knob");
    refused("", "", "no such knob");
}

/* What a table has its size from, or a list its order, can be given at the start alone. */
TEST(what_a_host_is_made_of_is_told_apart)
{
    struct estab_config cfg = defaults();
    struct failure why;

    assert_true(estab_knob_is_fixed("reassembly-time-4"));
    assert_true(estab_knob_is_fixed("memory-budget"));
    assert_false(estab_knob_is_fixed("reassembly-bytes"));
    assert_false(estab_knob_is_fixed("frob"));
    assert_int_equal(estab_knob_set_text(&cfg, "reassembly-time-6=90", &why), 0);
    assert_true(cfg.reassembly_timeout_6 == ESTAB_SEC(90));
    assert_int_equal(estab_knob_set_text(&cfg, "memory-budget=1000000", &why), 0);
    assert_true(cfg.memory_budget == 1000000);
    assert_int_equal(estab_knob_set_text(&cfg, "memory-budget", &why), -1);
}
