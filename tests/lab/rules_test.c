/* SPDX-License-Identifier: MIT */
/* A rule that is taken away is really gone, and comes back when it is put back. */
#include "harness/peer.h"

#include "stack/lab.h"

static struct estab_rules
all_but(size_t offset)
{
    struct estab_rules rules = estab_all_rules;

    *(bool *)((char *)&rules + offset) = false;
    return rules;
}
#define ALL_BUT(name) all_but(offsetof(struct estab_rules, name))

TEST(a_new_host_keeps_every_rule)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_RST, .seq = IRS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = IRS + 1,
                .reason = ESTAB_WHY_CHALLENGE_ACK);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done(p);
}

TEST(without_the_exact_number_any_rst_in_the_window_kills)
{
    struct peer *p = peer_in_established();
    struct estab_rules rules = ALL_BUT(rst_exact);

    estab_lab_set_rules(p->stack, &rules);
    peer_sends(p, .ctl = CTL_RST, .seq = IRS + 2);
    expect_nothing_sent(p);
    expect_event(p, ESTAB_FAILED);
    peer_done_quietly(p);
}

TEST(a_rule_put_back_is_in_force_again)
{
    struct peer *p = peer_in_established();
    struct estab_rules rules = ALL_BUT(rst_exact);

    estab_lab_set_rules(p->stack, &rules);
    rules.rst_exact = true;
    peer_sends(p, .ctl = CTL_RST, .seq = IRS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = IRS + 1,
                .reason = ESTAB_WHY_CHALLENGE_ACK);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done(p);
}

/* N15 the other way round: nobody is there to answer a repeated FIN. */
TEST(without_time_wait_a_repeated_fin_meets_nobody)
{
    struct peer *p = peer_in_fin_wait_2();
    struct estab_rules rules = ALL_BUT(time_wait);

    estab_lab_set_rules(p->stack, &rules);
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = IRS + 1, .ack = ISS + 2);
    expect_gone(p);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = IRS + 1, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS + 2);
    peer_done_quietly(p);
}

TEST(without_the_closed_rst_a_lost_peer_is_left_in_silence)
{
    struct peer *p = peer_host(NULL);
    struct estab_rules rules = ALL_BUT(closed_rst);

    estab_lab_set_rules(p->stack, &rules);
    peer_sends(p, .ctl = CTL_ACK, .seq = IRS, .ack = 1);
    expect_nothing_sent(p);
    peer_done(p);
}
