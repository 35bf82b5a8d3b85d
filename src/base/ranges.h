/* SPDX-License-Identifier: MIT */
/*
 * A short, bounded list of disjoint, non-touching ranges of offsets [left, right), ascending: what
 * has arrived out of order, counted from RCV.NXT. Each range remembers how recently it grew, for
 * RFC 2018 §4. Adding costs at most RANGES_MAX steps, whatever a peer sends.
 */
#ifndef BASE_RANGES_H
#define BASE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#define RANGES_MAX 32

struct range {
    uint32_t left, right;
    uint32_t stamp; /* larger: grew more recently */
};

struct ranges {
    uint32_t n;
    uint32_t stamp; /* the last one given */
    struct range r[RANGES_MAX];
};

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
/* Up to `max` ranges, the most recently grown first, into out; returns how many. */
unsigned estab_ranges_recent(const struct ranges *rs, struct range *out, unsigned max);
/* The octets covered. */
uint32_t estab_ranges_total(const struct ranges *rs);
/* The largest right edge, 0 when empty. */
uint32_t estab_ranges_end(const struct ranges *rs);

#endif
