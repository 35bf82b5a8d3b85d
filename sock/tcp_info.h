/* SPDX-License-Identifier: MIT */
/* What getsockopt(TCP_INFO) gives, in the layout of Linux; see tcp_info.c. */
#ifndef SOCK_TCP_INFO_H
#define SOCK_TCP_INFO_H

#include <stdint.h>

struct linux_tcp_info {
    uint8_t state, ca_state, retransmits, probes, backoff, options;
    uint8_t wscale;       /* low half: the peer's, high half: ours */
    uint8_t rate_limited; /* and two bits of why Fast Open failed */
    uint32_t rto, ato, snd_mss, rcv_mss;
    uint32_t unacked, sacked, lost, retrans, fackets;
    uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
    uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
    uint32_t rcv_rtt, rcv_space, total_retrans;
    uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
    uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
    uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
    uint32_t delivered, delivered_ce;
    uint64_t bytes_sent, bytes_retrans;
    uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};

struct estab_sock;
void estab_sock_tcp_info(const struct estab_sock *s, struct linux_tcp_info *out);

#endif
