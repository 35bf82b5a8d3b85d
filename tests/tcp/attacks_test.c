/* SPDX-License-Identifier: MIT */
/* Ways in which stacks have been broken (docs/rfc/tcp-vulns.tsv), played against this one. */
#include "harness/invariants.h"
#include "harness/peer.h"

#include <string.h>

static uint32_t
dice(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed ^ *seed >> 15;
}

/* Chi-square over 256 classes of one octet of n values: 255 degrees of freedom, so that far below
 * 170 or far above 360 hardly ever happens to random values. */
static double
chi_square(const uint32_t *values, unsigned n, unsigned shift)
{
    double expected = n / 256.0, sum = 0;
    unsigned seen[256] = { 0 };

    for (unsigned i = 0; i < n; i++)
        seen[values[i] >> shift & 0xff]++;
    for (unsigned i = 0; i < 256; i++)
        sum += (seen[i] - expected) * (seen[i] - expected) / expected;
    return sum;
}

static void
check_random(const uint32_t *values, unsigned n)
{
    for (unsigned shift = 0; shift < 32; shift += 8) {
        double x = chi_square(values, n, shift);

        assert_true(x > 170 && x < 360);
    }
}

/* Our ISNs towards n ports of the peer, the clock standing still. */
static void
collect_isns(const struct estab_config *cfg, uint32_t *isn, unsigned n)
{
    struct peer *p = peer_of_listener_with(cfg);

    for (unsigned i = 0; i < n; i++) {
        peer_sends_from(p, (uint16_t)(1024 + i), (struct step){ .ctl = CTL_SYN, .seq = 100 });
        isn[i] = peer_takes(p)->seg.seq;
    }
    peer_done_quietly(p);
}

/* vuln: Predictable TCP initial sequence numbers; NUMBER:JACK weak ISN generators; NicheStack predictable ISN (INFRA:HALT)
 * SHLD-1, RFC6528-3: to neighbouring ports, at one instant: each octet of the numbers and of their
 * differences is even, and two boots share none. */
TEST(isns_tell_nothing_of_each_other)
{
    enum { N = 40000 };
    static uint32_t a[N], b[N], d[N];
    struct estab_config cfg = peer_config(NULL);
    unsigned same = 0;

    cfg.max_half_open = N;
    cfg.syn_cookies = ESTAB_SYN_COOKIES_NEVER;
    cfg.memory_budget = (size_t)1 << 30;
    {
        struct estab_config small = cfg;

        small.syn_cookies = ESTAB_SYN_COOKIES_ALWAYS; /* and cookies, which are ISNs as well */
        collect_isns(&small, a, N);
        check_random(a, N);
        for (unsigned i = 0; i + 1 < N; i++)
            d[i] = a[i + 1] - a[i];
        check_random(d, N - 1);
    }
    /* by the generator itself: the backlog of a listener is no limit there */
    for (unsigned boot = 0; boot < 2; boot++) {
        struct peer *p;
        struct estab_config one = cfg;

        one.secret[5] = (uint8_t)(one.secret[5] + boot);
        p = peer_host_with(&one);
        for (unsigned i = 0; i < N / 8; i++) {
            estab_conn c;

            p->them.port = (uint16_t)(1024 + i);
            assert_int_equal(estab_connect(p->stack, NULL, &p->them, NULL, &c, p->now), 0);
            time_passes(p, 0);
            (boot ? b : a)[i] = peer_takes(p)->seg.seq;
            assert_int_equal(estab_abort(p->stack, c, p->now), 0);
            peer_forgets(p);
        }
        check_random(boot ? b : a, N / 8);
        p->conn = 0;
        peer_done_quietly(p);
    }
    for (unsigned i = 0; i < N / 8; i++)
        same += a[i] == b[i];
    assert_true(same <= 1);
}

/* vuln: NUMBER:JACK weak ISN generators: without a secret there is no host. */
TEST(a_host_without_a_secret_is_refused)
{
    struct estab_config cfg = peer_config(NULL);

    memset(cfg.secret, 0, sizeof(cfg.secret));
    assert_null(estab_stack_new(&cfg));
}

/* vuln: Predictable ephemeral ports
 * RFC6056-3.2: what an attacker sees on connections to itself tells nothing of the next port to
 * another: the distance between the two is different for every pair of hosts. */
TEST(ports_to_one_host_say_nothing_of_ports_to_another)
{
    enum { N = 2000 };
    uint32_t distance[N];
    struct peer *p = peer_host(NULL);
    struct estab_endpoint to = p->them;
    unsigned equal = 0;

    for (unsigned i = 0; i < N; i++) {
        struct estab_status st[2];

        for (unsigned side = 0; side < 2; side++) {
            estab_conn c;

            to.addr.bytes[peer_family == 4 ? 3 : 15] = (uint8_t)(2 + i % 100 + side * 100);
            to.port = (uint16_t)(1000 + i);
            assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), 0);
            assert_int_equal(estab_status(p->stack, c, &st[side]), 0);
            assert_int_equal(estab_abort(p->stack, c, p->now), 0);
        }
        distance[i] = (uint32_t)(st[1].local.port - st[0].local.port);
        equal += i > 0 && distance[i] == distance[i - 1];
    }
    assert_true(equal <= 3);
    assert_true(chi_square(distance, N, 0) < 400);
    peer_done_quietly(p);
}

/* vuln: TCP timestamp uptime and identity leak
 * RFC7323-5.4-OFFSET: at one instant every connection shows another clock. */
TEST(timestamps_do_not_show_a_common_clock)
{
    enum { N = 2000 };
    uint32_t ts[N];
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    unsigned close = 0;

    cfg.syn_cookies = ESTAB_SYN_COOKIES_NEVER;
    p = peer_of_listener_with(&cfg);
    p->now += SEC(5);
    for (unsigned i = 0; i < N; i++) {
        peer_sends_from(p, (uint16_t)(1024 + i), (struct step){ .ctl = CTL_SYN, .seq = 100, .ts_val = 1 });
        ts[i] = peer_takes(p)->seg.ts_val;
        close += i > 0 && ts[i] - ts[i - 1] < 1000000;
        peer_sends_from(p, (uint16_t)(1024 + i), (struct step){ .ctl = CTL_RST, .seq = 101 });
    }
    check_random(ts, N);
    assert_true(close < 10);
    peer_done_quietly(p);
}

/* vuln: Blind RST injection (slipping in the window)
 * RFC5961-3.2-EXACT: RSTs a quarter of the window apart, all round the circle: the connection stands,
 * and the challenges are few. */
TEST(resets_round_the_circle_do_not_hit)
{
    struct peer *p = peer_in_established();
    uint32_t wnd = user_status(p).tcb.rcv_wnd, step = wnd / 4 + 1;
    unsigned challenges = 0;

    for (uint64_t at = 7; at < 1ull << 32; at += step) {
        if ((uint32_t)at == 101)
            continue;
        peer_sends(p, .ctl = CTL_RST, .seq = (uint32_t)at);
        while (p->n > 0) {
            (void)peer_takes(p);
            challenges++;
        }
    }
    expect_state(p, TCPS(ESTABLISHED));
    assert_in_range(challenges, 1, 4);
    peer_sends(p, .ctl = CTL_RST, .seq = 101);
    expect_event(p, ESTAB_FAILED);
    peer_done(p);
}

/* vuln: Blind SYN injection
 * RFC5961-4.2-SYN: in the window or not, one challenge, and nothing changes. */
TEST(syns_do_not_hit)
{
    struct peer *p = peer_in_established();
    struct estab_status before = user_status(p);
    uint32_t seed = 3;

    for (unsigned i = 0; i < 5000; i++) {
        peer_sends(p, .ctl = i % 2 ? CTL_SYN : CTL_SYN | CTL_ACK, .seq = i < 100 ? 101 + i : dice(&seed), .ack = dice(&seed), .mss = 100, .ws = 3);
        if (i == 0)
            expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .reason = ESTAB_WHY_CHALLENGE_ACK);
    }
    expect_nothing_sent(p);
    expect_unchanged(p, &before);
    peer_done(p);
}

/* vuln: Blind data injection; Blind FIN injection
 * RFC5961-5.2-ACK: text and FINs in the window with guessed ACKs: what gets in is what the window of
 * acceptable ACKs allows, and the stream stays what it was. */
TEST(text_and_fins_with_guessed_acks_do_not_hit)
{
    struct peer *p = peer_in_established();
    uint32_t seed = 99;
    unsigned hits = 0;

    for (unsigned i = 0; i < 20000; i++) {
        uint32_t ack = dice(&seed);

        peer_sends(p, .ctl = CTL_ACK | (i % 2 ? CTL_FIN : 0), .seq = 101 + 1000 + i % 5000, .ack = ack, .len = 10);
        hits += p->last_verdict == ESTAB_SEG_ACCEPTED_OUT_OF_ORDER;
        peer_forgets(p);
        time_passes(p, MS(1));
        peer_forgets(p);
    }
    /* MAX.SND.WND / 2^32, 1 in 65,537, of 20,000 */
    assert_true(hits <= 3);
    expect_state(p, TCPS(ESTABLISHED));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 900);
    user_receives(p, 900);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_done_quietly(p);
}

/* vuln: Challenge-ACK global counter side channel
 * CVE-2016-5696, RFC5961-7-THROTTLE: an attacker counts the challenges it can draw on a connection of
 * its own while it probes that of a victim: the number is the same whether the victim exists or not,
 * and whether the probes hit its window or not. */
TEST(challenges_of_one_connection_cannot_be_counted_on_another)
{
    unsigned counted[3] = { 0 };

    for (unsigned world = 0; world < 3; world++) {
        struct peer *p = peer_of_listener();
        uint32_t theirs = world == 2 ? 5000000 : 100;

        if (world > 0) { /* the victim */
            p->them.port = 50000;
            peer_sends(p, .ctl = CTL_SYN, .seq = theirs);
            peer_sends(p, .ctl = CTL_ACK, .seq = theirs + 1, .ack = ISS + 1);
            user_accepts(p);
            peer_forgets(p);
        }
        p->them.port = 40000;
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        peer_forgets(p);
        for (unsigned i = 0; i < 1000; i++) {
            peer_sends_from(p, 50000, (struct step){ .ctl = i % 2 ? CTL_RST : CTL_SYN, .seq = 101 + i });
            peer_forgets(p);
            peer_sends(p, .ctl = CTL_RST, .seq = 101 + 50);
            while (p->n > 0) {
                (void)peer_takes(p);
                counted[world]++;
            }
            time_passes(p, MS(7));
        }
        expect_state(p, TCPS(ESTABLISHED));
        peer_done_quietly(p);
    }
    assert_int_equal(counted[0], counted[1]);
    assert_int_equal(counted[0], counted[2]);
}

/* vuln: ACK storm / ACK war; Challenge-ACK loop between two stacks
 * Two hosts whose numbers do not agree answer each other: what one sends, a copy of ourselves would
 * answer; each side sends a challenge in half a second and no more. */
TEST(two_hosts_out_of_step_do_not_storm)
{
    struct peer *p = peer_in_established();
    unsigned sent = 0;

    /* the other side is as stubborn: it answers each of our ACKs with one of its own, at once */
    peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 900000, .ack = ISS + 1 + 900000);
    for (unsigned i = 0; i < 10000; i++) {
        if (p->n > 0) {
            (void)peer_takes(p);
            sent++;
            peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 900000, .ack = ISS + 1 + 900000);
        } else {
            time_passes(p, MS(1));
            if (i % 50 == 0) /* text injected by somebody keeps it going */
                peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 900000, .ack = ISS + 1 + 900000);
        }
    }
    assert_in_range(sent, 1, 25);
    expect_state(p, TCPS(ESTABLISHED));
    peer_done_quietly(p);
}

/* vuln: PAWS poisoning with spoofed timestamp
 * RFC 7323 §5.3, R3: a segment that is not accepted does not move TS.Recent, so that it shuts nobody
 * out. */
TEST(forged_timestamps_do_not_shut_the_peer_out)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .ts_val = 1000);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .ts_val = 1001, .ts_ecr = p->our_ts);
    user_accepts(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101 + 900000, .ack = ISS + 1, .len = 10, .ts_val = 1001 + (1u << 30));
    peer_sends(p, .ctl = CTL_ACK, .seq = 90, .ack = ISS + 1, .len = 5, .ts_val = 1001 + (1u << 30));
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 100, .ts_val = 1002);
    expect_verdict(p, ACCEPTED);
    user_receives(p, 100);
    peer_done_quietly(p);
}

/* vuln: Half-open scanning / fingerprinting
 * The probes of scanners get the documented answers: LISTEN and CLOSED, each set of flags. */
TEST(probes_get_the_documented_answers)
{
    static const struct {
        uint8_t ctl, listen, closed; /* 0: silence */
    } probes[] = {
        { 0, 0, CTL_RST | CTL_ACK },
        { CTL_FIN, 0, CTL_RST | CTL_ACK },
        { CTL_FIN | CTL_PSH | CTL_URG, 0, CTL_RST | CTL_ACK },
        { CTL_SYN | CTL_FIN | CTL_PSH | CTL_URG, 0, CTL_RST | CTL_ACK },
        { CTL_ACK, CTL_RST, CTL_RST },
        { CTL_SYN | CTL_ACK, CTL_RST, CTL_RST },
        { CTL_FIN | CTL_ACK, CTL_RST, CTL_RST },
        { CTL_SYN, CTL_SYN | CTL_ACK, CTL_RST | CTL_ACK },
        { CTL_RST, 0, 0 },
    };

    for (unsigned i = 0; i < sizeof(probes) / sizeof(probes[0]); i++)
        for (int listening = 0; listening < 2; listening++) {
            struct peer *p = listening ? peer_of_listener() : peer_host(NULL);
            uint8_t want = listening ? probes[i].listen : probes[i].closed;

            peer_sends(p, .ctl = probes[i].ctl, .seq = 100, .ack = 200);
            if (want == 0)
                expect_nothing_sent(p);
            else
                assert_int_equal(peer_takes(p)->seg.ctl, want);
            peer_done_quietly(p);
        }
}

/* vuln: Duplicate SYN / SYN-ACK in SYN-RECEIVED
 * Five SYNs: one record, one ISN; and a SYN,ACK there opens nothing. */
TEST(repeated_syns_are_one_connection)
{
    struct peer *p = peer_of_listener();
    struct estab_stack_status st;
    uint32_t iss = 0;

    for (unsigned i = 0; i < 5; i++) {
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        while (p->n > 0) {
            uint32_t seq = peer_takes(p)->seg.seq;

            assert_true(iss == 0 || iss == seq);
            iss = seq;
        }
    }
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.half_open, 1);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, 0);
    peer_done_quietly(p);
}

/* vuln: Small-MSS amplification; MSS zero / MSS parse overflow; Divide by zero in window/MSS code
 * Every value of the option: segments are neither empty nor larger than the link. */
TEST(every_mss_leaves_a_usable_segment_size)
{
    for (uint32_t mss = 0; mss <= 65535; mss += mss < 70 ? 1 : 997) {
        struct peer *p = peer_of_listener();
        uint8_t packet[200];
        uint32_t len = peer_writes(p, p->them.port, (struct step){ .ctl = CTL_SYN, .seq = 100, .mss = (uint16_t)(mss + 1) }, packet);
        uint32_t tcp = peer_family == 4 ? 20 : 40;
        struct captured *c;

        packet[tcp + 22] = (uint8_t)(mss >> 8);
        packet[tcp + 23] = (uint8_t)mss;
        peer_fixes_checksum(packet, len);
        peer_sends_raw(p, packet, len);
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        user_sends(p, 3000);
        c = peer_takes(p);
        assert_in_range(c->seg.len, 1, 1460);
        assert_true(c->packet_len <= 1500);
        assert_true(user_status(p).mss >= 48);
        peer_done_quietly(p);
    }
}

/* vuln: Urgent pointer zero underflow; Urgent pointer out of bounds (uIP, open-iscsi); Urgent pointer race; Urgent data infinite loop or panic (NicheStack); Splice/zero-copy URG infinite loop; WinNuke OOB crash; Urgent pointer confusion during connect
 * URG with every kind of pointer, in every state, on text, FIN, SYN and RST, between partial reads. */
TEST(urgent_pointers_of_all_kinds_do_no_harm)
{
    static const uint16_t ups[] = { 0, 1, 4, 5, 6, 1000, 32768, 65535 };
    static struct peer *(*const states[])(void) = {
        peer_of_listener, peer_in_syn_received, peer_in_syn_sent, peer_in_established, peer_in_fin_wait_1,
        peer_in_fin_wait_2, peer_in_close_wait, peer_in_closing, peer_in_last_ack, peer_in_time_wait,
    };
    static const uint8_t flags[] = { CTL_ACK, CTL_ACK | CTL_FIN, CTL_SYN, CTL_SYN | CTL_ACK, CTL_RST, 0 };

    for (unsigned s = 0; s < sizeof(states) / sizeof(states[0]); s++)
        for (unsigned u = 0; u < sizeof(ups) / sizeof(ups[0]); u++)
            for (unsigned f = 0; f < sizeof(flags); f++)
                for (uint32_t len = 0; len < 6; len += 5) {
                    struct peer *p = states[s]();
                    struct estab_span spans[2];
                    char buf[2];

                    peer_sends(p, .ctl = CTL_URG | flags[f], .seq = 101, .ack = ISS + 1, .len = len, .up = ups[u]);
                    peer_sends(p, .ctl = CTL_URG | CTL_ACK, .seq = 101 + len, .ack = ISS + 1, .len = len, .up = ups[u]);
                    if (p->conn != 0) {
                        for (unsigned i = 0; i < 20 && estab_receive(p->stack, p->conn, buf, sizeof(buf), p->now) > 0; i++)
                            peer_forgets(p);
                        (void)!estab_peek(p->stack, p->conn, spans);
                    }
                    peer_done_quietly(p);
                }
}

/* vuln: Urgent pointer confusion via malformed AO option
 * The option nobody knows here, of every length, together with URG: no harm, no state. */
TEST(ao_options_of_all_lengths_are_skipped)
{
    for (unsigned length = 0; length <= 40; length++) {
        struct peer *p = peer_in_established();
        struct estab_status before = user_status(p);
        uint32_t ip = peer_family == 4 ? 20 : 40;
        uint8_t packet[200] = { 0 };
        uint32_t len = peer_writes(p, p->them.port, (struct step){ .ctl = CTL_ACK | CTL_URG, .seq = 101 + 900000, .ack = ISS + 1, .up = 3 }, packet);

        /* forty octets of options, the first of them kind 29 */
        memset(packet + ip + 20, 0, 40);
        packet[ip + 12] = 15 << 4;
        packet[ip + 20] = 29;
        packet[ip + 21] = (uint8_t)length;
        len += 40;
        if (peer_family == 4)
            packet[3] = (uint8_t)len;
        else
            packet[5] = (uint8_t)(len - 40);
        peer_fixes_checksum(packet, len);
        peer_sends_raw(p, packet, len);
        peer_forgets(p);
        expect_unchanged(p, &before);
        peer_done_quietly(p);
    }
}

/* vuln: TIME-WAIT exhaustion
 * More closed connections than may wait: memory stays within the limit, and new ones open. */
TEST(time_waits_are_bounded)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack_status st;
    size_t heap = 0;
    struct peer *p;

    cfg.max_time_wait = 1000;
    p = peer_of_listener_with(&cfg);
    for (uint32_t i = 0; i < 5000; i++) {
        p->them.port = (uint16_t)(1024 + i);
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        assert_int_equal(user_leaves(p), 0);
        peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
        peer_forgets(p);
        if (i == 2000)
            heap = p->heap;
    }
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.time_wait, 1000);
    assert_true(p->heap <= heap);
    time_passes(p, SEC(61));
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.time_wait, 0);
    peer_done(p);
}

/* vuln: Timer tick wrap leaves TIME-WAIT or timers stuck
 * Across each place where a clock of milliseconds, microseconds or nanoseconds in 31 to 33 bits would
 * wrap: TIME-WAIT ends, a retransmission comes, on time. */
TEST(no_clock_wraps)
{
    static const estab_time edges[] = { MS(1ll << 31), MS(1ll << 32), MS(1ll << 33), US(1ll << 31), US(1ll << 32), SEC(10) + (1ll << 31), SEC(10) + (1ll << 32), SEC(1ll << 31) };

    for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        struct peer *p = peer_host(NULL);
        struct estab_endpoint at = { .port = 80 };

        p->now = edges[i] - SEC(10);
        assert_int_equal(estab_listen(p->stack, &at, 5, NULL, &p->listener, p->now), 0);
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
        user_accepts(p);
        time_passes(p, SEC(10) - MS(100));
        user_sends(p, 10);
        peer_forgets(p);
        assert_in_range(time_until_sent(p, SEC(5)), 1, SEC(1));
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 11);
        assert_int_equal(user_leaves(p), 0);
        peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 12);
        peer_forgets(p);
        time_passes(p, SEC(60) - MS(1));
        expect_state(p, TCPS(TIME_WAIT));
        time_passes(p, MS(1));
        expect_gone(p);
        peer_done(p);
    }
}

/* vuln: Sequence-number wrap at 2^31/2^32
 * A stream that crosses both, whatever the ISNs were. */
TEST(streams_cross_the_wraps)
{
    static const uint32_t begins[] = { 0xffffff00, 0x7fffff00, 0xffffffff, 0x7fffffff, 0 };

    for (unsigned i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
        struct peer *p = peer_of_listener();
        uint32_t seq = begins[i];

        peer_sends(p, .ctl = CTL_SYN, .seq = seq++, .mss = 1460);
        peer_forgets(p);
        peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1);
        user_accepts(p);
        for (unsigned n = 0; n < 100; n++) {
            peer_sends(p, .ctl = CTL_ACK, .seq = seq + 100, .ack = ISS + 1, .len = 100);
            peer_sends(p, .ctl = CTL_ACK, .seq = seq, .ack = ISS + 1, .len = 100);
            seq += 200;
            peer_forgets(p);
            user_receives(p, 200);
        }
        peer_sends(p, .ctl = CTL_ACK | CTL_FIN, .seq = seq, .ack = ISS + 1);
        assert_int_equal(user_tries_to_receive(p), 0);
        peer_done_quietly(p);
    }
}

/* vuln: Sockstress / zero-window persist exhaustion
 * Peers that open, ask, and shut their windows: what they hold is bounded by the send buffers, an
 * honest one is served, and each is given up when its user has gone. */
TEST(shut_windows_hold_a_bounded_amount)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack_status st;
    struct peer *p;

    cfg.tcp.send_buffer_max = 4096;
    p = peer_of_listener_with(&cfg);
    for (uint32_t i = 0; i < 200; i++) {
        p->them.port = (uint16_t)(1024 + i);
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .wnd = -1);
        user_accepts(p);
        peer_forgets(p);
        assert_int_equal(user_sends(p, 4096), 4096);
        assert_int_equal(user_leaves(p), 0);
        peer_forgets(p);
    }
    estab_stack_status(p->stack, &st);
    assert_true(st.ring_bytes <= 200u * 4096);
    p->them.port = 60000;
    p->iss_known = false;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 5);
    user_accepts(p);
    user_receives(p, 5);
    for (unsigned s = 0; s < 101; s++) {
        time_passes(p, SEC(1));
        peer_forgets(p);
    }
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.connections, 1);
    assert_int_equal(st.ring_bytes, 0);
    peer_done_quietly(p);
}

/* vuln: Keepalive / zero-window probe garbage byte handling
 * One octet at RCV.NXT - 1, and one at RCV.NXT while the window is closed: answered, not taken. */
TEST(garbage_octets_are_not_taken)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.receive_buffer_max = 2048;
    p = peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
    peer_sends (p, .ctl = CTL_ACK, .seq = 100, .ack = ISS + 1, .len = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 1460);
    peer_sends (p, .ctl = CTL_ACK, .seq = 1561, .ack = ISS + 1, .len = 588);
    time_passes(p, MS(50));
    peer_forgets(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101 + 2048, .ack = ISS + 1, .len = 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101 + 2048, .wnd = -1);
    user_receives(p, 2048);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_done_quietly(p);
}

/* vuln: Middlebox option stripping or mangling
 * Options taken out of the SYN or of the SYN,ACK on the way: the connection works without them. */
TEST(stripped_options_are_done_without)
{
    struct peer *p = peer_host(NULL);

    user_opens(p);
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1);
    peer_forgets(p);
    user_sends(p, 100);
    assert_int_equal(peer_takes(p)->seg.has_ts, false);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 101, .len = 100);
    user_receives(p, 100);
    assert_false(user_status(p).sack || user_status(p).window_scaling || user_status(p).timestamps);
    peer_done_quietly(p);
}

/* vuln: Hash-collision attack on connection table
 * The key of the table is the host's own: names as regular as can be are found in as few steps as
 * others. */
TEST(regular_names_are_found_in_few_steps)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack_status st;
    uint32_t mean, most;
    struct peer *p;

    cfg.max_half_open = 20000;
    p = peer_host_with(&cfg);
    {
        struct estab_endpoint at = { .port = 80 };

        assert_int_equal(estab_listen(p->stack, &at, 20000, NULL, &p->listener, p->now), 0);
    }
    for (uint32_t i = 0; i < 10000; i++) {
        p->them.addr.bytes[peer_family == 4 ? 3 : 15] = (uint8_t)(2 + i / 64);
        peer_sends_from(p, (uint16_t)(1024 + i % 64 * 1000), (struct step){ .ctl = CTL_SYN, .seq = i });
        peer_forgets(p);
    }
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.half_open, 10000);
    table_steps(p->stack, &mean, &most);
    assert_in_range(mean, 100, 400);
    assert_in_range(most, 1, 200);
    for (uint32_t i = 0; i < 10000; i++) {
        p->them.addr.bytes[peer_family == 4 ? 3 : 15] = (uint8_t)(2 + i / 64);
        peer_sends_from(p, (uint16_t)(1024 + i % 64 * 1000), (struct step){ .ctl = CTL_RST, .seq = i + 1 });
    }
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.half_open, 0);
    peer_done_quietly(p);
}

/* vuln: NAT/conntrack style sequence inference through packet counters
 * Counters are in the hands of who holds the stack: nothing a peer can send reads one. What a probe
 * draws on the wire is the same, wherever in the window it stands. */
TEST(probes_in_the_window_draw_the_same)
{
    unsigned drawn[4];

    for (unsigned i = 0; i < 4; i++) {
        struct peer *p = peer_in_established();
        struct captured *c;

        peer_sends(p, .ctl = CTL_RST, .seq = 102 + i * 16000);
        drawn[i] = p->n;
        c = peer_takes(p);
        assert_int_equal(c->seg.ack, 101);
        assert_int_equal(c->seg.ctl, CTL_ACK);
        peer_done(p);
    }
    assert_true(drawn[0] == 1 && drawn[1] == 1 && drawn[2] == 1 && drawn[3] == 1);
}
