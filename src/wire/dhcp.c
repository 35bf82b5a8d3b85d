/* SPDX-License-Identifier: MIT */
/* DHCPv4 messages; see dhcp.h. */
#include "wire/dhcp.h"

#include "base/bytes.h"

#include <string.h>

#define MAGIC 0x63825363u /* RFC 2131 §3 */

/* Options by the numbers of RFC 2132, RFC 3442 and RFC 2131 §9.3. */
enum {
    OPT_PAD = 0,
    OPT_MASK = 1,
    OPT_ROUTER = 3,
    OPT_DNS = 6,
    OPT_HOSTNAME = 12,
    OPT_DOMAIN = 15,
    OPT_MTU = 26,
    OPT_REQUESTED = 50,
    OPT_LEASE = 51,
    OPT_OVERLOAD = 52,
    OPT_TYPE = 53,
    OPT_SERVER = 54,
    OPT_WANTED_LIST = 55,
    OPT_LARGEST = 57,
    OPT_T1 = 58,
    OPT_T2 = 59,
    OPT_CLIENT = 61,
    OPT_CLASSLESS = 121,
    OPT_END = 255,
};

/* Where options may stand: their own field, and "file" and "sname" when option 52 says so. */
struct areas {
    const uint8_t *at[3];
    size_t len[3];
    unsigned n;
};

/* The next option of an area; false at its end, or with `bad`. */
static bool
next_option(const uint8_t *area, size_t len, size_t *at, uint8_t *code, const uint8_t **data,
            uint8_t *n, bool *bad)
{
    while (*at < len && area[*at] == OPT_PAD)
        (*at)++;
    if (*at == len || area[*at] == OPT_END)
        return false;
    if (len - *at < 2 || len - *at - 2 < area[*at + 1]) {
        *bad = true;
        return false;
    }
    *code = area[*at];
    *n = area[*at + 1];
    *data = area + *at + 2;
    *at += 2u + *n;
    return true;
}

/* Finds the areas and sees that every option in them is whole. */
static bool
find_areas(struct areas *areas, const uint8_t *data, size_t len)
{
    uint8_t code, n, overload = 0;
    const uint8_t *value;
    size_t at = 0;
    bool bad = false;

    *areas = (struct areas){ { data + DHCP_OPTIONS_AT }, { len - DHCP_OPTIONS_AT }, 1 };
    while (next_option(areas->at[0], areas->len[0], &at, &code, &value, &n, &bad))
        if (code == OPT_OVERLOAD) {
            if (n != 1 || value[0] == 0 || value[0] > 3)
                return false;
            overload = value[0];
        }
    /* RFC 3396 §5: options, then file, then sname. */
    if ((overload & 1) != 0) {
        areas->at[areas->n] = data + 108;
        areas->len[areas->n++] = 128;
    }
    if ((overload & 2) != 0) {
        areas->at[areas->n] = data + 44;
        areas->len[areas->n++] = 64;
    }
    for (unsigned i = 1; i < areas->n; i++) {
        at = 0;
        while (next_option(areas->at[i], areas->len[i], &at, &code, &value, &n, &bad))
            ;
    }
    return !bad;
}

/* RFC 3396 §5: the parts of an option that stands several times are one. Returns its length; what
 * does not fit is left out, so that a cut shows as a wrong length or as fewer entries. */
static size_t
collect(const struct areas *areas, unsigned wanted, uint8_t *out, size_t cap, bool *there)
{
    size_t used = 0;

    *there = false;
    for (unsigned i = 0; i < areas->n; i++) {
        const uint8_t *value;
        uint8_t code, n;
        size_t at = 0;
        bool bad = false;

        while (next_option(areas->at[i], areas->len[i], &at, &code, &value, &n, &bad)) {
            if (code != wanted)
                continue;
            *there = true;
            for (unsigned j = 0; j < n && used < cap; j++)
                out[used++] = value[j];
        }
    }
    return used;
}

/* An option of exactly `len` octets; `there` tells whether it is. False: another length. */
static bool
fixed(const struct areas *areas, unsigned code, uint8_t *out, size_t len, bool *there)
{
    uint8_t octets[8];
    size_t n = collect(areas, code, octets, sizeof octets, there);

    if (*there && n != len)
        return false;
    memcpy(out, octets, *there ? len : 0);
    return true;
}

static struct estab_addr
addr_at(const uint8_t *p)
{
    return estab_addr_v4(p[0], p[1], p[2], p[3]);
}

static bool
take_addr(const struct areas *areas, unsigned code, struct estab_addr *out)
{
    uint8_t octets[4];
    bool there;

    if (!fixed(areas, code, octets, 4, &there))
        return false;
    if (there)
        *out = addr_at(octets);
    return true;
}

static bool
take_seconds(const struct areas *areas, unsigned code, uint32_t *out, bool *there)
{
    uint8_t octets[4];

    if (!fixed(areas, code, octets, 4, there))
        return false;
    if (*there)
        *out = get_be32(octets);
    return true;
}

/* RFC 3442: width, as many octets of the prefix as it needs, router. */
static bool
take_classless(struct dhcp_message *m, const uint8_t *p, size_t len)
{
    for (size_t at = 0; at < len;) {
        struct estab_dhcp_route route = { .len = p[at] };
        size_t octets = (p[at] + 7u) / 8;

        if (route.len > 32 || len - at - 1 < octets + 4)
            return false;
        route.prefix.family = ESTAB_INET;
        memcpy(route.prefix.bytes, p + at + 1, octets);
        /* Bits beyond the prefix mean nothing. */
        if (route.len % 8 != 0)
            route.prefix.bytes[octets - 1] &= (uint8_t)(0xff00u >> route.len % 8);
        route.gateway = addr_at(p + at + 1 + octets);
        at += 1 + octets + 4;
        if (m->n_routes < ESTAB_DHCP_ROUTES)
            m->routes[m->n_routes++] = route;
    }
    return true;
}

static bool
take_routes(struct dhcp_message *m, const struct areas *areas)
{
    uint8_t octets[1024];
    bool there;
    size_t len = collect(areas, OPT_CLASSLESS, octets, sizeof octets, &there);

    if (there) /* RFC 3442: then the router option is ignored */
        return len >= 5 && take_classless(m, octets, len);
    len = collect(areas, OPT_ROUTER, octets, sizeof octets, &there);
    if (!there)
        return true;
    if (len == 0 || len % 4 != 0)
        return false;
    m->routes[0] =
        (struct estab_dhcp_route){ .prefix = { .family = ESTAB_INET }, .gateway = addr_at(octets) };
    m->n_routes = 1;
    return true;
}

static bool
take_dns(struct dhcp_message *m, const struct areas *areas)
{
    uint8_t octets[256];
    bool there;
    size_t len = collect(areas, OPT_DNS, octets, sizeof octets, &there);

    if (there && (len == 0 || len % 4 != 0))
        return false;
    for (size_t i = 0; i < len / 4 && m->n_dns < ESTAB_DHCP_DNS; i++)
        m->dns[m->n_dns++] = addr_at(octets + 4 * i);
    return true;
}

/* A name goes into files and onto terminals: with anything else in it, it is not taken. */
static void
take_name(struct dhcp_message *m, const struct areas *areas, unsigned code)
{
    uint8_t octets[256];
    bool there;
    size_t len = collect(areas, code, octets, sizeof octets, &there);

    while (len > 0 && octets[len - 1] == 0) /* RFC 2132 §2: perhaps with a zero at its end */
        len--;
    if (len >= sizeof m->name)
        return;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = octets[i] | 0x20;

        if (!(c >= 'a' && c <= 'z') && !(octets[i] >= '0' && octets[i] <= '9') &&
            octets[i] != '-' && octets[i] != '_' && octets[i] != '.')
            return;
    }
    memcpy(m->name, octets, len);
    m->name[len] = '\0';
}

unsigned
estab_dhcp_parse(struct dhcp_message *m, const uint8_t *data, size_t len)
{
    struct areas areas;
    uint8_t octets[4];
    bool there;

    memset(m, 0, sizeof *m);
    if (len < DHCP_FIXED || get_be32(data + 236) != MAGIC)
        return ESTAB_DHCP_DROP_SHORT;
    m->op = data[0];
    m->hardware_type = data[1];
    m->hardware_len = data[2];
    m->xid = get_be32(data + 4);
    m->secs = get_be16(data + 8);
    m->broadcast = (data[10] & 0x80) != 0;
    if (get_be32(data + 12) != 0)
        m->client = addr_at(data + 12);
    if (get_be32(data + 16) != 0)
        m->your = addr_at(data + 16);
    memcpy(m->hardware, data + 28, 16);
    if (m->hardware_len > 16 || !find_areas(&areas, data, len) ||
        !fixed(&areas, OPT_TYPE, &m->type, 1, &there) || !there ||
        !take_addr(&areas, OPT_SERVER, &m->server) ||
        !take_addr(&areas, OPT_REQUESTED, &m->requested) ||
        !take_seconds(&areas, OPT_LEASE, &m->lease, &m->has_lease) ||
        !take_seconds(&areas, OPT_T1, &m->t1, &m->has_t1) ||
        !take_seconds(&areas, OPT_T2, &m->t2, &m->has_t2) ||
        !fixed(&areas, OPT_MASK, m->mask, 4, &m->has_mask) ||
        !fixed(&areas, OPT_MTU, octets, 2, &there) || !take_dns(m, &areas) ||
        !take_routes(m, &areas))
        return ESTAB_DHCP_DROP_OPTIONS;
    /* Differs from RFC 2132 §5.1: an MTU from 68 to 575 is legal, but no link has it, and it would
     * let any neighbour make us send hundreds of tiny packets. */
    if (there && get_be16(octets) >= 576)
        m->mtu = get_be16(octets);
    take_name(m, &areas, m->op == 1 ? OPT_HOSTNAME : OPT_DOMAIN);
    return ESTAB_DHCP_VERDICT_COUNT;
}

/* --- out --- */

static uint8_t *
put_option(uint8_t *p, uint8_t code, const void *data, size_t len)
{
    p[0] = code;
    p[1] = (uint8_t)len;
    memcpy(p + 2, data, len);
    return p + 2 + len;
}

uint16_t
estab_dhcp_write(uint8_t out[ESTAB_DHCP_MESSAGE], const struct dhcp_message *m)
{
    /* RFC 3442: classless routes before the router. */
    static const uint8_t wanted[] = { OPT_MASK, OPT_CLASSLESS, OPT_ROUTER, OPT_DNS, OPT_DOMAIN,
                                      OPT_MTU,  OPT_LEASE,     OPT_T1,     OPT_T2 };
    uint8_t id[17], largest[2], *p = out + DHCP_OPTIONS_AT;

    memset(out, 0, ESTAB_DHCP_MESSAGE);
    out[0] = 1;
    out[1] = m->hardware_type;
    out[2] = m->hardware_len;
    put_be32(out + 4, m->xid);
    put_be16(out + 8, m->secs);
    out[10] = m->broadcast ? 0x80 : 0;
    memcpy(out + 12, m->client.bytes, 4);
    memcpy(out + 28, m->hardware, m->hardware_len);
    put_be32(out + 236, MAGIC);

    p = put_option(p, OPT_TYPE, &m->type, 1);
    id[0] = m->hardware_type; /* RFC 2132 §9.14 */
    memcpy(id + 1, m->hardware, m->hardware_len);
    p = put_option(p, OPT_CLIENT, id, 1u + m->hardware_len);
    if (m->requested.family != 0)
        p = put_option(p, OPT_REQUESTED, m->requested.bytes, 4);
    if (m->server.family != 0)
        p = put_option(p, OPT_SERVER, m->server.bytes, 4);
    if (m->type == DHCP_DISCOVER || m->type == DHCP_REQUEST) {
        put_be16(largest, DHCP_TAKES);
        p = put_option(p, OPT_LARGEST, largest, 2);
        p = put_option(p, OPT_WANTED_LIST, wanted, sizeof wanted);
        if (m->name[0] != '\0')
            p = put_option(p, OPT_HOSTNAME, m->name, strlen(m->name));
    }
    *p++ = OPT_END;
    return (uint16_t)(p - out < DHCP_LEAST ? DHCP_LEAST : p - out);
}
