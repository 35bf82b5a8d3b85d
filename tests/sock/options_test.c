/* SPDX-License-Identifier: MIT */
/* getsockopt(2), setsockopt(2), ioctl(2), fcntl(2); TCP_INFO from the connection's state. */
#include "pair.h"

#include "sock/tcp_info.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>

TEST(defaults)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET), *s6 = opens(&p->here, AF_INET6);

    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_DOMAIN), AF_INET);
    assert_int_equal(gets_(p, s6, SOL_SOCKET, SO_DOMAIN), AF_INET6);
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_ACCEPTCONN), 0);
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_ERROR), 0);
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_SNDLOWAT), 1);
    assert_int_equal(gets_(p, s, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
    assert_int_equal(gets_(p, s, IPPROTO_TCP, TCP_KEEPINTVL), 75);
    assert_int_equal(gets_(p, s, IPPROTO_TCP, TCP_MAXSEG), 536);
    assert_int_equal(gets_(p, s, IPPROTO_IP, IP_TTL), 64);
    assert_int_equal(gets_(p, s6, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 64);
    assert_int_equal(gets_(p, s6, IPPROTO_IPV6, IPV6_V6ONLY), 0);
    assert_int_equal(gets_(p, s, IPPROTO_IPV6, IPV6_V6ONLY), -ENOPROTOOPT);
    pair_free(p);
}

TEST(what_is_set_is_told)
{
    static const struct {
        int level, name, v;
    } options[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },   { SOL_SOCKET, SO_REUSEADDR, 1 },
        { SOL_SOCKET, SO_REUSEPORT, 1 },   { SOL_SOCKET, SO_OOBINLINE, 1 },
        { SOL_SOCKET, SO_BROADCAST, 1 },   { SOL_SOCKET, SO_DONTROUTE, 1 },
        { SOL_SOCKET, SO_PRIORITY, 6 },    { SOL_SOCKET, SO_RCVLOWAT, 99 },
        { IPPROTO_TCP, TCP_NODELAY, 1 },   { IPPROTO_TCP, TCP_CORK, 1 },
        { IPPROTO_TCP, TCP_QUICKACK, 1 },  { IPPROTO_TCP, TCP_MAXSEG, 1000 },
        { IPPROTO_TCP, TCP_KEEPIDLE, 60 }, { IPPROTO_TCP, TCP_KEEPINTVL, 7 },
        { IPPROTO_TCP, TCP_KEEPCNT, 3 },   { IPPROTO_TCP, TCP_USER_TIMEOUT, 1500 },
        { IPPROTO_IP, IP_TTL, 9 },         { IPPROTO_IP, IP_TOS, 0xb8 },
    };
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET);

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
        assert_int_equal(sets(p, s, options[i].level, options[i].name, options[i].v), 0);
        assert_int_equal(gets_(p, s, options[i].level, options[i].name), options[i].v);
    }
    assert_int_equal(sets(p, s, IPPROTO_IP, IP_TOS, 0x13), 0); /* the ECN bits are TCP's */
    assert_int_equal(gets_(p, s, IPPROTO_IP, IP_TOS), 0x10);
    pair_free(p);
}

TEST(bad_values_are_refused)
{
    static const struct {
        int level, name, v, err;
    } options[] = {
        { IPPROTO_TCP, TCP_KEEPIDLE, 0, -EINVAL },
        { IPPROTO_TCP, TCP_KEEPIDLE, 32768, -EINVAL },
        { IPPROTO_TCP, TCP_KEEPINTVL, 0, -EINVAL },
        { IPPROTO_TCP, TCP_KEEPCNT, 128, -EINVAL },
        { IPPROTO_TCP, TCP_KEEPCNT, 0, -EINVAL },
        { IPPROTO_TCP, TCP_MAXSEG, 87, -EINVAL },
        { IPPROTO_TCP, TCP_MAXSEG, 32768, -EINVAL },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, -1, -EINVAL },
        { IPPROTO_IP, IP_TTL, 0, -EINVAL },
        { IPPROTO_IP, IP_TTL, 256, -EINVAL },
        { SOL_SOCKET, SO_TYPE, 1, -ENOPROTOOPT },
        { SOL_SOCKET, SO_ERROR, 1, -ENOPROTOOPT },
        { SOL_SOCKET, 9999, 1, -ENOPROTOOPT },
        { IPPROTO_TCP, 9999, 1, -ENOPROTOOPT },
        { IPPROTO_TCP, TCP_FASTOPEN, -1, -EINVAL },
        { 9999, 1, 1, -ENOPROTOOPT },
        { IPPROTO_TCP, TCP_DEFER_ACCEPT, 1, -ENOPROTOOPT },
        { SOL_SOCKET, SO_PRIORITY, 7, -EPERM },
    };
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET);
    struct timeval tv = { .tv_usec = 1000000 };
    socklen_t len = (socklen_t)-1;
    int v = 1;

    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        assert_int_equal(sets(p, s, options[i].level, options[i].name, options[i].v),
                         options[i].err);
    assert_int_equal(estab_sock_setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &v, 3, p->now), -EINVAL);
    assert_int_equal(estab_sock_setsockopt(s, SOL_SOCKET, SO_LINGER, &v, 4, p->now), -EINVAL);
    assert_int_equal(estab_sock_setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv), p->now),
                     -EDOM);
    assert_int_equal(estab_sock_setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "none", 4, p->now),
                     -ENOENT);
    assert_int_equal(estab_sock_getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &len, p->now), -EINVAL);
    assert_int_equal(gets_(p, s, SOL_SOCKET, 9999), -ENOPROTOOPT);
    pair_free(p);
}

/* No more octets than there is room for. */
TEST(short_values)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET);
    uint8_t v[4] = { 0xee, 0xee, 0xee, 0xee };
    socklen_t len = 1;
    char name[16];

    assert_int_equal(estab_sock_getsockopt(s, SOL_SOCKET, SO_TYPE, v, &len, p->now), 0);
    assert_int_equal(len, 1);
    assert_int_equal(v[1], 0xee);
    len = sizeof(name);
    assert_int_equal(estab_sock_getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &len, p->now), 0);
    assert_int_equal(len, 16);
    assert_int_equal(estab_sock_setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, 16, p->now), 0);
    pair_free(p);
}

TEST(congestion_control_by_name)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET);
    char name[16] = { 0 };
    socklen_t len = sizeof(name);

    assert_int_equal(estab_sock_setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "reno", 4, p->now), 0);
    assert_int_equal(estab_sock_getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &len, p->now), 0);
    assert_string_equal(name, "reno");
    assert_int_equal(estab_sock_setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "cubic", 6, p->now), 0);
    len = sizeof(name);
    assert_int_equal(estab_sock_getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, name, &len, p->now), 0);
    assert_string_equal(name, "cubic");
    pair_free(p);
}

/* RFC 7413 §4.2: with TCP_FASTOPEN the text of a SYN that shows our cookie can be read at once. */
TEST(fast_open_of_a_listener)
{
    struct pair *p = pair_new();
    struct estab_sock *l = opens(&p->there, AF_INET), *got;
    struct estab_tcp_options opt;
    struct estab_endpoint to = { .addr = estab_addr_v4(192, 0, 2, 2), .port = 80 };
    struct estab_config cfg;
    estab_conn conn[2];

    assert_int_equal(sets(p, l, IPPROTO_TCP, TCP_FASTOPEN, 5), 0);
    assert_int_equal(gets_(p, l, IPPROTO_TCP, TCP_FASTOPEN), 5);
    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    estab_config_init(&cfg);
    opt = cfg.tcp;
    opt.fast_open = true;
    assert_int_equal(estab_connect(p->here.stack, NULL, &to, &opt, &conn[0], p->now), 0);
    settle(p); /* brings the cookie */
    assert_int_equal(accepts(p, l, &got), 0);
    assert_int_equal(estab_connect(p->here.stack, NULL, &to, &opt, &conn[1], p->now), 0);
    assert_int_equal(estab_send(p->here.stack, conn[1], "early", 5, p->now), 5);
    assert_int_equal(carry(p, &p->here, &p->there), 1); /* the SYN, and nothing more */
    p->cut = true;
    assert_int_equal(accepts(p, l, &got), 0);
    assert_int_equal(gets_(p, got, IPPROTO_TCP, TCP_FASTOPEN), 5);
    assert_int_equal(polls(p, got), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    expect_text(p, got, "early");
    assert_int_equal(sends(p, got, "answer", 6, 0), 6);
    pair_free(p);
}

/* socket(7): sizes are doubled, and bound from below; a connection gets at least what was asked. */
TEST(buffer_sizes)
{
    struct pair *p = pair_new();
    struct joined j;
    struct estab_sock *s = opens(&p->here, AF_INET);
    static char big[100000];

    assert_int_equal(sets(p, s, SOL_SOCKET, SO_SNDBUF, 10000), 0);
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_SNDBUF), 20000);
    assert_int_equal(sets(p, s, SOL_SOCKET, SO_SNDBUF, 1), 0);
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_SNDBUF), 4608);
    assert_int_equal(sets(p, s, SOL_SOCKET, SO_RCVBUF, 1), 0);
    assert_int_equal(gets_(p, s, SOL_SOCKET, SO_RCVBUF), 2304);
    j = join(p);
    p->cut = true;
    assert_int_equal(sets(p, j.a, SOL_SOCKET, SO_SNDBUF, 10000), 0);
    assert_int_equal(sends(p, j.a, big, sizeof(big), 0), 16384);
    pair_free(p);
}

TEST(time_limits_are_told)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET);
    struct timeval tv = { .tv_sec = 2, .tv_usec = 5 };
    struct linger l = { .l_onoff = 1, .l_linger = 7 };
    socklen_t len = sizeof(tv);

    assert_int_equal(estab_sock_setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv), p->now), 0);
    memset(&tv, 0, sizeof(tv));
    assert_int_equal(estab_sock_getsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &tv, &len, p->now), 0);
    assert_int_equal(tv.tv_sec, 2);
    assert_int_equal(tv.tv_usec, 5);
    assert_int_equal(estab_sock_getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, &len, p->now), 0);
    assert_int_equal(tv.tv_sec, 0);
    assert_int_equal(estab_sock_setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof(l), p->now), 0);
    len = sizeof(l);
    memset(&l, 0, sizeof(l));
    assert_int_equal(estab_sock_getsockopt(s, SOL_SOCKET, SO_LINGER, &l, &len, p->now), 0);
    assert_int_equal(l.l_onoff, 1);
    assert_int_equal(l.l_linger, 7);
    pair_free(p);
}

TEST(accepted_sockets_inherit)
{
    struct pair *p = pair_new();
    struct estab_sock *l = opens(&p->there, AF_INET), *got;

    sets(p, l, IPPROTO_TCP, TCP_NODELAY, 1);
    sets(p, l, IPPROTO_TCP, TCP_KEEPIDLE, 11);
    sets(p, l, SOL_SOCKET, SO_KEEPALIVE, 1);
    sets(p, l, SOL_SOCKET, SO_RCVBUF, 30000);
    assert_int_equal(binds(l, "0.0.0.0", 80), 0);
    assert_int_equal(estab_sock_listen(l, 5, p->now), 0);
    connects(p, opens(&p->here, AF_INET), "192.0.2.2", 80);
    assert_int_equal(
        estab_sock_accept(l, NULL, NULL, 0, &got, &(struct estab_sock_call){ 0 }, p->now), 0);
    assert_int_equal(gets_(p, got, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(gets_(p, got, IPPROTO_TCP, TCP_KEEPIDLE), 11);
    assert_int_equal(gets_(p, got, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(gets_(p, got, SOL_SOCKET, SO_RCVBUF), 60000);
    assert_int_equal(estab_sock_fcntl(got, F_GETFL, 0), O_RDWR); /* O_NONBLOCK is not inherited */
    pair_free(p);
}

/* The options do what they say: the connection dies in the time that they give. */
TEST(keepalive_gives_up_a_silent_peer)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    sets(p, j.a, IPPROTO_TCP, TCP_KEEPIDLE, 10);
    sets(p, j.a, IPPROTO_TCP, TCP_KEEPINTVL, 2);
    sets(p, j.a, IPPROTO_TCP, TCP_KEEPCNT, 3);
    sets(p, j.a, SOL_SOCKET, SO_KEEPALIVE, 1);
    p->cut = true;
    pass(p, ESTAB_MS(15999));
    assert_int_equal(gets_(p, j.a, SOL_SOCKET, SO_ERROR), 0);
    pass(p, ESTAB_MS(1));
    assert_int_equal(gets_(p, j.a, SOL_SOCKET, SO_ERROR), ETIMEDOUT);
    pair_free(p);
}

TEST(user_timeout_gives_up_unacknowledged_text)
{
    struct pair *p = pair_new();
    struct joined j = join(p);

    sets(p, j.a, IPPROTO_TCP, TCP_USER_TIMEOUT, 5000);
    p->cut = true;
    sends(p, j.a, "x", 1, 0);
    pass(p, ESTAB_SEC(20));
    assert_int_equal(receives(p, j.a, (char[1]){ 0 }, 1, 0), -ETIMEDOUT);
    pair_free(p);
}

/* The layout is that of Linux, octet for octet. */
TEST(tcp_info_layout)
{
#define SAME(ours, theirs)                                                                         \
    assert_int_equal(offsetof(struct linux_tcp_info, ours),                                        \
                     offsetof(struct tcp_info, tcpi_##theirs))
    SAME(state, state);
    SAME(options, options);
    SAME(rto, rto);
    SAME(unacked, unacked);
    SAME(last_data_sent, last_data_sent);
    SAME(pmtu, pmtu);
    SAME(rtt, rtt);
    SAME(snd_cwnd, snd_cwnd);
    SAME(total_retrans, total_retrans);
    SAME(pacing_rate, pacing_rate);
    SAME(bytes_acked, bytes_acked);
    SAME(bytes_received, bytes_received);
    SAME(segs_out, segs_out);
    SAME(min_rtt, min_rtt);
    SAME(delivery_rate, delivery_rate);
    SAME(delivered, delivered);
    SAME(bytes_sent, bytes_sent);
    SAME(bytes_retrans, bytes_retrans);
    SAME(snd_wnd, snd_wnd);
#undef SAME
}

static struct tcp_info
info(struct pair *p, struct estab_sock *s)
{
    struct tcp_info i;
    socklen_t len = sizeof(i);

    memset(&i, 0, sizeof(i));
    assert_int_equal(estab_sock_getsockopt(s, IPPROTO_TCP, TCP_INFO, &i, &len, p->now), 0);
    assert_true(len >= offsetof(struct tcp_info, tcpi_snd_wnd) + 4);
    return i;
}

TEST(tcp_info_tells_the_state)
{
    struct pair *p = pair_new();
    struct estab_sock *s = opens(&p->here, AF_INET);
    struct joined j = join(p);
    struct tcp_info i;

    assert_int_equal(info(p, s).tcpi_state, 7 /* CLOSE */);
    i = info(p, j.listener);
    assert_int_equal(i.tcpi_state, 10 /* LISTEN */);
    assert_int_equal(i.tcpi_sacked, 5); /* the backlog */

    i = info(p, j.a);
    assert_int_equal(i.tcpi_state, 1 /* ESTABLISHED */);
    assert_int_equal(i.tcpi_options & 7, 7);
    assert_int_equal(i.tcpi_snd_mss, 1448);
    assert_int_equal(i.tcpi_snd_cwnd, 10);
    assert_int_equal(i.tcpi_pmtu, 1500);
    assert_int_equal(i.tcpi_unacked, 0);
    assert_int_equal(i.tcpi_snd_ssthresh, 0x7fffffff);
    p->cut = true;
    assert_int_equal(
        estab_sock_send(j.a, (char[3000]){ 0 }, 3000, 0, &(struct estab_sock_call){ 0 }, p->now),
        3000);
    i = info(p, j.a);
    assert_int_equal(i.tcpi_unacked, 0); /* nothing has left yet */
    assert_int_equal(i.tcpi_notsent_bytes, 3000);
    settle(p);
    i = info(p, j.a);
    assert_int_equal(i.tcpi_unacked, 2);
    assert_int_equal(i.tcpi_notsent_bytes, 104); /* less than a segment: Nagle */
    assert_int_equal(i.tcpi_bytes_acked, 1);     /* the SYN */
    p->cut = false;
    pass(p, ESTAB_SEC(5));
    i = info(p, j.a);
    assert_int_equal(i.tcpi_unacked, 0);
    assert_int_equal(i.tcpi_bytes_acked, 3001);
    assert_int_equal(info(p, j.b).tcpi_bytes_received, 3000);
    estab_sock_shutdown(j.a, SHUT_WR, p->now);
    settle(p);
    assert_int_equal(info(p, j.a).tcpi_state, 5 /* FIN_WAIT2 */);
    assert_int_equal(info(p, j.b).tcpi_state, 8 /* CLOSE_WAIT */);
    pair_free(p);
}

TEST(queues_by_ioctl)
{
    struct pair *p = pair_new();
    struct joined j = join(p);
    int v = -1;

    assert_int_equal(estab_sock_ioctl(j.listener, FIONREAD, &v, p->now), -EINVAL);
    assert_int_equal(estab_sock_ioctl(j.listener, SIOCOUTQ, &v, p->now), -EINVAL);
    assert_int_equal(estab_sock_ioctl(j.a, 0x1234, &v, p->now), -ENOTTY);
    assert_int_equal(estab_sock_ioctl(j.a, SIOCOUTQ, &v, p->now), 0);
    assert_int_equal(v, 0);
    p->cut = true;
    sends(p, j.a, "abc", 3, 0);
    sends(p, j.a, "de", 2, 0); /* Nagle */
    assert_int_equal(estab_sock_ioctl(j.a, SIOCOUTQ, &v, p->now), 0);
    assert_int_equal(v, 5);
    assert_int_equal(estab_sock_ioctl(j.a, SIOCOUTQNSD, &v, p->now), 0);
    assert_int_equal(v, 2);
    p->cut = false;
    pass(p, ESTAB_SEC(5));
    assert_int_equal(estab_sock_ioctl(j.b, FIONREAD, &v, p->now), 0);
    assert_int_equal(v, 5);
    assert_int_equal(estab_sock_ioctl(j.a, FIONBIO, &(int){ 0 }, p->now), 0);
    assert_int_equal(estab_sock_fcntl(j.a, F_GETFL, 0), O_RDWR);
    assert_int_equal(estab_sock_fcntl(j.a, F_SETFL, O_RDWR | O_NONBLOCK), 0);
    assert_int_equal(estab_sock_fcntl(j.a, F_GETFL, 0), O_RDWR | O_NONBLOCK);
    assert_int_equal(estab_sock_fcntl(j.a, 12345, 0), -EINVAL);
    pair_free(p);
}
