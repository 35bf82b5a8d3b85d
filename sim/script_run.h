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
    void (*draw)(void *ctx, bool on); /* whether what comes is worth drawing */
};

/* A line that was not as it is with all rules in force. */
struct sim_script_difference {
    uint32_t line, column;
    char text[240];
};
#define SIM_SCRIPT_DIFFERENCES 24

/* How a script is played beside its text. */
struct sim_script_how {
    enum sim_script_language language;
    /* The rules that are taken away, with commas between them; NULL: none. Then a line that is not
     * as it says is a difference and no failure, harms must be seen, and the rules of invariants.h
     * do not count. */
    const char *without;
    /* A host has been made, or made anew: takes the rules away from it. NULL: nothing to do. */
    void (*prepare)(void *ctx, uint32_t host, struct estab_stack *stack);
    void *ctx;
};

struct sim_script_result {
    bool failed;
    const char *broken_rule; /* of invariants.h, whatever the script expects; NULL: none */
    uint32_t line, column;
    char text[768];  /* what was expected and what was seen instead */
    estab_time at;   /* the clock at the end */
    uint64_t hash;   /* over every trace record: the same on every machine */
    uint32_t checks; /* expectations that were met */
    uint32_t harms;  /* that were seen, because their rules are taken away; their lines: */
    uint32_t harm_line[SIM_SCRIPT_DIFFERENCES];
    uint32_t differences; /* lines that were not as they say; the first of them: */
    struct sim_script_difference difference[SIM_SCRIPT_DIFFERENCES];
    bool has_status[2];
    struct estab_stack_status status[2]; /* of the hosts of the ladder */
};

/* Is the rule one of those with commas between them? */
bool sim_script_is_without(const char *without, const char *rule, size_t len);
/* Everything in `language`, and what is said in all. False, as result->failed: something was not
 * as expected, or the world could not be made. */
bool sim_script_run(const struct sim_script *s, const struct estab_alloc *from,
                    enum sim_script_language language, const struct sim_script_watch *watch,
                    struct sim_script_result *result);
bool sim_script_play(const struct sim_script *s, const struct estab_alloc *from,
                     const struct sim_script_how *how, const struct sim_script_watch *watch,
                     struct sim_script_result *result);

#endif
