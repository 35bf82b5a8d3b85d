/* SPDX-License-Identifier: MIT */
/* See capture.h. Called from cli/replay.c. */
#include "drivers/capture.h"

#include <string.h>

enum {
    PACKET_MAX = 1 << 18, /* as of every tool that writes captures */
    SECTION_HEADER = 0x0a0d0d0a,
    INTERFACE_DESCRIPTION = 1,
    OLD_PACKET = 2,
    SIMPLE_PACKET = 3,
    ENHANCED_PACKET = 6,
    IF_TSRESOL = 9,
    IF_TSOFFSET = 14,

    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW_12 = 12,
    LINK_RAW_14 = 14,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

static uint64_t
number(const struct capture *c, const uint8_t *p, unsigned octets)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < octets; i++)
        n = n << 8 | p[c->swapped ? i : octets - 1 - i];
    return n;
}

static uint32_t
n32(const struct capture *c, const uint8_t *p)
{
    return (uint32_t)number(c, p, 4);
}

static bool
fail(struct capture *c, const char *wrong)
{
    c->wrong = wrong;
    c->at = c->end;
    return false;
}

/* ---- time ---- */

static int64_t
saturated(uint64_t seconds, uint64_t nanoseconds)
{
    if (seconds >= INT64_MAX / 1000000000)
        return INT64_MAX;
    return (int64_t)(seconds * 1000000000 + nanoseconds);
}

/* Units of 10^-n or 2^-n seconds as nanoseconds. */
static int64_t
instant(uint64_t units, uint8_t resolution, int64_t offset)
{
    unsigned n = resolution & 0x7f;
    uint64_t seconds, rest, one = 1;

    if ((resolution & 0x80) != 0) {
        if (n > 63)
            return 0;
        seconds = units >> n;
        rest = units - (seconds << n);
        if (n > 32) {
            rest >>= n - 32;
            n = 32;
        }
        rest = rest * 1000000000 >> n;
    } else {
        for (unsigned i = 0; i < n && i < 19; i++)
            one *= 10;
        if (n > 19)
            return 0;
        seconds = units / one;
        rest = units % one;
        while (n > 9) {
            rest /= 10;
            n--;
        }
        for (; n < 9; n++)
            rest *= 10;
    }
    if (offset < 0 && seconds < 0 - (uint64_t)offset)
        return 0;
    if (offset > INT64_MAX / 1000000000)
        return INT64_MAX;
    return saturated(seconds + (uint64_t)offset, rest);
}

/* ---- pcap ---- */

static bool
open_pcap(struct capture *c, size_t len)
{
    static const uint8_t micro[4] = { 0xd4, 0xc3, 0xb2, 0xa1 },
                         nano[4] = { 0x4d, 0x3c, 0xb2, 0xa1 };
    uint8_t magic[4] = { c->at[0], c->at[1], c->at[2], c->at[3] };

    if (magic[0] == 0xa1) { /* big-endian */
        c->swapped = true;
        memcpy(magic, (uint8_t[4]){ c->at[3], c->at[2], c->at[1], c->at[0] }, 4);
    }
    if (memcmp(magic, micro, 4) != 0 && memcmp(magic, nano, 4) != 0)
        return fail(c, "no capture of the pcap or pcapng format");
    if (len < 24)
        return fail(c, "it ends in its own header");
    c->interface[0].link = (uint16_t)(n32(c, c->at + 20) & 0xffff);
    c->interface[0].resolution = memcmp(magic, nano, 4) == 0 ? 9 : 6;
    c->interfaces = 1;
    c->at += 24;
    return true;
}

static int
next_pcap(struct capture *c, struct capture_packet *p)
{
    size_t left = (size_t)(c->end - c->at);
    uint64_t fraction;

    if (left == 0)
        return 0;
    if (left < 16)
        return fail(c, "it ends in the middle of a packet") - 1;
    p->len = n32(c, c->at + 8);
    p->wire_len = n32(c, c->at + 12);
    if (p->len > PACKET_MAX)
        return fail(c, "a packet is longer than any can be") - 1;
    if (p->len > left - 16)
        return fail(c, "it ends in the middle of a packet") - 1;
    fraction = n32(c, c->at + 4);
    p->at = saturated(n32(c, c->at), c->interface[0].resolution == 9 ? fraction : fraction * 1000);
    p->link = c->interface[0].link;
    p->data = c->at + 16;
    c->at += 16 + p->len;
    return 1;
}

/* ---- pcapng ---- */

static bool
begin_section(struct capture *c, size_t left)
{
    static const uint8_t little[4] = { 0x4d, 0x3c, 0x2b, 0x1a };

    if (left < 28)
        return fail(c, "it ends in the header of a section");
    c->swapped = c->at[8] == 0x1a;
    if (memcmp(c->at + 8, c->swapped ? (const uint8_t[4]){ 0x1a, 0x2b, 0x3c, 0x4d } : little, 4) !=
        0)
        return fail(c, "a section in no byte order");
    if (number(c, c->at + 12, 2) != 1)
        return fail(c, "a pcapng section of a version that nobody knows");
    c->interfaces = 0;
    return true;
}

static bool
describe_interface(struct capture *c, const uint8_t *body, uint32_t len)
{
    const uint8_t *option = body + 8, *end = body + len;
    unsigned i = c->interfaces;

    if (len < 8)
        return fail(c, "an interface without a link type");
    if (i == CAPTURE_INTERFACES)
        return fail(c, "more than 64 interfaces");
    c->interface[i].link = (uint16_t)number(c, body, 2);
    c->interface[i].resolution = 6;
    c->interface[i].offset = 0;
    while (end - option >= 4) {
        unsigned code = (unsigned)number(c, option, 2);
        uint32_t size = (uint32_t)number(c, option + 2, 2);

        if (code == 0 || size > (size_t)(end - option) - 4)
            break;
        if (code == IF_TSRESOL && size == 1)
            c->interface[i].resolution = option[4];
        if (code == IF_TSOFFSET && size == 8)
            c->interface[i].offset = (int64_t)number(c, option + 4, 8);
        size = (size + 3) & ~3u;
        if (size > (size_t)(end - option) - 4)
            break;
        option += 4 + size;
    }
    c->interfaces++;
    return true;
}

/* 1: a packet; 0: a block of another kind, or of an interface that was never described. */
static int
read_packet(struct capture *c, uint32_t type, const uint8_t *body, uint32_t len,
            struct capture_packet *p)
{
    uint32_t head = type == SIMPLE_PACKET ? 4 : 20, i = 0;

    if (len < head)
        return 0;
    if (type == ENHANCED_PACKET)
        i = n32(c, body);
    else if (type == OLD_PACKET)
        i = (uint32_t)number(c, body, 2);
    if (i >= c->interfaces)
        return 0;
    if (type == SIMPLE_PACKET) {
        p->wire_len = n32(c, body);
        p->len = p->wire_len < len - head ? p->wire_len : len - head;
    } else {
        c->last = (uint64_t)n32(c, body + 4) << 32 | n32(c, body + 8);
        p->len = n32(c, body + 12);
        p->wire_len = n32(c, body + 16);
    }
    if (p->len > len - head || p->len > PACKET_MAX)
        return 0;
    p->at = instant(c->last, c->interface[i].resolution, c->interface[i].offset);
    p->link = c->interface[i].link;
    p->data = body + head;
    return 1;
}

static int
next_block(struct capture *c, struct capture_packet *p)
{
    size_t left;

    while ((left = (size_t)(c->end - c->at)) > 0) {
        const uint8_t *body = c->at + 8;
        uint32_t type, total;

        if (left < 12)
            return fail(c, "it ends in the middle of a block") - 1;
        /* the type of a section's header is the same in both orders, and its length is in its own */
        if (memcmp(c->at, (const uint8_t[4]){ 0x0a, 0x0d, 0x0d, 0x0a }, 4) == 0 &&
            !begin_section(c, left))
            return -1;
        type = n32(c, c->at);
        total = n32(c, c->at + 4);
        if (total < 12 || total % 4 != 0)
            return fail(c, "a block whose length cannot be") - 1;
        if (total > left)
            return fail(c, "it ends in the middle of a block") - 1;
        if (n32(c, c->at + total - 4) != total)
            return fail(c, "a block that ends with another length than it began with") - 1;
        c->at += total;
        if (type == INTERFACE_DESCRIPTION && !describe_interface(c, body, total - 12))
            return -1;
        if ((type == ENHANCED_PACKET || type == SIMPLE_PACKET || type == OLD_PACKET) &&
            read_packet(c, type, body, total - 12, p) == 1)
            return 1;
    }
    return 0;
}

bool
estab_capture_open(struct capture *c, const uint8_t *data, size_t len)
{
    memset(c, 0, sizeof *c);
    c->at = data;
    c->end = data + len;
    if (len < 4)
        return fail(c, len == 0 ? "it is empty" : "no capture of the pcap or pcapng format");
    c->ng = memcmp(data, (const uint8_t[4]){ 0x0a, 0x0d, 0x0d, 0x0a }, 4) == 0;
    return c->ng ? begin_section(c, len) : open_pcap(c, len);
}

int
estab_capture_next(struct capture *c, struct capture_packet *p)
{
    if (c->wrong != NULL)
        return -1;
    return c->ng ? next_block(c, p) : next_pcap(c, p);
}

/* ---- links ---- */

static uint32_t
type_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

/* Where the payload of an Ethernet frame begins; 0: it is no IP. */
static uint32_t
skip_ethernet(const uint8_t *p, uint32_t len)
{
    uint32_t at = 12;

    for (unsigned tags = 0; tags < 2 && len >= at + 2; tags++, at += 4)
        if (type_at(p + at) != 0x8100 && type_at(p + at) != 0x88a8)
            break;
    if (len < at + 2 || (type_at(p + at) != 0x0800 && type_at(p + at) != 0x86dd))
        return 0;
    return at + 2;
}

bool
estab_capture_ip(const struct capture_packet *p, const uint8_t **ip, uint32_t *len)
{
    uint32_t head = 0;

    switch (p->link) {
    case LINK_ETHERNET:
        head = skip_ethernet(p->data, p->len);
        if (head == 0)
            return false;
        break;
    case LINK_NULL: /* the family in the order of the machine that wrote it: the version will do */
    case LINK_LOOP:
        head = 4;
        break;
    case LINK_SLL:
        head = 16;
        break;
    case LINK_SLL2:
        head = 20;
        break;
    case LINK_RAW_12:
    case LINK_RAW_14:
    case LINK_RAW:
    case LINK_IPV4:
    case LINK_IPV6:
        break;
    default:
        return false;
    }
    if (p->len <= head)
        return false;
    *ip = p->data + head;
    *len = p->len - head;
    return (*ip)[0] >> 4 == 4 || (*ip)[0] >> 4 == 6;
}
