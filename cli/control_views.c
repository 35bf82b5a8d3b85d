/* SPDX-License-Identifier: MIT */
/*
 * What a running host answers about its interfaces, routes, neighbours and counters on the control
 * socket (control.h): as the stack has them now, whoever has made them. Lifetimes and ages are in
 * whole seconds; what lasts for good has none.
 */
#include "cli/control.h"
#include "cli/host.h"
#include "estab/estab.h"

#include <inttypes.h>
#include <stdio.h>

static const char *
device_of(const struct control_client *c, unsigned ifindex)
{
    const struct host *host = c->control->host;

    return ifindex == 0 ? "lo" : ifindex == host->ifindex ? host->tun.name : "?";
}

static void
say_until(struct control_client *c, const char *name, estab_time at, estab_time now)
{
    if (at != ESTAB_NEVER)
        estab_control_say(c, "\t%s=%" PRId64, name, at > now ? (at - now) / ESTAB_SEC(1) : 0);
}

static void
say_mac(struct control_client *c, const uint8_t mac[6])
{
    estab_control_say(c, "\tmac=%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
                      mac[4], mac[5]);
}

static void
say_addresses(struct control_client *c, unsigned ifindex, estab_time now)
{
    static const char *const states[] = { "preferred", "deprecated", "tentative", "duplicate" };
    struct estab_address_info a;
    char text[ESTAB_ADDR_TEXT];
    uint64_t cursor = 0;

    while (!c->cut && estab_stack_next_address(c->control->host->stack, &cursor, &a)) {
        if (a.ifindex != ifindex)
            continue;
        estab_control_say(
            c, "address=%s\tlength=%u\tlink=%u\tdevice=%s\tstate=%s\tautoconf=%d\ttemporary=%d",
            estab_addr_format(&a.addr, text), a.prefix_len, ifindex, device_of(c, ifindex),
            a.state <= ESTAB_ADDRESS_DUPLICATE ? states[a.state] : "?", a.autoconf, a.temporary);
        say_until(c, "preferred-s", a.preferred_until, now);
        say_until(c, "valid-s", a.valid_until, now);
        estab_control_say(c, "\n");
    }
}

void
estab_control_say_links(struct control_client *c, estab_time now)
{
    struct estab_link_info l;
    uint64_t cursor = 0;

    while (!c->cut && estab_stack_next_link(c->control->host->stack, &cursor, &l)) {
        bool ethernet = l.link.kind == ESTAB_LINK_ETHERNET;

        estab_control_say(c, "link=%u\tdevice=%s\tkind=%s", l.ifindex, device_of(c, l.ifindex),
                          l.ifindex == 0 ? "loopback"
                          : ethernet     ? "ethernet"
                                         : "ip");
        if (ethernet)
            say_mac(c, l.link.mac);
        if (l.link.vlan != 0)
            estab_control_say(c, "\tvlan=%u", l.link.vlan);
        estab_control_say(
            c,
            "\tmtu=%" PRIu32 "\tmtu6=%" PRIu32 "\tpackets-in=%" PRIu64 "\toctets-in=%" PRIu64
            "\tpackets-out=%" PRIu64 "\toctets-out=%" PRIu64 "\tqueued=%" PRIu32 "\n",
            l.link.mtu, l.mtu6, l.packets_in, l.octets_in, l.packets_out, l.octets_out, l.queued);
        say_addresses(c, l.ifindex, now);
    }
}

void
estab_control_say_routes(struct control_client *c, estab_time now)
{
    static const char *const origins[] = { "user", "address", "router", "redirect" };
    struct estab_route_info r;
    char text[ESTAB_ADDR_TEXT];
    uint64_t cursor = 0;

    while (!c->cut && estab_stack_next_route(c->control->host->stack, &cursor, &r)) {
        if (r.prefix_len == 0)
            estab_control_say(c, "route=default");
        else
            estab_control_say(c, "route=%s/%u", estab_addr_format(&r.prefix, text), r.prefix_len);
        estab_control_say(c, "\tfamily=%u", r.prefix.family);
        if (r.gateway.family != ESTAB_UNSPEC)
            estab_control_say(c, "\tvia=%s", estab_addr_format(&r.gateway, text));
        estab_control_say(c, "\tlink=%u\tdevice=%s\torigin=%s", r.ifindex, device_of(c, r.ifindex),
                          r.origin <= ESTAB_ROUTE_REDIRECT ? origins[r.origin] : "?");
        if (r.origin == ESTAB_ROUTE_ROUTER && r.gateway.family != ESTAB_UNSPEC)
            estab_control_say(c, "\tpreference=%s",
                              r.preference > 0   ? "high"
                              : r.preference < 0 ? "low"
                                                 : "medium");
        say_until(c, "valid-s", r.until, now);
        estab_control_say(c, "\tdoubts=%" PRIu32 "\n", r.doubts);
    }
}

void
estab_control_say_neighbours(struct control_client *c, estab_time now)
{
    static const char *const states[] = { "?",     "INCOMPLETE", "FAILED", "REACHABLE",
                                          "STALE", "DELAY",      "PROBE" };
    struct estab_neighbour_info n;
    char text[ESTAB_ADDR_TEXT];
    uint64_t cursor = 0;

    while (!c->cut && estab_stack_next_neighbour(c->control->host->stack, &cursor, &n)) {
        estab_control_say(c, "neighbour=%s\tlink=%u\tdevice=%s", estab_addr_format(&n.addr, text),
                          n.ifindex, device_of(c, n.ifindex));
        if (n.state >= ESTAB_NEIGHBOUR_REACHABLE)
            say_mac(c, n.mac);
        estab_control_say(c, "\tstate=%s\trouter=%d\tfixed=%d",
                          n.state <= ESTAB_NEIGHBOUR_PROBE ? states[n.state] : "?", n.router,
                          n.fixed);
        if (n.confirmed_at != ESTAB_NEVER)
            estab_control_say(c, "\tage-s=%" PRId64,
                              now > n.confirmed_at ? (now - n.confirmed_at) / ESTAB_SEC(1) : 0);
        estab_control_say(c, "\n");
    }
}

static void
say_counter(struct control_client *c, const char *kind, const char *name, uint64_t n,
            const char *text)
{
    if (n > 0)
        estab_control_say(c, "counter=%s\tkind=%s\tcount=%" PRIu64 "\ttext=%s\n", name, kind, n,
                          text);
}

/* Those that are not 0. */
void
estab_control_say_counters(struct control_client *c)
{
    struct estab_stack_status s;

    estab_stack_status(c->control->host->stack, &s);
    say_counter(c, "host", "packets-in", s.packets_in, "packets that came");
    say_counter(c, "host", "packets-out", s.packets_out, "packets that were sent");
    for (unsigned i = 0; i < ESTAB_VERDICT_COUNT; i++)
        say_counter(c, "verdict", estab_verdict_name(i), s.verdicts[i], estab_verdict_text(i));
    for (unsigned i = 0; i < ESTAB_REASON_COUNT; i++)
        say_counter(c, "reason", estab_reason_name(i), s.reasons[i], estab_reason_text(i));
    for (unsigned i = 0; i < ESTAB_RECOVERY_COUNT; i++)
        say_counter(c, "recovery", estab_recovery_name(i), s.recoveries[i], estab_recovery_text(i));
    say_counter(c, "limit", "replies-dropped", s.replies_dropped, "answers without room to wait");
    say_counter(c, "limit", "reassemblies-failed", s.reassemblies_failed,
                "datagrams of which not all came, or too much");
    say_counter(c, "limit", "neighbours-failed", s.neighbours_failed, "asked for, and silent");
    say_counter(c, "limit", "neighbours-evicted", s.neighbours_evicted, "made room for others");
    say_counter(c, "limit", "neighbours-refused", s.neighbours_refused, "found no room");
    say_counter(c, "limit", "unreachable-drops", s.unreachable_drops,
                "packets for next hops that nobody has");
    say_counter(c, "limit", "address-conflicts", s.address_conflicts,
                "others that said they had an address of ours");
}
