/* SPDX-License-Identifier: MIT */
/* Receiving text: RFC 9293 §3.10.7.4 first and seventh check, RFC 5681 §4.2, RFC 2018. */
#include "harness/peer.h"

/* RFC9293-3.4-ACCEPT: the four cases of the table, at every edge. */
TEST(acceptability)
{
    static const int32_t at[] = { -3, -2, -1, 0, 1, 500, 998, 999, 1000, 1001 };

    for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++)
        for (uint32_t len = 0; len < 3; len++)
            for (int closed = 0; closed < 2; closed++) {
                struct estab_config cfg = peer_config(NULL);
                struct peer *p;
                uint32_t nxt = 101, wnd = 1024, seq;
                bool acceptable, in_order;

                cfg.tcp.receive_buffer_max = 1024;
                p = peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
                if (closed) {
                    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1024);
                    nxt += 1024;
                    wnd = 0;
                }
                time_passes(p, MS(40));
                peer_forgets(p);
                seq = nxt + (uint32_t)(at[i] + (at[i] > 900 ? 24 : 0));
                if (len == 0)
                    acceptable = wnd == 0 ? seq == nxt : seq - nxt < wnd;
                else
                    acceptable = wnd > 0 && (seq - nxt < wnd || seq + len - 1 - nxt < wnd);
                in_order = acceptable && len > 0 && seq + len - nxt <= wnd && seq - nxt > wnd;
                (void)in_order;
                peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = len);
                if (acceptable)
                    assert_in_range(p->last_verdict, ESTAB_SEG_ACCEPTED,
                                    ESTAB_SEG_ACCEPTED_OUT_OF_ORDER);
                else {
                    /* answered with where we stand, and nothing is taken */
                    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = nxt);
                    assert_int_equal(user_status(p).tcb.rcv_nxt, nxt);
                }
                peer_done_quietly(p);
            }
}

/* SHLD-31, RFC2525-2.5, MAY-13, RFC5681-4.2-OOO, MUST-59: what comes early is kept; each draws a duplicate ACK;
 * the hole filled, one ACK for all. */
TEST(out_of_order_text_is_kept)
{
    struct peer *p = peer_in_established();

    for (uint32_t i = 1; i < 5; i++) {
        peer_sends (p, .ctl = CTL_ACK, .seq = 101 + i * 100, .ack = ISS + 1, .len = 100);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101,
                    .reason = ESTAB_WHY_ACK_DUPLICATE);
        expect_verdict(p, ACCEPTED_OUT_OF_ORDER);
    }
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 601);
    expect_nothing_sent(p);
    user_receives(p, 500);
    peer_done(p);
}

/* RFC9293-3.10.7.4-TRIM: only what is new is taken, from either side. */
TEST(text_is_trimmed_to_what_is_new)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100);
    peer_sends(p, .ctl = CTL_ACK, .seq = 151, .ack = ISS + 1, .len = 100);
    peer_sends(p, .ctl = CTL_ACK, .seq = 50, .ack = ISS + 1, .len = 300);
    user_receives(p, 249);
    peer_done_quietly(p);
}

/* Overlapping segments: the first copy of an octet wins, on every path, so that what was seen on
 * the wire first is what is delivered.
 * vuln: Overlapping segment ambiguity */
TEST(first_copy_wins)
{
    struct peer *p = peer_in_established();
    uint8_t packet[2048];
    uint32_t len, ip = peer_family == 4 ? 20 : 40;

    /* 201..300 arrives early and true; then a forged 151..350, and last the true 101..200 */
    peer_sends(p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1, .len = 100);
    len = peer_writes(p, p->them.port,
                      (struct step){ .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1, .len = 100 },
                      packet);
    for (uint32_t i = ip + 20; i < len; i++)
        packet[i] ^= 0xff;
    peer_fixes_checksum(packet, len);
    peer_sends_raw(p, packet, len); /* forged, wholly covered */
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100);
    user_receives(p, 200);
    /* and for text already in order */
    len = peer_writes(p, p->them.port,
                      (struct step){ .ctl = CTL_ACK, .seq = 251, .ack = ISS + 1, .len = 100 },
                      packet);
    for (uint32_t i = ip + 20; i < ip + 20 + 50; i++)
        packet[i] ^= 0xff;
    peer_fixes_checksum(packet, len);
    peer_sends_raw(p, packet, len);
    user_receives(p, 50);
    peer_done_quietly(p);
}

/* Asked for, each segment is acknowledged at once, and one that waits for its ACK too. */
TEST(quick_ack_is_an_option)
{
    struct peer *p = peer_in_established();
    struct estab_tcp_options opt = user_options(p);

    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1);
    expect_nothing_sent(p);
    opt.quick_ack = true;
    user_sets(p, &opt);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 102, .reason = ESTAB_WHY_ACK_NOW);
    peer_sends (p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 1, .len = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 103, .reason = ESTAB_WHY_ACK_NOW);
    opt.quick_ack = false;
    user_sets(p, &opt);
    peer_sends (p, .ctl = CTL_ACK, .seq = 103, .ack = ISS + 1, .len = 1);
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC5681-4.2-2ND, RFC2525-2.13: SHLD-18, MUST-40, SHLD-19: one small segment: within 40 ms; the second full-sized: at once. */
TEST(delayed_ack)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1);
    assert_int_equal(time_until_sent(p, SEC(1)), MS(40));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 102, .reason = ESTAB_WHY_ACK_DELAYED);
    peer_done(p);

    p = peer_in_established();
    for (uint32_t i = 0; i < 17; i++) /* the quick ACKs of the beginning are used up */
        peer_sends(p, .ctl = CTL_ACK, .seq = 101 + i * 1460, .ack = ISS + 1, .len = 1460);
    user_receives(p, 17 * 1460);
    time_passes(p, MS(40));
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 17 * 1460, .ack = ISS + 1, .len = 1460);
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101 + 18 * 1460, .ack = ISS + 1, .len = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101 + 19 * 1460,
                .reason = ESTAB_WHY_ACK_SECOND);
    peer_done(p);
}

/* SHLD-19: a path that has become narrower brings smaller segments, all as long as the other: after eight
 * of them these are full-sized, and every second is acknowledged again. A few, or lengths that differ,
 * or ones that no path asks for, do not make it so. */
TEST(full_sized_is_what_a_narrower_path_brings)
{
    static const struct {
        uint32_t len, alternate;
        bool becomes;
    } cases[] = { { 1148, 0, true }, { 536, 0, true }, { 1148, 900, false }, { 500, 0, false } };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer *p = peer_in_established();
        uint32_t seq = 101;

        for (unsigned n = 0; n < 18; n++, seq += 1460)
            peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = 1460);
        user_receives(p, seq - 101);
        time_passes(p, MS(40));
        peer_forgets(p);
        for (unsigned n = 0; n < 8; n++) {
            uint32_t len = n % 2 && cases[i].alternate != 0 ? cases[i].alternate : cases[i].len;

            peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = len);
            seq += len;
            if (n == 6) { /* not yet: 2,296 octets are less than two of 1,460 */
                time_passes(p, MS(40));
                peer_forgets(p);
            }
        }
        time_passes(p, MS(40));
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = cases[i].len);
        expect_nothing_sent(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = seq + cases[i].len, .ack = ISS + 1, .len = cases[i].len);
        assert_int_equal(p->n, cases[i].becomes);
        peer_done_quietly(p);
    }
}

/* Sixteen full-sized segments are acknowledged at once, whether they come singly or two together:
 * an even number is left for the rule of every second. */
TEST(the_first_segments_use_up_quick_acks_however_they_come)
{
    struct peer *p = peer_in_established();
    struct step s[2];

    for (uint32_t i = 0; i < 2; i++)
        s[i] = (struct step){ .ctl = CTL_ACK, .seq = 101 + i * 1460, .ack = ISS + 1, .len = 1460 };
    peer_sends_batch(p, s, 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101 + 2 * 1460);
    for (uint32_t i = 2; i < 16; i++) {
        peer_sends (p, .ctl = CTL_ACK, .seq = 101 + i * 1460, .ack = ISS + 1, .len = 1460);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101 + (i + 1) * 1460,
                    .reason = ESTAB_WHY_ACK_NOW);
    }
    peer_sends (p, .ctl = CTL_ACK, .seq = 101 + 16 * 1460, .ack = ISS + 1, .len = 1460);
    expect_nothing_sent(p);
    user_receives(p, 17 * 1460);
    peer_done_quietly(p);
}

/* What came out of order leaves a sender with a small window: acknowledged at once again, sixteen
 * times; the order of the sizes does not matter, small ones wait as ever. */
TEST(after_reordering_segments_are_acknowledged_at_once_again)
{
    struct peer *p = peer_in_established();
    uint32_t seq = 101;

    for (uint32_t i = 0; i < 18; i++, seq += 1460)
        peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = 1460);
    user_receives(p, 18 * 1460);
    peer_forgets(p);

    peer_sends (p, .ctl = CTL_ACK, .seq = seq + 1460, .ack = ISS + 1, .len = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = seq, .reason = ESTAB_WHY_ACK_DUPLICATE);
    peer_sends (p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = 1460);
    seq += 2 * 1460;
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = seq, .reason = ESTAB_WHY_ACK_NOW);
    peer_sends (p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = 10);
    expect_nothing_sent(p);
    time_passes(p, MS(40));
    seq += 10;
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = seq, .reason = ESTAB_WHY_ACK_DELAYED);
    for (uint32_t i = 0; i < 16; i++) {
        peer_sends (p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = 1460);
        seq += 1460;
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = seq, .reason = ESTAB_WHY_ACK_NOW);
    }
    peer_sends (p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = 1460);
    expect_nothing_sent(p);
    user_receives(p, 19 * 1460 + 10);
    peer_done_quietly(p);
}

/* MUST-58: a batch in order is acknowledged once. */
TEST(batch_is_acknowledged_once)
{
    struct peer *p = peer_in_established();
    struct step s[10];

    for (uint32_t i = 0; i < 10; i++)
        s[i] = (struct step){ .ctl = CTL_ACK, .seq = 101 + i * 1000, .ack = ISS + 1, .len = 1000 };
    peer_sends_batch(p, s, 10);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 10101);
    expect_nothing_sent(p);
    user_receives(p, 10000);
    peer_done_quietly(p);
}

/* RFC5681-4.2-ONEACK: in a batch each segment out of order still owes its own duplicate ACK, and
 * no more, so that a sender counts the same as if they had come singly. */
TEST(batch_out_of_order_owes_an_ack_each)
{
    struct peer *p = peer_in_established();
    struct step s[5];

    for (uint32_t i = 0; i < 5; i++)
        s[i] = (struct step){ .ctl = CTL_ACK, .seq = 201 + i * 100, .ack = ISS + 1, .len = 100 };
    peer_sends_batch(p, s, 5);
    for (int i = 0; i < 5; i++)
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_nothing_sent(p);
    peer_done(p);
}

/* ... but when the hole is filled in the same batch there is nothing to duplicate. */
TEST(batch_that_fills_its_own_hole_is_acknowledged_once)
{
    struct peer *p = peer_in_established();
    struct step s[4] = {
        { .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1, .len = 100 },
        { .ctl = CTL_ACK, .seq = 301, .ack = ISS + 1, .len = 100 },
        { .ctl = CTL_ACK, .seq = 401, .ack = ISS + 1, .len = 100 },
        { .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100 },
    };

    peer_sends_batch(p, s, 4);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 501);
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC2018-4-ALL, RFC2018-4-FIRST, RFC2018-4-RECENT: with SACK the duplicate ACK says what is here,
 * the newest first. */
TEST(sack_blocks_tell_what_is_here)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = 1460, .sackok = true });

    peer_sends (p, .ctl = CTL_ACK, .seq = 301, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .sack = { { 301, 401 } });
    peer_sends (p, .ctl = CTL_ACK, .seq = 601, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101,
                .sack = { { 601, 701 }, { 301, 401 } });
    peer_sends (p, .ctl = CTL_ACK, .seq = 401, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101,
                .sack = { { 301, 501 }, { 601, 701 } });
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 200);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 501, .sack = { { 601, 701 } });
    user_receives(p, 400);
    peer_done_quietly(p);
}

/* RFC5681-4.2-OOO, law: one segment never owes two ACKs, also when it stands out of order and the
 * window cuts its end off. */
TEST(a_segment_cut_by_the_window_owes_one_ack)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.receive_buffer_max = 2048;
    p = peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
    peer_sends (p, .ctl = CTL_ACK, .seq = 101 + 2000, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    expect_nothing_sent(p);
    time_passes(p, SEC(1));
    expect_nothing_sent(p);
    peer_done_quietly(p);
}

/* RFC2883-4: what has come twice is told first, once: a segment long received, ... */
TEST(a_duplicate_is_reported_once)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = 1460, .sackok = true });

    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 200);
    time_passes(p, MS(100));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 301);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 200);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 301, .sack = { { 101, 301 } });
    /* ... a part of one, with something missing elsewhere, ... */
    peer_sends (p, .ctl = CTL_ACK, .seq = 501, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 301, .sack = { { 501, 601 } });
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1, .len = 200);
    time_passes(p, MS(100));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 401, .sack = { { 201, 301 }, { 501, 601 } });
    /* ... and one that waits out of order, whose block follows. */
    peer_sends (p, .ctl = CTL_ACK, .seq = 601, .ack = ISS + 1, .len = 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 401, .sack = { { 501, 701 } });
    peer_sends (p, .ctl = CTL_ACK, .seq = 521, .ack = ISS + 1, .len = 50);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 401, .sack = { { 521, 571 }, { 501, 701 } });
    /* What is older than the connection has not come twice. */
    peer_sends (p, .ctl = CTL_ACK, .seq = 101 - 90000, .ack = ISS + 1, .len = 50);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 401, .sack = { { 501, 701 } });
    peer_done_quietly(p);
}

/* RFC2018-4-PERM: never without the peer's permission. */
TEST(no_sack_without_permission)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_ACK, .seq = 301, .ack = ISS + 1, .len = 100);
    assert_int_equal(peer_takes(p)->seg.sack_blocks, 0);
    peer_done(p);
}

/* limit: a few octets far ahead must not hold a large ring (CVE-2004-0171).
 * vuln: Out-of-order mbuf exhaustion */
TEST(out_of_order_text_is_bounded_by_its_own_size)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack_status st;
    struct peer *p;

    cfg.memory_budget = 800000; /* scarce: a few slabs are more than a quarter */
    p = peer_in_established_with(&cfg, (struct step){ .ctl = CTL_SYN, .seq = IRS });

    peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 60000, .ack = ISS + 1, .len = 1);
    expect_verdict(p, DROP_OOO_BUDGET);
    estab_stack_status(p->stack, &st);
    assert_true(st.ring_bytes <= 4096);
    peer_done_quietly(p);

    /* Where there is plenty, it may come from as far as the window reaches: a burst was lost. */
    p = peer_in_established();
    peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 60000, .ack = ISS + 1, .len = 1);
    expect_verdict(p, ACCEPTED_OUT_OF_ORDER);
    peer_done_quietly(p);
}

/* SegmentSmack, CVE-2018-5390: five thousand tiny holes cost no more than the list is long.
 * vuln: SegmentSmack (out-of-order queue CPU) */
TEST(many_small_holes_are_bounded)
{
    struct peer *p = peer_in_established();

    for (uint32_t i = 0; i < 5000; i++) {
        peer_sends(p, .ctl = CTL_ACK, .seq = 103 + i * 2, .ack = ISS + 1, .len = 1);
        peer_forgets(p);
    }
    expect_verdict(p, DROP_OOO_BUDGET);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 2);
    user_receives(p, 3);
    peer_done_quietly(p);
}

/* RFC9293-3.10.7.4-FIN: after the peer's FIN there is no more text (RFC 9293 §3.10.7.4, seventh). */
TEST(text_after_the_fin_is_ignored)
{
    struct peer *p = peer_in_close_wait();

    peer_sends(p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 1, .len = 50);
    assert_int_equal(user_tries_to_receive(p), 0);
    expect_state(p, TCPS(CLOSE_WAIT));
    peer_done_quietly(p);
}

/* A flight of `n` full segments that the user takes at the end; what the ring then was. */
static uint32_t
ring_of_a_flight(struct peer *p, uint32_t *seq, unsigned n)
{
    uint32_t size;

    for (unsigned i = 0; i < n; i++, *seq += 1000)
        peer_sends(p, .ctl = CTL_ACK, .seq = *seq, .ack = ISS + 1, .len = 1000);
    size = user_status(p).tcb.receive_ring;
    while (user_status(p).tcb.receive_queued > 0)
        user_receives(p, 1000);
    peer_forgets(p);
    assert_int_equal(user_status(p).tcb.receive_ring, 0);
    return size;
}

/* The ring comes back with the size it needed lately, so that a steady flow is not moved from size to
 * size each time it is drained; what is not needed any more is forgotten, by halves. */
TEST(a_drained_ring_begins_with_what_it_needed_lately)
{
    struct peer *p = peer_in_established();
    uint32_t seq = 101, size = 32768;

    assert_int_equal(ring_of_a_flight(p, &seq, 1), 1024);
    assert_int_equal(ring_of_a_flight(p, &seq, 20), 32768);
    assert_int_equal(ring_of_a_flight(p, &seq, 20), 32768);
    for (unsigned i = 0; i < 15; i++)
        assert_int_equal(ring_of_a_flight(p, &seq, 1), 32768);
    while (size > 1024) {
        size /= 2;
        for (unsigned i = 0; i < 16; i++)
            assert_int_equal(ring_of_a_flight(p, &seq, 1), size);
    }
    assert_int_equal(ring_of_a_flight(p, &seq, 20), 32768);
    peer_done_quietly(p);
}

/* limit: where memory is scarce, an octet after a burst holds no more than an octet before it. */
TEST(a_ring_begins_small_where_memory_is_scarce)
{
    struct estab_config cfg = peer_config(NULL);
    uint32_t seq = 101;
    struct peer *p;

    cfg.memory_budget = 800000; /* a few slabs are more than a quarter */
    p = peer_in_established_with(&cfg, (struct step){ .ctl = CTL_SYN, .seq = IRS });
    assert_int_equal(ring_of_a_flight(p, &seq, 20), 32768);
    assert_int_equal(ring_of_a_flight(p, &seq, 1), 1024);
    peer_done_quietly(p);
}

/* The whole buffer: what fits the window is taken, memory grows with it and goes back. */
TEST(receive_buffer_grows_and_goes_back)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack_status st;
    uint32_t at = 101;
    struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = 1460, .ws = 1 });

    for (int i = 0; i < 100; i++, at += 1460)
        peer_sends(p, .ctl = CTL_ACK, .seq = at, .ack = ISS + 1, .len = 1460);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.ring_bytes, 131072 * 2);
    user_receives(p, 44 * 1460);
    user_receives(p, 2 * 1460);
    while (user_status(p).tcb.receive_queued > 0)
        user_receives(p, 1460);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.ring_bytes, 0);
    peer_done_quietly(p);
}
