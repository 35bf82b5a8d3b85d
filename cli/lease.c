/* SPDX-License-Identifier: MIT */
/* An address by DHCP; see lease.h. */
#include "cli/lease.h"
#include "drivers/random.h"
#include "estab/estab.h"

#include <string.h>

enum { BATCHES = 16 }; /* of messages alone, in one turn of the loop */

static void go_on(struct lease *lease, estab_time now);

static void
send_all(struct lease *lease, estab_time now)
{
    struct failure why; /* a link that has gone ends the loop by itself */
    struct estab_dhcp_packet p;
    uint8_t octets[ESTAB_DHCP_FRAME];

    while (estab_dhcp_next_packet(&lease->client, &p, now)) {
        struct estab_frame frame = { .data = octets, .cap = sizeof octets };

        frame.len = (uint32_t)(lease->cfg.mac != NULL
                                   ? estab_dhcp_write_frame(
                                         &p, lease->mac, lease->has_server ? lease->server : NULL,
                                         lease->cfg.vlan, octets)
                                   : estab_dhcp_write_ip(&p, octets));
        /* One that the link does not take now is sent again by the client's clock. */
        (void)!lease->inner.transmit(lease->inner.ctx, &frame, 1, now, &why);
    }
}

static void
alarm_rings(void *ctx, estab_time now)
{
    struct lease *lease = ctx;

    estab_dhcp_timeouts(&lease->client, now);
    go_on(lease, now);
}

static void
go_on(struct lease *lease, estab_time now)
{
    unsigned events = estab_dhcp_take_events(&lease->client);

    if (events != 0)
        lease->cfg.news(lease->cfg.ctx, events, now);
    send_all(lease, now);
    estab_loop_set_alarm(lease->cfg.loop, &lease->alarm, estab_dhcp_deadline(&lease->client),
                         alarm_rings, lease);
}

/* --- between the link and the loop --- */

/* Takes the DHCP messages out of the frames; how many are left, at the front. */
static size_t
take_messages(struct lease *lease, struct estab_frame *frames, size_t n, estab_time now)
{
    size_t left = 0;

    for (size_t i = 0; i < n; i++) {
        struct estab_frame swap = frames[i];
        uint8_t from[6];
        size_t len;
        const uint8_t *message =
            lease->cfg.mac != NULL
                ? estab_dhcp_read_frame(swap.data, swap.len, lease->mac, lease->cfg.vlan,
                                        (swap.flags & ESTAB_FRAME_CSUM_VERIFIED) != 0, from, &len)
                : estab_dhcp_read_ip(swap.data, swap.len, &len);

        if (message != NULL) {
            unsigned verdict = estab_dhcp_arrives(&lease->client, message, len, now);

            if (verdict == ESTAB_DHCP_ACK && lease->cfg.mac != NULL) {
                memcpy(lease->server, from, 6);
                lease->has_server = true;
            }
            continue;
        }
        frames[i] = frames[left]; /* each buffer stays among the frames */
        frames[left++] = swap;
    }
    return left;
}

static ptrdiff_t
receive(void *ctx, struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct lease *lease = ctx;
    ptrdiff_t got = lease->inner.receive(lease->inner.ctx, frames, n, now, why);
    size_t left;

    /* 0 would mean that nothing is there: where all were messages, look for more. But not for ever:
     * a flood of them must leave time for everything else, and the link is ready in the next turn. */
    for (unsigned batch = 0; got > 0 && batch < BATCHES; batch++) {
        left = take_messages(lease, frames, (size_t)got, now);
        if (left < (size_t)got)
            go_on(lease, now);
        if (left > 0)
            return (ptrdiff_t)left;
        got = batch + 1 < BATCHES ? lease->inner.receive(lease->inner.ctx, frames, n, now, why) : 0;
    }
    return got;
}

static ptrdiff_t
transmit(void *ctx, const struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct lease *lease = ctx;

    return lease->inner.transmit(lease->inner.ctx, frames, n, now, why);
}

int
estab_lease_begin(struct lease *lease, const struct lease_config *cfg, struct packet_link *link,
                  struct failure *why)
{
    /* RFC 2131 §4.1: a host that takes a frame for its hardware address, whatever the IP address in
     * it, asks for no broadcast. */
    struct estab_dhcp_config dhcp = {
        .hardware_type = 1, .hardware_len = 6, .broadcast = cfg->mac == NULL, .probe = cfg->probe
    };
    estab_time now = estab_loop_now(cfg->loop);
    uint32_t hash = 2166136261u;

    /* An identity of its own for each device, the same every time: locally administered. */
    for (const char *c = cfg->device; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    dhcp.hardware[0] = 2;
    memcpy(dhcp.hardware + 2, &hash, 4);
    if (cfg->mac != NULL)
        memcpy(dhcp.hardware, cfg->mac, 6);
    memcpy(lease->mac, dhcp.hardware, 6);
    if (estab_random_secret(dhcp.secret, why) < 0)
        return -1;
    if (estab_dhcp_init(&lease->client, &dhcp) < 0)
        return estab_fail(why, "cannot make the DHCP client");
    lease->cfg = *cfg;
    lease->inner = *link;
    link->ctx = lease;
    link->receive = receive;
    link->transmit = transmit;
    estab_dhcp_start(&lease->client, now);
    go_on(lease, now);
    return 0;
}

void
estab_lease_probed(struct lease *lease, bool in_use, estab_time now)
{
    estab_dhcp_probed(&lease->client, in_use, now);
    go_on(lease, now);
}

void
estab_lease_end(struct lease *lease)
{
    if (lease->cfg.loop == NULL)
        return;
    estab_dhcp_release(&lease->client, estab_loop_now(lease->cfg.loop));
    send_all(lease, estab_loop_now(lease->cfg.loop));
    lease->cfg.loop = NULL;
}
