/* SPDX-License-Identifier: MIT */
/*
 * Half-open connections: what a listener remembers between a SYN and the ACK of its SYN,ACK
 * (SYN-RECEIVED of a passive OPEN), far smaller than a TCB, because anybody can make us hold one
 * (N3). The rules are pure functions; storage, timer and limits are in stack/.
 */
#ifndef TCP_HALF_OPEN_H
#define TCP_HALF_OPEN_H

#include "base/wheel.h"
#include "tcp/tcp.h"

struct half_open {
    struct wheel_timer timer;
    tcp_seq iss, irs;
    uint32_t ts_recent;
    uint32_t listener;   /* its index in stack/ */
    uint16_t mss;        /* of the SYN; 0: none */
    uint16_t wnd;        /* of the SYN */
    uint8_t wscale : 4;  /* of the SYN, at most 14 */
    uint8_t syn_ecn : 2; /* the IP-ECN field of the latest SYN */
    uint8_t accecn : 1;  /* RFC 9768 instead of RFC 3168 */
    uint8_t no_ect : 1;  /* a SYN without ECN has come too: none for us */
    bool has_wscale : 1, sack : 1, timestamps : 1, ecn : 1;
    bool ipv6 : 1;
    bool cookie : 1;     /* stood in no record: made from a SYN cookie */
    bool challenged : 1; /* the one ACK of a bad segment between two SYN,ACKs has been sent */
    bool repeated : 1;   /* the SYN,ACK was sent again, for the same SYN or by the timer */
    uint8_t retransmissions;
    uint8_t ifindex;
};

enum half_open_action {
    HALF_OPEN_KEEP,
    HALF_OPEN_DELETE,  /* back to LISTEN */
    HALF_OPEN_PROMOTE, /* make a TCB and give it this segment */
    HALF_OPEN_REPEAT,  /* the SYN,ACK again */
    HALF_OPEN_ACK,     /* <SEQ=ISS+1><ACK=IRS+1><CTL=ACK> */
};

/* LISTEN (RFC 9293 §3.10.7.2): SEG_CONTINUE: a SYN that deserves a record. */
enum seg_verdict estab_listen_arrives(const struct tcp_env *env, const struct tcp_seg *seg,
                                      struct tcp_out *reply);
/* CLOSED (§3.10.7.1): the RST for a segment that belongs to nobody; false: none. */
bool estab_closed_arrives(const struct tcp_env *env, const struct tcp_seg *seg,
                          struct tcp_out *reply);
/* Fills the record from the SYN. */
void estab_half_open_init(struct half_open *h, const struct tcp_env *env, const struct tcp_seg *syn,
                          tcp_seq iss);
/* A segment for the record; `wnd` is the window of our SYN,ACK. */
enum seg_verdict estab_half_open_arrives(struct half_open *h, const struct tcp_env *env,
                                         const struct tcp_seg *seg, uint32_t wnd,
                                         enum half_open_action *action, struct tcp_out *reply);
void estab_half_open_syn_ack(const struct half_open *h, const struct tcp_env *env, uint32_t mss,
                             const struct estab_tcp_options *opt, uint32_t ts_offset, bool again,
                             struct tcp_out *out);
void estab_half_open_ack(const struct half_open *h, const struct tcp_env *env,
                         const struct estab_tcp_options *opt, uint32_t ts_offset,
                         struct tcp_out *out);
/* How long until the SYN,ACK is sent again. */
estab_time estab_half_open_rto(const struct half_open *h, const struct tcp_env *env);
/* The TCB in SYN-RECEIVED that the record stood for; `tcb` is freshly initialised. */
void estab_half_open_promote(const struct half_open *h, struct tcb *tcb, struct tcp_env *env);

#endif
