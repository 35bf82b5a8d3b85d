/* SPDX-License-Identifier: MIT */
/* ARP packets; see arp.h. Called from stack/arp.c. */
#include "wire/arp.h"

#include "base/bytes.h"

#include <string.h>

bool
estab_arp_parse(struct arp_packet *a, const uint8_t *data, uint32_t len)
{
    /* RFC 826, Packet Reception: hardware space 1 and length 6, protocol IPv4 and length 4; of the
     * operations only these two, so no RARP. */
    if (len < ARP_LEN || get_be16(data) != 1 || get_be16(data + 2) != 0x0800 || data[4] != 6 ||
        data[5] != 4)
        return false;
    a->op = get_be16(data + 6);
    if (a->op != ARP_REQUEST && a->op != ARP_REPLY)
        return false;
    memcpy(a->sha, data + 8, 6);
    memcpy(a->spa, data + 14, 4);
    memcpy(a->tha, data + 18, 6);
    memcpy(a->tpa, data + 24, 4);
    return true;
}

void
estab_arp_write(uint8_t *out, const struct arp_packet *a)
{
    put_be16(out, 1);
    put_be16(out + 2, 0x0800);
    out[4] = 6;
    out[5] = 4;
    put_be16(out + 6, a->op);
    memcpy(out + 8, a->sha, 6);
    memcpy(out + 14, a->spa, 4);
    memcpy(out + 18, a->tha, 6);
    memcpy(out + 24, a->tpa, 4);
}
