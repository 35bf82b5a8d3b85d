/* SPDX-License-Identifier: MIT */
/*
 * The rules of TCP that the lab can take away, one at a time, to show what each is for; and the
 * faults that the tests must notice. RULE(env, name) is the constant true in libestab: only
 * sources compiled with -DESTAB_LAB, into libestab-lab.a, read the table. The sentence says what
 * the host does while the rule is in force.
 */
#ifndef TCP_RULES_H
#define TCP_RULES_H

#include <stdbool.h>

/* clang-format off */
#define ESTAB_RULES(X)                                                                              \
    X(closed_rst,         "a segment for nobody is answered with RST", "RFC 9293 §3.10.7.1")        \
    X(listen_rst,         "LISTEN ignores RST", "RFC 9293 §3.10.7.2, first")                        \
    X(listen_ack,         "an ACK to LISTEN is answered with RST", "RFC 9293 §3.10.7.2, second")    \
    X(listen_syn_fin,     "SYN with FIN opens nothing", "RFC 9293 §3.10.7.2")                       \
    X(syn_sent_ack,       "in SYN-SENT an ACK must be of our SYN", "RFC 9293 §3.10.7.3, first")     \
    X(syn_sent_rst,       "in SYN-SENT a RST needs an ACK of our SYN", "RFC 9293 §3.10.7.3, second") \
    X(crossing_syn,       "a crossing SYN is a simultaneous open", "RFC 9293 §3.10.7.3, fourth")    \
    X(half_open_sequence, "SYN-RECEIVED checks the sequence number", "RFC 9293 §3.10.7.4, first")   \
    X(half_open_rst,      "a RST in SYN-RECEIVED goes back to LISTEN", "RFC 9293 §3.10.7.4, second") \
    X(sequence_check,     "what is outside the window is not processed", "RFC 9293 §3.10.7.4, first") \
    X(answer_outside,     "what is outside the window is answered", "RFC 9293 §3.10.7.4, first")    \
    X(rst_window,         "a RST outside the window is dropped in silence", "RFC 5961 §3.2")        \
    X(rst_exact,          "a RST must be at RCV.NXT", "RFC 5961 §3.2")                              \
    X(rst_ends,           "a RST at RCV.NXT ends the connection", "RFC 9293 §3.10.7.4, second")     \
    X(syn_challenge,      "a SYN on a connection is challenged", "RFC 5961 §4.2")                   \
    X(ack_bit,            "without ACK nothing is processed", "RFC 9293 §3.10.7.4, fifth")          \
    X(ack_unsent,         "an ACK of what was not sent is refused", "RFC 9293 §3.10.7.4, fifth")    \
    X(ack_old,            "an ACK older than MAX.SND.WND is refused", "RFC 5961 §5.2")              \
    X(ack_moves_una,      "an acceptable ACK moves SND.UNA", "RFC 9293 §3.10.7.4, fifth")           \
    X(fin_acked,          "the ACK of our FIN changes the state", "RFC 9293 §3.10.7.4, fifth")      \
    X(trim_left,          "octets received before are cut off", "RFC 9293 §3.10.7.4, seventh")      \
    X(trim_right,         "octets beyond the window are cut off", "RFC 9293 §3.10.7.4, seventh")    \
    X(text_after_fin,     "text behind the peer's FIN is ignored", "RFC 9293 §3.10.7.4, seventh")   \
    X(fin_in_order,       "a FIN counts when all before it is here", "RFC 9293 §3.10.7.4, eighth")  \
    X(fin_acknowledged,   "a FIN is acknowledged", "RFC 9293 §3.10.7.4, eighth")                    \
    X(fin_takes_a_number, "a FIN takes one sequence number", "RFC 9293 §3.4")                       \
    X(fin_changes_state,  "the peer's FIN changes the state", "RFC 9293 §3.10.7.4, eighth")         \
    X(paws,               "old timestamps are refused", "RFC 7323 §5.3")                            \
    X(time_wait,          "2MSL are waited", "RFC 9293 §3.6.1")                                     \
    X(time_wait_rst,      "TIME-WAIT ignores RST", "RFC 1337 §3 (F1)")                              \
    X(time_wait_fin,      "a FIN in TIME-WAIT is acknowledged again", "RFC 9293 §3.10.7.4, eighth") \
    X(time_wait_restart,  "a FIN in TIME-WAIT starts 2MSL anew", "RFC 9293 §3.10.7.4, eighth")      \
    X(time_wait_new_syn,  "only a newer SYN ends TIME-WAIT", "RFC 6191 §2")                         \
    X(time_wait_answer,   "old segments in TIME-WAIT are answered", "RFC 9293 §3.10.7.4, first")    \
    X(three_way_handshake, "a connection opens with the third segment", "RFC 9293 §3.5")            \
    X(random_isn,         "initial sequence numbers cannot be guessed", "RFC 9293 §3.4.1, RFC 6528") \
    X(syn_cookies,        "a full SYN queue is answered with cookies", "RFC 4987 §3.6")             \
    X(retransmission,     "what is not acknowledged is sent again", "RFC 9293 §3.8.1")              \
    X(backoff,            "each timeout doubles the next", "RFC 6298 §5.5")                         \
    X(give_up,            "R2 ends what nobody answers", "RFC 9293 §3.8.3")                         \
    X(keepalive,          "a silent peer is asked whether it lives", "RFC 9293 §3.8.4")             \
    X(fin_wait_2,         "an orphan does not wait in FIN-WAIT-2 for ever", "decisions.md")         \
    X(half_close,         "after the peer's FIN there is still something to say", "RFC 9293 §3.6")  \
    X(window_probe,       "a closed window is probed", "RFC 9293 §3.8.6.1")                         \
    X(sws_avoidance,      "small windows and small segments are avoided", "RFC 9293 §3.8.6.2")      \
    X(nagle,              "a small segment waits while others are out", "RFC 9293 §3.7.4")          \
    X(delayed_ack,        "an ACK waits for company", "RFC 9293 §3.8.6.3")                          \
    X(congestion_control, "no more is sent than the network bears", "RFC 5681 §3")                  \
    X(sack,               "what came out of order is told", "RFC 2018 §4")                          \
    X(rack,               "what was sent before something delivered is lost", "RFC 8985 §6")        \
    X(loss_probe,         "a tail that stays unanswered is probed", "RFC 8985 §7")                  \
    X(checksum,           "a segment with a wrong checksum is dropped", "RFC 9293 §3.1")            \
    X(rst_unanswered,     "a RST is never answered by a RST", "RFC 9293 §3.10.7.1")                 \
    X(peer_mss,           "no segment is larger than the peer's MSS", "RFC 9293 §3.7.1")            \
    X(send_window,        "no text goes beyond the peer's window", "RFC 9293 §3.8.6")               \
    X(right_edge,         "the window that was offered is not taken back", "RFC 9293 §3.8.6")       \
    X(ack_in_time,        "an ACK waits for less than 0.5 s", "RFC 9293 §3.8.6.3")                  \
    X(option_in_answer,   "a SYN,ACK has an option only in answer to it", "RFC 9293 §3.1")          \
    X(timestamps_always,  "once agreed, every segment has a timestamp", "RFC 7323 §3.2")            \
    X(rto_floor,          "the timeout is never shorter than its minimum", "RFC 6298 §2.4")         \
    X(challenge_rate,     "challenges are few", "RFC 5961 §7")                                      \
    X(half_open_limit,    "half-open records have a limit", "RFC 4987 §3")
/* clang-format on */

/* true: in force. */
struct estab_rules {
#define X(name, text, rule) bool name;
    ESTAB_RULES(X)
#undef X
};

#ifdef ESTAB_LAB
#define RULE(env, name) ((env)->rules->name)
#else
#define RULE(env, name) ((void)(env), true)
#endif

#endif
