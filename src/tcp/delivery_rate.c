/* SPDX-License-Identifier: MIT */
/* See delivery_rate.h. Called from bbr.c and bbr_model.c. */
#include "tcp/delivery_rate.h"

#include "base/mul.h"

#include <stddef.h>
#include <string.h>

/* Of the list: what is older than this part of it, behind what was heard of last, is not waited for. */
#define PATIENCE 4

/* The mark under which something left that was sent at `at`; NULL: it is not known any more. */
static const struct rate_mark *
mark_of(const struct delivery_rate *r, uint32_t at)
{
    uint32_t low = 0, high = r->n;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if ((int32_t)(at - r->mark[middle].at) >= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &r->mark[low - 1] : NULL;
}

/* Room for one more. A loss is noticed up to some part of a round trip after what was sent later has
 * arrived, so the marks before that one stay for a while. If all are still waited for, every other
 * one goes: the round trip is longer than it was, and so is the grain until there is room again. */
static void
make_room(struct delivery_rate *r)
{
    uint32_t span = r->mark[r->n - 1].at - r->mark[0].at, i, past = 0;

    while (past < r->n && (int32_t)(r->heard_at - r->mark[past].at) > (int32_t)(span / PATIENCE))
        past++;
    if (past > 1) {
        past--; /* the next begins later than what left under this one may have */
        memmove(&r->mark[0], &r->mark[past], (r->n - past) * sizeof(r->mark[0]));
        r->n -= past;
        r->grain -= (r->grain + 7) / 8;
        return;
    }
    r->grain = span / (RATE_MARKS / 2);
    for (i = 0; 2 * i < r->n; i++) {
        r->mark[i] = r->mark[2 * i];
        if (2 * i + 1 < r->n)
            r->mark[i].tx_in_flight = r->mark[2 * i + 1].tx_in_flight;
    }
    r->n = i;
}

void
estab_rate_sent(struct delivery_rate *r, uint32_t now, uint32_t pipe, uint32_t octets,
                uint32_t grain)
{
    if (grain < r->grain)
        grain = r->grain;
    /* the clock of sending and of delivery begins with a flight */
    if (pipe == 0) {
        r->first_sent_at = now;
        r->delivered_at = now;
        r->heard_at = now;
        r->grain = 0;
        r->n = 0;
    } else if (r->n > 0 && now - r->mark[r->n - 1].at <= grain) {
        r->mark[r->n - 1].tx_in_flight = pipe + octets;
        return;
    }
    if (r->n == RATE_MARKS)
        make_room(r);
    r->mark[r->n++] = (struct rate_mark){
        .at = now,
        .delivered = r->delivered,
        .delivered_at = r->delivered_at,
        .first_sent_at = r->first_sent_at,
        .tx_in_flight = pipe + octets,
        .lost = r->lost,
        .app_limited = r->app_limited,
    };
}

void
estab_rate_delivered(struct delivery_rate *r, const struct rate_news *news, uint32_t min_rtt,
                     struct rate_sample *out)
{
    const struct rate_mark *m;
    uint32_t send_elapsed, ack_elapsed, interval;

    *out = (struct rate_sample){ 0 };
    if (news->delivered == 0)
        return;
    r->delivered += news->delivered;
    r->delivered_at = news->now;
    if (r->app_limited && (int32_t)(r->delivered - r->app_limited_at) > 0)
        r->app_limited = false;
    m = news->has_at ? mark_of(r, news->at) : NULL;
    if (m == NULL)
        return;
    r->heard_at = m->at;

    send_elapsed = m->at - m->first_sent_at;
    ack_elapsed = news->now - m->delivered_at;
    interval = send_elapsed > ack_elapsed ? send_elapsed : ack_elapsed;
    out->valid = true;
    out->delivered = r->delivered - m->delivered;
    out->prior_delivered = m->delivered;
    out->lost = r->lost - m->lost;
    out->tx_in_flight = m->tx_in_flight;
    out->app_limited = m->app_limited;
    r->first_sent_at = m->at;
    /* A shorter time than the round trip says that the ACK is not of what it seems to be of. */
    if (interval > 0 && interval >= min_rtt)
        out->rate = estab_muldiv64(out->delivered, 1000000, interval);
}

bool
estab_rate_lost(struct delivery_rate *r, uint32_t at, uint32_t octets, struct rate_sample *out)
{
    const struct rate_mark *m = mark_of(r, at);

    *out = (struct rate_sample){ 0 };
    r->lost += octets;
    if (m == NULL)
        return false;
    out->lost = r->lost - m->lost;
    out->tx_in_flight = m->tx_in_flight;
    out->app_limited = m->app_limited;
    return true;
}

void
estab_rate_dry(struct delivery_rate *r, uint32_t pipe)
{
    r->app_limited = true;
    r->app_limited_at = r->delivered + pipe;
}
