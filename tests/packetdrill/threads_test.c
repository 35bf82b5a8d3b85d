/* SPDX-License-Identifier: MIT */
/*
 * The packetdrill object with a second thread: calls that block sleep until the script's own
 * thread lets time go on or a packet in, and see the exact time at which they end.
 */
#include "loader.h"

#include <pthread.h>
#include <stdio.h>

/* What packetdrill's second thread does: one call, and a look at the clock. */
struct blocked {
    struct loaded *l;
    enum { ACCEPT, CONNECT, READ, WRITE, POLL, EPOLL_WAIT, CLOSE } what;
    int fd, timeout;
    size_t len;
    char *buf;
    pthread_t thread;
    pid_t tid;
    ssize_t result;
    int err;
    short revents;
    long long end;
    bool started, done;
};

static pid_t
this_thread(void)
{
    char path[64] = { 0 };
    const char *slash;

    if (readlink("/proc/thread-self", path, sizeof(path) - 1) < 0)
        return -1;
    slash = strrchr(path, '/');
    return slash != NULL ? (pid_t)atoi(slash + 1) : -1;
}

static ssize_t
calls(struct blocked *b)
{
    struct loaded *l = b->l;
    struct pollfd p = { .fd = b->fd, .events = POLLIN };
    struct epoll_event ev;
    struct sockaddr_storage to;
    socklen_t len = address(l, false, 8080, &to);
    ssize_t n;

    switch (b->what) {
    case ACCEPT:
        return CALL(l, accept, b->fd, NULL, NULL);
    case CONNECT:
        return CALL(l, connect, b->fd, (struct sockaddr *)&to, len);
    case READ:
        return CALL(l, recv, b->fd, b->buf, b->len, 0);
    case WRITE:
        return CALL(l, write, b->fd, b->buf, b->len);
    case POLL:
        n = CALL(l, poll, &p, 1, b->timeout);
        b->revents = p.revents;
        return n;
    case EPOLL_WAIT:
        return CALL(l, epoll_wait, b->fd, &ev, 1, b->timeout);
    case CLOSE:
        return CALL(l, close, b->fd);
    }
    return -1;
}

static void *
thread(void *arg)
{
    struct blocked *b = arg;

    b->tid = this_thread();
    __atomic_store_n(&b->started, true, __ATOMIC_SEQ_CST);
    b->result = calls(b);
    b->err = b->result < 0 ? errno : 0;
    b->end = now_us(b->l);
    __atomic_store_n(&b->done, true, __ATOMIC_SEQ_CST);
    return NULL;
}

/* As packetdrill: looks into /proc until the thread sleeps in the kernel. */
static bool
sleeps_in_kernel(pid_t tid)
{
    char path[64], line[512] = { 0 }, *state;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)tid);
    f = fopen(path, "r");
    if (f == NULL)
        return false;
    state = fgets(line, sizeof(line), f);
    fclose(f);
    state = state != NULL ? strrchr(line, ')') : NULL;
    return state != NULL && state[2] == 'S';
}

static void
begins(struct blocked *b)
{
    assert_int_equal(pthread_create(&b->thread, NULL, thread, b), 0);
    while (!__atomic_load_n(&b->started, __ATOMIC_SEQ_CST))
        sched_yield();
    while (!__atomic_load_n(&b->done, __ATOMIC_SEQ_CST) && !sleeps_in_kernel(b->tid))
        sched_yield();
    assert_false(__atomic_load_n(&b->done, __ATOMIC_SEQ_CST));
}

static void
ends(struct blocked *b, ssize_t result, int err, long long at)
{
    assert_int_equal(pthread_join(b->thread, NULL), 0);
    assert_int_equal(b->result, result);
    assert_int_equal(b->err, err);
    assert_int_equal(b->end - at, 0);
}

/* The clock without moving it on: what the next look shows. */
static long long
peek_us(struct loaded *l)
{
    return now_us(l) + 1;
}

TEST(blocking_accept)
{
    struct loaded l = load(NULL);
    struct blocked b = { .l = &l, .what = ACCEPT, .fd = listens(&l) };
    long long at;

    begins(&b);
    sleeps(&l, 1000000);
    inject(&l, .ctl = SYN, .options = "020405b4");
    expect(&l, .ctl = SYN | ACK, .ack = 1);
    sleeps(&l, 1000);
    at = peek_us(&l);
    inject(&l, .ctl = ACK, .seq = 1, .ack = 1);
    sleeps(&l, 1000000); /* the clock waits for the thread first */
    assert_int_equal(pthread_join(b.thread, NULL), 0);
    assert_true(b.result > b.fd);
    assert_int_equal(b.end, at);
    unload(&l);
}

TEST(blocking_connect)
{
    for (int family = 4; family <= 6; family += 2) {
        struct loaded l = load_family(NULL, family);
        struct blocked b = { .l = &l, .what = CONNECT };
        long long at;

        b.fd = CALL(&l, socket, family == 4 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
        begins(&b);
        expect(&l, .ctl = SYN);
        sleeps(&l, 100000);
        at = peek_us(&l);
        inject(&l, .ctl = SYN | ACK, .ack = 1, .options = "020405b4");
        expect(&l, .ctl = ACK, .seq = 1, .ack = 1);
        ends(&b, 0, 0, at);
        unload(&l);
    }
}

TEST(blocking_connect_is_refused)
{
    struct loaded l = load(NULL);
    struct blocked b = { .l = &l, .what = CONNECT };
    long long at;

    b.fd = CALL(&l, socket, AF_INET, SOCK_STREAM, 0);
    begins(&b);
    expect(&l, .ctl = SYN);
    at = peek_us(&l);
    inject(&l, .ctl = RST | ACK, .ack = 1);
    ends(&b, -1, ECONNREFUSED, at);
    unload(&l);
}

TEST(blocking_read)
{
    struct loaded l = load(NULL);
    char buf[100];
    struct blocked b = { .l = &l, .what = READ, .buf = buf, .len = sizeof(buf) };
    long long at;

    b.fd = accepts(&l, listens(&l));
    begins(&b);
    sleeps(&l, 10000000);
    at = peek_us(&l);
    inject(&l, .ctl = ACK | PSH, .seq = 1, .ack = 1, .len = 33);
    assert_int_equal(expect(&l, .ctl = ACK, .seq = 1, .ack = 34) - at, 40000);
    ends(&b, 33, 0, at);
    unload(&l);
}

/* SO_RCVTIMEO ends while the script's thread waits for a packet that comes later. */
TEST(blocking_read_gives_up_in_time)
{
    struct loaded l = load(NULL);
    struct timeval limit = { .tv_usec = 123000 };
    char buf[100];
    struct blocked b = { .l = &l, .what = READ, .buf = buf, .len = sizeof(buf) };
    long long at;

    b.fd = accepts(&l, listens(&l));
    assert_int_equal(CALL(&l, setsockopt, b.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
    at = peek_us(&l);
    begins(&b);
    sleeps(&l, 5000000);
    assert_int_equal(now_us(&l), at + 5000000);
    ends(&b, -1, EAGAIN, at + 123000);
    unload(&l);
}

TEST(blocking_write)
{
    struct loaded l = load(NULL);
    static char big[20000];
    struct blocked b = { .l = &l, .what = WRITE, .buf = big, .len = sizeof(big) };
    int size = 4096;
    uint32_t sent = 0;

    b.fd = accepts(&l, listens(&l));
    assert_int_equal(CALL(&l, setsockopt, b.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
    begins(&b);
    /* 8192 octets fit; each ACK lets the thread put in what it takes away */
    while (sent < 20000) {
        struct segment s = takes(&l, __FILE__, __LINE__);

        assert_int_equal(s.seq, 1 + sent);
        assert_true(s.len > 0);
        sent += s.len;
        inject(&l, .ctl = ACK, .seq = 1, .ack = 1 + sent);
    }
    assert_int_equal(pthread_join(b.thread, NULL), 0);
    assert_int_equal(b.result, 20000);
    unload(&l);
}

TEST(blocking_poll_and_epoll_wait)
{
    for (int use_epoll = 0; use_epoll < 2; use_epoll++) {
        struct loaded l = load(NULL);
        int fd = accepts(&l, listens(&l)), ep = CALL(&l, epoll_create, 1);
        struct epoll_event ev = { .events = EPOLLIN };
        struct blocked b = { .l = &l,
                             .what = use_epoll ? EPOLL_WAIT : POLL,
                             .fd = use_epoll ? ep : fd,
                             .timeout = 3000 };
        long long at;

        assert_int_equal(CALL(&l, epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev), 0);
        at = peek_us(&l);
        begins(&b);
        sleeps(&l, 5000000);
        ends(&b, 0, 0, at + 3000000);

        b.timeout = -1;
        b.started = b.done = false;
        begins(&b);
        sleeps(&l, 1000);
        at = peek_us(&l);
        inject(&l, .ctl = FIN | ACK, .seq = 1, .ack = 1);
        expect(&l, .ctl = ACK, .seq = 1, .ack = 2);
        ends(&b, 1, 0, at);
        unload(&l);
    }
}

/* SO_LINGER: close() ends with the acknowledgement of our FIN. */
TEST(lingering_close)
{
    struct loaded l = load(NULL);
    struct linger linger = { .l_onoff = 1, .l_linger = 30 };
    struct blocked b = { .l = &l, .what = CLOSE };
    long long at;

    b.fd = accepts(&l, listens(&l));
    assert_int_equal(CALL(&l, setsockopt, b.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    begins(&b);
    expect(&l, .ctl = FIN | ACK, .seq = 1, .ack = 1);
    sleeps(&l, 1000);
    at = peek_us(&l);
    inject(&l, .ctl = ACK, .seq = 1, .ack = 2);
    sleeps(&l, 1000);
    ends(&b, 0, 0, at);
    unload(&l);
}

/* The socket is closed under a call that sleeps in it. */
TEST(closed_under_a_sleeper)
{
    struct loaded l = load(NULL);
    char buf[8];
    struct blocked b = { .l = &l, .what = READ, .buf = buf, .len = sizeof(buf) };

    b.fd = accepts(&l, listens(&l));
    begins(&b);
    assert_int_equal(CALL(&l, close, b.fd), 0);
    sleeps(&l, 1000);
    inject(&l, .ctl = ACK | PSH, .seq = 1, .ack = 1, .len = 3);
    assert_int_equal(pthread_join(b.thread, NULL), 0);
    assert_int_equal(b.result, 3); /* as in Linux: the call has its own hold on the socket */
    expect(&l, .ctl = FIN | ACK, .seq = 1, .ack = 4);
    unload(&l);
}
