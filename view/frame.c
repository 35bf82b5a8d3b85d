/* SPDX-License-Identifier: MIT */
/* See frame.h. Called from json.c and ladder_words.c. */
#include "view/frame.h"

#include "estab/estab.h"

#include <string.h>

static uint16_t
be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

bool
estab_view_frame(const struct estab_trace *r, struct view_frame *f)
{
    uint32_t header = 14;

    if (r->frame == NULL || r->frame_len < header)
        return false;
    *f = (struct view_frame){ .dst = r->frame, .src = r->frame + 6, .type = be16(r->frame + 12) };
    if (f->type == 0x8100) {
        header = 18;
        if (r->frame_len < header)
            return false;
        f->vlan = be16(r->frame + 14) & 0x0fff;
        f->type = be16(r->frame + 16);
    }
    f->payload = r->frame + header;
    f->len = r->frame_len - header;
    return true;
}

bool
estab_view_arp(const struct view_frame *f, struct view_arp *a)
{
    static const uint8_t ipv4_over_ethernet[6] = { 0, 1, 8, 0, 6, 4 };
    const uint8_t *p = f->payload;

    if (f->type != VIEW_ETHER_ARP || f->len < 28 || memcmp(p, ipv4_over_ethernet, 6) != 0)
        return false;
    *a = (struct view_arp){
        .op = be16(p + 6), .sha = p + 8, .spa = p + 14, .tha = p + 18, .tpa = p + 24
    };
    return true;
}

void
estab_phrase_mac(struct phrase *p, const uint8_t mac[6])
{
    estab_phrase_add(p, "%02x:%02x:%02x:%02x:%02x:%02x", (unsigned)mac[0], (unsigned)mac[1],
                     (unsigned)mac[2], (unsigned)mac[3], (unsigned)mac[4], (unsigned)mac[5]);
}

void
estab_phrase_addr(struct phrase *p, enum estab_family family, const uint8_t *octets)
{
    struct estab_addr a = { .family = (uint8_t)family };
    char text[ESTAB_ADDR_TEXT];

    memcpy(a.bytes, octets, family == ESTAB_INET ? 4 : 16);
    estab_phrase_add(p, "%s", estab_addr_format(&a, text));
}
