/* SPDX-License-Identifier: MIT */
/* What the files of tcp/ share and nobody else sees. One line for each: the file says the rest. */
#ifndef TCP_INTERNAL_H
#define TCP_INTERNAL_H

#include "base/assert.h"
#include "tcp/tcp.h"

/* state.c */
void estab_tcp_enter_state(struct tcb *tcb, const struct tcp_env *env, enum tcp_state state,
                           enum state_cause cause);
/* The connection is over: error for the user (0: in order), events, state CLOSED. */
void estab_tcp_end(struct tcb *tcb, const struct tcp_env *env, enum estab_err err,
                   enum state_cause cause);
/* What has been decided about cwnd, counted and traced. */
void estab_tcp_explain(const struct tcb *tcb, const struct tcp_env *env, enum estab_recovery what);
void estab_tcp_trace_timer(const struct tcb *tcb, const struct tcp_env *env, enum conn_timer timer);
#define enter_state estab_tcp_enter_state

static inline bool
is_synchronized(const struct tcb *tcb)
{
    return tcb->state >= TCPS_ESTABLISHED;
}

/* RFC 7413 §4.2.2: opened by a SYN with a cookie, and the handshake has not ended yet. */
static inline bool
is_opened_early(const struct tcb *tcb)
{
    return tcb->state == TCPS_SYN_RECEIVED && tcb->passive && tcb->fast_open;
}

/* May the peer still send us text? (seventh check) */
static inline bool
may_receive_text(const struct tcb *tcb)
{
    return tcb->state == TCPS_ESTABLISHED || tcb->state == TCPS_FIN_WAIT_1 ||
           tcb->state == TCPS_FIN_WAIT_2 || is_opened_early(tcb);
}

/* May text or a FIN of ours still be on the way or waiting? */
static inline bool
may_send_text(const struct tcb *tcb)
{
    return tcb->state == TCPS_ESTABLISHED || tcb->state == TCPS_CLOSE_WAIT ||
           tcb->state == TCPS_FIN_WAIT_1 || tcb->state == TCPS_CLOSING ||
           tcb->state == TCPS_LAST_ACK || is_opened_early(tcb);
}

/* The sequence number of the first octet in the send ring. */
static inline tcp_seq
snd_ring_seq(const struct tcb *tcb)
{
    return tcb->snd_una == tcb->iss ? tcb->iss + 1 : tcb->snd_una;
}

/* First sequence number behind all text the user has queued: where our FIN stands. */
static inline tcp_seq
snd_queued_end(const struct tcb *tcb)
{
    /* Once our FIN is acknowledged SND.UNA stands behind it and the ring is empty. */
    return snd_ring_seq(tcb) + tcb->snd.used;
}

/* The octets of text not sent yet. */
static inline uint32_t
snd_unsent(const struct tcb *tcb)
{
    return tcb->fin_sent ? 0 : snd_queued_end(tcb) - tcb->snd_nxt;
}

static inline uint32_t
flight_size(const struct tcb *tcb)
{
    return tcb->snd_nxt - tcb->snd_una;
}

/* Octets of text in it: cwnd does not count the SYN. */
static inline uint32_t
flight_text(const struct tcb *tcb)
{
    return flight_size(tcb) - (is_opened_early(tcb) && tcb->snd_una != tcb->snd_nxt);
}

/* text.c */
void estab_tcp_process_text(struct tcb *tcb, struct tcp_env *env, struct tcp_seg *seg,
                            enum seg_verdict *verdict);
void estab_tcp_check_fin(struct tcb *tcb, struct tcp_env *env, const struct tcp_seg *seg,
                         enum seg_verdict *verdict);

/* Octets from `left` to `right` have come before. */
void estab_tcp_note_duplicate(struct tcb *tcb, tcp_seq left, tcp_seq right);

/* ack.c */
enum seg_verdict estab_tcp_check_ack(struct tcb *tcb, struct tcp_env *env,
                                     const struct tcp_seg *seg, struct tcp_out *reply);

/* window.c */
bool estab_tcp_seq_acceptable(const struct tcb *tcb, const struct tcp_seg *seg);
/* The window field to send now; moves the right edge we have promised. */
uint16_t estab_tcp_advertise(struct tcb *tcb, const struct tcp_env *env, bool syn);
/* After the user has received: is a window update worth a segment? */
void estab_tcp_window_opened(struct tcb *tcb, const struct tcp_env *env);
/* How many octets of unsent text may leave now, and is the rest waiting for a timer? */
uint32_t estab_tcp_sendable(const struct tcb *tcb, const struct tcp_env *env, bool *wants_override);
/* Octets believed to be in the network. */
uint32_t estab_tcp_pipe(const struct tcb *tcb);
uint8_t estab_tcp_window_shift(uint32_t receive_buffer_max);
uint32_t estab_tcp_syn_window(const struct tcp_env *env, const struct estab_tcp_options *opt);

/* buffers.c */
uint32_t estab_tcp_power_of_two_below(uint32_t n);
/* Makes the ring hold at least `need` octets, keeping `keep`; false: limit or budget. */
bool estab_tcp_ring_grow(const struct tcb *tcb, struct tcp_env *env, struct ring *ring,
                         uint32_t need, uint32_t keep, uint32_t limit);
void estab_tcp_ring_return(const struct tcb *tcb, struct tcp_env *env, struct ring *ring);
void estab_tcp_ranges_return(struct tcb *tcb, struct tcp_env *env);
void estab_tcp_trace_memory(const struct tcb *tcb, const struct tcp_env *env,
                            enum estab_memory what, int64_t bytes);

/* autotune.c */
uint32_t estab_tcp_send_limit(const struct tcb *tcb);
/* The options have changed, or there were none yet: tcb->rcv_limit. */
void estab_tcp_receive_limit_set(struct tcb *tcb);
uint32_t estab_tcp_receive_start(const struct estab_tcp_options *opt);
void estab_tcp_receive_rtt(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg);
void estab_tcp_receive_tune(struct tcb *tcb, const struct tcp_env *env, uint32_t n);

/* challenge.c */
/* An ACK that tells a possibly blind sender nothing it can count. */
void estab_tcp_challenge(struct tcb *tcb, struct tcp_env *env);

/* Full-sized segments acknowledged at once when a connection begins: the initial window of ten and
 * some of the next round, so that a sender in slow start doubles. */
#define QUICK_ACKS 16

/* acks owed */
static inline void
owe_ack(struct tcb *tcb, enum send_reason reason)
{
    if (tcb->acks_owed < UINT8_MAX)
        tcb->acks_owed++;
    tcb->ack_reason = (uint8_t)reason;
}

static inline void
owe_one_ack(struct tcb *tcb, enum send_reason reason)
{
    tcb->acks_owed = 1;
    tcb->ack_reason = (uint8_t)reason;
}

/* The segment at SND.UNA is to be sent again at once. */
static inline void
resend_front(struct tcb *tcb, enum send_reason reason)
{
    tcb->rtx_front = true;
    tcb->front_reason = (uint8_t)reason;
}

/* rtt.c */
void estab_tcp_rtt_init(struct tcb *tcb, const struct tcp_env *env);
void estab_tcp_rtt_sample(struct tcb *tcb, const struct tcp_env *env, estab_time rtt);
/* The RTO in force, backoff included. */
estab_time estab_tcp_rto(const struct tcb *tcb, const struct tcp_env *env);

/* timeouts.c */
void estab_tcp_arm_rtx(struct tcb *tcb, const struct tcp_env *env);
void estab_tcp_set_send_timer(struct tcb *tcb, const struct tcp_env *env);
void estab_tcp_start_syn(struct tcb *tcb, const struct tcp_env *env);

/* loss.c */
void estab_tcp_duplicate_ack(struct tcb *tcb, struct tcp_env *env);
/* `marked`: with an ECE that counts: cwnd does not grow by it. */
void estab_tcp_new_ack(struct tcb *tcb, struct tcp_env *env, uint32_t acked, bool marked);
/* cwnd may grow by what an ACK has delivered; SND.UNA has moved by `acked` text. */
void estab_tcp_grow(struct tcb *tcb, struct tcp_env *env, uint32_t acked, uint32_t delivered);
/* Differs from RFC 5681 §3.1: over a path that reorders SND.UNA moves seldom and far, and growth that is
 * bounded for each ACK would all but end; so cwnd grows by the octets that an ACK newly tells of, SACKed
 * ones too, each once. */
static inline bool
grows_by_delivery(const struct tcb *tcb)
{
    return UNLIKELY(tcb->reordering_seen) && tcb->flight != NULL && tcb->recovery == RECOVERY_NONE;
}
void estab_tcp_loss_timeout(struct tcb *tcb, struct tcp_env *env);

/* user_timeout.c: RFC 5482 */
void estab_uto_arrives(struct tcb *tcb, const struct tcp_seg *seg);
void estab_uto_tell(struct tcb *tcb, struct tcp_seg *seg);
/* R2 of a synchronized connection. */
estab_time estab_uto(const struct tcb *tcb, const struct tcp_env *env);

/* ecn.c: RFC 3168 */
void estab_ecn_mark_syn(const struct tcb *tcb, const struct tcp_env *env, bool answer,
                        struct tcp_seg *seg);
void estab_ecn_take_syn(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg);
void estab_ecn_arrives(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg);
/* Does an acceptable ACK, of `acked` octets more, tell of marks? To be asked once for each. */
bool estab_ecn_is_marked(struct tcb *tcb, const struct tcp_env *env, const struct tcp_seg *seg,
                         uint32_t acked);
void estab_ecn_echo(struct tcb *tcb, const struct tcp_env *env, tcp_seq old_una);
void estab_ecn_mark(struct tcb *tcb, const struct tcp_env *env, struct tcp_seg *seg, bool fresh);

/* keepalive.c */
void estab_tcp_keepalive_heard(struct tcb *tcb, const struct tcp_env *env);
void estab_tcp_keepalive_timeout(struct tcb *tcb, struct tcp_env *env);

/* timestamps.c */
uint32_t estab_tcp_ts_now(const struct tcb *tcb, const struct tcp_env *env);
enum seg_verdict estab_tcp_check_timestamp(struct tcb *tcb, struct tcp_env *env,
                                           const struct tcp_seg *seg);
void estab_tcp_update_ts_recent(struct tcb *tcb, const struct tcp_env *env,
                                const struct tcp_seg *seg);

/* options.c: what a SYN says and what was agreed */
void estab_tcp_take_syn_options(struct tcb *tcb, const struct tcp_env *env,
                                const struct tcp_seg *syn);
void estab_tcp_update_smss(struct tcb *tcb);
/* The MSS option of our SYN when the link takes `mss` octets, and the user perhaps less. */
uint16_t estab_tcp_announced_mss(const struct estab_tcp_options *opt, uint32_t mss);

/* arrives_*.c */
enum seg_verdict estab_tcp_arrives_syn_sent(struct tcb *tcb, struct tcp_env *env,
                                            struct tcp_seg *seg, struct tcp_out *reply);
enum seg_verdict estab_tcp_arrives_other(struct tcb *tcb, struct tcp_env *env, struct tcp_seg *seg,
                                         struct tcp_out *reply);
/* <SEQ=SEG.ACK><CTL=RST>, RFC 9293 §3.5.2 */
void estab_tcp_reset_for_ack(const struct tcp_seg *seg, struct tcp_out *reply);

#endif
