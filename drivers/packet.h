/* SPDX-License-Identifier: MIT */
/*
 * A station of its own on an Ethernet device of the kernel's: an AF_PACKET socket, packet(7), with
 * a ring (TPACKET_V3) for what arrives and a filter for what is meant for our hardware address or
 * for many. The kernel goes on using the device; what it sends itself is not for us.
 */
#ifndef ESTAB_DRIVERS_PACKET_H
#define ESTAB_DRIVERS_PACKET_H

#include "drivers/packet_link.h"

/* A device that cuts segments itself (GSO) is given, and gives us, packets of up to 64 KiB. */
#define ESTAB_PACKET_LARGEST (65536u + ESTAB_LINK_HEADER_MAX)

struct packet_device;

/* Joins the device `name` as the station `mac`; *mtu is the device's. NULL and why. */
struct packet_device *estab_packet_open(const char *name, const uint8_t mac[6], uint32_t *mtu,
                                        struct failure *why);
void estab_packet_close(struct packet_device *device);

/* What it does for the stack on it: it knows which checksums were verified, or never made. */
struct estab_offload estab_packet_offload(void);

/* The device as the loop drives it; `largest_out` is the longest frame to send. */
struct packet_link estab_packet_link(struct packet_device *device, uint32_t largest_out);

#endif
