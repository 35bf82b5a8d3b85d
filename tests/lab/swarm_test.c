/* SPDX-License-Identifier: MIT */
/* The swarm bites: worlds whose hosts lack a rule of TCP break a rule of sim/invariants.h. */
#include "harness/test.h"

#include "sim/swarm.h"
#include "stack/lab.h"
#include "tests/sim/heap.h"

#include <stddef.h>

static void
take_away(void *rules, struct estab_stack *stack)
{
    estab_lab_set_rules(stack, rules);
}

/* The invariant that is broken first; NULL: none, in so many seeds. */
static const char *
noticed(size_t offset, uint64_t seeds)
{
    struct estab_rules rules = estab_all_rules;
    const struct sim_swarm_options options = { .made = take_away, .made_ctx = &rules };
    struct sim_result r = { .built = false };

    *(bool *)((char *)&rules + offset) = false;
    for (uint64_t seed = 1; seed <= seeds && r.failure.rule == NULL; seed++)
        sim_swarm_run(&heap, seed, &options, &r);
    return r.failure.rule;
}

TEST(worlds_without_a_rule_are_noticed)
{
    static const struct {
        const char *name;
        size_t offset;
    } rules[] = {
#define RULE_OF(name) { #name, offsetof(struct estab_rules, name) }
        RULE_OF(ack_moves_una),      RULE_OF(trim_left),
        RULE_OF(fin_in_order),       RULE_OF(fin_acknowledged),
        RULE_OF(fin_takes_a_number), RULE_OF(time_wait),
        RULE_OF(time_wait_restart),  RULE_OF(three_way_handshake),
        RULE_OF(retransmission),     RULE_OF(keepalive),
        RULE_OF(checksum),           RULE_OF(rst_unanswered),
        RULE_OF(peer_mss),           RULE_OF(send_window),
        RULE_OF(right_edge),         RULE_OF(ack_in_time),
        RULE_OF(option_in_answer),   RULE_OF(timestamps_always),
        RULE_OF(rto_floor),          RULE_OF(challenge_rate),
        RULE_OF(half_open_limit),    RULE_OF(half_close),
        RULE_OF(congestion_control),
    };

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        const char *rule = noticed(rules[i].offset, 3000);

        printf("without %-20s %s\n", rules[i].name, rule != NULL ? rule : "-");
        assert_non_null(rule);
    }
}

TEST(with_every_rule_nothing_is_noticed)
{
    struct estab_rules rules = estab_all_rules;
    const struct sim_swarm_options options = { .made = take_away, .made_ctx = &rules };

    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct sim_result r;

        sim_swarm_run(&heap, seed, &options, &r);
        assert_null(r.failure.rule);
    }
}
