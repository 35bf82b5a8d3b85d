/* SPDX-License-Identifier: MIT */
/*
 * SYN cookies (RFC 4987 §3.6): when there is no room for another half-open record the ISN of our
 * SYN,ACK is made so that the ACK that repeats it proves that we have sent it, and nothing is kept.
 * The ISN hides five bits of time, three of MSS and 24 of a keyed sum; what else the SYN said goes
 * into the low bits of our timestamp, which the peer echoes. Called from stack/listen.c.
 *
 * A guess is right once in 2^32 / (3 * 8), about 1.8e8 tries; an ACK that repeats a cookie within
 * its life opens the connection again, if the first one is gone by then, and no more than that.
 */
#ifndef TCP_SYN_COOKIE_H
#define TCP_SYN_COOKIE_H

#include "base/siphash.h"
#include "tcp/half_open.h"

/* The sum's key changes with each step; a cookie lives for two to three of them. */
#define SYN_COOKIE_STEP ESTAB_SEC(64)
#define SYN_COOKIE_LIFE (3 * SYN_COOKIE_STEP)

/* Gives `h`, filled from the SYN but for its ISS, an ISS that is a cookie, and takes from it what
 * the ACK will not bring back. */
void estab_syn_cookie_make(struct half_open *h, const struct siphash_key *key, const void *names,
                           size_t names_len, const struct tcp_env *env, uint8_t ip_header_len);
/* Writes the options of `h` into the timestamp of its SYN,ACK. */
void estab_syn_cookie_stamp(const struct half_open *h, struct tcp_out *syn_ack);
/* Is `seg` the ACK of a SYN,ACK with a cookie of ours? Then `h` is as it was. */
bool estab_syn_cookie_check(struct half_open *h, const struct siphash_key *key, const void *names,
                            size_t names_len, const struct tcp_env *env, const struct tcp_seg *seg);

#endif
