/* SPDX-License-Identifier: MIT */
/*
 * What an interface of kind Ethernet has beside a raw one: link.c (frames, next hops, what waits
 * for them), arp.c, nd.c (neighbour and router discovery), addresses.c (their lives), groups.c
 * (multicast membership). Interfaces that carry raw IP have none of this.
 */
#ifndef STACK_LINK_H
#define STACK_LINK_H

#include "ip/neighbour.h"
#include "stack/internal.h"
#include "wire/arp.h"
#include "wire/ethernet.h"
#include "wire/groups.h"
#include "wire/nd.h"

#define LINK_GROUPS_MAX 96 /* of one interface, with those of its addresses */
#define ROUTERS_MAX 8      /* default routers heard of on one interface */
#define PREFIXES_MAX 16    /* prefixes heard of on one interface */
#define AUTOCONF_MAX 16    /* addresses made of them */
#define REDIRECTS_MAX 16   /* host routes made by redirects */
#define DNS_LIST_MAX 8     /* name servers, and search domains, heard of on one interface */

/* An address of 16 octets, or a domain as text, with zeros behind it. */
struct dns_entry {
    uint8_t octets[ND_DOMAIN_TEXT];
    estab_time until;
};

struct dns_list {
    uint32_t n;
    struct dns_entry at[DNS_LIST_MAX];
};

struct member {
    uint8_t group[16];
    uint8_t addr_len;
    uint8_t sends;  /* reports of the change that are left */
    uint16_t users; /* 0: left, and the last reports say so */
    estab_time send_at;
    estab_time answer_at; /* to a query of an older version; ESTAB_NEVER */
};

/* Routers of older versions that were heard of not long ago. */
enum old_querier { OLD_IGMP1, OLD_IGMP2, OLD_MLD1, OLD_QUERIERS };

struct ethernet {
    uint8_t mac[6];
    uint16_t vlan;
    uint8_t header; /* octets in front of each IP packet */
    bool started;   /* the first tick has seen it */
    uint8_t solicits_left;
    estab_time solicit_at;
    uint32_t mtu6; /* of IPv6: a router may lower it */
    uint32_t groups;
    struct member member[LINK_GROUPS_MAX];
    estab_time report_at[2]; /* answer to a query, IPv4 and IPv6; ESTAB_NEVER */
    estab_time old_until[OLD_QUERIERS];
    struct dns_list servers, domains;
};

/* Octets of the largest IP packet of a family. */
static inline uint32_t
estab_link_mtu(const struct interface *i, unsigned addr_len)
{
    return i->eth != NULL && addr_len == 16 ? i->eth->mtu6 : i->link.mtu;
}

/* Of the largest to `dst`: a route may take less than its link (SHLD-6). What a path is known to take is
 * another matter. */
static inline uint32_t
estab_route_mtu(const struct estab_stack *s, unsigned ifindex, const uint8_t *dst,
                unsigned addr_len)
{
    uint32_t link = estab_link_mtu(&s->interface[ifindex], addr_len), mtu = 0;

    if (UNLIKELY(s->routes.narrow))
        mtu = estab_ip_route_mtu(&s->routes, dst, addr_len, ifindex);
    return mtu != 0 && mtu < link ? mtu : link;
}

/* ---- link.c ---- */
int estab_link_add(struct estab_stack *s, struct interface *i, const struct estab_link *link);
void estab_link_free(struct estab_stack *s);
/* Is there a frame for us at all? SEG_CONTINUE: its payload is IP or ARP. */
enum seg_verdict estab_link_open(const struct ethernet *e, const struct estab_frame *f,
                                 struct ether_frame *out);
/* Discovery and membership messages have rules about addresses of their own. */
bool estab_link_is_control(const struct estab_stack *s, const struct ip_header *ip,
                           unsigned ifindex);
/* Where a connection's segments go now. False: it is parked, or nobody is there and what it had to
 * send is lost; it is on no list or the neighbour's then. */
bool estab_link_resolve(struct estab_stack *s, struct conn *c, uint8_t mac[6], struct tcp_env *env);
/* The same for a packet of no connection, the first in the reply ring, where its `len` octets begin
 * at `at`. False: it is there no more, but waits or is lost. */
bool estab_link_resolve_packet(struct estab_stack *s, unsigned ifindex, const uint8_t *dst,
                               unsigned addr_len, uint32_t at, uint32_t len, uint8_t reason,
                               uint8_t state, uint8_t mac[6], estab_time now);
/* The header in front of the IP packet of `len` octets at frame + header; the frame's length. */
uint32_t estab_link_close(const struct ethernet *e, uint8_t *frame, uint32_t len, uint32_t cap,
                          const uint8_t mac[6], uint16_t type);
/* The peer has what was sent (RFC 4861 §7.3.1). */
void estab_link_progress(struct estab_stack *s, const struct conn *c, estab_time now);
/* The memory for what waits has changed, perhaps. */
void estab_link_tell_memory(struct estab_stack *s);
/* Something waited for this neighbour: it can go. */
void estab_link_release(struct estab_stack *s, struct neighbour *n);
/* There is room in the reply ring again, perhaps for what was released. */
void estab_link_refill(struct estab_stack *s, unsigned ifindex);
void estab_link_tick(struct estab_stack *s, estab_time now);
estab_time estab_link_deadline(struct estab_stack *s);
/* From 0 to `most`, by the host's secret and how often it was asked before. */
estab_time estab_link_delay(struct estab_stack *s, estab_time most);

/* ---- arp.c ---- */
enum seg_verdict estab_arp_input(struct estab_stack *s, unsigned ifindex,
                                 const struct ether_frame *f, estab_time now);
/* `to` NULL: broadcast. */
void estab_arp_ask(struct estab_stack *s, unsigned ifindex, const uint8_t target[4],
                   const uint8_t *to, const uint8_t sender[4], enum send_reason why);

/* ---- nd.c ---- */
enum seg_verdict estab_nd_input(struct estab_stack *s, const struct ip_header *ip, unsigned ifindex,
                                estab_time now);
void estab_nd_ask(struct estab_stack *s, unsigned ifindex, const uint8_t target[16], bool all);
void estab_nd_probe(struct estab_stack *s, unsigned ifindex, const uint8_t target[16]);
void estab_nd_announce(struct estab_stack *s, unsigned ifindex, const uint8_t addr[16]);
void estab_nd_ask_routers(struct estab_stack *s, unsigned ifindex);

/* ---- redirect.c ---- */
/* A router says that `target` is a better next hop for `dst`. False: not acted on. */
bool estab_redirect(struct estab_stack *s, unsigned ifindex, unsigned addr_len,
                    const uint8_t *router, const uint8_t *dst, const uint8_t *target,
                    estab_time now);
/* Nobody answers there: who goes there because of a redirect goes the old way again (RFC 1122
 * §3.3.1.4, RFC 4861 §7.3.3). */
void estab_redirect_forget(struct estab_stack *s, unsigned ifindex, unsigned addr_len,
                           const uint8_t *hop);
/* A redirect of IPv4, an ICMP message. */
enum seg_verdict estab_redirect_input(struct estab_stack *s, const struct icmp_message *m,
                                      const struct ip_header *ip, unsigned ifindex, estab_time now);

/* ---- addresses.c ---- */
void estab_addresses_start(struct estab_stack *s, unsigned ifindex, estab_time now);
void estab_addresses_tick(struct estab_stack *s, estab_time now);
estab_time estab_addresses_deadline(const struct estab_stack *s);
/* An address of ours begins its life; its groups are joined. probe: nobody may use it yet. */
void estab_address_begin(struct estab_stack *s, struct ip_address *a, bool probe, estab_time now);
/* Somebody else has an address that we want, or have. */
void estab_address_conflict(struct estab_stack *s, struct ip_address *a, estab_time now);
void estab_address_end(struct estab_stack *s, struct ip_address *a, estab_time now);
void estab_addresses_router(struct estab_stack *s, unsigned ifindex, const struct nd_message *ra,
                            const uint8_t router[16], estab_time now);

/* ---- name_servers.c ---- */
void estab_name_servers_heard(struct ethernet *e, const struct nd_message *ra, estab_time now);
void estab_name_servers_tick(struct ethernet *e, estab_time now);
estab_time estab_name_servers_deadline(const struct ethernet *e);

/* ---- groups.c ---- */
int estab_group_join(struct estab_stack *s, unsigned ifindex, const uint8_t *group,
                     unsigned addr_len, estab_time now);
void estab_group_leave(struct estab_stack *s, unsigned ifindex, const uint8_t *group,
                       unsigned addr_len, estab_time now);
bool estab_group_is_member(const struct ethernet *e, const uint8_t *group, unsigned addr_len);
enum seg_verdict estab_group_input(struct estab_stack *s, const struct ip_header *ip,
                                   unsigned ifindex, estab_time now);
void estab_groups_tick(struct estab_stack *s, unsigned ifindex, estab_time now);
estab_time estab_groups_deadline(const struct ethernet *e);

#endif
