/* SPDX-License-Identifier: MIT */
/*
 * Delivery rate, as draft-ietf-ccwg-bbr (§4.1) estimates it: how much was delivered between the sending of a
 * segment and its acknowledgment, over the longer of the times it took to send and to acknowledge
 * it. Instead of a note for each segment, a bounded list of marks in the order of sending; what is
 * sent within a small part of a round trip shares one.
 */
#ifndef TCP_DELIVERY_RATE_H
#define TCP_DELIVERY_RATE_H

#include <stdbool.h>
#include <stdint.h>

#define RATE_MARKS 48

/* As things were when the first segment of the mark left; octets, microseconds on a circle. */
struct rate_mark {
    uint32_t at;
    uint32_t delivered, delivered_at; /* P.delivered, P.delivered_time */
    uint32_t first_sent_at;           /* P.first_sent_time */
    uint32_t tx_in_flight;            /* with the last segment of the mark */
    uint32_t lost;
    bool app_limited;
};

struct delivery_rate {
    uint32_t delivered, delivered_at; /* C.delivered, C.delivered_time */
    uint32_t first_sent_at;
    uint32_t lost;           /* C.lost */
    uint32_t app_limited_at; /* limited until so much is delivered */
    bool app_limited;
    uint32_t heard_at; /* when the mark of the last sample was made */
    uint32_t grain;    /* at least, since the list was full */
    uint32_t n;        /* of `mark`, in the order of sending */
    struct rate_mark mark[RATE_MARKS];
};

/* What one ACK says. */
struct rate_news {
    uint32_t now;
    uint32_t delivered; /* octets, newly */
    bool has_at;        /* `at` is when the segment sent last of those delivered was sent */
    uint32_t at;
    uint32_t rtt; /* microseconds, of a segment sent once; 0: none */
};

struct rate_sample {
    uint64_t rate; /* octets per second; 0: no sample */
    uint32_t delivered, prior_delivered;
    uint32_t lost, tx_in_flight;
    bool valid, app_limited;
};

/* `octets` leave with `pipe` octets in the network before them. What leaves within `grain` shares a
 * mark; a full list forgets what is long past, or every other mark. */
void estab_rate_sent(struct delivery_rate *r, uint32_t now, uint32_t pipe, uint32_t octets,
                     uint32_t grain);
/* Counts what was delivered; a sample with rate 0 if it took less than `min_rtt`. */
void estab_rate_delivered(struct delivery_rate *r, const struct rate_news *news, uint32_t min_rtt,
                          struct rate_sample *out);
/* Counts `octets` as lost that were sent at `at`. True: *out has what was in flight with them, and
 * what was lost since, they included. */
bool estab_rate_lost(struct delivery_rate *r, uint32_t at, uint32_t octets,
                     struct rate_sample *out);
/* The user has no more to send, with `pipe` octets in the network. */
void estab_rate_dry(struct delivery_rate *r, uint32_t pipe);

#endif
