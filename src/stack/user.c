/* SPDX-License-Identifier: MIT */
/*
 * The user's calls on handles (RFC 9293 §3.9.1): names and ports are settled here, the rest is
 * the RFC's calls of tcp/user_calls.c. See include/estab/tcp.h for the contract.
 */
#include "stack/internal.h"

#include "base/bytes.h"
#include "tcp/rack.h"

#include <string.h>

/* After the call: what it made due, and the record of it. */
static void
done(struct estab_stack *s, struct conn *c, struct tcp_env *env)
{
    estab_conn_update(s, c, env);
}

/* ---- OPEN ---- */

static bool
is_taken(const struct estab_stack *s, const struct names *names, unsigned addr_len)
{
    return estab_demux_find(&s->demux, names, addr_len,
                            estab_demux_hash(&s->demux, names, addr_len)) != 0;
}

/* A TIME-WAIT with these names that an active OPEN may end, or 0. RFC 6191 §3 for our side of it:
 * timestamps of both lives tell them apart (our clock goes on from one to the next), one second has
 * made ours larger, and our ISN will be beyond the old numbers. */
static uint32_t
reusable_wait(const struct estab_stack *s, const struct names *names, unsigned addr_len)
{
    uint32_t ref =
        estab_demux_find(&s->demux, names, addr_len, estab_demux_hash(&s->demux, names, addr_len));
    const struct tw_record *r = ref != 0 ? estab_tw_at(s, ref) : NULL;

    if (r == NULL || !s->cfg.time_wait_reuse || !s->cfg.timestamps || !r->tw.timestamps ||
        r->tw.expires_at - s->now > 2 * s->cfg.msl - ESTAB_SEC(1))
        return 0;
    return ref;
}

/* RFC 6056 §3.3.4, algorithm 4 (RFC6056-3.1, RFC6056-3.2): an offset that only we can compute for
 * this destination, and a counter; ports in use for it, or listened on, are passed over
 * (RFC6056-3.2-AVOID). */
static int
choose_port(struct estab_stack *s, struct names *names, unsigned addr_len)
{
    uint32_t range = (uint32_t)s->cfg.port_max - s->cfg.port_min + 1;
    uint32_t offset, tries, *next, pass;
    uint64_t hash;

    /* RFC 6056 §3.3.4, double-hash (RFC6056-3.2): where the ports to this destination begin, and
     * which counter they share with some others, are secrets of ours: what is seen on one
     * destination says nothing of another, not even how many connections there are. */
    put_be16(names->ports, 0);
    hash = estab_siphash24(&s->key_port, names, NAMES_LEN(addr_len));
    offset = (uint32_t)hash;
    next = &s->port_table[hash >> 32 & (PORT_TABLE - 1)];
    /* a port that nothing uses; then one that waits and may be used again */
    for (pass = 0; pass < (s->cfg.time_wait_reuse ? 2u : 1u); pass++)
        for (tries = 0; tries < range; tries++) {
            put_be16(names->ports, s->cfg.port_min + (offset + (*next)++) % range);
            if ((!is_taken(s, names, addr_len) ||
                 (pass == 1 && reusable_wait(s, names, addr_len) != 0)) &&
                estab_listener_find(s, names, addr_len) == NULL)
                return 0;
        }
    return -ESTAB_EADDRNOTAVAIL;
}

/* The interface on the way to `remote`: that of its zone (RFC 4007 §6), or the route's. */
static int
way_to(const struct estab_stack *s, const struct estab_addr *remote, unsigned addr_len)
{
    if (remote->zone == 0 || estab_ip_is_ours(&s->routes, remote->bytes, addr_len))
        return estab_ip_route(&s->routes, remote->bytes, addr_len);
    return remote->zone < s->interfaces ? (int)remote->zone : -ESTAB_ENETUNREACH;
}

/* May `local`, an address, be ours on that interface? 0 stands for all. RFC 1122 §3.2.1.3 (g): the
 * loopback's addresses are never seen outside; RFC 4007 §6: one of a zone is of no other. */
static bool
is_ours_there(const struct estab_stack *s, const struct estab_addr *local, unsigned addr_len,
              unsigned ifindex)
{
    if (local->zone != 0)
        return local->zone < s->interfaces && (ifindex == 0 || local->zone == ifindex) &&
               estab_ip_is_ours_on(&s->routes, local->bytes, addr_len, local->zone);
    if (ifindex != 0 && estab_ip_is_link_local(local->bytes, addr_len) && addr_len == 16)
        return estab_ip_is_ours_on(&s->routes, local->bytes, addr_len, ifindex);
    return estab_ip_is_ours(&s->routes, local->bytes, addr_len) &&
           (ifindex == 0 || !estab_ip_is_loopback(local->bytes, addr_len));
}

int
estab_connect(struct estab_stack *s, const struct estab_endpoint *local,
              const struct estab_endpoint *remote, const struct estab_tcp_options *opts,
              estab_conn *conn, estab_time now)
{
    unsigned addr_len = addr_len_of(remote->addr.family);
    struct tcp_env env = estab_stack_env(s, now);
    struct shared_options *own = NULL;
    const uint8_t *source;
    struct names names;
    struct conn *c;
    bool ephemeral;
    int ifindex, err;
    uint32_t waits;
    tcp_seq iss;

    *conn = 0;
    if (addr_len == 0)
        return -ESTAB_EAFNOSUPPORT;
    /* (MUST-46) a remote address that is no single host's, or no port, is refused. */
    if (remote->port == 0 || estab_ip_is_broadcast(&s->routes, remote->addr.bytes, addr_len) ||
        estab_ip_is_unspecified(remote->addr.bytes, addr_len))
        return -ESTAB_EINVAL;
    if (opts != NULL && estab_options_check(opts) < 0)
        return -ESTAB_EINVAL;
    ifindex = way_to(s, &remote->addr, addr_len);
    if (ifindex < 0)
        return ifindex;
    /* (MUST-43, MUST-44, MUST-45) the user's address, or IP's choice; the same for good. */
    if (local != NULL && !estab_addr_is_any(&local->addr)) {
        if (addr_len_of(local->addr.family) != addr_len)
            return -ESTAB_EAFNOSUPPORT;
        if (!is_ours_there(s, &local->addr, addr_len, (unsigned)ifindex))
            return -ESTAB_EADDRNOTAVAIL;
        source = local->addr.bytes;
    } else {
        source = estab_ip_source(&s->routes, remote->addr.bytes, addr_len, (unsigned)ifindex);
        if (source == NULL)
            return -ESTAB_EADDRNOTAVAIL;
    }
    memset(&names, 0, sizeof(names));
    memcpy(names.addr, source, addr_len);
    memcpy(names.addr + addr_len, remote->addr.bytes, addr_len);
    put_be16(names.ports + 2, remote->port);
    ephemeral = local == NULL || local->port == 0;
    if (ephemeral) {
        err = choose_port(s, &names, addr_len);
        if (err < 0)
            return err;
    } else {
        put_be16(names.ports, local->port);
        if (is_taken(s, &names, addr_len) && reusable_wait(s, &names, addr_len) == 0)
            return -ESTAB_EADDRINUSE;
    }
    iss = estab_conn_isn(s, &names, addr_len, env.now);
    waits = reusable_wait(s, &names, addr_len);
    if (waits != 0) {
        iss = estab_time_wait_next_iss(&estab_tw_at(s, waits)->tw, iss);
        estab_tw_end(s, waits, CAUSE_REUSED, &env);
    }
    if (opts != NULL) {
        own = estab_options_new(s, opts);
        if (own == NULL)
            return -ESTAB_ENOMEM;
    }
    c = estab_conn_new(s, &names, addr_len, (unsigned)ifindex, own, 0, now);
    estab_options_unref(s, own);
    if (c == NULL)
        return conn_count(s) >= s->cfg.max_connections ? -ESTAB_ENOBUFS : -ESTAB_ENOMEM;
    if (ephemeral) {
        c->ephemeral = true;
        s->ephemeral_ports++;
    }
    *conn = c->poll.handle;
    estab_trace_call(s, c, ESTAB_CALL_OPEN_ACTIVE, 0, env.now);
    estab_tcp_open_active(&c->tcb, &env, iss);
    done(s, c, &env);
    return 0;
}

/* "Any address", also of one zone alone. */
static bool
is_any(const struct estab_addr *a)
{
    struct estab_addr b = *a;

    b.zone = 0;
    return estab_addr_is_any(&b);
}

/* The names by which a listener is found, for one family. */
static int
add_listener_names(struct estab_stack *s, struct listener *l, unsigned addr_len)
{
    unsigned f = family_index(addr_len);
    struct names *n = &l->names[f];

    put_be16(n->ports, l->local.port);
    if (l->local.addr.family != ESTAB_UNSPEC)
        memcpy(n->addr, l->local.addr.bytes, addr_len);
    if (is_taken(s, n, addr_len))
        return -ESTAB_EADDRINUSE;
    if (!estab_demux_insert(&s->demux, estab_demux_hash(&s->demux, n, addr_len), l->ref))
        return -ESTAB_ENOMEM;
    l->has_names[f] = true;
    return 0;
}

static int
listen_port(struct estab_stack *s, uint16_t *port)
{
    uint32_t range = (uint32_t)s->cfg.port_max - s->cfg.port_min + 1;
    uint32_t tries;

    for (tries = 0; tries < range; tries++) {
        struct names n;
        uint32_t p =
            s->cfg.port_min +
            ((uint32_t)estab_siphash24(&s->key_port, "listen", 6) + s->port_table[0]++) % range;

        memset(&n, 0, sizeof(n));
        put_be16(n.ports, p);
        if (!is_taken(s, &n, 4) && !is_taken(s, &n, 16)) {
            *port = (uint16_t)p;
            return 0;
        }
    }
    return -ESTAB_EADDRNOTAVAIL;
}

int
estab_listen(struct estab_stack *s, const struct estab_endpoint *local, uint32_t backlog,
             const struct estab_tcp_options *opts, estab_conn *listener, estab_time now)
{
    struct tcp_env env = estab_stack_env(s, now);
    unsigned addr_len = addr_len_of(local->addr.family);
    struct listener *l;
    uint32_t index;
    int err = 0;

    *listener = 0;
    if (opts != NULL && estab_options_check(opts) < 0)
        return -ESTAB_EINVAL;
    if (local->addr.zone >= s->interfaces)
        return -ESTAB_EADDRNOTAVAIL;
    if (addr_len != 0 && !is_any(&local->addr) && !is_ours_there(s, &local->addr, addr_len, 0))
        return -ESTAB_EADDRNOTAVAIL;
    l = estab_stack_record_get(s, &s->listeners, &index);
    if (l == NULL)
        return s->listeners.lent >= s->cfg.max_listeners ? -ESTAB_ENOBUFS : -ESTAB_ENOMEM;
    l->ref = make_ref(REF_LISTENER, index);
    l->poll.handle = (uint64_t)estab_pool_generation(&s->listeners, index) << 32 | l->ref;
    l->local = *local;
    l->backlog = backlog;
    l->cookies_at = INT64_MIN / 2;
    list_append(&s->all_listeners, &l->all);
    estab_trace_memory_of(s, l, ESTAB_MEM_LISTENER, s->listeners.record_size);
    if (opts != NULL) {
        l->own = estab_options_new(s, opts);
        if (l->own == NULL)
            err = -ESTAB_ENOMEM;
    }
    if (err == 0 && local->port == 0)
        err = listen_port(s, &l->local.port);
    if (err == 0 && addr_len != 16)
        err = add_listener_names(s, l, 4);
    if (err == 0 && addr_len != 4)
        err = add_listener_names(s, l, 16);
    l->group_n = err == 0;
    if (err == -ESTAB_EADDRINUSE && !l->has_names[0])
        err = estab_listener_join(s, l);
    if (err < 0) {
        /* (MUST-41) it never touches another record */
        estab_listener_close(s, l, &env);
        return err;
    }
    *listener = l->poll.handle;
    estab_trace_listener(s, l, ESTAB_CALL_OPEN_PASSIVE, 0, env.now);
    return 0;
}

int
estab_set_backlog(struct estab_stack *s, estab_conn listener, uint32_t backlog)
{
    struct listener *l = estab_listener_from_handle(s, listener);

    if (l == NULL)
        return -ESTAB_EBADF;
    l->backlog = backlog;
    return 0;
}

int
estab_accept(struct estab_stack *s, estab_conn listener, estab_conn *conn, estab_time now)
{
    struct listener *l = estab_listener_from_handle(s, listener);
    struct conn *c;

    *conn = 0;
    if (l == NULL)
        return -ESTAB_EBADF;
    (void)estab_stack_env(s, now);
    if (l->first == 0)
        return -ESTAB_EAGAIN;
    c = estab_conn_at(s, l->first);
    l->first = c->accept_next;
    if (l->first == 0)
        l->last = 0;
    else {
        l->poll.bits |= ESTAB_ACCEPTABLE; /* more wait */
        estab_conn_ready(s, &l->poll);
    }
    l->waiting--;
    c->listener = 0;
    if (c->fast_open_pending)
        c->pending_of = l->ref;
    else
        c->accept_next = 0;
    *conn = c->poll.handle;
    estab_trace_call(s, c, ESTAB_CALL_ACCEPT, 0, s->now);
    estab_conn_ready(s, &c->poll);
    return 0;
}

/* ---- SEND and RECEIVE ---- */

static ptrdiff_t
send_text(struct estab_stack *s, estab_conn conn, const void *data, size_t len, bool urgent,
          estab_time now)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct tcp_env env;
    ptrdiff_t n;

    if (c == NULL)
        return -ESTAB_EBADF;
    env = estab_stack_env(s, now);
    n = estab_tcp_send(&c->tcb, &env, data, len, urgent);
    if (UNLIKELY(s->cfg.trace != NULL))
        estab_trace_call(s, c, ESTAB_CALL_SEND, n, env.now);
    done(s, c, &env);
    return n;
}

ptrdiff_t
estab_send(struct estab_stack *s, estab_conn conn, const void *data, size_t len, estab_time now)
{
    return send_text(s, conn, data, len, false, now);
}

ptrdiff_t
estab_send_urgent(struct estab_stack *s, estab_conn conn, const void *data, size_t len,
                  estab_time now)
{
    return send_text(s, conn, data, len, true, now);
}

static void
to_public(const struct ring_span in[2], struct estab_span out[2])
{
    unsigned i;

    for (i = 0; i < 2; i++)
        out[i] = (struct estab_span){ .data = in[i].data, .len = in[i].len };
}

ptrdiff_t
estab_reserve(struct estab_stack *s, estab_conn conn, size_t want, struct estab_span spans[2])
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct ring_span in[2] = { { 0 }, { 0 } };
    struct tcp_env env;
    ptrdiff_t n;

    if (c == NULL)
        return -ESTAB_EBADF;
    env = estab_stack_env(s, s->now);
    n = estab_tcp_reserve(&c->tcb, &env, want, in);
    to_public(in, spans);
    return n;
}

int
estab_commit(struct estab_stack *s, estab_conn conn, size_t len, estab_time now)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct tcp_env env;
    int err;

    if (c == NULL)
        return -ESTAB_EBADF;
    env = estab_stack_env(s, now);
    err = estab_tcp_commit(&c->tcb, &env, len);
    if (UNLIKELY(s->cfg.trace != NULL))
        estab_trace_call(s, c, ESTAB_CALL_SEND, err < 0 ? err : (int64_t)len, env.now);
    done(s, c, &env);
    return err;
}

ptrdiff_t
estab_receive(struct estab_stack *s, estab_conn conn, void *buf, size_t len, estab_time now)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct tcp_env env;
    ptrdiff_t n;

    if (c == NULL)
        return -ESTAB_EBADF;
    env = estab_stack_env(s, now);
    n = estab_tcp_receive(&c->tcb, &env, buf, len);
    if (n >= 0) {
        if (UNLIKELY(s->cfg.trace != NULL))
            estab_trace_call(s, c, ESTAB_CALL_RECEIVE, n, env.now);
        done(s, c, &env);
    }
    return n;
}

ptrdiff_t
estab_peek(struct estab_stack *s, estab_conn conn, struct estab_span spans[2])
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct ring_span in[2];
    ptrdiff_t n;

    if (c == NULL)
        return -ESTAB_EBADF;
    n = estab_tcp_peek(&c->tcb, in);
    to_public(in, spans);
    return n;
}

int
estab_consume(struct estab_stack *s, estab_conn conn, size_t len, estab_time now)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct tcp_env env;
    int err;

    if (c == NULL)
        return -ESTAB_EBADF;
    env = estab_stack_env(s, now);
    err = estab_tcp_consume(&c->tcb, &env, len);
    if (err < 0)
        return err;
    if (UNLIKELY(s->cfg.trace != NULL))
        estab_trace_call(s, c, ESTAB_CALL_RECEIVE, (int64_t)len, env.now);
    done(s, c, &env);
    return 0;
}

/* ---- CLOSE and ABORT ---- */

int
estab_shutdown(struct estab_stack *s, estab_conn conn, estab_time now)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct tcp_env env;
    int err;

    if (c == NULL)
        return -ESTAB_EBADF;
    env = estab_stack_env(s, now);
    estab_trace_call(s, c, ESTAB_CALL_SHUTDOWN, 0, env.now);
    err = estab_tcp_close(&c->tcb, &env);
    done(s, c, &env);
    return err;
}

void
estab_conn_give_back(struct estab_stack *s, struct conn *c, struct tcp_env *env)
{
    if (c->poll.ready.next != NULL)
        list_remove(&c->poll.ready);
    c->poll.bits = 0;
    /* limit: max_orphans; beyond it the connection is reset instead of closing by itself. */
    if (s->orphans >= s->cfg.max_orphans) {
        estab_tcp_abort(&c->tcb, env, WHY_RST_LIMIT, CAUSE_LIMIT);
        return;
    }
    estab_tcp_orphan(&c->tcb, env);
    if (c->tcb.state == TCPS_CLOSED || c->tcb.state == TCPS_TIME_WAIT)
        return;
    c->counted_orphan = true;
    s->orphans++;
}

int
estab_close(struct estab_stack *s, estab_conn conn, estab_time now)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct listener *l;
    struct tcp_env env;

    env = estab_stack_env(s, now);
    if (c == NULL) {
        l = estab_listener_from_handle(s, conn);
        if (l == NULL)
            return -ESTAB_EBADF;
        estab_trace_listener(s, l, ESTAB_CALL_CLOSE, 0, env.now);
        estab_listener_close(s, l, &env);
        return 0;
    }
    estab_trace_call(s, c, ESTAB_CALL_CLOSE, 0, env.now);
    estab_conn_give_back(s, c, &env);
    done(s, c, &env);
    return 0;
}

int
estab_abort(struct estab_stack *s, estab_conn conn, estab_time now)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct tcp_env env;

    if (c == NULL)
        return -ESTAB_EBADF;
    env = estab_stack_env(s, now);
    estab_trace_call(s, c, ESTAB_CALL_ABORT, 0, env.now);
    estab_tcp_abort(&c->tcb, &env, WHY_RST_ABORT, CAUSE_ABORT_CALL);
    done(s, c, &env);
    return 0;
}

/* ---- STATUS and options ---- */

/* RFC 4007 §6: a link-local address says little without its zone. */
static struct estab_endpoint
of_zone(struct estab_endpoint e, unsigned ifindex)
{
    if (e.addr.family == ESTAB_INET6 && estab_ip_is_link_local(e.addr.bytes, 16))
        e.addr.zone = ifindex;
    return e;
}

void
estab_conn_status(const struct estab_stack *s, const struct conn *c, struct estab_status *out)
{
    const struct tcb *tcb = &c->tcb;
    tcp_seq read_to = tcb->rcv_nxt - tcb->rcv.used;

    *out = (struct estab_status){
        .conn = c->poll.handle,
        .state = tcb->state,
        .orphan = tcb->orphan,
        .error = -(int)tcb->error,
        .soft_error = -(int)tcb->soft_error,
        .local = of_zone(estab_names_local(&c->names, c->addr_len), c->ifindex),
        .remote = of_zone(estab_names_remote(&c->names, c->addr_len), c->ifindex),
        .mss = tcb->smss,
        .urgent_left =
            tcb->rcv_up_valid && seq_gt(tcb->rcv_up, read_to) ? tcb->rcv_up - read_to : 0,
        .timestamps = tcb->timestamps,
        .sack = tcb->sack,
        .window_scaling = tcb->window_scaling,
        .fast_open = tcb->fast_open,
        .snd_wind_shift = tcb->snd_wind_shift,
        .rcv_wind_shift = tcb->rcv_wind_shift,
        .sacked = tcb->flight != NULL ? tcb->flight->sb.sacked : 0,
        .lost = tcb->flight != NULL ? tcb->flight->sb.lost : 0,
        .recovery = tcb->recovery,
        .send_limit = estab_tcp_send_limit(tcb),
        .receive_limit = tcb->rcv_limit,
        .ecn = tcb->ecn,
        .accecn = tcb->accecn,
        .bytes_sent = tcb->bytes_sent,
        .bytes_received = tcb->bytes_received,
    };
    estab_trace_fill_tcb(s, tcb, &out->tcb);
}

/* The wait goes on in a record of its own; who holds the handle sees it all the same. */
static void
tell_time_wait(const struct estab_stack *s, const struct conn *c, struct estab_status *out)
{
    uint32_t ref = estab_demux_find(&s->demux, &c->names, c->addr_len,
                                    estab_demux_hash(&s->demux, &c->names, c->addr_len));
    const struct tw_record *tw = ref != 0 ? estab_tw_at(s, ref) : NULL;

    if (tw == NULL)
        return;
    out->tcb.timer = TIMER_TIME_WAIT;
    out->tcb.timer_at = tw->tw.expires_at;
}

int
estab_status(const struct estab_stack *s, estab_conn conn, struct estab_status *out)
{
    /* a look is allowed before estab_accept() too: estab_stack_next() tells the handle */
    struct conn *c = conn != 0 ? estab_conn_at(s, (uint32_t)conn) : NULL;
    struct listener *l;

    if (c != NULL && (c->poll.handle != conn || c->tcb.orphan))
        c = NULL;
    if (c != NULL) {
        estab_conn_status(s, c, out);
        if (c->tcb.state == TCPS_TIME_WAIT)
            tell_time_wait(s, c, out);
        return 0;
    }
    l = estab_listener_from_handle(s, conn);
    if (l == NULL)
        return -ESTAB_EBADF;
    *out = (struct estab_status){
        .conn = conn,
        .state = TCPS_LISTEN,
        .local = l->local,
        .waiting = l->waiting,
        .backlog = l->backlog,
    };
    out->tcb.timer_at = ESTAB_NEVER;
    return 0;
}

int
estab_get_options(const struct estab_stack *s, estab_conn conn, struct estab_tcp_options *out)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct listener *l = estab_listener_from_handle(s, conn);

    if (c == NULL && l == NULL)
        return -ESTAB_EBADF;
    *out = c != NULL ? *c->tcb.opt : *estab_options_of(s, l->own);
    return 0;
}

int
estab_set_options(struct estab_stack *s, estab_conn conn, const struct estab_tcp_options *opts,
                  estab_time now)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct listener *l = estab_listener_from_handle(s, conn);
    struct shared_options *own, *old;
    struct tcp_env env;

    if (c == NULL && l == NULL)
        return -ESTAB_EBADF;
    if (estab_options_check(opts) < 0)
        return -ESTAB_EINVAL;
    own = old = c != NULL ? conn_own(s, c) : l->own;
    if (old != NULL && old->users == 1) {
        old->opt = *opts;
    } else {
        own = estab_options_new(s, opts);
        if (own == NULL)
            return -ESTAB_ENOMEM;
        estab_options_unref(s, old);
    }
    if (c == NULL) {
        l->own = own;
    } else {
        env = estab_stack_env(s, now);
        c->tcb.opt = &own->opt;
        estab_tcp_options_changed(&c->tcb, &env);
        done(s, c, &env);
    }
    return 0;
}

int
estab_set_cookie(struct estab_stack *s, estab_conn conn, void *cookie)
{
    struct conn *c = estab_conn_from_handle(s, conn);
    struct listener *l = estab_listener_from_handle(s, conn);
    struct udp_endpoint *u = estab_udp_from_handle(s, conn);
    struct pollable *p = c != NULL   ? &c->poll
                         : l != NULL ? &l->poll
                         : u != NULL ? &u->end.poll
                                     : estab_echo_pollable(s, conn);

    if (p == NULL)
        return -ESTAB_EBADF;
    p->cookie = cookie;
    return 0;
}
