/* SPDX-License-Identifier: MIT */
/*
 * One host: interfaces, addresses and routes, and the five calls that a driver needs: input,
 * output, deadline, tick, events. One stack belongs to one thread at a time; two stacks share
 * nothing. Nothing here blocks, reads a clock or calls back, but for the trace sink.
 */
#ifndef ESTAB_STACK_H
#define ESTAB_STACK_H

#include "estab/addr.h"
#include "estab/api.h"
#include "estab/config.h"
#include "estab/tcp.h"
#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a host. NULL when the secret is all zero, the allocator is missing or gives nothing, or a
 * setting is out of range. The configuration is copied. */
ESTAB_API struct estab_stack *estab_stack_new(const struct estab_config *cfg);

/* Ends a host without sending anything; every octet goes back to the allocator. */
ESTAB_API void estab_stack_free(struct estab_stack *stack);

/* Ends every connection before estab_stack_free(): RST now, or FIN and then wait for the deadline. */
enum estab_shutdown_how { ESTAB_SHUTDOWN_RST, ESTAB_SHUTDOWN_FIN };
ESTAB_API void estab_stack_shutdown(struct estab_stack *stack, enum estab_shutdown_how how,
                                    estab_time now);

/* A link of raw IP packets. */
struct estab_link {
    uint32_t mtu;       /* octets of the largest IP packet; at least 68, with IPv6 at least 1280 */
    bool csum_verified; /* checksums of arriving packets were verified by the link */
};

/* Adds an interface; its number, from 1, or a negative error. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_add_interface(struct estab_stack *stack,
                                                         const struct estab_link *link);
/* Gives the interface an address; the prefix becomes an on-link route. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_add_address(struct estab_stack *stack, unsigned ifindex,
                                                       const struct estab_addr *addr,
                                                       unsigned prefix_len);
/* Adds a route; prefix_len 0 is the default route of that family. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_add_route(struct estab_stack *stack, unsigned ifindex,
                                                     const struct estab_addr *prefix,
                                                     unsigned prefix_len);

/* Is it an address of this host? 127/8 and ::1 always are. */
ESTAB_API bool estab_stack_is_local(const struct estab_stack *stack, const struct estab_addr *addr);

/* A packet in memory lent by the caller. */
struct estab_frame {
    uint8_t *data;
    uint32_t len; /* octets that are there; output sets it */
    uint32_t cap; /* output: room at `data`, at least the interface's MTU */
};

/* Packets that arrived on an interface. They are only read, and only during the call. */
ESTAB_API void estab_stack_input(struct estab_stack *stack, unsigned ifindex,
                                 const struct estab_frame *frames, size_t n, estab_time now);

/* Fills up to `n` frames with what the interface has to send and returns how many; call again
 * until it is less than `n`. A packet handed out counts as sent: dropping it is loss. */
ESTAB_API ESTAB_MUST_CHECK size_t estab_stack_output(struct estab_stack *stack, unsigned ifindex,
                                                     struct estab_frame *frames, size_t n,
                                                     estab_time now);

/* When estab_stack_tick() must be called at the latest; ESTAB_NEVER: no need. */
ESTAB_API estab_time estab_stack_deadline(const struct estab_stack *stack);
ESTAB_API void estab_stack_tick(struct estab_stack *stack, estab_time now);

/* Takes up to `n` events. Each connection is reported once, with all its bits. */
ESTAB_API ESTAB_MUST_CHECK size_t estab_stack_events(struct estab_stack *stack,
                                                     struct estab_event *events, size_t n);

/* The settings as they are now; the secret comes out as zeros. */
ESTAB_API void estab_stack_get_config(const struct estab_stack *stack, struct estab_config *out);

/*
 * Changes settings of a running host to those of `cfg`: connections that have no options of their
 * own follow at once, timers that run end as they were set. Left as they are: secret, alloc, trace,
 * host, msl, timestamp_tick, the settings of Fast Open, memory_budget, and of the limits all but
 * max_orphans, the ports and the two rates. -ESTAB_EINVAL: a value is out of range; nothing
 * was changed then.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_set_config(struct estab_stack *stack,
                                                      const struct estab_config *cfg,
                                                      estab_time now);

/* What the host holds and has done. */
struct estab_stack_status {
    uint32_t listeners, connections, half_open, time_wait, orphans;
    uint32_t udp;          /* endpoints */
    uint32_t reassemblies; /* datagrams of which fragments are held */
    uint32_t timers;       /* armed */
    uint32_t ports;        /* ephemeral ports not free yet, those listened on, those of UDP */
    uint64_t record_bytes; /* in records lent now */
    uint64_t ring_bytes;   /* in buffers lent now */
    uint64_t bytes_taken;  /* from the allocator now */
    uint64_t bytes_peak;
    uint64_t packets_in, packets_out;
    uint64_t replies_dropped;     /* answers for which the queue was full (128 KiB an interface) */
    uint64_t reassemblies_failed; /* datagrams given up: time, an overlap, a limit */
    uint64_t verdicts[ESTAB_VERDICT_COUNT];
    uint64_t reasons[ESTAB_REASON_COUNT];
    uint64_t recoveries[ESTAB_RECOVERY_COUNT];
};
ESTAB_API void estab_stack_status(const struct estab_stack *stack, struct estab_stack_status *out);

/* Walks all connections, half-open and TIME-WAIT records and listeners: start with *cursor = 0;
 * false: no more. */
ESTAB_API bool estab_stack_next(const struct estab_stack *stack, uint64_t *cursor,
                                struct estab_status *out);

#ifdef __cplusplus
}
#endif

#endif
