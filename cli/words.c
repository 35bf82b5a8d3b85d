/* SPDX-License-Identifier: MIT */
/* See words.h. */
#include "cli/words.h"
#include "cli/numbers.h"
#include "cli/terminal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool
estab_words_value(const char *name, char **argv, int argc, int *i, const char **value)
{
    const char *arg = argv[*i];
    size_t len = strlen(name);

    if (strncmp(arg, name, len) != 0 || (arg[len] != '\0' && arg[len] != '='))
        return false;
    if (arg[len] == '=')
        *value = arg + len + 1;
    else
        *value = *i + 1 < argc ? argv[++*i] : NULL;
    return true;
}

int
estab_words_take(const struct words_taker *taker, void *ctx, int argc, char **argv)
{
    bool only_operands = false;

    for (int i = 1; i < argc; i++) {
        int status = 0;

        if (!only_operands && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (only_operands || argv[i][0] != '-' || argv[i][1] == '\0')
            status = taker->operand(ctx, argv[i]);
        else
            status = taker->option(ctx, argv, argc, &i);
        if (status != 0)
            return status;
    }
    return 0;
}

void
estab_words_look(unsigned *width, bool *ascii, bool *colour)
{
    *colour = terminal_has_colour(STDOUT_FILENO);
    *ascii = terminal_is_ascii_only();
    *width = terminal_width(STDOUT_FILENO);
}

int
estab_words_look_option(const char *command, char **argv, int argc, int *i, unsigned *width,
                        bool *ascii, bool *colour)
{
    const char *arg = argv[*i], *value;
    uint64_t n;

    if (strcmp(arg, "--ascii") == 0) {
        *ascii = true;
    } else if (strcmp(arg, "--no-color") == 0 || strcmp(arg, "--no-colour") == 0) {
        *colour = false;
    } else if (estab_words_value("--width", argv, argc, i, &value)) {
        if (value == NULL || !estab_parse_number(value, 80, 200, &n))
            return estab_words_error(command, "--width",
                                     "a number of columns, 80 to 200, is wanted");
        *width = (unsigned)n;
    } else {
        return -1;
    }
    return 0;
}

int
estab_words_error(const char *command, const char *option, const char *what)
{
    fprintf(stderr, "estab %s: %.200s: %s (estab %s --help lists the options)\n", command, option,
            what, command);
    return 2;
}
