/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes a host on Ethernet. The input is a program: an octet of configuration, then operations:
 * frames raw, or with their lengths and sums made right, or well made (ARP, neighbour discovery with
 * any options, group queries, echoes, SYNs, UDP, datagrams in fragments, errors and redirects that
 * quote what was sent), datagrams of any size, the user's calls, and time. Looked for: traps, leaks,
 * tables beyond their limits, frames that are malformed, not ours or endless.
 */
#include "base/bytes.h"
#include "estab/estab.h"
#include "fuzz/fix_sums.h"
#include "sim/alloc.h"
#include "wire/arp.h"
#include "wire/icmp.h"
#include "wire/nd.h"
#include "wire/tcp_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MTU 1500
#define CAP (MTU + ESTAB_LINK_HEADER_MAX)
#define OPERATIONS_MAX 2000
#define OUTPUT_MAX 20000
#define NEIGHBOURS 8
#define UNRESOLVED 4
#define CONNS 6

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct fuzz {
    const uint8_t *data;
    size_t left;
    struct sim_alloc alloc;
    struct estab_config cfg;
    struct estab_stack *stack;
    struct estab_link link;
    estab_time now;
    estab_conn conns[CONNS];
    estab_udp udp;
    uint8_t family;      /* of the former */
    uint8_t asked6[16];  /* the target of the latest solicitation of the stack's */
    uint8_t sent[2][64]; /* the beginning of the last packet of IPv4 and of IPv6 */
};

static unsigned
octet(struct fuzz *z)
{
    if (z->left == 0)
        return 0;
    z->left--;
    return *z->data++;
}

static void *
get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

/* ---- who is who ---- */

static void
mac_of(const struct fuzz *z, unsigned who, uint8_t mac[6])
{
    memset(mac, 0, 6);
    if (who % 16 == 0)
        memcpy(mac, z->link.mac, 6);
    else if (who % 16 == 1)
        memset(mac, 0xff, 6);
    else if (who % 16 != 2) {
        mac[0] = 2;
        mac[5] = (uint8_t)who;
    }
}

static void
addr4(unsigned who, uint8_t a[4])
{
    memcpy(a, (uint8_t[4]){ 10, 0, 0, (uint8_t)who }, 4);
    if (who == 0)
        memset(a, 0, 4);
}

static void
addr6(const struct fuzz *z, unsigned who, uint8_t a[16])
{
    memset(a, 0, 16);
    if (who == 0)
        return;
    if (who == 250) {
        memcpy(a, z->asked6, 16);
        return;
    }
    if (who == 251) {
        estab_nd_solicited_node(a, z->asked6);
        return;
    }
    if (who >= 252) { /* all nodes, all routers */
        a[0] = 0xff;
        a[1] = 2;
        a[15] = (uint8_t)(who - 251);
        return;
    }
    if (who < 64) {
        a[0] = 0xfe;
        a[1] = 0x80;
    } else {
        memcpy(a, (uint8_t[5]){ 0x20, 1, 0xd, 0xb8, (uint8_t)(who >> 6) }, 5);
    }
    a[15] = (uint8_t)(who & 63);
}

/* ---- what the stack sends ---- */

static void
check_frame(struct fuzz *z, struct estab_frame *f)
{
    struct ether_frame e;
    struct arp_packet a;
    struct ip_header ip;
    struct icmp_message m;
    struct nd_message nd;

    REQUIRE(f->len >= ETHER_MIN && f->len <= CAP);
    REQUIRE(f->flags == 0 || (f->flags == ESTAB_FRAME_CSUM_PARTIAL && z->link.offload.csum_out));
    REQUIRE(estab_frame_complete(f));
    REQUIRE(estab_ether_parse(&e, f->data, f->len));
    REQUIRE(memcmp(e.src, z->link.mac, 6) == 0 && memcmp(e.dst, z->link.mac, 6) != 0);
    REQUIRE(!mac_is_zero(e.dst) && e.vlan == z->link.vlan);
    if (e.type == ETHER_ARP) {
        REQUIRE(estab_arp_parse(&a, e.payload, e.payload_len));
        REQUIRE(memcmp(a.sha, z->link.mac, 6) == 0);
        return;
    }
    REQUIRE(e.type == ETHER_IPV4 || e.type == ETHER_IPV6);
    REQUIRE(estab_ip_parse(&ip, e.payload, e.payload_len, false) == ESTAB_SEG_NONE || ip.fragment);
    REQUIRE(ip.version == (e.type == ETHER_IPV4 ? 4 : 6));
    if (ip.proto != IP_PROTO_IGMP && (ip.proto != IP_PROTO_ICMPV6 || !nd_is_type(ip.payload[0])))
        memcpy(z->sent[ip.version == 6], e.payload, e.payload_len < 64 ? e.payload_len : 64);
    if (ip.fragment)
        return;
    if (ip.proto != IP_PROTO_ICMPV6)
        return;
    REQUIRE(estab_icmp_parse(&m, &ip) == ESTAB_SEG_NONE);
    if (!nd_is_type(m.type))
        return;
    REQUIRE(estab_nd_parse(&nd, &ip) == ESTAB_SEG_NONE);
    if (nd.type == ND_NEIGHBOUR_SOLICIT)
        memcpy(z->asked6, nd.target, 16);
}

/* RFC 8106: at most so many, and each can be used as it is. */
static void
check_names(const struct fuzz *z)
{
    struct estab_name_server_info s;
    struct estab_search_domain_info d;
    uint64_t servers = 0, domains = 0;

    while (estab_stack_next_name_server(z->stack, &servers, &s)) {
        REQUIRE(s.ifindex == 1 && s.addr.family == ESTAB_INET6 && s.valid_until > z->now);
        REQUIRE(!estab_addr_is_multicast(&s.addr) && !estab_addr_is_any(&s.addr));
    }
    while (estab_stack_next_search_domain(z->stack, &domains, &d)) {
        REQUIRE(memchr(d.text, 0, sizeof d.text) != NULL && d.text[0] != '\0');
        REQUIRE(d.valid_until > z->now);
    }
    REQUIRE(servers <= 8 && domains <= 8 && (z->link.autoconf || servers + domains == 0));
}

static void
drain(struct fuzz *z)
{
    struct estab_stack_status st;
    struct estab_event event;
    unsigned total = 0;
    size_t n;

    do {
        uint8_t *room = malloc(CAP); /* so that a sanitizer sees who writes too far */
        struct estab_frame f = { .data = room, .cap = CAP };

        if (estab_stack_deadline(z->stack) <= z->now)
            estab_stack_tick(z->stack, z->now);
        n = estab_stack_output(z->stack, 1, &f, 1, z->now);
        if (n == 1)
            check_frame(z, &f);
        free(room);
        REQUIRE(++total < OUTPUT_MAX);
        n += estab_stack_events(z->stack, &event, 1);
    } while (n > 0);
    estab_stack_status(z->stack, &st);
    REQUIRE(st.neighbours <= NEIGHBOURS + UNRESOLVED);
    REQUIRE(st.paths <= z->cfg.max_paths);
    check_names(z);
    REQUIRE(z->alloc.bytes <= z->cfg.memory_budget && !z->alloc.broken);
}

/* ---- what it hears ---- */

static void
hear(struct fuzz *z, const uint8_t *frame, uint32_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);
    struct estab_frame f = { .data = exact, .len = len };

    memcpy(exact, frame, len);
    if (z->link.offload.csum_in && len > 0) { /* what the link says of it, true or not */
        f.flags = frame[len - 1] & 3;
        f.csum_start = frame[len / 2] & 0x40 ? frame[len / 2] : z->link.vlan != 0 ? 38 : 34;
        f.csum_offset = frame[len / 2] & 1 ? 16 : 6;
    }
    estab_stack_input(z->stack, 1, &f, 1, z->now);
    free(exact);
    drain(z);
}

static uint32_t
begin(struct fuzz *z, uint8_t *frame, uint16_t type)
{
    uint8_t src[6], dst[6];
    unsigned to = octet(z);

    mac_of(z, octet(z), src);
    mac_of(z, to & 31, dst);
    return estab_ether_write(frame, dst, src, z->link.vlan, type);
}

static void
op_raw(struct fuzz *z)
{
    uint8_t frame[512];
    uint32_t len = octet(z) * 2, at = 0;
    bool headed = (len & 2) != 0;

    if (headed)
        at = begin(
            z, frame,
            (uint16_t)((uint16_t[]){ ETHER_IPV4, ETHER_IPV6, ETHER_ARP, 0x9000 }[octet(z) & 3]));
    for (; at < len; at++)
        frame[at] = (uint8_t)octet(z);
    hear(z, frame, at);
}

static void
op_arp(struct fuzz *z)
{
    uint8_t frame[64] = { 0 };
    uint32_t at = begin(z, frame, ETHER_ARP);
    struct arp_packet a = { .op = (uint16_t)(1 + (octet(z) & 1)) };

    mac_of(z, octet(z), a.sha);
    addr4(octet(z), a.spa);
    mac_of(z, octet(z), a.tha);
    addr4(octet(z), a.tpa);
    estab_arp_write(frame + at, &a);
    hear(z, frame, at + ARP_LEN);
}

/* As op_raw(), but what the headers say of lengths and sums is true. */
static void
op_mended(struct fuzz *z)
{
    uint8_t frame[512];
    unsigned what = octet(z);
    uint32_t len = octet(z) * 2, at;

    at = begin(z, frame, what & 1 ? ETHER_IPV6 : ETHER_IPV4);
    for (; at < len; at++)
        frame[at] = (uint8_t)octet(z);
    fix_frame(frame, at, (what & 2) != 0);
    hear(z, frame, at);
}

/* Any ICMPv6 message with the right checksum: fixed parts well made, then what the input says. */
static void
op_icmp6(struct fuzz *z)
{
    uint8_t frame[600], src[16], dst[16], body[300] = { 0 }, target[16];
    uint32_t at = begin(z, frame, ETHER_IPV6), len = 0, more, rest;
    uint8_t type = (uint8_t)(128 + octet(z) % 16), hops;

    addr6(z, octet(z), src);
    addr6(z, octet(z), dst);
    addr6(z, octet(z), target);
    hops = (uint8_t)(255 - octet(z) % 4 * 127);
    rest = octet(z) << 24 | octet(z) << 16 | octet(z) << 8 | octet(z);
    if (type >= ND_NEIGHBOUR_SOLICIT && type <= ND_REDIRECT) {
        memcpy(body, target, 16);
        len = 16;
    }
    if (type == ND_REDIRECT) {
        addr6(z, octet(z), body + 16);
        len = 32;
    }
    for (more = octet(z); more > 0; more--)
        body[len++] = (uint8_t)octet(z);
    len = estab_icmp_write(frame + at + 40, 6, type, 0, rest, body, len, src, dst);
    (void)estab_ip_write(frame + at, 6, IP_PROTO_ICMPV6, hops, 0, src, dst, 0, len);
    hear(z, frame, at + 40 + len);
}

static void
op_ipv4(struct fuzz *z)
{
    uint8_t frame[200], src[4], dst[4], body[16] = { 0 };
    uint32_t at = begin(z, frame, ETHER_IPV4), len;
    unsigned what = octet(z);
    uint8_t *p = frame + at + 20;
    struct tcp_seg seg = { .src_port = 7, .dst_port = 80, .seq = 1, .ctl = 2, .wnd = 9999 };
    uint16_t sum;

    addr4(octet(z), src);
    addr4(octet(z), dst);
    switch (what % 3) {
    case 0:
        seg.src_port = (uint16_t)(1 + octet(z));
        len = estab_tcp_write(p, &seg, 0);
        sum = (uint16_t)~csum_fold(
            estab_csum_add(p, len, estab_csum_pseudo(src, dst, 4, IP_PROTO_TCP, len)));
        memcpy(p + 16, &sum, 2);
        break;
    case 1:
        len = estab_icmp_write(p, 4, 8, 0, 1, body, octet(z) % 16, src, dst);
        break;
    default:
        memset(p, 0, 12);
        p[0] = IGMP_QUERY;
        p[1] = (uint8_t)octet(z);
        p[4] = octet(z) & 1 ? 239 : 0;
        len = 12;
        sum = (uint16_t)~csum_fold(estab_csum_add(p, len, 0));
        memcpy(p + 2, &sum, 2);
        memcpy(dst, (uint8_t[4]){ 224, 0, 0, 1 }, 4);
    }
    (void)estab_ip_write(frame + at, 4,
                         what % 3 == 0   ? IP_PROTO_TCP
                         : what % 3 == 1 ? IP_PROTO_ICMP
                                         : IP_PROTO_IGMP,
                         1, 0, src, dst, 0, len);
    hear(z, frame, at + 20 + len);
}

/* An error or a redirect about the last packet that was sent, perhaps not quite, from anybody. */
static void
op_about(struct fuzz *z)
{
    uint8_t frame[200], src[16] = { 0 }, dst[16], quote[16 + 64] = { 0 };
    bool six = octet(z) & 1;
    uint32_t at = begin(z, frame, six ? ETHER_IPV6 : ETHER_IPV4), ip_len = six ? 40 : 20, len;
    unsigned what = octet(z), wrong = octet(z);
    uint8_t *sent = z->sent[six], gateway[4], type = 3, code = (uint8_t)(what >> 4);
    uint32_t rest = octet(z) * 8, skip = 0;

    if (six)
        addr6(z, octet(z), src);
    else
        addr4(octet(z), src);
    memcpy(dst, sent + (six ? 8 : 12), six ? 16 : 4);
    switch (what & 3) {
    case 0: /* packet too big */
        type = six ? 2 : 3;
        code = six ? 0 : 4;
        break;
    case 1: /* redirect */
        type = six ? ND_REDIRECT : 5;
        if (six) {
            addr6(z, octet(z), quote);
            skip = 16;
        } else {
            addr4(octet(z), gateway);
            rest = get_be32(gateway);
        }
        break;
    default:
        type = (uint8_t)(what >> 2 & 15);
    }
    memcpy(quote + skip, six && skip > 0 ? sent + 24 : sent, 64 - (skip > 0 ? 24 : 0));
    if (wrong < sizeof(quote))
        quote[wrong] ^= (uint8_t)(1 + (what >> 4));
    len = estab_icmp_write(frame + at + ip_len, six ? 6 : 4, type, code, rest, quote, skip + 40,
                           src, dst);
    (void)estab_ip_write(frame + at, six ? 6 : 4, six ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, 255, 0,
                         src, dst, 0, len);
    hear(z, frame, at + ip_len + len);
}

/* ---- datagrams to us, whole or cut ---- */

#define PAYLOAD_MAX 65535u

struct cut {
    uint8_t src[16], dst[16], from[6], to[6];
    uint8_t payload[PAYLOAD_MAX];
    uint32_t len, id;
    unsigned version;
    uint8_t proto;
};

/* `len` octets of it from `at` on, as the frame of a fragment. */
static void
hear_fragment(struct fuzz *z, const struct cut *c, uint32_t at, uint32_t len, bool more)
{
    uint8_t frame[CAP];
    uint32_t head = estab_ether_write(frame, c->to, c->from, z->link.vlan,
                                      c->version == 4 ? ETHER_IPV4 : ETHER_IPV6);
    uint8_t *ip = frame + head;
    uint32_t ip_len = c->version == 4 ? 20 : 48;

    if (c->version == 4) {
        (void)estab_ip_write(ip, 4, c->proto, 64, 0, c->src, c->dst, 0, len);
        put_be16(ip + 4, c->id & 0xffff);
        put_be16(ip + 6, (more ? 0x2000u : 0) | (at / 8 & 0x1fff));
    } else {
        (void)estab_ip_write(ip, 6, 44, 64, 0, c->src, c->dst, 0, 8 + len);
        memset(ip + 40, 0, 8);
        ip[40] = c->proto;
        put_be16(ip + 42, (at & 0xfff8) | more);
        put_be32(ip + 44, c->id);
    }
    memcpy(ip + ip_len, c->payload + at, len);
    fix_ip(ip, ip_len + len, false); /* the header's sum: it is no whole datagram */
    hear(z, frame, head + ip_len + len);
}

/* The pieces of `each` octets in one order or the other; the one at `missing` does not come. */
static void
hear_pieces(struct fuzz *z, const struct cut *c, uint32_t each, bool backwards, unsigned missing)
{
    uint32_t pieces = (c->len + each - 1) / each, n, i;

    for (n = 0; n < pieces; n++) {
        i = backwards ? pieces - 1 - n : n;
        if (i != missing)
            hear_fragment(z, c, i * each, i == pieces - 1 ? c->len - i * each : each,
                          i < pieces - 1);
    }
}

/* UDP to the endpoint or an echo request, with the right sum: as one frame, as fragments of any
 * size in order, backwards, twice or with one missing, or as one atomic fragment. */
static void
op_whole(struct fuzz *z)
{
    static struct cut c;
    unsigned what = octet(z), who = octet(z), mac = octet(z), missing;
    uint32_t size = octet(z) << 8 | octet(z), each = 8 * (1 + octet(z) % 180u);

    c.version = what & 1 ? 6 : 4;
    c.proto = what & 2 ? IP_PROTO_UDP : c.version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6;
    memset(c.src, 0, sizeof c.src);
    memset(c.dst, 0, sizeof c.dst);
    if (c.version == 4) {
        addr4(who, c.src);
        addr4(octet(z), c.dst);
    } else {
        addr6(z, who, c.src);
        addr6(z, octet(z), c.dst);
    }
    mac_of(z, mac, c.from);
    mac_of(z, mac >> 4 & 3, c.to);
    c.id = octet(z);
    c.len = 8 + (size <= PAYLOAD_MAX - 28 ? size : PAYLOAD_MAX - 28);
    memset(c.payload, (int)(who ^ size), c.len);
    memset(c.payload, 0, 8);
    put_be16(c.payload, 1000 + (what >> 6));
    put_be16(c.payload + 2, 53);
    if (c.proto != IP_PROTO_UDP) {
        c.payload[0] = c.version == 4 ? 8 : 128;
        c.payload[1] = 0;
    }
    fix_transport(c.payload, c.len, c.src, c.dst, c.version == 4 ? 4 : 16, c.proto, true);
    if (what & 4 && c.len <= MTU - 48) {
        uint8_t frame[CAP];
        uint32_t at = estab_ether_write(frame, c.to, c.from, z->link.vlan,
                                        c.version == 4 ? ETHER_IPV4 : ETHER_IPV6);
        uint32_t ip_len = c.version == 4 ? 20 : 40;

        (void)estab_ip_write(frame + at, c.version, c.proto, 64, 0, c.src, c.dst, 0, c.len);
        memcpy(frame + at + ip_len, c.payload, c.len);
        hear(z, frame, at + ip_len + c.len);
        return;
    }
    missing = what & 16 ? octet(z) : UINT32_MAX;
    hear_pieces(z, &c, each, (what & 8) != 0, missing);
    if (what & 32) /* again: what is there already, or what was missing */
        hear_pieces(z, &c, each, (what & 8) == 0, UINT32_MAX);
}

/* One fragment of anything, anywhere. */
static void
op_fragment(struct fuzz *z)
{
    static struct cut c;
    unsigned what = octet(z), where = octet(z) << 8 | octet(z);
    uint32_t len = octet(z);

    c.version = what & 1 ? 6 : 4;
    c.proto = (uint8_t)((uint8_t[]){ IP_PROTO_UDP, IP_PROTO_TCP, IP_PROTO_ICMP, IP_PROTO_ICMPV6, 44,
                                     60, 0, 59 }[what >> 1 & 7]);
    if (c.version == 4) {
        addr4(octet(z), c.src);
        addr4(octet(z), c.dst);
    } else {
        addr6(z, octet(z), c.src);
        addr6(z, octet(z), c.dst);
    }
    mac_of(z, octet(z), c.from);
    mac_of(z, 0, c.to);
    c.id = octet(z);
    where &= 0xfff8;
    if (where + len > PAYLOAD_MAX)
        where = (PAYLOAD_MAX - len) & ~7u;
    for (uint32_t i = 0; i < len; i++)
        c.payload[where + i] = (uint8_t)octet(z);
    hear_fragment(z, &c, where, len, (what & 16) != 0);
}

static void
op_receive(struct fuzz *z)
{
    static uint8_t room[65536];
    struct estab_udp_message m;
    ptrdiff_t n = estab_udp_receive(z->stack, z->udp, &m, room, sizeof room, z->now);

    REQUIRE(n < 0 || ((size_t)n == m.len && m.len <= PAYLOAD_MAX - 8));
    REQUIRE(n < 0 || m.remote.addr.family == z->family);
    drain(z);
}

/* A query of groups of any version: any length, any code. */
static void
op_query(struct fuzz *z)
{
    uint8_t frame[200], src[16], dst[16], body[40] = { 0 };
    bool six = octet(z) & 1;
    uint32_t at = begin(z, frame, six ? ETHER_IPV6 : ETHER_IPV4), len = 4 + octet(z) % 32;
    uint32_t delay = octet(z) << 8, group = octet(z);
    uint16_t sum;

    if (six) {
        addr6(z, octet(z) % 64, src);
        addr6(z, 252, dst);
        body[0] = group & 1 ? 0xff : 0;
        body[1] = 5;
        body[15] = (uint8_t)group;
        len = estab_icmp_write(frame + at + 48, 6, MLD_QUERY, 0, delay << 16, body, len, src, dst);
        (void)estab_ip_write(frame + at, 6, 0, 1, 0, src, dst, 0, 8 + len);
        memcpy(frame + at + 40, (uint8_t[8]){ IP_PROTO_ICMPV6, 0, 5, 2, 0, 0, 1, 0 }, 8);
        hear(z, frame, at + 48 + len);
        return;
    }
    addr4(octet(z), src);
    memcpy(dst, (uint8_t[4]){ 224, 0, 0, 1 }, 4);
    body[0] = IGMP_QUERY;
    body[1] = (uint8_t)(delay >> 8);
    body[4] = group & 1 ? 239 : 0;
    body[7] = (uint8_t)group;
    sum = (uint16_t)~csum_fold(estab_csum_add(body, len, 0));
    memcpy(body + 2, &sum, 2);
    memcpy(frame + at + 20, body, len);
    (void)estab_ip_write(frame + at, 4, IP_PROTO_IGMP, 1, 0, src, dst, 0, len);
    hear(z, frame, at + 20 + len);
}

static struct estab_addr
some_address(struct fuzz *z)
{
    struct estab_addr a = { 0 };
    unsigned who = octet(z);

    if (octet(z) & 1) {
        a.family = ESTAB_INET;
        addr4(who, a.bytes);
    } else {
        a.family = ESTAB_INET6;
        addr6(z, who, a.bytes);
    }
    return a;
}

static void
op_user(struct fuzz *z)
{
    unsigned what = octet(z), which = octet(z) % CONNS;
    struct estab_addr a = some_address(z), via;
    struct estab_endpoint to = { .addr = a, .port = 80 };
    uint8_t mac[6];
    int result = 0;

    switch (what % 11) {
    case 0:
        result = estab_connect(z->stack, NULL, &to, NULL, &z->conns[which], z->now);
        break;
    case 1:
        result = (int)estab_send(z->stack, z->conns[which], "hello", 5, z->now);
        break;
    case 2:
        result = estab_abort(z->stack, z->conns[which], z->now);
        break;
    case 3:
        result =
            estab_stack_assign_address(z->stack, 1, &a, a.family == ESTAB_INET ? 24 : 64, z->now);
        break;
    case 4:
        result = estab_stack_remove_address(z->stack, 1, &a, z->now);
        break;
    case 5:
        via = some_address(z);
        result = estab_stack_add_gateway(z->stack, 1, &a, octet(z) % 33, &via);
        break;
    case 6:
        result = estab_stack_join_group(z->stack, 1, &a, z->now);
        break;
    case 7:
        result = estab_stack_leave_group(z->stack, 1, &a, z->now);
        break;
    case 8:
        mac_of(z, octet(z), mac);
        result = estab_stack_set_neighbour(z->stack, 1, &a, mac, z->now);
        break;
    case 9:
        result = estab_stack_set_mtu(z->stack, 1, 8 * octet(z));
        break;
    default:
        result = estab_close(z->stack, z->conns[which], z->now);
    }
    (void)result;
    drain(z);
}

/* A datagram of up to the largest size; it may have to wait. */
static void
op_datagram(struct fuzz *z)
{
    static const uint8_t text[65507];
    struct estab_udp_message to = { .remote = { .addr = some_address(z), .port = 53 } };
    size_t len = (size_t)octet(z) << (octet(z) % 9);

    ptrdiff_t sent = estab_udp_send(z->stack, z->udp, &to, text, len, z->now);

    REQUIRE(sent < 0 || (size_t)sent == len);
    drain(z);
}

static void
op_time(struct fuzz *z)
{
    estab_time to = z->now + ESTAB_MS((estab_time)octet(z) << (octet(z) % 16));
    unsigned n;

    for (n = 0; n < 500 && estab_stack_deadline(z->stack) <= to; n++) {
        if (estab_stack_deadline(z->stack) > z->now)
            z->now = estab_stack_deadline(z->stack);
        drain(z);
    }
    if (to > z->now)
        z->now = to;
    drain(z);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz z = { .data = data, .left = size };
    struct estab_endpoint any = { .port = 80 };
    struct estab_addr a = { .family = ESTAB_INET, .bytes = { 10, 0, 0, 1 } };
    struct estab_alloc from = { get, put, NULL };
    unsigned config = octet(&z), i;
    struct estab_endpoint here = { .port = 53 };
    estab_conn listener;

    z.family = here.addr.family = config & 64 ? ESTAB_INET6 : ESTAB_INET;
    sim_alloc_init(&z.alloc, &from);
    estab_config_init(&z.cfg);
    memset(z.cfg.secret, 7, sizeof z.cfg.secret);
    z.cfg.alloc = sim_alloc_interface(&z.alloc);
    z.cfg.max_neighbours = NEIGHBOURS;
    z.cfg.max_unresolved_neighbours = UNRESOLVED;
    z.cfg.max_paths = 4;
    z.cfg.neighbour_queue_bytes = 128 * 1024;
    z.cfg.accept_redirects = config & 1;
    z.cfg.strong_host = config & 2;
    z.cfg.dad_transmits = config & 4 ? 1 : 0;
    z.link = (struct estab_link){ .mtu = MTU,
                                  .kind = ESTAB_LINK_ETHERNET,
                                  .mac = { 2, 0, 0, 0, 0, 0xaa },
                                  .vlan = config & 8 ? 100 : 0,
                                  .autoconf = config & 16,
                                  .temporary = config & 32,
                                  .offload = { .csum_in = config & 64, .csum_out = config & 128 } };
    z.now = ESTAB_SEC(1);
    z.stack = estab_stack_new(&z.cfg);
    REQUIRE(z.stack != NULL && estab_stack_add_interface(z.stack, &z.link) == 1);
    REQUIRE(estab_stack_add_address(z.stack, 1, &a, 24) == 0);
    REQUIRE(estab_listen(z.stack, &any, 4, NULL, &listener, z.now) == 0);
    REQUIRE(estab_udp_open(z.stack, &here, NULL, &z.udp, z.now) == 0);
    drain(&z);
    for (i = 0; i < OPERATIONS_MAX && z.left > 0; i++) {
        switch (octet(&z) % 13) {
        case 0:
            op_raw(&z);
            break;
        case 1:
            op_arp(&z);
            break;
        case 2:
            op_icmp6(&z);
            break;
        case 3:
            op_ipv4(&z);
            break;
        case 4:
            op_user(&z);
            break;
        case 6:
            op_about(&z);
            break;
        case 7:
            op_query(&z);
            break;
        case 8:
            op_datagram(&z);
            break;
        case 9:
            op_mended(&z);
            break;
        case 10:
            op_whole(&z);
            break;
        case 11:
            op_fragment(&z);
            break;
        case 12:
            op_receive(&z);
            break;
        default:
            op_time(&z);
        }
    }
    estab_stack_free(z.stack);
    REQUIRE(z.alloc.bytes == 0 && !z.alloc.broken);
    sim_alloc_fini(&z.alloc);
    return 0;
}
