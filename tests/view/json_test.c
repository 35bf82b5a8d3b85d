/* SPDX-License-Identifier: MIT */
/* JSON lines: every line parses as RFC 8259 says, and says what the record says. */
#include "view/records.h"

/* ---- a strict parser that only checks ---- */

static const char *parse_value(const char *p);

static const char *
expect(const char *p, const char *word)
{
    return p != NULL && strncmp(p, word, strlen(word)) == 0 ? p + strlen(word) : NULL;
}

static const char *
parse_string(const char *p)
{
    p = expect(p, "\"");
    while (p != NULL && *p != '"') {
        if ((unsigned char)*p < 0x20)
            return NULL;
        if (*p == '\\') {
            p++;
            if (*p == '\0' || strchr("\"\\/bfnrtu", *p) == NULL)
                return NULL;
        }
        p++;
    }
    return p != NULL ? p + 1 : NULL;
}

static const char *
parse_number(const char *p)
{
    const char *start;

    if (*p == '-')
        p++;
    start = p;
    while (*p >= '0' && *p <= '9')
        p++;
    if (p == start || (*start == '0' && p - start > 1))
        return NULL;
    return p;
}

static const char *
parse_members(const char *p, char close, bool named)
{
    if (*p == close)
        return p + 1;
    for (;;) {
        if (named)
            p = expect(parse_string(p), ":");
        p = p != NULL ? parse_value(p) : NULL;
        if (p == NULL || (*p != ',' && *p != close))
            return NULL;
        if (*p++ == close)
            return p;
    }
}

static const char *
parse_value(const char *p)
{
    if (*p == '{')
        return parse_members(p + 1, '}', true);
    if (*p == '[')
        return parse_members(p + 1, ']', false);
    if (*p == '"')
        return parse_string(p);
    if (*p == 't')
        return expect(p, "true");
    return parse_number(p);
}

static void
check_lines(const struct sheet *sheet, size_t n)
{
    const char *p = sheet->text;
    size_t lines = 0;

    while (*p != '\0') {
        const char *end = *p == '{' ? parse_value(p) : NULL;

        if (end == NULL || *end != '\n')
            fail_msg("not JSON: %.300s", p);
        p = end + 1;
        lines++;
    }
    assert_int_equal(lines, n);
}

static struct sheet
written(const struct estab_trace *r, size_t n, struct view_json_options o)
{
    struct sheet sheet = { 0 };
    struct view_json *v = estab_view_json_new(&o, sheet_write, &sheet);

    assert_non_null(v);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(estab_view_json_record(v, &r[i]), 0);
    assert_int_equal(estab_view_json_finish(v), 0);
    estab_view_json_free(v);
    return sheet;
}

static void
expect_text(const struct sheet *sheet, const char *text)
{
    if (strstr(sheet->text, text) == NULL)
        fail_msg("%s is not in %s", text, sheet->text);
}

TEST(a_connection_is_one_object_per_record)
{
    struct story *s = story_new(ESTAB_MS(10));
    struct sheet sheet;

    handshake(s);
    data(s, 3);
    close_both(s);
    sheet = written(s->r, s->n, (struct view_json_options){ .packets = true });
    check_lines(&sheet, s->n);
    expect_text(&sheet, "\"kind\":\"packet_out\",\"local\":\"10.0.0.1:49152\","
                        "\"remote\":\"10.0.0.2:80\",\"ifindex\":1,\"before\":\"SYN-SENT\"");
    expect_text(&sheet, "\"why\":{\"name\":\"SYN\",\"text\":\"open: our ISN\","
                        "\"rule\":\"RFC 9293 §3.10.1\"}");
    expect_text(&sheet, "\"ctl\":[\"SYN\",\"ACK\"],\"mss\":1460,\"wscale\":2,"
                        "\"sack_permitted\":true");
    expect_text(&sheet, "\"memory\":\"half-open record\",\"bytes\":-64,\"held\":0");
    expect_text(&sheet, "\"packet\":\"45000028");
    sheet_free(&sheet);
    free(s);
}

TEST(all_fields_are_there)
{
    struct estab_trace r = {
        .at = 5,
        .host = 7,
        .kind = ESTAB_TRACE_PACKET_IN,
        .proto = 6,
        .conn = UINT64_MAX,
        .verdict = ESTAB_SEG_DROP_PAWS,
        .packet_len = 60,
        .seg = { .seq = UINT32_MAX,
                 .ack = 1,
                 .wnd = 2,
                 .len = 3,
                 .up = 4,
                 .ctl = ESTAB_CTL_URG,
                 .has_ts = true,
                 .ts_val = 8,
                 .ts_ecr = 9,
                 .sack_blocks = 2,
                 .sack = { { 10, 11 }, { 12, 13 } } },
        .tcb = { .iss = 1, .cwnd = 14480, .timer = ESTAB_TIMER_KEEPALIVE, .timer_at = 99 },
    };
    struct sheet sheet = written(&r, 1, (struct view_json_options){ .origin = 1000 });

    check_lines(&sheet, 1);
    expect_text(&sheet, "{\"at\":5,\"time\":\"1005\",\"host\":7,\"kind\":\"packet_in\","
                        "\"conn\":\"18446744073709551615\"");
    expect_text(&sheet, "\"name\":\"DROP_PAWS\"");
    expect_text(&sheet, "\"seq\":4294967295,\"ack\":1,\"wnd\":2,\"len\":3,\"up\":4,"
                        "\"ctl\":[\"URG\"],\"ts\":[8,9],\"sack\":[[10,11],[12,13]]}");
    expect_text(&sheet, "\"cwnd\":14480");
    expect_text(&sheet, "\"timer\":\"keepalive\",\"timer_at\":99}}");
    sheet_free(&sheet);
}

TEST(numbers_beyond_the_tables_are_still_json)
{
    struct estab_trace r[8];
    struct sheet sheet;

    memset(r, 0, sizeof(r));
    for (unsigned i = 0; i < 8; i++) {
        r[i].kind = (uint8_t)i;
        r[i].state_before = r[i].state_after = r[i].timer = r[i].memory = r[i].call = 255;
        r[i].verdict = r[i].reason = r[i].cause = UINT16_MAX;
        r[i].bytes = r[i].result = r[i].at = INT64_MIN;
        r[i].seg.sack_blocks = 255;
        r[i].proto = 6;
    }
    sheet = written(r, 8, (struct view_json_options){ 0 });
    check_lines(&sheet, 8);
    sheet_free(&sheet);
}

TEST(a_full_disk_is_reported)
{
    struct story *s = story_new(0);
    struct sheet sheet = { .fail_after = 1000 };
    struct view_json *v =
        estab_view_json_new(&(struct view_json_options){ 0 }, sheet_write, &sheet);
    int last = 0;

    handshake(s);
    for (size_t i = 0; i < s->n; i++)
        last = estab_view_json_record(v, &s->r[i]);
    assert_int_equal(last, -ENOSPC);
    assert_int_equal(estab_view_json_finish(v), -ENOSPC);
    assert_int_equal(sheet.refused, 1);
    estab_view_json_free(v);
    sheet_free(&sheet);
    free(s);
}
