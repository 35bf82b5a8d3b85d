/* SPDX-License-Identifier: MIT */
/*
 * UDP (RFC 768) on one host. An endpoint is bound to a port and sends and receives whole datagrams.
 * No call blocks; events come with those of connections, from estab_stack_events(), and
 * estab_set_cookie() sets what comes with them: ESTAB_READABLE when a datagram waits, ESTAB_WRITABLE
 * when there is room after a refusal, ESTAB_SOFT_ERROR when estab_udp_error() has news.
 */
#ifndef ESTAB_UDP_H
#define ESTAB_UDP_H

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

/* Names an endpoint; no connection has the same number. 0 names nothing. */
typedef estab_conn estab_udp;

#define ESTAB_UDP_GROUPS_MAX 8 /* multicast groups of one endpoint */

/*
 * Binds an endpoint of one family. `local` is an address of ours, a multicast group or the
 * family's any address; port 0: one that nobody can guess (RFC 6056 §3.3.2). `opts` NULL: the
 * host's defaults. A port with any address and the same port with one address may be two endpoints:
 * the nearer match gets a datagram. Errors: EAFNOSUPPORT (no family), EINVAL (an option), EADDRNOTAVAIL,
 * EADDRINUSE, ENOBUFS (max_udp), ENOMEM.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_udp_open(struct estab_stack *stack,
                                              const struct estab_endpoint *local,
                                              const struct estab_udp_options *opts, estab_udp *udp,
                                              estab_time now);

/* Gives the handle back; datagrams not received are gone. */
ESTAB_API ESTAB_MUST_CHECK int estab_udp_close(struct estab_stack *stack, estab_udp udp,
                                               estab_time now);

/*
 * From now on datagrams go to, and are taken from, `remote` only, and ICMP errors about it are told
 * by the next call. NULL: to and from anybody again. The local address becomes what the route
 * asks for. Errors: EBADF, EAFNOSUPPORT, EINVAL (port 0, the unspecified address), ENETUNREACH,
 * EADDRNOTAVAIL, EADDRINUSE (both ends are taken), ENOMEM.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_udp_connect(struct estab_stack *stack, estab_udp udp,
                                                 const struct estab_endpoint *remote,
                                                 estab_time now);

/* What stands beside a datagram's octets. */
struct estab_udp_message {
    struct estab_endpoint
        remote;              /* where it came from, or goes to; family-less: the connected one */
    struct estab_addr local; /* the address it came to, or leaves from; family-less: our choice */
    unsigned ifindex;        /* where it came in; sending: 0, or the interface to use */
    uint8_t ttl, dscp, ecn;  /* as received; sending uses the options */
    bool multicast;          /* came to a group or a broadcast address */
    uint32_t len;            /* octets of the whole datagram, also when `buf` was smaller */
};

/*
 * Sends one datagram, whole, or nothing. `to` NULL: to the connected remote. Returns `len`.
 * Errors: EAGAIN (the interface's queue is full; ESTAB_WRITABLE follows), EBADF, ENOTCONN (nowhere to
 * send to), EMSGSIZE (more than UDP can carry, or dont_fragment), EINVAL (broadcast without the
 * option, port 0), EAFNOSUPPORT, ENETUNREACH, EADDRNOTAVAIL; on a connected endpoint once the
 * error that an ICMP message has told, nothing being sent then.
 */
ESTAB_API ESTAB_MUST_CHECK ptrdiff_t estab_udp_send(struct estab_stack *stack, estab_udp udp,
                                                    const struct estab_udp_message *to,
                                                    const void *data, size_t len, estab_time now);

/*
 * Takes the oldest datagram; returns the octets copied to `buf`, at most `len`; the rest of the
 * datagram is gone (`from->len` tells). `from` may be NULL. -ESTAB_EAGAIN: none; -ESTAB_EBADF; on a connected
 * endpoint once the error that an ICMP message has told.
 */
ESTAB_API ESTAB_MUST_CHECK ptrdiff_t estab_udp_receive(struct estab_stack *stack, estab_udp udp,
                                                       struct estab_udp_message *from, void *buf,
                                                       size_t len, estab_time now);

/* The latest ICMP error about a datagram that this endpoint has sent (RFC 1122 §4.1.3.3). */
struct estab_udp_error {
    int error;                    /* a negative error */
    uint8_t icmp_type, icmp_code; /* as they came, of the endpoint's family */
    uint32_t mtu;                 /* EMSGSIZE: what the path carries */
    struct estab_endpoint remote; /* where that datagram went to */
};
/* Takes it; -ESTAB_EAGAIN: there is none. */
ESTAB_API ESTAB_MUST_CHECK int estab_udp_error(struct estab_stack *stack, estab_udp udp,
                                               struct estab_udp_error *out);

/* Receives what is sent to `group` on that interface (0: that of the route to it). Errors: EINVAL (no group),
 * EAFNOSUPPORT, ENETUNREACH, EADDRINUSE (joined already), EADDRNOTAVAIL (leave: not joined), ENOBUFS. */
ESTAB_API ESTAB_MUST_CHECK int estab_udp_join(struct estab_stack *stack, estab_udp udp,
                                              unsigned ifindex, const struct estab_addr *group,
                                              estab_time now);
ESTAB_API ESTAB_MUST_CHECK int estab_udp_leave(struct estab_stack *stack, estab_udp udp,
                                               unsigned ifindex, const struct estab_addr *group,
                                               estab_time now);

struct estab_udp_status {
    estab_udp udp;
    struct estab_endpoint local, remote; /* remote: family-less if not connected */
    uint32_t waiting;                    /* datagrams not received yet */
    uint32_t waiting_bytes;              /* and their octets */
    uint32_t ring;                       /* octets of memory behind them */
    uint64_t received, sent;             /* datagrams */
    uint64_t dropped;                    /* that found the queue full */
};
ESTAB_API ESTAB_MUST_CHECK int estab_udp_status(const struct estab_stack *stack, estab_udp udp,
                                                struct estab_udp_status *out);

/* Walks all endpoints: start with *cursor = 0; false: no more. */
ESTAB_API bool estab_udp_next(const struct estab_stack *stack, uint64_t *cursor,
                              struct estab_udp_status *out);

ESTAB_API ESTAB_MUST_CHECK int estab_udp_get_options(const struct estab_stack *stack, estab_udp udp,
                                                     struct estab_udp_options *out);
/* -ESTAB_EINVAL: a value outside what can be. A smaller limit drops nothing that waits. */
ESTAB_API ESTAB_MUST_CHECK int estab_udp_set_options(struct estab_stack *stack, estab_udp udp,
                                                     const struct estab_udp_options *opts,
                                                     estab_time now);

#ifdef __cplusplus
}
#endif

#endif
