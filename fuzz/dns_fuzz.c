/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes DNS: the reader of messages on any octets, and the resolver with messages that have the
 * right ID and question, so that what follows them is looked at. First octet: bit 0 the family,
 * bit 1 over a stream, bit 2 without the right head; then the flags and counts, then the rest.
 */
#include "wire/dns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(cond)                                                                              \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void
check_name(const struct estab_name *name)
{
    struct estab_name again;
    char text[DNS_TEXT_MAX];

    REQUIRE(name->len >= 1 && name->octets[name->len - 1] == 0);
    estab_dns_name_format(name, text);
    REQUIRE(strlen(text) < sizeof text);
    REQUIRE(estab_dns_name_equal(name, name) && estab_dns_name_is_under(name, name));
    if (strchr(text, '\\') == NULL)
        REQUIRE(estab_dns_name_parse(&again, text) && estab_dns_name_same_octets(name, &again));
}

static void
check_reader(const uint8_t *data, size_t size)
{
    struct dns_reader r;
    struct dns_question q;
    struct dns_record record;
    struct estab_name name;
    struct estab_addr addr;
    uint32_t ttl;
    unsigned n = 0;

    if (!estab_dns_open(&r, data, size))
        return;
    while (estab_dns_next_question(&r, &q))
        check_name(&q.name);
    while (n++ < 1000 && estab_dns_next_record(&r, &record)) {
        check_name(&record.name);
        REQUIRE(record.data >= data && record.data + record.len <= data + size);
        if (estab_dns_record_name(&r, &record, &name))
            check_name(&name);
        (void)estab_dns_record_addr(&record, &addr);
        (void)estab_dns_soa_ttl(&r, &record, &ttl);
    }
    REQUIRE(r.at <= r.len);
}

static void
check_resolver(const uint8_t *data, size_t size)
{
    static struct estab_resolver r;
    static uint8_t packet[2 + 65536];
    struct estab_resolver_config cfg;
    struct estab_resolver_message out;
    struct estab_answer answer;
    estab_time now = 0;
    uint32_t query;
    unsigned how = data[0], answers = 0;

    estab_resolver_config_init(&cfg);
    cfg.secret[0] = 1;
    cfg.n_servers = 2;
    cfg.servers[0] = (struct estab_endpoint){ estab_addr_v4(192, 0, 2, 1), 53 };
    cfg.servers[1] = (struct estab_endpoint){ estab_addr_v4(192, 0, 2, 2), 53 };
    REQUIRE(estab_resolver_init(&r, &cfg) == 0);
    REQUIRE(estab_resolver_ask(&r, "a", how & 1 ? ESTAB_INET6 : ESTAB_INET, &query, now) == 0);
    for (unsigned turn = 0; turn < 200; turn++) {
        bool stream = false;
        size_t head, len;

        if (!estab_resolver_next_datagram(&r, &out, now)) {
            stream = estab_resolver_next_stream(&r, &out, now);
            if (!stream)
                break;
        }
        REQUIRE(out.len <= sizeof out.octets);
        head = (stream ? 2u : 0u) + DNS_HEADER;
        while (out.octets[head] != 0)
            head += 1u + out.octets[head];
        head += 5;
        len = head + (size > 11 ? size - 11 : 0);
        memcpy(packet, out.octets, head);
        if (size >= 11) {
            memcpy(packet + (stream ? 4 : 2), data + 1, (how & 4) != 0 ? 10 : 2);
            if ((how & 4) == 0) {
                packet[stream ? 4 : 2] |= 0x80;
                memcpy(packet + (stream ? 8 : 6), data + 5, 6);
            }
            memcpy(packet + head, data + 11, size - 11);
        }
        if (stream) {
            packet[0] = (uint8_t)((len - 2) >> 8);
            packet[1] = (uint8_t)(len - 2);
            (void)estab_resolver_stream(&r, out.query, packet, len, now);
        } else {
            (void)estab_resolver_datagram(&r, out.local_port, &out.to, packet, len, now);
        }
        if (estab_resolver_deadline(&r) != ESTAB_NEVER && turn % 2 == 1) {
            now = estab_resolver_deadline(&r);
            estab_resolver_timeouts(&r, now);
        }
    }
    for (unsigned i = 0; i < 200 && estab_resolver_deadline(&r) != ESTAB_NEVER; i++) {
        now = estab_resolver_deadline(&r);
        estab_resolver_timeouts(&r, now);
        while (estab_resolver_next_datagram(&r, &out, now) ||
               estab_resolver_next_stream(&r, &out, now))
            ;
    }
    while (estab_resolver_next_answer(&r, &answer)) {
        REQUIRE(answer.query == query && answer.n <= ESTAB_RESOLVER_ADDRS);
        REQUIRE((answer.kind == ESTAB_ANSWER_ADDRS) == (answer.n > 0));
        answers++;
    }
    REQUIRE(answers == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 60000)
        return 0;
    check_reader(data, size);
    check_resolver(data, size);
    return 0;
}
