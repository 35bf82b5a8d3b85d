/* SPDX-License-Identifier: MIT */
/* The packetdrill object, one thread: handshakes, transfer, closing, options, times, settings. */
#include "loader.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

/* ---- handshakes ---- */

/* SYN options in the order and padding of Linux, and of BSD; the window scale of Linux. */
TEST(passive_open_with_the_options_of_a_profile)
{
    for (int family = 4; family <= 6; family += 2) {
        struct loaded l = load_family("profile=linux,ts=0", family);
        listens(&l);
        inject(&l, .ctl = SYN, .seq = 0, .options = "020405b4 01010402 01030308");
        expect(&l, .ctl = SYN | ACK, .seq = 0, .ack = 1,
               .options =
                   family == 4 ? "020405b4 01010402 01030307" : "020405a0 01010402 01030307");
        inject(&l, .ctl = ACK, .seq = 1, .ack = 1);
        unload(&l);
    }
}

TEST(active_open_with_the_options_of_a_profile)
{
    static const struct {
        const char *flags, *options;
    } cases[] = {
        { "profile=linux,ts=0", "020405b4 01010402 01030307" },
        { "profile=linux,ts=0,sack=0,scaling=0", "020405b4" },
        { "profile=linux,ts=0,wscale=3,mss=1000", "020403e8 01010402 01030303" },
        { "profile=bsd,ts=0,wscale=2", "020405b4 01030302 04020000" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct loaded l = load(cases[i].flags);
        struct sockaddr_storage to;
        socklen_t len = address(&l, false, 8080, &to);
        int fd = CALL(&l, socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

        expect_error(CALL(&l, connect, fd, (struct sockaddr *)&to, len), EINPROGRESS);
        expect(&l, .ctl = SYN, .options = cases[i].options);
        inject(&l, .ctl = SYN | ACK, .seq = 0, .ack = 1, .options = "020405b4");
        expect(&l, .ctl = ACK, .seq = 1, .ack = 1);
        assert_int_equal(CALL(&l, connect, fd, (struct sockaddr *)&to, len), 0);
        unload(&l);
    }
}

TEST(accept_tells_the_peer)
{
    struct loaded l = load(NULL);
    struct sockaddr_in peer, want;
    struct sockaddr_storage any;
    socklen_t len = sizeof(peer);
    int listener = listens(&l), fd;

    address(&l, false, 5555, &any);
    memcpy(&want, &any, sizeof(want));
    inject(&l, .ctl = SYN, .options = "020405b4");
    expect(&l, .ctl = SYN | ACK, .ack = 1);
    inject(&l, .ctl = ACK, .seq = 1, .ack = 1);
    fd = CALL(&l, accept, listener, (struct sockaddr *)&peer, &len);
    assert_true(fd >= 0);
    assert_int_not_equal(fd, listener);
    assert_int_equal(len, sizeof(peer));
    assert_memory_equal(&peer, &want, sizeof(want));
    assert_int_equal(fcntl(fd, F_GETFD) >= 0, 1); /* a real descriptor */
    assert_int_equal(close(fd), 0);
    unload(&l);
}

TEST(refused)
{
    struct loaded l = load(NULL);
    struct sockaddr_storage to;
    socklen_t len = address(&l, false, 8080, &to);
    int fd = CALL(&l, socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = 0;
    struct pollfd p = { .fd = fd, .events = POLLOUT };

    expect_error(CALL(&l, connect, fd, (struct sockaddr *)&to, len), EINPROGRESS);
    expect(&l, .ctl = SYN);
    inject(&l, .ctl = RST | ACK, .seq = 0, .ack = 1);
    assert_int_equal(CALL(&l, poll, &p, 1, 0), 1);
    assert_int_equal(p.revents, POLLOUT | POLLERR | POLLHUP);
    len = sizeof(err);
    assert_int_equal(CALL(&l, getsockopt, fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
    assert_int_equal(err, ECONNREFUSED);
    unload(&l);
}

/* ---- transfer and closing ---- */

TEST(text_in_both_directions)
{
    for (int family = 4; family <= 6; family += 2) {
        struct loaded l = load_family(NULL, family);
        int fd = accepts(&l, listens(&l));
        struct iovec iov[2];
        char buf[16], more[16];

        inject(&l, .ctl = ACK | PSH, .seq = 1, .ack = 1, .len = 10);
        assert_int_equal(CALL(&l, read, fd, buf, 4), 4);
        assert_memory_equal(buf, "bcde", 4);
        assert_int_equal(CALL(&l, recv, fd, buf, 16, MSG_PEEK), 6);
        iov[0] = (struct iovec){ buf, 2 };
        iov[1] = (struct iovec){ more, 16 };
        assert_int_equal(CALL(&l, readv, fd, iov, 2), 6);
        expect_error(CALL(&l, recv, fd, buf, 1, MSG_DONTWAIT), EAGAIN);
        expect(&l, .ctl = ACK, .seq = 1, .ack = 11);
        assert_int_equal(CALL(&l, write, fd, "hello", 5), 5);
        expect(&l, .ctl = ACK | PSH, .seq = 1, .ack = 11, .len = 5);
        inject(&l, .ctl = ACK, .seq = 11, .ack = 6);
        assert_int_equal(CALL(&l, writev, fd, iov, 2), 18);
        expect(&l, .ctl = ACK | PSH, .seq = 6, .ack = 11, .len = 18);
        inject(&l, .ctl = ACK, .seq = 11, .ack = 24);
        assert_int_equal(CALL(&l, sendto, fd, "x", 1, 0, NULL, 0), 1);
        expect(&l, .ctl = ACK | PSH, .seq = 24, .ack = 11, .len = 1);
        inject(&l, .ctl = ACK, .seq = 11, .ack = 25);
        unload(&l);
    }
}

TEST(we_close_first)
{
    struct loaded l = load(NULL);
    int fd = accepts(&l, listens(&l));

    assert_int_equal(CALL(&l, close, fd), 0);
    expect(&l, .ctl = FIN | ACK, .seq = 1, .ack = 1);
    expect_error(CALL(&l, close, fd), EBADF);
    inject(&l, .ctl = ACK, .seq = 1, .ack = 2);
    inject(&l, .ctl = FIN | ACK, .seq = 1, .ack = 2);
    expect(&l, .ctl = ACK, .seq = 2, .ack = 2);
    unload(&l);
}

TEST(they_close_first)
{
    struct loaded l = load(NULL);
    int fd = accepts(&l, listens(&l));
    char c;

    inject(&l, .ctl = FIN | ACK, .seq = 1, .ack = 1);
    expect(&l, .ctl = ACK, .seq = 1, .ack = 2);
    assert_int_equal(CALL(&l, read, fd, &c, 1), 0);
    assert_int_equal(CALL(&l, shutdown, fd, SHUT_WR), 0);
    expect(&l, .ctl = FIN | ACK, .seq = 1, .ack = 2);
    inject(&l, .ctl = ACK, .seq = 2, .ack = 2);
    assert_int_equal(CALL(&l, close, fd), 0);
    unload(&l);
}

TEST(errors)
{
    struct loaded l = load(NULL);
    int fd = accepts(&l, listens(&l)), pipes[2];
    char c;

    expect_error(CALL(&l, socket, AF_INET, SOCK_DGRAM, 0), ESOCKTNOSUPPORT);
    expect_error(CALL(&l, listen, 999, 1), EBADF);
    expect_error(CALL(&l, read, 999, &c, 1), EBADF);
    expect_error(CALL(&l, setsockopt, fd, IPPROTO_TCP, 9999, &(int){ 1 }, 4), ENOPROTOOPT);
    inject(&l, .ctl = RST, .seq = 1);
    expect_error(CALL(&l, read, fd, &c, 1), ECONNRESET);
    assert_int_equal(CALL(&l, read, fd, &c, 1), 0);
    expect_error(CALL(&l, write, fd, &c, 1), EPIPE);
    expect_error(CALL(&l, shutdown, fd, SHUT_WR), ENOTCONN);
    assert_int_equal(CALL(&l, pipe, pipes), 0); /* pipes are real */
    assert_int_equal(CALL(&l, write, pipes[1], "p", 1), 1);
    assert_int_equal(CALL(&l, read, pipes[0], &c, 1), 1);
    assert_int_equal(CALL(&l, close, pipes[0]), 0);
    assert_int_equal(CALL(&l, close, pipes[1]), 0);
    unload(&l);
}

TEST(splice_through_a_pipe)
{
    struct loaded l = load(NULL);
    int fd = accepts(&l, listens(&l)), pipes[2];

    assert_int_equal(CALL(&l, pipe, pipes), 0);
    inject(&l, .ctl = ACK | PSH, .seq = 1, .ack = 1, .len = 5);
    assert_int_equal(CALL(&l, splice, fd, NULL, pipes[1], NULL, 100, 0), 5);
    expect_error(CALL(&l, recv, fd, pipes, 1, MSG_DONTWAIT), EAGAIN);
    expect(&l, .ctl = ACK, .seq = 1, .ack = 6);
    assert_int_equal(CALL(&l, splice, pipes[0], NULL, fd, NULL, 100, 0), 5);
    expect(&l, .ctl = ACK | PSH, .seq = 1, .ack = 6, .len = 5);
    expect_error(CALL(&l, splice, fd, NULL, fd, NULL, 100, 0), EINVAL);
    close(pipes[0]);
    close(pipes[1]);
    unload(&l);
}

/* ---- readiness ---- */

TEST(poll_and_epoll)
{
    struct loaded l = load(NULL);
    int listener = listens(&l), fd = accepts(&l, listener), ep = CALL(&l, epoll_create, 1);
    struct pollfd p[2] = { { .fd = fd, .events = POLLIN | POLLOUT }, { .fd = -1 } };
    struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = 77 }, got[2];

    assert_int_equal(CALL(&l, poll, p, 2, 0), 1);
    assert_int_equal(p[0].revents, POLLOUT);
    assert_int_equal(p[1].revents, 0);
    assert_int_equal(CALL(&l, epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev), 0);
    expect_error(CALL(&l, epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev), EEXIST);
    expect_error(CALL(&l, epoll_ctl, ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
    expect_error(CALL(&l, epoll_ctl, ep, EPOLL_CTL_MOD, listener, &ev), ENOENT);
    expect_error(CALL(&l, epoll_ctl, 999, EPOLL_CTL_ADD, fd, &ev), EBADF);
    assert_int_equal(CALL(&l, epoll_wait, ep, got, 2, 0), 0);
    inject(&l, .ctl = ACK | PSH, .seq = 1, .ack = 1, .len = 5);
    assert_int_equal(CALL(&l, epoll_wait, ep, got, 2, 0), 1);
    assert_int_equal(got[0].events, EPOLLIN);
    assert_int_equal(got[0].data.u64, 77);
    assert_int_equal(CALL(&l, epoll_wait, ep, got, 2, 0), 0);
    p[1] = (struct pollfd){ .fd = 999, .events = POLLIN };
    assert_int_equal(CALL(&l, poll, p, 2, 0), 2);
    assert_int_equal(p[0].revents, POLLIN | POLLOUT);
    assert_int_equal(p[1].revents, POLLNVAL);
    expect_error(CALL(&l, epoll_create, 0), EINVAL);
    expect_error(CALL(&l, epoll_wait, fd, got, 2, 0), EINVAL);
    expect(&l, .ctl = ACK, .seq = 1, .ack = 6);
    unload(&l);
}

/* A timeout in the script's own thread moves the clock. */
TEST(poll_with_a_timeout)
{
    struct loaded l = load(NULL);
    int fd = accepts(&l, listens(&l));
    struct pollfd p = { .fd = fd, .events = POLLIN };
    long long at = now_us(&l);

    assert_int_equal(CALL(&l, poll, &p, 1, 250), 0);
    assert_int_equal(now_us(&l) - at, 250001); /* a look at the clock takes 1 us */
    unload(&l);
}

/* ---- options ---- */

typedef int getsockopt_fn(int, int, int, void *, socklen_t *);

/* With LD_PRELOAD libc's own name is ours; else it is looked up. */
static getsockopt_fn *
libc_getsockopt(const struct loaded *l)
{
    getsockopt_fn *f = NULL;

    if (getenv("ESTAB_PRELOADED") != NULL)
        return (getsockopt_fn *)getsockopt;
    *(void **)&f = dlsym(l->library, "getsockopt");
    assert_non_null(f);
    return f;
}

TEST(tcp_info_through_libc)
{
    struct loaded l = load("ts=0,iw=10");
    int fd = accepts(&l, listens(&l)), v = 0, real;
    getsockopt_fn *get = libc_getsockopt(&l);
    struct tcp_info i = { 0 };
    uint32_t mem[9];
    socklen_t len = sizeof(i);

    assert_int_equal(CALL(&l, write, fd, "hello", 5), 5);
    expect(&l, .ctl = ACK | PSH, .seq = 1, .ack = 1, .len = 5);
    assert_int_equal(get(fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(i.tcpi_state, 1);
    assert_int_equal(i.tcpi_unacked, 1);
    assert_int_equal(i.tcpi_snd_cwnd, 10);
    assert_int_equal(i.tcpi_snd_mss, 1460);
    assert_int_equal(i.tcpi_options & 7, 0);
    len = sizeof(mem);
    assert_int_equal(get(fd, SOL_SOCKET, SO_MEMINFO, mem, &len), 0);
    assert_int_equal(len, sizeof(mem));
    len = sizeof(mem);
    assert_int_equal(get(fd, IPPROTO_TCP, TCP_CC_INFO, mem, &len), 0);
    inject(&l, .ctl = ACK, .seq = 1, .ack = 6);
    len = sizeof(i);
    assert_int_equal(get(fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(i.tcpi_unacked, 0);
    assert_int_equal(i.tcpi_snd_cwnd >= 10, 1);

    real = socket(AF_INET, SOCK_DGRAM, 0); /* the kernel's are the kernel's */
    assert_true(real >= 0);
    len = sizeof(v);
    assert_int_equal(get(real, SOL_SOCKET, SO_TYPE, &v, &len), 0);
    assert_int_equal(v, SOCK_DGRAM);
    close(real);
    unload(&l);
}

/* What is SACKed and what is lost, in segments, and that recovery has begun. */
TEST(tcp_info_in_recovery)
{
    struct loaded l = load("ts=0,cc=reno");
    int listener = listens(&l), fd;
    getsockopt_fn *get = libc_getsockopt(&l);
    struct tcp_info i = { 0 };
    socklen_t len = sizeof(i);
    static char text[4000];

    inject(&l, .ctl = SYN, .options = "020403e8 01010402"); /* 1000 octets a segment, SACK */
    expect(&l, .ctl = SYN | ACK, .ack = 1);
    sleeps(&l, 100000); /* a round trip, so that no loss probe comes first */
    inject(&l, .ctl = ACK, .seq = 1, .ack = 1);
    fd = CALL(&l, accept, listener, NULL, NULL);
    assert_int_equal(CALL(&l, write, fd, text, sizeof(text)), sizeof(text));
    for (uint32_t k = 0; k < 4; k++)
        expect(&l, .ctl = k == 3 ? ACK | PSH : ACK, .seq = 1 + 1000 * k, .ack = 1, .len = 1000);
    sleeps(&l, 100000);
    inject_sack(&l, 1, 1001, 4001); /* all but the first */
    expect(&l, .ctl = ACK, .seq = 1, .ack = 1, .len = 1000);
    assert_int_equal(get(fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(i.tcpi_unacked, 4);
    assert_int_equal(i.tcpi_sacked, 3);
    assert_int_equal(i.tcpi_lost, 0); /* it is on its way again */
    assert_int_equal(i.tcpi_ca_state, 3 /* Recovery */);
    assert_int_equal(i.tcpi_options & 7, 2);
    inject(&l, .ctl = ACK, .seq = 1, .ack = 4001);
    len = sizeof(i);
    assert_int_equal(get(fd, IPPROTO_TCP, TCP_INFO, &i, &len), 0);
    assert_int_equal(i.tcpi_ca_state, 0);
    assert_int_equal(i.tcpi_sacked, 0);
    unload(&l);
}

TEST(options_fcntl_ioctl)
{
    struct loaded l = load(NULL);
    int fd = accepts(&l, listens(&l)), v = 1;
    socklen_t len = sizeof(v);

    assert_int_equal(CALL(&l, setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &v, len), 0);
    v = 0;
    assert_int_equal(CALL(&l, getsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &v, &len), 0);
    assert_int_equal(v, 1);
    assert_int_equal(CALL(&l, fcntl, fd, F_GETFL), O_RDWR);
    assert_int_equal(CALL(&l, fcntl, fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(CALL(&l, fcntl, fd, F_GETFL), O_RDWR | O_NONBLOCK);
    expect_error(CALL(&l, read, fd, &v, 1), EAGAIN);
    inject(&l, .ctl = ACK | PSH, .seq = 1, .ack = 1, .len = 7);
    assert_int_equal(CALL(&l, ioctl, fd, SIOCINQ, &v), 0);
    assert_int_equal(v, 7);
    expect(&l, .ctl = ACK, .seq = 1, .ack = 8);
    unload(&l);
}

/* ---- time ---- */

/* Emission times are exact, and the clock is where the script waits. */
TEST(times_are_exact)
{
    struct loaded l = load("rto_min=200");
    int fd = accepts(&l, listens(&l));
    long long start, at;

    start = now_us(&l);
    sleeps(&l, 1000000);
    assert_int_equal(now_us(&l) - start, 1000001);
    inject(&l, .ctl = ACK | PSH, .seq = 1, .ack = 1, .len = 1);
    at = now_us(&l);
    assert_int_equal(expect(&l, .ctl = ACK, .seq = 1, .ack = 2) - at, 40000); /* delayed ACK */

    at = now_us(&l);
    assert_int_equal(CALL(&l, write, fd, "x", 1), 1);
    assert_int_equal(expect(&l, .ctl = ACK | PSH, .seq = 1, .ack = 2, .len = 1) - at, 1);
    start = at + 1;
    at = expect(&l, .ctl = ACK | PSH, .seq = 1, .ack = 2, .len = 1);
    assert_true(at - start >= 200000); /* sent again after an RTO */
    assert_int_equal(now_us(&l), at);  /* the clock jumped there */
    start = at;
    at = expect(&l, .ctl = ACK | PSH, .seq = 1, .ack = 2, .len = 1);
    sleeps(&l, 5);
    assert_int_equal(now_us(&l) - at, 5);
    assert_true(at > start);
    inject(&l, .ctl = ACK, .seq = 2, .ack = 2);
    unload(&l);
}

/* What time brings while the script sleeps keeps its own time. */
TEST(packets_sent_during_a_sleep)
{
    struct loaded l = load(NULL);
    struct sockaddr_storage to;
    socklen_t len = address(&l, false, 8080, &to);
    int fd = CALL(&l, socket, AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    long long start = now_us(&l);

    expect_error(CALL(&l, connect, fd, (struct sockaddr *)&to, len), EINPROGRESS);
    sleeps(&l, 4000000);
    assert_int_equal(expect(&l, .ctl = SYN) - start, 1);
    assert_int_equal(expect(&l, .ctl = SYN) - start, 1000001);
    assert_int_equal(expect(&l, .ctl = SYN) - start, 3000001);
    assert_int_equal(now_us(&l) - start, 4000001);
    unload(&l);
}

/* Spinning on the clock gets on. */
TEST(every_look_at_the_clock_takes_time)
{
    struct loaded l = load(NULL);
    long long at = now_us(&l);

    for (int i = 1; i < 100; i++)
        assert_int_equal(now_us(&l), at + i);
    unload(&l);
}

TEST(nothing_can_ever_come)
{
    struct loaded l = load(NULL);
    uint8_t p[2048];
    size_t len = sizeof(p);
    long long at;

    listens(&l);
    assert_int_equal(CALL(&l, netdev_receive, p, &len, &at), 0);
    assert_int_equal(len, 0);
    unload(&l);
}

/* ---- settings ---- */

static void
appends(int file, const char *lines)
{
    assert_int_equal(write(file, lines, strlen(lines)), strlen(lines));
}

/* New lines of the sysctl file count from the next socket() or packet on. */
TEST(sysctl_file)
{
    char path[] = "/tmp/estab-sysctl-XXXXXX";
    int file = mkstemp(path);
    struct loaded l;

    assert_true(file >= 0);
    setenv("ESTAB_PACKETDRILL_SYSCTL", path, 1);
    l = load("ts=0");
    listens(&l);
    inject(&l, .ctl = SYN, .options = "020405b4 01010402 01030308");
    expect(&l, .ctl = SYN | ACK, .ack = 1, .options = "020405b4 01010402 01030307");
    inject(&l, .ctl = RST, .seq = 1);
    appends(file, "net.ipv4.tcp_sack=0\nnet.ipv4.tcp_nothing=1\nbad line\n");
    inject(&l, .ctl = SYN, .options = "020405b4 01010402 01030308");
    expect(&l, .ctl = SYN | ACK, .ack = 1, .options = "020405b4 01030307");
    inject(&l, .ctl = RST, .seq = 1);
    appends(file, "net.ipv4.tcp_window_scaling = 0\nnet.ipv4.ip_default_ttl=9\n");
    inject(&l, .ctl = SYN, .options = "020405b4 01010402 01030308");
    expect(&l, .ctl = SYN | ACK, .ack = 1, .options = "020405b4");
    inject(&l, .ctl = RST, .seq = 1);
    unload(&l);

    /* the next script begins anew, with the whole file */
    l = load("ts=0");
    listens(&l);
    inject(&l, .ctl = SYN, .options = "020405b4 01010402 01030308");
    expect(&l, .ctl = SYN | ACK, .ack = 1, .options = "020405b4");
    unload(&l);
    unsetenv("ESTAB_PACKETDRILL_SYSCTL");
    unlink(path);
    close(file);
}

/* Descriptors that a script leaves open are closed behind our back, and come again. */
TEST(descriptors_closed_by_the_process)
{
    struct loaded l = load(NULL);
    int fd = accepts(&l, listens(&l)), again;

    assert_int_equal(close(fd), 0);
    again = CALL(&l, socket, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(again, fd);
    expect_error(CALL(&l, write, again, "x", 1), EPIPE); /* the new one */
    expect(&l, .ctl = FIN | ACK, .seq = 1, .ack = 1);
    unload(&l);
}

/* For tests/packetdrill/run: does what must end the process; without a mood, what need not. */
TEST(mood)
{
    const char *mood = getenv("ESTAB_MOOD");
    struct loaded l;
    int fd;

    if (mood == NULL)
        mood = "";
    l = load(strcmp(mood, "flag") == 0    ? "colour=red"
             : strcmp(mood, "value") == 0 ? "wscale=99"
             : *mood == '\0'              ? "unread=ignore"
                                          : NULL);
    fd = accepts(&l, listens(&l));
    if (strcmp(mood, "forever") == 0)
        CALL(&l, read, fd, &fd, 1);
    assert_int_equal(CALL(&l, write, fd, "unread", 6), 6);
    unload(&l);
}
