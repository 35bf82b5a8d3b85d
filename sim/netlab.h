/* SPDX-License-Identifier: MIT */
/*
 * The network laboratory: one sender and one receiver, or several pairs, over a path with a round
 * trip, a rate, a queue and losses; what comes of it, counted by somebody who sees both ends.
 * Integers only, so that the tables are the same on every machine. sim/main/netlab.c prints them.
 */
#ifndef SIM_NETLAB_H
#define SIM_NETLAB_H

#include "sim/world.h"

/* What else may be the matter with a path: delays both ways, losses towards the receiver, the last two
 * with what comes back. */
/* clang-format off */
#define SIM_WEATHERS(X)                                                                             \
    X(CLEAR,      "clear",     "nothing else")                                                      \
    X(BURSTS,     "bursts",    "losses in bursts: of 200 packets one begins a burst, of 4 one ends it, half of it is lost") \
    X(CODEL,      "codel",     "the queue is kept short by CoDel (RFC 8289)")                       \
    X(JITTER,     "jitter",    "each packet takes up to RTT/4 longer, none overtakes another")      \
    X(LONGER,     "longer",    "after 3 s the way takes three times as long")                       \
    X(SHORTER,    "shorter",   "after 3 s the way takes a third of the time")                       \
    X(DUPLICATES, "duplicate", "5 % of the packets arrive twice")                                   \
    X(CORRUPTION, "corrupt",   "1 % of the packets have bits turned")                               \
    X(PULSES,     "pulses",    "for 50 ms of each second all is lost (the Shrew attack)")           \
    X(ACK_LOSS,   "ackloss",   "30 % of the acknowledgments are lost")                              \
    X(ACK_BUNCH,  "ackbunch",  "acknowledgments arrive only every 10 ms")
/* clang-format on */
enum sim_weather {
#define X(name, word, text) SIM_WEATHER_##name,
    SIM_WEATHERS(X)
#undef X
        SIM_WEATHER_COUNT
};

/* A path, as a row of the grid says it. */
struct sim_path {
    uint8_t weather; /* enum sim_weather */
    uint32_t
        weather_ms; /* PULSES: one in so much time; 0: in a second. LONGER, SHORTER: the round trip
                            afterwards; 0: three times as long, a third */
    uint32_t rtt_ms;
    uint32_t mbit;          /* per second, at the bottleneck */
    uint32_t queue_percent; /* of the product of rate and round trip; at least four packets */
    uint32_t loss_ppm;      /* of the packets towards the receiver */
    uint32_t reorder_ppm;   /* of these: delayed by up to a quarter of the round trip more */
};

/* One flow. Only what was asked to be lost is lost: hold.action DROP, or nothing with n_holds 0. */
struct sim_flow_plan {
    struct sim_path path;
    uint8_t cc; /* enum estab_cc */
    uint64_t seed;
    uint64_t octets;
    estab_time until; /* no longer than this */
    unsigned n_holds;
    struct sim_hold holds[SIM_HOLDS_MAX];
    bool codel; /* RFC 8289 keeps the queue short */
    /* Called after each acknowledgment that the sender has taken; may be NULL. */
    void (*sample)(void *ctx, const struct estab_trace *record);
    void *sample_ctx;
};

struct sim_flow_result {
    bool complete;
    const char *failure; /* a rule of the simulator that did not hold; NULL */
    estab_time took;     /* from the user's OPEN until all was heard, or `until` */
    uint64_t heard;      /* octets, in order */
    uint64_t sent;       /* segments with text, all of them */
    uint64_t sent_again; /* segments that had been sent before */
    uint64_t spurious;   /* arrived, and every octet of them had arrived before */
    uint64_t timeouts;   /* of the retransmission timer */
    uint64_t needless;   /* timeouts when what they sent again had arrived already */
    uint64_t probes;     /* loss probes (RFC 8985 §7) */
    uint64_t
        beyond; /* sent again, not by the timer nor as a probe, with more than cwnd on the way */
    uint64_t queue_full; /* dropped by the queue, or by CoDel */
    estab_time repaired; /* from the first hold's drop until its first octet had arrived otherwise,
                            without the way there; -1: never */
};

/* False: no memory. */
bool sim_flow_run(const struct estab_alloc *from, const struct sim_flow_plan *plan,
                  struct sim_flow_result *result);

const char *sim_weather_name(unsigned weather);
const char *sim_weather_text(unsigned weather);

/* What theory promises on a path, in kbit/s: the rate, and with losses at most what Reno's law
 * gives: MSS / RTT * sqrt(3/2) / sqrt(p) (Mathis and others, 1997). */
uint64_t sim_path_theory(const struct sim_path *path);

/* ---- several flows, one bottleneck ---- */

#define SIM_FAIR_MAX 16
struct sim_fair_plan {
    struct sim_path path;
    uint64_t seed;
    unsigned n; /* pairs of hosts, 1..SIM_FAIR_MAX */
    uint8_t cc[SIM_FAIR_MAX];
    estab_time start[SIM_FAIR_MAX];
    estab_time from, until; /* what is heard in between counts */
    bool codel;
};

struct sim_fair_result {
    const char *failure;
    uint64_t heard[SIM_FAIR_MAX]; /* octets in the time that counts */
    uint32_t jain_ppm;            /* (sum x)^2 / (n * sum x^2); a million when all are equal */
    uint32_t use_ppm; /* all of them together, of what the bottleneck can carry as text */
};

bool sim_fair_run(const struct estab_alloc *from, const struct sim_fair_plan *plan,
                  struct sim_fair_result *result);
/* Jain's index of `n` numbers in parts per million; 0 for nothing at all. */
uint32_t sim_jain(const uint64_t *x, unsigned n);

#endif
