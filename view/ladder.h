/* SPDX-License-Identifier: MIT */
/*
 * The inside of the ladder. A record goes down through four rooms:
 *   ladder_fold.c   a long run of data and ACKs becomes one line
 *   ladder_event.c  which records belong together: what a packet caused stands under it, and a
 *                   segment that two hosts tell of is drawn once
 *   ladder_conn.c   what is known of each connection: ISNs, scales, states, segments on their way
 *   ladder_draw.c   rows: notes, silences; ladder_arrow.c: segments; ladder_words.c: their words
 * and ladder.c is the sink itself.
 */
#ifndef ESTAB_VIEW_LADDER_H
#define ESTAB_VIEW_LADDER_H

#include "view/frame.h"

enum { LEFT = 0, RIGHT = 1 };

enum {
    LADDER_CONNS = 16,
    LADDER_FLIGHTS = 512,
    LADDER_HELD = 24,
    LADDER_KEPT = 6,
    LADDER_LEAD = 3, /* segments of a run, each way, that are drawn before the rest is folded */
    LADDER_REMARKS = 4096
};

/* What one connection has shown of itself; index 0 is the left host's side, 1 the right one's. */
struct ladder_conn {
    struct estab_endpoint end[2];
    uint64_t used;   /* when, in records; 0: free */
    unsigned number; /* 1, 2, ... in order of appearance */
    uint32_t isn[2];
    bool has_isn[2];
    uint8_t wscale[2];
    bool has_wscale[2];
    uint8_t state[2];
    bool has_state[2];
    uint32_t fin_end[2]; /* the sequence number after the FIN */
    bool has_fin[2];
    bool is_over; /* the next SYN opens another one */
    bool shown;
};

/* A segment that was sent and has not arrived yet. */
struct flight {
    uint64_t serial; /* in the order of sending */
    uint8_t from;
    bool in_air; /* else the slot is free, but keeps what has landed: it may land twice */
    bool landed, drawn, folded;
    struct estab_trace record; /* to draw it from; of its frame only the head is there: */
    uint8_t head[VIEW_FRAME_HEAD];
};

struct flow {
    uint64_t segments, octets, acks, calls[2], call_octets[2]; /* calls: SEND, RECEIVE */
    int64_t memory[ESTAB_MEMORY_COUNT];
};

struct fold {
    unsigned lead[2]; /* segments of this run drawn so far, by the sender */
    bool active;
    uint64_t first_serial; /* of flights hidden in it */
    unsigned kept, hidden_segments;
    bool overflowed; /* `kept` is not all */
    struct estab_trace keep[LADDER_KEPT];
    struct flow flow[2]; /* by the sender, or the host */
    uint64_t held[2];
    bool has_held[2];
    estab_time from, to;
};

struct view_ladder {
    struct view_ladder_options options;
    view_write_fn *write;
    void *ctx;
    int error;
    char name[2][48];

    unsigned line[2]; /* columns of the two life lines */
    struct row row;

    bool has_host[2];
    uint32_t host[2];
    uint64_t records, strangers; /* of other hosts */
    bool has_start, has_drawn, has_shown_time;
    estab_time start, drawn_at, shown_time, record_at;

    /* A state that waits for the next row of its host. */
    struct {
        char text[24];
        uint8_t style;
        estab_time at;
        bool waits;
    } due[2];
    /* What the host did last: what follows at the same instant is its effect. */
    struct {
        uint8_t kind, call;
        estab_time at;
        bool known;
    } last[2];

    uint16_t said[2]; /* the reason that stands under the host's last segment */

    struct ladder_conn conn[LADDER_CONNS];
    unsigned conns_seen;
    struct estab_trace held[LADDER_HELD];
    unsigned n_held;
    struct flight *flight; /* LADDER_FLIGHTS of them */
    uint64_t next_serial;
    unsigned n_flights, n_undrawn;
    struct fold fold;
    char remarks[LADDER_REMARKS];
    size_t remarks_len;
};

enum arrow { ARROW_WHOLE, ARROW_SENT, ARROW_ARRIVED, ARROW_LOST };

/* --- ladder.c --- */

/* The side of the host of a record; -1: of another host. */
int estab_ladder_side(struct view_ladder *v, uint32_t host);

/* --- ladder_event.c --- */

void estab_ladder_event(struct view_ladder *v, const struct estab_trace *r);
/* Is this state or memory record the effect of what the host did last, and not the herald of what
 * it will do next? */
bool estab_ladder_is_effect(const struct view_ladder *v, const struct estab_trace *r, int side);
/* Draws a segment that has left and not arrived, and why it was sent. */
void estab_ladder_draw_sent(struct view_ladder *v, struct flight *f, enum arrow arrow,
                            const char *remark);
/* Draws what waits for others: segments on their way, then held records. */
void estab_ladder_settle(struct view_ladder *v);
/* "+4 KiB send buffer, now 4,224 B" */
void estab_ladder_memory_note(struct view_ladder *v, estab_time at, int side, unsigned memory,
                              int64_t bytes, uint64_t held);

/* --- ladder_fold.c --- */

/* true: the record is in the fold and needs no drawing. */
bool estab_ladder_fold(struct view_ladder *v, const struct estab_trace *r);
void estab_ladder_unfold(struct view_ladder *v);

/* --- ladder_conn.c --- */

/* The connection of a record as seen from `side`, made if it is new; NULL: it names none. */
struct ladder_conn *estab_ladder_conn(struct view_ladder *v, const struct estab_trace *r, int side);
/* Takes ISNs, scales and FINs from a segment sent by side `from`. */
void estab_ladder_learn(struct view_ladder *v, struct ladder_conn *c, const struct estab_trace *r,
                        int from);
/* What a segment from the peer tells about its state, as far as it can be known (one host). */
bool estab_ladder_infer(struct ladder_conn *c, const struct estab_trace *r, int from);
/* NULL when there is no room, which only means that its arrival is not recognized. */
struct flight *estab_ladder_take_off(struct view_ladder *v, const struct estab_trace *r, int from);
/* The oldest flight that this packet may be. */
struct flight *estab_ladder_landing(struct view_ladder *v, const struct estab_trace *r, int from);
void estab_ladder_flight_over(struct view_ladder *v, struct flight *f, bool landed);
/* A packet like this one has landed before: the network has doubled it. */
bool estab_ladder_has_landed(const struct view_ladder *v, const struct estab_trace *r, int from);
/* The oldest flight not drawn yet, or (`any`) the oldest of all; NULL: none. */
struct flight *estab_ladder_oldest(struct view_ladder *v, bool any);

/* --- ladder_words.c --- */

enum { LABEL_ITEMS = 12 };
struct label {
    struct phrase item[LABEL_ITEMS]; /* the first ones are the most important */
    unsigned n;
    unsigned optional; /* this one may be left out when there is no room */
    unsigned details;  /* items from here on never stand on the arrow */
    enum style style;
};
void estab_ladder_label(const struct view_ladder *v, const struct ladder_conn *c,
                        const struct estab_trace *r, int from, struct label *label);
void estab_ladder_call_text(const struct estab_trace *r, struct phrase *p);
void estab_ladder_memory_text(unsigned memory, int64_t bytes, uint64_t held, struct phrase *p);
enum style estab_ladder_state_style(unsigned state);

/* --- ladder_draw.c --- */

void estab_ladder_head(struct view_ladder *v);
void estab_ladder_introduce(struct view_ladder *v, struct ladder_conn *c, estab_time at);
/* Begins a row at an instant: the silence before it, the time, the life lines, due states but that
 * of side `busy` (-1: none). */
void estab_ladder_row(struct view_ladder *v, estab_time at, int busy);
void estab_ladder_row_end(struct view_ladder *v);

struct arrow_options {
    enum arrow arrow;
    int from;
    estab_time delay;   /* said on a whole arrow */
    const char *remark; /* at its end, or NULL */
};
void estab_ladder_arrow(struct view_ladder *v, estab_time at, struct ladder_conn *c,
                        const struct estab_trace *r, const struct arrow_options *o);
/* A remark of one host beside its life line, broken as needed. */
void estab_ladder_note(struct view_ladder *v, estab_time at, int side, enum style style,
                       const char *text, const char *rule);
/* Whether the notes of both hosts fit one row. */
bool estab_ladder_fits(const struct view_ladder *v, const char *text, const char *rule,
                       const char *other_text, const char *other_rule);
/* The notes of both hosts in one row, if they fit; an empty one is left out. */
void estab_ladder_notes(struct view_ladder *v, estab_time at, int side, const char *text,
                        const char *rule, const char *other_text, const char *other_rule);
/* The user's call outside the life line; `note` beside it on the inside, or NULL. */
void estab_ladder_call(struct view_ladder *v, estab_time at, int side, const char *text,
                       enum style style, const char *note);
void estab_ladder_state_due(struct view_ladder *v, estab_time at, int side, unsigned state,
                            bool inferred);
void estab_ladder_flush_due(struct view_ladder *v);
/* In the middle between the hosts. */
void estab_ladder_between(struct view_ladder *v, estab_time at, enum style style, const char *text);
/* Over the whole width. */
void estab_ladder_prose(struct view_ladder *v, enum style style, const char *text);
void estab_ladder_blank(struct view_ladder *v);

#endif
