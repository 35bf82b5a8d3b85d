/* SPDX-License-Identifier: MIT */
/* Neighbour discovery messages; see nd.h. Called from stack/nd.c. */
#include "wire/nd.h"

#include "base/bytes.h"
#include "wire/icmp.h"

#include <string.h>

enum {
    OPT_SOURCE = 1,
    OPT_TARGET = 2,
    OPT_PREFIX = 3,
    OPT_MTU = 5,
    OPT_RDNSS = 25,
    OPT_DNSSL = 31
};

static bool
is_multicast(const uint8_t *a)
{
    return a[0] == 0xff;
}

static bool
is_unspecified(const uint8_t *a)
{
    static const uint8_t zero[16];

    return memcmp(a, zero, 16) == 0;
}

static bool
is_link_local(const uint8_t *a)
{
    return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

static bool
is_solicited_node(const uint8_t *a)
{
    static const uint8_t start[13] = { 0xff, 2, [11] = 1, [12] = 0xff };

    return memcmp(a, start, 13) == 0;
}

static void
take_prefix(struct nd_message *m, const uint8_t *o)
{
    struct nd_prefix *p;

    if (m->prefixes == ND_PREFIXES_MAX || o[2] > 128)
        return;
    p = &m->prefix[m->prefixes++];
    *p = (struct nd_prefix){
        .prefix = o + 16,
        .len = o[2],
        .on_link = (o[3] & 0x80) != 0,
        .autonomous = (o[3] & 0x40) != 0,
        .valid = get_be32(o + 4),
        .preferred = get_be32(o + 8),
    };
}

/* The octets of the name at *at, with its root's zero; 0: padding from here on; -1: cut off, too
 * long, or compressed, which RFC 8106 §5.2 forbids. */
static int
name_length(const struct nd_dns *o, uint32_t at)
{
    uint32_t i = at;

    while (i < o->len && o->data[i] != 0) {
        if (o->data[i] > 63)
            return -1;
        i += 1u + o->data[i];
    }
    if (i >= o->len || i - at > 254)
        return -1;
    return i == at ? 0 : (int)(i + 1 - at);
}

/* RFC 8106 §5.3.1: one with a wrong length, or a broken name in it, is passed over. */
static void
take_dns(struct nd_message *m, const uint8_t *o, uint32_t n)
{
    struct nd_dns d = { .data = o + 8, .len = n - 8, .lifetime = get_be32(o + 4) };
    uint32_t at = 0;
    int len;

    if (o[0] == OPT_RDNSS) {
        if (n >= 24 && d.len % 16 == 0 && m->n_rdnss < ND_DNS_MAX)
            m->rdnss[m->n_rdnss++] = d;
        return;
    }
    while (at < d.len && (len = name_length(&d, at)) != 0) {
        if (len < 0)
            return;
        at += (uint32_t)len;
    }
    if (n >= 16 && m->n_dnssl < ND_DNS_MAX)
        m->dnssl[m->n_dnssl++] = d;
}

static bool
is_of_a_name(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* False: not a domain that is taken. */
static bool
domain_text(const uint8_t *name, int len, char text[ND_DOMAIN_TEXT])
{
    int i, label = 0;

    if (len - 1 > ND_DOMAIN_TEXT)
        return false;
    for (i = 0; i < len - 1; i++) {
        if (label == 0) {
            label = name[i];
            if (i > 0)
                text[i - 1] = '.';
            continue;
        }
        if (!is_of_a_name(name[i]))
            return false;
        text[i - 1] = (char)name[i];
        label--;
    }
    text[len - 2] = '\0';
    return true;
}

bool
estab_nd_next_domain(const struct nd_dns *o, uint32_t *at, char text[ND_DOMAIN_TEXT])
{
    while (*at < o->len) {
        const uint8_t *name = o->data + *at;
        int len = name_length(o, *at);

        if (len <= 0)
            return false;
        *at += (uint32_t)len;
        if (domain_text(name, len, text))
            return true;
    }
    return false;
}

/* RFC 4861 §4.6: an option's length counts 8 octets and is never 0, or the whole message goes; an
 * option of another kind or size than expected is passed over. */
static bool
take_options(struct nd_message *m, const uint8_t *o, uint32_t len)
{
    uint8_t link =
        m->type == ND_NEIGHBOUR_ADVERT || m->type == ND_REDIRECT ? OPT_TARGET : OPT_SOURCE;

    while (len > 0) {
        uint32_t n;

        if (len < 8)
            return false;
        n = o[1] * 8u;
        if (n == 0 || n > len)
            return false;
        if (o[0] == link && n == 8)
            m->link = o + 2;
        else if (m->type == ND_ROUTER_ADVERT && o[0] == OPT_PREFIX && n == 32)
            take_prefix(m, o);
        else if (m->type == ND_ROUTER_ADVERT && o[0] == OPT_MTU && n == 8)
            m->mtu = get_be32(o + 4);
        else if (m->type == ND_ROUTER_ADVERT && (o[0] == OPT_RDNSS || o[0] == OPT_DNSSL))
            take_dns(m, o, n);
        o += n;
        len -= n;
    }
    return true;
}

static void
take_router(struct nd_message *m, const uint8_t *p)
{
    static const int8_t preference[4] = { 0, 1, 0, -1 }; /* RFC 4191 §2.2: 2 is taken as 0 */

    m->hop_limit = p[4];
    m->managed = (p[5] & 0x80) != 0;
    m->other = (p[5] & 0x40) != 0;
    m->preference = preference[p[5] >> 3 & 3];
    m->router_lifetime = get_be16(p + 6);
    m->reachable_ms = get_be32(p + 8);
    m->retrans_ms = get_be32(p + 12);
}

/* The rules about addresses, of RFC 4861 §6.1.1, §6.1.2, §7.1.1, §7.1.2 and §8.1. */
static bool
addresses_are_good(const struct nd_message *m, const struct ip_header *ip)
{
    switch (m->type) {
    case ND_ROUTER_SOLICIT:
        return !is_unspecified(ip->src) || m->link == NULL;
    case ND_ROUTER_ADVERT:
        return is_link_local(ip->src);
    case ND_NEIGHBOUR_SOLICIT:
        if (is_multicast(m->target))
            return false;
        /* without a source: to a solicited-node group, and without a link-layer address */
        return !is_unspecified(ip->src) || (is_solicited_node(ip->dst) && m->link == NULL);
    case ND_NEIGHBOUR_ADVERT:
        return !is_multicast(m->target) && !(is_multicast(ip->dst) && m->solicited);
    default:
        return is_link_local(ip->src) && !is_multicast(m->dst) &&
               (is_link_local(m->target) || memcmp(m->target, m->dst, 16) == 0);
    }
}

enum estab_verdict
estab_nd_parse(struct nd_message *m, const struct ip_header *ip)
{
    static const uint8_t least[5] = { 8, 16, 24, 24, 40 };
    const uint8_t *p = ip->payload;
    uint32_t head;

    /* RFC 4861 §11.2: a packet from beyond a router cannot have 255 left. */
    if (ip->ttl != 255)
        return ESTAB_SEG_DROP_ND_HOP_LIMIT;
    *m = (struct nd_message){ 0 };
    if (ip->payload_len < 8 || !nd_is_type(p[0]) || p[1] != 0)
        return ESTAB_SEG_DROP_ND_MALFORMED;
    m->type = p[0];
    head = least[p[0] - ND_ROUTER_SOLICIT];
    if (ip->payload_len < head)
        return ESTAB_SEG_DROP_ND_MALFORMED;
    if (m->type == ND_ROUTER_ADVERT)
        take_router(m, p);
    else if (m->type != ND_ROUTER_SOLICIT)
        m->target = p + 8;
    if (m->type == ND_REDIRECT)
        m->dst = p + 24;
    if (m->type == ND_NEIGHBOUR_ADVERT) {
        m->router = (p[4] & 0x80) != 0;
        m->solicited = (p[4] & 0x40) != 0;
        m->override = (p[4] & 0x20) != 0;
    }
    if (!take_options(m, p + head, ip->payload_len - head) || !addresses_are_good(m, ip))
        return ESTAB_SEG_DROP_ND_MALFORMED;
    return ESTAB_SEG_NONE;
}

uint32_t
estab_nd_write(uint8_t *out, const struct nd_message *m, const uint8_t *src, const uint8_t *dst)
{
    uint8_t body[ND_MESSAGE_MAX];
    uint32_t len = 0, rest = 0;

    if (m->type != ND_ROUTER_SOLICIT) {
        memcpy(body, m->target, 16);
        len = 16;
    }
    if (m->type == ND_NEIGHBOUR_ADVERT)
        rest = (m->router ? 1u << 31 : 0) | (m->solicited ? 1u << 30 : 0) |
               (m->override ? 1u << 29 : 0);
    if (m->link != NULL) {
        body[len] = m->type == ND_NEIGHBOUR_ADVERT ? OPT_TARGET : OPT_SOURCE;
        body[len + 1] = 1;
        memcpy(body + len + 2, m->link, 6);
        len += 8;
    }
    return estab_icmp_write(out, 6, m->type, 0, rest, body, len, src, dst);
}

void
estab_nd_solicited_node(uint8_t group[16], const uint8_t addr[16])
{
    static const uint8_t start[13] = { 0xff, 2, [11] = 1, [12] = 0xff };

    memcpy(group, start, 13);
    memcpy(group + 13, addr + 13, 3);
}
