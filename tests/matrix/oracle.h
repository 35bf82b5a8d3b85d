/* SPDX-License-Identifier: MIT */
/*
 * What RFC 9293 §3.10.7 and its companions ask of a host for one segment in one state. Written from
 * the RFCs alone: it includes nothing of the library but the names of the states.
 */
#ifndef ESTAB_TESTS_MATRIX_ORACLE_H
#define ESTAB_TESTS_MATRIX_ORACLE_H

#include "estab/trace.h"

/* The connection before the segment, in the RFC's words. */
struct oracle_tcb {
    uint8_t state;
    bool passive;  /* came from LISTEN */
    bool fin_sent; /* the last octet before SND.NXT is our FIN */
    uint32_t iss, irs, snd_una, snd_nxt, max_snd_wnd, rcv_nxt, rcv_wnd;
};
struct oracle_seg {
    uint8_t ctl;
    uint32_t seq, ack, len;
};

enum oracle_reply {
    NOTHING,
    ACK_NOW,      /* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
    ACK_SOON,     /* the same, now or when the delayed ACK is due */
    RST_OF_ACK,   /* <SEQ=SEG.ACK><CTL=RST> */
    RST_OF_SEQ,   /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
    SYN_ACK_ANEW, /* <SEQ=any><ACK=SEG.SEQ+1><CTL=SYN,ACK> */
    SYN_ACK_OURS, /* <SEQ=ISS><ACK=SEG.SEQ+1><CTL=SYN,ACK> */
};

struct oracle_answer {
    uint8_t reply, state;
    bool restart; /* 2MSL starts (again) now */
    uint32_t snd_una, rcv_nxt, delivered;
    const char *cited; /* the section of the row that decided last */
};

struct oracle_answer oracle_asks(const struct oracle_tcb *tcb, const struct oracle_seg *seg);

#endif
