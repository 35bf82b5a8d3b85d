/* SPDX-License-Identifier: MIT */
/* Options and segment sizes: RFC 9293 §3.1, §3.2, §3.7.1; timestamps and PAWS: RFC 7323. */
#include "harness/peer.h"

#include <string.h>

static struct peer *
with_timestamps(void)
{
    struct estab_config cfg = peer_config(NULL);

    return peer_in_established_with(&cfg, (struct step){ .mss = 1460, .ts_val = 1000 });
}

/* A SYN with these options, by hand. */
static uint32_t
syn_with(struct peer *p, const uint8_t *opt, uint32_t n, uint8_t *packet)
{
    uint32_t ip = peer_family == 4 ? 20 : 40, padded = (n + 3) / 4 * 4;
    uint32_t len = peer_writes(p, p->them.port, (struct step){ .ctl = CTL_SYN, .seq = 100 }, packet);

    memcpy(packet + ip + 20, opt, n);
    memset(packet + ip + 20 + n, 0, padded - n);
    packet[ip + 12] = (uint8_t)((20 + padded) / 4 << 4);
    len += padded;
    if (peer_family == 4) {
        uint32_t sum = 0;

        packet[2] = (uint8_t)(len >> 8);
        packet[3] = (uint8_t)len;
        packet[10] = packet[11] = 0;
        for (int i = 0; i < 20; i += 2)
            sum += (uint32_t)packet[i] << 8 | packet[i + 1];
        sum = (sum & 0xffff) + (sum >> 16);
        sum = ~((sum & 0xffff) + (sum >> 16));
        packet[10] = (uint8_t)(sum >> 8);
        packet[11] = (uint8_t)sum;
    } else {
        packet[4] = (uint8_t)((len - 40) >> 8);
        packet[5] = (uint8_t)(len - 40);
    }
    peer_fixes_checksum(packet, len);
    return len;
}

static uint32_t
mss_after_syn_with(const uint8_t *opt, uint32_t n)
{
    struct peer *p = peer_of_listener();
    uint8_t packet[2048];
    uint32_t mss;

    peer_sends_raw(p, packet, syn_with(p, opt, n, packet));
    if (p->n == 0) {
        peer_done(p);
        return 0;
    }
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    mss = user_status(p).mss;
    peer_done(p);
    return mss;
}

/* MUST-4, MUST-14, MUST-64: EOL, NOP and MSS, at any octet. */
TEST(mss_option_at_any_offset)
{
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 2, 4, 3, 0xe8 }, 4), 1000);
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 1, 2, 4, 3, 0xe8 }, 5), 1000);
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 1, 1, 1, 2, 4, 3, 0xe8, 0 }, 8), 1000);
    /* behind EOL there is nothing */
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 0, 2, 4, 3, 0xe8 }, 5),
                     peer_family == 4 ? 536 : 1220);
}

/* MUST-15: without MSS: 536 and 1220. */
TEST(default_mss)
{
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 1 }, 1), peer_family == 4 ? 536 : 1220);
}

/* MUST-6, MUST-68: an unknown option of any kind is passed over by its length. */
TEST(unknown_options_are_skipped)
{
    for (unsigned kind = 9; kind < 256; kind++)
        assert_int_equal(
            mss_after_syn_with((uint8_t[]){ (uint8_t)kind, 6, 9, 9, 9, 9, 2, 4, 3, 0x84 }, 10), 900);
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 77, 2, 2, 4, 3, 0x84 }, 6), 900);
}

/* MUST-7: lengths that cannot be: dropped, counted, no harm (CVE-2020-24337).
 * vuln: TCP option zero-length infinite loop; TCP options out-of-bounds read */
TEST(illegal_option_lengths_are_dropped)
{
    for (unsigned kind = 2; kind < 256; kind++) {
        assert_int_equal(mss_after_syn_with((uint8_t[]){ (uint8_t)kind, 0, 1, 1 }, 4), 0);
        assert_int_equal(mss_after_syn_with((uint8_t[]){ (uint8_t)kind, 1, 1, 1 }, 4), 0);
        assert_int_equal(mss_after_syn_with((uint8_t[]){ (uint8_t)kind, 5, 1, 1 }, 4), 0);
        assert_int_equal(mss_after_syn_with((uint8_t[]){ 1, 1, 1, (uint8_t)kind }, 4), 0);
    }
}

/* The user may want smaller segments than the link takes: in both directions, from the SYN on. */
TEST(largest_segment_is_an_option)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_tcp_options opt;
    struct peer *p;

    cfg.tcp.max_segment = 1000;
    p = peer_of_listener_with(&cfg);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1400);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .mss = 1000);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    assert_int_equal(user_status(p).mss, 1000);
    opt = user_options(p);
    opt.max_segment = 47;
    assert_int_equal(estab_set_options(p->stack, p->conn, &opt, p->now), -ESTAB_EINVAL);
    peer_done(p);

    p = peer_host_with(&cfg);
    user_opens(p);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .mss = 1000);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 600);
    assert_int_equal(user_status(p).mss, 600);
    peer_done_quietly(p);
}

/* CVE-2019-11479, CVE-2020-13988: an MSS of 0 or of a few octets is raised to a floor. */
TEST(tiny_mss_is_raised)
{
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 2, 4, 0, 0 }, 4), 48);
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 2, 4, 0, 8 }, 4), 48);
    assert_int_equal(mss_after_syn_with((uint8_t[]){ 2, 4, 0xff, 0xff }, 4),
                     peer_family == 4 ? 1460 : 1440);
}

/* RFC7323-3.2-UNNEG, MUST-65: MSS in a segment without SYN means nothing; MUST-5: options may come in any segment. */
TEST(options_in_later_segments)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, .ts_val = 5, .ts_ecr = 6);
    user_receives(p, 10);
    assert_int_equal(user_status(p).mss, peer_family == 4 ? 1460 : 1440);
    peer_sends(p, .ctl = CTL_ACK | CTL_FIN, .seq = 111, .ack = ISS + 1, .ts_val = 5, .ts_ecr = 6);
    expect_state(p, TCPS(CLOSE_WAIT));
    peer_done_quietly(p);
}

/* RFC2525-2.18, MUST-16: Eff.snd.MSS = min(SendMSS + 20, MMS_S) - header with options. */
TEST(effective_mss_counts_options)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = 500, .ts_val = 1 });

    assert_int_equal(user_status(p).mss, 488);
    peer_done(p);
    p = with_timestamps();
    assert_int_equal(user_status(p).mss, (peer_family == 4 ? 1460 : 1440) - 12);
    user_sends(p, 5000);
    assert_int_equal(peer_takes(p)->seg.len, (peer_family == 4 ? 1460 : 1440) - 12);
    peer_done_quietly(p);
}

/* RFC7323-3.2-NEG: offered and taken: on every segment; not offered: on none. */
TEST(timestamps_are_agreed_in_the_handshake)
{
    struct peer *p = with_timestamps();

    user_sends(p, 10);
    assert_true(peer_takes(p)->seg.has_ts);
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 11);
    assert_true(peer_takes(p)->seg.has_ts);
    peer_done(p);

    p = peer_in_established();
    user_sends(p, 10);
    assert_false(peer_takes(p)->seg.has_ts);
    peer_done(p);
}

/* RFC7323-3.2-MISSING: agreed and missing: dropped silently, the connection stays; a RST without
 * is taken. */
TEST(segment_without_the_agreed_timestamp_is_dropped)
{
    struct peer *p = with_timestamps();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, .no_ts = true);
    expect_nothing_sent(p);
    expect_verdict(p, DROP_NO_TIMESTAMP);
    expect_state(p, TCPS(ESTABLISHED));
    peer_sends(p, .ctl = CTL_RST, .seq = 101, .no_ts = true);
    expect_event(p, ESTAB_FAILED);
    peer_done(p);
}

/* RFC7323-5.3-R1: PAWS: an old duplicate with an in-window number is answered and not taken. */
TEST(paws_rejects_old_duplicates)
{
    struct peer *p = with_timestamps();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, .ts_val = 2000, .ts_ecr = 1);
    user_receives(p, 10);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 111, .ack = ISS + 1, .len = 10, .ts_val = 1999, .ts_ecr = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 111);
    expect_verdict(p, DROP_PAWS);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    /* RFC7323-5.2-RST: a RST is exempt */
    peer_sends(p, .ctl = CTL_RST, .seq = 111, .ts_val = 1, .ts_ecr = 1);
    expect_event(p, ESTAB_FAILED);
    peer_done(p);
}

/* CVE-2005-0356: a segment that is not acceptable does not move TS.Recent, however new. */
TEST(unacceptable_segments_do_not_poison_ts_recent)
{
    struct peer *p = with_timestamps();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 100000, .ack = ISS + 1, .len = 1, .ts_val = 0x70000000, .ts_ecr = 1);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, .ts_val = 1500, .ts_ecr = 1);
    user_receives(p, 10);
    peer_done_quietly(p);
}

/* RFC7323-5.3-ARRIVAL, RFC7323-4.3-RECENT: the echo is that of the earliest segment not yet acknowledged. */
TEST(delayed_ack_echoes_the_earliest_segment)
{
    struct peer *p = with_timestamps();

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, .ts_val = 1501, .ts_ecr = 1);
    peer_sends(p, .ctl = CTL_ACK, .seq = 111, .ack = ISS + 1, .len = 10, .ts_val = 1502, .ts_ecr = 1);
    time_passes(p, MS(40));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 121, .ts_ecr = 1501);
    /* and one that fills a hole is echoed */
    peer_sends (p, .ctl = CTL_ACK, .seq = 131, .ack = ISS + 1, .len = 10, .ts_val = 1503, .ts_ecr = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 121, .ts_ecr = 1501);
    peer_sends (p, .ctl = CTL_ACK, .seq = 121, .ack = ISS + 1, .len = 10, .ts_val = 1504, .ts_ecr = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 141, .ts_ecr = 1504);
    user_receives(p, 40);
    peer_done_quietly(p);
}

/* RFC7323-5.5-24D: after more than 24 days TS.Recent says nothing. */
TEST(ts_recent_ages_after_24_days)
{
    struct peer *p = with_timestamps();

    time_passes(p, SEC(24 * 86400 - 10));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, .ts_val = 0x90000000, .ts_ecr = 1);
    expect_verdict(p, DROP_PAWS);
    peer_forgets(p);
    time_passes(p, SEC(20));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, .ts_val = 0x90000000, .ts_ecr = 1);
    user_receives(p, 10);
    peer_done_quietly(p);
}

/* RFC7323-5.5-24D: but it is replaced by a segment inside the window alone: what somebody sends
 * who only guesses must not shut out the peer. */
TEST(aged_ts_recent_is_not_replaced_from_outside_the_window)
{
    struct peer *p = with_timestamps();

    time_passes(p, SEC(24 * 86400 + 10));
    peer_sends(p, .ctl = CTL_ACK, .seq = 0x40000000, .ack = ISS + 1, .len = 10, .ts_val = 0x90000000, .ts_ecr = 1);
    expect_verdict(p, DROP_OUT_OF_WINDOW);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10, .ts_val = 1000 + 24 * 86400 * 1000u, .ts_ecr = 1);
    user_receives(p, 10);
    peer_done_quietly(p);
}

/* RFC7323-3.2-TSECR: TSecr is zero on a SYN; RFC7323-5.4-OFFSET, RFC7323-5.4-CLOCK: the clock of
 * two connections differs by more than time, and ticks each millisecond. */
TEST(timestamp_clock)
{
    struct peer *p = peer_in_syn_sent();
    uint32_t first, second, other;

    assert_int_equal(user_aborts(p), 0);
    user_opens(p);
    {
        struct captured *c = peer_takes(p);

        assert_true(c->seg.has_ts);
        assert_int_equal(c->seg.ts_ecr, 0);
        first = c->seg.ts_val;
    }
    time_passes(p, SEC(1));
    second = peer_takes(p)->seg.ts_val;
    assert_int_equal(second - first, 1000);
    assert_int_equal(user_aborts(p), 0);
    p->us.port++;
    user_opens(p);
    other = peer_takes(p)->seg.ts_val;
    assert_true(other - second > 10000);
    peer_done_quietly(p);
}

/* RFC2018-2: SACK-permitted only in SYNs; a SYN,ACK carries only what was offered. */
TEST(syn_ack_answers_only_what_was_offered)
{
    struct peer *p = peer_of_listener();
    struct captured *c;

    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    c = peer_takes(p);
    assert_true(c->seg.has_mss);
    assert_false(c->seg.has_wscale || c->seg.sack_permitted || c->seg.has_ts);
    assert_int_equal(c->seg.header_len, 24); /* at most 4 octets more than the SYN (RFC4987-NOAMP) */
    p->them.port++;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .ws = 1, .sackok = true, .ts_val = 9);
    c = peer_takes(p);
    assert_true(c->seg.has_wscale && c->seg.sack_permitted && c->seg.has_ts);
    assert_int_equal(c->seg.ts_ecr, 9);
    peer_done(p);
}
