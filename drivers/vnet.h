/* SPDX-License-Identifier: MIT */
/*
 * The header that a TUN or TAP device with IFF_VNET_HDR puts in front of each packet, and wants to
 * see there: virtio_net_hdr of the virtio specification, 5.1.6, legacy layout in native byte order.
 * It says which checksums are left to do. Pure.
 */
#ifndef ESTAB_DRIVERS_VNET_H
#define ESTAB_DRIVERS_VNET_H

#include "estab/stack.h"

enum { VNET_HEADER = 10 };

/* What the header says of the packet in `f`, into its flags. False: it asks for more than was agreed
 * (segments to be cut, an encapsulation) or points outside of the packet; nobody can take that. */
bool estab_vnet_read(struct estab_frame *f, const uint8_t header[VNET_HEADER]);
/* The header for a frame of the stack. */
void estab_vnet_write(uint8_t header[VNET_HEADER], const struct estab_frame *f);

#endif
