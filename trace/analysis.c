/* SPDX-License-Identifier: MIT */
/*
 * Finds the connection of each segment and asks the other rooms about it. Connections stand in a
 * table with a keyed hash and in a list by last use: when all places are taken, the one that has
 * been silent longest is told of and makes room.
 */
#include "trace/analysis.h"

#include "base/bytes.h"
#include "base/siphash.h"
#include "tcp/seq.h"

#include <stdlib.h>
#include <string.h>

struct analysis {
    struct analysis_options options;
    struct analysis_totals totals;
    struct siphash_key key;
    struct connection **bucket;
    uint32_t buckets;                   /* a power of two */
    struct connection *newest, *oldest; /* by last use */
    uint32_t held;
    struct connection **sorted; /* for the end */
    struct outstanding *outstanding;
    struct outstanding_pool pool;
};

/* ---- the table ---- */

static bool
same_end(const struct estab_endpoint *a, const struct estab_endpoint *b)
{
    return a->port == b->port && a->addr.family == b->addr.family &&
           memcmp(a->addr.bytes, b->addr.bytes, sizeof a->addr.bytes) == 0;
}

/* The same for both directions. */
static uint64_t
hash_of(const struct analysis *a, const struct estab_endpoint *x, const struct estab_endpoint *y)
{
    uint8_t octets[2 * 18 + 1];
    int order = memcmp(x->addr.bytes, y->addr.bytes, sizeof x->addr.bytes);

    if (order > 0 || (order == 0 && x->port > y->port)) {
        const struct estab_endpoint *other = x;

        x = y;
        y = other;
    }
    memcpy(octets, x->addr.bytes, 16);
    put_be16(octets + 16, x->port);
    memcpy(octets + 18, y->addr.bytes, 16);
    put_be16(octets + 34, y->port);
    octets[36] = x->addr.family;
    return estab_siphash13(&a->key, octets, sizeof octets);
}

static struct connection *
find(const struct analysis *a, uint64_t hash, const struct estab_endpoint *x,
     const struct estab_endpoint *y, unsigned *from)
{
    struct connection *c = a->bucket[hash & (a->buckets - 1)];

    for (; c != NULL; c = c->chain) {
        if (c->hash != hash)
            continue;
        if (same_end(&c->end[END_A].at, x) && same_end(&c->end[END_B].at, y)) {
            *from = END_A;
            return c;
        }
        if (same_end(&c->end[END_B].at, x) && same_end(&c->end[END_A].at, y)) {
            *from = END_B;
            return c;
        }
    }
    return NULL;
}

static void
leave_table(struct analysis *a, struct connection *c)
{
    struct connection **at = &a->bucket[c->hash & (a->buckets - 1)];

    while (*at != NULL && *at != c)
        at = &(*at)->chain;
    if (*at == c)
        *at = c->chain;
    c->chain = NULL;
}

static void
leave_list(struct analysis *a, struct connection *c)
{
    *(c->newer != NULL ? &c->newer->older : &a->newest) = c->older;
    *(c->older != NULL ? &c->older->newer : &a->oldest) = c->newer;
    c->newer = c->older = NULL;
}

static void
enter_list(struct analysis *a, struct connection *c)
{
    c->older = a->newest;
    c->newer = NULL;
    *(a->newest != NULL ? &a->newest->newer : &a->oldest) = c;
    a->newest = c;
}

static void
retire(struct analysis *a, struct connection *c)
{
    c->seen_until = a->totals.last_at;
    if (c->end[END_A].zero)
        c->end[END_A].zero_time += c->last_at - c->end[END_A].zero_since;
    if (c->end[END_B].zero)
        c->end[END_B].zero_time += c->last_at - c->end[END_B].zero_since;
    if (a->options.connection != NULL)
        a->options.connection(a->options.ctx, c);
    leave_table(a, c);
    leave_list(a, c);
    estab_trace_forget_outstanding(&c->end[END_A], &a->pool);
    estab_trace_forget_outstanding(&c->end[END_B], &a->pool);
    a->held--;
    free(c);
}

/* Who opened: the sender of a SYN, the receiver of a SYN,ACK; in the middle the one with the
 * higher port, because servers wait at low ones. */
static bool
is_from_a(const struct packet_seen *p)
{
    unsigned syn = p->seg.ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK);

    if (syn == ESTAB_CTL_SYN)
        return true;
    if (syn == (ESTAB_CTL_SYN | ESTAB_CTL_ACK))
        return false;
    return p->from.port >= p->to.port;
}

static struct connection *
make(struct analysis *a, const struct packet_seen *p, uint64_t hash)
{
    struct connection *c;
    bool from_a = is_from_a(p);

    if (a->held == a->options.max_connections) {
        a->totals.evicted++;
        retire(a, a->oldest);
    }
    c = calloc(1, sizeof *c);
    if (c == NULL && a->oldest != NULL) {
        a->totals.evicted++;
        retire(a, a->oldest);
        c = calloc(1, sizeof *c);
    }
    if (c == NULL)
        return NULL;
    c->number = ++a->totals.connections;
    c->end[END_A].at = from_a ? p->from : p->to;
    c->end[END_B].at = from_a ? p->to : p->from;
    c->first_number = p->number;
    c->first_at = p->at;
    c->hash = hash;
    c->chain = a->bucket[hash & (a->buckets - 1)];
    a->bucket[hash & (a->buckets - 1)] = c;
    enter_list(a, c);
    a->held++;
    if ((p->seg.ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK | ESTAB_CTL_RST)) == ESTAB_CTL_SYN) {
        c->begun = BEGUN_SYN;
        c->text_in_syn = p->seg.len > 0;
    }
    return c;
}

/* Is this SYN the first of another connection between the same ports? */
static bool
begins_another(const struct connection *c, const struct packet_seen *p, unsigned from)
{
    const struct end_seen *e = &c->end[from], *o = &c->end[!from];

    if ((p->seg.ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK | ESTAB_CTL_RST)) != ESTAB_CTL_SYN)
        return false;
    if (e->has_syn)
        return e->isn != p->seg.seq;
    if (e->segments == 0 && o->has_state && o->state == ESTAB_TCPS_SYN_SENT)
        return false; /* they cross */
    return true;
}

static bool
is_over(const struct connection *c)
{
    for (unsigned i = 0; i < 2; i++)
        if (c->end[i].has_state && c->end[i].state != ESTAB_TCPS_CLOSED &&
            c->end[i].state != ESTAB_TCPS_TIME_WAIT)
            return false;
    return true;
}

/* ---- packets ---- */

/* What a RST may be the answer to: the last segment of the other end. */
static void
note_before_rst(struct connection *c, const struct packet_seen *p, unsigned from)
{
    if (c->ended == ENDED_RESET || !(p->seg.ctl & ESTAB_CTL_RST))
        return;
    c->reset_after = p->at - c->end[!from].sent_at;
    c->reset_idle = c->idle_before_last;
    c->reset_answers_text = c->end[!from].text > 0 && c->end[!from].asked_at > 0;
    c->reset_answers = c->end[!from].asked_number;
}

static void
segment(struct analysis *a, const struct packet_seen *p)
{
    uint64_t hash = hash_of(a, &p->from, &p->to);
    unsigned from = END_A;
    struct connection *c = find(a, hash, &p->from, &p->to, &from);
    struct segment_seen s = { .packet = p, .is_new = c == NULL };
    struct end_seen *e;

    if (c != NULL && begins_another(c, p, from)) {
        c->reused = true;
        c->half_open = !is_over(c);
        leave_table(a, c);
        c = NULL;
        s.is_new = true;
    }
    if (c == NULL) {
        c = make(a, p, hash);
        if (c == NULL)
            return;
        from = is_from_a(p) ? END_A : END_B;
    }
    leave_list(a, c);
    enter_list(a, c);
    s.conn = c;
    s.from = (uint8_t)from;
    e = &c->end[from];
    if (!s.is_new && p->at - c->last_at >= ESTAB_SEC(1))
        c->idle_before_last = p->at - c->last_at;
    c->segments++;
    c->last_at = p->at;
    c->last_number = p->number;
    if (p->damaged && e->good_checksums > e->bad_checksums) {
        a->totals.damaged++;
        estab_trace_saw(&e->saw[SAW_DAMAGED], p->number);
        s.verdict = ESTAB_SEG_DROP_CHECKSUM;
        for (unsigned i = 0; i < 2; i++) {
            s.state[i].known = s.state[i].was_known = c->end[i].has_state;
            s.state[i].before = s.state[i].after = c->end[i].state;
        }
    } else {
        e->good_checksums += p->summed && !p->damaged;
        e->bad_checksums += p->damaged;
        note_before_rst(c, p, from);
        estab_trace_sender_state(c, &s);
        estab_trace_sent(c, &s, &a->pool);
        estab_trace_receiver_state(c, &s);
    }
    if (*p->comment != '\0') {
        estab_trace_told(&s);
        c->told += s.reason_told || s.verdict_told;
    }
    if (a->options.segment != NULL)
        a->options.segment(a->options.ctx, &s);
}

static void
icmp(struct analysis *a, const struct icmp_seen *i, uint64_t number)
{
    unsigned from = END_A;
    struct connection *c = find(a, hash_of(a, &i->local, &i->remote), &i->local, &i->remote, &from);
    bool is_big = i->family == ESTAB_INET ? i->type == 3 && i->code == 4 : i->type == 2;

    a->totals.icmp++;
    if (c == NULL)
        return;
    estab_trace_saw(&c->end[from].saw[is_big ? SAW_TOO_BIG : SAW_ICMP], number);
    if (!is_big && c->icmp_number == 0) {
        c->icmp_family = i->family;
        c->icmp_type = i->type;
        c->icmp_code = i->code;
        c->icmp_from = i->from;
        c->icmp_number = number;
    }
}

void
estab_analysis_packet(struct analysis *a, const struct capture_packet *packet)
{
    struct packet_seen p = { .number = packet->number,
                             .at = packet->at,
                             .comment = packet->comment };
    struct icmp_seen error;
    const uint8_t *ip;
    uint32_t len, wire_len;

    if (a->totals.packets++ == 0)
        a->totals.first_at = packet->at;
    a->totals.last_at = packet->at;
    if (!estab_captured_link_is_read(packet->link)) {
        a->totals.unread++;
        a->totals.unknown_link = packet->link;
        return;
    }
    if (!estab_captured_ip(packet, &ip, &len, &wire_len)) {
        a->totals.other++;
        return;
    }
    switch (estab_trace_parse(&p, &error, ip, len, wire_len)) {
    case PARSED_TCP:
        a->totals.tcp++;
        segment(a, &p);
        break;
    case PARSED_ICMP:
        icmp(a, &error, packet->number);
        break;
    case PARSED_FRAGMENT:
        a->totals.fragments++;
        break;
    case PARSED_MALFORMED:
        a->totals.malformed++;
        break;
    case PARSED_OTHER:
        a->totals.other++;
        break;
    }
}

/* ---- the whole ---- */

struct analysis *
estab_analysis_new(const struct analysis_options *options)
{
    struct analysis *a = calloc(1, sizeof *a);

    if (a == NULL)
        return NULL;
    a->options = *options;
    if (a->options.max_connections == 0)
        a->options.max_connections = 65536;
    if (a->options.max_outstanding == 0)
        a->options.max_outstanding = 262144;
    a->key.k0 = get_le64(options->key);
    a->key.k1 = get_le64(options->key + 8);
    for (a->buckets = 16; a->buckets < a->options.max_connections && a->buckets < 1u << 24;)
        a->buckets *= 2;
    a->bucket = calloc(a->buckets, sizeof(struct connection *));
    a->sorted = calloc(a->options.max_connections, sizeof(struct connection *));
    a->outstanding = calloc(a->options.max_outstanding, sizeof *a->outstanding);
    if (a->bucket == NULL || a->sorted == NULL || a->outstanding == NULL) {
        estab_analysis_free(a);
        return NULL;
    }
    for (uint32_t i = a->options.max_outstanding; i-- > 0;) {
        a->outstanding[i].next = a->pool.free;
        a->pool.free = &a->outstanding[i];
    }
    return a;
}

static int
by_number(const void *x, const void *y)
{
    const struct connection *const *a = x, *const *b = y;

    return ((*a)->number > (*b)->number) - ((*a)->number < (*b)->number);
}

void
estab_analysis_finish(struct analysis *a)
{
    uint32_t n = 0;

    for (struct connection *c = a->newest; c != NULL; c = c->older)
        a->sorted[n++] = c;
    qsort(a->sorted, n, sizeof a->sorted[0], by_number);
    for (uint32_t i = 0; i < n; i++)
        retire(a, a->sorted[i]);
}

const struct analysis_totals *
estab_analysis_totals(const struct analysis *a)
{
    return &a->totals;
}

void
estab_analysis_free(struct analysis *a)
{
    if (a == NULL)
        return;
    while (a->oldest != NULL) {
        struct connection *c = a->oldest;

        leave_list(a, c);
        free(c);
    }
    free(a->bucket);
    free(a->sorted);
    free(a->outstanding);
    free(a);
}
