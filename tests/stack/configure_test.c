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
    now.memory_budget = 1;
    now.max_connections = now.max_half_open = now.max_time_wait = now.max_listeners = 1;
    now.max_echo = now.max_udp = now.max_reassemblies = now.max_fragments = 1;
    now.max_neighbours = now.max_unresolved_neighbours = 1;
    now.max_fast_open_pending = now.max_fast_open_peers = 1;
    now.reassembly_timeout_4 = now.reassembly_timeout_6 = 1;
    now.alloc.get = NULL;
    assert_int_equal(estab_stack_set_config(stack, &now, 0), 0);
    estab_stack_get_config(stack, &now);
    assert_int_equal(now.rto_min, ESTAB_MS(300));
    assert_true(now.tcp.keepalive);
    assert_int_equal(now.msl, cfg.msl);
    assert_int_equal(now.memory_budget, cfg.memory_budget);
    assert_int_equal(now.max_connections, cfg.max_connections);
    assert_int_equal(now.max_half_open, cfg.max_half_open);
    assert_int_equal(now.max_time_wait, cfg.max_time_wait);
    assert_int_equal(now.max_listeners, cfg.max_listeners);
    assert_int_equal(now.max_udp, cfg.max_udp);
    assert_int_equal(now.max_echo, cfg.max_echo);
    assert_int_equal(now.max_reassemblies, cfg.max_reassemblies);
    assert_int_equal(now.max_fragments, cfg.max_fragments);
    assert_int_equal(now.max_neighbours, cfg.max_neighbours);
    assert_int_equal(now.max_unresolved_neighbours, cfg.max_unresolved_neighbours);
    assert_int_equal(now.max_fast_open_pending, cfg.max_fast_open_pending);
    assert_int_equal(now.max_fast_open_peers, cfg.max_fast_open_peers);
    assert_int_equal(now.reassembly_timeout_4, cfg.reassembly_timeout_4);
    assert_int_equal(now.reassembly_timeout_6, cfg.reassembly_timeout_6);
    assert_true(now.alloc.get == cfg.alloc.get);
    estab_stack_free(stack);
}

/* More listeners, endpoints and connections than the tables were made for: asked for while it runs, they
 * are refused at the limits of its creation. */
TEST(limits_raised_later_let_nobody_beyond_those_of_creation)
{
    struct estab_config cfg, now;
    struct estab_stack *stack;
    struct estab_endpoint at = { estab_addr_v4(127, 0, 0, 1), 0 };
    estab_conn c;
    estab_udp u;
    unsigned listeners = 0, udps = 0, conns = 0;

    estab_config_init(&cfg);
    memset(cfg.secret, 7, sizeof cfg.secret);
    cfg.alloc = estab_alloc_system();
    cfg.max_listeners = cfg.max_udp = cfg.max_connections = 3;
    stack = estab_stack_new(&cfg);
    assert_non_null(stack);
    now = cfg;
    now.max_listeners = now.max_udp = now.max_connections = 1000;
    assert_int_equal(estab_stack_set_config(stack, &now, 0), 0);
    for (unsigned i = 0; i < 100; i++) {
        at.port = (uint16_t)(2000 + i);
        listeners += estab_listen(stack, &at, 4, NULL, &c, 0) == 0;
        udps += estab_udp_open(stack, &at, NULL, &u, 0) == 0;
        conns += estab_connect(stack, NULL, &at, NULL, &c, 0) == 0;
    }
    assert_int_equal(listeners, 3);
    assert_int_equal(udps, 3);
    assert_int_equal(conns, 3);
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
