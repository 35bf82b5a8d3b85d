/* SPDX-License-Identifier: MIT */
/*
 * estab replay: plays a capture to a host of ours and shows what that makes of every packet. What is
 * played is in replay_play.c, the formats are in trace/capture.c; here are files, options and sinks.
 */
#include "cli/cli.h"
#include "cli/new_file.h"
#include "cli/replay_play.h"
#include "cli/words.h"
#include "drivers/alloc.h"
#include "view/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 30)

struct replay_options {
    struct replay *replay;
    const char *file, *pcap, *json;
    bool quiet, ascii, colour, help;
    unsigned width;
};

/* A file that a sink writes; its error is kept until the end. */
struct target {
    struct new_file file;
    FILE *out;
    const char *name;
    int error;
};

struct show {
    struct view_ladder *ladder;
    struct view_pcapng *pcapng;
    struct view_json *json;
    struct target capture, lines;
};

static void
help(void)
{
    printf(
        "usage: estab replay [OPTION]... FILE\n"
        "Plays a capture (pcap or pcapng) to a TCP/IP host in virtual time and shows what that\n"
        "makes of every packet. The host takes the place of one in the capture: by default the\n"
        "one to which the first SYN goes. What that one's user did, this one's does.\n\n"
        "  --addr ADDRESS     whose place is taken; up to 8 of them\n"
        "  --trust-checksums  take checksums as right: of captures that were made before a card\n"
        "                     had filled them in\n"
        "  --profile NAME     settings of the host: rfc, linux, bsd, lan or tiny\n"
        "  --quiet            no ladder, only the sum\n"
        "  --pcap FILE        write every packet to a pcapng file, with verdict or reason\n"
        "  --json FILE        write every trace record as a line of JSON\n"
        "  --width N          columns of the ladder, 80 to 200\n"
        "  --ascii            nothing but ASCII in the ladder\n"
        "  --no-color         no colours, as with NO_COLOR in the environment\n"
        "  --help             this text\n\n"
        "Exit status: 0 all of the file was played, 1 it could not be read to its end, or a file\n"
        "could not be written, 2 the command line is wrong.\n");
}

static int
usage_error(const char *option, const char *what)
{
    return estab_words_error("replay", option, what);
}

static int
add_address(struct replay *r, const char *text)
{
    struct estab_addr *a = &r->addr[r->n_addrs];

    if (r->n_addrs == REPLAY_ADDRESSES)
        return usage_error("--addr", "there are 8 already");
    if (text == NULL || estab_addr_parse(a, text) < 0 || estab_addr_is_any(a) ||
        estab_addr_is_multicast(a))
        return usage_error("--addr", "an address of a host in the capture is wanted");
    r->n_addrs++;
    return 0;
}

static int
parse_option(void *ctx, char **argv, int argc, int *i)
{
    struct replay_options *o = ctx;
    struct replay *r = o->replay;
    const char *arg = argv[*i], *value;

    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
        o->help = true;
    } else if (strcmp(arg, "--quiet") == 0) {
        o->quiet = true;
    } else if (strcmp(arg, "--trust-checksums") == 0) {
        r->trust = true;
    } else if (estab_words_value("--addr", argv, argc, i, &value)) {
        return add_address(r, value);
    } else if (estab_words_value("--profile", argv, argc, i, &value)) {
        if (value == NULL || estab_config_profile(&r->cfg, value) != 0)
            return usage_error("--profile", "rfc, linux, bsd, lan or tiny is wanted");
    } else if (estab_words_value("--pcap", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--pcap", "the name of a file is wanted");
        o->pcap = value;
    } else if (estab_words_value("--json", argv, argc, i, &value)) {
        if (value == NULL || *value == '\0')
            return usage_error("--json", "the name of a file is wanted");
        o->json = value;
    } else {
        int status =
            estab_words_look_option("replay", argv, argc, i, &o->width, &o->ascii, &o->colour);

        return status >= 0 ? status : usage_error(arg, "unknown option");
    }
    return 0;
}

static int
take_file(void *ctx, char *word)
{
    struct replay_options *o = ctx;

    if (o->file != NULL)
        return usage_error(word, "one capture at a time");
    o->file = word;
    return 0;
}

static int
parse(struct replay_options *o, struct replay *r, int argc, char **argv)
{
    const struct words_taker taker = { parse_option, take_file };
    int status;

    *o = (struct replay_options){ .replay = r };
    estab_words_look(&o->width, &o->ascii, &o->colour);
    status = estab_words_take(&taker, o, argc, argv);
    if (status != 0)
        return status;
    if (!o->help && o->file == NULL)
        return usage_error("FILE", "which capture? `-` is standard input");
    return 0;
}

/* ---- what is shown ---- */

/* A view_write_fn. */
static int
put_target(void *ctx, const void *p, size_t n)
{
    struct target *t = ctx;

    if (t->error == 0 && fwrite(p, 1, n, t->out) != n)
        t->error = errno != 0 ? errno : EIO;
    return -t->error;
}

/* A view_write_fn. */
static int
put_drawing(void *ctx, const void *p, size_t n)
{
    (void)ctx;
    return fwrite(p, 1, n, stdout) == n ? 0 : -EIO;
}

static int
open_target(struct target *t, const char *name, struct failure *why)
{
    int fd;

    t->name = name;
    if (estab_new_file_open(&t->file, name, why) < 0)
        return -1;
    fd = dup(t->file.fd);
    t->out = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (t->out == NULL && fd >= 0)
        close(fd);
    return t->out != NULL ? 0 : estab_fail(why, "cannot write %.300s: %s", name, strerror(errno));
}

static int
finish_target(struct target *t, struct failure *why)
{
    if (t->out == NULL)
        return 0;
    if (fclose(t->out) != 0 && t->error == 0)
        t->error = errno;
    t->out = NULL;
    if (t->error != 0)
        return estab_fail(why, "cannot write %.300s: %s", t->name, strerror(t->error));
    return estab_new_file_keep(&t->file, why);
}

static void
drop_target(struct target *t)
{
    if (t->out != NULL)
        fclose(t->out);
    estab_new_file_drop(&t->file);
}

static void
show_trace(void *ctx, const struct estab_trace *record)
{
    struct show *show = ctx;

    if (show->ladder != NULL)
        (void)estab_view_ladder_record(show->ladder, record);
    if (show->pcapng != NULL)
        (void)estab_view_pcapng_record(show->pcapng, record);
    if (show->json != NULL)
        (void)estab_view_json_record(show->json, record);
}

static int
open_show(struct show *show, const struct replay_options *o, const struct replay *r,
          struct failure *why)
{
    char name[ESTAB_ADDR_TEXT];
    const struct view_ladder_options ladder = { .width = o->width,
                                                .colour = o->colour,
                                                .ascii = o->ascii,
                                                .name = { estab_addr_format(&r->addr[0], name) },
                                                .msl = r->cfg.msl };
    const struct view_pcapng_options pcapng = { .origin = r->origin, .name = { ladder.name[0] } };
    const struct view_json_options json = { .origin = r->origin };

    if (!o->quiet && (show->ladder = estab_view_ladder_new(&ladder, put_drawing, NULL)) == NULL)
        return estab_fail(why, "out of memory");
    if (o->pcap != NULL) {
        if (open_target(&show->capture, o->pcap, why) < 0)
            return -1;
        show->pcapng = estab_view_pcapng_new(&pcapng, put_target, &show->capture);
        if (show->pcapng == NULL)
            return estab_fail(why, "out of memory");
    }
    if (o->json != NULL) {
        if (open_target(&show->lines, o->json, why) < 0)
            return -1;
        show->json = estab_view_json_new(&json, put_target, &show->lines);
        if (show->json == NULL)
            return estab_fail(why, "out of memory");
    }
    return 0;
}

static int
finish_show(struct show *show, struct failure *why)
{
    if (show->ladder != NULL)
        (void)estab_view_ladder_finish(show->ladder, NULL);
    if (show->pcapng != NULL)
        (void)estab_view_pcapng_finish(show->pcapng);
    if (show->json != NULL)
        (void)estab_view_json_finish(show->json);
    return finish_target(&show->capture, why) | finish_target(&show->lines, why);
}

static void
close_show(struct show *show)
{
    estab_view_ladder_free(show->ladder);
    estab_view_pcapng_free(show->pcapng);
    estab_view_json_free(show->json);
    drop_target(&show->capture);
    drop_target(&show->lines);
}

static void
say_count(uint64_t n, const char *what)
{
    if (n > 0)
        printf("%10llu  %s\n", (unsigned long long)n, what);
}

static void
sum_up(const struct replay *r)
{
    char text[ESTAB_ADDR_TEXT];

    printf("estab in the place of");
    for (unsigned i = 0; i < r->n_addrs; i++)
        printf(" %s", estab_addr_format(&r->addr[i], text));
    printf("\n");
    say_count(r->packets, "packets in the capture");
    say_count(r->given, "arrived here:");
    for (unsigned v = 0; r->has_status && v < ESTAB_VERDICT_COUNT; v++)
        if (r->status.verdicts[v] > 0)
            printf("%14llu  %s: %s%s%s%s\n", (unsigned long long)r->status.verdicts[v],
                   estab_verdict_name(v), estab_verdict_text(v),
                   *estab_verdict_rule(v) != '\0' ? " [" : "", estab_verdict_rule(v),
                   *estab_verdict_rule(v) != '\0' ? "]" : "");
    if (r->has_status && r->status.verdicts[ESTAB_SEG_DROP_CHECKSUM] > 0)
        printf("                (captured before a card had made them? --trust-checksums)\n");
    say_count(r->own, "were its own");
    say_count(r->others, "were between others");
    say_count(r->no_ip, "carry no IP");
    say_count(r->cut_off, "are cut off in the capture (tcpdump -s 0 keeps all of them)");
    say_count(r->strayed, "are of connections beyond what is followed");
    say_count(r->refused, "calls of its user were refused");
    say_count(r->has_status ? r->status.packets_out : 0, "left here");
}

/* ---- the file ---- */

/* All of it; NULL and why. */
static uint8_t *
read_file(const char *path, size_t *len, struct failure *why)
{
    bool is_stdin = strcmp(path, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(path, "rb");
    size_t cap = 1 << 16, got = 0, n = 0;
    uint8_t *data = malloc(cap), *more;
    int error = f == NULL ? errno : data == NULL ? ENOMEM : 0;

    while (error == 0 && (n = fread(data + got, 1, cap - got, f)) > 0) {
        got += n;
        if (got < cap)
            continue;
        if (cap >= FILE_MAX) {
            error = EFBIG;
            break;
        }
        cap *= 2;
        more = realloc(data, cap);
        if (more == NULL)
            error = ENOMEM;
        else
            data = more;
    }
    if (error == 0 && ferror(f))
        error = errno;
    if (f != NULL && !is_stdin)
        fclose(f);
    if (error == 0) {
        *len = got;
        return data;
    }
    free(data);
    (void)estab_fail(why, "cannot read %.300s: %s", path, strerror(error));
    return NULL;
}

static int
play(const struct replay_options *o, struct replay *r, const uint8_t *data, size_t len,
     struct failure *why)
{
    struct show show = { .capture.file = { .fd = -1, .directory = -1 },
                         .lines.file = { .fd = -1, .directory = -1 } };
    struct failure unwritten;
    int result;

    r->cfg.alloc = estab_alloc_system();
    memset(r->cfg.secret, 1, sizeof r->cfg.secret); /* the same file gives the same picture */
    r->cfg.trace = show_trace;
    r->cfg.trace_ctx = &show;
    result = open_show(&show, o, r, why);
    if (result == 0) {
        result = estab_replay_play(r, data, len, why);
        if (finish_show(&show, &unwritten) != 0 && result == 0) {
            *why = unwritten;
            result = -1;
        }
        sum_up(r);
    }
    close_show(&show);
    return result;
}

static int
play_file(const struct replay_options *o, struct replay *r)
{
    const char *name = strcmp(o->file, "-") == 0 ? "standard input" : o->file;
    struct failure why = { "" }, wrong;
    size_t len = 0;
    uint8_t *data = read_file(o->file, &len, &why);
    int result = -1;

    if (data != NULL && estab_replay_look(r, data, len, &wrong) < 0)
        (void)estab_fail(&why, "%.300s: %.400s", name, wrong.text);
    else if (data != NULL)
        result = play(o, r, data, len, &why);
    if (fflush(stdout) != 0 || ferror(stdout))
        result = estab_fail(&why, "cannot write to standard output");
    if (result < 0)
        fprintf(stderr, "estab replay: %s\n", why.text);
    free(data);
    return result < 0;
}

int
estab_cmd_replay(int argc, char **argv)
{
    struct replay_options o;
    struct replay r = { .n_addrs = 0 };
    int status;

    estab_config_init(&r.cfg);
    status = parse(&o, &r, argc, argv);
    if (status != 0)
        return status;
    if (o.help) {
        help();
        return 0;
    }
    return play_file(&o, &r);
}
