/* SPDX-License-Identifier: MIT */
/*
 * The TCP header (RFC 9293 §3.1) and its options (§3.2, RFC 7323, RFC 2018): octets <-> struct
 * tcp_seg. Pure and bounds-checked; every access to a TCP header goes through here.
 */
#ifndef WIRE_TCP_HEADER_H
#define WIRE_TCP_HEADER_H

#include "estab/trace.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    CTL_FIN = ESTAB_CTL_FIN,
    CTL_SYN = ESTAB_CTL_SYN,
    CTL_RST = ESTAB_CTL_RST,
    CTL_PSH = ESTAB_CTL_PSH,
    CTL_ACK = ESTAB_CTL_ACK,
    CTL_URG = ESTAB_CTL_URG,
    CTL_ECE = ESTAB_CTL_ECE,
    CTL_CWR = ESTAB_CTL_CWR,
};

#define TCP_HEADER_MIN 20
#define TCP_HEADER_MAX 60
#define TCP_SACK_BLOCKS_MAX 4
#define TCP_OPTIONS_MAX 40
#define FAST_OPEN_COOKIE_MIN 4
#define FAST_OPEN_COOKIE_MAX 16

/* RFC 3168 §5: the ECN field of the IP header. */
#define IP_ECN_NOT_ECT 0
#define IP_ECN_ECT1 1
#define IP_ECN_ECT0 2
#define IP_ECN_CE 3

/* A segment in the RFC's words; sequence numbers and the window field in host order. */
struct tcp_seg {
    uint32_t seq, ack;
    uint32_t len; /* octets of text; SEG.LEN of the RFC also counts SYN and FIN */
    uint16_t src_port, dst_port;
    uint16_t wnd, up;
    uint8_t ctl;
    bool ae; /* the ninth control bit, RFC 9768 */
    uint8_t header_len;
    bool has_user_timeout; /* RFC 5482 */
    uint32_t user_timeout; /* seconds */
    uint8_t ip_ecn;        /* of the IP header, RFC 3168 §5; IP_ECN_CE ... */
    bool has_mss, has_wscale, sack_permitted, has_ts;
    uint8_t wscale; /* as received; RFC 7323 §2.3 caps it at 14 in use */
    uint8_t sack_blocks;
    uint16_t mss;
    uint32_t ts_val, ts_ecr;
    uint32_t sack[TCP_SACK_BLOCKS_MAX][2]; /* valid up to sack_blocks */
    bool has_accecn;                       /* RFC 9768 §3.2.3 */
    uint8_t accecn_order;                  /* 0: AccECN0, 1: AccECN1 */
    uint8_t accecn_fields;                 /* 0 to 3 */
    uint32_t accecn[3];                    /* counters of 24 bits, as they stand in the option */
    const uint8_t *text;
    bool has_fast_open;       /* RFC 7413 §4.1.1, on a SYN alone */
    uint8_t fast_open_len;    /* octets of the cookie; 0: a request for one */
    const uint8_t *fast_open; /* the cookie, borrowed as the text is */
};

/* SEG.LEN as RFC 9293 §3.4 counts it. */
static inline uint32_t
seg_len(const struct tcp_seg *seg)
{
    return seg->len + ((seg->ctl & CTL_SYN) != 0) + ((seg->ctl & CTL_FIN) != 0);
}

/*
 * Parses header and options of `len` octets. ESTAB_SEG_NONE: good; otherwise DROP_HEADER (data
 * offset below 5 or beyond the segment), DROP_OPTION (illegal length, MUST-7) or DROP_PORT_ZERO. Unknown options
 * are skipped by their length (MUST-6, MUST-68), a known option with another length than its own counts as unknown, MSS, window scale
 * and SACK-permitted count only with SYN (MUST-65, RFC 7323 §2.2, RFC 2018 §2), so does Fast Open (RFC 7413 §4.1.1), options after EOL are not read. Reserved bits are ignored.
 * Does not look at the checksum.
 */
enum estab_verdict estab_tcp_parse(struct tcp_seg *seg, const uint8_t *tcp, uint32_t len);

/* Writes header and options (not the text, and checksum 0) and returns the header's length, a
 * multiple of 4. `layout` is enum estab_syn_layout. Options of a non-SYN: NOP NOP TS, NOP NOP SACK. SACK blocks that
 * do not fit into 40 octets of options are left out. Linux layout of a SYN: MSS, SACK-permitted, TS, NOP, WS; without TS: MSS, NOP, NOP, SACK-permitted, NOP, WS; bsd: MSS,
 * NOP, WS, SACK-permitted, TS; SACK-permitted alone ends with EOL EOL. Fast Open stands behind these, if it fits. Header is always padded with EOL or NOP to 4 octets, never uninitialised (MUST-69). */
uint32_t estab_tcp_write(uint8_t *out, const struct tcp_seg *seg, unsigned layout);

/* The length that estab_tcp_write() will give. */
uint32_t estab_tcp_header_len(const struct tcp_seg *seg, unsigned layout);

#endif
