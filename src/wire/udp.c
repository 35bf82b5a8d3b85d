/* SPDX-License-Identifier: MIT */
/*
 * UDP headers (RFC 768, RFC 1122 §4.1.3, RFC 8200 §8.1); see udp.h. Called from stack/input.c and
 * stack/udp.c.
 */
#include "wire/udp.h"

#include "base/bytes.h"
#include "wire/checksum.h"

#include <string.h>

enum estab_verdict
estab_udp_parse(struct udp_header *u, const struct ip_header *ip)
{
    const uint8_t *p = ip->payload;
    uint32_t len;

    /* RFC 768: the length counts the header, and no more than what IP brought (RFC768-LEN). What
     * lies behind it is not the user's. */
    if (ip->payload_len < UDP_HEADER)
        return ESTAB_SEG_DROP_UDP_HEADER;
    len = get_be16(p + 4);
    if (len < UDP_HEADER || len > ip->payload_len)
        return ESTAB_SEG_DROP_UDP_HEADER;
    *u = (struct udp_header){
        .src_port = get_be16(p),
        .dst_port = get_be16(p + 2),
        .data = p + UDP_HEADER,
        .data_len = len - UDP_HEADER,
        .no_checksum = get_be16(p + 6) == 0,
    };
    /* RFC 768: source port 0 says that no answer is wanted; destination port 0 is nobody's. */
    if (u->dst_port == 0)
        return ESTAB_SEG_DROP_PORT_ZERO;
    /* RFC 8200 §8.1 (RFC8200-8.1-UDP0): over IPv6 there is no datagram without a checksum. */
    if (u->no_checksum && ip->version == 6)
        return ESTAB_SEG_DROP_UDP_NO_CHECKSUM;
    return ESTAB_SEG_NONE;
}

bool
estab_udp_checksum_is_right(const struct udp_header *u, const struct ip_header *ip)
{
    uint32_t len = UDP_HEADER + u->data_len;

    /* RFC 1122 §4.1.3.4: 0 means none (RFC1122-4.1.3.4). */
    if (u->no_checksum)
        return true;
    return csum_fold(estab_csum_add(
               ip->payload, len,
               estab_csum_pseudo(ip->src, ip->dst, ip->addr_len, IP_PROTO_UDP, len))) == 0xffff;
}

void
estab_udp_write(uint8_t out[UDP_HEADER], uint16_t src_port, uint16_t dst_port, const uint8_t *src,
                const uint8_t *dst, unsigned addr_len, const void *data, uint32_t len)
{
    uint64_t sum = estab_csum_pseudo(src, dst, addr_len, IP_PROTO_UDP, UDP_HEADER + len);
    uint16_t field;

    put_be16(out, src_port);
    put_be16(out + 2, dst_port);
    put_be16(out + 4, UDP_HEADER + len);
    put_be16(out + 6, 0);
    sum = estab_csum_add(out, UDP_HEADER, sum);
    field = (uint16_t)~csum_fold(estab_csum_add(data, len, sum));
    /* RFC 768: a sum of 0 is sent as all ones, which is the same number, because 0 means none. */
    if (field == 0)
        field = 0xffff;
    memcpy(out + 6, &field, 2);
}
