/* SPDX-License-Identifier: MIT */
/* The user's calls and the host around them: RFC 9293 §3.9.1, §3.10.1-6; urgent data (RFC 6093),
 * loopback, limits, memory. */
#include "harness/peer.h"

#include <string.h>

/* RFC9293-3.10.1-OPEN: the same four names twice. */
TEST(second_open_of_the_same_names_is_refused)
{
    struct peer *p = peer_in_syn_sent();
    struct estab_endpoint from = p->us, to = p->them;
    estab_conn c;

    assert_int_equal(estab_connect(p->stack, &from, &to, NULL, &c, p->now), -ESTAB_EADDRINUSE);
    to.addr.bytes[peer_family == 4 ? 3 : 15]++; /* to another host there is no conflict */
    from.port = 33000;
    assert_int_equal(estab_connect(p->stack, &from, &to, NULL, &c, p->now), 0);
    peer_done_quietly(p);
}

/* MUST-43, MUST-44, MUST-45: the local address is the user's, or chosen, and stays. */
TEST(local_address)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint from = { .port = 33000 }, to = p->them;
    struct estab_addr second = p->us.addr;
    struct estab_status st;
    estab_conn c;

    second.bytes[3] = (uint8_t)(peer_family == 4 ? 9 : second.bytes[3]);
    second.bytes[15] = (uint8_t)(peer_family == 6 ? 9 : second.bytes[15]);
    from.addr = second;
    assert_int_equal(estab_connect(p->stack, &from, &to, NULL, &c, p->now), -ESTAB_EADDRNOTAVAIL);
    assert_int_equal(estab_stack_add_address(p->stack, 1, &second, peer_family == 4 ? 24 : 64), 0);
    assert_int_equal(estab_connect(p->stack, &from, &to, NULL, &p->conn, p->now), 0);
    st = user_status(p);
    assert_true(estab_addr_equal(&st.local.addr, &second));
    p->us.addr = second;
    time_passes(p, SEC(1));
    assert_true(p->n >= 1);
    peer_done_quietly(p);
}

/* No route: an error, and nothing is sent. */
TEST(no_route)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint to = { .port = 80 };
    estab_conn c;

    assert_int_equal(
        estab_addr_parse(&to.addr, peer_family == 4 ? "198.51.100.1" : "2001:db8:1::1"), 0);
    assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &c, p->now), -ESTAB_ENETUNREACH);
    expect_nothing_sent(p);
    peer_done(p);
}

/* RFC9293-3.10.2-SEND, RFC9293-3.10.3-RECV: what the calls say in each state. */
TEST(send_and_receive_by_state)
{
    struct peer *p = peer_in_close_wait();

    assert_int_equal(user_tries_to_receive(p), 0);
    assert_int_equal(user_sends(p, 5), 5);
    peer_done_quietly(p);
    p = peer_in_last_ack();
    assert_int_equal(user_sends(p, 5), -ESTAB_EPIPE);
    assert_int_equal(user_tries_to_receive(p), 0);
    peer_done_quietly(p);
}

/* The send buffer is bounded; WRITABLE follows when there is room. */
TEST(send_buffer_is_bounded)
{
    struct estab_config cfg = peer_config("tiny");
    struct peer *p = peer_in_established_with(&cfg, (struct step){ .mss = 1000 });

    assert_int_equal(user_sends(p, 10000), 4096);
    assert_int_equal(user_sends(p, 1), -ESTAB_EAGAIN);
    p->events = 0;
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1001);
    expect_event(p, ESTAB_WRITABLE);
    assert_int_equal(user_sends(p, 10000), 1000);
    peer_done_quietly(p);
}

/* The same text without copies. */
TEST(peek_consume_reserve_commit)
{
    struct peer *p = peer_in_established();
    struct estab_span s[2];
    ptrdiff_t n;

    n = estab_reserve(p->stack, p->conn, 3, s);
    assert_int_equal(n, 3);
    assert_int_equal(s[0].len, 3);
    memcpy(s[0].data, (uint8_t[]){ 2, 7, 12 }, 3);
    assert_int_equal(estab_commit(p->stack, p->conn, 3, p->now), 0);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 20);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 121, .len = 3);
    assert_int_equal(estab_peek(p->stack, p->conn, s), 20);
    assert_int_equal(s[0].len + s[1].len, 20);
    assert_int_equal(estab_consume(p->stack, p->conn, 21, p->now), -ESTAB_EINVAL);
    assert_int_equal(estab_consume(p->stack, p->conn, 20, p->now), 0);
    assert_int_equal(estab_peek(p->stack, p->conn, s), -ESTAB_EAGAIN);
    assert_int_equal(estab_commit(p->stack, p->conn, 1u << 20, p->now), -ESTAB_EINVAL);
    peer_done_quietly(p);
}

/* RFC6093-4, MUST-30, MUST-62, SHLD-13: the pointer is the octet after the last urgent one; and no urgent
 * flag unless asked for. */
TEST(urgent_text_is_sent)
{
    struct peer *p = peer_in_established();
    uint8_t text[4] = { 2, 7, 12, 17 };

    assert_int_equal(estab_send_urgent(p->stack, p->conn, text, 4, p->now), 4);
    user_sends(p, 2);
    {
        struct captured *c = peer_takes(p);

        assert_true(c->seg.ctl & CTL_URG);
        assert_int_equal(c->seg.up, 4);
    }
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 7);
    user_sends(p, 2);
    while (p->n > 0)
        assert_false(peer_takes(p)->seg.ctl & CTL_URG);
    peer_done(p);
}

/* MUST-31: urgent text of any length: URG on every segment before its end, the pointer as far as
 * the field reaches. */
TEST(long_urgent_text)
{
    struct peer *p = peer_in_established();
    static uint8_t text[200000];
    uint32_t sent = 0;

    for (uint32_t i = 0; i < sizeof(text); i++)
        text[i] = (uint8_t)(i * 5 + (i >> 8) * 11 + 2);
    assert_int_equal(estab_send_urgent(p->stack, p->conn, text, sizeof(text), p->now), 200000);
    user_sends(p, 0);
    while (sent < sizeof(text)) {
        struct captured *c;

        if (p->n == 0)
            break;
        c = peer_takes(p);
        assert_true(c->seg.ctl & CTL_URG);
        assert_int_equal(c->seg.up, 200000 - sent < 65535 ? 200000 - sent : 65535);
        sent += c->seg.len;
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1 + sent);
    }
    assert_int_equal(sent, 200000);
    peer_done(p);
}

/* MUST-32, MUST-33, RFC9293-3.10.7.4-URG, CVE-2019-12255: told once for each move of the pointer,
 * what is left can be asked, a pointer of 0 does nothing, and one far ahead no harm. */
TEST(urgent_pointer_is_reported)
{
    struct peer *p = peer_in_established();

    p->events = 0;
    peer_sends(p, .ctl = CTL_ACK | CTL_URG, .seq = 101, .ack = ISS + 1, .len = 5, .up = 10);
    expect_event(p, ESTAB_URGENT);
    assert_int_equal(user_status(p).urgent_left, 10);
    peer_sends(p, .ctl = CTL_ACK | CTL_URG, .seq = 106, .ack = ISS + 1, .len = 5, .up = 5);
    assert_false(p->events & ESTAB_URGENT);
    peer_sends(p, .ctl = CTL_ACK | CTL_URG, .seq = 111, .ack = ISS + 1, .len = 5, .up = 20);
    expect_event(p, ESTAB_URGENT);
    user_receives(p, 15);
    assert_int_equal(user_status(p).urgent_left, 15);
    peer_sends(p, .ctl = CTL_ACK | CTL_URG, .seq = 116, .ack = ISS + 1, .len = 15, .up = 0);
    assert_false(p->events & ESTAB_URGENT);
    user_receives(p, 15);
    assert_int_equal(user_status(p).urgent_left, 0);
    peer_sends(p, .ctl = CTL_ACK | CTL_URG, .seq = 131, .ack = ISS + 1, .up = 65535);
    expect_event(p, ESTAB_URGENT);
    peer_sends(p, .ctl = CTL_ACK, .seq = 131, .ack = ISS + 1, .len = 9);
    user_receives(p, 9);
    peer_done_quietly(p);
}

/* MUST-48, MUST-49, SHLD-21, SHLD-22, SHLD-23: DSCP and TTL per connection, on everything, at any
 * time. */
TEST(dscp_and_ttl)
{
    struct peer *p = peer_in_established();
    struct estab_tcp_options opt = user_options(p);
    struct captured *c;

    assert_int_equal(opt.dscp, 0);
    opt.dscp = 46;
    opt.ttl = 37;
    user_sets(p, &opt);
    user_sends(p, 5);
    c = peer_takes(p);
    assert_int_equal(c->tos, 46 << 2);
    assert_int_equal(c->ttl, 37);
    time_passes(p, SEC(1)); /* the retransmission */
    c = peer_takes(p);
    assert_int_equal(c->tos, 46 << 2);
    peer_forgets(p);
    assert_int_equal(user_aborts(p), 0);
    c = peer_takes(p);
    assert_true(c->seg.ctl & CTL_RST);
    assert_int_equal(c->ttl, 37);
    assert_int_equal(c->tos, 46 << 2);
    peer_done(p);
}

/* Settings that cannot be are refused, and change nothing. */
TEST(bad_options_are_refused)
{
    struct peer *p = peer_in_established();
    struct estab_tcp_options good = user_options(p), bad;

    bad = good, bad.ttl = 0;
    assert_int_equal(estab_set_options(p->stack, p->conn, &bad, p->now), -ESTAB_EINVAL);
    bad = good, bad.dscp = 64;
    assert_int_equal(estab_set_options(p->stack, p->conn, &bad, p->now), -ESTAB_EINVAL);
    bad = good, bad.keepalive_idle = 0;
    assert_int_equal(estab_set_options(p->stack, p->conn, &bad, p->now), -ESTAB_EINVAL);
    bad = good, bad.cc = 200;
    assert_int_equal(estab_set_options(p->stack, p->conn, &bad, p->now), -ESTAB_EINVAL);
    bad = good, bad.receive_buffer_max = 10;
    assert_int_equal(estab_set_options(p->stack, p->conn, &bad, p->now), -ESTAB_EINVAL);
    peer_done(p);
}

/* An all-zero secret, or no allocator: no host. */
TEST(host_needs_a_secret_and_memory)
{
    struct peer *p = peer_host(NULL);
    struct estab_config cfg = p->cfg;

    memset(cfg.secret, 0, sizeof(cfg.secret));
    assert_null(estab_stack_new(&cfg));
    cfg = p->cfg;
    cfg.alloc.get = NULL;
    assert_null(estab_stack_new(&cfg));
    cfg = p->cfg;
    cfg.memory_budget = 1000;
    assert_null(estab_stack_new(&cfg));
    cfg = p->cfg;
    cfg.delayed_ack = MS(500); /* (MUST-40) */
    assert_null(estab_stack_new(&cfg));
    cfg = p->cfg;
    cfg.syn_ack_retries = 255;
    assert_null(estab_stack_new(&cfg));
    cfg = p->cfg;
    cfg.rto_initial = cfg.rto_max + 1;
    assert_null(estab_stack_new(&cfg));
    cfg = p->cfg;
    cfg.sws_override = MS(99); /* 0.1 to 1 s, RFC 9293 §3.8.6.2.1 */
    assert_null(estab_stack_new(&cfg));
    peer_done(p);
}

/* Loopback lives inside the stack: to 127.0.0.1, ::1 and own addresses nothing leaves. */
TEST(loopback)
{
    struct peer *p = peer_of_listener();
    struct estab_endpoint to = { .port = 80 };
    estab_conn a, b;
    uint8_t buf[8];

    for (int own = 0; own < 2; own++) {
        to.addr = p->us.addr;
        if (!own)
            assert_int_equal(estab_addr_parse(&to.addr, peer_family == 4 ? "127.0.0.1" : "::1"), 0);
        assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &a, p->now), 0);
        time_passes(p, 0);
        assert_int_equal(estab_accept(p->stack, p->listener, &b, p->now), 0);
        assert_int_equal(estab_send(p->stack, a, "hello", 5, p->now), 5);
        time_passes(p, 0);
        assert_int_equal(estab_receive(p->stack, b, buf, 8, p->now), 5);
        assert_memory_equal(buf, "hello", 5);
        assert_int_equal(estab_close(p->stack, a, p->now), 0);
        time_passes(p, 0);
        assert_int_equal(estab_receive(p->stack, b, buf, 8, p->now), 0);
        assert_int_equal(estab_close(p->stack, b, p->now), 0);
        time_passes(p, 0);
        expect_nothing_sent(p);
    }
    time_passes(p, SEC(60));
    peer_done(p);
}

/* Without a sink nothing is told, and nothing else differs: a whole life over the loopback. */
TEST(host_without_a_trace_sink)
{
    struct peer *p = peer_host(NULL);
    struct estab_config cfg = p->cfg;
    struct estab_endpoint at = { .port = 80 };
    struct estab_stack_status st;
    struct estab_stack *s;
    estab_conn listener, a, b;
    uint8_t buf[8];

    cfg.trace = NULL;
    s = estab_stack_new(&cfg);
    assert_non_null(s);
    assert_int_equal(estab_addr_parse(&at.addr, peer_family == 4 ? "127.0.0.1" : "::1"), 0);
    assert_int_equal(estab_listen(s, &at, 1, &cfg.tcp, &listener, 0), 0);
    assert_int_equal(estab_connect(s, NULL, &at, NULL, &a, 0), 0);
    estab_stack_tick(s, 0);
    assert_int_equal(estab_accept(s, listener, &b, 0), 0);
    assert_int_equal(estab_send(s, a, "hello", 5, 0), 5);
    estab_stack_tick(s, 0);
    assert_int_equal(estab_receive(s, b, buf, 8, 0), 5);
    assert_int_equal(estab_close(s, a, 0), 0);
    assert_int_equal(estab_close(s, b, 0), 0);
    assert_int_equal(estab_close(s, listener, 0), 0);
    for (int i = 0; i < 20 && estab_stack_deadline(s) != ESTAB_NEVER; i++)
        estab_stack_tick(s, estab_stack_deadline(s));
    estab_stack_status(s, &st);
    assert_int_equal(st.connections + st.time_wait + st.half_open + st.listeners + st.timers, 0);
    assert_int_equal(st.record_bytes + st.ring_bytes, 0);
    estab_stack_free(s);
    peer_done(p);
}

/* Self-connect: one connection with itself through simultaneous open (RFC 9293 §3.5). */
TEST(self_connect)
{
    struct peer *p = peer_host(NULL);
    struct estab_endpoint self = { .addr = p->us.addr, .port = 5555 };
    uint8_t buf[8];
    estab_conn a;

    assert_int_equal(estab_connect(p->stack, &self, &self, NULL, &a, p->now), 0);
    time_passes(p, SEC(5));
    p->conn = a;
    assert_int_equal(user_status(p).state, TCPS(ESTABLISHED));
    assert_int_equal(estab_send(p->stack, a, "me", 2, p->now), 2);
    time_passes(p, SEC(1));
    assert_int_equal(estab_receive(p->stack, a, buf, 8, p->now), 2);
    assert_memory_equal(buf, "me", 2);
    peer_done_quietly(p);
}

/* The memory budget is hard; what is refused is said, and nothing is lost or leaked. */
TEST(memory_budget_is_hard)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    struct estab_stack_status st;

    cfg.memory_budget = 700000;
    p = peer_of_listener_with(&cfg);
    for (uint16_t i = 0; i < 4000; i++) {
        p->them.port = (uint16_t)(1024 + i);
        p->iss_known = false;
        peer_sends(p, .ctl = CTL_SYN, .seq = 100);
        peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 500);
        peer_forgets(p);
        if (estab_accept(p->stack, p->listener, &p->conn, p->now) != 0)
            p->conn = 0;
    }
    estab_stack_status(p->stack, &st);
    assert_true(st.bytes_peak <= 700000);
    assert_true(st.verdicts[ESTAB_SEG_DROP_NO_MEMORY] > 0);
    peer_done_quietly(p);
}

/* limit: max_orphans: beyond it a connection is reset instead of closing by itself. */
TEST(orphans_are_bounded)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.max_orphans = 0;
    p = peer_in_established_with(&cfg, (struct step){ .mss = 1000 });
    assert_int_equal(user_leaves(p), 0);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 101,
                .reason = ESTAB_WHY_RST_LIMIT);
    expect_gone(p);
    peer_done(p);

    p = peer_of_listener_with(&cfg); /* from CLOSE-WAIT too */
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 1);
    peer_forgets(p);
    assert_int_equal(user_leaves(p), 0);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 102);
    peer_done(p);
}

/* Everything at once: each record is walked once, and told truly. */
TEST(the_walk_shows_every_record)
{
    struct peer *p = peer_in_time_wait();
    struct estab_status st;
    uint64_t cursor = 0;
    int seen[11] = { 0 };

    p->them.port = 40001;
    peer_sends(p, .ctl = CTL_SYN, .seq = 100);
    peer_forgets(p);
    while (estab_stack_next(p->stack, &cursor, &st))
        seen[st.state]++;
    assert_int_equal(seen[TCPS(LISTEN)], 1);
    assert_int_equal(seen[TCPS(SYN_RECEIVED)], 1);
    assert_int_equal(seen[TCPS(TIME_WAIT)], 1);
    peer_done(p);
}

/* limit: rst_per_second: a flood of segments to nobody draws a bounded number of answers. */
TEST(resets_to_nobody_are_rate_limited)
{
    struct peer *p = peer_host(NULL);

    p->cfg.rst_per_second = 0;
    for (int i = 0; i < 400; i++)
        peer_sends(p, .ctl = CTL_ACK, .seq = 100, .ack = 5);
    expect_verdict(p, DROP_RATE_LIMIT);
    assert_in_range(p->n, 90, 110); /* a tenth of a second's worth at once */
    time_passes(p, SEC(1));
    peer_forgets(p);
    peer_sends(p, .ctl = CTL_ACK, .seq = 100, .ack = 5);
    assert_int_equal(p->n, 1);
    peer_done_quietly(p);
}
