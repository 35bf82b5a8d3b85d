/* SPDX-License-Identifier: MIT */
/* Multicast group membership: MLDv2 (RFC 3810) and IGMPv3 (RFC 3376) reports and queries, for
 * groups heard from any source; and those of MLDv1 (RFC 2710), IGMPv2 (RFC 2236) and IGMPv1
 * (RFC 1112) for routers that know no better. Pure. */
#ifndef WIRE_GROUPS_H
#define WIRE_GROUPS_H

#include "wire/ip_header.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    IP_PROTO_IGMP = 2,
    MLD_QUERY = 130,
    MLD1_REPORT = 131,
    MLD1_DONE = 132,
    MLD_REPORT = 143,
    IGMP_QUERY = 0x11,
    IGMP1_REPORT = 0x12,
    IGMP2_REPORT = 0x16,
    IGMP2_LEAVE = 0x17,
    IGMP_REPORT = 0x22
};
enum group_record { GROUP_IS_EXCLUDE = 2, GROUP_TO_INCLUDE = 3, GROUP_TO_EXCLUDE = 4 };

struct group_query {
    const uint8_t *group; /* NULL: a general query */
    uint32_t max_delay_ms;
    uint8_t version; /* of IGMP: 1 to 3; of MLD: 1 or 2 */
};

/* A query: ICMPv6 130 or IGMP; false: malformed, not a query, or not from this link. */
bool estab_group_query_parse(struct group_query *q, const struct ip_header *ip);

/* Writes a whole IP packet, with its router alert option, that reports `n` groups of addr_len
 * octets one after the other, all with the same kind of record; its length. `out` has room for
 * 76 + n x 20 octets (IPv6), 40 + n x 8 (IPv4). */
uint32_t estab_group_report(uint8_t *out, unsigned addr_len, const uint8_t *src,
                            enum group_record kind, const uint8_t *groups, uint32_t n);
/* Writes a whole IP packet with a message of an older version about one group, of `type` as above;
 * its length, at most 72 octets. */
uint32_t estab_group_old_report(uint8_t *out, unsigned addr_len, const uint8_t *src, uint8_t type,
                                const uint8_t *group);

#endif
