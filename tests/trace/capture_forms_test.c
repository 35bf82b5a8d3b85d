/* SPDX-License-Identifier: MIT */
/* Captures in every form that tools write them, and in forms that only a liar would (trace/capture.h). */
#include "harness/test.h"
#include "tests/trace/capture_file.h"
#include "trace/capture.h"

#include <stdlib.h>
#include <string.h>

static void
put_octets(struct file *f, const void *p, size_t n)
{
    memcpy(f->octets + f->len, p, n);
    f->len += n;
}

static const uint8_t ip4[20] = { 0x45, 0, 0, 20, [8] = 64, [12] = 10, 0, 0, 1, 10, 0, 0, 2 };

static void
pcap_packet(struct file *f, uint32_t s, uint32_t fraction, const void *p, uint32_t len)
{
    put(f, s, 4);
    put(f, fraction, 4);
    put(f, len, 4);
    put(f, len + 7, 4);
    put_octets(f, p, len);
}

/* A reader of the octets, in memory of their own so that a sanitizer sees who reads too far. */
struct reading {
    struct capture *capture;
    struct capture_memory memory;
    uint8_t *octets;
};

static void
begin(struct reading *r, const uint8_t *octets, size_t len)
{
    r->octets = malloc(len > 0 ? len : 1);
    assert_non_null(r->octets);
    memcpy(r->octets, octets, len);
    r->memory = (struct capture_memory){ .data = r->octets, .len = len };
    r->capture = estab_captured_new(estab_captured_memory, &r->memory);
    assert_non_null(r->capture);
}

static int
next(struct reading *r, struct capture_packet *p)
{
    return estab_captured_next(r->capture, p);
}

static void
done(struct reading *r)
{
    estab_captured_free(r->capture);
    free(r->octets);
}

TEST(pcap_is_read_in_both_orders_and_both_units)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        struct file f = { .big = kind & 1 };
        struct capture_packet p;
        struct reading r;
        const uint8_t *ip;
        uint32_t len, wire_len;

        pcap_head(&f, kind & 2 ? 0xa1b23c4d : 0xa1b2c3d4, 101);
        pcap_packet(&f, 1000000000, 123456, ip4, 20);
        pcap_packet(&f, 1000000001, 0, ip4, 20);
        begin(&r, f.octets, f.len);
        assert_int_equal(next(&r, &p), 1);
        assert_true(p.at == INT64_C(1000000000) * 1000000000 + (kind & 2 ? 123456 : 123456000));
        assert_int_equal(p.len, 20);
        assert_int_equal(p.wire_len, 27);
        assert_true(estab_captured_ip(&p, &ip, &len, &wire_len));
        assert_int_equal(len, 20);
        assert_memory_equal(ip, ip4, 20);
        assert_int_equal(next(&r, &p), 1);
        assert_int_equal(next(&r, &p), 0);
        assert_int_equal(next(&r, &p), 0);
        done(&r);
    }
}

/* ---- pcapng ---- */

static void
block(struct file *f, uint32_t type, const struct file *body)
{
    uint32_t total = 12 + (uint32_t)((body->len + 3) & ~(size_t)3);

    put(f, type, 4);
    put(f, total, 4);
    put_octets(f, body->octets, body->len);
    put(f, 0, (4 - body->len % 4) % 4);
    put(f, total, 4);
}

static void
section(struct file *f)
{
    struct file b = { .big = f->big };

    put(&b, 0x1a2b3c4d, 4);
    put(&b, 1, 2);
    put(&b, 0, 2);
    put(&b, UINT64_MAX, 8);
    block(f, 0x0a0d0d0a, &b);
}

static void
interface(struct file *f, uint16_t link, int resolution, int64_t offset)
{
    struct file b = { .big = f->big };

    put(&b, link, 2);
    put(&b, 0, 2);
    put(&b, 0, 4);
    put(&b, 2, 2); /* if_name, to be passed over */
    put(&b, 3, 2);
    put_octets(&b, "lo0\0", 4);
    if (resolution >= 0) {
        put(&b, 9, 2);
        put(&b, 1, 2);
        put(&b, (uint64_t)resolution, 1);
        put(&b, 0, 3);
    }
    if (offset != 0) {
        put(&b, 14, 2);
        put(&b, 8, 2);
        put(&b, (uint64_t)offset, 8);
    }
    put(&b, 0, 4);
    block(f, 1, &b);
}

static void
enhanced(struct file *f, uint32_t i, uint64_t at, const void *p, uint32_t len)
{
    struct file b = { .big = f->big };

    put(&b, i, 4);
    put(&b, at >> 32, 4);
    put(&b, at & 0xffffffff, 4);
    put(&b, len, 4);
    put(&b, len, 4);
    put_octets(&b, p, len);
    put(&b, 0, (4 - len % 4) % 4);
    block(f, 6, &b);
}

TEST(pcapng_is_read_with_each_interfaces_own_clock)
{
    for (unsigned big = 0; big < 2; big++) {
        static const struct {
            int resolution;
            int64_t offset;
            uint64_t units;
            int64_t at;
        } clocks[] = {
            { -1, 0, 5000001, 5000001000 },       /* microseconds when nothing is said */
            { 9, 0, 5000000001, 5000000001 },     /* as we write it */
            { 3, 100, 5001, 105001000000 },       /* milliseconds, from another beginning */
            { 12, 0, 5000000000999, 5000000000 }, /* finer than we know */
            { 0, 0, 7, 7000000000 },              /* seconds */
            { 0x81, 0, 3, 1500000000 },           /* halves */
            { 0xa0, 0, UINT64_C(3) << 31, 1500000000 },
            { 0xbf, 0, UINT64_C(1) << 62, 500000000 },
            { 0xff, 0, 1, 0 }, /* nonsense is no time, and no trap */
            { 100, 0, 1, 0 },
            { 0, -3, 2, 0 },
            { 0, 0, UINT64_MAX, (INT64_MAX / 1000000000 - 1) * 1000000000 }, /* the last */
            { 9, 0, 999999999, 999999999 },
        };
        for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
            struct file f = { .big = big };
            struct capture_packet p;
            struct reading r;

            section(&f);
            interface(&f, 101, 4, 77); /* another one's, which is not ours */
            interface(&f, 101, clocks[i].resolution, clocks[i].offset);
            enhanced(&f, 1, clocks[i].units, ip4, 20);
            begin(&r, f.octets, f.len);
            assert_int_equal(next(&r, &p), 1);
            if (p.at != clocks[i].at)
                fail_msg("clock %u: %lld", i, (long long)p.at);
            assert_memory_equal(p.data, ip4, 20);
            assert_int_equal(next(&r, &p), 0);
            done(&r);
        }
    }
}

TEST(other_blocks_are_passed_over_and_sections_may_follow)
{
    struct file f = { .big = false }, b = { .big = false }, later = { .big = true };
    struct capture_packet p;
    struct reading r;

    section(&f);
    interface(&f, 101, 9, 0);
    put_octets(&b, "whatever", 8);
    block(&f, 0x0bad, &b);       /* unknown */
    enhanced(&f, 1, 1, ip4, 20); /* of an interface that was never described */
    b.len = 0;
    put(&b, 20, 4);
    put_octets(&b, ip4, 20);
    block(&f, 3, &b); /* a simple packet */
    b.len = 0;
    put(&b, 0, 4);
    put(&b, 0, 4);
    put(&b, 77, 4);
    put(&b, 20, 4);
    put(&b, 20, 4);
    put_octets(&b, ip4, 20);
    block(&f, 2, &b); /* an old packet */
    section(&later);  /* a section in the other order */
    interface(&later, 1, 9, 0);
    enhanced(&later, 0, 99, ip4, 20);
    put_octets(&f, later.octets, later.len);
    begin(&r, f.octets, f.len);
    assert_int_equal(next(&r, &p), 1);
    assert_int_equal(p.len, 20);
    assert_int_equal(next(&r, &p), 1);
    assert_int_equal(p.at, 77);
    assert_int_equal(next(&r, &p), 1);
    assert_int_equal(p.at, 99);
    assert_int_equal(p.link, 1);
    assert_int_equal(next(&r, &p), 0);
    done(&r);
}

/* ---- links ---- */

static bool
finds_ip(uint16_t link, const uint8_t *head, uint32_t head_len)
{
    uint8_t data[80];
    struct capture_packet p = { .link = link, .data = data, .len = head_len + 20 };
    const uint8_t *ip;
    uint32_t len, wire_len;

    p.wire_len = p.len;
    memcpy(data, head, head_len);
    memcpy(data + head_len, ip4, 20);
    return estab_captured_ip(&p, &ip, &len, &wire_len) && ip == data + head_len && len == 20 &&
           wire_len == 20;
}

TEST(every_kind_of_link_leads_to_its_packet)
{
    const uint8_t ether[14] = { [12] = 8 }, vlan[18] = { [12] = 0x81, [16] = 8 };
    const uint8_t twice[22] = { [12] = 0x88, 0xa8, [16] = 0x81, [20] = 8 };
    const uint8_t thrice[26] = { [12] = 0x81, [16] = 0x81, [20] = 0x81, [24] = 8 };
    const uint8_t arp[14] = { [12] = 8, 6 }, null[4] = { 2 }, sll[16] = { [14] = 8 };
    const uint8_t sll2[20] = { 8 };

    assert_true(finds_ip(1, ether, 14));
    assert_true(finds_ip(1, vlan, 18));
    assert_true(finds_ip(1, twice, 22));
    assert_true(finds_ip(1, thrice, 26));
    assert_false(finds_ip(1, arp, 14));
    assert_true(finds_ip(0, null, 4));
    assert_true(finds_ip(108, null, 4));
    assert_true(finds_ip(113, sll, 16));
    assert_true(finds_ip(276, sll2, 20));
    assert_true(finds_ip(12, ether, 0));
    assert_true(finds_ip(14, ether, 0));
    assert_true(finds_ip(101, ether, 0));
    assert_true(finds_ip(228, ether, 0));
    assert_false(finds_ip(105, ether, 0)); /* 802.11: not known here */
    assert_false(finds_ip(101, null, 4));  /* neither version */
}

/* ---- lies ---- */

static void
all_of(const uint8_t *octets, size_t len)
{
    struct capture_packet p;
    struct reading r;
    unsigned packets = 0;
    int more;

    begin(&r, octets, len);
    while ((more = next(&r, &p)) == 1) {
        const uint8_t *ip;
        uint32_t n, wire_len;

        if (estab_captured_ip(&p, &ip, &n, &wire_len))
            assert_true(ip >= p.data && n > 0 && ip + n <= p.data + p.len && wire_len >= n);
        assert_true(++packets < 1000);
    }
    assert_true((more == 0) == (*estab_captured_error(r.capture) == '\0'));
    done(&r);
}

/* Cut off at every octet, and every octet altered. */
TEST(no_file_leads_outside_of_itself)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        struct file f = { .big = kind & 1 };

        if (kind & 2) {
            pcap_head(&f, 0xa1b2c3d4, 1);
            for (unsigned i = 0; i < 3; i++)
                pcap_packet(&f, i, i, ip4, 20);
        } else {
            section(&f);
            interface(&f, 1, 9, 5);
            for (unsigned i = 0; i < 3; i++)
                enhanced(&f, 0, i, ip4, 20);
        }
        for (size_t n = 0; n <= f.len; n++)
            all_of(f.octets, n);
        for (size_t at = 0; at < f.len; at++) {
            static const uint8_t values[] = { 0, 1, 4, 0x7f, 0x80, 0xff };
            uint8_t was = f.octets[at];

            for (unsigned v = 0; v < sizeof values; v++) {
                f.octets[at] = values[v];
                all_of(f.octets, f.len);
            }
            f.octets[at] = was;
        }
    }
}

static void
says(const struct file *f, size_t len, const char *wrong)
{
    struct capture_packet p;
    struct reading r;
    int more;

    begin(&r, f->octets, len);
    while ((more = next(&r, &p)) == 1)
        ;
    assert_int_equal(more, -1);
    assert_string_equal(estab_captured_error(r.capture), wrong);
    assert_int_equal(next(&r, &p), -1);
    done(&r);
}

TEST(what_is_wrong_is_said)
{
    struct file f = { .big = false };

    says(&f, 0, "the file is empty");
    put_octets(&f, "GET / HTTP/1.0\r\n\r\n          ", 28);
    says(&f, f.len, "no capture: pcap and pcapng are read");
    f.len = 0;
    pcap_head(&f, 0xa1b2c3d4, 1);
    pcap_packet(&f, 1, 1, ip4, 20);
    pcap_packet(&f, 1, 1, ip4, 20);
    says(&f, f.len - 1, "after packet 1: the file is cut off here");
}
