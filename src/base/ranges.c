/* SPDX-License-Identifier: MIT */
/*
 * The bounded list of ranges; see ranges.h. It holds what tcp/text.c keeps of the text that came
 * out of order, and is what tcp/emit.c reports in SACK options (RFC 2018 §4).
 */
#include "base/ranges.h"

#include <string.h>

bool
estab_ranges_gap(const struct ranges *rs, uint32_t left, uint32_t right, uint32_t *gap_left,
                 uint32_t *gap_right)
{
    uint32_t i;

    for (i = 0; i < rs->n && left < right; i++) {
        if (rs->r[i].right <= left)
            continue;
        if (rs->r[i].left > left) {
            *gap_left = left;
            *gap_right = rs->r[i].left < right ? rs->r[i].left : right;
            return true;
        }
        left = rs->r[i].right;
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
    uint32_t i = 0;

    while (i < rs->n && rs->r[i].right < left)
        i++;
    *first = i;
    while (i < rs->n && rs->r[i].left <= right)
        i++;
    *last = i;
}

bool
estab_ranges_can_add(const struct ranges *rs, uint32_t left, uint32_t right)
{
    uint32_t first, last;

    touching(rs, left, right, &first, &last);
    return last > first || rs->n < RANGES_MAX;
}

bool
estab_ranges_add(struct ranges *rs, uint32_t left, uint32_t right)
{
    uint32_t first, last;

    touching(rs, left, right, &first, &last);
    if (last == first) {
        if (rs->n == RANGES_MAX)
            return false;
        memmove(&rs->r[first + 1], &rs->r[first], (rs->n - first) * sizeof(rs->r[0]));
        rs->n++;
    } else {
        if (rs->r[first].left < left)
            left = rs->r[first].left;
        if (rs->r[last - 1].right > right)
            right = rs->r[last - 1].right;
        memmove(&rs->r[first + 1], &rs->r[last], (rs->n - last) * sizeof(rs->r[0]));
        rs->n -= last - first - 1;
    }
    rs->r[first] = (struct range){ .left = left, .right = right, .stamp = ++rs->stamp };
    return true;
}

uint32_t
estab_ranges_shift(struct ranges *rs, uint32_t n)
{
    uint32_t i, kept = 0, joined;

    for (i = 0; i < rs->n; i++) {
        struct range r = rs->r[i];

        if (r.right <= n)
            continue;
        r.left = r.left > n ? r.left - n : 0;
        r.right -= n;
        rs->r[kept++] = r;
    }
    rs->n = kept;
    if (kept == 0 || rs->r[0].left != 0)
        return 0;
    joined = rs->r[0].right;
    memmove(&rs->r[0], &rs->r[1], (kept - 1) * sizeof(rs->r[0]));
    rs->n--;
    return joined;
}

/* Stamps go round after 2^32. */
static bool
is_older(uint32_t a, uint32_t b)
{
    return a != b && b - a < UINT32_C(1) << 31;
}

bool
estab_ranges_overlap(const struct ranges *rs, uint32_t left, uint32_t right, uint32_t *overlap_left,
                     uint32_t *overlap_right)
{
    uint32_t i;

    for (i = 0; i < rs->n; i++) {
        if (rs->r[i].right <= left)
            continue;
        *overlap_left = rs->r[i].left > left ? rs->r[i].left : left;
        *overlap_right = rs->r[i].right < right ? rs->r[i].right : right;
        return *overlap_left < *overlap_right;
    }
    return false;
}

unsigned
estab_ranges_recent(const struct ranges *rs, struct range *out, unsigned max)
{
    unsigned n = 0, k;
    uint32_t i;

    for (i = 0; i < rs->n; i++) {
        /* insert by stamp, newest first; what falls off the end is forgotten */
        for (k = n; k > 0 && is_older(out[k - 1].stamp, rs->r[i].stamp); k--)
            if (k < max)
                out[k] = out[k - 1];
        if (k < max)
            out[k] = rs->r[i];
        if (n < max)
            n++;
    }
    return n;
}

uint32_t
estab_ranges_total(const struct ranges *rs)
{
    uint32_t i, total = 0;

    for (i = 0; i < rs->n; i++)
        total += rs->r[i].right - rs->r[i].left;
    return total;
}

uint32_t
estab_ranges_end(const struct ranges *rs)
{
    return rs->n > 0 ? rs->r[rs->n - 1].right : 0;
}
