/* SPDX-License-Identifier: MIT */
/*
 * TCP_INFO from the connection's state. What the stack does not keep is 0: the times since the last
 * segment, rates, the receiver's estimate of the RTT. Called from options.c.
 */
#include "sock/tcp_info.h"

#include "sock/internal.h"

#include <string.h>

enum { HAS_TIMESTAMPS = 1, HAS_SACK = 2, HAS_WSCALE = 4, HAS_ECN = 8 };
enum { CA_OPEN = 0, CA_DISORDER = 1, CA_RECOVERY = 3, CA_LOSS = 4 };

static uint32_t
in_segments(uint32_t octets, uint32_t mss)
{
    return mss > 0 ? (octets + mss - 1) / mss : 0;
}

/* The peer's MSS less what options take of every segment is what STATUS calls mss. */
void
estab_sock_tcp_info(const struct estab_sock *s, struct linux_tcp_info *out)
{
    const struct estab_status *st = &s->status;
    const struct estab_trace_tcb *t = &st->tcb;
    uint32_t mss = st->mss > 0 ? st->mss : 536;
    struct estab_status l;

    memset(out, 0, sizeof(*out));
    out->state = (uint8_t)estab_sock_state(s);
    if (s->listener != NULL && estab_status(s->host->stack, s->listener->conn, &l) == 0) {
        out->unacked = l.waiting; /* ss(8) shows these as Recv-Q and Send-Q */
        out->sacked = l.backlog;
        return;
    }
    out->snd_mss = mss;
    if (s->conn == 0)
        return;
    out->retransmits = t->retransmissions;
    out->backoff = t->timer == ESTAB_TIMER_RETRANSMIT ? t->retransmissions : 0;
    out->probes = t->timer == ESTAB_TIMER_PERSIST ? t->retransmissions : 0;
    out->options = (uint8_t)((st->timestamps ? HAS_TIMESTAMPS : 0) | (st->sack ? HAS_SACK : 0) |
                             (st->window_scaling ? HAS_WSCALE : 0) | (st->ecn ? HAS_ECN : 0));
    out->ca_state = st->recovery == 2   ? CA_LOSS
                    : st->recovery == 1 ? CA_RECOVERY
                    : st->sacked > 0    ? CA_DISORDER
                                        : CA_OPEN;
    out->wscale = (uint8_t)(st->snd_wind_shift | st->rcv_wind_shift << 4);
    out->rto = t->rto_us;
    out->rcv_mss = mss;
    out->unacked = in_segments(t->flight, mss);
    out->sacked = in_segments(st->sacked, mss);
    out->lost = in_segments(st->lost, mss);
    out->pmtu =
        mss + (st->timestamps ? 12 : 0) + 20 + (st->local.addr.family == ESTAB_INET ? 20 : 40);
    out->rcv_ssthresh = t->rcv_wnd;
    out->rtt = t->srtt_us;
    out->rttvar = t->rttvar_us;
    out->snd_ssthresh = t->ssthresh >= INT32_MAX ? INT32_MAX : t->ssthresh / mss;
    out->snd_cwnd = t->cwnd / mss;
    out->advmss = mss;
    out->reordering = 3;
    out->rcv_space = t->rcv_wnd;
    /* our SYN counts as one, as in Linux */
    out->bytes_acked = st->bytes_sent + 1 > t->flight ? st->bytes_sent + 1 - t->flight : 0;
    out->bytes_received = st->bytes_received;
    out->notsent_bytes = t->send_queued > t->flight ? t->send_queued - t->flight : 0;
    out->bytes_sent = st->bytes_sent;
    out->snd_wnd = t->snd_wnd;
}
