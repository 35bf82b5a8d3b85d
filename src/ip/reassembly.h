/* SPDX-License-Identifier: MIT */
/*
 * Datagrams that arrive in fragments (RFC 791 §3.2, RFC 815, RFC 8200 §4.5) are held until they are
 * whole. Fragments that contradict each other end their datagram (RFC 5722). What is held has three
 * limits, of octets, of datagrams and of fragments of each; beyond them the oldest datagram makes
 * room, first among those of the same source, so that one that arrives quickly gets through a flood of others.
 */
#ifndef IP_REASSEMBLY_H
#define IP_REASSEMBLY_H

#include "base/pool.h"
#include "base/siphash.h"
#include "estab/config.h"
#include "wire/ip_header.h"

#include <stdbool.h>
#include <stdint.h>

#define REASSEMBLY_BUCKETS 64
#define REASSEMBLY_QUOTE 1232u /* octets of the first fragment that an ICMP error may quote */

struct reassembly {
    const struct estab_config *cfg;
    struct chunks *chunks;
    struct siphash_key key;
    struct pool datagrams;
    uint32_t bucket[REASSEMBLY_BUCKETS];     /* first datagram of the hash; 0: none */
    uint16_t per_source[REASSEMBLY_BUCKETS]; /* datagrams, by hash of their source */
    uint32_t first[2], last[2];              /* by family, in the order in which they end */
    size_t bytes;                            /* of records and fragments held */
    uint64_t failed;                         /* datagrams that did not become whole */
};

/* A datagram that has become whole, as one packet without fragmentation. */
struct whole_packet {
    uint8_t *data; /* NULL: not whole yet */
    uint32_t len, size;
};

/* One that has not: what is told to its source. */
struct late_datagram {
    uint8_t ifindex;
    uint32_t quote_len; /* 0: the first fragment never came */
    uint8_t quote[REASSEMBLY_QUOTE];
};

void estab_reassembly_init(struct reassembly *r, struct arena *arena, struct chunks *chunks,
                           struct siphash_key key, const struct estab_config *cfg);
/* Forgets all fragments. */
void estab_reassembly_clear(struct reassembly *r);
void estab_reassembly_fini(struct reassembly *r);
/* Takes the fragment `ip` of `packet`. ACCEPTED_FRAGMENT: held. ESTAB_SEG_NONE: `whole` is to be processed
 * and then given to estab_reassembly_put(). Else why it was dropped. */
enum estab_verdict estab_reassembly_add(struct reassembly *r, const struct ip_header *ip,
                                        const uint8_t *packet, unsigned ifindex, estab_time now,
                                        struct whole_packet *whole);
void estab_reassembly_put(struct reassembly *r, struct whole_packet *whole);
/* When the next datagram ends; ESTAB_NEVER: none is held. */
estab_time estab_reassembly_deadline(const struct reassembly *r);
/* Ends one datagram whose time is over; false: none (left). */
bool estab_reassembly_expire(struct reassembly *r, estab_time now, struct late_datagram *late);

#endif
