/* SPDX-License-Identifier: MIT */
/* Accurate ECN feedback, RFC 9768; see accecn.c. */
#ifndef TCP_ACCECN_H
#define TCP_ACCECN_H

#include "tcp/internal.h"

enum ecn_mode { ECN_MODE_NONE, ECN_MODE_CLASSIC, ECN_MODE_ACCURATE };

/* The flags AE, CWR, ECE as one field. */
enum {
    ACE_AE = 4,
    ACE_CWR = 2,
    ACE_ECE = 1,
    ACE_SYN = 7, /* of a SYN that asks for AccECN */
    ACE_NOT_ECT = 2,
    ACE_ECT1 = 3,
    ACE_ECT0 = 4,
    ACE_CE = 6,
};

uint8_t estab_accecn_field(const struct tcp_seg *seg);
/* What a SYN asks for, and what a SYN,ACK to a SYN that asks for AccECN grants. */
enum ecn_mode estab_accecn_mode_of_syn(const struct tcp_env *env, const struct tcp_seg *syn);
enum ecn_mode estab_accecn_mode_of_syn_ack(const struct tcp_seg *syn_ack);
/* The flags of our SYN, and of our SYN,ACK to a SYN with that IP-ECN field. */
void estab_accecn_syn(struct tcp_seg *syn);
/* `first`: it may carry the option. */
void estab_accecn_syn_ack(struct tcp_seg *syn_ack, uint8_t syn_ecn, bool first);
/* AccECN is agreed; `seg`: the SYN or SYN,ACK that has come. */
void estab_accecn_begin(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg);
/* A segment inside the window. */
void estab_accecn_arrives(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg);
/* A marked segment, with text or without, has been dealt with: is an ACK due for the mark? */
void estab_accecn_owe(struct tcb *tcb, bool text);
/* The ACE field of a segment that leaves, and the option of a pure ACK. */
void estab_accecn_mark(struct tcb *tcb, const struct tcp_env *env, struct tcp_seg *seg);
/* An acceptable ACK that acknowledges `packets` more: how many of ours were marked. */
uint32_t estab_accecn_news(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
                           uint32_t packets);

#endif
