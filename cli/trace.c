/* SPDX-License-Identifier: MIT */
/*
 * estab trace: what happened in a capture (docs/trace.md). Reading is cli/trace_source.c, thinking
 * is trace/, drawing is view/ and trace/; here are the options and what is asked for.
 */
#include "cli/cli.h"
#include "cli/new_file.h"
#include "cli/numbers.h"
#include "cli/trace_diff.h"
#include "cli/trace_source.h"
#include "cli/words.h"
#include "drivers/random.h"
#include "trace/diff.h"
#include "trace/html.h"
#include "trace/list.h"
#include "trace/qlog.h"
#include "trace/xpl.h"
#include "view/view.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum trace_mode {
    MODE_LIST,
    MODE_LADDER,
    MODE_JSON,
    MODE_RECORDS,
    MODE_SVG,
    MODE_HTML,
    MODE_XPL,
    MODE_QLOG
};

struct trace_options {
    enum trace_mode mode;
    struct trace_source_options source;
    uint64_t only; /* the connection of the ladder; 0: the first */
    unsigned width, least;
    bool ascii, colour, unfold, help, numbered;
    uint64_t max_packets;    /* 0: all */
    const char *out, *title; /* --svg, --html, --xpl */
    const char *diff;        /* --diff: the first of the two captures */
    int from;                /* --from: END_A, END_B; -1: who sent more */
};

struct trace_run {
    const struct trace_options *o;
    struct list_options list;
    struct view_ladder *ladder;
    struct view_json *json;
    struct story story;
    struct html_report html;
    struct qlog qlog;
    struct new_file file;
    bool has_origin;
    int error; /* errno of standard output */
};

static volatile sig_atomic_t stopped;

static void
help(void)
{
    printf(
        "usage: estab trace [OPTION]... FILE\n"
        "       estab trace [OPTION]... -i DEVICE\n"
        "Reads a capture (pcap or pcapng, `-` is standard input), follows every TCP connection in\n"
        "it, infers the states of both ends, and says what happened: who closed, who reset and\n"
        "why, what was lost, what it waited for. docs/trace.md explains each verdict.\n\n"
        "  --list         a line for each connection and what there is to say (the default)\n"
        "  --ladder [N]   draw connection N, or the first\n"
        "  --json         connections as JSON, one object a line\n"
        "  --records [N]  every segment of connection N, or of all, as trace records in JSON lines\n"
        "  --svg FILE     connection -n, or the first, as a moving picture; --title TEXT above it\n"
        "  --html FILE    everything as one page for a browser: list, ladder, replay, plots\n"
        "  --xpl FILE     connection -n, or the first, as a plot for xplot: time and sequence numbers\n"
        "  --from END     with --xpl: what the client or the server sent (else who sent more)\n"
        "  --qlog [N]     connection N, or all, as qlog: JSON text sequences (RFC 7464)\n"
        "  --diff A B     two captures of the same packets: clocks, what was lost or altered between\n"
        "  -n N           which connection\n"
        "  --all          with --list also what is merely worth knowing\n"
        "  --unfold       draw every segment in the ladder\n"
        "  -f, --filter EXPRESSION  only packets that tcpdump would show (libpcap)\n"
        "  -i DEVICE      capture live, until SIGINT (libpcap)\n"
        "  -c N           at most N packets\n"
        "  --width N      columns of the ladder, 80 to 200\n"
        "  --ascii        nothing but ASCII\n"
        "  --no-color     no colours, as with NO_COLOR in the environment\n"
        "  --help         this text\n\n"
        "Exit status: 0, 1 the file could not be read to its end (what came before is shown),\n"
        "2 the command line is wrong.\n");
}

static int
usage_error(const char *option, const char *what)
{
    return estab_words_error("trace", option, what);
}

/* ---- the command line ---- */

/* The number behind an option that may have one: --ladder 3, --ladder=3. */
static int
may_have_number(const char *name, char **argv, int argc, int *i, uint64_t *n)
{
    const char *arg = argv[*i];
    size_t len = strlen(name);

    if (strncmp(arg, name, len) != 0 || (arg[len] != '\0' && arg[len] != '='))
        return 0;
    if (arg[len] == '=')
        return estab_parse_number(arg + len + 1, 1, UINT64_MAX, n) ? 1 : -1;
    if (*i + 1 < argc && estab_parse_number(argv[*i + 1], 1, UINT64_MAX, n))
        ++*i;
    return 1;
}

static int
parse_option(void *ctx, char **argv, int argc, int *i)
{
    struct trace_options *o = ctx;
    const char *arg = argv[*i], *value;
    int got;

    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        o->help = true;
    } else if (strcmp(arg, "--list") == 0) {
        o->mode = MODE_LIST;
    } else if (strcmp(arg, "--json") == 0) {
        o->mode = MODE_JSON;
    } else if ((got = may_have_number("--ladder", argv, argc, i, &o->only)) != 0) {
        if (got < 0)
            return usage_error("--ladder", "the number of a connection is wanted");
        o->mode = MODE_LADDER;
    } else if ((got = may_have_number("--records", argv, argc, i, &o->only)) != 0) {
        if (got < 0)
            return usage_error("--records", "the number of a connection is wanted");
        o->mode = MODE_RECORDS;
    } else if (estab_words_value("--svg", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--svg", "the name of a file is wanted");
        o->out = value;
        o->mode = MODE_SVG;
    } else if (estab_words_value("--html", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--html", "the name of a file is wanted");
        o->out = value;
        o->mode = MODE_HTML;
    } else if (estab_words_value("--xpl", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--xpl", "the name of a file is wanted");
        o->out = value;
        o->mode = MODE_XPL;
    } else if (estab_words_value("--diff", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--diff", "the names of two captures are wanted");
        o->diff = value;
    } else if (estab_words_value("--from", argv, argc, i, &value)) {
        if (value != NULL && strcmp(value, "client") == 0)
            o->from = END_A;
        else if (value != NULL && strcmp(value, "server") == 0)
            o->from = END_B;
        else
            return usage_error("--from", "client or server is wanted");
    } else if ((got = may_have_number("--qlog", argv, argc, i, &o->only)) != 0) {
        if (got < 0)
            return usage_error("--qlog", "the number of a connection is wanted");
        o->mode = MODE_QLOG;
    } else if (estab_words_value("--title", argv, argc, i, &value)) {
        if (value == NULL)
            return usage_error("--title", "a text is wanted");
        o->title = value;
    } else if (estab_words_value("-n", argv, argc, i, &value)) {
        if (value == NULL || !estab_parse_number(value, 1, UINT64_MAX, &o->only))
            return usage_error("-n", "the number of a connection is wanted");
    } else if (strcmp(arg, "--all") == 0) {
        o->least = 1;
    } else if (strcmp(arg, "--unfold") == 0) {
        o->unfold = true;
    } else if (estab_words_value("-f", argv, argc, i, &value) ||
               estab_words_value("--filter", argv, argc, i, &value)) {
        if (value == NULL)
            return usage_error(arg, "a filter is wanted");
        o->source.filter = value;
    } else if (estab_words_value("-i", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("-i", "the name of a device is wanted");
        o->source.device = value;
    } else if (estab_words_value("-c", argv, argc, i, &value)) {
        if (value == NULL || !estab_parse_number(value, 1, UINT64_MAX, &o->max_packets))
            return usage_error("-c", "a number of packets is wanted");
    } else {
        int status =
            estab_words_look_option("trace", argv, argc, i, &o->width, &o->ascii, &o->colour);

        return status >= 0 ? status : usage_error(arg, "unknown option");
    }
    return 0;
}

static int
take_file(void *ctx, char *word)
{
    struct trace_options *o = ctx;

    if (o->source.file != NULL)
        return usage_error(word, "one capture at a time");
    o->source.file = word;
    return 0;
}

/* 0, or the exit status. */
static int
parse(struct trace_options *o, int argc, char **argv)
{
    const struct words_taker taker = { parse_option, take_file };
    int status;

    *o = (struct trace_options){ .least = 2, .from = -1 };
    estab_words_look(&o->width, &o->ascii, &o->colour);
    status = estab_words_take(&taker, o, argc, argv);
    if (status != 0 || o->help)
        return status;
    if (o->source.file == NULL && o->source.device == NULL)
        return usage_error("FILE", "which capture? `-` is standard input");
    if (o->source.file != NULL && o->source.device != NULL)
        return usage_error("-i", "a file or a device, not both");
    return 0;
}

/* ---- what is shown ---- */

/* A view_write_fn. */
static int
put(void *ctx, const void *p, size_t n)
{
    struct trace_run *run = ctx;

    if (run->error == 0 && fwrite(p, 1, n, stdout) != n)
        run->error = EIO;
    return -run->error;
}

/* A view_write_fn. */
static int
put_file(void *ctx, const void *p, size_t n)
{
    struct trace_run *run = ctx;
    const char *at = p;

    while (n > 0 && run->error == 0) {
        ssize_t done = write(run->file.fd, at, n);

        if (done > 0) {
            at += done;
            n -= (size_t)done;
        } else if (done == 0 || errno != EINTR) {
            run->error = done == 0 ? EIO : errno;
        }
    }
    return -run->error;
}

static void
show_record(void *ctx, const struct estab_trace *record)
{
    struct trace_run *run = ctx;

    if (run->ladder != NULL)
        (void)estab_view_ladder_record(run->ladder, record);
    if (run->json != NULL)
        (void)estab_view_json_record(run->json, record);
}

static void
show_segment(void *ctx, const struct segment_seen *s)
{
    struct trace_run *run = ctx;
    uint64_t only = run->o->only;

    if (run->o->mode == MODE_QLOG) {
        (void)estab_qlog_segment(&run->qlog, s);
        return;
    }
    if (run->o->mode == MODE_SVG || run->o->mode == MODE_HTML || run->o->mode == MODE_XPL) {
        if (!estab_story_take(&run->story, s))
            run->error = ENOMEM;
        return;
    }
    if (run->o->mode == MODE_LADDER ? s->conn->number == (only > 0 ? only : 1)
                                    : run->json != NULL && (only == 0 || s->conn->number == only))
        estab_trace_records(s, run->list.origin, show_record, run);
}

static void
show_connection(void *ctx, const struct connection *c)
{
    struct trace_run *run = ctx;

    if (run->o->mode == MODE_LIST)
        (void)estab_list_connection(&run->list, c, put, run);
    else if (run->o->mode == MODE_JSON)
        (void)estab_list_json(&run->list, c, put, run);
    else if (run->o->mode == MODE_QLOG)
        (void)estab_qlog_connection(&run->qlog, c);
    else if (run->o->mode == MODE_SVG || run->o->mode == MODE_XPL)
        estab_story_end(&run->story, c);
    else if (run->o->mode == MODE_HTML)
        (void)estab_html_connection(&run->html, c);
}

/* On a terminal, while a long file is read. */
static void
show_progress(const struct trace_source *source, uint64_t packets)
{
    uint64_t done, of;

    if (!isatty(STDERR_FILENO) || packets % 262144 != 0 ||
        !estab_trace_source_progress(source, &done, &of))
        return;
    fprintf(stderr, "\r%3u %%  %llu packets", (unsigned)(done / (of / 100 + 1)),
            (unsigned long long)packets);
}

static void
stop(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- the run ---- */

/* The name of the capture without its directories. */
static const char *
base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

static int
open_views(struct trace_run *run)
{
    const struct view_ladder_options ladder = {
        .width = run->o->width,
        .colour = run->o->colour,
        .ascii = run->o->ascii,
        .unfold = run->o->unfold,
        .both = true,
        .host = { END_A, END_B },
        .name = { "client", "server" },
    };
    const struct view_json_options json = { .origin = 0 };

    if (run->o->mode == MODE_QLOG) {
        const struct trace_source_options *from = &run->o->source;

        run->qlog = (struct qlog){ .write = put, .ctx = run, .only = run->o->only };
        (void)estab_qlog_begin(&run->qlog,
                               base_name(from->file != NULL ? from->file : from->device));
    }
    if (run->o->mode == MODE_LADDER)
        run->ladder = estab_view_ladder_new(&ladder, put, run);
    if (run->o->mode == MODE_RECORDS)
        run->json = estab_view_json_new(&json, put, run);
    return (run->o->mode == MODE_LADDER && run->ladder == NULL) ||
                   (run->o->mode == MODE_RECORDS && run->json == NULL)
               ? -1
               : 0;
}

static int
read_all(struct trace_run *run, struct analysis *a, struct trace_source *source,
         struct failure *why)
{
    const bool is_live = run->o->source.device != NULL;
    struct capture_packet packet;
    uint64_t packets = 0;
    int got;

    while (!stopped && run->error == 0 &&
           (run->o->max_packets == 0 || packets < run->o->max_packets)) {
        got = estab_trace_source_next(source, &packet, why);
        if (got < 0)
            return -1;
        if (got == 0 && !is_live)
            break;
        if (got == 0)
            continue;
        if (!run->has_origin) {
            run->has_origin = true;
            if (run->o->mode != MODE_RECORDS)
                run->list.origin = packet.at;
        }
        estab_analysis_packet(a, &packet);
        show_progress(source, ++packets);
    }
    return 0;
}

/* The file of --svg, --html or --xpl, whole or not at all. */
static int
write_picture(struct trace_run *run, struct failure *why)
{
    const struct svg_options svg = { .title = run->o->title };

    if (run->o->mode == MODE_HTML) {
        (void)estab_html_end(&run->html, &run->story, run->list.origin);
    } else if (run->story.n == 0) {
        return estab_fail(why, "there is no connection %llu",
                          (unsigned long long)(run->o->only > 0 ? run->o->only : 1));
    } else if (run->o->mode == MODE_XPL) {
        unsigned from = run->o->from < 0 ? estab_xpl_busier(&run->story) : (unsigned)run->o->from;

        (void)estab_story_xpl(&run->story, from, put_file, run);
    } else {
        (void)estab_story_svg(&run->story, &svg, put_file, run);
    }
    if (run->error != 0)
        return estab_fail(why, "cannot write %.300s: %s", run->o->out, strerror(run->error));
    return estab_new_file_keep(&run->file, why);
}

static int
open_picture(struct trace_run *run, struct failure *why)
{
    const struct trace_options *o = run->o;

    if (o->out == NULL)
        return 0;
    if (estab_new_file_open(&run->file, o->out, why) < 0)
        return -1;
    run->story.all = o->mode == MODE_HTML;
    if (o->mode == MODE_HTML)
        (void)estab_html_begin(
            &run->html, base_name(o->source.file != NULL ? o->source.file : o->source.device),
            put_file, run);
    return 0;
}

static void
finish(struct trace_run *run, struct analysis *a)
{
    const struct analysis_totals *t = estab_analysis_totals(a);

    if (isatty(STDERR_FILENO) && t->packets >= 262144)
        fprintf(stderr, "\r                              \r");
    if (run->o->mode == MODE_LIST && t->tcp > 0)
        (void)estab_list_head(&run->list, put, run);
    estab_analysis_finish(a);
    if (run->ladder != NULL)
        (void)estab_view_ladder_finish(run->ladder, NULL);
    if (run->json != NULL)
        (void)estab_view_json_finish(run->json);
    if (run->o->mode == MODE_LIST)
        (void)estab_list_totals(&run->list, t, put, run);
    if (t->unread > 0 && t->unread == t->packets)
        fprintf(stderr,
                "estab trace: link type %u is not read (Ethernet, raw IP, Linux cooked and "
                "loopback are)\n",
                (unsigned)t->unknown_link);
}

static int
run_trace(const struct trace_options *o)
{
    struct trace_run run = { .o = o,
                             .story = { .wanted = o->only },
                             .file = { .fd = -1, .directory = -1 } };
    struct analysis_options options = { .ctx = &run,
                                        .segment = show_segment,
                                        .connection = show_connection };
    struct failure why = { "" };
    uint8_t secret[32];
    struct trace_source *source;
    struct analysis *a;
    int status = 0;

    run.list = (struct list_options){ .colour = o->colour, .ascii = o->ascii, .least = o->least };
    if (estab_random_secret(secret, &why) < 0) {
        fprintf(stderr, "estab trace: %s\n", why.text);
        return 1;
    }
    memcpy(options.key, secret, sizeof options.key);
    source = estab_trace_source_open(&o->source, &why);
    if (source == NULL) {
        fprintf(stderr, "estab trace: %s\n", why.text);
        return 1;
    }
    a = estab_analysis_new(&options);
    if (a == NULL || open_views(&run) < 0) {
        fprintf(stderr, "estab trace: out of memory\n");
        status = 1;
    } else if (open_picture(&run, &why) < 0) {
        fprintf(stderr, "estab trace: %s\n", why.text);
        status = 1;
    } else {
        if (read_all(&run, a, source, &why) < 0)
            status = 1;
        if (status == 0 || run.has_origin)
            finish(&run, a);
        if ((o->mode == MODE_LADDER || (o->mode == MODE_QLOG && o->only > 0)) &&
            estab_analysis_totals(a)->connections < (o->only > 0 ? o->only : 1) && status == 0) {
            (void)estab_fail(&why, "there is no connection %llu",
                             (unsigned long long)(o->only > 0 ? o->only : 1));
            status = 1;
        }
        if (o->out != NULL && run.has_origin) {
            if (write_picture(&run, &why) < 0)
                status = 1;
        } else if (fflush(stdout) != 0 || run.error != 0) {
            (void)estab_fail(&why, "cannot write to standard output");
            status = 1;
        }
        if (status != 0)
            fprintf(stderr, "estab trace: %s\n", why.text);
    }
    estab_story_free(&run.story);
    estab_new_file_drop(&run.file);
    estab_analysis_free(a);
    estab_view_ladder_free(run.ladder);
    if (run.json != NULL)
        estab_view_json_free(run.json);
    estab_trace_source_close(source);
    return status;
}

int
estab_cmd_trace(int argc, char **argv)
{
    struct trace_options o;
    struct sigaction action = { .sa_handler = stop };
    int status = parse(&o, argc, argv);

    if (status != 0)
        return status;
    if (o.help) {
        help();
        return fflush(stdout) != 0;
    }
    if (o.diff != NULL) {
        if (o.source.file == NULL)
            return usage_error("--diff", "two captures, please");
        return estab_trace_diff(o.diff, o.source.file, o.source.filter,
                                o.least > 1 ? DIFF_LINES : 0);
    }
    if (o.source.device != NULL) {
        (void)sigaction(SIGINT, &action, NULL);
        (void)sigaction(SIGTERM, &action, NULL);
    }
    return run_trace(&o);
}
