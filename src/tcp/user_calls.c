/* SPDX-License-Identifier: MIT */
/*
 * The user's calls: OPEN, SEND, RECEIVE, CLOSE, ABORT (RFC 9293 §3.10.1-5). STATUS is a plain look
 * at the TCB and is done in stack/. Nothing here blocks; what a call makes due is sent by the next
 * estab_tcp_next_segment().
 */
#include "tcp/cc.h"

#include <string.h>

void
estab_tcp_init(struct tcb *tcb, const struct tcp_env *env, const struct estab_tcp_options *opt,
               uint32_t mtu, uint8_t ip_header_len, uint32_t ts_offset)
{
    memset(tcb, 0, sizeof(*tcb)); /* CLOSED is 0 */
    tcb->opt = opt;
    tcb->ip_header_len = ip_header_len;
    tcb->mms_s = (uint16_t)(mtu - ip_header_len);
    tcb->mms_max = tcb->mms_s;
    tcb->mms_high = tcb->mms_s;
    tcb->send_mss = ip_header_len == 20 ? 536 : 1220;
    estab_tcp_update_smss(tcb);
    estab_tcp_receive_limit_set(tcb);
    tcb->ts_offset = ts_offset;
    tcb->rcv_mss = 536;
    tcb->cc = estab_cc_by_number(opt->cc);
    ESTAB_ASSERT(tcb->cc != NULL);
    tcb->rtt_since_probe = true;
    tcb->rtx_at = ESTAB_NEVER;
    tcb->delack_at = ESTAB_NEVER;
    tcb->keepalive_at = ESTAB_NEVER;
    tcb->orphan_at = ESTAB_NEVER;
    tcb->unanswered_since = ESTAB_NEVER;
    tcb->challenged_at = INT64_MIN / 2;
    estab_tcp_rtt_init(tcb, env);
}

void
estab_tcp_open_active(struct tcb *tcb, struct tcp_env *env, tcp_seq iss)
{
    /* RFC 9293 §3.10.1: <SEQ=ISS><CTL=SYN>, SND.UNA = ISS, SND.NXT = ISS + 1, SYN-SENT */
    tcb->iss = iss;
    tcb->snd_una = iss;
    tcb->snd_nxt = iss;
    tcb->recover = iss;
    tcb->syn_owed = true;
    tcb->fast_open_owed = tcb->opt->fast_open;
    enter_state(tcb, env, TCPS_SYN_SENT, CAUSE_OPEN_ACTIVE);
}

/* What a call on this connection is told when it cannot do its work; 0: it can. */
static int
send_error(const struct tcb *tcb)
{
    if (tcb->error != 0)
        return -(int)tcb->error;
    if (tcb->state == TCPS_CLOSED)
        return -ESTAB_ENOTCONN;
    /* "connection closing" (RFC9293-3.10.2-SEND) */
    return tcb->fin_queued ? -ESTAB_EPIPE : 0;
}

/* Octets the send ring may still take: in SYN-SENT too, text is queued (RFC9293-3.10.2-SEND). */
static uint32_t
send_room(const struct tcb *tcb)
{
    uint32_t limit = estab_tcp_send_limit(tcb);

    return limit > tcb->snd.used ? limit - tcb->snd.used : 0;
}

static void
mark_urgent(struct tcb *tcb)
{
    /* SND.UP is the octet after the last urgent one (MUST-62; RFC 6093 §4). */
    tcb->snd_up = snd_queued_end(tcb);
    tcb->snd_up_valid = true;
}

ptrdiff_t
estab_tcp_reserve(struct tcb *tcb, struct tcp_env *env, size_t want, struct ring_span spans[2])
{
    int err = send_error(tcb);
    uint32_t room = send_room(tcb), limit = estab_tcp_send_limit(tcb);

    if (err < 0)
        return err;
    if (room == 0) {
        tcb->user_waits_room = true;
        return -ESTAB_EAGAIN;
    }
    if (want < room)
        room = (uint32_t)want;
    if (!estab_tcp_ring_grow(tcb, env, &tcb->snd, tcb->snd.used + room, tcb->snd.used, limit))
        room = room < ring_free(&tcb->snd) ? room : ring_free(&tcb->snd);
    if (room == 0) {
        /* the memory budget is spent; with text of ours out, its ACK will bring room */
        if (tcb->snd.used == 0)
            return want == 0 ? 0 : -ESTAB_ENOMEM;
        tcb->user_waits_room = true;
        return -ESTAB_EAGAIN;
    }
    estab_ring_spans(&tcb->snd, tcb->snd.used, room, spans);
    return (ptrdiff_t)room;
}

int
estab_tcp_commit(struct tcb *tcb, struct tcp_env *env, size_t len)
{
    int err = send_error(tcb);

    (void)env;
    if (err < 0)
        return err;
    if (len > ring_free(&tcb->snd))
        return -ESTAB_EINVAL;
    estab_ring_publish(&tcb->snd, (uint32_t)len);
    return 0;
}

ptrdiff_t
estab_tcp_send(struct tcb *tcb, struct tcp_env *env, const void *data, size_t len, bool urgent)
{
    struct ring_span spans[2];
    ptrdiff_t n;

    if (len == 0)
        return send_error(tcb);
    n = estab_tcp_reserve(tcb, env, len, spans);
    if (n < 0)
        return n;
    memcpy(spans[0].data, data, spans[0].len);
    if (spans[1].len > 0)
        memcpy(spans[1].data, (const uint8_t *)data + spans[0].len, spans[1].len);
    estab_ring_publish(&tcb->snd, (uint32_t)n);
    if ((size_t)n < len)
        tcb->user_waits_room = true;
    if (urgent)
        mark_urgent(tcb);
    return n;
}

/* What RECEIVE gives when no text waits. */
static ptrdiff_t
end_of_text(const struct tcb *tcb)
{
    if (tcb->fin_received)
        return 0; /* MUST-12: the peer has closed in order */
    if (tcb->error != 0)
        return -(ptrdiff_t)tcb->error;
    if (tcb->state == TCPS_CLOSED)
        return -ESTAB_ENOTCONN;
    return -ESTAB_EAGAIN;
}

ptrdiff_t
estab_tcp_peek(struct tcb *tcb, struct ring_span spans[2])
{
    spans[0] = (struct ring_span){ 0 };
    spans[1] = (struct ring_span){ 0 };
    if (tcb->rcv.used == 0)
        return end_of_text(tcb);
    estab_ring_spans(&tcb->rcv, 0, tcb->rcv.used, spans);
    return (ptrdiff_t)tcb->rcv.used;
}

int
estab_tcp_consume(struct tcb *tcb, struct tcp_env *env, size_t len)
{
    if (len > tcb->rcv.used)
        return -ESTAB_EINVAL;
    estab_ring_consume(&tcb->rcv, (uint32_t)len);
    if (tcb->rcv.used == 0 && tcb->ooo == NULL)
        estab_tcp_ring_return(tcb, env, &tcb->rcv);
    if (tcb->rcv_up_valid && seq_geq(tcb->rcv_nxt - tcb->rcv.used, tcb->rcv_up))
        tcb->rcv_up_valid = false;
    estab_tcp_receive_tune(tcb, env, (uint32_t)len);
    estab_tcp_window_opened(tcb, env);
    return 0;
}

ptrdiff_t
estab_tcp_receive(struct tcb *tcb, struct tcp_env *env, void *buf, size_t len)
{
    uint32_t n = tcb->rcv.used;

    if (n == 0)
        return end_of_text(tcb);
    if (len < n)
        n = (uint32_t)len;
    estab_ring_read_at(&tcb->rcv, 0, buf, n);
    (void)estab_tcp_consume(tcb, env, n);
    return (ptrdiff_t)n;
}

int
estab_tcp_close(struct tcb *tcb, struct tcp_env *env)
{
    int err = send_error(tcb);

    if (err < 0)
        return err;
    switch (tcb->state) {
    case TCPS_SYN_SENT:
        /* RFC9293-3.10.4-CLOSE: delete the TCB, "closing" for what was queued */
        estab_tcp_end(tcb, env, ESTAB_OK, CAUSE_CLOSE_CALL);
        return 0;
    case TCPS_SYN_RECEIVED:
        tcb->fin_queued = true; /* FIN-WAIT-1 follows once our SYN is acknowledged */
        return 0;
    case TCPS_ESTABLISHED:
        tcb->fin_queued = true;
        enter_state(tcb, env, TCPS_FIN_WAIT_1, CAUSE_CLOSE_CALL);
        return 0;
    case TCPS_CLOSE_WAIT:
        /* N12: what was still to be sent has been queued; now our FIN, then LAST-ACK */
        tcb->fin_queued = true;
        enter_state(tcb, env, TCPS_LAST_ACK, CAUSE_CLOSE_CALL);
        return 0;
    default:
        return -ESTAB_EPIPE;
    }
}

static void
end_with_reset(struct tcb *tcb, struct tcp_env *env, enum send_reason reason,
               enum state_cause cause)
{
    /* RFC 9293 §3.10.5: a RST in SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1, FIN-WAIT-2, CLOSE-WAIT;
     * in the others the TCB is just deleted (RFC9293-3.10.5-ABORT). */
    if (tcb->state >= TCPS_SYN_RECEIVED && tcb->state <= TCPS_CLOSE_WAIT) {
        tcb->reset_owed = true;
        tcb->reset_reason = (uint8_t)reason;
    }
    estab_tcp_end(tcb, env, ESTAB_ECONNABORTED, cause);
}

void
estab_tcp_orphan(struct tcb *tcb, struct tcp_env *env)
{
    tcb->orphan = true;
    tcb->events = 0;
    /* In TIME-WAIT everything has been said; the wait goes on without the user. */
    if (tcb->state == TCPS_CLOSED || tcb->state == TCPS_TIME_WAIT)
        return;
    /* RFC 2525 §2.17, RFC 9293 §3.6.1 (SHLD-3): text was received and will not be read. */
    if (tcb->rcv.used > 0 || tcb->ooo != NULL) {
        end_with_reset(tcb, env, WHY_RST_UNREAD, CAUSE_UNREAD_DATA);
        return;
    }
    if (!tcb->fin_queued)
        (void)estab_tcp_close(tcb, env);
    tcb->orphan_at = env->now + (tcb->state == TCPS_FIN_WAIT_2 ? env->cfg->fin_wait_2
                                                               : env->cfg->orphan_timeout);
}

void
estab_tcp_abort(struct tcb *tcb, struct tcp_env *env, enum send_reason reason,
                enum state_cause cause)
{
    tcb->orphan = true;
    /* Differs from RFC 9293 §3.10.5: ABORT does not cut TIME-WAIT short, because old segments of
     * the connection do not go away faster (N15). */
    if (tcb->state != TCPS_CLOSED && tcb->state != TCPS_TIME_WAIT)
        end_with_reset(tcb, env, reason, cause);
}

void
estab_tcp_options_changed(struct tcb *tcb, struct tcp_env *env)
{
    estab_cc_select(tcb, env, tcb->opt->cc);
    estab_tcp_receive_limit_set(tcb);
    tcb->uto_owed = tcb->opt->user_timeout_option;
    if (tcb->opt->quick_ack && tcb->delack_at != ESTAB_NEVER)
        owe_one_ack(tcb, WHY_ACK_NOW);
    estab_tcp_keepalive_heard(tcb, env); /* MUST-24, MUST-27: on, off, or with new times */
}
