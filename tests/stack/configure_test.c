/* SPDX-License-Identifier: MIT */
/* Settings of a running host: what may change does, what may not does not (estab/stack.h). */
#include "drivers/alloc.h"
#include "estab/estab.h"
#include "harness/test.h"

#include <string.h>

static struct estab_stack *
made(struct estab_config *cfg)
{
    struct estab_stack *stack;

    estab_config_init(cfg);
    memset(cfg->secret, 7, sizeof cfg->secret);
    cfg->alloc = estab_alloc_system();
    stack = estab_stack_new(cfg);
    assert_non_null(stack);
    return stack;
}

TEST(the_secret_is_not_told)
{
    static const uint8_t zeros[32];
    struct estab_config cfg, now;
    struct estab_stack *stack = made(&cfg);

    estab_stack_get_config(stack, &now);
    assert_memory_equal(now.secret, zeros, 32);
    assert_int_equal(now.msl, cfg.msl);
    estab_stack_free(stack);
}

TEST(settings_change_and_those_of_tables_and_clocks_stay)
{
    struct estab_config cfg, now;
    struct estab_stack *stack = made(&cfg);

    estab_stack_get_config(stack, &now);
    now.rto_min = ESTAB_MS(300);
    now.tcp.keepalive = true;
    now.msl = ESTAB_SEC(1);
    now.max_connections = 1;
    now.memory_budget = 1;
    now.alloc.get = NULL;
    assert_int_equal(estab_stack_set_config(stack, &now, 0), 0);
    estab_stack_get_config(stack, &now);
    assert_int_equal(now.rto_min, ESTAB_MS(300));
    assert_true(now.tcp.keepalive);
    assert_int_equal(now.msl, cfg.msl);
    assert_int_equal(now.max_connections, cfg.max_connections);
    assert_int_equal(now.memory_budget, cfg.memory_budget);
    assert_true(now.alloc.get == cfg.alloc.get);
    estab_stack_free(stack);
}

TEST(a_value_out_of_range_changes_nothing)
{
    struct estab_config cfg, now;
    struct estab_stack *stack = made(&cfg);

    estab_stack_get_config(stack, &now);
    now.rto_min = ESTAB_MS(300);
    now.tcp.ttl = 0;
    assert_int_equal(estab_stack_set_config(stack, &now, 0), -ESTAB_EINVAL);
    estab_stack_get_config(stack, &now);
    assert_int_equal(now.rto_min, cfg.rto_min);
    estab_stack_free(stack);
}

/* Two hosts of one process: a connection that shares the host's options gets its keepalive timer
 * when the setting comes, and loses it when it goes. */
TEST(connections_without_options_of_their_own_follow)
{
    struct estab_config cfg, now;
    struct estab_stack *stack = made(&cfg);
    struct estab_endpoint at = { estab_addr_v4(127, 0, 0, 1), 7 };
    struct estab_status st;
    struct estab_event e;
    estab_conn listener, conn;

    assert_int_equal(estab_listen(stack, &at, 4, NULL, &listener, 0), 0);
    assert_int_equal(estab_connect(stack, NULL, &at, NULL, &conn, 0), 0);
    for (unsigned i = 0; i < 10; i++)
        estab_stack_tick(stack, i);
    while (estab_stack_events(stack, &e, 1) != 0)
        ;
    assert_int_equal(estab_status(stack, conn, &st), 0);
    assert_int_equal(st.state, ESTAB_TCPS_ESTABLISHED);
    assert_int_equal(st.tcb.timer_at, ESTAB_NEVER);
    estab_stack_get_config(stack, &now);
    now.tcp.keepalive = true;
    now.tcp.keepalive_idle = ESTAB_SEC(3);
    assert_int_equal(estab_stack_set_config(stack, &now, 10), 0);
    assert_int_equal(estab_status(stack, conn, &st), 0);
    assert_int_equal(st.tcb.timer, ESTAB_TIMER_KEEPALIVE);
    assert_true(st.tcb.timer_at <= ESTAB_SEC(3) + 10);
    now.tcp.keepalive = false;
    assert_int_equal(estab_stack_set_config(stack, &now, 10), 0);
    assert_int_equal(estab_status(stack, conn, &st), 0);
    assert_int_equal(st.tcb.timer_at, ESTAB_NEVER);
    estab_stack_free(stack);
}
