/* SPDX-License-Identifier: MIT */
/*
 * Congestion control behind one small interface (RFC 9293 §3.8.2, MUST-19, MAY-18). loss.c decides
 * what was lost and when; an algorithm only moves cwnd and ssthresh, in octets.
 */
#ifndef TCP_CC_H
#define TCP_CC_H

#include "tcp/internal.h"

struct cc_ops {
    const char *name;
    /* `acked` octets were newly acknowledged outside fast recovery. */
    void (*acked)(struct tcb *tcb, const struct tcp_env *env, uint32_t acked);
    /* What ssthresh becomes when `flight` octets were out at the time of a loss. */
    uint32_t (*ssthresh_after_loss)(const struct tcb *tcb, uint32_t flight);
};

extern const struct cc_ops estab_cc_reno;

/* By enum estab_cc; NULL: no such algorithm. */
const struct cc_ops *estab_cc_by_number(unsigned cc);

/* The initial window, RFC 6928 §2: min(n * SMSS, max(2 * SMSS, n * 1460)). */
uint32_t estab_cc_initial_window(const struct tcb *tcb, const struct tcp_env *env);

#endif
