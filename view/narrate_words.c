/* SPDX-License-Identifier: MIT */
/*
 * What the narrator says, in English. Each sentence holds for what its trigger in narrate.c has
 * seen and claims no more. N1 to N20 are the claims of the study note that each one shows.
 */
#include "view/narrate.h"

static const char *const english[SENTENCE_COUNT] = {
    [SAY_LISTEN] =
        "{Me} opens passively: it listens on port {n} and sends nothing until a SYN comes.",

    /* N5: the record exists since OPEN. */
    [SAY_OPEN] =
        "{Me} opens a connection (active OPEN). It takes a record to remember it by, {b}, and "
        "chooses an initial sequence number, its ISN, that nobody can guess.",

    /* N2 */
    [SAY_SYN] =
        "First segment: SYN, with {me}'s ISN {n}. It carries no data, yet takes one sequence "
        "number itself, so that it can be acknowledged like data.",
    [SAY_SYN_SEEN] =
        "The first segment comes: SYN, with {peer}'s ISN {n}. It takes one sequence number "
        "itself, so that it can be acknowledged like data.",

    /* N1, N3 */
    [SAY_SYN_ARRIVED] =
        "{Me} has the SYN: it knows that {peer}'s segments arrive. It takes only a small "
        "half-open record, {b}, and a full one when {peer} has answered: a flood of SYNs "
        "must not cost a connection each.",

    /* N4 */
    [SAY_SYN_ACK] =
        "Second segment: SYN and ACK in one. It brings {me}'s own ISN {n} and expects {m} "
        "next: {peer}'s ISN plus one, because the SYN took one.",
    [SAY_SYN_ACK_SEEN] =
        "The second segment comes: SYN and ACK in one. {Peer} has the SYN, brings its own "
        "ISN {n} and expects {m} next: {me}'s ISN plus one, because the SYN took one.",

    /* N1, N5 */
    [SAY_SYN_ACK_ARRIVED] =
        "{Me} knows that both directions work: ESTABLISHED. {Peer}'s ISN, window and "
        "options go into the record; buffers are taken with the first octet.",

    /* N6, N7 */
    [SAY_THIRD] =
        "Third segment: ACK of {peer}'s ISN plus one. SYN is off, here and in every later "
        "segment. It may carry data.",
    [SAY_THIRD_WITH_DATA] =
        "Third segment: ACK of {peer}'s ISN plus one, and it carries {n} octets of data "
        "already. SYN is off, here and in every later segment.",

    /* N1, N8 */
    [SAY_THIRD_ARRIVED] =
        "Now {me} knows it too: its own segments arrive, and {peer} meant it. Hence three: "
        "after two, an old SYN out of the network would have opened a connection that "
        "nobody wants.",
    [SAY_THIRD_UNSEEN] =
        "When it arrives, {peer} knows it too: its own segments arrive, and {me} meant it. "
        "Hence three: after two, an old SYN out of the network would have opened a "
        "connection that nobody wants.",
    [SAY_SYN_CROSSED] =
        "Two SYNs have crossed: both sides open at the same time, and it becomes one "
        "connection.",

    [SAY_FIRST_DATA] =
        "Data: every octet has a sequence number, and an ACK names the next one expected.",
    [SAY_DATA_SUM] = "So far {n} octets went from {me} to {peer}, and {m} octets came back.",

    /* N9, N10, N12 */
    [SAY_FIN_FIRST] =
        "{Me} closes first; either side may. Its FIN says: I have nothing more to send. Like "
        "the SYN it takes one sequence number. What {peer} still sends will be received.",
    [SAY_FIN_ACKED] =
        "{Me} acknowledges the FIN, and may go on sending: the connection is half closed. Hence "
        "four segments to close, where three opened: this ACK need not wait for {me}'s own FIN.",
    [SAY_FIN_SECOND] =
        "{Me} has nothing more to send either: its own FIN. It keeps its record until that "
        "is acknowledged.",
    [SAY_FIN_MERGED] =
        "{Me} has nothing left to send: one segment carries its ACK and its own FIN, and the "
        "close takes three segments instead of four. It keeps its record until the FIN is "
        "acknowledged.",

    /* N13, N14, N17 */
    [SAY_LAST_ACK] =
        "The last ACK. {Me} now waits in TIME-WAIT for 2 x MSL, here {t}: it cannot know whether "
        "this ACK arrives. If it is lost, {peer} repeats its FIN, and somebody must be there to "
        "answer.",
    [SAY_LAST_ACK_NO_TIME] =
        "The last ACK. {Me} now waits in TIME-WAIT for 2 x MSL: it cannot know whether "
        "this ACK arrives. If it is lost, {peer} repeats its FIN, and somebody must be "
        "there to answer.",
    /* N15, N17 */
    [SAY_WHY_2MSL] =
        "Why twice the maximum segment lifetime: once for this ACK to arrive or die, once for a "
        "repeated FIN to come back. Then nothing of this connection is left in the network "
        "that the next one between the same ports could take for its own.",

    /* N11, N16 */
    [SAY_PASSIVE_GONE] =
        "The last ACK has arrived: {me} gives back all it held. Only the side that closed "
        "first has to wait.",
    /* N14 */
    [SAY_FIN_AGAIN] =
        "The FIN comes again, so the last ACK was lost. {Me} acknowledges it again, and the "
        "wait of 2 x MSL starts anew.",
    /* N11, N18 */
    [SAY_TIME_WAIT_OVER] =
        "2 x MSL are over: {me} gives back the last of it, and the pair of ports is free "
        "for any new connection.",
    [SAY_CLOSING] =
        "Both sides closed at the same time: the FINs have crossed, and each waits for the ACK "
        "of its own.",

    /* N19, N20, N21 */
    [SAY_KEEPALIVE_FIRST] =
        "Nothing has come from {peer} for {t}. {Me} sends a keepalive probe: a segment "
        "that a living peer must answer.",
    [SAY_KEEPALIVE_NEXT] = "No answer: probe {n}.",
    [SAY_KEEPALIVE_ANSWERED] = "{Peer} is alive: the keepalive timer starts anew.",
    [SAY_KEEPALIVE_FAILED] =
        "{n} probes and no answer: {me} takes {peer} for dead and closes the connection.",

    [SAY_SYN_AGAIN] = "No answer to the SYN: {me} sends it again, and waits twice as long.",
    [SAY_SYN_ACK_AGAIN] = "{Me} repeats its SYN,ACK: the third segment has not come.",
    [SAY_RETRANSMIT_TIMER] =
        "No ACK came in time: {me} sends the oldest segment again, and waits twice as "
        "long.",
    [SAY_RETRANSMIT_FAST] =
        "Three duplicate ACKs: one segment is missing and later ones arrive. {Me} sends "
        "it again without waiting for the timer.",
    [SAY_ZERO_WINDOW] =
        "{Peer}'s window is closed. {Me} asks now and then whether it has opened: the "
        "segment that says so may get lost.",

    [SAY_RESET_SENT] = "{Me} sends a reset: {why}.",
    /* N8 */
    [SAY_RESET_OLD_SYN] =
        "That answers a SYN {me} does not want any more, an old one out of the network. "
        "{Me} says so with a reset, and {peer} has wasted nothing but a half-open record.",
    [SAY_ACK_OLD_SYN] =
        "That answers an old SYN out of the network. {Me} is still in TIME-WAIT and tells where "
        "it stands; {peer} will see that the ACK is not of its SYN, and reset.",
    [SAY_RESET_TAKEN] =
        "A reset with exactly the number expected: {me} drops the connection at once.",
    [SAY_RESET_HALF_OPEN] =
        "{Me} forgets its half-open record: no connection was opened for nobody.",
    [SAY_REFUSED] = "{Peer} refuses with a reset: nobody listens on that port.",
    [SAY_GIVEN_UP] = "{Me} gives up: {why}.",
    [SAY_REUSED] =
        "A new SYN, beyond all that the old connection sent, ends the TIME-WAIT early and opens "
        "anew.",
};

const char *
estab_narrator_sentence(enum view_language language, enum sentence sentence)
{
    (void)language; /* one so far */
    return (unsigned)sentence < SENTENCE_COUNT && english[sentence] != NULL ? english[sentence]
                                                                            : "";
}

const char *
estab_narrator_name(enum view_language language, enum narrator_name name)
{
    static const char *const names[NAME_COUNT] = {
        [NAME_CLIENT] = "the client",
        [NAME_SERVER] = "the server",
        [NAME_THIS_HOST] = "this host",
        [NAME_PEER] = "the peer",
    };

    (void)language;
    return (unsigned)name < NAME_COUNT ? names[name] : "?";
}
