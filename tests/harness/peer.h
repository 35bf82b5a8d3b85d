/* SPDX-License-Identifier: MIT */
/*
 * A test as a ladder: what the peer sends, what we send, what passes of time, what state we are
 * in. One estab host with one raw-IP interface; the peer is the test itself, which writes segments
 * and reads what comes back. All time is virtual. Each TEST() runs over IPv4 and over IPv6.
 *
 * Sequence numbers: the peer's are literal. Ours are written from ISS = 300 on, whatever our real
 * ISN is; the harness learns it from our SYN and translates.
 */
#ifndef ESTAB_TESTS_HARNESS_PEER_H
#define ESTAB_TESTS_HARNESS_PEER_H

#include "estab/estab.h"
#include "harness/test.h"
#include "wire/tcp_header.h"

#define ISS 300u
#define IRS 100u /* the ISN the peer uses in the builders */

#define US(n) ESTAB_US(n)
#define MS(n) ESTAB_MS(n)
#define SEC(n) ESTAB_SEC(n)

#define TCPS(name) ESTAB_TCPS_##name

/* A segment as a test writes it. What is not named is 0: no such option, no text. */
struct step {
    uint8_t ctl;
    uint32_t seq, ack;
    uint32_t len; /* octets of text; the n-th octet of a stream always has the same value */
    uint16_t up;
    int32_t wnd; /* the field; 0: 65535 sent, not compared when received; -1: really 0 */
    uint16_t mss;
    int16_t ws; /* window scale + 1, so that 0 means absent */
    bool sackok;
    uint32_t ts_val, ts_ecr; /* both 0: no timestamps; received: compared when ts_ecr is named */
    bool no_ts;              /* although agreed */
    uint32_t sack[4][2];
    uint8_t reason; /* expected: compared when named */
    uint8_t ttl;
    uint32_t uto;   /* seconds: a user timeout option; UINT32_MAX: one of 0 */
    uint8_t ip_ecn; /* the ECN field of the IP header; always compared */
    uint8_t ace;    /* AE, CWR and ECE as one field (RFC 9768) + 1; compared when named */
    uint8_t accecn; /* sent: 1 + the order of its fields (RFC 9768 §3.2.3), of which there are: */
    uint8_t counters;
    uint32_t counted[3];
    uint8_t fast_open; /* octets of the cookie + 1, so that 0 means no option; compared on a SYN */
};

enum { PEER_CAPTURE = 512 };

struct captured {
    struct tcp_seg seg;
    uint8_t packet[2048];
    uint32_t packet_len;
    uint8_t reason;
    uint8_t proto;
    uint8_t ttl, tos;
    estab_time at;
};

struct peer {
    struct estab_stack *stack;
    struct estab_config cfg;
    estab_time now;
    unsigned ifindex;
    struct estab_endpoint us, them; /* our end and the peer's */
    estab_conn listener, conn;
    uint32_t iss; /* our real ISN, once seen */
    bool iss_known;
    bool timestamps;      /* the peer writes TS on its segments */
    uint32_t ts_clock;    /* its TSval */
    uint32_t our_ts;      /* the last TSval of ours */
    uint8_t cookie[16];   /* Fast Open: what the peer sends; the last one of ours */
    uint8_t last_verdict; /* enum estab_verdict of the last packet in */
    uint32_t events;      /* of `conn`, not taken by the test */
    uint32_t listener_events;
    struct captured *out; /* what we sent, not yet expected */
    unsigned first, n;
    char *ladder;
    size_t ladder_len;
    size_t heap;            /* octets the stack holds of our allocator */
    unsigned gets, fail_at; /* the allocator refuses from the fail_at-th call on (0: never) */
};

/* ---- building a world; every state is reached by exchanging segments ---- */

struct peer *peer_host(const char *profile);
/* A host with changed settings: fill cfg from peer_config(), change, hand over. */
struct estab_config peer_config(const char *profile);
struct peer *peer_host_with(const struct estab_config *cfg);
struct peer *peer_of_listener(void); /* we listen on port 80 */
struct peer *peer_of_listener_with(const struct estab_config *cfg);
/* In ESTABLISHED with an MSS of 1000, window scale 8 and a round trip of 100 ms under that congestion control, with a
 * send buffer of 4 MiB. */
struct peer *peer_with_cc(uint8_t cc);
extern bool peer_cwnd_validation;        /* of peer_with_cc(), RFC 7661; true */
struct peer *peer_in_syn_received(void); /* passive; their ISN is IRS */
struct peer *peer_in_syn_sent(void);     /* we opened; our SYN is taken */
struct peer *peer_in_established(void);  /* passive, accepted, mss 1460, no options */
struct peer *peer_in_established_with(const struct estab_config *cfg, struct step syn);
struct peer *peer_in_established_active(void);
struct peer *peer_in_fin_wait_1(void);
struct peer *peer_in_fin_wait_2(void);
struct peer *peer_in_close_wait(void);
struct peer *peer_in_closing(void);
struct peer *peer_in_last_ack(void);
struct peer *peer_in_time_wait(void);
/* Checks that nothing unexpected was sent, ends the host, and that all memory came back; frees p. */
void peer_done(struct peer *p);
/* The same, whatever was sent. */
void peer_done_quietly(struct peer *p);

/* ---- the rungs ---- */

#define peer_sends(p, ...) peer_sends_at(__FILE__, __LINE__, p, (struct step){ __VA_ARGS__ })
#define expect_sent(p, ...) expect_sent_at(__FILE__, __LINE__, p, (struct step){ __VA_ARGS__ })
#define expect_nothing_sent(p) expect_nothing_sent_at(__FILE__, __LINE__, p)
#define expect_state(p, s) expect_state_at(__FILE__, __LINE__, p, s)
#define expect_verdict(p, v) expect_verdict_at(__FILE__, __LINE__, p, ESTAB_SEG_##v)
#define expect_event(p, bits) expect_event_at(__FILE__, __LINE__, p, bits)
#define expect_no_event(p) expect_no_event_at(__FILE__, __LINE__, p)
#define expect_unchanged(p, before) expect_unchanged_at(__FILE__, __LINE__, p, before)
#define expect_gone(p) expect_gone_at(__FILE__, __LINE__, p)

/* The peer writes as if it came from another port or with other flags: raw access. */
void peer_sends_at(const char *file, int line, struct peer *p, struct step s);
void peer_sends_from(struct peer *p, uint16_t port, struct step s);
/* Several segments in one batch. */
void peer_sends_batch(struct peer *p, const struct step *s, unsigned n);
/* An IP packet as it is. */
void peer_sends_raw(struct peer *p, const void *packet, uint32_t len);
/* The octets of the packet that peer_sends() would send; returns the length. */
uint32_t peer_writes(struct peer *p, uint16_t port, struct step s, uint8_t *packet);
void peer_fixes_checksum(uint8_t *packet, uint32_t len);
/* An ICMP error about the segment of ours at `seq` (in test numbers). */
void peer_sends_icmp(struct peer *p, uint8_t type, uint8_t code, uint32_t rest, uint32_t seq);

void expect_sent_at(const char *file, int line, struct peer *p, struct step s);
void expect_nothing_sent_at(const char *file, int line, struct peer *p);
void expect_state_at(const char *file, int line, struct peer *p, uint8_t state);
void expect_verdict_at(const char *file, int line, struct peer *p, uint8_t verdict);
void expect_event_at(const char *file, int line, struct peer *p, uint32_t bits);
void expect_no_event_at(const char *file, int line, struct peer *p);
/* The connection is as it was: state, errors, sequence numbers, windows, timers, buffers. */
void expect_unchanged_at(const char *file, int line, struct peer *p,
                         const struct estab_status *before);
/* No record of this connection is left: no TCB, half-open, TIME-WAIT. */
void expect_gone_at(const char *file, int line, struct peer *p);
/* The next packet sent, taken from the queue; fails when there is none. */
struct captured *peer_takes(struct peer *p);
void peer_forgets(struct peer *p); /* drops what was sent so far */

void time_passes(struct peer *p, estab_time ns);
/* Until something is sent, at most `ns`; how long it took. */
estab_time time_until_sent(struct peer *p, estab_time ns);

/* ---- the user ---- */

ptrdiff_t user_sends(struct peer *p, uint32_t len); /* the next octets of our stream */
void user_receives(struct peer *p, uint32_t len);   /* exactly, and checks them */
ptrdiff_t user_tries_to_receive(struct peer *p);    /* what the call returns, for errors and 0 */
int user_closes(struct peer *p);                    /* CLOSE: no more to send */
int user_leaves(struct peer *p);                    /* gives the handle back */
int user_aborts(struct peer *p);
void user_accepts(struct peer *p);
void user_opens(struct peer *p); /* active, to the peer's port 80 */
struct estab_status user_status(struct peer *p);
void user_sets(struct peer *p, const struct estab_tcp_options *opt);
struct estab_tcp_options user_options(struct peer *p);

/* The state of the connection whatever record it lives in; LISTEN and CLOSED if in none. */
uint8_t peer_state(struct peer *p);
uint32_t real_seq(const struct peer *p, uint32_t seq); /* test number -> wire */
_Noreturn void peer_fails(const char *file, int line, struct peer *p, const char *what, ...);

extern unsigned peer_family; /* 4 or 6: the round that runs */

#undef TEST
#define TEST(name)                                                                                 \
    static void test_##name(void);                                                                 \
    static void run_##name(void **state)                                                           \
    {                                                                                              \
        (void)state;                                                                               \
        peer_family = 4;                                                                           \
        test_##name();                                                                             \
        peer_family = 6;                                                                           \
        test_##name();                                                                             \
    }                                                                                              \
    __attribute__((constructor)) static void register_##name(void)                                 \
    {                                                                                              \
        estab_test_register(#name, run_##name);                                                    \
    }                                                                                              \
    static void test_##name(void)

#endif
