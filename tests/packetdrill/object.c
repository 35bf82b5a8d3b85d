/* SPDX-License-Identifier: MIT */
/*
 * libestab-packetdrill.so: estab as the stack under test of packetdrill.
 *
 *   packetdrill --so_filename=build/libestab-packetdrill.so [--so_flags=FLAGS] SCRIPT
 *
 * Put LD_PRELOAD=build/libestab-packetdrill.so before it for scripts with %{ }% assertions: those
 * call libc's getsockopt(), which is answered here for our descriptors. docs/packetdrill.md lists
 * the flags and the sysctls. The host lives in virtual time: a script takes no longer than it
 * takes to compute. Each descriptor is an eventfd, so that the process's close(2) works on it.
 */
#include "object.h"

#include "drivers/alloc.h"
#include "interface.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_SOCKS 4096
/* When the host begins: long enough after the epoch that no subtraction gets below it. */
#define BEGIN ESTAB_SEC((estab_time)1000000000)

/* One at a time, as packetdrill's scripts are; reset by packetdrill_interface_init(). */
static struct object the_object;

void
pd_fail(const char *what, ...)
{
    va_list args;

    va_start(args, what);
    fputs("libestab-packetdrill: ", stderr);
    vfprintf(stderr, what, args);
    fputc('\n', stderr);
    va_end(args);
    fflush(stderr);
    _exit(1);
}

/* ---- descriptors ---- */

static struct descriptor *
at(struct object *o, int fd)
{
    return fd >= 0 && fd < o->n_fds && o->fds[fd].kind != NOT_OURS ? &o->fds[fd] : NULL;
}

static struct estab_sock *
sock_at(struct object *o, int fd)
{
    struct descriptor *d = at(o, fd);

    return d != NULL && d->kind == SOCKET ? d->sock : NULL;
}

static void
drop_sock(struct object *o, struct estab_sock *s)
{
    /* a call whose time is over: it does not linger */
    struct estab_sock_call call = { .started = true };

    if (estab_sock_close(s, &call, o->now) == ESTAB_SOCK_BLOCKED)
        pd_fail("a close that may not wait does");
}

static void
forget(struct object *o, int fd)
{
    struct descriptor *d = at(o, fd);

    if (d == NULL)
        return;
    if (d->kind == SOCKET)
        drop_sock(o, d->sock);
    else
        estab_epoll_free(d->epoll);
    memset(d, 0, sizeof(*d));
}

/* A real descriptor for it, or -errno. */
static int
install(struct object *o, struct descriptor what)
{
    int fd = eventfd(0, EFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fd >= o->n_fds) {
        int n = fd + 64;
        struct descriptor *more = realloc(o->fds, (size_t)n * sizeof(*more));

        if (more == NULL) {
            close(fd);
            return -ENOMEM;
        }
        memset(more + o->n_fds, 0, (size_t)(n - o->n_fds) * sizeof(*more));
        o->fds = more;
        o->n_fds = n;
    }
    forget(o, fd); /* a script's socket that was closed behind our back */
    o->fds[fd] = what;
    return fd;
}

static int
install_sock(struct object *o, struct estab_sock *s)
{
    int fd = install(o, (struct descriptor){ .kind = SOCKET, .sock = s });

    if (fd < 0)
        drop_sock(o, s);
    return fd;
}

/* ---- beginning and end of a call ---- */

static struct object *
enter(void *userdata)
{
    struct object *o = userdata;

    pthread_mutex_lock(&o->lock);
    return o;
}

static ssize_t
leave(struct object *o, ptrdiff_t result)
{
    pd_settle(o);
    pthread_mutex_unlock(&o->lock);
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* ---- calls that may block ---- */

enum what { ACCEPT, CONNECT, RECEIVE, SEND, CLOSE, POLL, EPOLL_WAIT };

struct request {
    enum what what;
    struct estab_sock *sock, *accepted;
    struct sockaddr *addr;
    socklen_t *len;
    const struct sockaddr *to;
    socklen_t to_len;
    struct msghdr *msg;
    int flags;
    struct pollfd *fds;
    nfds_t n_fds;
    int timeout; /* milliseconds; -1: none */
    struct estab_epoll *epoll;
    struct epoll_event *events;
    int n_events;
};

static short
poll_one(struct object *o, const struct pollfd *p)
{
    struct descriptor *d = at(o, p->fd);
    struct pollfd real = *p;
    uint32_t mask;

    if (p->fd < 0)
        return 0;
    if (d == NULL) {
        real.revents = 0;
        (void)poll(&real, 1, 0);
        return real.revents;
    }
    mask = d->kind == SOCKET ? estab_sock_poll(d->sock, o->now)
                             : (estab_epoll_ready(d->epoll, o->now) ? POLLIN | POLLRDNORM : 0u);
    return (short)(mask & ((uint32_t)(uint16_t)p->events | POLLERR | POLLHUP));
}

/* Of poll and epoll_wait: waits until the timeout of the first attempt. */
static ptrdiff_t
time_out(struct object *o, const struct request *r, struct estab_sock_call *call)
{
    if (r->timeout == 0)
        return 0;
    if (!call->started) {
        call->started = true;
        call->until = r->timeout < 0 ? ESTAB_NEVER : o->now + ESTAB_MS((estab_time)r->timeout);
    }
    return o->now < call->until ? ESTAB_SOCK_BLOCKED : 0;
}

static ptrdiff_t
try_poll(struct object *o, struct request *r, struct estab_sock_call *call)
{
    ptrdiff_t ready = 0;

    for (nfds_t i = 0; i < r->n_fds; i++) {
        r->fds[i].revents = poll_one(o, &r->fds[i]);
        ready += r->fds[i].revents != 0;
    }
    return ready > 0 ? ready : time_out(o, r, call);
}

static ptrdiff_t
try_epoll(struct object *o, struct request *r, struct estab_sock_call *call)
{
    struct estab_epoll_event got[64];
    int n = estab_epoll_take(r->epoll, got, r->n_events < 64 ? r->n_events : 64, o->now);

    for (int i = 0; i < n; i++) {
        r->events[i].events = got[i].events;
        r->events[i].data.u64 = got[i].data;
    }
    return n > 0 ? n : time_out(o, r, call);
}

static ptrdiff_t
attempt(struct object *o, void *arg, struct estab_sock_call *call)
{
    struct request *r = arg;

    switch (r->what) {
    case ACCEPT:
        return estab_sock_accept(r->sock, r->addr, r->len, r->flags, &r->accepted, call, o->now);
    case CONNECT:
        return estab_sock_connect(r->sock, r->to, r->to_len, call, o->now);
    case RECEIVE:
        return estab_sock_recvmsg(r->sock, r->msg, r->flags, call, o->now);
    case SEND:
        return estab_sock_sendmsg(r->sock, r->msg, r->flags, call, o->now);
    case CLOSE:
        return estab_sock_close(r->sock, call, o->now);
    case POLL:
        return try_poll(o, r, call);
    case EPOLL_WAIT:
        return try_epoll(o, r, call);
    }
    return -EINVAL;
}

/* The socket stays for as long as the call lasts, whoever closes it meanwhile. */
static ptrdiff_t
run(struct object *o, int fd, struct request *r)
{
    ptrdiff_t result;

    r->sock = sock_at(o, fd);
    if (r->sock == NULL)
        return at(o, fd) != NULL ? -ENOTSOCK : -EBADF;
    estab_sock_ref(r->sock);
    result = pd_wait(o, attempt, r);
    drop_sock(o, r->sock);
    return result;
}

/* ---- the members: life of a socket ---- */

static int
pd_socket(void *userdata, int domain, int type, int protocol)
{
    struct object *o = enter(userdata);
    struct estab_sock *s;
    int result;

    if (pd_settings_read(&o->set))
        pd_settings_apply(o);
    result = estab_sock_open(o->host, domain, type, protocol, &s);
    return (int)leave(o, result < 0 ? result : install_sock(o, s));
}

/* A script may bind to any address: it becomes ours. */
static void
learn_bound(struct object *o, const struct sockaddr *addr, socklen_t len)
{
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    struct estab_addr a = { 0 };

    if (addr->sa_family == AF_INET && len >= 8) {
        a.family = ESTAB_INET;
        memcpy(a.bytes, (const uint8_t *)addr + 4, 4);
    } else if (addr->sa_family == AF_INET6 && len >= 24) {
        const uint8_t *octets = (const uint8_t *)addr + 8;
        bool is_mapped = memcmp(octets, mapped, 12) == 0;

        a.family = is_mapped ? ESTAB_INET : ESTAB_INET6;
        memcpy(a.bytes, is_mapped ? octets + 12 : octets, is_mapped ? 4 : 16);
    } else {
        return;
    }
    pd_add_local(o, &a);
}

static int
pd_bind(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct object *o = enter(userdata);
    struct estab_sock *s = sock_at(o, fd);

    if (s == NULL)
        return (int)leave(o, -EBADF);
    learn_bound(o, addr, len);
    return (int)leave(o, estab_sock_bind(s, addr, len));
}

static int
pd_listen(void *userdata, int fd, int backlog)
{
    struct object *o = enter(userdata);
    struct estab_sock *s = sock_at(o, fd);

    return (int)leave(o, s == NULL ? -EBADF : estab_sock_listen(s, backlog, o->now));
}

static int
pd_accept(void *userdata, int fd, struct sockaddr *addr, socklen_t *len)
{
    struct object *o = enter(userdata);
    struct request r = { .what = ACCEPT, .addr = addr, .len = len };
    ptrdiff_t result = run(o, fd, &r);

    return (int)leave(o, result < 0 ? result : install_sock(o, r.accepted));
}

static int
pd_connect(void *userdata, int fd, const struct sockaddr *addr, socklen_t len)
{
    struct object *o = enter(userdata);
    struct request r = { .what = CONNECT, .to = addr, .to_len = len };

    return (int)leave(o, run(o, fd, &r));
}

static int
pd_close(void *userdata, int fd)
{
    struct object *o = enter(userdata);
    struct descriptor *d = at(o, fd);
    struct request r = { .what = CLOSE };
    ptrdiff_t result = 0;

    if (d == NULL) {
        pthread_mutex_unlock(&o->lock);
        return close(fd);
    }
    if (d->kind == SOCKET) {
        r.sock = d->sock;
        memset(d, 0, sizeof(*d)); /* no longer anybody's, while it lingers too */
        result = pd_wait(o, attempt, &r);
    } else {
        forget(o, fd);
    }
    close(fd);
    return (int)leave(o, result);
}

static int
pd_shutdown(void *userdata, int fd, int how)
{
    struct object *o = enter(userdata);
    struct estab_sock *s = sock_at(o, fd);

    return (int)leave(o, s == NULL ? -EBADF : estab_sock_shutdown(s, how, o->now));
}

/* ---- transfer ---- */

static ssize_t
transfer(void *userdata, enum what what, int fd, struct msghdr *msg, int flags)
{
    struct object *o = enter(userdata);
    struct request r = { .what = what, .msg = msg, .flags = flags };

    return leave(o, run(o, fd, &r));
}

/* Pipes of the script are real ones. */
static bool
is_real(void *userdata, int fd)
{
    struct object *o = enter(userdata);
    bool real = at(o, fd) == NULL;

    pthread_mutex_unlock(&o->lock);
    return real;
}

static ssize_t
pd_readv(void *userdata, int fd, const struct iovec *iov, int n)
{
    struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n };

    if (is_real(userdata, fd))
        return readv(fd, iov, n);
    if (n < 0 || n > 1024) {
        errno = EINVAL;
        return -1;
    }
    return transfer(userdata, RECEIVE, fd, &msg, 0);
}

static ssize_t
pd_writev(void *userdata, int fd, const struct iovec *iov, int n)
{
    struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n };

    if (is_real(userdata, fd))
        return writev(fd, iov, n);
    if (n < 0 || n > 1024) {
        errno = EINVAL;
        return -1;
    }
    return transfer(userdata, SEND, fd, &msg, 0);
}

static ssize_t
pd_recv(void *userdata, int fd, void *buf, size_t len, int flags)
{
    struct iovec iov = { .iov_base = buf, .iov_len = len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    return transfer(userdata, RECEIVE, fd, &msg, flags);
}

static ssize_t
pd_read(void *userdata, int fd, void *buf, size_t len)
{
    return is_real(userdata, fd) ? read(fd, buf, len) : pd_recv(userdata, fd, buf, len, 0);
}

static ssize_t
pd_recvfrom(void *userdata, int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
            socklen_t *addr_len)
{
    ssize_t n = pd_recv(userdata, fd, buf, len, flags);

    if (n >= 0 && addr != NULL && addr_len != NULL)
        *addr_len = 0; /* a stream tells no address */
    return n;
}

static ssize_t
pd_recvmsg(void *userdata, int fd, struct msghdr *msg, int flags)
{
    return transfer(userdata, RECEIVE, fd, msg, flags);
}

static ssize_t
pd_send(void *userdata, int fd, const void *buf, size_t len, int flags)
{
    struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
    struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    return transfer(userdata, SEND, fd, &msg, flags);
}

static ssize_t
pd_write(void *userdata, int fd, const void *buf, size_t len)
{
    return is_real(userdata, fd) ? write(fd, buf, len) : pd_send(userdata, fd, buf, len, 0);
}

static ssize_t
pd_sendto(void *userdata, int fd, const void *buf, size_t len, int flags,
          const struct sockaddr *addr, socklen_t addr_len)
{
    (void)addr; /* Linux: of no concern to a connected stream */
    (void)addr_len;
    return pd_send(userdata, fd, buf, len, flags);
}

static ssize_t
pd_sendmsg(void *userdata, int fd, const struct msghdr *msg, int flags)
{
    return transfer(userdata, SEND, fd, (struct msghdr *)(uintptr_t)msg, flags);
}

static int
pd_pipe(void *userdata, int fds[2])
{
    (void)userdata;
    return pipe(fds);
}

/* One end is ours, the other a pipe. What the pipe does not take stays in the socket. */
static ssize_t
pd_splice(void *userdata, int in, loff_t *in_at, int out, loff_t *out_at, size_t len,
          unsigned flags)
{
    static const size_t most = 65536;
    int wait = flags & SPLICE_F_NONBLOCK ? MSG_DONTWAIT : 0, queued = 0;
    bool in_real = is_real(userdata, in), out_real = is_real(userdata, out);
    uint8_t *buf;
    ssize_t n;

    if (in_real && out_real)
        return splice(in, in_at, out, out_at, len, flags);
    if (in_at != NULL || out_at != NULL) {
        errno = ESPIPE;
        return -1;
    }
    if (!in_real && !out_real) {
        errno = EINVAL;
        return -1;
    }
    if (in_real && ioctl(in, FIONREAD, &queued) < 0)
        return -1;
    if (in_real && len > (size_t)queued)
        len = (size_t)queued;
    if (len > most)
        len = most;
    buf = malloc(len > 0 ? len : 1);
    if (buf == NULL) {
        errno = ENOMEM;
        return -1;
    }
    if (in_real) {
        n = read(in, buf, len);
        if (n > 0)
            n = pd_send(userdata, out, buf, (size_t)n,
                        wait | (flags & SPLICE_F_MORE ? MSG_MORE : 0));
    } else {
        n = pd_recv(userdata, in, buf, len, wait | MSG_PEEK);
        if (n > 0)
            n = write(out, buf, (size_t)n);
        if (n > 0)
            n = pd_recv(userdata, in, NULL, (size_t)n, MSG_TRUNC);
    }
    free(buf);
    return n;
}

/* ---- options ---- */

static int
pd_getsockopt(void *userdata, int fd, int level, int name, void *value, socklen_t *len)
{
    struct object *o = enter(userdata);
    struct estab_sock *s = sock_at(o, fd);

    return (int)leave(o, s == NULL ? -EBADF
                                   : estab_sock_getsockopt(s, level, name, value, len, o->now));
}

static int
pd_setsockopt(void *userdata, int fd, int level, int name, const void *value, socklen_t len)
{
    struct object *o = enter(userdata);
    struct estab_sock *s = sock_at(o, fd);

    return (int)leave(o, s == NULL ? -EBADF
                                   : estab_sock_setsockopt(s, level, name, value, len, o->now));
}

static int
pd_fcntl(void *userdata, int fd, int cmd, ...)
{
    struct object *o = enter(userdata);
    struct estab_sock *s = sock_at(o, fd);
    va_list args;
    int arg;

    va_start(args, cmd);
    arg = va_arg(args, int);
    va_end(args);
    if (s == NULL || cmd == F_GETFD || cmd == F_SETFD) {
        pthread_mutex_unlock(&o->lock);
        return fcntl(fd, cmd, arg);
    }
    if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC) {
        estab_sock_ref(s);
        return (int)leave(o, install_sock(o, s));
    }
    return (int)leave(o, estab_sock_fcntl(s, cmd, arg));
}

static int
pd_ioctl(void *userdata, int fd, unsigned long request, ...)
{
    struct object *o = enter(userdata);
    struct estab_sock *s = sock_at(o, fd);
    va_list args;
    int *arg;

    va_start(args, request);
    arg = va_arg(args, int *);
    va_end(args);
    if (s == NULL) {
        pthread_mutex_unlock(&o->lock);
        return ioctl(fd, request, arg);
    }
    return (int)leave(o, estab_sock_ioctl(s, (unsigned)request, arg, o->now));
}

/* ---- readiness ---- */

static int
pd_poll(void *userdata, struct pollfd *fds, nfds_t n, int timeout)
{
    struct object *o = enter(userdata);
    struct request r = { .what = POLL, .fds = fds, .n_fds = n, .timeout = timeout };

    return (int)leave(o, pd_wait(o, attempt, &r));
}

static int
pd_epoll_create(void *userdata, int size)
{
    struct object *o = enter(userdata);
    struct estab_epoll *ep;
    int fd;

    if (size <= 0)
        return (int)leave(o, -EINVAL);
    ep = estab_epoll_new(o->host);
    if (ep == NULL)
        return (int)leave(o, -ENOMEM);
    fd = install(o, (struct descriptor){ .kind = EPOLL, .epoll = ep });
    if (fd < 0)
        estab_epoll_free(ep);
    return (int)leave(o, fd);
}

static int
epoll_ctl_of(struct object *o, int epfd, int op, int fd, const struct epoll_event *ev)
{
    struct descriptor *ep = at(o, epfd), *d = at(o, fd);

    if (ep == NULL || (d == NULL && fcntl(fd, F_GETFD) < 0))
        return -EBADF;
    if (ep->kind != EPOLL || epfd == fd)
        return -EINVAL;
    if (d == NULL || d->kind != SOCKET)
        return -EPERM; /* only sockets can be watched here */
    if (op != EPOLL_CTL_DEL && ev == NULL)
        return -EFAULT;
    switch (op) {
    case EPOLL_CTL_ADD:
        return estab_epoll_add(ep->epoll, d->sock, fd, ev->events, ev->data.u64, o->now);
    case EPOLL_CTL_MOD:
        return estab_epoll_mod(ep->epoll, d->sock, fd, ev->events, ev->data.u64, o->now);
    case EPOLL_CTL_DEL:
        return estab_epoll_del(ep->epoll, d->sock, fd);
    default:
        return -EINVAL;
    }
}

static int
pd_epoll_ctl(void *userdata, int epfd, int op, int fd, struct epoll_event *ev)
{
    struct object *o = enter(userdata);

    return (int)leave(o, epoll_ctl_of(o, epfd, op, fd, ev));
}

static int
pd_epoll_wait(void *userdata, int epfd, struct epoll_event *events, int n, int timeout)
{
    struct object *o = enter(userdata);
    struct descriptor *d = at(o, epfd);
    struct request r = { .what = EPOLL_WAIT, .events = events, .n_events = n, .timeout = timeout };

    if (d == NULL)
        return (int)leave(o, -EBADF);
    if (d->kind != EPOLL || n <= 0)
        return (int)leave(o, -EINVAL);
    r.epoll = d->epoll;
    return (int)leave(o, pd_wait(o, attempt, &r));
}

/* ---- time ---- */

static int
pd_usleep(void *userdata, useconds_t usecs)
{
    struct object *o = enter(userdata);

    (void)pd_looked(o);
    pd_advance(o, o->now + ESTAB_US((estab_time)(usecs > 0 ? usecs : 1)), false);
    pthread_mutex_unlock(&o->lock);
    return 0;
}

/* Whoever spins on it must see time go on; a thread that comes back from a call sees its end. */
static int
pd_gettimeofday(void *userdata, struct timeval *tv, struct timezone *tz)
{
    struct object *o = enter(userdata);
    bool was_held = pd_looked(o);

    (void)tz;
    if (!was_held)
        pd_hold(o);
    tv->tv_sec = (time_t)(o->now / ESTAB_SEC(1));
    tv->tv_usec = (suseconds_t)(o->now % ESTAB_SEC(1) / 1000);
    if (!was_held)
        pd_advance(o, o->now + ESTAB_US(1), false);
    pthread_mutex_unlock(&o->lock);
    return 0;
}

/* ---- beginning and end ---- */

static void
end(struct object *o)
{
    if (o->stack == NULL)
        return;
    for (int fd = 0; fd < o->n_fds; fd++)
        forget(o, fd);
    estab_sock_host_free(o->host);
    estab_stack_free(o->stack);
    pd_drop_packets(o);
    free(o->fds);
    o->stack = NULL;
    o->host = NULL;
    o->fds = NULL;
    o->n_fds = 0;
    memset(o->waiters, 0, sizeof(o->waiters));
}

static void
pd_free(void *userdata)
{
    struct object *o = enter(userdata);
    unsigned unread = 0;

    for (const struct packet *p = o->first; p != NULL; p = p->next)
        unread++;
    if (unread > 0 && !o->set.unread_allowed)
        pd_fail("%u datagram%s of the stack were never read", unread, unread == 1 ? "" : "s");
    end(o);
    pthread_mutex_unlock(&o->lock);
}

static void
begin(struct object *o, const char *flags)
{
    static const uint8_t secret[32] = { 'p', 'a', 'c', 'k', 'e', 't' };
    struct estab_addr any4 = { .family = ESTAB_INET }, any6 = { .family = ESTAB_INET6 };

    pd_settings_init(&o->set, flags);
    memcpy(o->set.cfg.secret, secret, sizeof(secret));
    o->set.cfg.alloc = estab_alloc_system();
    (void)pd_settings_read(&o->set);
    o->stack = estab_stack_new(&o->set.cfg);
    if (o->stack == NULL)
        pd_fail("the settings cannot be");
    if (estab_stack_add_interface(o->stack, &(struct estab_link){ .mtu = o->set.mtu }) != 1 ||
        estab_stack_add_address(o->stack, 1, &o->set.local4, 32) < 0 ||
        estab_stack_add_address(o->stack, 1, &o->set.local6, 128) < 0 ||
        estab_stack_add_route(o->stack, 1, &any4, 0) < 0 ||
        estab_stack_add_route(o->stack, 1, &any6, 0) < 0)
        pd_fail("the interface cannot be");
    o->host = estab_sock_host_new(o->stack, &o->set.cfg, MAX_SOCKS);
    if (o->host == NULL)
        pd_fail("no memory");
    o->now = BEGIN;
    o->main = pthread_self();
}

void
packetdrill_interface_init(const char *flags, struct packetdrill_interface *ifc)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    struct object *o = &the_object;

    end(o); /* of the script before, if it was left in the middle */
    memset(o, 0, sizeof(*o));
    o->lock = lock;
    o->changed = changed;
    begin(o, flags);
    *ifc = (struct packetdrill_interface){
        .userdata = o,
        .free = pd_free,
        .socket = pd_socket,
        .bind = pd_bind,
        .listen = pd_listen,
        .accept = pd_accept,
        .connect = pd_connect,
        .read = pd_read,
        .readv = pd_readv,
        .recv = pd_recv,
        .recvfrom = pd_recvfrom,
        .recvmsg = pd_recvmsg,
        .write = pd_write,
        .writev = pd_writev,
        .send = pd_send,
        .sendto = pd_sendto,
        .sendmsg = pd_sendmsg,
        .fcntl = pd_fcntl,
        .ioctl = pd_ioctl,
        .close = pd_close,
        .shutdown = pd_shutdown,
        .getsockopt = pd_getsockopt,
        .setsockopt = pd_setsockopt,
        .poll = pd_poll,
        .netdev_send = pd_netdev_send,
        .netdev_receive = pd_netdev_receive,
        .usleep = pd_usleep,
        .gettimeofday = pd_gettimeofday,
        .epoll_create = pd_epoll_create,
        .epoll_ctl = pd_epoll_ctl,
        .epoll_wait = pd_epoll_wait,
        .pipe = pd_pipe,
        .splice = pd_splice,
    };
}

/* In the place of libc's, with LD_PRELOAD: our descriptors are ours, the rest is the kernel's. */
__attribute__((visibility("default"))) int
getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
    struct object *o = &the_object;
    bool ours = false;

    if (o->stack != NULL) {
        pthread_mutex_lock(&o->lock);
        ours = at(o, fd) != NULL;
        pthread_mutex_unlock(&o->lock);
    }
    if (ours)
        return pd_getsockopt(o, fd, level, name, value, len);
    return (int)syscall(SYS_getsockopt, fd, level, name, value, len);
}
