/* SPDX-License-Identifier: MIT */
/* TCP Fast Open as a test sees it: a listener of ours, cookies, and a connection that a cookie has opened. */
#ifndef ESTAB_TESTS_HARNESS_FAST_OPEN_H
#define ESTAB_TESTS_HARNESS_FAST_OPEN_H

#include "harness/peer.h"

#define V4(four, six) (peer_family == 4 ? (four) : (six))
#define COOKIE 9 /* 8 octets */
#define REQUEST 1

static inline struct peer *
server_with(struct estab_config *cfg)
{
    cfg->tcp.fast_open = true;
    return peer_of_listener_with(cfg);
}

static inline struct peer *
server(void)
{
    struct estab_config cfg = peer_config(NULL);

    return server_with(&cfg);
}

/* Another connection of the same peer. */
static inline void
from_port(struct peer *p, uint16_t port)
{
    p->them.port = port;
    p->iss_known = false;
    p->conn = 0;
}

/* An earlier connection, reset by the peer, has left p->cookie to it. */
static inline void
gets_cookie(struct peer *p)
{
    uint16_t port = p->them.port;

    from_port(p, 39999);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = REQUEST);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101, .fast_open = COOKIE);
    peer_sends(p, .ctl = CTL_RST, .seq = 101);
    from_port(p, port);
}

/* SYN with cookie and 100 octets, not accepted by the user yet. */
static inline struct peer *
opened_early(void)
{
    struct peer *p = server();

    gets_cookie(p);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1460, .fast_open = COOKIE, .len = 100);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 201,
                .reason = ESTAB_WHY_SYN_ACK_FAST_OPEN);
    expect_verdict(p, ACCEPTED_FAST_OPEN);
    expect_state(p, TCPS(SYN_RECEIVED));
    return p;
}

#endif
