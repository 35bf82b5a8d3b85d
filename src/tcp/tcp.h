/* SPDX-License-Identifier: MIT */
/*
 * One connection as a value: (state, input, now) -> (state, output). Five verbs (a segment
 * arrives, next segment, next deadline, timeouts, take events) and the user's calls of
 * RFC 9293 §3.10. Nothing here knows IP, sockets, a clock or an allocator; all it needs of its
 * host comes in `struct tcp_env`.
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "base/pool.h"
#include "estab/err.h"
#include "estab/tcp.h"
#include "tcp/rules.h"
#include "tcp/tcb.h"
#include "wire/tcp_header.h"

struct fast_open_offer;

/* What a connection sees of its host during one call. */
struct tcp_env {
    estab_time now;
    const struct estab_config *cfg;
#ifdef ESTAB_LAB
    const struct estab_rules *rules; /* read through RULE() alone */
#endif
    struct arena *arena;
    struct chunks *chunks;    /* ring memory */
    struct pool *undos;       /* struct undo */
    struct pool *validations; /* struct cwv */
    struct pool *accecns;     /* struct accecn_counters */
    uint64_t *recoveries;     /* counters, by enum estab_recovery */
    /* For a SYN with tcb->fast_open_owed; NULL: no option. Lent until the segment is written. */
    const struct fast_open_offer *fast_open;
    /* NULL without a sink. Completes the record with host and connection and hands it on. */
    void (*trace)(const struct tcp_env *env, const struct tcb *tcb, struct estab_trace *record);
    void *host;
};

/* A segment to send: header and options in `seg` (ports are the caller's), the text in up to two
 * spans of the send ring, lent until the next call on this TCB. */
struct tcp_out {
    struct tcp_seg seg;
    struct ring_span text[2];
    uint8_t reason; /* enum send_reason */
};

/* ---- the five verbs ---- */

/* SEGMENT ARRIVES for a TCB in any state but CLOSED, LISTEN and TIME-WAIT. The checksum has been
 * decided. After it: tcb->state may be CLOSED (delete it) or TIME_WAIT (keep a small record); a
 * RST that answers this segment alone is in `reply` (reply->seg.ctl != 0). */
enum seg_verdict estab_tcp_segment_arrives(struct tcb *tcb, struct tcp_env *env,
                                           struct tcp_seg *seg, struct tcp_out *reply);

/* Builds the next segment that is due; false: nothing to send now. A segment returned is sent. */
bool estab_tcp_next_segment(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out);
/* Might estab_tcp_next_segment() have something? Cheap, and never wrong with "no". */
bool estab_tcp_has_output(const struct tcb *tcb);

/* The earliest of the connection's deadlines and what it is for. */
estab_time estab_tcp_next_deadline(const struct tcb *tcb, const struct tcp_env *env,
                                   enum conn_timer *which);
/* Does what is due at env->now. May close the connection (tcb->state CLOSED). */
void estab_tcp_timeouts(struct tcb *tcb, struct tcp_env *env);

static inline uint32_t
tcp_take_events(struct tcb *tcb)
{
    uint32_t bits = tcb->events;

    tcb->events = 0;
    return bits;
}

/* ---- beginning and end ---- */

/* A TCB in CLOSED; `mtu` of the link, IP header of `ip_header_len`. */
void estab_tcp_init(struct tcb *tcb, const struct tcp_env *env, const struct estab_tcp_options *opt,
                    uint32_t mtu, uint8_t ip_header_len, uint32_t ts_offset);
/* Returns what is lent for sending; all that is lent. */
void estab_tcp_release_sender(struct tcb *tcb, struct tcp_env *env);
void estab_tcp_release(struct tcb *tcb, struct tcp_env *env);

/* ---- the user's calls, RFC 9293 §3.10.1-6 ---- */

void estab_tcp_open_active(struct tcb *tcb, struct tcp_env *env, tcp_seq iss);
ptrdiff_t estab_tcp_send(struct tcb *tcb, struct tcp_env *env, const void *data, size_t len,
                         bool urgent);
ptrdiff_t estab_tcp_reserve(struct tcb *tcb, struct tcp_env *env, size_t want,
                            struct ring_span spans[2]);
int estab_tcp_commit(struct tcb *tcb, struct tcp_env *env, size_t len);
ptrdiff_t estab_tcp_receive(struct tcb *tcb, struct tcp_env *env, void *buf, size_t len);
ptrdiff_t estab_tcp_peek(struct tcb *tcb, struct ring_span spans[2]);
int estab_tcp_consume(struct tcb *tcb, struct tcp_env *env, size_t len);
/* CLOSE: no more to send. */
int estab_tcp_close(struct tcb *tcb, struct tcp_env *env);
/* The user is gone: CLOSE, and RST when text would be lost (SHLD-3). */
void estab_tcp_orphan(struct tcb *tcb, struct tcp_env *env);
/* ABORT, or an end like it; the RST, if one is due, is left in reset_owed. */
void estab_tcp_abort(struct tcb *tcb, struct tcp_env *env, enum send_reason reason,
                     enum state_cause cause);
/* The RST that reset_owed asks for. */
void estab_tcp_build_reset(struct tcb *tcb, struct tcp_env *env, struct tcp_out *out);
/* The options in tcb->opt have changed. */
void estab_tcp_options_changed(struct tcb *tcb, struct tcp_env *env);

/* ---- what IP has to say ---- */

/* ICMP (RFC 9293 §3.9.2.2, RFC 5927): `hard` ends an attempt to open, all else is soft. */
enum seg_verdict estab_tcp_icmp_error(struct tcb *tcb, struct tcp_env *env, tcp_seq seq, bool hard,
                                      enum estab_err err);
/* RFC 5927 §4.1: is it about something in flight, or somebody's guess? */
bool estab_tcp_is_in_flight(const struct tcb *tcb, tcp_seq seq);
/* The path takes packets of `mtu` octets only; told about the packet with `seq`. */
enum seg_verdict estab_tcp_packet_too_big(struct tcb *tcb, struct tcp_env *env, tcp_seq seq,
                                          uint32_t mtu);
/* Of a new TCB: others have found the path to take no more than `mtu`; `until`: then it is to be
 * tried again. */
void estab_tcp_path_is_narrow(struct tcb *tcb, uint32_t mtu, estab_time until);

/* ---- a fused copy ---- */

/* Where in-order text of `seg` would go, if it can be placed there before the checks without
 * being seen (SEG.SEQ = RCV.NXT, nothing out of order, room in one span); NULL otherwise. When the caller has
 * copied it there, seg->text must be set to this pointer. */
uint8_t *estab_tcp_text_place(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg);

#endif
