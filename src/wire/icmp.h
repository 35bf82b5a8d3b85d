/* SPDX-License-Identifier: MIT */
/* ICMP (RFC 792) and ICMPv6 (RFC 4443) messages: octets <-> struct, one shape for both families. */
#ifndef WIRE_ICMP_H
#define WIRE_ICMP_H

#include "estab/trace.h"
#include "wire/ip_header.h"

#include <stdbool.h>
#include <stdint.h>

enum icmp_kind {
    ICMP_OTHER,
    ICMP_ECHO_REQUEST,
    ICMP_ECHO_REPLY,
    ICMP_NET_UNREACHABLE,   /* v4 3/0,6,9,11  v6 1/0 */
    ICMP_HOST_UNREACHABLE,  /* v4 3/1,7,8,10,12,5  v6 1/3,2,5,6 */
    ICMP_PROTO_UNREACHABLE, /* v4 3/2  v6 4/1 */
    ICMP_PORT_UNREACHABLE,  /* v4 3/3  v6 1/4 */
    ICMP_ADMIN_PROHIBITED,  /* v4 3/13  v6 1/1 */
    ICMP_PACKET_TOO_BIG,    /* v4 3/4  v6 2 */
    ICMP_TIME_EXCEEDED,     /* v4 11  v6 3 */
    ICMP_PARAMETER_PROBLEM, /* v4 12  v6 4/0,2 */
    ICMP_SOURCE_QUENCH,     /* v4 4 */
    ICMP_REDIRECT,          /* v4 5  v6 137 */
};

struct icmp_message {
    enum icmp_kind kind;
    uint8_t type, code;
    uint32_t mtu;           /* PACKET_TOO_BIG; 0: not told (RFC 1191 §4) */
    const uint8_t *gateway; /* REDIRECT of IPv4: four octets */
    const uint8_t *body;    /* echo: from the identifier on; errors: the quoted packet */
    uint32_t body_len;
};

/* The start of a packet of ours that an ICMP error quotes: enough to find its connection. */
struct icmp_quote {
    uint8_t version, proto, addr_len;
    const uint8_t *src, *dst; /* src is us */
    uint16_t src_port, dst_port;
    bool has_seq;
    uint32_t seq;
    bool is_echo_reply; /* of ICMPv6, with no ports but: */
    bool is_echo_request;
    uint32_t echo; /* identifier and sequence number */
    uint32_t flow; /* the flow label of IPv6 */
};

/* Checks the checksum (v6 with the pseudo-header of `ip`) and lengths. ESTAB_SEG_NONE or DROP_ICMP_MALFORMED. */
enum estab_verdict estab_icmp_parse(struct icmp_message *m, const struct ip_header *ip);
/* Reads the quoted packet of an error; false when it is cut too short or neither TCP nor UDP over plain IP, nor
 * an echo reply over IPv6. */
bool estab_icmp_quote(struct icmp_quote *q, const struct icmp_message *m, unsigned version);

/* Writes an ICMP message (header of 8 octets with `rest` in octets 4..7, then body) with its checksum; src/dst for the v6
 * pseudo-header, in network order. Returns its length. An echo reply passes the request's first 4 body octets as `rest` and the remainder as body. */
/* The same 8 octets for a body that stands elsewhere. */
void estab_icmp_write_header(uint8_t out[8], unsigned version, uint8_t type, uint8_t code,
                             uint32_t rest, const uint8_t *body, uint32_t body_len,
                             const uint8_t *src, const uint8_t *dst);
uint32_t estab_icmp_write(uint8_t *out, unsigned version, uint8_t type, uint8_t code, uint32_t rest,
                          const uint8_t *body, uint32_t body_len, const uint8_t *src,
                          const uint8_t *dst);

#endif
