/* SPDX-License-Identifier: MIT */
/*
 * estab script: plays scripts (docs/script.md) and draws what happens. The language and the world
 * are sim/script*.c; here are files, options, the ladder and the capture.
 */
#include "cli/cli.h"
#include "cli/numbers.h"
#include "cli/script_show.h"
#include "cli/terminal.h"
#include "drivers/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct script_options {
    enum sim_script_language language;
    struct script_look look;
    bool quiet, help;
    int n_files;
    char **files;
};

static void
help(void)
{
    printf(
        "usage: estab script [OPTION]... FILE...\n"
        "Plays scripts: hosts, links, calls, segments and faults at their instants of virtual\n"
        "time, and what is expected of them. `-` is standard input. docs/script.md is the\n"
        "reference of the language.\n\n"
        "  --lang LANG   what is said, en (default) or zh\n"
        "  --ladder      draw the ladder alone, without what is said\n"
        "  --quiet       draw nothing unless something is not as expected\n"
        "  --pcap FILE   write every packet to a pcapng file (one script)\n"
        "  --width N     columns of the ladder, 80 to 200\n"
        "  --ascii       nothing but ASCII in the ladder\n"
        "  --no-color    no colours, as with NO_COLOR in the environment\n"
        "  --help        this text\n\n"
        "Exit status: 0 everything was as expected, 1 something was not, or a file could not be\n"
        "read or is no script, 2 the command line is wrong.\n");
}

static int
usage_error(const char *option, const char *what)
{
    fprintf(stderr, "estab script: %.200s: %s (estab script --help lists the options)\n", option,
            what);
    return 2;
}

/* "--name value" or "--name=value": 1 and the value (NULL: it has none); 0: another option. */
static int
has_value(const char *name, char **argv, int argc, int *i, const char **value)
{
    const char *arg = argv[*i];
    size_t len = strlen(name);

    if (strncmp(arg, name, len) != 0 || (arg[len] != '\0' && arg[len] != '='))
        return 0;
    if (arg[len] == '=')
        *value = arg + len + 1;
    else
        *value = *i + 1 < argc ? argv[++*i] : NULL;
    return 1;
}

static int
parse_option(struct script_options *o, char **argv, int argc, int *i)
{
    const char *arg = argv[*i], *value;
    uint64_t n;

    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        o->help = true;
    } else if (strcmp(arg, "--quiet") == 0) {
        o->quiet = true;
    } else if (strcmp(arg, "--ladder") == 0) {
        o->look.ladder_only = true;
    } else if (strcmp(arg, "--ascii") == 0) {
        o->look.ascii = true;
    } else if (strcmp(arg, "--no-color") == 0 || strcmp(arg, "--no-colour") == 0) {
        o->look.colour = false;
    } else if (has_value("--lang", argv, argc, i, &value)) {
        if (value != NULL && strcmp(value, "zh") == 0)
            o->language = SIM_SAY_CHINESE;
        else if (value == NULL || strcmp(value, "en") != 0)
            return usage_error("--lang", "en or zh is wanted");
    } else if (has_value("--pcap", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--pcap", "the name of a file is wanted");
        o->look.pcap = value;
    } else if (has_value("--width", argv, argc, i, &value)) {
        if (value == NULL || !estab_parse_number(value, 80, 200, &n))
            return usage_error("--width", "a number of columns, 80 to 200, is wanted");
        o->look.width = (unsigned)n;
    } else {
        return usage_error(arg, "unknown option");
    }
    return 0;
}

/* 0, or the exit status. */
static int
parse(struct script_options *o, int argc, char **argv)
{
    bool only_files = false;

    *o = (struct script_options){ .language = SIM_SAY_ENGLISH, .files = argv };
    o->look.colour = terminal_has_colour(STDOUT_FILENO);
    o->look.ascii = terminal_is_ascii_only();
    o->look.width = terminal_width(STDOUT_FILENO);
    for (int i = 1; i < argc; i++) {
        if (!only_files && strcmp(argv[i], "--") == 0) {
            only_files = true;
        } else if (only_files || argv[i][0] != '-' || argv[i][1] == '\0') {
            o->files[o->n_files++] = argv[i]; /* never beyond the one that is being read */
        } else {
            int status = parse_option(o, argv, argc, &i);

            if (status != 0)
                return status;
        }
    }
    if (o->help)
        return 0;
    if (o->n_files == 0)
        return usage_error("FILE", "which script? `-` is standard input");
    if (o->quiet && o->look.ladder_only)
        return usage_error("--quiet", "does not go with --ladder");
    if (o->look.pcap != NULL && o->n_files > 1)
        return usage_error("--pcap", "goes with one script");
    return 0;
}

static int
play(const struct script_options *o, const char *path, const struct sim_script *s,
     struct failure *why)
{
    struct script_show show;
    struct sim_script_watch watch;
    const struct estab_alloc from = estab_alloc_system();
    struct sim_script_result result;
    int status = -1;

    if (estab_script_show_open(&show, &o->look, s, &watch, why) < 0) {
        estab_script_show_close(&show);
        return -1;
    }
    (void)sim_script_run(s, &from, o->language, &watch, &result);
    if (estab_script_show_finish(&show, &result, why) == 0) {
        status = result.failed;
        if (result.failed || !o->quiet)
            fwrite(show.drawn, 1, show.drawn_len, stdout);
        if (!result.failed && !o->quiet)
            printf("ok    %s: %u expectation%s met\n", path, (unsigned)result.checks,
                   result.checks == 1 ? "" : "s");
        fflush(stdout);
        if (result.failed)
            fprintf(stderr, "%s:%u:%u: %s\n", path, (unsigned)result.line, (unsigned)result.column,
                    result.text);
    }
    estab_script_show_close(&show);
    return status;
}

/* 0: as expected; 1: not, and told so. */
static int
play_file(const struct script_options *o, const char *path)
{
    const struct estab_alloc from = estab_alloc_system();
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct sim_script *s = malloc(sizeof *s);
    struct failure why = { "" };
    struct sim_script_error error;
    size_t len;
    char *text = s != NULL ? estab_script_read(path, &len, &why) : NULL;
    int status = -1;

    if (s == NULL)
        (void)estab_fail(&why, "out of memory");
    if (text != NULL) {
        if (sim_script_parse(s, &from, text, len, &error)) {
            status = play(o, name, s, &why);
        } else {
            fprintf(stderr, "%s:%u:%u: %s\n", name, (unsigned)error.line, (unsigned)error.column,
                    error.text);
            status = 1;
        }
        sim_script_free(s);
    }
    if (status < 0)
        fprintf(stderr, "estab script: %s\n", why.text);
    free(text);
    free(s);
    return status != 0;
}

int
estab_cmd_script(int argc, char **argv)
{
    struct script_options o;
    int status = parse(&o, argc, argv);

    if (status != 0)
        return status;
    if (o.help)
        help();
    for (int i = 0; i < o.n_files && !o.help; i++)
        status |= play_file(&o, o.files[i]);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "estab script: cannot write to standard output\n");
        return 1;
    }
    return status;
}
