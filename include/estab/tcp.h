/* SPDX-License-Identifier: MIT */
/*
 * The user's calls of RFC 9293 §3.9.1 on one host. No call blocks: a call does what it can now,
 * and an event tells when more can be done. Connections are named by handles; a handle whose
 * connection is gone is refused with -ESTAB_EBADF, never confused with another.
 */
#ifndef ESTAB_TCP_H
#define ESTAB_TCP_H

#include "estab/addr.h"
#include "estab/api.h"
#include "estab/config.h"
#include "estab/err.h"
#include "estab/time.h"
#include "estab/trace.h"

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct estab_stack;

/* Names a connection or a listener: an index and a generation. 0 names nothing. */
typedef uint64_t estab_conn;

/* What estab_stack_events() reports. Bits stay with the event until it is taken. */
enum estab_event_bits {
    ESTAB_READABLE = 1u << 0,    /* text, or the end of the stream, can be received */
    ESTAB_WRITABLE = 1u << 1,    /* room in the send buffer: at the beginning, after a refusal */
    ESTAB_CONNECTED = 1u << 2,   /* the active OPEN has completed */
    ESTAB_ACCEPTABLE = 1u << 3,  /* listener: a connection waits for estab_accept() */
    ESTAB_PEER_CLOSED = 1u << 4, /* the peer's FIN was reached: it sends no more (MUST-12) */
    ESTAB_CLOSED = 1u << 5,      /* both sides closed in order */
    ESTAB_FAILED = 1u << 6,      /* the connection is gone; estab_status() tells the error */
    ESTAB_SOFT_ERROR = 1u << 7,  /* trouble that does not end the connection (MUST-47) */
    ESTAB_URGENT = 1u << 8,      /* the urgent pointer has moved (MUST-32) */
};

struct estab_event {
    estab_conn conn;
    void *cookie; /* as given to estab_set_cookie() */
    uint32_t bits;
};

/*
 * OPEN, active. Sends a SYN to `remote` from `local` (NULL or any address and port 0: chosen by
 * the stack, RFC 6056 for the port). The zone of `remote` is the interface by which it goes (RFC
 * 4007 §6); 0: the route's. `opts` NULL: the host's defaults. Returns 0 and the handle;
 * ESTAB_CONNECTED or ESTAB_FAILED follows as an event. Errors: EINVAL (remote is broadcast,
 * multicast, any, or port 0, MUST-46), ENETUNREACH, EADDRNOTAVAIL, EADDRINUSE, ENOBUFS, ENOMEM.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_connect(struct estab_stack *stack,
                                             const struct estab_endpoint *local,
                                             const struct estab_endpoint *remote,
                                             const struct estab_tcp_options *opts, estab_conn *conn,
                                             estab_time now);

/*
 * OPEN, passive. `local` may be any address of one family, or the family-less any address for
 * both; port 0 picks an ephemeral one. With a zone only what comes by that interface is heard. As listen(2) of Linux: at most `backlog` + 1 established
 * connections wait for estab_accept(), and `backlog` half-open ones for their third segment; beyond
 * that SYNs are answered with cookies (estab_config.syn_cookies). Errors: EADDRINUSE, EADDRNOTAVAIL, ENOBUFS, ENOMEM, EINVAL.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_listen(struct estab_stack *stack,
                                            const struct estab_endpoint *local, uint32_t backlog,
                                            const struct estab_tcp_options *opts,
                                            estab_conn *listener, estab_time now);

/* Changes the backlog of a listener; connections that wait already stay. */
ESTAB_API ESTAB_MUST_CHECK int estab_set_backlog(struct estab_stack *stack, estab_conn listener,
                                                 uint32_t backlog);

/* Takes the oldest established connection of the listener. -ESTAB_EAGAIN: none waits. */
ESTAB_API ESTAB_MUST_CHECK int estab_accept(struct estab_stack *stack, estab_conn listener,
                                            estab_conn *conn, estab_time now);

/*
 * SEND. Copies as much of `data` as the send buffer takes and returns that number; it leaves at
 * the next estab_stack_output(). -ESTAB_EAGAIN: no room, ESTAB_WRITABLE follows. -ESTAB_EPIPE after
 * estab_shutdown(); the connection's error once it has failed. In SYN-SENT the text is queued.
 */
ESTAB_API ESTAB_MUST_CHECK ptrdiff_t estab_send(struct estab_stack *stack, estab_conn conn,
                                                const void *data, size_t len, estab_time now);

/* SEND with the urgent flag: the last octet taken is the last urgent one (MUST-62). */
ESTAB_API ESTAB_MUST_CHECK ptrdiff_t estab_send_urgent(struct estab_stack *stack, estab_conn conn,
                                                       const void *data, size_t len,
                                                       estab_time now);

/*
 * RECEIVE. Copies up to `len` octets of received text. 0, now and ever after: the peer's FIN was
 * reached. -ESTAB_EAGAIN: nothing yet. -ESTAB_ECONNRESET and other errors of a failed connection
 * come after the text that had arrived before it, and only then.
 */
ESTAB_API ESTAB_MUST_CHECK ptrdiff_t estab_receive(struct estab_stack *stack, estab_conn conn,
                                                   void *buf, size_t len, estab_time now);

/*
 * The same without a copy. estab_peek() lends up to two spans of received text, estab_consume()
 * gives octets back; estab_reserve() lends up to two spans of free send buffer (at least one
 * octet, or -ESTAB_EAGAIN), estab_commit() queues what was written there. Spans live until the
 * next call on the same connection, estab_stack_input() or estab_stack_tick().
 */
struct estab_span {
    uint8_t *data;
    size_t len;
};
ESTAB_API ESTAB_MUST_CHECK ptrdiff_t estab_peek(struct estab_stack *stack, estab_conn conn,
                                                struct estab_span spans[2]);
ESTAB_API ESTAB_MUST_CHECK int estab_consume(struct estab_stack *stack, estab_conn conn, size_t len,
                                             estab_time now);
ESTAB_API ESTAB_MUST_CHECK ptrdiff_t estab_reserve(struct estab_stack *stack, estab_conn conn,
                                                   size_t want, struct estab_span spans[2]);
ESTAB_API ESTAB_MUST_CHECK int estab_commit(struct estab_stack *stack, estab_conn conn, size_t len,
                                            estab_time now);

/* CLOSE in the RFC's sense: "I have no more to send". Queued text and then a FIN are delivered;
 * receiving goes on until the peer's FIN. A second call is -ESTAB_EPIPE. While the SYN is
 * unanswered there is nothing to close in order: the attempt ends, with what was queued (RFC 9293
 * §3.10.4). */
ESTAB_API ESTAB_MUST_CHECK int estab_shutdown(struct estab_stack *stack, estab_conn conn,
                                              estab_time now);

/*
 * Gives the handle back, of a connection or a listener. The stack finishes by itself: queued text,
 * FIN, TIME-WAIT. With received text unread, or if more arrives, the peer is told by RST that it
 * was lost (RFC 9293 §3.6.1, SHLD-3). A listener's connections not yet accepted are reset.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_close(struct estab_stack *stack, estab_conn conn,
                                           estab_time now);

/* ABORT: RST to the peer, buffers dropped, the handle given back. */
ESTAB_API ESTAB_MUST_CHECK int estab_abort(struct estab_stack *stack, estab_conn conn,
                                           estab_time now);

struct estab_status {
    estab_conn conn;
    uint8_t state;  /* enum estab_state */
    bool orphan;    /* the user has given the handle back */
    int error;      /* 0, or the negative error that ended the connection */
    int soft_error; /* the last soft error, 0 if none */
    struct estab_endpoint local, remote;
    uint32_t mss; /* effective send MSS without options */
    uint32_t
        urgent_left; /* octets up to the urgent pointer not yet received by the user (MUST-33) */
    bool timestamps, sack, window_scaling; /* in use */
    bool fast_open; /* RFC 7413: the SYN's text was taken before the handshake had ended */
    uint8_t snd_wind_shift, rcv_wind_shift;
    uint32_t send_limit, receive_limit; /* what the two buffers may hold now */
    uint32_t sacked, lost; /* octets of the flight: acknowledged out of order, taken for lost */
    uint8_t recovery;      /* 0: none, 1: of a loss, 2: of a timeout */
    bool ecn, accecn;      /* agreed in the handshake (RFC 3168; RFC 9768) */
    uint64_t bytes_sent, bytes_received; /* text, once each */
    uint32_t waiting,
        backlog; /* of a listener: connections that nobody has accepted, and its limit */
    struct estab_trace_tcb tcb;
};

/* STATUS. */
ESTAB_API ESTAB_MUST_CHECK int estab_status(const struct estab_stack *stack, estab_conn conn,
                                            struct estab_status *out);

/* Options of one connection or listener, now. */
ESTAB_API ESTAB_MUST_CHECK int estab_get_options(const struct estab_stack *stack, estab_conn conn,
                                                 struct estab_tcp_options *out);
ESTAB_API ESTAB_MUST_CHECK int estab_set_options(struct estab_stack *stack, estab_conn conn,
                                                 const struct estab_tcp_options *opts,
                                                 estab_time now);

/* A pointer of the caller's that comes back with every event. */
ESTAB_API ESTAB_MUST_CHECK int estab_set_cookie(struct estab_stack *stack, estab_conn conn,
                                                void *cookie);

#ifdef __cplusplus
}
#endif

#endif
