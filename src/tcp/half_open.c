/* SPDX-License-Identifier: MIT */
/*
 * CLOSED and LISTEN (RFC 9293 §3.10.7.1, §3.10.7.2) and SYN-RECEIVED of a passive OPEN
 * (§3.10.7.4) while it is only a half-open record. Called from stack/listen.c.
 */
#include "tcp/half_open.h"

#include "tcp/accecn.h"

bool
estab_closed_arrives(const struct tcp_env *env, const struct tcp_seg *seg, struct tcp_out *reply)
{
    /* RFC 9293 §3.10.7.1, §3.5.2 (RFC9293-3.5.2-RSTGEN): a RST is never answered; with the ACK
     * bit <SEQ=SEG.ACK><CTL=RST>, without it <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. */
    if ((seg->ctl & CTL_RST && RULE(env, rst_unanswered)) || !RULE(env, closed_rst))
        return false;
    *reply = (struct tcp_out){ .reason = WHY_RST_NO_CONNECTION };
    if (seg->ctl & CTL_ACK) {
        reply->seg.seq = seg->ack;
        reply->seg.ctl = CTL_RST;
    } else {
        reply->seg.ack = seg->seq + seg_len(seg);
        reply->seg.ctl = CTL_RST | CTL_ACK;
    }
    /* RFC 7323 §5.2: a RST may echo the timestamp, with TSval 0; not needed to be believed. */
    return true;
}

enum seg_verdict
estab_listen_arrives(const struct tcp_env *env, const struct tcp_seg *seg, struct tcp_out *reply)
{
    reply->seg.ctl = 0;
    /* First, RST: ignore. Second, ACK: <SEQ=SEG.ACK><CTL=RST>. Third, SYN: a record. Fourth,
     * anything else: drop (RFC9293-3.10.7.2-LISTEN). */
    if (seg->ctl & CTL_RST && RULE(env, listen_rst))
        return SEG_DROP_RST_LISTEN;
    if (seg->ctl & CTL_ACK && RULE(env, listen_ack)) {
        estab_tcp_reset_for_ack(seg, reply);
        return SEG_DROP_ACK_LISTEN;
    }
    if (!(seg->ctl & CTL_SYN))
        return SEG_DROP_LISTEN_OTHER;
    if (seg->ctl & CTL_FIN && RULE(env, listen_syn_fin))
        return SEG_DROP_SYN_FIN;
    return SEG_CONTINUE;
}

void
estab_half_open_init(struct half_open *h, const struct tcp_env *env, const struct tcp_seg *syn,
                     tcp_seq iss)
{
    h->iss = iss;
    h->irs = syn->seq;
    h->mss = !syn->has_mss ? 0 : syn->mss > 0 ? syn->mss : 1; /* 0 stands for "none" */
    h->wnd = syn->wnd;
    h->has_wscale = syn->has_wscale && env->cfg->window_scaling;
    h->wscale = (syn->wscale < 14 ? syn->wscale : 14) & 15u;
    h->sack = syn->sack_permitted && env->cfg->sack;
    h->timestamps = syn->has_ts && env->cfg->timestamps;
    h->ecn = estab_accecn_mode_of_syn(env, syn) != ECN_MODE_NONE;
    h->accecn = estab_accecn_mode_of_syn(env, syn) == ECN_MODE_ACCURATE;
    h->syn_ecn = syn->ip_ecn & 3u;
    h->ts_recent = syn->ts_val;
}

enum seg_verdict
estab_half_open_arrives(struct half_open *h, const struct tcp_env *env, const struct tcp_seg *seg,
                        uint32_t wnd, enum half_open_action *action, struct tcp_out *reply)
{
    tcp_seq rcv_nxt = h->irs + 1;
    uint32_t len = seg_len(seg);

    reply->seg.ctl = 0;
    *action = HALF_OPEN_KEEP;

    /* The same SYN again: our SYN,ACK was lost, or late. It is repeated, and nothing else
     * changes. */
    if ((seg->ctl & (CTL_SYN | CTL_ACK | CTL_RST | CTL_FIN)) == CTL_SYN && seg->seq == h->irs) {
        *action = HALF_OPEN_REPEAT;
        /* RFC 9768 §3.1.5: the latest SYN counts; one that has given up ECN may have had a reason
         * (RFC9768-3.1.5-LATEST, RFC9768-3.1.5-NOECT). */
        h->syn_ecn = seg->ip_ecn & 3u;
        h->no_ect |= h->accecn && estab_accecn_field(seg) == 0;
        return SEG_ACCEPTED_SYN_DUPLICATE;
    }

    /* First, timestamps and sequence number. */
    if (h->timestamps && !(seg->ctl & CTL_RST)) {
        if (!seg->has_ts)
            return SEG_DROP_NO_TIMESTAMP;
        if (seq_lt(seg->ts_val, h->ts_recent)) {
            *action = HALF_OPEN_ACK;
            return SEG_DROP_PAWS;
        }
    }
    /* a RST is judged by SEG.SEQ alone (RFC5961-3.2-OUT) */
    if (seg->ctl & CTL_RST && !seq_in_window(seg->seq, rcv_nxt, wnd) &&
        RULE(env, half_open_sequence))
        return SEG_DROP_RST_OUT_OF_WINDOW;
    if (RULE(env, half_open_sequence) &&
        !(seq_in_window(seg->seq, rcv_nxt, wnd) ||
          (len > 0 && seq_in_window(seg->seq + len - 1, rcv_nxt, wnd)))) {
        *action = HALF_OPEN_ACK;
        return SEG_DROP_OUT_OF_WINDOW;
    }
    /* Second, RST: at RCV.NXT back to LISTEN without a word (MUST-11, N8); elsewhere a challenge
     * (RFC 5961 §3.2). */
    if (seg->ctl & CTL_RST && RULE(env, half_open_rst)) {
        if (seg->seq != rcv_nxt) {
            *action = HALF_OPEN_ACK;
            return SEG_DROP_RST_CHALLENGED;
        }
        *action = HALF_OPEN_DELETE;
        return SEG_ACCEPTED_RST;
    }
    /* Fourth, another SYN in the window: the OPEN was passive, so back to LISTEN
     * (RFC9293-3.10.7.4-SYNRCVD-SYN). */
    if (seg->ctl & CTL_SYN) {
        *action = HALF_OPEN_DELETE;
        return SEG_DROP_SYN_CHALLENGED;
    }
    /* Fifth, ACK: SND.UNA < SEG.ACK =< SND.NXT, that is exactly ISS + 1 (N6); any other is reset
     * (RFC9293-3.10.7.4-SYNRCVD-ACK). */
    if (!(seg->ctl & CTL_ACK))
        return SEG_DROP_NO_ACK;
    if (seg->ack != h->iss + 1) {
        estab_tcp_reset_for_ack(seg, reply);
        return SEG_DROP_ACK_SYN_RECEIVED;
    }
    *action = HALF_OPEN_PROMOTE;
    return SEG_ACCEPTED;
}

static void
fill_ts(const struct half_open *h, const struct tcp_env *env, uint32_t ts_offset,
        struct tcp_seg *seg)
{
    if (!h->timestamps)
        return;
    seg->has_ts = true;
    seg->ts_val = (uint32_t)(uint64_t)(env->now / env->cfg->timestamp_tick) + ts_offset;
    seg->ts_ecr = h->ts_recent;
}

void
estab_half_open_syn_ack(const struct half_open *h, const struct tcp_env *env, uint32_t mss,
                        const struct estab_tcp_options *opt, uint32_t ts_offset, bool again,
                        struct tcp_out *out)
{
    /* N4: <SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>, RCV.NXT = IRS + 1; no text. Each option only in
     * answer to the same one, MSS always (MAY-3). */
    *out = (struct tcp_out){
        .seg = { .seq = h->iss,
                 .ack = h->irs + 1,
                 .ctl = CTL_SYN | CTL_ACK | (h->ecn && !h->accecn ? CTL_ECE : 0),
                 .wnd = (uint16_t)estab_tcp_syn_window(env, opt),
                 .has_mss = true,
                 .mss = estab_tcp_announced_mss(opt, mss),
                 .sack_permitted = h->sack || !RULE(env, option_in_answer),
                 .has_wscale = h->has_wscale,
                 .wscale = estab_tcp_window_shift(opt->receive_buffer_max) },
        .reason = again ? WHY_SYN_ACK_AGAIN : WHY_SYN_ACK,
    };
    /* A SYN,ACK that stays unanswered may have met somebody who drops such flags; and one without
     * answers a SYN without. */
    if (h->accecn && !h->no_ect && h->retransmissions <= 1)
        estab_accecn_syn_ack(&out->seg, h->syn_ecn, !again && h->mss != 0);
    fill_ts(h, env, ts_offset, &out->seg);
}

void
estab_half_open_ack(const struct half_open *h, const struct tcp_env *env,
                    const struct estab_tcp_options *opt, uint32_t ts_offset, struct tcp_out *out)
{
    unsigned shift = h->has_wscale ? estab_tcp_window_shift(opt->receive_buffer_max) : 0;

    *out = (struct tcp_out){
        .seg = { .seq = h->iss + 1,
                 .ack = h->irs + 1,
                 .ctl = CTL_ACK,
                 .wnd = (uint16_t)(estab_tcp_syn_window(env, opt) >> shift) },
        .reason = WHY_ACK_UNACCEPTABLE,
    };
    fill_ts(h, env, ts_offset, &out->seg);
}

estab_time
estab_half_open_rto(const struct half_open *h, const struct tcp_env *env)
{
    estab_time rto = env->cfg->rto_initial;
    unsigned i;

    for (i = 0; i < h->retransmissions && rto < env->cfg->rto_max; i++)
        rto *= 2;
    return rto < env->cfg->rto_max ? rto : env->cfg->rto_max;
}

void
estab_half_open_promote(const struct half_open *h, struct tcb *tcb, struct tcp_env *env)
{
    struct tcp_seg syn = {
        .ctl = CTL_SYN | (h->ecn ? CTL_ECE | CTL_CWR : 0),
        .ae = h->accecn,
        .ip_ecn = h->syn_ecn,
        .seq = h->irs,
        .wnd = h->wnd,
        .has_mss = h->mss != 0,
        .mss = h->mss,
        .has_wscale = h->has_wscale,
        .wscale = h->wscale,
        .sack_permitted = h->sack,
        .has_ts = h->timestamps,
        .ts_val = h->ts_recent,
    };

    tcb->passive = true;
    tcb->iss = h->iss;
    tcb->snd_una = h->iss;
    tcb->snd_nxt = h->iss + 1;
    tcb->recover = h->iss;
    tcb->irs = h->irs;
    tcb->rcv_nxt = h->irs + 1;
    tcb->rcv_up = h->irs;
    tcb->last_ack_sent = tcb->rcv_nxt;
    tcb->rcv_wnd = estab_tcp_syn_window(env, tcb->opt);
    tcb->quickacks = QUICK_ACKS;
    tcb->syn_retransmissions = h->retransmissions;
    estab_tcp_take_syn_options(tcb, env, &syn);
    tcb->accecn_no_ect = h->no_ect || h->retransmissions > 1;
    /* Its SYN has been sent: the RTT of the handshake, unless it was repeated (Karn). */
    if (!h->repeated && !h->cookie) {
        estab_time sent = h->timer.at - estab_half_open_rto(h, env);

        tcb->rtt_timing = true;
        tcb->rtt_seq = h->iss;
        tcb->rtt_at = sent;
    }
    enter_state(tcb, env, TCPS_SYN_RECEIVED, CAUSE_SYN_ARRIVED);
}
