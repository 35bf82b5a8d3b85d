/* SPDX-License-Identifier: MIT */
/*
 * The way in: parse and bounds-check everything once, find exactly one of {connection, half-open
 * record, TIME-WAIT record, listener, nobody}, decide the checksum, and only then let the segment
 * arrive. A batch is parsed first and its table slots fetched ahead. Every packet gets one verdict.
 */
#include "stack/link.h"

#include "base/bytes.h"
#include "tcp/internal.h"
#include "wire/checksum.h"

#include <string.h>

#define BATCH 32

struct arrival {
    const uint8_t *packet; /* to be processed; put together from fragments, maybe: */
    uint32_t packet_len;
    struct ether_frame frame; /* type 0: none */
    const uint8_t *wire;      /* what came over the link */
    uint32_t wire_len;
    const struct estab_frame *link; /* the Ethernet frame of it; NULL: none */
    bool verified;                  /* the link has seen to the checksums */
    enum seg_verdict v;             /* SEG_CONTINUE: a TCP segment to be looked up */
    bool to_many;                   /* addressed to a group or by broadcast */
    uint64_t handle;                /* of the UDP endpoint that took it */
    uint32_t hash;
    struct ip_header ip;
    struct tcp_seg seg;
    struct names names;
};

/* Out of line: without a sink nothing of this is paid for. */
static void
trace_in(struct estab_stack *s, const struct arrival *a, enum seg_verdict v, uint32_t ref,
         const uint8_t state[2], unsigned ifindex, estab_time now)
{
    struct estab_trace t = {
        .kind = ESTAB_TRACE_PACKET_IN,
        .verdict = (uint16_t)v,
        .state_before = state[0],
        .state_after = state[1],
        .ifindex = (uint8_t)ifindex,
        .packet = a->wire,
        .packet_len = a->wire_len,
        .proto = a->ip.version != 0 ? a->ip.proto : 0,
    };
    struct names names = a->names;
    struct arp_packet arp;

    if (a->link != NULL) {
        t.frame = a->link->data;
        t.frame_len = a->link->len;
    }
    if (a->frame.type == ETHER_ARP &&
        estab_arp_parse(&arp, a->frame.payload, a->frame.payload_len)) {
        memcpy(names.addr, arp.tpa, 4);
        memcpy(names.addr + 4, arp.spa, 4);
    }
    if (a->seg.header_len != 0)
        estab_trace_segment(&t, &a->seg);
    t.conn = a->handle;
    estab_trace_names(s, &names, a->ip.version == 6 ? 16 : 4, ref, &t, now);
}

/* Each packet gets one verdict, counted, and told where somebody listens. */
static void
count(struct estab_stack *s, const struct arrival *a, enum seg_verdict v, uint32_t ref,
      const uint8_t state[2], unsigned ifindex, estab_time now)
{
    s->verdicts[v]++;
    if (UNLIKELY(s->cfg.trace != NULL))
        trace_in(s, a, v, ref, state, ifindex, now);
}

/* RFC 4291 §2.5.5.2: a way to write IPv4 addresses; no packet has one in its header. */
static bool
is_mapped(const uint8_t *addr, unsigned addr_len)
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    return addr_len == 16 && memcmp(addr, prefix, sizeof(prefix)) == 0;
}

static bool
is_group(const uint8_t *addr, unsigned addr_len)
{
    return addr_len == 4 ? addr[0] >> 4 == 14 : addr[0] == 0xff;
}

/* RFC 1122 §3.2.1.3 and RFC 9293 §3.9.2.3: which addresses may stand in a packet for us. */
static enum seg_verdict
check_addresses(struct estab_stack *s, const struct ip_header *ip, unsigned ifindex, bool *to_many)
{
    const struct ip_routes *t = &s->routes;
    unsigned n = ip->addr_len;

    *to_many = false;
    /* RFC 1122 §3.2.1.3 (g), RFC 4291 §2.5.3: what is of the loopback never comes from a wire, not
     * even to a host that answers on any interface for all its addresses, or whoever is beside it
     * could ask what listens for itself alone (CVE-2020-8558). */
    if (ifindex != 0 && (estab_ip_is_loopback(ip->dst, n) || estab_ip_is_loopback(ip->src, n)))
        return SEG_DROP_IP_SOURCE;
    if (estab_link_is_control(s, ip, ifindex))
        return SEG_CONTINUE;
    *to_many = estab_ip_is_broadcast(t, ip->dst, n);
    if (*to_many && ip->proto == IP_PROTO_TCP)
        return SEG_DROP_IP_BROADCAST; /* (MUST-57) */
    /* UDP to a group that somebody here has joined, or by broadcast; echo is answered to neither
     * (CVE-1999-0513). */
    if (*to_many &&
        (ip->proto != IP_PROTO_UDP ||
         (is_group(ip->dst, n) && !estab_ip_is_joined(&s->groups, ip->dst, n, ifindex))))
        return SEG_DROP_IP_NOT_OURS;
    /* RFC 1122 §3.3.4.2 (RFC1122-3.3.4.2): an address is that of one interface and does not answer on
     * another, so that nobody beside a tunnel can ask what is in it (CVE-2019-14899). */
    if (!*to_many &&
        !(s->cfg.strong_host ? estab_ip_is_ours_on(t, ip->dst, n, ifindex)
                             : estab_ip_is_ours(t, ip->dst, n)) &&
        !(ip->proto == IP_PROTO_UDP && estab_udp_takes_foreign(s, ip, ifindex)))
        return SEG_DROP_IP_NOT_OURS;
    /* (MUST-63) a source that no host can have; our own address must not come from a wire
     * (CVE-1999-0016). */
    if (estab_ip_is_broadcast(t, ip->src, n) || estab_ip_is_unspecified(ip->src, n))
        return SEG_DROP_IP_SOURCE;
    if (ifindex != 0 && (estab_ip_is_ours(t, ip->src, n) || is_mapped(ip->src, n)))
        return SEG_DROP_IP_SOURCE;
    return SEG_CONTINUE;
}

/* The packet in an Ethernet frame. What is no IP has no packet. */
static enum seg_verdict
open_frame(struct estab_stack *s, struct arrival *a, const struct estab_frame *f, unsigned ifindex)
{
    enum seg_verdict v = estab_link_open(s->interface[ifindex].eth, f, &a->frame);
    bool is_ip = v == SEG_CONTINUE && a->frame.type != ETHER_ARP;

    a->packet = is_ip ? a->frame.payload : NULL;
    a->packet_len = is_ip ? a->frame.payload_len : 0;
    return v;
}

/* The packet at a->packet, if a->v says so; `whole`: put together from fragments. */
static void
parse_packet(struct estab_stack *s, struct arrival *a, unsigned ifindex, bool whole)
{
    a->seg.header_len = 0;
    a->to_many = false;
    a->handle = 0;
    a->ip.version = 0;
    a->ip.fragment = a->ip.problem = a->ip.has_fragment_header = false;
    if (a->v == SEG_CONTINUE && a->frame.type != ETHER_ARP)
        a->v = (enum seg_verdict)estab_ip_parse(&a->ip, a->packet, a->packet_len, a->verified);
    /* RFC 6980 §5 (RFC6980-NDFRAG): filters on the link cannot judge what comes in pieces, nor do all
     * of them look behind the header of a fragment. */
    if ((whole || a->ip.has_fragment_header) && a->v == SEG_CONTINUE && a->ip.version == 6 &&
        a->ip.proto == IP_PROTO_ICMPV6 && a->ip.payload_len > 0 && nd_is_type(a->ip.payload[0]))
        a->v = SEG_DROP_ND_MALFORMED;
    if ((a->v != SEG_CONTINUE && !a->ip.fragment) || a->frame.type == ETHER_ARP) {
        if (!a->ip.problem) {
            a->ip.proto = 0;
            a->ip.version = 0;
        }
        memset(&a->names, 0, sizeof(a->names));
        return;
    }
    /* The names from our side: local is their destination. */
    memcpy(a->names.addr, a->ip.dst, a->ip.addr_len);
    memcpy(a->names.addr + a->ip.addr_len, a->ip.src, a->ip.addr_len);
    memset(a->names.ports, 0, 4);
    a->v = check_addresses(s, &a->ip, ifindex, &a->to_many);
    /* RFC 1122 §3.3.6: what is for one host comes in a frame for one */
    if (a->v == SEG_CONTINUE && a->frame.type != 0 && mac_is_group(a->frame.dst) &&
        !estab_ip_is_broadcast(&s->routes, a->ip.dst, a->ip.addr_len))
        a->v = SEG_DROP_LINK_GROUP;
    if (a->v != SEG_CONTINUE || a->ip.fragment || a->ip.proto != IP_PROTO_TCP)
        return;
    a->v = (enum seg_verdict)estab_tcp_parse(&a->seg, a->ip.payload, a->ip.payload_len);
    a->seg.ip_ecn = a->ip.tos & 3;
    if (a->v != SEG_CONTINUE) {
        a->seg.header_len = 0;
        return;
    }
    put_be16(a->names.ports, a->seg.dst_port);
    put_be16(a->names.ports + 2, a->seg.src_port);
    a->hash = estab_demux_hash(&s->demux, &a->names, a->ip.addr_len);
    demux_prefetch(&s->demux, a->hash);
}

/* What the link says of the frame, taken with care: it speaks of the checksum of TCP or UDP in this
 * packet, whole, or of nothing that is looked at here. Never can a packet say it of itself. */
static bool
is_vouched_for(const struct arrival *a, const struct estab_frame *f)
{
    const struct ip_header *ip = &a->ip;

    if (ip->version == 0 || ip->fragment ||
        (ip->proto != IP_PROTO_TCP && ip->proto != IP_PROTO_UDP))
        return false;
    if ((f->flags & ESTAB_FRAME_CSUM_PARTIAL) != 0)
        return f->data + f->csum_start == ip->payload &&
               f->csum_offset == (ip->proto == IP_PROTO_TCP ? 16 : 6);
    return (f->flags & ESTAB_FRAME_CSUM_VERIFIED) != 0;
}

static void
parse(struct estab_stack *s, struct arrival *a, const struct estab_frame *f, unsigned ifindex)
{
    const struct estab_link *link = &s->interface[ifindex].link;

    a->packet = f->data;
    a->packet_len = f->len;
    a->frame.type = 0;
    a->verified = link->csum_verified;
    a->link = s->interface[ifindex].eth != NULL ? f : NULL;
    a->v = a->link != NULL ? open_frame(s, a, f, ifindex) : SEG_CONTINUE;
    a->wire = a->packet;
    a->wire_len = a->packet_len;
    parse_packet(s, a, ifindex, false);
    if (f->flags != 0 && link->offload.csum_in && !a->verified)
        a->verified = is_vouched_for(a, f);
}

/* (MUST-3) The sum over pseudo-header and segment; in-order text of a connection is copied to its
 * place in the ring in the same pass, unseen until the checks have accepted it. */
static bool
checksum_is_right(struct conn *c, struct arrival *a, struct tcp_env *env)
{
    const struct ip_header *ip = &a->ip;
    uint64_t sum = estab_csum_pseudo(ip->src, ip->dst, ip->addr_len, IP_PROTO_TCP, ip->payload_len);
    uint8_t *place = NULL;

    if (c != NULL && a->seg.len > 0)
        place = estab_tcp_text_place(&c->tcb, env, &a->seg);
    if (place == NULL)
        return csum_fold(estab_csum_add(ip->payload, ip->payload_len, sum)) == 0xffff;
    sum = estab_csum_add(ip->payload, a->seg.header_len, sum);
    sum = estab_csum_copy(place, a->seg.text, a->seg.len, sum);
    if (csum_fold(sum) != 0xffff)
        return false;
    a->seg.text = place;
    return true;
}

static enum seg_verdict
give_to_conn(struct estab_stack *s, struct conn *c, struct arrival *a, struct tcp_env *env,
             uint8_t state[2])
{
    struct tcp_seg seg = a->seg; /* the checks trim it */
    struct tcp_out reply;
    enum seg_verdict v;

    tcp_seq una = c->tcb.snd_una, nxt = c->tcb.rcv_nxt;

    state[0] = c->tcb.state;
    v = estab_tcp_segment_arrives(&c->tcb, env, &seg, &reply);
    state[1] = c->tcb.state;
    if (s->interface[c->ifindex].eth != NULL && (c->tcb.snd_una != una || c->tcb.rcv_nxt != nxt) &&
        state[0] != TCPS_SYN_SENT)
        estab_link_progress(s, c, env->now);
    if (UNLIKELY(c->tcb.fast_open_tried) && state[0] == TCPS_SYN_SENT)
        estab_fast_open_learn(s, c, &a->seg, env);
    if (reply.seg.ctl != 0)
        estab_reply_segment(s, c->ifindex, &c->names, c->addr_len, &reply, state[1], c->tcb.opt,
                            env);
    return v;
}

/* The segment that has completed a handshake. */
static void
give_to_new_conn(struct estab_stack *s, struct conn *c, struct arrival *a, struct tcp_env *env,
                 unsigned ifindex)
{
    struct listener *l = estab_listener_at(s, c->listener);
    uint8_t state[2];
    enum seg_verdict v = give_to_conn(s, c, a, env, state);

    count(s, a, v, conn_ref(c), state, ifindex, env->now);
    estab_conn_update(s, c, env);
    l->poll.bits |= l->waiting > 0 ? ESTAB_ACCEPTABLE : 0u;
    estab_conn_ready(s, &l->poll);
}

/* RFC 4007 §6, §9: the same link-local address on another link is another host. */
static bool
is_of_zone(const struct estab_stack *s, uint32_t ref, const struct arrival *a, unsigned ifindex)
{
    unsigned owner;

    if (!estab_ip_is_link_local(a->ip.src, 16) && !estab_ip_is_link_local(a->ip.dst, 16))
        return true;
    switch (ref_kind(ref)) {
    case REF_CONN6:
        owner = estab_conn_at(s, ref)->ifindex;
        break;
    case REF_HALF6:
        owner = estab_half_at(s, ref)->h.ifindex;
        break;
    case REF_TW6:
        owner = estab_tw_at(s, ref)->tw.ifindex;
        break;
    default:
        return true;
    }
    return owner == ifindex;
}

static void
tcp_input(struct estab_stack *s, struct arrival *a, unsigned ifindex, struct tcp_env *env)
{
    unsigned addr_len = a->ip.addr_len;
    uint8_t state[2] = { TCPS_CLOSED, TCPS_CLOSED };
    struct conn *c = NULL;
    struct listener *l;
    struct tcp_out reply;
    enum seg_verdict v;
    uint32_t ref = estab_demux_find(&s->demux, &a->names, addr_len, a->hash);

    if (addr_len == 16 && ref != 0 && UNLIKELY(a->ip.src[0] == 0xfe || a->ip.dst[0] == 0xfe) &&
        !is_of_zone(s, ref, a, ifindex)) {
        count(s, a, SEG_DROP_IP_NOT_OURS, 0, state, ifindex, env->now);
        return;
    }
    if (ref != 0)
        c = estab_conn_at(s, ref);
    if (!a->verified && !checksum_is_right(c, a, env) && RULE(env, checksum)) {
        count(s, a, SEG_DROP_CHECKSUM, 0, state, ifindex, env->now);
        return;
    }

    if (c != NULL) {
        v = give_to_conn(s, c, a, env, state);
        count(s, a, v, ref, state, ifindex, env->now);
        estab_conn_update(s, c, env);
        return;
    }
    switch (ref != 0 ? ref_kind(ref) : REF_LISTENER) {
    case REF_HALF4:
    case REF_HALF6:
        v = estab_half_input(s, ref, &a->seg, env, state, &c);
        if (c == NULL)
            break;
        give_to_new_conn(s, c, a, env, ifindex);
        return;
    case REF_TW4:
    case REF_TW6:
        v = estab_tw_input(s, ref, &a->seg, &a->ip, ifindex, env, state);
        break;
    default:
        l = estab_listener_find(s, &a->names, addr_len);
        if (l != NULL && listener_hears(l, ifindex)) {
            v = estab_listener_input(s, l, &a->names, addr_len, &a->seg, ifindex, NULL, env, state,
                                     &c);
            if (c == NULL)
                break;
            give_to_new_conn(s, c, a, env, ifindex);
            return;
        }
        /* CLOSED: nobody (RFC 9293 §3.10.7.1) */
        if (!estab_closed_arrives(env, &a->seg, &reply)) {
            v = SEG_DROP_NO_CONNECTION_RST;
        } else if (!rate_allows(&s->rst_rate, s->cfg.rst_per_second, env->now)) {
            v = SEG_DROP_RATE_LIMIT;
        } else {
            v = SEG_DROP_NO_CONNECTION;
            estab_reply_segment(s, ifindex, &a->names, addr_len, &reply, TCPS_CLOSED, &s->cfg.tcp,
                                env);
        }
        break;
    }
    count(s, a, v, 0, state, ifindex, env->now);
}

/* RFC 4443 §2.4 (e), RFC 1122 §3.3.6 (RFC4443-2.4): a packet that is refused for its header draws an
 * error only where it would have been taken but for that: by its addresses, and not in a frame for
 * many when it is for one. */
static bool
is_told_of_problem(struct estab_stack *s, const struct arrival *a, unsigned ifindex)
{
    bool to_many;
    enum seg_verdict v = check_addresses(s, &a->ip, ifindex, &to_many);

    if (to_many)
        return a->ip.problem_to_groups && !is_mapped(a->ip.src, a->ip.addr_len);
    return v == SEG_CONTINUE && !(a->frame.type != 0 && mac_is_group(a->frame.dst));
}

static void
other_input(struct estab_stack *s, struct arrival *a, unsigned ifindex, struct tcp_env *env)
{
    static const uint8_t no_state[2] = { TCPS_CLOSED, TCPS_CLOSED };
    enum seg_verdict v = a->v;

    if (a->ip.problem && is_told_of_problem(s, a, ifindex))
        estab_icmp_problem(s, &a->ip, a->packet, a->packet_len, ifindex, env);
    if (v == SEG_CONTINUE) {
        if (a->frame.type == ETHER_ARP) {
            v = estab_arp_input(s, ifindex, &a->frame, env->now);
        } else if (a->ip.version == 4 && a->ip.proto == IP_PROTO_IGMP &&
                   s->interface[ifindex].eth != NULL) {
            v = estab_group_input(s, &a->ip, ifindex, env->now);
        } else if (a->ip.proto == (a->ip.version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6)) {
            v = estab_icmp_input(s, &a->ip, ifindex, &a->handle, env);
        } else if (a->ip.proto == IP_PROTO_UDP) {
            v = estab_udp_input(s, &a->ip, ifindex, a->to_many, a->verified, &a->names, &a->handle);
            /* RFC 1122 §4.1.3.1 (RFC1122-4.1.3.1), and never about what went to many */
            if (v == SEG_DROP_UDP_NO_ENDPOINT && !a->to_many)
                estab_icmp_unreachable(s, &a->ip, a->packet, a->packet_len, ifindex, env);
        } else {
            v = SEG_DROP_IP_PROTOCOL;
            estab_icmp_unreachable(s, &a->ip, a->packet, a->packet_len, ifindex, env);
        }
    }
    count(s, a, v, 0, no_state, ifindex, env->now);
}

static void
dispatch(struct estab_stack *s, struct arrival *a, unsigned ifindex, struct tcp_env *env)
{
    if (a->v == SEG_CONTINUE && a->ip.proto == IP_PROTO_TCP)
        tcp_input(s, a, ifindex, env);
    else
        other_input(s, a, ifindex, env);
}

/* A fragment is held, or makes its datagram whole; that is then a packet as any other, parsed and
 * checked anew, because what fragments say together nobody has looked at yet. */
static void
fragment_input(struct estab_stack *s, struct arrival *a, unsigned ifindex, struct tcp_env *env)
{
    static const uint8_t no_state[2] = { TCPS_CLOSED, TCPS_CLOSED };
    struct reassembly *r = &s->reassembly;
    size_t before = r->bytes;
    struct whole_packet whole;
    struct arrival b;
    uint32_t size;
    enum seg_verdict v =
        (enum seg_verdict)estab_reassembly_add(r, &a->ip, a->packet, ifindex, env->now, &whole);

    if (r->bytes != before)
        estab_trace_memory_of(s, NULL, ESTAB_MEM_FRAGMENTS, (int64_t)r->bytes - (int64_t)before);
    if (whole.data == NULL) {
        count(s, a, v, 0, no_state, ifindex, env->now);
        return;
    }
    size = whole.size;
    estab_trace_memory_of(s, NULL, ESTAB_MEM_FRAGMENTS, size);
    /* no link has verified a checksum over all of it */
    b = (struct arrival){ .packet = whole.data,
                          .packet_len = whole.len,
                          .frame = a->frame,
                          .wire = a->wire,
                          .wire_len = a->wire_len,
                          .link = a->link,
                          .v = SEG_CONTINUE };
    parse_packet(s, &b, ifindex, true);
    if (b.v == SEG_CONTINUE && b.ip.fragment) /* fragments in fragments: nobody sends that */
        b.v = SEG_DROP_IP_FRAGMENT;
    dispatch(s, &b, ifindex, env);
    estab_reassembly_put(r, &whole);
    estab_trace_memory_of(s, NULL, ESTAB_MEM_FRAGMENTS, -(int64_t)size);
}

static void
input(struct estab_stack *s, unsigned ifindex, const struct estab_frame *frames, size_t n,
      estab_time now)
{
    struct tcp_env env = estab_stack_env(s, now);
    struct arrival batch[BATCH];
    size_t i, k, m;

    s->packets_in += n;
    s->interface[ifindex].packets_in += n;
    for (i = 0; i < n; i++)
        s->interface[ifindex].octets_in += frames[i].len;
    for (i = 0; i < n; i += m) {
        m = n - i < BATCH ? n - i : BATCH;
        for (k = 0; k < m; k++)
            parse(s, &batch[k], &frames[i + k], ifindex);
        for (k = 0; k < m; k++) {
            if (UNLIKELY(batch[k].v == SEG_CONTINUE && batch[k].ip.fragment))
                fragment_input(s, &batch[k], ifindex, &env);
            else
                dispatch(s, &batch[k], ifindex, &env);
        }
    }
}

void
estab_stack_input(struct estab_stack *s, unsigned ifindex, const struct estab_frame *frames,
                  size_t n, estab_time now)
{
    ESTAB_ASSERT(ifindex > 0 && ifindex < s->interfaces);
    input(s, ifindex, frames, n, now);
}

void
estab_stack_loopback_input(struct estab_stack *s, const struct estab_frame *frame, estab_time now)
{
    input(s, 0, frame, 1, now);
}
