/* SPDX-License-Identifier: MIT */
/*
 * What must hold for every packet that arrives and every segment that is sent, decided from the
 * trace records and the octets. One small function for one rule or a few that look at the same
 * thing.
 */
#include "sim/checks.h"
#include "sim/packet.h"

#include <string.h>

/* ---- incarnations ---- */

static void
begin_incarnation(struct sim_flow *f, const struct estab_trace *r)
{
    f->open = true;
    f->iss = r->seg.seq;
    f->ours = r->seg;
    f->has_theirs = false;
    f->has_right_edge = f->has_in_edge = f->has_ack_out = f->has_fin = f->has_ts = false;
    f->has_challenge = f->was_reset = false;
    f->unacked_since = 0;
    f->seen = false;
    f->sent_end = f->probe_edge = f->iss;
    f->actor = NULL;
    if ((r->seg.ctl & ESTAB_CTL_ACK) != 0 && f->has_syn_in) {
        f->theirs = f->syn_in;
        f->has_theirs = true;
        f->in_edge = f->iss + 1 + f->syn_in.wnd;
        f->has_in_edge = true;
    }
}

static bool
scales(const struct sim_flow *f)
{
    return f->has_theirs && f->ours.has_wscale && f->theirs.has_wscale;
}

static unsigned
shift_of(const struct estab_trace_segment *syn)
{
    return syn->wscale > 14 ? 14 : syn->wscale; /* RFC 7323 §2.3 */
}

/* ---- a packet arrived ---- */

void
sim_check_verdict(const struct sim_view *v)
{
    struct sim_host_books *b = &v->c->books[v->host->number];
    size_t i = b->n_verdicts++;

    if (!b->expects_input || i >= b->n_frames || v->r->verdict == ESTAB_SEG_NONE ||
        v->r->verdict >= ESTAB_VERDICT_COUNT) {
        violated(v, SIM_RULE_ONE_VERDICT, i, v->r->verdict);
        return;
    }
    if (b->must_drop[i] && v->c->accepted[v->r->verdict])
        violated(v, SIM_RULE_CORRUPT_DROPPED, i, v->r->verdict);
    if (v->r->frame != NULL) {
        if (v->r->frame_len != b->frames[i].len ||
            memcmp(v->r->frame, b->frames[i].data, v->r->frame_len) != 0)
            violated(v, SIM_RULE_TRACE_IN_TRUE, i, v->r->frame_len);
    } else if (v->r->packet != NULL &&
               (v->r->packet_len > b->frames[i].len ||
                memcmp(v->r->packet, b->frames[i].data, v->r->packet_len) != 0)) {
        violated(v, SIM_RULE_TRACE_IN_TRUE, i, v->r->packet_len);
    }
}

/* Was the segment believed to be one of this connection, checksum and header? */
static bool
is_readable(const struct sim_view *v)
{
    unsigned verdict = v->r->verdict;

    return v->r->proto == 6 && verdict != ESTAB_SEG_DROP_CHECKSUM &&
           verdict != ESTAB_SEG_DROP_HEADER && verdict != ESTAB_SEG_DROP_OPTION &&
           verdict != ESTAB_SEG_DROP_PORT_ZERO &&
           (verdict < ESTAB_SEG_DROP_IP_VERSION || verdict > ESTAB_SEG_DROP_IP_SOURCE_ROUTE);
}

/* The peer's SYN of this incarnation: its options, and the first window it grants. */
static void
learn_syn(const struct sim_view *v)
{
    const struct estab_trace_segment *s = &v->r->seg;
    struct sim_flow *f = v->f;

    if ((s->ctl & ESTAB_CTL_SYN) == 0 || !v->c->accepted[v->r->verdict])
        return;
    f->syn_in = *s;
    f->has_syn_in = true;
    if (f->open && !f->has_theirs && v->r->verdict == ESTAB_SEG_ACCEPTED) {
        f->theirs = *s; /* SYN,ACK, or a SYN that crossed ours */
        f->has_theirs = true;
    }
}

static void
learn_window(const struct sim_view *v)
{
    const struct estab_trace_segment *s = &v->r->seg;
    struct sim_flow *f = v->f;
    uint32_t ack = s->ack, edge;

    if (!f->open || (s->ctl & ESTAB_CTL_RST) != 0)
        return;
    if ((s->ctl & ESTAB_CTL_ACK) == 0) {
        if ((s->ctl & ESTAB_CTL_SYN) == 0)
            return;
        ack = f->iss + 1;
    }
    if (sim_seq_lt(ack, f->iss) || sim_seq_lt(f->sent_end, ack))
        return; /* of another incarnation */
    edge = s->wnd;
    if ((s->ctl & ESTAB_CTL_SYN) == 0 && scales(f))
        edge <<= shift_of(&f->theirs);
    edge += ack;
    f->in_edge = f->has_in_edge ? sim_seq_max(f->in_edge, edge) : edge;
    f->has_in_edge = true;
}

/* Nothing from that end has acknowledged anything of ours yet. */
static bool
is_unverified(const struct sim_flow *f)
{
    return f->state == ESTAB_TCPS_CLOSED || f->state == ESTAB_TCPS_LISTEN ||
           f->state == ESTAB_TCPS_SYN_RECEIVED;
}

void
sim_check_packet_in(const struct sim_view *v)
{
    const struct estab_trace_segment *s = &v->r->seg;
    struct sim_flow *f = v->f;

    if (!is_readable(v))
        return;
    f->segments_in++;
    if ((s->ctl & ESTAB_CTL_RST) == 0)
        f->answerable_in++;
    if (is_unverified(f))
        f->unverified_in++;
    learn_syn(v);
    learn_window(v);
    if (v->r->verdict == ESTAB_SEG_ACCEPTED_FIN_AGAIN)
        f->time_wait_at = v->r->at;
    if (f->open && v->r->tcb.iss == f->iss && v->r->tcb.snd_una != f->una_in) {
        f->una_in = v->r->tcb.snd_una;
        f->timer_base = v->r->at; /* RFC 6298 §5.3 */
    }
    /* A FIN needs no room. */
    if (v->c->accepted[v->r->verdict] && s->len > 0 && f->open && f->has_right_edge &&
        v->r->tcb.iss == f->iss && sim_seq_lt(f->right_edge + 1, v->r->tcb.rcv_nxt))
        violated(v, SIM_RULE_ACCEPT_IN_WINDOW, v->r->tcb.rcv_nxt, f->right_edge);
}

/* ---- a segment was sent ---- */

static bool
is_ack_reason(unsigned reason)
{
    return reason == ESTAB_WHY_HANDSHAKE_ACK || reason == ESTAB_WHY_CHALLENGE_ACK ||
           (reason >= ESTAB_WHY_ACK_DELAYED && reason <= ESTAB_WHY_ACK_OF_FIN_AGAIN);
}

void
sim_check_record_out(const struct sim_view *v)
{
    struct sim_host_books *b = &v->c->books[v->host->number];
    struct sim_packet p;

    b->records_out++;
    if (v->r->reason == ESTAB_WHY_NONE || v->r->reason >= ESTAB_REASON_COUNT)
        violated(v, SIM_RULE_REASON_GIVEN, v->r->reason, v->r->seg.ctl);
    if (v->r->packet == NULL || v->r->proto != 6)
        return;
    sim_packet_read(&p, v->r->packet, v->r->packet_len);
    if (!p.is_tcp || !sim_segment_equal(&p.seg, &v->r->seg) ||
        !sim_endpoint_equal(&p.src, &v->r->local) || !sim_endpoint_equal(&p.dst, &v->r->remote))
        violated(v, SIM_RULE_TRACE_OUT_TRUE, v->r->reason, v->r->packet_len);
}

static void
check_reset_out(const struct sim_view *v)
{
    struct sim_host_books *b = &v->c->books[v->host->number];
    struct sim_flow *f = v->f;

    if (v->r->reason == ESTAB_WHY_RST_NO_CONNECTION || v->r->reason == ESTAB_WHY_RST_BAD_ACK) {
        f->resets_out++;
        if (f->resets_out > f->answerable_in)
            violated(v, SIM_RULE_RESET_UNANSWERED, f->resets_out, f->answerable_in);
    }
    if (v->r->reason == ESTAB_WHY_RST_NO_CONNECTION) {
        if (v->r->at / ESTAB_SEC(1) != b->second)
            b->rst_to_nobody = 0;
        b->second = v->r->at / ESTAB_SEC(1);
        /* A bucket that was full at the start of the second and filled once during it. */
        if (++b->rst_to_nobody > 2 * (uint64_t)v->host->cfg.rst_per_second + 1)
            violated(v, SIM_RULE_RST_RATE, b->rst_to_nobody, v->host->cfg.rst_per_second);
    }
}

/* RFC 4987 §2: each SYN is worth its SYN,ACKs, anything else one answer. */
static void
check_unverified_out(const struct sim_view *v)
{
    struct sim_flow *f = v->f;
    unsigned reason = v->r->reason;
    uint64_t worth = 2 + (uint64_t)v->host->cfg.syn_ack_retries;

    if (!is_unverified(f) ||
        (reason != ESTAB_WHY_SYN_ACK && reason != ESTAB_WHY_SYN_ACK_AGAIN &&
         reason != ESTAB_WHY_SYN_COOKIE && reason != ESTAB_WHY_RST_NO_CONNECTION))
        return;
    f->unverified_out++;
    if (f->unverified_out > worth * (f->unverified_in + 1))
        violated(v, SIM_RULE_UNVERIFIED_BOUNDED, f->unverified_out, f->unverified_in);
}

/* RFC 9293 §3.10.5: after the RST the connection is no more. */
static void
note_reset(const struct sim_view *v)
{
    unsigned reason = v->r->reason;

    if (v->f->open && (reason == ESTAB_WHY_RST_ABORT || reason == ESTAB_WHY_RST_TIMEOUT ||
                       reason == ESTAB_WHY_RST_UNREAD)) {
        v->f->open = false;
        v->f->was_reset = true;
    }
}

/* RFC 9293 §3.4.1: the clock under the ISNs of two ends goes on (MUST-8). For a SYN of our own; the
 * ISN of an answer may be a cookie, or have stepped ahead to end a TIME-WAIT. */
static void
check_isn(const struct sim_view *v)
{
    struct sim_flow *f = v->f;

    if ((v->r->seg.ctl & ESTAB_CTL_ACK) != 0)
        return;
    if (f->has_last_iss && v->r->at - f->last_iss_at < ESTAB_SEC(7200) &&
        sim_seq_lt(v->r->seg.seq, f->last_iss))
        violated(v, SIM_RULE_ISN_FORWARD, v->r->seg.seq, f->last_iss);
    f->has_last_iss = true;
    f->last_iss = v->r->seg.seq;
    f->last_iss_at = v->r->at;
}

static void
check_options_out(const struct sim_view *v)
{
    const struct estab_trace_segment *s = &v->r->seg;
    struct sim_flow *f = v->f;

    if ((s->ctl & ESTAB_CTL_SYN) != 0) {
        bool answers = (s->ctl & ESTAB_CTL_ACK) != 0 && f->has_theirs;

        if (!s->has_mss)
            violated(v, SIM_RULE_OPTION_AGREED, 2, s->ctl);
        if (answers &&
            ((s->has_wscale && !f->theirs.has_wscale) ||
             (s->sack_permitted && !f->theirs.sack_permitted) || (s->has_ts && !f->theirs.has_ts)))
            violated(v, SIM_RULE_OPTION_AGREED, 3, s->ctl);
    } else {
        bool agreed = f->has_theirs && f->ours.has_ts && f->theirs.has_ts;

        if (agreed != s->has_ts)
            violated(v, SIM_RULE_OPTION_AGREED, 8, s->has_ts);
        if (s->sack_blocks > 0 && !(f->ours.sack_permitted && f->theirs.sack_permitted))
            violated(v, SIM_RULE_OPTION_AGREED, 5, s->sack_blocks);
        if (s->has_mss || s->has_wscale || s->sack_permitted)
            violated(v, SIM_RULE_OPTION_AGREED, 4, s->ctl);
    }
    if (s->has_ts) {
        bool waited = (s->ctl & ESTAB_CTL_SYN) != 0 && has_ethernet(v->host);

        if (f->has_ts && sim_seq_lt(s->ts_val, f->ts_val) && !waited)
            violated(v, SIM_RULE_TS_FORWARD, s->ts_val, f->ts_val);
        f->ts_val = s->ts_val;
        f->has_ts = true;
    }
}

static void
check_ack_out(const struct sim_view *v)
{
    const struct estab_trace_segment *s = &v->r->seg;
    struct sim_flow *f = v->f;
    bool syn = (s->ctl & ESTAB_CTL_SYN) != 0;
    uint32_t edge = s->wnd;

    if ((s->ctl & ESTAB_CTL_ACK) == 0)
        return;
    if (f->has_ack_out && sim_seq_lt(s->ack, f->ack_out))
        violated(v, SIM_RULE_ACK_FORWARD, s->ack, f->ack_out);
    f->ack_out = s->ack;
    f->has_ack_out = true;
    if (!syn && scales(f))
        edge <<= shift_of(&f->ours);
    edge += s->ack;
    /* The peer has sent its FIN: the window means nothing any more; nor in the last ACK of a host that
     * has no memory for TIME-WAIT. */
    if (f->state == ESTAB_TCPS_TIME_WAIT || (f->state == ESTAB_TCPS_CLOSED && !syn))
        return;
    if (syn && f->has_right_edge && sim_seq_lt(edge, f->right_edge))
        return; /* the window of a SYN is not scaled: it cannot say more */
    if (f->has_right_edge && sim_seq_lt(edge, f->right_edge)) {
        const struct estab_trace_tcb *t = &v->r->tcb;
        uint32_t unit = 1u << (scales(f) ? shift_of(&f->ours) : 0);
        bool rounded = f->right_edge - edge < unit;

        /* RFC 7323 §2.4: the field is rounded up, but where that would promise more than the buffer
         * may hold beside what waits for the user: then it cannot say it better. */
        if (!rounded ||
            t->receive_queued + (t->rcv_wnd + unit - 1) / unit * unit <= t->receive_limit)
            violated(v, rounded ? SIM_RULE_RIGHT_EDGE_ROUNDED : SIM_RULE_RIGHT_EDGE, edge,
                     f->right_edge);
        edge = f->right_edge;
    }
    f->right_edge = edge;
    f->has_right_edge = true;
    for (unsigned i = 0; i < s->sack_blocks && i < 4; i++) {
        /* The first block may be a D-SACK (RFC 2883), which lies below SEG.ACK or in the second. */
        bool above = sim_seq_lt(s->ack, s->sack[i][0]) || i == 0;

        if (!above || !sim_seq_lt(s->sack[i][0], s->sack[i][1]) ||
            sim_seq_lt(f->right_edge, s->sack[i][1]))
            violated(v, SIM_RULE_SACK_SANE, s->sack[i][0], s->sack[i][1]);
    }
}

static void
check_text_genuine(const struct sim_view *v, const struct sim_packet *p)
{
    const struct estab_trace_segment *s = &v->r->seg;
    struct sim_flow *f = v->f;
    uint64_t offset;
    size_t good;

    if (v->c->apps == NULL || s->len == 0 || v->r->reason == ESTAB_WHY_KEEPALIVE_PROBE)
        return;
    if (f->actor == NULL && !sim_apps_stream(v->c->apps, v->host->number, &f->local, &f->remote,
                                             f->iss, &f->stream, &f->actor)) {
        violated(v, SIM_RULE_TEXT_GENUINE, s->seq - f->iss, 0);
        return;
    }
    /* Streams here are shorter than 2^32 octets, or the offset is counted from what was said. */
    offset = s->seq - f->iss - ((s->ctl & ESTAB_CTL_SYN) == 0);
    if (f->actor->said > UINT32_MAX / 2)
        offset += (f->actor->said - offset) >> 32 << 32;
    good = sim_stream_match(f->stream, offset, p->text, s->len);
    if (good != s->len || offset + s->len > f->actor->said)
        violated(v, SIM_RULE_TEXT_GENUINE, offset + good, f->actor->said);
}

static void
check_text_out(const struct sim_view *v)
{
    const struct estab_trace_segment *s = &v->r->seg;
    struct sim_flow *f = v->f;
    uint32_t end = s->seq + s->len + ((s->ctl & ESTAB_CTL_SYN) != 0);
    bool fin = (s->ctl & ESTAB_CTL_FIN) != 0;
    struct sim_packet p;

    if (s->len > 0 && v->r->packet != NULL) {
        uint32_t mss = v->r->local.addr.family == ESTAB_INET ? 536 : 1220;

        sim_packet_read(&p, v->r->packet, v->r->packet_len);
        if (f->has_theirs && f->theirs.has_mss)
            mss = f->theirs.mss;
        /* RFC 7413 §4.1.3: what the peer told another time, but no more than is usual. */
        else if ((s->ctl & ESTAB_CTL_SYN) != 0)
            mss = v->r->local.addr.family == ESTAB_INET ? 1460 : 1440;
        /* RFC 9293 §3.7.1: the options count against the MSS (MUST-16). */
        if (p.is_tcp && s->len + p.tcp_header_len - 20 > mss)
            violated(v, SIM_RULE_MSS_RESPECTED, s->len + p.tcp_header_len - 20, mss);
        if (p.is_tcp)
            check_text_genuine(v, &p);
    }
    if (v->r->reason == ESTAB_WHY_KEEPALIVE_PROBE)
        return;
    if (f->has_fin && ((s->len > 0 && sim_seq_lt(f->fin_seq, end)) || (fin && end != f->fin_seq)))
        violated(v, SIM_RULE_NOTHING_AFTER_FIN, end, f->fin_seq);
    if (fin) {
        f->has_fin = true;
        f->fin_seq = end;
    }
    if (v->r->reason == ESTAB_WHY_ZERO_WINDOW_PROBE && s->len <= 1)
        f->probe_edge = sim_seq_max(f->probe_edge, end);
    if (s->len > 0 && f->has_in_edge && sim_seq_lt(sim_seq_max(f->in_edge, f->probe_edge), end))
        violated(v, SIM_RULE_SEND_WINDOW, end, f->in_edge);
    if (v->r->reason == ESTAB_WHY_DATA && v->r->tcb.pipe > v->r->tcb.cwnd)
        violated(v, SIM_RULE_CWND_RESPECTED, v->r->tcb.pipe, v->r->tcb.cwnd);
    /* Where it waits for its next hop, an ACK may come meanwhile: what that has left goes then. */
    if (v->r->reason == ESTAB_WHY_RETRANSMIT_RTO && s->seq == v->r->tcb.snd_una &&
        v->r->at - f->timer_base < v->host->cfg.rto_min &&
        !(has_ethernet(v->host) && f->timed_out < f->timer_base))
        violated(v, SIM_RULE_RTO_PATIENCE, (uint64_t)(v->r->at - f->timer_base),
                 (uint64_t)v->host->cfg.rto_min);
    if (s->seq == v->r->tcb.snd_una &&
        (sim_seq_lt(f->sent_end, end + fin) || v->r->reason == ESTAB_WHY_RETRANSMIT_RTO))
        f->timer_base = v->r->at; /* RFC 6298 §5.1, §5.6 */
    if (sim_seq_lt(f->sent_end, end + fin))
        f->sent_end = end + fin;
}

void
sim_check_segment_out(const struct sim_view *v)
{
    const struct estab_trace_segment *s = &v->r->seg;
    unsigned ctl = s->ctl & (ESTAB_CTL_SYN | ESTAB_CTL_FIN | ESTAB_CTL_RST | ESTAB_CTL_ACK);
    struct sim_flow *f = v->f;

    if (ctl == 0 || ctl == ESTAB_CTL_FIN ||
        (ctl & (ESTAB_CTL_SYN | ESTAB_CTL_FIN)) == (ESTAB_CTL_SYN | ESTAB_CTL_FIN) ||
        ((ctl & ESTAB_CTL_RST) != 0 && (ctl & (ESTAB_CTL_SYN | ESTAB_CTL_FIN)) != 0))
        violated(v, SIM_RULE_SEGMENT_SANE, s->ctl, v->r->reason);
    check_unverified_out(v);
    if ((ctl & ESTAB_CTL_RST) != 0) {
        check_reset_out(v);
        note_reset(v);
        return;
    }
    if ((ctl & ESTAB_CTL_SYN) != 0 && (!f->open || f->iss != s->seq)) {
        check_isn(v);
        begin_incarnation(f, v->r);
    }
    if (f->was_reset && !is_unverified(f))
        violated(v, SIM_RULE_SILENT_AFTER_RESET, s->ctl, v->r->reason);
    if (!f->open)
        return;
    check_options_out(v);
    check_ack_out(v);
    check_text_out(v);
    if (s->len == 0 && ctl == ESTAB_CTL_ACK && is_ack_reason(v->r->reason)) {
        f->acks_out++;
        if (f->acks_out > f->segments_in)
            violated(v, SIM_RULE_ACKS_BOUNDED, f->acks_out, f->segments_in);
    }
    if (v->r->reason == ESTAB_WHY_CHALLENGE_ACK) {
        /* Decided when it is owed, which is when it is sent but on Ethernet. */
        if (f->has_challenge && v->r->at - f->challenge_at < v->host->cfg.challenge_gap &&
            !has_ethernet(v->host))
            violated(v, SIM_RULE_CHALLENGE_RATE, (uint64_t)(v->r->at - f->challenge_at), 0);
        f->has_challenge = true;
        f->challenge_at = v->r->at;
    }
}
