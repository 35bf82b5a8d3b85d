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
    /* What is left out of the world, to find what a failure needs: */
    uint32_t omit;          /* bits of enum sim_swarm_part */
    uint32_t max_dialogues; /* 0: as the seed says */
    /* Everything has been planned and nothing has happened yet; may be NULL. */
    void (*planned)(void *ctx, const struct sim_world *w, const struct sim_apps *apps);
    void *planned_ctx;
    /* A host was made, or made anew; may be NULL. */
    void (*made)(void *ctx, struct estab_stack *stack);
    void *made_ctx;
};

/* clang-format off */
#define SIM_SWARM_PARTS(X)                                                                          \
    X(LOSS, "loss") X(DUPLICATES, "duplicates") X(REORDER, "reorder") X(CORRUPT, "corrupt")         \
    X(MARKS, "marks") X(UNREACHABLE, "unreachable") X(OUTAGE, "outage") X(HOLDS, "holds")           \
    X(FORGERS, "forgers") X(RATE, "rate") X(COALESCE, "coalesce") X(PATH_MTU, "path-mtu")           \
    X(ATTACKER, "attacker") X(REBOOT, "reboot") X(CUT, "cut") X(DELAY, "delay")               \
    X(DRIFT, "drift")
/* clang-format on */
enum sim_swarm_part {
#define X(id, name) SIM_SWARM_##id,
    SIM_SWARM_PARTS(X)
#undef X
        SIM_SWARM_PART_COUNT
};
const char *sim_swarm_part_name(enum sim_swarm_part part);

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
    uint64_t attacks;            /* old packets sent again, forged segments, lies */
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
