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

enum estab_link_kind {
    ESTAB_LINK_IP = 0,       /* raw IP packets, as of a TUN device */
    ESTAB_LINK_ETHERNET = 1, /* frames without their check sequence; ARP and neighbour discovery */
};

/*
 * What a link does in the host's place; all zero: nothing, and every checksum is made and looked at
 * here. A link is believed, so it must say only what it does: whoever vouches for checksums that
 * nobody has verified lets broken text in.
 */
struct estab_offload {
    bool csum_in;  /* `flags` of frames that arrive are looked at; else they are not */
    bool csum_out; /* frames may leave with ESTAB_FRAME_CSUM_PARTIAL */
    /* Octets of the largest TCP packet that it cuts into segments itself. 0: the MTU; nothing else
     * is taken yet. */
    uint32_t largest_out;
};

struct estab_link {
    uint32_t mtu;       /* octets of the largest IP packet; at least 68, with IPv6 at least 1280 */
    bool csum_verified; /* checksums of arriving packets were verified by the link */
    uint8_t kind;       /* enum estab_link_kind */
    /* Ethernet */
    uint8_t mac[6];
    uint16_t vlan; /* 1..4094: every frame has this tag (IEEE 802.1Q); 0: none has one */
    bool autoconf; /* IPv6: a link-local address, and what routers advertise (RFC 4862, RFC 7217) */
    bool temporary; /* with it: temporary addresses too, preferred as sources (RFC 8981) */
    struct estab_offload offload;
};

/* A hardware address for the interface of that name, as any virtual machine's: locally administered,
 * always the same of a secret, and telling nothing of it. */
ESTAB_API void estab_link_make_mac(uint8_t mac[6], const uint8_t secret[32], const char *name);

/* What stands in front of an IP packet in a frame, at most; a driver's frames have room for it. */
#define ESTAB_LINK_HEADER_MAX 18

/* Adds an interface; its number, from 1, or a negative error. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_add_interface(struct estab_stack *stack,
                                                         const struct estab_link *link);

/* An interface as it is now, and what has gone over it. */
struct estab_link_info {
    unsigned ifindex; /* 0: the loopback, which every host has */
    struct estab_link link;
    uint32_t mtu6; /* octets of the largest IPv6 packet: a router may have lowered it */
    uint64_t packets_in, packets_out; /* on Ethernet: frames, of whatever kind */
    uint64_t octets_in, octets_out;   /* of them, with their link headers */
    uint32_t queued;                  /* octets of packets of no connection that wait to be sent */
};
/* Walks the interfaces: start with *cursor = 0; false: no more. */
ESTAB_API bool estab_stack_next_link(const struct estab_stack *stack, uint64_t *cursor,
                                     struct estab_link_info *out);

/* Gives the interface an address; the prefix becomes an on-link route. On Ethernet it is used at
 * once, announced, and defended: whoever calls this knows that nobody else has it. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_add_address(struct estab_stack *stack, unsigned ifindex,
                                                       const struct estab_addr *addr,
                                                       unsigned prefix_len);
/* The same, but on Ethernet the link is asked first (RFC 5227 §2.1, RFC 4862 §5.4), which takes up
 * to 7 s (IPv4; `arp_probe_time`) or 2 s (IPv6); until then the address is ADDRESS_TENTATIVE and nobody can use it. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_assign_address(struct estab_stack *stack,
                                                          unsigned ifindex,
                                                          const struct estab_addr *addr,
                                                          unsigned prefix_len, estab_time now);
/* Takes an address away, with its route. Connections that use it stay, and starve. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_remove_address(struct estab_stack *stack,
                                                          unsigned ifindex,
                                                          const struct estab_addr *addr,
                                                          estab_time now);

enum estab_address_state {
    ESTAB_ADDRESS_PREFERRED = 0,
    ESTAB_ADDRESS_DEPRECATED = 1, /* works, but new connections use another if there is one */
    ESTAB_ADDRESS_TENTATIVE = 2,  /* being probed: not ours yet */
    ESTAB_ADDRESS_DUPLICATE = 3,  /* somebody else has it: never ours */
};
struct estab_address_info {
    struct estab_addr addr;
    unsigned prefix_len, ifindex;
    uint8_t state;            /* enum estab_address_state */
    bool autoconf, temporary; /* RFC 4862, RFC 8981 */
    estab_time preferred_until, valid_until;
};
/* Walks all addresses: start with *cursor = 0; false: no more. */
ESTAB_API bool estab_stack_next_address(const struct estab_stack *stack, uint64_t *cursor,
                                        struct estab_address_info *out);

/* Lowers the MTU of an interface, or raises it again up to what it was added with: what a DHCP server
 * says (RFC 2132 §5.1). Connections that are there keep theirs, and frames have room for what it was
 * added with. -ESTAB_EINVAL: less than 68, or more than that; -ESTAB_EMSGSIZE: less than 1280, and
 * there is IPv6. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_set_mtu(struct estab_stack *stack, unsigned ifindex,
                                                   uint32_t mtu);

/* Name servers and search domains that routers have advertised on Ethernets with `autoconf` (RFC
 * 8106), 8 of each on an interface, the best first. A link-local server has that interface as its zone. */
struct estab_name_server_info {
    struct estab_addr addr;
    unsigned ifindex;
    estab_time valid_until;
};
struct estab_search_domain_info {
    char text[64]; /* letters, digits, '-', '_' and '.' only */
    unsigned ifindex;
    estab_time valid_until;
};
/* Walk them: start with *cursor = 0; false: no more. */
ESTAB_API bool estab_stack_next_name_server(const struct estab_stack *stack, uint64_t *cursor,
                                            struct estab_name_server_info *out);
ESTAB_API bool estab_stack_next_search_domain(const struct estab_stack *stack, uint64_t *cursor,
                                              struct estab_search_domain_info *out);

/* Adds a route; prefix_len 0 is the default route of that family. What it covers is taken to be on
 * the link itself; on Ethernet most routes want a gateway instead. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_add_route(struct estab_stack *stack, unsigned ifindex,
                                                     const struct estab_addr *prefix,
                                                     unsigned prefix_len);

/* The same through a gateway, which is on the link. A route to the same prefix by the same gateway
 * is replaced. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_add_gateway(struct estab_stack *stack, unsigned ifindex,
                                                       const struct estab_addr *prefix,
                                                       unsigned prefix_len,
                                                       const struct estab_addr *gateway);
/* Takes a route away; gateway NULL: one without. -ESTAB_ENETUNREACH: there is none. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_remove_route(struct estab_stack *stack, unsigned ifindex,
                                                        const struct estab_addr *prefix,
                                                        unsigned prefix_len,
                                                        const struct estab_addr *gateway);

/* The largest packets of a route that is there, when that is less than its link takes; 0: the link's
 * again. The MSS offered to whoever is reached that way is made of it, and a path's MTU begins there
 * (RFC 9293 §3.7.1). Connections that are there keep theirs. -ESTAB_ENETUNREACH: no such route;
 * -ESTAB_EINVAL: less than 68, or than 1280 for IPv6, or more than the link takes. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_set_route_mtu(
    struct estab_stack *stack, unsigned ifindex, const struct estab_addr *prefix,
    unsigned prefix_len, const struct estab_addr *gateway, uint32_t mtu);

enum estab_route_origin {
    ESTAB_ROUTE_USER = 0,     /* the user's word */
    ESTAB_ROUTE_ADDRESS = 1,  /* the network of an address */
    ESTAB_ROUTE_ROUTER = 2,   /* advertised (RFC 4861 §6.3.4) */
    ESTAB_ROUTE_REDIRECT = 3, /* RFC 4861 §8.3 */
};
struct estab_route_info {
    struct estab_addr prefix; /* zero behind its length */
    unsigned prefix_len, ifindex;
    struct estab_addr gateway; /* family-less: what it covers is on the link */
    uint8_t origin;            /* enum estab_route_origin */
    int8_t preference;         /* of a router: -1, 0, 1 (RFC 4191 §2.1) */
    uint32_t mtu;              /* its own; 0: the link's */
    uint32_t doubts;           /* how often nobody answered that way; the least doubted is used */
    estab_time until;          /* of what was advertised; ESTAB_NEVER: for good */
};
/* Walks the routes in the order in which they are tried, the longest prefix first: start with
 * *cursor = 0; false: no more. */
ESTAB_API bool estab_stack_next_route(const struct estab_stack *stack, uint64_t *cursor,
                                      struct estab_route_info *out);

/* Who has an address on an Ethernet link, for good: nothing heard there changes it. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_set_neighbour(struct estab_stack *stack,
                                                         unsigned ifindex,
                                                         const struct estab_addr *addr,
                                                         const uint8_t mac[6], estab_time now);
/* RFC 4861 §7.3.2, for IPv4 too. */
enum estab_neighbour_state {
    ESTAB_NEIGHBOUR_INCOMPLETE = 1,
    ESTAB_NEIGHBOUR_FAILED = 2, /* nobody answered; asked again after a second */
    ESTAB_NEIGHBOUR_REACHABLE = 3,
    ESTAB_NEIGHBOUR_STALE = 4,
    ESTAB_NEIGHBOUR_DELAY = 5,
    ESTAB_NEIGHBOUR_PROBE = 6,
};
struct estab_neighbour_info {
    struct estab_addr addr;
    unsigned ifindex;
    uint8_t state; /* enum estab_neighbour_state */
    uint8_t mac[6];
    bool router, fixed;
    estab_time confirmed_at; /* the last proof that it was there; ESTAB_NEVER: none yet */
};
/* Walks the neighbour cache: start with *cursor = 0; false: no more. */
ESTAB_API bool estab_stack_next_neighbour(const struct estab_stack *stack, uint64_t *cursor,
                                          struct estab_neighbour_info *out);

/* Listens to a multicast group on an Ethernet interface, and tells routers (RFC 3376, RFC 3810).
 * Counted: as many leaves as joins. */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_join_group(struct estab_stack *stack, unsigned ifindex,
                                                      const struct estab_addr *group,
                                                      estab_time now);
ESTAB_API ESTAB_MUST_CHECK int estab_stack_leave_group(struct estab_stack *stack, unsigned ifindex,
                                                       const struct estab_addr *group,
                                                       estab_time now);

/* Is it an address of this host? 127/8 and ::1 always are. */
ESTAB_API bool estab_stack_is_local(const struct estab_stack *stack, const struct estab_addr *addr);

/* Of a frame on a link with the offload. Those of one packet exclude each other. */
enum {
    /* in: the checksum of TCP or UDP was verified. Headers are looked at all the same, and the
     * checksum of what comes in fragments is too. */
    ESTAB_FRAME_CSUM_VERIFIED = 1,
    /* The checksum field of TCP or UDP holds the sum of the pseudo-header alone, not complemented;
     * what is missing is that from `csum_start` to the end of the IP packet, and stands `csum_offset`
     * octets after it: as of a virtio-net header. in: the packet was on no wire yet, and counts as
     * verified if that is where its checksum is. */
    ESTAB_FRAME_CSUM_PARTIAL = 2,
};

/* A packet in memory lent by the caller. */
struct estab_frame {
    uint8_t *data;
    uint32_t len; /* octets that are there; output sets it */
    uint32_t cap; /* output: room at `data`, at least the interface's MTU, and on
                     Ethernet ESTAB_LINK_HEADER_MAX more */
    /* Output sets these too. */
    uint8_t flags; /* ESTAB_FRAME_ */
    uint16_t csum_start, csum_offset;
    /* Octets of text in each segment that this packet is to be cut into, or was put together from;
     * 0: it is one. Input takes it as one, whatever it says, and output sends no other yet. */
    uint16_t segment;
};

/* Makes the checksum of a frame with ESTAB_FRAME_CSUM_PARTIAL whole, for a driver whose link cannot,
 * and takes the flag away. False: the frame says that it stands where no checksum can. */
ESTAB_API ESTAB_MUST_CHECK bool estab_frame_complete(struct estab_frame *frame);

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

/* The settings as they are now; the secret and the identity come out as zeros. */
ESTAB_API void estab_stack_get_config(const struct estab_stack *stack, struct estab_config *out);

/*
 * Changes settings of a running host to those of `cfg`: connections that have no options of their
 * own follow at once, timers that run end as they were set. Left as they are: secrets, alloc, trace,
 * host, msl, timestamp_tick, the settings of Fast Open, the reassembly timeouts, memory_budget, and
 * of the limits all but max_orphans, reassembly_bytes, the ports and the rates. What is set for UDP
 * is what new endpoints begin with. -ESTAB_EINVAL: a value is out of range; nothing was changed then.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_stack_set_config(struct estab_stack *stack,
                                                      const struct estab_config *cfg,
                                                      estab_time now);

/* What the host holds and has done. */
struct estab_stack_status {
    uint32_t listeners, connections, half_open, time_wait, orphans;
    uint32_t udp;          /* endpoints */
    uint32_t echo;         /* endpoints */
    uint32_t reassemblies; /* datagrams of which fragments are held */
    uint32_t paths;        /* destinations remembered for a path narrower than its link */
    uint32_t timers;       /* armed */
    uint32_t ports;        /* ephemeral ports not free yet, those listened on, those of UDP */
    uint64_t record_bytes; /* in records lent now */
    uint64_t ring_bytes;   /* in buffers lent now */
    uint64_t bytes_taken;  /* from the allocator now */
    uint64_t bytes_peak;
    uint64_t packets_in, packets_out;
    uint32_t neighbours;                             /* in the cache */
    uint64_t neighbours_failed;                      /* asked for, or known, and silent */
    uint64_t neighbours_evicted, neighbours_refused; /* at the limits of the cache */
    uint64_t unreachable_drops;                      /* packets for next hops that nobody has */
    uint64_t address_conflicts;   /* somebody else said that he had an address of ours */
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
