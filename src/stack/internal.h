/* SPDX-License-Identifier: MIT */
/*
 * What the files of stack/ share: the host, its records and who calls whom. A record is named by a
 * 32-bit reference (kind and pool index); a user's handle adds its generation.
 */
#ifndef STACK_INTERNAL_H
#define STACK_INTERNAL_H

#include "base/assert.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/rate.h"
#include "base/wheel.h"
#include "estab/estab.h"
#include "ip/fragment.h"
#include "ip/groups.h"
#include "ip/icmp_limit.h"
#include "ip/paths.h"
#include "ip/reassembly.h"
#include "ip/route.h"
#include "stack/demux.h"
#include "tcp/fast_open.h"
#include "tcp/half_open.h"
#include "tcp/isn.h"
#include "tcp/tcp.h"
#include "tcp/time_wait.h"
#include "wire/icmp.h"
#include "wire/ip_header.h"
#include "wire/udp.h"

#define INTERFACES_MAX 16 /* number 0 is the loopback */
#define LOOPBACK_MTU 16384u
#define REPLY_RING (1u << 17)    /* holds the largest datagram and as much again */
#define REPLY_RESERVE (1u << 14) /* of it not for the user's datagrams */

/* ---- references and handles ---- */

enum ref_kind {
    REF_CONN4,
    REF_CONN6,
    REF_HALF4,
    REF_HALF6,
    REF_TW4,
    REF_TW6,
    REF_LISTENER,
    REF_UDP,
    REF_ECHO
};

#define REF_SHIFT 28
#define REF_INDEX_MAX ((1u << REF_SHIFT) - 1)

static inline uint32_t
make_ref(enum ref_kind kind, uint32_t index)
{
    return (uint32_t)kind << REF_SHIFT | index;
}

static inline enum ref_kind
ref_kind(uint32_t ref)
{
    return (enum ref_kind)(ref >> REF_SHIFT);
}

static inline uint32_t
ref_index(uint32_t ref)
{
    return ref & REF_INDEX_MAX;
}

static inline unsigned
addr_len_of(unsigned family)
{
    return family == ESTAB_INET ? 4 : family == ESTAB_INET6 ? 16 : 0;
}

/* ---- records ---- */

/* What the user can wait for: a connection or a listener. */
struct pollable {
    struct link ready; /* in stack->ready at most once */
    estab_conn handle; /* generation and reference */
    void *cookie;
    uint32_t bits;
};

/* Options shared by a listener and its connections until one of them sets its own. */
struct shared_options {
    struct estab_tcp_options opt;
    uint32_t index, users;
};

struct conn {
    struct tcb tcb; /* first: struct conn and its TCB are found from each other */
    struct wheel_timer timer;
    struct link send; /* in the interface's to-send list at most once */
    struct pollable poll;
    uint32_t listener; /* waits in this listener's accept queue; 0: the user has it */
    union {
        uint32_t accept_next; /* the next in that queue */
        uint32_t pending_of;  /* accepted, fast_open_pending: the listener that counts it */
    };
    uint8_t ifindex;
    uint8_t addr_len;
    bool in_demux : 1;
    bool ephemeral : 1;
    bool counted_orphan : 1;
    bool fast_open_pending : 1;
    struct names names; /* last: cut off after the addresses of the family */
};

struct half_record {
    struct half_open h;
    struct names names;
};

struct tw_record {
    struct time_wait tw;
    struct names names;
};

struct listener {
    struct pollable poll;
    struct shared_options *own;
    struct estab_endpoint local;
    uint32_t ref;
    uint32_t backlog;
    uint32_t waiting;      /* in the accept queue */
    uint32_t half_open;    /* records of ours */
    estab_time cookies_at; /* when the last cookie was sent */
    uint32_t first, last;  /* references of connections */
    bool has_names[2];     /* IPv4, IPv6 */
    struct names names[2];
    struct link all;
    /* with `reuse_port`: others on the same local endpoint, in a list from the one that stands in
     * the table, which counts them */
    uint32_t group_next, group_n;

    uint32_t fast_open_pending; /* PendingFastOpenRequests, RFC 7413 §4.2 */
    uint32_t fast_open_reset;   /* such that a RST has ended, counted until: */
    estab_time fast_open_reset_until;
};

/* A listener of one zone hears its interface alone. */
static inline bool
listener_hears(const struct listener *l, unsigned ifindex)
{
    return l->local.addr.zone == 0 || l->local.addr.zone == ifindex;
}

/* What an endpoint of UDP and one of echo have in common; first in both. */
struct datagram_end {
    struct pollable poll;
    struct link blocked; /* in stack->datagrams_blocked: waits for room in an interface's queue */
    struct ring queue;   /* messages, each behind a header */
    uint64_t dropped;
    uint32_t ref;
    uint32_t waiting; /* messages in the queue */
    uint8_t addr_len;
    uint8_t blocked_on; /* interface */
};

#define UDP_SENT_TO 8 /* destinations that an endpoint remembers */

struct udp_endpoint {
    struct datagram_end end;
    struct estab_udp_options opt;
    struct names names; /* remote all zero: not connected */
    struct estab_udp_error error;
    uint64_t sent_to[UDP_SENT_TO]; /* hashes of the last destinations */
    uint64_t received, sent;
    uint32_t zone; /* of the connected remote address */
    uint8_t sent_next;
    uint8_t groups;
    bool any_local; /* as bound: connect() may have chosen an address since */
    bool connected, has_error;
    struct {
        uint8_t octets[16];
        uint8_t ifindex;
    } group[ESTAB_UDP_GROUPS_MAX];
};

/* A request of an echo endpoint, for as long as it can be answered. */
struct echo_request {
    uint8_t src[16], dst[16];
    uint64_t data; /* hash of its data */
    estab_time sent_at;
    uint32_t len; /* of its data */
    uint16_t seq;
    uint8_t ifindex;
    bool many;  /* went to more than one host: anybody may answer */
    bool whole; /* must not be fragmented */
    bool used, answered;
};

struct echo_endpoint {
    struct datagram_end end;
    struct estab_echo_options opt;
    struct echo_request sent[ESTAB_ECHO_REQUESTS]; /* by the low bits of their numbers */
    uint64_t requests, replies, errors;
    uint16_t id;
};

struct ethernet; /* link.h */
struct neighbours;

struct interface {
    struct estab_link link;
    uint32_t mtu_max;     /* what it was added with: frames have room for it */
    struct ethernet *eth; /* NULL: raw IP packets */
    struct link send;     /* connections that owe output */
    struct link released; /* neighbours whose packets wait for room in: */
    struct ring replies;  /* whole packets that belong to no connection, each behind a header */
    uint32_t replies_held;
    uint32_t fragment_at; /* how much of the first one's payload has left in fragments */
    uint32_t fragment_id;
    uint64_t packets_in, packets_out, octets_in, octets_out;
};

/* The last echo replies that a path might be too narrow for: no more than that may be quoted. */
#define ECHOES_SENT 16

struct echo_sent {
    uint64_t to;   /* a hash of its ends, identifier and sequence number */
    uint32_t flow; /* the flow label that it had; 0: none is here */
};

/* RFC 6056 §3.3.4: counters of chosen ports, one for each class of destinations. */
#define PORT_TABLE 64

struct estab_stack {
    struct estab_config cfg;
#ifdef ESTAB_LAB
    const struct estab_rules *rules;
#endif
    struct arena arena;
    struct chunks chunks;
    struct pool conns[2], halves[2], tws[2]; /* IPv4, IPv6 */
    struct pool listeners, undos, validations, accecns, options, udps;
    struct demux demux;
    struct wheel conn_wheel, half_wheel;
    struct ip_routes routes;
    struct ip_groups groups;
    struct ip_ids ids;
    struct reassembly reassembly;
    struct ip_paths paths;
    struct echo_sent echo_sent[ECHOES_SENT];
    uint64_t echoes_drawn;
    struct demux udp_demux;        /* no slots: no endpoint yet */
    struct link datagrams_blocked; /* endpoints of UDP and echo that wait for room */
    uint32_t udp_unconfigured;     /* endpoints that take what is not addressed to us */
    uint64_t udp_port_counter;
    struct siphash_key key_udp;
    struct pool echoes;
    uint64_t echo_ids_drawn;
    struct siphash_key key_echo_id;
    struct interface interface[INTERFACES_MAX];
    uint32_t interfaces;
    struct siphash_key key_isn, key_port, key_ts, key_cookie;
    struct siphash_key key_fast_open, key_fast_open_peer;
    struct fast_open_peer *fast_open_peers; /* NULL: nobody has wanted it yet */
    struct link ready;
    struct link all_listeners;
    uint32_t tw_first[2], tw_last[2]; /* by family: references, in the order in which they end */
    uint32_t orphans, ephemeral_ports;
    uint32_t port_table[PORT_TABLE]; /* RFC 6056 algorithm 4 */
    struct rate rst_rate, echo_rate, arp_rate;
    struct icmp_limit icmp_limit;
    struct neighbours *neighbours; /* NULL: no interface is Ethernet */
    struct siphash_key key_delay, key_iid, key_temporary, key_echo;
    uint64_t delays, temporaries; /* how many were drawn */
    uint64_t unreachable_drops, address_conflicts;
    int64_t waiting_told; /* octets for packets that wait for neighbours, as the trace has them */
    estab_time now;       /* of the last call */
    uint8_t *scratch;     /* one packet of the loopback */
    uint64_t replies_dropped;
    uint64_t packets_in, packets_out;
    uint64_t verdicts[ESTAB_VERDICT_COUNT];
    uint64_t reasons[ESTAB_REASON_COUNT];
    uint64_t recoveries[ESTAB_RECOVERY_COUNT];
    size_t record_bytes;
};

static inline unsigned
family_index(unsigned addr_len)
{
    return addr_len == 16;
}

static inline uint32_t
conn_ref(const struct conn *c)
{
    return (uint32_t)c->poll.handle;
}

/* The options that this connection has from its listener or for itself; NULL: the host's. */
static inline struct shared_options *
conn_own(const struct estab_stack *s, const struct conn *c)
{
    const struct estab_tcp_options *opt = c->tcb.opt;

    return opt == &s->cfg.tcp ? NULL
                              : CONTAINER((void *)(uintptr_t)opt, struct shared_options, opt);
}

static inline uint32_t
conn_count(const struct estab_stack *s)
{
    return s->conns[0].lent + s->conns[1].lent;
}

static inline const uint8_t *
names_local(const struct names *n)
{
    return n->addr;
}

static inline const uint8_t *
names_remote(const struct names *n, unsigned addr_len)
{
    return n->addr + addr_len;
}

/* stack.c */
struct tcp_env estab_stack_env(struct estab_stack *s, estab_time now);
void estab_stack_pump_loopback(struct estab_stack *s, estab_time now);
void *estab_stack_record_get(struct estab_stack *s, struct pool *p, uint32_t *index);
size_t estab_stack_record_bytes(const struct estab_stack *s);
void estab_stack_record_put(struct estab_stack *s, struct pool *p, uint32_t index);

/* conn.c */
struct conn *estab_conn_at(const struct estab_stack *s, uint32_t ref);
struct conn *estab_conn_from_handle(const struct estab_stack *s, estab_conn handle);
/* A record for these names, in the table, where it takes the place of the half-open record `half`
 * (0: none); NULL: limit or memory, and nothing has changed. */
struct conn *estab_conn_new(struct estab_stack *s, const struct names *names, unsigned addr_len,
                            unsigned ifindex, struct shared_options *own, uint32_t half,
                            estab_time now);
/* After anything that touched the TCB: sends, timers, events, end of life. May free the record. */
void estab_conn_update(struct estab_stack *s, struct conn *c, struct tcp_env *env);
void estab_conn_free(struct estab_stack *s, struct conn *c, struct tcp_env *env);
/* The user gives the connection back; beyond max_orphans it is reset. */
void estab_conn_give_back(struct estab_stack *s, struct conn *c, struct tcp_env *env);
/* stack.c: can a host be made of it? */
bool estab_config_is_good(const struct estab_config *cfg);
/* user.c */
void estab_conn_status(const struct estab_stack *s, const struct conn *c, struct estab_status *out);
void estab_conn_ready(struct estab_stack *s, struct pollable *p);
uint32_t estab_ts_offset(const struct estab_stack *s, const struct names *names, unsigned addr_len);
tcp_seq estab_conn_isn(const struct estab_stack *s, const struct names *names, unsigned addr_len,
                       estab_time now);
const struct estab_tcp_options *estab_options_of(const struct estab_stack *s,
                                                 const struct shared_options *own);
struct shared_options *estab_options_new(struct estab_stack *s,
                                         const struct estab_tcp_options *opt);
void estab_options_unref(struct estab_stack *s, struct shared_options *own);
/* 0, or -ESTAB_EINVAL when a value is outside what can be. */
int estab_options_check(const struct estab_tcp_options *opt);

/* time_waits.c */
struct tw_record *estab_tw_at(const struct estab_stack *s, uint32_t ref);
/* The connection's TIME-WAIT goes on in a record of its own, which takes its place in the table. */
void estab_tw_take_over(struct estab_stack *s, struct conn *c, struct tcp_env *env);
void estab_tw_end(struct estab_stack *s, uint32_t ref, enum state_cause cause, struct tcp_env *env);
void estab_tw_expire(struct estab_stack *s, struct tcp_env *env);
estab_time estab_tw_deadline(const struct estab_stack *s);
/* The one that ends first; 0: none waits. */
uint32_t estab_tw_first(const struct estab_stack *s);
enum seg_verdict estab_tw_input(struct estab_stack *s, uint32_t ref, const struct tcp_seg *seg,
                                const struct ip_header *ip, unsigned ifindex, struct tcp_env *env,
                                uint8_t state[2]);

/* listen.c */
struct listener *estab_listener_at(const struct estab_stack *s, uint32_t ref);
struct listener *estab_listener_from_handle(const struct estab_stack *s, estab_conn handle);
struct listener *estab_listener_find(const struct estab_stack *s, const struct names *names,
                                     unsigned addr_len);
enum seg_verdict estab_listener_input(struct estab_stack *s, struct listener *l,
                                      const struct names *names, unsigned addr_len,
                                      const struct tcp_seg *seg, unsigned ifindex,
                                      const struct time_wait *replaced, struct tcp_env *env,
                                      uint8_t state[2], struct conn **opened);
/* SEG_CONTINUE: a SYN can be taken, by a record or, if `cookie` may be one, by a cookie. */
enum seg_verdict estab_listener_room(const struct estab_stack *s, const struct listener *l,
                                     bool cookie);
enum seg_verdict estab_half_input(struct estab_stack *s, uint32_t ref, struct tcp_seg *seg,
                                  struct tcp_env *env, uint8_t state[2], struct conn **promoted);
struct half_record *estab_half_at(const struct estab_stack *s, uint32_t ref);
void estab_half_end(struct estab_stack *s, uint32_t ref, enum state_cause cause,
                    struct tcp_env *env);
void estab_half_timeouts(struct estab_stack *s, struct tcp_env *env);
void estab_listener_drop_conn(struct estab_stack *s, struct conn *c);
/* 0: `l` shares the endpoint of the listener that has it; else why not. */
int estab_listener_join(struct estab_stack *s, struct listener *l);
void estab_listener_close(struct estab_stack *s, struct listener *l, struct tcp_env *env);

/* A TCB in SYN-RECEIVED, last in the accept queue, in place of the half-open record `ref` (0: there
 * was none, and `cause` made it leave LISTEN). NULL: limit or memory, and nothing has changed. */
struct conn *estab_listener_open(struct estab_stack *s, struct listener *l,
                                 const struct names *names, unsigned addr_len,
                                 const struct half_open *h, uint32_t ref, enum state_cause cause,
                                 struct tcp_env *env);

/* fast_open.c: RFC 7413 */
enum fast_open_answer {
    FAST_OPEN_PLAIN, /* an ordinary handshake */
    FAST_OPEN_GIVE,  /* the same, and the SYN,ACK brings a cookie */
    FAST_OPEN_TAKEN, /* there is a connection now */
};
/* A SYN for a listener with room; `reuse`: it ends a TIME-WAIT. */
enum fast_open_answer estab_fast_open_syn(struct estab_stack *s, struct listener *l,
                                          const struct names *names, unsigned addr_len,
                                          const struct tcp_seg *syn, unsigned ifindex, bool reuse,
                                          struct tcp_env *env);
/* Puts a cookie of ours, lent from `cookie`, into a SYN,ACK. */
void estab_fast_open_give(const struct estab_stack *s, const struct names *names, unsigned addr_len,
                          const struct tcp_env *env, struct fast_open_offer *cookie,
                          struct tcp_seg *seg);
/* A connection with fast_open_pending has left SYN-RECEIVED. */
void estab_fast_open_settled(struct estab_stack *s, struct conn *c, const struct tcp_env *env);
void estab_fast_open_listener_closes(struct estab_stack *s, struct listener *l);
/* For a SYN with fast_open_owed: what it may carry, in `offer`; NULL: nothing. */
const struct fast_open_offer *estab_fast_open_offer(struct estab_stack *s, const struct conn *c,
                                                    const struct tcp_env *env,
                                                    struct fast_open_offer *offer);
/* What the answer to our SYN tells of the peer. */
void estab_fast_open_learn(struct estab_stack *s, const struct conn *c,
                           const struct tcp_seg *syn_ack, const struct tcp_env *env);
/* A SYN of ours with the option led to nothing. */
void estab_fast_open_failed(struct estab_stack *s, const struct conn *c, const struct tcp_env *env);
/* Returns the memory of what is known of peers. */
void estab_fast_open_forget(struct estab_stack *s);

/* input.c: a packet of ours to ourselves */
void estab_stack_loopback_input(struct estab_stack *s, const struct estab_frame *frame,
                                estab_time now);
/* output.c */
/* Queues a segment that belongs to no connection's stream (RST, ACK of a small record). */
void estab_reply_segment(struct estab_stack *s, unsigned ifindex, const struct names *names,
                         unsigned addr_len, const struct tcp_out *out, uint8_t state,
                         const struct estab_tcp_options *opt, struct tcp_env *env);
/* Queues a whole IP packet in two parts (any may be empty); larger than the link or the path takes
 * it leaves in fragments, if its header allows. False: the queue is full. */
bool estab_reply_parts(struct estab_stack *s, unsigned ifindex, const uint8_t *head,
                       uint32_t head_len, const uint8_t *body, uint32_t body_len,
                       enum send_reason reason, uint8_t state);
/* Is there room for a packet of so many octets? */
bool estab_reply_fits(const struct interface *i, uint32_t len);
/* Queues a whole IP packet; false: the queue is full. */
bool estab_reply_packet(struct estab_stack *s, unsigned ifindex, const uint8_t *packet,
                        uint32_t len, enum send_reason reason, uint8_t state);
/* Queues an ARP packet to a hardware address. */
void estab_reply_arp(struct estab_stack *s, unsigned ifindex, const uint8_t *arp,
                     const uint8_t mac[6], enum send_reason reason);
bool estab_stack_loopback_waits(const struct estab_stack *s);

/* icmp_input.c */
enum seg_verdict estab_icmp_input(struct estab_stack *s, const struct ip_header *ip,
                                  unsigned ifindex, uint64_t *handle, struct tcp_env *env);
void estab_icmp_unreachable(struct estab_stack *s, const struct ip_header *ip,
                            const uint8_t *packet, uint32_t packet_len, unsigned ifindex,
                            struct tcp_env *env);
/* RFC 4443 §3.4: what estab_ip_parse() has found wrong with an IPv6 packet. */
void estab_icmp_problem(struct estab_stack *s, const struct ip_header *ip, const uint8_t *packet,
                        uint32_t packet_len, unsigned ifindex, struct tcp_env *env);
/* Is what an ICMP error quotes a segment of ours in flight, or a datagram sent lately? */
bool estab_icmp_quotes_ours(const struct estab_stack *s, const struct icmp_quote *q);
/* Somebody who quotes a packet of ours to `dst`, sent by that interface, says that its path takes
 * packets of `mtu` octets only. */
enum seg_verdict estab_icmp_path_mtu(struct estab_stack *s, const uint8_t *dst, unsigned addr_len,
                                     unsigned ifindex, uint32_t mtu);
/* RFC 1122 §3.3.2, RFC 4443 §3.3: fragments that were waited for in vain. */
void estab_icmp_late(struct estab_stack *s, const struct late_datagram *late, struct tcp_env *env);

/* echo.c */
/* An echo reply; whose it is, in `handle`. */
enum seg_verdict estab_echo_input(struct estab_stack *s, const struct icmp_message *m,
                                  const struct ip_header *ip, unsigned ifindex, uint64_t *handle);
/* Is it an echo request of ours? */
bool estab_echo_quoted(const struct estab_stack *s, const struct icmp_quote *q);
/* An ICMP error, in `ip`, that quotes one. */
enum seg_verdict estab_echo_error(struct estab_stack *s, const struct icmp_message *m,
                                  const struct icmp_quote *q, const struct ip_header *ip,
                                  unsigned ifindex, enum estab_err err);
void estab_echo_end_all(struct estab_stack *s);
/* For the trace: whose identifier it is; 0: nobody's. */
uint64_t estab_echo_handle_of(const struct estab_stack *s, unsigned addr_len, uint16_t id);
struct pollable *estab_echo_pollable(const struct estab_stack *s, estab_conn handle);

/* datagrams.c */
/* With the zone `ifindex` if it is link-local. */
struct estab_addr estab_datagram_address(const uint8_t *octets, unsigned addr_len,
                                         unsigned ifindex);
/* The endpoint of that handle in the pool of its kind; NULL: there is none. */
struct datagram_end *estab_datagram_end_at(const struct pool *pool, enum ref_kind kind,
                                           uint64_t handle);
void estab_datagram_end_begin(struct datagram_end *e, const struct pool *pool, enum ref_kind kind,
                              uint32_t index, unsigned addr_len);
/* It leaves all lists, and returns what it holds. */
void estab_datagram_end_empty(struct estab_stack *s, struct datagram_end *e);
/* The host ends: memory of the endpoints and their pool only. */
void estab_datagram_release(struct estab_stack *s, struct pool *pool);
void estab_datagram_trace_call(struct estab_stack *s, const struct datagram_end *e,
                               enum estab_call call, int64_t result);
void estab_datagram_trace_memory(struct estab_stack *s, const struct datagram_end *e,
                                 enum estab_memory what, int64_t bytes);
struct datagram_limits {
    uint32_t bytes_max, count_max;
    enum seg_verdict full; /* what a message beyond them gets */
};
bool estab_datagram_limits_are_good(uint32_t bytes_max, uint32_t count_max);
/* Puts a message behind its header into the queue and wakes the user; SEG_CONTINUE, or why not. */
enum seg_verdict estab_datagram_put(struct estab_stack *s, struct datagram_end *e, const void *head,
                                    uint32_t head_len, const uint8_t *data, uint32_t len,
                                    const struct datagram_limits *limits);
/* The header of the first message; it must have one. */
void estab_datagram_peek(const struct datagram_end *e, void *head, uint32_t head_len);
/* Takes that message, of which `held` octets are in the queue: how many of them are in `buf`. */
uint32_t estab_datagram_take(struct estab_stack *s, struct datagram_end *e, uint32_t head_len,
                             uint32_t held, void *buf, size_t len);
/* The interface on the way to `dst`: `asked`, or if that is 0 the route's; a group or the broadcast
 * address without a route leaves by the only interface there is. Negative: there is none. */
int estab_way_to(const struct estab_stack *s, const uint8_t *dst, unsigned addr_len,
                 unsigned asked);
/* Where a datagram comes from: `asked`, if it has a family, else as the route wants it. 0, or why
 * there is none. */
int estab_way_source(const struct estab_stack *s, const uint8_t *dst, unsigned addr_len,
                     unsigned ifindex, const struct estab_addr *asked, uint8_t source[16]);
/* The most octets behind a header of `head_len` behind an IP header. */
uint32_t estab_datagram_max(unsigned addr_len, uint32_t head_len);
/* May a packet of `whole` octets be queued now? Else -ESTAB_EMSGSIZE, or -ESTAB_EAGAIN, and the
 * endpoint is told when there is room. */
int estab_datagram_fits(struct estab_stack *s, struct datagram_end *e, const uint8_t *dst,
                        unsigned ifindex, uint32_t whole, bool dont_fragment);
struct datagram_way {
    const uint8_t *src, *dst;
    uint8_t addr_len, proto, ttl, tos;
    bool dont_fragment;
};
/* Writes the IP header in front of `len` octets; its length. */
uint32_t estab_datagram_head(struct estab_stack *s, uint8_t *head, const struct datagram_way *way,
                             uint32_t len);
/* There may be room in the queue of this interface. */
void estab_datagram_room(struct estab_stack *s, unsigned ifindex);

/* udp.c */
enum seg_verdict estab_udp_input(struct estab_stack *s, const struct ip_header *ip,
                                 unsigned ifindex, bool to_many, bool verified, struct names *names,
                                 uint64_t *handle);
/* May a datagram that is not addressed to us be for an endpoint without an address? */
bool estab_udp_takes_foreign(const struct estab_stack *s, const struct ip_header *ip,
                             unsigned ifindex);
/* The endpoint that has sent what an ICMP error quotes to that address and port; NULL: none has. */
struct udp_endpoint *estab_udp_quoted(const struct estab_stack *s, const struct icmp_quote *q);
/* An ICMP error that quotes a datagram of ours. */
enum seg_verdict estab_udp_icmp_error(struct estab_stack *s, const struct icmp_message *m,
                                      const struct icmp_quote *q, enum estab_err err);
void estab_udp_end_all(struct estab_stack *s);
/* For the trace: who sends from the local end of these names; 0: nobody. */
uint64_t estab_udp_handle_of(const struct estab_stack *s, const struct names *names,
                             unsigned addr_len);
struct udp_endpoint *estab_udp_from_handle(const struct estab_stack *s, estab_conn handle);
int estab_udp_options_check(const struct estab_udp_options *opt);
void estab_udp_release(struct estab_stack *s);

/* trace.c */
void estab_trace_tcb(const struct tcp_env *env, const struct tcb *tcb, struct estab_trace *t);
void estab_trace_names(struct estab_stack *s, const struct names *names, unsigned addr_len,
                       uint32_t ref, struct estab_trace *t, estab_time now);
void estab_trace_state(struct estab_stack *s, const struct names *names, unsigned addr_len,
                       uint8_t before, uint8_t after, enum state_cause cause, estab_time now);
void estab_trace_memory(struct estab_stack *s, const struct names *names, unsigned addr_len,
                        enum estab_memory what, int64_t bytes, uint8_t state, estab_time now);
void estab_trace_memory_of(struct estab_stack *s, const struct listener *l, enum estab_memory what,
                           int64_t bytes);
void estab_trace_udp(struct estab_stack *s, const struct udp_endpoint *u, struct estab_trace *t);
void estab_trace_call(struct estab_stack *s, struct conn *c, enum estab_call call, int64_t result,
                      estab_time now);
void estab_trace_listener(struct estab_stack *s, struct listener *l, enum estab_call call,
                          int64_t result, estab_time now);
void estab_trace_segment(struct estab_trace *t, const struct tcp_seg *seg);
void estab_trace_fill_tcb(const struct estab_stack *s, const struct tcb *tcb,
                          struct estab_trace_tcb *out);
void estab_trace_hand_on(struct estab_stack *s, struct estab_trace *t);
struct estab_endpoint estab_names_local(const struct names *n, unsigned addr_len);
struct estab_endpoint estab_names_remote(const struct names *n, unsigned addr_len);

#endif
