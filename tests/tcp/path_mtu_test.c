/* SPDX-License-Identifier: MIT */
/* The path's MTU where no ICMP tells it (RFC 4821, RFC 8899): black holes, probes that arrive and
 * probes that are lost. The link takes 1,500 octets; FULL is the text of such a packet, BASE that of
 * the size one falls back to. */
#include "harness/peer.h"

#define HEADERS (peer_family == 4 ? 40u : 60u)
#define FULL (1500u - HEADERS)
#define BASE ((peer_family == 4 ? 1200u : 1280u) - HEADERS)
#define PROBE ESTAB_WHY_MTU_PROBE

static struct peer *
established(bool probing)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.cc = ESTAB_CC_RENO;
    cfg.path_mtu_probing = probing;
    p = peer_of_listener_with(&cfg);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .sackok = true, .ws = 8);
    peer_forgets(p);
    time_passes(p, MS(100));
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    return p;
}

static uint64_t
count(struct peer *p, enum estab_recovery what)
{
    struct estab_stack_status st;

    estab_stack_status(p->stack, &st);
    return st.recoveries[what];
}

static int32_t offered; /* the peer's window in units of 128 octets; 0: a large one */

/* Everything that leaves is acknowledged a round trip later, for so many round trips, or until a probe
 * leaves: it is not acknowledged, and is returned. */
static struct captured *
all_is_well(struct peer *p, unsigned round_trips, uint32_t *una)
{
    static struct captured probe;

    for (; round_trips > 0; round_trips--) {
        uint32_t end = *una;

        time_passes(p, MS(100));
        while (p->n > 0) {
            struct captured *c = peer_takes(p);

            if (c->reason == PROBE) {
                probe = *c;
                return &probe;
            }
            if (c->seg.seq - p->iss + ISS + c->seg.len - end < 1u << 30)
                end = c->seg.seq - p->iss + ISS + c->seg.len;
        }
        *una = end;
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = end, .wnd = offered);
        while (user_sends(p, 20000) > 0)
            ;
    }
    return NULL;
}

/* The third timeout of a large segment: nothing so large gets through, and no ICMP says so. */
static struct peer *
in_a_black_hole(uint32_t *una)
{
    struct peer *p = established(true);

    user_sends(p, 20000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = FULL);
    while (count(p, ESTAB_RECOVERY_TIMEOUT) < 3) {
        assert_int_equal(user_status(p).mss, FULL);
        peer_forgets(p);
        (void)time_until_sent(p, SEC(10));
    }
    assert_int_equal(count(p, ESTAB_RECOVERY_MTU_LOWERED), 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = BASE,
                .reason = ESTAB_WHY_RETRANSMIT_RTO);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + BASE);
    *una = ISS + 1 + BASE;
    return p;
}

/* RFC4821-3, RFC4821-7.2, RFC4821-7.7-BH, RFC2923-2: RFC 4821 §7.7, RFC 8899 §4.4: it goes on in smaller segments; a probe of the old size is lost alone,
 * which cuts no window (§7.6.2); the next is half way. */
TEST(a_black_hole_is_left_with_smaller_segments)
{
    uint32_t una, cwnd, ssthresh;
    struct peer *p = in_a_black_hole(&una);
    struct captured *probe = all_is_well(p, 40, &una);

    assert_non_null(probe);
    assert_int_equal(probe->seg.len, FULL);
    una = probe->seg.seq - p->iss + ISS;
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = una);
    peer_forgets(p);
    cwnd = user_status(p).tcb.cwnd;
    ssthresh = user_status(p).tcb.ssthresh;
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = una, .sack = { { una + FULL, una + FULL + 3 * BASE } });
    (void)time_until_sent(p, MS(100));
    assert_int_equal(count(p, ESTAB_RECOVERY_MTU_PROBE_LOST), 1);
    assert_int_equal(user_status(p).tcb.ssthresh, ssthresh);
    assert_true(user_status(p).tcb.cwnd >= cwnd);
    expect_sent(p, .ctl = CTL_ACK, .seq = una, .ack = 101, .len = BASE);
    expect_sent(p, .ctl = CTL_ACK, .seq = una + BASE, .ack = 101, .len = FULL - BASE);
    peer_forgets(p);
    una = user_status(p).tcb.snd_nxt - p->iss + ISS;
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = una);
    probe = all_is_well(p, 20, &una);
    assert_non_null(probe);
    assert_in_range(probe->seg.len, BASE + (FULL - BASE) / 2 - 1, BASE + (FULL - BASE) / 2 + 1);
    /* RFC 4821 §7.6.1: this one arrives */
    una = probe->seg.seq - p->iss + ISS + probe->seg.len;
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = una);
    assert_int_equal(count(p, ESTAB_RECOVERY_MTU_RAISED), 1);
    assert_int_equal(user_status(p).mss, probe->seg.len);
    peer_done_quietly(p);
}

/* The path was broken for a while and not too narrow: the first probe brings the old size back. */
TEST(a_false_alarm_costs_one_probe)
{
    uint32_t una;
    struct peer *p = in_a_black_hole(&una);
    struct captured *probe = all_is_well(p, 40, &una);

    assert_non_null(probe);
    una = probe->seg.seq - p->iss + ISS + probe->seg.len;
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = una);
    assert_int_equal(user_status(p).mss, FULL);
    assert_null(all_is_well(p, 20, &una));
    peer_done_quietly(p);
}

/* RFC1191-6.3: RFC 8201 §4, RFC 1191 §6.3: what ICMP has lowered is tried again after ten minutes, not before. */
TEST(after_packet_too_big_a_larger_one_is_tried_in_ten_minutes)
{
    struct peer *p = established(true);
    uint32_t una = ISS + 1;

    user_sends(p, 20000);
    peer_forgets(p);
    if (peer_family == 4)
        peer_sends_icmp(p, 3, 4, 1300, ISS + 1);
    else
        peer_sends_icmp(p, 2, 0, 1300, ISS + 1);
    assert_int_equal(user_status(p).mss, 1300 - HEADERS);
    peer_forgets(p);
    assert_null(all_is_well(p, 200, &una));
    time_passes(p, SEC(581));
    assert_non_null(all_is_well(p, 40, &una));
    peer_done_quietly(p);
}

/* What is out and queued is acknowledged until nothing is left. */
static void
all_is_acknowledged(struct peer *p, uint32_t *una)
{
    for (unsigned i = 0; i < 100 && (user_status(p).tcb.send_queued > 0 || p->n > 0); i++) {
        while (p->n > 0) {
            struct captured *c = peer_takes(p);

            *una = c->seg.seq - p->iss + ISS + c->seg.len;
        }
        time_passes(p, MS(100));
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = *una);
    }
}

/* RFC 8899 §5.1.1, PMTU_RAISE_TIMER: a probe that was out when everything timed out ends the search where
 * there is little left to find, and the path is asked again after ten minutes more. */
TEST(a_timeout_does_not_end_the_search_for_ever)
{
    struct peer *p = established(true);
    struct captured *probe;
    uint32_t una = ISS + 1;
    uint64_t timeouts;

    user_sends(p, 20000);
    peer_forgets(p);
    if (peer_family == 4)
        peer_sends_icmp(p, 3, 4, 1484, ISS + 1);
    else
        peer_sends_icmp(p, 2, 0, 1484, ISS + 1);
    assert_int_equal(user_status(p).mss, 1484 - HEADERS);
    peer_forgets(p);
    assert_null(all_is_well(p, 20, &una));
    all_is_acknowledged(p, &una);
    time_passes(p, SEC(601));
    user_sends(p, 20000);
    probe = all_is_well(p, 40, &una);
    assert_non_null(probe);
    peer_forgets(p);
    timeouts = count(p, ESTAB_RECOVERY_TIMEOUT);
    while (count(p, ESTAB_RECOVERY_TIMEOUT) == timeouts) { /* nothing arrives any more */
        peer_forgets(p);
        (void)time_until_sent(p, SEC(5));
    }
    peer_forgets(p);
    una = probe->seg.seq - p->iss + ISS + probe->seg.len;
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = una);
    assert_null(all_is_well(p, 20, &una));
    all_is_acknowledged(p, &una);
    time_passes(p, SEC(601));
    user_sends(p, 20000);
    assert_non_null(all_is_well(p, 40, &una));
    peer_done_quietly(p);
}

/* Probes leave and meet a path that takes `most` octets of text and no more; how many were sent. */
static unsigned
search(struct peer *p, uint32_t *una, uint32_t most)
{
    unsigned n = 0;
    struct captured *probe;

    while (n < 20 && (probe = all_is_well(p, 40, una)) != NULL) {
        uint32_t left = probe->seg.seq - p->iss + ISS, right = left + probe->seg.len, end = right;

        n++;
        while (p->n > 0) {
            struct captured *c = peer_takes(p);

            end = c->seg.seq - p->iss + ISS + c->seg.len;
        }
        if (probe->seg.len > most) {
            assert_true(end > right);
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = left, .sack = { { right, end } });
            time_passes(p, MS(100));
            peer_forgets(p);
        }
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = end);
        *una = end;
    }
    return n;
}

/* RFC 8899 §5.1.1, PMTU_RAISE_TIMER, wherever the search by halves ends: the path is asked again after
 * ten minutes, and when it has become wider that is found. */
TEST(each_search_ends_and_another_begins)
{
    for (uint32_t mtu = 1300; mtu < 1480; mtu += 10) {
        struct peer *p = established(true);
        uint32_t una = ISS + 1, mss;

        user_sends(p, 20000);
        peer_forgets(p);
        if (peer_family == 4)
            peer_sends_icmp(p, 3, 4, 1290, ISS + 1);
        else
            peer_sends_icmp(p, 2, 0, 1290, ISS + 1);
        peer_forgets(p);
        assert_null(all_is_well(p, 20, &una));
        all_is_acknowledged(p, &una);
        time_passes(p, SEC(601));
        user_sends(p, 20000);
        assert_in_range(search(p, &una, mtu - HEADERS), 1, 10);
        mss = user_status(p).mss;
        assert_in_range(mss, mtu - HEADERS - 32, mtu - HEADERS);
        all_is_acknowledged(p, &una);
        time_passes(p, SEC(601));
        user_sends(p, 20000);
        assert_int_equal(search(p, &una, FULL), 1);
        assert_int_equal(user_status(p).mss, FULL);
        peer_done_quietly(p);
    }
}

/* Segments that are small already, and settings that forbid it: nothing is lowered. */
TEST(only_large_segments_make_a_black_hole)
{
    struct peer *p = established(true);

    user_sends(p, 500);
    while (count(p, ESTAB_RECOVERY_TIMEOUT) < 5)
        (void)time_until_sent(p, SEC(60));
    assert_int_equal(user_status(p).mss, FULL);
    peer_done_quietly(p);

    p = established(false);
    user_sends(p, 20000);
    while (count(p, ESTAB_RECOVERY_TIMEOUT) < 5)
        (void)time_until_sent(p, SEC(60));
    assert_int_equal(user_status(p).mss, FULL);
    peer_done_quietly(p);
}

/* RFC 4821 §7.4: a window of four segments, which losses would not let grow, has room for one, a probe, and
 * the one behind it that tells what became of it; a window of three has not. */
TEST(a_small_window_has_room_for_a_probe)
{
    for (unsigned segments = 3; segments <= 4; segments++) {
        uint32_t una;
        struct peer *p = in_a_black_hole(&una);
        struct captured *probe;

        offered = (int32_t)(segments * BASE / 128 + 1);
        probe = all_is_well(p, 60, &una);
        offered = 0;
        assert_int_equal(probe != NULL, segments == 4);
        if (probe != NULL) {
            assert_int_equal(probe->seg.len, FULL);
            una = probe->seg.seq - p->iss + ISS;
            peer_forgets(p);
            peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = una, .sack = { { una + FULL, una + FULL + BASE } });
            (void)time_until_sent(p, MS(100));
            assert_int_equal(count(p, ESTAB_RECOVERY_MTU_PROBE_LOST), 1);
        }
        peer_done_quietly(p);
    }
}
