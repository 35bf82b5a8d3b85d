/* SPDX-License-Identifier: MIT */
/* Explicit congestion notification, RFC 3168 §6.1. */
#include "harness/peer.h"

#define MSS 1000u
#define T(n) (ISS + 1 + (n) * MSS)
#define ECE CTL_ECE
#define CWR CTL_CWR
#define ECT0 IP_ECN_ECT0
#define CE IP_ECN_CE

static struct peer *
host(uint8_t ecn)
{
    struct estab_config cfg = peer_config(NULL);

    cfg.ecn = ecn;
    cfg.accecn = false; /* accecn_test.c */
    cfg.tcp.cc = ESTAB_CC_RENO;
    return peer_of_listener_with(&cfg);
}

/* Passive, ECN agreed. */
static struct peer *
established(void)
{
    struct peer *p = host(ESTAB_ECN_ANSWER);

    peer_sends (p, .ctl = CTL_SYN | ECE | CWR, .seq = 100, .mss = MSS);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK | ECE, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    return p;
}

static void
expect_texts(struct peer *p, unsigned from, unsigned to, uint8_t flags)
{
    for (unsigned n = from; n < to; n++)
        expect_sent(p, .ctl = CTL_ACK | flags, .seq = T(n), .ack = 101, .len = MSS, .ip_ecn = ECT0);
}

/* RFC3168-6.1.1-SYN: ECE alone in the SYN,ACK, and only in answer to both flags. */
TEST(an_ecn_setup_syn_is_answered_with_ece)
{
    static const struct {
        uint8_t ecn, syn, answer;
    } cases[] = {
        { ESTAB_ECN_ANSWER, ECE | CWR, ECE }, { ESTAB_ECN_ASK, ECE | CWR, ECE },
        { ESTAB_ECN_OFF, ECE | CWR, 0 },      { ESTAB_ECN_ANSWER, 0, 0 },
        { ESTAB_ECN_ANSWER, ECE, 0 },         { ESTAB_ECN_ANSWER, CWR, 0 },
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer *p = host(cases[i].ecn);

        peer_sends (p, .ctl = CTL_SYN | cases[i].syn, .seq = 100, .mss = MSS);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK | cases[i].answer, .seq = ISS, .ack = 101);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        user_sends(p, MSS);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = MSS,
                    .ip_ecn = cases[i].answer ? ECT0 : 0);
        peer_done_quietly(p);
    }
}

/* RFC3168-6.1.1-NEG: we asked; both flags in the answer are an echo of ours by one who knows nothing
 * of them, and none is a no. */
TEST(asking_needs_a_true_answer)
{
    static const uint8_t answers[] = { ECE, 0, ECE | CWR, CWR };

    for (unsigned i = 0; i < 4; i++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p;

        cfg.ecn = ESTAB_ECN_ASK;
        cfg.accecn = false;
        p = peer_host_with(&cfg);
        user_opens(p);
        expect_sent(p, .ctl = CTL_SYN | ECE | CWR, .seq = ISS);
        peer_sends (p, .ctl = CTL_SYN | CTL_ACK | answers[i], .seq = 100, .ack = ISS + 1, .mss = MSS);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
        user_sends(p, MSS);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = MSS,
                    .ip_ecn = answers[i] == ECE ? ECT0 : 0);
        peer_done_quietly(p);
    }
}

/* RFC3168-6.1.1-FALLBACK: after one repetition the SYN goes without the flags. */
TEST(a_syn_that_stays_unanswered_stops_asking)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.ecn = ESTAB_ECN_ASK;
    cfg.accecn = false;
    p = peer_host_with(&cfg);
    user_opens(p);
    expect_sent(p, .ctl = CTL_SYN | ECE | CWR, .seq = ISS);
    time_passes(p, SEC(1));
    expect_sent(p, .ctl = CTL_SYN | ECE | CWR, .seq = ISS);
    time_passes(p, SEC(2));
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK | ECE, .seq = 100, .ack = ISS + 1, .mss = MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    user_sends(p, MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = MSS);
    peer_done_quietly(p);
}

/* By default we answer and do not ask. */
TEST(by_default_nobody_is_asked)
{
    struct peer *p = peer_in_syn_sent();

    peer_done_quietly(p);
    p = peer_host(NULL);
    user_opens(p);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_done_quietly(p);
}

/* RFC3168-6.1.3-ECE: from a CE mark on every ACK carries ECE, until the peer says CWR; a mark on the
 * very packet with CWR starts it anew. */
TEST(a_mark_is_echoed_until_cwr)
{
    struct peer *p = established();

    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = MSS, .ip_ecn = CE);
    expect_sent(p, .ctl = CTL_ACK | ECE, .seq = ISS + 1, .ack = 101 + MSS);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101 + MSS, .ack = ISS + 1, .len = MSS, .ip_ecn = ECT0);
    expect_sent(p, .ctl = CTL_ACK | ECE, .seq = ISS + 1, .ack = 101 + 2 * MSS);
    user_sends(p, MSS);
    expect_sent(p, .ctl = CTL_ACK | ECE, .seq = ISS + 1, .ack = 101 + 2 * MSS, .len = MSS, .ip_ecn = ECT0);
    peer_sends (p, .ctl = CTL_ACK | CWR, .seq = 101 + 2 * MSS, .ack = T(1), .len = MSS, .ip_ecn = CE);
    expect_sent(p, .ctl = CTL_ACK | ECE, .seq = T(1), .ack = 101 + 3 * MSS);
    peer_sends (p, .ctl = CTL_ACK | CWR, .seq = 101 + 3 * MSS, .ack = T(1), .len = MSS, .ip_ecn = ECT0);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(1), .ack = 101 + 4 * MSS);
    peer_done_quietly(p);
}

/* RFC3168-6.1.5-RTX: a mark on what lies outside the window means nothing. */
TEST(a_mark_outside_the_window_is_ignored)
{
    struct peer *p = established();

    peer_sends (p, .ctl = CTL_ACK, .seq = 101 + 900000, .ack = ISS + 1, .len = MSS, .ip_ecn = CE);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_done_quietly(p);
}

/* SHLD-8, RFC3168-6.1.2-CWR: RFC3168-6.1.2-CUT: an ECE halves the window once for all that is out, sends nothing again, and the
 * next new text says CWR, once. */
TEST(an_echo_is_answered_like_a_loss_once_a_window)
{
    struct peer *p = established();

    user_sends(p, 30 * MSS);
    expect_texts(p, 0, 10, 0);
    peer_sends(p, .ctl = CTL_ACK | ECE, .seq = 101, .ack = T(1));
    assert_int_equal(user_status(p).tcb.ssthresh, 5000);
    assert_int_equal(user_status(p).tcb.cwnd, 5000);
    peer_sends(p, .ctl = CTL_ACK | ECE, .seq = 101, .ack = T(4));
    assert_int_equal(user_status(p).tcb.ssthresh, 5000);
    expect_nothing_sent(p);
    peer_sends(p, .ctl = CTL_ACK | ECE, .seq = 101, .ack = T(6));
    expect_texts(p, 10, 11, CWR);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(10));
    assert_int_equal(user_status(p).tcb.ssthresh, 5000);
    expect_texts(p, 11, 15, 0);
    peer_done_quietly(p);
}

/* RFC3168-6.1.2-CUT: also when the ACK that says it leaves nothing out. */
TEST(an_echo_on_the_last_ack_counts)
{
    struct peer *p = established();

    user_sends(p, 10 * MSS);
    expect_texts(p, 0, 10, 0);
    peer_sends(p, .ctl = CTL_ACK | ECE, .seq = 101, .ack = T(10));
    assert_int_equal(user_status(p).tcb.cwnd, 5000);
    user_sends(p, MSS);
    expect_texts(p, 10, 11, CWR);
    peer_done_quietly(p);
}

/* RFC3168-6.1.4-PUREACK, RFC3168-6.1.5-RTX, RFC3168-6.1.6-ZWP: only new text is ECT. */
TEST(only_new_text_is_ect)
{
    struct peer *p = established();

    user_sends(p, 2 * MSS);
    expect_texts(p, 0, 2, 0);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = T(2), .ack = 101 + MSS);
    (void)time_until_sent(p, SEC(3));
    expect_sent(p, .ctl = CTL_ACK, .seq = T(0), .ack = 101 + MSS, .len = MSS);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101 + MSS, .ack = T(2), .wnd = -1);
    user_sends(p, MSS);
    (void)time_until_sent(p, SEC(30));
    expect_sent(p, .ctl = CTL_ACK, .seq = T(2), .ack = 101 + MSS, .len = 1,
                .reason = ESTAB_WHY_ZERO_WINDOW_PROBE);
    peer_done_quietly(p);
}

/* Every flight is marked until cwnd is one segment, and that one is marked too: nothing is out.
 * Returns how many segments that took. */
static uint32_t
to_one_segment(struct peer *p)
{
    uint32_t n = 0;

    peer_sends (p, .ctl = CTL_SYN | ECE | CWR, .seq = 100, .mss = MSS);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK | ECE, .seq = ISS, .ack = 101);
    time_passes(p, MS(100));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    for (uint32_t cwnd = 0; cwnd != MSS;) {
        cwnd = user_status(p).tcb.cwnd;
        user_sends(p, cwnd / MSS * MSS);
        assert_int_equal(p->n, cwnd / MSS);
        peer_forgets(p);
        n += cwnd / MSS;
        time_passes(p, MS(100));
        peer_sends(p, .ctl = CTL_ACK | ECE, .seq = 101, .ack = T(n));
    }
    assert_int_equal(user_status(p).tcb.cwnd, MSS);
    return n;
}

/* RFC3168-6.1.2-CWND1, RFC9438-4.6-ECE: echoes that do not end bring cwnd down to one segment, and
 * then the next waits for the retransmission timer, which starts anew with each. */
TEST(at_one_segment_the_next_waits_for_the_timer)
{
    for (uint8_t cc = ESTAB_CC_RENO; cc <= ESTAB_CC_CUBIC; cc++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p;
        uint32_t n;

        cfg.tcp.cc = cc;
        p = peer_of_listener_with(&cfg);
        n = to_one_segment(p);
        user_sends(p, MSS);
        expect_nothing_sent(p); /* though nothing is out and cwnd has room */
        assert_int_equal(time_until_sent(p, SEC(10)), ESTAB_US(user_status(p).tcb.rto_us));
        expect_sent(p, .ctl = CTL_ACK | CWR, .seq = T(n), .ack = 101, .len = MSS, .ip_ecn = ECT0,
                    .reason = ESTAB_WHY_DATA);
        expect_nothing_sent(p);
        /* without an echo it goes on as ever */
        time_passes(p, MS(100));
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = T(n + 1));
        user_sends(p, MSS);
        expect_sent(p, .ctl = CTL_ACK, .seq = T(n + 1), .ack = 101, .len = MSS, .ip_ecn = ECT0);
        peer_done_quietly(p);
    }
}

/* The same for a FIN: it waits, and is repeated an RTO after it was sent, not after the echo. */
TEST(at_one_segment_the_fin_waits_for_the_timer)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = peer_of_listener_with(&cfg);
    uint32_t n = to_one_segment(p);
    estab_time rto = ESTAB_US(user_status(p).tcb.rto_us);

    time_passes(p, rto / 2);
    user_closes(p);
    expect_nothing_sent(p);
    assert_int_equal(time_until_sent(p, SEC(10)), rto - rto / 2);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = T(n), .ack = 101);
    peer_forgets(p);
    assert_true(time_until_sent(p, SEC(10)) >= rto);
    peer_done_quietly(p);
}

/* Without the agreement ECE and CWR mean nothing. */
TEST(without_agreement_the_flags_mean_nothing)
{
    struct peer *p = peer_in_established();
    struct estab_status before;

    user_sends(p, 5 * 1460);
    peer_forgets(p);
    before = user_status(p);
    peer_sends(p, .ctl = CTL_ACK | ECE | CWR, .seq = 101, .ack = ISS + 1, .ip_ecn = CE);
    assert_int_equal(user_status(p).tcb.cwnd, before.tcb.cwnd);
    assert_int_equal(user_status(p).tcb.ssthresh, before.tcb.ssthresh);
    peer_done_quietly(p);
}
