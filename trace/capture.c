/* SPDX-License-Identifier: MIT */
/*
 * The reader of pcap and pcapng files. The first four octets tell which it is and in which byte
 * order; in pcapng each section may have its own. Called by cli/trace.c, which streams files through
 * it, and by cli/replay_play.c, which reads them from memory as often as it must.
 */
#include "trace/capture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SECTION_HEADER = 0x0a0d0d0a,
    INTERFACE_DESCRIPTION = 1,
    PACKET_BLOCK = 2, /* of the first drafts */
    SIMPLE_PACKET = 3,
    ENHANCED_PACKET = 6,
    BYTE_ORDER = 0x1a2b3c4d,
    OPT_COMMENT = 1,
    IF_TSRESOL = 9,
    IF_TSOFFSET = 14,
    PCAP_HEADER = 24,
    /* Octets of a block that are kept: a packet, its fixed fields and its options. */
    BLOCK_MAX = CAPTURE_PACKET_MAX + 64 * 1024
};

struct interface {
    uint32_t link, snap;
    uint64_t ticks; /* in a second */
    int64_t offset; /* seconds */
};

struct capture {
    capture_read_fn *read;
    void *ctx;
    bool started, is_pcapng, swapped, ended;
    bool nanoseconds; /* pcap */
    struct interface interface[CAPTURE_INTERFACES];
    uint32_t interfaces;
    uint64_t number, strays, backwards;
    estab_time at;
    char error[160];
    char comment[CAPTURE_COMMENT_MAX + 1];
    uint8_t *block; /* BLOCK_MAX */
};

/* ---- octets ---- */

static int
fail(struct capture *c, const char *what)
{
    c->ended = true;
    if (c->number > 0)
        snprintf(c->error, sizeof c->error, "after packet %llu: %s", (unsigned long long)c->number,
                 what);
    else
        snprintf(c->error, sizeof c->error, "%s", what);
    return -1;
}

/* Octets got, fewer than n only at the end of the file. */
static size_t
get(struct capture *c, void *p, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ptrdiff_t got = c->read(c->ctx, (uint8_t *)p + done, n - done);

        if (got <= 0 || (size_t)got > n - done)
            break;
        done += (size_t)got;
    }
    return done;
}

/* 1: all of it; else the error is told. */
static int
want(struct capture *c, void *p, size_t n)
{
    return get(c, p, n) == n ? 1 : fail(c, "the file is cut off here");
}

static int
pass_over(struct capture *c, uint64_t n)
{
    uint8_t waste[4096];

    while (n > 0) {
        size_t part = n < sizeof waste ? (size_t)n : sizeof waste;

        if (want(c, waste, part) < 0)
            return -1;
        n -= part;
    }
    return 1;
}

static uint32_t
u32(const struct capture *c, const uint8_t *p)
{
    if (c->swapped)
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static uint16_t
u16(const struct capture *c, const uint8_t *p)
{
    return (uint16_t)(c->swapped ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

/* ---- time ---- */

/* rest / ticks of a second in nanoseconds, cut, digit by digit so that nothing overflows. */
static uint64_t
nanoseconds_of(uint64_t rest, uint64_t ticks)
{
    uint64_t ns = 0;

    if (ticks > UINT64_MAX / 16) { /* a power of two: what is lost is far below a nanosecond */
        ticks >>= 4;
        rest >>= 4;
    }
    for (unsigned digit = 0; digit < 9; digit++) {
        rest *= 10;
        ns = ns * 10 + rest / ticks;
        rest %= ticks;
    }
    return ns;
}

/* An instant of `ticks` a second, as nanoseconds; what is out of range ends at its edge. */
static estab_time
instant(uint64_t count, uint64_t ticks, int64_t offset)
{
    const int64_t last = INT64_MAX / 1000000000 - 1;
    uint64_t seconds = count / ticks, rest = count % ticks;
    int64_t whole;

    rest = nanoseconds_of(rest, ticks);
    whole = seconds > (uint64_t)last ? last : (int64_t)seconds;
    if (offset < -last || offset > last)
        offset = 0;
    whole += offset;
    if (whole < 0)
        return 0;
    return (whole > last ? last : whole) * 1000000000 + (estab_time)rest;
}

static void
take_time(struct capture *c, estab_time at)
{
    if (at < c->at)
        c->backwards++;
    else
        c->at = at;
}

/* ---- pcap ---- */

static int
start_pcap(struct capture *c)
{
    uint8_t rest[PCAP_HEADER - 4];

    if (want(c, rest, sizeof rest) < 0)
        return -1;
    c->interface[0] = (struct interface){
        .link = u32(c, rest + 16) & 0x03ffffff, /* the upper bits tell of check sequences */
        .ticks = c->nanoseconds ? 1000000000 : 1000000,
    };
    c->interfaces = 1;
    return 1;
}

static int
next_pcap(struct capture *c, struct capture_packet *packet)
{
    uint8_t head[16];
    size_t got = get(c, head, sizeof head);
    uint32_t len;

    if (got == 0) {
        c->ended = true;
        return 0;
    }
    if (got < sizeof head)
        return fail(c, "the file is cut off here");
    len = u32(c, head + 8);
    if (len > CAPTURE_PACKET_MAX)
        return fail(c, "a packet longer than any: the file is damaged");
    if (want(c, c->block, len) < 0)
        return -1;
    take_time(c, instant((uint64_t)u32(c, head) * c->interface[0].ticks + u32(c, head + 4),
                         c->interface[0].ticks, 0));
    *packet = (struct capture_packet){
        .number = ++c->number,
        .at = c->at,
        .link = c->interface[0].link,
        .data = c->block,
        .len = len,
        .wire_len = u32(c, head + 12) > len ? u32(c, head + 12) : len,
        .comment = "",
    };
    return 1;
}

/* ---- pcapng ---- */

/* Finds an option; false: it is not there. */
static bool
option(const struct capture *c, const uint8_t *p, uint32_t len, unsigned code,
       const uint8_t **value, uint32_t *value_len)
{
    while (len >= 4) {
        unsigned this_code = u16(c, p);
        uint32_t n = u16(c, p + 2), padded = (n + 3) & ~3u;

        if (this_code == 0 || n > len - 4)
            return false;
        if (this_code == code) {
            *value = p + 4;
            *value_len = n;
            return true;
        }
        if (padded > len - 4)
            return false;
        p += 4 + padded;
        len -= 4 + padded;
    }
    return false;
}

static void
describe_interface(struct capture *c, const uint8_t *body, uint32_t len)
{
    struct interface i = { .ticks = 1000000 };
    const uint8_t *value;
    uint32_t n;

    if (len < 8 || c->interfaces == CAPTURE_INTERFACES)
        return;
    i.link = u16(c, body);
    i.snap = u32(c, body + 4);
    if (option(c, body + 8, len - 8, IF_TSRESOL, &value, &n) && n == 1) {
        unsigned power = value[0] & 0x7f;

        i.ticks = 1;
        if ((value[0] & 0x80) != 0)
            i.ticks = power < 64 ? (uint64_t)1 << power : (uint64_t)1 << 63;
        else
            for (unsigned k = 0; k < power && k < 18; k++)
                i.ticks *= 10;
    }
    if (option(c, body + 8, len - 8, IF_TSOFFSET, &value, &n) && n == 8) {
        uint64_t low = u32(c, value + (c->swapped ? 4 : 0));
        uint64_t high = u32(c, value + (c->swapped ? 0 : 4));

        i.offset = (int64_t)(high << 32 | low);
    }
    c->interface[c->interfaces++] = i;
}

static void
take_comment(struct capture *c, const uint8_t *p, uint32_t len)
{
    const uint8_t *value;
    uint32_t n;

    c->comment[0] = '\0';
    if (!option(c, p, len, OPT_COMMENT, &value, &n))
        return;
    if (n > CAPTURE_COMMENT_MAX)
        n = CAPTURE_COMMENT_MAX;
    memcpy(c->comment, value, n);
    c->comment[n] = '\0';
}

/* A packet out of the body of its block: 1; 0: it is passed over. */
static int
packet_of_block(struct capture *c, uint32_t type, uint32_t len, struct capture_packet *packet)
{
    const uint8_t *body = c->block;
    uint32_t fixed = type == SIMPLE_PACKET ? 4 : 20, number = 0, captured, original;

    if (len < fixed)
        return fail(c, "a block too short for a packet: the file is damaged");
    c->number++;
    if (type == SIMPLE_PACKET) {
        original = u32(c, body);
        captured = len - 4 < original ? len - 4 : original;
        if (c->interfaces > 0 && c->interface[0].snap != 0 && captured > c->interface[0].snap)
            captured = c->interface[0].snap;
        c->comment[0] = '\0';
    } else {
        number = type == PACKET_BLOCK ? u16(c, body) : u32(c, body);
        captured = u32(c, body + 12);
        original = u32(c, body + 16);
    }
    if (captured > len - fixed || captured > CAPTURE_PACKET_MAX)
        return fail(c, "a packet longer than its block: the file is damaged");
    if (number >= c->interfaces) {
        c->strays++;
        return 0;
    }
    if (type != SIMPLE_PACKET) {
        uint32_t padded = (captured + 3) & ~3u;

        take_time(c, instant((uint64_t)u32(c, body + 4) << 32 | u32(c, body + 8),
                             c->interface[number].ticks, c->interface[number].offset));
        if (padded <= len - fixed)
            take_comment(c, body + fixed + padded, len - fixed - padded);
        else
            c->comment[0] = '\0';
    }
    *packet = (struct capture_packet){
        .number = c->number,
        .at = c->at,
        .link = c->interface[number].link,
        .data = body + fixed,
        .len = captured,
        .wire_len = original > captured ? original : captured,
        .comment = c->comment,
    };
    return 1;
}

/* The rest of a section header, of which the type has been read. */
static int
start_section(struct capture *c)
{
    uint8_t head[8];
    uint32_t len;

    if (want(c, head, sizeof head) < 0)
        return -1;
    c->swapped = head[4] == 0x1a;
    if (u32(c, head + 4) != BYTE_ORDER)
        return fail(c, "a section of no byte order: the file is damaged");
    len = u32(c, head);
    if (len < 28 || len % 4 != 0)
        return fail(c, "a section header of impossible length: the file is damaged");
    c->interfaces = 0;
    return pass_over(c, len - 12);
}

static int
next_pcapng(struct capture *c, struct capture_packet *packet)
{
    for (;;) {
        uint8_t head[8];
        size_t got = get(c, head, 4);
        uint32_t type, len;
        int result;

        if (got == 0) {
            c->ended = true;
            return 0;
        }
        if (got < 4)
            return fail(c, "the file is cut off here");
        type = u32(c, head); /* a palindrome for a section: any byte order */
        if (type == SECTION_HEADER) {
            if (start_section(c) < 0)
                return -1;
            continue;
        }
        if (want(c, head + 4, 4) < 0)
            return -1;
        len = u32(c, head + 4);
        if (len < 12 || len % 4 != 0)
            return fail(c, "a block of impossible length: the file is damaged");
        len -= 12;
        if (type != INTERFACE_DESCRIPTION && type != PACKET_BLOCK && type != SIMPLE_PACKET &&
            type != ENHANCED_PACKET) {
            if (pass_over(c, (uint64_t)len + 4) < 0)
                return -1;
            continue;
        }
        if (len > BLOCK_MAX)
            return fail(c, "a packet longer than any: the file is damaged");
        if (want(c, c->block, len) < 0 || pass_over(c, 4) < 0)
            return -1;
        if (type == INTERFACE_DESCRIPTION) {
            describe_interface(c, c->block, len);
            continue;
        }
        result = packet_of_block(c, type, len, packet);
        if (result != 0)
            return result;
    }
}

/* ---- the reader ---- */

ptrdiff_t
estab_captured_memory(void *ctx, void *p, size_t n)
{
    struct capture_memory *m = ctx;

    if (n > m->len - m->at)
        n = m->len - m->at;
    memcpy(p, m->data + m->at, n);
    m->at += n;
    return (ptrdiff_t)n;
}

static int
start(struct capture *c)
{
    uint8_t first[4];
    uint32_t magic;
    size_t got = get(c, first, sizeof first);

    c->started = true;
    if (got == 0)
        return fail(c, "the file is empty");
    if (got < 4)
        return fail(c, "no capture: pcap and pcapng are read");
    magic = u32(c, first);
    if (magic == SECTION_HEADER) {
        c->is_pcapng = true;
        return start_section(c);
    }
    if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d) {
        c->swapped = true;
        magic = u32(c, first);
    }
    if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d)
        return fail(c, "no capture: pcap and pcapng are read");
    c->nanoseconds = magic == 0xa1b23c4d;
    return start_pcap(c);
}

struct capture *
estab_captured_new(capture_read_fn *read, void *ctx)
{
    struct capture *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->block = malloc(BLOCK_MAX);
    if (c->block == NULL) {
        free(c);
        return NULL;
    }
    c->read = read;
    c->ctx = ctx;
    return c;
}

int
estab_captured_next(struct capture *c, struct capture_packet *packet)
{
    if (c->ended)
        return c->error[0] != '\0' ? -1 : 0;
    if (!c->started && start(c) < 0)
        return -1;
    return c->is_pcapng ? next_pcapng(c, packet) : next_pcap(c, packet);
}

const char *
estab_captured_error(const struct capture *c)
{
    return c->error;
}

uint64_t
estab_captured_strays(const struct capture *c)
{
    return c->strays;
}

uint64_t
estab_captured_backwards(const struct capture *c)
{
    return c->backwards;
}

void
estab_captured_free(struct capture *c)
{
    if (c == NULL)
        return;
    free(c->block);
    free(c);
}
