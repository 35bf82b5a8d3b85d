/* SPDX-License-Identifier: MIT */
/*
 * Defaults and profiles; see include/estab/config.h, and docs/architecture.md for the reasons and
 * for what happens at each limit. Called by the user before estab_stack_new().
 */
#include "estab/config.h"

#include "estab/err.h"

#include <string.h>

void
estab_config_init(struct estab_config *cfg)
{
    memset(cfg, 0, sizeof(*cfg));
    cfg->msl = ESTAB_SEC(30);
    cfg->rto_initial = ESTAB_SEC(1);
    /* Differs from RFC 6298 §2.4 (minimum 1 s): as other stacks of today. */
    cfg->rto_min = ESTAB_MS(200);
    cfg->rto_slack = ESTAB_MS(200);
    cfg->rto_max = ESTAB_SEC(120);
    cfg->r1 = 3;
    cfg->syn_r2 = ESTAB_SEC(180); /* (MUST-23) */
    /* Differs from RFC 9293 §3.8.3 (MUST-23, R2 of a SYN at least 3 minutes) on the passive side:
     * 31 s, because each SYN,ACK to a forged address is traffic that its owner did not ask for. */
    cfg->syn_ack_retries = 4;
    cfg->delayed_ack = ESTAB_MS(40);
    cfg->fin_wait_2 = ESTAB_SEC(60);
    cfg->sws_override = ESTAB_MS(200);
    cfg->initial_window = 10;
    cfg->timestamps = true;
    cfg->window_scaling = true;
    cfg->sack = true;
    cfg->rack = true;
    cfg->cwnd_validation = true;
    cfg->ecn = ESTAB_ECN_ANSWER;
    cfg->accecn = true;
    cfg->path_mtu_probing = true;
    cfg->orphan_timeout = ESTAB_SEC(100);
    cfg->syn_cookies = ESTAB_SYN_COOKIES_WHEN_FULL;
    cfg->rfc1337 = true;
    cfg->syn_layout = ESTAB_SYN_LAYOUT_LINUX;
    cfg->timestamp_tick = ESTAB_MS(1);
    cfg->challenge_gap = ESTAB_MS(500);
    cfg->fast_open_key_life = ESTAB_SEC(12 * 3600);
    cfg->fast_open_retry = ESTAB_SEC(60);
    cfg->tcp.ttl = 64;
    cfg->tcp.cc = ESTAB_CC_CUBIC;
    cfg->tcp.keepalive_idle = ESTAB_SEC(7200); /* N19 (MUST-28) */
    cfg->tcp.keepalive_interval = ESTAB_SEC(75);
    cfg->tcp.keepalive_count = 10;
    cfg->tcp.user_timeout = ESTAB_SEC(15 * 60);
    cfg->user_timeout_min = ESTAB_SEC(100);
    cfg->user_timeout_max = ESTAB_SEC(3600);
    cfg->tcp.send_buffer = 256 * 1024;
    cfg->tcp.receive_buffer = 256 * 1024;
    cfg->tcp.send_buffer_max = 8 * 1024 * 1024;
    cfg->tcp.receive_buffer_max = 8 * 1024 * 1024;
    cfg->memory_budget = (size_t)256 << 20;
    cfg->max_connections = 1u << 20;
    cfg->max_half_open = 4096;
    cfg->max_time_wait = 1u << 20;
    cfg->max_orphans = 65536;
    cfg->max_listeners = 1024;
    cfg->max_fast_open_pending = 64;
    cfg->max_fast_open_peers = 1024;
    cfg->port_min = 1024; /* RFC 6056 §3.2: the whole range that needs no privilege */
    cfg->port_max = 65535;
    cfg->rst_per_second = 1000;
    cfg->icmp_per_second = 1000;
    cfg->icmp_per_destination = 10;
    cfg->udp.ttl = 64;
    cfg->udp.multicast_ttl = 1;              /* RFC 1112 §6.1 */
    cfg->udp.receive_bytes_max = 128 * 1024; /* the largest datagram fits */
    cfg->udp.receive_count_max = 256;
    cfg->max_udp = 1024;
    cfg->max_echo = 16;
    cfg->max_reassemblies = 64;
    cfg->max_fragments = 128; /* the largest datagram over a path of 576 octets has 119 */
    cfg->reassembly_bytes = 256 * 1024;
    /* Differs from RFC 1122 §3.3.2 (60 s to 120 s): fragments of one datagram travel together, and
     * what stays incomplete only takes room, and may be completed by another's fragment (RFC 4963). */
    cfg->reassembly_timeout_4 = ESTAB_SEC(30);
    cfg->reassembly_timeout_6 = ESTAB_SEC(60);
    cfg->max_paths = 1024;
    cfg->strong_host = true;
    cfg->dad_transmits = 1;
    cfg->arp_probe_time = ESTAB_SEC(1);
    cfg->max_neighbours = 1024;
    cfg->max_unresolved_neighbours = 64;
    cfg->neighbour_queue_bytes = 512 * 1024;
    cfg->arp_per_second = 1000;
}

int
estab_config_profile(struct estab_config *cfg, const char *name)
{
    if (strcmp(name, "rfc") == 0) {
        cfg->msl = ESTAB_SEC(120);
        cfg->reassembly_timeout_4 = ESTAB_SEC(60);
        cfg->rto_min = ESTAB_SEC(1);
        cfg->rto_slack = 0;
        cfg->cwnd_validation = false; /* RFC 5681 §4.1 */
        cfg->syn_ack_retries = 7;     /* 1 + 2 + ... + 64 + 120 = 247 s (MUST-23) */
    } else if (strcmp(name, "linux") == 0) {
        cfg->syn_ack_retries = 5;
        cfg->cwnd_validation = false;
        cfg->port_min = 32768;
        cfg->port_max = 60999;
    } else if (strcmp(name, "bsd") == 0) {
        cfg->msl = ESTAB_SEC(30);
        cfg->cwnd_validation = false;
        cfg->syn_layout = ESTAB_SYN_LAYOUT_BSD;
        cfg->port_min = 49152;
        cfg->port_max = 65535;
    } else if (strcmp(name, "lan") == 0) {
        cfg->rto_min = ESTAB_MS(10);
        cfg->rto_slack = ESTAB_MS(10);
        cfg->delayed_ack = ESTAB_MS(10);
    } else if (strcmp(name, "tiny") == 0) {
        cfg->tcp.send_buffer = 0;
        cfg->tcp.receive_buffer = 0;
        cfg->tcp.send_buffer_max = 4096;
        cfg->tcp.receive_buffer_max = 4096;
        cfg->memory_budget = (size_t)2 << 20;
        cfg->max_connections = 64;
        cfg->max_half_open = 64;
        cfg->max_time_wait = 64;
        cfg->max_orphans = 16;
        cfg->max_listeners = 8;
        cfg->max_fast_open_pending = 4;
        cfg->max_fast_open_peers = 16;
        cfg->udp.receive_bytes_max = 8192;
        cfg->udp.receive_count_max = 16;
        cfg->max_udp = 8;
        cfg->max_echo = 2;
        cfg->max_reassemblies = 8;
        cfg->reassembly_bytes = 128 * 1024;
        cfg->max_paths = 16;
        cfg->max_neighbours = 32;
        cfg->max_unresolved_neighbours = 8;
        cfg->neighbour_queue_bytes = 128 * 1024;
    } else {
        return -ESTAB_EINVAL;
    }
    return 0;
}
