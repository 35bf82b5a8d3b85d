/* SPDX-License-Identifier: MIT */
/*
 * TCP Fast Open, RFC 7413: what a cookie is, what the first SYN of either side does with one, and
 * what its answer means. One connection's part; the limits, and what is remembered of peers, are in
 * stack/fast_open.c.
 */
#ifndef TCP_FAST_OPEN_H
#define TCP_FAST_OPEN_H

#include "base/siphash.h"
#include "tcp/tcp.h"

#define FAST_OPEN_COOKIE_LEN 8 /* of ours */

/* What stack/ knows when a SYN is about to go out. */
struct fast_open_offer {
    uint16_t mss; /* the peer's when it was last heard; 0: not known */
    uint8_t len;  /* of the cookie; 0: none, ask for one */
    uint8_t cookie[FAST_OPEN_COOKIE_MAX];
};

enum fast_open_cookie { FAST_OPEN_BAD, FAST_OPEN_OLD, FAST_OPEN_GOOD };

/* The cookie of a client's address, as of now. */
void estab_fast_open_cookie(const struct siphash_key *key, const struct tcp_env *env,
                            const uint8_t *addr, unsigned addr_len, struct fast_open_offer *out);
/* Is the SYN's cookie ours? OLD: of the last key, still good, and to be replaced. */
enum fast_open_cookie estab_fast_open_check(const struct siphash_key *key,
                                            const struct tcp_env *env, const uint8_t *addr,
                                            unsigned addr_len, const struct tcp_seg *syn);

/* Server: `tcb` in SYN-RECEIVED has not sent its SYN,ACK yet; takes the SYN's text. */
void estab_fast_open_accept(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *syn,
                            bool new_cookie);
/* Server: the same SYN once more, with its text or without. */
enum seg_verdict estab_fast_open_syn_again(struct tcb *tcb, const struct tcp_env *env);
/* The SYN or SYN,ACK in `out` is complete but for the option and, from a client, the text. */
void estab_fast_open_emit(struct tcb *tcb, const struct tcp_env *env, struct tcp_out *out);
/* Client: our SYN is acknowledged up to `ack`. */
void estab_fast_open_acked(struct tcb *tcb, tcp_seq ack);

#endif
