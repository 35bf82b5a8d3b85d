/* SPDX-License-Identifier: MIT */
/* ICMP and IP around TCP: RFC 9293 §3.9.2, RFC 5927, RFC 1122 §3.2. */
#include "harness/peer.h"

#include "wire/icmp.h"
#include "wire/ip_header.h"
#include "wire/udp.h"

#include <stdlib.h>
#include <string.h>

#define V4(four, six) (peer_family == 4 ? (four) : (six))

/* SHLD-26, RFC5927-5.2-SYN, RFC5461-4: port unreachable while the SYN is out: refused. */
TEST(hard_error_ends_an_attempt_to_open)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends_icmp(p, V4(3, 1), V4(3, 4), 0, ISS);
    expect_verdict(p, ACCEPTED_HARD_ERROR);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_status(p).error, -ESTAB_ECONNREFUSED);
    expect_nothing_sent(p);
    peer_done(p);
}

/* MUST-56, RFC5927-5.2-HARD, CVE-2004-0790: nothing of ICMP ends an established connection. MUST-47: it is told.
 * vuln: ICMP hard-error connection reset */
TEST(no_error_ends_an_established_connection)
{
    struct peer *p = peer_in_established();

    user_sends(p, 100);
    peer_forgets(p);
    for (unsigned type = 0; type < 256; type++)
        for (unsigned code = 0; code < 16; code++)
            if (type != V4(8u, 128u))
                peer_sends_icmp(p, (uint8_t)type, (uint8_t)code, 1500, ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    expect_event(p, ESTAB_SOFT_ERROR);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 101);
    assert_int_equal(user_status(p).tcb.flight, 0);
    peer_done_quietly(p);
}

/* MUST-54, RFC5927-4.1-SEQ: an error about nothing in flight, or another connection, is a guess. */
TEST(error_must_quote_what_is_in_flight)
{
    struct peer *p = peer_in_established();

    user_sends(p, 100);
    peer_forgets(p);
    p->events = 0;
    peer_sends_icmp(p, V4(3, 1), V4(1, 0), 0, ISS);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    peer_sends_icmp(p, V4(3, 1), V4(1, 0), 0, ISS + 101);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    expect_no_event(p);
    peer_sends_icmp(p, V4(3, 1), V4(1, 0), 0, ISS + 100);
    expect_verdict(p, ACCEPTED_SOFT_ERROR);
    expect_event(p, ESTAB_SOFT_ERROR);
    p->us.port++;
    peer_sends_icmp(p, V4(3, 1), V4(1, 0), 0, ISS + 100);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    p->us.port--;
    peer_done_quietly(p);
}

/* SHLD-25: the reason ICMP gave is the reason of the failure. */
TEST(soft_error_becomes_the_reason_of_a_timeout)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends_icmp(p, V4(3, 1), V4(1, 3), 0, ISS);
    expect_state(p, TCPS(SYN_SENT));
    time_passes(p, SEC(180));
    peer_forgets(p);
    assert_in_range(-user_status(p).error, 1, 30);
    peer_done_quietly(p);
}

/* MUST-55, RFC6633-SQ, RFC5927-6-SQ, CVE-2004-0791: Source Quench does nothing.
 * vuln: ICMP Source Quench throttling */
TEST(source_quench_is_ignored)
{
    struct peer *p = peer_in_established();
    struct estab_status before;

    if (peer_family == 6) { /* there is none */
        peer_done(p);
        return;
    }
    user_sends(p, 100);
    peer_forgets(p);
    before = user_status(p);
    peer_sends_icmp(p, 4, 0, 0, ISS + 1);
    expect_verdict(p, DROP_ICMP_SOURCE_QUENCH);
    expect_unchanged(p, &before);
    peer_done(p);
}

/* RFC1191-6.5: RFC9293-3.7.2-PMTUD, RFC8201-5.4, RFC8201-4, RFC 1191: packet too big: smaller segments, sent again at once. */
TEST(packet_too_big_lowers_the_segment_size)
{
    struct peer *p = peer_in_established();
    uint32_t full = V4(1460, 1440), least = V4(1300 - 40, 1300 - 60);

    user_sends(p, 3 * full);
    peer_forgets(p);
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1300, ISS + 1);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    assert_int_equal(user_status(p).mss, least);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = least,
                .reason = ESTAB_WHY_RETRANSMIT_MTU);
    assert_true(user_status(p).tcb.cwnd > 5 * least); /* no sign of congestion */
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + 3 * full);
    peer_done_quietly(p);
}

/* RFC5927-7.2-PMTU: once large segments have arrived, an error that says otherwise waits: what arrives all the same
 * takes it back, and no timeout later brings it up again.
 * vuln: ICMP frag-needed PMTU reduction */
TEST(packet_too_big_changes_nothing_while_large_segments_arrive)
{
    struct peer *p = peer_in_established();
    uint32_t full = V4(1460, 1440), una = ISS + 1, i;

    for (i = 0; i < 50; i++) {
        user_sends(p, 4 * full);
        if (i > 0) {
            peer_sends_icmp(p, V4(3, 2), V4(4, 0), 600, una);
            expect_verdict(p, ACCEPTED_PACKET_TOO_BIG_LATER);
        }
        peer_forgets(p);
        una += 4 * full;
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = una);
        assert_int_equal(user_status(p).mss, full);
    }
    user_sends(p, full);
    peer_forgets(p);
    (void)time_until_sent(p, SEC(5)); /* a timeout of its own */
    expect_sent(p, .ctl = CTL_ACK, .seq = una, .ack = 101, .len = full);
    assert_int_equal(user_status(p).mss, full);
    peer_done_quietly(p);
}

/* RFC5927-7.2-PMTU: the path has become narrower: what the error quotes does not arrive, and the first timeout makes
 * segments smaller. As small as nothing larger was proven, it is believed at once. */
TEST(packet_too_big_is_believed_when_what_it_quotes_times_out)
{
    struct peer *p = peer_in_established();
    uint32_t full = V4(1460, 1440), least = V4(1300 - 40, 1300 - 60), una = ISS + 1 + 2 * full;
    struct estab_stack_status st;

    user_sends(p, 2 * full);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = una);
    user_sends(p, 3 * full);
    peer_forgets(p);
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1300, una + full);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG_LATER);
    expect_nothing_sent(p);
    assert_int_equal(user_status(p).mss, full);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.paths, 0);
    do { /* a loss probe may come first */
        peer_forgets(p);
        (void)time_until_sent(p, SEC(5));
    } while (user_status(p).mss == full);
    expect_sent(p, .ctl = CTL_ACK, .seq = una, .ack = 101, .len = least,
                .reason = ESTAB_WHY_RETRANSMIT_RTO);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.recoveries[ESTAB_RECOVERY_TIMEOUT], 1);
    assert_int_equal(st.recoveries[ESTAB_RECOVERY_MTU_LOWERED], 1);
    assert_int_equal(st.paths, 1);
    peer_forgets(p);
    /* smaller still, where no more than that has arrived */
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1290, una);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG_LATER);
    peer_done_quietly(p);
}

/* RFC5927-7.2-FLOOR, CVE-2004-1060: not below 576 or 1280, not larger than what was sent, not out of flight.
 * vuln: ICMP frag-needed PMTU reduction */
TEST(packet_too_big_is_believed_within_reason)
{
    struct peer *p = peer_in_established();

    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1300, ISS + 1);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    user_sends(p, 3000);
    peer_forgets(p);
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1500, ISS + 1);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 68, ISS + 1);
    assert_int_equal(user_status(p).mss, V4(576 - 40, 1280 - 60));
    peer_done_quietly(p);
}

/* RFC1122-3.2.2.6, RFC4443-4.2: an echo comes back whole; rate limited. */
TEST(echo_is_answered)
{
    struct peer *p = peer_host(NULL);
    uint8_t packet[1500], data[1000];
    uint32_t ip = V4(20, 40), len;

    memset(data, 0x5a, sizeof(data));
    len = estab_icmp_write(packet + ip, peer_family, V4(8, 128), 0, 0x00010002, data, sizeof(data),
                           p->them.addr.bytes, p->us.addr.bytes);
    estab_ip_write(packet, peer_family, V4(IP_PROTO_ICMP, IP_PROTO_ICMPV6), 64, 0,
                   p->them.addr.bytes, p->us.addr.bytes, 0, len);
    peer_sends_raw(p, packet, ip + len);
    expect_verdict(p, ACCEPTED_ECHO);
    {
        struct captured *c = peer_takes(p);

        assert_int_equal(c->packet_len, ip + len);
        assert_int_equal(c->packet[ip], V4(0, 129));
        assert_memory_equal(c->packet + ip + 4, packet + ip + 4, len - 4);
    }
    for (int i = 0; i < 1000; i++) {
        peer_sends_raw(p, packet, ip + len);
        peer_forgets(p);
    }
    expect_verdict(p, DROP_RATE_LIMIT);
    packet[ip + 2] ^= 1;
    peer_sends_raw(p, packet, ip + len);
    expect_verdict(p, DROP_ICMP_MALFORMED);
    peer_done(p);
}

/* RFC 1122 §3.2.2.1, RFC 4443 §3.1: a protocol or UDP port nobody has; never about an ICMP. */
TEST(unreachable_is_sent)
{
    struct peer *p = peer_host(NULL);
    uint8_t packet[100] = { 0 };
    uint32_t ip = V4(20, 40);

    estab_ip_write(packet, peer_family, 17, 64, 0, p->them.addr.bytes, p->us.addr.bytes, 0, 20);
    estab_udp_write(packet + ip, 1000, 2000, p->them.addr.bytes, p->us.addr.bytes, V4(4, 16),
                    packet + ip + 8, 12);
    peer_sends_raw(p, packet, ip + 20);
    expect_verdict(p, DROP_UDP_NO_ENDPOINT);
    {
        struct captured *c = peer_takes(p);

        assert_int_equal(c->packet[ip], V4(3, 1));
        assert_int_equal(c->packet[ip + 1], V4(3, 4));
        assert_memory_equal(c->packet + ip + 8, packet, ip + 20);
    }
    estab_ip_write(packet, peer_family, 99, 64, 0, p->them.addr.bytes, p->us.addr.bytes, 0, 20);
    peer_sends_raw(p, packet, ip + 20);
    assert_int_equal(peer_takes(p)->packet[ip], V4(3, 4));
    peer_done(p);
}

/* RFC1122-3.2.1.3, MUST-57: nothing for broadcast or multicast; MUST-63: nothing from what is no host. */
TEST(broadcast_and_bad_sources_are_silent)
{
    static const char *const bad4[] = { "255.255.255.255", "192.0.2.255", "192.0.2.0", "224.0.0.1",
                                        "0.0.0.0", "127.0.0.1" };
    static const char *const bad6[] = { "ff02::1", "::", "::1" };
    struct peer *p = peer_of_listener();
    struct estab_endpoint us = p->us, them = p->them;
    size_t n = V4(6u, 3u);

    for (size_t i = 0; i < n; i++) {
        p->us = us;
        p->them = them;
        assert_int_equal(estab_addr_parse(&p->us.addr, V4(bad4[i], bad6[i])), 0);
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        expect_nothing_sent(p);
        p->us = us;
        assert_int_equal(estab_addr_parse(&p->them.addr, V4(bad4[i], bad6[i])), 0);
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        expect_nothing_sent(p);
        assert_in_range(p->last_verdict, ESTAB_SEG_DROP_IP_SOURCE, ESTAB_SEG_DROP_IP_NOT_OURS);
    }
    p->us = us;
    p->them = them;
    p->us.addr.bytes[3] ^= 4;
    p->us.addr.bytes[15] ^= 4;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    expect_verdict(p, DROP_IP_NOT_OURS);
    expect_nothing_sent(p);
    p->us = us;
    peer_done(p);
}

/* Every truncation of a good packet is dropped without a word and without harm. */
TEST(truncated_packets)
{
    struct peer *p = peer_in_established();
    uint8_t packet[2048];
    uint32_t len = peer_writes(p, p->them.port,
                               (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 40 },
                               packet);

    for (uint32_t n = 0; n < len; n++)
        peer_sends_raw(p, packet, n);
    expect_nothing_sent(p);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_sends_raw(p, packet, len);
    user_receives(p, 40);
    peer_done_quietly(p);
}

/* RFC1191-MSS: a path that takes less towards them says nothing of what we can receive: the SYN is
 * repeated with the MSS of the link. */
TEST(the_mss_we_announce_is_of_the_link)
{
    struct peer *p = peer_host(NULL);

    user_opens(p);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .mss = V4(1460, 1440));
    peer_sends_icmp(p, V4(3, 2), V4(4, 0), 1300, ISS);
    (void)time_until_sent(p, SEC(5));
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .mss = V4(1460, 1440));
    peer_done_quietly(p);
}
