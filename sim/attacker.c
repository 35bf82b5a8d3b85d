/* SPDX-License-Identifier: MIT */
/* See attacker.h. */
#include "sim/attacker.h"

#include "sim/packet.h"
#include "sim/world.h"

#include <string.h>

/* What TCP trusts the network with: no packet is older than this when it arrives. */
#define OLDEST ESTAB_SEC(100)
#define LATER_LOG2 25 /* up to 33 s, in microseconds */

static estab_time
some_time_later(struct sim_attacker *a, const struct sim_world *w)
{
    return w->now + ESTAB_US(sim_prng_log(&a->dice, LATER_LOG2));
}

static void
keep(struct sim_attacker *a, const struct sim_world *w, uint32_t host, uint32_t ifindex,
     const struct estab_frame *packet)
{
    unsigned i = (unsigned)sim_prng_below(&a->dice, SIM_ATTACKER_KEEPS);

    if (packet->len > SIM_ATTACKER_ROOM)
        return;
    a->kept[i].host = host;
    a->kept[i].ifindex = ifindex;
    a->kept[i].len = packet->len;
    a->kept[i].at = w->now;
    memcpy(a->kept[i].data, packet->data, packet->len);
}

/* An old packet again, octet by octet. */
static void
replay(struct sim_attacker *a, struct sim_world *w)
{
    unsigned i = (unsigned)sim_prng_below(&a->dice, SIM_ATTACKER_KEEPS);
    estab_time at = some_time_later(a, w);

    if (a->kept[i].len == 0 || at - a->kept[i].at > OLDEST)
        return;
    sim_world_inject(w, w->hosts[a->kept[i].host], a->kept[i].ifindex, a->kept[i].data,
                     a->kept[i].len, at);
    a->replayed++;
}

/* A segment of one who knows the ends and guesses the numbers. */
static void
forge(struct sim_attacker *a, struct sim_world *w, uint32_t host, uint32_t ifindex,
      const struct estab_frame *packet)
{
    uint8_t out[SIM_FORGED_ROOM];
    uint32_t len = sim_packet_forge(out, packet->data, packet->len, sim_prng_next(&a->dice));

    if (len == 0)
        return;
    sim_world_inject(w, w->hosts[host], ifindex, out, len, w->now + ESTAB_US(1));
    a->forged++;
}

/* An ICMP error, to the sender, about a segment with numbers that are not in flight. */
static void
lie(struct sim_attacker *a, struct sim_world *w, uint32_t host, uint32_t ifindex,
    const struct estab_frame *packet)
{
    static const uint32_t mtus[] = { 0, 68, 576, 1280, 1400 };
    uint8_t quoted[128], out[SIM_ICMP_ROOM], *seq;
    uint64_t random = sim_prng_next(&a->dice);
    uint32_t len = packet->len < sizeof quoted ? packet->len : (uint32_t)sizeof quoted;
    struct sim_packet p;

    sim_packet_read(&p, packet->data, packet->len);
    if (!p.is_tcp || p.ip_header_len + 20 > len)
        return;
    memcpy(quoted, packet->data, len);
    /* far outside of any window */
    seq = quoted + p.ip_header_len + 4;
    seq[0] = (uint8_t)(seq[0] + 0x60 + (random & 0x3f));
    len = sim_icmp_error(out, (enum sim_icmp)(random >> 8 & 0xff) % 3, mtus[(random >> 16) % 5],
                         quoted, len);
    if (len == 0)
        return;
    sim_world_inject_lie(w, w->hosts[host], ifindex, out, len, some_time_later(a, w));
    a->lied++;
}

void
sim_attacker_sees(struct sim_attacker *a, struct sim_world *w, uint32_t from_host,
                  uint32_t from_ifindex, uint32_t host, uint32_t ifindex,
                  const struct estab_frame *packet)
{
    if (w->now >= a->until || !sim_prng_chance(&a->dice, a->ppm))
        return;
    switch (sim_prng_below(&a->dice, 4)) {
    case 0:
        keep(a, w, host, ifindex, packet);
        break;
    case 1:
        if (a->replays)
            replay(a, w);
        break;
    case 2:
        if (a->forges)
            forge(a, w, host, ifindex, packet);
        break;
    default:
        if (a->lies)
            lie(a, w, from_host, from_ifindex, packet);
        break;
    }
}
