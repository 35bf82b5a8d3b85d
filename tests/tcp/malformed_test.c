/* SPDX-License-Identifier: MIT */
/* Segments that are not what their headers say, in memory of exactly their size, and options that
 * nobody here knows (docs/rfc/tcp-vulns.tsv). */
#include "harness/peer.h"

#include "base/bytes.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip_header.h"

#include <string.h>

static uint32_t
ip_len(void)
{
    return peer_family == 4 ? 20 : 40;
}

/* The packet says it is `len` octets long; the header checksum of IPv4 is right again. */
static void
say_length(uint8_t *packet, uint32_t len)
{
    uint16_t sum;

    if (peer_family == 6) {
        put_be16(packet + 4, len - 40);
        return;
    }
    put_be16(packet + 2, len);
    put_be16(packet + 10, 0);
    sum = (uint16_t)~csum_fold(estab_csum_add(packet, 20, 0));
    memcpy(packet + 10, &sum, 2);
}

/* vuln: TCP payload length underflow (IP total length vs header)
 * Each length that the IP header can say of a whole segment in the frame, with each data offset and a
 * checksum that is right for it: what is shorter than its headers is dropped and changes nothing, and
 * never is there more text than between the headers' end and the end that IP says. */
TEST(lengths_that_contradict_each_other_never_wrap)
{
    for (uint32_t offset = 0; offset <= 15; offset++)
        for (uint32_t said = ip_len(); said <= ip_len() + 80; said++) {
            struct peer *p = peer_in_established();
            struct estab_status before = user_status(p);
            uint8_t packet[256] = { 0 };
            uint32_t header = offset * 4, text = said - ip_len() > header ? said - ip_len() - header : 0;

            (void)peer_writes(p, p->them.port, (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 60 }, packet);
            packet[ip_len() + 12] = (uint8_t)(offset << 4);
            if (header > 20) /* the options are padding */
                memset(packet + ip_len() + 20, 1, header - 20);
            say_length(packet, said);
            if (said >= ip_len() + 20)
                peer_fixes_checksum(packet, said);
            peer_sends_raw(p, packet, ip_len() + 80);
            if (header < 20 || said < ip_len() + header) {
                assert_true(p->last_verdict > ESTAB_SEG_ACCEPTED_PROBE);
                expect_nothing_sent(p);
                expect_unchanged(p, &before);
            } else {
                assert_int_equal(user_status(p).tcb.receive_queued, text);
                assert_int_equal(user_status(p).tcb.rcv_nxt, 101 + text);
            }
            peer_done_quietly(p);
        }
}

/* ---- who has looked at the checksum ---- */

/* vuln: Checksum offload trust
 * (MUST-3) On a link that has not said that it verifies checksums every sum is looked at: one off by a
 * bit, none at all, all ones, and that of the pseudo-header alone, which a sender leaves for its
 * hardware to complete. On a link that has said so the same segment is taken: its word is believed. */
TEST(only_a_link_that_verifies_is_believed)
{
    static const struct estab_link verified = { .mtu = 1500, .csum_verified = true };

    for (unsigned trusted = 0; trusted < 2; trusted++)
        for (unsigned kind = 0; kind < 4; kind++) {
            struct peer *p = peer_host(NULL);
            struct estab_endpoint at = { .port = 80 };
            uint8_t packet[256];
            uint32_t len;
            uint16_t sum;

            if (trusted) {
                assert_int_equal(estab_stack_add_interface(p->stack, &verified), 2);
                p->ifindex = 2;
                p->us.addr.bytes[peer_family == 4 ? 2 : 5] ^= 4; /* another network */
                p->them.addr.bytes[peer_family == 4 ? 2 : 5] ^= 4;
                assert_int_equal(estab_stack_add_address(p->stack, 2, &p->us.addr, peer_family == 4 ? 24 : 64), 0);
            }
            assert_int_equal(estab_listen(p->stack, &at, 5, NULL, &p->listener, p->now), 0);
            peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
            peer_forgets(p);
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
            user_accepts(p);
            len = peer_writes(p, p->them.port, (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 50 }, packet);
            memcpy(&sum, packet + ip_len() + 16, 2);
            if (kind == 0)
                sum ^= 0x0100;
            else if (kind == 3)
                sum = (uint16_t)csum_fold(estab_csum_pseudo(p->them.addr.bytes, p->us.addr.bytes, peer_family == 4 ? 4 : 16, 6, len - ip_len()));
            else
                sum = kind == 1 ? 0 : 0xffff;
            memcpy(packet + ip_len() + 16, &sum, 2);
            peer_sends_raw(p, packet, len);
            if (trusted) {
                user_receives(p, 50);
            } else {
                expect_verdict(p, DROP_CHECKSUM);
                assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
                expect_nothing_sent(p);
            }
            peer_done_quietly(p);
        }
}

/* ---- options that nobody here knows ---- */

/* Puts an option between header and text; `len` octets of it, padded. */
static uint32_t
add_option(uint8_t *packet, uint32_t packet_len, uint8_t kind, uint8_t len, uint8_t fill)
{
    uint8_t *tcp = packet + ip_len();
    uint32_t at = (tcp[12] >> 4) * 4u, room = (len + 3u) / 4 * 4;

    memmove(tcp + at + room, tcp + at, packet_len - ip_len() - at);
    memset(tcp + at, 1, room);
    memset(tcp + at, fill, len);
    tcp[at] = kind;
    tcp[at + 1] = len;
    tcp[12] = (uint8_t)((at + room) / 4 << 4);
    say_length(packet, packet_len + room);
    peer_fixes_checksum(packet, packet_len + room);
    return packet_len + room;
}

static void
sends_with(struct peer *p, struct step s, uint8_t kind, uint8_t len, uint8_t fill)
{
    uint8_t packet[512];
    uint32_t n = peer_writes(p, p->them.port, s, packet);

    peer_sends_raw(p, packet, add_option(packet, n, kind, len, fill));
}

static bool
has_option(const struct captured *c, uint8_t kind)
{
    const uint8_t *tcp = c->packet + ip_len();
    uint32_t end = (tcp[12] >> 4) * 4u;

    for (uint32_t at = 20; at < end && tcp[at] != 0; at += tcp[at] == 1 ? 1 : tcp[at + 1])
        if (tcp[at] == kind)
            return true;
    return false;
}

/* vuln: TCP-MD5/AO key confusion and memory disclosure
 * TCP-MD5 (RFC 2385, kind 19) and TCP-AO (RFC 5925, kind 29) are not spoken: there are no keys. An
 * option that claims to sign is one that nobody knows (MUST-6): in the handshake and after it the
 * segment is taken as if it were not there, whatever its length and its digest say, and nothing we
 * send has one, neither unasked nor in answer. */
TEST(signatures_are_passed_over_and_never_made)
{
    static const struct {
        uint8_t kind, len;
    } options[] = { { 19, 18 }, { 19, 2 }, { 19, 20 }, { 29, 4 }, { 29, 16 }, { 29, 20 } };

    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        for (unsigned fill = 0; fill < 256; fill += 85) {
            uint8_t kind = options[i].kind, len = options[i].len;
            struct peer *p = peer_of_listener();

            sends_with(p, (struct step){ .ctl = CTL_SYN, .seq = 100, .mss = 1460 }, kind, len, (uint8_t)fill);
            assert_false(has_option(peer_takes(p), kind));
            sends_with(p, (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 }, kind, len, (uint8_t)fill);
            user_accepts(p);
            sends_with(p, (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100 }, kind, len, (uint8_t)fill);
            user_receives(p, 100);
            user_sends(p, 10);
            while (p->n > 0)
                assert_false(has_option(peer_takes(p), kind));
            /* and where the option was in the handshake it need not be afterwards */
            peer_sends(p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 11, .len = 5);
            user_receives(p, 5);
            peer_done_quietly(p);
        }
}

/* vuln: TCP-MD5/AO key confusion and memory disclosure
 * A length that runs out of the header is dropped like that of any option (MUST-7): no octet behind
 * it is read. */
TEST(signatures_that_run_out_of_the_header_are_dropped)
{
    for (uint8_t kind = 19; kind <= 29; kind += 10)
        for (unsigned length = 0; length < 256; length++) {
            struct peer *p = peer_in_established();
            struct estab_status before = user_status(p);
            uint8_t packet[256];
            uint32_t len = peer_writes(p, p->them.port, (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 4 }, packet);

            len = add_option(packet, len, kind, 20, 0xaa);
            packet[ip_len() + 21] = (uint8_t)length;
            memset(packet + ip_len() + 22, 0, 18);
            peer_fixes_checksum(packet, len);
            peer_sends_raw(p, packet, len);
            if (length < 2 || length > 20) {
                expect_nothing_sent(p);
                expect_unchanged(p, &before);
            } else {
                user_receives(p, 4);
            }
            peer_done_quietly(p);
        }
}

/* ---- each octet of each kind of packet ---- */

static uint32_t
write_sample(struct peer *p, unsigned kind, uint8_t *packet)
{
    struct step s[] = {
        { .ctl = CTL_SYN, .seq = 100, .mss = 1460, .ws = 8, .sackok = true, .ts_val = 7 },
        { .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 20, .sack = { { ISS + 1, ISS + 2 } }, .ts_val = 9, .ts_ecr = 1 },
        { .ctl = CTL_ACK | CTL_FIN | CTL_URG, .seq = 101, .ack = ISS + 1, .len = 3, .up = 2 },
        { .ctl = CTL_RST | CTL_ACK, .seq = 101 + 5, .ack = ISS + 1 },
    };
    uint8_t quoted[64];
    uint32_t len, at = ip_len();
    bool v6 = peer_family == 6;

    if (kind < 4)
        return peer_writes(p, p->them.port, s[kind], packet);
    if (kind == 4) { /* an echo request */
        memset(quoted, 7, sizeof(quoted));
        len = estab_icmp_write(packet + at, peer_family, v6 ? 128 : 8, 0, 3, quoted, 40, p->them.addr.bytes, p->us.addr.bytes);
    } else { /* an error that quotes us */
        struct tcp_seg seg = { .src_port = 80, .dst_port = p->them.port, .seq = p->iss + 1, .ctl = CTL_ACK };

        estab_tcp_write(quoted + at, &seg, 0);
        estab_ip_write(quoted, peer_family, IP_PROTO_TCP, 64, 0, p->us.addr.bytes, p->them.addr.bytes, 0, 20);
        len = estab_icmp_write(packet + at, peer_family, v6 ? 2 : 3, v6 ? 0 : 4, 1300, quoted, at + 20, p->them.addr.bytes, p->us.addr.bytes);
    }
    estab_ip_write(packet, peer_family, v6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, 64, 0, p->them.addr.bytes, p->us.addr.bytes, 0, len);
    return at + len;
}
enum { SAMPLES = 6 };

/* The transport's checksum is right for `len` octets of packet. */
static void
fix_sums(struct peer *p, uint8_t *packet, uint32_t len, bool tcp)
{
    uint8_t message[256];
    uint32_t at = ip_len();

    say_length(packet, len);
    if (tcp && len >= at + 20) {
        peer_fixes_checksum(packet, len);
    } else if (!tcp && len >= at + 8) {
        memcpy(message, packet + at, len - at);
        (void)estab_icmp_write(packet + at, peer_family, message[0], message[1], get_be32(message + 4), message + 8, len - at - 8, p->them.addr.bytes, p->us.addr.bytes);
    }
}

/* vuln: NetX/ThreadX memory overflow group
 * Packets of TCP and ICMP cut off at each octet: as the wire would cut them, which changes nothing;
 * and with lengths and checksums that are right for what is left, so that it goes deep. */
TEST(a_packet_cut_off_anywhere_is_read_within_its_end)
{
    for (unsigned kind = 0; kind < SAMPLES; kind++)
        for (uint32_t cut = 0; cut < 200; cut++) {
            struct peer *p = peer_in_established();
            struct estab_status before = user_status(p);
            uint8_t packet[256] = { 0 };
            uint32_t len = write_sample(p, kind, packet);

            if (cut < len) {
                peer_sends_raw(p, packet, cut);
                expect_nothing_sent(p);
                expect_unchanged(p, &before);
                if (cut >= ip_len()) {
                    fix_sums(p, packet, cut, kind < 4);
                    peer_sends_raw(p, packet, cut);
                }
            }
            peer_done_quietly(p);
        }
}

/* vuln: NetX/ThreadX memory overflow group; smoltcp-type panics on input (assert DoS)
 * With any octet altered and sums that are right: no state but one that the RFC has, and no assertion,
 * which are on in every build: the harness looks at the connection's invariants after each. */
TEST(a_packet_altered_anywhere_breaks_nothing)
{
    for (unsigned kind = 0; kind < SAMPLES; kind++) {
        struct peer *p = peer_in_established();
        uint8_t sample[256] = { 0 };
        uint32_t len = write_sample(p, kind, sample);

        for (uint32_t at = 0; at < len; at++)
            for (unsigned v = 0; v < 256; v += v < 4 || v > 250 ? 1 : 31) {
                uint8_t packet[256];

                memcpy(packet, sample, sizeof(packet));
                packet[at] = (uint8_t)v;
                if (at >= ip_len())
                    fix_sums(p, packet, len, kind < 4);
                peer_sends_raw(p, packet, len);
                peer_forgets(p);
                if (peer_state(p) != TCPS(ESTABLISHED)) {
                    peer_done_quietly(p);
                    p = peer_in_established();
                }
            }
        peer_done_quietly(p);
    }
}
