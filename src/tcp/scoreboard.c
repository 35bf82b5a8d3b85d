/* SPDX-License-Identifier: MIT */
/* The runs of scoreboard.h: RFC 2018 §5 and §8, RFC 6675 §3, RFC 8985 §4.2. No policy here. */
#include "tcp/scoreboard.h"

#include <string.h>

void
estab_scoreboard_init(struct scoreboard *sb, struct sent_run *run, uint32_t max)
{
    sb->n = 0;
    sb->max = max;
    sb->run = run;
    sb->sacked = 0;
    sb->lost = 0;
}

static void
count(struct scoreboard *sb, uint32_t fate, uint32_t len, bool more)
{
    uint32_t d = more ? len : 0u - len;

    if (fate & RUN_SACKED)
        sb->sacked += d;
    if (fate & RUN_LOST)
        sb->lost += d;
}

/* Gives run i, which is `len` octets long, another fate. */
static void
set_fate(struct scoreboard *sb, uint32_t i, uint32_t len, uint32_t fate)
{
    count(sb, sb->run[i].fate, len, false);
    sb->run[i].fate = fate;
    count(sb, fate, len, true);
}

/* The run that holds `seq`, or n. */
static uint32_t
find(const struct scoreboard *sb, tcp_seq seq)
{
    uint32_t low = 0, high = sb->n;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (seq_gt(sb->run[middle].end, seq))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Makes `seq` the end of a run, and gives the run that begins there. The caller has looked for
 * room. */
static uint32_t
split(struct scoreboard *sb, tcp_seq una, tcp_seq seq)
{
    uint32_t i = find(sb, seq);

    if (i == sb->n || run_start(sb, una, i) == seq)
        return i;
    memmove(&sb->run[i + 1], &sb->run[i], (sb->n - i) * sizeof(sb->run[0]));
    sb->run[i].end = seq;
    sb->n++;
    return i + 1;
}

/* Joins run i to the one before it, if nothing tells them apart. */
static void
join(struct scoreboard *sb, uint32_t i)
{
    if (i == 0 || i >= sb->n || sb->run[i - 1].fate != sb->run[i].fate)
        return;
    /* what the peer has needs no time any more */
    if (sb->run[i - 1].at != sb->run[i].at && !(sb->run[i].fate & RUN_SACKED))
        return;
    sb->run[i - 1] = sb->run[i];
    memmove(&sb->run[i], &sb->run[i + 1], (sb->n - i - 1) * sizeof(sb->run[0]));
    sb->n--;
}

void
estab_scoreboard_sent(struct scoreboard *sb, tcp_seq una, tcp_seq end, uint32_t at, uint32_t grain)
{
    struct sent_run *last = sb->n > 0 ? &sb->run[sb->n - 1] : NULL;

    if (last != NULL && ((!sb->closed && last->fate == 0 && at - sb->begun_at <= grain) ||
                         scoreboard_is_full(sb))) {
        /* full: the last run forgets what it knew, for the new octets know nothing */
        set_fate(sb, sb->n - 1, last->end - run_start(sb, una, sb->n - 1), last->fate & RUN_AGAIN);
        last->end = end;
        last->at = at;
        return;
    }
    sb->run[sb->n++] = (struct sent_run){ .end = end, .at = at };
    sb->begun_at = at;
    sb->closed = false;
}

void
estab_scoreboard_sent_again(struct scoreboard *sb, tcp_seq una, tcp_seq left, tcp_seq right,
                            uint32_t at)
{
    uint32_t i, first;

    sb->closed = true;
    if (scoreboard_is_full(sb)) {
        /* the whole run takes the later time; if it is lost again, that is seen later */
        first = find(sb, left);
    } else {
        (void)split(sb, una, right);
        first = split(sb, una, left);
    }
    for (i = first; i < sb->n && seq_lt(run_start(sb, una, i), right); i++) {
        if (sb->run[i].fate & RUN_SACKED)
            continue;
        set_fate(sb, i, sb->run[i].end - run_start(sb, una, i), RUN_AGAIN);
        sb->run[i].at = at;
    }
    join(sb, i);
    join(sb, first);
}

static void
deliver(struct delivered *d, const struct sent_run *r, uint32_t len)
{
    if (r->fate & RUN_SACKED)
        return;
    if (d->octets == 0 || seq_gt(r->end, d->highest_end))
        d->highest_end = r->end;
    d->octets += len;
    if (r->fate & RUN_AGAIN) {
        if (!d->again || sent_after(r->at, r->end, d->again_at, d->again_end)) {
            d->again_at = r->at;
            d->again_end = r->end;
        }
        d->again = true;
        return;
    }
    if (!d->once || seq_lt(r->end, d->once_lowest_end))
        d->once_lowest_end = r->end;
    if (!d->once || sent_after(r->at, r->end, d->once_at, d->once_end)) {
        d->once_at = r->at;
        d->once_end = r->end;
    }
    d->once = true;
}

void
estab_scoreboard_acked(struct scoreboard *sb, tcp_seq old, tcp_seq una, struct delivered *d)
{
    uint32_t gone = 0, len;
    tcp_seq start = old;

    while (gone < sb->n && seq_leq(sb->run[gone].end, una)) {
        len = sb->run[gone].end - start;
        deliver(d, &sb->run[gone], len);
        count(sb, sb->run[gone].fate, len, false);
        start = sb->run[gone].end;
        gone++;
    }
    if (gone < sb->n && seq_lt(start, una)) {
        struct sent_run part = sb->run[gone];

        part.end = una;
        deliver(d, &part, una - start);
        count(sb, part.fate, una - start, false);
    }
    if (gone > 0) {
        memmove(&sb->run[0], &sb->run[gone], (sb->n - gone) * sizeof(sb->run[0]));
        sb->n -= gone;
    }
}

bool
estab_scoreboard_sacked(struct scoreboard *sb, tcp_seq una, tcp_seq left, tcp_seq right,
                        struct delivered *d)
{
    uint32_t before = d->octets, first, i;

    /* Whole runs need no room; a part does. */
    if (scoreboard_is_full(sb)) {
        first = find(sb, left);
        if (first < sb->n && run_start(sb, una, first) != left)
            first++;
    } else {
        (void)split(sb, una, right);
        first = split(sb, una, left);
    }
    for (i = first; i < sb->n && seq_leq(sb->run[i].end, right); i++) {
        uint32_t len = sb->run[i].end - run_start(sb, una, i);

        deliver(d, &sb->run[i], len);
        set_fate(sb, i, len, RUN_SACKED);
    }
    /* one run for the block and what it touches */
    while (i > first) {
        join(sb, i);
        i--;
    }
    join(sb, first);
    return d->octets != before;
}

void
estab_scoreboard_mark_lost(struct scoreboard *sb, tcp_seq una, uint32_t i)
{
    set_fate(sb, i, sb->run[i].end - run_start(sb, una, i), sb->run[i].fate | RUN_LOST);
}

void
estab_scoreboard_split_first(struct scoreboard *sb, tcp_seq una, uint32_t limit)
{
    if (!scoreboard_is_full(sb))
        (void)split(sb, una, seq_min(una + limit, sb->run[0].end));
}

void
estab_scoreboard_forget_sacks(struct scoreboard *sb)
{
    uint32_t i;

    for (i = 0; i < sb->n; i++)
        if (sb->run[i].fate & RUN_SACKED)
            sb->run[i].fate = RUN_AGAIN; /* who knows */
    sb->sacked = 0;
}

void
estab_scoreboard_forget_losses(struct scoreboard *sb)
{
    uint32_t i;

    for (i = 0; i < sb->n; i++)
        sb->run[i].fate &= ~(uint32_t)RUN_LOST;
    sb->lost = 0;
}

bool
estab_scoreboard_first_lost(const struct scoreboard *sb, tcp_seq una, uint32_t limit, tcp_seq *left,
                            tcp_seq *right)
{
    uint32_t i = 0;

    if (sb->lost == 0)
        return false;
    while (!(sb->run[i].fate & RUN_LOST))
        i++;
    *left = run_start(sb, una, i);
    for (; i < sb->n && sb->run[i].fate & (RUN_LOST | RUN_SACKED); i++) {
        if (run_start(sb, una, i) - *left >= limit)
            break;
        if (sb->run[i].fate & RUN_LOST)
            *right = seq_min(sb->run[i].end, *left + limit);
    }
    return true;
}
