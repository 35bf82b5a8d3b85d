/* SPDX-License-Identifier: MIT */
/* ICMP of a host, and the addresses and headers that it takes: RFC 792, RFC 4443, RFC 1122 §3.2, RFC 8200 §4.
 * Each test runs over IPv4 and IPv6. */
#include "stack/datagram.h"

#include "sim/prng.h"

static struct estab_addr
addr(const char *text)
{
    struct estab_addr a;

    assert_int_equal(estab_addr_parse(&a, text), 0);
    return a;
}

/* An echo request of the peer between any two addresses. */
static uint32_t
write_echo(uint8_t *packet, const struct estab_addr *from, const struct estab_addr *to,
           uint32_t len)
{
    uint32_t n;

    fill(packet + IP_LEN + 8, len);
    n = estab_icmp_write(packet + IP_LEN, peer_family, V4(8, 128), 0, 0x00010002,
                         packet + IP_LEN + 8, len, from->bytes, to->bytes);
    (void)estab_ip_write(packet, peer_family, ICMP_PROTO, 64, 0, from->bytes, to->bytes, 0, n);
    return IP_LEN + n;
}

static void
sum_icmp(uint8_t *packet, uint32_t ip_len, uint32_t len)
{
    uint64_t sum = 0;
    uint16_t c;

    put_be16(packet + ip_len + 2, 0);
    if (peer_family == 6)
        sum = estab_csum_pseudo(packet + 8, packet + 24, 16, IP_PROTO_ICMPV6, len - ip_len);
    c = (uint16_t)~csum_fold(estab_csum_add(packet + ip_len, len - ip_len, sum));
    memcpy(packet + ip_len + 2, &c, 2);
}

static void
sum_ipv4(uint8_t *packet)
{
    uint16_t c;

    put_be16(packet + 10, 0);
    c = (uint16_t)~csum_fold(estab_csum_add(packet, (packet[0] & 15u) * 4, 0));
    memcpy(packet + 10, &c, 2);
}

/* ---- echo ---- */

/* Every length an echo can have, and messages that are cut: a reply has exactly the octets of its
 * request and nothing that stood in memory behind it.
 * vuln: ICMP echo payload length errors
 * vuln: ICMP information leak (FreeRTOS, Treck) */
TEST(an_echo_of_any_length_is_answered_with_its_own_octets)
{
    struct peer *p = peer_host(NULL);
    uint8_t packet[1500];

    for (uint32_t len = 0; len <= 1500 - IP_LEN; len += len < 40 ? 1 : 97) {
        struct captured *c;

        (void)write_echo(packet, &p->them.addr, &p->us.addr, len >= 8 ? len - 8 : 0);
        (void)estab_ip_write(packet, peer_family, ICMP_PROTO, 64, 0, p->them.addr.bytes,
                             p->us.addr.bytes, 0, len);
        sum_icmp(packet, IP_LEN, IP_LEN + len);
        peer_sends_raw(p, packet, IP_LEN + len);
        if (len < 8) {
            expect_verdict(p, DROP_ICMP_MALFORMED);
            expect_nothing_sent(p);
            continue;
        }
        c = peer_takes(p);
        assert_int_equal(c->packet_len, IP_LEN + len);
        assert_memory_equal(c->packet + IP_LEN + 4, packet + IP_LEN + 4, len - 4);
        time_passes(p, MS(1));
    }
    /* the header says more than there is */
    (void)write_echo(packet, &p->them.addr, &p->us.addr, 100);
    for (uint32_t cut = 1; cut < 108; cut++) {
        peer_sends_raw(p, packet, IP_LEN + 108 - cut);
        expect_verdict(p, DROP_IP_HEADER);
    }
    peer_done(p);
}

/* RFC4443-4.2: an echo whose checksum is wrong is not answered. */
TEST(an_echo_with_a_wrong_checksum_is_dropped)
{
    struct peer *p = peer_host(NULL);
    uint8_t packet[100];
    uint32_t len = write_echo(packet, &p->them.addr, &p->us.addr, 20);

    for (uint32_t bit = 0; bit < (len - IP_LEN) * 8; bit++) {
        packet[IP_LEN + bit / 8] ^= (uint8_t)(1u << bit % 8);
        peer_sends_raw(p, packet, len);
        expect_verdict(p, DROP_ICMP_MALFORMED);
        packet[IP_LEN + bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    peer_done(p);
}

/* To all, and from all: silence.
 * vuln: Smurf / broadcast echo amplification
 * vuln: Broadcast/multicast source or destination replies */
TEST(nothing_that_goes_to_many_is_answered)
{
    struct peer *p = peer_host(NULL);
    const char *many4[] = { "255.255.255.255", "192.0.2.255", "192.0.2.0",
                            "224.0.0.1",       "224.0.0.251", "239.1.2.3" };
    const char *many6[] = { "ff02::1", "ff01::1", "ff05::2", "ff0e::99", "ff02::fb", "ff02::1:2" };
    struct estab_endpoint to = { .port = 7 };
    uint8_t packet[100];

    if (peer_family == 4)
        p->them.addr.bytes[0] = p->us.addr.bytes[0]; /* the same network */
    for (unsigned i = 0; i < 6; i++) {
        struct estab_addr many = addr(V4(many4, many6)[i]);
        uint8_t odd[] = { 2, 17, 50, 132 };

        if (peer_family == 4 && i < 3 && i > 0) /* of our own network */
            memcpy(many.bytes, p->us.addr.bytes, 3);
        peer_sends_raw(p, packet, write_echo(packet, &p->them.addr, &many, 10));
        expect_verdict(p, DROP_IP_NOT_OURS);
        peer_sends_raw(p, packet, write_echo(packet, &many, &p->us.addr, 10));
        expect_verdict(p, DROP_IP_SOURCE);
        to.addr = many;
        peer_sends_raw(p, packet, write_udp(packet, &p->them, &to, "x", 1)); /* a port nobody has */
        for (unsigned k = 0; k < 4; k++) {                                   /* a protocol */
            (void)estab_ip_write(packet, peer_family, odd[k], 64, 0, p->them.addr.bytes, many.bytes,
                                 0, 20);
            peer_sends_raw(p, packet, IP_LEN + 20);
        }
        expect_nothing_sent(p);
    }
    peer_done(p);
}

/* RFC7126-SRCROUTE, MUST-53, SHLD-24: a SYN with a source route, also one that has been walked to its end, opens
 * nothing, and no later segment with one moves a connection or the way its segments go. */
TEST(no_segment_of_tcp_has_a_source_route)
{
    struct peer *p = peer_in_established();
    struct estab_status before;
    uint8_t packet[200], routed[200];

    if (peer_family == 6) { /* RFC 5095: see the tests of its headers */
        peer_done(p);
        return;
    }
    user_sends(p, 100);
    peer_forgets(p);
    before = user_status(p);
    for (unsigned kind = 131; kind <= 137; kind += 6)
        for (unsigned pointer = 4; pointer <= 8; pointer += 4)
            for (unsigned syn = 0; syn < 2; syn++) {
                struct step s = { .ctl = CTL_ACK, .seq = 101, .ack = ISS + 101 };
                uint32_t len =
                    peer_writes(p, syn ? 999 : p->them.port,
                                syn ? (struct step){ .ctl = CTL_SYN, .seq = 7 } : s, packet);

                memcpy(routed, packet, 20);
                memset(routed + 20, 0, 8);
                routed[0] = 0x47;
                put_be16(routed + 2, len + 8);
                routed[20] = (uint8_t)kind;
                routed[21] = 7;
                routed[22] = (uint8_t)pointer;
                memcpy(routed + 23, p->them.addr.bytes, 4);
                sum_ipv4(routed);
                memcpy(routed + 28, packet + 20, len - 20);
                peer_sends_raw(p, routed, len + 8);
                expect_verdict(p, DROP_IP_SOURCE_ROUTE);
                expect_nothing_sent(p);
                expect_unchanged(p, &before);
            }
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 101);
    expect_verdict(p, ACCEPTED);
    peer_done(p);
}

/* RFC1122-3.2.1.8, MAY-10, MAY-11, CVE-2021-31344: the reply goes to the source in the header, whatever options came with the request, and has none; source
 * routes are refused.
 * vuln: ICMP echo with fake IP options redirects the reply
 * vuln: IPv4 source-route and option overflow */
TEST(options_do_not_lead_a_reply_elsewhere)
{
    struct peer *p = peer_host(NULL);
    uint8_t packet[200], echo[100];
    uint32_t len = write_echo(echo, &p->them.addr, &p->us.addr, 20) - IP_LEN;

    if (peer_family == 6) { /* its options are in headers: see the tests of those */
        peer_done(p);
        return;
    }
    for (unsigned kind = 2; kind < 256; kind++)
        for (unsigned n = 2; n <= 40; n += 7)
            for (unsigned pointer = 0; pointer < 256; pointer += 51) {
                bool route = kind == 131 || kind == 137;

                (void)estab_ip_write(packet, 4, 1, 64, 0, p->them.addr.bytes, p->us.addr.bytes, 0,
                                     40 + len);
                packet[0] = 0x4f;
                memset(packet + 20, 0, 40);
                packet[20] = (uint8_t)kind;
                packet[21] = (uint8_t)n;
                for (unsigned i = 2; i < n; i++)
                    packet[20 + i] = (uint8_t)(10 + i); /* addresses */
                if (n > 2)
                    packet[22] = (uint8_t)pointer;
                sum_ipv4(packet);
                memcpy(packet + 60, echo + 20, len);
                peer_sends_raw(p, packet, 60 + len);
                if (route) {
                    expect_verdict(p, DROP_IP_SOURCE_ROUTE);
                    expect_nothing_sent(p);
                } else {
                    struct captured *c = peer_takes(p);

                    assert_int_equal(c->packet_len, 20 + len);
                    assert_int_equal(c->packet[0], 0x45);
                    assert_memory_equal(c->packet + 16, p->them.addr.bytes, 4);
                }
                time_passes(p, MS(1));
            }
    peer_done(p);
}

/* RFC1122-3.2.2.7-8: timestamps, address masks, information: not answered. */
TEST(queries_but_echo_are_not_answered)
{
    struct peer *p = peer_host(NULL);

    for (unsigned type = 0; type < 256; type++) {
        if (type == V4(8u, 128u))
            continue;
        for (unsigned code = 0; code < 256; code += 15)
            peer_sends_icmp_message(p, (uint8_t)type, (uint8_t)code, 0, "0123456789abcdef", 16);
    }
    expect_nothing_sent(p);
    peer_done(p);
}

/* ---- errors that we send ---- */

/* RFC1122-3.2.2, RFC4443-2.4: never about an error, a later fragment, or a source that is no host.
 * vuln: UDP reflection loops */
TEST(no_error_is_sent_about_an_error)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint from = p->them, to = p->us;
    uint8_t packet[100], quote[60] = { 0 };

    for (unsigned type = 0; type < 256; type++)
        if (type != V4(8u, 128u))
            peer_sends_icmp_message(p, (uint8_t)type, 3, 0, quote, sizeof(quote));
    expect_nothing_sent(p);
    if (peer_family == 4) { /* the ICMP of the other family is only a protocol that nobody speaks */
        (void)estab_ip_write(packet, 4, 99, 64, 0, from.addr.bytes, to.addr.bytes, 1, 30);
        put_be16(packet + 6, 5);
        sum_ipv4(packet);
        peer_sends_raw(p, packet, 50);
        expect_nothing_sent(p);
    } else { /* an error behind an option that asks for an answer */
        memset(packet, 0, sizeof(packet));
        (void)estab_ip_write(packet, 6, 60, 64, 0, from.addr.bytes, to.addr.bytes, 0, 48);
        packet[40] = IP_PROTO_ICMPV6;
        packet[42] = 0x81;
        packet[43] = 4;
        packet[48] = 1;
        peer_sends_raw(p, packet, 88);
        expect_verdict(p, DROP_IP_OPTION);
        expect_nothing_sent(p);
        packet[48] = 128; /* about an echo it is told */
        peer_sends_raw(p, packet, 88);
        assert_int_equal(peer_takes(p)->packet[40], 4);
    }
    /* a datagram to ourselves from ourselves, as a loop would need */
    from.addr = p->us.addr;
    from.port = to.port = 7;
    peer_sends_raw(p, packet, write_udp(packet, &from, &to, "x", 1));
    expect_verdict(p, DROP_IP_SOURCE);
    peer_done(p);
}

/* No datagram of ours is an answer: what comes to a bound port is its user's, and to another one draws ICMP, which draws
 * nothing. */
TEST(udp_is_never_answered_by_udp)
{
    struct peer *p = peer_host(NULL);
    static const uint16_t services[] = { 7, 13, 17, 19, 53, 69, 123 };

    for (unsigned i = 0; i < 7; i++)
        for (unsigned k = 0; k < 7; k++) {
            struct captured *c;

            peer_sends_udp(p, services[i], services[k], "x", 1);
            c = peer_takes(p);
            assert_int_equal(c->proto, ICMP_PROTO);
            expect_nothing_sent(p);
            time_passes(p, SEC(1));
        }
    peer_done(p);
}

/* vuln: Unauthenticated tunnel decapsulation */
TEST(what_is_in_a_tunnel_is_not_looked_at)
{
    struct peer *p = peer_host(NULL);
    static const uint8_t tunnels[] = { 4, 41, 47, 94, 97, 137 };
    estab_udp u = user_binds(p, 53, NULL);
    struct estab_endpoint to = { .addr = p->us.addr, .port = 53 };

    for (unsigned i = 0; i < sizeof(tunnels); i++) {
        uint8_t packet[200];
        uint32_t len = write_udp(packet + IP_LEN, &p->them, &to, "x", 1);
        struct captured *c;

        (void)estab_ip_write(packet, peer_family, tunnels[i], 64, 0, p->them.addr.bytes,
                             p->us.addr.bytes, 0, len);
        peer_sends_raw(p, packet, IP_LEN + len);
        expect_verdict(p, DROP_IP_PROTOCOL);
        c = peer_takes(p);
        assert_int_equal(c->packet[IP_LEN], V4(3, 4));
        assert_int_equal(c->packet[IP_LEN + 1], V4(2, 1));
        time_passes(p, SEC(1));
    }
    assert_int_equal(udp_status(p, u).received, 0);
    peer_done(p);
}

/* Errors about packets of every length quote what was there and no more, within the smallest packet that
 * every link carries.
 * vuln: lwIP ICMPv6 and link buffer overflow */
TEST(an_error_quotes_what_was_there)
{
    struct peer *p = peer_host(NULL);
    uint8_t packet[1500];

    fill(packet, sizeof(packet));
    for (uint32_t len = 0; len <= 1500 - IP_LEN; len += len < 10 ? 1 : 37) {
        uint32_t most = V4(576, 1280) - IP_LEN - 8, whole = IP_LEN + len;
        struct captured *c;

        (void)estab_ip_write(packet, peer_family, 200, 64, 0, p->them.addr.bytes, p->us.addr.bytes,
                             0, len);
        peer_sends_raw(p, packet, whole);
        c = peer_takes(p);
        assert_int_equal(c->packet_len, IP_LEN + 8 + (whole < most ? whole : most));
        assert_memory_equal(c->packet + IP_LEN + 8, packet, whole < most ? whole : most);
        assert_memory_equal(c->packet + V4(16, 24), p->them.addr.bytes, ADDR_LEN);
        time_passes(p, SEC(1));
    }
    peer_done(p);
}

/* limit: icmp_per_destination and icmp_per_second; echo has a limit of its own. */
TEST(errors_are_limited_for_each_destination_and_in_all)
{
    struct peer *p = peer_host(NULL);
    unsigned n = 0, all = 0;

    for (unsigned i = 0; i < 1000; i++)
        peer_sends_udp(p, 4000, 53, "x", 1);
    assert_in_range(p->n, 1, 6);
    peer_forgets(p);
    for (unsigned ms = 0; ms < 10000; ms++) { /* 10 a second */
        time_passes(p, MS(1));
        peer_sends_udp(p, 4000, 53, "x", 1);
        n += p->n;
        peer_forgets(p);
    }
    assert_in_range(n, 70, 150);
    for (unsigned i = 0; i < 50000; i++) { /* one each to many */
        if (i % 100 == 0)
            time_passes(p, MS(1));
        put_be16(p->them.addr.bytes + ADDR_LEN - 4, i);
        put_be16(p->them.addr.bytes + ADDR_LEN - 2, i * 7 + 2);
        if (estab_stack_is_local(p->stack, &p->them.addr))
            continue;
        peer_sends_udp(p, 4000, 53, "x", 1);
        all += p->n;
        peer_forgets(p);
    }
    assert_in_range(all, 300, 800); /* of half a second, and a burst */
    {
        uint8_t packet[100];
        struct estab_addr other = p->us.addr;

        other.bytes[ADDR_LEN - 1] ^= 2;
        peer_sends_raw(p, packet, write_echo(packet, &other, &p->us.addr, 10));
        expect_verdict(p, ACCEPTED_ECHO);
        assert_int_equal(peer_takes(p)->reason, ESTAB_WHY_ECHO_REPLY);
    }
    peer_done(p);
}

/* One round of the attack: `probes` of as many forged sources, one of which finds a port that is `open`; then the attacker
 * looks whether it still gets an answer itself. */
static unsigned
attack(struct peer *p, uint16_t open, bool one_source, unsigned probes)
{
    struct estab_addr honest = p->them.addr;
    unsigned answered;

    for (unsigned i = 0; i < probes; i++) {
        if (!one_source)
            put_be16(p->them.addr.bytes + ADDR_LEN - 3, 0x1000 + i);
        peer_sends_udp(p, 53, i == 50 ? open : (uint16_t)(20000 + i), "x", 1);
        peer_forgets(p);
    }
    p->them.addr = honest;
    p->them.addr.bytes[ADDR_LEN - 1] = 66; /* the attacker's own */
    peer_sends_udp(p, 4000, 19999, "x", 1);
    answered = p->n;
    peer_forgets(p);
    p->them.addr = honest;
    time_passes(p, SEC(2));
    return answered;
}

/* Whether a port is open does not show in the answers that somebody else gets: from one forged source they are always the
 * same, from many as often with an open port as without.
 * vuln: ICMP error rate-limit side channel (SAD DNS) */
TEST(counting_answers_does_not_tell_open_ports)
{
    struct peer *p = peer_host(NULL);
    struct estab_udp_options opt = p->cfg.udp;
    unsigned with = 0, without = 0;
    estab_udp u;

    opt.receive_count_max = 1;
    u = user_binds(p, 33333, &opt);
    (void)u;
    for (unsigned round = 0; round < 100; round++) {
        with += attack(p, 33333, true, 150);
        without += attack(p, 20050, true, 150);
    }
    assert_in_range(with, 97, 100); /* in a few seconds both addresses have the same place */
    assert_in_range(without, 97, 100);
    with = without = 0;
    /* so many that the limit of all is about to be met: some rounds are answered */
    for (unsigned round = 0; round < 300; round++) {
        with += attack(p, 33333, false, 105);
        without += attack(p, 20050, false, 105);
    }
    assert_in_range(with, 50, 250);
    assert_in_range(with > without ? with - without : without - with, 0, 37); /* 3 sigma */
    peer_done(p);
}

/* ---- errors that we receive ---- */

/* RFC 1122 §4.1.3.3, RFC 5927 §4: an error about a datagram that was sent is told: by the next call if connected, else by
 * estab_udp_error(). About anything else it is a guess. */
TEST(an_error_about_what_was_sent_is_told)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 1000, NULL);
    struct estab_endpoint remote = { .addr = p->them.addr, .port = 53 };
    struct estab_udp_error err;
    uint8_t quote[100];
    char buf[1];
    uint32_t len;

    assert_int_equal(user_sends_udp(p, u, 53, "query", 5), 5);
    {
        struct captured *c = peer_takes(p);

        len = c->packet_len;
        memcpy(quote, c->packet, len);
    }
    /* unconnected: told on request */
    peer_sends_icmp_message(p, V4(3, 1), V4(3, 4), 0, quote, len);
    expect_verdict(p, ACCEPTED_SOFT_ERROR);
    expect_event(p, ESTAB_SOFT_ERROR);
    assert_int_equal(estab_udp_receive(p->stack, u, NULL, buf, 1, p->now), -ESTAB_EAGAIN);
    assert_int_equal(estab_udp_error(p->stack, u, &err), 0);
    assert_int_equal(err.error, -ESTAB_ECONNREFUSED);
    assert_int_equal(err.icmp_type, V4(3, 1));
    assert_int_equal(err.icmp_code, V4(3, 4));
    assert_int_equal(err.remote.port, 53);
    assert_int_equal(estab_udp_error(p->stack, u, &err), -ESTAB_EAGAIN); /* once */
    /* connected: told by the next call, once */
    assert_int_equal(estab_udp_connect(p->stack, u, &remote, p->now), 0);
    peer_sends_icmp_message(p, V4(3, 1), V4(1, 3), 0, quote, len);
    expect_verdict(p, ACCEPTED_SOFT_ERROR);
    assert_int_equal(estab_udp_receive(p->stack, u, NULL, buf, 1, p->now), -ESTAB_EHOSTUNREACH);
    assert_int_equal(estab_udp_receive(p->stack, u, NULL, buf, 1, p->now), -ESTAB_EAGAIN);
    p->events = 0;
    /* not ours, not there, not sent */
    put_be16(quote + IP_LEN, 1001);
    peer_sends_icmp_message(p, V4(3, 1), V4(3, 4), 0, quote, len);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    put_be16(quote + IP_LEN, 1000);
    put_be16(quote + IP_LEN + 2, 54);
    peer_sends_icmp_message(p, V4(3, 1), V4(3, 4), 0, quote, len);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    put_be16(quote + IP_LEN + 2, 53);
    quote[V4(19, 39)] ^= 1; /* another destination */
    peer_sends_icmp_message(p, V4(3, 1), V4(3, 4), 0, quote, len);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    quote[V4(19, 39)] ^= 1;
    quote[V4(15, 23)] ^= 1; /* another source */
    peer_sends_icmp_message(p, V4(3, 1), V4(3, 4), 0, quote, len);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    quote[V4(15, 23)] ^= 1;
    for (uint32_t cut = 0; cut < IP_LEN + 4; cut++) { /* RFC5927-4-TRUNC */
        peer_sends_icmp_message(p, V4(3, 1), V4(3, 4), 0, quote, cut);
        expect_verdict(p, DROP_ICMP_UNRELATED);
    }
    time_passes(p, 0);
    expect_no_event(p);
    peer_done(p);
}

/* Quotes of every inner header length and cut, with junk for options: nothing is read beyond, nothing happens.
 * vuln: ICMP error quote parsing overflow */
TEST(a_quote_is_read_within_its_end)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 1000, NULL);
    uint8_t quote[100];

    memset(quote, 0x91, sizeof(quote));
    for (unsigned first = 0; first < 256; first++)
        for (uint32_t len = 0; len <= 100; len += len < 70 ? 1 : 15) {
            quote[0] = (uint8_t)first;
            quote[6] = V4(0, 17);
            quote[7] = 0;
            quote[9] = 17;
            memcpy(quote + V4(12, 8), p->us.addr.bytes, ADDR_LEN);
            memcpy(quote + V4(16, 24), p->them.addr.bytes, ADDR_LEN);
            peer_sends_icmp_message(p, V4(3, 1), 3, 0, quote, len);
            expect_verdict(p, DROP_ICMP_UNRELATED);
        }
    assert_int_equal(udp_status(p, u).received, 0);
    peer_done(p);
}

/* RFC1122-3.3.1.2: redirects change nothing, from whomever they come.
 * vuln: ICMP redirect hijack */
TEST(redirects_are_not_followed)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 1000, NULL);
    uint8_t body[100] = { 0 };
    struct captured *c;
    struct estab_addr gateway = p->them.addr;

    assert_int_equal(user_sends_udp(p, u, 53, "query", 5), 5);
    c = peer_takes(p);
    gateway.bytes[ADDR_LEN - 1] = 254;
    memcpy(body + V4(0, 32), c->packet, c->packet_len < 60 ? c->packet_len : 60);
    memcpy(body, gateway.bytes, V4(0, 16));
    for (unsigned code = 0; code < 4; code++) {
        peer_sends_icmp_message(p, V4(5, 137), (uint8_t)code, get_be32(gateway.bytes), body, 92);
        expect_verdict(p, DROP_ICMP_UNKNOWN);
    }
    assert_int_equal(user_sends_udp(p, u, 53, "query", 5), 5);
    assert_memory_equal(peer_takes(p)->packet + V4(16, 24), p->them.addr.bytes, ADDR_LEN);
    peer_done(p);
}

/* Errors about packets that nobody sent make no entry anywhere: the host is as large after a hundred thousand as before.
 * vuln: PMTU/route exception cache exhaustion */
TEST(forged_errors_take_no_memory)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 1000, NULL);
    struct estab_stack_status before, after;
    uint8_t quote[48] = { 0 }, text[1400] = { 0 };
    struct sim_prng dice;

    sim_prng_seed(&dice, 5);
    assert_int_equal(user_sends_udp(p, u, 53, text, 1400), 1400);
    peer_forgets(p);
    estab_stack_status(p->stack, &before);
    for (unsigned i = 0; i < 100000; i++) {
        struct estab_addr to = p->them.addr;

        put_be32(to.bytes + ADDR_LEN - 4, (uint32_t)sim_prng_below(&dice, UINT32_MAX));
        if (estab_addr_equal(&to, &p->them.addr))
            continue;
        (void)estab_ip_write(quote, peer_family, 17, 64, 0, p->us.addr.bytes, to.bytes, 0, 8);
        put_be16(quote + IP_LEN, 1000);
        put_be16(quote + IP_LEN + 2, 53);
        peer_sends_icmp_message(p, V4(3, 2), V4(4, 0), 1300, quote, IP_LEN + 8);
        expect_verdict(p, DROP_ICMP_UNRELATED);
    }
    estab_stack_status(p->stack, &after);
    assert_int_equal(after.bytes_taken, before.bytes_taken);
    assert_int_equal(user_sends_udp(p, u, 53, text, 1400), 1400);
    assert_int_equal(peer_takes(p)->packet_len, IP_LEN + 1408);
    peer_done(p);
}

/* ---- addresses ---- */

/* RFC1122-3.2.1.3: twenty sources and destinations that cannot be. */
TEST(addresses_that_cannot_be_are_dropped)
{
    struct peer *p = peer_host(NULL);
    static const char *const bad4[] = { "0.0.0.0",         "0.1.2.3",   "127.0.0.1",
                                        "127.255.255.255", "224.0.0.1", "239.255.255.255",
                                        "240.0.0.1",       "250.1.1.1", "255.255.255.254",
                                        "255.255.255.255" };
    static const char *const bad6[] = { "::",      "::1",     "ff00::1",
                                        "ff02::1", "ff02::2", "ff05::1:3",
                                        "ff0e::1", "ffff::1", "::ffff:192.0.2.9",
                                        "ff02::16" };
    uint8_t packet[100];

    for (unsigned i = 0; i < 10; i++) {
        struct estab_addr bad = addr(V4(bad4, bad6)[i]);

        peer_sends_raw(p, packet, write_echo(packet, &bad, &p->us.addr, 4));
        expect_verdict(p, DROP_IP_SOURCE);
        peer_sends_raw(p, packet, write_echo(packet, &p->them.addr, &bad, 4));
        assert_true(p->last_verdict == ESTAB_SEG_DROP_IP_NOT_OURS ||
                    p->last_verdict == ESTAB_SEG_DROP_IP_SOURCE);
        expect_nothing_sent(p);
    }
    peer_done(p);
}

/* RFC1122-3.2.1.3: with the strong host model and with the weak one, TCP, UDP, echo and fragments: what names the
 * loopback and comes from a wire reaches neither who listens there nor anybody else.
 * vuln: Loopback/own source from wire */
TEST(the_loopback_is_never_on_the_wire)
{
    static const char *const loop4[] = { "127.0.0.1", "127.9.9.9", "127.255.255.255" };

    for (unsigned weak = 0; weak < 2; weak++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p;
        struct estab_endpoint us, them, home;
        estab_conn listener;
        uint8_t packet[200];

        cfg.strong_host = weak == 0;
        p = peer_host_with(&cfg);
        us = home = p->us;
        them = p->them;
        (void)user_binds(p, 53, NULL);
        us.port = 80;
        us.addr = addr(V4("127.0.0.1", "::1"));
        assert_int_equal(estab_listen(p->stack, &us, 4, NULL, &listener, p->now), 0);
        us.addr = addr(V4("0.0.0.0", "::"));
        us.port = 81;
        assert_int_equal(estab_listen(p->stack, &us, 4, NULL, &listener, p->now), 0);
        for (unsigned i = 0; i < V4(3, 1); i++)
            for (unsigned source = 0; source < 2; source++) {
                struct estab_endpoint from = them, to = p->us;
                uint32_t len;

                *(source != 0 ? &from.addr : &to.addr) = addr(V4(loop4[i], "::1"));
                peer_sends_raw(p, packet, write_echo(packet, &from.addr, &to.addr, 4));
                expect_verdict(p, DROP_IP_SOURCE);
                to.port = 53;
                peer_sends_raw(p, packet, write_udp(packet, &from, &to, "x", 1));
                expect_verdict(p, DROP_IP_SOURCE);
                /* the first fragment of something */
                len = write_udp(packet, &from, &to, "xxxxxxxxxxxxxxxx", 16);
                if (peer_family == 4) {
                    packet[6] = 0x20;
                    sum_ipv4(packet);
                    peer_sends_raw(p, packet, len);
                    expect_verdict(p, DROP_IP_SOURCE);
                }
                p->us.addr = to.addr;
                p->them.addr = from.addr;
                for (p->us.port = 80; p->us.port <= 81; p->us.port++) {
                    peer_sends_from(p, 4000, (struct step){ .ctl = CTL_SYN, .seq = 100 });
                    expect_verdict(p, DROP_IP_SOURCE);
                }
                p->us = home;
                p->them.addr = them.addr;
                expect_nothing_sent(p);
            }
        peer_done(p);
    }
}

/* RFC1122-3.3.4.2: an address answers on its own interface only.
 * vuln: Weak host model tunnel inference */
TEST(an_address_belongs_to_one_interface)
{
    struct peer *p = peer_host(NULL);
    struct estab_link link = { .mtu = 1500 };
    struct estab_addr inside = addr(V4("10.8.0.1", "fd00:8::1"));
    uint8_t packet[100];
    struct estab_frame f = { .data = packet };
    struct estab_endpoint to = { .addr = inside, .port = 53 };

    assert_int_equal(estab_stack_add_interface(p->stack, &link), 2);
    assert_int_equal(estab_stack_add_address(p->stack, 2, &inside, V4(24, 64)), 0);
    peer_sends_raw(p, packet, write_echo(packet, &p->them.addr, &inside, 4));
    expect_verdict(p, DROP_IP_NOT_OURS);
    peer_sends_raw(p, packet, write_udp(packet, &p->them, &to, "x", 1));
    expect_verdict(p, DROP_IP_NOT_OURS);
    expect_nothing_sent(p);
    f.len = write_echo(packet, &p->them.addr, &inside, 4);
    estab_stack_input(p->stack, 2, &f, 1, p->now);
    expect_verdict(p, ACCEPTED_ECHO);
    peer_done(p);
}

/* ---- IPv6 headers ---- */

/* A packet with `ext` octets of extension headers, the first of them `kind`, in front of an echo. */
static uint32_t
write_chain(struct peer *p, uint8_t *packet, uint8_t kind, const uint8_t *ext, uint32_t len)
{
    uint8_t echo[100];
    uint32_t n = write_echo(echo, &p->them.addr, &p->us.addr, 10) - 40;

    (void)estab_ip_write(packet, 6, kind, 64, 0, p->them.addr.bytes, p->us.addr.bytes, 0, len + n);
    memcpy(packet + 40, ext, len);
    memcpy(packet + 40 + len, echo + 40, n);
    return 40 + len + n;
}

static void
expect_problem(struct peer *p, uint8_t code, uint32_t at)
{
    struct captured *c = peer_takes(p);

    assert_int_equal(c->reason, ESTAB_WHY_PARAMETER_PROBLEM);
    assert_int_equal(c->packet[40], 4);
    assert_int_equal(c->packet[41], code);
    assert_int_equal(get_be32(c->packet + 44), at);
    time_passes(p, SEC(1));
}

/* RFC8200-4-CHAIN: a header nobody knows is told of, with the octet that named it, however deep. */
TEST(an_unknown_next_header_is_told_with_its_place)
{
    struct peer *p = peer_host(NULL);
    static const uint8_t one[8] = { 201, 0, 1, 4 }, two[16] = { 60, 0, 1, 4, [8] = 202, 0, 1, 4 };
    static const uint8_t none[8] = { 59, 0, 1, 4 }, late[16] = { 0, 0, 1, 4, [8] = 58, 0, 1, 4 };
    uint8_t packet[200];

    if (peer_family == 6) {
        peer_sends_raw(p, packet, write_chain(p, packet, 200, one, 0));
        expect_verdict(p, DROP_IP_PROTOCOL);
        expect_problem(p, 1, 6);
        peer_sends_raw(p, packet, write_chain(p, packet, 60, one, 8));
        expect_problem(p, 1, 40);
        peer_sends_raw(p, packet, write_chain(p, packet, 0, two, 16));
        expect_problem(p, 1, 48);
        peer_sends_raw(p, packet, write_chain(p, packet, 60, late, 16)); /* hop-by-hop, not first */
        expect_problem(p, 1, 40);
        peer_sends_raw(p, packet, write_chain(p, packet, 60, none, 8)); /* nothing follows */
        expect_verdict(p, DROP_IP_PROTOCOL);
    }
    peer_done(p);
}

/* RFC8200-4.2-OPTACT: the four classes of unknown options, to us and to a group. */
TEST(an_unknown_option_decides_what_becomes_of_its_packet)
{
    struct peer *p = peer_host(NULL);
    uint8_t ext[8] = { 58, 0, 0, 4 }, packet[200];
    static const uint8_t kinds[] = { 60, 0 };

    for (unsigned k = 0; k < 2 && peer_family == 6; k++)
        for (unsigned class = 0; class < 4; class ++)
            for (unsigned group = 0; group < 2; group++) {
                uint32_t len;

                ext[2] = (uint8_t)(class << 6 | 0x1e);
                len = write_chain(p, packet, kinds[k], ext, 8);
                if (group)
                    memcpy(packet + 24, addr("ff02::1").bytes, 16);
                peer_sends_raw(p, packet, len);
                if (class == 0 && !group) {
                    expect_verdict(p, ACCEPTED_ECHO);
                    peer_forgets(p);
                } else if (class != 0) {
                    expect_verdict(p, DROP_IP_OPTION);
                }
                if (class == 2 || (class == 3 && !group)) {
                    /* from an address of one host, also about a group */
                    assert_memory_equal(p->out[p->first].packet + 8, p->us.addr.bytes, 16);
                    expect_problem(p, 2, 42);
                }
                expect_nothing_sent(p);
            }
    peer_done(p);
}

/* RFC5095-RH0: a routing header with segments left is refused and told of, and goes nowhere.
 * vuln: Type 0 routing header amplification */
TEST(a_routing_header_goes_nowhere)
{
    struct peer *p = peer_host(NULL);
    uint8_t ext[40] = { 58, 4 }, packet[200];

    for (unsigned type = 0; type < 6 && peer_family == 6; type++) {
        memcpy(ext + 8, addr("2001:db8:ffff::1").bytes, 16);
        memcpy(ext + 24, p->us.addr.bytes, 16);
        ext[2] = (uint8_t)type;
        ext[3] = 2;
        peer_sends_raw(p, packet, write_chain(p, packet, 43, ext, 40));
        expect_verdict(p, DROP_IP_SOURCE_ROUTE);
        assert_memory_equal(p->out[p->first].packet + 24, p->them.addr.bytes, 16);
        expect_problem(p, 0, 42);
        ext[3] = 0;
        peer_sends_raw(p, packet, write_chain(p, packet, 43, ext, 40));
        expect_verdict(p, ACCEPTED_ECHO);
        peer_forgets(p);
    }
    peer_done(p);
}

/* Every kind of header with every length, and nested a hundred deep: each ends with a verdict, and at most eight are
 * walked.
 * vuln: IPv6 extension-header infinite loop
 * vuln: IPv6 neighbour/option parsing loops in tiny stacks */
TEST(every_chain_of_headers_ends)
{
    struct peer *p = peer_host(NULL);
    static const uint8_t kinds[] = { 0, 43, 44, 50, 51, 60, 135, 139, 140, 253 };
    uint8_t ext[800], packet[1000];
    unsigned sent = 0;

    for (unsigned k = 0; k < sizeof(kinds) && peer_family == 6; k++) {
        for (unsigned len = 0; len < 256; len++) {
            memset(ext, 0, sizeof(ext));
            ext[0] = kinds[k];
            ext[1] = (uint8_t)len;
            ext[8] = 58;
            peer_sends_raw(p, packet, write_chain(p, packet, kinds[k], ext, 64));
            sent += p->n;
            peer_forgets(p);
        }
        for (unsigned n = 0; n < 100; n++) {
            memset(ext + n * 8, 0, 8);
            ext[n * 8] = n < 99 ? kinds[k] : 58;
        }
        peer_sends_raw(p, packet, write_chain(p, packet, kinds[k], ext, 800));
        assert_int_not_equal(p->last_verdict, ESTAB_SEG_ACCEPTED_ECHO);
        peer_forgets(p);
    }
    assert_in_range(sent, 0, 100);
    peer_done(p);
}

/* CVE-2024-38063, CVE-2021-24086: options with mistakes inside fragments, in batches with other packets: nothing but
 * verdicts, and errors within their limits.
 * vuln: IPv6 option parsing and error generation underflow */
TEST(mistakes_inside_fragments_are_only_mistakes)
{
    struct peer *p = peer_host(NULL);
    struct estab_stack_status st;
    uint8_t room[8][200];
    struct sim_prng dice;

    sim_prng_seed(&dice, 9);
    for (unsigned round = 0; round < 5000 && peer_family == 6; round++) {
        struct estab_frame f[8];

        for (unsigned i = 0; i < 8; i++) {
            uint8_t *q = room[i], ext[24] = { 0 };

            ext[0] = 44; /* options, then a fragment header, then options again */
            ext[2] = (uint8_t)(sim_prng_below(&dice, 4) << 6 | 0x11);
            ext[3] = (uint8_t)sim_prng_below(&dice, 8);
            ext[8] = 60;
            put_be16(ext + 10, (uint32_t)(sim_prng_below(&dice, 4) * 8 | sim_prng_below(&dice, 2)));
            put_be32(ext + 12, round);
            ext[16] = 58;
            ext[17] = (uint8_t)sim_prng_below(&dice, 3);
            ext[18] = (uint8_t)sim_prng_below(&dice, 256);
            ext[19] = (uint8_t)sim_prng_below(&dice, 256);
            f[i].data = q;
            f[i].len = write_chain(p, q, sim_prng_below(&dice, 2) ? 60 : 44, ext,
                                   sim_prng_below(&dice, 2) ? 24 : 16);
            if (sim_prng_below(&dice, 8) == 0)
                f[i].len = (uint32_t)sim_prng_below(&dice, f[i].len + 1);
        }
        estab_stack_input(p->stack, 1, f, 8, p->now);
        time_passes(p, 0);
        peer_forgets(p);
    }
    estab_stack_status(p->stack, &st);
    assert_in_range(st.reasons[ESTAB_WHY_PARAMETER_PROBLEM], 0, 4); /* time stood still */
    peer_done(p);
}
