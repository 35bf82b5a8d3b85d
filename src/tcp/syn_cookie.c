/* SPDX-License-Identifier: MIT */
/* SYN cookies, RFC 4987 §3.6; see syn_cookie.h. */
#include "tcp/syn_cookie.h"

#include "base/bytes.h"
#include "tcp/internal.h"

#include <string.h>

/* What the cookie's three bits say: the largest that is not above the SYN's. */
static const uint16_t mss_table[8] = { 64, 536, 1220, 1360, 1440, 1460, 4036, 8940 };

/* The six low bits of the timestamp: window scale (15: none), SACK, ECN. */
#define STAMP_BITS 0x3fu
#define STAMP_NO_WSCALE 0x0fu
#define STAMP_SACK 0x10u
#define STAMP_ECN 0x20u

static uint32_t
keyed_sum(const struct siphash_key *key, const void *names, size_t len, uint32_t irs, uint32_t step,
          uint8_t what)
{
    uint8_t in[64];

    memcpy(in, names, len);
    put_be32(in + len, irs);
    put_be32(in + len + 4, step);
    in[len + 8] = what;
    return (uint32_t)estab_siphash24(key, in, len + 9);
}

#define WHAT_PAD 255 /* hides time and MSS */

static tcp_seq
cookie(const struct siphash_key *key, const void *names, size_t len, uint32_t irs, uint32_t step,
       uint8_t mss_index)
{
    uint32_t plain = (step & 31) << 27 | (uint32_t)mss_index << 24 |
                     (keyed_sum(key, names, len, irs, step, mss_index) & 0xffffff);

    return plain ^ keyed_sum(key, names, len, irs, 0, WHAT_PAD);
}

static uint32_t
step_at(const struct tcp_env *env)
{
    return (uint32_t)(uint64_t)(env->now / SYN_COOKIE_STEP);
}

void
estab_syn_cookie_make(struct half_open *h, const struct siphash_key *key, const void *names,
                      size_t names_len, const struct tcp_env *env, uint8_t ip_header_len)
{
    uint16_t mss = h->mss != 0 ? h->mss : ip_header_len == 20 ? 536 : 1220;
    uint8_t i = 7;

    while (i > 0 && mss_table[i] > mss)
        i--;
    h->iss = cookie(key, names, names_len, h->irs, step_at(env), i);
    h->accecn = false; /* there is one bit: RFC 3168 answers RFC 9768 as well */
    /* (RFC4987-3.6-COOKIE) without timestamps there is no place for the other options */
    if (!h->timestamps) {
        h->has_wscale = false;
        h->sack = false;
        h->ecn = false;
    }
}

void
estab_syn_cookie_stamp(const struct half_open *h, struct tcp_out *syn_ack)
{
    uint32_t bits = h->has_wscale ? (h->wscale > 14 ? 14u : h->wscale) : STAMP_NO_WSCALE;

    if (!h->timestamps)
        return;
    bits |= (h->sack ? STAMP_SACK : 0) | (h->ecn ? STAMP_ECN : 0);
    /* Down to the last value with these bits: our clock must not be seen to run backwards. */
    syn_ack->seg.ts_val -= (syn_ack->seg.ts_val - bits) & STAMP_BITS;
}

bool
estab_syn_cookie_check(struct half_open *h, const struct siphash_key *key, const void *names,
                       size_t names_len, const struct tcp_env *env, const struct tcp_seg *seg)
{
    uint32_t irs = seg->seq - 1, iss = seg->ack - 1, now = step_at(env), age;
    uint32_t plain = iss ^ keyed_sum(key, names, names_len, irs, 0, WHAT_PAD);
    uint8_t mss_index = (uint8_t)(plain >> 24 & 7);

    age = (now - (plain >> 27)) & 31;
    if (age > 2 || age > now || cookie(key, names, names_len, irs, now - age, mss_index) != iss)
        return false;

    memset(h, 0, sizeof(*h));
    h->iss = iss;
    h->irs = irs;
    h->mss = mss_table[mss_index];
    h->cookie = true;
    h->wnd = seg->wnd;
    /* The options came back in the echo of our timestamp; a peer that changes them there fools
     * nobody but itself. */
    if (seg->has_ts && env->cfg->timestamps) {
        h->timestamps = true;
        h->ts_recent = seg->ts_val;
        h->wscale = seg->ts_ecr & STAMP_NO_WSCALE;
        h->has_wscale = h->wscale != STAMP_NO_WSCALE && env->cfg->window_scaling;
        h->sack = seg->ts_ecr & STAMP_SACK && env->cfg->sack;
        h->ecn = seg->ts_ecr & STAMP_ECN && env->cfg->ecn != ESTAB_ECN_OFF;
    }
    return true;
}
