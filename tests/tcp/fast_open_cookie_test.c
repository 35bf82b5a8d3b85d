/* SPDX-License-Identifier: MIT */
/* TCP Fast Open (RFC 7413), the cookies of a server: who is given one, and which are believed. */
#include "harness/fast_open.h"

#include <string.h>

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
