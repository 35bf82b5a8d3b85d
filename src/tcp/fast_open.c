/* SPDX-License-Identifier: MIT */
/* TCP Fast Open, RFC 7413; see fast_open.h. Called from emit.c, ack.c, arrives_other.c and from
 * stack/fast_open.c. */
#include "tcp/fast_open.h"

#include "base/bytes.h"
#include "tcp/cc.h"

#include <string.h>

/* ---- cookies ---- */

static uint64_t
period_at(const struct tcp_env *env)
{
    return (uint64_t)(env->now / env->cfg->fast_open_key_life);
}

/* RFC 7413 §4.1.2 (RFC7413-4.1.2): a keyed function of the client's address, cheap, which nobody
 * else can make; the time that goes into it is what changes the key. */
static void
make_cookie(const struct siphash_key *key, uint64_t period, const uint8_t *addr, unsigned addr_len,
            uint8_t *cookie)
{
    uint8_t in[8 + 16];
    uint64_t sum;

    put_be32(in, (uint32_t)(period >> 32));
    put_be32(in + 4, (uint32_t)period);
    memcpy(in + 8, addr, addr_len);
    sum = estab_siphash24(key, in, 8 + addr_len);
    put_be32(cookie, (uint32_t)(sum >> 32));
    put_be32(cookie + 4, (uint32_t)sum);
}

void
estab_fast_open_cookie(const struct siphash_key *key, const struct tcp_env *env,
                       const uint8_t *addr, unsigned addr_len, struct fast_open_offer *out)
{
    out->mss = 0;
    out->len = FAST_OPEN_COOKIE_LEN;
    make_cookie(key, period_at(env), addr, addr_len, out->cookie);
}

static bool
is_cookie_of(const struct siphash_key *key, uint64_t period, const uint8_t *addr, unsigned addr_len,
             const uint8_t *cookie)
{
    uint8_t ours[FAST_OPEN_COOKIE_LEN], differs = 0;
    unsigned i;

    make_cookie(key, period, addr, addr_len, ours);
    for (i = 0; i < FAST_OPEN_COOKIE_LEN; i++) /* takes as long whatever is wrong */
        differs |= ours[i] ^ cookie[i];
    return differs == 0;
}

enum fast_open_cookie
estab_fast_open_check(const struct siphash_key *key, const struct tcp_env *env, const uint8_t *addr,
                      unsigned addr_len, const struct tcp_seg *syn)
{
    uint64_t period = period_at(env);

    if (!syn->has_fast_open || syn->fast_open_len != FAST_OPEN_COOKIE_LEN)
        return FAST_OPEN_BAD;
    if (is_cookie_of(key, period, addr, addr_len, syn->fast_open))
        return FAST_OPEN_GOOD;
    if (period > 0 && is_cookie_of(key, period - 1, addr, addr_len, syn->fast_open))
        return FAST_OPEN_OLD;
    return FAST_OPEN_BAD;
}

/* ---- server ---- */

void
estab_fast_open_accept(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *syn,
                       bool new_cookie)
{
    enum seg_verdict v = SEG_ACCEPTED;
    struct tcp_seg text = *syn;

    tcb->fast_open = true;
    tcb->fast_open_owed = new_cookie;
    tcb->syn_owed = true;
    tcb->snd_nxt = tcb->iss;
    tcb->snd_wnd = syn->wnd; /* never scaled on a SYN */
    tcb->max_snd_wnd = syn->wnd;
    tcb->snd_wl1 = syn->seq;
    tcb->snd_wl2 = tcb->iss;
    /* RFC 7413 §4.2.2 (RFC7413-4.2.2-DATA): what the user answers may go out before the handshake
     * ends, up to the initial window: a forged address draws no more than that. */
    tcb->cwnd = estab_cc_initial_window(tcb, env);
    tcb->ssthresh = CC_SSTHRESH_INITIAL;
    tcb->events |= ESTAB_WRITABLE;
    /* The text stands behind the SYN. Without memory for it the SYN,ACK acknowledges the SYN alone,
     * and the peer sends the rest again. */
    text.seq++;
    text.ctl &= (uint8_t) ~(CTL_SYN | CTL_FIN);
    estab_tcp_process_text(tcb, env, &text, &v);
}

enum seg_verdict
estab_fast_open_syn_again(struct tcb *tcb, const struct tcp_env *env)
{
    /* As for a half-open record: the SYN,ACK once more, and nothing else changes; seldom, for the
     * address may be forged (RFC4987-NOAMP). */
    if (env->now - tcb->challenged_at < env->cfg->challenge_gap)
        return SEG_DROP_RATE_LIMIT;
    tcb->challenged_at = env->now;
    tcb->syn_owed = true;
    tcb->rtt_timing = false; /* Karn */
    return SEG_ACCEPTED_SYN_DUPLICATE;
}

/* ---- client ---- */

/* Text of the send ring in a SYN: RFC 7413 §4.1.3 (RFC7413-4.1.3): up to the MSS that the peer told
 * last time, options included, or the default; no more than what is usual, as the RFC allows,
 * because larger SYNs get lost. */
static uint32_t
text_of_syn(const struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *syn,
            uint16_t mss)
{
    bool v4 = tcb->ip_header_len == 20;
    uint32_t limit = mss != 0 ? mss : v4 ? 536 : 1220;
    uint32_t usual = v4 ? 1460 : 1440;
    uint32_t options = estab_tcp_header_len(syn, env->cfg->syn_layout) - TCP_HEADER_MIN;

    if (limit > usual)
        limit = usual;
    if (limit + TCP_HEADER_MIN > tcb->mms_s)
        limit = tcb->mms_s - TCP_HEADER_MIN;
    limit = limit > options ? limit - options : 0;
    return tcb->snd.used < limit ? tcb->snd.used : limit;
}

static void
emit_client(struct tcb *tcb, const struct tcp_env *env, struct tcp_out *out)
{
    const struct fast_open_offer *offer = env->fast_open;
    struct tcp_seg *seg = &out->seg;
    uint32_t n;

    if (offer->len == 0) {
        /* RFC 7413 §4.2.1: ask for a cookie; no text without one. */
        seg->has_fast_open = true;
        tcb->fast_open_tried = true;
        return;
    }
    /* The urgent pointer has no place in a SYN, and must not come after its octet. */
    if (tcb->snd.used == 0 || tcb->snd_up_valid)
        return;
    seg->has_fast_open = true;
    seg->fast_open_len = offer->len;
    seg->fast_open = offer->cookie;
    n = text_of_syn(tcb, env, seg, offer->mss);
    seg->len = n;
    estab_ring_spans(&tcb->snd, 0, n, out->text);
    tcb->bytes_sent += n;
    tcb->fast_open_tried = true;
    tcb->fast_open_sent = true;
    out->reason = WHY_SYN_FAST_OPEN;
}

void
estab_fast_open_emit(struct tcb *tcb, const struct tcp_env *env, struct tcp_out *out)
{
    const struct fast_open_offer *offer = env->fast_open;

    /* RFC 7413 §4.2.1, §4.2.2: once only; a SYN or SYN,ACK sent again has neither option nor text
     * (RFC7413-4.2-RETX). */
    tcb->fast_open_owed = false;
    if (offer == NULL)
        return;
    if (!tcb->passive) {
        if (tcb->state == TCPS_SYN_SENT)
            emit_client(tcb, env, out);
        return;
    }
    out->seg.has_fast_open = true;
    out->seg.fast_open_len = offer->len;
    out->seg.fast_open = offer->cookie;
}

void
estab_fast_open_acked(struct tcb *tcb, tcp_seq ack)
{
    if (!tcb->fast_open_sent)
        return;
    tcb->fast_open_sent = false;
    tcb->fast_open = seq_gt(ack, tcb->iss + 1);
    /* RFC 7413 §4.2.2, RFC 9293 §3.10.7.3 (RFC9293-3.10.7.3-PARTACK): the ACK may cover the SYN
     * alone, or part of the text. The rest was not taken, and is as text never sent: it goes with
     * the ACK that ends the handshake. */
    tcb->bytes_sent -= tcb->snd_nxt - ack;
    tcb->snd_nxt = ack;
}
