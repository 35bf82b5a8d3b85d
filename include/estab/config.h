/* SPDX-License-Identifier: MIT */
/*
 * Every knob and every limit of one host. estab_config_init() gives the defaults of today's
 * practice; estab_config_profile() sets them to those of a named system. Times are nanoseconds.
 */
#ifndef ESTAB_CONFIG_H
#define ESTAB_CONFIG_H

#include "estab/api.h"
#include "estab/time.h"
#include "estab/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where memory comes from. `get` returns `size` bytes aligned to `align` (a power of two) or NULL;
 * `put` takes back what `get` gave, with the same size. Called only for slabs (>= 64 KiB, but for
 * the stack's own tables), never per segment. */
struct estab_alloc {
    void *(*get)(void *ctx, size_t size, size_t align);
    void (*put)(void *ctx, void *ptr, size_t size);
    void *ctx;
};

/* The trace sink. The record and what it points to live until the call returns; the sink may not
 * call the stack. NULL: no trace, and no cost but one predicted branch. */
typedef void estab_trace_fn(void *ctx, const struct estab_trace *record);

/* The order and padding of SYN options differ between systems; some compare them octet by octet. */
enum estab_syn_layout {
    ESTAB_SYN_LAYOUT_LINUX = 0, /* MSS, SACK-permitted, TS, NOP, WS */
    ESTAB_SYN_LAYOUT_BSD = 1,   /* MSS, NOP, WS, SACK-permitted, TS */
};

/* Congestion control, by number and by the name that tools take and show. */
/* clang-format off */
#define ESTAB_CC_ALGORITHMS(X)                                                                      \
    X(RENO,  0, "reno")  /* RFC 5681 */                                                             \
    X(CUBIC, 1, "cubic") /* RFC 9438, with HyStart++ (RFC 9406) */                                   \
    X(BBR,   2, "bbr")   /* draft-ietf-ccwg-bbr (version 3); needs SACK, else CUBIC */
/* clang-format on */

enum estab_cc {
#define X(name, number, text) ESTAB_CC_##name = number,
    ESTAB_CC_ALGORITHMS(X)
#undef X
};

/* "reno"; "?" for a number that is none. */
ESTAB_API const char *estab_cc_name(unsigned cc);
/* The number; -ESTAB_EINVAL: there is no such name. */
ESTAB_API ESTAB_MUST_CHECK int estab_cc_by_name(const char *name);

/* Explicit congestion notification, RFC 3168: who begins with it. */
enum estab_ecn {
    ESTAB_ECN_OFF = 0,
    ESTAB_ECN_ANSWER = 1, /* used when the peer asks for it */
    ESTAB_ECN_ASK = 2,    /* our SYNs ask for it too */
};

/* What answers a SYN for which there is no room, RFC 4987 §3.6. */
enum estab_syn_cookies {
    ESTAB_SYN_COOKIES_NEVER = 0,     /* nothing: DROP_SYN_QUEUE_FULL */
    ESTAB_SYN_COOKIES_WHEN_FULL = 1, /* a cookie; the connection loses nothing by it, if it has
                                        timestamps, and else window scaling, SACK and ECN */
    ESTAB_SYN_COOKIES_ALWAYS = 2,    /* no half-open record is ever made */
};

/*
 * Per-connection settings; the ones in estab_config are what a new connection starts with, and
 * estab_set_options() changes them on a live one.
 *
 * `fast_open` is TCP Fast Open, RFC 7413. Of a listener: a SYN that shows a cookie of ours is
 * believed; the connection can be accepted, and the SYN's text be read and answered, before the
 * handshake ends. Of an active OPEN: what is sent between estab_connect() and the first
 * estab_stack_output() goes out with the SYN, if an earlier connection has brought a cookie of that
 * address and port; otherwise the SYN asks for one. Only for requests that may be carried out twice
 * (RFC 7413 §2.1, §6.2): a SYN that the network duplicates, or that somebody replays, may deliver the
 * same text once more, in a second connection after the first has ended, and no TCP can tell.
 */
struct estab_tcp_options {
    bool keepalive;                /* off unless asked for (RFC 9293 §3.8.4, MUST-25) */
    bool keepalive_garbage;        /* probe with one garbage octet (MAY-6) */
    bool nodelay;                  /* no Nagle (MUST-17) */
    bool quiet_soft_errors;        /* do not report soft errors as events (SHLD-20) */
    bool fast_open;                /* off unless asked for (RFC 7413 §4.2) */
    uint8_t ttl;                   /* TTL or hop limit of every segment (MUST-49) */
    uint8_t dscp;                  /* 6 bits (MUST-48) */
    uint8_t cc;                    /* enum estab_cc; ESTAB_CC_CUBIC */
    estab_time keepalive_idle;     /* 2 h */
    estab_time keepalive_interval; /* 75 s */
    uint32_t keepalive_count;      /* 10 probes */
    /* RFC 5482: tell the peer our user timeout, and take the longer of the two, within the host's
     * limits, unless user_timeout was set to other than the host's default; off */
    bool user_timeout_option;
    estab_time user_timeout; /* R2 for data (RFC 9293 §3.8.3); ESTAB_NEVER: never give up */
    bool cork;               /* no segment less than full-sized, for sws_override at most */
    bool quick_ack;          /* no delayed ACKs */
    bool pacing;             /* text leaves spread over the round trip (always so with bbr); off */
    bool reuse_port;         /* a listener that shares its endpoint with others that say so:
                                      SYNs are spread over at most 64 of them */
    uint16_t max_segment;    /* MSS to announce and use at most, from the SYN on; 0: the link's */
    /* Bytes. The buffers may hold the first two from the start, and up to the maxima (of which the
     * largest power of two below is used) as the path needs; 0: the maximum from the start. To
     * receive it is a 16,384th of the maximum at least, for the window to be told. */
    uint32_t send_buffer, receive_buffer;
    uint32_t send_buffer_max, receive_buffer_max;
};

/* Settings of one UDP endpoint; those in estab_config are what a new one starts with. */
struct estab_udp_options {
    uint8_t ttl;                /* TTL or hop limit of what goes to one host; 64 */
    uint8_t multicast_ttl;      /* of what goes to a group; 1 */
    uint8_t dscp;               /* 6 bits */
    uint8_t ecn;                /* 2 bits (RFC 8085 §3.1.7) */
    bool dont_fragment;         /* what the link or the path cannot carry whole is refused with
                                   -ESTAB_EMSGSIZE (RFC 8085 §3.2); off: sent in fragments */
    bool broadcast;             /* may send to broadcast addresses; off */
    bool unconfigured;          /* for a host without an address (DHCP): sends from the unspecified
                                   address, and receives on `ifindex` also what is not addressed to
                                   this host; needs `ifindex`; off */
    uint8_t ifindex;            /* sends and receives there only; 0: routes decide */
    uint32_t receive_bytes_max; /* of memory for datagrams not received yet; 128 KiB; a power of two
                                   is used: the largest =< this */
    uint32_t receive_count_max; /* datagrams not received yet; 256 */
};

struct estab_config {
    uint8_t secret[32]; /* keys ISNs, ports, timestamps, tables; all zero is refused */
    /* Keys the IPv6 addresses that a host gives itself (RFC 7217 §5), which are to be the same from
     * run to run while `secret` is better another one each time; all zero: `secret` does it. */
    uint8_t identity[32];
    struct estab_alloc alloc;
    estab_trace_fn *trace;
    void *trace_ctx;
    uint32_t host; /* a number of the caller's, copied into trace records */

    /* Connection life */
    estab_time msl;         /* TIME-WAIT lasts 2 x msl; 30 s */
    estab_time rto_initial; /* 1 s (RFC 6298 §2.1) */
    estab_time rto_min;     /* 200 ms; differs from the SHOULD of RFC 6298 §2.4 */
    estab_time rto_slack; /* 200 ms: the RTO is never less than this more than SRTT; 0: RFC 6298 */
    estab_time rto_max;   /* 120 s */
    uint32_t r1;          /* retransmissions before IP is told; 3 */
    estab_time syn_r2;    /* give up an active OPEN; 3 min (MUST-23) */
    uint32_t syn_ack_retries;    /* 4: the half-open record is forgotten at 31 s */
    estab_time delayed_ack;      /* 40 ms */
    estab_time fin_wait_2;       /* an orphan's stay in FIN-WAIT-2; 60 s */
    estab_time user_timeout_min; /* limits of what a peer's option may do to it (RFC 5482 §3.1): */
    estab_time user_timeout_max; /* 100 s and 1 h */
    estab_time orphan_timeout;   /* an orphan's without progress in FIN-WAIT-1, CLOSING, LAST-ACK,
                                   also when its peer only keeps the window shut; 100 s */
    estab_time sws_override;     /* 100 ms to 1 s (RFC 9293 §3.8.6.2.1) */
    uint32_t initial_window;     /* segments; 10 (RFC 6928) */
    bool path_mtu_probing;       /* RFC 4821: black holes, and larger packets tried again; on */
    bool timestamps;             /* RFC 7323 */
    bool window_scaling;         /* RFC 7323 */
    bool sack;                   /* RFC 2018 */
    bool rack;                   /* losses are found by time, and probed for (RFC 8985); else by
                                   number (RFC 6675); on */
    bool cwnd_validation; /* a window once used stays for 5 minutes (RFC 7661); else cwnd falls
                                    back to the restart window after an idle RTO; on */
    bool rfc1337;         /* TIME-WAIT ignores RST */
    bool time_wait_reuse; /* estab_connect() may end a TIME-WAIT of at least 1 s with the same
                                    ends, if it has timestamps (RFC 6191); off */
    uint8_t syn_cookies;  /* enum estab_syn_cookies; ESTAB_SYN_COOKIES_WHEN_FULL */
    bool accept_overflow_reset; /* a third segment that finds the accept queue full is reset, not
                                   dropped; off */
    uint8_t ecn;                /* enum estab_ecn; ESTAB_ECN_ANSWER */
    bool accecn;                /* with ECN: accurate feedback where the peer can (RFC 9768); on */
    uint8_t syn_layout;         /* enum estab_syn_layout */
    estab_time timestamp_tick;  /* 1 ms */
    estab_time challenge_gap;   /* at most one challenge ACK per connection in this time; 500 ms */
    struct estab_tcp_options tcp;
    struct estab_udp_options udp;

    /* TCP Fast Open, RFC 7413 */
    estab_time fast_open_key_life;  /* the key of our cookies changes that often; those of the last
                                       one are still taken; 12 h */
    estab_time fast_open_retry;     /* a peer with whom it has failed is left alone that long, and
                                       twice as long each time more; 60 s */
    uint32_t max_fast_open_pending; /* connections of one listener in SYN-RECEIVED; 64 */
    uint32_t max_fast_open_peers;   /* of whom cookies are remembered; 1024 */

    /* Limits: what happens at each stands in docs/architecture.md */
    size_t memory_budget;     /* bytes taken from `alloc`, everything counted */
    uint32_t max_connections; /* full records */
    uint32_t max_half_open;   /* all listeners together */
    uint32_t max_time_wait;   /* beyond it the oldest ends first */
    uint32_t max_orphans;     /* closed by the user, still closing on the wire */
    uint32_t max_listeners;
    uint16_t port_min, port_max;   /* ephemeral ports (RFC 6056 §3.2) */
    uint32_t rst_per_second;       /* RSTs to segments that belong to nobody, or to no handshake */
    uint32_t icmp_per_second;      /* ICMP errors; as many echo replies */
    uint32_t icmp_per_destination; /* ICMP errors to one address, a second, and at first
                                      a few more; 10 */

    /* UDP and fragments */
    uint32_t max_udp;                /* endpoints; 1024 */
    uint32_t max_echo;               /* echo endpoints; 16, at most 256 */
    uint32_t max_reassemblies;       /* datagrams of which fragments are held; 64 */
    uint32_t max_fragments;          /* of one datagram; 128 */
    size_t reassembly_bytes;         /* of memory for fragments; 256 KiB */
    estab_time reassembly_timeout_4; /* 30 s; 60 s with the profile "rfc" */
    estab_time reassembly_timeout_6; /* 60 s (RFC 8200 §4.5) */

    uint32_t max_paths; /* destinations with a path known to be narrower than its link; 1024 */

    /* Ethernet */
    uint32_t dad_transmits; /* probes before an assigned IPv6 address is used (RFC 4862 §5.1); 1. 0:
                                none, and none for IPv4 either, which has 3 (RFC 5227) */
    estab_time arp_probe_time; /* between the probes for an assigned IPv4 address this and up to as
                                  much again, and twice this after the last; 1 s (RFC 5227 §1.1) */
    bool accept_redirects; /* a router may name a better next hop (RFC 4861 §8, RFC 1122 §3.2.2.2);
                               off */
    bool strong_host; /* an address answers only on its own interface (RFC 1122 §3.3.4.2); on */
    uint32_t max_neighbours;            /* resolved; 1024 */
    uint32_t max_unresolved_neighbours; /* asked for and not answered; 64 */
    size_t neighbour_queue_bytes;       /* of memory for packets of no connection that wait for the
                                     address of their next hop, of all neighbours; 512 KiB */
    uint32_t arp_per_second;            /* answers to ARP and neighbour solicitations; 1000 */
};

/* Today's practice; the secret, the allocator and the trace sink are left zero for the caller. */
ESTAB_API void estab_config_init(struct estab_config *cfg);
/* "rfc", "linux", "bsd", "lan" or "tiny" over what is there. Returns 0 or -ESTAB_EINVAL. */
ESTAB_API ESTAB_MUST_CHECK int estab_config_profile(struct estab_config *cfg, const char *name);

#ifdef __cplusplus
}
#endif

#endif
