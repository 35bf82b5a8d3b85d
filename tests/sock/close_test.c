/* SPDX-License-Identifier: MIT */
/* shutdown(2) in each direction, close(2) of one of several descriptors, SO_LINGER, unread text. */
#include "pair.h"

#define FIN 0x01
#define RST 0x04

static void
lingers(struct pair *p, struct estab_sock *s, int on, int seconds)
{
    struct linger l = { .l_onoff = on, .l_linger = seconds };

    assert_int_equal(estab_sock_setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof(l), p->now), 0);
}

TEST(shutdown_write_is_the_end_for_the_peer)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    sends(p, j.a, "bye", 3, 0);
    assert_int_equal(estab_sock_shutdown(j.a, SHUT_WR, p->now), 0);
    settle(p);
    assert_int_equal(sends(p, j.a, "x", 1, MSG_NOSIGNAL), -EPIPE);
    assert_int_equal(polls(p, j.b), POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM);
    expect_text(p, j.b, "bye");
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), 0);
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), 0);
    assert_int_equal(sends(p, j.b, "answer", 6, 0), 6); /* the other half is open */
    expect_text(p, j.a, "answer");
    assert_int_equal(estab_sock_shutdown(j.a, SHUT_WR, p->now), 0); /* again: no error */
    assert_int_equal(estab_sock_shutdown(j.b, SHUT_WR, p->now), 0);
    settle(p);
    assert_int_equal(receives(p, j.a, (char[1]){ 0 }, 1, 0), 0);
    assert_int_equal(polls(p, j.a),
                     POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP);
    assert_int_equal(estab_sock_shutdown(j.a, SHUT_WR, p->now), -ENOTCONN); /* it is over */
    assert_int_equal(gets_(p, j.a, SOL_SOCKET, SO_ERROR), 0);
    pair_free(p);
}

/* Linux: SHUT_RD is known here only; what still comes can be read, then there is the end. */
TEST(shutdown_read_is_local)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    unsigned packets = p->here.packets;

    assert_int_equal(estab_sock_shutdown(j.a, SHUT_RD, p->now), 0);
    settle(p);
    assert_int_equal(p->here.packets, packets);
    assert_true(polls(p, j.a) & POLLRDHUP);
    assert_int_equal(receives(p, j.a, (char[1]){ 0 }, 1, 0), 0);
    assert_int_equal(sends(p, j.b, "late", 4, 0), 4);
    expect_text(p, j.a, "late");
    assert_int_equal(receives(p, j.a, (char[1]){ 0 }, 1, 0), 0);
    assert_int_equal(sends(p, j.a, "x", 1, 0), 1);
    pair_free(p);
}

TEST(shutdown_by_state)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET), *l = opens(&p->here, AF_INET), *got;

    assert_int_equal(estab_sock_shutdown(s, SHUT_RDWR, p->now), -ENOTCONN);
    assert_int_equal(estab_sock_shutdown(s, 3, p->now), -EINVAL);
    p->cut = true;
    assert_int_equal(connects(p, s, "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(estab_sock_shutdown(s, SHUT_WR, p->now), 0); /* the attempt is given up */
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_ERROR), ECONNRESET);
    assert_int_equal(connections(&p->here), 0);
    p->cut = false;

    assert_int_equal(binds(l, "127.0.0.1", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    assert_int_equal(estab_sock_shutdown(l, SHUT_WR, p->now), 0); /* nothing */
    assert_int_equal(accepts(p, l, &got), -EAGAIN);
    assert_int_equal(estab_sock_shutdown(l, SHUT_RD, p->now), 0); /* no listener any more */
    assert_int_equal(accepts(p, l, &got), -EINVAL);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0); /* it kept its name */
    pair_free(p);
}

TEST(last_descriptor_closes)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    estab_sock_ref(j.a); /* dup(2) */
    assert_int_equal(closes(p, j.a), 0);
    assert_int_equal(sends(p, j.a, "still here", 10, 0), 10);
    expect_text(p, j.b, "still here");
    assert_int_equal(closes(p, j.a), 0);
    assert_true(p->here.last_ctl & FIN);
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), 0);
    closes(p, j.b);
    closes(p, j.listener);
    assert_int_equal(connections(&p->here), 0);
    assert_int_equal(connections(&p->there), 0);
    pair_free(p);
}

/* RFC 9293 §3.6.1, SHLD-3: closing over unread text tells the peer that it was lost. */
TEST(unread_text_is_a_reset)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    sends(p, j.b, "unread", 6, 0);
    closes(p, j.a);
    assert_true(p->here.last_ctl & RST);
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), -ECONNRESET);
    pair_free(p);
}

/* Linux: a RST to one who has seen the FIN and has not closed yet is EPIPE. */
TEST(reset_in_close_wait_is_epipe)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    closes(p, j.a);
    assert_int_equal(sends(p, j.b, "x", 1, 0), 1); /* nobody is there: RST */
    assert_true(p->here.last_ctl & RST);
    assert_int_equal(gets_(p, j.b, SOL_SOCKET, SO_ERROR), EPIPE);
    pair_free(p);
}

TEST(linger_zero_resets)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    lingers(p, j.a, 1, 0);
    closes(p, j.a);
    assert_true(p->here.last_ctl & RST);
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), -ECONNRESET);
    pair_free(p);
}

/* socket(7): close() waits until what was sent, and the FIN, have been acknowledged. */
TEST(linger_waits_for_the_acknowledgement)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_sock_call call = { 0 };

    lingers(p, j.a, 1, 10);
    p->cut = true;
    sends(p, j.a, "slow", 4, 0);
    assert_int_equal(estab_sock_close(j.a, &call, p->now), ESTAB_SOCK_BLOCKED);
    assert_true(call.until == p->now + ESTAB_SEC(10));
    p->cut = false;
    pass(p, ESTAB_SEC(2)); /* sent again, acknowledged */
    assert_int_equal(estab_sock_close(j.a, &call, p->now), 0);
    expect_text(p, j.b, "slow");
    pair_free(p);
}

TEST(linger_gives_up_in_time_and_goes_on_behind)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_sock_call call = { 0 };

    lingers(p, j.a, 1, 2);
    p->cut = true;
    sends(p, j.a, "slow", 4, 0);
    assert_int_equal(estab_sock_close(j.a, &call, p->now), ESTAB_SOCK_BLOCKED);
    pass(p, ESTAB_SEC(2));
    assert_int_equal(estab_sock_close(j.a, &call, p->now), 0);
    p->cut = false;
    pass(p, ESTAB_SEC(60));
    expect_text(p, j.b, "slow");
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), 0);
    pair_free(p);
}

/* Connections nobody has accepted go with the listener. */
TEST(closing_a_listener)
{
    struct pair *p = pair_new();
    struct estab_sock *l = opens(&p->there, AF_INET), *a = opens(&p->here, AF_INET);

    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), -EINPROGRESS);
    assert_int_equal(connects(p, a, "192.0.2.2", 80), 0);
    closes(p, l);
    assert_int_equal(receives(p, a, (char[1]){ 0 }, 1, 0), -ECONNRESET);
    assert_int_equal(connections(&p->there), 0);
    pair_free(p);
}
