/* SPDX-License-Identifier: MIT */
/*
 * Loss recovery with SACK: RACK-TLP (RFC 8985) says what is lost, or RFC 6675 where that is not
 * wanted, and PRR (RFC 9937) how much may be sent meanwhile. What it needs while text is on the way is lent: a `struct flight` from the first
 * segment sent to the last acknowledged. Without memory for one, or without SACK, loss.c does its
 * work in the way of NewReno.
 */
#ifndef TCP_RACK_H
#define TCP_RACK_H

#include "tcp/internal.h"
#include "tcp/scoreboard.h"

#define FLIGHT_SIZE_MIN 1024u
#define FLIGHT_SIZE_MAX 32768u /* bounds the work of one ACK: about 2,700 runs */

struct flight {
    uint32_t size; /* of this memory */

    /* RACK.segment: the one sent last of those delivered */
    uint32_t rack_at, rack_rtt; /* microseconds */
    tcp_seq rack_end;
    tcp_seq fack;        /* the highest sequence number the peer is known to have */
    tcp_seq dsack_round; /* SND.NXT when a D-SACK was last counted */
    bool rack_valid, in_dsack_round;

    /* TLP.end_seq, TLP.is_retrans */
    bool probe_out, probe_again;
    tcp_seq probe_end;
    uint32_t probe_flight; /* octets out when it left */

    /* RFC 9937 §6: since recovery began */
    uint32_t prr_delivered, prr_out, recover_fs;

    /* sack.c: this flight is RFC 6675's; DupAcks, RescueRxt */
    bool by_number;
    uint8_t sack_dupacks;
    bool rescued;
    tcp_seq rescue_rxt;

    struct scoreboard sb;
    struct sent_run run[];
};

/* Octets that are in the network: sent, neither SACKed nor lost. */
static inline uint32_t
flight_pipe(const struct tcb *tcb)
{
    return flight_size(tcb) - tcb->flight->sb.sacked - tcb->flight->sb.lost;
}

/* Text or a FIN from `seq` to `end` leaves now; `fresh`: for the first time. */
void estab_rack_sent(struct tcb *tcb, struct tcp_env *env, tcp_seq seq, tcp_seq end, bool fresh);
/* What an acceptable ACK says, after SND.UNA has moved from `old`; `d`, all zero, gets what it has
 * newly delivered. */
void estab_rack_ack(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg, tcp_seq old,
                    struct delivered *d);
/* The next segment to send again: lost, and allowed by cwnd; [*left, *right), at most SMSS. */
bool estab_rack_next_lost(const struct tcb *tcb, tcp_seq *left, tcp_seq *right);
/* Run i of the scoreboard is lost; the algorithm is told. */
void estab_rack_lose(struct tcb *tcb, const struct tcp_env *env, uint32_t i);
/* The timers RACK.reorder, TLP's PTO, and the RTO's part that concerns the scoreboard. */
void estab_rack_reorder_timeout(struct tcb *tcb, struct tcp_env *env);
void estab_rack_probe_timeout(struct tcb *tcb, struct tcp_env *env);
void estab_rack_retransmission_timeout(struct tcb *tcb, struct tcp_env *env);
/* RFC 8985 §7.2: the loss probe instead of the RTO, if there should be one. */
void estab_rack_schedule_probe(struct tcb *tcb, const struct tcp_env *env);
void estab_rack_release(struct tcb *tcb, struct tcp_env *env);

/* sack.c: RFC 6675, where the configuration says no to RACK. Marks what is lost; an ACK has come,
 * which moved SND.UNA or told of something new; what to send when there is nothing better. */
static inline bool
sack_may_resort(const struct tcb *tcb)
{
    return tcb->flight->by_number && tcb->recovery == RECOVERY_FAST;
}
void estab_sack_detect_loss(struct tcb *tcb, const struct tcp_env *env);
void estab_sack_count_duplicate(struct tcb *tcb, const struct tcp_env *env, bool moved, bool news);
bool estab_sack_last_resort(struct tcb *tcb, tcp_seq *left, tcp_seq *right);

#endif
