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
    refused("secret", "1", "no such knob");
    refused("", "", "no such knob");
}
