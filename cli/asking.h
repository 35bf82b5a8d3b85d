/* SPDX-License-Identifier: MIT */
/*
 * Asking a running host on its control socket (control.h), and what it answers: lines of
 * NAME=VALUE. What comes from the socket is data: all but printable ASCII is made '?'.
 */
#ifndef ESTAB_CLI_ASKING_H
#define ESTAB_CLI_ASKING_H

#include <stdbool.h>
#include <stddef.h>

enum { ASK_FIELDS = 48 };

struct ask_field {
    const char *name, *value;
};

struct ask_record {
    struct ask_field fields[ASK_FIELDS];
    size_t n;
};

/* The whole answer as text, to be freed, without its last line, which says how it went; NULL: it did
 * not go well, and that was told. */
char *estab_ask(const char *command, const char *path, const char *request);

/* Takes the next line apart; it is changed. False: no more. */
bool estab_ask_next(char **text, struct ask_record *r);
/* "": there is none. */
const char *estab_ask_value(const struct ask_record *r, const char *name);
bool estab_ask_has(const struct ask_record *r, const char *name);

/* As one object of an array; `first`: nothing stands before it. */
void estab_ask_print_json(const struct ask_record *r, bool first);

/* One line on stderr; 1. */
__attribute__((format(printf, 2, 3))) int estab_ask_complain(const char *command,
                                                             const char *format, ...);
/* 0, or 1 when standard output could not be written. */
int estab_ask_finish(const char *command);

#endif
