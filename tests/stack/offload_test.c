/* SPDX-License-Identifier: MIT */
/*
 * Checksums left to the link and vouched for by it: two hosts joined by a link that is told what it
 * may do, and lies about it. One host sends an odd number of octets, so that text begins and ends
 * anywhere in the ring.
 */
#include "base/bytes.h"
#include "estab/estab.h"
#include "harness/test.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip_header.h"

#include <stdlib.h>
#include <string.h>

enum { ROOM = 1600, SEEN = 4096, TEXT = 100001 };

static void *
get(void *ctx, size_t size, size_t align)
{
    void *p;

    (void)ctx;
    if (align < sizeof(void *))
        align = sizeof(void *);
    return posix_memalign(&p, align, size) == 0 ? p : NULL;
}

static void
put(void *ctx, void *p, size_t size)
{
    (void)ctx;
    (void)size;
    free(p);
}

struct wire {
    struct estab_stack *host[2];
    estab_time now;
    bool complete;            /* the link makes checksums whole on the way */
    uint8_t vouch;            /* flags that it sets on what arrives */
    uint64_t hash;            /* of all that the first host has sent, as it arrives */
    unsigned partial, frames; /* of the first host */
    uint32_t flip;            /* every so many-th frame is damaged in its text; 0: none */
};

static struct estab_link
link_of(bool ethernet, unsigned h)
{
    struct estab_link l = { .mtu = 1500 };

    if (ethernet) {
        l.kind = ESTAB_LINK_ETHERNET;
        l.vlan = 5;
        memcpy(l.mac, (uint8_t[6]){ 2, 0, 0, 0, 0, (uint8_t)(1 + h) }, 6);
    }
    return l;
}

static struct estab_addr
addr_of(unsigned h, bool v6)
{
    struct estab_addr a = estab_addr_v4(10, 0, 0, (uint8_t)(1 + h));

    if (v6)
        assert_int_equal(estab_addr_parse(&a, h == 0 ? "2001:db8::1" : "2001:db8::2"), 0);
    return a;
}

static void
wire_init(struct wire *w, bool ethernet, bool v6, struct estab_offload first,
          struct estab_offload second)
{
    *w = (struct wire){ .now = ESTAB_SEC(1) };
    for (unsigned h = 0; h < 2; h++) {
        struct estab_link l = link_of(ethernet, h);
        struct estab_addr a = addr_of(h, v6);
        struct estab_config cfg;

        estab_config_init(&cfg);
        memset(cfg.secret, 1 + (int)h, sizeof(cfg.secret));
        cfg.alloc = (struct estab_alloc){ get, put, NULL };
        l.offload = h == 0 ? first : second;
        w->host[h] = estab_stack_new(&cfg);
        assert_non_null(w->host[h]);
        assert_int_equal(estab_stack_add_interface(w->host[h], &l), 1);
        assert_int_equal(estab_stack_add_address(w->host[h], 1, &a, v6 ? 64 : 24), 0);
    }
}

static void
wire_end(struct wire *w)
{
    estab_stack_free(w->host[0]);
    estab_stack_free(w->host[1]);
}

/* Where the checksum of a segment must be, by its headers. */
static void
check_partial(const struct estab_frame *f, uint32_t header)
{
    uint32_t ip = f->data[header] >> 4 == 4 ? 20 : 40;

    assert_int_equal(f->csum_start, header + ip);
    assert_int_equal(f->csum_offset, 16);
}

static bool
carry(struct wire *w, unsigned from, uint32_t header)
{
    uint8_t data[ROOM];
    struct estab_frame f = { .data = data, .cap = ROOM, .flags = 0x55, .segment = 9 };

    if (estab_stack_output(w->host[from], 1, &f, 1, w->now) == 0)
        return false;
    assert_int_equal(f.segment, 0); /* set, whatever was there */
    assert_true((f.flags & ~ESTAB_FRAME_CSUM_PARTIAL) == 0);
    if (f.flags != 0)
        check_partial(&f, header);
    w->partial += from == 0 && f.flags != 0;
    w->frames += from == 0;
    if (w->complete) {
        assert_true(estab_frame_complete(&f));
        assert_int_equal(f.flags, 0);
    }
    if (from == 0)
        for (uint32_t i = 0; i < f.len; i++)
            w->hash = (w->hash ^ data[i]) * 0x100000001b3u;
    f.flags |= w->vouch;
    if (w->flip != 0 && from == 0 && f.len > 1000 && w->frames % w->flip == 0)
        data[f.len - 1] ^= 1;
    estab_stack_input(w->host[1 - from], 1, &f, 1, w->now);
    return true;
}

static void
settle(struct wire *w, uint32_t header)
{
    for (bool any = true; any;) {
        any = false;
        for (unsigned h = 0; h < 2; h++) {
            if (estab_stack_deadline(w->host[h]) <= w->now)
                estab_stack_tick(w->host[h], w->now);
            while (carry(w, h, header))
                any = true;
        }
    }
}

static uint8_t
octet(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

/* A stream from the first to the second host; how many of its octets arrived wrong. */
static size_t
stream(struct wire *w, bool v6, uint32_t header)
{
    struct estab_endpoint at = { .port = 80 }, to = { .addr = addr_of(1, v6), .port = 80 };
    uint8_t chunk[777];
    size_t sent = 0, got = 0, wrong = 0;
    estab_conn l, c, s = 0;

    settle(w, header);
    assert_int_equal(estab_listen(w->host[1], &at, 4, NULL, &l, w->now), 0);
    assert_int_equal(estab_connect(w->host[0], NULL, &to, NULL, &c, w->now), 0);
    for (unsigned i = 0; i < 5000 && got < TEXT; i++) {
        size_t n = TEXT - sent < sizeof(chunk) ? TEXT - sent : sizeof(chunk);
        ptrdiff_t k;

        for (size_t j = 0; j < n; j++)
            chunk[j] = octet(sent + j);
        if (n > 0 && (k = estab_send(w->host[0], c, chunk, n, w->now)) > 0)
            sent += (size_t)k;
        settle(w, header);
        w->now += ESTAB_MS(1);
        if (s == 0 && estab_accept(w->host[1], l, &s, w->now) < 0)
            continue;
        while ((k = estab_receive(w->host[1], s, chunk, sizeof(chunk), w->now)) > 0)
            for (ptrdiff_t j = 0; j < k; j++)
                wrong += chunk[j] != octet(got++);
    }
    assert_int_equal(got, TEXT);
    return wrong;
}

static uint64_t
verdicts(struct wire *w, unsigned h, enum estab_verdict v)
{
    struct estab_stack_status st;

    estab_stack_status(w->host[h], &st);
    return st.verdicts[v];
}

/* (MUST-2) The link's checksum is ours: octet for octet what leaves without an offload. */
TEST(a_checksum_left_to_the_link_gives_the_same_octets)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        bool ethernet = kind & 1, v6 = kind & 2;
        uint32_t header = ethernet ? 18 : 0;
        uint64_t hash[2];

        for (unsigned offload = 0; offload < 2; offload++) {
            struct wire w;

            wire_init(&w, ethernet, v6, (struct estab_offload){ .csum_out = offload != 0 },
                      (struct estab_offload){ 0 });
            w.complete = true;
            assert_int_equal(stream(&w, v6, header), 0);
            assert_int_equal(verdicts(&w, 1, ESTAB_SEG_DROP_CHECKSUM), 0);
            if (offload == 0)
                assert_int_equal(w.partial, 0);
            else
                assert_true(w.partial > TEXT / 1460);
            hash[offload] = w.hash;
            wire_end(&w);
        }
        assert_true(hash[0] == hash[1]);
    }
}

/* As between us and the kernel over a TUN device: nobody ever sums, and nothing is lost. */
TEST(a_partial_checksum_that_was_on_no_wire_is_taken)
{
    for (unsigned kind = 0; kind < 4; kind++) {
        struct estab_offload both = { .csum_in = true, .csum_out = true };
        struct wire w;

        wire_init(&w, kind & 1, kind & 2, both, both);
        assert_int_equal(stream(&w, kind & 2, kind & 1 ? 18 : 0), 0);
        assert_true(w.partial > TEXT / 1460);
        assert_int_equal(verdicts(&w, 1, ESTAB_SEG_DROP_CHECKSUM), 0);
        wire_end(&w);
    }
}

/* (MUST-3) Without somebody to finish it a partial checksum is wrong, and nobody who does not say so
 * beforehand is believed. */
TEST(a_partial_checksum_is_wrong_for_a_link_that_knows_nothing_of_it)
{
    struct estab_endpoint at = { .port = 80 }, to = { .addr = addr_of(1, false), .port = 80 };
    struct estab_offload both = { .csum_in = true, .csum_out = true };
    estab_conn l, c;
    struct wire w;

    wire_init(&w, false, false, both, (struct estab_offload){ 0 });
    assert_int_equal(estab_listen(w.host[1], &at, 4, NULL, &l, w.now), 0);
    assert_int_equal(estab_connect(w.host[0], NULL, &to, NULL, &c, w.now), 0);
    settle(&w, 0);
    assert_int_equal(verdicts(&w, 1, ESTAB_SEG_DROP_CHECKSUM), 1);
    wire_end(&w);
}

/* vuln: Checksum offload trust. A driver says that every checksum was verified, while the link breaks
 * text: believed only where the interface was made so, and else all is found and repaired. */
TEST(a_driver_that_vouches_for_what_is_broken_is_not_believed_unasked)
{
    struct wire w;

    wire_init(&w, false, false, (struct estab_offload){ 0 }, (struct estab_offload){ 0 });
    w.vouch = ESTAB_FRAME_CSUM_VERIFIED;
    w.flip = 20;
    assert_int_equal(stream(&w, false, 0), 0);
    assert_true(verdicts(&w, 1, ESTAB_SEG_DROP_CHECKSUM) > 0);
    wire_end(&w);

    wire_init(&w, false, false, (struct estab_offload){ 0 },
              (struct estab_offload){ .csum_in = true });
    w.vouch = ESTAB_FRAME_CSUM_VERIFIED;
    w.flip = 20;
    assert_true(stream(&w, false, 0) > 0); /* what such a word is worth */
    assert_int_equal(verdicts(&w, 1, ESTAB_SEG_DROP_CHECKSUM), 0);
    wire_end(&w);
}

/* ---- lies about single packets ---- */

static const uint8_t us[4] = { 10, 0, 0, 2 }, them[4] = { 10, 0, 0, 1 };

/* A segment to a port where nobody listens, its checksum wrong. */
static uint32_t
bad_segment(uint8_t out[64])
{
    memset(out, 0, 64);
    (void)estab_ip_write(out, 4, IP_PROTO_TCP, 64, 0, them, us, 0, 20);
    put_be16(out + 20, 1000);
    put_be16(out + 22, 81);
    out[32] = 0x50;
    out[33] = 0x02; /* SYN */
    put_be16(out + 36, 0x1234);
    return 40;
}

static void
says(struct wire *w, const struct estab_frame *f, enum estab_verdict v)
{
    uint64_t before = verdicts(w, 1, v);

    estab_stack_input(w->host[1], 1, f, 1, w->now);
    if (verdicts(w, 1, v) != before + 1)
        fail_msg("not %s", estab_verdict_name(v));
}

static void
trusting(struct wire *w)
{
    wire_init(w, false, false, (struct estab_offload){ 0 },
              (struct estab_offload){ .csum_in = true });
}

TEST(a_partial_checksum_elsewhere_than_in_the_header_is_no_checksum)
{
    uint8_t p[64];
    struct estab_frame f = { .data = p, .len = bad_segment(p), .flags = ESTAB_FRAME_CSUM_PARTIAL };
    struct wire w;

    trusting(&w);
    f.csum_start = 20;
    f.csum_offset = 16;
    says(&w, &f, ESTAB_SEG_DROP_NO_CONNECTION); /* believed */
    f.csum_offset = 6;
    says(&w, &f, ESTAB_SEG_DROP_CHECKSUM);
    f.csum_offset = 16;
    for (unsigned at = 0; at < 70; at++) {
        f.csum_start = (uint16_t)at;
        if (at != 20)
            says(&w, &f, ESTAB_SEG_DROP_CHECKSUM);
    }
    f.csum_start = 0xffff;
    says(&w, &f, ESTAB_SEG_DROP_CHECKSUM);
    wire_end(&w);
}

/* Only the sum of TCP or UDP is vouched for: what says where the packet ends is not. */
TEST(who_vouches_for_a_segment_does_not_vouch_for_its_headers)
{
    uint8_t p[64];
    struct estab_frame f = { .data = p, .len = bad_segment(p), .flags = ESTAB_FRAME_CSUM_VERIFIED };
    struct wire w;

    trusting(&w);
    says(&w, &f, ESTAB_SEG_DROP_NO_CONNECTION);
    p[10] ^= 1; /* the IPv4 header's own checksum */
    says(&w, &f, ESTAB_SEG_DROP_IP_CHECKSUM);
    p[10] ^= 1;
    f.len = 39; /* cut off */
    says(&w, &f, ESTAB_SEG_DROP_IP_HEADER);
    f.len = bad_segment(p);
    p[32] = 0xf0; /* a data offset behind the end */
    says(&w, &f, ESTAB_SEG_DROP_HEADER);
    wire_end(&w);
}

TEST(what_comes_in_fragments_is_summed_whoever_vouched_for_the_pieces)
{
    uint8_t p[64] = { 0 }, q[64];
    struct estab_frame f = { .data = q, .flags = ESTAB_FRAME_CSUM_VERIFIED };
    struct wire w;
    uint16_t sum;

    trusting(&w);
    (void)bad_segment(p);
    for (unsigned i = 0; i < 2; i++) { /* 24 octets of the segment, then 8 */
        uint32_t len = i == 0 ? 24 : 8;

        memcpy(q, p, 20);
        put_be16(q + 2, (uint16_t)(20 + len));
        put_be16(q + 4, 7);
        put_be16(q + 6, i == 0 ? 0x2000 : 3);
        q[10] = q[11] = 0;
        sum = (uint16_t)~csum_fold(estab_csum_add(q, 20, 0));
        memcpy(q + 10, &sum, 2);
        memcpy(q + 20, p + 20 + 24 * i, len);
        f.len = 20 + len;
        says(&w, &f, i == 0 ? ESTAB_SEG_ACCEPTED_FRAGMENT : ESTAB_SEG_DROP_CHECKSUM);
    }
    wire_end(&w);
}

/* ICMP has a checksum that no link makes for us. */
TEST(nobody_vouches_for_icmp)
{
    uint8_t p[64] = { 0 }, body[8] = { 0 };
    struct estab_frame f = { .data = p, .len = 36, .flags = ESTAB_FRAME_CSUM_VERIFIED };
    struct wire w;

    trusting(&w);
    (void)estab_icmp_write(p + 20, 4, 8, 0, 7, body, 8, them, us);
    (void)estab_ip_write(p, 4, IP_PROTO_ICMP, 64, 0, them, us, 0, 16);
    says(&w, &f, ESTAB_SEG_ACCEPTED_ECHO);
    p[30] ^= 1;
    says(&w, &f, ESTAB_SEG_DROP_ICMP_MALFORMED);
    wire_end(&w);
}

/* What a frame asks a driver for may be nonsense; nothing outside of it is read or written. */
TEST(a_frame_is_completed_within_its_bounds_or_not_at_all)
{
    for (unsigned len = 0; len < 24; len++) {
        for (unsigned start = 0; start < 30; start++) {
            for (unsigned offset = 0; offset < 30; offset++) {
                uint8_t *p = calloc(1, len > 0 ? len : 1);
                struct estab_frame f = { .data = p,
                                         .len = len,
                                         .flags = ESTAB_FRAME_CSUM_PARTIAL,
                                         .csum_start = (uint16_t)start,
                                         .csum_offset = (uint16_t)offset };
                bool inside = start + offset + 2 <= len;

                assert_int_equal(estab_frame_complete(&f), inside);
                assert_int_equal(f.flags, inside ? 0 : ESTAB_FRAME_CSUM_PARTIAL);
                if (inside)
                    assert_int_equal(get_be16(p + start + offset), 0xffff);
                free(p);
            }
        }
    }
}

/* RFC 768: for UDP a sum of zero is sent as ones, because zero says that there is none. */
TEST(a_sum_of_zero_is_sent_as_ones)
{
    uint8_t p[8] = { 0xff, 0xff };
    struct estab_frame f = {
        .data = p, .len = 8, .flags = ESTAB_FRAME_CSUM_PARTIAL, .csum_offset = 6
    };

    assert_true(estab_frame_complete(&f));
    assert_int_equal(get_be16(p + 6), 0xffff);
}

TEST(a_link_that_asks_for_more_than_there_is_is_refused)
{
    struct estab_link l = { .mtu = 1500, .offload = { .largest_out = 65535 } };
    struct wire w;

    trusting(&w);
    assert_int_equal(estab_stack_add_interface(w.host[0], &l), -ESTAB_EINVAL);
    wire_end(&w);
}
