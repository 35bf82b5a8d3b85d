/* SPDX-License-Identifier: MIT */
/*
 * The words of a script: a cursor that walks through one line, and texts that are built piece by
 * piece and never overflow. For script_parse.c and script_run.c.
 */
#ifndef SIM_SCRIPT_SCAN_H
#define SIM_SCRIPT_SCAN_H

#include "sim/script.h"

/* ---- texts ---- */

struct sim_text {
    char *s; /* always closed by a zero */
    size_t cap, len;
};

/* Over an array of characters. */
#define SIM_TEXT(array) sim_text((array), sizeof(array))
struct sim_text sim_text(char *room, size_t cap);
void sim_text_put(struct sim_text *t, const char *s);
void sim_text_put_part(struct sim_text *t, const char *s, size_t len);
void sim_text_number(struct sim_text *t, int64_t n);
void sim_text_duration(struct sim_text *t, estab_time ns); /* 2h12m30s */
void sim_text_ctl(struct sim_text *t, unsigned ctl);       /* SYN,ACK */
/* "text" in quotes, cut when it is long. */
void sim_text_quoted(struct sim_text *t, const char *s, size_t len);

/* ---- the cursor ---- */

struct sim_word {
    const char *s;
    size_t len;
};

struct sim_cursor {
    const char *line_start, *at, *end; /* of the line */
    uint32_t line;
    struct sim_script_error *error; /* line 0: none yet */
};

/* Spaces and a comment are skipped before each question. */
bool sim_at_end(struct sim_cursor *c);
/* The next word, which is left there; its length is 0 when there is none. A word ends at a space, a
 * quotation mark, an angle bracket, `#` and `->`. */
struct sim_word sim_peek(struct sim_cursor *c);
bool sim_word_is(struct sim_word w, const char *text);
/* Takes the next word if it is this one; or this mark, such as "->", whatever follows it. */
bool sim_take(struct sim_cursor *c, const char *text);
bool sim_take_mark(struct sim_cursor *c, const char *mark);
/* Takes the word that was peeked at, or its first `len` octets. */
void sim_skip(struct sim_cursor *c, size_t len);
uint32_t sim_column(const struct sim_cursor *c, const char *at);

/* The error: "expected WHAT, found ..." at the cursor. Always false. Only the first one counts. */
bool sim_expected(struct sim_cursor *c, const char *what);
/* The same with a text of its own, at a place of the line. */
bool sim_wrong(struct sim_cursor *c, const char *at, const char *text);

/* A whole word of digits, at most `max`. */
bool sim_word_number(struct sim_word w, uint64_t max, uint64_t *out);
/* 10ms, 1.5s, 2h12m30s: numbers with a unit (h m s ms us ns), at most 10 years; 0 needs none. */
bool sim_word_duration(struct sim_word w, estab_time *out);

#endif
