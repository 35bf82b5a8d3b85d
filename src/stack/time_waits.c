/* SPDX-License-Identifier: MIT */
/*
 * The host's TIME-WAIT records: for each family a list in the order in which they end, because all
 * wait equally long and a restart goes to the back. At the limit the one of both that would end first
 * makes room (CAUSE_EVICTED): it has waited longest; without memory the first of the family, whose
 * record fits. Nothing here is searched. Called from conn.c, input.c and stack.c.
 */
#include "stack/internal.h"

#include <string.h>

struct tw_record *
estab_tw_at(const struct estab_stack *s, uint32_t ref)
{
    enum ref_kind kind = ref_kind(ref);

    if (kind != REF_TW4 && kind != REF_TW6)
        return NULL;
    return estab_pool_at(&s->tws[kind == REF_TW6], ref_index(ref));
}

static unsigned
tw_addr_len(uint32_t ref)
{
    return ref_kind(ref) == REF_TW6 ? 16 : 4;
}

static void
unlink_tw(struct estab_stack *s, struct tw_record *r, unsigned f)
{
    if (r->tw.prev != 0)
        estab_tw_at(s, r->tw.prev)->tw.next = r->tw.next;
    else
        s->tw_first[f] = r->tw.next;
    if (r->tw.next != 0)
        estab_tw_at(s, r->tw.next)->tw.prev = r->tw.prev;
    else
        s->tw_last[f] = r->tw.prev;
}

static void
append_tw(struct estab_stack *s, struct tw_record *r, uint32_t ref, estab_time now)
{
    unsigned f = family_index(tw_addr_len(ref));

    r->tw.expires_at = now + 2 * s->cfg.msl; /* N13: 2 x MSL */
    r->tw.next = 0;
    r->tw.prev = s->tw_last[f];
    if (s->tw_last[f] != 0)
        estab_tw_at(s, s->tw_last[f])->tw.next = ref;
    else
        s->tw_first[f] = ref;
    s->tw_last[f] = ref;
}

uint32_t
estab_tw_first(const struct estab_stack *s)
{
    uint32_t four = s->tw_first[0], six = s->tw_first[1];

    if (four == 0 || six == 0)
        return four != 0 ? four : six;
    return estab_tw_at(s, six)->tw.expires_at < estab_tw_at(s, four)->tw.expires_at ? six : four;
}

void
estab_tw_end(struct estab_stack *s, uint32_t ref, enum state_cause cause, struct tcp_env *env)
{
    struct tw_record *r = estab_tw_at(s, ref);
    unsigned addr_len = tw_addr_len(ref);
    struct names names;

    ESTAB_ASSERT(r != NULL);
    memset(&names, 0, sizeof(names));
    memcpy(&names, &r->names, NAMES_LEN(addr_len));
    estab_demux_remove(&s->demux, estab_demux_hash(&s->demux, &names, addr_len), ref);
    unlink_tw(s, r, family_index(addr_len));
    if (r->tw.ephemeral)
        s->ephemeral_ports--; /* N18: the port pair is free */
    estab_trace_state(s, &names, addr_len, TCPS_TIME_WAIT, TCPS_CLOSED, cause, env->now);
    estab_stack_record_put(s, &s->tws[family_index(addr_len)], ref_index(ref));
    estab_trace_memory(s, &names, addr_len, ESTAB_MEM_TIME_WAIT,
                       -(int64_t)s->tws[family_index(addr_len)].record_size, TCPS_CLOSED, env->now);
}

void
estab_tw_take_over(struct estab_stack *s, struct conn *c, struct tcp_env *env)
{
    unsigned f = family_index(c->addr_len);
    uint32_t index, ref;
    struct tw_record *r;

    /* limit: max_time_wait, both families together: the one that would end first makes room */
    if (s->tws[0].lent + s->tws[1].lent >= s->cfg.max_time_wait && estab_tw_first(s) != 0)
        estab_tw_end(s, estab_tw_first(s), CAUSE_EVICTED, env);
    r = estab_stack_record_get(s, &s->tws[f], &index);
    if (r == NULL && s->tw_first[f] != 0) {
        /* no memory: the oldest of this family */
        estab_tw_end(s, s->tw_first[f], CAUSE_EVICTED, env);
        r = estab_stack_record_get(s, &s->tws[f], &index);
    }
    if (r == NULL) {
        /* not even one: the wait is skipped, and that is said */
        estab_demux_remove(&s->demux, estab_demux_hash(&s->demux, &c->names, c->addr_len),
                           conn_ref(c));
        c->in_demux = false;
        if (c->ephemeral)
            s->ephemeral_ports--;
        c->ephemeral = false;
        estab_trace_state(s, &c->names, c->addr_len, TCPS_TIME_WAIT, TCPS_CLOSED, CAUSE_NO_MEMORY,
                          env->now);
        return;
    }
    ref = make_ref(f == 1 ? REF_TW6 : REF_TW4, index);
    estab_time_wait_init(&r->tw, &c->tcb, env);
    r->tw.ifindex = c->ifindex;
    r->tw.ephemeral = c->ephemeral;
    c->ephemeral = false;
    memcpy(&r->names, &c->names, NAMES_LEN(c->addr_len));
    append_tw(s, r, ref, env->now);
    estab_demux_replace(&s->demux, estab_demux_hash(&s->demux, &c->names, c->addr_len), conn_ref(c),
                        ref);
    c->in_demux = false;
    estab_trace_memory(s, &c->names, c->addr_len, ESTAB_MEM_TIME_WAIT, s->tws[f].record_size,
                       TCPS_TIME_WAIT, env->now);
}

estab_time
estab_tw_deadline(const struct estab_stack *s)
{
    uint32_t first = estab_tw_first(s);

    return first != 0 ? estab_tw_at(s, first)->tw.expires_at : ESTAB_NEVER;
}

static void
trace_timer(struct estab_stack *s, struct tw_record *r, uint32_t ref, estab_time now)
{
    struct estab_trace t = {
        .kind = ESTAB_TRACE_TIMER,
        .state_before = TCPS_TIME_WAIT,
        .state_after = TCPS_TIME_WAIT,
        .timer = TIMER_TIME_WAIT,
    };

    if (s->cfg.trace != NULL)
        estab_trace_names(s, &r->names, tw_addr_len(ref), 0, &t, now);
}

void
estab_tw_expire(struct estab_stack *s, struct tcp_env *env)
{
    uint32_t first;

    while ((first = estab_tw_first(s)) != 0 && estab_tw_at(s, first)->tw.expires_at <= env->now) {
        trace_timer(s, estab_tw_at(s, first), first, env->now);
        estab_tw_end(s, first, CAUSE_TIME_WAIT_OVER, env);
    }
}

enum seg_verdict
estab_tw_input(struct estab_stack *s, uint32_t ref, const struct tcp_seg *seg,
               const struct ip_header *ip, unsigned ifindex, struct tcp_env *env, uint8_t state[2])
{
    struct tw_record *r = estab_tw_at(s, ref);
    unsigned addr_len = ip->addr_len;
    enum time_wait_action action;
    struct tcp_out reply;
    enum seg_verdict v = estab_time_wait_arrives(&r->tw, env, seg, &action, &reply);
    struct names names;
    struct listener *l;
    struct time_wait old;
    struct conn *opened;

    memset(&names, 0, sizeof(names));
    memcpy(&names, &r->names, NAMES_LEN(addr_len));
    state[0] = state[1] = TCPS_TIME_WAIT;
    switch (action) {
    case TIME_WAIT_RESTART:
        unlink_tw(s, r, family_index(addr_len));
        append_tw(s, r, ref, env->now);
        break;
    case TIME_WAIT_DELETE:
        estab_tw_end(s, ref, CAUSE_RST_ARRIVED, env);
        state[1] = TCPS_CLOSED;
        break;
    case TIME_WAIT_REUSE:
        /* Only if somebody listens there; otherwise the SYN is answered like any other segment. */
        l = estab_listener_find(s, &names, addr_len);
        if (l == NULL || !listener_hears(l, ifindex)) {
            estab_time_wait_ack(&r->tw, env, WHY_ACK_UNACCEPTABLE, &reply);
            v = SEG_DROP_TIME_WAIT_SYN;
            break;
        }
        /* A wait is not given up for a SYN that cannot be taken; and a cookie cannot be made to
         * stand beyond the old sequence numbers. */
        v = estab_listener_room(s, l, false);
        if (v != SEG_CONTINUE)
            break;
        old = r->tw;
        estab_tw_end(s, ref, CAUSE_REUSED, env);
        v = estab_listener_input(s, l, &names, addr_len, seg, ifindex, &old, env, state, &opened);
        state[0] = TCPS_TIME_WAIT;
        return v == SEG_ACCEPTED_SYN ? SEG_ACCEPTED_SYN_TIME_WAIT : v;
    case TIME_WAIT_KEEP:
        break;
    }
    if (reply.seg.ctl != 0)
        estab_reply_segment(s, ifindex, &names, addr_len, &reply, state[1], &s->cfg.tcp, env);
    return v;
}
