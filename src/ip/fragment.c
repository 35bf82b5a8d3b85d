/* SPDX-License-Identifier: MIT */
/* Fragments on their way out; see fragment.h. Called from stack/output.c and who builds packets. */
#include "ip/fragment.h"

#include "base/bytes.h"
#include "wire/checksum.h"

#include <string.h>

void
estab_ip_ids_init(struct ip_ids *t, struct siphash_key key)
{
    uint32_t i;

    t->key = key;
    for (i = 0; i < IP_ID_COUNTERS; i++)
        t->next[i] = (uint32_t)estab_siphash24(&key, &(uint8_t){ (uint8_t)i }, 1);
}

/*
 * RFC 7739 §5.3 asks for a counter hidden behind a function of the two ends. Here the counter goes
 * through a keyed permutation of its numbers, another one for each pair of ends: no number repeats
 * within 2^16 (2^32) datagrams, and who sees some of them learns neither those of other
 * destinations nor how many there were, although counters are shared (CVE-2019-10638).
 */
uint32_t
estab_ip_id(struct ip_ids *t, const uint8_t *src, const uint8_t *dst, unsigned addr_len,
            uint8_t proto)
{
    uint8_t ends[33], block[10];
    unsigned half = addr_len == 4 ? 8 : 16, round;
    uint32_t mask = (1u << half) - 1, left, right, n;
    uint64_t hash;

    memcpy(ends, src, addr_len);
    memcpy(ends + addr_len, dst, addr_len);
    ends[2 * addr_len] = proto;
    hash = estab_siphash24(&t->key, ends, 2 * addr_len + 1);
    n = t->next[hash & (IP_ID_COUNTERS - 1)]++;
    left = n >> half & mask;
    right = n & mask;
    /* four rounds of a Feistel network: a permutation, whatever the function in the rounds */
    for (round = 0; round < 4; round++) {
        uint32_t turned;

        put_le64(block, hash);
        put_be16(block + 8, right);
        block[7] ^= (uint8_t)(0x80u | round);
        turned = (left ^ (uint32_t)estab_siphash24(&t->key, block, sizeof(block))) & mask;
        left = right;
        right = turned;
    }
    return left << half | right;
}

static void
put_v4_checksum(uint8_t *header)
{
    uint16_t sum;

    put_be16(header + 10, 0);
    sum = (uint16_t)~csum_fold(estab_csum_add(header, (header[0] & 15u) * 4, 0));
    memcpy(header + 10, &sum, 2);
}

void
estab_ip_allow_fragments(uint8_t *header, uint16_t id)
{
    put_be16(header + 4, id);
    put_be16(header + 6, 0);
    put_v4_checksum(header);
}

struct fragment
estab_ip_fragment(uint8_t *out, const uint8_t *packet_header, uint32_t payload_len, uint32_t at,
                  uint32_t mtu, uint32_t id)
{
    bool v4 = packet_header[0] >> 4 == 4;
    uint32_t base = v4 ? (packet_header[0] & 15u) * 4 : 40;
    struct fragment f = { .header_len = v4 ? base : base + 8, .len = payload_len - at };
    uint32_t more = 0;

    /* all but the last carry a multiple of 8 octets */
    if (f.len > mtu - f.header_len) {
        f.len = (mtu - f.header_len) & ~7u;
        more = 1;
    }
    memcpy(out, packet_header, base);
    if (v4) {
        put_be16(out + 2, base + f.len);
        put_be16(out + 6, more << 13 | at >> 3);
        put_v4_checksum(out);
        return f;
    }
    put_be16(out + 4, 8 + f.len);
    out[40] = out[6];
    out[41] = 0;
    put_be16(out + 42, at | more);
    put_be32(out + 44, id);
    out[6] = 44;
    return f;
}
