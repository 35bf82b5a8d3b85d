/* SPDX-License-Identifier: MIT */
/*
 * Captured packets as connections: who opened, what either end must have known, which segments
 * were sent again and why, how it ended. Nobody told us: everything here is inferred from what
 * passed one point of the path, in the words of estab/trace.h.
 *
 *   parse.c     a packet as a segment, as far as it was captured
 *   analysis.c  finds the connection, asks the others, keeps the tables bounded
 *   sent.c      what the sender did: new text, again, a probe, an ACK, and why
 *   states.c    the eleven states of both ends
 *   verdicts.c  what an operator wants to be told (verdicts.h)
 *   told.c      what the comments of estab's own captures say instead
 *   records.c   a segment as the trace records of both hosts, for view/
 *
 * Memory is bounded by the options; no input makes it fail. Same input, same output.
 */
#ifndef ESTAB_TRACE_ANALYSIS_H
#define ESTAB_TRACE_ANALYSIS_H

#include "estab/trace.h"
#include "trace/capture.h"

enum { END_A = 0, END_B = 1 }; /* A opens, or is seen first */

enum {
    ENDS_HELD = 8,     /* ranges out of order that are told apart, for each end */
    EVIDENCE_KEPT = 3, /* numbers of segments kept for each observation */
};

/* A TCP segment as captured. */
struct packet_seen {
    uint64_t number;
    estab_time at;
    struct estab_endpoint from, to;
    struct estab_trace_segment seg;
    uint8_t ttl, ecn;
    uint16_t ip_id; /* IPv4 */
    uint16_t checksum;
    bool has_ip_id;
    bool summed, damaged;  /* captured whole, and then: the TCP checksum is wrong */
    uint32_t octets;       /* of the IP packet */
    const uint8_t *packet; /* what of it was captured; as long as the call */
    uint32_t packet_len;
    const char *comment; /* the same */
};

/* What was noticed, with the numbers of the first segments and of the last. */
struct evidence {
    uint32_t count;
    uint64_t first[EVIDENCE_KEPT], last;
};

/* clang-format off */
#define OBSERVATIONS(X)                                                                            \
    X(SYN) X(SYN_ACK) X(FIN) X(RST) X(FAST) X(TIMEOUT) X(LOSS_PROBE) X(AFTER_TIMEOUT)              \
    X(OTHER_AGAIN) X(SPURIOUS) X(REORDERED) X(DOUBLED) X(NOT_CAPTURED) X(DAMAGED) X(KEEPALIVE)     \
    X(WINDOW_PROBE) X(ZERO_WINDOW) X(SHRUNK) X(STALL) X(CHALLENGED) X(RST_IGNORED)                 \
    X(ACK_UNSEEN) X(MARKED) X(ECHO) X(TINY) X(LARGE_LOST) X(AFTER_RESET) X(BEYOND_MSS) X(ICMP)     \
    X(TOO_BIG) X(TTL) X(DATA_AFTER_FIN) X(OLD_CONNECTION)
/* clang-format on */

enum observation {
#define X(name) SAW_##name,
    OBSERVATIONS(X)
#undef X
        OBSERVATION_COUNT
};

/* Text, SYN or FIN on its way: between its first sending and its ACK. */
struct outstanding {
    struct outstanding *next;
    uint32_t seq, end;
    estab_time first, last;
    uint64_t number;
    uint32_t ts_val; /* of the last sending */
    uint16_t ip_id, checksum;
    uint8_t times;
    bool was_probe;
};

struct range_seen {
    uint32_t left, right;
};

/* One end, as a sender and as the receiver of the other's. */
struct end_seen {
    struct estab_endpoint at;
    uint8_t state; /* enum estab_state; with has_state */
    bool has_state, has_isn, has_fin, fin_was_answer, fin_carried_text;
    uint32_t isn, fin_end;

    /* as a sender; valid with has_isn */
    uint32_t snd_una, snd_max; /* acknowledged by the other; after the last octet sent */
    uint32_t contiguous;       /* all before it has passed here */
    unsigned n_held;
    struct range_seen held[ENDS_HELD]; /* what has passed behind it, in order */
    estab_time hole_at, una_at, sent_at, timer_at, contiguous_at;
    estab_time fin_acked_at; /* when the ACK of its FIN passed here; 0: not yet */
    uint32_t fin_acked_ts;   /* TSval of that ACK, with has_fin_acked_ts */
    bool has_fin_acked_ts;
    uint32_t fin_acked_behind; /* what comes there before it, in order */
    unsigned strays;           /* in a row */
    uint32_t stray_seq;
    struct outstanding *oldest, *newest;
    unsigned n_outstanding;
    unsigned duplicate_acks;
    bool has_sacked, in_recovery, after_timeout, probed;
    uint32_t sacked_high, recover;
    uint32_t dsack_left, dsack_right;

    /* as a receiver */
    bool has_ack, has_wnd;
    uint32_t last_ack, last_wnd; /* of the last segment that it sent; the window scaled */
    uint32_t wnd_max, wnd_min, right_edge;
    estab_time zero_since, got_text_at, got_last_at;
    bool zero, got_probe, owes_ack, owes_duplicate, owes_challenge;
    bool lacks_text; /* it still asks for what has passed here: lost behind here, or dropped */

    /* options of its SYN, and what it sends */
    bool has_syn, has_mss, has_wscale, sack_permitted, has_ts, ecn_setup, fast_open, has_ttl;
    uint8_t wscale, ttl;
    uint16_t mss;
    uint32_t ts_max;

    uint64_t segments, octets, text, text_again, pure_acks, good_checksums, bad_checksums;
    uint32_t keepalives_unanswered; /* in a row */
    uint32_t largest;               /* text of a segment */
    estab_time first_text_at, last_text_at, zero_time, limited_since, limited_time, busy_since,
        busy_time;
    estab_time srtt, rttvar, rtt_min, rtt_max, rtt_sum,
        rtt_last;                     /* from here to the other end and back */
    uint64_t rtt_samples, rtt_number; /* of the last: which ACK gave it */
    estab_time waits_since;           /* in CLOSE-WAIT */
    estab_time close_wait_time;
    estab_time asked_at; /* its text that nothing has answered */
    uint64_t asked_number;
    estab_time slowest_answer; /* of the other to its text */
    uint64_t slowest_question, slowest_number;
    uint32_t acked_large; /* the largest text segment ever acknowledged */
    bool stall_possible;
    uint32_t stall_end;
    estab_time stall_at, stall_acked_at, stall_time;
    uint64_t stall_number;

    struct evidence saw[OBSERVATION_COUNT];
};

enum how_begun {
    BEGUN_UNSEEN,
    BEGUN_SYN,
    BEGUN_REFUSED,
    BEGUN_ANSWERED,
    BEGUN_WHOLE,
    BEGUN_CROSSED
};
enum how_ended { ENDED_NOT, ENDED_HALF, ENDED_THREE, ENDED_FOUR, ENDED_CROSSED, ENDED_RESET };

struct connection {
    uint64_t number; /* from 1, in order of the first packet */
    struct end_seen end[2];
    enum how_begun begun;
    enum how_ended ended;
    bool text_in_syn;
    uint8_t reset_by; /* with ENDED_RESET */
    bool half_open;   /* one end had forgotten it */
    bool reused;      /* another one followed with the same ports */
    uint8_t icmp_type, icmp_code, icmp_family;
    uint64_t icmp_number;
    struct estab_addr icmp_from;
    uint64_t segments, told; /* told: with a comment of estab's */
    uint64_t first_number, last_number;
    estab_time first_at, last_at, established_at, reset_at, idle_before_last, syn_ack_at;
    estab_time seen_until; /* the end of the capture, when it is told */
    uint64_t syn_ack_number, first_fin_number, second_fin_number, reset_number;
    uint8_t first_fin;
    uint64_t reset_text;    /* octets on their way to whom sent the RST */
    estab_time reset_idle;  /* silence before what the RST answered */
    estab_time reset_after; /* since that */
    bool reset_answers_text, reset_after_fin;
    uint64_t reset_answers; /* the segment */

    struct connection *newer, *older, *chain; /* of analysis.c */
    uint64_t hash;
    uint64_t user; /* for whoever keeps something beside it */
};

/* A segment, with what is thought of it. */
struct segment_seen {
    const struct packet_seen *packet;
    struct connection *conn;
    uint8_t from;
    uint16_t reason;     /* enum estab_reason: why it was sent, as it seems */
    uint16_t verdict;    /* enum estab_verdict: what the other made of it, if it came there */
    bool is_new;         /* of the connection: its first segment */
    bool is_old, is_gap; /* every octet has passed before; one in front of it has not */
    bool is_stray;       /* lies where the other end can take nothing: of another connection */
    uint8_t left_in;     /* the state in which its sender was when it left */
    /* States of the ends before and after, and the causes. The sender's had changed before. */
    struct {
        bool known, was_known, told;
        uint8_t before, after, inferred; /* what was thought, when it was told otherwise */
        uint16_t cause;
    } state[2];
    /* A comment of estab's own has told; what was thought before that. */
    bool reason_told, verdict_told;
    uint16_t inferred_reason, inferred_verdict;
    uint32_t told_cwnd, told_ssthresh; /* of the sender; 0: not told */
};

struct analysis_options {
    uint32_t max_connections; /* held at the same time; 0: 65,536 */
    uint32_t max_outstanding; /* segments on their way, of all together; 0: 262,144 */
    uint8_t key[16];          /* of the table: no capture can aim at its slots */
    void *ctx;
    void (*segment)(void *ctx, const struct segment_seen *s);
    /* It is over, has made room, or the capture has ended; in the order of their numbers at the
     * end of the capture. */
    void (*connection)(void *ctx, const struct connection *c);
};

struct analysis_totals {
    uint64_t packets, tcp, other, unread, malformed, fragments, damaged, connections, evicted, icmp;
    uint64_t forgotten; /* segments on their way for which there was no room */
    uint64_t link_unknown;
    uint32_t unknown_link;
    estab_time first_at, last_at;
};

struct analysis;

struct analysis *estab_analysis_new(const struct analysis_options *options);
void estab_analysis_packet(struct analysis *a, const struct capture_packet *packet);
/* Tells of every connection still held. */
void estab_analysis_finish(struct analysis *a);
const struct analysis_totals *estab_analysis_totals(const struct analysis *a);
void estab_analysis_free(struct analysis *a);

/* ---- the rooms, for each other ---- */

enum parsed { PARSED_TCP, PARSED_ICMP, PARSED_OTHER, PARSED_FRAGMENT, PARSED_MALFORMED };

/* An ICMP error about a segment. */
struct icmp_seen {
    struct estab_addr from;
    uint8_t family, type, code;
    struct estab_endpoint local, remote; /* of the segment it is about */
};

enum parsed estab_trace_parse(struct packet_seen *p, struct icmp_seen *icmp, const uint8_t *ip,
                              uint32_t len, uint32_t wire_len);

void estab_trace_saw(struct evidence *e, uint64_t number);

/* What the sender did and why; takes it into its books. `older` room for what is on its way. */
struct outstanding_pool {
    struct outstanding *free;
    uint64_t forgotten;
};
void estab_trace_sent(struct connection *c, struct segment_seen *s, struct outstanding_pool *pool);
void estab_trace_forget_outstanding(struct end_seen *e, struct outstanding_pool *pool);

/* The sender's state as the segment shows it, before it is taken into the books. */
void estab_trace_sender_state(struct connection *c, struct segment_seen *s);
/* The receiver's, if the segment comes to it; after. */
void estab_trace_receiver_state(struct connection *c, struct segment_seen *s);

/* What the packet's comment tells, in place of what was inferred. */
void estab_trace_told(struct segment_seen *s);

/* ---- a segment as trace records ---- */

typedef void record_sink(void *ctx, const struct estab_trace *record);
/* The records of host 0 (A) and host 1 (B) that tell the same: what changed, what was sent, what
 * came. `origin` is subtracted from the time. */
void estab_trace_records(const struct segment_seen *s, estab_time origin, record_sink *sink,
                         void *ctx);

#endif
