/* SPDX-License-Identifier: MIT */
/*
 * A bounded list of disjoint, non-touching ranges of offsets [left, right), ascending: what has
 * arrived out of order, counted from RCV.NXT. It remembers which ranges grew last, for RFC 2018 §4.
 * Finding a place takes as many steps as the list has doublings, whatever a peer sends; the list
 * is in memory of the caller's and can be copied into a larger one.
 */
#ifndef BASE_RANGES_H
#define BASE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#define RANGES_RECENT 8

struct range {
    uint32_t left, right;
};

struct ranges {
    uint32_t size;   /* of this memory, octets */
    uint32_t max, n; /* ranges */
    uint32_t first;  /* of `r`: those before it have been shifted out */
    uint32_t origin; /* `r` and `recent` count from 0 when the list was made: offset + origin */
    uint32_t total;  /* octets covered */
    uint32_t n_recent;
    uint32_t
        recent[RANGES_RECENT]; /* an octet of each of the ranges that grew last, latest first */
    struct range r[];
};

/* An empty list in `size` octets of memory. */
void estab_ranges_init(struct ranges *rs, uint32_t size);
/* The same ranges in `size` octets, more than before. */
void estab_ranges_copy(struct ranges *to, const struct ranges *from, uint32_t size);
/* Range i, from 0, ascending. */
static inline struct range
ranges_at(const struct ranges *rs, uint32_t i)
{
    struct range r = rs->r[rs->first + i];

    return (struct range){ r.left - rs->origin, r.right - rs->origin };
}
/* Finds the first part of [left, right) that no range covers; false: all covered. */
bool estab_ranges_gap(const struct ranges *rs, uint32_t left, uint32_t right, uint32_t *gap_left,
                      uint32_t *gap_right);
/* Would estab_ranges_add() succeed? (The list is not full, or the new range merges.) */
bool estab_ranges_can_add(const struct ranges *rs, uint32_t left, uint32_t right);
/* Adds [left, right), merging what overlaps or touches; false when the list is full: unchanged.
 * left < right. */
bool estab_ranges_add(struct ranges *rs, uint32_t left, uint32_t right);
/* Everything moves `n` to the left; what falls below 0 is cut off. If a range then begins at 0 it
 * is taken out and its length returned (0 otherwise), and the rest is left as it is (the caller
 * shifts again by that length). */
uint32_t estab_ranges_shift(struct ranges *rs, uint32_t n);
/* The first part of [left, right) that a range covers; false: none. */
bool estab_ranges_overlap(const struct ranges *rs, uint32_t left, uint32_t right,
                          uint32_t *overlap_left, uint32_t *overlap_right);
/* Up to `max` ranges into out, those that grew last first, then others; returns how many. */
unsigned estab_ranges_recent(const struct ranges *rs, struct range *out, unsigned max);
/* The largest right edge, 0 when empty. */
static inline uint32_t
ranges_end(const struct ranges *rs)
{
    return rs->n > 0 ? ranges_at(rs, rs->n - 1).right : 0;
}

#endif
