/* SPDX-License-Identifier: MIT */
/*
 * estab script: plays scripts (docs/script.md) and draws what happens. The language and the world
 * are sim/script*.c; here are files, options, the ladder and the capture.
 */
#include "cli/cli.h"
#include "cli/new_file.h"
#include "cli/numbers.h"
#include "cli/terminal.h"
#include "drivers/alloc.h"
#include "sim/script_run.h"
#include "view/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct script_options {
    enum sim_script_language language;
    const char *pcap;
    bool quiet, ladder_only, ascii, colour, help;
    unsigned width;
    int n_files;
    char **files;
};

/* One script that is played. */
struct show {
    struct view_ladder *ladder;
    struct view_pcapng *pcapng;
    bool is_mute;
    FILE *drawing; /* in memory until it is known what becomes of it */
    char *drawn;
    size_t drawn_len;
    struct new_file capture;
    int capture_error; /* errno */
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
        o->ladder_only = true;
    } else if (strcmp(arg, "--ascii") == 0) {
        o->ascii = true;
    } else if (strcmp(arg, "--no-color") == 0 || strcmp(arg, "--no-colour") == 0) {
        o->colour = false;
    } else if (has_value("--lang", argv, argc, i, &value)) {
        if (value != NULL && strcmp(value, "zh") == 0)
            o->language = SIM_SAY_CHINESE;
        else if (value == NULL || strcmp(value, "en") != 0)
            return usage_error("--lang", "en or zh is wanted");
    } else if (has_value("--pcap", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--pcap", "the name of a file is wanted");
        o->pcap = value;
    } else if (has_value("--width", argv, argc, i, &value)) {
        if (value == NULL || !estab_parse_number(value, 80, 200, &n))
            return usage_error("--width", "a number of columns, 80 to 200, is wanted");
        o->width = (unsigned)n;
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
    o->colour = terminal_has_colour(STDOUT_FILENO);
    o->ascii = terminal_is_ascii_only();
    o->width = terminal_width(STDOUT_FILENO);
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
    if (o->quiet && o->ladder_only)
        return usage_error("--quiet", "does not go with --ladder");
    if (o->pcap != NULL && o->n_files > 1)
        return usage_error("--pcap", "goes with one script");
    return 0;
}

/* ---- what is shown ---- */

/* A view_write_fn. */
static int
put_drawing(void *ctx, const void *p, size_t n)
{
    struct show *show = ctx;

    return fwrite(p, 1, n, show->drawing) == n ? 0 : -ENOMEM;
}

/* A view_write_fn. */
static int
put_capture(void *ctx, const void *p, size_t n)
{
    struct show *show = ctx;
    const char *at = p;

    while (n > 0 && show->capture_error == 0) {
        ssize_t done = write(show->capture.fd, at, n);

        if (done > 0) {
            at += done;
            n -= (size_t)done;
        } else if (done == 0 || errno != EINTR) {
            show->capture_error = done == 0 ? EIO : errno;
        }
    }
    return -show->capture_error;
}

static void
show_trace(void *ctx, const struct estab_trace *record)
{
    struct show *show = ctx;

    (void)estab_view_ladder_record(show->ladder, record);
    if (show->pcapng != NULL)
        (void)estab_view_pcapng_record(show->pcapng, record);
}

static void
show_fate(void *ctx, uint32_t host, enum sim_fate fate)
{
    static const enum view_fate fates[] = {
        [SIM_FATE_LOST] = VIEW_LOST,
        [SIM_FATE_HELD] = VIEW_HELD,
        [SIM_FATE_DUPLICATED] = VIEW_DUPLICATED,
        [SIM_FATE_CORRUPTED] = VIEW_CORRUPTED,
    };
    struct show *show = ctx;

    (void)estab_view_ladder_fate(show->ladder, host, fates[fate]);
}

static void
show_say(void *ctx, const char *text, size_t len)
{
    struct show *show = ctx;

    if (!show->is_mute)
        (void)estab_view_ladder_remark(show->ladder, text, len);
}

static int
open_show(struct show *show, const struct script_options *o, const struct sim_script *s,
          struct failure *why)
{
    const bool both = s->peer == SIM_SCRIPT_ALL_HOSTS && s->shown[0] != s->shown[1];
    const struct view_ladder_options ladder = {
        .width = o->width,
        .colour = o->colour,
        .ascii = o->ascii,
        .both = both,
        .host = { s->shown[0], s->shown[1] },
        .name = { s->host[s->shown[0]].name.text, s->host[s->shown[1]].name.text },
        .msl = s->host[s->shown[0]].cfg.msl,
    };
    const struct view_pcapng_options pcapng = {
        .both = both,
        .host = { s->shown[0], s->shown[1] },
        .name = { s->host[s->shown[0]].name.text, s->host[s->shown[1]].name.text },
    };

    show->is_mute = o->ladder_only;
    show->drawing = open_memstream(&show->drawn, &show->drawn_len);
    if (show->drawing != NULL)
        show->ladder = estab_view_ladder_new(&ladder, put_drawing, show);
    if (show->ladder == NULL)
        return estab_fail(why, "out of memory");
    if (o->pcap == NULL)
        return 0;
    if (estab_new_file_open(&show->capture, o->pcap, why) < 0)
        return -1;
    show->pcapng = estab_view_pcapng_new(&pcapng, put_capture, show);
    return show->pcapng != NULL ? 0 : estab_fail(why, "out of memory");
}

static int
finish_show(struct show *show, const struct script_options *o,
            const struct sim_script_result *result, struct failure *why)
{
    const struct estab_stack_status *const status[2] = {
        result->has_status[0] ? &result->status[0] : NULL,
        result->has_status[1] ? &result->status[1] : NULL,
    };

    (void)estab_view_ladder_finish(show->ladder, status);
    if (fflush(show->drawing) != 0)
        return estab_fail(why, "out of memory");
    if (show->pcapng == NULL)
        return 0;
    (void)estab_view_pcapng_finish(show->pcapng);
    if (show->capture_error != 0)
        return estab_fail(why, "cannot write %.300s: %s", o->pcap, strerror(show->capture_error));
    return estab_new_file_keep(&show->capture, why);
}

static void
close_show(struct show *show)
{
    estab_view_ladder_free(show->ladder);
    if (show->pcapng != NULL)
        estab_view_pcapng_free(show->pcapng);
    estab_new_file_drop(&show->capture);
    if (show->drawing != NULL)
        fclose(show->drawing);
    free(show->drawn);
}

/* ---- one script ---- */

/* The whole file; NULL and why. */
static char *
read_file(const char *path, size_t *len, struct failure *why)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "rb");
    char *text = malloc(SIM_SCRIPT_OCTETS + 1);

    if (f == NULL || text == NULL) {
        (void)estab_fail(why, "cannot read %.300s: %s", path, strerror(f == NULL ? errno : ENOMEM));
    } else {
        *len = fread(text, 1, SIM_SCRIPT_OCTETS + 1, f);
        if (!ferror(f)) {
            if (!is_stdin)
                fclose(f);
            return text;
        }
        (void)estab_fail(why, "cannot read %.300s: %s", path, strerror(errno));
    }
    if (f != NULL && !is_stdin)
        fclose(f);
    free(text);
    return NULL;
}

static int
play(const struct script_options *o, const char *path, const struct sim_script *s,
     struct failure *why)
{
    struct show show = { .capture = { .fd = -1, .directory = -1 } };
    const struct sim_script_watch watch = {
        .ctx = &show, .trace = show_trace, .fate = show_fate, .say = show_say
    };
    const struct estab_alloc from = estab_alloc_system();
    struct sim_script_result result;
    int status = -1;

    if (open_show(&show, o, s, why) < 0) {
        close_show(&show);
        return -1;
    }
    (void)sim_script_run(s, &from, o->language, &watch, &result);
    if (finish_show(&show, o, &result, why) == 0) {
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
    close_show(&show);
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
    char *text = s != NULL ? read_file(path, &len, &why) : NULL;
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
