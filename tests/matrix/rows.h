/* SPDX-License-Identifier: MIT */
/* The rows of oracle.c: step, states, bits on, bits off, facts, not facts, reply, next, effects. */
/* clang-format off */
/* CLOSED, LISTEN, SYN-SENT */
{ 1, S(CLOSED), R, 0, 0, 0, NOTHING, SAME, STOP, "RFC 9293 §3.10.7.1: a RST is discarded" },
{ 1, S(CLOSED), A, 0, 0, 0, RST_OF_ACK, SAME, STOP, "RFC 9293 §3.10.7.1: ACK on" },
{ 1, S(CLOSED), 0, 0, 0, 0, RST_OF_SEQ, SAME, STOP, "RFC 9293 §3.10.7.1: ACK off" },
{ 1, S(LISTEN), R, 0, 0, 0, NOTHING, SAME, STOP, "RFC 9293 §3.10.7.2, first" },
{ 1, S(LISTEN), A, 0, 0, 0, RST_OF_ACK, SAME, STOP, "RFC 9293 §3.10.7.2, second" },
{ 1, S(LISTEN), Y | F, 0, 0, 0, NOTHING, SAME, STOP, "RFC 9293 §3.10.7.2, third; policy: SYN,FIN" },
{ 1, S(LISTEN), Y, 0, 0, 0, SYN_ACK_ANEW, GO(SYN_RECEIVED), STOP | IRS_SET, "RFC 9293 §3.10.7.2, third" },
{ 1, S(LISTEN), 0, 0, 0, 0, NOTHING, SAME, STOP, "RFC 9293 §3.10.7.2, fourth" },
{ 1, S(SYN_SENT), A | R, 0, 0, ACK_NEW, NOTHING, SAME, STOP, "RFC 9293 §3.10.7.3, first" },
{ 1, S(SYN_SENT), A, 0, 0, ACK_NEW, RST_OF_ACK, SAME, STOP, "RFC 9293 §3.10.7.3, first" },
{ 1, S(SYN_SENT), A | R, 0, 0, 0, NOTHING, GO(CLOSED), STOP, "RFC 9293 §3.10.7.3, second" },
{ 1, S(SYN_SENT), R, 0, 0, 0, NOTHING, SAME, STOP, "RFC 9293 §3.10.7.3, second" },
{ 1, S(SYN_SENT), Y | F, 0, 0, 0, NOTHING, SAME, STOP, "decisions.md: SYN with FIN" },
{ 1, S(SYN_SENT), Y, A, 0, 0, SYN_ACK_OURS, GO(SYN_RECEIVED), STOP | IRS_SET, "RFC 9293 §3.10.7.3, fourth: crossing" },
{ 4, S(SYN_SENT), Y | A, 0, 0, 0, ACK_NOW, GO(ESTABLISHED), UNA | IRS_SET, "RFC 9293 §3.10.7.3, fourth" },
{ 6, S(SYN_SENT), 0, Y, 0, 0, NOTHING, SAME, STOP, "RFC 9293 §3.10.7.3, fifth" },
/* a SYN ends TIME-WAIT before the sequence check when its number is newer */
{ 1, S(TIME_WAIT), Y, R | A | F, NEWER, 0, SYN_ACK_ANEW, GO(SYN_RECEIVED), STOP | IRS_SET, "RFC 9293 §3.6.1 (MAY-2); RFC 6191 §2" },
/* the SYN we have answered already */
{ 1, PASSIVE, Y, R | A | F, IS_IRS, 0, SYN_ACK_OURS, SAME, STOP, "RFC 9293 §3.8.1, §3.10.7.4: our SYN,ACK was lost" },
/* the SYNs have crossed, and the peer's comes again with the ACK of ours */
{ 1, S(SYN_RECEIVED), Y | A, R, IS_IRS, 0, NOTHING, SAME, NO_SYN, "RFC 9293 §3.5, Figure 7" },
/* a closed window refuses the text and the FIN at RCV.NXT, and hears the rest: the allowance is for valid
 * ACKs, URGs and RSTs of any segment */
{ 1, OTHERS, 0, R, SHUT | AT_NXT | LONG, 0, ACK_NOW, SAME, NO_TEXT, "RFC 9293 §3.10.7.4, first (MUST-66)" },
{ 1, OTHERS, F, R, SHUT | AT_NXT, 0, ACK_NOW, SAME, NO_TEXT, "RFC 9293 §3.10.7.4, first (MUST-66)" },
/* first: sequence number; second: RST */
{ 2, S(TIME_WAIT), R, 0, 0, 0, NOTHING, SAME, STOP, "RFC 1337 §3 (F1)" },
{ 2, OTHERS, R, 0, 0, INSIDE, NOTHING, SAME, STOP, "RFC 5961 §3.2, 1" },
{ 2, OTHERS, R, 0, AT_NXT, 0, NOTHING, GO(CLOSED), STOP, "RFC 5961 §3.2, 2" },
{ 2, OTHERS, R, 0, 0, 0, ACK_NOW, SAME, STOP, "RFC 5961 §3.2, 3" },
{ 2, S(TIME_WAIT), F | A, Y, REACHES, 0, ACK_NOW, SAME, STOP | RESTART, "RFC 9293 §3.10.7.4, fifth: the FIN again" },
{ 2, S(TIME_WAIT), 0, 0, SPACE, 0, ACK_NOW, SAME, STOP, "decisions.md: TIME-WAIT has no window" },
{ 2, S(TIME_WAIT), 0, 0, 0, 0, NOTHING, SAME, STOP, "decisions.md: TIME-WAIT has no window" },
{ 2, OTHERS, 0, 0, 0, FITS, ACK_NOW, SAME, STOP, "RFC 9293 §3.10.7.4, first" },
/* fourth: SYN */
{ 4, PASSIVE, Y, 0, 0, 0, NOTHING, GO(LISTEN), STOP, "RFC 9293 §3.10.7.4, fourth: back to LISTEN" },
{ 4, OTHERS, Y, 0, 0, 0, ACK_NOW, SAME, STOP, "RFC 5961 §4.2" },
/* fifth: ACK */
{ 5, OTHERS, 0, A, 0, 0, NOTHING, SAME, STOP, "RFC 9293 §3.10.7.4, fifth: ACK off" },
{ 5, S(SYN_RECEIVED) | PASSIVE, A, 0, 0, ACK_NEW, RST_OF_ACK, SAME, STOP, "RFC 9293 §3.10.7.4, fifth: SYN-RECEIVED" },
{ 5, S(SYN_RECEIVED) | PASSIVE, A, 0, 0, 0, NOTHING, GO(ESTABLISHED), UNA, "RFC 9293 §3.10.7.4, fifth: SYN-RECEIVED" },
{ 5, SYNCHRONIZED, A, 0, ACK_OUT, 0, ACK_NOW, SAME, STOP, "RFC 5961 §5.2 (MAY-12)" },
{ 5, S(FIN_WAIT_1), A, 0, ACK_FIN, 0, NOTHING, GO(FIN_WAIT_2), UNA, "RFC 9293 §3.10.7.4, fifth: FIN-WAIT-1" },
{ 5, S(CLOSING), A, 0, ACK_FIN, 0, NOTHING, GO(TIME_WAIT), UNA | STOP | RESTART, "RFC 9293 §3.10.7.4, fifth: CLOSING" },
{ 5, S(LAST_ACK), A, 0, ACK_FIN, 0, NOTHING, GO(CLOSED), STOP, "RFC 9293 §3.10.7.4, fifth: LAST-ACK" },
{ 5, SYNCHRONIZED, A, 0, 0, 0, NOTHING, SAME, UNA, "RFC 9293 §3.10.7.4, fifth" },
/* seventh: text */
{ 7, RECEIVING, 0, 0, GAP, 0, ACK_NOW, SAME, STOP, "RFC 9293 §3.10.7.4, seventh (MAY-13, SHLD-31); RFC 5681 §4.2" },
{ 7, RECEIVING, 0, 0, TEXT, 0, ACK_SOON, SAME, TAKE, "RFC 9293 §3.10.7.4, seventh; §3.8.6.3" },
/* eighth: FIN */
{ 8, S(ESTABLISHED), F, 0, FIN_NEXT, 0, ACK_NOW, GO(CLOSE_WAIT), TAKE_FIN, "RFC 9293 §3.10.7.4, eighth" },
{ 8, S(FIN_WAIT_1), F, 0, FIN_NEXT, 0, ACK_NOW, GO(CLOSING), TAKE_FIN, "RFC 9293 §3.10.7.4, eighth" },
{ 8, S(FIN_WAIT_2), F, 0, FIN_NEXT, 0, ACK_NOW, GO(TIME_WAIT), TAKE_FIN | RESTART, "RFC 9293 §3.10.7.4, eighth" },
    /* clang-format on */
