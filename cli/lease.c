/* SPDX-License-Identifier: MIT */
/* An address by DHCP; see lease.h. */
#include "cli/lease.h"
#include "drivers/random.h"
#include "estab/estab.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static estab_time
clock_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return ESTAB_SEC((estab_time)t.tv_sec) + t.tv_nsec;
}

static int
send_all(struct lease *lease, estab_time now, struct failure *why)
{
    struct estab_dhcp_packet p;
    uint8_t octets[ESTAB_DHCP_IP_PACKET];

    while (estab_dhcp_next_packet(&lease->client, &p, now)) {
        struct estab_frame frame = { .data = octets, .cap = sizeof octets };

        frame.len = (uint32_t)estab_dhcp_write_ip(&p, octets);
        /* One that the link does not take now is sent again by the client's clock. */
        if (lease->inner.transmit(lease->inner.ctx, &frame, 1, now, why) < 0)
            return -1;
    }
    return 0;
}

/* Takes the DHCP messages out of the frames; how many are left, at the front. */
static size_t
take_messages(struct lease *lease, struct estab_frame *frames, size_t n, estab_time now)
{
    size_t left = 0;

    for (size_t i = 0; i < n; i++) {
        struct estab_frame swap = frames[i];
        size_t len;
        const uint8_t *message = estab_dhcp_read_ip(swap.data, swap.len, &len);

        if (message != NULL) {
            (void)estab_dhcp_arrives(&lease->client, message, len, now);
            continue;
        }
        frames[i] = frames[left]; /* each buffer stays among the frames */
        frames[left++] = swap;
    }
    return left;
}

/* --- before the host runs --- */

int
estab_lease_acquire(struct lease *lease, const struct packet_link *link, const char *device,
                    estab_time patience, struct failure *why)
{
    struct estab_dhcp_config cfg = { .hardware_type = 1, .hardware_len = 6, .broadcast = true };
    estab_time now = clock_now(), end = now + patience;
    struct estab_frame frame = { .cap = link->largest };
    uint32_t hash = 2166136261u;
    int result = -1;

    /* An address of its own for each device, the same every time: locally administered. */
    for (const char *c = device; *c != '\0'; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    cfg.hardware[0] = 2;
    memcpy(cfg.hardware + 2, &hash, 4);
    if (estab_random_secret(cfg.secret, why) < 0)
        return -1;
    if (estab_dhcp_init(&lease->client, &cfg) < 0)
        return estab_fail(why, "cannot make the DHCP client");
    frame.data = malloc(frame.cap);
    if (frame.data == NULL)
        return estab_fail(why, "out of memory");
    lease->inner = *link;
    estab_dhcp_start(&lease->client, now);
    for (;;) {
        struct pollfd p = { .fd = link->fd, .events = POLLIN };
        estab_time at = estab_dhcp_deadline(&lease->client);
        ptrdiff_t n;

        if (send_all(lease, now, why) < 0)
            break;
        if ((estab_dhcp_take_events(&lease->client) & ESTAB_DHCP_LEASED) != 0) {
            result = 0;
            break;
        }
        if (now >= end) {
            estab_fail(why, "no DHCP server has given an address on %s", device);
            break;
        }
        at = estab_dhcp_deadline(&lease->client);
        if (at > end)
            at = end;
        (void)poll(&p, 1, at > now ? (int)((at - now) / 1000000 + 1) : 0);
        now = clock_now();
        n = link->receive(link->ctx, &frame, 1, now, why);
        if (n < 0)
            break;
        if (n > 0)
            (void)take_messages(lease, &frame, 1, now);
        estab_dhcp_timeouts(&lease->client, now);
    }
    free(frame.data);
    return result;
}

/* --- while it runs --- */

static void go_on(struct lease *lease, estab_time now);

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
    struct failure why; /* a link that has gone ends the loop by itself */

    (void)send_all(lease, now, &why);
    if ((estab_dhcp_take_events(&lease->client) & ESTAB_DHCP_LOST) != 0)
        lease->lost(lease->ctx, now);
    estab_loop_set_alarm(lease->loop, &lease->alarm, estab_dhcp_deadline(&lease->client),
                         alarm_rings, lease);
}

static ptrdiff_t
receive(void *ctx, struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct lease *lease = ctx;
    ptrdiff_t got = lease->inner.receive(lease->inner.ctx, frames, n, now, why);
    size_t left;

    /* 0 would mean that nothing is there: where all were messages, look for more. */
    while (got > 0) {
        left = take_messages(lease, frames, (size_t)got, now);
        if (left < (size_t)got)
            go_on(lease, now);
        if (left > 0)
            return (ptrdiff_t)left;
        got = lease->inner.receive(lease->inner.ctx, frames, n, now, why);
    }
    return got;
}

static ptrdiff_t
transmit(void *ctx, const struct estab_frame *frames, size_t n, estab_time now, struct failure *why)
{
    struct lease *lease = ctx;

    return lease->inner.transmit(lease->inner.ctx, frames, n, now, why);
}

struct packet_link
estab_lease_link(struct lease *lease, struct loop *loop)
{
    struct packet_link link = lease->inner;

    lease->loop = loop;
    link.ctx = lease;
    link.receive = receive;
    link.transmit = transmit;
    estab_loop_set_alarm(loop, &lease->alarm, estab_dhcp_deadline(&lease->client), alarm_rings,
                         lease);
    return link;
}

void
estab_lease_end(struct lease *lease)
{
    struct failure why;

    if (lease->loop == NULL)
        return;
    estab_dhcp_release(&lease->client, estab_loop_now(lease->loop));
    (void)send_all(lease, estab_loop_now(lease->loop), &why);
    lease->loop = NULL;
}
