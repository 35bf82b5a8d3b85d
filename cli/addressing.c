/* SPDX-License-Identifier: MIT */
/* Addresses on the link to the kernel; see addressing.h. */
#include "cli/addressing.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

static unsigned
bits_of(const struct estab_addr *addr)
{
    return addr->family == ESTAB_INET ? 32 : 128;
}

static bool
bit(const struct estab_addr *addr, unsigned i)
{
    return (addr->bytes[i / 8] >> (7 - i % 8) & 1) != 0;
}

bool
estab_prefix_contains(const struct prefix *prefix, const struct estab_addr *addr)
{
    if (addr->family != prefix->addr.family)
        return false;
    for (unsigned i = 0; i < prefix->len; i++)
        if (bit(addr, i) != bit(&prefix->addr, i))
            return false;
    return true;
}

bool
estab_neighbour_in_prefix(const struct prefix *prefix, const struct estab_addr *but,
                          struct estab_addr *out)
{
    unsigned bits = bits_of(&prefix->addr);
    struct estab_addr a = prefix->addr;

    if (prefix->len >= bits)
        return false;
    for (unsigned i = prefix->len; i < bits; i++)
        a.bytes[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    /* RFC 3021: of two addresses both are hosts; else the first is the network's. */
    if (prefix->len == bits - 1) {
        if (estab_addr_equal(&a, but))
            a.bytes[bits / 8 - 1] |= 1;
        *out = a;
        return true;
    }
    a.bytes[bits / 8 - 1] |= 1;
    if (estab_addr_equal(&a, but))
        a.bytes[bits / 8 - 1] ^= 3;
    *out = a;
    return true;
}

static bool
is_wanted(const struct options *options, const struct estab_addr *addr)
{
    return !(addr->family == ESTAB_INET ? options->only_ipv6 : options->only_ipv4);
}

/* The kernel's address beside one of ours: the gateway where it was given, else the neighbour. */
static int
pair(struct link_address *at, const struct prefix *own, const struct estab_addr *gateway,
     struct failure *why)
{
    char text[ESTAB_ADDR_TEXT];

    *at = (struct link_address){ .own = *own };
    if (gateway->family != 0) {
        at->kernel = *gateway;
        at->outside = !estab_prefix_contains(own, gateway);
        return 0;
    }
    if (!estab_neighbour_in_prefix(own, &own->addr, &at->kernel))
        return estab_fail(why,
                          "--addr %s/%u: no room for the kernel's address; give a shorter "
                          "prefix or --gateway",
                          estab_addr_format(&own->addr, text), own->len);
    return 0;
}

static const struct estab_addr *
gateway_for(const struct options *options, const struct prefix *own)
{
    return own->addr.family == ESTAB_INET ? &options->gateway4 : &options->gateway6;
}

int
estab_addressing_check(const struct options *options, struct failure *why)
{
    char text[ESTAB_ADDR_TEXT];
    size_t n = 0;

    for (size_t i = 0; i < options->n_addrs; i++) {
        const struct prefix *own = &options->addrs[i];

        if (!is_wanted(options, &own->addr))
            continue;
        n++;
        estab_addr_format(&own->addr, text);
        if (estab_addr_equal(gateway_for(options, own), &own->addr))
            return estab_fail(why, "--gateway %s: that is this host's own address", text);
        if (own->addr.family == ESTAB_INET6 && options->mtu != 0 && options->mtu < 1280)
            return estab_fail(why, "--mtu %u: IPv6 needs 1280 or more, and there is --addr %s",
                              options->mtu, text);
    }
    if (options->addr_auto && options->tun == NULL)
        return estab_fail(why, "--addr auto needs --packet, --tap or --tun, a device with a DHCP "
                               "server or a router behind it");
    if (options->addr_auto && options->only_ipv6 && !options->tap && !options->packet)
        return estab_fail(why, "--addr auto: DHCP gives no IPv6 address; routers do on Ethernet, "
                               "--packet or --tap");
    if (options->n_addrs > 0 && n == 0)
        return estab_fail(why, "-%c leaves no --addr", options->only_ipv4 ? '4' : '6');
    if (options->n_addrs == 0 && options->only_ipv6 && options->mtu != 0 && options->mtu < 1280)
        return estab_fail(why, "--mtu %u: IPv6 needs 1280 or more, and there is -6", options->mtu);
    return 0;
}

/* `with_kernel`: its addresses are ours to give. */
static int
take_given(struct addressing *plan, const struct options *options, bool with_kernel,
           struct failure *why)
{
    for (size_t i = 0; i < options->n_addrs; i++) {
        const struct prefix *own = &options->addrs[i];
        struct link_address *at = &plan->at[plan->n];

        if (!is_wanted(options, &own->addr))
            continue;
        *at = (struct link_address){ .own = *own };
        if (with_kernel && pair(at, own, gateway_for(options, own), why) < 0)
            return -1;
        plan->n++;
    }
    return 0;
}

/* An address for us when none was given: beside the gateway, or 10.9.N.2, fd00:9:0:N::2. */
static int
take_default(struct addressing *plan, const struct options *options, const struct prefix *link,
             const struct estab_addr *gateway, struct failure *why)
{
    struct prefix own = *link;

    if (!is_wanted(options, &link->addr))
        return 0;
    if (gateway->family != 0) {
        own.addr = *gateway;
        if (!estab_neighbour_in_prefix(&own, gateway, &own.addr))
            return 0;
    }
    if (pair(&plan->at[plan->n], &own, gateway, why) < 0)
        return -1;
    plan->n++;
    return 0;
}

int
estab_addressing_plan(struct addressing *plan, const struct options *options, unsigned n_default,
                      struct failure *why)
{
    struct prefix link4 = { estab_addr_v4(10, 9, (uint8_t)n_default, 2), 24 };
    struct prefix link6 = {
        .addr = { .family = ESTAB_INET6,
                  .bytes = { 0xfd, 0, 0, 9, [7] = (uint8_t)n_default, [15] = 2 } },
        .len = 64,
    };

    *plan = (struct addressing){ 0 };
    if (estab_addressing_check(options, why) < 0)
        return -1;
    if (options->n_addrs > 0)
        return take_given(plan, options, true, why);
    plan->chosen_here = true;
    if (take_default(plan, options, &link4, &options->gateway4, why) < 0)
        return -1;
    if (options->mtu != 0 && options->mtu < 1280)
        return 0;
    return take_default(plan, options, &link6, &options->gateway6, why);
}

static struct estab_addr
from_sockaddr(const struct sockaddr *sa)
{
    struct estab_addr a = { 0 };

    if (sa != NULL && sa->sa_family == AF_INET) {
        a.family = ESTAB_INET;
        memcpy(a.bytes, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    } else if (sa != NULL && sa->sa_family == AF_INET6) {
        a.family = ESTAB_INET6;
        memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    }
    return a;
}

static unsigned
mask_length(const struct sockaddr *mask)
{
    struct estab_addr a = from_sockaddr(mask);
    unsigned n = 0;

    if (a.family == 0)
        return 0;
    while (n < bits_of(&a) && bit(&a, n))
        n++;
    return n;
}

static bool
is_link_local(const struct estab_addr *a)
{
    return a->family == ESTAB_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* The kernel may name the other end itself (a peer address); else we are its neighbour. */
static void
follow_one(struct addressing *plan, const struct options *options, const struct ifaddrs *i)
{
    struct estab_addr kernel = from_sockaddr(i->ifa_addr);
    struct estab_addr peer =
        from_sockaddr((i->ifa_flags & IFF_POINTOPOINT) != 0 ? i->ifa_dstaddr : NULL);
    struct link_address *at = &plan->at[plan->n];
    struct prefix theirs = { kernel, mask_length(i->ifa_netmask) };

    if (kernel.family == 0 || is_link_local(&kernel) || !is_wanted(options, &kernel) ||
        plan->n == OPTIONS_ADDRS)
        return;
    *at = (struct link_address){ .kernel = kernel };
    if (peer.family == kernel.family && !estab_addr_equal(&peer, &kernel)) {
        at->own = (struct prefix){ peer, theirs.len };
    } else {
        at->own.len = theirs.len;
        if (!estab_neighbour_in_prefix(&theirs, &kernel, &at->own.addr))
            return;
    }
    at->outside = !estab_prefix_contains(&at->own, &kernel);
    plan->n++;
}

int
estab_addressing_follow(struct addressing *plan, const struct options *options, const char *device,
                        struct failure *why)
{
    struct ifaddrs *all;

    *plan = (struct addressing){ 0 };
    if (estab_addressing_check(options, why) < 0)
        return -1;
    if (options->n_addrs > 0)
        return take_given(plan, options, false, why);
    plan->chosen_here = true;
    if (getifaddrs(&all) < 0)
        return estab_fail(why, "cannot list the kernel's addresses");
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
        if (strcmp(i->ifa_name, device) == 0)
            follow_one(plan, options, i);
    freeifaddrs(all);
    if (plan->n == 0)
        return estab_fail(why,
                          "the kernel has no%s address on %s: give one with 'ip addr add', or "
                          "say with --addr which one this host has",
                          options->only_ipv4   ? " IPv4"
                          : options->only_ipv6 ? " IPv6"
                                               : "",
                          device);
    return 0;
}

unsigned
estab_addressing_free_default(void)
{
    struct ifaddrs *all;
    unsigned n;

    if (getifaddrs(&all) < 0)
        return 0;
    for (n = 0; n < 255; n++) {
        struct prefix link4 = { estab_addr_v4(10, 9, (uint8_t)n, 0), 24 };
        bool taken = false;

        for (const struct ifaddrs *i = all; i != NULL && !taken; i = i->ifa_next) {
            struct estab_addr a = from_sockaddr(i->ifa_addr);

            taken = estab_prefix_contains(&link4, &a);
        }
        if (!taken)
            break;
    }
    freeifaddrs(all);
    return n;
}
