/* SPDX-License-Identifier: MIT */
/*
 * What a host says about itself, made visible. Four sinks take the stack's trace records: a ladder
 * for the terminal, a capture for Wireshark, JSON lines for programs, and sentences for a learner.
 *
 * A sink calls nobody but the write function it was given, which returns 0 or an error of the
 * caller's choosing (a negative errno, say). The first error is kept: nothing more is written, and
 * every later call returns it, so that a full disk is reported once and at the end. Memory is taken
 * once, in _new (NULL: there is none); no record, however strange, can make a sink take more or
 * fail otherwise. Records are only read during the call.
 */
#ifndef ESTAB_VIEW_VIEW_H
#define ESTAB_VIEW_VIEW_H

#include "estab/stack.h"
#include "estab/time.h"
#include "estab/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef int view_write_fn(void *ctx, const void *p, size_t n);

/* ---- ladder: two hosts, and every segment between them ---- */

struct view_ladder;

struct view_ladder_options {
    unsigned width;      /* columns; at least 80 are used, and 0 is 80 */
    bool colour;         /* ANSI colours: the caller knows the terminal and NO_COLOR */
    bool ascii;          /* no character beyond ASCII */
    bool unfold;         /* draw every data segment and every ACK */
    bool both;           /* the records of both hosts come here; else the right one is the peer */
    uint32_t host[2];    /* their numbers, left and right; two equal ones: in order of appearance */
    const char *name[2]; /* copied; NULL: "host" and "peer", or "A" and "B" */
    estab_time msl;      /* said beside 2MSL; 0: not known here */
    estab_time gap;      /* a silence that is marked; 0: half a second */
};

struct view_ladder *estab_view_ladder_new(const struct view_ladder_options *options,
                                          view_write_fn *write, void *ctx);
int estab_view_ladder_record(struct view_ladder *ladder, const struct estab_trace *record);

/* Time passes without records: draws what was held back for what might have followed. Live tools
 * call it now and then; without it the ladder is the same, only later. */
int estab_view_ladder_time(struct view_ladder *ladder, estab_time now);

/* What the network does to the packet that `host` has just sent; for those who know, called right
 * after its record. Without it a segment that never arrives is shown at the end. */
enum view_fate { VIEW_LOST, VIEW_HELD, VIEW_DUPLICATED, VIEW_CORRUPTED };
int estab_view_ladder_fate(struct view_ladder *ladder, uint32_t host, enum view_fate fate);

/* A view_write_fn whose context is the ladder: each line of text becomes a remark between the
 * events, after the one recorded last. The narrator writes there. */
int estab_view_ladder_remark(void *ladder, const void *p, size_t n);

/* Draws what was held back and, if `status` is not NULL, what the hosts hold now (one, or with
 * `both` two, left and right; a NULL one is left out). */
int estab_view_ladder_finish(struct view_ladder *ladder,
                             const struct estab_stack_status *const status[2]);
void estab_view_ladder_free(struct view_ladder *ladder);

/* ---- pcapng: a capture that explains itself ---- */

struct view_pcapng;

struct view_pcapng_options {
    int64_t origin; /* nanoseconds since 1970 at the instant 0 of the records */
    bool both;      /* the records of both ends of the wire come here: a packet is written once, as
                       * sent, with the sender's reason and the receiver's verdict */
    bool twice;     /* with `both`: as sent and as received nevertheless */
    uint32_t host[2]; /* numbers that have a name */
    const char *name[2];
};

struct view_pcapng *estab_view_pcapng_new(const struct view_pcapng_options *options,
                                          view_write_fn *write, void *ctx);
int estab_view_pcapng_record(struct view_pcapng *pcapng, const struct estab_trace *record);
/* Writes what waits for its verdict; the file is whole without it but for that. */
int estab_view_pcapng_finish(struct view_pcapng *pcapng);
void estab_view_pcapng_free(struct view_pcapng *pcapng);

/* ---- JSON lines: one object per record, the keys stand in view/json.c ---- */

struct view_json;

struct view_json_options {
    int64_t origin; /* nanoseconds since 1970 at the instant 0 of the records; 0: not known */
    bool packets;   /* with the octets of each packet, in hexadecimal */
};

struct view_json *estab_view_json_new(const struct view_json_options *options, view_write_fn *write,
                                      void *ctx);
int estab_view_json_record(struct view_json *json, const struct estab_trace *record);
int estab_view_json_finish(struct view_json *json);
void estab_view_json_free(struct view_json *json);

/* ---- narrator: one sentence for each step of a connection's life ---- */

struct view_narrator;

enum view_language { VIEW_ENGLISH };

struct view_narrator_options {
    enum view_language language;
    bool both;           /* the records of both hosts come here */
    uint32_t host[2];    /* as for the ladder */
    const char *name[2]; /* "the client", "the server"; NULL: by who opens */
    estab_time msl;      /* 0: not known here */
};

/* Writes one line per sentence, not broken to any width. */
struct view_narrator *estab_view_narrator_new(const struct view_narrator_options *options,
                                              view_write_fn *write, void *ctx);
int estab_view_narrator_record(struct view_narrator *narrator, const struct estab_trace *record);
int estab_view_narrator_finish(struct view_narrator *narrator);
void estab_view_narrator_free(struct view_narrator *narrator);

#endif
