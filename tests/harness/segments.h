/* SPDX-License-Identifier: MIT */
/*
 * Ladders of many full-sized segments: 1,000 octets each, T(n) is the first octet of the n-th, and
 * the round trip is 100 ms. The peer's next octet is 101.
 */
#ifndef ESTAB_TESTS_HARNESS_SEGMENTS_H
#define ESTAB_TESTS_HARNESS_SEGMENTS_H

#include "harness/peer.h"

#define MSS 1000u
#define T(n) (ISS + 1 + (n)*MSS)
#define RTT MS(100)

#define peer_acks(p, n) peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(n))
#define peer_sacks(p, n, ...)                                                                      \
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(n), .sack = { __VA_ARGS__ })

/* Passive, after a handshake of one round trip that `syn` begins. */
static inline struct peer *
peer_after_one_rtt(const struct estab_config *cfg, struct step syn)
{
    struct peer *p = peer_of_listener_with(cfg);

    syn.ctl |= CTL_SYN;
    syn.seq = 100;
    peer_sends_at(__FILE__, __LINE__, p, syn);
    peer_forgets(p);
    time_passes(p, RTT);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = syn.ts_val);
    user_accepts(p);
    return p;
}

static inline void
expect_text(struct peer *p, unsigned n, uint8_t reason)
{
    expect_sent(p, .ctl = CTL_ACK, .seq = T(n), .ack = 101, .len = MSS, .reason = reason);
}

static inline void
expect_texts(struct peer *p, unsigned from, unsigned to)
{
    for (unsigned n = from; n < to; n++)
        expect_text(p, n, 0);
}

static inline uint32_t
cwnd(struct peer *p)
{
    return user_status(p).tcb.cwnd;
}

static inline uint32_t
ssthresh(struct peer *p)
{
    return user_status(p).tcb.ssthresh;
}

static inline uint64_t
recoveries(struct peer *p, enum estab_recovery what)
{
    struct estab_stack_status st;

    estab_stack_status(p->stack, &st);
    return st.recoveries[what];
}

#endif
