/* SPDX-License-Identifier: MIT */
/*
 * Congestion window validation, RFC 7661 ("new CWV"): a window that was earned once stays while the
 * user sends less, for five minutes, instead of falling back to the restart window after an idle
 * RTO; but it does not grow meanwhile, what leaves is paced, and a loss counts from what was really
 * used. What it has to remember is lent by a pool once cwnd is beyond the initial window; without
 * memory, RFC 5681 §4.1 applies. Not for algorithms that have cwnd to themselves.
 */
#ifndef TCP_CWND_VALIDATION_H
#define TCP_CWND_VALIDATION_H

#include "tcp/internal.h"

#define CWV_PARTS 4
#define CWV_NVP ESTAB_SEC(300) /* the non-validated period, §4.4 */

struct cwv {
    uint32_t index; /* of this record in its pool */
    /* The highest sample of each part of the sampling period, this one first (§4.5.1) */
    uint32_t sample[CWV_PARTS];
    estab_time part_at; /* when this part has begun */
    estab_time nvp_at;  /* since when cwnd is not validated, less the periods paid for */
    tcp_seq from, mark; /* being measured: what is acknowledged from here to there */
    uint32_t used;      /* max(pipeACK, LossFlightSize) of the loss being repaired */
    uint32_t again;     /* R: octets sent again since, each counted once */
    tcp_seq again_end;
    bool measuring; /* `from` and `mark` count */
    bool defined;   /* pipeACK is */
    bool validated;
    bool repairing; /* a loss was met while cwnd was not validated: used, again, again_end */
};

static inline bool
cwv_is_unvalidated(const struct tcb *tcb)
{
    return UNLIKELY(tcb->cwv != NULL) && !tcb->cwv->validated;
}

/* `acked` octets of text were newly acknowledged, outside recovery; true: cwnd may grow. */
bool estab_cwv_acked(struct tcb *tcb, struct tcp_env *env, uint32_t acked);
/* Nothing is out, and new text is about to leave. */
void estab_cwv_resume(struct tcb *tcb, struct tcp_env *env);
/* Congestion, met with `flight` octets out: the octets that count for ssthresh, and the most that
 * may come of them. `repair`: recovery from a loss begins. */
uint32_t estab_cwv_congestion(struct tcb *tcb, uint32_t flight, bool repair, uint32_t *most);
/* Text up to `end` is sent again. */
void estab_cwv_sent_again(struct tcb *tcb, tcp_seq seq, tcp_seq end);
/* Fast recovery has ended, and cwnd is set. */
void estab_cwv_recovered(struct tcb *tcb);
/* pipeACK is undefined: a timeout, or a reduction that was undone. */
void estab_cwv_reset(struct tcb *tcb);
void estab_cwv_forget(struct tcb *tcb, struct tcp_env *env);

#endif
