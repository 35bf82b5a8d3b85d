/* SPDX-License-Identifier: MIT */
/* The defaults of today's practice, and the profiles over them. */
#include "estab/config.h"

#include "estab/err.h"
#include "harness/test.h"

#include <string.h>

static struct estab_config
profile(const char *name)
{
    struct estab_config cfg;

    estab_config_init(&cfg);
    assert_int_equal(estab_config_profile(&cfg, name), 0);
    return cfg;
}

/* How long a half-open record lives: RTO doubles up to its maximum (RFC 6298 §5.5). */
static estab_time
half_open_life(const struct estab_config *cfg)
{
    estab_time rto = cfg->rto_initial, life = 0;

    for (uint32_t i = 0; i <= cfg->syn_ack_retries; i++) {
        life += rto;
        rto = rto * 2 < cfg->rto_max ? rto * 2 : cfg->rto_max;
    }
    return life;
}

/* MUST-25: keep-alives are off; MUST-28: and would not begin before two hours. */
TEST(defaults_are_what_the_documentation_says)
{
    struct estab_config cfg;
    static const uint8_t zero[32];

    memset(&cfg, 0xff, sizeof(cfg));
    estab_config_init(&cfg);
    assert_memory_equal(cfg.secret, zero, 32);
    assert_true(cfg.alloc.get == NULL && cfg.trace == NULL);
    assert_int_equal(cfg.msl, ESTAB_SEC(30));
    assert_int_equal(cfg.rto_initial, ESTAB_SEC(1));
    assert_int_equal(cfg.rto_min, ESTAB_MS(200));
    assert_int_equal(cfg.rto_slack, ESTAB_MS(200));
    assert_int_equal(cfg.rto_max, ESTAB_SEC(120));
    assert_int_equal(cfg.r1, 3);
    assert_true(cfg.syn_r2 >= ESTAB_SEC(180));
    assert_int_equal(half_open_life(&cfg), ESTAB_SEC(31));
    assert_int_equal(cfg.delayed_ack, ESTAB_MS(40));
    assert_int_equal(cfg.fin_wait_2, ESTAB_SEC(60));
    assert_in_range(cfg.sws_override, ESTAB_MS(100), ESTAB_SEC(1));
    assert_int_equal(cfg.initial_window, 10);
    assert_true(cfg.timestamps && cfg.window_scaling && cfg.sack && cfg.rfc1337);
    assert_false(cfg.tcp.keepalive || cfg.tcp.nodelay);
    assert_int_equal(cfg.tcp.keepalive_idle, ESTAB_SEC(7200));
    assert_int_equal(cfg.tcp.keepalive_interval, ESTAB_SEC(75));
    assert_int_equal(cfg.tcp.keepalive_count, 10);
    assert_int_equal(cfg.tcp.user_timeout, ESTAB_SEC(900));
    assert_int_equal(cfg.tcp.ttl, 64);
    assert_int_equal(cfg.memory_budget, 256u << 20);
    assert_int_equal(cfg.port_min, 1024);
    assert_int_equal(cfg.port_max, 65535);
    assert_int_equal(cfg.challenge_gap, ESTAB_MS(500));
}

/* A SYN is repeated for 3 minutes on both sides (RFC 9293 §3.8.3); MSL as in §3.4.2. */
TEST(profile_rfc_does_not_deviate)
{
    struct estab_config cfg = profile("rfc");

    assert_int_equal(cfg.msl, ESTAB_SEC(120));
    assert_int_equal(cfg.rto_min, ESTAB_SEC(1));
    assert_int_equal(cfg.rto_slack, 0);
    assert_true(half_open_life(&cfg) >= ESTAB_SEC(180));
    assert_true(cfg.syn_r2 >= ESTAB_SEC(180));
    assert_true(cfg.tcp.user_timeout >= ESTAB_SEC(100));
}

TEST(profiles_of_systems_have_their_ports_and_options)
{
    struct estab_config cfg = profile("linux");

    assert_int_equal(cfg.port_min, 32768);
    assert_int_equal(cfg.port_max, 60999);
    assert_int_equal(half_open_life(&cfg), ESTAB_SEC(63));
    assert_int_equal(cfg.syn_layout, ESTAB_SYN_LAYOUT_LINUX);
    /* over what is there: the range is the profile's, not what another one left */
    assert_int_equal(estab_config_profile(&cfg, "bsd"), 0);
    assert_int_equal(cfg.port_min, 49152);
    assert_int_equal(cfg.port_max, 65535);
    assert_int_equal(cfg.msl, ESTAB_SEC(30));
    assert_int_equal(cfg.syn_layout, ESTAB_SYN_LAYOUT_BSD);
}

TEST(profiles_lan_and_tiny_are_quick_and_small)
{
    struct estab_config cfg = profile("lan");

    assert_int_equal(cfg.rto_min, ESTAB_MS(10));
    assert_int_equal(cfg.delayed_ack, ESTAB_MS(10));
    cfg = profile("tiny");
    assert_int_equal(cfg.tcp.send_buffer_max, 4096);
    assert_int_equal(cfg.tcp.receive_buffer_max, 4096);
    assert_true(cfg.memory_budget <= 4u << 20 && cfg.max_connections <= 1024);
}

TEST(an_unknown_profile_is_refused_and_changes_nothing)
{
    struct estab_config cfg, before;

    memset(&before, 0, sizeof(before));
    estab_config_init(&before);
    cfg = before;
    assert_int_equal(estab_config_profile(&cfg, "windows"), -ESTAB_EINVAL);
    assert_int_equal(estab_config_profile(&cfg, ""), -ESTAB_EINVAL);
    assert_memory_equal(&cfg, &before, sizeof(cfg));
}
