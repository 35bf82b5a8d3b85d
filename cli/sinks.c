/* SPDX-License-Identifier: MIT */
/* Where a host's trace goes; see sinks.h. */
#include "cli/sinks.h"
#include "cli/terminal.h"
#include "view/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A file with a buffer; the first error stays. */
struct output {
    const char *path; /* for messages */
    int fd;           /* -1: none */
    int error;        /* errno, 0: none yet */
    size_t used;
    char buffer[64 * 1024];
};

struct sinks {
    struct view_ladder *ladder;
    struct view_pcapng *pcapng;
    struct view_json *json;
    struct output to_ladder, to_pcapng, to_json;
    bool pending;
    estab_time last_record, last_flush;
};

/* --- files --- */

static int
drain(struct output *o)
{
    size_t at = 0;

    while (at < o->used && o->error == 0) {
        ssize_t n = write(o->fd, o->buffer + at, o->used - at);

        if (n > 0)
            at += (size_t)n;
        else if (n == 0 || (errno != EINTR && errno != EAGAIN))
            o->error = n == 0 ? EIO : errno;
    }
    o->used = 0;
    return o->error;
}

/* A view_write_fn. */
static int
put(void *ctx, const void *p, size_t n)
{
    struct output *o = ctx;
    const char *from = p;

    while (n > 0 && o->error == 0) {
        size_t room = sizeof o->buffer - o->used;
        size_t part = n < room ? n : room;

        memcpy(o->buffer + o->used, from, part);
        o->used += part;
        from += part;
        n -= part;
        if (o->used == sizeof o->buffer)
            drain(o);
    }
    return -o->error;
}

static int
open_output(struct output *o, const char *path, struct failure *why)
{
    o->path = path;
    o->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (o->fd < 0)
        return estab_fail(why, "cannot write %.300s: %s", path, strerror(errno));
    return 0;
}

static int
finish_output(struct output *o, struct failure *why)
{
    if (o->fd < 0)
        return 0;
    drain(o);
    if (o->fd != STDERR_FILENO && close(o->fd) < 0 && o->error == 0)
        o->error = errno;
    o->fd = -1;
    if (o->error != 0)
        return estab_fail(why, "cannot write %.300s: %s", o->path, strerror(o->error));
    return 0;
}

/* --- the sinks --- */

static int
open_ladder(struct sinks *s, estab_time msl, struct failure *why)
{
    const struct view_ladder_options options = {
        .width = terminal_width(STDERR_FILENO),
        .colour = terminal_has_colour(STDERR_FILENO),
        .ascii = terminal_is_ascii_only(),
        .name = { "estab", "peer" },
        .msl = msl,
    };

    s->to_ladder.path = "the ladder to standard error";
    s->to_ladder.fd = STDERR_FILENO;
    s->ladder = estab_view_ladder_new(&options, put, &s->to_ladder);
    return s->ladder == NULL ? estab_fail(why, "out of memory") : 0;
}

static int
open_sinks(struct sinks *s, const struct options *options, estab_time msl, int64_t origin,
           struct failure *why)
{
    if (options->ladder && open_ladder(s, msl, why) < 0)
        return -1;
    if (options->pcap != NULL) {
        const struct view_pcapng_options pcapng = { .origin = origin, .name = { "estab" } };

        if (open_output(&s->to_pcapng, options->pcap, why) < 0)
            return -1;
        s->pcapng = estab_view_pcapng_new(&pcapng, put, &s->to_pcapng);
        if (s->pcapng == NULL)
            return estab_fail(why, "out of memory");
    }
    if (options->json != NULL) {
        const struct view_json_options json = { .origin = origin };

        if (open_output(&s->to_json, options->json, why) < 0)
            return -1;
        s->json = estab_view_json_new(&json, put, &s->to_json);
        if (s->json == NULL)
            return estab_fail(why, "out of memory");
    }
    return 0;
}

int
estab_sinks_open(struct sinks **sinks, const struct options *options, estab_time msl,
                 estab_time now, struct failure *why)
{
    struct timespec t;
    struct sinks *s;

    *sinks = NULL;
    if (!options->ladder && options->pcap == NULL && options->json == NULL)
        return 0;
    if (options->pcap != NULL && options->json != NULL && strcmp(options->pcap, options->json) == 0)
        return estab_fail(why, "--pcap and --json name the same file, %.300s", options->pcap);
    s = calloc(1, sizeof *s);
    if (s == NULL)
        return estab_fail(why, "out of memory");
    s->to_ladder.fd = s->to_pcapng.fd = s->to_json.fd = -1;
    clock_gettime(CLOCK_REALTIME, &t);
    if (open_sinks(s, options, msl, ESTAB_SEC(t.tv_sec) + t.tv_nsec - now, why) < 0) {
        estab_sinks_close(s, NULL, NULL);
        return -1;
    }
    *sinks = s;
    return 0;
}

void
estab_sinks_trace(void *ctx, const struct estab_trace *record)
{
    struct sinks *s = ctx;

    if (s->ladder != NULL)
        (void)estab_view_ladder_record(s->ladder, record);
    if (s->pcapng != NULL)
        (void)estab_view_pcapng_record(s->pcapng, record);
    if (s->json != NULL)
        (void)estab_view_json_record(s->json, record);
    s->pending = true;
    s->last_record = record->at;
}

estab_time
estab_sinks_flush_at(const struct sinks *sinks)
{
    return sinks->pending ? sinks->last_flush + ESTAB_MS(100) : ESTAB_NEVER;
}

int
estab_sinks_flush(struct sinks *s, estab_time now, struct failure *why)
{
    struct output *const outputs[] = { &s->to_ladder, &s->to_pcapng, &s->to_json };

    s->last_flush = now;
    if (s->ladder != NULL)
        (void)estab_view_ladder_time(s->ladder, now);
    /* The ladder may hold a line back until it is sure that nothing belongs to it. */
    s->pending = s->ladder != NULL && now - s->last_record < ESTAB_SEC(2);
    for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
        if (outputs[i]->fd >= 0 && drain(outputs[i]) != 0)
            return estab_fail(why, "cannot write %.300s: %s", outputs[i]->path,
                              strerror(outputs[i]->error));
    return 0;
}

int
estab_sinks_close(struct sinks *s, const struct estab_stack_status *status, struct failure *why)
{
    const struct estab_stack_status *const both[2] = { status, NULL };
    int result = 0;

    if (s == NULL)
        return 0;
    if (s->ladder != NULL)
        (void)estab_view_ladder_finish(s->ladder, status != NULL ? both : NULL);
    if (s->pcapng != NULL)
        (void)estab_view_pcapng_finish(s->pcapng);
    if (s->json != NULL)
        (void)estab_view_json_finish(s->json);
    if (finish_output(&s->to_ladder, why) < 0)
        result = -1;
    if (finish_output(&s->to_pcapng, why) < 0)
        result = -1;
    if (finish_output(&s->to_json, why) < 0)
        result = -1;
    if (s->ladder != NULL)
        estab_view_ladder_free(s->ladder);
    if (s->pcapng != NULL)
        estab_view_pcapng_free(s->pcapng);
    if (s->json != NULL)
        estab_view_json_free(s->json);
    free(s);
    return result;
}
