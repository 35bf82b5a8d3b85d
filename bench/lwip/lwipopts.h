/* SPDX-License-Identifier: MIT */
/*
 * lwIP as fast as its options make it for bench/peers: no threads, pools instead of a heap, windows of
 * 256 KiB, whole segments in one pbuf, checksums while copying, and the vectorised checksum of estab.
 */
#ifndef BENCH_LWIPOPTS_H
#define BENCH_LWIPOPTS_H

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_TIMERS 0 /* host.c calls tcp_tmr() */
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_STATS 0
#define LWIP_NOASSERT 1
#define LWIP_ARP 0
#define LWIP_ETHERNET 0
#define LWIP_UDP 0
#define LWIP_RAW 0
#define LWIP_IPV6 0
#define IP_REASSEMBLY 0
#define IP_FRAG 0
#define LWIP_SUPPORT_CUSTOM_PBUF 1

#define MEM_ALIGNMENT 8
#define MEM_SIZE (64u << 20)
#define MEMP_NUM_TCP_PCB 12000
#define MEMP_NUM_TCP_PCB_LISTEN 8
#define MEMP_NUM_TCP_SEG 16384
#define MEMP_NUM_PBUF 16384
#define PBUF_POOL_SIZE 64                /* what arrives lies in frames that are lent: */
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* the pool need not hold a window */
#define TCP_LISTEN_BACKLOG 0

#define TCP_MSS 1460
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 3
#define TCP_WND (256u << 10)
#define TCP_SND_BUF (256u << 10)
#define TCP_SND_QUEUELEN 1024
#define TCP_SNDLOWAT 2048
#define TCP_OVERSIZE TCP_MSS
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_TCP_SACK_OUT 1
/* TIME-WAIT stands in a list that segments walk: short, or it would be all that is measured. */
#define TCP_MSL 50

#define LWIP_CHECKSUM_ON_COPY 1
#define LWIP_CHKSUM bench_chksum
#define LWIP_CHKSUM_COPY_ALGORITHM 0
#define lwip_chksum_copy bench_chksum_copy
#include <stdint.h>
uint16_t bench_chksum(const void *data, int len);
uint16_t bench_chksum_copy(void *dst, const void *src, uint16_t len);

#endif
