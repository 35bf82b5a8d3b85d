/* SPDX-License-Identifier: MIT */
/*
 * What must hold at every instant of every run, read from the outside: the public calls, the trace
 * records and the packets themselves. Each rule has a name and a sentence; the first that does not
 * hold ends the run.
 */
#ifndef SIM_INVARIANTS_H
#define SIM_INVARIANTS_H

#include "sim/apps.h"
#include "sim/world.h"

/* clang-format off */
#define SIM_RULES(X)                                                                                \
    /* what arrives */                                                                              \
    X(ONE_VERDICT,        "one-verdict",        "a packet got no verdict, or more than one")        \
    X(VERDICT_COUNTED,    "verdict-counted",    "the verdict counters do not add up to packets_in") \
    X(CORRUPT_DROPPED,    "corrupt-dropped",    "a packet with a wrong checksum, or a lie about what was never sent, was believed")      \
    X(TRACE_IN_TRUE,      "trace-in-true",      "the record shows another packet than the one that arrived") \
    X(RECORD_NOW,         "record-now",         "a record bears another time than it was made at")  \
    X(ACCEPT_IN_WINDOW,   "accept-in-window",   "text was accepted beyond the window that was advertised") \
    /* what is sent */                                                                              \
    X(REASON_GIVEN,       "reason-given",       "a packet was sent without a reason")               \
    X(REASON_COUNTED,     "reason-counted",     "the reason counters do not add up to packets_out") \
    X(TRACE_OUT_TRUE,     "trace-out-true",     "the record shows another segment than the octets sent") \
    X(PACKET_OUT_TRACED,  "packet-out-traced",  "packets handed out and records of them differ in number") \
    X(CHECKSUM_RIGHT,     "checksum-right",     "a packet was sent with a wrong checksum")          \
    X(PACKET_WHOLE,       "packet-whole",       "a packet was sent that is malformed or longer than its headers say") \
    X(SOURCE_OURS,        "source-ours",        "a packet was sent from an address the interface does not have") \
    X(RIGHT_MAC,          "right-mac",          "a frame was sent to another station than its packet is for, or not as ours") \
    X(ASKS_SELDOM,        "asks-seldom",        "the same question for a neighbour was sent to all twice within a second") \
    X(SEGMENT_SANE,       "segment-sane",       "a segment was sent without ACK, or with SYN and FIN or RST together") \
    X(MSS_RESPECTED,      "mss-respected",      "a segment was sent that is larger than the peer's MSS") \
    X(SEND_WINDOW,        "send-window",        "text was sent beyond the peer's window")           \
    X(WINDOW_GRANTED,     "window-granted",     "SND.UNA + SND.WND is beyond what the peer ever granted") \
    X(CWND_RESPECTED,     "cwnd-respected",     "new text was sent beyond the congestion window")   \
    X(TEXT_GENUINE,       "text-genuine",       "the text on the wire is not what the user said")   \
    X(NOTHING_AFTER_FIN,  "nothing-after-fin",  "text was sent behind the FIN, or the FIN moved")   \
    X(ACK_FORWARD,        "ack-forward",        "SEG.ACK went backwards")                           \
    X(RIGHT_EDGE,         "right-edge",         "the right edge of the window moved left")          \
    X(RIGHT_EDGE_ROUNDED, "right-edge-rounded", "the right edge moved left by less than the window scale can express") \
    X(OPTION_AGREED,      "option-agreed",      "an option was sent that was not agreed, or an agreed one was left out") \
    X(TS_FORWARD,         "ts-forward",         "TSval went backwards")                             \
    X(SACK_SANE,          "sack-sane",          "a SACK block is empty, acknowledged or beyond the window") \
    X(ACKS_BOUNDED,       "acks-bounded",       "more ACKs were sent than segments received")       \
    X(RESET_UNANSWERED,   "reset-unanswered",   "a reset was answered by a reset")                  \
    X(CHALLENGE_RATE,     "challenge-rate",     "challenge ACKs closer together than challenge_gap") \
    X(RST_RATE,           "rst-rate",           "more RSTs to nobody than rst_per_second allows")   \
    X(UNVERIFIED_BOUNDED, "unverified-bounded", "more went to an end that has proved nothing than it has paid for") \
    X(SILENT_AFTER_RESET, "silent-after-reset", "a connection that was reset went on talking")      \
    X(ISN_FORWARD,        "isn-forward",        "the next ISN of the same two ends lies before the last") \
    X(ACK_IN_TIME,        "ack-in-time",        "what was received in order stayed unacknowledged for longer than 0.5 s") \
    X(RTO_PATIENCE,       "rto-patience",       "a retransmission timeout earlier than rto_min after the last sending") \
    /* states and timers */                                                                         \
    X(STATE_CONTINUOUS,   "state-continuous",   "a state change begins in another state than the last one ended in") \
    X(STATE_LEGAL,        "state-legal",        "a state change that RFC 9293 §3.3.2 does not know") \
    X(CAUSE_GIVEN,        "cause-given",        "a state changed without a cause")                  \
    X(TIME_WAIT_2MSL,     "time-wait-2msl",     "TIME-WAIT did not last exactly 2MSL")              \
    X(TIMER_EXACT,        "timer-exact",        "a timer fired at another instant than it was set to") \
    X(TIMER_AHEAD,        "timer-ahead",        "a timer stands in the past")                       \
    X(TIMER_RUNS,         "timer-runs",         "something is unacknowledged or unsent and no timer runs") \
    X(TIMER_FITS,         "timer-fits",         "a timer runs that has no business in this state")  \
    X(TIMER_NEAR,         "timer-near",         "a retransmission timer stands further ahead than rto_max allows") \
    X(DEADLINE_COVERS,    "deadline-covers",    "the stack's deadline is later than a connection's timer") \
    X(TIMERS_COUNTED,     "timers-counted",     "timers are armed and nothing is there, or the other way round") \
    /* what a connection says of itself */                                                          \
    X(UNA_NXT,            "una-nxt",            "SND.UNA =< SND.NXT =< what was queued does not hold") \
    X(UNA_FORWARD,        "una-forward",        "SND.UNA, SND.NXT or RCV.NXT went backwards")       \
    X(FLIGHT,             "flight",             "the flight is larger than SND.NXT - SND.UNA")      \
    X(RCV_EDGE,           "rcv-edge",           "RCV.NXT + RCV.WND moved left")                     \
    X(RINGS,              "rings",              "a ring is smaller than its content, too large, or no power of two") \
    X(RING_RETURNED,      "ring-returned",      "an empty send buffer keeps its ring")              \
    X(BYTES_COUNTED,      "bytes-counted",      "bytes_received is not what the user got plus what is queued") \
    X(CWND_FLOOR,         "cwnd-floor",         "an open connection may send less than an octet")   \
    X(BUFFER_PROMISED,    "buffer-promised",    "more was promised to the peer than the buffer may hold") \
    X(ENDS_UNIQUE,        "ends-unique",        "two records stand for the same two ends")          \
    X(HANDLES_UNIQUE,     "handles-unique",     "the walk over all records gives a handle twice or none") \
    /* the host's books */                                                                          \
    X(COUNTS_AGREE,       "counts-agree",       "the status counts other records than the walk finds") \
    X(LIMITS,             "limits",             "a table holds more than its configured limit")     \
    X(MEMORY_TRACED,      "memory-traced",      "the memory records do not add up to what the status says") \
    X(MEMORY_COUNTED,     "memory-counted",     "bytes_taken is not what the allocator gave")       \
    X(MEMORY_BUDGET,      "memory-budget",      "more memory was taken than the budget allows")     \
    X(NEIGHBOUR_TRUE,     "neighbour-true",     "the cache has another hardware address than the neighbour has") \
    X(EVENT_SANE,         "event-sane",         "an event without bits, or for no connection")      \
    X(QUIET_WHEN_EMPTY,   "quiet-when-empty",   "a host without connections has timers, ports, records or buffers") \
    /* the end */                                                                                   \
    X(ALL_END,            "all-end",            "the network healed and a connection did not end in time") \
    X(EMPTY_AT_END,       "empty-at-end",       "everybody has gone and the host still holds something")
/* clang-format on */

enum sim_rule {
#define X(id, name, text) SIM_RULE_##id,
    SIM_RULES(X)
#undef X
        SIM_RULE_COUNT
};

/* What the outside knows of one pair of endpoints on one host: the present incarnation, and what
 * counts over all of them. */
struct sim_flow {
    bool used;
    uint32_t host;
    struct estab_endpoint local, remote;

    uint8_t state;
    estab_time time_wait_at; /* entered, or begun anew */
    uint64_t segments_in, acks_out, answerable_in, resets_out;
    uint64_t unverified_in, unverified_out; /* while it is half-open, or a cookie */
    bool has_last_iss;                      /* of an incarnation before */
    uint32_t last_iss;
    estab_time last_iss_at;

    /* The last SYN that was accepted, for a SYN,ACK of ours that may follow */
    struct estab_trace_segment syn_in;
    bool has_syn_in;

    /* This incarnation; cleared when a SYN with a new ISN leaves */
    bool open;
    uint32_t iss;
    struct estab_trace_segment ours, theirs; /* the two SYNs */
    bool has_theirs;
    bool has_right_edge, has_in_edge, has_ack_out, has_fin, has_ts;
    uint32_t right_edge; /* advertised: the largest SEG.ACK + SEG.WND sent */
    uint32_t in_edge;    /* granted: the largest SEG.ACK + SEG.WND received */
    uint32_t probe_edge; /* end of the furthest zero-window probe */
    uint32_t ack_out, sent_end, fin_seq, ts_val;
    uint32_t una_in;       /* SND.UNA as the last segment left it */
    estab_time timer_base; /* when RFC 6298 §5 last began the retransmission timer */
    estab_time timed_out;  /* when that timer last fired */
    bool has_challenge;
    bool was_reset; /* by us */
    estab_time challenge_at;
    estab_time unacked_since; /* text in order that no segment of ours has acknowledged */
    uint32_t unacked_to;
    uint64_t stream;
    const struct sim_actor *actor;

    /* As the last status showed it */
    uint64_t visited; /* in which round of looking */
    bool seen;
    uint64_t conn;
    uint32_t una, nxt, rcv_nxt, rcv_edge;
    uint8_t timer;
    estab_time timer_at;
};

/* A question to all of an Ethernet, and when it was asked last. */
struct sim_question {
    struct estab_addr target;
    unsigned ifindex;
    estab_time at;
};
#define SIM_QUESTIONS 16

struct sim_host_books {
    struct sim_question asked[SIM_QUESTIONS];
    unsigned n_asked;
    bool expects_input;
    const struct estab_frame *frames;
    const bool *must_drop;
    size_t n_frames, n_verdicts;
    uint64_t records_out;
    int64_t bytes_held;
    estab_time second;
    uint64_t rst_to_nobody;
};

struct sim_checks {
    struct sim_world *world;
    const struct sim_apps *apps; /* NULL: nobody knows the streams */
    struct sim_flow *flows;      /* open addressing; never shrinks */
    size_t n_flows, cap_flows;
    struct sim_host_books *books;
    size_t n_books;
    uint64_t *handles;
    size_t cap_handles;
    bool accepted[ESTAB_VERDICT_COUNT];
    uint64_t evaluated; /* how often a host was looked at */
};

/* Looks on from now; the hosts have been added. `apps` may be NULL. */
bool sim_checks_init(struct sim_checks *c, struct sim_world *w, const struct sim_apps *apps);
void sim_checks_fini(struct sim_checks *c);
/* Everybody has gone: every host must be empty. */
void sim_checks_end(struct sim_checks *c);
const char *sim_rule_name(enum sim_rule rule);
/* For rules that somebody else decides. */
void sim_violated(struct sim_world *w, enum sim_rule rule, uint32_t host, uint64_t conn, uint64_t a,
                  uint64_t b);

#endif
