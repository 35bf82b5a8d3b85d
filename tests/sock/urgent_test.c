/* SPDX-License-Identifier: MIT */
/* The urgent octet as tcp(7) has it: MSG_OOB, SO_OOBINLINE, SIOCATMARK, POLLPRI (RFC 6093 §3). */
#include "pair.h"

#define SIOCATMARK_ 0x8905
#define FIONREAD_ 0x541B

static int
asks(struct pair *p, struct estab_sock *s, unsigned request)
{
    int v = -1;

    assert_int_equal(estab_sock_ioctl(s, request, &v, p->now), 0);
    return v;
}

TEST(urgent_octet_is_taken_out_of_the_stream)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    char buf[8] = { 0 };

    assert_int_equal(receives(p, j.b, buf, 1, MSG_OOB), -EINVAL);
    assert_int_equal(sends(p, j.a, "abX", 3, MSG_OOB), 3);
    assert_int_equal(sends(p, j.a, "cd", 2, 0), 2);
    pass(p, ESTAB_SEC(1));
    assert_true(polls(p, j.b) & POLLPRI);
    assert_int_equal(asks(p, j.b, FIONREAD_), 2); /* up to the mark */
    assert_int_equal(asks(p, j.b, SIOCATMARK_), 0);
    assert_int_equal(receives(p, j.b, buf, 8, 0), 2); /* reading stops at the mark */
    assert_memory_equal(buf, "ab", 2);
    assert_int_equal(asks(p, j.b, SIOCATMARK_), 1);
    assert_int_equal(receives(p, j.b, buf, 8, MSG_OOB | MSG_PEEK), 1);
    assert_int_equal(receives(p, j.b, buf, 8, MSG_OOB), 1);
    assert_int_equal(buf[0], 'X');
    assert_int_equal(receives(p, j.b, buf, 8, MSG_OOB), -EINVAL); /* once */
    assert_false(polls(p, j.b) & POLLPRI);
    expect_text(p, j.b, "cd");
    assert_int_equal(asks(p, j.b, SIOCATMARK_), 0);
    pair_free(p);
}

/* Read past without MSG_OOB it is lost. */
TEST(urgent_octet_is_skipped)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    char buf[8];

    sends(p, j.a, "aX", 2, MSG_OOB);
    sends(p, j.a, "b", 1, 0);
    pass(p, ESTAB_SEC(1));
    expect_text(p, j.b, "a");
    expect_text(p, j.b, "b");
    assert_int_equal(receives(p, j.b, buf, 8, MSG_OOB), -EINVAL);
    pair_free(p);
}

TEST(urgent_octet_inline)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    char buf[8];

    assert_int_equal(sets(p, j.b, SOL_SOCKET, SO_OOBINLINE, 1), 0);
    sends(p, j.a, "aX", 2, MSG_OOB);
    sends(p, j.a, "b", 1, 0);
    pass(p, ESTAB_SEC(1));
    assert_int_equal(receives(p, j.b, buf, 8, MSG_OOB), -EINVAL);
    expect_text(p, j.b, "a"); /* the mark still stops a read */
    assert_int_equal(asks(p, j.b, SIOCATMARK_), 1);
    expect_text(p, j.b, "Xb");
    pair_free(p);
}

/* A second urgent octet takes the first one's place, which becomes plain text. */
TEST(second_urgent_octet)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    char buf[8];

    sends(p, j.a, "X", 1, MSG_OOB);
    pass(p, ESTAB_SEC(1));
    sends(p, j.a, "Y", 1, MSG_OOB);
    pass(p, ESTAB_SEC(1));
    assert_int_equal(receives(p, j.b, buf, 8, MSG_OOB), 1);
    assert_int_equal(buf[0], 'Y');
    expect_text(p, j.b, "X");
    assert_int_equal(receives(p, j.b, buf, 8, 0), -EAGAIN);
    pair_free(p);
}
