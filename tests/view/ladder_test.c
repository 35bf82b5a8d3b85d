/* SPDX-License-Identifier: MIT */
/* The ladder: golden pictures of a whole connection, and what it does with the unusual. */
#include "view/records.h"

static const struct view_ladder_options both_hosts = {
    .width = 80,
    .ascii = true,
    .both = true,
    .host = { CLIENT, SERVER },
    .name = { "client", "server" },
    .msl = ESTAB_SEC(1),
};

static struct sheet
drawn(const struct story *s, struct view_ladder_options o, bool with_status)
{
    static const struct estab_stack_status none;
    const struct estab_stack_status *status[2] = { &none, o.both ? &none : NULL };
    struct sheet sheet = { 0 };
    struct view_ladder *v = estab_view_ladder_new(&o, sheet_write, &sheet);

    assert_non_null(v);
    for (size_t i = 0; i < s->n; i++)
        if (o.both || s->r[i].host == CLIENT)
            assert_int_equal(estab_view_ladder_record(v, &s->r[i]), 0);
    assert_int_equal(estab_view_ladder_finish(v, with_status ? status : NULL), 0);
    estab_view_ladder_free(v);
    return sheet;
}

static void
expect_picture(const char *name, struct story *s, struct view_ladder_options o)
{
    struct sheet sheet = drawn(s, o, true);

    expect_golden(name, &sheet);
    sheet_free(&sheet);
    free(s);
}

static void
expect_text(const struct sheet *sheet, const char *text)
{
    if (sheet->text == NULL || strstr(sheet->text, text) == NULL)
        fail_msg("\"%s\" is not in:\n%s", text, sheet->text != NULL ? sheet->text : "");
}

static void
expect_no_text(const struct sheet *sheet, const char *text)
{
    if (strstr(sheet->text, text) != NULL)
        fail_msg("\"%s\" is in:\n%s", text, sheet->text);
}

static struct story *
whole_connection(estab_time delay, unsigned segments)
{
    struct story *s = story_new(delay);

    handshake(s);
    data(s, segments);
    close_both(s);
    return s;
}

/* N22: the two pictures of the note, from one run. */
TEST(both_hosts_in_80_columns)
{
    expect_picture("both-80", whole_connection(ESTAB_MS(10), 2), both_hosts);
}

TEST(both_hosts_in_120_columns)
{
    struct view_ladder_options o = both_hosts;

    o.width = 120;
    expect_picture("both-120", whole_connection(ESTAB_MS(10), 2), o);
}

TEST(without_delay_reason_and_verdict_share_a_row)
{
    struct view_ladder_options o = both_hosts;

    o.width = 120;
    expect_picture("both-120-no-delay", whole_connection(0, 1), o);
}

TEST(one_host_infers_the_peers_states)
{
    struct view_ladder_options o = both_hosts;

    o.both = false;
    o.host[1] = CLIENT;
    expect_picture("one-80", whole_connection(ESTAB_MS(10), 2), o);
}

TEST(a_run_of_data_is_folded)
{
    expect_picture("folded-80", whole_connection(ESTAB_MS(1), 60), both_hosts);
}

TEST(unfolded_every_segment_is_drawn)
{
    struct story *s = whole_connection(ESTAB_MS(1), 60);
    struct view_ladder_options o = both_hosts;
    struct sheet sheet;

    o.unfold = true;
    sheet = drawn(s, o, false);
    expect_text(&sheet, "PSH,ACK seq 59001 len 1000");
    expect_no_text(&sheet, "data segments");
    sheet_free(&sheet);
    sheet = drawn(s, both_hosts, false);
    expect_no_text(&sheet, "PSH,ACK seq 59001 len 1000");
    expect_text(&sheet, "57 data segments");
    sheet_free(&sheet);
    free(s);
}

/* Two too many are drawn rather than counted. */
TEST(a_short_run_is_not_folded)
{
    struct story *s = whole_connection(ESTAB_MS(1), 4);
    struct sheet sheet = drawn(s, both_hosts, false);

    expect_no_text(&sheet, "...");
    expect_text(&sheet, "seq 3001 len 1000");
    sheet_free(&sheet);
    free(s);
}

TEST(a_long_refusal_stays_between_the_life_lines)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct sheet sheet;

    calls(s, CLIENT, ESTAB_CALL_SEND, -ESTAB_EPIPE);
    calls(s, SERVER, ESTAB_CALL_SEND, -ESTAB_EPIPE);
    sheet = drawn(s, both_hosts, false);
    expect_text(&sheet, "| refused: connection closing: the       |\n");
    expect_text(&sheet, "| sending side has been closed           |\n");
    expect_text(&sheet, "|       refused: connection closing: the | < SEND\n");
    expect_text(&sheet, "|           sending side has been closed |\n");
    sheet_free(&sheet);
    free(s);
}

TEST(a_lost_segment_is_marked_where_it_is_lost)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct sheet sheet = { 0 };
    struct view_ladder *v = estab_view_ladder_new(&both_hosts, sheet_write, &sheet);

    calls(s, CLIENT, ESTAB_CALL_OPEN_ACTIVE, 0);
    (void)sends(s, CLIENT, ESTAB_CTL_SYN, 0, ESTAB_WHY_SYN, ST(SYN_SENT));
    assert_int_equal(estab_view_ladder_record(v, &s->r[0]), 0);
    assert_int_equal(estab_view_ladder_record(v, &s->r[1]), 0);
    assert_int_equal(estab_view_ladder_fate(v, CLIENT, VIEW_LOST), 0);
    assert_int_equal(estab_view_ladder_finish(v, NULL), 0);
    estab_view_ladder_free(v);
    expect_text(&sheet, "X lost");
    expect_no_text(&sheet, "never arrived");
    sheet_free(&sheet);
    free(s);
}

TEST(what_never_arrived_is_told_at_the_end)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct sheet sheet;

    (void)sends(s, CLIENT, ESTAB_CTL_SYN, 0, ESTAB_WHY_SYN, ST(SYN_SENT));
    passes(s, ESTAB_SEC(1));
    s->nxt[CLIENT] = isn[CLIENT];
    timer_fires(s, CLIENT, ESTAB_TIMER_RETRANSMIT);
    (void)sends(s, CLIENT, ESTAB_CTL_SYN, 0, ESTAB_WHY_SYN_AGAIN, ST(SYN_SENT));
    sheet = drawn(s, both_hosts, false);
    expect_text(&sheet, "sent 0 us after the start; never");
    expect_text(&sheet, "sent 1.0 s after the start; never");
    sheet_free(&sheet);
    free(s);
}

/* Two segments that cross are two pairs of halves: each leaves before either arrives. */
TEST(crossing_segments_are_drawn_in_halves)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct estab_trace_segment a, b;

    handshake(s);
    a = sends(s, CLIENT, ESTAB_CTL_FIN | ESTAB_CTL_ACK, 0, ESTAB_WHY_FIN, ST(FIN_WAIT_1));
    s->nxt[CLIENT]--;
    b = sends(s, SERVER, ESTAB_CTL_FIN | ESTAB_CTL_ACK, 0, ESTAB_WHY_FIN, ST(FIN_WAIT_1));
    s->nxt[CLIENT]++;
    passes(s, s->delay);
    enters(s, SERVER, ST(FIN_WAIT_1), ST(CLOSING), ESTAB_CAUSE_FIN_ARRIVED);
    arrives(s, SERVER, a, ESTAB_SEG_ACCEPTED, ST(FIN_WAIT_1), ST(CLOSING));
    enters(s, CLIENT, ST(FIN_WAIT_1), ST(CLOSING), ESTAB_CAUSE_FIN_ARRIVED);
    arrives(s, CLIENT, b, ESTAB_SEG_ACCEPTED, ST(FIN_WAIT_1), ST(CLOSING));
    expect_picture("crossing-80", s, both_hosts);
}

TEST(a_doubled_segment_arrives_again)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct estab_trace_segment seg;
    struct sheet sheet;

    handshake(s);
    seg = sends(s, SERVER, ESTAB_CTL_ACK, 100, ESTAB_WHY_DATA, ST(ESTABLISHED));
    passes(s, s->delay);
    arrives(s, CLIENT, seg, ESTAB_SEG_ACCEPTED, ST(ESTABLISHED), ST(ESTABLISHED));
    passes(s, s->delay);
    arrives(s, CLIENT, seg, ESTAB_SEG_DROP_DUPLICATE, ST(ESTABLISHED), ST(ESTABLISHED));
    sheet = drawn(s, both_hosts, false);
    expect_text(&sheet, "again");
    expect_text(&sheet, "every octet was already received");
    sheet_free(&sheet);
    free(s);
}

TEST(a_repeated_fin_starts_2msl_anew)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct estab_trace_segment seg;
    struct sheet sheet;

    handshake(s);
    seg =
        sends(s, SERVER, ESTAB_CTL_FIN | ESTAB_CTL_ACK, 0, ESTAB_WHY_RETRANSMIT_RTO, ST(LAST_ACK));
    passes(s, s->delay);
    arrives(s, CLIENT, seg, ESTAB_SEG_ACCEPTED_FIN_AGAIN, ST(TIME_WAIT), ST(TIME_WAIT));
    sheet = drawn(s, both_hosts, false);
    expect_text(&sheet, "2MSL: 2.0 s, starts anew");
    sheet_free(&sheet);
    free(s);
}

TEST(what_is_still_held_is_told)
{
    struct estab_stack_status holds = { .connections = 1,
                                        .record_bytes = 256,
                                        .timers = 1,
                                        .ports = 1 },
                              none = { 0 };
    const struct estab_stack_status *status[2] = { &none, &holds };
    struct sheet sheet = { 0 };
    struct view_ladder *v = estab_view_ladder_new(&both_hosts, sheet_write, &sheet);

    assert_int_equal(estab_view_ladder_finish(v, status), 0);
    estab_view_ladder_free(v);
    assert_string_equal(sheet.text, "  client: 0 connections, 0 bytes, 0 timers, 0 ports\n"
                                    "  server: 1 connection, 256 bytes, 1 timer, 1 port\n");
    sheet_free(&sheet);
}

TEST(without_colour_there_is_no_escape)
{
    struct story *s = whole_connection(ESTAB_MS(10), 20);
    struct view_ladder_options o = both_hosts;
    struct sheet sheet;

    o.ascii = false;
    sheet = drawn(s, o, true);
    assert_null(strchr(sheet.text, '\033'));
    sheet_free(&sheet);
    o.colour = true;
    sheet = drawn(s, o, true);
    assert_non_null(strchr(sheet.text, '\033'));
    sheet_free(&sheet);
    free(s);
}

TEST(ascii_is_nothing_but_ascii)
{
    struct story *s = whole_connection(ESTAB_MS(10), 20);
    struct sheet sheet = drawn(s, both_hosts, true);

    for (size_t i = 0; i < sheet.len; i++)
        assert_true((unsigned char)sheet.text[i] < 0x80);
    sheet_free(&sheet);
    free(s);
}

TEST(names_with_controls_do_not_reach_the_terminal)
{
    struct story *s = whole_connection(ESTAB_MS(10), 1);
    struct view_ladder_options o = both_hosts;
    struct sheet sheet;

    o.ascii = false;
    o.name[0] = "evil\033[2J\302\233name\377";
    sheet = drawn(s, o, true);
    assert_null(strchr(sheet.text, '\033'));
    assert_null(strstr(sheet.text, "\302\233"));
    assert_null(strchr(sheet.text, '\377'));
    sheet_free(&sheet);
    free(s);
}

TEST(remarks_stand_after_what_they_are_about)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct sheet sheet = { 0 };
    struct view_ladder *v = estab_view_ladder_new(&both_hosts, sheet_write, &sheet);
    const char *row, *remark;

    handshake(s);
    for (size_t i = 0; i < s->n; i++) {
        assert_int_equal(estab_view_ladder_record(v, &s->r[i]), 0);
        if (s->r[i].kind == ESTAB_TRACE_PACKET_OUT && s->r[i].seg.ctl == ESTAB_CTL_SYN)
            assert_int_equal(estab_view_ladder_remark(v, "It begins.\n", 11), 0);
    }
    assert_int_equal(estab_view_ladder_finish(v, NULL), 0);
    estab_view_ladder_free(v);
    row = strstr(sheet.text, "half-open record, now 64 B");
    remark = strstr(sheet.text, "It begins.");
    assert_non_null(row);
    assert_non_null(remark);
    assert_true(row < remark && remark < strstr(sheet.text, "SYN,ACK"));
    sheet_free(&sheet);
    free(s);
}

/* What recovery has decided stands below the ACK that told, and below the timer that fired. */
TEST(what_recovery_decides_stands_below_its_cause)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct estab_trace_segment ack;
    struct sheet sheet = { 0 };
    struct view_ladder *v = estab_view_ladder_new(&both_hosts, sheet_write, &sheet);
    const char *arrow, *note, *timer, *slow;

    handshake(s);
    ack = sends(s, SERVER, ESTAB_CTL_ACK, 0, ESTAB_WHY_ACK_DUPLICATE, ST(ESTABLISHED));
    ack.ack = 7777;
    s->r[s->n - 1].seg = ack;
    passes(s, ESTAB_MS(10));
    decides(s, CLIENT, ESTAB_RECOVERY_LOSS, 5000);
    arrives(s, CLIENT, ack, ESTAB_SEG_ACCEPTED, ST(ESTABLISHED), ST(ESTABLISHED));
    passes(s, ESTAB_MS(300));
    timer_fires(s, CLIENT, ESTAB_TIMER_RETRANSMIT);
    decides(s, CLIENT, ESTAB_RECOVERY_TIMEOUT, 1000);
    for (size_t i = 0; i < s->n; i++)
        assert_int_equal(estab_view_ladder_record(v, &s->r[i]), 0);
    assert_int_equal(estab_view_ladder_finish(v, NULL), 0);
    estab_view_ladder_free(v);
    arrow = strstr(sheet.text, "out of order: duplicate ACK");
    note = strstr(sheet.text, "a segment is lost");
    timer = strstr(sheet.text, "timer: retransmission");
    slow = strstr(sheet.text, "start (cwnd 1000)");
    assert_true(arrow != NULL && note != NULL && timer != NULL && slow != NULL);
    assert_true(arrow < note && note < timer && timer < slow);
    expect_text(&sheet, "(cwnd 5000)");
    sheet_free(&sheet);
    free(s);
}

/* Live: what waits for its arrival is drawn when nothing comes. */
TEST(time_draws_what_was_held_back)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct sheet sheet = { 0 };
    struct view_ladder *v = estab_view_ladder_new(&both_hosts, sheet_write, &sheet);

    (void)sends(s, CLIENT, ESTAB_CTL_SYN, 0, ESTAB_WHY_SYN, ST(SYN_SENT));
    assert_int_equal(estab_view_ladder_record(v, &s->r[0]), 0);
    assert_int_equal(estab_view_ladder_time(v, s->now), 0);
    expect_no_text(&sheet, "SYN seq 0");
    assert_int_equal(estab_view_ladder_time(v, s->now + ESTAB_SEC(1)), 0);
    expect_text(&sheet, "SYN seq 0");
    estab_view_ladder_free(v);
    sheet_free(&sheet);
    free(s);
}

TEST(the_first_write_error_is_kept_and_ends_writing)
{
    struct story *s = whole_connection(ESTAB_MS(10), 5);
    struct sheet sheet = { .fail_after = 900 };
    struct view_ladder *v = estab_view_ladder_new(&both_hosts, sheet_write, &sheet);
    int last = 0;

    for (size_t i = 0; i < s->n; i++)
        last = estab_view_ladder_record(v, &s->r[i]);
    assert_int_equal(last, -ENOSPC);
    assert_int_equal(estab_view_ladder_time(v, s->now), -ENOSPC);
    assert_int_equal(estab_view_ladder_finish(v, NULL), -ENOSPC);
    assert_int_equal(sheet.refused, 1);
    estab_view_ladder_free(v);
    sheet_free(&sheet);
    free(s);
}

/* A datagram is told by its ports; a later fragment, which has none, by its protocol. */
TEST(a_datagram_is_told_by_its_ports)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct estab_trace *r = add_record(s, CLIENT, ESTAB_TRACE_PACKET_OUT);
    struct sheet sheet;

    r->proto = 17;
    r->reason = ESTAB_WHY_DATAGRAM;
    r->packet_len = 33;
    r->packet = s->packet[0];
    r = add_record(s, SERVER, ESTAB_TRACE_PACKET_IN);
    r->proto = 17;
    r->verdict = ESTAB_SEG_ACCEPTED_FRAGMENT;
    r->local.port = r->remote.port = 0;
    r->packet_len = 40;
    r->packet = s->packet[1];
    sheet = drawn(s, both_hosts, false);
    expect_text(&sheet, "UDP");
    expect_text(&sheet, "port 49152 to 80");
    expect_text(&sheet, "protocol 17");
    sheet_free(&sheet);
    free(s);
}

/* Frames of ARP carry no IP packet; they stand in the ladder with what was said of them. */
TEST(a_frame_without_ip_has_its_row)
{
    struct view_ladder_options o = both_hosts;
    struct story *s = story_new(ESTAB_MS(1));
    struct estab_trace *r = add_record(s, CLIENT, ESTAB_TRACE_PACKET_OUT);
    struct sheet sheet;

    memset(&r->local, 0, sizeof(r->local));
    memset(&r->remote, 0, sizeof(r->remote));
    r->reason = ESTAB_WHY_ARP_REQUEST;
    o.both = false;
    sheet = drawn(s, o, true);
    expect_text(&sheet, "frame without IP");
    expect_text(&sheet, "who has the next hop's address?");
    expect_no_text(&sheet, "octets");
    sheet_free(&sheet);
    free(s);
}
