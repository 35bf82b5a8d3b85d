/* SPDX-License-Identifier: MIT */
/* A wire in memory; see memory.h. */
#include "drivers/memory.h"

#include <stdlib.h>
#include <string.h>

struct slot {
    estab_time due;
    uint32_t len;
};

/* Packets on their way to one end: a ring of slots of one MTU each. */
struct queue {
    struct slot *slots;
    uint8_t *data;
    size_t first, count;
    uint64_t lost;
};

struct end {
    struct memory_wire *wire;
    struct queue arriving;
    struct end *other;
};

struct memory_wire {
    struct end ends[2];
    size_t packets;
    estab_time delay;
    uint32_t mtu;
};

struct memory_wire *
estab_memory_new(uint32_t mtu, estab_time delay, size_t packets)
{
    struct memory_wire *wire = calloc(1, sizeof *wire);

    if (wire == NULL)
        return NULL;
    wire->mtu = mtu;
    wire->delay = delay;
    wire->packets = packets;
    for (unsigned i = 0; i < 2; i++) {
        struct end *end = &wire->ends[i];

        end->wire = wire;
        end->other = &wire->ends[1 - i];
        end->arriving.slots = calloc(packets, sizeof *end->arriving.slots);
        end->arriving.data = calloc(packets, mtu);
        if (end->arriving.slots == NULL || end->arriving.data == NULL) {
            estab_memory_free(wire);
            return NULL;
        }
    }
    return wire;
}

void
estab_memory_free(struct memory_wire *wire)
{
    if (wire == NULL)
        return;
    for (unsigned i = 0; i < 2; i++) {
        free(wire->ends[i].arriving.slots);
        free(wire->ends[i].arriving.data);
    }
    free(wire);
}

static ptrdiff_t
receive(void *ctx, struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct end *end = ctx;
    struct memory_wire *wire = end->wire;
    struct queue *q = &end->arriving;
    size_t taken = 0;

    (void)why;
    while (taken < n && q->count > 0 && q->slots[q->first].due <= now) {
        uint32_t len = q->slots[q->first].len;

        if (len > frames[taken].cap)
            len = frames[taken].cap;
        memcpy(frames[taken].data, q->data + q->first * wire->mtu, len);
        frames[taken].flags = 0;
        frames[taken++].len = len;
        q->first = (q->first + 1) % wire->packets;
        q->count--;
    }
    return (ptrdiff_t)taken;
}

static ptrdiff_t
transmit(void *ctx, const struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct end *end = ctx;
    struct memory_wire *wire = end->wire;
    struct queue *q = &end->other->arriving;
    struct estab_frame copy;

    (void)why;
    for (size_t i = 0; i < n; i++) {
        size_t at = (q->first + q->count) % wire->packets;

        if (q->count == wire->packets || frames[i].len > wire->mtu) {
            q->lost++;
            continue;
        }
        memcpy(q->data + at * wire->mtu, frames[i].data, frames[i].len);
        copy = frames[i];
        copy.data = q->data + at * wire->mtu;
        if (!estab_frame_complete(&copy)) {
            q->lost++;
            continue;
        }
        q->slots[at] = (struct slot){ .due = now + wire->delay, .len = frames[i].len };
        q->count++;
    }
    return (ptrdiff_t)n;
}

static estab_time
deadline(const void *ctx)
{
    const struct end *end = ctx;
    const struct queue *q = &end->arriving;

    return q->count > 0 ? q->slots[q->first].due : ESTAB_NEVER;
}

struct packet_link
estab_memory_link(struct memory_wire *wire, unsigned end)
{
    return (struct packet_link){
        .ctx = &wire->ends[end],
        .receive = receive,
        .transmit = transmit,
        .deadline = deadline,
        .fd = -1,
        .mtu = wire->mtu,
        .largest = wire->mtu,
    };
}

uint64_t
estab_memory_lost(const struct memory_wire *wire, unsigned end)
{
    return wire->ends[end].arriving.lost;
}
