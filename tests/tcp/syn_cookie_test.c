/* SPDX-License-Identifier: MIT */
/* A full SYN queue: cookies (RFC 4987 §3.6), what they prove and what they cost. */
#include "harness/peer.h"

#include <string.h>

static struct peer *
listener(uint8_t cookies)
{
    struct estab_config cfg = peer_config(NULL);

    cfg.syn_cookies = cookies;
    return peer_of_listener_with(&cfg);
}

static struct estab_stack_status
host_status(struct peer *p)
{
    struct estab_stack_status st;

    estab_stack_status(p->stack, &st);
    return st;
}

/* RFC4987-3.6-COOKIE: nothing is kept of the SYN, and the ACK makes the connection. */
TEST(nothing_is_kept_of_a_syn_answered_with_a_cookie)
{
    struct peer *p = listener(ESTAB_SYN_COOKIES_ALWAYS);
    size_t heap = p->heap;

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .reason = ESTAB_WHY_SYN_COOKIE);
    expect_verdict(p, ACCEPTED_SYN_COOKIE);
    expect_state(p, TCPS(LISTEN));
    assert_int_equal(host_status(p).half_open, 0);
    assert_int_equal(p->heap, heap);
    time_passes(p, SEC(30)); /* nobody is there to repeat it */
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    user_accepts(p);
    assert_int_equal(user_status(p).mss, peer_family == 4 ? 1460 : 1440);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10);
    user_receives(p, 10);
    peer_done_quietly(p);
}

/* RFC4987-3.6-COOKIE, N6: the third segment may carry text. */
TEST(text_of_the_third_segment_is_taken)
{
    struct peer *p = listener(ESTAB_SYN_COOKIES_ALWAYS);

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100);
    user_accepts(p);
    user_receives(p, 100);
    peer_done_quietly(p);
}

/* RFC4987-3.6-COOKIE: window scale, SACK and ECN come back in the timestamp. */
TEST(the_timestamp_remembers_the_options)
{
    for (int options = 0; options < 8; options++) {
        struct peer *p = listener(ESTAB_SYN_COOKIES_ALWAYS);
        uint8_t ecn = options & 4 ? CTL_ECE | CTL_CWR : 0;
        struct estab_status st;

        peer_sends (p, .ctl = CTL_SYN | ecn, .seq = 100, .mss = 1400, .ts_val = 5000,
                    .sackok = options & 1, .ws = options & 2 ? 9 : 0);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK | (ecn ? CTL_ECE : 0), .seq = ISS, .ack = 101,
                    .ts_ecr = 5000);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 5010, .ts_ecr = p->our_ts);
        user_accepts(p);
        st = user_status(p);
        assert_true(st.timestamps);
        assert_int_equal(st.sack, options & 1);
        assert_int_equal(st.window_scaling, !!(options & 2));
        assert_int_equal(st.snd_wind_shift, options & 2 ? 8 : 0);
        assert_int_equal(st.mss, 1360 - 12);
        peer_done_quietly(p);
    }
}

/* Without timestamps there is nowhere to keep them, so the SYN,ACK does not offer them. */
TEST(without_timestamps_the_options_are_not_offered)
{
    struct peer *p = listener(ESTAB_SYN_COOKIES_ALWAYS);
    struct captured *c;

    peer_sends(p, .ctl = CTL_SYN | CTL_ECE | CTL_CWR, .seq = 100, .mss = 1460, .sackok = true, .ws = 8);
    c = peer_takes(p);
    assert_false(c->seg.has_wscale);
    assert_false(c->seg.sack_permitted);
    assert_int_equal(c->seg.ctl, CTL_SYN | CTL_ACK);
    peer_done_quietly(p);
}

/* The MSS is never above the peer's, and one of eight below it. */
TEST(the_mss_comes_back_rounded_down)
{
    static const uint16_t in[] = { 64, 535, 536, 1219, 1300, 1439, 1460, 1500, 9000, 65535 };
    static const uint16_t out[] = { 64, 64, 536, 536, 1220, 1360, 1460, 1460, 8940, 8940 };

    for (unsigned i = 0; i < sizeof(in) / sizeof(in[0]); i++) {
        struct peer *p = listener(ESTAB_SYN_COOKIES_ALWAYS);

        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = in[i]);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        assert_in_range(user_status(p).mss, 1, out[i]);
        assert_true(user_status(p).mss == out[i] || out[i] > 1440);
        peer_done_quietly(p);
    }
}

/* vuln: SYN cookie forgery and replay
 * RFC4987-3.6-COOKIE: one bit of it altered, and it is an ACK of nothing: RST. */
TEST(an_altered_cookie_is_refused)
{
    for (unsigned bit = 0; bit < 32; bit++) {
        struct peer *p = listener(ESTAB_SYN_COOKIES_ALWAYS);

        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ((p->iss + 1) ^ 1u << bit) - p->iss + ISS);
        expect_verdict(p, DROP_ACK_LISTEN);
        assert_int_equal(peer_takes(p)->seg.ctl, CTL_RST);
        /* nor does it serve another sequence number or another port */
        peer_sends (p, .ctl = CTL_ACK, .seq = 102, .ack = ISS + 1);
        expect_verdict(p, DROP_ACK_LISTEN);
        peer_sends_from(p, (uint16_t)(p->them.port + 1), (struct step){ .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 });
        expect_verdict(p, DROP_ACK_LISTEN);
        peer_done_quietly(p);
    }
}

/* vuln: SYN cookie forgery and replay */
TEST(a_cookie_dies_within_minutes)
{
    for (unsigned minutes = 0; minutes < 5; minutes++) {
        struct peer *p = listener(ESTAB_SYN_COOKIES_ALWAYS);

        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
        time_passes(p, SEC(60) * minutes);
        /* others keep the listener looking */
        peer_sends_from(p, 5, (struct step){ .ctl = CTL_SYN, .seq = 100 });
        peer_forgets(p);
        peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        if (minutes < 2)
            expect_state(p, TCPS(ESTABLISHED));
        if (minutes > 3)
            expect_verdict(p, DROP_ACK_LISTEN);
        peer_done_quietly(p);
    }
}

/* vuln: SYN cookie forgery and replay
 * The same ACK again opens nothing new while the connection is there, and the host is not harmed
 * when it is not. */
TEST(a_replayed_cookie_opens_at_most_once_more)
{
    struct peer *p = listener(ESTAB_SYN_COOKIES_ALWAYS);

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    assert_int_equal(host_status(p).connections, 1);
    user_accepts(p);
    peer_sends (p, .ctl = CTL_RST, .seq = 101);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_leaves(p), 0);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    assert_int_equal(host_status(p).connections, 1);
    peer_done_quietly(p);
}

/* Where no cookie was sent lately the sum is not even looked at: an ACK is an ACK to LISTEN. */
TEST(without_pressure_an_ack_is_an_ack_to_listen)
{
    struct peer *p = listener(ESTAB_SYN_COOKIES_WHEN_FULL);

    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = 5);
    expect_verdict(p, DROP_ACK_LISTEN);
    peer_done_quietly(p);
}

/* vuln: SYN flood backlog exhaustion; Listener RST on stray ACK flood of SYN cookies
 * RFC4987-3.3: a hundred thousand forged SYNs in a second, and ACKs of nothing between them: memory
 * stays, RSTs are limited, and who knocks honestly is let in at once. */
TEST(an_honest_client_connects_through_a_flood)
{
    struct peer *p = listener(ESTAB_SYN_COOKIES_WHEN_FULL);
    struct estab_endpoint honest = p->them;
    struct estab_stack_status st;
    uint64_t resets = 0;
    size_t heap;

    for (uint32_t i = 0; i < 5000; i++) {
        p->them.addr.bytes[peer_family == 4 ? 3 : 15] = (uint8_t)(2 + i % 200);
        peer_sends_from(p, (uint16_t)(1024 + i / 200), (struct step){ .ctl = CTL_SYN, .seq = i * 77 });
        peer_forgets(p);
    }
    st = host_status(p);
    assert_true(st.half_open <= p->cfg.max_half_open);
    heap = p->heap;
    for (uint32_t i = 0; i < 100000; i++) {
        p->them.addr.bytes[peer_family == 4 ? 3 : 15] = (uint8_t)(2 + i % 200);
        peer_sends_from(p, (uint16_t)(2000 + i / 200), (struct step){ .ctl = i % 8 ? CTL_SYN : CTL_ACK, .seq = i, .ack = i });
        while (p->n > 0)
            resets += peer_takes(p)->seg.ctl & CTL_RST ? 1 : 0;
        if (i % 100 == 0)
            time_passes(p, MS(1));
    }
    assert_int_equal(p->heap, heap);
    assert_true(resets <= 2u * p->cfg.rst_per_second + 2000);
    peer_forgets(p);
    p->them = honest;
    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done_quietly(p);
}

/* vuln: SYN-ACK reflection and amplification
 * RFC4987-NOAMP: whatever a forged SYN of the least size begins, and whatever follows it from the
 * same address, what we send stays below six times what came. */
TEST(a_forged_syn_buys_less_than_six_times_its_octets)
{
    static const uint8_t flags[] = { CTL_SYN, CTL_ACK, CTL_SYN | CTL_ACK, CTL_FIN, CTL_ACK | CTL_FIN, CTL_PSH };
    uint32_t dice = 12345;

    for (unsigned round = 0; round < 200; round++) {
        struct peer *p = listener(ESTAB_SYN_COOKIES_WHEN_FULL);
        uint64_t in, out = 0;
        uint8_t packet[200];
        struct step s = { .ctl = CTL_SYN, .seq = 100 };

        in = peer_writes(p, p->them.port, s, packet);
        peer_sends_raw(p, packet, (uint32_t)in);
        for (unsigned i = 0; i < round % 40; i++) {
            dice = dice * 1664525 + 1013904223;
            s = (struct step){ .ctl = flags[dice >> 16 & 3], .seq = 90 + (dice >> 20 & 31), .ack = dice };
            in += peer_writes(p, p->them.port, s, packet);
            peer_sends_raw(p, packet, peer_writes(p, p->them.port, s, packet));
            time_passes(p, MS(dice >> 24));
            while (p->n > 0)
                out += peer_takes(p)->packet_len;
        }
        time_passes(p, SEC(200));
        while (p->n > 0)
            out += peer_takes(p)->packet_len;
        assert_true(out <= 6 * in);
        peer_done_quietly(p);
    }
}

/* A SYN,ACK is at most four octets longer than its SYN. */
TEST(a_syn_ack_is_hardly_longer_than_its_syn)
{
    for (int options = 0; options < 16; options++) {
        struct peer *p = listener(options & 8 ? ESTAB_SYN_COOKIES_ALWAYS : ESTAB_SYN_COOKIES_NEVER);
        struct step s = { .ctl = CTL_SYN, .seq = 100, .sackok = options & 1, .ws = options & 2 ? 8 : 0,
                          .ts_val = options & 4 ? 1 : 0 };
        uint8_t packet[200];
        uint32_t in = peer_writes(p, p->them.port, s, packet);

        peer_sends_raw(p, packet, in);
        assert_true(peer_takes(p)->packet_len <= in + 4);
        peer_done_quietly(p);
    }
}

/* vuln: Accept queue overflow handling
 * A cookie that comes back while the accept queue is full opens nothing; nothing is leaked, and the
 * same ACK serves when there is room. */
TEST(a_cookie_waits_for_the_accept_queue)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    struct estab_endpoint at = { .port = 80 };
    estab_conn got;

    cfg.syn_cookies = ESTAB_SYN_COOKIES_ALWAYS;
    p = peer_host_with(&cfg);
    assert_int_equal(estab_listen(p->stack, &at, 0, NULL, &p->listener, p->now), 0);
    p->them.port = 40001;
    peer_sends (p, .ctl = CTL_SYN, .seq = 100);
    p->them.port = 40000;
    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 100);
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    p->them.port = 40001;
    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 100);
    expect_verdict(p, DROP_ACCEPT_QUEUE_FULL);
    assert_int_equal(estab_accept(p->stack, p->listener, &got, p->now), 0);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done_quietly(p);
}

/* vuln: Accept queue overflow handling
 * A third segment that finds the queue full: by default it is dropped and the half-open record stays;
 * the setting makes it known to the peer instead, and the record goes. */
TEST(an_overflow_may_be_answered_with_rst)
{
    for (int reset = 0; reset < 2; reset++) {
        struct estab_config cfg = peer_config(NULL);
        struct estab_endpoint at = { .port = 80 };
        struct estab_stack_status st;
        struct peer *p;
        uint32_t iss;

        cfg.accept_overflow_reset = reset;
        p = peer_host_with(&cfg);
        assert_int_equal(estab_listen(p->stack, &at, 2, NULL, &p->listener, p->now), 0);
        p->them.port = 50000;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_forgets(p);
        iss = p->iss;
        for (uint16_t port = 40000; port < 40003; port++) { /* backlog + 1 */
            p->them.port = port;
            p->iss_known = false;
            peer_sends(p, .ctl = CTL_SYN, .seq = 100);
            peer_forgets(p);
            peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
            expect_state(p, TCPS(ESTABLISHED));
        }
        p->them.port = 50000;
        p->iss = iss;
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        expect_verdict(p, DROP_ACCEPT_QUEUE_FULL);
        estab_stack_status(p->stack, &st);
        assert_int_equal(st.half_open, !reset);
        if (reset)
            expect_sent(p, .ctl = CTL_RST, .seq = ISS + 1, .reason = ESTAB_WHY_RST_LIMIT);
        expect_nothing_sent(p);
        peer_done_quietly(p);
    }
}

/* vuln: ACK before SYN memory leak */
TEST(acks_before_any_syn_cost_nothing)
{
    struct peer *p = listener(ESTAB_SYN_COOKIES_WHEN_FULL);
    size_t heap = p->heap;

    for (uint32_t i = 0; i < 10000; i++) {
        peer_sends_from(p, (uint16_t)(1024 + i), (struct step){ .ctl = CTL_ACK, .seq = i, .ack = i, .len = 10 });
        peer_forgets(p);
    }
    assert_int_equal(p->heap, heap);
    peer_done(p);
}

/* vuln: ACK flood / RST flood CPU exhaustion
 * To nobody, to a listener and to a connection: answers are limited, and the connection lives. */
TEST(floods_are_answered_seldom)
{
    struct peer *p = peer_in_established();
    uint64_t sent = 0;

    for (uint32_t i = 0; i < 20000; i++) {
        peer_sends_from(p, (uint16_t)(1024 + i % 30000), (struct step){ .ctl = i % 2 ? CTL_ACK : CTL_RST, .seq = i, .ack = i });
        peer_sends (p, .ctl = i % 2 ? CTL_ACK : CTL_RST, .seq = 101 + 5 + i % 1000, .ack = ISS + 1 + 1000000);
        while (p->n > 0) {
            (void)peer_takes(p);
            sent++;
        }
    }
    assert_true(sent <= 2u * p->cfg.rst_per_second);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done_quietly(p);
}
