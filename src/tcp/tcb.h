/* SPDX-License-Identifier: MIT */
/*
 * The transmission control block: everything one connection remembers, in the RFC's words
 * (RFC 9293 §3.3.1, RFC 7323, RFC 6298, RFC 5681). The addresses, the handle and the lists it
 * stands in belong to the record of stack/ around it.
 */
#ifndef TCP_TCB_H
#define TCP_TCB_H

#include "base/ranges.h"
#include "base/ring.h"
#include "estab/config.h"
#include "estab/trace.h"
#include "tcp/seq.h"

#include <stdbool.h>
#include <stdint.h>

/* The public words without their prefix, so that the code reads like the RFC. */
enum tcp_state {
#define X(name, text) TCPS_##name = ESTAB_TCPS_##name,
    ESTAB_STATES(X)
#undef X
};
enum seg_verdict {
#define X(name, text, rule) SEG_##name = ESTAB_SEG_##name,
    ESTAB_VERDICTS(X)
#undef X
        SEG_CONTINUE = ESTAB_SEG_NONE, /* this check found nothing: go on with the next */
};
enum send_reason {
#define X(name, text, rule) WHY_##name = ESTAB_WHY_##name,
    ESTAB_REASONS(X)
#undef X
};
enum state_cause {
#define X(name, text, rule) CAUSE_##name = ESTAB_CAUSE_##name,
    ESTAB_CAUSES(X)
#undef X
};
enum conn_timer {
#define X(name, text) TIMER_##name = ESTAB_TIMER_##name,
    ESTAB_TIMERS(X)
#undef X
};

/* What loss recovery is doing (RFC 5681 §3.2, RFC 6582, RFC 6298 §5). */
enum recovery { RECOVERY_NONE, RECOVERY_FAST, RECOVERY_RTO };

/* What an algorithm of congestion control is in, besides slow start and avoidance. */
enum cc_phase {
    CC_INITIAL,      /* slow start, nothing lost yet: tcb->ca.hystart */
    CC_CONSERVATIVE, /* the same in RFC 9406's Conservative Slow Start */
    CC_CUBIC,        /* tcb->ca.cubic; congestion avoidance has not begun since the last loss */
    CC_CUBIC_EPOCH,  /* it has */
};

/* RFC 9406; microseconds, 0: none */
struct hystart {
    uint32_t last_min, current_min; /* lastRoundMinRTT, currentRoundMinRTT */
    uint32_t css_baseline;          /* cssBaselineMinRtt */
    tcp_seq window_end;             /* windowEnd */
    uint32_t round_at, train_at;    /* when the round began; the last ACK of its train */
    uint8_t samples;                /* rttSampleCount, up to what is enough */
    uint8_t css_rounds;
    bool started; /* window_end counts */
};

/* RFC 9438; octets and milliseconds */
struct cubic {
    uint32_t w_max, cwnd_prior;
    uint32_t k_ms;
    uint32_t elapsed_ms; /* t: since the epoch began, but for what seen_ms has skipped */
    uint32_t seen_ms;    /* the time up to which t was counted */
    bool after_timeout;  /* the next epoch is the first after a timeout */
    uint64_t w_est;      /* in units of 2^-24 octets */
};

struct bbr;
union cc_state {
    struct hystart hystart;
    struct cubic cubic;
    struct bbr *bbr;
};

struct cc_ops;
struct flight;
struct undo;
struct cwv;

/* What has become of mms_s, for others that go the same way. */
enum path_news { PATH_NO_NEWS, PATH_NARROWER, PATH_WIDER };

/*
 * In blocks as large as a cache line, 64 octets: first what every segment looks at, in and out, then
 * what round trips and losses want, last what few segments do. tests/stack/layout_test.c prints it
 * and holds it to that. (Slots of whole lines were tried: eight octets more, and no miss less.)
 */
struct tcb {
    uint8_t state; /* enum tcp_state; written by enter_state() alone */
    uint8_t error; /* enum estab_err, why the connection ended; 0: it did not, or in order */
    uint8_t soft_error;
    uint8_t timer_kind;       /* of rtx_at: TIMER_RETRANSMIT, _PERSIST, _OVERRIDE */
    uint8_t retransmissions;  /* timeouts in a row without progress */
    uint8_t backoff;          /* doublings of the RTO in force (RFC 6298 §5.5) */
    uint8_t keepalive_probes; /* unanswered */
    uint8_t dupacks;
    uint8_t recovery;   /* enum recovery */
    uint8_t cc_phase;   /* enum cc_phase */
    uint8_t acks_owed;  /* immediate ACKs to send; RFC 5681 §4.2: never more than segments came */
    uint8_t ack_reason; /* enum send_reason of the next pure ACK */
    uint8_t quickacks;  /* full-sized segments still acknowledged at once */
    uint8_t rcv_same;   /* segments in a row of rcv_len octets */
    uint8_t snd_wind_shift, rcv_wind_shift;
    uint8_t syn_retransmissions;
    uint8_t ip_header_len; /* 20 or 40 */

    /* OPEN was passive: RST and SYN in SYN-RECEIVED mean something else (MUST-11). */
    bool passive : 1;
    bool fin_queued : 1;                               /* the user has said CLOSE */
    bool fin_sent : 1;                                 /* SND.NXT is beyond our FIN */
    bool fin_received : 1;                             /* RCV.NXT is beyond the peer's FIN */
    bool orphan : 1;                                   /* the user has given the handle back */
    bool timestamps : 1, sack : 1, window_scaling : 1; /* agreed in the handshake */
    bool syn_owed : 1;                                 /* a SYN or SYN,ACK is to be sent (again) */
    bool rtx_front : 1;  /* the segment at SND.UNA is to be sent again, whatever cwnd says */
    bool probe_owed : 1; /* one octet at SND.UNA, whatever the window says */
    bool keepalive_owed : 1;
    bool override : 1; /* the silly-window override has run out: send what fits */
    bool ts_recent_valid : 1;
    bool snd_up_valid : 1, rcv_up_valid : 1;
    bool reset_owed : 1; /* the peer must be told by RST; stack/ sends it and deletes the TCB */
    bool rtt_timing : 1; /* rtt_seq is being timed */
    bool limited_transmit : 1;
    bool window_update_owed : 1;
    bool user_waits_room : 1; /* a SEND was refused: tell when there is room */
    bool fin_ahead : 1;       /* a FIN arrived out of order; it stands at fin_seq */
    bool paced : 1;           /* text waits for pace_at */
    bool rcv_tuned : 1;       /* rcv_limit is below the maximum: autotune.c */
    bool mms_failed : 1;      /* a probe of the upper end has failed: by halves */
    bool mms_unproven : 1;    /* it was lowered on suspicion, and nothing has arrived since */
    uint8_t path_news : 2;    /* enum path_news, not taken by stack/ yet */
    bool rtt_reseed : 1;      /* the next RTT sample counts as the first (RFC 4015 §3.6) */
    bool rto_fired : 1;       /* the next segment sent again is the timeout's own */
    bool reordering_seen : 1; /* RACK.reordering_seen */
    bool rtt_since_probe : 1; /* an RTT sample was taken since the last loss probe */
    bool loss_probe_owed : 1;
    bool ecn : 1; /* agreed in the handshake (RFC 3168 or RFC 9768) */
    /* RFC 9768 */
    bool accecn : 1;            /* agreed: ECE and CWR are part of the ACE field */
    bool accecn_first : 1;      /* no ACE field has been read yet */
    bool accecn_third_owed : 1; /* our first pure ACK tells how the SYN,ACK arrived */
    bool accecn_no_ect : 1; /* the path wipes the field, or ECN may be unwanted: no ECT from us */
    uint8_t accecn_syn_ecn : 2; /* the IP-ECN field of the peer's SYN */
    bool ece_owed : 1;          /* a CE mark has arrived, and no CWR since */
    bool cwr_owed : 1;          /* cwnd was reduced for an ECE; the next new text says so */
    bool ecn_waits : 1;    /* cwnd is one segment and was marked: the next waits for the timer */
    bool ecn_reduced : 1;  /* ecn_high counts */
    bool path_doubted : 1; /* R1 is reached: IP should know (RFC 9293 §3.8.3) */
    bool uto_owed : 1;     /* the peer should be told our user timeout */
    bool dsack_owed : 1;   /* octets came twice, the peer should know: dsack_left, dsack_right */
    /* RFC 7413 */
    bool fast_open : 1;       /* the first SYN's text was taken, by us or the peer */
    bool fast_open_owed : 1;  /* the first SYN or SYN,ACK may carry the option */
    bool fast_open_tried : 1; /* our SYN carried it */
    bool fast_open_sent : 1;  /* and text, of which nothing is acknowledged yet */
    /* RFC 6928 §2 */
    bool first_window : 1;  /* not all of the initial or restart window is acknowledged */
    bool small_restart : 1; /* something of one was lost: the restart window is RFC 3390's */

    uint8_t r_cep, r_cep_told; /* CE marks that arrived, and as last told */
    uint8_t s_cep;             /* of ours that the peer has told, its low bits */

    uint8_t reo_wnd_steps;   /* RACK.reo_wnd_mult - 1 */
    uint8_t reo_wnd_persist; /* recoveries until reo_wnd_steps returns to 0 */
    uint8_t front_reason;    /* enum send_reason of rtx_front */
    uint8_t reset_reason;    /* enum send_reason of reset_owed */

    /* ---- block 0, behind the flags: the numbers of every segment (RFC 9293 §3.3.1) ---- */
    tcp_seq snd_una, snd_nxt;
    uint32_t snd_wnd;
    tcp_seq snd_wl1, snd_wl2;
    uint32_t max_snd_wnd; /* RFC 5961 §5.2 and the Max(SND.WND) of RFC 9293 §3.8.6.2.1 */

    /* ---- block 1 ---- */
    tcp_seq rcv_nxt;
    uint32_t rcv_wnd;      /* RCV.NXT + RCV.WND is the right edge we have promised */
    tcp_seq last_ack_sent; /* Last.ACK.sent, RFC 7323 §4.3 */
    tcp_seq iss;
    uint32_t rcv_limit; /* autotune.c: the limit of the receive buffer */
    uint16_t rcv_mss;   /* text of a segment that the peer calls full-sized */
    uint16_t rcv_len;   /* text of the last shorter one */
    uint16_t smss;      /* Eff.snd.MSS: octets of text in a full-sized segment */
    uint16_t mms_s;     /* the largest transport message IP can send: path MTU - IP header */
    uint32_t ts_recent; /* RFC 7323 */
    uint32_t ts_offset; /* hides our uptime, RFC 7323 §5.4 */
    uint32_t events;    /* enum estab_event_bits, not taken yet */
    const struct estab_tcp_options *opt; /* the host's, the listener's, or an own copy */
    const struct cc_ops *cc;
    struct flight *flight; /* RFC 8985; NULL: nothing is out, no SACK, or no memory */
    struct ranges *ooo;    /* NULL: nothing is out of order */

    /* ---- block 2 ---- */
    /* snd: from SND.UNA on (from ISS + 1 before the SYN is acknowledged). rcv: used octets wait
     * for the user, text out of order stands behind them, where `ooo` says. */
    struct ring snd, rcv;
    /* Deadlines; ESTAB_NEVER: not running */
    estab_time rtx_at;
    estab_time delack_at;

    /* ---- block 3 ---- */
    estab_time keepalive_at;
    estab_time orphan_at;        /* nobody waits for it: until when it may stay without progress */
    estab_time unanswered_since; /* R1, R2: first transmission without any progress since */
    estab_time last_sent_at;
    uint32_t cwnd, ssthresh; /* RFC 5681 */
    uint64_t bytes_sent;     /* text, once */
    uint64_t bytes_received;
    uint64_t pacing_rate; /* octets per second; 0: not paced */

    /* ---- block 4: round trips (RFC 6298), microseconds: srtt in units of 1/8, rttvar of 1/4 ---- */
    uint32_t srtt, rttvar, rto;
    tcp_seq rtt_seq;
    estab_time rtt_at;
    uint32_t min_rtt, min_rtt_at; /* RACK.min_RTT and when it was seen */
    estab_time ts_recent_at;
    struct undo *undo;  /* NULL: no reduction that may have been wrong */
    struct cwv *cwv;    /* RFC 7661; NULL: not wanted, not needed, or no memory */
    estab_time pace_at; /* when what may leave at once may again */

    /* ---- block 5: congestion control and recovery (RFC 5681, RFC 6582) ---- */
    union cc_state ca; /* by cc_phase */
    uint32_t
        bytes_acked; /* since cwnd last grew in congestion avoidance (RFC 3465), or cubic.c's rest */
    tcp_seq recover;
    union {
        tcp_seq high_rxt;    /* RECOVERY_RTO: the first octet not sent again yet */
        tcp_seq window_from; /* first_window: where the initial or restart window began */
    };
    tcp_seq ecn_high; /* SND.NXT at the last reduction for an ECE */

    /* autotune.c: what the user takes since tune_at (microseconds), and the most it ever took in a
     * round trip; the round trip as what arrives tells it, and the shortest told since tune_at,
     * microseconds, 0: not told */
    uint32_t tune_taken, tune_at, tune_space, rcv_rtt, rcv_rtt_low;

    /* ---- what few segments look at ---- */
    tcp_seq irs;
    tcp_seq snd_up, rcv_up;
    tcp_seq fin_seq;
    uint32_t remote_uto; /* seconds, the peer's user timeout (RFC 5482); 0: it has not told */
    tcp_seq dsack_left, dsack_right;

    /* Segment sizes (RFC 9293 §3.7.1) */
    uint16_t send_mss; /* SendMSS: the peer's MSS option or the default */
    /* RFC 4821: what the link takes; what may still be found; when to look again (seconds) */
    uint16_t mms_max, mms_high;
    uint16_t probe_mms; /* of the probe that is out, which begins at probe_seq; 0: none is */
    /* RFC 5927 §7.2: the largest message that has arrived; what a "packet too big" about the one at
     * pending_seq said, until a timeout confirms it; 0: none has */
    uint16_t mms_acked, pending_mms;
    uint32_t mms_next_at;
    tcp_seq probe_seq, pending_seq;
    uint32_t accecn_counters; /* RFC 9768: index of their record; 0: none */

    estab_time challenged_at; /* of the last challenge ACK */
};

#endif
