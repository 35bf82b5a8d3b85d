/* SPDX-License-Identifier: MIT */
/* Paths narrower than their link (RFC 1191, RFC 8201), known to TCP, UDP and ICMP alike. The link takes 1,500
 * octets. Each test runs over IPv4 and IPv6. */
#include "stack/datagram.h"

#define HEADERS (IP_LEN + 20)
#define BASE (V4(1200u, 1280u) - HEADERS)

static struct estab_stack_status
host(struct peer *p)
{
    struct estab_stack_status st;

    estab_stack_status(p->stack, &st);
    return st;
}

static void
packet_too_big(struct peer *p, uint32_t mtu, const void *quote, uint32_t len)
{
    peer_sends_icmp_message(p, V4(3, 2), V4(4, 0), mtu, quote, len);
}

/* An echo of `len` octets; the first packet of the answer. */
static struct captured *
echo(struct peer *p, uint32_t id, uint32_t len)
{
    uint8_t *body = calloc(1, len);

    fill(body, len);
    peer_sends_icmp_message(p, V4(8, 128), 0, id, body, len);
    free(body);
    return peer_takes(p);
}

/* What is left of a packet in fragments of which the first has been taken: octets behind the IP headers. */
static uint32_t
rest(struct peer *p, uint32_t mtu)
{
    uint32_t n = 0;
    struct ip_header ip = { .more = true };

    while (ip.more) {
        struct captured *c = peer_takes(p);

        (void)estab_ip_parse(&ip, c->packet, c->packet_len, false);
        assert_true(ip.fragment && c->packet_len <= mtu);
        n += ip.payload_len;
    }
    return n;
}

/* RFC8201-4: over IPv6 the answer to an echo that a path does not take is told of by a router; the next one gets
 * through, in fragments, until the path is forgotten. Over IPv4 (RFC 1122 §3.2.2.6) routers may cut it themselves. */
TEST(the_answer_to_a_large_echo_gets_through_a_narrow_path)
{
    struct peer *p = peer_host(NULL);
    uint8_t quote[1400];
    struct captured *c;

    c = echo(p, 1, 1450);
    assert_int_equal(c->packet_len, IP_LEN + 8 + 1450);
    if (peer_family == 4) {
        assert_int_equal(c->packet[6] & 0x40, 0);
        assert_int_equal(echo(p, 2, 576 - 28)->packet[6] & 0x40, 0x40); /* every path takes it */
        peer_done(p);
        return;
    }
    memcpy(quote, c->packet, 1232);
    packet_too_big(p, 1400, quote, 1232);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    assert_int_equal(host(p).paths, 1);
    c = echo(p, 2, 1450);
    assert_in_range(c->packet_len, 1300, 1400);
    assert_int_equal(c->packet_len - 48 + rest(p, 1400), 8 + 1450);
    /* narrower still: the error quotes the first fragment */
    c = echo(p, 3, 1450);
    memcpy(quote, c->packet, 1232);
    (void)rest(p, 1400);
    packet_too_big(p, 1000, quote, 1232);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    c = echo(p, 4, 1450);
    assert_in_range(c->packet_len, 1200, 1280);
    (void)rest(p, 1280);
    assert_int_equal(echo(p, 5, 1200)->packet_len, 1248); /* what fits has no fragment header */
    time_passes(p, SEC(600));
    assert_int_equal(echo(p, 6, 1450)->packet_len, IP_LEN + 8 + 1450);
    assert_int_equal(host(p).paths, 0);
    peer_done(p);
}

/* RFC 5927 §4.1 as it can be kept for echo: what was not sent, what was too small to be dropped, and what names the
 * right packet but not the label that it had, is somebody's guess; one guess is all there is, and a true word
 * counts once.
 * vuln: ICMP frag-needed PMTU reduction */
TEST(an_error_about_an_echo_is_believed_once_and_by_its_label)
{
    struct peer *p = peer_host(NULL);
    uint8_t quote[600];
    struct captured *c;

    if (peer_family == 4) { /* none of ours asks routers for an error */
        c = echo(p, 1, 1450);
        memcpy(quote, c->packet, 548);
        packet_too_big(p, 1400, quote, 548);
        expect_verdict(p, DROP_ICMP_UNRELATED);
        peer_done(p);
        return;
    }
    c = echo(p, 1, 1450);
    assert_int_not_equal(get_be32(c->packet) & 0xfffff, 0);
    memcpy(quote, c->packet, 600);
    quote[47] ^= 1; /* another sequence number */
    packet_too_big(p, 1400, quote, 600);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    quote[47] ^= 1;
    quote[40] = 128; /* a request */
    packet_too_big(p, 1400, quote, 600);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    quote[40] = 129;
    packet_too_big(p, 1400, quote, 47); /* cut off */
    expect_verdict(p, DROP_ICMP_UNRELATED);
    peer_sends_icmp_message(p, 1, 4, 0, quote, 600); /* another error */
    expect_verdict(p, DROP_ICMP_UNRELATED);
    assert_int_equal(host(p).paths, 0);
    packet_too_big(p, 1500, quote, 600); /* what the link takes */
    expect_verdict(p, DROP_ICMP_UNRELATED);
    c = echo(p, 1, 1450);
    memcpy(quote, c->packet, 600);
    quote[3] ^= 1;
    packet_too_big(p, 1400, quote, 600);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    quote[3] ^= 1;
    packet_too_big(p, 1400, quote, 600);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    /* the same once more has another label */
    c = echo(p, 1, 1450);
    assert_memory_not_equal(c->packet, quote, 4);
    memcpy(quote, c->packet, 600);
    packet_too_big(p, 1400, quote, 600);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    packet_too_big(p, 1300, quote, 600);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    /* a small one */
    c = echo(p, 2, 1200);
    assert_int_equal(get_be32(c->packet) & 0xfffff, 0);
    memcpy(quote, c->packet, 600);
    packet_too_big(p, 1300, quote, 600);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    /* and after so many others nobody remembers */
    c = echo(p, 1, 1450);
    memcpy(quote, c->packet, 600);
    (void)rest(p, 1400);
    for (uint32_t i = 0; i < 16; i++) {
        (void)echo(p, 100 + i, 1450);
        (void)rest(p, 1400);
    }
    packet_too_big(p, 1300, quote, 600);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    peer_done(p);
}

/* Twenty thousand guesses at a label, each after an answer of its own. */
TEST(guessing_a_label_is_no_good)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    uint8_t quote[600];

    cfg.icmp_per_second = 1000000;
    p = peer_host_with(&cfg);
    for (uint32_t i = 0; peer_family == 6 && i < 20000; i++) {
        struct captured *c = echo(p, 1, 1300);
        uint32_t label = get_be32(c->packet) & 0xfffff, guess = i * 52;

        memcpy(quote, c->packet, 600);
        put_be32(quote, 6u << 28 | (guess != label ? guess : 0));
        packet_too_big(p, 1280, quote, 600);
        expect_verdict(p, DROP_ICMP_UNRELATED);
        time_passes(p, US(10));
    }
    assert_int_equal(host(p).paths, 0);
    peer_done(p);
}

/* RFC8201-5.2, RFC1191-MSS: what a datagram has met, a connection begins with: its segments are as large as the
 * path takes, the MSS it announces is the link's. */
TEST(a_connection_begins_with_what_a_datagram_has_met)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    static uint8_t text[2000];
    uint8_t quote[600];
    struct captured *c;
    estab_udp u;

    cfg.initial_window = 2;
    p = peer_of_listener_with(&cfg);
    u = user_binds(p, 53, NULL);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1450), 1450);
    c = peer_takes(p);
    memcpy(quote, c->packet, 548);
    packet_too_big(p, 1400, quote, 548);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    expect_event(p, ESTAB_SOFT_ERROR);
    p->conn = 0;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .mss = 1500 - HEADERS);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    assert_int_equal(user_status(p).mss, 1400 - HEADERS);
    assert_int_equal(user_sends(p, 5000), 5000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 1400 - HEADERS);
    assert_int_equal(user_status(p).tcb.cwnd, 2 * (1400 - HEADERS));
    peer_done_quietly(p);
}

/* The other way round: what is said to TCP, with the checks of RFC 5927, serves datagrams and echoes. */
TEST(datagrams_know_what_a_connection_was_told)
{
    struct peer *p = peer_in_established();
    struct estab_udp_options opt = p->cfg.udp;
    static uint8_t text[2000];
    estab_conn conn = p->conn;
    struct captured *c;
    estab_udp u;

    user_sends(p, 5000);
    peer_forgets(p);
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1300, ISS + 1 - 5000); /* nothing in flight */
    expect_verdict(p, DROP_ICMP_UNRELATED);
    assert_int_equal(host(p).paths, 0);
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1300, ISS + 1);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    peer_forgets(p);
    assert_int_equal(host(p).paths, 1);
    u = user_binds(p, 53, NULL);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1400), 1400);
    c = peer_takes(p);
    assert_in_range(c->packet_len, 1250, 1300);
    assert_in_range(rest(p, 1300), 1, 200);
    opt.dont_fragment = true;
    assert_int_equal(estab_udp_set_options(p->stack, u, &opt, p->now), 0);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1301 - IP_LEN - 8), -ESTAB_EMSGSIZE);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1300 - IP_LEN - 8), 1300 - IP_LEN - 8);
    assert_int_equal(peer_takes(p)->packet_len, 1300);
    assert_in_range(echo(p, 1, 1400)->packet_len, 1250, 1300);
    (void)rest(p, 1300);
    p->conn = conn;
    peer_done_quietly(p);
}

/* RFC4821-7.7-BH: a black hole that a connection has left is known when its smaller segments have got through, not
 * before: a peer that is gone makes no path narrow. A probe that arrives takes it back. */
TEST(a_black_hole_is_known_to_others_when_it_is_proven)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    uint32_t una = ISS + 1 + BASE, i, end;

    cfg.tcp.cc = ESTAB_CC_RENO;
    p = peer_of_listener_with(&cfg);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .sackok = true, .ws = 8);
    peer_forgets(p);
    time_passes(p, MS(100));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    user_sends(p, 20000);
    while (user_status(p).mss > BASE) {
        peer_forgets(p);
        (void)time_until_sent(p, SEC(10));
    }
    assert_int_equal(host(p).paths, 0);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = una);
    assert_int_equal(host(p).paths, 1);
    assert_in_range(echo(p, 1, 1450)->packet_len, 1, BASE + HEADERS);
    for (i = 0; i < 60 && host(p).paths == 1; i++) { /* all arrives, the probe too */
        time_passes(p, MS(100));
        for (end = una; p->n > 0;) {
            struct captured *c = peer_takes(p);

            if (c->proto == IP_PROTO_TCP && c->seg.seq - p->iss + ISS + c->seg.len - end < 1u << 30)
                end = c->seg.seq - p->iss + ISS + c->seg.len;
        }
        una = end;
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = una);
        while (user_sends(p, 20000) > 0)
            ;
    }
    assert_int_equal(host(p).paths, 0);
    assert_int_equal(user_status(p).mss, 1500 - HEADERS);
    peer_done_quietly(p);
}

/* A link that takes less than every path is said to: what is larger than it leaves in fragments. */
TEST(an_echo_over_the_smallest_link_leaves_in_fragments)
{
    struct peer *p = peer_host(NULL);
    struct estab_link link = { .mtu = 296 };
    struct estab_addr ours;
    uint8_t packet[600], out[600];
    struct estab_frame f = { .data = packet }, got = { .data = out, .cap = sizeof(out) };
    struct ip_header ip = { .more = true };
    uint32_t n, sum = 0;

    if (peer_family == 6) { /* has no such links (RFC 8200 §5) */
        peer_done(p);
        return;
    }
    assert_int_equal(estab_addr_parse(&ours, "10.9.0.1"), 0);
    assert_int_equal(estab_stack_add_interface(p->stack, &link), 2);
    assert_int_equal(estab_stack_add_address(p->stack, 2, &ours, 24), 0);
    fill(packet + 28, 400);
    n = estab_icmp_write(packet + 20, 4, 8, 0, 1, packet + 28, 400, p->them.addr.bytes, ours.bytes);
    f.len = 20 + n;
    (void)estab_ip_write(packet, 4, IP_PROTO_ICMP, 64, 0, p->them.addr.bytes, ours.bytes, 0, n);
    estab_stack_input(p->stack, 2, &f, 1, p->now);
    while (ip.more) {
        assert_int_equal(estab_stack_output(p->stack, 2, &got, 1, p->now), 1);
        assert_in_range(got.len, 21, 296);
        (void)estab_ip_parse(&ip, out, got.len, false);
        sum += ip.payload_len;
    }
    assert_int_equal(sum, 408);
    peer_done(p);
}

/* RFC2675-JUMBO: an MSS of 65,535 is no size: segments are as large as the link takes, or the path. */
TEST(the_largest_mss_means_the_path_decides)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 65535);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    user_sends(p, 5000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 1500 - HEADERS);
    peer_forgets(p);
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1300, ISS + 1);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    assert_int_equal(user_status(p).mss, 1300 - HEADERS);
    peer_done_quietly(p);
}

/* ---- routes ---- */

static const unsigned host_bits[2] = { 32, 128 };

/* The route to the peer alone, of packets up to `mtu`. */
static void
route_takes(struct peer *p, uint32_t mtu)
{
    unsigned bits = host_bits[peer_family == 6];

    assert_int_equal(estab_stack_add_route(p->stack, p->ifindex, &p->them.addr, bits), 0);
    assert_int_equal(
        estab_stack_set_route_mtu(p->stack, p->ifindex, &p->them.addr, bits, NULL, mtu), 0);
}

/* SHLD-6, MUST-67, SHLD-5: the MSS that is offered, in a SYN,ACK, in one that answers without a record
 * and in a SYN, and the segments that are sent, are the route's, where that takes less than the link. */
TEST(the_mss_is_the_routes)
{
    for (unsigned cookies = 0; cookies <= 1; cookies++) {
        struct estab_config cfg = peer_config(NULL);
        struct peer *p;

        cfg.syn_cookies = cookies ? ESTAB_SYN_COOKIES_ALWAYS : ESTAB_SYN_COOKIES_NEVER;
        p = peer_of_listener_with(&cfg);
        route_takes(p, 1300);
        peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .mss = 1300 - HEADERS);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        user_sends(p, 5000);
        assert_in_range(peer_takes(p)->seg.len, 1200 - HEADERS, 1300 - HEADERS);
        peer_done_quietly(p);
    }
    {
        struct peer *p = peer_host(NULL);

        route_takes(p, 1300);
        user_opens(p);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .mss = 1300 - HEADERS);
        peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
        assert_int_equal(user_status(p).mss, 1300 - HEADERS);
        /* no probe goes beyond it, ten minutes later either */
        time_passes(p, SEC(700));
        user_sends(p, 20000);
        while (p->n > 0)
            assert_true(peer_takes(p)->packet_len <= 1300);
        peer_done_quietly(p);
    }
}

/* Datagrams too leave in fragments for the route, or not at all. */
TEST(datagrams_fit_the_route)
{
    struct peer *p = peer_host(NULL);
    static uint8_t text[1400];
    struct estab_udp_options o = p->cfg.udp;
    estab_udp u;

    route_takes(p, 1300);
    u = user_binds(p, 53, NULL);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1400), 1400);
    (void)rest(p, 1300);
    o.dont_fragment = true;
    u = user_binds(p, 54, &o);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1300 - IP_LEN - 8 + 1), -ESTAB_EMSGSIZE);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1300 - IP_LEN - 8), 1300 - IP_LEN - 8);
    assert_int_equal(peer_takes(p)->packet_len, 1300);
    peer_done_quietly(p);
}

/* A route's MTU: what it can be, whom it concerns, and that it can be taken back. */
TEST(a_route_has_an_mtu_of_its_own)
{
    struct peer *p = peer_of_listener();
    struct estab_addr other = p->them.addr;
    unsigned bits = host_bits[peer_family == 6];
    struct estab_route_info r;
    uint64_t cursor = 0;

    assert_int_equal(estab_stack_set_route_mtu(p->stack, p->ifindex, &other, bits, NULL, 1300),
                     -ESTAB_ENETUNREACH);
    other.bytes[peer_family == 6 ? 15 : 3] ^= 64;
    assert_int_equal(estab_stack_add_route(p->stack, p->ifindex, &other, bits), 0);
    for (unsigned i = 0; i < 3; i++) {
        const uint32_t wrong[] = { V4(67u, 1279u), 1501, 70000 };

        assert_int_equal(
            estab_stack_set_route_mtu(p->stack, p->ifindex, &other, bits, NULL, wrong[i]),
            -ESTAB_EINVAL);
    }
    assert_int_equal(
        estab_stack_set_route_mtu(p->stack, p->ifindex, &other, bits, NULL, V4(68u, 1280u)), 0);
    assert_true(estab_stack_next_route(p->stack, &cursor, &r));
    assert_int_equal(r.mtu, V4(68u, 1280u));
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460); /* not by that route */
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .mss = 1500 - HEADERS);
    peer_done_quietly(p);

    p = peer_of_listener();
    route_takes(p, 1300);
    assert_int_equal(estab_stack_set_route_mtu(p->stack, p->ifindex, &p->them.addr, bits, NULL, 0),
                     0);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .mss = 1500 - HEADERS);
    peer_done_quietly(p);
}

/* limit: max_paths 0: nothing is remembered, and nothing is believed of datagrams. */
TEST(a_host_may_remember_no_path)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    static uint8_t text[2000];
    uint8_t quote[600];
    estab_udp u;

    cfg.max_paths = 0;
    p = peer_host_with(&cfg);
    u = user_binds(p, 53, NULL);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1450), 1450);
    memcpy(quote, peer_takes(p)->packet, 548);
    packet_too_big(p, 1400, quote, 548);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    assert_int_equal(user_sends_udp(p, u, 9, text, 1450), 1450);
    assert_int_equal(peer_takes(p)->packet_len, IP_LEN + 1458);
    peer_done(p);
}
