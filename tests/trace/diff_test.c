/* SPDX-License-Identifier: MIT */
/* Two captures of the same packets: pairs, clocks, what was lost, altered and made between. */
#include "trace/diff.h"
#include "trace/wire.h"

struct text {
    char s[1 << 16];
    size_t len;
};

static int
add(void *ctx, const void *p, size_t n)
{
    struct text *t = ctx;

    assert_true(t->len + n < sizeof t->s);
    memcpy(t->s + t->len, p, n);
    t->len += n;
    t->s[t->len] = '\0';
    return 0;
}

enum { ONE_WAY_MS = 15, AHEAD_S = 3600 };

/* Both ends capture; B's clock is an hour ahead, and each way takes 15 ms. */
struct both {
    struct wire wire; /* builds packets */
    struct diff *diff;
    uint64_t number[2];
    estab_time now; /* of A */
};

static void
begin(struct both *b)
{
    memset(b, 0, sizeof *b);
    b->wire.next_id = 1;
    b->now = ESTAB_SEC(1000);
    b->diff = estab_diff_new();
    assert_non_null(b->diff);
}

static void
seen(struct both *b, unsigned side, const uint8_t *data, uint32_t len, estab_time at)
{
    struct capture_packet p = { .number = ++b->number[side],
                                .at = at + (side == DIFF_B ? ESTAB_SEC(AHEAD_S) : 0),
                                .link = LINK_RAW,
                                .data = data,
                                .len = len,
                                .wire_len = len,
                                .comment = "" };

    assert_true(estab_diff_take(b->diff, side, &p));
}

/* What leaves one end as `s` and comes to the other as `r`. */
static void
changes(struct both *b, unsigned from, struct sent s, struct sent r)
{
    uint8_t out[2048];

    seen(b, from, out, wire_build(&b->wire, out, from, s), b->now);
    b->now += ESTAB_MS(ONE_WAY_MS);
    seen(b, !from, out, wire_build(&b->wire, out, from, r), b->now);
    b->now += ESTAB_MS(1);
}

static void
passes_both(struct both *b, unsigned from, struct sent s)
{
    changes(b, from, s, s);
}

static void
only_at(struct both *b, unsigned side, unsigned from, struct sent s)
{
    uint8_t out[2048];

    seen(b, side, out, wire_build(&b->wire, out, from, s), b->now);
    b->now += ESTAB_MS(1);
}

static void
handshake(struct both *b)
{
    passes_both(b, END_A, (struct sent){ .ctl = SYN, .mss = 1460, .id = 1 });
    passes_both(b, END_B, (struct sent){ .ctl = SYN_ACK, .ack = 1, .mss = 1460, .id = 2 });
    passes_both(b, END_A, (struct sent){ .seq = 1, .ack = 1, .id = 3 });
}

TEST(nothing_is_lost_and_the_clocks_are_compared)
{
    struct both b;
    const struct diff_result *r;

    begin(&b);
    handshake(&b);
    r = estab_diff_match(b.diff);
    assert_int_equal(r->both, 3);
    assert_int_equal(r->lost[DIFF_A] + r->lost[DIFF_B] + r->made[DIFF_A] + r->made[DIFF_B], 0);
    assert_int_equal(r->altered, 0);
    assert_true(r->has_offset);
    assert_int_equal(r->offset, ESTAB_SEC(AHEAD_S));
    assert_int_equal(r->round_trip, ESTAB_MS(2 * ONE_WAY_MS));
    estab_diff_free(b.diff);
}

TEST(losses_are_told_by_direction_and_a_repetition_is_a_packet_of_its_own)
{
    static const char *const name[2] = { "a.pcap", "b.pcap" };
    static struct text text;
    struct both b;
    const struct diff_result *r;

    begin(&b);
    handshake(&b);
    only_at(&b, DIFF_A, END_A, (struct sent){ .seq = 1, .ack = 1, .len = 100, .id = 4 });
    passes_both(&b, END_A, (struct sent){ .seq = 1, .ack = 1, .len = 100, .id = 5 });
    only_at(&b, DIFF_B, END_B, (struct sent){ .seq = 1, .ack = 101, .id = 6 });
    only_at(&b, DIFF_B, END_B, (struct sent){ .seq = 1, .ack = 101, .len = 7, .id = 7 });
    passes_both(&b, END_B, (struct sent){ .seq = 1, .ack = 101, .len = 7, .id = 8 });
    r = estab_diff_match(b.diff);
    assert_int_equal(r->both, 5);
    assert_int_equal(r->lost[DIFF_A], 1);
    assert_int_equal(r->lost[DIFF_B], 2);
    assert_int_equal(r->made[DIFF_A] + r->made[DIFF_B], 0);
    text.len = 0;
    assert_int_equal(estab_diff_write(b.diff, name, 1, add, &text), 0);
    assert_non_null(strstr(text.s, "A to B: 1 lost between\n    packet 4: 10.0.0.1:"));
    assert_non_null(strstr(text.s, "B to A: 2 lost between\n    packet 5: 10.0.0.2:"));
    assert_non_null(strstr(text.s, "    and 1 more\n"));
    assert_non_null(strstr(text.s, "the clock of B is 1 h before that of A"));
    estab_diff_free(b.diff);
}

TEST(what_a_box_between_has_altered_is_named)
{
    static const char *const name[2] = { "a", "b" };
    static struct text text;
    struct sent syn = { .ctl = SYN, .mss = 1460, .wscale = true, .shift = 7, .sack_ok = true };
    struct sent stripped = { .ctl = SYN, .mss = 1380 };
    struct sent plain = { .seq = 1, .ack = 1, .len = 50, .id = 9 }, marked = plain;
    struct both b;

    marked.ecn = 3;
    marked.id = 900; /* the identification is rewritten, too */
    begin(&b);
    changes(&b, END_A, syn, stripped);
    passes_both(&b, END_B, (struct sent){ .ctl = SYN_ACK, .ack = 1, .mss = 1460 });
    changes(&b, END_A, plain, marked);
    assert_int_equal(estab_diff_match(b.diff)->altered, 2);
    text.len = 0;
    assert_int_equal(estab_diff_write(b.diff, name, 0, add, &text), 0);
    assert_non_null(strstr(text.s, ", MSS 1460 is 1380, window scale stripped, SACK-permitted "
                                   "stripped\n"));
    assert_non_null(strstr(text.s, ", congestion marked\n"));
    assert_non_null(strstr(text.s, "\n2 altered between\n"));
    estab_diff_free(b.diff);
}

TEST(a_segment_that_nobody_sent_was_made_between)
{
    struct both b;
    const struct diff_result *r;

    begin(&b);
    handshake(&b);
    only_at(&b, DIFF_B, END_A, (struct sent){ .ctl = RST, .seq = 1, .id = 77 });
    passes_both(&b, END_A, (struct sent){ .seq = 1, .ack = 1, .len = 10, .id = 5 });
    r = estab_diff_match(b.diff);
    assert_int_equal(r->made[DIFF_B], 1);
    assert_int_equal(r->lost[DIFF_A] + r->lost[DIFF_B] + r->made[DIFF_A], 0);
    estab_diff_free(b.diff);
}

TEST(what_passed_while_only_one_captured_is_not_lost)
{
    struct both b;
    const struct diff_result *r;

    begin(&b);
    only_at(&b, DIFF_A, END_A, (struct sent){ .seq = 1, .ack = 1, .len = 10, .id = 50 });
    b.now += ESTAB_SEC(5);
    handshake(&b);
    b.now += ESTAB_SEC(5);
    only_at(&b, DIFF_B, END_B, (struct sent){ .seq = 1, .ack = 11, .id = 51 });
    r = estab_diff_match(b.diff);
    assert_int_equal(r->outside, 2);
    assert_int_equal(r->lost[DIFF_A] + r->lost[DIFF_B], 0);
    estab_diff_free(b.diff);
}

TEST(one_direction_tells_nothing_of_the_clocks)
{
    struct both b;
    const struct diff_result *r;

    begin(&b);
    passes_both(&b, END_A, (struct sent){ .ctl = SYN, .mss = 1460, .id = 1 });
    r = estab_diff_match(b.diff);
    assert_int_equal(r->both, 1);
    assert_false(r->has_offset);
    estab_diff_free(b.diff);
    begin(&b); /* and nothing at all */
    assert_int_equal(estab_diff_match(b.diff)->both, 0);
    estab_diff_free(b.diff);
}

TEST(clocks_that_are_centuries_apart_are_compared)
{
    struct both b;
    const struct diff_result *r;
    uint8_t out[2048];
    struct sent syn = { .ctl = SYN, .mss = 1460, .id = 1 }, answer = { .ctl = SYN_ACK, .ack = 1 };

    begin(&b);
    seen(&b, DIFF_A, out, wire_build(&b.wire, out, END_A, syn), INT64_MAX);
    seen(&b, DIFF_B, out, wire_build(&b.wire, out, END_A, syn), 0);
    answer.id = 2;
    seen(&b, DIFF_A, out, wire_build(&b.wire, out, END_B, answer), 0);
    seen(&b, DIFF_B, out, wire_build(&b.wire, out, END_B, answer), INT64_MAX - ESTAB_SEC(AHEAD_S));
    r = estab_diff_match(b.diff);
    assert_int_equal(r->both, 2);
    assert_true(r->has_offset && r->round_trip > 0);
    estab_diff_free(b.diff);
}
