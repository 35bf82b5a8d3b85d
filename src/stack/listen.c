/* SPDX-License-Identifier: MIT */
/*
 * Listeners, their half-open records and accept queues (RFC 9293 §3.10.7.2; RFC 4987). A SYN
 * costs us one small record and never a TCB; at max_half_open, or `backlog` of one listener, it is
 * answered with a cookie and costs nothing (syn_cookie.h). While more than `backlog` connections
 * wait for the user, SYNs and the ACKs that would complete a handshake are dropped
 * (DROP_ACCEPT_QUEUE_FULL), and the peer tries again.
 * Called from input.c, user.c and stack.c.
 */
#include "stack/link.h"

#include "base/bytes.h"
#include "tcp/accecn_option.h"
#include "tcp/internal.h"
#include "tcp/syn_cookie.h"

#include <string.h>

struct listener *
estab_listener_at(const struct estab_stack *s, uint32_t ref)
{
    return ref_kind(ref) == REF_LISTENER ? estab_pool_at(&s->listeners, ref_index(ref)) : NULL;
}

struct listener *
estab_listener_from_handle(const struct estab_stack *s, estab_conn handle)
{
    struct listener *l = handle != 0 ? estab_listener_at(s, (uint32_t)handle) : NULL;

    return l != NULL && l->poll.handle == handle ? l : NULL;
}

#define GROUP_MAX 64

/* Which of the listeners on one endpoint gets this peer: by a keyed hash of both ends, so that all
 * segments of a handshake meet the same one. */
static struct listener *
member_for(const struct estab_stack *s, struct listener *head, const struct names *names,
           unsigned addr_len)
{
    uint32_t steps;

    if (head->group_n <= 1)
        return head;
    steps = estab_demux_hash(&s->demux, names, addr_len) % head->group_n;
    while (steps-- > 0)
        head = estab_listener_at(s, head->group_next);
    return head;
}

/* The listener of the local address, or of any address. */
struct listener *
estab_listener_find(const struct estab_stack *s, const struct names *names, unsigned addr_len)
{
    struct names key;
    uint32_t ref;

    memset(&key, 0, sizeof(key));
    key.ports[0] = names->ports[0];
    key.ports[1] = names->ports[1];
    memcpy(key.addr, names_local(names), addr_len);
    ref = estab_demux_find(&s->demux, &key, addr_len, estab_demux_hash(&s->demux, &key, addr_len));
    if (ref == 0) {
        memset(key.addr, 0, sizeof(key.addr));
        ref = estab_demux_find(&s->demux, &key, addr_len,
                               estab_demux_hash(&s->demux, &key, addr_len));
    }
    return ref != 0 ? member_for(s, estab_listener_at(s, ref), names, addr_len) : NULL;
}

/* ---- several listeners on one endpoint ---- */

static bool
shares_port(const struct estab_stack *s, const struct listener *l)
{
    return estab_options_of(s, l->own)->reuse_port;
}

int
estab_listener_join(struct estab_stack *s, struct listener *l)
{
    struct link *at;
    struct listener *head;

    if (!shares_port(s, l))
        return -ESTAB_EADDRINUSE;
    for (at = s->all_listeners.next; at != &s->all_listeners; at = at->next) {
        head = CONTAINER(at, struct listener, all);
        if (head == l || head->group_n == 0 || head->local.port != l->local.port ||
            memcmp(&head->local.addr, &l->local.addr, sizeof(l->local.addr)) != 0)
            continue;
        if (!shares_port(s, head) || head->group_n >= GROUP_MAX)
            return shares_port(s, head) ? -ESTAB_ENOBUFS : -ESTAB_EADDRINUSE;
        l->group_next = head->group_next;
        head->group_next = l->ref;
        head->group_n++;
        return 0;
    }
    return -ESTAB_EADDRINUSE;
}

/* Takes `l` out of its group; if it stood in the table, the next one does from now on. */
static void
leave_group(struct estab_stack *s, struct listener *l)
{
    struct link *at;
    struct listener *next;
    unsigned f;

    if (l->group_n == 0) {
        for (at = s->all_listeners.next; at != &s->all_listeners; at = at->next) {
            struct listener *head = CONTAINER(at, struct listener, all), *before = head;

            if (head->group_n == 0)
                continue;
            while (before->group_next != 0 && before->group_next != l->ref)
                before = estab_listener_at(s, before->group_next);
            if (before->group_next != l->ref)
                continue;
            before->group_next = l->group_next;
            head->group_n--;
            return;
        }
        return;
    }
    if (l->group_next == 0)
        return;
    next = estab_listener_at(s, l->group_next);
    next->group_n = l->group_n - 1;
    for (f = 0; f < 2; f++) {
        next->names[f] = l->names[f];
        next->has_names[f] = l->has_names[f];
        if (l->has_names[f])
            estab_demux_replace(&s->demux,
                                estab_demux_hash(&s->demux, &l->names[f], f == 1 ? 16 : 4), l->ref,
                                next->ref);
        l->has_names[f] = false;
    }
}

/* ---- half-open records ---- */

struct half_record *
estab_half_at(const struct estab_stack *s, uint32_t ref)
{
    enum ref_kind kind = ref_kind(ref);

    if (kind != REF_HALF4 && kind != REF_HALF6)
        return NULL;
    return estab_pool_at(&s->halves[kind == REF_HALF6], ref_index(ref));
}

static unsigned
half_addr_len(uint32_t ref)
{
    return ref_kind(ref) == REF_HALF6 ? 16 : 4;
}

static struct listener *
listener_of(const struct estab_stack *s, const struct half_open *h)
{
    return estab_pool_at(&s->listeners, h->listener);
}

static uint32_t
our_mss(const struct estab_stack *s, unsigned ifindex, const struct names *names, unsigned addr_len)
{
    return estab_route_mtu(s, ifindex, names_remote(names, addr_len), addr_len) -
           (addr_len == 4 ? 20u : 40u) - TCP_HEADER_MIN;
}

static void
send_syn_ack(struct estab_stack *s, struct half_record *r, unsigned addr_len, bool again,
             bool fast_open, struct tcp_env *env)
{
    const struct estab_tcp_options *opt = estab_options_of(s, listener_of(s, &r->h)->own);
    struct fast_open_offer cookie;
    struct tcp_out out;

    r->h.repeated = again;
    estab_half_open_syn_ack(&r->h, env, our_mss(s, r->h.ifindex, &r->names, addr_len), opt,
                            estab_ts_offset(s, &r->names, addr_len), again, &out);
    if (fast_open)
        estab_fast_open_give(s, &r->names, addr_len, env, &cookie, &out.seg);
    estab_reply_segment(s, r->h.ifindex, &r->names, addr_len, &out, TCPS_SYN_RECEIVED, opt, env);
}

/* Takes the record out of wheel and pool; says nothing. */
static void
half_free(struct estab_stack *s, uint32_t ref)
{
    struct half_record *r = estab_half_at(s, ref);
    unsigned addr_len = half_addr_len(ref);

    if (wheel_is_armed(&r->h.timer))
        estab_wheel_cancel(&s->half_wheel, &r->h.timer);
    listener_of(s, &r->h)->half_open--;
    estab_stack_record_put(s, &s->halves[family_index(addr_len)], ref_index(ref));
}

void
estab_half_end(struct estab_stack *s, uint32_t ref, enum state_cause cause, struct tcp_env *env)
{
    struct half_record *r = estab_half_at(s, ref);
    unsigned addr_len = half_addr_len(ref);
    struct names names;

    memset(&names, 0, sizeof(names));
    memcpy(&names, &r->names, NAMES_LEN(addr_len));
    estab_trace_state(s, &names, addr_len, TCPS_SYN_RECEIVED, TCPS_LISTEN, cause, env->now);
    estab_demux_remove(&s->demux, estab_demux_hash(&s->demux, &names, addr_len), ref);
    half_free(s, ref);
    estab_trace_memory(s, &names, addr_len, ESTAB_MEM_HALF_OPEN,
                       -(int64_t)s->halves[family_index(addr_len)].record_size, TCPS_LISTEN,
                       env->now);
}

void
estab_half_timeouts(struct estab_stack *s, struct tcp_env *env)
{
    struct wheel_timer *t;

    while ((t = estab_wheel_expire(&s->half_wheel, env->now)) != NULL) {
        struct half_record *r = CONTAINER(t, struct half_record, h.timer);
        unsigned addr_len = r->h.ipv6 ? 16 : 4;
        struct estab_trace trace = {
            .kind = ESTAB_TRACE_TIMER,
            .state_before = TCPS_SYN_RECEIVED,
            .state_after = TCPS_SYN_RECEIVED,
            .timer = TIMER_SYN_ACK,
        };
        uint32_t ref;

        if (s->cfg.trace != NULL)
            estab_trace_names(s, &r->names, addr_len, 0, &trace, env->now);
        if (r->h.retransmissions >= s->cfg.syn_ack_retries) {
            ref = estab_demux_find(&s->demux, &r->names, addr_len,
                                   estab_demux_hash(&s->demux, &r->names, addr_len));
            estab_half_end(s, ref, CAUSE_SYN_ACK_GIVEN_UP, env);
            continue;
        }
        r->h.retransmissions++;
        r->h.challenged = false;
        estab_wheel_arm(&s->half_wheel, &r->h.timer, env->now + estab_half_open_rto(&r->h, env));
        send_syn_ack(s, r, addr_len, true, false, env);
    }
}

/* As listen(2) of Linux: the queue is full when more than `backlog` connections wait. */
static bool
accept_queue_is_full(const struct listener *l)
{
    return l->waiting > l->backlog;
}

/* limit: max_half_open for the host, the backlog for one listener */
static bool
syn_queue_is_full(const struct estab_stack *s, const struct listener *l)
{
    return RULE(s, half_open_limit) &&
           (s->halves[0].lent + s->halves[1].lent >= s->cfg.max_half_open ||
            l->half_open >= (l->backlog > 0 ? l->backlog : 1));
}

enum seg_verdict
estab_listener_room(const struct estab_stack *s, const struct listener *l, bool cookie)
{
    if (accept_queue_is_full(l))
        return SEG_DROP_ACCEPT_QUEUE_FULL;
    if (syn_queue_is_full(s, l) && (!cookie || s->cfg.syn_cookies == ESTAB_SYN_COOKIES_NEVER))
        return SEG_DROP_SYN_QUEUE_FULL;
    return SEG_CONTINUE;
}

/* RFC 4987 §3.6: a SYN,ACK, and nothing is kept. */
static enum seg_verdict
answer_with_cookie(struct estab_stack *s, struct listener *l, const struct names *names,
                   unsigned addr_len, const struct tcp_seg *syn, unsigned ifindex, bool fast_open,
                   struct tcp_env *env)
{
    const struct estab_tcp_options *opt = estab_options_of(s, l->own);
    struct fast_open_offer cookie;
    struct half_open h = { .ifindex = (uint8_t)ifindex };
    struct tcp_out out;

    estab_half_open_init(&h, env, syn, 0);
    estab_syn_cookie_make(&h, &s->key_cookie, names, NAMES_LEN(addr_len), env,
                          addr_len == 4 ? 20 : 40);
    estab_half_open_syn_ack(&h, env, our_mss(s, ifindex, names, addr_len), opt,
                            estab_ts_offset(s, names, addr_len), false, &out);
    estab_syn_cookie_stamp(&h, &out);
    out.reason = WHY_SYN_COOKIE;
    if (fast_open)
        estab_fast_open_give(s, names, addr_len, env, &cookie, &out.seg);
    estab_reply_segment(s, ifindex, names, addr_len, &out, TCPS_LISTEN, opt, env);
    l->cookies_at = env->now;
    return SEG_ACCEPTED_SYN_COOKIE;
}

struct conn *
estab_listener_open(struct estab_stack *s, struct listener *l, const struct names *names,
                    unsigned addr_len, const struct half_open *h, uint32_t ref,
                    enum state_cause cause, struct tcp_env *env)
{
    struct tcp_env quiet = *env;
    struct conn *c = estab_conn_new(s, names, addr_len, h->ifindex, l->own, ref, env->now);

    if (c == NULL)
        return NULL;
    if (ref != 0) {
        half_free(s, ref);
        estab_trace_memory(s, names, addr_len, ESTAB_MEM_HALF_OPEN,
                           -(int64_t)s->halves[family_index(addr_len)].record_size,
                           TCPS_SYN_RECEIVED, env->now);
    } else {
        estab_trace_state(s, names, addr_len, TCPS_LISTEN, TCPS_SYN_RECEIVED, cause, env->now);
    }
    quiet.trace = NULL; /* the record was in SYN-RECEIVED before */
    estab_half_open_promote(h, &c->tcb, &quiet);
    if (c->tcb.accecn_counters != 0)
        estab_tcp_trace_memory(&c->tcb, env, ESTAB_MEM_ACCECN, s->accecns.record_size);
    c->listener = l->ref;
    if (l->last != 0)
        estab_conn_at(s, l->last)->accept_next = conn_ref(c);
    else
        l->first = conn_ref(c);
    l->last = conn_ref(c);
    l->waiting++;
    return c;
}

/* An ACK to LISTEN. While cookies are about it may bring one back (RFC4987-3.6-COOKIE); the sum is
 * looked at only then, so that a shower of ACKs costs no more than one of SYNs. */
static bool
brings_cookie(struct estab_stack *s, struct listener *l, const struct names *names,
              unsigned addr_len, const struct tcp_seg *seg, struct tcp_env *env,
              struct half_open *h)
{
    return (seg->ctl & (CTL_ACK | CTL_SYN | CTL_RST)) == CTL_ACK &&
           env->now - SYN_COOKIE_LIFE <= l->cookies_at && /* which may be long before time began */
           estab_syn_cookie_check(h, &s->key_cookie, names, NAMES_LEN(addr_len), env, seg);
}

/* The handshake is complete but for its last segment: a TCB takes the record's place. NULL: the
 * half-open record stays, and the peer tries again. */
static struct conn *
promote(struct estab_stack *s, uint32_t ref, struct tcp_env *env)
{
    struct half_record *r = estab_half_at(s, ref);
    unsigned addr_len = half_addr_len(ref);
    struct half_open h = r->h;
    struct names names;

    memset(&names, 0, sizeof(names));
    memcpy(&names, &r->names, NAMES_LEN(addr_len));
    return estab_listener_open(s, listener_of(s, &h), &names, addr_len, &h, ref, CAUSE_SYN_ARRIVED,
                               env);
}

/* The lab alone, without the third segment: as if the ACK of our SYN,ACK had come with the SYN. */
static void
open_at_once(struct estab_stack *s, uint32_t ref, const struct tcp_seg *syn, struct tcp_env *env)
{
    struct tcp_seg ack = {
        .ctl = CTL_ACK,
        .seq = syn->seq + 1,
        .ack = estab_half_at(s, ref)->h.iss + 1,
        .wnd = syn->wnd,
        .has_ts = syn->has_ts,
        .ts_val = syn->ts_val,
    };
    struct conn *c = promote(s, ref, env);
    struct tcp_out reply = { .seg.ctl = 0 };

    if (c == NULL)
        return;
    (void)estab_tcp_segment_arrives(&c->tcb, env, &ack, &reply);
    estab_conn_update(s, c, env);
}

enum seg_verdict
estab_listener_input(struct estab_stack *s, struct listener *l, const struct names *names,
                     unsigned addr_len, const struct tcp_seg *seg, unsigned ifindex,
                     const struct time_wait *replaced, struct tcp_env *env, uint8_t state[2],
                     struct conn **opened)
{
    unsigned f = family_index(addr_len);
    struct tcp_out reply;
    enum seg_verdict v;
    const struct estab_tcp_options *opt = estab_options_of(s, l->own);
    enum fast_open_answer fast_open;
    struct half_record *r;
    struct half_open h;
    uint32_t index, ref;
    tcp_seq iss;

    *opened = NULL;
    state[0] = state[1] = TCPS_LISTEN;
    if (brings_cookie(s, l, names, addr_len, seg, env, &h)) {
        if (accept_queue_is_full(l))
            return SEG_DROP_ACCEPT_QUEUE_FULL;
        if (conn_count(s) >= s->cfg.max_connections)
            return SEG_DROP_CONNECTION_LIMIT;
        h.ifindex = (uint8_t)ifindex;
        *opened = estab_listener_open(s, l, names, addr_len, &h, 0, CAUSE_COOKIE, env);
        return *opened != NULL ? SEG_CONTINUE : SEG_DROP_NO_MEMORY;
    }
    v = estab_listen_arrives(env, seg, &reply);
    if (v != SEG_CONTINUE) {
        if (reply.seg.ctl == 0)
            return v;
        if (!rate_allows(&s->rst_rate, s->cfg.rst_per_second, env->now))
            return SEG_DROP_RATE_LIMIT;
        estab_reply_segment(s, ifindex, names, addr_len, &reply, TCPS_LISTEN, opt, env);
        return v;
    }
    v = estab_listener_room(s, l, RULE(env, syn_cookies));
    if (v != SEG_CONTINUE)
        return v;
    fast_open = estab_fast_open_syn(s, l, names, addr_len, seg, ifindex, replaced != NULL, env);
    if (fast_open == FAST_OPEN_TAKEN) {
        state[1] = TCPS_SYN_RECEIVED;
        return SEG_ACCEPTED_FAST_OPEN;
    }
    if (replaced == NULL && RULE(env, syn_cookies) &&
        (s->cfg.syn_cookies == ESTAB_SYN_COOKIES_ALWAYS || syn_queue_is_full(s, l)))
        return answer_with_cookie(s, l, names, addr_len, seg, ifindex, fast_open == FAST_OPEN_GIVE,
                                  env);
    r = estab_stack_record_get(s, &s->halves[f], &index);
    if (r == NULL)
        return SEG_DROP_NO_MEMORY;
    ref = make_ref(f == 1 ? REF_HALF6 : REF_HALF4, index);
    if (!estab_demux_insert(&s->demux, estab_demux_hash(&s->demux, names, addr_len), ref)) {
        estab_stack_record_put(s, &s->halves[f], index);
        return SEG_DROP_NO_MEMORY;
    }
    iss = estab_conn_isn(s, names, addr_len, env->now);
    if (replaced != NULL)
        iss = estab_time_wait_next_iss(replaced, iss);
    memcpy(&r->names, names, NAMES_LEN(addr_len));
    estab_half_open_init(&r->h, env, seg, iss);
    r->h.ipv6 = addr_len == 16;
    r->h.listener = ref_index(l->ref);
    r->h.ifindex = (uint8_t)ifindex;
    l->half_open++;
    estab_wheel_arm(&s->half_wheel, &r->h.timer, env->now + estab_half_open_rto(&r->h, env));
    /* N3: what the SYN costs us */
    estab_trace_memory(s, names, addr_len, ESTAB_MEM_HALF_OPEN, s->halves[f].record_size,
                       TCPS_SYN_RECEIVED, env->now);
    estab_trace_state(s, names, addr_len, TCPS_LISTEN, TCPS_SYN_RECEIVED, CAUSE_SYN_ARRIVED,
                      env->now);
    send_syn_ack(s, r, addr_len, false, fast_open == FAST_OPEN_GIVE, env);
    state[1] = TCPS_SYN_RECEIVED;
    if (!RULE(env, three_way_handshake))
        open_at_once(s, ref, seg, env);
    return SEG_ACCEPTED_SYN;
}

enum seg_verdict
estab_half_input(struct estab_stack *s, uint32_t ref, struct tcp_seg *seg, struct tcp_env *env,
                 uint8_t state[2], struct conn **promoted)
{
    struct half_record *r = estab_half_at(s, ref);
    unsigned addr_len = half_addr_len(ref);
    struct listener *l = listener_of(s, &r->h);
    const struct estab_tcp_options *opt = estab_options_of(s, l->own);
    enum half_open_action action;
    struct tcp_out reply;
    enum seg_verdict v;

    *promoted = NULL;
    state[0] = state[1] = TCPS_SYN_RECEIVED;
    v = estab_half_open_arrives(&r->h, env, seg, estab_tcp_syn_window(env, opt), &action, &reply);
    switch (action) {
    case HALF_OPEN_KEEP:
        if (reply.seg.ctl == 0)
            break;
        if (!rate_allows(&s->rst_rate, s->cfg.rst_per_second, env->now))
            return SEG_DROP_RATE_LIMIT;
        estab_reply_segment(s, r->h.ifindex, &r->names, addr_len, &reply, state[1], opt, env);
        break;
    case HALF_OPEN_DELETE:
        estab_half_end(s, ref, v == SEG_ACCEPTED_RST ? CAUSE_RST_ARRIVED : CAUSE_SYN_REFUSED, env);
        state[1] = TCPS_LISTEN;
        break;
    case HALF_OPEN_REPEAT:
    case HALF_OPEN_ACK:
        /* Unverified: whatever comes, one answer between two of our own SYN,ACKs
         * (RFC4987-NOAMP). */
        if (r->h.challenged)
            return SEG_DROP_RATE_LIMIT;
        r->h.challenged = true;
        if (action == HALF_OPEN_REPEAT) {
            send_syn_ack(s, r, addr_len, true, false, env);
        } else {
            estab_half_open_ack(&r->h, env, opt, estab_ts_offset(s, &r->names, addr_len), &reply);
            estab_reply_segment(s, r->h.ifindex, &r->names, addr_len, &reply, state[1], opt, env);
        }
        break;
    case HALF_OPEN_PROMOTE:
        if (accept_queue_is_full(l)) {
            if (s->cfg.accept_overflow_reset) {
                estab_tcp_reset_for_ack(seg, &reply);
                reply.reason = WHY_RST_LIMIT;
                estab_reply_segment(s, r->h.ifindex, &r->names, addr_len, &reply, TCPS_LISTEN, opt,
                                    env);
                estab_half_end(s, ref, CAUSE_LIMIT, env);
                state[1] = TCPS_LISTEN;
            }
            return SEG_DROP_ACCEPT_QUEUE_FULL;
        }
        if (conn_count(s) >= s->cfg.max_connections)
            return SEG_DROP_CONNECTION_LIMIT;
        *promoted = promote(s, ref, env);
        if (*promoted == NULL)
            return SEG_DROP_NO_MEMORY;
        break;
    }
    return v;
}

/* ---- the accept queue ---- */

/* A connection that nobody has accepted is going away. */
void
estab_listener_drop_conn(struct estab_stack *s, struct conn *c)
{
    struct listener *l = estab_listener_at(s, c->listener);
    uint32_t ref = l->first, before = 0;

    while (ref != conn_ref(c)) {
        before = ref;
        ref = estab_conn_at(s, ref)->accept_next;
    }
    if (before != 0)
        estab_conn_at(s, before)->accept_next = c->accept_next;
    else
        l->first = c->accept_next;
    if (l->last == conn_ref(c))
        l->last = before;
    l->waiting--;
    c->listener = 0;
}

void
estab_listener_close(struct estab_stack *s, struct listener *l, struct tcp_env *env)
{
    uint32_t index = 0, kind;
    struct listener gone;
    unsigned f;

    /* The connections nobody has accepted are reset, the half-open ones forgotten. */
    while (l->first != 0) {
        struct conn *c = estab_conn_at(s, l->first);

        estab_tcp_abort(&c->tcb, env, WHY_RST_ABORT, CAUSE_CLOSE_CALL);
        estab_conn_update(s, c, env);
    }
    estab_fast_open_listener_closes(s, l);
    for (f = 0; f < 2 && l->half_open > 0; f++) {
        kind = f == 1 ? REF_HALF6 : REF_HALF4;
        for (index = estab_pool_next(&s->halves[f], 0); index != 0 && l->half_open > 0;
             index = estab_pool_next(&s->halves[f], index)) {
            uint32_t ref = make_ref((enum ref_kind)kind, index);

            if (estab_half_at(s, ref)->h.listener == ref_index(l->ref))
                estab_half_end(s, ref, CAUSE_CLOSE_CALL, env);
        }
    }
    leave_group(s, l);
    for (f = 0; f < 2; f++)
        if (l->has_names[f])
            estab_demux_remove(&s->demux,
                               estab_demux_hash(&s->demux, &l->names[f], f == 1 ? 16 : 4), l->ref);
    if (l->poll.ready.next != NULL)
        list_remove(&l->poll.ready);
    list_remove(&l->all);
    estab_options_unref(s, l->own);
    gone = *l;
    estab_stack_record_put(s, &s->listeners, ref_index(l->ref));
    estab_trace_memory_of(s, &gone, ESTAB_MEM_LISTENER, -(int64_t)s->listeners.record_size);
}
