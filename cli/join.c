/* SPDX-License-Identifier: MIT */
/* Addresses on a link; see join.h. */
#include "cli/join.h"
#include "cli/host.h"
#include "estab/estab.h"

#include <string.h>

static bool
is_ethernet(const struct options *options)
{
    return options->tap || options->packet;
}

/* --- what the interface has --- */

static bool
is_link_local(const struct estab_addr *a)
{
    return a->family == ESTAB_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* An address of the interface in that state, by a router or by our word; NULL: none. */
static bool
has_address(const struct host *host, unsigned family, bool autoconf, unsigned state,
            struct estab_address_info *out)
{
    uint64_t cursor = 0;

    while (estab_stack_next_address(host->stack, &cursor, out))
        if (out->ifindex == host->ifindex && out->addr.family == family && out->state == state &&
            out->autoconf == autoconf && !is_link_local(&out->addr))
            return true;
    return false;
}

/* A router has spoken, whether or not it gave an address. */
static bool
hears_router(const struct host *host)
{
    struct estab_neighbour_info n;
    uint64_t cursor = 0;

    while (estab_stack_next_neighbour(host->stack, &cursor, &n))
        if (n.router && n.ifindex == host->ifindex)
            return true;
    return false;
}

static void
fail(struct host *host, const char *why)
{
    host->has_failed = true;
    estab_fail(&host->failure, "%s", why);
    estab_loop_stop(host->loop);
}

/* --- routes --- */

int
estab_join_gateway(struct host *host, const struct prefix *own, const struct estab_addr *gateway)
{
    struct estab_addr any = { .family = gateway->family };
    int error;

    if (!estab_prefix_contains(own, gateway)) {
        error = estab_stack_add_route(host->stack, host->ifindex, gateway,
                                      gateway->family == ESTAB_INET ? 32 : 128);
        if (error < 0)
            return error;
    }
    return estab_stack_add_gateway(host->stack, host->ifindex, &any, 0, gateway);
}

static bool
is_same_route(const struct estab_dhcp_route *a, const struct estab_dhcp_route *b)
{
    return a->len == b->len && estab_addr_equal(&a->prefix, &b->prefix) &&
           estab_addr_equal(&a->gateway, &b->gateway);
}

static bool
are_same_routes(const struct join *join, const struct estab_lease *l)
{
    bool same = join->n_routes == l->n_routes;

    for (unsigned i = 0; same && i < l->n_routes; i++)
        same = is_same_route(&join->routes[i], &l->routes[i]);
    return same;
}

/* Its gateway where it is not on the network of our address: RFC 3442 lets it stand anywhere. */
static bool
needs_way_to_gateway(const struct join *join, unsigned i, const struct prefix *own)
{
    const struct estab_addr *gateway = &join->routes[i].gateway;

    if (estab_addr_is_any(gateway) || estab_prefix_contains(own, gateway))
        return false;
    for (unsigned k = 0; k < i; k++)
        if (estab_addr_equal(&join->routes[k].gateway, gateway))
            return false;
    return true;
}

/* Adds the routes of the lease, or takes them away. What does not fit is left out: the stack's table
 * has room for 256. */
static void
move_routes(struct join *join, const struct prefix *own, bool add)
{
    struct estab_stack *stack = join->host->stack;
    unsigned ifindex = join->host->ifindex;

    for (unsigned i = 0; i < join->n_routes; i++) {
        const struct estab_dhcp_route *r = &join->routes[i];
        const struct estab_addr *gateway = estab_addr_is_any(&r->gateway) ? NULL : &r->gateway;

        if (needs_way_to_gateway(join, i, own))
            (void)!(add ? estab_stack_add_route(stack, ifindex, &r->gateway, 32)
                        : estab_stack_remove_route(stack, ifindex, &r->gateway, 32, NULL));
        /* the network of our address is there by itself */
        if (gateway == NULL && r->len == own->len && estab_prefix_contains(own, &r->prefix))
            continue;
        /* --gateway is the user's word */
        if (r->len == 0 && join->gateway4.family != 0)
            continue;
        if (!add)
            (void)!estab_stack_remove_route(stack, ifindex, &r->prefix, r->len, gateway);
        else if (gateway != NULL)
            (void)!estab_stack_add_gateway(stack, ifindex, &r->prefix, r->len, gateway);
        else
            (void)!estab_stack_add_route(stack, ifindex, &r->prefix, r->len);
    }
}

/* --- the lease --- */

static void
take_settings(struct join *join)
{
    struct host *host = join->host;
    const struct estab_lease *l = &host->lease.client.lease;
    struct prefix own = { l->addr, l->prefix_len };
    uint32_t mtu = l->mtu != 0 && l->mtu < host->link_mtu ? l->mtu : host->link_mtu;

    /* An MTU that leaves no room for IPv6 is not taken where there is IPv6. */
    if (estab_stack_set_mtu(host->stack, host->ifindex, mtu) == 0)
        host->mtu = mtu;
    if (host->lease.cfg.mac == NULL || are_same_routes(join, l))
        return;
    move_routes(join, &own, false);
    join->n_routes = l->n_routes;
    memcpy(join->routes, l->routes, sizeof join->routes);
    move_routes(join, &own, true);
}

static void
drop_lease(struct join *join, estab_time now)
{
    struct host *host = join->host;
    struct prefix own = { join->addr, host->lease.client.lease.prefix_len };

    move_routes(join, &own, false);
    join->n_routes = 0;
    if (join->addr.family != 0)
        (void)!estab_stack_remove_address(host->stack, host->ifindex, &join->addr, now);
    join->addr.family = 0;
    join->probing = false;
    host->leased = false;
}

static int
take_address(struct join *join, bool probe, estab_time now)
{
    struct host *host = join->host;
    const struct estab_lease *l = &host->lease.client.lease;
    struct estab_addr any = { .family = ESTAB_INET };
    int error;

    error =
        probe ? estab_stack_assign_address(host->stack, host->ifindex, &l->addr, l->prefix_len, now)
              : estab_stack_add_address(host->stack, host->ifindex, &l->addr, l->prefix_len);
    if (error < 0)
        return error;
    join->addr = l->addr;
    join->probing = probe;
    if (host->lease.cfg.mac == NULL)
        return estab_stack_add_route(host->stack, host->ifindex, &any, 0);
    if (join->gateway4.family != 0)
        return estab_join_gateway(host, &(struct prefix){ l->addr, l->prefix_len },
                                  &join->gateway4);
    return 0;
}

static void
lease_news(void *ctx, unsigned events, estab_time now)
{
    struct join *join = ctx;
    struct host *host = join->host;
    int error = 0;

    if ((events & ESTAB_DHCP_LOST) != 0) {
        drop_lease(join, now);
        if (!join->waiting)
            fail(host, "the DHCP server has not renewed the address");
    }
    if ((events & ESTAB_DHCP_PROBE) != 0)
        error = take_address(join, true, now);
    if ((events & ESTAB_DHCP_LEASED) != 0 && join->addr.family == 0)
        error = take_address(join, false, now);
    if (error < 0) {
        fail(host, "cannot take the address that the DHCP server gives");
        return;
    }
    if ((events & (ESTAB_DHCP_LEASED | ESTAB_DHCP_RENEWED)) != 0) {
        host->leased = true;
        take_settings(join);
    }
}

/* RFC 2131 §4.4.1: what the link has said to our probes. */
static void
look_at_probe(struct join *join, estab_time now)
{
    struct estab_address_info a;
    struct host *host = join->host;
    uint64_t cursor = 0;

    while (estab_stack_next_address(host->stack, &cursor, &a)) {
        if (a.ifindex != host->ifindex || !estab_addr_equal(&a.addr, &join->addr) ||
            a.state == ESTAB_ADDRESS_TENTATIVE)
            continue;
        join->probing = false;
        if (a.state == ESTAB_ADDRESS_DUPLICATE) {
            join->hopeless = estab_addr_equal(&join->conflict, &join->addr);
            join->conflict = join->addr;
            drop_lease(join, now);
        }
        estab_lease_probed(&host->lease, a.state == ESTAB_ADDRESS_DUPLICATE, now);
        return;
    }
}

/* --- the wait --- */

/* A given address that another host has: told, and the end. True: all others are ours. */
static bool
given_are_settled(struct join *join)
{
    struct host *host = join->host;
    struct estab_address_info a;
    char text[ESTAB_ADDR_TEXT], line[160];

    for (unsigned family = ESTAB_INET; family <= ESTAB_INET6; family += ESTAB_INET6 - ESTAB_INET) {
        if (has_address(host, family, false, ESTAB_ADDRESS_DUPLICATE, &a)) {
            snprintf(line, sizeof line, "the address %s is used by another host on %s",
                     estab_addr_format(&a.addr, text), host->tun.name);
            fail(host, line);
            return false;
        }
        if (has_address(host, family, false, ESTAB_ADDRESS_TENTATIVE, &a))
            return false;
    }
    return true;
}

/* Why there is no address, in one line. */
static void
explain(struct join *join, bool want4, bool want6)
{
    struct host *host = join->host;
    const uint64_t *heard = host->lease.client.verdicts;
    bool router = want6 && hears_router(host);
    char text[ESTAB_ADDR_TEXT], line[200];

    if (join->conflict.family != 0)
        snprintf(line, sizeof line,
                 "the address that the DHCP server on %s offers, %s, is used by another host",
                 host->tun.name, estab_addr_format(&join->conflict, text));
    else if (want4 && heard[ESTAB_DHCP_NAK] > 0)
        snprintf(line, sizeof line, "the DHCP server on %s refuses the address that it offered",
                 host->tun.name);
    else if (want4 && heard[ESTAB_DHCP_OFFER] > 0)
        snprintf(line, sizeof line, "the DHCP server on %s offers an address and does not grant it",
                 host->tun.name);
    else if (router)
        snprintf(line, sizeof line, "%sthe router on %s advertises no prefix for an address",
                 want4 ? "no DHCP server has answered, and " : "", host->tun.name);
    else
        snprintf(line, sizeof line, "no %s answered in %d s on %s",
                 want4 && want6 ? "router and no DHCP server"
                 : want4        ? "DHCP server"
                                : "router",
                 JOIN_PATIENCE_S, host->tun.name);
    fail(host, line);
}

static void
nothing(void *ctx, estab_time now)
{
    (void)ctx; /* the end of the turn looks */
    (void)now;
}

/* True: the command can begin. */
static bool
auto_is_settled(struct join *join, estab_time now)
{
    struct host *host = join->host;
    const struct estab_dhcp *client = &host->lease.client;
    struct estab_address_info a;
    bool want4 = !join->options->only_ipv6;
    bool want6 = is_ethernet(join->options) && !join->options->only_ipv4;
    bool have4 = host->leased,
         have6 = has_address(host, ESTAB_INET6, true, ESTAB_ADDRESS_PREFERRED, &a);
    bool coming4 = want4 && (client->state == ESTAB_DHCP_REQUESTING || join->probing);
    bool coming6 = want6 && has_address(host, ESTAB_INET6, true, ESTAB_ADDRESS_TENTATIVE, &a);
    bool heard = coming6 || (want4 && client->verdicts[ESTAB_DHCP_OFFER] > 0);
    estab_time other = join->begun_at + ESTAB_SEC(JOIN_OTHER_FAMILY_S),
               end = join->begun_at + ESTAB_SEC(heard ? JOIN_PATIENCE_HEARD_S : JOIN_PATIENCE_S);

    if (join->hopeless && !have6 && !coming6)
        end = now;
    if ((have4 || !want4) && (have6 || !want6))
        return true;
    if ((have4 && !coming6) || (have6 && !coming4)) {
        if (now >= other)
            return true;
    } else if (now >= end) {
        if (have4 || have6)
            return true;
        explain(join, want4, want6);
    }
    estab_loop_set_alarm(host->loop, &join->alarm, now < other ? other : end, nothing, NULL);
    return false;
}

void
estab_join_turn(struct join *join, estab_time now)
{
    bool settled;

    if (join->probing)
        look_at_probe(join, now);
    if (!join->waiting || join->host->has_failed)
        return;
    settled = join->options->addr_auto ? auto_is_settled(join, now) : given_are_settled(join);
    if (settled || join->host->has_failed) {
        join->waiting = false;
        estab_loop_set_alarm(join->host->loop, &join->alarm, ESTAB_NEVER, nothing, NULL);
        estab_loop_stop(join->host->loop);
    }
}

/* --- the whole --- */

static int
give_addresses(struct join *join, bool probe, estab_time now, struct failure *why)
{
    struct host *host = join->host;
    const struct options *options = join->options;
    bool routed4 = false, routed6 = false;
    char text[ESTAB_ADDR_TEXT];
    int error;

    for (size_t i = 0; i < host->addressing.n; i++) {
        const struct link_address *at = &host->addressing.at[i];
        const struct prefix *own = &at->own;
        struct estab_addr any = { .family = own->addr.family }, gateway = at->kernel;
        bool *routed = own->addr.family == ESTAB_INET ? &routed4 : &routed6;

        error = probe ? estab_stack_assign_address(host->stack, host->ifindex, &own->addr, own->len,
                                                   now)
                      : estab_stack_add_address(host->stack, host->ifindex, &own->addr, own->len);
        /* The way to everywhere else, where there is one: --gateway, or the kernel at the other end
         * of a device that we have made. */
        if (gateway.family == 0)
            gateway = any.family == ESTAB_INET ? options->gateway4 : options->gateway6;
        if (error == 0 && is_ethernet(options))
            error = gateway.family != 0 ? estab_join_gateway(host, own, &gateway) : 0;
        else if (error == 0 && !*routed)
            error = estab_stack_add_route(host->stack, host->ifindex, &any, 0);
        if (error < 0)
            return estab_fail(why, "cannot take the address %s/%u: %s",
                              estab_addr_format(&own->addr, text), own->len, estab_err_text(error));
        *routed = true;
    }
    return 0;
}

int
estab_join_begin(struct join *join, struct host *host, const struct options *options,
                 struct packet_link *link, struct failure *why)
{
    /* On a device made here there is nobody but the kernel, whose addresses we know. */
    bool others = is_ethernet(options) && (options->packet || !host->tun.made);
    bool probe = others && options->probe != PROBE_OFF;
    estab_time now = estab_loop_now(host->loop);
    struct lease_config lease = { .loop = host->loop,
                                  .device = host->tun.name,
                                  .mac = is_ethernet(options) ? host->mac : NULL,
                                  .vlan = options->vlan,
                                  .probe = probe,
                                  .news = lease_news,
                                  .ctx = join };
    struct prefix link_local = {
        .addr = { .family = ESTAB_INET6, .bytes = { 0xfe, 0x80 } },
        .len = 10,
    };

    *join = (struct join){ .host = host,
                           .options = options,
                           .begun_at = now,
                           .waiting = probe || options->addr_auto,
                           .gateway4 = options->gateway4 };
    if (!options->addr_auto)
        return give_addresses(join, probe, now, why);
    if (options->gateway6.family != 0 && is_ethernet(options)) {
        int error = estab_join_gateway(host, &link_local, &options->gateway6);

        if (error < 0)
            return estab_fail(why, "cannot take the gateway: %s", estab_err_text(error));
    }
    return options->only_ipv6 ? 0 : estab_lease_begin(&host->lease, &lease, link, why);
}

/* What the commands see: the addresses as they are now. */
static void
list_addresses(struct host *host)
{
    struct estab_address_info a;
    uint64_t cursor = 0;

    host->addressing = (struct addressing){ .chosen_here = true };
    while (estab_stack_next_address(host->stack, &cursor, &a))
        if (a.ifindex == host->ifindex && a.state == ESTAB_ADDRESS_PREFERRED &&
            !is_link_local(&a.addr) && host->addressing.n < OPTIONS_ADDRS)
            host->addressing.at[host->addressing.n++] =
                (struct link_address){ .own = { a.addr, a.prefix_len } };
}

int
estab_join_wait(struct join *join, struct failure *why)
{
    struct host *host = join->host;

    if (!join->waiting)
        return 0;
    if (estab_host_run(host, why) < 0)
        return -1;
    join->waiting = false;
    if (host->signalled != 0)
        return estab_fail(why, "interrupted");
    if (join->options->addr_auto)
        list_addresses(host);
    join->options = NULL;
    return 0;
}
