/* SPDX-License-Identifier: MIT */
/*
 * The narrator's sentences, apart from when they are said, so that a language is a table.
 *
 * {me} and {peer} are hosts, {Me} and {Peer} at the start of a sentence; {n} and {m} numbers, {b} an
 * amount of memory, {t} a time, {why} words of the trace tables.
 */
#ifndef ESTAB_VIEW_NARRATE_H
#define ESTAB_VIEW_NARRATE_H

#include "view/view.h"

/* clang-format off */
#define SENTENCES(X)                                                                                \
    X(LISTEN) X(OPEN) X(SYN) X(SYN_SEEN) X(SYN_ARRIVED) X(SYN_ACK) X(SYN_ACK_SEEN)                  \
    X(SYN_ACK_ARRIVED) X(THIRD) X(THIRD_WITH_DATA) X(THIRD_ARRIVED) X(THIRD_UNSEEN) X(SYN_CROSSED)  \
    X(FIRST_DATA) X(DATA_SUM) X(FIN_FIRST) X(FIN_ACKED) X(FIN_SECOND) X(FIN_MERGED) X(LAST_ACK)     \
    X(LAST_ACK_NO_TIME) X(WHY_2MSL) X(PASSIVE_GONE) X(FIN_AGAIN) X(TIME_WAIT_OVER) X(CLOSING)       \
    X(KEEPALIVE_FIRST) X(KEEPALIVE_NEXT) X(KEEPALIVE_ANSWERED) X(KEEPALIVE_FAILED)                  \
    X(SYN_AGAIN) X(SYN_ACK_AGAIN) X(RETRANSMIT_TIMER) X(RETRANSMIT_FAST) X(ZERO_WINDOW)             \
    X(RESET_SENT) X(RESET_OLD_SYN) X(ACK_OLD_SYN) X(RESET_TAKEN) X(RESET_HALF_OPEN) X(REFUSED)      \
    X(GIVEN_UP) X(REUSED)
/* clang-format on */

enum sentence {
#define X(name) SAY_##name,
    SENTENCES(X)
#undef X
        SENTENCE_COUNT
};

/* The sentence in a language; English for a language that has no table yet. */
const char *estab_narrator_sentence(enum view_language language, enum sentence sentence);
/* "the client", "the server", "this host", "the peer" */
enum narrator_name { NAME_CLIENT, NAME_SERVER, NAME_THIS_HOST, NAME_PEER, NAME_COUNT };
const char *estab_narrator_name(enum view_language language, enum narrator_name name);

#endif
