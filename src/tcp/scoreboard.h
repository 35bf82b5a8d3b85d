/* SPDX-License-Identifier: MIT */
/*
 * What is on the way: the octets from SND.UNA to SND.NXT as runs of one fate, each with the time it
 * was last sent. RFC 8985 §4.2 wants a time per segment; segments sent within a fraction of the
 * round trip of each other share a run. The list is bounded, and so is the work of an ACK: when it
 * is full, times are rounded up (a loss is seen later, never sooner) and what a SACK block says is
 * ignored (the peer says it again).
 */
#ifndef TCP_SCOREBOARD_H
#define TCP_SCOREBOARD_H

#include "tcp/seq.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum run_fate {
    RUN_SACKED = 1, /* the peer has it, RFC 2018; alone */
    RUN_LOST = 2,   /* to be sent again */
    RUN_AGAIN = 4,  /* was sent more than once */
};

struct sent_run {
    tcp_seq end; /* its start is the end before, or SND.UNA */
    uint32_t at; /* microseconds, on a circle; the last time it was sent */
    uint32_t fate;
};

struct scoreboard {
    uint32_t n, max;
    uint32_t sacked, lost; /* octets */
    uint32_t begun_at;     /* when the first octets of the last run were sent */
    /* Something was sent again since the last run began: what is new begins another. The arrival of a
     * run's first octets is taken for that of its last, and must say nothing of what left in between. */
    bool closed;
    struct sent_run *run; /* the caller's */
};

/* What one ACK has newly said is delivered. Of two runs the one sent later counts, and of two sent
 * at the same time the one that ends later (RFC 8985 §6.2, step 2). */
struct delivered {
    uint32_t octets;
    bool once, again; /* something sent once; something sent more than once */
    uint32_t once_at, again_at;
    tcp_seq once_end, again_end;
    tcp_seq once_lowest_end; /* of the runs sent once: for RFC 8985 §6.2, step 3 */
    tcp_seq highest_end;
};

/* Was (at1, end1) sent after (at2, end2)? */
static inline bool
sent_after(uint32_t at1, tcp_seq end1, uint32_t at2, tcp_seq end2)
{
    return (int32_t)(at1 - at2) > 0 || (at1 == at2 && seq_gt(end1, end2));
}

/* Over memory for `max` runs. */
void estab_scoreboard_init(struct scoreboard *sb, struct sent_run *run, uint32_t max);
static inline bool
scoreboard_is_full(const struct scoreboard *sb)
{
    return sb->n + 2 > sb->max; /* a run in the middle becomes three */
}

/* The octets up to `end` are sent for the first time; joined to the last run if that began
 * within `grain` before them. */
void estab_scoreboard_sent(struct scoreboard *sb, tcp_seq una, tcp_seq end, uint32_t at,
                           uint32_t grain);
/* [left, right) is sent again: not lost any more. */
void estab_scoreboard_sent_again(struct scoreboard *sb, tcp_seq una, tcp_seq left, tcp_seq right,
                                 uint32_t at);
/* Everything before `una` is acknowledged; `old` was SND.UNA. */
void estab_scoreboard_acked(struct scoreboard *sb, tcp_seq old, tcp_seq una, struct delivered *d);
/* A SACK block, within (SND.UNA, SND.NXT]; false: it said nothing new. */
bool estab_scoreboard_sacked(struct scoreboard *sb, tcp_seq una, tcp_seq left, tcp_seq right,
                             struct delivered *d);
void estab_scoreboard_mark_lost(struct scoreboard *sb, tcp_seq una, uint32_t i);
/* Run 0 ends after at most `limit` octets, if there is room. */
void estab_scoreboard_split_first(struct scoreboard *sb, tcp_seq una, uint32_t limit);
/* The peer has gone back on its SACKs, or may have (RFC 2018 §8): nothing is SACKed any more. */
void estab_scoreboard_forget_sacks(struct scoreboard *sb);
/* Nothing is lost after all. */
void estab_scoreboard_forget_losses(struct scoreboard *sb);
/* The first octets that are lost, at most `limit`: [*left, *right); false: none. What is SACKed
 * between two losses is sent along: many small holes are not worth a segment each. */
bool estab_scoreboard_first_lost(const struct scoreboard *sb, tcp_seq una, uint32_t limit,
                                 tcp_seq *left, tcp_seq *right);

static inline tcp_seq
run_start(const struct scoreboard *sb, tcp_seq una, uint32_t i)
{
    return i == 0 ? una : sb->run[i - 1].end;
}

#endif
