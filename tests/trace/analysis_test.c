/* SPDX-License-Identifier: MIT */
/* Connections out of packets: the states of both ends, and what each segment was. */
#include "trace/wire.h"

TEST(handshake_data_and_close_walk_through_the_states)
{
    struct wire w;

    wire_new(&w);
    a_sends(&w, .ctl = SYN, .mss = 1460);
    expect_states(&w, "SYN-SENT", "CLOSED");
    assert_int_equal(last_reason(&w), ESTAB_WHY_SYN);
    b_sends(&w, .ctl = SYN_ACK, .ack = 1, .mss = 1460);
    expect_states(&w, "ESTABLISHED", "SYN-RECEIVED");
    assert_int_equal(last_reason(&w), ESTAB_WHY_SYN_ACK);
    a_sends(&w, .seq = 1, .ack = 1);
    expect_states(&w, "ESTABLISHED", "ESTABLISHED");
    assert_int_equal(last_reason(&w), ESTAB_WHY_HANDSHAKE_ACK);
    a_sends(&w, .seq = 1, .ack = 1, .len = 100);
    assert_int_equal(last_reason(&w), ESTAB_WHY_DATA);
    a_sends(&w, .ctl = FIN_ACK, .seq = 101, .ack = 1);
    expect_states(&w, "FIN-WAIT-1", "CLOSE-WAIT");
    assert_int_equal(last_reason(&w), ESTAB_WHY_FIN);
    b_sends(&w, .seq = 1, .ack = 102);
    expect_states(&w, "FIN-WAIT-2", "CLOSE-WAIT");
    assert_int_equal(last_reason(&w), ESTAB_WHY_ACK_OF_FIN);
    b_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 102);
    expect_states(&w, "TIME-WAIT", "LAST-ACK");
    a_sends(&w, .seq = 102, .ack = 2);
    expect_states(&w, "TIME-WAIT", "CLOSED");
    wire_free(&w);
    assert_int_equal(w.n_connections, 1);
    assert_int_equal(w.last.ended, ENDED_FOUR);
    assert_int_equal(w.last.end[END_A].text, 100);
    assert_int_equal(w.last.end[END_A].text_again, 0);
}

TEST(a_fin_that_acknowledges_the_other_closes_in_three)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    b_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 2);
    expect_states(&w, "TIME-WAIT", "LAST-ACK");
    a_sends(&w, .seq = 2, .ack = 2);
    expect_states(&w, "TIME-WAIT", "CLOSED");
    wire_free(&w);
    assert_int_equal(w.last.ended, ENDED_THREE);
}

TEST(fins_that_cross_go_through_closing)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    b_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    /* A's FIN has been seen to leave: that it had come to B is disproved by B's ACK */
    expect_states(&w, "CLOSING", "FIN-WAIT-1");
    a_sends(&w, .seq = 2, .ack = 2);
    b_sends(&w, .seq = 2, .ack = 2);
    expect_states(&w, "TIME-WAIT", "TIME-WAIT");
    wire_free(&w);
    assert_int_equal(w.last.ended, ENDED_CROSSED);
}

TEST(syns_that_cross_go_through_syn_received)
{
    struct wire w;

    wire_new(&w);
    a_sends(&w, .ctl = SYN);
    b_sends(&w, .ctl = SYN);
    expect_states(&w, "SYN-RECEIVED", "SYN-SENT");
    a_sends(&w, .ctl = SYN_ACK, .ack = 1);
    b_sends(&w, .ctl = SYN_ACK, .ack = 1);
    expect_states(&w, "ESTABLISHED", "ESTABLISHED");
    wire_free(&w);
    assert_int_equal(w.n_connections, 1);
    assert_int_equal(w.last.begun, BEGUN_CROSSED);
}

TEST(a_lost_last_ack_is_seen_by_the_fin_that_comes_again)
{
    struct wire w;

    opened(&w);
    talked(&w);
    closed(&w, 101, 1001);
    expect_states(&w, "TIME-WAIT", "CLOSED");
    passes(&w, ESTAB_MS(250));
    b_sends(&w, .ctl = FIN_ACK, .seq = 1001, .ack = 102);
    expect_states(&w, "TIME-WAIT", "LAST-ACK");
    assert_int_equal(last_verdict(&w), ESTAB_SEG_ACCEPTED_FIN_AGAIN);
    a_sends(&w, .seq = 102, .ack = 1002);
    assert_int_equal(last_reason(&w), ESTAB_WHY_ACK_OF_FIN_AGAIN);
    expect_states(&w, "TIME-WAIT", "CLOSED");
    wire_free(&w);
}

TEST(a_rst_ends_both_ends_unless_it_does_not_fit)
{
    struct wire w;

    opened(&w);
    b_sends(&w, .ctl = RST, .seq = 500); /* RFC 5961 §3.2: inside the window, not at RCV.NXT */
    assert_int_equal(last_verdict(&w), ESTAB_SEG_DROP_RST_CHALLENGED);
    assert_int_equal(w.segment[w.n_segments - 1].state[0], ESTAB_TCPS_ESTABLISHED);
    b_sends(&w, .ctl = RST, .seq = 1);
    assert_int_equal(last_verdict(&w), ESTAB_SEG_ACCEPTED_RST);
    expect_states(&w, "CLOSED", "CLOSED");
    wire_free(&w);
    assert_int_equal(w.last.ended, ENDED_RESET);
    assert_int_equal(w.last.reset_by, END_B);
}

TEST(a_new_syn_begins_another_connection)
{
    struct wire w;

    opened(&w);
    talked(&w);
    closed(&w, 101, 1001);
    passes(&w, ESTAB_SEC(1));
    a_sends(&w, .ctl = SYN, .seq = 70000);
    wire_free(&w);
    assert_int_equal(w.n_connections, 2);
}

TEST(joined_in_the_middle_both_are_established)
{
    struct wire w;

    wire_new(&w);
    b_sends(&w, .seq = 100, .ack = 50, .len = 10);
    expect_states(&w, "ESTABLISHED", "ESTABLISHED");
    wire_free(&w);
    assert_int_equal(w.last.begun, BEGUN_UNSEEN);
    assert_int_equal(w.last.end[END_B].at.port, 80); /* the lower port serves */
}

/* ---- again, and why ---- */

/* Five segments leave; the second is lost beyond the point of capture. */
static void
five_leave(struct wire *w)
{
    opened(w);
    talked(w);
    for (uint32_t i = 0; i < 5; i++)
        a_sends(w, .seq = 101 + 1000 * i, .ack = 1001, .len = 1000);
    passes(w, ESTAB_MS(20));
    b_sends(w, .seq = 1001, .ack = 1101);
}

TEST(three_duplicate_acks_are_a_fast_retransmission)
{
    struct wire w;

    five_leave(&w);
    for (unsigned i = 0; i < 3; i++) {
        b_sends(&w, .seq = 1001, .ack = 1101);
        passes(&w, ESTAB_MS(1));
    }
    a_sends(&w, .seq = 1101, .ack = 1001, .len = 1000);
    assert_int_equal(last_reason(&w), ESTAB_WHY_RETRANSMIT_FAST);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].saw[SAW_FAST].count, 1);
    assert_int_equal(w.last.end[END_A].saw[SAW_TIMEOUT].count, 0);
    assert_int_equal(w.last.end[END_A].text_again, 1000);
}

TEST(a_block_of_sack_above_it_is_a_fast_retransmission_too)
{
    struct wire w;

    five_leave(&w);
    b_sends(&w, .seq = 1001, .ack = 1101, .sacks = 1, .sack = { { 2101, 5101 } });
    a_sends(&w, .seq = 1101, .ack = 1001, .len = 1000);
    assert_int_equal(last_reason(&w), ESTAB_WHY_RETRANSMIT_RACK);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].saw[SAW_FAST].count, 1);
}

TEST(silence_longer_than_the_rto_is_a_timeout_and_what_follows_is_lost_with_it)
{
    struct wire w;

    five_leave(&w);
    passes(&w, ESTAB_MS(240));
    a_sends(&w, .seq = 1101, .ack = 1001, .len = 1000);
    assert_int_equal(last_reason(&w), ESTAB_WHY_RETRANSMIT_RTO);
    passes(&w, ESTAB_MS(20));
    b_sends(&w, .seq = 1001, .ack = 2101);
    a_sends(&w, .seq = 2101, .ack = 1001, .len = 1000);
    assert_int_equal(last_reason(&w), ESTAB_WHY_RETRANSMIT_LOST);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].saw[SAW_TIMEOUT].count, 1);
    assert_int_equal(w.last.end[END_A].saw[SAW_AFTER_TIMEOUT].count, 1);
}

TEST(the_last_segment_early_is_a_loss_probe)
{
    struct wire w;

    five_leave(&w);
    passes(&w, ESTAB_MS(45));
    a_sends(&w, .seq = 4101, .ack = 1001, .len = 1000);
    assert_int_equal(last_reason(&w), ESTAB_WHY_LOSS_PROBE);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].saw[SAW_LOSS_PROBE].count, 1);
    assert_int_equal(w.last.end[END_A].saw[SAW_TIMEOUT].count, 0);
}

TEST(a_dsack_tells_that_it_was_for_nothing)
{
    struct wire w;

    five_leave(&w);
    passes(&w, ESTAB_MS(240));
    a_sends(&w, .seq = 1101, .ack = 1001, .len = 1000);
    passes(&w, ESTAB_MS(20));
    b_sends(&w, .seq = 1001, .ack = 5101, .sacks = 1, .sack = { { 1101, 2101 } });
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].saw[SAW_SPURIOUS].count, 1);
}

TEST(what_was_overtaken_is_not_sent_again)
{
    struct wire w;

    opened(&w);
    talked(&w);
    b_sends(&w, .seq = 2001, .ack = 101, .len = 1000);
    assert_int_equal(last_verdict(&w), ESTAB_SEG_ACCEPTED_OUT_OF_ORDER);
    passes(&w, ESTAB_US(200));
    b_sends(&w, .seq = 1001, .ack = 101, .len = 1000);
    assert_int_equal(last_reason(&w), ESTAB_WHY_DATA);
    wire_free(&w);
    assert_int_equal(w.last.end[END_B].saw[SAW_REORDERED].count, 1);
    assert_int_equal(w.last.end[END_B].text_again, 0);
}

TEST(what_fills_a_hole_late_was_lost_before_it_came_here)
{
    struct wire w;

    opened(&w);
    talked(&w);
    b_sends(&w, .seq = 2001, .ack = 101, .len = 1000);
    passes(&w, ESTAB_MS(250));
    b_sends(&w, .seq = 1001, .ack = 101, .len = 1000);
    assert_int_equal(last_reason(&w), ESTAB_WHY_RETRANSMIT_RTO);
    wire_free(&w);
    assert_int_equal(w.last.end[END_B].saw[SAW_REORDERED].count, 0);
    assert_int_equal(w.last.end[END_B].text_again, 1000);
}

TEST(the_same_packet_twice_is_the_networks_doing)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 100, .id = 77);
    a_sends(&w, .seq = 1, .ack = 1, .len = 100, .id = 77);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].saw[SAW_DOUBLED].count, 1);
    assert_int_equal(w.last.end[END_A].text_again, 0);
}

TEST(keepalives_and_window_probes_are_no_retransmissions)
{
    struct wire w;

    opened(&w);
    talked(&w);
    passes(&w, ESTAB_SEC(60));
    a_sends(&w, .seq = 100, .ack = 1001);
    assert_int_equal(last_reason(&w), ESTAB_WHY_KEEPALIVE_PROBE);
    b_sends(&w, .seq = 1001, .ack = 101);
    assert_int_equal(last_reason(&w), ESTAB_WHY_ACK_UNACCEPTABLE);
    passes(&w, ESTAB_SEC(60));
    a_sends(&w, .seq = 100, .ack = 1001, .len = 1); /* with an octet of garbage */
    assert_int_equal(last_reason(&w), ESTAB_WHY_KEEPALIVE_PROBE);
    b_sends(&w, .seq = 1001, .ack = 101, .wnd = WND_ZERO);
    passes(&w, ESTAB_SEC(1));
    a_sends(&w, .seq = 101, .ack = 1001, .len = 1);
    assert_int_equal(last_reason(&w), ESTAB_WHY_ZERO_WINDOW_PROBE);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].saw[SAW_KEEPALIVE].count, 2);
    assert_int_equal(w.last.end[END_A].saw[SAW_WINDOW_PROBE].count, 1);
    assert_int_equal(w.last.end[END_A].text_again, 0);
}

TEST(round_trips_of_what_was_sent_once)
{
    struct wire w;

    opened(&w);
    talked(&w);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].rtt_min, ESTAB_MS(20));
    assert_int_equal(w.last.end[END_B].rtt_min, 0);
}

/* ---- bounds ---- */

TEST(tables_are_bounded_and_the_idlest_makes_room)
{
    struct wire w;
    uint8_t out[2048];

    wire_new(&w);
    for (unsigned i = 0; i < 100; i++) {
        uint32_t len = wire_build(&w, out, END_A, (struct sent){ .ctl = SYN });

        out[20] = (uint8_t)(i + 1); /* the source port; the sum is then wrong, as with offload */
        packet(&w, out, len, "");
    }
    assert_int_equal(w.n_connections, 100 - 16);
    assert_int_equal(estab_analysis_totals(w.analysis)->evicted, 100 - 16);
    wire_free(&w);
    assert_int_equal(w.n_connections, 100);
}

TEST(a_cut_packet_counts_with_the_length_it_had)
{
    struct wire w;
    uint8_t out[2048];
    struct capture_packet p = { .link = LINK_RAW, .data = out, .comment = "" };

    opened(&w);
    p.wire_len = wire_build(&w, out, END_A, (struct sent){ .seq = 1, .ack = 1, .len = 1400 });
    p.len = 54;
    p.number = 4;
    p.at = w.now;
    estab_analysis_packet(w.analysis, &p);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].text, 1400);
}

TEST(a_damaged_segment_changes_nothing)
{
    struct wire w;

    opened(&w);
    b_sends(&w, .ctl = RST, .seq = 1, .damaged = true);
    assert_int_equal(last_verdict(&w), ESTAB_SEG_DROP_CHECKSUM);
    expect_states(&w, "ESTABLISHED", "ESTABLISHED");
    wire_free(&w);
    assert_int_equal(w.last.ended, ENDED_NOT);
}

TEST(comments_of_our_own_captures_take_the_place_of_inference)
{
    struct wire w;
    uint8_t out[2048];
    uint32_t len;

    opened(&w);
    len = wire_build(&w, out, END_A, (struct sent){ .seq = 1, .ack = 1, .len = 10 });
    packet(&w, out, len,
           "sent: third duplicate ACK [RFC 5681 §3.2]; client ESTABLISHED\n"
           "after 10 ms received: timestamp older than TS.Recent [RFC 7323 §5.3 R1]; server "
           "ESTABLISHED -> CLOSE-WAIT");
    assert_int_equal(last_reason(&w), ESTAB_WHY_RETRANSMIT_FAST);
    assert_int_equal(last_verdict(&w), ESTAB_SEG_DROP_PAWS);
    expect_states(&w, "ESTABLISHED", "CLOSE-WAIT");
    packet(&w, out, len, "sent: of no reason that there is; client NOWHERE");
    wire_free(&w);
    assert_int_equal(w.last.told, 1);
}

static void
expect_left_in(const struct wire *w, const char *state)
{
    assert_string_equal(estab_state_name(w->segment[w->n_segments - 1].left_in), state);
}

TEST(a_fin_far_outside_the_window_closes_nothing)
{
    struct wire w;

    opened(&w);
    b_sends(&w, .ctl = FIN_ACK, .seq = 900000000, .ack = 1);
    assert_int_equal(last_verdict(&w), ESTAB_SEG_DROP_OUT_OF_WINDOW);
    b_sends(&w, .ctl = FIN_ACK, .seq = (uint32_t)-900000000, .ack = 1); /* and long before it */
    expect_states(&w, "ESTABLISHED", "ESTABLISHED");
    b_sends(&w, .ctl = SYN_ACK | FIN_ACK, .seq = 3000, .ack = 1); /* a SYN is never a close */
    b_sends(&w, .seq = 1, .ack = 1, .len = 100);
    expect_states(&w, "ESTABLISHED", "ESTABLISHED");
    b_sends(&w, .ctl = FIN_ACK, .seq = 101, .ack = 1);
    expect_states(&w, "CLOSE-WAIT", "FIN-WAIT-1");
    wire_free(&w);
    assert_int_equal(w.last.end[END_B].text, 100);
    assert_int_equal(w.last.ended, ENDED_HALF);
}

TEST(an_ack_of_what_was_never_sent_is_a_strangers)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 10);
    b_sends(&w, .seq = 1, .ack = 700000000);
    b_sends(&w, .seq = 1, .ack = 11);
    a_sends(&w, .ctl = FIN_ACK, .seq = 11, .ack = 1);
    expect_states(&w, "FIN-WAIT-1", "CLOSE-WAIT");
    wire_free(&w);
    assert_int_equal(w.last.end[END_B].last_ack, A_ISN + 11);
}

TEST(after_a_hole_in_the_capture_the_connection_goes_on)
{
    struct wire w;

    opened(&w);
    for (uint32_t i = 0; i < 4; i++)
        b_sends(&w, .seq = 1000001 + 1000 * i, .ack = 1, .len = 1000);
    a_sends(&w, .seq = 1, .ack = 1004001);
    b_sends(&w, .ctl = FIN_ACK, .seq = 1004001, .ack = 1);
    expect_states(&w, "ESTABLISHED", "FIN-WAIT-1"); /* nobody knows whether all came */
    a_sends(&w, .seq = 1, .ack = 1004002);
    expect_states(&w, "CLOSE-WAIT", "FIN-WAIT-2");
    wire_free(&w);
    assert_int_equal(w.last.ended, ENDED_HALF);
}

TEST(what_comes_from_an_end_that_was_reset_left_it_before)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .ctl = RST, .seq = 1);
    expect_states(&w, "CLOSED", "CLOSED");
    b_sends(&w, .seq = 1, .ack = 1, .len = 100);
    expect_left_in(&w, "ESTABLISHED");
    expect_states(&w, "CLOSED", "CLOSED");
    assert_int_equal(last_verdict(&w), ESTAB_SEG_DROP_NO_CONNECTION);
    wire_free(&w);
}

TEST(an_ack_of_the_fin_that_passed_a_moment_ago_is_not_known_yet)
{
    struct wire w;

    wire_new(&w); /* captured at A: B is 20 ms away and back */
    a_sends(&w, .ctl = SYN, .mss = 1460);
    w.now += ESTAB_MS(20);
    b_sends(&w, .ctl = SYN_ACK, .ack = 1, .mss = 1460);
    a_sends(&w, .seq = 1, .ack = 1);
    b_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    a_sends(&w, .seq = 1, .ack = 2);
    expect_states(&w, "CLOSE-WAIT", "FIN-WAIT-2");
    b_sends(&w, .seq = 2, .ack = 1);
    expect_left_in(&w, "FIN-WAIT-1");
    w.now += ESTAB_MS(40);
    b_sends(&w, .seq = 2, .ack = 1);
    expect_left_in(&w, "FIN-WAIT-2");
    wire_free(&w);
}

TEST(an_echo_tells_which_sending_was_answered_and_a_filled_hole_is_no_round_trip)
{
    struct wire w;

    wire_new(&w);
    a_sends(&w, .ctl = SYN, .mss = 1460, .ts = true, .ts_val = 1);
    passes(&w, ESTAB_MS(20));
    b_sends(&w, .ctl = SYN_ACK, .ack = 1, .mss = 1460, .ts = true, .ts_val = 1, .ts_ecr = 1);
    a_sends(&w, .seq = 1, .ack = 1, .ts = true, .ts_val = 21, .ts_ecr = 1);
    a_sends(&w, .seq = 1, .ack = 1, .len = 100, .ts = true, .ts_val = 22, .ts_ecr = 1);
    passes(&w, ESTAB_SEC(1));
    a_sends(&w, .seq = 1, .ack = 1, .len = 100, .ts = true, .ts_val = 1022, .ts_ecr = 1);
    passes(&w, ESTAB_MS(30));
    b_sends(&w, .seq = 1, .ack = 101, .ts = true, .ts_val = 9, .ts_ecr = 1022);
    wire_free(&w);
    assert_int_equal(w.last.end[END_A].rtt_samples, 2);
    assert_in_range(w.last.end[END_A].rtt_last, ESTAB_MS(30), ESTAB_MS(31));

    opened(&w); /* without: the second segment has waited for the first */
    a_sends(&w, .seq = 1, .ack = 1, .len = 100);
    a_sends(&w, .seq = 101, .ack = 1, .len = 100);
    passes(&w, ESTAB_SEC(1));
    a_sends(&w, .seq = 1, .ack = 1, .len = 100);
    passes(&w, ESTAB_MS(30));
    b_sends(&w, .seq = 1, .ack = 201);
    wire_free(&w);
    assert_true(w.last.end[END_A].rtt_max < ESTAB_MS(100));
}
