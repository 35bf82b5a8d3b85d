/* SPDX-License-Identifier: MIT */
/* TCP Fast Open (RFC 7413), a server with text before the handshake ends: what may be sent, and the limits. */
#include "harness/fast_open.h"

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
