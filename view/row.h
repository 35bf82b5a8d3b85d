/* SPDX-License-Identifier: MIT */
/*
 * A line of the terminal as cells, so that things can be put at columns whatever their octets and
 * colours; and phrases, short texts that are built piece by piece and never overflow.
 */
#ifndef ESTAB_VIEW_ROW_H
#define ESTAB_VIEW_ROW_H

#include "view/view.h"

enum { ROW_WIDTH_MIN = 80, ROW_WIDTH_MAX = 200 };

/* What a cell is about; estab_row_write() turns it into a colour. */
enum style {
    STYLE_PLAIN,
    STYLE_DIM,
    STYLE_RULE, /* dimmer: where to read on */
    STYLE_BOLD,
    STYLE_NAME,
    STYLE_CALL,
    STYLE_STATE,
    STYLE_OPEN, /* states and segments of opening */
    STYLE_DATA,
    STYLE_ACK,
    STYLE_CLOSE, /* of closing */
    STYLE_RESET,
    STYLE_AGAIN, /* repeated, late or lost */
    STYLE_TAKEN, /* memory */
    STYLE_GIVEN,
    STYLE_TIMER,
    STYLE_REMARK,
    STYLE_COUNT
};

struct cell {
    uint32_t ch; /* 0: the right half of a wide character */
    uint8_t style;
};

struct row {
    unsigned width; /* ROW_WIDTH_MIN..ROW_WIDTH_MAX */
    bool ascii, colour;
    struct cell cell[ROW_WIDTH_MAX];
};

void estab_row_clear(struct row *row);
/* Puts UTF-8 at a column; what does not fit is cut, what is not a character becomes `?`. Returns
 * the column after it. */
unsigned estab_row_put(struct row *row, unsigned col, enum style style, const char *text);
/* The same for `len` octets. */
unsigned estab_row_put_part(struct row *row, unsigned col, enum style style, const char *text,
                            size_t len);
void estab_row_fill(struct row *row, unsigned from, unsigned to, enum style style, const char *ch);
/* Columns that a text takes in this row. */
unsigned estab_row_cells(const struct row *row, const char *text, size_t len);
/* Octets of `text` that fit `cells` columns when broken at a space, or between wide characters; at
 * least one character. */
size_t estab_row_break(const struct row *row, const char *text, unsigned cells);
/* The row without the spaces at its end, and a new line. */
int estab_row_write(const struct row *row, view_write_fn *write, void *ctx);

struct phrase {
    char s[320];
    size_t len;
};

__attribute__((format(printf, 2, 3))) void estab_phrase_add(struct phrase *p, const char *format,
                                                            ...);
void estab_phrase_number(struct phrase *p, uint64_t n);      /* 61,320 */
void estab_phrase_bytes(struct phrase *p, uint64_t n);       /* 64 KiB */
void estab_phrase_duration(struct phrase *p, estab_time ns); /* 2.0 s */
void estab_phrase_endpoint(struct phrase *p, const struct estab_endpoint *e);
/* "RFC 9293 §3.5; RFC 4987 §3" without "RFC 9293 ", which goes without saying. */
void estab_phrase_rule(struct phrase *p, const char *rule);

/* b - a, without overflow for any two instants. */
estab_time estab_time_between(estab_time a, estab_time b);

#endif
