/* SPDX-License-Identifier: MIT */
/*
 * What an operator wants to be told of a connection, in plain words and with the numbers of the
 * segments that show it. docs/trace.md is the table of them: what each says, when, and what to do.
 */
#ifndef ESTAB_TRACE_VERDICTS_H
#define ESTAB_TRACE_VERDICTS_H

#include "trace/analysis.h"
#include "view/row.h"

/* clang-format off */

/* name, weight (3: it failed, 2: it suffered, 1: worth knowing), id */
#define TRACE_VERDICTS(X)                                                                          \
    X(SYN_UNANSWERED,    3, "syn-unanswered")                                                      \
    X(REFUSED,           3, "refused")                                                             \
    X(UNREACHABLE,       3, "unreachable")                                                         \
    X(SYN_ACK_UNANSWERED, 3, "syn-ack-unanswered")                                                 \
    X(HALF_OPEN_SCAN,    2, "half-open-scan")                                                      \
    X(RESET_AFTER_REQUEST, 3, "reset-after-request")                                               \
    X(RESET_INJECTED,    3, "reset-injected")                                                      \
    X(RESET_WITH_DATA,   3, "reset-with-data")                                                     \
    X(RESET_AFTER_IDLE,  3, "reset-after-idle")                                                    \
    X(RESET_INSTEAD_OF_FIN, 1, "reset-instead-of-fin")                                             \
    X(RESET_OTHER,       3, "reset")                                                               \
    X(KEEPALIVE_DEAD,    3, "keepalive-dead")                                                      \
    X(VANISHED,          3, "vanished")                                                            \
    X(FORGOTTEN,         3, "forgotten")                                                           \
    X(NEVER_CLOSED,      2, "never-closed")                                                        \
    X(SLOW_CLOSE,        1, "slow-close")                                                          \
    X(BLACK_HOLE,        3, "black-hole")                                                          \
    X(SYN_LOST,          2, "syn-lost")                                                            \
    X(TIMEOUTS,          2, "timeouts")                                                            \
    X(LOSS,              2, "loss")                                                                \
    X(TAIL_LOSS,         1, "tail-loss")                                                           \
    X(SPURIOUS,          2, "spurious")                                                            \
    X(REORDERING,        1, "reordering")                                                          \
    X(DOUBLED,           1, "doubled")                                                             \
    X(DAMAGED,           2, "damaged")                                                             \
    X(NAGLE,             2, "nagle-delayed-ack")                                                   \
    X(RECEIVER_LIMITED,  2, "receiver-limited")                                                    \
    X(ZERO_WINDOW,       2, "zero-window")                                                         \
    X(WINDOW_SHRUNK,     2, "window-shrunk")                                                       \
    X(NO_WINDOW_SCALE,   2, "no-window-scale")                                                     \
    X(NO_SACK,           1, "no-sack")                                                             \
    X(SMALL_MSS,         1, "small-mss")                                                           \
    X(TINYGRAMS,         1, "tinygrams")                                                           \
    X(SLOW_SERVER,       2, "slow-answer")                                                         \
    X(BUFFERBLOAT,       2, "bufferbloat")                                                         \
    X(CONGESTION_MARKS,  1, "congestion-marks")                                                    \
    X(SIMULTANEOUS_OPEN, 1, "simultaneous-open")                                                   \
    X(SIMULTANEOUS_CLOSE, 1, "simultaneous-close")                                                 \
    X(FAST_OPEN,         1, "fast-open")                                                           \
    X(RESET_IGNORED,     2, "reset-ignored")                                                       \
    X(NO_DATA,           1, "no-data")                                                             \
    X(DATA_AFTER_FIN,    2, "data-after-fin")                                                      \
    X(CAPTURE_LOSS,      1, "capture-loss")                                                        \
    X(OFFLOAD,           1, "offload")                                                             \
    X(JOINED,            1, "joined")

/* clang-format on */

enum trace_verdict {
#define X(name, weight, id) FOUND_##name,
    TRACE_VERDICTS(X)
#undef X
        TRACE_VERDICT_COUNT
};

enum { VERDICT_NUMBERS = 4 };

struct verdict {
    enum trace_verdict kind;
    unsigned weight;
    struct phrase text;
    unsigned n;
    uint64_t number[VERDICT_NUMBERS]; /* segments that show it; 0 never */
    uint64_t more;                    /* and so many others */
};

const char *estab_trace_verdict_id(enum trace_verdict kind);
/* The verdicts about a connection that is over or seen to the end of the capture, the heaviest
 * first; their number. */
unsigned estab_trace_verdicts(const struct connection *c, struct verdict out[TRACE_VERDICT_COUNT]);

/* "handshake", "reset by the server": how it began and ended, in few words. */
const char *estab_trace_begun(const struct connection *c);
const char *estab_trace_ended(const struct connection *c);

#endif
