/* SPDX-License-Identifier: MIT */
/* Ethernet headers; see ethernet.h. Called from stack/link.c for each frame in and out. */
#include "wire/ethernet.h"

#include "base/bytes.h"

#include <string.h>

bool
estab_ether_parse(struct ether_frame *f, const uint8_t *data, uint32_t len)
{
    uint32_t header = ETHER_HEADER;

    if (len < ETHER_HEADER)
        return false;
    *f = (struct ether_frame){ .dst = data, .src = data + 6, .type = get_be16(data + 12) };
    if (f->type == ETHER_VLAN) {
        if (len < ETHER_HEADER_VLAN)
            return false;
        /* IEEE 802.1Q: the low 12 bits name the VLAN; 0 only tells a priority */
        f->vlan = get_be16(data + 14) & 0x0fff;
        f->type = get_be16(data + 16);
        header = ETHER_HEADER_VLAN;
    }
    /* up to 1535 the field is a length, of a frame that carries no IP here */
    if (f->type < 0x600)
        return false;
    f->payload = data + header;
    f->payload_len = len - header;
    return true;
}

uint32_t
estab_ether_write(uint8_t *out, const uint8_t dst[6], const uint8_t src[6], uint16_t vlan,
                  uint16_t type)
{
    memcpy(out, dst, 6);
    memcpy(out + 6, src, 6);
    if (vlan == 0) {
        put_be16(out + 12, type);
        return ETHER_HEADER;
    }
    put_be16(out + 12, ETHER_VLAN);
    put_be16(out + 14, vlan);
    put_be16(out + 16, type);
    return ETHER_HEADER_VLAN;
}

uint32_t
estab_ether_pad(uint8_t *frame, uint32_t len, uint32_t cap)
{
    uint32_t least = cap < ETHER_MIN ? cap : ETHER_MIN;

    if (len >= least)
        return len;
    memset(frame + len, 0, least - len);
    return least;
}

void
estab_ether_group(uint8_t mac[6], const uint8_t *addr, unsigned addr_len)
{
    if (addr_len == 16) { /* 33:33 and the low 32 bits */
        mac[0] = mac[1] = 0x33;
        memcpy(mac + 2, addr + 12, 4);
    } else if (addr[0] >> 4 == 14) { /* 01:00:5e and the low 23 bits */
        mac[0] = 0x01;
        mac[1] = 0x00;
        mac[2] = 0x5e;
        mac[3] = addr[1] & 0x7f;
        mac[4] = addr[2];
        mac[5] = addr[3];
    } else {
        memset(mac, 0xff, 6);
    }
}
