/* SPDX-License-Identifier: MIT */
/*
 * estab script: plays scripts (docs/script.md) and draws what happens. The language and the world
 * are sim/script*.c; here are files, options, the ladder and the capture.
 */
#include "cli/cli.h"
#include "cli/script_show.h"
#include "cli/words.h"
#include "drivers/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        "  --html FILE   write a page for a browser: list, ladder, replay, plots (one script)\n"
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
    return estab_words_error("script", option, what);
}

static int
parse_option(void *ctx, char **argv, int argc, int *i)
{
    struct script_options *o = ctx;
    const char *arg = argv[*i], *value;

    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        o->help = true;
    } else if (strcmp(arg, "--quiet") == 0) {
        o->quiet = true;
    } else if (strcmp(arg, "--ladder") == 0) {
        o->look.ladder_only = true;
    } else if (estab_words_value("--lang", argv, argc, i, &value)) {
        if (value != NULL && strcmp(value, "zh") == 0)
            o->language = SIM_SAY_CHINESE;
        else if (value == NULL || strcmp(value, "en") != 0)
            return usage_error("--lang", "en or zh is wanted");
    } else if (estab_words_value("--pcap", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--pcap", "the name of a file is wanted");
        o->look.pcap = value;
    } else if (estab_words_value("--html", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--html", "the name of a file is wanted");
        o->look.html = value;
    } else {
        int status = estab_words_look_option("script", argv, argc, i, &o->look.width,
                                             &o->look.ascii, &o->look.colour);

        return status >= 0 ? status : usage_error(arg, "unknown option");
    }
    return 0;
}

static int
take_file(void *ctx, char *word)
{
    struct script_options *o = ctx;

    o->files[o->n_files++] = word; /* never beyond the one that is being read */
    return 0;
}

/* 0, or the exit status. */
static int
parse(struct script_options *o, int argc, char **argv)
{
    const struct words_taker taker = { parse_option, take_file };
    int status;

    *o = (struct script_options){ .language = SIM_SAY_ENGLISH, .files = argv };
    estab_words_look(&o->look.width, &o->look.ascii, &o->look.colour);
    status = estab_words_take(&taker, o, argc, argv);
    if (status != 0 || o->help)
        return status;
    if (o->n_files == 0)
        return usage_error("FILE", "which script? `-` is standard input");
    if (o->quiet && o->look.ladder_only)
        return usage_error("--quiet", "does not go with --ladder");
    if (o->look.pcap != NULL && o->n_files > 1)
        return usage_error("--pcap", "goes with one script");
    if (o->look.html != NULL && o->n_files > 1)
        return usage_error("--html", "goes with one script");
    return 0;
}

static int
play(const struct script_options *o, const char *path, const struct sim_script *s,
     struct failure *why)
{
    struct script_look look = o->look;
    struct script_show show;
    struct sim_script_watch watch;
    const struct estab_alloc from = estab_alloc_system();
    struct sim_script_result result;
    int status = -1;

    look.title = path;
    if (estab_script_show_open(&show, &look, s, &watch, why) < 0) {
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
