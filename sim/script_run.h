/* SPDX-License-Identifier: MIT */
/*
 * Runs a script in a world of its own, on virtual time, with the invariants of invariants.h looking
 * on. Whoever watches gets the trace, what is said and the fate of packets, in their order.
 */
#ifndef SIM_SCRIPT_RUN_H
#define SIM_SCRIPT_RUN_H

#include "sim/script.h"

#include "estab/stack.h"

/* NULL for what does not interest. */
struct sim_script_watch {
    void *ctx;
    void (*trace)(void *ctx, const struct estab_trace *record);
    void (*fate)(void *ctx, uint32_t host, enum sim_fate fate);
    void (*say)(void *ctx, const char *text, size_t len);
};

struct sim_script_result {
    bool failed;
    const char *broken_rule; /* of invariants.h, whatever the script expects; NULL: none */
    uint32_t line, column;
    char text[768];  /* what was expected and what was seen instead */
    estab_time at;   /* the clock at the end */
    uint32_t checks; /* expectations that were met */
    bool has_status[2];
    struct estab_stack_status status[2]; /* of the hosts of the ladder */
};

/* Everything in `language`, and what is said in all. False, as result->failed: something was not
 * as expected, or the world could not be made. */
bool sim_script_run(const struct sim_script *s, const struct estab_alloc *from,
                    enum sim_script_language language, const struct sim_script_watch *watch,
                    struct sim_script_result *result);

#endif
