/* SPDX-License-Identifier: MIT */
/*
 * TIME-WAIT as a record of its own (N13-N18): the active closer remembers only what it needs to
 * answer a repeated FIN and to tell old segments from a new connection. Pure rules; the list, the
 * 2MSL deadline and the limit are in stack/.
 */
#ifndef TCP_TIME_WAIT_H
#define TCP_TIME_WAIT_H

#include "tcp/tcp.h"

struct time_wait {
    estab_time expires_at;
    uint32_t next, prev; /* in the order in which they end */
    tcp_seq snd_nxt, rcv_nxt;
    uint32_t ts_recent, ts_offset;
    uint16_t wnd;
    uint8_t ifindex;
    uint8_t pool; /* stack/: which family */
    bool timestamps : 1;
    bool ephemeral : 1; /* the local port was chosen by us and is free afterwards */
};

enum time_wait_action {
    TIME_WAIT_KEEP,
    TIME_WAIT_RESTART, /* 2MSL anew, and the reply */
    TIME_WAIT_DELETE,
    TIME_WAIT_REUSE, /* a new connection may take its place, if somebody listens */
};

void estab_time_wait_init(struct time_wait *tw, struct tcb *tcb, const struct tcp_env *env);
enum seg_verdict estab_time_wait_arrives(const struct time_wait *tw, const struct tcp_env *env,
                                         const struct tcp_seg *seg, enum time_wait_action *action,
                                         struct tcp_out *reply);
/* <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK> */
void estab_time_wait_ack(const struct time_wait *tw, const struct tcp_env *env,
                         enum send_reason reason, struct tcp_out *out);
/* An ISS for the connection that takes its place: beyond all that was used (MAY-2). */
tcp_seq estab_time_wait_next_iss(const struct time_wait *tw, tcp_seq iss);

#endif
