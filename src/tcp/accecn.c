/* SPDX-License-Identifier: MIT */
/*
 * Accurate ECN feedback (RFC 9768): how many packets were marked, not only that some were. Agreed
 * in the handshake with the flags AE, CWR and ECE; afterwards these three bits are the ACE field,
 * the low bits of a counter of CE marks that arrived. What a sender makes of the marks is RFC
 * 3168's: once a window, like a loss. The options of §3.2.3 are accecn_option.c's. Called from
 * ecn.c and half_open.c.
 */
#include "tcp/accecn.h"

#include "tcp/accecn_option.h"

#define CEP_INITIAL 5 /* §3.2.1 (RFC9768-3.2.1-INIT) */

/* Table 2 and Table 3: how an IP-ECN field is told in a handshake. */
static const uint8_t field_of[4] = {
    [IP_ECN_NOT_ECT] = ACE_NOT_ECT,
    [IP_ECN_ECT1] = ACE_ECT1,
    [IP_ECN_ECT0] = ACE_ECT0,
    [IP_ECN_CE] = ACE_CE,
};

uint8_t
estab_accecn_field(const struct tcp_seg *seg)
{
    return (uint8_t)((seg->ae ? 4 : 0) | (seg->ctl & CTL_CWR ? 2 : 0) |
                     (seg->ctl & CTL_ECE ? 1 : 0));
}

static void
set_field(struct tcp_seg *seg, uint8_t ace)
{
    seg->ae = ace & 4;
    seg->ctl &= (uint8_t) ~(CTL_CWR | CTL_ECE);
    seg->ctl |= (uint8_t)((ace & 2 ? CTL_CWR : 0) | (ace & 1 ? CTL_ECE : 0));
}

void
estab_accecn_syn(struct tcp_seg *syn)
{
    set_field(syn, ACE_SYN); /* (RFC9768-3.1.1-SYN) */
}

void
estab_accecn_syn_ack(struct tcp_seg *syn_ack, uint8_t syn_ecn, bool first)
{
    set_field(syn_ack, field_of[syn_ecn]); /* (RFC9768-3.1.1-SYNACK) */
    /* §3.2.3.2: the empty option, to see whether it gets through; a SYN,ACK that is repeated, or answers
     * a SYN of fewer octets than an MSS makes, goes without. */
    syn_ack->has_accecn = first;
}

enum ecn_mode
estab_accecn_mode_of_syn(const struct tcp_env *env, const struct tcp_seg *syn)
{
    uint8_t field = estab_accecn_field(syn);

    /* Table 2: 000 asks for nothing and 011 for RFC 3168; 111 and whatever else, which may yet get a
     * meaning, for AccECN (RFC9768-3.1.2-FALL, RFC9768-3.1.3-FWD). */
    if (env->cfg->ecn == ESTAB_ECN_OFF || field == 0)
        return ECN_MODE_NONE;
    if (field == (ACE_CWR | ACE_ECE))
        return ECN_MODE_CLASSIC;
    if (env->cfg->accecn)
        return ECN_MODE_ACCURATE;
    return field == ACE_SYN ? ECN_MODE_CLASSIC : ECN_MODE_NONE;
}

enum ecn_mode
estab_accecn_mode_of_syn_ack(const struct tcp_seg *syn_ack)
{
    switch (estab_accecn_field(syn_ack)) {
    case 0:
    case ACE_SYN: /* our own flags, sent back by one who knows none of them */
        return ECN_MODE_NONE;
    case ACE_ECE:
        return ECN_MODE_CLASSIC;
    default:
        return ECN_MODE_ACCURATE;
    }
}

void
estab_accecn_begin(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    bool client = (seg->ctl & CTL_ACK) != 0;

    tcb->accecn = true;
    tcb->accecn_first = true;
    estab_accecn_option_begin(tcb, env);
    tcb->r_cep = CEP_INITIAL;
    tcb->s_cep = CEP_INITIAL;
    /* §3.1.5 (RFC9768-3.1.5-LATEST): of the latest SYN, or SYN,ACK, that arrived. */
    tcb->accecn_syn_ecn = seg->ip_ecn & 3u;
    if (!client)
        return;
    if (seg->ip_ecn == IP_ECN_CE)
        tcb->r_cep++;
    tcb->accecn_third_owed = true;
    /* Our SYN left as Not-ECT. If it did not arrive so, something on the path plays with the field
     * (§3.2.2.3, RFC9768-4-ZERO): no more ECT from us. 101 says nothing yet. */
    if (estab_accecn_field(seg) != ACE_NOT_ECT && estab_accecn_field(seg) != (ACE_AE | ACE_ECE))
        tcb->accecn_no_ect = true;
}

void
estab_accecn_arrives(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    estab_accecn_option_arrives(tcb, env, seg);
    if (seg->ip_ecn == IP_ECN_CE)
        tcb->r_cep++;
}

void
estab_accecn_owe(struct tcb *tcb, bool text)
{
    /* §3.2.2.5.1 (RFC9768-3.2.2.5.1): an ACK for each second mark; for each third where there is
     * nothing to acknowledge, so that ACKs do not call forth ACKs. */
    if ((uint8_t)(tcb->r_cep - tcb->r_cep_told) >= (text ? 2 : 3) && tcb->acks_owed == 0)
        owe_one_ack(tcb, WHY_ACK_NOW);
}

void
estab_accecn_mark(struct tcb *tcb, const struct tcp_env *env, struct tcp_seg *seg)
{
    if (seg->len == 0 && !(seg->ctl & CTL_FIN))
        estab_accecn_option_fill(tcb, env, seg, tcb->accecn_third_owed);
    /* §3.2.2.1 (RFC9768-3.2.2.1-3RD): the pure ACK of the SYN,ACK tells how that arrived. */
    if (tcb->accecn_third_owed && seg->len == 0 && seg->sack_blocks == 0 && !(seg->ctl & CTL_FIN) &&
        seg->ack == tcb->irs + 1)
        set_field(seg, field_of[tcb->accecn_syn_ecn]);
    else
        set_field(seg, tcb->r_cep & 7); /* (RFC9768-3.2-FRESH) also on what is sent again */
    tcb->accecn_third_owed = false;
    tcb->r_cep_told = tcb->r_cep;
}

uint32_t
estab_accecn_news(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
                  uint32_t packets)
{
    uint8_t ace = estab_accecn_field(seg);
    uint32_t delta;

    if (tcb->accecn_first) {
        tcb->accecn_first = false;
        /* The third segment of the handshake, if it is a pure ACK: by Table 3, not a counter. */
        if (tcb->passive && seg->len == 0 && seg->sack_blocks == 0 && !(seg->ctl & CTL_FIN)) {
            if (ace == ACE_CE)
                tcb->s_cep = CEP_INITIAL + 1;
            tcb->accecn_no_ect |= ace == 0;
            (void)estab_accecn_option_news(tcb, env, seg, 0, 0);
            return 0;
        }
        /* §3.2.2.4 (RFC9768-4-ZERO): a counter that begins at zero was wiped on its way. */
        if (ace == 0) {
            tcb->accecn_no_ect = true;
            tcb->s_cep = 0;
            return 0;
        }
    }
    delta = (ace - tcb->s_cep) & 7u;
    tcb->s_cep = ace;
    return estab_accecn_option_news(tcb, env, seg, delta, packets);
}
