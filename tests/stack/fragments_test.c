/* SPDX-License-Identifier: MIT */
/* Fragments of a host, both ways: RFC 791 §3.2, RFC 1122 §3.3.2, RFC 8200 §4.5, RFC 5722. Each test
 * runs over IPv4 and IPv6. */
#include "stack/datagram.h"

#define FRAGMENT_HEADER V4(0u, 8u)
#define LAST false
#define MORE true

/* A fragment of the peer: octets `at` to at + len of the datagram's payload. */
static void
sends_fragment_of(struct peer *p, uint8_t proto, uint8_t tos, const uint8_t *payload, uint32_t id,
                  uint32_t at, uint32_t len, bool more)
{
    uint8_t *packet = calloc(1, 48 + len);
    uint32_t head = IP_LEN + FRAGMENT_HEADER;

    (void)estab_ip_write(packet, peer_family, V4(proto, 44), 64, tos, p->them.addr.bytes,
                         p->us.addr.bytes, (uint16_t)id, FRAGMENT_HEADER + len);
    if (peer_family == 4) {
        uint16_t sum;

        put_be16(packet + 6, (more ? 0x2000u : 0) | at / 8);
        put_be16(packet + 10, 0);
        sum = (uint16_t)~csum_fold(estab_csum_add(packet, 20, 0));
        memcpy(packet + 10, &sum, 2);
    } else {
        packet[40] = proto;
        put_be16(packet + 42, at | more);
        put_be32(packet + 44, id);
    }
    if (len > 0)
        memcpy(packet + head, payload + at, len);
    peer_sends_raw(p, packet, head + len);
    free(packet);
}

static void
sends_fragment(struct peer *p, const uint8_t *payload, uint32_t id, uint32_t at, uint32_t len,
               bool more)
{
    sends_fragment_of(p, IP_PROTO_UDP, 0, payload, id, at, len, more);
}

/* The payload of a UDP datagram of the peer with `len` octets of text; free() it. */
static uint8_t *
datagram(struct peer *p, uint16_t port, uint32_t len)
{
    uint8_t *payload = malloc(UDP_HEADER + len);

    fill(payload + UDP_HEADER, len);
    estab_udp_write(payload, 4000, port, p->them.addr.bytes, p->us.addr.bytes, ADDR_LEN,
                    payload + UDP_HEADER, len);
    return payload;
}

static struct estab_stack_status
host(struct peer *p)
{
    struct estab_stack_status st;

    estab_stack_status(p->stack, &st);
    return st;
}

/* Nothing is held any more, and `failed` datagrams came to nothing. */
static void
expect_nothing_held(struct peer *p, uint64_t failed)
{
    assert_int_equal(host(p).reassemblies, 0);
    assert_int_equal(host(p).reassemblies_failed, failed);
}

/* In order, and in any other order. */
TEST(fragments_become_a_datagram_in_any_order)
{
    static const uint8_t order[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                         { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t *payload = datagram(p, 53, 3000), text[3000], buf[3000];

    fill(text, sizeof(text));
    for (uint32_t i = 0; i < 6; i++) {
        for (unsigned k = 0; k < 3; k++) {
            uint32_t at = order[i][k] * 1000u;

            sends_fragment(p, payload, i, at, at == 2000 ? 1008 : 1000, at != 2000);
            if (k < 2)
                expect_verdict(p, ACCEPTED_FRAGMENT);
        }
        expect_verdict(p, ACCEPTED_DATAGRAM);
        assert_int_equal(estab_udp_receive(p->stack, u, NULL, buf, sizeof(buf), p->now), 3000);
        assert_memory_equal(buf, text, 3000);
        expect_nothing_held(p, 0);
    }
    assert_int_equal(host(p).ring_bytes, 0);
    free(payload);
    peer_done(p);
}

/* Fragments belong together by source, destination and identification (and protocol, over IPv4). */
TEST(fragments_of_different_datagrams_are_not_mixed)
{
    struct peer *p = peer_host(NULL);
    uint8_t *payload = datagram(p, 53, 992);

    (void)user_binds(p, 53, NULL);
    sends_fragment(p, payload, 1, 0, 496, MORE);
    sends_fragment(p, payload, 2, 496, 504, LAST);
    expect_verdict(p, ACCEPTED_FRAGMENT);
    assert_int_equal(host(p).reassemblies, 2);
    p->them.addr.bytes[3] ^= 64; /* another source */
    sends_fragment(p, payload, 1, 496, 504, LAST);
    expect_verdict(p, ACCEPTED_FRAGMENT);
    p->them.addr.bytes[3] ^= 64;
    sends_fragment_of(p, 99, 0, payload, 1, 496, 504, LAST);
    if (peer_family == 4)
        expect_verdict(p, ACCEPTED_FRAGMENT);
    else /* RFC 8200 §4.5: the first fragment tells what it is */
        expect_verdict(p, ACCEPTED_DATAGRAM);
    if (peer_family == 4) {
        sends_fragment(p, payload, 1, 496, 504, LAST);
        expect_verdict(p, ACCEPTED_DATAGRAM);
    }
    free(payload);
    peer_done_quietly(p);
}

/* RFC5722-OVERLAP, RFC6274-V4SEC, RFC8200-4.5-FRAG: every shape of an overlap ends the datagram: nothing of it is
 * delivered, nor of what comes later; nobody is told.
 * vuln: Teardrop overlapping fragments */
TEST(an_overlap_ends_the_datagram)
{
    static const struct {
        uint32_t at, len;
        bool more;
    } second[] = {
        { 96, 16, true },   { 0, 112, true },   { 0, 8, true },  { 48, 8, true }, { 8, 200, false },
        { 96, 112, false }, { 48, 160, false }, { 0, 96, true }, { 8, 96, true },
    };
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t *payload = datagram(p, 53, 200);
    uint32_t n = sizeof(second) / sizeof(second[0]);

    for (uint32_t i = 0; i < n; i++) {
        sends_fragment(p, payload, i, 0, 104, MORE);
        sends_fragment(p, payload, i, second[i].at, second[i].len, second[i].more);
        expect_verdict(p, DROP_FRAGMENT_OVERLAP);
        sends_fragment(p, payload, i, 104, 104, LAST);
        expect_verdict(p, DROP_FRAGMENT_OVERLAP);
        sends_fragment(p, payload, i, 0, 104, MORE);
        expect_verdict(p, DROP_FRAGMENT_OVERLAP);
    }
    assert_int_equal(udp_status(p, u).received, 0);
    assert_int_equal(host(p).reassemblies_failed, n);
    assert_int_equal(host(p).ring_bytes, 0);
    time_passes(p, SEC(120));
    expect_nothing_held(p, n);
    expect_nothing_sent(p);
    free(payload);
    peer_done(p);
}

/* RFC 8200 §4.5: the same fragment once more is nothing; the same place with other octets is an
 * overlap. */
TEST(a_duplicate_changes_nothing_unless_it_says_something_else)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t *payload = datagram(p, 53, 200);

    for (unsigned i = 0; i < 3; i++) {
        sends_fragment(p, payload, 1, 0, 104, MORE);
        if (i > 0)
            expect_verdict(p, DROP_FRAGMENT_DUPLICATE);
    }
    sends_fragment(p, payload, 1, 104, 104, LAST);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    assert_int_equal(udp_status(p, u).received, 1);

    sends_fragment(p, payload, 2, 0, 104, MORE);
    payload[50] ^= 1;
    sends_fragment(p, payload, 2, 0, 104, MORE);
    expect_verdict(p, DROP_FRAGMENT_OVERLAP);
    free(payload);
    peer_done(p);
}

/* Where the datagram ends is said once: another end, something behind it, more behind the last.
 * vuln: Zero-length or last-fragment inconsistency */
TEST(fragments_must_agree_where_the_datagram_ends)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t *payload = datagram(p, 53, 400);

    sends_fragment(p, payload, 1, 104, 96, LAST);
    sends_fragment(p, payload, 1, 200, 96, LAST); /* another end */
    expect_verdict(p, DROP_FRAGMENT_OVERLAP);
    sends_fragment(p, payload, 2, 104, 96, LAST);
    sends_fragment(p, payload, 2, 200, 96, MORE); /* behind it */
    expect_verdict(p, DROP_FRAGMENT_OVERLAP);
    sends_fragment(p, payload, 3, 200, 96, MORE);
    sends_fragment(p, payload, 3, 104, 96, LAST); /* before what is there */
    expect_verdict(p, DROP_FRAGMENT_OVERLAP);
    sends_fragment(p, payload, 4, 104, 96, LAST);
    sends_fragment(p, payload, 4, 104, 96, MORE); /* no end after all */
    expect_verdict(p, DROP_FRAGMENT_OVERLAP);
    sends_fragment(p, payload, 5, 104, 0, LAST); /* nothing in it */
    expect_verdict(p, DROP_IP_FRAGMENT);
    sends_fragment(p, payload, 5, 104, 0, MORE);
    expect_verdict(p, DROP_IP_FRAGMENT);
    assert_int_equal(udp_status(p, u).received, 0);
    free(payload);
    peer_done_quietly(p);
}

/* A datagram of at most 65535 octets, whatever offset and length say.
 * vuln: Ping of death */
TEST(no_fragment_lies_beyond_the_largest_datagram)
{
    struct peer *p = peer_host(NULL);
    uint8_t *payload = calloc(1, 70000);
    uint32_t largest = V4(65535 - 20, 65535);

    for (uint32_t at = 60000; at < 65536; at += 8)
        for (uint32_t len = 8; len <= 1480; len += 184) {
            bool more = len % 16 == 0;

            sends_fragment(p, payload, at * 8 + len / 184, at, len, more);
            if (at + len > largest) {
                expect_verdict(p, DROP_IP_FRAGMENT);
                if (peer_family == 6 && p->n > 0)
                    assert_int_equal(peer_takes(p)->reason, ESTAB_WHY_PARAMETER_PROBLEM);
            } else {
                expect_verdict(p, ACCEPTED_FRAGMENT);
            }
        }
    assert_in_range(host(p).ring_bytes, 0, p->cfg.reassembly_bytes);
    free(payload);
    peer_done_quietly(p);
}

/* RFC8200-4.5-FRAG: two mistakes are told, with the octet where they stand. */
TEST(the_sender_of_a_bad_ipv6_fragment_is_told)
{
    struct peer *p = peer_host(NULL);
    uint8_t *payload = calloc(1, 70000);
    struct captured *c;

    sends_fragment(p, payload, 1, 0, 101, MORE);
    expect_verdict(p, DROP_IP_FRAGMENT);
    if (peer_family == 6) {
        c = peer_takes(p);
        assert_int_equal(c->packet[40], 4);
        assert_int_equal(c->packet[41], 0);
        assert_int_equal(get_be32(c->packet + 44), 4); /* the payload length */
    }
    expect_nothing_sent(p);
    sends_fragment(p, payload, 1, 65528, 16, LAST);
    expect_verdict(p, DROP_IP_FRAGMENT);
    if (peer_family == 6)
        assert_int_equal(get_be32(peer_takes(p)->packet + 44), 42); /* the offset */
    free(payload);
    peer_done(p);
}

/* RFC 1858, RFC 3128, RFC7112-FIRST: ports and control bits are in the first fragment.
 * vuln: Tiny/overlap fragment filter evasion */
TEST(a_first_fragment_has_the_whole_transport_header)
{
    struct peer *p = peer_host(NULL);
    uint8_t payload[100] = { 0 };

    sends_fragment_of(p, IP_PROTO_TCP, 0, payload, 1, 0, 8, MORE);
    expect_verdict(p, DROP_FRAGMENT_TINY);
    sends_fragment_of(p, IP_PROTO_TCP, 0, payload, 1, 0, 16, MORE);
    expect_verdict(p, DROP_FRAGMENT_TINY);
    sends_fragment_of(p, IP_PROTO_TCP, 0, payload, 1, 8, 40, LAST);
    expect_verdict(p, DROP_FRAGMENT_TINY);
    sends_fragment_of(p, IP_PROTO_TCP, 0, payload, 1, 0, 24, MORE);
    expect_verdict(p, ACCEPTED_FRAGMENT);
    sends_fragment_of(p, IP_PROTO_UDP, 0, payload, 2, 0, 8, MORE);
    expect_verdict(p, ACCEPTED_FRAGMENT);
    if (peer_family == 6) { /* a chain that goes on in the next fragment */
        payload[0] = IP_PROTO_TCP;
        payload[1] = 1; /* 16 octets */
        sends_fragment_of(p, 60, 0, payload, 3, 0, 8, MORE);
        expect_verdict(p, DROP_FRAGMENT_TINY);
        sends_fragment_of(p, 60, 0, payload, 3, 0, 24, MORE);
        expect_verdict(p, DROP_FRAGMENT_TINY);
        memset(payload + 2, 0, 14);
        sends_fragment_of(p, 60, 0, payload, 3, 0, 40, MORE);
        expect_verdict(p, ACCEPTED_FRAGMENT);
    }
    peer_done_quietly(p);
}

/* RFC6946-ATOMIC: alone, whatever else has its identification. */
TEST(an_atomic_fragment_is_a_datagram_by_itself)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t *payload = datagram(p, 53, 200);

    sends_fragment(p, payload, 7, 0, 104, MORE);
    sends_fragment(p, payload, 7, 0, 208, LAST);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    assert_int_equal(host(p).reassemblies, 1);
    sends_fragment(p, payload, 7, 104, 104, LAST);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    assert_int_equal(udp_status(p, u).received, 2);
    expect_nothing_held(p, 0);
    free(payload);
    peer_done(p);
}

/* RFC1122-3.3.2: with the profile of the RFCs a fragment at 59 s is in time; at 60 s all is given back,
 * and the source is told, if the first fragment was there. */
TEST(what_stays_incomplete_ends_after_its_time)
{
    struct peer *p = peer_host("rfc");
    uint8_t *payload = datagram(p, 53, 200);
    struct captured *c;

    (void)user_binds(p, 53, NULL);
    sends_fragment(p, payload, 1, 0, 104, MORE);
    time_passes(p, SEC(59));
    sends_fragment(p, payload, 1, 104, 104, LAST);
    expect_verdict(p, ACCEPTED_DATAGRAM);

    sends_fragment(p, payload, 2, 0, 104, MORE);
    time_passes(p, SEC(60) - 1);
    expect_nothing_sent(p);
    assert_int_equal(host(p).reassemblies, 1);
    time_passes(p, 1);
    c = peer_takes(p);
    assert_int_equal(c->reason, ESTAB_WHY_TIME_EXCEEDED);
    assert_int_equal(c->packet[IP_LEN], V4(11, 3));
    assert_int_equal(c->packet[IP_LEN + 1], 1);
    assert_memory_equal(c->packet + IP_LEN + 8 + IP_LEN + FRAGMENT_HEADER, payload, 104);
    expect_nothing_held(p, 1);

    sends_fragment(p, payload, 3, 104, 104, LAST); /* without the first one: nobody is told */
    time_passes(p, SEC(60));
    expect_nothing_sent(p);
    expect_nothing_held(p, 2);
    assert_int_equal(host(p).timers, 0);
    free(payload);
    peer_done(p);
}

/* Differs from RFC 1122 §3.3.2: 30 s over IPv4; RFC 8200 §4.5: 60 s over IPv6. */
TEST(times_of_today)
{
    struct peer *p = peer_host(NULL);
    uint8_t *payload = datagram(p, 53, 200);

    sends_fragment(p, payload, 3, 104, 104, LAST);
    time_passes(p, V4(SEC(30), SEC(60)) - 1);
    assert_int_equal(host(p).reassemblies, 1);
    time_passes(p, 1);
    assert_int_equal(host(p).reassemblies, 0);
    free(payload);
    peer_done(p);
}

/* A flood of first fragments from everywhere, a hundred thousand of them: what is held stays within its limit, and
 * datagrams that come quickly get through between them.
 * vuln: FragmentSmack */
TEST(a_flood_of_fragments_is_bounded_and_does_not_shut_others_out)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t *payload = datagram(p, 53, 2000), buf[2000];
    static const uint8_t junk[3000];
    struct estab_addr honest = p->them.addr;
    unsigned arrived = 0;

    for (uint32_t i = 0; i < 100000; i++) {
        bool ours = i % 1000 == 500;

        put_be32(p->them.addr.bytes + V4(0, 12), 0x0b000000u + i * 2654435761u % 0x40000000u);
        sends_fragment(p, junk, i, i % 3 * 1000, 1000, MORE);
        assert_in_range(host(p).ring_bytes, 0, p->cfg.reassembly_bytes);
        assert_in_range(host(p).reassemblies, 0, p->cfg.max_reassemblies);
        if (ours || i % 1000 == 505 || i % 1000 == 510) {
            p->them.addr = honest;
            sends_fragment(p, payload, i / 1000,
                           i % 1000 == 500   ? 0
                           : i % 1000 == 505 ? 800
                                             : 1600,
                           i % 1000 == 510 ? 408 : 800, i % 1000 != 510);
        }
        if (i % 1000 == 510 && estab_udp_receive(p->stack, u, NULL, buf, 2000, p->now) == 2000)
            arrived++;
        p->them.addr = honest;
    }
    assert_int_equal(arrived, 100);
    time_passes(p, SEC(60));
    assert_int_equal(host(p).ring_bytes + host(p).reassemblies, 0);
    free(payload);
    peer_done_quietly(p);
}

/* One source takes a quarter at most, and loses its own when it wants more. */
TEST(one_source_does_not_take_all_the_room)
{
    struct peer *p = peer_host(NULL);
    uint8_t *payload = datagram(p, 53, 2000);

    p->them.addr.bytes[ADDR_LEN - 1] = 77;
    sends_fragment(p, payload, 1, 0, 1000, MORE);
    p->them.addr.bytes[ADDR_LEN - 1] = 2;
    (void)user_binds(p, 53, NULL);
    for (uint32_t i = 0; i < 1000; i++)
        sends_fragment(p, payload, i, 0, 1000, MORE);
    assert_in_range(host(p).reassemblies, 2, p->cfg.max_reassemblies / 4 + 2);
    sends_fragment(p, payload, 999, 1000, 1008, LAST);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    p->them.addr.bytes[ADDR_LEN - 1] = 77; /* its sum is that of the other source's datagram */
    sends_fragment(p, payload, 1, 1000, 1008, LAST);
    expect_verdict(p, DROP_UDP_CHECKSUM);
    free(payload);
    peer_done_quietly(p);
}

/* limit: max_fragments: small pieces end the datagram; the smallest that are honest do not. */
TEST(a_datagram_has_so_many_fragments)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    uint8_t *payload;

    cfg.max_fragments = 10;
    p = peer_host_with(&cfg);
    payload = datagram(p, 53, 200);
    (void)user_binds(p, 53, NULL);
    for (uint32_t i = 0; i < 9; i++)
        sends_fragment(p, payload, 1, i * 8, 8, MORE);
    sends_fragment(p, payload, 1, 72, 208 - 72, LAST);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    assert_int_equal(estab_udp_receive(p->stack, p->conn, NULL, payload, 0, p->now), 0);
    for (uint32_t i = 0; i < 10; i++)
        sends_fragment(p, payload, 2, i * 8, 8, MORE);
    expect_verdict(p, ACCEPTED_FRAGMENT);
    sends_fragment(p, payload, 2, 80, 8, MORE);
    expect_verdict(p, DROP_FRAGMENT_LIMIT);
    assert_int_equal(host(p).ring_bytes, 0);
    sends_fragment(p, payload, 2, 88, 208 - 88, LAST);
    expect_verdict(p, DROP_FRAGMENT_LIMIT);
    free(payload);
    peer_done(p);
}

/* RFC1122-3.3.2: the largest datagram over the narrowest path, with the settings that there are, and in the worst
 * order; so little memory is no more than the limit. */
TEST(the_largest_datagram_over_the_narrowest_path_arrives)
{
    static const char *const profiles[] = { NULL, "tiny" };

    for (unsigned i = 0; i < 2; i++) {
        struct estab_config cfg = peer_config(profiles[i]);
        uint32_t len = V4(65507u, 65527u), each = V4(552u, 1232u), n = (8 + len + each - 1) / each;
        struct peer *p;
        uint8_t *payload, *text = malloc(len), *buf = malloc(len);

        cfg.udp.receive_bytes_max = 1 << 17;
        p = peer_host_with(&cfg);
        payload = datagram(p, 53, len);
        fill(text, len);
        (void)user_binds(p, 53, NULL);
        while (n-- > 0) {
            uint32_t at = n * each, rest = 8 + len - at;

            sends_fragment(p, payload, 1, at, rest < each ? rest : each, rest > each);
            assert_in_range(host(p).ring_bytes, 0, n > 0 ? cfg.reassembly_bytes : 1 << 17);
        }
        expect_verdict(p, ACCEPTED_DATAGRAM);
        assert_int_equal(estab_udp_receive(p->stack, p->conn, NULL, buf, len, p->now), len);
        assert_memory_equal(buf, text, len);
        expect_nothing_held(p, 0);
        free(payload);
        free(text);
        free(buf);
        peer_done(p);
    }
}

/* Limits that are raised while the host runs, and then attacked: a record has room for as many fragments as at its
 * creation, and there are as many records.
 * vuln: FragmentSmack */
TEST(limits_raised_later_are_those_of_creation)
{
    struct estab_config cfg = peer_config(NULL), more;
    struct peer *p;
    uint8_t *payload;

    cfg.max_fragments = 4;
    cfg.max_reassemblies = 8;
    p = peer_host_with(&cfg);
    payload = datagram(p, 53, 9000);
    more = cfg;
    more.max_fragments = 1024;
    more.max_reassemblies = 60000;
    more.reassembly_timeout_4 = more.reassembly_timeout_6 = SEC(3600);
    assert_int_equal(estab_stack_set_config(p->stack, &more, p->now), 0);
    for (uint32_t i = 0; i < 1000; i++) {
        sends_fragment(p, payload, 1, i * 8, 8, MORE);
        if (i < 4)
            expect_verdict(p, ACCEPTED_FRAGMENT);
        else
            expect_verdict(p, DROP_FRAGMENT_LIMIT);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        put_be32(p->them.addr.bytes + V4(0, 12), 0x0b000000u + i * 0x1000b);
        sends_fragment(p, payload, 2 + i, i % 2 * 800, 800, MORE);
        expect_verdict(p, ACCEPTED_FRAGMENT);
        assert_in_range(host(p).reassemblies, 1, 8);
    }
    time_passes(p, SEC(60));
    assert_int_equal(host(p).reassemblies, 0);
    free(payload);
    peer_done_quietly(p);
}

/* RFC3168-5.3-FRAG: a mark on one is a mark on all; with fragments that cannot be marked, it is no
 * datagram. */
TEST(a_mark_of_congestion_is_not_lost)
{
    static const struct {
        uint8_t first, second;
        int ecn; /* -1: dropped */
    } rows[] = { { 2, 2, 2 },  { 2, 3, 3 },  { 3, 2, 3 }, { 1, 3, 3 }, { 0, 0, 0 },
                 { 0, 3, -1 }, { 3, 0, -1 }, { 3, 3, 3 }, { 1, 1, 1 } };
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t *payload = datagram(p, 53, 200), buf[200];
    struct estab_udp_message from;

    for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sends_fragment_of(p, 17, rows[i].first, payload, i, 0, 104, MORE);
        sends_fragment_of(p, 17, rows[i].second, payload, i, 104, 104, LAST);
        if (rows[i].ecn < 0) {
            expect_verdict(p, DROP_FRAGMENT_ECN);
            continue;
        }
        expect_verdict(p, ACCEPTED_DATAGRAM);
        assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, 200, p->now), 200);
        assert_int_equal(from.ecn, rows[i].ecn);
    }
    expect_nothing_held(p, 2);
    free(payload);
    peer_done(p);
}

/* TCP in fragments is TCP: checks and checksum are those of the whole segment. */
TEST(a_segment_in_fragments_is_a_segment)
{
    struct peer *p = peer_in_established();
    uint8_t packet[300];
    uint32_t len = peer_writes(
        p, p->them.port, (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100 },
        packet);

    sends_fragment_of(p, 6, 0, packet + IP_LEN, 1, 40, len - IP_LEN - 40, LAST);
    sends_fragment_of(p, 6, 0, packet + IP_LEN, 1, 0, 40, MORE);
    expect_verdict(p, ACCEPTED);
    user_receives(p, 100);
    packet[len - 1] ^= 1;
    sends_fragment_of(p, 6, 0, packet + IP_LEN, 2, 40, len - IP_LEN - 40, LAST);
    sends_fragment_of(p, 6, 0, packet + IP_LEN, 2, 0, 40, MORE);
    expect_verdict(p, DROP_CHECKSUM);
    peer_done_quietly(p);
}

/* A fragment that is not for us, or from a source that cannot be, is not held. */
TEST(fragments_for_others_take_no_room)
{
    struct peer *p = peer_host(NULL);
    uint8_t *payload = datagram(p, 53, 200);
    struct estab_addr us = p->us.addr, them = p->them.addr;

    p->us.addr.bytes[ADDR_LEN - 1] = 99;
    sends_fragment(p, payload, 1, 0, 104, MORE);
    expect_verdict(p, DROP_IP_NOT_OURS);
    p->us.addr = us;
    p->them.addr = us;
    sends_fragment(p, payload, 1, 0, 104, MORE);
    expect_verdict(p, DROP_IP_SOURCE);
    p->them.addr = them;
    expect_nothing_held(p, 0);
    free(payload);
    peer_done(p);
}

/* RFC 8200 §4.5: fragments within a datagram made of fragments are nobody's; nothing is reassembled twice. */
TEST(fragments_in_fragments_are_refused)
{
    struct peer *p = peer_host(NULL);
    uint8_t payload[96] = { IP_PROTO_UDP, 0, 0, 1, 0, 0, 0, 9 };

    if (peer_family == 6) {
        sends_fragment_of(p, 44, 0, payload, 1, 0, 48, MORE);
        expect_verdict(p, ACCEPTED_FRAGMENT);
        sends_fragment_of(p, 44, 0, payload, 1, 48, 48, LAST);
        expect_verdict(p, DROP_IP_FRAGMENT);
        expect_nothing_held(p, 0);
    }
    peer_done(p);
}

/* ---- what we send ---- */

/* Puts together what was sent, by the rules of the receiver; returns the octets of the payload. */
static uint32_t
takes_fragments(struct peer *p, uint32_t mtu, uint8_t *out, uint32_t *id, unsigned *n)
{
    uint32_t next = 0;
    struct ip_header ip;

    for (*n = 0;; ++*n) {
        struct captured *c = peer_takes(p);

        assert_int_equal(estab_ip_parse(&ip, c->packet, c->packet_len, false),
                         ESTAB_SEG_DROP_IP_FRAGMENT);
        assert_true(ip.fragment);
        assert_in_range(c->packet_len, 1, mtu);
        assert_int_equal(ip.offset, next);
        if (next == 0)
            *id = ip.id;
        assert_int_equal(ip.id, *id);
        assert_int_equal(c->reason, ESTAB_WHY_DATAGRAM);
        memcpy(out + next, ip.payload, ip.payload_len);
        next += ip.payload_len;
        if (!ip.more)
            return next;
    }
}

/* Larger than the link: in as few fragments as it takes, which are one datagram with one checksum. */
TEST(a_datagram_larger_than_the_link_leaves_in_fragments)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    static uint8_t text[65535], got[65600];
    uint32_t sizes[] = { V4(1473, 1453), 2000, 20000, 65535 - 8 - V4(20, 40) }, id, other = 0;
    unsigned n;

    fill(text, sizeof(text));
    assert_int_equal(user_sends_udp(p, u, 9, text, V4(1472, 1452)), V4(1472, 1452));
    assert_int_equal(peer_takes(p)->packet_len, 1500);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t len, each = V4(1480, 1448);

        assert_int_equal(user_sends_udp(p, u, 9, text, sizes[i]), sizes[i]);
        len = takes_fragments(p, 1500, got, &id, &n);
        assert_int_equal(len, sizes[i] + 8);
        assert_int_equal(n + 1, (len + each - 1) / each);
        assert_memory_equal(got + 8, text, sizes[i]);
        assert_int_equal(
            csum_fold(estab_csum_add(
                got, len,
                estab_csum_pseudo(p->us.addr.bytes, p->them.addr.bytes, ADDR_LEN, 17, len))),
            0xffff);
        assert_int_not_equal(id, other);
        other = id;
    }
    peer_done(p);
}

/* RFC8085-UDP: with dont_fragment a datagram that the link cannot carry is refused, and DF is set. */
TEST(dont_fragment_refuses_what_does_not_fit)
{
    struct peer *p = peer_host(NULL);
    struct estab_udp_options opt = p->cfg.udp;
    static uint8_t text[2000];
    estab_udp u;
    struct captured *c;

    opt.dont_fragment = true;
    u = user_binds(p, 53, &opt);
    assert_int_equal(user_sends_udp(p, u, 9, text, V4(1473, 1453)), -ESTAB_EMSGSIZE);
    assert_int_equal(user_sends_udp(p, u, 9, text, V4(1472, 1452)), V4(1472, 1452));
    c = peer_takes(p);
    if (peer_family == 4)
        assert_int_equal(c->packet[6] & 0x40, 0x40);
    peer_done(p);
}

/* RFC 4443 §3.2, RFC8201-4, RFC1191-3, RFC8201-5.2, RFC5927-7.2-FLOOR: a narrow path makes smaller fragments, for ten minutes; RFC8021-NOATOMIC:
 * never below the least, and no fragment header about a datagram that fits. */
TEST(a_narrow_path_makes_smaller_fragments)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    static uint8_t text[2000], got[2100], quote[600];
    struct estab_udp_error err;
    struct captured *c;
    uint32_t id;
    unsigned n;

    fill(text, sizeof(text));
    assert_int_equal(user_sends_udp(p, u, 9, text, 1450), 1450);
    c = peer_takes(p);
    memcpy(quote, c->packet, 500);
    peer_sends_icmp_message(p, V4(3, 2), V4(4, 0), 1400, quote, 500);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    expect_event(p, ESTAB_SOFT_ERROR);
    assert_int_equal(estab_udp_error(p->stack, u, &err), 0);
    assert_int_equal(err.error, -ESTAB_EMSGSIZE);
    assert_int_equal(err.mtu, 1400);
    assert_int_equal(err.remote.port, 9);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1450), 1450);
    assert_int_equal(takes_fragments(p, 1400, got, &id, &n), 1458);
    /* never up by ICMP, and not below what every link carries */
    peer_sends_icmp_message(p, V4(3, 2), V4(4, 0), 1450, quote, 500);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    peer_sends_icmp_message(p, V4(3, 2), V4(4, 0), 100, quote, 500);
    assert_int_equal(estab_udp_error(p->stack, u, &err), 0);
    assert_int_equal(err.mtu, V4(576, 1280));
    assert_int_equal(user_sends_udp(p, u, 9, text, 500), 500);
    assert_int_equal(peer_takes(p)->packet_len, IP_LEN + 508);
    time_passes(p, SEC(600));
    assert_int_equal(user_sends_udp(p, u, 9, text, 1450), 1450);
    assert_int_equal(peer_takes(p)->packet_len, IP_LEN + 1458);
    peer_done(p);
}

/* RFC1122-3.2.2.6: an echo of any size comes back whole. */
TEST(an_echo_in_fragments_comes_back_in_fragments)
{
    struct peer *p = peer_host(NULL);
    uint32_t sizes[] = { 0, 1, 1472, 1473, 5000, 65507 - V4(0, 20) };
    static uint8_t message[65600], got[65600];

    for (uint32_t i = 0; i < 6; i++) {
        uint32_t len = 8 + sizes[i], next = 0;
        struct ip_header ip;

        fill(message + 8, sizes[i]);
        estab_icmp_write_header(message, peer_family, V4(8, 128), 0, 0x12340001, message + 8,
                                sizes[i], p->them.addr.bytes, p->us.addr.bytes);
        for (uint32_t at = 0; at < len; at += 1448)
            sends_fragment_of(p, ICMP_PROTO, 0, message, i, at, len - at < 1448 ? len - at : 1448,
                              len - at > 1448);
        expect_verdict(p, ACCEPTED_ECHO);
        do {
            struct captured *c = peer_takes(p);

            (void)estab_ip_parse(&ip, c->packet, c->packet_len, false);
            assert_int_equal(c->reason, ESTAB_WHY_ECHO_REPLY);
            memcpy(got + next, ip.payload, ip.payload_len);
            next += ip.payload_len;
        } while (ip.fragment && ip.more);
        assert_int_equal(next, len);
        assert_int_equal(got[0], V4(0, 129));
        assert_memory_equal(got + 4, message + 4, len - 4);
    }
    peer_done(p);
}

/* Over the loopback as well. */
TEST(a_large_datagram_to_ourselves_arrives)
{
    struct peer *p = peer_host(NULL);
    struct estab_udp_options opt = p->cfg.udp;
    struct estab_udp_message to = { .remote = { .addr = p->us.addr, .port = 2000 } };
    static uint8_t text[60000], buf[60000];
    estab_udp a, b;

    opt.receive_bytes_max = 1 << 17;
    a = user_binds(p, 1000, NULL);
    b = user_binds(p, 2000, &opt);
    fill(text, sizeof(text));
    assert_int_equal(estab_udp_send(p->stack, a, &to, text, sizeof(text), p->now), 60000);
    time_passes(p, 0);
    assert_int_equal(estab_udp_receive(p->stack, b, NULL, buf, sizeof(buf), p->now), 60000);
    assert_memory_equal(buf, text, 60000);
    peer_done(p);
}

/* RFC7323-5.7-PMTUD, RFC6864-4, MAY-4: whatever is whole says that it must stay so, and has identification 0: segments of
 * connections, resets, ICMP; also after an error has said that paths are narrow (CVE-2020-36516), so that no number counts
 * what goes to others (CVE-2019-10639).
 * vuln: IP-ID side channels (idle scan, off-path inference) */
TEST(what_is_whole_has_no_identification)
{
    struct peer *p = peer_in_established();
    struct captured *c;
    unsigned n = 0;

    user_sends(p, 3000);
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 68, ISS + 1);
    peer_sends_from(p, 999, (struct step){ .ctl = CTL_SYN, .seq = 1 });
    p->us.port = 81;
    peer_sends_from(p, 999, (struct step){ .ctl = CTL_SYN, .seq = 1 }); /* a reset */
    p->us.port = 80;
    peer_sends_udp(p, 1, 2, "x", 1);
    peer_sends_icmp_message(p, V4(8, 128), 0, 7, "x", 1);
    for (; p->n > 0; n++) {
        c = peer_takes(p);
        if (peer_family == 4)
            assert_int_equal(get_be32(c->packet + 4), 0x00004000);
        else /* RFC8021-NOATOMIC */
            assert_int_not_equal(c->packet[6], 44);
    }
    assert_in_range(n, 7, 20);
    peer_done_quietly(p);
}
