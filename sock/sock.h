/* SPDX-License-Identifier: MIT */
/*
 * BSD sockets over a stack, with the semantics and the errno values of Linux (socket(7), tcp(7),
 * connect(2), ...). A socket here is what an open file description is there: it belongs to no
 * process, no thread and no number; who has descriptors counts references, one for each.
 *
 * Nothing here blocks, starts a thread or opens a file. Calls return a result >= 0, a negative
 * errno, or ESTAB_SOCK_BLOCKED where a blocking socket would sleep: then `call` says what to wait
 * for, and the same call with the same arguments and the same `call` goes on where it stopped.
 * SIGPIPE is the caller's to raise: -EPIPE without MSG_NOSIGNAL.
 *
 * One host belongs to one thread at a time, like its stack. The host takes the stack's events:
 * nobody else may call estab_stack_events().
 */
#ifndef ESTAB_SOCK_SOCK_H
#define ESTAB_SOCK_SOCK_H

#include "estab/estab.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct estab_sock_host;
struct estab_sock;
struct estab_epoll;

/* Below every -errno. */
#define ESTAB_SOCK_BLOCKED (-100000)

/* The state of one call that may block; zero it before the first attempt. After
 * ESTAB_SOCK_BLOCKED: try again when estab_sock_poll() has one of `wake`, or at `until`. */
struct estab_sock_call {
    uint32_t wake;
    bool started;
    estab_time until; /* ESTAB_NEVER: no time limit */
    size_t done;      /* octets moved so far */
};

/* ---- the host ---- */

/* `cfg` is what the stack was made with: its TCP options, ports and secret are used. limit:
 * `max_socks` sockets, beyond it -ENFILE. NULL: no memory. */
struct estab_sock_host *estab_sock_host_new(struct estab_stack *stack,
                                            const struct estab_config *cfg, uint32_t max_socks);
/* Frees all sockets, without a word to anybody. */
void estab_sock_host_free(struct estab_sock_host *host);
/* Takes the stack's events; call it after estab_stack_input() and estab_stack_tick(). */
void estab_sock_host_run(struct estab_sock_host *host, estab_time now);
/* The next socket about which something has changed since it was last told; NULL: no more. */
struct estab_sock *estab_sock_host_changed(struct estab_sock_host *host);
/* What new sockets get. */
void estab_sock_host_defaults(struct estab_sock_host *host, const struct estab_tcp_options *opt);

/* The errno of an enum estab_err, given positive or negative; 0 of 0. */
int estab_errno(int err);

/* ---- sockets ---- */

/* `type` may carry SOCK_NONBLOCK; SOCK_CLOEXEC belongs to the descriptor and is ignored. The new
 * socket has one reference. */
int estab_sock_open(struct estab_sock_host *host, int domain, int type, int protocol,
                    struct estab_sock **out);
/* One more descriptor for it: dup(2), fork(2). */
void estab_sock_ref(struct estab_sock *s);
/* close(2) of one descriptor; the last one closes the connection, and only that may be
 * ESTAB_SOCK_BLOCKED (SO_LINGER). After anything else the reference is gone. */
int estab_sock_close(struct estab_sock *s, struct estab_sock_call *call, estab_time now);
/* A pointer of the caller's. */
void estab_sock_set_user(struct estab_sock *s, void *user);
void *estab_sock_user(const struct estab_sock *s);

int estab_sock_bind(struct estab_sock *s, const struct sockaddr *addr, socklen_t len);
int estab_sock_listen(struct estab_sock *s, int backlog, estab_time now);
/* `flags`: SOCK_NONBLOCK for the new socket. addr may be NULL. */
int estab_sock_accept(struct estab_sock *s, struct sockaddr *addr, socklen_t *len, int flags,
                      struct estab_sock **out, struct estab_sock_call *call, estab_time now);
int estab_sock_connect(struct estab_sock *s, const struct sockaddr *addr, socklen_t len,
                       struct estab_sock_call *call, estab_time now);
int estab_sock_shutdown(struct estab_sock *s, int how, estab_time now);
int estab_sock_name(struct estab_sock *s, struct sockaddr *addr, socklen_t *len);
int estab_sock_peer(struct estab_sock *s, struct sockaddr *addr, socklen_t *len);

/* recv(2) and its kin. readv and writev are these with flags 0. */
ptrdiff_t estab_sock_recvmsg(struct estab_sock *s, struct msghdr *msg, int flags,
                             struct estab_sock_call *call, estab_time now);
ptrdiff_t estab_sock_sendmsg(struct estab_sock *s, const struct msghdr *msg, int flags,
                             struct estab_sock_call *call, estab_time now);
ptrdiff_t estab_sock_recv(struct estab_sock *s, void *buf, size_t len, int flags,
                          struct estab_sock_call *call, estab_time now);
ptrdiff_t estab_sock_send(struct estab_sock *s, const void *buf, size_t len, int flags,
                          struct estab_sock_call *call, estab_time now);

int estab_sock_getsockopt(struct estab_sock *s, int level, int name, void *value, socklen_t *len,
                          estab_time now);
int estab_sock_setsockopt(struct estab_sock *s, int level, int name, const void *value,
                          socklen_t len, estab_time now);
/* FIONREAD, SIOCINQ, SIOCOUTQ, SIOCOUTQNSD, SIOCATMARK, FIONBIO; else -ENOTTY. */
int estab_sock_ioctl(struct estab_sock *s, unsigned request, int *value, estab_time now);
/* F_GETFL and F_SETFL (O_NONBLOCK); what concerns the descriptor is the caller's: -EINVAL. */
int estab_sock_fcntl(struct estab_sock *s, int cmd, int arg);

/* ---- readiness ---- */

/* What poll(2) would report of: POLLIN POLLRDNORM POLLOUT POLLWRNORM POLLPRI POLLRDHUP POLLHUP
 * POLLERR. */
uint32_t estab_sock_poll(struct estab_sock *s, estab_time now);

/* An interest list of epoll(7): level, EPOLLET, EPOLLONESHOT. `key` tells descriptors of the same
 * socket apart. */
struct estab_epoll_event {
    uint32_t events;
    uint64_t data;
};
struct estab_epoll *estab_epoll_new(struct estab_sock_host *host);
void estab_epoll_free(struct estab_epoll *ep);
int estab_epoll_add(struct estab_epoll *ep, struct estab_sock *s, int key, uint32_t events,
                    uint64_t data, estab_time now);
int estab_epoll_mod(struct estab_epoll *ep, struct estab_sock *s, int key, uint32_t events,
                    uint64_t data, estab_time now);
int estab_epoll_del(struct estab_epoll *ep, struct estab_sock *s, int key);
/* Up to `n` events, 0 if none is ready now. */
int estab_epoll_take(struct estab_epoll *ep, struct estab_epoll_event *events, int n,
                     estab_time now);
/* Is any ready? */
bool estab_epoll_ready(struct estab_epoll *ep, estab_time now);

#endif
