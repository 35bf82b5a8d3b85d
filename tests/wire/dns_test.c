/* SPDX-License-Identifier: MIT */
/* DNS messages: what is read is what stands there, and what is broken is refused (wire/dns.h). */
#include "harness/test.h"
#include "wire/dns.h"

#include "base/bytes.h"

#include <string.h>

static struct estab_name
name_of(const char *text)
{
    struct estab_name name;

    if (!estab_dns_name_parse(&name, text))
        fail_msg("%s: refused", text);
    return name;
}

static void
refused(const char *text)
{
    struct estab_name name;

    if (estab_dns_name_parse(&name, text))
        fail_msg("'%s': taken", text);
}

/* A response with one question for "a." and `answers` answer records made of `tail`. */
struct message {
    uint8_t octets[2048];
    size_t len;
};

static struct message
response(unsigned answers, const void *tail, size_t len)
{
    static const uint8_t head[] = { 0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0,
                                    0,    0,    1,    'a',  0, 0, 1, 0, 1 };
    struct message m = { { 0 }, sizeof head + len };

    memcpy(m.octets, head, sizeof head);
    m.octets[7] = (uint8_t)answers;
    memcpy(m.octets + sizeof head, tail, len);
    return m;
}

enum { TAIL = 19 };

/* Opens it in memory of exactly its size and skips the question. */
static struct dns_reader
opened(const struct message *m)
{
    struct dns_reader r;
    struct dns_question q;

    assert_true(estab_dns_open(&r, m->octets, m->len));
    assert_true(estab_dns_next_question(&r, &q));
    assert_int_equal(q.type, DNS_A);
    return r;
}

/* RFC 1035 §3.1, §2.3.4. */
TEST(a_name_is_labels_with_their_lengths)
{
    struct estab_name name = name_of("www.Example.org");
    char text[DNS_TEXT_MAX];

    assert_int_equal(name.len, 17);
    assert_memory_equal(name.octets, "\3www\7Example\3org", 17);
    assert_string_equal(estab_dns_name_format(&name, text), "www.Example.org");
    assert_int_equal(name_of("example.org.").len, name_of("example.org").len);
    assert_int_equal(name_of(".").len, 1);
}

/* RFC 1035 §2.3.4: 63 octets a label, 255 a name. */
TEST(labels_and_names_have_their_limits)
{
    char text[300];

    memset(text, 'a', sizeof text);
    text[63] = '\0';
    assert_int_equal(name_of(text).len, 65);
    text[63] = 'a';
    text[64] = '\0';
    refused(text);
    for (unsigned i = 0; i < 260; i++)
        text[i] = i % 2 == 0 ? 'a' : '.';
    text[253] = '\0'; /* 127 labels: 255 octets */
    assert_int_equal(name_of(text).len, 255);
    text[253] = '.';
    text[255] = '\0';
    refused(text);
}

TEST(what_is_no_name_is_refused)
{
    refused("");
    refused("..");
    refused(".a");
    refused("a..b");
    refused("a b");
    refused("a/b");
    refused("caf\xc3\xa9");
    refused("a\nb");
}

/* RFC 4343: only the letters of ASCII. */
TEST(letters_compare_without_case)
{
    struct estab_name a = name_of("EXAMPLE.org"), b = name_of("example.ORG");

    assert_true(estab_dns_name_equal(&a, &b));
    assert_false(estab_dns_name_same_octets(&a, &b));
    b = name_of("example-org");
    assert_false(estab_dns_name_equal(&a, &b));
}

TEST(a_zone_holds_whole_labels_only)
{
    struct estab_name zone = name_of("example.org"), in = name_of("a.b.Example.org"),
                      out = name_of("notexample.org"), root = name_of(".");

    assert_true(estab_dns_name_is_under(&in, &zone));
    assert_true(estab_dns_name_is_under(&zone, &zone));
    assert_false(estab_dns_name_is_under(&out, &zone));
    assert_false(estab_dns_name_is_under(&zone, &in));
    assert_true(estab_dns_name_is_under(&in, &root));
}

/* RFC 1035 §5.1: nobody's terminal is at the mercy of a name. */
TEST(octets_that_are_no_letters_are_escaped)
{
    struct estab_name name = { 6, { 4, 27, '[', '.', 'a', 0 } };
    char text[DNS_TEXT_MAX];

    assert_string_equal(estab_dns_name_format(&name, text), "\\027\\091\\046a");
}

/* RFC 1035 §4.1, RFC 6891 §6.1.2. */
TEST(a_query_has_one_question_and_the_edns_size)
{
    struct estab_name name = name_of("a");
    uint8_t out[DNS_QUERY_MAX];
    static const uint8_t want[] = { 0x12, 0x34, 1, 0, 0, 1, 0,  0, 0,    0, 0, 1, 1, 'a', 0,
                                    0,    28,   0, 1, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0,   0 };

    assert_int_equal(estab_dns_write_query(out, 0x1234, &name, DNS_AAAA, 1232), sizeof want);
    assert_memory_equal(out, want, sizeof want);
    assert_int_equal(estab_dns_write_query(out, 0x1234, &name, DNS_AAAA, 0), 19);
    assert_int_equal(out[11], 0);
}

/* RFC 1035 §4.1.4. */
TEST(compressed_names_are_read)
{
    static const uint8_t tail[] = { 1, 'b', 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7 };
    struct message m = response(1, tail, sizeof tail);
    struct dns_reader r = opened(&m);
    struct dns_record record;
    struct estab_addr addr;
    char text[DNS_TEXT_MAX];

    assert_true(estab_dns_next_record(&r, &record));
    assert_string_equal(estab_dns_name_format(&record.name, text), "b.a");
    assert_int_equal(record.ttl, 9);
    assert_int_equal(record.section, 1);
    assert_true(estab_dns_record_addr(&record, &addr));
    assert_int_equal(addr.bytes[3], 7);
    assert_false(estab_dns_next_record(&r, &record));
    assert_false(r.bad);
}

/* RFC 1035 §4.1.4: a pointer points to what came before. A message that points at itself, in a
 * ring, ahead or into the header holds nobody up. */
TEST(pointers_that_do_not_point_back_are_refused)
{
    static const struct {
        const char *what;
        uint8_t octets[8];
    } bad[] = {
        { "itself", { 0xc0, TAIL } },
        { "ring over a label", { 1, 'x', 0xc0, TAIL } },
        { "ahead", { 0xc0, TAIL + 4, 0, 0, 0 } },
        { "beyond the end", { 0xff, 0xff } },
        { "the header", { 0xc0, 0 } },
        { "reserved 01", { 0x41, 'x', 0 } },
        { "reserved 10", { 0x81, 'x', 0 } },
    };

    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t tail[32] = { 0 };
        struct message m;
        struct dns_reader r;
        struct dns_record record;

        memcpy(tail, bad[i].octets, sizeof bad[i].octets);
        m = response(1, tail, sizeof tail);
        r = opened(&m);
        if (estab_dns_next_record(&r, &record) || !r.bad)
            fail_msg("%s: taken", bad[i].what);
        assert_false(estab_dns_next_record(&r, &record));
    }
}

/* A long chain of pointers costs time for nothing: 127 are the most a name can use. */
TEST(long_chains_of_pointers_are_refused)
{
    uint8_t tail[600];
    struct message m;
    struct dns_reader r;
    struct dns_record record;

    for (unsigned chain = 100; chain <= 200; chain += 100) {
        size_t at = 10;

        /* A record of no type whose data are pointers, each to the one before. */
        memset(tail, 0, sizeof tail);
        put_be16(tail, 0xc00c);
        put_be16(tail + 2, 99);
        put_be16(tail + 4, 1);
        put_be16(tail + 10, 2 * chain);
        at = 12;
        put_be16(tail + at, 0xc00c);
        for (unsigned i = 1; i < chain; i++)
            put_be16(tail + at + 2 * i, 0xc000 | (TAIL + 12 + 2 * (i - 1)));
        at += 2 * chain;
        put_be16(tail + at, 0xc000 | (TAIL + at - 2));
        put_be16(tail + at + 2, 1);
        put_be16(tail + at + 4, 1);
        put_be16(tail + at + 10, 0);
        m = response(2, tail, at + 12);
        r = opened(&m);
        assert_true(estab_dns_next_record(&r, &record));
        assert_int_equal(estab_dns_next_record(&r, &record), chain == 100);
        assert_int_equal(r.bad, chain != 100);
    }
}

TEST(a_message_cut_anywhere_is_noticed)
{
    static const uint8_t tail[] = { 1, 'b', 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7 };
    struct message m = response(1, tail, sizeof tail);

    for (size_t len = 0; len < m.len; len++) {
        struct dns_reader r;
        struct dns_question q;
        struct dns_record record;

        if (!estab_dns_open(&r, m.octets, len)) {
            assert_true(len < DNS_HEADER);
            continue;
        }
        if (estab_dns_next_question(&r, &q))
            assert_false(estab_dns_next_record(&r, &record));
        assert_true(r.bad);
    }
}

TEST(names_longer_than_255_octets_are_refused)
{
    uint8_t tail[300] = { 0 };
    struct message m;
    struct dns_reader r;
    struct dns_record record;

    for (unsigned i = 0; i < 4; i++) {
        tail[64 * i] = 63;
        memset(tail + 64 * i + 1, 'x', 63);
    }
    m = response(1, tail, sizeof tail);
    r = opened(&m);
    assert_false(estab_dns_next_record(&r, &record));
    assert_true(r.bad);
}

/* RFC 2308 §5: the lesser of the SOA's TTL and its MINIMUM; RFC 2181 §8: no negative TTL. */
TEST(how_long_no_holds_stands_in_the_soa)
{
    uint8_t tail[] = { 0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 60, 0, 24, 0xc0, 12, 0xc0, 12, 0, 0,
                       0,    1,  0, 0, 0, 0, 0, 0, 0, 0,  0, 0,  0,    0,  0,    0,  0, 30 };
    struct message m = response(1, tail, sizeof tail);
    struct dns_reader r = opened(&m);
    struct dns_record record;
    uint32_t ttl;

    assert_true(estab_dns_next_record(&r, &record));
    assert_true(estab_dns_soa_ttl(&r, &record, &ttl));
    assert_int_equal(ttl, 30);
    record.ttl = 20;
    assert_true(estab_dns_soa_ttl(&r, &record, &ttl));
    assert_int_equal(ttl, 20);
    record.len--;
    assert_false(estab_dns_soa_ttl(&r, &record, &ttl));
    tail[6] = 0x80;
    m = response(1, tail, sizeof tail);
    r = opened(&m);
    assert_true(estab_dns_next_record(&r, &record));
    assert_int_equal(record.ttl, 0);
}

TEST(an_address_record_has_the_length_of_an_address)
{
    static const uint8_t data[16] = { 1 };
    struct dns_record record = { .type = DNS_A, .class = DNS_CLASS_IN, .data = data, .len = 4 };
    struct estab_addr addr;

    assert_true(estab_dns_record_addr(&record, &addr));
    record.len = 16;
    assert_false(estab_dns_record_addr(&record, &addr));
    record.type = DNS_AAAA;
    assert_true(estab_dns_record_addr(&record, &addr));
    assert_int_equal(addr.family, ESTAB_INET6);
    record.class = 3;
    assert_false(estab_dns_record_addr(&record, &addr));
}
