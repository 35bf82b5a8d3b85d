/* SPDX-License-Identifier: MIT */
/*
 * Worlds out of seeds: a seed decides how many hosts there are, their configuration, the links
 * and their faults, who talks to whom and how; and the world runs until everybody has gone.
 */
#ifndef SIM_SWARM_H
#define SIM_SWARM_H

#include "sim/invariants.h"

struct sim_swarm_options {
    estab_trace_fn *sink; /* another look at every record; NULL: none */
    void *sink_ctx;
    bool fail_allocation; /* of host 0: its call number fail_at, */
    bool fail_after;      /* and every later one */
    uint64_t fail_at;
    uint64_t ignored[2]; /* rules that do not count, a bit each */
};

struct sim_result {
    struct sim_failure failure; /* failure.rule NULL: all is well */
    uint64_t hash;              /* over every trace record */
    bool hashed;                /* false: the run depends on the size of a pointer, hash is 0 */
    bool built;                 /* false: an allocation failure prevented the world */
    uint64_t events, records, checks;
    estab_time lasted;
    uint32_t dialogues;
    uint64_t completed, failed;  /* actors */
    uint64_t octets;             /* heard */
    uint64_t allocations_failed; /* of host 0, as asked for */
    uint64_t verdicts[ESTAB_VERDICT_COUNT];
    uint64_t reasons[ESTAB_REASON_COUNT];
};

/* `options` may be NULL. */
void sim_swarm_run(const struct estab_alloc *from, uint64_t seed,
                   const struct sim_swarm_options *options, struct sim_result *result);

/* Runs a world that somebody else built until everybody has gone; false: not by `until`. */
bool sim_swarm_finish(struct sim_world *w, struct sim_apps *apps, estab_time until,
                      uint64_t max_events);

#endif
