/* SPDX-License-Identifier: MIT */
/*
 * A capture in the pcapng format (draft-ietf-opsawg-pcapng), little-endian on every machine: one
 * section, one interface per (host, ifindex) with raw IP or Ethernet and nanoseconds, and one
 * enhanced packet block per packet or frame whose comment says why it was sent and what became of it.
 *
 * With both ends of the wire in one capture a packet waits for its arrival, so that the verdict
 * stands beside the reason; what waits too long, or does not fit, is written without it.
 */
#include "view/row.h"

#include "estab/estab.h"

#include <stdlib.h>
#include <string.h>

enum {
    SECTION_HEADER = 0x0a0d0d0a,
    INTERFACE_DESCRIPTION = 1,
    ENHANCED_PACKET = 6,
    LINKTYPE_ETHERNET = 1,
    LINKTYPE_RAW = 101,
    OPT_END = 0,
    OPT_COMMENT = 1,
    SHB_USERAPPL = 4,
    IF_NAME = 2,
    IF_DESCRIPTION = 3,
    IF_TSRESOL = 9,
    EPB_FLAGS = 2,
    FLAG_INBOUND = 1,
    FLAG_OUTBOUND = 2,

    INTERFACES = 64,
    WAITING = 256,
    WAITING_OCTETS = 1 << 20,
    COMMENT_MAX = 640
};

struct interface {
    uint32_t host;
    uint8_t ifindex;
    uint8_t link; /* LINKTYPE_ */
};

/* A packet that was sent; its octets follow those of the one before in the store. */
struct waiting {
    uint64_t digest;
    estab_time at;
    uint32_t len, offset;
    unsigned interface;
    bool has_arrived;
    char comment[COMMENT_MAX];
};

struct view_pcapng {
    struct view_pcapng_options options;
    view_write_fn *write;
    void *ctx;
    int error;
    bool has_section;
    char name[2][48];
    struct interface interface[INTERFACES];
    unsigned interfaces;

    struct waiting *waiting; /* a ring of WAITING */
    unsigned first, n;
    uint8_t *store; /* a ring of WAITING_OCTETS; a packet is never split */
    uint32_t store_end;
};

/* ---- blocks ---- */

static void
put(struct view_pcapng *v, const void *p, size_t n)
{
    if (v->error == 0 && n > 0)
        v->error = v->write(v->ctx, p, n);
}

static void
put_le(uint8_t *p, uint64_t n, unsigned octets)
{
    unsigned i;

    for (i = 0; i < octets; i++)
        p[i] = (uint8_t)(n >> 8 * i);
}

static uint32_t
padded(size_t n)
{
    return (uint32_t)((n + 3) & ~(size_t)3);
}

struct block {
    uint8_t data[1024];
    uint32_t len;
};

static void
add(struct block *b, uint64_t n, unsigned octets)
{
    put_le(b->data + b->len, n, octets);
    b->len += octets;
}

static void
add_option(struct block *b, unsigned code, const void *value, size_t len)
{
    if (len == 0 || b->len + 4 + padded(len) + 8 > sizeof(b->data))
        return;
    add(b, code, 2);
    add(b, len, 2);
    memset(b->data + b->len, 0, padded(len));
    memcpy(b->data + b->len, value, len);
    b->len += padded(len);
}

static void
add_text(struct block *b, unsigned code, const char *text)
{
    add_option(b, code, text, strlen(text));
}

static void
start_block(struct block *b, uint32_t type)
{
    b->len = 0;
    add(b, type, 4);
    add(b, 0, 4); /* the length, when it is known */
}

static void
write_block(struct view_pcapng *v, struct block *b)
{
    add(b, OPT_END, 4);
    add(b, b->len + 4, 4);
    put_le(b->data + 4, b->len, 4);
    put(v, b->data, b->len);
}

static void
write_section(struct view_pcapng *v)
{
    struct block b;

    if (v->has_section)
        return;
    v->has_section = true;
    start_block(&b, SECTION_HEADER);
    add(&b, 0x1a2b3c4d, 4);
    add(&b, 1, 2);
    add(&b, 0, 2);
    add(&b, UINT64_MAX, 8); /* the length of the section: not known */
    add_text(&b, SHB_USERAPPL, "estab " ESTAB_VERSION);
    write_block(v, &b);
}

static const char *
host_name(const struct view_pcapng *v, uint32_t host)
{
    bool is_known = v->options.host[0] != v->options.host[1];

    if (v->name[0][0] != '\0' && (host == v->options.host[0] || !v->options.both))
        return v->name[0];
    if (v->name[1][0] != '\0' && is_known && host == v->options.host[1])
        return v->name[1];
    return NULL;
}

/* What is captured of a record: the frame where there is one. */
struct octets {
    const uint8_t *p;
    uint32_t len;
};

static struct octets
octets_of(const struct estab_trace *r)
{
    return r->frame != NULL ? (struct octets){ r->frame, r->frame_len }
                            : (struct octets){ r->packet, r->packet_len };
}

/* The number of the interface, described at its first packet. Past the limit the last one of the
 * same kind is used: the packets are still there. INTERFACES: there is none. */
static unsigned
interface_of(struct view_pcapng *v, const struct estab_trace *r)
{
    struct phrase name = { .len = 0 };
    const uint8_t nanoseconds = 9;
    uint8_t link = r->frame != NULL ? LINKTYPE_ETHERNET : LINKTYPE_RAW;
    unsigned i, other = INTERFACES;
    struct block b;

    for (i = 0; i < v->interfaces; i++) {
        if (v->interface[i].host == r->host && v->interface[i].ifindex == r->ifindex &&
            v->interface[i].link == link)
            return i;
        if (v->interface[i].link == link)
            other = i;
    }
    if (v->interfaces == INTERFACES)
        return other;
    v->interface[v->interfaces] =
        (struct interface){ .host = r->host, .ifindex = r->ifindex, .link = link };
    if (host_name(v, r->host) != NULL)
        estab_phrase_add(&name, "%s", host_name(v, r->host));
    else
        estab_phrase_add(&name, "host %u", (unsigned)r->host);
    estab_phrase_add(&name, " if%u", (unsigned)r->ifindex);
    start_block(&b, INTERFACE_DESCRIPTION);
    add(&b, link, 2);
    add(&b, 0, 2);
    add(&b, 0, 4); /* no limit on the packets' lengths */
    add_text(&b, IF_NAME, name.s);
    add_option(&b, IF_TSRESOL, &nanoseconds, 1);
    write_block(v, &b);
    return v->interfaces++;
}

static void
write_packet(struct view_pcapng *v, unsigned interface, estab_time at, unsigned direction,
             const uint8_t *packet, uint32_t len, const char *comment)
{
    static const uint8_t zeros[4];
    uint64_t time = (uint64_t)v->options.origin + (uint64_t)at;
    uint8_t flags[4];
    struct block b, options = { .len = 0 };
    uint32_t total;

    put_le(flags, direction, 4);
    add_text(&options, OPT_COMMENT, comment);
    add_option(&options, EPB_FLAGS, flags, sizeof(flags));
    add(&options, OPT_END, 4);

    start_block(&b, ENHANCED_PACKET);
    add(&b, interface, 4);
    add(&b, time >> 32, 4);
    add(&b, time & 0xffffffff, 4);
    add(&b, len, 4);
    add(&b, len, 4);
    total = b.len + padded(len) + options.len + 4;
    put_le(b.data + 4, total, 4);
    add(&options, total, 4);

    put(v, b.data, b.len);
    put(v, packet, len);
    put(v, zeros, padded(len) - len);
    put(v, options.data, options.len);
}

/* ---- comments ---- */

static void
add_rule(struct phrase *p, const char *text, const char *rule)
{
    estab_phrase_add(p, "%s", text);
    if (*rule != '\0')
        estab_phrase_add(p, " [%s]", rule);
}

static void
add_states(struct phrase *p, const struct view_pcapng *v, const struct estab_trace *r)
{
    if (r->proto != 6 || (r->state_before == 0 && r->state_after == 0))
        return;
    estab_phrase_add(p, "; ");
    if (v->options.both && host_name(v, r->host) != NULL)
        estab_phrase_add(p, "%s ", host_name(v, r->host));
    if (r->state_before != r->state_after)
        estab_phrase_add(p, "%s -> ", estab_state_name(r->state_before));
    estab_phrase_add(p, "%s", estab_state_name(r->state_after));
}

/* What no capture could show: how much the sender thinks that the network bears. */
static void
add_congestion(struct phrase *p, const struct estab_trace *r)
{
    if (r->proto != 6 || r->seg.len == 0 || r->tcb.cwnd == 0)
        return;
    estab_phrase_add(p, "; cwnd %u", (unsigned)r->tcb.cwnd);
    if (r->tcb.ssthresh != 0 && r->tcb.ssthresh < UINT32_MAX / 2)
        estab_phrase_add(p, ", ssthresh %u", (unsigned)r->tcb.ssthresh);
}

static void
describe(struct phrase *p, const struct view_pcapng *v, const struct estab_trace *r)
{
    if (r->kind == ESTAB_TRACE_PACKET_OUT) {
        estab_phrase_add(p, "sent: ");
        add_rule(p, estab_reason_text(r->reason), estab_reason_rule(r->reason));
        add_congestion(p, r);
    } else {
        estab_phrase_add(p, "received: ");
        add_rule(p, estab_verdict_text(r->verdict), estab_verdict_rule(r->verdict));
    }
    add_states(p, v, r);
}

/* ---- packets that wait for their arrival ---- */

static uint64_t
digest_of(const uint8_t *p, uint32_t len)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    uint32_t i;

    for (i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    return h;
}

static void
write_first(struct view_pcapng *v)
{
    struct waiting *w = &v->waiting[v->first];

    write_packet(v, w->interface, w->at, FLAG_OUTBOUND, v->store + w->offset, w->len, w->comment);
    v->first = (v->first + 1) % WAITING;
    v->n--;
}

/* Room for `len` octets in one piece, for which the oldest packets leave. */
static uint32_t
make_room(struct view_pcapng *v, uint32_t len)
{
    uint32_t at = v->store_end, begin, end;

    if (at + len > WAITING_OCTETS) {
        /* Those behind `at` are the oldest of all: they go before the beginning is used. */
        while (v->n > 0 && v->waiting[v->first].offset >= at)
            write_first(v);
        at = 0;
    }
    while (v->n > 0) {
        begin = v->waiting[v->first].offset;
        end = begin + v->waiting[v->first].len;
        if (v->n < WAITING && (at + len <= begin || at >= end))
            break;
        write_first(v);
    }
    v->store_end = at + len;
    return at;
}

static void
keep(struct view_pcapng *v, const struct estab_trace *r, unsigned interface)
{
    struct phrase p = { .len = 0 };
    struct octets o = octets_of(r);
    struct waiting *w;
    uint32_t at = make_room(v, o.len);

    w = &v->waiting[(v->first + v->n) % WAITING];
    v->n++;
    memcpy(v->store + at, o.p, o.len);
    *w = (struct waiting){
        .digest = digest_of(o.p, o.len),
        .at = r->at,
        .len = o.len,
        .offset = at,
        .interface = interface,
    };
    describe(&p, v, r);
    memcpy(w->comment, p.s, p.len + 1);
}

static struct waiting *
find(struct view_pcapng *v, const struct estab_trace *r)
{
    struct octets o = octets_of(r);
    uint64_t digest = digest_of(o.p, o.len);
    unsigned i;

    for (i = 0; i < v->n; i++) {
        struct waiting *w = &v->waiting[(v->first + i) % WAITING];

        if (!w->has_arrived && w->digest == digest && w->len == o.len &&
            memcmp(v->store + w->offset, o.p, w->len) == 0)
            return w;
    }
    return NULL;
}

static void
note_arrival(struct view_pcapng *v, struct waiting *w, const struct estab_trace *r)
{
    struct phrase p = { .len = 0 };
    estab_time delay = estab_time_between(w->at, r->at);
    size_t len = strlen(w->comment);

    estab_phrase_add(&p, "\n");
    if (delay > 0) {
        estab_phrase_add(&p, "after ");
        estab_phrase_duration(&p, delay);
        estab_phrase_add(&p, " ");
    }
    describe(&p, v, r);
    if (len + p.len < sizeof(w->comment))
        memcpy(w->comment + len, p.s, p.len + 1);
    w->has_arrived = true;
    while (v->n > 0 && v->waiting[v->first].has_arrived)
        write_first(v);
}

/* ---- the sink ---- */

struct view_pcapng *
estab_view_pcapng_new(const struct view_pcapng_options *options, view_write_fn *write, void *ctx)
{
    struct view_pcapng *v = calloc(1, sizeof(*v));
    bool waits = options->both && !options->twice;
    int i;

    if (v == NULL)
        return NULL;
    if (waits) {
        v->waiting = calloc(WAITING, sizeof(*v->waiting));
        v->store = malloc(WAITING_OCTETS);
        if (v->waiting == NULL || v->store == NULL) {
            estab_view_pcapng_free(v);
            return NULL;
        }
    }
    v->options = *options;
    v->write = write;
    v->ctx = ctx;
    for (i = 0; i < 2; i++)
        if (options->name[i] != NULL)
            strncpy(v->name[i], options->name[i], sizeof(v->name[i]) - 1);
    return v;
}

int
estab_view_pcapng_record(struct view_pcapng *v, const struct estab_trace *r)
{
    bool is_out = r->kind == ESTAB_TRACE_PACKET_OUT;
    struct phrase p = { .len = 0 };
    struct octets o = octets_of(r);
    struct waiting *w;
    unsigned interface;

    if (v->error != 0 || (!is_out && r->kind != ESTAB_TRACE_PACKET_IN) || o.p == NULL)
        return v->error;
    write_section(v);
    if (v->store != NULL && o.len <= UINT16_MAX) {
        if (is_out) {
            interface = interface_of(v, r);
            if (interface == INTERFACES)
                return v->error;
            keep(v, r, interface);
            return v->error;
        }
        w = find(v, r);
        if (w != NULL) {
            note_arrival(v, w, r);
            return v->error;
        }
        /* Not seen leaving, changed on the way, or doubled: it has a row of its own. */
    }
    interface = interface_of(v, r);
    if (interface == INTERFACES)
        return v->error;
    describe(&p, v, r);
    write_packet(v, interface, r->at, is_out ? FLAG_OUTBOUND : FLAG_INBOUND, o.p, o.len, p.s);
    return v->error;
}

int
estab_view_pcapng_finish(struct view_pcapng *v)
{
    write_section(v);
    while (v->n > 0)
        write_first(v);
    return v->error;
}

void
estab_view_pcapng_free(struct view_pcapng *v)
{
    if (v == NULL)
        return;
    free(v->waiting);
    free(v->store);
    free(v);
}
