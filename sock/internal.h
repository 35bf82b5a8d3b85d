/* SPDX-License-Identifier: MIT */
/* What the files of sock/ share: the host, the socket and the names of Linux's states. */
#ifndef SOCK_INTERNAL_H
#define SOCK_INTERNAL_H

#include "base/siphash.h"
#include "sock/sock.h"

#include <errno.h>
#include <netinet/in.h>

/* The states as tcp_info and the proc files number them. */
enum linux_state {
    LINUX_ESTABLISHED = 1,
    LINUX_SYN_SENT,
    LINUX_SYN_RECV,
    LINUX_FIN_WAIT1,
    LINUX_FIN_WAIT2,
    LINUX_TIME_WAIT,
    LINUX_CLOSE,
    LINUX_CLOSE_WAIT,
    LINUX_LAST_ACK,
    LINUX_LISTEN,
    LINUX_CLOSING,
};

/* How far connect() has come, as the caller sees it: it follows the connection only at the next
 * call, which is why a second connect() returns 0 once. */
enum phase { UNCONNECTED, CONNECTING, CONNECTED };

enum oob_state {
    OOB_NONE,
    OOB_AHEAD, /* the pointer is known, the octet is not here */
    OOB_HERE,  /* and can be taken by MSG_OOB */
    OOB_TAKEN, /* it has been; its place in the stream is still ahead */
};

enum target_kind { TARGET_SOCK, TARGET_LISTENER };

/* What a cookie of the stack's events points to. */
struct target {
    uint8_t kind;
};

/* A listener of the stack and the sockets that share it: more than one with SO_REUSEPORT. */
struct shared_listener {
    struct target target; /* first */
    estab_conn conn;
    uint32_t users;
    struct shared_listener *next, *prev;
};

struct epoll_item;

struct estab_sock {
    struct target target; /* first */
    struct estab_sock_host *host;
    struct estab_sock *next, *prev;
    struct estab_sock *next_changed;
    struct epoll_item *items;
    void *user;
    uint32_t refs;
    uint8_t phase; /* enum phase */
    bool ipv6 : 1; /* AF_INET6 */
    bool nonblock : 1;
    bool bound : 1; /* bind(), connect() or listen() has given it a port */
    bool bound_by_user : 1;
    bool addr_by_user : 1;
    bool changed : 1;
    bool dead : 1;         /* no references: only SO_LINGER keeps it */
    bool watches_room : 1; /* told not writable: tell when it is */
    bool over : 1;         /* the connection has ended, its end has been noted */
    bool fin_seen : 1;     /* the peer's FIN was reached */
    bool rcv_shut : 1, snd_shut : 1;
    bool reuse_addr : 1, reuse_port : 1, v6only : 1, oob_inline : 1, linger : 1;
    bool broadcast : 1, dont_route : 1;
    bool corked : 1; /* TCP_CORK, as against MSG_MORE */
    uint8_t oob;     /* enum oob_state */
    uint8_t oob_octet;
    int error; /* SO_ERROR: a positive errno, told once */
    struct shared_listener *listener;
    estab_conn conn;
    struct estab_endpoint local, remote; /* family 0: any address of both families */
    struct estab_tcp_options opt;
    uint64_t consumed; /* octets the user has taken out of the stream */
    uint64_t oob_end;  /* position in the stream behind the urgent octet */
    uint32_t linger_seconds;
    uint32_t rcvbuf, sndbuf; /* as getsockopt() tells them */
    uint32_t backlog;
    int32_t rcvlowat;
    int32_t priority;
    int32_t user_timeout_ms;
    int32_t fast_open_queue; /* TCP_FASTOPEN of a listener; 0: off */
    uint8_t tos;
    estab_time rcvtimeo, sndtimeo; /* ESTAB_NEVER: none */
    struct estab_status status;    /* of the last look */
};

struct estab_sock_host {
    struct estab_stack *stack;
    struct estab_tcp_options defaults;
    struct siphash_key key_port;
    uint32_t port_min, port_max, port_perturb;
    uint32_t socks, max_socks;
    struct estab_sock *all;
    struct shared_listener *listeners;
    struct estab_sock *first_changed, *last_changed;
    uint32_t watching; /* sockets with watches_room */
    estab_time now;
};

/* For calls on handles that are known to be good, where a refusal would change nothing. */
static inline void
no_matter(int err)
{
    (void)err;
}

/* host.c */
struct estab_sock *estab_sock_new(struct estab_sock_host *host, bool ipv6);
void estab_sock_free(struct estab_sock *s);
void estab_sock_note_change(struct estab_sock *s);
/* Brings the socket up to date with its connection. */
void estab_sock_look(struct estab_sock *s, estab_time now);
enum linux_state estab_sock_state(const struct estab_sock *s);
/* Is the handshake still to be waited for? Not after a Fast Open that we have accepted. */
bool estab_sock_is_opening(const struct estab_sock *s);
/* The pending error, once: a negative errno, or 0. */
int estab_sock_take_error(struct estab_sock *s);
/* True: the caller must wait, `call` is filled. False: non-blocking, or the time is over. */
bool estab_sock_must_wait(const struct estab_sock *s, struct estab_sock_call *call, uint32_t wake,
                          bool dont_wait, estab_time timeout, estab_time now);
/* The connection's or listener's options are as `opt` says. */
int estab_sock_apply_options(struct estab_sock *s, estab_time now);

/* bind.c */
int estab_sock_autobind(struct estab_sock *s);
void estab_sock_unlisten(struct estab_sock *s, estab_time now);
/* Gives the connection back, or resets it, and forgets it. */
void estab_sock_drop_conn(struct estab_sock *s, bool reset, estab_time now);

/* addr.c */
/* 0 or a negative errno. A v4-mapped address becomes IPv4. */
int estab_sock_from_sockaddr(const struct estab_sock *s, const struct sockaddr *addr, socklen_t len,
                             struct estab_endpoint *out);
void estab_sock_to_sockaddr(const struct estab_sock *s, const struct estab_endpoint *e,
                            struct sockaddr *addr, socklen_t *len);

/* transfer.c */
void estab_sock_look_for_urgent(struct estab_sock *s);

/* poll.c */
void estab_epoll_wake(struct estab_sock *s, uint32_t bits);
void estab_epoll_forget(struct estab_sock *s);

#endif
