/* SPDX-License-Identifier: MIT */
/* See script_report.h; the thinking is trace/'s. */
#include "cli/script_report.h"

#include "cli/new_file.h"
#include "trace/capture.h"
#include "trace/html.h"
#include "trace/story.h"

#include <errno.h>
#include <string.h>

struct report {
    struct html_report html;
    struct story story;
    struct new_file file;
    int error; /* errno */
};

/* A view_write_fn. */
static int
put(void *ctx, const void *p, size_t n)
{
    struct report *r = ctx;

    if (r->error == 0)
        r->error = -estab_new_file_write(&r->file, p, n);
    return -r->error;
}

static void
take_segment(void *ctx, const struct segment_seen *segment)
{
    struct report *r = ctx;

    if (!estab_story_take(&r->story, segment))
        r->error = ENOMEM;
}

static void
take_connection(void *ctx, const struct connection *c)
{
    struct report *r = ctx;

    (void)estab_html_connection(&r->html, c);
}

static void
write_report(struct report *r, struct capture *c, const char *title)
{
    /* Nobody aims at the table's slots: whoever wrote the script also plays it. */
    const struct analysis_options options = { .ctx = r,
                                              .segment = take_segment,
                                              .connection = take_connection };
    struct analysis *a = estab_analysis_new(&options);
    struct capture_packet packet;

    if (a == NULL) {
        r->error = ENOMEM;
        return;
    }
    (void)estab_html_begin(&r->html, title, put, r);
    while (estab_captured_next(c, &packet) > 0)
        estab_analysis_packet(a, &packet);
    estab_analysis_finish(a);
    (void)estab_html_end(&r->html, &r->story, 0); /* the world began at 0 */
    estab_analysis_free(a);
}

int
estab_script_report(const void *capture, size_t len, const char *title, const char *path,
                    struct failure *why)
{
    struct capture_memory memory = { .data = capture, .len = len };
    struct report r = { .story = { .all = true }, .file = { .fd = -1, .directory = -1 } };
    struct capture *c = estab_captured_new(estab_captured_memory, &memory);
    int status = -1;

    if (c == NULL) {
        (void)estab_fail(why, "out of memory");
    } else if (estab_new_file_open(&r.file, path, why) == 0) {
        write_report(&r, c, title);
        status = r.error != 0 ? estab_fail(why, "cannot write %.300s: %s", path, strerror(r.error))
                              : estab_new_file_keep(&r.file, why);
    }
    estab_new_file_drop(&r.file);
    if (c != NULL)
        estab_captured_free(c);
    estab_story_free(&r.story);
    return status;
}
