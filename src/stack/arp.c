/* SPDX-License-Identifier: MIT */
/*
 * ARP (RFC 826) with the care of RFC 5227: probes before an address is used, announcements, and
 * what to do when somebody else says that he has it. Called from input.c, link.c and addresses.c.
 */
#include "stack/link.h"

#include <string.h>

void
estab_arp_ask(struct estab_stack *s, unsigned ifindex, const uint8_t target[4], const uint8_t *to,
              const uint8_t sender[4], enum send_reason why)
{
    static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
    const struct ethernet *e = s->interface[ifindex].eth;
    struct arp_packet a = { .op = ARP_REQUEST };
    uint8_t arp[ARP_LEN];

    memcpy(a.sha, e->mac, 6);
    memcpy(a.spa, sender, 4);
    memcpy(a.tpa, target, 4);
    estab_arp_write(arp, &a);
    estab_reply_arp(s, ifindex, arp, to != NULL ? to : all, why);
}

static void
answer(struct estab_stack *s, unsigned ifindex, const struct arp_packet *q)
{
    const struct ethernet *e = s->interface[ifindex].eth;
    struct arp_packet a = { .op = ARP_REPLY };
    uint8_t arp[ARP_LEN];

    memcpy(a.sha, e->mac, 6);
    memcpy(a.spa, q->tpa, 4);
    memcpy(a.tha, q->sha, 6);
    memcpy(a.tpa, q->spa, 4);
    estab_arp_write(arp, &a);
    estab_reply_arp(s, ifindex, arp, q->sha, WHY_ARP_REPLY);
}

/* RFC 1122 §3.2.1.3: none of these is a sender's; 0.0.0.0 is that of a probe (RFC 5227 §1.1). */
static bool
sender_is_good(const struct estab_stack *s, const struct arp_packet *a)
{
    static const uint8_t none[4];

    if (memcmp(a->spa, none, 4) == 0)
        return true;
    return !estab_ip_is_unspecified(a->spa, 4) && !estab_ip_is_loopback(a->spa, 4) &&
           !estab_ip_is_broadcast(&s->routes, a->spa, 4);
}

enum seg_verdict
estab_arp_input(struct estab_stack *s, unsigned ifindex, const struct ether_frame *f,
                estab_time now)
{
    static const uint8_t none[4];
    const struct ethernet *e = s->interface[ifindex].eth;
    struct ip_address *own, *target;
    struct neighbour *n;
    struct arp_packet a;
    bool taken = false, probe, reply;

    if (!estab_arp_parse(&a, f->payload, f->payload_len))
        return SEG_DROP_ARP_MALFORMED;
    /* a group is nobody's hardware address, and ours is ours (RFC 1812 §3.3.2) */
    if (mac_is_group(a.sha) || mac_is_zero(a.sha) || memcmp(a.sha, e->mac, 6) == 0)
        return SEG_DROP_LINK_SOURCE;
    if (!sender_is_good(s, &a))
        return SEG_DROP_ARP_MALFORMED;
    probe = memcmp(a.spa, none, 4) == 0;
    own = probe ? NULL : estab_ip_find_address(&s->routes, a.spa, 4, ifindex);
    target = estab_ip_find_address(&s->routes, a.tpa, 4, ifindex);
    /* RFC 5227 §2.1.1: while we probe, whoever says he has the address, or probes for it too, is in
     * our way. §2.4: later, who says he has it. */
    if (own == NULL && probe && a.op == ARP_REQUEST && target != NULL &&
        target->state == ADDR_TENTATIVE)
        own = target;
    if (own != NULL) {
        estab_address_conflict(s, own, now);
        return SEG_DROP_ARP_CONFLICT;
    }
    reply = a.op == ARP_REPLY && !mac_is_group(f->dst) && target != NULL;
    n = probe ? NULL : estab_neigh_find(s->neighbours, ifindex, a.spa, 4);
    if (n != NULL && estab_neigh_arp(s->neighbours, n, a.sha, reply, now, &taken))
        estab_link_release(s, n);
    if (a.op == ARP_REQUEST && target != NULL && target->state < ADDR_TENTATIVE) {
        /* RFC 826 would also remember who asks. Differs from RFC 826, Packet Reception: we ask when
         * we need him, for a question is no proof and costs its sender nothing. */
        if (!rate_allows(&s->arp_rate, s->cfg.arp_per_second, now))
            return SEG_DROP_RATE_LIMIT;
        answer(s, ifindex, &a);
        return SEG_ACCEPTED_ARP;
    }
    return taken ? SEG_ACCEPTED_ARP : SEG_DROP_ARP_UNASKED;
}
