/* SPDX-License-Identifier: MIT */
/* Reading captures: both formats, both byte orders, every link, and files that lie. */
#include "harness/test.h"
#include "tests/trace/capture_file.h"
#include "trace/capture.h"

#include <string.h>

static ptrdiff_t
read_it(void *ctx, void *p, size_t n)
{
    struct file *f = ctx;

    if (n > f->step && f->step > 0)
        n = f->step;
    if (n > f->len - f->at)
        n = f->len - f->at;
    memcpy(p, f->octets + f->at, n);
    f->at += n;
    return (ptrdiff_t)n;
}

static void
put_text(struct file *f, const char *s, size_t n)
{
    memcpy(f->octets + f->len, s, n);
    f->len += n;
    while (f->len % 4 != 0)
        f->octets[f->len++] = 0;
}

static void
pcap_packet(struct file *f, uint32_t s, uint32_t rest, const char *text, uint32_t wire)
{
    put(f, s, 4);
    put(f, rest, 4);
    put(f, strlen(text), 4);
    put(f, wire, 4);
    memcpy(f->octets + f->len, text, strlen(text));
    f->len += strlen(text);
}

static void
section(struct file *f)
{
    put(f, 0x0a0d0d0a, 4);
    put(f, 28, 4);
    put(f, 0x1a2b3c4d, 4);
    put(f, 1, 2);
    put(f, 0, 2);
    put(f, UINT64_MAX, 8);
    put(f, 28, 4);
}

static void
interface(struct file *f, unsigned link, unsigned resolution)
{
    put(f, 1, 4);
    put(f, 32, 4);
    put(f, link, 2);
    put(f, 0, 2);
    put(f, 0, 4);
    put(f, 9, 2); /* if_tsresol */
    put(f, 1, 2);
    f->octets[f->len++] = (uint8_t)resolution;
    f->len += 3;
    put(f, 0, 4);
    put(f, 32, 4);
}

static void
enhanced(struct file *f, unsigned interface_number, uint64_t time, const char *text,
         const char *comment)
{
    uint32_t len = (uint32_t)strlen(text), n = (uint32_t)strlen(comment);
    uint32_t total = 32 + ((len + 3) & ~3u) + (n > 0 ? 4 + ((n + 3) & ~3u) + 4 : 0);

    put(f, 6, 4);
    put(f, total, 4);
    put(f, interface_number, 4);
    put(f, time >> 32, 4);
    put(f, time & 0xffffffff, 4);
    put(f, len, 4);
    put(f, len + 1, 4);
    put_text(f, text, len);
    if (n > 0) {
        put(f, 1, 2);
        put(f, n, 2);
        put_text(f, comment, n);
        put(f, 0, 4);
    }
    put(f, total, 4);
}

static void
both_byte_orders(bool big, uint32_t magic, estab_time wanted, size_t step)
{
    struct file f = { .big = big, .step = step };
    struct capture_packet p;
    struct capture *c = estab_captured_new(read_it, &f);

    pcap_head(&f, magic, LINK_RAW);
    pcap_packet(&f, 7, 500, "abc", 1500);
    pcap_packet(&f, 8, 0, "", 0);
    assert_non_null(c);
    assert_int_equal(estab_captured_next(c, &p), 1);
    assert_int_equal(p.number, 1);
    assert_int_equal(p.at, wanted);
    assert_int_equal(p.link, LINK_RAW);
    assert_int_equal(p.len, 3);
    assert_int_equal(p.wire_len, 1500);
    assert_memory_equal(p.data, "abc", 3);
    assert_int_equal(estab_captured_next(c, &p), 1);
    assert_int_equal(p.len, 0);
    assert_int_equal(estab_captured_next(c, &p), 0);
    assert_int_equal(estab_captured_next(c, &p), 0);
    estab_captured_free(c);
}

TEST(pcap_of_both_byte_orders_and_both_units_of_time)
{
    both_byte_orders(false, 0xa1b2c3d4, ESTAB_SEC(7) + ESTAB_US(500), 0);
    both_byte_orders(true, 0xa1b2c3d4, ESTAB_SEC(7) + ESTAB_US(500), 1);
    both_byte_orders(false, 0xa1b23c4d, ESTAB_SEC(7) + 500, 3);
    both_byte_orders(true, 0xa1b23c4d, ESTAB_SEC(7) + 500, 0);
}

TEST(pcapng_with_comments_sections_and_units_of_its_own)
{
    for (unsigned big = 0; big < 2; big++) {
        struct file f = { .big = big != 0, .step = 5 };
        struct capture_packet p;
        struct capture *c = estab_captured_new(read_it, &f);

        section(&f);
        interface(&f, LINK_RAW, 9);
        put(&f, 5, 4); /* statistics: passed over */
        put(&f, 16, 4);
        put(&f, 0, 4);
        put(&f, 16, 4);
        enhanced(&f, 0, 1500000000123456789, "first", "why it was sent");
        enhanced(&f, 3, 0, "of no interface", "");
        f.big = !f.big; /* another section, another byte order */
        section(&f);
        interface(&f, LINK_ETHERNET, 0x80 | 10); /* 1024 ticks a second */
        enhanced(&f, 0, (uint64_t)1500000001 * 1024 + 512, "second", "");
        put(&f, 3, 4); /* a simple packet */
        put(&f, 20, 4);
        put(&f, 9, 4);
        put_text(&f, "abcd", 4);
        put(&f, 20, 4);

        assert_int_equal(estab_captured_next(c, &p), 1);
        assert_int_equal(p.at, 1500000000123456789);
        assert_string_equal(p.comment, "why it was sent");
        assert_int_equal(p.wire_len, 6);
        assert_int_equal(estab_captured_next(c, &p), 1);
        assert_int_equal(p.number, 3); /* as others count */
        assert_int_equal(p.link, LINK_ETHERNET);
        assert_int_equal(p.at, ESTAB_SEC(1500000001) + ESTAB_MS(500));
        assert_string_equal(p.comment, "");
        assert_int_equal(estab_captured_next(c, &p), 1);
        assert_int_equal(p.len, 4);
        assert_int_equal(p.wire_len, 9);
        assert_int_equal(estab_captured_next(c, &p), 0);
        assert_int_equal(estab_captured_strays(c), 1);
        estab_captured_free(c);
    }
}

static void
expect_error(struct file *f, unsigned good, const char *text)
{
    struct capture_packet p;
    struct capture *c = estab_captured_new(read_it, f);

    for (unsigned i = 0; i < good; i++)
        assert_int_equal(estab_captured_next(c, &p), 1);
    assert_int_equal(estab_captured_next(c, &p), -1);
    assert_non_null(strstr(estab_captured_error(c), text));
    assert_int_equal(estab_captured_next(c, &p), -1);
    estab_captured_free(c);
}

TEST(files_that_lie_are_refused_after_what_was_good)
{
    struct file f = { .len = 0 };

    expect_error(&f, 0, "empty");
    put_text(&f, "GIF89a..", 8);
    expect_error(&f, 0, "no capture");

    f = (struct file){ .len = 0 };
    pcap_head(&f, 0xa1b2c3d4, LINK_RAW);
    pcap_packet(&f, 1, 1, "good", 4);
    f.len += 7;
    expect_error(&f, 1, "after packet 1: the file is cut off");

    f = (struct file){ .len = 0 };
    pcap_head(&f, 0xa1b2c3d4, LINK_RAW);
    put(&f, 0, 8);
    put(&f, 0x7fffffff, 4);
    put(&f, 0x7fffffff, 4);
    expect_error(&f, 0, "longer than any");

    f = (struct file){ .len = 0 };
    section(&f);
    put(&f, 6, 4);
    put(&f, 13, 4);
    expect_error(&f, 0, "impossible length");

    f = (struct file){ .len = 0 };
    section(&f);
    interface(&f, LINK_RAW, 6);
    enhanced(&f, 0, 5, "1234", "");
    f.octets[28 + 32 + 20] = 200; /* the captured length */
    expect_error(&f, 0, "longer than its block");
}

TEST(time_never_runs_backwards)
{
    struct file f = { .len = 0 };
    struct capture_packet p;
    struct capture *c = estab_captured_new(read_it, &f);

    pcap_head(&f, 0xa1b2c3d4, LINK_RAW);
    pcap_packet(&f, 9, 0, "x", 1);
    pcap_packet(&f, 8, 0, "y", 1);
    assert_int_equal(estab_captured_next(c, &p), 1);
    assert_int_equal(estab_captured_next(c, &p), 1);
    assert_int_equal(p.at, ESTAB_SEC(9));
    assert_int_equal(estab_captured_backwards(c), 1);
    estab_captured_free(c);
}

/* ---- links ---- */

static bool
ip_in(uint32_t link, const char *octets, uint32_t len, uint32_t *at)
{
    struct capture_packet p = {
        .link = link, .data = (const uint8_t *)octets, .len = len, .wire_len = len + 10
    };
    const uint8_t *ip;
    uint32_t ip_len, wire_len;

    if (!estab_captured_ip(&p, &ip, &ip_len, &wire_len))
        return false;
    *at = (uint32_t)(ip - p.data);
    assert_int_equal(ip_len, len - *at);
    assert_int_equal(wire_len, len + 10 - *at);
    return true;
}

#define IP_IN(link, octets, at) ip_in((link), (octets), sizeof(octets) - 1, (at))

TEST(ip_is_found_behind_every_link)
{
    uint32_t at = 99;

    assert_true(IP_IN(LINK_RAW, "\x45rest", &at));
    assert_int_equal(at, 0);
    assert_true(IP_IN(LINK_ETHERNET,
                      "dddddd"
                      "ssssss"
                      "\x08\x00"
                      "\x45",
                      &at));
    assert_int_equal(at, 14);
    assert_true(IP_IN(LINK_ETHERNET,
                      "dddddd"
                      "ssssss"
                      "\x81\x00\x00\x07\x86\xdd"
                      "\x60",
                      &at));
    assert_int_equal(at, 18);
    assert_true(IP_IN(LINK_ETHERNET,
                      "dddddd"
                      "ssssss"
                      "\x88\xa8\x00\x07\x81\x00\x00\x08\x08\x00"
                      "\x45",
                      &at));
    assert_int_equal(at, 22);
    assert_true(IP_IN(LINK_ETHERNET,
                      "dddddd"
                      "ssssss"
                      "\x88\x64\x11\x00\x00\x01\x00\x05\x00\x21"
                      "\x45",
                      &at));
    assert_int_equal(at, 22);
    assert_true(IP_IN(LINK_SLL,
                      "\0\0\0\1\0\6mmmmmm\0\0"
                      "\x08\x00"
                      "\x45",
                      &at));
    assert_int_equal(at, 16);
    assert_true(IP_IN(LINK_SLL2,
                      "\x86\xdd\0\0"
                      "\0\0\0\1"
                      "\0\1\0\6"
                      "mmmmmm\0\0"
                      "\x60",
                      &at));
    assert_int_equal(at, 20);
    assert_true(IP_IN(LINK_NULL,
                      "\2\0\0\0"
                      "\x45",
                      &at));
    assert_int_equal(at, 4);
    assert_true(IP_IN(LINK_LOOP,
                      "\0\0\0\2"
                      "\x45",
                      &at));
    assert_int_equal(at, 4);
}

TEST(what_is_no_ip_is_none)
{
    uint32_t at;

    assert_false(IP_IN(LINK_ETHERNET,
                       "dddddd"
                       "ssssss"
                       "\x08\x06"
                       "\x45",
                       &at)); /* ARP */
    assert_false(IP_IN(LINK_ETHERNET,
                       "dddddd"
                       "ssssss"
                       "\x08\x00",
                       &at)); /* nothing behind it */
    assert_false(IP_IN(LINK_ETHERNET,
                       "dddddd"
                       "ssss",
                       &at));
    assert_false(IP_IN(LINK_ETHERNET,
                       "dddddd"
                       "ssssss"
                       "\x81\x00\x00",
                       &at));
    assert_false(IP_IN(LINK_RAW, "\x15", &at));
    assert_false(IP_IN(LINK_NULL, "\2\0\0\0", &at));
    assert_false(IP_IN(LINK_SLL2,
                       "\x08\x06\0\0"
                       "\0\0\0\1"
                       "\0\1\0\6"
                       "mmmmmm\0\0"
                       "\x45",
                       &at));
    assert_false(estab_captured_link_is_read(105)); /* 802.11 */
}
