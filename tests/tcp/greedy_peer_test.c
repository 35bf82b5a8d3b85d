/* SPDX-License-Identifier: MIT */
/* Peers that want more than their share: of the path, of memory, of our time (docs/rfc/tcp-vulns.tsv).
 * The round trip is 100 ms, a segment 1,000 octets. */
#include "harness/peer.h"
#include "tests/sim/heap.h"

#include <string.h>

#define MSS 1000u
#define T(n) (ISS + 1 + (n) * MSS)

static struct peer *
established(uint8_t cc)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.cc = cc;
    cfg.tcp.send_buffer_max = 1 << 22;
    p = peer_of_listener_with(&cfg);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, .ws = 8, .sackok = true);
    peer_forgets(p);
    time_passes(p, MS(100));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    return p;
}

static uint32_t
window_of(struct peer *p)
{
    return user_status(p).tcb.cwnd;
}

/* ---- what a lie in SEG.ACK buys ---- */

/* vuln: Optimistic ACK
 * RFC9293-3.10.7.4-ACKFUT: who acknowledges what has not been sent changes nothing, however little
 * too far it is. */
TEST(acknowledging_the_unsent_gains_nothing)
{
    static const uint32_t beyond[] = { 1, MSS, 1u << 20, 1u << 30, 0x7fffffff };

    for (uint8_t cc = 0; cc <= ESTAB_CC_BBR; cc++) {
        struct peer *p = established(cc);
        struct estab_status before;

        user_sends(p, 30 * MSS);
        time_passes(p, MS(90));
        peer_forgets(p);
        before = user_status(p);
        assert_int_equal(before.tcb.flight, 10 * MSS);
        for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(10) + beyond[i]);
            expect_verdict(p, DROP_ACK_UNSENT);
        }
        expect_sent(p, .ctl = CTL_ACK, .seq = T(10), .ack = 101, .reason = ESTAB_WHY_CHALLENGE_ACK);
        expect_nothing_sent(p);
        expect_unchanged(p, &before);
        peer_done(p);
    }
}

/* vuln: Optimistic ACK
 * Who acknowledges each segment the moment it leaves cannot be told from a receiver close by, and
 * gets what that one would: a window that grows by no more than what it has acknowledged, never
 * more out than the window, and no octet a second time, though it has not got it. */
TEST(an_optimistic_receiver_gets_what_the_window_allows)
{
    for (uint8_t cc = 0; cc <= ESTAB_CC_BBR; cc++) {
        struct peer *p = established(cc);
        uint32_t acked = 0;

        user_sends(p, 1000 * MSS);
        while (acked < 300 * MSS) {
            uint32_t before = window_of(p), len;
            struct estab_status st;
            struct captured *c;

            if (p->n == 0 && time_until_sent(p, SEC(1)) == SEC(1))
                fail_msg("%s: silent after %u octets", estab_cc_name(cc), acked);
            c = peer_takes(p);
            if (c->seg.len == 0)
                continue;
            assert_int_equal(c->seg.seq - p->iss, T(0) - ISS + acked); /* nothing twice */
            len = c->seg.len;
            acked += len;
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(0) + acked);
            st = user_status(p);
            assert_true(st.tcb.cwnd <= before + len);
            assert_true(st.tcb.flight <= st.tcb.cwnd + MSS);
        }
        peer_forgets(p);
        /* what it was too quick to acknowledge is gone, for it too */
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(20));
        while (p->n > 0)
            assert_true(peer_takes(p)->seg.seq - p->iss >= T(0) - ISS + acked);
        peer_done_quietly(p);
    }
}

/* vuln: Optimistic ACK
 * The window that the peer offers bounds what is out, however fast it acknowledges. */
TEST(an_optimistic_receiver_is_held_by_its_own_window)
{
    struct peer *p = peer_in_established();
    uint32_t acked = 0;

    user_sends(p, 250000);
    while (acked < 200000) {
        if (p->n == 0) /* paced: little of cwnd is used */
            (void)time_until_sent(p, MS(10));
        acked += peer_takes(p)->seg.len;
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + acked, .wnd = 8000);
        assert_true(acked <= 10 * 1460 || user_status(p).tcb.flight <= 8000);
    }
    peer_done_quietly(p);
}

/* vuln: ACK division
 * RFC3465-2.2: ten ACKs for each segment open the window of BBR, as that of the others, no further
 * than one would. */
TEST(many_small_acks_open_no_window_wider)
{
    for (uint8_t cc = 0; cc <= ESTAB_CC_BBR; cc++) {
        uint32_t window[2];

        for (unsigned divided = 0; divided < 2; divided++) {
            struct peer *p = established(cc);
            uint32_t step = divided ? MSS / 10 : MSS;

            user_sends(p, 60 * MSS);
            time_passes(p, MS(90));
            for (uint32_t at = step; at <= 10 * MSS; at += step) {
                peer_forgets(p);
                peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(0) + at);
                if (at % MSS == 0)
                    time_passes(p, MS(1));
            }
            window[divided] = window_of(p);
            peer_done_quietly(p);
        }
        assert_in_range(window[0], 10 * MSS, 20 * MSS);
        assert_true(window[1] <= window[0] + MSS);
    }
}

/* vuln: Small-MSS amplification
 * The smallest segments a peer can ask for: each but the last carries as much as is asked for and no
 * less than 48 octets; the number of them costs no memory beyond the ring and a scoreboard. */
TEST(tiny_segments_cost_a_bounded_amount)
{
    enum { TEXT = 20000, TINY = 48 };
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = 1, .sackok = true });
    uint32_t acked = 0, segments = 0, octets = 0;
    size_t before = p->heap;

    assert_int_equal(user_sends(p, TEXT), TEXT);
    while (acked < TEXT) {
        struct captured *c = peer_takes(p);

        assert_true(c->seg.len >= TINY || acked + c->seg.len == TEXT);
        segments++;
        octets += c->packet_len;
        acked += c->seg.len;
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + acked);
        /* slabs of 64 KiB, for the ring and for the scoreboard while it grows */
        assert_true(p->heap <= before + 4 * 65536);
    }
    assert_true(segments <= TEXT / TINY + 1);
    assert_true(octets <= TEXT + segments * (peer_family == 4 ? 40 : 60));
    peer_done(p);
}

/* ---- who reads slowly ---- */

enum { READERS = 60, BUFFER = 16384 };

struct reader {
    estab_conn conn;
    uint32_t iss, got;
};

static struct peer *
slow_readers(struct reader *r, uint32_t *in, uint32_t *out)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.send_buffer_max = BUFFER;
    cfg.max_orphans = READERS / 2;
    p = peer_of_listener_with(&cfg);
    *in = *out = 0;
    for (unsigned i = 0; i < READERS; i++) {
        p->them.port = (uint16_t)(1024 + i);
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 1460);
        user_accepts(p);
        assert_true(user_sends(p, BUFFER) == BUFFER);
        peer_forgets(p);
        r[i] = (struct reader){ p->conn, p->iss, peer_family == 4 ? 1460 : 1440 };
    }
    return p;
}

/* Each reads one octet more, and says so. */
static void
read_an_octet(struct peer *p, struct reader *r, uint32_t *in, uint32_t *out)
{
    for (unsigned i = 0; i < READERS; i++) {
        p->them.port = (uint16_t)(1024 + i);
        p->iss = r[i].iss;
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + r[i].got, .wnd = 1);
        ++*in;
        for (unsigned k = 0; k < 2; k++, time_passes(p, MS(250)))
            while (p->n > 0) {
                const struct captured *c = peer_takes(p);

                ++*out;
                if (c->seg.dst_port == p->them.port && c->seg.len > 0 &&
                    c->seg.seq == r[i].iss + 1 + r[i].got)
                    r[i].got += c->seg.len;
            }
    }
}

/* vuln: Slow read
 * Peers that read an octet at a time: they hold the send buffers, which are bounded, and draw no more
 * segments than they send and probes of their windows; who serves them sees it, and may leave, and of
 * those left alone no more than max_orphans stay, and these for as long as they take something. */
TEST(slow_readers_hold_send_buffers_and_no_more)
{
    struct reader r[READERS];
    struct estab_stack_status st;
    uint32_t in, out;
    struct peer *p = slow_readers(r, &in, &out);

    for (unsigned round = 0; round < 4; round++)
        read_an_octet(p, r, &in, &out);
    estab_stack_status(p->stack, &st);
    assert_true(st.ring_bytes <= READERS * (BUFFER + 4096));
    assert_true(out <= 3 * in);
    for (unsigned i = 0; i < READERS; i++) {
        struct estab_status one;

        assert_int_equal(estab_status(p->stack, r[i].conn, &one), 0);
        assert_in_range(one.tcb.send_queued, BUFFER - 1480, BUFFER - 1440);
        assert_int_equal(estab_close(p->stack, r[i].conn, p->now), 0);
    }
    peer_forgets(p);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, READERS / 2);
    for (unsigned round = 0; round < 4; round++)
        read_an_octet(p, r, &in, &out);
    for (unsigned s = 0; s < 101; s++) {
        time_passes(p, SEC(1));
        peer_forgets(p);
    }
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, 0);
    assert_int_equal(st.ring_bytes, 0);
    peer_done_quietly(p);
}

/* vuln: Slow read
 * Text that the peer does not take at all ends the connection after the user timeout: an open window,
 * and no acknowledgment. */
TEST(a_reader_that_takes_nothing_meets_the_user_timeout)
{
    struct peer *p = peer_in_established();
    struct estab_tcp_options opt = user_options(p);

    opt.user_timeout = SEC(100);
    user_sets(p, &opt);
    user_sends(p, 1000);
    for (unsigned s = 0; s < 99; s++) {
        time_passes(p, SEC(1));
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1); /* alive, but not taking it */
        peer_forgets(p);
    }
    expect_state(p, TCPS(ESTABLISHED));
    time_passes(p, SEC(2));
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_ETIMEDOUT);
    peer_done_quietly(p);
}

/* ---- memory that comes back ---- */

/* vuln: Memory exhaustion without recovery
 * From the n-th call on the allocator refuses, for three seconds, in the midst of a transfer both
 * ways: when there is memory again, both streams go on to their ends. */
TEST(a_transfer_goes_on_when_there_is_memory_again)
{
    for (unsigned n = 1; n <= 6; n++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = MSS, .sackok = true });
        uint32_t theirs = 0, ours = 0, sent = 0;

        p->fail_at = p->gets + n;
        for (unsigned i = 0; i < 400 && (theirs < 50 * MSS || ours < 50 * MSS); i++) {
            struct estab_status st;

            if (i == 30)
                p->fail_at = 0;
            if (sent < 50 * MSS) {
                ptrdiff_t one = user_sends(p, MSS);

                assert_true(one > 0 || one == -ESTAB_ENOMEM || one == -ESTAB_EAGAIN);
                sent += one > 0 ? (uint32_t)one : 0;
            }
            /* the second of each pair first, so that a list of ranges is asked for */
            if (theirs < 50 * MSS) {
                peer_sends(p, .ctl = CTL_ACK, .seq = 101 + theirs + MSS, .ack = ISS + 1 + ours, .len = MSS);
                peer_sends(p, .ctl = CTL_ACK, .seq = 101 + theirs, .ack = ISS + 1 + ours, .len = MSS);
            }
            time_passes(p, MS(100));
            st = user_status(p);
            theirs = st.tcb.rcv_nxt - 101;
            if (st.tcb.receive_queued > 0)
                user_receives(p, st.tcb.receive_queued);
            while (p->n > 0) {
                const struct captured *c = peer_takes(p);

                if (c->seg.len > 0 && c->seg.seq == p->iss + 1 + ours)
                    ours += c->seg.len;
            }
            peer_sends(p, .ctl = CTL_ACK, .seq = 101 + theirs, .ack = ISS + 1 + ours);
        }
        assert_true(theirs >= 50 * MSS);
        assert_int_equal(sent, ours);
        assert_true(ours >= 50 * MSS);
        peer_done_quietly(p);
    }
}

/* vuln: Allocation integer overflow (BadAlloc)
 * Settings as large as they can be written: the host is refused, or what it asks the allocator for is
 * no small number that has come round: it opens, sends and receives. */
TEST(the_largest_settings_are_refused_or_work)
{
    unsigned worked = 0;

    for (unsigned which = 0; which < 8; which++) {
        struct estab_config cfg = peer_config(NULL);
        struct estab_stack *s;
        struct peer *p;

        cfg.memory_budget = SIZE_MAX;
        if (which & 1)
            cfg.tcp.send_buffer_max = cfg.tcp.receive_buffer_max = UINT32_MAX;
        if (which & 2)
            cfg.max_half_open = cfg.max_time_wait = cfg.max_connections = UINT32_MAX;
        if (which & 4)
            cfg.max_listeners = cfg.max_udp = UINT32_MAX;
        cfg.alloc = heap;
        s = estab_stack_new(&cfg);
        if (s == NULL)
            continue;
        estab_stack_free(s);
        p = peer_in_established_with(&cfg, (struct step){ .mss = MSS });
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = MSS);
        user_receives(p, MSS);
        assert_int_equal(user_sends(p, 3 * MSS), 3 * MSS);
        peer_done_quietly(p);
        worked++;
    }
    assert_true(worked > 0);
}
