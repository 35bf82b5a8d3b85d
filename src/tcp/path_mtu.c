/* SPDX-License-Identifier: MIT */
/* See path_mtu.h. Called from timeouts.c, icmp_errors.c, emit.c, ack.c, rack.c and stack/. */
#include "tcp/path_mtu.h"

#include "tcp/rack.h"

#define BLACK_HOLE_TIMEOUTS 2 /* RFC 8899 §4.4: this many, and the next, of a large segment */
#define RAISE_AFTER 600       /* seconds, PMTU_RAISE_TIMER of RFC 8899 §5.1.1; RFC 1191 §6.3 */
#define GRAIN 16u             /* the search ends when this little is left */

static uint32_t
now_s(const struct tcp_env *env)
{
    return (uint32_t)(uint64_t)(env->now / ESTAB_SEC(1));
}

/* BASE_PLPMTU (RFC 8899 §5.1.2) less the IP header; below it, what every path takes. */
static uint32_t
base_mms(const struct tcb *tcb)
{
    return (tcb->ip_header_len == 20 ? 1200u : 1280u) - tcb->ip_header_len;
}

static uint32_t
least_mms(const struct tcb *tcb)
{
    return (tcb->ip_header_len == 20 ? 576u : 1280u) - tcb->ip_header_len;
}

static uint32_t
header_len(const struct tcb *tcb)
{
    return TCP_HEADER_MIN + (tcb->timestamps ? 12u : 0u);
}

/* cwnd keeps its segments' number when they shrink, or more of them would leave at once than were
 * allowed (RFC5681-3.1-PMTU). */
static void
set_mms(struct tcb *tcb, uint32_t mms)
{
    uint32_t smss = tcb->smss;

    tcb->mms_s = (uint16_t)mms;
    if (tcb->mms_acked > mms)
        tcb->mms_acked = (uint16_t)mms;
    tcb->pending_mms = 0;
    estab_tcp_update_smss(tcb);
    if (tcb->smss < smss)
        tcb->cwnd = (uint32_t)((uint64_t)tcb->cwnd * tcb->smss / smss);
    if (tcb->cwnd < tcb->smss)
        tcb->cwnd = tcb->smss;
}

void
estab_path_mtu_lowered(struct tcb *tcb, const struct tcp_env *env, uint32_t mms)
{
    set_mms(tcb, mms);
    tcb->probe_mms = 0;
    tcb->mms_high = tcb->mms_max;
    /* RFC 8201 §4, RFC 1191 §6.3: the path is asked again after ten minutes. */
    tcb->mms_next_at = now_s(env) + RAISE_AFTER;
    tcb->path_news = PATH_NARROWER;
}

void
estab_tcp_path_is_narrow(struct tcb *tcb, uint32_t mtu, estab_time until)
{
    if (mtu - tcb->ip_header_len >= tcb->mms_s)
        return;
    /* the MSS that we announce stays that of the link (RFC1191-MSS) */
    tcb->mms_s = (uint16_t)(mtu - tcb->ip_header_len);
    tcb->mms_next_at = (uint32_t)(uint64_t)(until / ESTAB_SEC(1));
    estab_tcp_update_smss(tcb);
}

/* RFC 4821 §7.2, §7.3: the upper end first, then by halves. */
static uint32_t
next_mms(const struct tcb *tcb)
{
    if (!tcb->mms_failed)
        return tcb->mms_high;
    return ((uint32_t)tcb->mms_s + tcb->mms_high + 1) / 2;
}

/* Little is left to find: the path is asked again, from the upper end, when PMTU_RAISE_TIMER expires. */
static void
end_search_if_done(struct tcb *tcb, const struct tcp_env *env)
{
    if (next_mms(tcb) >= tcb->mms_s + GRAIN)
        return;
    tcb->mms_failed = false;
    tcb->mms_high = tcb->mms_max;
    tcb->mms_next_at = now_s(env) + RAISE_AFTER;
}

void
estab_path_mtu_timeout(struct tcb *tcb, struct tcp_env *env)
{
    uint16_t old = tcb->mms_s;
    uint32_t mms;

    /* RFC 5927 §7.2 (RFC5927-7.2-PMTU), MAXSEGRTO = 1: it was true, what was said to be too big has
     * not arrived. */
    if (UNLIKELY(tcb->pending_mms != 0)) {
        estab_path_mtu_lowered(tcb, env, tcb->pending_mms);
        estab_tcp_explain(tcb, env, ESTAB_RECOVERY_MTU_LOWERED);
        return;
    }
    if (tcb->probe_mms != 0) {
        tcb->mms_high = (uint16_t)(tcb->probe_mms - 1u);
        tcb->probe_mms = 0;
        end_search_if_done(tcb, env);
    }
    if (!env->cfg->path_mtu_probing || !is_synchronized(tcb) ||
        tcb->retransmissions < BLACK_HOLE_TIMEOUTS)
        return;
    mms = old > base_mms(tcb) ? base_mms(tcb) : least_mms(tcb);
    /* what times out must be large enough for its size to matter */
    if (mms >= old || flight_size(tcb) <= mms - header_len(tcb))
        return;
    /* RFC 4821 §7.7, RFC 8899 §4.4: an ICMP message may have been lost or filtered. If it was not
     * the size, the first probe, of the old one, will show it. */
    set_mms(tcb, mms);
    tcb->mms_high = old;
    tcb->mms_next_at = now_s(env);
    tcb->mms_unproven = true;
    estab_tcp_explain(tcb, env, ESTAB_RECOVERY_MTU_LOWERED);
}

uint32_t
estab_path_mtu_probe(const struct tcb *tcb, const struct tcp_env *env)
{
    uint32_t mms, len, behind;

    if (LIKELY(tcb->mms_s >= tcb->mms_max) || !env->cfg->path_mtu_probing || tcb->probe_mms != 0 ||
        tcb->flight == NULL || tcb->recovery != RECOVERY_NONE || tcb->flight->sb.sacked > 0 ||
        (int32_t)(now_s(env) - tcb->mms_next_at) < 0)
        return 0;
    mms = next_mms(tcb);
    /* no larger than the peer takes, or the user wants */
    if (mms > (uint32_t)tcb->send_mss + TCP_HEADER_MIN)
        mms = (uint32_t)tcb->send_mss + TCP_HEADER_MIN;
    if (mms < tcb->mms_s + GRAIN || tcb->opt->max_segment != 0)
        return 0;
    len = mms - header_len(tcb);
    /* RFC 4821 §7.4: there must be text behind it that tells of its loss, and room for it all: with
     * RACK a segment that arrives is enough, and a window that losses keep small has no room for more. */
    behind = (tcb->flight->by_number ? 4u : 1u) * tcb->smss;
    if (snd_unsent(tcb) < len + behind || flight_pipe(tcb) + len + behind > tcb->cwnd ||
        flight_size(tcb) + len + behind > tcb->snd_wnd)
        return 0;
    return len;
}

void
estab_path_mtu_probe_sent(struct tcb *tcb, tcp_seq seq, tcp_seq end)
{
    tcb->probe_mms = (uint16_t)(end - seq + header_len(tcb));
    tcb->probe_seq = seq;
}

static tcp_seq
probe_end(const struct tcb *tcb)
{
    return tcb->probe_seq + tcb->probe_mms - header_len(tcb);
}

void
estab_path_mtu_ack(struct tcb *tcb, struct tcp_env *env, uint32_t acked)
{
    uint32_t size = (acked < tcb->smss ? acked : tcb->smss) + header_len(tcb);

    /* RFC 5927 §7.2: one ACK may be of several segments, and then this is more than was proven, so
     * that an error is looked at twice that might have been believed at once. */
    if (UNLIKELY(size > tcb->mms_acked))
        tcb->mms_acked = (uint16_t)size;
    if (UNLIKELY(tcb->pending_mms != 0) && seq_gt(tcb->snd_una, tcb->pending_seq))
        tcb->pending_mms = 0; /* it has arrived, so it was not too big */
    /* a black hole is news for others when smaller segments get through it, not before */
    if (UNLIKELY(tcb->mms_unproven)) {
        tcb->mms_unproven = false;
        tcb->path_news = PATH_NARROWER;
    }
    if (LIKELY(tcb->probe_mms == 0) || seq_lt(tcb->snd_una, probe_end(tcb)))
        return;
    /* RFC 4821 §7.6.1: it has arrived */
    set_mms(tcb, tcb->probe_mms);
    tcb->probe_mms = 0;
    tcb->path_news = PATH_WIDER;
    end_search_if_done(tcb, env);
    estab_tcp_explain(tcb, env, ESTAB_RECOVERY_MTU_RAISED);
}

bool
estab_path_mtu_probe_lost(struct tcb *tcb, struct tcp_env *env)
{
    tcp_seq left, right;

    if (LIKELY(tcb->probe_mms == 0) || tcb->flight == NULL ||
        tcb->flight->sb.lost != probe_end(tcb) - tcb->probe_seq ||
        !estab_scoreboard_first_lost(&tcb->flight->sb, tcb->snd_una, UINT16_MAX, &left, &right) ||
        left != tcb->probe_seq || right != probe_end(tcb))
        return false;
    /* RFC 4821 §7.6.2: its loss alone is no congestion. */
    tcb->mms_failed = true;
    tcb->mms_high = (uint16_t)(tcb->probe_mms - 1u);
    tcb->probe_mms = 0;
    end_search_if_done(tcb, env);
    estab_tcp_explain(tcb, env, ESTAB_RECOVERY_MTU_PROBE_LOST);
    return true;
}
