/* SPDX-License-Identifier: MIT */
/*
 * The ring of octets; see ring.h. Called from tcp/ for the send and the receive buffer and from
 * stack/ for the replies that belong to no connection.
 */
#include "base/ring.h"

#include "base/assert.h"

#include <string.h>

void
estab_ring_spans(const struct ring *r, uint32_t offset, uint32_t len, struct ring_span s[2])
{
    uint32_t at, first;

    ESTAB_ASSERT(offset <= r->size && len <= r->size - offset);
    s[0] = (struct ring_span){ 0 };
    s[1] = (struct ring_span){ 0 };
    if (len == 0)
        return;
    at = (r->head + offset) & (r->size - 1);
    first = r->size - at < len ? r->size - at : len;
    s[0] = (struct ring_span){ .data = r->data + at, .len = first };
    if (first < len)
        s[1] = (struct ring_span){ .data = r->data, .len = len - first };
}

void
estab_ring_write_at(struct ring *r, uint32_t offset, const void *data, uint32_t len)
{
    struct ring_span s[2];

    estab_ring_spans(r, offset, len, s);
    if (s[0].len > 0)
        memcpy(s[0].data, data, s[0].len);
    if (s[1].len > 0)
        memcpy(s[1].data, (const uint8_t *)data + s[0].len, s[1].len);
}

void
estab_ring_read_at(const struct ring *r, uint32_t offset, void *buf, uint32_t len)
{
    struct ring_span s[2];

    estab_ring_spans(r, offset, len, s);
    if (s[0].len > 0)
        memcpy(buf, s[0].data, s[0].len);
    if (s[1].len > 0)
        memcpy((uint8_t *)buf + s[0].len, s[1].data, s[1].len);
}

void
estab_ring_publish(struct ring *r, uint32_t len)
{
    ESTAB_ASSERT(len <= ring_free(r));
    r->used += len;
}

void
estab_ring_consume(struct ring *r, uint32_t len)
{
    ESTAB_ASSERT(len <= r->used);
    if (len == 0)
        return;
    r->head = (r->head + len) & (r->size - 1);
    r->used -= len;
}

void
estab_ring_move(struct ring *r, uint8_t *data, uint32_t size, uint32_t keep)
{
    ESTAB_ASSERT(keep >= r->used && keep <= size && keep <= r->size);
    estab_ring_read_at(r, 0, data, keep);
    r->data = data;
    r->size = size;
    r->head = 0;
}
