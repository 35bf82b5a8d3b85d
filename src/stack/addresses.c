/* SPDX-License-Identifier: MIT */
/*
 * The lives of addresses on Ethernet: probes before use (RFC 5227 §2.1, RFC 4862 §5.4), defence
 * (RFC 5227 §2.4), and those made of what routers advertise (RFC 4862 §5.5, RFC 7217, RFC 8981).
 * Called from link.c, arp.c, nd.c and for the user.
 */
#include "stack/link.h"

#include "base/bytes.h"

#include <string.h>

/* RFC 5227 §1.1. PROBE_WAIT and PROBE_MIN are `arp_probe_time`, PROBE_MAX and ANNOUNCE_WAIT twice
 * that. Differs from RFC 5227 §1.1 where the user sets less than a second: a program that is started
 * to fetch something does not wait 7 s for owners who answer within milliseconds. */
#define ARP_PROBES 3
#define ARP_ANNOUNCE_INTERVAL ESTAB_SEC(2)
#define ARP_ANNOUNCEMENTS 2
#define DEFEND_INTERVAL ESTAB_SEC(10)
/* RFC 4861 §10 */
#define ROUTER_SOLICITS 3
#define ROUTER_SOLICIT_INTERVAL ESTAB_SEC(4)
#define ROUTER_SOLICIT_DELAY ESTAB_SEC(1)
/* RFC 7217 §7 */
#define IDGEN_RETRIES 3
/* RFC 8981 §3.8 */
#define TEMP_VALID ESTAB_SEC(2 * 86400)
#define TEMP_PREFERRED ESTAB_SEC(86400)
#define REGEN_ADVANCE ESTAB_SEC(5)

static void
solicited_node(struct estab_stack *s, const struct ip_address *a, bool join, estab_time now)
{
    uint8_t group[16];

    if (a->addr_len != 16)
        return;
    estab_nd_solicited_node(group, a->octets);
    if (join)
        (void)estab_group_join(s, a->ifindex, group, 16, now);
    else
        estab_group_leave(s, a->ifindex, group, 16, now);
}

static void
becomes_ours(struct ip_address *a, estab_time now)
{
    a->state = a->preferred_until > now ? ADDR_PREFERRED : ADDR_DEPRECATED;
    a->probed = false;
    a->sends = a->addr_len == 4 ? ARP_ANNOUNCEMENTS : 1;
    a->send_at = now;
}

void
estab_address_begin(struct estab_stack *s, struct ip_address *a, bool probe, estab_time now)
{
    uint32_t probes =
        a->addr_len == 4 ? (s->cfg.dad_transmits > 0 ? ARP_PROBES : 0) : s->cfg.dad_transmits;

    solicited_node(s, a, true, now);
    if (!probe || probes == 0) {
        becomes_ours(a, now);
        return;
    }
    a->state = ADDR_TENTATIVE;
    a->probed = false;
    a->sends = (uint8_t)probes;
    /* hosts that were switched on together do not ask together */
    a->send_at = now + estab_link_delay(s, a->addr_len == 4 ? s->cfg.arp_probe_time : ESTAB_SEC(1));
}

void
estab_address_end(struct estab_stack *s, struct ip_address *a, estab_time now)
{
    solicited_node(s, a, false, now);
    estab_ip_remove_address(&s->routes, a);
}

/* ---- interface identifiers ---- */

/* RFC 7217 §5: F(prefix, interface, DAD counter, secret key): the same in the same network, and
 * unlike those of other networks. With `salt` (RFC 8981 §3.3.2) another one each time, by a key that
 * nobody keeps. */
static void
make_identifier(const struct estab_stack *s, const struct ethernet *e, uint8_t addr[16],
                uint8_t tries, uint64_t salt)
{
    uint8_t name[8 + 6 + 1 + 8];
    uint64_t id;

    memcpy(name, addr, 8);
    memcpy(name + 8, e->mac, 6);
    name[14] = tries;
    put_le64(name + 15, salt);
    id = estab_siphash24(salt != 0 ? &s->key_temporary : &s->key_iid, name, sizeof(name));
    put_le64(addr + 8, id);
    /* RFC 5453: not the subnet-router anycast address, not the reserved last ones */
    if (id == 0 || (get_be32(addr + 8) == 0xfdffffff && addr[12] == 0xff))
        addr[15] ^= 0x55;
}

static struct ip_address *
make_address(struct estab_stack *s, unsigned ifindex, const uint8_t prefix[8], uint8_t tries,
             bool temporary, estab_time now)
{
    uint8_t addr[16];
    struct ip_address *a;

    memcpy(addr, prefix, 8);
    make_identifier(s, s->interface[ifindex].eth, addr, tries,
                    temporary ? 1 + s->temporaries++ : 0);
    a = estab_ip_new_address(&s->routes, addr, 16, 64, ifindex);
    if (a == NULL)
        return NULL;
    a->autoconf = true;
    a->temporary = temporary;
    a->tries = tries;
    estab_address_begin(s, a, true, now);
    return a;
}

/* ---- conflicts ---- */

/* RFC 7217 §6: another identifier, at most three times; and never for what the user chose. */
static void
try_another(struct estab_stack *s, struct ip_address *a, estab_time now)
{
    solicited_node(s, a, false, now);
    if (!a->autoconf || a->tries >= IDGEN_RETRIES) {
        a->state = ADDR_DUPLICATE;
        a->sends = 0;
        a->probed = false;
        a->send_at = ESTAB_NEVER;
        return;
    }
    a->tries++;
    make_identifier(s, s->interface[a->ifindex].eth, a->octets, a->tries,
                    a->temporary ? 1 + s->temporaries++ : 0);
    estab_address_begin(s, a, true, now);
}

void
estab_address_conflict(struct estab_stack *s, struct ip_address *a, estab_time now)
{
    s->address_conflicts++;
    if (a->state == ADDR_TENTATIVE) {
        try_another(s, a, now);
        return;
    }
    /* RFC 5227 §2.4 (c): a host that others rely on keeps its address and says so, at most once in
     * ten seconds; giving it up would let anybody on the link take it away with one packet. */
    if (a->addr_len == 4 && a->state < ADDR_TENTATIVE && now - a->defended_at >= DEFEND_INTERVAL) {
        a->defended_at = now;
        a->sends = 1;
        a->send_at = now;
    }
}

/* ---- what routers advertise ---- */

static estab_time
lifetime(uint32_t seconds, estab_time now)
{
    return seconds == UINT32_MAX ? ESTAB_NEVER : now + ESTAB_SEC((estab_time)seconds);
}

static uint32_t
count_routes(const struct estab_stack *s, unsigned ifindex, bool gateways)
{
    uint32_t i, n = 0;

    for (i = 0; i < s->routes.routes; i++)
        n += s->routes.route[i].origin == ROUTE_ROUTER && s->routes.route[i].ifindex == ifindex &&
             s->routes.route[i].has_gateway == gateways;
    return n;
}

/* limit: so many routers, or prefixes, of an interface; what comes later is passed over. */
static void
put_router_route(struct estab_stack *s, struct ip_prefix *r, uint32_t limit, bool lives)
{
    struct ip_prefix *old = estab_ip_find_route(&s->routes, r->octets, 16, r->len, r->ifindex,
                                                r->has_gateway ? r->gateway : NULL);

    if (old != NULL && old->origin != ROUTE_ROUTER)
        return; /* the user's own word stands */
    if (!lives) {
        if (old != NULL)
            estab_ip_remove_route(&s->routes, old);
        return;
    }
    if (old == NULL && count_routes(s, r->ifindex, r->has_gateway) >= limit)
        return;
    (void)estab_ip_put_route(&s->routes, r);
}

static estab_time
earlier(estab_time a, estab_time b)
{
    return a < b ? a : b;
}

/* How many addresses of an interface are made of what is advertised, or by ourselves. */
static uint32_t
count_autoconf(const struct estab_stack *s, unsigned ifindex)
{
    uint32_t i, n = 0;

    for (i = 0; i < s->routes.addresses; i++)
        n += s->routes.address[i].autoconf && s->routes.address[i].ifindex == ifindex;
    return n;
}

/* False: there is no room. */
static bool
add_temporary(struct estab_stack *s, const struct ip_address *public, estab_time now)
{
    estab_time preferred_until = public->preferred_until, valid_until = public->valid_until;
    struct ip_address *a = NULL;
    /* RFC 8981 §3.4 (4), and a desynchronization of at most 0.4 of the preferred lifetime */
    estab_time preferred = TEMP_PREFERRED - estab_link_delay(s, TEMP_PREFERRED / 10 * 4);

    if (count_autoconf(s, public->ifindex) < AUTOCONF_MAX)
        a = make_address(s, public->ifindex, public->octets, 0, true, now);
    if (a == NULL)
        return false;
    a->preferred_most = now + preferred;
    a->valid_most = now + TEMP_VALID;
    a->preferred_until = earlier(a->preferred_most, preferred_until);
    a->valid_until = earlier(a->valid_most, valid_until);
    return true;
}

static void
refresh(struct ip_address *a, const struct nd_prefix *p, estab_time now)
{
    estab_time valid_until = lifetime(p->valid, now), two_hours = now + ESTAB_SEC(7200),
               preferred_until = lifetime(p->preferred, now);

    /* RFC 4862 §5.5.3 (e): who is not authenticated shortens no valid lifetime below two hours. */
    if (p->valid > 7200 || valid_until > a->valid_until)
        a->valid_until = valid_until;
    else if (a->valid_until > two_hours)
        a->valid_until = two_hours;
    if (!a->temporary) {
        a->preferred_until = preferred_until;
        return;
    }
    /* RFC 8981 §3.4 (1), (2): a temporary one lives on with its prefix, but is never kept longer than
     * it was meant to be, nor preferred again beside its successor */
    a->valid_until = earlier(a->valid_until, a->valid_most);
    preferred_until = earlier(preferred_until, a->preferred_most);
    a->preferred_until =
        a->replaced ? earlier(preferred_until, a->preferred_until) : preferred_until;
    a->renewed = a->replaced; /* it may have a successor that it could not have before */
}

static void
configure(struct estab_stack *s, unsigned ifindex, const struct nd_prefix *p, estab_time now)
{
    struct ip_address *a, *public = NULL;
    bool has_temporary = false;
    uint32_t i;

    /* RFC 4862 §5.5.3 (c), (d): an identifier of ours has 64 bits */
    if (p->preferred > p->valid || p->len != 64)
        return;
    for (i = 0; i < s->routes.addresses; i++) {
        a = &s->routes.address[i];
        if (!a->autoconf || a->ifindex != ifindex || memcmp(a->octets, p->prefix, 8) != 0)
            continue;
        if (a->temporary)
            has_temporary = true;
        else
        public = a;
        refresh(a, p, now);
        if (a->state < ADDR_TENTATIVE)
            a->state = a->preferred_until > now ? ADDR_PREFERRED : ADDR_DEPRECATED;
    }
    if (public == NULL) {
        /* limit: addresses made of advertised prefixes on one interface */
        if (p->valid == 0 || has_temporary || count_autoconf(s, ifindex) + 2 > AUTOCONF_MAX)
            return;
        public = make_address(s, ifindex, p->prefix, 0, false, now);
        if (public == NULL)
            return;
        public->preferred_until = lifetime(p->preferred, now);
        public->valid_until = lifetime(p->valid, now);
    }
    /* RFC 8981 §3.4 (3), (5) */
    if (s->interface[ifindex].link.temporary && !has_temporary &&
        public->preferred_until > now + REGEN_ADVANCE)
        (void)add_temporary(s, public, now);
}

void
estab_addresses_router(struct estab_stack *s, unsigned ifindex, const struct nd_message *ra,
                       const uint8_t router[16], estab_time now)
{
    struct interface *i = &s->interface[ifindex];
    struct neigh_times *times = &s->neighbours->times[ifindex];
    struct ip_prefix r = { .addr_len = 16,
                           .ifindex = (uint8_t)ifindex,
                           .origin = ROUTE_ROUTER,
                           .has_gateway = true,
                           .preference = ra->preference,
                           .until = lifetime(ra->router_lifetime, now) };
    uint32_t k;

    memcpy(r.gateway, router, 16);
    put_router_route(s, &r, ROUTERS_MAX, ra->router_lifetime > 0);
    if (ra->router_lifetime > 0)
        i->eth->solicit_at = ESTAB_NEVER; /* RFC 4861 §6.3.7 */
    /* Differs from RFC 4861 §6.3.4: the hop limit is not taken over, because a forged one of 1
     * would cut us off from everybody (CVE-2015-2922). The times are, within reason. */
    if (ra->reachable_ms >= 1000 && ra->reachable_ms <= 3600000)
        times->reachable = ESTAB_MS((estab_time)ra->reachable_ms);
    if (ra->retrans_ms >= 100 && ra->retrans_ms <= 60000)
        times->retrans = ESTAB_MS((estab_time)ra->retrans_ms);
    /* RFC 4861 §6.3.4: from what IPv6 needs to what the link takes */
    if (ra->mtu >= 1280 && ra->mtu <= i->link.mtu)
        i->eth->mtu6 = ra->mtu;
    estab_name_servers_heard(i->eth, ra, now);
    for (k = 0; k < ra->prefixes; k++) {
        const struct nd_prefix *p = &ra->prefix[k];

        if (estab_ip_is_link_local(p->prefix, 16) || estab_ip_is_multicast(p->prefix, 16))
            continue;
        if (p->on_link) {
            r = (struct ip_prefix){ .addr_len = 16,
                                    .len = p->len,
                                    .ifindex = (uint8_t)ifindex,
                                    .origin = ROUTE_ROUTER,
                                    .until = lifetime(p->valid, now) };
            /* RFC 4861 §4.6.2: what stands behind the prefix is nothing */
            estab_ip_copy_prefix(r.octets, p->prefix, 16, p->len);
            put_router_route(s, &r, PREFIXES_MAX, p->valid > 0);
        }
        /* RFC 6724 §5, rule 5.5: whose prefix it is */
        if (p->len == 64 && (p->on_link || p->autonomous))
            estab_ip_advert(&s->routes, router, p->prefix, ifindex, p->valid > 0);
        if (p->autonomous)
            configure(s, ifindex, p, now);
    }
}

/* ---- time ---- */

void
estab_addresses_start(struct estab_stack *s, unsigned ifindex, estab_time now)
{
    struct interface *i = &s->interface[ifindex];
    uint32_t k, n = s->routes.addresses;
    struct estab_addr link_local = { .family = ESTAB_INET6, .bytes = { 0xfe, 0x80 } };
    struct ip_address *a;

    /* what was given before the first tick is ours by the user's word */
    for (k = 0; k < n; k++) {
        a = &s->routes.address[k];
        if (a->ifindex == ifindex && a->state < ADDR_TENTATIVE && a->send_at == ESTAB_NEVER)
            estab_address_begin(s, a, false, now);
    }
    if (!i->link.autoconf || i->link.mtu < 1280)
        return;
    /* RFC 4862 §5.3 */
    if (estab_ip_add_route(&s->routes, &link_local, 64, ifindex) == 0)
        (void)make_address(s, ifindex, link_local.bytes, 0, false, now);
    i->eth->solicits_left = ROUTER_SOLICITS;
    i->eth->solicit_at = now + ESTAB_SEC(1) + estab_link_delay(s, ROUTER_SOLICIT_DELAY);
}

/* A probe, an announcement, or the end of the wait after the last probe. */
static void
send_due(struct estab_stack *s, struct ip_address *a, estab_time now)
{
    static const uint8_t none[4];

    if (a->probed) {
        becomes_ours(a, now);
    }
    if (a->state == ADDR_TENTATIVE) {
        a->sends--;
        if (a->addr_len == 16)
            estab_nd_probe(s, a->ifindex, a->octets);
        else
            estab_arp_ask(s, a->ifindex, a->octets, NULL, none, WHY_ARP_PROBE);
        a->probed = a->sends == 0;
        if (a->addr_len == 16)
            a->send_at = now + s->neighbours->times[a->ifindex].retrans;
        else
            a->send_at =
                now + s->cfg.arp_probe_time +
                (a->probed ? s->cfg.arp_probe_time : estab_link_delay(s, s->cfg.arp_probe_time));
        return;
    }
    if (a->sends > 0) {
        a->sends--;
        if (a->addr_len == 16)
            estab_nd_announce(s, a->ifindex, a->octets);
        else
            estab_arp_ask(s, a->ifindex, a->octets, NULL, a->octets, WHY_ARP_ANNOUNCE);
    }
    a->send_at = a->sends > 0 ? now + ARP_ANNOUNCE_INTERVAL : ESTAB_NEVER;
}

/* RFC 8981 §3.5: shortly before a temporary address is deprecated there is a newer one. */
static const struct ip_address *
public_of(const struct estab_stack *s, const struct ip_address *temporary)
{
    uint32_t i;

    for (i = 0; i < s->routes.addresses; i++) {
        const struct ip_address *a = &s->routes.address[i];

        if (a->autoconf && !a->temporary && a->ifindex == temporary->ifindex &&
            memcmp(a->octets, temporary->octets, 8) == 0)
            return a;
    }
    return NULL;
}

static estab_time
regenerate_at(const struct ip_address *a)
{
    return a->temporary && !a->renewed && a->preferred_until != ESTAB_NEVER
               ? a->preferred_until - REGEN_ADVANCE
               : ESTAB_NEVER;
}

void
estab_addresses_tick(struct estab_stack *s, estab_time now)
{
    struct ip_routes *t = &s->routes;
    uint32_t i;

    for (i = 0; i < t->addresses;) {
        struct ip_address *a = &t->address[i];

        if (s->interface[a->ifindex].eth == NULL) {
            i++;
            continue;
        }
        if (a->valid_until <= now) {
            estab_address_end(s, a, now);
            continue;
        }
        if (a->state == ADDR_PREFERRED && a->preferred_until <= now)
            a->state = ADDR_DEPRECATED;
        while (a->send_at <= now)
            send_due(s, a, now);
        if (regenerate_at(a) <= now) {
            const struct ip_address *public = public_of(s, a);

            a->renewed = true;
            if (public != NULL && public->preferred_until > now + REGEN_ADVANCE)
                a->replaced = add_temporary(s, public, now);
        }
        i++;
    }
    for (i = 0; i < t->routes;)
        if (t->route[i].until <= now)
            estab_ip_remove_route(t, &t->route[i]);
        else
            i++;
    for (i = 1; i < s->interfaces; i++) {
        struct ethernet *e = s->interface[i].eth;

        if (e == NULL)
            continue;
        estab_name_servers_tick(e, now);
        if (e->solicit_at > now)
            continue;
        estab_nd_ask_routers(s, i);
        e->solicit_at = --e->solicits_left > 0 ? now + ROUTER_SOLICIT_INTERVAL : ESTAB_NEVER;
    }
}

estab_time
estab_addresses_deadline(const struct estab_stack *s)
{
    estab_time at = ESTAB_NEVER, next;
    uint32_t i;

    for (i = 0; i < s->routes.addresses; i++) {
        const struct ip_address *a = &s->routes.address[i];

        if (s->interface[a->ifindex].eth == NULL)
            continue;
        at = a->send_at < at ? a->send_at : at;
        at = a->valid_until < at ? a->valid_until : at;
        if (a->state == ADDR_PREFERRED && a->preferred_until < at)
            at = a->preferred_until;
        next = regenerate_at(a);
        at = next < at ? next : at;
    }
    for (i = 0; i < s->routes.routes; i++)
        if (s->routes.route[i].until < at)
            at = s->routes.route[i].until;
    for (i = 1; i < s->interfaces; i++) {
        if (s->interface[i].eth == NULL)
            continue;
        next = estab_name_servers_deadline(s->interface[i].eth);
        at = next < at ? next : at;
    }
    return at;
}

/* ---- the user's calls ---- */

static bool
is_ethernet(const struct estab_stack *s, unsigned ifindex)
{
    return ifindex > 0 && ifindex < s->interfaces && s->interface[ifindex].eth != NULL;
}

static unsigned
octets_of(const struct estab_addr *a)
{
    return a->family == ESTAB_INET ? 4 : a->family == ESTAB_INET6 ? 16 : 0;
}

int
estab_stack_assign_address(struct estab_stack *s, unsigned ifindex, const struct estab_addr *addr,
                           unsigned prefix_len, estab_time now)
{
    int err = estab_stack_add_address(s, ifindex, addr, prefix_len);

    (void)estab_stack_env(s, now);
    if (err < 0 || s->interface[ifindex].eth == NULL)
        return err;
    estab_address_begin(s, &s->routes.address[s->routes.addresses - 1], true, now);
    return 0;
}

int
estab_stack_remove_address(struct estab_stack *s, unsigned ifindex, const struct estab_addr *addr,
                           estab_time now)
{
    unsigned n = octets_of(addr);
    struct ip_address *a =
        n != 0 ? estab_ip_find_address(&s->routes, addr->bytes, n, ifindex) : NULL;

    (void)estab_stack_env(s, now);
    if (a == NULL || ifindex == 0)
        return -ESTAB_EADDRNOTAVAIL;
    if (s->interface[ifindex].eth != NULL)
        estab_address_end(s, a, now);
    else
        estab_ip_remove_address(&s->routes, a);
    return 0;
}

bool
estab_stack_next_address(const struct estab_stack *s, uint64_t *cursor,
                         struct estab_address_info *out)
{
    const struct ip_address *a;

    if (*cursor >= s->routes.addresses)
        return false;
    a = &s->routes.address[(*cursor)++];
    *out = (struct estab_address_info){
        .addr.family = a->addr_len == 4 ? ESTAB_INET : ESTAB_INET6,
        .prefix_len = a->len,
        .ifindex = a->ifindex,
        .state = a->state,
        .autoconf = a->autoconf,
        .temporary = a->temporary,
        .preferred_until = a->preferred_until,
        .valid_until = a->valid_until,
    };
    memcpy(out->addr.bytes, a->octets, a->addr_len);
    return true;
}

static int
route_of(const struct estab_stack *s, unsigned ifindex, const struct estab_addr *prefix,
         unsigned prefix_len, const struct estab_addr *gateway, struct ip_prefix *r)
{
    unsigned n = octets_of(prefix);

    if (ifindex == 0 || ifindex >= s->interfaces || n == 0 || prefix_len > 8 * n ||
        (gateway != NULL && (octets_of(gateway) != n || estab_ip_is_multicast(gateway->bytes, n) ||
                             estab_ip_is_unspecified(gateway->bytes, n))))
        return -ESTAB_EINVAL;
    *r = (struct ip_prefix){ .addr_len = (uint8_t)n,
                             .len = (uint8_t)prefix_len,
                             .ifindex = (uint8_t)ifindex,
                             .has_gateway = gateway != NULL,
                             .until = ESTAB_NEVER };
    memcpy(r->octets, prefix->bytes, n);
    if (gateway != NULL)
        memcpy(r->gateway, gateway->bytes, n);
    return 0;
}

int
estab_stack_add_gateway(struct estab_stack *s, unsigned ifindex, const struct estab_addr *prefix,
                        unsigned prefix_len, const struct estab_addr *gateway)
{
    struct ip_prefix r;
    int err = route_of(s, ifindex, prefix, prefix_len, gateway, &r);

    return err < 0 ? err : estab_ip_put_route(&s->routes, &r);
}

/* The route as the user names it; 0 or the negative error. */
static int
find_route(struct estab_stack *s, unsigned ifindex, const struct estab_addr *prefix,
           unsigned prefix_len, const struct estab_addr *gateway, struct ip_prefix **found)
{
    struct ip_prefix r;
    int err = route_of(s, ifindex, prefix, prefix_len, gateway, &r);

    if (err < 0)
        return err;
    *found = estab_ip_find_route(&s->routes, r.octets, r.addr_len, r.len, r.ifindex,
                                 gateway != NULL ? r.gateway : NULL);
    return *found == NULL ? -ESTAB_ENETUNREACH : 0;
}

int
estab_stack_remove_route(struct estab_stack *s, unsigned ifindex, const struct estab_addr *prefix,
                         unsigned prefix_len, const struct estab_addr *gateway)
{
    struct ip_prefix *found;
    int err = find_route(s, ifindex, prefix, prefix_len, gateway, &found);

    if (err == 0)
        estab_ip_remove_route(&s->routes, found);
    return err;
}

int
estab_stack_set_route_mtu(struct estab_stack *s, unsigned ifindex, const struct estab_addr *prefix,
                          unsigned prefix_len, const struct estab_addr *gateway, uint32_t mtu)
{
    struct ip_prefix *found;
    int err = find_route(s, ifindex, prefix, prefix_len, gateway, &found);

    if (err < 0)
        return err;
    if (mtu != 0 && (mtu < (found->addr_len == 4 ? 68 : 1280) ||
                     mtu > estab_link_mtu(&s->interface[ifindex], found->addr_len)))
        return -ESTAB_EINVAL;
    found->mtu = (uint16_t)mtu;
    s->routes.narrow |= mtu != 0;
    return 0;
}

int
estab_stack_set_neighbour(struct estab_stack *s, unsigned ifindex, const struct estab_addr *addr,
                          const uint8_t mac[6], estab_time now)
{
    unsigned n = octets_of(addr);
    struct neighbour *entry;

    (void)estab_stack_env(s, now);
    if (!is_ethernet(s, ifindex) || n == 0 || mac_is_group(mac) || mac_is_zero(mac) ||
        memcmp(mac, s->interface[ifindex].eth->mac, 6) == 0)
        return -ESTAB_EINVAL;
    entry = estab_neigh_set(s->neighbours, ifindex, addr->bytes, n, mac, now);
    if (entry == NULL)
        return -ESTAB_ENOBUFS;
    estab_link_release(s, entry);
    return 0;
}

bool
estab_stack_next_neighbour(const struct estab_stack *s, uint64_t *cursor,
                           struct estab_neighbour_info *out)
{
    const struct neighbour *n;

    if (s->neighbours == NULL)
        return false;
    *cursor = estab_pool_next(&s->neighbours->pool, (uint32_t)*cursor);
    if (*cursor == 0)
        return false;
    n = estab_pool_at(&s->neighbours->pool, (uint32_t)*cursor);
    *out = (struct estab_neighbour_info){
        .addr.family = n->addr_len == 4 ? ESTAB_INET : ESTAB_INET6,
        .ifindex = n->ifindex,
        .state = n->state,
        .router = n->router,
        .fixed = n->fixed,
        .confirmed_at = n->confirmed_at < 0 ? ESTAB_NEVER : n->confirmed_at,
    };
    memcpy(out->addr.bytes, n->addr, n->addr_len);
    memcpy(out->mac, n->mac, 6);
    return true;
}

int
estab_stack_join_group(struct estab_stack *s, unsigned ifindex, const struct estab_addr *group,
                       estab_time now)
{
    unsigned n = octets_of(group);

    (void)estab_stack_env(s, now);
    if (!is_ethernet(s, ifindex) || n == 0 ||
        (n == 16 ? group->bytes[0] != 0xff : group->bytes[0] >> 4 != 14))
        return -ESTAB_EINVAL;
    return estab_group_join(s, ifindex, group->bytes, n, now);
}

int
estab_stack_leave_group(struct estab_stack *s, unsigned ifindex, const struct estab_addr *group,
                        estab_time now)
{
    unsigned n = octets_of(group);

    (void)estab_stack_env(s, now);
    if (!is_ethernet(s, ifindex) || n == 0 ||
        !estab_group_is_member(s->interface[ifindex].eth, group->bytes, n))
        return -ESTAB_EINVAL;
    estab_group_leave(s, ifindex, group->bytes, n, now);
    return 0;
}
