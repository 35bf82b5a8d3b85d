/* SPDX-License-Identifier: MIT */
/*
 * Settings of a running host. What tables, keys and running clocks were made of stays; everything
 * else is read where it is needed, so that a change is a copy, and a word to each connection that
 * shares the host's options.
 */
#include "stack/internal.h"

#include "tcp/internal.h"

#include <string.h>

void
estab_stack_get_config(const struct estab_stack *s, struct estab_config *out)
{
    *out = s->cfg;
    memset(out->secret, 0, sizeof(out->secret));
    memset(out->identity, 0, sizeof(out->identity));
}

/* The record may be gone after a word to its connection: so the next one is looked for before. */
static void
tell_connections(struct estab_stack *s, estab_time now)
{
    struct tcp_env env = estab_stack_env(s, now);

    for (unsigned f = 0; f < 2; f++) {
        uint32_t index = estab_pool_next(&s->conns[f], 0);

        while (index != 0) {
            struct conn *c = estab_pool_at(&s->conns[f], index);

            index = estab_pool_next(&s->conns[f], index);
            if (conn_own(s, c) != NULL)
                continue;
            estab_tcp_options_changed(&c->tcb, &env);
            estab_conn_update(s, c, &env);
        }
    }
}

int
estab_stack_set_config(struct estab_stack *s, const struct estab_config *cfg, estab_time now)
{
    struct estab_config next = *cfg;
    const struct estab_config *old = &s->cfg;

    memcpy(next.secret, old->secret, sizeof(next.secret));
    memcpy(next.identity, old->identity, sizeof(next.identity));
    next.alloc = old->alloc;
    next.trace = old->trace;
    next.trace_ctx = old->trace_ctx;
    next.host = old->host;
    next.msl = old->msl;
    next.timestamp_tick = old->timestamp_tick;
    next.fast_open_key_life = old->fast_open_key_life;
    next.fast_open_retry = old->fast_open_retry;
    next.max_fast_open_pending = old->max_fast_open_pending;
    next.max_fast_open_peers = old->max_fast_open_peers;
    next.memory_budget = old->memory_budget;
    next.max_connections = old->max_connections;
    next.max_half_open = old->max_half_open;
    next.max_time_wait = old->max_time_wait;
    next.max_listeners = old->max_listeners;
    next.max_udp = old->max_udp;
    next.max_echo = old->max_echo;
    /* the pool and the lists of fragments have their size and their order from them */
    next.max_reassemblies = old->max_reassemblies;
    next.max_fragments = old->max_fragments;
    next.reassembly_timeout_4 = old->reassembly_timeout_4;
    next.reassembly_timeout_6 = old->reassembly_timeout_6;
    next.max_paths = old->max_paths;
    next.max_neighbours = old->max_neighbours;
    next.max_unresolved_neighbours = old->max_unresolved_neighbours;
    next.neighbour_queue_bytes = old->neighbour_queue_bytes;
    if (!estab_config_is_good(&next))
        return -ESTAB_EINVAL;
    s->cfg = next;
    tell_connections(s, now);
    return 0;
}
