/* SPDX-License-Identifier: MIT */
/* Each verdict of docs/trace.md: a capture that gives it, and a near miss that must not. */
#include "trace/wire.h"

/* The last step of every test. */
#define GIVES(w, v)                                                                                \
    do {                                                                                           \
        wire_free(w);                                                                              \
        assert_true(found_it((w), FOUND_##v));                                                     \
    } while (0)
#define GIVES_NOT(w, v)                                                                            \
    do {                                                                                           \
        wire_free(w);                                                                              \
        assert_false(found_it((w), FOUND_##v));                                                    \
    } while (0)

/* ---- opening ---- */

static void
syns(struct wire *w, unsigned n)
{
    wire_new(w);
    for (unsigned i = 0; i < n; i++) {
        a_sends(w, .ctl = SYN, .mss = 1460, .wscale = true, .shift = 7, .sack_ok = true);
        passes(w, ESTAB_SEC(1) << i);
    }
}

TEST(syn_unanswered)
{
    struct wire w;

    syns(&w, 4);
    GIVES(&w, SYN_UNANSWERED);
    assert_string_equal(the_verdict(&w, FOUND_SYN_UNANSWERED)->text.s,
                        "SYN unanswered 4 times: filtered, or no such host");
    assert_int_equal(the_verdict(&w, FOUND_SYN_UNANSWERED)->number[0], 1);
    assert_int_equal(the_verdict(&w, FOUND_SYN_UNANSWERED)->more, 1);
    syns(&w, 3); /* answered at last */
    b_sends(&w, .ctl = SYN_ACK, .ack = 1, .mss = 1460);
    a_sends(&w, .seq = 1, .ack = 1);
    wire_free(&w);
    assert_false(found_it(&w, FOUND_SYN_UNANSWERED));
    assert_true(found_it(&w, FOUND_SYN_LOST));
}

TEST(syn_lost_needs_a_handshake_that_took_long)
{
    struct wire w;

    wire_new(&w);
    a_sends(&w, .ctl = SYN);
    a_sends(&w, .ctl = SYN); /* captured twice */
    b_sends(&w, .ctl = SYN_ACK, .ack = 1);
    a_sends(&w, .seq = 1, .ack = 1);
    GIVES_NOT(&w, SYN_LOST);
}

TEST(refused)
{
    struct wire w;

    syns(&w, 1);
    b_sends(&w, .ctl = RST_ACK, .ack = 1);
    GIVES(&w, REFUSED);
    syns(&w, 1); /* a RST of something else */
    b_sends(&w, .ctl = RST_ACK, .ack = 77);
    GIVES_NOT(&w, REFUSED);
}

TEST(unreachable)
{
    /* RFC 792: type 3 code 1, with the header of the SYN and eight octets of it */
    for (unsigned code = 1; code <= 4; code += 3) {
        struct wire w;
        uint8_t out[2048],
            icmp[56] = { 0x45, 0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0, 0, 254, 10, 0, 0, 1, 3 };

        syns(&w, 1);
        wire_build(&w, out, END_A, (struct sent){ .ctl = SYN });
        icmp[21] = (uint8_t)code;
        memcpy(icmp + 28, out, 28);
        packet(&w, icmp, sizeof icmp, "");
        wire_free(&w);
        /* code 4 is about the size of packets, and ends nothing */
        assert_int_equal(found_it(&w, FOUND_UNREACHABLE), code == 1);
        if (code == 1)
            assert_non_null(strstr(the_verdict(&w, FOUND_UNREACHABLE)->text.s, "10.0.0.254"));
    }
}

TEST(syn_ack_unanswered)
{
    struct wire w;

    syns(&w, 1);
    b_sends(&w, .ctl = SYN_ACK, .ack = 1);
    passes(&w, ESTAB_SEC(1));
    b_sends(&w, .ctl = SYN_ACK, .ack = 1);
    GIVES(&w, SYN_ACK_UNANSWERED);
    syns(&w, 1);
    b_sends(&w, .ctl = SYN_ACK, .ack = 1);
    a_sends(&w, .seq = 1, .ack = 1);
    GIVES_NOT(&w, SYN_ACK_UNANSWERED);
}

TEST(half_open_scan)
{
    struct wire w;

    syns(&w, 1);
    b_sends(&w, .ctl = SYN_ACK, .ack = 1);
    a_sends(&w, .ctl = RST, .seq = 1);
    GIVES(&w, HALF_OPEN_SCAN);
    opened(&w); /* completed first */
    a_sends(&w, .ctl = RST, .seq = 1);
    GIVES_NOT(&w, HALF_OPEN_SCAN);
}

TEST(simultaneous_open)
{
    struct wire w;

    wire_new(&w);
    a_sends(&w, .ctl = SYN);
    b_sends(&w, .ctl = SYN);
    GIVES(&w, SIMULTANEOUS_OPEN);
    opened(&w);
    GIVES_NOT(&w, SIMULTANEOUS_OPEN);
}

TEST(fast_open)
{
    struct wire w;

    wire_new(&w);
    a_sends(&w, .ctl = SYN, .len = 20);
    b_sends(&w, .ctl = SYN_ACK, .ack = 21);
    a_sends(&w, .seq = 21, .ack = 1);
    expect_states(&w, "ESTABLISHED", "ESTABLISHED");
    GIVES(&w, FAST_OPEN);
    opened(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 20);
    GIVES_NOT(&w, FAST_OPEN);
}

TEST(joined)
{
    struct wire w;

    wire_new(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 20);
    GIVES(&w, JOINED);
    opened(&w);
    GIVES_NOT(&w, JOINED);
}

/* ---- resets ---- */

TEST(reset_after_request)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 100);
    passes(&w, ESTAB_MS(3));
    b_sends(&w, .ctl = RST_ACK, .seq = 1, .ack = 101);
    GIVES(&w, RESET_AFTER_REQUEST);
    assert_string_equal(
        the_verdict(&w, FOUND_RESET_AFTER_REQUEST)->text.s,
        "reset by the server 3 ms after the request: port open, application refused");
    assert_int_equal(the_verdict(&w, FOUND_RESET_AFTER_REQUEST)->number[0], 4);
    assert_int_equal(the_verdict(&w, FOUND_RESET_AFTER_REQUEST)->number[1], 5);
    opened(&w); /* it had answered */
    talked(&w);
    b_sends(&w, .ctl = RST_ACK, .seq = 1001, .ack = 101);
    GIVES_NOT(&w, RESET_AFTER_REQUEST);
}

TEST(reset_with_data)
{
    struct wire w;

    opened(&w);
    talked(&w);
    b_sends(&w, .seq = 1001, .ack = 101, .len = 1000);
    b_sends(&w, .seq = 2001, .ack = 101, .len = 1000);
    a_sends(&w, .ctl = RST_ACK, .seq = 101, .ack = 1001);
    GIVES(&w, RESET_WITH_DATA);
    opened(&w);
    talked(&w);
    b_sends(&w, .seq = 1001, .ack = 101, .len = 1000);
    a_sends(&w, .seq = 101, .ack = 2001); /* all of it has arrived */
    a_sends(&w, .ctl = RST_ACK, .seq = 101, .ack = 2001);
    wire_free(&w);
    assert_false(found_it(&w, FOUND_RESET_WITH_DATA));
    assert_true(found_it(&w, FOUND_RESET_INSTEAD_OF_FIN));
}

TEST(reset_instead_of_fin)
{
    struct wire w;

    opened(&w);
    talked(&w);
    a_sends(&w, .ctl = RST_ACK, .seq = 101, .ack = 1001);
    GIVES(&w, RESET_INSTEAD_OF_FIN);
    opened(&w);
    talked(&w);
    closed(&w, 101, 1001);
    GIVES_NOT(&w, RESET_INSTEAD_OF_FIN);
}

TEST(reset_of_another_kind)
{
    struct wire w;

    opened(&w);
    talked(&w);
    b_sends(&w, .seq = 1001, .ack = 101, .len = 500);
    b_sends(&w, .ctl = RST_ACK, .seq = 1501, .ack = 101); /* with its own text on its way */
    GIVES(&w, RESET_OTHER);
    opened(&w);
    talked(&w);
    b_sends(&w, .ctl = RST_ACK, .seq = 1001, .ack = 101);
    GIVES_NOT(&w, RESET_OTHER);
}

TEST(reset_injected)
{
    struct wire w;

    opened(&w);
    talked(&w);
    b_sends(&w, .ctl = RST, .seq = 1001, .ttl = 51);
    GIVES(&w, RESET_INJECTED);
    opened(&w);
    talked(&w);
    b_sends(&w, .ctl = RST, .seq = 1001, .ttl = 62); /* another path, perhaps */
    GIVES_NOT(&w, RESET_INJECTED);
}

TEST(reset_after_idle)
{
    for (unsigned minutes = 0; minutes <= 10; minutes += 10) {
        struct wire w;

        opened(&w);
        talked(&w);
        passes(&w, ESTAB_SEC(60) * minutes + ESTAB_SEC(2));
        a_sends(&w, .seq = 101, .ack = 1001, .len = 50);
        passes(&w, ESTAB_MS(20));
        b_sends(&w, .ctl = RST, .seq = 1001);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_RESET_AFTER_IDLE), minutes == 10);
    }
}

TEST(reset_ignored)
{
    struct wire w;

    opened(&w);
    b_sends(&w, .ctl = RST, .seq = 200);
    a_sends(&w, .seq = 1, .ack = 1, .len = 10);
    GIVES(&w, RESET_IGNORED);
    opened(&w);
    b_sends(&w, .ctl = RST, .seq = 1);
    GIVES_NOT(&w, RESET_IGNORED);
}

/* ---- silence, and the end ---- */

static void
keepalives(struct wire *w, unsigned n)
{
    opened(w);
    talked(w);
    for (unsigned i = 0; i < n; i++) {
        passes(w, ESTAB_SEC(75));
        a_sends(w, .seq = 100, .ack = 1001);
    }
}

TEST(keepalive_dead)
{
    struct wire w;

    keepalives(&w, 10);
    a_sends(&w, .ctl = RST_ACK, .seq = 101, .ack = 1001);
    GIVES(&w, KEEPALIVE_DEAD);
    assert_string_equal(the_verdict(&w, FOUND_KEEPALIVE_DEAD)->text.s,
                        "server vanished: 10 keepalives unanswered");
    keepalives(&w, 9);
    b_sends(&w, .seq = 1001, .ack = 101); /* the ninth was heard */
    GIVES_NOT(&w, KEEPALIVE_DEAD);
}

static void
in_vain(struct wire *w, unsigned n)
{
    opened(w);
    talked(w);
    for (unsigned i = 0; i < n; i++) {
        a_sends(w, .seq = 101, .ack = 1001, .len = 700);
        passes(w, ESTAB_MS(300) << i);
    }
}

TEST(vanished)
{
    struct wire w;

    in_vain(&w, 6);
    GIVES(&w, VANISHED);
    in_vain(&w, 6);
    b_sends(&w, .seq = 1001, .ack = 801);
    GIVES_NOT(&w, VANISHED);
}

TEST(forgotten)
{
    struct wire w;

    opened(&w);
    talked(&w);
    passes(&w, ESTAB_SEC(5));
    a_sends(&w, .ctl = SYN, .seq = 90000); /* A has been started anew */
    b_sends(&w, .seq = 1001, .ack = 101);
    GIVES(&w, FORGOTTEN);
    opened(&w);
    talked(&w);
    closed(&w, 101, 1001);
    a_sends(&w, .ctl = SYN, .seq = 90000); /* the port again, after an orderly end */
    GIVES_NOT(&w, FORGOTTEN);
}

TEST(never_closed)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    b_sends(&w, .seq = 1, .ack = 2);
    passes(&w, ESTAB_SEC(61));
    a_sends(&w, .seq = 1, .ack = 1); /* something later, so that the capture goes on */
    b_sends(&w, .seq = 1, .ack = 2);
    GIVES(&w, NEVER_CLOSED);
    assert_string_equal(the_verdict(&w, FOUND_NEVER_CLOSED)->text.s,
                        "server never closed: 1 min 1 s in CLOSE-WAIT when the capture ended");
    opened(&w);
    closed(&w, 1, 1);
    passes(&w, ESTAB_SEC(61));
    GIVES_NOT(&w, NEVER_CLOSED);
}

TEST(slow_close)
{
    for (unsigned s = 1; s <= 31; s += 30) {
        struct wire w;

        opened(&w);
        a_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
        b_sends(&w, .seq = 1, .ack = 2);
        passes(&w, ESTAB_SEC(s));
        b_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 2);
        a_sends(&w, .seq = 2, .ack = 2);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_SLOW_CLOSE), s == 31);
        assert_false(found_it(&w, FOUND_NEVER_CLOSED));
    }
}

TEST(simultaneous_close)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    b_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    GIVES(&w, SIMULTANEOUS_CLOSE);
    opened(&w);
    a_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    b_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 2);
    GIVES_NOT(&w, SIMULTANEOUS_CLOSE);
}

TEST(no_data)
{
    struct wire w;

    opened(&w);
    closed(&w, 1, 1);
    GIVES(&w, NO_DATA);
    opened(&w);
    talked(&w);
    closed(&w, 101, 1001);
    GIVES_NOT(&w, NO_DATA);
}

TEST(data_after_fin)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    a_sends(&w, .seq = 2, .ack = 1, .len = 10);
    GIVES(&w, DATA_AFTER_FIN);
    opened(&w);
    a_sends(&w, .ctl = FIN_ACK, .seq = 1, .ack = 1);
    b_sends(&w, .seq = 1, .ack = 2, .len = 10); /* the other may well */
    GIVES_NOT(&w, DATA_AFTER_FIN);
}

/* ---- loss ---- */

TEST(black_hole)
{
    for (unsigned arrives = 0; arrives < 2; arrives++) {
        struct wire w;

        opened(&w);
        a_sends(&w, .seq = 1, .ack = 1, .len = 300);
        passes(&w, ESTAB_MS(20));
        b_sends(&w, .seq = 1, .ack = 301);
        for (unsigned i = 0; i < 4; i++) {
            a_sends(&w, .seq = 301, .ack = 1, .len = 1460);
            passes(&w, ESTAB_MS(300) << i);
        }
        if (arrives)
            b_sends(&w, .seq = 1, .ack = 1761);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_BLACK_HOLE), !arrives);
    }
}

/* `n` segments of 1000 octets, the first of which is sent again when `again` says how. */
static void
bulk(struct wire *w, unsigned n, uint32_t from)
{
    for (unsigned i = 0; i < n; i++) {
        a_sends(w, .seq = from + 1000 * i, .ack = 1, .len = 1000);
        passes(w, ESTAB_MS(20));
        b_sends(w, .seq = 1, .ack = from + 1000 * (i + 1));
    }
}

static void
one_again(struct wire *w, unsigned n, estab_time after)
{
    opened(w);
    bulk(w, n, 1);
    a_sends(w, .seq = 1 + 1000 * n, .ack = 1, .len = 1000);
    passes(w, after);
    a_sends(w, .seq = 1 + 1000 * n, .ack = 1, .len = 1000);
    passes(w, ESTAB_MS(20));
    b_sends(w, .seq = 1, .ack = 1001 + 1000 * n);
}

TEST(timeouts_and_tail_loss)
{
    struct wire w;

    one_again(&w, 5, ESTAB_MS(300));
    wire_free(&w);
    assert_true(found_it(&w, FOUND_TIMEOUTS));
    assert_false(found_it(&w, FOUND_TAIL_LOSS));
    one_again(&w, 5, ESTAB_MS(100)); /* too early for a timeout */
    wire_free(&w);
    assert_false(found_it(&w, FOUND_TIMEOUTS));
    assert_true(found_it(&w, FOUND_TAIL_LOSS));
}

TEST(loss)
{
    struct wire w;

    one_again(&w, 50, ESTAB_MS(300));
    GIVES(&w, LOSS);
    one_again(&w, 150, ESTAB_MS(300)); /* less than 1 % */
    GIVES_NOT(&w, LOSS);
}

TEST(spurious)
{
    for (unsigned n = 1; n <= 2; n++) {
        struct wire w;

        opened(&w);
        bulk(&w, 5, 1);
        for (unsigned i = 0; i < n; i++) {
            uint32_t at = 5001 + 1000 * i;

            a_sends(&w, .seq = at, .ack = 1, .len = 1000);
            passes(&w, ESTAB_MS(300));
            a_sends(&w, .seq = at, .ack = 1, .len = 1000);
            passes(&w, ESTAB_MS(1));
            b_sends(&w, .seq = 1, .ack = at + 1000);
            passes(&w, ESTAB_MS(20));
            b_sends(&w, .seq = 1, .ack = at + 1000, .sacks = 1, .sack = { { at, at + 1000 } });
        }
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_SPURIOUS), n == 2);
    }
}

TEST(reordering)
{
    for (unsigned n = 2; n <= 3; n++) {
        struct wire w;

        opened(&w);
        for (unsigned i = 0; i < n; i++) {
            a_sends(&w, .seq = 1001 + 2000 * i, .ack = 1, .len = 1000);
            passes(&w, ESTAB_US(100));
            a_sends(&w, .seq = 1 + 2000 * i, .ack = 1, .len = 1000);
            passes(&w, ESTAB_MS(20));
            b_sends(&w, .seq = 1, .ack = 2001 + 2000 * i);
        }
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_REORDERING), n == 3);
        assert_false(found_it(&w, FOUND_LOSS));
    }
}

TEST(doubled)
{
    for (unsigned same = 0; same < 2; same++) {
        struct wire w;

        opened(&w);
        a_sends(&w, .seq = 1, .ack = 1, .len = 100, .id = 7);
        passes(&w, ESTAB_MS(300));
        a_sends(&w, .seq = 1, .ack = 1, .len = 100, .id = same ? 7 : 8);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_DOUBLED), same);
    }
}

TEST(damaged)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 100, .damaged = true);
    GIVES(&w, DAMAGED);
    wire_new(&w); /* the card of the sender sums: every segment of it is wrong here */
    a_sends(&w, .ctl = SYN, .damaged = true);
    b_sends(&w, .ctl = SYN_ACK, .ack = 1);
    a_sends(&w, .seq = 1, .ack = 1, .damaged = true);
    expect_states(&w, "ESTABLISHED", "ESTABLISHED");
    GIVES_NOT(&w, DAMAGED);
}

TEST(capture_loss)
{
    for (unsigned n = 1; n <= 3; n += 2) {
        struct wire w;

        opened(&w);
        talked(&w);
        for (unsigned i = 0; i < n; i++)
            b_sends(&w, .seq = 1001, .ack = 5101 + 1000 * i);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_CAPTURE_LOSS), n == 3);
    }
}

/* ---- speed ---- */

/* Write, write, read: the second write waits for the ACK of the first. */
static void
stalls(struct wire *w, unsigned n, estab_time ack_after, estab_time then)
{
    opened(w);
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = 1 + 20 * i;

        a_sends(w, .seq = at, .ack = 1 + 10 * i, .len = 10);
        passes(w, ack_after);
        b_sends(w, .seq = 1 + 10 * i, .ack = at + 10);
        passes(w, then);
        a_sends(w, .seq = at + 10, .ack = 1 + 10 * i, .len = 10);
        passes(w, ESTAB_MS(1));
        b_sends(w, .seq = 1 + 10 * i, .ack = at + 20, .len = 10);
        a_sends(w, .seq = at + 20, .ack = 11 + 10 * i);
        passes(w, ESTAB_MS(10));
    }
}

TEST(nagle_meets_delayed_ack)
{
    struct wire w;

    stalls(&w, 3, ESTAB_MS(40), ESTAB_US(50));
    GIVES(&w, NAGLE);
    assert_string_equal(the_verdict(&w, FOUND_NAGLE)->text.s,
                        "delayed ACK meets Nagle: stalls of the client x 3, 40 ms each");
    stalls(&w, 3, ESTAB_MS(10), ESTAB_US(50)); /* acknowledged at once */
    GIVES_NOT(&w, NAGLE);
    stalls(&w, 3, ESTAB_MS(40), ESTAB_MS(15)); /* the program had nothing more to send */
    GIVES_NOT(&w, NAGLE);
    stalls(&w, 2, ESTAB_MS(40), ESTAB_US(50)); /* twice is chance */
    GIVES_NOT(&w, NAGLE);
}

/* Rounds of a window of `n` segments, the window of B being `wnd` << 7. */
static void
windows(struct wire *w, unsigned n, uint16_t wnd)
{
    opened(w);
    b_sends(w, .seq = 1, .ack = 1, .wnd = wnd);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < n; i++)
            a_sends(w, .seq = 1 + 1000 * (round * n + i), .ack = 1, .len = 1000);
        passes(w, ESTAB_MS(20));
        b_sends(w, .seq = 1, .ack = 1 + 1000 * (round + 1) * n, .wnd = wnd);
    }
}

TEST(receiver_limited)
{
    struct wire w;

    windows(&w, 10, 80); /* 10,240 octets */
    GIVES(&w, RECEIVER_LIMITED);
    windows(&w, 10, 800);
    GIVES_NOT(&w, RECEIVER_LIMITED);
}

TEST(zero_window)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 1000);
    b_sends(&w, .seq = 1, .ack = 1001, .wnd = WND_ZERO);
    passes(&w, ESTAB_SEC(3));
    b_sends(&w, .seq = 1, .ack = 1001);
    GIVES(&w, ZERO_WINDOW);
    assert_string_equal(the_verdict(&w, FOUND_ZERO_WINDOW)->text.s,
                        "server stopped reading: window closed 1 time, for 3.0 s");
    opened(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 1000);
    b_sends(&w, .seq = 1, .ack = 1001, .wnd = 2);
    b_sends(&w, .ctl = RST_ACK, .seq = 1, .ack = 1001, .wnd = WND_ZERO); /* a RST's means nothing */
    GIVES_NOT(&w, ZERO_WINDOW);
}

TEST(window_shrunk)
{
    struct wire w;

    opened(&w);
    b_sends(&w, .seq = 1, .ack = 1, .wnd = 1000);
    b_sends(&w, .seq = 1, .ack = 1, .wnd = 500);
    GIVES(&w, WINDOW_SHRUNK);
    opened(&w);
    b_sends(&w, .seq = 1, .ack = 1, .wnd = 64240);
    a_sends(&w, .seq = 1, .ack = 1, .len = 128);
    b_sends(&w, .seq = 1, .ack = 129, .wnd = 64239); /* the right edge stays */
    GIVES_NOT(&w, WINDOW_SHRUNK);
}

TEST(no_window_scale)
{
    for (unsigned granted = 0; granted < 2; granted++) {
        struct wire w;

        wire_new(&w);
        open_with(&w, granted, true);
        bulk(&w, 70, 1);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_NO_WINDOW_SCALE), !granted);
    }
}

TEST(no_sack)
{
    for (unsigned lost = 0; lost < 2; lost++) {
        struct wire w;

        wire_new(&w);
        open_with(&w, true, false);
        bulk(&w, 5, 1);
        if (lost) {
            a_sends(&w, .seq = 5001, .ack = 1, .len = 1000);
            passes(&w, ESTAB_MS(300));
            a_sends(&w, .seq = 5001, .ack = 1, .len = 1000);
        }
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_NO_SACK), lost);
    }
}

TEST(small_mss)
{
    for (unsigned mss = 900; mss <= 1000; mss += 100) {
        struct wire w;

        wire_new(&w);
        a_sends(&w, .ctl = SYN, .mss = 1460);
        b_sends(&w, .ctl = SYN_ACK, .ack = 1, .mss = (uint16_t)mss);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_SMALL_MSS), mss == 900);
    }
}

TEST(tinygrams)
{
    for (unsigned len = 10; len <= 200; len += 190) {
        struct wire w;

        opened(&w);
        for (unsigned i = 0; i < 60; i++) {
            a_sends(&w, .seq = 1 + len * i, .ack = 1, .len = len);
            passes(&w, ESTAB_MS(100));
        }
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_TINYGRAMS), len == 10);
    }
}

TEST(slow_answer)
{
    for (unsigned ms = 500; ms <= 1500; ms += 1000) {
        struct wire w;

        opened(&w);
        a_sends(&w, .seq = 1, .ack = 1, .len = 100);
        passes(&w, ESTAB_MS(ms));
        b_sends(&w, .seq = 1, .ack = 101, .len = 100);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_SLOW_SERVER), ms == 1500);
    }
}

TEST(bufferbloat)
{
    for (unsigned step = 1; step <= 2; step++) {
        struct wire w;

        opened(&w);
        for (unsigned i = 0; i < 150; i++) {
            a_sends(&w, .seq = 1 + 1000 * i, .ack = 1, .len = 1000);
            passes(&w, ESTAB_MS(20) + (step == 2 ? ESTAB_MS(i) : 0));
            b_sends(&w, .seq = 1, .ack = 1001 + 1000 * i);
        }
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_BUFFERBLOAT), step == 2);
    }
}

TEST(congestion_marks)
{
    struct wire w;

    opened(&w);
    a_sends(&w, .seq = 1, .ack = 1, .len = 100, .ecn = 3);
    b_sends(&w, .ctl = CTL_ACK | CTL_ECE, .seq = 1, .ack = 101);
    GIVES(&w, CONGESTION_MARKS);
    wire_new(&w); /* in a SYN it asks for the ability */
    a_sends(&w, .ctl = SYN | CTL_ECE | CTL_CWR);
    b_sends(&w, .ctl = SYN_ACK | CTL_ECE, .ack = 1);
    GIVES_NOT(&w, CONGESTION_MARKS);
}

TEST(offload)
{
    for (unsigned len = 1460; len <= 1700; len += 240) {
        struct wire w;

        opened(&w);
        a_sends(&w, .seq = 1, .ack = 1, .len = len);
        wire_free(&w);
        assert_int_equal(found_it(&w, FOUND_OFFLOAD), len == 1700);
    }
}

/* A verdict that no test gives is one that nobody has seen. */
TEST(an_ordinary_connection_gets_no_verdict)
{
    struct wire w;

    opened(&w);
    talked(&w);
    closed(&w, 101, 1001);
    wire_free(&w);
    assert_int_equal(w.n_verdicts, 0);
}

TEST(every_verdict_has_an_id_of_its_own)
{
    for (unsigned i = 0; i < TRACE_VERDICT_COUNT; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(estab_trace_verdict_id(i), estab_trace_verdict_id(k));
    assert_string_equal(estab_trace_verdict_id(TRACE_VERDICT_COUNT), "?");
}
