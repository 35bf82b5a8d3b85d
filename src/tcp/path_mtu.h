/* SPDX-License-Identifier: MIT */
/*
 * The path's MTU found by TCP itself (RFC 4821, RFC 8899), where no ICMP tells it: segments that
 * never get through become smaller (a black hole), and a larger one is tried now and then. A lost
 * probe says nothing of congestion. Probes need the scoreboard.
 */
#ifndef TCP_PATH_MTU_H
#define TCP_PATH_MTU_H

#include "tcp/internal.h"

/* The retransmission timer has expired `tcb->retransmissions` times before this one. */
void estab_path_mtu_timeout(struct tcb *tcb, struct tcp_env *env);
/* The path takes no packets of more than `mms` octets behind the IP header: what was out is sent
 * again in smaller ones. */
void estab_path_mtu_lowered(struct tcb *tcb, const struct tcp_env *env, uint32_t mms);
/* The text of a probe that may leave now; 0: none. */
uint32_t estab_path_mtu_probe(const struct tcb *tcb, const struct tcp_env *env);
/* [seq, end) leaves as a probe. */
void estab_path_mtu_probe_sent(struct tcb *tcb, tcp_seq seq, tcp_seq end);
/* What an ACK of `acked` octets says of the path, and of the probe that is out. */
void estab_path_mtu_ack(struct tcb *tcb, struct tcp_env *env, uint32_t acked);
/* Is the probe, and nothing else, what is lost now? Then it has failed. */
bool estab_path_mtu_probe_lost(struct tcb *tcb, struct tcp_env *env);

#endif
