/* SPDX-License-Identifier: MIT */
/*
 * One host: made, ended, and the calls that concern time, events and status. See
 * include/estab/stack.h for the contract.
 */
#include "stack/link.h"

#include "base/bytes.h"
#include "stack/lab.h"
#include "tcp/accecn_option.h"
#include "tcp/cwnd_validation.h"
#include "tcp/internal.h"
#include "tcp/undo.h"

#include <string.h>

static void
trace_for_tcp(const struct tcp_env *env, const struct tcb *tcb, struct estab_trace *t)
{
    estab_trace_tcb(env, tcb, t);
}

#ifdef ESTAB_LAB
const struct estab_rules estab_all_rules = {
#define X(name, text, rule) .name = true,
    ESTAB_RULES(X)
#undef X
};

void
estab_lab_set_rules(struct estab_stack *s, const struct estab_rules *rules)
{
    s->rules = rules;
}
#endif

struct tcp_env
estab_stack_env(struct estab_stack *s, estab_time now)
{
    ESTAB_ASSERT(now >= 0);
    if (now > s->now)
        s->now = now;
    return (struct tcp_env){
        .now = s->now,
        .cfg = &s->cfg,
#ifdef ESTAB_LAB
        .rules = s->rules,
#endif
        .arena = &s->arena,
        .chunks = &s->chunks,
        .undos = &s->undos,
        .validations = &s->validations,
        .accecns = &s->accecns,
        .recoveries = s->recoveries,
        .trace = s->cfg.trace != NULL ? trace_for_tcp : NULL,
        .host = s,
    };
}

void *
estab_stack_record_get(struct estab_stack *s, struct pool *p, uint32_t *index)
{
    void *r = estab_pool_get(p, index);

    if (r != NULL && *index > REF_INDEX_MAX) {
        estab_pool_put(p, *index);
        return NULL;
    }
    if (r != NULL)
        s->record_bytes += p->record_size;
    return r;
}

void
estab_stack_record_put(struct estab_stack *s, struct pool *p, uint32_t index)
{
    estab_pool_put(p, index);
    s->record_bytes -= p->record_size;
}

/* tcp/ takes some records from their pools by itself. */
size_t
estab_stack_record_bytes(const struct estab_stack *s)
{
    return s->record_bytes + (size_t)s->undos.lent * s->undos.record_size +
           (size_t)s->validations.lent * s->validations.record_size +
           (size_t)s->accecns.lent * s->accecns.record_size +
           (size_t)s->reassembly.datagrams.lent * s->reassembly.datagrams.record_size;
}

/* For the table: the octets that a reference's record is known by. */
static const uint8_t *
names_of(const void *ctx, uint32_t ref, unsigned addr_len)
{
    const struct estab_stack *s = ctx;
    enum ref_kind kind = ref_kind(ref);
    uint32_t index = ref_index(ref);
    unsigned f = family_index(addr_len);
    const struct listener *l;

    switch (kind) {
    case REF_CONN4:
    case REF_CONN6:
        if ((kind == REF_CONN6) != (f == 1))
            return NULL;
        return (const uint8_t *)&((const struct conn *)estab_pool_at(&s->conns[f], index))->names;
    case REF_HALF4:
    case REF_HALF6:
        if ((kind == REF_HALF6) != (f == 1))
            return NULL;
        return (const uint8_t *)&((const struct half_record *)estab_pool_at(&s->halves[f], index))
            ->names;
    case REF_TW4:
    case REF_TW6:
        if ((kind == REF_TW6) != (f == 1))
            return NULL;
        return (const uint8_t *)&((const struct tw_record *)estab_pool_at(&s->tws[f], index))
            ->names;
    case REF_UDP: /* in the other table */
    case REF_ECHO:
        return NULL;
    case REF_LISTENER:
        l = estab_pool_at(&s->listeners, index);
        return l->has_names[f] ? (const uint8_t *)&l->names[f] : NULL;
    }
    return NULL;
}

bool
estab_config_is_good(const struct estab_config *cfg)
{
    uint8_t any = 0;
    size_t i;

    for (i = 0; i < sizeof(cfg->secret); i++)
        any |= cfg->secret[i];
    if (cfg->arp_probe_time <= 0 || cfg->arp_probe_time > ESTAB_SEC(60))
        return false;
    return any != 0 && cfg->alloc.get != NULL && cfg->alloc.put != NULL && cfg->msl > 0 &&
           cfg->msl <= ESTAB_SEC(3600) && cfg->rto_initial > 0 &&
           cfg->rto_initial <= cfg->rto_max && cfg->rto_min > 0 && cfg->rto_slack >= 0 &&
           cfg->rto_max >= cfg->rto_min && cfg->rto_max <= ESTAB_SEC(3600) &&
           cfg->delayed_ack >= 0 && cfg->delayed_ack < ESTAB_MS(500) && /* (MUST-40) */
           cfg->timestamp_tick >= ESTAB_US(100) && cfg->timestamp_tick <= ESTAB_SEC(1) &&
           cfg->syn_r2 > 0 && cfg->fin_wait_2 > 0 && cfg->orphan_timeout > 0 &&
           cfg->user_timeout_min > 0 && cfg->user_timeout_max >= cfg->user_timeout_min &&
           cfg->sws_override >= ESTAB_MS(100) && cfg->sws_override <= ESTAB_SEC(1) &&
           cfg->challenge_gap >= 0 && cfg->fast_open_key_life > 0 && cfg->fast_open_retry > 0 &&
           cfg->fast_open_retry <= ESTAB_SEC(86400) && cfg->max_fast_open_peers <= 1u << 24 &&
           cfg->syn_ack_retries < UINT8_MAX && cfg->initial_window >= 1 &&
           cfg->initial_window <= 1000 && cfg->max_connections > 0 &&
           cfg->max_connections <= REF_INDEX_MAX && cfg->max_half_open <= REF_INDEX_MAX &&
           cfg->max_time_wait <= REF_INDEX_MAX && cfg->max_listeners > 0 && cfg->port_min > 0 &&
           cfg->port_max >= cfg->port_min && estab_options_check(&cfg->tcp) == 0 &&
           cfg->max_udp <= REF_INDEX_MAX && cfg->max_echo <= 256 &&
           cfg->max_reassemblies <= UINT16_MAX && cfg->max_fragments <= 1024 &&
           cfg->reassembly_timeout_4 > 0 && cfg->reassembly_timeout_6 > 0 &&
           estab_udp_options_check(&cfg->udp) == 0 && cfg->max_neighbours > 0 &&
           cfg->max_neighbours <= 1u << 20 && cfg->max_unresolved_neighbours > 0 &&
           cfg->max_unresolved_neighbours <= 1u << 20 && cfg->dad_transmits <= 10 &&
           cfg->max_paths <= 1u << 24;
}

static bool
setup(struct estab_stack *s)
{
    static const uint32_t addr_bytes[2] = { 8, 32 };
    const struct estab_config *cfg = &s->cfg;
    unsigned f;

    estab_chunks_init(&s->chunks, &s->arena);
    for (f = 0; f < 2; f++) {
        uint32_t names = (uint32_t)offsetof(struct names, addr) + addr_bytes[f];

        estab_pool_init(&s->conns[f], &s->arena, (uint32_t)offsetof(struct conn, names) + names,
                        cfg->max_connections);
        estab_pool_init(&s->halves[f], &s->arena,
                        (uint32_t)offsetof(struct half_record, names) + names, cfg->max_half_open);
        estab_pool_init(&s->tws[f], &s->arena, (uint32_t)offsetof(struct tw_record, names) + names,
                        cfg->max_time_wait);
    }
    estab_pool_init(&s->listeners, &s->arena, sizeof(struct listener), cfg->max_listeners);
    estab_pool_init(&s->undos, &s->arena, sizeof(struct undo), cfg->max_connections);
    estab_pool_init(&s->accecns, &s->arena, sizeof(struct accecn_counters), cfg->max_connections);
    estab_pool_init(&s->validations, &s->arena, sizeof(struct cwv), cfg->max_connections);
    estab_pool_init(&s->options, &s->arena, sizeof(struct shared_options), cfg->max_connections);
    estab_wheel_init(&s->conn_wheel, 0);
    estab_wheel_init(&s->half_wheel, 0);
    list_init(&s->ready);
    list_init(&s->all_listeners);
    estab_pool_init(&s->udps, &s->arena, sizeof(struct udp_endpoint), cfg->max_udp);
    list_init(&s->datagrams_blocked);
    estab_pool_init(&s->echoes, &s->arena, sizeof(struct echo_endpoint), cfg->max_echo);
    estab_reassembly_init(&s->reassembly, &s->arena, &s->chunks,
                          estab_siphash_derive(cfg->secret, "fragments"), &s->cfg);
    estab_paths_init(&s->paths, &s->arena, cfg->max_paths,
                     estab_siphash_derive(cfg->secret, "paths"));
    s->key_echo = estab_siphash_derive(cfg->secret, "echo");
    estab_icmp_limit_init(&s->icmp_limit, estab_siphash_derive(cfg->secret, "icmp limit"));
    s->key_udp = estab_siphash_derive(cfg->secret, "udp");
    s->key_echo_id = estab_siphash_derive(cfg->secret, "echo identifiers");
    estab_ip_ids_init(&s->ids, estab_siphash_derive(cfg->secret, "identification"));
    s->key_isn = estab_siphash_derive(cfg->secret, "isn");
    s->key_port = estab_siphash_derive(cfg->secret, "port");
    s->key_cookie = estab_siphash_derive(cfg->secret, "syn cookie");
    s->key_fast_open = estab_siphash_derive(cfg->secret, "fast open");
    s->key_fast_open_peer = estab_siphash_derive(cfg->secret, "fast open peers");
    s->key_ts = estab_siphash_derive(cfg->secret, "timestamp");
    for (f = 0; f < PORT_TABLE; f++) {
        uint8_t place = (uint8_t)f;

        s->port_table[f] = (uint32_t)estab_siphash24(&s->key_port, &place, 1);
    }
    if (!estab_demux_init(&s->demux, &s->arena, estab_siphash_derive(cfg->secret, "table"),
                          names_of, s))
        return false;
    /* number 0: what we send to ourselves */
    return estab_stack_add_interface(s, &(struct estab_link){ .mtu = LOOPBACK_MTU }) == 0;
}

struct estab_stack *
estab_stack_new(const struct estab_config *cfg)
{
    struct estab_stack *s;
    struct arena arena;

    if (!estab_config_is_good(cfg))
        return NULL;
    estab_arena_init(&arena, &cfg->alloc, cfg->memory_budget);
    s = estab_arena_get(&arena, sizeof(*s));
    if (s == NULL)
        return NULL;
    memset(s, 0, sizeof(*s));
    s->cfg = *cfg;
#ifdef ESTAB_LAB
    s->rules = &estab_all_rules;
#endif
    s->arena = arena;
    if (!setup(s)) {
        estab_stack_free(s);
        return NULL;
    }
    return s;
}

void
estab_stack_free(struct estab_stack *s)
{
    struct tcp_env env;
    struct arena arena;
    uint32_t index;
    unsigned i;

    if (s == NULL)
        return;
    env = estab_stack_env(s, s->now);
    env.trace = NULL;
    for (i = 0; i < 2; i++)
        for (index = estab_pool_next(&s->conns[i], 0); index != 0;
             index = estab_pool_next(&s->conns[i], index))
            estab_tcp_release(&((struct conn *)estab_pool_at(&s->conns[i], index))->tcb, &env);
    for (i = 0; i < s->interfaces; i++)
        if (s->interface[i].replies.data != NULL)
            estab_arena_put(&s->arena, s->interface[i].replies.data, s->interface[i].replies.size);
    if (s->scratch != NULL)
        estab_arena_put(&s->arena, s->scratch, LOOPBACK_MTU);
    estab_fast_open_forget(s);
    estab_udp_release(s);
    estab_datagram_release(s, &s->echoes);
    estab_reassembly_fini(&s->reassembly);
    estab_paths_fini(&s->paths);
    estab_link_free(s);
    for (i = 0; i < 2; i++) {
        estab_pool_fini(&s->conns[i]);
        estab_pool_fini(&s->halves[i]);
        estab_pool_fini(&s->tws[i]);
    }
    estab_pool_fini(&s->listeners);
    estab_pool_fini(&s->undos);
    estab_pool_fini(&s->validations);
    estab_pool_fini(&s->accecns);
    estab_pool_fini(&s->options);
    estab_chunks_fini(&s->chunks);
    estab_demux_fini(&s->demux);
    arena = s->arena;
    estab_arena_put(&arena, s, sizeof(*s));
}

int
estab_stack_add_interface(struct estab_stack *s, const struct estab_link *link)
{
    struct interface *i = &s->interface[s->interfaces];

    if (link->mtu < 68 || link->mtu > 65535)
        return -ESTAB_EINVAL;
    if (s->interfaces == INTERFACES_MAX)
        return -ESTAB_ENOBUFS;
    if (s->scratch == NULL)
        s->scratch = estab_arena_get(&s->arena, LOOPBACK_MTU);
    if (s->scratch == NULL)
        return -ESTAB_ENOMEM;
    if (link->kind > ESTAB_LINK_ETHERNET || link->offload.largest_out != 0)
        return -ESTAB_EINVAL;
    *i = (struct interface){ .link = *link, .mtu_max = link->mtu };
    if (link->kind == ESTAB_LINK_ETHERNET) {
        int err = estab_link_add(s, i, link);

        if (err < 0)
            return err;
    }
    i->replies.data = estab_arena_get(&s->arena, REPLY_RING);
    if (i->replies.data == NULL) {
        if (i->eth != NULL)
            estab_arena_put(&s->arena, i->eth, sizeof(struct ethernet));
        return -ESTAB_ENOMEM;
    }
    i->replies.size = REPLY_RING;
    list_init(&i->send);
    list_init(&i->released);
    return (int)s->interfaces++;
}

static bool
is_interface(const struct estab_stack *s, unsigned ifindex)
{
    return ifindex > 0 && ifindex < s->interfaces;
}

int
estab_stack_add_address(struct estab_stack *s, unsigned ifindex, const struct estab_addr *addr,
                        unsigned prefix_len)
{
    if (!is_interface(s, ifindex))
        return -ESTAB_EINVAL;
    /* RFC 8200 §5: IPv6 needs 1280 */
    if (addr->family == ESTAB_INET6 && s->interface[ifindex].link.mtu < 1280)
        return -ESTAB_EMSGSIZE;
    return estab_ip_add_address(&s->routes, addr, prefix_len, ifindex);
}

static bool
has_ipv6(const struct estab_stack *s, unsigned ifindex)
{
    uint32_t k;

    for (k = 0; k < s->routes.addresses; k++)
        if (s->routes.address[k].ifindex == ifindex && s->routes.address[k].addr_len == 16)
            return true;
    return s->interface[ifindex].link.autoconf && s->interface[ifindex].link.mtu >= 1280;
}

int
estab_stack_set_mtu(struct estab_stack *s, unsigned ifindex, uint32_t mtu)
{
    struct interface *i;

    if (!is_interface(s, ifindex) || mtu < 68 || mtu > s->interface[ifindex].mtu_max)
        return -ESTAB_EINVAL;
    if (mtu < 1280 && has_ipv6(s, ifindex)) /* RFC 8200 §5 */
        return -ESTAB_EMSGSIZE;
    i = &s->interface[ifindex];
    /* what a router has said stays, as long as the link takes it */
    if (i->eth != NULL && (i->eth->mtu6 == i->link.mtu || i->eth->mtu6 > mtu))
        i->eth->mtu6 = mtu;
    i->link.mtu = mtu;
    return 0;
}

int
estab_stack_add_route(struct estab_stack *s, unsigned ifindex, const struct estab_addr *prefix,
                      unsigned prefix_len)
{
    if (!is_interface(s, ifindex))
        return -ESTAB_EINVAL;
    return estab_ip_add_route(&s->routes, prefix, prefix_len, ifindex);
}

bool
estab_stack_is_local(const struct estab_stack *s, const struct estab_addr *addr)
{
    return addr->family != ESTAB_UNSPEC &&
           estab_ip_is_ours(&s->routes, addr->bytes, addr->family == ESTAB_INET ? 4 : 16);
}

estab_time
estab_stack_deadline(const struct estab_stack *cs)
{
    struct estab_stack *s =
        (struct estab_stack *)(uintptr_t)cs; /* the wheel caches what it finds */
    estab_time at, other;

    if (estab_stack_loopback_waits(s))
        return s->now;
    at = estab_wheel_deadline_after(&s->conn_wheel, s->now);
    other = estab_wheel_deadline_after(&s->half_wheel, s->now);
    if (other < at)
        at = other;
    other = estab_link_deadline(s);
    if (other < at)
        at = other;
    other = estab_tw_deadline(s);
    if (other < at)
        at = other;
    if (LIKELY(s->reassembly.datagrams.lent == 0))
        return at;
    other = estab_reassembly_deadline(&s->reassembly);
    return other < at ? other : at;
}

static void
expire_fragments(struct estab_stack *s, struct tcp_env *env)
{
    struct late_datagram late;
    size_t before = s->reassembly.bytes;

    while (estab_reassembly_expire(&s->reassembly, env->now, &late))
        if (late.quote_len > 0)
            estab_icmp_late(s, &late, env);
    if (s->reassembly.bytes != before)
        estab_trace_memory_of(s, NULL, ESTAB_MEM_FRAGMENTS,
                              (int64_t)s->reassembly.bytes - (int64_t)before);
}

void
estab_stack_tick(struct estab_stack *s, estab_time now)
{
    struct tcp_env env = estab_stack_env(s, now);
    struct wheel_timer *t;

    while ((t = estab_wheel_expire(&s->conn_wheel, env.now)) != NULL) {
        struct conn *c = CONTAINER(t, struct conn, timer);

        estab_tcp_timeouts(&c->tcb, &env);
        estab_conn_update(s, c, &env);
    }
    estab_half_timeouts(s, &env);
    estab_tw_expire(s, &env);
    if (UNLIKELY(s->reassembly.datagrams.lent > 0))
        expire_fragments(s, &env);
    estab_link_tick(s, now);
    estab_stack_pump_loopback(s, now);
}

size_t
estab_stack_events(struct estab_stack *s, struct estab_event *events, size_t n)
{
    size_t i;

    for (i = 0; i < n && !list_is_empty(&s->ready); i++) {
        struct pollable *p = CONTAINER(s->ready.next, struct pollable, ready);

        list_remove(&p->ready);
        events[i] = (struct estab_event){ .conn = p->handle, .cookie = p->cookie, .bits = p->bits };
        p->bits = 0;
    }
    return i;
}

static void
forget_fragments(struct estab_stack *s)
{
    size_t before = s->reassembly.bytes;

    estab_reassembly_clear(&s->reassembly);
    if (before > 0)
        estab_trace_memory_of(s, NULL, ESTAB_MEM_FRAGMENTS, -(int64_t)before);
}

void
estab_stack_shutdown(struct estab_stack *s, enum estab_shutdown_how how, estab_time now)
{
    struct tcp_env env = estab_stack_env(s, now);
    uint32_t index;
    unsigned f;

    while (!list_is_empty(&s->all_listeners))
        estab_listener_close(s, CONTAINER(s->all_listeners.next, struct listener, all), &env);
    for (f = 0; f < 2; f++) {
        for (index = estab_pool_next(&s->conns[f], 0); index != 0;
             index = estab_pool_next(&s->conns[f], index)) {
            struct conn *c = estab_pool_at(&s->conns[f], index);

            if (how == ESTAB_SHUTDOWN_RST)
                estab_tcp_abort(&c->tcb, &env, WHY_RST_ABORT, CAUSE_HOST_STOPPED);
            else if (!c->tcb.orphan)
                estab_conn_give_back(s, c, &env);
            estab_conn_update(s, c, &env);
        }
    }
    estab_udp_end_all(s);
    estab_echo_end_all(s);
    forget_fragments(s);
    while (how == ESTAB_SHUTDOWN_RST && estab_tw_first(s) != 0)
        estab_tw_end(s, estab_tw_first(s), CAUSE_HOST_STOPPED, &env);
}

void
estab_stack_status(const struct estab_stack *s, struct estab_stack_status *out)
{
    *out = (struct estab_stack_status){
        .listeners = s->listeners.lent,
        .connections = s->conns[0].lent + s->conns[1].lent,
        .half_open = s->halves[0].lent + s->halves[1].lent,
        .time_wait = s->tws[0].lent + s->tws[1].lent,
        .orphans = s->orphans,
        .udp = s->udps.lent,
        .echo = s->echoes.lent,
        .reassemblies = s->reassembly.datagrams.lent,
        .paths = s->paths.known,
        .reassemblies_failed = s->reassembly.failed,
        .timers = s->conn_wheel.armed + s->half_wheel.armed + s->tws[0].lent + s->tws[1].lent +
                  s->reassembly.datagrams.lent,
        .ports = s->ephemeral_ports + s->listeners.lent + s->udps.lent,
        .record_bytes = estab_stack_record_bytes(s),
        .ring_bytes = s->chunks.lent,
        .bytes_taken = s->arena.taken,
        .bytes_peak = s->arena.peak,
        .packets_in = s->packets_in,
        .packets_out = s->packets_out,
        .replies_dropped = s->replies_dropped,
        .unreachable_drops =
            s->unreachable_drops + (s->neighbours != NULL ? s->neighbours->dropped : 0),
        .address_conflicts = s->address_conflicts,
    };
    if (s->neighbours != NULL) {
        out->neighbours = s->neighbours->pool.lent;
        out->neighbours_failed = s->neighbours->failed;
        out->neighbours_evicted = s->neighbours->evicted;
        out->neighbours_refused = s->neighbours->refused;
    }
    memcpy(out->verdicts, s->verdicts, sizeof(out->verdicts));
    memcpy(out->recoveries, s->recoveries, sizeof(out->recoveries));
    memcpy(out->reasons, s->reasons, sizeof(out->reasons));
}

static void
status_of_names(const struct names *n, unsigned addr_len, uint8_t state, estab_time at,
                enum conn_timer timer, struct estab_status *out)
{
    *out = (struct estab_status){
        .state = state,
        .local = estab_names_local(n, addr_len),
        .remote = estab_names_remote(n, addr_len),
    };
    out->tcb.timer = (uint8_t)timer;
    out->tcb.timer_at = at;
}

/* The cursor: kind in the upper half, pool index in the lower. */
bool
estab_stack_next(const struct estab_stack *s, uint64_t *cursor, struct estab_status *out)
{
    uint32_t kind = (uint32_t)(*cursor >> 32), index = (uint32_t)*cursor;

    for (; kind <= REF_LISTENER; kind++, index = 0) {
        unsigned f = kind & 1;
        unsigned addr_len = f == 1 ? 16 : 4;
        const struct pool *p = kind <= REF_CONN6   ? &s->conns[f]
                               : kind <= REF_HALF6 ? &s->halves[f]
                               : kind <= REF_TW6   ? &s->tws[f]
                                                   : &s->listeners;

        index = estab_pool_next(p, index);
        if (index == 0)
            continue;
        *cursor = (uint64_t)kind << 32 | index;
        if (kind <= REF_CONN6) {
            const struct conn *c = estab_pool_at(p, index);

            return estab_conn_status(s, c, out), true;
        } else if (kind <= REF_HALF6) {
            const struct half_record *r = estab_pool_at(p, index);

            status_of_names(&r->names, addr_len, TCPS_SYN_RECEIVED, r->h.timer.at, TIMER_SYN_ACK,
                            out);
            out->tcb.iss = r->h.iss;
            out->tcb.snd_una = r->h.iss;
            out->tcb.snd_nxt = r->h.iss + 1;
            out->tcb.irs = r->h.irs;
            out->tcb.rcv_nxt = r->h.irs + 1;
        } else if (kind <= REF_TW6) {
            const struct tw_record *r = estab_pool_at(p, index);

            status_of_names(&r->names, addr_len, TCPS_TIME_WAIT, r->tw.expires_at, TIMER_TIME_WAIT,
                            out);
            out->tcb.snd_una = out->tcb.snd_nxt = r->tw.snd_nxt;
            out->tcb.rcv_nxt = r->tw.rcv_nxt;
        } else {
            const struct listener *l = estab_pool_at(p, index);

            *out = (struct estab_status){ .conn = l->poll.handle,
                                          .state = TCPS_LISTEN,
                                          .local = l->local };
            out->tcb.timer_at = ESTAB_NEVER;
        }
        return true;
    }
    *cursor = (uint64_t)kind << 32;
    return false;
}
