/* SPDX-License-Identifier: MIT */
/* See delivery_rate.h. Called from bbr.c. */
#include "tcp/delivery_rate.h"

#include "base/mul.h"

#include <stddef.h>

static struct rate_mark *
mark(struct delivery_rate *r, uint32_t i)
{
    return &r->mark[(r->first + i) % RATE_MARKS];
}

void
estab_rate_sent(struct delivery_rate *r, uint32_t now, uint32_t pipe, uint32_t octets,
                uint32_t grain)
{
    struct rate_mark *m;

    /* the clock of sending and of delivery begins with a flight */
    if (pipe == 0) {
        r->first_sent_at = now;
        r->delivered_at = now;
    } else if (r->n > 0) {
        m = mark(r, r->n - 1);
        if (now - m->at <= grain) {
            m->tx_in_flight = pipe + octets;
            return;
        }
    }
    if (r->n == RATE_MARKS) {
        r->first = (r->first + 1) % RATE_MARKS;
        r->n--;
    }
    *mark(r, r->n++) = (struct rate_mark){
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
    const struct rate_mark *m = NULL;
    uint32_t send_elapsed, ack_elapsed, interval, i;

    *out = (struct rate_sample){ 0 };
    r->lost += news->lost;
    if (news->delivered == 0)
        return;
    r->delivered += news->delivered;
    r->delivered_at = news->now;
    if (r->app_limited && (int32_t)(r->delivered - r->app_limited_at) > 0)
        r->app_limited = false;
    /* the mark under which it left; those before it are of no use any more */
    for (i = r->n; news->has_at && m == NULL && i > 0; i--)
        if ((int32_t)(news->at - mark(r, i - 1)->at) >= 0)
            m = mark(r, i - 1);
    if (m == NULL)
        return;
    r->first = (r->first + i) % RATE_MARKS;
    r->n -= i;

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
    if (interval > 0 && interval >= min_rtt)
        out->rate = estab_muldiv64(out->delivered, 1000000, interval);
}

void
estab_rate_dry(struct delivery_rate *r, uint32_t pipe)
{
    r->app_limited = true;
    r->app_limited_at = r->delivered + pipe;
}
