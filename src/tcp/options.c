/* SPDX-License-Identifier: MIT */
/*
 * What the SYNs agree on: MSS (RFC 9293 §3.7.1), window scale and timestamps (RFC 7323 §2, §3),
 * SACK (RFC 2018 §2). Called when a SYN of the peer is believed.
 */
#include "tcp/internal.h"

/* RFC 9293 §3.7.1 (MUST-15): without an MSS option, 576 - 40 or 1280 - 60. */
static uint16_t
default_send_mss(const struct tcb *tcb)
{
    return tcb->ip_header_len == 20 ? 536 : 1220;
}

/* A peer that announces less could make us send a packet for a few octets each (CVE-2019-11479). */
#define SEND_MSS_MIN 48

void
estab_tcp_update_smss(struct tcb *tcb)
{
    /* (MUST-16) Eff.snd.MSS = min(SendMSS + 20, MMS_S) - TCPhdrsize - IPoptionsize; timestamps
     * take 12 octets of every segment's header. */
    uint32_t header = TCP_HEADER_MIN + (tcb->timestamps ? 12u : 0u);
    uint32_t message = (uint32_t)tcb->send_mss + TCP_HEADER_MIN;

    if (message > tcb->mms_s)
        message = tcb->mms_s;
    if (tcb->opt->max_segment != 0 && message > (uint32_t)tcb->opt->max_segment + TCP_HEADER_MIN)
        message = (uint32_t)tcb->opt->max_segment + TCP_HEADER_MIN;
    tcb->smss = message > header + 1 ? (uint16_t)(message - header) : 1;
}

uint16_t
estab_tcp_announced_mss(const struct estab_tcp_options *opt, uint32_t mss)
{
    if (opt->max_segment != 0 && mss > opt->max_segment)
        mss = opt->max_segment;
    return mss < UINT16_MAX ? (uint16_t)mss : UINT16_MAX;
}

void
estab_tcp_take_syn_options(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *syn)
{
    tcb->send_mss = default_send_mss(tcb);
    if (syn->has_mss)
        tcb->send_mss = syn->mss > SEND_MSS_MIN ? syn->mss : SEND_MSS_MIN;

    if (!RULE(env, peer_mss))
        tcb->send_mss = UINT16_MAX - 40;

    /* RFC 7323 §2.2: both SYNs carry the option or there is no scaling in either direction; more
     * than 14 means 14 (RFC7323-2.3-MAX14). */
    tcb->window_scaling = env->cfg->window_scaling && syn->has_wscale;
    if (tcb->window_scaling) {
        tcb->snd_wind_shift = syn->wscale > 14 ? 14 : syn->wscale;
        tcb->rcv_wind_shift = estab_tcp_window_shift(tcb->opt->receive_buffer_max);
    } else {
        tcb->snd_wind_shift = 0;
        tcb->rcv_wind_shift = 0;
    }
    tcb->sack = env->cfg->sack && syn->sack_permitted;
    estab_ecn_take_syn(tcb, env, syn);
    tcb->timestamps = env->cfg->timestamps && syn->has_ts;
    if (tcb->timestamps) {
        tcb->ts_recent = syn->ts_val;
        tcb->ts_recent_valid = true;
        tcb->ts_recent_at = env->now;
    }
    estab_tcp_update_smss(tcb);
}
