/* SPDX-License-Identifier: MIT */
/* UDP endpoints: RFC 768, RFC 1122 §4.1, RFC 8085. Each test runs over IPv4 and IPv6. */
#include "stack/datagram.h"

/* What the peer sends to a bound port is received whole, with where it came from. */
TEST(a_datagram_comes_to_who_has_bound_its_port)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    struct estab_udp_message from;
    char buf[100];

    assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, sizeof(buf), p->now),
                     -ESTAB_EAGAIN);
    peer_sends_udp(p, 4000, 53, "question", 8);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    expect_event(p, ESTAB_READABLE);
    assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, sizeof(buf), p->now), 8);
    assert_memory_equal(buf, "question", 8);
    assert_true(estab_addr_equal(&from.remote.addr, &p->them.addr));
    assert_true(estab_addr_equal(&from.local, &p->us.addr));
    assert_int_equal(from.remote.port, 4000);
    assert_int_equal(from.ifindex, 1);
    assert_int_equal(from.ttl, 64);
    assert_int_equal(from.len, 8);
    assert_false(from.multicast);
    assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, sizeof(buf), p->now),
                     -ESTAB_EAGAIN);
    peer_done(p);
}

/* Boundaries are kept: one call, one datagram; what does not fit is gone, and its length is told. An
 * empty datagram is one too. */
TEST(datagrams_keep_their_boundaries)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    struct estab_udp_message from;
    char buf[100];

    peer_sends_udp(p, 4000, 53, "one", 3);
    peer_sends_udp(p, 4001, 53, "", 0);
    peer_sends_udp(p, 4002, 53, "three", 5);
    assert_int_equal(udp_status(p, u).waiting, 3);
    assert_int_equal(udp_status(p, u).waiting_bytes, 8);
    assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, 2, p->now), 2);
    assert_memory_equal(buf, "on", 2);
    assert_int_equal(from.len, 3);
    p->events = 0;
    assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, sizeof(buf), p->now), 0);
    assert_int_equal(from.remote.port, 4001);
    time_passes(p, 0);
    expect_event(p, ESTAB_READABLE); /* more wait */
    assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, sizeof(buf), p->now), 5);
    assert_memory_equal(buf, "three", 5);
    peer_done(p);
}

/* RFC 768: what is sent has both ports, its length and a checksum. */
TEST(what_is_sent_has_ports_length_and_checksum)
{
    struct peer *p = peer_host(NULL);
    struct estab_udp_options opt = p->cfg.udp;
    struct ip_header ip;
    struct udp_header h;
    estab_udp u;

    opt.ttl = 9;
    opt.dscp = 46;
    opt.ecn = 2;
    u = user_binds(p, 5353, &opt);
    assert_int_equal(user_sends_udp(p, u, 99, "hello", 5), 5);
    h = takes_udp(p, &ip);
    assert_int_equal(h.src_port, 5353);
    assert_int_equal(h.dst_port, 99);
    assert_int_equal(h.data_len, 5);
    assert_memory_equal(h.data, "hello", 5);
    assert_memory_equal(ip.src, p->us.addr.bytes, ADDR_LEN);
    assert_memory_equal(ip.dst, p->them.addr.bytes, ADDR_LEN);
    assert_int_equal(ip.ttl, 9);
    assert_int_equal(ip.tos, 46 << 2 | 2);
    assert_int_equal(udp_status(p, u).sent, 1);
    peer_done(p);
}

/* RFC 768: a sum of 0 goes out as all ones (RFC1122-4.1.3.4): over all data of two octets one sum is 0. */
TEST(a_checksum_of_ours_is_never_zero)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 1, NULL);
    unsigned ones = 0;

    for (unsigned i = 0; i < 65536; i++) {
        uint8_t data[2] = { (uint8_t)(i >> 8), (uint8_t)i };
        struct ip_header ip;

        assert_int_equal(user_sends_udp(p, u, 2, data, 2), 2);
        (void)takes_udp(p, &ip);
        ones += get_be16(ip.payload + 6) == 0xffff;
    }
    assert_int_equal(ones, 1);
    peer_done(p);
}

/* RFC1122-4.1.3.4: a datagram with a wrong checksum is dropped; nobody is woken by it, however many come
 * (CVE-2015-5364), and nobody is answered.
 * vuln: UDP checksum flood / empty-queue wake */
TEST(a_wrong_checksum_wakes_nobody)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t packet[100];
    struct estab_endpoint to = { .addr = p->us.addr, .port = 53 };
    uint32_t len = write_udp(packet, &p->them, &to, "text", 4);

    for (unsigned i = 0; i < 100000; i++) {
        put_be16(packet + IP_LEN + 6, i % 65535 + 1);
        if (i % 65535 + 1 == 0xffff || i == 0)
            len = write_udp(packet, &p->them, &to, "text", 4), packet[len - 1] ^= 1;
        if (get_be16(packet + IP_LEN + 6) != 0) {
            struct ip_header ip;
            struct udp_header h;

            assert_int_equal(estab_ip_parse(&ip, packet, len, true), ESTAB_SEG_NONE);
            assert_int_equal(estab_udp_parse(&h, &ip), ESTAB_SEG_NONE);
            if (estab_udp_checksum_is_right(&h, &ip))
                continue; /* the one that is right */
        }
        peer_sends_raw(p, packet, len);
        expect_verdict(p, DROP_UDP_CHECKSUM);
    }
    expect_no_event(p);
    assert_int_equal(udp_status(p, u).waiting, 0);
    put_be16(packet + IP_LEN + 2, 54); /* a port that nobody has */
    peer_sends_raw(p, packet, len);
    expect_verdict(p, DROP_UDP_CHECKSUM);
    peer_done(p);
}

/* RFC1122-4.1.3.4, RFC8200-8.1-UDP0: a checksum of 0 means none over IPv4, and is refused over IPv6. */
TEST(no_checksum_is_taken_over_ipv4_only)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t packet[100];
    struct estab_endpoint to = { .addr = p->us.addr, .port = 53 };
    uint32_t len = write_udp(packet, &p->them, &to, "text", 4);

    put_be16(packet + IP_LEN + 6, 0);
    peer_sends_raw(p, packet, len);
    if (peer_family == 4)
        expect_verdict(p, ACCEPTED_DATAGRAM);
    else
        expect_verdict(p, DROP_UDP_NO_CHECKSUM);
    assert_int_equal(udp_status(p, u).waiting, peer_family == 4);
    peer_done(p);
}

/* RFC768-LEN: every length from 0 to more than there is; only 8 to the payload's are taken, and only
 * those octets are the user's.
 * vuln: UDP length field inconsistency */
TEST(every_length_field_is_checked)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t packet[100], buf[100];
    struct estab_endpoint to = { .addr = p->us.addr, .port = 53 };
    uint32_t len = write_udp(packet, &p->them, &to, "0123456789", 10);

    for (uint32_t field = 0; field < 65536; field += field < 40 ? 1 : 97) {
        uint64_t sum;
        uint16_t c;

        put_be16(packet + IP_LEN + 4, field);
        put_be16(packet + IP_LEN + 6, 0);
        if (field >= 8 && field <= 18) {
            sum = estab_csum_pseudo(p->them.addr.bytes, p->us.addr.bytes, ADDR_LEN, 17, field);
            c = (uint16_t)~csum_fold(estab_csum_add(packet + IP_LEN, field, sum));
            memcpy(packet + IP_LEN + 6, &c, 2);
        }
        peer_sends_raw(p, packet, len);
        if (field < 8 || field > 18) {
            expect_verdict(p, DROP_UDP_HEADER);
            continue;
        }
        expect_verdict(p, ACCEPTED_DATAGRAM);
        assert_int_equal(estab_udp_receive(p->stack, u, NULL, buf, sizeof(buf), p->now), field - 8);
    }
    for (uint32_t cut = 0; cut < 8; cut++) { /* not even a header */
        (void)estab_ip_write(packet, peer_family, 17, 64, 0, p->them.addr.bytes, p->us.addr.bytes,
                             0, cut);
        peer_sends_raw(p, packet, IP_LEN + cut);
        expect_verdict(p, DROP_UDP_HEADER);
    }
    peer_done(p);
}

TEST(port_zero_is_nobodys_but_may_be_a_source)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);

    peer_sends_udp(p, 4000, 0, "x", 1);
    expect_verdict(p, DROP_PORT_ZERO);
    peer_sends_udp(p, 0, 53, "x", 1); /* no answer wanted */
    expect_verdict(p, ACCEPTED_DATAGRAM);
    assert_int_equal(user_sends_udp(p, u, 0, "x", 1), -ESTAB_EINVAL);
    peer_done(p);
}

/* RFC1122-4.1.3.1: nobody has the port: port unreachable, which quotes the datagram. */
TEST(a_port_nobody_has_is_unreachable)
{
    struct peer *p = peer_host(NULL);
    struct captured *c;

    peer_sends_udp(p, 4000, 53, "question", 8);
    expect_verdict(p, DROP_UDP_NO_ENDPOINT);
    c = peer_takes(p);
    assert_int_equal(c->reason, ESTAB_WHY_UNREACHABLE);
    assert_int_equal(c->packet[IP_LEN], V4(3, 1));
    assert_int_equal(c->packet[IP_LEN + 1], V4(3, 4));
    assert_memory_equal(c->packet + 2 * IP_LEN + 8 + UDP_HEADER, "question", 8);
    peer_done(p);
}

/* The connected endpoint gets what both ends name; then the one of the address; then that of the
 * port. */
TEST(the_nearest_match_gets_a_datagram)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint one = { .addr = p->us.addr, .port = 53 };
    struct estab_endpoint remote = { .addr = p->them.addr, .port = 4000 };
    estab_udp any = user_binds(p, 53, NULL), address, connected;

    peer_sends_udp(p, 4000, 53, "a", 1);
    assert_int_equal(udp_status(p, any).waiting, 1);
    assert_int_equal(estab_udp_open(p->stack, &one, NULL, &connected, p->now), 0);
    peer_sends_udp(p, 4000, 53, "b", 1);
    assert_int_equal(udp_status(p, connected).waiting, 1);
    assert_int_equal(estab_udp_connect(p->stack, connected, &remote, p->now), 0);
    assert_int_equal(estab_udp_open(p->stack, &one, NULL, &address, p->now), 0);
    peer_sends_udp(p, 4000, 53, "c", 1);
    peer_sends_udp(p, 4001, 53, "d", 1);
    assert_int_equal(udp_status(p, connected).waiting, 2);
    assert_int_equal(udp_status(p, address).waiting, 1);
    assert_int_equal(udp_status(p, any).waiting, 1);
    /* what stands open is open to nobody else */
    assert_int_equal(estab_udp_open(p->stack, &one, NULL, &any, p->now), -ESTAB_EADDRINUSE);
    assert_int_equal(estab_udp_connect(p->stack, connected, NULL, p->now), -ESTAB_EADDRINUSE);
    peer_done(p);
}

/* Connected: sends without an address, refuses other senders, and is itself again afterwards. */
TEST(a_connected_endpoint_has_one_peer)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint remote = { .addr = p->them.addr, .port = 4000 };
    estab_udp u = user_binds(p, 0, NULL);
    uint16_t port = udp_status(p, u).local.port;
    struct ip_header ip;

    assert_int_equal(estab_udp_send(p->stack, u, NULL, "x", 1, p->now), -ESTAB_ENOTCONN);
    assert_int_equal(estab_udp_connect(p->stack, u, &remote, p->now), 0);
    assert_memory_equal(udp_status(p, u).local.addr.bytes, p->us.addr.bytes, 16);
    assert_int_equal(udp_status(p, u).remote.port, 4000);
    assert_int_equal(estab_udp_send(p->stack, u, NULL, "x", 1, p->now), 1);
    time_passes(p, 0);
    assert_int_equal(takes_udp(p, &ip).dst_port, 4000);
    peer_sends_udp(p, 4000, port, "y", 1);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    peer_sends_udp(p, 4001, port, "z", 1);
    expect_verdict(p, DROP_UDP_NO_ENDPOINT);
    peer_forgets(p);
    assert_int_equal(estab_udp_connect(p->stack, u, NULL, p->now), 0);
    assert_memory_equal(udp_status(p, u).local.addr.bytes, (uint8_t[16]){ 0 }, 16);
    peer_sends_udp(p, 4001, port, "z", 1);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    peer_done(p);
}

/* RFC 6056 §3: within the range, in no order, not one in use; another host picks others. */
TEST(ephemeral_ports_cannot_be_foreseen)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    uint16_t port[20];
    unsigned rising = 0;
    struct estab_endpoint any = { .addr = { .family = V4(ESTAB_INET, ESTAB_INET6) } };
    estab_udp u;

    cfg.port_min = 40000;
    cfg.port_max = 40019;
    p = peer_host_with(&cfg);
    for (unsigned i = 0; i < 20; i++) {
        u = user_binds(p, 0, NULL);
        port[i] = udp_status(p, u).local.port;
        assert_in_range(port[i], 40000, 40019);
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(port[k], port[i]);
        rising += i > 0 && port[i] == port[i - 1] + 1;
    }
    assert_in_range(rising, 0, 8);
    assert_int_equal(estab_udp_open(p->stack, &any, NULL, &u, p->now), -ESTAB_EADDRNOTAVAIL);
    peer_done(p);
}

/* limit: receive_count_max and receive_bytes_max. What does not fit is dropped and counted; memory comes
 * back when the queue is empty. */
TEST(a_full_queue_drops_what_comes)
{
    struct peer *p = peer_host(NULL);
    struct estab_udp_options opt = p->cfg.udp;
    struct estab_stack_status st;
    uint8_t data[1000];
    estab_udp u;

    opt.receive_count_max = 3;
    opt.receive_bytes_max = 4096 + 500; /* a ring of 4096 */
    u = user_binds(p, 53, &opt);
    for (unsigned i = 0; i < 3; i++) {
        peer_sends_udp(p, 4000, 53, "x", 1);
        expect_verdict(p, ACCEPTED_DATAGRAM);
    }
    peer_sends_udp(p, 4000, 53, "x", 1);
    expect_verdict(p, DROP_UDP_QUEUE_FULL);
    expect_nothing_sent(p); /* not unreachable: somebody has the port */
    assert_int_equal(udp_status(p, u).dropped, 1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(estab_udp_receive(p->stack, u, NULL, data, 1, p->now), 1);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.ring_bytes, 0);
    opt.receive_count_max = 100;
    assert_int_equal(estab_udp_set_options(p->stack, u, &opt, p->now), 0);
    fill(data, sizeof(data));
    for (unsigned i = 0; i < 4; i++)
        peer_sends_udp(p, 4000, 53, data, sizeof(data));
    expect_verdict(p, DROP_UDP_QUEUE_FULL); /* three with their headers are all of it */
    assert_int_equal(udp_status(p, u).waiting, 3);
    assert_int_equal(udp_status(p, u).ring, 4096);
    assert_int_equal(estab_udp_close(p->stack, u, p->now), 0);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.ring_bytes + st.record_bytes, 0);
    peer_done(p);
}

/* limit: max_udp, and memory. */
TEST(endpoints_have_a_limit)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    struct estab_endpoint any = { .addr = { .family = V4(ESTAB_INET, ESTAB_INET6) } };
    estab_udp u, first;

    cfg.max_udp = 2;
    p = peer_host_with(&cfg);
    first = user_binds(p, 0, NULL);
    (void)user_binds(p, 0, NULL);
    assert_int_equal(estab_udp_open(p->stack, &any, NULL, &u, p->now), -ESTAB_ENOBUFS);
    assert_int_equal(u, 0);
    assert_int_equal(estab_udp_close(p->stack, first, p->now), 0);
    assert_int_equal(estab_udp_close(p->stack, first, p->now), -ESTAB_EBADF); /* stale */
    assert_int_equal(estab_udp_open(p->stack, &any, NULL, &u, p->now), 0);
    peer_done(p);
}

TEST(what_cannot_be_bound_or_sent_to_is_refused)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint at = { .addr = p->them.addr, .port = 53 }, none = { .port = 53 };
    struct estab_udp_message to = { .remote = { .addr = p->them.addr, .port = 1 } };
    struct estab_udp_options opt = p->cfg.udp;
    static uint8_t large[65536];
    estab_udp u;

    assert_int_equal(estab_udp_open(p->stack, &at, NULL, &u, p->now), -ESTAB_EADDRNOTAVAIL);
    assert_int_equal(estab_udp_open(p->stack, &none, NULL, &u, p->now), -ESTAB_EAFNOSUPPORT);
    opt.ttl = 0;
    at.addr = p->us.addr;
    assert_int_equal(estab_udp_open(p->stack, &at, &opt, &u, p->now), -ESTAB_EINVAL);
    u = user_binds(p, 53, NULL);
    assert_int_equal(estab_udp_send(p->stack, u, &to, large, V4(65508, 65528), p->now),
                     -ESTAB_EMSGSIZE);
    to.remote.addr = peer_family == 4 ? estab_addr_v4(198, 51, 100, 1)
                                      : (struct estab_addr){ .family = 6, .bytes = { 0x20, 2 } };
    assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), -ESTAB_ENETUNREACH);
    to.remote.addr.family = (uint8_t)V4(ESTAB_INET6, ESTAB_INET);
    assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), -ESTAB_EAFNOSUPPORT);
    to.remote.addr = (struct estab_addr){ .family = p->us.addr.family };
    assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), -ESTAB_EINVAL);
    peer_done(p);
}

/* Datagrams wait in the interface's queue; when it is full the call refuses, and tells when not. */
TEST(a_full_interface_refuses_and_then_tells)
{
    struct peer *p = peer_host(NULL);
    struct estab_udp_message to = { .remote = { .addr = p->them.addr, .port = 1 } };
    estab_udp u = user_binds(p, 53, NULL);
    uint8_t data[1400] = { 0 };
    unsigned n = 0;
    ptrdiff_t r;

    while ((r = estab_udp_send(p->stack, u, &to, data, sizeof(data), p->now)) > 0)
        n++;
    assert_int_equal(r, -ESTAB_EAGAIN);
    assert_in_range(n, 70, 100);
    time_passes(p, 0);
    expect_event(p, ESTAB_WRITABLE);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(peer_takes(p)->reason, ESTAB_WHY_DATAGRAM);
    assert_int_equal(user_sends_udp(p, u, 1, data, 1), 1);
    peer_forgets(p);
    peer_done(p);
}

/* Ourselves: over the loopback, never the wire. */
TEST(endpoints_of_one_host_reach_each_other)
{
    struct peer *p = peer_host(NULL);
    estab_udp a = user_binds(p, 1000, NULL), b = user_binds(p, 2000, NULL);
    struct estab_udp_message to = { .remote = { .addr = p->us.addr, .port = 2000 } }, from;
    char buf[8];

    assert_int_equal(estab_udp_send(p->stack, a, &to, "hi", 2, p->now), 2);
    time_passes(p, 0);
    assert_int_equal(estab_udp_receive(p->stack, b, &from, buf, sizeof(buf), p->now), 2);
    assert_int_equal(from.remote.port, 1000);
    assert_int_equal(from.ifindex, 0);
    peer_done(p);
}

/* RFC 1122 §4.1.3.3, over the loopback: a port of ours that nobody has refuses at once. */
TEST(a_port_of_our_own_that_nobody_has_refuses)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint to = { .addr = p->us.addr, .port = 9 };
    estab_udp u = user_binds(p, 0, NULL);
    char buf[8];

    assert_int_equal(estab_udp_connect(p->stack, u, &to, p->now), 0);
    assert_int_equal(estab_udp_send(p->stack, u, NULL, "x", 1, p->now), 1);
    time_passes(p, 0);
    expect_event(p, ESTAB_SOFT_ERROR);
    assert_int_equal(estab_udp_receive(p->stack, u, NULL, buf, 8, p->now), -ESTAB_ECONNREFUSED);
    assert_int_equal(estab_udp_receive(p->stack, u, NULL, buf, 8, p->now), -ESTAB_EAGAIN);
    peer_done(p);
}

/* Memory that runs out: nothing is taken half, and all of it comes back. */
TEST(without_memory_a_datagram_is_dropped_and_a_call_refused)
{
    struct estab_config cfg = peer_config("tiny");
    struct peer *p;
    struct estab_endpoint any = { .addr = { .family = V4(ESTAB_INET, ESTAB_INET6) } };
    estab_udp u, v;

    p = peer_host_with(&cfg);
    p->fail_at = p->gets + 1; /* not even the table */
    assert_int_equal(estab_udp_open(p->stack, &any, NULL, &v, p->now), -ESTAB_ENOMEM);
    assert_int_equal(v, 0);
    p->fail_at = 0;
    u = user_binds(p, 53, NULL);
    p->fail_at = p->gets + 1;
    peer_sends_udp(p, 4000, 53, "x", 1);
    expect_verdict(p, DROP_NO_MEMORY);
    assert_int_equal(udp_status(p, u).dropped, 1);
    p->fail_at = 0;
    peer_sends_udp(p, 4000, 53, "x", 1);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    peer_done(p);
}

/* limit: groups of an endpoint and of the host. */
TEST(groups_have_a_limit)
{
    struct peer *p = peer_host(NULL);
    struct estab_addr group;
    estab_udp u[9];
    unsigned n = 0;

    assert_int_equal(estab_addr_parse(&group, V4("239.0.0.1", "ff05::1")), 0);
    for (unsigned i = 0; i < 9; i++) {
        u[i] = user_binds(p, 0, NULL);
        for (unsigned k = 0; k < ESTAB_UDP_GROUPS_MAX; k++, n++) {
            int err;

            put_be16(group.bytes + ADDR_LEN - 2, n + 1);
            err = estab_udp_join(p->stack, u[i], 1, &group, p->now);
            assert_int_equal(err, n < 64 ? 0 : -ESTAB_ENOBUFS);
        }
        put_be16(group.bytes + ADDR_LEN - 2, 999);
        assert_int_equal(estab_udp_join(p->stack, u[i], 1, &group, p->now), -ESTAB_ENOBUFS);
    }
    assert_int_equal(estab_udp_close(p->stack, u[0], p->now), 0); /* its eight are free again */
    assert_int_equal(estab_udp_join(p->stack, u[8], 1, &group, p->now), 0);
    peer_done(p);
}

/* RFC 1122 §3.2.1.3 (g): nothing leaves from 127.0.0.1 or ::1, neither a datagram nor a SYN; to ourselves it does. */
TEST(the_loopback_address_does_not_leave_the_host)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint at = { .port = 1000 }, remote = { .addr = p->them.addr, .port = 53 };
    struct estab_udp_message to = { .remote = remote };
    estab_udp u;
    estab_conn c;

    assert_int_equal(estab_addr_parse(&at.addr, V4("127.0.0.1", "::1")), 0);
    assert_int_equal(estab_udp_open(p->stack, &at, NULL, &u, p->now), 0);
    assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), -ESTAB_EADDRNOTAVAIL);
    to.local = at.addr;
    assert_int_equal(estab_udp_send(p->stack, user_binds(p, 0, NULL), &to, "x", 1, p->now),
                     -ESTAB_EADDRNOTAVAIL);
    assert_int_equal(estab_connect(p->stack, &at, &remote, NULL, &c, p->now), -ESTAB_EADDRNOTAVAIL);
    to.remote = at;
    assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), 1);
    time_passes(p, 0);
    assert_int_equal(udp_status(p, u).received, 1);
    expect_nothing_sent(p);
    peer_done(p);
}

/* RFC 4007 §6: a link-local address is one of its zone: the interface that the zone names is used, by a connected endpoint
 * as well, and told of what comes. */
TEST(a_zone_names_the_interface)
{
    struct peer *p = peer_host(NULL);
    struct estab_link link = { .mtu = 1500 };
    struct estab_addr ours;
    struct estab_endpoint remote = { .port = 53 };
    struct estab_udp_message from, to = { .ifindex = 0 };
    uint8_t packet[1500], buf[8];
    struct estab_frame f = { .data = packet, .cap = sizeof(packet) };
    struct estab_endpoint us = { .port = 1000 };
    estab_udp u;

    if (peer_family == 4) { /* has none */
        peer_done(p);
        return;
    }
    assert_int_equal(estab_stack_add_interface(p->stack, &link), 2);
    assert_int_equal(estab_addr_parse(&ours, "fe80::1"), 0);
    assert_int_equal(estab_stack_add_address(p->stack, 1, &ours, 64), 0);
    assert_int_equal(estab_addr_parse(&us.addr, "fe80::2:1"), 0);
    assert_int_equal(estab_stack_add_address(p->stack, 2, &us.addr, 64), 0);
    assert_int_equal(estab_addr_parse(&remote.addr, "fe80::99"), 0);
    remote.addr.zone = 2;
    u = user_binds(p, 1000, NULL);
    to.remote = remote;
    assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), 1);
    assert_int_equal(estab_stack_output(p->stack, 2, &f, 1, p->now), 1);
    assert_memory_equal(packet + 8, us.addr.bytes, 16);
    assert_int_equal(estab_udp_connect(p->stack, u, &remote, p->now), 0);
    assert_int_equal(estab_udp_send(p->stack, u, NULL, "x", 1, p->now), 1);
    assert_int_equal(estab_stack_output(p->stack, 2, &f, 1, p->now), 1);
    f.len = write_udp(packet, &remote, &us, "y", 1);
    estab_stack_input(p->stack, 2, &f, 1, p->now);
    assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, 8, p->now), 1);
    assert_int_equal(from.remote.addr.zone, 2);
    peer_done(p);
}

/* RFC1122-4.1.3.6: our own address, the loopback's, a group's or the unspecified one is no source.
 * vuln: Loopback/own source from wire */
TEST(a_source_that_cannot_be_is_dropped)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 53, NULL);
    const char *bad4[] = {
        "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", NULL, "240.0.0.1"
    };
    const char *bad6[] = { "::1", "ff02::1", "::", "ff0e::5", NULL, "ff01::1" };
    struct estab_endpoint from = { .port = 4000 }, to = { .addr = p->us.addr, .port = 53 };
    uint8_t packet[100];

    for (unsigned i = 0; i < 6; i++) {
        const char *text = V4(bad4, bad6)[i];

        from.addr = p->us.addr;
        if (text != NULL)
            assert_int_equal(estab_addr_parse(&from.addr, text), 0);
        peer_sends_raw(p, packet, write_udp(packet, &from, &to, "x", 1));
        expect_verdict(p, DROP_IP_SOURCE);
    }
    from.addr = p->them.addr; /* and to the loopback */
    assert_int_equal(estab_addr_parse(&to.addr, V4("127.0.0.1", "::1")), 0);
    peer_sends_raw(p, packet, write_udp(packet, &from, &to, "x", 1));
    expect_verdict(p, DROP_IP_SOURCE);
    assert_int_equal(udp_status(p, u).waiting, 0);
    peer_done(p);
}

/* A group is received by who has joined it, on that interface, and by nobody else; nobody is told
 * that it is unreachable (RFC 1122 §3.2.2). */
TEST(a_group_is_received_by_who_has_joined_it)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 5353, NULL);
    struct estab_endpoint to = { .port = 5353 };
    struct estab_udp_message from;
    uint8_t packet[100], buf[10];

    assert_int_equal(estab_addr_parse(&to.addr, V4("224.0.0.251", "ff02::fb")), 0);
    peer_sends_raw(p, packet, write_udp(packet, &p->them, &to, "x", 1));
    expect_verdict(p, DROP_IP_NOT_OURS);
    assert_int_equal(estab_udp_join(p->stack, u, 1, &to.addr, p->now), 0);
    assert_int_equal(estab_udp_join(p->stack, u, 1, &to.addr, p->now), -ESTAB_EADDRINUSE);
    peer_sends_raw(p, packet, write_udp(packet, &p->them, &to, "x", 1));
    expect_verdict(p, ACCEPTED_DATAGRAM);
    assert_int_equal(estab_udp_receive(p->stack, u, &from, buf, sizeof(buf), p->now), 1);
    assert_true(from.multicast && estab_addr_equal(&from.local, &to.addr));
    to.port = 5354;
    peer_sends_raw(p, packet, write_udp(packet, &p->them, &to, "x", 1));
    expect_verdict(p, DROP_UDP_NO_ENDPOINT);
    expect_nothing_sent(p);
    to.port = 5353;
    assert_int_equal(estab_udp_leave(p->stack, u, 1, &to.addr, p->now), 0);
    assert_int_equal(estab_udp_leave(p->stack, u, 1, &to.addr, p->now), -ESTAB_EADDRNOTAVAIL);
    peer_sends_raw(p, packet, write_udp(packet, &p->them, &to, "x", 1));
    expect_verdict(p, DROP_IP_NOT_OURS);
    /* a group of one endpoint is not another's; and membership ends with the endpoint */
    assert_int_equal(estab_udp_join(p->stack, user_binds(p, 9, NULL), 1, &to.addr, p->now), 0);
    peer_sends_raw(p, packet, write_udp(packet, &p->them, &to, "x", 1));
    expect_verdict(p, DROP_UDP_NO_ENDPOINT);
    assert_int_equal(estab_udp_close(p->stack, p->conn, p->now), 0);
    peer_sends_raw(p, packet, write_udp(packet, &p->them, &to, "x", 1));
    expect_verdict(p, DROP_IP_NOT_OURS);
    assert_int_equal(estab_udp_join(p->stack, u, 1, &p->us.addr, p->now), -ESTAB_EINVAL);
    peer_done(p);
}

/* To a group with its own TTL; by broadcast only with the option. */
TEST(sending_to_many_is_a_decision)
{
    struct peer *p = peer_host(NULL);
    estab_udp u = user_binds(p, 5353, NULL);
    struct estab_udp_message to = { .remote = { .port = 5353 } };
    struct estab_udp_options opt = p->cfg.udp;
    struct ip_header ip;

    assert_int_equal(estab_addr_parse(&to.remote.addr, V4("224.0.0.251", "ff02::fb")), 0);
    assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), 1);
    time_passes(p, 0);
    (void)takes_udp(p, &ip);
    assert_int_equal(ip.ttl, 1);
    if (peer_family == 4) {
        to.remote.addr = estab_addr_v4(255, 255, 255, 255);
        assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), -ESTAB_EINVAL);
        opt.broadcast = true;
        assert_int_equal(estab_udp_set_options(p->stack, u, &opt, p->now), 0);
        assert_int_equal(estab_udp_send(p->stack, u, &to, "x", 1, p->now), 1);
        time_passes(p, 0);
        (void)takes_udp(p, &ip);
        assert_int_equal(ip.ttl, 64);
    }
    peer_done(p);
}

/* RFC 2131 §4.1: a host without an address sends from the unspecified one and receives the answer,
 * which may be addressed to what it does not have yet. */
TEST(a_host_without_an_address_can_ask_for_one)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_link link = { .mtu = 1500 };
    struct peer *p = peer_host_with(&cfg);
    struct estab_udp_options opt = p->cfg.udp;
    struct estab_udp_message to = { .remote = { .port = 67 } };
    struct estab_endpoint offered = { .port = 68 }, at = { .port = 68 };
    uint8_t packet[1500];
    struct estab_frame f = { .data = packet, .cap = sizeof(packet) };
    struct ip_header ip;
    estab_udp u;

    assert_int_equal(estab_stack_add_interface(p->stack, &link), 2);
    assert_int_equal(estab_addr_parse(&offered.addr, V4("198.51.100.7", "2001:db8:9::7")), 0);
    assert_int_equal(estab_addr_parse(&to.remote.addr, V4("255.255.255.255", "ff02::1:2")), 0);
    at.addr.family = p->us.addr.family;
    opt.unconfigured = opt.broadcast = true;
    opt.ifindex = 0;
    assert_int_equal(estab_udp_open(p->stack, &at, &opt, &u, p->now), -ESTAB_EINVAL);
    opt.ifindex = 2;
    assert_int_equal(estab_udp_open(p->stack, &at, &opt, &u, p->now), 0);
    assert_int_equal(estab_udp_send(p->stack, u, &to, "discover", 8, p->now), 8);
    assert_int_equal(estab_stack_output(p->stack, 2, &f, 1, p->now), 1);
    assert_int_equal(estab_ip_parse(&ip, packet, f.len, false), ESTAB_SEG_NONE);
    assert_memory_equal(ip.src, (uint8_t[16]){ 0 }, ADDR_LEN);

    f.len = write_udp(packet, &p->them, &offered, "offer", 5);
    estab_stack_input(p->stack, 2, &f, 1, p->now);
    expect_verdict(p, ACCEPTED_DATAGRAM);
    estab_stack_input(p->stack, 1, &f, 1, p->now); /* not on another interface */
    expect_verdict(p, DROP_IP_NOT_OURS);
    opt.unconfigured = false;
    assert_int_equal(estab_udp_set_options(p->stack, u, &opt, p->now), 0);
    estab_stack_input(p->stack, 2, &f, 1, p->now);
    expect_verdict(p, DROP_IP_NOT_OURS);
    peer_done(p);
}
