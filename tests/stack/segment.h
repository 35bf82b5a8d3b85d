/* SPDX-License-Identifier: MIT */
/*
 * An Ethernet segment in virtual time: hosts that hear each other's frames as on a hub, and a
 * stranger: the test itself, which hears everything and may say anything. Used by the tests of
 * ARP, neighbour discovery and what lies on them.
 */
#ifndef ESTAB_TESTS_STACK_SEGMENT_H
#define ESTAB_TESTS_STACK_SEGMENT_H

#include "base/bytes.h"
#include "estab/estab.h"
#include "harness/test.h"
#include "sim/prng.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/icmp.h"
#include "wire/nd.h"

#include <stdlib.h>
#include <string.h>

enum { HOSTS = 4, FRAME = 1600, HEARD = 4096 };

struct heard {
    estab_time at;
    unsigned from; /* host, or HOSTS: the test */
    uint32_t len;
    uint8_t octets[FRAME];
};

struct segment {
    struct estab_stack *host[HOSTS];
    unsigned hosts;
    estab_time now;
    struct heard *heard; /* every frame, in order */
    size_t n_heard;
    size_t looked; /* those before were looked at by the test */
    long taken;    /* octets from the allocator */
    uint32_t loss; /* of a million frames, for each hearer apart; so many come twice, too */
    struct sim_prng dice;
};

static inline void *
seg_get(void *ctx, size_t size, size_t align)
{
    void *p;

    if (align < sizeof(void *))
        align = sizeof(void *);
    if (posix_memalign(&p, align, size) != 0)
        return NULL;
    ((struct segment *)ctx)->taken += (long)size;
    return p;
}

static inline void
seg_put(void *ctx, void *p, size_t size)
{
    ((struct segment *)ctx)->taken -= (long)size;
    free(p);
}

static inline void
seg_init(struct segment *g)
{
    *g = (struct segment){ .now = ESTAB_SEC(1) };
    g->heard = calloc(HEARD, sizeof(*g->heard));
}

static inline void
seg_mac(uint8_t mac[6], unsigned host)
{
    memcpy(mac, (uint8_t[6]){ 2, 0, 0, 0, 0, (uint8_t)(0x10 + host) }, 6);
}

/* Adds a host; `change` may alter what it is made of. */
static inline unsigned
seg_host(struct segment *g, void (*change)(struct estab_config *, struct estab_link *))
{
    struct estab_link link = { .mtu = 1500, .kind = ESTAB_LINK_ETHERNET };
    struct estab_config cfg;
    unsigned h = g->hosts++;

    estab_config_init(&cfg);
    memset(cfg.secret, 1 + (int)h, sizeof(cfg.secret));
    cfg.alloc = (struct estab_alloc){ seg_get, seg_put, g };
    seg_mac(link.mac, h);
    if (change != NULL)
        change(&cfg, &link);
    g->host[h] = estab_stack_new(&cfg);
    assert_non_null(g->host[h]);
    assert_int_equal(estab_stack_add_interface(g->host[h], &link), 1);
    return h;
}

static inline struct estab_addr
addr_of(const char *text)
{
    struct estab_addr a;

    assert_int_equal(estab_addr_parse(&a, text), 0);
    return a;
}

static inline void
seg_deliver(struct segment *g, unsigned from, const uint8_t *data, uint32_t len)
{
    struct heard *e;

    assert_true(g->n_heard < HEARD && len <= FRAME);
    e = &g->heard[g->n_heard++];
    *e = (struct heard){ .at = g->now, .from = from, .len = len };
    memcpy(e->octets, data, len);
    for (unsigned h = 0; h < g->hosts; h++) {
        uint8_t *exact;
        struct estab_frame f;

        if (h == from || g->host[h] == NULL)
            continue;
        exact = malloc(len > 0 ? len : 1); /* so that a sanitizer sees who reads too far */
        memcpy(exact, data, len);
        f = (struct estab_frame){ .data = exact, .len = len };
        if (g->loss == 0 || !sim_prng_chance(&g->dice, g->loss))
            estab_stack_input(g->host[h], 1, &f, 1, g->now);
        if (g->loss != 0 && sim_prng_chance(&g->dice, g->loss))
            estab_stack_input(g->host[h], 1, &f, 1, g->now);
        free(exact);
    }
}

/* Everything that is due now, until all are quiet. */
static inline void
seg_settle(struct segment *g)
{
    bool any = true;

    for (unsigned round = 0; any && round < 1000; round++) {
        any = false;
        for (unsigned h = 0; h < g->hosts; h++) {
            uint8_t data[FRAME];
            struct estab_frame f = { .data = data, .cap = FRAME };

            if (g->host[h] == NULL)
                continue;
            if (estab_stack_deadline(g->host[h]) <= g->now)
                estab_stack_tick(g->host[h], g->now);
            memset(data, 0xee, sizeof(data)); /* what must not go out */
            while (estab_stack_output(g->host[h], 1, &f, 1, g->now) == 1) {
                seg_deliver(g, h, data, f.len);
                memset(data, 0xee, sizeof(data));
                any = true;
            }
        }
    }
    assert_false(any);
}

static inline void
seg_run(struct segment *g, estab_time how_long)
{
    estab_time end = g->now + how_long;

    seg_settle(g);
    for (;;) {
        estab_time next = ESTAB_NEVER;

        for (unsigned h = 0; h < g->hosts; h++)
            if (g->host[h] != NULL && estab_stack_deadline(g->host[h]) < next)
                next = estab_stack_deadline(g->host[h]);
        if (next > end)
            break;
        if (next > g->now)
            g->now = next;
        seg_settle(g);
    }
    g->now = end;
}

/* Ends all hosts; every octet is back. */
static inline void
seg_end(struct segment *g)
{
    for (unsigned h = 0; h < g->hosts; h++)
        estab_stack_free(g->host[h]);
    assert_int_equal(g->taken, 0);
    free(g->heard);
}

static inline struct estab_stack_status
seg_status(const struct segment *g, unsigned host)
{
    struct estab_stack_status st;

    estab_stack_status(g->host[host], &st);
    return st;
}

/* The next frame of that host, not looked at yet; NULL: none. */
static inline const struct heard *
seg_next(struct segment *g, unsigned from)
{
    while (g->looked < g->n_heard)
        if (g->heard[g->looked++].from == from)
            return &g->heard[g->looked - 1];
    return NULL;
}

static inline void
seg_forget(struct segment *g)
{
    g->looked = g->n_heard = 0;
}

/* ---- the stranger speaks ---- */

static inline void
seg_say_arp(struct segment *g, const uint8_t src[6], const uint8_t dst[6],
            const struct arp_packet *a)
{
    uint8_t f[60] = { 0 };
    uint32_t at = estab_ether_write(f, dst, src, 0, ETHER_ARP);

    estab_arp_write(f + at, a);
    seg_deliver(g, HOSTS, f, 60);
}

static inline void
seg_say_ip(struct segment *g, const uint8_t src[6], const uint8_t dst[6], const uint8_t *packet,
           uint32_t len)
{
    uint8_t f[FRAME];
    uint32_t at = estab_ether_write(f, dst, src, 0, packet[0] >> 4 == 4 ? ETHER_IPV4 : ETHER_IPV6);

    memcpy(f + at, packet, len);
    seg_deliver(g, HOSTS, f, at + len);
}

/* An ICMPv6 message with the hop limit of neighbour discovery. */
static inline void
seg_say_icmp6(struct segment *g, const uint8_t src_mac[6], const uint8_t *src, const uint8_t *dst,
              uint8_t *message, uint32_t len, uint8_t hop_limit)
{
    uint8_t packet[FRAME], mac[6];

    /* the checksum anew */
    (void)estab_icmp_write(packet + 40, 6, message[0], message[1], get_be32(message + 4),
                           message + 8, len - 8, src, dst);
    (void)estab_ip_write(packet, 6, IP_PROTO_ICMPV6, hop_limit, 0, src, dst, 0, len);
    if (dst[0] == 0xff)
        estab_ether_group(mac, dst, 16);
    else
        seg_mac(mac, 0);
    seg_say_ip(g, src_mac, mac, packet, 40 + len);
}

/* A query of MLD as RFC 3810 §5.1 has it, with hop limit 1 and with router alert `value` in a hop-by-hop header;
 * `value` 0: that of MLD (RFC 2711 §2.1). */
static inline void
seg_say_query6(struct segment *g, const uint8_t src_mac[6], const uint8_t *src, const uint8_t *dst,
               const uint8_t *message, uint32_t len, uint8_t value)
{
    const uint8_t alert[8] = { IP_PROTO_ICMPV6, 0, 5, 2, 0, value, 1, 0 };
    uint8_t packet[FRAME], mac[6];

    (void)estab_icmp_write(packet + 48, 6, message[0], message[1], get_be32(message + 4),
                           message + 8, len - 8, src, dst);
    (void)estab_ip_write(packet, 6, 0, 1, 0, src, dst, 0, 8 + len);
    memcpy(packet + 40, alert, 8);
    estab_ether_group(mac, dst, 16);
    seg_say_ip(g, src_mac, mac, packet, 48 + len);
}

static inline void
seg_say_nd(struct segment *g, const uint8_t src_mac[6], const uint8_t *src, const uint8_t *dst,
           const struct nd_message *m)
{
    uint8_t message[ND_MESSAGE_MAX];
    uint32_t len = estab_nd_write(message, m, src, dst);

    seg_say_icmp6(g, src_mac, src, dst, message, len, 255);
}

/* ---- looks ---- */

static inline bool
seg_neighbour(const struct segment *g, unsigned host, const char *addr,
              struct estab_neighbour_info *out)
{
    struct estab_addr want = addr_of(addr);
    uint64_t cursor = 0;

    while (estab_stack_next_neighbour(g->host[host], &cursor, out))
        if (estab_addr_equal(&out->addr, &want))
            return true;
    return false;
}

/* 0: there is none. */
static inline unsigned
seg_neighbour_state(const struct segment *g, unsigned host, const char *addr)
{
    struct estab_neighbour_info n;

    return seg_neighbour(g, host, addr, &n) ? n.state : 0;
}

static inline const struct arp_packet *
as_arp(const struct heard *f, struct arp_packet *a)
{
    struct ether_frame e;

    if (f == NULL || !estab_ether_parse(&e, f->octets, f->len) || e.type != ETHER_ARP ||
        !estab_arp_parse(a, e.payload, e.payload_len))
        return NULL;
    return a;
}

/* The ND message in a frame; `ip` lives as long as the frame. */
static inline bool
as_nd(const struct heard *f, struct ip_header *ip, struct nd_message *m)
{
    struct ether_frame e;

    return f != NULL && estab_ether_parse(&e, f->octets, f->len) && e.type == ETHER_IPV6 &&
           estab_ip_parse(ip, e.payload, e.payload_len, false) == ESTAB_SEG_NONE &&
           ip->proto == IP_PROTO_ICMPV6 && ip->payload_len > 0 && nd_is_type(ip->payload[0]) &&
           estab_nd_parse(m, ip) == ESTAB_SEG_NONE;
}

/* The next ND message of that type from a host. */
static inline const struct heard *
seg_next_nd(struct segment *g, unsigned from, uint8_t type, struct ip_header *ip,
            struct nd_message *m)
{
    const struct heard *f;

    while ((f = seg_next(g, from)) != NULL)
        if (as_nd(f, ip, m) && m->type == type)
            return f;
    return NULL;
}

#endif
