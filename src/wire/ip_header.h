/* SPDX-License-Identifier: MIT */
/* IPv4 (RFC 791) and IPv6 (RFC 8200) headers: octets <-> one struct for both. Pure. */
#ifndef WIRE_IP_HEADER_H
#define WIRE_IP_HEADER_H

#include "estab/trace.h"

#include <stdbool.h>
#include <stdint.h>

enum { IP_PROTO_ICMP = 1, IP_PROTO_TCP = 6, IP_PROTO_UDP = 17, IP_PROTO_ICMPV6 = 58 };

struct ip_header {
    uint8_t version;          /* 4 or 6 */
    uint8_t proto;            /* of the payload, after IPv6 extension headers */
    uint8_t ttl;              /* or hop limit */
    uint8_t tos;              /* or traffic class: DSCP << 2 | ECN */
    uint8_t addr_len;         /* 4 or 16 */
    bool df;                  /* IPv4 don't fragment */
    const uint8_t *src, *dst; /* in the packet */
    const uint8_t *payload;
    uint32_t payload_len;

    uint32_t next_at;    /* IPv6: the octet of the packet that named `proto` */
    uint32_t header_len; /* octets in front of the payload, but for an IPv6 fragment header */

    /* a fragment: DROP_IP_FRAGMENT, and `payload` is what it carries of a datagram's payload; with
     * IPv6 next_at names the fragment header */
    bool fragment, more;
    bool has_fragment_header; /* IPv6: also that of an atomic fragment */
    bool router_alert;        /* IPv6: that of MLD (RFC 2711 §2.1) */
    uint32_t offset;          /* octets */
    uint32_t id;

    /* RFC 4443 §3.4: ask for an ICMPv6 parameter problem, also about a packet to a group; set with
     * a DROP_ verdict, when version, addresses and addr_len are set too */
    bool problem, problem_to_groups;
    uint8_t problem_code;
    uint32_t problem_at;
};

/* Parses and bounds-checks everything once. ESTAB_SEG_NONE: good; otherwise the DROP_ verdict
 * (DROP_IP_VERSION, _HEADER, _CHECKSUM, _FRAGMENT, _SOURCE_ROUTE). `len` may exceed the IP length (link
 * padding is cut off). An atomic IPv6 fragment (RFC 6946) is taken as whole; any other
 * fragment that can be part of a datagram has `fragment` set with DROP_IP_FRAGMENT, and one that
 * hides the transport's header gives DROP_FRAGMENT_TINY. At most 8 extension headers are walked;
 * hop-by-hop, destination options, routing with segments left 0 are skipped; an unknown option
 * whose type says discard gives DROP_IP_OPTION. csum_verified: do not sum the IPv4 header. */
enum estab_verdict estab_ip_parse(struct ip_header *ip, const uint8_t *packet, uint32_t len,
                                  bool csum_verified);

/* Is the packet, whose header could be read, an ICMP error? Also behind headers that are refused. */
bool estab_ip_is_icmp_error(const uint8_t *packet, uint32_t len);

/* Writes a header of 20 or 40 octets (no options) and returns its length. IPv4: DF set, ID as
 * given, checksum filled in. `src`, `dst` have addr_len octets. */
uint32_t estab_ip_write(uint8_t *out, unsigned version, uint8_t proto, uint8_t ttl, uint8_t tos,
                        const uint8_t *src, const uint8_t *dst, uint16_t id, uint32_t payload_len);

#endif
