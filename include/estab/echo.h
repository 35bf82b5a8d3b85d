/* SPDX-License-Identifier: MIT */
/*
 * Echo requests of our own (RFC 792, RFC 4443 §4.1): is somebody there, how far, how fast. An
 * endpoint has an identifier that nobody can guess and remembers its last requests; what comes back
 * is told only when it answers one of them, or is an ICMP error that quotes one. No call blocks;
 * events come with those of connections, from estab_stack_events(), and estab_set_cookie() sets
 * what comes with them: ESTAB_READABLE when something waits, ESTAB_WRITABLE when there is room
 * after a refusal.
 */
#ifndef ESTAB_ECHO_H
#define ESTAB_ECHO_H

#include "estab/addr.h"
#include "estab/api.h"
#include "estab/config.h"
#include "estab/err.h"
#include "estab/tcp.h"
#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Names an endpoint; no connection and no UDP endpoint has the same number. 0 names nothing. */
typedef estab_conn estab_echo;

/* The last requests of an endpoint that can be answered: a request forgets the one whose number is
 * so many less, or more, or a multiple. */
#define ESTAB_ECHO_REQUESTS 64

struct estab_echo_options {
    uint8_t ttl;             /* TTL or hop limit; 0: 64, and 1 to a group */
    uint8_t dscp;            /* 6 bits */
    bool dont_fragment;      /* what the link or the path cannot carry whole is refused with
                                -ESTAB_EMSGSIZE; off: sent in fragments */
    bool broadcast;          /* may send to broadcast addresses; off */
    uint8_t ifindex;         /* sends and receives there only; 0: routes decide */
    struct estab_addr local; /* an address of ours to send from; family-less: as the route asks */
    uint32_t receive_bytes_max; /* of memory for what was not received yet; 256 KiB; a power of two
                                   is used: the largest =< this */
    uint32_t receive_count_max; /* messages not received yet; 64 */
};
ESTAB_API void estab_echo_options_init(struct estab_echo_options *opts);

/*
 * Makes an endpoint for one family, ESTAB_INET or ESTAB_INET6. `opts` NULL: the defaults. Errors:
 * EAFNOSUPPORT (no family), EINVAL (an option), ENOBUFS (max_echo), ENOMEM.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_echo_open(struct estab_stack *stack, unsigned family,
                                               const struct estab_echo_options *opts,
                                               estab_echo *echo, estab_time now);
/* Gives the handle back; what was not received is gone. */
ESTAB_API ESTAB_MUST_CHECK int estab_echo_close(struct estab_stack *stack, estab_echo echo,
                                                estab_time now);
/* For the requests that follow. -ESTAB_EINVAL: a value outside what can be; -ESTAB_EBADF. */
ESTAB_API ESTAB_MUST_CHECK int estab_echo_set_options(struct estab_stack *stack, estab_echo echo,
                                                      const struct estab_echo_options *opts,
                                                      estab_time now);

/*
 * Sends a request with that number and data; 0, or an error and nothing sent: EAGAIN (the
 * interface's queue is full; ESTAB_WRITABLE follows), EBADF, EMSGSIZE (more than a packet of 65,535
 * octets holds, or dont_fragment), EINVAL (the unspecified address, broadcast without the option),
 * EAFNOSUPPORT, ENETUNREACH, EADDRNOTAVAIL.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_echo_send(struct estab_stack *stack, estab_echo echo,
                                               const struct estab_addr *to, uint16_t seq,
                                               const void *data, size_t len, estab_time now);

enum estab_echo_kind {
    ESTAB_ECHO_REPLY = 0,
    ESTAB_ECHO_ERROR = 1, /* an ICMP error about a request */
};

struct estab_echo_message {
    uint8_t kind;            /* enum estab_echo_kind */
    uint8_t ttl, dscp, ecn;  /* as received */
    uint16_t seq;            /* of the request */
    struct estab_addr from;  /* who answered, or the router or host that says why nobody does */
    struct estab_addr to;    /* where the request went */
    struct estab_addr local; /* the address of ours to which the message came */
    unsigned ifindex;        /* where it came in */
    estab_time sent_at, received_at;
    bool duplicate; /* a reply to the request has come before */
    /* REPLY */
    bool altered; /* its data is not that of the request (RFC 1122 §3.2.2.6) */
    uint32_t len; /* octets of its data, also when `buf` was smaller */
    /* ERROR */
    int error;                    /* a negative error */
    uint8_t icmp_type, icmp_code; /* as they came, of the endpoint's family */
    uint32_t mtu;                 /* EMSGSIZE: what the path carries; 0: the router did not say */
};

/*
 * Takes the oldest message; returns the octets of data copied to `buf`, at most `len`; the rest is
 * gone. -ESTAB_EAGAIN: none; -ESTAB_EBADF.
 */
ESTAB_API ESTAB_MUST_CHECK ptrdiff_t estab_echo_receive(struct estab_stack *stack, estab_echo echo,
                                                        struct estab_echo_message *out, void *buf,
                                                        size_t len, estab_time now);

struct estab_echo_status {
    estab_echo echo;
    uint8_t family;
    uint16_t id;              /* the identifier of its requests */
    uint32_t waiting;         /* messages not received yet */
    uint32_t ring;            /* octets of memory behind them */
    uint64_t sent;            /* requests */
    uint64_t replies, errors; /* put into the queue */
    uint64_t dropped;         /* that found it full */
};
ESTAB_API ESTAB_MUST_CHECK int estab_echo_status(const struct estab_stack *stack, estab_echo echo,
                                                 struct estab_echo_status *out);
/* Walks all endpoints: start with *cursor = 0; false: no more. */
ESTAB_API bool estab_echo_next(const struct estab_stack *stack, uint64_t *cursor,
                               struct estab_echo_status *out);

#ifdef __cplusplus
}
#endif

#endif
