/* SPDX-License-Identifier: MIT */
/*
 * The bounded list of ranges; see ranges.h. It holds what tcp/text.c keeps of the text that came
 * out of order, and is what tcp/emit.c reports in SACK options (RFC 2018 §4).
 */
#include "base/ranges.h"

#include <stddef.h>
#include <string.h>

void
estab_ranges_init(struct ranges *rs, uint32_t size)
{
    memset(rs, 0, sizeof(*rs));
    rs->size = size;
    rs->max = (uint32_t)((size - offsetof(struct ranges, r)) / sizeof(rs->r[0]));
}

void
estab_ranges_copy(struct ranges *to, const struct ranges *from, uint32_t size)
{
    estab_ranges_init(to, size);
    to->n = from->n;
    to->origin = from->origin;
    to->total = from->total;
    to->n_recent = from->n_recent;
    memcpy(to->recent, from->recent, sizeof(to->recent));
    memcpy(to->r, from->r + from->first, from->n * sizeof(from->r[0]));
}

/* The first range, of those from i on, that ends at `at` or behind it; n: none. */
static uint32_t
find(const struct ranges *rs, uint32_t i, uint32_t at)
{
    uint32_t high = rs->n;

    while (i < high) {
        uint32_t middle = i + (high - i) / 2;

        if (ranges_at(rs, middle).right >= at)
            high = middle;
        else
            i = middle + 1;
    }
    return i;
}

bool
estab_ranges_gap(const struct ranges *rs, uint32_t left, uint32_t right, uint32_t *gap_left,
                 uint32_t *gap_right)
{
    uint32_t i;

    for (i = find(rs, 0, left); i < rs->n && left < right; i++) {
        struct range r = ranges_at(rs, i);

        if (r.right <= left)
            continue;
        if (r.left > left) {
            *gap_left = left;
            *gap_right = r.left < right ? r.left : right;
            return true;
        }
        left = r.right;
    }
    if (left >= right)
        return false;
    *gap_left = left;
    *gap_right = right;
    return true;
}

/* The ranges [first, last) touch or overlap [left, right). */
static void
touching(const struct ranges *rs, uint32_t left, uint32_t right, uint32_t *first, uint32_t *last)
{
    *first = find(rs, 0, left);
    *last = find(rs, *first, right);
    if (*last < rs->n && ranges_at(rs, *last).left <= right)
        ++*last;
}

bool
estab_ranges_can_add(const struct ranges *rs, uint32_t left, uint32_t right)
{
    uint32_t first, last;

    touching(rs, left, right, &first, &last);
    return last > first || rs->n < rs->max;
}

/* The range [left, right) has grown: it comes first, and is there once. */
static void
note_recent(struct ranges *rs, uint32_t left, uint32_t right)
{
    uint32_t i, kept = 0;

    for (i = 0; i < rs->n_recent; i++)
        if (rs->recent[i] - rs->origin < left || rs->recent[i] - rs->origin >= right)
            rs->recent[kept++] = rs->recent[i];
    if (kept == RANGES_RECENT)
        kept--;
    memmove(&rs->recent[1], &rs->recent[0], kept * sizeof(rs->recent[0]));
    rs->recent[0] = left + rs->origin;
    rs->n_recent = kept + 1;
}

bool
estab_ranges_add(struct ranges *rs, uint32_t left, uint32_t right)
{
    uint32_t first, last, i;
    struct range *r;

    touching(rs, left, right, &first, &last);
    if (last == first && rs->n == rs->max)
        return false;
    for (i = first; i < last; i++) {
        struct range old = ranges_at(rs, i);

        rs->total -= old.right - old.left;
        left = old.left < left ? old.left : left;
        right = old.right > right ? old.right : right;
    }
    if (last == first && rs->first + rs->n == rs->max) {
        memmove(rs->r, rs->r + rs->first, rs->n * sizeof(*r));
        rs->first = 0;
    }
    r = rs->r + rs->first;
    memmove(&r[first + 1], &r[last], (rs->n - last) * sizeof(*r));
    rs->n = rs->n + 1 - (last - first);
    r[first] = (struct range){ .left = left + rs->origin, .right = right + rs->origin };
    rs->total += right - left;
    note_recent(rs, left, right);
    return true;
}

uint32_t
estab_ranges_shift(struct ranges *rs, uint32_t n)
{
    uint32_t joined = 0;

    while (rs->n > 0) {
        struct range r = ranges_at(rs, 0);

        if (r.left > n)
            break;
        /* from here on it is in order, or gone by */
        rs->total -= r.right - r.left;
        rs->first++;
        rs->n--;
        if (r.right > n) {
            joined = r.right - n;
            break;
        }
    }
    rs->origin += n;
    if (rs->n == 0) {
        rs->first = 0;
        rs->n_recent = 0;
    }
    return joined;
}

bool
estab_ranges_overlap(const struct ranges *rs, uint32_t left, uint32_t right, uint32_t *overlap_left,
                     uint32_t *overlap_right)
{
    uint32_t i = find(rs, 0, left);
    struct range r;

    if (i < rs->n && ranges_at(rs, i).right == left)
        i++;
    if (i == rs->n)
        return false;
    r = ranges_at(rs, i);
    *overlap_left = r.left > left ? r.left : left;
    *overlap_right = r.right < right ? r.right : right;
    return *overlap_left < *overlap_right;
}

unsigned
estab_ranges_recent(const struct ranges *rs, struct range *out, unsigned max)
{
    unsigned n = 0, k;
    uint32_t i;

    for (i = 0; i < rs->n_recent && n < max; i++) {
        uint32_t at = rs->recent[i] - rs->origin, found = find(rs, 0, at + 1);

        if (found < rs->n && ranges_at(rs, found).left <= at)
            out[n++] = ranges_at(rs, found);
    }
    for (i = 0; i < rs->n && n < max; i++) {
        struct range r = ranges_at(rs, i);

        for (k = 0; k < n && out[k].left != r.left; k++)
            ;
        if (k == n)
            out[n++] = r;
    }
    return n;
}
