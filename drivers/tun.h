/* SPDX-License-Identifier: MIT */
/*
 * A TUN device: the kernel's end of a point-to-point link whose other end is this process. Packets
 * are bare IP, without a header of the device's own (IFF_TUN | IFF_NO_PI). Or a TAP device, whose
 * packets are Ethernet frames: an Ethernet card of the kernel's, on a cable whose other end we are.
 *
 * A device that is made here vanishes when it is closed, with its addresses and routes; one that
 * was there before keeps its configuration and stays.
 */
#ifndef ESTAB_DRIVERS_TUN_H
#define ESTAB_DRIVERS_TUN_H

#include "drivers/packet_link.h"

#include <net/if.h>
#include <stdbool.h>

struct tun {
    int fd; /* -1: closed */
    unsigned ifindex;
    char name[IFNAMSIZ];
    bool made; /* by us: the kernel's end is ours to configure */
    bool tap;
    bool offload; /* the device and we leave checksums to each other (vnet.h) */
};

/* Attaches to the device `name`, or makes it; NULL: "estab0" or the first number that is free. */
int estab_tun_open(struct tun *tun, const char *name, struct failure *why);
/* The same for a TAP device. */
int estab_tap_open(struct tun *tun, const char *name, struct failure *why);
/* Either of them with `offload`, if the kernel knows it: for links to a stack whose interface has
 * estab_tun_offload(). */
int estab_tun_open_offload(struct tun *tun, const char *name, bool tap, struct failure *why);
struct estab_offload estab_tun_offload(const struct tun *tun);
void estab_tun_close(struct tun *tun);

/* What the kernel's end is set to. */
int estab_tun_mtu(const struct tun *tun, uint32_t *mtu, struct failure *why);
int estab_tun_is_up(const struct tun *tun, bool *up, struct failure *why);

/* Configures the kernel's end; needs the right to administer the network. */
int estab_tun_set_mtu(const struct tun *tun, uint32_t mtu, struct failure *why);
int estab_tun_bring_up(const struct tun *tun, struct failure *why);
/* `addr` is the kernel's; `peer`, if not NULL, is ours and lies outside the address's prefix. */
int estab_tun_add_address(const struct tun *tun, const struct estab_addr *addr,
                          const struct estab_addr *peer, unsigned prefix_len, struct failure *why);

/* The device as the loop drives it; lives as long as `tun`. */
struct packet_link estab_tun_link(struct tun *tun, uint32_t mtu, uint32_t largest);

#endif
