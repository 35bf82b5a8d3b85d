/* SPDX-License-Identifier: MIT */
/*
 * What a reduction of cwnd has taken, kept until it is known to have been right: F-RTO (RFC 5682),
 * the Eifel detection by timestamps (RFC 3522) and D-SACK (RFC 2883, RFC 3708) tell that nothing was
 * lost after all, and then the reduction is undone (RFC 4015). The record is lent by the pool from
 * the reduction to one round trip after the end of recovery; without memory nothing is undone.
 */
#ifndef TCP_UNDO_H
#define TCP_UNDO_H

#include "tcp/internal.h"
#include "tcp/scoreboard.h"

/* What was sent again in so many pieces that they are not remembered is not undone by D-SACKs. */
#define UNDO_PIECES 16

/* The steps of RFC 5682 §2.1 and §3.1. */
enum frto {
    FRTO_OFF,    /* not a timeout, or it was needed */
    FRTO_FIRST,  /* (2) waiting for the first ACK that advances */
    FRTO_SECOND, /* (3) new text was sent instead of what may be lost; waiting for the next ACK */
};

struct undo {
    uint32_t index; /* of this record in its pool */
    /* as they were */
    uint32_t cwnd, bytes_acked;
    uint32_t pipe_prev; /* RFC 4015 §3.1 (0): what ssthresh shall be */
    uint32_t srtt, rttvar;
    union cc_state ca;
    uint8_t cc_phase;
    bool small_restart;

    bool timeout;  /* the reduction was for a timeout */
    bool again;    /* something was sent again since; `ts` is the TSval of the first */
    bool answered; /* SND.UNA has moved since: timestamps say no more (RFC 3522 §3.2, step 4) */
    uint8_t frto;
    uint32_t ts;
    /* sent again and not reported as duplicates, pieces in any order; more than UNDO_PIECES: who
     * knows */
    uint32_t pieces;
    tcp_seq piece[UNDO_PIECES][2];
    tcp_seq una, end;     /* SND.UNA and SND.NXT at the reduction */
    tcp_seq front_end;    /* where the segment that the timeout has sent again ends */
    tcp_seq frto_recover; /* `recover` of RFC 5682: SND.NXT at the first ACK */
    tcp_seq until;        /* recovery is over; once SND.UNA is here, it is too late */
    bool over;
};

/* cwnd is about to be reduced for a loss; before anything has changed. */
void estab_undo_remember(struct tcb *tcb, struct tcp_env *env, bool timeout);
/* Text from `seq` to `end` is sent again now. */
void estab_undo_sent_again(struct tcb *tcb, const struct tcp_env *env, tcp_seq seq, tcp_seq end);
/* An acceptable ACK, after all else has been done with it; `d` is what it has newly delivered (NULL
 * without a scoreboard); `duplicate`: it is a duplicate ACK; `marked`: it tells of
 * congestion. */
void estab_undo_ack(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg,
                    tcp_seq old_una, const struct delivered *d, bool duplicate, bool marked);
/* A D-SACK of [left, right). */
void estab_undo_dsack(struct tcb *tcb, tcp_seq left, tcp_seq right);
void estab_undo_forget(struct tcb *tcb, struct tcp_env *env);

/* RFC 5682 §2.1 (2b): new text goes first. */
static inline bool
undo_sends_new(const struct tcb *tcb)
{
    return UNLIKELY(tcb->undo != NULL) && tcb->undo->frto == FRTO_SECOND;
}

#endif
