/* SPDX-License-Identifier: MIT */
/*
 * getsockopt(2), setsockopt(2), ioctl(2) and fcntl(2) of a socket: socket(7), tcp(7), ip(7),
 * ipv6(7). An option that has no counterpart here is refused with -ENOPROTOOPT, never taken and
 * forgotten.
 */
#include "sock/internal.h"
#include "sock/tcp_info.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
#ifndef TCP_CC_INFO
#define TCP_CC_INFO 26
#endif

/* Linux: the least buffers, and the largest that a user gets without privilege */
#define SNDBUF_MIN 4608
#define RCVBUF_MIN 2304
#define BUFFER_MAX ((uint32_t)1 << 29)

#define KEEPALIVE_TIME_MAX 32767
#define KEEPALIVE_COUNT_MAX 127
#define MSS_MIN 88
#define MSS_MAX 32767

/* ---- reading ---- */

/* Gives at most *len octets of the value, and tells how many. */
static int
give(void *value, socklen_t *len, const void *data, size_t size)
{
    if ((int)*len < 0)
        return -EINVAL;
    if (*len > size)
        *len = (socklen_t)size;
    memcpy(value, data, *len);
    return 0;
}

static int
give_int(void *value, socklen_t *len, int v)
{
    return give(value, len, &v, sizeof(v));
}

static struct timeval
timeval_of(estab_time t)
{
    if (t == ESTAB_NEVER)
        t = 0;
    return (struct timeval){ .tv_sec = (time_t)(t / ESTAB_SEC(1)),
                             .tv_usec = (suseconds_t)(t % ESTAB_SEC(1) / 1000) };
}

static int
socket_error(struct estab_sock *s)
{
    int err = -estab_sock_take_error(s);

    /* then the last soft error: what may be the matter with a connection that gets no answer */
    if (err == 0 && s->conn != 0 && !s->over)
        err = estab_errno(s->status.soft_error);
    return err;
}

static int
get_socket_level(struct estab_sock *s, int name, void *value, socklen_t *len)
{
    struct linger linger = { .l_onoff = s->linger, .l_linger = (int)s->linger_seconds };
    struct timeval tv;
    uint32_t mem[9] = { 0 };

    switch (name) {
    case SO_ERROR:
        return give_int(value, len, socket_error(s));
    case SO_TYPE:
        return give_int(value, len, SOCK_STREAM);
    case SO_DOMAIN:
        return give_int(value, len, s->ipv6 ? AF_INET6 : AF_INET);
    case SO_PROTOCOL:
        return give_int(value, len, IPPROTO_TCP);
    case SO_ACCEPTCONN:
        return give_int(value, len, s->listener != NULL);
    case SO_KEEPALIVE:
        return give_int(value, len, s->opt.keepalive);
    case SO_LINGER:
        return give(value, len, &linger, sizeof(linger));
    case SO_REUSEADDR:
        return give_int(value, len, s->reuse_addr);
    case SO_REUSEPORT:
        return give_int(value, len, s->reuse_port);
    case SO_BROADCAST:
        return give_int(value, len, s->broadcast);
    case SO_DONTROUTE:
        return give_int(value, len, s->dont_route);
    case SO_PRIORITY:
        return give_int(value, len, s->priority);
    case SO_OOBINLINE:
        return give_int(value, len, s->oob_inline);
    case SO_RCVBUF:
        return give_int(value, len, (int)s->rcvbuf);
    case SO_SNDBUF:
        return give_int(value, len, (int)s->sndbuf);
    case SO_RCVLOWAT:
        return give_int(value, len, s->rcvlowat);
    case SO_SNDLOWAT:
        return give_int(value, len, 1);
    case SO_RCVTIMEO:
        tv = timeval_of(s->rcvtimeo);
        return give(value, len, &tv, sizeof(tv));
    case SO_SNDTIMEO:
        tv = timeval_of(s->sndtimeo);
        return give(value, len, &tv, sizeof(tv));
    case SO_MEMINFO:
        mem[0] = s->status.tcb.receive_ring;
        mem[1] = s->rcvbuf;
        mem[3] = s->sndbuf;
        mem[5] = s->status.tcb.send_ring;
        return give(value, len, mem, sizeof(mem));
    default:
        return -ENOPROTOOPT;
    }
}

static int
get_mss(const struct estab_sock *s)
{
    enum linux_state state = estab_sock_state(s);

    if (state == LINUX_CLOSE || state == LINUX_LISTEN)
        return s->opt.max_segment != 0 ? s->opt.max_segment : 536;
    return (int)s->status.mss;
}

static int
get_tcp_level(struct estab_sock *s, int name, void *value, socklen_t *len)
{
    struct linux_tcp_info info;
    char text[16] = { 0 };

    switch (name) {
    case TCP_NODELAY:
        return give_int(value, len, s->opt.nodelay);
    case TCP_CORK:
        return give_int(value, len, s->corked);
    case TCP_QUICKACK:
        return give_int(value, len, s->opt.quick_ack);
    case TCP_MAXSEG:
        return give_int(value, len, get_mss(s));
    case TCP_KEEPIDLE:
        return give_int(value, len, (int)(s->opt.keepalive_idle / ESTAB_SEC(1)));
    case TCP_KEEPINTVL:
        return give_int(value, len, (int)(s->opt.keepalive_interval / ESTAB_SEC(1)));
    case TCP_KEEPCNT:
        return give_int(value, len, (int)s->opt.keepalive_count);
    case TCP_USER_TIMEOUT:
        return give_int(value, len, s->user_timeout_ms);
    case TCP_FASTOPEN:
        return give_int(value, len, s->fast_open_queue);
    case TCP_CONGESTION:
        strncpy(text, estab_cc_name(s->opt.cc), sizeof(text) - 1);
        return give(value, len, text, sizeof(text));
    case TCP_INFO:
        estab_sock_tcp_info(s, &info);
        return give(value, len, &info, sizeof(info));
    case TCP_CC_INFO:
        return give(value, len, text, 0); /* as Reno and CUBIC of Linux: nothing to tell */
    default:
        return -ENOPROTOOPT;
    }
}

static int
get_ip_level(const struct estab_sock *s, int level, int name, void *value, socklen_t *len)
{
    if (level == IPPROTO_IP && name == IP_TOS)
        return give_int(value, len, s->tos);
    if (level == IPPROTO_IP && name == IP_TTL)
        return give_int(value, len, s->opt.ttl);
    if (level == IPPROTO_IPV6 && s->ipv6) {
        switch (name) {
        case IPV6_TCLASS:
            return give_int(value, len, s->tos);
        case IPV6_UNICAST_HOPS:
            return give_int(value, len, s->opt.ttl);
        case IPV6_V6ONLY:
            return give_int(value, len, s->v6only);
        default:
            break;
        }
    }
    return -ENOPROTOOPT;
}

int
estab_sock_getsockopt(struct estab_sock *s, int level, int name, void *value, socklen_t *len,
                      estab_time now)
{
    estab_sock_look(s, now);
    switch (level) {
    case SOL_SOCKET:
        return get_socket_level(s, name, value, len);
    case IPPROTO_TCP:
        return get_tcp_level(s, name, value, len);
    case IPPROTO_IP:
    case IPPROTO_IPV6:
        return get_ip_level(s, level, name, value, len);
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- writing ---- */

static int
take_int(const void *value, socklen_t len, int *v)
{
    if (len < sizeof(*v))
        return -EINVAL;
    if (value == NULL)
        return -EFAULT;
    memcpy(v, value, sizeof(*v));
    return 0;
}

static int
take_time(const void *value, socklen_t len, estab_time *out)
{
    struct timeval tv;

    if (len < sizeof(tv))
        return -EINVAL;
    memcpy(&tv, value, sizeof(tv));
    if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
        return -EDOM;
    if (tv.tv_sec < 0)
        *out = 0; /* Linux: at once */
    else if ((tv.tv_sec == 0 && tv.tv_usec == 0) || tv.tv_sec > INT32_MAX)
        *out = ESTAB_NEVER;
    else
        *out = ESTAB_SEC((estab_time)tv.tv_sec) + (estab_time)tv.tv_usec * 1000;
    return 0;
}

static int
take_linger(struct estab_sock *s, const void *value, socklen_t len)
{
    struct linger l;

    if (len < sizeof(l))
        return -EINVAL;
    memcpy(&l, value, sizeof(l));
    s->linger = l.l_onoff != 0;
    if (s->linger)
        s->linger_seconds = l.l_linger < 0 ? INT32_MAX : (uint32_t)l.l_linger;
    return 0;
}

/* socket(7): the kernel doubles the value, and getsockopt() tells it doubled. */
static uint32_t
doubled(int v, uint32_t least)
{
    uint32_t n = v < 0 ? BUFFER_MAX : (uint32_t)v;

    if (n > BUFFER_MAX / 2)
        n = BUFFER_MAX / 2;
    return 2 * n > least ? 2 * n : least;
}

static int
set_socket_level(struct estab_sock *s, int name, const void *value, socklen_t len, estab_time now)
{
    int v, err;

    switch (name) {
    case SO_LINGER:
        return take_linger(s, value, len);
    case SO_RCVTIMEO:
        return take_time(value, len, &s->rcvtimeo);
    case SO_SNDTIMEO:
        return take_time(value, len, &s->sndtimeo);
    default:
        break;
    }
    err = take_int(value, len, &v);
    if (err < 0)
        return err;
    switch (name) {
    case SO_KEEPALIVE:
        s->opt.keepalive = v != 0;
        break;
    case SO_REUSEADDR:
        s->reuse_addr = v != 0;
        return 0;
    case SO_REUSEPORT:
        s->reuse_port = v != 0;
        return 0;
    case SO_BROADCAST:
        s->broadcast = v != 0;
        return 0;
    case SO_DONTROUTE:
        s->dont_route = v != 0;
        return 0;
    case SO_PRIORITY:
        if (v < 0 || v > 6)
            return -EPERM;
        s->priority = v;
        return 0;
    case SO_OOBINLINE:
        s->oob_inline = v != 0;
        return 0;
    case SO_SNDBUF:
        s->sndbuf = doubled(v, SNDBUF_MIN);
        s->opt.send_buffer = 0; /* whoever sets it wants it */
        s->opt.send_buffer_max = s->sndbuf;
        break;
    case SO_RCVBUF:
        s->rcvbuf = doubled(v, RCVBUF_MIN);
        s->opt.receive_buffer = 0;
        s->opt.receive_buffer_max = s->rcvbuf / 2;
        break;
    case SO_RCVLOWAT:
        s->rcvlowat = v < 0 ? INT_MAX : v == 0 ? 1 : v;
        return 0;
    default: /* SO_TYPE, SO_ERROR and the like can only be read: the same answer */
        return -ENOPROTOOPT;
    }
    return estab_sock_apply_options(s, now);
}

static int
set_seconds(estab_time *field, int v)
{
    if (v < 1 || v > KEEPALIVE_TIME_MAX)
        return -EINVAL;
    *field = ESTAB_SEC((estab_time)v);
    return 0;
}

static int
set_congestion(struct estab_sock *s, const void *value, socklen_t len)
{
    char name[16] = { 0 };
    int cc;

    if (len < 1)
        return -EINVAL;
    memcpy(name, value, len < sizeof(name) - 1 ? len : sizeof(name) - 1);
    cc = estab_cc_by_name(name);
    if (cc < 0)
        return -ENOENT;
    s->opt.cc = (uint8_t)cc;
    return 0;
}

static int
set_tcp_level(struct estab_sock *s, int name, const void *value, socklen_t len, estab_time now)
{
    int v = 0, err;

    if (name == TCP_CONGESTION) {
        err = set_congestion(s, value, len);
        return err < 0 ? err : estab_sock_apply_options(s, now);
    }
    err = take_int(value, len, &v);
    if (err < 0)
        return err;
    switch (name) {
    case TCP_NODELAY:
        s->opt.nodelay = v != 0;
        break;
    case TCP_CORK:
        s->corked = v != 0;
        s->opt.cork = v != 0;
        break;
    case TCP_QUICKACK:
        s->opt.quick_ack = v != 0;
        break;
    case TCP_MAXSEG:
        if (v != 0 && (v < MSS_MIN || v > MSS_MAX))
            return -EINVAL;
        s->opt.max_segment = (uint16_t)v;
        break;
    case TCP_KEEPIDLE:
        err = set_seconds(&s->opt.keepalive_idle, v);
        break;
    case TCP_KEEPINTVL:
        err = set_seconds(&s->opt.keepalive_interval, v);
        break;
    case TCP_KEEPCNT:
        if (v < 1 || v > KEEPALIVE_COUNT_MAX)
            return -EINVAL;
        s->opt.keepalive_count = (uint32_t)v;
        break;
    case TCP_FASTOPEN: /* of one who listens or will; how many may be pending is the host's */
        if (v < 0 || (s->conn != 0 && s->listener == NULL))
            return -EINVAL;
        s->fast_open_queue = v;
        s->opt.fast_open = v > 0;
        break;
    case TCP_USER_TIMEOUT:
        if (v < 0)
            return -EINVAL;
        s->user_timeout_ms = v;
        s->opt.user_timeout = v == 0 ? s->host->defaults.user_timeout : ESTAB_MS((estab_time)v);
        break;
    default:
        return -ENOPROTOOPT;
    }
    return err < 0 ? err : estab_sock_apply_options(s, now);
}

static int
set_ip_level(struct estab_sock *s, int level, int name, const void *value, socklen_t len,
             estab_time now)
{
    int v, err;
    bool v6 = level == IPPROTO_IPV6;
    uint8_t octet;

    if (v6 && !s->ipv6)
        return -ENOPROTOOPT;
    if (!v6 && (name == IP_TOS || name == IP_TTL) && len == 1) {
        memcpy(&octet, value, 1); /* ip(7): these may be given as one octet */
        v = octet;
    } else {
        err = take_int(value, len, &v);
        if (err < 0)
            return err;
    }
    if ((!v6 && name == IP_TOS) || (v6 && name == IPV6_TCLASS)) {
        if (v6 && (v < -1 || v > 255))
            return -EINVAL;
        if (v6 && v == -1)
            v = 0;
        /* the two ECN bits are TCP's own */
        s->tos = (uint8_t)(v & 0xfc);
        s->opt.dscp = (uint8_t)((v & 0xff) >> 2);
        return estab_sock_apply_options(s, now);
    }
    if ((!v6 && name == IP_TTL) || (v6 && name == IPV6_UNICAST_HOPS)) {
        if (v != -1 && (v < (v6 ? 0 : 1) || v > 255))
            return -EINVAL;
        if (v == 0)
            return -EINVAL; /* a segment that would not leave this host */
        s->opt.ttl = v == -1 ? s->host->defaults.ttl : (uint8_t)v;
        return estab_sock_apply_options(s, now);
    }
    if (v6 && name == IPV6_V6ONLY) {
        estab_sock_look(s, now);
        if (s->bound)
            return -EINVAL;
        s->v6only = v != 0;
        return 0;
    }
    return -ENOPROTOOPT;
}

int
estab_sock_setsockopt(struct estab_sock *s, int level, int name, const void *value, socklen_t len,
                      estab_time now)
{
    switch (level) {
    case SOL_SOCKET:
        return set_socket_level(s, name, value, len, now);
    case IPPROTO_TCP:
        return set_tcp_level(s, name, value, len, now);
    case IPPROTO_IP:
    case IPPROTO_IPV6:
        return set_ip_level(s, level, name, value, len, now);
    default:
        return -ENOPROTOOPT;
    }
}

/* ---- ioctl and fcntl ---- */

static int
octets_to_read(const struct estab_sock *s)
{
    uint64_t queued = s->status.tcb.receive_queued;

    if (!s->oob_inline && s->oob != OOB_NONE && s->oob_end > s->consumed &&
        s->oob_end - s->consumed <= queued)
        queued = s->oob_end - 1 - s->consumed;
    return (int)queued;
}

int
estab_sock_ioctl(struct estab_sock *s, unsigned request, int *value, estab_time now)
{
    enum linux_state state;
    bool opening;

    estab_sock_look(s, now);
    state = estab_sock_state(s);
    opening = state == LINUX_SYN_SENT || state == LINUX_SYN_RECV;
    switch (request) {
    case FIONBIO:
        s->nonblock = *value != 0;
        return 0;
    case FIONREAD: /* SIOCINQ is the same number */
        if (state == LINUX_LISTEN)
            return -EINVAL;
        *value = opening ? 0 : octets_to_read(s);
        return 0;
    case SIOCATMARK:
        *value = s->oob != OOB_NONE && s->consumed + 1 == s->oob_end;
        return 0;
    case SIOCOUTQ:
    case SIOCOUTQNSD:
        if (state == LINUX_LISTEN)
            return -EINVAL;
        if (opening || s->conn == 0)
            *value = 0;
        else if (request == SIOCOUTQ)
            /* all that is not acknowledged, our FIN counts as one */
            *value =
                (int)(s->status.tcb.send_queued > s->status.tcb.flight ? s->status.tcb.send_queued
                                                                       : s->status.tcb.flight);
        else
            *value = (int)(s->status.tcb.send_queued > s->status.tcb.flight
                               ? s->status.tcb.send_queued - s->status.tcb.flight
                               : 0);
        return 0;
    default:
        return -ENOTTY;
    }
}

int
estab_sock_fcntl(struct estab_sock *s, int cmd, int arg)
{
    switch (cmd) {
    case F_GETFL:
        return O_RDWR | (s->nonblock ? O_NONBLOCK : 0);
    case F_SETFL:
        s->nonblock = (arg & O_NONBLOCK) != 0;
        return 0;
    default:
        return -EINVAL;
    }
}
