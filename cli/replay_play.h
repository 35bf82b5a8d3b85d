/* SPDX-License-Identifier: MIT */
/*
 * Plays a capture to a host of ours, in virtual time. The host takes the place of one in the
 * capture: what came to that one comes to ours at the same times, and what that one's user did (open,
 * send, close, abort, as its own packets show) ours does too. Our ISN and timestamps are others than
 * it had, so acknowledgments, SACK blocks and echoes in what arrives are moved by the difference, and
 * a checksum that was right stays right, a wrong one wrong.
 */
#ifndef ESTAB_CLI_REPLAY_PLAY_H
#define ESTAB_CLI_REPLAY_PLAY_H

#include "drivers/failure.h"
#include "estab/estab.h"
#include "trace/capture.h"

enum { REPLAY_ADDRESSES = 8, REPLAY_FLOWS = 4096 };

/* The virtual time of the first packet. */
#define REPLAY_START ESTAB_SEC(1)

struct replay {
    struct estab_addr addr[REPLAY_ADDRESSES]; /* ours; none: those that the capture suggests */
    unsigned n_addrs;
    bool trust; /* checksums were not made yet when the capture was: take them as right */
    struct estab_config cfg; /* secret, trace and allocator too */

    /* What came of it */
    int64_t origin;          /* nanoseconds since 1970 at REPLAY_START */
    uint64_t packets, given; /* in the capture; to our host */
    uint64_t own, others;    /* that our host's model sent; between others */
    uint64_t no_ip, cut_off; /* not played: no IP; not whole in the capture */
    uint64_t refused;        /* calls of its model's that ours refused */
    uint64_t strayed;        /* of connections beyond REPLAY_FLOWS */
    bool has_status;
    struct estab_stack_status status;
};

/* Of a capture in memory. Chooses addresses, if none are given: that to which the first SYN goes, or
 * the first packet; sets `origin`, too. -1 and why: it is no capture, or there is no IP packet in it. */
int estab_replay_look(struct replay *r, const uint8_t *data, size_t len, struct failure *why);
/* 0, or -1 and why; what was played before that has been played. */
int estab_replay_play(struct replay *r, const uint8_t *data, size_t len, struct failure *why);

#endif
