/* SPDX-License-Identifier: MIT */
/*
 * Two captures of the same packets, from two points of their way: which packet of the one is which
 * of the other, how far the two clocks are apart, and what was lost, altered or put in between.
 */
#ifndef ESTAB_TRACE_DIFF_H
#define ESTAB_TRACE_DIFF_H

#include "trace/capture.h"
#include "view/view.h"

enum { DIFF_A, DIFF_B, DIFF_PACKETS_MAX = 1 << 20, DIFF_LINES = 20 };

struct diff;

/* What was found; valid after estab_diff_match(). */
struct diff_result {
    uint64_t packets[2], left_out[2]; /* TCP packets held, and beyond DIFF_PACKETS_MAX */
    uint64_t both;                    /* seen at A and at B */
    uint64_t lost[2];                 /* from A to B: seen at A alone; from B to A: at B alone */
    uint64_t made[2];                 /* travelling to B, seen at B alone; to A, at A alone */
    uint64_t outside;                 /* seen once, when the other did not capture */
    uint64_t altered;
    bool has_offset;       /* packets went both ways */
    estab_time offset;     /* clock of B less clock of A, as if both ways took the same time */
    estab_time round_trip; /* the least; the offset is wrong by half of it at most */
};

struct diff *estab_diff_new(void); /* NULL: no memory */
void estab_diff_free(struct diff *d);
/* false: no memory. Packets that are not TCP are passed over. */
bool estab_diff_take(struct diff *d, unsigned side, const struct capture_packet *packet);
const struct diff_result *estab_diff_match(struct diff *d);
/* The result, and up to `lines` packets of each kind (0: all). What the write function gave. */
int estab_diff_write(const struct diff *d, const char *const name[2], unsigned lines,
                     view_write_fn *write, void *ctx);

#endif
