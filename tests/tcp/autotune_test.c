/* SPDX-License-Identifier: MIT */
/* Buffers that follow the path: the receive window what the user takes in a round trip, the send
 * buffer cwnd. The round trip is 100 ms, a segment 1,000 octets. */
#include "harness/peer.h"

#define MSS 1000u
#define RTT MS(100)
#define KIB 1024u

static struct peer *
established(uint32_t start, uint32_t max)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.send_buffer = cfg.tcp.receive_buffer = start;
    cfg.tcp.send_buffer_max = cfg.tcp.receive_buffer_max = max;
    p = peer_of_listener_with(&cfg);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, .ws = 8);
    peer_forgets(p);
    time_passes(p, RTT);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    return p;
}

/* A round trip in which the peer fills the window, or sends `n` octets; the user takes them or not. */
static uint32_t
a_round_trip(struct peer *p, uint32_t seq, uint32_t n, bool takes)
{
    uint32_t left = user_status(p).tcb.rcv_wnd;

    for (left = n < left ? n : left; left > 0;) {
        uint32_t len = left < MSS ? left : MSS;

        peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = len);
        if (takes)
            user_receives(p, len);
        peer_forgets(p);
        seq += len;
        left -= len;
    }
    time_passes(p, RTT);
    return seq;
}

/* The window is no limit to a sender who doubles, up to the maximum of the options; the right edge
 * never moves left (checked after each step by the harness). */
TEST(the_receive_window_is_no_limit_to_a_sender_who_doubles)
{
    struct peer *p = established(64 * KIB, 4096 * KIB);
    uint32_t seq = 101, n;

    for (n = 10 * MSS; n < 1500 * KIB; n *= 2) {
        assert_true(user_status(p).tcb.rcv_wnd >= n);
        seq = a_round_trip(p, seq, n, true);
    }
    for (unsigned i = 0; i < 8; i++)
        seq = a_round_trip(p, seq, UINT32_MAX, true);
    assert_int_equal(user_status(p).receive_limit, 4096 * KIB);
    assert_true(user_status(p).tcb.rcv_wnd > 3400 * KIB);
    peer_done_quietly(p);
}

/* Neither a user who does not read nor a peer who sends little gets a larger window. */
TEST(what_is_not_taken_does_not_widen_the_window)
{
    struct peer *p = established(64 * KIB, 1024 * KIB);
    uint32_t seq = 101;

    for (unsigned n = 0; n < 6; n++)
        seq = a_round_trip(p, seq, 9 * MSS, false);
    assert_int_equal(user_status(p).receive_limit, 64 * KIB);
    peer_done_quietly(p);

    p = established(64 * KIB, 1024 * KIB);
    seq = 101;
    for (unsigned n = 0; n < 30; n++)
        seq = a_round_trip(p, seq, 9 * MSS, true);
    assert_int_equal(user_status(p).receive_limit, 64 * KIB);
    peer_done_quietly(p);
}

/* 0 in the options: the maximum from the start, and nothing moves. */
TEST(without_a_start_the_maximum_holds)
{
    struct peer *p = established(0, 128 * KIB);

    assert_int_equal(user_status(p).receive_limit, 128 * KIB);
    assert_int_equal(user_status(p).send_limit, 128 * KIB);
    (void)a_round_trip(p, 101, UINT32_MAX, true);
    assert_int_equal(user_status(p).receive_limit, 128 * KIB);
    peer_done_quietly(p);
}

/* What may wait to be sent is a window beyond the one on the way. */
TEST(the_send_buffer_follows_cwnd)
{
    struct peer *p = established(16 * KIB, 256 * KIB);
    uint32_t acked = 0, cwnd = 0;

    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    assert_int_equal(user_status(p).send_limit, 20 * MSS);
    for (unsigned round = 0; round < 3; round++) {
        while (user_sends(p, 10 * MSS) > 0)
            ;
        cwnd = user_status(p).tcb.cwnd;
        assert_int_equal(user_status(p).send_limit, 2 * cwnd);
        assert_int_equal(user_status(p).tcb.send_queued, 2 * cwnd);
        time_passes(p, RTT);
        for (uint32_t n = cwnd / MSS; n > 0; n--)
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + (acked += MSS));
        peer_forgets(p);
    }
    assert_true(user_status(p).tcb.cwnd >= 60 * MSS);
    peer_done_quietly(p);
}

/* A larger maximum is taken on the way, a smaller one without breaking a promise. */
TEST(the_maxima_may_change_on_the_way)
{
    struct peer *p = established(64 * KIB, 256 * KIB);
    struct estab_tcp_options o = user_options(p);
    uint32_t edge = user_status(p).tcb.rcv_wnd;

    o.receive_buffer = 0;
    o.receive_buffer_max = 16 * KIB;
    assert_int_equal(estab_set_options(p->stack, p->conn, &o, p->now), 0);
    assert_int_equal(user_status(p).receive_limit, 16 * KIB);
    assert_int_equal(user_status(p).tcb.rcv_wnd, edge);
    (void)a_round_trip(p, 101, 60 * MSS, true);
    peer_done_quietly(p);
}

/* ---- a way that becomes longer ---- */

/* After a handshake of 10 ms what the window takes comes evenly over each `rtt_ms`, and the user takes
 * it at once. Its echo says `echo_ms` (0: there are no timestamps). What the limit is after so many
 * round trips; it has begun with 16 KiB. */
static uint32_t
limit_after(unsigned rounds, uint32_t rtt_ms, uint32_t echo_ms)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_status st;
    uint32_t seq = 101, clock = 0;
    struct peer *p;
    estab_time at;

    cfg.tcp.receive_buffer = 16 * KIB;
    cfg.tcp.receive_buffer_max = 256 * KIB;
    cfg.timestamps = echo_ms != 0;
    p = peer_of_listener_with(&cfg);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .ws = 8, .ts_val = 1000);
    peer_forgets(p);
    clock = p->our_ts;
    at = p->now;
    time_passes(p, MS(10));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 1010, .ts_ecr = clock);
    user_accepts(p);
    for (unsigned i = 0; i < rounds; i++) {
        uint32_t n = user_status(p).tcb.rcv_wnd / MSS;

        for (uint32_t k = 0; k < n; k++, seq += MSS) {
            time_passes(p, MS(rtt_ms) / n);
            peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = MSS, .ts_val = 1010 + i,
                       .ts_ecr = clock + (uint32_t)((p->now - at) / MS(1)) - echo_ms);
            user_receives(p, MSS);
            peer_forgets(p);
        }
    }
    st = user_status(p);
    peer_done_quietly(p);
    return st.receive_limit;
}

/* RFC 7323 §3.2: a receiver who sends nothing learns from the echoes how long the way has become, and
 * a sender that fills the window of the old one finds it wider; without timestamps it cannot know. */
TEST(the_window_follows_a_way_that_becomes_longer)
{
    assert_int_equal(limit_after(12, 200, 200), 256 * KIB);
    assert_in_range(limit_after(12, 200, 0), 16 * KIB, 20 * MSS);
}

/* An echo that is older than the way is long, as after a pause, is forgotten with the first that is
 * younger: the window is tuned in each round trip again, and not once in ten seconds. */
TEST(an_old_echo_does_not_hold_the_window_back)
{
    struct estab_config cfg = peer_config(NULL);
    uint32_t seq = 101, clock;
    struct peer *p;
    estab_time at;

    cfg.tcp.receive_buffer = 16 * KIB;
    cfg.tcp.receive_buffer_max = 256 * KIB;
    p = peer_of_listener_with(&cfg);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .ws = 8, .ts_val = 1000);
    peer_forgets(p);
    clock = p->our_ts;
    at = p->now;
    time_passes(p, MS(10));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 1010, .ts_ecr = clock);
    user_accepts(p);
    for (unsigned i = 0; i < 200; i++) {
        uint32_t age = i < 3 ? 9000 : 200; /* the first after a pause are of before it */

        time_passes(p, i == 0 ? SEC(10) : MS(12));
        peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = MSS, .ts_val = 2000 + i,
                   .ts_ecr = clock + (uint32_t)((p->now - at) / MS(1)) - age);
        user_receives(p, MSS);
        peer_forgets(p);
        seq += MSS;
    }
    assert_in_range(user_status(p).receive_limit, 32 * KIB, 64 * KIB); /* 2 x 17 + 16 segments */
    peer_done_quietly(p);
}
