/* SPDX-License-Identifier: MIT */
/* See accecn_option.h. Called from accecn.c and ecn.c. Written from what is known of RFC 9768. */
#include "tcp/accecn_option.h"

#define MASK 0xffffffu   /* the counters have 24 bits */
#define EVERY 8          /* pure ACKs from option to option while one counter moves */
#define COUNTED_FIRST 1u /* r.e0b and r.e1b begin with 1, so that a wiped field is seen */

static struct accecn_counters *
counters(const struct tcb *tcb, const struct tcp_env *env)
{
    return tcb->accecn_counters == 0 ? NULL : estab_pool_at(env->accecns, tcb->accecn_counters);
}

void
estab_accecn_option_begin(struct tcb *tcb, const struct tcp_env *env)
{
    struct accecn_counters *c = counters(tcb, env);

    if (c == NULL) {
        uint32_t index;

        c = estab_pool_get(env->accecns, &index);
        if (c == NULL)
            return;
        tcb->accecn_counters = index;
        estab_tcp_trace_memory(tcb, env, ESTAB_MEM_ACCECN, (int64_t)env->accecns->record_size);
    }
    /* §3.2.1 (RFC9768-3.2.3-OPT) */
    *c = (struct accecn_counters){ .index = tcb->accecn_counters, .last = IP_ECN_NOT_ECT };
    c->arrived[IP_ECN_ECT0] = c->arrived[IP_ECN_ECT1] = COUNTED_FIRST;
}

void
estab_accecn_option_forget(struct tcb *tcb, const struct tcp_env *env)
{
    if (tcb->accecn_counters == 0)
        return;
    estab_pool_put(env->accecns, tcb->accecn_counters);
    tcb->accecn_counters = 0;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_ACCECN, -(int64_t)env->accecns->record_size);
}

void
estab_accecn_option_arrives(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg)
{
    struct accecn_counters *c = counters(tcb, env);
    uint8_t ecn = seg->ip_ecn & 3u;

    if (c == NULL || seg->len == 0 || ecn == IP_ECN_NOT_ECT)
        return;
    c->arrived[ecn] += seg->len;
    c->news = true;
    /* §3.2.3.3: another counter than the last time: with the next ACK, and the one after; and always
     * while marks arrive. */
    if (ecn != c->last)
        c->owed = 2;
    else if (ecn == IP_ECN_CE && c->owed == 0)
        c->owed = 1;
    c->last = ecn;
}

/* In which order the fields stand: those of AccECN0, or of AccECN1. */
static const uint8_t *
order_of(uint8_t order)
{
    static const uint8_t fields[2][3] = { { IP_ECN_ECT0, IP_ECN_CE, IP_ECN_ECT1 },
                                          { IP_ECN_ECT1, IP_ECN_CE, IP_ECN_ECT0 } };

    return fields[order];
}

/* Octets that the other options leave. */
static uint32_t
room_beside(const struct tcp_seg *seg)
{
    uint32_t used = (seg->has_ts ? 12u : 0u) + (seg->has_user_timeout ? 4u : 0u) +
                    (seg->sack_blocks > 0 ? 4u + 8u * seg->sack_blocks : 0u);

    return TCP_OPTIONS_MAX - used;
}

void
estab_accecn_option_fill(struct tcb *tcb, const struct tcp_env *env, struct tcp_seg *seg,
                         bool third)
{
    struct accecn_counters *c = counters(tcb, env);
    const uint8_t *order;
    uint8_t need, room;

    if (c == NULL)
        return;
    if (c->acks < UINT8_MAX)
        c->acks++;
    if (!third && c->owed == 0 && !(c->news && c->acks >= EVERY))
        return;
    /* first what has moved; from the end as many as have never done so can be left out */
    seg->accecn_order =
        c->arrived[IP_ECN_ECT0] == COUNTED_FIRST && c->arrived[IP_ECN_ECT1] != COUNTED_FIRST;
    order = order_of(seg->accecn_order);
    need = third || c->arrived[order[2]] != COUNTED_FIRST ? 3 : c->arrived[IP_ECN_CE] != 0 ? 2 : 1;
    /* SACK goes first: fields that have no room are left for the next ACK */
    room = (uint8_t)((room_beside(seg) < 2 ? 0 : room_beside(seg) - 2) / 3);
    seg->accecn_fields = need < room ? need : room;
    if (seg->accecn_fields == 0)
        return;
    seg->has_accecn = true;
    for (uint8_t i = 0; i < seg->accecn_fields; i++)
        seg->accecn[i] = c->arrived[order[i]] & MASK;
    if (c->owed > 0)
        c->owed--;
    c->acks = 0;
    c->news = false;
}

/* Reads the counters; how many octets were newly marked, or -1: it does not say. */
static int64_t
read_counters(struct accecn_counters *c, const struct tcp_seg *seg)
{
    const uint8_t *order = order_of(seg->accecn_order);
    int64_t marked = -1;

    for (uint8_t i = 0; i < seg->accecn_fields; i++) {
        uint32_t moved = (seg->accecn[i] - c->told[order[i]]) & MASK;

        /* An ECT counter that is zero at first has been wiped on its way. */
        if (!c->heard && order[i] != IP_ECN_CE && seg->accecn[i] == 0)
            c->ignored = true;
        if (moved > MASK / 2)
            continue; /* of an older ACK */
        c->told[order[i]] = seg->accecn[i];
        if (order[i] == IP_ECN_CE)
            marked = moved;
    }
    c->heard |= seg->accecn_fields > 0;
    /* left out: it has never moved (§3.2.3) */
    if (seg->accecn_fields == 1 && c->told[IP_ECN_CE] == 0)
        marked = 0;
    return c->ignored ? -1 : marked;
}

uint32_t
estab_accecn_option_news(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
                         uint32_t told, uint32_t packets)
{
    struct accecn_counters *c = counters(tcb, env);
    int64_t octets = c == NULL || !seg->has_accecn || c->ignored ? -1 : read_counters(c, seg);
    uint32_t marks = told, least;

    if (octets < 0) {
        /* §3.2.2.5.2 (RFC9768-3.2.2.5.2): an ACK of more packets than the field can count may have
         * gone round it: as many marks as there can have been. */
        if (packets > 7)
            marks = packets - ((packets - told) & 7u);
        if (c != NULL)
            c->marks += marks;
        return marks;
    }
    /* As few as the marked octets make, beyond those that the field has told of already; so also where
     * somebody holds the field still. */
    least = ((uint32_t)octets + tcb->smss - 1) / tcb->smss;
    least = least > c->marks ? least - c->marks : 0;
    if (marks < least)
        marks += (least - marks + 7) / 8 * 8;
    c->marks = 0;
    return marks;
}
