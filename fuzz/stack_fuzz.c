/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes a whole host. The input is a program: one octet of configuration, then operations on one
 * stack that listens, opens connections, has UDP endpoints and asks for echoes. Segments get valid checksums and sequence numbers
 * near the ones the stack really uses, so that mutations reach far; raw octets go in as well.
 * Looked for: traps, leaks, memory beyond the budget, output that is malformed or endless.
 */
#include "estab/estab.h"
#include "sim/alloc.h"
#include "sim/packet.h"
#include "wire/icmp.h"
#include "wire/ip_header.h"
#include "wire/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MTU 1500
#define FLOWS 8
#define CONNS 8
#define BATCH 32
#define OPERATIONS_MAX 2000
#define OUTPUT_MAX 100000
#define PORT_LISTEN 80
#define PORT_PEER 5000 /* and the next FLOWS - 1 */

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* What the peer at the other end of the wire knows of one connection. */
struct flow {
    uint16_t local_port, peer_port;
    uint32_t seq; /* ours: what the stack expects next */
    uint32_t ack; /* the end of what the stack has sent */
    uint32_t ts_val, ts_ecr;
    bool has_ts;
};

struct fuzz {
    const uint8_t *data;
    size_t left;
    struct sim_alloc alloc;
    struct estab_config cfg;
    struct estab_stack *stack;
    estab_time now;
    unsigned version;
    struct estab_addr ours, theirs;
    struct flow flows[FLOWS];
    estab_conn conns[CONNS], listener;
    estab_udp udp[2]; /* 0: none */
    estab_echo echo;
    uint8_t last[MTU];
    uint32_t last_len;
    uint64_t packets_in;
    uint8_t batch_room[BATCH][MTU];
    struct estab_frame batch[BATCH];
    size_t n_batch;
    bool batching;
    uint8_t cookie[8]; /* Fast Open, the last that the stack gave */
};

/* ---- the program ---- */

static unsigned
octet(struct fuzz *z)
{
    if (z->left == 0)
        return 0;
    z->left--;
    return *z->data++;
}

static unsigned
pair(struct fuzz *z)
{
    unsigned high = octet(z);

    return high << 8 | octet(z);
}

/* Signed, dense around 0, sparse far out. */
static uint32_t
delta(struct fuzz *z)
{
    unsigned x = octet(z);

    if (x < 128)
        return x < 64 ? 0 : (uint32_t)(int32_t)((int)x - 96);
    return (uint32_t)(int32_t)(int16_t)pair(z) * (x < 192 ? 1u : 65537u);
}

/* ---- memory ---- */

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

/* ---- what the stack sends ---- */

static void
learn(struct fuzz *z, const struct sim_packet *p)
{
    for (unsigned i = 0; i < FLOWS; i++) {
        struct flow *f = &z->flows[i];

        if (f->peer_port != p->dst.port || (f->local_port != p->src.port && f->local_port != 0))
            continue;
        f->local_port = p->src.port;
        if ((p->seg.ctl & ESTAB_CTL_RST) != 0)
            return;
        f->ack = p->seg.seq + p->seg.len + ((p->seg.ctl & ESTAB_CTL_SYN) != 0) +
                 ((p->seg.ctl & ESTAB_CTL_FIN) != 0);
        if ((p->seg.ctl & ESTAB_CTL_ACK) != 0)
            f->seq = p->seg.ack;
        f->has_ts = p->seg.has_ts;
        f->ts_ecr = p->seg.ts_val;
        if (p->seg.has_fast_open && p->seg.fast_open_len == sizeof z->cookie) {
            const uint8_t *o = p->text - p->tcp_header_len + 20;

            while (o[0] != 34) /* behind MSS, SACK-permitted, TS, NOP, WS */
                o += o[0] == 1 ? 1 : o[1];
            memcpy(z->cookie, o + 2, sizeof z->cookie);
        }
        return;
    }
}

/* UDP, and fragments of anything: headers that hold what they say. */
static void
check_datagram(const struct fuzz *z, const uint8_t *packet, uint32_t len)
{
    struct ip_header ip;
    struct udp_header u;
    enum estab_verdict v = estab_ip_parse(&ip, packet, len, false);

    REQUIRE(v == ESTAB_SEG_NONE || ip.fragment);
    REQUIRE(ip.payload + ip.payload_len == packet + len);
    REQUIRE(memcmp(ip.src, z->ours.bytes, ip.addr_len) == 0 || ip.proto == IP_PROTO_ICMP ||
            ip.proto == IP_PROTO_ICMPV6);
    if (ip.fragment || ip.proto != IP_PROTO_UDP)
        return;
    REQUIRE(estab_udp_parse(&u, &ip) == ESTAB_SEG_NONE && !u.no_checksum);
    REQUIRE(estab_udp_checksum_is_right(&u, &ip));
}

static void
drain(struct fuzz *z)
{
    static uint8_t room[BATCH][MTU];
    struct estab_frame frames[BATCH];
    struct estab_event events[BATCH];
    size_t n, total = 0;

    do {
        for (size_t i = 0; i < BATCH; i++)
            frames[i] = (struct estab_frame){ .data = room[i], .cap = MTU };
        n = estab_stack_output(z->stack, 1, frames, BATCH, z->now);
        REQUIRE(n <= BATCH);
        for (size_t i = 0; i < n; i++) {
            struct sim_packet p;

            REQUIRE(frames[i].len <= MTU);
            sim_packet_read(&p, frames[i].data, frames[i].len);
            check_datagram(z, frames[i].data, frames[i].len);
            if (p.is_tcp || p.is_icmp)
                REQUIRE(p.is_ip && p.ip_len == frames[i].len && p.sums_valid);
            if (p.is_tcp)
                learn(z, &p);
            memcpy(z->last, frames[i].data, frames[i].len);
            z->last_len = frames[i].len;
        }
        total += n;
        REQUIRE(total < OUTPUT_MAX);
        n += estab_stack_events(z->stack, events, BATCH);
    } while (n > 0);
    REQUIRE(z->alloc.bytes <= z->cfg.memory_budget && !z->alloc.broken);
}

static void
flush(struct fuzz *z)
{
    if (z->n_batch > 0)
        estab_stack_input(z->stack, 1, z->batch, z->n_batch, z->now);
    z->n_batch = 0;
    drain(z);
}

static void
inject(struct fuzz *z, const uint8_t *packet, uint32_t len)
{
    memcpy(z->batch_room[z->n_batch], packet, len);
    z->batch[z->n_batch] =
        (struct estab_frame){ .data = z->batch_room[z->n_batch], .len = len, .cap = MTU };
    z->n_batch++;
    z->packets_in++;
    if (!z->batching || z->n_batch == BATCH)
        flush(z);
}

/* ---- what the peer sends ---- */

static void
put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static uint32_t
put_ip(const struct fuzz *z, uint8_t *p, unsigned proto, uint32_t payload)
{
    uint32_t header = z->version == 4 ? 20 : 40;

    memset(p, 0, header);
    p[0] = (uint8_t)(z->version << 4 | (z->version == 4 ? 5 : 0));
    if (z->version == 4) {
        put16(p + 2, header + payload);
        p[8] = 64;
        p[9] = (uint8_t)proto;
        memcpy(p + 12, z->theirs.bytes, 4);
        memcpy(p + 16, z->ours.bytes, 4);
    } else {
        put16(p + 4, payload);
        p[6] = (uint8_t)proto;
        p[7] = 64;
        memcpy(p + 8, z->theirs.bytes, 16);
        memcpy(p + 24, z->ours.bytes, 16);
    }
    return header;
}

/* Options: bit 0 MSS, 1 window scale, 2 SACK-permitted, 3 timestamps, 4 a SACK block, 5 raw or Fast
 * Open. */
static uint32_t
put_options(struct fuzz *z, const struct flow *f, uint8_t *p, unsigned which)
{
    uint32_t n = 0;

    if ((which & 1) != 0) {
        p[n] = 2;
        p[n + 1] = 4;
        put16(p + n + 2, pair(z));
        n += 4;
    }
    if ((which & 2) != 0) {
        p[n] = 3;
        p[n + 1] = 3;
        p[n + 2] = (uint8_t)octet(z);
        n += 3;
    }
    if ((which & 4) != 0) {
        p[n] = 4;
        p[n + 1] = 2;
        n += 2;
    }
    if ((which & 8) != 0) {
        p[n] = 8;
        p[n + 1] = 10;
        put32(p + n + 2, f->ts_val + delta(z));
        put32(p + n + 6, f->ts_ecr + delta(z));
        n += 10;
    }
    if ((which & 16) != 0) {
        p[n] = 5;
        p[n + 1] = 10;
        put32(p + n + 2, f->ack + delta(z));
        put32(p + n + 6, f->ack + delta(z));
        n += 10;
    }
    if ((which & 32) != 0) {
        unsigned len = octet(z);

        if (len >= 224) { /* Fast Open: a request, or the cookie */
            p[n] = 34;
            p[n + 1] = len % 4 == 0 ? 2 : 10;
            memcpy(p + n + 2, z->cookie, sizeof z->cookie);
            n += p[n + 1];
        } else {
            for (len %= 9; len > 0; len--)
                p[n++] = (uint8_t)octet(z);
        }
    }
    while (n % 4 != 0)
        p[n++] = (uint8_t)((which & 64) != 0 ? 0 : 1);
    return n;
}

struct shape {
    uint32_t seq, ack;
    unsigned ctl, wnd, up, options;
    uint32_t len;
    bool consume_sequence;
};

static void
send_segment(struct fuzz *z, struct flow *f, const struct shape *s)
{
    uint8_t packet[MTU] = { 0 }, options[64] = { 0 };
    uint32_t n_options = put_options(z, f, options, s->options);
    uint32_t ip_max = MTU - 40 - 20 - n_options, len = s->len < ip_max ? s->len : ip_max;
    uint32_t at = put_ip(z, packet, 6, 20 + n_options + len);
    uint8_t *tcp = packet + at;

    put16(tcp, f->peer_port);
    put16(tcp + 2, f->local_port);
    put32(tcp + 4, s->seq);
    put32(tcp + 8, s->ack);
    tcp[12] = (uint8_t)((20 + n_options) / 4 << 4);
    tcp[13] = (uint8_t)s->ctl;
    put16(tcp + 14, s->wnd);
    put16(tcp + 18, s->up);
    memcpy(tcp + 20, options, n_options);
    memset(tcp + 20 + n_options, 'x', len);
    sim_packet_seal(packet, at + 20 + n_options + len);
    f->ts_val++;
    if (s->consume_sequence)
        f->seq = s->seq + len + ((s->ctl & ESTAB_CTL_FIN) != 0) + ((s->ctl & ESTAB_CTL_SYN) != 0);
    inject(z, packet, at + 20 + n_options + len);
}

static struct flow *
some_flow(struct fuzz *z)
{
    return &z->flows[octet(z) % FLOWS];
}

static void
op_segment(struct fuzz *z)
{
    struct flow *f = some_flow(z);
    struct shape s = { .ctl = octet(z) };

    s.seq = f->seq + delta(z);
    s.ack = f->ack + delta(z);
    s.wnd = pair(z);
    s.up = octet(z);
    s.options = octet(z);
    s.len = octet(z) % 16 == 15 ? pair(z) % MTU : octet(z);
    if (f->has_ts && (s.options & 128) == 0)
        s.options |= 8;
    send_segment(z, f, &s);
}

/* What a well-behaved peer would send next. */
static void
op_polite(struct fuzz *z, unsigned ctl, uint32_t len)
{
    struct flow *f = some_flow(z);
    struct shape s = { .ctl = ctl | ESTAB_CTL_ACK,
                       .seq = f->seq,
                       .ack = f->ack,
                       .wnd = 0x4000,
                       .options = f->has_ts ? 8 : 0,
                       .len = len,
                       .consume_sequence = true };

    send_segment(z, f, &s);
}

static void
op_syn(struct fuzz *z)
{
    struct flow *f = some_flow(z);
    struct shape s = { .ctl = ESTAB_CTL_SYN, .wnd = pair(z), .options = octet(z) };

    f->local_port = PORT_LISTEN;
    s.seq = f->seq + delta(z);
    s.consume_sequence = true;
    send_segment(z, f, &s);
}

static void
op_raw(struct fuzz *z, bool sealed)
{
    uint8_t packet[MTU];
    uint32_t len = pair(z) % 400, at = 0;

    if (octet(z) % 2 == 0)
        at = put_ip(z, packet, octet(z) % 4 == 0 ? octet(z) : 6, len);
    for (uint32_t i = 0; i < len; i++)
        packet[at + i] = (uint8_t)octet(z);
    if (sealed)
        sim_packet_seal(packet, at + len);
    inject(z, packet, at + len);
}

/* The last packet of the stack, quoted by an ICMP error, or come back changed. */
static void
op_echo_back(struct fuzz *z, bool icmp)
{
    uint8_t packet[MTU + SIM_ICMP_ROOM];
    uint32_t len;

    if (z->last_len == 0)
        return;
    if (icmp) {
        unsigned what = octet(z);
        uint8_t *type;

        len = sim_icmp_error(packet, (enum sim_icmp)(what % 3), pair(z), z->last, z->last_len);
        if (len == 0)
            return;
        type = packet + (z->last[0] >> 4 == 4 ? 20 : 40);
        if (what >= 128) {
            type[0] = (uint8_t)octet(z);
            type[1] = (uint8_t)octet(z);
        }
        if (what % 64 == 63)
            packet[octet(z) % len] ^= (uint8_t)octet(z);
        sim_packet_seal(packet, len);
        inject(z, packet, len);
        return;
    }
    len = z->last_len;
    memcpy(packet, z->last, len);
    packet[octet(z) % len] ^= (uint8_t)octet(z);
    sim_packet_seal(packet, len);
    inject(z, packet, len);
}

/* ---- datagrams ---- */

/* One fragment; `payload` is that of the whole datagram. */
static void
send_fragment(struct fuzz *z, unsigned proto, unsigned id, const uint8_t *payload, uint32_t at,
              uint32_t len, bool more)
{
    uint8_t packet[MTU];
    uint32_t extra = z->version == 4 ? 0 : 8;
    uint32_t n = put_ip(z, packet, z->version == 4 ? proto : 44, extra + len);

    if (z->version == 4) {
        put16(packet + 4, id);
        put16(packet + 6, (more ? 0x2000u : 0) | (at / 8 & 0x1fff));
        sim_packet_seal(packet, n + len);
    } else {
        memset(packet + 40, 0, 8);
        packet[40] = (uint8_t)proto;
        put16(packet + 42, at | more);
        put16(packet + 46, id);
    }
    memcpy(packet + n + extra, payload, len);
    inject(z, packet, n + extra + len);
}

/* UDP or an echo, whole or cut, in one order or the other. */
static void
op_cut(struct fuzz *z)
{
    static uint8_t payload[8192];
    unsigned what = octet(z), id = octet(z), each = 8 * (1 + octet(z) % 180);
    uint32_t len = 8 + pair(z) % 4000, at, pieces;
    uint8_t icmp = z->version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6;
    bool echo = (what & 1) != 0;

    memset(payload, 'z', len);
    if (echo)
        (void)estab_icmp_write(payload, z->version, z->version == 4 ? 8 : 128, 0, id, payload + 8,
                               len - 8, z->theirs.bytes, z->ours.bytes);
    else
        estab_udp_write(payload, 4000, (uint16_t)((what & 2) != 0 ? 53 : 50 + octet(z) % 6),
                        z->theirs.bytes, z->ours.bytes, z->version == 4 ? 4 : 16, payload + 8,
                        len - 8);
    pieces = (len + each - 1) / each;
    for (uint32_t i = 0; i < pieces; i++) {
        at = ((what & 4) != 0 ? pieces - 1 - i : i) * each;
        send_fragment(z, echo ? icmp : IP_PROTO_UDP, id, payload + at, at,
                      len - at < each ? len - at : each, at + each < len);
        if ((what & 8) != 0 && octet(z) % 8 == 0) /* one that contradicts or repeats */
            send_fragment(z, IP_PROTO_UDP, id, payload, octet(z) * 8u, 8 * (1 + octet(z) % 64),
                          octet(z) % 4 != 0);
    }
}

static void
op_fragment(struct fuzz *z)
{
    static const uint8_t protos[] = { 0, 6, 17, 1, 58, 43, 44, 60 };
    uint8_t payload[256];
    unsigned proto = protos[octet(z) % 8], id = octet(z) % 8, where = pair(z);
    uint32_t len = octet(z);

    for (uint32_t i = 0; i < len; i++)
        payload[i] = (uint8_t)octet(z);
    send_fragment(z, proto, id, payload, where & 0xfff8, len, (where & 1) != 0);
}

static void
op_udp_user(struct fuzz *z)
{
    static uint8_t room[65536];
    unsigned what = octet(z), i = octet(z) % 2;
    struct estab_udp_message m = { .remote = { z->theirs, (uint16_t)(4000 + what / 128) } };
    struct estab_udp_options o;
    struct estab_udp_error e;
    struct estab_addr group;
    ptrdiff_t n;
    size_t len;

    if (z->udp[i] == 0) {
        struct estab_endpoint any = { .port = (uint16_t)(what % 2 ? 53 : 0) };

        any.addr.family = z->ours.family;
        (void)!estab_udp_open(z->stack, &any, NULL, &z->udp[i], z->now);
        return;
    }
    REQUIRE(estab_addr_parse(&group, z->version == 4 ? "224.0.0.251" : "ff02::fb") == 0);
    switch (what % 8) {
    case 0:
    case 1:
        len = octet(z) % 4 == 0 ? pair(z) : octet(z);
        n = estab_udp_send(z->stack, z->udp[i], &m, room, len, z->now);
        REQUIRE(n == (ptrdiff_t)len || n < 0);
        break;
    case 2:
    case 3:
        n = estab_udp_receive(z->stack, z->udp[i], &m, room, pair(z), z->now);
        REQUIRE(n <= (ptrdiff_t)m.len || n < 0);
        break;
    case 4:
        (void)!estab_udp_connect(z->stack, z->udp[i], octet(z) % 2 ? &m.remote : NULL, z->now);
        break;
    case 5:
        if (octet(z) % 2)
            (void)!estab_udp_join(z->stack, z->udp[i], 1, &group, z->now);
        else
            (void)!estab_udp_leave(z->stack, z->udp[i], 1, &group, z->now);
        (void)!estab_udp_error(z->stack, z->udp[i], &e);
        break;
    case 6:
        REQUIRE(estab_udp_get_options(z->stack, z->udp[i], &o) == 0);
        o.dont_fragment = octet(z) % 2 != 0;
        o.unconfigured = octet(z) % 2 != 0;
        o.ifindex = (uint8_t)(octet(z) % 3);
        o.receive_bytes_max = (uint32_t)1024 << octet(z) % 8;
        (void)!estab_udp_set_options(z->stack, z->udp[i], &o, z->now);
        break;
    default:
        REQUIRE(estab_udp_close(z->stack, z->udp[i], z->now) == 0);
        z->udp[i] = 0;
    }
}

/* A reply to the last requests, or nearly. */
static void
send_echo_reply(struct fuzz *z, unsigned id)
{
    uint8_t packet[MTU];
    unsigned what = octet(z), seq = octet(z) % 8;
    uint32_t len = pair(z) % 1400, at = z->version == 4 ? 20 : 40;

    memset(packet + at + 8, 'p', len);
    id ^= what % 8 == 7 ? octet(z) : 0;
    (void)estab_icmp_write(packet + at, z->version,
                           what % 8 == 6 ? octet(z)
                           : at == 20    ? 0
                                         : 129,
                           what % 8 == 5, id << 16 | seq, packet + at + 8, len, z->theirs.bytes,
                           z->ours.bytes);
    (void)put_ip(z, packet, z->version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6, 8 + len);
    if (z->version == 4)
        sim_packet_seal(packet, at + 8 + len);
    inject(z, packet, at + 8 + len);
}

/* Any ICMP error about the last packet, of which it quotes some, perhaps altered. */
static void
send_echo_error(struct fuzz *z)
{
    uint8_t packet[MTU];
    unsigned type = octet(z), code = octet(z), rest = pair(z), where = octet(z), how = octet(z);
    uint32_t len = octet(z), at = z->version == 4 ? 20 : 40;

    len = len < z->last_len ? len : z->last_len;
    memcpy(packet + at + 8, z->last, len);
    if (where < len)
        packet[at + 8 + where] ^= (uint8_t)how;
    (void)estab_icmp_write(packet + at, z->version, (uint8_t)type, (uint8_t)code, rest,
                           packet + at + 8, len, z->theirs.bytes, z->ours.bytes);
    (void)put_ip(z, packet, z->version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6, 8 + len);
    if (z->version == 4)
        sim_packet_seal(packet, at + 8 + len);
    inject(z, packet, at + 8 + len);
}

static void
op_echo_user(struct fuzz *z)
{
    static uint8_t room[65536];
    unsigned what = octet(z), seq, len;
    struct estab_echo_options o;
    struct estab_echo_message m;
    struct estab_echo_status st;
    ptrdiff_t n;

    if (z->echo == 0) {
        (void)!estab_echo_open(z->stack, z->version, NULL, &z->echo, z->now);
        return;
    }
    memset(room, 'p', 2000);
    REQUIRE(estab_echo_status(z->stack, z->echo, &st) == 0);
    REQUIRE(st.waiting <= 64 && st.ring <= 1u << 18);
    switch (what % 8) {
    case 0:
    case 1:
    case 2:
        seq = octet(z) % 8;
        len = pair(z) % (what < 192 ? 1400 : 65536);
        (void)!estab_echo_send(z->stack, z->echo, what < 224 ? &z->theirs : &z->ours, (uint16_t)seq,
                               room, len, z->now);
        break;
    case 3:
        send_echo_reply(z, st.id);
        break;
    case 4:
        send_echo_error(z);
        break;
    case 5:
        n = estab_echo_receive(z->stack, z->echo, &m, room, pair(z), z->now);
        REQUIRE(n < 0 || (n <= (ptrdiff_t)m.len && m.received_at >= m.sent_at));
        REQUIRE(n < 0 || m.kind == ESTAB_ECHO_REPLY || (m.error < 0 && m.len == 0));
        break;
    case 6:
        estab_echo_options_init(&o);
        o.dont_fragment = octet(z) % 2 != 0;
        o.ttl = (uint8_t)octet(z);
        o.ifindex = (uint8_t)(octet(z) % 3);
        o.receive_bytes_max = (uint32_t)1024 << octet(z) % 8;
        (void)!estab_echo_set_options(z->stack, z->echo, &o, z->now);
        break;
    default:
        REQUIRE(estab_echo_close(z->stack, z->echo, z->now) == 0);
        z->echo = 0;
    }
}

static void
op_datagram(struct fuzz *z)
{
    switch (octet(z) % 4) {
    case 0:
        op_cut(z);
        break;
    case 1:
        op_fragment(z);
        break;
    case 3:
        flush(z);
        op_echo_user(z);
        drain(z);
        break;
    default:
        flush(z);
        op_udp_user(z);
        drain(z);
    }
}

/* ---- what the user does ---- */

static void
keep_conn(struct fuzz *z, estab_conn conn)
{
    for (unsigned i = 0; i < CONNS; i++)
        if (z->conns[i] == 0) {
            z->conns[i] = conn;
            return;
        }
    REQUIRE(estab_abort(z->stack, conn, z->now) == 0);
}

static void
op_connect(struct fuzz *z)
{
    unsigned i = octet(z) % FLOWS;
    struct estab_endpoint remote = { z->theirs, z->flows[i].peer_port };
    struct estab_endpoint local = { z->ours, (uint16_t)(octet(z) % 4 == 0 ? 1000 : 0) };
    struct estab_status st;
    estab_conn conn;

    if (estab_connect(z->stack, &local, &remote, NULL, &conn, z->now) != 0)
        return;
    REQUIRE(estab_status(z->stack, conn, &st) == 0);
    z->flows[i].local_port = st.local.port;
    z->flows[i].ack = st.tcb.iss + 1;
    keep_conn(z, conn);
}

static void
op_accept(struct fuzz *z)
{
    estab_conn conn;

    if (estab_accept(z->stack, z->listener, &conn, z->now) == 0)
        keep_conn(z, conn);
}

static void
op_send(struct fuzz *z, estab_conn conn)
{
    static const uint8_t text[8192];
    size_t len = octet(z) % 4 == 0 ? pair(z) % sizeof text : octet(z);
    struct estab_span spans[2];
    ptrdiff_t n;

    switch (octet(z) % 4) {
    case 0:
        n = estab_reserve(z->stack, conn, len + 1, spans);
        if (n <= 0)
            return;
        REQUIRE((size_t)n == spans[0].len + spans[1].len);
        for (unsigned i = 0; i < 2; i++)
            if (spans[i].len > 0)
                memset(spans[i].data, 'y', spans[i].len);
        REQUIRE(estab_commit(z->stack, conn, octet(z) % ((size_t)n + 1), z->now) == 0);
        return;
    case 1:
        n = estab_send_urgent(z->stack, conn, text, len, z->now);
        break;
    default:
        n = estab_send(z->stack, conn, text, len, z->now);
    }
    REQUIRE(n <= (ptrdiff_t)len);
}

static void
op_receive(struct fuzz *z, estab_conn conn)
{
    static uint8_t room[8192];
    size_t len = octet(z) % 4 == 0 ? pair(z) % sizeof room : octet(z);
    struct estab_span spans[2];
    ptrdiff_t n;

    if (octet(z) % 2 == 0) {
        n = estab_receive(z->stack, conn, room, len, z->now);
        REQUIRE(n <= (ptrdiff_t)len);
        return;
    }
    n = estab_peek(z->stack, conn, spans);
    if (n <= 0)
        return;
    REQUIRE((size_t)n == spans[0].len + spans[1].len);
    for (unsigned i = 0; i < 2; i++)
        if (spans[i].len > 0)
            memcpy(room, spans[i].data, spans[i].len < sizeof room ? spans[i].len : sizeof room);
    REQUIRE(estab_consume(z->stack, conn, octet(z) % ((size_t)n + 1), z->now) == 0);
}

static void
op_options(struct fuzz *z, estab_conn conn)
{
    struct estab_tcp_options o;
    unsigned which = octet(z);

    if (estab_get_options(z->stack, conn, &o) != 0)
        return;
    o.nodelay = (which & 1) != 0;
    o.keepalive = (which & 2) != 0;
    o.keepalive_garbage = (which & 4) != 0;
    o.keepalive_idle = ESTAB_MS(1 + pair(z));
    if ((which & 8) != 0)
        o.send_buffer_max = (uint32_t)2048 << octet(z) % 8;
    if ((which & 16) != 0)
        o.receive_buffer_max = (uint32_t)2048 << octet(z) % 8;
    if ((which & 32) != 0)
        o.user_timeout = ESTAB_MS(1 + pair(z));
    (void)!estab_set_options(z->stack, conn, &o, z->now);
}

static void
op_end(struct fuzz *z, unsigned i)
{
    switch (octet(z) % 4) {
    case 0:
        (void)!estab_shutdown(z->stack, z->conns[i], z->now);
        return;
    case 1:
        REQUIRE(estab_abort(z->stack, z->conns[i], z->now) == 0);
        break;
    default:
        REQUIRE(estab_close(z->stack, z->conns[i], z->now) == 0);
    }
    z->conns[i] = 0;
}

static void
op_user(struct fuzz *z)
{
    unsigned what = octet(z), i = octet(z) % CONNS;
    struct estab_status st;

    /* Lent memory lives until the next input: what waits goes in first. */
    if (what % 8 == 0) {
        op_connect(z);
    } else if (what % 8 == 1) {
        op_accept(z);
    } else if (z->conns[i] != 0) {
        REQUIRE(estab_status(z->stack, z->conns[i], &st) == 0);
        switch (what % 8) {
        case 2:
        case 3:
            op_send(z, z->conns[i]);
            break;
        case 4:
        case 5:
            op_receive(z, z->conns[i]);
            break;
        case 6:
            op_options(z, z->conns[i]);
            break;
        default:
            op_end(z, i);
        }
    }
    drain(z);
}

/* ---- time ---- */

static void
op_time(struct fuzz *z, bool to_deadline)
{
    estab_time at = estab_stack_deadline(z->stack);

    if (to_deadline && at != ESTAB_NEVER)
        z->now = at > z->now ? at : z->now;
    else
        z->now += (estab_time)1 << octet(z) % 44;
    if (z->now > ESTAB_SEC(100000000))
        return;
    estab_stack_tick(z->stack, z->now);
    drain(z);
}

/* ---- one input ---- */

/* Looks at everything a record points to. */
static void
look_on(void *ctx, const struct estab_trace *r)
{
    static volatile uint8_t sink;

    (void)ctx;
    for (uint32_t i = 0; r->packet != NULL && i < r->packet_len; i++)
        sink = r->packet[i];
    (void)sink;
    REQUIRE(r->seg.sack_blocks <= 4);
}

static void
setup(struct fuzz *z)
{
    const struct estab_alloc heap = { .get = get, .put = put };
    struct estab_link link = { .mtu = MTU };
    struct estab_endpoint any = { .port = PORT_LISTEN };
    unsigned flags = octet(z);

    sim_alloc_init(&z->alloc, &heap);
    estab_config_init(&z->cfg);
    if ((flags & 1) != 0)
        REQUIRE(estab_config_profile(&z->cfg, "tiny") == 0);
    if ((flags & 2) != 0)
        z->cfg.timestamps = false;
    if ((flags & 6) != 0)
        z->cfg.trace = look_on;
    if ((flags & 4) != 0)
        z->cfg.sack = false;
    if ((flags & 8) != 0)
        z->cfg.window_scaling = false;
    if ((flags & 16) != 0)
        z->cfg.memory_budget = (size_t)65536 * (8 + octet(z) % 8);
    if ((flags & 64) != 0) {
        z->cfg.max_half_open = 2;
        z->cfg.max_time_wait = 2;
        z->cfg.max_orphans = 1;
    }
    z->cfg.tcp.keepalive = z->cfg.tcp.fast_open = (flags & 128) != 0;
    z->version = (flags & 32) != 0 ? 6 : 4;
    memset(z->cfg.secret, 7, sizeof z->cfg.secret);
    z->cfg.alloc = sim_alloc_interface(&z->alloc);
    z->now = ESTAB_SEC(1);
    z->ours = estab_addr_v4(192, 0, 2, 1);
    z->theirs = estab_addr_v4(192, 0, 2, 2);
    if (z->version == 6) {
        REQUIRE(estab_addr_parse(&z->ours, "2001:db8::1") == 0);
        REQUIRE(estab_addr_parse(&z->theirs, "2001:db8::2") == 0);
    }
    z->stack = estab_stack_new(&z->cfg);
    if (z->stack == NULL)
        return;
    for (unsigned i = 0; i < FLOWS; i++)
        z->flows[i] = (struct flow){ .peer_port = (uint16_t)(PORT_PEER + i), .seq = 1000 };
    if (estab_stack_add_interface(z->stack, &link) != 1 ||
        estab_stack_add_address(z->stack, 1, &z->ours, z->version == 4 ? 24 : 64) != 0 ||
        estab_listen(z->stack, &any, 4, NULL, &z->listener, z->now) != 0) {
        REQUIRE((flags & 16) != 0); /* only for want of memory */
        estab_stack_free(z->stack);
        z->stack = NULL;
    }
}

static void
step(struct fuzz *z)
{
    unsigned op = octet(z);

    switch (op % 16) {
    case 0:
        op_syn(z);
        break;
    case 1:
        op_polite(z, 0, 0);
        break;
    case 2:
        op_polite(z, ESTAB_CTL_PSH, octet(z) * 6);
        break;
    case 3:
        op_polite(z, ESTAB_CTL_FIN, octet(z) % 8);
        break;
    case 4:
        op_polite(z, ESTAB_CTL_SYN, 0);
        break;
    case 5:
    case 6:
    case 7:
        op_segment(z);
        break;
    case 8:
        op_raw(z, true);
        break;
    case 9:
        op_raw(z, false);
        break;
    case 10:
        op_echo_back(z, op < 128);
        break;
    case 11:
        op_time(z, true);
        break;
    case 12:
        op_time(z, false);
        break;
    case 13:
        z->batching = !z->batching;
        flush(z);
        break;
    case 15:
        op_datagram(z);
        break;
    default:
        flush(z);
        op_user(z);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fuzz z;
    struct estab_stack_status s;
    struct estab_link_info loopback;
    uint64_t first = 0;

    memset(&z, 0, sizeof z);
    z.data = data;
    z.left = size;
    setup(&z);
    if (z.stack != NULL) {
        unsigned verdicts = 0;

        for (unsigned i = 0; i < OPERATIONS_MAX && z.left > 0; i++)
            step(&z);
        flush(&z);
        estab_stack_status(z.stack, &s);
        REQUIRE(estab_stack_next_link(z.stack, &first, &loopback));
        z.packets_in += loopback.packets_in;
        for (unsigned i = 1; i < ESTAB_VERDICT_COUNT; i++)
            verdicts += (unsigned)s.verdicts[i];
        REQUIRE(s.packets_in == z.packets_in && verdicts == z.packets_in);
        if (size % 2 == 0) {
            estab_stack_shutdown(z.stack, size % 4 == 0 ? ESTAB_SHUTDOWN_RST : ESTAB_SHUTDOWN_FIN,
                                 z.now);
            drain(&z);
        }
        estab_stack_free(z.stack);
    }
    REQUIRE(z.alloc.bytes == 0 && !z.alloc.broken);
    sim_alloc_fini(&z.alloc);
    return 0;
}
