/* SPDX-License-Identifier: MIT */
/*
 * The way out: estab_stack_output() takes connections off the interface's to-send list and writes
 * each segment once, headers, text and checksum in one pass, into the driver's frame. Before them
 * go the packets that belong to no connection's stream (RSTs, ACKs of small records, echo
 * replies), kept in a bounded ring; when that is full they are dropped, as any router might.
 */
#include "stack/link.h"

#include "base/bytes.h"
#include "tcp/internal.h"
#include "wire/checksum.h"

#include <string.h>

/* A connection yields to the others after this many segments in a row. */
#define TURN 16

/* In front of each packet in the reply ring. */
struct reply_header {
    uint32_t len;
    uint8_t reason, state;
    bool arp; /* not IP: a hardware address, then an ARP packet */
};

/* `f`: the packet of `len` octets as it goes to the driver, with its Ethernet header if it has one. */
static void
trace_out(struct estab_stack *s, unsigned ifindex, struct estab_trace *t, const struct names *names,
          unsigned addr_len, uint32_t ref, const struct estab_frame *f, uint32_t len,
          estab_time now)
{
    const struct ethernet *e = s->interface[ifindex].eth;

    t->kind = ESTAB_TRACE_PACKET_OUT;
    t->ifindex = (uint8_t)ifindex;
    if (len > 0) {
        t->packet = f->data + (e != NULL ? e->header : 0);
        t->packet_len = len;
    }
    if (e != NULL) {
        t->frame = f->data;
        t->frame_len = f->len;
    }
    estab_trace_names(s, names, addr_len, ref, t, now);
}

/* Everything of a segment but its text: IP and TCP headers, with the sum of pseudo-header and TCP
 * header. Returns their length. */
static uint32_t
write_headers(uint8_t *out, const struct names *names, unsigned addr_len, struct tcp_seg *seg,
              unsigned layout, const struct estab_tcp_options *opt, uint64_t *sum)
{
    uint32_t ip_len = addr_len == 4 ? 20 : 40;
    uint32_t tcp_len, header;

    seg->src_port = get_be16(names->ports);
    seg->dst_port = get_be16(names->ports + 2);
    header = estab_tcp_write(out + ip_len, seg, layout);
    tcp_len = header + seg->len;
    (void)estab_ip_write(out, addr_len == 4 ? 4 : 6, IP_PROTO_TCP, opt->ttl,
                         (uint8_t)(opt->dscp << 2 | seg->ip_ecn), names_local(names),
                         names_remote(names, addr_len), 0, tcp_len);
    *sum = estab_csum_pseudo(names_local(names), names_remote(names, addr_len), addr_len,
                             IP_PROTO_TCP, tcp_len);
    *sum = estab_csum_add(out + ip_len, header, *sum);
    return ip_len + header;
}

/* Nothing is left to the link. */
static void
set_one_packet(struct estab_frame *f)
{
    f->flags = 0;
    f->csum_start = f->csum_offset = f->segment = 0;
}

/* (MUST-2) Every segment gets its checksum, in one pass with the copy, or from the link, if that says
 * that it makes them (RFC 9293 §3.1). There is no way around it. The checksum in native order goes into the field as it is (RFC 1071 §2 (B)). */
static void
put_checksum(uint8_t *tcp, uint64_t sum)
{
    uint16_t c = (uint16_t)~csum_fold(sum);

    memcpy(tcp + 16, &c, 2);
}

/* The text as it is; the field has the sum of the pseudo-header, and the link does the rest. */
static uint32_t
leave_checksum(struct conn *c, const struct tcp_out *out, struct estab_frame *f, uint8_t *tcp,
               uint8_t *at)
{
    uint32_t len = out->text[0].len > 0 ? out->text[0].len : out->seg.len, more = 0;
    uint16_t sum;

    if (len > 0)
        memcpy(at, out->text[0].len > 0 ? out->text[0].data : out->seg.text, len);
    if (out->text[0].len > 0 && (more = out->text[1].len) > 0)
        memcpy(at + len, out->text[1].data, more);
    at += len + more;
    sum = csum_fold(estab_csum_pseudo(names_local(&c->names), names_remote(&c->names, c->addr_len),
                                      c->addr_len, IP_PROTO_TCP, (uint32_t)(at - tcp)));
    memcpy(tcp + 16, &sum, 2);
    f->flags = ESTAB_FRAME_CSUM_PARTIAL;
    f->csum_start = (uint16_t)(tcp - f->data);
    f->csum_offset = 16;
    return (uint32_t)(at - tcp);
}

/* The IP packet behind `head` octets of the frame; its length. */
static uint32_t
write_segment(struct estab_stack *s, struct conn *c, struct tcp_out *out, struct estab_frame *f,
              uint32_t head)
{
    uint8_t *frame = f->data + head;
    uint64_t sum, part;
    uint32_t at = write_headers(frame, &c->names, c->addr_len, &out->seg, s->cfg.syn_layout,
                                c->tcb.opt, &sum);
    uint8_t *tcp = frame + (c->addr_len == 4 ? 20 : 40);

    set_one_packet(f);
    if (s->interface[c->ifindex].link.offload.csum_out)
        return (uint32_t)(tcp - frame) + leave_checksum(c, out, f, tcp, frame + at);
    if (out->text[0].len > 0) {
        sum = estab_csum_copy(frame + at, out->text[0].data, out->text[0].len, sum);
        at += out->text[0].len;
        if (out->text[1].len > 0) {
            part = estab_csum_copy(frame + at, out->text[1].data, out->text[1].len, 0);
            sum += out->text[0].len & 1 ? csum_odd(part) : csum_fold(part);
            at += out->text[1].len;
        }
    } else if (out->seg.len > 0) {
        sum = estab_csum_copy(frame + at, out->seg.text, out->seg.len, sum);
        at += out->seg.len;
    }
    put_checksum(tcp, sum);
    return at;
}

bool
estab_frame_complete(struct estab_frame *f)
{
    uint32_t at = f->csum_start;
    uint16_t sum;

    if ((f->flags & ESTAB_FRAME_CSUM_PARTIAL) == 0)
        return true;
    if (at >= f->len || f->csum_offset + 2u > f->len - at)
        return false;
    sum = (uint16_t)~csum_fold(estab_csum_add(f->data + at, f->len - at, 0));
    /* RFC 768: a sum of zero goes as its other form, which for TCP is the same number */
    if (sum == 0 && f->csum_offset == 6)
        sum = 0xffff;
    memcpy(f->data + at + f->csum_offset, &sum, 2);
    set_one_packet(f);
    return true;
}

/* ---- packets of no stream ---- */

bool
estab_reply_fits(const struct interface *i, uint32_t len)
{
    return ring_free(&i->replies) >= sizeof(struct reply_header) + len;
}

bool
estab_reply_parts(struct estab_stack *s, unsigned ifindex, const uint8_t *head, uint32_t head_len,
                  const uint8_t *body, uint32_t body_len, enum send_reason reason, uint8_t state)
{
    struct interface *i = &s->interface[ifindex];
    struct reply_header h = {
        .len = head_len + body_len,
        .reason = (uint8_t)reason,
        .state = state,
    };
    uint32_t at = i->replies.used;

    if (ring_free(&i->replies) < sizeof(h) + h.len) {
        s->replies_dropped++;
        return false;
    }
    estab_ring_write_at(&i->replies, at, &h, sizeof(h));
    at += (uint32_t)sizeof(h);
    estab_ring_write_at(&i->replies, at, head, head_len);
    estab_ring_write_at(&i->replies, at + head_len, body, body_len);
    estab_ring_publish(&i->replies, (uint32_t)sizeof(h) + h.len);
    return true;
}

bool
estab_reply_packet(struct estab_stack *s, unsigned ifindex, const uint8_t *packet, uint32_t len,
                   enum send_reason reason, uint8_t state)
{
    return estab_reply_parts(s, ifindex, packet, len, NULL, 0, reason, state);
}

void
estab_reply_segment(struct estab_stack *s, unsigned ifindex, const struct names *names,
                    unsigned addr_len, const struct tcp_out *out, uint8_t state,
                    const struct estab_tcp_options *opt, struct tcp_env *env)
{
    uint8_t packet[40 + TCP_HEADER_MAX];
    struct tcp_seg seg = out->seg;
    uint64_t sum;
    uint32_t len;

    (void)env;
    seg.len = 0;
    len = write_headers(packet, names, addr_len, &seg, s->cfg.syn_layout, opt, &sum);
    put_checksum(packet + (addr_len == 4 ? 20 : 40), sum);
    (void)estab_reply_packet(s, ifindex, packet, len, (enum send_reason)out->reason, state);
}

/* The next fragment of the packet of h->len octets at the head of the ring, which stays there until
 * the last one has left. 0: it must not be fragmented, and is dropped. */
static uint32_t
take_fragment(struct estab_stack *s, unsigned ifindex, const struct reply_header *h, uint32_t mtu,
              uint8_t *frame)
{
    struct interface *i = &s->interface[ifindex];
    uint8_t header[60];
    uint32_t base, payload;
    struct fragment f;

    estab_ring_read_at(&i->replies, sizeof(*h), header, h->len < 60 ? h->len : 60);
    base = header[0] >> 4 == 4 ? (header[0] & 15u) * 4 : 40;
    payload = h->len - base;
    if (header[0] >> 4 == 4 && (header[6] & 0x40) != 0) {
        s->replies_dropped++;
        estab_ring_consume(&i->replies, (uint32_t)sizeof(*h) + h->len);
        return 0;
    }
    if (i->fragment_at == 0 && header[0] >> 4 == 6)
        i->fragment_id = estab_ip_id(&s->ids, header + 8, header + 24, 16, header[6]);
    f = estab_ip_fragment(frame, header, payload, i->fragment_at, mtu, i->fragment_id);
    estab_ring_read_at(&i->replies, (uint32_t)sizeof(*h) + base + i->fragment_at,
                       frame + f.header_len, f.len);
    i->fragment_at += f.len;
    if (i->fragment_at == payload) {
        i->fragment_at = 0;
        estab_ring_consume(&i->replies, (uint32_t)sizeof(*h) + h->len);
    }
    return f.header_len + f.len;
}

/* Out of line, as all that is only done with a sink. */
static void
trace_reply(struct estab_stack *s, unsigned ifindex, const struct reply_header *h,
            const struct estab_frame *f, estab_time now)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    struct estab_trace t = { .state_before = h->state,
                             .state_after = h->state,
                             .reason = h->reason };
    struct ip_header ip;
    struct tcp_seg seg;
    struct names names;
    uint32_t ref = 0;

    memset(&names, 0, sizeof(names));
    if (estab_ip_parse(&ip, f->data + (e != NULL ? e->header : 0), h->len, true) !=
            ESTAB_SEG_NONE &&
        !ip.fragment)
        return;
    memcpy(names.addr, ip.src, ip.addr_len);
    memcpy(names.addr + ip.addr_len, ip.dst, ip.addr_len);
    t.proto = ip.proto;
    if (ip.proto == IP_PROTO_TCP &&
        estab_tcp_parse(&seg, ip.payload, ip.payload_len) == ESTAB_SEG_NONE) {
        memcpy(names.ports, ip.payload, 4);
        estab_trace_segment(&t, &seg);
        ref = estab_demux_find(&s->demux, &names, ip.addr_len,
                               estab_demux_hash(&s->demux, &names, ip.addr_len));
    } else if (ip.proto == IP_PROTO_UDP && (!ip.fragment || ip.offset == 0)) {
        memcpy(names.ports, ip.payload, 4);
        t.conn = estab_udp_handle_of(s, &names, ip.addr_len);
    } else if (h->reason == WHY_ECHO_REQUEST && (!ip.fragment || ip.offset == 0)) {
        t.conn = estab_echo_handle_of(s, ip.addr_len, get_be16(ip.payload + 4));
    }
    trace_out(s, ifindex, &t, &names, ip.addr_len, ref, f, h->len, now);
}

void
estab_reply_arp(struct estab_stack *s, unsigned ifindex, const uint8_t *arp, const uint8_t mac[6],
                enum send_reason reason)
{
    struct interface *i = &s->interface[ifindex];
    struct reply_header h = { .len = 6 + ARP_LEN, .reason = (uint8_t)reason, .arp = true };
    uint32_t at = i->replies.used;

    if (ring_free(&i->replies) < sizeof(h) + h.len) {
        s->replies_dropped++;
        return;
    }
    estab_ring_write_at(&i->replies, at, &h, sizeof(h));
    estab_ring_write_at(&i->replies, at + (uint32_t)sizeof(h), mac, 6);
    estab_ring_write_at(&i->replies, at + (uint32_t)sizeof(h) + 6, arp, ARP_LEN);
    estab_ring_publish(&i->replies, (uint32_t)sizeof(h) + h.len);
}

/* The rest of an ARP packet from the ring, as a frame. */
static void
take_arp(struct estab_stack *s, unsigned ifindex, const struct reply_header *h,
         struct estab_frame *f, estab_time now)
{
    struct interface *i = &s->interface[ifindex];
    uint8_t mac[6];

    estab_ring_read_at(&i->replies, 0, mac, 6);
    estab_ring_read_at(&i->replies, 6, f->data + i->eth->header, ARP_LEN);
    estab_ring_consume(&i->replies, h->len);
    s->reasons[h->reason]++;
    s->packets_out++;
    set_one_packet(f);
    f->len = estab_link_close(i->eth, f->data, ARP_LEN, f->cap, mac, ETHER_ARP);
    if (UNLIKELY(s->cfg.trace != NULL)) {
        struct estab_trace t = { .reason = h->reason };
        struct arp_packet arp;
        struct names names;

        memset(&names, 0, sizeof(names));
        if (estab_arp_parse(&arp, f->data + i->eth->header, ARP_LEN)) {
            memcpy(names.addr, arp.spa, 4);
            memcpy(names.addr + 4, arp.tpa, 4);
        }
        trace_out(s, ifindex, &t, &names, 4, 0, f, 0, now);
    }
}

/* What a packet to `dst` may have there: no more than the link takes, its path, and `cap`. */
static uint32_t
mtu_towards(struct estab_stack *s, unsigned ifindex, const uint8_t *dst, unsigned addr_len,
            uint32_t cap, estab_time now)
{
    uint32_t mtu = estab_route_mtu(s, ifindex, dst, addr_len),
             path = paths_mtu(&s->paths, dst, addr_len, now);

    if (path != 0 && path < mtu)
        mtu = path;
    return mtu < cap ? mtu : cap;
}

/* The next packet of no connection; false: there is none. */
static bool
take_reply(struct estab_stack *s, unsigned ifindex, struct estab_frame *f, estab_time now)
{
    struct interface *i = &s->interface[ifindex];
    uint32_t head = i->eth != NULL ? i->eth->header : 0;
    uint8_t *packet = f->data + head, mac[6], ip[40] = { 0 };
    struct reply_header h;

    for (;;) {
        const uint8_t *dst;
        unsigned addr_len;
        uint32_t mtu;

        if (UNLIKELY(!list_is_empty(&i->released)))
            estab_link_refill(s, ifindex);
        if (i->replies.used == 0)
            return false;
        estab_ring_read_at(&i->replies, 0, &h, sizeof(h));
        if (h.arp) {
            estab_ring_consume(&i->replies, sizeof(h));
            take_arp(s, ifindex, &h, f, now);
            return true;
        }
        estab_ring_read_at(&i->replies, sizeof(h), ip, h.len < 40 ? h.len : 40);
        addr_len = ip[0] >> 4 == 4 ? 4 : 16;
        dst = ip + (addr_len == 4 ? 16 : 24);
        /* whole: what it is cut into must not be more than can wait */
        if (i->eth != NULL && !estab_link_resolve_packet(s, ifindex, dst, addr_len, sizeof(h),
                                                         h.len, h.reason, h.state, mac, now))
            continue;
        mtu = mtu_towards(s, ifindex, dst, addr_len, f->cap - head, now);
        if (h.len > mtu || i->fragment_at > 0) {
            h.len = take_fragment(s, ifindex, &h, mtu, packet);
            if (h.len == 0)
                continue;
        } else {
            estab_ring_read_at(&i->replies, sizeof(h), packet, h.len);
            estab_ring_consume(&i->replies, (uint32_t)sizeof(h) + h.len);
        }
        s->reasons[h.reason]++;
        s->packets_out++;
        f->len = h.len;
        set_one_packet(f);
        if (i->eth != NULL)
            f->len = estab_link_close(i->eth, f->data, h.len, f->cap, mac,
                                      addr_len == 4 ? ETHER_IPV4 : ETHER_IPV6);
        if (UNLIKELY(s->cfg.trace != NULL))
            trace_reply(s, ifindex, &h, f, now);
        return true;
    }
}

/* ---- connections ---- */

/* Up to `n` segments of one connection; `*more`: it has to wait for its next turn. */
static size_t
take_segments(struct estab_stack *s, struct conn *c, struct estab_frame *frames, size_t n,
              const uint8_t mac[6], struct tcp_env *env, bool *more)
{
    const struct ethernet *e = s->interface[c->ifindex].eth;
    uint32_t head = e != NULL ? e->header : 0;
    struct fast_open_offer offer;
    struct tcp_out out;
    size_t filled = 0;

    while (filled < n) {
        struct estab_frame *f = &frames[filled];
        uint8_t before = c->tcb.state;
        uint32_t len;

        if (UNLIKELY(c->tcb.fast_open_owed))
            env->fast_open = estab_fast_open_offer(s, c, env, &offer);

        ESTAB_ASSERT(f->cap >= s->interface[c->ifindex].mtu_max + head);
        if (!estab_tcp_next_segment(&c->tcb, env, &out)) {
            *more = false;
            return filled;
        }
        f->len = len = write_segment(s, c, &out, f, head);
        if (e != NULL)
            f->len = estab_link_close(e, f->data, len, f->cap, mac,
                                      c->addr_len == 4 ? ETHER_IPV4 : ETHER_IPV6);
        s->reasons[out.reason]++;
        s->packets_out++;
        if (UNLIKELY(s->cfg.trace != NULL)) {
            struct estab_trace t = { .state_before = before,
                                     .state_after = c->tcb.state,
                                     .reason = out.reason };

            estab_trace_segment(&t, &out.seg);
            trace_out(s, c->ifindex, &t, &c->names, c->addr_len, conn_ref(c), f, len, env->now);
        }
        filled++;
    }
    *more = true;
    return filled;
}

static size_t
output(struct estab_stack *s, unsigned ifindex, struct estab_frame *frames, size_t n,
       struct tcp_env *env)
{
    struct interface *i = &s->interface[ifindex];
    size_t filled = 0;
    uint8_t mac[6] = { 0 };

again:
    while (filled < n && take_reply(s, ifindex, &frames[filled], env->now))
        filled++;
    if (UNLIKELY(!list_is_empty(&s->datagrams_blocked)))
        estab_datagram_room(s, ifindex);
    while (filled < n && !list_is_empty(&i->send)) {
        struct conn *c = CONTAINER(i->send.next, struct conn, send);
        size_t turn = n - filled < TURN ? n - filled : TURN;
        bool more;

        list_remove(&c->send);
        if (i->eth != NULL && !estab_link_resolve(s, c, mac, env))
            continue;
        filled += take_segments(s, c, frames + filled, turn, mac, env, &more);
        if (more)
            list_append(&i->send, &c->send);
        else
            estab_conn_update(s, c, env);
        /* has_output() may stay true for a connection whose window or cwnd is closed: once
         * around is enough, the next event puts it on the list again. */
        if (!more && c->send.next != NULL)
            list_remove(&c->send);
    }
    /* a connection that was parked just now has left a question to be sent */
    if (i->eth != NULL && filled < n && i->replies.used > 0)
        goto again;
    i->packets_out += filled;
    for (n = 0; n < filled; n++)
        i->octets_out += frames[n].len;
    return filled;
}

size_t
estab_stack_output(struct estab_stack *s, unsigned ifindex, struct estab_frame *frames, size_t n,
                   estab_time now)
{
    struct tcp_env env = estab_stack_env(s, now);

    ESTAB_ASSERT(ifindex > 0 && ifindex < s->interfaces);
    return output(s, ifindex, frames, n, &env);
}

/* ---- loopback ---- */

bool
estab_stack_loopback_waits(const struct estab_stack *s)
{
    return !list_is_empty(&s->interface[0].send) || s->interface[0].replies.used > 0;
}

/* Packets to ourselves never leave the stack; a bounded number each time, the rest at the next
 * tick, which the deadline asks for. */
void
estab_stack_pump_loopback(struct estab_stack *s, estab_time now)
{
    struct estab_frame frame = { .data = s->scratch, .cap = s->interface[0].link.mtu };
    struct tcp_env env;
    unsigned i;

    for (i = 0; i < 256 && estab_stack_loopback_waits(s); i++) {
        env = estab_stack_env(s, now);
        if (output(s, 0, &frame, 1, &env) == 0)
            break;
        estab_stack_loopback_input(s, &frame, now);
    }
}
