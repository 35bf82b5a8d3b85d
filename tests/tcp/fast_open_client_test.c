/* SPDX-License-Identifier: MIT */
/* TCP Fast Open (RFC 7413) as a client. */
#include "harness/fast_open.h"

#include <string.h>

static struct peer *
client_with(const struct estab_config *cfg)
{
    struct peer *p = peer_host_with(cfg);

    p->us.port = 33000;
    p->them.port = 80;
    memset(p->cookie, 0xc1, sizeof(p->cookie));
    return p;
}

static struct peer *
client(void)
{
    struct estab_config cfg = peer_config(NULL);

    return client_with(&cfg);
}

static uint8_t
our_octet(uint32_t offset)
{
    return (uint8_t)(offset * 5 + (offset >> 8) * 11 + 2);
}

/* OPEN with Fast Open, and SEND before anything has gone out. */
static void
opens_and_sends(struct peer *p, uint32_t len)
{
    struct estab_endpoint from = { .port = p->us.port };
    struct estab_tcp_options opt = p->cfg.tcp;
    uint8_t data[4096];

    opt.fast_open = true;
    for (uint32_t i = 0; i < len; i++)
        data[i] = our_octet(i);
    p->iss_known = false;
    assert_int_equal(estab_connect(p->stack, &from, &p->them, &opt, &p->conn, p->now), 0);
    if (len > 0)
        assert_int_equal(estab_send(p->stack, p->conn, data, len, p->now), len);
    time_passes(p, 0);
}

/* The connection ends by the peer's RST; another port for the next. */
static void
ends(struct peer *p)
{
    struct estab_status st = user_status(p);

    peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = st.tcb.rcv_nxt, .ack = ISS + 1);
    assert_int_equal(user_leaves(p), 0);
    p->conn = 0;
    p->us.port++;
    peer_forgets(p);
}

/* A first connection has brought a cookie of `len` octets, of the value in p->cookie. */
static void
learns_cookie(struct peer *p, uint8_t len, uint16_t mss)
{
    opens_and_sends(p, 0);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = mss,
                .fast_open = (uint8_t)(len + 1));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    ends(p);
}

/* The options of our SYN with the cookie of 8 octets: 20, and 10 of Fast Open, padded. */
#define SYN_OPTIONS 32

/* RFC7413-4.1.3: asks first, and text waits for the handshake; the next time the cookie goes with
 * text, acknowledged by the SYN,ACK. */
TEST(a_client_asks_and_then_sends_with_the_syn)
{
    struct peer *p = client();
    uint8_t cookie[8];

    memcpy(cookie, p->cookie, 8);
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST, .reason = ESTAB_WHY_SYN);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460, .fast_open = COOKIE);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 100);
    assert_false(user_status(p).fast_open);
    ends(p);

    memset(p->cookie, 0, sizeof(p->cookie));
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 100, .fast_open = COOKIE, .reason = ESTAB_WHY_SYN_FAST_OPEN);
    assert_memory_equal(p->cookie, cookie, 8);
    expect_state(p, TCPS(SYN_SENT));
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 101, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 101, .ack = 101);
    expect_state(p, TCPS(ESTABLISHED));
    expect_event(p, ESTAB_CONNECTED);
    assert_true(user_status(p).fast_open);
    assert_int_equal(user_status(p).bytes_sent, 100);
    assert_int_equal(user_status(p).tcb.send_queued, 0);
    assert_int_equal(user_sends(p, 10), 10);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 101, .ack = 101, .len = 10);
    peer_done(p);
}

/* RFC7413-4.2-OFF: nothing of this unless asked for. */
TEST(a_client_does_not_ask_unless_told)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    p->iss_known = false;
    user_opens(p);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_done(p);
}

/* RFC7413-4.1.3: with nothing to send there is nothing to gain. */
TEST(a_cookie_stays_at_home_without_text)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    opens_and_sends(p, 0);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    ends(p);
    opens_and_sends(p, 10); /* and nothing is held against the peer */
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 10, .fast_open = COOKIE);
    peer_done(p);
}

/* RFC7413-4.1.3: as much text as the MSS of last time allows, options included; without one the
 * default; never more than is usual, whatever was told. */
TEST(text_on_a_syn_is_bounded_by_the_mss)
{
    static const uint16_t mss[] = { 0, 500, 1000, 1400, 9000 };

    for (unsigned i = 0; i < 5; i++) {
        struct peer *p = client();
        uint32_t usual = V4(1460, 1440), limit = mss[i] == 0 ? V4(536, 1220) : mss[i];
        uint32_t n = (limit < usual ? limit : usual) - SYN_OPTIONS;

        learns_cookie(p, 8, mss[i]);
        opens_and_sends(p, 3000);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = n, .fast_open = COOKIE);
        peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1 + n, .mss = 1460);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1 + n, .ack = 101, .len = V4(1460, 1440));
        peer_done_quietly(p);
    }
}

/* RFC7413-4.1-OPT: cookies of every length are kept and shown as they came. */
TEST(cookies_of_every_length_come_back)
{
    for (uint8_t len = 4; len <= 16; len += 2) {
        struct peer *p = client();
        uint8_t cookie[16];

        for (unsigned i = 0; i < 16; i++)
            p->cookie[i] = (uint8_t)(i * 17 + len);
        memcpy(cookie, p->cookie, 16);
        learns_cookie(p, len, 1460);
        memset(p->cookie, 0, sizeof(p->cookie));
        opens_and_sends(p, 10);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 10, .fast_open = (uint8_t)(len + 1));
        assert_memory_equal(p->cookie, cookie, len);
        peer_done(p);
    }
}

/* RFC9293-3.10.7.3-PARTACK: the SYN,ACK may acknowledge the SYN alone: the text goes again at once,
 * with the ACK that ends the handshake. A new cookie came along. */
TEST(text_not_taken_goes_with_the_third_segment)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 100, .fast_open = COOKIE);
    memset(p->cookie, 0x77, sizeof(p->cookie));
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460, .fast_open = COOKIE);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 100, .reason = ESTAB_WHY_DATA);
    expect_state(p, TCPS(ESTABLISHED));
    assert_false(user_status(p).fast_open);
    assert_int_equal(user_status(p).bytes_sent, 100);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 101);
    time_passes(p, SEC(10));
    expect_nothing_sent(p);
    ends(p);
    opens_and_sends(p, 10); /* with the new one */
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 10, .fast_open = COOKIE);
    assert_int_equal(p->cookie[0], 0x77);
    peer_done(p);
}

/* RFC9293-3.10.7.3-PARTACK: or a part of the text. */
TEST(the_rest_of_a_text_partly_taken_is_sent_again)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 100, .fast_open = COOKIE);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 41, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 41, .ack = 101, .len = 60);
    assert_true(user_status(p).fast_open);
    assert_int_equal(user_status(p).bytes_sent, 100);
    peer_done(p);
}

/* RFC9293-3.10.7.3-SYNSENT: beyond the text there is nothing to acknowledge. */
TEST(an_ack_beyond_the_text_of_the_syn_is_reset)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 100, .fast_open = COOKIE);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 102, .mss = 1460);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS + 102);
    expect_state(p, TCPS(SYN_SENT));
    peer_done(p);
}

/* RFC7413-4.2-RETX. vuln: TFO black hole/broken middlebox: the SYN is sent again without option and
 * text, the connection opens, and the peer is left alone for a time that doubles. */
TEST(a_swallowed_syn_is_repeated_plainly)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    for (int i = 0; i < 4; i++) {
        opens_and_sends(p, 100);
        if (i == 0)
            expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 100, .fast_open = COOKIE);
        else
            expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
        assert_int_equal(time_until_sent(p, SEC(2)), SEC(1));
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .reason = ESTAB_WHY_SYN_AGAIN);
        peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 100);
        ends(p);
        time_passes(p, SEC(60 << i) - 1);
        opens_and_sends(p, 100); /* still left alone */
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
        assert_int_equal(user_aborts(p), 0);
        p->us.port++;
        time_passes(p, 1);
    }
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460, .fast_open = COOKIE);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 100);
    ends(p);
    opens_and_sends(p, 100); /* what works is used at once, and the past is forgotten */
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 100, .fast_open = COOKIE);
    time_passes(p, SEC(1));
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 100);
    ends(p);
    time_passes(p, SEC(60));
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
    peer_done(p);
}

/* RFC7413-4.2-RETX: the answer to the first SYN comes after the second: its text was taken. */
TEST(a_late_answer_to_the_first_syn_counts)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 100, .fast_open = COOKIE);
    time_passes(p, SEC(1));
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 101, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 101, .ack = 101);
    assert_true(user_status(p).fast_open);
    ends(p);
    opens_and_sends(p, 10); /* no failure */
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 10, .fast_open = COOKIE);
    peer_done(p);
}

/* RFC7413-4.1.3: a server that answers neither with a cookie nor takes the text is not asked again
 * for a while. */
TEST(a_server_without_fast_open_is_remembered)
{
    struct peer *p = client();

    opens_and_sends(p, 10);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 10);
    ends(p);
    opens_and_sends(p, 10);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    ends(p);
    time_passes(p, SEC(60));
    opens_and_sends(p, 10);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
    peer_done(p);
}

/* RFC7413-4.1.3: no connection at all: a RST, an ICMP error, or silence. vuln: TFO black hole/broken
 * middlebox. */
TEST(a_syn_that_led_to_nothing_is_remembered)
{
    for (int how = 0; how < 3; how++) {
        struct peer *p = client();

        learns_cookie(p, 8, 1460);
        opens_and_sends(p, 10);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 10, .fast_open = COOKIE);
        if (how == 0)
            peer_sends(p, .ctl = CTL_RST | CTL_ACK, .seq = 0, .ack = ISS + 11);
        else if (how == 1)
            peer_sends_icmp(p, V4(3, 1), V4(3, 4), 0, ISS); /* port unreachable */
        else
            time_passes(p, SEC(180));
        expect_event(p, ESTAB_FAILED);
        peer_forgets(p);
        assert_int_equal(user_leaves(p), 0);
        p->us.port++;
        opens_and_sends(p, 10);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
        assert_int_equal(user_aborts(p), 0);
        p->us.port++;
        time_passes(p, SEC(60));
        opens_and_sends(p, 10);
        expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
        peer_done(p);
    }
}

/* RFC7413-4.1.3: a user who changes his mind says nothing about the peer. */
TEST(an_aborted_attempt_is_no_failure)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    opens_and_sends(p, 10);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 10, .fast_open = COOKIE);
    assert_int_equal(user_aborts(p), 0);
    p->us.port++;
    opens_and_sends(p, 10);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 10, .fast_open = COOKIE);
    peer_done(p);
}

/* RFC7413-4.1.3: what is known is known of one port of one address. */
TEST(a_cookie_is_for_one_port_of_one_address)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    p->them.port = 81;
    opens_and_sends(p, 10);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
    p->them.port = 80;
    p->them.addr.bytes[V4(3, 15)]++;
    p->us.port++;
    opens_and_sends(p, 10);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
    peer_done(p);
}

/* RFC7413-4.1.3, limit max_fast_open_peers: the oldest is forgotten; with 0 nothing is asked. */
TEST(the_memory_of_peers_is_bounded)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.max_fast_open_peers = 2;
    p = client_with(&cfg);
    for (uint16_t port = 80; port < 83; port++) {
        p->them.port = port;
        time_passes(p, MS(1));
        learns_cookie(p, 8, 1460);
    }
    for (uint16_t port = 82; port >= 80; port--) {
        p->them.port = port;
        p->us.port++;
        opens_and_sends(p, 10);
        if (port == 80)
            expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .fast_open = REQUEST);
        else
            expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 10, .fast_open = COOKIE);
    }
    peer_done(p);

    cfg.max_fast_open_peers = 0;
    p = client_with(&cfg);
    opens_and_sends(p, 10);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_done(p);
}

/* RFC7413-4.1.3: many peers in few places: each is found or forgotten, none is mistaken for another. */
TEST(the_memory_of_peers_mixes_nothing_up)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    unsigned found = 0;

    cfg.max_fast_open_peers = 16;
    p = client_with(&cfg);
    for (uint16_t port = 1; port <= 40; port++) {
        p->them.port = port;
        memset(p->cookie, port, sizeof(p->cookie));
        learns_cookie(p, 8, 1460);
    }
    for (uint16_t port = 1; port <= 40; port++) {
        struct captured *c;

        p->them.port = port;
        p->us.port++;
        opens_and_sends(p, 10);
        c = peer_takes(p);
        assert_true(c->seg.has_fast_open);
        if (c->seg.fast_open_len == 0)
            continue;
        found++;
        assert_int_equal(c->seg.fast_open[0], port);
    }
    assert_in_range(found, 4, 16);
    peer_done(p);
}

/* Crossing SYNs (MUST-10): ours had text, which the peer does not take. */
TEST(simultaneous_open_with_text)
{
    struct peer *p = client();

    learns_cookie(p, 8, 1460);
    opens_and_sends(p, 100);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS, .len = 100, .fast_open = COOKIE);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .len = 50, .fast_open = COOKIE);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460);
    expect_state(p, TCPS(ESTABLISHED));
    assert_int_equal(peer_takes(p)->seg.len, 100);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 101, .len = 50);
    user_receives(p, 50);
    peer_done_quietly(p);
}

/* The urgent pointer has no place in a SYN: such text waits for the handshake (MUST-62). */
TEST(urgent_text_does_not_go_with_the_syn)
{
    struct peer *p = client();
    struct estab_endpoint from = { .port = 33001 };
    struct estab_tcp_options opt = p->cfg.tcp;

    learns_cookie(p, 8, 1460);
    opt.fast_open = true;
    p->iss_known = false;
    assert_int_equal(estab_connect(p->stack, &from, &p->them, &opt, &p->conn, p->now), 0);
    assert_int_equal(estab_send_urgent(p->stack, p->conn, "\2", 1, p->now), 1);
    time_passes(p, 0);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK | CTL_URG, .seq = ISS + 1, .ack = 101, .len = 1, .up = 1);
    peer_done(p);
}

/* Without memory for what would be learnt, the connection opens as any other. */
TEST(without_memory_for_peers_the_syn_is_plain)
{
    struct peer *p = client();
    struct estab_endpoint from = { .port = p->us.port };
    struct estab_tcp_options opt = p->cfg.tcp;

    opt.fast_open = true;
    assert_int_equal(estab_connect(p->stack, &from, &p->them, &opt, &p->conn, p->now), 0);
    p->fail_at = p->gets + 1;
    time_passes(p, 0);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    p->fail_at = 0;
    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_done(p);
}
