/* SPDX-License-Identifier: MIT */
/* Datagrams of the peer of a test, and what comes back, read. */
#ifndef TESTS_STACK_DATAGRAM_H
#define TESTS_STACK_DATAGRAM_H

#include "base/bytes.h"
#include "harness/peer.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip_header.h"
#include "wire/udp.h"

#include <stdlib.h>
#include <string.h>

#define V4(four, six) (peer_family == 4 ? (four) : (six))
#define IP_LEN V4(20u, 40u)
#define ADDR_LEN V4(4u, 16u)
#define ICMP_PROTO ((uint8_t)V4(IP_PROTO_ICMP, IP_PROTO_ICMPV6))

/* The n-th octet of a datagram's text is always the same. */
static inline void
fill(uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 8));
}

/* A UDP packet between any two ends; returns its length. */
static inline uint32_t
write_udp(uint8_t *packet, const struct estab_endpoint *from, const struct estab_endpoint *to,
          const void *data, uint32_t len)
{
    if (len > 0)
        memmove(packet + IP_LEN + UDP_HEADER, data, len);
    estab_udp_write(packet + IP_LEN, from->port, to->port, from->addr.bytes, to->addr.bytes,
                    ADDR_LEN, packet + IP_LEN + UDP_HEADER, len);
    (void)estab_ip_write(packet, peer_family, IP_PROTO_UDP, 64, 0, from->addr.bytes, to->addr.bytes,
                         0, UDP_HEADER + len);
    return IP_LEN + UDP_HEADER + len;
}

/* The peer sends text of `len` octets from its port to ours. */
static inline void
peer_sends_udp(struct peer *p, uint16_t from, uint16_t to, const void *data, uint32_t len)
{
    struct estab_endpoint src = p->them, dst = p->us;
    uint8_t *packet = calloc(1, IP_LEN + UDP_HEADER + len);

    src.port = from;
    dst.port = to;
    peer_sends_raw(p, packet, write_udp(packet, &src, &dst, data, len));
    free(packet);
}

/* An ICMP message of the peer with its checksum; `body` stands behind the first 8 octets. */
static inline void
peer_sends_icmp_message(struct peer *p, uint8_t type, uint8_t code, uint32_t rest, const void *body,
                        uint32_t len)
{
    uint8_t *packet = calloc(1, IP_LEN + 8 + len);
    uint32_t n = estab_icmp_write(packet + IP_LEN, peer_family, type, code, rest, body, len,
                                  p->them.addr.bytes, p->us.addr.bytes);

    (void)estab_ip_write(packet, peer_family, ICMP_PROTO, 64, 0, p->them.addr.bytes,
                         p->us.addr.bytes, 0, n);
    peer_sends_raw(p, packet, IP_LEN + n);
    free(packet);
}

/* An endpoint of ours on any address; `port` 0: an ephemeral one. */
static inline estab_udp
user_binds(struct peer *p, uint16_t port, const struct estab_udp_options *opt)
{
    struct estab_endpoint at = { .addr = { .family = p->us.addr.family }, .port = port };
    estab_udp u = 0;

    assert_int_equal(estab_udp_open(p->stack, &at, opt, &u, p->now), 0);
    p->conn = u; /* its events are the test's */
    return u;
}

/* Octets to the peer's `port`; what the call returns. Then all that leaves is taken up. */
static inline ptrdiff_t
user_sends_udp(struct peer *p, estab_udp u, uint16_t port, const void *data, size_t len)
{
    struct estab_udp_message to = { .remote = { .addr = p->them.addr, .port = port } };
    ptrdiff_t n = estab_udp_send(p->stack, u, &to, data, len, p->now);

    time_passes(p, 0);
    return n;
}

static inline struct estab_udp_status
udp_status(struct peer *p, estab_udp u)
{
    struct estab_udp_status s;

    assert_int_equal(estab_udp_status(p->stack, u, &s), 0);
    return s;
}

/* The UDP datagram that was sent next, its checksum verified. */
static inline struct udp_header
takes_udp(struct peer *p, struct ip_header *ip)
{
    struct captured *c = peer_takes(p);
    struct udp_header u;

    assert_int_equal(estab_ip_parse(ip, c->packet, c->packet_len, false), ESTAB_SEG_NONE);
    assert_int_equal(ip->proto, IP_PROTO_UDP);
    assert_int_equal(estab_udp_parse(&u, ip), ESTAB_SEG_NONE);
    assert_false(u.no_checksum);
    assert_true(estab_udp_checksum_is_right(&u, ip));
    return u;
}

#endif
