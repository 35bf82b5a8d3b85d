/* SPDX-License-Identifier: MIT */
/*
 * ICMP and ICMPv6 of the host (RFC 792, RFC 4443, RFC 1122 §3.2.2): echo is answered, replies go to
 * who has asked (echo.c), errors to the connection or endpoint that they quote (RFC 9293 §3.9.2.2, RFC 1122 §4.1.3.3). What
 * nobody here takes draws an error, limited by icmp_limit.h; echo has a limit of its own. Called from input.c
 * and stack.c.
 */
#include "stack/link.h"

#include "base/bytes.h"
#include "tcp/internal.h"
#include "wire/icmp.h"

#include <string.h>

#define NO_NEXT_HEADER 59 /* RFC 8200 §4.7: nothing follows, and that is no mistake */

/* ---- echo replies that may be too big ---- */

static uint64_t
hash_echo(const struct estab_stack *s, const uint8_t *src, const uint8_t *dst, uint32_t echo)
{
    uint8_t key[36];

    memcpy(key, src, 16);
    memcpy(key + 16, dst, 16);
    put_be32(key + 32, echo);
    return estab_siphash24(&s->key_echo, key, sizeof(key));
}

/* An echo reply of IPv6 that a narrow path would drop is remembered, with a flow label that nobody
 * beside its path can know: nothing else in it is a secret, for whoever wants to send an error
 * about it may have sent the request, in somebody's name. */
static uint32_t
remember_echo(struct estab_stack *s, const uint8_t *src, const uint8_t *dst, uint32_t echo)
{
    struct echo_sent *e = &s->echo_sent[s->echoes_drawn % ECHOES_SENT];
    uint8_t count[8];

    put_le64(count, s->echoes_drawn++);
    e->to = hash_echo(s, src, dst, echo);
    e->flow = (uint32_t)(estab_siphash24(&s->key_echo, count, sizeof(count)) & 0xfffff);
    e->flow += e->flow == 0;
    return e->flow;
}

/* Each is believed once at most, and after a wrong guess not at all. */
static bool
was_echoed(struct estab_stack *s, const struct icmp_quote *q)
{
    uint64_t to = hash_echo(s, q->src, q->dst, q->echo);
    bool right = false;
    unsigned i;

    for (i = 0; i < ECHOES_SENT; i++) {
        struct echo_sent *e = &s->echo_sent[i];

        if (e->flow == 0 || e->to != to)
            continue;
        right |= e->flow == q->flow;
        e->flow = 0;
    }
    return right;
}

static bool
reply(struct estab_stack *s, const struct ip_header *ip, const uint8_t *source, unsigned ifindex,
      uint8_t type, uint8_t code, uint32_t rest, const uint8_t *body, uint32_t body_len,
      enum send_reason reason)
{
    uint32_t ip_len = ip->addr_len == 4 ? 20 : 40;
    uint8_t head[40 + 8];

    (void)estab_ip_write(head, ip->version, ip->version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6,
                         s->cfg.tcp.ttl, 0, source, ip->src, 0, 8 + body_len);
    estab_icmp_write_header(head + ip_len, ip->version, type, code, rest, body, body_len, source,
                            ip->src);
    /* What not every path takes, an echo reply that is, or our own link: it may be cut, or a router
     * must tell. */
    if (ip_len + 8 + body_len > path_mtu_least(ip->addr_len) ||
        ip_len + 8 + body_len > s->interface[ifindex].link.mtu) {
        if (ip->version == 4)
            estab_ip_allow_fragments(
                head, (uint16_t)estab_ip_id(&s->ids, source, ip->src, 4, IP_PROTO_ICMP));
        else
            put_be32(head, get_be32(head) | remember_echo(s, source, ip->src, rest));
    }
    return estab_reply_parts(s, ifindex, head, ip_len + 8, body, body_len, reason, TCPS_CLOSED);
}

/* RFC 1122 §3.2.2.6: all data of the request comes back, in fragments if it came so; RFC 4443 §4.2. */
static enum seg_verdict
answer_echo(struct estab_stack *s, const struct icmp_message *m, const struct ip_header *ip,
            unsigned ifindex, struct tcp_env *env)
{
    if (m->body_len < 4)
        return SEG_DROP_ICMP_MALFORMED;
    if (!rate_allows(&s->echo_rate, s->cfg.icmp_per_second, env->now))
        return SEG_DROP_RATE_LIMIT;
    /* (CVE-2021-31344) to the source, whatever the request's options say */
    if (!reply(s, ip, ip->dst, ifindex, ip->version == 4 ? 0 : 129, 0, get_be32(m->body),
               m->body + 4, m->body_len - 4, WHY_ECHO_REPLY))
        return SEG_DROP_RATE_LIMIT;
    return SEG_ACCEPTED_ECHO;
}

/* RFC 1122 §3.2.2, RFC 4443 §2.4 (e) (RFC1122-3.2.2, RFC4443-2.4): no error about an error, about what
 * went to many, but for `to_groups`, about a later fragment, or to what is no single host. */
static bool
may_tell(const struct estab_stack *s, const struct ip_header *ip, const uint8_t *packet,
         uint32_t packet_len, unsigned ifindex, bool to_groups)
{
    const struct ip_routes *t = &s->routes;

    if (estab_ip_is_icmp_error(packet, packet_len))
        return false;
    if (ip->version == 4 && (get_be16(packet + 6) & 0x1fff) != 0)
        return false;
    if (!estab_ip_is_ours(t, ip->dst, ip->addr_len) &&
        !(to_groups && estab_ip_is_multicast(ip->dst, ip->addr_len) &&
          estab_ip_is_joined(&s->groups, ip->dst, ip->addr_len, ifindex)))
        return false;
    return !estab_ip_is_broadcast(t, ip->src, ip->addr_len) &&
           !estab_ip_is_unspecified(ip->src, ip->addr_len) &&
           (ifindex == 0 || !estab_ip_is_ours(t, ip->src, ip->addr_len));
}

/* An error about `packet`, of which it quotes as much as a minimum packet holds. */
static bool
tell(struct estab_stack *s, const struct ip_header *ip, const uint8_t *packet, uint32_t packet_len,
     unsigned ifindex, uint8_t type, uint8_t code, uint32_t rest, enum send_reason reason,
     struct tcp_env *env)
{
    uint32_t most = ip->version == 4 ? 576 - 28 : 1280 - 48;
    const uint8_t *source = ip->dst;

    if (estab_ip_is_multicast(ip->dst, ip->addr_len))
        source = estab_ip_source(&s->routes, ip->src, ip->addr_len, ifindex);
    if (source == NULL ||
        !estab_icmp_limit_allows(&s->icmp_limit, s->cfg.icmp_per_second,
                                 s->cfg.icmp_per_destination, ip->src, ip->addr_len, env->now))
        return false;
    return reply(s, ip, source, ifindex, type, code, rest, packet,
                 packet_len < most ? packet_len : most, reason);
}

/* The error codes of RFC 9293 §3.9.2.2 and what they mean to a user; hard ones may end an attempt
 * to open. */
static enum estab_err
error_of(enum icmp_kind kind, bool *hard)
{
    *hard = kind == ICMP_PROTO_UNREACHABLE || kind == ICMP_PORT_UNREACHABLE ||
            kind == ICMP_ADMIN_PROHIBITED;
    switch (kind) {
    case ICMP_NET_UNREACHABLE:
        return ESTAB_ENETUNREACH;
    case ICMP_PROTO_UNREACHABLE:
    case ICMP_PORT_UNREACHABLE:
        return ESTAB_ECONNREFUSED;
    case ICMP_PARAMETER_PROBLEM:
        return ESTAB_EPROTO;
    default:
        return ESTAB_EHOSTUNREACH;
    }
}

enum seg_verdict
estab_icmp_path_mtu(struct estab_stack *s, const uint8_t *dst, unsigned addr_len, unsigned ifindex,
                    uint32_t mtu)
{
    /* RFC 8201 §4 (RFC8201-4, RFC1191-3): it may only become less, and not less than what every
     * link carries (RFC5927-7.2-FLOOR); no router stands before what is on the link (RFC 4291
     * §2.5.6). */
    if (mtu < path_mtu_least(addr_len))
        mtu = path_mtu_least(addr_len);
    if (ifindex == 0 || mtu >= estab_link_mtu(&s->interface[ifindex], addr_len) ||
        estab_ip_is_link_local(dst, addr_len) ||
        !estab_paths_lower(&s->paths, dst, addr_len, mtu, s->now))
        return SEG_DROP_ICMP_UNRELATED;
    return SEG_ACCEPTED_PACKET_TOO_BIG;
}

/* The only error about an echo reply that matters (RFC 8201 §4). */
static enum seg_verdict
give_echo_error(struct estab_stack *s, const struct icmp_message *m, const struct icmp_quote *q)
{
    int ifindex = estab_ip_route(&s->routes, q->dst, q->addr_len);

    if (m->kind != ICMP_PACKET_TOO_BIG || ifindex < 0 || !was_echoed(s, q))
        return SEG_DROP_ICMP_UNRELATED;
    return estab_icmp_path_mtu(s, q->dst, q->addr_len, (unsigned)ifindex, m->mtu);
}

/* The connection that a quote of TCP names. */
static struct conn *
quoted_conn(const struct estab_stack *s, const struct icmp_quote *q)
{
    struct names names;
    uint32_t ref;

    memset(&names, 0, sizeof(names));
    memcpy(names.addr, q->src, q->addr_len);
    memcpy(names.addr + q->addr_len, q->dst, q->addr_len);
    put_be16(names.ports, q->src_port);
    put_be16(names.ports + 2, q->dst_port);
    ref = estab_demux_find(&s->demux, &names, q->addr_len,
                           estab_demux_hash(&s->demux, &names, q->addr_len));
    return ref != 0 ? estab_conn_at(s, ref) : NULL;
}

bool
estab_icmp_quotes_ours(const struct estab_stack *s, const struct icmp_quote *q)
{
    const struct conn *c;

    if (q->proto == IP_PROTO_UDP)
        return estab_udp_quoted(s, q) != NULL;
    if (q->is_echo_request)
        return estab_echo_quoted(s, q);
    c = q->has_seq ? quoted_conn(s, q) : NULL;
    return c != NULL && estab_tcp_is_in_flight(&c->tcb, q->seq);
}

static enum seg_verdict
give_error(struct estab_stack *s, const struct icmp_message *m, const struct ip_header *ip,
           unsigned ifindex, struct tcp_env *env)
{
    struct icmp_quote q;
    struct conn *c;
    enum seg_verdict v;
    bool hard;
    enum estab_err err = error_of(m->kind, &hard);

    /* MUST-54: the quoted header names the connection, and it must quote what is in flight. */
    if (!estab_icmp_quote(&q, m, ip->version))
        return SEG_DROP_ICMP_UNRELATED;
    if (q.proto == IP_PROTO_UDP)
        return estab_udp_icmp_error(s, m, &q, err);
    if (q.is_echo_reply)
        return give_echo_error(s, m, &q);
    if (q.is_echo_request)
        return estab_echo_error(s, m, &q, ip, ifindex, err);
    if (!q.has_seq)
        return SEG_DROP_ICMP_UNRELATED;
    c = quoted_conn(s, &q);
    if (c == NULL)
        return SEG_DROP_ICMP_UNRELATED;
    if (m->kind == ICMP_PACKET_TOO_BIG)
        v = estab_tcp_packet_too_big(&c->tcb, env, q.seq, m->mtu);
    else
        v = estab_tcp_icmp_error(&c->tcb, env, q.seq, hard, err);
    estab_conn_update(s, c, env);
    return v;
}

enum seg_verdict
estab_icmp_input(struct estab_stack *s, const struct ip_header *ip, unsigned ifindex,
                 uint64_t *handle, struct tcp_env *env)
{
    struct icmp_message m;
    enum seg_verdict v = (enum seg_verdict)estab_icmp_parse(&m, ip);

    if (v != SEG_CONTINUE)
        return v;
    if (ip->version == 6 && s->interface[ifindex].eth != NULL) {
        if (nd_is_type(m.type))
            return estab_nd_input(s, ip, ifindex, env->now);
        if (m.type == MLD_QUERY)
            return estab_group_input(s, ip, ifindex, env->now);
    }
    switch (m.kind) {
    case ICMP_ECHO_REQUEST:
        return answer_echo(s, &m, ip, ifindex, env);
    case ICMP_REDIRECT: /* of IPv4 */
        return ip->version == 4 ? estab_redirect_input(s, &m, ip, ifindex, env->now)
                                : SEG_DROP_ICMP_UNKNOWN;
    case ICMP_ECHO_REPLY:
        return estab_echo_input(s, &m, ip, ifindex, handle);
    case ICMP_SOURCE_QUENCH:
        return SEG_DROP_ICMP_SOURCE_QUENCH; /* (MUST-55) */
    case ICMP_NET_UNREACHABLE:
    case ICMP_HOST_UNREACHABLE:
    case ICMP_PROTO_UNREACHABLE:
    case ICMP_PORT_UNREACHABLE:
    case ICMP_ADMIN_PROHIBITED:
    case ICMP_PACKET_TOO_BIG:
    case ICMP_TIME_EXCEEDED:
    case ICMP_PARAMETER_PROBLEM:
        return give_error(s, &m, ip, ifindex, env);
    default:
        return SEG_DROP_ICMP_UNKNOWN;
    }
}

void
estab_icmp_unreachable(struct estab_stack *s, const struct ip_header *ip, const uint8_t *packet,
                       uint32_t packet_len, unsigned ifindex, struct tcp_env *env)
{
    bool port = ip->proto == IP_PROTO_UDP;

    if (!may_tell(s, ip, packet, packet_len, ifindex, false))
        return;
    /* RFC 1122 §3.2.2.1: code 2, protocol; or 3, port, for UDP that nobody has bound. */
    if (ip->version == 4)
        (void)tell(s, ip, packet, packet_len, ifindex, 3, port ? 3 : 2, 0, WHY_UNREACHABLE, env);
    else if (port) /* RFC 4443 §3.1 */
        (void)tell(s, ip, packet, packet_len, ifindex, 1, 4, 0, WHY_UNREACHABLE, env);
    else if (ip->proto != NO_NEXT_HEADER) /* RFC 4443 §3.4, with the octet that named it */
        (void)tell(s, ip, packet, packet_len, ifindex, 4, 1, ip->next_at, WHY_PARAMETER_PROBLEM,
                   env);
}

void
estab_icmp_problem(struct estab_stack *s, const struct ip_header *ip, const uint8_t *packet,
                   uint32_t packet_len, unsigned ifindex, struct tcp_env *env)
{
    if (may_tell(s, ip, packet, packet_len, ifindex, ip->problem_to_groups))
        (void)tell(s, ip, packet, packet_len, ifindex, 4, ip->problem_code, ip->problem_at,
                   WHY_PARAMETER_PROBLEM, env);
}

void
estab_icmp_late(struct estab_stack *s, const struct late_datagram *late, struct tcp_env *env)
{
    bool v4 = late->quote[0] >> 4 == 4;
    struct ip_header ip = {
        .version = v4 ? 4 : 6,
        .addr_len = v4 ? 4 : 16,
        .src = late->quote + (v4 ? 12 : 8),
        .dst = late->quote + (v4 ? 16 : 24),
    };

    if (may_tell(s, &ip, late->quote, late->quote_len, late->ifindex, false))
        (void)tell(s, &ip, late->quote, late->quote_len, late->ifindex, v4 ? 11 : 3, 1, 0,
                   WHY_TIME_EXCEEDED, env);
}
