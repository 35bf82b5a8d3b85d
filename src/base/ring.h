/* SPDX-License-Identifier: MIT */
/*
 * A ring of octets over memory lent by somebody else. Offsets count from the head, the oldest
 * octet; `used` octets from the head are published, what lies behind them is free space that may
 * already hold octets written ahead (out-of-order text). The size is a power of two, or 0 while
 * no memory is lent.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include <stdint.h>

struct ring {
    uint8_t *data;
    uint32_t size; /* octets of memory at data: 0 or a power of two */
    uint32_t head; /* index of the first octet, < size */
    uint32_t used; /* octets published, =< size */
    /* Of who lends the memory: the size that was needed lately, as a power of two (0: none was), and
     * how often in a row memory of that size was lent and was enough. */
    uint8_t lately, enough;
};

struct ring_span {
    uint8_t *data;
    uint32_t len;
};

static inline uint32_t
ring_free(const struct ring *r)
{
    return r->size - r->used;
}

/* The memory of `len` octets from `offset` (offset + len =< size) as one or two spans; a missing
 * second span has len 0. */
void estab_ring_spans(const struct ring *r, uint32_t offset, uint32_t len, struct ring_span s[2]);
/* Copies into / out of the ring at `offset`; publishes nothing. */
void estab_ring_write_at(struct ring *r, uint32_t offset, const void *data, uint32_t len);
void estab_ring_read_at(const struct ring *r, uint32_t offset, void *buf, uint32_t len);
/* Publishes `len` octets behind the used ones (len =< free). */
void estab_ring_publish(struct ring *r, uint32_t len);
/* Drops `len` octets from the head (len =< used). */
void estab_ring_consume(struct ring *r, uint32_t len);
/* Moves the first `keep` octets from the head (published or not) to new memory of `size` octets,
 * head at 0; the old memory is the caller's to return. */
void estab_ring_move(struct ring *r, uint8_t *data, uint32_t size, uint32_t keep);

#endif
