/* SPDX-License-Identifier: MIT */
/*
 * The states of both ends (RFC 9293 §3.3.2), from what passes between them. A segment is proof of
 * the state in which its sender was; of its receiver it is assumed that the segment comes to it,
 * until something it sends proves otherwise. Called from analysis.c.
 */
#include "trace/analysis.h"

#include "tcp/seq.h"

enum {
    STRAY_SLACK = 65536,
    STRAYS_BELIEVED = 3, /* in a row and near each other: not forged, the capture has a hole */
};

static void
enter(struct connection *c, struct segment_seen *s, unsigned side, unsigned state, uint16_t cause)
{
    struct end_seen *e = &c->end[side];

    if (e->has_state && e->state == state)
        return;
    if (e->has_state && e->state == ESTAB_TCPS_CLOSE_WAIT)
        e->close_wait_time += s->packet->at - e->waits_since;
    if (state == ESTAB_TCPS_CLOSE_WAIT)
        e->waits_since = s->packet->at;
    e->has_state = true;
    e->state = (uint8_t)state;
    s->state[side].known = true;
    s->state[side].after = (uint8_t)state;
    s->state[side].cause = cause;
}

/* ---- of the sender: proof ---- */

static bool
is_acked(const struct end_seen *e, uint32_t end)
{
    return e->has_isn && seq_geq(e->snd_una, end);
}

/* What passed here at `then` may have come to the end, and what it now sends may tell of it: the
 * way there and back takes at least the shortest round trip that was seen. */
static bool
may_know(const struct connection *c, const struct segment_seen *s, estab_time then)
{
    const struct end_seen *o = &c->end[!s->from]; /* its round trips begin here and turn there */

    return then > 0 && (o->rtt_samples == 0 || s->packet->at >= then + o->rtt_min);
}

/* Whether the sender knew that its FIN was acknowledged. RFC 7323 §4.3: it echoes the latest
 * timestamp that came in order, so an older one says that the ACK had not come. */
static bool
knows_fin_acked(const struct connection *c, const struct segment_seen *s)
{
    const struct estab_trace_segment *seg = &s->packet->seg;
    const struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];

    if (!is_acked(e, e->fin_end))
        return false;
    if (e->has_fin_acked_ts && seg->has_ts && seq_lt(seg->ts_ecr, e->fin_acked_ts))
        return false;
    /* In order it comes behind text that is not acknowledged here either. After the time of a
     * timeout the text was lost rather. */
    if (seg->sack_blocks == 0 && seq_lt(seg->ack, e->fin_acked_behind) &&
        s->packet->at - e->fin_acked_at < o->srtt + 4 * o->rttvar)
        return false;
    return may_know(c, s, e->fin_acked_at);
}

/* An end that has sent its FIN, and the other's has been here. */
static unsigned
after_both_fins(const struct connection *c, const struct segment_seen *s)
{
    const struct end_seen *e = &c->end[s->from];

    if (e->fin_was_answer)
        return ESTAB_TCPS_LAST_ACK;
    return knows_fin_acked(c, s) ? ESTAB_TCPS_TIME_WAIT : ESTAB_TCPS_CLOSING;
}

/* Octets behind all that the other end has offered to take, or an ACK of what it never sent: of
 * another connection with these ports, or forged (RFC 9293 §3.10.7.4, first and fifth check). A
 * capture may have holes: 64 KiB more are granted, and what goes on from there is believed. */
static bool
is_stray(const struct connection *c, const struct segment_seen *s)
{
    const struct estab_trace_segment *seg = &s->packet->seg;
    const struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    uint32_t end = seg->seq + seg->len + ((seg->ctl & ESTAB_CTL_FIN) != 0);

    if ((seg->ctl & (ESTAB_CTL_SYN | ESTAB_CTL_RST)) != 0 || !e->has_syn || !o->has_syn)
        return false;
    if (o->has_wnd &&
        seq_gt(end,
               seq_max(seq_max(e->snd_max, o->right_edge), e->snd_una + o->wnd_max) + STRAY_SLACK))
        return true;
    if (!e->has_fin && seg->ctl & ESTAB_CTL_FIN && seq_lt(end, e->snd_una))
        return true;
    return seg->ctl & ESTAB_CTL_ACK && e->has_wnd &&
           seq_gt(seg->ack, seq_max(o->snd_max, e->right_edge) + STRAY_SLACK);
}

static bool
is_stray_still(struct connection *c, const struct segment_seen *s)
{
    struct end_seen *e = &c->end[s->from];
    uint32_t seq = s->packet->seg.seq;

    if (!is_stray(c, s)) {
        if (!(s->packet->seg.ctl & (ESTAB_CTL_SYN | ESTAB_CTL_RST)))
            e->strays = 0;
        return false;
    }
    if (e->strays > 0 && !seq_in_window(seq, e->stray_seq - STRAY_SLACK, 2 * STRAY_SLACK))
        e->strays = 0;
    e->stray_seq = seq;
    return ++e->strays < STRAYS_BELIEVED;
}

static unsigned
state_of_sender(const struct connection *c, const struct segment_seen *s)
{
    const struct estab_trace_segment *seg = &s->packet->seg;
    const struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    unsigned now = e->has_state ? e->state : ESTAB_TCPS_CLOSED;
    bool has_ack = (seg->ctl & ESTAB_CTL_ACK) != 0;
    bool acks_fin = has_ack && o->has_fin && seq_geq(seg->ack, o->fin_end);
    bool is_fin = (seg->ctl & ESTAB_CTL_FIN) != 0, has_fin = e->has_fin || is_fin;

    if (seg->ctl & ESTAB_CTL_SYN) {
        if (e->has_state && now >= ESTAB_TCPS_ESTABLISHED) {
            if (now != ESTAB_TCPS_ESTABLISHED || e->text > 0 || has_fin || seg->seq != e->isn)
                return now;
            if (has_ack) /* the ACK has not come there after all */
                return ESTAB_TCPS_SYN_RECEIVED;
            return e->segments == e->saw[SAW_SYN].count ? ESTAB_TCPS_SYN_SENT : now;
        }
        if (has_ack)
            return ESTAB_TCPS_SYN_RECEIVED;
        return now == ESTAB_TCPS_SYN_RECEIVED ? now : ESTAB_TCPS_SYN_SENT;
    }
    if (!e->has_state)
        return has_fin ? (acks_fin ? ESTAB_TCPS_LAST_ACK : ESTAB_TCPS_FIN_WAIT_1)
                       : (acks_fin ? ESTAB_TCPS_CLOSE_WAIT : ESTAB_TCPS_ESTABLISHED);
    if (now == ESTAB_TCPS_SYN_SENT && !(has_ack && o->has_syn && seg->ack == o->isn + 1))
        return has_ack && o->has_syn && seq_gt(seg->ack, o->isn) ? ESTAB_TCPS_ESTABLISHED : now;
    if (now == ESTAB_TCPS_SYN_RECEIVED && e->has_isn && !is_acked(e, e->isn + 1))
        return now;
    if (has_ack && o->has_fin && seq_lt(seg->ack, o->fin_end) && e->has_ack &&
        seq_lt(seg->ack, e->last_ack))
        return now; /* overtaken on the way: it tells of before */
    if (!has_fin)
        return acks_fin ? ESTAB_TCPS_CLOSE_WAIT : ESTAB_TCPS_ESTABLISHED;
    if (acks_fin) {
        if (!e->has_fin && is_fin) /* its first FIN */
            return o->has_fin ? ESTAB_TCPS_LAST_ACK : ESTAB_TCPS_FIN_WAIT_1;
        return after_both_fins(c, s);
    }
    if (is_fin)
        return ESTAB_TCPS_FIN_WAIT_1;
    return knows_fin_acked(c, s) ? ESTAB_TCPS_FIN_WAIT_2 : ESTAB_TCPS_FIN_WAIT_1;
}

static uint16_t
cause_of_sender(const struct segment_seen *s, unsigned before, unsigned after)
{
    const struct estab_trace_segment *seg = &s->packet->seg;

    switch (after) {
    case ESTAB_TCPS_SYN_SENT:
        return ESTAB_CAUSE_OPEN_ACTIVE;
    case ESTAB_TCPS_SYN_RECEIVED:
        return before == ESTAB_TCPS_SYN_SENT ? ESTAB_CAUSE_SYN_CROSSED : ESTAB_CAUSE_SYN_ARRIVED;
    case ESTAB_TCPS_ESTABLISHED:
        return ESTAB_CAUSE_SYN_ACKED;
    case ESTAB_TCPS_FIN_WAIT_1:
    case ESTAB_TCPS_LAST_ACK:
        return ESTAB_CAUSE_CLOSE_CALL;
    case ESTAB_TCPS_CLOSE_WAIT:
    case ESTAB_TCPS_CLOSING:
        return ESTAB_CAUSE_FIN_ARRIVED;
    case ESTAB_TCPS_FIN_WAIT_2:
        return ESTAB_CAUSE_FIN_ACKED;
    case ESTAB_TCPS_TIME_WAIT:
        return before == ESTAB_TCPS_CLOSING ? ESTAB_CAUSE_FIN_ACKED : ESTAB_CAUSE_FIN_ARRIVED;
    default:
        return seg->ctl & ESTAB_CTL_RST ? ESTAB_CAUSE_ABORT_CALL : ESTAB_CAUSE_FIN_ACKED;
    }
}

static void
note_fin(struct connection *c, struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    uint32_t end = p->seg.seq + p->seg.len + 1;

    if (!e->has_fin) {
        e->has_fin = true;
        e->fin_end = end;
        e->fin_was_answer =
            o->has_fin && p->seg.ctl & ESTAB_CTL_ACK && seq_geq(p->seg.ack, o->fin_end);
        e->fin_carried_text = p->seg.len > 0;
        if (!o->has_fin) {
            c->first_fin = s->from;
            c->first_fin_number = p->number;
            c->ended = ENDED_HALF;
        } else {
            c->second_fin_number = p->number;
            /* Three segments: the FIN itself was the first to acknowledge the other's. */
            if (!e->fin_was_answer)
                c->ended = ENDED_CROSSED;
            else
                c->ended =
                    e->has_ack && seq_geq(e->last_ack, o->fin_end) ? ENDED_FOUR : ENDED_THREE;
        }
    }
    estab_trace_saw(&e->saw[SAW_FIN], p->number);
}

/* Whether the state in which it left is the sender's now, rather than one that what is on its way to
 * it ends: it left before, and nothing says that it was lost. */
static bool
is_news(const struct connection *c, const struct segment_seen *s, unsigned before, unsigned after)
{
    const struct end_seen *e = &c->end[s->from];
    bool is_fin = (s->packet->seg.ctl & ESTAB_CTL_FIN) != 0;

    if (!e->has_state)
        return true;
    if (before == ESTAB_TCPS_CLOSED) /* who is CLOSED sends nothing but RSTs */
        return is_fin && c->ended != ENDED_RESET;
    if (before == ESTAB_TCPS_ESTABLISHED && after == ESTAB_TCPS_SYN_RECEIVED)
        return c->begun != BEGUN_CROSSED;
    if ((before == ESTAB_TCPS_FIN_WAIT_2 && after == ESTAB_TCPS_FIN_WAIT_1) ||
        (before == ESTAB_TCPS_TIME_WAIT && after == ESTAB_TCPS_CLOSING))
        return is_fin || !is_acked(e, e->fin_end);
    return true;
}

void
estab_trace_sender_state(struct connection *c, struct segment_seen *s)
{
    const struct estab_trace_segment *seg = &s->packet->seg;
    struct end_seen *e = &c->end[s->from];
    unsigned before = e->has_state ? e->state : ESTAB_TCPS_CLOSED, after;

    for (unsigned side = 0; side < 2; side++) {
        s->state[side].was_known = s->state[side].known = c->end[side].has_state;
        s->state[side].before = s->state[side].after = c->end[side].state;
    }
    if (seg->ctl & ESTAB_CTL_RST) {
        /* Out of SYN-SENT it answers a bad ACK and nothing changes (RFC 9293 §3.10.7.3). */
        if (!e->has_state || before == ESTAB_TCPS_SYN_SENT)
            return;
        /* An answer to something old leaves TIME-WAIT and a listener alone. */
        if (before == ESTAB_TCPS_TIME_WAIT)
            return;
        enter(c, s, s->from, ESTAB_TCPS_CLOSED, ESTAB_CAUSE_ABORT_CALL);
        return;
    }
    s->left_in = e->has_state ? e->state : ESTAB_TCPS_CLOSED;
    s->is_stray = is_stray_still(c, s);
    if (s->is_stray)
        return;
    after = state_of_sender(c, s);
    s->left_in = (uint8_t)after;
    if (is_news(c, s, before, after))
        enter(c, s, s->from, after, cause_of_sender(s, before, after));
    /* A SYN in the midst of a connection is answered and changes nothing (RFC 5961 §4.2). */
    if (seg->ctl & ESTAB_CTL_FIN && !(seg->ctl & ESTAB_CTL_SYN && e->has_isn && seg->seq != e->isn))
        note_fin(c, s);
}

/* ---- of the receiver: as far as the segment comes there ---- */

static void
reset(struct connection *c, struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;

    if (c->ended == ENDED_RESET)
        return;
    c->reset_after_fin = c->ended != ENDED_NOT;
    c->ended = ENDED_RESET;
    c->reset_by = s->from;
    c->reset_at = p->at;
    c->reset_number = p->number;
    c->reset_text = c->end[!s->from].snd_max - c->end[!s->from].snd_una;
}

static void
rst_arrives(struct connection *c, struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    bool is_exact = o->has_ack ? seg->seq == o->last_ack : !e->has_isn;

    if (!o->has_state || o->state == ESTAB_TCPS_CLOSED) {
        s->verdict = ESTAB_SEG_DROP_NO_CONNECTION_RST;
        if (o->has_state)
            reset(c, s);
        return;
    }
    if (o->state == ESTAB_TCPS_SYN_SENT) {
        if (!(seg->ctl & ESTAB_CTL_ACK) || seg->ack != o->snd_max) {
            s->verdict = ESTAB_SEG_DROP_RST_UNACCEPTABLE;
            return;
        }
        s->verdict = ESTAB_SEG_ACCEPTED_RST;
        c->begun = BEGUN_REFUSED;
        reset(c, s);
        enter(c, s, !s->from, ESTAB_TCPS_CLOSED, ESTAB_CAUSE_RST_ARRIVED);
        return;
    }
    if (o->state == ESTAB_TCPS_TIME_WAIT) {
        s->verdict = ESTAB_SEG_DROP_RST_TIME_WAIT;
        return;
    }
    /* RFC 5961 §3.2. What the receiver has not acknowledged yet may have come there as well. */
    if (is_exact || (e->has_isn && seg->seq == e->contiguous) ||
        (e->has_isn && seg->seq == e->snd_max)) {
        s->verdict = ESTAB_SEG_ACCEPTED_RST;
        reset(c, s);
        enter(c, s, !s->from, ESTAB_TCPS_CLOSED, ESTAB_CAUSE_RST_ARRIVED);
        return;
    }
    if (o->has_ack && seq_in_window(seg->seq, o->last_ack, o->last_wnd + 1)) {
        s->verdict = ESTAB_SEG_DROP_RST_CHALLENGED;
        o->owes_challenge = true;
    } else {
        s->verdict = ESTAB_SEG_DROP_RST_OUT_OF_WINDOW;
    }
    estab_trace_saw(&e->saw[SAW_RST_IGNORED], p->number);
}

static void
syn_arrives(struct connection *c, struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];

    if (!(seg->ctl & ESTAB_CTL_ACK)) {
        s->verdict = ESTAB_SEG_ACCEPTED_SYN; /* if somebody listens, which its answer will tell */
        if (!o->has_state)
            return;
        if (o->state == ESTAB_TCPS_SYN_SENT) {
            s->verdict = ESTAB_SEG_ACCEPTED;
            c->begun = BEGUN_CROSSED;
            enter(c, s, !s->from, ESTAB_TCPS_SYN_RECEIVED, ESTAB_CAUSE_SYN_CROSSED);
        } else if (o->state == ESTAB_TCPS_SYN_RECEIVED) {
            s->verdict = ESTAB_SEG_ACCEPTED_SYN_DUPLICATE;
        } else {
            s->verdict = ESTAB_SEG_DROP_SYN_CHALLENGED;
            o->owes_challenge = true;
            estab_trace_saw(&e->saw[SAW_CHALLENGED], p->number);
        }
        return;
    }
    if (c->syn_ack_at == 0) {
        c->syn_ack_at = p->at;
        c->syn_ack_number = p->number;
    }
    if (c->begun == BEGUN_UNSEEN || c->begun == BEGUN_SYN)
        c->begun = BEGUN_ANSWERED;
    s->verdict = ESTAB_SEG_ACCEPTED;
    if (o->has_state && o->state == ESTAB_TCPS_SYN_SENT) {
        if (seg->ack == o->isn + 1 || seg->ack == o->snd_max) {
            enter(c, s, !s->from, ESTAB_TCPS_ESTABLISHED, ESTAB_CAUSE_SYN_ACKED);
            o->owes_ack = true;
            o->got_text_at = p->at;
        } else {
            s->verdict = ESTAB_SEG_DROP_ACK_SYN_SENT;
        }
    } else if (o->has_state && o->state == ESTAB_TCPS_SYN_RECEIVED && is_acked(o, o->isn + 1)) {
        enter(c, s, !s->from, ESTAB_TCPS_ESTABLISHED, ESTAB_CAUSE_SYN_ACKED);
    } else if (o->has_state && o->state >= ESTAB_TCPS_ESTABLISHED) {
        s->verdict = ESTAB_SEG_ACCEPTED_PROBE;
        o->owes_ack = true;
        o->got_text_at = p->at;
    }
}

/* The ACK: fifth check of RFC 9293 §3.10.7.4. */
static void
ack_arrives(struct connection *c, struct segment_seen *s)
{
    struct end_seen *o = &c->end[!s->from];
    bool has_fin_acked = o->has_fin && is_acked(o, o->fin_end);

    if (o->state == ESTAB_TCPS_SYN_RECEIVED && is_acked(o, o->isn + 1)) {
        if (c->begun == BEGUN_ANSWERED)
            c->begun = BEGUN_WHOLE;
        c->established_at = s->packet->at;
        enter(c, s, !s->from, ESTAB_TCPS_ESTABLISHED, ESTAB_CAUSE_SYN_ACKED);
    }
    if (!has_fin_acked)
        return;
    if (o->state == ESTAB_TCPS_FIN_WAIT_1)
        enter(c, s, !s->from, ESTAB_TCPS_FIN_WAIT_2, ESTAB_CAUSE_FIN_ACKED);
    else if (o->state == ESTAB_TCPS_CLOSING)
        enter(c, s, !s->from, ESTAB_TCPS_TIME_WAIT, ESTAB_CAUSE_FIN_ACKED);
    else if (o->state == ESTAB_TCPS_LAST_ACK)
        enter(c, s, !s->from, ESTAB_TCPS_CLOSED, ESTAB_CAUSE_FIN_ACKED);
}

/* The FIN: eighth check. It counts when everything in front of it has passed. */
static void
fin_arrives(struct connection *c, struct segment_seen *s)
{
    const struct estab_trace_segment *seg = &s->packet->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];

    if (!e->has_fin || seq_lt(e->contiguous, e->fin_end))
        return;
    if (o->lacks_text) {
        if (seq_gt(seg->seq, o->last_ack) || seq_lt(seg->seq + seg->len + 1, e->fin_end))
            return; /* the gap is filled no more than before */
    }
    switch (o->state) {
    case ESTAB_TCPS_SYN_RECEIVED:
    case ESTAB_TCPS_ESTABLISHED:
        enter(c, s, !s->from, ESTAB_TCPS_CLOSE_WAIT, ESTAB_CAUSE_FIN_ARRIVED);
        break;
    case ESTAB_TCPS_FIN_WAIT_1:
        enter(c, s, !s->from, ESTAB_TCPS_CLOSING, ESTAB_CAUSE_FIN_ARRIVED);
        break;
    case ESTAB_TCPS_FIN_WAIT_2:
        enter(c, s, !s->from, ESTAB_TCPS_TIME_WAIT, ESTAB_CAUSE_FIN_ARRIVED);
        break;
    case ESTAB_TCPS_TIME_WAIT:
        if (s->is_old && s->packet->seg.ctl & ESTAB_CTL_FIN)
            s->verdict = ESTAB_SEG_ACCEPTED_FIN_AGAIN;
        break;
    default:
        break;
    }
}

void
estab_trace_receiver_state(struct connection *c, struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    bool has_octets = seg->len > 0 || (seg->ctl & (ESTAB_CTL_SYN | ESTAB_CTL_FIN)) != 0;

    if (seg->ctl & ESTAB_CTL_RST) {
        rst_arrives(c, s);
        return;
    }
    if (seg->ctl & ESTAB_CTL_SYN) {
        syn_arrives(c, s);
        return;
    }
    if (s->is_stray) {
        s->verdict = ESTAB_SEG_DROP_OUT_OF_WINDOW;
        o->owes_challenge = true;
        return;
    }
    s->verdict = ESTAB_SEG_ACCEPTED;
    if (!o->has_state) { /* joined in the middle */
        if (c->begun == BEGUN_UNSEEN)
            enter(c, s, !s->from, ESTAB_TCPS_ESTABLISHED, ESTAB_CAUSE_NONE);
        else
            return;
    }
    if (o->state == ESTAB_TCPS_CLOSED) {
        s->verdict = ESTAB_SEG_DROP_NO_CONNECTION;
        if (has_octets)
            estab_trace_saw(&e->saw[SAW_AFTER_RESET], p->number);
        return;
    }
    if (o->state == ESTAB_TCPS_SYN_SENT) {
        /* An ACK of something else: this end has a connection that the other has forgotten. */
        if (seg->ctl & ESTAB_CTL_ACK && seg->ack != o->isn + 1) {
            s->verdict = ESTAB_SEG_DROP_ACK_SYN_SENT;
            estab_trace_saw(&e->saw[SAW_OLD_CONNECTION], p->number);
        } else {
            s->verdict = ESTAB_SEG_DROP_NO_SYN;
        }
        return;
    }
    if (seg->ctl & ESTAB_CTL_ACK)
        ack_arrives(c, s);
    if (s->reason == ESTAB_WHY_KEEPALIVE_PROBE || s->reason == ESTAB_WHY_ZERO_WINDOW_PROBE) {
        s->verdict = ESTAB_SEG_ACCEPTED_PROBE;
    } else if (has_octets && s->is_old && o->has_ack &&
               seq_leq(seg->seq + seg->len + ((seg->ctl & ESTAB_CTL_FIN) != 0), o->last_ack)) {
        s->verdict = ESTAB_SEG_DROP_DUPLICATE;
        o->owes_duplicate = true;
    } else if (has_octets && s->is_gap) {
        s->verdict = ESTAB_SEG_ACCEPTED_OUT_OF_ORDER;
        o->owes_duplicate = true;
    }
    if (has_octets || s->verdict == ESTAB_SEG_ACCEPTED_PROBE) {
        if (!o->owes_ack)
            o->got_text_at = p->at;
        o->owes_ack = true;
    }
    o->got_last_at = p->at;
    fin_arrives(c, s);
}
