/* SPDX-License-Identifier: MIT */
/* estab set: asks a running host (asking.h) for its settings, or to change one. */
#include "cli/asking.h"
#include "cli/cli.h"
#include "cli/control.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: estab set --control PATH [KNOB [VALUE]]\n"
    "Changes a setting of a running host; shows it, or all of them.\n"
    "      --json          as a JSON array\n"
    "      --control PATH  the socket that the host was given with --control\n"
    "  -h, --help          this text\n";

struct set_options {
    const char *control;
    bool json;
};

/* -1: to go on, else the exit status. */
static int
take_options(struct set_options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "help", no_argument, NULL, 'h' },
        { "json", no_argument, NULL, 'j' },
        { "control", required_argument, NULL, 'c' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
        switch (c) {
        case 'h':
            fputs(help, stdout);
            return estab_ask_finish("set");
        case 'j':
            o->json = true;
            break;
        case 'c':
            o->control = optarg;
            break;
        default:
            estab_ask_complain(
                "set",
                "%.100s: not an option, or its value is missing (estab set --help lists them)",
                argv[optind - 1]);
            return 2;
        }
    }
    if (o->control == NULL || argc - optind > 2) {
        estab_ask_complain("set", "give --control PATH, and perhaps a knob and its value");
        return 2;
    }
    return -1;
}

/* All of them, or the one of that name; 1: there is none. */
static int
show(char *text, const char *knob, bool json)
{
    struct ask_record r;
    bool first = true;

    if (json)
        printf("[\n");
    while (estab_ask_next(&text, &r)) {
        if (knob != NULL && strcmp(estab_ask_value(&r, "knob"), knob) != 0)
            continue;
        if (json)
            estab_ask_print_json(&r, first);
        else
            printf("%-26s %-10s %s\n", estab_ask_value(&r, "knob"), estab_ask_value(&r, "value"),
                   estab_ask_value(&r, "help"));
        first = false;
    }
    if (json)
        printf("\n]\n");
    if (knob != NULL && first)
        return estab_ask_complain("set", "%.100s: there is no such knob (estab set lists them)",
                                  knob);
    return 0;
}

int
estab_cmd_set(int argc, char **argv)
{
    char request[CONTROL_REQUEST] = "knobs", *text;
    struct set_options o = { 0 };
    int status = take_options(&o, argc, argv);
    const char *knob, *value;

    if (status >= 0)
        return status;
    knob = optind < argc ? argv[optind] : NULL;
    value = optind + 1 < argc ? argv[optind + 1] : NULL;
    if (value != NULL && (strpbrk(knob, " \n") != NULL || strpbrk(value, " \n") != NULL ||
                          (size_t)snprintf(request, sizeof request - 1, "set %s %s", knob, value) >=
                              sizeof request - 1)) {
        estab_ask_complain("set", "%.100s: not a knob and its value", knob);
        return 2;
    }
    text = estab_ask("set", o.control, request);
    if (text == NULL)
        return 1;
    if (value == NULL)
        status = show(text, knob, o.json);
    free(text);
    return value == NULL && status > 0 ? status : estab_ask_finish("set");
}
