/* SPDX-License-Identifier: MIT */
/* Link-local addresses of TCP (RFC 4007): the same address on two links is two hosts. */
#include "stack/datagram.h"

enum { OTHER = 2 };

/* A host with fe80::1 on each of two links. */
static struct peer *
two_links(void)
{
    struct peer *p = peer_host(NULL);
    struct estab_link link = { .mtu = 1400 };
    struct estab_addr a;

    assert_int_equal(estab_stack_add_interface(p->stack, &link), OTHER);
    assert_int_equal(estab_addr_parse(&a, "fe80::1"), 0);
    assert_int_equal(estab_stack_add_address(p->stack, 1, &a, 64), 0);
    assert_int_equal(estab_stack_add_address(p->stack, OTHER, &a, 64), 0);
    return p;
}

static struct estab_endpoint
at(const char *addr, uint32_t zone, uint16_t port)
{
    struct estab_endpoint e = { .port = port };

    assert_int_equal(estab_addr_parse(&e.addr, addr), 0);
    e.addr.zone = zone;
    return e;
}

/* The segment that leaves by that interface; its length, 0: none does. */
static uint32_t
leaves(struct peer *p, unsigned ifindex, uint8_t packet[1500], struct tcp_seg *seg)
{
    struct estab_frame f = { .data = packet, .cap = 1500 };
    struct ip_header ip;

    if (estab_stack_output(p->stack, ifindex, &f, 1, p->now) == 0)
        return 0;
    assert_int_equal(estab_ip_parse(&ip, packet, f.len, false), ESTAB_SEG_NONE);
    assert_int_equal(estab_tcp_parse(seg, ip.payload, ip.payload_len), ESTAB_SEG_NONE);
    return f.len;
}

/* A segment from fe80::9 to fe80::1 arrives by that interface. */
static void
arrives(struct peer *p, unsigned ifindex, uint16_t from, uint16_t to, uint8_t ctl, uint32_t seq,
        uint32_t ack)
{
    struct estab_endpoint src = at("fe80::9", 0, from), dst = at("fe80::1", 0, to);
    struct tcp_seg seg = {
        .src_port = from, .dst_port = to, .seq = seq, .ack = ack, .ctl = ctl, .wnd = 65535
    };
    uint8_t packet[100];
    uint32_t len = estab_tcp_write(packet + 40, &seg, 0);
    struct estab_frame f = { .data = packet, .len = 40 + len };

    (void)estab_ip_write(packet, 6, IP_PROTO_TCP, 64, 0, src.addr.bytes, dst.addr.bytes, 0, len);
    peer_fixes_checksum(packet, 40 + len);
    estab_stack_input(p->stack, ifindex, &f, 1, p->now);
}

/* RFC 4007 §6: the zone says by which link; what comes by the other one is of somebody else. */
TEST(a_connection_is_opened_by_the_link_of_its_zone)
{
    struct peer *p;
    struct estab_endpoint to = at("fe80::9", OTHER, 80), from = at("fe80::1", 0, 5000);
    struct estab_status st;
    struct tcp_seg syn, seg;
    uint8_t packet[1500];
    estab_conn c;

    if (peer_family == 4)
        return;
    p = two_links();
    assert_int_equal(estab_connect(p->stack, &from, &to, NULL, &c, p->now), 0);
    assert_int_equal(leaves(p, 1, packet, &syn), 0);
    assert_in_range(leaves(p, OTHER, packet, &syn), 60, 100);
    assert_int_equal(syn.mss, 1400 - 60);
    arrives(p, 1, 80, 5000, CTL_SYN | CTL_ACK, 900, syn.seq + 1);
    expect_verdict(p, DROP_IP_NOT_OURS);
    arrives(p, 1, 80, 5000, CTL_RST | CTL_ACK, 900, syn.seq + 1);
    expect_verdict(p, DROP_IP_NOT_OURS);
    arrives(p, OTHER, 80, 5000, CTL_SYN | CTL_ACK, 900, syn.seq + 1);
    expect_verdict(p, ACCEPTED);
    assert_int_equal(estab_status(p->stack, c, &st), 0);
    assert_int_equal(st.state, ESTAB_TCPS_ESTABLISHED);
    assert_int_equal(st.remote.addr.zone, OTHER);
    assert_int_equal(st.local.addr.zone, OTHER);
    assert_in_range(leaves(p, OTHER, packet, &seg), 60, 100);
    /* an end of ours that is of another zone, a zone that is none */
    from = at("fe80::1", 1, 5001);
    assert_int_equal(estab_connect(p->stack, &from, &to, NULL, &c, p->now), -ESTAB_EADDRNOTAVAIL);
    from = at("fe80::1", 7, 5001);
    assert_int_equal(estab_connect(p->stack, &from, &to, NULL, &c, p->now), -ESTAB_EADDRNOTAVAIL);
    to.addr.zone = 7;
    assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), -ESTAB_ENETUNREACH);
    peer_done_quietly(p);
}

/* A listener of a zone, by address or for all of them, hears its own link; on the other one nobody is there. */
TEST(a_listener_of_a_zone_hears_its_link)
{
    static const char *const names[] = { "fe80::1", "::" };

    for (unsigned i = 0; i < 2 && peer_family == 6; i++) {
        struct peer *p = two_links();
        struct estab_endpoint here = at(names[i], OTHER, 80);
        struct estab_status st;
        struct tcp_seg seg;
        uint8_t packet[1500];
        estab_conn l, c;

        assert_int_equal(estab_listen(p->stack, &here, 4, NULL, &l, p->now), 0);
        arrives(p, 1, 700, 80, CTL_SYN, 100, 0);
        expect_verdict(p, DROP_NO_CONNECTION);
        assert_in_range(leaves(p, 1, packet, &seg), 60, 100);
        assert_int_equal(seg.ctl & CTL_RST, CTL_RST);
        arrives(p, OTHER, 700, 80, CTL_SYN, 100, 0);
        expect_verdict(p, ACCEPTED_SYN);
        assert_in_range(leaves(p, OTHER, packet, &seg), 60, 100);
        arrives(p, 1, 700, 80, CTL_ACK, 101, seg.seq + 1); /* of the half-open one */
        expect_verdict(p, DROP_IP_NOT_OURS);
        arrives(p, OTHER, 700, 80, CTL_ACK, 101, seg.seq + 1);
        expect_verdict(p, ACCEPTED);
        assert_int_equal(estab_accept(p->stack, l, &c, p->now), 0);
        assert_int_equal(estab_status(p->stack, c, &st), 0);
        assert_int_equal(st.remote.addr.zone, OTHER);
        /* TIME-WAIT is of that link, too */
        assert_int_equal(estab_close(p->stack, c, p->now), 0);
        assert_in_range(leaves(p, OTHER, packet, &seg), 60, 100);
        arrives(p, OTHER, 700, 80, CTL_FIN | CTL_ACK, 101, seg.seq + 1);
        while (leaves(p, OTHER, packet, &seg) > 0)
            ;
        arrives(p, 1, 700, 80, CTL_SYN, 200000, 0);
        expect_verdict(p, DROP_IP_NOT_OURS);
        arrives(p, OTHER, 700, 80, CTL_SYN, 200000, 0);
        expect_verdict(p, ACCEPTED_SYN_TIME_WAIT);
        peer_done_quietly(p);
    }
}

TEST(a_zone_that_is_none_is_refused)
{
    struct peer *p;
    struct estab_endpoint here;
    estab_conn l;

    if (peer_family == 4)
        return;
    p = two_links();
    here = at("fe80::1", 3, 80);
    assert_int_equal(estab_listen(p->stack, &here, 4, NULL, &l, p->now), -ESTAB_EADDRNOTAVAIL);
    here = at("::", 3, 80);
    assert_int_equal(estab_listen(p->stack, &here, 4, NULL, &l, p->now), -ESTAB_EADDRNOTAVAIL);
    here.addr = p->us.addr; /* ours, but not there */
    here.addr.zone = OTHER;
    assert_int_equal(estab_listen(p->stack, &here, 4, NULL, &l, p->now), -ESTAB_EADDRNOTAVAIL);
    peer_done(p);
}
