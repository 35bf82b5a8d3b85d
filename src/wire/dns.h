/* SPDX-License-Identifier: MIT */
/*
 * DNS messages (RFC 1035 §4, EDNS0 of RFC 6891): octets <-> structs. Pure; nothing a message says
 * is trusted: every name ends within 255 octets, a compression pointer only ever points back, and
 * every record lies within the message. Used by host/resolver.c.
 */
#ifndef WIRE_DNS_H
#define WIRE_DNS_H

#include "estab/resolver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    DNS_HEADER = 12,
    DNS_LABEL_MAX = 63,
    DNS_TEXT_MAX = 4 * 255 + 1, /* every octet escaped as \DDD */
    DNS_QUERY_MAX = DNS_HEADER + 255 + 4 + 11,
};

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_AAAA = 28,
    DNS_OPT = 41,
};

enum { DNS_CLASS_IN = 1 };

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
};

/* --- names --- */

/* "example.org" or "example.org.": letters, digits, '-' and '_' in labels of 1 to 63 octets. False:
 * not a name. "." is the root. */
bool estab_dns_name_parse(struct estab_name *name, const char *text);
/* Text without the last dot; what is no letter, digit, '-' or '_' is \DDD (RFC 1035 §5.1). */
char *estab_dns_name_format(const struct estab_name *name, char buf[DNS_TEXT_MAX]);
/* Letters of ASCII compare without case (RFC 1034 §3.1, RFC 4343). */
bool estab_dns_name_equal(const struct estab_name *a, const struct estab_name *b);
bool estab_dns_name_same_octets(const struct estab_name *a, const struct estab_name *b);
/* Is `name` at or below `zone`? */
bool estab_dns_name_is_under(const struct estab_name *name, const struct estab_name *zone);
/* Puts `tail` behind `name`; false: longer than 255 octets. */
bool estab_dns_name_append(struct estab_name *name, const struct estab_name *tail);

/* --- messages --- */

struct dns_header {
    uint16_t id;
    bool qr, aa, tc, rd, ra;
    uint8_t opcode, rcode;
    uint16_t counts[4]; /* questions, answers, authority, additional */
};

struct dns_question {
    struct estab_name name;
    uint16_t type, class;
};

struct dns_record {
    struct estab_name name;
    uint16_t type, class;
    uint32_t ttl;     /* RFC 2181 §8: above 2^31 - 1 it is 0; an OPT's is a code and flags */
    unsigned section; /* 1 answer, 2 authority, 3 additional */
    const uint8_t *data;
    uint16_t len;
    size_t at; /* of data in the message, for names in it */
};

/* Walks a message: the header, then each question, then each record. */
struct dns_reader {
    const uint8_t *message;
    size_t len, at;
    struct dns_header header;
    uint16_t left[4];
    bool bad; /* the message is cut off or malformed where the walk stopped */
};

/* False: shorter than a header. */
bool estab_dns_open(struct dns_reader *r, const uint8_t *message, size_t len);
/* False: no more, or `bad`. The questions come before the records. */
bool estab_dns_next_question(struct dns_reader *r, struct dns_question *q);
bool estab_dns_next_record(struct dns_reader *r, struct dns_record *record);
/* The name in the data of a CNAME or NS, which must fill it. */
bool estab_dns_record_name(const struct dns_reader *r, const struct dns_record *record,
                           struct estab_name *name);
/* The least of an SOA's TTL and its MINIMUM (RFC 2308 §5); false: not a whole SOA. */
bool estab_dns_soa_ttl(const struct dns_reader *r, const struct dns_record *record, uint32_t *ttl);
/* A or AAAA in class IN with the length it must have. */
bool estab_dns_record_addr(const struct dns_record *record, struct estab_addr *addr);

/* A query of one question with RD set; `udp_size` 0: without EDNS0. Returns its length, at most
 * DNS_QUERY_MAX. */
size_t estab_dns_write_query(uint8_t out[DNS_QUERY_MAX], uint16_t id, const struct estab_name *name,
                             uint16_t type, uint16_t udp_size);

#endif
