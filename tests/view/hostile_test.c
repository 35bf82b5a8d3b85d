/* SPDX-License-Identifier: MIT */
/* Records that no stack makes: every sink stays whole, in its bounds and in its width. */
#include "view/records.h"

#include "view/row.h"

static uint64_t
next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static uint64_t
wild(uint64_t *x)
{
    static const uint64_t edges[] = { 0,          1,          2,         0x7fffffff,
                                      0x80000000, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN,
                                      UINT64_MAX };
    uint64_t r = next_random(x);

    return r % 3 == 0 ? edges[next_random(x) % 9] : r % 3 == 1 ? next_random(x) : r >> 32 & 15;
}

static void
fill(struct estab_trace *r, uint64_t *x, const uint8_t *packet, uint32_t packet_len)
{
    unsigned char *bytes = (unsigned char *)&r->tcb;

    memset(r, 0, sizeof(*r));
    for (size_t i = 0; i < sizeof(r->tcb); i++)
        bytes[i] = (unsigned char)wild(x);
    r->at = (estab_time)wild(x);
    r->host = (uint32_t)(next_random(x) % 3);
    r->kind = (uint8_t)(next_random(x) % 7);
    r->proto = next_random(x) % 4 != 0 ? 6 : (uint8_t)wild(x);
    r->state_before = (uint8_t)wild(x);
    r->state_after = (uint8_t)wild(x);
    r->verdict = (uint16_t)wild(x);
    r->reason = (uint16_t)wild(x);
    r->cause = (uint16_t)wild(x);
    r->timer = (uint8_t)wild(x);
    r->memory = (uint8_t)wild(x);
    r->call = (uint8_t)wild(x);
    r->ifindex = (uint8_t)wild(x);
    r->bytes = (int64_t)wild(x);
    r->bytes_held = wild(x);
    r->result = (int64_t)wild(x);
    r->conn = wild(x);
    r->local.addr.family = r->remote.addr.family = (uint8_t)(next_random(x) % 8);
    r->local.addr.bytes[3] = (uint8_t)(r->host & 1);
    r->remote.addr.bytes[3] = (uint8_t)(~r->host & 1);
    r->local.port = (uint16_t)(next_random(x) % 3);
    r->remote.port = (uint16_t)(next_random(x) % 3);
    r->seg.seq = (uint32_t)wild(x);
    r->seg.ack = (uint32_t)wild(x);
    r->seg.wnd = (uint32_t)wild(x);
    r->seg.len = (uint32_t)wild(x);
    r->seg.up = (uint16_t)wild(x);
    r->seg.ctl = (uint8_t)wild(x);
    r->seg.has_mss = next_random(x) & 1;
    r->seg.ae = next_random(x) & 1;
    r->tcb.accecn = next_random(x) & 1;
    r->seg.has_wscale = next_random(x) & 1;
    r->seg.sack_permitted = next_random(x) & 1;
    r->seg.has_ts = next_random(x) & 1;
    r->seg.wscale = (uint8_t)wild(x);
    r->seg.sack_blocks = (uint8_t)wild(x);
    r->seg.mss = (uint16_t)wild(x);
    if (next_random(x) % 4 != 0) {
        r->packet = packet;
        r->packet_len = (uint32_t)(next_random(x) % (packet_len + 1));
    }
    if (next_random(x) % 4 == 0) {
        r->frame = packet;
        r->frame_len = (uint32_t)(next_random(x) % (packet_len + 1));
    }
}

/* No row is wider than asked for, and none holds a control character. */
static void
check_rows(const struct sheet *sheet, unsigned width, bool ascii)
{
    struct row row = { .width = ROW_WIDTH_MAX, .ascii = ascii };
    const char *at = sheet->text, *end;

    while (at != NULL && (end = strchr(at, '\n')) != NULL) {
        assert_true(estab_row_cells(&row, at, (size_t)(end - at)) <= width);
        for (; at < end; at++)
            assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
        at = end + 1;
    }
}

static void
feed_ladder(uint64_t seed, struct view_ladder_options o)
{
    struct sheet sheet = { 0 };
    struct view_ladder *v = estab_view_ladder_new(&o, sheet_write, &sheet);
    uint8_t packet[64] = { 0x45 };
    struct estab_trace r;
    uint64_t x = seed;

    for (int i = 0; i < 3000; i++) {
        if (i == 1000) /* ARP, when it is taken for a frame */
            memcpy(packet + 12, (uint8_t[]){ 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 }, 10);
        if (i == 2000) /* ARP with a VLAN tag */
            memcpy(packet + 12, (uint8_t[]){ 0x81, 0, 0, 7, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2 }, 14);
        fill(&r, &x, packet, sizeof(packet));
        assert_int_equal(estab_view_ladder_record(v, &r), 0);
        if (next_random(&x) % 16 == 0)
            assert_int_equal(estab_view_ladder_time(v, (estab_time)wild(&x)), 0);
        if (next_random(&x) % 16 == 0)
            assert_int_equal(estab_view_ladder_fate(v, r.host, (enum view_fate)(x % 5)), 0);
        if (next_random(&x) % 64 == 0)
            assert_int_equal(estab_view_ladder_remark(v, "a\033b\xff\n\n", 6), 0);
    }
    assert_int_equal(estab_view_ladder_finish(v, NULL), 0);
    estab_view_ladder_free(v);
    check_rows(&sheet, o.width < 80 ? 80 : o.width > 200 ? 200 : o.width, o.ascii);
    sheet_free(&sheet);
}

TEST(the_ladder_draws_any_records_within_its_width)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        feed_ladder(seed * 77777, (struct view_ladder_options){
                                      .width = (unsigned)(seed * 13),
                                      .ascii = seed & 1,
                                      .both = seed & 2,
                                      .unfold = seed & 4,
                                      .msl = (estab_time)(seed % 5 == 0 ? INT64_MAX : 1),
                                  });
}

TEST(the_other_sinks_take_any_records)
{
    struct sheet sheet = { 0 };
    struct view_pcapng *p = estab_view_pcapng_new(
        &(struct view_pcapng_options){ .both = true, .origin = INT64_MAX }, sheet_write, &sheet);
    struct view_json *j = estab_view_json_new(
        &(struct view_json_options){ .origin = INT64_MIN, .packets = true }, sheet_write, &sheet);
    struct view_narrator *n = estab_view_narrator_new(
        &(struct view_narrator_options){ .both = true, .host = { 0, 1 } }, sheet_write, &sheet);
    static uint8_t packet[9000];
    struct estab_trace r;
    uint64_t x = 4242;

    for (int i = 0; i < 5000; i++) {
        fill(&r, &x, packet, sizeof(packet));
        packet[x % sizeof(packet)]++;
        assert_int_equal(estab_view_pcapng_record(p, &r), 0);
        assert_int_equal(estab_view_json_record(j, &r), 0);
        assert_int_equal(estab_view_narrator_record(n, &r), 0);
        sheet.len = 0;
    }
    assert_int_equal(estab_view_pcapng_finish(p), 0);
    assert_int_equal(estab_view_json_finish(j), 0);
    assert_int_equal(estab_view_narrator_finish(n), 0);
    estab_view_pcapng_free(p);
    estab_view_json_free(j);
    estab_view_narrator_free(n);
    sheet_free(&sheet);
}

TEST(freeing_nothing_is_allowed)
{
    estab_view_ladder_free(NULL);
    estab_view_pcapng_free(NULL);
    estab_view_json_free(NULL);
    estab_view_narrator_free(NULL);
}
