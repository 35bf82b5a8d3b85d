/* SPDX-License-Identifier: MIT */
/*
 * Fuzzes DHCP: the parsers on any octets, as a message, in a packet and in a frame, and the client in
 * each of its states with messages whose head is right. First octet: how far the client has come; then
 * the type, then options.
 */
#include "base/bytes.h"
#include "wire/dhcp.h"
#include "wire/ethernet.h"
#include "wire/udp.h"

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
check_message(const uint8_t *data, size_t size)
{
    struct dhcp_message m;

    if (estab_dhcp_parse(&m, data, size) != ESTAB_DHCP_VERDICT_COUNT)
        return;
    REQUIRE(m.n_dns <= ESTAB_DHCP_DNS && m.n_routes <= ESTAB_DHCP_ROUTES);
    REQUIRE(memchr(m.name, 0, sizeof m.name) != NULL);
    REQUIRE(m.mtu == 0 || m.mtu >= 576);
    for (unsigned i = 0; i < m.n_routes; i++)
        REQUIRE(m.routes[i].len <= 32);
}

/* What is found lies within what was looked at. */
static void
check_found(const uint8_t *frame, size_t size)
{
    uint8_t own[6], from[6];
    const uint8_t *m;
    size_t len;

    m = estab_dhcp_read_ip(frame, size, &len);
    REQUIRE(m == NULL || (m >= frame + 28 && len <= size && m + len <= frame + size));
    if (size < 6)
        return;
    memcpy(own, frame, 6);
    m = estab_dhcp_read_frame(frame, size, own, 0, size % 2 == 0, from, &len);
    REQUIRE(m == NULL || (m >= frame + 42 && len <= size && m + len <= frame + size));
    REQUIRE(m == NULL || memcmp(from, frame + 6, 6) == 0);
}

/* The input as it comes; and in a frame that is right but for one octet: where, and what. */
static void
check_frame(const uint8_t *data, size_t size)
{
    static const uint8_t they[6] = { 2, 1 }, we[6] = { 2, 2 }, src[4] = { 192, 0, 2, 1 },
                         dst[4] = { 192, 0, 2, 50 };
    uint32_t len = size > 1400 ? 1400 : (uint32_t)size, at;
    uint8_t *frame = malloc(14 + 28 + len), from[6];
    const uint8_t *m;
    size_t got;

    REQUIRE(frame != NULL);
    check_found(data, size);
    at = estab_ether_write(frame, we, they, 0, ETHER_IPV4);
    at += estab_ip_write(frame + at, 4, IP_PROTO_UDP, 64, 0, src, dst, 0, UDP_HEADER + len);
    estab_udp_write(frame + at, 67, 68, src, dst, 4, data, len);
    memcpy(frame + at + UDP_HEADER, data, len);
    m = estab_dhcp_read_frame(frame, 42 + len, we, 0, false, from, &got);
    REQUIRE(m == frame + 42 && got == len);
    frame[data[0] % 42] ^= data[size - 1];
    check_found(frame, 42 + len);
    check_found(frame, (42 + len) / 2);
    free(frame);
}

/* A reply to the client's last message: fixed fields, yiaddr 192.0.2.50, then `options`. */
static size_t
make_reply(uint8_t *out, const struct estab_dhcp *c, const uint8_t *options, size_t len)
{
    memset(out, 0, DHCP_FIXED);
    out[0] = 2;
    out[1] = 1;
    out[2] = 6;
    put_be32(out + 4, c->xid);
    put_be32(out + 16, 0xc0000232);
    memcpy(out + 28, c->cfg.hardware, 6);
    put_be32(out + 236, 0x63825363);
    memcpy(out + DHCP_FIXED, options, len);
    return DHCP_FIXED + len;
}

static void
check_client(const uint8_t *data, size_t size)
{
    static uint8_t packet[DHCP_FIXED + 65536];
    static const uint8_t offer[] = { 53, 1, 2, 54, 4, 192, 0, 2, 1, 51, 4, 0, 0, 2, 0, 255 };
    uint8_t ack[sizeof offer];
    struct estab_dhcp_config cfg = { .secret = { 1 }, .hardware_type = 1, .hardware_len = 6 };
    struct estab_dhcp c;
    struct estab_dhcp_packet out;
    estab_time now = ESTAB_SEC(1);
    unsigned far = data[0] % 8;

    memcpy(ack, offer, sizeof ack);
    ack[2] = DHCP_ACK;
    cfg.probe = (data[0] & 8) != 0;
    cfg.hardware[5] = 1;
    if (far == 7)
        cfg.last = estab_addr_v4(192, 0, 2, 50);
    REQUIRE(estab_dhcp_init(&c, &cfg) == 0);
    estab_dhcp_start(&c, now);
    for (unsigned turn = 0; turn < 40; turn++) {
        unsigned events;
        size_t len;

        while (estab_dhcp_next_packet(&c, &out, now))
            REQUIRE(out.len >= DHCP_LEAST && out.len <= ESTAB_DHCP_MESSAGE);
        if (turn < far && far < 7)
            len = make_reply(packet, &c, turn % 2 == 0 ? offer : ack, sizeof offer);
        else
            len = make_reply(packet, &c, data + 1, size - 1);
        (void)estab_dhcp_arrives(&c, packet, len, now);
        events = estab_dhcp_take_events(&c);
        REQUIRE(c.state < ESTAB_DHCP_STATE_COUNT);
        if ((events & ESTAB_DHCP_PROBE) != 0)
            estab_dhcp_probed(&c, turn % 3 == 2, now);
        if (c.has_lease)
            REQUIRE(c.lease.addr.family == ESTAB_INET && c.lease.prefix_len <= 32);
        if (turn % 2 == 1) {
            estab_time at = estab_dhcp_deadline(&c);

            if (at == ESTAB_NEVER)
                continue;
            now = at > now ? at : now;
            estab_dhcp_timeouts(&c, now);
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 60000)
        return 0;
    check_message(data, size);
    check_frame(data, size);
    check_client(data, size);
    return 0;
}
