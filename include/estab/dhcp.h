/* SPDX-License-Identifier: MIT */
/*
 * A DHCPv4 client as a value (RFC 2131, 2132, 3396, 3442): messages that arrive and the time go in;
 * messages, a lease and news of it come out. It opens no socket: whoever owns it carries its
 * messages between port 68 and port 67, and looks with ARP whether an address is in use (RFC
 * 5227): on Ethernet the stack beside it does, with estab_stack_assign_address(). A client belongs to one thread; the caller owns its memory, and nothing is allocated.
 */
#ifndef ESTAB_DHCP_H
#define ESTAB_DHCP_H

#include "estab/addr.h"
#include "estab/api.h"
#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits; further ones of the same kind are left out. */
#define ESTAB_DHCP_DNS 4
#define ESTAB_DHCP_ROUTES 16
#define ESTAB_DHCP_TEXT 64     /* a host or domain name, with its closing zero */
#define ESTAB_DHCP_MESSAGE 576 /* octets of the longest message we send */

/* Figure 5 of RFC 2131, and the waits between. */
enum estab_dhcp_state {
    ESTAB_DHCP_STOPPED,
    ESTAB_DHCP_INIT, /* waits before it begins */
    ESTAB_DHCP_SELECTING,
    ESTAB_DHCP_REQUESTING,
    ESTAB_DHCP_REBOOTING,
    ESTAB_DHCP_PROBING, /* the address is ours if nobody else has it */
    ESTAB_DHCP_BOUND,
    ESTAB_DHCP_RENEWING,
    ESTAB_DHCP_REBINDING,
    ESTAB_DHCP_STATE_COUNT,
};
ESTAB_API const char *estab_dhcp_state_name(unsigned state);

struct estab_dhcp_config {
    uint8_t secret[32]; /* keys transaction numbers and waits; all zero is refused */
    uint8_t hardware_type, hardware_len;
    uint8_t hardware[16];
    const char *hostname; /* to tell the server, or NULL; copied */
    struct estab_addr
        last;       /* an address had before, to ask for again (INIT-REBOOT); family 0: none */
    bool broadcast; /* we cannot take packets to an address that we do not have yet */
    bool probe;     /* ask with ESTAB_DHCP_PROBE before an address is used */
    estab_time start_delay; /* at most so long a random wait before the first message; 0 */
};

struct estab_dhcp_route {
    struct estab_addr prefix;
    struct estab_addr gateway; /* 0.0.0.0: on the link */
    uint8_t len;
};

struct estab_lease {
    struct estab_addr addr, server;
    uint8_t prefix_len;
    uint16_t mtu; /* 0: not told */
    uint8_t n_dns, n_routes;
    struct estab_addr dns[ESTAB_DHCP_DNS];
    struct estab_dhcp_route routes[ESTAB_DHCP_ROUTES];
    char domain[ESTAB_DHCP_TEXT]; /* letters, digits, '-', '_' and '.' only; "": not told */
    estab_time renew_at, rebind_at, ends_at; /* T1, T2; ESTAB_NEVER: it does not end */
};

/* What estab_dhcp_take_events() reports. */
enum estab_dhcp_events {
    ESTAB_DHCP_PROBE = 1u << 0,   /* look whether lease.addr is in use; estab_dhcp_probed() */
    ESTAB_DHCP_LEASED = 1u << 1,  /* the lease is good from now on */
    ESTAB_DHCP_RENEWED = 1u << 2, /* it lasts longer, perhaps with other settings */
    ESTAB_DHCP_LOST = 1u << 3,    /* the address must not be used any more */
};

/* What became of a message that arrived. */
/* clang-format off */
#define ESTAB_DHCP_VERDICTS(X)                                                                      \
    X(OFFER,         "an offer, which is requested",                        "RFC 2131 §4.4.1")      \
    X(ACK,           "the address is granted",                              "RFC 2131 §4.4.1")      \
    X(NAK,           "the address is refused: begin anew",                  "RFC 2131 §3.1")        \
    X(DROP_SHORT,    "shorter than a message, or without the magic cookie", "RFC 2131 §3")          \
    X(DROP_OPTIONS,  "an option that is cut off or of a wrong length",      "RFC 2132 §2")          \
    X(DROP_OTHERS,   "for another client or another transaction",           "RFC 2131 §4.1")        \
    X(DROP_STATE,    "nothing that is waited for now",                      "RFC 2131 §4.4")        \
    X(DROP_SERVER,   "not from the server that was chosen",                 "RFC 2131 §4.4.1")      \
    X(DROP_INCOMPLETE, "without an address, a lease time or a server",      "RFC 2131 §4.3.1")
/* clang-format on */

enum estab_dhcp_verdict {
#define X(name, text, rule) ESTAB_DHCP_##name,
    ESTAB_DHCP_VERDICTS(X)
#undef X
        ESTAB_DHCP_VERDICT_COUNT
};
ESTAB_API const char *estab_dhcp_verdict_name(unsigned verdict);

/* The caller's memory; the fields are the client's own. */
struct estab_dhcp {
    struct estab_dhcp_config cfg;
    char hostname[ESTAB_DHCP_TEXT];
    uint64_t key[2], drawn;
    uint8_t state;    /* enum estab_dhcp_state */
    uint8_t owed;     /* type of the message to send, 0: none */
    uint8_t tries;    /* messages sent for the same purpose */
    uint8_t refusals; /* NAKs and conflicts in a row */
    unsigned events;
    uint32_t xid;
    estab_time begun_at;      /* of this acquisition */
    estab_time sent_at;       /* the REQUEST: the lease runs from there */
    estab_time at;            /* next deadline */
    bool has_lease;           /* the user was told LEASED */
    struct estab_addr wanted; /* what we ask for */
    struct estab_lease lease;
    uint64_t verdicts[ESTAB_DHCP_VERDICT_COUNT];
};

/* Copies the configuration. -ESTAB_EINVAL: the secret is all zero, or no hardware address. */
ESTAB_API ESTAB_MUST_CHECK int estab_dhcp_init(struct estab_dhcp *c,
                                               const struct estab_dhcp_config *cfg);
ESTAB_API void estab_dhcp_start(struct estab_dhcp *c, estab_time now);
/* Gives the lease back; one more message is owed, then nothing. */
ESTAB_API void estab_dhcp_release(struct estab_dhcp *c, estab_time now);

/* A message to send from port 68 to port 67. */
struct estab_dhcp_packet {
    struct estab_addr src; /* 0.0.0.0 while there is no lease */
    struct estab_addr dst; /* 255.255.255.255, or the server */
    uint16_t len;
    uint8_t octets[ESTAB_DHCP_MESSAGE];
};
ESTAB_API bool estab_dhcp_next_packet(struct estab_dhcp *c, struct estab_dhcp_packet *out,
                                      estab_time now);
/* What came to port 68 from port 67. Returns an enum estab_dhcp_verdict. */
ESTAB_API unsigned estab_dhcp_arrives(struct estab_dhcp *c, const uint8_t *data, size_t len,
                                      estab_time now);

/* The same as IP packets, for links on which there is no address yet to bind UDP to. */
#define ESTAB_DHCP_IP_PACKET (28 + ESTAB_DHCP_MESSAGE)
ESTAB_API size_t estab_dhcp_write_ip(const struct estab_dhcp_packet *p,
                                     uint8_t out[ESTAB_DHCP_IP_PACKET]);
/* The message in a whole UDP datagram from port 67 to port 68 with the right checksum; else NULL. */
ESTAB_API const uint8_t *estab_dhcp_read_ip(const uint8_t *packet, size_t packet_len, size_t *len);

/* The same as Ethernet frames without their check sequence, with the tag of a VLAN where it is not 0.
 * A message to one host goes to `to`, the station from which its last one came; NULL, or to all: to
 * every station. */
#define ESTAB_DHCP_FRAME (18 + ESTAB_DHCP_IP_PACKET)
ESTAB_API size_t estab_dhcp_write_frame(const struct estab_dhcp_packet *p, const uint8_t own[6],
                                        const uint8_t *to, uint16_t vlan,
                                        uint8_t out[ESTAB_DHCP_FRAME]);
/* The message in a frame of the VLAN to `own` or to every station, and its sender; else NULL.
 * `csum_verified`: the link has looked at the checksum (ESTAB_FRAME_CSUM_VERIFIED). */
ESTAB_API const uint8_t *estab_dhcp_read_frame(const uint8_t *frame, size_t frame_len,
                                               const uint8_t own[6], uint16_t vlan,
                                               bool csum_verified, uint8_t from[6], size_t *len);

/* The answer to ESTAB_DHCP_PROBE; with `in_use` at any later time: somebody else uses the address. */
ESTAB_API void estab_dhcp_probed(struct estab_dhcp *c, bool in_use, estab_time now);

ESTAB_API unsigned estab_dhcp_take_events(struct estab_dhcp *c);
ESTAB_API estab_time estab_dhcp_deadline(const struct estab_dhcp *c);
ESTAB_API void estab_dhcp_timeouts(struct estab_dhcp *c, estab_time now);

#ifdef __cplusplus
}
#endif

#endif
