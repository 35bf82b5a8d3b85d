/* SPDX-License-Identifier: MIT */
/*
 * Connection records: made, found by handle, brought up to date after every event, and freed. A
 * record leaves the table when its connection is over; it stays as long as the user holds the
 * handle, so that text already received can still be read. Called from all of stack/.
 */
#include "stack/link.h"

#include "tcp/cc.h"

#include <string.h>

struct conn *
estab_conn_at(const struct estab_stack *s, uint32_t ref)
{
    enum ref_kind kind = ref_kind(ref);

    if (kind != REF_CONN4 && kind != REF_CONN6)
        return NULL;
    return estab_pool_at(&s->conns[kind == REF_CONN6], ref_index(ref));
}

struct conn *
estab_conn_from_handle(const struct estab_stack *s, estab_conn handle)
{
    struct conn *c;

    if (handle == 0)
        return NULL;
    c = estab_conn_at(s, (uint32_t)handle);
    return c != NULL && c->poll.handle == handle && !c->tcb.orphan && c->listener == 0 ? c : NULL;
}

/* ---- options ---- */

int
estab_options_check(const struct estab_tcp_options *opt)
{
    if (opt->ttl == 0 || opt->dscp > 63 || opt->keepalive_idle <= 0 ||
        opt->keepalive_interval <= 0 || opt->keepalive_count == 0 || opt->keepalive_count > 255 ||
        opt->user_timeout <= 0 || opt->send_buffer_max < 1024 || opt->receive_buffer_max < 1024 ||
        (opt->send_buffer != 0 && opt->send_buffer < 1024) ||
        (opt->receive_buffer != 0 && opt->receive_buffer < 1024) ||
        (opt->max_segment != 0 && opt->max_segment < 48) || opt->send_buffer_max > 1u << 30 ||
        opt->receive_buffer_max > 1u << 30 || estab_cc_by_number(opt->cc) == NULL)
        return -ESTAB_EINVAL;
    return 0;
}

const struct estab_tcp_options *
estab_options_of(const struct estab_stack *s, const struct shared_options *own)
{
    return own != NULL ? &own->opt : &s->cfg.tcp;
}

struct shared_options *
estab_options_new(struct estab_stack *s, const struct estab_tcp_options *opt)
{
    uint32_t index;
    struct shared_options *own = estab_stack_record_get(s, &s->options, &index);

    if (own == NULL)
        return NULL;
    own->opt = *opt;
    own->index = index;
    own->users = 1;
    estab_trace_memory_of(s, NULL, ESTAB_MEM_OPTIONS, s->options.record_size);
    return own;
}

void
estab_options_unref(struct estab_stack *s, struct shared_options *own)
{
    if (own == NULL || --own->users > 0)
        return;
    estab_stack_record_put(s, &s->options, own->index);
    estab_trace_memory_of(s, NULL, ESTAB_MEM_OPTIONS, -(int64_t)s->options.record_size);
}

/* ---- names ---- */

uint32_t
estab_ts_offset(const struct estab_stack *s, const struct names *names, unsigned addr_len)
{
    return (uint32_t)estab_siphash24(&s->key_ts, names, NAMES_LEN(addr_len));
}

tcp_seq
estab_conn_isn(const struct estab_stack *s, const struct names *names, unsigned addr_len,
               estab_time now)
{
    if (!RULE(s, random_isn))
        return 0; /* the lab alone */
    return estab_isn(&s->key_isn, (const uint8_t *)names, NAMES_LEN(addr_len), now);
}

/* ---- life ---- */

struct conn *
estab_conn_new(struct estab_stack *s, const struct names *names, unsigned addr_len,
               unsigned ifindex, struct shared_options *own, uint32_t half, estab_time now)
{
    unsigned f = family_index(addr_len);
    struct tcp_env env = estab_stack_env(s, now);
    uint32_t index, ref;
    struct conn *c;

    /* limit: max_connections, both families together */
    if (conn_count(s) >= s->cfg.max_connections)
        return NULL;
    c = estab_stack_record_get(s, &s->conns[f], &index);
    if (c == NULL)
        return NULL;
    ref = make_ref(f == 1 ? REF_CONN6 : REF_CONN4, index);
    if (half != 0) {
        estab_demux_replace(&s->demux, estab_demux_hash(&s->demux, names, addr_len), half, ref);
    } else if (!estab_demux_insert(&s->demux, estab_demux_hash(&s->demux, names, addr_len), ref)) {
        estab_stack_record_put(s, &s->conns[f], index);
        return NULL;
    }
    c->in_demux = true;
    c->poll.handle = (uint64_t)estab_pool_generation(&s->conns[f], index) << 32 | ref;
    c->ifindex = (uint8_t)ifindex;
    c->addr_len = (uint8_t)addr_len;
    memcpy(&c->names, names, NAMES_LEN(addr_len));
    if (own != NULL)
        own->users++;
    estab_tcp_init(&c->tcb, &env, estab_options_of(s, own),
                   estab_route_mtu(s, ifindex, names_remote(names, addr_len), addr_len),
                   addr_len == 4 ? 20 : 40, estab_ts_offset(s, names, addr_len));
    if (UNLIKELY(s->paths.known > 0)) {
        estab_time until = 0;
        uint32_t mtu =
            estab_paths_find(&s->paths, names_remote(names, addr_len), addr_len, env.now, &until);

        if (mtu != 0)
            estab_tcp_path_is_narrow(&c->tcb, mtu, until);
    }
    estab_tcp_trace_memory(&c->tcb, &env, ESTAB_MEM_CONNECTION, s->conns[f].record_size);
    return c;
}

void
estab_conn_ready(struct estab_stack *s, struct pollable *p)
{
    if (p->bits != 0 && p->ready.next == NULL)
        list_append(&s->ready, &p->ready);
}

/* No more segments in either direction. */
static void
leave_wire(struct estab_stack *s, struct conn *c)
{
    if (c->in_demux) {
        estab_demux_remove(&s->demux, estab_demux_hash(&s->demux, &c->names, c->addr_len),
                           conn_ref(c));
        c->in_demux = false;
    }
    if (c->ephemeral) {
        c->ephemeral = false;
        s->ephemeral_ports--;
    }
}

static void
stop(struct estab_stack *s, struct conn *c)
{
    if (wheel_is_armed(&c->timer))
        estab_wheel_cancel(&s->conn_wheel, &c->timer);
    if (c->send.next != NULL)
        list_remove(&c->send);
}

void
estab_conn_free(struct estab_stack *s, struct conn *c, struct tcp_env *env)
{
    unsigned f = family_index(c->addr_len);
    struct names names;

    leave_wire(s, c);
    stop(s, c);
    if (c->poll.ready.next != NULL)
        list_remove(&c->poll.ready);
    if (c->listener != 0)
        estab_listener_drop_conn(s, c);
    if (c->counted_orphan)
        s->orphans--;
    estab_tcp_release(&c->tcb, env);
    estab_options_unref(s, conn_own(s, c));
    memset(&names, 0, sizeof(names));
    memcpy(&names, &c->names, NAMES_LEN(c->addr_len));
    estab_stack_record_put(s, &s->conns[f], ref_index(conn_ref(c)));
    estab_trace_memory(s, &names, f == 1 ? 16 : 4, ESTAB_MEM_CONNECTION,
                       -(int64_t)s->conns[f].record_size, TCPS_CLOSED, env->now);
}

/* The connection's part on the wire is over; is the record still wanted? */
static void
finish(struct estab_stack *s, struct conn *c, struct tcp_env *env)
{
    stop(s, c);
    estab_tcp_ring_return(&c->tcb, env, &c->tcb.snd);
    estab_tcp_ranges_return(&c->tcb, env);
    estab_tcp_release_sender(&c->tcb, env);
    if (c->tcb.orphan || c->listener != 0) {
        estab_conn_free(s, c, env);
        return;
    }
    c->poll.bits |= tcp_take_events(&c->tcb);
    estab_conn_ready(s, &c->poll);
}

static void
arm_timer(struct estab_stack *s, struct conn *c, const struct tcp_env *env)
{
    enum conn_timer which;
    estab_time at = estab_tcp_next_deadline(&c->tcb, env, &which);

    if (at == ESTAB_NEVER) {
        if (wheel_is_armed(&c->timer))
            estab_wheel_cancel(&s->conn_wheel, &c->timer);
        return;
    }
    /* Moved lazily: a deadline that has moved away is looked at again when the timer fires. */
    if (!wheel_is_armed(&c->timer) || at < c->timer.at)
        estab_wheel_arm(&s->conn_wheel, &c->timer, at);
}

/* What TCP has found out, by ICMP or by itself, is of use to all that goes the same way. */
static void
tell_path(struct estab_stack *s, struct conn *c, estab_time now)
{
    const uint8_t *dst = names_remote(&c->names, c->addr_len);
    uint32_t mtu = c->tcb.mms_s + c->tcb.ip_header_len;

    if (c->tcb.path_news == PATH_WIDER)
        estab_paths_raise(&s->paths, dst, c->addr_len, mtu,
                          estab_route_mtu(s, c->ifindex, dst, c->addr_len), now);
    else if (c->ifindex != 0 && !estab_ip_is_link_local(dst, c->addr_len))
        (void)estab_paths_lower(&s->paths, dst, c->addr_len, mtu, now);
    c->tcb.path_news = PATH_NO_NEWS;
}

void
estab_conn_update(struct estab_stack *s, struct conn *c, struct tcp_env *env)
{
    struct tcb *tcb = &c->tcb;
    struct tcp_out out;

    if (UNLIKELY(c->fast_open_pending) && tcb->state != TCPS_SYN_RECEIVED)
        estab_fast_open_settled(s, c, env);
    if (UNLIKELY(tcb->reset_owed)) {
        estab_tcp_build_reset(tcb, env, &out);
        estab_reply_segment(s, c->ifindex, &c->names, c->addr_len, &out, tcb->state, tcb->opt, env);
    }
    if (UNLIKELY(tcb->state == TCPS_CLOSED)) {
        /* No answer, a RST or an ICMP error: perhaps for what the SYN carried. */
        if (tcb->fast_open_tried && c->in_demux && tcb->snd_una == tcb->iss && tcb->error != 0 &&
            tcb->error != ESTAB_ECONNABORTED)
            estab_fast_open_failed(s, c, env);
        leave_wire(s, c);
        finish(s, c, env);
        return;
    }
    if (UNLIKELY(tcb->state == TCPS_TIME_WAIT) && !RULE(env, time_wait)) {
        estab_tcp_end(tcb, env, ESTAB_OK, CAUSE_TIME_WAIT_OVER);
        leave_wire(s, c);
        finish(s, c, env);
        return;
    }
    if (UNLIKELY(tcb->state == TCPS_TIME_WAIT)) {
        /* The ACK of the peer's FIN goes out before the small record takes over. */
        if (c->in_demux) {
            while (estab_tcp_next_segment(tcb, env, &out))
                estab_reply_segment(s, c->ifindex, &c->names, c->addr_len, &out, tcb->state,
                                    tcb->opt, env);
            estab_tw_take_over(s, c, env);
            tcb->events |= ESTAB_CLOSED;
        }
        finish(s, c, env);
        return;
    }
    if (UNLIKELY(tcb->path_news != PATH_NO_NEWS))
        tell_path(s, c, env->now);
    if (UNLIKELY(tcb->path_doubted)) {
        tcb->path_doubted = false;
        estab_ip_doubt(&s->routes, names_remote(&c->names, c->addr_len), c->addr_len, c->ifindex);
    }
    if (c->send.next == NULL && estab_tcp_has_output(tcb))
        list_append(&s->interface[c->ifindex].send, &c->send);
    arm_timer(s, c, env);
    if (tcb->events != 0 && !tcb->orphan) {
        c->poll.bits |= tcp_take_events(tcb);
        if (c->listener == 0)
            estab_conn_ready(s, &c->poll);
    }
}
