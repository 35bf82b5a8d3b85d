/* SPDX-License-Identifier: MIT */
/*
 * Pairs the packets of two captures. A packet sent twice is two packets: they are told apart by IPv4
 * identification and timestamp, and where something between has rewritten these, by their order.
 * Called by cli/trace_diff.c.
 */
#include "trace/diff.h"
#include "trace/analysis.h"
#include "view/row.h"

#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX

#define TIME_MAX (INT64_MAX / 8) /* so that sums and differences of clocks are numbers */

struct diff_packet {
    uint64_t key, number;
    estab_time at;
    struct estab_endpoint from, to;
    struct estab_trace_segment seg;
    uint64_t text; /* a digest of it; 0: not captured whole */
    uint16_t ip_id;
    uint8_t ecn;
    uint32_t partner; /* its index at the other side */
};

struct packets {
    struct diff_packet *p;
    uint32_t n, room;
};

struct diff {
    struct packets side[2];
    struct diff_result result;
    bool forward_is_to_b; /* from the lesser endpoint to the greater */
};

struct diff *
estab_diff_new(void)
{
    return calloc(1, sizeof(struct diff));
}

void
estab_diff_free(struct diff *d)
{
    if (d == NULL)
        return;
    free(d->side[DIFF_A].p);
    free(d->side[DIFF_B].p);
    free(d);
}

/* ---- taking them in ---- */

static uint64_t
mix(uint64_t h, const void *data, size_t n)
{
    const uint8_t *p = data;

    for (size_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static uint64_t
digest_of_text(const struct packet_seen *p)
{
    const uint8_t *ip = p->packet;
    uint32_t end =
        ip[0] >> 4 == 4 ? (uint32_t)(ip[2] << 8 | ip[3]) : 40 + (uint32_t)(ip[4] << 8 | ip[5]);

    if (p->seg.len == 0 || end > p->packet_len || p->seg.len > end)
        return 0;
    return mix(0xcbf29ce484222325u, ip + end - p->seg.len, p->seg.len) | 1;
}

static bool
make_room(struct packets *s)
{
    uint32_t room = s->room > 0 ? s->room * 2 : 1024;
    struct diff_packet *p;

    if (s->n < s->room)
        return true;
    p = realloc(s->p, room * sizeof *p);
    if (p == NULL)
        return false;
    s->p = p;
    s->room = room;
    return true;
}

bool
estab_diff_take(struct diff *d, unsigned side, const struct capture_packet *packet)
{
    struct packets *s = &d->side[side];
    struct packet_seen p = { .number = packet->number, .at = packet->at, .comment = "" };
    struct icmp_seen error;
    const uint8_t *ip;
    uint32_t len, wire_len;

    if (!estab_captured_link_is_read(packet->link) ||
        !estab_captured_ip(packet, &ip, &len, &wire_len) ||
        estab_trace_parse(&p, &error, ip, len, wire_len) != PARSED_TCP)
        return true;
    if (s->n == DIFF_PACKETS_MAX) {
        d->result.left_out[side]++;
        return true;
    }
    if (!make_room(s))
        return false;
    s->p[s->n++] = (struct diff_packet){ .number = p.number,
                                         .at = p.at < TIME_MAX ? p.at : TIME_MAX,
                                         .from = p.from,
                                         .to = p.to,
                                         .seg = p.seg,
                                         .text = digest_of_text(&p),
                                         .ip_id = p.has_ip_id ? p.ip_id : 0,
                                         .ecn = p.ecn,
                                         .partner = NOBODY };
    return true;
}

/* ---- which is which ---- */

static uint64_t
mix_endpoint(uint64_t h, const struct estab_endpoint *e)
{
    h = mix(h, &e->addr.family, sizeof e->addr.family);
    h = mix(h, e->addr.bytes, sizeof e->addr.bytes);
    return mix(h, &e->port, sizeof e->port);
}

/* What no box on the way changes; with `exact` also what few change. */
static uint64_t
key_of(const struct diff_packet *p, bool exact)
{
    uint8_t ctl = p->seg.ctl & (ESTAB_CTL_SYN | ESTAB_CTL_FIN | ESTAB_CTL_RST);
    uint64_t h = 0xcbf29ce484222325u;

    h = mix_endpoint(mix_endpoint(h, &p->from), &p->to);
    h = mix(h, &p->seg.seq, sizeof p->seg.seq);
    h = mix(h, &p->seg.len, sizeof p->seg.len);
    h = mix(h, &p->seg.ack, sizeof p->seg.ack);
    h = mix(h, &ctl, sizeof ctl);
    if (exact) {
        h = mix(h, &p->ip_id, sizeof p->ip_id);
        if (p->seg.has_ts)
            h = mix(h, &p->seg.ts_val, sizeof p->seg.ts_val);
    }
    return h;
}

struct entry {
    uint64_t key;
    uint32_t index;
};

static int
by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Those that have no partner yet, by their keys. */
static struct entry *
alone(const struct packets *s, bool exact, uint32_t *n)
{
    struct entry *e = malloc((s->n + 1) * sizeof *e);

    *n = 0;
    if (e == NULL)
        return NULL;
    for (uint32_t i = 0; i < s->n; i++)
        if (s->p[i].partner == NOBODY)
            e[(*n)++] = (struct entry){ key_of(&s->p[i], exact), i };
    qsort(e, *n, sizeof *e, by_key);
    return e;
}

static void
pair(struct diff *d, bool exact)
{
    struct packets *a = &d->side[DIFF_A], *b = &d->side[DIFF_B];
    uint32_t n[2], i = 0, k = 0;
    struct entry *x = alone(a, exact, &n[0]), *y = alone(b, exact, &n[1]);

    while (x != NULL && y != NULL && i < n[0] && k < n[1]) {
        if (x[i].key == y[k].key) {
            a->p[x[i].index].partner = y[k].index;
            b->p[y[k].index].partner = x[i].index;
            d->result.both++;
            i++;
            k++;
        } else if (x[i].key < y[k].key) {
            i++;
        } else {
            k++;
        }
    }
    free(x);
    free(y);
}

/* ---- the clocks ---- */

static bool
is_forward(const struct diff_packet *p)
{
    int order = memcmp(p->from.addr.bytes, p->to.addr.bytes, sizeof p->from.addr.bytes);

    return order != 0 ? order < 0 : p->from.port < p->to.port;
}

/* Of a packet from A to B clock B shows the offset and its way, of one from B to A the offset less
 * its way: the least of the first and the most of the second enclose the offset. */
static void
compare_clocks(struct diff *d)
{
    const struct packets *a = &d->side[DIFF_A], *b = &d->side[DIFF_B];
    estab_time least[2] = { INT64_MAX, INT64_MAX }, most[2] = { INT64_MIN, INT64_MIN };
    estab_time gap[2];
    unsigned to_b;

    for (uint32_t i = 0; i < a->n; i++) {
        const struct diff_packet *p = &a->p[i];
        estab_time apart;
        unsigned way = is_forward(p);

        if (p->partner == NOBODY)
            continue;
        apart = b->p[p->partner].at - p->at;
        least[way] = apart < least[way] ? apart : least[way];
        most[way] = apart > most[way] ? apart : most[way];
    }
    d->forward_is_to_b = true;
    if (least[0] == INT64_MAX || least[1] == INT64_MAX)
        return;
    for (unsigned way = 0; way < 2; way++)
        gap[way] = least[way] - most[!way]; /* if this way leads to B */
    to_b = gap[1] >= gap[0];
    d->forward_is_to_b = to_b == 1;
    d->result.has_offset = true;
    d->result.round_trip = gap[to_b] > 0 ? gap[to_b] : 0;
    d->result.offset = most[!to_b] + (least[to_b] - most[!to_b]) / 2;
}

static bool
goes_to_b(const struct diff *d, const struct diff_packet *p)
{
    return is_forward(p) == d->forward_is_to_b;
}

/* Was the other side capturing when it passed here? */
static bool
was_watched(const struct diff *d, unsigned side, const struct diff_packet *p)
{
    const struct packets *o = &d->side[!side];
    estab_time at = p->at + (side == DIFF_A ? d->result.offset : -d->result.offset);

    return o->n > 0 && at >= o->p[0].at - d->result.round_trip && at <= o->p[o->n - 1].at;
}

/* ---- what is different ---- */

/* Adds what differs, and returns whether anything does. */
static bool
differences(const struct diff_packet *a, const struct diff_packet *b, struct phrase *what)
{
    const struct estab_trace_segment *x = &a->seg, *y = &b->seg;
    size_t before = what->len;

    if (x->has_mss != y->has_mss || x->mss != y->mss)
        estab_phrase_add(what, ", MSS %u is %u", (unsigned)x->mss, (unsigned)y->mss);
    if (x->has_wscale != y->has_wscale)
        estab_phrase_add(what, ", window scale %s", x->has_wscale ? "stripped" : "put in");
    else if (x->wscale != y->wscale)
        estab_phrase_add(what, ", window scale %u is %u", (unsigned)x->wscale, (unsigned)y->wscale);
    if (x->sack_permitted != y->sack_permitted)
        estab_phrase_add(what, ", SACK-permitted %s", x->sack_permitted ? "stripped" : "put in");
    if (x->has_ts != y->has_ts)
        estab_phrase_add(what, ", timestamps %s", x->has_ts ? "stripped" : "put in");
    else if (x->ts_val != y->ts_val || x->ts_ecr != y->ts_ecr)
        estab_phrase_add(what, ", timestamps rewritten");
    if (x->sack_blocks != y->sack_blocks || memcmp(x->sack, y->sack, sizeof x->sack) != 0)
        estab_phrase_add(what, ", SACK blocks changed");
    if (x->wnd != y->wnd)
        estab_phrase_add(what, ", window %u is %u", (unsigned)x->wnd, (unsigned)y->wnd);
    if (x->ctl != y->ctl)
        estab_phrase_add(what, ", control bits %02x are %02x", (unsigned)x->ctl, (unsigned)y->ctl);
    if (a->ecn != b->ecn)
        estab_phrase_add(what, b->ecn == 3 ? ", congestion marked" : ", ECN changed");
    if (a->text != 0 && b->text != 0 && a->text != b->text)
        estab_phrase_add(what, ", text changed");
    return what->len > before;
}

const struct diff_result *
estab_diff_match(struct diff *d)
{
    struct diff_result *r = &d->result;

    pair(d, true);
    pair(d, false);
    compare_clocks(d);
    for (unsigned side = 0; side < 2; side++) {
        const struct packets *s = &d->side[side];

        r->packets[side] = s->n;
        for (uint32_t i = 0; i < s->n; i++) {
            const struct diff_packet *p = &s->p[i];
            struct phrase what = { .len = 0 };
            bool leaves = goes_to_b(d, p) == (side == DIFF_A);

            if (p->partner != NOBODY) {
                const struct diff_packet *o = &d->side[!side].p[p->partner];

                r->altered += leaves && differences(p, o, &what);
            } else if (!was_watched(d, side, p)) {
                r->outside++;
            } else if (leaves) {
                r->lost[side]++;
            } else {
                r->made[side]++;
            }
        }
    }
    return r;
}

/* ---- telling it ---- */

struct out {
    view_write_fn *write;
    void *ctx;
    int error;
};

static void
put(struct out *o, struct phrase *p)
{
    if (o->error == 0)
        o->error = o->write(o->ctx, p->s, p->len);
    p->len = 0;
    p->s[0] = '\0';
}

static void
add_packet(struct phrase *p, const struct diff_packet *packet)
{
    static const struct {
        uint8_t bit;
        char name;
    } bits[] = { { ESTAB_CTL_SYN, 'S' },
                 { ESTAB_CTL_FIN, 'F' },
                 { ESTAB_CTL_RST, 'R' },
                 { ESTAB_CTL_PSH, 'P' },
                 { ESTAB_CTL_ACK, '.' } };
    char from[ESTAB_ENDPOINT_TEXT], to[ESTAB_ENDPOINT_TEXT];

    estab_phrase_add(p, "    packet %llu: %s > %s [", (unsigned long long)packet->number,
                     estab_endpoint_format(&packet->from, from),
                     estab_endpoint_format(&packet->to, to));
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
        if (packet->seg.ctl & bits[i].bit)
            estab_phrase_add(p, "%c", bits[i].name);
    estab_phrase_add(p, "] seq %u ack %u len %u", (unsigned)packet->seg.seq,
                     (unsigned)packet->seg.ack, (unsigned)packet->seg.len);
}

enum kind { LOST, MADE, ALTERED };

/* The packets of one kind; of those altered, the sender's side tells. */
static void
tell(const struct diff *d, struct out *out, unsigned side, enum kind kind, unsigned lines,
     uint64_t all)
{
    const struct packets *s = &d->side[side];
    struct phrase p = { .len = 0 };
    uint64_t n = 0;

    for (uint32_t i = 0; i < s->n && (lines == 0 || n < lines); i++) {
        const struct diff_packet *packet = &s->p[i];
        bool leaves = goes_to_b(d, packet) == (side == DIFF_A);
        struct phrase what = { .len = 0 };

        if (kind == ALTERED) {
            if (!leaves || packet->partner == NOBODY ||
                !differences(packet, &d->side[!side].p[packet->partner], &what))
                continue;
        } else if (packet->partner != NOBODY || !was_watched(d, side, packet) ||
                   leaves != (kind == LOST)) {
            continue;
        }
        n++;
        add_packet(&p, packet);
        estab_phrase_add(&p, "%.100s\n", what.s);
        put(out, &p);
    }
    if (kind != ALTERED && n < all) {
        estab_phrase_add(&p, "    and %llu more\n", (unsigned long long)(all - n));
        put(out, &p);
    }
}

int
estab_diff_write(const struct diff *d, const char *const name[2], unsigned lines,
                 view_write_fn *write, void *ctx)
{
    const struct diff_result *r = &d->result;
    struct out out = { write, ctx, 0 };
    struct phrase p = { .len = 0 };

    for (unsigned side = 0; side < 2; side++) {
        estab_phrase_add(&p, "%c: %.150s: %llu packets of TCP", side == DIFF_A ? 'A' : 'B',
                         name[side], (unsigned long long)r->packets[side]);
        if (r->left_out[side] > 0)
            estab_phrase_add(&p, ", %llu more were left out",
                             (unsigned long long)r->left_out[side]);
        estab_phrase_add(&p, "\n");
        put(&out, &p);
    }
    estab_phrase_add(&p, "%llu of them passed both", (unsigned long long)r->both);
    if (r->outside > 0)
        estab_phrase_add(&p, ", %llu while only one captured", (unsigned long long)r->outside);
    estab_phrase_add(&p, "\n");
    put(&out, &p);
    if (r->has_offset) {
        estab_phrase_add(&p, "the clock of B is ");
        estab_phrase_duration(&p, r->offset < 0 ? -r->offset : r->offset);
        estab_phrase_add(&p, " %s that of A, give or take ", r->offset < 0 ? "behind" : "before");
        estab_phrase_duration(&p, r->round_trip / 2);
        estab_phrase_add(&p, "; there and back takes ");
        estab_phrase_duration(&p, r->round_trip);
        estab_phrase_add(&p, " at least\n");
    } else {
        estab_phrase_add(&p, "packets passed both in one direction only: clocks not compared\n");
    }
    put(&out, &p);
    for (unsigned side = 0; side < 2; side++) {
        estab_phrase_add(&p, "%c to %c: %llu lost between\n", side == DIFF_A ? 'A' : 'B',
                         side == DIFF_A ? 'B' : 'A', (unsigned long long)r->lost[side]);
        put(&out, &p);
        tell(d, &out, side, LOST, lines, r->lost[side]);
        if (r->made[!side] > 0) {
            estab_phrase_add(&p, "%c to %c: %llu seen at the end only: made between, or missed\n",
                             side == DIFF_A ? 'A' : 'B', side == DIFF_A ? 'B' : 'A',
                             (unsigned long long)r->made[!side]);
            put(&out, &p);
            tell(d, &out, !side, MADE, lines, r->made[!side]);
        }
    }
    estab_phrase_add(&p, "%llu altered between\n", (unsigned long long)r->altered);
    put(&out, &p);
    for (unsigned side = 0; side < 2; side++)
        tell(d, &out, side, ALTERED, lines, 0);
    return out.error;
}
