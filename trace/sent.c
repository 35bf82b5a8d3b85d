/* SPDX-License-Identifier: MIT */
/*
 * What the sender of a segment did: new text, text again and by which rule (RFC 6298, RFC 5681,
 * RFC 6675, RFC 8985), a probe, an ACK and which (RFC 9293 §3.8.6.3); and the books of both ends
 * that this takes: what is on its way, round trips, windows. Called from analysis.c.
 */
#include "trace/analysis.h"

#include "tcp/seq.h"

enum {
    OUTSTANDING_MAX = 8192, /* of one end; older ones are forgotten */
    RTO_UNKNOWN_MS = 1000,  /* before the first round trip, RFC 6298 §2.1 */
    RTO_LEAST_MS = 200,     /* what hosts of today wait beyond the round trip */
    DELAYED_MS = 25         /* an ACK that waited so long had a timer (RFC 9293 §3.8.6.3) */
};

#define RTT_MAX ESTAB_SEC(3600)

void
estab_trace_saw(struct evidence *e, uint64_t number)
{
    if (e->count < EVIDENCE_KEPT)
        e->first[e->count] = number;
    if (e->count < UINT32_MAX)
        e->count++;
    e->last = number;
}

static uint32_t
octets_of(const struct estab_trace_segment *seg)
{
    return seg->len + ((seg->ctl & ESTAB_CTL_SYN) != 0) + ((seg->ctl & ESTAB_CTL_FIN) != 0);
}

static void
start_books(struct end_seen *e, uint32_t first, bool is_syn)
{
    e->has_isn = true;
    e->isn = is_syn ? first : first - 1;
    e->snd_una = e->snd_max = e->contiguous = first;
}

/* ---- what has passed ---- */

/* Takes the first of the ranges that touch the octets in order into them. */
static void
join_held(struct end_seen *e)
{
    unsigned i = 0;

    while (i < e->n_held && seq_leq(e->held[i].left, e->contiguous)) {
        e->contiguous = seq_max(e->contiguous, e->held[i].right);
        i++;
    }
    for (unsigned k = i; k < e->n_held; k++)
        e->held[k - i] = e->held[k];
    e->n_held -= i;
}

static void
pass(struct end_seen *e, uint32_t left, uint32_t right)
{
    unsigned i = 0, to;

    if (seq_leq(left, e->contiguous)) {
        e->contiguous = seq_max(e->contiguous, right);
        join_held(e);
        return;
    }
    while (i < e->n_held && seq_lt(e->held[i].right, left))
        i++;
    to = i;
    while (to < e->n_held && seq_leq(e->held[to].left, right)) {
        left = seq_min(left, e->held[to].left);
        right = seq_max(right, e->held[to].right);
        to++;
    }
    if (to == i) {
        if (e->n_held == ENDS_HELD) { /* what lies in front of the first hole counts as passed */
            e->contiguous = e->held[0].left;
            join_held(e);
            pass(e, left, right);
            return;
        }
        for (unsigned k = e->n_held; k > i; k--)
            e->held[k] = e->held[k - 1];
        e->n_held++;
        to = i + 1;
    }
    e->held[i] = (struct range_seen){ left, right };
    for (unsigned k = to; k < e->n_held; k++)
        e->held[i + 1 + k - to] = e->held[k];
    e->n_held -= to - i - 1;
}

static bool
has_passed(const struct end_seen *e, uint32_t left, uint32_t right)
{
    if (seq_leq(right, e->contiguous))
        return true;
    for (unsigned i = 0; i < e->n_held; i++)
        if (seq_leq(e->held[i].left, left) && seq_leq(right, e->held[i].right))
            return true;
    return false;
}

/* ---- what is on its way ---- */

static void
drop_oldest(struct end_seen *e, struct outstanding_pool *pool)
{
    struct outstanding *n = e->oldest;

    e->oldest = n->next;
    if (e->oldest == NULL)
        e->newest = NULL;
    e->n_outstanding--;
    n->next = pool->free;
    pool->free = n;
}

void
estab_trace_forget_outstanding(struct end_seen *e, struct outstanding_pool *pool)
{
    while (e->oldest != NULL)
        drop_oldest(e, pool);
}

static void
remember(struct end_seen *e, const struct packet_seen *p, uint32_t seq, uint32_t end,
         struct outstanding_pool *pool)
{
    struct outstanding *n;

    if (e->n_outstanding == OUTSTANDING_MAX || (pool->free == NULL && e->oldest != NULL)) {
        drop_oldest(e, pool);
        pool->forgotten++;
    }
    n = pool->free;
    if (n == NULL) {
        pool->forgotten++;
        return;
    }
    pool->free = n->next;
    *n = (struct outstanding){ .seq = seq,
                               .end = end,
                               .first = p->at,
                               .last = p->at,
                               .number = p->number,
                               .ts_val = p->seg.ts_val,
                               .ip_id = p->ip_id,
                               .checksum = p->checksum,
                               .times = 1 };
    if (e->newest != NULL)
        e->newest->next = n;
    else
        e->oldest = n;
    e->newest = n;
    e->n_outstanding++;
}

/* The one that has the octet `seq`; NULL: none, or it has been acknowledged. */
static struct outstanding *
find(const struct end_seen *e, uint32_t seq)
{
    for (struct outstanding *n = e->oldest; n != NULL; n = n->next)
        if (seq_leq(n->seq, seq) && seq_lt(seq, n->end))
            return n;
    return NULL;
}

/* RFC 6298 §2.2, §2.3. */
static void
sample(struct end_seen *e, estab_time rtt)
{
    estab_time delta = e->srtt > rtt ? e->srtt - rtt : rtt - e->srtt;

    if (rtt > RTT_MAX)
        return; /* the clock of the capture has jumped */
    if (e->rtt_samples == 0) {
        e->srtt = rtt;
        e->rttvar = rtt / 2;
        e->rtt_min = e->rtt_max = rtt;
    } else {
        e->rttvar += (delta - e->rttvar) / 4;
        e->srtt += (rtt - e->srtt) / 8;
    }
    e->rtt_last = rtt;
    e->rtt_min = rtt < e->rtt_min ? rtt : e->rtt_min;
    e->rtt_max = rtt > e->rtt_max ? rtt : e->rtt_max;
    if (e->rtt_sum < INT64_MAX / 2)
        e->rtt_sum += rtt / 1000;
    e->rtt_samples++;
}

/* ---- text, SYN and FIN: for the first time ---- */

static uint16_t
why_new(const struct end_seen *e, const struct end_seen *o, const struct segment_seen *s)
{
    const struct estab_trace_segment *seg = &s->packet->seg;

    if (seg->ctl & ESTAB_CTL_SYN) {
        if (seg->ctl & ESTAB_CTL_ACK)
            return s->state[s->from].was_known && s->state[s->from].before == ESTAB_TCPS_SYN_SENT
                       ? ESTAB_WHY_SYN_ACK_CROSSING
                       : ESTAB_WHY_SYN_ACK;
        return seg->len > 0 ? ESTAB_WHY_SYN_FAST_OPEN : ESTAB_WHY_SYN;
    }
    if (o->zero && seg->len == 1)
        return ESTAB_WHY_ZERO_WINDOW_PROBE;
    if (seg->ctl & ESTAB_CTL_FIN)
        return seg->len == 0 ? ESTAB_WHY_FIN : ESTAB_WHY_DATA;
    if (e->duplicate_acks > 0 && e->duplicate_acks < 3 && !e->in_recovery)
        return ESTAB_WHY_LIMITED_TRANSMIT;
    return ESTAB_WHY_DATA;
}

/* ---- and again ---- */

static estab_time
rto_of(const struct end_seen *e, const struct end_seen *o)
{
    estab_time rtt = e->srtt + (o->rtt_samples > 0 ? o->rtt_min : 0);
    estab_time slack = 4 * e->rttvar;

    if (e->rtt_samples == 0)
        return ESTAB_MS(RTO_UNKNOWN_MS);
    return rtt + (slack > ESTAB_MS(RTO_LEAST_MS) ? slack : ESTAB_MS(RTO_LEAST_MS));
}

/* The timer ran from the last time that something moved. */
static estab_time
waited(const struct end_seen *e, const struct outstanding *n, estab_time now)
{
    estab_time from = n != NULL ? n->last : e->sent_at;

    if (e->una_at > from)
        from = e->una_at;
    return now - from;
}

static uint16_t
timed_out(struct end_seen *e)
{
    e->in_recovery = e->after_timeout = true;
    e->recover = e->snd_max;
    return ESTAB_WHY_RETRANSMIT_RTO;
}

/* One sent again that is no SYN: which rule was it? */
static uint16_t
why_again(struct end_seen *e, const struct end_seen *o, const struct packet_seen *p,
          struct outstanding *n)
{
    const struct estab_trace_segment *seg = &p->seg;
    uint32_t end = seg->seq + octets_of(seg);
    bool is_first = seg->seq == e->snd_una, is_tail = end == e->snd_max;
    bool is_sacked_above = e->has_sacked && seq_lt(end, e->sacked_high + 1);
    estab_time rto = rto_of(e, o), since = waited(e, n, p->at);

    if (o->zero || (o->has_wnd && seq_leq(o->right_edge, seg->seq)))
        return ESTAB_WHY_ZERO_WINDOW_PROBE;
    if (e->in_recovery && seq_lt(seg->seq, e->recover)) {
        if (is_first && n != NULL && n->times > 1 && since >= rto - rto / 8)
            return timed_out(e);
        if (e->after_timeout)
            return ESTAB_WHY_RETRANSMIT_LOST;
        return e->has_sacked ? ESTAB_WHY_RETRANSMIT_RACK : ESTAB_WHY_RETRANSMIT_PARTIAL;
    }
    if (is_sacked_above || e->duplicate_acks >= 3) {
        e->in_recovery = true;
        e->after_timeout = false;
        e->recover = e->snd_max;
        return is_sacked_above ? ESTAB_WHY_RETRANSMIT_RACK : ESTAB_WHY_RETRANSMIT_FAST;
    }
    /* RFC 8985 §7.3: the probe takes the last segment; alone on its way it is told from a timeout
     * by being early. */
    if (is_tail && !e->probed && e->rtt_samples > 0 && (!is_first || since < rto - rto / 16)) {
        e->probed = true;
        return ESTAB_WHY_LOSS_PROBE;
    }
    return timed_out(e);
}

static void
count_again(struct end_seen *e, uint16_t reason, uint64_t number)
{
    enum observation o = SAW_OTHER_AGAIN;

    switch (reason) {
    case ESTAB_WHY_RETRANSMIT_FAST:
    case ESTAB_WHY_RETRANSMIT_RACK:
    case ESTAB_WHY_RETRANSMIT_PARTIAL:
        o = SAW_FAST;
        break;
    case ESTAB_WHY_RETRANSMIT_RTO:
        o = SAW_TIMEOUT;
        break;
    case ESTAB_WHY_RETRANSMIT_LOST:
        o = SAW_AFTER_TIMEOUT;
        break;
    case ESTAB_WHY_LOSS_PROBE:
        o = SAW_LOSS_PROBE;
        break;
    case ESTAB_WHY_ZERO_WINDOW_PROBE:
        o = SAW_WINDOW_PROBE;
        break;
    case ESTAB_WHY_KEEPALIVE_PROBE:
        o = SAW_KEEPALIVE;
        e->keepalives_unanswered++;
        break;
    default:
        break;
    }
    estab_trace_saw(&e->saw[o], number);
}

/* The same packet twice: the network's doing, not the sender's. */
static bool
is_doubled(const struct packet_seen *p, const struct outstanding *n)
{
    if (n == NULL || n->seq != p->seg.seq || n->checksum != p->checksum)
        return false;
    if (p->has_ip_id)
        return n->ip_id == p->ip_id;
    /* without a number: the same timestamp, or no time at all for a timer */
    return p->seg.has_ts ? n->ts_val == p->seg.ts_val : p->at - n->last < ESTAB_MS(1);
}

/* Did it pass others on the way? Then it was made before them: an older timestamp, or too soon
 * for any rule of retransmission. */
static bool
is_overtaken(const struct end_seen *e, const struct end_seen *o, const struct packet_seen *p)
{
    estab_time rtt = e->rtt_samples > 0 ? e->rtt_min + (o->rtt_samples > 0 ? o->rtt_min : 0) : 0;

    if (p->seg.has_ts && seq_lt(p->seg.ts_val, e->ts_max))
        return true;
    return p->at - e->hole_at < (rtt > ESTAB_MS(3) ? rtt * 3 / 4 : ESTAB_MS(3));
}

static uint16_t
old_sent(struct connection *c, struct segment_seen *s, struct outstanding_pool *pool)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    uint32_t end = seg->seq + octets_of(seg);
    struct outstanding *n = find(e, seg->seq);
    bool is_bare = (seg->ctl & (ESTAB_CTL_SYN | ESTAB_CTL_FIN)) == 0 && seg->len == 1;
    uint16_t reason;

    s->is_old = has_passed(e, seg->seq, end);
    if (is_bare && seg->seq + 1 == e->snd_max && e->snd_una == e->snd_max &&
        p->at - e->sent_at >= ESTAB_MS(500)) {
        reason = ESTAB_WHY_KEEPALIVE_PROBE;
        count_again(e, reason, p->number);
        return reason;
    }
    if (!s->is_old && !(seg->ctl & ESTAB_CTL_SYN) && is_overtaken(e, o, p)) {
        estab_trace_saw(&e->saw[SAW_REORDERED], p->number);
        remember(e, p, seg->seq, end, pool); /* never again in order, which only costs a sample */
        return ESTAB_WHY_DATA;
    }
    if (s->is_old && is_doubled(p, n)) {
        estab_trace_saw(&e->saw[SAW_DOUBLED], p->number);
        return ESTAB_WHY_NONE;
    }
    if (seg->ctl & ESTAB_CTL_SYN) {
        reason = seg->ctl & ESTAB_CTL_ACK ? ESTAB_WHY_SYN_ACK_AGAIN : ESTAB_WHY_SYN_AGAIN;
    } else {
        reason = why_again(e, o, p, n);
        count_again(e, reason, p->number);
        if (reason != ESTAB_WHY_ZERO_WINDOW_PROBE)
            e->text_again += seg->len;
    }
    if (n != NULL) {
        n->last = p->at;
        n->ts_val = seg->ts_val;
        n->ip_id = p->ip_id;
        n->checksum = p->checksum;
        n->times = (uint8_t)(n->times + (n->times < UINT8_MAX));
        n->was_probe = reason == ESTAB_WHY_LOSS_PROBE;
        if (seg->len > 1000 && n->times == 3 && seg->len > e->acked_large)
            estab_trace_saw(&e->saw[SAW_LARGE_LOST], p->number);
    }
    if (seq_lt(e->snd_max, end))
        remember(e, p, e->snd_max, end, pool);
    return reason;
}

static uint16_t
new_sent(struct connection *c, struct segment_seen *s, struct outstanding_pool *pool)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    uint16_t reason = why_new(e, o, s);

    if (seq_lt(e->snd_max, seg->seq)) {
        s->is_gap = true;
        e->hole_at = p->at;
    } else if (seq_lt(e->contiguous, seg->seq)) {
        s->is_gap = true;
    }
    if (reason == ESTAB_WHY_ZERO_WINDOW_PROBE)
        estab_trace_saw(&e->saw[SAW_WINDOW_PROBE], p->number);
    remember(e, p, seg->seq, seg->seq + octets_of(seg), pool);
    return reason;
}

/* ---- pure ACKs ---- */

static uint16_t
why_ack(struct connection *c, const struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    uint32_t wnd = seg->wnd << (e->has_wscale && o->has_wscale ? e->wscale : 0);

    if (!e->has_ack && e->has_syn && o->has_syn)
        return ESTAB_WHY_HANDSHAKE_ACK;
    if (e->has_isn && e->snd_una == e->snd_max && seg->seq + 1 == e->snd_max && !e->owes_ack &&
        !e->owes_challenge) {
        uint16_t reason = o->zero ? ESTAB_WHY_ZERO_WINDOW_PROBE : ESTAB_WHY_KEEPALIVE_PROBE;

        count_again(e, reason, p->number);
        return reason;
    }
    if (o->zero && e->snd_una != e->snd_max && seg->seq + 1 == e->snd_una) {
        estab_trace_saw(&e->saw[SAW_WINDOW_PROBE], p->number);
        return ESTAB_WHY_ZERO_WINDOW_PROBE;
    }
    if (e->owes_challenge)
        return ESTAB_WHY_CHALLENGE_ACK;
    if (o->has_fin && seg->ack == o->fin_end)
        return e->has_ack && e->last_ack == seg->ack ? ESTAB_WHY_ACK_OF_FIN_AGAIN
                                                     : ESTAB_WHY_ACK_OF_FIN;
    if (e->has_ack && seg->ack == e->last_ack) {
        if (e->owes_duplicate)
            return ESTAB_WHY_ACK_DUPLICATE;
        if (!e->owes_ack && e->has_wnd && wnd > e->last_wnd)
            return ESTAB_WHY_WINDOW_UPDATE;
        return ESTAB_WHY_ACK_UNACCEPTABLE;
    }
    if (e->owes_ack && p->at - e->got_text_at >= ESTAB_MS(DELAYED_MS))
        return ESTAB_WHY_ACK_DELAYED;
    if (e->has_ack && o->largest > 0 && seg->ack - e->last_ack > o->largest)
        return ESTAB_WHY_ACK_SECOND;
    return ESTAB_WHY_ACK_NOW;
}

/* ---- RSTs ---- */

static uint16_t
why_rst(const struct connection *c, const struct segment_seen *s)
{
    const struct estab_trace_segment *seg = &s->packet->seg;
    const struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];

    if (!(seg->ctl & ESTAB_CTL_ACK) && e->has_isn && e->has_syn && seg->seq != e->snd_max)
        return ESTAB_WHY_RST_BAD_ACK;
    if (!s->state[s->from].was_known || s->state[s->from].before == ESTAB_TCPS_CLOSED)
        return ESTAB_WHY_RST_NO_CONNECTION;
    if (s->state[s->from].before == ESTAB_TCPS_SYN_SENT)
        return ESTAB_WHY_RST_BAD_ACK;
    if (e->has_fin)
        return ESTAB_WHY_RST_AFTER_CLOSE;
    if (e->owes_ack && o->text > 0)
        return ESTAB_WHY_RST_UNREAD;
    return ESTAB_WHY_RST_ABORT;
}

/* ---- the other's books: ACK, SACK, window ---- */

static bool
is_dsack(const struct estab_trace_segment *seg)
{
    /* RFC 2883 §4: the first block lies before the ACK, or within the second. */
    if (seg->sack_blocks == 0)
        return false;
    if (seq_leq(seg->sack[0][1], seg->ack))
        return true;
    return seg->sack_blocks > 1 && seq_geq(seg->sack[0][0], seg->sack[1][0]) &&
           seq_leq(seg->sack[0][1], seg->sack[1][1]);
}

static void
take_sack(struct end_seen *o, const struct packet_seen *p)
{
    const struct estab_trace_segment *seg = &p->seg;
    bool has_dsack = is_dsack(seg);

    if (has_dsack && (o->dsack_left != seg->sack[0][0] || o->dsack_right != seg->sack[0][1])) {
        o->dsack_left = seg->sack[0][0];
        o->dsack_right = seg->sack[0][1];
        if (o->text_again > 0)
            estab_trace_saw(&o->saw[SAW_SPURIOUS], p->number);
    }
    for (unsigned i = has_dsack; i < seg->sack_blocks; i++) {
        if (!o->has_sacked || seq_gt(seg->sack[i][1], o->sacked_high))
            o->sacked_high = seg->sack[i][1];
        o->has_sacked = true;
    }
}

/* SND.UNA moves: what was acknowledged leaves the books, the last of it that was sent once gives a
 * round trip (RFC 6298 §3, Karn). */
static void
take_new_ack(const struct end_seen *e, struct end_seen *o, const struct packet_seen *p,
             uint32_t ack, struct outstanding_pool *pool)
{
    estab_time rtt = -1, echoed = -1;
    bool again = false;

    while (o->oldest != NULL && seq_leq(o->oldest->end, ack)) {
        struct outstanding *n = o->oldest;

        if (n->end - n->seq > o->acked_large)
            o->acked_large = n->end - n->seq;
        again |= n->times > 1;
        rtt = p->at - n->first;
        /* RFC 7323 §4.3: the echo says which sending caused the ACK, the first of several. */
        if (echoed < 0 && p->seg.has_ts && o->has_ts && n->ts_val == p->seg.ts_ecr)
            echoed = p->at - n->last;
        /* RFC 3522 §3.2: an echo older than the repetition acknowledges what was sent first. */
        if (n->times > 1 && p->seg.has_ts && seq_lt(p->seg.ts_ecr, n->ts_val) &&
            o->saw[SAW_SPURIOUS].last != p->number && !(o->has_sacked && o->in_recovery))
            estab_trace_saw(&o->saw[SAW_SPURIOUS], p->number);
        drop_oldest(o, pool);
    }
    /* What was sent once behind a hole has waited for what was sent again into it. */
    if (echoed >= 0 || again)
        rtt = echoed;
    if (rtt >= 0) {
        sample(o, rtt);
        o->rtt_number = p->number;
    }
    o->snd_una = ack;
    o->una_at = p->at;
    if (o->has_fin && o->fin_acked_at == 0 && seq_geq(ack, o->fin_end)) {
        o->fin_acked_at = p->at;
        o->has_fin_acked_ts = p->seg.has_ts && o->has_ack && seq_leq(p->seg.seq, o->last_ack);
        o->fin_acked_ts = p->seg.ts_val;
        o->fin_acked_behind =
            seq_gt(p->seg.seq, e->contiguous) ? e->snd_una : p->seg.seq + octets_of(&p->seg);
    }
    o->duplicate_acks = 0;
    o->probed = false;
    if (o->in_recovery && seq_geq(ack, o->recover))
        o->in_recovery = o->after_timeout = false;
    if (o->has_sacked && seq_geq(ack, o->sacked_high))
        o->has_sacked = false;
}

static void
take_ack(struct connection *c, const struct segment_seen *s, struct outstanding_pool *pool)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    uint32_t ack = seg->ack;
    uint32_t wnd = seg->wnd << (e->has_wscale && o->has_wscale ? e->wscale : 0);

    if (!o->has_isn)
        start_books(o, ack, false);
    if (seq_gt(ack, o->snd_max)) {
        if (o->segments == 0) { /* only one direction is captured */
            o->snd_max = o->contiguous = ack;
        } else {
            estab_trace_saw(&e->saw[SAW_ACK_UNSEEN], p->number);
            if (o->has_state && o->state == ESTAB_TCPS_SYN_SENT)
                return;
            ack = o->snd_max;
        }
    }
    if (seq_gt(ack, o->snd_una)) {
        take_new_ack(e, o, p, ack, pool);
    } else if (ack == o->snd_una && octets_of(seg) == 0 && o->snd_una != o->snd_max && e->has_wnd &&
               (wnd == e->last_wnd || seg->sack_blocks > 0)) {
        o->duplicate_acks += o->duplicate_acks < UINT32_MAX;
    }
    take_sack(o, p);
    /* What caused this ACK had left the other end a round trip ago at the latest. */
    if (seq_geq(ack, o->contiguous))
        e->lacks_text = false;
    else if (e->has_ack && ack == e->last_ack && o->contiguous_at > 0 && o->rtt_samples > 0 &&
             p->at >= o->contiguous_at + o->rtt_min)
        e->lacks_text = true;
    if (!e->has_ack || seq_gt(seg->ack, e->last_ack) || seg->ack == o->snd_una)
        e->last_ack = seg->ack;
    e->has_ack = true;
}

static void
take_window(struct connection *c, const struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];
    bool is_syn = (seg->ctl & ESTAB_CTL_SYN) != 0;
    uint32_t wnd = seg->wnd << (!is_syn && e->has_wscale && o->has_wscale ? e->wscale : 0);
    uint32_t edge = seg->ack + wnd;

    if (!(seg->ctl & ESTAB_CTL_ACK) || (o->has_isn && seq_lt(seg->ack, o->snd_una)))
        return;
    if (e->has_wnd && !is_syn && seq_lt(edge, e->right_edge)) {
        /* RFC 9293 §3.8.6 (SHLD-14); one unit of the scale is rounding. */
        if (e->right_edge - edge >= 1u << (e->has_wscale ? e->wscale : 0))
            estab_trace_saw(&e->saw[SAW_SHRUNK], p->number);
    }
    if (wnd == 0 && !e->zero && !is_syn) {
        e->zero = true;
        e->zero_since = p->at;
        estab_trace_saw(&e->saw[SAW_ZERO_WINDOW], p->number);
    } else if (wnd > 0 && e->zero) {
        e->zero = false;
        e->zero_time += p->at - e->zero_since;
    }
    e->right_edge = edge;
    e->last_wnd = wnd;
    if (wnd > e->wnd_max)
        e->wnd_max = wnd;
    e->has_wnd = true;
}

/* How long an end had text on its way, and how long the window alone held it back. */
static void
clocks(struct connection *c, unsigned side, estab_time now)
{
    struct end_seen *e = &c->end[side], *o = &c->end[!side];
    uint32_t flight = e->snd_max - e->snd_una;
    bool is_busy = e->text > 0 && flight > 0;
    bool is_limited = is_busy && c->begun == BEGUN_WHOLE && o->has_wnd && e->largest > 0 &&
                      flight + e->largest > o->last_wnd;

    if (e->busy_since > 0)
        e->busy_time += now - e->busy_since;
    if (e->limited_since > 0)
        e->limited_time += now - e->limited_since;
    e->busy_since = is_busy ? now : 0;
    e->limited_since = is_limited ? now : 0;
}

/* ---- patterns over several segments ---- */

/* RFC 896 meets RFC 1122 §4.2.3.2: a short segment alone on its way, its ACK delayed, and more
 * text the moment the ACK comes. */
static void
watch_for_stalls(struct connection *c, const struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];

    if (seg->len > 0) {
        if (e->stall_acked_at > 0 && s->reason == ESTAB_WHY_DATA &&
            p->at - e->stall_acked_at <= ESTAB_MS(3)) {
            estab_trace_saw(&e->saw[SAW_STALL], e->stall_number);
            e->stall_time += e->stall_acked_at - e->stall_at;
        }
        e->stall_acked_at = 0;
        e->stall_possible = s->reason == ESTAB_WHY_DATA && e->snd_una == seg->seq &&
                            seg->len < (e->largest > 500 ? e->largest : 500);
        e->stall_at = p->at;
        e->stall_end = seg->seq + seg->len;
        e->stall_number = p->number;
        o->stall_possible = false;
    } else if (o->stall_possible && seg->ack == o->stall_end &&
               s->reason == ESTAB_WHY_ACK_DELAYED && p->at - o->stall_at <= ESTAB_MS(500)) {
        o->stall_acked_at = p->at;
        o->stall_possible = false;
    }
}

/* How long the other took to answer a question with text. */
static void
watch_answers(struct connection *c, const struct segment_seen *s)
{
    const struct packet_seen *p = s->packet;
    struct end_seen *e = &c->end[s->from], *o = &c->end[!s->from];

    if (p->seg.len == 0 || s->is_old)
        return;
    if (o->asked_at > 0 && p->at - o->asked_at > o->slowest_answer) {
        o->slowest_answer = p->at - o->asked_at;
        o->slowest_question = o->asked_number;
        o->slowest_number = p->number;
    }
    o->asked_at = 0;
    e->asked_at = p->at;
    e->asked_number = p->number;
}

/* ---- all of it ---- */

static void
take_options(struct end_seen *e, const struct packet_seen *p)
{
    const struct estab_trace_segment *seg = &p->seg;

    if (seg->ctl & ESTAB_CTL_SYN) {
        e->has_syn = true;
        e->has_mss = seg->has_mss;
        e->mss = seg->mss;
        e->has_wscale = seg->has_wscale;
        e->wscale = seg->wscale < 14 ? seg->wscale : 14;
        e->sack_permitted = seg->sack_permitted;
        e->has_ts = seg->has_ts;
        e->ecn_setup = (seg->ctl & ESTAB_CTL_ECE) != 0;
        e->fast_open = seg->has_fast_open;
    }
    if (seg->has_ts && (seg->ctl & ESTAB_CTL_RST) == 0 &&
        (e->segments == 1 || seq_gt(seg->ts_val, e->ts_max)))
        e->ts_max = seg->ts_val;
    if (!e->has_ttl && !(seg->ctl & ESTAB_CTL_RST)) {
        e->has_ttl = true;
        e->ttl = p->ttl;
    }
    if (p->ecn == 3)
        estab_trace_saw(&e->saw[SAW_MARKED], p->number);
    if (seg->ctl & ESTAB_CTL_ECE && !(seg->ctl & ESTAB_CTL_SYN))
        estab_trace_saw(&e->saw[SAW_ECHO], p->number);
}

static void
take_sequence(struct connection *c, struct segment_seen *s, struct outstanding_pool *pool)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from];
    uint32_t end = seg->seq + octets_of(seg), contiguous;
    bool is_syn = (seg->ctl & ESTAB_CTL_SYN) != 0;

    if (!e->has_isn || (is_syn && !e->has_syn))
        start_books(e, seg->seq, is_syn);
    if (seq_gt(seg->seq, e->snd_max) && seg->seq - e->snd_max > 1u << 30)
        return; /* nothing of this connection */
    if (octets_of(seg) == 0) {
        if (seq_gt(seg->seq, e->snd_max) && seg->ctl & ESTAB_CTL_ACK) {
            s->is_gap = true; /* what lies between has not been captured */
            estab_trace_saw(&e->saw[SAW_NOT_CAPTURED], p->number);
            e->snd_max = e->contiguous = seg->seq;
            e->n_held = 0;
        }
        s->reason = why_ack(c, s);
        e->pure_acks++;
        return;
    }
    s->reason = seq_geq(seg->seq, e->snd_max) ? new_sent(c, s, pool) : old_sent(c, s, pool);
    contiguous = e->contiguous;
    pass(e, seg->seq, end);
    if (e->contiguous != contiguous)
        e->contiguous_at = p->at;
    if (seq_lt(e->snd_max, end))
        e->snd_max = end;
    e->sent_at = p->at;
    if (seg->len > 0) {
        if (!s->is_old)
            e->text += seg->len;
        if (seg->len > e->largest)
            e->largest = seg->len;
        if (e->first_text_at == 0)
            e->first_text_at = p->at;
        e->last_text_at = p->at;
        if (seg->len < 100 && s->reason == ESTAB_WHY_DATA)
            estab_trace_saw(&e->saw[SAW_TINY], p->number);
        if (c->end[!s->from].has_mss && seg->len > c->end[!s->from].mss)
            estab_trace_saw(&e->saw[SAW_BEYOND_MSS], p->number);
        if (e->has_fin && seq_geq(seg->seq, e->fin_end))
            estab_trace_saw(&e->saw[SAW_DATA_AFTER_FIN], p->number);
    }
    if (is_syn)
        estab_trace_saw(&e->saw[seg->ctl & ESTAB_CTL_ACK ? SAW_SYN_ACK : SAW_SYN], p->number);
}

void
estab_trace_sent(struct connection *c, struct segment_seen *s, struct outstanding_pool *pool)
{
    const struct packet_seen *p = s->packet;
    const struct estab_trace_segment *seg = &p->seg;
    struct end_seen *e = &c->end[s->from];

    e->segments++;
    e->octets += p->octets;
    if (!(seg->ctl & ESTAB_CTL_RST))
        c->end[!s->from].keepalives_unanswered = 0;
    take_options(e, p);
    if (seg->ctl & ESTAB_CTL_RST) {
        s->reason = why_rst(c, s);
        estab_trace_saw(&e->saw[SAW_RST], p->number);
        if (e->has_ttl && (e->ttl > p->ttl + 3 || p->ttl > e->ttl + 3))
            estab_trace_saw(&e->saw[SAW_TTL], p->number);
        return;
    }
    if (s->is_stray) {
        s->reason = ESTAB_WHY_NONE;
        return;
    }
    take_sequence(c, s, pool);
    if ((seg->ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK)) == ESTAB_CTL_SYN)
        e->last_wnd = seg->wnd; /* RFC 7323 §2.2: never scaled */
    if (seg->ctl & ESTAB_CTL_ACK) {
        take_ack(c, s, pool);
        take_window(c, s);
        e->owes_ack = e->owes_duplicate = e->owes_challenge = false;
    }
    watch_for_stalls(c, s);
    watch_answers(c, s);
    clocks(c, END_A, p->at);
    clocks(c, END_B, p->at);
}
