/* SPDX-License-Identifier: MIT */
/*
 * The few things asked of the kernel's own network stack, over rtnetlink(7): bring a device up,
 * set its MTU, give it an address. All calls wait for the kernel's answer and return 0 or a
 * negative errno.
 */
#ifndef ESTAB_DRIVERS_NETLINK_H
#define ESTAB_DRIVERS_NETLINK_H

#include "estab/addr.h"

#include <stdint.h>

int estab_netlink_set_up(unsigned ifindex);
int estab_netlink_set_mtu(unsigned ifindex, uint32_t mtu);

/* Packets that may wait in the device; the kernel drops what comes beyond. */
int estab_netlink_set_queue_length(unsigned ifindex, uint32_t packets);

/* No link-local address, and with it no router solicitations, on a device about to come up. */
int estab_netlink_no_link_local(unsigned ifindex);

/* Gives the device the address, usable at once (no duplicate address detection). `peer`: the other
 * end of a point-to-point device, routed with the prefix; NULL: the address's own prefix. */
int estab_netlink_add_address(unsigned ifindex, const struct estab_addr *addr,
                              const struct estab_addr *peer, unsigned prefix_len);

#endif
