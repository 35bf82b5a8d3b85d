/* SPDX-License-Identifier: MIT */
/*
 * Captures as packets: pcap (draft-ietf-opsawg-pcap) of both byte orders, with micro- and
 * nanoseconds, and pcapng (draft-ietf-opsawg-pcapng) with its comments; and the IP packet in a
 * frame of Ethernet, raw IP, Linux cooked v1 and v2, and loopback. The reader pulls octets from
 * whoever opened the file, keeps one packet at a time and never believes a length.
 */
#ifndef ESTAB_TRACE_CAPTURE_H
#define ESTAB_TRACE_CAPTURE_H

#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CAPTURE_PACKET_MAX = 256 * 1024, /* octets of one packet; more is no capture */
    CAPTURE_INTERFACES = 256,        /* of one section; packets of further ones are passed over */
    CAPTURE_COMMENT_MAX = 1024       /* octets of a comment that are kept */
};

/* The kinds of link that are read, by their numbers in the files. */
enum capture_link {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_BSD = 12,
    LINK_RAW_OPENBSD = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276
};

struct capture_packet {
    uint64_t number; /* from 1, as other programs count them */
    estab_time at;   /* since 1970; never before the packet in front of it */
    uint32_t link;   /* enum capture_link, or a kind that is not read */
    const uint8_t *data;
    uint32_t len;        /* octets in the file */
    uint32_t wire_len;   /* octets on the wire: not less */
    const char *comment; /* of the file's, or ""; until the next call, as `data` */
};

/* Octets read, at most n; 0: the end; negative: an error that the caller knows of. */
typedef ptrdiff_t capture_read_fn(void *ctx, void *p, size_t n);

/* A capture_read_fn over octets in memory, of which `at` have been read; its context. */
struct capture_memory {
    const uint8_t *data;
    size_t len, at;
};
ptrdiff_t estab_captured_memory(void *ctx, void *p, size_t n);

struct capture;

/* NULL: no memory. */
struct capture *estab_captured_new(capture_read_fn *read, void *ctx);
/* 1 and a packet; 0: the end; -1: estab_captured_error() says what is wrong. Packets before that
 * were good. */
int estab_captured_next(struct capture *c, struct capture_packet *packet);
const char *estab_captured_error(const struct capture *c);
/* What could not be used: packets of interfaces never described, and instants that ran backwards. */
uint64_t estab_captured_strays(const struct capture *c);
uint64_t estab_captured_backwards(const struct capture *c);
void estab_captured_free(struct capture *c);

/* The IP packet in a frame; false: there is none. `wire_len` is what of it was on the wire. */
bool estab_captured_ip(const struct capture_packet *packet, const uint8_t **ip, uint32_t *len,
                       uint32_t *wire_len);
/* Is this kind of link read at all? */
bool estab_captured_link_is_read(uint32_t link);

#endif
