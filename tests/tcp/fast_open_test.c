/* SPDX-License-Identifier: MIT */
/* TCP Fast Open (RFC 7413), as server and as client. */
#include "harness/peer.h"

#include <string.h>

#define V4(four, six) (peer_family == 4 ? (four) : (six))
#define COOKIE 9 /* 8 octets */
#define REQUEST 1

/* ---- server ---- */

static struct peer *
server_with(struct estab_config *cfg)
{
    cfg->tcp.fast_open = true;
    return peer_of_listener_with(cfg);
}

static struct peer *
server(void)
{
    struct estab_config cfg = peer_config(NULL);

    return server_with(&cfg);
}

/* Another connection of the same peer. */
static void
from_port(struct peer *p, uint16_t port)
{
    p->them.port = port;
    p->iss_known = false;
    p->conn = 0;
}

/* An earlier connection, reset by the peer, has left p->cookie to it. */
static void
gets_cookie(struct peer *p)
{
    uint16_t port = p->them.port;

    from_port(p, 39999);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = REQUEST);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
    peer_sends (p, .ctl = CTL_RST, .seq = 101);
    from_port(p, port);
}

/* SYN with cookie and 100 octets, not accepted by the user yet. */
static struct peer *
opened_early(void)
{
    struct peer *p = server();

    gets_cookie(p);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 201,
                .reason = ESTAB_WHY_SYN_ACK_FAST_OPEN);
    expect_verdict(p, ACCEPTED_FAST_OPEN);
    expect_state(p, TCPS(SYN_RECEIVED));
    return p;
}

/* RFC7413-4.2-OFF: off unless asked for; cookies and requests are then ignored. */
TEST(a_listener_ignores_fast_open_unless_asked)
{
    struct peer *on = opened_early(), *p = peer_of_listener(); /* with the same secret */

    memcpy(p->cookie, on->cookie, sizeof(p->cookie));
    peer_done(on);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    expect_verdict(p, ACCEPTED_SYN);
    assert_int_equal(p->listener_events, 0);
    from_port(p, 40001);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = REQUEST, .len = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_done(p);
}

/* RFC7413-4.2-OFF: one listener of a host, not the others. */
TEST(each_listener_has_its_own_setting)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = peer_of_listener_with(&cfg);
    struct estab_tcp_options opt = cfg.tcp;
    struct estab_endpoint at = { .port = 81 };
    estab_conn other;

    opt.fast_open = true;
    assert_int_equal(estab_listen(p->stack, &at, 8, &opt, &other, p->now), 0);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = REQUEST);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    p->us.port = 81;
    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = REQUEST);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
    assert_int_equal(estab_close(p->stack, other, p->now), 0);
    peer_done(p);
}

/* RFC7413-4.1-OPT: a request is answered with a cookie, its text is not taken, and the handshake is
 * as any other. */
TEST(a_request_is_answered_with_a_cookie)
{
    struct peer *p = server();

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = REQUEST, .len = 50);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
    expect_verdict(p, ACCEPTED_SYN);
    assert_int_equal(p->listener_events, 0);
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 50);
    user_accepts(p);
    assert_false(user_status(p).fast_open);
    user_receives(p, 50);
    peer_done_quietly(p);
}

/* RFC7413-4.1-OPT: no option in the SYN, none in the SYN,ACK. */
TEST(nobody_gets_a_cookie_unasked)
{
    struct peer *p = server();

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .len = 50);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_done(p);
}

/* RFC7413-4.2.2-DATA: the connection can be accepted and its text be read before the handshake ends;
 * the SYN,ACK acknowledges the text. */
TEST(text_behind_a_cookie_is_delivered_at_once)
{
    struct peer *p = opened_early();

    assert_true(p->listener_events & ESTAB_ACCEPTABLE);
    user_accepts(p);
    expect_event(p, ESTAB_READABLE | ESTAB_WRITABLE);
    assert_true(user_status(p).fast_open);
    user_receives(p, 100);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1);
    expect_nothing_sent(p);
    expect_state(p, TCPS(ESTABLISHED));
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1, .len = 10);
    user_receives(p, 10);
    peer_done_quietly(p);
}

/* RFC7413-4.2.2-DATA: the user may answer before the handshake ends, behind the SYN,ACK, and what it
 * acknowledges is gone. */
TEST(the_answer_does_not_wait_for_the_handshake)
{
    struct peer *p = opened_early();

    user_accepts(p);
    user_receives(p, 100);
    assert_int_equal(user_sends(p, 30), 30);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 201, .len = 30);
    expect_state(p, TCPS(SYN_RECEIVED));
    assert_int_equal(user_sends(p, 20), 20); /* Nagle: something is out */
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 31);
    expect_state(p, TCPS(ESTABLISHED));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 31, .ack = 201, .len = 20);
    assert_int_equal(user_status(p).bytes_sent, 50);
    peer_done(p);
}

/* RFC7413-4.2.2-DATA. vuln: Fast Open cookie and amplification abuse: never more than the initial
 * window, whatever the user would send. */
TEST(an_early_answer_is_bounded_by_the_initial_window)
{
    struct peer *p = opened_early();

    user_accepts(p);
    assert_int_equal(user_sends(p, 20000), 20000);
    for (unsigned i = 0; i < 10; i++)
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1 + i * V4(1460, 1440), .ack = 201,
                    .len = V4(1460, 1440));
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1 + 10 * V4(1460, 1440));
    assert_true(p->n > 0);
    peer_forgets(p);
    peer_done(p);
}

/* RFC7413-4.2.2-DATA: and by the window of the SYN. */
TEST(an_early_answer_is_bounded_by_the_window_of_the_syn)
{
    struct peer *p = server();

    gets_cookie(p);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 10, .wnd = 101, .ws = 8);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111);
    user_accepts(p);
    assert_int_equal(user_sends(p, 1000), 1000);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 111, .len = 100);
    expect_nothing_sent(p);
    peer_done(p);
}

/* RFC7413-4.2.2-DATA: lost, the early answer is sent again once the handshake has ended. */
TEST(an_early_answer_that_is_lost_is_sent_again)
{
    struct peer *p = opened_early();

    user_accepts(p);
    assert_int_equal(user_sends(p, 30), 30);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 201, .len = 30);
    time_passes(p, MS(20));
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    expect_nothing_sent(p);
    assert_in_range(time_until_sent(p, SEC(2)), MS(200), SEC(1));
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 201, .len = 30);
    peer_done(p);
}

/* RFC7413-4.2.2-DATA: a cookie without text opens early too, for a server that speaks first. */
TEST(a_server_may_speak_first)
{
    struct peer *p = server();

    gets_cookie(p);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    user_accepts(p);
    assert_int_equal(user_sends(p, 30), 30);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 101, .len = 30);
    peer_done(p);
}

/* RFC7413-4.2.2-DATA: CLOSE before the handshake ends: the FIN waits for it (RFC 9293 §3.10.4). */
TEST(the_fin_of_an_early_answer_waits_for_the_handshake)
{
    struct peer *p = opened_early();

    user_accepts(p);
    user_receives(p, 100);
    assert_int_equal(user_sends(p, 30), 30);
    assert_int_equal(user_sends(p, 20), 20); /* held back, Nagle */
    assert_int_equal(user_closes(p), 0);     /* and now no more will join it */
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 201, .len = 30);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 31, .ack = 201, .len = 20);
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 51);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 51, .ack = 201);
    expect_state(p, TCPS(FIN_WAIT_1));
    peer_done(p);
}

/* RFC7413-4.1.2: the cookie is of one address; another's gets the SYN acknowledged, and a cookie of
 * its own. */
TEST(a_cookie_of_another_address_is_not_believed)
{
    struct peer *p = server();
    uint8_t first[8];

    gets_cookie(p);
    memcpy(first, p->cookie, 8);
    p->them.addr.bytes[V4(3, 15)]++;
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
    expect_verdict(p, ACCEPTED_SYN);
    assert_memory_not_equal(first, p->cookie, 8);
    assert_int_equal(p->listener_events, 0);
    from_port(p, 40001); /* its own is */
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 201);
    peer_done(p);
}

/* RFC7413-4.1.2: nor is one with a bit changed, or of another length; all get a good one. */
TEST(a_forged_cookie_is_not_believed)
{
    struct peer *p = server();
    uint8_t good[16];

    gets_cookie(p);
    memcpy(good, p->cookie, 16);
    for (unsigned bit = 0; bit < 64; bit++) {
        from_port(p, (uint16_t)(40001 + bit));
        memcpy(p->cookie, good, 16);
        p->cookie[bit / 8] ^= (uint8_t)(1u << bit % 8);
        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
        assert_memory_equal(p->cookie, good, 8);
        peer_sends (p, .ctl = CTL_RST, .seq = 101);
    }
    for (uint8_t len = 4; len <= 16; len += 2) {
        if (len == 8)
            continue;
        from_port(p, (uint16_t)(41000 + len));
        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = (uint8_t)(len + 1), .len = 10);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
        assert_memory_equal(p->cookie, good, 8);
    }
    peer_done(p);
}

/* RFC7413-4.1.2: cookies expire. One of the last key is good and replaced, one before that is not. */
TEST(cookies_expire)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    uint8_t first[16], second[16];

    cfg.fast_open_key_life = SEC(1000); /* the world begins at 1000 s */
    p = server_with(&cfg);
    gets_cookie(p);
    memcpy(first, p->cookie, 16);
    time_passes(p, SEC(999));
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111); /* nothing to replace */
    peer_sends (p, .ctl = CTL_RST, .seq = 111);

    time_passes(p, SEC(1));
    from_port(p, 40001);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111, .fast_open = COOKIE);
    peer_sends (p, .ctl = CTL_RST, .seq = 111);
    memcpy(second, p->cookie, 16);
    assert_memory_not_equal(first, second, 8);

    time_passes(p, SEC(1000));
    from_port(p, 40002);
    memcpy(p->cookie, first, 16);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
    from_port(p, 40003);
    memcpy(p->cookie, second, 16);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111, .fast_open = COOKIE);
    peer_done(p);
}

/* RFC7413-4.1.2: hosts with another secret make other cookies. */
TEST(cookies_depend_on_the_secret)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = server(), *q;

    memset(cfg.secret, 8, sizeof(cfg.secret));
    q = server_with(&cfg);
    gets_cookie(p);
    gets_cookie(q);
    assert_memory_not_equal(p->cookie, q->cookie, 8);
    peer_done(p);
    peer_done(q);
}

/* RFC7413-4.2-PENDING. vuln: Fast Open cookie and amplification abuse: a flood with a good cookie
 * finds so many early connections and no more; the others have an ordinary handshake. */
TEST(early_connections_are_bounded)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.max_fast_open_pending = 3;
    p = server_with(&cfg);
    gets_cookie(p);
    for (uint16_t i = 0; i < 6; i++) {
        from_port(p, (uint16_t)(40000 + i));
        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 10);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = i < 3 ? 111 : 101);
    }
    peer_sends (p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1, .len = 10); /* the last of them */
    expect_state(p, TCPS(ESTABLISHED));

    /* the end of a handshake makes room, whether or not the user has the connection */
    p->them.port = 40000;
    user_accepts(p);
    p->iss = user_status(p).tcb.iss;
    peer_sends (p, .ctl = CTL_ACK, .seq = 111, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    from_port(p, 40010);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111);
    from_port(p, 40011);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_done_quietly(p);
}

/* RFC7413-4.2-PENDING, §5.1. vuln: Fast Open cookie and amplification abuse: a RST does not make
 * room at once, so that addresses that answer with one cannot be used to flood the user. */
TEST(a_reset_early_connection_counts_on_for_a_minute)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.max_fast_open_pending = 1;
    p = server_with(&cfg);
    gets_cookie(p);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111);
    peer_sends (p, .ctl = CTL_RST, .seq = 111);
    expect_verdict(p, ACCEPTED_RST);
    expect_state(p, TCPS(LISTEN));
    time_passes(p, SEC(59));
    from_port(p, 40001);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_sends (p, .ctl = CTL_RST, .seq = 101);
    time_passes(p, SEC(1));
    from_port(p, 40002);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111);
    peer_done(p);
}

/* RFC7413-4.2-RETX: the SYN,ACK is sent again without the option; as often as from a half-open
 * record, and then the connection goes without a word (RFC4987-NOAMP). */
TEST(an_early_connection_is_given_up_in_silence)
{
    struct peer *p = opened_early();

    for (int i = 0; i < 4; i++) {
        assert_int_equal(time_until_sent(p, SEC(60)), SEC(1 << i));
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 201,
                    .reason = ESTAB_WHY_SYN_ACK_AGAIN);
    }
    time_passes(p, SEC(16));
    expect_nothing_sent(p);
    expect_state(p, TCPS(LISTEN));
    assert_int_equal(estab_accept(p->stack, p->listener, &p->conn, p->now), -ESTAB_EAGAIN);
    peer_done(p);
}

/* The same, and the user has it already. */
TEST(the_user_of_an_early_connection_is_told_that_it_timed_out)
{
    struct peer *p = opened_early();

    user_accepts(p);
    user_receives(p, 100);
    time_passes(p, SEC(31));
    peer_forgets(p);
    expect_event(p, ESTAB_FAILED);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_ETIMEDOUT);
    peer_done(p);
}

/* RFC7413-4.2-RETX: a cookie that was to be given is not repeated either. */
TEST(the_cookie_is_given_once)
{
    struct peer *p = server();

    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = REQUEST);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
    time_passes(p, SEC(1));
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_done(p);
}

/* RFC7413-4.2-RETX: the client's second SYN has neither cookie nor text; the SYN,ACK still tells what
 * was taken, and the text is not delivered twice. */
TEST(a_repeated_syn_draws_the_same_syn_ack)
{
    struct peer *p = opened_early();

    user_accepts(p);
    time_passes(p, MS(600));
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460);
    expect_verdict(p, ACCEPTED_SYN_DUPLICATE);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 201);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 100);
    expect_verdict(p, DROP_RATE_LIMIT); /* one answer in challenge_gap (RFC4987-NOAMP) */
    expect_nothing_sent(p);
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    user_receives(p, 100);
    assert_int_equal(user_tries_to_receive(p), -ESTAB_EAGAIN);
    peer_done(p);
}

/* RFC7413-4.2.2-DUP: replayed after the connection has ended, the SYN delivers its text once more;
 * that is why only requests that may be carried out twice should be sent so. */
TEST(a_replayed_syn_delivers_its_text_again)
{
    struct peer *p = opened_early();

    user_accepts(p);
    user_receives(p, 100);
    peer_sends (p, .ctl = CTL_RST, .seq = 201);
    assert_int_equal(user_leaves(p), 0);
    p->conn = 0;
    p->iss_known = false;
    time_passes(p, SEC(1));
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 201);
    user_accepts(p);
    user_receives(p, 100);
    peer_done(p);
}

/* MUST-11, RFC 5961 §3.2: a RST at RCV.NXT ends it and nobody is told, or the user who has it; one
 * elsewhere in the window is challenged, one outside ignored. */
TEST(a_reset_ends_an_early_connection)
{
    for (int accepted = 0; accepted < 2; accepted++) {
        struct peer *p = opened_early();

        if (accepted) {
            user_accepts(p);
            user_receives(p, 100);
        }
        peer_sends (p, .ctl = CTL_RST, .seq = 101); /* what a SYN,ACK of the SYN alone would draw */
        expect_verdict(p, DROP_RST_OUT_OF_WINDOW);
        peer_sends (p, .ctl = CTL_RST, .seq = 202);
        expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 201, .reason = ESTAB_WHY_CHALLENGE_ACK);
        expect_state(p, TCPS(SYN_RECEIVED));
        peer_sends (p, .ctl = CTL_RST, .seq = 201);
        expect_nothing_sent(p);
        if (accepted) {
            expect_event(p, ESTAB_FAILED);
            assert_int_equal(user_tries_to_receive(p), -ESTAB_ECONNRESET);
        } else {
            expect_state(p, TCPS(LISTEN));
            assert_int_equal(estab_accept(p->stack, p->listener, &p->conn, p->now), -ESTAB_EAGAIN);
        }
        peer_done(p);
    }
}

/* RFC9293-3.10.7.4-SYNRCVD-ACK: an ACK of something else is reset, and nothing changes. */
TEST(a_wrong_ack_does_not_end_the_handshake)
{
    struct peer *p = opened_early();

    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS);
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_RST, .seq = ISS + 2);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_sends (p, .ctl = CTL_SYN, .seq = 300); /* another SYN in the window */
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 201, .reason = ESTAB_WHY_CHALLENGE_ACK);
    expect_state(p, TCPS(SYN_RECEIVED));
    peer_done(p);
}

/* SHLD-3: the user leaves without having read. */
TEST(an_early_connection_closed_with_unread_text_is_reset)
{
    struct peer *p = opened_early();

    user_accepts(p);
    assert_int_equal(user_leaves(p), 0);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 201);
    expect_gone(p);
    peer_done(p);
}

/* The listener goes: what waits for accept is reset, what the user has lives on. */
TEST(early_connections_and_the_end_of_their_listener)
{
    struct peer *p = opened_early();
    uint32_t first = p->iss;

    user_accepts(p);
    p->them.port = 40001;
    p->iss_known = false;
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 201);
    assert_int_equal(estab_close(p->stack, p->listener, p->now), 0);
    p->listener = 0;
    time_passes(p, 0);
    expect_sent(p, .ctl = CTL_RST | CTL_ACK, .seq = ISS + 1, .ack = 201);
    p->them.port = 40000;
    p->iss = first;
    peer_sends (p, .ctl = CTL_ACK, .seq = 201, .ack = ISS + 1);
    expect_state(p, TCPS(ESTABLISHED));
    user_receives(p, 100);
    peer_done(p);
}

/* Where no connection can be made the SYN is taken as an ordinary one. */
TEST(without_room_for_a_connection_the_handshake_is_ordinary)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.max_connections = 1;
    p = server_with(&cfg);
    gets_cookie(p);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111);
    from_port(p, 40001);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    peer_done(p);
}

/* RFC4987-3.6-COOKIE: a full SYN queue is no hindrance to those who have proved their address. */
TEST(a_full_syn_queue_does_not_stop_fast_open)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.syn_cookies = ESTAB_SYN_COOKIES_ALWAYS;
    cfg.tcp.fast_open = true;
    p = peer_of_listener_with(&cfg);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = REQUEST);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE,
                .reason = ESTAB_WHY_SYN_COOKIE);
    from_port(p, 40001);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 10);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111);
    peer_done(p);
}

/* The accept queue is one queue: what waits there early counts. */
TEST(early_connections_fill_the_accept_queue)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = server_with(&cfg);

    gets_cookie(p);
    for (uint16_t i = 0; i < 9; i++) {
        from_port(p, (uint16_t)(40000 + i));
        peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
        expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 111);
    }
    from_port(p, 40100);
    peer_sends (p, .ctl = CTL_SYN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_verdict(p, DROP_ACCEPT_QUEUE_FULL);
    peer_done(p);
}

/* RFC 6191 §2: a SYN that ends a TIME-WAIT has an ordinary handshake: its ISS must stand beyond the
 * old connection's. */
TEST(a_syn_that_ends_time_wait_is_an_ordinary_one)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.fast_open = true;
    p = peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = 101);
    peer_sends (p, .ctl = CTL_FIN | CTL_ACK, .seq = 101, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = 102);
    expect_state(p, TCPS(TIME_WAIT));
    assert_int_equal(user_leaves(p), 0);
    gets_cookie(p);
    peer_sends (p, .ctl = CTL_SYN, .seq = 5000, .mss = 1460, .fast_open = COOKIE, .len = 10);
    expect_verdict(p, ACCEPTED_SYN_TIME_WAIT);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 5001);
    peer_done(p);
}

/* SYN and FIN together are refused with a cookie as without (RFC 9293 §3.10.7.2). */
TEST(a_cookie_does_not_excuse_a_fin)
{
    struct peer *p = server();

    gets_cookie(p);
    peer_sends (p, .ctl = CTL_SYN | CTL_FIN, .seq = 100, .fast_open = COOKIE, .len = 10);
    expect_verdict(p, DROP_SYN_FIN);
    expect_nothing_sent(p);
    peer_done(p);
}

/* ---- client ---- */

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

/* ---- both ---- */

/* RFC7413-4.2.2-DATA: client and server in one host, over its loopback: the second connection is read
 * before its handshake has ended. */
TEST(client_and_server_understand_each_other)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p = server_with(&cfg);
    struct estab_endpoint to = p->us;

    for (int i = 0; i < 3; i++) {
        struct estab_status st;
        estab_conn opened, answers;
        char buf[8];

        assert_int_equal(estab_connect(p->stack, NULL, &to, NULL, &opened, p->now), 0);
        assert_int_equal(estab_send(p->stack, opened, "hello", 5, p->now), 5);
        time_passes(p, MS(1));
        assert_int_equal(estab_accept(p->stack, p->listener, &answers, p->now), 0);
        assert_int_equal(estab_receive(p->stack, answers, buf, sizeof(buf), p->now), 5);
        assert_memory_equal(buf, "hello", 5);
        assert_int_equal(estab_status(p->stack, opened, &st), 0);
        assert_int_equal(st.state, TCPS(ESTABLISHED));
        assert_int_equal(st.fast_open, i > 0);
        assert_int_equal(estab_status(p->stack, answers, &st), 0);
        assert_int_equal(st.state, TCPS(ESTABLISHED));
        assert_int_equal(st.fast_open, i > 0);
        assert_int_equal(estab_close(p->stack, opened, p->now), 0);
        assert_int_equal(estab_close(p->stack, answers, p->now), 0);
        time_passes(p, MS(1));
    }
    peer_done(p);
}

/* ---- text on SYNs without Fast Open ---- */

/* RFC 9293 §3.10.7.3: text of a SYN,ACK is taken, and acknowledged with it. */
TEST(text_of_a_syn_ack_is_taken)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends (p, .ctl = CTL_SYN | CTL_ACK, .seq = 100, .ack = ISS + 1, .mss = 1460, .len = 30);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = 131);
    expect_state(p, TCPS(ESTABLISHED));
    user_receives(p, 30);
    peer_done(p);
}

/* RFC 9293 §3.10.7.2, §3.10.7.3: every set of control bits to LISTEN and to SYN-SENT: only a SYN
 * without FIN and RST opens anything. */
TEST(nonsense_sets_of_flags_open_nothing)
{
    for (unsigned ctl = 0; ctl < 64; ctl++) {
        bool syn = (ctl & (CTL_SYN | CTL_FIN | CTL_RST)) == CTL_SYN;
        struct peer *p = peer_of_listener();

        peer_sends(p, .ctl = (uint8_t)ctl, .seq = 100, .ack = 1, .len = 5);
        expect_state(p, syn && !(ctl & CTL_ACK) ? TCPS(SYN_RECEIVED) : TCPS(LISTEN));
        peer_done_quietly(p);

        p = peer_in_syn_sent();
        peer_sends(p, .ctl = (uint8_t)ctl, .seq = 100, .ack = ISS + 1, .len = 5);
        expect_state(p, syn ? ctl & CTL_ACK ? TCPS(ESTABLISHED) : TCPS(SYN_RECEIVED)
                        : (ctl & (CTL_RST | CTL_ACK)) == (CTL_RST | CTL_ACK) ? TCPS(CLOSED)
                                                                           : TCPS(SYN_SENT));
        peer_done_quietly(p);
    }
}
