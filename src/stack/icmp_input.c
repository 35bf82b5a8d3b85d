/* SPDX-License-Identifier: MIT */
/*
 * ICMP and ICMPv6 of the host (RFC 792, RFC 4443, RFC 1122 §3.2.2): echo is answered, errors go
 * to the connection they quote (RFC 9293 §3.9.2.2), a protocol nobody speaks draws an
 * unreachable. All answers share one rate limit. Called from input.c.
 */
#include "stack/internal.h"

#include "base/bytes.h"
#include "tcp/internal.h"
#include "wire/icmp.h"

#include <string.h>

static bool
reply(struct estab_stack *s, const struct ip_header *ip, unsigned ifindex, uint8_t type,
      uint8_t code, uint32_t rest, const uint8_t *body, uint32_t body_len, enum send_reason reason)
{
    uint32_t ip_len = ip->addr_len == 4 ? 20 : 40, len;
    uint8_t *out = s->scratch + LOOPBACK_MTU;

    if (ip_len + 8 + body_len > s->interface[ifindex].link.mtu ||
        ip_len + 8 + body_len > LOOPBACK_MTU)
        return false;
    len = estab_icmp_write(out + ip_len, ip->version, type, code, rest, body, body_len, ip->dst,
                           ip->src);
    (void)estab_ip_write(out, ip->version, ip->version == 4 ? IP_PROTO_ICMP : IP_PROTO_ICMPV6,
                         s->cfg.tcp.ttl, 0, ip->dst, ip->src, 0, len);
    return estab_reply_packet(s, ifindex, out, ip_len + len, reason, TCPS_CLOSED);
}

/* RFC 1122 §3.2.2.6: all data of the request comes back; RFC 4443 §4.2. */
static enum seg_verdict
answer_echo(struct estab_stack *s, const struct icmp_message *m, const struct ip_header *ip,
            unsigned ifindex, struct tcp_env *env)
{
    if (m->body_len < 4)
        return SEG_DROP_ICMP_MALFORMED;
    if (!rate_allows(&s->icmp_rate, s->cfg.icmp_per_second, env->now))
        return SEG_DROP_RATE_LIMIT;
    if (!reply(s, ip, ifindex, ip->version == 4 ? 0 : 129, 0, get_be32(m->body), m->body + 4,
               m->body_len - 4, WHY_ECHO_REPLY))
        return SEG_DROP_ANSWER_TOO_LARGE;
    return SEG_ACCEPTED_ECHO;
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

static enum seg_verdict
give_error(struct estab_stack *s, const struct icmp_message *m, unsigned version,
           struct tcp_env *env)
{
    struct icmp_quote q;
    struct names names;
    struct conn *c;
    enum seg_verdict v;
    uint32_t ref;
    bool hard;
    enum estab_err err = error_of(m->kind, &hard);

    /* MUST-54: the quoted header names the connection, and it must quote what is in flight. */
    if (!estab_icmp_quote(&q, m, version))
        return SEG_DROP_ICMP_UNRELATED;
    if (q.proto == IP_PROTO_UDP)
        return estab_udp_icmp_error(s, m, &q, err);
    if (!q.has_seq)
        return SEG_DROP_ICMP_UNRELATED;
    memset(&names, 0, sizeof(names));
    memcpy(names.addr, q.src, q.addr_len);
    memcpy(names.addr + q.addr_len, q.dst, q.addr_len);
    put_be16(names.ports, q.src_port);
    put_be16(names.ports + 2, q.dst_port);
    ref = estab_demux_find(&s->demux, &names, q.addr_len,
                           estab_demux_hash(&s->demux, &names, q.addr_len));
    c = ref != 0 ? estab_conn_at(s, ref) : NULL;
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
                 struct tcp_env *env)
{
    struct icmp_message m;
    enum seg_verdict v = (enum seg_verdict)estab_icmp_parse(&m, ip);

    if (v != SEG_CONTINUE)
        return v;
    switch (m.kind) {
    case ICMP_ECHO_REQUEST:
        return answer_echo(s, &m, ip, ifindex, env);
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
        return give_error(s, &m, ip->version, env);
    default:
        return SEG_DROP_ICMP_UNKNOWN;
    }
}

void
estab_icmp_unreachable(struct estab_stack *s, const struct ip_header *ip, const uint8_t *packet,
                       uint32_t packet_len, unsigned ifindex, struct tcp_env *env)
{
    /* RFC 1122 §3.2.2.1: code 2, protocol; or 3, port, for UDP that nobody has bound. RFC 4443
     * §3.4, §3.1: parameter problem 1 (unknown next header), or unreachable 4 (port). The quote is as much as a
     * minimum packet holds. */
    uint32_t most = ip->version == 4 ? 576 - 28 : 1280 - 48;
    bool port = ip->proto == IP_PROTO_UDP;
    uint8_t type, code;

    if (ip->proto == IP_PROTO_ICMP || ip->proto == IP_PROTO_ICMPV6)
        return; /* never an error about an error */
    if (!rate_allows(&s->icmp_rate, s->cfg.icmp_per_second, env->now))
        return;
    if (ip->version == 4) {
        type = 3;
        code = port ? 3 : 2;
    } else {
        type = port ? 1 : 4;
        code = port ? 4 : 1;
    }
    (void)reply(s, ip, ifindex, type, code, type == 4 && ip->version == 6 ? 6u : 0u, packet,
                packet_len < most ? packet_len : most, WHY_UNREACHABLE);
}
