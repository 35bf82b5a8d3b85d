/* SPDX-License-Identifier: MIT */
/* Accurate ECN feedback (RFC 9768): the flags of the handshake, the ACE field, and what a sender
 * makes of it. A segment is 1,000 octets; T(n) is the first octet of the n-th; ACE(n) the three
 * bits as a number. */
#include "harness/peer.h"

#define MSS 1000u
#define T(n) (ISS + 1 + (n) * MSS)
#define ACE(n) .ace = (n) + 1
#define NOT_ECT 0
#define ECT1 1
#define ECT0 2
#define CE 3
#define NONE 0
#define CLASSIC 1
#define ACCURATE 2

static struct peer *
host(uint8_t ecn)
{
    struct estab_config cfg = peer_config(NULL);

    cfg.ecn = ecn;
    cfg.tcp.cc = ESTAB_CC_RENO;
    return peer_of_listener_with(&cfg);
}

/* Passive, AccECN agreed, nothing marked. */
static struct peer *
established(void)
{
    struct peer *p = host(ESTAB_ECN_ANSWER);

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(7));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(2));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, ACE(2));
    user_accepts(p);
    return p;
}

static uint8_t
mode(struct peer *p)
{
    struct estab_status st = user_status(p);

    return st.accecn ? ACCURATE : st.ecn ? CLASSIC : NONE;
}

/* RFC9768-3.1.1-SYNACK: the SYN,ACK tells how the SYN arrived; four codepoints, four answers. */
TEST(the_syn_ack_tells_how_the_syn_arrived)
{
    static const uint8_t answer[4] = { [NOT_ECT] = 2, [ECT1] = 3, [ECT0] = 4, [CE] = 6 };

    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        struct peer *p = host(ESTAB_ECN_ANSWER);

        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(7), .ip_ecn = ecn);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(answer[ecn]));
        /* RFC9768-3.1.5-LATEST: the same SYN again, on another codepoint */
        time_passes(p, MS(300));
        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(7), .ip_ecn = 3 - ecn);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(answer[3 - ecn]));
        peer_done_quietly(p);
    }
}

/* RFC9768-3.1.2-FALL, RFC9768-3.1.3-FWD: each of the eight flags of a SYN has its answer. */
TEST(each_syn_has_its_answer)
{
    static const struct {
        uint8_t answer, mode;
    } of[8] = {
        [0] = { 0, NONE },     [1] = { 2, ACCURATE }, [2] = { 2, ACCURATE }, [3] = { 1, CLASSIC },
        [4] = { 2, ACCURATE }, [5] = { 2, ACCURATE }, [6] = { 2, ACCURATE }, [7] = { 2, ACCURATE },
    };

    for (uint8_t flags = 0; flags < 8; flags++) {
        struct peer *p = host(ESTAB_ECN_ANSWER);

        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(flags));
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(of[flags].answer));
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, ACE(of[flags].mode == ACCURATE ? 2 : 0));
        user_accepts(p);
        assert_int_equal(mode(p), of[flags].mode);
        user_sends(p, MSS);
        expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101, .len = MSS,
                    ACE(of[flags].mode == ACCURATE ? 5 : 0),
                    .ip_ecn = of[flags].mode != NONE ? ECT0 : 0);
        peer_done_quietly(p);
    }
}

/* RFC9768-3.1.1-SYN, RFC9768-3.1.2-FALL: we ask with 111, and each of the eight answers means
 * something. */
TEST(each_syn_ack_has_its_meaning)
{
    static const uint8_t of[8] = { NONE, CLASSIC, ACCURATE, ACCURATE, ACCURATE, ACCURATE, ACCURATE, NONE };

    for (uint8_t flags = 0; flags < 8; flags++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p;

        cfg.ecn = ESTAB_ECN_ASK;
        p = peer_host_with(&cfg);
        user_opens(p);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS, ACE(7));
        peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = MSS, ACE(flags));
        /* RFC9768-3.2.2.1-3RD: a pure ACK that tells how the SYN,ACK arrived: Not-ECT */
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, ACE(of[flags] == ACCURATE ? 2 : 0));
        assert_int_equal(mode(p), of[flags]);
        /* RFC9768-4-ZERO: our SYN was Not-ECT; an answer that says otherwise: no ECT from us */
        user_sends(p, MSS);
        expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101, .len = MSS,
                    ACE(of[flags] == ACCURATE ? 5 : 0),
                    .ip_ecn = flags == 1 || flags == 2 || flags == 5 ? ECT0 : 0);
        peer_done_quietly(p);
    }
}

/* RFC9768-3.2.2.1-3RD, RFC9768-3.2.1-INIT: the third segment tells the codepoint of the SYN,ACK; what
 * comes after it counts from 5, or from 6 if that was CE. */
TEST(the_third_segment_tells_how_the_syn_ack_arrived)
{
    static const uint8_t tells[4] = { [NOT_ECT] = 2, [ECT1] = 3, [ECT0] = 4, [CE] = 6 };

    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p;

        cfg.ecn = ESTAB_ECN_ASK;
        p = peer_host_with(&cfg);
        user_opens(p);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS, ACE(7));
        peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = MSS, ACE(2), .ip_ecn = ecn);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, ACE(tells[ecn]));
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = MSS, ACE(5));
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101 + MSS, ACE(ecn == CE ? 6 : 5));
        peer_done_quietly(p);
    }
}

/* RFC9768-3.1.5-NOECT: a SYN,ACK that stays unanswered goes without in the end, and then we never set
 * ECT; nor when a SYN without flags has come. AccECN goes on: what arrives marked is told. */
TEST(whoever_gives_up_ecn_in_the_handshake_gets_no_ect)
{
    struct peer *p = host(ESTAB_ECN_ANSWER);

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(7));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(2));
    time_passes(p, SEC(1));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(2));
    time_passes(p, SEC(2));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(0));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, ACE(2));
    user_accepts(p);
    user_sends(p, MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101, .len = MSS, ACE(5));
    peer_done_quietly(p);

    p = host(ESTAB_ECN_ANSWER);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(7));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(2));
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(0));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, ACE(5), .len = MSS, .ip_ecn = CE);
    user_accepts(p);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101 + MSS, ACE(6));
    user_sends(p, MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101 + MSS, .len = MSS, ACE(6));
    peer_done_quietly(p);
}

/* A SYN of ours that stays unanswered stops asking, and then no answer means anything. */
TEST(a_syn_that_stays_unanswered_stops_asking)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.ecn = ESTAB_ECN_ASK;
    p = peer_host_with(&cfg);
    user_opens(p);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, ACE(7));
    (void)time_until_sent(p, SEC(5));
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, ACE(7));
    (void)time_until_sent(p, SEC(5));
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, ACE(0));
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = MSS, ACE(2));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, ACE(0));
    assert_int_equal(mode(p), NONE);
    peer_done_quietly(p);
}

/* RFC9768-3.2-FRESH, RFC9768-3.1.5-NOCWR: each segment carries the counter as it stands, also one that
 * is sent again; no bit of it means CWR or ECE. */
TEST(the_counter_is_on_every_segment_and_always_fresh)
{
    struct peer *p = established();

    user_sends(p, MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101, .len = MSS, ACE(5), .ip_ecn = ECT0);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(0), .len = MSS, ACE(5), .ip_ecn = CE);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(1), .ack = 101 + MSS, ACE(6));
    (void)time_until_sent(p, SEC(5));
    expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101 + MSS, .len = MSS, ACE(6));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101 + MSS, .ack = T(1), .len = 1, ACE(5), .ip_ecn = CE);
    user_closes(p);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = T(1), .ack = 102 + MSS, ACE(7));
    peer_sends (p, .ctl = CTL_ACK, .seq = 102 + MSS, .ack = T(1) + 1, .len = MSS, ACE(5), .ip_ecn = CE);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(1) + 1, .ack = 102 + 2 * MSS, ACE(0)); /* 8 */
    peer_done_quietly(p);
}

/* RFC9768-3.2.2.5.1: no more than two marks with text go untold, nor three without; so the field never
 * skips a round. */
TEST(marks_are_told_before_the_field_goes_round)
{
    struct peer *p = established();
    uint32_t seq = 101;
    unsigned told = 5, marks = 0;

    for (unsigned n = 0; n < 41; n++) { /* tiny segments, which would otherwise be delayed */
        peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = 1, ACE(5), .ip_ecn = CE);
        seq++;
        marks++;
        if (p->n > 0) {
            struct captured *c = peer_takes(p);
            unsigned ace = (c->seg.ae ? 4u : 0) | (c->seg.ctl & CTL_CWR ? 2u : 0) | (c->seg.ctl & CTL_ECE ? 1u : 0);

            assert_int_equal(ace, (5 + marks) & 7);
            told = 5 + marks;
        }
        assert_true(5 + marks - told < 2);
        expect_nothing_sent(p);
    }
    assert_int_equal(told, 5 + marks);
    for (unsigned n = 1; n <= 6; n++) { /* pure ACKs */
        peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, ACE(5), .ip_ecn = CE);
        assert_int_equal(p->n, n % 3 == 0);
        peer_forgets(p);
    }
    peer_done_quietly(p);
}

/* A counter that moves is answered like a loss, once a window; CWR is not said. */
TEST(a_counter_that_moves_halves_the_window_once)
{
    struct peer *p = established();

    user_sends(p, 30 * MSS);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(1), ACE(6));
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    assert_int_equal(user_status(p).tcb.cwnd, 5 * MSS);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(2), ACE(0)); /* two more */
    assert_int_equal(user_status(p).tcb.cwnd, 5 * MSS);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(9), ACE(0)); /* and none */
    assert_true(user_status(p).tcb.cwnd > 5 * MSS);
    while (p->n > 0) {
        struct captured *c = peer_takes(p);

        /* nothing came marked to us: 101, whatever we have done ourselves */
        assert_true(c->seg.ae && c->seg.ctl & CTL_ECE && !(c->seg.ctl & CTL_CWR));
    }
    peer_done_quietly(p);
}

/* RFC9768-3.2.2.5.2: an ACK of more than seven packets after which the field seems to stand still may
 * have gone round it: that counts as marks. */
TEST(an_ack_of_many_is_read_with_caution)
{
    struct peer *p = established();

    user_sends(p, 30 * MSS);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(1), ACE(5));
    assert_int_equal(user_status(p).tcb.ssthresh, 0x7fffffff);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(8), ACE(5)); /* seven at once: none */
    assert_int_equal(user_status(p).tcb.ssthresh, 0x7fffffff);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(17), ACE(5)); /* nine: none, or eight */
    assert_true(user_status(p).tcb.ssthresh < 20 * MSS);
    peer_done_quietly(p);
}

/* RFC9768-4-ZERO: a third segment, or a first counter, of 000 was wiped on its way: no ECT from us,
 * and nothing is taken for a mark; what arrives marked is still told. */
TEST(a_wiped_field_ends_ect)
{
    struct peer *p = host(ESTAB_ECN_ANSWER);

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(7));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(2));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, ACE(0));
    user_accepts(p);
    user_sends(p, 2 * MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101, .len = MSS, ACE(5), .ip_ecn = NOT_ECT);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(2), .len = MSS, ACE(5), .ip_ecn = CE);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(2), .ack = 101 + MSS, ACE(6));
    peer_done_quietly(p);

    p = host(ESTAB_ECN_ANSWER);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(7));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, ACE(2));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, ACE(0));
    user_accepts(p);
    peer_forgets(p);
    user_sends(p, 5 * MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 111, .len = MSS, ACE(5), .ip_ecn = NOT_ECT);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 111, .ack = T(3), ACE(0));
    assert_int_equal(user_status(p).tcb.ssthresh, 0x7fffffff);
    peer_done_quietly(p);
}

/* An old ACK that comes late says nothing of the counter. */
TEST(an_old_ack_does_not_turn_the_counter_back)
{
    struct peer *p = established();

    user_sends(p, 30 * MSS);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(2), ACE(6));
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(1), ACE(5));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(12), ACE(6));
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = T(13), ACE(6));
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_done_quietly(p);
}

/* ---- the options ---- */

/* The next segment is a pure ACK whose option has these fields; n < 0: it has none. */
static void
expect_counters(struct peer *p, int n, uint8_t order, uint32_t a, uint32_t b, uint32_t c)
{
    const uint32_t want[3] = { a, b, c };
    struct captured *got;

    if (p->n == 0)
        (void)time_until_sent(p, MS(50));
    got = peer_takes(p);
    assert_int_equal(got->seg.len, 0);
    assert_int_equal(got->seg.has_accecn, n >= 0);
    if (n < 0)
        return;
    assert_int_equal(got->seg.accecn_fields, n);
    assert_int_equal(got->seg.accecn_order, order);
    for (int i = 0; i < n; i++)
        assert_int_equal(got->seg.accecn[i], want[i]);
}

/* RFC9768-3.2.3-OPT: the SYN,ACK that grants AccECN tries whether the path lets the option through, without
 * a field; not when it is repeated, nor where AccECN is not granted, nor where the SYN was so short that the
 * answer would be twice as long. */
TEST(the_syn_ack_tries_the_option)
{
    static const struct {
        uint8_t flags, mss;
        bool option;
    } cases[] = { { 7, 1, true }, { 7, 0, false }, { 3, 1, false }, { 0, 1, false } };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer *p = host(ESTAB_ECN_ANSWER);
        struct captured *c;

        peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = cases[i].mss ? MSS : 0, ACE(cases[i].flags));
        c = peer_takes(p);
        assert_int_equal(c->seg.has_accecn, cases[i].option);
        assert_int_equal(c->seg.accecn_fields, 0);
        assert_true(c->seg.header_len <= 20 + (cases[i].mss ? 4 : 0) + 4);
        (void)time_until_sent(p, SEC(2));
        assert_false(peer_takes(p)->seg.has_accecn);
        peer_done_quietly(p);
    }
}

/* The third segment brings all three counters, as they begin. */
TEST(the_third_segment_brings_the_counters_as_they_begin)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.ecn = ESTAB_ECN_ASK;
    p = peer_host_with(&cfg);
    user_opens(p);
    assert_false(peer_takes(p)->seg.has_accecn);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = MSS, ACE(2),
               .accecn = 1);
    assert_int_equal(mode(p), ACCURATE);
    expect_counters(p, 3, 0, 1, 0, 1);
    peer_done(p);
}

/* Text of `len` octets with that IP-ECN field. */
static void
peer_text(struct peer *p, uint32_t *seq, uint32_t len, uint8_t ecn)
{
    peer_sends(p, .ctl = CTL_ACK, .seq = *seq, .ack = ISS + 1, .len = len, ACE(5), .ip_ecn = ecn);
    *seq += len;
    user_receives(p, len);
}

/* RFC9768-3.2.3-OPT: what is told, and when: with the next two ACKs when another counter begins to move,
 * with each while marks arrive, and with each eighth while one goes on; and no more fields than have ever
 * moved. */
TEST(counters_are_told_as_they_move)
{
    struct peer *p = established();
    uint32_t seq = 101;

    peer_text(p, &seq, 1000, ECT0);
    expect_counters(p, 1, 0, 1001, 0, 0);
    peer_text(p, &seq, 1000, ECT0);
    expect_counters(p, 1, 0, 2001, 0, 0);
    for (unsigned i = 0; i < 7; i++) {
        peer_text(p, &seq, 1000, ECT0);
        expect_counters(p, -1, 0, 0, 0, 0);
    }
    peer_text(p, &seq, 1000, ECT0);
    expect_counters(p, 1, 0, 10001, 0, 0);
    for (unsigned i = 1; i <= 5; i++) {
        peer_text(p, &seq, 500, CE);
        expect_counters(p, 2, 0, 10001, i * 500, 0);
    }
    peer_text(p, &seq, 100, NOT_ECT); /* counts for nobody, and nothing is new */
    expect_counters(p, -1, 0, 0, 0, 0);
    peer_text(p, &seq, 200, ECT1);
    expect_counters(p, 3, 0, 10001, 2500, 201);
    peer_done(p);
}

/* A sender of ECT(1) is told with AccECN1. */
TEST(the_order_follows_the_codepoint)
{
    struct peer *p = established();
    uint32_t seq = 101;

    peer_text(p, &seq, 1000, ECT1);
    expect_counters(p, 1, 1, 1001, 0, 0);
    peer_text(p, &seq, 1000, CE);
    expect_counters(p, 2, 1, 1001, 1000, 0);
    peer_done(p);
}

/* SACK goes first: with timestamps and two blocks there is room for two fields, with three for none; what
 * had no room is told later. */
TEST(sack_leaves_less_room)
{
    struct peer *p = host(ESTAB_ECN_ANSWER);
    static const uint32_t left[] = { 1101, 3101, 5101 };

    p->timestamps = true;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = MSS, ACE(7), .sackok = true, .ts_val = 1);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, ACE(2));
    user_accepts(p);
    for (unsigned i = 0; i < 3; i++) {
        struct captured *c;

        peer_sends(p, .ctl = CTL_ACK, .seq = left[i], .ack = ISS + 1, .len = 100, ACE(5),
                   .ip_ecn = i == 2 ? ECT1 : CE);
        c = peer_takes(p);
        assert_int_equal(c->seg.sack_blocks, i + 1);
        assert_int_equal(c->seg.has_accecn, i < 2);
        assert_int_equal(c->seg.accecn_fields, i < 2 ? 2 : 0);
        assert_true(c->seg.header_len <= 60);
    }
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1000, ACE(5), .ip_ecn = NOT_ECT);
    {
        struct captured *c = peer_takes(p);

        assert_int_equal(c->seg.sack_blocks, 2);
        assert_int_equal(c->seg.accecn_fields, 2);
    }
    peer_done_quietly(p);
}

/* Nineteen segments are out, one ACK for all comes with ACE as it was; `marks` as the option says. */
static bool
is_reduced_by(uint8_t ace, uint8_t order, uint8_t fields, uint32_t a, uint32_t b, uint32_t c)
{
    struct peer *p = established();
    uint32_t before;

    user_sends(p, 10 * MSS);
    for (uint32_t i = 1; i <= 10; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(i), ACE(5));
    user_sends(p, 20 * MSS);
    peer_forgets(p);
    before = user_status(p).tcb.cwnd;
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(29), ACE(ace), .accecn = 1 + order,
               .counters = fields, .counted = { a, b, c });
    peer_forgets(p);
    before = user_status(p).tcb.cwnd < before;
    peer_done_quietly(p);
    return before;
}

/* RFC9768-3.2.3-OPT, RFC9768-3.2.2.5.2: an ACK of nineteen packets may have gone round the three bits of
 * ACE: without the option it must be taken for marks; the option says that there were none. */
TEST(the_option_tells_what_the_field_cannot)
{
    assert_true(is_reduced_by(5, 0, 0, 0, 0, 0));
    assert_false(is_reduced_by(5, 0, 1, 29001, 0, 0));
    assert_false(is_reduced_by(5, 0, 3, 29001, 0, 1));
    assert_false(is_reduced_by(5, 1, 2, 1, 0, 0));
    /* eight, and one whose ACE somebody holds still */
    assert_true(is_reduced_by(5, 0, 2, 21001, 8000, 0));
    assert_true(is_reduced_by(5, 0, 2, 28001, 1000, 0));
    assert_true(is_reduced_by(6, 0, 2, 28001, 1000, 0));
    /* wiped: a counter that begins with 1 is never 0 */
    assert_true(is_reduced_by(5, 0, 3, 0, 0, 0));
}

/* An ACK that was overtaken brings older counters: they take nothing back, and mark nothing. */
TEST(counters_do_not_go_back)
{
    struct peer *p = established();
    uint32_t before;

    user_sends(p, 10 * MSS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(5), ACE(6), .accecn = 1, .counters = 2,
               .counted = { 4001, 1000 });
    before = user_status(p).tcb.cwnd;
    assert_true(before < 10 * MSS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(5), ACE(6), .accecn = 1, .counters = 2,
               .counted = { 3001, 0 });
    time_passes(p, MS(1));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(10), ACE(6), .accecn = 1, .counters = 2,
               .counted = { 9001, 1000 });
    assert_true(user_status(p).tcb.cwnd >= before);
    user_sends(p, 10 * MSS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(11), ACE(6), .accecn = 1, .counters = 2,
               .counted = { 10001, 1000 });
    assert_true(user_status(p).tcb.cwnd >= before);
    peer_done_quietly(p);
}
