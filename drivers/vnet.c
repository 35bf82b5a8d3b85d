/* SPDX-License-Identifier: MIT */
/* See vnet.h. Called from tun.c. */
#include "drivers/vnet.h"

#include <string.h>

enum { NEEDS_CSUM = 1, DATA_VALID = 2 }; /* flags; gso_type 0: one packet */

bool
estab_vnet_read(struct estab_frame *f, const uint8_t header[VNET_HEADER])
{
    uint8_t flags = header[0], gso = header[1];

    f->flags = 0;
    f->csum_start = f->csum_offset = f->segment = 0;
    if (gso != 0)
        return false;
    if ((flags & NEEDS_CSUM) != 0) {
        memcpy(&f->csum_start, header + 6, 2);
        memcpy(&f->csum_offset, header + 8, 2);
        if (f->csum_start >= f->len || f->csum_offset + 2u > f->len - f->csum_start)
            return false;
        f->flags = ESTAB_FRAME_CSUM_PARTIAL;
    } else if ((flags & DATA_VALID) != 0) {
        f->flags = ESTAB_FRAME_CSUM_VERIFIED;
    }
    return true;
}

void
estab_vnet_write(uint8_t header[VNET_HEADER], const struct estab_frame *f)
{
    memset(header, 0, VNET_HEADER);
    if ((f->flags & ESTAB_FRAME_CSUM_PARTIAL) == 0)
        return;
    header[0] = NEEDS_CSUM;
    memcpy(header + 6, &f->csum_start, 2);
    memcpy(header + 8, &f->csum_offset, 2);
}
