/* SPDX-License-Identifier: MIT */
/* DNS messages; see dns.h. RFC 1035 §3.1, §4.1; RFC 2181 §8; RFC 2308 §5; RFC 6891 §6.1. */
#include "wire/dns.h"

#include "base/bytes.h"

#include <string.h>

/* --- names --- */

static uint8_t
lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool
is_plain(uint8_t c)
{
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool
estab_dns_name_parse(struct estab_name *name, const char *text)
{
    size_t at = 0;

    memset(name, 0, sizeof *name);
    if (strcmp(text, ".") == 0) {
        name->len = 1;
        return true;
    }
    if (*text == '\0')
        return false;
    while (*text != '\0') {
        size_t n = 0;

        while (text[n] != '\0' && text[n] != '.') {
            if (!is_plain((uint8_t)text[n]) || n == DNS_LABEL_MAX)
                return false;
            n++;
        }
        /* RFC 1035 §2.3.4: 255 octets with the lengths and the root. */
        if (n == 0 || at + 1 + n + 1 > ESTAB_NAME_MAX)
            return false;
        name->octets[at] = (uint8_t)n;
        memcpy(name->octets + at + 1, text, n);
        at += 1 + n;
        text += n;
        if (*text == '.')
            text++;
    }
    name->len = (uint8_t)(at + 1); /* the root is a zero that is there already */
    return true;
}

char *
estab_dns_name_format(const struct estab_name *name, char buf[DNS_TEXT_MAX])
{
    char *to = buf;

    for (size_t at = 0; at < name->len && name->octets[at] != 0; at += 1u + name->octets[at]) {
        if (to != buf)
            *to++ = '.';
        for (size_t i = 1; i <= name->octets[at]; i++) {
            uint8_t c = name->octets[at + i];

            if (is_plain(c)) {
                *to++ = (char)c;
                continue;
            }
            *to++ = '\\';
            *to++ = (char)('0' + c / 100);
            *to++ = (char)('0' + c / 10 % 10);
            *to++ = (char)('0' + c % 10);
        }
    }
    if (to == buf)
        *to++ = '.';
    *to = '\0';
    return buf;
}

/* Lengths are below 64, so that folding them as letters changes nothing. */
static bool
equal_octets(const uint8_t *a, const uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool
estab_dns_name_equal(const struct estab_name *a, const struct estab_name *b)
{
    return a->len == b->len && equal_octets(a->octets, b->octets, a->len);
}

bool
estab_dns_name_same_octets(const struct estab_name *a, const struct estab_name *b)
{
    return a->len == b->len && memcmp(a->octets, b->octets, a->len) == 0;
}

bool
estab_dns_name_is_under(const struct estab_name *name, const struct estab_name *zone)
{
    size_t at = 0;

    /* Only where a label begins: "notexample.org" is not under "example.org". */
    while (name->len - at > zone->len)
        at += 1u + name->octets[at];
    return name->len - at == zone->len && equal_octets(name->octets + at, zone->octets, zone->len);
}

bool
estab_dns_name_append(struct estab_name *name, const struct estab_name *tail)
{
    size_t at = name->len == 0 ? 0 : name->len - 1u;

    if (at + tail->len > ESTAB_NAME_MAX)
        return false;
    memcpy(name->octets + at, tail->octets, tail->len);
    name->len = (uint8_t)(at + tail->len);
    return true;
}

/*
 * Reads the name at `*at` and moves `*at` behind it. RFC 1035 §4.1.4: a pointer names a prior
 * occurrence. So each one must point before the labels it was met in, which ends every walk:
 * a pointer to itself, or two to each other, are malformed.
 */
static bool
read_name(const uint8_t *message, size_t len, size_t *at, struct estab_name *name)
{
    size_t from = *at, start = *at, used = 0;
    unsigned jumps = 0;

    memset(name, 0, sizeof *name);
    for (;;) {
        uint8_t n;

        if (from >= len)
            return false;
        n = message[from];
        if (n >= 0xc0) {
            size_t to;

            if (from + 2 > len)
                return false;
            to = (size_t)get_be16(message + from) & 0x3fff;
            if (jumps == 0)
                *at = from + 2;
            /* A name has at most 127 labels; pointers to pointers only cost time. */
            if (to >= start || to < DNS_HEADER || ++jumps > 127)
                return false;
            from = start = to;
            continue;
        }
        /* 01 and 10 in the first two bits are no labels that anybody uses (RFC 6891 §5). */
        if (n > DNS_LABEL_MAX || from + 1 + n > len || used + 1 + n > ESTAB_NAME_MAX)
            return false;
        memcpy(name->octets + used, message + from, 1u + n);
        used += 1u + n;
        from += 1u + n;
        if (n == 0)
            break;
    }
    name->len = (uint8_t)used;
    if (jumps == 0)
        *at = from;
    return true;
}

/* --- messages --- */

bool
estab_dns_open(struct dns_reader *r, const uint8_t *message, size_t len)
{
    struct dns_header *h = &r->header;

    memset(r, 0, sizeof *r);
    if (len < DNS_HEADER)
        return false;
    r->message = message;
    r->len = len;
    r->at = DNS_HEADER;
    h->id = get_be16(message);
    h->qr = (message[2] & 0x80) != 0;
    h->opcode = message[2] >> 3 & 15;
    h->aa = (message[2] & 4) != 0;
    h->tc = (message[2] & 2) != 0;
    h->rd = (message[2] & 1) != 0;
    h->ra = (message[3] & 0x80) != 0;
    h->rcode = message[3] & 15;
    for (unsigned i = 0; i < 4; i++)
        r->left[i] = h->counts[i] = get_be16(message + 4 + 2 * i);
    return true;
}

bool
estab_dns_next_question(struct dns_reader *r, struct dns_question *q)
{
    if (r->bad || r->left[0] == 0)
        return false;
    if (!read_name(r->message, r->len, &r->at, &q->name) || r->len - r->at < 4) {
        r->bad = true;
        return false;
    }
    q->type = get_be16(r->message + r->at);
    q->class = get_be16(r->message + r->at + 2);
    r->at += 4;
    r->left[0]--;
    return true;
}

bool
estab_dns_next_record(struct dns_reader *r, struct dns_record *record)
{
    const uint8_t *p;
    unsigned section = 1;

    if (r->bad || r->left[0] != 0)
        return false;
    while (section < 4 && r->left[section] == 0)
        section++;
    if (section == 4)
        return false;
    r->bad = true;
    if (!read_name(r->message, r->len, &r->at, &record->name) || r->len - r->at < 10)
        return false;
    p = r->message + r->at;
    record->type = get_be16(p);
    record->class = get_be16(p + 2);
    record->ttl = get_be32(p + 4);
    if (record->ttl > INT32_MAX && record->type != DNS_OPT)
        record->ttl = 0;
    record->len = get_be16(p + 8);
    record->section = section;
    r->at += 10;
    if (r->len - r->at < record->len)
        return false;
    record->data = r->message + r->at;
    record->at = r->at;
    r->at += record->len;
    r->left[section]--;
    r->bad = false;
    return true;
}

bool
estab_dns_record_name(const struct dns_reader *r, const struct dns_record *record,
                      struct estab_name *name)
{
    size_t at = record->at;

    return read_name(r->message, record->at + record->len, &at, name) &&
           at == record->at + record->len;
}

bool
estab_dns_soa_ttl(const struct dns_reader *r, const struct dns_record *record, uint32_t *ttl)
{
    struct estab_name skipped;
    size_t at = record->at, end = record->at + record->len;
    uint32_t minimum;

    if (record->type != DNS_SOA || record->class != DNS_CLASS_IN ||
        !read_name(r->message, end, &at, &skipped) || !read_name(r->message, end, &at, &skipped) ||
        end - at != 20)
        return false;
    minimum = get_be32(r->message + at + 16);
    if (minimum > INT32_MAX)
        minimum = 0;
    *ttl = minimum < record->ttl ? minimum : record->ttl;
    return true;
}

bool
estab_dns_record_addr(const struct dns_record *record, struct estab_addr *addr)
{
    bool v4 = record->type == DNS_A && record->len == 4;
    bool v6 = record->type == DNS_AAAA && record->len == 16;

    if (record->class != DNS_CLASS_IN || (!v4 && !v6))
        return false;
    memset(addr, 0, sizeof *addr);
    addr->family = v4 ? ESTAB_INET : ESTAB_INET6;
    memcpy(addr->bytes, record->data, record->len);
    return true;
}

size_t
estab_dns_write_query(uint8_t out[DNS_QUERY_MAX], uint16_t id, const struct estab_name *name,
                      uint16_t type, uint16_t udp_size)
{
    uint8_t *p = out;

    memset(p, 0, DNS_HEADER);
    put_be16(p, id);
    p[2] = 1; /* RD */
    p[5] = 1; /* one question */
    p[11] = udp_size != 0 ? 1 : 0;
    p += DNS_HEADER;
    memcpy(p, name->octets, name->len);
    p += name->len;
    put_be16(p, type);
    put_be16(p + 2, DNS_CLASS_IN);
    p += 4;
    if (udp_size != 0) {
        /* RFC 6891 §6.1.2: the root, OPT, what we take in one datagram, version 0, no options. */
        memset(p, 0, 11);
        put_be16(p + 1, DNS_OPT);
        put_be16(p + 3, udp_size);
        p += 11;
    }
    return (size_t)(p - out);
}
