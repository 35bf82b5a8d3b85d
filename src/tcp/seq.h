/* SPDX-License-Identifier: MIT */
/* Sequence-number arithmetic modulo 2^32 (RFC 9293 §3.4). `+` and `-` work as they are; every
 * comparison goes through here, so that it holds across the wrap. */
#ifndef TCP_SEQ_H
#define TCP_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t tcp_seq;

static inline bool
seq_lt(tcp_seq a, tcp_seq b)
{
    return a - b > INT32_MAX; /* a - b is negative as a 32-bit difference */
}

static inline bool
seq_leq(tcp_seq a, tcp_seq b)
{
    return !seq_lt(b, a);
}

static inline bool
seq_gt(tcp_seq a, tcp_seq b)
{
    return seq_lt(b, a);
}

static inline bool
seq_geq(tcp_seq a, tcp_seq b)
{
    return !seq_lt(a, b);
}

/* lo =< x =< hi, for hi - lo below 2^31. */
static inline bool
seq_between(tcp_seq lo, tcp_seq x, tcp_seq hi)
{
    return x - lo <= hi - lo;
}

/* left =< x < left + size */
static inline bool
seq_in_window(tcp_seq x, tcp_seq left, uint32_t size)
{
    return x - left < size;
}

static inline tcp_seq
seq_max(tcp_seq a, tcp_seq b)
{
    return seq_lt(a, b) ? b : a;
}

static inline tcp_seq
seq_min(tcp_seq a, tcp_seq b)
{
    return seq_lt(a, b) ? a : b;
}

#endif
