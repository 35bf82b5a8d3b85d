/* SPDX-License-Identifier: MIT */
/*
 * The simulator's own eyes: reads IP packets and verifies checksums without a line of the library,
 * so that the library's parser and writer are judged by somebody else. And the router's part of a
 * path: ICMP errors.
 */
#ifndef SIM_PACKET_H
#define SIM_PACKET_H

#include "estab/trace.h"

#include <stdbool.h>
#include <stdint.h>

/* What a packet is, as far as it could be read. */
struct sim_packet {
    bool is_ip;  /* version and lengths make sense */
    bool is_tcp; /* a whole TCP header with a sane data offset */
    bool is_icmp;
    bool sums_valid; /* IPv4 header checksum and transport checksum */
    uint8_t version;
    uint8_t ttl;
    uint32_t ip_len; /* octets of the packet by its header */
    uint32_t ip_header_len;
    struct estab_endpoint src, dst; /* ports with TCP only */
    uint32_t tcp_header_len;
    struct estab_trace_segment seg;
    const uint8_t *text;
};

void sim_packet_read(struct sim_packet *p, const uint8_t *data, uint32_t len);
/* Do two segments say the same? */
bool sim_segment_equal(const struct estab_trace_segment *a, const struct estab_trace_segment *b);
bool sim_endpoint_equal(const struct estab_endpoint *a, const struct estab_endpoint *b);

/* Writes the checksums of an IPv4 or IPv6 packet that carries TCP, ICMP or ICMPv6 directly behind
 * its header. What is too short is left alone. */
void sim_packet_seal(uint8_t *data, uint32_t len);

enum sim_icmp { SIM_ICMP_TOO_BIG, SIM_ICMP_HOST_UNREACHABLE, SIM_ICMP_PORT_UNREACHABLE };
#define SIM_ICMP_ROOM 128
/* The answer of a router with the address of the packet's destination; its length, 0 if none. */
uint32_t sim_icmp_error(uint8_t *out, enum sim_icmp what, uint32_t mtu, const uint8_t *packet,
                        uint32_t len);

#define SIM_FORGED_ROOM 80
/* What a blind attacker sends who knows the endpoints of `packet` and guesses: control bits out of
 * `random`, sequence numbers about 2^31 away from the real ones, so that nothing may come of it.
 * Its length; 0 if the packet is not fit for it. */
uint32_t sim_packet_forge(uint8_t *out, const uint8_t *packet, uint32_t len, uint64_t random);

/* Sequence numbers live on a circle (RFC 9293 §3.4). */
static inline bool
sim_seq_lt(uint32_t a, uint32_t b)
{
    return (a - b) >> 31 != 0;
}

static inline bool
sim_seq_leq(uint32_t a, uint32_t b)
{
    return !sim_seq_lt(b, a);
}

static inline uint32_t
sim_seq_max(uint32_t a, uint32_t b)
{
    return sim_seq_lt(a, b) ? b : a;
}

#endif
