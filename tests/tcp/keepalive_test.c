/* SPDX-License-Identifier: MIT */
/* Keepalive: RFC 9293 §3.8.4, claims N19-N21. */
#include "harness/peer.h"

static struct peer *
established_with_keepalive(void)
{
    struct peer *p = peer_in_established();
    struct estab_tcp_options opt = user_options(p);

    opt.keepalive = true;
    user_sets(p, &opt);
    return p;
}

/* MUST-25: off unless asked for: 30 days and not a segment. */
TEST(keepalive_is_off_by_default)
{
    struct peer *p = peer_in_established();

    time_passes(p, SEC(30 * 86400));
    expect_nothing_sent(p);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done(p);
}

/* N19, N20, N21, MAY-5, MUST-28, SHLD-12, RFC2525-2.11, RFC2525-2.9, RFC1122-4.2.3.6: 2 hours, then every 75 s, 10 probes, and 75 s after the last
 * the connection is closed: 2 h 12 min 30 s. */
TEST(keepalive_two_hours_75_seconds_ten_probes)
{
    struct peer *p = established_with_keepalive();

    time_passes(p, SEC(7200) - 1);
    expect_nothing_sent(p);
    time_passes(p, 1);
    for (int i = 0; i < 10; i++) {
        /* SEG.SEQ = SND.NXT - 1 and no text */
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 101,
                    .reason = ESTAB_WHY_KEEPALIVE_PROBE);
        time_passes(p, SEC(75) - 1);
        expect_nothing_sent(p);
        expect_state(p, TCPS(ESTABLISHED));
        time_passes(p, 1);
    }
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_status(p).error, -ESTAB_ETIMEDOUT);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 101);
    assert_int_equal(p->now, SEC(1000) + SEC(7950));
    peer_done(p);
}

/* N19: whatever is received starts the two hours anew; MUST-26. */
TEST(anything_received_restarts_the_idle_time)
{
    struct peer *p = established_with_keepalive();

    for (int i = 0; i < 5; i++) {
        time_passes(p, SEC(7199));
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    }
    expect_nothing_sent(p);
    time_passes(p, SEC(7200) - 1);
    expect_nothing_sent(p);
    time_passes(p, 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 101);
    peer_done(p);
}

/* N19: "from the peer": of two old segments one is the peer's repetition, which counts; the other could
 * be sent by anybody who knows no more than addresses and ports, and must not keep a dead peer alive. */
TEST(what_anybody_could_send_does_not_restart_the_idle_time)
{
    static const struct step old[] = {
        { .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10 },              /* again */
        { .ctl = CTL_ACK, .seq = 101 - 0x10000000, .ack = ISS + 1, .len = 10 }, /* never in the window */
        { .ctl = CTL_ACK, .seq = 101, .ack = ISS + 0x10000000, .len = 10 },     /* of nothing sent */
    };

    for (int i = 0; i < 3; i++) {
        struct peer *p = established_with_keepalive();

        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10);
        user_receives(p, 10);
        time_passes(p, SEC(7199));
        peer_forgets(p);
        peer_sends_at(__FILE__, __LINE__, p, old[i]);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 111, .reason = ESTAB_WHY_ACK_UNACCEPTABLE);
        assert_int_equal(time_until_sent(p, SEC(8000)), i == 0 ? SEC(7200) : SEC(1));
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 111, .reason = ESTAB_WHY_KEEPALIVE_PROBE);
        peer_done(p);
    }
}

/* MUST-29: unanswered probes are no proof as long as one is answered. */
TEST(an_answered_probe_starts_over)
{
    struct peer *p = established_with_keepalive();

    time_passes(p, SEC(7200));
    for (int i = 0; i < 9; i++) {
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 101);
        time_passes(p, SEC(75));
    }
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    time_passes(p, SEC(7200) - 1);
    expect_nothing_sent(p);
    expect_state(p, TCPS(ESTABLISHED));
    time_passes(p, 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 101);
    peer_done(p);
}

/* MUST-26: with text unacknowledged the retransmission timer watches the peer, not the probes. */
TEST(no_probe_while_text_is_out)
{
    struct peer *p = established_with_keepalive();
    struct estab_tcp_options opt = user_options(p);

    opt.user_timeout = ESTAB_NEVER;
    user_sets(p, &opt);
    time_passes(p, SEC(7100));
    assert_int_equal(user_sends(p, 10), 10);
    for (int i = 0; i < 50; i++) {
        while (p->n > 0)
            assert_int_not_equal(peer_takes(p)->reason, ESTAB_WHY_KEEPALIVE_PROBE);
        time_passes(p, SEC(75));
    }
    peer_done_quietly(p);
}

/* MUST-24, MUST-27: switched and set per connection. */
TEST(keepalive_is_set_per_connection)
{
    struct peer *p = established_with_keepalive();
    struct estab_tcp_options opt = user_options(p);

    opt.keepalive_idle = SEC(60);
    opt.keepalive_interval = SEC(5);
    opt.keepalive_count = 2;
    user_sets(p, &opt);
    time_passes(p, SEC(60) - 1);
    expect_nothing_sent(p);
    time_passes(p, 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 101);
    opt.keepalive = false;
    user_sets(p, &opt);
    time_passes(p, SEC(86400));
    expect_nothing_sent(p);
    expect_state(p, TCPS(ESTABLISHED));
    opt.keepalive = true;
    user_sets(p, &opt);
    time_passes(p, SEC(65));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 101);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, SEC(5));
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_done(p);
}

/* MAY-6: with one garbage octet, for peers that answer nothing else. */
TEST(keepalive_with_a_garbage_octet)
{
    struct peer *p = established_with_keepalive();
    struct estab_tcp_options opt = user_options(p);
    struct captured *c;

    opt.keepalive_garbage = true;
    user_sets(p, &opt);
    time_passes(p, SEC(7200));
    c = peer_takes(p);
    assert_int_equal(c->seg.len, 1);
    assert_int_equal(c->seg.seq, real_seq(p, ISS));
    peer_done(p);
}

/* A peer's probe is answered with where we stand; it does not disturb the stream. */
TEST(peers_probe_is_answered)
{
    struct peer *p = peer_in_established();

    peer_sends (p, .ctl = CTL_ACK, .seq = 100, .ack = ISS + 1, .len = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    time_passes(p, SEC(75));
    peer_sends (p, .ctl = CTL_ACK, .seq = 100, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_verdict(p, ACCEPTED_PROBE);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_done(p);
}
