/* SPDX-License-Identifier: MIT */
/* Retransmission and congestion control: RFC 6298, RFC 5681, RFC 6582, RFC 3042; R1 and R2 of
 * RFC 9293 §3.8.3. */
#include "harness/peer.h"

#define MSS 1000

/* Established, the peer's MSS 1000, a handshake that took `rtt`; Reno. */
static struct peer *
established_after(estab_time rtt)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.cc = ESTAB_CC_RENO;
    p = peer_of_listener_with(&cfg);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = MSS);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, rtt);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    return p;
}

static void
expect_text(struct peer *p, uint32_t n)
{
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1 + n * MSS, .ack = 101, .len = MSS);
}

/* RFC6298-2.2: after the first sample R: SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR = 3 R. */
TEST(first_sample_sets_the_rto)
{
    struct peer *p = established_after(MS(200));
    struct estab_status st = user_status(p);

    assert_int_equal(st.tcb.srtt_us, 200000);
    assert_int_equal(st.tcb.rttvar_us, 100000);
    assert_int_equal(st.tcb.rto_us, 600000);
    peer_done(p);
}

/* RFC6298-2.3, RFC6298-3-RATE, RFC8961-4: RTTVAR = 3/4 RTTVAR + 1/4 |SRTT - R'| with the old SRTT, SRTT = 7/8 SRTT + 1/8 R'. */
TEST(later_samples_move_srtt_and_rttvar)
{
    struct peer *p = established_after(MS(200));

    user_sends(p, 10);
    peer_forgets(p);
    time_passes(p, MS(280));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 11);
    assert_int_equal(user_status(p).tcb.srtt_us, 210000);
    assert_int_equal(user_status(p).tcb.rttvar_us, 95000);
    assert_int_equal(user_status(p).tcb.rto_us, 590000);
    peer_done(p);
}

/* RFC6298-2.4, RFC6298-4: the least RTO is 200 ms more than SRTT, a labelled deviation, so that a long
 * and steady round trip is not taken for a loss at its first jitter; 1 s under the profile "rfc". */
TEST(least_rto)
{
    struct estab_config cfg = peer_config("rfc");
    struct peer *p = established_after(MS(1));

    assert_int_equal(user_status(p).tcb.rto_us, 201000);
    peer_done(p);

    p = established_after(SEC(1));
    for (unsigned n = 1; n < 40; n++) { /* RTTVAR goes to nothing */
        user_sends(p, 10);
        time_passes(p, SEC(1));
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 10 * n);
        peer_forgets(p);
    }
    assert_in_range(user_status(p).tcb.rttvar_us, 0, 1000);
    assert_int_equal(user_status(p).tcb.rto_us, 1200000);
    peer_done(p);

    p = peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
    assert_int_equal(user_status(p).tcb.rto_us, 1000000);
    peer_done(p);
}

/* RFC6298-5.1, RFC6298-5.4, RFC6298-5.5, RFC6298-5.6, RFC9293-3.10.8-RTO, MUST-19: the front is
 * sent again after an RTO, then after twice, four times as long, and never sooner (RFC6298-1,
 * RFC2525-2.10). RFC6298-2.5: at most 120 s. */
TEST(timeout_backs_off_exponentially)
{
    struct peer *p = established_after(MS(200));
    estab_time gap = MS(600);

    user_sends(p, 10);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 10);
    for (int i = 0; i < 8; i++) {
        time_passes(p, gap - 1);
        expect_nothing_sent(p);
        time_passes(p, 1);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 10,
                    .reason = ESTAB_WHY_RETRANSMIT_RTO);
        gap = gap * 2 < SEC(120) ? gap * 2 : SEC(120);
    }
    peer_done(p);
}

/* RFC6298-5.2, RFC6298-5.3: new data acknowledged restarts the timer for what is left; all
 * acknowledged stops it. */
TEST(ack_restarts_and_stops_the_timer)
{
    struct peer *p = established_after(MS(200));

    user_sends(p, 2 * MSS);
    expect_text(p, 0);
    expect_text(p, 1);
    time_passes(p, MS(500));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + MSS);
    /* a full RTO from now: SRTT 237.5, RTTVAR 150 ms: 837.5 ms */
    assert_int_equal(time_until_sent(p, SEC(5)), US(837500));
    expect_text(p, 1);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 2 * MSS);
    time_passes(p, SEC(1000));
    expect_nothing_sent(p);
    assert_int_equal(user_status(p).tcb.timer, ESTAB_TIMER_NONE);
    peer_done(p);
}

/* RFC6298-3-KARN, MUST-18: an ACK after a retransmission is no sample, and the RTO stays backed
 * off until text sent once is acknowledged. */
TEST(karns_rule)
{
    struct peer *p = established_after(MS(200));

    user_sends(p, 10);
    peer_forgets(p);
    time_passes(p, MS(600));
    peer_forgets(p);
    time_passes(p, MS(300));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 11);
    assert_int_equal(user_status(p).tcb.srtt_us, 200000);
    assert_int_equal(user_status(p).tcb.rto_us, 1200000);
    user_sends(p, 10);
    peer_forgets(p);
    time_passes(p, MS(200));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 21);
    assert_in_range(user_status(p).tcb.rto_us, 200000, 599999);
    peer_done(p);
}

/* RFC7323-4.1-RTTM: with timestamps the echo tells which copy was answered. */
TEST(timestamps_lift_karns_ambiguity)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = MSS + 12, .ts_val = 77 });

    user_sends(p, 10);
    peer_forgets(p);
    time_passes(p, MS(200)); /* the handshake took no time */
    peer_forgets(p);
    time_passes(p, MS(30)); /* the second copy is answered */
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 11);
    assert_in_range(user_status(p).tcb.srtt_us, 1, 30000);
    assert_int_equal(user_status(p).tcb.rto_us, 200000 + user_status(p).tcb.srtt_us);
    peer_done(p);
}

/* MUST-20, SHLD-9, SHLD-10: after three retransmissions the user is told; MUST-47. */
TEST(r1_reports_trouble)
{
    struct peer *p = established_after(MS(200));

    user_sends(p, 10);
    p->events = 0;
    time_passes(p, MS(600) + MS(1200));
    expect_no_event(p);
    time_passes(p, MS(2400));
    expect_event(p, ESTAB_SOFT_ERROR);
    assert_int_equal(user_status(p).soft_error, -ESTAB_ETIMEDOUT);
    /* and it is over when the peer answers */
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 11);
    assert_int_equal(user_status(p).soft_error, 0);
    peer_done_quietly(p);
}

/* RFC1122-3.3.1.4: MUST-20: IP is told too, and gives the next connection another way, if there is one as good. */
TEST(r1_moves_the_next_connection_to_another_route)
{
    struct peer *p = peer_host(NULL);
    struct estab_link link = { .mtu = 1500 };
    struct estab_addr second = p->us.addr, net = { .family = p->us.addr.family };
    struct estab_endpoint far = p->them;
    uint8_t packet[2048];
    struct estab_frame f = { .data = packet, .cap = sizeof(packet) };
    estab_conn a, b;
    int other;

    far.addr.bytes[0] = peer_family == 4 ? 203 : 0x26;
    other = estab_stack_add_interface(p->stack, &link);
    assert_true(other > 0);
    second.bytes[peer_family == 4 ? 1 : 5] ^= 0x55;
    assert_int_equal(estab_stack_add_address(p->stack, (unsigned)other, &second, peer_family == 4 ? 24 : 64), 0);
    assert_int_equal(estab_stack_add_route(p->stack, p->ifindex, &net, 0), 0);
    assert_int_equal(estab_stack_add_route(p->stack, (unsigned)other, &net, 0), 0);

    assert_int_equal(estab_connect(p->stack, NULL, &far, NULL, &a, p->now), 0);
    assert_int_equal(estab_stack_output(p->stack, (unsigned)other, &f, 1, p->now), 0);
    time_passes(p, SEC(8)); /* three repetitions, to the first interface */
    assert_true(p->n >= 4);
    peer_forgets(p);
    far.port++;
    assert_int_equal(estab_connect(p->stack, NULL, &far, NULL, &b, p->now), 0);
    assert_int_equal(estab_stack_output(p->stack, (unsigned)other, &f, 1, p->now), 1);
    peer_done_quietly(p);
}

/* SHLD-20: unless it does not want to hear. */
TEST(soft_errors_can_be_silenced)
{
    struct peer *p = established_after(MS(200));
    struct estab_tcp_options opt = user_options(p);

    opt.quiet_soft_errors = true;
    user_sets(p, &opt);
    user_sends(p, 10);
    p->events = 0;
    time_passes(p, SEC(60));
    expect_no_event(p);
    peer_done_quietly(p);
}

/* MUST-21, RFC9293-3.10.8-UTO, SHLD-11: R2 as the user sets it, to the nanosecond, or never. */
TEST(r2_is_the_users)
{
    static const estab_time r2[] = { SEC(10), SEC(300), ESTAB_NEVER };

    for (int i = 0; i < 3; i++) {
        struct peer *p = established_after(MS(200));
        struct estab_tcp_options opt = user_options(p);

        assert_int_equal(opt.user_timeout, SEC(900)); /* by default */
        opt.user_timeout = r2[i];
        user_sets(p, &opt);
        user_sends(p, 10);
        if (r2[i] == ESTAB_NEVER) {
            for (int h = 0; h < 24; h++) {
                time_passes(p, SEC(3600));
                peer_forgets(p);
            }
            expect_state(p, TCPS(ESTABLISHED));
        } else {
            time_passes(p, r2[i] - 1);
            expect_state(p, TCPS(ESTABLISHED));
            time_passes(p, 1);
            expect_event(p, ESTAB_FAILED);
            assert_int_equal(user_status(p).error, -ESTAB_ETIMEDOUT);
        }
        peer_done_quietly(p);
    }
}

/* RFC6928-2-IW, RFC2525-2.1, RFC2525-2.3: ten segments before the first ACK; RFC5681-3.1-SYNACKNOGROW:
 * the handshake's own ACKs have added nothing. */
TEST(initial_window_is_ten_segments)
{
    struct peer *p = established_after(MS(100));

    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    assert_int_equal(user_sends(p, 30 * MSS), 30 * MSS);
    for (uint32_t i = 0; i < 10; i++)
        expect_text(p, i);
    expect_nothing_sent(p);
    peer_done(p);
}

/* RFC5681-3.1-SS, MUST-19: in slow start each acknowledged octet lets two go: cwnd doubles in a
 * round trip. RFC9293-7-ABC: many small ACKs gain no more than one large one.
 * vuln: ACK division */
TEST(slow_start_doubles_and_counts_octets)
{
    struct peer *p = established_after(MS(100));

    user_sends(p, 60 * MSS);
    assert_int_equal(p->n, 10);
    peer_forgets(p);
    for (uint32_t i = 1; i <= 10; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + i * MSS);
    assert_int_equal(p->n, 20);
    assert_int_equal(user_status(p).tcb.cwnd, 20 * MSS);
    peer_done_quietly(p);

    p = established_after(MS(100));
    user_sends(p, 60 * MSS);
    for (uint32_t i = 1; i <= 100; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + i * (MSS / 10));
    assert_int_equal(user_status(p).tcb.cwnd, 20 * MSS);
    peer_done_quietly(p);
}

/* RFC5681-3.2-FR, RFC5681-3.2-LIMTX, RFC5681-3.2-FRECOV, RFC6582-3.2-2, RFC6582-3.2-FULL,
 * RFC2525-2.8. */
TEST(third_duplicate_ack_retransmits)
{
    struct peer *p = established_after(MS(100));

    user_sends(p, 10 * MSS);
    peer_forgets(p);
    user_sends(p, 10 * MSS);
    expect_nothing_sent(p); /* cwnd is full */
    /* the first segment is lost; the first two duplicates let new ones go (RFC3042-2) */
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_text(p, 10);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_text(p, 11);
    assert_int_equal(user_status(p).tcb.cwnd, 10 * MSS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = MSS,
                .reason = ESTAB_WHY_RETRANSMIT_FAST);
    expect_nothing_sent(p);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS); /* not of the two of limited transmit */
    assert_int_equal(user_status(p).tcb.cwnd, 8 * MSS);
    /* each further one inflates cwnd; a full ACK deflates it */
    for (int i = 0; i < 5; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_text(p, 12);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 13 * MSS);
    assert_in_range(user_status(p).tcb.cwnd, 2 * MSS, 6 * MSS);
    peer_done_quietly(p);
}

/* RFC6582-3.2-PARTIAL: a partial ACK uncovers the next hole, which is sent at once. */
TEST(partial_ack_retransmits_the_next_hole)
{
    struct peer *p = established_after(MS(100));

    user_sends(p, 10 * MSS);
    peer_forgets(p);
    for (int i = 0; i < 3; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_text(p, 0);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 4 * MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1 + 4 * MSS, .ack = 101, .len = MSS,
                .reason = ESTAB_WHY_RETRANSMIT_PARTIAL);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 10 * MSS);
    expect_nothing_sent(p);
    peer_done(p);
}

/* RFC5681-3.2-DUPDEF: text, a changed window, or nothing outstanding: no duplicate. */
TEST(what_is_no_duplicate_ack)
{
    struct peer *p = established_after(MS(100));

    user_sends(p, 10 * MSS);
    peer_forgets(p);
    for (int i = 0; i < 6; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = 60000 - i * 100);
    for (uint32_t i = 0; i < 4; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101 + i, .ack = ISS + 1, .len = 1, .wnd = 59500);
    while (p->n > 0)
        assert_int_equal(peer_takes(p)->seg.len, 0); /* ACKs only */
    peer_done_quietly(p);
}

/* RFC6582-3.2-1: duplicates of an old loss do not enter recovery again. */
TEST(duplicates_below_recover_do_not_retransmit_again)
{
    struct peer *p = established_after(MS(100));

    user_sends(p, 5 * MSS);
    peer_forgets(p);
    time_passes(p, MS(300)); /* the timeout: recover = SND.NXT */
    expect_text(p, 0);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 5 * MSS);
    user_sends(p, 5 * MSS);
    peer_forgets(p);
    for (int i = 0; i < 3; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 5 * MSS);
    while (p->n > 0)
        assert_int_not_equal(peer_takes(p)->reason, ESTAB_WHY_RETRANSMIT_FAST);
    peer_done_quietly(p);
}

/* RFC2525-2.14: RFC5681-3.1-RTO-SSTHRESH, RFC5681-3.1-LW, RFC2525-2.2, RFC6582-3.2-RTO: after a timeout one segment, then
 * slow start over what was out. */
TEST(timeout_goes_back_to_one_segment)
{
    struct peer *p = established_after(MS(100));

    user_sends(p, 10 * MSS);
    peer_forgets(p);
    time_passes(p, MS(300));
    expect_text(p, 0);
    expect_nothing_sent(p);
    assert_int_equal(user_status(p).tcb.cwnd, MSS);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    /* a second timeout of the same segment keeps ssthresh */
    time_passes(p, MS(600));
    expect_text(p, 0);
    assert_int_equal(user_status(p).tcb.ssthresh, 5 * MSS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + MSS);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1 + MSS, .ack = 101, .len = MSS,
                .reason = ESTAB_WHY_RETRANSMIT_LOST);
    expect_text(p, 2);
    expect_nothing_sent(p);
    /* the loss of what was sent again is a second sign of congestion (RFC5681-4.3-2CC) */
    time_passes(p, SEC(2));
    assert_true(user_status(p).tcb.ssthresh < 5 * MSS);
    peer_done_quietly(p);
}

/* RFC5681-4.1-RESTART: after an idle RTO cwnd falls back to the initial window. */
TEST(idle_connection_restarts_with_the_initial_window)
{
    struct peer *p;

    peer_cwnd_validation = false;
    p = peer_with_cc(ESTAB_CC_RENO);
    peer_cwnd_validation = true;
    user_sends(p, 40 * MSS);
    for (uint32_t i = 1; i <= 40; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + i * MSS);
    peer_forgets(p);
    assert_true(user_status(p).tcb.cwnd > 20 * MSS);
    time_passes(p, SEC(10));
    user_sends(p, 40 * MSS);
    assert_int_equal(p->n, 10);
    peer_done_quietly(p);
}

/* RFC9293-3.4-MOD32: nothing of this minds where the numbers wrap: the same transfer with an ISN
 * of the peer's just below 2^32. */
TEST(sequence_numbers_wrap)
{
    struct peer *p = peer_of_listener();
    uint32_t irs = 0xfffffff0u;

    peer_sends (p, .ctl = CTL_SYN, .seq = irs, .mss = MSS);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = irs + 1);
    peer_sends(p, .ctl = CTL_ACK, .seq = irs + 1, .ack = ISS + 1);
    user_accepts(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = irs + 1 + 600, .ack = ISS + 1, .len = 600);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = irs + 1);
    peer_sends (p, .ctl = CTL_ACK, .seq = irs + 1, .ack = ISS + 1, .len = 600);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = irs + 1201);
    user_receives(p, 1200);
    peer_done(p);
}

/* RFC1122's old friend: text and FIN lost together come again together. */
TEST(lost_text_and_fin_come_again_together)
{
    struct peer *p = established_after(MS(100));

    user_sends(p, 100);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 100);
    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 101, .ack = 101);
    time_passes(p, MS(300));
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 100);
    expect_nothing_sent(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 102);
    expect_state(p, TCPS(FIN_WAIT_2));
    peer_done(p);
}

/* RFC6298-5: the timer never sends a segment again sooner than an RTO after its last copy: a fast
 * retransmission restarts it. */
TEST(fast_retransmission_restarts_the_timer)
{
    struct peer *p = established_after(MS(100)); /* RTO 300 ms */

    user_sends(p, 10 * MSS);
    peer_forgets(p);
    time_passes(p, MS(250));
    for (int i = 0; i < 3; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_text(p, 0);
    assert_int_equal(time_until_sent(p, SEC(5)), MS(300));
    expect_text(p, 0);
    peer_done_quietly(p);
}

/* RFC2525-2.6: RFC5681-3.1-CA: above ssthresh one segment more for each window of octets acknowledged. */
TEST(congestion_avoidance_adds_one_segment_per_window)
{
    struct peer *p = established_after(MS(100));
    uint32_t una = 10, cwnd;

    /* a loss leaves ssthresh at 5 segments and cwnd there */
    user_sends(p, 10 * MSS);
    for (int i = 0; i < 3; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 10 * MSS);
    peer_forgets(p);
    user_sends(p, 100 * MSS);
    while (user_status(p).tcb.cwnd < 6 * MSS)
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + ++una * MSS);
    for (int round = 0; round < 4; round++) {
        cwnd = user_status(p).tcb.cwnd;
        for (uint32_t i = 0; i < cwnd / MSS; i++)
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + ++una * MSS);
        assert_int_equal(user_status(p).tcb.cwnd, cwnd + MSS);
    }
    peer_done_quietly(p);
}

/* RFC2525-2.4: what is sent again is the same text, also when more was queued since. */
TEST(retransmission_carries_the_same_text)
{
    struct peer *p = established_after(MS(100));

    user_sends(p, 300);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 300);
    user_sends(p, 300);
    expect_nothing_sent(p);
    time_passes(p, MS(300));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 300);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 301);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 301, .ack = 101, .len = 300);
    peer_done(p);
}

/* MUST-2: odd and even lengths, SYN, FIN and RST: the harness verifies each checksum. */
TEST(every_checksum_of_ours_is_right)
{
    for (uint32_t n = 1; n < 300; n += 13) {
        struct peer *p = established_after(0);

        user_sends(p, n);
        user_closes(p);
        user_aborts(p);
        assert_int_equal(p->n, 3);
        peer_done_quietly(p);
    }
}
