/* SPDX-License-Identifier: MIT */
/*
 * Spurious timeouts and retransmissions, found and undone; see undo.h. F-RTO is RFC 5682: §2.1
 * without SACK, §3.1 with it; Eifel is RFC 3522 to detect and RFC 4015 to respond. Called from
 * ack.c, emit.c, loss.c and rack.c.
 */
#include "tcp/undo.h"

#include "tcp/cc.h"
#include "tcp/cwnd_validation.h"
#include "tcp/rack.h"

void
estab_undo_forget(struct tcb *tcb, struct tcp_env *env)
{
    if (tcb->undo == NULL)
        return;
    estab_pool_put(env->undos, tcb->undo->index);
    tcb->undo = NULL;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_UNDO, -(int64_t)env->undos->record_size);
}

void
estab_undo_remember(struct tcb *tcb, struct tcp_env *env, bool timeout)
{
    struct undo *u = tcb->undo;
    uint32_t index, flight = flight_size(tcb);

    /* RFC 5682 §2.1 (1), §3.1 (1): a timeout in recovery from something else cannot be judged; one
     * more for the same segment begins again, with what was remembered at the first (RFC5682-2-FRTO1). */
    if (timeout && tcb->recovery != RECOVERY_NONE) {
        if (u != NULL && u->timeout && u->una == tcb->snd_una) {
            u->frto = FRTO_FIRST;
            u->answered = false;
        } else {
            estab_undo_forget(tcb, env);
        }
        return;
    }
    if (tcb->snd.used == 0)
        return; /* a FIN alone: cwnd does not matter any more */
    if (u == NULL) {
        u = estab_pool_get(env->undos, &index);
        if (u == NULL)
            return;
        tcb->undo = u;
        u->index = index;
        estab_tcp_trace_memory(tcb, env, ESTAB_MEM_UNDO, (int64_t)env->undos->record_size);
    }
    *u = (struct undo){
        .index = u->index,
        .cwnd = tcb->cwnd,
        .pipe_prev = flight > tcb->ssthresh ? flight : tcb->ssthresh,
        .bytes_acked = tcb->bytes_acked,
        .srtt = tcb->srtt,
        .rttvar = tcb->rttvar,
        .ca = tcb->ca,
        .cc_phase = tcb->cc_phase,
        .small_restart = tcb->small_restart,
        .timeout = timeout,
        .frto = timeout ? FRTO_FIRST : FRTO_OFF,
        .una = tcb->snd_una,
        .end = tcb->snd_nxt,
        .front_end = tcb->snd_una,
    };
}

static void
note_piece(struct undo *u, tcp_seq left, tcp_seq right)
{
    if (u->pieces > 0 && u->pieces <= UNDO_PIECES && u->piece[u->pieces - 1][1] == left) {
        u->piece[u->pieces - 1][1] = right;
        return;
    }
    if (u->pieces < UNDO_PIECES) {
        u->piece[u->pieces][0] = left;
        u->piece[u->pieces][1] = right;
    }
    if (u->pieces <= UNDO_PIECES)
        u->pieces++;
}

void
estab_undo_sent_again(struct tcb *tcb, const struct tcp_env *env, tcp_seq seq, tcp_seq end)
{
    struct undo *u = tcb->undo;

    if (u == NULL)
        return;
    if (!u->again) {
        /* RFC 3522 §3.2 (2) RetransmitTS */
        u->again = true;
        u->ts = tcb->timestamps ? estab_tcp_ts_now(tcb, env) : 0;
    }
    if (seq == u->una)
        u->front_end = end;
    note_piece(u, seq, end);
}

void
estab_undo_dsack(struct tcb *tcb, tcp_seq left, tcp_seq right)
{
    struct undo *u = tcb->undo;
    uint32_t i;

    if (u == NULL || seq_geq(left, right) || u->pieces > UNDO_PIECES)
        return;
    for (i = 0; i < u->pieces; i++) {
        tcp_seq *p = u->piece[i], end = p[1];

        if (seq_lt(left, p[0]) || seq_gt(right, end))
            continue; /* the network has doubled what we sent once, or it is another piece */
        p[1] = left;
        if (p[0] == p[1]) {
            u->pieces--;
            p[0] = u->piece[u->pieces][0];
            p[1] = u->piece[u->pieces][1];
        }
        if (right != end)
            note_piece(u, right, end);
        return;
    }
}

/* The response, RFC 4015 §3.1 (8)-(11) (RFC5682-3-RESP). */
static void
undo(struct tcb *tcb, struct tcp_env *env, uint32_t acked, enum estab_recovery why)
{
    struct undo *u = tcb->undo;
    uint32_t burst = estab_cc_initial_window(tcb, env), pipe, cwnd;

    if (!u->over) {
        if (tcb->flight != NULL)
            estab_scoreboard_forget_losses(&tcb->flight->sb);
        tcb->recovery = RECOVERY_NONE;
        tcb->dupacks = 0;
        tcb->rtx_front = false;
        tcb->rto_fired = false;
        tcb->backoff = 0;
        /* RFC 5682 §2.1 (3b): fast retransmit is possible again from here on */
        tcb->recover = tcb->snd_una;
    }
    tcb->small_restart = u->small_restart;
    estab_cwv_reset(tcb);
    if (cc_has_model(tcb)) {
        tcb->cc->recovery(tcb, env, CC_RECOVERY_UNDONE);
    } else {
        /* (9) cwnd <- FlightSize + min(bytes_acked, IW): no burst, and from there ssthresh <- pipe_prev
     * leads back in slow start. */
        pipe = tcb->flight != NULL ? flight_pipe(tcb) : flight_size(tcb);
        cwnd = pipe + (acked < burst ? acked : burst);
        if (cwnd > u->cwnd)
            cwnd = u->cwnd;
        if (!u->over || cwnd > tcb->cwnd)
            tcb->cwnd = cwnd > tcb->smss ? cwnd : tcb->smss;
        if (!u->over || u->pipe_prev > tcb->ssthresh)
            tcb->ssthresh = u->pipe_prev;
        tcb->bytes_acked = u->bytes_acked;
        tcb->ca = u->ca;
        tcb->cc_phase = u->cc_phase;
    }
    if (u->timeout) {
        /* (11) The first sample from text that is new now begins the estimate anew. */
        tcb->srtt = tcb->srtt > u->srtt ? tcb->srtt : u->srtt;
        tcb->rttvar = tcb->rttvar > u->rttvar ? tcb->rttvar : u->rttvar;
        tcb->rtt_timing = false;
        tcb->rtt_reseed = true;
    } else if (why == ESTAB_RECOVERY_UNDONE_TIMESTAMP) {
        tcb->reordering_seen = true; /* what else has made us believe in a loss? */
    }
    if (tcb->snd_una != tcb->snd_nxt && !u->over)
        estab_tcp_arm_rtx(tcb, env);
    estab_tcp_explain(tcb, env, why);
    estab_undo_forget(tcb, env);
}

/* RFC 5682: true: the timeout was spurious. */
static bool
take_frto_step(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
               tcp_seq old_una, const struct delivered *d, bool duplicate)
{
    struct undo *u = tcb->undo;
    bool moved = tcb->snd_una != old_una, ignored;

    switch (u->frto) {
    case FRTO_FIRST:
        if (!moved) {
            /* (2a) a duplicate ACK ends it; with SACK, §3.1 (2), one waits on */
            if (duplicate && tcb->flight == NULL)
                u->frto = FRTO_OFF;
            return false;
        }
        u->frto_recover = tcb->snd_nxt;
        u->frto = FRTO_OFF;
        /* (2a) all is acknowledged, or not even what was sent again: conventional recovery */
        if (tcb->snd_una == tcb->snd_nxt || seq_lt(tcb->snd_una, u->front_end))
            return false;
        /* (2b) up to two new segments, and step (3); without new text, or room for it, not */
        if (estab_tcp_sendable(tcb, env, &ignored) > 0)
            u->frto = FRTO_SECOND;
        return false;
    case FRTO_SECOND:
        if (tcb->flight != NULL ? d->octets == 0 && !duplicate && !moved : !moved && !duplicate)
            return false; /* neither new nor a duplicate ACK: ignored */
        u->frto = FRTO_OFF;
        /* (3b) it tells of something that was sent before the timeout, and once */
        if (tcb->flight != NULL ? d->octets > 0 && seq_leq(d->highest_end, u->frto_recover)
                                : moved && seq_leq(tcb->snd_una, u->frto_recover))
            return true;
        /* (3a) (RFC5682-2-FRTO2) 3 * SMSS, as far as slow start would be two round trips after the
         * timeout; what is not acknowledged is sent again */
        tcb->cwnd = 3u * tcb->smss;
        return false;
    default:
        (void)seg;
        return false;
    }
}

void
estab_undo_ack(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg, tcp_seq old_una,
               const struct delivered *d, bool duplicate, bool marked)
{
    struct undo *u = tcb->undo;
    uint32_t acked = tcb->snd_una - old_una;
    enum estab_recovery why = ESTAB_RECOVERY_NONE;

    if (LIKELY(u == NULL))
        return;
    /* RFC 3522 §3.2 (4), (5): the first ACK that advances echoes a time before the repetition: it
     * answers the original. */
    if (acked > 0 && !u->answered) {
        u->answered = true;
        if (u->again && tcb->timestamps && seg->has_ts && seg->ts_ecr != 0 &&
            seq_lt(seg->ts_ecr, u->ts))
            why = ESTAB_RECOVERY_UNDONE_TIMESTAMP;
    }
    if (why == ESTAB_RECOVERY_NONE && u->frto != FRTO_OFF &&
        take_frto_step(tcb, env, seg, old_una, d, duplicate))
        why = ESTAB_RECOVERY_UNDONE_FRTO;
    if (why == ESTAB_RECOVERY_NONE && u->again && u->pieces == 0)
        why = ESTAB_RECOVERY_UNDONE_DSACK;
    if (why != ESTAB_RECOVERY_NONE) {
        /* RFC 4015 §3.4: not when the ACK tells of congestion itself */
        if (marked)
            estab_undo_forget(tcb, env);
        else
            undo(tcb, env, acked, why);
        return;
    }
    if (tcb->recovery == RECOVERY_NONE && !u->over) {
        u->over = true;
        u->until = tcb->snd_nxt;
    }
    /* D-SACKs are at most a round trip behind. */
    if ((tcb->snd_una == tcb->snd_nxt && tcb->snd.used == 0) ||
        (u->over && seq_gt(tcb->snd_una, u->until)))
        estab_undo_forget(tcb, env);
}
