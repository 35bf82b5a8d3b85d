/* SPDX-License-Identifier: MIT */
/* The matrix notices when a rule is missing: each is taken away in turn. */
#include "harness/test.h"

#include "matrix/grid.c"
#include "stack/lab.h"

static void
take_away(struct estab_stack *stack, void *rules)
{
    estab_lab_set_rules(stack, rules);
}

static const struct {
    const char *name;
    size_t offset;
} all[] = {
#define X(name, text, rule) { #name, offsetof(struct estab_rules, name) },
    ESTAB_RULES(X)
#undef X
};

/* What the grid cannot see: its hosts have no timestamps, each is given one segment, and no time
 * passes. The lessons (tests/lab/run) and the swarm (swarm_test.c) notice these. */
static bool
is_out_of_sight(const char *name)
{
    static const char *const names[] = {
        "paws",
        "random_isn",
        "syn_cookies",
        "retransmission",
        "backoff",
        "give_up",
        "keepalive",
        "fin_wait_2",
        "window_probe",
        "sws_avoidance",
        "nagle",
        "delayed_ack",
        "congestion_control",
        "sack",
        "rack",
        "loss_probe",
        "checksum",
        "rst_unanswered",
        "peer_mss",
        "send_window",
        "right_edge",
        "ack_in_time",
        "option_in_answer",
        "timestamps_always",
        "rto_floor",
        "challenge_rate",
        "half_open_limit",
    };

    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

TEST(with_every_rule_in_force_nothing_differs)
{
    struct estab_rules rules = estab_all_rules;
    struct grid_result r = run_grid(grid_stride() * 13, take_away, &rules, 5);

    assert_true(r.cases > 0);
    assert_int_equal(r.mismatches, 0);
}

TEST(every_missing_rule_is_noticed)
{
    unsigned noticed = 0, unnoticed = 0;

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct estab_rules rules = estab_all_rules;
        struct grid_result r;

        if (is_out_of_sight(all[i].name))
            continue;
        *(bool *)((char *)&rules + all[i].offset) = false;
        r = run_grid(53, take_away, &rules, 0);
        printf("without %-20s %" PRIu64 " of %" PRIu64 " differ\n", all[i].name, r.mismatches,
               r.cases);
        noticed += r.mismatches > 0;
        unnoticed += r.mismatches == 0;
    }
    assert_int_equal(unnoticed, 0);
    assert_true(noticed >= 20);
}
