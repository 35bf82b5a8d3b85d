/* SPDX-License-Identifier: MIT */
/*
 * The command lines of what runs no host (replay, script, trace, lab): options as words or as
 * "--name=value", operands between them, and what all of them say about drawing.
 */
#ifndef ESTAB_CLI_WORDS_H
#define ESTAB_CLI_WORDS_H

#include <stdbool.h>

/* "--name value", "--name=value" or "-n value" at argv[*i]: true and the value (NULL: it has none),
 * and *i stands on the last word that was taken; false: another option. */
bool estab_words_value(const char *name, char **argv, int argc, int *i, const char **value);

/* What a command does with an option at argv[*i], and with an operand: 0, or the exit status. */
struct words_taker {
    int (*option)(void *ctx, char **argv, int argc, int *i);
    int (*operand)(void *ctx, char *word);
};
/* All words after the first; "--" ends the options and "-" is an operand. 0, or the exit status. */
int estab_words_take(const struct words_taker *taker, void *ctx, int argc, char **argv);

/* How a ladder looks: by default as the terminal wants it. */
void estab_words_look(unsigned *width, bool *ascii, bool *colour);
/* --width, --ascii, --no-color: 0 when it was one of them, else -1, or the exit status. */
int estab_words_look_option(const char *command, char **argv, int argc, int *i, unsigned *width,
                            bool *ascii, bool *colour);

/* "estab trace: --width: a number is wanted (estab trace --help lists the options)"; 2. */
int estab_words_error(const char *command, const char *option, const char *what);

#endif
