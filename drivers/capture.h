/* SPDX-License-Identifier: MIT */
/*
 * Reads captures: pcap (draft-ietf-opsawg-pcap) with microseconds or nanoseconds and pcapng
 * (draft-ietf-opsawg-pcapng), in either byte order, from memory. Whatever the octets are, nothing
 * outside of them is read and every packet that comes out lies in them.
 */
#ifndef ESTAB_DRIVERS_CAPTURE_H
#define ESTAB_DRIVERS_CAPTURE_H

#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CAPTURE_INTERFACES = 64 };

struct capture {
    const uint8_t *at, *end;
    const char *wrong; /* why capture_next() has returned -1 */
    bool ng, swapped;  /* pcapng; not in little-endian order */
    uint64_t last;     /* time of the packet before, for blocks without */
    struct {
        uint16_t link;
        uint8_t resolution; /* as if_tsresol: 10^-n s, or 2^-n with the high bit */
        int64_t offset;     /* seconds to be added */
    } interface[CAPTURE_INTERFACES];
    unsigned interfaces;
};

struct capture_packet {
    int64_t at;    /* nanoseconds since 1970 */
    uint16_t link; /* link type, as of the pcap formats */
    const uint8_t *data;
    uint32_t len;      /* octets that were kept */
    uint32_t wire_len; /* and that there were */
};

/* False: no capture, and c->wrong says so. `data` must outlive `c`. */
bool estab_capture_open(struct capture *c, const uint8_t *data, size_t len);
/* 1: the next packet; 0: the end; -1: nothing more can be read, and c->wrong says why. */
int estab_capture_next(struct capture *c, struct capture_packet *p);

/* The IP packet in it; false: there is none, or nobody here knows its link type. Known are Ethernet
 * (with up to two VLAN tags), raw IP, BSD loopback, and both of Linux's cooked ones. */
bool estab_capture_ip(const struct capture_packet *p, const uint8_t **ip, uint32_t *len);

#endif
