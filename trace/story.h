/* SPDX-License-Identifier: MIT */
/*
 * One connection kept step by step, for pictures: each segment with why it was sent, what became of
 * it, and the variables of both ends after it. Bounded: what comes later is only counted.
 */
#ifndef ESTAB_TRACE_STORY_H
#define ESTAB_TRACE_STORY_H

#include "trace/verdicts.h"

enum { STORY_STEPS_MAX = 100000 };

/* Relative to the ISNs, as far as they can be known from outside. */
struct story_variables {
    uint32_t snd_una, snd_nxt, snd_wnd, rcv_nxt, rcv_wnd;
};

struct story_step {
    uint64_t conn, number;
    estab_time at;
    struct estab_trace_segment seg; /* seq, ack and SACK as on the wire */
    uint32_t seq, ack;              /* relative */
    uint32_t octets;                /* of the packet */
    uint16_t reason, verdict, cause[2];
    uint8_t from, before[2], after[2]; /* states, of A and B */
    bool told;
    struct story_variables var[2];
    uint32_t rtt_us;                /* of the text that this acknowledges; 0: none */
    uint32_t cwnd, ssthresh;        /* of the sender, when its stack has told; 0: not known */
    uint32_t sack_left, sack_right; /* the first SACK block, relative; 0: none */
};

struct story {
    uint64_t wanted; /* the connection; 0: the first */
    bool all;        /* of all of them */
    struct story_step *step;
    uint32_t n, room;
    uint64_t left_out;
    struct connection conn; /* as told of at its end */
    bool has_conn;
};

/* Whether what left for that reason (enum estab_reason) had left before. */
bool estab_story_is_again(unsigned reason);
/* false: no memory for any step. */
bool estab_story_take(struct story *s, const struct segment_seen *segment);
void estab_story_end(struct story *s, const struct connection *c);
void estab_story_free(struct story *s);

/* "FIN,ACK" */
void estab_story_control(const struct story_step *step, struct phrase *p);

/* ---- pictures of it ---- */

struct svg_options {
    const char *title;   /* or NULL */
    const char *name[2]; /* of the ends; NULL: client, server */
    unsigned steps_max;  /* 0: 200 */
};

/* An animated SVG without scripts: it moves in a browser and in an <img>, is whole when printed or
 * when motion is unwanted, and follows light and dark. */
int estab_story_svg(const struct story *s, const struct svg_options *o, view_write_fn *write,
                    void *ctx);

#endif
