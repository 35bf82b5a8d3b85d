/* SPDX-License-Identifier: MIT */
/* The TCP header and its options: RFC 9293 §3.1 and §3.2, RFC 7323, RFC 2018. */
#include "wire/tcp_header.h"

#include "estab/config.h"
#include "harness/test.h"
#include "sim/prng.h"
#include "wire/packet.h"

#include <string.h>

static uint8_t cookie[FAST_OPEN_COOKIE_MAX]; /* of the last header parsed */

/* A header with these options (padded with EOL) and 3 octets of text, parsed from memory that
 * ends with it. */
static enum estab_verdict
parse_with(struct tcp_seg *seg, uint8_t ctl, const uint8_t *options, uint32_t n)
{
    uint8_t p[TCP_HEADER_MAX + 3] = { 0x12, 0x34, 0x56, 0x78, 1, 2, 3, 4, 5, 6, 7, 8 };
    uint32_t header = 20 + (n + 3) / 4 * 4;
    uint8_t *copy;
    enum estab_verdict v;

    p[12] = (uint8_t)(header / 4 << 4);
    p[13] = ctl;
    put_be16(p + 14, 0xfedc);
    put_be16(p + 18, 0x1357);
    if (n > 0)
        memcpy(p + 20, options, n);
    memcpy(p + header, "abc", 3);
    copy = exact(p, header + 3);
    memset(seg, 0x5a, sizeof(*seg));
    v = estab_tcp_parse(seg, copy, header + 3);
    if (v == ESTAB_SEG_NONE) {
        assert_int_equal(seg->header_len, header);
        assert_int_equal(seg->len, 3);
        assert_ptr_equal(seg->text, copy + header);
    }
    if (v == ESTAB_SEG_NONE && seg->has_fast_open)
        memcpy(cookie, seg->fast_open, seg->fast_open_len);
    free(copy);
    return v;
}

static bool
has_options(const struct tcp_seg *seg)
{
    return seg->has_mss || seg->has_wscale || seg->sack_permitted || seg->has_ts ||
           seg->sack_blocks > 0;
}

TEST(the_fields_stand_where_the_rfc_draws_them)
{
    struct tcp_seg seg;

    assert_int_equal(parse_with(&seg, 0xff, NULL, 0), ESTAB_SEG_NONE);
    assert_int_equal(seg.src_port, 0x1234);
    assert_int_equal(seg.dst_port, 0x5678);
    assert_int_equal(seg.seq, 0x01020304);
    assert_int_equal(seg.ack, 0x05060708);
    assert_int_equal(seg.ctl, 0xff);
    assert_int_equal(seg.wnd, 0xfedc); /* unsigned */
    assert_int_equal(seg.up, 0x1357);
    assert_false(has_options(&seg));
    assert_int_equal(seg_len(&seg), 5); /* SYN and FIN count */
}

/* RFC9293-3.1-DOFF; CVE-2021-21281, CVE-2023-35846 and their kin. */
TEST(every_data_offset_with_every_length)
{
    uint8_t p[80] = { 0, 1, 0, 2 };

    for (unsigned offset = 0; offset < 16; offset++)
        for (uint32_t len = 0; len <= sizeof(p); len++) {
            bool good = len >= 20 && offset >= 5 && offset * 4 <= len;
            uint8_t *copy;
            struct tcp_seg seg;

            p[12] = (uint8_t)(offset << 4);
            copy = exact(p, len);
            assert_int_equal(estab_tcp_parse(&seg, copy, len),
                             good ? ESTAB_SEG_NONE : ESTAB_SEG_DROP_HEADER);
            if (good)
                assert_int_equal(seg.len, len - offset * 4);
            free(copy);
        }
}

/* RFC9293-3.1-RSRVD, both ways. */
TEST(reserved_bits_are_ignored_and_sent_as_zero)
{
    uint8_t p[20] = { 0, 1, 0, 2 };
    struct tcp_seg seg;

    p[12] = 0x5f;
    assert_int_equal(estab_tcp_parse(&seg, p, 20), ESTAB_SEG_NONE);
    assert_int_equal(estab_tcp_write(p, &seg, 0), 20);
    assert_int_equal(p[12], 0x51); /* the ninth control bit is AE (RFC 9768) */
}

TEST(port_0_is_refused)
{
    uint8_t p[20] = { 0, 1, 0, 2, [12] = 0x50 };
    struct tcp_seg seg;

    p[1] = 0;
    assert_int_equal(estab_tcp_parse(&seg, p, 20), ESTAB_SEG_DROP_PORT_ZERO);
    p[1] = 1;
    p[3] = 0;
    assert_int_equal(estab_tcp_parse(&seg, p, 20), ESTAB_SEG_DROP_PORT_ZERO);
    p[2] = 1;
    assert_int_equal(estab_tcp_parse(&seg, p, 20), ESTAB_SEG_NONE);
}

static const uint8_t all_options[] = { 2, 4, 0x05, 0xb4, 4, 2, 8, 10, 0, 0,
                                       0, 7, 0,    0,    0, 9, 1, 3,  3, 7 };

/* MUST-4: end of list, no operation and MSS. */
TEST(the_options_of_a_syn_are_read)
{
    struct tcp_seg seg;

    assert_int_equal(parse_with(&seg, CTL_SYN, all_options, sizeof(all_options)), ESTAB_SEG_NONE);
    assert_true(seg.has_mss && seg.mss == 1460);
    assert_true(seg.sack_permitted);
    assert_true(seg.has_ts && seg.ts_val == 7 && seg.ts_ecr == 9);
    assert_true(seg.has_wscale && seg.wscale == 7);
    assert_int_equal(seg.sack_blocks, 0);
}

/* MUST-5: options in any segment; MUST-65, RFC7323-2.2-SYNONLY, RFC2018-2: but these only count
 * with SYN. */
TEST(options_of_a_syn_do_not_count_without_syn)
{
    struct tcp_seg seg;

    for (unsigned ctl = 0; ctl < 256; ctl++) {
        bool syn = (ctl & CTL_SYN) != 0;

        assert_int_equal(parse_with(&seg, (uint8_t)ctl, all_options, sizeof(all_options)),
                         ESTAB_SEG_NONE);
        assert_true(seg.has_mss == syn && seg.has_wscale == syn && seg.sack_permitted == syn);
        assert_true(seg.has_ts && seg.ts_val == 7);
    }
}

/* MUST-7: a length of 0 or 1, or beyond the header, for every kind that has one. */
TEST(illegal_lengths_are_refused_for_every_kind)
{
    struct tcp_seg seg;

    for (unsigned kind = 2; kind < 256; kind++)
        for (unsigned len = 0; len < 256; len++)
            for (unsigned at = 0; at < 8; at++) {
                uint8_t options[20];
                bool legal = len >= 2 && len <= sizeof(options) - at;

                memset(options, 1, sizeof(options));
                options[at] = (uint8_t)kind;
                options[at + 1] = (uint8_t)len;
                assert_int_equal(parse_with(&seg, CTL_SYN | CTL_ACK, options, sizeof(options)),
                                 legal ? ESTAB_SEG_NONE : ESTAB_SEG_DROP_OPTION);
            }
}

/* MUST-7, MUST-68: the length octet itself lies beyond the header. */
TEST(a_kind_without_its_length_is_refused)
{
    struct tcp_seg seg;

    for (unsigned kind = 2; kind < 256; kind++) {
        uint8_t options[4] = { 1, 1, 1, (uint8_t)kind };

        assert_int_equal(parse_with(&seg, CTL_SYN, options, 4), ESTAB_SEG_DROP_OPTION);
    }
}

/* MUST-6, MUST-68: passed over by their length, and what follows is read. RFC6994-EXID: so are
 * the experimental ones. */
TEST(unknown_kinds_are_skipped)
{
    struct tcp_seg seg;

    for (unsigned kind = 0; kind < 256; kind++)
        for (unsigned len = 2; len <= 36; len++) {
            uint8_t options[40];
            bool known = kind <= 5 || kind == 8;

            if (known)
                continue;
            memset(options, 0, sizeof(options)); /* what is skipped is not read as options */
            options[0] = (uint8_t)kind;
            options[1] = (uint8_t)len;
            memcpy(options + len, "\2\4\1\0", 4);
            assert_int_equal(parse_with(&seg, CTL_SYN, options, len + 4), ESTAB_SEG_NONE);
            assert_true(seg.has_mss && seg.mss == 256);
            assert_false(seg.has_wscale || seg.sack_permitted || seg.has_ts || seg.sack_blocks);
        }
}

/* A known option with the length of another is no option that we know (CVE-2021-31889). */
TEST(known_kinds_count_only_with_their_own_length)
{
    static const struct {
        uint8_t kind, len;
    } known[] = { { 2, 4 },  { 3, 3 },  { 4, 2 },  { 5, 10 },
                  { 5, 18 }, { 5, 26 }, { 5, 34 }, { 8, 10 } };
    struct tcp_seg seg;

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        for (unsigned len = 2; len <= 40; len++) {
            uint8_t options[40];
            bool counts = false;

            memset(options, 1, sizeof(options));
            options[0] = known[i].kind;
            options[1] = (uint8_t)len;
            for (unsigned k = 0; k < sizeof(known) / sizeof(known[0]); k++)
                counts = counts || (known[k].kind == known[i].kind && known[k].len == len);
            assert_int_equal(parse_with(&seg, CTL_SYN | CTL_ACK, options, 40), ESTAB_SEG_NONE);
            assert_int_equal(has_options(&seg), counts);
        }
}

/* RFC9768-3.2.3-OPT: of AccECN's options the whole fields count, three at most; what does not fill one
 * is padding. What is written is read again. */
TEST(accecn_options_of_every_length_have_whole_fields)
{
    struct tcp_seg seg;

    for (unsigned kind = 172; kind <= 174; kind += 2)
        for (unsigned len = 2; len <= 40; len++) {
            uint8_t options[40];

            for (unsigned i = 0; i < 40; i++)
                options[i] = (uint8_t)i;
            options[0] = (uint8_t)kind;
            options[1] = (uint8_t)len;
            memset(options + len, 1, 40 - len);
            assert_int_equal(parse_with(&seg, CTL_ACK, options, 40), ESTAB_SEG_NONE);
            assert_true(seg.has_accecn);
            assert_int_equal(seg.accecn_order, kind == 174);
            assert_int_equal(seg.accecn_fields, len >= 11 ? 3 : (len - 2) / 3);
            for (unsigned i = 0; i < seg.accecn_fields; i++)
                assert_int_equal(seg.accecn[i], (2 + 3 * i) << 16 | (3 + 3 * i) << 8 | (4 + 3 * i));
        }
    for (uint8_t fields = 0; fields <= 3; fields++) {
        struct tcp_seg out = { .src_port = 1,
                               .dst_port = 2,
                               .ctl = CTL_ACK,
                               .has_ts = true,
                               .has_accecn = true,
                               .accecn_order = fields & 1,
                               .accecn_fields = fields,
                               .accecn = { 0xfffffe, 0x010203, 7 } };
        uint8_t tcp[TCP_HEADER_MAX];
        uint32_t len = estab_tcp_write(tcp, &out, ESTAB_SYN_LAYOUT_LINUX);

        assert_int_equal(len, 32 + (2 + 3 * fields + 3) / 4 * 4);
        assert_int_equal(len, estab_tcp_header_len(&out, ESTAB_SYN_LAYOUT_LINUX));
        assert_int_equal(estab_tcp_parse(&seg, tcp, len), ESTAB_SEG_NONE);
        assert_true(seg.has_ts && seg.has_accecn && seg.accecn_order == (fields & 1));
        assert_int_equal(seg.accecn_fields, fields);
        assert_memory_equal(seg.accecn, out.accecn, fields * sizeof(out.accecn[0]));
        /* with three blocks of SACK there is no room for it */
        out.sack_blocks = 3;
        len = estab_tcp_write(tcp, &out, ESTAB_SYN_LAYOUT_LINUX);
        assert_int_equal(estab_tcp_parse(&seg, tcp, len), ESTAB_SEG_NONE);
        assert_false(seg.has_accecn);
        assert_int_equal(seg.sack_blocks, 3);
    }
}

/* MUST-64: options begin at any octet. */
TEST(options_begin_at_any_octet)
{
    struct tcp_seg seg;

    for (unsigned shift = 0; shift <= 20; shift++) {
        uint8_t options[40];

        memset(options, 1, sizeof(options));
        memcpy(options + shift, all_options, sizeof(all_options));
        assert_int_equal(parse_with(&seg, CTL_SYN, options, 40), ESTAB_SEG_NONE);
        assert_true(seg.mss == 1460 && seg.ts_val == 7 && seg.ts_ecr == 9 && seg.wscale == 7 &&
                    seg.sack_permitted);
    }
}

/* MUST-4: what stands behind the end of the list is not read. */
TEST(nothing_is_read_behind_the_end_of_the_list)
{
    struct tcp_seg seg;

    for (unsigned end = 0; end < 20; end++) {
        uint8_t options[24];

        memset(options, 1, 20);
        options[end] = 0;
        memcpy(options + 20, "\2\4\5\264", 4); /* MSS */
        if (end + 1 < 20)
            options[end + 1] = 77; /* an unknown kind with an illegal length, not looked at */
        assert_int_equal(parse_with(&seg, CTL_SYN, options, 24), ESTAB_SEG_NONE);
        assert_false(seg.has_mss);
    }
}

/* RFC2018-3-FMT: 8n + 2, network order; RFC7323-A-LAYOUT: three of them beside timestamps. */
TEST(sack_blocks_are_read)
{
    uint8_t options[40] = { 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 26 };
    struct tcp_seg seg;

    for (unsigned i = 0; i < 24; i++)
        options[16 + i] = (uint8_t)i;
    assert_int_equal(parse_with(&seg, CTL_ACK, options, 40), ESTAB_SEG_NONE);
    assert_int_equal(seg.sack_blocks, 3);
    assert_int_equal(seg.sack[0][0], 0x00010203);
    assert_int_equal(seg.sack[2][1], 0x14151617);
    assert_true(seg.has_ts && seg.ts_val == 1);
}

TEST(the_short_way_for_timestamps_reads_the_same)
{
    static const uint8_t usual[] = { 1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8 };
    static const uint8_t unusual[] = { 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1 };
    struct tcp_seg a, b;

    assert_int_equal(parse_with(&a, CTL_ACK, usual, 12), ESTAB_SEG_NONE);
    assert_int_equal(parse_with(&b, CTL_ACK, unusual, 12), ESTAB_SEG_NONE);
    assert_true(a.has_ts && b.has_ts);
    assert_int_equal(a.ts_val, 0x01020304);
    assert_int_equal(a.ts_ecr, 0x05060708);
    assert_int_equal(a.ts_val, b.ts_val);
    assert_int_equal(a.ts_ecr, b.ts_ecr);
}

/* ---- writing ---- */

#define WRITES(layout, options, ...)                                                               \
    writes((struct tcp_seg){ .src_port = 1, .dst_port = 2, __VA_ARGS__ }, layout, options,         \
           sizeof(options) - 1)

static void
writes(struct tcp_seg seg, unsigned layout, const char *options, size_t n)
{
    uint8_t p[TCP_HEADER_MAX];

    memset(p, 0xee, sizeof(p));
    assert_int_equal(estab_tcp_write(p, &seg, layout), 20 + n);
    assert_int_equal(estab_tcp_header_len(&seg, layout), 20 + n);
    assert_int_equal(p[12], (20 + n) / 4 << 4);
    assert_memory_equal(p + 20, options, n);
    for (size_t i = 20 + n; i < sizeof(p); i++)
        assert_int_equal(p[i], 0xee);
}

#define TS .has_ts = true, .ts_val = 0x01020304, .ts_ecr = 0x05060708
#define TS_OCTETS "\10\12\1\2\3\4\5\6\7\10"
#define MSS .has_mss = true, .mss = 1460
#define MSS_OCTETS "\2\4\5\264"
#define WS .has_wscale = true, .wscale = 7
#define WS_OCTETS "\1\3\3\7"
#define SACK .sack_permitted = true

TEST(a_syn_in_the_order_of_linux)
{
    WRITES(ESTAB_SYN_LAYOUT_LINUX, "", .ctl = CTL_SYN);
    WRITES(ESTAB_SYN_LAYOUT_LINUX, MSS_OCTETS, .ctl = CTL_SYN, MSS);
    WRITES(ESTAB_SYN_LAYOUT_LINUX, MSS_OCTETS "\4\2" TS_OCTETS WS_OCTETS, .ctl = CTL_SYN, MSS, SACK,
           TS, WS);
    WRITES(ESTAB_SYN_LAYOUT_LINUX, MSS_OCTETS "\1\1\4\2" WS_OCTETS, .ctl = CTL_SYN, MSS, SACK, WS);
    WRITES(ESTAB_SYN_LAYOUT_LINUX, MSS_OCTETS "\1\1" TS_OCTETS WS_OCTETS, .ctl = CTL_SYN, MSS, TS,
           WS);
    WRITES(ESTAB_SYN_LAYOUT_LINUX, MSS_OCTETS "\1\1\4\2", .ctl = CTL_SYN | CTL_ACK, MSS, SACK);
}

TEST(a_syn_in_the_order_of_bsd)
{
    WRITES(ESTAB_SYN_LAYOUT_BSD, "", .ctl = CTL_SYN);
    WRITES(ESTAB_SYN_LAYOUT_BSD, MSS_OCTETS WS_OCTETS "\4\2" TS_OCTETS, .ctl = CTL_SYN, MSS, SACK,
           TS, WS);
    WRITES(ESTAB_SYN_LAYOUT_BSD, MSS_OCTETS WS_OCTETS "\1\1" TS_OCTETS, .ctl = CTL_SYN, MSS, TS,
           WS);
    WRITES(ESTAB_SYN_LAYOUT_BSD, MSS_OCTETS WS_OCTETS "\4\2\0\0", .ctl = CTL_SYN, MSS, SACK, WS);
    WRITES(ESTAB_SYN_LAYOUT_BSD, MSS_OCTETS "\4\2" TS_OCTETS, .ctl = CTL_SYN, MSS, SACK, TS);
    WRITES(ESTAB_SYN_LAYOUT_BSD, MSS_OCTETS "\4\2\0\0", .ctl = CTL_SYN, MSS, SACK);
}

/* MUST-65, RFC2018-2, RFC7323-2.2-SYNONLY: not without SYN; RFC7323-A-LAYOUT, in 4-octet steps. */
TEST(a_segment_without_syn_carries_timestamps_and_sack_blocks_only)
{
    WRITES(0, "", .ctl = CTL_ACK, MSS, SACK, WS);
    WRITES(0, "\1\1" TS_OCTETS, .ctl = CTL_ACK, MSS, SACK, WS, TS);
    WRITES(0, "\1\1\5\12\0\0\0\1\0\0\0\2", .ctl = CTL_ACK, .sack_blocks = 1, .sack = { { 1, 2 } });
    WRITES(0, "\1\1" TS_OCTETS "\1\1\5\32\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6",
           .ctl = CTL_ACK, TS, .sack_blocks = 4,
           .sack = { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 } });
    WRITES(0, "\1\1\5\42\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5\0\0\0\6\0\0\0\7\0\0\0\10",
           .ctl = CTL_ACK, .sack_blocks = 4, .sack = { { 1, 2 }, { 3, 4 }, { 5, 6 }, { 7, 8 } });
}

/* MUST-69: behind EOL there are zeros only; nothing of what the memory held before (Etherleak). */
TEST(padding_is_zero_behind_the_end_of_the_list)
{
    for (unsigned set = 0; set < 64; set++)
        for (unsigned layout = 0; layout < 2; layout++) {
            struct tcp_seg seg = { .ctl = set & 1 ? CTL_SYN : CTL_ACK };
            uint8_t p[TCP_HEADER_MAX];
            uint32_t len, i = 20;

            seg.has_mss = (set & 2) != 0;
            seg.has_wscale = (set & 4) != 0;
            seg.sack_permitted = (set & 8) != 0;
            seg.has_ts = (set & 16) != 0;
            seg.sack_blocks = set & 32 ? 1 : 0;
            memset(p, 0xee, sizeof(p));
            len = estab_tcp_write(p, &seg, layout);
            assert_int_equal(len % 4, 0);
            while (i < len && p[i] != 0)
                i += p[i] == 1 ? 1u : p[i + 1];
            assert_true(i <= len);
            for (; i < len; i++)
                assert_int_equal(p[i], 0);
        }
}

TEST(what_is_written_reads_back_in_both_layouts)
{
    struct sim_prng dice;

    sim_prng_seed(&dice, 1);
    for (unsigned n = 0; n < 20000; n++) {
        unsigned layout = n % 2, max = 4;
        uint8_t p[TCP_HEADER_MAX];
        struct tcp_seg a, b;
        uint32_t len;
        bool syn;

        memset(&a, 0, sizeof(a));
        a.src_port = (uint16_t)sim_prng_between(&dice, 1, 65535);
        a.dst_port = (uint16_t)sim_prng_between(&dice, 1, 65535);
        a.seq = (uint32_t)sim_prng_next(&dice);
        a.ack = (uint32_t)sim_prng_next(&dice);
        a.wnd = (uint16_t)sim_prng_next(&dice);
        a.up = (uint16_t)sim_prng_next(&dice);
        a.ctl = (uint8_t)sim_prng_next(&dice);
        syn = (a.ctl & CTL_SYN) != 0;
        a.has_mss = syn && sim_prng_chance(&dice, 500000);
        a.mss = a.has_mss ? (uint16_t)sim_prng_next(&dice) : 0;
        a.has_wscale = syn && sim_prng_chance(&dice, 500000);
        a.wscale = a.has_wscale ? (uint8_t)sim_prng_next(&dice) : 0;
        a.sack_permitted = syn && sim_prng_chance(&dice, 500000);
        a.has_ts = sim_prng_chance(&dice, 500000);
        a.ts_val = a.has_ts ? (uint32_t)sim_prng_next(&dice) : 0;
        a.ts_ecr = a.has_ts ? (uint32_t)sim_prng_next(&dice) : 0;
        a.sack_blocks = syn ? 0 : (uint8_t)sim_prng_below(&dice, 5);
        for (unsigned i = 0; i < a.sack_blocks; i++) {
            a.sack[i][0] = (uint32_t)sim_prng_next(&dice);
            a.sack[i][1] = (uint32_t)sim_prng_next(&dice);
        }
        len = estab_tcp_write(p, &a, layout);
        assert_int_equal(len, estab_tcp_header_len(&a, layout));
        assert_int_equal(get_be16(p + 16), 0);
        assert_int_equal(estab_tcp_parse(&b, p, len), ESTAB_SEG_NONE);
        assert_true(b.src_port == a.src_port && b.dst_port == a.dst_port && b.seq == a.seq &&
                    b.ack == a.ack && b.wnd == a.wnd && b.up == a.up && b.ctl == a.ctl);
        assert_true(b.has_mss == a.has_mss && b.mss == a.mss && b.has_wscale == a.has_wscale &&
                    b.wscale == a.wscale && b.sack_permitted == a.sack_permitted);
        assert_true(b.has_ts == a.has_ts && b.ts_val == a.ts_val && b.ts_ecr == a.ts_ecr);
        if (a.has_ts)
            max = 3;
        assert_int_equal(b.sack_blocks, a.sack_blocks < max ? a.sack_blocks : max);
        for (unsigned i = 0; i < b.sack_blocks; i++)
            assert_true(b.sack[i][0] == a.sack[i][0] && b.sack[i][1] == a.sack[i][1]);
    }
}

TEST(random_options_are_read_within_their_end)
{
    static const uint8_t likely[] = { 0, 1, 2, 3, 4, 5, 8, 10, 18, 26, 34, 253 };
    struct sim_prng dice;
    struct tcp_seg seg;

    sim_prng_seed(&dice, 2);
    for (unsigned n = 0; n < 100000; n++) {
        uint32_t len = (uint32_t)sim_prng_below(&dice, 11) * 4;
        uint8_t options[40];

        for (uint32_t i = 0; i < len; i++)
            options[i] = sim_prng_chance(&dice, 700000) ? likely[sim_prng_below(&dice, 12)]
                                                        : (uint8_t)sim_prng_next(&dice);
        if (parse_with(&seg, (uint8_t)sim_prng_next(&dice), options, len) == ESTAB_SEG_NONE)
            assert_true(seg.sack_blocks <= TCP_SACK_BLOCKS_MAX);
    }
}

/* RFC7413-4.1-OPT: kind 34: length 2 asks for a cookie, 6 to 18 and even brings one; on a SYN alone,
 * and any other length is as an option nobody knows. */
TEST(fast_open_counts_on_a_syn_with_its_own_lengths)
{
    struct tcp_seg seg;

    for (unsigned ctl = 0; ctl < 256; ctl++)
        for (unsigned len = 2; len <= 36; len++) {
            bool good = len == 2 || (len >= 6 && len <= 18 && len % 2 == 0);
            uint8_t options[40] = { 34, (uint8_t)len };

            for (unsigned i = 2; i < len; i++)
                options[i] = (uint8_t)(0x50 + i);
            memcpy(options + len, "\2\4\1\0", 4);
            assert_int_equal(parse_with(&seg, (uint8_t)ctl, options, len + 4), ESTAB_SEG_NONE);
            assert_int_equal(seg.has_mss, (ctl & CTL_SYN) != 0);
            assert_int_equal(seg.has_fast_open, good && (ctl & CTL_SYN) != 0);
            if (!seg.has_fast_open)
                continue;
            assert_int_equal(seg.fast_open_len, len - 2);
            for (unsigned i = 2; i < len; i++)
                assert_int_equal(cookie[i - 2], 0x50 + i);
        }
}

/* RFC7413-4.1-OPT: written behind the options of either layout, never beyond 40 octets. */
TEST(fast_open_is_written_behind_the_other_options)
{
    for (unsigned options = 0; options < 16; options++)
        for (unsigned layout = 0; layout < 2; layout++)
            for (unsigned len = 0; len <= 16; len = len == 0 ? 4 : len + 2) {
                static const uint8_t sixteen[16] = { 1, 2,  3,  4,  5,  6,  7,  8,
                                                     9, 10, 11, 12, 13, 14, 15, 16 };
                struct tcp_seg plain = {
                    .ctl = CTL_SYN,
                    .src_port = 1,
                    .dst_port = 2,
                    .has_mss = options & 1,
                    .mss = 1460,
                    .sack_permitted = options & 2,
                    .has_ts = options & 4,
                    .has_wscale = options & 8,
                };
                struct tcp_seg with = plain, back;
                uint8_t out[60], without[60];
                uint32_t n, before = estab_tcp_write(without, &plain, layout);

                with.has_fast_open = true;
                with.fast_open_len = (uint8_t)len;
                with.fast_open = sixteen;
                n = estab_tcp_write(out, &with, layout);
                assert_int_equal(n, estab_tcp_header_len(&with, layout));
                assert_in_range(n, before, TCP_HEADER_MAX);
                assert_int_equal(estab_tcp_parse(&back, out, n), ESTAB_SEG_NONE);
                assert_true(back.has_fast_open);
                assert_int_equal(back.fast_open_len, len);
                assert_memory_equal(back.fast_open, sixteen, len);
                assert_true(back.has_mss == plain.has_mss && back.has_ts == plain.has_ts &&
                            back.has_wscale == plain.has_wscale &&
                            back.sack_permitted == plain.sack_permitted);
            }
}
