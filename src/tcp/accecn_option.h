/* SPDX-License-Identifier: MIT */
/*
 * The options of Accurate ECN, RFC 9768 §3.2.3: beside the ACE field, which counts packets in three
 * bits, the octets of text that have arrived with each codepoint, in 24 bits. They are lent a record
 * while AccECN is agreed; without memory, or where the path strips them, the ACE field does alone.
 */
#ifndef TCP_ACCECN_OPTION_H
#define TCP_ACCECN_OPTION_H

#include "tcp/internal.h"

struct accecn_counters {
    uint32_t index;      /* of this record in its pool */
    uint32_t arrived[4]; /* by IP-ECN field: r.e1b, r.e0b, r.ceb, without their wraps */
    uint32_t told[4];    /* the peer's, as last read: s.ceb */
    uint32_t marks;      /* that the ACE field has told since s.ceb was read */
    uint8_t last;        /* the IP-ECN field of the latest text */
    uint8_t owed;        /* ACKs that are to carry the option */
    uint8_t acks;        /* pure ACKs since one did */
    bool news;           /* something has been counted since then */
    bool heard;          /* counters of the peer were read */
    bool ignored;        /* somebody on the path wipes them */
};

/* AccECN is agreed. */
void estab_accecn_option_begin(struct tcb *tcb, const struct tcp_env *env);
void estab_accecn_option_forget(struct tcb *tcb, const struct tcp_env *env);
/* Text has arrived. */
void estab_accecn_option_arrives(struct tcb *tcb, const struct tcp_env *env,
                                 const struct tcp_seg *seg);
/* The option of a pure ACK, whose other options are there; `third`: that of the handshake. */
void estab_accecn_option_fill(struct tcb *tcb, const struct tcp_env *env, struct tcp_seg *seg,
                              bool third);
/* Of `packets` acknowledged, `told` modulo 8 were marked by the ACE field: how many by what the option
 * says. */
uint32_t estab_accecn_option_news(struct tcb *tcb, const struct tcp_env *env,
                                  const struct tcp_seg *seg, uint32_t told, uint32_t packets);

#endif
