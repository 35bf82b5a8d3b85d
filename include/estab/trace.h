/* SPDX-License-Identifier: MIT */
/*
 * The one record in which the stack explains itself: every segment received has a verdict, every
 * segment sent a reason, every state change a cause, every octet of memory a moment when it is
 * taken and returned. The ladder, the captures' comments, the counters and the tests all use the
 * words of the tables below.
 */
#ifndef ESTAB_TRACE_H
#define ESTAB_TRACE_H

#include "estab/addr.h"
#include "estab/api.h"
#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* clang-format off */

/* RFC 9293 §3.3.2, in its order. */
#define ESTAB_STATES(X)                                                                             \
    X(CLOSED,       "CLOSED")                                                                       \
    X(LISTEN,       "LISTEN")                                                                       \
    X(SYN_SENT,     "SYN-SENT")                                                                     \
    X(SYN_RECEIVED, "SYN-RECEIVED")                                                                 \
    X(ESTABLISHED,  "ESTABLISHED")                                                                  \
    X(FIN_WAIT_1,   "FIN-WAIT-1")                                                                   \
    X(FIN_WAIT_2,   "FIN-WAIT-2")                                                                   \
    X(CLOSE_WAIT,   "CLOSE-WAIT")                                                                   \
    X(CLOSING,      "CLOSING")                                                                      \
    X(LAST_ACK,     "LAST-ACK")                                                                     \
    X(TIME_WAIT,    "TIME-WAIT")

/* What happened to a packet that came in: name, sentence, rule. */
#define ESTAB_VERDICTS(X)                                                                           \
    X(NONE,                   "no verdict yet", "")                                                 \
    X(ACCEPTED,               "accepted", "RFC 9293 §3.10.7.4")                                     \
    X(ACCEPTED_SYN,           "SYN accepted: half-open record made", "RFC 9293 §3.10.7.2")          \
    X(ACCEPTED_SYN_COOKIE,    "SYN queue full: answered with a cookie, nothing kept", "RFC 4987 §3.6") \
    X(ACCEPTED_FAST_OPEN,     "Fast Open: a cookie of ours, the SYN's text is taken", "RFC 7413 §4.2.2") \
    X(ACCEPTED_SYN_DUPLICATE, "same SYN again: SYN,ACK repeated", "RFC 9293 §3.10.7.4, fourth")     \
    X(ACCEPTED_SYN_TIME_WAIT, "new SYN ends TIME-WAIT", "RFC 6191 §2; RFC 9293 §3.6.1")             \
    X(ACCEPTED_RST,           "RST at RCV.NXT: connection reset", "RFC 5961 §3.2")                  \
    X(ACCEPTED_OUT_OF_ORDER,  "held for reassembly", "RFC 9293 §3.10.7.4, seventh (SHLD-31)")       \
    X(ACCEPTED_FIN_AGAIN,     "FIN repeated in TIME-WAIT: 2MSL starts anew", "RFC 9293 §3.10.7.4, eighth") \
    X(ACCEPTED_PROBE,         "outside the window: answered with an ACK", "RFC 9293 §3.10.7.4, first") \
    X(DROP_DUPLICATE,         "every octet was already received", "RFC 9293 §3.10.7.4, first")      \
    X(DROP_OUT_OF_WINDOW,     "outside the receive window", "RFC 9293 §3.10.7.4, first")            \
    X(DROP_PAWS,              "timestamp older than TS.Recent", "RFC 7323 §5.3 R1")                 \
    X(DROP_NO_TIMESTAMP,      "timestamps agreed but missing", "RFC 7323 §3.2")                     \
    X(DROP_RST_OUT_OF_WINDOW, "RST outside the receive window", "RFC 5961 §3.2")                    \
    X(DROP_RST_CHALLENGED,    "RST inside the window, not at RCV.NXT: challenged", "RFC 5961 §3.2") \
    X(DROP_RST_TIME_WAIT,     "RST ignored in TIME-WAIT", "RFC 1337 §3 (F1)")                       \
    X(DROP_RST_UNACCEPTABLE,  "RST without an acceptable ACK", "RFC 9293 §3.10.7.3, second")        \
    X(DROP_RST_LISTEN,        "RST to LISTEN", "RFC 9293 §3.10.7.2, first")                         \
    X(DROP_SYN_CHALLENGED,    "SYN in a synchronized state: challenged", "RFC 5961 §4.2")           \
    X(DROP_NO_ACK,            "ACK bit off", "RFC 9293 §3.10.7.4, fifth")                           \
    X(DROP_ACK_UNSENT,        "acknowledges something not sent", "RFC 9293 §3.10.7.4, fifth")       \
    X(DROP_ACK_OLD,           "ACK older than MAX.SND.WND allows", "RFC 5961 §5.2")                 \
    X(DROP_ACK_LISTEN,        "ACK to LISTEN: reset", "RFC 9293 §3.10.7.2, second")                 \
    X(DROP_ACK_SYN_SENT,      "ACK not of our SYN: reset", "RFC 9293 §3.10.7.3, first")             \
    X(DROP_ACK_SYN_RECEIVED,  "ACK not of our SYN,ACK: reset", "RFC 9293 §3.10.7.4, fifth")         \
    X(DROP_NO_SYN,            "neither SYN nor RST", "RFC 9293 §3.10.7.3, fifth")                   \
    X(DROP_LISTEN_OTHER,      "no SYN, no ACK, no RST for LISTEN", "RFC 9293 §3.10.7.2, fourth")    \
    X(DROP_SYN_FIN,           "SYN and FIN together", "RFC 9293 §3.10.7.2 (local policy)")          \
    X(DROP_SYN_QUEUE_FULL,    "no room for another half-open record", "RFC 4987 §3")                \
    X(DROP_ACCEPT_QUEUE_FULL, "accept queue full", "RFC 4987 §3")                                   \
    X(DROP_CONNECTION_LIMIT,  "as many connections as there may be", "limit: max_connections")         \
    X(DROP_NO_MEMORY,         "memory budget spent", "limit: memory_budget")                        \
    X(DROP_OOO_BUDGET,        "out-of-order data beyond its share of memory", "limit: out-of-order") \
    X(DROP_AFTER_CLOSE,       "data after the user has gone: reset", "RFC 9293 §3.6.1 (SHLD-3)")    \
    X(DROP_NO_CONNECTION,     "no such connection: reset", "RFC 9293 §3.10.7.1")                    \
    X(DROP_NO_CONNECTION_RST, "RST for no connection", "RFC 9293 §3.10.7.1")                        \
    X(DROP_TIME_WAIT_OLD,     "segment of an old connection", "RFC 9293 §3.6.1; RFC 1337")          \
    X(DROP_TIME_WAIT_SYN,     "SYN not new enough to end TIME-WAIT", "RFC 6191 §2")                 \
    X(DROP_CHECKSUM,          "bad TCP checksum", "RFC 9293 §3.1 (MUST-3)")                         \
    X(DROP_HEADER,            "malformed TCP header", "RFC 9293 §3.1")                              \
    X(DROP_OPTION,            "illegal option length", "RFC 9293 §3.1 (MUST-7)")                    \
    X(DROP_PORT_ZERO,         "port 0", "RFC 6335 §6")                                              \
    X(DROP_IP_VERSION,        "neither IPv4 nor IPv6", "RFC 791 §3.1; RFC 8200 §3")                 \
    X(DROP_IP_HEADER,         "malformed IP header", "RFC 791 §3.1; RFC 8200 §3")                   \
    X(DROP_IP_CHECKSUM,       "bad IPv4 header checksum", "RFC 1122 §3.2.1.2")                      \
    X(DROP_IP_FRAGMENT,       "malformed fragment", "RFC 791 §3.2; RFC 8200 §4.5")                  \
    X(DROP_FRAGMENT_TINY,     "first fragment without the whole header chain", "RFC 7112 §5; RFC 3128") \
    X(DROP_FRAGMENT_DUPLICATE, "fragment held already", "RFC 8200 §4.5")                            \
    X(DROP_FRAGMENT_OVERLAP,  "fragments contradict each other: datagram dropped", "RFC 5722 §4")   \
    X(DROP_FRAGMENT_ECN,      "a mark of congestion among fragments without ECN", "RFC 3168 §5.3")  \
    X(DROP_FRAGMENT_LIMIT,    "no room for the fragment", "limit: max_fragments, reassembly_bytes") \
    X(ACCEPTED_FRAGMENT,      "fragment held for reassembly", "RFC 791 §3.2; RFC 8200 §4.5")        \
    X(DROP_IP_SOURCE,         "source cannot be a host", "RFC 1122 §3.2.1.3 (MUST-63)")             \
    X(DROP_IP_BROADCAST,      "TCP to a broadcast or multicast address", "RFC 9293 §3.9.2.3 (MUST-57)") \
    X(DROP_IP_NOT_OURS,       "not addressed to this host", "RFC 1122 §3.2.1.3")                    \
    X(DROP_IP_PROTOCOL,       "protocol not spoken here", "RFC 1122 §3.2.2.1")                      \
    X(DROP_IP_SOURCE_ROUTE,   "source-routed", "RFC 7126 §4.3")                                     \
    X(DROP_ICMP_MALFORMED,    "malformed ICMP", "RFC 1122 §3.2.2")                                  \
    X(DROP_ICMP_UNRELATED,    "ICMP error about nothing in flight", "RFC 5927 §4.1")                \
    X(DROP_ICMP_SOURCE_QUENCH, "Source Quench", "RFC 6633 §3 (MUST-55)")                            \
    X(DROP_ICMP_UNKNOWN,      "ICMP type not acted on", "RFC 1122 §3.2.2")                          \
    X(ACCEPTED_ECHO,          "echo request: answered", "RFC 1122 §3.2.2.6; RFC 4443 §4.2")         \
    X(ACCEPTED_SOFT_ERROR,    "soft error noted", "RFC 9293 §3.9.2.2 (MUST-56)")                    \
    X(ACCEPTED_HARD_ERROR,    "hard error ends the attempt to open", "RFC 9293 §3.9.2.2; RFC 5927 §5") \
    X(ACCEPTED_PACKET_TOO_BIG, "path MTU lowered", "RFC 1191 §3; RFC 8201 §4")                      \
    X(ACCEPTED_DATAGRAM,      "datagram for the user", "RFC 768")                                   \
    X(DROP_UDP_HEADER,        "malformed UDP header", "RFC 768")                                    \
    X(DROP_UDP_CHECKSUM,      "bad UDP checksum", "RFC 1122 §4.1.3.4")                              \
    X(DROP_UDP_NO_CHECKSUM,   "UDP over IPv6 without a checksum", "RFC 8200 §8.1")                  \
    X(DROP_UDP_NO_ENDPOINT,   "nobody has bound that UDP port", "RFC 1122 §4.1.3.1")                \
    X(DROP_UDP_QUEUE_FULL,    "the endpoint's receive queue is full", "limit: receive_bytes_max, receive_count_max") \
    X(DROP_IP_OPTION,         "an option not known here asks for refusal", "RFC 8200 §4.2")         \
    X(DROP_RATE_LIMIT,        "answer withheld: rate limit", "limit: rst_per_second, icmp_per_second") \
    X(DROP_LINK_HEADER,       "malformed Ethernet header", "RFC 894; IEEE 802.1Q")                  \
    X(DROP_LINK_NOT_OURS,     "frame for another station", "RFC 894")                               \
    X(DROP_LINK_SOURCE,       "frame from no station, or from ourselves", "RFC 1812 §3.3.2")        \
    X(DROP_LINK_VLAN,         "frame of another VLAN", "IEEE 802.1Q")                               \
    X(DROP_LINK_TYPE,         "frame of a protocol not spoken", "RFC 894")                          \
    X(DROP_LINK_GROUP,        "packet for us alone in a frame for many", "RFC 1122 §3.3.6")         \
    X(ACCEPTED_ARP,           "ARP: taken", "RFC 826")                                              \
    X(DROP_ARP_MALFORMED,     "malformed ARP", "RFC 826")                                           \
    X(DROP_ARP_UNASKED,       "ARP: nobody asked", "RFC 826; RFC 5227 §3")                          \
    X(DROP_ARP_CONFLICT,      "ARP: somebody else has our address", "RFC 5227 §2.4")                \
    X(ACCEPTED_ND,            "neighbour discovery: taken", "RFC 4861 §6, §7, §8")                  \
    X(DROP_ND_HOP_LIMIT,      "neighbour discovery from beyond a router", "RFC 4861 §11.2")         \
    X(DROP_ND_MALFORMED,      "malformed neighbour discovery", "RFC 4861 §6.1, §7.1, §8.1")         \
    X(DROP_ND_UNASKED,        "neighbour discovery: nobody asked", "RFC 4861 §7.2.5, §8.3")         \
    X(DROP_ND_CONFLICT,       "neighbour discovery: somebody else has our address", "RFC 4862 §5.4") \
    X(ACCEPTED_GROUP_QUERY,   "query of groups: a report will follow", "RFC 3376 §5.2; RFC 3810 §6.2") \
    X(DROP_GROUP,             "group membership not acted on", "RFC 3376 §5; RFC 3810 §6")          \
    X(ACCEPTED_REDIRECT,      "redirect: another next hop from now on", "RFC 1122 §3.2.2.2")        \
    X(ACCEPTED_PACKET_TOO_BIG_LATER, "path MTU: believed if what it quotes times out", "RFC 5927 §7.2") \
    X(ACCEPTED_ECHO_REPLY,    "reply to an echo request of ours", "RFC 1122 §3.2.2.6; RFC 4443 §4.2") \
    X(DROP_ECHO_UNASKED,      "echo reply: nobody asked", "RFC 1122 §3.2.2.6")                      \
    X(DROP_ECHO_QUEUE_FULL,   "the echo endpoint's receive queue is full", "limit: receive_bytes_max, receive_count_max")

/* Why a packet was sent. */
#define ESTAB_REASONS(X)                                                                            \
    X(NONE,              "", "")                                                                    \
    X(SYN,               "open: our ISN", "RFC 9293 §3.10.1")                                       \
    X(SYN_FAST_OPEN,     "open, with text: the cookie vouches for our address", "RFC 7413 §4.2.2") \
    X(SYN_AGAIN,         "SYN unanswered: repeated", "RFC 6298 §5; RFC 9293 §3.8.3 (MUST-22)")      \
    X(SYN_ACK,           "our ISN, and their SYN acknowledged", "RFC 9293 §3.10.7.2")               \
    X(SYN_COOKIE,        "our ISN is a cookie: it remembers for us", "RFC 4987 §3.6")              \
    X(SYN_ACK_FAST_OPEN, "our ISN, and their SYN acknowledged with its text", "RFC 7413 §4.2.2") \
    X(SYN_ACK_AGAIN,     "SYN,ACK unanswered or SYN repeated", "RFC 6298 §5")                       \
    X(SYN_ACK_CROSSING,  "SYNs crossed: simultaneous open", "RFC 9293 §3.5 (MUST-10)")              \
    X(HANDSHAKE_ACK,     "their ISN acknowledged: established", "RFC 9293 §3.10.7.3, fourth")       \
    X(DATA,              "data within the window", "RFC 9293 §3.7")                                 \
    X(FIN,               "nothing more to send", "RFC 9293 §3.10.4")                                \
    X(RETRANSMIT_RTO,    "retransmission timeout", "RFC 6298 §5.4")                                 \
    X(RETRANSMIT_LOST,   "lost with the timeout: again as cwnd allows", "RFC 5681 §3.1")              \
    X(RETRANSMIT_WINDOW, "the window has opened: what was refused, again", "RFC 9293 §3.8.6")       \
    X(RETRANSMIT_MTU,    "too big for the path: again, smaller", "RFC 1191 §6.5; RFC 8201 §5.4")    \
    X(MTU_PROBE,         "does the path take larger packets?", "RFC 4821 §7.4; RFC 8899 §4.1")                    \
    X(RETRANSMIT_FAST,   "third duplicate ACK", "RFC 5681 §3.2")                                    \
    X(RETRANSMIT_RACK,   "one sent later has arrived: lost", "RFC 8985 §6.2")                      \
    X(RETRANSMIT_SACK,   "enough that stands above it has arrived: lost", "RFC 6675 §4")           \
    X(RETRANSMIT_RESCUE, "nothing better to send in recovery", "RFC 6675 §4")                      \
    X(LOSS_PROBE,        "no ACK for two round trips: is the end of the flight lost?", "RFC 8985 §7.3") \
    X(RETRANSMIT_PARTIAL, "partial ACK in recovery", "RFC 6582 §3.2")                               \
    X(LIMITED_TRANSMIT,  "new data on a duplicate ACK", "RFC 3042 §2")                              \
    X(ZERO_WINDOW_PROBE, "is the window still closed?", "RFC 9293 §3.8.6.1 (MUST-36)")              \
    X(KEEPALIVE_PROBE,   "is the peer still there?", "RFC 9293 §3.8.4")                             \
    X(ACK_DELAYED,       "delayed ACK timer", "RFC 9293 §3.8.6.3 (MUST-40)")                        \
    X(ACK_SECOND,        "every second full-sized segment", "RFC 9293 §3.8.6.3 (SHLD-19)")          \
    X(ACK_NOW,           "acknowledged at once", "RFC 5681 §4.2")                                   \
    X(ACK_DUPLICATE,     "out of order: duplicate ACK", "RFC 5681 §4.2")                            \
    X(ACK_UNACCEPTABLE,  "answer to an unacceptable segment", "RFC 9293 §3.10.7.4, first")          \
    X(ACK_OF_FIN,        "their FIN acknowledged", "RFC 9293 §3.10.7.4, eighth")                    \
    X(ACK_OF_FIN_AGAIN,  "their FIN again: our last ACK was lost", "RFC 9293 §3.10.7.4, eighth")    \
    X(WINDOW_UPDATE,     "the window has opened", "RFC 9293 §3.8.6.2.2 (MUST-39)")                  \
    X(CHALLENGE_ACK,     "prove that you know RCV.NXT", "RFC 5961 §3.2, §4.2, §5.2")                \
    X(RST_NO_CONNECTION, "no such connection", "RFC 9293 §3.10.7.1")                                \
    X(RST_BAD_ACK,       "that ACK is of nothing we sent", "RFC 9293 §3.5.2")                       \
    X(RST_ABORT,         "aborted by the user", "RFC 9293 §3.10.5")                                 \
    X(RST_UNREAD,        "closed with unread data", "RFC 9293 §3.6.1 (SHLD-3)")                     \
    X(RST_AFTER_CLOSE,   "data came after the user had gone", "RFC 9293 §3.6.1 (SHLD-3)")           \
    X(RST_TIMEOUT,       "given up: the peer stopped answering", "RFC 9293 §3.8.4, §3.10.8")        \
    X(RST_LIMIT,         "a limit of this host was reached", "docs/architecture.md")                \
    X(ECHO_REPLY,        "echo reply", "RFC 792; RFC 4443 §4.2")                                    \
    X(UNREACHABLE,       "destination unreachable", "RFC 1122 §3.2.2.1; RFC 4443 §3.1")             \
    X(TIME_EXCEEDED,     "not all fragments came in time", "RFC 1122 §3.3.2; RFC 4443 §3.3")        \
    X(PARAMETER_PROBLEM, "a header that cannot be processed", "RFC 4443 §3.4")                      \
    X(DATAGRAM,          "sent by the user", "RFC 768")                                             \
    X(ARP_REQUEST,       "who has the next hop's address?", "RFC 826")                              \
    X(ARP_REPLY,         "we have that address", "RFC 826")                                         \
    X(ARP_PROBE,         "does anybody have the address we want?", "RFC 5227 §2.1")                 \
    X(ARP_ANNOUNCE,      "this address is ours", "RFC 5227 §2.3, §2.4")                             \
    X(ND_SOLICIT,        "who has the next hop's address?", "RFC 4861 §7.2.2, §7.3")                \
    X(ND_DAD,            "does anybody have the address we want?", "RFC 4862 §5.4.2")               \
    X(ND_ADVERTISE,      "we have that address", "RFC 4861 §7.2.4, §7.2.6")                         \
    X(ND_ROUTER_SOLICIT, "is there a router?", "RFC 4861 §6.3.7")                                   \
    X(GROUP_REPORT,      "the groups we listen to", "RFC 3376 §5; RFC 3810 §6")                     \
    X(ECHO_REQUEST,      "is anybody there?", "RFC 1122 §3.2.2.6; RFC 4443 §4.1")

/* Why a connection changed its state. */
#define ESTAB_CAUSES(X)                                                                             \
    X(NONE,             "", "")                                                                     \
    X(OPEN_ACTIVE,      "active OPEN", "RFC 9293 §3.10.1")                                          \
    X(OPEN_PASSIVE,     "passive OPEN", "RFC 9293 §3.10.1")                                         \
    X(SYN_ARRIVED,      "SYN arrived", "RFC 9293 §3.10.7.2")                                        \
    X(COOKIE,           "an ACK has brought our cookie back", "RFC 4987 §3.6")                     \
    X(SYN_CROSSED,      "SYN arrived: simultaneous open", "RFC 9293 §3.10.7.3, fourth")             \
    X(SYN_ACKED,        "our SYN was acknowledged", "RFC 9293 §3.10.7.4, fifth")                    \
    X(CLOSE_CALL,       "CLOSE", "RFC 9293 §3.10.4")                                                \
    X(FIN_ACKED,        "our FIN was acknowledged", "RFC 9293 §3.10.7.4, fifth")                    \
    X(FIN_ARRIVED,      "FIN arrived", "RFC 9293 §3.10.7.4, eighth")                                \
    X(RST_ARRIVED,      "RST arrived", "RFC 9293 §3.10.7.4, second")                                \
    X(ABORT_CALL,       "ABORT", "RFC 9293 §3.10.5")                                                \
    X(USER_TIMEOUT,     "user timeout (R2)", "RFC 9293 §3.10.8, §3.8.3")                            \
    X(KEEPALIVE_FAILED, "keepalive probes unanswered", "RFC 9293 §3.8.4")                           \
    X(TIME_WAIT_OVER,   "2MSL are over", "RFC 9293 §3.10.8")                                        \
    X(SYN_ACK_GIVEN_UP, "SYN,ACK unanswered", "RFC 9293 §3.8.3")                                    \
    X(FIN_WAIT_2_OVER,  "no FIN came to an orphan", "limit: fin_wait_2")                            \
    X(ORPHAN_GIVEN_UP,  "no progress on an orphan", "limit: orphan_timeout")                        \
    X(REUSED,           "a new SYN took its place", "RFC 6191 §2")                                  \
    X(EVICTED,          "the oldest made room", "limit: max_time_wait")                             \
    X(SYN_REFUSED,      "another SYN in the window", "RFC 9293 §3.10.7.4, fourth")                  \
    X(HARD_ERROR,       "ICMP hard error", "RFC 5927 §5")                                           \
    X(NO_MEMORY,        "memory budget spent", "limit: memory_budget")                              \
    X(UNREAD_DATA,      "closed with unread data", "RFC 9293 §3.6.1 (SHLD-3)")                      \
    X(DATA_AFTER_CLOSE, "data came after the user had gone", "RFC 9293 §3.6.1 (SHLD-3)")            \
    X(LIMIT,            "a limit of this host was reached", "docs/architecture.md")                 \
    X(HOST_STOPPED,     "the host was stopped", "")

/* The one timer that a connection waits for, by the deadline that is next. */
#define ESTAB_TIMERS(X)                                                                             \
    X(NONE,       "none")                                                                           \
    X(RETRANSMIT, "retransmission")                                                                 \
    X(PERSIST,    "zero-window probe")                                                              \
    X(OVERRIDE,   "silly-window override")                                                          \
    X(REORDER,    "reordering")                                                                     \
    X(LOSS_PROBE, "loss probe")                                                                     \
    X(PACING,     "pacing")                                                                         \
    X(DELAYED_ACK, "delayed ACK")                                                                   \
    X(KEEPALIVE,  "keepalive")                                                                      \
    X(FIN_WAIT_2, "FIN-WAIT-2")                                                                     \
    X(ORPHAN,     "orphan without progress")                                                        \
    X(TIME_WAIT,  "2MSL")                                                                           \
    X(SYN_ACK,    "SYN,ACK retransmission")                                                         \
    X(USER,       "user timeout")

/* What memory is taken for. */
/* What congestion control and loss recovery have decided; cwnd and ssthresh are in the record. */
#define ESTAB_RECOVERIES(X)                                                                         \
    X(NONE,             "", "")                                                                     \
    X(LOSS,             "a segment is lost: recovery begins", "RFC 5681 §3.2; RFC 9937 §6")         \
    X(TIMEOUT,          "nothing is on the way any more: slow start", "RFC 5681 §3.1")              \
    X(MARKED,           "congestion experienced: the window is reduced", "RFC 3168 §6.1.2")         \
    X(PROBE_REPAIRED,   "the probe has repaired a loss: the window is reduced", "RFC 8985 §7.4")    \
    X(OVER,             "all that was lost has arrived", "RFC 6582 §3.2; RFC 9937 §6")              \
    X(UNUSED,           "the window was not used for five minutes: half of it goes", "RFC 7661 §4.4.3") \
    X(MTU_LOWERED,      "nothing large gets through: smaller segments", "RFC 4821 §7.7; RFC 8899 §4.4") \
    X(MTU_RAISED,       "the probe has arrived: larger segments", "RFC 4821 §7.6.1")                \
    X(MTU_PROBE_LOST,   "the probe is lost, that is no congestion", "RFC 4821 §7.6.2")              \
    X(UNDONE_FRTO,      "what was sent before the timeout arrives: it was spurious", "RFC 5682 §3") \
    X(UNDONE_TIMESTAMP, "the ACK is older than the repetition: that was for nothing", "RFC 3522 §3.2") \
    X(UNDONE_DSACK,     "all repetitions came twice: they were for nothing", "RFC 2883 §5; RFC 3708")
#define ESTAB_MEMORY(X)                                                                             \
    X(CONNECTION,   "connection record")                                                            \
    X(HALF_OPEN,    "half-open record")                                                             \
    X(TIME_WAIT,    "TIME-WAIT record")                                                             \
    X(LISTENER,     "listener")                                                                     \
    X(SEND_RING,    "send buffer")                                                                  \
    X(RECEIVE_RING, "receive buffer")                                                               \
    X(RANGES,       "out-of-order ranges")                                                          \
    X(SCOREBOARD,   "scoreboard")                                                                   \
    X(UNDO,         "what a reduction has taken")                                                   \
    X(VALIDATION,   "what was used of cwnd")                                                        \
    X(ACCECN,       "counters of marks")                                                           \
    X(MODEL,        "model of the path")                                                            \
    X(OPTIONS,      "options of its own")                                                           \
    X(UDP,          "UDP endpoint")                                                                 \
    X(DATAGRAMS,    "datagrams not received yet")                                                   \
    X(FRAGMENTS,    "fragments held for reassembly")                                                \
    X(ECHO,         "echo endpoint")                                                                \
    X(WAITING,      "packets that wait for a neighbour")

/* The user's calls (RFC 9293 §3.9.1). */
#define ESTAB_CALLS(X)                                                                              \
    X(OPEN_ACTIVE,  "OPEN (active)")                                                                \
    X(OPEN_PASSIVE, "OPEN (passive)")                                                               \
    X(ACCEPT,       "ACCEPT")                                                                       \
    X(SEND,         "SEND")                                                                         \
    X(RECEIVE,      "RECEIVE")                                                                      \
    X(SHUTDOWN,     "CLOSE (no more to send)")                                                      \
    X(CLOSE,        "CLOSE (handle given back)")                                                    \
    X(ABORT,        "ABORT")

/* clang-format on */

enum estab_state {
#define X(name, text) ESTAB_TCPS_##name,
    ESTAB_STATES(X)
#undef X
};
enum estab_verdict {
#define X(name, text, rule) ESTAB_SEG_##name,
    ESTAB_VERDICTS(X)
#undef X
        ESTAB_VERDICT_COUNT
};
enum estab_reason {
#define X(name, text, rule) ESTAB_WHY_##name,
    ESTAB_REASONS(X)
#undef X
        ESTAB_REASON_COUNT
};
enum estab_cause {
#define X(name, text, rule) ESTAB_CAUSE_##name,
    ESTAB_CAUSES(X)
#undef X
        ESTAB_CAUSE_COUNT
};
enum estab_timer {
#define X(name, text) ESTAB_TIMER_##name,
    ESTAB_TIMERS(X)
#undef X
        ESTAB_TIMER_COUNT
};
enum estab_recovery {
#define X(name, text, rule) ESTAB_RECOVERY_##name,
    ESTAB_RECOVERIES(X)
#undef X
        ESTAB_RECOVERY_COUNT
};
enum estab_memory {
#define X(name, text) ESTAB_MEM_##name,
    ESTAB_MEMORY(X)
#undef X
        ESTAB_MEMORY_COUNT
};
enum estab_call {
#define X(name, text) ESTAB_CALL_##name,
    ESTAB_CALLS(X)
#undef X
};

/* The words of the tables, for printing. An unknown number gives "?". */
ESTAB_API const char *estab_state_name(unsigned state);
ESTAB_API const char *estab_verdict_name(unsigned verdict); /* "DROP_PAWS" */
ESTAB_API const char *estab_verdict_text(unsigned verdict);
ESTAB_API const char *estab_verdict_rule(unsigned verdict);
ESTAB_API const char *estab_reason_name(unsigned reason);
ESTAB_API const char *estab_reason_text(unsigned reason);
ESTAB_API const char *estab_reason_rule(unsigned reason);
ESTAB_API const char *estab_cause_name(unsigned cause);
ESTAB_API const char *estab_cause_text(unsigned cause);
ESTAB_API const char *estab_cause_rule(unsigned cause);
ESTAB_API const char *estab_timer_text(unsigned timer);
ESTAB_API const char *estab_recovery_name(unsigned recovery);
ESTAB_API const char *estab_recovery_text(unsigned recovery);
ESTAB_API const char *estab_recovery_rule(unsigned recovery);
ESTAB_API const char *estab_memory_text(unsigned memory);
ESTAB_API const char *estab_call_text(unsigned call);

/* Control bits as they stand in the header (RFC 9293 §3.1). */
enum {
    ESTAB_CTL_FIN = 0x01,
    ESTAB_CTL_SYN = 0x02,
    ESTAB_CTL_RST = 0x04,
    ESTAB_CTL_PSH = 0x08,
    ESTAB_CTL_ACK = 0x10,
    ESTAB_CTL_URG = 0x20,
    ESTAB_CTL_ECE = 0x40,
    ESTAB_CTL_CWR = 0x80,
};

enum estab_trace_kind {
    ESTAB_TRACE_PACKET_IN,  /* a packet arrived: segment if TCP, and its verdict */
    ESTAB_TRACE_PACKET_OUT, /* a packet was handed to the driver, and the reason */
    ESTAB_TRACE_STATE,      /* state_before -> state_after, and the cause */
    ESTAB_TRACE_TIMER,      /* a timer fired */
    ESTAB_TRACE_MEMORY,     /* memory was taken (bytes > 0) or returned (bytes < 0) */
    ESTAB_TRACE_CALL,       /* the user called; `result` is what the call gave */
    ESTAB_TRACE_RECOVERY,   /* congestion control or loss recovery has decided something */
};

/* A segment, as read from or written to the wire. Absent options are zero. */
struct estab_trace_segment {
    uint32_t seq, ack;
    uint32_t wnd; /* the field, not scaled */
    uint32_t len; /* octets of text */
    uint16_t up;
    uint8_t ctl;
    bool ae; /* the ninth bit; with `accecn` AE, CWR and ECE are one field (RFC 9768) */
    bool has_mss, has_wscale, sack_permitted, has_ts, has_fast_open;
    uint8_t fast_open_len; /* octets of the cookie; 0: a request */
    uint8_t wscale;
    uint8_t sack_blocks; /* 0..4 */
    uint16_t mss;
    uint32_t ts_val, ts_ecr;
    uint32_t sack[4][2]; /* left edge, right edge */
};

/* The connection after the event. All zero when the packet belongs to none. */
struct estab_trace_tcb {
    uint32_t iss, irs;
    uint32_t snd_una, snd_nxt, snd_wnd;
    uint32_t rcv_nxt, rcv_wnd;
    uint32_t cwnd, ssthresh, flight; /* octets */
    uint32_t pipe;                   /* octets of the flight neither SACKed nor known to be lost */
    uint32_t srtt_us, rttvar_us, rto_us;
    uint32_t send_queued, receive_queued; /* octets in the two buffers */
    uint32_t send_ring, receive_ring;     /* octets of memory behind them */
    uint32_t receive_limit;               /* octets that the receive buffer may hold now */
    bool accecn;                          /* agreed */
    uint8_t retransmissions;              /* of the same segment, so far */
    uint8_t timer;                        /* enum estab_timer: what it waits for */
    estab_time timer_at;                  /* and until when; ESTAB_NEVER: nothing */
};

struct estab_trace {
    estab_time at;
    uint32_t host;
    uint8_t kind;  /* enum estab_trace_kind */
    uint8_t proto; /* IP protocol of a packet: 6 TCP, 17 UDP, 1 ICMP, 58 ICMPv6 */
    uint8_t state_before, state_after; /* enum estab_state */
    uint16_t verdict;                  /* enum estab_verdict, PACKET_IN */
    uint16_t reason;                   /* enum estab_reason, PACKET_OUT */
    uint16_t cause;                    /* enum estab_cause, STATE */
    uint8_t timer;                     /* enum estab_timer, TIMER */
    uint8_t memory;                    /* enum estab_memory, MEMORY */
    uint8_t call;                      /* enum estab_call, CALL */
    uint8_t recovery;                  /* enum estab_recovery, RECOVERY */
    uint8_t ifindex;
    int64_t bytes;       /* MEMORY: taken or returned */
    uint64_t bytes_held; /* MEMORY: held by records and rings after it */
    int64_t result;      /* CALL: what it returned */
    uint64_t conn;       /* the handle, 0 if none */
    struct estab_endpoint local, remote;
    struct estab_trace_segment seg;
    struct estab_trace_tcb tcb;
    const uint8_t *packet; /* the IP packet, for captures; NULL for other kinds, and for
                              frames that carry none (ARP) */
    uint32_t packet_len;
    /* The Ethernet frame that carries it, ARP too, whose ends are `local` and `remote`; NULL: none,
     * as on interfaces of raw IP and on the loopback. */
    const uint8_t *frame;
    uint32_t frame_len;
};

#ifdef __cplusplus
}
#endif

#endif
