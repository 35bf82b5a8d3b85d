/* SPDX-License-Identifier: MIT */
/* The user timeout option, RFC 5482. */
#include "harness/peer.h"

static struct peer *
established(bool on)
{
    struct estab_config cfg = peer_config(NULL);

    cfg.tcp.user_timeout_option = on;
    return peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
}

static estab_time
time_until_given_up(struct peer *p)
{
    estab_time begun = p->now;

    user_sends(p, 10);
    while (!(p->events & ESTAB_FAILED)) {
        time_passes(p, SEC(1));
        peer_forgets(p);
        assert_true(p->now - begun < SEC(100000));
    }
    return p->now - begun;
}

/* RFC5482-2: kind 28, four octets, in seconds, or in minutes when they do not fit. */
TEST(our_timeout_is_told_once)
{
    struct peer *p = established(true);
    struct estab_tcp_options opt;
    struct captured *c;

    user_sends(p, 10);
    c = peer_takes(p);
    assert_true(c->seg.has_user_timeout);
    assert_int_equal(c->seg.user_timeout, 15 * 60);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 11);
    user_sends(p, 10);
    assert_false(peer_takes(p)->seg.has_user_timeout);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 21);
    opt = user_options(p);
    opt.user_timeout = SEC(100000); /* told anew, in minutes: 1666 */
    user_sets(p, &opt);
    user_sends(p, 10);
    c = peer_takes(p);
    assert_true(c->seg.has_user_timeout);
    assert_int_equal(c->seg.user_timeout, 99960);
    peer_done_quietly(p);
}

/* Off unless asked for: nothing is told, and what the peer tells changes nothing. */
TEST(without_being_asked_it_is_silent_and_deaf)
{
    struct peer *p = established(false);

    user_sends(p, 10);
    assert_false(peer_takes(p)->seg.has_user_timeout);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 11, .uto = 3000);
    assert_in_range(time_until_given_up(p), SEC(900), SEC(901));
    peer_done_quietly(p);
}

/* RFC5482-3.1, RFC5482-3-LIMITS: min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT)); zero is no value. */
TEST(the_longer_of_the_two_counts_within_limits)
{
    static const struct {
        uint32_t theirs;
        estab_time ours, want;
    } cases[] = {
        { 1200, SEC(900), SEC(1200) }, { 30, SEC(900), SEC(900) },  { 36000, SEC(900), SEC(3600) },
        { 0, SEC(900), SEC(900) },     { 5, SEC(10), SEC(100) },    { 0, SEC(10), SEC(10) },
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p;

        cfg.tcp.user_timeout_option = true;
        cfg.tcp.user_timeout = cases[i].ours;
        p = peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .uto = cases[i].theirs == 0 ? UINT32_MAX : cases[i].theirs);
        assert_in_range(time_until_given_up(p), cases[i].want, cases[i].want + SEC(1));
        peer_done_quietly(p);
    }
}

/* RFC5482-3.1: who has set a timeout of the connection's own keeps it. */
TEST(an_applications_own_timeout_is_not_changed)
{
    struct peer *p = established(true);
    struct estab_tcp_options opt = user_options(p);

    opt.user_timeout = SEC(200);
    user_sets(p, &opt);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .uto = 3000);
    assert_in_range(time_until_given_up(p), SEC(200), SEC(201));
    peer_done_quietly(p);
}

/* A segment outside the window changes nothing, whatever it wishes. */
TEST(a_blind_wish_is_not_heard)
{
    struct peer *p = established(true);

    peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 900000, .ack = ISS + 1, .uto = 3000);
    peer_forgets(p);
    assert_in_range(time_until_given_up(p), SEC(900), SEC(901));
    peer_done_quietly(p);
}
