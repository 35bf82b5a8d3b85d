/* SPDX-License-Identifier: MIT */
/* recv(2), send(2) and their kin: flags, vectors, blocking, time limits, low water mark. */
#include "pair.h"

TEST(text_goes_both_ways)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    char c;

    assert_int_equal(sends(p, j.a, "hello", 5, 0), 5);
    expect_text(p, j.b, "hello");
    assert_int_equal(sends(p, j.b, "world", 5, 0), 5);
    expect_text(p, j.a, "world");
    assert_int_equal(receives(p, j.a, &c, 1, 0), -EAGAIN);
    assert_int_equal(receives(p, j.a, &c, 0, 0), -EAGAIN);
    assert_int_equal(sends(p, j.a, &c, 0, 0), 0);
    pair_free(p);
}

TEST(peek_leaves_the_text)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    char buf[8] = { 0 };

    sends(p, j.a, "abcdef", 6, 0);
    assert_int_equal(receives(p, j.b, buf, 3, MSG_PEEK), 3);
    assert_memory_equal(buf, "abc", 3);
    assert_int_equal(receives(p, j.b, buf, 8, MSG_PEEK), 6);
    expect_text(p, j.b, "abcdef");
    pair_free(p);
}

/* tcp(7): MSG_TRUNC throws away without copying. */
TEST(trunc_discards)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    sends(p, j.a, "abcdef", 6, 0);
    assert_int_equal(receives(p, j.b, NULL, 4, MSG_TRUNC), 4);
    expect_text(p, j.b, "ef");
    pair_free(p);
}

TEST(vectors_are_filled_and_emptied_in_order)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    char one[2], two[3], three[8];
    struct iovec out[3] = { { (void *)"ab", 2 }, { NULL, 0 }, { (void *)"cdefg", 5 } };
    struct iovec in[3] = { { one, 2 }, { two, 3 }, { three, 8 } };
    struct msghdr msg = { .msg_iov = out, .msg_iovlen = 3 };
    struct estab_sock_call call = { 0 };
    struct sockaddr_in from;
    unsigned packets = p->here.packets;

    assert_int_equal(estab_sock_sendmsg(j.a, &msg, 0, &call, p->now), 7);
    settle(p);
    assert_int_equal(p->here.packets, packets + 1); /* one segment */
    msg = (struct msghdr){ .msg_iov = in, .msg_iovlen = 3, .msg_name = &from, .msg_namelen = 16 };
    memset(&call, 0, sizeof(call));
    assert_int_equal(estab_sock_recvmsg(j.b, &msg, 0, &call, p->now), 7);
    assert_memory_equal(one, "ab", 2);
    assert_memory_equal(two, "cde", 3);
    assert_memory_equal(three, "fg", 2);
    assert_int_equal(msg.msg_namelen, 0); /* a stream tells no address */
    assert_int_equal(msg.msg_flags, 0);
    msg.msg_iovlen = 1025;
    assert_int_equal(estab_sock_recvmsg(j.b, &msg, 0, &call, p->now), -EMSGSIZE);
    pair_free(p);
}

/* The buffers of both sides fill up; a non-blocking send takes what fits, then nothing. */
TEST(partial_writes)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    static char big[1 << 20];
    size_t sent = 0, got = 0;
    ptrdiff_t n;

    while ((n = sends(p, j.a, big, sizeof(big), 0)) > 0) {
        assert_true((size_t)n < sizeof(big));
        sent += (size_t)n;
        pass(p, ESTAB_MS(10));
    }
    assert_int_equal(n, -EAGAIN);
    assert_false(polls(p, j.a) & POLLOUT);
    while ((n = receives(p, j.b, big, sizeof(big), 0)) > 0 || got < sent) {
        got += n > 0 ? (size_t)n : 0;
        pass(p, ESTAB_SEC(1));
    }
    assert_int_equal(got, sent);
    assert_true(polls(p, j.a) & POLLOUT);
    pair_free(p);
}

/* A blocking send goes on with the same call until everything is taken. */
TEST(blocking_send_takes_everything)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    static char big[1 << 20], buf[1 << 16];
    struct estab_sock_call call = { 0 };
    size_t got = 0;
    ptrdiff_t n, sent;

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 31 >> 3);
    estab_sock_fcntl(j.a, 4 /* F_SETFL */, 0);
    while ((sent = estab_sock_send(j.a, big, sizeof(big), 0, &call, p->now)) ==
           ESTAB_SOCK_BLOCKED) {
        assert_true(call.wake & POLLOUT);
        settle(p);
        while ((n = receives(p, j.b, buf, sizeof(buf), 0)) > 0) {
            assert_memory_equal(buf, big + got, (size_t)n);
            got += (size_t)n;
        }
        pass(p, ESTAB_MS(50));
    }
    assert_int_equal(sent, sizeof(big));
    for (unsigned i = 0; i < 1000 && got < sizeof(big); i++) {
        pass(p, ESTAB_MS(50));
        n = receives(p, j.b, buf, sizeof(buf), 0);
        if (n > 0) {
            assert_memory_equal(buf, big + got, (size_t)n);
            got += (size_t)n;
        }
    }
    assert_int_equal(got, sizeof(big));
    pair_free(p);
}

TEST(blocking_receive_waits_and_gives_up)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct timeval tv = { .tv_usec = 250000 };
    struct estab_sock_call call = { 0 };
    char buf[8];

    estab_sock_fcntl(j.b, 4, 0);
    assert_int_equal(estab_sock_recv(j.b, buf, 8, 0, &call, p->now), ESTAB_SOCK_BLOCKED);
    assert_true(call.wake & POLLIN);
    assert_true(call.until == ESTAB_NEVER);
    assert_int_equal(receives(p, j.b, buf, 8, MSG_DONTWAIT), -EAGAIN);
    sends(p, j.a, "x", 1, 0);
    assert_int_equal(estab_sock_recv(j.b, buf, 8, 0, &call, p->now), 1);

    memset(&call, 0, sizeof(call));
    assert_int_equal(estab_sock_setsockopt(j.b, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv), p->now),
                     0);
    assert_int_equal(estab_sock_recv(j.b, buf, 8, 0, &call, p->now), ESTAB_SOCK_BLOCKED);
    assert_true(call.until == p->now + ESTAB_MS(250));
    pass(p, ESTAB_MS(249));
    assert_int_equal(estab_sock_recv(j.b, buf, 8, 0, &call, p->now), ESTAB_SOCK_BLOCKED);
    pass(p, ESTAB_MS(1));
    assert_int_equal(estab_sock_recv(j.b, buf, 8, 0, &call, p->now), -EAGAIN);
    pair_free(p);
}

TEST(waitall_collects_until_full_or_the_end)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_sock_call call = { 0 };
    char buf[8] = { 0 };

    estab_sock_fcntl(j.b, 4, 0);
    sends(p, j.a, "abc", 3, 0);
    assert_int_equal(estab_sock_recv(j.b, buf, 6, MSG_WAITALL, &call, p->now), ESTAB_SOCK_BLOCKED);
    sends(p, j.a, "defgh", 5, 0);
    assert_int_equal(estab_sock_recv(j.b, buf, 6, MSG_WAITALL, &call, p->now), 6);
    assert_memory_equal(buf, "abcdef", 6);
    memset(&call, 0, sizeof(call));
    assert_int_equal(estab_sock_recv(j.b, buf, 6, MSG_WAITALL, &call, p->now), ESTAB_SOCK_BLOCKED);
    assert_int_equal(estab_sock_shutdown(j.a, SHUT_WR, p->now), 0);
    settle(p);
    assert_int_equal(estab_sock_recv(j.b, buf, 6, MSG_WAITALL, &call, p->now), 2);
    assert_memory_equal(buf, "gh", 2);
    pair_free(p);
}

/* SO_RCVLOWAT holds a blocking receive and poll(2), not a non-blocking receive. */
TEST(low_water_mark)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct estab_sock_call call = { 0 };
    char buf[16];

    assert_int_equal(sets(p, j.b, SOL_SOCKET, SO_RCVLOWAT, 4), 0);
    sends(p, j.a, "abc", 3, 0);
    assert_false(polls(p, j.b) & POLLIN);
    assert_int_equal(receives(p, j.b, buf, 16, MSG_PEEK), 3);
    estab_sock_fcntl(j.b, 4, 0);
    assert_int_equal(estab_sock_recv(j.b, buf, 16, 0, &call, p->now), ESTAB_SOCK_BLOCKED);
    sends(p, j.a, "d", 1, 0);
    assert_true(polls(p, j.b) & POLLIN || call.done == 3);
    assert_int_equal(estab_sock_recv(j.b, buf, 16, 0, &call, p->now), 4);
    assert_memory_equal(buf, "abcd", 4);
    pair_free(p);
}

/* What was received before a RST can be read; then the error, once; then the end. */
TEST(reset_after_text)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct linger now = { .l_onoff = 1 };

    sends(p, j.a, "last", 4, 0);
    assert_int_equal(estab_sock_setsockopt(j.a, SOL_SOCKET, SO_LINGER, &now, sizeof(now), p->now),
                     0);
    closes(p, j.a);
    assert_int_equal(polls(p, j.b),
                     POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLERR | POLLHUP);
    expect_text(p, j.b, "last");
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), -ECONNRESET);
    assert_int_equal(receives(p, j.b, (char[1]){ 0 }, 1, 0), 0);
    assert_int_equal(sends(p, j.b, "x", 1, MSG_NOSIGNAL), -EPIPE);
    pair_free(p);
}

/* send(2) takes the pending error first, then EPIPE. */
TEST(send_after_a_reset)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    struct linger now = { .l_onoff = 1 };

    estab_sock_setsockopt(j.a, SOL_SOCKET, SO_LINGER, &now, sizeof(now), p->now);
    closes(p, j.a);
    assert_int_equal(sends(p, j.b, "x", 1, MSG_NOSIGNAL), -ECONNRESET);
    assert_int_equal(sends(p, j.b, "x", 1, MSG_NOSIGNAL), -EPIPE);
    pair_free(p);
}

TEST(more_and_cork_hold_partial_segments_back)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    unsigned packets = p->here.packets;

    assert_int_equal(sends(p, j.a, "GET ", 4, MSG_MORE), 4);
    assert_int_equal(p->here.packets, packets);
    assert_int_equal(sends(p, j.a, "/", 1, 0), 1);
    assert_int_equal(p->here.packets, packets + 1);
    expect_text(p, j.b, "GET /");
    pass(p, ESTAB_SEC(1));
    packets = p->here.packets;
    assert_int_equal(sets(p, j.a, IPPROTO_TCP, 3 /* TCP_CORK */, 1), 0);
    sends(p, j.a, "ab", 2, 0);
    sends(p, j.a, "cd", 2, 0);
    assert_int_equal(p->here.packets, packets);
    assert_int_equal(sets(p, j.a, IPPROTO_TCP, 3, 0), 0);
    assert_int_equal(p->here.packets, packets + 1);
    expect_text(p, j.b, "abcd");
    assert_int_equal(sends(p, j.a, "x", 1, MSG_FASTOPEN), -EOPNOTSUPP);
    pair_free(p);
}
