/* SPDX-License-Identifier: MIT */
/* See script_show.h. */
#include "cli/script_show.h"

#include "cli/script_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A view_write_fn. */
static int
put_drawing(void *ctx, const void *p, size_t n)
{
    struct script_show *show = ctx;

    return fwrite(p, 1, n, show->drawing) == n ? 0 : -ENOMEM;
}

/* A view_write_fn. */
static int
put_capture(void *ctx, const void *p, size_t n)
{
    struct script_show *show = ctx;

    if (show->capture_error == 0 && show->look.pcap != NULL)
        show->capture_error = -estab_new_file_write(&show->capture, p, n);
    if (show->packets != NULL && fwrite(p, 1, n, show->packets) != n)
        show->capture_error = ENOMEM;
    return -show->capture_error;
}

static void
show_trace(void *ctx, const struct estab_trace *record)
{
    struct script_show *show = ctx;

    if (show->json != NULL)
        (void)estab_view_json_record(show->json, record);
    else if (!show->is_dark)
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
    struct script_show *show = ctx;

    if (!show->is_dark)
        (void)estab_view_ladder_fate(show->ladder, host, fates[fate]);
}

/* In the dark much happens that would say little; a capture and JSON have it all. */
static void
show_draw(void *ctx, bool on)
{
    struct script_show *show = ctx;

    show->is_dark = !on;
}

/* {"say": "..."} as RFC 8259 §7 wants it. */
static void
say_json(struct script_show *show, const char *text, size_t len)
{
    fputs("{\"kind\":\"say\",\"text\":\"", show->drawing);
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"' || text[i] == '\\')
            fputc('\\', show->drawing);
        if (text[i] == '\n')
            fputs("\\n", show->drawing);
        else
            fputc(text[i], show->drawing);
    }
    fputs("\"}\n", show->drawing);
}

/* Where one may pause. Without memory for it one pauses less often. */
static void
note_mark(struct script_show *show)
{
    if (fflush(show->drawing) != 0)
        return;
    if (show->n_marks == show->cap_marks) {
        size_t cap = show->cap_marks > 0 ? 2 * show->cap_marks : 16;
        size_t *mark = realloc(show->mark, cap * sizeof *mark);

        if (mark == NULL)
            return;
        show->mark = mark;
        show->cap_marks = cap;
    }
    show->mark[show->n_marks++] = show->drawn_len;
}

static void
show_say(void *ctx, const char *text, size_t len)
{
    struct script_show *show = ctx;

    note_mark(show);
    if (show->look.json)
        say_json(show, text, len);
    else if (!show->look.ladder_only)
        (void)estab_view_ladder_remark(show->ladder, text, len);
}

int
estab_script_show_open(struct script_show *show, const struct script_look *look,
                       const struct sim_script *s, struct sim_script_watch *watch,
                       struct failure *why)
{
    const bool both = s->peer == SIM_SCRIPT_ALL_HOSTS && s->shown[0] != s->shown[1];
    const struct view_ladder_options ladder = {
        .width = look->width,
        .colour = look->colour,
        .ascii = look->ascii,
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
    const struct view_json_options json = { .origin = 0 };

    *show = (struct script_show){ .look = *look, .capture = { .fd = -1, .directory = -1 } };
    *watch = (struct sim_script_watch){ .ctx = show,
                                        .trace = show_trace,
                                        .fate = look->json ? NULL : show_fate,
                                        .say = show_say,
                                        .draw = show_draw };
    show->drawing = open_memstream(&show->drawn, &show->drawn_len);
    if (show->drawing != NULL && look->json)
        show->json = estab_view_json_new(&json, put_drawing, show);
    else if (show->drawing != NULL)
        show->ladder = estab_view_ladder_new(&ladder, put_drawing, show);
    if (show->ladder == NULL && show->json == NULL)
        return estab_fail(why, "out of memory");
    if (look->pcap == NULL && look->html == NULL)
        return 0;
    if (look->pcap != NULL && estab_new_file_open(&show->capture, look->pcap, why) < 0)
        return -1;
    if (look->html != NULL) {
        show->packets = open_memstream(&show->captured, &show->captured_len);
        if (show->packets == NULL)
            return estab_fail(why, "out of memory");
    }
    show->pcapng = estab_view_pcapng_new(&pcapng, put_capture, show);
    return show->pcapng != NULL ? 0 : estab_fail(why, "out of memory");
}

int
estab_script_show_finish(struct script_show *show, const struct sim_script_result *result,
                         struct failure *why)
{
    const struct estab_stack_status *const status[2] = {
        result->has_status[0] ? &result->status[0] : NULL,
        result->has_status[1] ? &result->status[1] : NULL,
    };

    if (show->json != NULL)
        (void)estab_view_json_finish(show->json);
    else
        (void)estab_view_ladder_finish(show->ladder, status);
    if (fflush(show->drawing) != 0)
        return estab_fail(why, "out of memory");
    if (show->pcapng == NULL)
        return 0;
    (void)estab_view_pcapng_finish(show->pcapng);
    if (show->capture_error != 0)
        return estab_fail(why, "cannot write %.300s: %s",
                          show->look.pcap != NULL ? show->look.pcap : show->look.html,
                          strerror(show->capture_error));
    if (show->look.pcap != NULL && estab_new_file_keep(&show->capture, why) < 0)
        return -1;
    if (show->packets == NULL)
        return 0;
    if (fflush(show->packets) != 0)
        return estab_fail(why, "out of memory");
    return estab_script_report(show->captured, show->captured_len, show->look.title,
                               show->look.html, why);
}

void
estab_script_show_close(struct script_show *show)
{
    if (show->ladder != NULL)
        estab_view_ladder_free(show->ladder);
    if (show->json != NULL)
        estab_view_json_free(show->json);
    if (show->pcapng != NULL)
        estab_view_pcapng_free(show->pcapng);
    estab_new_file_drop(&show->capture);
    if (show->drawing != NULL)
        fclose(show->drawing);
    if (show->packets != NULL)
        fclose(show->packets);
    free(show->captured);
    free(show->drawn);
    free(show->mark);
}

char *
estab_script_read(const char *path, size_t *len, struct failure *why)
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
