/* SPDX-License-Identifier: MIT */
/* The capture: its blocks read back, packet by packet, comment by comment. */
#include "view/records.h"

struct packet {
    uint32_t interface, len, flags;
    uint64_t time;
    const uint8_t *data;
    char comment[700];
};

struct capture {
    unsigned interfaces;
    char name[8][64];
    struct packet packet[STORY_MAX];
    size_t n;
};

static uint32_t
le(const uint8_t *p, unsigned octets)
{
    uint32_t n = 0;

    while (octets-- > 0)
        n = n << 8 | p[octets];
    return n;
}

/* Copies the value of an option, or "" */
static void
option(const uint8_t *p, const uint8_t *end, unsigned code, char *out, size_t room)
{
    memset(out, 0, room);
    while (p + 4 <= end && le(p, 2) != 0) {
        uint32_t len = le(p + 2, 2);

        assert_true(p + 4 + len <= end);
        if (le(p, 2) == code && len < room)
            memcpy(out, p + 4, len);
        p += 4 + (len + 3) / 4 * 4;
    }
}

static struct capture *
read_back(const struct sheet *sheet)
{
    struct capture *c = calloc(1, sizeof(*c));
    const uint8_t *p = (const uint8_t *)sheet->text, *end = p + sheet->len;

    assert_non_null(c);
    assert_true(sheet->len >= 28);
    assert_int_equal(le(p, 4), 0x0a0d0d0a);
    assert_int_equal(le(p + 8, 4), 0x1a2b3c4d);
    while (p < end) {
        uint32_t type = le(p, 4), total = le(p + 4, 4);
        const uint8_t *close = p + total - 4;
        char value[700];

        assert_true(total % 4 == 0 && total >= 12 && p + total <= end);
        assert_int_equal(le(close, 4), total);
        if (type == 1) {
            assert_int_equal(le(p + 8, 2), 101);
            option(p + 16, close, 9, value, sizeof(value));
            assert_int_equal(value[0], 9);
            option(p + 16, close, 2, c->name[c->interfaces], sizeof(c->name[0]));
            c->interfaces++;
        } else if (type == 6) {
            struct packet *k = &c->packet[c->n++];
            uint32_t padded;

            k->interface = le(p + 8, 4);
            assert_true(k->interface < c->interfaces);
            k->time = (uint64_t)le(p + 12, 4) << 32 | le(p + 16, 4);
            k->len = le(p + 20, 4);
            assert_int_equal(le(p + 24, 4), k->len);
            k->data = p + 28;
            padded = (k->len + 3) / 4 * 4;
            option(p + 28 + padded, close, 1, k->comment, sizeof(k->comment));
            option(p + 28 + padded, close, 2, value, sizeof(value));
            k->flags = le((const uint8_t *)value, 4);
        }
        p += total;
    }
    assert_ptr_equal(p, end);
    return c;
}

static struct capture *
captured(const struct story *s, struct view_pcapng_options o, struct sheet *sheet)
{
    struct view_pcapng *v = estab_view_pcapng_new(&o, sheet_write, sheet);

    assert_non_null(v);
    for (size_t i = 0; i < s->n; i++)
        if (o.both || s->r[i].host == CLIENT)
            assert_int_equal(estab_view_pcapng_record(v, &s->r[i]), 0);
    assert_int_equal(estab_view_pcapng_finish(v), 0);
    estab_view_pcapng_free(v);
    return read_back(sheet);
}

static size_t
records(const struct story *s, unsigned kind, int host)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        n += s->r[i].kind == kind && (host < 0 || s->r[i].host == (uint32_t)host);
    return n;
}

static struct story *
whole_connection(void)
{
    struct story *s = story_new(ESTAB_MS(10));

    handshake(s);
    data(s, 10);
    close_both(s);
    return s;
}

TEST(one_host_writes_every_packet_with_its_direction)
{
    struct story *s = whole_connection();
    struct sheet sheet = { 0 };
    const int64_t origin = INT64_C(1700000000) * 1000000000;
    struct capture *c =
        captured(s, (struct view_pcapng_options){ .origin = origin, .name = { "here" } }, &sheet);

    assert_int_equal(c->n, records(s, ESTAB_TRACE_PACKET_IN, CLIENT) +
                               records(s, ESTAB_TRACE_PACKET_OUT, CLIENT));
    assert_int_equal(c->interfaces, 1);
    assert_string_equal(c->name[0], "here if1");
    assert_int_equal(c->packet[0].flags, 2);
    assert_int_equal(c->packet[1].flags, 1);
    assert_true(c->packet[0].time == (uint64_t)(origin + ESTAB_SEC(5) + ESTAB_US(250)));
    assert_string_equal(c->packet[0].comment, "sent: open: our ISN [RFC 9293 §3.10.1]; SYN-SENT");
    assert_string_equal(c->packet[1].comment,
                        "received: accepted [RFC 9293 §3.10.7.4]; SYN-SENT -> ESTABLISHED");
    assert_int_equal(c->packet[0].data[33], ESTAB_CTL_SYN);
    free(c);
    free(s);
    sheet_free(&sheet);
}

TEST(both_hosts_write_each_packet_once_with_reason_and_verdict)
{
    struct story *s = whole_connection();
    struct sheet sheet = { 0 };
    struct capture *c =
        captured(s,
                 (struct view_pcapng_options){
                     .both = true, .host = { CLIENT, SERVER }, .name = { "client", "server" } },
                 &sheet);

    assert_int_equal(c->n, records(s, ESTAB_TRACE_PACKET_OUT, -1));
    assert_int_equal(c->interfaces, 2);
    assert_string_equal(c->packet[0].comment,
                        "sent: open: our ISN [RFC 9293 §3.10.1]; client SYN-SENT\n"
                        "after 10 ms received: SYN accepted: half-open record made "
                        "[RFC 9293 §3.10.7.2]; server LISTEN -> SYN-RECEIVED");
    for (size_t i = 1; i < c->n; i++)
        assert_true(c->packet[i - 1].time <= c->packet[i].time);
    free(c);
    free(s);
    sheet_free(&sheet);
}

TEST(text_says_how_much_its_sender_may_send)
{
    struct story *s = whole_connection();
    struct sheet sheet = { 0 };
    struct capture *c;
    unsigned said = 0, knows = 0, knows_not = 0, n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->r[i].kind == ESTAB_TRACE_PACKET_OUT && s->r[i].proto == 6 && s->r[i].seg.len > 0) {
            s->r[i].tcb.cwnd = 14480;
            s->r[i].tcb.ssthresh = n++ % 2 == 0 ? 7240 : UINT32_MAX; /* nothing lost yet */
        }
    c = captured(s,
                 (struct view_pcapng_options){
                     .both = true, .host = { CLIENT, SERVER }, .name = { "client", "server" } },
                 &sheet);
    for (size_t i = 0; i < c->n; i++) {
        const char *comment = c->packet[i].comment;

        said += strstr(comment, "; cwnd ") != NULL;
        knows += strstr(comment, "; cwnd 14480, ssthresh 7240; server ESTABLISHED\n") != NULL;
        knows_not += strstr(comment, "; cwnd 14480; server ESTABLISHED\n") != NULL;
    }
    assert_int_equal(said, knows + knows_not);
    assert_true(knows > 0 && knows_not > 0);
    assert_true(said > 0 && said < c->n); /* not in a SYN or an ACK alone */
    free(c);
    free(s);
    sheet_free(&sheet);
}

TEST(twice_writes_what_was_sent_and_what_was_received)
{
    struct story *s = whole_connection();
    struct sheet sheet = { 0 };
    struct capture *c =
        captured(s, (struct view_pcapng_options){ .both = true, .twice = true }, &sheet);

    assert_int_equal(c->n, records(s, ESTAB_TRACE_PACKET_OUT, -1) +
                               records(s, ESTAB_TRACE_PACKET_IN, -1));
    free(c);
    free(s);
    sheet_free(&sheet);
}

/* More packets in the air than there is room to wait: nothing is lost, order is kept. */
TEST(a_long_flight_is_written_without_its_verdicts)
{
    struct story *s = story_new(0);
    struct sheet sheet = { 0 };
    struct capture *c;

    for (unsigned i = 0; i < 600; i++) {
        (void)sends(s, SERVER, ESTAB_CTL_ACK, 1000, ESTAB_WHY_DATA, ST(ESTABLISHED));
        passes(s, 1000);
    }
    c = captured(s, (struct view_pcapng_options){ .both = true }, &sheet);
    assert_int_equal(c->n, 600);
    for (size_t i = 0; i < c->n; i++) {
        assert_int_equal(c->packet[i].data[27], (uint8_t)((isn[SERVER] + 1000 * i) & 255));
        assert_null(strstr(c->packet[i].comment, "received"));
    }
    free(c);
    free(s);
    sheet_free(&sheet);
}

/* Large packets turn round in the store; their octets stay theirs. */
TEST(waiting_packets_keep_their_octets)
{
    static uint8_t packet[40000];
    struct sheet sheet = { 0 };
    struct view_pcapng *v =
        estab_view_pcapng_new(&(struct view_pcapng_options){ .both = true }, sheet_write, &sheet);
    struct estab_trace r = { .kind = ESTAB_TRACE_PACKET_OUT, .proto = 6, .packet = packet };
    struct capture *c;
    size_t i, k;

    for (i = 0; i < 200; i++) {
        r.packet_len = (uint32_t)(20000 + i * 97 % 20000);
        r.at = (estab_time)i;
        memset(packet, (int)i, sizeof(packet));
        assert_int_equal(estab_view_pcapng_record(v, &r), 0);
    }
    assert_int_equal(estab_view_pcapng_finish(v), 0);
    estab_view_pcapng_free(v);
    c = read_back(&sheet);
    assert_int_equal(c->n, 200);
    for (i = 0; i < c->n; i++) {
        assert_int_equal(c->packet[i].len, 20000 + i * 97 % 20000);
        for (k = 0; k < c->packet[i].len; k++)
            if (c->packet[i].data[k] != (uint8_t)i)
                fail_msg("packet %zu, octet %zu: %u", i, k, c->packet[i].data[k]);
    }
    free(c);
    sheet_free(&sheet);
}

TEST(an_empty_capture_is_still_a_capture)
{
    struct sheet sheet = { 0 };
    struct view_pcapng *v =
        estab_view_pcapng_new(&(struct view_pcapng_options){ 0 }, sheet_write, &sheet);

    assert_int_equal(estab_view_pcapng_finish(v), 0);
    estab_view_pcapng_free(v);
    free(read_back(&sheet));
    sheet_free(&sheet);
}

TEST(a_full_disk_is_reported)
{
    struct story *s = whole_connection();
    struct sheet sheet = { .fail_after = 500 };
    struct view_pcapng *v =
        estab_view_pcapng_new(&(struct view_pcapng_options){ 0 }, sheet_write, &sheet);
    int last = 0;

    for (size_t i = 0; i < s->n; i++)
        last = estab_view_pcapng_record(v, &s->r[i]);
    assert_int_equal(last, -ENOSPC);
    assert_int_equal(estab_view_pcapng_finish(v), -ENOSPC);
    assert_int_equal(sheet.refused, 1);
    estab_view_pcapng_free(v);
    free(s);
    sheet_free(&sheet);
}
