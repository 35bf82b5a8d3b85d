/* SPDX-License-Identifier: MIT */
/* See world.h. */
#include "sim/world.h"

#include "sim/packet.h"
#include "sim/record.h"

#include <stdalign.h>
#include <string.h>

#define HEADER 14 /* octets in front of the IP packet in a frame (IEEE 802.3) */
#define GUARD 16  /* octets behind every frame lent, which nobody may write */
#define GUARD_OCTET 0xc3
#define PUMP_MAX 100000 /* frames and events at one instant of one host */
#define STANDSTILL_MAX 200000

enum item_kind { ITEM_PACKET, ITEM_WAKE };

struct sim_item {
    estab_time at;
    uint64_t entered;
    uint32_t kind, index;
};

struct sim_packet_slot {
    uint8_t *data; /* packet_max octets, kept when the slot is free */
    uint32_t len;
    uint32_t host;
    unsigned ifindex; /* or a port of a switch */
    bool must_drop;
    bool done;
    uint32_t next_free;
};

void
sim_fail(struct sim_world *w, const char *rule, const char *text, uint32_t host, uint64_t conn,
         uint64_t a, uint64_t b)
{
    if (w->failure.rule != NULL)
        return;
    w->failure = (struct sim_failure){
        .rule = rule, .text = text, .at = w->now, .host = host, .conn = conn, .a = a, .b = b
    };
}

/* ---- the queue: a binary heap ordered by instant, then by order of entry ---- */

static bool
is_before(const struct sim_item *a, const struct sim_item *b)
{
    return a->at != b->at ? a->at < b->at : a->entered < b->entered;
}

static void
enter_item(struct sim_world *w, estab_time at, enum item_kind kind, uint32_t index)
{
    struct sim_item item = { at, w->entered++, (uint32_t)kind, index };
    void *heap = w->heap;
    size_t i = w->n_items;

    if (!sim_grow(&w->from, &heap, &w->cap_items, w->n_items + 1, sizeof *w->heap)) {
        sim_fail(w, "simulator", "no memory for the queue of events", 0, 0, w->n_items, 0);
        return;
    }
    w->heap = heap;
    w->n_items++;
    for (; i > 0 && is_before(&item, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = item;
}

static struct sim_item
take_item(struct sim_world *w)
{
    struct sim_item first = w->heap[0];
    struct sim_item last = w->heap[--w->n_items];
    size_t i = 0;

    for (size_t child; (child = 2 * i + 1) < w->n_items; i = child) {
        if (child + 1 < w->n_items && is_before(&w->heap[child + 1], &w->heap[child]))
            child++;
        if (!is_before(&w->heap[child], &last))
            break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return first;
}

/* ---- packets on their way ---- */

/* `head`: where in it the IP packet begins that the copy speaks of. */
static void
enter_packet(struct sim_world *w, uint32_t host, unsigned ifindex, const uint8_t *packet,
             uint32_t len, uint32_t head, const struct sim_copy *copy)
{
    struct sim_packet_slot *slot;
    uint32_t number;

    if (w->free_slot != 0) {
        number = w->free_slot - 1;
        w->free_slot = w->slots[number].next_free;
    } else {
        void *slots = w->slots;

        if (!sim_grow(&w->from, &slots, &w->cap_slots, w->n_slots + 1, sizeof *w->slots)) {
            sim_fail(w, "simulator", "no memory for packets", host, 0, w->n_slots, 0);
            return;
        }
        w->slots = slots;
        w->slots[w->n_slots].data = w->from.get(w->from.ctx, w->packet_max, 8);
        if (w->slots[w->n_slots].data == NULL) {
            sim_fail(w, "simulator", "no memory for packets", host, 0, w->n_slots, 0);
            return;
        }
        number = (uint32_t)w->n_slots++;
    }
    slot = &w->slots[number];
    slot->host = host;
    slot->ifindex = ifindex;
    slot->len = len;
    slot->done = false;
    slot->must_drop = copy->must_drop;
    memcpy(slot->data, packet, len);
    sim_copy_flip(copy, slot->data + head);
    enter_item(w, copy->at, ITEM_PACKET, number);
}

static void
leave_packet(struct sim_world *w, uint32_t number)
{
    w->slots[number].next_free = w->free_slot;
    w->free_slot = number + 1;
}

static bool
is_switch(uint32_t host)
{
    return (host & SIM_SWITCH) != 0;
}

/* A packet of nobody's, in a frame of nobody's where there are frames. */
static void
inject(struct sim_world *w, struct sim_host *host, unsigned ifindex, const uint8_t *packet,
       uint32_t len, estab_time at, bool must_drop)
{
    static const uint8_t nobody[6] = { 2, 0, 0, 0xff, 0xff, 0xff };
    const struct sim_interface *to = &host->interfaces[ifindex - 1];
    struct sim_copy copy = { .at = at, .must_drop = must_drop };
    uint8_t frame[HEADER + 2048];

    if (!to->ethernet) {
        enter_packet(w, host->number, ifindex, packet, len, 0, &copy);
        return;
    }
    /* What routers, forgers and attackers send is short. */
    if (HEADER + len > sizeof frame || HEADER + len > w->packet_max)
        return;
    memcpy(frame, to->mac, 6);
    memcpy(frame + 6, nobody, 6);
    frame[12] = packet[0] >> 4 == 4 ? 0x08 : 0x86;
    frame[13] = packet[0] >> 4 == 4 ? 0x00 : 0xdd;
    memcpy(frame + HEADER, packet, len);
    enter_packet(w, host->number, ifindex, frame, HEADER + len, HEADER, &copy);
}

void
sim_world_inject(struct sim_world *w, struct sim_host *host, unsigned ifindex,
                 const uint8_t *packet, uint32_t len, estab_time at)
{
    inject(w, host, ifindex, packet, len, at, false);
}

void
sim_world_inject_lie(struct sim_world *w, struct sim_host *host, unsigned ifindex,
                     const uint8_t *packet, uint32_t len, estab_time at)
{
    inject(w, host, ifindex, packet, len, at, true);
}

/* A router on the path has something to say to the sender. */
static void
send_notice(struct sim_world *w, const struct sim_joint *j, unsigned side, enum sim_notice notice,
            const struct estab_frame *frame)
{
    uint8_t icmp[SIM_ICMP_ROOM];
    uint32_t len = 0;

    if (notice == SIM_NOTICE_TOO_BIG)
        len = sim_icmp_error(icmp, SIM_ICMP_TOO_BIG, j->link.cfg.path_mtu, frame->data, frame->len);
    else if (notice == SIM_NOTICE_UNREACHABLE)
        len = sim_icmp_error(icmp, SIM_ICMP_HOST_UNREACHABLE, 0, frame->data, frame->len);
    if (len > 0)
        sim_world_inject(w, w->hosts[j->end[side].host], j->end[side].ifindex, icmp, len,
                         w->now + 2 * j->link.cfg.delay);
}

uint32_t
sim_header_of(const struct sim_interface *at)
{
    return at->ethernet ? HEADER : 0;
}

/* The IP packet in a frame, without what it is padded with; false: it carries none. */
static bool
ip_in_frame(const struct estab_frame *frame, struct estab_frame *ip)
{
    const uint8_t *p = frame->data + HEADER;
    uint32_t len;

    if (frame->len < HEADER + 20 || (p[-2] != 0x08 && p[-2] != 0x86) ||
        (p[-1] != 0 && p[-1] != 0xdd))
        return false;
    len = p[-2] == 0x08 ? (uint32_t)p[2] << 8 | p[3] : 40 + ((uint32_t)p[4] << 8 | p[5]);
    *ip = (struct estab_frame){ .data = frame->data + HEADER, .len = len };
    return len <= frame->len - HEADER;
}

/*
 * Carries what leaves the end `side` of a link. Of a frame only the IP packet in it can be damaged
 * unseen: its own header, padding and ARP are under the frame check sequence, which throws away what
 * is damaged on the wire. `damaged`: it was damaged before, by another link, and not once more.
 */
static void
carry(struct sim_world *w, struct sim_joint *j, unsigned side, const struct estab_frame *frame,
      bool damaged, struct sim_host *sender)
{
    unsigned far = 1u - side, n, kept = 0;
    struct sim_copy copies[SIM_COPIES_MAX];
    struct estab_frame ip = *frame;
    enum sim_notice notice;
    bool has_ip = !j->link.cfg.ethernet || ip_in_frame(frame, &ip);
    uint32_t head = j->link.cfg.ethernet && has_ip ? HEADER : 0;

    n = sim_link_carry_through(&j->link, &w->joints[j->queue].link, side, ip.data, ip.len, w->now,
                               copies, &notice);
    for (unsigned i = 0; i < n; i++) {
        if (copies[i].corrupt && !has_ip)
            continue;
        copies[kept] = copies[i];
        copies[kept].corrupt &= !damaged;
        copies[kept].marked &= !damaged; /* or the new header checksum would hide it */
        copies[kept].must_drop = damaged || (copies[kept].corrupt && copies[kept].must_drop);
        kept++;
    }
    if (w->attacker != NULL && sender != NULL && has_ip && !is_switch(j->end[far].host))
        sim_attacker_sees(w->attacker, w, sender->number, j->end[side].ifindex, j->end[far].host,
                          j->end[far].ifindex, &ip);
    if (w->fate != NULL && sender != NULL &&
        sim_link_fate(&j->link, copies, kept) != SIM_FATE_ARRIVES)
        w->fate(w->sink_ctx, sender, sim_link_fate(&j->link, copies, kept));
    for (unsigned i = 0; i < kept; i++)
        enter_packet(w, j->end[far].host, j->end[far].ifindex, frame->data, frame->len, head,
                     &copies[i]);
    if (notice == SIM_NOTICE_FORGE && !is_switch(j->end[far].host)) {
        uint8_t forged[SIM_FORGED_ROOM];
        uint32_t len = sim_packet_forge(forged, ip.data, ip.len, sim_prng_next(&j->link.dice));

        if (len > 0)
            sim_world_inject(w, w->hosts[j->end[far].host], j->end[far].ifindex, forged, len,
                             w->now + j->link.cfg.delay + ESTAB_US(1));
    } else if (notice != SIM_NOTICE_NONE && notice != SIM_NOTICE_FORGE && has_ip &&
               !is_switch(j->end[side].host)) {
        send_notice(w, j, side, notice, &ip);
    }
}

static void
send_frame(struct sim_world *w, struct sim_host *host, unsigned ifindex,
           const struct estab_frame *frame)
{
    const struct sim_interface *at = &host->interfaces[ifindex - 1];

    carry(w, &w->joints[at->link], at->side, frame, false, host);
}

void
sim_world_send(struct sim_world *w, struct sim_host *host, unsigned ifindex,
               const struct estab_frame *packet)
{
    send_frame(w, host, ifindex, packet);
}

/* The port behind which a station was heard; -1: not known. */
static int
find_port(const struct sim_switch *s, const uint8_t *mac)
{
    for (unsigned i = 0; i < s->n_learned; i++)
        if (memcmp(s->learned[i].mac, mac, 6) == 0)
            return s->learned[i].port;
    return -1;
}

static void
learn_port(struct sim_switch *s, const uint8_t *mac, unsigned port)
{
    unsigned i = 0;

    while (i < s->n_learned && s->learned[i].port != port)
        i++;
    if (i == SIM_PORTS_MAX)
        return;
    s->n_learned += i == s->n_learned;
    memcpy(s->learned[i].mac, mac, 6);
    s->learned[i].port = (uint8_t)port;
}

/* A frame has come to a port: out by the one behind which its station is, or by all others. */
static void
pass_on(struct sim_world *w, struct sim_packet_slot *slot)
{
    struct sim_switch *s = &w->switches[slot->host & ~SIM_SWITCH];
    struct estab_frame frame = { .data = slot->data, .len = slot->len };
    bool damaged = slot->must_drop;
    unsigned from = slot->ifindex;
    int to;

    slot->done = true; /* `slot` may move from here on; its octets do not */
    learn_port(s, frame.data + 6, from);
    to = (frame.data[0] & 1) != 0 ? -1 : find_port(s, frame.data);
    if (to == (int)from)
        return;
    s->forwarded += to >= 0;
    s->flooded += to < 0;
    for (unsigned port = 0; port < s->ports; port++)
        if (to >= 0 ? port == (unsigned)to : port != from)
            carry(w, &w->joints[s->joint[port]], 1, &frame, damaged, NULL);
}

/* ---- hosts ---- */

estab_time
sim_host_now(const struct sim_host *host)
{
    return sim_clock_at(host->drift_ppm, host->world->now);
}

/* Who looks at several hosts has one clock: the world's. */
static void
show_by_the_worlds_clock(struct sim_world *w, const struct sim_host *host,
                         const struct estab_trace *record)
{
    struct estab_trace shown = *record;

    shown.at = w->now - (sim_host_now(host) - record->at);
    w->sink(w->sink_ctx, &shown);
}

static void
take_record(void *ctx, const struct estab_trace *record)
{
    struct sim_host *host = ctx;
    struct sim_world *w = host->world;

    w->records++;
    if (w->hash_traces)
        w->hash = sim_record_hash(w->hash, record);
    if (w->observer.trace != NULL)
        w->observer.trace(w->observer.ctx, host, record);
    if (w->sink != NULL && host->drift_ppm == 0)
        w->sink(w->sink_ctx, record);
    else if (w->sink != NULL)
        show_by_the_worlds_clock(w, host, record);
}

static uint8_t *
room_of_frame(const struct sim_world *w, size_t i)
{
    return w->output_room + i * (w->packet_max + GUARD);
}

/* Takes what one interface has to send; how much it was. */
static size_t
drain(struct sim_world *w, struct sim_host *host, unsigned ifindex)
{
    struct estab_frame frames[SIM_BATCH_MAX];
    const struct sim_interface *at = &host->interfaces[ifindex - 1];
    uint32_t cap = at->mtu + (at->ethernet ? ESTAB_LINK_HEADER_MAX : 0);
    size_t n;

    for (size_t i = 0; i < w->batch; i++) {
        frames[i] = (struct estab_frame){ .data = room_of_frame(w, i), .cap = cap };
        memset(frames[i].data + cap, GUARD_OCTET, GUARD);
    }
    n = estab_stack_output(host->stack, ifindex, frames, w->batch, sim_host_now(host));
    if (n > w->batch) {
        sim_fail(w, "output-count", "more frames than were lent", host->number, 0, n, w->batch);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (frames[i].len > cap) {
            sim_fail(w, "frame-bounds", "a frame longer than the MTU", host->number, 0,
                     frames[i].len, cap);
            return 0;
        }
        host->packets_out++;
        if (w->hash_traces)
            w->wire_hash = sim_hash(w->wire_hash, frames[i].data, frames[i].len);
        for (size_t g = 0; g < GUARD; g++)
            if (frames[i].data[cap + g] != GUARD_OCTET)
                sim_fail(w, "frame-bounds", "wrote behind the frame", host->number, 0, cap + g, 0);
        if (w->observer.output != NULL)
            w->observer.output(w->observer.ctx, host, ifindex, &frames[i]);
        send_frame(w, host, ifindex, &frames[i]);
    }
    return n;
}

static size_t
tell_events(struct sim_world *w, struct sim_host *host)
{
    struct estab_event events[SIM_BATCH_MAX];
    size_t n = estab_stack_events(host->stack, events, w->batch);

    if (n > w->batch) {
        sim_fail(w, "event-count", "more events than asked for", host->number, 0, n, w->batch);
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (w->observer.event != NULL)
            w->observer.event(w->observer.ctx, host, &events[i]);
        if (w->tenant.event != NULL)
            w->tenant.event(w->tenant.ctx, host, &events[i]);
    }
    return n;
}

void
sim_world_pump(struct sim_world *w, struct sim_host *host)
{
    size_t total = 0, n;

    if (host->paused_until > w->now)
        return;
    do {
        n = 0;
        for (unsigned i = 1; i <= host->n_interfaces; i++)
            n += drain(w, host, i);
        n += tell_events(w, host);
        total += n;
        if (total > PUMP_MAX) {
            sim_fail(w, "output-dries-up", "a host never stops talking at one instant",
                     host->number, 0, total, 0);
            return;
        }
    } while (n > 0 && !sim_failed(w));
    if (w->observer.after != NULL && !sim_failed(w))
        w->observer.after(w->observer.ctx, host);
}

static void
deliver(struct sim_world *w, struct sim_host *host, unsigned ifindex,
        const struct estab_frame *frames, const bool *must_drop, size_t n)
{
    if (host->is_scripted) {
        for (size_t i = 0; i < n && w->tenant.packet != NULL; i++)
            w->tenant.packet(w->tenant.ctx, host, frames[i].data, frames[i].len);
        return;
    }
    if (w->observer.input != NULL)
        w->observer.input(w->observer.ctx, host, ifindex, frames, must_drop, n);
    host->packets_in += n;
    estab_stack_input(host->stack, ifindex, frames, n, sim_host_now(host));
    if (w->observer.input_done != NULL)
        w->observer.input_done(w->observer.ctx, host);
}

/* Packets that arrive at one interface at one instant are one batch. */
static void
deliver_due(struct sim_world *w)
{
    for (size_t first = 0; first < w->n_due && !sim_failed(w); first++) {
        struct sim_packet_slot *lead = &w->slots[w->due[first]];
        struct estab_frame frames[SIM_BATCH_MAX];
        bool must_drop[SIM_BATCH_MAX];
        struct sim_host *host;
        unsigned ifindex = lead->ifindex;
        size_t n = 0;

        if (lead->done)
            continue;
        if (is_switch(lead->host)) {
            w->events++;
            pass_on(w, lead);
            continue;
        }
        host = w->hosts[lead->host];
        if (host->paused_until > w->now) {
            const struct sim_copy later = { .at = host->paused_until,
                                            .must_drop = lead->must_drop };

            lead->done = true;
            enter_packet(w, lead->host, ifindex, lead->data, lead->len, 0, &later);
            continue;
        }
        for (size_t i = first; i < w->n_due && n < SIM_BATCH_MAX; i++) {
            struct sim_packet_slot *slot = &w->slots[w->due[i]];

            if (slot->done || slot->host != lead->host || slot->ifindex != ifindex)
                continue;
            slot->done = true;
            must_drop[n] = slot->must_drop;
            frames[n++] = (struct estab_frame){ .data = slot->data, .len = slot->len };
        }
        w->events += n;
        deliver(w, host, ifindex, frames, must_drop, n);
        sim_world_pump(w, host);
    }
    for (size_t i = 0; i < w->n_due; i++)
        leave_packet(w, w->due[i]);
    w->n_due = 0;
}

static void
note_due(struct sim_world *w, uint32_t number)
{
    void *due = w->due;

    if (!sim_grow(&w->from, &due, &w->cap_due, w->n_due + 1, sizeof *w->due)) {
        sim_fail(w, "simulator", "no memory for a batch", 0, 0, w->n_due, 0);
        return;
    }
    w->due = due;
    w->due[w->n_due++] = number;
}

/* By the world's clock. */
static estab_time
deadline_of(const struct sim_host *host)
{
    return sim_clock_when(host->drift_ppm, estab_stack_deadline(host->stack));
}

estab_time
sim_world_next(const struct sim_world *w)
{
    estab_time next = w->n_items > 0 ? w->heap[0].at : ESTAB_NEVER;

    for (size_t i = 0; i < w->n_hosts; i++) {
        estab_time at = deadline_of(w->hosts[i]);

        if (at != ESTAB_NEVER && at < w->hosts[i]->paused_until)
            at = w->hosts[i]->paused_until;
        if (at < next)
            next = at;
    }
    return next < w->now ? w->now : next;
}

/* Everything that happens at the instant the clock has reached. */
static void
step(struct sim_world *w)
{
    while (w->n_items > 0 && w->heap[0].at <= w->now && !sim_failed(w)) {
        struct sim_item item = take_item(w);

        if (item.kind == ITEM_PACKET) {
            note_due(w, item.index);
            continue;
        }
        deliver_due(w);
        w->events++;
        if (w->tenant.timer != NULL)
            w->tenant.timer(w->tenant.ctx, item.index);
    }
    deliver_due(w);
    for (size_t i = 0; i < w->n_hosts && !sim_failed(w); i++) {
        struct sim_host *host = w->hosts[i];

        if (deadline_of(host) > w->now || host->paused_until > w->now)
            continue;
        w->events++;
        estab_stack_tick(host->stack, sim_host_now(host));
        sim_world_pump(w, host);
        if (deadline_of(host) <= w->now)
            sim_fail(w, "tick-settles", "after a tick the deadline is still not in the future",
                     host->number, 0, (uint64_t)estab_stack_deadline(host->stack),
                     (uint64_t)sim_host_now(host));
    }
}

enum sim_stop
sim_world_run(struct sim_world *w, estab_time until, uint64_t max_events)
{
    uint64_t last = w->events + max_events;

    for (;;) {
        estab_time next;

        if (sim_failed(w))
            return SIM_STOP_FAILED;
        next = sim_world_next(w);
        if (next == ESTAB_NEVER)
            return SIM_STOP_IDLE;
        if (next > until) {
            w->now = until;
            return SIM_STOP_TIME;
        }
        if (w->events >= last)
            return SIM_STOP_EVENTS;
        w->standstill = next == w->now ? w->standstill + 1 : 0;
        if (w->standstill > STANDSTILL_MAX)
            sim_fail(w, "time-moves", "the clock stands still", 0, 0, w->standstill, 0);
        w->now = next;
        step(w);
    }
}

void
sim_world_wake(struct sim_world *w, estab_time at, uint32_t token)
{
    enter_item(w, at < w->now ? w->now : at, ITEM_WAKE, token);
}

/* ---- building and ending a world ---- */

bool
sim_world_init(struct sim_world *w, const struct estab_alloc *from, uint64_t seed,
               uint32_t packet_max)
{
    memset(w, 0, sizeof *w);
    w->from = *from;
    w->seed = seed;
    w->packet_max =
        (packet_max < SIM_ICMP_ROOM ? SIM_ICMP_ROOM : packet_max) + ESTAB_LINK_HEADER_MAX;
    w->batch = SIM_BATCH_MAX / 2;
    w->hash_traces = true;
    sim_prng_seed(&w->dice, seed);
    w->output_room =
        from->get(from->ctx, SIM_BATCH_MAX * ((size_t)w->packet_max + GUARD), alignof(max_align_t));
    return w->output_room != NULL;
}

static void
put_secret(uint8_t secret[32], uint64_t seed, uint32_t host)
{
    struct sim_prng r;

    sim_prng_seed(&r, sim_mix(seed, host));
    for (unsigned i = 0; i < 32; i++)
        secret[i] = (uint8_t)sim_prng_next(&r);
    secret[0] |= 1;
}

struct sim_host *
sim_world_add_host(struct sim_world *w, const struct estab_config *cfg, uint64_t fail_at)
{
    void *hosts = w->hosts;
    struct sim_host *host;

    if (!sim_grow(&w->from, &hosts, &w->cap_hosts, w->n_hosts + 1, sizeof(struct sim_host *)))
        return NULL;
    w->hosts = hosts;
    host = w->from.get(w->from.ctx, sizeof *host, alignof(max_align_t));
    if (host == NULL)
        return NULL;
    memset(host, 0, sizeof *host);
    host->world = w;
    host->number = (uint32_t)w->n_hosts;
    sim_alloc_init(&host->alloc, &w->from);
    host->alloc.fail_at = fail_at;
    host->cfg = *cfg;
    put_secret(host->cfg.secret, w->seed, host->number);
    host->cfg.alloc = sim_alloc_interface(&host->alloc);
    host->cfg.trace = w->silent ? NULL : take_record;
    host->cfg.trace_ctx = host;
    host->cfg.host = host->number;
    host->stack = estab_stack_new(&host->cfg);
    if (host->stack == NULL) {
        if (host->alloc.bytes != 0 || host->alloc.broken)
            sim_fail(w, "memory-returned", "a host that was never made keeps memory", host->number,
                     0, host->alloc.bytes, 0);
        sim_alloc_fini(&host->alloc);
        w->from.put(w->from.ctx, host, sizeof *host);
        return NULL;
    }
    w->hosts[w->n_hosts++] = host;
    if (w->made != NULL)
        w->made(w->made_ctx, host->stack);
    return host;
}

static bool
bring_up(struct sim_host *host, const struct sim_interface *at)
{
    struct estab_link l = { .mtu = at->mtu };
    int ifindex;

    if (at->ethernet) {
        l.kind = ESTAB_LINK_ETHERNET;
        memcpy(l.mac, at->mac, 6);
    }
    ifindex = estab_stack_add_interface(host->stack, &l);
    if (ifindex != (int)(at - host->interfaces) + 1)
        return false;
    if (at->v4.family != 0 &&
        estab_stack_add_address(host->stack, (unsigned)ifindex, &at->v4, 24) != 0)
        return false;
    return at->v6.family == 0 ||
           estab_stack_add_address(host->stack, (unsigned)ifindex, &at->v6, 64) == 0;
}

/* 10.x.y.1 and .2 */
static struct estab_addr
address_v4(size_t link, unsigned side)
{
    return estab_addr_v4(10, (uint8_t)(link >> 8), (uint8_t)link, (uint8_t)(side + 1));
}

/* 2001:db8:n::1 and ::2 */
static struct estab_addr
address_v6(size_t link, unsigned side)
{
    static const uint8_t prefix[4] = { 0x20, 0x01, 0x0d, 0xb8 };
    struct estab_addr a = { .family = ESTAB_INET6 };

    memcpy(a.bytes, prefix, sizeof prefix);
    a.bytes[4] = (uint8_t)(link >> 8);
    a.bytes[5] = (uint8_t)link;
    a.bytes[15] = (uint8_t)(side + 1);
    return a;
}

static bool
add_interface(struct sim_host *host, size_t link, unsigned side, uint32_t mtu, bool ethernet,
              const struct estab_addr *v4, const struct estab_addr *v6)
{
    struct sim_interface *at = &host->interfaces[host->n_interfaces];

    if (host->n_interfaces == SIM_INTERFACES_MAX)
        return false;
    *at = (struct sim_interface){
        .link = (uint32_t)link, .side = (uint8_t)side, .mtu = mtu, .ethernet = ethernet
    };
    memcpy(at->mac, (uint8_t[6]){ 2, 0, 0, 0, (uint8_t)(host->number + 1), (uint8_t)link }, 6);
    if (v4 != NULL)
        at->v4 = *v4;
    if (v6 != NULL)
        at->v6 = *v6;
    host->n_interfaces++;
    return bring_up(host, at);
}

void
sim_world_reboot(struct sim_world *w, struct sim_host *host)
{
    estab_stack_free(host->stack);
    if (host->alloc.bytes != 0 || host->alloc.broken)
        sim_fail(w, "memory-returned", "a host that ended keeps memory", host->number, 0,
                 host->alloc.bytes, host->alloc.broken);
    host->boots++;
    host->paused_until = 0;
    if (!host->keeps_secret)
        put_secret(host->cfg.secret, sim_mix(w->seed, host->boots), host->number);
    host->packets_in = host->packets_out = 0;
    host->stack = estab_stack_new(&host->cfg);
    if (host->stack == NULL) {
        /* Nothing can go on without it: an empty one from memory that never fails. */
        host->alloc.fail_at = SIM_NO_FAILURE;
        host->alloc.fail_after = false;
        host->stack = estab_stack_new(&host->cfg);
    }
    if (host->stack == NULL) {
        sim_fail(w, "build", "a host could not begin anew", host->number, 0, host->boots, 0);
        return;
    }
    if (w->made != NULL)
        w->made(w->made_ctx, host->stack);
    if (w->observer.reboot != NULL)
        w->observer.reboot(w->observer.ctx, host);
    for (unsigned i = 0; i < host->n_interfaces; i++) {
        if (bring_up(host, &host->interfaces[i]))
            continue;
        /* the same for what it stands on */
        host->alloc.fail_at = SIM_NO_FAILURE;
        host->alloc.fail_after = false;
        if (!bring_up(host, &host->interfaces[i]))
            sim_fail(w, "build", "an interface could not be made anew", host->number, 0, i, 0);
    }
}

/* Another link, whose ends are nobody's yet; NULL: no memory. */
static struct sim_joint *
add_joint(struct sim_world *w, const struct sim_link_config *cfg)
{
    void *joints = w->joints;
    size_t link = w->n_joints;
    struct sim_joint *j;

    if (!sim_grow(&w->from, &joints, &w->cap_joints, w->n_joints + 1, sizeof *w->joints))
        return NULL;
    w->joints = joints;
    j = &w->joints[link];
    w->n_joints++;
    j->queue = (uint32_t)link;
    sim_link_init(&j->link, cfg, sim_mix(w->seed, 0x6c696e6b00000000u + link));
    return j;
}

/* `v4` and `v6`: the addresses of both ends; NULL: none of that family. */
static bool
join(struct sim_world *w, struct sim_host *a, struct sim_host *b, const struct sim_link_config *cfg,
     uint32_t mtu_a, uint32_t mtu_b, const struct estab_addr *v4, const struct estab_addr *v6)
{
    size_t link = w->n_joints;
    struct sim_joint *j;

    if (mtu_a + ESTAB_LINK_HEADER_MAX > w->packet_max ||
        mtu_b + ESTAB_LINK_HEADER_MAX > w->packet_max || (j = add_joint(w, cfg)) == NULL)
        return false;
    if (!add_interface(a, link, 0, mtu_a, cfg->ethernet, v4, v6) ||
        !add_interface(b, link, 1, mtu_b, cfg->ethernet, v4 != NULL ? v4 + 1 : NULL,
                       v6 != NULL ? v6 + 1 : NULL))
        return false;
    j->end[0].host = a->number;
    j->end[0].ifindex = a->n_interfaces;
    j->end[1].host = b->number;
    j->end[1].ifindex = b->n_interfaces;
    return true;
}

bool
sim_world_join(struct sim_world *w, struct sim_host *a, struct sim_host *b,
               const struct sim_link_config *cfg, uint32_t mtu_a, uint32_t mtu_b, bool v4, bool v6)
{
    size_t link = w->n_joints;
    const struct estab_addr four[2] = { address_v4(link, 0), address_v4(link, 1) };
    const struct estab_addr six[2] = { address_v6(link, 0), address_v6(link, 1) };

    return join(w, a, b, cfg, mtu_a, mtu_b, v4 ? four : NULL, v6 ? six : NULL);
}

bool
sim_world_join_at(struct sim_world *w, struct sim_host *a, struct sim_host *b,
                  const struct sim_link_config *cfg, uint32_t mtu, const struct estab_addr addr[2])
{
    bool v4 = addr[0].family == ESTAB_INET;

    return join(w, a, b, cfg, mtu, mtu, v4 ? addr : NULL, v4 ? NULL : addr);
}

struct sim_switch *
sim_world_add_switch(struct sim_world *w)
{
    return w->n_switches < SIM_SWITCHES_MAX ? &w->switches[w->n_switches++] : NULL;
}

bool
sim_world_plug(struct sim_world *w, struct sim_switch *s, struct sim_host *host,
               const struct sim_link_config *cfg, uint32_t mtu, bool v4, bool v6)
{
    size_t link = w->n_joints;
    struct sim_link_config frames = *cfg;
    struct estab_addr four, six;
    struct sim_joint *j;

    frames.ethernet = true;
    if (s->ports == SIM_PORTS_MAX || mtu + ESTAB_LINK_HEADER_MAX > w->packet_max ||
        (j = add_joint(w, &frames)) == NULL)
        return false;
    s->joint[s->ports] = (uint32_t)link;
    /* the network has the number of its first link */
    four = address_v4(s->joint[0], s->ports);
    six = address_v6(s->joint[0], s->ports);
    if (!add_interface(host, link, 0, mtu, true, v4 ? &four : NULL, v6 ? &six : NULL))
        return false;
    j->end[0].host = host->number;
    j->end[0].ifindex = host->n_interfaces;
    j->end[1].host = SIM_SWITCH | (uint32_t)(s - w->switches);
    j->end[1].ifindex = s->ports++;
    return true;
}

/* The interface with which `other` is at the far end of one of ours, over a switch or not. */
static const struct sim_interface *
opposite(const struct sim_world *w, const struct sim_interface *at, const struct sim_host *other)
{
    uint32_t far = w->joints[at->link].end[1u - at->side].host;

    for (unsigned i = 0; i < other->n_interfaces; i++) {
        const struct sim_interface *its = &other->interfaces[i];

        if (its != at && (its->link == at->link ||
                          (is_switch(far) && w->joints[its->link].end[1u - its->side].host == far)))
            return its;
    }
    return NULL;
}

const struct sim_interface *
sim_world_owner(const struct sim_world *w, const struct sim_host *host, unsigned ifindex,
                const struct estab_addr *addr)
{
    for (size_t i = 0; i < w->n_hosts; i++) {
        const struct sim_interface *its = opposite(w, &host->interfaces[ifindex - 1], w->hosts[i]);

        if (its != NULL && (estab_addr_equal(&its->v4, addr) || estab_addr_equal(&its->v6, addr)))
            return its;
    }
    return NULL;
}

struct sim_joint *
sim_world_joint(struct sim_world *w, const struct sim_host *a, const struct sim_host *b,
                unsigned *side)
{
    for (unsigned i = 0; i < a->n_interfaces; i++) {
        struct sim_joint *j = &w->joints[a->interfaces[i].link];

        *side = a->interfaces[i].side;
        if (opposite(w, &a->interfaces[i], b) != NULL)
            return j;
    }
    return NULL;
}

bool
sim_world_share(struct sim_world *w, const struct sim_host *a, const struct sim_host *b,
                const struct sim_host *c, const struct sim_host *d)
{
    unsigned side = 0, other = 0;
    struct sim_joint *j = sim_world_joint(w, a, b, &side);
    const struct sim_joint *shared = sim_world_joint(w, c, d, &other);

    /* The direction counts from end 0, so both must have been joined the same way round. */
    if (j == NULL || shared == NULL || side != other)
        return false;
    j->queue = (uint32_t)(shared - w->joints);
    return true;
}

struct estab_addr
sim_world_address(const struct sim_world *w, const struct sim_host *host,
                  const struct sim_host *other, enum estab_family family)
{
    for (unsigned i = 0; i < host->n_interfaces; i++) {
        const struct sim_interface *at = &host->interfaces[i];

        if (opposite(w, at, other) != NULL)
            return family == ESTAB_INET ? at->v4 : at->v6;
    }
    return (struct estab_addr){ 0 };
}

static void
free_array(struct sim_world *w, void *items, size_t cap, size_t size)
{
    if (cap != 0)
        w->from.put(w->from.ctx, items, cap * size);
}

void
sim_world_fini(struct sim_world *w)
{
    for (size_t i = 0; i < w->n_hosts; i++) {
        struct sim_host *host = w->hosts[i];

        estab_stack_free(host->stack); /* NULL after a failed reboot */
        if (host->alloc.bytes != 0)
            sim_fail(w, "memory-returned", "a host that ended keeps memory", host->number, 0,
                     host->alloc.bytes, 0);
        if (host->alloc.broken)
            sim_fail(w, "memory-exact", "memory came back that was not lent, or with another size",
                     host->number, 0, 0, 0);
        sim_alloc_fini(&host->alloc);
        w->from.put(w->from.ctx, host, sizeof *host);
    }
    for (size_t i = 0; i < w->n_slots; i++)
        w->from.put(w->from.ctx, w->slots[i].data, w->packet_max);
    free_array(w, w->hosts, w->cap_hosts, sizeof(struct sim_host *));
    free_array(w, w->joints, w->cap_joints, sizeof *w->joints);
    free_array(w, w->heap, w->cap_items, sizeof *w->heap);
    free_array(w, w->slots, w->cap_slots, sizeof *w->slots);
    free_array(w, w->due, w->cap_due, sizeof *w->due);
    if (w->output_room != NULL)
        w->from.put(w->from.ctx, w->output_room, SIM_BATCH_MAX * ((size_t)w->packet_max + GUARD));
    w->n_hosts = w->n_slots = w->n_joints = w->n_items = 0;
    w->output_room = NULL;
}
